"""What EnergyOutlierDetector and MixtureEnsemble take and refuse, and what it costs."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.utils import validation

from skae import EnergyOutlierDetector
from skae.outlier import MixtureEnsemble

SCORES = ["predict", "decision_function", "score_samples"]


def make_X(rng, n=200, d=4):
    """Correlated rows around a mean that is not zero."""
    return 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)


# -- One row -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SCORES)
@pytest.mark.parametrize("novelty", [False, True])
def test_rows_are_validated_once_at_most(novelty, method, rng, monkeypatch):
    """scikit-learn's validation takes longer than the score of a row: it is for other containers than ndarrays."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(novelty=novelty).fit(X)
    score, calls, original = getattr(detector, method), [], validation.validate_data
    monkeypatch.setattr(
        validation, "validate_data", lambda *args, **kwargs: calls.append(1) or original(*args, **kwargs)
    )
    expected = score(X[:1].tolist())
    assert len(calls) == 1
    for row in (X[:1], np.asfortranarray(X)[:1], X[::-1][-1:]):
        assert_array_equal(score(row), expected)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda X: X[0], "Expected 2D array"),
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[:, 1:], "has 3 features"),
        (lambda X: np.where(X[0, 0] == X, np.nan, X), "contains NaN"),
        (lambda X: np.where(X[0, 0] == X, -np.inf, X), "contains infinity"),
        (lambda X: X + 0j, "Complex data"),
        (lambda X: np.full(X.shape, "a"), "could not convert"),
    ],
)
@pytest.mark.parametrize("method", SCORES)
def test_bad_rows_are_refused(method, spoil, words, rng):
    """The short way through the validation lets nothing through that scikit-learn refuses."""
    X = make_X(rng)
    detector = EnergyOutlierDetector().fit(X)
    with pytest.raises(ValueError, match=words):
        getattr(detector, method)(spoil(X))


def test_rows_whose_sum_overflows_are_scored(rng):
    """A sum that overflows is no infinity among the values."""
    X = make_X(rng)
    assert np.isfinite(EnergyOutlierDetector().fit(X).score_samples(np.full((3, 4), 1e308))).all()


def test_missing_names_are_told(rng):
    """After a fit with names, rows without names warn, as in all of scikit-learn."""
    X = make_X(rng)
    detector = EnergyOutlierDetector().fit(pd.DataFrame(X, columns=list("abcd")))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        detector.score_samples(X)


@pytest.mark.parametrize("model", [EnergyOutlierDetector(), MixtureEnsemble()])
def test_unfitted(model, rng):
    """A model without fitted attributes says so, under its own name."""
    with pytest.raises(NotFittedError, match=type(model).__name__):
        model.score_samples(make_X(rng))
