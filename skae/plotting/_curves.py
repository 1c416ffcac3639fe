"""LossCurveDisplay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skae.autoencoders import last_step
from skae.plotting._display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# The axis is logarithmic if the losses span at least this factor.
_WIDE = 5.0
# All lines that show losses. An axes may have other lines too.
_LINES: WeakSet[Line2D] = WeakSet()


class LossCurveDisplay(Display):
    """Training loss, and validation loss if there is one (dashed), over the epochs.

    The axis is logarithmic if all losses in the axes are positive, and the largest is more than five times the
    smallest. Losses of other fits in the same axes count too.

    Parameters
    ----------
    loss_curve : array-like of shape (n_iter,)
        Loss of each epoch.
    validation_loss_curve : array-like of shape (n_iter,), default=None
        Validation loss after each epoch.
    name : str, default=None
        Name of the fit, for the legend.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The training loss.
    validation_line_ : matplotlib.lines.Line2D or None
        The validation loss.
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    Examples
    --------
    Several fits in one axes:

    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.plotting import LossCurveDisplay
    >>> X = load_digits().data / 16
    >>> ax = None
    >>> for alpha in (0.01, 0.1):
    ...     autoencoder = ContractiveAutoencoder(64, alpha=alpha, max_iter=20, tol=0, random_state=0).fit(X)
    ...     ax = LossCurveDisplay.from_estimator(autoencoder, name=f"alpha={alpha}", ax=ax).ax_
    >>> len(ax.lines)
    2
    """

    line_: Line2D
    validation_line_: Line2D | None

    def __init__(
        self,
        loss_curve: ArrayLike,
        *,
        validation_loss_curve: ArrayLike | None = None,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.name = name

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, name: str | None = None, ax: Axes | None = None) -> Self:
        """Draw the losses of a fit.

        Parameters
        ----------
        estimator : estimator with `loss_curve_`, or a Pipeline that ends in one
            A fitted autoencoder, or a fine-tuned `ClassSpecificAEClassifier`. The classifier's curve is the one of
            fine-tuning; its autoencoders, `estimators_`, have the curves of pretraining.
        name : str, default=None
            Name of the fit, for the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        LossCurveDisplay
            The display, already drawn.

        Raises
        ------
        ValueError
            If the estimator has no loss curve.
        """
        model = last_step(estimator)
        check_is_fitted(model)
        curve = getattr(model, "loss_curve_", None)
        if curve is None or not len(curve):
            why = ""
            if hasattr(model, "best_estimator_"):
                why = ": pass its best_estimator_"
            elif hasattr(model, "estimators_"):
                why = "; only fine-tuning gives it one, and its autoencoders, estimators_, have one each"
            raise ValueError(f"this {type(model).__name__} has no loss_curve_{why}")
        return cls(
            np.asarray(curve), validation_loss_curve=getattr(model, "validation_loss_curve_", None), name=name
        ).plot(ax)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **kwargs: Any) -> Self:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        name : str, default=None
            Name of the fit, for the legend; None takes the display's name.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot` for both lines.

        Returns
        -------
        LossCurveDisplay
            The display.
        """
        losses = _checked_curve("loss_curve", self.loss_curve)
        validation = None
        if self.validation_loss_curve is not None:
            validation = _checked_curve("validation_loss_curve", self.validation_loss_curve)
        ax = self._axes(ax)
        name = self.name if name is None else name
        self.line_ = _draw(ax, losses, {"label": name or "training", **kwargs})
        self.validation_line_ = None
        if validation is not None:
            style = {"color": self.line_.get_color(), "linestyle": "--", **kwargs}
            style["label"] = f"{name}, validation" if name else "validation"
            self.validation_line_ = _draw(ax, validation, style)
        drawn = np.concatenate([line.get_ydata() for line in ax.lines if line in _LINES])
        if drawn.min() > 0.0 and drawn.max() > _WIDE * drawn.min():
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel="loss")
        if name or self.validation_line_ is not None:
            ax.legend()
        return self


def _checked_curve(name, curve):
    """Return a curve as an array; refuse one that is not one-dimensional or is empty."""
    curve = np.asarray(curve, dtype=np.float64)
    if curve.ndim != 1 or not len(curve):
        raise ValueError(f"{name} must have shape (n_iter,) with at least one epoch, got {curve.shape}")
    return curve


def _draw(ax, losses, style):
    """Draw a curve over the epochs."""
    (line,) = ax.plot(1 + np.arange(len(losses)), losses, **style)
    _LINES.add(line)
    return line
