"""Conformal p-values: how many held-out rows score as low as a new one."""

import numpy as np
from numpy.typing import ArrayLike

from skae._typing import FloatArray


def conformal_p_values(scores: ArrayLike, calibration: ArrayLike) -> FloatArray:
    """Return the conformal p-value of each new row from its score, where low scores are odd.

    ::

        p = (1 + #{calibration scores <= s}) / (n_calibration + 1)

    The calibration scores are those of rows that the model has not seen. If these and the new row are exchangeable,
    ``P(p <= a) <= a`` for every a, over the draws of all of them (Vovk et al. 2005); ties only make p larger. P-values
    of several new rows share the calibration scores and are not independent. They depend positively on each other, so
    that the Benjamini-Hochberg procedure stays valid (Bates et al. 2023).

    Parameters
    ----------
    scores : array-like of shape (n,)
        Scores of the new rows.
    calibration : array-like of shape (n_calibration,)
        Scores of the held-out rows, in any order.

    Returns
    -------
    ndarray of shape (n,)
        P-values in (0, 1], float64.

    References
    ----------
    .. [1] Vovk V., Gammerman A., Shafer G., "Algorithmic learning in a random world", 2005.
    .. [2] Bates S., Candes E., Lei L., Romano Y., Sesia M., "Testing for outliers with conformal p-values", Annals of
       Statistics 51(1), 2023.
    """
    scores, calibration = (np.asarray(each, dtype=np.float64) for each in (scores, calibration))
    return (1.0 + np.searchsorted(np.sort(calibration), scores, side="right")) / (len(calibration) + 1.0)
