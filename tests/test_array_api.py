"""Arrays of other libraries: refused in a sentence where scikit-learn would hand them on, else converted."""

import types

import numpy as np
import pytest
import scipy
from autoencoders import DEFAULTS
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils.fixes import parse_version

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    EnergyOutlierDetector,
    FineTunedClassifier,
    FineTunedRegressor,
    PCAWhitener,
)
from skae.outlier import MixtureAutoencoder, MixtureEnsemble

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*(were fitted to|active on no training row|constant):UserWarning"),
]

SMALL = {"n_components": 2, "max_iter": 2, "random_state": 0}
ESTIMATORS = [
    *(case.make() for case in DEFAULTS),
    PCAWhitener(),
    ContrastNormalizer(),
    MixtureAutoencoder(2, random_state=0),
    MixtureEnsemble(random_state=0),
    EnergyOutlierDetector(),
    EnergyOutlierDetector(ContractiveAutoencoder(**SMALL)),
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), max_iter=2),
    FineTunedClassifier(ContractiveAutoencoder(**SMALL), max_iter=2),
    FineTunedRegressor(ContractiveAutoencoder(**SMALL), max_iter=2),
]
METHODS = ("transform", "inverse_transform", "score_samples", "score", "predict", "reconstruct", "partial_fit")
SENTENCE = r"skae takes numpy arrays, got {} with array_api_dispatch=True: convert it to a numpy array"

every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)


class Foreign:
    """An array with the protocol of the array API, of a library that nobody has."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.ndim, self.dtype = self.values.shape, self.values.ndim, self.values.dtype

    def __array_namespace__(self, api_version=None):
        return types.ModuleType("foreign")

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(self.dtype if dtype is None else dtype)

    def __len__(self):
        return len(self.values)


def strict(values):
    """Return an array of array-api-strict."""
    return pytest.importorskip("array_api_strict").asarray(values)


def tensor(values):
    """Return a tensor of torch."""
    return pytest.importorskip("torch").tensor(values)


ARRAYS = {r"\w+.Foreign": Foreign, "array_api_strict.Array": strict, "torch.Tensor": tensor}

every_array = pytest.mark.parametrize("name", ARRAYS)


@pytest.fixture
def dispatch(monkeypatch):
    """Let scikit-learn hand arrays of other libraries on."""
    if parse_version(scipy.__version__) < parse_version("1.14"):
        pytest.skip("scikit-learn dispatches arrays with SciPy 1.14 and later")
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture
def rows(rng):
    """Rows and their classes."""
    X = rng.random((30, 4))
    return X, (X[:, 0] > 0.5).astype(int)


@every_array
@every_estimator
def test_other_arrays_are_refused(estimator, name, rows, dispatch):
    """Every fit and prediction says what it takes, and what to do."""
    X, y = rows
    estimator, message = clone(estimator), SENTENCE.format(name)
    foreign = ARRAYS[name](X)
    with pytest.raises(TypeError, match=message):
        estimator.fit(foreign, y)
    estimator.fit(X, y)
    for method in METHODS:
        if hasattr(estimator, method):
            arguments = (y,) if method in ("score", "partial_fit") else ()
            with pytest.raises(TypeError, match=message):
                getattr(estimator, method)(foreign, *arguments)


@every_array
def test_other_labels_and_weights_are_refused(name, rows, dispatch):
    """Labels and weights are numpy arrays, or lists, as X is."""
    X, y = rows
    foreign, message = ARRAYS[name](y), SENTENCE.format(name)
    with pytest.raises(TypeError, match=message):
        clone(ESTIMATORS[-1]).fit(X, foreign)
    autoencoder = ContractiveAutoencoder(**SMALL).fit(X, sample_weight=list(y + 1))
    for method in (autoencoder.fit, autoencoder.partial_fit, autoencoder.score):
        with pytest.raises(TypeError, match=message):
            method(X, sample_weight=foreign)


@every_array
@every_estimator
def test_other_arrays_are_converted_without_dispatch(estimator, name, rows):
    """By default scikit-learn makes numpy arrays of them, and the results are those of these."""
    X, y = rows
    foreign = ARRAYS[name](X)
    expected, found = clone(estimator).fit(X, y), clone(estimator).fit(foreign, y)
    for method in METHODS[:5]:
        if hasattr(expected, method) and method not in ("inverse_transform", "score"):
            assert_allclose(getattr(found, method)(foreign), getattr(expected, method)(X), rtol=1e-10, atol=1e-12)
