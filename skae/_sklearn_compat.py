"""Every private or version-dependent scikit-learn name that skae uses, imported once.

scikit-learn has no type annotations, so its decorators hide the signatures of the methods that they decorate.
Type checkers therefore see other decorators here, which keep the signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sklearn import __version__ as sklearn_version
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils._array_api import _is_numpy_namespace, get_namespace
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_feature_names_in, _check_n_features, _check_sample_weight

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:
    from sklearn.callback import AutoPropagatedCallback, CallbackSupportMixin

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
        from sklearn.callback import AutoPropagatedCallback, CallbackSupportMixin, with_callbacks
    except ImportError:
        AutoPropagatedCallback = None

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
    "AutoPropagatedCallback",
    "BaseScorer",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names_in",
    "_check_n_features",
    "_check_partial_fit_first_call",
    "_check_sample_weight",
    "_fit_context",
    "_is_numpy_namespace",
    "_safe_indexing",
    "available_if",
    "check_callback_support",
    "get_namespace",
    "set_random_states",
    "validate_parameter_constraints",
    "with_callbacks",
]


def check_callback_support(name: str) -> None:
    """Raise ImportError if scikit-learn has no callbacks; `name` is what needs them."""
    if AutoPropagatedCallback is None:
        raise ImportError(
            f"{name} needs the callbacks of scikit-learn 1.9 or newer, got scikit-learn {sklearn_version}"
        )


def set_random_states(estimator: BaseEstimator, random_state: Any) -> None:
    """Set every random_state parameter of an estimator, nested ones too, to numbers drawn from `random_state`."""
    from sklearn.ensemble._base import _set_random_states  # at the top, this would be a third of skae's import time

    _set_random_states(estimator, random_state)
