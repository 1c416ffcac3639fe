"""ClassSpecificAEClassifier: its methods, factors, new classes, rows in parts, weights, and what a user relies on."""

import contextlib
import copy
import dataclasses
import functools
import io
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from autoencoders import CASES, DEFAULTS
from helpers import DTYPES, name_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import logsumexp, softmax
from sklearn import ensemble, pipeline
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import hinge_loss, log_loss
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import check_class_weight_classifiers
from sklearn.utils.multiclass import type_of_target

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae._sklearn_compat import InvalidParameterError
from skae.activations import ACTIVATIONS, Activation
from skae.classifier import _calibration, _classifier, _factored, _incremental_learning, _learning, _temperature
from skae.classifier._autoencoders import all_rows
from skae.classifier._energies import ClassEnergies
from skae.classifier._rows import LabelledRows
from skae.classifier._stand_ins import stand_ins
from skae.classifier._temperature import fit_temperature
from skae.corruption import Corruption
from skae.metrics import activation_fraction
from skae.objectives import Classification, FactoredReconstruction, Reconstruction
from skae.training import _sparse_route, supervised_weight

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*units (are active on no|have the same code):UserWarning"),
]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


@functools.cache
def bundled(load):
    """Return one of scikit-learn's data sets. It is read once, and is read-only."""
    data = load(return_X_y=True)
    for array in data:
        array.flags.writeable = False
    return data


def digits(n=200, n_classes=4):
    """Return the first `n` digits below `n_classes`, in [0, 1], and their classes."""
    X, y = bundled(load_digits)
    chosen = np.flatnonzero(y < n_classes)[:n]
    return X[chosen] / 16.0, y[chosen]


def iris():
    """Return the standardised iris data and their classes."""
    X, y = bundled(load_iris)
    return StandardScaler().fit_transform(X), y


def wine():
    """Return two classes of the standardised wine data, labelled by words."""
    X, y = bundled(load_wine)
    chosen = y < 2
    return StandardScaler().fit_transform(X[chosen]), np.array(["red", "white"])[y[chosen]]


def contractive(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ContractiveAutoencoder(**{"n_components": 5, "max_iter": 5, **parameters})


def denoising(**parameters):
    """Return a small autoencoder that can share factors."""
    return DenoisingAutoencoder(**{"n_components": 5, "max_iter": 5, **parameters})


MODELS = {
    "finetune": {},
    "hinge": {"loss": "hinge"},
    "normalize": {"method": "normalize"},
    "energies": {"method": "energies"},
    "bernoulli": {"estimator": contractive(visible="bernoulli")},
    "zero bias": {"estimator": ZeroBiasAutoencoder(5, threshold=0.3, max_iter=5)},
    "untrained": {"pretrain": False},
    "early stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "noise": {"noise_level": 0.2},
    "balanced": {"class_weight": "balanced"},
    "tempered": {"temperature": "auto"},
    "tempered normalize": {"method": "normalize", "temperature": "auto"},
    "factored": {"n_factors": 4},
    "factored hinge": {"n_factors": 4, "loss": "hinge"},
    "factored normalize": {"n_factors": 4, "method": "normalize"},
    "factored energies": {"n_factors": 4, "method": "energies"},
}
every_model = pytest.mark.parametrize("name", MODELS)
WITH_STEPS = [name for name in MODELS if name not in ("energies", "early stopping", "lbfgs") and "factored" not in name]


def make(name="finetune", **parameters):
    """Return one of the MODELS, unfitted. The temperature is 1, without trial fits, unless it is set."""
    defaults = {"max_iter": 5, "random_state": 0, "temperature": 1.0, **MODELS[name], **parameters}
    estimator = denoising() if defaults.get("n_factors") else contractive()
    return ClassSpecificAEClassifier(**{"estimator": estimator, **defaults})


def parameters_of(classifier):
    """Return the parameters of all classes as bytes, by the name of the class."""
    return {
        label: tuple(
            getattr(each, attribute).tobytes()
            for attribute in ("components_", "intercept_hidden_", "intercept_visible_")
            if hasattr(each, attribute)
        )
        for label, each in zip(classifier.classes_.tolist(), classifier.estimators_, strict=True)
    }


def results(classifier, X):
    """Return the results of all methods of prediction, by name."""
    names = ("predict", "decision_function", "predict_proba", "predict_log_proba", "score_samples", "transform")
    return {name: getattr(classifier, name)(X) for name in names if hasattr(classifier, name)}


def assert_same_bits(first, second, X):
    """Assert that two classifiers predict the same bits."""
    first, second = results(first, X), results(second, X)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert value.tobytes() == second[name].tobytes(), name


def calibration_gradient(classifier, X, y, weight=None):
    """Return the gradient of the mean log-likelihood of the classes in the constants, times the temperature."""
    P = softmax((classifier.transform(X) + classifier.class_log_constants_) / classifier.temperature_, axis=1)
    residual = P - (np.asarray(y)[:, None] == classifier.classes_)
    return np.average(residual, axis=0, weights=weight)


@contextlib.contextmanager
def unchanged(classifier):
    """Assert that the body does not change a bit of vars(classifier)."""
    before = joblib.hash(vars(classifier))
    yield
    assert joblib.hash(vars(classifier)) == before


@contextlib.contextmanager
def no_warning(category=Warning):
    """Assert that the body does not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", category)
        yield


# Results of the methods


@pytest.mark.sampled(3)
@every_dtype
@every_model
def test_results_agree(name, dtype):
    """Energies, constants, scores, probabilities and predictions are those of eq. 45, in X's dtype."""
    X, y = digits()
    X = X.astype(dtype)
    classifier = make(name).fit(X, y)
    E, C = classifier.transform(X), classifier.class_log_constants_
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    assert_array_equal(classifier.classes_, [0, 1, 2, 3])
    assert E.shape == (len(X), 4)
    for j, each in enumerate(classifier.estimators_):
        assert each.components_.dtype == dtype
        assert_allclose(E[:, j], each.score_samples(X), rtol=tolerance, atol=tolerance)
    for method, values in results(classifier, X).items():
        assert method == "predict" or values.dtype == dtype, method
    calibrated = E.astype(np.float64) + C
    assert_allclose(classifier.score_samples(X), logsumexp(calibrated, axis=1), rtol=tolerance, atol=tolerance)
    decision = classifier.decision_function(X)
    assert decision.shape == (len(X), 4)
    assert_array_equal(classifier.predict(X), classifier.classes_[decision.argmax(axis=1)])
    assert classifier.score(X, y) == (classifier.predict(X) == y).mean() > 0.5
    assert C.sum() == pytest.approx(0.0, abs=1e-4 if dtype == np.float32 else 1e-9)
    if classifier.loss == "hinge":
        assert not hasattr(classifier, "predict_proba")
        assert not hasattr(classifier, "predict_log_proba")
        centred = calibrated - calibrated.mean(axis=1, keepdims=True)
        assert_allclose(decision, centred, atol=1e-3 if dtype == np.float32 else 1e-9)
        return
    P, logarithm = classifier.predict_proba(X), classifier.predict_log_proba(X)
    if classifier.method != "energies":
        T = classifier.temperature_
        assert_allclose(P, softmax(calibrated / T, axis=1), atol=tolerance / T)
    assert_allclose(decision, logarithm, atol=1e-6)
    assert_allclose(P.sum(axis=1), 1.0, rtol=1e-5 if dtype == np.float32 else 1e-13)
    assert_allclose(np.exp(logarithm), P, atol=1e-6)
    assert (logarithm <= 0.0).all()


@pytest.mark.parametrize("name", ["finetune", "hinge", "normalize", "energies", "factored"])
def test_two_classes(name):
    """decision_function is the second class's score minus the first's. It is positive where the second is predicted."""
    X, y = wine()
    classifier = make(name).fit(X, y)
    decision = classifier.decision_function(X)
    assert decision.shape == (len(X),)
    assert_array_equal(classifier.predict(X), np.where(decision > 0.0, "white", "red"))
    if name != "hinge":
        P = classifier.predict_proba(X)
        assert P.shape == (len(X), 2)
        assert_allclose(P[:, 1], 1.0 / (1.0 + np.exp(-decision)), atol=1e-10)
    if name != "energies":
        calibrated = classifier.transform(X) + classifier.class_log_constants_
        assert_allclose(decision, calibrated[:, 1] - calibrated[:, 0], atol=1e-9)


def test_hinge_matters_to_fine_tuning_alone():
    """With the other methods, there are probabilities whatever `loss` is."""
    X, y = iris()
    for method in ("normalize", "energies"):
        classifier = make(method=method, loss="hinge").fit(X, y)
        assert_array_equal(classifier.predict_proba(X), make(method=method).fit(X, y).predict_proba(X))


def test_prediction_in_another_dtype_than_training():
    """The result has the dtype of the data to predict."""
    X, y = digits()
    for there, back in (DTYPES, DTYPES[::-1]):
        classifier = make().fit(X.astype(there), y)
        for method, values in results(classifier, X.astype(back)).items():
            assert method == "predict" or values.dtype == back, method
        assert_allclose(classifier.transform(X.astype(back)), classifier.transform(X.astype(there)), atol=1e-4)


@every_model
def test_a_row_is_scored_as_in_its_batch(name):
    """The scores of a row do not depend on the other rows."""
    X, y = digits()
    classifier = make(name).fit(X, y)
    for method, values in results(classifier, X).items():
        alone = np.concatenate([getattr(classifier, method)(X[i : i + 1]) for i in range(5)])
        if method == "predict":
            assert_array_equal(alone, values[:5])
        else:
            assert_allclose(alone, values[:5], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@every_dtype
@pytest.mark.parametrize("name", ["normalize", "energies", "factored normalize"])
def test_constants_are_optimal(name, dtype, weighted, rng):
    """The gradient of the mean log-likelihood is below 1e-6, and the constants sum to 0."""
    X, y = digits()
    X, weight = X.astype(dtype), rng.uniform(0.1, 3.0, len(X)) if weighted else None
    classifier = make(name).fit(X, y, weight)
    assert np.linalg.norm(calibration_gradient(classifier, X, y, weight)) < 1e-6
    assert classifier.class_log_constants_.sum() == pytest.approx(0.0, abs=1e-9)


def test_saturated_energies_have_optimal_constants():
    """The constants are optimal even if energies differ by thousands, as with features in large units."""
    X, y = bundled(load_iris)
    X = 30.0 * (X - X.mean(axis=0))
    classifier = make("normalize").fit(X, y)
    assert np.abs(np.diff(classifier.transform(X), axis=1)).max() > 1e3
    assert np.linalg.norm(calibration_gradient(classifier, X, y)) < 1e-6


@every_dtype
def test_log_probability_of_certainty_is_zero(dtype):
    """The log-probability is 0 exactly where the probability is 1 in X's dtype."""
    X, y = iris()
    X = (3.0 * X).astype(dtype)
    classifier = make("normalize").fit(X, y)
    P, logarithm = classifier.predict_proba(X), classifier.predict_log_proba(X)
    assert 0 < (P == 1.0).sum() < len(X)
    assert_array_equal(logarithm == 0.0, P == 1.0)
    assert np.isfinite(logarithm).all()


@every_model
def test_feature_names_and_set_output(name):
    """The columns of transform are named after the classes. set_output gives data frames."""
    X, y = digits(60)
    labels = np.array(["zero", "one", "two", "three"])[y]
    classifier = make(name).fit(X, labels)
    expected = [f"classspecificaeclassifier_{label}" for label in ("one", "three", "two", "zero")]
    assert classifier.get_feature_names_out().tolist() == expected
    frame = classifier.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == expected
    assert_array_equal(frame.to_numpy(), classifier.set_output(transform="default").transform(X))
    with pytest.raises(ValueError, match="input_features"):
        classifier.get_feature_names_out(["a", "b"])


def test_names_of_columns():
    """The names of a data frame's columns are kept and compared. The next fit forgets them."""
    X, y = iris()
    frame = pd.DataFrame(X, columns=list("abcd"))
    classifier = make().fit(frame, pd.Series(y, index=np.arange(len(y)) + 7))
    assert classifier.feature_names_in_.tolist() == list("abcd")
    assert_allclose(classifier.predict_proba(frame), make().fit(X, y).predict_proba(X), atol=1e-12)
    with no_warning():
        for method in results(classifier, frame):
            getattr(classifier, method)(frame)
    for method in (classifier.predict, classifier.transform):
        with pytest.raises(ValueError, match="feature names should match"):
            method(frame[list("dcba")])
    assert not hasattr(classifier.fit(X, y), "feature_names_in_")
    assert classifier.n_features_in_ == 4


# Input


@pytest.mark.sampled(3)
@every_model
def test_csr_lists_and_other_layouts(name):
    """CSR, lists, Fortran order and every other row of an array give the same results as the array."""
    X, y = digits(80)
    expected = results(make(name).fit(X, y), X)
    spread = np.repeat(X, 2, axis=0)[::2]
    for given in (sparse.csr_array(X), X.tolist(), np.asfortranarray(X), spread):
        found = results(make(name).fit(given, y.tolist()), given)
        for method, values in expected.items():
            if method == "predict":
                assert_array_equal(found[method], values)
            else:
                assert_allclose(found[method], values, rtol=1e-7, atol=1e-7, err_msg=method)


@pytest.fixture
def choose_route(monkeypatch):
    """Return a function that sets whether sparse rows stay sparse, whatever that costs."""

    def choose(stay_sparse):
        for name in ("_STEP_CALLS", "_CHUNK_CALLS"):
            monkeypatch.setattr(_sparse_route, name, -np.inf if stay_sparse else np.inf)

    return choose


def assert_same_to_rounding(found, expected, tolerance):
    """Assert that the results of two classifiers are the same, to rounding."""
    assert found.keys() == expected.keys()
    for method, values in expected.items():
        if method != "predict":
            assert_allclose(found[method], values, rtol=tolerance, atol=tolerance, err_msg=method)


SPARSE_MODELS = {
    **MODELS,
    "masking": {"noise": "masking", "noise_level": 0.3},
    "gaussian noise": {"noise": "gaussian", "noise_level": 0.1},
    "softmax": {"estimator": denoising(activation="softmax")},
    "max": {"estimator": denoising(activation="max")},
    "unit norm": {"estimator": contractive(weight_constraint="unit")},
    "p-values": {"calibration_fraction": 0.2},
}


def fits_on_both_routes(choose_route, name, rows, y, weight=None):
    """Return the results of a fit to dense batches of sparse rows, and of one to sparse batches."""
    parameters, found = {"batch_size": 20, **SPARSE_MODELS[name]}, []
    for stay_sparse in (False, True):
        choose_route(stay_sparse)
        classifier = make("finetune", **parameters).fit(rows, y, weight)
        found.append(results(classifier, rows))
        if "calibration_fraction" in parameters:
            found[-1]["p_values"] = classifier.p_values(rows)
    return found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", SPARSE_MODELS)
def test_sparse_rows_give_the_fit_of_dense_rows(name, choose_route):
    """In the same batches, whichever route they take; weights and rows of weight zero included."""
    X, y = digits(120)
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(np.float64)
    expected, found = fits_on_both_routes(choose_route, name, sparse.csr_array(X), y, weight)
    assert_same_to_rounding(found, expected, 1e-4 if "energies" in name else 1e-8)  # tol of the logistic regression


@pytest.mark.parametrize("name", ["finetune", "hinge", "normalize", "untrained", "lbfgs", "sgd", "masking", "factored"])
def test_sparse_float32_rows_give_the_fit_of_dense_rows(name, choose_route):
    """The results agree to the rounding of float32."""
    X, y = digits(120)
    rows = sparse.csr_array(X.astype(np.float32))
    expected, found = fits_on_both_routes(choose_route, name, rows, y)
    assert_same_to_rounding(found, expected, 1e-4)


def test_fine_tuning_keeps_sparse_rows_sparse(choose_route, monkeypatch):
    """Its batches are CSC, and the components stand column by column, unless noise fills the zeros."""
    X, y = digits(80)
    seen, value_and_grad = [], Classification.value_and_grad

    def recorded(self, theta, X, *args, **kwargs):
        seen.append(getattr(X, "format", "dense"))
        return value_and_grad(self, theta, X, *args, **kwargs)

    monkeypatch.setattr(Classification, "value_and_grad", recorded)
    choose_route(True)
    for noise, expected in ((None, "csc"), ("masking", "csc"), ("gaussian", "dense")):
        seen.clear()
        classifier = make(noise=noise).fit(sparse.csr_array(X), y)
        assert set(seen) == {expected}
        assert classifier.estimators_[0].components_.flags.f_contiguous == (expected == "csc")


@pytest.mark.parametrize("name", WITH_STEPS)
def test_partial_fit_continues_on_another_route(name, choose_route):
    """The optimiser's state is rearranged: sparse and dense calls in turn give what dense calls give."""
    X, y = digits(120)
    rows, fitted = sparse.csr_array(X), []
    for routes in ((False, False, False), (True, False, True), (False, True, False)):
        classifier = make(name)
        for part, stay_sparse in zip(np.array_split(np.arange(len(X)), 3), routes, strict=True):
            choose_route(stay_sparse)
            classifier.partial_fit(rows[part], y[part], classes=range(4))
        fitted.append(results(classifier, X))
    for found in fitted[1:]:
        assert_same_to_rounding(found, fitted[0], 1e-8)


def test_add_class_takes_sparse_rows(choose_route):
    """The old classes keep their bits, and the new one is that of dense rows."""
    X, y, new, labels = split_off([2])
    found = []
    for stay_sparse in (False, True):
        choose_route(stay_sparse)
        classifier = make(calibration_fraction=0.2).fit(sparse.csr_array(X), y)
        before = parameters_of(classifier)
        classifier.add_class(sparse.csr_array(new), labels)
        assert {label: parameters_of(classifier)[label] for label in before} == before
        found.append({**results(classifier, X), "p_values": classifier.p_values(sparse.csr_array(X))})
    assert_same_to_rounding(found[1], found[0], 1e-8)


@pytest.mark.parametrize("name", ["finetune", "hinge", "bernoulli", "factored", "energies", "zero bias"])
def test_energies_of_sparse_rows_make_none_dense(name, choose_route, monkeypatch):
    """Every method of prediction takes products with the stored values."""
    X, y = digits(120)
    classifier, rows = make(name, calibration_fraction=0.2).fit(X, y), sparse.csr_array(X)
    choose_route(False)
    expected = {**results(classifier, rows), "p_values": classifier.p_values(rows)}
    choose_route(True)

    def refuse(*args, **kwargs):
        raise AssertionError("sparse rows have been made dense")

    for kind in (sparse.csr_array, sparse.csc_array):
        monkeypatch.setattr(kind, "toarray", refuse)
    found = {**results(classifier, rows), "p_values": classifier.p_values(rows)}
    assert_same_to_rounding(found, expected, 1e-10)


LABELS = {
    "strings": np.array(["ant", "bee", "cat"]),
    "objects": np.array(["ant", "bee", "cat"], dtype=object),
    "numbers": np.array([-7, 0, 1000]),
    "floats": np.array([1.0, 2.0, 30.0]),
    "small": np.array([1, 2, 3], dtype=np.int8),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind(kind):
    """Labels are only names: the numbers do not change, and predictions are labels of the same dtype."""
    X, y = iris()
    labels = LABELS[kind]
    classifier, plain = make().fit(X, labels[y]), make().fit(X, y)
    assert_array_equal(classifier.classes_, labels)
    prediction = classifier.predict(X)
    assert prediction.dtype == labels.dtype
    assert_array_equal(prediction, labels[plain.predict(X)])
    assert_array_equal(classifier.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(make().fit(X, pd.Series(labels[y])).predict(X), prediction)


def test_bool_labels():
    """Labels may be False and True, as for a detector."""
    X, y = iris()
    classifier = make().fit(X, y == 0)
    assert classifier.predict(X).dtype == bool
    assert classifier.score(X, y == 0) > 0.9


@every_model
def test_renaming_the_classes_permutes_the_columns(name):
    """The order of the classes does not change their results."""
    X, y = digits()
    new = np.array(["c", "a", "d", "b"])
    first, second = make(name).fit(X, y), make(name).fit(X, new[y])
    columns = np.searchsorted(second.classes_, new)
    tolerance = 1e-3 if name == "lbfgs" else 1e-7
    assert_allclose(second.transform(X)[:, columns], first.transform(X), rtol=tolerance, atol=tolerance)
    assert_allclose(second.class_log_constants_[columns], first.class_log_constants_, atol=tolerance)
    assert_allclose(second.class_median_energies_[columns], first.class_median_energies_, atol=tolerance)
    assert_allclose(second.decision_function(X)[:, columns], first.decision_function(X), atol=0.1 * tolerance**0.5)
    assert_array_equal(second.predict(X), new[first.predict(X)])


@every_model
def test_input_is_left_alone(name, tmp_path):
    """Read-only memory maps work in training and prediction, and give the same results as arrays."""
    X, y = digits(80)
    weight = np.linspace(0.5, 2.0, len(X))
    for array, path in ((X, "X.npy"), (y, "y.npy"), (weight, "weight.npy")):
        np.save(tmp_path / path, array)
    mapped = [np.load(tmp_path / path, mmap_mode="r") for path in ("X.npy", "y.npy", "weight.npy")]
    given = [X.copy(), y.copy(), weight.copy()]
    classifier = make(name).fit(*given)
    results(classifier, given[0])
    for now, then in zip(given, (X, y, weight), strict=True):
        assert_array_equal(now, then)
    assert_same_bits(make(name).fit(*mapped), classifier, mapped[0])


def test_given_estimator_is_cloned():
    """Fit and fine-tuning do not change the given estimator. Each class has its own model."""
    X, y = iris()
    estimator = contractive()
    classifier = make(estimator=estimator).fit(X, y)
    assert not hasattr(estimator, "components_")
    assert estimator.random_state is None
    assert len({id(each) for each in classifier.estimators_}) == 3
    assert all(type(each) is ContractiveAutoencoder for each in classifier.estimators_)


def test_default_estimator():
    """The default is contractive with 100 units, and denoising with 100 units with factors."""
    X, y = iris()
    plain = ClassSpecificAEClassifier(method="normalize", random_state=0).fit(X, y)
    assert all(type(each) is ContractiveAutoencoder for each in plain.estimators_)
    assert plain.estimators_[0].components_.shape == (100, 4)
    factored = ClassSpecificAEClassifier(method="normalize", n_factors=3, random_state=0).fit(X, y)
    assert all(type(each) is DenoisingAutoencoder for each in factored.estimators_)
    assert factored.factor_hidden_weights_.shape == (3, 100)


# The autoencoders


@dataclasses.dataclass(frozen=True)
class Softsign(Activation):
    """h(u) = u/(1 + abs(u)), as a user would write it."""

    name = "softsign"

    def value(self, u, out=None):
        return np.divide(u, 1.0 + np.abs(u), out=out)

    def derivative(self, u, h, out=None):
        return np.power(1.0 + np.abs(u), -2, out=out)

    def potential(self, u):
        return (np.abs(u) - np.log1p(np.abs(u))).sum(axis=-1)


@dataclasses.dataclass(frozen=True)
class WithoutPotential(Activation):
    """h(u) = u without its antiderivative."""

    name = "without"

    def value(self, u, out=None):
        return np.multiply(u, 1.0, out=out)

    def derivative(self, u, h, out=None):
        return np.ones_like(u)


@dataclasses.dataclass(frozen=True)
class RecordingNoise(Corruption):
    """A corruption that changes no rows, and records the numbers that its generator draws."""

    draws = []

    def apply(self, X, rng, out, **bounds):
        self.draws.append(rng.random())
        out[...] = X
        return out


AUTOENCODERS = {
    # Every kind with an energy; feature variances are for another number of features.
    **{str(case): case.make() for case in CASES if case.tied and "feature_variances" not in case.parameters},
    "contractive": contractive(),
    "contractive by lbfgs": contractive(solver="lbfgs"),
    "contractive early stopping": contractive(early_stopping=True),
    "own activation": denoising(activation=Softsign()),
    **{f"activation {name}": denoising(activation=name, threshold=0.2) for name in ACTIVATIONS},
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("method", ["normalize", "finetune"])
@pytest.mark.parametrize("name", AUTOENCODERS)
def test_every_tied_autoencoder(name, method):
    """Each can be trained, calibrated and fine-tuned. Fine-tuning lowers the loss. Energies equal score_samples."""
    X, y = digits(120)
    classifier = make(estimator=AUTOENCODERS[name], method=method, l2=0.0, max_iter=10).fit(X, y)
    for j, each in enumerate(classifier.estimators_):
        assert_allclose(classifier.transform(X)[:, j], each.score_samples(X), rtol=1e-9, atol=1e-9)
    assert classifier.loss_ == pytest.approx(log_loss(y, classifier.predict_proba(X)), rel=1e-9)
    if method == "finetune":
        constants_alone = make(estimator=AUTOENCODERS[name], method="normalize", l2=0.0).fit(X, y)
        assert classifier.loss_ < constants_alone.loss_
        before, after = parameters_of(constants_alone), parameters_of(classifier)
        assert all(before[label] != after[label] for label in before)


@pytest.mark.parametrize("name", [*(str(case) for case in DEFAULTS if case.tied), "own activation"])
def test_an_autoencoder_is_that_of_its_rows(name):
    """The autoencoder of a class equals a separate fit on the rows of the class with the same seed."""
    X, y = digits()
    estimator = clone(AUTOENCODERS[name]).set_params(random_state=3)
    classifier = make("normalize", estimator=estimator, random_state=None).fit(X, y)
    for j, each in enumerate(classifier.estimators_):
        alone = clone(estimator).fit(X[y == j])
        assert_array_equal(each.components_, alone.components_)
        assert_array_equal(each.intercept_visible_, alone.intercept_visible_)
        assert each.loss_ == alone.loss_
        assert_array_equal(each.loss_curve_, alone.loss_curve_)
        assert each.n_samples_seen_ == (y == j).sum()


def test_random_state_is_passed_on():
    """An int seeds all autoencoders alike. None keeps the estimator's seed."""
    X, y = iris()
    seeds = [each.random_state for each in make("normalize").fit(X, y).estimators_]
    assert isinstance(seeds[0], int)
    assert len(set(seeds)) == 1
    assert seeds[0] != make("normalize", random_state=1).fit(X, y).estimators_[0].random_state
    given = make("normalize", estimator=contractive(random_state=5), random_state=None).fit(X, y)
    assert [each.random_state for each in given.estimators_] == [5, 5, 5]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("constraint", ["unit", "max"])
def test_weight_constraint_is_kept_in_fine_tuning(constraint, solver):
    """The rows of all classes' weights keep unit length, or at most max_norm."""
    X, y = digits()
    estimator = contractive(weight_constraint=constraint, max_norm=0.7, max_iter=20)
    classifier = make(estimator=estimator, solver=solver, max_iter=20).fit(X, y)
    before = make(estimator=estimator, method="normalize").fit(X, y)
    lengths = np.array([np.linalg.norm(each.components_, axis=1) for each in classifier.estimators_])
    assert (parameters_of(classifier)[0]) != parameters_of(before)[0]
    if constraint == "unit":
        assert_allclose(lengths, 1.0, rtol=1e-9)
    else:
        assert 0.69 < lengths.max() <= 0.7 * (1.0 + 1e-9)


@pytest.mark.parametrize("activation", ["trec", "tlin"])
def test_zero_bias_keeps_the_threshold_of_each_class(activation):
    """threshold_ is in the unit of the rows of the class. Fine-tuning does not change it."""
    X, y = iris()
    X = X * np.array([1.0, 3.0, 0.3])[y][:, None]
    estimator = ZeroBiasAutoencoder(5, activation=activation, threshold=0.3, max_iter=5)
    tuned, plain = (make(estimator=estimator, method=method).fit(X, y) for method in ("finetune", "normalize"))
    thresholds = [each.threshold_ for each in tuned.estimators_]
    assert len(set(thresholds)) == 3
    assert thresholds == [each.threshold_ for each in plain.estimators_]
    expected = np.stack([each.score_samples(X) for each in tuned.estimators_], axis=1)
    assert_allclose(tuned.transform(X), expected, rtol=1e-9, atol=1e-9)
    assert tuned.loss_ < plain.loss_


# Fine-tuning


def weights_of(classifier):
    """Return the weights that weight decay acts on."""
    if classifier.factors_ is None:
        return [each.components_ for each in classifier.estimators_]
    return [classifier.factors_, classifier.factor_hidden_weights_, classifier.class_factor_weights_]


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("n_factors", [None, 4], ids=["plain", "factored"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_fine_tuning_lowers_the_loss(solver, n_factors, loss):
    """loss_ is the loss of the training rows at the returned parameters, with the weight decay."""
    X, y = digits()
    tuned, plain = (
        make(method=method, solver=solver, n_factors=n_factors, loss=loss, l2=0.01, max_iter=100).fit(X, y)
        for method in ("finetune", "normalize")
    )
    decay, start = (0.005 * sum((W**2).sum() for W in weights_of(each)) for each in (tuned, plain))
    if loss == "hinge":
        value, before = (hinge_loss(y, each.decision_function(X), labels=range(4)) for each in (tuned, plain))
    else:
        value, before = (log_loss(y, each.predict_proba(X)) for each in (tuned, plain))
    assert type(tuned.loss_) is float
    assert tuned.loss_ == pytest.approx(value + decay, rel=1e-9)
    assert plain.loss_ == pytest.approx(before, rel=1e-9)
    assert tuned.loss_ < 0.9 * (before + start)
    assert tuned.loss_curve_.shape == (tuned.n_iter_,)
    assert 1 < tuned.n_iter_ <= 100
    assert plain.loss_curve_ is None
    assert tuned.validation_loss_curve_ is None


def test_curve_begins_where_the_constants_have_ended():
    """With a single batch, the first loss is the loss after calibration."""
    X, y = iris()
    tuned = make(batch_size=1000, l2=0.0).fit(X, y)
    assert tuned.loss_curve_[0] == pytest.approx(make("normalize").fit(X, y).loss_, rel=1e-9)
    assert tuned.loss_ < tuned.loss_curve_[0]


@pytest.mark.parametrize("n_factors", [None, 4], ids=["plain", "factored"])
def test_weight_decay_shrinks_the_weights(n_factors):
    """A larger l2 gives shorter weights."""
    X, y = digits()
    lengths = [
        sum((W**2).sum() for W in weights_of(make(l2=l2, n_factors=n_factors, max_iter=40, tol=0.0).fit(X, y)))
        for l2 in (0.0, 0.1, 1.0)
    ]
    assert lengths[0] > lengths[1] > lengths[2]


def test_fine_tuning_beats_constants_alone():
    """Fine-tuning makes fewer errors on new rows."""
    X, y = bundled(load_digits)
    X = X / 16.0
    errors = {
        method: 1.0
        - make(method, estimator=contractive(n_components=10, max_iter=10))
        .fit(X[:600], y[:600])
        .score(X[600:1200], y[600:1200])
        for method in ("finetune", "normalize")
    }
    assert errors["finetune"] < errors["normalize"] < 0.3


@pytest.mark.parametrize("n_factors", [None, 4], ids=["plain", "factored"])
def test_without_pretraining(n_factors):
    """The autoencoders start at random, and only fine-tuning trains them."""
    X, y = digits()
    start = make(method="normalize", pretrain=False, n_factors=n_factors).fit(X, y)
    assert all(each.n_iter_ == 0 for each in start.estimators_)
    assert all(len(each.loss_curve_) == 0 for each in start.estimators_)
    tuned = make(pretrain=False, n_factors=n_factors, max_iter=60, learning_rate_init=0.01).fit(X, y)
    assert tuned.score(X, y) > 0.95
    assert tuned.loss_ < 0.5 * start.loss_


def test_estimators_keep_what_pretraining_said():
    """loss_, loss_curve_ and n_iter_ of the autoencoders describe the pretraining."""
    X, y = iris()
    tuned, plain = make().fit(X, y), make("normalize").fit(X, y)
    for after, before in zip(tuned.estimators_, plain.estimators_, strict=True):
        assert after.n_iter_ == before.n_iter_ == 5
        assert after.loss_ == before.loss_
        assert_array_equal(after.loss_curve_, before.loss_curve_)


def test_tol_ends_fine_tuning():
    """Fine-tuning ends when the loss no longer falls. With tol=0 it continues."""
    X, y = iris()
    soon = make(max_iter=60, tol=0.5, n_iter_no_change=3).fit(X, y)
    assert 3 <= soon.n_iter_ < 30
    assert make(max_iter=60, tol=0.0, n_iter_no_change=3).fit(X, y).n_iter_ == 60


@pytest.mark.parametrize("noise", ["gaussian", "masking", "salt_and_pepper"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_noise(solver, noise):
    """Only fine-tuning corrupts the input: the curve changes, and loss_ is the loss of the clean rows."""
    X, y = digits()
    clean = make(solver=solver, l2=0.0).fit(X, y)
    noisy = make(solver=solver, l2=0.0, noise=noise, noise_level=0.4).fit(X, y)
    assert (noisy.loss_curve_[: len(clean.loss_curve_)] != clean.loss_curve_[: len(noisy.loss_curve_)]).any()
    assert noisy.loss_ == pytest.approx(log_loss(y, noisy.predict_proba(X)), rel=1e-9)
    assert_array_equal(noisy.estimators_[0].loss_curve_, clean.estimators_[0].loss_curve_)
    silent = make(solver=solver, l2=0.0, noise=noise, noise_level=0.0).fit(X, y)
    assert silent.loss_ == pytest.approx(clean.loss_, rel=0.01)


def test_verbose_prints_a_line_an_epoch(capsys):
    """The lines are those of fine-tuning. They have the loss on the held-out rows, if there are any."""
    X, y = iris()
    classifier = make(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == classifier.n_iter_
    assert lines[0].startswith("[ClassSpecificAEClassifier] epoch 1: loss ")
    share = np.mean([activation_fraction(each, X, threshold=0.1) for each in classifier.estimators_])
    assert f", {share:.1%} of the codes active, " in lines[-1]
    make("early stopping", verbose=1).fit(X, y)
    assert all("validation loss" in line for line in capsys.readouterr().out.splitlines())
    make().fit(X, y)
    assert capsys.readouterr().out == ""


def test_verbose_prints_a_line_a_partial_fit(capsys):
    """One line a call, of its pass of fine-tuning, numbered on; without fine-tuning there is none, as in `fit`."""
    X, y = iris()
    classifier, silent = make(verbose=1), make()
    for number in (1, 2):
        silent.partial_fit(X, y, classes=np.unique(y))
        assert capsys.readouterr().out == ""
        classifier.partial_fit(X, y, classes=np.unique(y))
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith(f"[ClassSpecificAEClassifier] epoch {number}: loss {classifier.loss_curve_[-1]:.6g}, ")
    assert_array_equal(classifier.decision_function(X), silent.decision_function(X))
    make("normalize", verbose=1).partial_fit(X, y, classes=np.unique(y))
    assert capsys.readouterr().out == ""


def test_loss_that_was_raised_is_warned_of():
    """The warning is at the user's line, and says what to do. The classifier is fitted."""
    X, y = iris()
    with pytest.warns(
        ConvergenceWarning, match="fine-tuning has raised the loss, from .* learning_rate_init"
    ) as caught:
        classifier = make(learning_rate_init=100.0, max_iter=1).fit(X, y)
    assert [each.filename for each in caught if "fine-tuning" in str(each.message)] == [__file__]
    assert np.isfinite(classifier.predict_proba(X)).all()


def test_autoencoders_that_did_not_converge_are_named_once():
    """One warning serves all classes, and names the first one."""
    X, y = wine()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make("normalize", estimator=contractive(max_iter=1)).fit(X, y)
    texts = [str(each.message) for each in caught if each.category is ConvergenceWarning]
    assert len(texts) == 1
    assert texts[0].startswith("class 'red': ContractiveAutoencoder: ")
    assert texts[0].endswith("(1 other class likewise)")


def test_a_class_of_one_row_is_not_warned_of():
    """A single row can teach only its own place, so a fit that ends there does not warn."""
    X, y = digits(100)
    with no_warning():
        make("normalize", estimator=contractive(max_iter=200)).fit(np.r_[X, X[:1]], np.r_[y, 9])


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (ZeroBiasAutoencoder(5, threshold=50.0, max_iter=2), "active on no"),
        (
            SaturatingAutoencoder(5, tied_weights=True, activation="relu", alpha=100.0, max_iter=10),
            "have the same code",
        ),
    ],
    ids=["zero bias", "saturating"],
)
def test_idle_units_are_named_once(estimator, words, n_jobs):
    """One warning at the user's line serves all classes, also if other processes train them."""
    X, y = digits(60)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make("normalize", estimator=estimator, n_jobs=n_jobs).fit(X, y)
    told = [each for each in caught if words in str(each.message)]
    assert [each.filename for each in told] == [__file__]
    assert str(told[0].message).startswith("class 0: ")
    assert str(told[0].message).endswith("(3 other classes likewise)")


# Early stopping


def held_out_rows(classifier, X, y, monkeypatch, **arguments):
    """Fit; return the rows to train on and the held-out rows."""
    splits, split = [], _classifier.hold_out
    with monkeypatch.context() as patch:
        patch.setattr(_classifier, "hold_out", lambda *given: splits.append(split(*given)) or splits[-1])
        classifier.fit(X, y, **arguments)
    (rows,) = splits
    return rows


@pytest.mark.parametrize("n_factors", [None, 4], ids=["plain", "factored"])
def test_held_out_rows_are_a_share_of_each_class(n_factors, monkeypatch):
    """Held-out rows are not in the pretraining either. One row of a class is trained on; of two, one is held out."""
    X, y = digits()
    y = y.copy()
    y[:1], y[1:3] = 8, 9
    classifier = make("early stopping", n_factors=n_factors, validation_fraction=0.25)
    train, held_out = held_out_rows(classifier, X, y, monkeypatch)
    assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(len(X)))
    counts = np.array([(y == label).sum() for label in classifier.classes_])
    expected = np.minimum(np.ceil(0.25 * counts), counts - 1)
    assert_array_equal([(y[held_out] == label).sum() for label in classifier.classes_], expected)
    seen = np.array([each.n_samples_seen_ for each in classifier.estimators_])
    assert_array_equal(seen, counts - expected)
    for j, each in enumerate(classifier.estimators_):
        own = X[train][y[train] == classifier.classes_[j]]
        assert_allclose(each.mean_, own.mean(axis=0), atol=1e-12)
        calibrated = np.sort(classifier.transform(own)[:, j] + classifier.class_log_constants_[j])
        between = calibrated[(len(own) - 1) // 2] - 1e-9, calibrated[len(own) // 2] + 1e-9
        assert between[0] <= classifier.class_median_energies_[j] <= between[1]
    assert classifier.loss_ == pytest.approx(
        log_loss(y[train], classifier.predict_proba(X[train]))
        + 0.5e-4 * sum((W**2).sum() for W in weights_of(classifier)),
        rel=1e-9,
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_best_epoch_is_restored(loss, weighted, monkeypatch, rng):
    """The returned parameters have the lowest loss of the curve on the held-out rows."""
    X, y = digits(120)
    y = np.where(rng.random(len(y)) < 0.3, rng.integers(0, 4, len(y)), y)
    weight = rng.uniform(0.1, 2.0, len(y)) if weighted else None
    classifier = make(
        "early stopping", loss=loss, l2=0.01, max_iter=40, learning_rate_init=0.02, tol=0.0, validation_fraction=0.3
    )
    _, rows = held_out_rows(classifier, X, y, monkeypatch, sample_weight=weight)
    curve = classifier.validation_loss_curve_
    assert curve.shape == classifier.loss_curve_.shape == (classifier.n_iter_,)
    assert 0 < curve.argmin() < len(curve) - 1
    mass = None if weight is None else weight[rows]
    if loss == "hinge":
        value = hinge_loss(y[rows], classifier.decision_function(X[rows]), sample_weight=mass, labels=range(4))
    else:
        value = log_loss(y[rows], classifier.predict_proba(X[rows]), sample_weight=mass, labels=range(4))
    value += 0.005 * sum((each.components_**2).sum() for each in classifier.estimators_)
    assert value == pytest.approx(curve.min(), rel=1e-9)


def test_early_stopping_ends_early():
    """Training ends when the held-out loss has not fallen for n_iter_no_change epochs."""
    X, y = iris()
    classifier = make("early stopping", max_iter=300, n_iter_no_change=3, learning_rate_init=0.05).fit(X, y)
    assert classifier.n_iter_ < 300
    assert len(classifier.validation_loss_curve_) == classifier.n_iter_


def test_early_stopping_is_of_fine_tuning():
    """The other methods have no epochs to choose from, and train on all rows."""
    X, y = iris()
    for method in ("normalize", "energies"):
        assert_same_bits(make(method=method, early_stopping=True).fit(X, y), make(method=method).fit(X, y), X)


def test_early_stopping_with_classes_of_one_row():
    """With nothing to hold out, an error says so."""
    with pytest.raises(ValueError, match="early_stopping=True holds out rows of each class that has two or more"):
        make("early stopping").fit(np.eye(3), [0, 1, 2])


def test_held_out_rows_are_checked(monkeypatch):
    """Values outside [0, 1] raise an error in any row, held out or not."""
    X, y = digits()
    classifier = make("early stopping", estimator=contractive(visible="bernoulli"))
    _, held_out = held_out_rows(classifier, X, y, monkeypatch)
    X[held_out[0], 5] = 3.0
    with unchanged(classifier), pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        classifier.fit(X, y)


HAS_TEMPERATURE = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)

# The temperature, and decision_function under other calibrations


@pytest.mark.parametrize("name", ["tempered", "tempered normalize", "early stopping", "factored"])
def test_temperature_divides_the_scores(name):
    """Probabilities are the softmax of (E + C) / T, and the class with the largest score is predicted."""
    X, y = digits()
    plain, tempered = (make(name, temperature=value).fit(X, y) for value in (1.0, "auto"))
    assert plain.temperature_ == 1.0
    assert tempered.temperature_ > 0.0
    assert tempered.temperature_ != 1.0
    for classifier in (plain, tempered):
        scores = (classifier.transform(X) + classifier.class_log_constants_) / classifier.temperature_
        expected = scores - logsumexp(scores, axis=1, keepdims=True)
        eps = np.finfo(X.dtype).eps * np.abs(classifier.transform(X)).max() / classifier.temperature_
        assert_allclose(classifier.predict_log_proba(X), expected, atol=16.0 * eps)
        assert_array_equal(classifier.predict(X), classifier.classes_[scores.argmax(axis=1)])


@pytest.mark.parametrize("temperature", ["auto", 0.3, 40.0])
def test_constants_are_fitted_at_the_temperature(temperature):
    """The autoencoders are the same to the bit. The constants are optimal for probabilities at T."""
    X, y = digits()
    plain, tempered = (make("tempered normalize", temperature=value).fit(X, y) for value in (1.0, temperature))
    assert parameters_of(tempered) == parameters_of(plain)
    assert_array_equal(tempered.transform(X), plain.transform(X))
    assert np.linalg.norm(calibration_gradient(tempered, X, y)) < 1e-6
    assert tempered.loss_ == pytest.approx(log_loss(y, tempered.predict_proba(X)), rel=1e-6)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("method", "solver"), [("normalize", "adam"), ("finetune", "sgd"), ("finetune", "lbfgs")])
def test_class_weights_count_where_training_rows_are_never_wrong(solver, method):
    """100 units fit the training rows of overlapping classes. At T = 1, no constant would follow their weights."""
    check_class_weight_classifiers(
        "classifier", ClassSpecificAEClassifier(solver=solver, method=method, random_state=0)
    )


@pytest.mark.parametrize(("method", "size"), [("normalize", (30, 50)), ("finetune", (20, 20))])
def test_probabilities_are_calibrated_on_other_rows(method, size):
    """On new rows, the log loss is near the log loss at the best temperature. A temperature of training rows is worse.

    A third of the labels are wrong. The autoencoders know their own rows, the mislabelled ones too.
    """
    X, y = digits(700)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.3
    y = np.where(wrong, rng.integers(0, 4, len(y)), y)
    estimator = contractive(n_components=size[0], max_iter=size[1])
    classifier = make(method=method, estimator=estimator, temperature="auto", max_iter=60, learning_rate_init=0.005)
    classifier.fit(X[:100], y[:100])

    def loss(T):
        classifier.temperature_ = T
        return log_loss(y[100:], classifier.predict_proba(X[100:]))

    fitted = classifier.temperature_
    best = min(loss(T) for T in np.geomspace(0.01, 100.0, 41) * fitted)
    of_training_rows = fit_temperature(classifier.transform(X[:100]) + classifier.class_log_constants_, y[:100])
    assert loss(fitted) < 1.05 * best
    assert loss(of_training_rows) > 1.1 * best


@pytest.mark.parametrize("class_weight", [None, {0: 10.0}])
def test_temperature_with_early_stopping_is_of_the_rows_that_it_holds_out(class_weight, monkeypatch):
    """Rows are held out already, so there are no trial fits. They weigh as in the supervised phase."""
    X, y = digits()
    classifier = make("early stopping", temperature="auto", class_weight=class_weight)
    monkeypatch.setattr(_learning, "trial_splits", None)
    _, rows = held_out_rows(classifier, X, y, monkeypatch)
    scores = classifier.transform(X[rows]) + classifier.class_log_constants_
    weight = np.where(y[rows] == 0, 10.0 if class_weight else 1.0, 1.0)
    assert classifier.temperature_ == pytest.approx(fit_temperature(scores, y[rows], weight), rel=1e-6)


@pytest.mark.parametrize("name", ["hinge", "energies", "factored energies"])
def test_methods_without_temperature(name):
    """The hinge loss gives no probabilities, and the logistic regression has its own scale, so no trial fits run."""
    X, y = digits(80)
    for value in ("auto", 7.0):
        assert make(name, temperature=value).fit(X, y).temperature_ == 1.0


def test_temperature_of_few_rows():
    """The temperature is finite for classes of one, two and three rows, and if no row can be held out."""
    X, y = digits(100)
    rows = np.r_[np.flatnonzero(y == 0)[:1], np.flatnonzero(y == 1)[:2], np.flatnonzero(y == 2)[:3]]
    for method in ("normalize", "finetune"):
        for chosen in (rows, rows[[0, 1, 3]]):
            classifier = make(method=method, temperature="auto").fit(X[chosen], y[chosen])
            assert 0.0 < classifier.temperature_ < np.inf
            assert np.isfinite(classifier.predict_log_proba(X)).all()


def test_temperature_weighs_as_the_supervised_phase_does():
    """Weights act as repeated rows, zero weights as absent rows, and class_weight counts."""
    X, y = digits(60)
    weight = np.arange(60) % 3
    weight[:8] = 1
    fit = make("normalize", temperature="auto").fit
    weighted = fit(X, y, weight).temperature_
    assert fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).temperature_ == pytest.approx(weighted, rel=1e-6)
    assert fit(X, y).temperature_ != pytest.approx(weighted, rel=1e-3)
    uneven = make("normalize", temperature="auto", class_weight={0: 100.0}).fit(X, y)
    assert uneven.temperature_ != pytest.approx(fit(X, y).temperature_, rel=1e-3)
    assert np.isfinite(make(temperature="auto", class_weight={0: 1e7, 1: 0.0}).fit(X, y).predict_log_proba(X)).all()


def test_temperature_is_kept_by_what_continues():
    """add_class and partial_fit keep the temperature. Without a fit it is 1, or the given one."""
    X, y, new, labels = split_off([2])
    classifier = make("tempered normalize").fit(X, y)
    fitted = classifier.temperature_
    assert classifier.add_class(new, labels).temperature_ == fitted
    assert classifier.partial_fit(X, y).temperature_ == fitted
    for value, expected in (("auto", 1.0), (2.5, 2.5)):
        parts = make(temperature=value).partial_fit(X, y, classes=[0, 1, 3])
        assert parts.temperature_ == expected
        assert parts.add_class(new, labels).temperature_ == expected
    assert make("hinge", temperature=2.5).partial_fit(X, y, classes=[0, 1, 3]).temperature_ == 1.0


def test_replaced_temperature_is_used():
    """Probabilities and decision_function use it. Predictions, energies and score_samples do not depend on it."""
    X, y = digits(100)
    classifier = make().fit(X, y)
    before = results(classifier, X)
    for T in (1e-300, 1e-6, 2.0, 1e300):
        classifier.temperature_ = T
        with no_warning():
            after = results(classifier, X)
        for method in ("score_samples", "transform"):
            assert_array_equal(after[method], before[method])
        assert_allclose(after["predict_proba"].sum(axis=1), 1.0)
        assert (after["predict_proba"] != before["predict_proba"]).any()
        if T < 1e300:
            assert_array_equal(after["predict"], before["predict"])


def test_trial_fits_are_silent(capsys):
    """Only the fit itself prints and warns."""
    X, y = digits(80)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier = make("tempered", verbose=1, learning_rate_init=100.0, max_iter=1).fit(X, y)
    assert len(capsys.readouterr().out.splitlines()) == classifier.n_iter_
    assert len([each for each in caught if "fine-tuning has raised" in str(each.message)]) == 1


@pytest.mark.sampled(3)
@every_dtype
@every_model
def test_decision_function_is_what_predict_goes_by(name, dtype):
    """predict takes the largest decision, ties included, also if probabilities are 0 and 1 or two classes are equal."""
    X, y = digits(100)
    X = X.astype(dtype)
    classifier = make(name).fit(X, y)
    if name != "factored" and classifier.factors_ is None:
        classifier.estimators_[1] = classifier.estimators_[0]
    classifier.temperature_ *= 1e-3
    assert_array_equal(classifier.predict(X), classifier.classes_[classifier.decision_function(X).argmax(axis=1)])


@every_dtype
def test_difference_of_two_classes_does_not_saturate(dtype):
    """The difference keeps growing where probabilities round to 0 and 1, with the precision of X's dtype."""
    X, y = wine()
    X = X.astype(dtype)
    classifier = make("normalize").fit(X, y)
    plain = classifier.decision_function(X)
    classifier.temperature_ = 1e-4
    P = classifier.predict_proba(X)
    assert ((P == 0.0) | (P == 1.0)).mean() > 0.9
    assert_allclose(classifier.decision_function(X), 1e4 * plain.astype(np.float64), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["normalize", "finetune", "hinge"])
@pytest.mark.parametrize(
    ("load", "units", "epochs", "max_iter"),
    [(load_digits, 10, 10, 10), (load_breast_cancer, 20, 30, 20)],
    ids=["digits", "breast cancer"],
)
def test_calibration_by_others_keeps_the_accuracy(load, units, epochs, max_iter, name):
    """CalibratedClassifierCV fits one column of decision_function, so rows must not have different offsets."""
    X, y = bundled(load)
    X = X / 16.0 if load is load_digits else StandardScaler().fit_transform(X)
    train, test = slice(None, None, 2), slice(1, None, 2)
    classifier = make(name, estimator=contractive(n_components=units, max_iter=epochs), max_iter=max_iter)
    plain = clone(classifier).fit(X[train], y[train]).score(X[test], y[test])
    others = ["isotonic", *HAS_TEMPERATURE * ["temperature"]]
    for method in ["sigmoid", *(others if name != "hinge" else [])]:
        calibrated = CalibratedClassifierCV(classifier, method=method, ensemble=False, cv=3).fit(X[train], y[train])
        assert calibrated.score(X[test], y[test]) >= plain - 0.01, method


# A linear classifier of the energies


def test_energies():
    """Predictions are those of energy_classifier_ for the output of transform."""
    X, y = digits()
    classifier = make("energies").fit(X, y)
    E = classifier.transform(X)
    assert_allclose(classifier.predict_proba(X), classifier.energy_classifier_.predict_proba(E), atol=1e-12)
    assert_array_equal(classifier.predict(X), classifier.energy_classifier_.predict(E))
    assert classifier.loss_ == pytest.approx(log_loss(y, classifier.predict_proba(X)), rel=1e-9)
    plain = make("normalize").fit(X, y)
    assert parameters_of(classifier) == parameters_of(plain)
    assert_array_equal(classifier.class_log_constants_, plain.class_log_constants_)
    assert_array_equal(classifier.score_samples(X), plain.score_samples(X))
    assert classifier.loss_ < plain.loss_


def test_energies_are_regularised_by_l2():
    """The strength is l2/2 beside the mean loss, so repeated rows or scaled weights change nothing."""
    X, y = iris()
    norms = []
    for l2 in (0.0, 1e-3, 1.0):
        linear = make("energies", l2=l2).fit(X, y)
        norms.append(np.linalg.norm(linear.energy_classifier_[-1].coef_))
        heavy = make("energies", l2=l2).fit(X, y, np.full(len(y), 7.0))
        if l2:
            assert_allclose(heavy.predict_proba(X), linear.predict_proba(X), atol=1e-4)
    assert norms[0] > norms[1] > norms[2]


# Factors


def assert_factored(classifier, d, k, n_factors):
    """Assert that W_j = Wh^T diag(w_j) Wx for all classes, and that the shapes are as documented."""
    P, Q, f = classifier.factors_, classifier.factor_hidden_weights_, classifier.class_factor_weights_
    assert P.shape == (n_factors, d)
    assert Q.shape == (n_factors, k)
    assert f.shape == (len(classifier.classes_), n_factors)
    for j, each in enumerate(classifier.estimators_):
        tolerance = 1e-10 if P.dtype == np.float64 else 1e-5
        assert_allclose(each.components_, Q.T @ np.diag(f[j]) @ P, atol=tolerance)


@every_dtype
@pytest.mark.parametrize("pretrain", [True, False], ids=["trained", "untrained"])
@pytest.mark.parametrize("method", ["finetune", "normalize", "energies"])
def test_weights_are_products_of_the_factors(method, pretrain, dtype):
    """The weights are those of ENERGY eq. 48. There are no factors without n_factors."""
    X, y = digits()
    classifier = make(method=method, n_factors=7, pretrain=pretrain).fit(X.astype(dtype), y)
    assert_factored(classifier, 64, 5, 7)
    for array in (classifier.factors_, classifier.factor_hidden_weights_, classifier.class_factor_weights_):
        assert array.dtype == dtype
    classifier.set_params(n_factors=None).fit(X, y)
    assert classifier.factors_ is classifier.factor_hidden_weights_ is classifier.class_factor_weights_ is None


def test_factors_are_trained_on_all_classes_at_once():
    """Pretraining lowers the reconstruction error of each class, and all classes share one loss curve."""
    X, y = digits()
    estimator = denoising(n_components=8, max_iter=60, learning_rate_init=0.02)
    trained, start = (
        make(estimator=estimator, method="normalize", n_factors=6, pretrain=pretrain).fit(X, y)
        for pretrain in (True, False)
    )
    for j in range(4):
        after, before = (each.estimators_[j].reconstruction_error(X[y == j]).mean() for each in (trained, start))
        assert after < 0.9 * before
    assert len({each.loss_ for each in trained.estimators_}) == 1
    assert trained.estimators_[0].n_iter_ == len(trained.estimators_[0].loss_curve_) > 1
    assert trained.class_factor_weights_.std(axis=0).min() > 0.0


@pytest.mark.parametrize("weighted", [False, True])
def test_factors_start_from_the_chosen_rows_alone(weighted, rng):
    """Rows that are held out have no weight, where rows of all classes start one autoencoder."""
    X, labels, weight = rng.standard_normal((6, 2)), np.array([0, 1, 0, 1, 0, 1]), np.arange(1.0, 7.0)
    rows = LabelledRows.of_weight(X, labels, weight if weighted else None, None).subset(np.array([0, 1, 3, 4]))
    data, found = all_rows(rows)
    assert_array_equal(data, X)
    assert_array_equal(found, np.array([1, 1, 0, 1, 1, 0]) * (weight if weighted else 1.0))


def test_moments_and_errors_of_unequal_classes_are_means_over_all_rows():
    """Convergence with shared factors is judged by them: a class counts as it has rows."""
    X, y = iris()
    X, y = X[:110], y[:110]
    estimators = make("factored").fit(X, y).estimators_
    own = np.stack([each.reconstruct(X) for each in estimators])[y, np.arange(110)]
    errors = _factored._feature_errors(estimators, LabelledRows.of_weight(X, y, None, None), None)
    assert_allclose(errors, ((own - X) ** 2).mean(axis=0), rtol=1e-9)
    pooled, centres = _factored._pooled(estimators), np.stack([X[y == j].mean(axis=0) for j in range(3)])
    assert_allclose(pooled.mean_, X.mean(axis=0), rtol=1e-9, atol=1e-12)
    assert_allclose(pooled.var_, ((X - centres[y]) ** 2).mean(axis=0), rtol=1e-9)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (contractive(), "no penalty"),
        (SparseAutoencoder(5), "no penalty"),
        (denoising(approximation="second_order", weight_constraint="unit"), "no penalty"),
        (ZeroBiasAutoencoder(5), "a hidden bias"),
        (denoising(weight_constraint="unit"), "weight_constraint=None"),
        (denoising(weight_constraint="max"), "weight_constraint=None"),
        (denoising(early_stopping=True), "early_stopping=False"),
        (denoising(tied_weights=False), "tied weights"),
    ],
    ids=["contractive", "sparse", "taylor", "zero bias", "unit", "max", "early stopping", "untied"],
)
def test_estimators_that_cannot_share_factors(estimator, words):
    """An error names the requirement that is not met."""
    X, y = iris()
    classifier = make(estimator=estimator, n_factors=3)
    with unchanged(classifier), pytest.raises(InvalidParameterError, match=words):
        classifier.fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [contractive(alpha=0), denoising(visible="bernoulli"), denoising(l2=0.01), denoising(solver="lbfgs")],
    ids=["contractive", "bernoulli", "decay", "lbfgs"],
)
def test_estimators_that_share_factors(estimator):
    """Every estimator without a penalty of its own can share factors."""
    X, y = digits(100)
    assert_factored(make(estimator=estimator, n_factors=3).fit(X, y), 64, 5, 3)


def test_factors_are_what_prediction_uses():
    """Doubling w_j doubles W_j in the energy."""
    X, y = digits(100)
    classifier = make("factored").fit(X, y)
    other = copy.deepcopy(classifier)
    classifier.factors_ = 2.0 * classifier.factors_
    other.class_factor_weights_ = 2.0 * other.class_factor_weights_
    assert_allclose(classifier.transform(X), other.transform(X), rtol=1e-9)
    for each in other.estimators_:
        each.components_ = 2.0 * each.components_
    assert_allclose(other.transform(X)[:, 1], other.estimators_[1].score_samples(X), rtol=1e-9)


# New classes


def split_off(new, n=200, n_classes=4):
    """Return digits without the classes in `new`, and the rows of these classes."""
    X, y = digits(n, n_classes)
    chosen = np.isin(y, new)
    return X[~chosen], y[~chosen], X[chosen], y[chosen]


NOT_TO_ADD_TO = ("energies", "lbfgs", "sgd", "noise", "factored hinge", "factored normalize", "factored energies")
ADDING = [name for name in MODELS if name not in NOT_TO_ADD_TO]


@pytest.mark.sampled(3)
@every_dtype
@pytest.mark.parametrize("label", [0, 2, 3])
@pytest.mark.parametrize("name", ADDING)
def test_add_a_class_by_its_own_rows(name, label, dtype):
    """All old parameters stay, to the bit. Without fine-tuning, the new median is the mean of the others' medians."""
    X, y, new, labels = split_off([label])
    X, new = X.astype(dtype), new.astype(dtype)
    n = len(new) - 1 + len(new) % 2  # an odd number has one median
    classifier = make(name).fit(X, y)
    before, constants = (
        parameters_of(classifier),
        dict(zip(classifier.classes_, classifier.class_log_constants_, strict=True)),
    )
    medians = dict(zip(classifier.classes_, classifier.class_median_energies_, strict=True))
    assert classifier.add_class(new[:n], labels[:n]) is classifier
    assert_array_equal(classifier.classes_, [0, 1, 2, 3])
    own = (classifier.transform(new[:n]) + classifier.class_log_constants_)[:, label]
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    if "normalize" in name:
        assert np.median(own) == pytest.approx(np.mean(list(medians.values())), rel=tolerance, abs=tolerance)
    assert classifier.class_median_energies_[label] == pytest.approx(np.median(own), rel=tolerance, abs=tolerance)
    after = parameters_of(classifier)
    assert {old: after[old] for old in before} == before
    for old in before:
        assert classifier.class_log_constants_[old] == constants[old]
        assert classifier.class_median_energies_[old] == medians[old]
    assert classifier.estimators_[label].components_.dtype == dtype
    assert classifier.transform(X).shape == (len(X), 4)
    assert classifier.get_feature_names_out().shape == (4,)


@pytest.mark.parametrize("name", ADDING)
def test_add_a_class_with_rows_of_all(name):
    """All constants are optimal on these rows. The old ones keep their mean, and the autoencoders their bits."""
    X, y, new, labels = split_off([2])
    weight = np.linspace(0.5, 2.0, len(X) + len(new))
    classifier = make(name).fit(X, y)
    before, mean = parameters_of(classifier), classifier.class_log_constants_.mean()
    rows, targets = np.concatenate([X, new]), np.concatenate([y, labels])
    classifier.add_class(rows, targets, sample_weight=weight)
    after = parameters_of(classifier)
    assert {old: after[old] for old in before} == before
    if name == "balanced":
        counts = np.bincount(targets, weight)
        weight = weight / counts[targets]
    assert np.linalg.norm(calibration_gradient(classifier, rows, targets, weight)) < 1e-6
    assert classifier.class_log_constants_[[0, 1, 3]].mean() == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("given", [[], [0, 3]], ids=str)
@pytest.mark.parametrize("name", ["finetune", "hinge", "bernoulli", "balanced", "factored"])
def test_stand_ins_after_fine_tuning(name, given, monkeypatch):
    """The new constant is optimal on the given rows, and rows that are drawn for the other classes."""
    X, y, new, labels = split_off([2])
    classifier, drawn = make(name).fit(X, y), []
    old = np.isin(y, given)
    rows, targets = np.concatenate([X[old], new]), np.concatenate([y[old], labels])
    weight = np.linspace(0.5, 2.0, len(rows))
    draw = _incremental_learning.stand_ins
    monkeypatch.setattr(
        _incremental_learning, "stand_ins", lambda *arguments: drawn.append(draw(*arguments)) or drawn[0]
    )
    classifier.add_class(rows, targets, weight)
    ((E, places, weights),) = drawn
    assert set(places) == {0, 1, 3} - set(given)
    assert_allclose(np.bincount(places, weights)[places], np.bincount(y)[places])
    E, targets = np.concatenate([classifier.transform(rows), E]), np.concatenate([targets, places])
    weight = np.concatenate([weight, weights])
    if name == "balanced":
        weight /= np.bincount(targets, weight)[targets]
    P = softmax((E + classifier.class_log_constants_) / classifier.temperature_, axis=1)
    assert abs(np.average(P[:, 2] - (targets == 2), weights=weight)) < 1e-6


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
def test_stand_ins_have_the_moments_of_their_class(visible):
    """Their features have the mean and the variance that the autoencoder has seen; those of bernoulli lie in [0, 1]."""
    X, y = digits()
    estimators, drawn = [contractive(visible=visible).fit(X[y == j]) for j in range(4)], []
    energies = ClassEnergies(estimators)

    class Watched(ClassEnergies):
        def __call__(self, X):
            drawn.append(X)
            return energies(X)

    E, labels, weight = stand_ins(Watched(estimators), np.array([1, 3]), np.float32, np.random.default_rng(0))
    assert_array_equal(E, np.concatenate([energies(each) for each in drawn]))
    assert E.dtype == np.float32
    for j, each in zip((1, 3), drawn, strict=True):
        assert weight[labels == j].sum() == pytest.approx((y == j).sum())
        if visible == "bernoulli":
            assert each.min() == 0.0
            assert each.max() == 1.0
        else:
            error = np.sqrt(estimators[j].var_ / len(each))
            assert (np.abs(each.mean(axis=0) - estimators[j].mean_) <= 4.0 * error + 1e-6).all()
            assert_allclose(each.std(axis=0).sum(), np.sqrt(estimators[j].var_).sum(), rtol=0.05)


def test_a_class_added_after_fine_tuning_fits_in():
    """Its own rows are enough: the accuracy is near that with rows of all classes, and above that of medians."""
    X, y = digits(800)
    train, test = np.arange(len(X)) < 400, np.arange(len(X)) >= 400
    old = y != 3
    estimator = contractive(n_components=20, max_iter=30)
    classifier = make(estimator=estimator, max_iter=30).fit(X[train & old], y[train & old])
    alone = copy.deepcopy(classifier).add_class(X[train & ~old], y[train & ~old])
    together = copy.deepcopy(classifier).add_class(X[train], y[train])
    assert alone.score(X[test], y[test]) > together.score(X[test], y[test]) - 0.03
    by_medians = copy.deepcopy(classifier)
    by_medians.loss_curve_ = None  # as if there had been no fine-tuning
    by_medians.add_class(X[train & ~old], y[train & ~old])
    assert by_medians.score(X[test], y[test]) < alone.score(X[test], y[test])


def test_add_a_class_with_rows_of_some():
    """The new constant is optimal on these rows. The constants of the old classes stay, to the bit."""
    name, (X, y, new, labels) = "normalize", split_off([2])
    classifier = make(name).fit(X, y)
    before, constants = parameters_of(classifier), classifier.class_log_constants_
    rows, targets = np.concatenate([X[y != 1], new]), np.concatenate([y[y != 1], labels])
    classifier.add_class(rows, targets)
    assert_array_equal(classifier.class_log_constants_[[0, 1, 3]], constants)
    assert abs(calibration_gradient(classifier, rows, targets)[2]) < 1e-6
    after = parameters_of(classifier)
    assert {old: after[old] for old in before} == before


def test_a_class_that_is_added_is_as_if_it_had_been_there():
    """With rows of all classes and "normalize", the autoencoders and probabilities equal those of one fit."""
    X, y = digits()
    classifier = make("normalize").fit(X[y != 1], y[y != 1]).add_class(X, y)
    whole = make("normalize").fit(X, y)
    # The first parameters are equal only if nothing else was drawn.
    assert parameters_of(classifier) == parameters_of(whole)
    assert_allclose(classifier.predict_proba(X), whole.predict_proba(X), atol=1e-8)
    medians = classifier.class_median_energies_ - whole.class_median_energies_
    assert_allclose(medians, np.full(4, medians[0]), atol=1e-6)


@pytest.mark.parametrize("name", ["finetune", "normalize", "factored"])
def test_add_several_classes(name):
    """Adding classes together equals adding them one after the other."""
    X, y, new, labels = split_off([0, 2])
    at_once = make(name).fit(X, y).add_class(new, labels)
    one_by_one = make(name).fit(X, y)
    for label in (2, 0):
        one_by_one.add_class(new[labels == label], labels[labels == label])
    assert_array_equal(at_once.classes_, [0, 1, 2, 3])
    assert_array_equal(one_by_one.classes_, [0, 1, 2, 3])
    if name == "factored":  # classes that are trained together share batches
        assert_factored(at_once, 64, 5, 4)
        return
    assert parameters_of(at_once) == parameters_of(one_by_one)
    # After fine-tuning, the constants are fitted to the rows of each call.
    tolerance = 1e-9 if name == "normalize" else 0.1
    assert_allclose(at_once.class_log_constants_, one_by_one.class_log_constants_, atol=tolerance)


@pytest.mark.parametrize("with_old", [False, True], ids=["alone", "with all"])
def test_add_a_class_to_factors(with_old):
    """Factor weights and biases of the new class are trained on the shared factors, which do not change."""
    X, y, new, labels = split_off([1])
    estimator = denoising(max_iter=40)
    classifier = make("factored", estimator=estimator, method="normalize").fit(X, y)
    P, Q, f = classifier.factors_, classifier.factor_hidden_weights_, classifier.class_factor_weights_
    if with_old:
        new, labels = np.concatenate([X, new]), np.concatenate([y, labels])
    classifier.add_class(new, labels)
    assert_array_equal(classifier.factors_, P)
    assert_array_equal(classifier.factor_hidden_weights_, Q)
    assert_array_equal(classifier.class_factor_weights_[[0, 2, 3]], f)
    assert_factored(classifier, 64, 5, 4)
    own = new[labels == 1]
    errors = [each.reconstruction_error(own).mean() for each in classifier.estimators_]
    assert np.argmin(errors) == 1


def test_gates_of_an_added_class_start_at_the_mean_of_the_others():
    """Without pretraining they stay there."""
    X, y, new, labels = split_off([2])
    classifier = make("factored", pretrain=False, learning_rate_init=0.05).fit(X, y)
    gates = classifier.class_factor_weights_
    assert np.abs(gates - 1.0).max() > 0.01
    assert_allclose(classifier.add_class(new, labels).class_factor_weights_[2], gates.mean(axis=0), rtol=1e-12)


def test_add_a_class_to_energies():
    """Rows of all classes train the linear classifier again. Fewer classes raise an error and change nothing."""
    X, y, new, labels = split_off([2])
    classifier = make("energies").fit(X, y)
    before = parameters_of(classifier)
    with unchanged(classifier), pytest.raises(ValueError, match="rows of all classes") as refusal:
        classifier.add_class(new, labels)
    assert "[2] of [0, 1, 2, 3]" in str(refusal.value)
    with unchanged(classifier), pytest.raises(ValueError, match="rows of all classes"):
        classifier.add_class(np.concatenate([X[y > 0], new]), np.concatenate([y[y > 0], labels]))
    classifier.add_class(np.concatenate([X, new]), np.concatenate([y, labels]))
    assert {old: parameters_of(classifier)[old] for old in before} == before
    assert classifier.predict_proba(X).shape == (len(X), 4)
    assert (classifier.predict(new) == 2).mean() > 0.8


def test_longer_labels_are_added():
    """New names are not cut to the length of the old ones. They take their place in the order."""
    X, y, new, labels = split_off([1, 2])
    names = np.array(["b", "armadillo", "crocodile", "d"])
    classifier = make("normalize").fit(X, names[y]).add_class(new, names[labels])
    assert classifier.classes_.tolist() == ["armadillo", "b", "crocodile", "d"]
    assert set(classifier.predict(new)) >= {"armadillo", "crocodile"}
    rows, targets = np.concatenate([X, new]), names[np.concatenate([y, labels])]
    assert classifier.score(rows, targets) > 0.7


def test_object_labels_are_added():
    """Labels may be objects, as pandas gives them."""
    X, y, new, labels = split_off([1])
    names = pd.Series(["b", "armadillo", "crocodile", "d"], dtype=object)
    classifier = make("normalize").fit(X, names[y]).add_class(new, names[labels])
    assert classifier.classes_.tolist() == ["armadillo", "b", "crocodile", "d"]
    assert (classifier.predict(new) == "armadillo").mean() > 0.5


@pytest.mark.parametrize("name", ["finetune", "normalize", "factored"])
def test_a_class_of_one_row_is_added(name):
    """A new class may have a single row."""
    X, y, new, labels = split_off([2])
    classifier = make(name).fit(X, y).add_class(new[:1], labels[:1])
    assert np.isfinite(classifier.predict_log_proba(X)).all()
    if name == "normalize":
        medians = classifier.class_median_energies_
        assert medians[2] == pytest.approx(medians[[0, 1, 3]].mean())


def test_weights_when_a_class_is_added():
    """A row of weight zero counts as absent, whether its class is old or new."""
    X, y, new, labels = split_off([2])
    rows, targets = np.concatenate([X, new]), np.concatenate([y, labels])
    weight = np.where(targets == 2, 1.0, 0.0)
    weight[-3:] = 0.0
    classifier = make().fit(X, y)
    alone = copy.deepcopy(classifier).add_class(new[:-3], labels[:-3], np.ones(len(new) - 3))
    assert_same_bits(copy.deepcopy(classifier).add_class(rows, targets, weight), alone, X)
    with unchanged(classifier), pytest.raises(ValueError, match="no new class"):
        classifier.add_class(rows, targets, np.where(targets == 2, 0.0, 1.0))


def test_an_added_class_weighs_as_class_weight_says():
    """The weights of class_weight="balanced" count the rows of the call."""
    X, y, new, labels = split_off([2])
    classifier = make("normalize", class_weight="balanced").fit(X, y)
    with no_warning(RuntimeWarning):
        classifier.add_class(new, labels)
    assert np.isfinite(classifier.class_log_constants_).all()


BAD_ADDITIONS = {
    "known": (lambda X, y: (X[:5], y[:5]), "y has no new class: .* known"),
    "other columns": (lambda X, y: (X[:5, :7], np.full(5, 9)), "7 features"),
    "not a number": (lambda X, y: (np.where(X[:5] > 0.5, np.nan, X[:5]), np.full(5, 9)), "NaN"),
    "other kind of label": (lambda X, y: (X[:5], np.full(5, "nine")), "string and number"),
    "lengths": (lambda X, y: (X[:5], np.full(4, 9)), "inconsistent numbers of samples"),
    "fractions": (lambda X, y: (X[:5], np.linspace(0.1, 0.7, 5)), "continuous"),
}


@pytest.mark.parametrize("case", BAD_ADDITIONS)
@pytest.mark.parametrize("name", ["finetune", "factored"])
def test_bad_additions_change_nothing(name, case):
    """Errors explain the mistake, and the classifier stays usable."""
    X, y = digits()
    classifier = make(name).fit(X, y)
    spoil, words = BAD_ADDITIONS[case]
    with unchanged(classifier), pytest.raises(ValueError, match=words):
        classifier.add_class(*spoil(X, y))


def test_additions_need_a_fit_and_as_many_units():
    """add_class needs a fitted classifier, and as many units as its autoencoders have."""
    X, y = digits()
    with pytest.raises(NotFittedError):
        make().add_class(X, y)
    classifier = make().fit(X, y).set_params(estimator__n_components=3)
    with unchanged(classifier), pytest.raises(ValueError, match="n_components=5, the estimator has 3"):
        classifier.add_class(X[:5], np.full(5, 9))


@pytest.mark.parametrize(
    "estimator", [contractive(visible="bernoulli"), ZeroBiasAutoencoder(5, max_iter=5)], ids=["visible", "hidden bias"]
)
def test_additions_need_an_autoencoder_of_the_same_kind(estimator):
    """An autoencoder with another kind of energy raises an error."""
    X, y, new, labels = split_off([2])
    classifier = make("normalize").fit(X, y).set_params(estimator=estimator)
    with unchanged(classifier), pytest.raises(ValueError):
        classifier.add_class(new, labels)


@pytest.mark.parametrize("old", [True, False], ids=["old", "new"])
def test_rows_of_an_addition_are_checked(old):
    """Values outside [0, 1] raise an error, for new and for old classes."""
    X, y, new, labels = split_off([2])
    classifier = make("bernoulli").fit(X, y)
    rows, targets = np.concatenate([X, new]), np.concatenate([y, labels])
    rows[0 if old else -1, 5] = 3.0
    with unchanged(classifier), pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        classifier.add_class(rows, targets)


def test_an_added_class_keeps_the_constraint():
    """The weights of the new class have unit length too."""
    X, y, new, labels = split_off([2])
    classifier = make(estimator=contractive(weight_constraint="unit")).fit(X, y).add_class(new, labels)
    for each in classifier.estimators_:
        assert_allclose(np.linalg.norm(each.components_, axis=1), 1.0, rtol=1e-9)


def test_penalties_that_know_the_features_can_continue():
    """The template is asked for its constraint only once it knows the number of features."""
    X, y = iris()
    autoencoder = MarginalizedDenoisingAutoencoder(5, feature_variances=(0.1, 0.2, 0.3, 0.4), max_iter=3)
    added = make(estimator=autoencoder, method="normalize").fit(X[y < 2], y[y < 2]).add_class(X, y)
    parts = make(estimator=autoencoder, method="normalize").partial_fit(X, y, classes=[0, 1, 2])
    assert min(added.score(X, y), parts.score(X, y)) > 0.6


def test_add_class_leaves_copies_alone():
    """A shallow copy of the classifier shares its arrays, and predicts as before."""
    X, y, new, labels = split_off([2])
    classifier = make().fit(X, y)
    shared, expected = copy.copy(classifier), results(classifier, X)
    classifier.add_class(np.concatenate([X, new]), np.concatenate([y, labels]))
    for name, values in results(shared, X).items():
        assert_array_equal(values, expected[name])


# Rows in parts


def batches_of(X, y, size=50):
    """Yield the rows in parts."""
    for start in range(0, len(X), size):
        yield X[start : start + size], y[start : start + size]


def fit_in_parts(classifier, X, y, n_passes=1):
    """Call partial_fit over all rows, in parts."""
    for _ in range(n_passes):
        for rows, labels in batches_of(X, y):
            if not hasattr(classifier, "classes_"):
                classifier.partial_fit(rows, labels, classes=np.unique(y))
            else:
                classifier.partial_fit(rows, labels)
    return classifier


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", WITH_STEPS)
def test_partial_fit_learns(name):
    """Accuracy grows over the passes, and the results keep their dtype."""
    X, y = digits(250, 5)
    X = X.astype(np.float32)
    classifier = make(name)
    assert classifier.partial_fit(X[:20], y[:20], classes=range(5)) is classifier
    first = classifier.score(X, y)
    fit_in_parts(classifier, X, y, 3)
    assert classifier.score(X, y) > max(first, 0.8)
    if classifier.method == "finetune":
        assert classifier.n_iter_ == len(classifier.loss_curve_) == 16
    else:
        assert classifier.n_iter_ >= 1
    assert all(each.components_.dtype == np.float32 for each in classifier.estimators_)
    for method, values in results(classifier, X).items():
        assert method == "predict" or values.dtype == np.float32
    for j, each in enumerate(classifier.estimators_):
        assert_allclose(classifier.transform(X)[:, j], each.score_samples(X), rtol=1e-4, atol=1e-4)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", WITH_STEPS)
def test_partial_fit_is_reproducible(name):
    """The same seed gives the same bits, and another seed others. A copy continues in the same way."""
    X, y = digits(100)
    classifier = fit_in_parts(make(name), X, y, 2)
    assert_same_bits(classifier, fit_in_parts(make(name), X, y, 2), X)
    half = pickle.loads(pickle.dumps(fit_in_parts(make(name), X, y)))
    assert_same_bits(fit_in_parts(half, X, y), classifier, X)
    other = fit_in_parts(make(name, random_state=1), X, y, 2)
    assert (other.transform(X) != classifier.transform(X)).any()


@pytest.mark.parametrize("name", ["finetune", "hinge", "normalize", "zero bias"])
def test_a_class_without_rows_has_probability_zero(name):
    """A class without rows is never predicted. Its rows may come later."""
    X, y = digits()
    known = y != 2
    classifier = make(name)
    with no_warning(RuntimeWarning):
        fit_in_parts(classifier.partial_fit(X[known], y[known], classes=[0, 1, 2, 3]), X[known], y[known])
        assert_array_equal(classifier.classes_, [0, 1, 2, 3])
        assert not (classifier.predict(X) == 2).any()
        assert_array_equal(classifier.decision_function(X)[:, 2], -np.inf)
        if name != "hinge":
            assert_array_equal(classifier.predict_proba(X)[:, 2], 0.0)
            assert_array_equal(classifier.predict_log_proba(X)[:, 2], -np.inf)
            assert_allclose(classifier.predict_proba(X).sum(axis=1), 1.0)
        else:  # the scores are relative to the mean of the classes that have been seen
            assert_allclose(classifier.decision_function(X)[:, [0, 1, 3]].mean(axis=1), 0.0, atol=1e-9)
        assert np.isfinite(classifier.score_samples(X)).all()
        assert np.isfinite(classifier.loss_)
    for _ in range(10):
        classifier.partial_fit(X, y)
    assert (classifier.predict(X[~known]) == 2).mean() > 0.5
    assert classifier.score(X, y) > 0.7


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_parts_of_one_class_each(loss):
    """In the worst order, no part has two classes. The classifier still learns all of them."""
    X, y = digits()
    order = np.argsort(y, kind="stable")
    classifier = make("finetune" if loss == "hinge" else "normalize", loss=loss)
    with no_warning(RuntimeWarning):
        for label in (0, 1, 2, 3) * 3:
            rows = order[y[order] == label]
            classifier.partial_fit(X[rows], y[rows], classes=[0, 1, 2, 3])
    assert np.isfinite(classifier.class_log_constants_).all()
    if loss == "log_loss":
        assert classifier.score(X, y) > 0.6


def test_balanced_classes_in_parts():
    """With class_weight="balanced", a part need not have rows of all classes."""
    X, y = digits()
    classifier = make("balanced")
    with no_warning(RuntimeWarning):
        classifier.partial_fit(X, y, classes=[0, 1, 2, 3, 4])
        classifier.partial_fit(X[y != 1], y[y != 1])
    assert classifier.score(X, y) > 0.5


def test_balanced_weights_are_those_of_the_classes_that_have_rows():
    """As in scikit-learn. They sum to what the rows weigh, so that a part tells as much as its rows do."""
    labels, classes = np.array([0, 0, 0, 2, 4, 4]), np.arange(5)
    found = supervised_weight("balanced", classes, labels, None)
    assert_allclose(found, compute_sample_weight("balanced", labels), rtol=1e-14)
    weight = np.arange(1.0, 7.0)
    assert supervised_weight("balanced", classes, labels, weight).sum() == pytest.approx(weight.sum(), rel=1e-14)


def test_classes_come_with_the_first_part():
    """As in scikit-learn, the first call needs `classes`, later ones must not differ, and unknown labels are errors."""
    X, y = digits()
    classifier = make()
    with unchanged(classifier), pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(X, y)
    with unchanged(classifier), pytest.raises(ValueError, match=r"labels \[2, 3\], which are not among the classes"):
        classifier.partial_fit(X, y, classes=[0, 1])
    classifier.partial_fit(X, y, classes=[3, 1, 2, 0])
    assert_array_equal(classifier.classes_, [0, 1, 2, 3])
    with unchanged(classifier), pytest.raises(ValueError, match="not the same as on last call"):
        classifier.partial_fit(X, y, classes=[0, 1, 2, 3, 4])
    with unchanged(classifier), pytest.raises(ValueError, match=r"labels \[7\].*add_class takes new ones"):
        classifier.partial_fit(X[:3], [7, 7, 0])
    with unchanged(classifier), pytest.raises(ValueError, match="features"):
        classifier.partial_fit(X[:, :5], y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "lbfgs"},
        {"method": "energies"},
        {"n_factors": 3},
        {"estimator": contractive(solver="lbfgs")},
        {"estimator": None, "solver": "lbfgs"},
    ],
    ids=["lbfgs", "energies", "factored", "estimator by lbfgs", "default by lbfgs"],
)
def test_partial_fit_is_absent_where_nothing_can_be_continued(parameters):
    """hasattr says that partial_fit is absent."""
    assert hasattr(make(), "partial_fit")
    assert hasattr(ClassSpecificAEClassifier(), "partial_fit")
    assert not hasattr(make(**parameters), "partial_fit")


def test_partial_fit_refuses_early_stopping():
    """partial_fit sees no validation set, so early_stopping=True raises an error."""
    X, y = iris()
    for classifier in (make("early stopping"), make(estimator=contractive(early_stopping=True))):
        with unchanged(classifier), pytest.raises(ValueError, match="early_stopping must be False"):
            classifier.partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize(
    "parameters", [{"l2": -1.0}, {"momentum": 2.0}, {"loss": "nonesuch"}], ids=lambda value: "+".join(value)
)
def test_partial_fit_checks_its_parameters_again(parameters):
    """Parameters may have changed since the first part."""
    X, y = iris()
    classifier = make().partial_fit(X, y, classes=[0, 1, 2]).set_params(**parameters)
    with unchanged(classifier), pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
        classifier.partial_fit(X, y)


@pytest.mark.parametrize("call", ["partial_fit", "add_class"])
def test_linear_classifier_of_other_energies_is_forgotten(call):
    """After the energies change under another method, prediction does not use the old linear classifier."""
    X, y, new, labels = split_off([2])
    classifier = make("energies").fit(X, y).set_params(method="normalize")
    classifier.partial_fit(X, y) if call == "partial_fit" else classifier.add_class(new, labels)
    calibrated = classifier.transform(X) + classifier.class_log_constants_
    assert_array_equal(
        classifier.set_params(method="energies").predict(X), classifier.classes_[calibrated.argmax(axis=1)]
    )


@pytest.mark.parametrize(
    ("name", "call", "n_factors"),
    [("factored normalize", "partial_fit", None), ("factored", "add_class", 3), ("normalize", "add_class", 4)],
    ids=["part without factors", "class with others", "class with factors"],
)
def test_n_factors_are_those_of_fit(name, call, n_factors):
    """Another n_factors than that of the fit raises an error."""
    X, y, new, labels = split_off([2])
    classifier = make(name, estimator=denoising()).fit(X, y).set_params(n_factors=n_factors)
    with unchanged(classifier), pytest.raises(ValueError, match=f"n_factors=.*{n_factors}"):
        getattr(classifier, call)(*((X, y) if call == "partial_fit" else (new, labels)))


def test_partial_fit_goes_on_after_fit():
    """partial_fit starts from the fitted parameters, also in another dtype. fit starts afresh."""
    X, y = digits()
    classifier = make(max_iter=30).fit(X, y)
    before = classifier.predict_proba(X)
    classifier.partial_fit(X.astype(np.float32), y)
    assert np.abs(classifier.predict_proba(X) - before).max() < 0.3
    assert classifier.score(X, y) > 0.9
    assert classifier.estimators_[0].components_.dtype == np.float64
    assert_same_bits(classifier.fit(X, y), make(max_iter=30).fit(X, y), X)


@pytest.mark.parametrize("name", ["finetune", "normalize"])
def test_partial_fit_goes_on_after_add_class(name):
    """partial_fit continues with all classes, old and new."""
    X, y, new, labels = split_off([2])
    classifier = fit_in_parts(make(name), X, y, 3).add_class(new, labels)
    rows, targets = np.concatenate([X, new]), np.concatenate([y, labels])
    before = parameters_of(classifier)
    for _ in range(5):
        classifier.partial_fit(rows, targets)
    assert all(parameters_of(classifier)[label] != before[label] for label in range(4))
    assert classifier.score(rows, targets) > 0.8


def test_parts_are_evaluated_in_blocks(monkeypatch):
    """A large part needs no more memory than a fit, because loss_ is computed in chunks of rows."""
    X, y = digits(100)
    alone, losses_at, sizes = make().partial_fit(X, y, classes=range(4)), Classification.losses_at, []

    def recorded(self, theta):
        losses = losses_at(self, theta)
        return lambda X, *args, **kwargs: sizes.append(X.shape[0]) or losses(X, *args, **kwargs)

    monkeypatch.setattr(Classification, "losses_at", recorded)
    monkeypatch.setattr(_sparse_route, "chunk_rows", lambda columns: 30)
    assert_allclose(make().partial_fit(X, y, classes=range(4)).loss_, alone.loss_, rtol=1e-9)
    assert sizes == [25] * 4


def test_parts_of_one_row():
    """partial_fit learns from one row at a time."""
    X, y = digits(120)
    classifier = make()
    with no_warning(RuntimeWarning):
        for i in range(len(X)):
            classifier.partial_fit(X[i : i + 1], y[i : i + 1], classes=range(4))
    assert classifier.score(X, y) > 0.7


@pytest.mark.parametrize("with_old", [False, True], ids=["alone", "with old"])
def test_add_a_class_while_another_has_no_rows_yet(with_old):
    """The class without rows keeps probability 0, and the other constants are finite."""
    X, y, new, labels = split_off([2])
    classifier = make("normalize").partial_fit(X, y, classes=[0, 1, 3, 9])
    rows, targets = (np.concatenate([X, new]), np.concatenate([y, labels])) if with_old else (new, labels)
    with no_warning(RuntimeWarning):
        classifier.add_class(rows, targets)
    assert_array_equal(classifier.classes_, [0, 1, 2, 3, 9])
    assert np.isfinite(classifier.class_log_constants_[:4]).all()
    assert_array_equal(classifier.predict_proba(X)[:, 4], 0.0)
    assert (classifier.predict(new) == 2).mean() > 0.3


def test_a_class_that_arrives_with_an_addition_is_trained():
    """If partial_fit has announced a class, and add_class brings its first rows, the class is trained."""
    X, y, new, labels = split_off([2])
    some = y != 3
    classifier = make("normalize").partial_fit(X[some], y[some], classes=[0, 1, 3])
    classifier.add_class(np.concatenate([X, new]), np.concatenate([y, labels]))
    if np.isfinite(classifier.class_log_constants_[3]):
        assert classifier.estimators_[3].n_iter_ > 0


def test_partial_fit_without_pretraining():
    """Only fine-tuning changes the autoencoders."""
    X, y = digits()
    classifier = fit_in_parts(make("untrained", learning_rate_init=0.01), X, y, 5)
    assert classifier.score(X, y) > 0.9
    fixed = make("normalize", pretrain=False).partial_fit(X, y, classes=range(4))
    before = parameters_of(fixed)
    assert parameters_of(fixed.partial_fit(X, y)) == before


def test_partial_fit_keeps_the_constraint():
    """Weights of unit length keep unit length."""
    X, y = digits()
    classifier = fit_in_parts(make(estimator=contractive(weight_constraint="unit")), X, y, 2)
    for each in classifier.estimators_:
        assert_allclose(np.linalg.norm(each.components_, axis=1), 1.0, rtol=1e-9)


@pytest.mark.parametrize("pretrain", [True, False], ids=["trained", "untrained"])
def test_rows_of_parts_are_checked(pretrain):
    """Values outside [0, 1] raise an error in the second part as in the first."""
    X, y = digits()
    classifier = make("bernoulli", pretrain=pretrain)
    with unchanged(classifier), pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        classifier.partial_fit(3.0 * X, y, classes=range(4))
    classifier.partial_fit(X, y, classes=range(4))
    with unchanged(classifier), pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        classifier.partial_fit(3.0 * X, y)


def test_zero_weights_in_parts():
    """A row of weight zero counts as absent from a part, also if its class has no other row."""
    X, y = digits()
    weight = np.where((y == 1) | (np.arange(len(y)) % 5 == 0), 0.0, 1.5)
    first = make().partial_fit(X, y, classes=range(4), sample_weight=weight)
    second = make().partial_fit(X[weight > 0], y[weight > 0], classes=range(4), sample_weight=weight[weight > 0])
    assert_same_bits(first, second, X)
    assert_array_equal(first.predict_proba(X)[:, 1], 0.0)


def test_parts_draw_noise_of_their_own():
    """The random stream continues from part to part. A copy continues from the same place."""
    X, y = digits(60)
    RecordingNoise.draws.clear()
    classifier = make("untrained", noise=RecordingNoise(), noise_level=0.1).partial_fit(X, y, classes=range(4))
    twin = copy.deepcopy(classifier)
    classifier.partial_fit(X, y)
    twin.partial_fit(X, y)
    first, second, again = RecordingNoise.draws
    assert first != second == again


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_optimiser_goes_on(solver):
    """A part leaves momentum. Without it, the next part would end elsewhere."""
    X, y = digits(60)
    classifier = make("untrained", solver=solver, learning_rate_init=0.01).partial_fit(X, y, classes=range(4))
    forgetful = copy.deepcopy(classifier)
    forgetful._optimizer_state = None
    classifier.partial_fit(X, y)
    forgetful.partial_fit(X, y)
    assert np.abs(classifier.transform(X) - forgetful.transform(X)).max() > 1e-6


def test_medians_go_with_the_constants():
    """If a part has no rows of a class, its median moves as far as its constant."""
    X, y = digits()
    classifier = make("normalize").partial_fit(X, y, classes=range(4))
    median, constant = classifier.class_median_energies_[1], classifier.class_log_constants_[1]
    classifier.partial_fit(X[y != 1], y[y != 1])
    assert abs(classifier.class_log_constants_[1] - constant) > 1e-6
    moved = classifier.class_median_energies_[1] - median
    assert moved == pytest.approx(classifier.class_log_constants_[1] - constant, rel=1e-6)


def test_loss_of_a_part():
    """loss_ is the loss of the last rows at the returned parameters, with the weight decay, as documented."""
    X, y = digits()
    classifier = make(l2=0.1).partial_fit(X, y, classes=range(4))
    decay = 0.05 * sum((each.components_**2).sum() for each in classifier.estimators_)
    assert classifier.loss_ == pytest.approx(log_loss(y, classifier.predict_proba(X)) + decay, rel=1e-9)


# Weights


@every_model
def test_zero_weight_is_an_absent_row(name):
    """A row of weight zero changes no bit, even if its class has no other rows."""
    X, y = digits()
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    weight[(np.arange(len(y)) % 7 == 0) | (y == 2)] = 0.0
    kept = weight > 0.0
    first, second = make(name).fit(X, y, weight), make(name).fit(X[kept], y[kept], weight[kept])
    assert_array_equal(first.classes_, [0, 1, 3])
    assert_same_bits(first, second, X)
    assert first.loss_ == second.loss_


@pytest.mark.parametrize("name", [name for name in MODELS if name != "early stopping"])
def test_integer_weights_are_repetitions(name):
    """Integer weights equal repeated rows if one batch holds all rows."""
    X, y = digits(80, 3)
    times = np.random.default_rng(0).integers(1, 4, len(y))
    estimator = clone(make(name).estimator).set_params(batch_size=1000)
    parameters = {"estimator": estimator, "batch_size": 1000}
    weighted = make(name, **parameters).fit(X, y, times)
    repeated = make(name, **parameters).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    tolerance = {"lbfgs": 1e-2, "energies": 1e-4, "factored energies": 1e-4}.get(name, 1e-6)
    for method, values in results(weighted, X).items():
        if method != "predict":
            assert_allclose(values, results(repeated, X)[method], rtol=tolerance, atol=tolerance, err_msg=method)


@every_model
def test_unit_of_the_weights_does_not_matter(name):
    """Multiplying all weights by a number changes nothing but rounding. Equal weights equal no weights."""
    X, y = digits(80, 3)
    plain, equal = make(name).fit(X, y), make(name).fit(X, y, np.full(len(y), 0.125))
    tolerance = 1e-3 if "energies" in name or name == "lbfgs" else 1e-7
    for method, values in results(plain, X).items():
        if method != "predict":
            assert_allclose(results(equal, X)[method], values, rtol=tolerance, atol=tolerance, err_msg=method)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.2, 1: 3.0, 2: 1.0, 3: 1.0}, {1: 3.0}], ids=str)
def test_class_weight_is_of_the_supervised_phase(class_weight):
    """The autoencoders do not change by a bit. The constants are optimal for the weighted rows."""
    X, y = digits()
    few = (y != 0) | (np.arange(len(y)) < 60)
    X, y, weight = X[few], y[few], np.linspace(0.5, 1.5, few.sum())
    weighted = make("normalize", class_weight=class_weight).fit(X, y, weight)
    plain = make("normalize").fit(X, y, weight)
    assert parameters_of(weighted) == parameters_of(plain)
    assert np.abs(weighted.class_log_constants_ - plain.class_log_constants_).max() > 1e-3
    if class_weight == "balanced":
        each = 1.0 / np.bincount(y, weight)
    else:
        each = np.array([class_weight.get(label, 1.0) for label in range(4)])
    assert np.linalg.norm(calibration_gradient(weighted, X, y, weight * each[y])) < 1e-6
    expected = log_loss(y, weighted.predict_proba(X), sample_weight=weight * each[y])
    assert weighted.loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["finetune", "energies", "factored"])
def test_a_heavier_class_is_predicted_more_often(name):
    """Rows between two classes go to the heavier one."""
    X, y = iris()
    X = X[:, :2]
    shares = [
        (make(name, class_weight={0: 1.0, 1: weight, 2: 1.0}).fit(X, y).predict(X) == 1).mean()
        for weight in (0.1, 1.0, 10.0)
    ]
    assert shares[0] < shares[1] < shares[2]


def test_held_out_rows_have_weight():
    """If no held-out row has weight, an error says so."""
    X, y = iris()
    few = np.r_[:101]  # class 2 has one row, which is not held out
    with pytest.raises(ValueError, match="positive for some class with rows to hold out"):
        make("early stopping", class_weight={0: 0.0, 1: 0.0}).fit(X[few], y[few])


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ({0: -1.0}, "not negative, got -1.0 of 0"),
        ({0: 0.0, 1: 0.0, 2: 0.0}, "positive for some class"),
        ({0: np.nan}, "finite and not negative, got nan of 0"),
        ({0: np.inf}, "finite and not negative, got inf of 0"),
        ({0: "heavy"}, "hold numbers, .* got 'heavy' of 0"),
        ({7: 2.0}, r"the label 7, which is not among the classes \[0, 1, 2\]"),
        ("even", "class_weight"),
    ],
    ids=["negative", "zero", "nan", "infinite", "text", "unknown", "word"],
)
def test_bad_class_weights(class_weight, words, monkeypatch):
    """A bad class_weight raises an error before any training."""
    X, y = iris()
    classifier = make(class_weight=class_weight)
    monkeypatch.setattr(_learning, "fit_each", None)
    with unchanged(classifier), pytest.raises(ValueError, match=words):
        classifier.fit(X, y)


def test_medians():
    """The medians are over E_j + C_j of the rows of class j. Weights act as repetitions."""
    X, y = iris()
    odd = np.r_[0:49, 50:99, 100:149]
    X, y = X[odd], y[odd]
    for name in ("finetune", "normalize", "energies"):
        classifier = make(name).fit(X, y)
        calibrated = classifier.transform(X) + classifier.class_log_constants_
        expected = [np.median(calibrated[y == j, j]) for j in range(3)]
        assert_allclose(classifier.class_median_energies_, expected, rtol=1e-9, atol=1e-9)
    times = np.random.default_rng(0).integers(1, 6, len(y)) | 1
    classifier = make("normalize").fit(X, y, times)
    calibrated = classifier.transform(X) + classifier.class_log_constants_
    for j in range(3):
        repeated = np.repeat(calibrated[y == j, j], times[y == j])
        assert classifier.class_median_energies_[j] == pytest.approx(np.median(repeated), rel=1e-9)
    classifier = make("normalize", class_weight={0: 0.0}).fit(X, y)  # which counts for the constants alone
    calibrated = classifier.transform(X) + classifier.class_log_constants_
    expected = [np.median(calibrated[y == j, j]) for j in range(3)]
    assert_allclose(classifier.class_median_energies_, expected, rtol=1e-9)


@every_model
def test_imbalanced_and_tiny_classes(name):
    """A class may have a single row, or most of the rows."""
    X, y = digits(120, 2)
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:3], np.flatnonzero(y == 1)[5:6]]
    X, y = X[rows], y[rows]
    y[-1] = 5
    with no_warning(RuntimeWarning):
        classifier = make(name, max_iter=20).fit(X, y)
    assert_array_equal(classifier.classes_, [0, 1, 5])
    assert np.isfinite(classifier.decision_function(X)).all()
    assert classifier.score(X[y == 0], y[y == 0]) > 0.9
    assert classifier.estimators_[2].n_samples_seen_ == 1


def test_a_single_row_counts_once():
    """A single row trains its autoencoder as two equal rows of half weight would."""
    X, y = digits(80, 3)
    X, y = X[(y != 1) | (np.arange(80) == 1)], y[(y != 1) | (np.arange(80) == 1)]
    estimator = contractive(random_state=3)
    classifier = make("normalize", estimator=estimator, random_state=None).fit(X, y)
    alone = clone(estimator).fit(np.repeat(X[y == 1], 2, axis=0), sample_weight=[0.5, 0.5])
    assert_array_equal(classifier.estimators_[1].components_, alone.components_)


# scikit-learn's tools


def test_grid_search():
    """A grid search covers the autoencoder's alpha and the method together."""
    X, y = iris()
    grid = {"estimator__alpha": [0.01, 1.0], "method": ["finetune", "normalize", "energies"]}
    search = GridSearchCV(make(), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.8
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    best = search.best_params_
    assert search.best_estimator_.estimators_[0].alpha == best["estimator__alpha"]
    assert search.best_estimator_.method == best["method"]


def test_parameters_of_the_default_autoencoder():
    """estimator__alpha without an estimator raises an error that says so. Setting both together works."""
    X, y = iris()
    words = r"estimator__alpha .* estimator is None.*ContractiveAutoencoder\(100\)"
    classifier = ClassSpecificAEClassifier()
    with unchanged(classifier), pytest.raises(ValueError, match=words):
        classifier.set_params(max_iter=3, estimator__alpha=0.1)
    with pytest.raises(ValueError, match=words):
        GridSearchCV(classifier, {"estimator__alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    assert classifier.set_params(estimator=contractive(), estimator__alpha=0.3) is classifier
    assert classifier.get_params()["estimator__alpha"] == 0.3
    with pytest.raises(ValueError, match="Invalid parameter 'lambda'"):
        classifier.set_params(estimator__lambda=0.1)


def half_labelled(y):
    """Return the labels with -1 in place of a third of them."""
    return np.where(np.arange(len(y)) % 3, y, -1)


def importances(classifier):
    """Return a number for each feature, for feature selectors."""
    return np.abs(classifier.estimators_[0].components_).sum(axis=0)


def weighted(classifier):
    """Return the classifier; with metadata routing, it asks for the weights of `fit`."""
    routing = sklearn.get_config()["enable_metadata_routing"]
    return classifier.set_fit_request(sample_weight=True) if routing else classifier


def two():
    """Return the classifier and a logistic regression, by name."""
    return [("a", weighted(make())), ("b", weighted(LogisticRegression()))]


#: Metaestimators of scikit-learn that take sample_weight, and others.
WEIGHTED_METAESTIMATORS = {
    "calibrated": lambda: CalibratedClassifierCV(weighted(make()), cv=2),
    "voting": lambda: ensemble.VotingClassifier(two(), voting="soft"),
    "stacking": lambda: ensemble.StackingClassifier(two(), weighted(LogisticRegression()), cv=2),
    "stacked": lambda: ensemble.StackingClassifier(two()[1:], weighted(make()), cv=2),
    "bagging": lambda: ensemble.BaggingClassifier(weighted(make()), 3, random_state=0),
    "boosting": lambda: ensemble.AdaBoostClassifier(make(), n_estimators=3, random_state=0),
}
METAESTIMATORS = {
    **WEIGHTED_METAESTIMATORS,
    "one against the rest": lambda: OneVsRestClassifier(make()),
    "pairs": lambda: OneVsOneClassifier(make()),
    "bagging of features": lambda: ensemble.BaggingClassifier(make(), 3, max_features=0.5, max_samples=0.5),
    "bagging of few rows": lambda: ensemble.BaggingClassifier(make(), 3, max_samples=8, random_state=0),
    "elimination": lambda: RFE(make(), step=20, importance_getter=importances),
    "grid": lambda: GridSearchCV(make(), {"estimator__alpha": [0.0, 0.1]}, cv=2),
    "step": lambda: make_pipeline(make("normalize"), LogisticRegression()),
}


@pytest.mark.filterwarnings("ignore:.*units were fitted to:UserWarning")
@pytest.mark.parametrize("named", [False, True], ids=["numbers", "strings"])
@pytest.mark.parametrize("name", METAESTIMATORS)
def test_in_metaestimators(name, named):
    """The classifier works wherever scikit-learn takes a classifier."""
    X, y = digits()
    y = NAMES[y] if named else y
    assert METAESTIMATORS[name]().fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("routing", [False, True], ids=["plain", "routed"])
@pytest.mark.parametrize("name", WEIGHTED_METAESTIMATORS)
def test_metaestimators_pass_weights_on(name, routing):
    """A class of low weight is predicted less often, whoever passes the weights on, with and without routing."""
    X, y = digits()
    weight = np.where(y == 2, 1e-6, 1.0)
    if routing and name == "boosting":
        pytest.skip("scikit-learn's AdaBoostClassifier does not route")
    with sklearn.config_context(enable_metadata_routing=routing):
        plain, fitted = METAESTIMATORS[name]().fit(X, y), METAESTIMATORS[name]().fit(X, y, sample_weight=weight)
        assert (fitted.predict(X) == 2).mean() < 0.5 * (plain.predict(X) == 2).mean()


def test_metaestimators_of_two_classes():
    """Thresholds, self-training and sequential selection work, with a fitted classifier too."""
    X, y = bundled(load_breast_cancer)
    X, y = StandardScaler().fit_transform(X)[:200, :6], y[:200]
    fitted = make().fit(X, y)
    for metaestimator, labels in (
        (FixedThresholdClassifier(make(), threshold=0.3), y),
        (FixedThresholdClassifier(FrozenEstimator(fitted)), y),
        (CalibratedClassifierCV(FrozenEstimator(fitted), cv=2), y),
        (TunedThresholdClassifierCV(make(), cv=2, scoring="balanced_accuracy"), y),
        (SelfTrainingClassifier(make(), threshold=0.9), half_labelled(y)),
    ):
        assert metaestimator.fit(X, labels).score(X, y) > 0.8
    selector = SequentialFeatureSelector(make(), n_features_to_select=1, cv=2).fit(X, y)
    assert selector.get_support().sum() == 1
    assert cross_val_predict(make(), X, y, method="predict_proba", cv=2).shape == (200, 2)
    assert permutation_importance(fitted, X, y, n_repeats=2, random_state=0).importances_mean.max() > 0.0
    assert np.ptp(partial_dependence(fitted, X, [0], grid_resolution=5).average) > 0.0
    sizes, train, _ = learning_curve(make(), X, y, cv=2, train_sizes=[0.5, 1.0], exploit_incremental_learning=True)
    assert (train > 0.7).all()
    assert_array_equal(sizes, [50, 100])


def test_in_a_pipeline():
    """The classifier works after a whitener, and before another classifier."""
    X, y = iris()
    pipeline = make_pipeline(PCAWhitener(), make("finetune"))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.7
    assert pipeline.fit(X, y).predict_proba(X).shape == (len(X), 3)
    assert pipeline.transform(X).shape == (len(X), 3)
    assert pipeline.get_feature_names_out().shape == (3,)
    assert_array_equal(make().fit_transform(X, y), make().fit(X, y).transform(X))


COPIES = {
    "pickle": lambda classifier: pickle.loads(pickle.dumps(classifier)),
    "deepcopy": copy.deepcopy,
    "joblib": lambda classifier: joblib.load(saved(classifier)),
}


def saved(classifier):
    """Return a file with the saved classifier."""
    file = io.BytesIO()
    joblib.dump(classifier, file)
    file.seek(0)
    return file


@pytest.mark.sampled(3)
@pytest.mark.parametrize("way", COPIES)
@every_model
def test_copies_predict_the_same_bits(name, way):
    """A copy of a fitted classifier predicts the same bits."""
    X, y = digits(80)
    classifier = make(name).fit(X, y)
    assert_same_bits(COPIES[way](classifier), classifier, X)


@pytest.mark.sampled(3)
@every_model
def test_clone_is_unfitted_and_fits_alike(name):
    """clone takes parameters only. With a random_state, its fit gives the same bits."""
    X, y = digits(80)
    classifier = make(name).fit(X, y)
    twin = clone(classifier)
    assert not [attribute for attribute in vars(twin) if attribute.endswith("_")]
    with pytest.raises(NotFittedError):
        twin.predict(X)
    assert_same_bits(twin.fit(X, y), classifier, X)
    assert_same_bits(classifier.fit(X, y), twin, X)
    other = make(name, random_state=1).fit(X, y)
    assert (other.transform(X) != twin.transform(X)).any()


@pytest.mark.parametrize("name", ["finetune", "normalize", "energies", "factored"])
def test_random_state_of_numpy(name):
    """None does not touch numpy's global state. RandomStates in equal states give the same bits."""
    X, y = iris()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (make(name, random_state=None).fit(X, y) for _ in range(2))
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert (first.transform(X) != second.transform(X)).any()
    fits = [make(name, random_state=np.random.RandomState(seed)).fit(X, y) for seed in (0, 0, 1)]
    assert_same_bits(fits[0], fits[1], X)
    assert (fits[0].transform(X) != fits[2].transform(X)).any()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_classes_in_parallel(backend, request):
    """Two jobs give the same bits as one, in fit and in add_class."""
    if backend == "loky" and request.config.getoption("--perturb-products") is not None:
        pytest.skip("products are not perturbed in other processes")
    X, y, new, labels = split_off([1, 3], n=300, n_classes=6)
    alone = make().fit(X, y)
    with joblib.parallel_config(backend):
        together = make(n_jobs=2).fit(X, y)
        assert_same_bits(together, alone, X)
        assert_same_bits(together.add_class(new, labels), alone.add_class(new, labels), X)


def test_refit_forgets_the_fit_before():
    """A second fit leaves the same attributes as the fit of a new classifier."""
    X, y = iris()
    wide, labels = digits(60)
    for before in ("energies", "factored", "early stopping"):
        classifier = make(before).fit(wide, labels)
        classifier.set_params(**make("normalize").get_params(deep=False)).fit(X, y)
        assert vars(classifier).keys() == vars(make("normalize").fit(X, y)).keys()
        assert_same_bits(classifier, make("normalize").fit(X, y), X)


def test_a_fit_forgets_the_parts_before_it():
    """Their optimiser and their place in the random stream too, so that parts after the fit go on alike."""
    X, y = digits(60)
    classifier = make("untrained", noise="gaussian", learning_rate_init=0.01)
    for _ in range(2):
        classifier.partial_fit(X, y, classes=range(4))
    classifier.fit(X, y).partial_fit(X, y)
    alone = make("untrained", noise="gaussian", learning_rate_init=0.01).fit(X, y).partial_fit(X, y)
    assert_same_bits(classifier, alone, X)


def test_constructor_sets_and_nothing_more():
    """The constructor neither checks nor changes parameters."""
    parameters = {name: object() for name in ClassSpecificAEClassifier().get_params(deep=False)}
    assert vars(ClassSpecificAEClassifier(**parameters)) == parameters


# Attributes that a user replaces


@pytest.mark.parametrize("name", ["finetune", "normalize", "factored", "bernoulli"])
def test_replaced_constants_are_used(name):
    """Adding to one constant multiplies the odds."""
    X, y = digits(100)
    classifier = make(name).fit(X, y)
    before, scores = classifier.predict_proba(X), classifier.score_samples(X)
    classifier.class_log_constants_ = classifier.class_log_constants_ + np.array([0.0, np.log(2.0), 0.0, 0.0])
    expected = before * [1.0, 2.0, 1.0, 1.0]
    assert_allclose(classifier.predict_proba(X), expected / expected.sum(axis=1, keepdims=True), atol=1e-9)
    assert_allclose(np.exp(classifier.score_samples(X) - scores), 1.0 + before[:, 1], rtol=1e-6)
    classifier.class_log_constants_ = np.array([0.0, 0.0, 1e6, 0.0])
    assert (classifier.predict(X) == 2).all()


@pytest.mark.parametrize("attribute", ["components_", "intercept_hidden_", "intercept_visible_"])
@pytest.mark.parametrize("name", ["finetune", "normalize", "energies", "bernoulli"])
def test_replaced_parameters_are_used(name, attribute):
    """All methods of prediction use replaced parameters of a class."""
    X, y = digits(100)
    classifier = make(name).fit(X, y)
    before = results(classifier, X)
    each = classifier.estimators_[1]
    setattr(each, attribute, 0.5 * getattr(each, attribute))
    after = results(classifier, X)
    assert_allclose(after["transform"][:, 1], each.score_samples(X), rtol=1e-9, atol=1e-9)
    assert_array_equal(after["transform"][:, [0, 2, 3]], before["transform"][:, [0, 2, 3]])
    for method in ("decision_function", "predict_proba", "score_samples", "transform"):
        assert (after[method] != before[method]).any(), method


def test_replaced_energy_classifier_is_used():
    """Prediction uses another classifier of the energies in place of the logistic regression."""
    X, y = digits(100)
    classifier = make("energies").fit(X, y)
    classifier.energy_classifier_[-1].intercept_ = np.array([0.0, 0.0, 0.0, 1e3])
    assert (classifier.predict(X) == 3).all()


# Errors, and the classifier after them


def spoil(X, value):
    """Return X with one value replaced."""
    X = X.copy()
    X[-1, 2] = value
    return X


BAD_DATA = {
    "NaN": (lambda X, y: (spoil(X, np.nan), y), "NaN"),
    "infinite": (lambda X, y: (spoil(X, np.inf), y), "infinity"),
    "too large": (lambda X, y: (spoil(X, 1e200), y), "X holds values up to 1e\\+200"),
    "one class": (lambda X, y: (X, np.zeros(len(y), dtype=int)), "at least 2 classes, got 1 class"),
    "fractions": (lambda X, y: (X, np.linspace(0.0, 1.0, len(y))), "continuous"),
    "several columns": (lambda X, y: (X, np.column_stack([y, y])), "y should be a 1d array"),
    "no labels": (lambda X, y: (X, None), "requires y to be passed"),
    "missing label": (lambda X, y: (X, np.where(y == 1, np.nan, y)), "NaN"),
    "lengths": (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    "one row": (lambda X, y: (X[:1], y[:1]), "class"),
    "no rows": (lambda X, y: (X[:0], y[:0]), "0 sample"),
    "vector": (lambda X, y: (X[:, 0], y), "Expected 2D array"),
    "negative weight": (lambda X, y: (X, y, np.r_[-1.0, np.ones(len(y) - 1)]), "Negative values"),
    "zero weights": (lambda X, y: (X, y, np.zeros(len(y))), "(?i)sample.weight"),
    "weights of one class": (lambda X, y: (X, y, (y == 1).astype(float)), "at least 2 classes, got 1 class"),
    "too few weights": (lambda X, y: (X, y, np.ones(3)), "sample_weight.shape"),
}


@pytest.mark.parametrize("fitted", [False, True], ids=["unfitted", "fitted"])
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_refused_and_change_nothing(case, fitted):
    """Bad data raise an error with an explanation, and the classifier does not change."""
    X, y = iris()
    classifier = make().fit(*digits(60)) if fitted else make()
    change, words = BAD_DATA[case]
    with unchanged(classifier), pytest.raises(ValueError, match=words):
        classifier.fit(*change(X, y))


def test_bernoulli_takes_values_in_the_unit_interval():
    """Values outside [0, 1] raise an error in training and in every method of prediction."""
    X, y = iris()
    with pytest.raises(ValueError, match=r"visible='bernoulli' takes values in \[0, 1\]"):
        make("bernoulli").fit(X, y)
    scaled = MinMaxScaler(clip=True).fit_transform(X)
    classifier = make("bernoulli").fit(scaled, y)
    for method in results(classifier, scaled):
        with pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
            getattr(classifier, method)(X)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"estimator": SaturatingAutoencoder(5)}, "must have tied weights.*SaturatingAutoencoder"),
        ({"estimator": denoising(tied_weights=False)}, "must have tied weights.*DenoisingAutoencoder"),
        ({"estimator": denoising(activation=WithoutPotential())}, "potential, which 'without' has not"),
        ({"estimator": make_pipeline(PCAWhitener(), contractive())}, "estimator"),
        ({"estimator": StandardScaler()}, "estimator"),
        ({"estimator": ContractiveAutoencoder}, "estimator"),
        ({"estimator": contractive(alpha=-1.0)}, "alpha"),
        ({"estimator": contractive(activation="nonesuch")}, "nonesuch"),
        ({"method": "nonesuch"}, "'method' parameter"),
        ({"loss": "nonesuch"}, "'loss' parameter"),
        ({"l2": -1.0}, "'l2' parameter"),
        ({"n_factors": 0}, "'n_factors' parameter"),
        ({"n_factors": 1.5}, "'n_factors' parameter"),
        ({"temperature": 0.0}, "'temperature' parameter"),
        ({"temperature": "none"}, "'temperature' parameter"),
        ({"noise": "nonesuch"}, "nonesuch"),
        ({"noise_level": -0.1}, "'noise_level' parameter"),
        ({"noise": "masking", "noise_level": 1.5}, "1.5"),
        ({"solver": "nonesuch"}, "'solver' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"momentum": 1.0}, "'momentum' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"class_weight": [1, 2, 3]}, "'class_weight' parameter"),
        ({"pretrain": "no"}, "'pretrain' parameter"),
        ({"n_jobs": 1.5}, "'n_jobs' parameter"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_invalid_parameters(parameters, words):
    """An error names the invalid parameter before any training."""
    X, y = iris()
    classifier = make(**parameters)
    with unchanged(classifier), pytest.raises(ValueError, match=words):
        classifier.fit(X, y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_divergence_changes_nothing(method):
    """A far too large learning rate raises an error with advice, in fine-tuning and in an autoencoder."""
    X, y = digits(100)
    for classifier in (
        make(solver="sgd", learning_rate_init=1e12, max_iter=50, batch_size=10),
        make(estimator=contractive(activation="square", solver="sgd", learning_rate_init=1e12, max_iter=50)),
    ):
        arguments = {} if method == "fit" else {"classes": range(4)}
        if method == "partial_fit":
            classifier.set_params(batch_size=1, estimator__batch_size=1)
        with unchanged(classifier), pytest.raises(ValueError, match=r"training diverged.*learning_rate_init"):
            getattr(classifier, method)(X, y, **arguments)


STEPS = {
    "an autoencoder": (Reconstruction, "value_and_grad"),
    "fine-tuning": (Classification, "value_and_grad"),
    "the constants": (_calibration, "log_constants"),
    "the medians": (_calibration, "class_medians"),
    "the temperature": (_temperature, "fit_temperature"),
    "the factors": (FactoredReconstruction, "value_and_grad"),
    "the linear classifier": (pipeline, "make_pipeline"),
}
INTERRUPTIONS = [
    *((call, "finetune", step) for call in ("fit", "partial_fit") for step in list(STEPS)[:4]),
    *(("add_class", "finetune", step) for step in ("an autoencoder", "the constants", "the medians")),
    *((call, "factored", "the factors") for call in ("fit", "add_class")),
    ("fit", "factored", "fine-tuning"),
    ("fit", "tempered", "the temperature"),
    ("fit", "energies", "the linear classifier"),
    ("add_class", "energies", "the linear classifier"),
]


@pytest.mark.parametrize(
    ("call", "name", "step", "fitted"),
    [(*each, fitted) for each in INTERRUPTIONS for fitted in (True, False) if fitted or each[0] != "add_class"],
)
def test_interruption_changes_nothing(call, name, step, fitted, monkeypatch):
    """An exception in the middle is raised unchanged, and changes no bit of the classifier."""
    X, y = digits(100)
    y = np.where(y == 3, 1, y)
    classifier = make(name, batch_size=20).fit(X, y) if fitted else make(name, batch_size=20)
    place, attribute = STEPS[step]
    function, calls = getattr(place, attribute), []
    last = 3 if attribute == "value_and_grad" else 1

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == last:
            raise KeyboardInterrupt("now")
        return function(*args, **kwargs)

    def train():
        if call == "add_class":  # give rows of all classes, to reach the constants and the linear classifier
            return classifier.add_class(np.concatenate([X, X[y == 1]]), np.concatenate([y, np.full((y == 1).sum(), 7)]))
        return getattr(classifier, call)(X, y, **({"classes": np.unique(y)} if call == "partial_fit" else {}))

    with monkeypatch.context() as patch:
        patch.setattr(place, attribute, interrupted)
        with unchanged(classifier), pytest.raises(KeyboardInterrupt, match="now"):
            train()
    assert len(calls) == last
    train()
    assert np.isfinite(classifier.decision_function(X)).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "transform", "decision_function"])
def test_prediction_checks_its_input(method):
    """Prediction raises an error before fit, and for wrong columns, NaN and values that overflow."""
    X, y = iris()
    with pytest.raises(NotFittedError):
        getattr(make(), method)(X)
    predict = getattr(make().fit(X, y), method)
    with pytest.raises(ValueError, match="expecting 4 features"):
        predict(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        predict(spoil(X, np.nan))
    if method in ("score_samples", "transform"):
        with no_warning(), pytest.raises(ValueError, match="1e\\+200"):
            predict(spoil(X, 1e200))
    assert predict(X[:1]).shape[0] == 1


def test_novelties_have_lower_scores():
    """score_samples tells digits of an unknown class from the others."""
    X, y = bundled(load_digits)
    X = X[:800] / 16.0
    y = y[:800]
    known = y < 5
    classifier = make("normalize", estimator=contractive(n_components=30, max_iter=60)).fit(
        X[:400][known[:400]], y[:400][known[:400]]
    )
    scores = classifier.score_samples(X[400:])
    inside, outside = scores[known[400:]], scores[~known[400:]]
    assert (inside[:, None] > outside).mean() > 0.7


def test_prediction_goes_by_the_method_of_the_fit():
    """Setting another `method` changes nothing before the next fit."""
    X, y = iris()
    for fitted, other in (("energies", "normalize"), ("normalize", "energies")):
        classifier = make(fitted).fit(X, y)
        expected = classifier.decision_function(X)
        assert_array_equal(classifier.set_params(method=other).decision_function(X), expected)


def brief(name="finetune", **parameters):
    """Return one of the MODELS with one epoch."""
    size = {"max_iter": 1, "batch_size": 200}
    own = {"n_components": 2, **size}
    estimator = denoising(**own) if "factored" in name else contractive(**own)
    return make(name, estimator=estimator, **size, **parameters)


FITS = {
    "zero weights": lambda X, y, weight: brief("balanced").fit(X, y, weight),
    "trial fits": lambda X, y, weight: brief("tempered normalize").fit(X, y),
    "early stopping": lambda X, y, weight: brief("early stopping", noise="salt_and_pepper").fit(X, y),
    "held out for p-values": lambda X, y, weight: brief(calibration_fraction=0.2).fit(X, y),
    "energies": lambda X, y, weight: brief("energies").fit(X, y, weight),
    "lbfgs": lambda X, y, weight: brief("lbfgs").fit(X, y, weight),
    "factored": lambda X, y, weight: brief("factored").fit(X, y, weight),
    "untrained": lambda X, y, weight: brief("untrained").fit(X, y, weight),
    "partial_fit": lambda X, y, weight: brief().partial_fit(X, y, classes=range(8), sample_weight=weight),
    "add_class": lambda X, y, weight: brief().fit(X[:80], y[:80] * (y[:80] < 7)).add_class(X, y, weight),
}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("case", FITS)
def test_no_fit_copies_all_rows(case, tmp_path, rng):
    """Each class is trained on a copy of its own rows, an eighth of X here. Nothing else is as large as X."""
    X, y, weight = rng.random((8000, 800), dtype=np.float32), np.arange(8000) % 8, np.ones(8000)
    weight[::100] = 0.0
    np.save(tmp_path / "X.npy", X)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    tracemalloc.start()
    FITS[case](X, y, weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.85 * X.nbytes


NAMES = np.array(["b", "armadillo", "crocodile", "d"])
#: Columns of labels by their kind, each made from digits of 0 to 3. The first of each kind is numpy's own.
COLUMNS = {
    "number": [
        lambda y: y.astype(np.int64),
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(np.float32),
        lambda y: y.tolist(),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pd.DataFrame({"y": y}, dtype="UInt8")["y"],
        lambda y: pd.Series(y, dtype="Float64"),
        lambda y: pd.Series(y, dtype="int64[pyarrow]"),
        lambda y: pd.Series(y).astype("category"),
        lambda y: pd.Series(y, dtype="Int64").astype("category"),
    ],
    "bool": [
        lambda y: y == 3,
        lambda y: (y == 3).tolist(),
        lambda y: pd.Series(y == 3, dtype="boolean"),
        lambda y: pd.Series(y == 3, dtype="bool[pyarrow]"),
        lambda y: pd.Series(y == 3).astype("category"),
    ],
    "string": [
        lambda y: NAMES[y],
        lambda y: NAMES[y].astype("U30"),
        lambda y: NAMES.astype(object)[y],
        lambda y: NAMES[y].tolist(),
        lambda y: pd.Series(NAMES[y]),
        lambda y: pd.Series(NAMES[y], dtype="string"),
        lambda y: pd.Series(NAMES[y], dtype="string[pyarrow]"),
        lambda y: pd.Series(NAMES[y]).astype("category"),
    ],
}
LARGE = 2**60


@pytest.mark.parametrize("dtype", [np.uint64, np.int64])
def test_large_labels_are_compared_exactly(dtype):
    """numpy would compare int64 with uint64 as float64, where labels that differ are equal."""
    X, y = digits()
    classifier = make("normalize", estimator=contractive(max_iter=1)).fit(X[y < 3], y[y < 3] + LARGE)
    same = make("normalize", estimator=contractive(max_iter=1)).fit(X[y < 3], y[y < 3])
    labels = (y + LARGE).astype(dtype)
    assert classifier.add_class(X[y == 3], labels[y == 3]).classes_.tolist() == [LARGE + k for k in range(4)]
    same.add_class(X[y == 3], y[y == 3])
    assert_array_equal(classifier.predict(X) - LARGE, same.predict(X))
    classifier.partial_fit(X, labels)
    assert_array_equal(classifier.transform(X), same.partial_fit(X, y).transform(X))


def test_labels_without_a_common_dtype_are_refused():
    """No dtype of numpy holds 2^60 + 1 and 2^63 + 1 beside negative numbers."""
    X, y = digits()
    classifier = make("normalize", estimator=contractive(max_iter=1)).fit(X[y < 2], y[y < 2] + LARGE)
    with unchanged(classifier), pytest.raises(ValueError, match="no dtype holds both"):
        classifier.add_class(X[y == 2], np.full((y == 2).sum(), 2**63 + 1, dtype=np.uint64))


every_column = pytest.mark.parametrize(
    ("kind", "column"), [(kind, each) for kind in COLUMNS for each in range(len(COLUMNS[kind]))]
)


@pytest.mark.sampled(3)
@every_column
def test_labels_are_compared_by_value(kind, column):
    """Labels may come in one dtype to `fit`, and in another one to the other methods."""
    X, y, new, labels = split_off([3])
    rows, y = np.concatenate([X[:30], new[:10]]), np.concatenate([y[:30], labels[:10]])
    plain, column, old = COLUMNS[kind][0], COLUMNS[kind][column], y != 3
    expected = make("normalize", estimator=contractive(max_iter=1)).fit(rows, plain(y))
    for first, second in ((plain, column), (column, plain)):
        classifier = make("normalize", estimator=contractive(max_iter=1)).fit(rows, first(y))
        assert classifier.classes_.tolist() == expected.classes_.tolist()
        assert classifier.predict(rows).tolist() == expected.predict(rows).tolist()
        if type_of_target(second(y)) != "unknown":  # the oldest scikit-learn scores no category of Int64
            assert classifier.score(rows, second(y)) == expected.score(rows, plain(y))
        assert classifier.partial_fit(rows, second(y)).classes_.tolist() == expected.classes_.tolist()
        parts = make("normalize", estimator=contractive(max_iter=1)).partial_fit(rows, second(y), classes=first(y))
        assert parts.partial_fit(rows, first(y), classes=second(y)).classes_.tolist() == expected.classes_.tolist()
        if kind != "bool":  # there is no third bool
            classifier = make("normalize", estimator=contractive(max_iter=1)).fit(rows[old], first(y[old]))
            dtype = classifier.classes_.dtype
            classifier.add_class(rows, second(y))
            assert classifier.classes_.tolist() == expected.classes_.tolist()
            assert kind == "string" or classifier.classes_.dtype == dtype


@every_column
def test_integers_and_bools_stay_what_they_are(kind, column):
    """Classes are integers, bools or strings as the labels are, in any container."""
    X, y = digits(30)
    given = COLUMNS[kind][column](y)
    floats = "float" in str(getattr(given, "dtype", "")).lower()
    kinds = {"number": "f" if floats else "iu", "bool": "b", "string": "UO"}[kind]
    for classifier in (
        make("normalize", estimator=contractive(max_iter=1)).fit(X, given),
        make("normalize", estimator=contractive(max_iter=1)).partial_fit(X, given, classes=given),
    ):
        assert classifier.classes_.dtype.kind in kinds


def test_classes_take_the_dtype_that_holds_them_all():
    """A label that is too large for the dtype of the old ones is not wrapped around."""
    X, y, new, labels = split_off([2])
    classifier = make("normalize").fit(X, y.astype(np.uint8)).add_class(new, labels + 300)
    assert classifier.classes_.tolist() == [0, 1, 3, 302]
    assert set(classifier.predict(new)) >= {302}


OTHER_KINDS = {
    "strings to numbers": (lambda y: y, lambda y: y.astype(str)),
    "numbers to strings": (lambda y: y.astype(str), lambda y: y),
    "numbers to objects": (lambda y: y.astype(str).astype(object), lambda y: y),
    "bools to numbers": (lambda y: 5 * y, lambda y: y == 2),
    "numbers to bools": (lambda y: y == 1, lambda y: y),
}


@pytest.mark.parametrize("case", OTHER_KINDS)
def test_labels_of_another_kind_are_refused(case):
    """Strings, bools and numbers do not mix: a sentence says so."""
    X, y, new, labels = split_off([2])
    first, second = OTHER_KINDS[case]
    classifier = make("normalize").fit(X, first(y))
    with unchanged(classifier), pytest.raises(ValueError, match=r"of the old ones' kind|string and number"):
        classifier.add_class(new, second(labels))
    if "string" in case or "object" in case:
        with unchanged(classifier), pytest.raises(ValueError, match="which are not among the classes"):
            classifier.partial_fit(X, second(y))


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64", "string", "category"])
def test_missing_labels_are_refused(dtype):
    """A missing label is no class of its own."""
    X, y = digits()
    labels = pd.Series(y.astype(str) if dtype in ("string", "category") else y % 2, dtype=dtype).mask(y == 3)
    with pytest.raises(ValueError, match=r"contain.? NaN"):
        make("normalize").fit(X, labels)


def test_factored_pretraining_says_that_it_has_come_to_nothing():
    """With shared factors, a warning says that pretraining has failed, as with separate autoencoders."""
    X, y = digits()
    estimator = DenoisingAutoencoder(5, max_iter=2, learning_rate_init=1.0)
    with pytest.warns(ConvergenceWarning, match="all classes: DenoisingAutoencoder"):
        make("normalize", estimator=estimator, n_factors=5).fit(X, y)
