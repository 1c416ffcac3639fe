"""Files of skops hold every fitted estimator need no trust but in what skae names. Copies leave the optimiser out."""

import pickle

import joblib
import numpy as np
import pytest
import skops.io
from autoencoders import DEFAULTS
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skae
from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    ZeroBiasAutoencoder,
)
from skae.activations import ACTIVATIONS
from skae.corruption import CORRUPTIONS
from skae.outlier import MixtureEnsemble
from skae.penalties import PENALTIES
from skae.persistence import TRUSTED_TYPES, without_optimizer_state

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(n_class=3, return_X_y=True)
X, y = X[:90] / 16.0, y[:90]
SHORT = {"max_iter": 2, "random_state": 0}
PLAIN = ContractiveAutoencoder(5, **SHORT)
ESTIMATORS = [
    *(case.make(**SHORT) for case in DEFAULTS),
    *(ContractiveAutoencoder(5, activation=each(), alpha=0.0, **SHORT) for each in ACTIVATIONS.values()),
    *(DenoisingAutoencoder(5, noise=each(), **SHORT) for each in CORRUPTIONS.values()),
    ContractiveAutoencoder(5, penalty="laplacian", early_stopping=True, tied_weights=True, **SHORT),
    ClassSpecificAEClassifier(PLAIN, **SHORT),
    ClassSpecificAEClassifier(PLAIN, method="energies", **SHORT),
    ClassSpecificAEClassifier(PLAIN, calibration_fraction=0.2, **SHORT),
    ClassSpecificAEClassifier(DenoisingAutoencoder(5, **SHORT), n_factors=3, **SHORT),
    EnergyOutlierDetector(random_state=0),
    EnergyOutlierDetector(PLAIN),
    MixtureEnsemble(random_state=0),
    make_pipeline(ContrastNormalizer(), PCAWhitener(0.9), PLAIN, LogisticRegression()),
]


def result_of(estimator):
    """Return what the estimator makes of X."""
    name = next(
        each for each in ("p_values", "decision_function", "transform", "score_samples") if hasattr(estimator, each)
    )
    return getattr(estimator, name)(X)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_round_trip(estimator):
    """A fitted estimator gives the same bits, keeps its parameters, and trains on as the original does."""
    fitted = clone(estimator).fit(X, y)
    loaded = skops.io.loads(skops.io.dumps(fitted), trusted=TRUSTED_TYPES)
    assert_array_equal(result_of(loaded), result_of(fitted))
    assert repr(loaded) == repr(fitted)
    assert_array_equal(result_of(loaded.fit(X, y)), result_of(clone(estimator).fit(X, y)))


@pytest.mark.parametrize(
    "estimator", [ZeroBiasAutoencoder(5, **SHORT), ClassSpecificAEClassifier(PLAIN, **SHORT)], ids=str
)
def test_training_goes_on(estimator):
    """The optimiser's state and the random stream are in the file."""
    classes = {"classes": np.unique(y)} if hasattr(estimator, "predict") else {}
    fitted = clone(estimator).partial_fit(X, y, **classes)
    loaded = skops.io.loads(skops.io.dumps(fitted), trusted=TRUSTED_TYPES)
    assert_array_equal(result_of(loaded.partial_fit(X, y)), result_of(fitted.partial_fit(X, y)))


STEPS = {"solver": "sgd", "learning_rate_init": 0.01, "momentum": 0.0, "random_state": 0}  # steps without a state
IN_PARTS = [
    *(case.make(random_state=0) for case in DEFAULTS if hasattr(case.make(), "partial_fit")),
    ClassSpecificAEClassifier(PLAIN, **SHORT),
    ZeroBiasAutoencoder(5, **STEPS),
    ClassSpecificAEClassifier(ZeroBiasAutoencoder(5, **STEPS), **STEPS),
]


def fitted_in_parts(estimator):
    """Return a clone of the estimator after two calls of `partial_fit`."""
    classes = {"classes": np.unique(y)} if hasattr(estimator, "predict") else {}
    return clone(estimator).partial_fit(X, y, **classes).partial_fit(X, y)


@pytest.mark.parametrize("estimator", IN_PARTS, ids=str)
def test_copies_without_the_state_of_the_optimiser(estimator):
    """A copy without the state is smaller, and predicts the same bits. The original keeps its state."""
    fitted = fitted_in_parts(estimator)
    before = joblib.hash(vars(fitted))
    small = without_optimizer_state(fitted)
    assert joblib.hash(vars(fitted)) == before
    assert_array_equal(result_of(small), result_of(fitted))
    n_parameters = sum(
        each.components_.nbytes * (1 if each.decoder_components_ is each.components_ else 2)
        for each in getattr(fitted, "estimators_", [fitted])
    )
    states = (4 if hasattr(fitted, "estimators_") else 2) if fitted.solver == "adam" else 0
    assert len(pickle.dumps(fitted)) - len(pickle.dumps(small)) >= states * n_parameters
    continued = result_of(small.partial_fit(X, y))
    same = np.array_equal(continued, result_of(fitted.partial_fit(X, y)))
    assert same == (fitted.solver == "sgd")  # without momentum, only the random stream is carried on


@pytest.mark.parametrize("estimator", IN_PARTS, ids=str)
def test_fit_leaves_no_state_of_the_optimiser(estimator):
    """After `fit`, nothing is left of an earlier `partial_fit`."""
    again, fresh = fitted_in_parts(estimator).fit(X, y), clone(estimator).fit(X, y)
    assert len(pickle.dumps(again)) == len(pickle.dumps(fresh))
    assert len(pickle.dumps(without_optimizer_state(fresh))) == len(pickle.dumps(fresh))


def test_state_of_the_optimiser_in_other_estimators():
    """It is left out wherever the estimators are: in pipelines, and in what holds several of them."""
    fitted = fitted_in_parts(ZeroBiasAutoencoder(5, **SHORT))
    for holder in (make_pipeline(fitted, LogisticRegression()), EnergyOutlierDetector(fitted)):
        holder.parts_ = {"list": [fitted], "array": np.array([fitted, None], dtype=object)}
        assert b"_optimizer_state" in pickle.dumps(holder)
        small = without_optimizer_state(holder)
        assert small.parts_["list"][0]._optimizer_state is None
        assert small.parts_["array"][0]._optimizer_state is None
        assert len(pickle.dumps(small)) < len(pickle.dumps(holder)) - fitted.components_.nbytes


def test_every_public_estimator_is_trusted():
    """And every activation, corruption and penalty that skae has, but nothing of others'."""
    types = [each for each in map(vars(skae).get, skae.__all__) if isinstance(each, type)]
    for each in [*types, *ACTIVATIONS.values(), *CORRUPTIONS.values(), *PENALTIES.values()]:
        assert f"{each.__module__}.{each.__qualname__}" in TRUSTED_TYPES
    assert all(each.startswith("skae.") for each in TRUSTED_TYPES)


def test_nothing_else_is_trusted():
    """A file with a type of its own is refused, until that is named."""
    file = skops.io.dumps(ContractiveAutoencoder(5, activation=Own(), alpha=0.0, **SHORT).fit(X))
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="Own"):
        skops.io.loads(file, trusted=TRUSTED_TYPES)
    own = f"{Own.__module__}.{Own.__qualname__}"
    assert skops.io.loads(file, trusted=[*TRUSTED_TYPES, own]).activation == Own()


class Own(ACTIVATIONS["tanh"]):
    """An activation that skae does not have."""

    name = "own"
