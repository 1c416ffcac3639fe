"""The types of skae that may be loaded from a skops file.

A pickle, or a joblib file, runs any code that its author has put there: load only your own. A file of
`skops <https://skops.readthedocs.io>`_ loads only types that you trust. For skae, trust `TRUSTED_TYPES`; skops itself
trusts most types of scikit-learn and numpy. Callbacks are not in `TRUSTED_TYPES`. Before you save, remove them by
``estimator.set_callbacks()``.

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

import skae
from skae import metrics
from skae.activations import ACTIVATIONS
from skae.corruption import CORRUPTIONS
from skae.outlier import BaggedMixtureAutoencoder, FeatureScaler, MixtureAutoencoder, MixtureEnsemble
from skae.penalties import PENALTIES

__all__ = ["TRUSTED_TYPES"]

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
