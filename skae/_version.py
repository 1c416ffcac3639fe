"""The version of skae, and estimators that carry it into their files."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning as _SklearnWarning

__version__ = "0.1.0.dev0"

# What stands in for the version of a file that has none.
_UNKNOWN = "unknown"


class InconsistentVersionWarning(_SklearnWarning):
    """Warning of an estimator that another version of skae has saved.

    scikit-learn warns so of its own estimators. A filter of `sklearn.exceptions.InconsistentVersionWarning` holds for
    both.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.

    saved_by : str
        Version of skae that has saved it; "unknown" for files from before 0.1.0 was released.

    loaded_by : str
        Version of skae that loads it.

    Examples
    --------
    >>> import pickle, warnings
    >>> from skae import PCAWhitener
    >>> from skae.persistence import InconsistentVersionWarning
    >>> file = pickle.dumps(PCAWhitener())
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", InconsistentVersionWarning)
    ...     pickle.loads(file)  # of this version: no warning
    PCAWhitener()
    """

    def __init__(self, *, estimator_name: str, saved_by: str, loaded_by: str) -> None:
        super().__init__(
            estimator_name=estimator_name, original_sklearn_version=_UNKNOWN, current_sklearn_version=_UNKNOWN
        )
        self.saved_by = saved_by
        self.loaded_by = loaded_by

    def __str__(self) -> str:
        saved_by = "an unknown version of skae" if self.saved_by == _UNKNOWN else f"skae {self.saved_by}"
        return (
            f"{self.estimator_name} was saved by {saved_by} and is loaded by skae {self.loaded_by}: it may fail or "
            f"give other results; load it with the version that saved it, or fit it again"
        )


class VersionedEstimator(BaseEstimator):
    """Base class of all estimators: pickle, joblib and skops save the version of skae with them.

    The version is in the saved state only, not in ``vars(estimator)``. Copies and clones are of the running version.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_skae_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_skae_version", _UNKNOWN)
        if version != __version__:
            name = type(self).__name__
            warnings.warn(
                InconsistentVersionWarning(estimator_name=name, saved_by=version, loaded_by=__version__), stacklevel=2
            )
        super().__setstate__(state)
