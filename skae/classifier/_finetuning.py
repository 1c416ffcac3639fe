"""Fine-tuning: all parameters of a classifier are trained on the loss of its scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._typing import FloatArray, IntArray
from skae.classifier._energies import ClassEnergies
from skae.classifier._rows import LabelledRows
from skae.parameters import MaxNorm, UnitNorm
from skae.training import Batches, Stage, Training, active_share, input_noise, labelled_route, train


class FineTuning:
    """Fine-tuning from given energies and constants.

    Parameters
    ----------
    classifier : ClassSpecificAEClassifier
        Its parameters describe loss, weight decay, noise and batches.
    energies : ClassEnergies
        Energies at the start.
    constants : ndarray of shape (K,)
        Constants C at the start.
    constraint : UnitNorm or MaxNorm or None
        Constraint on the weights.
    rows : LabelledRows
        All rows. The methods take the indices of the rows to use, or None for all.
    """

    def __init__(
        self,
        classifier: Any,
        energies: ClassEnergies,
        constants: FloatArray,
        constraint: UnitNorm | MaxNorm | None,
        rows: LabelledRows,
    ) -> None:
        self.classifier, self.energies, self.rows = classifier, energies, rows
        self.route = labelled_route(classifier, rows.data, energies.layout(train=True).size // rows.data.shape[1])
        options = {"loss": classifier.loss, "l2": classifier.l2, "by_columns": self.route.stay_sparse}
        self.objective, self.theta = energies.objective(rows.data.dtype, constants, constraint, train=True, **options)
        self._labels, self._weight = rows.spread(rows.labels), rows.spread(rows.supervised)

    def unpack(self, theta: FloatArray) -> tuple[ClassEnergies, FloatArray]:
        """Return the energies and the constants for parameters `theta`."""
        return self.energies.unpack(self.objective, theta)

    def clean_batches(self, chosen: IntArray | None) -> Batches:
        """Return large batches of rows without noise, to evaluate parameters on."""
        rows, size, options = self.rows.positions(chosen), self.route.chunk_size, {"labels": self._labels}
        options["stay_sparse"] = self.route.stay_sparse
        return Batches(self.rows.data, self._weight, rows, size, shuffle=False, **options)

    def active_share(self, chosen: IntArray | None) -> Any:
        """Return the function that gives the share of active codes, for the line that `verbose` prints."""
        return active_share(self.objective, self.clean_batches(chosen), self.rows.data.dtype)

    def minimize(self, stage: Stage, chosen: IntArray | None, rng: np.random.Generator, **options: Any) -> Training:
        """Train on rows with noise. The final loss is over the rows without noise. For `options`, see `train`."""
        rows, noise = self.rows, input_noise(self.classifier)
        batches = self.classifier._corrupted_batches(
            rows.data,
            self._weight,
            rows.positions(chosen),
            self.route,
            rng,
            noise,
            range_rows=rows.index,
            labels=self._labels,
        )
        return train(
            self.objective,
            [stage],
            self.theta,
            batches,
            rng,
            multiplications=batches.rows_per_batch * self.objective.layout.size,
            final_batches=self.clean_batches(chosen),
            **options,
        )
