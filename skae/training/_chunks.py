"""Chunks of rows: dense, of bounded size."""

import numpy as np
from scipy import sparse

from skae._checked_rows import CheckedRows
from skae._unconverted_rows import UnconvertedRows

# A chunk of this many elements stays in cache and keeps the products efficient.
_CHUNK_ELEMENTS = 2**19


def row_chunks(X, columns=0, chosen=None, rows=None, stay_sparse=False):
    """Yield (index, chunk) over the rows of X (dense or CSR), in chunks of bounded size.

    `columns` is the width of the widest array that the caller makes of each row, if it is wider than X. `chosen` are
    the rows to take; None takes all. `rows` is the size of a chunk, in place of `chunk_rows`. Chunks are dense, or CSC
    if X is sparse and `stay_sparse`.
    """
    if rows is None:
        rows = sparse_chunk_rows(X, columns) if stay_sparse else chunk_rows(max(X.shape[1], columns))
    for start in range(0, X.shape[0] if chosen is None else len(chosen), rows):
        index = slice(start, start + rows) if chosen is None else chosen[start : start + rows]
        yield index, stored(X[index]).tocsc() if stay_sparse else dense(X[index])


def chunk_rows(columns):
    """Return the number of rows in a chunk, for rows with this number of columns."""
    return min(max(_CHUNK_ELEMENTS // max(columns, 1), 64), 4096)


def sparse_chunk_rows(X, columns):
    """Return the number of rows in a chunk of sparse rows, of which the caller makes arrays with `columns` columns.

    Products of CSC rows with weights go over the columns of X, so it is these arrays that stay in cache.
    """
    stored_per_row = max(stored_values(X) // X.shape[0], 1)
    return min(max(_CHUNK_ELEMENTS // max(columns, 1), 64), 4096, max(4 * _CHUNK_ELEMENTS // stored_per_row, 1))


def stored_values(X):
    """Return the number of stored values of sparse X; None if X is dense."""
    if isinstance(X, CheckedRows):
        return X.stored_values
    X = X.source if isinstance(X, UnconvertedRows) else X
    return X.nnz if sparse.issparse(X) else None


def stored(X):
    """Return rows in the dtype to compute in, as they are stored: an ndarray, or CSR."""
    return X.converted() if isinstance(X, UnconvertedRows) else X


def dense(X):
    """Return X as an ndarray: a copy if X is sparse, else a view."""
    return X.toarray() if sparse.issparse(X) else np.asarray(X)
