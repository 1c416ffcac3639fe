"""The one way from objectives and rows to parameters; all fits and partial fits go through it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from skae._typing import FloatArray
from skae.solvers import Result
from skae.training._callbacks import NO_CALLBACKS, Epochs
from skae.training._early_stopping import ValidationMonitor
from skae.training._evaluation import final_loss
from skae.training._threads import blas_threads


@dataclasses.dataclass(frozen=True)
class Stage:
    """An objective, and how to minimise it from where the stage before has ended.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    solver : object
        See `skae.solvers`.
    monitor : ValidationMonitor, default=None
        Keeps the parameters that are best on held-out rows, with which the stage then ends.
    on_epoch : callable, default=None
        Called after each epoch; returns whether to stop.
    attributes : callable, default=None
        Returns the fitted attributes for callbacks; see `Epochs.with_hooks`.
    """

    objective: Any
    solver: Any
    monitor: ValidationMonitor | None = None
    on_epoch: Callable[..., bool] | None = None
    attributes: Callable[..., dict[str, Any]] | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """What training has come to.

    Parameters
    ----------
    theta : ndarray
        The parameters.
    loss : float
        The objective there, over the rows.
    results : list of skae.solvers.Result
        One a stage.
    validation_losses : list of float
        After each epoch, where there is a monitor.
    """

    theta: FloatArray
    loss: float
    results: list[Result]
    validation_losses: list[float]


def train(
    objective,
    stages,
    theta,
    batches,
    rng,
    *,
    multiplications,
    task=NO_CALLBACKS,
    max_iter=1,
    state=None,
    judged_on=None,
):
    """Minimise one objective after the other.

    Parameters
    ----------
    objective : object
        What the parameters are judged by in the end: the last stage's.
    stages : iterable of Stage
        In their order, each asked for when the one before has ended. A callback that asks to stop ends the last one.
    theta : ndarray
        Where to start.
    batches : Batches
        The rows.
    rng : numpy.random.Generator
        Source of randomness.
    multiplications : float
        Of a typical product, which decides on the BLAS threads.
    task : Task
        Whose subtasks the epochs are.
    max_iter : int
        Largest number of epochs, of all stages together.
    state : dict, default=None
        Of an earlier result, for the solver to continue with.
    judged_on : Batches, default=None
        What the final loss is taken over; None takes `batches`.

    Returns
    -------
    Training
        The parameters, the loss and the results.
    """
    results, validated = [], []
    epochs, options = Epochs(task, max_iter), {} if state is None else {"state": state}
    with blas_threads(multiplications):
        for stage in stages:
            if stage.monitor is not None:
                stage.monitor.update(theta)
            on_epoch = epochs.with_hooks(stage.on_epoch, stage.attributes)
            results.append(stage.solver.minimize(stage.objective, theta, batches, rng, on_epoch=on_epoch, **options))
            theta = results[-1].theta if stage.monitor is None else stage.monitor.best_theta
            validated += [] if stage.monitor is None else stage.monitor.curve
            if epochs.stopped:
                break
    epochs.end()
    loss = final_loss(objective, theta, batches if judged_on is None else judged_on, rng)
    return Training(theta, loss, results, validated)
