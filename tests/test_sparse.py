"""The sparse penalty and SparseAutoencoder: the divergence and its tangents, batches, predictions, the estimator."""

import itertools

import numpy as np
import pytest
from autoencoders import assert_same_fit, in_turn, unchanged
from helpers import (
    ALL_ACTIVATIONS,
    VISIBLE,
    check_gradient,
    check_value_object,
    make_layout,
    make_problem,
    name_of,
    numerical_gradient,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, xlogy
from sklearn.datasets import load_digits

import skae.training._sparse_route
from skae import SparseAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.activations import (
    Activation,
    Identity,
    Max,
    Modulus,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Square,
    Tanh,
    TRec,
    as_activation,
)
from skae.metrics import activation_fraction, dead_unit_fraction
from skae.objectives import Reconstruction
from skae.penalties import Batch, Gradient, Sparse, check_compatible

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TAKEN = [activation for activation in ALL_ACTIVATIONS if activation.non_negative]
REFUSED = [activation for activation in ALL_ACTIVATIONS if not activation.non_negative]
IN_UNIT_INTERVAL = [activation for activation in TAKEN if activation.at_most_one]
UNBOUNDED = [activation for activation in TAKEN if not activation.at_most_one]
MARGIN = 1e-4
TARGETS = [0.0, 0.05, 0.5]

every_target = pytest.mark.parametrize("target", TARGETS)
tying = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
weighting = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=name_of)


def divergence(target, mean):
    """KL(rho || m) of SPARSE eq. 12; -log(1 - m) of eq. 13 at rho = 0."""
    mean = np.asarray(mean, dtype=np.float64)
    return xlogy(target, target) - xlogy(target, mean) + (1 - target) * (np.log1p(-target) - np.log1p(-mean))


def slope_of_divergence(target, mean):
    """Its derivative in m."""
    return (1.0 - target) / (1.0 - mean) - target / mean


class Dial(Activation):
    """h(u) = u where it is not negative, to dial in any mean code; bounded by 1 or not, as a subclass says."""

    name = "dial"
    non_negative = True

    def value(self, u, out=None):
        return np.maximum(u, 0.0, out=out)

    def derivative(self, u, h, out=None):
        return np.greater(u, 0.0, out=np.empty_like(u) if out is None else out)


class BoundedDial(Dial):
    """The same, said to stay below 1."""

    name = "bounded dial"
    at_most_one = True


def value_and_slope(penalty, activation, means, dtype=np.float64):
    """Value of the penalty at given mean codes, and its derivative in each."""
    U = np.array(means, dtype=dtype)[None]
    W = np.zeros((U.shape[1], 1), dtype=dtype)
    batch = Batch(
        U, U, activation.value(U), W, W, 1.0, activation, None, lambda name, shape, dtype: np.empty(shape, dtype)
    )
    grad = Gradient(np.zeros_like(U), W, W)
    return penalty.add(batch, grad), grad.U[0]


# The penalty


def test_the_lists_cover_what_they_should():
    """What can be negative is refused; what stays below 1 has the exact divergence."""
    assert {each.name for each in IN_UNIT_INTERVAL} == {"sigmoid", "softmax", "max"}
    assert {each.name for each in UNBOUNDED} == {"relu", "softplus", "square", "modulus", "trec"}
    assert {each.name for each in REFUSED} == {
        "identity",
        "tanh",
        "synchrony",
        "tlin",
        "shrink",
        "satlinear",
    }


@pytest.mark.sampled(5)
@weighting
@tying
@pytest.mark.parametrize("visible", VISIBLE)
@every_target
@pytest.mark.parametrize("activation", TAKEN, ids=name_of)
def test_gradient(activation, target, visible, tied, weighted):
    """The gradient agrees with central differences to 1e-6, inside the divergence's domain and on its tangents."""
    check_gradient(activation, (Sparse(0.3, target),), visible, tied, weighted)


@weighting
@every_target
@pytest.mark.parametrize("activation", [Sigmoid(), Softmax()], ids=name_of)
def test_value_is_the_divergence(activation, target, weighted):
    """alpha sum_k KL(rho || m_k) of the weighted mean code, unit by unit."""
    layout = make_layout()
    theta, X, weight = make_problem(layout, activation, weighted=weighted)
    blocks = layout.views(theta)
    mean = np.average(activation.value(X @ blocks["W"].T + blocks["b"]), axis=0, weights=weight)
    expected = 0.7 * sum(divergence(target, m) for m in mean)
    found = Reconstruction(layout, activation, penalties=(Sparse(0.7, target),)).value(theta, X, None, weight)
    assert found - Reconstruction(layout, activation).value(theta, X, None, weight) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("activation", [Sigmoid(), Softmax(), ReLU(), Softplus()], ids=name_of)
def test_target_zero_is_equation_13(activation):
    """At rho = 0 it is -alpha sum_k log(1 - mean h_k)."""
    layout = make_layout()
    theta, X, _ = make_problem(layout, activation)
    theta = 0.1 * theta
    blocks = layout.views(theta)
    mean = activation.value(X @ blocks["W"].T + blocks["b"]).mean(axis=0)
    assert mean.max() < 0.99
    found = Reconstruction(layout, activation, penalties=(Sparse(0.7, 0.0),)).value(theta, X)
    found -= Reconstruction(layout, activation).value(theta, X)
    assert found == pytest.approx(-0.7 * np.log1p(-mean).sum(), rel=1e-7)


@pytest.mark.parametrize("target", [1e-6, 0.01, 0.05, 0.5, 0.9, 0.99995, 1.0 - 1e-6])
def test_the_divergence_is_zero_at_the_target_and_falls_towards_it(target):
    """It is least, and 0, where the mean is the target; its slope has the sign of mean - target everywhere."""
    means = [0.0, 1e-12, 1e-5, 0.5 * target, target, 0.5 + 0.5 * target, 1.0 - 1e-7, 1.0, 1.5, 100.0]
    for activation in (Dial(), BoundedDial()):
        for mean in means:
            value, slope = value_and_slope(Sparse(1.0, target), activation, [mean])
            assert np.isfinite(value)
            assert np.isfinite(slope).all()
            if mean == target:
                assert value == pytest.approx(0.0, abs=1e-12)
                assert_allclose(slope, 0.0, atol=1e-12)
            else:
                assert value > 0.0
                assert np.sign(slope[0]) == np.sign(mean - target) or mean == 0.0  # at 0 the unit is flat


def test_no_unit_pays_for_being_idle_at_target_zero():
    """At rho = 0 a mean of 0 costs nothing, and every activity costs at least itself."""
    for activation in (Dial(), BoundedDial()):
        assert value_and_slope(Sparse(1.0, 0.0), activation, [0.0, 0.0])[0] == pytest.approx(0.0, abs=1e-7)
        for mean in (0.01, 0.3, 0.9):
            value, slope = value_and_slope(Sparse(1.0, 0.0), activation, [mean])
            assert value == pytest.approx(-np.log1p(-mean), rel=1e-9)
            assert slope[0] == pytest.approx(1.0 / (1.0 - mean), rel=1e-9)


@pytest.mark.parametrize("target", [0.0, 0.01, 0.05, 0.5])
def test_tangents_continue_the_divergence_outside_its_domain(target):
    """Where units may exceed 1, value and slope are those of the tangents at 1e-4 and 1 - 1e-4 beyond them."""
    for edge, beyond in ((MARGIN, [1e-9, 3e-5, 9.9e-5]), (1.0 - MARGIN, [0.99995, 1.0, 1.3, 50.0])):
        at_edge, steepness = divergence(target, edge), slope_of_divergence(target, edge)
        for mean in beyond:
            value, slope = value_and_slope(Sparse(2.0, target), Dial(), [mean])
            assert value == pytest.approx(2.0 * (at_edge + steepness * (mean - edge)), rel=1e-9, abs=1e-12)
            assert slope[0] == pytest.approx(2.0 * steepness, rel=1e-9)
    for mean in (2e-4, 0.3, 0.9998):
        value, slope = value_and_slope(Sparse(2.0, target), Dial(), [mean])
        assert value == pytest.approx(2.0 * divergence(target, mean), rel=1e-9)
        assert slope[0] == pytest.approx(2.0 * slope_of_divergence(target, mean), rel=1e-9)


@pytest.mark.parametrize("mean", [1e-20, 1e-9, 1e-5, 1.0 - 1e-5, 1.0 - 2e-7])
@every_target
def test_the_divergence_is_exact_where_units_stay_below_one(target, mean):
    """Sigmoid and softmax have no tangents at 1e-4: the divergence is exact for means next to 0 and to 1."""
    value, slope = value_and_slope(Sparse(1.0, target), BoundedDial(), [mean])
    assert value == pytest.approx(float(divergence(target, mean)), rel=1e-9)
    assert slope[0] == pytest.approx(slope_of_divergence(target, mean), rel=1e-4)


@every_dtype
@every_target
@pytest.mark.parametrize("activation", TAKEN, ids=name_of)
def test_dead_and_saturated_units_have_finite_gradients(activation, target, dtype):
    """Biases that silence all units, or raise them without bound, give finite values and gradients."""
    layout = make_layout()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 4)).astype(dtype)
    objective = Reconstruction(layout, activation, penalties=(Sparse(0.3, target),))
    for bias in (-1000.0, -60.0, 60.0, 1000.0):
        theta = layout.pack(dtype, W=rng.standard_normal((3, 4)), b=[bias, 0.0, -bias], c=np.zeros(4))
        value, grad = objective.value_and_grad(theta, X)
        assert np.isfinite(value)
        assert np.isfinite(grad).all()
        assert grad.dtype == dtype


@every_dtype
@every_target
@pytest.mark.parametrize("alpha", [1e3, 1e6])
def test_strong_penalties_of_dead_units_are_finite(alpha, target, dtype):
    """A unit that is never the winner of a softmax has a mean code of zero, where the slope is largest."""
    layout = make_layout()
    objective = Reconstruction(layout, Softmax(), penalties=(Sparse(alpha, target),))
    theta = layout.pack(dtype, W=np.ones((3, 4)), b=[1000.0, 0.0, -1000.0], c=np.zeros(4))
    value, grad = objective.value_and_grad(theta, np.ones((6, 4), dtype=dtype))
    assert np.isfinite(value)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize("activation", [Sigmoid(), Softplus()], ids=name_of)
def test_idle_units_are_drawn_towards_the_target(activation):
    """A unit far below the target has a bias gradient that wakes it, one far above is calmed."""
    layout = make_layout(k=2)
    theta = layout.pack(float, W=np.zeros((2, 4)), b=[-20.0, 3.0], c=np.zeros(4))
    X = np.zeros((5, 4))
    _, grad = Reconstruction(layout, activation, penalties=(Sparse(1.0, 0.05),)).value_and_grad(theta, X)
    assert layout.views(grad)["b"][0] < 0.0 < layout.views(grad)["b"][1]


@every_target
def test_value_objects(target):
    """Instances can be shared, compared, hashed, cloned and sent to worker processes; fields are Python floats."""
    penalty = Sparse(0.3, target)
    check_value_object(penalty)
    assert penalty == Sparse(np.float64(0.3), np.float64(target))
    assert type(Sparse(0.1, np.float32(target)).target) is float
    assert Sparse(0.3, 0.7) != penalty


@pytest.mark.parametrize("target", [-0.1, 1.0, 1.5, np.nan, np.inf])
def test_impossible_targets_are_refused(target):
    """rho is in [0, 1)."""
    with pytest.raises(ValueError, match=rf"target of the penalty 'sparse' must be in \[0, 1\), got {target}"):
        Sparse(0.1, target)


@pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
def test_activations_that_can_be_negative_are_refused(activation):
    """In a sentence that names both sides; tied or not, gaussian or bernoulli, the others are taken."""
    for visible, tied in itertools.product(VISIBLE, (True, False)):
        if activation.non_negative:
            check_compatible(Sparse(), activation, visible, tied)
        else:
            words = f"'sparse' requires an activation that is never negative, which '{activation.name}' is not"
            with pytest.raises(ValueError, match=words):
                check_compatible(Sparse(), activation, visible, tied)


# Blocks and batches


@weighting
@every_target
@pytest.mark.parametrize("activation", [Sigmoid(), Softmax(), ReLU(), Square()], ids=name_of)
def test_blocks_with_the_mean_code_of_all_rows_are_exact(activation, target, weighted):
    """Given `mean_code`, the blocks' weighted mean is the whole, value and gradient, whatever their sizes."""
    layout = make_layout()
    objective = Reconstruction(layout, activation, penalties=(Sparse(0.7, target),))
    assert objective.uses_mean_code
    theta, X, weight = make_problem(layout, activation, n=11, weighted=weighted)
    whole = objective.value_and_grad(theta, X, None, weight)
    mean_code, mass = objective.mean_code(theta, X, weight), np.ones(11) if weight is None else weight
    value, grad, alone = 0.0, np.zeros_like(theta), 0.0
    for rows in (slice(0, 1), slice(1, 8), slice(8, 11)):
        part, share = None if weight is None else weight[rows], mass[rows].sum() / mass.sum()
        v, g = objective.value_and_grad(theta, X[rows], None, part, mean_code=mean_code)
        value, grad = value + share * v, grad + share * g
        alone += share * objective.value(theta, X[rows], None, part)
    assert value == pytest.approx(whole[0], rel=1e-12)
    assert_allclose(grad, whole[1], rtol=1e-10, atol=1e-12)
    assert alone > whole[0], "the divergence is convex: blocks by themselves pay more"


@pytest.mark.parametrize("activation", [Sigmoid(), ReLU()], ids=name_of)
def test_a_smaller_last_batch_counts_its_own_rows(activation, rng):
    """The mean code is that of the rows at hand, not what a larger batch before has left in memory."""
    layout = make_layout()
    theta = 0.5 * rng.standard_normal(layout.size)
    objective = Reconstruction(layout, activation, penalties=(Sparse(0.7, 0.1),))
    for n in (9, 4, 9, 1):
        X = rng.standard_normal((n, 4))
        fresh = Reconstruction(layout, activation, penalties=(Sparse(0.7, 0.1),))
        value, grad = objective.value_and_grad(theta, X)
        assert value == pytest.approx(fresh.value(theta, X), rel=1e-13)
        assert_array_equal(grad, fresh.value_and_grad(theta, X)[1])
        assert_allclose(grad, numerical_gradient(lambda t: fresh.value(t, X), theta), rtol=1e-6, atol=1e-6)  # noqa: B023


# The estimator

SOLVERS = ["adam", "sgd", "lbfgs"]
TRAINING = [*((solver, "fit") for solver in SOLVERS), ("adam", "partial_fit"), ("sgd", "partial_fit")]
ACTIVATIONS = ["sigmoid", "relu", "softplus", "softmax", "square", "modulus", "trec"]


def make_X(rng, n=60, d=5):
    """Correlated rows in [0, 1]."""
    return expit(rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d))


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return SparseAutoencoder(**{"n_components": 4, "max_iter": 6, "random_state": 0, "threshold": 0.2, **parameters})


def extended_divergence(target, mean, activation):
    """The divergence, continued by its tangents where the activation may exceed 1."""
    if activation in ("sigmoid", "softmax"):
        return divergence(target, mean)
    inside = np.clip(mean, MARGIN, 1.0 - MARGIN)
    return divergence(target, inside) + slope_of_divergence(target, inside) * (mean - inside)


@pytest.mark.parametrize(("weighted", "blocks"), [(False, 1), (True, 3)], ids=["equal", "weighted blocks"])
@pytest.mark.parametrize(
    ("activation", "training", "target"), in_turn(itertools.product(ACTIVATIONS, TRAINING), TARGETS), ids=name_of
)
def test_loss_is_the_objective_over_all_rows(activation, training, target, blocks, weighted, rng, monkeypatch):
    """loss_ is the squared error and the divergence of the mean code over all rows, cut into batches or not."""
    X, (solver, method) = make_X(rng, n=103), training
    weight = rng.uniform(0.1, 3.0, 103) if weighted else None
    size = -(-103 // blocks)
    monkeypatch.setattr(skae.training._sparse_route, "chunk_rows", lambda columns: size)
    autoencoder = make(activation=activation, alpha=0.4, target_activation=target, solver=solver, batch_size=size)
    getattr(autoencoder, method)(X, sample_weight=weight)
    mean = np.average(autoencoder.transform(X), axis=0, weights=weight)
    expected = 0.5 * np.average(autoencoder.reconstruction_error(X), weights=weight)
    expected += 0.4 * extended_divergence(target, mean, activation).sum()
    assert autoencoder.loss_ == pytest.approx(expected, rel=1e-9)
    if solver == "lbfgs":
        assert autoencoder.loss_curve_[-1] == pytest.approx(expected, rel=1e-9)


@every_target
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softplus"])
def test_lbfgs_takes_the_mean_over_all_rows(activation, target, rng, monkeypatch):
    """However the rows are cut into blocks, lbfgs minimises the same, and every iteration lowers it."""
    X = make_X(rng, n=103)
    parameters = {"activation": activation, "target_activation": target, "solver": "lbfgs", "tol": 0, "max_iter": 15}
    whole = make(**parameters).fit(X)
    assert (np.diff(whole.loss_curve_) < 0.0).all()
    monkeypatch.setattr(skae.training._sparse_route, "chunk_rows", lambda columns: 10)
    assert_same_fit(make(**parameters).fit(X), whole, rtol=1e-5, atol=1e-7)


def test_the_first_epoch_has_the_batches_own_means(rng):
    """A step of adam takes the mean over its batch: loss_curve_ is the mean of the batches, smaller ones too."""
    X = make_X(rng, n=23)
    still = {"learning_rate_init": 1e-15, "learning_rate": "constant", "max_iter": 1, "shuffle": False}
    autoencoder = make(alpha=0.4, batch_size=5, **still).fit(X)
    edges = [23 * i // 5 for i in range(6)]
    assert len(set(np.diff(edges))) == 2
    losses = []
    for start, stop in itertools.pairwise(edges):
        rows = X[start:stop]
        mean = autoencoder.transform(rows).mean(axis=0)
        losses.append(0.5 * autoencoder.reconstruction_error(rows).mean() + 0.4 * divergence(0.05, mean).sum())
    assert autoencoder.loss_curve_[0] == pytest.approx(np.average(losses, weights=np.diff(edges)), rel=1e-9)
    assert autoencoder.loss_ < autoencoder.loss_curve_[0]


@pytest.mark.parametrize("target", [0.05, 0.3])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softplus"])
def test_a_strong_penalty_reaches_the_target(activation, target, rng):
    """As alpha grows, every unit's mean activation goes to the target."""
    X = make_X(rng, n=200)
    parameters = {"activation": activation, "target_activation": target, "solver": "lbfgs", "max_iter": 200}
    distances = []
    for alpha in (1e-3, 0.1, 100.0):
        means = make(alpha=alpha, **parameters).fit(X).transform(X).mean(axis=0)
        distances.append(np.abs(means - target).max())
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.02


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softplus"])
def test_target_zero_balances_sparsity_and_reconstruction_by_alpha(activation):
    """At rho = 0 the activation fraction (SPARSE eq. 14) falls as alpha grows, and the reconstruction error rises."""
    X, threshold = load_digits().data[:300] / 16.0, 0.0 if activation == "relu" else 0.1
    parameters = {"n_components": 30, "activation": activation, "weight_constraint": "unit", "solver": "lbfgs"}
    found, errors = [], []
    for alpha in (0.0, 0.1, 1.0):
        autoencoder = make(alpha=alpha, target_activation=0.0, max_iter=60, **parameters).fit(X)
        found.append(activation_fraction(autoencoder, X, threshold=threshold))
        errors.append(autoencoder.reconstruction_error(X).mean())
    assert found[0] > 1.1 * found[1] > 1.2 * found[2]
    assert errors[0] < errors[1] < errors[2]


def test_a_positive_target_keeps_units_alive():
    """With rho > 0 no sigmoid unit falls silent at a strength that silences units at rho = 0."""
    X = load_digits().data[:300] / 16.0
    parameters = {"n_components": 30, "solver": "lbfgs", "max_iter": 60, "alpha": 3.0}
    silent, alive = (make(target_activation=target, **parameters).fit(X) for target in (0.0, 0.1))
    assert dead_unit_fraction(silent, X, threshold=0.1) > 0.5
    assert dead_unit_fraction(alive, X, threshold=0.1) == 0.0
    assert alive.transform(X).mean() == pytest.approx(0.1, abs=0.02)


def test_units_cannot_evade_the_penalty_by_their_scale(rng):
    """Untied, a small encoder with a large decoder would: the decoder rows keep unit length unless told otherwise."""
    X = make_X(rng)
    kept = make(tied_weights=False).fit(X)
    assert_allclose(np.linalg.norm(kept.decoder_components_, axis=1), 1.0, rtol=1e-12)
    free = make(tied_weights=False, weight_constraint=None).fit(X)
    assert np.ptp(np.linalg.norm(free.decoder_components_, axis=1)) > 1e-3
    tied = make().fit(X)
    assert np.ptp(np.linalg.norm(tied.components_, axis=1)) > 1e-3


# Refusals


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        *(
            ({"activation": name}, f"'sparse' requires an activation that is never negative, which '{name}' is not")
            for name in ("tanh", "identity", "tlin", "shrink", "satlinear", "synchrony")
        ),
        ({"activation": Tanh()}, "'sparse' requires an activation that is never negative, which 'tanh' is not"),
        ({"target_activation": 1.0}, r"'target_activation'.*\[0.0, 1.0\).*Got 1.0|target of the penalty.*got 1.0"),
        ({"target_activation": -0.1}, r"'target_activation'.*Got -0.1|target of the penalty.*got -0.1"),
        ({"target_activation": np.nan}, r"'target_activation'.*Got nan|target of the penalty.*got nan"),
    ],
    ids=str,
)
def test_refusals(parameters, words, method, rng):
    """What cannot be is refused in one sentence, and leaves the estimator as it was, fitted or not."""
    X = make_X(rng)
    for fitted in (False, True):
        autoencoder = make().fit(X) if fitted else make()
        autoencoder.set_params(**parameters)
        with unchanged(autoencoder), pytest.raises(ValueError, match=words) as caught:
            getattr(autoencoder, method)(X)
        assert "\n" not in str(caught.value)
        assert fitted or isinstance(caught.value, InvalidParameterError)


# Life with scikit-learn


@pytest.mark.parametrize("activation", [Max(), Modulus(), TRec(0.3), Softmax()], ids=name_of)
def test_instances_of_activations_are_taken(activation, rng):
    """By name and by instance they train alike."""
    X = make_X(rng)
    threshold = getattr(activation, "threshold", 1.0)
    named = make(activation=activation.name, threshold=threshold).fit(X)
    assert_same_fit(make(activation=activation).fit(X), named)
    assert as_activation(activation.name, threshold) == activation


def test_the_identity_is_refused_also_as_an_instance(rng):
    """A linear unit has no mean activation to speak of."""
    with pytest.raises(InvalidParameterError, match="which 'identity' is not"):
        make(activation=Identity()).fit(make_X(rng))
