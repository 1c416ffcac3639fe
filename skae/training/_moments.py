"""Weights of rows; mean and variance of features."""

import functools
import math

import numpy as np

from skae._validation import check_sample_weight
from skae.training._chunks import chunk_rows, row_chunks
from skae.training._nonzeros import is_thin, sparse_blocks, with_values
from skae.training._threads import blas_threads

# Where the variance is a smaller share of the mean square, a difference of squares would lose more than two digits.
_FAR = 1e-2

# Smaller sums of weights that are whole numbers may be counts of rows. Of larger ones, numpy would make objects.
_LARGEST_COUNT = 2**53


@functools.singledispatch
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
    with np.errstate(over="ignore", under="ignore"):
        total = weight.sum()
    if not 0.0 < total < math.inf:
        raise ValueError(f"the sum of sample_weight must be positive and finite, got {total}")
    return weight, None if weight.all() else np.flatnonzero(weight)


def relative_weight(X, sample_weight):
    """Return the weights divided by the largest, ones without weights; and the rows in use, as `checked_weight`."""
    weight, chosen = checked_weight(X, sample_weight)
    return (np.ones(X.shape[0]) if weight is None else weight / weight.max()), chosen


def near_one(weight):
    """Return weights times the power of two that brings the largest into [1/2, 1); None for None.

    So products of weights and values neither overflow nor underflow. Powers of two round nothing.
    """
    return None if weight is None else np.ldexp(weight, -np.frexp(np.max(weight))[1])


def effective_rows(n_rows, sample_weight=None):
    """Return the effective number of rows, (sum w)^2 / sum w^2 (Kish 1965). Rows of weight 0 do not count."""
    if sample_weight is None:
        return float(n_rows)
    share = sample_weight / sample_weight.max()
    return float(share.sum() ** 2 / (share**2).sum())


@functools.singledispatch
def moments(X, sample_weight=None, chosen=None):
    """Return the total weight, the mean (d,) and the variance (d,) of the chosen rows of X, in float64.

    Rows that do not lie in one array have registered what they do; see `CheckedRows`.
    """
    total = (0.0, np.zeros(X.shape[1]), np.zeros(X.shape[1]))
    if is_thin(X):
        chunks, of_chunk = sparse_blocks(X, chosen), _of_sparse
    else:
        # A quarter of the usual rows stays in cache in float64.
        chunks, of_chunk = row_chunks(X, chosen=chosen, rows=chunk_rows(4 * X.shape[1])), _of_dense
    # Two threads make a product with a vector five times slower. Callers tell of squares that overflow.
    with blas_threads(0.0), np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for rows, chunk in chunks:
            if sample_weight is None:
                total = merge_moments(total, (chunk.shape[0], *of_chunk(chunk, None, chunk.shape[0])))
                continue
            weight = sample_weight[rows].astype(np.float64)
            mass = weight.sum()
            if mass > 0.0:
                weight = near_one(weight)
                total = merge_moments(total, (mass, *of_chunk(chunk, weight, weight.sum())))
    return total


def _of_dense(chunk, weight, mass):
    """Return the mean and the variance of dense rows."""
    weight = np.ones(len(chunk)) if weight is None else weight
    rows = chunk.astype(np.float64, order="C")  # so that the order in memory does not change the rounding
    mean = weight @ rows / mass
    rows *= rows
    square = weight @ rows / mass
    variance = square - mean**2
    far = np.flatnonzero(~(variance >= _FAR * square))  # after an overflow too
    if len(far):
        columns = chunk[:, far].astype(np.float64, order="C")
        start = columns[weight.argmax()].copy()  # without a row that counts, constant columns are exactly 0
        columns -= start
        shift = weight @ columns / mass
        columns -= shift
        columns *= columns
        mean[far], variance[far] = start + shift, weight @ columns / mass
    return mean, variance


def _of_sparse(block, weight, mass):
    """Return the mean and the variance of CSR rows.

    Where most values are stored, they are shifted by their mean: else squares would cancel. Absent values are zeros.
    """
    weighted, weight = weight is not None, np.ones(block.shape[0]) if weight is None else weight
    places = with_values(block, np.ones(block.nnz)).T
    absent = mass - places @ weight
    if weighted:  # sums of weights are rounded
        absent[places @ (weight > 0.0) == np.count_nonzero(weight)] = 0.0
    total = block.T @ weight
    shift = np.where(absent < 0.5 * mass, total / mass, 0.0)
    if shift.any():
        block = with_values(block, block.data - shift.take(block.indices))
        total = block.T @ weight - absent * shift
    square = (with_values(block, block.data**2).T @ weight + absent * shift**2) / mass
    variance = square - (total / mass) ** 2  # Chan et al. 1983: the shift is rounded
    # A constant column has variance 0: what is left is the rounding of the sums.
    variance[variance < len(weight) * np.finfo(np.float64).eps * square] = 0.0
    return shift + total / mass, variance


def largest_value(seen, smallest_weight=1.0):
    """Return a number that no value exceeds in size, given moments and the smallest weight of a row."""
    mass, mean, variance = seen
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return float(np.sqrt(mass / smallest_weight * np.max(mean**2 + variance)))  # x_i^2 <= sum_i x_i^2


def merge_moments(a, b):
    """Return weight, mean and variance of the union of two sets of rows (Chan et al. 1983).

    Raises
    ------
    ValueError
        If the sum of the weights overflows float64.
    """
    with np.errstate(over="ignore"):
        mass = float(a[0]) + float(b[0])
    if not mass < math.inf:
        raise ValueError(f"the sum of sample_weight over all calls must be finite, got {a[0]:.3g} + {b[0]:.3g}")
    mass = a[0] + b[0]
    mass = int(mass) if float(mass).is_integer() and mass < _LARGEST_COUNT else float(mass)
    share = b[0] / mass
    shift = b[1] - a[1]
    return mass, a[1] + share * shift, (1.0 - share) * a[2] + share * b[2] + share * (1.0 - share) * shift**2
