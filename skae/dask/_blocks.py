"""Rows in blocks, which stay where they lie."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import dask.array as da
import numpy as np
from dask.base import persist
from dask.delayed import delayed
from scipy import sparse

from skae._checked_rows import CheckedRows
from skae._typing import FloatArray
from skae._validation import DTYPES, check_array
from skae.dask._compute import PlacedBlocks, computed, reduced
from skae.training import checked_weight, feature_range, merge_moments, moments, stored, stored_values, value_range


@dataclasses.dataclass(frozen=True)
class Block:
    """Checked rows of one block, those of weight zero left out.

    Parameters
    ----------
    X : {ndarray, CSR matrix, UnconvertedRows} of shape (n, d)
        The rows.
    sample_weight : ndarray of shape (n,) or None
        Their weights, float64.
    """

    X: Any
    sample_weight: FloatArray | None


class RowBlocks(CheckedRows):
    """The rows of a dask array, for a fit.

    Parameters
    ----------
    blocks : list of Delayed
        A `Block` each, with rows.
    sizes : list of int
        Their numbers of rows.
    dtype : numpy dtype
        Dtype to train in.
    seen : tuple
        Weight, mean and variance of the rows.
    ranges : tuple of ndarray
        Smallest and largest value of each feature.
    effective_rows : float
        (sum w)^2 / sum w^2 of the weights.
    is_weighted : bool
        Whether the blocks have weights.
    stored_values : int or None
        Number of stored values of sparse blocks; None for dense ones.
    """

    def __init__(self, blocks, sizes, dtype, seen, ranges, effective_rows, is_weighted, stored_values=None):
        self.placed, self.stored_values = PlacedBlocks(blocks, sizes), stored_values
        self.seen, self.ranges, self.effective_rows = seen, ranges, effective_rows
        self.offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.shape, self.dtype = (int(self.offsets[-1]), len(seen[1])), np.dtype(dtype)
        self.is_weighted = is_weighted

    def __len__(self):
        return self.shape[0]

    def parts(self, chosen=None):
        """Return (block, first, local) of each block that has some of the chosen rows.

        `chosen` are positions in ascending order, None for all rows. `first` is how many chosen rows are in earlier
        blocks, and `local` are their places in the block, None for all.
        """
        if chosen is None:
            offsets = self.offsets[:-1].tolist()
            return [(block, first, None) for block, first in zip(self.placed.blocks, offsets, strict=True)]
        edges, found = np.searchsorted(chosen, self.offsets), []
        for block, offset, start, stop in zip(self.placed.blocks, self.offsets, edges, edges[1:], strict=False):
            if stop > start:
                found.append((block, int(start), chosen[start:stop] - offset))
        return found

    def rows(self, chosen):
        """Return the rows at these positions (ascending), as an array or CSR in `dtype`, and their weights or None."""
        take = delayed(_taken, pure=False)
        tasks = [take(block, local) for block, _, local in self.parts(chosen)]
        found = computed(delayed(list)(tasks))
        rows = [X for X, _ in found]
        X = sparse.vstack(rows, format="csr") if sparse.issparse(rows[0]) else np.concatenate(rows)
        return X, np.concatenate([weight for _, weight in found]) if self.is_weighted else None

    def mean_weight(self, chosen=None):
        """Return the mean weight of the rows at these positions (None for all); None without weights."""
        if not self.is_weighted:
            return None
        if chosen is None:
            return float(self.seen[0]) / len(self)
        (total,) = reduced(_weight_of, _sums, self.placed, self.parts(chosen))
        return total / len(chosen)


def row_blocks(X, sample_weight=None):
    """Return the `RowBlocks` of a dask array, checked and kept where they lie.

    Raises
    ------
    TypeError
        If X is no dask array.
    ValueError
        If a block is not as the others, or its values or weights are invalid. The message names the block.
    """
    X, width = checked_array(X), X.shape[1]
    if not isinstance(width, int | np.integer):
        raise ValueError("X has an unknown number of columns; X.compute_chunk_sizes() finds it")
    dtype = np.dtype(X.dtype) if X.dtype in DTYPES else np.dtype(np.float64)
    rows, weights = X.to_delayed().ravel(), along_blocks(sample_weight, X, "sample_weight")
    check = delayed(_checked, pure=False)
    blocks = [
        check(block, weight, number, len(rows), (size, int(width)), np.dtype(X.dtype).str)
        for number, (block, weight, size) in enumerate(zip(rows, weights, X.chunks[0], strict=True))
    ]
    blocks = list(persist(*blocks))
    facts = computed(delayed(list)([delayed(_facts, pure=False)(block) for block in blocks]))
    kept = [(block, fact) for block, fact in zip(blocks, facts, strict=True) if fact is not None]
    n_rows = sum(fact[0] for _, fact in kept)
    if n_rows < 2:
        raise ValueError(f"X has {n_rows} rows of positive weight, while fit needs at least 2")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        seen = functools.reduce(merge_moments, (fact[1] for _, fact in kept))
    low = np.min([fact[2][0] for _, fact in kept], axis=0)
    high = np.max([fact[2][1] for _, fact in kept], axis=0)
    blocks, sizes = [block for block, _ in kept], [fact[0] for _, fact in kept]
    heaviest = max(largest for _, (*_, (largest, _, _), _) in kept)
    shares = [(largest / heaviest, total, squares) for _, (*_, (largest, total, squares), _) in kept]
    effective = sum(part * total for part, total, _ in shares) ** 2 / sum(part**2 * each for part, _, each in shares)
    n_stored = [fact[4] for _, fact in kept]
    total = None if None in n_stored else sum(n_stored)
    return RowBlocks(blocks, sizes, dtype, seen, (low, high), effective, sample_weight is not None, total)


def checked_array(X):
    """Return a dask array of two dimensions, its columns in one block."""
    if not isinstance(X, da.Array):
        raise TypeError(
            f"skae.dask takes a dask array, got {type(X).__module__.partition('.')[0]}.{type(X).__name__}; "
            "dask.array.from_array makes one of an array, and to_dask_array() of a table of dask; for other data call "
            "the estimator's own method"
        )
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, rows and features, got {X.ndim}")
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def along_blocks(values, X, name):
    """Return targets or weights as the delayed parts for the blocks of rows of X; None for each without values."""
    if values is None or np.isscalar(values):
        return [values] * X.numblocks[0]
    if not isinstance(values, da.Array):
        if np.isnan(X.shape[0]):
            raise ValueError(f"{name} must be a dask array with the blocks of X, whose sizes are unknown")
        values = np.asarray(values)
        if values.shape[:1] != X.shape[:1]:
            raise ValueError(f"{name} must have one value for each of the {X.shape[0]} rows, got shape {values.shape}")
        values = da.from_array(values, chunks=(X.chunks[0], *values.shape[1:]))
    if values.numblocks[0] != X.numblocks[0]:
        raise ValueError(f"{name} must have as many blocks as X, {X.numblocks[0]}, got {values.numblocks[0]}")
    if values.ndim > 1 and values.numblocks[1] > 1:
        values = values.rechunk({1: -1})
    return values.to_delayed().ravel()


def of_block(number, n_blocks, error):
    """Return an error that names its block."""
    return type(error)(f"block {number} of {n_blocks} (numbered from 0): {error}")


def _checked(X, sample_weight, number, n_blocks, shape, dtype):
    """Return a `Block`; the errors name its number. `shape` is what the dask array says."""
    try:
        if not (isinstance(X, np.ndarray) or (sparse.issparse(X) and X.format == "csr")) or X.ndim != 2:
            kind = f"{X.format} matrix" if sparse.issparse(X) else type(X).__name__
            raise ValueError(f"rows must be in a two-dimensional ndarray or a CSR matrix, got {kind}")
        check_shape(X, shape)
        if X.dtype != np.dtype(dtype):
            raise ValueError(f"it has the dtype {X.dtype}, and the dask array says {np.dtype(dtype)}")
        if np.ndim(sample_weight) and np.shape(sample_weight) != X.shape[:1]:
            raise ValueError(f"it has {X.shape[0]} rows, and sample_weight the shape {np.shape(sample_weight)}")
        if not X.shape[0]:
            return Block(X, None)
        X = check_array(_aligned(X), dtype=DTYPES, accept_sparse="csr", input_name="X")
        if sample_weight is None:
            return Block(X, None)
        if not np.any(sample_weight):
            return Block(X[:0], None)
        weight, rows = checked_weight(X, sample_weight)
        return Block(X, weight) if rows is None else Block(X[rows], weight[rows])
    except (TypeError, ValueError) as error:
        raise of_block(number, n_blocks, error) from None


def check_shape(X, shape):
    """Raise ValueError if a block has another shape than the dask array says. Unknown numbers are NaN."""
    for name, found, said in zip(("rows", "columns"), X.shape, shape, strict=True):
        if not np.isnan(said) and found != said:
            raise ValueError(f"it has {found} {name}, and the dask array says {said}")


def _weight_of(block, first, local, job):
    """Return the sum of the weights of some rows of a block."""
    return (float(block.sample_weight[slice(None) if local is None else local].sum()),)


def _sums(results):
    """Add up tuples of one number."""
    return (sum(total for (total,) in results),)


def _aligned(X):
    """Return the rows in aligned memory: `distributed` sends arrays that are not, and each product would copy them."""
    if isinstance(X, np.ndarray):
        return np.require(X, requirements="A")
    parts = tuple(np.require(part, requirements="A") for part in (X.data, X.indices, X.indptr))
    return type(X)(parts, shape=X.shape)


def _facts(block):
    """Return the number of rows, moments, ranges, sums of the weights and number of stored values; None without rows.

    The sums are the largest weight, and those of the weights and of their squares in its units, which never overflow.
    """
    n, weight = block.X.shape[0], block.sample_weight
    if not n:
        return None
    largest = 1.0 if weight is None else float(weight.max())
    shares = np.ones(n) if weight is None else weight / largest
    sums = largest, float(shares.sum()), float(shares @ shares)
    return n, moments(block.X, weight), feature_range(block.X), sums, stored_values(block.X)


def _taken(block, local):
    """Return rows of a block, in the dtype to train in, and their weights."""
    weight = None if block.sample_weight is None else block.sample_weight[local]
    return stored(block.X[local]), weight


@checked_weight.register(RowBlocks)
def _(X, sample_weight):
    """Return None twice: the blocks have their weights, and no row of weight zero."""
    return None, None


@moments.register(RowBlocks)
def _(X, sample_weight=None, chosen=None):
    return X.seen


@feature_range.register(RowBlocks)
def _(X, chosen=None):
    return X.ranges


@value_range.register(RowBlocks)
def _(X, chosen=None):
    return float(X.ranges[0].min()), float(X.ranges[1].max())
