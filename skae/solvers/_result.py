"""What every solver reports, and when it stops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from skae._typing import Array, FloatArray


class DivergenceError(ValueError):
    """The loss or the parameters became infinite or NaN.

    Examples
    --------
    >>> from skae.solvers import DivergenceError
    >>> issubclass(DivergenceError, ValueError)
    True
    """


@dataclasses.dataclass(frozen=True)
class Epoch:
    """State after one epoch, as `on_epoch` sees it.

    Parameters
    ----------
    number : int
        1 for the first epoch (or iteration) of this fit.
    loss : float
        Mean objective over the epoch's batches, each before its own update; exact for L-BFGS.
    theta : ndarray
        Parameters after the epoch; a solver goes on changing them, so copy what you keep.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.solvers import Epoch
    >>> Epoch(number=1, loss=0.5, theta=np.zeros(2)).loss
    0.5
    """

    number: int
    loss: float
    theta: FloatArray


@dataclasses.dataclass(frozen=True)
class Result:
    """Outcome of ``minimize``.

    Parameters
    ----------
    theta : ndarray
        Parameters after the last epoch.
    n_iter : int
        Epochs (or iterations) run.
    loss_curve : ndarray of shape (n_iter,)
        The loss of each epoch.
    reason : {"converged", "max_iter", "stopped"}
        Why it ended; "stopped" by `on_epoch`.
    state : dict of ndarray
        Of the update rule, to continue from; empty for L-BFGS.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.solvers import Result
    >>> Result(np.zeros(2), 3, np.array([3.0, 2.0, 1.0]), "max_iter", {}).reason
    'max_iter'
    """

    theta: FloatArray
    n_iter: int
    loss_curve: FloatArray
    reason: str
    state: dict[str, Array]


class Plateau:
    """Tell when the loss has fallen by less than `tol`, relative to itself, over `patience` epochs.

    Parameters
    ----------
    tol : float
        Relative fall that counts; 0 never stops.
    patience : int
        Epochs without one, in a row. A slow fall adds up over them.
    """

    def __init__(self, tol: float, patience: int) -> None:
        self.tol, self.patience = tol, patience
        self.reference, self.stalled = math.inf, 0

    def reached(self, loss: float) -> bool:
        """Take the loss of one epoch and return whether to stop."""
        if not self.tol > 0.0:
            return False
        if self.reference == math.inf or loss < self.reference - self.tol * abs(self.reference):
            self.reference, self.stalled = loss, 0
        else:
            self.stalled += 1
        return self.stalled >= self.patience


def total_weight(X: FloatArray, sample_weight: FloatArray | None) -> float:
    """Return the weight of the rows of a batch together: their number where they have none."""
    return X.shape[0] if sample_weight is None else float(sample_weight.sum())


def check_finite(loss: float, when: str, theta: FloatArray | None = None, advice: str = "") -> None:
    """Raise DivergenceError unless the loss, and theta where given, are finite."""
    if not math.isfinite(loss):
        raise DivergenceError(f"training diverged: the loss {when} is {loss}{advice}")
    if theta is not None and not np.isfinite(theta).all():
        raise DivergenceError(f"training diverged: some parameters {when} are not finite{advice}")
