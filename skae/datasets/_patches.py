"""Patches of photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import load_sample_images

from skae._typing import RandomState
from skae.datasets._arguments import count, dense_array, generator


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
    n_samples, patch_size = count("n_samples", n_samples), count("patch_size", patch_size)
    try:
        images = np.stack(load_sample_images().images) / 255.0
    except ImportError as error:
        raise ImportError("natural_patches needs Pillow: pip install 'skae[plot]'") from error
    if patch_size > min(images.shape[1:3]):
        raise ValueError(f"patch_size must be at most {min(images.shape[1:3])}, got {patch_size}")
    if not color:
        images = images.mean(axis=3, keepdims=True)
    rng = generator(random_state)
    windows = np.lib.stride_tricks.sliding_window_view(images, (patch_size, patch_size), axis=(1, 2))
    which = np.arange(n_samples) % len(images)
    top, left = (rng.randint(n, size=n_samples) for n in windows.shape[1:3])
    return np.moveaxis(windows[which, top, left], 1, -1).reshape(n_samples, -1)


class TexturedPatches:
    """Square patches of photographs, without those that have little texture.

    Parameters
    ----------
    photographs : sequence of array-like of shape (height, width) or None
        Grey images: integers from 0 to 255, or floating-point numbers in [0, 1]. None: scikit-learn's two, in grey.
    size : int
        Side of a patch, in pixels.
    fewest : int
        How many photographs are needed.
    """

    #: Least standard deviation of the pixels of a patch, on the scale from black 0 to white 1.
    LEAST_DEVIATION = 0.05

    def __init__(self, photographs: Sequence[ArrayLike] | None, size: int, fewest: int = 1) -> None:
        images = _sample_photographs() if photographs is None else _checked(photographs, size)
        if len(images) < fewest:
            raise ValueError(f"photographs must have at least {fewest} images, got {len(images)}")
        self._windows = [np.lib.stride_tricks.sliding_window_view(image, (size, size)) for image in images]
        self._corners = [np.flatnonzero(_deviations(image, size) >= self.LEAST_DEVIATION) for image in images]
        for number, corners in enumerate(self._corners):
            if not len(corners):
                raise ValueError(
                    f"photographs[{number}] has too little texture: no patch of {size} x {size} pixels has a standard "
                    f"deviation of {self.LEAST_DEVIATION} or more, on the scale from black 0 to white 1"
                )

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self._windows)

    def sample(self, rng: np.random.RandomState, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return a random patch of each photograph in `which`: shape (len(which), size**2)."""
        position = rng.random_sample(len(which))
        patches = np.empty((len(which), *self._windows[0].shape[2:]), dtype=np.float32)
        for number, (windows, corners) in enumerate(zip(self._windows, self._corners, strict=True)):
            rows = np.flatnonzero(which == number)
            corner = corners[(position[rows] * len(corners)).astype(np.int64)]
            patches[rows] = windows[np.unravel_index(corner, windows.shape[:2])]
        return patches.reshape(len(which), -1)


def unit_pixels(name: str, pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return pixels in [0, 1]: integers from 0 to 255 are divided by 255; refuse others in a sentence."""
    wanted = f"{name} must have integers from 0 to 255 or floating-point numbers in [0, 1]"
    if pixels.dtype.kind not in "iuf":
        raise ValueError(f"{wanted}, got dtype {pixels.dtype}")
    low, high = pixels.min(), pixels.max()
    largest = 1.0 if pixels.dtype.kind == "f" else 255.0
    if not 0.0 <= low <= high <= largest:  # neither does NaN pass
        raise ValueError(f"{wanted}, got {pixels.dtype} from {low} to {high}")
    if pixels.dtype.kind != "f" and high == 1:
        raise ValueError(f"{wanted}, got integers 0 and 1 only; if 1 is white, give floating-point numbers")
    return np.divide(pixels, largest, dtype=np.float32)


def _sample_photographs() -> list[NDArray[np.float32]]:
    """Return scikit-learn's two photographs, each the mean of its three colours."""
    try:
        images = load_sample_images().images
    except ImportError as error:
        raise ImportError(
            "the photographs of scikit-learn need Pillow: pip install 'skae[plot]', or give your own photographs"
        ) from error
    return [(image.mean(axis=2) / 255.0).astype(np.float32) for image in images]


def _checked(photographs: Any, size: int) -> list[NDArray[np.float32]]:
    """Return the photographs that a user gives, with pixels in [0, 1]."""
    if isinstance(photographs, str) or not hasattr(photographs, "__len__") or not len(photographs):
        raise ValueError(f"photographs must be a sequence of grey images, arrays of 2 dimensions, got {photographs!r}")
    images = []
    for number, image in enumerate(photographs):
        name = f"photographs[{number}]"
        image = dense_array(name, image)
        if image.ndim != 2 or min(image.shape) < size:
            raise ValueError(
                f"{name} must be a grey image of 2 dimensions, at least {size} x {size} pixels, got shape {image.shape}"
            )
        images.append(unit_pixels(name, image))
    return images


def _deviations(image: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """Return the standard deviation of each patch (size, size) of an image."""
    centred = image - image.mean(dtype=np.float64)
    moments = []
    for values in (centred, centred**2):
        total = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)  # of all pixels above and to the left
        total = total[size:] - total[:-size]
        moments.append((total[:, size:] - total[:, :-size]) / size**2)
    mean, square = moments
    return np.sqrt(np.maximum(square - mean**2, 0.0))
