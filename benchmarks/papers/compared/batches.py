"""Batches of rows, as the solvers take them."""

import itertools

import numpy as np


class Batches:
    """Epochs of shuffled batches of (rows, target, None), the protocol of `skae.solvers`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    batch_size : int
        Largest number of rows in a batch.
    scale : float
        The rows are divided by it.
    corruption : skae.corruption.Corruption or None
        The batches have the corrupted rows, and the clean ones as target. The target is None without it.
    seeded : bool
        Whether the target is a pair of the target itself and a seed, for noise inside the model.
    """

    def __init__(self, X, batch_size, scale, corruption=None, seeded=False):
        self.X = X * X.dtype.type(1.0 / scale)
        self.corruption, self.seeded = corruption, seeded
        self.limits = {}
        if corruption is not None and corruption.uses_range:
            self.limits = {"low": self.X.min(axis=0), "high": self.X.max(axis=0)}
        self._length = -(-len(X) // batch_size)
        self.mean_weight = len(X) / self._length

    def __len__(self):
        return self._length

    def __call__(self, rng):
        order = rng.permutation(len(self.X))
        edges = [len(order) * number // len(self) for number in range(len(self) + 1)]
        for start, stop in itertools.pairwise(edges):
            seed = int(rng.integers(2**63)) if self.seeded else None
            rows, target = self.X[order[start:stop]], None
            if self.corruption is not None:
                rows, target = self.corruption.apply(rows, rng, np.empty_like(rows), **self.limits), rows
            yield rows, (target, seed) if self.seeded else target, None
