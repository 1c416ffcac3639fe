"""The denoising R^2, a score that can be compared across hyper-parameters."""

import numpy as np

from skae.training import check_overflow, row_chunks

# Standard deviation of the noise, in those of the training data.
_NOISE_SCALE = 0.5
_N_DRAWS = 3
# Part of the noise's seed, so that no user's own generator has drawn the same numbers for the data.
_SEED = 0x736B6165


def denoising_score(model, X, mean, var, noise_scale=_NOISE_SCALE):
    """Return 1 - sum |r(x + noise) - x|^2 / sum |x - mean|^2, a Python float.

    The noise is Gaussian with a share of the standard deviation of each feature of the training data; its draws
    have fixed seeds and run row by row, so that the size of the chunks changes nothing. A zero denominator
    gives what `sklearn.metrics.r2_score` gives: 1 without residual, else 0.

    Parameters
    ----------
    model : skae.model.Model
        In X's dtype.
    X : {ndarray, CSR matrix} of shape (n, d)
        Clean rows.
    mean, var : ndarray of shape (d,)
        Of the training data.
    noise_scale : float, default=0.5
        Standard deviation of the noise, in that of each feature; 0 for none.
    """
    scale = noise_scale * np.sqrt(var)
    n_draws = _N_DRAWS if noise_scale else 1
    # In units of the largest magnitude, so that the squares of very small or large data stay normal numbers.
    unit = max(np.abs(mean).max(), np.sqrt(var).max()) or 1.0
    streams = [np.random.default_rng([_SEED, draw]) for draw in range(n_draws)]
    residual = total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for _, chunk in row_chunks(X, len(model.W)):
            clean = chunk.astype(np.float64)
            total += float((((clean - mean) / unit) ** 2).sum())
            for stream in streams:
                noisy = (clean + scale * stream.standard_normal(clean.shape)).astype(chunk.dtype)
                residual += float((((model.reconstruct(noisy) - clean) / unit) ** 2).sum()) / n_draws
        check_overflow(residual / (total or 1.0), X)
    rounding = X.shape[0] * float(((8.0 * np.finfo(X.dtype).eps * mean / unit) ** 2).sum())
    if total <= rounding:
        return 1.0 if residual <= rounding else 0.0
    return 1.0 - residual / total
