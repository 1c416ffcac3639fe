"""The way through a Pipeline, from what its last step sees back to its input."""

import warnings

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from skae.estimators._scoring import steps_before
from skae.metrics import autoencoder_of
from skae.plotting._display import dense


def has_inverse(step):
    """Whether a step can be undone."""
    if isinstance(step, FunctionTransformer) and step.func is not None and step.inverse_func is None:
        return False  # its inverse_transform would be the identity
    return hasattr(step, "inverse_transform")


def linear_part(function, n_features):
    """Return A of shape (n_features, n_out) with function(x) = function(0) + x A, or None where there is none."""
    others = np.random.default_rng(0).standard_normal((3, n_features))
    rows = np.vstack([np.zeros((1, n_features)), np.eye(n_features), others])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # no names, values outside the training data's range
            images = dense(function(rows)).astype(np.float64)
    except (TypeError, ValueError):
        return None
    images -= images[0]
    A = images[1:-3].copy()
    expected = others @ A
    close = np.abs(images[-3:] - expected).max() <= 1e-6 * np.abs(expected).max()
    return A if close else None


def reconstruct(estimator, X, noisy=False):
    """Return X and its reconstruction as they are at the first step from which on all steps can be undone.

    That is the input of the Pipeline, where all can. Noisy samples may leave the range of the visible units, as they
    do in `score`.
    """
    model, steps = autoencoder_of(estimator), steps_before(estimator)
    start = next((i for i in range(len(steps), 0, -1) if not has_inverse(steps[i - 1])), 0)
    for step in steps[:start]:
        X = step.transform(X)
    Z = X
    for step in steps[start:]:
        Z = step.transform(Z)
    if noisy:
        Z = dense(Z).astype(np.float64)
        R = model._reconstruct(Z, model._parameters(Z.dtype))
    else:
        R = model.reconstruct(Z)
    for step in reversed(steps[start:]):
        R = step.inverse_transform(R)
    return dense(X), dense(R)


def is_invertible(estimator):
    """Whether all steps before the last one can be undone."""
    return all(map(has_inverse, steps_before(estimator)))
