"""The energy landscape: energy, vector field, Laplacian and relaxation, on arrays and through the estimators."""

import dataclasses
import itertools
import tracemalloc
import warnings

import numpy as np
import pytest
from helpers import ALL_ACTIVATIONS, DTYPES, VISIBLE, distance_to_kinks, examples, is_elementwise, name_of, rounding_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import root
from scipy.special import entr, expit, logit, xlogy
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import BernoulliRBM

from skae import ContractiveAutoencoder, ZeroBiasAutoencoder
from skae.activations import ACTIVATIONS, Activation, as_activation
from skae.dynamics import relax
from skae.model import Model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MONOTONE = [activation for activation in ALL_ACTIVATIONS if activation.monotone]
NOT_MONOTONE = [activation for activation in ALL_ACTIVATIONS if not activation.monotone]
LONGEST = {"gaussian": 2.0, "bernoulli": 1.0}
PER_ROW = ["score_samples", "laplacian", "vector_field"]
EVERYTHING = [*PER_ROW, "is_absorbing", "relax"]

every_activation = pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
every_visible = pytest.mark.parametrize("visible", VISIBLE)
tied_or_not = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])


@dataclasses.dataclass(frozen=True)
class Normalized(Activation):
    """h(u) = u/sqrt(1 + |u|^2): units that compete, with a convex potential, without a divergence."""

    name = "normalized"

    def value(self, u, out=None):
        return np.divide(u, np.sqrt(1.0 + (u * u).sum(axis=-1, keepdims=True)), out=out)

    def backward(self, u, h, grad_h, out=None):
        length = np.sqrt(1.0 + (u * u).sum(axis=-1, keepdims=True))
        return np.divide(grad_h - h * (h * grad_h).sum(axis=-1, keepdims=True), length, out=out)

    def potential(self, u):
        return np.sqrt(1.0 + (u * u).sum(axis=-1))


class NormalizedWithDivergence(Normalized):
    """The same, with its divergence."""

    def divergence(self, h, W, V, slope=None):
        slope = np.ones((len(h), W.shape[1]), h.dtype) if slope is None else slope
        trace = np.einsum("ni,ki,ki->n", slope, W, V)
        return (trace - np.einsum("ni,ni,ni->n", slope, h @ W, h @ V)) * np.sqrt(1.0 - (h * h).sum(axis=1))


def make_model(activation, visible="gaussian", tied=True, *, shape=(6, 4, 3), scale=0.7, seed=0):
    """Return random rows X and (W, b, c, activation, visible, V).

    For few rows, no pre-activation lies near a kink: the seed is the first of `seed`, `seed` + 1000, ... that gives
    such data.
    """
    n, d, k = shape
    while True:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, d)) if visible == "gaussian" else rng.uniform(0.05, 0.95, (n, d))
        W, V = scale * rng.standard_normal((2, k, d))
        b, c = scale * rng.standard_normal(k), scale * rng.standard_normal(d)
        if n > 10 or distance_to_kinks(activation, X @ W.T + b) > 1e-3:
            return X, (W, b, c, activation, visible, None if tied else V)
        seed += 1000


def estimator_of(model, train=None):
    """Return an estimator that has these parameters."""
    W, b, c, activation, visible, V = model
    if train is None:
        train = np.tile([[0.0], [1.0]], (1, W.shape[1]))
    autoencoder = ContractiveAutoencoder(
        1, visible=visible, tied_weights=V is None, alpha=0.0, max_iter=1, random_state=0
    ).fit(train)
    autoencoder.set_params(activation=activation)
    autoencoder.components_, autoencoder.intercept_hidden_, autoencoder.intercept_visible_ = W, b, c
    if V is not None:
        autoencoder.decoder_components_ = V
    return autoencoder


def in_dtype(model, dtype):
    """Return the model with parameters of this dtype."""
    return tuple(part.astype(dtype) if isinstance(part, np.ndarray) else part for part in model)


def derivatives(f, X, step=1e-5):
    """Return central differences of f at each row; the first index is the feature of the derivative."""
    shifts = step * np.eye(X.shape[1])
    return np.stack([f(X + shift) - f(X - shift) for shift in shifts]) / (2.0 * step)


def pre_activations(model, X):
    """Return U = X W^T + b, in float64."""
    return X.astype(float) @ model[0].astype(float).T + model[1].astype(float)


def visible_part(model, X):
    """Return the visible units' part of the energy."""
    if model[4] == "gaussian":
        return -0.5 * ((X - model[2]) ** 2).sum(axis=1)
    return X @ model[2] + (entr(X) + entr(1.0 - X)).sum(axis=1)


def scale_of_energy(model, X):
    """Return the scale of rounding: sum_k |Phi_k| + |x - c|^2/2 (bernoulli: + |c.x| + entropy; untied: the loss)."""
    activation, visible, V = model[3:]
    if V is not None:
        return np.abs(Model(*model).energy(X)) + 1.0
    U = pre_activations(model, X)
    phi = np.abs(activation.potential(U[..., None])).sum(axis=1) if is_elementwise(activation) else abs(U).max(axis=1)
    if visible == "gaussian":
        return phi - visible_part(model, X)
    return phi + np.abs(X) @ np.abs(model[2]) + (entr(X) + entr(1.0 - X)).sum(axis=1)


def rounding_of_energy(model, X, dtype):
    """Return how far two energies of a tied model may differ if different kernels computed them.

    If rounding moves u_k by r_k, Phi(u) moves by up to sum_k |h| r_k (units that compete: max_k r_k). Here h is the
    largest value within r_k. The rest is a few eps of the terms that the energy adds up.
    """
    W, b, activation = model[0], model[1], model[3]
    U, r = pre_activations(model, X), rounding_of(X, W.T, dtype, b)
    if is_elementwise(activation):
        moved = (np.max([np.abs(activation.value(u)) for u in (U - r, U, U + r)], axis=0) * r).sum(axis=1)
    else:
        moved = r.max(axis=1)
    return moved + 8.0 * np.finfo(dtype).eps * scale_of_energy(model, X)


class Arrays:
    """A `Model` with the names of the estimators' methods."""

    def __init__(self, model):
        model = Model(*model)
        self.score_samples, self.vector_field, self.laplacian = model.energy, model.vector_field, model.laplacian


through = pytest.mark.parametrize("through", [Arrays, estimator_of], ids=["arrays", "estimator"])


# Identities


@through
@every_visible
@every_activation
def test_field_is_the_gradient_of_the_energy(activation, visible, through):
    """If tied, grad E is r(x) - x (ENERGY eq. 11); for bernoulli units, logit r(x) - logit x (ENERGY eq. 28)."""
    X, model = make_model(activation, visible)
    landscape = through(model)
    field = landscape.vector_field(X)
    expected = field if visible == "gaussian" else logit(X + field) - logit(X)
    assert_allclose(derivatives(landscape.score_samples, X).T, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.sampled(3)
@through
@tied_or_not
@every_visible
@every_activation
def test_laplacian_is_the_trace_of_the_jacobian_of_the_field(activation, visible, tied, through):
    """The Laplacian is sum_i d(r_i - x_i)/dx_i, for every kind of model."""
    X, model = make_model(activation, visible, tied)
    landscape = through(model)
    trace = np.einsum("ini->n", derivatives(landscape.vector_field, X))
    assert_allclose(landscape.laplacian(X), trace, rtol=1e-6, atol=1e-6)


@pytest.mark.sampled(3)
@through
@tied_or_not
@every_visible
@every_activation
def test_field_from_the_formula(activation, visible, tied, through):
    """The field is r(x) - x with r = output(V^T h(Wx + b) + c) (ENERGY eq. 2 and 4)."""
    X, model = make_model(activation, visible, tied)
    W, _, c, _, _, V = model
    A = activation.value(pre_activations(model, X)) @ (W if tied else V) + c
    R = A if visible == "gaussian" else expit(A)
    assert_allclose(through(model).vector_field(X), R - X, rtol=1e-12, atol=1e-12)


@pytest.mark.sampled(3)
@through
@tied_or_not
@every_visible
@every_activation
def test_energy_from_the_formula(activation, visible, tied, through):
    """The energy is sum Phi plus the visible units' part (tied), or minus the loss (untied)."""
    X, model = make_model(activation, visible, tied)
    landscape = through(model)
    R = X + landscape.vector_field(X)
    if tied:
        expected = activation.potential(pre_activations(model, X)) + visible_part(model, X)
    elif visible == "gaussian":
        expected = -0.5 * ((X - R) ** 2).sum(axis=1)
    else:
        expected = (xlogy(X, R) + xlogy(1.0 - X, 1.0 - R)).sum(axis=1)
    assert_allclose(landscape.score_samples(X), expected, rtol=1e-10, atol=1e-12)


@every_visible
@every_activation
def test_without_hidden_bias(activation, visible):
    """In each function, b=None equals b=0."""
    X, (W, b, *rest) = make_model(activation, visible)
    zero, none = Arrays((W, 0.0 * b, *rest)), Arrays((W, None, *rest))
    for name in PER_ROW:
        assert_array_equal(getattr(none, name)(X), getattr(zero, name)(X), err_msg=name)


def test_zero_bias_autoencoder_has_the_identities(rng):
    """For a trained model with its threshold in X's units, the field is the gradient, its divergence the Laplacian."""
    X = rng.standard_normal((40, 4))
    for activation in ("trec", "tlin"):
        autoencoder = ZeroBiasAutoencoder(6, activation=activation, max_iter=8, random_state=0).fit(X)
        kinks = as_activation(activation, autoencoder.threshold_).kinks
        U = X @ autoencoder.components_.T
        far = X[np.min([np.abs(U - kink).min(axis=1) for kink in kinks], axis=0) > 1e-3]
        assert len(far) > 20
        assert_allclose(derivatives(autoencoder.score_samples, far).T, autoencoder.vector_field(far), atol=1e-6)
        trace = np.einsum("ini->n", derivatives(autoencoder.vector_field, far))
        assert_allclose(autoencoder.laplacian(far), trace, atol=1e-6)


@tied_or_not
@every_visible
@every_activation
def test_absorbing_where_the_laplacian_is_negative(activation, visible, tied):
    """is_absorbing(X) is laplacian(X) < 0, an array of bool (ENERGY eq. 39)."""
    X, model = make_model(activation, visible, tied, shape=(40, 4, 3), scale=1.5)
    autoencoder = estimator_of(model)
    result = autoencoder.is_absorbing(X)
    assert result.dtype == bool
    assert_array_equal(result, autoencoder.laplacian(X) < 0.0)


def test_absorbing_has_both_answers(rng):
    """With strong sigmoid units, sinks are absorbing; between two sinks the flow runs apart."""
    W = np.array([[6.0, 0.0]])
    autoencoder = estimator_of((W, np.array([0.0]), np.array([-3.0, 0.0]), as_activation("sigmoid"), "gaussian", None))
    assert_array_equal(autoencoder.is_absorbing([[0.0, 0.0], [3.0, 0.0], [-3.0, 0.0]]), [False, True, True])


# Special cases


def test_pca_is_a_special_case():
    """Identity units on principal components: E is exactly -|x - r|^2/2, and the divergence is k - d (ENERGY 3.1)."""
    X = load_iris().data
    for k in range(1, 5):
        pca = PCA(k).fit(X)
        W, mean = pca.components_, pca.mean_
        model = W, -W @ mean, mean, as_activation("identity"), "gaussian", None
        residual = X - pca.inverse_transform(pca.transform(X))
        for landscape in (Arrays(model), estimator_of(model)):
            assert_allclose(landscape.vector_field(X), -residual, atol=1e-13)
            assert_allclose(landscape.score_samples(X), -0.5 * (residual**2).sum(axis=1), rtol=1e-12, atol=1e-12)
            assert_allclose(landscape.laplacian(X), k - 4.0, rtol=0, atol=1e-14)


def test_kmeans_is_a_special_case():
    """Max units on any centres, b_k = -|w_k|^2/2: E is -min|x - w_k|^2/2, and the divergence is -d (ENERGY 3.2)."""
    X = load_iris().data
    kmeans = KMeans(5, n_init=1, random_state=0).fit(X)
    W = kmeans.cluster_centers_
    model = W, -0.5 * (W**2).sum(axis=1), np.zeros(4), as_activation("max"), "gaussian", None
    for landscape in (Arrays(model), estimator_of(model)):
        expected = -0.5 * kmeans.transform(X).min(axis=1) ** 2
        assert_allclose(landscape.score_samples(X), expected, rtol=1e-11, atol=1e-12)
        assert_allclose(landscape.vector_field(X), W[kmeans.predict(X)] - X, atol=1e-13)
        assert_array_equal(landscape.laplacian(X), np.full(len(X), -4.0))
    points, n_iter, converged = estimator_of(model).relax(X)
    assert_allclose(points, W[kmeans.predict(X)], rtol=1e-14)  # x + (w - x)
    assert set(n_iter) == {1}
    assert converged.all()


def test_kmeans_on_the_sphere_is_a_special_case(rng):
    """Max units with unit-norm weights, without biases, on unit-norm data: E is 1/2 - min|x - w_k|^2/2."""
    X, W = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (rng.standard_normal((m, 4)) for m in (50, 7)))
    model = W, np.zeros(7), np.zeros(4), as_activation("max"), "gaussian", None
    squared_distances = ((X[:, None] - W) ** 2).sum(axis=2)
    for landscape in (Arrays(model), estimator_of(model)):
        assert_allclose(landscape.score_samples(X), 0.5 - 0.5 * squared_distances.min(axis=1), atol=1e-14)
        assert_array_equal(landscape.laplacian(X), np.full(50, -4.0))


def hidden_states(k):
    """Return all binary hidden states, shape (2^k, k)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=k)))


def test_energy_of_a_bernoulli_rbm():
    """Sigmoid units on binary data: E is minus the free energy of scikit-learn's RBM with the same parameters."""
    X = (load_digits().data[:200] > 7).astype(float)
    rbm = BernoulliRBM(20, n_iter=3, random_state=0).fit(X)
    W, b, c = rbm.components_, rbm.intercept_hidden_, rbm.intercept_visible_
    model = W, b, c, as_activation("sigmoid"), "bernoulli", None
    for landscape in (Arrays(model), estimator_of(model)):
        assert_allclose(landscape.score_samples(X), -rbm._free_energy(X), rtol=0, atol=1e-10)
    assert_allclose(Model(*model).code(X), rbm.transform(X), atol=1e-12)


def test_energy_of_a_bernoulli_rbm_by_enumeration(rng):
    """E equals the definition of minus the free energy: the log of the sum of exp(-energy) over all hidden states."""
    W, b, c = rng.standard_normal((5, 4)), rng.standard_normal(5), rng.standard_normal(4)
    X, H = hidden_states(4), hidden_states(5)
    joint = (X @ W.T + b) @ H.T + (X @ c)[:, None]
    model = W, b, c, as_activation("sigmoid"), "bernoulli", None
    for landscape in (Arrays(model), estimator_of(model)):
        assert_allclose(landscape.score_samples(X), np.log(np.exp(joint).sum(axis=1)), rtol=0, atol=1e-10)


def test_energy_of_a_gaussian_bernoulli_rbm(rng):
    """With gaussian visible units of variance 1, E is log sum_h exp(-|x - c|^2/2 + b.h + h.Wx)."""
    W, b, c = rng.standard_normal((5, 4)), rng.standard_normal(5), rng.standard_normal(4)
    X, H = 2.0 * rng.standard_normal((30, 4)), hidden_states(5)
    joint = -0.5 * ((X - c) ** 2).sum(axis=1)[:, None] + (H @ b)[None] + X @ W.T @ H.T
    model = W, b, c, as_activation("sigmoid"), "gaussian", None
    for landscape in (Arrays(model), estimator_of(model)):
        assert_allclose(landscape.score_samples(X), np.log(np.exp(joint).sum(axis=1)), rtol=0, atol=1e-10)


def test_energy_of_a_mixture_of_gaussians(rng):
    """Softmax units with b_k = log pi_k - |w_k|^2/2: E is the log density of the mixture around the w_k, up to c."""
    W, shares, X = rng.standard_normal((5, 3)), rng.dirichlet(np.ones(5)), rng.standard_normal((40, 3))
    model = W, np.log(shares) - 0.5 * (W**2).sum(axis=1), np.zeros(3), as_activation("softmax"), "gaussian", None
    distances = ((X[:, None] - W) ** 2).sum(axis=2)
    expected = np.log(np.exp(-0.5 * distances) @ shares)
    assert_allclose(Arrays(model).score_samples(X), expected, rtol=1e-12, atol=1e-12)


# Numbers at their limits


@both_dtypes
@tied_or_not
@every_activation
def test_exact_zero_and_one(activation, tied, dtype):
    """At exact 0 and 1, bernoulli units give finite results without a warning: the limits of those nearby."""
    X, model = make_model(activation, "bernoulli", tied, shape=(16, 4, 3))
    X, model = hidden_states(4).astype(dtype), in_dtype(model, dtype)
    X[3] = [0.0, 1.0, 0.25, 1.0]
    autoencoder = estimator_of(model)
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        here = [getattr(landscape, name)(X) for landscape in (Arrays(model), autoencoder) for name in PER_ROW]
        points, _, _ = autoencoder.relax(X, max_iter=3)
    assert all(np.isfinite(result).all() for result in here)
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    if distance_to_kinks(activation, pre_activations(model, X)) > 1e-3:
        near = np.clip(X, 1e-6, 1.0 - 1e-6)
        for name in PER_ROW:
            assert_allclose(getattr(autoencoder, name)(near), getattr(autoencoder, name)(X), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("outside", [-0.01, 1.01, 255.0])
@pytest.mark.parametrize("method", EVERYTHING)
def test_values_outside_zero_and_one_are_refused(method, outside):
    """Bernoulli units refuse values outside [0, 1], in a sentence that says what to do."""
    X, model = make_model(as_activation("sigmoid"), "bernoulli")
    X[1, 2] = outside
    with pytest.raises(ValueError, match=r"values in \[0, 1\].*MinMaxScaler.*visible='gaussian'"):
        getattr(estimator_of(model), method)(X)


def models_with_large_pre_activations(activation, visible, tied, dtype):
    """Yield rows and models with |u| up to 1, 100 and 1e4, from large weights, large biases or large rows."""
    for size, what in itertools.product((1.0, 1e2, 1e4), ("weights", "biases", "rows")):
        if (what, visible) == ("rows", "bernoulli"):
            continue
        X, (W, b, c, *rest) = make_model(activation, visible, tied, shape=(50, 5, 6))
        share = size / np.abs(X @ W.T + b).max()
        if what == "weights":
            W, b = share * W, share * b
        elif what == "biases":
            b = 0.99 * size * b / np.abs(b).max()
        else:
            X = 0.9 * size * X / np.abs(X @ W.T).max()
        model = in_dtype((W, b, c, *rest), dtype)
        yield X.astype(dtype), model


@pytest.mark.sampled(3)
@both_dtypes
@tied_or_not
@every_visible
@every_activation
def test_no_overflow(activation, visible, tied, dtype):
    """For |u| up to 1e4 nothing is infinite or NaN, nothing warns, and the dtype is kept."""
    for X, model in models_with_large_pre_activations(activation, visible, tied, dtype):
        with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
            warnings.simplefilter("error")
            results = [getattr(Arrays(model), name)(X) for name in PER_ROW]
        results += [getattr(estimator_of(model), name)(X) for name in PER_ROW]
        assert all(np.isfinite(result).all() for result in results)
        assert {result.dtype for result in results} == {np.dtype(dtype)}


@every_visible
@every_activation
def test_float32_energy_agrees_with_float64(activation, visible):
    """float32 and float64 energies agree to 1e-5 of sum_k |Phi_k| + |x - c|^2/2, for |u| up to 1e4."""
    for X, model in models_with_large_pre_activations(activation, visible, True, np.float32):
        X64, model64 = X.astype(float), in_dtype(model, float)
        error = np.abs(Model(*model).energy(X) - Model(*model64).energy(X64))
        assert (error <= 1e-5 * scale_of_energy(model64, X64)).all()


@pytest.mark.parametrize("offset", [1.0, 10.0, 100.0])
@every_activation
def test_float32_energy_of_data_off_the_origin(activation, offset):
    """Energies agree to the rounding of Wx + b, whose terms nearly cancel for data 100 deviations off the origin."""
    X, (W, b, c, *rest) = make_model(activation, shape=(200, 20, 30), scale=0.2)
    X, b, c = X + offset, b - offset * W.sum(axis=1), c + offset
    X, model = X.astype(np.float32), in_dtype((W, b, c, *rest), np.float32)
    X64, model64 = X.astype(float), in_dtype(model, float)
    error = np.abs(Model(*model).energy(X) - Model(*model64).energy(X64))
    assert (error <= rounding_of_energy(model64, X64, np.float32)).all()


@both_dtypes
@every_visible
@every_activation
def test_a_row_scores_alone_as_in_a_batch(activation, visible, dtype):
    """Scores do not depend on the batch, over several chunks of rows, to 1e-12 or 1e-5 of their scale."""
    X, model = make_model(activation, visible, shape=(9000, 8, 6), scale=0.5)
    X, model = X.astype(dtype), in_dtype(model, dtype)
    autoencoder = estimator_of(model)
    whole = autoencoder.score_samples(X)
    scale = scale_of_energy(in_dtype(model, float), X.astype(float))
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for i in (0, 1, 4095, 4096, 8191, 8192, 8999):
        assert abs(autoencoder.score_samples(X[i : i + 1])[0] - whole[i]) <= tolerance * scale[i]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_memory_is_bounded(activation, tied, rng):
    """200,000 rows are scored in less than 100 MB beyond input and output."""
    X = rng.random((200_000, 20), dtype=np.float32)
    _, model = make_model(as_activation(activation), "bernoulli", tied, shape=(1, 20, 64), scale=0.2)
    autoencoder = estimator_of(model)
    for name in [*PER_ROW, "is_absorbing"]:
        tracemalloc.start()
        result = getattr(autoencoder, name)(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - result.nbytes < 100e6, name
    tracemalloc.start()
    results = autoencoder.relax(X, max_iter=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - sum(result.nbytes for result in results) < 100e6


# Relaxation


def gain_of_a_step(X, model, step_size):
    """Return by how much one step raises the energy, what theory promises, and the scale of the rounding."""
    points, n_iter, _ = relax(Model(*model), X, step_size=step_size, max_iter=1, tol=0.0)
    assert n_iter.max() <= 1
    before, after = Model(*model).energy(X), Model(*model).energy(points)
    squared = (Model(*model).vector_field(X) ** 2).sum(axis=1)
    rounding = np.maximum(scale_of_energy(model, X), scale_of_energy(model, points))
    return after - before, (step_size - 0.5 * step_size**2) * squared, rounding


@examples(150)
@given(
    activation=st.sampled_from(MONOTONE),
    visible=st.sampled_from(VISIBLE),
    share=st.floats(1e-3, 1.0),
    scale=st.sampled_from([0.1, 0.7, 3.0, 30.0]),
    seed=st.integers(0, 999),
)
def test_a_step_raises_the_energy_of_monotone_units(activation, visible, share, scale, seed):
    """With non-decreasing h, a step raises the energy by at least (s - s^2/2) |r - x|^2, for s up to the longest."""
    X, model = make_model(activation, visible, shape=(8, 4, 3), scale=scale, seed=seed)
    gain, promised, rounding = gain_of_a_step(X, model, share * LONGEST[visible])
    assert (gain >= promised - 1e-12 * rounding).all()


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("activation", MONOTONE, ids=name_of)
def test_the_longest_step_never_lowers_the_energy(activation, visible):
    """At the ends of the range, s = 2 (gaussian), s = 1 (bernoulli) and tiny s, no step lowers the energy."""
    for scale, share in itertools.product((0.1, 1.0, 10.0), (1.0, 0.5, 1e-6)):
        X, model = make_model(activation, visible, shape=(40, 4, 3), scale=scale)
        gain, promised, rounding = gain_of_a_step(X, model, share * LONGEST[visible])
        assert (gain >= promised - 1e-12 * rounding).all()


def test_monotone_units_are_not_slowed_down(rng):
    """Monotone units take the whole step of the given size."""
    for activation, visible in itertools.product(MONOTONE, VISIBLE):
        X, model = make_model(activation, visible)
        for size in (0.3, LONGEST[visible]):
            points, _, _ = relax(Model(*model), X, step_size=size, max_iter=1, tol=0.0)
            assert_allclose(points, X + size * Model(*model).vector_field(X), rtol=1e-12, atol=1e-14)


@examples(100)
@given(
    activation=st.sampled_from(NOT_MONOTONE),
    visible=st.sampled_from(VISIBLE),
    share=st.floats(1e-3, 1.0),
    scale=st.sampled_from([0.1, 0.7, 3.0, 30.0]),
    seed=st.integers(0, 999),
)
def test_a_step_never_lowers_the_energy_of_other_units(activation, visible, share, scale, seed):
    """With square and modulus units, the energy does not fall for any given step size."""
    X, model = make_model(activation, visible, shape=(8, 4, 3), scale=scale, seed=seed)
    gain, _, rounding = gain_of_a_step(X, model, share * LONGEST[visible])
    assert (gain >= -1e-12 * rounding).all()


@pytest.mark.parametrize("activation", NOT_MONOTONE, ids=name_of)
def test_square_and_modulus_halve_the_step_where_they_must(activation):
    """If the whole step lowers the energy, it is halved until the energy rises."""
    X, model = make_model(activation, shape=(200, 4, 3), scale=1.5)
    field = Model(*model).vector_field(X)
    points, _, _ = relax(Model(*model), X, step_size=2.0, max_iter=1, tol=0.0)
    lower = Model(*model).energy(X + 2.0 * field) < Model(*model).energy(X)
    assert 0 < lower.sum() < 200
    assert_allclose(points[~lower], (X + 2.0 * field)[~lower], rtol=1e-12)
    taken = ((points - X) * field).sum(axis=1) / (field**2).sum(axis=1)
    assert (taken[lower] < 1.5).all()
    assert_allclose(np.log2(taken), np.round(np.log2(taken)), atol=1e-9)
    assert (Model(*model).energy(X + 2.0 * taken[:, None] * field) < Model(*model).energy(X))[lower].all()


def test_modulus_needs_no_halving_up_to_its_bound(rng):
    """Steps up to 2/(1 + |W|_2^2) raise the energy of modulus units without halving."""
    for seed in range(5):
        X, model = make_model(as_activation("modulus"), shape=(40, 4, 6), scale=1.0, seed=seed)
        size = min(2.0, 2.0 / (1.0 + np.linalg.norm(model[0], 2) ** 2))
        points, _, _ = relax(Model(*model), X, step_size=size, max_iter=1, tol=0.0)
        assert_allclose(points, X + size * Model(*model).vector_field(X), rtol=1e-12, atol=1e-14)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("scale", [0.2, 1.0])
@every_visible
@every_activation
def test_no_step_of_a_trajectory_lowers_the_energy(activation, visible, scale, share):
    """Of nine single steps, each raises the energy; if no row diverges, they equal the nine steps of one call."""
    X, model = make_model(activation, visible, shape=(12, 4, 3), scale=scale)
    size = share * LONGEST[visible]
    points, taken = X, 0
    for _ in range(9):
        new, n_iter, converged = relax(Model(*model), points, step_size=size, max_iter=1, tol=1e-7)
        rounding = scale_of_energy(model, new) + scale_of_energy(model, points)
        assert (Model(*model).energy(new) >= Model(*model).energy(points) - 1e-12 * rounding).all()
        points, taken = new, taken + n_iter
    whole, n_iter, at_once = relax(Model(*model), X, step_size=size, max_iter=9, tol=1e-7)
    near = np.abs(points).max(axis=1) < 1e5
    assert near.any() or scale == 1.0
    assert_allclose(whole[near], points[near], rtol=1e-7, atol=1e-9)
    assert_array_equal(n_iter[near], taken[near])
    assert_array_equal(at_once[near], converged[near])


@pytest.mark.sampled(3)
@both_dtypes
@tied_or_not
@every_visible
@every_activation
def test_converged_points_are_fixed_points(activation, visible, tied, dtype):
    """Points of the estimator's `relax` have no entry of r(x) - x above tol root mean variances; finite, X's dtype."""
    X, model = make_model(activation, visible, tied, shape=(30, 4, 3), scale=0.5)
    X, tol = X.astype(dtype), 1e-3
    autoencoder = estimator_of(in_dtype(model, dtype), train=X)
    unit = np.sqrt(autoencoder.var_.mean())
    points, n_iter, converged = autoencoder.relax(X, tol=tol, max_iter=200)
    assert (points.shape, points.dtype) == (X.shape, np.dtype(dtype))
    assert (n_iter.shape, n_iter.dtype.kind) == ((30,), "i")
    assert (converged.shape, converged.dtype) == ((30,), bool)
    assert np.isfinite(points).all()
    assert n_iter.min() >= 0
    assert n_iter.max() <= 200
    speed = np.abs(autoencoder.vector_field(points)).max(axis=1)
    assert (speed[converged] <= tol * unit * (1.0 + 1e-3)).all()
    assert (speed[(n_iter == 200) & ~converged] >= tol * unit * (1.0 - 1e-3)).all()
    if visible == "bernoulli":
        assert points.min() >= 0.0
        assert points.max() <= 1.0
    if tied:
        rounding = scale_of_energy(in_dtype(model, float), X.astype(float))
        gain = autoencoder.score_samples(points.astype(float)) - autoencoder.score_samples(X.astype(float))
        assert (gain >= -(1e-12 if dtype == np.float64 else 1e-4) * rounding)[converged].all()


@both_dtypes
@pytest.mark.parametrize("scale", [0.7, 1.5])
@every_activation
def test_bernoulli_rows_arrive(activation, scale, dtype):
    """In the cube the energy is bounded, so all rows come to rest, in float32 and float64."""
    X, model = make_model(activation, "bernoulli", shape=(60, 6, 5), scale=scale)
    _, _, converged = relax(Model(*in_dtype(model, dtype)), X.astype(dtype))
    assert converged.all()


@pytest.mark.parametrize(
    ("visible", "step_size"),
    [*(("gaussian", size) for size in (0.1, 0.5, 1.0, 1.5)), *(("bernoulli", size) for size in (0.1, 0.5, 1.0))],
)
def test_iterations_are_counted(visible, step_size):
    """With a constant reconstruction, |x_n - c| is |1 - s|^n |x - c|, and the count is the first n within tol."""
    c, tol = np.array([-0.4, 0.3]), 1e-4
    target = c if visible == "gaussian" else expit(c)
    model = np.zeros((1, 2)), np.zeros(1), c, as_activation("tanh"), visible, None
    X = np.array([[0.1, 0.9], [0.5, 0.5], [0.9, 0.1], target])
    distance, expected = np.abs(X - target).max(axis=1), []
    for far in distance:
        expected.append(next(n for n in itertools.count() if far * abs(1.0 - step_size) ** n <= tol))
    points, n_iter, converged = relax(Model(*model), X, step_size=step_size, tol=tol)
    assert n_iter.tolist() == expected
    assert converged.all()
    assert_allclose(points, target + (X - target) * (1.0 - step_size) ** np.array(expected)[:, None], atol=1e-12)
    for max_iter in (0, 1, max(expected) - 1, max(expected)):
        _, n_iter, converged = relax(Model(*model), X, step_size=step_size, tol=tol, max_iter=max_iter)
        assert n_iter.tolist() == [min(max_iter, n) for n in expected]
        assert converged.tolist() == [n <= max_iter for n in expected]


def test_max_iter_zero_stays(rng):
    """Without steps, the points are a copy of X, and only fixed points have arrived."""
    X, model = make_model(as_activation("sigmoid"), shape=(20, 4, 3))
    autoencoder = estimator_of(model)
    fixed = autoencoder.relax(X)[0]
    both = np.vstack([X, fixed])
    points, n_iter, converged = autoencoder.relax(both, max_iter=0)
    assert_array_equal(points, both)
    assert not np.shares_memory(points, both)
    assert not n_iter.any()
    assert_array_equal(converged, np.repeat([False, True], 20))


def diverging():
    """Yield a name, rows that a model drives away, and the model."""
    far = np.array([[1.0, -2.0, 0.5], [-1e3, 1e3, 1e3]])
    W, b, c = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0]]), np.array([0.1, -0.2]), np.array([0.3, 0.2, -0.1])
    up = np.abs(W)
    yield "identity", far, (W, b, c, as_activation("identity"), "gaussian", None)
    yield "square", 1e3 * np.abs(far), (up, b, c, as_activation("square"), "gaussian", None)
    yield "relu", np.abs(far), (up, b, c, as_activation("relu"), "gaussian", None)
    yield "softplus", np.abs(far), (up, b, c, as_activation("softplus"), "gaussian", None)
    yield "modulus", np.abs(far), (up, b, c, as_activation("modulus"), "gaussian", None)
    yield "untied", far, (W, b, c, as_activation("identity"), "gaussian", 5.0 * W)
    yield "untied square", far, (up, b, c, as_activation("square"), "gaussian", 5.0 * up)


DIVERGING = {name: (X, model) for name, X, model in diverging()}


@both_dtypes
@pytest.mark.parametrize("step_size", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", DIVERGING)
def test_diverging_trajectories_are_flagged(name, step_size, dtype):
    """Diverging rows stop at a finite point far out, before max_iter; they are flagged, without a warning."""
    X, model = DIVERGING[name]
    X, model = X.astype(dtype), in_dtype(model, dtype)
    autoencoder = estimator_of(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = relax(Model(*model), X, step_size=step_size), autoencoder.relax(X, step_size=step_size)
    for points, n_iter, converged in results:
        assert np.isfinite(points).all()
        assert not converged.any()
        assert n_iter.max() < 1000


@both_dtypes
@pytest.mark.parametrize("activation", ["identity", "square", "relu", "sigmoid", "modulus"])
def test_relax_from_the_ends_of_the_floating_range(activation, dtype):
    """Rows near the largest float end at finite points, flagged unless they come back, without a warning."""
    _, model = make_model(as_activation(activation), shape=(6, 3, 2), scale=1.0)
    model = in_dtype(model, dtype)
    rows = np.array([[1.0, -0.5, 0.2], [-1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    for size in (1e-5, 1e-3, 0.99):
        X = (size * float(np.finfo(dtype).max) * rows).astype(dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            points, _, converged = relax(Model(*model), X, max_iter=20)
        assert np.isfinite(points).all()
        assert np.isfinite(Model(*model).vector_field(points[converged])).all()


@every_activation
def test_rows_do_not_depend_on_their_batch(activation):
    """A row moves as it does alone, even beside rows that diverge, arrive at once, or take long."""
    X, model = make_model(activation, shape=(25, 4, 3), scale=0.6)
    X[::5] *= 100.0
    autoencoder = estimator_of(model)
    points, n_iter, converged = autoencoder.relax(X, max_iter=60)
    for i in range(len(X)):
        alone = autoencoder.relax(X[i : i + 1], max_iter=60)
        assert_allclose(alone[0][0], points[i], rtol=1e-7, atol=1e-9)
        assert (alone[1][0], alone[2][0]) == (n_iter[i], converged[i])


def test_a_sink_and_an_escape_in_one_batch():
    """With square units, rows near the origin come to rest while rows far out diverge."""
    model = np.array([[1.0, 0.0]]), np.zeros(1), np.zeros(2), as_activation("square"), "gaussian", None
    points, n_iter, converged = relax(Model(*model), np.array([[0.5, 3.0], [40.0, 0.0], [-0.5, -1.0]]))
    assert converged.tolist() == [True, False, True]
    assert_allclose(points[[0, 2]], 0.0, atol=1e-3)
    assert np.isfinite(points).all()
    assert n_iter[1] < 100


def test_relax_does_not_depend_on_the_blocks(rng, monkeypatch):
    """The size of the chunks of rows changes nothing."""
    X, model = make_model(as_activation("tanh"), shape=(300, 4, 3))
    autoencoder = estimator_of(model)
    whole = autoencoder.relax(X)
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", 1)
    points, n_iter, converged = autoencoder.relax(X)
    assert_allclose(points, whole[0], rtol=1e-9, atol=1e-9)
    assert_array_equal(n_iter, whole[1])
    assert_array_equal(converged, whole[2])


def test_relax_does_not_depend_on_the_scale():
    """In units 1024 times smaller, a homogeneous model gives the same counts, and points 1024 times as large."""
    X, (W, b, c, *rest) = make_model(as_activation("relu"), shape=(30, 4, 3), scale=0.4)
    small = estimator_of((W, b, c, *rest), train=X)
    large = estimator_of((W, 1024.0 * b, 1024.0 * c, *rest), train=1024.0 * X)
    points, n_iter, converged = small.relax(X)
    assert converged.any()
    scaled = large.relax(1024.0 * X)
    assert_array_equal(scaled[0], 1024.0 * points)
    assert_array_equal(scaled[1], n_iter)
    assert_array_equal(scaled[2], converged)


@both_dtypes
@pytest.mark.parametrize("step_size", [0.4, 1.0])
@every_activation
def test_bernoulli_stays_in_zero_and_one(activation, step_size, dtype):
    """No point leaves [0, 1], even from the corners."""
    _, model = make_model(activation, "bernoulli", scale=3.0)
    autoencoder = estimator_of(in_dtype(model, dtype))
    for max_iter in (1, 2, 20):
        points, _, _ = autoencoder.relax(hidden_states(4).astype(dtype), step_size=step_size, max_iter=max_iter)
        assert points.min() >= 0.0
        assert points.max() <= 1.0


def test_rows_that_miss_the_range_by_rounding_come_back():
    """Bernoulli units accept values like 1 + 4e-7; a step leads them into [0, 1]."""
    c = np.array([40.0, -40.0])
    autoencoder = estimator_of((np.zeros((1, 2)), np.zeros(1), c, as_activation("relu"), "bernoulli", None))
    points, _, _ = autoencoder.relax([[1.0 + 4e-7, -4e-7]], step_size=0.1, max_iter=1, tol=0.0)
    assert_array_equal(points, [[1.0, 0.0]])


@both_dtypes
@every_visible
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_input(kind, visible, dtype):
    """CSR rows give the same as dense rows."""
    X, model = make_model(as_activation("sigmoid"), visible, shape=(40, 4, 3))
    X[X < 0.5] = 0.0
    X = X.astype(dtype)
    autoencoder = estimator_of(model, train=X)
    tolerance = 1e-12 if dtype == np.float64 else 1e-6
    for name in [*PER_ROW, "is_absorbing"]:
        assert_allclose(getattr(autoencoder, name)(kind(X)), getattr(autoencoder, name)(X), rtol=tolerance)
    for result, expected in zip(autoencoder.relax(kind(X)), autoencoder.relax(X), strict=True):
        assert isinstance(result, np.ndarray)
        assert_allclose(result, expected, rtol=tolerance)


@pytest.mark.parametrize("activation", ["sigmoid", "modulus", "softmax"])
@every_visible
def test_inputs_are_left_alone(visible, activation):
    """Read-only rows and parameters are accepted, and nothing is written to them."""
    X, model = make_model(as_activation(activation), visible)
    arrays = [X, *(part for part in model if isinstance(part, np.ndarray))]
    before = [array.copy() for array in arrays]
    autoencoder = estimator_of(model)
    for array in arrays:
        array.flags.writeable = False
    state = dict(vars(autoencoder))
    for name in EVERYTHING:
        getattr(autoencoder, name)(X)
    relax(Model(*model), X)
    for array, copy in zip(arrays, before, strict=True):
        assert_array_equal(array, copy)
    assert vars(autoencoder) == state


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"step_size": 0.0}, "step_size"),
        ({"step_size": -0.5}, "step_size"),
        ({"step_size": 2.01}, r"step_size.*2"),
        ({"step_size": np.inf}, "step_size"),
        ({"step_size": np.nan}, "step_size"),
        ({"step_size": "long"}, "step_size"),
        ({"max_iter": -1}, "max_iter"),
        ({"max_iter": 2.5}, "max_iter"),
        ({"max_iter": None}, "max_iter"),
        ({"tol": -1e-9}, "tol"),
        ({"tol": np.nan}, "tol"),
        ({"tol": None}, "tol"),
    ],
    ids=str,
)
def test_relax_refuses(parameters, message):
    """Wrong step sizes, counts and tolerances are refused; the error names the argument."""
    X, model = make_model(as_activation("sigmoid"))
    with pytest.raises((ValueError, TypeError), match=message):
        estimator_of(model).relax(X, **parameters)


def test_relax_refuses_long_steps_of_bernoulli_units():
    """With bernoulli units the longest step is 1; numpy scalars are accepted, also at the ends."""
    X, model = make_model(as_activation("sigmoid"), "bernoulli")
    autoencoder = estimator_of(model)
    with pytest.raises(ValueError, match=r"step_size.*<= 1"):
        autoencoder.relax(X, step_size=1.01)
    autoencoder.relax(X, step_size=np.float32(1.0), max_iter=np.int64(2), tol=np.float64(0.0))
    X, model = make_model(as_activation("sigmoid"))
    estimator_of(model).relax(X, step_size=2, max_iter=2, tol=0)


@pytest.mark.parametrize("method", EVERYTHING)
def test_methods_validate(method):
    """An unfitted estimator, a wrong number of features and NaN are refused."""
    X, model = make_model(as_activation("sigmoid"))
    with pytest.raises(NotFittedError):
        getattr(ContractiveAutoencoder(), method)(X)
    autoencoder = estimator_of(model)
    with pytest.raises(ValueError, match=r"3 features.*4 features"):
        getattr(autoencoder, method)(X[:, :3])
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        getattr(autoencoder, method)(X)


# An activation of the user's own


@tied_or_not
@every_visible
def test_coupled_units_of_the_user(visible, tied):
    """Coupled units that define a divergence have a Laplacian, and the field is the gradient of their energy."""
    X, model = make_model(NormalizedWithDivergence(), visible, tied)
    autoencoder = estimator_of(model)
    field = autoencoder.vector_field(X)
    trace = np.einsum("ini->n", derivatives(autoencoder.vector_field, X))
    assert_allclose(autoencoder.laplacian(X), trace, rtol=1e-6, atol=1e-6)
    if tied:
        expected = field if visible == "gaussian" else logit(X + field) - logit(X)
        assert_allclose(derivatives(autoencoder.score_samples, X).T, expected, rtol=1e-6, atol=1e-6)
        gain, promised, _ = gain_of_a_step(X, model, 0.9)
        assert (gain >= promised - 1e-12).all()


@every_visible
def test_coupled_units_without_a_divergence(visible):
    """Without a divergence, the Laplacian is refused in a sentence that says what is missing; all else works."""
    X, model = make_model(Normalized(), visible)
    autoencoder = estimator_of(model)
    for method in ("laplacian", "is_absorbing"):
        with pytest.raises(ValueError, match=r"laplacian needs .*derivative or a divergence.*'normalized'"):
            getattr(autoencoder, method)(X)
    assert np.isfinite(autoencoder.score_samples(X)).all()
    assert autoencoder.relax(X)[2].all()


@dataclasses.dataclass(frozen=True)
class Bump(Activation):
    """h(u) = exp(-u^2), which is not monotone and has no potential here."""

    name = "bump"
    monotone = False
    non_negative = True

    def value(self, u, out=None):
        return np.exp(-u * u, out=out)

    def derivative(self, u, h, out=None):
        return np.multiply(-2.0 * u, h, out=out)


def test_units_without_a_potential():
    """Without a potential, tied weights relax but have no score, and the error says why; untied ones have a score."""
    X, model = make_model(Bump())
    autoencoder = estimator_of(model)
    with pytest.raises(ValueError, match=r"needs an activation with a potential.*'bump'.*tied_weights=False"):
        autoencoder.score_samples(X)
    points, _, converged = autoencoder.relax(X)
    assert np.isfinite(points).all()
    assert np.abs(autoencoder.vector_field(points[converged])).max() <= 1e-4
    trace = np.einsum("ini->n", derivatives(autoencoder.vector_field, X))
    assert_allclose(autoencoder.laplacian(X), trace, atol=1e-6)
    X, model = make_model(Bump(), tied=False)
    assert np.isfinite(estimator_of(model).score_samples(X)).all()


# The circle of ENERGY figure 2


@pytest.fixture(scope="module")
def circle():
    """Return rows on a noisy circle, and an autoencoder that has learned them."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0.0, 2.0 * np.pi, 1000)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * rng.standard_normal((1000, 2))
    autoencoder = ContractiveAutoencoder(20, alpha=0.03, solver="lbfgs", max_iter=300, random_state=0)
    return X, autoencoder.fit(X)


def fixed_point_inside(autoencoder):
    """Return the fixed point inside the circle, as a row."""
    solution = root(lambda x: autoencoder.vector_field(x[None])[0], np.zeros(2), tol=1e-12)
    assert solution.success
    return solution.x[None]


def test_circle_has_a_minimum_inside(circle):
    """At the centre is a fixed point from which the flow runs away in all directions: E is lowest there."""
    _, autoencoder = circle
    centre = fixed_point_inside(autoencoder)
    assert np.linalg.norm(centre) < 0.3
    hessian = derivatives(autoencoder.vector_field, centre)[:, 0]
    assert_allclose(hessian, hessian.T, atol=1e-6)
    assert np.linalg.eigvalsh(hessian).min() > 0.05
    assert not autoencoder.is_absorbing(centre)[0]
    angle = np.linspace(0.0, 2.0 * np.pi, 36, endpoint=False)
    ring = centre + 0.2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert (autoencoder.score_samples(ring) > autoencoder.score_samples(centre)).all()


def test_only_the_energy_tells_the_centre_of_the_circle_from_data(circle):
    """The reconstruction error is zero at the minimum, so it ranks the centre above all data; the energy, below."""
    X, autoencoder = circle
    centre = fixed_point_inside(autoencoder)
    error, score = autoencoder.reconstruction_error(X), autoencoder.score_samples(X)
    assert autoencoder.reconstruction_error(centre)[0] < error.min()
    assert autoencoder.score_samples(centre)[0] < score.min()
    assert autoencoder.is_absorbing(X).all()
    around = centre + 0.02 * hidden_states(2)
    assert autoencoder.reconstruction_error(around).max() < np.median(error)
    assert autoencoder.score_samples(around).max() < score.min()


def test_the_circle_attracts(circle):
    """From a ring near the centre, and from outside, all rows move uphill and come to rest on the circle."""
    _, autoencoder = circle
    angle = np.linspace(0.0, 2.0 * np.pi, 50, endpoint=False)
    directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    start = np.vstack([fixed_point_inside(autoencoder) + 0.1 * directions, 1.6 * directions])
    points, _, converged = autoencoder.relax(start, tol=1e-3)
    assert converged.all()
    assert_allclose(np.linalg.norm(points, axis=1), 1.0, atol=0.1)
    assert (autoencoder.score_samples(points) > autoencoder.score_samples(start)).all()
    assert autoencoder.is_absorbing(points).all()


def test_all_activations_are_tested():
    """The list of activations in these tests has every registered one."""
    assert {activation.name for activation in ALL_ACTIVATIONS} >= set(ACTIVATIONS)
    assert len(ACTIVATIONS) >= 14
