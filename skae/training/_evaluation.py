"""The value of an objective over all rows."""

import numpy as np

from skae.solvers import check_finite, total_weight


def mean_value(objective, theta, batches, rng):
    """Return the value of the objective over the rows of all batches."""
    mean_code = None
    if getattr(objective, "uses_mean_code", False):
        mean_code = _weighted_mean(batches, rng, lambda X, target, weight: objective.mean_code(theta, X, weight))

    def value(X, target, sample_weight):
        return objective.value(theta, X, target, sample_weight, mean_code=mean_code)

    with np.errstate(over="ignore", invalid="ignore"):
        return float(_weighted_mean(batches, rng, value))


def final_loss(objective, theta, batches, rng):
    """Return the value of the objective at the end of a fit; raise DivergenceError if it is not finite."""
    loss = mean_value(objective, theta, batches, rng)
    check_finite(loss, "at the end", theta, "; use a lower learning_rate_init, or bring the features to a common scale")
    return loss


def _weighted_mean(batches, rng, function):
    """Return the mean of function(X, target, sample_weight) over the batches, each with the weight of its rows."""
    total = mass = 0.0
    for X, target, sample_weight in batches(rng):
        m = total_weight(X, sample_weight)
        total, mass = total + m * function(X, target, sample_weight), mass + m
    return total / mass
