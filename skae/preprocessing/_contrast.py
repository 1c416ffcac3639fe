"""ContrastNormalizer."""

from __future__ import annotations

import functools
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from skae._documentation import documented
from skae._sklearn_compat import CallbackSupportMixin, Interval, _fit_context, with_callbacks
from skae._typing import Array, FloatArray
from skae._validation import DTYPES, validate_data
from skae._version import VersionedEstimator
from skae.training import fit_task, row_chunks, unchanged_on_error


@documented
class ContrastNormalizer(CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, VersionedEstimator):
    """Subtract each sample's own mean, and divide by its own standard deviation + eps.

    Stateless: `fit` only checks its input.

    Parameters
    ----------
    eps : float, default=1e-8
        Added to the standard deviation, in units of X. For pixels from 0 to 255, a value near 10 does not amplify the
        noise of flat patches. A sample of zero deviation becomes zero.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names that are all strings.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import ContrastNormalizer
    >>> ContrastNormalizer().fit_transform(np.array([[1.0, 3.0], [5.0, 5.0]])).round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """

    n_features_in_: int
    feature_names_in_: Array  # absent if X had no names

    _parameter_constraints: dict = {"eps": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, eps: float = 1e-8) -> None:
        self.eps = eps

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check X, and remember its number of features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : Ignored
            Present for API consistency. It is passed on to callbacks.

        Returns
        -------
        self : object
            The transformer.
        """
        with unchanged_on_error(self):
            self._fit(X, y)
        return self

    @with_callbacks
    def _fit(self, X, y):
        """Check X."""
        with fit_task(self, X, y):
            validate_data(self, X, dtype=DTYPES)

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return X with each row normalised.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows of mean 0 and standard deviation (almost) 1, in X's dtype.
        """
        checked = validate_data(self, X, reset=False, dtype=DTYPES)
        out: FloatArray = np.empty(checked.shape, dtype=checked.dtype)
        for rows, chunk in row_chunks(checked):
            normalised(chunk, self.eps, out=out[rows])
        return out

    def __skae_row_function__(self, dtype):
        """Return `transform` of dense rows, without checks."""
        return functools.partial(normalised, eps=self.eps)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@np.errstate(over="ignore", under="ignore")  # eps over the scale may be inf: such rows are 0
def normalised(rows, eps, out=None):
    """Return rows less their own mean, over their own standard deviation + eps."""
    # Divide by a power of two near the largest value, so that no square overflows or underflows.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scale = np.where(largest > 0.0, np.ldexp(np.ones_like(largest), np.frexp(largest)[1] - 1), 1.0).astype(rows.dtype)
    out = np.divide(rows, scale, out=out)
    out -= out.mean(axis=1, keepdims=True)
    out -= out.mean(axis=1, keepdims=True)  # again, because the first mean was rounded
    deviation = np.sqrt(np.mean(out * out, axis=1, keepdims=True))
    constant = rows.min(axis=1, keepdims=True) == rows.max(axis=1, keepdims=True)
    deviation += (float(eps) / scale.astype(np.float64)).astype(rows.dtype)
    out[constant[:, 0]] = 0.0
    np.divide(out, deviation, out=out, where=deviation > 0.0)
    return out
