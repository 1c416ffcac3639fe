"""Automatic learning rate, from the scale of the features."""

import numpy as np

# Adam's automatic rate grows if the features' standard deviations sum to less than this. It grows tenfold at most.
_REACH, LARGEST_FACTOR = 14.0, 10.0


def rate_factor(mean, var, scale):
    """Return a factor on Adam's rate. It is larger for few or small features, because these need larger weights.

    Parameters
    ----------
    mean, var : ndarray of shape (d,)
        Mean and variance of the features.
    scale : float
        Training divides the data by it.
    """
    varies = var > (8.0 * np.finfo(np.float64).eps * mean) ** 2  # by more than rounding
    if not varies.any():
        return 1.0
    # A mean far from 0 counts too, because a step of W then moves all rows.
    reach = max(float(np.sqrt(var[varies]).sum()), 0.1 * float(np.abs(mean[varies]).sum())) / scale
    return min(max(_REACH / reach, 1.0), LARGEST_FACTOR)
