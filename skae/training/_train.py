"""Training: stages of minimisation, one after the other. All fits and partial fits call `train`."""

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
        It returns the fitted attributes for callbacks; see `Epochs.with_hooks`.
    """

    objective: Any
    solver: Any
    monitor: ValidationMonitor | None = None
    on_epoch: Callable[..., bool] | None = None
    attributes: Callable[..., dict[str, Any]] | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """Outcome of `train`.

    Parameters
    ----------
    theta : ndarray
        The trained parameters.
    loss : float
        The objective at `theta`, over all rows.
    results : list of skae.solvers.Result
        The result of each stage.
    validation_losses : list of float
        Loss on the held-out rows after each epoch of the stages with a monitor.
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
    final_batches=None,
):
    """Minimise one objective after the other.

    Parameters
    ----------
    objective : object
        The objective of the last stage. It gives the final loss.
    stages : iterable of Stage
        The stages, in order. The next one is taken when the one before has ended. If a callback asks to stop, no more
        stages run.
    theta : ndarray
        Starting parameters.
    batches : Batches
        Training rows.
    rng : numpy.random.Generator
        Source of randomness.
    multiplications : float
        Number of multiplications in a typical product; see `blas_threads`.
    task : Task
        The task of the fit. The epochs are its subtasks.
    max_iter : int
        Largest number of epochs, over all stages.
    state : dict, default=None
        State of an earlier `skae.solvers.Result`, for the solver to continue from.
    final_batches : Batches, default=None
        Rows of the final loss. None takes `batches`.

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
    loss = final_loss(objective, theta, batches if final_batches is None else final_batches, rng)
    return Training(theta, loss, results, validated)
