"""Odd rows, labels and weights: each works as its plain copy does, or is refused in a sentence that changes nothing."""

import contextlib
import datetime
import functools
import inspect
import warnings

import dask
import dask.array
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from methods import CLASSES, X, arguments_of, fitted, methods_of_X, rows_for, small, y
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from skae import ContractiveAutoencoder, metrics, plotting
from skae._sklearn_compat import AutoPropagatedCallback

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* of the units:UserWarning"),
]

every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)

#: Words of numpy, scipy and Python that tell of their insides, and not of what is wrong with a table.
INTERNALS = (
    "broadcast",
    "has no attribute",
    "not subscriptable",
    "setting an array element",
    "according to the rule",
    "out of bounds",
    "unhashable",
    "loop of ufunc",
    "ufunc ",
    "too large to convert",
    "at least one array",
    "Cannot convert",
    "object is not",
    "unpack",
)


class Subclass(np.ndarray):
    """An array that is more than an array."""


class Raising:
    """What looks like an array, and raises when numpy asks for its numbers."""

    shape, dtype = X.shape, X.dtype

    def __len__(self):
        return len(X)

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("the file is closed")


def named(X):
    """Return a frame of the rows."""
    return pd.DataFrame(X, columns=list("abcdefgh"[: X.shape[1]]))


def with_column(column):
    """Return a function that gives a frame with another second column."""
    return lambda X: named(X).assign(b=column)


def polars_column(column):
    """Return a function that gives a polars table with another second column."""
    return lambda X: pl.DataFrame({**dict.fromkeys("acd", X[:, 0]), "b": column})


def sparse_of(make, **arrays):
    """Return a function that gives every value of the rows to a CSR matrix, zeros too, with other arrays."""

    def made(X):
        parts = {
            "data": X.ravel(),
            "indices": np.tile(np.arange(X.shape[1]), len(X)),
            "indptr": np.arange(len(X) + 1) * X.shape[1],
        }
        parts = {name: arrays.get(name, lambda part: part)(part) for name, part in parts.items()}
        return make((parts["data"], parts["indices"], parts["indptr"]), shape=X.shape)

    return made


def reversed_rows(X):
    """Return a CSR matrix whose indices fall in each row."""
    return sparse.csr_matrix(
        (X[:, ::-1].ravel(), np.tile(np.arange(X.shape[1])[::-1], len(X)), np.arange(len(X) + 1) * X.shape[1]),
        shape=X.shape,
    )


def halves(X):
    """Return a CSR matrix in which every value is the sum of two."""
    indices = np.tile(np.repeat(np.arange(X.shape[1]), 2), len(X))
    return sparse.csr_matrix(
        (np.repeat(X.ravel() / 2.0, 2), indices, np.arange(len(X) + 1) * 2 * X.shape[1]), shape=X.shape
    )


def big_endian(X):
    """Return CSR rows whose values have the other byte order. scipy makes none, but takes them."""
    rows = sparse.csr_array(X)
    rows.data = rows.data.astype(">f8")
    return rows


FORMATS = ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")

#: What holds the same numbers as an array.
DENSE = {
    "list of lists": lambda X: X.tolist(),
    "list of arrays": list,
    "tuple of tuples": lambda X: tuple(map(tuple, X)),
    "objects": lambda X: X.astype(object),
    "masked, but nothing": np.ma.masked_array,
    "subclass": lambda X: X.view(Subclass),
    "big-endian": lambda X: X.astype(">f8"),
    "long double": lambda X: X.astype(np.longdouble),
    "numerals": lambda X: X.astype(str),
    "frame": named,
    "frame of objects": lambda X: named(X).astype(object),
    "frame of Float64": lambda X: named(X).astype("Float64"),
    "frame of mixed types": lambda X: named(X).astype({"a": "Float64", "b": object}),
    "frame of categories": lambda X: named(X).astype({"b": "category"}),
    "frame of numerals": lambda X: named(X).astype({"b": "string"}),
    "frame with two rows of names": lambda X: pd.DataFrame(
        X, columns=pd.MultiIndex.from_product([["a", "b"], [0, 1]])[: X.shape[1]]
    ),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")[: X.shape[1]]),
    "pyarrow": lambda X: pa.table(dict(zip("abcd", X.T.copy(), strict=False))),
}

#: The same, where there is a mostly empty table.
SPARSE = {
    **{f"{name}_{kind}": getattr(sparse, f"{name}_{kind}") for name in FORMATS for kind in ("array", "matrix")},
    "indices of 8 bytes": sparse_of(sparse.csr_array, indices=np.int64, indptr=np.int64),
    "indices that fall": reversed_rows,
    "indices that come twice": halves,
    "stored zeros": sparse_of(sparse.csr_array),
    "sparse long double": sparse_of(sparse.csr_array, data=np.longdouble),
    "sparse big-endian": big_endian,
    "sparse columns": lambda X: named(X).astype(pd.SparseDtype(float, 0.0)),
}


def far(shape):
    """Return a sparse array of a shape with two values."""
    ends = tuple(np.array([0, length - 1]) for length in shape)
    return sparse.coo_array((np.ones(2), ends), shape=shape)


def in_objects(values):
    """Return a vector of objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


DATES = pd.date_range("2026-01-01", periods=40)

#: What is refused: how it is made of an array, the kind of error, and words of the sentence.
BAD = {
    "number": (lambda X: 3.0, ValueError, "Expected 2D array"),
    "0-d": (lambda X: np.array(3.0), ValueError, "Expected 2D array"),
    "vector": (lambda X: X[0], ValueError, "Expected 2D array"),
    "3-d": (lambda X: X[None], ValueError, "dim 3"),
    "None": (lambda X: None, ValueError, "Expected 2D array"),
    "text": (lambda X: "text", ValueError, "could not convert string"),
    "bytes": (lambda X: b"text", ValueError, "could not convert string"),
    "dict": (lambda X: {"a": 1.0}, TypeError, "number, not 'dict'"),
    "dict of columns": (lambda X: dict(enumerate(X.T)), TypeError, "number, not 'dict'"),
    "generator": (lambda X: (row for row in X), TypeError, "number, not 'generator'"),
    "iterator": (lambda X: iter(X), TypeError, "number, not 'iterator'"),
    "set": (lambda X: {1.0, 2.0}, TypeError, "number, not 'set'"),
    "function": (lambda X: len, TypeError, "number, not 'builtin"),
    "ragged": (lambda X: [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]], ValueError, "different lengths"),
    "ragged objects": (lambda X: in_objects([[1, 2, 3, 4], [1, 2]]), ValueError, "different lengths"),
    "nested objects": (lambda X: np.array([[None] * 4, [[1.0]] * 4], dtype=object), ValueError, "sequences"),
    "rows in objects": (lambda X: in_objects(list(X)), ValueError, "sequences"),
    "frame of lists": (with_column([[1, 2]] * 40), ValueError, "sequences"),
    "polars lists": (polars_column([[1, 2]] * 40), ValueError, "sequences"),
    "polars lazy": (lambda X: pl.DataFrame(X).lazy(), (TypeError, ValueError), "does not read|number"),
    "structured": (lambda X: np.zeros(40, dtype=[("a", float), ("b", int)]), TypeError, "structured"),
    "structured 2-d": (lambda X: np.zeros(X.shape, dtype=[("a", float)]), TypeError, "structured"),
    "records": (lambda X: np.rec.fromarrays(X.T, names="a,b,c,d"[: 2 * X.shape[1] - 1]), TypeError, "structured"),
    "void": (lambda X: np.zeros(X.shape, dtype="V8"), TypeError, "structured"),
    "masked": (lambda X: np.ma.masked_array(X, np.arange(X.size).reshape(X.shape) == 3), ValueError, "1 masked values"),
    "masked integers": (lambda X: np.ma.masked_less(X.astype(int), 9), ValueError, "masked values"),
    "complex": (lambda X: X + 1j, ValueError, "Complex data not supported"),
    "sparse complex": (lambda X: sparse.csr_array(X + 1j), (TypeError, ValueError), "Complex data|Sparse data"),
    "complex objects": (lambda X: (X + 1j).astype(object), TypeError, "complex"),
    "matrix": (np.matrix, TypeError, "np.matrix is not supported"),
    "dates": (lambda X: X.astype("M8[s]"), TypeError, "dates"),
    "durations": (lambda X: X.astype("m8[s]"), TypeError, "durations"),
    "frame of dates": (lambda X: pd.DataFrame(dict.fromkeys("abcd", DATES)), TypeError, "dates"),
    "polars dates": (
        lambda X: pl.DataFrame(dict.fromkeys("abcd", [datetime.date(2026, 1, 1)] * 40)),
        TypeError,
        "dates",
    ),
    "column of dates": (with_column(DATES), TypeError, "column 'b' holds Timestamps"),
    "column of dates with a zone": (with_column(DATES.tz_localize("UTC")), TypeError, "column 'b' holds Timestamps"),
    "column of durations": (with_column(DATES - DATES[0]), TypeError, "column 'b' holds Timedeltas"),
    "column of periods": (with_column(DATES.to_period("D")), TypeError, "column 'b' holds Periods"),
    "column of intervals": (with_column(pd.interval_range(0, 40)), TypeError, "column 'b' holds Intervals"),
    "column of categories": (with_column(pd.Categorical(list("ab") * 20)), ValueError, "column 'b' holds strings"),
    "column of strings": (with_column(pd.array(["a"] * 40, dtype="string")), ValueError, "column 'b' holds strings"),
    "column of dicts": (with_column([{}] * 40), TypeError, "column 'b' holds dicts"),
    "column of complex": (with_column(np.full(40, 1j)), ValueError, "Complex data"),
    "Int64 with NA": (with_column(pd.array([None] + [1] * 39, dtype="Int64")), ValueError, "NaN"),
    "boolean with NA": (with_column(pd.array([None] + [True] * 39, dtype="boolean")), ValueError, "NaN"),
    "polars null": (polars_column([None] + [1.0] * 39), ValueError, "NaN"),
    "polars strings": (polars_column(["a"] * 40), ValueError, "column 'b' holds strings"),
    "sparse columns of NaN": (
        lambda X: named(X).astype(pd.SparseDtype(float, np.nan)),
        (TypeError, ValueError),
        "fill value|Sparse data",
    ),
    "series": (lambda X: pd.Series(X[:, 0]), ValueError, "2-dimensional|Expected 2D"),
    "NaN": (lambda X: np.full(X.shape, np.nan), ValueError, "NaN"),
    "None objects": (lambda X: np.full(X.shape, None), ValueError, "NaN"),
    "float16 infinity": (lambda X: np.full(X.shape, np.inf, dtype=np.float16), ValueError, "infinity"),
    "long double too large": (lambda X: np.full(X.shape, np.finfo("g").max), ValueError, "infinity|too large"),
    "integers too large": (lambda X: np.full(X.shape, 10**400, dtype=object), ValueError, "too large"),
    "lists of integers too large": (lambda X: [[10**400] * X.shape[1]], ValueError, "too large"),
    "no rows": (lambda X: X[:0], ValueError, "0 sample"),
    "no columns": (lambda X: X[:, :0], ValueError, "0 feature"),
    "empty list": (lambda X: [], ValueError, "Expected 2D array"),
    "list of an empty list": (lambda X: [[]], ValueError, "0 feature|1 sample"),
    "frame without rows": (lambda X: named(X)[:0], ValueError, "0 sample"),
    "frame without columns": (lambda X: named(X)[[]], ValueError, "0 feature"),
    "polars without rows": (lambda X: pl.DataFrame(X)[:0], ValueError, "0 sample"),
    "sparse without rows": (lambda X: sparse.csr_array((0, X.shape[1])), (TypeError, ValueError), "0 sample|Sparse"),
    "too wide": (lambda X: np.hstack([X, X]), ValueError, r"features|columns"),
    "too narrow": (lambda X: X[:, :1], ValueError, r"features|columns"),
    "sparse of 2**40 columns": (lambda X: far((40, 2**40)), (TypeError, ValueError), "features|Sparse"),
    "sparse of 2**40 rows and columns": (lambda X: far((2**40, 2**40)), (TypeError, ValueError), "features|Sparse"),
    "dok of 2**40 rows": (lambda X: sparse.dok_array((2**40, 9)), (TypeError, ValueError), "features|Sparse"),
    "dask": (dask.array.from_array, TypeError, "skae.dask"),
    "delayed": (dask.delayed, TypeError, "skae.dask"),
}
if sparse.coo_array(X[0]).ndim == 1:  # older versions of scipy make one row of it
    BAD["sparse vector"] = (lambda X: sparse.coo_array(X[0]), (TypeError, ValueError), "2 dimensions|Sparse")


@functools.cache
def model_of(cls):
    """Return a fitted estimator, for tests that do not change it."""
    return fitted(small(cls))


@contextlib.contextmanager
def unchanged(estimator):
    """Assert that the body changes nothing of an estimator, nor of those inside it."""
    before = joblib.hash(estimator)
    yield
    assert joblib.hash(estimator) == before


@contextlib.contextmanager
def strict():
    """Let every warning be an error, but that an array has no names or a table has some, and that a look is slow."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names", UserWarning)
        warnings.filterwarnings("ignore", "Determining the data types of a LazyFrame")  # by older versions of polars
        yield


def made(make, rows):
    """Return odd rows; some kinds are deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(rows)


@contextlib.contextmanager
def refused(kind, words=None):
    """Assert that the body raises one of these errors in a sentence, and warns of nothing."""
    with strict(), pytest.raises(kind, match=words) as caught:
        yield
    message = str(caught.value)
    assert not [each for each in INTERNALS if each in message], message


@pytest.mark.sampled(3)
@pytest.mark.parametrize("odd", DENSE)
@every_class
def test_containers_of_numbers(cls, odd):
    """Whatever holds the numbers, every method gives what it gives for the array."""
    estimator = model_of(cls)
    for name in methods_of_X(estimator):
        rows = rows_for(estimator, name)
        arguments = arguments_of(estimator, name)
        with unchanged(estimator), strict():
            result = getattr(estimator, name)(DENSE[odd](rows), *arguments)
        assert_same(result, getattr(estimator, name)(rows, *arguments), name)


def assert_same(found, expected, name):
    """Assert that two results of a method are the same, to the rounding of sums in another order."""
    assert type(found) is type(expected), name
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected), name
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b, name)
    elif np.asarray(expected).dtype.kind == "f":
        scale = float(np.abs(expected).max(initial=1.0))
        assert_allclose(found, expected, rtol=0.0, atol=1e-9 * scale, err_msg=name)
    else:
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("odd", BAD)
@every_class
def test_odd_rows_are_refused(cls, odd):
    """Every method refuses what is no table of real numbers of the right width, at once, and changes nothing."""
    make, kind, words = BAD[odd]
    estimator = model_of(cls)
    with unchanged(estimator):
        for name in methods_of_X(estimator):
            bad = made(make, rows_for(estimator, name))
            with refused(kind, words):
                getattr(estimator, name)(bad, *arguments_of(estimator, name))


def takes_sparse(estimator, name):
    """Whether a method takes sparse rows; codes are dense."""
    return get_tags(estimator).input_tags.sparse and name != "inverse_transform"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("odd", SPARSE)
@every_class
def test_sparse_formats(cls, odd):
    """Every sparse format, with any indices, gives what the array gives, or is refused by those who take none."""
    estimator = model_of(cls)
    for name in methods_of_X(estimator):
        rows, arguments = rows_for(estimator, name), arguments_of(estimator, name)
        table = SPARSE[odd](rows)
        with unchanged(estimator):
            if takes_sparse(estimator, name):
                with strict():
                    result = getattr(estimator, name)(table, *arguments)
                assert_same(result, getattr(estimator, name)(rows, *arguments), name)
            else:
                with refused(TypeError, "Sparse data was passed"):
                    getattr(estimator, name)(table, *arguments)


#: scikit-learn has callbacks, and looks at the names, from 1.9 on.
REFUSES_EQUAL_NAMES = AutoPropagatedCallback is not None


@every_class
def test_columns_of_the_same_name(cls):
    """scikit-learn refuses them from 1.9 on. Older versions look at the names only if `fit` has seen some."""
    table, estimator = named(X).set_axis(list("aabc"), axis=1), model_of(cls)
    for name in methods_of_X(estimator):
        if name == "inverse_transform":
            continue
        predict = functools.partial(getattr(estimator, name), table, *arguments_of(estimator, name))
        with unchanged(estimator):
            if REFUSES_EQUAL_NAMES:
                with refused(ValueError, "unique"):
                    predict()
            else:
                with strict():
                    result = predict()
                assert_same(result, getattr(estimator, name)(X, *arguments_of(estimator, name)), name)


@every_class
def test_an_array_that_raises_is_heard(cls):
    """The error of an object that fails to give its numbers is raised on, and changes nothing."""
    estimator = model_of(cls)
    with unchanged(estimator):
        for name in methods_of_X(estimator):
            with pytest.raises(RuntimeError, match="the file is closed"):
                getattr(estimator, name)(Raising(), *arguments_of(estimator, name))


# Training

#: A first fit decides the width, and a table of 2**40 columns is no odd input but a large one.
OF_WIDTH = (
    "too wide",
    "too narrow",
    "sparse of 2**40 columns",
    "sparse of 2**40 rows and columns",
    "dok of 2**40 rows",
)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("odd", [odd for odd in BAD if odd not in OF_WIDTH])
@every_class
def test_odd_rows_to_train_on(cls, odd):
    """Training refuses them in the same sentences, and leaves the estimator as it was, fitted or not."""
    make, kind, words = BAD[odd]
    for estimator in (small(cls), model_of(cls)):
        with unchanged(estimator), refused(kind, words):
            estimator.fit(made(make, X), y)
        if hasattr(estimator, "partial_fit"):
            classes = {"classes": [0, 1]} if is_classifier(estimator) else {}
            with unchanged(estimator), refused(kind, words):
                estimator.partial_fit(made(make, X), y, **classes)


#: Weights that are refused: how they are made of ones, the kind of error, and words of the sentence.
BAD_WEIGHTS = {
    "masked": (
        lambda w: np.ma.masked_array(w, np.arange(len(w)) == 3),
        ValueError,
        "sample_weight has 1 masked values",
    ),
    "complex": (lambda w: w + 1j, ValueError, "Complex data"),
    "dates": (lambda w: w.astype("M8[s]"), TypeError, "sample_weight holds dates"),
    "durations": (lambda w: w.astype("m8[s]"), TypeError, "sample_weight holds durations"),
    "structured": (lambda w: np.zeros(len(w), dtype=[("a", float)]), TypeError, "sample_weight holds structured"),
    "matrix": (lambda w: np.matrix(w), (TypeError, ValueError), "matrix|1D"),
    "sparse": (lambda w: sparse.csr_array(w[None]), (TypeError, ValueError), "[Ss]parse"),
    "text": (lambda w: "heavy", ValueError, "could not convert"),
    "texts": (lambda w: ["heavy"] * len(w), ValueError, "could not convert"),
    "dict": (lambda w: {"a": 1.0}, TypeError, "number, not 'dict'"),
    "generator": (lambda w: (each for each in w), TypeError, "number, not 'generator'"),
    "set": (lambda w: {1.0}, TypeError, "number, not 'set'"),
    "ragged": (lambda w: [[1.0], [1.0, 2.0]], ValueError, "different lengths"),
    "Int64 with NA": (lambda w: pd.Series(pd.array([None] + [1] * 39, dtype="Int64")), ValueError, "NaN"),
    "integers too large": (lambda w: [10**400] * len(w), ValueError, "too large"),
    "long double too large": (lambda w: np.full(len(w), np.finfo("g").max), ValueError, "infinity|too large"),
    "a table": (lambda w: w[:, None], ValueError, "1D array or scalar"),
    "empty": (lambda w: [], ValueError, "0 sample|shape"),
    "too few": (lambda w: w[1:], ValueError, "shape"),
}
WEIGHED = [cls for cls in CLASSES if has_fit_parameter(small(cls), "sample_weight")]


@pytest.mark.parametrize("odd", BAD_WEIGHTS)
@pytest.mark.parametrize("cls", WEIGHED, ids=lambda cls: cls.__name__)
def test_odd_weights(cls, odd):
    """Fits and scores refuse weights that are no vector of real numbers."""
    make, kind, words = BAD_WEIGHTS[odd]
    for estimator in (small(cls), model_of(cls)):
        with unchanged(estimator), refused(kind, words):
            estimator.fit(X, y, sample_weight=made(make, np.ones(len(X))))


#: Labels and targets that are refused, by classifiers and regressors alike.
BAD_TARGETS = {
    "None": (lambda y: None, ValueError, "requires y|y"),
    "number": (lambda y: 3.0, (TypeError, ValueError), "y|array|Singleton"),
    "too few": (lambda y: y[1:], ValueError, "inconsistent numbers of samples"),
    "masked": (lambda y: np.ma.masked_array(y, np.arange(len(y)) == 3), ValueError, "y has 1 masked values"),
    "complex": (lambda y: y + 1j, ValueError, "[Cc]omplex"),
    "NaN": (lambda y: np.where(y == 0, np.nan, y), ValueError, "NaN"),
    "infinity": (lambda y: np.where(y == 0, np.inf, y), ValueError, "infinity|too large"),
    "structured": (lambda y: np.zeros(len(y), dtype=[("a", float)]), (TypeError, ValueError), "structured|2 classes"),
    "sparse": (lambda y: sparse.csr_array(y[:, None]), (TypeError, ValueError), "[Ss]parse"),
    "dict": (lambda y: {"a": 1.0}, (TypeError, ValueError), "y|dict|samples"),
    "generator": (lambda y: (each for each in y), (TypeError, ValueError), "y|generator|len"),
    "set": (lambda y: {0, 1}, (TypeError, ValueError), "y|set|samples"),
    "ragged": (lambda y: [[1.0], [1.0, 2.0]] * 20, ValueError, "different lengths|sequence|y"),
    "dicts": (lambda y: [{}] * len(y), (TypeError, ValueError), "dict|y|label"),
    "3-d": (lambda y: y[:, None, None], ValueError, "dim 3|y|shape"),
    "empty": (lambda y: [], ValueError, "sample"),
    "Int64 with NA": (lambda y: pd.Series(pd.array([None] + [1] * 39, dtype="Int64")), ValueError, "NaN"),
}
SUPERVISED = [cls for cls in CLASSES if get_tags(small(cls)).target_tags.required]


@pytest.mark.parametrize("odd", BAD_TARGETS)
@pytest.mark.parametrize("cls", SUPERVISED, ids=lambda cls: cls.__name__)
def test_odd_targets(cls, odd):
    """Fits refuse labels and targets that are none."""
    make, kind, words = BAD_TARGETS[odd]
    for estimator in (small(cls), model_of(cls)):
        with unchanged(estimator), refused(kind, words):
            estimator.fit(X, made(make, y))


@pytest.mark.parametrize("kind", ["M8[s]", "m8[s]"])
def test_dates_are_no_targets(kind):
    """A regressor refuses dates and durations, of which numpy would make numbers; for a classifier they are labels."""
    for cls in SUPERVISED:
        estimator, target = small(cls), (86400 * y).astype(kind)
        if is_classifier(estimator):
            assert set(estimator.fit(X, target).predict(X)) <= set(target)
        else:
            with unchanged(estimator), refused(TypeError, "y holds (dates|durations)"):
                estimator.fit(X, target)


# Metrics and plots

#: What takes a fitted estimator and rows.
OF_ESTIMATORS = {
    **{f"metrics.{name}": getattr(metrics, name) for name in metrics.__all__},
    **{f"plotting.{name}": getattr(getattr(plotting, name), "from_estimator", None) for name in plotting.__all__},
}
OF_ESTIMATORS = {
    name: function
    for name, function in OF_ESTIMATORS.items()
    if function is not None and "X" in inspect.signature(function).parameters
}


@pytest.mark.parametrize("name", OF_ESTIMATORS)
def test_odd_rows_of_metrics_and_plots(name):
    """They refuse what estimators refuse, before they take a part of the rows."""
    estimator, function = model_of(ContractiveAutoencoder), OF_ESTIMATORS[name]
    parameters, options, left_out = inspect.signature(function).parameters, {}, []
    if "alphas" in parameters:  # it fits, and the rows decide the width
        options, left_out = {"alphas": [0.1, 1.0]}, OF_WIDTH
    elif name.startswith("plotting."):  # these take some rows of CSR, which has a number for each row
        left_out = [odd for odd in BAD if "2**40 rows" in odd]
    if parameters["X"].default is None:
        left_out = [*left_out, "None"]
    for odd, (make, _, _) in BAD.items():
        if odd not in left_out:
            with unchanged(estimator), refused((TypeError, ValueError)):
                function(estimator, made(make, X), **options)
