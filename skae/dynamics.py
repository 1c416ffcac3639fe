"""The dynamics of an autoencoder: follow its vector field r(x) - x to a fixed point."""

from __future__ import annotations

import math

from skae import _ops as ops
from skae._typing import BoolArray, FloatArray, IntArray
from skae.model import Model
from skae.visible import VISIBLE

__all__ = ["relax"]

# A trajectory diverges if it goes this many times farther out than the data and the parameters reach.
_FAR = 1e6

# A step is halved at most this many times.
_HALVINGS = 60

# An energy has fallen only if it falls by more than this many units in its last place.
_ROUNDING_STEPS = 32


def relax(
    model: Model,
    X: FloatArray,
    *,
    step_size: float = 1.0,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Follow the field from each row, x <- x + step_size (r(x) - x), to a fixed point (ENERGY 2.1).

    With tied weights no step lowers the energy. If h is non-decreasing, Phi is convex. Then a step of size s raises
    the energy by at least ``(s - s^2/2) |r - x|^2``, for s up to 2 (gaussian) or up to 1 (bernoulli). For other
    activations, the step of a row is halved until its energy rises.

    Parameters
    ----------
    model : skae.model.Model
        The model whose field to follow.
    X : ndarray of shape (n, d)
        Starting points, in the dtype of the model.
    step_size : float, default=1.0
        Length of a step, as a multiple of r(x) - x.
    max_iter : int, default=1000
        Largest number of steps of a row.
    tol : float, default=1e-4
        A row has arrived when no entry of r(x) - x is larger in magnitude.

    Returns
    -------
    points : ndarray of shape (n, d)
        The last point of each row, always finite.
    n_iter : ndarray of int of shape (n,)
        Number of steps taken.
    converged : ndarray of bool of shape (n,)
        Whether the row has arrived. It is False for a row that used up `max_iter` steps. It is also False for a row
        that stopped because it diverged, or because its step no longer changed it.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.dynamics import relax
    >>> from skae.model import Model
    >>> model = Model(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), "tanh")
    >>> points, n_iter, converged = relax(model, np.array([[0.0, 0.0], [1.0, 1.0]]))
    >>> points.round(2)
    array([[0.  , 0.  ],
           [0.07, 2.  ]])
    >>> converged
    array([ True,  True])
    """
    guarded = model.tied and not model.activation.monotone and hasattr(model.activation, "potential")
    units = VISIBLE[model.visible]

    def step(x, f, size):
        return ops.clip(x + size * f, *units.domain)

    # In float32, rounding of the energy would hide the rise of a step near a fixed point.
    exact = model.astype("float64")

    def score(x):
        x = x.astype("float64")
        E = exact.energy(x)
        return E, _ROUNDING_STEPS * ops.spacing(ops.absolute(E) + ops.absolute(units.potential(x, exact.c)))

    reach = ops.absolute(model.c) + ops.absolute(model.decoder).sum(axis=0)
    points = ops.add(X, 0.0)
    n_iter, converged = ops.zeros(len(X), dtype=int), ops.zeros(len(X), dtype=bool)
    moving = ops.arange(len(X))
    with ops.errstate(over="ignore", under="ignore", invalid="ignore"):
        bound = _FAR * ops.maximum(ops.absolute(X).max(axis=1), reach.max())
        for iteration in range(max_iter + 1):
            x = points[moving]
            f = model.vector_field(x)
            arrived = ops.absolute(f).max(axis=1) <= tol
            converged[moving[arrived]] = True
            moving, x, f = moving[~arrived], x[~arrived], f[~arrived]
            if iteration == max_iter or not len(moving):
                break
            new = _ascend(x, f, step_size, step, score) if guarded else step(x, f, step_size)
            size = ops.absolute(new).max(axis=1)
            going = (size <= bound[moving]) & (size < math.inf) & (new != x).any(axis=1)
            moving = moving[going]
            points[moving] = new[going]
            n_iter[moving] += 1
    return points, n_iter, converged


def _ascend(x, f, size, step, score):
    """Return for each row the first of step(x, f, size / 2^j) that does not lower the score by more than rounding."""
    new, (before, rounding) = ops.add(x, 0.0), score(x)
    before -= rounding
    pending = ops.arange(len(x))
    for _ in range(_HALVINGS):
        candidate = step(x[pending], f[pending], size)
        accepted = score(candidate)[0] >= before[pending]
        new[pending[accepted]] = candidate[accepted]
        pending, size = pending[~accepted], 0.5 * size
        if not len(pending):
            break
    return new
