"""Early stopping: the loss on held-out rows, and the parameters with the lowest one."""

import numpy as np

from skae.solvers import Plateau, check_finite
from skae.training._evaluation import mean_value


class ValidationMonitor:
    """Follow the loss on held-out rows. Keep the best parameters, and stop when the loss no longer falls.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    batches : Batches
        The held-out rows.
    rng : numpy.random.Generator
        Random stream for the batches.
    tol, patience
        See `skae.solvers.Plateau`.
    """

    def __init__(self, objective, batches, rng, tol, patience):
        self.objective, self.batches, self.rng = objective, batches, rng
        self.plateau = Plateau(tol, patience)
        self.curve, self.best_theta, self.best_loss = [], None, np.inf

    def __call__(self, epoch):
        """Add the loss after an epoch to the curve; return whether to stop.

        Raises
        ------
        DivergenceError
            If the loss is not finite.
        """
        loss = self.update(epoch.theta)
        advice = "; use a lower learning_rate_init, or bring the features to a common scale"
        check_finite(loss, f"of the held-out rows after epoch {len(self.curve) + 1}", advice=advice)
        self.curve.append(loss)
        return self.plateau.reached(self.curve[-1])

    def update(self, theta):
        """Return the loss at `theta`. Keep a copy of `theta` if the loss is the lowest so far."""
        loss = mean_value(self.objective, theta, self.batches, self.rng)
        if self.best_theta is None or loss < self.best_loss:
            self.best_theta, self.best_loss = theta.copy(), loss
        return loss
