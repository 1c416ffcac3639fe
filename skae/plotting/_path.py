"""PathDisplay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone

from skae._typing import FloatArray, MatrixLike
from skae.autoencoders import autoencoder_of, has_frozen_model, regularization_path, steps_before
from skae.plotting._display import Display, check_count
from skae.plotting._filters import input_filters
from skae.plotting._images import (
    checked_image_shape,
    draw_mosaic,
    figure_size,
    images_of,
    label_rows,
    mosaic,
    scaled_by_largest,
)
from skae.plotting._lines import draw_lines, label_lines, lines_shape
from skae.plotting._pipeline import mapped_filters

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage


class PathDisplay(Display):
    """Filters along the regularization strength: a row for each alpha, a column for each unit (SAT figure 5).

    Each filter is divided by its own largest absolute value: zero is mid-grey. Filters that are no images are lines.

    Parameters
    ----------
    filters : array-like of shape (n_alphas, n_filters, n_features)
        The filters at each strength.
    alphas : array-like of shape (n_alphas,)
        The strengths.
    image_shape : tuple of int, default=None
        See `FiltersDisplay`.

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
    skae.regularization_path : The fits.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SaturatingAutoencoder
    >>> from skae.plotting import PathDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = SaturatingAutoencoder(32, max_iter=20, tol=0, random_state=0)
    >>> display = PathDisplay.from_estimator(autoencoder, X, alphas=[0.0, 0.05], n_filters=10)
    >>> display.filters.shape
    (2, 10, 64)
    """

    image_: AxesImage  # absent where lines are drawn
    lines_: LineCollection  # absent where images are drawn

    def __init__(self, filters: ArrayLike, alphas: ArrayLike, *, image_shape: Sequence[int] | None = None) -> None:
        self.filters = filters
        self.alphas = alphas
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike,
        y: ArrayLike | None = None,
        *,
        alphas: Sequence[float] | FloatArray | Iterator[float],
        image_shape: Sequence[int] | None = None,
        n_filters: int | None = 16,
        ax: Axes | None = None,
    ) -> Self:
        """Fit an autoencoder along a range of strengths, by `regularization_path`, and draw its decoder filters.

        Parameters
        ----------
        estimator : autoencoder with the parameter `alpha`, or a Pipeline that ends in one
            It need not be fitted, and does not change: the function fits clones of all steps but the frozen ones.
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,), default=None
            Labels, for steps of the Pipeline that need them.
        alphas : sequence or iterator of float
            The strengths, in the order in which they are fitted and drawn.
        image_shape : tuple of int, default=None
            See `FiltersDisplay`.
        n_filters : int or None, default=16
            Number of units to draw, from the first one; None draws all.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        PathDisplay
            The display, already drawn.
        """
        check_count("n_filters", n_filters, none=True)
        if has_frozen_model(estimator):
            raise ValueError(
                "PathDisplay fits the autoencoder at each alpha, got a FrozenEstimator, which nothing fits; pass the "
                "autoencoder in it, or fitted ones to from_estimators"
            )
        model, steps = clone(autoencoder_of(estimator)), [clone(step) for step in steps_before(estimator)]
        for step in steps:
            X = step.fit_transform(X, y) if hasattr(step, "fit_transform") else step.fit(X, y).transform(X)
        filters, strengths = [], []
        for fitted in regularization_path(model, X, alphas=alphas):
            filters.append(mapped_filters(fitted.decoder_components_[:n_filters].astype(np.float64), steps))
            checked_image_shape(image_shape, filters[0].shape[1])  # before the other fits
            strengths.append(fitted.alpha)
        return cls(np.stack(filters), np.array(strengths), image_shape=image_shape).plot(ax)

    @classmethod
    def from_estimators(
        cls,
        estimators: Iterable[BaseEstimator],
        *,
        image_shape: Sequence[int] | None = None,
        n_filters: int | None = 16,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the decoder filters of fitted autoencoders with different `alpha`.

        Parameters
        ----------
        estimators : iterable of autoencoders, or of Pipelines that end in them
            Fitted, all with the same number of units, as from `regularization_path`.
        image_shape : tuple of int, default=None
            See `FiltersDisplay`.
        n_filters : int or None, default=16
            Number of units to draw, from the first one; None draws all.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        PathDisplay
            The display, already drawn.
        """
        check_count("n_filters", n_filters, none=True)
        if isinstance(estimators, BaseEstimator) or not isinstance(estimators, Iterable):
            raise TypeError(f"PathDisplay needs a sequence of fitted estimators, got {type(estimators).__name__}")
        estimators = list(estimators)
        if not estimators:
            raise ValueError("PathDisplay needs at least one estimator, got none")
        models = [autoencoder_of(estimator) for estimator in estimators]
        for model in models:
            if not hasattr(model, "alpha"):
                raise ValueError(f"PathDisplay needs estimators with an alpha, which {type(model).__name__} has not")
        filters = [input_filters(estimator)[:n_filters] for estimator in estimators]
        if len({each.shape for each in filters}) != 1:
            raise ValueError(f"PathDisplay needs estimators of one shape, got {[each.shape for each in filters]}")
        return cls(np.stack(filters), np.array([model.alpha for model in models]), image_shape=image_shape).plot(ax)

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "gray") -> Self:
        """Draw the filters.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of grey images, from the most negative to the most positive value.

        Returns
        -------
        PathDisplay
            The display.
        """
        filters, alphas = np.asarray(self.filters, dtype=np.float64), np.asarray(self.alphas, dtype=np.float64)
        if filters.ndim != 3 or 0 in filters.shape:
            raise ValueError(f"filters must have shape (n_alphas, n_filters, n_features), got {filters.shape}")
        if alphas.shape != filters.shape[:1]:
            raise ValueError(f"alphas must be a number for each of {len(filters)} rows of filters, got {alphas.shape}")
        _, n_filters, n_features = filters.shape
        shape = checked_image_shape(self.image_shape, n_features)
        scaled, labels = scaled_by_largest(filters.reshape(-1, n_features)), [f"{alpha:g}" for alpha in alphas]
        width = min(8.0, 0.8 + n_filters)
        if len(shape) == 1:
            ax = self._axes(ax, figure_size(lines_shape(len(scaled), n_filters), width, labels=0.8))
            self.lines_ = draw_lines(ax, scaled, n_filters)
            label_lines(ax, labels)
        else:
            images = images_of(scaled, shape)
            picture = mosaic(images, n_filters)
            ax = self._axes(ax, figure_size(picture.shape, width, labels=0.8))
            self.image_ = draw_mosaic(ax, picture, (-1.0, 1.0), cmap)
            label_rows(ax, labels, images.shape[1])
        ax.set_ylabel("alpha")
        return self
