"""What the transformers share: checked rows, float32 kept, names of the features."""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of the transformers. A subclass has `fit`, `_code` of checked rows, and `n_components`."""

    def transform(self, X):
        """Return the code of the rows of X, shape (n, n_components), in X's dtype."""
        check_is_fitted(self)
        return self._code(self._checked(X, reset=False))

    def _checked(self, X, reset):
        """Return rows that are float32 or float64."""
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=reset)

    @property
    def _n_features_out(self):
        return self.n_components

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def root_mean_variance(X):
    """Return the root of the mean variance of the features, or 1 if no feature varies."""
    return float(np.sqrt(X.var(axis=0, dtype=np.float64).mean())) or 1.0


def row_weights(X, sample_weight):
    """Return weights of the rows that sum to 1, shape (n, 1), in X's dtype."""
    weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return (weight / weight.sum())[:, None].astype(X.dtype)
