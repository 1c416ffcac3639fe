"""Fits along a path of regularization strengths."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skae._typing import FloatArray, MatrixLike
from skae.autoencoders._base import BaseAutoencoder
from skae.autoencoders._fit_parts import objective_on

AutoencoderT = TypeVar("AutoencoderT", bound=BaseAutoencoder)


def regularization_path(
    estimator: AutoencoderT,
    X: MatrixLike,
    *,
    alphas: Sequence[float] | FloatArray | Iterator[float],
    sample_weight: ArrayLike | None = None,
) -> Iterator[AutoencoderT]:
    """Fit an autoencoder at one strength after another. Each fit starts where the last ended (SAT section 4, figure 5).

    Parameters
    ----------
    estimator : autoencoder with the parameter `alpha`
        The autoencoder. It is not changed.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Training data.
    alphas : sequence or iterator of float
        The strengths, in the order of the fits. Usually they rise from a small one.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.

    Yields
    ------
    estimator
        A fitted clone for each alpha. Its other parameters are the estimator's. The first one starts as `fit` does.
        With untied weights and ``weight_constraint="auto"``, all clones have the constraint of the largest alpha, so
        that a path can begin at 0.

    Raises
    ------
    ValueError
        If the estimator has no `alpha`, or if `alphas` is empty or not a sequence.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder, regularization_path
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(16, max_iter=20, tol=0, random_state=0)
    >>> for fitted in regularization_path(autoencoder, X, alphas=[0.01, 0.1, 1.0]):
    ...     print(fitted.alpha, fitted.components_.shape)
    0.01 (16, 64)
    0.1 (16, 64)
    1.0 (16, 64)
    """
    parameters = estimator.get_params(deep=False)
    for name in ("alpha", "warm_start", "weight_constraint"):
        if name not in parameters:
            raise ValueError(
                f"regularization_path needs an estimator with {name!r}, which {type(estimator).__name__} has not"
            )
    if not isinstance(alphas, Iterator) and np.ndim(alphas) != 1:
        raise ValueError(f"regularization_path needs a sequence of alphas, got {alphas!r}")
    alphas = list(alphas)
    if not alphas:
        raise ValueError("regularization_path needs at least one alpha, got none")
    return _fits(estimator, X, alphas, sample_weight)


def _fits(estimator, X, alphas, sample_weight):
    """Yield the fits. Each is made when the caller asks for it."""
    shared = {"warm_start": True, "weight_constraint": _weight_constraint(estimator, X, sample_weight, max(alphas))}
    own = {name: estimator.get_params(deep=False)[name] for name in shared}
    fitted = clone(estimator)
    for alpha in alphas:
        fitted.set_params(alpha=alpha, **shared).fit(X, sample_weight=sample_weight)
        yield copy.deepcopy(fitted).set_params(**own)


def _weight_constraint(estimator, X, sample_weight, alpha):
    """Return the value of `weight_constraint` that "auto" stands for at `alpha`."""
    strongest = clone(estimator).set_params(alpha=alpha)
    constraint = objective_on(strongest, X, sample_weight, ensure_min_samples=2).constraint
    return None if constraint is None else constraint.name
