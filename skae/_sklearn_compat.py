"""Every private or version-dependent scikit-learn name that skae uses, imported once."""

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, InvalidParameterError, RealNotInt, StrOptions
from sklearn.utils.validation import _check_feature_names_in, _check_sample_weight, validate_data

__all__ = [
    "Interval",
    "InvalidParameterError",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names_in",
    "_check_sample_weight",
    "_fit_context",
    "validate_data",
]
