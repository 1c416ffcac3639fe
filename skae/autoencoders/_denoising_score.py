"""Denoising R^2: a score that can be compared across hyper-parameters."""

import numpy as np

from skae.training import check_overflow, row_chunks

# Standard deviation of the noise, in units of the training data's.
_NOISE_SCALE = 0.5
_N_DRAWS = 3
# Part of the noise's seed. A user's generator should not have drawn the same numbers for the data.
_SEED = 0x736B6165


def denoising_score(model, X, mean, var, noise_scale=_NOISE_SCALE):
    """Return 1 - sum |r(x + noise) - x|^2 / sum |x - mean|^2, a Python float.

    The noise is Gaussian. Its standard deviation is `noise_scale` times the standard deviation of each feature of the
    training data. Its draws have fixed seeds and run row by row, so the size of the chunks changes nothing. A zero
    denominator gives 1 without residual, else 0, as in `sklearn.metrics.r2_score`.

    Parameters
    ----------
    model : skae.model.Model
        The model, in X's dtype.
    X : {ndarray, CSR matrix} of shape (n, d)
        Clean rows.
    mean, var : ndarray of shape (d,)
        Mean and variance of the training data.
    noise_scale : float, default=0.5
        Standard deviation of the noise, in units of each feature's standard deviation. 0 adds no noise.
    """
    deviation = noise_scale * np.sqrt(var)
    n_draws = _N_DRAWS if noise_scale else 1
    # Divide by the largest magnitude, so that squares of very small or large data neither underflow nor overflow.
    scale = max(np.abs(mean).max(), np.sqrt(var).max()) or 1.0
    streams = [np.random.default_rng([_SEED, draw]) for draw in range(n_draws)]
    residual = total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for _, chunk in row_chunks(X, len(model.W)):
            clean = chunk.astype(np.float64)
            total += float((((clean - mean) / scale) ** 2).sum())
            for stream in streams:
                noisy = (clean + deviation * stream.standard_normal(clean.shape)).astype(chunk.dtype)
                residual += float((((model.reconstruct(noisy) - clean) / scale) ** 2).sum()) / n_draws
        check_overflow(residual / (total or 1.0), X)
    rounding = X.shape[0] * float(((8.0 * np.finfo(X.dtype).eps * mean / scale) ** 2).sum())
    if total <= rounding:
        return 1.0 if residual <= rounding else 0.0
    return 1.0 - residual / total
