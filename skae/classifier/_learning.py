"""Learning from rows: autoencoders, calibration, fine-tuning. `fit` learns from all rows, and trial fits from parts."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._typing import FloatArray
from skae.classifier._autoencoders import fit_each
from skae.classifier._calibration import Calibration
from skae.classifier._energies import ClassEnergies
from skae.classifier._energy_regression import fit_energy_classifier
from skae.classifier._factored import fit_factored
from skae.classifier._finetuning import FineTuning
from skae.classifier._rows import trial_splits
from skae.classifier._temperature import pooled_temperature
from skae.training import NO_CALLBACKS, Stage, mean_value

# Rows on which the losses before and after fine-tuning are compared.
_COMPARED_ROWS = 2000


@dataclasses.dataclass(frozen=True)
class Learnt:
    """Result of `learn`.

    Parameters
    ----------
    energies : ClassEnergies
        Energies of the trained autoencoders.
    calibration : Calibration
        Their calibration.
    history : dict
        The fitted attributes that describe the training: losses and number of iterations.
    problems : list of list
        Problems of the training. Each inner list is an argument of `warn_jointly`.
    start_scores : ndarray of shape (n, K), default=None
        Scores of the test rows before fine-tuning.
    """

    energies: ClassEnergies
    calibration: Calibration
    history: dict[str, Any]
    problems: list[list]
    start_scores: FloatArray | None = None

    def scores(self, rows):
        """Return E_j(x) + C_j of labelled rows, without a term that all classes share, shape (n, K), float64."""
        return self.calibration.scores(self.energies.of(rows, relative=True))

    def attributes(self):
        """Return the fitted attributes."""
        return {**self.energies.attributes(), **self.calibration.attributes(), **self.history}


def learn(classifier, template, rows, train_rows, held_out, rng, task, test=None, temperature=1.0):
    """Train on the rows with the indices `train_rows` (None for all); return what has been learnt.

    The classifier does not change. The constants are fitted at `temperature`. With `test`, the temperature is fitted to
    these rows instead, before fine-tuning and again after it.
    """
    part = rows.subset(train_rows)
    energies, problems = _fit_autoencoders(classifier, template.autoencoder, part, rng, task)
    E, scores = energies.of(part), None
    calibration = Calibration.fit(E, part, temperature)
    if test is not None:
        scores = calibration.scores(energies.of(test, relative=True))
        calibration = Calibration.fit(E, part, pooled_temperature([scores], [test]))
    loss = calibration.mean_loss(E, part, classifier.loss)
    history = {"loss_": loss, "n_iter_": calibration.n_iter, "loss_curve_": None, "validation_loss_curve_": None}
    if classifier.method == "energies":
        history.update(fit_energy_classifier(E, part, classifier.l2, classifier.loss))
    learnt = Learnt(energies, calibration, history, problems, scores)
    if classifier.method == "finetune":
        learnt = _finetune(classifier, learnt, template.constraint, rows, train_rows, held_out, rng, task)
        calibration = learnt.calibration.with_medians(learnt.energies.of(part), part)
        if test is not None:
            temperature = pooled_temperature([learnt.scores(test)], [test])
            calibration = dataclasses.replace(calibration, temperature=temperature)
    return dataclasses.replace(learnt, calibration=calibration)


def trial_temperatures(classifier, template, rows, rng, task):
    """Return the temperatures before and after fine-tuning, fitted to rows that trial fits hold out.

    Return None if no class has rows to hold out. The trials are tasks for callbacks, because a callback that ends the
    training of the classifier must end theirs alike.
    """
    quiet, tests, starts, ends = copy.copy(classifier), [], [], []
    quiet.verbose = 0
    splits = list(trial_splits(rows))
    if not splits:
        return None
    phase = task.subtask("temperature", max_subtasks=len(splits)).begin()
    for chosen, test in splits:
        own = phase.subtask("trial", max_subtasks=n_phases(classifier)).begin()
        trial = learn(quiet, template, rows, chosen, None, rng, own, test)
        own.end()
        tests, starts, ends = [*tests, test], [*starts, trial.start_scores], [*ends, trial.scores(test)]
    phase.end()
    before = pooled_temperature(starts, tests)
    return before, pooled_temperature(ends, tests) if classifier.method == "finetune" else before


def n_phases(classifier):
    """Return the number of tasks of `learn`: the training of the autoencoders, and the fine-tuning."""
    return int(classifier.pretrain) + int(classifier.method == "finetune")


def class_names(classes):
    """Return the names of classes, for messages."""
    return [repr(each) for each in classes.tolist()]


def pretraining_task(classifier, task, n_classes, max_iter):
    """Return the task of the training of the autoencoders, begun. Its subtasks are classes, or epochs if all share."""
    if not classifier.pretrain:
        return NO_CALLBACKS
    if classifier.n_factors is None:
        return task.subtask("autoencoders", max_subtasks=n_classes, sequential_subtasks=False).begin()
    return task.subtask("autoencoders", max_subtasks=None if max_iter == "auto" else max_iter).begin()


def _fit_autoencoders(classifier, autoencoder, rows, rng, task):
    """Train (or only start) the autoencoders of all classes; return their energies and problems."""
    names, n_factors = class_names(classifier.classes_), classifier.n_factors
    phase = pretraining_task(classifier, task, len(names), autoencoder.max_iter)
    if n_factors is None:
        result = fit_each(autoencoder, rows, names, classifier.pretrain, classifier.n_jobs, phase)
    else:
        result = fit_factored(autoencoder, n_factors, rows, names, classifier.pretrain, rng, phase)
    phase.end()
    return result


def _finetune(classifier, learnt, constraint, rows, train_rows, held_out, rng, task):
    """Fine-tune all parameters on the loss of the scores; return what has been learnt."""
    tuning = FineTuning(classifier, learnt.energies, learnt.calibration.constants, constraint, rows)
    objective, monitor = tuning.objective, None
    n_rows = len(rows.labels) if train_rows is None else len(train_rows)
    n_batches = math.ceil(n_rows / tuning.route.batch_size)
    n_epochs = classifier._n_epochs(n_batches)
    if held_out is not None:
        monitor = classifier._monitor(objective, tuning.clean_batches(held_out), rng, n_batches)
    some = np.arange(n_rows)[:: math.ceil(n_rows / _COMPARED_ROWS)]
    some = tuning.clean_batches(some if train_rows is None else train_rows[some])
    before = mean_value(objective, tuning.theta, some, rng)
    active = tuning.active_share(train_rows) if classifier.verbose else None
    task = task.subtask("fine-tuning", max_subtasks=n_epochs).begin()

    def learnt_at(theta, **history):
        energies, constants = tuning.unpack(theta)
        calibration = dataclasses.replace(learnt.calibration, constants=constants)
        history = {**learnt.history, **history}
        return dataclasses.replace(learnt, energies=energies, calibration=calibration, history=history)

    def attributes(epoch, losses, validation_losses):
        return learnt_at(
            epoch.theta,
            n_iter_=len(losses),
            loss_=epoch.loss,
            loss_curve_=np.array(losses),
            validation_loss_curve_=None if validation_losses is None else np.array(validation_losses),
        ).attributes()

    on_epoch = classifier._on_epoch(monitor, "", active)
    stage = Stage(objective, classifier._solver(n_batches), monitor, on_epoch, attributes)
    trained = tuning.minimize(stage, train_rows, rng, task=task)
    (result,), loss = trained.results, trained.loss
    task.end()
    after = mean_value(objective, trained.theta, some, rng)
    if after > before:
        rate = "" if classifier.solver == "lbfgs" else "learning_rate_init or "
        text = (
            f"{type(classifier).__name__}: fine-tuning has raised the loss, from {before:.4g} to {after:.4g}, with "
            f"solver={classifier.solver!r}; bring the features to a common scale near 1 (StandardScaler, PCAWhitener), "
            f"use a lower {rate}noise_level, or train longer"
        )
        learnt.problems.append([(text, ConvergenceWarning)])
    return learnt_at(
        trained.theta,
        n_iter_=result.n_iter,
        loss_=loss,
        loss_curve_=result.loss_curve,
        validation_loss_curve_=None if monitor is None else np.array(monitor.curve),
    )
