"""Principal components of weighted rows, by the cheapest method that is exact enough."""

import contextlib
import dataclasses

import numpy as np
from scipy.linalg.lapack import dpocon

from skae.preprocessing._centred_rows import CentredRows, cheapest_method, has_sparse_scatter
from skae.training import merge_moments, moments, principal_axes, row_chunks

# Products square the condition number. For variances below these shares of the largest one, their eigenvalues are less
# exact than a whitened covariance must be (1e-3 in float32, 1e-6 in float64).
_PRODUCT_FLOOR = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}

# The rounding of X hides variances below these shares of the largest one, so they count as zero.
_RANK_FLOOR = {np.dtype(np.float32): 1e-10, np.dtype(np.float64): 1e-20}

# Below this share of the largest one, the eigenvalues of a scatter are rounding.
_SCATTER_FLOOR = 1e-13

# Squares of smaller sizes are near the smallest normal numbers.
_SMALLEST_SIZE = 1e-140

# Of rows whose correlations have a smaller reciprocal condition number than this, products lose digits.
_WELL_CONDITIONED = 1e-6


@dataclasses.dataclass(frozen=True)
class Factor:
    """Rows R (m, d) with R^T R = sum_i w_i (x_i - mean)(x_i - mean)^T. They are compressed, so that m <= 2d.

    It is as exact as the rows: squares are not taken where they would lose digits.
    """

    R: np.ndarray

    def with_rows(self, X, sample_weight, mean):
        """Return a factor that also has the rows of X, centred at `mean`."""
        factor = self
        for rows, chunk in row_chunks(X):
            factor = factor.with_centred(_centred(chunk, mean, sample_weight, rows))
        return factor

    def with_centred(self, rows):
        """Return a factor that also has these rows, as they are."""
        return Factor(np.vstack([self.R, rows])).compressed()

    def compressed(self, limit=None):
        """Return an equal factor of at most d rows if there are more than `limit` rows (2d if None), else itself."""
        m, d = self.R.shape
        return Factor(_triangle(self.R)) if m > (2 * d if limit is None else limit) else self

    def principal_components(self, keep, dtype, noise):
        """Return the principal components to keep, and the sums of squares along them; see the function."""
        return principal_components(self.R, None, np.zeros(self.R.shape[1]), keep, dtype, noise)


@dataclasses.dataclass(frozen=True)
class Scatter:
    """The matrix S = sum_i w_i (x_i - mean)(x_i - mean)^T (d, d), float64; see `squares_for`.

    Its eigenvalues are exact to about 1e-15 of the largest one. It is cheaper than a `Factor`.
    """

    S: np.ndarray

    def with_rows(self, X, sample_weight, mean):
        """Return the scatter that also has the rows of X, centred at `mean`."""
        if has_sparse_scatter(X):
            centred_rows = CentredRows.about(X, sample_weight, mean)
            return Scatter(self.S + centred_rows.scatter() * centred_rows.size**2)
        S = self.S.copy()
        for rows, chunk in row_chunks(X):
            centred = _centred(chunk, mean, sample_weight, rows)
            S += centred.T @ centred
        return Scatter(S)

    def with_centred(self, rows):
        """Return the scatter that also has these rows, as they are."""
        return Scatter(self.S + rows.T @ rows)

    def principal_components(self, keep, dtype, noise):
        """Return the principal components to keep, and the sums of squares along them; see the function."""
        squares, vectors = np.linalg.eigh(self.S)
        squares, components = np.maximum(squares[::-1], 0.0), vectors.T[::-1]
        floor = max(_RANK_FLOOR[dtype], _SCATTER_FLOOR)
        return _signed(squares, components, _kept(squares, keep, floor, components**2 @ noise))


def squares_for(squares, n_rows, dtype, n_components):
    """Return the `Factor` or the `Scatter` to add `n_rows` rows to. Few rows of many features are a small factor.

    A scatter must be exact enough for the smallest variance that is kept. In float32, variances below 1e-10 of the
    largest one count as zero. With a share f of the variance to keep, the smallest one is at least (1 - f)/d of it.
    """
    if isinstance(squares, Scatter) or len(squares.R) + n_rows <= squares.R.shape[1]:
        return squares
    share = 0.0 if n_components is None or n_components >= 1 else (1.0 - n_components) / squares.R.shape[1]
    if dtype == np.float32 or share > _PRODUCT_FLOOR[np.dtype(np.float64)]:
        return Scatter(squares.R.T @ squares.R)
    return squares


def squares_of(X, sample_weight, dtype, n_components):
    """Return the moments of rows, and their squares about their mean, as a `Factor` or a `Scatter`."""
    seen = moments(X, sample_weight)
    squares = squares_for(Factor(np.empty((0, X.shape[1]))), X.shape[0], np.dtype(dtype), n_components)
    return seen, squares.with_rows(X, sample_weight, seen[1])


def joined_squares(parts):
    """Return the moments and the squares of several sets of rows together, each as `squares_of` returns it."""
    seen, squares = parts[0]
    for other, added in parts[1:]:
        squares = squares.with_centred(between(seen, other))
        if isinstance(squares, Factor) and isinstance(added, Scatter):
            squares, added = added, squares
        squares = squares.with_centred(added.R) if isinstance(added, Factor) else Scatter(squares.S + added.S)
        seen = merge_moments(seen, other)
    return seen, squares


def between(a, b):
    """Return the row (1, d) that two sets of rows, each about its own mean, lack about their common mean.

    Each set is given by its weight, its mean and its variance.
    """
    return np.sqrt(a[0] * (b[0] / (a[0] + b[0]))) * (b[1] - a[1])[None]


def _centred(chunk, mean, sample_weight, rows):
    """Return the chunk about the mean, each row times the root of its weight, in float64."""
    centred = np.subtract(chunk, mean, dtype=np.float64)
    if sample_weight is not None:
        centred *= np.sqrt(sample_weight[rows])[:, None]
    return centred


def _triangle(R):
    """Return a factor (d, d) of R^T R, for m > d rows: by products if these are exact enough, else by QR.

    Products are several times as fast. A common scale of all features matters as little as in QR, because the
    correlations are factored.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        S = R.T @ R
        size = np.sqrt(np.diag(S))
        if np.isfinite(S).all() and size.min() > _SMALLEST_SIZE:
            with contextlib.suppress(np.linalg.LinAlgError):
                correlations = S / size / size[:, None]
                L = np.linalg.cholesky(correlations)
                if dpocon(L.T, np.abs(correlations).sum(axis=0).max())[0] > _WELL_CONDITIONED:
                    return L.T * size
    return np.linalg.qr(R, mode="r")


def principal_components(X, sample_weight, mean, keep, dtype, noise, most=None):
    """Return the principal components to keep, and the sums of squares along them.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, d)
        Rows.
    sample_weight : ndarray of shape (n,) or None
        Weights of the rows.
    mean : ndarray of shape (d,)
        Mean, which is subtracted from the rows.
    keep : callable
        It gets all sums of squares that do not count as zero, in decreasing order, and returns how many to keep.
    dtype : numpy dtype
        Dtype of the data. It decides which sums of squares count as zero.
    noise : ndarray of shape (d,)
        Sum of squares of each feature that rounding alone explains.
    most : int or None
        The largest number that `keep` returns, if it is known. It saves the time of the others with sparse rows.

    Returns
    -------
    squares : ndarray of shape (k,)
        The sums sum_i w_i (v_k.(x_i - mean))^2, decreasing, float64.
    components : ndarray of shape (k, d)
        The v_k, float64, each with its largest entry positive.
    """
    method = cheapest_method(X, most)
    if method != "dense":
        rows = CentredRows.about(X, sample_weight, mean)
        return _signed(*_sparse_components(rows, most if method == "leading" else None, keep, dtype, noise))
    wide = X.shape[0] < X.shape[1]
    precisions = [np.float64] if wide else dict.fromkeys([X.dtype.type, np.float64])
    for precision in map(np.dtype, precisions):
        squares, components = principal_axes(X, sample_weight, mean, precision, _PRODUCT_FLOOR[precision])
        k = _kept(squares, keep, _RANK_FLOOR[dtype], components**2 @ noise)
        if squares[k - 1] > _PRODUCT_FLOOR[precision] * squares[0]:
            break
    else:
        if squares[0] > 0.0 and not wide:
            factor = _rotated_factor(X, sample_weight, mean, squares, components)
        else:
            factor = Factor(np.empty((0, X.shape[1]))).with_rows(X, sample_weight, mean)
        _, singular, components = np.linalg.svd(factor.R, full_matrices=False)
        squares = singular**2
        k = _kept(squares, keep, _RANK_FLOOR[dtype], components**2 @ noise)
    return _signed(squares, components, k)


def _sparse_components(rows, most, keep, dtype, noise):
    """Return the sums of squares along the components of `CentredRows`, the components, and how many to keep.

    `most` is the largest number of components to find; None finds all.
    """
    floor = _RANK_FLOOR[dtype]
    if rows.is_zero():
        squares, components = np.zeros(1), np.eye(1, rows.B.shape[1])
        return squares, components, _kept(squares, keep, floor, 0.0)
    if most is None or most + 1 >= min(rows.B.shape):  # weights of zero may leave few rows
        precision, (squares, vectors) = np.dtype(np.float64), rows.axes()
    else:
        for precision in dict.fromkeys([dtype, np.dtype(np.float64)]):
            squares, vectors = rows.leading_axes(most + 1, precision)
            if squares[most - 1] > _PRODUCT_FLOOR[precision] * max(squares[0], rows.offset()):
                break
    # One more than are kept, which shows that there are others.
    n_found = min(len(squares), keep(squares[squares > floor * squares[0]]) + 1)
    if squares[n_found - 1] <= _SCATTER_FLOOR * squares[0]:
        n_found = len(squares)  # among rounding, an axis is mixed from all that are left
    squares = squares[:n_found]
    lengths, components = rows.components(squares, vectors[:, :n_found])
    k = _kept(squares, keep, floor, components**2 @ noise)
    if precision == np.float32 or squares[k - 1] <= _PRODUCT_FLOOR[precision] * max(squares[0], rows.offset()):
        squares, components = rows.rotated(lengths, components)
        k = _kept(squares, keep, floor, components**2 @ noise)
    return squares, components, k


def _signed(squares, components, k):
    """Return the first k of both. The largest entry of each component becomes positive."""
    components = components[:k]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return squares[:k], components * np.sign(largest)


def _kept(squares, keep, floor, noise):
    """Return how many sums of squares to keep, at least one, of those above their noise and a share of the largest."""
    return max(1, keep(squares[squares > np.maximum(floor * squares[0], noise)]))


def _rotated_factor(X, sample_weight, mean, squares, components):
    """Return the factor of the rows, from their products after a first, inexact whitening.

    The idea is that of CholeskyQR2 (Yamamoto et al. 2015). Express the rows in the first principal components, each
    divided by its size. Then products are well conditioned. So the factor is as exact as by QR, and several times
    cheaper.
    """
    size = np.sqrt(np.maximum(squares, 1e-15 * squares[0]))
    scatter = np.zeros((len(size), len(size)))
    for rows, chunk in row_chunks(X):
        Z = (chunk.astype(np.float64) - mean) @ components.T
        Z /= size
        scatter += Z.T @ (Z if sample_weight is None else Z * sample_weight[rows, None])
    shares, vectors = np.linalg.eigh(scatter)
    return Factor(np.sqrt(np.maximum(shares, 0.0))[:, None] * (vectors.T * size) @ components)
