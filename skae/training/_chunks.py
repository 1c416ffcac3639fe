"""Chunks of rows: dense, of bounded size."""

import numpy as np
from scipy import sparse

# A chunk of this many elements stays in cache and keeps the products efficient.
_CHUNK_ELEMENTS = 2**19


def row_chunks(X, columns=0, chosen=None, rows=None):
    """Yield (index, dense chunk) over the rows of X (dense or CSR), in chunks of bounded size.

    `columns` is the width of the widest array that the caller makes of each row, if it is wider than X. `chosen` are
    the rows to take; None takes all. `rows` is the size of a chunk, in place of `chunk_rows`.
    """
    n_rows = rows or chunk_rows(max(X.shape[1], columns))
    for start in range(0, X.shape[0] if chosen is None else len(chosen), n_rows):
        index = slice(start, start + n_rows) if chosen is None else chosen[start : start + n_rows]
        yield index, dense(X[index])


def chunk_rows(columns):
    """Return the number of rows in a chunk, for rows with this number of columns."""
    return min(max(_CHUNK_ELEMENTS // max(columns, 1), 64), 4096)


def dense(X):
    """Return X as an ndarray: a copy if X is sparse, else a view."""
    return X.toarray() if sparse.issparse(X) else np.asarray(X)
