"""Systems that the zero-bias paper compares with (ZAE 4.1, 4.2, figures 4 and 5), as scikit-learn transformers.

A script imports them from the folder above::

    from compared import CovarianceAutoencoder, GaussianRBM, RandomFilters, StandoutAutoencoder, TriangleKMeans
"""

from .covae import CovarianceAutoencoder, GatedReconstruction
from .gaussian_rbm import ContrastiveDivergence, GaussianRBM
from .random_filters import RandomFilters
from .standout import DrawnStandout, ExpectedStandout, StandoutAutoencoder, StandoutReconstruction
from .triangle_kmeans import TriangleKMeans

__all__ = [
    "ContrastiveDivergence",
    "CovarianceAutoencoder",
    "DrawnStandout",
    "ExpectedStandout",
    "GatedReconstruction",
    "GaussianRBM",
    "RandomFilters",
    "StandoutAutoencoder",
    "StandoutReconstruction",
    "TriangleKMeans",
]
