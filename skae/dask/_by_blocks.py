"""Methods of fitted estimators, block by block."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import dask.array as da
import numpy as np
from dask.base import persist
from dask.delayed import delayed
from dask.highlevelgraph import HighLevelGraph
from scipy import sparse
from sklearn.base import BaseEstimator

from skae.dask._blocks import along_blocks, check_shape, checked_array, of_block
from skae.dask._compute import computed

EstimatorT = TypeVar("EstimatorT", bound=BaseEstimator)


def transform(estimator: BaseEstimator, X: da.Array) -> da.Array:
    """Return ``estimator.transform`` of each block, as a dask array.

    Nothing is computed before the result is. It has the rows' blocks of X, and the columns and the dtype of the
    estimator's result. The estimator, or a Pipeline, is copied as it is now.

    Parameters
    ----------
    estimator : fitted estimator or Pipeline
        The estimator.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices.

    Returns
    -------
    dask.array.Array of shape (n_samples, n_features_out)
        The codes.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import skae.dask
    >>> from skae import PCAWhitener
    >>> X = np.random.default_rng(0).standard_normal((100, 5))
    >>> Z = skae.dask.transform(PCAWhitener(2).fit(X), da.from_array(X, chunks=(40, 5)))
    >>> Z.shape, Z.chunks
    ((100, 2), ((40, 40, 20), (2,)))
    """
    return _by_blocks(estimator, "transform", X)


def reconstruct(estimator: BaseEstimator, X: da.Array) -> da.Array:
    """Return ``estimator.reconstruct`` of each block, as a dask array; see `transform`.

    Parameters
    ----------
    estimator : autoencoder or Pipeline
        Fitted. It is copied as it is now.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices.

    Returns
    -------
    dask.array.Array of shape (n_samples, n_features)
        Reconstructions.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> import skae.dask
    >>> from skae import ContractiveAutoencoder
    >>> X = load_iris().data
    >>> autoencoder = ContractiveAutoencoder(3, random_state=0).fit(X)
    >>> skae.dask.reconstruct(autoencoder, da.from_array(X, chunks=(50, 4))).shape
    (150, 4)
    """
    return _by_blocks(estimator, "reconstruct", X)


def score_samples(estimator: BaseEstimator, X: da.Array) -> da.Array:
    """Return ``estimator.score_samples`` of each block, as a dask array; see `transform`.

    Parameters
    ----------
    estimator : autoencoder, classifier, detector, PCAWhitener or Pipeline
        Fitted. It is copied as it is now.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices.

    Returns
    -------
    dask.array.Array of shape (n_samples,)
        Scores: energies, log-likelihoods, or what the estimator gives.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> import skae.dask
    >>> from skae import ContractiveAutoencoder
    >>> X = load_iris().data
    >>> autoencoder = ContractiveAutoencoder(3, random_state=0).fit(X)
    >>> skae.dask.score_samples(autoencoder, da.from_array(X, chunks=(50, 4))).shape
    (150,)
    """
    return _by_blocks(estimator, "score_samples", X)


def predict(estimator: BaseEstimator, X: da.Array) -> da.Array:
    """Return ``estimator.predict`` of each block, as a dask array; see `transform`.

    Parameters
    ----------
    estimator : classifier, regressor, detector or Pipeline
        Fitted. It is copied as it is now.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices.

    Returns
    -------
    dask.array.Array of shape (n_samples,)
        Classes, numbers, or 1 and -1 of a detector.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> import skae.dask
    >>> from skae import ClassSpecificAEClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = ClassSpecificAEClassifier(method="normalize", random_state=0).fit(X, y)
    >>> skae.dask.predict(classifier, da.from_array(X, chunks=(50, 4))).shape
    (150,)
    """
    return _by_blocks(estimator, "predict", X)


def predict_proba(estimator: BaseEstimator, X: da.Array) -> da.Array:
    """Return ``estimator.predict_proba`` of each block, as a dask array; see `transform`.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Fitted. It is copied as it is now.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices.

    Returns
    -------
    dask.array.Array of shape (n_samples, n_classes)
        Probabilities of the classes.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> import skae.dask
    >>> from skae import ClassSpecificAEClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = ClassSpecificAEClassifier(method="normalize", random_state=0).fit(X, y)
    >>> skae.dask.predict_proba(classifier, da.from_array(X, chunks=(50, 4))).shape
    (150, 3)
    """
    return _by_blocks(estimator, "predict_proba", X)


def decision_function(estimator: BaseEstimator, X: da.Array) -> da.Array:
    """Return ``estimator.decision_function`` of each block, as a dask array; see `transform`.

    Parameters
    ----------
    estimator : classifier, detector or Pipeline
        Fitted. It is copied as it is now.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices.

    Returns
    -------
    dask.array.Array of shape (n_samples,) or (n_samples, n_classes)
        Scores of the classes, or of a detector.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> import skae.dask
    >>> from skae import ClassSpecificAEClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = ClassSpecificAEClassifier(method="normalize", random_state=0).fit(X, y)
    >>> skae.dask.decision_function(classifier, da.from_array(X, chunks=(50, 4))).shape
    (150, 3)
    """
    return _by_blocks(estimator, "decision_function", X)


def partial_fit(estimator: EstimatorT, X: da.Array, y: Any = None, **options: Any) -> EstimatorT:
    """Call ``estimator.partial_fit`` with one block of rows after the other, each where it lies.

    The estimator goes from block to block. The result is that of the same calls on one machine.

    Parameters
    ----------
    estimator : estimator
        An estimator that has ``partial_fit``. It is fitted in place.
    X : dask.array.Array of shape (n_samples, n_features)
        Rows, in blocks of ndarrays or of CSR matrices. Blocks without rows are passed over.
    y : {array-like, dask.array.Array} of shape (n_samples,), default=None
        Targets. A dask array has the blocks of X.
    **options : dict
        Further arguments of each call, such as ``classes``. ``sample_weight`` may be as `y`.

    Returns
    -------
    estimator : object
        The same object.

    Raises
    ------
    ValueError
        If a call raises it. The error names the block, and the estimator is as before.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> import skae.dask
    >>> from skae import PCAWhitener
    >>> X = da.from_array(load_iris().data, chunks=(50, 4))
    >>> skae.dask.partial_fit(PCAWhitener(2), X).n_samples_seen_
    150
    """
    if not hasattr(estimator, "partial_fit"):
        raise TypeError(f"{type(estimator).__name__} has no partial_fit; skae.dask.fit takes an autoencoder")
    X = checked_array(X)
    if X.shape[0] == 0:
        raise ValueError("X has no rows, while partial_fit needs at least 1")
    rows = X.to_delayed().ravel()
    targets, weights = along_blocks(y, X, "y"), along_blocks(options.pop("sample_weight", None), X, "sample_weight")
    if hasattr(estimator, "_validate_params"):
        estimator._validate_params()  # their errors are of no block
    step, done = delayed(_partial_fit, pure=False), delayed(_nothing, pure=False)
    fitted, given = delayed(copy.deepcopy(estimator), traverse=False), zip(rows, targets, weights, strict=True)
    for number, (block, target, weight) in enumerate(given):
        place = number, len(rows), (X.chunks[0][number], X.shape[1])
        # One block after the other: in one graph, the workers would load all of them first.
        (fitted,) = persist(step(fitted, block, target, weight, options, place))
        computed(done(fitted))
    result = computed(fitted)
    vars(estimator).clear()
    vars(estimator).update(vars(result))
    return estimator


def _nothing(fitted):
    """Return nothing, once something is there."""


def _partial_fit(estimator, X, y, sample_weight, options, place):
    """Return the estimator after one more block; `place` is the block's number, their number, and its shape."""
    number, n_blocks, said = place
    if not X.shape[0]:
        return estimator
    # A task may run again: it must leave its input as it was.
    estimator, weights = copy.deepcopy(estimator), {} if sample_weight is None else {"sample_weight": sample_weight}
    targets = () if y is None else (y,)
    try:
        check_shape(X, said)
        return estimator.partial_fit(X, *targets, **weights, **options)
    except (TypeError, ValueError) as error:
        raise of_block(number, n_blocks, error) from None


def _by_blocks(estimator, method, X):
    """Return the results of a method of an estimator for the blocks of X, as a dask array."""
    X = checked_array(X)
    found = _result(estimator, method, _example(X, estimator))
    shape = found.shape[1:]
    fitted, run = delayed(copy.deepcopy(estimator), traverse=False, pure=False), delayed(_of_one_block, pure=False)
    rows = X.to_delayed().ravel()
    said = [(size, X.shape[1]) for size in X.chunks[0]]
    places = [(number, len(rows), each) for number, each in enumerate(said)]
    parts = [run(block, fitted, method, shape, place, found.dtype) for block, place in zip(rows, places, strict=True)]
    # Not by `map_blocks`: where an axis is dropped, older versions join blocks of `csr_array` as if they were dense.
    name = f"{method}-{fitted.key}"
    layer: Any = {(name, number, *(0 for _ in shape)): part.key for number, part in enumerate(parts)}
    graph = HighLevelGraph.from_collections(name, layer, dependencies=parts)
    chunks = (X.chunks[0], *((k,) for k in shape))
    return da.Array(graph, name, chunks, meta=np.empty((0,) * found.ndim, found.dtype), dtype=found.dtype)


def _of_one_block(X, estimator, method, shape, place, out_dtype):
    """Return the results for one block; `place` is as in `_partial_fit`."""
    number, n_blocks, said = place
    try:
        check_shape(X, said)
        if not np.shape(X)[0]:
            return np.empty((0, *shape), out_dtype)
        # Arrays that `distributed` sends are not aligned: each product with them would copy them. Those of a copy are.
        found = _result(copy.deepcopy(estimator), method, X)
    except (TypeError, ValueError) as error:
        raise of_block(number, n_blocks, error) from None
    if found.dtype != out_dtype:
        raise ValueError(
            f"block {number} of {n_blocks} (numbered from 0) has the dtype {X.dtype}, and the dask array says another"
        )
    return found


def _result(estimator, method, X):
    """Return what a method makes of rows, as an ndarray."""
    if not hasattr(estimator, method):
        raise AttributeError(f"{type(estimator).__name__} has no {method}")
    return np.asarray(getattr(estimator, method)(X))


def _example(X, estimator):
    """Return two rows of zeros like those of X."""
    width = X.shape[1] if not np.isnan(X.shape[1]) else estimator.n_features_in_
    zeros = np.zeros((2, int(width)), X.dtype)
    return sparse.csr_array(zeros) if sparse.issparse(X._meta) else zeros
