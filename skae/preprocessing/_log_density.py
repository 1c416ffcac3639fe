"""The Gaussian density of probabilistic PCA."""

import numpy as np

from skae.training import row_chunks


def log_density(X, mean, components, variances, dropped):
    """Return the logarithm of the density of each row of X (dense or CSR), float64; see `PCAWhitener.score_samples`.

    `dropped` is the variance of each direction beside the components. With 0 these directions do not count.
    """
    k, d = components.shape
    constant = np.log(variances).sum() + k * np.log(2.0 * np.pi)
    if dropped > 0.0:
        constant += (d - k) * np.log(2.0 * np.pi * dropped)
    components, out = components.astype(np.float64), np.empty(X.shape[0])
    for rows, chunk in row_chunks(X, k):
        centred = chunk - mean
        Z = centred @ components.T
        out[rows] = np.sum(Z**2 / variances, axis=1)
        if dropped > 0.0:
            centred -= Z @ components
            out[rows] += np.sum(centred**2, axis=1) / dropped
    return -0.5 * (out + constant)
