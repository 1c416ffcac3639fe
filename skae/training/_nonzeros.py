"""Blocks of CSR rows, as CSR: statistics of sparse rows read the stored values only."""

import numpy as np
from scipy import sparse

from skae._unconverted_rows import UnconvertedRows

# The sums take a stored value two to three times as long as an element of a dense chunk.
_THIN = 0.4

# A block of this many stored values stays in cache.
_BLOCK_VALUES = 2**17


def is_csr(X):
    """Return whether the rows are CSR, also rows of another dtype than the one to compute in."""
    return sparse.issparse(X.source if isinstance(X, UnconvertedRows) else X)


def is_thin(X):
    """Return whether X is CSR with so many zeros that sums over the stored values are faster than over dense chunks."""
    source = X.source if isinstance(X, UnconvertedRows) else X
    return sparse.issparse(source) and source.nnz < _THIN * source.shape[0] * source.shape[1]


def sparse_blocks(X, chosen=None):
    """Yield (index, CSR rows in float64) over the rows of X, in blocks of a bounded number of stored values.

    X is CSR, or `UnconvertedRows` of CSR. `chosen` are the rows to take; None takes all. A single row may exceed the
    bound. The bound grows with the number of columns, so that work for each column costs no more than for the values.
    """
    source = X.source if isinstance(X, UnconvertedRows) else X
    lengths = np.diff(source.indptr)
    ends = np.cumsum(lengths if chosen is None else lengths[chosen], dtype=np.int64)
    largest, start = max(_BLOCK_VALUES, 8 * X.shape[1]), 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + largest, side="right")))
        index = slice(start, stop) if chosen is None else chosen[start:stop]
        yield index, _rows(source, index, X.dtype)
        start = stop


def _rows(X, index, dtype):
    """Return rows of CSR X in float64, with the values that they have in `dtype`. scipy would copy the indices too."""
    if isinstance(index, slice):
        indptr = X.indptr[index.start : index.stop + 1]
        values = slice(indptr[0], indptr[-1])
        data, indices, indptr = X.data[values], X.indices[values], indptr - indptr[0]
    else:
        X = X[index]
        data, indices, indptr = X.data, X.indices, X.indptr
    data = data.astype(dtype, copy=False).astype(np.float64, copy=False)
    return sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, X.shape[1]))


def with_values(rows, values):
    """Return CSR rows with other stored values in the same places."""
    return sparse.csr_array((values, rows.indices, rows.indptr), shape=rows.shape)
