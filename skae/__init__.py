"""Regularized autoencoders with an analytic energy, for scikit-learn."""

from __future__ import annotations

import importlib
from types import ModuleType

from skae._show_versions import show_versions
from skae._version import __version__
from skae.autoencoders import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
    regularization_path,
)
from skae.classifier import ClassSpecificAEClassifier
from skae.network import FineTunedClassifier, FineTunedRegressor
from skae.outlier import EnergyOutlierDetector
from skae.preprocessing import ContrastNormalizer, PCAWhitener

_TOOLS = ("callbacks", "dask", "datasets", "metrics", "onnx", "persistence", "plotting", "testing")

__all__ = [
    "ClassSpecificAEClassifier",
    "ContractiveAutoencoder",
    "ContrastNormalizer",
    "DenoisingAutoencoder",
    "EnergyOutlierDetector",
    "FineTunedClassifier",
    "FineTunedRegressor",
    "MarginalizedDenoisingAutoencoder",
    "PCAWhitener",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
    "ZeroBiasAutoencoder",
    "__version__",
    "regularization_path",
    "show_versions",
]


def __getattr__(name: str) -> ModuleType:
    """Import a tool at its first use."""
    if name in _TOOLS:
        return importlib.import_module(f"skae.{name}")
    raise AttributeError(f"module 'skae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_TOOLS})
