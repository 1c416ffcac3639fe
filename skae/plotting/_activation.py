"""ActivationDisplay, and a sheet of all activations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from skae._typing import Array, FloatArray, MatrixLike
from skae.activations import ACTIVATIONS, Activation, as_activation
from skae.autoencoders import activation_of, model_and_input
from skae.complements import complement, has_complement
from skae.plotting._display import Display, check_count, checked_limits, dense, pyplot, sliceable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_N_POINTS = 501
_BESIDE_KINK = 1e-9
_JUMP = 1e-3
# Pre-activations of more samples hardly change a histogram.
_MOST_SAMPLES = 2000
_BINS = 60
_STYLES = {
    "value": ("h(u)", "C0", "-", 2.2),
    "derivative": ("derivative", "C1", "--", 1.5),
    "potential": ("potential", "C2", "-.", 1.5),
    "complement": ("complement", "C3", ":", 2.0),
}


class ActivationDisplay(Display):
    """An activation, its derivative, its potential (the antiderivative) and its complement (SAT eq. 1 and 3).

    Parameters
    ----------
    u : ndarray of shape (n_points,)
        Pre-activations.
    curves : dict of str to ndarray of shape (n_points,)
        Curves over u. Keys are among "value", "derivative", "potential" and "complement". nan makes a gap.
    name : str, default=None
        Name of the activation, for the title.
    counts, edges : ndarray of shape (n_bins,) and (n_bins + 1,), default=None
        Histogram of pre-activations.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves.
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    See Also
    --------
    activation_sheet : All activations side by side.

    Notes
    -----
    softmax and max couple the units. For them the display takes two units, one at u and the other at 0. It draws h and
    the derivative of the first unit, and the potential of both.

    Examples
    --------
    >>> from skae.plotting import ActivationDisplay
    >>> display = ActivationDisplay.from_activation("shrink", threshold=0.5)
    >>> list(display.curves)
    ['value', 'derivative', 'potential', 'complement']
    """

    lines_: dict[str, Line2D]

    def __init__(
        self,
        u: FloatArray,
        curves: Mapping[str, FloatArray],
        *,
        name: str | None = None,
        counts: Array | None = None,
        edges: FloatArray | None = None,
    ) -> None:
        self.u = u
        self.curves = curves
        self.name = name
        self.counts = counts
        self.edges = edges

    @classmethod
    def from_activation(
        cls,
        activation: str | Activation,
        *,
        threshold: float = 1.0,
        limits: Sequence[float] = (-3.0, 3.0),
        ax: Axes | None = None,
    ) -> Self:
        """Draw an activation.

        Parameters
        ----------
        activation : str or Activation
            A registered name, or an instance.
        threshold : float, default=1.0
            Threshold for a name whose activation has one.
        limits : sequence of two floats, default=(-3.0, 3.0)
            Smallest and largest u.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        ActivationDisplay
            The display, already drawn.
        """
        activation = as_activation(activation, threshold)
        return cls(*_curves(activation, checked_limits(limits)), name=_name(activation)).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike | None = None,
        *,
        limits: Sequence[float] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the activation of an autoencoder; with data, draw a histogram of its pre-activations behind it.

        Parameters
        ----------
        estimator : autoencoder, or a Pipeline that ends in one
            Fitted if X is given.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Data. At most 2000 rows are used.
        limits : sequence of two floats, default=None
            Smallest and largest u. None takes -3 and 3, or a wider range if pre-activations lie outside.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        ActivationDisplay
            The display, already drawn.
        """
        activation = activation_of(estimator)
        if X is None:
            return cls.from_activation(activation, limits=(-3.0, 3.0) if limits is None else limits, ax=ax)
        U = _pre_activations(estimator, X)
        if limits is None:
            reach = max(3.0, float(np.quantile(np.abs(U), 0.999)))
            limits = (-reach, reach)
        low, high = checked_limits(limits)
        counts, edges = np.histogram(U, np.linspace(low, high, _BINS + 1))
        return cls(*_curves(activation, (low, high)), name=_name(activation), counts=counts, edges=edges).plot(ax)

    def plot(self, ax: Axes | None = None, *, legend: bool = True) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        legend : bool, default=True
            Whether to draw a legend.

        Returns
        -------
        ActivationDisplay
            The display.
        """
        ax = self._axes(ax)
        if self.counts is not None and np.max(self.counts) > 0:
            heights = 0.95 * np.asarray(self.counts) / np.max(self.counts)
            across = ax.get_xaxis_transform()  # as high as the axes
            label = "pre-activations"
            ax.stairs(heights, self.edges, fill=True, color="gray", alpha=0.3, transform=across, label=label)
        self.lines_ = {}
        for key, values in self.curves.items():
            label, color, style, width = _STYLES[key]
            (self.lines_[key],) = ax.plot(
                self.u, values, color=color, linestyle=style, linewidth=width, label=label, zorder=3 - 0.1 * width
            )
        reach = 1.5 * np.max(np.abs(self.u))
        values = np.concatenate(list(self.curves.values()))
        low, high = max(np.nanmin(values), -reach), min(np.nanmax(values), reach)
        margin = 0.05 * ((high - low) or 1.0)
        ax.set(xlim=(self.u[0], self.u[-1]), ylim=(low - margin, high + margin), xlabel="u")
        if self.name is not None:
            ax.set_title(self.name)
        if legend:
            ax.legend()
        return self


def activation_sheet(
    activations: Iterable[str | Activation] | None = None,
    *,
    threshold: float = 1.0,
    limits: Sequence[float] = (-3.0, 3.0),
    n_columns: int = 4,
) -> Figure:
    """Draw all registered activations, or some, side by side in a new figure.

    Parameters
    ----------
    activations : iterable of str or Activation, default=None
        Names or instances; None takes all in `skae.activations.ACTIVATIONS`.
    threshold : float, default=1.0
        Threshold for names whose activations have one.
    limits : sequence of two floats, default=(-3.0, 3.0)
        Smallest and largest u.
    n_columns : int, default=4
        Activations in a row.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> from skae.plotting import activation_sheet
    >>> figure = activation_sheet(["relu", "shrink", "sigmoid"], threshold=0.5)
    >>> [ax.get_title() for ax in figure.axes]
    ['relu', 'shrink(threshold=0.5)', 'sigmoid']
    """
    check_count("n_columns", n_columns)
    limits = checked_limits(limits)
    instances = [as_activation(each, threshold) for each in (ACTIVATIONS if activations is None else activations)]
    if not instances:
        raise ValueError("activation_sheet needs at least one activation, got none")
    n_columns = min(n_columns, len(instances))
    n_rows = math.ceil(len(instances) / n_columns)
    figure, axes = pyplot().subplots(
        n_rows, n_columns, figsize=(2.8 * n_columns, 2.3 * n_rows + 0.4), squeeze=False, layout="constrained"
    )
    handles: dict[str, Any] = {}
    for ax, activation in zip(axes.ravel(), instances, strict=False):
        display = ActivationDisplay(*_curves(activation, limits), name=_name(activation)).plot(ax, legend=False)
        handles |= display.lines_
    for ax in axes.ravel()[len(instances) :]:
        ax.remove()
    for ax in axes.ravel()[: max(len(instances) - n_columns, 0)]:
        ax.set_xlabel("")  # there is another one below
    shown = [handles[key] for key in _STYLES if key in handles]
    figure.legend(shown, [line.get_label() for line in shown], loc="outside lower center", ncols=len(shown))
    return figure


def _name(activation):
    """Return the name of an activation, with its threshold."""
    threshold = getattr(activation, "threshold", None)
    return activation.name if threshold is None else f"{activation.name}(threshold={threshold:.3g})"


def _curves(activation, limits):
    """Return u and the curves over it, for a single unit, or for the first of two units that are coupled."""
    kinks = np.array([kink for kink in (*activation.kinks, 0.0) if limits[0] < kink < limits[1]])
    beside = [kinks - _BESIDE_KINK, kinks, kinks + _BESIDE_KINK]
    u = np.unique(np.concatenate([np.linspace(limits[0], limits[1], _N_POINTS), *beside]))
    units = u[:, None]
    if not hasattr(activation, "derivative"):
        units = np.column_stack([u, np.zeros_like(u)])
    first = np.zeros_like(units)
    first[:, 0] = 1.0
    h = activation.value(units)
    curves = {"value": h[:, 0], "derivative": activation.backward(units, h, first)[:, 0]}
    if hasattr(activation, "potential"):
        curves["potential"] = activation.potential(units)
    if has_complement(activation):
        curves["complement"] = complement(activation, u)[0]
    return u, {key: _with_gaps(u, values, kinks) for key, values in curves.items()}


def _with_gaps(u, values, kinks):
    """Return values with nan at those kinks where the values jump."""
    values = np.array(values, dtype=np.float64)
    before, behind = (np.searchsorted(u, kinks + sign * _BESIDE_KINK) for sign in (-1.0, 1.0))
    for left, right in zip(before, behind, strict=True):
        if abs(values[right] - values[left]) > _JUMP:
            values[left + 1 : right] = np.nan
    return values


def _pre_activations(estimator, X):
    """Return the pre-activations of some rows."""
    X = sliceable(X)
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    model, inputs = model_and_input(estimator, X[:: max(1, -(-n_samples // _MOST_SAMPLES))])
    return model.pre_activations(dense(inputs))
