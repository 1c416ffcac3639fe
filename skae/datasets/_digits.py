"""Digits that are turned, and digits before a background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import affine_transform
from sklearn.utils import gen_batches

from skae._typing import RandomState
from skae.datasets._arguments import dense_array, generator
from skae.datasets._patches import TexturedPatches, unit_pixels

_SIDE = 28

_VARIATIONS = ("rot", "rand", "back-img", "rot-back-img")

# Backgrounds are drawn for this number of rows at a time.
_CHUNK = 4096

Variation = Literal["rot", "rand", "back-img", "rot-back-img"]
Labels = TypeVar("Labels")


@overload
def make_digit_variations(
    X: ArrayLike,
    y: None = None,
    *,
    variation: Variation = ...,
    photographs: Sequence[ArrayLike] | None = ...,
    random_state: RandomState = ...,
) -> NDArray[np.float32]: ...


@overload
def make_digit_variations(
    X: ArrayLike,
    y: Labels,
    *,
    variation: Variation = ...,
    photographs: Sequence[ArrayLike] | None = ...,
    random_state: RandomState = ...,
) -> tuple[NDArray[np.float32], Labels]: ...


def make_digit_variations(
    X: ArrayLike,
    y: Any = None,
    *,
    variation: Variation = "rot",
    photographs: Sequence[ArrayLike] | None = None,
    random_state: RandomState = None,
) -> Any:
    """Return images of digits turned by random angles, before random backgrounds, or both.

    The sets *mnist-rot*, *mnist-back-rand*, *mnist-back-image* and *mnist-rot-back-image* of [1]_, section 4.1, of any
    digits. The rows keep their order, and so their labels.

    Parameters
    ----------
    X : array-like of shape (n_samples, 784)
        Digits, white on black, 28 x 28 pixels row by row: integers from 0 to 255, or floating-point numbers in [0, 1].
    y : array-like of shape (n_samples,) or None, default=None
        Labels. They do not change. If they are given, they are returned too.
    variation : {"rot", "rand", "back-img", "rot-back-img"}, default="rot"
        What is done:

        - "rot": each digit is turned anticlockwise around the centre of its image, by an angle that is uniform in
          [0, 2 pi). Pixels are interpolated linearly (`scipy.ndimage.affine_transform` of order 1), and what comes from
          outside the image is black.
        - "rand": the background is noise, each pixel uniform in [0, 1].
        - "back-img": the background is a patch of a photograph.
        - "rot-back-img": the digit is turned as in "rot", and the background is a patch of a photograph, not turned.
    photographs : sequence of array-like of shape (height, width) or None, default=None
        Grey images of 28 x 28 pixels or more: integers from 0 to 255, or floating-point numbers in [0, 1]. They may
        differ in size. None: scikit-learn's two photographs (`sklearn.datasets.load_sample_images`), each the mean of
        its three colours. They need Pillow. Without a photographic background, they are not read.
    random_state : int, RandomState instance or None, default=None
        Seed; pass an int for reproducible images. Angles and noise of the first rows do not depend on the number
        of rows, photographic backgrounds do. "rot" and "rot-back-img" with the same seed turn by the same angles.

    Returns
    -------
    X : ndarray of shape (n_samples, 784), float32
        Pixels in [0, 1], row by row.
    y : array-like of shape (n_samples,)
        The labels as they were given; only if there are any.

    Raises
    ------
    ImportError
        If photographs are needed, none are given and Pillow is not installed.

    Notes
    -----
    Each pixel is the larger of the digit's and the background's. So a background is seen where the digit is darker, and
    a white digit stays white. The paper does not say how it puts them together.

    Every photograph is equally likely, and so is each of its patches of 28 x 28 pixels whose standard deviation is 0.05
    or more, with 0 for black and 1 for white. The paper cuts patches from 20 images of the internet. It ignores patches
    of low variance too, but gives no limit.

    References
    ----------
    .. [1] Larochelle H., Erhan D., Courville A., Bergstra J., Bengio Y., "An empirical evaluation of deep
       architectures on problems with many factors of variation", ICML 2007.

    Examples
    --------
    The digits of scikit-learn, three times as large:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae.datasets import make_digit_variations
    >>> images, y = load_digits().images / 16, load_digits().target
    >>> large = images.repeat(3, axis=1).repeat(3, axis=2)
    >>> X = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    >>> turned, same = make_digit_variations(X, y, variation="rot", random_state=0)
    >>> turned.shape, same is y
    ((1797, 784), True)
    >>> noisy = make_digit_variations(X, variation="rand", random_state=0)
    >>> bool((noisy >= X.astype(np.float32)).all())
    True
    """
    if not isinstance(variation, str) or variation not in _VARIATIONS:
        raise ValueError(f"variation must be one of {', '.join(_VARIATIONS)}, got {variation!r}")
    digits = dense_array("X", X)
    if digits.ndim != 2 or digits.shape[1] != _SIDE**2 or not len(digits):
        raise ValueError(
            f"X must have shape (n_samples, {_SIDE**2}), a digit of 28 x 28 pixels a row, got {digits.shape}"
        )
    if y is not None and np.shape(y) != (len(digits),):
        raise ValueError(f"y must have a label for each of the {len(digits)} rows of X, got shape {np.shape(y)}")
    digits, rng = unit_pixels("X", digits), generator(random_state)
    patches = TexturedPatches(photographs, _SIDE) if variation.endswith("back-img") else None
    if variation.startswith("rot"):
        digits = _turned(digits, rng.uniform(0.0, 2.0 * np.pi, len(digits)))
    if patches is not None:
        which = rng.randint(len(patches), size=len(digits))
        np.maximum(digits, patches.sample(rng, which), out=digits)
    elif variation == "rand":
        for rows in gen_batches(len(digits), _CHUNK):
            noise = rng.random_sample(digits[rows].shape).astype(np.float32)
            np.maximum(digits[rows], noise, out=digits[rows])
    return digits if y is None else (digits, y)


def _turned(digits: NDArray[np.float32], angle: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return each digit (784,), turned anticlockwise by its angle."""
    cos, sin = np.cos(angle), np.sin(angle)
    # From (row, column) in the turned image to the place that it comes from. Rows count downwards.
    matrices = np.stack([cos, sin, -sin, cos], axis=1).reshape(-1, 2, 2)
    centre = np.full(2, 0.5 * (_SIDE - 1))
    offsets = centre - matrices @ centre
    turned = np.empty_like(digits).reshape(-1, _SIDE, _SIDE)
    for image, matrix, offset, out in zip(digits.reshape(-1, _SIDE, _SIDE), matrices, offsets, turned, strict=True):
        affine_transform(image, matrix, offset, output=out, order=1)
    return turned.reshape(len(digits), -1)
