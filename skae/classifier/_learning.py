"""What rows teach a classifier: autoencoders, calibration, fine-tuning; for its fit, and for each trial in it."""

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
from skae.classifier._energy_classifier import fit_energy_classifier
from skae.classifier._factored import fit_factored
from skae.classifier._finetuning import FineTuning
from skae.classifier._rows import trials
from skae.classifier._temperature import temperature_of
from skae.training import NO_CALLBACKS, Stage, mean_value


@dataclasses.dataclass(frozen=True)
class Learnt:
    """What rows have taught: energies, calibration, and attributes that say how training went.

    `problems` are lists for `warn_of`; `start` are the scores of the test rows before fine-tuning.
    """

    energies: ClassEnergies
    calibration: Calibration
    progress: dict[str, Any]
    problems: list[list]
    start: FloatArray | None = None

    def scores(self, X):
        """Return E_j(x) + C_j less a term that is the same for all classes, shape (n, K), float64."""
        return self.calibration.scores(self.energies(X, relative=True))

    def attributes(self):
        """Return the fitted attributes."""
        return {**self.energies.attributes(), **self.calibration.attributes(), **self.progress}


def learn(classifier, template, rows, train_rows, held_out, rng, task, test=None, temperature=1.0):
    """Return what the rows `train_rows` (all if None) teach; the constants are fitted at a temperature.

    Where there are rows to `test` on, the temperature is fitted to them, before fine-tuning and after it.
    """
    part = rows.part(train_rows)
    energies, problems = _fit_autoencoders(classifier, template.autoencoder, part, rng, task)
    E, scores = energies(part.X), None
    calibration = Calibration.fit(E, part, temperature)
    if test is not None:
        scores = calibration.scores(energies(test.X, relative=True))
        calibration = Calibration.fit(E, part, temperature_of([scores], [test]))
    learnt = Learnt(energies, calibration, calibration.progress(E, part, classifier.loss), problems, scores)
    if classifier.method == "energies":
        progress = {**learnt.progress, **fit_energy_classifier(E, part, classifier.l2, classifier.loss)}
        return dataclasses.replace(learnt, progress=progress)
    if classifier.method == "finetune":
        learnt = _finetune(classifier, learnt, template.constraint, rows, train_rows, held_out, rng, task)
        calibration = learnt.calibration.with_medians(learnt.energies(part.X), part)
        if test is not None:
            temperature = temperature_of([learnt.scores(test.X)], [test])
            calibration = dataclasses.replace(calibration, temperature=temperature)
    return dataclasses.replace(learnt, calibration=calibration)


def trial_temperatures(classifier, template, rows, rng):
    """Return the temperatures before and after fine-tuning, fitted to rows that trial fits hold out.

    None where no class has rows to hold out.
    """
    quiet, tests, starts, ends = copy.copy(classifier), [], [], []
    quiet.verbose = 0
    for chosen, test in trials(rows):
        trial = learn(quiet, template, rows, chosen, None, rng, NO_CALLBACKS, test)
        tests, starts, ends = [*tests, test], [*starts, trial.start], [*ends, trial.scores(test.X)]
    if not tests:
        return None
    before = temperature_of(starts, tests)
    return before, temperature_of(ends, tests) if classifier.method == "finetune" else before


def class_names(classes):
    """Names of classes, for messages."""
    return [repr(each) for each in classes.tolist()]


def _fit_autoencoders(classifier, autoencoder, rows, rng, task):
    """Train, or start, the autoencoders of all classes; return them and what is wrong, lists for `warn_of`."""
    names, n_factors = class_names(classifier.classes_), classifier.n_factors
    tasks = {"max_subtasks": len(names)} if n_factors is None else {"max_subtasks": autoencoder.max_iter}
    tasks["sequential_subtasks"] = n_factors is not None
    phase = task.subtask("autoencoders", **tasks).begin() if classifier.pretrain else NO_CALLBACKS
    if n_factors is None:
        result = fit_each(autoencoder, rows, names, classifier.pretrain, classifier.n_jobs, phase)
    else:
        result = fit_factored(autoencoder, n_factors, rows, names, classifier.pretrain, rng, phase)
    phase.end()
    return result


def _finetune(classifier, learnt, constraint, rows, train_rows, held_out, rng, task):
    """Minimise the loss of the scores in all parameters."""
    tuning = FineTuning(classifier, learnt.energies, learnt.calibration.constants, constraint, rows)
    objective, monitor, judged = tuning.objective, None, tuning.without_noise(train_rows)
    if held_out is not None:
        n_batches = math.ceil(len(train_rows) / classifier._batch_size())
        monitor = classifier._monitor(objective, tuning.without_noise(held_out), rng, n_batches)
    before = mean_value(objective, tuning.theta, judged, rng)
    active = tuning.active_share(train_rows) if classifier.verbose else None
    task = task.subtask("fine-tuning", max_subtasks=classifier.max_iter).begin()

    def at(theta, **progress):
        energies, constants = tuning.at(theta)
        calibration = dataclasses.replace(learnt.calibration, constants=constants)
        progress = {**learnt.progress, **progress}
        return dataclasses.replace(learnt, energies=energies, calibration=calibration, progress=progress)

    def attributes(epoch, losses):
        return at(epoch.theta, n_iter_=len(losses), loss_=epoch.loss, loss_curve_=np.array(losses)).attributes()

    stage = Stage(objective, classifier._solver(), monitor, classifier._on_epoch(monitor, "", active), attributes)
    trained = tuning.minimize(stage, train_rows, rng, task=task, max_iter=classifier.max_iter)
    (result,), loss = trained.results, trained.loss
    task.end()
    if loss > before:
        text = (
            f"{type(classifier).__name__}: fine-tuning has raised the loss, from {before:.4g} to {loss:.4g}; bring the "
            "features to a common scale near 1 (StandardScaler, PCAWhitener), use a lower learning_rate_init or "
            "noise_level, or train longer"
        )
        learnt.problems.append([(text, ConvergenceWarning)])
    return at(
        trained.theta,
        n_iter_=result.n_iter,
        loss_=loss,
        loss_curve_=result.loss_curve,
        validation_loss_curve_=None if monitor is None else np.array(monitor.curve),
    )
