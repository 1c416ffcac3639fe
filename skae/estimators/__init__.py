"""scikit-learn estimators."""

from skae.estimators._contractive import ContractiveAutoencoder

__all__ = ["ContractiveAutoencoder"]
