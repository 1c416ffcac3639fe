"""Every private or version-dependent scikit-learn name that skae uses, imported once.

scikit-learn has no types, so its decorators would hide the signatures of what they decorate; type checkers see
decorators that keep them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, RealNotInt, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_feature_names_in, _check_sample_weight, validate_data

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:
    from sklearn.callback import CallbackSupportMixin

    def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]: ...

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...

    def with_callbacks(method: Method) -> Method: ...

else:
    from sklearn.base import _fit_context
    from sklearn.utils.metaestimators import available_if

    try:  # from scikit-learn 1.9 on
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:

        class CallbackSupportMixin:
            """Without callbacks."""

        def with_callbacks(method):
            """Return the method itself."""
            return method


__all__ = [
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
    "available_if",
    "set_random_states",
    "validate_data",
    "with_callbacks",
]


def set_random_states(estimator: BaseEstimator, random_state: Any) -> None:
    """Set every random_state parameter of an estimator, nested ones too, to numbers drawn from one."""
    from sklearn.ensemble._base import _set_random_states  # a third of the import of skae

    _set_random_states(estimator, random_state)
