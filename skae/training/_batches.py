"""Batches of the training data: shuffled, corrupted, dense or sparse."""

import copy
import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy as np
from scipy import sparse

from skae.corruption import Corruption
from skae.training._chunks import dense, row_chunks, stored
from skae.training._nonzeros import is_thin, sparse_blocks, with_values
from skae.training._ranges import feature_range


def row_keys(X, chosen=None):
    """Return a number for each of the chosen rows of X (dense or CSR), in float64. Equal rows have equal numbers.

    The number is the product of the row with a fixed direction. Columns are scaled to [0, 1] first, so that a column
    of large values does not hide differences in the others. For CSR rows, the columns are not shifted where zero is
    within their range: it would change all keys by the same number.
    """
    direction = np.random.default_rng(0).standard_normal(X.shape[1])
    low, high = feature_range(X, chosen)
    width = np.maximum(np.subtract(high, low, dtype=np.float64), np.finfo(np.float64).tiny)
    if is_thin(X):
        direction = np.divide(direction, width, out=np.zeros_like(direction), where=high > low)
        return _sparse_row_keys(X, chosen, low, high, direction)
    keys = []
    for _, chunk in row_chunks(X, chosen=chosen):
        scaled = np.subtract(chunk, low, dtype=np.float64, order="C")
        scaled /= width
        scaled *= direction
        keys.append(scaled.sum(axis=1))  # a BLAS product may round equal rows differently
    return np.concatenate(keys)


def _sparse_row_keys(X, chosen, low, high, direction):
    """Return the keys of CSR rows. scipy adds the stored values of a row one by one, so that zeros add nothing.

    A column without a zero has all its values stored, and is shifted.
    """
    shift = np.maximum(low, 0.0) + np.minimum(high, 0.0)
    keys = []
    for _, block in sparse_blocks(X, chosen):
        shifted = with_values(block, block.data - shift[block.indices]) if shift.any() else block
        keys.append(shifted @ direction)
    return np.concatenate(keys)


@dataclasses.dataclass(frozen=True)
class _Corrupting:
    """A corruption within the ranges of the features."""

    corruption: Corruption
    limits: dict[str, Any]

    @property
    def keeps_zeros(self):
        return self.corruption.keeps_zeros

    def __call__(self, X, rng, out):
        return self.corruption.apply(X, rng, out, **self.limits)


def corrupting(corruption, limits):
    """Return the function with which `Batches` corrupts rows within the range `limits`; None without a corruption."""
    return None if corruption is None else _Corrupting(corruption, limits)


@functools.singledispatch
def batches_of(X, *args, **options):
    """Return the `Batches` of rows X, with its arguments. Rows that do not lie in one array have registered their own.

    See `CheckedRows`.
    """
    return Batches(X, *args, **options)


@functools.singledispatch
def over_rows(X, route, objectives, automatic):
    """Return the route of a fit, and its objectives in the form that takes the batches of rows X.

    `automatic` says that the size of the batches is for the route to choose.
    """
    return route, objectives


class Batches:
    """The ``batches`` of a solver: a call with a generator yields one epoch of (X, target, sample_weight).

    The batches of one epoch differ in size by one row at most. The next batch may overwrite the arrays of this one.

    Parameters
    ----------
    X : ndarray, CSR matrix or UnconvertedRows of shape (n_samples, n_features)
        Rows, in the dtype to train in. A memmap is read one batch at a time, and rows of another dtype are converted
        one batch at a time.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, float64. The weights of the rows in use are positive.
    rows : ndarray of int or None
        The rows to use. None uses all.
    batch_size : int
        Largest number of rows in a batch.
    shuffle : bool
        Whether each epoch draws its own order. A single batch keeps its order.
    unit_weight : float, optional
        The weight that counts as one row. The default is the mean weight.
    scale : float, default=1.0
        The rows are divided by it.
    corruption : callable, optional
        ``corruption(X, rng, out)`` writes corrupted rows to `out`. The batches then have the corrupted rows as X, and
        the clean rows as target. One whose attribute ``keeps_zeros`` is true gets of sparse rows the stored values.
    noise_seed : int, optional
        Seed of the corruption. With a seed, the corruption is the same in every epoch.
    labels : ndarray of int of shape (n_samples,), optional
        Classes of the rows. They are the target; with `paired`, the target is (clean rows, labels).
    paired : bool, default=False
        See `labels`.
    seeded : bool, default=False
        Whether the target is a pair of the target itself and a seed, for noise inside the model. With `noise_seed`, the
        seeds are the same in every epoch.
    stay_sparse : bool, default=False
        Whether batches of sparse rows are CSC, for `skae.objectives.SparseReconstruction`. Otherwise they are dense.
    """

    def __init__(
        self,
        X,
        sample_weight,
        rows,
        batch_size,
        shuffle,
        unit_weight=None,
        scale=1.0,
        corruption=None,
        noise_seed=None,
        labels=None,
        paired=False,
        seeded=False,
        stay_sparse=False,
    ):
        self.stay_sparse = stay_sparse
        self.corruption, self.noise_seed = corruption, noise_seed
        self.labels, self.paired, self.seeded = labels, paired, seeded
        self.X = np.asarray(X) if isinstance(X, np.ndarray) else X
        self.rows, self.shuffle, self.sample_weight, self.factor = rows, shuffle, None, 1.0 / scale
        if sample_weight is not None:
            if unit_weight is None:
                unit_weight = (sample_weight if rows is None else sample_weight[rows]).mean()
            # No weight may underflow to 0. Those of rows that are held out may overflow.
            with np.errstate(over="ignore", under="ignore"):
                self.sample_weight = np.maximum(sample_weight / unit_weight, np.finfo(X.dtype).tiny).astype(X.dtype)
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self._length = max(1, math.ceil(self.n_samples / batch_size))
        self._buffer = self._noisy = self._alike = self._lasting = None
        self.rows_per_batch = self.n_samples / len(self)
        #: Mean weight of a batch. A row of mean weight counts as 1.
        self.mean_weight = self.rows_per_batch

    def __getstate__(self):
        # A copy has arrays of its own, and may have other rows.
        return {**vars(self), "_buffer": None, "_noisy": None, "_alike": None, "_lasting": None}

    def __len__(self):
        return self._length

    def __call__(self, rng):
        order = rng.permutation(self.n_samples) if self.shuffle and len(self) > 1 else None
        noise = rng if self.noise_seed is None else np.random.default_rng(self.noise_seed)
        edges = [self.n_samples * i // len(self) for i in range(len(self) + 1)]
        for start, stop in itertools.pairwise(edges):
            chosen = slice(start, stop) if order is None else order[start:stop]
            # Before the corruption, which a single batch with `noise_seed` draws in its first epoch only.
            seed = int(noise.integers(2**63)) if self.seeded else None
            clean, weight = self._take(chosen)
            X, target = self._as_batch(clean), None
            if self.corruption is not None:
                keeps_zeros = getattr(self.corruption, "keeps_zeros", False)
                X, target = self._as_batch(self._corrupted(clean if keeps_zeros else dense(clean), noise)), X
            if self.labels is not None:
                labels = self.labels[chosen if self.rows is None else self.rows[chosen]]
                target = (X if target is None else target, labels) if self.paired else labels
            if self.seeded:
                target = target, seed
            yield X, target, weight

    def sample(self, n_rows, rng):
        """Return at most `n_rows` rows, drawn at random but in order, dense, and their weights, in float64."""
        X, weight = self.some(n_rows, rng)
        return dense(X.astype(np.float64)), weight

    def some(self, n_rows, rng):
        """Return the same rows as `sample`, dense or CSC as those of the batches, and their weights in float64."""
        X, weight = self._take(self._draw(n_rows, rng))
        return self._as_batch(X), np.ones(X.shape[0]) if weight is None else weight.astype(np.float64)

    def fixed(self, n_rows, rng):
        """Return one batch of at most `n_rows` rows, as a `Batches`. It is the same in every epoch, noise included."""
        result, chosen = copy.copy(self), self._draw(n_rows, rng)
        result.rows = chosen if self.rows is None else self.rows[chosen]
        result.noise_seed, result.shuffle, result._length = int(rng.integers(2**63)), False, 1
        result.n_samples = result.rows_per_batch = result.mean_weight = len(chosen)
        return result

    def in_batches_of(self, n_rows):
        """Return the same rows, in their order and in batches of at most `n_rows`, as a `Batches`."""
        result = copy.copy(self)
        result.shuffle, result._length = False, max(1, math.ceil(self.n_samples / n_rows))
        result.rows_per_batch = result.mean_weight = self.n_samples / len(result)
        return result

    def _draw(self, n_rows, rng):
        """Return at most `n_rows` positions in `rows`, drawn at random, in order."""
        if self.n_samples <= n_rows:
            return np.arange(self.n_samples)
        return np.sort(rng.permutation(self.n_samples)[:n_rows])

    def _take(self, chosen):
        """Return X and the weights at the chosen positions in `rows`."""
        if self.rows is not None:
            chosen = self.rows[chosen]
        weight = None if self.sample_weight is None else self.sample_weight[chosen]
        if isinstance(chosen, slice) or not isinstance(self.X, np.ndarray):
            X = stored(self.X[chosen])
        elif not self.X.flags.c_contiguous:
            X = self.X[chosen]  # np.take would copy all of X first
        else:
            if self._buffer is None or len(self._buffer) < len(chosen):
                self._buffer = np.empty((len(chosen), self.X.shape[1]), dtype=self.X.dtype)
            X = self.X.take(chosen, axis=0, out=self._buffer[: len(chosen)], mode="clip")
        if self.factor != 1.0:
            in_place = isinstance(X, np.ndarray) and not isinstance(chosen, slice)
            X = np.multiply(X, self.factor, out=X) if in_place else X * X.dtype.type(self.factor)
        return X, weight

    def _as_batch(self, X):
        """Return rows as the batches have them: dense, or CSC."""
        return X.tocsc() if self.stay_sparse and sparse.issparse(X) else dense(X)

    def _corrupted(self, X, rng):
        """Return corrupted rows. In a single batch, equal rows get equal noise, so that weights act as repetitions."""
        if len(self) > 1:
            return self._corrupt(X, rng, keep=True)
        if self._lasting is not None:
            return self._lasting
        if self._alike is None:  # a single batch has the same rows in every epoch
            _, *self._alike = np.unique(row_keys(X), return_index=True, return_inverse=True)
        first, inverse = self._alike
        distinct = self._corrupt(X[first], rng)
        noisy = distinct[inverse] if sparse.issparse(X) else np.take(distinct, inverse, axis=0)
        if self.noise_seed is not None:  # then the noise is the same too
            self._lasting = noisy
        return noisy

    def _corrupt(self, X, rng, keep=False):
        """Return corrupted rows of X; `keep` says to keep the array for the next batch."""
        if sparse.issparse(X):
            result = X.copy()
            result.eliminate_zeros()  # noise passes over the zeros of dense rows
            result.data = self._apply(result.data[None], rng, np.empty_like(result.data)[None])[0]
            return result
        if not keep:
            return self._apply(X, rng, np.empty_like(X))
        if self._noisy is None or len(self._noisy) < len(X):
            self._noisy = np.empty(X.shape, dtype=X.dtype)
        return self._apply(X, rng, self._noisy[: len(X)])

    def _apply(self, X, rng, out):
        """Write corrupted values of X to `out` and return it."""
        if self.corruption(X, rng, out) is not out:
            raise TypeError("apply of a corruption must write the corrupted rows to `out` and return it")
        return out
