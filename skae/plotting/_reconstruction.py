"""ReconstructionDisplay."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skae._typing import MatrixLike, RandomState
from skae.autoencoders import autoencoder_of
from skae.corruption import Corruption, as_corruption
from skae.plotting._display import Display, check_count, check_option, dense, sliceable
from skae.plotting._images import (
    checked_image_shape,
    draw_mosaic,
    figure_size,
    images_of,
    label_rows,
    mosaic,
)
from skae.plotting._pipeline import reconstruct
from skae.training import like_frame, seed_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# With fewer features, rows are drawn as images only on request.
_SMALLEST_IMAGE = 36
# Number of rows from which the deviations of the features are taken.
_REFERENCE_ROWS = 1000
# Lines are standardised if a feature's deviation is more than this many times the median deviation.
_LARGEST_SPREAD = 10.0
# Largest number of feature names that fit below the axes.
_MOST_NAMES = 40


class ReconstructionDisplay(Display):
    """Inputs and their reconstructions, as rows of images, or as one line over the features for each sample.

    Parameters
    ----------
    inputs : ndarray of shape (n_samples, n_features)
        The samples.
    reconstructions : ndarray of shape (n_samples, n_features)
        The reconstructions of the samples, or of the corrupted samples.
    corrupted : ndarray of shape (n_samples, n_features), default=None
        The corrupted samples.
    kind : {"images", "lines"} or None, default=None
        None draws images if `image_shape` is that of an image, or if there are at least 36 features and it can be
        guessed.
    image_shape : tuple of int, default=None
        See `FiltersDisplay`.
    feature_names : array-like of shape (n_features,), default=None
        Names to write below the lines.
    center, scale : ndarray of shape (n_features,), default=None
        Before lines are drawn, `center` is subtracted from the features, and the result is divided by `scale`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> from skae.plotting import ReconstructionDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = DenoisingAutoencoder(64, max_iter=20, tol=0, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(autoencoder, X, noise="masking", noise_level=0.2)
    >>> display.reconstructions.shape
    (10, 64)
    """

    def __init__(
        self,
        inputs: ArrayLike,
        reconstructions: ArrayLike,
        *,
        corrupted: ArrayLike | None = None,
        kind: Literal["images", "lines"] | None = None,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
        center: ArrayLike | None = None,
        scale: ArrayLike | None = None,
    ) -> None:
        self.inputs = inputs
        self.reconstructions = reconstructions
        self.corrupted = corrupted
        self.kind = kind
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.center = center
        self.scale = scale

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike,
        *,
        n_samples: int = 10,
        kind: Literal["images", "lines"] | None = None,
        image_shape: Sequence[int] | None = None,
        noise: str | Corruption | None = None,
        noise_level: float = 0.1,
        random_state: RandomState = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the first samples and their reconstructions.

        Lines show standardised features if some feature's standard deviation is more than ten times the median one. The
        first 1000 rows set means and deviations.

        Parameters
        ----------
        estimator : autoencoder, or a Pipeline that ends in one
            Fitted. In a Pipeline, the `inverse_transform` of its steps maps the reconstruction back to its input. If a
            step has no inverse, such as `ContrastNormalizer`, the output of this step is drawn.
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Samples.
        n_samples : int, default=10
            Number of samples to draw, from the first row of X.
        kind : {"images", "lines"} or None, default=None
            See `ReconstructionDisplay`.
        image_shape : tuple of int, default=None
            See `FiltersDisplay`.
        noise : {"gaussian", "masking", "salt_and_pepper"}, Corruption or None, default=None
            A corruption of the samples. Then the corrupted samples are reconstructed. They may lie outside [0, 1], even
            for ``visible="bernoulli"``.
        noise_level : float, default=0.1
            Level of the noise: the standard deviation, in units of X, or the share of features.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        ReconstructionDisplay
            The display, already drawn.
        """
        check_count("n_samples", n_samples)
        check_is_fitted(autoencoder_of(estimator))
        X = sliceable(X)
        reference, reconstructions = map(_numbers, reconstruct(estimator, X[: max(n_samples, _REFERENCE_ROWS)]))
        inputs, reconstructions, corrupted = reference[:n_samples], reconstructions[:n_samples], None
        if noise is not None:
            noisy = _corrupted(X[:n_samples], X, as_corruption(noise, noise_level), random_state)
            corrupted, reconstructions = map(_numbers, reconstruct(estimator, noisy, noisy=True))
        names = getattr(estimator, "feature_names_in_", None)
        names = names if names is not None and len(names) == inputs.shape[1] else None
        center, scale = _unlike_scales(reference)
        return cls(
            inputs,
            reconstructions,
            corrupted=corrupted,
            kind=kind,
            image_shape=image_shape,
            feature_names=names,
            center=center,
            scale=scale,
        ).plot(ax)

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "gray") -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of grey images, over the range of the inputs.

        Returns
        -------
        ReconstructionDisplay
            The display.
        """
        check_option("kind", self.kind, ("images", "lines", None))
        given = {"input": self.inputs, "corrupted": self.corrupted, "reconstruction": self.reconstructions}
        rows = {label: np.asarray(values) for label, values in given.items() if values is not None}
        shape = self._image_shape(rows["input"].shape[1])
        if len(shape) > 1:
            self._draw_images(rows, shape, ax, cmap)
        else:
            self._draw_lines(rows, ax)
        return self

    def _image_shape(self, n_features):
        """Return the shape of the images, or (n_features,) for lines."""
        if self.kind == "lines":
            return (n_features,)
        shape = checked_image_shape(self.image_shape, n_features)
        if self.kind is None:
            return shape if self.image_shape is not None or n_features >= _SMALLEST_IMAGE else (n_features,)
        if len(shape) == 1:
            raise ValueError(
                f"{n_features} features are no square image, grey or of three colours; give image_shape, such as "
                "(height, width), (height, width, 3) or (3, height, width)"
            )
        return shape

    def _draw_images(self, rows, shape, ax, cmap):
        """Draw one row of tiles for the inputs, one for the reconstructions, and one for corrupted samples."""
        images = images_of(np.concatenate(list(rows.values())), shape)
        low, high = float(rows["input"].min()), float(rows["input"].max())
        picture = mosaic(images, len(rows["input"]))
        ax = self._axes(ax, figure_size(picture.shape, min(8.0, 1.3 + len(rows["input"])), labels=1.3))
        draw_mosaic(ax, picture, (low, high if high > low else low + 1.0), cmap)
        label_rows(ax, list(rows), images.shape[1])

    def _draw_lines(self, rows, ax):
        """Draw a line for each sample, each sample below the one before, with the reconstruction over the input."""
        n_samples, n_features = rows["input"].shape
        names = self.feature_names if n_features <= _MOST_NAMES else None
        ax = self._axes(ax, (6.4, min(1.0 + 0.6 * n_samples, 9.0) + (1.0 if names is not None else 0.0)))
        center, scale = 0.0 if self.center is None else self.center, 1.0 if self.scale is None else self.scale
        scaled = {label: (values - center) / scale for label, values in rows.items()}
        low = min(scaled[label].min() for label in ("input", "reconstruction"))
        high = max(scaled[label].max() for label in ("input", "reconstruction"))
        step = 0.8 * ((high - low) or 1.0)
        styles = {
            "input": {"color": "C0", "linewidth": 2.5, "alpha": 0.6},
            "corrupted": {"color": "C2", "linewidth": 1.0, "linestyle": ":"},
            "reconstruction": {"color": "C1", "linewidth": 1.2, "marker": "." if n_features <= _MOST_NAMES else None},
        }
        offsets = -step * np.arange(n_samples)
        for label, values in scaled.items():
            lines = ax.plot(np.arange(n_features), values.T + offsets, **styles[label])
            lines[0].set_label(label)
        ax.set_yticks(offsets + 0.5 * (low + high), [str(i) for i in range(n_samples)])
        ax.set(ylabel="sample" if self.scale is None else "sample, features standardised", xlabel="feature")
        ax.set_ylim(offsets[-1] + low - 0.1 * step, high + 0.1 * step)  # corrupted values may lie far off
        if names is not None:
            ax.set_xticks(np.arange(n_features), names, rotation=90 if n_features > 5 else 0)
            ax.set_xlabel("")
        ax.margins(x=0.02)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(scaled), frameon=False)


def _numbers(values):
    """Return an array of numbers; data frames may hold them as objects. Refuse other arrays."""
    if values.dtype == object and all(isinstance(value, Real) for value in values.flat):
        return values.astype(np.float64)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            "ReconstructionDisplay draws numbers, but X holds others (strings, say); pass the last step of the "
            "Pipeline, model[-1], with model[:-1].transform(X)"
        )
    return values


def _unlike_scales(X):
    """Return means and deviations of the features if their scales differ much, else (None, None)."""
    deviation = X.std(axis=0, dtype=np.float64)
    if not deviation.any() or deviation.max() <= _LARGEST_SPREAD * np.median(deviation[deviation > 0.0]):
        return None, None
    return X.mean(axis=0, dtype=np.float64), np.where(deviation > 0.0, deviation, 1.0)


def _corrupted(shown, X, corruption, random_state):
    """Return the corrupted samples, as a data frame if X is one, else as an array."""
    values = _numbers(dense(shown))
    values = values.astype(np.result_type(values, np.float32), copy=False)
    low = high = None
    if corruption.uses_range:
        everything = _numbers(dense(X))
        low, high = everything.min(axis=0).astype(values.dtype), everything.max(axis=0).astype(values.dtype)
    rng = np.random.default_rng(seed_of(random_state))
    noisy = corruption.apply(values, rng, np.empty_like(values), low, high)
    return like_frame(noisy, X)
