"""Scorer: a function of (estimator, X, y, sample_weight), as a scorer of scikit-learn."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from skae._sklearn_compat import BaseScorer
from skae._typing import MatrixLike

#: The functions of all scorers by name, for copies and pickles.
_FUNCTIONS: dict[str, Callable[..., float]] = {}


class Scorer(BaseScorer):
    """A function that takes a fitted estimator and data, and returns a score, as `sklearn.metrics.make_scorer` makes.

    It is called as the function is. In addition, scikit-learn's searches, cross-validation and callbacks find out that
    it takes `sample_weight`, with and without metadata routing.

    Parameters
    ----------
    function : callable
        A function with the signature ``function(estimator, X, y=None, sample_weight=None)``. The scorer takes over its
        name, docstring and signature.
    """

    __name__: str
    __doc__: str

    def __init__(self, function: Callable[..., float]) -> None:
        # scikit-learn caches responses of estimators. Ours are not among them, and `fit` exists in every estimator.
        super().__init__(function, sign=1, kwargs={}, response_method="fit")
        functools.update_wrapper(self, function)
        _FUNCTIONS.setdefault(function.__name__, function)

    def __call__(self, estimator: Any, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        return self._score_func(estimator, X, y, sample_weight)

    def _score(self, method_caller, estimator, X, y_true=None, **kwargs):
        """Return the score; scikit-learn calls this for one scorer among several."""
        return self(estimator, X, y_true, **kwargs)

    def __repr__(self):
        return self.__name__

    def __getstate__(self):
        # By its name, pickle would find the scorer in the place of the function.
        return {"name": self.__name__, **{key: vars(self)[key] for key in ("_metadata_request",) if key in vars(self)}}

    def __setstate__(self, state):
        Scorer.__init__(self, _FUNCTIONS[state["name"]])
        vars(self).update({key: value for key, value in state.items() if key != "name"})
