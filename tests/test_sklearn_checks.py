"""scikit-learn's own checks: those of `check_estimator`, and the transformer checks that it does not run."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.metaestimators import available_if

from skae import ContractiveAutoencoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# The checks fit many small data sets, and ask for contracts, not for convergence.
SMALL = {"n_components": 3, "max_iter": 5, "random_state": 0}

# A later estimator is added here, and nowhere else.
ESTIMATORS = [
    ContractiveAutoencoder(solver="adam", **SMALL),
    ContractiveAutoencoder(solver="sgd", **SMALL),
    ContractiveAutoencoder(solver="lbfgs", **SMALL),
    ContractiveAutoencoder(activation="relu", tied_weights=False, l2=0.01, encoding="linear", init="pca", **SMALL),
]

# What `check_estimator` does not run for transformers; a name that a version of scikit-learn lacks is left out.
TRANSFORMER_CHECKS = [
    getattr(estimator_checks, name)
    for name in (
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_global_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
        "check_dataframe_column_names_consistency",
        "check_estimators_partial_fit_n_features",
        "check_inplace_ensure_writeable",
    )
    if hasattr(estimator_checks, name)
]


def as_float32(X):
    """Return X with its real numbers in float32; what is not numbers is for the estimator to refuse."""
    if isinstance(X, list):
        array = np.asarray(X)
        return as_float32(array) if array.dtype.kind in "biuf" else X
    if sparse.issparse(X) or isinstance(X, np.ndarray):
        return X.astype(np.float32) if X.dtype.kind in "biuf" else X
    if hasattr(X, "columns") and hasattr(X, "iloc"):  # pandas
        return X.astype(np.float32)
    return X


def float32_variant(cls):
    """Return a subclass of an autoencoder that casts what it is given to float32."""

    def casting(name):
        def method(self, X, *args, **kwargs):
            return getattr(super(variant, self), name)(as_float32(X), *args, **kwargs)

        method.__name__ = name
        return method

    names = ("fit", "transform", "inverse_transform", "reconstruct", "score_samples", "score", "vector_field")
    variant = type(f"Float32{cls.__name__}", (cls,), {name: casting(name) for name in names})
    return variant
