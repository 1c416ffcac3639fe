"""The line that `verbose` prints after each epoch."""

import time

import numpy as np


class Printer:
    """Print a line after each epoch.

    Parameters
    ----------
    name : str
        The beginning of the line.
    validation : ValidationMonitor or None
        If given, its last loss is printed too.
    active : callable or None
        If given, the share of active codes that it returns for parameters is printed too.
    n_before : int, default=0
        Number of epochs before the first one.
    """

    def __init__(self, name, validation, active=None, n_before=0):
        self.name, self.validation, self.active, self.n_before = name, validation, active, n_before
        self.last = time.perf_counter()

    def __call__(self, epoch):
        """Print the line of an epoch."""
        now = time.perf_counter()
        text = f"{self.name} epoch {self.n_before + epoch.number}: loss {epoch.loss:.6g}"
        if self.validation is not None:
            text += f", validation loss {self.validation.curve[-1]:.6g}"
        if self.active is not None:
            text += f", {self.active(epoch.theta):.1%} of the codes active"
        print(f"{text}, {now - self.last:.2f} s", flush=True)
        self.last = now


def active_above(activation):
    """Return the absolute value above which a code counts as active (SPARSE eq. 14). Smooth units are never zero."""
    return 0.0 if activation.kinks else 0.1


def active_share(objective, batches, dtype):
    """Return a function that takes parameters and returns the share of active codes, on up to a thousand rows."""
    n_rows = 1000 if batches.stay_sparse else max(min(1000, 2**22 // batches.X.shape[1]), 1)
    (X, _), threshold = batches.some(n_rows, np.random.default_rng(0)), active_above(objective.activation)
    return lambda theta: float(np.mean(np.abs(objective.code(theta, X)) > threshold))
