"""Seeded data that the papers use: curves in the plane, natural image patches, rotating dots.

Functions whose names begin with ``make`` return X and the values that X was made from, as in scikit-learn.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_sample_images
from sklearn.utils import check_random_state

from skae._typing import RandomState

__all__ = ["make_circle", "make_curve", "make_rotating_dots", "natural_patches"]

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
    n_samples, noise = _count("n_samples", n_samples), _non_negative("noise", noise)
    rng, radius = _generator(random_state), _non_negative("radius", radius)
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
    n_samples, noise = _count("n_samples", n_samples), _non_negative("noise", noise)
    rng = _generator(random_state)
    t = rng.uniform(-1.0, 1.0, n_samples)
    X = np.column_stack(_CURVES[shape](t))
    return X + noise * rng.standard_normal(X.shape), t


def natural_patches(
    n_samples: int = 10_000, patch_size: int = 12, *, color: bool = False, random_state: RandomState = None
) -> NDArray[np.float64]:
    """Return square patches cut at random from scikit-learn's two photographs (as for SAT figure 4c and d).

    Parameters
    ----------
    n_samples : int, default=10000
        Number of patches, half of them from each photograph.
    patch_size : int, default=12
        Side of a patch, in pixels, at most 427.
    color : bool, default=False
        Whether to keep the three colours. If not, their mean is taken.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible patches.

    Returns
    -------
    ndarray of shape (n_samples, patch_size**2) or (n_samples, 3 * patch_size**2)
        Pixels in [0, 1], row by row. The colours of a pixel stand side by side:
        ``reshape(-1, patch_size, patch_size, 3)``.

    Raises
    ------
    ImportError
        If Pillow is not installed. It reads the photographs.

    Examples
    --------
    >>> from skae.datasets import natural_patches
    >>> natural_patches(100, 8, random_state=0).shape
    (100, 64)
    """
    n_samples, patch_size = _count("n_samples", n_samples), _count("patch_size", patch_size)
    try:
        images = np.stack(load_sample_images().images) / 255.0
    except ImportError as error:
        raise ImportError("natural_patches needs Pillow: pip install 'skae[plot]'") from error
    if patch_size > min(images.shape[1:3]):
        raise ValueError(f"patch_size must be at most {min(images.shape[1:3])}, got {patch_size}")
    if not color:
        images = images.mean(axis=3, keepdims=True)
    rng = _generator(random_state)
    windows = np.lib.stride_tricks.sliding_window_view(images, (patch_size, patch_size), axis=(1, 2))
    which = np.arange(n_samples) % len(images)
    top, left = (rng.randint(n, size=n_samples) for n in windows.shape[1:3])
    return np.moveaxis(windows[which, top, left], 1, -1).reshape(n_samples, -1)


def make_rotating_dots(
    n_samples: int = 1000,
    *,
    n_frames: int = 10,
    size: int = 13,
    density: float = 0.1,
    max_angle: float = 20.0,
    random_state: RandomState = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return videos of random dots that turn around the centre, each video at its own speed (ZAE 4.2).

    Parameters
    ----------
    n_samples : int, default=1000
        Number of videos.
    n_frames : int, default=10
        Number of frames of each video.
    size : int, default=13
        Side of a frame, in pixels.
    density : float, default=0.1
        Probability of a dot in each pixel of the turning image, in (0, 1].
    max_angle : float, default=20.0
        Largest turn from frame to frame, in degrees, in either direction.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible videos.

    Returns
    -------
    X : ndarray of shape (n_samples, n_frames * size**2)
        Pixels in [0, 1], frame by frame: ``reshape(-1, n_frames, size, size)``. The turning image is larger than a
        frame, so new dots enter at the corners.
    angle : ndarray of shape (n_samples,)
        Turn of each video from frame to frame, in degrees. It is clockwise if the first row of a frame is at the top.

    Examples
    --------
    >>> from skae.datasets import make_rotating_dots
    >>> X, angle = make_rotating_dots(10, random_state=0)
    >>> X.shape, angle.shape
    ((10, 1690), (10,))
    """
    n_samples, n_frames = _count("n_samples", n_samples), _count("n_frames", n_frames)
    size, density, max_angle = (
        _count("size", size),
        _non_negative("density", density),
        _non_negative("max_angle", max_angle),
    )
    if not 0.0 < density <= 1.0:
        raise ValueError(f"density must be in (0, 1], got {density}")
    rng = _generator(random_state)
    # The larger image has a pixel at its centre if the frame has one. So no dot is blurred at angle 0.
    side = 2 * math.ceil(0.5 * math.sqrt(2.0) * size) + 2 + size % 2
    centre = 0.5 * (side - 1)
    angle = rng.uniform(-max_angle, max_angle, n_samples)
    centred = np.arange(size) - 0.5 * (size - 1)
    y, x = np.meshgrid(centred, centred, indexing="ij")
    X = np.empty((n_samples, n_frames, size, size))
    for video, degrees in zip(X, angle, strict=True):
        image = (rng.uniform(size=(side, side)) < density).astype(np.float64)
        turn = math.radians(degrees) * np.arange(n_frames)[:, None, None]
        source = (np.cos(turn) * y - np.sin(turn) * x + centre, np.sin(turn) * y + np.cos(turn) * x + centre)
        video[:] = map_coordinates(image, source, order=1)
    return X.reshape(n_samples, -1), angle


def _generator(random_state: RandomState) -> np.random.RandomState:
    """Return the source of randomness; None does not touch numpy's global state."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def _count(name: str, value: Any) -> int:
    """Return a positive integer; refuse other values in a sentence."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    return int(value)


def _non_negative(name: str, value: Any) -> float:
    """Return a finite number >= 0; refuse other values in a sentence."""
    if not isinstance(value, Real) or not 0.0 <= float(value) < math.inf:
        raise ValueError(f"{name} must be a finite number >= 0, got {value!r}")
    return float(value)
