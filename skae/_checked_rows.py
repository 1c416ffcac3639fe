"""Rows that do not lie in one array."""

from __future__ import annotations

import numpy as np


class CheckedRows:
    """Base class of rows that do not lie in one array, and that have been checked where they lie.

    `skae._validation.validate_data` takes them as they are. A subclass has `shape`, `dtype` and `stored_values`, and
    registers what a fit asks of rows: `checked_weight`, `moments`, `value_range`, `feature_range`, `batches_of` and
    `over_rows` of `skae.training`.
    """

    ndim = 2
    shape: tuple[int, int]
    dtype: np.dtype
    #: Number of stored values, if they are sparse.
    stored_values: int | None = None
