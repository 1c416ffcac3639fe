"""Weights of rows; mean and variance of features."""

import math

import numpy as np

from skae._validation import check_sample_weight
from skae.training._chunks import row_chunks
from skae.training._nonzeros import is_thin, sparse_blocks, with_values
from skae.training._threads import blas_threads


def checked_weight(X, sample_weight):
    """Return the weights in float64, and the indices of the rows with positive weight. None stands for all rows.

    Without weights, return None twice.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, if all are zero, or if there is not one weight for each row.
    """
    if sample_weight is None:
        return None, None
    weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not 0.0 < total < math.inf:
        raise ValueError(f"the sum of sample_weight must be positive and finite, got {total}")
    return weight, None if weight.all() else np.flatnonzero(weight)


def relative_weight(X, sample_weight):
    """Return the weights divided by the largest, ones without weights; and the rows in use, as `checked_weight`."""
    weight, chosen = checked_weight(X, sample_weight)
    return (np.ones(X.shape[0]) if weight is None else weight / weight.max()), chosen


def effective_rows(n_rows, sample_weight=None):
    """Return the effective number of rows, (sum w)^2 / sum w^2 (Kish 1965). Rows of weight 0 do not count."""
    if sample_weight is None:
        return float(n_rows)
    share = sample_weight / sample_weight.max()
    return float(share.sum() ** 2 / (share**2).sum())


def moments(X, sample_weight=None, chosen=None):
    """Return the total weight, the mean (d,) and the variance (d,) of the chosen rows of X, in float64."""
    if is_thin(X):
        return _sparse_moments(X, sample_weight, chosen)
    total = (0.0, np.zeros(X.shape[1]), np.zeros(X.shape[1]))
    with blas_threads(0.0):  # two threads make a product with a vector five times slower
        for rows, chunk in row_chunks(X, chosen=chosen):
            chunk = chunk.astype(np.float64)
            weight = np.ones(len(chunk)) if sample_weight is None else sample_weight[rows].astype(np.float64)
            mass = weight.sum()
            if mass > 0.0:
                mean = weight @ chunk / mass
                chunk -= mean
                # Correct the rounding of the mean (Chan et al. 1983), so that constant columns have variance 0.
                correction = weight @ chunk / mass
                mean += correction
                chunk -= correction
                chunk *= chunk
                total = merge_moments(total, (mass, mean, weight @ chunk / mass))
    return total


def _sparse_moments(X, sample_weight, chosen):
    """Return what `moments` returns, for CSR rows, from their stored values."""
    n_features = X.shape[1]
    total = (0.0, np.zeros(n_features), np.zeros(n_features))
    for rows, block in sparse_blocks(X, chosen):
        weight = np.ones(block.shape[0]) if sample_weight is None else sample_weight[rows].astype(np.float64)
        mass = weight.sum()
        if mass > 0.0:
            total = merge_moments(total, (mass, *_block_moments(block, weight, mass)))
    return total


def _block_moments(block, weight, mass):
    """Return the mean and the variance of CSR rows.

    Where most values are stored, they are shifted by their mean: else squares would cancel. Absent values are zeros.
    """
    places = with_values(block, np.ones(block.nnz)).T
    full = places @ (weight > 0.0) == np.count_nonzero(weight)
    absent = np.where(full, 0.0, mass - places @ weight)
    total = block.T @ weight
    shift = np.where(absent < 0.5 * mass, total / mass, 0.0)
    if shift.any():
        block = with_values(block, block.data - shift[block.indices])
        total = block.T @ weight - absent * shift
    square = (with_values(block, block.data**2).T @ weight + absent * shift**2) / mass
    variance = square - (total / mass) ** 2  # Chan et al. 1983: the shift is rounded
    # A constant column has variance 0: what is left is the rounding of the sums.
    variance[variance < len(weight) * np.finfo(np.float64).eps * square] = 0.0
    return shift + total / mass, variance


def merge_moments(a, b):
    """Return weight, mean and variance of the union of two sets of rows (Chan et al. 1983)."""
    mass = a[0] + b[0]
    mass = int(mass) if float(mass).is_integer() else mass
    share = b[0] / mass
    shift = b[1] - a[1]
    return mass, a[1] + share * shift, (1.0 - share) * a[2] + share * b[2] + share * (1.0 - share) * shift**2
