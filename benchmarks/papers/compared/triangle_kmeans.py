"""K-means with the triangle code."""

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import euclidean_distances

from .transformer import Transformer


class TriangleKMeans(Transformer):
    """max(0, mean_j |x - w_j| - |x - w_k|), with the centres w of K-means.

    Coates, Lee and Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011:
    about half of the units of each row are zero. ZAE 2.1.3 and its footnote 3 compare it to max(0, W x).

    Parameters
    ----------
    n_components : int, default=500
        Number of centres.
    mini_batch : bool, default=True
        Whether to train with batches (`MiniBatchKMeans`) instead of all rows at once (`KMeans`).
    batch_size : int, default=1000
        Rows of a batch.
    max_iter : int, default=100
        Largest number of passes over the rows.
    n_init : int, default=1
        Number of starts; the best fit is kept.
    random_state : int, RandomState instance or None, default=None
        Seed.
    """

    def __init__(
        self, n_components=500, *, mini_batch=True, batch_size=1000, max_iter=100, n_init=1, random_state=None
    ):
        self.n_components = n_components
        self.mini_batch, self.batch_size = mini_batch, batch_size
        self.max_iter, self.n_init, self.random_state = max_iter, n_init, random_state

    def fit(self, X, y=None):
        """Find the centres."""
        X = self._checked(X, reset=True)
        options = {"max_iter": self.max_iter, "n_init": self.n_init, "random_state": self.random_state}
        if self.mini_batch:
            kmeans = MiniBatchKMeans(self.n_components, batch_size=self.batch_size, **options)
        else:
            kmeans = KMeans(self.n_components, **options)
        self.components_ = kmeans.fit(X).cluster_centers_.astype(X.dtype, copy=False)
        self.n_iter_ = kmeans.n_iter_
        return self

    def _code(self, X):
        distances = euclidean_distances(X, self.components_)
        H = np.subtract(distances.mean(axis=1, keepdims=True), distances, out=distances)
        return np.maximum(H, 0.0, out=H).astype(X.dtype, copy=False)
