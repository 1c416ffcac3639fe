"""FiltersDisplay."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skae.autoencoders import autoencoder_of, steps_before
from skae.plotting._display import Display, check_count, check_option
from skae.plotting._images import (
    checked_image_shape,
    draw_mosaic,
    figure_size,
    images_of,
    mosaic,
    near_square,
    scaled_by_largest,
)
from skae.plotting._lines import TILE, draw_lines, lines_shape
from skae.plotting._pipeline import mapped_filters

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage

KINDS = ("decoder", "encoder")


class FiltersDisplay(Display):
    """The filters of hidden units as image tiles, or as lines if they are no images, such as windows of a series.

    Zero is mid-grey; a line has a thin line of zeros behind it. Each filter is scaled by its own range, unless `plot`
    gets a `limit`.

    Parameters
    ----------
    filters : array-like of shape (n_filters, n_features)
        The filters, one in each row.
    image_shape : tuple of int, default=None
        (height, width), (height, width, 3) or (3, height, width) for images, (length,) for lines. None takes a grey
        image if the number of features is a square, (side, side, 3) if it is three times a square, and lines
        otherwise. Windows of a series of several channels are images of a row for each channel, (n_channels, length).

    Attributes
    ----------
    image_ : matplotlib.image.AxesImage
        The tiles. Absent where lines are drawn.
    lines_ : matplotlib.collections.LineCollection
        The lines. Absent where images are drawn.
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    See Also
    --------
    PathDisplay : The same filters along the regularization strength.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.plotting import FiltersDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(64, max_iter=20, tol=0, random_state=0).fit(X)
    >>> display = FiltersDisplay.from_estimator(autoencoder)
    >>> display.filters.shape
    (64, 64)
    """

    image_: AxesImage  # absent where lines are drawn
    lines_: LineCollection  # absent where images are drawn

    def __init__(self, filters: ArrayLike, *, image_shape: Sequence[int] | None = None) -> None:
        self.filters = filters
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        kind: Literal["decoder", "encoder"] = "decoder",
        image_shape: Sequence[int] | None = None,
        n_filters: int | None = 100,
        order: Literal["norm"] | None = None,
        n_columns: int | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the filters of a fitted autoencoder.

        Parameters
        ----------
        estimator : autoencoder, or a Pipeline that ends in one
            Fitted.
        kind : {"decoder", "encoder"}, default="decoder"
            "decoder" draws the patterns that units add to the reconstruction, "encoder" the patterns that units respond
            to. In a Pipeline, the filters are mapped back to its input, from the last step to the first. "decoder"
            uses the linear part of `inverse_transform`, "encoder" the linear part of `transform`. The mapping ends at
            a step that has no inverse or is not affine, such as `ContrastNormalizer`. Then the filters refer to the
            output of that step.
        image_shape : tuple of int, default=None
            See `FiltersDisplay`.
        n_filters : int or None, default=100
            Number of filters; None draws all.
        order : {"norm"} or None, default=None
            "norm" draws the filters from the longest to the shortest; None keeps the order of the units.
        n_columns : int or None, default=None
            Tiles in a row; None makes the picture nearly square.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        FiltersDisplay
            The display, already drawn.
        """
        check_count("n_filters", n_filters, none=True)
        check_option("order", order, (None, "norm"))
        filters = input_filters(estimator, kind)
        if order == "norm":
            filters = filters[np.argsort(-np.linalg.norm(filters, axis=1), kind="stable")]
        return cls(filters[:n_filters], image_shape=image_shape).plot(ax, n_columns=n_columns)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_columns: int | None = None,
        limit: float | None = None,
        cmap: str | Colormap = "gray",
    ) -> Self:
        """Draw the filters.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        n_columns : int or None, default=None
            Tiles in a row; None makes the picture nearly square.
        limit : float, default=None
            The absolute value of black and white, or of the upper and lower edge of a tile; None takes each filter's
            largest one.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of grey images, from the most negative to the most positive value.

        Returns
        -------
        FiltersDisplay
            The display.
        """
        check_count("n_columns", n_columns, none=True)
        filters = np.asarray(self.filters, dtype=np.float64)
        if filters.ndim != 2 or not len(filters):
            raise ValueError(f"filters must have shape (n_filters, n_features), got {filters.shape}")
        shape = checked_image_shape(self.image_shape, filters.shape[1])
        if limit is not None and not (isinstance(limit, Real) and 0.0 < float(limit) < np.inf):
            raise ValueError(f"limit must be a finite number > 0 or None, got {limit!r}")
        scaled = scaled_by_largest(filters) if limit is None else filters / limit
        if len(shape) == 1:
            n_columns = n_columns or near_square(len(scaled), TILE)
            ax = self._axes(ax, figure_size(lines_shape(len(scaled), n_columns), 5.0))
            self.lines_ = draw_lines(ax, scaled, n_columns)
            return self
        images = images_of(scaled, shape)
        picture = mosaic(images, n_columns or near_square(len(images), images.shape[1:]))
        ax = self._axes(ax, figure_size(picture.shape, 5.0))
        self.image_ = draw_mosaic(ax, picture, (-1.0, 1.0), cmap)
        return self


def input_filters(estimator, kind="decoder"):
    """Return the filters of an autoencoder, mapped back to the input of the Pipeline that ends in it."""
    check_option("kind", kind, KINDS)
    model = autoencoder_of(estimator)
    check_is_fitted(model)
    filters = np.array(model.decoder_components_ if kind == "decoder" else model.components_, dtype=np.float64)
    return mapped_filters(filters, steps_before(estimator), kind)
