"""Denoising R^2: a score that can be compared across hyper-parameters."""

import numpy as np

from skae import _ops as ops
from skae.autoencoders._hidden_noise import HiddenNoise
from skae.training import (
    check_overflow,
    chunk_rows,
    prediction_stays_sparse,
    relative_weight,
    row_chunks,
    row_keys,
    sparse_chunk_rows,
)

# Standard deviation of the noise, in units of the training data's.
_NOISE_SCALE = 0.5
_N_DRAWS = 2
# Few distinct rows have more draws, so that this many noisy rows are reconstructed, or a chunk of them for each row.
_N_NOISY_ROWS = 4096


def denoising_score(model, X, mean, var, sample_weight=None, noise_scale=_NOISE_SCALE):
    """Return 1 - sum w |r(x + noise) - x|^2 / sum w |x - mean|^2, a Python float.

    The noise is Gaussian. Its standard deviation is `noise_scale` times the standard deviation of each feature of the
    training data. Equal rows count as one row, with the sum of their weights, and distinct rows have independent noise
    in an order that the rows themselves set. So neither the order of the rows nor the size of the chunks changes the
    score, and a weight of two is the same as two rows. A zero denominator gives 1 without residual, else 0, as in
    `sklearn.metrics.r2_score`.

    Parameters
    ----------
    model : skae.model.Model
        The model, in X's dtype.
    X : {ndarray, CSR matrix} of shape (n, d)
        Clean rows.
    mean, var : ndarray of shape (d,)
        Mean and variance of the training data.
    sample_weight : array-like of shape (n,), default=None
        Non-negative weights w. A row of weight zero counts as absent.
    noise_scale : float, default=0.5
        Standard deviation of the noise, in units of each feature's standard deviation. 0 adds no noise.
    """
    weight, chosen = relative_weight(X, sample_weight)
    weight, noise, numbers, n_draws = weight if chosen is None else weight[chosen], None, None, 1
    n_rows = chunk_rows(max(model.W.shape))
    if noise_scale:
        chosen, numbers, weight = _distinct_rows(X, chosen, weight)
        n_draws = max(_N_DRAWS, min(-(-_N_NOISY_ROWS // len(weight)), n_rows))
        with np.errstate(over="ignore", under="ignore"):  # of a float32 copy; the score overflows too then
            noise = HiddenNoise(model.W, np.sqrt(var), noise_scale, len(weight), n_draws)
    # Divide by the largest magnitude, so that squares of very small or large data neither underflow nor overflow.
    scale = _largest_magnitude(mean, var)
    stay_sparse = residuals_stay_sparse(model, X, mean, var, n_draws)
    errors = _sparse_errors if stay_sparse else _errors
    if stay_sparse:
        model, n_rows = model.by_columns(), sparse_chunk_rows(X, len(model.W))
    n_rows, start = max(n_rows // n_draws, 1), 0
    residual = total = 0.0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for _, chunk in row_chunks(X, chosen=chosen, rows=n_rows, stay_sparse=stay_sparse):
            part = slice(start, start + chunk.shape[0])
            U = model.pre_activations(chunk)[:, None]
            H = model.activation.value(U if noise is None else U + noise.draw(numbers[part]))
            from_mean, squares = errors(model, chunk, H, mean, scale)
            total += float(weight[part] @ from_mean)
            residual += float(weight[part] @ squares)
            start = part.stop
        check_overflow(residual / (total or 1.0), X)
    rounding = float(weight.sum()) * float(((8.0 * np.finfo(X.dtype).eps * mean / scale) ** 2).sum())
    if total <= rounding:
        return 1.0 if residual <= rounding else 0.0
    return 1.0 - residual / total


def _largest_magnitude(mean, var):
    """Return the largest mean, or standard deviation, of a feature; 1 if all are 0."""
    return max(np.abs(mean).max(), np.sqrt(var).max()) or 1.0


def residuals_stay_sparse(model, X, mean, var, n_decoded=1):
    """Return whether squared residuals are sums over sparse rows, which cancel: not if all rows may be the same.

    `mean` and `var` are those of the training data, shape (d,). Each row has `n_decoded` reconstructions.
    """
    moderate = 1e-100 < _largest_magnitude(mean, var) < 1e100 and var.sum() > 1e-3 * (mean @ mean)
    by_columns = model.W.flags.f_contiguous
    return model.visible == "gaussian" and moderate and prediction_stays_sparse(X, len(model.W), by_columns, n_decoded)


def _errors(model, chunk, H, mean, scale):
    """Return |x - mean|^2 of each row, and the mean of |r - x|^2 over its codes (n, m, k), both divided by scale^2."""
    centred = np.subtract(chunk, mean, dtype=np.float64)
    centred /= scale
    R = model.decode(H.reshape(-1, H.shape[-1])).reshape(len(chunk), -1, chunk.shape[1])
    R -= chunk[:, None]
    return _squares(centred), _squares(np.divide(R, scale, dtype=np.float64)).mean(axis=1)


def _sparse_errors(model, chunk, H, mean, scale):
    """Return the same of sparse rows, without dense ones."""
    from_mean = ops.row_squared_distances(chunk, mean)
    return from_mean / scale**2, model.squared_distances(H, chunk).mean(axis=1) / scale**2


def _distinct_rows(X, chosen, weight):
    """Return indices of distinct rows, their numbers in an order of their own, and their weights.

    A weight is the sum over equal rows. Indices of None stand for all rows.
    """
    keys = row_keys(X, chosen)
    _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(keys):
        return chosen, numbers, weight
    order = np.argsort(first)
    rows = first[order]
    return rows if chosen is None else chosen[rows], order, np.bincount(numbers, weight)[order]


def _squares(A):
    """Return squared norms along the last axis."""
    return np.matmul(A[..., None, :], A[..., None])[..., 0, 0]
