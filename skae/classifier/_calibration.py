"""Calibration: it makes the energies of separate autoencoders comparable, and gives probabilities (ENERGY eq. 45)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from skae._typing import BoolArray, FloatArray, IntArray
from skae.classifier._class_constants import finite_information, log_constants
from skae.classifier._insertion import insert_classes

# Share of the earlier information that a call of `partial_fit` keeps. It fades because the autoencoders change.
_MEMORY = 0.9
# Precision of a weak normal prior on the constants. It matters only for classes without rows in this call.
_LEAST_INFORMATION = 1e-2


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Constants, medians and temperature of the classes; see `ClassSpecificAEClassifier`.

    Parameters
    ----------
    constants : ndarray of shape (K,)
        Constants C. -inf for a class that has had no rows.
    medians : ndarray of shape (K,)
        Lower medians of E_j + C_j over the rows of class j. NaN for a class that has had no rows.
    information : ndarray of shape (K, K)
        Fisher information about C: minus the second derivative of the log-likelihood.
    temperature : float
        Temperature T.
    n_iter : int, default=1
        Number of steps of the last fit of the constants, at least 1.
    """

    constants: FloatArray
    medians: FloatArray
    information: FloatArray
    temperature: float
    n_iter: int = 1

    @classmethod
    def from_classifier(cls, classifier: Any) -> Calibration:
        """Return the calibration of a fitted classifier."""
        return cls(
            classifier.class_log_constants_,
            classifier.class_median_energies_,
            classifier._information,
            classifier.temperature_,
        )

    @classmethod
    def without_rows(cls, n_classes: int, temperature: float) -> Calibration:
        """Return the calibration of classes that have had no rows."""
        nothing = np.zeros((n_classes, n_classes))
        return cls(np.full(n_classes, -np.inf), np.full(n_classes, np.nan), nothing, temperature)

    @classmethod
    def fit(cls, E: FloatArray, rows: Any, temperature: float) -> Calibration:
        """Fit the constants to the energies E (n, K) of `LabelledRows`, by maximum likelihood (ENERGY eq. 45)."""
        C, n_iter, information = log_constants(E, rows.labels, rows.supervised, temperature=temperature)
        medians = class_medians(E + C, rows.labels, rows.weight)
        return cls(C, medians, information, temperature, max(n_iter, 1))

    def mean_loss(self, E: FloatArray, rows: Any, loss: str) -> float:
        """Return the mean loss of the calibrated energies of `LabelledRows`, given their energies E (n, K)."""
        return rows.mean_loss(loss, (E + self.constants) / self.temperature)

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

    def subset(self, classes: IntArray) -> Calibration:
        """Return the calibration of some classes."""
        information = self.information[np.ix_(classes, classes)]
        return Calibration(self.constants[classes], self.medians[classes], information, self.temperature, self.n_iter)

    @property
    def seen(self) -> IntArray:
        """Indices of the classes that have had rows."""
        return np.flatnonzero(np.isfinite(self.constants))

    def with_medians(self, E: FloatArray, rows: Any) -> Calibration:
        """Return the calibration with new medians for the classes in `rows`."""
        medians = class_medians(E + self.constants, rows.labels, rows.weight)
        return dataclasses.replace(self, medians=np.where(np.isnan(medians), self.medians, medians))

    def with_constants(self, constants: FloatArray) -> Calibration:
        """Return the calibration with other constants. The medians move with the constants of their classes."""
        old, medians = self.seen, self.medians.copy()
        medians[old] += constants[old] - self.constants[old]
        return dataclasses.replace(self, constants=constants, medians=medians)

    def with_places(self, added: BoolArray) -> Calibration:
        """Return the calibration with more classes, without rows. `added` (K,) is true at the new places."""
        return dataclasses.replace(
            self,
            constants=insert_classes(self.constants, added, -np.inf),
            medians=insert_classes(self.medians, added, np.nan),
            information=insert_classes(insert_classes(self.information, added, 0.0).T, added, 0.0).T,
        )

    def update(self, E: FloatArray, labels: IntArray, weight: FloatArray | None) -> Calibration:
        """Return the calibration after more rows, given their energies E (n, K).

        The information of earlier calls is a normal prior around the constants. For the constants of new classes, see
        `_initial_constants`.
        """
        constants, information, n_iter = self._initial_constants(E, labels, weight), self.information * _MEMORY, 1
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
            with np.errstate(over="ignore", under="ignore"):
                information[within] = finite_information(information[within] + precision)
        constants[seen] -= constants[seen].mean()
        moved = self.with_constants(constants)
        return dataclasses.replace(moved, information=information, n_iter=max(n_iter, 1))

    def add_classes(self, E: FloatArray, rows: Any, new: BoolArray, complete: bool) -> Calibration:
        """Return the calibration with constants for new classes; see `ClassSpecificAEClassifier.add_class`.

        `complete` says that there are real rows of all classes: then the constants of old ones are fitted too.
        """
        constants, information = self._initial_constants(E, rows.labels, rows.weight), self.information.copy()
        old = np.isfinite(self.constants)
        mean, seen = constants[old].mean(), np.flatnonzero(old | new)
        if old[rows.labels].any() and (rows.supervised is None or rows.supervised.any()):
            fitted, _, fresh = log_constants(
                E[:, seen],
                np.searchsorted(seen, rows.labels),
                rows.supervised,
                temperature=self.temperature,
                start=constants[seen],
                free=None if complete else new[seen],
            )
            if complete:
                constants[seen] = fitted + (mean - fitted[old[seen]].mean())
                information[np.ix_(seen, seen)] = fresh
            else:
                constants[new] = fitted[new[seen]]
        return dataclasses.replace(self.with_constants(constants), information=information)

    def _initial_constants(self, E, labels, weight):
        """Return the constants, with those of new classes: their medians become the mean of the others' medians."""
        constants, medians = self.constants.copy(), class_medians(E, labels, weight)
        old = np.isfinite(constants)
        new = ~old & ~np.isnan(medians)
        target = self.medians[old].mean() if old.any() else 0.0
        constants[new] = target - medians[new]
        return constants


def class_medians(values, labels, weight):
    """Return, for each j, the weighted (lower) median of column j over the rows with label j. NaN without such rows."""
    weight, out = np.ones(len(labels)) if weight is None else weight, np.full(values.shape[1], np.nan)
    for j in np.unique(labels):
        rows = np.flatnonzero(labels == j)
        rows = rows[np.argsort(values[rows, j], kind="stable")]
        total = np.cumsum(weight[rows])
        out[j] = values[rows[np.searchsorted(total, 0.5 * total[-1])], j]
    return out
