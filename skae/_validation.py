"""Checks of what a user gives: data, weights, parameters. They add to scikit-learn's, and never weaken them."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils import validation

from skae._checked_rows import CheckedRows
from skae._sklearn_compat import _check_n_features, _check_sample_weight, _is_numpy_namespace, get_namespace
from skae._unconverted_rows import UnconvertedRows

#: The dtypes that estimators compute in. Other data become float64.
DTYPES = [np.float64, np.float32]

# Arguments of `validate_data` that change nothing of a valid ndarray of enough rows.
_NO_CONVERSION = {"reset", "accept_sparse", "ensure_min_samples"}

# Sparse formats whose numbers are in one array of one dimension.
_ONE_ARRAY = ("csr", "csc", "coo")

# How the errors begin that Python and numpy raise for a value that is no number.
_NO_NUMBER = ("could not convert string to float", "float() argument must be", "The DType")

# Errors of Python, numpy and pandas that do not say what is wrong with values, and what is.
_EXPLAINED = {
    "setting an array element with a sequence": "is no array of numbers: its rows have different lengths, its values "
    "are sequences, or it is a container that numpy does not read",
    "int too large to convert to float": "has integers that are too large for float64",
    "at least one array or dtype is required": "has 0 features (no columns), where a minimum of 1 is required",
    "fill value must be 0": "has sparse columns whose fill value is not 0: make them dense, by X.sparse.to_dense()",
}

# What numpy would make numbers of: dates and durations would become numbers of days, seconds or nanoseconds.
_OTHER_KINDS = {"M": "dates", "m": "durations", "V": "structured values"}

_ADVICE = "turn them into numbers before the model"

#: What to do where a fit with ``warm_start=True`` cannot go on.
CONTINUED = "; give the same columns in the same order, or fit with warm_start=False"

# An error names at most this number of columns.
_MOST_NAMES = 5

_NAMES_CHECKED = contextvars.ContextVar("_NAMES_CHECKED", default=False)


@contextlib.contextmanager
def names_checked() -> Iterator[None]:
    """Take arrays in the body without a warning where an estimator knows names: they have been compared before."""
    token = _NAMES_CHECKED.set(True)
    try:
        yield
    finally:
        _NAMES_CHECKED.reset(token)


def refuse_parameters_of_none(
    estimator: BaseEstimator, params: dict[str, Any], part: str, example: str, name: str = "estimator"
) -> None:
    """Raise ValueError if `set_params` would set a parameter of an inner estimator that is None.

    `part` is what the parameter `name` takes, `example` is an estimator that has one.
    """
    nested = [each for each in params if each.startswith(f"{name}__")]
    if nested and params.get(name, getattr(estimator, name)) is None:
        raise ValueError(
            f"{nested[0]} is a parameter of the {part}, and {name} is None, the default one; give one: {example}"
        )


def refuse_other_names(fitted: Any, given: Any, whose: str, hint: str = "") -> None:
    """Raise ValueError if features are named otherwise, or ordered otherwise, than in an earlier fit.

    `fitted` and `given` are names, or None where there were none. Their number is checked elsewhere.
    """
    if fitted is None or given is None or len(fitted) != len(given):
        return
    for number, (before, now) in enumerate(zip(fitted, given, strict=True)):
        if before != now:
            raise ValueError(
                f"The feature names should match those that {whose} was fitted with, in the same order: "
                f"column {number} is {now!r}, and was {before!r}{hint}"
            )


def validate_data(estimator: BaseEstimator, /, X: Any, *args: Any, dtype: Any, **kwargs: Any) -> Any:
    """Validate as scikit-learn does; keep X's dtype if `dtype` lists it, whatever container X is.

    Where X needs another dtype, it is returned as `UnconvertedRows`: only a block of rows is converted at a time. The
    error of a value that is no number names the columns. Sparse rows are CSR with sorted indices, each once.
    """
    if isinstance(X, CheckedRows):
        return validation.validate_data(estimator, X, reset=kwargs.get("reset", True), skip_check_array=True)
    if not kwargs.get("reset", True) and _NAMES_CHECKED.get() and not hasattr(X, "columns"):
        estimator = _nameless(estimator)
    _refuse_dask(X)
    _check_namespace(X, *args)
    for values, name in zip((X, *args), ("X", "y"), strict=False):
        _refuse_masked(values, name)
    if (
        not args
        and kwargs.keys() <= _NO_CONVERSION
        and not kwargs.get("reset", True)
        and _is_valid(estimator, X, dtype, kwargs.get("ensure_min_samples", 1))
    ):
        return X
    if sparse.issparse(X) and kwargs.get("accept_sparse"):
        _check_shape(X)
        if not kwargs.get("reset", True) and X.shape[1]:  # before a conversion to CSR: it takes memory for each row
            _check_n_features(estimator, X, reset=False)
    X = _canonical(X, dtype)
    rows = _unconverted(X, dtype)
    if rows is None:
        with _explained("X or y" if args else "X"), names_of_columns(X):
            refuse_other_kinds(X, "X")
            return validation.validate_data(estimator, _plain(X), *args, dtype=_kept(X, dtype), **kwargs)
    # The finiteness has been checked.
    with _explained("X or y" if args else "X"):
        result = validation.validate_data(estimator, rows.source, *args, dtype=None, ensure_all_finite=False, **kwargs)
    if isinstance(result, tuple):
        return UnconvertedRows(result[0], rows.dtype), *result[1:]
    return UnconvertedRows(result, rows.dtype)


def _nameless(estimator):
    """Return an estimator with the same attributes, but for the names of features."""
    twin = object.__new__(type(estimator))
    twin.__dict__ = {name: value for name, value in vars(estimator).items() if name != "feature_names_in_"}
    return twin


def _is_valid(estimator, X, dtype, n_samples):
    """Return whether scikit-learn would return X itself: an ndarray of finite numbers, as wide as in `fit`.

    It has `n_samples` rows at least.

    For one row, scikit-learn takes longer to look at the container than a small model takes to score it.
    """
    dtypes = dtype if isinstance(dtype, list) else [dtype]
    if type(X) is not np.ndarray or X.ndim != 2 or 0 in X.shape or X.dtype not in dtypes or len(X) < n_samples:
        return False
    if getattr(estimator, "n_features_in_", None) != X.shape[1] or hasattr(estimator, "feature_names_in_"):
        return False
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def check_is_fitted(estimator: BaseEstimator) -> None:
    """Check as scikit-learn does, without a look at the tags where there are fitted attributes."""
    if not any(name.endswith("_") and not name.startswith("__") for name in vars(estimator)):
        validation.check_is_fitted(estimator)


def check_array(X: Any, *, dtype: Any, **kwargs: Any) -> Any:
    """Check as scikit-learn does; for the dtype, the errors and sparse rows, see `validate_data`."""
    _refuse_dask(X)
    _check_namespace(X)
    _refuse_masked(X, "X")
    if sparse.issparse(X) and kwargs.get("accept_sparse"):
        _check_shape(X)
    X = _canonical(X, dtype)
    rows = _unconverted(X, dtype)
    if rows is None:
        with _explained("X"), names_of_columns(X):
            refuse_other_kinds(X, "X")
            return validation.check_array(_plain(X), dtype=_kept(X, dtype), **kwargs)
    return UnconvertedRows(
        validation.check_array(rows.source, dtype=None, ensure_all_finite=False, **kwargs), rows.dtype
    )


def _unconverted(X, dtype):
    """Return X as `UnconvertedRows` if it is a table of finite numbers of another dtype than `dtype`, else None.

    For all else, scikit-learn knows what to do or to say. Its sentences show the converted numbers.
    """
    own = X.dtype if isinstance(X, UnconvertedRows) else _dtype_of_table(X)
    if own is None or 0 in X.shape:
        return None
    accepted = [np.dtype(each) for each in (dtype if isinstance(dtype, list) else [dtype])]
    if isinstance(X, UnconvertedRows):
        return X if own in accepted else None
    if own in accepted:
        return None
    rows = UnconvertedRows(X, accepted[0])
    return rows if own.kind in "biu" or get_config()["assume_finite"] or rows.is_finite() else None


def _canonical(X, dtype):
    """Return a CSR or CSC matrix with sorted indices and without duplicates: X itself, or a copy. All else stays.

    Duplicates are added in a dtype to compute in, where a byte would overflow.
    """
    if not (sparse.issparse(X) and X.ndim == 2 and X.format in ("csr", "csc") and X.dtype.kind in "biuf"):
        return X
    if X.has_canonical_format:
        return X
    accepted = dtype if isinstance(dtype, list) else [dtype]
    convert = X.dtype not in accepted
    if convert and X.dtype.kind != "f":
        X = X.sorted_indices()
        convert = not X.has_canonical_format
    X = X.astype(accepted[0]) if convert else X.copy()
    X.sum_duplicates()
    return X


def _dtype_of_table(X):
    """Return the dtype of X if X holds real numbers in two dimensions, all of one numpy dtype, else None."""
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "biuf":
        return X.dtype
    if sparse.issparse(X) and X.ndim == 2 and X.format in _ONE_ARRAY and X.dtype.kind in "biuf":
        return X.dtype if X.dtype.isnative else None  # scipy cannot index sparse rows of the other byte order
    if hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2:  # a pandas table of integers
        first, *others = {*X.dtypes} or {None}
        if not others and isinstance(first, np.dtype) and first.kind in "biu":
            return first
    return None


def _plain(X):
    """Return X, and `UnconvertedRows` as an array: they need one more conversion."""
    return np.asarray(X) if isinstance(X, UnconvertedRows) else X


@contextlib.contextmanager
def _explained(name):
    """Run a conversion; its errors say what is wrong with the values of that name.

    Where a conversion overflows, there is an error, and no warning.
    """
    try:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # inf - inf, in scikit-learn's sum
            yield
    except (OverflowError, ValueError) as error:
        for beginning, explanation in _EXPLAINED.items():
            if str(error).startswith(beginning):
                raise ValueError(f"{name} {explanation}") from None
        raise


@contextlib.contextmanager
def names_of_columns(X):
    """Run the body; the error of a value that is no number says which columns hold such values, and what to do."""
    try:
        yield
    except (TypeError, ValueError) as error:
        reason = str(error)
        named = _ADVICE in reason  # by an estimator inside
        columns = _columns_without_numbers(X) if reason.startswith(_NO_NUMBER) and not named else {}
        if not columns:
            raise
        if reason.startswith(_NO_NUMBER[-1]):  # numpy's words on two dtypes, which fill three lines
            reason = "X is no table of numbers"
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            f"{reason}; {_listed(list(columns))} {' and '.join(sorted(set(columns.values())))}, where every value must "
            f"be a number: {_ADVICE} (OneHotEncoder in a ColumnTransformer encodes strings), or leave them out"
        ) from None


def _listed(names):
    """Return the subject and the verb of a sentence about columns."""
    named, n_others = ", ".join(map(repr, names[:_MOST_NAMES])), len(names) - _MOST_NAMES
    others = f" and {n_others} other{'s' * (n_others > 1)}" if n_others > 0 else ""
    return f"column {named} holds" if len(names) == 1 else f"columns {named}{others} hold"


def _columns_without_numbers(X):
    """Return the names (of an array, the numbers) of the columns that are no numbers, each with what it holds."""
    if hasattr(X, "columns"):
        values, names = np.asarray(X), getattr(X, "column_names", None) or list(X.columns)  # pyarrow, pandas or polars
    else:
        values = np.asarray(X, dtype=object)
        names = range(values.shape[-1] if values.ndim else 0)
    if values.ndim != 2:
        return {}
    found = {}
    for name, column in zip(names, values.T, strict=False):
        try:
            column.astype(np.float64)
        except (TypeError, ValueError):
            odd = next((value for value in column if not _is_number(value)), None)
            found[name] = "strings" if isinstance(odd, (str, bytes)) else f"{type(odd).__name__}s"
    return found


def _is_number(value):
    """Return whether numpy makes a number of a value."""
    try:
        np.asarray(value, dtype=object).astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def check_sample_weight(sample_weight: Any, X: Any, **kwargs: Any) -> Any:
    """Check as scikit-learn does; masked weights, and dates, are refused as masked rows are."""
    _check_namespace(sample_weight)
    _refuse_masked(sample_weight, "sample_weight")
    refuse_other_kinds(sample_weight, "sample_weight")
    with _explained("sample_weight"):
        return _check_sample_weight(sample_weight, X, **kwargs)


def _check_namespace(*arrays):
    """Raise TypeError if scikit-learn would hand on an array of another library than numpy.

    It does so with ``array_api_dispatch=True``. Without, it converts arrays to numpy's.
    """
    if not get_config()["array_api_dispatch"]:
        return
    for array in arrays:
        if isinstance(array, UnconvertedRows):
            continue
        namespace, is_array = get_namespace(array)
        if is_array and not _is_numpy_namespace(namespace):
            package = type(array).__module__.partition(".")[0]
            raise TypeError(
                f"skae takes numpy arrays, got {package}.{type(array).__name__} with array_api_dispatch=True: "
                "convert it to a numpy array on the CPU, or set sklearn.set_config(array_api_dispatch=False)"
            )


def _refuse_dask(X):
    """Raise TypeError for a collection of Dask: numpy would load all of it."""
    if type(X).__module__.partition(".")[0] == "dask":
        raise TypeError(
            f"X is a dask {type(X).__name__}, all of which would be loaded into memory; use the functions of skae.dask "
            "(fit, partial_fit, transform, score_samples, ...), or pass X.compute()"
        )


def _refuse_masked(values, name):
    """Raise ValueError for masked values: numpy would take the numbers beneath the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} has {np.ma.count_masked(values)} masked values, where every value must be a number: fill them by "
            f"{name}.filled(...), or leave their rows out"
        )


def refuse_other_kinds(values: Any, name: str) -> None:
    """Raise TypeError for dates, durations and structured values, which are no real numbers."""
    dtype = _numpy_dtype(values) if hasattr(values, "__array__") else np.dtype(float)
    if dtype.kind in _OTHER_KINDS:
        raise TypeError(
            f"{name} holds {_OTHER_KINDS[dtype.kind]} ({dtype}), where every value must be a number: {_ADVICE}"
        )


def _check_shape(X):
    """Raise ValueError for a sparse array that has another number of dimensions than two."""
    if X.ndim != 2:
        raise ValueError(f"Expected a sparse array of 2 dimensions, got the shape {X.shape}")


def _kept(X, dtype):
    """Return X's own dtype if the list `dtype` has it, else `dtype` itself.

    scikit-learn looks for numpy dtypes only. The columns of polars, pyarrow and nullable pandas tables, and torch
    tensors, have other kinds of dtypes. For them scikit-learn would take the first dtype of the list.
    """
    if not isinstance(dtype, list) or not hasattr(X, "__array__"):
        return dtype
    own = _numpy_dtype(X)
    return own if own in dtype else dtype


def _numpy_dtype(X):
    """Return the dtype that X has as a numpy array; several columns have a common one, by numpy's rules."""
    if isinstance(getattr(X, "dtype", None), np.dtype):
        return X.dtype
    dtypes = getattr(X, "dtypes", ()) if hasattr(X, "columns") else ()
    columns = [getattr(each, "numpy_dtype", each) for each in dtypes]  # nullable pandas columns
    if columns and all(isinstance(each, np.dtype) for each in columns):
        return np.result_type(*columns)
    return np.asarray(X[:0] if hasattr(X, "columns") else X).dtype  # for a table, no row is needed
