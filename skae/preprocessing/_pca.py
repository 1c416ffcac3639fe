"""Principal components of weighted rows, by the cheapest route that is exact enough."""

import dataclasses

import numpy as np

from skae.training import dense, row_blocks

# Products square the condition number: below these shares of the largest variance, their eigenvalues are wrong by
# more than a whitened covariance may be (1e-3 in float32, 1e-6 in float64).
_PRODUCT_FLOOR = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}

# Below these shares X itself hardly holds a direction's variance: it counts as none.
_RANK_FLOOR = {np.dtype(np.float32): 1e-10, np.dtype(np.float64): 1e-20}

# Products of so many rows at a time are as fast as that of all.
_PRODUCT_ROWS = 4096

# Below this variance, squares are not normal numbers any more.
_LOST = {np.dtype(np.float32): 1e-25, np.dtype(np.float64): 1e-290}


@dataclasses.dataclass(frozen=True)
class Factor:
    """Rows R (m, d) with R^T R = sum_i w_i (x_i - mean)(x_i - mean)^T; compressed by QR, m stays below 2d."""

    R: np.ndarray

    def with_rows(self, X, sample_weight, mean):
        """Return the factor with the rows of X, centred at `mean`, added."""
        factor = self
        for rows, block in row_blocks(X):
            centred = block.astype(np.float64) - mean
            if sample_weight is not None:
                centred *= np.sqrt(sample_weight[rows])[:, None]
            factor = Factor(np.vstack([factor.R, centred])).compressed()
        return factor

    def with_shift(self, a, b):
        """Return the factor about the common mean of two sets of rows, given weight, mean and variance of both."""
        if a[0] == 0.0:
            return self
        row = np.sqrt(a[0] * (b[0] / (a[0] + b[0]))) * (b[1] - a[1])
        return Factor(np.vstack([self.R, row])).compressed()

    def compressed(self, limit=None):
        """Return the same by at most d rows, if there are more than `limit` (2d if None)."""
        m, d = self.R.shape
        return Factor(np.linalg.qr(self.R, mode="r")) if m > (2 * d if limit is None else limit) else self


def principal_components(X, sample_weight, mean, keep, dtype, noise):
    """Return the sums of squares along the principal components that are kept, and the components.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, d)
        Rows.
    sample_weight : ndarray of shape (n,) or None
        Their weights.
    mean : ndarray of shape (d,)
        Subtracted from the rows.
    keep : callable
        Maps all sums of squares, in decreasing order and without those that are none, to how many to keep.
    dtype : numpy dtype
        That of the data: it decides which directions count as having none.
    noise : ndarray of shape (d,)
        Sum of squares that the rounding of each feature alone explains.

    Returns
    -------
    squares : ndarray of shape (k,)
        sum_i w_i (v_k.(x_i - mean))^2, decreasing, float64.
    components : ndarray of shape (k, d)
        The v_k, float64, each with its largest entry positive.
    """
    wide = X.shape[0] < X.shape[1]
    routes = [np.float64] if wide else dict.fromkeys([X.dtype.type, np.float64])
    for route in map(np.dtype, routes):
        squares, components = (_by_row_products if wide else _by_products)(X, sample_weight, mean, route)
        k = _kept(squares, keep, _RANK_FLOOR[dtype], components**2 @ noise)
        if squares[k - 1] > _PRODUCT_FLOOR[route] * squares[0]:
            break
    else:
        if squares[0] > 0.0 and not wide:
            factor = _rotated_factor(X, sample_weight, mean, squares, components)
        else:
            factor = Factor(np.empty((0, X.shape[1]))).with_rows(X, sample_weight, mean)
        _, singular, components = np.linalg.svd(factor.R, full_matrices=False)
        squares = singular**2
        k = _kept(squares, keep, _RANK_FLOOR[dtype], components**2 @ noise)
    components = components[:k]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return squares[:k], components * np.sign(largest)


def _kept(squares, keep, floor, noise):
    """How many to keep of the sums of squares that are above their noise and a share of the largest; at least one."""
    return max(1, keep(squares[squares > np.maximum(floor * squares[0], noise)]))


def _by_products(X, sample_weight, mean, dtype):
    """Eigenvalues and eigenvectors of sum_i w_i (x_i - mean)(x_i - mean)^T: products in dtype, sums in float64."""
    d = X.shape[1]
    scatter, mass = np.zeros((d, d)), 0.0
    buffer = np.empty((min(X.shape[0], _PRODUCT_ROWS), d), dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # then the float64 route is taken
        for rows, block in row_blocks(X, rows=_PRODUCT_ROWS):
            centred = np.subtract(block, mean.astype(dtype), out=buffer[: len(block)], dtype=dtype)
            weighted = centred if sample_weight is None else centred * sample_weight[rows, None].astype(dtype)
            scatter += weighted.T @ centred
            mass += len(block) if sample_weight is None else sample_weight[rows].sum()
    rounding = mean - mean.astype(dtype).astype(np.float64)
    scatter -= mass * np.outer(rounding, rounding)
    if not np.isfinite(scatter).all() or scatter.trace() < _LOST[dtype] * mass:
        return np.zeros(1), np.zeros((1, d))
    squares, vectors = np.linalg.eigh(scatter)
    return np.maximum(squares[::-1], 0.0), vectors.T[::-1]


def _by_row_products(X, sample_weight, mean, dtype):
    """The same for fewer rows than features, from the products of the rows with each other."""
    R = dense(X).astype(dtype) - mean
    if sample_weight is not None:
        R *= np.sqrt(sample_weight)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        products = R @ R.T
    if not np.isfinite(products).all() or products.trace() < _LOST[dtype] * len(R):
        return np.zeros(1), np.zeros((1, X.shape[1]))
    squares, vectors = np.linalg.eigh(products)
    squares, vectors = np.maximum(squares[::-1], 0.0), vectors.T[::-1]
    # Rows of products below the floor are not kept, and what is near zero need not be divided by.
    sizes = np.sqrt(np.maximum(squares, _PRODUCT_FLOOR[dtype] * squares[0]))
    return squares, (vectors @ R) / sizes[:, None]


def _rotated_factor(X, sample_weight, mean, squares, components):
    """Return the factor of the rows from their products after a first, inexact whitening.

    As in CholeskyQR2 (Yamamoto et al. 2015): in the first principal components, each divided by its size, products
    are well conditioned, so that the factor is as exact as by QR, and several times cheaper.
    """
    size = np.sqrt(np.maximum(squares, 1e-15 * squares[0]))
    scatter = np.zeros((len(size), len(size)))
    for rows, block in row_blocks(X):
        Z = (block.astype(np.float64) - mean) @ components.T
        Z /= size
        scatter += Z.T @ (Z if sample_weight is None else Z * sample_weight[rows, None])
    shares, vectors = np.linalg.eigh(scatter)
    return Factor(np.sqrt(np.maximum(shares, 0.0))[:, None] * (vectors.T * size) @ components)
