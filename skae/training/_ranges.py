"""Ranges of values, and errors for values that are out of range."""

import functools
import math

import numpy as np
from scipy import sparse

from skae.training._chunks import row_chunks
from skae.training._nonzeros import is_csr, sparse_blocks, with_values

# Scalers to [0, 1] may miss it by rounding.
_ROUNDING = 1e-6


@functools.singledispatch
def value_range(X, chosen=None):
    """Return the smallest and the largest value of the chosen rows of X (dense or CSR). None chooses all rows."""
    low, high = np.inf, -np.inf
    if is_csr(X):
        for _, block in sparse_blocks(X, chosen):
            if block.nnz < math.prod(block.shape):
                low, high = min(low, 0.0), max(high, 0.0)
            low, high = block.data.min(initial=low), block.data.max(initial=high)
        return float(low), float(high)
    for _, chunk in row_chunks(X, chosen=chosen):
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high


@functools.singledispatch
def feature_range(X, chosen=None):
    """Return the smallest and the largest value of each feature in the chosen rows, two arrays of shape (d,)."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    if is_csr(X):
        return _sparse_feature_range(X, chosen, low, high)
    for _, chunk in row_chunks(X, chosen=chosen):
        low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
    return low, high


def _sparse_feature_range(X, chosen, low, high):
    """Return what `feature_range` returns, for CSR rows. A feature with fewer stored values than rows is also zero."""
    n_rows, n_stored = 0, np.zeros(X.shape[1])
    for _, block in sparse_blocks(X, chosen):
        np.minimum.at(low, block.indices, block.data)
        np.maximum.at(high, block.indices, block.data)
        n_stored += with_values(block, np.ones(block.nnz)).T @ np.ones(block.shape[0])
        n_rows += block.shape[0]
    absent = n_stored < n_rows
    return np.minimum(low, 0.0, out=low, where=absent), np.maximum(high, 0.0, out=high, where=absent)


def corruption_range(corruption, X, chosen=None, before=None):
    """Return the options `low` and `high` of a corruption: the range of each feature, in X's dtype.

    Return no options for a corruption that uses no range. `before` is the range of earlier rows, to be included.
    """
    if corruption is None or not corruption.uses_range:
        return {}
    low, high = feature_range(X, chosen)
    if before:
        low, high = np.minimum(low, before["low"]), np.maximum(high, before["high"])
    return {"low": low.astype(X.dtype), "high": high.astype(X.dtype)}


def check_visible_range(visible, low, high):
    """Raise ValueError if the visible units are Bernoulli and the values lie outside [0, 1] by more than rounding."""
    if visible == "bernoulli" and not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
        raise ValueError(
            f"visible='bernoulli' takes values in [0, 1], got values from {low:.4g} to {high:.4g}; scale X "
            "(MinMaxScaler(clip=True)), or use visible='gaussian'"
        )


def check_values(visible, X, rows=None, bound=np.inf):
    """Raise ValueError if training data do not fit the visible units, or if their squares overflow X's dtype.

    `bound` is a number that no value exceeds in size. If it is small enough, gaussian units need no look at the rows.
    """
    limit = math.sqrt(np.finfo(X.dtype).max / (4.0 * X.shape[1]))
    if visible == "gaussian" and bound <= limit:
        return
    low, high = value_range(X, rows)
    check_visible_range(visible, low, high)
    largest = max(high, -low)
    if largest > limit:
        raise ValueError(
            f"X holds values up to {largest:.3g}, whose squares {X.dtype} cannot hold; "
            "bring the features to a common scale near 1, or pass float64"
        )


def check_overflow(result, X):
    """Return `result`, computed from the rows of X; raise ValueError if it is not finite."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # of the sum: then each value is looked at
        total = np.sum(result)
    if not np.isfinite(total) and not np.isfinite(result).all():
        low, high = value_range(X.tocsr() if sparse.issparse(X) else X)
        raise ValueError(
            f"the result overflows {X.dtype} for X with values from {low:.3g} to {high:.3g}; bring the features to "
            "the training data's scale, or pass float64"
        )
    return result
