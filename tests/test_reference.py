"""skae against the papers in plain Python (`reference.py`): values, gradients, energies, probabilities."""

import numpy as np
import pytest
import reference
from autoencoders import CASES, SMALL, hidden_bias_of
from helpers import ALL_ACTIVATIONS, all_combinations, examples, make_layout, make_problem, name_of, numerical_gradient
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, ContrastNormalizer
from skae.activations import ACTIVATIONS, as_activation
from skae.model import Model
from skae.objectives import Reconstruction
from skae.penalties import PENALTIES, Sparse

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALPHA, RHO = 0.3, 0.1


def threshold_of(activation):
    """The threshold of an activation that has one."""
    return getattr(activation, "threshold", None)


def lists(*arrays):
    """Arrays as lists of float; None stays None."""
    return [None if each is None else np.asarray(each, dtype=np.float64).tolist() for each in arrays]


def test_registered_is_referenced():
    """A unit or a penalty without a reference is not tested here."""
    assert {*reference.UNITS, "max", "softmax"} == set(ACTIVATIONS)
    assert {*reference.OF_A_ROW, "sparse", "l2"} == set(PENALTIES)


def problem(activation, visible, tied, name, weighted):
    """Return layout, theta, X and weights; the mean codes are within (0, 1) where the penalty compares them."""
    layout = make_layout(tied=tied, hidden_bias=not activation.derived_bias)
    for seed in range(1000):
        theta, X, weight = make_problem(layout, activation, visible, weighted=weighted, seed=seed)
        blocks = layout.views(theta)
        H = activation.value(X @ blocks["W"].T + blocks.get("b", 0.0))
        mean = np.average(H, axis=0, weights=weight)
        if name != "sparse" or (mean.min() > 0.01 and mean.max() < 0.99):
            return layout, theta, X, weight
    raise AssertionError(f"no mean codes of {activation} within (0, 1)")


COMBINATIONS = [
    (name, *combination)
    for name, penalties in {"": [], **{name: [cls(ALPHA)] for name, cls in PENALTIES.items()}}.items()
    for combination in all_combinations(penalties)
    # K-means is tied, and the mean code of a few rows may be 0 (there the divergence goes on as its tangent).
    if not combination[0].derived_bias or (combination[2] and name != "sparse")
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("name", "activation", "visible", "tied"),
    COMBINATIONS,
    ids=lambda each: name_of(each) if not isinstance(each, str | bool) else str(each),
)
def test_objective_and_gradient(name, activation, visible, tied):
    """The mean cost of the rows with each penalty, and its gradient by differences of the reference."""
    weighted = bool(len(name) % 2) == tied  # each penalty with and without
    layout, theta, X, weight = problem(activation, visible, tied, name, weighted)
    penalties = [PENALTIES[name](ALPHA)] if name not in ("", "sparse") else [Sparse(ALPHA, RHO)] * bool(name)
    objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
    rows, shares = lists(X, np.ones(len(X)) if weight is None else weight)
    strengths = {name: ALPHA} if name else {}

    def expected(theta):
        blocks = layout.views(theta)
        W, b, c, V = lists(blocks["W"], blocks.get("b"), blocks["c"], blocks.get("V"))
        units = activation.name, threshold_of(activation)
        return reference.objective(*units, visible, W, b, c, W if tied else V, rows, shares, strengths, RHO)

    value, gradient = objective.value_and_grad(theta, X, sample_weight=weight)
    assert_allclose(value, expected(theta), rtol=1e-6 if name == "saturation" else 1e-12)  # eq. 3 is a table
    rounding = 1e-9 * (1.0 + abs(value)) / 1e-5
    assert_allclose(gradient, numerical_gradient(expected, theta, step=1e-5), rtol=1e-6, atol=10.0 * rounding)


@examples(50)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5)),
    scale=st.sampled_from([1e-3, 0.1, 1.0, 3.0]),
    activation=st.sampled_from(ALL_ACTIVATIONS),
    visible=st.sampled_from(["gaussian", "bernoulli"]),
    tied=st.booleans(),
)
def test_predictions_of_a_model(seed, shape, scale, activation, visible, tied):
    """Codes, reconstructions, energies and errors of any model, and the divergence of its field."""
    (n, d, k), rng = shape, np.random.default_rng(seed)
    tied = tied or activation.derived_bias
    X = rng.random((n, d)) if visible == "bernoulli" else scale * rng.standard_normal((n, d))
    W, c = rng.standard_normal((k, d)), rng.standard_normal(d)
    V = None if tied else rng.standard_normal((k, d))
    derived = activation.derived_bias
    b = -0.5 * (W**2).sum(axis=1) - W @ c if derived else rng.standard_normal(k)
    model = Model(W, b, c, activation, visible, V)
    W, b, c, V = lists(W, b, c, V)
    V, units = W if tied else V, (activation.name, threshold_of(activation))
    for i, x in enumerate(X.tolist()):
        u = reference.pre_activations(activation.name, W, b, c, x)
        h = reference.code(*units, u)
        r = reference.reconstruction(visible, V, c, h)
        terms = 1.0 + sum(map(abs, u)) ** 3 + sum(each**2 for each in (*x, *c, *r))
        assert_allclose(model.code(X)[i], h, rtol=1e-12, atol=1e-12 * terms)
        assert_allclose(model.reconstruct(X)[i], r, rtol=1e-12, atol=1e-12 * terms)
        found = reference.energy(*units, visible, W, b, c, V, x)
        assert_allclose(model.energy(X)[i], found, rtol=1e-11, atol=1e-11 * terms)
        error = sum((p - q) ** 2 for p, q in zip(x, r, strict=True))
        assert_allclose(model.reconstruction_error(X)[i], error, rtol=1e-11, atol=1e-12 * terms)
        if hasattr(activation, "derivative") and visible == "gaussian":
            expected = reference.laplacian(1.0, *units, W, V, u) - d
            assert_allclose(model.laplacian(X)[i], expected, rtol=1e-11, atol=1e-11 * terms)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_energies_of_fitted_autoencoders(case, rng):
    """`score_samples` of every autoencoder is the formula, with the arrays that it has learned."""
    X = case.data(rng)
    fitted = case.make().fit(X)
    activation = as_activation(fitted.activation, getattr(fitted, "threshold_", fitted.threshold))
    b = None if activation.derived_bias else hidden_bias_of(fitted) * np.ones(len(fitted.components_))
    W, b, c, V = lists(fitted.components_, b, fitted.intercept_visible_, fitted.decoder_components_)
    V = W if fitted.decoder_components_ is fitted.components_ else V
    units = activation.name, threshold_of(activation)
    expected = [reference.energy(*units, fitted.visible, W, b, c, V, x) for x in X.tolist()]
    assert_allclose(fitted.score_samples(X), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("method", ["normalize", "finetune"])
def test_probabilities_of_classes(method):
    """The energies of the classes with their constants, over the temperature, give the probabilities (ENERGY 4)."""
    X, y = load_digits(n_class=3, return_X_y=True)
    X = X[:150, ::4] / 16.0
    y = y[:150]
    autoencoder = ContractiveAutoencoder(**{**SMALL, "threshold": 1.0})
    classifier = ClassSpecificAEClassifier(autoencoder, method=method, max_iter=3, random_state=0).fit(X, y)
    for x, found in zip(X[:20].tolist(), classifier.predict_proba(X[:20]), strict=True):
        energies = []
        for each in classifier.estimators_:
            W, b, c = lists(each.components_, each.intercept_hidden_, each.intercept_visible_)
            energies.append(reference.energy("sigmoid", None, "gaussian", W, b, c, W, x))
        constants = classifier.class_log_constants_.tolist()
        expected = reference.probabilities(energies, constants, classifier.temperature_)
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_contrast(rng):
    """Each row less its mean, over its standard deviation + eps."""
    X = rng.standard_normal((5, 7)) * 10.0 ** rng.integers(-3, 4, size=(5, 1))
    for x, found in zip(X.tolist(), ContrastNormalizer(0.1).fit_transform(X), strict=True):
        mean = sum(x) / len(x)
        deviation = (sum((each - mean) ** 2 for each in x) / len(x)) ** 0.5
        assert_allclose(found, [(each - mean) / (deviation + 0.1) for each in x], rtol=1e-10, atol=1e-12)
