"""Fine-tuning: all parameters of a classifier follow the loss of its scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._typing import FloatArray, IntArray
from skae.classifier._energies import ClassEnergies
from skae.classifier._rows import LabelledRows
from skae.corruption import Corruption, as_corruption
from skae.parameters import MaxNorm, UnitNorm
from skae.training import Batches, Stage, Training, active_share, chunk_rows, corrupting, corruption_range, train


class FineTuning:
    """Fine-tuning from given energies and constants.

    Parameters
    ----------
    classifier : ClassSpecificAEClassifier
        Its parameters describe loss, weight decay, noise and batches.
    energies : ClassEnergies
        Where to start.
    constants : ndarray of shape (K,)
        C at the start.
    constraint : UnitNorm or MaxNorm or None
        Kept on the weights.
    rows : LabelledRows
        All rows; the methods take the indices of those that they use, or None for all.
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
        options = {"loss": classifier.loss, "l2": classifier.l2}
        self.objective, self.theta = energies.objective(rows.X.dtype, constants, constraint, train=True, **options)
        n_features = rows.X.shape[1]
        self._n_columns = max(n_features, self.objective.layout.size // n_features)

    def at(self, theta: FloatArray) -> tuple[ClassEnergies, FloatArray]:
        """Return the energies and the constants at some parameters."""
        return self.energies.at(self.objective, theta)

    def without_noise(self, chosen: IntArray | None) -> Batches:
        """Return rows in large batches, to judge parameters by."""
        rows = self.rows
        size = chunk_rows(self._n_columns)
        return Batches(rows.X, rows.supervised, chosen, size, shuffle=False, labels=rows.labels)

    def active_share(self, chosen: IntArray | None) -> Any:
        """Return the function that a line of `verbose` asks for the share of active codes."""
        return active_share(self.objective, self.without_noise(chosen), self.rows.X.dtype)

    def minimize(self, stage: Stage, chosen: IntArray | None, rng: np.random.Generator, **options: Any) -> Training:
        """Train on rows with noise; the final loss is over the rows without it. `options` are those of `train`."""
        rows, noise = self.rows, noise_of(self.classifier)
        batches = self.classifier._training_batches(
            rows.X,
            rows.supervised,
            chosen,
            self._n_columns,
            noise_seed=int(rng.integers(2**63)) if self.classifier.solver == "lbfgs" else None,
            corruption=corrupting(noise, corruption_range(noise, rows.X)),
            labels=rows.labels,
        )
        return train(
            self.objective,
            [stage],
            self.theta,
            batches,
            rng,
            multiplications=batches.rows_per_batch * self.objective.layout.size,
            final_batches=self.without_noise(chosen),
            **options,
        )


def noise_of(classifier: Any) -> Corruption | None:
    """Return what is done to the input in fine-tuning."""
    return None if classifier.noise is None else as_corruption(classifier.noise, classifier.noise_level)
