"""Rectangles that are taller than wide, or wider than tall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._typing import RandomState
from skae.datasets._arguments import balanced_labels, count, generator
from skae.datasets._patches import TexturedPatches

_SIDE = 28


def make_rectangles(
    n_samples: int = 1000, *, random_state: RandomState = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images of a rectangle's white outline on black, and whether it is taller than wide.

    The set *rectangles* of [1]_, section 4.2: heights and widths are uniform, and pairs that differ by less than 3
    pixels are rejected. The top left corner is uniform among the places where the rectangle fits into the image.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible images. With another `n_samples`, all images are others.

    Returns
    -------
    X : ndarray of shape (n_samples, 784), float32
        Pixels, row by row: 1 on the outline, which is one pixel thick, and 0 elsewhere.
    y : ndarray of shape (n_samples,)
        1 if the rectangle is taller than wide, 0 if it is wider than tall. Half of the images have each label, in
        random order; an odd image has label 0.

    See Also
    --------
    make_rectangles_image : Rectangles that are patches of photographs.

    Notes
    -----
    The paper does not say how small a rectangle may be. Here heights and widths are 3 pixels at least, so that every
    outline has an inside. In the paper the labels are balanced in the mean only.

    References
    ----------
    .. [1] Larochelle H., Erhan D., Courville A., Bergstra J., Bengio Y., "An empirical evaluation of deep
       architectures on problems with many factors of variation", ICML 2007.

    Examples
    --------
    >>> from skae.datasets import make_rectangles
    >>> X, y = make_rectangles(100, random_state=0)
    >>> X.shape, float(y.mean())
    ((100, 784), 0.5)
    >>> image = X[0].reshape(28, 28)
    >>> height, width = image.any(axis=1).sum(), image.any(axis=0).sum()
    >>> bool(height > width) == bool(y[0])
    True
    """
    n_samples, rng = count("n_samples", n_samples), generator(random_state)
    tall = balanced_labels(rng, n_samples)
    heights, widths = np.meshgrid(np.arange(3, _SIDE + 1), np.arange(3, _SIDE + 1), indexing="ij")
    corner, size = _draw(rng, tall, heights, widths, heights - widths >= 3)
    outline = _filled(corner, size) & ~_filled(corner + 1, size - 2)
    return outline.astype(np.float32), tall


def make_rectangles_image(
    n_samples: int = 1000, *, photographs: Sequence[ArrayLike] | None = None, random_state: RandomState = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images of a rectangle cut from one photograph before another, and whether it is taller than wide.

    The set *rectangles-image* of [1]_, section 4.2: heights and widths are uniform, with 10 pixels at least and a
    difference of at least 5. The rectangle covers 25 % to 75 % of the image. Its inside and its border are a patch of
    a photograph, and the background is a patch of another one.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    photographs : sequence of array-like of shape (height, width) or None, default=None
        Two grey images or more, each of 28 x 28 pixels or more: integers from 0 to 255, or floating-point numbers in
        [0, 1]. They may differ in size. None: scikit-learn's two photographs (`sklearn.datasets.load_sample_images`),
        each the mean of its three colours. They need Pillow.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible images. With another `n_samples`, all images are others.

    Returns
    -------
    X : ndarray of shape (n_samples, 784), float32
        Pixels in [0, 1], row by row.
    y : ndarray of shape (n_samples,)
        1 if the rectangle is taller than wide, 0 if it is wider than tall. Half of the images have each label, in
        random order; an odd image has label 0.

    Raises
    ------
    ImportError
        If no photographs are given and Pillow is not installed.

    See Also
    --------
    make_rectangles : Outlines of rectangles.

    Notes
    -----
    Every photograph is equally likely, and so is each of its patches of 28 x 28 pixels whose standard deviation is 0.05
    or more, with 0 for black and 1 for white. The paper cuts patches from 20 images of the internet. It ignores patches
    of low variance too, but gives no limit.

    References
    ----------
    .. [1] Larochelle H., Erhan D., Courville A., Bergstra J., Bengio Y., "An empirical evaluation of deep
       architectures on problems with many factors of variation", ICML 2007.

    Examples
    --------
    >>> from skae.datasets import make_rectangles_image
    >>> X, y = make_rectangles_image(100, random_state=0)
    >>> X.shape, float(y.mean())
    ((100, 784), 0.5)
    """
    n_samples, rng = count("n_samples", n_samples), generator(random_state)
    patches = TexturedPatches(photographs, _SIDE, fewest=2)
    tall = balanced_labels(rng, n_samples)
    heights, widths = np.meshgrid(np.arange(10, _SIDE + 1), np.arange(10, _SIDE + 1), indexing="ij")
    area = heights * widths / _SIDE**2
    corner, size = _draw(rng, tall, heights, widths, (heights - widths >= 5) & (area >= 0.25) & (area <= 0.75))
    inside = rng.randint(len(patches), size=n_samples)
    outside = (inside + rng.randint(1, len(patches), size=n_samples)) % len(patches)
    X = patches.sample(rng, outside)
    np.copyto(X, patches.sample(rng, inside), where=_filled(corner, size))
    return X, tall


def _draw(
    rng: np.random.RandomState,
    tall: NDArray[np.int64],
    heights: NDArray[np.int64],
    widths: NDArray[np.int64],
    allowed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the corners (top, left) and the sizes (height, width) of rectangles, each of shape (n, 2).

    Sizes are uniform among the `allowed` pairs, which are those of tall rectangles; the others swap the two.
    """
    pairs = np.column_stack([heights[allowed], widths[allowed]])
    size = pairs[rng.randint(len(pairs), size=len(tall))]
    size = np.where(tall[:, None] == 1, size, size[:, ::-1])
    return rng.randint(_SIDE - size + 1), size


def _filled(corner: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return images (n, 784) that are True inside the rectangles."""
    pixel = np.arange(_SIDE)
    rows, columns = ((pixel >= corner[:, axis, None]) & (pixel < (corner + size)[:, axis, None]) for axis in (0, 1))
    return (rows[:, :, None] & columns[:, None, :]).reshape(len(corner), -1)
