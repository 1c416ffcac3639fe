"""The range of values: of rows, of features, and of results that may have overflowed."""

import math

import numpy as np

from skae.training._chunks import row_chunks

# Scalers to [0, 1] miss it by the rounding of their own arithmetic.
_ROUNDING = 1e-6


def value_range(X, chosen=None):
    """Return the smallest and the largest value of some rows of X (dense or CSR; all rows if `chosen` is None)."""
    low, high = np.inf, -np.inf
    for _, chunk in row_chunks(X, chosen=chosen):
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high


def feature_range(X, chosen=None):
    """Return the smallest and the largest value of each feature, each of shape (n_features,), as `value_range`."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for _, chunk in row_chunks(X, chosen=chosen):
        low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
    return low, high


def corruption_range(corruption, X, chosen=None, before=None):
    """Return the `low` and `high` of each feature, in X's dtype, that a corruption is to be given; none it ignores.

    `before` is the range of earlier rows, which counts too.
    """
    if corruption is None or not corruption.uses_range:
        return {}
    low, high = feature_range(X, chosen)
    if before:
        low, high = np.minimum(low, before["low"]), np.maximum(high, before["high"])
    return {"low": low.astype(X.dtype), "high": high.astype(X.dtype)}


def check_visible_range(visible, low, high):
    """Refuse values outside [0, 1], but for rounding, where the visible units are Bernoulli."""
    if visible == "bernoulli" and not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
        raise ValueError(
            f"visible='bernoulli' takes values in [0, 1], got values from {low:.4g} to {high:.4g}; scale X "
            "(MinMaxScaler(clip=True)), or use visible='gaussian'"
        )


def check_values(visible, X, rows=None):
    """Refuse training data that the visible units, or sums of squares in X's dtype, cannot hold."""
    low, high = value_range(X, rows)
    check_visible_range(visible, low, high)
    largest = max(high, -low)
    if largest > math.sqrt(np.finfo(X.dtype).max / (4.0 * X.shape[1])):
        raise ValueError(
            f"X holds values up to {largest:.3g}, whose squares {X.dtype} cannot hold; "
            "bring the features to a common scale near 1, or pass float64"
        )


def check_overflow(result, X):
    """Return a result of the rows of X; refuse one that is not finite."""
    if not np.isfinite(np.sum(result)) and not np.isfinite(result).all():
        low, high = value_range(X)
        raise ValueError(
            f"the result overflows {X.dtype} for X with values from {low:.3g} to {high:.3g}; bring the features to "
            "the training data's scale, or pass float64"
        )
    return result
