"""One autoencoder per class: generative classification."""

from skae.classifier._classifier import ClassSpecificAEClassifier

__all__ = ["ClassSpecificAEClassifier"]
