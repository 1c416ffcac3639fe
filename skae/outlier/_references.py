"""References of `EnergyOutlierDetector.explain`: each sample is compared with the mean of the rows nearest to it."""

import numpy as np

from skae.outlier._feature_scaler import on_grid
from skae.outlier._kmeans import cluster, most_units, sample_rows
from skae.training import dense

# A reference is the mean of this number of rows. The nearest row alone brings its own noise; many are no longer near.
_NEAREST = 3

# Centres are found from at most this number of matrix entries, because sparse rows become dense there.
_SAMPLE_ELEMENTS = 2**24

# Differences are clipped to this number of standard deviations, so that their sums stay finite.
_FARTHEST = 1e60


def cluster_centers(X, mean, scale, rng):
    """Return the K-means centres of (a sample of) the standardised rows, in the units of X.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, d)
        Rows.
    mean, scale : ndarray of shape (d,)
        Mean and standard deviation of the features.
    rng : numpy.random.Generator
        Draws the sample of rows and the starting centres.

    Returns
    -------
    ndarray of shape (n_centers, d)
        float64.
    """
    rows = np.subtract(dense(sample_rows(X, rng, max(1, _SAMPLE_ELEMENTS // X.shape[1]))), mean, dtype=np.float64)
    rows /= scale
    centers, _ = cluster(on_grid(rows, out=rows), most_units(len(rows)), int(rng.integers(2**31)))
    return mean + scale * centers


def nearest_mean(X, rows, scale):
    """Return the mean of the three `rows` nearest to each row of X. Fewer than three rows are all taken.

    The distance is the sum over the features of |x_i - row_i| / scale_i. With squares, the odd features of a sample
    would choose its reference.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples.
    rows : ndarray of shape (n_rows, d)
        Rows to choose from.
    scale : ndarray of shape (d,)
        Standard deviations of the features.

    Returns
    -------
    ndarray of shape (n, d)
        float64.
    """
    from sklearn.neighbors import NearestNeighbors

    def scaled(A):
        with np.errstate(over="ignore", under="ignore"):
            return np.clip(A / scale, -_FARTHEST, _FARTHEST)

    # Rows shifted to their middle lose no digits to a large mean.
    middle = rows.mean(axis=0)
    neighbors = NearestNeighbors(n_neighbors=min(_NEAREST, len(rows)), metric="manhattan").fit(scaled(rows - middle))
    chosen = neighbors.kneighbors(scaled(X - middle), return_distance=False)
    return rows[chosen].mean(axis=1)
