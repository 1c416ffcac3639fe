"""Gaussian noise in the features, as the hidden units see it."""

import functools

import numpy as np
from scipy.special import ndtri

# A user's generator should not have drawn the same numbers for the data.
_SEED = 0x736B6165
_N_QUANTILES = 2**16
# Every row has a random place in a cube of this dimension. The noises of places that lie further apart than
# 1 / _FREQUENCY are independent.
_DIMENSION, _FREQUENCY = 4, 1000.0


class HiddenNoise:
    """Draws of W e, for Gaussian noise e of the features, independent of each other.

    The hidden units see noisy rows through W (x + e) only. W e has the covariance W diag(var) W^T, as z F has for
    standard normal z of shape (q,) and every F of shape (q, k) with F^T F equal to it. A QR decomposition gives such an
    F with q = min(k, d), for weights of any rank. So few units need few random numbers and small products.

    z is a pseudorandom function of the number of the row, so rows can be taken in any order, and little is kept::

        z_j = quantile(f_j.t + phase_j),    t = a random place in a cube, one for each row

    `quantile` takes an angle, in full turns. The first half of a turn runs through the normal quantiles upwards, the
    second half downwards. The frequencies f_j are high. Therefore the z_j of one row are independent, and so are the
    noises of two rows.

    Parameters
    ----------
    W : ndarray of shape (k, d)
        Encoder weights. The noise has their dtype.
    deviation : ndarray of shape (d,)
        Standard deviation of the training data.
    level : float
        Standard deviation of the noise, in units of `deviation`.
    n_rows, n_draws : int
        Number of rows, and number of draws for each.
    """

    def __init__(self, W, deviation, level, n_rows, n_draws):
        k, d = W.shape
        factor = level * deviation[:, None] * W.T.astype(np.float64)
        if k < d:
            factor = np.linalg.qr(factor, mode="r")
            factor[factor.diagonal() < 0.0] *= -1.0  # rows have the sign that a LAPACK chooses
        self.factor = factor.astype(W.dtype)
        self.n_draws, n_numbers = n_draws, n_draws * len(self.factor)
        rng = np.random.default_rng(_SEED)
        self._frequencies = _N_QUANTILES * _FREQUENCY * rng.standard_normal((_DIMENSION, n_numbers))
        self._phases = _N_QUANTILES * rng.random(n_numbers)
        self._places = rng.random((n_rows, _DIMENSION))

    def draw(self, numbers):
        """Return the noise of the rows with these numbers (n,), shape (n, n_draws, k)."""
        angles = self._places[numbers] @ self._frequencies
        angles += self._phases
        # The conversion wraps around, so it takes the fractional part.
        Z = np.take(_normal_quantiles(self.factor.dtype), angles.astype(np.int64).astype(np.uint16))
        q, k = self.factor.shape
        return (Z.reshape(-1, q) @ self.factor).reshape(len(numbers), self.n_draws, k)


@functools.cache
def _normal_quantiles(dtype):
    """Return equally likely normal quantiles, with variance 1, first rising and then falling."""
    quantiles = ndtri((np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES)
    quantiles = np.concatenate([quantiles[::2], quantiles[:0:-2]])  # no jump where the angle wraps around
    quantiles = (quantiles / quantiles.std()).astype(dtype)
    quantiles.flags.writeable = False
    return quantiles
