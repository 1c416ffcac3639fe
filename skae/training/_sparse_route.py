"""Whether sparse rows stay sparse: the route of a fit or a prediction, chosen by what it costs.

Costs are in units of one multiplication of a BLAS product on one thread. They were measured with
``benchmarks/sparse_rows.py``. Both routes give the same results, up to rounding.
"""

import dataclasses
import math

from skae.training._chunks import chunk_rows, sparse_chunk_rows, stored_values
from skae.training._threads import blas_thread_count

# Products with a stored value, which scipy does one by one and on one thread: for each unit, and for the value itself.
_STORED_UNIT, _STORED_VALUE = 9.0, 350.0
# All that is done with an element of a dense batch, apart from products, in a step and in a prediction.
_DENSE_STEP, _DENSE_CHUNK = 290.0, 40.0
# All that is done with a weight in a step, apart from products, its update, and its copy for a prediction.
_WEIGHT, _UPDATE, _COPY = 370.0, 125.0, 200.0
# The first of these in a step that does not reconstruct the rows: the gradient of sparse rows is copied.
_WEIGHT_OF_CLASSES = 60.0
# The calls of a step, and of a prediction, with sparse rows. Small problems stay dense.
_STEP_CALLS, _CHUNK_CALLS = 3e7, 1e7

#: Rows in a batch of dense rows for ``batch_size="auto"``.
AUTO_BATCH_SIZE = 100
# A fit with ``batch_size="auto"`` has at least this many batches in an epoch, if these have more than 100 rows.
_BATCHES_PER_EPOCH = 20


@dataclasses.dataclass(frozen=True)
class Route:
    """How training takes its rows.

    Parameters
    ----------
    stay_sparse : bool
        Whether batches are sparse, for `skae.objectives.SparseReconstruction`, or dense.
    batch_size : int
        Largest number of rows in a batch.
    chunk_size : int
        Largest number of rows in a batch where no step follows each: in L-BFGS, and for the loss over all rows.
    """

    stay_sparse: bool
    batch_size: int
    chunk_size: int


def dense_route(batch_size, n_columns):
    """Return the route of dense rows; `n_columns` is the width of the widest array that training makes of them."""
    return Route(False, AUTO_BATCH_SIZE if batch_size == "auto" else batch_size, chunk_rows(n_columns))


def cheapest_route(X, n_components, batch_size, n_products=2, whole=False, reconstructs=True):
    """Return the cheapest route for rows X whose objective can take them sparse.

    Parameters
    ----------
    X : {ndarray, CSR matrix, UnconvertedRows} of shape (n, d)
        The rows.
    n_components : int
        Number of units.
    batch_size : int or "auto"
        Parameter of the estimator.
    n_products : int, default=2
        See `fit_stays_sparse`.
    whole : bool, default=False
        Whether the solver goes over all rows for each step, as L-BFGS does.
    reconstructs : bool, default=True
        See `fit_stays_sparse`. If not, "auto" is 100: in text of six classes, fewer steps cost more than they saved.
    """
    size = batch_size
    if size == "auto":
        size = automatic_batch_size(X, n_components) if reconstructs else AUTO_BATCH_SIZE
    if stored_values(X) is None:
        return dense_route(size, max(X.shape[1], n_components))
    chunk_size = sparse_chunk_rows(X, n_components)
    if fit_stays_sparse(X, n_components, min(chunk_size if whole else size, X.shape[0]), n_products, reconstructs):
        return Route(True, size, chunk_size)
    return dense_route(size, max(X.shape[1], n_components))


def _stored_per_row(X):
    """Return the mean number of stored values in a row of sparse X, or None if X is dense."""
    stored = stored_values(X)
    return None if stored is None else stored / max(X.shape[0], 1)


def automatic_batch_size(X, n_components):
    """Return the number of rows in a batch for ``batch_size="auto"``: 100, or more for wide sparse rows.

    A step with sparse rows has a part that does not depend on the number of rows: products of k x k x d multiplications
    and the update of the weights. A batch grows until its rows cost twice as much, while an epoch has 20 batches.
    """
    stored = _stored_per_row(X)
    if stored is None or not _step_by_rows(stored, n_components, 2) < _dense_step(X.shape[1], n_components):
        return AUTO_BATCH_SIZE
    fixed = _step_by_weights(X.shape[1], n_components) + _UPDATE * X.shape[1] * n_components
    balanced = 2.0 * fixed / _step_by_rows(stored, n_components, 2)
    size = math.floor(min(balanced, X.shape[0] / _BATCHES_PER_EPOCH))
    return size if size >= 2 * AUTO_BATCH_SIZE else AUTO_BATCH_SIZE  # smaller batches are hardly slower


def fit_stays_sparse(X, n_components, batch_size, n_products=2, reconstructs=True, n_threads=None):
    """Return whether a step of training is faster with sparse rows than with dense ones.

    Parameters
    ----------
    X : {ndarray, CSR matrix, UnconvertedRows} of shape (n, d)
        The rows.
    n_components : int
        Number of units k.
    batch_size : float
        Rows in a batch.
    n_products : int, default=2
        Number of products with the rows: 2 if encoder and decoder share the weights and the input, else 4.
    reconstructs : bool, default=True
        Whether the step reconstructs the rows. If it only classifies them, it has the same two products with sparse and
        with dense rows, and none of k x k matrices.
    n_threads : int, default=None
        Number of BLAS threads. None asks the BLAS. The products with sparse rows run on one thread.
    """
    stored, d = _stored_per_row(X), X.shape[1]
    if stored is None:
        return False
    n_threads = blas_thread_count() if n_threads is None else n_threads
    by_rows = batch_size * _step_by_rows(stored, n_components, n_products, n_threads, reconstructs)
    in_all = _STEP_CALLS + by_rows + _step_by_weights(d, n_components, n_threads, reconstructs)
    return in_all < batch_size * _dense_step(d, n_components, n_threads, reconstructs)


def prediction_stays_sparse(X, n_components, by_columns=True, n_decoded=0, n_threads=None):
    """Return whether a prediction is faster with sparse rows than with the same rows made dense.

    `by_columns` says whether the weights stand by columns, or must be copied first. `n_decoded` is the number of codes
    of each row whose reconstructions are compared with it: sparse rows take k x k matrices in their place.
    """
    stored, (n, d) = _stored_per_row(X), X.shape
    if stored is None:
        return False
    n_threads = blas_thread_count() if n_threads is None else n_threads
    dense_row = d * (n_components / n_threads + _DENSE_CHUNK) * (1 + n_decoded)
    sparse_row = stored * _of_value(n_components) * (2 if n_decoded else 1) + 3.0 * n_decoded * n_components**2
    by_weights = 0.0 if by_columns else _COPY * d * n_components
    if n_decoded:
        by_weights += d * n_components * (1.3 * n_components / n_threads + _COPY)
    return _CHUNK_CALLS + by_weights + n * sparse_row < n * dense_row


def _of_value(k):
    """Return the cost of the product of a stored value with k weights."""
    return _STORED_UNIT * k + _STORED_VALUE


def _step_by_rows(stored, k, n_products, n_threads=1, reconstructs=True):
    """Return the cost of a step that each row adds: products with its values, and with k x k matrices."""
    return n_products * stored * _of_value(k) + (2.0 * k * k / n_threads if reconstructs else 0.0)


def _step_by_weights(d, k, n_threads=1, reconstructs=True):
    """Return the cost of a step that does not depend on the rows, without the update."""
    return d * k * (0.92 * k / n_threads + _WEIGHT if reconstructs else _WEIGHT_OF_CLASSES)


def _dense_step(d, k, n_threads=1, reconstructs=True):
    """Return the cost of a step with dense rows that each row adds."""
    return d * (5.0 * k / n_threads + _DENSE_STEP if reconstructs else 2.0 * k / n_threads + _DENSE_CHUNK)
