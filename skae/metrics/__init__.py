"""Measures of fitted autoencoders.

Each function takes a fitted autoencoder, or a Pipeline that ends in one, and data for its input. With a Pipeline, the
measure is in the space of the data that the last step gets. `denoising_r2`, `reconstruction_r2` and
`neg_score_matching_loss` are scorers too: ``GridSearchCV(..., scoring=reconstruction_r2)``. They take sample weights,
and request them by ``set_score_request`` where metadata routing is on. Sums are in float64, over chunks of rows.
"""

from skae.metrics._codes import activation_counts as activation_counts
from skae.metrics._codes import (
    activation_fraction,
    active_set_spectrum,
    bias_statistics,
    dead_unit_fraction,
    frame_bounds,
    lifetime_sparsity,
    parseval_gap,
    population_sparsity,
)
from skae.metrics._scores import (
    denoising_r2,
    neg_score_matching_loss,
    per_feature_error,
    reconstruction_r2,
    score_matching_loss,
)

__all__ = [
    "activation_fraction",
    "active_set_spectrum",
    "bias_statistics",
    "dead_unit_fraction",
    "denoising_r2",
    "frame_bounds",
    "lifetime_sparsity",
    "neg_score_matching_loss",
    "parseval_gap",
    "per_feature_error",
    "population_sparsity",
    "reconstruction_r2",
    "score_matching_loss",
]
