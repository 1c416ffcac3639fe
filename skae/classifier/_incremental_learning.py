"""Incremental learning: one more pass of a fitted classifier over some rows, and new classes for it."""

from __future__ import annotations

import dataclasses

import numpy as np

from skae.classifier._autoencoders import continue_each, fit_each
from skae.classifier._calibration import Calibration
from skae.classifier._energy_regression import fit_energy_classifier
from skae.classifier._factored import add_factored
from skae.classifier._finetuning import FineTuning
from skae.classifier._learning import Learnt, class_names, pretraining_task
from skae.classifier._rows import LabelledRows
from skae.classifier._stand_ins import stand_ins
from skae.training import Stage


def learn_more(classifier, template, energies, rows, rng, task):
    """Make one more pass over the rows; return what has been learnt. The classifier keeps the optimiser's state."""
    calibration = Calibration.from_classifier(classifier)
    phase = pretraining_task(classifier, task, len(classifier.classes_), max_iter=1)
    energies = continue_each(template.autoencoder, energies, rows, calibration.seen, classifier.pretrain, phase)
    phase.end()
    E = energies.of(rows)
    calibration = calibration.update(E, rows.labels, rows.supervised)
    history = {"n_iter_": calibration.n_iter, "validation_loss_curve_": None}
    if rows.supervised is None or rows.supervised.any():
        seen = calibration.seen
        history["loss_"] = calibration.subset(seen).mean_loss(E[:, seen], rows.relabelled(seen), classifier.loss)
        if classifier.method == "finetune":
            learnt = Learnt(energies, calibration, history, [])
            learnt = _continue_finetuning(classifier, learnt, template.constraint, rows, rng, task)
            energies, calibration, history = learnt.energies, learnt.calibration, learnt.history
            E = energies.of(rows)
    return Learnt(energies, calibration.with_medians(E, rows), history, [])


def _continue_finetuning(classifier, learnt, constraint, rows, rng, task):
    """Fine-tune the classes that have had rows, with one pass at a constant learning rate."""
    seen, curve = learnt.calibration.seen, [] if classifier.loss_curve_ is None else classifier.loss_curve_
    part, constants = learnt.energies.subset(seen), learnt.calibration.constants.copy()
    tuning = FineTuning(classifier, part, constants[seen], constraint, rows.relabelled(seen))
    active = tuning.active_share(None) if classifier.verbose else None
    on_epoch = classifier._on_epoch(None, "", active, n_before=len(curve))
    stage = Stage(tuning.objective, classifier._solver(1, max_iter=1, schedule="constant"), on_epoch=on_epoch)
    task = task.subtask("fine-tuning").begin()
    trained = tuning.minimize(stage, None, rng, state=classifier._continued_state(tuning.objective.layout))
    task.end()
    (result,) = trained.results
    part, constants[seen] = tuning.unpack(trained.theta)
    classifier._keep_state(result.state, tuning.objective.layout)
    curve = np.append(curve, result.loss_curve)
    return dataclasses.replace(
        learnt,
        energies=learnt.energies.replaced(seen, part),
        calibration=dataclasses.replace(learnt.calibration, constants=constants),
        history={**learnt.history, "loss_": trained.loss, "loss_curve_": curve, "n_iter_": len(curve)},
    )


def learn_classes(classifier, template, energies, rows, added, places, rng, task):
    """Train the autoencoders of new classes, and fit constants; return what has been learnt.

    `places` are the classes to train. `added` (K,) is true for those that `energies` has no place for.
    """
    calibration = Calibration.from_classifier(classifier).with_places(added)
    own = rows.subset(np.flatnonzero(np.isin(rows.labels, places))).relabelled(places)
    names, autoencoder, pretrain = class_names(classifier.classes_[places]), template.autoencoder, classifier.pretrain
    phase = pretraining_task(classifier, task, len(places), autoencoder.max_iter)
    if energies.factors is None:
        fitted, problems = fit_each(autoencoder, own, names, pretrain, classifier.n_jobs, phase, places)
    else:
        fitted, problems = add_factored(autoencoder, energies.factors, own, names, pretrain, rng, phase)
    phase.end()
    energies = energies.with_places(added).replaced(places, fitted)
    E, new = energies.of(rows), np.isin(np.arange(len(classifier.classes_)), places)
    missing = np.setdiff1d(calibration.seen, rows.labels)
    joint_E, joint_rows = _with_stand_ins(classifier, energies, E, rows, missing, rng)
    calibration = calibration.add_classes(joint_E, joint_rows, new, complete=not len(missing))
    history = {}
    if classifier.method == "energies":
        history = fit_energy_classifier(E, rows, classifier.l2, classifier.loss)
    return Learnt(energies, calibration.with_medians(E, rows), history, problems)


def _with_stand_ins(classifier, energies, E, rows, missing, rng):
    """Return the energies E and the rows; after fine-tuning, with rows drawn for the classes that have none."""
    if classifier.loss_curve_ is None or not len(missing):
        return E, rows
    drawn, labels, weight = stand_ins(energies, missing, E.dtype, rng)
    own = np.ones(len(E)) if rows.weight is None else rows.weight
    labels, weight = np.concatenate([rows.labels, labels]), np.concatenate([own, weight])
    return np.concatenate([E, drawn]), classifier._weighted(LabelledRows(None, labels, weight, None))
