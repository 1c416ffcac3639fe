"""Principal components of weighted rows, by the cheapest method that is exact enough."""

import dataclasses

import numpy as np

from skae.training import principal_axes, row_chunks

# Products square the condition number. For variances below these shares of the largest one, their eigenvalues are less
# exact than a whitened covariance must be (1e-3 in float32, 1e-6 in float64).
_PRODUCT_FLOOR = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}

# The rounding of X hides variances below these shares of the largest one, so they count as zero.
_RANK_FLOOR = {np.dtype(np.float32): 1e-10, np.dtype(np.float64): 1e-20}


@dataclasses.dataclass(frozen=True)
class Factor:
    """Rows R (m, d) with R^T R = sum_i w_i (x_i - mean)(x_i - mean)^T. QR compresses them, so that m <= 2d."""

    R: np.ndarray

    def with_rows(self, X, sample_weight, mean):
        """Return a factor that also has the rows of X, centred at `mean`."""
        factor = self
        for rows, chunk in row_chunks(X):
            centred = chunk.astype(np.float64) - mean
            if sample_weight is not None:
                centred *= np.sqrt(sample_weight[rows])[:, None]
            factor = Factor(np.vstack([factor.R, centred])).compressed()
        return factor

    def with_shift(self, a, b):
        """Return the factor about the common mean of two sets of rows, given (weight, mean, variance) of each set."""
        if a[0] == 0.0:
            return self
        row = np.sqrt(a[0] * (b[0] / (a[0] + b[0]))) * (b[1] - a[1])
        return Factor(np.vstack([self.R, row])).compressed()

    def compressed(self, limit=None):
        """Return an equal factor of at most d rows if there are more than `limit` rows (2d if None), else itself."""
        m, d = self.R.shape
        return Factor(np.linalg.qr(self.R, mode="r")) if m > (2 * d if limit is None else limit) else self


def principal_components(X, sample_weight, mean, keep, dtype, noise):
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

    Returns
    -------
    squares : ndarray of shape (k,)
        The sums sum_i w_i (v_k.(x_i - mean))^2, decreasing, float64.
    components : ndarray of shape (k, d)
        The v_k, float64, each with its largest entry positive.
    """
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
