"""Units that do nothing: their code is zero, or the same, on all rows."""

import numpy as np


def dead_units(objective, theta, batches, rng):
    """Return which units have code zero on all rows, as bools of shape (k,)."""
    alive = False
    for X, _, _ in batches(rng):
        alive = alive | objective.code(theta, X).any(axis=0)
    return ~alive


def constant_units(objective, theta, batches, rng):
    """Return which units have the same code on all rows (to a millionth), as bools of shape (k,)."""
    low, high = np.inf, -np.inf
    for X, _, _ in batches(rng):
        H = objective.code(theta, X)
        low, high = np.minimum(low, H.min(axis=0)), np.maximum(high, H.max(axis=0))
    return high - low <= 1e-6 * np.maximum(np.abs(low), 1.0)
