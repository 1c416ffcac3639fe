"""Filters that nothing has trained: what training has to beat."""

import numpy as np

from .transformer import Transformer


class RandomFilters(Transformer):
    """max(0, W x) with random rows w_k of unit length (ZAE 2.1.3).

    Coates and Ng, "The importance of encoding versus training with sparse coding and vector quantization", ICML 2011,
    found that such filters are good features.

    Parameters
    ----------
    n_components : int, default=500
        Number of filters.
    filters : {"gaussian", "rows"}, default="gaussian"
        Normal numbers, or centred rows of the training data.
    random_state : int or None, default=None
        Seed.
    """

    def __init__(self, n_components=500, *, filters="gaussian", random_state=None):
        self.n_components, self.filters, self.random_state = n_components, filters, random_state

    def fit(self, X, y=None):
        """Draw the filters."""
        X, rng = self._checked(X, reset=True), np.random.default_rng(self.random_state)
        k, (n, d) = self.n_components, X.shape
        if self.filters == "gaussian":
            W = rng.standard_normal((k, d))
        elif self.filters == "rows":
            W = X[rng.choice(n, k, replace=k > n)] - X.mean(axis=0, dtype=np.float64)
        else:
            raise ValueError(f"filters must be 'gaussian' or 'rows', got {self.filters!r}")
        length = np.linalg.norm(W, axis=1, keepdims=True)
        self.components_ = np.divide(W, length, out=np.zeros_like(W), where=length > 0.0).astype(X.dtype)
        return self

    def _code(self, X):
        H = X @ self.components_.T
        return np.maximum(H, 0.0, out=H)
