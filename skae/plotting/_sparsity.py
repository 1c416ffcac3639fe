"""SparsityDisplay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skae._typing import IntArray, MatrixLike
from skae.autoencoders import activation_of
from skae.metrics import activation_counts
from skae.plotting._display import Display, next_color
from skae.training import active_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import StepPatch

# Height of one line of the legend, as a share of the axis. The legend stands above the curve.
_LEGEND_LINE = 0.08


class SparsityDisplay(Display):
    """The share of the samples on which each unit is active, from the most active unit to the least.

    Parameters
    ----------
    fractions : array-like of shape (n_components,)
        The share of each unit.

    Attributes
    ----------
    curve_ : matplotlib.patches.StepPatch
        The sorted shares.
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    See Also
    --------
    skae.metrics.activation_fraction : The mean of these shares.
    skae.metrics.dead_unit_fraction : The share of units that are never active.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SaturatingAutoencoder
    >>> from skae.plotting import SparsityDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = SaturatingAutoencoder(64, activation="relu", max_iter=20, tol=0, random_state=0).fit(X)
    >>> display = SparsityDisplay.from_estimator(autoencoder, X)
    >>> display.fractions.shape
    (64,)
    """

    curve_: StepPatch

    def __init__(self, fractions: ArrayLike) -> None:
        self.fractions = fractions

    @property
    def dead_units(self) -> IntArray:
        """Indices of the units that are active on no sample."""
        return np.flatnonzero(np.asarray(self.fractions) == 0.0)

    @property
    def always_active_units(self) -> IntArray:
        """Indices of the units that are active on all samples."""
        return np.flatnonzero(np.asarray(self.fractions) == 1.0)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike,
        *,
        threshold: float | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Count how often the units of an autoencoder are active, and draw the shares.

        Parameters
        ----------
        estimator : autoencoder, or a Pipeline that ends in one
            Fitted. h is its activation; `encoding` has no effect.
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.
        threshold : float, default=None
            A unit is active if abs(h) is above it (`skae.metrics.activation_fraction`). None takes 0 for activations
            with kinks, such as relu. It takes 0.1 for smooth ones, such as sigmoid, which are nowhere zero (SPARSE
            eq. 14).
        name : str, default=None
            Name of the model, for the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        SparsityDisplay
            The display, already drawn.
        """
        if threshold is None:
            threshold = active_above(activation_of(estimator))
        counts, n_samples = activation_counts(estimator, X, threshold)
        return cls(counts / n_samples).plot(ax, name=name)

    def plot(self, ax: Axes | None = None, *, name: str | None = None) -> Self:
        """Draw the sorted shares.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        name : str, default=None
            Name of the model, for the legend.

        Returns
        -------
        SparsityDisplay
            The display.
        """
        fractions = np.sort(np.asarray(self.fractions, dtype=np.float64))[::-1]
        ax = self._axes(ax)
        color, n = next_color(ax), len(fractions)
        label = (
            f"{fractions.mean():.1%} active; of {n} units {len(self.dead_units)} dead, "
            f"{len(self.always_active_units)} always on"
        )
        label = f"{name}: {label}" if name else label
        self.curve_ = ax.stairs(fractions, np.arange(n + 1), baseline=None, color=color, linewidth=1.8, label=label)
        ax.axhline(fractions.mean(), color=color, linestyle=":", linewidth=1.2)
        ax.set(xlabel="unit, the most active first", ylabel="share of samples on which it is active")
        legend = ax.legend(loc="upper right", fontsize="small")
        ax.set(ylim=(0.0, 1.02 + _LEGEND_LINE * (len(legend.get_texts()) + 0.5)), yticks=np.linspace(0.0, 1.0, 6))
        return self
