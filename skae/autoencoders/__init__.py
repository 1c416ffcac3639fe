"""Autoencoders, as scikit-learn estimators."""

from skae.autoencoders._base import BaseAutoencoder
from skae.autoencoders._contractive import ContractiveAutoencoder
from skae.autoencoders._denoising import DenoisingAutoencoder
from skae.autoencoders._denoising_score import denoising_score, residuals_stay_sparse
from skae.autoencoders._fit_parts import batches_for, fit_quietly, objective_on, stage_for, start
from skae.autoencoders._marginalized import MarginalizedDenoisingAutoencoder
from skae.autoencoders._pipeline import (
    activation_of,
    autoencoder_and_input,
    autoencoder_of,
    has_frozen_model,
    in_a_row,
    is_frozen,
    last_step,
    model_and_input,
    sparse_model_and_input,
    steps_before,
    unfrozen,
)
from skae.autoencoders._prediction import AutoencoderPrediction
from skae.autoencoders._regularization_path import regularization_path
from skae.autoencoders._saturating import SaturatingAutoencoder
from skae.autoencoders._sparse import SparseAutoencoder
from skae.autoencoders._zero_bias import ZeroBiasAutoencoder

__all__ = [
    "AutoencoderPrediction",
    "BaseAutoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "MarginalizedDenoisingAutoencoder",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
    "ZeroBiasAutoencoder",
    "activation_of",
    "autoencoder_and_input",
    "autoencoder_of",
    "batches_for",
    "denoising_score",
    "fit_quietly",
    "has_frozen_model",
    "in_a_row",
    "is_frozen",
    "last_step",
    "model_and_input",
    "objective_on",
    "regularization_path",
    "residuals_stay_sparse",
    "sparse_model_and_input",
    "stage_for",
    "start",
    "steps_before",
    "unfrozen",
]
