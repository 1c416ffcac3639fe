"""Objectives of training: value and gradient over the rows of a batch, for one flat parameter vector.

An objective has the methods ``value_and_grad``, ``value``, ``losses_at``, ``project`` and ``project_gradient``.
Unconstrained solvers also use ``constrain``, ``vjp`` and ``unconstrain``. If ``uses_mean_code`` is true, it has
``mean_code`` too. See `Reconstruction`. `Constrained` has the methods that apply constraints, also if there are none.
"""

from skae.objectives._classification import LOSSES, Classification
from skae.objectives._constrained import Constrained
from skae.objectives._factored import FactoredClassification, FactoredReconstruction
from skae.objectives._network import OUTPUT_LOSSES, Layer, Network, network_layout
from skae.objectives._reconstruction import Reconstruction
from skae.objectives._sparse_rows import SparseReconstruction, for_sparse_rows
from skae.objectives._taylor import FirstOrder, SecondOrder
from skae.penalties import Batch, Gradient

__all__ = [
    "LOSSES",
    "OUTPUT_LOSSES",
    "Batch",
    "Classification",
    "Constrained",
    "FactoredClassification",
    "FactoredReconstruction",
    "FirstOrder",
    "Gradient",
    "Layer",
    "Network",
    "Reconstruction",
    "SecondOrder",
    "SparseReconstruction",
    "for_sparse_rows",
    "network_layout",
]
