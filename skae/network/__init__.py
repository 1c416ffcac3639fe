"""Networks whose layers start as autoencoders, as scikit-learn estimators."""

from skae.network._classifier import FineTunedClassifier
from skae.network._encoder import Encoder
from skae.network._regressor import FineTunedRegressor

__all__ = ["Encoder", "FineTunedClassifier", "FineTunedRegressor"]
