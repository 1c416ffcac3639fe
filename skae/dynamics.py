"""The dynamics of an autoencoder: its field r(x) - x, followed to a fixed point."""

from __future__ import annotations

import math

from skae import _ops as ops
from skae._typing import BoolArray, FloatArray, IntArray
from skae.model import Model
from skae.visible import VISIBLE

__all__ = ["relax"]

# A trajectory that goes this many times farther than the data and the parameters reach is leaving every bound.
_FAR = 1e6

# A step is halved at most this often. An energy has fallen if it falls by more units in its last place than this.
_HALVINGS, _ROUNDING_STEPS = 60, 32


def relax(
    model: Model,
    X: FloatArray,
    *,
    step_size: float = 1.0,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Follow the field from each row, x <- x + step_size (r(x) - x), to a fixed point (ENERGY 2.1).

    With tied weights no step lowers the energy. Where h is non-decreasing, Phi is convex, so that a step raises it
    by at least ``(s - s^2/2) |r - x|^2`` for every step size s up to 2 (gaussian; up to 1 for bernoulli). For other
    activations the step of a row is halved until its energy rises.

    Parameters
    ----------
    model : skae.model.Model
        Whose field to follow.
    X : ndarray of shape (n, d)
        Where to start, in the dtype of the model.
    step_size : float, default=1.0
        Share of r(x) - x that a step goes.
    max_iter : int, default=1000
        Largest number of steps of a row.
    tol : float, default=1e-4
        A row has arrived where no entry of r(x) - x is larger.

    Returns
    -------
    points : ndarray of shape (n, d)
        Where the rows have come to; always finite.
    n_iter : ndarray of int of shape (n,)
        Steps taken.
    converged : ndarray of bool of shape (n,)
        Whether the row has arrived; not so after `max_iter` steps, nor where it was leaving every bound, or could not
        go on, and stopped.

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

    # In float32 the rise of a step near a fixed point would drown in the rounding of the energy.
    exact = model.astype("float64")

    def score(x):
        x = x.astype("float64")
        E = exact.energy(x)
        return E, _ROUNDING_STEPS * ops.spacing(ops.absolute(E) + ops.absolute(units.potential(x, exact.c)))

    reach = ops.absolute(model.c) + ops.absolute(model.decoder).sum(axis=0)
    points = ops.add(X, 0.0)
    n_iter, converged = ops.zeros(len(X), dtype=int), ops.zeros(len(X), dtype=bool)
    moving = ops.arange(len(X))
    with ops.errstate(over="ignore", invalid="ignore"):
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
    """Return the first of step(x, f, size / 2^j) that does not lower the score, to its rounding, for each row."""
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
