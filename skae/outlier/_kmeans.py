"""K-means: centres of all rows, or of a sample of the rows."""

import hashlib
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae.training import one_openmp_thread

# Centres are found from at most this number of rows. More rows change them little.
_SAMPLE_ROWS = 4096

# The largest number of centres, and the smallest number of rows for each centre.
MAX_UNITS, _ROWS_PER_UNIT = 256, 4


def most_units(n_rows):
    """Return the number of centres for `n_rows` rows."""
    return max(1, min(MAX_UNITS, n_rows // _ROWS_PER_UNIT))


def sample_rows(X, rng, n_rows=_SAMPLE_ROWS):
    """Return the rows of X. If there are more than `n_rows` or 4096, return a random sample of that size."""
    n_rows = min(n_rows, _SAMPLE_ROWS)
    if X.shape[0] <= n_rows:
        return X
    return X[np.sort(rng.permutation(X.shape[0])[:n_rows])]


def cluster(X, n_clusters, seed):
    """Return the distinct centres of K-means, and the variance of a feature within a cluster. X is overwritten.

    K-means starts from distinct rows. With more clusters than distinct rows, scikit-learn 1.9.1 relocates empty
    clusters, which can throw centres out of the data.
    """
    from sklearn.cluster import KMeans

    distinct = {}
    for i in np.random.default_rng(seed).permutation(len(X)):
        distinct.setdefault(hashlib.blake2b(X[i].tobytes(), digest_size=16).digest(), i)  # rows would take X's memory
    start = X[list(distinct.values())[:n_clusters]]
    with warnings.catch_warnings(), one_openmp_thread():
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans = KMeans(len(start), init=start, n_init=1, max_iter=10, copy_x=False).fit(X)
    centers = kmeans.cluster_centers_[np.unique(kmeans.labels_)]
    freedom = max(len(X) - len(centers), 1) * X.shape[1]
    return centers, float(kmeans.inertia_) / freedom
