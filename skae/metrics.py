"""Measures of fitted autoencoders.

Each takes a fitted autoencoder, or a Pipeline that ends in one, and data as they go into it. Where the last step sees
transformed data, the measure is in their space. `denoising_r2`, `reconstruction_r2` and `neg_score_matching_loss` have
the signature of a scorer: ``GridSearchCV(..., scoring=reconstruction_r2)``. Sums are in float64, over blocks of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._typing import FloatArray, MatrixLike
from skae.energy import codes
from skae.estimators._batches import row_blocks
from skae.estimators._prediction import AutoencoderPrediction
from skae.estimators._scoring import last_step, steps_before

__all__ = [
    "activation_fraction",
    "bias_statistics",
    "dead_unit_fraction",
    "denoising_r2",
    "lifetime_sparsity",
    "neg_score_matching_loss",
    "parseval_gap",
    "per_feature_error",
    "population_sparsity",
    "reconstruction_r2",
    "score_matching_loss",
]

# Below this share of the variance the residual counts as none: no temperature is finite there.
_NO_RESIDUAL = 1e-6


def autoencoder_and_input(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the autoencoder at the end of a Pipeline and what it is given there; others as they are."""
    for step in steps_before(estimator):
        X = step.transform(X)
    return autoencoder_of(estimator), X


def autoencoder_of(estimator):
    """Return what a Pipeline ends in, and refuse what is no autoencoder."""
    model = last_step(estimator)
    if not isinstance(model, AutoencoderPrediction):
        hint = "; pass its best_estimator_" if hasattr(model, "best_estimator_") else ""
        raise TypeError(f"an autoencoder, or a Pipeline that ends in one, is needed, got {type(model).__name__}{hint}")
    return model


def denoising_r2(estimator: Any, X: MatrixLike, y: Any = None) -> float:
    """Return the denoising R^2, the `score` of every autoencoder.

    ::

        1 - sum |r(x + noise) - x|^2 / sum |x - mean|^2

    with Gaussian noise of half the training data's standard deviation in each feature (fixed seeds).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    y : Ignored
        Present so that the function is a scorer.

    Returns
    -------
    float
        At most 1, the higher the better.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import denoising_r2
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(32, alpha=0.03, max_iter=20, tol=0, random_state=0).fit(X)
    >>> denoising_r2(autoencoder, X) == autoencoder.score(X)
    True
    """
    estimator, X = autoencoder_and_input(estimator, X)
    return estimator.score(X)


def reconstruction_r2(estimator: Any, X: MatrixLike, y: Any = None) -> float:
    """Return 1 - sum |r(x) - x|^2 / sum |x - mean|^2, with the mean of the training data.

    It tells how much of the variance the reconstruction keeps, and prefers the weakest regularization: choose
    hyper-parameters by `denoising_r2` instead.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    y : Ignored
        Present so that the function is a scorer.

    Returns
    -------
    float
        At most 1, the higher the better; as `sklearn.metrics.r2_score`, 1 or 0 where X does not vary.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import reconstruction_r2
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(64, alpha=0.01, max_iter=50, random_state=0).fit(X)
    >>> 0.5 < reconstruction_r2(autoencoder, X) < 1
    True
    """
    estimator, X = autoencoder_and_input(estimator, X)
    return estimator._denoising_r2(X, noise_scale=0.0)


def per_feature_error(estimator: Any, X: MatrixLike) -> FloatArray:
    """Return the mean squared reconstruction error of each feature.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.

    Returns
    -------
    ndarray of shape (n_features,)
        mean_x (x_i - r_i(x))^2, in squared units of the feature.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.metrics import per_feature_error
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(32, alpha=0.03, max_iter=20, tol=0, random_state=0).fit(X)
    >>> per_feature_error(autoencoder, X).shape
    (64,)
    """
    estimator, X = autoencoder_and_input(estimator, X)
    X, p = estimator._validate_prediction(X)
    total = sum(
        (estimator._field(block, p).astype(np.float64) ** 2).sum(axis=0) for _, block in row_blocks(X, len(p["W"]))
    )
    return total / X.shape[0]


def score_matching_loss(estimator: Any, X: MatrixLike, X_train: MatrixLike | None = None) -> float:
    """Return the score matching loss of the density p(x) ~ exp(t E(x)) (Hyvarinen 2005), the lower the better.

    It is a loss, not a scorer: ``GridSearchCV(scoring=neg_score_matching_loss)`` takes its negative.

    ::

        J(t) = t^2/2 mean |r(x) - x|^2 + t mean laplacian(x)

    Up to a constant it is half the mean squared distance between the score of p and that of the data's density.
    The inverse temperature t is the best one on the training data, max(0, -mean laplacian / mean |r - x|^2).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted; with tied weights, gaussian visible units and a continuous activation with a derivative.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data to measure.
    X_train : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
        Data that set the temperature, those of the fit as a rule; X itself if None.

    Returns
    -------
    float
        J, in units of one over the squared units of X.

    Raises
    ------
    ValueError
        If the model has no smooth energy (untied, bernoulli, or an activation that jumps: trec, tlin, max), or if
        the residual vanishes, where no temperature is finite (constant columns, data of lower rank).

    Notes
    -----
    A single constant or dependent column escapes the check of the residual, which is that of all features together,
    and makes J very negative all the same: drop it first. J is 0 where no temperature is better than none, which is
    less, and so better, than any positive J. Its unit is that of the last step's input: do not compare pipelines with
    different scalers or whiteners by it.

    Examples
    --------
    >>> from skae import ContractiveAutoencoder
    >>> from skae.datasets import make_circle
    >>> from skae.metrics import score_matching_loss
    >>> X, _ = make_circle(400, random_state=0)
    >>> autoencoder = ContractiveAutoencoder(20, alpha=0.03, solver="lbfgs", random_state=0).fit(X)
    >>> score_matching_loss(autoencoder, X[:200], X_train=X) < 0
    True
    """
    model, inputs = autoencoder_and_input(estimator, X)
    residual, laplacian = _score_matching_means(model, inputs)
    on_training = residual, laplacian
    if X_train is not None:
        on_training = _score_matching_means(*autoencoder_and_input(estimator, X_train))
    t = max(0.0, -on_training[1] / on_training[0])
    return 0.5 * t * t * residual + t * laplacian


def neg_score_matching_loss(estimator: Any, X: MatrixLike, y: Any = None) -> float:
    """Return minus `score_matching_loss`, the temperature set by X itself: a scorer.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted; see `score_matching_loss` for what it must be.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    y : Ignored
        Present so that the function is a scorer.

    Returns
    -------
    float
        (mean laplacian)^2 / (2 mean |r - x|^2), or 0 where the mean Laplacian is not negative.

    Notes
    -----
    A model whose temperature does not hold for new data is not punished: a scorer sees no training data. With a
    temperature of given rows, pass
    ``scoring=lambda model, X, y=None: -score_matching_loss(model, X, X_train=X_train)``.

    Examples
    --------
    >>> from skae import ContractiveAutoencoder
    >>> from skae.datasets import make_circle
    >>> from skae.metrics import neg_score_matching_loss, score_matching_loss
    >>> X, _ = make_circle(400, random_state=0)
    >>> autoencoder = ContractiveAutoencoder(20, alpha=0.03, solver="lbfgs", random_state=0).fit(X)
    >>> neg_score_matching_loss(autoencoder, X) == -score_matching_loss(autoencoder, X)
    True
    """
    return -score_matching_loss(estimator, X)


def _score_matching_means(estimator, X):
    """Return mean |r(x) - x|^2 and the mean Laplacian."""
    X, p = estimator._validate_prediction(X)
    activation = estimator._activation()
    continuous = activation.continuous and hasattr(activation, "potential")
    if not (continuous and p["V"] is p["W"] and estimator.visible == "gaussian"):
        raise ValueError(
            "score matching needs tied weights, visible='gaussian' and a continuous activation with a potential, got "
            f"tied_weights={p['V'] is p['W']}, visible={estimator.visible!r}, activation={activation.name!r}"
        )
    residual = laplacian = 0.0
    for _, block in row_blocks(X, len(p["W"])):
        residual += float((estimator._field(block, p).astype(np.float64) ** 2).sum())
        laplacian += float(estimator._laplacian(block, p).sum(dtype=np.float64))
    residual, laplacian = residual / X.shape[0], laplacian / X.shape[0]
    variance = float(np.sum(estimator.var_))
    if residual <= _NO_RESIDUAL * variance:
        raise ValueError(
            f"the mean squared residual, {residual:.3g}, is below {_NO_RESIDUAL:g} of the variance, {variance:.3g}: "
            "score matching has no lower bound there; drop constant or dependent columns, or regularize more"
        )
    return residual, laplacian


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
