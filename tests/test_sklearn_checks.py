"""scikit-learn's own checks, the transformer checks that `check_estimator` does not run, and containers of X."""

import functools
import importlib.util

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from autoencoders import DEFAULT_FITS, RATE_WITHOUT_STRUCTURE, SOLVERS
from methods import methods_of_X
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.metaestimators import available_if

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    FineTunedClassifier,
    FineTunedRegressor,
    PCAWhitener,
)
from skae.autoencoders import in_a_row
from skae.outlier import MixtureAutoencoder, MixtureEnsemble

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # The set_output checks fit and predict with and without names.
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning"),
]

# The checks fit many small data sets, and ask for contracts, not for convergence.
BRIEF = {"max_iter": 5, "random_state": 0}
SMALL = {"n_components": 3, **BRIEF}

AUTOENCODERS = [
    case.make(solver=solver, max_iter=5, **(case.own(RATE_WITHOUT_STRUCTURE) if solver == "sgd" else {}))
    for case, solver in DEFAULT_FITS
]

# A later estimator that is no autoencoder is added here, and nowhere else.
OTHERS = [
    PCAWhitener(),
    PCAWhitener(whiten="zca"),
    PCAWhitener(whiten=None),
    PCAWhitener(n_components=2),
    PCAWhitener(n_components=0.9, eps=1e-6),
    ContrastNormalizer(),
    MixtureAutoencoder(),
    MixtureEnsemble(),
    MixtureEnsemble(robust=True),
    EnergyOutlierDetector(),
    EnergyOutlierDetector(novelty=True, calibration=2),
    EnergyOutlierDetector(ContractiveAutoencoder(**SMALL), novelty=True, calibration=0.5),
    EnergyOutlierDetector(ContractiveAutoencoder(**SMALL)),
    ClassSpecificAEClassifier(
        ContractiveAutoencoder(**SMALL), solver="sgd", max_iter=20, temperature=1.0, random_state=0
    ),
    ClassSpecificAEClassifier(
        ContractiveAutoencoder(**SMALL), solver="lbfgs", max_iter=10, temperature=1.0, random_state=0
    ),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), method="normalize", temperature=1.0, random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), method="energies", random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), loss="hinge", solver="sgd", max_iter=20, random_state=0),
    ClassSpecificAEClassifier(DenoisingAutoencoder(**SMALL), n_factors=3, max_iter=20, temperature=1.0, random_state=0),
    FineTunedClassifier(ContractiveAutoencoder(**SMALL), max_iter=20, random_state=0),
    FineTunedClassifier(
        make_pipeline(PCAWhitener(whiten=None), ContractiveAutoencoder(5, **BRIEF), ContractiveAutoencoder(4, **BRIEF)),
        loss="squared_hinge",
        solver="sgd",
        max_iter=20,
        random_state=0,
    ),
    FineTunedRegressor(ContractiveAutoencoder(10, **BRIEF), max_iter=20, random_state=0),
]

ESTIMATORS = [*AUTOENCODERS, *OTHERS]

# With trial fits for the temperature, which take several times as long: once, in float64 alone. The check of class
# weights, which the width and the length of the fits decide, test_classifier.py runs with everything at its default.
TRIAL_CLASSIFIER = ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), max_iter=5, random_state=0)

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
    "check_regressor_multioutput": "asks for predictions in float64",
    "check_methods_sample_order_invariance": "asks for rtol=1e-7 too: BLAS kernels round a row by its position",
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
# Of the autoencoders one a class, with the solvers in turn: test_autoencoder_contract.py trains all in float32.
FLOAT32_ESTIMATORS = [
    VARIANTS[type(each)](**each.get_params(deep=False)) for each in [*AUTOENCODERS[:: len(SOLVERS)], *OTHERS]
]


@functools.cache  # repr of an estimator is slow, and there are thousands of pairs
def name_of(value):
    """Return a test id of an estimator or a check."""
    if hasattr(value, "get_params"):
        return "".join(repr(value).split())
    return getattr(value, "func", value).__name__


def checks_of(estimators, left_out=()):
    """Return what `parametrize_with_checks` gives, in a list: 1.7's generator displeases pytest 9.

    The first estimator of each class is checked by default, the others by the slow tests.
    """
    found, seen = [], set()
    for estimator in estimators:
        marks = pytest.mark.slow if type(estimator) in seen else ()
        seen.add(type(estimator))
        for made, check in estimator_checks_generator(estimator):
            if name_of(check) not in left_out:
                found.append(pytest.param(made, check, marks=marks))
    return found


def transformer_checks_of(estimators):
    """Return pairs of an estimator and one of TRANSFORMER_CHECKS; one of each class where no parameter matters."""
    about_methods = ("check_estimators_partial_fit_n_features", "check_inplace_ensure_writeable")
    one_of_each = list({type(each): each for each in estimators}.values())
    return [
        (estimator, check)
        for check in TRANSFORMER_CHECKS
        for estimator in (estimators if check.__name__ in about_methods else one_of_each)
    ]


def run_transformer_check(estimator, check):
    """Run one of TRANSFORMER_CHECKS, where the estimator has what it is about."""
    if "transform" in check.__name__ and not hasattr(estimator, "transform"):
        return
    if check.__name__ == "check_estimators_partial_fit_n_features":
        without = isinstance(
            estimator, ContrastNormalizer | MixtureAutoencoder | MixtureEnsemble | EnergyOutlierDetector
        )
        steps = not without and getattr(estimator, "solver", None) != "lbfgs"
        if isinstance(estimator, ClassSpecificAEClassifier):
            steps = estimator.method != "energies" and estimator.n_factors is None and estimator.solver != "lbfgs"
        assert hasattr(estimator, "partial_fit") == steps
        if not hasattr(estimator, "partial_fit"):
            return
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize(("estimator", "check"), checks_of([*ESTIMATORS, TRIAL_CLASSIFIER]), ids=name_of)
def test_estimator_check(estimator, check):
    """Every estimator keeps scikit-learn's contract, with no expected failure."""
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), transformer_checks_of(ESTIMATORS), ids=name_of)
def test_transformer_check(estimator, check):
    """Every transformer keeps the contract of set_output, feature names and writeable input."""
    run_transformer_check(estimator, check)


@pytest.mark.sampled(5)
@pytest.mark.parametrize(("estimator", "check"), checks_of(FLOAT32_ESTIMATORS, NOT_IN_FLOAT32), ids=name_of)
def test_estimator_check_in_float32(estimator, check):
    """The contract holds for training and prediction in float32 too."""
    lbfgs = isinstance(estimator, ClassSpecificAEClassifier) and estimator.solver == "lbfgs"
    if lbfgs and name_of(check) == "check_class_weight_classifiers":
        pytest.skip("fine-tuning starts at a loss of a millionth here, where L-BFGS follows float32's rounding")
    check(estimator)


@pytest.mark.sampled(5)
@pytest.mark.parametrize(("estimator", "check"), transformer_checks_of(FLOAT32_ESTIMATORS), ids=name_of)
def test_transformer_check_in_float32(estimator, check):
    """The transformers' contract holds in float32 too."""
    run_transformer_check(estimator, check)


def absolute_terms(estimator, X):
    """Bound the sum of the absolute terms that a row's results add up, shape (n_samples,)."""
    X, classifier = np.abs(X.astype(np.float64)), isinstance(estimator, ClassSpecificAEClassifier)
    if isinstance(estimator, EnergyOutlierDetector):
        return abs(estimator.offset_) + absolute_terms(estimator.estimator_, X)
    if classifier or isinstance(estimator, MixtureEnsemble):
        offset = np.abs(estimator.class_log_constants_).sum() if classifier else 0.0
        return offset + sum(absolute_terms(model, X) for model in estimator.estimators_)
    if isinstance(estimator, FineTunedClassifier | FineTunedRegressor):
        *fixed, last = in_a_row(estimator.encoder_)
        for step in fixed:  # of the codes, the largest of one row bounds the terms of the next layer
            X = np.repeat(absolute_terms(step, X)[:, None], step.transform(X[:1]).shape[1], axis=1)
        codes = 1.0 + X @ np.abs(last.components_).T + np.abs(getattr(last, "intercept_hidden_", 0.0))
        return (codes @ np.abs(estimator.coef_).T + np.abs(estimator.intercept_)).sum(axis=1) + codes.sum(axis=1)
    if isinstance(estimator, ContrastNormalizer):
        return 1.0 + np.abs(estimator.transform(X)).max(axis=1) * (1.0 + X.max(axis=1))
    components = np.abs(estimator.components_)
    if isinstance(estimator, PCAWhitener):
        components = components / np.sqrt(estimator.explained_variance_ + estimator.eps)[:, None]
        return ((X + np.abs(estimator.mean_)) @ components.T).sum(axis=1) * (1.0 + np.abs(estimator.components_).sum())
    # |h(u)| <= 1 + |u|; the energy adds up |h| |u| and |x - c|^2, a squared error |x - r|^2.
    U = X @ components.T + np.abs(getattr(estimator, "intercept_hidden_", 0.0))
    R = (1.0 + U) @ np.abs(estimator.decoder_components_) + np.abs(estimator.intercept_visible_)
    return ((1.0 + U) ** 2).sum(axis=1) + ((X + R) ** 2).sum(axis=1)


@pytest.mark.parametrize("estimator", FLOAT32_ESTIMATORS, ids=name_of)
def test_rows_in_another_order_or_fewer_give_the_same_in_float32(estimator, rng):
    """What the excluded invariance checks protect: results differ by no more than 4 eps of the terms summed."""
    X = 1.0 + rng.standard_normal((300, 20)).astype(np.float32)
    fitted = clone(estimator).fit(X, (X[:, 0] > 1.0).astype(int))
    tolerance = 4.0 * np.finfo(np.float32).eps * absolute_terms(fitted, X)
    for name in ("transform", "score_samples", "decision_function", "predict_proba"):
        if hasattr(fitted, name) and (name == "transform" or not hasattr(fitted, "energy_classifier_")):
            method = getattr(fitted, name)
            whole = method(X)
            for rows in (rng.permutation(300), np.arange(7), [0], [150], [299]):
                difference = np.abs(method(X[rows]) - whole[rows]).reshape(len(rows), -1).max(axis=1)
                assert (difference <= tolerance[rows]).all(), name


@pytest.mark.parametrize("estimator", FLOAT32_ESTIMATORS, ids=name_of)
def test_float32_variant_trains_in_float32(estimator, rng):
    """The float32 checks above do train in float32: the cast is not undone on the way."""
    X = rng.standard_normal((20, 4))
    fitted = clone(estimator).fit(X, np.arange(20) % 2)
    if isinstance(fitted, EnergyOutlierDetector | MixtureEnsemble):
        assert fitted.score_samples(X).dtype == np.float32
    else:
        assert getattr(fitted, "components_", fitted.transform(X)).dtype == np.float32


# Containers: the dtype that goes in comes out


class ArrayLike:
    """An array whose dtype is not numpy's, as a torch tensor has one."""

    class DType:
        """Nothing that numpy knows."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, self.DType()

    def __len__(self):
        return len(self.array)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


def columns(X):
    """Return the columns of X by name."""
    return {f"feature{i}": column for i, column in enumerate(X.T.copy())}


def nullable(X):
    """Return a pandas frame of nullable columns, as Float32."""
    return pd.DataFrame(columns(X)).astype(X.dtype.name.capitalize())


CONTAINERS = {
    "pandas": lambda X: pd.DataFrame(columns(X)),
    "pandas nullable": nullable,
    "pandas of pyarrow": lambda X: pd.DataFrame(columns(X)).astype(pd.ArrowDtype(pa.from_numpy_dtype(X.dtype))),
    "polars": lambda X: pl.DataFrame(columns(X)),
    "pyarrow": lambda X: pa.table(columns(X)),
    "array-like": ArrayLike,
}
if importlib.util.find_spec("torch") is not None:  # ArrayLike stands in for it elsewhere
    CONTAINERS["torch"] = lambda X: importlib.import_module("torch").from_numpy(X.copy())

every_container = pytest.mark.parametrize("container", CONTAINERS)


def dtypes(result):
    """Return the types of what a method returns: arrays, a tuple of them, or a number."""
    return [getattr(each, "dtype", type(each)) for each in (result if isinstance(result, tuple) else (result,))]


@functools.cache
def fitted(index):
    """Return one of ESTIMATORS, fitted to float32 rows, the rows and their classes."""
    X, y = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32), np.arange(20) % 2
    return clone(ESTIMATORS[index]).fit(X, y), X, y


@pytest.mark.sampled(3)
@every_container
@pytest.mark.parametrize("index", range(len(ESTIMATORS)), ids=map(name_of, ESTIMATORS))
def test_methods_keep_float32_in_every_container(index, container):
    """Every public method that takes X returns the dtypes that it returns for a float32 array."""
    estimator, X, y = fitted(index)
    for name in methods_of_X(estimator):
        rows = estimator.transform(X) if name == "inverse_transform" else X
        arguments = (y,) if name == "score" else ()
        if name == "explain" and isinstance(estimator, MixtureEnsemble):
            arguments = (X,)
        expected = getattr(estimator, name)(rows, *arguments)
        result = getattr(estimator, name)(CONTAINERS[container](rows), *arguments)
        assert dtypes(result) == dtypes(expected), name
        if name in ("transform", "score_samples"):
            np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.sampled(3)
@every_container
@pytest.mark.parametrize("estimator", {type(each): each for each in ESTIMATORS}.values(), ids=name_of)
def test_fits_keep_float32_in_every_container(estimator, container, rng):
    """`fit` and `partial_fit` set attributes of the dtypes that they set for an array, and the names of a table."""
    X, y = rng.standard_normal((20, 4)).astype(np.float32), np.arange(20) % 2
    rows = CONTAINERS[container](X)
    by_array, by_container = clone(estimator).fit(X, y), clone(estimator).fit(rows, y)
    for name, value in vars(by_array).items():
        assert getattr(vars(by_container)[name], "dtype", None) == getattr(value, "dtype", None), name
    if container in ("pandas", "polars"):
        assert hasattr(by_container, "feature_names_in_")
    if hasattr(by_container, "partial_fit"):
        by_container.partial_fit(rows, y)
        for name in ("components_", "intercept_visible_"):
            assert getattr(by_container, name, X).dtype == np.float32


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("other", [np.bool_, np.int8, np.uint16, np.int32, np.int64, np.float64])
def test_mixed_columns_have_the_dtype_that_numpy_gives_them(other, container, rng):
    """A float32 column beside another: numpy's common dtype, as of a pandas frame; never less than the values need."""
    table = {"a": rng.standard_normal(20).astype(np.float32), "b": (np.arange(20) % 2).astype(other)}
    expected = np.result_type(np.float32, other)
    assert PCAWhitener().fit_transform(container(table)).dtype == expected


@pytest.mark.parametrize("container", [pl.DataFrame, pa.table, lambda table: pd.DataFrame(table).convert_dtypes()])
def test_columns_without_floats_are_float64(container):
    """Integers become float64, as in an array; text is refused."""
    table = container({"a": [1, 2, 3, 5], "b": [1, -1, 1, 2]})
    assert PCAWhitener().fit_transform(table).dtype == np.float64
    with pytest.raises(ValueError, match=r"could not convert string|text"):
        PCAWhitener().fit(container({"a": ["text", "more", "none", "some"], "b": [1, -1, 1, 2]}))


TABLES = {
    "pandas": pd.DataFrame,
    "category": lambda table: pd.DataFrame(table).astype({"color": "category"}),
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}


def told(*names):
    """The pattern of the sentence about these columns."""
    listed = ", ".join(map(repr, names))
    return (
        rf"could not convert string to float: .*column{'s' * (len(names) > 1)} {listed} holds? strings.*OneHotEncoder"
    )


@pytest.mark.sampled(3)
@pytest.mark.parametrize("container", TABLES)
@pytest.mark.parametrize("index", range(len(ESTIMATORS)), ids=map(name_of, ESTIMATORS))
def test_columns_of_strings_are_named(index, container):
    """Every method of X, and `fit`, say which columns of a table hold no numbers, and what to do with them."""
    table = {"a": np.arange(20.0), "color": ["red", "blue"] * 10, "numeral": ["1.5", "2"] * 10, "b": np.arange(20.0)}
    X, (estimator, _, y) = TABLES[container](table), fitted(index)
    with pytest.raises(ValueError, match=told("color")):
        clone(estimator).fit(X, y)
    array = np.column_stack([np.asarray(column, dtype=object) for column in table.values()])
    for name in methods_of_X(estimator):
        arguments = (y,) if name == "score" else ()
        if name == "explain" and isinstance(estimator, MixtureEnsemble):
            arguments = (array,)
        pattern = "could not convert" if name == "inverse_transform" else told(1)
        with pytest.raises(ValueError, match=pattern):
            getattr(estimator, name)(array, *arguments)


def test_other_values_than_numbers_are_named():
    """Dates and dicts are told as strings are; of many columns five are named; and a type error stays one."""
    rows, dates = np.arange(6.0), pd.date_range("2026-01-01", periods=6)
    with pytest.raises(TypeError, match="column 'when' holds Timestamps, where every value must be a number"):
        PCAWhitener().fit(pd.DataFrame({"a": rows, "when": dates}))
    with pytest.raises(TypeError, match=r"argument must be .* string.* number.* 'a', 'b' hold dicts and strings"):
        PCAWhitener().fit(pd.DataFrame({"a": [{}] * 6, "b": ["text"] * 6, "c": rows}))
    many = pd.DataFrame({name: ["text"] * 6 for name in "abcdefg"})
    with pytest.raises(ValueError, match=r"columns 'a', 'b', 'c', 'd', 'e' and 2 others hold strings"):
        PCAWhitener().fit(many)
    for no_table in (many["a"], ["text"], "text"):
        with pytest.raises(ValueError, match=r"^could not convert string to float: [^;]*'text'\)?$"):
            PCAWhitener().fit(no_table)


def test_other_errors_of_a_table_with_strings_stay(rng):
    """Names that are not those of `fit` come first, as in scikit-learn."""
    frame = pd.DataFrame(rng.standard_normal((6, 2)), columns=["a", "b"])
    with pytest.raises(ValueError, match="feature names should match"):
        PCAWhitener(whiten=None).fit(frame).transform(frame.rename(columns={"a": "c"}).assign(d="text"))
