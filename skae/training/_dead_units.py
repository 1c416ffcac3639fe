"""Units that do nothing: with a code of zero, or the same code, on all rows."""

import numpy as np


def dead_units(objective, theta, batches, rng):
    """Return which units have a code of zero on all rows, shape (k,)."""
    alive = False
    for X, _, _ in batches(rng):
        alive = alive | objective.code(theta, X).any(axis=0)
    return ~alive


def constant_units(objective, theta, batches, rng):
    """Return which units have the same code on all rows (to a millionth), shape (k,)."""
    low, high = np.inf, -np.inf
    for X, _, _ in batches(rng):
        H = objective.code(theta, X)
        low, high = np.minimum(low, H.min(axis=0)), np.maximum(high, H.max(axis=0))
    return high - low <= 1e-6 * np.maximum(np.abs(low), 1.0)
