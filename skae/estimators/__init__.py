"""scikit-learn estimators."""

from skae.estimators._classifier import ClassSpecificAEClassifier
from skae.estimators._contractive import ContractiveAutoencoder
from skae.estimators._contrast import ContrastNormalizer
from skae.estimators._denoising import DenoisingAutoencoder, MarginalizedDenoisingAutoencoder
from skae.estimators._outlier import EnergyOutlierDetector
from skae.estimators._path import regularization_path
from skae.estimators._saturating import SaturatingAutoencoder
from skae.estimators._sparse import SparseAutoencoder
from skae.estimators._whitening import PCAWhitener
from skae.estimators._zero_bias import ZeroBiasAutoencoder

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
    "regularization_path",
]
