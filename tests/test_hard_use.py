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
from skae.classifier._class_constants import log_constants
from skae.classifier._temperature import fit_temperature
from skae.corruption import CORRUPTIONS
from skae.outlier import BaggedMixtureAutoencoder, MixtureAutoencoder, MixtureEnsemble
from skae.penalties import PENALTIES
from skae.training import check_overflow

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
    ends = ["at the lower end", "at the upper end"]
    kind = draw(st.sampled_from([None, None, "ones", "zeros", "spread", "wide", "tiny", "huge", *ends]))
    rng = np.random.default_rng(draw(st.integers(0, 100)))
    return {
        None: lambda: None,
        "ones": lambda: np.ones(n),
        "zeros": lambda: (rng.random(n) < 0.6).astype(float),
        "spread": lambda: np.exp(5.0 * rng.standard_normal(n)),
        "wide": lambda: 10.0 ** rng.uniform(-30.0, 30.0, n),
        "tiny": lambda: np.full(n, 1e-30),
        "huge": lambda: 1e30 * rng.random(n),
        "at the lower end": lambda: 1e-300 * rng.random(n),
        "at the upper end": lambda: 1e300 * rng.random(n),
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
    kind = draw(st.sampled_from(["integers", "strings", "objects", "booleans", "floats", "negative", "list", "mixed"]))
    names = np.array(["a", "bb", "", "d", "e"])
    return {
        "integers": lambda: codes,
        "strings": lambda: names[codes],
        "objects": lambda: names.astype(object)[codes],
        "booleans": lambda: codes > 0,
        "floats": lambda: codes.astype(np.float32),
        "negative": lambda: (10 * codes - 7).astype(np.int8),
        "list": lambda: codes.tolist(),
        "mixed": lambda: np.array(["a", 1, 2.5, "d", None], dtype=object)[codes],
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


def weighted_estimators():
    """One estimator of each kind that takes weights, and the labels that it takes beside 12 rows."""
    labels = np.arange(12) % 2
    normalize = {"method": "normalize", "temperature": 1.0, "random_state": 0}
    return [
        (small_autoencoder(), ()),
        (PCAWhitener(), ()),
        (PCAWhitener(2), ()),
        (energies_classifier(), (labels,)),
        (ClassSpecificAEClassifier(small_autoencoder(), **normalize), (labels,)),
        (ClassSpecificAEClassifier(skae.DenoisingAutoencoder(3, max_iter=2), n_factors=2, **normalize), (labels,)),
        (skae.FineTunedClassifier(small_autoencoder(), max_iter=2, random_state=0), (labels,)),
        (skae.FineTunedRegressor(small_autoencoder(), max_iter=2, random_state=0), (labels + 0.5,)),
    ]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("power", [-990, 990])
@pytest.mark.parametrize("number", range(len(weighted_estimators())))
def test_the_unit_of_weights_may_be_huge_or_tiny(number, power, kind, rng):
    """Weights times a power of two give the same predictions, bit by bit, or words: no product with a value overflows.

    The values are large where the weights are, and small where they are small.
    """
    X = rng.standard_normal((12, 3)) * (1e12 if power > 0 else 1e-12)
    X[:, 1] *= rng.random(12) < 0.3
    weight = rng.random(12) + 0.1
    (estimator, y), (other, _) = weighted_estimators()[number], weighted_estimators()[number]
    fitted, error = attempt(estimator.fit, kind(X), *y, sample_weight=weight)
    assert error is None
    scaled, error = attempt(other.fit, kind(X), *y, sample_weight=np.ldexp(weight, power))
    if error is not None:
        assert isinstance(estimator, PCAWhitener), error
        assert "leave the range of float64" in str(error)
        return
    assert_finite(scaled, "scaled")
    method = next(each for each in ("predict_proba", "predict", "transform") if hasattr(fitted, each))
    assert_array_equal(getattr(scaled, method)(X), getattr(fitted, method)(X))
    assert scaled.n_features_in_ == 3


def test_scores_with_huge_weights(rng):
    """Scores do not depend on the unit of the weights either."""
    X, y, weight = rng.standard_normal((12, 3)), rng.standard_normal((12, 2)), rng.random(12)
    for estimator in (PCAWhitener(), skae.FineTunedRegressor(small_autoencoder(), max_iter=2, random_state=0)):
        fitted = estimator.fit(X, y)
        for target in (y, 1e20 * y):
            found = fitted.score(X, target, sample_weight=weight)
            for power in (-900, 990):
                scaled, error = attempt(fitted.score, X, target, sample_weight=np.ldexp(weight, power))
                assert error is None
                assert scaled == found
        for bad in (-weight, np.zeros(12), weight[1:]):
            assert "weight" in str(attempt(fitted.score, X, y, sample_weight=bad)[1])


def test_weights_of_held_out_rows(rng):
    """Weights of rows that are held out may exceed the others by more than float32 holds."""
    X = rng.standard_normal((40, 3)).astype(np.float32)
    weight = 10.0 ** rng.uniform(-30, 30, 40)
    for seed in range(5):
        estimator = ContractiveAutoencoder(3, max_iter=2, early_stopping=True, random_state=seed)
        fitted, error = attempt(estimator.fit, X, sample_weight=weight)
        assert error is None
        assert_finite(fitted, "autoencoder")


def test_weights_of_many_calls_that_overflow(rng):
    """The sum of the weights of all calls must be a number; the call that leaves the range changes nothing."""
    X, weight = rng.standard_normal((12, 3)), np.full(12, 1e306)
    for estimator in (small_autoencoder(), PCAWhitener()):
        for _ in range(20):
            before = copy.deepcopy(vars(estimator))
            _, error = attempt(estimator.partial_fit, X, sample_weight=weight)
            if error is not None:
                break
        assert "sample_weight over all calls" in str(error) or "leave the range" in str(error)
        assert_equal_deeply(vars(estimator), before)


@pytest.mark.parametrize("class_weight", [{0: 1e308}, {0: 1e200, 1: 1e200}])
def test_class_weights_that_overflow(class_weight, rng):
    """Weights of classes times weights of rows must have a finite sum."""
    X, y, weight = rng.standard_normal((12, 3)), np.arange(12) % 2, np.full(12, 1e200)
    for estimator in (energies_classifier(), skae.FineTunedClassifier(small_autoencoder(), max_iter=2)):
        estimator.set_params(class_weight=class_weight)
        _, error = attempt(estimator.fit, X, y, sample_weight=weight)
        assert "class_weight must be finite" in str(error)


def test_a_first_call_without_weight(rng):
    """Where `class_weight` leaves no row of the first call a weight, there is no loss: the call is refused."""
    X, y = rng.standard_normal((12, 3)), np.arange(12) % 2
    for make in (small_classifier, lambda: skae.FineTunedClassifier(small_autoencoder(), max_iter=2)):
        classifier = make().set_params(class_weight={0: 0.0})
        _, error = attempt(classifier.partial_fit, X[y == 0], y[y == 0], classes=[0, 1])
        assert "class_weight must be positive" in str(error)
        assert attempt(classifier.partial_fit, X, y, classes=[0, 1])[1] is None
        assert np.isfinite(classifier.loss_)


@pytest.mark.parametrize("cls", [MixtureAutoencoder, BaggedMixtureAutoencoder])
def test_mixtures_alone(cls, rng):
    """The autoencoders of a `MixtureEnsemble` check their own parameters and rows too."""
    X = rng.standard_normal((12, 3))
    for name in ("n_components", "max_iter" if cls is MixtureAutoencoder else "n_mixtures"):
        for value in (-1, 2.5, "many", None):
            assert f"'{name}' parameter" in str(attempt(cls().set_params(**{name: value}).fit, X)[1])
    for factor in (1e-200, 1e-30, 1e30, 1e150, 1e160):
        fitted, error = attempt(cls(random_state=0).fit, factor * X)
        if error is None:
            assert_finite(fitted, "mixture")
            assert np.isfinite(fitted.score_samples(factor * X)).all()
        else:
            assert "whose squares float64 cannot hold" in str(error)


def test_centers_of_a_mixture(rng):
    """Centres of another width, and centres that are no numbers, are refused in words."""
    X = rng.standard_normal((12, 3))
    assert "centers must have 3 columns" in str(attempt(MixtureAutoencoder(centers=X[:2, :2]).fit, X)[1])
    assert "centers contains NaN" in str(attempt(MixtureAutoencoder(centers=np.nan * X[:2]).fit, X)[1])
    assert attempt(MixtureAutoencoder(centers=X[:2]).fit, X)[1] is None


def test_temperatures_out_of_range(rng):
    """A temperature whose square float64 cannot hold is refused, as are energies that overflow over it."""
    X, y = rng.standard_normal((12, 3)), np.arange(12) % 2
    for temperature in (1e-300, 1e300):
        classifier = ClassSpecificAEClassifier(small_autoencoder(), temperature=temperature)
        assert "temperature" in str(attempt(classifier.fit, X, y)[1])
    classifier = ClassSpecificAEClassifier(
        ContractiveAutoencoder(3, max_iter=1, learning_rate_init=1e-300), temperature=1e-100, random_state=0
    )
    assert "too large for temperature=1e-100" in str(attempt(classifier.fit, 1e110 * X, y)[1])


def test_constants_that_float32_cannot_hold(rng):
    """After a fit to float64 rows, scores of float32 rows that overflow are refused in words."""
    X, y = rng.standard_normal((12, 3)), np.arange(12) % 3
    parameters = {"method": "normalize", "temperature": 1e60, "random_state": 0}
    classifier = ClassSpecificAEClassifier(small_autoencoder(), **parameters).fit(X, y, sample_weight=1.0 + y)
    assert np.isfinite(classifier.score_samples(X)).all()
    assert "overflows float32" in str(attempt(classifier.score_samples, X.astype(np.float32))[1])


def test_decisions_of_float32_rows_beside_a_far_threshold(rng):
    """The detector's decisions are finite where the threshold is beyond the range of float32."""
    X = 10.0 ** rng.uniform(-30, 30, 3) * rng.standard_normal((20, 3))
    detector = skae.EnergyOutlierDetector().fit(X)
    detector.offset_ = -1e60
    decisions, error = attempt(detector.decision_function, rng.standard_normal((5, 3)).astype(np.float32))
    assert error is None
    assert np.isfinite(decisions).all()
    assert decisions.dtype == np.float32


def test_p_values_without_scores_of_unseen_rows(rng):
    """After a fit with novelty=False, `set_params` does not make p-values: the error says what does."""
    X = rng.standard_normal((20, 3))
    detector = skae.EnergyOutlierDetector().fit(X).set_params(novelty=True)
    assert "call calibrate" in str(attempt(detector.p_values, X)[1])


@pytest.mark.parametrize("kind", [sparse.coo_array, sparse.dia_array, sparse.bsr_array, sparse.coo_matrix])
def test_folds_of_sparse_rows_without_an_index(kind, rng):
    """Formats of scipy that cannot be indexed are cut into folds too."""
    X = rng.standard_normal((20, 3)) * (rng.random((20, 3)) < 0.5)
    detector = skae.EnergyOutlierDetector(small_autoencoder(), novelty=True, random_state=0)
    given, error = attempt(copy.deepcopy(detector).fit, kind(X))
    assert error is None
    assert_allclose(given.offset_, detector.fit(sparse.csr_array(X)).offset_, rtol=1e-9)


@pytest.mark.parametrize("labels", [[0, "a"], [None, "a"], [1.5, "a", None]])
def test_labels_of_several_kinds(labels, rng):
    """Labels without an order are refused in words, by every method that takes labels."""
    X, y = rng.standard_normal((12, 3)), np.array(labels * 12, dtype=object)[:12]
    for make in (energies_classifier, lambda: skae.FineTunedClassifier(small_autoencoder(), max_iter=2)):
        assert "several kinds" in str(attempt(make().fit, X, y)[1])
    for make in (small_classifier, lambda: skae.FineTunedClassifier(small_autoencoder(), max_iter=2)):
        classifier = make()
        _, error = attempt(classifier.partial_fit, X, y, classes=["a", "b"])
        assert "several kinds" in str(error)
        assert not vars(classifier).keys() & {"classes_", "n_features_in_"}
        _, error = attempt(classifier.partial_fit, X, np.arange(12) % 2, classes=[0.0, np.nan])
        assert "classes must name" in str(error)


def small_classifier():
    return ClassSpecificAEClassifier(small_autoencoder(), max_iter=2, random_state=0)


def test_validation_losses_are_finite(rng):
    """A loss on held-out rows that is not finite is divergence, also if no epoch of training follows."""
    options = {"solver": "sgd", "learning_rate": "constant", "learning_rate_init": 10.0, "early_stopping": True}
    for seed in range(20):
        X = 1e9 * np.random.default_rng(seed).standard_normal((5, 2))
        encoder = skae.ZeroBiasAutoencoder(12, encoding="linear", max_iter=8, random_state=seed)
        network = skae.FineTunedRegressor(encoder, max_iter=3, random_state=0, **options)
        _, error = attempt(network.fit, X, X[:, 0] / 1e9)
        if error is None:
            assert_finite(network, "network")
        else:
            assert "diverged" in str(error)


def test_a_step_of_partial_fit_that_would_end_all_training(rng):
    """Where the squares of the gradients overflow float32, adam would not move again: the call is refused."""
    X = rng.standard_normal((20, 3)).astype(np.float32)
    autoencoder = skae.SparseAutoencoder(4, alpha=1e30, random_state=0)
    _, error = attempt(autoencoder.partial_fit, X)
    assert "overflow float32" in str(error)
    assert not hasattr(autoencoder, "components_")


@pytest.mark.parametrize("whiten", ["pca", "zca", None])
def test_whitened_rows_that_overflow(whiten, rng):
    """Rows far beyond the training data are refused where the result overflows, by every method of the whitener."""
    whitener = PCAWhitener(whiten=whiten).fit(1e-12 * rng.standard_normal((40, 3)))
    far = np.full((2, 3), 1e300)
    for method in ("transform", "score_samples", "score"):
        for kind in (np.asarray, sparse.csr_array):
            assert "the result overflows" in str(attempt(getattr(whitener, method), kind(far))[1])
    whitener = PCAWhitener(whiten=whiten).fit(1e12 * rng.standard_normal((40, 3)))
    assert "the result overflows" in str(attempt(whitener.inverse_transform, far)[1])


def test_tlin_of_small_float32_values(rng):
    """The units of float32 rows of size 1e-23, whose squares underflow, are as active as those of rows of size 1."""
    X = rng.standard_normal((20, 3)).astype(np.float32)
    parameters = {"activation": "tlin", "encoding": "natural", "threshold": 0.1, "max_iter": 2, "random_state": 0}
    codes = skae.ZeroBiasAutoencoder(4, **parameters).fit(X).transform(X)
    small = np.ldexp(X, -76)
    assert_array_equal(skae.ZeroBiasAutoencoder(4, **parameters).fit(small).transform(small), np.ldexp(codes, -76))
    assert codes.any()


def test_a_raising_error_state(rng):
    """Numbers that underflow are no error, also where numpy is told to raise errors: fits, energies and whitening."""
    X, y = np.exp(8.0 * rng.standard_normal((30, 3))).astype(np.float32), np.arange(30) % 3
    estimators = [*(make() for make in (small_classifier, MixtureEnsemble, skae.EnergyOutlierDetector, PCAWhitener))]
    estimators += [skae.ContrastNormalizer(eps=1e300), skae.FineTunedClassifier(small_autoencoder(), max_iter=2)]
    with np.errstate(all="raise"):
        for estimator in estimators:
            _, error = attempt(estimator.fit, X, y)
            assert error is None
            for name in ("score_samples", "transform", "decision_function"):
                if hasattr(estimator, name):
                    assert attempt(getattr(estimator, name), X)[1] is None
        _, error = attempt(PCAWhitener().fit, np.array([[np.inf, -np.inf], [1.0, 2.0]]))
        assert "infinity" in str(error)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_infinities_of_both_signs(dtype, rng):
    """The difference of two infinities, in rows or in results, is an error in words, and no warning of numpy's."""
    X = rng.standard_normal((12, 3)).astype(dtype)
    odd = X.copy()
    odd[0, 0], odd[1, 0] = np.inf, -np.inf
    for make in (small_autoencoder, PCAWhitener, MixtureEnsemble):
        assert "infinity" in str(attempt(make().fit, odd)[1])
        assert "infinity" in str(attempt(make().fit(X).score_samples, odd)[1])
    assert "infinity" in str(attempt(small_autoencoder().fit, X, sample_weight=odd[:, 0])[1])
    with pytest.raises(ValueError, match="the result overflows"):
        check_overflow(odd.astype(np.float64), X)


def test_calibration_of_equal_rows_at_a_low_temperature():
    """Constants are as exact as the rounding of the energies lets them be; no steps follow after that."""
    E, labels = np.tile([3.0, 1.0, 2.0], (9, 1)), np.arange(9) % 3
    for temperature in (1e-8, 1e-10, 1e-20):
        constants, n_iter, _ = log_constants(E, labels, temperature=temperature)
        assert n_iter < 200
        assert_allclose(constants, [-1.0, 1.0, 0.0], atol=1e-6)


def test_temperature_of_equal_scores():
    """Scores of a row that are all the same say nothing, though their mean rounds to another number."""
    for seed in range(50):
        scores = np.repeat(np.random.default_rng(seed).standard_normal((20, 1)) * 1e8, 3, axis=1)
        assert fit_temperature(scores, np.arange(20) % 3) == 1.0


def test_output_weights_whose_squares_overflow_have_their_limit():
    """Targets of 1e18 in float32: `max_norm` shortens the start of the output layer, and nothing warns."""
    X, y = np.array([[0.0, 0.0], [0.0, 1e-4]], dtype=np.float32), np.array([[-1e18, 1e18], [1e18, 1e18]])
    network = skae.FineTunedRegressor(small_autoencoder(), max_norm=0.9, max_iter=3, random_state=0)
    _, error = attempt(network.fit, X, y)
    assert error is None or "diverge" in str(error)
