"""Labelled rows: rows with their classes and weights, and splits that hold some of them out."""

import dataclasses
from typing import Any

import numpy as np

from skae import _ops as ops
from skae._typing import FloatArray, IntArray
from skae.objectives import LOSSES
from skae.training import row_keys

# Fifths are held out in turn, until this many rows have been held out. A temperature is a single number: more rows
# improve the log loss by less than a hundredth.
_FOLDS, _ENOUGH_ROWS = 5, 250
# With this many rows or more, these few are simply not trained on: a trial fit would cost as much as the fit. More are
# held out of more rows, up to this share.
_MANY_ROWS, _SHARE = 5000, 0.02


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows with their classes and weights. They are n of the N rows of an array, which is never copied as a whole.

    Parameters
    ----------
    data : {ndarray, CSR matrix} of shape (N, d)
        All rows. A memmap is read as far as it is used.
    labels : ndarray of int of shape (n,)
        Classes of the rows, from 0.
    weight : ndarray of shape (n,) or None
        Weights in the training of the autoencoders.
    supervised : ndarray of shape (n,) or None
        Weights in the supervised phase.
    index : ndarray of int of shape (n,), default=None
        Positions of the rows in `data`. None stands for all of them.
    """

    data: Any
    labels: IntArray
    weight: FloatArray | None
    supervised: FloatArray | None
    index: IntArray | None = None

    @classmethod
    def of_weight(cls, X, labels, weight, index):
        """Return rows of X with the positions `index` (None for all), given their classes and the weights of all X."""
        return cls(X, labels, weight if weight is None or index is None else weight[index], None, index)

    @property
    def X(self):
        """The rows themselves, shape (n, d): a copy, unless they are all rows of `data`."""
        return self.data if self.index is None else self.data[self.index]

    def subset(self, chosen):
        """Return the rows with the chosen indices. None chooses all."""
        if chosen is None:
            return self
        weights = (None if each is None else each[chosen] for each in (self.weight, self.supervised))
        return LabelledRows(self.data, self.labels[chosen], *weights, self.positions(chosen))

    def of_class(self, j):
        """Return the rows of class j."""
        return self.subset(np.flatnonzero(self.labels == j))

    def positions(self, chosen=None):
        """Return the positions of the chosen rows in `data`. None chooses all rows; a result of None is all of them."""
        if self.index is None or chosen is None:
            return self.index if chosen is None else chosen
        return self.index[chosen]

    def spread(self, values):
        """Return values (n,) of the rows as an array (N,): 0 for the other rows of `data`. None stays None."""
        if values is None or self.index is None:
            return values
        out = np.zeros(self.data.shape[0], dtype=values.dtype)
        out[self.index] = values
        return out

    def mean_loss(self, loss, scores):
        """Return the mean loss of the rows, given their scores (n, K) in float64. The scores are overwritten."""
        return LOSSES[loss](scores, self.labels, ops.row_weights(len(scores), self.supervised))

    def check_supervised(self, class_weight, train_rows, held_out):
        """Raise ValueError if the weights of the supervised phase leave no row to train on, or none to hold out."""
        for chosen, purpose in ((train_rows, "train on"), (held_out, "hold out")):
            weight = self.subset(chosen).supervised
            if weight is not None and not weight.any():
                raise ValueError(
                    f"class_weight must be positive for some class with rows to {purpose}, got {class_weight}"
                )

    def relabelled(self, classes):
        """Return the rows with labels that are positions in `classes`. All rows must belong to these classes."""
        return dataclasses.replace(self, labels=np.searchsorted(classes, self.labels))


def trial_splits(rows):
    """Yield splits into rows to train on and rows to hold out.

    Fifths of each class are held out in turn, until enough rows have been held out. Equal rows of a class are held out
    together, as one row with the sum of their weights. So a weight acts as a repetition. The order of the rows and the
    names of the classes do not matter. A class whose rows are all equal is never held out.

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
    distinct = _Distinct(rows)
    n_held_out = 0
    for k in range(_FOLDS):
        train, test = distinct.split(_FOLDS, k)
        if n_held_out < _ENOUGH_ROWS and len(test.labels):
            n_held_out += len(test.labels)
            yield train, test


def small_split(rows):
    """Return a split, as `trial_splits`, that holds out so few of many rows that the fit itself can do without them.

    Return None if there are not so many distinct rows. Classes of few rows keep all of theirs.
    """
    if len(rows.labels) < _MANY_ROWS:
        return None
    distinct = _Distinct(rows)
    if len(distinct.first) < _MANY_ROWS:
        return None
    n_folds = min(len(distinct.first) // _ENOUGH_ROWS, round(1.0 / _SHARE))
    train, test = distinct.split(n_folds, n_folds - 1)
    return (train, test) if len(test.labels) else None


class _Distinct:
    """The distinct rows of each class, in an order that does not depend on that of the rows."""

    def __init__(self, rows):
        keys, labels = row_keys(rows.data, rows.index), rows.labels
        order = np.lexsort((keys, labels))
        starts = np.r_[True, (np.diff(labels[order]) != 0) | (np.diff(keys[order]) != 0.0)]
        self.rows, self.group = rows, np.empty(len(labels), dtype=np.intp)
        self.group[order] = np.cumsum(starts) - 1
        self.first = order[starts]  # one row of each group, class by class
        self.count = np.bincount(labels[self.first])
        self.rank = np.arange(len(self.first)) - np.r_[0, np.cumsum(self.count)[:-1]][labels[self.first]]
        self.weight = np.bincount(self.group, rows.supervised)

    def split(self, n_folds, k):
        """Return the indices of the rows to train on, and the rows of fold k of each class to hold out."""
        fold = np.where(self.count[self.rows.labels[self.first]] > 1, self.rank % n_folds, n_folds)
        chosen = (fold == k) & (self.weight > 0.0)
        test = dataclasses.replace(self.rows.subset(self.first[chosen]), supervised=self.weight[chosen])
        return np.flatnonzero(fold[self.group] != k), test
