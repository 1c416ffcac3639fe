"""What EnergyOutlierDetector and MixtureEnsemble take and refuse, and what it costs."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.utils import get_tags, validation

from skae import ContractiveAutoencoder, EnergyOutlierDetector, PCAWhitener
from skae.outlier import FeatureScaler, MixtureEnsemble
from skae.outlier._calibration import cross_fitted_scores

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


@pytest.mark.parametrize("spoil", [np.asarray, pd.DataFrame, sparse.csr_array, list])
@pytest.mark.parametrize("novelty", [False, True])
def test_missing_values_name_an_imputer(novelty, spoil, rng):
    """The error says in one line what was got, what is wanted, and what to put before; and that works."""
    X = make_X(rng)
    gaps = X.copy()
    gaps[0, 1] = np.nan
    detector = EnergyOutlierDetector(novelty=novelty)
    fitted = clone(detector).fit(X)
    for method in (detector.fit, fitted.fit, *(getattr(fitted, name) for name in (*SCORES, "explain"))):
        with pytest.raises(ValueError, match=r"contains NaN.*a number.*SimpleImputer") as caught:
            method(spoil(gaps))
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"reference takes rows.*contains NaN.*SimpleImputer"):
        fitted.explain(X, spoil(gaps))
    assert np.isfinite(make_pipeline(SimpleImputer(), detector).fit(gaps).score_samples(gaps)).all()


# -- Sparse rows -------------------------------------------------------------------------------------------------------


def sparse_rows(rng, n=300, d=7, dtype=np.float64):
    """Rows of which most numbers are zero."""
    return (rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.3)).astype(dtype)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parameters", [{}, {"novelty": True}, {"novelty": True, "calibration": 0.3}])
def test_sparse_rows_give_the_bits_of_dense_rows(parameters, dtype, make, rng):
    """A sparse matrix is another container of the same table: every result has the same bits."""
    X = sparse_rows(rng, dtype=dtype)
    on_dense = EnergyOutlierDetector(**parameters).fit(X)
    on_sparse = EnergyOutlierDetector(**parameters).fit(make(X))
    assert on_sparse.offset_ == on_dense.offset_
    for name in ("mean_", "scale_", "centers_"):
        assert_array_equal(getattr(on_sparse, name), getattr(on_dense, name))
    for method in (*SCORES, *(["p_values"] if parameters else []), "explain"):
        expected, got = getattr(on_dense, method)(X), getattr(on_sparse, method)(make(X))
        assert_array_equal(got, expected)
        assert got.dtype == expected.dtype
    assert_array_equal(on_sparse.explain(X[:9], make(X)), on_dense.explain(X[:9], X))


def test_many_sparse_rows(rng):
    """More rows than the model sees: the rows that set the offset are those of the dense table."""
    X = sparse_rows(rng, n=9000, d=4)
    for parameters in ({}, {"novelty": True}):
        on_dense = EnergyOutlierDetector(**parameters).fit(X)
        on_sparse = EnergyOutlierDetector(**parameters).fit(sparse.csr_array(X))
        assert on_sparse.offset_ == on_dense.offset_
        assert_array_equal(on_sparse.score_samples(sparse.csr_array(X)), on_dense.score_samples(X))


def test_the_ensemble_takes_sparse_rows(rng):
    """So does the model itself, for the baseline of an explanation too."""
    X = sparse_rows(rng)
    ensemble, rows = MixtureEnsemble(random_state=0).fit(sparse.csr_array(X)), sparse.csr_array(X[:5])
    assert_array_equal(ensemble.score_samples(rows), MixtureEnsemble(random_state=0).fit(X).score_samples(X[:5]))
    assert_array_equal(ensemble.explain(rows, rows[[0]]), ensemble.explain(X[:5], X[:1]))


def test_a_sparse_table_is_never_dense_as_a_whole(rng):
    """Only the 4096 rows of the fit become dense, and a block of rows at a time in scoring."""
    X = sparse.random(60_000, 100, density=0.01, format="csr", random_state=rng)
    detector = EnergyOutlierDetector().fit(X)
    tracemalloc.start()
    try:
        detector.score_samples(X)
        assert tracemalloc.get_traced_memory()[1] < X.shape[0] * X.shape[1] * 8 / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("estimator", [None, MixtureEnsemble(), ContractiveAutoencoder(2), MinMaxScaler()])
def test_sparse_tag(estimator):
    """The detector takes sparse rows where its model does."""
    expected = estimator is None or get_tags(estimator).input_tags.sparse
    assert get_tags(EnergyOutlierDetector(estimator)).input_tags.sparse == expected


# -- Width -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("shape", [(30, 4000), (100, 180), (200, 390), (200, 199)], ids=str)
def test_a_pickle_is_small(shape, novelty, rng):
    """A detector takes at most five times the memory of its training data, whatever their shape."""
    X = rng.standard_normal(shape)
    detector = EnergyOutlierDetector(novelty=novelty).fit(X)
    assert len(pickle.dumps(detector)) < 5 * X.nbytes


# -- The ensemble at the end of a Pipeline -----------------------------------------------------------------------------

STEPS = {
    "fewer components": lambda: [PCAWhitener(0.9, whiten=None)],
    "whitened": lambda: [PCAWhitener()],
    "two steps": lambda: [StandardScaler(), PCAWhitener(0.99, whiten=None)],
    "nested": lambda: [make_pipeline(MinMaxScaler(), StandardScaler()), "passthrough"],
}


def piped(steps, **parameters):
    """A detector whose model is an ensemble after affine steps."""
    return EnergyOutlierDetector(make_pipeline(*STEPS[steps](), MixtureEnsemble(random_state=0, **parameters)))


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("steps", STEPS)
def test_contributions_through_steps_sum_to_the_difference(steps, robust, rng):
    """For skewed data, whose powers bend, and for rows that equal their reference in some features."""
    X = np.exp(make_X(rng, d=6))
    detector = piped(steps, robust=robust).fit(X)
    rows = np.vstack([X[:20], 3.0 * X[:5], X[:3] + 1e-9])
    rows[:10, 2:] = X[50, 2:]
    for reference in (None, X[50:51], X):
        contributions, start = detector.explain(rows, reference, return_reference=True)
        difference = detector.score_samples(rows) - detector.score_samples(start)
        assert_allclose(contributions.sum(axis=1), difference, rtol=1e-6, atol=1e-6)
    contributions = detector.explain(rows[:10], X[50:51])
    assert_array_equal(contributions[:, 2:], 0.0)


@pytest.mark.parametrize("robust", [False, True])
def test_contributions_after_scaled_features_are_those_without_steps(robust, rng):
    """A step that scales each feature by a power of two changes neither the scores nor their explanation."""
    X = np.exp(make_X(rng))
    scaler = FunctionTransformer(lambda X: X * np.array([4.0, 1.0, 0.5, 2.0]))
    alone = EnergyOutlierDetector(MixtureEnsemble(robust=robust, random_state=0)).fit(X)
    after = EnergyOutlierDetector(make_pipeline(scaler, MixtureEnsemble(robust=robust, random_state=0))).fit(X)
    assert_array_equal(after.score_samples(X), alone.score_samples(X))
    assert_allclose(after.explain(2.0 * X, X[:9]), alone.explain(2.0 * X, X[:9]), rtol=1e-6, atol=1e-6)


def test_the_culprit_is_found_through_a_whitener(rng):
    """The feature that was changed has the most negative contribution."""
    X = rng.standard_normal((400, 3)) @ rng.standard_normal((3, 8)) + 0.1 * rng.standard_normal((400, 8))
    detector = EnergyOutlierDetector(make_pipeline(PCAWhitener(whiten=None), MixtureEnsemble(robust=True))).fit(X)
    odd = X[:8] + 10.0 * np.eye(8)
    assert_array_equal(detector.explain(odd).argmin(axis=1), np.arange(8))


def test_a_step_that_is_not_affine_is_refused(rng):
    """No matrix takes the field back through a curve."""
    X = np.exp(make_X(rng))
    detector = EnergyOutlierDetector(make_pipeline(FunctionTransformer(np.log1p), MixtureEnsemble(robust=True))).fit(X)
    with pytest.raises(ValueError, match="steps that are affine"):
        detector.explain(X[:3])


@pytest.mark.parametrize("unskew", [False, True])
def test_chords(unskew, rng):
    """A chord times its length is a difference of marginals; where rows are equal, it is the derivative."""
    X = np.exp(make_X(rng))
    scaler = FeatureScaler(unskew, whiten=False).fit(X)
    start, X = X[:100], X[100:]
    assert_allclose(scaler.chords(start, X) * (X - start), scaler.marginals(X) - scaler.marginals(start), atol=1e-12)
    step = 1e-5 * scaler.deviation_
    derivative = (scaler.marginals(X + step) - scaler.marginals(X - step)) / (2.0 * step)
    assert_allclose(scaler.chords(X, X), derivative, rtol=1e-5)
    assert_allclose(scaler.chords(X, X + 1e-9 * step), derivative, rtol=1e-5)


@pytest.mark.parametrize(("shape", "folds"), [((20, 3), 20), ((100, 5), 40), ((100, 20_000), 5), ((30, 20_000), 16)])
def test_number_of_folds(shape, folds):
    """Few rows are scored in many folds, but wide tables are not fitted many times."""

    class Counting(BaseEstimator):
        fits = 0

        def fit(self, X, y=None):
            Counting.fits += 1
            return self

        def score_samples(self, X):
            return np.zeros(len(X))

    cross_fitted_scores(Counting(), np.zeros(shape), "auto", 0)
    assert Counting.fits == folds
