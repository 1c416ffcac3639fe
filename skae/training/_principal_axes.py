"""Principal axes of rows: eigenvectors of the products of features, or of rows where these are fewer."""

import numpy as np

from skae.training._chunks import row_chunks

# Products of this many rows at a time are as fast as one product of all rows.
_PRODUCT_ROWS = 4096

# With a variance below this, squares may be below the smallest normal number.
_LOST = {np.dtype(np.float32): 1e-25, np.dtype(np.float64): 1e-290}


def principal_axes(X, sample_weight, mean, dtype, floor):
    """Return the eigenvalues and eigenvectors of sum_i w_i (x_i - mean)(x_i - mean)^T, by its smaller side.

    Products square the condition number: eigenvalues below about 1e-16 of the largest one are rounding.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, d)
        Rows.
    sample_weight : ndarray of shape (n,) or None
        Weights of the rows.
    mean : ndarray of shape (d,)
        Mean, which is subtracted from the rows.
    dtype : numpy dtype
        Dtype of the products. Sums over chunks of rows are in float64.
    floor : float
        With fewer rows than features, the axes of eigenvalues below this share of the largest one are not of length 1
        but shorter. It avoids a division by zero.

    Returns
    -------
    squares : ndarray of shape (r,)
        The r = min(n, d) largest eigenvalues, decreasing. A single 0 where all of them underflow or overflow.
    axes : ndarray of shape (r, d)
        The eigenvectors.
    """
    if X.shape[0] < X.shape[1]:
        return _by_rows(X, sample_weight, mean, dtype, floor)
    return _by_features(X, sample_weight, mean, dtype)


def _by_features(X, sample_weight, mean, dtype):
    """The axes from the products of the features with each other. All axes are of length 1."""
    d = X.shape[1]
    scatter, mass = np.zeros((d, d)), 0.0
    as_they_are = isinstance(X, np.ndarray) and X.dtype == dtype and not mean.any()
    buffer = None if as_they_are else np.empty((min(X.shape[0], _PRODUCT_ROWS), d), dtype=dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # after an overflow, float64 is tried
        for start in range(0, X.shape[0], _PRODUCT_ROWS):
            rows = slice(start, start + _PRODUCT_ROWS)
            block = X[rows]
            centred = block if as_they_are else buffer[: block.shape[0]]
            for part, chunk in () if as_they_are else row_chunks(block):
                np.subtract(chunk, mean.astype(dtype), out=centred[part], dtype=dtype)
            weighted = centred if sample_weight is None else centred * sample_weight[rows, None].astype(dtype)
            scatter += weighted.T @ centred
            mass += len(centred) if sample_weight is None else sample_weight[rows].sum()
    rounding = mean - mean.astype(dtype).astype(np.float64)
    scatter -= mass * np.outer(rounding, rounding)
    if not np.isfinite(scatter).all() or scatter.trace() < _LOST[dtype] * mass:
        return np.zeros(1), np.zeros((1, d))
    squares, vectors = np.linalg.eigh(scatter)
    return np.maximum(squares[::-1], 0.0), vectors.T[::-1]


def _by_rows(X, sample_weight, mean, dtype, floor):
    """The axes from the products of the rows with each other."""
    R = np.empty(X.shape, dtype=np.result_type(dtype, mean))
    for rows, chunk in row_chunks(X):
        np.subtract(chunk, mean, out=R[rows])
    if sample_weight is not None:
        R *= np.sqrt(sample_weight)[:, None]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        products = R @ R.T
    if not np.isfinite(products).all() or products.trace() < _LOST[dtype] * len(R):
        return np.zeros(1), np.zeros((1, X.shape[1]))
    squares, vectors = np.linalg.eigh(products)
    squares, vectors = np.maximum(squares[::-1], 0.0), vectors.T[::-1]
    sizes = np.sqrt(np.maximum(squares, floor * squares[0]))
    return squares, (vectors @ R) / sizes[:, None]
