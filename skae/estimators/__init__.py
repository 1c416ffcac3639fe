"""scikit-learn estimators."""

from skae.estimators._contractive import ContractiveAutoencoder
from skae.estimators._outlier import EnergyOutlierDetector
from skae.estimators._whitening import ContrastNormalizer, PCAWhitener
from skae.estimators._zero_bias import ZeroBiasAutoencoder

__all__ = [
    "ContractiveAutoencoder",
    "ContrastNormalizer",
    "EnergyOutlierDetector",
    "PCAWhitener",
    "ZeroBiasAutoencoder",
]
