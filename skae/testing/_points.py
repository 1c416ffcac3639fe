"""Points at which activations are checked, away from their kinks."""

from __future__ import annotations

import numpy as np

from skae.testing._assertions import require

_MARGIN = 1e-3  # smallest distance between a point and a kink


def stored(array, dtype, order):
    """Return a read-only copy."""
    array = np.array(array, dtype=dtype, order=order)
    array.flags.writeable = False
    return array


def is_elementwise(activation):
    """Return whether each h_k depends on its own u_k alone."""
    return hasattr(activation, "derivative")


def reach_of(activation):
    """Return r, to draw points between -r and r: 3, or more if kinks lie farther out."""
    return 2.0 * max([1.5, *map(abs, activation.kinks)])


def away_from_kinks(activation, n_rows, rows, U):
    """Return the first `n_rows` rows whose pre-activations U lie away from kinks, 0 and (if units compete) ties."""
    distance = np.abs(U[..., None] - np.array([*activation.kinks, 0.0])).min(axis=(1, 2))
    if not is_elementwise(activation):
        top = np.sort(U, axis=1)
        distance = np.minimum(distance, top[:, -1] - top[:, -2])
    far = distance > _MARGIN
    require(far.sum() >= n_rows, f"{type(activation).__name__}.kinks leave no room between them: {activation.kinks}")
    return rows[far][:n_rows]
