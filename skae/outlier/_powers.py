"""Exponents of Yeo-Johnson powers, for all features at once."""

import numpy as np

# An exponent this near to an end of [0, 2] counts as the end, where the power is a logarithm.
_END = 1e-4

# The search stops at steps below this. Its steps are Newton's, so the error is then far smaller.
_TOLERANCE = 1e-6

_MAX_ITER = 60

# Features are taken in chunks of this many elements, which stay in cache.
_CHUNK_ELEMENTS = 2**15


def likeliest_powers(G):
    """Return for each feature the Yeo-Johnson exponent in [0, 2] that makes it most like a normal variable.

    It maximises the likelihood (Yeo and Johnson 2000)::

        l(p) = -log(var(y(p)))/2 + (p - 1) mean(sign(g) log(1 + |g|))

    The likelihood is concave in p (Marchand et al. 2022), so Newton's steps, kept between the exponents known to be
    too small and those known to be too large, find its only maximum.

    Parameters
    ----------
    G : ndarray of shape (n, d)
        Standardised features, at most 1e3 in absolute value.

    Returns
    -------
    ndarray of shape (d,)
        Exponents. That of a constant feature is 1.
    """
    powers = np.ones(G.shape[1])
    n_columns = max(1, _CHUNK_ELEMENTS // len(G))
    for first in range(0, G.shape[1], n_columns):
        columns = np.ascontiguousarray(G[:, first : first + n_columns].T)
        varies = np.flatnonzero(columns.min(axis=1) < columns.max(axis=1))
        powers[first + varies] = _search(columns[varies])
    return powers


def _search(columns):
    """The exponents of some features that vary, each a row of `columns`."""
    log, below = np.log1p(np.abs(columns)), columns < 0.0
    low, high = np.zeros(len(columns)), np.full(len(columns), 2.0)
    powers, todo = np.ones(len(columns)), np.arange(len(columns))
    for _ in range(_MAX_ITER):
        p = powers[todo]
        slope, curvature = _derivatives(log, below, p)
        low[todo] = np.where(slope > 0.0, p, low[todo])
        high[todo] = np.where(slope > 0.0, high[todo], p)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip(p - slope / curvature, _END, 2.0 - _END)
        between = (np.abs(step - p) <= _TOLERANCE) | ((low[todo] < step) & (step < high[todo]))
        middle = np.clip(0.5 * (low[todo] + high[todo]), _END, 2.0 - _END)
        powers[todo] = np.where(between & (curvature < 0.0), step, middle)
        going = np.abs(powers[todo] - p) > _TOLERANCE
        todo, log, below = todo[going], log[going], below[going]
        if not len(todo):
            break
    return np.where(powers <= _END, 0.0, np.where(powers >= 2.0 - _END, 2.0, powers))


def _derivatives(log, below, powers):
    """The first and the second derivative of the likelihood of each row at its exponent.

    With a = p for positive and a = 2 - p for negative values, y = sign (exp(a log) - 1)/a.
    """
    a, sign = np.where(below, 2.0 - powers[:, None], powers[:, None]), np.where(below, -1.0, 1.0)
    grown = np.exp(a * log)
    y = (grown - 1.0) / a
    grown *= log
    dy = (grown - y) / a
    grown *= log
    ddy = (grown - 2.0 * dy) / a * sign
    y *= sign
    y -= y.mean(axis=1, keepdims=True)
    dy -= dy.mean(axis=1, keepdims=True)
    variance, first = (y * y).mean(axis=1), 2.0 * (y * dy).mean(axis=1)
    second = 2.0 * ((dy * dy).mean(axis=1) + (y * ddy).mean(axis=1))
    ratio = first / variance
    return (log * sign).mean(axis=1) - 0.5 * ratio, -0.5 * (second / variance - ratio**2)
