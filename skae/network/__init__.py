"""Networks whose layers start as autoencoders, as scikit-learn estimators."""

from skae.network._classifier import FineTunedClassifier

__all__ = ["FineTunedClassifier"]
