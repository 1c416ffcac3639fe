"""Labelled rows: rows with their classes and weights, and splits that hold some of them out."""

import dataclasses
import math
from typing import Any

import numpy as np

from skae import _ops as ops
from skae._typing import FloatArray, IntArray
from skae.objectives import LOSSES
from skae.training import row_keys

# Fifths are held out in turn, until this many rows have been held out. A temperature is a single number: more rows
# improve the log loss by less than a hundredth.
_FOLDS, _ENOUGH_ROWS = 5, 250


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


def hold_out(labels, fraction, rng):
    """Return the indices of rows to train on, and of rows to hold out. Each class keeps a row to train on."""
    order, held_out = rng.permutation(len(labels)), []
    for j in range(labels.max() + 1):
        rows = order[labels[order] == j]
        held_out.append(rows[: min(math.ceil(fraction * len(rows)), len(rows) - 1)])
    held_out = np.sort(np.concatenate(held_out))
    if not len(held_out):
        raise ValueError(
            "early_stopping=True holds out rows of each class that has two or more, got no such class: fit with "
            "early_stopping=False"
        )
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


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
    keys, labels = row_keys(rows.data, rows.index), rows.labels
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
            test = dataclasses.replace(rows.subset(first[chosen]), supervised=weight[chosen])
            yield np.flatnonzero(fold[group] != k), test
