"""Regularized autoencoders with an analytic energy, for scikit-learn."""

from skae.estimators import (
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)

__version__ = "0.1.0"

__all__ = [
    "ContractiveAutoencoder",
    "ContrastNormalizer",
    "DenoisingAutoencoder",
    "EnergyOutlierDetector",
    "MarginalizedDenoisingAutoencoder",
    "PCAWhitener",
    "SparseAutoencoder",
    "ZeroBiasAutoencoder",
    "__version__",
]
