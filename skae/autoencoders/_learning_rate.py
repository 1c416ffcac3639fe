"""The automatic learning rate, by the scale of the features."""

import numpy as np

# Adam's automatic rate grows where the features' standard deviations sum to less than this, tenfold at most.
_REACH, _LARGEST_FACTOR = 14.0, 10.0


def rate_factor(mean, var, scale):
    """Return what Adam's rate is multiplied by where features are few or small: weights that matter are large there.

    Parameters
    ----------
    mean, var : ndarray of shape (d,)
        Mean and variance of the features.
    scale : float
        What the data are divided by in training.
    """
    varies = var > (8.0 * np.finfo(np.float64).eps * mean) ** 2  # by more than the mean's rounding
    if not varies.any():
        return 1.0
    # An offset counts too: a step of W moves all rows by it.
    reach = max(float(np.sqrt(var[varies]).sum()), 0.1 * float(np.abs(mean[varies]).sum())) / scale
    return min(max(_REACH / reach, 1.0), _LARGEST_FACTOR)
