"""The base of all displays: the import of matplotlib, axes, and checks of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pyplot():
    """Return `matplotlib.pyplot`; if it is missing, the error says how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('skae.plotting needs matplotlib: pip install "skae[plot]"') from error
    return pyplot


class Display:
    """Base class of the displays: each draws into one axes, `ax_`, of `figure_`."""

    ax_: Axes
    figure_: Figure

    def _axes(self, ax, figsize=None):
        """Set `ax_` and `figure_`, and return the axes: the given one, or a new one."""
        if ax is None:
            _, ax = pyplot().subplots(figsize=figsize, layout="constrained")
        elif not hasattr(ax, "get_figure"):
            raise TypeError(f"ax must be the axes of a matplotlib figure or None, got {type(ax).__name__}")
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def next_color(ax):
    """Return the next colour of the colour cycle of an axes."""
    (line,) = ax.plot([], [])
    line.remove()
    return line.get_color()


def dense(X):
    """Return X as an array; X may be a list, a data frame or sparse."""
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


def sliceable(X):
    """Return X in a form that can be sliced by X[start:stop:step]; raise TypeError if X has no rows."""
    if not isinstance(X, Sequence) and not getattr(X, "shape", ()):
        raise TypeError(f"X must be a table of shape (n_samples, n_features), got {type(X).__name__}")
    return X.tocsr() if sparse.issparse(X) else X


def check_count(name, value, smallest=1, none=False):
    """Refuse a value that is not an integer >= `smallest`; with `none`, allow None too."""
    if none and value is None:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or value < smallest:
        raise ValueError(f"{name} must be an integer >= {smallest}{' or None' if none else ''}, got {value!r}")


def check_option(name, value, options):
    """Refuse a value that is not one of the options."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")


def checked_limits(limits):
    """Return the limits as two floats; refuse limits that are not two finite numbers, the smaller one first."""
    numbers = np.asarray(limits)
    if numbers.shape != (2,) or numbers.dtype.kind not in "iuf" or not -np.inf < numbers[0] < numbers[1] < np.inf:
        raise ValueError(f"limits must be two finite numbers, the smaller one first, got {limits!r}")
    return float(numbers[0]), float(numbers[1])
