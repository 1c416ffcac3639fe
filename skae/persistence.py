"""Saving of fitted estimators: what skops may load, the warning of another version, copies without optimiser.

A pickle, or a joblib file, runs any code that its author has put there: load only your own. A file of
`skops <https://skops.readthedocs.io>`_ loads only types that you trust. For skae, trust `TRUSTED_TYPES`; skops itself
trusts most types of scikit-learn and numpy. Callbacks are not in `TRUSTED_TYPES`. Before you save, remove them by
``estimator.set_callbacks()``.

Files of all three carry the version of skae. To load an estimator that another version has saved warns with
`InconsistentVersionWarning`.

Examples
--------
>>> import skops.io
>>> from sklearn.datasets import load_digits
>>> from sklearn.pipeline import make_pipeline
>>> from skae import PCAWhitener, ZeroBiasAutoencoder
>>> from skae.persistence import TRUSTED_TYPES
>>> X = load_digits().data / 16
>>> autoencoder = ZeroBiasAutoencoder(32, max_iter=5, tol=0, random_state=0)
>>> features = make_pipeline(PCAWhitener(whiten=None), autoencoder).fit(X)
>>> file = skops.io.dumps(features)
>>> loaded = skops.io.loads(file, trusted=TRUSTED_TYPES)
>>> bool((loaded.transform(X) == features.transform(X)).all())
True
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator

import skae
from skae import metrics
from skae._version import InconsistentVersionWarning
from skae.activations import ACTIVATIONS
from skae.corruption import CORRUPTIONS
from skae.outlier import BaggedMixtureAutoencoder, FeatureScaler, MixtureAutoencoder, MixtureEnsemble
from skae.penalties import PENALTIES
from skae.training import SolverParameters, drop_optimizer_state

__all__ = ["TRUSTED_TYPES", "InconsistentVersionWarning", "without_optimizer_state"]

Estimator = TypeVar("Estimator", bound=BaseEstimator)

_TYPES = [
    *(each for each in map(vars(skae).get, skae.__all__) if isinstance(each, type)),
    MixtureEnsemble,
    MixtureAutoencoder,
    BaggedMixtureAutoencoder,
    FeatureScaler,
    type(metrics.denoising_r2),  # scorers, in a search
    *ACTIVATIONS.values(),
    *CORRUPTIONS.values(),
    *PENALTIES.values(),
]

#: Names of the types that fitted estimators of skae consist of, for ``skops.io.load(file, trusted=TRUSTED_TYPES)``.
#: Add types of your own, such as an activation: ``[*TRUSTED_TYPES, "my_module.MyActivation"]``.
TRUSTED_TYPES = sorted(
    {f"{each.__module__}.{each.__qualname__}" for each in _TYPES if each.__module__.startswith("skae.")}
)


def without_optimizer_state(estimator: Estimator) -> Estimator:
    """Return a copy of an estimator without the state that `partial_fit` keeps of the optimiser, for small files.

    Adam's state is twice as large as the parameters. Predictions are the same, to the bit. A later `partial_fit` of the
    copy starts the optimiser anew: adam and sgd without momentum, and sgd with ``learning_rate_init="auto"`` looks for
    its rate again. The random stream goes on. The estimator itself does not change.

    Parameters
    ----------
    estimator : estimator
        An estimator of skae, or any of scikit-learn that holds some, such as a Pipeline.

    Returns
    -------
    estimator
        A deep copy.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_digits
    >>> from skae import ZeroBiasAutoencoder
    >>> from skae.persistence import without_optimizer_state
    >>> X = load_digits().data / 16
    >>> autoencoder = ZeroBiasAutoencoder(32, random_state=0).partial_fit(X)
    >>> small = without_optimizer_state(autoencoder)
    >>> len(pickle.dumps(small)) < 0.5 * len(pickle.dumps(autoencoder))
    True
    >>> bool((small.transform(X) == autoencoder.transform(X)).all())
    True
    """
    copied = copy.deepcopy(estimator)
    _drop_everywhere(copied, set())
    return copied


def _drop_everywhere(value: Any, seen: set[int]) -> None:
    """Drop the state of all estimators in a value: an estimator, or a list, tuple, dict or array of values."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, SolverParameters):
        drop_optimizer_state(value)
    if isinstance(value, BaseEstimator):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.dtype == object else []
    if isinstance(value, list | tuple):
        for each in value:
            _drop_everywhere(each, seen)
