"""Rows of numbers as images, side by side in one picture."""

import math

import numpy as np


def guess_image_shape(n_features):
    """Return (s, s) or (s, s, 3) if the number of features is that product, else None."""
    for n_pixels, colors in ((n_features, ()), (n_features / 3, (3,))):
        side = math.isqrt(int(n_pixels))
        if side**2 == n_pixels:
            return (side, side, *colors)
    return None


def checked_image_shape(image_shape, n_features):
    """Return the shape of images with `n_features` numbers, or (n_features,) for lines.

    None takes lines if the number is that of no square image.
    """
    if image_shape is None:
        return guess_image_shape(n_features) or (n_features,)
    shape = tuple(np.atleast_1d(image_shape).tolist())
    known = len(shape) in (1, 2) or (len(shape) == 3 and 3 in (shape[0], shape[2]))
    whole = all(isinstance(n, int) and n > 0 for n in shape)
    if not (known and whole) or math.prod(shape) != n_features:
        raise ValueError(
            "image_shape must be (length,), (height, width), (height, width, 3) or (3, height, width) with "
            f"{n_features} numbers in all, got {image_shape!r}"
        )
    return shape


def images_of(rows, image_shape):
    """Return rows as images, shape (n, height, width) or (n, height, width, 3)."""
    images = np.asarray(rows, dtype=np.float64).reshape(-1, *image_shape)
    return np.moveaxis(images, 1, -1) if len(image_shape) == 3 and image_shape[2] != 3 else images


def scaled_by_largest(rows):
    """Return each row divided by its largest absolute value, in [-1, 1]; a row of zeros stays zero."""
    rows = np.asarray(rows, dtype=np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0.0)


def mosaic(images, n_columns):
    """Return one image with all images side by side, row by row, and a gap of one pixel (NaN) between them."""
    n, height, width = images.shape[:3]
    n_rows = math.ceil(n / n_columns)
    tiles = np.full((n_rows * n_columns, height + 1, width + 1, *images.shape[3:]), np.nan)
    tiles[:n, :height, :width] = images
    tiles = tiles.reshape(n_rows, n_columns, *tiles.shape[1:]).swapaxes(1, 2)
    return tiles.reshape(n_rows * (height + 1), n_columns * (width + 1), *images.shape[3:])[:-1, :-1]


def near_square(n, tile):
    """Return the number of columns that makes a picture of n tiles nearly square. A tile has a height and a width."""
    return max(1, min(n, math.ceil(math.sqrt(n * tile[0] / tile[1]))))


def draw_mosaic(ax, picture, limits, cmap):
    """Draw a mosaic of grey or colour images, with values between the limits; gaps are transparent."""
    low, high = limits
    if picture.ndim == 3:
        scaled = np.clip((picture - low) / (high - low), 0.0, 1.0)
        picture = np.dstack([np.nan_to_num(scaled), ~np.isnan(picture[..., 0])])
    image = ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def label_rows(ax, labels, height):
    """Write a label beside each row of tiles; `height` is the height of a tile."""
    ax.set_yticks([(height + 1) * row + 0.5 * (height - 1) for row in range(len(labels))], labels)
    ax.tick_params(axis="y", length=0)
    ax.set_anchor("W")  # so constrained layout knows the place of the labels before it knows the size of the picture


def figure_size(shape, width=6.4, labels=0.0):
    """Return the size of a figure in inches, for a picture of a height and a width.

    `labels` is the space for labels at the left.
    """
    aspect = shape[0] / shape[1]
    height = (width - labels) * aspect
    if height > 9.0:
        return 9.0 / aspect + labels, 9.15
    return width, max(height + 0.15, 0.8)
