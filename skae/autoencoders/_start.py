"""The start of a fit: checked data, objectives and starting parameters."""

from __future__ import annotations

import dataclasses

import numpy as np

from skae._typing import FloatArray, MatrixLike
from skae.objectives import Reconstruction
from skae.parameters import Sample, initial_parameters
from skae.training import Batches, blas_threads

# Initialization looks at this many rows, or at fewer if they hold more than this many elements.
_SAMPLE_ROWS, _SAMPLE_ELEMENTS = 2000, 2**22


@dataclasses.dataclass(frozen=True)
class Start:
    """Start of a fit.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, d)
        Checked rows.
    sample_weight : ndarray of shape (n,) or None
        Checked weights.
    objectives : list of Reconstruction
        The objective of each stage.
    theta : ndarray
        Starting parameters.
    batches : Batches
        Rows to train on.
    final_batches : Batches
        The same rows for the loss over all of them, where larger batches are cheaper.
    validation : Batches or None
        Rows to validate on.
    rng : numpy.random.Generator
        Source of randomness.
    """

    X: MatrixLike
    sample_weight: FloatArray | None
    objectives: list[Reconstruction]
    theta: FloatArray
    batches: Batches
    final_batches: Batches
    validation: Batches | None
    rng: np.random.Generator


def fresh_parameters(objective, init, visible, batches, mean, dtype, rng):
    """Return initial parameters, made from a sample of the rows; see `skae.parameters.initial_parameters`."""
    n_components, n_features = objective.layout.shapes["W"]
    n_rows = min(_SAMPLE_ROWS, max(_SAMPLE_ELEMENTS // n_features, 1))
    if init == "auto":
        init = "data" if objective.activation.derived_bias else "glorot"
    sample = Sample(*batches.sample(n_rows if init == "glorot" else max(n_rows, n_components), rng), mean)
    with blas_threads(len(sample.X) * n_components * n_features):
        return initial_parameters(
            objective.layout, init, sample, objective.activation, visible, rng, dtype, objective.constraint
        )


def packed_parameters(objective, parts, dtype):
    """Return fitted parameters as one vector that meets the objective's constraint; `parts` has W, V, b and c."""
    layout = objective.layout
    if parts["W"].shape != layout.shapes["W"]:
        raise ValueError(
            f"the fitted components_ have shape {parts['W'].shape}, but n_components and X ask for "
            f"{layout.shapes['W']}; keep them, or fit with warm_start=False"
        )
    theta = layout.pack(dtype, **{name: parts[name] for name in layout.shapes})
    objective.project(theta)
    return theta
