"""What looks on while a solver runs: validation loss, a line per epoch, share of active codes."""

import time

import numpy as np

from skae.solvers import Plateau
from skae.training._evaluation import mean_value


class ValidationMonitor:
    """Follow the loss on held-out rows, keep the best parameters, stop when it no longer falls.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    batches : Batches
        The held-out rows.
    rng : numpy.random.Generator
        For the batches.
    tol, patience
        See `skae.solvers._progress.Plateau`.
    """

    def __init__(self, objective, batches, rng, tol, patience):
        self.objective, self.batches, self.rng = objective, batches, rng
        self.plateau = Plateau(tol, patience)
        self.curve, self.best_theta, self.best_loss = [], None, np.inf

    def __call__(self, epoch):
        """Evaluate; return whether to stop."""
        self.curve.append(self.update(epoch.theta))
        return self.plateau.reached(self.curve[-1])

    def update(self, theta):
        """Return the loss at theta, and keep theta if it is the best."""
        loss = mean_value(self.objective, theta, self.batches, self.rng)
        if self.best_theta is None or loss < self.best_loss:
            self.best_theta, self.best_loss = theta.copy(), loss
        return loss


class Printer:
    """Print a line an epoch.

    Parameters
    ----------
    name : str
        What the line begins with.
    validation : ValidationMonitor or None
        Whose last loss is printed too.
    active : callable or None
        Returns the share of active codes at some parameters, which is printed too.
    """

    def __init__(self, name, validation, active=None):
        self.name, self.validation, self.active, self.last = name, validation, active, time.perf_counter()

    def __call__(self, epoch):
        """Print."""
        now = time.perf_counter()
        text = f"{self.name} epoch {epoch.number}: loss {epoch.loss:.6g}"
        if self.validation is not None:
            text += f", validation loss {self.validation.curve[-1]:.6g}"
        if self.active is not None:
            text += f", {self.active(epoch.theta):.1%} of the codes active"
        print(f"{text}, {now - self.last:.2f} s", flush=True)
        self.last = now


def active_above(activation):
    """Return the absolute value above which a code counts as active (SPARSE eq. 14): smooth units are nowhere zero."""
    return 0.0 if activation.kinks else 0.1


def active_share(objective, batches, dtype):
    """Return a function of the parameters: the share of active codes on up to a thousand rows."""
    X, _ = batches.sample(1000, np.random.default_rng(0))
    X, threshold = X.astype(dtype), active_above(objective.activation)
    return lambda theta: float(np.mean(np.abs(objective.code(theta, X)) > threshold))
