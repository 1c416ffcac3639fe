"""Denoising and marginalized denoising: the expansions, their identities, the paper's predictions, the estimators."""

import copy
import dataclasses
import functools
import itertools
import pickle
import warnings

import numpy as np
import pytest
from autoencoders import assert_same_fit, unchanged
from helpers import (
    ALL_ACTIVATIONS,
    check_gradient,
    is_elementwise,
    make_layout,
    make_problem,
    name_of,
    numerical_gradient,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import skae.training._sparse_route
from skae import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SparseAutoencoder,
)
from skae._sklearn_compat import InvalidParameterError
from skae.activations import Identity, ReLU, Sigmoid, Softplus, Square, Synchrony, Tanh, TRec, as_activation
from skae.corruption import Corruption, Gaussian, Masking, SaltAndPepper
from skae.metrics import activation_fraction
from skae.objectives import FirstOrder, Reconstruction, SecondOrder
from skae.parameters import UnitNorm
from skae.penalties import L2, Contractive, Marginalized, Sparse, as_penalty, check_compatible

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ELEMENTWISE = [activation for activation in ALL_ACTIVATIONS if is_elementwise(activation)]
SMOOTH = [activation for activation in ELEMENTWISE if not activation.kinks]
#: h'' = 0 away from the kinks.
PIECEWISE_LINEAR = [activation for activation in ELEMENTWISE if activation.kinks or activation.name == "identity"]
VARIANCES = (0.5, 0.0, 2.0, 1.0)

every_elementwise = pytest.mark.parametrize("activation", ELEMENTWISE, ids=name_of)
tying = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
weighting = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=name_of)


def test_the_lists_cover_what_they_should():
    """Smooth and piecewise linear activations are all that are elementwise."""
    assert {each.name for each in SMOOTH} == {"identity", "sigmoid", "tanh", "softplus", "square", "synchrony"}
    assert {*SMOOTH, *PIECEWISE_LINEAR} == set(ELEMENTWISE)


# The Taylor expansions


def make_expansion(name, layout, activation, **parameters):
    """An expansion by name; the second-order one for a variance of 0.4."""
    if name == "first_order":
        return FirstOrder(layout, activation, **parameters)
    return SecondOrder(layout, activation, noise_variance=0.4, **parameters)


def make_noisy_problem(layout, activation, weighted=False, **parameters):
    """Return theta, a noisy input, clean rows whose pre-activations are away from kinks, and weights (or None)."""
    theta, X, weight = make_problem(layout, activation, weighted=weighted, **parameters)
    return theta, X + 0.5 * np.random.default_rng(1).standard_normal(X.shape), X, weight


every_expansion = pytest.mark.parametrize("name", ["first_order", "second_order"])


@pytest.mark.sampled(5)
@weighting
@tying
@pytest.mark.parametrize("penalties", [(), (Contractive(0.3), L2(0.2))], ids=name_of)
@every_expansion
@every_elementwise
def test_gradient_of_the_expansions(activation, name, penalties, tied, weighted):
    """The gradient agrees with central differences to 1e-6, with and without hidden bias, and `value` with it."""
    for hidden_bias in (True, False):
        layout = make_layout(tied=tied, hidden_bias=hidden_bias)
        objective = make_expansion(name, layout, activation, penalties=penalties)
        theta, noisy, clean, weight = make_noisy_problem(layout, activation, weighted)
        value, gradient = objective.value_and_grad(theta, noisy, clean, weight)
        assert isinstance(value, float)
        plain = make_expansion(name, layout, activation).value(theta, noisy, clean, weight)
        assert objective.value(theta, noisy, clean, weight) == pytest.approx(value, rel=1e-13)
        assert objective.losses_at(theta)(noisy, clean, weight) == pytest.approx((value, plain), rel=1e-13)
        expected = numerical_gradient(lambda theta: objective.value(theta, noisy, clean, weight), theta)  # noqa: B023
        assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.sampled(3)
@weighting
@tying
@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@every_elementwise
def test_gradient_of_the_sampled_loss(activation, visible, tied, weighted):
    """Input and target apart, the gradient agrees with central differences to 1e-6."""
    target = np.random.default_rng(1).random((5, 4))
    check_gradient(activation, (), visible, tied, weighted, target=target)


#: h, h' and h'' of smooth activations, written out.
FORMULAS = {
    "identity": (lambda u: u, np.ones_like, np.zeros_like),
    "sigmoid": (expit, lambda u: expit(u) * expit(-u), lambda u: expit(u) * expit(-u) * (1 - 2 * expit(u))),
    "tanh": (np.tanh, lambda u: np.cosh(u) ** -2.0, lambda u: -2 * np.tanh(u) * np.cosh(u) ** -2.0),
    "softplus": (lambda u: np.log1p(np.exp(u)), expit, lambda u: expit(u) * expit(-u)),
    "square": (np.square, lambda u: 2 * u, lambda u: np.full_like(u, 2.0)),
    "relu": (lambda u: u * (u > 0), lambda u: 1.0 * (u > 0), np.zeros_like),
}
written_out = pytest.mark.parametrize(
    "activation", [Identity(), Sigmoid(), Tanh(), Softplus(), Square(), ReLU()], ids=name_of
)


def parameters_of(layout, theta):
    """W, V (W when tied), b and c."""
    blocks = layout.views(theta)
    return blocks["W"], blocks.get("V", blocks["W"]), blocks["b"], blocks["c"]


def mean_over_rows(of_row, rows, weight):
    """Weighted mean of a function of each row, a row at a time."""
    return np.average([of_row(*row) for row in rows], weights=weight)


def bracket(activation, W, V, b, c, x):
    """The bracket of SPARSE eq. 7 at x, term by term; |w_j|^4 is |w_j|^2 |v_j|^2 when untied."""
    h, first, second = (f(W @ x + b) for f in FORMULAS[activation.name])
    residual = c + V.T @ h - x
    units, features = range(len(W)), range(len(x))
    total = sum(first[j] ** 2 * (W[j] @ W[j]) * (V[j] @ V[j]) for j in units)
    total += sum(first[j] * first[k] * (W[j] @ W[k]) * (V[j] @ V[k]) for j in units for k in units if j != k)
    return total + sum(residual @ (V.T @ (second * W[:, i] * W[:, i])) for i in features)


@weighting
@tying
@written_out
def test_second_order_is_equation_7(activation, tied, weighted):
    """The plain loss and half the variance times the bracket of SPARSE eq. 7: their lambda without the 1/2."""
    layout = make_layout(tied=tied)
    theta, X, weight = make_problem(layout, activation, weighted=weighted)
    parameters = parameters_of(layout, theta)
    expected = mean_over_rows(lambda x: bracket(activation, *parameters, x), zip(X, strict=True), weight)
    plain = Reconstruction(layout, activation).value(theta, X, None, weight)
    for variance in (0.0, 0.3, 2.0):
        value = SecondOrder(layout, activation, noise_variance=variance).value(theta, X, None, weight)
        assert value == pytest.approx(plain + 0.5 * variance * expected, rel=1e-11)


@weighting
@tying
@written_out
def test_first_order_is_the_slope_of_the_loss_along_the_noise(activation, tied, weighted):
    """The plain loss and (x~ - x).J^T (r - x), J the Jacobian of r by central differences (SPARSE 3.1.1)."""
    layout = make_layout(tied=tied)
    theta, noisy, clean, weight = make_noisy_problem(layout, activation, weighted)
    W, V, b, c = parameters_of(layout, theta)
    h = FORMULAS[activation.name][0]

    def slope(x, noise):
        def loss(y):
            return 0.5 * float(((x - c - V.T @ h(W @ y + b)) ** 2).sum())

        return noise @ numerical_gradient(loss, x)

    expected = mean_over_rows(slope, zip(clean, noisy - clean, strict=True), weight)
    plain = Reconstruction(layout, activation).value(theta, clean, None, weight)
    value = FirstOrder(layout, activation).value(theta, noisy, clean, weight)
    assert value == pytest.approx(plain + expected, rel=1e-7, abs=1e-7)


def normal_noise(level, shape, seed=0):
    """Gaussian noise as the corruption of that name adds it."""
    return Gaussian(level).apply(np.zeros(shape), np.random.default_rng(seed), np.empty(shape))


def excess(layout, activation, theta, X, noise):
    """Sampled denoising loss minus the plain loss, averaged over noise (m, n, d) and its mirror image."""
    objective = Reconstruction(layout, activation)
    both = np.concatenate([X + noise, X - noise]).reshape(-1, X.shape[1])
    target = np.tile(X, (2 * len(noise), 1))
    return objective.value(theta, both, target) - objective.value(theta, X)


@tying
@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), Softplus(), Square()], ids=name_of)
def test_theorem_3(activation, tied):
    """Over s = sigma^2, what noise adds to the loss tends to half of eq. 7's bracket, averaged over 20,000 draws."""
    layout = make_layout(tied=tied)
    theta, X, _ = make_problem(layout, activation)
    parameters = parameters_of(layout, theta)
    values = [bracket(activation, *parameters, x) for x in X]
    noise = normal_noise(1.0, (20_000, *X.shape))
    found = excess(layout, activation, theta, X, 1e-3 * noise) / 1e-6
    assert found == pytest.approx(0.5 * np.mean(values), abs=0.02 * np.abs(values).mean())


@tying
@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), Softplus(), Square(), Synchrony()], ids=name_of)
def test_what_theorem_3_leaves_out_is_of_higher_order(activation, tied, rng):
    """With noise of unit covariance to the bit, the error of the second-order expansion falls as sigma^4."""
    layout = make_layout(tied=tied)
    theta, X, _ = make_problem(layout, activation)
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    noise = np.repeat(2.0 * rotation[:, None, :], len(X), axis=1)  # sum over +-: covariance 1
    plain, errors = Reconstruction(layout, activation).value(theta, X), []
    for sigma in (0.02, 0.04):
        expansion = SecondOrder(layout, activation, noise_variance=sigma**2).value(theta, X) - plain
        errors.append(excess(layout, activation, theta, X, sigma * noise) - expansion)
        assert abs(errors[-1]) < 0.02 * abs(expansion)
    assert errors[1] / errors[0] == pytest.approx(16.0, rel=0.1)


@pytest.mark.parametrize("activation", PIECEWISE_LINEAR, ids=name_of)
def test_theorem_3_away_from_kinks(activation, rng):
    """Noise too small to reach a kink costs a piecewise linear model exactly the second-order expansion."""
    layout = make_layout(tied=False)
    theta, X, _ = make_problem(layout, activation)
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    noise = 1e-4 * np.repeat(2.0 * rotation[:, None, :], len(X), axis=1)
    expansion = SecondOrder(layout, activation, noise_variance=1e-8).value(theta, X)
    found = excess(layout, activation, theta, X, noise)
    assert found == pytest.approx(expansion - Reconstruction(layout, activation).value(theta, X), rel=1e-4)


def test_a_kink_contributes_at_the_same_order(rng):
    """One relu at its kink, r = relu(x) and x uniform: noise costs what eq. 7 does not see, at any sigma."""
    layout = make_layout(d=1, k=1)
    theta = layout.pack(float, W=[[1.0]], b=[0.0], c=[1.0])  # a residual of 1 at the kink
    X = np.linspace(-1.0, 1.0, 20_001)[:, None]
    for sigma in (0.05, 0.1):
        expansion = SecondOrder(layout, ReLU(), noise_variance=sigma**2).value(theta, X)
        missing = excess(layout, ReLU(), theta, X, normal_noise(sigma, (40, *X.shape))) - (
            expansion - Reconstruction(layout, ReLU()).value(theta, X)
        )
        # (r - x).h'' of a Dirac of mass 1 under a density of 1/2.
        assert missing / sigma**2 == pytest.approx(0.25, rel=0.05)


@tying
@every_elementwise
def test_no_noise_is_no_penalty(activation, tied):
    """Without noise both expansions are the plain autoencoder, value and gradient."""
    layout = make_layout(tied=tied)
    theta, X, weight = make_problem(layout, activation, weighted=True)
    value, grad = Reconstruction(layout, activation).value_and_grad(theta, X, None, weight)
    plain = FirstOrder(layout, activation), SecondOrder(layout, activation, noise_variance=0.0)
    for objective, target in itertools.product(plain, (None, X.copy())):
        v, g = objective.value_and_grad(theta, X, target, weight)
        assert v == pytest.approx(value, rel=1e-13)
        assert_allclose(g, grad, rtol=1e-11, atol=1e-13)


@weighting
@every_expansion
def test_blocks_of_the_expansions_sum_to_the_whole(name, weighted):
    """The mean over the blocks, weighted by their mass, is the whole: L-BFGS relies on it."""
    for activation, tied in itertools.product([Tanh(), ReLU()], [True, False]):
        layout = make_layout(tied=tied)
        objective = make_expansion(name, layout, activation, penalties=(L2(0.2),))
        theta, noisy, clean, weight = make_noisy_problem(layout, activation, weighted, n=11)
        whole = objective.value_and_grad(theta, noisy, clean, weight)
        mass = np.ones(11) if weight is None else weight
        value, grad = 0.0, np.zeros_like(theta)
        for rows in (slice(0, 1), slice(1, 8), slice(8, 11)):
            part = None if weight is None else weight[rows]
            v, g = objective.value_and_grad(theta, noisy[rows], clean[rows], part)
            share = mass[rows].sum() / mass.sum()
            value, grad = value + share * v, grad + share * g
        assert value == pytest.approx(whole[0], rel=1e-12)
        assert_allclose(grad, whole[1], rtol=1e-11, atol=1e-12)


@tying
@every_expansion
@every_elementwise
def test_the_expansions_keep_float32(activation, name, tied):
    """Half the precision changes the last digits only, nothing is promoted, and `out` is used."""
    layout = make_layout(tied=tied)
    objective = make_expansion(name, layout, activation, penalties=(L2(0.2),))
    arrays = make_noisy_problem(layout, activation, weighted=True)
    value, grad = objective.value_and_grad(*arrays)
    single = [array.astype(np.float32) for array in arrays]
    out = np.full(layout.size, np.nan, dtype=np.float32)
    value_32, grad_32 = objective.value_and_grad(*single, out=out)
    assert grad_32 is out
    assert isinstance(value_32, float)
    scale = max(1.0, float(np.abs(grad).max()))
    assert value_32 == pytest.approx(value, rel=1e-4, abs=1e-4)
    assert_allclose(grad_32, grad, rtol=1e-4, atol=1e-5 * scale)


@every_expansion
def test_the_expansions_do_not_remember_earlier_batches(name, rng):
    """Large, small and large batches give what a fresh objective gives, and change none of their arguments."""
    layout = make_layout()
    objective = make_expansion(name, layout, Tanh(), penalties=(Contractive(0.2),))
    theta = rng.standard_normal(layout.size)
    for n in (9, 2, 12, 9):
        noisy, clean = rng.standard_normal((2, n, 4))
        for array in (theta, noisy, clean):
            array.flags.writeable = False
        fresh = make_expansion(name, layout, Tanh(), penalties=(Contractive(0.2),)).value_and_grad(theta, noisy, clean)
        value, grad = objective.value_and_grad(theta, noisy, clean)
        assert value == fresh[0]
        assert_array_equal(grad, fresh[1])


# The marginalized penalty


@pytest.mark.sampled(3)
@weighting
@tying
@pytest.mark.parametrize("variances", [None, VARIANCES], ids=["equal", "per feature"])
@every_elementwise
def test_gradient_of_marginalized(activation, variances, tied, weighted):
    """Equal or per-feature variances, the gradient agrees with central differences to 1e-6."""
    check_gradient(activation, (Marginalized(0.3, variances),), "gaussian", tied, weighted)


@weighting
@tying
@pytest.mark.parametrize("variances", [None, VARIANCES], ids=["equal", "per feature"])
@written_out
def test_marginalized_is_equation_10(activation, variances, tied, weighted):
    """Half of sum_i sigma_i^2 sum_j d^2 l/dh_j^2 (dh_j/dx_i)^2 for sigma_i^2 = 2 alpha s_i, by central differences."""
    layout = make_layout(tied=tied)
    theta, X, weight = make_problem(layout, activation, weighted=weighted)
    W, V, b, c = parameters_of(layout, theta)
    h, step = FORMULAS[activation.name][0], 1e-4

    def of_row(x):
        code, total = h(W @ x + b), 0.0
        for j in range(3):
            slope = numerical_gradient(lambda x, j=j: float(h(W @ x + b)[j]), x)
            loss = [0.5 * ((x - c - V.T @ (code + t * np.eye(3)[j])) ** 2).sum() for t in (-step, 0.0, step)]
            curvature = (loss[0] - 2.0 * loss[1] + loss[2]) / step**2
            total += sum(0.5 * s * curvature * slope[i] ** 2 for i, s in enumerate(2 * 0.7 * np.array(s_i)))
        return total

    s_i = np.ones(4) if variances is None else np.array(variances)
    expected = mean_over_rows(of_row, zip(X, strict=True), weight)
    assert penalty_of(Marginalized(0.7, variances), layout, activation, theta, X, weight)[0] == pytest.approx(
        expected, rel=1e-5
    )


def test_per_feature_variances_of_one_are_none():
    """Equal variances are their common factor on alpha; a variance of 0 leaves a feature without noise."""
    layout = make_layout(tied=False)
    theta, X, weight = make_problem(layout, Tanh(), weighted=True)
    for variances, alpha in (((1.0,) * 4, 0.3), ((2.5,) * 4, 0.75)):
        value, grad = penalty_of(Marginalized(0.3, variances), layout, Tanh(), theta, X, weight)
        expected = penalty_of(Marginalized(alpha), layout, Tanh(), theta, X, weight)
        assert value == pytest.approx(expected[0], rel=1e-12)
        assert_allclose(grad, expected[1], rtol=1e-10, atol=1e-12)
    value, grad = penalty_of(Marginalized(0.3, (0.0,) * 4), layout, Tanh(), theta, X, weight)
    assert value == 0.0
    assert_allclose(grad, 0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("variances", "words"),
    [
        ((0.5, -0.1), r"feature_variances must be >= 0 and finite, got -0.1 to 0.5"),
        ((np.inf, 1.0), r"feature_variances must be >= 0 and finite, got 1.0 to inf"),
        ((np.nan, np.nan), r"feature_variances must be >= 0 and finite"),
    ],
    ids=str,
)
def test_marginalized_refuses_impossible_variances(variances, words):
    """A variance is a number from 0 up."""
    with pytest.raises(ValueError, match=words):
        Marginalized(0.1, variances)


def test_marginalized_keeps_python_floats():
    """Numpy variances would promote float32 arrays, and make the penalty unhashable."""
    penalty = Marginalized(0.1, np.array(VARIANCES, dtype=np.float32))
    assert penalty == Marginalized(0.1, list(VARIANCES))
    assert {type(variance) for variance in penalty.feature_variances} == {float}
    assert hash(penalty) == hash(Marginalized(0.1, VARIANCES))


def test_marginalized_refuses_another_number_of_features():
    """Two variances do not tell the noise of four features."""
    layout = make_layout()
    theta, X, _ = make_problem(layout, Tanh())
    objective = Reconstruction(layout, Tanh(), penalties=(Marginalized(0.1, (1.0, 2.0)),))
    with pytest.raises(ValueError, match="feature_variances are 2 numbers, X has 4 features"):
        objective.value_and_grad(theta, X)


@pytest.mark.parametrize(
    ("activation", "visible", "words"),
    [
        (
            "softmax",
            "gaussian",
            "penalty 'marginalized' requires an activation with a derivative, which 'softmax' has not",
        ),
        ("max", "gaussian", "penalty 'marginalized' requires an activation with a derivative, which 'max' has not"),
        ("sigmoid", "bernoulli", "penalty 'marginalized' requires visible='gaussian', got visible='bernoulli'"),
    ],
)
def test_marginalized_names_both_sides_of_a_refusal(activation, visible, words):
    """One sentence says what it requires and what it got; tied and untied it takes."""
    for tied in (True, False):
        with pytest.raises(ValueError, match=words):
            check_compatible(as_penalty("marginalized", 1.0), as_activation(activation), visible, tied)
        check_compatible(as_penalty("marginalized", 1.0), Sigmoid(), "gaussian", tied)


# Identities


def penalty_of(penalty, layout, activation, theta, X, weight=None):
    """Value and gradient of a penalty alone."""
    value, grad = Reconstruction(layout, activation, penalties=(penalty,)).value_and_grad(theta, X, None, weight)
    plain = Reconstruction(layout, activation).value_and_grad(theta, X, None, weight)
    return value - plain[0], grad - plain[1]


def make_unit_problem(activation, weighted, **shape):
    """A tied problem whose weights have unit length, away from kinks."""
    layout, seed = make_layout(**shape), 0
    while True:
        theta, X, weight = make_problem(layout, activation, weighted=weighted, seed=seed)
        UnitNorm("W").project(layout.views(theta)["W"])
        U = X @ layout.views(theta)["W"].T + layout.views(theta)["b"]
        if all(np.abs(U - kink).min() > 1e-3 for kink in activation.kinks):
            return layout, theta, X, weight
        seed += 1


def tangent(layout, theta, grad):
    """The gradient without its part along the rows of W, as the solvers use it under weight_constraint="unit"."""
    grad = grad.copy()
    UnitNorm("W").tangent(layout.views(theta)["W"], layout.views(grad)["W"])
    return grad


@weighting
@every_elementwise
def test_contractive_and_marginalized_agree_at_unit_length(activation, weighted):
    """At |w_k| = 1 they have equal values, equal bias gradients and equal tangent weight gradients."""
    layout, theta, X, weight = make_unit_problem(activation, weighted)
    contractive = penalty_of(Contractive(0.7), layout, activation, theta, X, weight)
    marginalized = penalty_of(Marginalized(0.7), layout, activation, theta, X, weight)
    assert marginalized[0] == pytest.approx(contractive[0], rel=1e-11)
    difference = layout.views(marginalized[1] - contractive[1])
    assert_allclose(difference["b"], 0.0, atol=1e-11)
    assert_allclose(difference["c"], 0.0, atol=1e-11)
    projected = [tangent(layout, theta, grad) for _, grad in (contractive, marginalized)]
    assert_allclose(projected[1], projected[0], rtol=1e-9, atol=1e-11)
    assert np.abs(difference["W"]).max() > 1e-3, "the radial parts differ"


@weighting
@every_elementwise
def test_marginalized_gradient_from_the_contractive_one(activation, weighted):
    """dP_m/db_k = |w_k|^2 dP_c/db_k, dP_m/dw_k = |w_k|^2 dP_c/dw_k + 2 alpha mean(h'_k^2) |w_k|^2 w_k (tied)."""
    layout = make_layout()
    theta, X, weight = make_problem(layout, activation, weighted=weighted)
    W, _, b, _ = parameters_of(layout, theta)
    value, grad = penalty_of(Contractive(0.7), layout, activation, theta, X, weight)
    value_m, grad_m = penalty_of(Marginalized(0.7), layout, activation, theta, X, weight)
    squares = (W**2).sum(axis=1)
    u = X @ W.T + b
    steepness = np.average(activation.derivative(u, activation.value(u)) ** 2, axis=0, weights=weight)
    assert value == pytest.approx(0.7 * steepness @ squares, rel=1e-10)
    assert value_m == pytest.approx(0.7 * steepness @ squares**2, rel=1e-10)
    c, m = layout.views(grad), layout.views(grad_m)
    scale = np.abs(grad_m).max()
    assert_allclose(m["b"], squares * c["b"], rtol=1e-9, atol=1e-11 * scale)
    expected = squares[:, None] * c["W"] + 2.0 * 0.7 * (steepness * squares)[:, None] * W
    assert_allclose(m["W"], expected, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("penalty", [Contractive(5.0), Marginalized(5.0)], ids=name_of)
@pytest.mark.parametrize("activation", PIECEWISE_LINEAR, ids=name_of)
def test_relu_under_contraction_is_the_plain_autoencoder_at_unit_length(activation, penalty):
    """Where h'' = 0 the bias gradients are zero and the weight gradients radial: the tangent gradient is the plain."""
    layout, theta, X, weight = make_unit_problem(activation, weighted=True)
    _, grad = penalty_of(penalty, layout, activation, theta, X, weight)
    blocks, W = layout.views(grad), layout.views(theta)["W"]
    assert_allclose(blocks["b"], 0.0, atol=1e-12)
    assert_allclose(blocks["W"], (blocks["W"] * W).sum(axis=1, keepdims=True) * W, atol=1e-12)
    assert np.abs(blocks["W"]).max() > 0.1
    _, plain = Reconstruction(layout, activation).value_and_grad(theta, X, None, weight)
    assert_allclose(tangent(layout, theta, plain + grad), tangent(layout, theta, plain), atol=1e-12)


def test_step_then_renormalise_drifts():
    """Without the projection the radial part turns the step: relu's penalties would change the direction of w."""
    layout, theta, X, _ = make_unit_problem(ReLU(), weighted=False)

    def step(penalties, project):
        objective = Reconstruction(layout, ReLU(), penalties=penalties, constraint=UnitNorm("W"))
        moved, grad = theta.copy(), objective.value_and_grad(theta, X)[1]
        if project:
            objective.project_gradient(moved, grad)
        moved -= 0.1 * grad
        objective.project(moved)
        return moved

    for project in (True, False):
        drift = np.abs(step((Contractive(2.0),), project) - step((), project)).max()
        assert (drift < 1e-12) == project
        assert (drift > 1e-3) == (not project)


def flipped(layout, theta, k):
    """Sigmoid parameters with unit k replaced by its complement, h(-u) = 1 - h(u)."""
    theta = theta.copy()
    blocks = layout.views(theta)
    blocks["c"][...] += blocks["W"][k]
    blocks["W"][k] *= -1.0
    blocks["b"][k] *= -1.0
    return theta


def test_sigmoid_units_have_no_preferred_sign():
    """w -> -w, b -> -b, c -> c + w changes no denoising loss and no contraction: the sparse penalty alone tells."""
    layout, activation = make_layout(), Sigmoid()
    theta, noisy, clean, weight = make_noisy_problem(layout, activation, weighted=True)
    objectives = [
        Reconstruction(layout, activation),
        Reconstruction(layout, activation, penalties=(Contractive(0.5),)),
        Reconstruction(layout, activation, penalties=(Marginalized(0.5),)),
        FirstOrder(layout, activation),
        SecondOrder(layout, activation, noise_variance=0.5),
    ]
    for objective in objectives:
        value = objective.value(theta, noisy, clean, weight)
        assert objective.value(flipped(layout, theta, 1), noisy, clean, weight) == pytest.approx(value, rel=1e-12)
    objective = Reconstruction(layout, activation, penalties=(Sparse(0.5, 0.0),))
    values = [objective.value(parameters, clean, None, weight) for parameters in (theta, flipped(layout, theta, 1))]
    assert abs(values[0] - values[1]) > 0.01


# The paper's predictions, on small data


@functools.cache
def whitened_digits():
    """600 digits in 20 whitened dimensions: the paper's assumption 1."""
    return PCAWhitener(n_components=20).fit_transform(load_digits().data)[:600]


#: The paper's protocol, shorter.
PROTOCOL = {
    "n_components": 60,
    "weight_constraint": "unit",
    "solver": "sgd",
    "learning_rate": "constant",
    "learning_rate_init": 0.005,
    "nesterovs_momentum": False,
    "batch_size": 50,
    "max_iter": 40,
    "tol": 0,
    "random_state": 0,
}

#: Models for a noise variance s; alpha = s/2, so that the axis is the paper's.
MODELS = {
    "DAE": lambda s: DenoisingAutoencoder(noise_level=s**0.5),
    "eDAE": lambda s: DenoisingAutoencoder(noise_level=s**0.5, approximation="first_order"),
    "second order": lambda s: DenoisingAutoencoder(noise_level=s**0.5, approximation="second_order"),
    "CAE": lambda s: ContractiveAutoencoder(alpha=0.5 * s),
    "mDAE": lambda s: MarginalizedDenoisingAutoencoder(alpha=0.5 * s),
    "SAE": lambda s: SparseAutoencoder(alpha=0.5 * s, target_activation=0.0),
}


def trained(model, s, activation, **parameters):
    """A model of the paper's protocol."""
    return MODELS[model](s).set_params(activation=activation, **{**PROTOCOL, **parameters}).fit(whitened_digits())


def fractions(model, activation, variances, **parameters):
    """Activation fractions (SPARSE eq. 14) over noise variances."""
    threshold = 0.0 if activation == "relu" else 0.1
    models = [trained(model, s, activation, **parameters) for s in variances]
    return [activation_fraction(fitted, whitened_digits(), threshold=threshold) for fitted in models]


@pytest.mark.parametrize("model", ["CAE", "mDAE"])
def test_relu_under_contraction_trains_as_the_plain_autoencoder(model):
    """With unit weights every sigma^2 gives the plain autoencoder: no bias gradient, no other code (figure 1)."""
    plain = trained("DAE", 0.0, "relu")
    for s in (0.04, 1.0):
        regularized = trained(model, s, "relu")
        assert_allclose(regularized.components_, plain.components_, atol=1e-6)
        assert_allclose(regularized.intercept_hidden_, plain.intercept_hidden_, atol=1e-6)
    free = trained(model, 1.0, "relu", weight_constraint=None)
    assert np.abs(free.components_ - trained("DAE", 0.0, "relu", weight_constraint=None).components_).max() > 0.1


@pytest.mark.parametrize("model", ["DAE", "SAE"])
def test_relu_becomes_sparser_with_sampled_noise_and_with_the_sparse_penalty(model):
    """With unit weights the activation fraction falls as sigma^2 grows (figure 1)."""
    found = fractions(model, "relu", (0.0, 0.25, 1.0))
    assert found[0] > 1.2 * found[1] > 1.5 * found[2]


def test_the_first_order_term_alone_makes_relu_sparser():
    """eDAE has what the marginal forms lack (figure 3): the second order alone leaves relu's fraction as it is."""
    first = fractions("eDAE", "relu", (0.0, 1.0, 2.25))
    assert first[0] > 1.04 * first[1] > 1.08 * first[2]
    assert_allclose(fractions("second order", "relu", (1.0, 2.25)), first[0], rtol=0.03)


@pytest.mark.parametrize("model", ["DAE", "CAE", "mDAE", "SAE"])
def test_softplus_becomes_sparser(model):
    """A convex activation with h'' > 0 has bias gradients: its fraction falls under every regularization."""
    found = fractions(model, "softplus", (0.0, 0.25, 1.0))
    assert found[0] > 1.01 * found[1] > 1.05 * found[2]


@pytest.mark.parametrize("model", ["DAE", "CAE", "mDAE", "SAE"])
def test_sigmoid_becomes_sparser(model):
    """The sigmoid's fraction falls too (figure 4)."""
    variances = (0.0, 0.25, 1.0) if model == "SAE" else (0.0, 4.0, 9.0)
    found = fractions(model, "sigmoid", variances, solver="lbfgs", max_iter=60)
    assert found[0] > 1.1 * found[1] > 1.2 * found[2]


def test_sigmoid_saturates_on_both_sides_but_for_the_sparse_penalty():
    """As no sign is preferred, contraction leaves the mean code near 1/2, while the sparse penalty silences units."""
    for model in ("DAE", "CAE"):
        codes = trained(model, 9.0, "sigmoid", solver="lbfgs", max_iter=60).transform(whitened_digits())
        assert codes.mean() == pytest.approx(0.5, abs=0.15)
        assert (codes > 0.9).mean() > 0.2
        assert (codes < 0.1).mean() > 0.2
    codes = trained("SAE", 9.0, "sigmoid", solver="lbfgs", max_iter=60).transform(whitened_digits())
    assert codes.mean() < 0.05


# The estimators

#: All approximations and noises, with what they need.
VARIANTS = {
    "gaussian": {},
    "masking": {"noise": "masking"},
    "salt_and_pepper": {"noise": "salt_and_pepper"},
    "first_order": {"approximation": "first_order", "weight_constraint": "unit"},
    "second_order": {"approximation": "second_order", "weight_constraint": "max"},
    "marginalized": {},
    "per feature": {"feature_variances": [0.5, 0.0, 2.0, 1.0, 0.1]},
}
SOLVERS = ["adam", "sgd", "lbfgs"]
FITS = [(v, s) for v in VARIANTS for s in SOLVERS if (v, s) != ("first_order", "lbfgs")]
SAMPLED = ["gaussian", "masking", "salt_and_pepper"]
NOISY = [*SAMPLED, "first_order"]


def make_X(rng, n=60, d=5):
    """Correlated rows in [0, 1]."""
    return expit(rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d))


def make(variant="gaussian", **parameters):
    """Return a small autoencoder that trains in milliseconds."""
    marginalized = variant in ("marginalized", "per feature")
    cls = MarginalizedDenoisingAutoencoder if marginalized else DenoisingAutoencoder
    defaults = {"n_components": 4, "max_iter": 6, "random_state": 0, **VARIANTS[variant]}
    return cls(**{**defaults, **parameters})


def plain_loss(autoencoder, X, weight=None):
    """The mean of |x - r(x)|^2/2."""
    return 0.5 * np.average(autoencoder.reconstruction_error(X), weights=weight)


@pytest.mark.parametrize("solver", SOLVERS)
def test_noise_zero_is_the_plain_autoencoder(solver, rng):
    """To the bit, whatever the noise and the approximation."""
    X = make_X(rng, n=230)
    parameters = {"n_components": 4, "max_iter": 6, "random_state": 0, "solver": solver}
    plain = ContractiveAutoencoder(alpha=0, **parameters).fit(X)
    for noise, approximation in itertools.product(
        ["gaussian", "masking", "salt_and_pepper"], ["sampled", "first_order", "second_order"]
    ):
        autoencoder = make(noise=noise, noise_level=0, approximation=approximation, solver=solver)
        assert_same_fit(autoencoder.fit(X), plain)


def test_no_noise_needs_nothing(rng):
    """At noise level 0 and at alpha = 0 the conditions of the noise do not hold: bernoulli units and softmax train."""
    X = make_X(rng)
    for approximation in ("first_order", "second_order"):
        assert np.isfinite(
            make(noise_level=0, approximation=approximation, visible="bernoulli", activation="max").fit(X).loss_
        )
    assert np.isfinite(make("marginalized", alpha=0, visible="bernoulli", activation="softmax").fit(X).loss_)


def spy_on(monkeypatch):
    """Record (input, target, weight) of all batches that are trained on."""
    seen, original = [], Reconstruction.value_and_grad

    def value_and_grad(self, theta, X, target=None, sample_weight=None, **keywords):
        seen.append(tuple(None if array is None else array.copy() for array in (X, target, sample_weight)))
        return original(self, theta, X, target, sample_weight, **keywords)

    monkeypatch.setattr(Reconstruction, "value_and_grad", value_and_grad)
    return seen


@dataclasses.dataclass(frozen=True)
class Shift(Corruption):
    """x + level, for all to see."""

    name = "shift"

    def apply(self, X, rng, out, low=None, high=None):
        return np.add(X, self.level, out=out)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize(
    ("solver", "method"), [("adam", "fit"), ("sgd", "partial_fit"), ("lbfgs", "fit")], ids="-".join
)
def test_the_target_is_clean(solver, method, kind, rng, monkeypatch):
    """What the network sees is corrupted, what it is compared with is X, row by row, each once an epoch."""
    X = make_X(rng, n=23)
    seen = spy_on(monkeypatch)
    getattr(make(noise=Shift(0.0), noise_level=100.0, solver=solver, batch_size=6), method)(kind(X))
    assert seen
    for noisy, target, _ in seen:
        assert_allclose(noisy, target + 100.0, rtol=1e-14)
    first_epoch = list(itertools.islice(seen, 1 if solver == "lbfgs" else 4))
    if solver != "sgd":  # its trial of the learning rate comes first
        targets = np.concatenate([target for _, target, _ in first_epoch])
        assert_array_equal(np.sort(targets, axis=0), np.sort(X, axis=0))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_input_without_information_gives_the_mean(solver, rng):
    """With all features masked the best reconstruction of the clean rows is their mean."""
    X = make_X(rng)
    autoencoder = make("masking", noise_level=1.0, solver=solver, max_iter=300, tol=0).fit(X)
    assert_allclose(autoencoder.reconstruct(np.zeros((1, 5)))[0], X.mean(axis=0), atol=1e-3)
    assert autoencoder.loss_ == pytest.approx(0.5 * X.var(axis=0).sum(), rel=1e-3)


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("noise", SAMPLED)
def test_lbfgs_freezes_one_corruption(noise, blocks, rng, monkeypatch):
    """All evaluations see the same noise: the loss falls at every iteration, and the last is that of the result."""
    X = make_X(rng)
    monkeypatch.setattr(skae.training._sparse_route, "chunk_rows", lambda columns: 60 // blocks)
    seen = spy_on(monkeypatch)
    autoencoder = make(noise=noise, solver="lbfgs", max_iter=30, tol=0).fit(X)
    assert len(seen) > 30 * blocks
    for number, (noisy, target, _) in enumerate(seen):
        assert_array_equal(noisy, seen[number % blocks][0])
        assert_array_equal(target, seen[number % blocks][1])
        assert not np.array_equal(noisy, target)
    assert (np.diff(autoencoder.loss_curve_) < 0.0).all()
    assert autoencoder.loss_ == pytest.approx(autoencoder.loss_curve_[-1], rel=1e-12)
    assert_same_fit(clone(autoencoder).fit(X), autoencoder)
    clone(autoencoder).set_params(random_state=1).fit(X)
    assert not np.array_equal(seen[0][0], seen[-blocks][0]), "another seed freezes other noise"


#: Too small a learning rate to change anything.
STILL = {"learning_rate_init": 1e-15, "learning_rate": "constant", "tol": 0, "shuffle": False}


@pytest.mark.parametrize("batch_size", [20, 1000], ids=["batches", "single"])
@pytest.mark.parametrize("noise", SAMPLED)
def test_new_noise_in_every_epoch_but_for_validation(noise, batch_size, rng):
    """Parameters that stand still lose something else in every epoch, and the same on the held-out rows."""
    X = make_X(rng)
    autoencoder = make(noise=noise, noise_level=0.5, batch_size=batch_size, early_stopping=True, **STILL).fit(X)
    assert autoencoder.n_iter_ == 6
    assert np.diff(np.sort(autoencoder.loss_curve_)).min() > 1e-6 * autoencoder.loss_
    assert_allclose(autoencoder.validation_loss_curve_, autoencoder.validation_loss_curve_[0], rtol=1e-12)
    expected = plain_loss(autoencoder, X)
    assert autoencoder.validation_loss_curve_[0] > 1.02 * expected
    assert autoencoder.loss_ > 1.02 * expected


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@tying
@pytest.mark.parametrize("variances", [None, VARIANCES], ids=["equal", "per feature"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_marginalized_loss_is_the_objective(solver, variances, tied, weighted, rng):
    """loss_ is the squared error and alpha mean sum_k h'_k^2 |v_k|^2 sum_i s_i w_ki^2 at the fitted parameters."""
    X = make_X(rng, n=230, d=4)
    weight = rng.uniform(0.1, 3.0, 230) if weighted else None
    parameters = {"feature_variances": variances, "tied_weights": tied, "solver": solver}
    autoencoder = make("marginalized", alpha=0.7, **parameters).fit(X, sample_weight=weight)
    W, V, H = autoencoder.components_, autoencoder.decoder_components_, autoencoder.transform(X)
    s = np.ones(4) if variances is None else np.array(variances)
    penalty = (H * (1.0 - H)) ** 2 @ ((V**2).sum(axis=1) * (W**2 @ s))
    expected = plain_loss(autoencoder, X, weight) + 0.7 * np.average(penalty, weights=weight)
    assert autoencoder.loss_ == pytest.approx(expected, rel=1e-9)


@tying
@pytest.mark.parametrize("solver", SOLVERS)
def test_second_order_loss_is_the_objective(solver, tied, rng):
    """loss_ is the plain loss and half the squared noise level times eq. 7's bracket at the fitted parameters."""
    X = make_X(rng, n=150)
    autoencoder = make("second_order", noise_level=0.5, tied_weights=tied, solver=solver).fit(X)
    W, V = autoencoder.components_, autoencoder.decoder_components_
    b, c = autoencoder.intercept_hidden_, autoencoder.intercept_visible_
    expected = plain_loss(autoencoder, X) + 0.125 * np.mean([bracket(Sigmoid(), W, V, b, c, x) for x in X])
    assert autoencoder.loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_second_order_loss_below_zero_is_warned_of(solver):
    """Untied weights are not bounded by unit decoder rows: where the expansion falls below zero, the fit says so."""
    parameters = {"activation": "softplus", "solver": solver, "noise_level": 3.0, "max_iter": 100, "n_components": 30}
    autoencoder = make("second_order", weight_constraint="unit", tied_weights=False, **parameters)
    with np.errstate(over="ignore"), pytest.warns(ConvergenceWarning, match="has fallen to -.*while no denoising loss"):
        autoencoder.fit(whitened_digits())
    assert autoencoder.loss_ < 0.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make("second_order", weight_constraint="unit", **{**parameters, "noise_level": 0.5}).fit(whitened_digits())
    assert not [warning for warning in caught if "expansion" in str(warning.message)]


def test_second_order_has_no_noise(rng):
    """The expectation is not sampled: a single batch in order trains alike from any random stream."""
    X = make_X(rng)
    first = make("second_order").fit(X).set_params(warm_start=True)
    twin = copy.deepcopy(first).set_params(random_state=9)
    assert_same_fit(first.fit(X), twin.fit(X))


# partial_fit


@pytest.mark.parametrize("variant", NOISY)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_draws_new_noise_at_each_call(variant, solver, rng, monkeypatch):
    """Every update has noise of its own; the same calls give the same bits, pickled in between or not."""
    X = make_X(rng, n=30)
    seen = spy_on(monkeypatch) if variant != "first_order" else None
    parameters = {"solver": solver, "noise_level": 0.5, "learning_rate_init": 0.01}
    autoencoder = make(variant, **parameters)
    for _ in range(3):
        autoencoder.partial_fit(X)
    if seen is not None:
        assert len(seen) == 3
        assert len({noisy.tobytes() for noisy, _, _ in seen}) == 3
        assert len({target.tobytes() for _, target, _ in seen}) == 1
    twin = make(variant, **parameters)
    for _ in range(3):
        twin = pickle.loads(pickle.dumps(twin.partial_fit(X)))
    assert_same_fit(twin, autoencoder)


@every_dtype
def test_partial_fit_widens_the_range_of_salt_and_pepper(dtype, rng, monkeypatch):
    """The extremes are those of all rows seen so far, not of the chunk; rows of weight zero are not seen."""
    seen = spy_on(monkeypatch)
    autoencoder = make("salt_and_pepper", noise_level=1.0, learning_rate_init=1e-3)

    def extremes(X, sample_weight=None):
        autoencoder.partial_fit(X.astype(dtype), sample_weight=sample_weight)
        noisy = seen[-1][0]
        assert noisy.dtype == dtype
        return noisy.min(axis=0), noisy.max(axis=0)

    X = rng.random((200, 5)).astype(dtype)
    low, high = X.min(axis=0), X.max(axis=0)
    assert_array_equal(extremes(X), (low, high))
    assert_array_equal(extremes(0.5 * low + 0.5 * high + 0.0 * X), (low, high))
    wider = X.copy()
    wider[0], wider[1] = -7.0, 9.0
    weight = np.ones(200)
    weight[0] = 0.0
    assert_array_equal(extremes(wider, weight), (low, np.full(5, 9.0)))
    assert_array_equal(extremes(wider), (np.full(5, -7.0), np.full(5, 9.0)))
    assert_array_equal(extremes(X), (np.full(5, -7.0), np.full(5, 9.0)))
    autoencoder.fit(X)
    assert_array_equal((seen[-1][0].min(axis=0), seen[-1][0].max(axis=0)), (low, high))


def test_partial_fit_takes_another_noise(rng):
    """Noise, level and approximation may change between the calls."""
    X = make_X(rng)
    autoencoder = make().partial_fit(X)
    for variant in [*NOISY, "second_order", "salt_and_pepper"]:
        autoencoder.set_params(**{"noise": "gaussian", "approximation": "sampled", **VARIANTS[variant]}).partial_fit(X)
        assert np.isfinite(autoencoder.components_).all()
    assert autoencoder.n_iter_ == 7


# Refusals

BOUNDED = {"l2": 0.1}
NO_BOUND = "weight_constraint='unit' or 'max', or l2 > 0"
REFUSED = [
    ("gaussian", {"approximation": "first_order"}, NO_BOUND),
    ("gaussian", {"approximation": "second_order"}, NO_BOUND),
    ("gaussian", {"approximation": "second_order", "tied_weights": False}, NO_BOUND),
    ("gaussian", {"approximation": "first_order", "weight_constraint": None}, NO_BOUND),
    ("gaussian", {"approximation": "first_order", "visible": "bernoulli", **BOUNDED}, "visible='gaussian', got 'bern"),
    ("gaussian", {"approximation": "second_order", "visible": "bernoulli", **BOUNDED}, "visible='gaussian', got 'bern"),
    ("masking", {"approximation": "first_order", **BOUNDED}, "noise='gaussian', got 'masking'"),
    ("masking", {"approximation": "second_order", **BOUNDED}, "noise='gaussian', got 'masking'"),
    ("salt_and_pepper", {"approximation": "second_order", **BOUNDED}, "noise='gaussian', got 'salt_and_pepper'"),
    ("gaussian", {"approximation": "second_order", "noise": Shift(), **BOUNDED}, "noise='gaussian', got Shift"),
    ("gaussian", {"approximation": "first_order", "solver": "lbfgs", **BOUNDED}, "solver='adam' or 'sgd'.*'lbfgs'"),
    ("gaussian", {"approximation": "first_order", "activation": "softmax", **BOUNDED}, "'softmax' has not"),
    ("gaussian", {"approximation": "first_order", "activation": "max", **BOUNDED}, "'max' has not"),
    ("gaussian", {"approximation": "second_order", "activation": "softmax", **BOUNDED}, "'softmax' has not"),
    ("gaussian", {"approximation": "second_order", "activation": "max", **BOUNDED}, "'max' has not"),
    ("gaussian", {"approximation": "third_order"}, "'approximation'.*'second_order'.*Got 'third_order'"),
    ("gaussian", {"noise": "gausian"}, "no corruption is called 'gausian'; there are gaussian, masking, salt_and_p"),
    ("gaussian", {"noise": None}, "'noise'.*Corruption'.*Got None"),
    ("gaussian", {"noise": Gaussian}, "'noise'.*Corruption'"),
    ("gaussian", {"noise_level": np.nan}, "'noise_level'.*nan"),
    ("gaussian", {"noise_level": np.inf}, "noise.level.*inf"),
    ("gaussian", {"noise_level": "high"}, "'noise_level'.*'high'"),
    ("masking", {"noise_level": 1.5}, "the noise level of 'masking' must be >= 0 and <= 1, got 1.5"),
    ("salt_and_pepper", {"noise_level": 2}, "the noise level of 'salt_and_pepper' must be >= 0 and <= 1, got 2"),
    ("gaussian", {"noise": Masking(0.1), "noise_level": 3.0}, "the noise level of 'masking'.*got 3.0"),
    (
        "marginalized",
        {"activation": "softmax"},
        "penalty 'marginalized' requires .*derivative, which 'softmax' has not",
    ),
    ("marginalized", {"activation": "max"}, "penalty 'marginalized' requires .*derivative, which 'max' has not"),
    (
        "marginalized",
        {"visible": "bernoulli"},
        "penalty 'marginalized' requires visible='gaussian', got visible='bernoulli'",
    ),
    ("marginalized", {"feature_variances": [1.0, 2.0]}, "feature_variances are 2 numbers, X has 5 features"),
    ("marginalized", {"feature_variances": []}, "feature_variances are 0 numbers, X has 5 features"),
    ("marginalized", {"feature_variances": np.ones(6)}, "feature_variances are 6 numbers, X has 5 features"),
    ("marginalized", {"feature_variances": [1, 1, -2, 1, 1]}, "feature_variances must be >= 0 and finite, got -2.0"),
    ("marginalized", {"feature_variances": [1, 1, np.inf, 1, 1]}, "feature_variances must be >= 0 and finite"),
    ("marginalized", {"feature_variances": [1, np.nan, 1, 1, 1]}, "feature_variances must be >= 0 and finite"),
    ("marginalized", {"feature_variances": [[1.0] * 5]}, r"one number for each feature, got .* shape \(1, 5\)"),
    ("marginalized", {"feature_variances": ["a"] * 5}, "feature_variances must be numbers"),
    ("marginalized", {"feature_variances": [[1.0], [1.0, 2.0]]}, "feature_variances must be numbers"),
    ("marginalized", {"feature_variances": 0.3}, "'feature_variances'.*array-like"),
]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("variant", "parameters", "words"), REFUSED, ids=str)
def test_refusals(variant, parameters, words, method, rng):
    """What cannot be is refused in one sentence, and leaves the estimator as it was, fitted or not."""
    if method == "partial_fit" and parameters.get("solver") == "lbfgs":
        return  # lbfgs has none
    X = make_X(rng)
    for fitted in (False, True):
        autoencoder = make(variant)
        if fitted:
            autoencoder.fit(X)
        autoencoder.set_params(**parameters)
        with unchanged(autoencoder), pytest.raises(ValueError, match=words) as caught:
            getattr(autoencoder, method)(X)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, InvalidParameterError)


def test_all_features_may_have_a_variance_of_zero(rng):
    """Then there is no noise, and nothing to pay."""
    X = make_X(rng)
    autoencoder = make("marginalized", feature_variances=np.zeros(5)).fit(X)
    assert_allclose(autoencoder.components_, make("marginalized", alpha=0).fit(X).components_, rtol=1e-7)


def test_an_error_in_a_corruption_changes_nothing(rng):
    """Whatever a user's corruption raises, Ctrl-C included, comes out, and the estimator is as before."""
    X = make_X(rng)
    for kind, method in itertools.product((RuntimeError, KeyboardInterrupt), ("fit", "partial_fit")):
        for autoencoder in (make(noise=Broken(kind=kind)), make().fit(X).set_params(noise=Broken(kind=kind))):
            with unchanged(autoencoder), pytest.raises(kind):
                getattr(autoencoder, method)(X)


@dataclasses.dataclass(frozen=True)
class Broken(Corruption):
    """Raises."""

    kind: type = RuntimeError
    name = "broken"

    def apply(self, X, rng, out, low=None, high=None):
        raise self.kind


# Life with scikit-learn


@dataclasses.dataclass(frozen=True)
class Speckle(Corruption):
    """x (1 + level width * normal noise)."""

    width: float = 1.0
    name = "speckle"

    def apply(self, X, rng, out, low=None, high=None):
        rng.standard_normal(dtype=out.dtype, out=out)
        out *= out.dtype.type(self.level * self.width)
        out += 1
        return np.multiply(out, X, out=out)


@every_dtype
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_corruption_of_ones_own(solver, dtype, rng):
    """An instance trains, is cloned and pickled with the estimator, and noise_level replaces its own level."""
    X = make_X(rng).astype(dtype)
    noise = Speckle(7.0, width=2.0)
    autoencoder = make(noise=noise, noise_level=0.2, solver=solver).fit(X)
    assert autoencoder.components_.dtype == dtype
    assert noise.level == 7.0
    assert_same_fit(make(noise=Speckle(0.0, width=2.0), noise_level=0.2, solver=solver).fit(X), autoencoder)
    assert_same_fit(clone(autoencoder).fit(X), autoencoder)
    assert pickle.loads(pickle.dumps(autoencoder)).noise == noise
    other = make(noise=Speckle(width=5.0), noise_level=0.2, solver=solver).fit(X)
    assert not np.array_equal(other.components_, autoencoder.components_)


@pytest.mark.parametrize("instance", [Gaussian(9.0), Masking(1.0), SaltAndPepper(0.0)], ids=name_of)
def test_a_built_in_instance_acts_as_its_name(instance, rng):
    """Its level gives way to noise_level."""
    X = make_X(rng)
    assert_same_fit(make(noise=instance, noise_level=0.2).fit(X), make(noise=instance.name, noise_level=0.2).fit(X))


def test_convergence_warnings_do_not_mind_the_noise(rng):
    """A fit that has settled under noise is not warned of."""
    X = 3.0 * make_X(rng, n=300)
    for variant in [*SAMPLED, "marginalized"]:
        parameters = {} if variant == "marginalized" else {"noise_level": 0.1}
        autoencoder = make(variant, n_components=10, activation="tanh", max_iter=150, **parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            autoencoder.fit(X)


def test_threshold_reaches_the_noise(rng):
    """trec's threshold, and an instance that has it, train alike with every approximation."""
    X = make_X(rng)
    for variant in VARIANTS:
        named = make(variant, activation="trec", threshold=0.2).fit(X)
        assert_same_fit(make(variant, activation=TRec(0.2)).fit(X), named)


def test_units_that_may_die_take_smaller_steps():
    """At the rate of others, most of many relu units die on MNIST, and the loss is three times as high."""

    def rate(activation):
        autoencoder = DenoisingAutoencoder(5, activation=activation, random_state=0)
        autoencoder.fit(np.random.default_rng(0).standard_normal((3000, 20)))
        return autoencoder._automatic_rate("linear", 100)

    assert rate("relu") == rate("softplus")
    assert rate("sigmoid") == rate("tanh") == rate("identity") == rate("modulus") > 3.0 * rate("relu")
