"""Novelty and outlier detection by energy."""

from skae.outlier._bagged import BaggedMixtureAutoencoder
from skae.outlier._detector import EnergyOutlierDetector
from skae.outlier._ensemble import MixtureEnsemble
from skae.outlier._feature_scaler import FeatureScaler
from skae.outlier._mixture import MixtureAutoencoder

__all__ = [
    "BaggedMixtureAutoencoder",
    "EnergyOutlierDetector",
    "FeatureScaler",
    "MixtureAutoencoder",
    "MixtureEnsemble",
]
