"""PCAWhitener and ContrastNormalizer: their identities, what they refuse, and what they do not change."""

import contextlib
import copy
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from helpers import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from skae import ContrastNormalizer, PCAWhitener
from skae._sklearn_compat import InvalidParameterError
from skae.preprocessing import joined_squares, squares_of
from skae.preprocessing._pca import Factor

DTYPES = [np.float32, np.float64]
WHITEN = ["pca", "zca", None]
ROUNDING = {np.float32: 1e-3, np.float64: 1e-6}
FITTED = ["components_", "explained_variance_", "explained_variance_ratio_", "mean_", "var_", "n_samples_seen_"]

few_examples = examples(60)


def low_rank(rng, n, d, rank, ratio=0.8):
    """Return centred rows of the given rank (at most n - 1), with standard deviations that fall by a ratio."""
    U = rng.standard_normal((n, rank))
    U, _ = np.linalg.qr(U - U.mean(axis=0))
    V, _ = np.linalg.qr(rng.standard_normal((d, rank)))
    return (U * (np.sqrt(n - 1.0) * ratio ** np.arange(rank))) @ V.T


def make_X(rng, n=60, d=5):
    """Return correlated rows of full rank, around a mean that is not zero."""
    return low_rank(rng, n, d, d) + rng.standard_normal(d)


@st.composite
def matrices(draw, per_feature=True):
    """Draw rows of any shape, rank, scale and location; return them with their rank."""
    n, d = draw(st.integers(2, 40)), draw(st.integers(1, 20))
    rank = draw(st.integers(1, min(n - 1, d)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = low_rank(rng, n, d, rank) + draw(st.sampled_from([0.0, 1.0, 100.0])) * rng.standard_normal(d)
    X *= draw(st.sampled_from([1e-3, 0.3, 1.0, 1e3]))
    if per_feature:
        X *= 10.0 ** rng.uniform(-3.0, 3.0, d)
    return X, rank


def covariance(Z):
    """Return the covariance of the columns, in float64, always as a matrix."""
    return np.atleast_2d(np.cov(Z.astype(np.float64), rowvar=False))


def assert_like(a, b, *, rtol, atol=0.0):
    """Assert that two whiteners have equal fitted attributes."""
    for name in FITTED:
        assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=atol, err_msg=name)


@contextlib.contextmanager
def unchanged(estimator):
    """Assert that the body does not change vars(estimator), to the bit."""
    before = joblib.hash(vars(estimator))
    yield
    assert joblib.hash(vars(estimator)) == before


# The identity


@few_examples
@given(matrices(), st.sampled_from(DTYPES))
def test_whitened_covariance_is_the_identity(data, dtype):
    """Kept components have unit variance and no covariance, for any shape, rank, scales and location."""
    X, _ = data
    Z = PCAWhitener().fit_transform(X.astype(dtype))
    assert_allclose(covariance(Z), np.eye(Z.shape[1]), atol=ROUNDING[dtype])


@few_examples
@given(matrices(), st.sampled_from(DTYPES))
def test_zca_covariance_is_a_projection(data, dtype):
    """With "zca" the covariance is the projector onto the kept subspace: at full rank, the identity."""
    X, _ = data
    whitener = PCAWhitener(whiten="zca").fit(X.astype(dtype))
    V = whitener.components_.astype(np.float64)
    Z = whitener.transform(X.astype(dtype))
    assert Z.shape == X.shape
    assert_allclose(covariance(Z), V.T @ V, atol=ROUNDING[dtype])


@few_examples
@given(matrices())
def test_the_rank_is_found(data):
    """In float64 the number of kept components is the rank of the data, over 12 orders of variance."""
    X, rank = data
    assert PCAWhitener().fit(X).n_components_ == rank


@few_examples
@given(matrices(per_feature=False), st.sampled_from(DTYPES))
def test_the_rank_is_found_on_a_common_scale(data, dtype):
    """Rounding is not taken for a direction, even in float32 and at means a hundred times the deviation."""
    X, rank = data
    assert PCAWhitener().fit(X.astype(dtype)).n_components_ == rank


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_far_feature_does_not_hide_the_others(dtype, rng):
    """A feature with a large mean is rounded itself; a small, exact feature beside it is kept."""
    X = rng.standard_normal((200, 3)) * [100.0, 1.0, 1e-2]
    X[:, 0] += 1e5 if dtype == np.float32 else 1e14
    whitener = PCAWhitener().fit(X.astype(dtype))
    assert whitener.n_components_ == 3


@few_examples
@given(matrices(), st.sampled_from(WHITEN), st.sampled_from([1, 2, 0.9, None]))
def test_inverse_transform_is_exact_on_the_kept_subspace(data, whiten, n_components):
    """inverse_transform gives the projection of the data onto the kept components, around the mean."""
    X, _ = data
    whitener = PCAWhitener(n_components, whiten=whiten).fit(X)
    V = whitener.components_
    expected = whitener.mean_ + (X - whitener.mean_) @ V.T @ V
    scale = np.abs(X).max()
    assert_allclose(whitener.inverse_transform(whitener.transform(X)), expected, atol=1e-10 * scale)
    if n_components is None:
        assert_allclose(expected, X, atol=1e-9 * scale)


@pytest.mark.parametrize("whiten", WHITEN)
@pytest.mark.parametrize("eps", [0.0, 0.1])
def test_transform_is_the_formula(whiten, eps, rng):
    """transform equals the formula of the docstring, computed from the public attributes."""
    X = make_X(rng)
    whitener = PCAWhitener(3, whiten=whiten, eps=eps).fit(X)
    V, variances = whitener.components_, whitener.explained_variance_
    scale = 1.0 / np.sqrt((np.full(3, variances.mean()) if whiten is None else variances) + eps)
    Z = (X - whitener.mean_) @ V.T * scale
    assert_allclose(whitener.transform(X), Z @ V if whiten == "zca" else Z, rtol=1e-12, atol=1e-13)
    assert_allclose(whitener.inverse_transform(whitener.transform(X)), whitener.mean_ + (Z / scale) @ V, rtol=1e-10)


@pytest.mark.parametrize("shape", [(80, 6), (6, 20)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_agrees_with_pca(dtype, shape, rng):
    """Variances, shares and components (up to sign) equal those of scikit-learn's PCA."""
    X = low_rank(rng, *shape, 5) + rng.standard_normal(shape[1])
    whitener, pca = PCAWhitener(4).fit(X.astype(dtype)), PCA(4, svd_solver="full").fit(X)
    rtol = 1e-4 if dtype == np.float32 else 1e-10
    assert_allclose(whitener.mean_, pca.mean_, rtol=rtol)
    assert_allclose(whitener.explained_variance_, pca.explained_variance_, rtol=rtol)
    assert_allclose(whitener.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=rtol)
    assert_allclose(np.abs(np.sum(whitener.components_ * pca.components_, axis=1)), 1.0, rtol=rtol)
    assert_allclose(whitener.components_ @ whitener.components_.T, np.eye(4), atol=10 * rtol)


def test_components_have_a_sign_of_their_own(rng):
    """The largest entry of each component is positive, so that two fits do not differ by signs."""
    components = PCAWhitener().fit(make_X(rng)).components_
    assert (components[np.arange(5), np.abs(components).argmax(axis=1)] > 0.0).all()


@pytest.mark.parametrize("eps", [0.0, 0.5])
def test_zca_keeps_the_direction_of_the_input(eps, rng):
    """The zca map is symmetric and positive definite: no rotation, only damping and boosting."""
    X = make_X(rng)
    whitener = PCAWhitener(whiten="zca", eps=eps).fit(X)
    M = whitener.transform(np.eye(5) + whitener.mean_)
    assert_allclose(M, M.T, atol=1e-12)
    assert np.linalg.eigvalsh(M).min() > 0.0


@pytest.mark.parametrize("n_components", [None, 2])
def test_a_common_scale(n_components, rng):
    """whiten=None makes the mean variance of the components 1; it keeps the ratios of variances and of distances."""
    X = make_X(rng)
    whitener = PCAWhitener(n_components, whiten=None).fit(X)
    Z = whitener.transform(X)
    assert np.diag(covariance(Z)).mean() == pytest.approx(1.0)
    assert_allclose(covariance(Z), np.diag(np.diag(covariance(Z))), atol=1e-12)
    kept = whitener.inverse_transform(Z)
    ratio = np.linalg.norm(kept[1:] - kept[0], axis=1) / np.linalg.norm(Z[1:] - Z[0], axis=1)
    assert_allclose(ratio, ratio[0], rtol=1e-10)


@pytest.mark.parametrize("whiten", WHITEN)
def test_eps_damps_small_variances(whiten, rng):
    """A variance v becomes v / (v + eps), so small variances become smallest."""
    X = make_X(rng)
    plain, damped = PCAWhitener(whiten=whiten), PCAWhitener(whiten=whiten, eps=0.2)
    before, after = (np.linalg.eigvalsh(covariance(each.fit_transform(X)))[::-1] for each in (plain, damped))
    v = plain.explained_variance_
    expected = v / (v.mean() + 0.2) if whiten is None else v / (v + 0.2)
    assert_allclose(after, expected, rtol=1e-10)
    assert (after < before).all()


# How many components


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.5, 0.9, 0.99, 0.999999])
def test_a_fraction_keeps_the_fewest_that_reach_it(fraction, rng):
    """The kept components reach the fraction of variance; one component fewer would not."""
    whitener = PCAWhitener(fraction).fit(low_rank(rng, 100, 20, 12) + 3.0)
    shares = whitener.explained_variance_ratio_
    assert shares.sum() >= fraction
    assert shares[:-1].sum() < fraction


@pytest.mark.parametrize(
    ("dtype", "smallest"),
    [
        *((np.float32, smallest) for smallest in (1.0, 1e-2, 1e-4)),
        *((np.float64, smallest) for smallest in (1.0, 1e-4, 1e-8, 1e-9)),
    ],
)
def test_a_fraction_of_one_keeps_all(smallest, dtype, rng):
    """n_components=1.0 equals None: it also keeps a component whose share rounding hides in the sum."""
    for _ in range(20):
        X = (rng.standard_normal((300, 3)) * [1.0, 0.1, smallest]).astype(dtype)
        assert PCAWhitener(1.0).fit(X).n_components_ == PCAWhitener().fit(X).n_components_ == 3


@pytest.mark.parametrize(("n_components", "kept"), [(1, 1), (4, 4), (6, 6), (7, 6), (100, 6), (None, 6), (1.0, 6)])
@pytest.mark.parametrize("shape", [(50, 9), (8, 30)])
def test_never_more_than_the_rank(shape, n_components, kept, rng):
    """An integer sets the number of components, up to the rank of the data."""
    whitener = PCAWhitener(n_components).fit(low_rank(rng, *shape, 6) + 1.0)
    assert whitener.n_components_ == len(whitener.explained_variance_) == kept
    assert whitener.components_.shape == (kept, shape[1])


def test_shares_count_what_is_dropped(rng):
    """explained_variance_ratio_ is the share of the total variance, not of the kept variance."""
    X = make_X(rng)
    whole, part = PCAWhitener().fit(X), PCAWhitener(2).fit(X)
    assert whole.explained_variance_ratio_.sum() == pytest.approx(1.0)
    assert_allclose(part.explained_variance_ratio_, whole.explained_variance_ratio_[:2])


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 0.0}, "n_components"),
        ({"n_components": 1.5}, "n_components"),
        ({"n_components": "mle"}, "n_components"),
        ({"whiten": "none"}, "whiten"),
        ({"whiten": True}, "whiten"),
        ({"eps": -1.0}, "eps"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_invalid_parameters(method, parameters, words, rng):
    """The error for an invalid parameter names it, and fit sets nothing."""
    whitener = PCAWhitener(**parameters)
    with unchanged(whitener), pytest.raises(InvalidParameterError, match=words):
        getattr(whitener, method)(make_X(rng))


# partial_fit


def by_chunks(whitener, X, cuts, weight=None):
    """Return a whitener fitted by chunks that end at `cuts`."""
    for rows in np.split(np.arange(len(X)), cuts):
        whitener.partial_fit(X[rows], sample_weight=None if weight is None else weight[rows])
    return whitener


@st.composite
def cut_matrices(draw, **options):
    """Draw rows and cuts between chunks, also chunks of one row; return rows, rank and cuts."""
    X, rank = draw(matrices(**options))
    return X, rank, sorted(draw(st.sets(st.integers(1, len(X) - 1))))


@few_examples
@given(cut_matrices(per_feature=False), st.sampled_from(DTYPES), st.sampled_from(WHITEN), st.integers(0, 3))
def test_chunks_give_the_result_of_one_fit(data, dtype, whiten, n_dropped):
    """Chunk by chunk, transform returns the same as after one fit, even if components are dropped on the way."""
    X, rank, cuts = data
    X = X.astype(dtype)
    n_components = max(1, rank - n_dropped) if n_dropped else None
    whole = PCAWhitener(n_components, whiten=whiten).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chunked = by_chunks(PCAWhitener(n_components, whiten=whiten), X, cuts)
    assert chunked.n_samples_seen_ == whole.n_samples_seen_
    # With a mean of a hundred times the deviation, a float32 has five digits left.
    assert_allclose(chunked.transform(X), whole.transform(X), atol=5e-3 if dtype == np.float32 else 1e-8)


@few_examples
@given(cut_matrices())
def test_chunks_of_features_of_unlike_scales(data):
    """Chunk by chunk, the whitened features equal those of one fit, over 12 orders of variance."""
    X, rank, cuts = data
    whole, chunked = PCAWhitener(whiten="zca").fit(X), by_chunks(PCAWhitener(whiten="zca"), X, cuts)
    assert chunked.n_components_ == rank
    assert_allclose(chunked.transform(X), whole.transform(X), atol=1e-5)
    Z = chunked.set_params(whiten="pca").transform(X)
    assert_allclose(covariance(Z), np.eye(rank), atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 50, 100])
def test_weighted_chunks(chunk, rng, monkeypatch):
    """With weights, chunks give the result of one weighted fit. Those of 100 rows are taken in two parts."""
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", 1)
    X, weight = make_X(rng, n=100), rng.uniform(0.1, 3.0, 100)
    chunked = by_chunks(PCAWhitener(), X, range(chunk, 100, chunk), weight)
    assert_like(chunked, PCAWhitener().fit(X, sample_weight=weight), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(100, 5), (6, 20), (500, 30)])
def test_partial_fit_goes_on_after_fit(shape, dtype, rng):
    """After a fit that kept all components, partial_fit is exact, and does not warn."""
    X = (low_rank(rng, *shape, 5) + 1.0).astype(dtype)
    half = shape[0] // 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "PCAWhitener: 2 components are whitened by the variances of 3 rows")
        whitener = PCAWhitener().fit(X[:half]).partial_fit(X[half:])
    assert_allclose(whitener.transform(X), PCAWhitener().fit_transform(X), atol=ROUNDING[dtype])


@pytest.mark.parametrize("n_components", [2, 0.5])
def test_partial_fit_says_what_a_fit_has_dropped(n_components, rng):
    """partial_fit warns after a fit that dropped components, but not after other calls of partial_fit."""
    X = make_X(rng)
    whitener = PCAWhitener(n_components).fit(X)
    with pytest.warns(UserWarning, match="kept 2 components only"):
        whitener.partial_fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whitener.partial_fit(X)
        PCAWhitener(n_components).partial_fit(X).partial_fit(X)


def test_fit_forgets_what_partial_fit_saw(rng):
    """A fit forgets earlier rows, and may have another number of features."""
    X = make_X(rng)
    whitener = PCAWhitener().partial_fit(X).fit(X[:, :3])
    assert_like(whitener, PCAWhitener().fit(X[:, :3]), rtol=0.0)
    assert whitener.n_features_in_ == 3


def test_first_row_alone(rng):
    """A first row alone has no variance and becomes zero; more rows then give the result of one fit."""
    X = make_X(rng)
    whitener = PCAWhitener().partial_fit(X[:1])
    assert_array_equal(whitener.transform(X[:1]), np.zeros((1, 1)))
    assert_allclose(whitener.partial_fit(X[1:]).transform(X), PCAWhitener().fit_transform(X), atol=1e-10)


@pytest.mark.parametrize("n_components", [None, 2])
def test_copies_go_on(n_components, rng):
    """Copies by pickle, skops and deepcopy give the same bits, also after more chunks; a clone is unfitted."""
    X = make_X(rng)
    whitener = PCAWhitener(n_components).partial_fit(X[:30])
    trusted = ["skae.preprocessing._whitening.PCAWhitener"]
    twins = [
        pickle.loads(pickle.dumps(whitener)),
        copy.deepcopy(whitener),
        skops.io.loads(skops.io.dumps(whitener), trusted=trusted),
    ]
    expected = whitener.partial_fit(X[30:]).transform(X)
    for twin in twins:
        assert_array_equal(twin.partial_fit(X[30:]).transform(X), expected)
    assert not hasattr(clone(whitener), "components_")


# Weights


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(60, 5), (8, 20)])
def test_integer_weights_are_repeated_rows(shape, dtype, rng):
    """A row of weight 3 equals three rows, a row of weight 0 none, for n > d and n < d."""
    X, weight = (low_rank(rng, *shape, 5) + 1.0).astype(dtype), rng.integers(1, 4, shape[0])
    weight[::4] = 0
    weighted = PCAWhitener(3).fit(X, sample_weight=weight)
    repeated = PCAWhitener(3).fit(np.repeat(X, weight, axis=0))
    absent = PCAWhitener(3).fit(X[weight > 0], sample_weight=weight[weight > 0])
    rtol = 1e-4 if dtype == np.float32 else 1e-9
    assert_like(weighted, repeated, rtol=rtol, atol=rtol)
    assert_like(weighted, absent, rtol=rtol, atol=rtol)
    Z = weighted.transform(X).astype(np.float64)
    assert_allclose(np.cov(Z.T, fweights=weight), np.eye(3), atol=ROUNDING[dtype])


def test_weights_that_leave_one_row_are_refused(rng):
    """A fit needs two rows of positive weight."""
    whitener = PCAWhitener()
    with unchanged(whitener), pytest.raises(ValueError, match="1 sample"):
        whitener.fit(make_X(rng), sample_weight=np.arange(60) == 7)


# Unusual data


@pytest.mark.parametrize("whiten", WHITEN)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_and_duplicate_columns(dtype, method, whiten, rng):
    """Constant and duplicate columns add no direction: whitening works, and inverse_transform is exact."""
    X = make_X(rng)[:, [0, 1, 0, 2, 3, 4, 1]]
    X[:, 5] = 0.1
    X = X.astype(dtype)
    whitener = getattr(PCAWhitener(whiten=whiten), method)(X)
    assert whitener.n_components_ == 4
    Z = whitener.transform(X)
    assert_allclose(whitener.inverse_transform(Z), X, atol=ROUNDING[dtype])
    if whiten == "pca":
        assert_allclose(covariance(Z), np.eye(4), atol=ROUNDING[dtype])


@pytest.mark.parametrize("whiten", WHITEN)
@pytest.mark.parametrize("n_components", [None, 3, 0.9])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_data(dtype, value, n_components, whiten):
    """If all rows are equal, they become zero without a warning, and inverse_transform gives them back."""
    X = np.full((7, 4), value, dtype=dtype)
    for method in ("fit", "partial_fit"):
        whitener = getattr(PCAWhitener(n_components, whiten=whiten), method)(X)
        Z = whitener.transform(X)
        assert np.abs(Z).max() < 1e-3
        assert_allclose(whitener.inverse_transform(Z), X, rtol=1e-6)


def test_one_feature(rng):
    """A single column is standardised."""
    X = 5.0 + 2.0 * rng.standard_normal((40, 1))
    assert_allclose(PCAWhitener().fit_transform(X), (X - X.mean()) / X.std(ddof=1), rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", [-30, -18, 18, 21, 30])
def test_extreme_scales(exponent, dtype, rng):
    """Whitening works at scales whose squares leave the range of float32, without a warning of numpy."""
    X = (make_X(rng) * 10.0**exponent).astype(dtype)
    for method in ("fit", "partial_fit"):
        Z = getattr(PCAWhitener(), method)(X).transform(X)
        assert_allclose(covariance(Z), np.eye(5), atol=ROUNDING[dtype])


def test_values_whose_squares_overflow_are_refused(rng):
    """Values whose squares overflow in float64 are refused in words or whitened; they never give a model of zeros."""
    X = make_X(rng) * 1e200
    whitener = PCAWhitener()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            Z = whitener.fit_transform(X)
        except ValueError as error:
            assert "float64" in str(error)  # noqa: PT017
        else:
            assert_allclose(covariance(Z), np.eye(5), atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 10.0])
@pytest.mark.parametrize("shape", [(2000, 12), (11, 40)])
def test_small_eigenvalues_of_float32(shape, shift, rng):
    """float32 data give variances down to 1e-5 of the largest to within 1 %, with their directions."""
    n, d = shape
    X = low_rank(rng, n, d, 8, ratio=np.sqrt(1e-5) ** (1 / 7)) + shift * rng.standard_normal(d)
    whitener = PCAWhitener().fit(X.astype(np.float32))
    assert_allclose(whitener.explained_variance_[:8], np.geomspace(1.0, 1e-5, 8), rtol=1e-2)
    assert whitener.n_components_ == 8


# Containers, dtypes, names


@pytest.mark.parametrize("whiten", WHITEN)
@pytest.mark.parametrize("predict", DTYPES)
@pytest.mark.parametrize("train", DTYPES)
def test_dtypes(train, predict, whiten, rng):
    """Components have the dtype of the training data, results the dtype of their input; moments are float64."""
    X = make_X(rng)
    for method in ("fit", "partial_fit"):
        whitener = getattr(PCAWhitener(whiten=whiten), method)(X.astype(train))
        assert whitener.components_.dtype == train
        assert whitener.mean_.dtype == whitener.explained_variance_.dtype == np.float64
        Z = whitener.transform(X.astype(predict))
        assert Z.dtype == whitener.inverse_transform(Z).dtype == predict
        assert_allclose(Z, PCAWhitener(whiten=whiten).fit_transform(X), atol=1e-4)
    assert PCAWhitener().fit_transform(np.arange(12).reshape(6, 2) ** 2).dtype == np.float64


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_sparse_is_dense(method, dtype, kind, rng):
    """Sparse rows give the result of the array to rounding, and do not change."""
    X = make_X(rng, n=90).astype(dtype)
    X[X < 0.3] = 0.0
    S = getattr(sparse, kind)(X)
    dense, thin = getattr(PCAWhitener(), method)(X), getattr(PCAWhitener(), method)(S)
    rtol = 1e-5 if dtype == np.float32 else 1e-10
    assert_like(thin, dense, rtol=rtol, atol=rtol)
    assert_allclose(thin.transform(S), dense.transform(X), rtol=rtol, atol=rtol)
    assert_array_equal(S.toarray(), X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_memmap(method, rng, tmp_path):
    """A read-only memmap gives the same bits as the array."""
    X = make_X(rng)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    whitener, reference = getattr(PCAWhitener(), method)(mapped), getattr(PCAWhitener(), method)(X)
    assert_array_equal(whitener.transform(mapped), reference.transform(X))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [None, 5])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_memory_does_not_grow_with_the_rows(method, n_components, weighted, tmp_path):
    """A tall memmap is read one chunk at a time, even if float32 products are not exact enough."""
    X = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=(100_000, 50))
    X[:] = np.random.default_rng(0).standard_normal(X.shape) * np.geomspace(1.0, 1e-4, 50)
    weight = np.full(len(X), 2.0) if weighted else None
    tracemalloc.start()
    getattr(PCAWhitener(n_components), method)(X, sample_weight=weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # the data hold 20 MB


def test_input_is_not_written_to(rng):
    """No method writes to X; read-only X is accepted."""
    X = make_X(rng)
    before = X.copy()
    X.flags.writeable = False
    for whiten in WHITEN:
        whitener = PCAWhitener(whiten=whiten).fit(X).partial_fit(X)
        Z = whitener.transform(X)
        Z.flags.writeable = False
        whitener.inverse_transform(Z)
    assert_array_equal(X, before)


@pytest.mark.parametrize("whiten", WHITEN)
def test_names_out(whiten, rng):
    """whiten="zca" keeps the names of the features; other columns get new names."""
    table = pd.DataFrame(make_X(rng), columns=list("abcde"))
    whitener = PCAWhitener(3, whiten=whiten).set_output(transform="pandas").fit(table)
    expected = list("abcde") if whiten == "zca" else [f"pcawhitener{k}" for k in range(3)]
    assert whitener.get_feature_names_out().tolist() == whitener.transform(table).columns.tolist() == expected
    with pytest.raises(ValueError, match="feature_names_in_"):
        whitener.get_feature_names_out(list("edcba"))


def test_the_kind_can_be_changed_on_a_fitted_whitener(rng):
    """`whiten` and `eps` only change the scaling, so they can be set on a fitted whitener."""
    X = make_X(rng)
    whitener = PCAWhitener().fit(X)
    for whiten in WHITEN:
        whitener.set_params(whiten=whiten, eps=0.1)
        assert_array_equal(whitener.transform(X), PCAWhitener(whiten=whiten, eps=0.1).fit_transform(X))


# Refusals


def with_value(X, value):
    """Return X with one value replaced."""
    X = X.copy()
    X[3, 1] = value
    return X


BAD_DATA = {
    "nan": (lambda X: with_value(X, np.nan), "NaN"),
    "inf": (lambda X: with_value(X, np.inf), "infinity"),
    "sparse nan": (lambda X: sparse.csr_matrix(with_value(X, np.nan)), "NaN"),
    "empty": (lambda X: X[:0], "0 sample"),
    "no features": (lambda X: X[:, :0], "0 feature"),
    "a vector": (lambda X: X[0], "2D array"),
    "text": (lambda X: np.full(X.shape, "ten"), "could not convert string to float"),
    "complex": (lambda X: X * 1j, "Complex data not supported"),
}
BAD_WEIGHTS = {
    "negative": (lambda n: np.linspace(-1.0, 1.0, n), "[Nn]egative"),
    "all zero": (np.zeros, r"zero|positive"),
    "too short": (lambda n: np.ones(n - 1), "sample_weight"),
    "nan": (lambda n: np.full(n, np.nan), "NaN"),
    "infinite": (lambda n: np.full(n, np.inf), "infinity"),
}


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_refused_and_changes_nothing(case, method, fitted, rng):
    """Data that cannot be used are refused in a sentence, and do not change the whitener."""
    spoil, words = BAD_DATA[case]
    whitener = PCAWhitener().partial_fit(make_X(rng)) if fitted else PCAWhitener()
    with unchanged(whitener), pytest.raises(ValueError, match=words):
        getattr(whitener, method)(spoil(make_X(rng)))


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights_are_refused_and_change_nothing(case, method, fitted, rng):
    """Invalid weights are refused in a sentence, and do not change the whitener."""
    weights, words = BAD_WEIGHTS[case]
    whitener = PCAWhitener().partial_fit(make_X(rng)) if fitted else PCAWhitener()
    with unchanged(whitener), pytest.raises(ValueError, match=words):
        getattr(whitener, method)(make_X(rng), sample_weight=weights(60))


def test_one_sample_is_refused(rng):
    """A fit needs two rows."""
    whitener = PCAWhitener()
    with unchanged(whitener), pytest.raises(ValueError, match="1 sample"):
        whitener.fit(make_X(rng)[:1])


@pytest.mark.parametrize("whiten", WHITEN)
def test_another_width_is_refused(whiten, rng):
    """The errors of transform, partial_fit and inverse_transform name the given and the right number of features."""
    whitener = PCAWhitener(3, whiten=whiten).partial_fit(make_X(rng))
    for method in ("transform", "partial_fit"):
        with unchanged(whitener), pytest.raises(ValueError, match=r"4 features.*5 features"):
            getattr(whitener, method)(np.ones((3, 4)))
    with pytest.raises(ValueError, match=f"{5 if whiten == 'zca' else 3} columns, got 4"):
        whitener.inverse_transform(np.ones((2, 4)))


def test_not_fitted():
    """Every method of an unfitted whitener raises NotFittedError."""
    whitener = PCAWhitener()
    for method in ("transform", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(whitener, method)(np.ones((2, 3)))
    with pytest.raises(NotFittedError):
        whitener.get_feature_names_out()


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_values_to_transform(bad, method, rng):
    """transform and inverse_transform refuse NaN and infinity."""
    whitener = PCAWhitener().fit(make_X(rng))
    with unchanged(whitener), pytest.raises(ValueError, match=r"NaN|infinity"):
        getattr(whitener, method)(with_value(make_X(rng), bad))


def test_an_interrupted_fit_changes_nothing(rng, monkeypatch):
    """Ctrl-C in the middle does not change a fitted whitener."""

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    X = make_X(rng)
    whitener = PCAWhitener().partial_fit(X)
    for method, name in (("fit", "principal_components"), ("partial_fit", "merge_moments")):
        monkeypatch.setattr(f"skae.preprocessing._whitening.{name}", interrupt)
        with unchanged(whitener), pytest.raises(KeyboardInterrupt):
            getattr(whitener, method)(X)


# ContrastNormalizer


@pytest.mark.parametrize("eps", [0.0, 1e-8, 10.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_contrast_is_the_formula(dtype, eps):
    """transform subtracts each row's mean and divides by its standard deviation + eps, in X's dtype."""
    X = load_digits().data[:50].astype(dtype)
    Z = ContrastNormalizer(eps).fit_transform(X)
    assert Z.dtype == dtype
    expected = (X - X.mean(axis=1, keepdims=True)) / (X.std(axis=1, keepdims=True) + eps)
    assert_allclose(Z, expected, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-5 if dtype == np.float32 else 0)


def test_contrast_needs_no_fit(rng):
    """ContrastNormalizer has no state: unfitted, fitted on other rows, or row by row, the result is the same."""
    X = make_X(rng)
    Z = ContrastNormalizer().transform(X)
    assert_array_equal(ContrastNormalizer().fit(X[:1]).transform(X), Z)
    assert_allclose(np.vstack([ContrastNormalizer().transform(x[None]) for x in X]), Z, rtol=1e-12)
    assert vars(ContrastNormalizer().fit(X)) == {"eps": 1e-8, "n_features_in_": 5}


def test_contrast_does_not_change_the_estimator(rng):
    """transform of an unfitted normaliser sets nothing, so the next data may have another number of features."""
    normalizer = ContrastNormalizer()
    with unchanged(normalizer):
        normalizer.transform(make_X(rng))
    assert normalizer.transform(make_X(rng)[:, :3]).shape == (60, 3)


@pytest.mark.parametrize("eps", [0.0, 1e-8, 1.0])
@pytest.mark.parametrize("d", [1, 3, 64, 3072])
@pytest.mark.parametrize("value", [0.0, 0.1, -200.3, 1e6 / 3.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_row_becomes_zero(dtype, value, d, eps):
    """A constant row becomes zero: the rounding of its mean is not amplified to a contrast."""
    X = np.full((2, d), value, dtype=dtype)
    assert_allclose(ContrastNormalizer(eps).transform(X), np.zeros((2, d)), atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [*((np.float64, scale) for scale in (1e-200, 1e-30, 1e30, 1e200)), (np.float32, 1e-30), (np.float32, 1e30)],
)
def test_contrast_of_extreme_scales(dtype, scale, rng):
    """Rows of any magnitude are normalised without overflow: the result is near 1."""
    X = rng.standard_normal((4, 30))
    expected = ContrastNormalizer(0.0).transform(X)
    assert_allclose(ContrastNormalizer(0.0).transform((scale * X).astype(dtype)), expected, rtol=1e-4, atol=1e-5)


def test_contrast_leaves_its_input_alone(rng):
    """Read-only rows are accepted, and nothing is written to X."""
    X = make_X(rng)
    before = X.copy()
    ContrastNormalizer().fit_transform(X)
    assert_array_equal(X, before)
    X.flags.writeable = False
    ContrastNormalizer().fit_transform(X)


def test_contrast_keeps_names(rng):
    """Columns keep their names."""
    table = pd.DataFrame(make_X(rng), columns=list("abcde"))
    normalizer = ContrastNormalizer().set_output(transform="pandas")
    assert normalizer.fit_transform(table).columns.tolist() == list("abcde")
    assert normalizer.get_feature_names_out().tolist() == list("abcde")


def test_contrast_refuses(rng):
    """NaN, a wrong number of features and a negative eps are refused in words."""
    X = make_X(rng)
    normalizer = ContrastNormalizer().fit(X)
    with unchanged(normalizer), pytest.raises(ValueError, match="NaN"):
        normalizer.transform(with_value(X, np.nan))
    with unchanged(normalizer), pytest.raises(ValueError, match="NaN"):
        normalizer.fit(with_value(X[:, :4], np.nan))
    with unchanged(normalizer), pytest.raises(ValueError, match=r"4 features.*5 features"):
        normalizer.transform(X[:, :4])
    with pytest.raises(InvalidParameterError, match="eps"):
        ContrastNormalizer(-1.0).fit(X)


# Special cases


@pytest.mark.parametrize("total", [1.0, 1.0 + 2.3e-16, 1.0 - 1e-16, 1.01, 1.9])
@pytest.mark.parametrize("chunks", [1, 4])
def test_weights_that_are_shares(chunks, total, rng):
    """Weights that sum to about one are shares: variances are not divided by n - 1, which would be near 0."""
    X, weight = make_X(rng, n=400), rng.uniform(size=400)
    weight *= total / weight.sum()
    whitener = PCAWhitener()
    for part in np.array_split(np.arange(400), chunks):
        whitener.partial_fit(X[part], sample_weight=weight[part])
    fitted = PCAWhitener().fit(X, sample_weight=weight)
    expected = np.cov(X.T, aweights=weight, bias=True)
    for each in (whitener, fitted):
        assert_allclose((each.components_.T * each.explained_variance_) @ each.components_, expected, rtol=1e-9)


def test_a_cut_of_little_variance_is_announced(rng):
    """partial_fit warns even if the dropped variance is a billionth: whitening would have scaled it to one."""
    X = rng.standard_normal((500, 3)) * [1.0, 1e-5, 1e-6]
    with pytest.warns(UserWarning, match="kept 1 components only"):
        PCAWhitener(1).fit(X).set_params(n_components=None).partial_fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PCAWhitener(3).fit(X).partial_fit(X)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fewer_rows_than_features(dtype, weighted, rng):
    """For n < d, the products of rows give the same as the singular value decomposition."""
    X = (low_rank(rng, 40, 300, 39, ratio=0.85) + 3.0).astype(dtype)
    weight = rng.integers(1, 4, 40) if weighted else np.ones(40, dtype=int)
    whitener = PCAWhitener().fit(X, sample_weight=weight)
    repeated = np.repeat(X.astype(np.float64), weight, axis=0)
    singular = np.linalg.svd(repeated - repeated.mean(axis=0), compute_uv=False)[:39]
    assert whitener.components_.shape == (39, 300)
    assert_allclose(whitener.explained_variance_, singular**2 / (len(repeated) - 1), rtol=1e-3)
    gram = whitener.components_.astype(np.float64) @ whitener.components_.T
    assert_allclose(gram, np.eye(39), atol=1e-5 if dtype == np.float32 else 1e-9)
    assert_allclose(whitener.inverse_transform(whitener.transform(X)), X, atol=1e-4 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("ratio", [0.5, 0.3])
def test_products_on_rotated_data_are_as_exact_as_qr(ratio, rng):
    """For standard deviations over ten decades, each is exact, and the whitened covariance is the identity."""
    X = low_rank(rng, 400, 16, 16, ratio=ratio)
    whitener = PCAWhitener().fit(X)
    deviations = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) / np.sqrt(399.0)
    kept = len(whitener.components_)
    assert kept == 16
    assert_allclose(np.sqrt(whitener.explained_variance_), deviations[:kept], rtol=1e-6)
    assert_allclose(np.cov(whitener.transform(X).T), np.eye(kept), atol=1e-5)


@pytest.mark.parametrize("elements", [2**19, 1])
def test_weights_on_rotated_data_are_repetitions(elements, rng, monkeypatch):
    """For standard deviations over ten decades too, where products of the centred rows alone would not do."""
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", elements)
    X, weight = low_rank(rng, 400, 8, 8, ratio=0.05), rng.integers(1, 4, 400)
    weighted, repeated = PCAWhitener().fit(X, None, weight), PCAWhitener().fit(np.repeat(X, weight, axis=0))
    assert len(weighted.components_) == 8
    assert_allclose(weighted.explained_variance_, repeated.explained_variance_, rtol=1e-6)


@pytest.mark.parametrize("first", [3, 60])
def test_few_rows_join_many(first, rng):
    """Few rows are kept as they are, and many as products. Joined in either order, they are the whole."""
    X = rng.standard_normal((63, 5)) + 3.0
    seen, squares = joined_squares([squares_of(part, None, np.float32, None) for part in (X[:first], X[first:])])
    assert_allclose(seen[1], X.mean(axis=0), rtol=1e-12)
    centred = X - X.mean(axis=0)
    assert_allclose(squares.S, centred.T @ centred, rtol=1e-9, atol=1e-12)


def test_a_row_without_weight_is_not_looked_at(rng):
    """A row of zero weight is ignored, whatever it holds."""
    X, weight = make_X(rng), np.ones(60)
    X[0], weight[0] = 1e300, 0.0
    for whitener in (PCAWhitener(0.9).fit(X, sample_weight=weight), PCAWhitener(0.9).partial_fit(X, None, weight)):
        expected = PCAWhitener(0.9).fit(X[1:])
        assert_allclose(whitener.var_, expected.var_)
        assert_allclose(whitener.explained_variance_ratio_, expected.explained_variance_ratio_)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_components", [2, 0.9])
@pytest.mark.parametrize("n", [1, 9, 40])
def test_partial_fit_keeps_no_more_than_a_square(n, n_components, dtype, rng):
    """partial_fit keeps one array, of at most as many rows as features, and so do copies."""
    X = rng.standard_normal((n + 2, 5)).astype(dtype)
    whitener = PCAWhitener(n_components).partial_fit(X[2:]).partial_fit(X[:2])
    for each in (whitener, pickle.loads(pickle.dumps(whitener))):
        (kept,) = (array for array in (each._factor, each._scatter) if array is not None)
        assert kept.shape == (min(n + 3, 5), 5)  # the rows, and the difference of the two means


def test_partial_fit_decomposes_nothing(rng, monkeypatch):
    """However many calls: the components are found once, when they are read."""
    found, original = [], PCAWhitener._set_components
    monkeypatch.setattr(PCAWhitener, "_set_components", lambda *args: found.append(1) or original(*args))
    X, whitener = make_X(rng), PCAWhitener()
    for rows in np.split(X, 4):
        whitener.partial_fit(rows)
    assert not found
    assert "components_" not in vars(whitener)
    whitener.transform(X)
    whitener.inverse_transform(X)
    assert found == [1]
    assert {"components_", "explained_variance_", "explained_variance_ratio_", "n_components_"} <= vars(whitener).keys()


def test_attributes_after_partial_fit(rng):
    """All fitted attributes can be read, and copies have them; n_components is that of the last call."""
    X = make_X(rng)
    whole, whitener = PCAWhitener(3).fit(X), PCAWhitener(3).partial_fit(X[:20]).partial_fit(X[20:])
    twin = pickle.loads(pickle.dumps(copy.copy(whitener)))
    whitener.set_params(n_components=None)
    for each in (twin, whitener):
        check_is_fitted(each)
        assert not hasattr(each, "singular_values_")
        assert each.n_components_ == 3
        assert_like(each, whole, rtol=1e-9, atol=1e-12)
    assert set(vars(twin)) == set(vars(whole))
    assert twin.get_feature_names_out().tolist() == whole.get_feature_names_out().tolist()
    with pytest.raises(AttributeError, match="'PCAWhitener' object has no attribute 'components_'"):
        _ = PCAWhitener().components_


def test_an_interrupted_decomposition_can_be_repeated(rng, monkeypatch):
    """Ctrl-C while the components are found leaves them to be found again."""
    X = make_X(rng)
    whitener = PCAWhitener().partial_fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "eigh", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with unchanged(whitener), pytest.raises(KeyboardInterrupt):
            whitener.transform(X)
    assert_allclose(whitener.transform(X), PCAWhitener().fit_transform(X), atol=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.99, 0.999999])
def test_chunks_of_a_share_of_dependent_features(share, rng):
    """With constant and repeated features, chunks keep what one fit keeps; later calls may keep all of it."""
    X = make_X(rng, n=200)[:, [0, 1, 2, 0, 3, 4]] * [1.0, 1.0, 1e-3, 1.0, 1.0, 0.0]
    whole, chunked = PCAWhitener(share).fit(X), by_chunks(PCAWhitener(share), X, range(20, 200, 20))
    assert_like(chunked, whole, rtol=1e-8, atol=1e-10)
    chunked.set_params(n_components=None).partial_fit(X)
    assert chunked.n_components_ == 4
    assert_allclose(np.cov(chunked.transform(X).T), np.eye(4) * 399 / 398, atol=1e-6)


@pytest.mark.parametrize("decades", [0, 3, 9])
@pytest.mark.parametrize("scale", [1e-160, 1.0, 1e160])
def test_factors_are_compressed_exactly(decades, scale, rng):
    """By products or by QR: all singular values stay, over many decades, and at every scale."""
    R = low_rank(rng, 40, 8, 8, ratio=1.0) * np.geomspace(1.0, 10.0**-decades, 8) @ np.linalg.qr(rng.random((8, 8)))[0]
    kept = Factor(R * scale).compressed(8).R
    assert kept.shape == (8, 8)
    expected = np.linalg.svd(R, compute_uv=False)
    assert_allclose(np.linalg.svd(kept / scale, compute_uv=False), expected, rtol=1e-5)


def test_well_conditioned_rows_are_compressed_by_products(rng, monkeypatch):
    """QR, which takes several times as long, is for rows whose correlations are near 1 only."""
    X = rng.standard_normal((40, 8)) * np.geomspace(1.0, 1e-8, 8)
    monkeypatch.setattr(np.linalg, "qr", None)
    kept = Factor(X).compressed(8).R
    assert_allclose(kept.T @ kept, X.T @ X, rtol=1e-9)


def test_float32_far_off_the_origin_is_centred(rng):
    """float32 data far from the origin are centred well: the mean is not rounded to float32."""
    X = (low_rank(rng, 2000, 6, 6, ratio=0.5) + 100.3).astype(np.float32)
    Z = PCAWhitener(3).fit_transform(X)
    assert Z.dtype == np.float32
    assert np.abs(Z.mean(axis=0, dtype=np.float64)).max() < 1e-4
    X = (low_rank(rng, 2000, 6, 6, ratio=0.8) + 1e6 + 0.03).astype(np.float32)  # float32 rounds the means to 1e6
    whitener, exact = PCAWhitener().fit(X), np.cov(X.astype(np.float64).T)
    variances = np.linalg.eigvalsh(exact)[::-1]
    assert len(whitener.components_) >= 3
    assert_allclose(whitener.explained_variance_, variances[: len(whitener.components_)], rtol=1e-5)


def test_contrast_of_float32_rows_far_off_the_origin(rng):
    """float32 rows far from the origin lose no digits: scaling before the mean is subtracted is exact."""
    X = (1000.0 + 0.01 * rng.standard_normal((20, 50))).astype(np.float32)
    expected = X.astype(np.float64) - X.astype(np.float64).mean(axis=1, keepdims=True)
    expected /= expected.std(axis=1, keepdims=True)
    assert_allclose(ContrastNormalizer(0.0).transform(X), expected, atol=1e-4)


@pytest.mark.parametrize(("dtype", "scale"), [(np.float64, 1e-200), (np.float32, 1e-36)])
def test_too_small_to_whiten(dtype, scale, rng):
    """Data whose squares underflow are refused in words."""
    with pytest.raises(ValueError, match="too small"):
        PCAWhitener().fit((scale * make_X(rng)).astype(dtype))


@pytest.mark.parametrize(("whiten", "eps"), [("pca", 0.0), ("zca", 0.5), (None, 0.0)])
@pytest.mark.parametrize("n_components", [3, 20, 0.9])
def test_log_likelihood_is_that_of_pca(n_components, whiten, eps):
    X = load_digits().data
    new = X[::7] + 0.5
    whitener = PCAWhitener(n_components, whiten=whiten, eps=eps).fit(X)
    pca = PCA(whitener.n_components_, svd_solver="full").fit(X)
    assert_allclose(whitener.score_samples(new), pca.score_samples(new), rtol=1e-9)
    assert_allclose(whitener.score(new), pca.score(new), rtol=1e-9)
    assert_allclose(whitener.score_samples(sparse.csr_array(new)), whitener.score_samples(new), rtol=1e-9)
    in_float32 = PCAWhitener(n_components).fit(X.astype(np.float32)).score(new.astype(np.float32))
    assert_allclose(in_float32, pca.score(new), rtol=1e-4)


def test_log_likelihood_of_all_directions_is_that_of_a_gaussian(rng):
    X = rng.standard_normal((50, 4)) @ rng.standard_normal((4, 4)) + 3.0
    expected = multivariate_normal(X.mean(axis=0), np.cov(X.T)).logpdf(X)
    assert_allclose(PCAWhitener().fit(X).score_samples(X), expected, rtol=1e-9)
    # A direction without variance counts neither as distance nor as dimension.
    flat = np.column_stack([X, np.ones(len(X))])
    assert_allclose(PCAWhitener().fit(flat).score_samples(flat), expected, rtol=1e-9)


def test_log_likelihood_by_weights_and_by_chunks(rng):
    X, weight = rng.standard_normal((60, 5)) * [1, 2, 3, 4, 5], rng.integers(0, 3, size=60)
    repeated = np.repeat(X, weight, axis=0)
    by_weight = PCAWhitener(2).fit(X, sample_weight=weight)
    assert_allclose(by_weight.score(X, sample_weight=weight), PCAWhitener(2).fit(repeated).score(repeated), rtol=1e-9)
    by_chunks = PCAWhitener(2)
    for chunk in np.array_split(repeated, 4):
        by_chunks.partial_fit(chunk)
    assert_allclose(by_chunks.score_samples(X), by_weight.score_samples(X), rtol=1e-9)


def test_a_search_chooses_the_number_of_components_by_likelihood(rng):
    X = rng.standard_normal((300, 3)) @ (5.0 * rng.standard_normal((3, 8))) + rng.standard_normal((300, 8))
    search = GridSearchCV(PCAWhitener(), {"n_components": [1, 2, 3, 5, 7]}).fit(X)
    assert search.best_params_ == {"n_components": 3}


def test_rows_that_do_not_vary_have_no_density():
    whitener = PCAWhitener().fit(np.ones((5, 3)))
    with pytest.raises(ValueError, match="do not vary"):
        whitener.score(np.ones((2, 3)))
