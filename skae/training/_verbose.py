"""The line that `verbose` prints after each epoch."""

import time

import numpy as np


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
