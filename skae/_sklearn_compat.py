"""Every private or version-dependent scikit-learn name that skae uses, imported once.

scikit-learn has no type annotations, so its decorators hide the signatures of the methods that they decorate.
Type checkers therefore see other decorators here, which keep the signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, validation
from sklearn.utils._array_api import _is_numpy_namespace, get_namespace
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, RealNotInt, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_feature_names_in

#: The dtypes that estimators compute in. Other data become float64.
DTYPES = [np.float64, np.float32]

# Arguments of `validate_data` that change nothing of a valid ndarray.
_NO_CONVERSION = {"reset", "accept_sparse"}

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:
    from sklearn.callback import CallbackSupportMixin

    def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]: ...

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...

    def with_callbacks(method: Method) -> Method: ...

    class BaseScorer:
        """The part of scikit-learn's class that skae calls."""

        _score_func: Callable[..., float]

        def __init__(
            self, score_func: Callable[..., float], sign: int, kwargs: dict[str, Any], response_method: str
        ) -> None: ...

else:
    from sklearn.base import _fit_context
    from sklearn.utils.metaestimators import available_if

    try:  # from scikit-learn 1.9 on
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:

        class CallbackSupportMixin:
            """Stand-in for older versions, which have no callbacks."""

        def with_callbacks(method):
            """Return the method itself."""
            return method

    def __getattr__(name):
        """Import the base class of the scorers at its first use, because all of `sklearn.metrics` comes with it."""
        if name == "BaseScorer":
            from sklearn.metrics._scorer import _BaseScorer

            return _BaseScorer
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "DTYPES",
    "BaseScorer",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names_in",
    "_check_partial_fit_first_call",
    "_check_sample_weight",
    "_fit_context",
    "_safe_indexing",
    "available_if",
    "check_array",
    "check_is_fitted",
    "set_random_states",
    "validate_data",
    "with_callbacks",
]


def set_random_states(estimator: BaseEstimator, random_state: Any) -> None:
    """Set every random_state parameter of an estimator, nested ones too, to numbers drawn from `random_state`."""
    from sklearn.ensemble._base import _set_random_states  # at the top, this would be a third of skae's import time

    _set_random_states(estimator, random_state)


def validate_data(estimator: BaseEstimator, /, X: Any, *args: Any, dtype: Any, **kwargs: Any) -> Any:
    """Validate as scikit-learn does; keep X's dtype if `dtype` lists it, whatever container X is."""
    _check_namespace(X, *args)
    if (
        not args
        and kwargs.keys() <= _NO_CONVERSION
        and not kwargs.get("reset", True)
        and _is_valid(estimator, X, dtype)
    ):
        return X
    return validation.validate_data(estimator, X, *args, dtype=_kept(X, dtype), **kwargs)


def _is_valid(estimator, X, dtype):
    """Return whether scikit-learn would return X itself: an ndarray of finite numbers, as wide as in `fit`.

    For one row, scikit-learn takes longer to look at the container than a small model takes to score it.
    """
    dtypes = dtype if isinstance(dtype, list) else [dtype]
    if type(X) is not np.ndarray or X.ndim != 2 or 0 in X.shape or X.dtype not in dtypes:
        return False
    if getattr(estimator, "n_features_in_", None) != X.shape[1] or hasattr(estimator, "feature_names_in_"):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def check_is_fitted(estimator: BaseEstimator) -> None:
    """Check as scikit-learn does, without a look at the tags where there are fitted attributes."""
    if not any(name.endswith("_") and not name.startswith("__") for name in vars(estimator)):
        validation.check_is_fitted(estimator)


def check_array(X: Any, *, dtype: Any, **kwargs: Any) -> Any:
    """Check as scikit-learn does; keep X's dtype if `dtype` lists it, whatever container X is."""
    _check_namespace(X)
    return validation.check_array(X, dtype=_kept(X, dtype), **kwargs)


def _check_sample_weight(sample_weight: Any, X: Any, **kwargs: Any) -> Any:
    """Check as scikit-learn does."""
    _check_namespace(sample_weight)
    return validation._check_sample_weight(sample_weight, X, **kwargs)


def _check_namespace(*arrays):
    """Raise TypeError if scikit-learn would hand on an array of another library than numpy.

    It does so with ``array_api_dispatch=True``. Without, it converts arrays to numpy's.
    """
    if not get_config()["array_api_dispatch"]:
        return
    for array in arrays:
        namespace, is_array = get_namespace(array)
        if is_array and not _is_numpy_namespace(namespace):
            package = type(array).__module__.partition(".")[0]
            raise TypeError(
                f"skae takes numpy arrays, got {package}.{type(array).__name__} with array_api_dispatch=True: "
                "convert it to a numpy array on the CPU, or set sklearn.set_config(array_api_dispatch=False)"
            )


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
    columns = [getattr(each, "numpy_dtype", each) for each in getattr(X, "dtypes", ())]  # nullable pandas columns
    if columns and all(isinstance(each, np.dtype) for each in columns):
        return np.result_type(*columns)
    return np.asarray(X[:0] if hasattr(X, "columns") else X).dtype  # for a table, no row is needed
