"""Rows to train on, with targets and weights."""

import dataclasses
import math
from typing import Any

import numpy as np

from skae._typing import Array, FloatArray, IntArray
from skae.training import Batches


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows with targets and weights.

    Parameters
    ----------
    X : {ndarray, CSR matrix, UnconvertedRows} of shape (n, d)
        All rows, as the first layer takes them.
    target : ndarray of n entries
        Class of each row, or the numbers to predict.
    weight : ndarray of shape (n,) or None
        Weights.
    index : ndarray of int or None
        The rows to train on; None for all.
    """

    X: Any
    target: Array
    weight: FloatArray | None
    index: IntArray | None

    def chosen(self):
        """Return the positions of the rows to train on."""
        return np.arange(self.X.shape[0]) if self.index is None else self.index

    def some(self, n_rows):
        """Return the positions of about so many of the rows to train on."""
        rows = self.chosen()
        return rows[:: math.ceil(len(rows) / n_rows)]

    def draw(self, n_rows, rng):
        """Return the positions of at most so many of the rows to train on, which have a positive weight."""
        rows = self.chosen()
        if self.weight is not None:
            rows = rows[self.weight[rows] > 0.0]
        return rows if len(rows) <= n_rows else np.sort(rng.permutation(rows)[:n_rows])

    def batches(self, route, positions):
        """Return large batches of the rows at these positions (None for all), without noise, to evaluate on."""
        options = {"labels": self.target, "stay_sparse": route.stay_sparse}
        return Batches(self.X, self.weight, positions, route.chunk_size, shuffle=False, **options)
