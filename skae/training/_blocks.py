"""Blocks of rows: dense, and of bounded size."""

import numpy as np
from scipy import sparse

# A block of this many elements stays in cache and keeps the products efficient.
_BLOCK_ELEMENTS = 2**19


def row_blocks(X, columns=0, chosen=None, rows=None):
    """Yield (index, dense block) over the rows of X (dense or CSR), in blocks of bounded size.

    `columns` is the width of what is made of each row, where that is wider than X; `chosen` are the rows to take,
    all if None; `rows` is the size of a block, if it is not to be that of `block_rows`.
    """
    n_rows = rows or block_rows(max(X.shape[1], columns))
    for start in range(0, X.shape[0] if chosen is None else len(chosen), n_rows):
        index = slice(start, start + n_rows) if chosen is None else chosen[start : start + n_rows]
        yield index, dense(X[index])


def block_rows(columns):
    """How many rows of so many columns make a block."""
    return min(max(_BLOCK_ELEMENTS // max(columns, 1), 64), 4096)


def dense(X):
    """Return X as an ndarray: a copy where it was sparse, a view where it was not."""
    return X.toarray() if sparse.issparse(X) else np.asarray(X)
