"""Curves in the plane."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skae._typing import RandomState
from skae.datasets._arguments import count, generator, non_negative

# Each curve maps t in [-1, 1] to the coordinates of a point.
_CURVES = {
    "arc": lambda t: (0.8 * np.sin(1.2 * t), 1.2 * np.cos(1.2 * t) - 0.8),
    "line": lambda t: (0.7 * t, 0.5 * t),
    "sine": lambda t: (0.8 * t, 0.5 * np.sin(math.pi * t)),
}


def make_circle(
    n_samples: int = 1000, *, radius: float = 1.0, noise: float = 0.05, random_state: RandomState = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points randomly distributed around a circle (ENERGY figure 2).

    Parameters
    ----------
    n_samples : int, default=1000
        Number of points.
    radius : float, default=1.0
        Radius of the circle. Its centre is 0.
    noise : float, default=0.05
        Standard deviation of the Gaussian noise that is added to both coordinates.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible points.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        The points.
    angle : ndarray of shape (n_samples,)
        Angle of each point on the circle, in [0, 2 pi).

    Examples
    --------
    >>> from skae.datasets import make_circle
    >>> X, angle = make_circle(100, random_state=0)
    >>> X.shape, angle.shape
    ((100, 2), (100,))
    """
    n_samples, noise = count("n_samples", n_samples), non_negative("noise", noise)
    rng, radius = generator(random_state), non_negative("radius", radius)
    angle = rng.uniform(0.0, 2.0 * math.pi, n_samples)
    X = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return X + noise * rng.standard_normal(X.shape), angle


def make_curve(
    n_samples: int = 1000,
    *,
    shape: Literal["arc", "line", "sine"] = "sine",
    noise: float = 0.0,
    random_state: RandomState = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of a curve in the square [-1, 1]^2 (in the manner of SAT figures 2 and 3).

    Parameters
    ----------
    n_samples : int, default=1000
        Number of points.
    shape : {"arc", "line", "sine"}, default="sine"
        The curve: less than half of an ellipse, a straight line, or one period of a sine. SAT gives no formulas.
    noise : float, default=0.0
        Standard deviation of the Gaussian noise that is added to both coordinates.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible points.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        The points.
    t : ndarray of shape (n_samples,)
        Parameter of each point on the curve, in [-1, 1].

    Examples
    --------
    >>> from skae.datasets import make_curve
    >>> X, t = make_curve(100, shape="arc", random_state=0)
    >>> float(abs(X).max()) <= 1.0
    True
    """
    if shape not in _CURVES:
        raise ValueError(f"shape must be one of {', '.join(sorted(_CURVES))}, got {shape!r}")
    n_samples, noise = count("n_samples", n_samples), non_negative("noise", noise)
    rng = generator(random_state)
    t = rng.uniform(-1.0, 1.0, n_samples)
    X = np.column_stack(_CURVES[shape](t))
    return X + noise * rng.standard_normal(X.shape), t
