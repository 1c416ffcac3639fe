"""Batches of rows in blocks, and the objective over them."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math

import numpy as np

from skae.corruption import Gaussian, SaltAndPepper
from skae.dask._blocks import RowBlocks
from skae.dask._compute import reduced
from skae.objectives import SparseReconstruction
from skae.solvers import total_weight
from skae.training import Batches, batches_of, chunk_rows, dense, over_rows, sparse_chunk_rows, stored

# Noise is drawn for so many places of a batch at a time, so that it does not depend on the blocks.
_NOISE_ROWS = 1024

# These draw the same numbers whatever the values: they are drawn for all places of such a group, also for
# those whose rows lie in other blocks. Others are drawn row by row, which takes longer.
_ALIKE = (Gaussian, SaltAndPepper)

#: Rows in a batch for ``batch_size="auto"``, at least: each batch costs a journey to the workers and back.
LEAST_BATCH = 1000


class BatchOfBlocks:
    """Rows of one batch, where they lie. `OverBlocks` takes them in place of an array.

    Parameters
    ----------
    source : RowBlocks
        All rows.
    chosen : ndarray of int or None
        Positions of the rows, in ascending order; None for all.
    noise : tuple or None
        A corruption (or None), and a seed; None without noise.
    factor : float
        The rows are multiplied by it.
    seeded : bool
        Whether the objective takes a seed with its target.
    unit_weight : float, default=None
        The weight that counts as one row; None without weights.
    """

    def __init__(self, source, chosen, noise, factor, seeded, unit_weight=None):
        self.source, self.chosen, self.noise, self.factor, self.seeded = source, chosen, noise, factor, seeded
        self.unit_weight, self._mass = unit_weight, None
        self.shape, self.dtype = (len(source) if chosen is None else len(chosen), source.shape[1]), source.dtype

    def sum(self):
        """Return the sum of the weights. A batch stands for its weights too, of which solvers ask nothing else."""
        if self._mass is None:  # else an evaluation has told it
            mean = self.source.mean_weight(self.chosen)
            self._mass = self.shape[0] * (1.0 if mean is None else mean / self.unit_weight)
        return self._mass

    def map(self, function, join, objective, width, *arguments, stay_sparse=False):
        """Return the joined results of ``function(chunks, objective, *arguments)`` at the blocks.

        `chunks` are (X, target, weight), and `width` is that of the widest array made of a row. With `stay_sparse`, X
        and target are CSC.
        """
        description = _Description(
            self.noise, self.factor, self.seeded, self.shape[0], self.unit_weight, width, stay_sparse
        )
        parts = self.source.parts(self.chosen)
        result = reduced(_at_block, join, self.source.placed, parts, function, objective, description, arguments)
        if join is _joined_sums:
            self._mass = result[0]
        return result


@dataclasses.dataclass(frozen=True)
class _Description:
    """What a block needs to make its part of a batch: see `BatchOfBlocks` and its `map`."""

    noise: tuple | None
    factor: float
    seeded: bool
    n_rows: int
    unit_weight: float | None
    width: int
    stay_sparse: bool


class BlockBatches:
    """The batches of `RowBlocks`, as `skae.training.Batches`, whose arguments these are.

    The rows and their order are those of `Batches`. Noise is drawn by row: the same rows in other blocks have the same
    noise. It is other noise than that of `Batches`; equal rows do not have equal noise.
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
        seeded=False,
        stay_sparse=False,
    ):
        self.X, self.rows, self.shuffle, self.factor = X, rows, shuffle, 1.0 / scale
        self.stay_sparse = stay_sparse
        self.corruption, self.noise_seed, self.seeded = corruption, noise_seed, seeded
        self.unit_weight = X.mean_weight(rows) if unit_weight is None else unit_weight
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self._length = max(1, math.ceil(self.n_samples / batch_size))
        self.rows_per_batch = self.mean_weight = self.n_samples / len(self)

    def __len__(self):
        return self._length

    def __call__(self, rng):
        order = rng.permutation(self.n_samples) if self.shuffle and len(self) > 1 else None
        draw = rng if self.noise_seed is None else np.random.default_rng(self.noise_seed)
        edges = [self.n_samples * i // len(self) for i in range(len(self) + 1)]
        for start, stop in itertools.pairwise(edges):
            if len(self) == 1:
                chosen = self.rows
            else:
                chosen = self._positions(np.arange(start, stop) if order is None else np.sort(order[start:stop]))
            is_noisy = self.seeded or self.corruption is not None
            noise = (self.corruption, int(draw.integers(2**63))) if is_noisy else None
            batch = BatchOfBlocks(self.X, chosen, noise, self.factor, self.seeded, self.unit_weight)
            yield batch, None, None if self.unit_weight is None else batch

    def sample(self, n_rows, rng):
        """Return at most `n_rows` rows, drawn at random but in order, dense, and their weights, in float64."""
        X, weight = self.some(n_rows, rng)
        return dense(X.astype(np.float64)), weight

    def some(self, n_rows, rng):
        """Return the same rows as `sample`, dense or CSC as those of the batches, and their weights in float64."""
        return self._drawn(n_rows, rng).some(n_rows, rng)

    def fixed(self, n_rows, rng):
        """Return one batch of at most `n_rows` rows, as `Batches`. It is the same in every epoch, noise included."""
        return self._drawn(n_rows, rng).fixed(n_rows, rng)

    def in_batches_of(self, n_rows):
        """Return the same rows, in their order and in batches of at most `n_rows`, as `Batches`."""
        result = copy.copy(self)
        result.shuffle, result._length = False, max(1, math.ceil(self.n_samples / n_rows))
        result.rows_per_batch = result.mean_weight = self.n_samples / len(result)
        return result

    def _drawn(self, n_rows, rng):
        """Return rows that are drawn at random, in an array, as `Batches`."""
        chosen = np.arange(self.n_samples)
        if self.n_samples > n_rows:
            chosen = np.sort(rng.permutation(self.n_samples)[:n_rows])
        X, weight = self.X.rows(self._positions(chosen))
        options = {"corruption": self.corruption, "noise_seed": self.noise_seed, "seeded": self.seeded}
        options |= {"scale": 1.0 / self.factor, "unit_weight": self.unit_weight, "stay_sparse": self.stay_sparse}
        return Batches(X, weight, None, len(chosen), shuffle=False, **options)

    def _positions(self, chosen):
        """Return positions in X, given positions among the rows in use."""
        return chosen if self.rows is None else self.rows[chosen]


class OverBlocks:
    """An objective over the rows of `BatchOfBlocks`, computed where they lie. With arrays, it is the objective itself.

    Parameters
    ----------
    objective : Reconstruction
        The objective.
    """

    def __init__(self, objective):
        self.objective = objective

    def __getattr__(self, name):
        if name == "objective":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.objective, name)

    def value_and_grad(self, theta, X, target=None, sample_weight=None, *, mean_code=None, out=None):
        """Return the objective over the rows of X and its gradient; see `skae.objectives.Reconstruction`."""
        if not isinstance(X, BatchOfBlocks):
            return self.objective.value_and_grad(theta, X, target, sample_weight, mean_code=mean_code, out=out)
        mean_code = self._mean_code(theta, X, mean_code)
        mass, value, grad = self._map(_value_and_grad, _joined_sums, X, theta, mean_code)
        out = np.empty_like(theta) if out is None else out
        np.divide(grad, mass, out=out, casting="same_kind")
        return float(value / mass), out

    def value(self, theta, X, target=None, sample_weight=None, *, mean_code=None):
        """Return the objective over the rows of X."""
        return self.losses_at(theta)(X, target, sample_weight, mean_code=mean_code)[0]

    def losses_at(self, theta):
        """Return a function of rows that returns the value with and without penalties."""

        def losses(X, target=None, sample_weight=None, *, mean_code=None):
            if not isinstance(X, BatchOfBlocks):
                return self.objective.losses_at(theta)(X, target, sample_weight, mean_code=mean_code)
            mass, losses = self._map(_losses, _joined_sums, X, theta, self._mean_code(theta, X, mean_code))
            return tuple(losses / mass)

        return losses

    def mean_code(self, theta, X, sample_weight=None):
        """Return the weighted mean of the code over the rows of X."""
        if not isinstance(X, BatchOfBlocks):
            return self.objective.mean_code(theta, X, sample_weight)
        mass, code = self._map(_mean_code, _joined_sums, X, theta)
        return code / mass

    def code_range(self, theta, X):
        """Return the smallest and the largest code of each unit over the rows of X."""
        if not isinstance(X, BatchOfBlocks):
            return self.objective.code_range(theta, X)
        return self._map(_code_range, _joined_ranges, X, theta)

    def _mean_code(self, theta, X, mean_code):
        """Return the mean code that the blocks need: that given, or that of the batch."""
        return self.mean_code(theta, X) if mean_code is None and self.objective.uses_mean_code else mean_code

    def _map(self, function, join, X, *arguments):
        stay_sparse, (k, d) = isinstance(self.objective, SparseReconstruction), self.objective.layout.shapes["W"]
        return X.map(
            function, join, self.objective, k if stay_sparse else max(k, d), *arguments, stay_sparse=stay_sparse
        )


def _at_block(block, first, local, job):
    """Return function(chunks, objective, *arguments) of a block."""
    function, objective, description, arguments = job
    return function(_chunks(block, first, local, description), objective, *arguments)


def _chunks(block, first, local, batch):
    """Yield (X, target, weight) over rows of a block that begin at the place `first` of a batch."""
    X, n = block.X, block.X.shape[0] if local is None else len(local)
    if batch.stay_sparse:
        step = sparse_chunk_rows(X, batch.width)
    else:
        step = chunk_rows(max(X.shape[1], batch.width)) if batch.noise is None else _NOISE_ROWS
    start = first if batch.noise is None or batch.stay_sparse else first - first % step
    for begin in range(start, first + n, step):
        low, high = max(begin, first), min(begin + step, first + n)
        places = slice(low - first, high - first)
        if local is not None:
            places = local[places]
        rows = stored(X[places])
        # A block that has moved to another worker is not aligned.
        rows = rows if batch.stay_sparse else np.require(dense(rows), requirements="A")
        weight = None
        if batch.unit_weight is not None:
            weight = np.maximum(block.sample_weight[places] / batch.unit_weight, np.finfo(rows.dtype).tiny)
            weight = weight.astype(rows.dtype)
        if batch.factor != 1.0:
            rows = rows * rows.dtype.type(batch.factor)
        if batch.stay_sparse:
            noisy = rows if batch.noise is None else _sparse_noisy(rows, batch.noise, low)
            yield noisy.tocsc(), None if batch.noise is None else rows.tocsc(), weight
        elif batch.noise is None:
            yield rows, None, weight
        else:
            yield _noisy(rows, weight, batch.noise, batch.seeded, begin, low, min(begin + step, batch.n_rows))


def _noisy(rows, weight, noise, seeded, begin, low, end):
    """Return corrupted rows, their target and their weights: a part of the noise of the places `begin` to `end`.

    The rows that lie in other blocks are zeros of weight 0.
    """
    (corruption, seed), n = noise, end - begin
    own = slice(low - begin, low - begin + len(rows))
    if len(rows) < n:
        all_rows, all_weights = np.zeros((n, rows.shape[1]), rows.dtype), np.zeros(n, rows.dtype)
        all_rows[own], all_weights[own] = rows, 1.0 if weight is None else weight
        rows, weight = all_rows, all_weights
    rng, target = np.random.default_rng([seed, begin]), None
    if corruption is not None:
        target, rows = rows, np.empty_like(rows)
        if type(corruption.corruption) in _ALIKE:
            rows = corruption(target, rng, rows)
        else:
            rows[...] = target
            rows[own] = _corrupted_by_row(target[own], corruption, seed, low)
    return rows, (target, int(rng.integers(2**63))) if seeded else target, weight


def _corrupted_by_row(rows, corruption, seed, first):
    """Return corrupted rows, each with a random stream of its own; `first` is the place of the first one."""
    out, streams = np.empty_like(rows), _Streams(seed)
    for i in range(len(rows)):
        out[i] = corruption(rows[i : i + 1], streams(first + i), np.empty_like(rows[i : i + 1]))
    return out


def _sparse_noisy(rows, noise, first):
    """Return corrupted CSR rows: the stored values of each have a random stream of their own."""
    (corruption, seed), result = noise, rows.copy()
    streams = _Streams(seed)
    result.eliminate_zeros()  # noise passes over the zeros of dense rows
    for i, (start, stop) in enumerate(itertools.pairwise(result.indptr.tolist())):
        values = result.data[None, start:stop]
        values[...] = corruption(values, streams(first + i), np.empty_like(values))
    return result


class _Streams:
    """The random streams of the rows of a batch. A call with the place of a row returns the generator, at its start.

    One generator serves for all rows: to make one takes longer than to corrupt a row.
    """

    def __init__(self, seed):
        self._bits = np.random.Philox(key=seed)
        self._generator, self._state = np.random.Generator(self._bits), self._bits.state

    def __call__(self, place):
        self._state["state"]["counter"][:] = 0, 0, place, 0
        self._bits.state = self._state
        return self._generator


def _value_and_grad(chunks, objective, theta, mean_code):
    """Return the sums of the weights, of the values and of the gradients."""
    mass, total, grad, out = 0.0, 0.0, np.zeros(theta.size), np.empty_like(theta)
    share = np.empty_like(grad)  # one array for all chunks: Dask's workers hand the memory of each back at once
    for X, target, weight in chunks:
        m = total_weight(X, weight)
        value, _ = objective.value_and_grad(theta, X, target, weight, mean_code=mean_code, out=out)
        mass, total = mass + m, total + m * value
        grad += np.multiply(out, m, out=share, dtype=np.float64)
    return mass, total, grad


def _losses(chunks, objective, theta, mean_code):
    """Return the sums of the weights, and of the values with and without penalties."""
    losses, mass, total = objective.losses_at(theta), 0.0, np.zeros(2)
    for X, target, weight in chunks:
        m = total_weight(X, weight)
        mass, total = mass + m, total + m * np.array(losses(X, target, weight, mean_code=mean_code))
    return mass, total


def _mean_code(chunks, objective, theta):
    """Return the sums of the weights and of the codes."""
    mass, total = 0.0, 0.0
    for X, _, weight in chunks:
        m = total_weight(X, weight)
        mass, total = mass + m, total + m * objective.mean_code(theta, X, weight).astype(np.float64)
    return mass, total


def _code_range(chunks, objective, theta):
    """Return the smallest and the largest code of each unit."""
    ranges = []
    for X, _, weight in chunks:
        own = X if weight is None else X[weight > 0.0]  # rows of other blocks, beside noise, have weight 0
        ranges.append(objective.code_range(theta, own))
    return _joined_ranges(ranges)


def _joined_sums(results):
    """Add up tuples, item by item."""
    return tuple(sum(items[1:], start=items[0]) for items in zip(*results, strict=True))


def _joined_ranges(results):
    """Return the ranges that hold all of these."""
    lows, highs = zip(*results, strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)


@batches_of.register(RowBlocks)
def _(X, *args, **options):
    return BlockBatches(X, *args, **options)


@over_rows.register(RowBlocks)
def _(X, route, objectives, automatic):
    """Take all rows at once where no step follows, and large batches."""
    size = max(route.batch_size, min(LEAST_BATCH, len(X))) if automatic else route.batch_size
    route = dataclasses.replace(route, chunk_size=len(X), batch_size=size)
    return route, [OverBlocks(objective) for objective in objectives]
