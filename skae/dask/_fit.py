"""Fits to the blocks of a dask array."""

from __future__ import annotations

from typing import Any

import dask.array as da
from sklearn.base import BaseEstimator

from skae.autoencoders import BaseAutoencoder, fit_quietly
from skae.dask import _batches  # noqa: F401 # registers the batches of blocks
from skae.dask._blocks import row_blocks
from skae.dask._compute import reduced
from skae.preprocessing import PCAWhitener, joined_squares, keep_squares, squares_of
from skae.training import check_values, unchanged_on_error, warn


def fit(estimator: BaseEstimator, X: da.Array, sample_weight: Any = None) -> BaseEstimator:
    """Fit an autoencoder or a whitener to all rows of a dask array.

    The rows stay where they lie, unless a worker has more than its share of them. Parameters go to the workers, and
    sums of losses and of gradients come back. Up to rounding, the loss and the gradient are those of one array with the
    same rows. So the fit goes the same way as ``estimator.fit`` on it. There are two exceptions. Noise (of the input or
    of the hidden units) is drawn by row, so that it does not depend on the blocks. But it is other noise, and equal
    rows do not get equal noise, so that a weight does not repeat a row there. And with ``batch_size="auto"``, adam and
    sgd take batches of 1000 rows at least.

    A whitener adds up products of the features, of float64 numbers: one for each pair of features, or for few rows of
    many features all rows. For wide sparse rows, that takes far more memory than the rows, where `PCAWhitener.fit`
    takes none.

    ``solver="lbfgs"`` goes over all rows in each step, and so sends least. With adam and sgd, each batch is a journey
    to the workers and back: use large batches.

    Parameters
    ----------
    estimator : autoencoder or PCAWhitener
        The estimator. It is fitted in place.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices. They are kept in the workers' memory during the fit. The columns
        must be in one block, or are put into one. The numbers of rows in the blocks need not be known.
    sample_weight : {array-like, dask.array.Array} of shape (n_samples,), default=None
        Non-negative weights. A row of weight zero counts as absent. A dask array has the blocks of X.

    Returns
    -------
    estimator : object
        The same object, fitted.

    Raises
    ------
    TypeError
        If X is no dask array, or the estimator is neither an autoencoder nor a whitener.
    ValueError
        If X, the weights or the parameters are invalid, or training diverges. The error names the block.
    RuntimeError
        If the cluster fails. After any error the estimator is as before.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_digits
    >>> import skae.dask
    >>> from skae import ContractiveAutoencoder
    >>> X = da.from_array(load_digits().data / 16.0, chunks=(500, 64))
    >>> autoencoder = ContractiveAutoencoder(20, solver="lbfgs", max_iter=20, tol=0, random_state=0)
    >>> skae.dask.fit(autoencoder, X).components_.shape
    (20, 64)
    """
    if not isinstance(estimator, BaseAutoencoder | PCAWhitener):
        raise TypeError(
            f"skae.dask.fit takes an autoencoder or a PCAWhitener, got {type(estimator).__name__}; fit the steps of a "
            "Pipeline one after the other"
        )
    estimator._validate_params()
    with unchanged_on_error(estimator):
        blocks = row_blocks(X, sample_weight)
        if isinstance(estimator, PCAWhitener):
            _fit_whitener(estimator, blocks)
        else:
            check_values(estimator.visible, blocks)
            for problem in fit_quietly(estimator, blocks):
                warn(*problem)
    return estimator


def _fit_whitener(whitener, blocks):
    """Fit a whitener: one pass over the blocks."""
    parts = [(block,) for block in blocks.placed.blocks]
    seen, squares = reduced(_squares, joined_squares, blocks.placed, parts, blocks.dtype, whitener.n_components)
    keep_squares(whitener, blocks, seen, squares, blocks.effective_rows)


def _squares(block, job):
    """Return the moments of a block, and its squares about its own mean."""
    dtype, n_components = job
    return squares_of(block.X, block.sample_weight, dtype, n_components)
