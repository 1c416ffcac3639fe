"""Every estimator with drawn parameters on drawn rows: finite, right results, or an error in words and no change.

``HYPOTHESIS_PROFILE=long`` tries 2,000 examples an estimator; see `conftest.py`.
"""

import copy
import inspect
import pathlib
import traceback
import warnings

import numpy as np
import pandas as pd
import pytest
import reference
import sklearn
from autoencoders import CLASSES as AUTOENCODERS
from autoencoders import activation_of, assert_equal_deeply, hidden_bias_of, largest_terms
from hypothesis import event, given
from hypothesis import strategies as st
from methods import CLASSES, methods_of_X
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import is_classifier, is_outlier_detector, is_regressor
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import Interval, StrOptions

import skae
from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, PCAWhitener
from skae.activations import ACTIVATIONS
from skae.corruption import CORRUPTIONS
from skae.outlier import MixtureEnsemble
from skae.penalties import PENALTIES

every_estimator = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)

# -- rows


def one_hot(rng, n, d):
    """Blocks of columns of which one is 1."""
    return np.eye(d)[rng.integers(d, size=n)]


#: Rows without a scale.
KINDS = {
    "gaussian": lambda rng, n, d: rng.standard_normal((n, d)),
    "low rank": lambda rng, n, d: rng.standard_normal((n, 1)) @ rng.standard_normal((1, d)) + rng.standard_normal(d),
    "heavy tails": lambda rng, n, d: rng.standard_cauchy((n, d)),
    "lognormal": lambda rng, n, d: np.exp(4.0 * rng.standard_normal((n, d))),
    "unit interval": lambda rng, n, d: expit(3.0 * rng.standard_normal((n, d))),
    "one-hot": one_hot,
    "counts": lambda rng, n, d: rng.poisson(0.3, (n, d)).astype(float),
    "identical rows": lambda rng, n, d: np.tile(rng.standard_normal(d), (n, 1)),
    "constant": lambda rng, n, d: np.full((n, d), 3.0),
    "zeros": lambda rng, n, d: np.zeros((n, d)),
}
SHAPES = [(20, 5), (60, 4), (12, 12), (7, 3), (200, 2), (3, 40), (2, 2), (2, 1), (1, 1)]
SCALES = [1.0, 1.0, 1.0, 1e-30, 1e-8, 1e-3, 1e3, 1e8, 1e30]
CONTAINERS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[1::2, 2::3],
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
    "frame": lambda X: pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]),
}


@st.composite
def rows(draw, shape=None, scales=tuple(SCALES), containers=tuple(CONTAINERS)):
    """Rows of any kind, dtype, scale and container; columns and rows may repeat, be zero or be far off."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = shape or draw(st.sampled_from(SHAPES))
    X = KINDS[draw(st.sampled_from(list(KINDS)))](rng, n, d)
    X = X * draw(st.sampled_from(scales)) + draw(st.sampled_from([0.0, 0.0, 0.0, -5.0, 1e6]))
    for change in draw(st.sets(st.sampled_from(["duplicate", "zero", "constant", "outlier", "repeat"]), max_size=2)):
        i, j = rng.integers(n), rng.integers(d)
        if change == "duplicate":
            X[:, j] = X[:, rng.integers(d)]
        elif change == "repeat":
            X[i] = X[rng.integers(n)]
        elif change == "outlier":
            X[i, j] += 1e4 * np.abs(X).max()
        else:
            X[:, j] = 0.0 if change == "zero" else X[i, j]
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32, np.float16, np.int32, np.uint8, bool]))
    if np.dtype(dtype).kind == "f":
        X = np.clip(X, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    elif dtype is bool:
        X = np.median(X) < X
    else:
        X = np.clip(np.round(X), np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
    container = draw(st.sampled_from(containers))
    if dtype is np.float16 and container in ("csr", "csc", "coo"):
        X = X.astype(np.float32)  # scipy has no products of it
    return CONTAINERS[container](X)


def bits_of(X):
    """A copy of what X holds, to compare."""
    if sparse.issparse(X):
        entries = X.tocoo()
        return [each.copy() for each in (entries.data, entries.row, entries.col)]
    return np.array(X)


@st.composite
def weights(draw, n):
    """No weights, or weights with zeros and of any size."""
    kind = draw(st.sampled_from([None, None, "ones", "zeros", "spread", "tiny", "huge"]))
    rng = np.random.default_rng(draw(st.integers(0, 100)))
    return {
        None: lambda: None,
        "ones": lambda: np.ones(n),
        "zeros": lambda: (rng.random(n) < 0.6).astype(float),
        "spread": lambda: np.exp(5.0 * rng.standard_normal(n)),
        "tiny": lambda: np.full(n, 1e-30),
        "huge": lambda: 1e30 * rng.random(n),
    }[kind]()


@st.composite
def targets(draw, cls, n):
    """Labels of every kind for a classifier, numbers for a regressor, and nothing else for others."""
    estimator, rng = cls(), np.random.default_rng(draw(st.integers(0, 100)))
    if is_regressor(estimator):
        y = rng.standard_normal((n, 2) if draw(st.booleans()) else n) * draw(st.sampled_from(SCALES))
        return np.clip(y, -1e18, 1e18).astype(draw(st.sampled_from([np.float64, np.float32, np.int64])))
    if not is_classifier(estimator):
        return None
    k = draw(st.sampled_from([2, 3, 2, 3, 5, 1]))
    codes = np.minimum(rng.integers(k * draw(st.sampled_from([1, 4])), size=n), k - 1)
    kind = draw(st.sampled_from(["integers", "strings", "objects", "booleans", "floats", "negative", "list"]))
    names = np.array(["a", "bb", "", "d", "e"])
    return {
        "integers": lambda: codes,
        "strings": lambda: names[codes],
        "objects": lambda: names.astype(object)[codes],
        "booleans": lambda: codes > 0,
        "floats": lambda: codes.astype(np.float32),
        "negative": lambda: (10 * codes - 7).astype(np.int8),
        "list": lambda: codes.tolist(),
    }[kind]()


# -- parameters

#: What would take long, or is no number of its own, is drawn from here.
OWN = {
    "n_components": [1, 2, 3, 9, 30],
    "max_iter": [1, 2, 4],
    "alpha_steps": [0, 1, 3],
    "n_factors": [None, 1, 3],
    "batch_size": ["auto", 1, 2, 7, 1000],
    "verbose": [0],
    "random_state": [0, 1],
    "n_jobs": [None],
    "prefit": [False],
    "class_weight": [None, "balanced"],
    "calibration": ["auto", 2, 3, 0.3],
    "activation": list(ACTIVATIONS),
    "penalty": list(PENALTIES),
    "noise": [None, *CORRUPTIONS],
    "feature_variances": [None],
    "dropout": [0.0, 0.2, 0.99],
}
#: Always given: by default a fit is long.
GIVEN = {"n_components": 4, "max_iter": 3, "random_state": 0}
REALS = [1e-30, 1e-8, 1e-3, 0.1, 0.5, 0.9, 1.0, 2.0, 30.0, 1e4, 1e30]
INTEGERS = [1, 2, 3, 100]


def values_of(constraint):
    """Values that a constraint of a parameter allows, extreme ones too."""
    if isinstance(constraint, StrOptions):
        return sorted(constraint.options)
    if isinstance(constraint, Interval):
        numbers = INTEGERS if constraint.type.__name__ == "Integral" else [0.0, *REALS, *(-each for each in REALS)]
        return [each for each in numbers if each in constraint]
    return [None] if constraint is None else [True, False] if constraint == "boolean" else []


def small_autoencoder():
    return ContractiveAutoencoder(3, max_iter=2, random_state=0)


#: The estimators inside others.
INSIDE = {
    "estimator": {
        "ClassSpecificAEClassifier": lambda draw: draw(estimators(draw(st.sampled_from(AUTOENCODERS)))),
        "EnergyOutlierDetector": lambda draw: draw(
            st.one_of(st.none(), estimators(draw(st.sampled_from([*AUTOENCODERS, MixtureEnsemble]))))
        ),
    },
    "encoder": {
        name: lambda draw: draw(
            st.sampled_from([small_autoencoder(), make_pipeline(PCAWhitener(whiten=None), small_autoencoder())])
        )
        for name in ("FineTunedClassifier", "FineTunedRegressor")
    },
}


@st.composite
def estimators(draw, cls):
    """An estimator with up to four parameters off their defaults, drawn from what its constraints allow."""
    known = {name: each for name, each in cls._parameter_constraints.items() if name in cls().get_params(deep=False)}
    parameters = {name: value for name, value in GIVEN.items() if name in known and cls is not PCAWhitener}
    for name in INSIDE.keys() & known.keys():
        parameters[name] = INSIDE[name][cls.__name__](draw)
    for name in sorted(draw(st.sets(st.sampled_from(sorted(known.keys() - INSIDE.keys())), max_size=4))):
        values = OWN.get(name) or [value for each in known[name] for value in values_of(each)]
        if values:
            parameters[name] = draw(st.sampled_from(values))
    return cls(**parameters)


# -- what comes of it

PLACES = [pathlib.Path(each.__file__).parent for each in (skae, sklearn)]


def said(error):
    """Assert that an error is a sentence of skae's or scikit-learn's, not one of a product that went wrong."""
    assert isinstance(error, ValueError | TypeError), repr(error)
    assert len(str(error).split()) > 3, error
    last = pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    assert any(last.is_relative_to(each) for each in PLACES), "".join(traceback.format_exception(error))
    assert not isinstance(error, np.linalg.LinAlgError)


def attempt(function, *arguments, **options):
    """Return the result, or the error if it is a documented one; nothing warns but skae and scikit-learn, in words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, error = function(*arguments, **options), None
        except Exception as raised:  # whatever it is, it is looked at
            said(raised)
            result, error = None, raised
    for each in caught:
        assert issubclass(each.category, UserWarning), (str(each.message), each.filename, each.lineno)
    return result, error


def assert_finite(value, where):
    """Assert that there is no NaN and no infinity in a value, or in what it holds."""
    if isinstance(value, dict):
        for name, each in value.items():
            assert_finite(each, f"{where}[{name!r}]")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            assert_finite(each, f"{where}[{number}]")
    elif sparse.issparse(value):
        assert_finite(value.data, where)
    elif isinstance(value, np.ndarray | float | np.floating):
        if np.asarray(value).dtype.kind == "f":
            assert np.isfinite(value).all(), where
    elif hasattr(value, "get_params"):
        assert_finite(fitted_attributes(value), where)


def fitted_attributes(estimator):
    """The public attributes that end in an underscore, by name."""
    return {name: value for name, value in vars(estimator).items() if name.endswith("_") and name[0] != "_"}


def methods_of_rows(estimator):
    """The public methods that take X alone and do not fit."""
    for name in sorted({*methods_of_X(estimator)} - {"inverse_transform"}):
        method = getattr(estimator, name)
        parameters = inspect.signature(method).parameters.values()
        if len([each for each in parameters if each.default is each.empty and each.kind < each.VAR_POSITIONAL]) == 1:
            yield name, method


def check_methods(estimator, X, n):
    """Every method gives finite numbers, one row a row, or says why not."""
    before = copy.deepcopy(fitted_attributes(estimator))
    for name, method in methods_of_rows(estimator):
        result, error = attempt(method, X)
        if error is None:
            assert_finite(np.exp(result) if name == "predict_log_proba" else result, name)
            if hasattr(result, "shape") and name not in ("get_feature_names_out",):
                assert result.shape[:1] in ((n,), ()), name
            if name == "predict_proba":
                assert_allclose(result.sum(axis=1), 1.0, rtol=1e-5)
                assert (result >= 0.0).all()
            if name == "predict" and is_classifier(estimator):
                assert set(result) <= set(estimator.classes_)
            if name == "predict" and is_outlier_detector(estimator):
                assert set(result) <= {-1, 1}
    after = fitted_attributes(estimator)  # a whitener finds its axes when they are asked for
    assert_equal_deeply({name: after[name] for name in before}, before)


# -- against the papers in plain Python


def plain(X, n=4):
    """The first rows as float64 lists, each value as the estimator takes it."""
    X = X.tocsr()[:n].toarray() if sparse.issparse(X) else np.asarray(X)[:n]
    return X.astype(np.float64).tolist()


def plain_model(autoencoder):
    """Units, their threshold, visible units, W, b, c and V, as `reference` takes them."""
    activation = activation_of(autoencoder)
    W, c = autoencoder.components_.astype(np.float64).tolist(), autoencoder.intercept_visible_.tolist()
    b = None if activation.derived_bias else (hidden_bias_of(autoencoder) * np.ones(len(W))).tolist()
    tied = autoencoder.decoder_components_ is autoencoder.components_
    V = W if tied else autoencoder.decoder_components_.tolist()
    return activation.name, getattr(activation, "threshold", None), autoencoder.visible, W, b, c, V


def rounding_of_energy(autoencoder, x):
    """How far an energy may be off: the rounding of the terms that it sums, in the dtype of the weights."""
    size = largest_terms(autoencoder, np.array([x]))["score_samples"]
    return 100.0 * float(np.finfo(autoencoder.components_.dtype).eps) * (1.0 + size)


def at_a_jump(autoencoder, x):
    """Whether rounding decides the code: a unit at the threshold where it jumps, or two that are largest."""
    units, threshold, _, W, b, c, _ = plain_model(autoencoder)
    u = np.sort(reference.pre_activations(units, W, b, c, x))
    terms = np.abs(W) @ np.abs(x) + np.abs(0.0 if b is None else b) + np.square(W).sum(axis=1)
    rounding = 100.0 * np.finfo(autoencoder.components_.dtype).eps * terms.max()
    if units == "max":
        return bool((np.diff(u[-2:]) <= rounding).any())
    limit = {"trec": lambda: threshold, "tlin": lambda: np.sqrt(threshold)}.get(units)
    return limit is not None and bool((np.abs(np.abs(u) - limit()) <= rounding).any())


def check_energies(autoencoder, X):
    """`score_samples` is the formula on what was learned."""
    found, error = attempt(autoencoder.score_samples, X)
    tied = autoencoder.decoder_components_ is autoencoder.components_
    for x, energy in zip(plain(X), [] if error else found, strict=False):
        if not tied and at_a_jump(autoencoder, x):
            continue  # the potential of tied weights is continuous, the reconstruction is not
        expected = reference.energy(*plain_model(autoencoder), x)
        assert_allclose(energy, expected, rtol=1e-5, atol=rounding_of_energy(autoencoder, x))


def check_probabilities(classifier, X):
    """The probabilities are the shares of the classes' energies, with their constants, over the temperature."""
    if classifier.method == "energies" or classifier.loss == "hinge":
        return  # it has no probabilities, or none of ENERGY
    found, error = attempt(classifier.predict_proba, X)
    for x, shares in zip(plain(X), [] if error else found, strict=False):
        energies = [reference.energy(*plain_model(each), x) for each in classifier.estimators_]
        off = max(rounding_of_energy(each, x) for each in classifier.estimators_) / classifier.temperature_
        constants = classifier.class_log_constants_.tolist()
        expected = reference.probabilities(energies, constants, classifier.temperature_)
        assert_allclose(shares, expected, rtol=1e-5, atol=1e-6 + off)


def check_layers(network, X):
    """The last layer is a linear one over the codes."""
    codes, error = attempt(network.transform, X)
    function = network.decision_function if is_classifier(network) else network.predict
    found, other = attempt(function, X)
    if error is None and other is None:
        H, W = np.asarray(codes, dtype=np.float64), network.coef_.astype(np.float64)
        expected, size = H @ W.T + network.intercept_, np.abs(H) @ np.abs(W).T + np.abs(network.intercept_)
        if is_classifier(network) and found.ndim == 1 and len(W) == 2:
            expected = expected[:, 1] - expected[:, 0]
        rounding = 100.0 * np.finfo(codes.dtype).eps * size.max()
        assert_allclose(found, expected.reshape(found.shape), rtol=0.0, atol=rounding)


def check_whitening(whitener, X):
    """Axes are orthonormal, rows are products with them over the deviations, and no variance is made up."""
    V, mean, variance = (
        each.astype(np.float64) for each in (whitener.components_, whitener.mean_, whitener.explained_variance_)
    )
    eps = np.finfo(whitener.components_.dtype).eps
    # Products square the condition; where that is too much, the rows themselves are factored.
    rounding = 100.0 * eps * len(V) * variance.max() / (variance.min() or 1.0)
    assert_allclose(V @ V.T, np.eye(len(V)), rtol=0.0, atol=100.0 * eps * len(V) + min(rounding, 1e-6))
    assert (variance >= 0.0).all()
    assert variance.sum() <= 2.001 * whitener.var_.sum()  # over n - 1, not n
    found, error = attempt(whitener.transform, X)
    if error is None and whitener.whiten == "pca" and variance.min() > 1e-5 * variance.max():
        for x, z in zip(plain(X), found, strict=False):
            scale = 1.0 / np.sqrt(variance + whitener.eps)
            terms = scale * (np.abs(V) @ (np.abs(x) + np.abs(mean)))
            assert_allclose(z, scale * (V @ (np.array(x) - mean)), rtol=0.0, atol=1e3 * eps * terms.max())


CHECKS = {
    **dict.fromkeys(AUTOENCODERS, check_energies),
    ClassSpecificAEClassifier: check_probabilities,
    skae.FineTunedClassifier: check_layers,
    skae.FineTunedRegressor: check_layers,
    PCAWhitener: check_whitening,
}


@every_estimator
@given(data=st.data())
def test_any_rows_and_parameters(cls, data):
    """A fit ends in finite attributes and predictions, or in a sentence that leaves the estimator as it was."""
    estimator, X = data.draw(estimators(cls)), data.draw(rows())
    n, d = X.shape
    y, weight = data.draw(targets(cls, n)), data.draw(weights(n))
    weighted = weight is not None and "sample_weight" in inspect.signature(cls.fit).parameters
    options = {"sample_weight": weight} if weighted else {}
    before, held = copy.deepcopy(vars(estimator)), bits_of(X)
    _, error = attempt(estimator.fit, X, y, **options)
    assert_equal_deeply(bits_of(X), held)
    if error is not None:
        event(f"refused: {str(error)[:40]}")
        assert_equal_deeply(vars(estimator), before)
        return
    event("fitted")
    assert_finite(estimator, cls.__name__)
    check_methods(estimator, X, n)
    if cls in CHECKS:
        CHECKS[cls](estimator, X)
    check_methods(estimator, data.draw(rows(shape=(3, d), containers=("C", "csr"))), 3)
    if hasattr(estimator, "partial_fit"):
        before = copy.deepcopy(vars(estimator))
        _, error = attempt(estimator.partial_fit, X, y)
        if error is not None:
            assert_equal_deeply(vars(estimator), before)
        assert_finite(estimator, cls.__name__)
        check_methods(estimator, X, n)


# -- faults that drawn rows have shown


def test_score_of_a_float32_copy_that_overflows(rng):
    """Weights that float32 cannot hold end in a sentence, and no warning of numpy's comes first."""
    X = 1e8 * rng.random((20, 2))
    fitted, _ = attempt(skae.SparseAutoencoder(4, learning_rate_init=1e30, max_iter=3, random_state=0).fit, X)
    result, error = attempt(fitted.score, X.astype(np.float32))
    assert np.isfinite(result) if error is None else "float32" in str(error)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_values_outside_by_rounding_have_no_entropy(kind, rng):
    """What rounding has put below 0 or above 1 counts as 0 or 1: the energy is that of clipped rows."""
    X = rng.random((20, 30)).round()
    fitted = ContractiveAutoencoder(3, max_iter=2, visible="bernoulli", random_state=0).fit(X)
    off = X + 1e-8 * rng.standard_normal(X.shape)
    assert_allclose(fitted.score_samples(kind(off)), fitted.score_samples(X), rtol=0.0, atol=1e-5)


def test_decisions_of_a_tiny_temperature_are_finite(rng):
    """Log-probabilities that a dtype cannot hold are its largest numbers; no curve of scikit-learn takes infinity."""
    X, y = rng.standard_normal((30, 4)).astype(np.float32), np.arange(30) % 3
    classifier = ClassSpecificAEClassifier(small_autoencoder(), temperature=1e-40, max_iter=2, random_state=0)
    decisions = classifier.fit(X, y).decision_function(X)
    assert decisions.dtype == np.float32
    assert np.isfinite(decisions).all()
    logs, error = attempt(classifier.predict_log_proba, X)
    assert error is None
    assert_allclose(np.exp(logs).sum(axis=1), 1.0)
    assert_array_equal(classifier.classes_[decisions.argmax(axis=1)], classifier.predict(X))


def energies_classifier():
    return ClassSpecificAEClassifier(small_autoencoder(), method="energies", random_state=0)


def test_energies_too_large_to_standardise(rng):
    """method="energies" names the energies that have no variance in float64, and keeps what it was."""
    classifier = energies_classifier()
    before = copy.deepcopy(vars(classifier))
    _, error = attempt(classifier.fit, 1e80 * rng.random((30, 4)), np.arange(30) % 2)
    assert "energies reach" in str(error)
    assert_equal_deeply(vars(classifier), before)


def test_equal_energies_with_weights():
    """Rows that are all the same have energies without variance, whatever weights round them."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = np.tile(1e6 * rng.random(4), (60, 1))
        fitted, error = attempt(energies_classifier().fit, X, np.arange(60) % 2, sample_weight=rng.random(60))
        assert error is None
        assert_allclose(fitted.predict_proba(X), 0.5, atol=0.2)


def test_networks_on_saturated_codes(rng):
    """Codes that hardly vary would have output weights whose squares overflow: they say nothing."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = np.exp(4.0 * rng.standard_normal((12, 12))).astype(np.float32)
        X[0, 0] *= 100.0
        encoder = ContractiveAutoencoder(3, max_iter=2, random_state=0)
        network = skae.FineTunedRegressor(encoder, learning_rate_init=0.9, max_iter=3, max_norm=1e-8, random_state=0)
        _, error = attempt(network.fit, X, rng.standard_normal((12, 2)), sample_weight=(rng.random(12) < 0.6) + 0.0)
        assert error is None
        assert_finite(network, "network")
