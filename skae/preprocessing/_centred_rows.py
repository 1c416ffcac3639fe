"""CSR rows about their mean, and the products with them that leave them sparse."""

import dataclasses
import inspect
import math

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from skae._unconverted_rows import UnconvertedRows
from skae.training import chunk_rows

# Nanoseconds of one multiplication: in products of sparse matrices, of a sparse matrix and a vector, and of dense
# matrices in each dtype (one thread of a CPU with AVX2); and of one step of eigenvectors, whose number is the cube.
_SPARSE, _VECTOR, _EIGEN = 6.0, 2.0, 0.2
_DENSE = {np.dtype(np.float32): 0.02, np.dtype(np.float64): 0.05}

# Iterations of ARPACK for one eigenvector, and the nanoseconds of one number of its basis in each.
_ITERATIONS, _BASIS = 15, 5.0

# ARPACK finds at most this share of all eigenvectors: beyond, all of them take as long.
_LARGEST_SHARE = 0.1

# Of rows with a larger share of stored values, the product with dense components is faster if the rows are dense too.
_THIN = {np.dtype(np.float32): 0.05, np.dtype(np.float64): 0.1}

# Unit vectors whose products have a smaller eigenvalue than this are linearly dependent, to rounding.
_DEPENDENT = 1e-13

# A block of products has this many numbers.
_BLOCK_NUMBERS = 2**22

# A dense factor of more bytes leaves the cache. CSC reads it once for a block of rows, CSR once for a row.
_CACHE_BYTES = 2**22

# Sizes beyond these are scaled, so that no square leaves the range of float32.
_SMALLEST_SIZE, _LARGEST_SIZE = 1e-3, 1e3

# scipy from 1.17 on draws the vectors that replace an exhausted basis from a generator, which older versions fix.
_SEEDED = "rng" in inspect.signature(eigsh).parameters


def cheapest_method(X, most=None):
    """Return how to find the principal components of rows: "dense", "products" or "leading".

    "dense" makes chunks of the rows dense. "products" multiplies sparse features, or sparse rows where these are fewer.
    "leading" finds the leading components alone, by products with vectors. `most` is the largest number of components
    to find; None finds all.
    """
    source = _source(X)
    if not sparse.issparse(source):
        return "dense"
    (n, d), smaller = X.shape, min(X.shape)
    eigenvectors = _EIGEN * smaller**3
    dense = n * d + _DENSE[np.dtype(np.float64) if n < d else X.dtype] * n * d * smaller
    cost = {"dense": dense + eigenvectors, "products": _products_cost(source, n >= d) + eigenvectors}
    if most is not None and most + 1 <= _LARGEST_SHARE * smaller:
        each = 2.0 * _VECTOR * source.nnz + _BASIS * smaller * 2 * (most + 1)
        cost["leading"] = _ITERATIONS * (most + 1) * each
    return min(cost, key=cost.get)


def has_sparse_scatter(X):
    """Return whether the products of the features with each other are cheaper if the rows stay sparse."""
    n, d = X.shape
    dense = n * d * (1.0 + _DENSE[np.dtype(np.float64)] * d)
    return sparse.issparse(_source(X)) and _products_cost(_source(X), True) < dense


def _products_cost(source, of_features):
    """Return the nanoseconds of the products of the features, or of the rows, with each other."""
    lengths = np.diff(source.indptr) if of_features else np.bincount(source.indices)
    return _SPARSE * float(np.sum(lengths.astype(np.float64) ** 2)) + source.shape[1 if of_features else 0] ** 2


def projects_sparse(X):
    """Return whether rows are so sparse that products with dense components are cheaper if they stay sparse."""
    return sparse.issparse(_source(X)) and _source(X).nnz < _THIN[X.dtype] * math.prod(X.shape)


def projections(X, components):
    """Yield (index, X @ components.T) over blocks of the rows of CSR X, in X's dtype."""
    weights = np.ascontiguousarray(components.T)
    n_rows = chunk_rows(len(components))
    for start in range(0, X.shape[0], n_rows):
        index = slice(start, start + n_rows)
        yield index, _product(_source(X)[index].astype(X.dtype, copy=False), weights)


def _product(rows, weights):
    """Return the product of CSR rows with a dense matrix whose rows are contiguous."""
    return (rows.tocsc() if weights.nbytes > _CACHE_BYTES else rows) @ weights


def _source(X):
    return X.source if isinstance(X, UnconvertedRows) else X


@dataclasses.dataclass(frozen=True)
class CentredRows:
    """The matrix A = diag(sqrt(w)) (X - 1 mean^T) of CSR rows X, as size (B - r m^T). It is never formed.

    Columns without a zero are shifted by their mean, and have m = 0: else squares would cancel. The rounding of other
    columns is no problem, because one zero in n rows keeps the squared mean below n variances.

    Parameters
    ----------
    B : CSR array of shape (n, d)
        Sparse rows, float64.
    r : ndarray of shape (n,)
        Roots of the weights.
    m : ndarray of shape (d,)
        What is left of the mean.
    size : float
        A power of two.
    """

    B: sparse.csr_array
    r: np.ndarray
    m: np.ndarray
    size: float

    @classmethod
    def about(cls, X, sample_weight, mean):
        """Return the rows of positive weight about the mean. The indices are those of X, the values may be a copy."""
        if sample_weight is not None and not sample_weight.all():
            X, sample_weight = X[np.flatnonzero(sample_weight)], sample_weight[sample_weight > 0.0]
        source = _source(X)
        n, d = source.shape
        values = source.data.astype(X.dtype, copy=False).astype(np.float64, copy=False)
        full = np.bincount(source.indices, minlength=d) == n
        if full.any():
            values = values - np.where(full, mean, 0.0)[source.indices]
        mean = np.where(full, 0.0, mean)
        roots = np.ones(n) if sample_weight is None else np.sqrt(sample_weight)
        if sample_weight is not None:
            values = values * np.repeat(roots, np.diff(source.indptr))
        largest, size = max(np.abs(values).max(initial=0.0), float(np.abs(mean).max()) * float(roots.max())), 1.0
        if largest > 0.0 and not _SMALLEST_SIZE < largest < _LARGEST_SIZE:
            size = math.ldexp(1.0, math.frexp(largest)[1] - 1)
            values, mean = values / size, mean / size
        return cls(sparse.csr_array((values, source.indices, source.indptr), shape=(n, d)), roots, mean, size)

    @property
    def wide(self):
        """Whether there are fewer rows than features."""
        return self.B.shape[0] < self.B.shape[1]

    def is_zero(self):
        """Return whether all rows are equal to the mean."""
        return not self.B.data.any() and not self.m.any()

    def offset(self):
        """Return the sum of the squares of the mean, which are subtracted: their rounding is that of the products."""
        return float(self.r @ self.r) * float(self.m @ self.m) * self.size**2

    def scatter(self):
        """Return the products of the features with each other, A^T A / size^2 (d, d)."""
        half = self.B.T @ self.r - 0.5 * (self.r @ self.r) * self.m
        return _gram(self.B.T.tocsr(), self.B, half, self.m)

    def row_products(self):
        """Return the products of the rows with each other, A A^T / size^2 (n, n)."""
        half = self.B @ self.m - 0.5 * (self.m @ self.m) * self.r
        return _gram(self.B, self.B.T.tocsr(), half, self.r)

    def axes(self):
        """Return all eigenvalues of A^T A, or of A A^T where it is smaller, decreasing, and the eigenvectors."""
        squares, vectors = np.linalg.eigh(self.row_products() if self.wide else self.scatter())
        return np.maximum(squares[::-1], 0.0) * self.size**2, vectors[:, ::-1]

    def leading_axes(self, k, dtype):
        """Return the k largest of the eigenvalues that `axes` returns, and their eigenvectors, by ARPACK.

        The products with A and A^T, which read the stored values twice in each iteration, are in `dtype`. The
        eigenvectors are orthogonal to the rounding of float64.
        """
        r, m, values = (each.astype(dtype, copy=False) for each in (self.r, self.m, self.B.data))
        B = sparse.csr_array((values, self.B.indices, self.B.indptr), shape=self.B.shape)
        transposed, n = B.T, min(B.shape)
        raw = float(self.B.data @ self.B.data)
        mean_square = max(raw - self.offset() / self.size**2, 1e-15 * raw) / n

        def by_features(v):
            u = B @ v
            u -= r * (m @ v)
            v = transposed @ u
            v -= m * (r @ u)
            v /= mean_square  # ARPACK takes eigenvalues below 4e-11 for zero
            return v

        def by_rows(u):
            v = transposed @ u
            v -= m * (r @ u)
            u = B @ v
            u -= r * (m @ v)
            u /= mean_square
            return u

        operator = LinearOperator((n, n), matvec=by_rows if self.wide else by_features, dtype=dtype)
        seeded = {"rng": np.random.default_rng(0)} if _SEEDED else {}
        v0 = np.random.default_rng(0).standard_normal(n).astype(dtype)
        squares, vectors = (each.astype(np.float64) for each in eigsh(operator, k, v0=v0, **seeded))
        order = np.argsort(-squares)
        return np.maximum(squares[order], 0.0) * mean_square * self.size**2, np.linalg.qr(vectors[:, order])[0]

    def components(self, squares, vectors):
        """Return the lengths (k,) and the unit vectors of the features (k, d) of eigenvalues and eigenvectors.

        Where there are fewer rows than features, the lengths are those of A^T u: the vectors of small ones are not
        orthogonal. Else they are the roots of the eigenvalues, as far as these are more than rounding.
        """
        if not self.wide:
            return np.sqrt(np.maximum(squares, 1e-15 * squares[0])), vectors.T
        components = (self.B.tocsc().T @ np.ascontiguousarray(vectors)).T
        components -= np.outer(self.r @ vectors, self.m)
        lengths = np.linalg.norm(components, axis=1)
        components /= np.where(lengths > 0.0, lengths, 1.0)[:, None]
        return lengths * self.size, components

    def rotated(self, lengths, components):
        """Return the exact sums of squares (r,), decreasing, and their components (r, d), from inexact ones.

        Both are divided by their lengths first. Then products are well conditioned; see `_rotated_factor`.
        """
        shares, vectors = np.linalg.eigh(
            components @ components.T if self.wide else self._scatter_along(lengths, components)
        )
        if not self.wide:
            factor = np.sqrt(np.maximum(shares, 0.0))[:, None] * (vectors.T * lengths)
            _, singular, rotation = np.linalg.svd(factor)
            return singular**2, rotation @ components
        known = shares > _DEPENDENT
        roots, vectors = np.sqrt(shares[known]), vectors[:, known]
        _, singular, rotation = np.linalg.svd(lengths[:, None] * vectors * roots, full_matrices=False)
        return singular**2, (rotation / roots @ vectors.T) @ components

    def _scatter_along(self, lengths, components):
        """Return the scatter (k, k) of the rows along components (k, d), each divided by its length."""
        scatter = np.zeros((len(components), len(components)))
        offset = components @ self.m
        for rows, Z in projections(self.B, components):
            Z -= np.outer(self.r[rows], offset)
            Z /= lengths / self.size
            scatter += Z.T @ Z
        return scatter


def _gram(left, right, u, v):
    """Return left @ right - u v^T - v u^T, dense, from CSR matrices, a block of rows at a time."""
    out = np.empty((len(u), len(u)))
    n_rows = max(1, _BLOCK_NUMBERS // len(u))
    for start in range(0, len(u), n_rows):
        rows = slice(start, start + n_rows)
        out[rows] = (left[rows] @ right).toarray()
        out[rows] -= np.outer(u[rows], v)
        out[rows] -= np.outer(v[rows], u)
    return out
