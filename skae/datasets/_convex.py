"""White regions that are convex, or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skae._typing import RandomState
from skae.datasets._arguments import balanced_labels, count, generator

_SIDE = 28

# Parameters of the geometric distribution of the number of half-planes, and the fewest pixels: of a convex set alone,
# and of one in a union.
_ALONE = (0.195, 19)
_PART = (0.07, 10)

# Candidates that are drawn at a time.
_BLOCK = 1024


def make_convex(
    n_samples: int = 1000, *, random_state: RandomState = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images of a white set on black, and whether it is convex.

    The set *convex* of [1]_, section 4.3. A convex set is an intersection of half-planes. A set that is not convex is a
    union of 2 to 4 convex sets that fails the test of convexity.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible images. With another `n_samples`, all images are others.

    Returns
    -------
    X : ndarray of shape (n_samples, 784), float32
        Pixels, row by row: 1 in the set, and 0 elsewhere.
    y : ndarray of shape (n_samples,)
        1 if the set is convex, 0 if it is not. Half of the images have each label, in random order; an odd image has
        label 0.

    Notes
    -----
    The pixels are points, the centres of their squares. A set of pixels is convex if no other pixel lies in its convex
    hull. This test is exact: every intersection of half-planes passes it, and every image with label 0 fails it. The
    paper tests every pair of pixels.

    The numbers are those of the paper and its web page. A half-plane has a uniform direction, and its edge goes through
    a uniform point of the image. The number of half-planes is geometric with parameter 0.195, and the set has 19 pixels
    at least. In a union these are 0.07 and 10, and the number of sets is uniform from 2 to 4.

    The paper says that its parameters give both classes the same mean number of white pixels. This holds if the
    geometric distribution begins at 0, so it does here: both means are near 450 (if it began at 1, they would be near
    280 and 470). Hence a third of the convex sets have no half-plane and fill the image.
    ``X.all(axis=1)`` finds them.

    References
    ----------
    .. [1] Larochelle H., Erhan D., Courville A., Bergstra J., Bengio Y., "An empirical evaluation of deep
       architectures on problems with many factors of variation", ICML 2007.

    Examples
    --------
    >>> from skae.datasets import make_convex
    >>> X, y = make_convex(100, random_state=0)
    >>> X.shape, float(y.mean())
    ((100, 784), 0.5)
    """
    n_samples, rng = count("n_samples", n_samples), generator(random_state)
    convex = balanced_labels(rng, n_samples)
    X = np.empty((n_samples, _SIDE**2), dtype=np.float32)
    for label, blocks in ((1, _convex_sets(rng, *_ALONE)), (0, _other_sets(rng))):
        rows = np.flatnonzero(convex == label)
        while len(rows):
            sets = next(blocks)[: len(rows)]
            X[rows[: len(sets)]] = sets
            rows = rows[len(sets) :]
    return X, convex


def _convex_sets(rng: np.random.RandomState, p: float, fewest: int) -> Iterator[NDArray[np.bool_]]:
    """Yield intersections of half-planes that have enough pixels, in blocks (n, 784), without end."""
    pixel = np.arange(_SIDE)
    while True:
        n_planes = rng.geometric(p, _BLOCK) - 1
        sets = np.ones((_BLOCK, _SIDE, _SIDE), dtype=bool)
        large = np.ones(_BLOCK, dtype=bool)
        for number in range(n_planes.max()):
            rows = np.flatnonzero(large & (n_planes > number))
            y, x = rng.uniform(-0.5, _SIDE - 0.5, (2, len(rows), 1))
            angle = rng.uniform(0.0, 2.0 * np.pi, (len(rows), 1))
            along_y, along_x = (pixel - y) * np.sin(angle), (pixel - x) * np.cos(angle)
            cut = sets[rows] & (along_y[:, :, None] + along_x[:, None, :] >= 0.0)
            sets[rows], large[rows] = cut, np.count_nonzero(cut, axis=(1, 2)) >= fewest
        yield sets[large].reshape(-1, _SIDE**2)


def _other_sets(rng: np.random.RandomState) -> Iterator[NDArray[np.bool_]]:
    """Yield unions of convex sets that are not convex, in blocks (n, 784), without end."""
    for parts in _convex_sets(rng, *_PART):
        n_parts = rng.randint(2, 5, size=len(parts) // 4)
        if len(n_parts):
            ends = n_parts.cumsum()
            unions = np.logical_or.reduceat(parts[: ends[-1]], ends - n_parts, axis=0)
            yield unions[~_is_convex(unions)]


def _is_convex(sets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each set (n, 784) has all the pixels of its convex hull."""
    images = sets.reshape(-1, _SIDE, _SIDE)
    filled = images.any(axis=2)
    # The first and the last pixel of each row. Those of an empty row are so far away that no line from them to another
    # row crosses the image.
    far = _SIDE**2
    first = np.where(filled, images.argmax(axis=2), far).astype(np.float64)
    last = np.where(filled, _SIDE - 1 - images[:, :, ::-1].argmax(axis=2), -far).astype(np.float64)
    left, right = first.copy(), last.copy()  # of the hull
    for top in range(_SIDE):
        for bottom in range(top + 2, _SIDE):
            between = np.s_[:, top + 1 : bottom]
            t = np.arange(1, bottom - top) / (bottom - top)
            for hull, ends, nearer in ((left, first, np.minimum), (right, last, np.maximum)):
                line = ends[:, top, None] + (ends[:, bottom] - ends[:, top])[:, None] * t
                nearer(hull[between], line, out=hull[between])
    x, eps = np.arange(_SIDE), 1e-9
    hulls = (x >= left[..., None] - eps) & (x <= right[..., None] + eps)
    return (hulls == images).all(axis=(1, 2))
