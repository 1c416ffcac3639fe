"""PCAWhitener on CSR rows: each route gives the result of dense rows, and none makes the rows dense."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from helpers import DTYPES
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skae import PCAWhitener
from skae._unconverted_rows import UnconvertedRows
from skae.preprocessing import Whitening, _centred_rows, _pca
from skae.preprocessing._centred_rows import CentredRows, cheapest_method, has_sparse_scatter, projects_sparse

ROUTES = ["products", "leading"]
SHAPES = [(300, 40), (40, 300)]
ACCURACY = {np.float32: 1e-5, np.float64: 1e-9}


@pytest.fixture(params=ROUTES)
def route(request, monkeypatch):
    """Every fit takes this route, though for small rows the dense one is cheaper."""
    monkeypatch.setattr(
        _pca, "cheapest_method", lambda X, most: "dense" if isinstance(X, np.ndarray) else request.param
    )
    return request.param


@pytest.fixture
def thin(monkeypatch):
    """All CSR rows stay sparse in `transform`, in small blocks and by way of CSC."""
    monkeypatch.setattr(_centred_rows, "_THIN", dict.fromkeys(_centred_rows._THIN, 2.0))
    monkeypatch.setattr(_centred_rows, "_CACHE_BYTES", 0)
    monkeypatch.setattr(_centred_rows, "chunk_rows", lambda columns: 7)


def make_rows(rng, shape, dtype, offset=0.0):
    """Return dense rows, most values of which are zero, of decreasing variance; the last column is full."""
    X = rng.standard_normal(shape) * (rng.random(shape) < 0.2) * np.geomspace(3.0, 0.5, shape[1])
    X[: shape[0] // 3] += X[shape[0] // 3 : 2 * (shape[0] // 3)].mean(axis=0) * (rng.random(shape[1]) < 0.2)
    X[:, -1] = 2.0 * rng.standard_normal(shape[0]) + offset
    X[5] = X[:, 7] = 0.0
    X[5, -1] = offset + 1.0
    return X.astype(dtype)


def random_rows(shape, density, dtype=np.float64):
    """Return CSR rows with about this share of stored values."""
    n, rng = int(density * shape[0] * shape[1]), np.random.default_rng(0)
    places = tuple(rng.integers(0, size, n) for size in shape)
    return sparse.coo_matrix((rng.random(n), places), shape=shape, dtype=dtype).tocsr()


def fitted(X, n_components, weight=None):
    """Return a whitener of these rows. Its warning of few rows is no concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PCAWhitener(n_components).fit(X, sample_weight=weight)


def assert_like(found, expected, accuracy):
    """Assert that two whiteners have the same variances and components, of the same signs."""
    assert found.n_components_ == expected.n_components_
    assert found._has_cut == expected._has_cut
    assert found.components_.dtype == expected.components_.dtype
    for name in ("mean_", "explained_variance_", "explained_variance_ratio_"):
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=accuracy, atol=accuracy, err_msg=name)
    assert_allclose(found.components_, expected.components_, atol=100.0 * accuracy)


# Routes


@pytest.mark.parametrize(
    ("shape", "density", "most", "expected"),
    [
        ((3000, 300), 0.01, None, "products"),
        ((3000, 300), 0.5, None, "dense"),
        ((300, 3000), 0.01, None, "products"),
        ((300, 3000), 0.5, None, "dense"),
        ((6000, 3000), 1e-3, 10, "leading"),
        ((3000, 6000), 1e-3, 10, "leading"),
        ((6000, 3000), 1e-3, 500, "products"),
        ((6000, 3000), 1e-3, None, "products"),
        ((3000, 300), 0.01, 10, "products"),
    ],
)
def test_the_cheapest_method(shape, density, most, expected):
    """Few components of wide rows are found alone. All components take products, sparse ones where the rows are."""
    X = random_rows(shape, density)
    assert cheapest_method(X, most) == expected
    X = sparse.csr_matrix((np.ones(X.nnz, dtype=np.uint8), X.indices, X.indptr), shape=X.shape)
    assert cheapest_method(UnconvertedRows(X, np.float64), most) == expected
    assert cheapest_method(UnconvertedRows(np.zeros((4, 4), dtype=np.uint8), np.float64), most) == "dense"
    assert cheapest_method(np.zeros((4, 4)), most) == "dense"


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_rows_in_csr_are_made_dense(dtype):
    """With many stored values, products of dense chunks are faster, in `transform` and `partial_fit` too."""
    for density, stays in ((0.01, True), (0.5, False)):
        X = random_rows((3000, 300), density, dtype)
        assert projects_sparse(X) is stays
        assert has_sparse_scatter(X) is stays
    assert not projects_sparse(X.toarray())
    assert not has_sparse_scatter(X.toarray())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [1, 6])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_leading_components_are_those_of_dense_rows(dtype, shape, n_components, weighted, route, rng):
    """A number of components: the same variances and axes by each route, weights of zero among them."""
    X = make_rows(rng, shape, dtype)
    weight = rng.integers(0, 3, shape[0]) * 0.7 if weighted else None
    found = fitted(sparse.csr_matrix(X), n_components, weight)
    assert_like(found, fitted(X, n_components, weight), ACCURACY[dtype])


@pytest.mark.parametrize("n_components", [None, 1.0, 0.5, 0.99, 1000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_components_are_those_of_dense_rows(dtype, shape, n_components, monkeypatch, rng):
    """All components, or a share of the variance. An empty column and, in wide rows, the mean take a rank each."""
    X = make_rows(rng, shape, dtype)
    expected = fitted(X, n_components)
    monkeypatch.setattr(_pca, "cheapest_method", lambda X, most: "products")
    assert_like(fitted(sparse.csr_array(X), n_components), expected, ACCURACY[dtype])
    assert n_components in (0.5, 0.99) or expected.n_components_ == min(shape[0] - 1, shape[1] - 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("route", "n_components"), [("products", None), ("products", 5), ("leading", 5)])
def test_small_variances_are_exact(route, n_components, shape, monkeypatch, rng):
    """Variances of 1e-15 of the largest one, which products in float64 lose, are found as in dense rows."""
    monkeypatch.setattr(_pca, "cheapest_method", lambda X, most: "dense" if isinstance(X, np.ndarray) else route)
    X = rng.standard_normal(shape) * (rng.random(shape) < 0.3)
    X[:, 6:] = 0.0
    X[:, :6] *= 10.0 ** -np.arange(0.0, 9.0, 1.5)
    found, expected = (fitted(each, n_components) for each in (sparse.csr_matrix(X), X))
    assert found.n_components_ == expected.n_components_ == (6 if n_components is None else 5)
    assert_allclose(found.explained_variance_, expected.explained_variance_, rtol=1e-6)
    # ARPACK mixes axes of 1e-12 with those that it leaves out.
    assert_allclose(found.components_, expected.components_, atol=1e-6 if route == "products" else 1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_small_variances_of_float32(shape, route, rng):
    """Where float32 loses a variance of 1e-6 of the largest one, ARPACK takes float64."""
    X = rng.standard_normal(shape) * (rng.random(shape) < 0.3)
    X[:, 6:] = 0.0
    X = (X * np.append(np.geomspace(1.0, 1e-3, 6), np.zeros(shape[1] - 6))).astype(np.float32)
    found, expected = fitted(sparse.csr_matrix(X), 6), fitted(X.astype(np.float64), 6)
    assert_allclose(found.explained_variance_, expected.explained_variance_, rtol=1e-5)
    assert_allclose(found.components_, expected.components_, atol=1e-5)


@pytest.mark.parametrize("offset", [10.0, 1e6])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_full_column_far_from_zero(shape, offset, route, rng):
    """A column that is never zero is shifted, so that its mean costs the others no digits."""
    X = make_rows(rng, shape, np.float64, offset)
    assert_like(fitted(sparse.csr_matrix(X), 6), fitted(X, 6), 1e-8)


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e30, 1e100])
def test_extreme_scales(scale, route, rng):
    """No square leaves the range of float64, and ARPACK sees values near 1."""
    X = make_rows(rng, (300, 40), np.float64)
    found, expected = fitted(sparse.csr_matrix(X * scale), 4), fitted(X, 4)
    assert_allclose(found.explained_variance_ / scale / scale, expected.explained_variance_, rtol=1e-9)
    assert_allclose(found.components_, expected.components_, atol=1e-8)


def test_fewer_components_than_asked_for(route, rng):
    """A number beyond the rank gives the rank."""
    X = np.zeros((300, 40))
    X[:, [3, 5, 9]] = rng.standard_normal((300, 3)) * (rng.random((300, 3)) < 0.5)
    assert_like(fitted(sparse.csr_matrix(X), 12), fitted(X, 12), 1e-9)
    assert fitted(sparse.csr_matrix(X), 12).n_components_ == 3


@pytest.mark.parametrize("n_components", [8, 10, 30])
def test_weights_that_leave_few_rows(n_components, route, rng):
    """Rows of weight zero count neither for the route nor for the rank."""
    X, weight = make_rows(rng, (300, 40), np.float64), np.zeros(300)
    weight[20:30] = 1.0
    found = fitted(sparse.csr_matrix(X), n_components, weight)
    assert_like(found, fitted(X[20:30], n_components), 1e-9)


def test_fits_repeat(route, rng):
    """Two fits give the same bits: the start of ARPACK is fixed."""
    X = sparse.csr_matrix(make_rows(rng, (300, 40), np.float32))
    np.random.seed(1)  # noqa: NPY002
    first = fitted(X, 5)
    np.random.seed(2)  # noqa: NPY002
    assert_array_equal(fitted(X, 5).components_, first.components_)
    assert_array_equal(pickle.loads(pickle.dumps(first)).transform(X), first.transform(X))


@pytest.mark.parametrize("value", [0.0, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_rows(shape, value, route):
    """Rows without variance become zero, without a warning."""
    X = np.full(shape, value)
    for n_components in (3, *([None] if route == "products" else [])):
        whitener = PCAWhitener(n_components).fit(sparse.csr_matrix(X))
        assert whitener.n_components_ == 1
        assert np.abs(whitener.transform(sparse.csr_matrix(X))).max() < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
def test_bytes(dtype, route, thin, rng):
    """Integers are computed with in float64, as in dense rows."""
    X = (rng.integers(0, 255, (300, 40)) * (rng.random((300, 40)) < 0.2)).astype(np.uint8)
    found, expected = fitted(sparse.csr_matrix(X), 5), fitted(X.astype(np.float64), 5)
    assert_like(found, expected, 1e-9)
    assert_allclose(found.transform(sparse.csr_matrix(X)), expected.transform(X), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("form", ["csc_array", "coo_matrix", "csr_array"])
def test_other_formats_and_disordered_indices(form, route, thin, rng):
    """Other formats, 64-bit indices, stored zeros, unsorted and equal indices are the same rows."""
    X = make_rows(rng, (300, 40), np.float64)
    expected, order = fitted(sparse.csr_matrix(X), 4), np.tile(np.repeat(np.arange(40)[::-1], 2), 300)
    halves = np.repeat(X[:, ::-1], 2, axis=1).ravel() / 2.0
    S = sparse.csr_array((halves, order.astype(np.int64), np.arange(0, 300 * 80 + 1, 80)), shape=X.shape)
    for rows in (getattr(sparse, form)(X), S):
        found = fitted(rows, 4)
        assert_allclose(found.components_, expected.components_, atol=1e-9)
        assert_allclose(found.transform(rows), expected.transform(sparse.csr_matrix(X)), atol=1e-9)


def test_bad_rows_are_refused_as_dense_ones(route, rng):
    """The sentences are those of dense rows."""
    X = make_rows(rng, (300, 40), np.float64)
    spoilt = X.copy()
    spoilt[3, 4] = np.nan
    whitener = PCAWhitener(4).fit(sparse.csr_matrix(X))
    for method, bad in (
        ("fit", spoilt),
        ("transform", spoilt),
        ("fit", X[:0]),
        ("fit", X[:1]),
        ("transform", X[:, :9]),
    ):
        sentences = []
        for rows in (bad, sparse.csr_matrix(bad)):
            with pytest.raises(ValueError, match=r"NaN|sample|features") as error:
                getattr(whitener, method)(rows)
            sentences.append(str(error.value))
        assert sentences[0] == sentences[1]


# Other methods


@pytest.mark.parametrize("whiten", ["pca", "zca", None])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_transform_of_sparse_rows(dtype, offset, whiten, thin, rng):
    """Rows that stay sparse are transformed as dense ones, to the rounding of the terms that are added."""
    X = make_rows(rng, (300, 40), dtype, offset)
    whitener = PCAWhitener(6, whiten=whiten).fit(X)
    Z = whitener.transform(sparse.csr_matrix(X))
    assert Z.dtype == dtype
    terms = np.abs(X) @ np.abs(whitener.components_.T) * Whitening.of(whitener, X.dtype).scale
    size = terms.max() * (6.0 if whiten == "zca" else 1.0)
    assert_allclose(Z, whitener.transform(X), rtol=0.0, atol=10.0 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_partial_fit_adds_sparse_products(dtype, weighted, monkeypatch, rng):
    """Chunks of CSR rows give the result of one fit to dense rows, by products that leave them sparse."""
    X = make_rows(rng, (300, 40), dtype, offset=10.0)
    weight = rng.integers(0, 3, 300) * 0.7 if weighted else None
    calls, scatter = [], CentredRows.scatter
    monkeypatch.setattr(_pca, "has_sparse_scatter", sparse.issparse)
    monkeypatch.setattr(CentredRows, "scatter", lambda rows: calls.append(1) or scatter(rows))
    whitener = PCAWhitener(0.9)
    for rows in np.split(np.arange(300), 3):
        whitener.partial_fit(sparse.csr_matrix(X[rows]), sample_weight=None if weight is None else weight[rows])
    assert len(calls) == 3
    expected = fitted(X.astype(np.float64), 0.9, weight)
    assert_allclose(whitener.explained_variance_, expected.explained_variance_, rtol=ACCURACY[dtype])
    assert_allclose(whitener.components_, expected.components_, atol=100.0 * ACCURACY[dtype])


# Memory


@pytest.mark.parametrize("shape", [(800, 10_000), (10_000, 800)])
@pytest.mark.parametrize("n_components", [5, 0.2])
def test_no_row_becomes_dense(shape, n_components):
    """The memory is that of the stored values, of the axes and of their products: not that of all rows."""
    X = random_rows(shape, 2e-3)
    tracemalloc.start()
    whitener = fitted(X, n_components)
    fit_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    Z = whitener.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    dense_bytes = 8.0 * shape[0] * shape[1]  # 64 MB
    found = max(whitener.components_.nbytes, Z.nbytes)
    assert fit_peak < (0.1 * dense_bytes if n_components == 5 else 5 * 8 * 800**2 + 4.0 * found)
    assert peak < 0.1 * dense_bytes + 4.0 * found
