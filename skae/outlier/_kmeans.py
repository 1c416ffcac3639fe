"""K-means: centres of all rows, or of a sample of the rows."""

import hashlib

import numpy as np
from scipy import sparse

from skae.training import blas_threads, row_chunks

# Centres are found from at most this number of rows. More rows change them little.
_SAMPLE_ROWS = 4096

# The largest number of passes over the rows. The passes end when the centres move, in sum of squares, by less than this
# share of the mean variance of a feature.
_MAX_ITER, _TOL = 10, 1e-4

# The scores of so many rows stay in cache, which makes a pass four times as fast.
_NEAREST_ROWS = 256

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
    """Return the distinct centres of K-means, and the variance of a feature within a cluster.

    These are Lloyd's iterations, from distinct rows. A centre is dropped when no row is nearest to it.

    scikit-learn's KMeans does the same, but sets a limit on the BLAS threads of the whole process. Two fits in two
    threads would leave it behind (scikit-learn 1.9.1), and every later product would run on one thread.
    """
    distinct = {}
    for i in np.random.default_rng(seed).permutation(len(X)):
        distinct.setdefault(hashlib.blake2b(X[i].tobytes(), digest_size=16).digest(), i)  # rows would take X's memory
    centers = X[list(distinct.values())[:n_clusters]]
    smallest_shift = _TOL * float(X.var(axis=0).mean())
    with blas_threads(0.0):
        labels = _nearest(X, centers)
        for _ in range(_MAX_ITER):
            before, (kept, labels) = labels, np.unique(labels, return_inverse=True)
            moved = _means(X, labels)
            shift = float(np.square(moved - centers[kept]).sum())
            centers, before, labels = moved, labels, _nearest(X, moved)
            if shift <= smallest_shift or np.array_equal(labels, before):
                break
    kept, labels = np.unique(labels, return_inverse=True)
    centers = centers[kept]
    inertia = sum(float(np.square(chunk - centers[labels[rows]]).sum()) for rows, chunk in row_chunks(X))
    return centers, inertia / (max(len(X) - len(centers), 1) * X.shape[1])


def _nearest(X, centers):
    """Return the index of the centre that is nearest to each row."""
    half_squares, labels = 0.5 * np.einsum("ij,ij->i", centers, centers), np.empty(len(X), dtype=np.intp)
    for rows, chunk in row_chunks(X, rows=_NEAREST_ROWS):
        scores = chunk @ centers.T
        scores -= half_squares
        np.argmax(scores, axis=1, out=labels[rows])
    return labels


def _means(X, labels):
    """Return the mean of the rows with each label, 0 to the largest."""
    members = sparse.csc_array((np.ones(len(X)), labels, np.arange(len(X) + 1)))
    return (members @ X) / np.bincount(labels)[:, None]
