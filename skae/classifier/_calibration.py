"""What makes the energies of separate autoencoders comparable, and probabilities of them (ENERGY eq. 45)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from skae._typing import BoolArray, FloatArray, IntArray
from skae.classifier._constants import log_constants
from skae.classifier._expanded import expanded

# What a call of `partial_fit` keeps of the information of those before: the autoencoders change under it.
_MEMORY = 0.9
# Precision of a weak normal prior on the constants. It matters only for classes without rows in this call.
_LEAST_INFORMATION = 1e-2


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Constants, medians and temperature of the classes; see `ClassSpecificAEClassifier`.

    Parameters
    ----------
    constants : ndarray of shape (K,)
        C; -inf where a class has had no rows.
    medians : ndarray of shape (K,)
        Lower medians of E_j + C_j over the rows of class j; NaN where a class has had no rows.
    information : ndarray of shape (K, K)
        Fisher information about C: minus the second derivative of the log-likelihood.
    temperature : float
        T.
    n_iter : int, default=1
        Steps of the last fit of the constants, at least 1.
    """

    constants: FloatArray
    medians: FloatArray
    information: FloatArray
    temperature: float
    n_iter: int = 1

    @classmethod
    def of(cls, classifier: Any) -> Calibration:
        """Return that of a fitted classifier."""
        return cls(
            classifier.class_log_constants_,
            classifier.class_median_energies_,
            classifier._information,
            classifier.temperature_,
        )

    @classmethod
    def without_rows(cls, n_classes: int, temperature: float) -> Calibration:
        """Return that of classes which have had no rows."""
        nothing = np.zeros((n_classes, n_classes))
        return cls(np.full(n_classes, -np.inf), np.full(n_classes, np.nan), nothing, temperature)

    @classmethod
    def fit(cls, E: FloatArray, rows: Any, temperature: float) -> Calibration:
        """Fit the constants to the energies E (n, K) of `LabelledRows`, by maximum likelihood (ENERGY eq. 45)."""
        C, n_iter, information = log_constants(E, rows.labels, rows.supervised, temperature=temperature)
        medians = class_medians(E + C, rows.labels, rows.weight)
        return cls(C, medians, information, temperature, max(n_iter, 1))

    def progress(self, E: FloatArray, rows: Any, loss: str) -> dict[str, Any]:
        """Return the attributes of a classifier that say how the fit of the constants to rows has gone."""
        value = rows.mean_loss(loss, (E + self.constants) / self.temperature)
        return {"loss_": value, "n_iter_": self.n_iter, "loss_curve_": None, "validation_loss_curve_": None}

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of a classifier with this calibration."""
        return {
            "class_log_constants_": self.constants,
            "class_median_energies_": self.medians,
            "_information": self.information,
            "temperature_": self.temperature,
        }

    def scores(self, E: FloatArray) -> FloatArray:
        """Return E_j + C_j in float64."""
        return E.astype(np.float64) + self.constants

    def part(self, classes: IntArray) -> Calibration:
        """Return that of some classes."""
        information = self.information[np.ix_(classes, classes)]
        parts = {"constants": self.constants[classes], "medians": self.medians[classes], "information": information}
        return dataclasses.replace(self, **parts)

    @property
    def seen(self) -> IntArray:
        """The classes that have had rows."""
        return np.flatnonzero(np.isfinite(self.constants))

    def with_medians(self, E: FloatArray, rows: Any) -> Calibration:
        """Return it with the medians of the classes that have rows."""
        medians = class_medians(E + self.constants, rows.labels, rows.weight)
        return dataclasses.replace(self, medians=np.where(np.isnan(medians), self.medians, medians))

    def with_constants(self, constants: FloatArray) -> Calibration:
        """Return it with other constants, by which the medians of the classes that had one move."""
        old, medians = self.seen, self.medians.copy()
        medians[old] += constants[old] - self.constants[old]
        return dataclasses.replace(self, constants=constants, medians=medians)

    def expanded(self, added: BoolArray) -> Calibration:
        """Return it with more classes, which have had no rows: those where `added`, of shape (K,), is true."""
        return dataclasses.replace(
            self,
            constants=expanded(self.constants, added, -np.inf),
            medians=expanded(self.medians, added, np.nan),
            information=expanded(expanded(self.information, added, 0.0).T, added, 0.0).T,
        )

    def update(self, E: FloatArray, labels: IntArray, weight: FloatArray | None) -> Calibration:
        """Take in what the energies E of more rows tell. New classes start at the median of the others.

        The information of earlier calls is a normal prior around the constants.
        """
        constants, information, n_iter = self._with_new_classes(E, labels, weight), self.information * _MEMORY, 1
        seen = np.flatnonzero(np.isfinite(constants))
        within = np.ix_(seen, seen)
        if weight is None or weight.any():
            precision = information[within]
            if len(np.unique(labels)) < len(seen):
                least = _LEAST_INFORMATION / self.temperature**2
                precision = precision + least * (np.eye(len(seen)) - 1.0 / len(seen))
            constants[seen], n_iter, information[within] = log_constants(
                E[:, seen],
                np.searchsorted(seen, labels),
                weight,
                temperature=self.temperature,
                start=constants[seen],
                precision=precision,
            )
            information[within] += precision
        constants[seen] -= constants[seen].mean()
        moved = self.with_constants(constants)
        return dataclasses.replace(moved, information=information, n_iter=max(n_iter, 1))

    def add(self, E: FloatArray, rows: Any, new: BoolArray) -> Calibration:
        """Set the constants of new classes; see `ClassSpecificAEClassifier.add_class`."""
        constants, information = self._with_new_classes(E, rows.labels, rows.weight), self.information.copy()
        old = np.isfinite(self.constants)
        mean, seen = constants[old].mean(), np.flatnonzero(old | new)
        present = np.isin(np.arange(len(constants)), rows.labels)
        if (present & old).any() and (rows.supervised is None or rows.supervised.any()):
            complete = present[seen].all()
            constants[seen], _, fresh = log_constants(
                E[:, seen],
                np.searchsorted(seen, rows.labels),
                rows.supervised,
                temperature=self.temperature,
                start=constants[seen],
                free=None if complete else new[seen],
            )
            constants[seen] += mean - constants[old].mean()
            if complete:
                information[np.ix_(seen, seen)] = fresh
        return dataclasses.replace(self.with_constants(constants), information=information)

    def _with_new_classes(self, E, labels, weight):
        """Return the constants. A new class's makes its median the mean of the others' medians."""
        constants, medians = self.constants.copy(), class_medians(E, labels, weight)
        old = np.isfinite(constants)
        new = ~old & ~np.isnan(medians)
        target = self.medians[old].mean() if old.any() else 0.0
        constants[new] = target - medians[new]
        return constants


def class_medians(values, labels, weight):
    """Return the weighted (lower) median of column j of the rows with label j, for all j; NaN where there is none."""
    weight, out = np.ones(len(labels)) if weight is None else weight, np.full(values.shape[1], np.nan)
    for j in np.unique(labels):
        rows = np.flatnonzero(labels == j)
        rows = rows[np.argsort(values[rows, j], kind="stable")]
        total = np.cumsum(weight[rows])
        out[j] = values[rows[np.searchsorted(total, 0.5 * total[-1])], j]
    return out
