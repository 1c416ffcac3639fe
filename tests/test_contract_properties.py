"""Properties of every autoencoder over shapes, dtypes, memory orders, scales and ranks."""

import copy
import math
import operator

import numpy as np
import pytest
from autoencoders import ACTIVATED, CASES, STEPPING, activation_of, fitted_attributes, largest_terms
from helpers import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit

from skae.solvers import DivergenceError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PER_FEATURE = ["reconstruct", "vector_field"]
PER_SAMPLE = ["score_samples", "reconstruction_error"]

#: Every kind that takes any number of features, and every activation; alpha, where there is one, as it is or 0.
KINDS = [case for case in (*CASES, *ACTIVATED) if "feature_variances" not in case.parameters]
GAUSSIAN = [case for case in KINDS if "visible" not in case.parameters]
BERNOULLI = [case for case in KINDS if "visible" in case.parameters]
CONTINUOUS = [case for case in GAUSSIAN if activation_of(case.make()).continuous]

few_examples = examples(25)


@st.composite
def matrices(draw, visible="gaussian", min_rows=2):
    """Matrices of 2 to 40 rows and 1 to 12 columns, of any rank, with duplicate and constant columns."""
    n, d = draw(st.integers(min_rows, 40)), draw(st.integers(1, 12))
    rank = draw(st.integers(0, min(n, d)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)) + rng.standard_normal(d)
    if draw(st.booleans()):
        X[:, rng.integers(d)] = X[:, rng.integers(d)]
    if draw(st.booleans()):
        X[:, rng.integers(d)] = draw(st.sampled_from([0.0, 1.0, -7.0]))
    if draw(st.booleans()):
        X[rng.integers(n)] = X[rng.integers(n)]
    if visible == "bernoulli":
        X = np.round(expit(X), draw(st.integers(0, 9)))
    else:
        X *= draw(st.sampled_from([1e-3, 1e-2, 1.0, 30.0, 1e3]))
    return in_memory(X, draw(st.sampled_from([np.float32, np.float64])), draw(st.sampled_from("CFSR")))


def in_memory(X, dtype, order):
    """X with a dtype, C- or Fortran-ordered, strided or read-only."""
    X = np.array(X, dtype=dtype, order="F" if order == "F" else "C")
    if order == "S":
        X = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[1::2, 2::3]
    if order == "R":
        X.flags.writeable = False
    return X


@st.composite
def autoencoders(draw, cases=tuple(GAUSSIAN), solvers=("adam", "sgd", "lbfgs")):
    """Autoencoders of every kind with other parameters that go with it, untrained."""
    case = draw(st.sampled_from(cases))
    parameters = {
        "n_components": draw(st.integers(1, 15)),
        "threshold": draw(st.sampled_from([0.0, 0.5])),
        "l2": draw(st.sampled_from([0.01, 0.1])) if case.kind.endswith("order") else draw(st.sampled_from([0.0, 0.01])),
        "weight_constraint": draw(st.sampled_from(["auto", None, "unit", "max"])),
        "init": draw(st.sampled_from(["glorot", "data", "pca"])),
        "solver": draw(st.sampled_from(solvers)),
        "batch_size": draw(st.integers(1, 50)),
        "max_iter": draw(st.integers(1, 3)),
        "random_state": draw(st.integers(0, 100)),
    }
    if case.has("alpha") and draw(st.booleans()):
        parameters["alpha"] = 0.0
    if draw(st.booleans()):
        parameters["tied_weights"] = draw(st.booleans())
    assume(case.accepts(**parameters))
    return case.make(**parameters)


def trained(autoencoder, X, sample_weight=None):
    """Fit; divergence is the one excuse, and then it is one in words that leaves nothing behind."""
    before = dict(vars(autoencoder))
    try:
        return autoencoder.fit(X, sample_weight=sample_weight)
    except DivergenceError as error:
        message = str(error)
    assert "common scale" in message
    assert vars(autoencoder) == before
    assume(False)
    return None


def check_predictions(autoencoder, X):
    """Assert that all predictions are finite, of the right shape, and in X's dtype."""
    n, d = X.shape
    shapes = {"transform": (n, autoencoder.n_components)}
    shapes |= dict.fromkeys(PER_FEATURE, (n, d)) | dict.fromkeys(PER_SAMPLE, (n,))
    for name, shape in shapes.items():
        result = getattr(autoencoder, name)(X)
        assert result.shape == shape, name
        assert result.dtype == X.dtype, name
        assert np.isfinite(result).all(), name
    score = autoencoder.score(X)
    assert type(score) is float
    assert np.isfinite(score)
    assert score <= 1.0


@few_examples
@given(matrices(), autoencoders())
def test_fit_and_predictions_are_finite(X, autoencoder):
    """Whatever the data and the parameters, a fit ends in finite results of the right shape and dtype."""
    before = X.copy()
    trained(autoencoder, X)
    check_predictions(autoencoder, X)
    assert autoencoder.components_.shape == (autoencoder.n_components, X.shape[1])
    assert autoencoder.components_.dtype == autoencoder.intercept_visible_.dtype == X.dtype
    assert 1 <= autoencoder.n_iter_ == len(autoencoder.loss_curve_) <= autoencoder.max_iter
    assert_array_equal(X, before)


@few_examples
@given(matrices(visible="bernoulli"), autoencoders(BERNOULLI))
def test_bernoulli_fit_and_predictions_are_finite(X, autoencoder):
    """The same for bernoulli units, values of 0 and 1 included; reconstructions stay in [0, 1]."""
    before = X.copy()
    trained(autoencoder, X)
    check_predictions(autoencoder, X)
    R = autoencoder.reconstruct(X)
    assert R.min() >= 0.0
    assert R.max() <= 1.0
    assert_array_equal(X, before)


@few_examples
@given(matrices(), autoencoders(CONTINUOUS), st.data())
def test_one_row_is_like_the_row_in_the_batch(X, autoencoder, data):
    """A row's prediction does not depend on the other rows (but for rounding, where h is continuous)."""
    trained(autoencoder, X)
    row = data.draw(st.integers(0, len(X) - 1))
    for name, size in largest_terms(autoencoder, X).items():
        batch, single = getattr(autoencoder, name)(X)[row], getattr(autoencoder, name)(X[row : row + 1])[0]
        assert_allclose(single, batch, rtol=0.0, atol=20.0 * np.finfo(X.dtype).eps * size, err_msg=name)


@few_examples
@given(matrices(), autoencoders(), st.sampled_from([sparse.csr_matrix, sparse.csr_array]))
def test_sparse_rows_are_dense_rows(X, autoencoder, kind):
    """A fit on CSR rows, and a prediction on them, is the one on the array, to rounding."""
    # The axes of CSR rows are rounded differently, and adam takes a whole step for a gradient that is rounding.
    assume(autoencoder.init != "pca" or autoencoder.solver != "adam")
    X = np.ascontiguousarray(np.where(np.abs(X) > 0.5 * np.abs(X).max(), X, X.dtype.type(0.0)))
    dense = trained(copy.deepcopy(autoencoder), X)
    autoencoder.fit(kind(X))
    rtol = 1e-5 if X.dtype == np.float32 else 1e-10
    assert_allclose(autoencoder.components_, dense.components_, rtol=rtol, atol=rtol)
    R = dense.reconstruct(X)
    assert_allclose(autoencoder.reconstruct(kind(X)), R, rtol=rtol, atol=rtol * np.abs(X).max())
    score = dense.score(X)
    # 1 - |r - x|^2 / variance: reconstructions round as their largest terms do, which may be far above the data.
    deviation = float(np.sqrt(np.mean(X.var(axis=0, dtype=np.float64)))) or 1.0
    size = largest_terms(dense, X)["reconstruct"] / deviation
    rounding = 20.0 * float(np.finfo(X.dtype).eps) * size * 2.0 * math.sqrt(max(1.0 - score, 0.0))
    assert_allclose(autoencoder.score(kind(X)), score, rtol=rtol, atol=rtol + rounding)


@few_examples
@given(matrices(), autoencoders(solvers=STEPPING), st.data())
def test_partial_fit_takes_any_chunks(X, autoencoder, data):
    """However the rows are cut into chunks, of one row too, the moments are those of the whole."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(X) - 1), max_size=5)))
    for chunk in np.split(X, cuts):
        try:
            autoencoder.partial_fit(chunk)
        except DivergenceError:
            assume(False)
    exact = X.astype(np.float64)
    size = max(float(np.abs(exact).max()), 1e-300)
    assert autoencoder.n_samples_seen_ == len(X)
    assert_allclose(autoencoder.mean_, exact.mean(axis=0), rtol=1e-12, atol=1e-12 * size)
    assert_allclose(autoencoder.var_, exact.var(axis=0), rtol=1e-10, atol=1e-12 * size**2)
    check_predictions(autoencoder, X)


@few_examples
@given(matrices(), autoencoders(), st.data())
def test_zero_weights_are_absent_rows(X, autoencoder, data):
    """Rows of weight zero change no bit, wherever they stand and whatever they hold."""
    X = np.ascontiguousarray(X)  # in another memory order the sums would round otherwise
    rows = data.draw(st.lists(st.integers(0, len(X)), max_size=6))
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(X)).astype(X.dtype)
    kept = trained(copy.deepcopy(autoencoder), X, weight)
    padded = np.insert(X, rows, X.max(), axis=0)
    autoencoder.fit(padded, sample_weight=np.insert(weight, rows, 0.0))
    for name in sorted(fitted_attributes(kept)):
        assert_array_equal(*map(operator.attrgetter(name), (autoencoder, kept)), err_msg=name)
