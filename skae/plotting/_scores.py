"""ScoreHistogramDisplay."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_outlier_detector
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from skae._typing import FloatArray, MatrixLike
from skae.autoencoders import last_step
from skae.plotting._display import Display, check_count, checked_limits, next_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# With more groups than this, histograms are drawn one below the other.
_MOST_OVERLAID = 4
# The bins reach this many interquartile ranges beyond the quartiles of each group (Tukey's outer fences).
_FENCE = 3.0
# With the interquartile range of the narrowest group as the unit, a group wider than this is shown up to this distance
# from the quartiles of the narrowest. Otherwise the narrowest would be a single bin beside it.
_REACH = 10.0
# A group with a smaller share of the scores does not count as the narrowest.
_SMALLEST_SHARE = 0.05


class ScoreHistogramDisplay(Display):
    """Histograms of the scores of samples, by group (ENERGY figure 3).

    All histograms have the same area. Up to four are drawn over each other, more are drawn one below the other. The
    outermost bins count the scores that lie beyond them, too. The label of the axis says how many these are.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Scores.
    groups : array-like of shape (n_samples,), default=None
        The group of each sample.
    offset : float, default=None
        Threshold to draw as a line.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the drawing.
    figure_ : matplotlib.figure.Figure
        Figure of the drawing.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import EnergyOutlierDetector
    >>> from skae.plotting import ScoreHistogramDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> detector = EnergyOutlierDetector(novelty=True).fit(X[:500][y[:500] != 0])
    >>> display = ScoreHistogramDisplay.from_estimator(detector, X[500:], [1 if digit else -1 for digit in y[500:]])
    >>> sorted(set(display.groups.tolist()))
    ['inlier', 'outlier']
    """

    def __init__(self, scores: ArrayLike, *, groups: ArrayLike | None = None, offset: float | None = None) -> None:
        self.scores = scores
        self.groups = groups
        self.offset = offset

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike,
        y: ArrayLike | None = None,
        *,
        offset: float | None = None,
        bins: int = 40,
        limits: Sequence[float] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Compute and draw the scores of samples.

        Parameters
        ----------
        estimator : estimator with `score_samples`, or a Pipeline that ends in one
            Fitted.
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,), default=None
            Labels that group the samples. For an outlier detector, 1 is "inlier" and -1 "outlier". For a classifier,
            if only some of the labels are in its `classes_`, the groups are "known" and "unknown".
        offset : float, default=None
            Threshold to draw as a line; None takes an outlier detector's `offset_`.
        bins : int, default=40
            Number of bins.
        limits : sequence of two floats, default=None
            The lowest and the highest end of the bins. None reaches three interquartile ranges beyond the quartiles of
            each group. A group ten times as wide as the narrowest is cut ten of the latter's ranges from its quartiles:
            the whole would hide it. ``(scores.min(), scores.max())`` cuts nothing.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.

        Returns
        -------
        ScoreHistogramDisplay
            The display, already drawn.
        """
        if not hasattr(estimator, "score_samples"):
            raise TypeError(
                f"ScoreHistogramDisplay needs an estimator with score_samples, got {type(estimator).__name__}"
            )
        check_is_fitted(estimator)
        check_count("bins", bins)
        model, groups = last_step(estimator), None
        if y is not None:
            check_consistent_length(X, y)
            groups = _groups(model, _checked_labels("y", column_or_1d(y)))
        scores = np.asarray(estimator.score_samples(X))
        if offset is None and is_outlier_detector(model):
            offset = getattr(model, "offset_", None)
        return cls(scores, groups=groups, offset=offset).plot(ax, bins=bins, limits=limits)

    def plot(self, ax: Axes | None = None, *, bins: int = 40, limits: Sequence[float] | None = None) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a new figure.
        bins : int, default=40
            Number of bins.
        limits : sequence of two floats, default=None
            The lowest and the highest end of the bins. None reaches three interquartile ranges beyond the quartiles of
            each group. A group ten times as wide as the narrowest is cut ten of the latter's ranges from its quartiles:
            the whole would hide it. ``(scores.min(), scores.max())`` cuts nothing.

        Returns
        -------
        ScoreHistogramDisplay
            The display.
        """
        check_count("bins", bins)
        if self.offset is not None and not (isinstance(self.offset, Real) and np.isfinite(float(self.offset))):
            raise ValueError(f"offset must be a finite number or None, got {self.offset!r}")
        scores = _checked_scores(self.scores)
        parts: dict[str | None, FloatArray] = {None: scores}
        if self.groups is not None:
            groups = np.asarray(self.groups)
            if groups.shape != scores.shape:
                raise ValueError(f"groups must have one label for each of {len(scores)} scores, got {groups.shape}")
            parts = {str(group): scores[groups == group] for group in np.unique(_checked_labels("groups", groups))}
        low, high = _limits(list(parts.values())) if limits is None else checked_limits(limits)
        edges = np.linspace(low, high, bins + 1)
        densities = {
            name: np.histogram(np.clip(part, edges[0], edges[-1]), edges, density=True)[0]
            for name, part in parts.items()
        }
        draw = _overlay if len(parts) <= _MOST_OVERLAID else _stack
        ax = self._axes(ax)
        draw(ax, densities, edges)
        if self.offset is not None:
            color = ax.xaxis.label.get_color()
            ax.axvline(self.offset, color=color, linestyle="--", linewidth=1.2, label="threshold")
        ax.set_xlabel("score_samples" + _beyond(scores, edges))
        if ax.get_legend_handles_labels()[1]:
            ax.legend()
        return self


def _checked_scores(scores):
    """Return scores as an array; refuse scores that have no histogram."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f"scores must have shape (n_samples,) with at least one sample, got {scores.shape}")
    n_wrong = np.count_nonzero(~np.isfinite(scores))
    if n_wrong:
        raise ValueError(f"scores must be finite, got {n_wrong} of {len(scores)} that are nan or infinite")
    return scores


def _checked_labels(name, labels):
    """Return the labels; refuse labels that are missing or cannot be sorted."""
    try:
        wrong = [label for label in np.unique(labels) if label is None or label != label]  # nan is not itself
    except TypeError:
        wrong = sorted({type(label).__name__ for label in labels})
    if wrong:
        got = ", ".join(map(str, wrong))
        raise ValueError(f"{name} must be numbers or strings, all of one kind and none missing, got {got}")
    return labels


def _groups(model, y):
    """Return the name of each sample's group."""
    if is_outlier_detector(model) and np.isin(y, (-1, 1)).all():
        return np.where(y == 1, "inlier", "outlier")
    if hasattr(model, "classes_"):
        known = np.isin(y, model.classes_)
        if known.any() and not known.all():
            return np.where(known, "known", "unknown")
    return y


def _limits(groups):
    """Return the ends of the bins: the fences of all groups, but those of far wider ones than the narrowest."""
    quartiles = np.array([np.quantile(scores, (0.25, 0.75)) for scores in groups])
    ranges = quartiles[:, 1] - quartiles[:, 0]
    sizes = np.array([len(scores) for scores in groups])
    extremes = np.array([(scores.min(), scores.max()) for scores in groups])
    outward = np.array([-1.0, 1.0])
    ends = np.minimum(outward * quartiles + _FENCE * ranges[:, None], outward * extremes)
    candidates = np.flatnonzero((ranges > 0.0) & (sizes >= _SMALLEST_SHARE * sizes.sum()))
    if len(candidates):
        narrowest = candidates[ranges[candidates].argmin()]
        unit = ranges[narrowest]
        near = outward * quartiles[narrowest] + _REACH * unit
        whole = np.where(ranges[:, None] <= _REACH * unit, ends, -np.inf)
        ends = np.minimum(ends, np.maximum(near, whole))
    low, high = -ends[:, 0].max(), ends[:, 1].max()
    return low, high if high > low else low + 1.0


def _beyond(scores, edges):
    """Return how many scores lie beyond the bins, as a line of the label."""
    n_below, n_above = np.count_nonzero(scores < edges[0]), np.count_nonzero(scores > edges[-1])
    sides = [f"{n} {side}" for n, side in ((n_below, "below"), (n_above, "above")) if n]
    return f"\nthe outermost bins include {' and '.join(sides)}" if sides else ""


def _overlay(ax, densities, edges):
    """Draw the histograms over each other."""
    for (name, density), style in zip(densities.items(), ("-", "--", ":", "-."), strict=False):
        color = next_color(ax)
        ax.stairs(density, edges, fill=True, color=color, alpha=0.35, label=name)
        ax.stairs(density, edges, color=color, linestyle=style, linewidth=1.5)
    ax.set_ylabel("density")
    ax.set_yticks([])


def _stack(ax, densities, edges):
    """Draw the histograms one below the other, with their names beside them."""
    highest = max(density.max() for density in densities.values())
    for row, density in enumerate(densities.values()):
        ax.axhline(-row, color="C0", linewidth=0.8)
        ax.stairs(0.9 * density / highest - row, edges, baseline=-row, fill=True, color="C0", alpha=0.8)
    ax.set_yticks([-row for row in range(len(densities))], list(densities))
    ax.set_ylabel("label")
