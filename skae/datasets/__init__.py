"""Seeded data that the papers use: curves, natural patches, rotating dots, and images with many factors of variation.

Functions whose names begin with ``make`` return X and the values that X was made from, as in scikit-learn.

`make_rectangles`, `make_rectangles_image`, `make_convex` and `make_digit_variations` make the sets of Larochelle et
al., "An empirical evaluation of deep architectures on problems with many factors of variation", ICML 2007, by the rules
of its section 4. These are new images, not the ones of the paper. The images have 28 x 28 pixels, row by row: show them
with ``X.reshape(-1, 28, 28)``. Where a rule of the paper leaves something open, the function says what it does.
"""

from skae.datasets._convex import make_convex
from skae.datasets._curves import make_circle, make_curve
from skae.datasets._digits import make_digit_variations
from skae.datasets._patches import natural_patches
from skae.datasets._rectangles import make_rectangles, make_rectangles_image
from skae.datasets._rotating_dots import make_rotating_dots

__all__ = [
    "make_circle",
    "make_convex",
    "make_curve",
    "make_digit_variations",
    "make_rectangles",
    "make_rectangles_image",
    "make_rotating_dots",
    "natural_patches",
]
