"""Parameters of an objective: one flat vector with named blocks, constraints on row lengths, starting values."""

from skae.parameters._constraints import MaxNorm, UnitNorm
from skae.parameters._initialization import (
    INITIALIZATIONS,
    Sample,
    initial_biases,
    initial_parameters,
    initial_weights,
)
from skae.parameters._layout import Layout

__all__ = [
    "INITIALIZATIONS",
    "Layout",
    "MaxNorm",
    "Sample",
    "UnitNorm",
    "initial_biases",
    "initial_parameters",
    "initial_weights",
]
