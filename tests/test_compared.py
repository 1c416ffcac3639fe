"""The systems that the zero-bias paper compares with (`benchmarks/papers/compared`): formulas, gradients, codes."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import numerical_gradient
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits

from skae.model import Model
from skae.parameters import Layout
from skae.testing import check_activation

FOLDER = Path(__file__).parents[1] / "benchmarks" / "papers" / "compared"
if not FOLDER.is_dir():
    pytest.skip("the benchmarks are not here", allow_module_level=True)

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("ignore::pytest.PytestWarning")]


def load_package():
    """Return the package, which scripts of the benchmarks import from their own folder."""
    spec = importlib.util.spec_from_file_location("compared", FOLDER / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its modules import one another relative to it
    spec.loader.exec_module(module)
    return module


compared = load_package()

SYSTEMS = {
    "standout": compared.StandoutAutoencoder(12, max_iter=3, tol=0.0, random_state=0),
    "covae": compared.CovarianceAutoencoder(12, n_factors=20, max_iter=3, random_state=0),
    "gaussian_rbm": compared.GaussianRBM(12, max_iter=3, random_state=0),
    "triangle_kmeans": compared.TriangleKMeans(12, mini_batch=False, max_iter=20, random_state=0),
    "triangle_kmeans, mini-batch": compared.TriangleKMeans(12, batch_size=2048, max_iter=3, random_state=0),
    "random_filters": compared.RandomFilters(12, random_state=0),
    "random_filters, rows": compared.RandomFilters(12, filters="rows", random_state=0),
}
every_system = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture(scope="module")
def digits():
    """Return 300 digits."""
    return load_digits().data[:300] / 16.0


def assert_gradient(function, theta, **tolerances):
    """Assert that a function of theta returns the gradient of its value."""
    value, grad = function(theta)
    assert np.isfinite(value)
    numeric = numerical_gradient(lambda each: function(each)[0], theta)
    assert_allclose(grad, numeric, **{"rtol": 1e-5, "atol": 1e-6, **tolerances})


# Every system


@every_system
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_is_a_transformer_that_keeps_the_dtype(name, dtype, digits):
    X = digits.astype(dtype)
    system = clone(SYSTEMS[name])
    H = system.fit(X).transform(X)
    assert H.shape == (300, 12)
    assert H.dtype == system.components_.dtype == dtype
    assert np.isfinite(H).all()
    assert H.min() >= 0.0
    assert H.std(axis=0).max() > 0.0
    assert len(system.get_feature_names_out()) == 12


@every_system
def test_the_seed_decides(name, digits):
    first, again, other = (clone(SYSTEMS[name]).set_params(random_state=seed).fit(digits) for seed in (0, 0, 1))
    assert_array_equal(first.components_, again.components_)
    assert np.abs(first.components_ - other.components_).max() > 1e-3


# Standout


@pytest.mark.parametrize("alpha", [0.7, 0.0, -0.7])
def test_expected_standout_is_an_activation(alpha):
    check_activation(compared.ExpectedStandout(alpha, -0.5))


def test_expected_standout_is_the_mean_of_drawn_ones(rng):
    u = np.tile(rng.standard_normal(5) * 2.0, (40_000, 1))
    expected = compared.ExpectedStandout(1.0, -1.0).value(u[0])
    drawn = compared.DrawnStandout(1.0, -1.0, seed=3).value(u)
    assert set(np.unique(drawn)) <= {0.0, *u[0]}
    assert_allclose(drawn.mean(axis=0), expected, atol=0.03)


def test_drawn_standout_is_trec_with_a_random_threshold(rng):
    """One seed gives each entry a threshold from a logistic distribution: mean 1 for alpha = 1 and beta = -1."""
    units, grid = compared.DrawnStandout(1.0, -1.0, seed=0), np.linspace(-8.0, 12.0, 41)
    active = np.stack([units.value(np.full(20_000, u)) > 0.0 for u in grid])
    assert (np.diff(active.astype(int), axis=0) >= 0).all()  # once a unit is active, it stays so
    positive = grid > 0.0
    assert_allclose(active.mean(axis=1)[positive], 1.0 / (1.0 + np.exp(1.0 - grid[positive])), atol=0.015)


@pytest.mark.parametrize("untied", [False, True])
def test_gradient_of_standout(rng, untied):
    """The gradient of a fixed seed, with its units as they are; they are kinked where a unit is switched."""
    shapes = {"W": (3, 4), **({"V": (3, 4)} if untied else {}), "b": (3,), "c": (4,)}
    objective = compared.StandoutReconstruction(Layout(**shapes), compared.ExpectedStandout(1.0, -1.0))
    theta, X, weight = rng.standard_normal(objective.layout.size), rng.standard_normal((7, 4)), rng.random(7)
    assert_gradient(lambda each: objective.value_and_grad(each, X, (None, 5), weight), theta)
    values = [objective.value(theta, X, (None, seed), weight) for seed in (5, 6)]
    assert values[0] == pytest.approx(objective.value_and_grad(theta, X, (None, 5), weight)[0], rel=1e-12)
    assert values[0] != values[1]
    assert objective.activation == compared.ExpectedStandout(1.0, -1.0)


@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"early_stopping": True}, {"solver": "sgd"}])
def test_standout_trains_with_every_solver(options, digits):
    system = clone(SYSTEMS["standout"]).set_params(max_iter=8, **options).fit(digits)
    assert system.loss_curve_[-1] < system.loss_curve_[0]
    if options.get("solver") == "lbfgs":  # the same noise in every iteration
        assert (np.diff(system.loss_curve_) <= 0.0).all()


def test_standout_encodings(digits):
    system = clone(SYSTEMS["standout"]).fit(digits)
    U = digits @ system.components_.T
    expected = compared.ExpectedStandout(1.0, -1.0).value(U + system.intercept_hidden_)
    assert_allclose(system.transform(digits), expected, atol=1e-12)
    assert_allclose(system.set_params(encoding="rectified").transform(digits), np.maximum(U, 0.0), atol=1e-12)


# Gated autoencoder


def gated(rng):
    """Return the objective of a gated autoencoder, and random parameters."""
    objective = compared.GatedReconstruction(Layout(U=(4, 3), P=(5, 4), b=(5,), c=(3,)))
    return objective, 0.5 * rng.standard_normal(objective.layout.size)


@pytest.mark.parametrize("noisy", [False, True])
def test_gradient_of_covae(rng, noisy):
    objective, theta = gated(rng)
    X, weight = rng.standard_normal((7, 3)), rng.random(7)
    target = X + 0.3 * rng.standard_normal(X.shape) if noisy else None
    assert_gradient(lambda each: objective.value_and_grad(each, X, target, weight), theta)


def test_covae_is_the_gated_formula(rng):
    """Sum over mapping units and factors, written with explicit indices."""
    objective, theta = gated(rng)
    U, P, b, c = (objective.layout.views(theta)[name] for name in "UPbc")
    x = rng.standard_normal(3)
    h = [1.0 / (1.0 + np.exp(-(sum(P[k, f] * (U[f] @ x) ** 2 for f in range(4)) + b[k]))) for k in range(5)]
    r = c + sum(P[k, f] * h[k] * (U[f] @ x) * U[f] for k in range(5) for f in range(4))
    assert objective.value_and_grad(theta, x[None])[0] == pytest.approx(0.5 * ((x - r) ** 2).sum(), rel=1e-12)
    assert_allclose(objective.code(theta, x[None])[0], h, rtol=1e-12)


def test_covae_does_not_see_the_sign_or_the_scale_of_the_data(digits):
    system = clone(SYSTEMS["covae"]).set_params(noise="gaussian", noise_level=0.0)
    H = system.fit(digits).transform(digits)
    assert_allclose(clone(system).fit(8.0 * digits).transform(8.0 * digits), H, atol=1e-6)
    assert_allclose(system.transform(-digits), H, atol=1e-12)
    assert system.loss_curve_[-1] < system.loss_curve_[0]


# Gaussian RBM


def test_gradient_of_contrastive_divergence(rng):
    """The gradient of the difference of free energies, for fixed reconstructions."""
    objective = compared.ContrastiveDivergence(Layout(W=(3, 4), b=(3,), c=(4,)))
    theta, X, weight = rng.standard_normal(objective.layout.size), rng.standard_normal((7, 4)), rng.random(7)
    drawn = objective.draw(theta, X, 2)
    assert_gradient(lambda each: objective.contrast(each, X, drawn, weight), theta)
    value, grad = objective.value_and_grad(theta, X, (None, 2), weight)
    expected_value, expected_grad = objective.contrast(theta, X, drawn, weight)
    assert value == expected_value
    assert_array_equal(grad, expected_grad)


def test_free_energy_is_minus_the_energy_of_the_autoencoder(rng):
    objective = compared.ContrastiveDivergence(Layout(W=(3, 4), b=(3,), c=(4,)))
    theta, X = rng.standard_normal(objective.layout.size), rng.standard_normal((2, 7, 4))
    model = Model(**objective.layout.views(theta), activation="sigmoid")
    difference = -model.energy(X[0]).mean() + model.energy(X[1]).mean()
    assert objective.contrast(theta, *X)[0] == pytest.approx(difference, rel=1e-9)


def test_reconstructions_are_drawn_from_the_conditional_distributions(rng):
    """Mean and covariance given x: x~ = W^T h + c + noise, with independent h."""
    layout = Layout(W=(3, 2), b=(3,), c=(2,))
    objective, theta = compared.ContrastiveDivergence(layout), rng.standard_normal(layout.size)
    W, b, c = (layout.views(theta)[name] for name in "Wbc")
    x = rng.standard_normal(2)
    p = 1.0 / (1.0 + np.exp(-(W @ x + b)))
    drawn = objective.draw(theta, np.tile(x, (40_000, 1)), 0)
    assert_allclose(drawn.mean(axis=0), p @ W + c, atol=0.04)
    assert_allclose(np.cov(drawn.T), np.eye(2) + (W.T * p * (1.0 - p)) @ W, atol=0.06)


def test_gaussian_rbm_finds_clusters(rng):
    """Two far clusters: after training, both are likelier than the point between them, which was so at no start."""
    X = np.where(rng.random(600) < 0.5, -3.0, 3.0)[:, None] * np.ones(4) + rng.standard_normal((600, 4))
    system = compared.GaussianRBM(4, max_iter=60, random_state=0).fit(X)
    scale = np.sqrt(X.var(axis=0).mean())
    arrays = (scale * system.components_, system.intercept_hidden_, system.intercept_visible_ / scale)
    energy = Model(*arrays, "sigmoid").energy(np.array([-3.0, 0.0, 3.0])[:, None] * np.ones(4) / scale)
    assert energy[1] < min(energy[0], energy[2])
    H = system.transform(X)
    assert_allclose(H, 1.0 / (1.0 + np.exp(-(X @ system.components_.T + system.intercept_hidden_))), atol=1e-9)


# K-means and random filters


def test_triangle_code(digits):
    system = clone(SYSTEMS["triangle_kmeans"]).fit(digits)
    distances = np.linalg.norm(digits[:, None] - system.components_, axis=2)
    expected = np.maximum(0.0, distances.mean(axis=1, keepdims=True) - distances)
    assert_allclose(system.transform(digits), expected, atol=1e-6)
    assert 0.3 < np.mean(expected > 0.0) < 0.7


def test_random_filters_have_unit_length(digits):
    for name in ("random_filters", "random_filters, rows"):
        W = clone(SYSTEMS[name]).fit(digits).components_
        assert_allclose(np.linalg.norm(W, axis=1), 1.0)
        assert_allclose(clone(SYSTEMS[name]).fit_transform(digits), np.maximum(digits @ W.T, 0.0), atol=1e-12)
    centred = digits - digits.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert_allclose((W @ centred.T).max(axis=1), 1.0)  # each filter is a centred row
    with pytest.raises(ValueError, match="filters must be"):
        compared.RandomFilters(filters="ones").fit(digits)
