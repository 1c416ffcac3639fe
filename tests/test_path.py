"""regularization_path: each fit continues the last one, and the estimator does not change."""

import copy
import inspect
import itertools

import joblib
import numpy as np
import pandas as pd
import pytest
from autoencoders import DEFAULTS
from helpers import name_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
    regularization_path,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALPHAS = [0.01, 0.1, 0.5]
SOLVERS = ["adam", "sgd", "lbfgs"]
CLASSES = [case.cls for case in DEFAULTS if case.has("alpha")]
FITTED = ["components_", "decoder_components_", "intercept_hidden_", "intercept_visible_", "loss_curve_", "loss_"]

every_class = pytest.mark.parametrize("cls", CLASSES, ids=name_of)
every_solver = pytest.mark.parametrize("solver", SOLVERS)


def make_X(rng, n=60, d=5):
    """Return correlated rows in [0, 1]."""
    return expit(rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d))


def make(cls, **parameters):
    """Return a small autoencoder that trains in milliseconds."""
    activation = "satlinear" if cls is SaturatingAutoencoder else "sigmoid"
    return cls(**{"n_components": 4, "activation": activation, "max_iter": 6, "random_state": 0, **parameters})


def by_hand(estimator, X, alphas, **fit_parameters):
    """Return the same fits, made one after the other with warm_start=True."""
    fits, fitted = [], clone(estimator).set_params(warm_start=True)
    for alpha in alphas:
        fits.append(copy.deepcopy(fitted.set_params(alpha=alpha).fit(X, **fit_parameters)))
    return fits


def assert_same_fits(path, fits):
    """Assert that two sequences of fits ended in the same bits."""
    for a, b in zip(path, fits, strict=True):
        assert a.alpha == b.alpha
        for name in FITTED:
            assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@every_solver
@every_class
def test_equals_fits_by_hand(cls, solver, tied, rng):
    """A path is a series of fits with warm_start=True, in the order of the alphas, rising or not."""
    X = make_X(rng)
    estimator = make(cls, solver=solver, tied_weights=tied)
    for alphas in (ALPHAS, ALPHAS[::-1], [0.1]):
        assert_same_fits(regularization_path(estimator, X, alphas=alphas), by_hand(estimator, X, alphas))


@every_class
def test_each_starts_from_the_last(cls, rng):
    """With tiny steps all fits equal the first, whose start is that of `fit`."""
    X = make_X(rng)
    still = {"learning_rate": "constant", "learning_rate_init": 1e-13, "max_iter": 1, "tied_weights": True}
    path = list(regularization_path(make(cls, **still), X, alphas=ALPHAS))
    for fitted in path[1:]:
        assert_allclose(fitted.components_, path[0].components_, atol=1e-10)
    first = make(cls, alpha=ALPHAS[0]).fit(X)
    assert_array_equal(next(regularization_path(make(cls), X, alphas=ALPHAS)).components_, first.components_)


@every_class
def test_yields_clones_with_the_parameters_of_the_estimator(cls, rng):
    """Clones have all given parameters but alpha. The estimator, fitted or not, does not change, and is no start."""
    X = make_X(rng)
    fitted_before = make(cls, tied_weights=False).fit(X[:40])
    unfitted = make(cls, tied_weights=False, weight_constraint="max", max_norm=0.7, warm_start=True)
    for estimator in (fitted_before, unfitted):
        before = joblib.hash(vars(estimator))
        path = list(regularization_path(estimator, X, alphas=ALPHAS))
        assert joblib.hash(vars(estimator)) == before
        assert [type(fitted) for fitted in path] == [cls] * 3
        for fitted, alpha in zip(path, ALPHAS, strict=True):
            assert fitted.get_params() == {**estimator.get_params(), "alpha": alpha}
            assert np.isfinite(fitted.score(X))
        assert len({id(fitted) for fitted in path}) == 3
    fresh = regularization_path(clone(fitted_before), X, alphas=ALPHAS)
    assert_same_fits(regularization_path(fitted_before, X, alphas=ALPHAS), fresh)


@every_class
def test_what_is_done_to_one_does_not_disturb_the_next(cls, rng):
    """The caller may change the parameters and arrays of a yielded estimator. The path does not use them."""
    X = make_X(rng)
    undisturbed = list(regularization_path(make(cls), X, alphas=ALPHAS))
    for fitted, expected in zip(regularization_path(make(cls), X, alphas=ALPHAS), undisturbed, strict=True):
        assert_same_fits([fitted], [expected])
        fitted.components_ *= 0.0
        fitted.intercept_visible_[:] = np.nan
        fitted.set_params(n_components=2, solver="lbfgs", random_state=7).fit(X[:20])


def test_fits_when_asked(rng, monkeypatch):
    """The path is lazy: each fit is made when the caller asks for it."""
    calls, fit = [], ContractiveAutoencoder.fit

    def counted(self, X, y=None, sample_weight=None):
        calls.append(self.alpha)
        return fit(self, X, sample_weight=sample_weight)

    monkeypatch.setattr(ContractiveAutoencoder, "fit", counted)
    path = regularization_path(make(ContractiveAutoencoder), make_X(rng), alphas=(alpha for alpha in ALPHAS))
    assert inspect.isgenerator(path)
    assert calls == []
    assert [fitted.alpha for fitted in itertools.islice(path, 2)] == ALPHAS[:2] == calls


@every_solver
@pytest.mark.parametrize("cls", [ContractiveAutoencoder, SparseAutoencoder, SaturatingAutoencoder], ids=name_of)
def test_untied_paths_keep_unit_lengths_from_zero_on(cls, solver, rng):
    """A path that begins at 0 has the constraint of its larger alphas from the start."""
    X = make_X(rng)
    path = regularization_path(make(cls, tied_weights=False, solver=solver), X, alphas=[0.0, *ALPHAS])
    for fitted in path:
        assert_allclose(np.linalg.norm(fitted.decoder_components_, axis=1), 1.0, rtol=1e-12)
        assert fitted.weight_constraint == "auto"
    (alone,) = regularization_path(make(cls, tied_weights=False, solver=solver), X, alphas=[0.0])
    assert np.ptp(np.linalg.norm(alone.decoder_components_, axis=1)) > 1e-3


def test_other_constraints_are_kept(rng):
    """None and "max" hold along the path as in a fit."""
    X, alphas = 9.0 * make_X(rng), [0.0, 0.1]
    estimator = make(ContractiveAutoencoder, tied_weights=False, max_iter=20)
    for fitted in regularization_path(estimator.set_params(weight_constraint=None), X, alphas=alphas):
        assert np.linalg.norm(fitted.decoder_components_, axis=1).max() > 1.1
    estimator.set_params(weight_constraint="max", max_norm=0.4)
    for fitted in regularization_path(estimator, X, alphas=alphas):
        assert np.linalg.norm(fitted.decoder_components_, axis=1).max() <= 0.4 * (1.0 + 1e-12)


def test_the_first_of_a_saturating_path_has_steps_the_others_have_one(rng):
    """The first fit raises alpha in steps from 0. Each later alpha is one stage."""
    X = make_X(rng)
    estimator = make(SaturatingAutoencoder, max_iter=12, alpha_steps=3, tol=0, solver="lbfgs")
    path = list(regularization_path(estimator, X, alphas=ALPHAS))
    assert_array_equal(path[0].loss_curve_, clone(estimator).set_params(alpha=ALPHAS[0]).fit(X).loss_curve_)
    assert [fitted.n_iter_ for fitted in path] == [12, 12, 12]
    for fitted in path[1:]:
        assert (np.diff(fitted.loss_curve_) <= 1e-12).all()


@pytest.mark.sampled(3)
@every_solver
@every_class
def test_weights_tables_and_sparse_rows(cls, solver, rng):
    """A row of weight zero counts as absent, a DataFrame's names are kept, and CSR rows equal the array."""
    X, weight = make_X(rng), rng.integers(0, 3, 60)
    X[X < 0.3] = 0.0
    estimator = make(cls, solver=solver, batch_size=20)
    path = list(regularization_path(estimator, X, alphas=ALPHAS, sample_weight=weight))
    assert_same_fits(path, by_hand(estimator, X, ALPHAS, sample_weight=weight))
    kept = weight > 0
    assert_same_fits(path, regularization_path(estimator, X[kept], alphas=ALPHAS, sample_weight=weight[kept]))
    dense = list(regularization_path(estimator, X, alphas=ALPHAS))
    for fitted, expected in zip(
        regularization_path(estimator, sparse.csr_matrix(X), alphas=ALPHAS), dense, strict=True
    ):
        assert_allclose(fitted.components_, expected.components_, rtol=1e-10, atol=1e-10)
    table = pd.DataFrame(X, columns=list("abcde"))
    for fitted, expected in zip(regularization_path(estimator, table, alphas=ALPHAS), dense, strict=True):
        assert_array_equal(fitted.components_, expected.components_)
        assert list(fitted.feature_names_in_) == list("abcde")
    for fitted, expected in zip(regularization_path(estimator, X.tolist(), alphas=ALPHAS), dense, strict=True):
        assert_array_equal(fitted.components_, expected.components_)


def test_float32_and_random_states(rng):
    """float32 stays float32. The path draws from a copy of a RandomState, and leaves the estimator's own alone."""
    X, state = make_X(rng).astype(np.float32), np.random.RandomState(3)
    estimator = make(ContractiveAutoencoder, random_state=state)
    path = list(regularization_path(estimator, X, alphas=ALPHAS))
    assert {fitted.components_.dtype for fitted in path} == {np.dtype(np.float32)}
    assert_same_fits(path, by_hand(estimator, X, ALPHAS))
    assert state.randint(2**31 - 1) == np.random.RandomState(3).randint(2**31 - 1)


# Errors


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (ZeroBiasAutoencoder(), "alpha"),
        (DenoisingAutoencoder(), "alpha"),
        (PCA(), "alpha"),
        (make_pipeline(StandardScaler(), ContractiveAutoencoder()), "alpha"),
        (Lasso(), "weight_constraint"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimators_without_the_parameters_are_refused(estimator, name, rng):
    """An error names the missing parameter at once, before any fit."""
    with pytest.raises(ValueError, match=f"needs an estimator with '{name}', which .* has not"):
        regularization_path(estimator, make_X(rng), alphas=ALPHAS)


def test_no_alphas_are_refused(rng):
    """An empty path raises an error."""
    for none in ([], iter(()), np.empty(0)):
        with pytest.raises(ValueError, match="regularization_path needs at least one alpha, got none"):
            regularization_path(make(ContractiveAutoencoder), make_X(rng), alphas=none)


@pytest.mark.parametrize("alphas", [0.1, None, "0.1", np.ones((2, 2)), np.float64(0.1)], ids=repr)
def test_alphas_are_a_sequence(alphas, rng):
    """A single number, or a table of numbers, raises an error at once."""
    with pytest.raises(ValueError, match="regularization_path needs a sequence of alphas, got"):
        regularization_path(make(ContractiveAutoencoder), make_X(rng), alphas=alphas)


@pytest.mark.parametrize("X", [None, np.zeros(7), "abc", np.zeros((0, 3))], ids=repr)
def test_bad_data_are_refused_in_the_words_of_fit(X):
    """The error is the same as in `fit`."""
    with pytest.raises((TypeError, ValueError)) as by_fit:
        make(ContractiveAutoencoder).fit(X)
    with pytest.raises(type(by_fit.value)) as by_path:
        next(regularization_path(make(ContractiveAutoencoder), X, alphas=ALPHAS))
    assert str(by_path.value) == str(by_fit.value)


@pytest.mark.parametrize("alphas", [[-0.1], [0.1, -0.1], [-2.0, -1.0], [np.nan]], ids=str)
@every_class
def test_impossible_alphas_are_refused(cls, alphas, rng):
    """A negative alpha raises an error with its value, when the path comes to it."""
    with pytest.raises(ValueError, match=r"alpha.*(>= 0|\[0, inf\)|\[0.0, inf\)).*[gG]ot (-|nan)"):
        list(regularization_path(make(cls), make_X(rng), alphas=alphas))


def test_other_mistakes_are_those_of_fit(rng):
    """Bad data and parameters raise the same errors as in `fit`."""
    X = make_X(rng)
    with pytest.raises(ValueError, match="NaN"):
        list(regularization_path(make(ContractiveAutoencoder), np.where(X > 0.5, np.nan, X), alphas=ALPHAS))
    with pytest.raises(ValueError, match="no activation is called 'gelu'"):
        list(regularization_path(make(ContractiveAutoencoder, activation="gelu"), X, alphas=ALPHAS))
    with pytest.raises(ValueError, match="'sparse' requires an activation that is never negative"):
        list(regularization_path(make(SparseAutoencoder, activation="tanh"), X, alphas=ALPHAS))
