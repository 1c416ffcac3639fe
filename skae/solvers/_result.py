"""The reports of every solver, and the test for when to stop."""

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
    """State after one epoch, the argument of `on_epoch`.

    Parameters
    ----------
    number : int
        Number of the epoch (or iteration) in this fit, from 1.
    loss : float
        Mean objective over the epoch's batches, each before its own update. For L-BFGS, the exact objective.
    theta : ndarray
        Parameters after the epoch. The solver goes on changing this array: copy it to keep it.

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
        Number of epochs (or iterations) run.
    loss_curve : ndarray of shape (n_iter,)
        The loss of each epoch.
    reason : {"converged", "max_iter", "stopped"}
        Why the fit ended. "stopped" means that `on_epoch` ended it.
    state : dict of ndarray
        State of the update rule, to continue from. It is empty for L-BFGS.

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
    """Test whether the loss has fallen by less than `tol`, relative to itself, over `patience` epochs.

    Parameters
    ----------
    tol : float
        Smallest relative fall that counts. With 0, the test never stops a fit.
    patience : int
        Number of epochs in a row without such a fall. Smaller falls add up over these epochs.
    """

    def __init__(self, tol: float, patience: int) -> None:
        self.tol, self.patience = tol, patience
        self.reference, self.stalled = math.inf, 0

    def reached(self, loss: float) -> bool:
        """Record the loss of one epoch, and return whether to stop."""
        if not self.tol > 0.0:
            return False
        if self.reference == math.inf or loss < self.reference - self.tol * abs(self.reference):
            self.reference, self.stalled = loss, 0
        else:
            self.stalled += 1
        return self.stalled >= self.patience


def total_weight(X: FloatArray, sample_weight: FloatArray | None) -> float:
    """Return the total weight of a batch; without sample weights, its number of rows."""
    return X.shape[0] if sample_weight is None else float(sample_weight.sum())


def check_finite(loss: float, when: str, theta: FloatArray | None = None, advice: str = "") -> None:
    """Raise DivergenceError unless the loss is finite, and theta too if it is given."""
    if not math.isfinite(loss):
        raise DivergenceError(f"training diverged: the loss {when} is {loss}{advice}")
    if theta is not None and not np.isfinite(theta).all():
        raise DivergenceError(f"training diverged: some parameters {when} are not finite{advice}")
