"""Regularized autoencoders with an analytic energy, for scikit-learn."""

from skae.estimators import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
    regularization_path,
)

__version__ = "0.1.0"

__all__ = [
    "ClassSpecificAEClassifier",
    "ContractiveAutoencoder",
    "ContrastNormalizer",
    "DenoisingAutoencoder",
    "EnergyOutlierDetector",
    "MarginalizedDenoisingAutoencoder",
    "PCAWhitener",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
    "ZeroBiasAutoencoder",
    "__version__",
    "regularization_path",
]
