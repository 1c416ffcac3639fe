"""Bad input, odd input, interruptions, divergence and threads: what must not change, and what must be said."""

import concurrent.futures
import copy
import dataclasses
import itertools
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
from autoencoders import (
    ACTIVATED,
    CASES,
    DEFAULT_FITS,
    DEFAULTS,
    PREDICTIONS,
    SOLVERS,
    assert_equal_deeply,
    assert_same_fit,
    fitted,
    in_turn,
    predictions,
    unchanged,
)
from helpers import DTYPES
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from skae import ContractiveAutoencoder
from skae.activations import Activation
from skae.objectives import Reconstruction
from skae.training import check_overflow, on_plateau

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:.* of the units:UserWarning"),
]

every_default = pytest.mark.parametrize("case", DEFAULTS, ids=str)
BERNOULLI = [case for case in CASES if "visible" in case.parameters]

TRAINING = [*((solver, "fit") for solver in SOLVERS), ("adam", "partial_fit"), ("sgd", "partial_fit")]
FITTED = ["components_", "decoder_components_", "intercept_hidden_", "intercept_visible_"]


def make_X(rng, n=60, d=5):
    """Correlated rows around a mean that is not zero."""
    return 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ContractiveAutoencoder(**{"n_components": 4, "max_iter": 6, "random_state": 0, **parameters})


def each_training(cases, values):
    """Return (case, value, (solver, method)): all pairs, each with one way of training, in turn."""
    return in_turn(itertools.product(cases, values), TRAINING)


def states(case, rng, training, dtype=np.float64):
    """An estimator as made, and one fitted on three columns: a refit has another width, a partial_fit the same."""
    solver, method = training
    yield case.make(solver=solver), 5
    X = expit(make_X(rng, d=3)).astype(dtype)
    yield getattr(case.make(solver=solver), method)(X), 5 if method == "fit" else 3


# Bad training data


def with_value(X, value):
    """X with one value replaced."""
    X = X.copy()
    X[3, 1] = value
    return X


BAD_DATA = {
    "nan": (lambda X: with_value(X, np.nan), ValueError, "NaN"),
    "inf": (lambda X: with_value(X, np.inf), ValueError, "infinity"),
    "negative inf": (lambda X: with_value(X, -np.inf), ValueError, "infinity"),
    "float32 nan": (lambda X: with_value(X, np.nan).astype(np.float32), ValueError, "NaN"),
    "sparse nan": (lambda X: sparse.csr_matrix(with_value(X, np.nan)), ValueError, "NaN"),
    "empty": (lambda X: X[:0], ValueError, "0 sample"),
    "no features": (lambda X: X[:, :0], ValueError, "0 feature"),
    "a vector": (lambda X: X[0], ValueError, "2D array"),
    "a cube": (lambda X: X[None], ValueError, "dim 3"),
    "a number": (lambda X: 3.0, ValueError, "2D array"),
    "nothing": (lambda X: None, ValueError, "array"),
    "text": (lambda X: np.full(X.shape, "ten"), ValueError, "could not convert string to float"),
    "a column of text": (
        lambda X: pd.DataFrame(X).assign(kind="good").iloc[:, -X.shape[1] :].rename(columns=str),
        ValueError,
        "could not convert string to float",
    ),
    "objects": (lambda X: np.full(X.shape, {}, dtype=object), TypeError, "argument must be"),
    "complex": (lambda X: X * 1j, ValueError, "Complex data not supported"),
    "float64 too large": (lambda X: with_value(X, 1e160), ValueError, "float64"),
    "float32 too large": (lambda X: with_value(X, 1e30).astype(np.float32), ValueError, "float32"),
    "sparse float32 too large": (
        lambda X: sparse.csr_matrix(with_value(X, -1e30).astype(np.float32)),
        ValueError,
        "float32",
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("case", "bad", "training"), each_training(DEFAULTS, BAD_DATA), ids=str)
def test_bad_data_is_refused_and_changes_nothing(case, bad, training, rng):
    """Data that cannot be trained on end in a sentence, and leave the estimator as it was, fitted or not."""
    spoil, kind, words = BAD_DATA[bad]
    for estimator, width in states(case, rng, training, np.float32 if "float32" in bad else np.float64):
        with unchanged(estimator), pytest.raises(kind, match=words):
            getattr(estimator, training[1])(spoil(make_X(rng, d=width)))


@pytest.mark.parametrize(("case", "solver"), DEFAULT_FITS, ids=str)
def test_one_sample_is_refused(case, solver, rng):
    """A fit needs two rows, and two rows of positive weight."""
    X = make_X(rng)
    for estimator, _ in states(case, rng, (solver, "fit")):
        with unchanged(estimator), pytest.raises(ValueError, match="1 sample"):
            estimator.fit(X[:1])
        with unchanged(estimator), pytest.raises(ValueError, match=r"1 sample|at least two|sample_weight"):
            estimator.fit(X, sample_weight=np.arange(60) == 7)


@pytest.mark.parametrize(
    ("case", "value", "training"), each_training(BERNOULLI, [-0.01, 1.01, 255.0, np.float32(-1.0)]), ids=str
)
def test_bernoulli_refuses_values_outside_its_range(case, value, training, rng):
    """Values outside [0, 1] are named, and what would be right."""
    for kind in (np.asarray, sparse.csr_matrix):
        for estimator, width in states(case, rng, training):
            X = with_value(expit(make_X(rng, d=width)), value)
            with unchanged(estimator), pytest.raises(ValueError, match=r"\[0, 1\].*MinMaxScaler"):
                getattr(estimator, training[1])(kind(X))


BAD_WEIGHTS = {
    "negative": (lambda n: np.linspace(-1.0, 1.0, n), "[Nn]egative"),
    "all zero": (np.zeros, r"zero|positive"),
    "too short": (lambda n: np.ones(n - 1), "sample_weight"),
    "two-dimensional": (lambda n: np.ones((n, 1)), "[Ss]ample.weight"),
    "nan": (lambda n: np.full(n, np.nan), "NaN"),
    "infinite": (lambda n: np.full(n, np.inf), "infinity"),
    "text": (lambda n: ["heavy"] * n, "could not convert string to float"),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("case", "bad", "training"), each_training(DEFAULTS, BAD_WEIGHTS), ids=str)
def test_bad_weights_are_refused_and_change_nothing(case, bad, training, rng):
    """Weights that make no sense end in a sentence about them."""
    weights, words = BAD_WEIGHTS[bad]
    for estimator, width in states(case, rng, training):
        with unchanged(estimator), pytest.raises(ValueError, match=words):
            getattr(estimator, training[1])(make_X(rng, d=width), sample_weight=weights(60))


@pytest.mark.parametrize(("case", "solver"), DEFAULT_FITS, ids=str)
def test_huge_weights(case, solver, rng):
    """Weights whose sum overflows are refused as weights, or used; none ends in NaN or in a warning of numpy's."""
    for dtype in DTYPES:
        X, estimator = make_X(rng).astype(dtype), case.make(solver=solver)
        error, _ = attempt(estimator, X, sample_weight=np.full(60, 0.3 * np.finfo(dtype).max))
        if error is None:
            assert np.isfinite(estimator.components_).all()
        else:
            assert "weight" in str(error)


@every_default
def test_partial_fit_refuses_another_width(case, rng):
    """The width of the first call, and the names of its columns, hold for the next."""
    table = pd.DataFrame(make_X(rng), columns=list("abcde"))
    estimator = case.make().partial_fit(table)
    with unchanged(estimator), pytest.raises(ValueError, match="feature names should match"):
        estimator.partial_fit(table[list("abced")])
    with unchanged(estimator), pytest.raises(ValueError, match=r"4 features.*5 features"):
        estimator.partial_fit(table.to_numpy()[:, :4])


@every_default
def test_warm_start_refuses_other_columns(case, rng):
    """Each weight belongs to a column: a fit that goes on from fitted weights takes the same columns."""
    table = pd.DataFrame(make_X(rng), columns=list("abcde"))
    estimator = case.make(max_iter=1, warm_start=True).fit(table)
    with unchanged(estimator), pytest.raises(ValueError, match="column 3 is 'e', and was 'd'; give the same columns"):
        estimator.fit(table[list("abced")])
    estimator.fit(table).fit(table.to_numpy())  # without names, nothing is known to be wrong
    estimator.set_params(warm_start=False).fit(table).fit(table[list("abced")])
    assert list(estimator.feature_names_in_) == list("abced")


# Bad data to predict on


@pytest.mark.sampled(3)
@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("case", [*DEFAULTS, *BERNOULLI], ids=str)
def test_bad_data_to_predict_on(case, method, rng):
    """Every prediction refuses what it cannot take, in words, and changes nothing."""
    estimator, X = fitted(case)
    names = list("abcde")
    estimator_of_frames = case.make(max_iter=1).fit(pd.DataFrame(X, columns=names))
    frames = [
        (pd.DataFrame(X, columns=names)[names[::-1]], "feature names should match"),
        (pd.DataFrame(X, columns=list("vwxyz")), "feature names should match"),
    ]
    arrays = [
        (X[:, :4], "4 features.*5 features"),
        (np.hstack([X, X]), "10 features.*5 features"),
        (X[0], "2D array"),
        (X[:0], "0 sample"),
        (with_value(X, np.nan), "NaN"),
        (with_value(X, np.inf), "infinity"),
        (np.full(X.shape, "ten"), "could not convert string to float"),
    ]
    if case in BERNOULLI:
        arrays += [(with_value(X, 1.5), r"\[0, 1\]"), (sparse.csr_matrix(with_value(X, -0.5)), r"\[0, 1\]")]
    for each, bad_rows in ((estimator_of_frames, frames), (estimator, arrays)):
        for bad, words in bad_rows:
            with unchanged(each), pytest.raises(ValueError, match=words):
                getattr(each, method)(bad)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("case", [each for each in (*CASES, *ACTIVATED) if each not in BERNOULLI], ids=str)
def test_values_too_large_to_predict_on(case, method):
    """A prediction that would overflow is refused in words; none warns, and none returns inf or NaN."""
    for dtype, magnitude in ((np.float32, 1e30), (np.float32, 1e36), (np.float64, 1e200)):
        estimator, X = fitted(case, dtype)
        large, error = (magnitude * np.sign(X)).astype(dtype), None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                result = getattr(estimator, method)(large)
            except ValueError as caught:
                error = caught
        if error is None:
            assert np.isfinite(result).all()
        else:
            assert np.dtype(dtype).name in str(error)


def test_scores_whose_sum_overflows():
    """Scores of float32 that are finite are returned without a warning, also if their sum is not."""
    scores = np.full(10, 1e38, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_overflow(scores, np.ones((10, 2), dtype=np.float32)) is scores


@every_default
def test_bad_codes_are_refused(case):
    """inverse_transform refuses codes that are no numbers."""
    estimator = case.make(encoding="natural").fit(fitted(case)[1])
    for bad in (np.nan, np.inf):
        with unchanged(estimator), pytest.raises(ValueError, match=r"NaN|infinity"):
            estimator.inverse_transform(with_value(np.ones((5, 4)), bad))


def test_activation_without_potential(rng):
    """A tied model whose activation has no potential has no energy: that is said, and the rest works."""
    X = make_X(rng)
    estimator = make(activation=Fragile()).fit(X)
    with pytest.raises((AttributeError, ValueError), match=r"'fragile'.*potential|potential.*'fragile'"):
        estimator.score_samples(X)
    assert np.isfinite(estimator.score(X))
    assert np.isfinite(estimator.set_params(tied_weights=False).fit(X).score_samples(X)).all()


# Unusual data that work


def as_memmap(X, path):
    """A read-only memmap of X."""
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


def read_only(X):
    """A read-only copy."""
    X = X.copy()
    X.flags.writeable = False
    return X


VIEWS = {
    "list": lambda X, path: X.tolist(),
    "read-only": lambda X, path: read_only(X),
    "strided": lambda X, path: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X, path: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only memmap": as_memmap,
    "big-endian": lambda X, path: X.astype(X.dtype.newbyteorder(">")),
    "fortran": lambda X, path: np.asfortranarray(X),
}


def assert_like_fit_on_array(estimator, reference, X, data, *, rtol):
    """Assert that a fit and its predictions on `data` are those on the array X."""
    assert_same_fit(estimator, reference, rtol=rtol, atol=rtol)
    expected = predictions(reference, X)
    for name, result in predictions(estimator, data).items():
        assert_allclose(result, expected[name], rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize(("case", "view", "training"), each_training(DEFAULTS, VIEWS), ids=str)
def test_memory_layouts(case, view, training, rng, tmp_path):
    """The layout of X in memory changes no result (no bit for a memmap), and X is left as it was."""
    X, (solver, method) = make_X(rng, n=100), training
    data = VIEWS[view](X, tmp_path)
    estimator = getattr(case.make(solver=solver, batch_size=40), method)(data)
    reference = getattr(case.make(solver=solver, batch_size=40), method)(X)
    exact = view in ("list", "read-only", "read-only memmap")
    assert_like_fit_on_array(estimator, reference, X, data, rtol=0.0 if exact else 1e-7)
    assert_array_equal(data, X)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_, np.float16, np.longdouble, object])
@pytest.mark.parametrize("case", [*DEFAULTS, *BERNOULLI], ids=str)
def test_other_types_are_float64(case, dtype, rng):
    """Integers, booleans and other floats are trained on in float64, with the results of their float64 copy."""
    X = (rng.random((60, 5)) > 0.5).astype(dtype)
    before = X.copy()
    estimator = case.make(max_iter=2).fit(X)
    assert estimator.components_.dtype == np.float64
    reference = case.make(max_iter=2).fit(X.astype(np.float64))
    assert_like_fit_on_array(estimator, reference, X.astype(np.float64), X, rtol=0.0)
    assert_array_equal(X, before)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus", "relu", "identity", "satlinear", "synchrony"])
@pytest.mark.parametrize(
    ("dtype", "magnitude"), [(np.float64, 1e-30), (np.float64, 1e30), (np.float32, 1e-30), (np.float32, 1e15)]
)
def test_very_small_and_very_large_values(dtype, magnitude, activation, solver, rng):
    """Values at 1e-30 and 1e30 train and predict in finite numbers; nothing warns but convergence."""
    X = (magnitude * rng.standard_normal((60, 5))).astype(dtype)
    for tied in (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator = make(activation=activation, solver=solver, tied_weights=tied).fit(X)
            for name in (*FITTED, "loss_", "loss_curve_", "mean_", "var_"):
                assert np.isfinite(getattr(estimator, name)).all(), name
            for name in PREDICTIONS:
                assert np.isfinite(getattr(estimator, name)(X)).all(), name


# Interruptions


class Interruption(Exception):  # noqa: N818
    """Something that nobody catches."""


@dataclasses.dataclass(frozen=True)
class Fragile(Activation):
    """tanh, until its k-th call raises."""

    calls: list = dataclasses.field(default_factory=list, compare=False)
    k: int = 0
    name = "fragile"

    def value(self, u, out=None):
        self.calls.append(u.shape)
        if len(self.calls) == self.k:
            raise Interruption
        return np.tanh(u, out=out)

    def derivative(self, u, h, out=None):
        return np.multiply(1.0 - h, 1.0 + h, out=out)

    def second_derivative(self, u, h, out=None):
        return np.multiply(-2.0 * h, self.derivative(u, h), out=out)


def fitted_on_three_columns(method, rng, **parameters):
    """An estimator with everything that can be fitted: an untied decoder, names, an optimiser's state."""
    table = pd.DataFrame(make_X(rng, d=3), columns=list("abc"))
    return getattr(make(tied_weights=False, **parameters), method)(table)


@pytest.mark.parametrize(("k", "error"), in_turn([(1,), (2,), (3,), (7,), (12,)], [Interruption, KeyboardInterrupt]))
@pytest.mark.parametrize(("solver", "method"), TRAINING)
def test_interruption_at_a_batch_changes_nothing(solver, method, k, error, rng, monkeypatch):
    """What is raised at the k-th batch comes out as it is, and leaves the estimator as it was, fitted or not."""
    parameters = {"solver": solver, "batch_size": 5, "learning_rate_init": 0.01, "max_iter": 30}
    fitted = fitted_on_three_columns(method, rng, **parameters)
    X = make_X(rng)
    value_and_grad, calls = Reconstruction.value_and_grad, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == k:
            raise error("now")
        return value_and_grad(*args, **kwargs)

    monkeypatch.setattr(Reconstruction, "value_and_grad", interrupted)
    # A refit has another width, and is tied; partial_fit goes on with the same.
    again = (
        (fitted.set_params(tied_weights=True), X)
        if method == "fit"
        else (fitted, pd.DataFrame(X[:, :3], columns=list("abc")))
    )
    for estimator, data in ((make(**parameters), X), again):
        calls.clear()
        with unchanged(estimator), pytest.raises(error, match="now"):
            getattr(estimator, method)(data)
        assert len(calls) == k


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_interruption_at_any_call_changes_nothing(solver, early_stopping, rng):
    """An exception anywhere in a refit, from the start to the last loss, leaves the estimator as it was."""
    X = make_X(rng, n=12)
    parameters = {"solver": solver, "early_stopping": early_stopping, "max_iter": 2, "learning_rate_init": 0.01}
    counting = Fragile()
    make(activation=counting, **parameters).fit(X)
    fitted = fitted_on_three_columns("fit", rng, **parameters)
    for k in range(1, len(counting.calls) + 1):
        fitted.set_params(activation=Fragile(k=k))
        calls = fitted.activation.calls
        before = {name: value for name, value in vars(fitted).items() if name != "activation"}
        with pytest.raises(Interruption):
            fitted.fit(X)
        assert len(calls) == k
        after = {name: value for name, value in vars(fitted).items() if name != "activation"}
        assert all(after[name] is value for name, value in before.items())
        assert after.keys() == before.keys()


@every_default
def test_warning_raised_as_an_error_changes_nothing(case, rng):
    """Where warnings are errors, that of convergence is an exception like any other."""
    for estimator, width in states(case, rng, ("adam", "fit")):
        estimator.set_params(max_iter=2, learning_rate="constant")
        with unchanged(estimator), warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning):
                estimator.fit(make_X(rng, d=width))


def test_training_goes_on_after_an_interruption(rng, monkeypatch):
    """After a Ctrl-C in partial_fit the next call gives the bits that it would have given without it."""
    X = make_X(rng)
    estimator, undisturbed = make(batch_size=10).partial_fit(X), make(batch_size=10).partial_fit(X)
    value_and_grad, calls = Reconstruction.value_and_grad, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return value_and_grad(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Reconstruction, "value_and_grad", interrupted)
        with pytest.raises(KeyboardInterrupt):
            estimator.partial_fit(X)
    assert_equal_deeply(vars(estimator.partial_fit(X)), vars(undisturbed.partial_fit(X)))


# Divergence


def attempt(estimator, X, method="fit", **parameters):
    """Train; return the error or None, and assert that nothing but ConvergenceWarning was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            getattr(estimator, method)(X, **parameters)
        except ValueError as error:
            outcome = error
        else:
            outcome = None
    assert {warning.category for warning in caught} <= {ConvergenceWarning}, [str(each.message) for each in caught]
    return outcome, [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("activation", "dtype"), in_turn([(name,) for name in ("sigmoid", "tanh", "relu", "square", "identity")], DTYPES)
)
@pytest.mark.parametrize(
    ("solver", "rate", "spread"),
    [
        ("adam", 3.0, 1.0),
        ("adam", "auto", 1e6),
        ("adam", 3.0, 1e6),
        ("sgd", 3.0, 1.0),
        ("sgd", 1e3, 1.0),
        ("sgd", "auto", 1e6),
        ("sgd", 3.0, 1e6),
        ("lbfgs", "auto", 1e6),
    ],
)
def test_divergence_is_told(solver, rate, spread, activation, dtype, rng):
    """Too large a rate or spread ends in an error with advice, or in finite parameters, and never badly in silence."""
    X = (spread * make_X(rng, n=150)).astype(dtype)
    estimator = make(
        activation=activation, solver=solver, learning_rate_init=rate, n_components=8, max_iter=30, batch_size=50
    )
    error, messages = attempt(estimator, X)
    if error is not None:
        assert "diverged" in str(error)
        assert "common scale" in str(error)
        assert not hasattr(estimator, "components_")
        return
    for name in (*FITTED, "loss_", "loss_curve_"):
        assert np.isfinite(getattr(estimator, name)).all(), name
    for name in PREDICTIONS:
        assert np.isfinite(getattr(estimator, name)(X)).all(), name
    # W = 0 and c = mean is within reach of every fit.
    mean_loss = 0.5 * estimator.var_.sum()
    if estimator.loss_ > 1.01 * mean_loss or estimator.loss_ > estimator.loss_curve_[0]:
        assert messages, f"the loss is {estimator.loss_:.3g}, that of the mean {mean_loss:.3g}, and nothing is said"


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e6])
def test_automatic_rate_follows_the_scale(scale, rng):
    """sgd's automatic rate is 1 / curvature at every scale: linear units learn raw data as they do scaled ones."""
    X = make_X(rng, n=150)
    parameters = {"activation": "identity", "alpha": 0, "solver": "sgd", "max_iter": 40, "batch_size": 50}
    reference = make(**parameters).fit(X).score(X)
    assert make(**parameters).fit(scale * X).score(scale * X) > reference - 0.1


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_divergence_of_partial_fit_is_told(solver, rng):
    """partial_fit that diverges says so, and keeps the parameters that it had."""
    X = make_X(rng).astype(np.float32)
    estimator = make(solver=solver, activation="square", learning_rate_init=0.01).partial_fit(X)
    estimator.set_params(learning_rate_init=1e12)
    for _ in range(20):
        before = copy.deepcopy(vars(estimator))
        error, _ = attempt(estimator, X, "partial_fit")
        assert all(np.isfinite(getattr(estimator, name)).all() for name in FITTED)
        if error is not None:
            break
    assert "learning_rate_init" in str(error)
    assert_equal_deeply(vars(estimator), before)


def test_advice_of_lbfgs_names_what_lbfgs_has(rng):
    """Where lbfgs cannot start, the advice is about the data: it has no learning rate."""
    X = 1e80 * make_X(rng)
    error, _ = attempt(make(solver="lbfgs", activation="square", alpha=0), X)
    assert error is not None
    assert "common scale" in str(error)
    assert "learning_rate" not in str(error)


@pytest.mark.parametrize(("solver", "method"), TRAINING)
def test_ordinary_data_warn_of_nothing(solver, method, rng):
    """Standardised data train without any warning but that of max_iter."""
    X = rng.standard_normal((200, 8)) @ rng.standard_normal((8, 8)) / 3.0
    error, messages = attempt(make(solver=solver, n_components=16, max_iter=20), X, method)
    assert error is None
    assert all("max_iter" in message for message in messages), messages


def test_warning_names_what_to_raise(rng):
    """A fit stopped at max_iter while its loss still falls says so; tol=0 and a finished one are silent."""
    X = make_X(rng)
    _, messages = attempt(make(max_iter=3, learning_rate="constant"), X)
    assert len(messages) == 1
    assert "max_iter=3" in messages[0]
    assert attempt(make(max_iter=3, learning_rate="constant", tol=0.0), X)[1] == []
    assert attempt(make(max_iter=2000, solver="lbfgs", tol=1e-3), X)[1] == []


# Threads: by default products of this size run on one thread, whatever the limit


@pytest.fixture
def always_threaded(monkeypatch):
    """Let small products use all the threads that there are."""
    monkeypatch.setattr("skae.training._threads._WORTH_THREADS", 0.0)


def blas_thread_counts():
    """The number of threads of each BLAS."""
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]


limits_blas = pytest.mark.skipif(
    not blas_thread_counts(), reason="threadpoolctl sets no limit on this BLAS (Accelerate of macOS)"
)


def fit_on_threads(threads, X, **parameters):
    """Fit with one number of BLAS threads."""
    with threadpoolctl.threadpool_limits(threads):
        return make(**{"n_components": 64, "batch_size": 100, "learning_rate_init": 0.01, **parameters}).fit(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("solver", SOLVERS)
def test_same_bits_at_one_thread_count(solver, threads, dtype, rng, always_threaded):
    """The same seed gives the same bits at one number of BLAS threads."""
    X = make_X(rng, n=200, d=48).astype(dtype) / 3.0
    a, b = (fit_on_threads(threads, X, solver=solver) for _ in range(2))
    for name in (*FITTED, "loss_curve_"):
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("batch_size", [100, 200])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softplus"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_thread_counts_agree(solver, activation, batch_size, rng, always_threaded):
    """float32 fits at one and two BLAS threads agree to 1e-5, with one batch in an epoch too."""
    X = make_X(rng, n=200, d=48).astype(np.float32) / 3.0
    parameters = {"solver": solver, "activation": activation, "batch_size": batch_size}
    one, two = (fit_on_threads(threads, X, **parameters) for threads in (1, 2))
    for name in (*FITTED, "loss_curve_"):
        expected, difference = getattr(one, name), getattr(two, name) - getattr(one, name)
        assert np.linalg.norm(difference) <= 1e-5 * np.linalg.norm(expected), name
    assert_allclose(two.transform(X), one.transform(X), rtol=1e-4, atol=1e-5)


def test_small_fits_give_the_same_bits_at_any_thread_count(rng, monkeypatch):
    """They run on one thread, whatever the limit, where no other thread is (one that another test has left, say)."""
    monkeypatch.setattr("skae.training._threads.alone", lambda: True)
    X = make_X(rng, n=200, d=48).astype(np.float32)
    one, two = (fit_on_threads(threads, X) for threads in (1, 2))
    for name in (*FITTED, "loss_curve_"):
        assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


@dataclasses.dataclass(frozen=True)
class ThreadCounting(Fragile):
    """tanh that notes the largest number of BLAS threads at each call."""

    blas: threadpoolctl.ThreadpoolController = dataclasses.field(
        default_factory=lambda: threadpoolctl.ThreadpoolController().select(user_api="blas"), compare=False
    )

    def value(self, u, out=None):
        self.calls.append(max(each.num_threads for each in self.blas.lib_controllers))
        return np.tanh(u, out=out)


@limits_blas
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_small_fits_run_on_one_thread_from_start_to_end(solver, rng, monkeypatch):
    """The start, the last loss and the test for a plateau too: there, a second thread made fits ten times slower."""
    monkeypatch.setattr("skae.training._threads.alone", lambda: True)
    numbers, looks = [], []
    activation = ThreadCounting(calls=numbers)
    monkeypatch.setattr(
        "skae.autoencoders._base.on_plateau", lambda *arguments: looks.append(on_plateau(*arguments)) or looks[-1]
    )
    with threadpoolctl.threadpool_limits(2):
        make(activation=activation, solver=solver, max_iter=2000, alpha=0.0).fit(make_X(rng))
        assert max(blas_thread_counts()) == 2
    assert looks
    assert set(numbers) == {1}


def test_the_number_of_threads_is_restored(rng):
    """Small fits run on one thread; afterwards the process has its threads back, after an error too."""
    X = make_X(rng)
    with threadpoolctl.threadpool_limits(2):
        before = blas_thread_counts()
        make().fit(X)
        with pytest.raises(ValueError, match="diverge"):
            make(activation="square", solver="sgd", learning_rate_init=1e6, max_iter=50).fit(X)
        assert blas_thread_counts() == before


def test_fits_in_threads_restore_the_number_of_threads(rng):
    """Also where several fits overlap; they give the results of fits one after the other."""
    X = make_X(rng)
    with threadpoolctl.threadpool_limits(2):
        before = blas_thread_counts()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            fits = list(pool.map(lambda seed: make(random_state=seed, max_iter=30).fit(X), range(8)))
        assert blas_thread_counts() == before
    for seed, each in enumerate(fits):
        assert_array_equal(each.components_, make(random_state=seed, max_iter=30).fit(X).components_)


LIMITS = """
import threading
import types
import threadpoolctl

bystander = threading.Event()
threading.Thread(target=bystander.wait, daemon=True).start()  # as in a notebook

from skae.training._threads import blas_threads

def counts():
    return [each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]

threadpoolctl.threadpool_limits(2)
before = counts()
with blas_threads(1e12):
    assert max(counts()) == 2, counts()
    with blas_threads(0.0):
        assert set(counts()) == {1}, counts()
    assert max(counts()) == 2, counts()
assert counts() == before, counts()

helper = types.ModuleType("tqdm.monitor")
exec("def draw(event): event.wait()", vars(helper))
threading.Thread(target=helper.draw, args=(bystander,)).start()
with blas_threads(0.0):
    assert set(counts()) == {1}, counts()

entered, body, left, out = (threading.Event() for _ in range(4))

def limit_for_a_while():
    body.wait()
    with threadpoolctl.threadpool_limits(1):
        entered.set()
        left.wait()
    out.set()

def limit_for_good():
    threadpoolctl.threadpool_limits(1)

threading.Thread(target=limit_for_a_while).start()
with blas_threads(0.0):
    body.set()
    entered.wait()
left.set()
out.wait()
assert counts() == before, (before, counts())

ended = threading.Event()
other = threading.Thread(target=ended.wait)
other.start()
with blas_threads(0.0):
    threadpoolctl.threadpool_limits(1)
assert set(counts()) == {1}, counts()
ended.set()
other.join()
bystander.set()
"""


@limits_blas
def test_limits_do_not_outlive_anything():
    """Those of two threads that overlap leave no limit behind, and one that a user sets meanwhile stays."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    run = subprocess.run([sys.executable, "-c", LIMITS], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr


BESIDE = """
import concurrent.futures
import numpy as np
import threadpoolctl
from sklearn.cluster import KMeans
from skae import ContractiveAutoencoder

X = np.random.default_rng(0).standard_normal((2000, 20))
before = [each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
for seed in range(4):
    fits = ContractiveAutoencoder(8, max_iter=5, tol=0, random_state=seed), KMeans(30, n_init=2, random_state=seed)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(estimator.fit, X) for estimator in fits]:
            each.result()
after = [each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
assert after == before, (before, after)
"""


def test_a_fit_beside_another_limit():
    """KMeans sets a limit for its fit. A fit beside it in another thread does not make it last."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "ignore", "-c", BESIDE]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
