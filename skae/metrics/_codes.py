"""What the codes and the hidden units of an autoencoder are like: sparsity, biases, frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._typing import FloatArray, MatrixLike
from skae.energy import codes
from skae.estimators._batches import row_blocks
from skae.estimators._steps import autoencoder_and_input, autoencoder_of


def activation_fraction(estimator: Any, X: MatrixLike, *, threshold: float = 0.0) -> float:
    """Return the average activation fraction: the share of (sample, unit) pairs with h > threshold (SPARSE eq. 14).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. h is its activation, whatever `encoding` says.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    threshold : float, default=0.0
        The paper's delta_min: 0 for relu, 0.1 for sigmoid and softplus. Activations that can be negative are
        compared by absolute value.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import activation_fraction
    >>> X = load_digits().data / 16
    >>> strong, weak = (ContractiveAutoencoder(64, alpha=alpha, max_iter=60, random_state=0).fit(X) for alpha in (1, 0))
    >>> activation_fraction(strong, X, threshold=0.1) < activation_fraction(weak, X, threshold=0.1)
    True
    """
    counts, n_samples = activation_counts(estimator, X, threshold)
    return float(counts.mean()) / n_samples


def dead_unit_fraction(estimator: Any, X: MatrixLike, *, threshold: float = 0.0) -> float:
    """Return the share of units with h > threshold on no sample.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. h is its activation, whatever `encoding` says.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    threshold : float, default=0.0
        See `activation_fraction`.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import dead_unit_fraction
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(32, alpha=0.03, max_iter=20, tol=0, random_state=0).fit(X)
    >>> dead_unit_fraction(autoencoder, X)
    0.0
    """
    counts, _ = activation_counts(estimator, X, threshold)
    return float(np.mean(counts == 0))


def lifetime_sparsity(estimator: Any, X: MatrixLike) -> FloatArray:
    """Return how selective each unit is over the samples (Vinje & Gallant 2000).

    ::

        (1 - (mean |h|)^2 / mean h^2) / (1 - 1/n_samples)

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. h is its activation, whatever `encoding` says.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data, at least two samples.

    Returns
    -------
    ndarray of shape (n_components,)
        0 for a unit that is equally active on all samples, 1 for one that is active on a single sample, nan for a
        dead one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import lifetime_sparsity
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(32, alpha=0.03, max_iter=20, tol=0, random_state=0).fit(X)
    >>> lifetime_sparsity(autoencoder, X).shape
    (32,)
    """
    absolute = squares = n_samples = 0
    for H in _hidden_units(estimator, X):
        absolute, squares = absolute + np.abs(H).sum(axis=0), squares + (H**2).sum(axis=0)
        n_samples += len(H)
    return _sparsity(absolute, squares, n_samples, "samples")


def population_sparsity(estimator: Any, X: MatrixLike) -> FloatArray:
    """Return how few of the units each sample activates (Vinje & Gallant 2000).

    ::

        (1 - (mean |h|)^2 / mean h^2) / (1 - 1/n_components)

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted, with at least two units. h is its activation, whatever `encoding` says.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.

    Returns
    -------
    ndarray of shape (n_samples,)
        0 where all units are equally active, 1 where a single one is, nan where none is.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import population_sparsity
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(32, alpha=0.03, max_iter=20, tol=0, random_state=0).fit(X)
    >>> population_sparsity(autoencoder, X).shape
    (1797,)
    """
    blocks = [(np.abs(H).sum(axis=1), (H**2).sum(axis=1), H.shape[1]) for H in _hidden_units(estimator, X)]
    absolute, squares = (np.concatenate([block[i] for block in blocks]) for i in range(2))
    return _sparsity(absolute, squares, blocks[0][2], "units")


def bias_statistics(estimator: Any) -> dict[str, float]:
    """Return what the hidden biases are like; regularized training often makes them negative (ZAE figure 1).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted, with hidden biases.

    Returns
    -------
    dict of str to float
        "mean", "std", "min", "median" and "max" of `intercept_hidden_`, and "negative_fraction", the share below
        zero.

    Raises
    ------
    ValueError
        If the model has no hidden biases.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import bias_statistics
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(32, alpha=0.03, max_iter=20, tol=0, random_state=0).fit(X)
    >>> sorted(bias_statistics(autoencoder))
    ['max', 'mean', 'median', 'min', 'negative_fraction', 'std']
    """
    estimator = autoencoder_of(estimator)
    check_is_fitted(estimator)
    b = getattr(estimator, "intercept_hidden_", None)
    if b is None:
        raise ValueError(f"bias_statistics needs a model with hidden biases, which {type(estimator).__name__} has not")
    b = np.asarray(b, dtype=np.float64)
    return {
        "mean": float(b.mean()),
        "std": float(b.std()),
        "min": float(b.min()),
        "median": float(np.median(b)),
        "max": float(b.max()),
        "negative_fraction": float(np.mean(b < 0.0)),
    }


def _hidden_units(estimator, X):
    """Yield h(u) of each block of rows, in float64."""
    estimator, X = autoencoder_and_input(estimator, X)
    X, p = estimator._validate_prediction(X)
    for _, block in row_blocks(X, len(p["W"])):
        yield codes(block, p["W"], p["b"], estimator._activation()).astype(np.float64)


def activation_counts(estimator, X, threshold):
    """Return on how many samples each unit is above the threshold, and the number of samples."""
    counts = n_samples = 0
    for H in _hidden_units(estimator, X):
        counts, n_samples = counts + (np.abs(H) > threshold).sum(axis=0), n_samples + len(H)
    return counts, n_samples


def _sparsity(absolute, squares, n, what):
    """(1 - (mean |h|)^2 / mean h^2) / (1 - 1/n) from the sums; nan where all h are 0."""
    if n < 2:
        raise ValueError(f"this sparsity needs at least two {what}, got {n}")
    squares = np.where(squares > 0.0, squares, np.nan)
    return np.clip((1.0 - absolute**2 / (n * squares)) / (1.0 - 1.0 / n), 0.0, 1.0)


def parseval_gap(estimator: Any, X: MatrixLike) -> float:
    """Return how far the active weights are from Parseval's identity, sum_{k active} (w_k.x)^2 = |x|^2.

    Minimising the reconstruction error of a model without hidden bias drives the active weights of each sample
    towards a Parseval frame (ZAE eq. 6 and 7). With a visible bias c, the gap is::

        mean_x | sum_{k active} (w_k.x)^2 - |x - c|^2 | / mean_x |x - c|^2

    Parameters
    ----------
    estimator : ZeroBiasAutoencoder, or a Pipeline that ends in one
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.

    Returns
    -------
    float
        0 for a Parseval frame, 1 where no unit is active.

    Raises
    ------
    ValueError
        If the model has a hidden bias, or a decoder of its own.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import PCAWhitener, ZeroBiasAutoencoder
    >>> from skae.metrics import parseval_gap
    >>> X = PCAWhitener(0.99).fit_transform(load_digits().data)
    >>> autoencoder = ZeroBiasAutoencoder(100, max_iter=50, random_state=0).fit(X)
    >>> 0 < parseval_gap(autoencoder, X) < 0.5
    True
    """
    estimator, X = autoencoder_and_input(estimator, X)
    X, p = estimator._validate_prediction(X)
    if p["b"] is not None or p["V"] is not p["W"]:
        raise ValueError(
            f"parseval_gap needs tied weights and no hidden bias (ZeroBiasAutoencoder), got {type(estimator).__name__}"
        )
    activation = estimator._activation()
    gap = total = 0.0
    for _, block in row_blocks(X, len(p["W"])):
        U = block @ p["W"].T
        active = activation.value(U) != 0.0
        squares = np.einsum("ij,ij->i", U, U * active, dtype=np.float64)
        norms = ((block - p["c"]).astype(np.float64) ** 2).sum(axis=1)
        gap, total = gap + float(np.abs(squares - norms).sum()), total + float(norms.sum())
    if total == 0.0:
        return 0.0 if gap == 0.0 else np.inf
    return gap / total
