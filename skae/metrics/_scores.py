"""Scores without labels: how well an autoencoder reconstructs and fits the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skae._typing import FloatArray, MatrixLike
from skae.autoencoders import (
    autoencoder_and_input,
    autoencoder_of,
    denoising_score,
    model_and_input,
    residuals_stay_sparse,
)
from skae.metrics._scorer import Scorer
from skae.training import relative_weight, row_chunks

# A residual below this share of the variance counts as zero: no finite temperature is best for it.
_NO_RESIDUAL = 1e-6


@Scorer
def denoising_r2(estimator: Any, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
    """Return the denoising R^2, the `score` of every autoencoder.

    ::

        1 - sum w |r(x + noise) - x|^2 / sum w |x - mean|^2

    The mean is the training data's. The noise is Gaussian, with half the standard deviation of the training data in
    each feature. Equal samples count as one sample of their joint weight.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    y : Ignored
        Not used; a scorer must have it.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights w of the samples. A sample of weight zero counts as absent.

    Returns
    -------
    float
        The score, at most 1. Higher is better.

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
    return estimator.score(X, sample_weight=sample_weight)


@Scorer
def reconstruction_r2(estimator: Any, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
    """Return 1 - sum w |r(x) - x|^2 / sum w |x - mean|^2, with the mean of the training data.

    It is the share of the variance that the reconstruction keeps. It prefers the weakest regularization, so choose
    hyper-parameters by `denoising_r2` instead.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    y : Ignored
        Not used; a scorer must have it.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights w of the samples. A sample of weight zero counts as absent.

    Returns
    -------
    float
        The score, at most 1. Higher is better. If X does not vary, it is 1 or 0, as with `sklearn.metrics.r2_score`.

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
    autoencoder = autoencoder_of(estimator)
    model, X = model_and_input(estimator, X)
    return denoising_score(model, X, autoencoder.mean_, autoencoder.var_, sample_weight, noise_scale=0.0)


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
        The errors, mean_x (x_i - r_i(x))^2, in squared units of the feature.

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
    model, X = model_and_input(estimator, X)
    total = sum(
        (model.vector_field(chunk).astype(np.float64) ** 2).sum(axis=0) for _, chunk in row_chunks(X, len(model.W))
    )
    return total / X.shape[0]


def score_matching_loss(estimator: Any, X: MatrixLike, X_train: MatrixLike | None = None) -> float:
    """Return the score matching loss of the density p(x) ~ exp(t E(x)) (Hyvarinen 2005); lower is better.

    It is a loss, not a scorer. Its negative is one: ``GridSearchCV(scoring=neg_score_matching_loss)``.

    ::

        J(t) = t^2/2 mean |r(x) - x|^2 + t mean laplacian(x)

    Up to a constant, it is half the mean squared distance between the score of p and the score of the data's density.
    The inverse temperature t is the best one on the training data, max(0, -mean laplacian / mean |r - x|^2).

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. It needs tied weights, gaussian visible units, and a continuous activation with a derivative.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data to measure.
    X_train : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
        Data that set the temperature, usually the training data. None takes X itself.

    Returns
    -------
    float
        The loss J. Its unit is 1 / (unit of X)^2.

    Raises
    ------
    ValueError
        If the model has no smooth energy (untied, bernoulli, or an activation that jumps: trec, tlin, max). Also if
        the residual vanishes (constant columns, data of lower rank): then no temperature is finite.

    Notes
    -----
    Drop single constant or dependent columns first. They make J very negative, and the check of the residual does not
    find them, because it adds up all features. If t = 0 is best, J is 0; this is lower, and so better, than any
    positive J. The unit of J depends on the input of the last step, so do not compare pipelines with different scalers
    or whiteners by it.

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
    means = _score_matching_means(*autoencoder_and_input(estimator, X))
    on_training = means
    if X_train is not None:
        on_training = _score_matching_means(*autoencoder_and_input(estimator, X_train))
    return _loss_at_best_temperature(means, on_training)


@Scorer
def neg_score_matching_loss(
    estimator: Any, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> float:
    """Return minus `score_matching_loss`, with the temperature set by X itself: a scorer.

    Parameters
    ----------
    estimator : autoencoder, or a Pipeline that ends in one
        Fitted. See `score_matching_loss` for the conditions.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.
    y : Ignored
        Not used; a scorer must have it.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights w of the samples. A sample of weight zero counts as absent.

    Returns
    -------
    float
        The score, (mean laplacian)^2 / (2 mean |r - x|^2), or 0 if the mean Laplacian is not negative.

    Notes
    -----
    A scorer gets no training data. So the score does not punish a model whose temperature does not hold for new data.
    To set the temperature by given rows, pass
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
    autoencoder, X = autoencoder_and_input(estimator, X)
    means = _score_matching_means(autoencoder, X, sample_weight)
    return -_loss_at_best_temperature(means, means)


def _loss_at_best_temperature(means, training_means):
    """Return J(t) of the means of some data, at the t that is best for the means of the training data."""
    residual, laplacian = means
    t = max(0.0, -training_means[1] / training_means[0])
    return 0.5 * t * t * residual + t * laplacian


def _score_matching_means(estimator, X, sample_weight=None):
    """Return mean |r(x) - x|^2 and the mean Laplacian."""
    model, X = model_and_input(estimator, X)
    activation = model.activation
    continuous = activation.continuous and hasattr(activation, "potential")
    if not (continuous and model.tied and model.visible == "gaussian"):
        raise ValueError(
            "score matching needs tied weights, visible='gaussian' and a continuous activation with a potential, got "
            f"tied_weights={model.tied}, visible={model.visible!r}, activation={activation.name!r}"
        )
    weight, chosen = relative_weight(X, sample_weight)
    residual = laplacian = 0.0
    stay_sparse = residuals_stay_sparse(model, X, estimator.mean_, estimator.var_)
    model = model.by_columns() if stay_sparse else model
    for rows, chunk in row_chunks(X, len(model.W), chosen, stay_sparse=stay_sparse):
        if stay_sparse:
            squares = model.squared_distances(model.code(chunk)[:, None], chunk)[:, 0]
        else:
            squares = (model.vector_field(chunk).astype(np.float64) ** 2).sum(axis=1)
        residual += float(weight[rows] @ squares)
        laplacian += float(weight[rows] @ model.laplacian(chunk).astype(np.float64))
    residual, laplacian = residual / float(weight.sum()), laplacian / float(weight.sum())
    variance = float(np.sum(estimator.var_))
    if residual <= _NO_RESIDUAL * variance:
        raise ValueError(
            f"the mean squared residual, {residual:.3g}, is below {_NO_RESIDUAL:g} of the variance, {variance:.3g}: "
            "score matching has no lower bound there; drop constant or dependent columns, or regularize more"
        )
    return residual, laplacian
