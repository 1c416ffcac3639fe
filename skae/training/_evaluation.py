"""The value of an objective over all rows."""

import numpy as np

from skae.solvers import check_finite, total_weight
from skae.training._threads import blas_threads


def mean_value(objective, theta, batches, rng):
    """Return the value of the objective over the rows of all batches."""
    return _mean_losses(objective, theta, batches, rng)[0]


def final_losses(objective, theta, batches, rng):
    """Return the value of the objective at the end of a fit, with and without penalties.

    Raises
    ------
    DivergenceError
        If the value is not finite.
    """
    loss, data_loss = _mean_losses(objective, theta, batches, rng)
    check_finite(loss, "at the end", theta, "; use a lower learning_rate_init, or bring the features to a common scale")
    return loss, data_loss


def _mean_losses(objective, theta, batches, rng):
    """Return the value of the objective over the rows of all batches, with and without penalties."""

    def mean_code_of(X, target, sample_weight):
        return objective.mean_code(theta, X, sample_weight)

    def losses_of(X, target, sample_weight):
        return np.array(losses(X, target, sample_weight, mean_code=mean_code), dtype=np.float64)

    with (
        np.errstate(over="ignore", under="ignore", invalid="ignore"),
        blas_threads(batches.rows_per_batch * theta.size),
    ):
        mean_code = _weighted_mean(batches, rng, mean_code_of) if getattr(objective, "uses_mean_code", False) else None
        losses = objective.losses_at(theta)
        return _weighted_mean(batches, rng, losses_of).tolist()


def _weighted_mean(batches, rng, function):
    """Return the mean of function(X, target, sample_weight) over the batches, each with the weight of its rows."""
    total = mass = 0.0
    for X, target, sample_weight in batches(rng):
        m = total_weight(X, sample_weight)
        total, mass = total + m * function(X, target, sample_weight), mass + m
    return total / mass
