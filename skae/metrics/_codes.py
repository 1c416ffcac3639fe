"""Measures of the codes and the hidden units of an autoencoder: sparsity, biases, frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._typing import FloatArray, MatrixLike
from skae.autoencoders import autoencoder_of, model_and_input, sparse_model_and_input
from skae.training import row_chunks


def activation_fraction(estimator: Any, X: MatrixLike, *, threshold: float = 0.0) -> float:
    """Return the average activation fraction, the share of (sample, unit) pairs with h > threshold (SPARSE eq. 14).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. h is its activation; `encoding` has no effect.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    threshold : float, default=0.0
        The paper's delta_min: 0 for relu, 0.1 for sigmoid and softplus. For activations that can be negative, the
        absolute value of h is compared.

    Returns
    -------
    float
        The share, in [0, 1].

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
    """Return the share of units whose h is above the threshold on no sample.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. h is its activation; `encoding` has no effect.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    threshold : float, default=0.0
        See `activation_fraction`.

    Returns
    -------
    float
        The share, in [0, 1].

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
        Fitted. h is its activation; `encoding` has no effect.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data, at least two samples.

    Returns
    -------
    ndarray of shape (n_components,)
        0 for a unit that is equally active on all samples, 1 for a unit that is active on a single sample, nan for a
        dead unit.

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
    """Return for each sample how few units it activates (Vinje & Gallant 2000).

    ::

        (1 - (mean |h|)^2 / mean h^2) / (1 - 1/n_components)

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted, with at least two units. h is its activation; `encoding` has no effect.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.

    Returns
    -------
    ndarray of shape (n_samples,)
        0 for a sample with all units equally active, 1 if a single unit is active, nan if no unit is.

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
    sums = [(np.abs(H).sum(axis=1), (H**2).sum(axis=1), H.shape[1]) for H in _hidden_units(estimator, X)]
    absolute, squares = (np.concatenate([each[i] for each in sums]) for i in range(2))
    return _sparsity(absolute, squares, sums[0][2], "units")


def bias_statistics(estimator: Any) -> dict[str, float]:
    """Return statistics of the hidden biases; regularized training often makes them negative (ZAE figure 1).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted, with hidden biases.

    Returns
    -------
    dict of str to float
        "mean", "std", "min", "median" and "max" of `intercept_hidden_`, and "negative_fraction", the share of biases
        below zero.

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
    """Yield h(u) for each chunk of rows, in float64."""
    model, X, stay_sparse = sparse_model_and_input(estimator, X)
    for _, chunk in row_chunks(X, len(model.W), stay_sparse=stay_sparse):
        yield model.code(chunk).astype(np.float64)


def activation_counts(estimator, X, threshold):
    """Return for each unit the number of samples with |h| above the threshold, and the number of all samples."""
    counts = n_samples = 0
    for H in _hidden_units(estimator, X):
        counts, n_samples = counts + (np.abs(H) > threshold).sum(axis=0), n_samples + len(H)
    return counts, n_samples


def _sparsity(absolute, squares, n, what):
    """Return (1 - (mean |h|)^2 / mean h^2) / (1 - 1/n), from the sums; nan if all h are 0."""
    if n < 2:
        raise ValueError(f"this sparsity needs at least two {what}, got {n}")
    squares = np.where(squares > 0.0, squares, np.nan)
    return np.clip((1.0 - absolute**2 / (n * squares)) / (1.0 - 1.0 / n), 0.0, 1.0)


def active_set_spectrum(estimator: Any, X: MatrixLike, *, threshold: float = 0.0) -> FloatArray:
    """Return the eigenvalues of the frame operator of each sample's active weights (ZAE eq. 2 and 3).

    ::

        S(x) = {k : |h(u_k)| > threshold},    eigenvalues of sum_{k in S(x)} w_k w_k^T

    This matrix is the paper's W_S W_S^T (its columns are our rows). Relu, trec and tlin units are linear where they are
    active. For them, the fixed points x = r(x) with the active set S solve ``(W_S W_S^T - I) x = -W_S b_S - c`` (ZAE
    eq. 3; the paper leaves out c). Each eigenvalue equal to 1 gives one direction in which a fixed point can move and
    stay a fixed point. In a direction with a larger eigenvalue, the reconstruction moves away; with a smaller one, it
    returns.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted, with tied weights. h is its activation; `encoding` has no effect.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data. Each sample takes a singular value decomposition of its active weights. Samples with the same active set
        share one.
    threshold : float, default=0.0
        See `activation_fraction`. Sigmoid units are never exactly 0. For them, 0.5 is the paper's condition
        w.x + b > 0 (2.1.2).

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Eigenvalues, largest first, in float64. The first and the last are the frame bounds of the active weights.

    Raises
    ------
    ValueError
        If the weights are untied.

    See Also
    --------
    frame_bounds : The frame bounds of all weights together.
    parseval_gap : The distance of the active weights from a Parseval frame, along each sample.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import PCAWhitener, ZeroBiasAutoencoder
    >>> from skae.metrics import active_set_spectrum
    >>> X = PCAWhitener(30).fit_transform(load_digits().data)
    >>> autoencoder = ZeroBiasAutoencoder(60, max_iter=50, random_state=0).fit(X)
    >>> spectrum = active_set_spectrum(autoencoder, X[:100])
    >>> spectrum.shape
    (100, 30)
    >>> bool((spectrum[:, 0] >= spectrum[:, 1]).all())
    True
    """
    model = autoencoder_of(estimator)
    check_is_fitted(model)
    if model.decoder_components_ is not model.components_:
        raise ValueError(f"active_set_spectrum needs tied weights, got {type(model).__name__} with untied ones")
    active = np.concatenate([np.abs(H) > threshold for H in _hidden_units(estimator, X)])
    sets, which = np.unique(active, axis=0, return_inverse=True)
    W = np.asarray(model.components_, dtype=np.float64)
    return np.stack([_frame_spectrum(W[members]) for members in sets])[which.reshape(-1)]


def frame_bounds(estimator: Any) -> tuple[float, float]:
    """Return the frame bounds of the weights, the largest A and the smallest B of the inequality (ZAE 3.2, eq. 6).

    ::

        A |x|^2 <= sum_k (w_k.x)^2 <= B |x|^2    for all x

    They are the smallest and the largest eigenvalue of the frame operator sum_k w_k w_k^T. The weights are a frame
    if A > 0, that is, if they span the data space. Then an exact reconstruction (ZAE eq. 6) is possible. The frame is
    tight if A = B. It is a Parseval frame, its own dual, if both are 1.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. The function takes all rows of `components_`, the encoder weights. `active_set_spectrum` gives the
        bounds of the active ones.

    Returns
    -------
    lower, upper : float
        A and B, in float64.

    See Also
    --------
    active_set_spectrum : All eigenvalues, of the active weights of each sample.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import PCAWhitener, ZeroBiasAutoencoder
    >>> from skae.metrics import frame_bounds
    >>> X = PCAWhitener(30).fit_transform(load_digits().data)
    >>> lower, upper = frame_bounds(ZeroBiasAutoencoder(60, max_iter=50, random_state=0).fit(X))
    >>> 0 < lower < upper
    True
    """
    model = autoencoder_of(estimator)
    check_is_fitted(model)
    spectrum = _frame_spectrum(np.asarray(model.components_, dtype=np.float64))
    return float(spectrum[-1]), float(spectrum[0])


def _frame_spectrum(W):
    """Return the eigenvalues of W^T W, shape (d,), largest first; zeros for directions that the rows do not span."""
    spectrum = np.zeros(W.shape[1])
    spectrum[: min(W.shape)] = np.linalg.svd(W, compute_uv=False) ** 2
    return spectrum


def parseval_gap(estimator: Any, X: MatrixLike) -> float:
    """Return the distance of the active weights from Parseval's identity, sum_{k active} (w_k.x)^2 = x.(x - c).

    Minimising the reconstruction error of a model without hidden bias drives the active weights of each sample
    towards a Parseval frame (ZAE eq. 6 and 7). The identity follows from an exact reconstruction,
    ``x = sum_{k active} (w_k.x) w_k + c``: multiply it by x. Without visible bias c, its right side is the paper's
    |x|^2. The gap is::

        mean_x | sum_{k active} (w_k.x)^2 - x.(x - c) | / mean_x |x| |x - c|

    The numerator is the mean of |x.(r(x) - x)|, which is 0 at fixed points. The right side of the identity can be zero
    or negative. So the denominator is the largest value that x.(x - c) can have for vectors of these lengths.

    Parameters
    ----------
    estimator : ZeroBiasAutoencoder, or a Pipeline that ends in one
        Fitted. Another autoencoder works if it has tied weights, gaussian visible units, no hidden bias (or a bias of
        0), and units that are linear where they are active (trec, tlin, relu, identity).
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.

    Returns
    -------
    float
        The gap. It is 0 for a Parseval frame without visible bias, and at fixed points of every model. Without visible
        bias, it is 1 if no unit is active.

    Raises
    ------
    ValueError
        If the model does not meet these conditions.

    See Also
    --------
    active_set_spectrum : The eigenvalues of the active weights' frame operator, all 1 for a Parseval frame.
    frame_bounds : The frame bounds of all weights together.

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
    model, X = model_and_input(estimator, X)
    biased = model.b is not None and model.b.any()
    if biased or not model.tied or model.visible != "gaussian":
        raise ValueError(
            "parseval_gap needs tied weights, visible='gaussian' and no hidden bias (ZeroBiasAutoencoder), got "
            f"{type(autoencoder_of(estimator)).__name__} with tied_weights={model.tied}, visible={model.visible!r} and "
            f"{'a' if biased else 'no'} hidden bias"
        )
    c = model.c.astype(np.float64)
    gap = total = 0.0
    for _, chunk in row_chunks(X, len(model.W)):
        U = chunk @ model.W.T
        H = model.activation.value(U)
        if not np.array_equal(H, U * (H != 0.0)):
            raise ValueError(
                "parseval_gap needs units that are linear where they are active (trec, tlin, relu, identity), got "
                f"activation={model.activation.name!r}"
            )
        chunk = chunk.astype(np.float64)
        squares, products = np.einsum("ij,ij->i", H, U, dtype=np.float64), np.einsum("ij,ij->i", chunk, chunk - c)
        gap += float(np.abs(squares - products).sum())
        total += float((np.linalg.norm(chunk, axis=1) * np.linalg.norm(chunk - c, axis=1)).sum())
    if total == 0.0:
        return 0.0 if gap == 0.0 else np.inf
    return gap / total
