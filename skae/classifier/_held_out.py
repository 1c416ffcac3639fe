"""Rows with classes, and which of them to hold out to see what a classifier makes of rows that it does not know."""

import dataclasses

import numpy as np

from skae._typing import FloatArray, IntArray, MatrixLike
from skae.training import row_keys

# Fifths are held out in turn, until this many rows have been: a temperature is one number, which more rows improve by
# less than a hundredth of the log loss.
_FOLDS, _ENOUGH_ROWS = 5, 250


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows, their classes from 0, and their weights (or None) for the autoencoders and for the supervised phase."""

    X: MatrixLike
    labels: IntArray
    weight: FloatArray | None
    supervised: FloatArray | None

    def part(self, chosen):
        """Return some of the rows."""
        weights = (None if each is None else each[chosen] for each in (self.weight, self.supervised))
        return LabelledRows(self.X[chosen], self.labels[chosen], *weights)


def trials(rows):
    """Yield rows to train on and rows to hold out: fifths of each class in turn, until enough have been held out.

    Equal rows of a class are held out together, as one with the sum of their weights, and neither the order of the rows
    nor the names of the classes matter: so a weight acts as repetition. A class whose rows are all equal is trained on
    and not held out.

    Parameters
    ----------
    rows : LabelledRows
        All rows.

    Yields
    ------
    train : ndarray of int
        Indices of the rows to train on.
    test : LabelledRows
        Distinct rows of positive weight.
    """
    keys, labels = row_keys(rows.X), rows.labels
    order = np.lexsort((keys, labels))
    starts = np.r_[True, (np.diff(labels[order]) != 0) | (np.diff(keys[order]) != 0.0)]
    group = np.empty(len(labels), dtype=np.intp)
    group[order] = np.cumsum(starts) - 1
    first = order[starts]  # one row of each group, class by class
    count = np.bincount(labels[first])
    rank = np.arange(len(first)) - np.r_[0, np.cumsum(count)[:-1]][labels[first]]
    fold = np.where(count[labels[first]] > 1, rank % _FOLDS, _FOLDS)
    weight = np.bincount(group, rows.supervised)
    n_held_out = 0
    for k in range(_FOLDS):
        chosen = (fold == k) & (weight > 0.0)
        if n_held_out < _ENOUGH_ROWS and chosen.any():
            n_held_out += chosen.sum()
            test = dataclasses.replace(rows.part(first[chosen]), supervised=weight[chosen])
            yield np.flatnonzero(fold[group] != k), test
