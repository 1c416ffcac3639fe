"""EnergyDisplay."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skae._typing import MatrixLike
from skae._validation import check_array
from skae.autoencoders import AutoencoderPrediction, last_step
from skae.plotting._display import Display, check_count, check_option, dense
from skae.plotting._pipeline import is_invertible, reconstruct
from skae.training import like_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.contour import QuadContourSet
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver

# Energies fall off like the square of the distance from the data. So the darkest colour starts at this quantile of the
# energies on the grid.
_LOW_GRID = 0.3
# It starts at a higher energy, up to the quantile _LOW_GRID_AT_MOST of the grid, if otherwise the data would have less
# than a share of 1 / _REACH of the colours. The data's energies count from their quantile _LOW_DATA on.
_LOW_DATA, _REACH, _LOW_GRID_AT_MOST = 0.05, 10.0, 0.7
# If the ranges of the two features differ by at most this factor, both axes have the same scale.
_LARGEST_ASPECT = 3.0
# The grid goes beyond the data on each side by this share of their range.
_MARGIN = 0.25
_LEVELS = 30
_MOST_POINTS = 500


class EnergyDisplay(Display):
    """Energy of a model of two features, with its vector field and the data (ENERGY figure 2, SAT figures 2 and 3).

    Energies fall off like the square of the distance from the data. So the darkest colour stands for all energies
    below the 30 % quantile of the grid. If this leaves too few colours for the data, it ends at a higher energy.

    Parameters
    ----------
    xx0, xx1 : array-like of shape (grid_resolution, grid_resolution)
        Coordinates of the grid, as `numpy.meshgrid` returns them.
    energy : array-like of shape (grid_resolution, grid_resolution)
        Energy score of each point of the grid.
    positions, field : array-like of shape (n, 2), default=None
        The points where arrows begin, and the vector field at these points, in units of the features.
    X : array-like of shape (n_samples, 2), default=None
        Points to draw.
    feature_names : sequence of str, default=("x0", "x1")
        Names of the two features.

    Attributes
    ----------
    surface_ : matplotlib.contour.QuadContourSet
        The energy.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The scale of the energy. If a display is drawn into the same axes again, it replaces its colour bar.
    arrows_ : matplotlib.quiver.Quiver or None
        The field.
    points_ : matplotlib.lines.Line2D or None
        The data.
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    Examples
    --------
    >>> from skae import ContractiveAutoencoder
    >>> from skae.datasets import make_circle
    >>> from skae.plotting import EnergyDisplay
    >>> X, _ = make_circle(200, random_state=0)
    >>> autoencoder = ContractiveAutoencoder(20, alpha=0.03, solver="lbfgs", tol=1e-3, random_state=0).fit(X)
    >>> display = EnergyDisplay.from_estimator(autoencoder, X)
    >>> display.energy.shape
    (100, 100)
    """

    surface_: QuadContourSet
    colorbar_: Colorbar | None = None
    arrows_: Quiver | None
    points_: Line2D | None

    def __init__(
        self,
        xx0: ArrayLike,
        xx1: ArrayLike,
        energy: ArrayLike,
        *,
        positions: ArrayLike | None = None,
        field: ArrayLike | None = None,
        X: ArrayLike | None = None,
        feature_names: Sequence[str] = ("x0", "x1"),
    ) -> None:
        self.xx0 = xx0
        self.xx1 = xx1
        self.energy = energy
        self.positions = positions
        self.field = field
        self.X = X
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike,
        *,
        grid_resolution: int = 100,
        eps: float | None = None,
        field: bool | None = None,
        n_arrows: int = 20,
        colorbar: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Compute and draw the energy around the data.

        Parameters
        ----------
        estimator : estimator with `score_samples`, or a Pipeline that ends in one
            Fitted to two features.
        X : {array-like, CSR matrix} of shape (n_samples, 2)
            Data. At most 500 points are drawn.
        grid_resolution : int, default=100
            Number of points of the grid along each feature.
        eps : float or None, default=None
            How far the grid goes beyond X, as a fraction of the range of each feature. None takes 0.25. For
            autoencoders with ``visible="bernoulli"``, alone or in a detector or classifier, None takes 0, because they
            refuse values outside [0, 1].
        field : bool or None, default=None
            Whether to draw r(x) - x as arrows. For a Pipeline, r(x) is the Pipeline's own reconstruction of x. None
            draws arrows if the estimator is an autoencoder and all steps before it have an inverse.
        n_arrows : int, default=20
            Number of arrows along each feature.
        colorbar : bool, default=True
            Whether to draw the scale of the energy.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        EnergyDisplay
            The display, already drawn.

        Raises
        ------
        ValueError
            If X does not have two features, or if ``field=True`` and the estimator has no field.
        """
        check_count("grid_resolution", grid_resolution, 2)
        check_count("n_arrows", n_arrows)
        check_option("field", field, (None, True, False))
        if not hasattr(estimator, "score_samples"):
            raise TypeError(f"EnergyDisplay needs an estimator with score_samples, got {type(estimator).__name__}")
        check_is_fitted(estimator)
        any_shape = {"ensure_2d": False, "allow_nd": True, "ensure_min_samples": 0, "ensure_min_features": 0}
        points = check_array(X, accept_sparse="csr", dtype=np.float64, **any_shape)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"EnergyDisplay draws models of two features, got X of shape {points.shape}")
        points = dense(points)
        if not len(points):
            raise ValueError("EnergyDisplay needs at least one sample, got X of shape (0, 2)")
        has_field = isinstance(last_step(estimator), AutoencoderPrediction) and is_invertible(estimator)
        if field and not has_field:
            raise ValueError(
                "field=True needs an autoencoder, behind steps that have an inverse_transform, "
                f"got {type(last_step(estimator)).__name__}"
            )
        low, high = _limits(points, estimator, eps)
        grid, (xx0, xx1) = _grid(low, high, grid_resolution)
        energy = np.asarray(estimator.score_samples(like_frame(grid, X))).reshape(xx0.shape)
        positions = arrows = None
        if has_field and field is not False:
            inset = 0.5 * (high - low) / n_arrows
            positions, _ = _grid(low + inset, high - inset, n_arrows)
            arrows = np.subtract(*reconstruct(estimator, like_frame(positions, X))[::-1])
        columns = getattr(X, "columns", ("x0", "x1"))
        names = tuple(map(str, getattr(X, "column_names", columns)))  # pyarrow's columns are arrays
        return cls(xx0, xx1, energy, positions=positions, field=arrows, X=points, feature_names=names).plot(
            ax, colorbar=colorbar
        )

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "viridis", colorbar: bool = True) -> Self:
        """Draw the energy.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of the energy.
        colorbar : bool, default=True
            Whether to draw the scale of the energy.

        Returns
        -------
        EnergyDisplay
            The display.
        """
        extent = [(float(np.min(xx)), float(np.max(xx))) for xx in (self.xx0, self.xx1)]
        width, height = (high - low for low, high in extent)
        equal = max(width, height) <= _LARGEST_ASPECT * min(width, height)
        self._remove_colorbar(ax)
        ax = self._axes(ax, (6.4, 4.8 * height / width + 0.6) if equal and height <= width else None)
        points = None if self.X is None else np.asarray(self.X)
        low, high = self._energy_range(points)
        levels = np.linspace(low, high, _LEVELS)
        self.surface_ = ax.contourf(self.xx0, self.xx1, self.energy, levels=levels, cmap=cmap, extend="min")
        if colorbar:
            from matplotlib.ticker import MaxNLocator

            ticks = [tick for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high]
            self.colorbar_ = self.figure_.colorbar(self.surface_, ax=ax, ticks=ticks, label="energy (score_samples)")
        self.points_ = self.arrows_ = None
        if points is not None:
            shown = points[:: -(-len(points) // _MOST_POINTS)]
            (self.points_,) = ax.plot(*shown.T, ".", color="tab:red", markersize=3, alpha=0.6)
        if self.positions is not None and self.field is not None:
            self.arrows_ = ax.quiver(
                *np.transpose(self.positions), *np.transpose(self.field), color="white", angles="xy", width=0.003
            )
        ax.set(xlim=extent[0], ylim=extent[1], xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        if equal:
            ax.set_aspect("equal")
        return self

    def _remove_colorbar(self, ax):
        """Forget the colour bar, and remove it if it stands beside these axes."""
        if self.colorbar_ is not None and ax is self.ax_ and self.colorbar_.ax in self.figure_.axes:
            self.surface_.axes = ax  # ax.clear() forgets it, and remove() needs it
            self.colorbar_.remove()
        self.colorbar_ = None

    def _energy_range(self, points):
        """Return the energies of the darkest and the brightest colour."""
        energy = np.asarray(self.energy, dtype=np.float64)
        low, most, high = map(float, np.quantile(energy, (_LOW_GRID, _LOW_GRID_AT_MOST, 1.0)))
        if points is not None:
            ticks = np.asarray(self.xx0)[0], np.asarray(self.xx1)[:, 0]
            column, row = (np.clip(np.searchsorted(t, x), 0, len(t) - 1) for t, x in zip(ticks, points.T, strict=True))
            on_data = float(np.quantile(energy[row, column], _LOW_DATA))
            low = min(max(low, high - _REACH * (high - on_data)), most, on_data)
        return low, high if high > low else low + 1.0


def _limits(points, estimator, eps):
    """Return the corners of the grid."""
    if eps is None:
        eps = 0.0 if _has_bernoulli_units(estimator) else _MARGIN
    if not isinstance(eps, Real) or not 0.0 <= float(eps) < np.inf:
        raise ValueError(f"eps must be a finite number >= 0 or None, got {eps!r}")
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    return low - eps * size, np.where(high > low, high, low + size) + eps * size


def _has_bernoulli_units(estimator):
    """Return whether the estimator is an autoencoder with bernoulli units, or a detector or classifier that has one."""
    model = last_step(estimator)
    parts = (model, getattr(model, "estimator_", None), *getattr(model, "estimators_", ())[:1])
    return any(getattr(last_step(part), "visible", None) == "bernoulli" for part in parts)


def _grid(low, high, resolution):
    """Return the points of a grid, shape (resolution**2, 2), and the two matrices of their coordinates."""
    xx = np.meshgrid(*(np.linspace(a, b, resolution) for a, b in zip(low, high, strict=True)))
    return np.column_stack([each.ravel() for each in xx]), xx
