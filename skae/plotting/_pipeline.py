"""The way through a Pipeline, from what its last step sees back to its input."""

import warnings

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from skae.autoencoders import autoencoder_of, steps_before
from skae.model import Model
from skae.plotting._display import dense

# A step is affine where it takes so many mixtures of rows to the mixtures of their images.
_N_MIXTURES = 3
_ROUNDING = 1e-6
# Rows of the identity matrix that go through a step at a time.
_BLOCK_ROWS = 256


def has_inverse(step):
    """Whether a step can be undone."""
    if isinstance(step, FunctionTransformer) and step.func is not None and step.inverse_func is None:
        return False  # its inverse_transform would be the identity
    return hasattr(step, "inverse_transform")


def mapped_filters(filters, steps, kind="decoder"):
    """Take filters back through fitted steps, from the last to the first, as long as these are affine."""
    way = _decoded if kind == "decoder" else _encoded
    for step in reversed(steps):
        mapped = way(step, filters)
        if mapped is None:
            break
        filters = mapped
    return filters


def _decoded(step, filters):
    """Return what filters add to what `inverse_transform` returns, or None where it is none, or not affine."""
    if not has_inverse(step):
        return None
    # Of the size of one: far smaller ones would lose digits, and would not show that a step is curved.
    unit = np.abs(filters).max() or 1.0
    mixing = _mixing(len(filters))
    rows = np.vstack([np.zeros((1, filters.shape[1])), filters / unit, mixing @ (filters / unit)])
    images = _images(step.inverse_transform, rows)
    if images is None:
        return None
    mapped = images[1:-_N_MIXTURES] - images[0]
    return unit * mapped if _close(images[-_N_MIXTURES:] - images[0], mixing @ mapped) else None


def _encoded(step, filters):
    """Return how the input of a step changes what filters respond to, or None where `transform` is not affine.

    Some rows of the identity matrix at a time: all of them would not fit into memory for large images.
    """
    # What has no number of features of its own works on each feature alone.
    n_features = getattr(step, "n_features_in_", filters.shape[1])
    mixing = _mixing(n_features)
    at_zero = _images(step.transform, np.vstack([np.zeros((1, n_features)), mixing]))
    if at_zero is None:
        return None
    zero, mixtures = at_zero[0], at_zero[1:] - at_zero[0]
    mapped, expected = np.empty((len(filters), n_features)), np.zeros_like(mixtures)
    for start in range(0, n_features, _BLOCK_ROWS):
        block = slice(start, min(start + _BLOCK_ROWS, n_features))
        images = _images(step.transform, np.eye(block.stop - start, n_features, start))
        if images is None:
            return None
        images -= zero
        mapped[:, block] = filters @ images.T
        expected += mixing[:, block] @ images
    return mapped if _close(mixtures, expected) else None


def _mixing(n_rows):
    """Return the weights of some mixtures of rows."""
    return np.random.default_rng(0).standard_normal((_N_MIXTURES, n_rows))


def _images(function, rows):
    """Return function(rows) in float64, or None where it refuses them."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # no names, values outside the training data's range
            return np.array(dense(function(rows)), dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _close(images, expected):
    """Whether mixtures went where an affine map takes them."""
    return np.abs(images - expected).max() <= _ROUNDING * np.abs(expected).max()


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
        R = Model.from_estimator(model).astype(Z.dtype).reconstruct(Z)
    else:
        R = model.reconstruct(Z)
    for step in reversed(steps[start:]):
        R = step.inverse_transform(R)
    return dense(X), dense(R)


def is_invertible(estimator):
    """Whether all steps before the last one can be undone."""
    return all(map(has_inverse, steps_before(estimator)))
