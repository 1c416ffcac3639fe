"""What a file of skops may hold of skae.

A pickle (joblib's files too) runs any code that whoever wrote it has put there: load only your own. A file of
`skops <https://skops.readthedocs.io>`_ builds nothing but the types that it is told to trust, which are, of skae,
`TRUSTED_TYPES`; most of scikit-learn's and numpy's skops knows itself. Callbacks are not among them: take them off, by
``estimator.set_callbacks()``, before you save.

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
from skae.activations import ACTIVATIONS
from skae.corruption import CORRUPTIONS
from skae.outlier import FeatureScaler, MixtureAutoencoder, MixtureEnsemble
from skae.penalties import PENALTIES

__all__ = ["TRUSTED_TYPES"]

_TYPES = [
    *(each for each in map(vars(skae).get, skae.__all__) if isinstance(each, type)),
    MixtureEnsemble,
    MixtureAutoencoder,
    FeatureScaler,
    *ACTIVATIONS.values(),
    *CORRUPTIONS.values(),
    *PENALTIES.values(),
]

#: Names of the types of skae that its fitted estimators consist of, for ``skops.io.load(file, trusted=TRUSTED_TYPES)``.
#: A type of your own, such as an activation, has to be added: ``[*TRUSTED_TYPES, "my_module.MyActivation"]``.
TRUSTED_TYPES = sorted(
    {f"{each.__module__}.{each.__qualname__}" for each in _TYPES if each.__module__.startswith("skae.")}
)
