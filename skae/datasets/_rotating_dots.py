"""Videos of dots that turn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from skae._typing import RandomState
from skae.datasets._arguments import count, generator, non_negative


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
    n_samples, n_frames = count("n_samples", n_samples), count("n_frames", n_frames)
    size, density, max_angle = (
        count("size", size),
        non_negative("density", density),
        non_negative("max_angle", max_angle),
    )
    if not 0.0 < density <= 1.0:
        raise ValueError(f"density must be in (0, 1], got {density}")
    rng = generator(random_state)
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
