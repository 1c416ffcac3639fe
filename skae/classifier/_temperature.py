"""Temperature: it makes probabilities as sure as they are right on rows that were not trained on."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

# The prior of a temperature counts as this number of rows. Without a prior, if all test rows were classified correctly,
# the probabilities of all other rows would be 0 or 1. The number was chosen by the log loss on other rows (wine, breast
# cancer, digits): 0.1 is too sure on wine, 1 too unsure.
_PRIOR_ROWS = 0.3


def pooled_temperature(scores, tests):
    """Return the temperature fitted to several `LabelledRows` that were not trained on, given the scores of each."""
    labels = np.concatenate([rows.labels for rows in tests])
    weights = None if tests[0].supervised is None else np.concatenate([rows.supervised for rows in tests])
    return fit_temperature(np.concatenate(scores), labels, weights)


@np.errstate(under="ignore")
def fit_temperature(scores, labels, weight=None):
    """Return the temperature T that maximises the mean of log P(y_n | x_n), where P_j = softmax_j(scores_j / T).

    The problem is convex in 1/T. A prior with the weight of `_PRIOR_ROWS` rows keeps T finite and positive. It adds
    log(1/T), and rows whose classes are all equally probable. If the scores are multiplied by a number, so is T.

    Parameters
    ----------
    scores : ndarray of shape (n, K)
        Scores of the classes, E_j + C_j, for rows that were not trained on. They must be finite.
    labels : ndarray of int of shape (n,)
        Classes of the rows, from 0.
    weight : ndarray of shape (n,), optional
        Positive weights of the rows. Their scale does not matter: together they always count as n rows.

    Returns
    -------
    float
        The temperature. It is 1 if no row has two different scores.
    """
    Z = scores.astype(np.float64)
    Z -= Z.max(axis=1, keepdims=True)  # so that the mean of equal scores is exact
    Z -= Z.mean(axis=1, keepdims=True)
    scale = float(np.abs(Z).max())
    if scale == 0.0:
        return 1.0
    Z /= scale
    mass = np.full(len(Z), 1.0 / len(Z)) if weight is None else weight / weight.sum()
    share = _PRIOR_ROWS / (len(Z) + _PRIOR_ROWS)
    target = (1.0 - share) * float(mass @ Z[np.arange(len(Z)), labels])

    def slope(log_beta):
        """Return the derivative of the objective in beta = scale / T. It rises from -inf."""
        beta = np.exp(log_beta)
        return float(mass @ (softmax(beta * Z, axis=1) * Z).sum(axis=1)) - target - share / beta

    # The mean of Z under P lies between -1 and 1, and within log(K) / beta of the largest. This bounds the root:
    largest = float(mass @ Z.max(axis=1))
    low, high = 0.25 * share, 2.0 * (share + np.log(Z.shape[1])) / (largest - target)
    return scale / float(np.exp(brentq(slope, np.log(low), np.log(high))))
