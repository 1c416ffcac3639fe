"""Training: stages of minimisation, one after the other. All fits and partial fits call `train`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from skae._typing import FloatArray
from skae.solvers import Result
from skae.training._callbacks import NO_CALLBACKS, Epochs
from skae.training._early_stopping import ValidationMonitor
from skae.training._evaluation import final_losses
from skae.training._threads import blas_threads


@dataclasses.dataclass(frozen=True)
class Stage:
    """An objective, and how to minimise it. Each stage starts where the one before it has ended.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    solver : object
        See `skae.solvers`.
    monitor : ValidationMonitor, default=None
        It keeps the parameters that are best on held-out rows. The stage ends with these.
    on_epoch : callable, default=None
        It is called after each epoch, and returns whether to stop.
    attributes : callable, default=None
        It returns the fitted attributes for callbacks. It takes a `skae.solvers.Epoch`, the losses of all epochs so
        far, and their losses on the held-out rows (None without a monitor).
    task_name : str, default=None
        Name of the stage as a task for callbacks. With None, the epochs are tasks of the fit itself.
    """

    objective: Any
    solver: Any
    monitor: ValidationMonitor | None = None
    on_epoch: Callable[..., bool] | None = None
    attributes: Callable[..., dict[str, Any]] | None = None
    task_name: str | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """Outcome of `train`.

    Parameters
    ----------
    theta : ndarray
        The trained parameters.
    loss, data_loss : float
        The objective at `theta`, over all rows, with and without penalties.
    results : list of skae.solvers.Result
        The result of each stage.
    validation_losses : list of float
        Loss on the held-out rows after each epoch of the stages with a monitor.
    """

    theta: FloatArray
    loss: float
    data_loss: float
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
    state=None,
    final_batches=None,
    overwrite_theta=False,
):
    """Minimise one objective after the other.

    Parameters
    ----------
    objective : object
        The objective of the last stage. It gives the final loss.
    stages : iterable of Stage
        The stages, in order. The next one is taken when the one before has ended. If a callback asks to stop after an
        epoch, the stage ends. If it asks to stop after a stage, no more stages run.
    theta : ndarray
        Starting parameters.
    batches : Batches
        Training rows.
    rng : numpy.random.Generator
        Source of randomness.
    multiplications : float
        Number of multiplications in a typical product; see `blas_threads`.
    task : Task
        The task of the fit. The epochs, or the stages with a name, are its subtasks.
    state : dict, default=None
        State of an earlier `skae.solvers.Result`, for the solver to continue from.
    final_batches : Batches, default=None
        Rows of the final loss. None takes `batches`.
    overwrite_theta : bool, default=False
        Whether `theta` may be changed in place, which saves a copy.

    Returns
    -------
    Training
        The parameters, the loss and the results.
    """
    results, losses, validated = [], [], []
    options = {"overwrite_theta": overwrite_theta} | ({} if state is None else {"state": state})
    with blas_threads(multiplications):
        for stage in stages:
            if stage.monitor is not None:
                stage.monitor.update(theta)
            named = stage.task_name is not None
            level = task.subtask(stage.task_name, max_subtasks=stage.solver.max_iter).begin() if named else task
            epochs = Epochs(level, stage.solver.max_iter)
            on_epoch = _on_epoch(stage, epochs, losses, validated)
            results.append(stage.solver.minimize(stage.objective, theta, batches, rng, on_epoch=on_epoch, **options))
            theta = results[-1].theta if stage.monitor is None else stage.monitor.best_theta
            validated += [] if stage.monitor is None else stage.monitor.curve
            epochs.end()
            if named and level.end():
                break
    loss, data_loss = final_losses(objective, theta, batches if final_batches is None else final_batches, rng)
    return Training(theta, loss, data_loss, results, validated)


def _on_epoch(stage, epochs, losses, validated):
    """Return the function that the solver of a stage calls after each epoch. It returns whether to stop.

    It calls the stage's `on_epoch` and the callbacks. Each of them may stop the solver. `losses` and `validated` are
    the losses of the epochs so far. The function appends to `losses`.
    """

    def on_epoch(epoch):
        stop = stage.on_epoch is not None and stage.on_epoch(epoch)
        losses.append(epoch.loss)
        return epochs.after(None if stage.attributes is None else lambda: attributes(epoch)) or stop

    def attributes(epoch):
        validation = None if stage.monitor is None else [*validated, *stage.monitor.curve]
        return stage.attributes(epoch, losses, validation)

    return on_epoch
