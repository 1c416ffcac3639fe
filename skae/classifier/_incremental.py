"""What a class-specific classifier learns after its fit, or without one: rows that come in pieces, and new classes."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import _check_partial_fit_first_call, _fit_context, available_if
from skae._typing import FloatArray, MatrixLike
from skae.classifier._autoencoders import (
    classes_with_few_rows,
    constraint_of,
    fit_each,
    part_of,
    rows_of,
    shallow_copy,
    warn_of,
)
from skae.classifier._calibration import class_medians, log_constants
from skae.classifier._factored import train_factored
from skae.classifier._prediction import ClassPrediction
from skae.training import SolverParameters, Stage, seed_of, unchanged_on_error

# What a call of `partial_fit` keeps of the information of those before: the autoencoders change under it.
_MEMORY = 0.9
# Precision of a weak normal prior on the constants. It matters only for classes without rows in this call.
_LEAST_INFORMATION = 1e-2


def _can_continue(classifier):
    """Whether there are steps that `partial_fit` can continue."""
    steps = "lbfgs" not in (classifier.solver, getattr(classifier.estimator, "solver", None))
    return steps and classifier.method != "energies" and classifier.n_factors is None


class ClassContinuation(ClassPrediction, SolverParameters):
    """`partial_fit` and `add_class`."""

    _information: FloatArray  # of the constants, minus the second derivative of the log-likelihood in them

    @available_if(_can_continue)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Continue with some rows: a pass of each autoencoder over those of its class, then a supervised one.

        The autoencoders of the classes in `y` take a pass each, as their own `partial_fit` does, unless
        ``pretrain=False``; the constants take in what the rows tell; and with ``method="finetune"`` all parameters take
        a pass of fine-tuning, at a constant learning rate. A class without rows so far has probability 0, and the
        energy of an untrained autoencoder. Absent for ``method="energies"``, with `n_factors`, and with lbfgs.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,)
            Their classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that will come; the first call needs them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a zero weight is an absent row.

        Returns
        -------
        self : object
            The classifier.
        """
        self._validate_params()  # which scikit-learn leaves out where there is a fit already
        if self.early_stopping:
            raise ValueError(
                "partial_fit sees no validation set: the classifier's early_stopping must be False, got True"
            )
        with unchanged_on_error(self):
            first = _check_partial_fit_first_call(self, classes)
            self._check_classes()
            X, y, weight = self._validate_rows(X, y, sample_weight, reset=first)
            labels = self._labels_of(y)
            seed, n_updates = getattr(self, "_random_stream", None) or (seed_of(self.random_state), 0)
            rng = np.random.default_rng([seed, n_updates])
            supervised = self._supervised_weight(labels, weight)
            self._continue_autoencoders(X, labels, weight, rng, first)
            E = self._energies(X)
            self._continue_constants(E, labels, supervised)
            self._random_stream = seed, n_updates + 1
            if self.method == "finetune" and (supervised is None or supervised.any()):
                self._continue_finetuning(X, labels, supervised, rng)
                E = self._energies(X)
            self._update_medians(E, labels, weight)
            self.__dict__.pop("energy_classifier_", None)
        return self

    def add_class(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add one or more classes, without training those that there are.

        The autoencoder of a new class is trained alone (with `n_factors`, its own factor weights and biases, on the
        shared factors); the parameters of the others stay as they are, bit by bit. Only constants change: with rows of
        all old classes too, all of them are fitted again by maximum likelihood; with rows of some, those of the new
        classes; with none, a new class's constant makes its median calibrated energy on its own rows the mean of the
        other classes' medians. The old classes' constants keep their mean.

        After fine-tuning, the energies of the old classes are no longer those of models of their data, and a new class
        fits among them less well than with ``method="normalize"``. ``method="energies"`` needs rows of all classes, to
        train its linear classifier again.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows of the new class and, for the constants, rows of old ones.
        y : array-like of shape (n_samples,)
            Their classes. `classes_` stays sorted, so that columns may move.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a zero weight is an absent row.

        Returns
        -------
        self : object
            The classifier.
        """
        check_is_fitted(self)
        self._validate_params()
        with unchanged_on_error(self):
            X, y, weight = self._validate_rows(X, y, sample_weight, reset=False)
            added = self._merge_classes(y)
            constants = _expanded(self.class_log_constants_, added, -np.inf)
            labels = self._labels_of(y)
            present = np.isin(np.arange(len(self.classes_)), labels)
            new = present & np.isneginf(constants)
            if not new.any():
                raise ValueError(f"y has no new class: {np.unique(y).tolist()} are all known")
            if self.method == "energies" and not present.all():
                raise ValueError(
                    "method='energies' trains its linear classifier again, which needs rows of all classes; y has only "
                    f"{np.unique(y).tolist()} of {self.classes_.tolist()}"
                )
            supervised = self._supervised_weight(labels, weight)
            self._add_autoencoders(X, labels, weight, added, new)
            self.__dict__.pop("energy_classifier_", None)
            self.class_log_constants_ = constants
            self.class_median_energies_ = _expanded(self.class_median_energies_, added, np.nan)
            self._information = _expanded(_expanded(self._information, added, 0.0).T, added, 0.0).T
            self._optimizer_state = None
            E = self._energies(X)
            self._add_constants(E, labels, weight, supervised, present, new)
            self._update_medians(E, labels, weight)
            if self.method == "energies":
                self._fit_linear(E, labels, supervised)
        return self

    def _merge_classes(self, y):
        """Take the labels in y into `classes_`; return which of them are new there."""
        known, self.classes_ = self.classes_, unique_labels(self.classes_, y)
        if known.dtype == object:
            self.classes_ = self.classes_.astype(object)
        elif self.classes_.dtype.kind != known.dtype.kind:
            raise ValueError(
                f"the labels of new classes must be of the old ones' kind, {known.dtype}, got {np.unique(y)!r}"
            )
        return ~np.isin(self.classes_, known)

    def _add_constants(self, E, labels, weight, supervised, present, new):
        """Set the constants of new classes; see `add_class`."""
        constants = self._with_new_constants(E, labels, weight)
        old = np.isfinite(self.class_log_constants_)
        mean, seen = constants[old].mean(), np.flatnonzero(old | new)
        if (present & old).any() and (supervised is None or supervised.any()):
            complete = present[seen].all()
            constants[seen], _, information = log_constants(
                E[:, seen],
                np.searchsorted(seen, labels),
                supervised,
                temperature=self.temperature_,
                start=constants[seen],
                free=None if complete else new[seen],
            )
            constants[seen] += mean - constants[old].mean()
            if complete:
                self._information[np.ix_(seen, seen)] = information
        self._move_constants(constants)

    def _update_medians(self, E, labels, weight):
        """Set the medians of the calibrated energies of the classes that have rows."""
        medians = class_medians(E + self.class_log_constants_, labels, weight)
        self.class_median_energies_ = np.where(np.isnan(medians), self.class_median_energies_, medians)

    def _continue_finetuning(self, X, labels, weight, rng):
        """A pass of fine-tuning of the classes that have had rows, at a constant learning rate."""
        seen, curve = self._seen(), [] if self.loss_curve_ is None else self.loss_curve_
        labels, solver = np.searchsorted(seen, labels), self._solver(max_iter=1, schedule="constant")
        objective, theta = self._model(X.dtype, self.class_log_constants_[seen], seen, train=True)
        state = getattr(self, "_optimizer_state", None)
        theta, result = self._minimize(Stage(objective, solver), theta, X, labels, weight, None, rng, state=state)
        vars(self).update(self._fitted_parameters(objective, theta, seen))
        self._optimizer_state = result.state
        self.loss_curve_, self.validation_loss_curve_ = np.append(curve, result.loss_curve), None
        self.n_iter_ = len(self.loss_curve_)

    def _labels_of(self, y):
        """Return the labels from 0; refuse unknown ones."""
        labels = np.searchsorted(self.classes_, y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has the labels {unknown.tolist()}, which are not among the classes {self.classes_.tolist()}; "
                "add_class takes new ones"
            )
        return labels

    def _continue_autoencoders(self, X, labels, weight, rng, first):
        """Let the autoencoders of the classes in `labels` take a pass; start those of new classes."""
        template = self._template(X, rng)
        if first:
            n_classes = len(self.classes_)
            self.factors_ = self.factor_hidden_weights_ = self.class_factor_weights_ = None
            self.class_log_constants_ = np.full(n_classes, -np.inf)
            self.class_median_energies_ = np.full(n_classes, np.nan)
            self._information = np.zeros((n_classes, n_classes))
            self.loss_, self.loss_curve_, self.validation_loss_curve_ = math.nan, None, None
            self.temperature_ = 1.0 if self.temperature == "auto" else float(self.temperature)
            start = clone(template)
            start._fit(*rows_of(X, np.ones(len(labels), dtype=bool), weight), started_only=True)
            self.estimators_ = [start] * n_classes
        self._check_alike(template)
        estimators = list(self.estimators_)
        for j in np.unique(labels):
            rows = rows_of(X, labels == j, weight)
            if np.isfinite(self.class_log_constants_[j]):
                if self.pretrain:
                    estimators[j] = shallow_copy(estimators[j]).partial_fit(rows[0], sample_weight=rows[1])
            elif self.pretrain:
                estimators[j] = clone(template).partial_fit(rows[0], sample_weight=rows[1])
            else:
                estimators[j] = clone(template)
                estimators[j]._fit(*rows, started_only=True)
        self.estimators_ = estimators

    def _continue_constants(self, E, labels, weight):
        """Update the constants by what the rows tell; those of classes that are new start at the others' median."""
        constants = self._with_new_constants(E, labels, weight)
        seen = np.flatnonzero(np.isfinite(constants))
        information, within = self._information * _MEMORY, np.ix_(seen, seen)
        labels_seen, n_iter = np.searchsorted(seen, labels), 0
        if weight is None or weight.any():
            precision = information[within]
            if len(np.unique(labels)) < len(seen):
                least = _LEAST_INFORMATION / self.temperature_**2
                precision = precision + least * (np.eye(len(seen)) - 1.0 / len(seen))
            constants[seen], n_iter, information[within] = log_constants(
                E[:, seen],
                labels_seen,
                weight,
                temperature=self.temperature_,
                start=constants[seen],
                precision=precision,
            )
            information[within] += precision
            self.loss_ = self._mean_loss((E + constants)[:, seen] / self.temperature_, labels_seen, weight)
        constants[seen] -= constants[seen].mean()
        self._move_constants(constants)
        self._information, self.n_iter_ = information, max(n_iter, 1)

    def _move_constants(self, constants):
        """Set the constants, and what they change in the medians of the classes that had one."""
        old = self._seen()
        medians = self.class_median_energies_.copy()
        medians[old] += constants[old] - self.class_log_constants_[old]
        self.class_log_constants_, self.class_median_energies_ = constants, medians

    def _with_new_constants(self, E, labels, weight):
        """Return the constants; of a class that has none, it makes its median the mean of the others' medians."""
        constants, medians = self.class_log_constants_.copy(), class_medians(E, labels, weight)
        old = np.isfinite(constants)
        new = ~old & ~np.isnan(medians)
        target = self.class_median_energies_[old].mean() if old.any() else 0.0
        constants[new] = target - medians[new]
        return constants

    def _add_autoencoders(self, X, labels, weight, added, new):
        """Train the autoencoders of new classes and put them at their places; `added` ones have had no place yet."""
        rng = np.random.default_rng(seed_of(self.random_state))
        template = self._template(X, rng)
        self._check_alike(template)
        places = np.flatnonzero(new)
        names = [repr(each) for each in self.classes_[places].tolist()]
        own = np.isin(labels, places)
        rows, own_weight, own_labels = X[own], part_of(weight, own), np.searchsorted(places, labels[own])
        if self.factors_ is None:
            fitted, problems = fit_each(template, rows, own_labels, own_weight, names, self.pretrain, self.n_jobs)
        else:
            gates = np.tile(self.class_factor_weights_.mean(axis=0), (len(places), 1))
            factors = {"P": self.factors_, "Q": self.factor_hidden_weights_, "f": gates}
            fitted, factors, problems = train_factored(
                template, factors, rows, own_labels, own_weight, names, self.pretrain, rng, frozen=("P", "Q")
            )
            self.class_factor_weights_ = _expanded(self.class_factor_weights_, added, 0.0)
            self.class_factor_weights_[places] = factors["f"]
        warn_of(problems)
        if self.pretrain and self.factors_ is None:
            warn_of(classes_with_few_rows(template.n_components, own_labels, own_weight, names))
        estimators = np.full(len(added), None, dtype=object)
        estimators[~added] = self.estimators_
        estimators[places] = fitted
        self.estimators_ = estimators.tolist()

    def _check_alike(self, template):
        """Refuse an autoencoder whose energies cannot stand beside those of the fitted ones."""
        first = self.estimators_[0]
        for name, own, other in (
            ("n_components", template.n_components, first.n_components),
            ("visible", template.visible, first.visible),
            ("a hidden bias", template.hidden_bias, first.hidden_bias),
            ("constraint", constraint_of(template), constraint_of(first)),
            ("n_factors", self.n_factors, None if self.factors_ is None else len(self.factors_)),
        ):
            if own != other:
                raise ValueError(
                    f"the classes' autoencoders must be alike: the fitted ones have {name}={other}, the estimator has "
                    f"{own}; give it theirs, or fit all classes again"
                )


def _expanded(array, added, value):
    """Return an array with more rows, which hold `value`."""
    out = np.full((len(added), *array.shape[1:]), value, dtype=array.dtype)
    out[~added] = array
    return out
