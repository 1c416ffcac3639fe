"""Rows of another dtype than the one to compute in."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

# Numbers are looked at in blocks of this many.
_BLOCK_ELEMENTS = 2**19


class UnconvertedRows:
    """Rows in their own dtype, with the dtype to compute in. Only the rows that ``np.asarray`` is given are converted.

    Pixels of one byte would take eight bytes each as float64. So estimators keep such rows as they are, and convert a
    chunk or a batch at a time. An index selects rows, and does not convert them.

    Parameters
    ----------
    source : {ndarray, CSR matrix} of shape (n, d)
        The rows: booleans, integers or real numbers.
    dtype : numpy dtype
        The dtype to compute in.
    """

    ndim = 2

    def __init__(self, source: Any, dtype: Any) -> None:
        self.source, self.dtype = source, np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self.source.shape

    def __len__(self) -> int:
        return self.source.shape[0]

    def __getitem__(self, rows: Any) -> UnconvertedRows:
        return UnconvertedRows(self.source[rows], self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows of another dtype cannot be converted without a copy")
        converted = self.converted()  # before CSR is made dense: there, equal entries are added
        dense = converted.toarray() if sparse.issparse(converted) else converted
        return dense if dtype is None else dense.astype(dtype, copy=False)

    def converted(self) -> Any:
        """Return the rows in the dtype to compute in, as an ndarray or CSR."""
        return self.source.astype(self.dtype)

    def is_finite(self) -> bool:
        """Return whether all numbers are finite in the dtype to compute in."""
        values = self.source.data[:, None] if sparse.issparse(self.source) else self.source
        n_rows = max(1, _BLOCK_ELEMENTS // values.shape[1])
        with np.errstate(over="ignore", under="ignore"):
            blocks = (values[start : start + n_rows] for start in range(0, len(values), n_rows))
            return all(np.isfinite(block.astype(self.dtype)).all() for block in blocks)
