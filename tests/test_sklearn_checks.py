"""scikit-learn's own checks: those of `check_estimator`, and the transformer checks that it does not run."""

import functools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.metaestimators import available_if

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.estimators._mixture import MixtureAutoencoder

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # The set_output checks fit and predict with and without names.
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning"),
]

# The checks fit many small data sets, and ask for contracts, not for convergence.
SMALL = {"n_components": 3, "max_iter": 5, "random_state": 0}

# A later estimator is added here, and nowhere else.
ESTIMATORS = [
    ContractiveAutoencoder(solver="adam", **SMALL),
    ContractiveAutoencoder(solver="sgd", **SMALL),
    ContractiveAutoencoder(solver="lbfgs", **SMALL),
    ContractiveAutoencoder(activation="relu", tied_weights=False, l2=0.01, encoding="linear", init="pca", **SMALL),
    ZeroBiasAutoencoder(solver="adam", **SMALL),
    ZeroBiasAutoencoder(solver="sgd", **SMALL),
    ZeroBiasAutoencoder(solver="lbfgs", **SMALL),
    ZeroBiasAutoencoder(activation="tlin", **SMALL),
    DenoisingAutoencoder(**SMALL),
    DenoisingAutoencoder(noise="masking", solver="sgd", **SMALL),
    DenoisingAutoencoder(noise="salt_and_pepper", solver="lbfgs", **SMALL),
    DenoisingAutoencoder(approximation="first_order", l2=0.1, **SMALL),
    DenoisingAutoencoder(approximation="second_order", weight_constraint="unit", **SMALL),
    MarginalizedDenoisingAutoencoder(**SMALL),
    MarginalizedDenoisingAutoencoder(solver="sgd", **SMALL),
    MarginalizedDenoisingAutoencoder(solver="lbfgs", **SMALL),
    SparseAutoencoder(**SMALL),
    SparseAutoencoder(solver="sgd", **SMALL),
    SparseAutoencoder(solver="lbfgs", **SMALL),
    SparseAutoencoder(activation="relu", **SMALL),
    SaturatingAutoencoder(**SMALL),
    SaturatingAutoencoder(activation="relu", solver="lbfgs", **SMALL),
    SaturatingAutoencoder(activation="satlinear", solver="sgd", **SMALL),
    SaturatingAutoencoder(activation="tanh", **SMALL),
    PCAWhitener(),
    PCAWhitener(whiten="zca"),
    PCAWhitener(whiten=None),
    PCAWhitener(n_components=2),
    PCAWhitener(n_components=0.9, eps=1e-6),
    ContrastNormalizer(),
    MixtureAutoencoder(),
    EnergyOutlierDetector(),
    EnergyOutlierDetector(ContractiveAutoencoder(**SMALL)),
    ClassSpecificAEClassifier(),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), solver="sgd", temperature=1.0, random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), solver="lbfgs", temperature=1.0, random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), method="normalize", random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), method="energies", random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), loss="hinge", solver="sgd", random_state=0),
    ClassSpecificAEClassifier(DenoisingAutoencoder(**SMALL), n_factors=3, random_state=0),
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

# Checks that compare float32 results more sharply than float32 can.
NOT_IN_FLOAT32 = {
    "check_sample_weight_equivalence_on_dense_data": "asks for rtol=1e-7, under the rounding of float32",
    "check_sample_weight_equivalence_on_sparse_data": "asks for rtol=1e-7, under the rounding of float32",
    "check_outliers_train": "asks for scores in float64, where those of float32 data are float32",
    "check_methods_subset_invariance": "asks for atol=1e-7 of score_samples, a difference of terms near 1",
}

CASTING = ("fit", "partial_fit", "fit_transform", "transform", "score", "score_samples", "decision_function", "predict")


def as_float32(X):
    """Return X with its real numbers in float32; what is not numbers is for the estimator to refuse."""
    if isinstance(X, list):
        array = np.asarray(X)
        return as_float32(array) if array.dtype.kind in "biuf" else X
    if hasattr(X, "iloc"):  # pandas
        return X.astype(np.float32)
    if hasattr(X, "astype") and X.dtype.kind in "biuf":  # numpy and scipy.sparse
        return X.astype(np.float32)
    return X


def float32_variant(cls):
    """Return a subclass of an estimator class that casts what it is given to float32."""

    def casting(name):
        @available_if(lambda self: hasattr(super(variant, self), name))
        @functools.wraps(getattr(cls, name))
        def method(self, X, *args, **kwargs):
            return getattr(super(variant, self), name)(as_float32(X), *args, **kwargs)

        return method

    def __sklearn_tags__(self):  # noqa: N807
        tags = super(variant, self).__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    methods = {name: casting(name) for name in CASTING if hasattr(cls, name)}
    variant = type(f"Float32{cls.__name__}", (cls,), {**methods, "__sklearn_tags__": __sklearn_tags__})
    globals()[variant.__name__] = variant  # for pickle
    return variant


VARIANTS = {cls: float32_variant(cls) for cls in dict.fromkeys(map(type, ESTIMATORS))}
FLOAT32_ESTIMATORS = [VARIANTS[type(each)](**each.get_params(deep=False)) for each in ESTIMATORS]


def name_of(value):
    """Return a test id of an estimator or a check."""
    if hasattr(value, "get_params"):
        return "".join(repr(value).split())
    return getattr(value, "func", value).__name__


def checks_of(estimators, left_out=()):
    """Return what `parametrize_with_checks` gives, in a list: 1.7's generator displeases pytest 9."""
    pairs = [pair for estimator in estimators for pair in estimator_checks_generator(estimator)]
    return [(estimator, check) for estimator, check in pairs if name_of(check) not in left_out]


def run_transformer_check(estimator, check):
    """Run one of TRANSFORMER_CHECKS, where the estimator has what it is about."""
    if "transform" in check.__name__ and not hasattr(estimator, "transform"):
        return
    if check.__name__ == "check_estimators_partial_fit_n_features":
        without = isinstance(estimator, ContrastNormalizer | MixtureAutoencoder | EnergyOutlierDetector)
        steps = not without and getattr(estimator, "solver", None) != "lbfgs"
        if isinstance(estimator, ClassSpecificAEClassifier):
            steps = estimator.method != "energies" and estimator.n_factors is None and estimator.solver != "lbfgs"
        assert hasattr(estimator, "partial_fit") == steps
        if not hasattr(estimator, "partial_fit"):
            return
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize(("estimator", "check"), checks_of(ESTIMATORS), ids=name_of)
def test_estimator_check(estimator, check):
    """Every estimator keeps scikit-learn's contract, with no expected failure."""
    check(estimator)


@pytest.mark.parametrize("check", TRANSFORMER_CHECKS, ids=name_of)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
def test_transformer_check(estimator, check):
    """Every transformer keeps the contract of set_output, feature names and writeable input."""
    run_transformer_check(estimator, check)


@pytest.mark.parametrize(("estimator", "check"), checks_of(FLOAT32_ESTIMATORS, NOT_IN_FLOAT32), ids=name_of)
def test_estimator_check_in_float32(estimator, check):
    """The contract holds for training and prediction in float32 too."""
    check(estimator)


@pytest.mark.parametrize("check", TRANSFORMER_CHECKS, ids=name_of)
@pytest.mark.parametrize("estimator", FLOAT32_ESTIMATORS, ids=name_of)
def test_transformer_check_in_float32(estimator, check):
    """The transformers' contract holds in float32 too."""
    run_transformer_check(estimator, check)


@pytest.mark.parametrize("estimator", FLOAT32_ESTIMATORS, ids=name_of)
def test_float32_variant_trains_in_float32(estimator, rng):
    """The float32 checks above do train in float32: the cast is not undone on the way."""
    X = rng.standard_normal((20, 4))
    fitted = clone(estimator).fit(X, np.arange(20) % 2)
    if isinstance(fitted, EnergyOutlierDetector):
        assert fitted.score_samples(X).dtype == np.float32
    else:
        assert getattr(fitted, "components_", fitted.transform(X)).dtype == np.float32
