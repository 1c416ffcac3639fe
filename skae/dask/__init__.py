"""Rows in the blocks of a dask array: fits, and predictions, each where its rows lie (the extra ``dask``).

`fit` trains on all blocks at once, exactly: the loss and the gradient are computed where the blocks lie, and added up.
`partial_fit` goes from block to block. `transform`, `score_samples` and the others return a dask array, which computes
a block when it is asked for. All use the current client of `distributed`; without one, Dask's configured scheduler.
"""

try:
    import dask.array  # noqa: F401
except ImportError as error:
    raise ImportError('skae.dask needs Dask: pip install "skae[dask]"') from error

from skae.dask._by_blocks import (
    decision_function,
    partial_fit,
    predict,
    predict_proba,
    reconstruct,
    score_samples,
    transform,
)
from skae.dask._fit import fit

__all__ = [
    "decision_function",
    "fit",
    "partial_fit",
    "predict",
    "predict_proba",
    "reconstruct",
    "score_samples",
    "transform",
]
