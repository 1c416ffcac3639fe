"""Units that do nothing: their code is zero, or the same, on all rows."""

import numpy as np

from skae.training._threads import blas_threads


def dead_units(objective, theta, batches, rng):
    """Return which units have code zero on all rows, as bools of shape (k,)."""
    alive = np.zeros(1, dtype=bool)
    with blas_threads(batches.rows_per_batch * theta.size):
        for X, _, _ in batches(rng):
            low, high = objective.code_range(theta, X)
            alive = alive | (low != 0.0) | (high != 0.0)
            if alive.all():
                break
    return ~alive


def constant_units(objective, theta, batches, rng):
    """Return which units have the same code on all rows (to a millionth), as bools of shape (k,)."""
    low, high = np.inf, -np.inf
    with blas_threads(batches.rows_per_batch * theta.size):
        for X, _, _ in batches(rng):
            lowest, highest = objective.code_range(theta, X)
            low, high = np.minimum(low, lowest), np.maximum(high, highest)
            constant = high - low <= 1e-6 * np.maximum(np.abs(low), 1.0)
            if not constant.any():  # more rows cannot make a unit constant
                break
    return constant
