"""Generative classification: one autoencoder for each class."""

from skae.classifier._classifier import ClassSpecificAEClassifier

__all__ = ["ClassSpecificAEClassifier"]
