"""The way back through a Pipeline, from the input of its last step to its own input."""

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from skae.autoencoders import autoencoder_of, steps_before, unfrozen
from skae.model import Model
from skae.plotting._display import dense
from skae.training import quiet

# A step counts as affine if it maps this many mixtures of rows to the same mixtures of their images.
_N_MIXTURES = 3
_ROUNDING = 1e-6
# Number of rows of the identity matrix that go through a step together.
_CHUNK_ROWS = 256


def has_inverse(step):
    """Return whether a step has an inverse."""
    step = unfrozen(step)
    if isinstance(step, FunctionTransformer) and step.func is not None and step.inverse_func is None:
        return False  # its inverse_transform would be the identity
    return hasattr(step, "inverse_transform")


def mapped_filters(filters, steps, kind="decoder"):
    """Map filters back through fitted steps, from the last to the first; stop at a step that is not affine."""
    way = _decoded if kind == "decoder" else _encoded
    for step in reversed(steps):
        mapped = way(step, filters)
        if mapped is None:
            break
        filters = mapped
    return filters


def _decoded(step, filters):
    """Return the change that each filter makes to the result of `inverse_transform`.

    Return None if the step has no inverse, or one that is not affine.
    """
    if not has_inverse(step):
        return None
    # Scale the filters to size 1. Far smaller ones would lose digits, and would not show that a step is curved.
    scale = np.abs(filters).max() or 1.0
    mixing = _mixing(len(filters))
    rows = np.vstack([np.zeros((1, filters.shape[1])), filters / scale, mixing @ (filters / scale)])
    images = _images(step.inverse_transform, rows)
    if images is None:
        return None
    mapped = images[1:-_N_MIXTURES] - images[0]
    return scale * mapped if _close(images[-_N_MIXTURES:] - images[0], mixing @ mapped) else None


def _encoded(step, filters):
    """Return the filters in terms of the input of a step, or None if `transform` is not affine.

    The step transforms the identity matrix in chunks of rows: for large images, the whole would not fit into memory.
    """
    # A step that does not store its number of features works on each feature alone.
    n_features = getattr(step, "n_features_in_", filters.shape[1])
    mixing = _mixing(n_features)
    at_zero = _images(step.transform, np.vstack([np.zeros((1, n_features)), mixing]))
    if at_zero is None:
        return None
    zero, mixtures = at_zero[0], at_zero[1:] - at_zero[0]
    mapped, expected = np.empty((len(filters), n_features)), np.zeros_like(mixtures)
    for start in range(0, n_features, _CHUNK_ROWS):
        chunk = slice(start, min(start + _CHUNK_ROWS, n_features))
        images = _images(step.transform, np.eye(chunk.stop - start, n_features, start))
        if images is None:
            return None
        images -= zero
        mapped[:, chunk] = filters @ images.T
        expected += mixing[:, chunk] @ images
    return mapped if _close(mixtures, expected) else None


def _mixing(n_rows):
    """Return the coefficients of some random mixtures of rows."""
    return np.random.default_rng(0).standard_normal((_N_MIXTURES, n_rows))


def _images(function, rows):
    """Return function(rows) in float64, or None if the function refuses the rows."""
    try:
        # about missing names, or values outside the range of the training data
        with quiet(), np.errstate(all="ignore"):
            return np.array(dense(function(rows)), dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _close(images, expected):
    """Return whether the images of mixtures are those of an affine map."""
    return np.abs(images - expected).max() <= _ROUNDING * np.abs(expected).max()


def reconstruct(estimator, X, noisy=False):
    """Return X and its reconstruction at the input of the first step from which on all steps have an inverse.

    If all steps have an inverse, this is the input of the Pipeline. Noisy samples may leave the range of the visible
    units, as in `score`.
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
    """Return whether all steps before the last one have an inverse."""
    return all(map(has_inverse, steps_before(estimator)))
