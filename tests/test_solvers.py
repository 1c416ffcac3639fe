"""Solvers: update rules, the epoch loop, L-BFGS, schedules, stopping, reports."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
from helpers import make_layout, name_of
from numpy.testing import assert_allclose, assert_array_equal

from skae import ContractiveAutoencoder
from skae.activations import Sigmoid
from skae.objectives import Reconstruction
from skae.parameters import MaxNorm, UnitNorm
from skae.penalties import Contractive
from skae.solvers import LBFGS, SCHEDULES, SGD, UPDATE_RULES, Adam, DivergenceError, Stochastic, UpdateRule
from skae.solvers._result import Plateau
from skae.solvers._stochastic import largest_curvature


class Quadratic:
    """Mean over the rows of (theta - x)^T A (theta - x)/2. The minimum is at the mean row; the Hessian is A."""

    def __init__(self, eigenvalues):
        basis = np.linalg.qr(np.random.default_rng(7).standard_normal((len(eigenvalues),) * 2))[0]
        self.A = basis @ np.diag(eigenvalues) @ basis.T

    def value_and_grad(self, theta, X, target=None, sample_weight=None, *, mean_code=None, out=None):
        A, shift = self.A.astype(theta.dtype), theta - X
        grad = np.average(shift @ A, axis=0, weights=sample_weight).astype(theta.dtype)
        value = 0.5 * np.average(((shift @ A) * shift).sum(axis=1), weights=sample_weight)
        if out is None:
            return float(value), grad
        out[...] = grad
        return float(value), out

    def project(self, theta):
        pass

    def project_gradient(self, theta, grad):
        pass

    def constrain(self, v):
        return v.copy()

    def vjp(self, v, grad):
        return grad.copy()

    def unconstrain(self, theta):
        return theta.copy()

    def random_direction(self, rng):
        return rng.standard_normal(len(self.A))


class Blocks:
    """The ``batches`` of a solver: the given chunks of rows and weights, in a fixed or a random order each epoch."""

    def __init__(self, X, weight=None, edges=(), shuffle=False):
        weights = [None] * (len(edges) + 1) if weight is None else np.split(weight, edges)
        self.blocks = list(zip(np.split(X, edges), weights, strict=True))
        self.shuffle = shuffle
        self.mean_weight = (len(X) if weight is None else weight.sum()) / len(self.blocks)

    def __len__(self):
        return len(self.blocks)

    def __call__(self, rng):
        for i in rng.permutation(len(self)) if self.shuffle else range(len(self)):
            X, weight = self.blocks[i]
            yield X, None, weight


EIGENVALUES = (5.0, 2.0, 1.0, 0.5)
every_rule = pytest.mark.parametrize("rule", [cls() for cls in UPDATE_RULES.values()], ids=name_of)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=name_of)


@pytest.fixture
def quadratic():
    return Quadratic(EIGENVALUES)


@pytest.fixture
def rows(rng):
    """Return twelve rows in four dimensions, off centre."""
    return 1.0 + rng.standard_normal((12, 4))


# Update rules


def naive_sgd(rule, theta, grads, rates):
    """Update as in Sutskever et al. 2013: v <- m v - eta g; the Nesterov step looks ahead by m v."""
    velocity = np.zeros_like(theta)
    for g, eta in zip(grads, rates, strict=True):
        velocity = rule.momentum * velocity - eta * g
        theta = theta + (rule.momentum * velocity - eta * g if rule.nesterov else velocity)
    return theta


def naive_adam(rule, theta, grads, rates):
    """Update as in Kingma and Ba 2015, algorithm 1, with epsilon as a share of the overall root mean square."""
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for t, (g, eta) in enumerate(zip(grads, rates, strict=True), start=1):
        mean = rule.beta_1 * mean + (1 - rule.beta_1) * g
        square = rule.beta_2 * square + (1 - rule.beta_2) * g**2
        corrected = mean / (1 - rule.beta_1**t), square / (1 - rule.beta_2**t)
        epsilon = rule.epsilon * np.sqrt(corrected[1].mean())
        theta = theta - eta * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
    return theta


REFERENCES = {"sgd": naive_sgd, "adam": naive_adam}
RULES = [SGD(), SGD(momentum=0.5, nesterov=False), SGD(momentum=0.0), Adam(), Adam(beta_1=0.5, epsilon=1e-2)]


@every_dtype
@pytest.mark.parametrize("size", [1, 16384, 40000])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_update_equals_the_textbook(rule, size, dtype, rng):
    """In place, over several steps and more than one chunk, each rule gives what its paper says."""
    theta, grads, rates = rng.standard_normal(size), rng.standard_normal((4, size)), [0.1, 0.2, 0.05, 0.1]
    grads += np.where(grads < 0.0, -0.01, 0.01)  # none is taken for rounding
    expected = REFERENCES[rule.name](rule, theta, grads, rates)
    moved = theta.astype(dtype)
    state = rule.init(moved)
    for g, rate in zip(grads.astype(dtype), rates, strict=True):
        assert rule.update(moved, g, state, rate) is None
    assert moved.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    assert_allclose(moved, expected, rtol=tolerance, atol=tolerance)


@every_dtype
@every_rule
def test_state_is_plain_arrays(rule, dtype):
    """The state is arrays of theta's dtype and counters, without theta's memory: it can be carried and pickled."""
    theta = np.ones(5, dtype=dtype)
    for array in rule.init(theta).values():
        assert type(array) is np.ndarray
        assert array.dtype in (dtype, np.int64) or array.shape == ()
        assert not np.shares_memory(array, theta)


@every_dtype
def test_adam_does_not_step_along_rounding(dtype):
    """In the first gradient, entries that are only rounding move nothing; in later gradients they do."""
    theta, rule = np.zeros(3, dtype=dtype), Adam()
    state = rule.init(theta)
    noise = 4.0 * np.finfo(dtype).eps
    rule.update(theta, np.array([1.0, noise, -noise], dtype=dtype), state, 0.1)
    assert_allclose(theta, [-0.1, 0.0, 0.0], rtol=1e-3)
    rule.update(theta, np.array([1.0, 0.1, -0.1], dtype=dtype), state, 0.1)
    assert theta[1] < 0.0 < theta[2]


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_adam_does_not_see_the_scale_of_the_objective(scale, rng):
    """Gradients times a power of two give the same steps."""
    grads = rng.standard_normal((5, 40))
    results = []
    for factor in (1.0, 2.0 ** round(np.log2(scale))):
        theta, rule = np.zeros(40), Adam()
        state = rule.init(theta)
        for grad in grads:
            rule.update(theta, factor * grad, state, 0.1)
        results.append(theta)
    assert_allclose(results[1], results[0], rtol=1e-12)


def test_every_update_rule_has_a_reference():
    """Every update rule has its textbook form above, new ones too."""
    assert set(UPDATE_RULES) == set(REFERENCES) == {rule.name for rule in RULES}
    assert all(issubclass(cls, UpdateRule) for cls in UPDATE_RULES.values())


# The epoch loop


@every_dtype
@every_rule
def test_stochastic_reaches_the_minimum_of_a_quadratic(rule, dtype, quadratic, rows, rng):
    """Each rule ends at the known minimum, the weighted mean row."""
    weight = rng.uniform(0.5, 2.0, 12).astype(dtype)
    batches = Blocks(rows.astype(dtype), weight)
    rate = None if rule.learning_rate is None else 0.1  # a rule's own suits autoencoders
    solver = Stochastic(rule, max_iter=1000, tol=0.0, learning_rate=rate)
    result = solver.minimize(quadratic, np.zeros(4, dtype=dtype), batches, rng)
    assert result.theta.dtype == dtype
    assert result.reason == "max_iter"
    assert result.n_iter == len(result.loss_curve) == 1000
    tolerance = 1e-6 if dtype == np.float64 else 1e-4
    assert_allclose(result.theta, np.average(rows, axis=0, weights=weight), rtol=tolerance)


def test_no_rate_works(quadratic, rows, rng):
    """If the loss is infinite at every rate, the error says so in words."""

    class Infinite(Quadratic):
        def value_and_grad(self, *args, **kwargs):
            return math.inf, super().value_and_grad(*args, **kwargs)[1]

    with pytest.raises(DivergenceError, match="diverges even at a learning rate"):
        Stochastic(SGD(), max_iter=30).minimize(Infinite(EIGENVALUES), np.zeros(4), Blocks(rows), rng)
    with pytest.raises(DivergenceError, match="the loss of epoch 1 is inf"):
        Stochastic(Adam(), max_iter=30).minimize(Infinite(EIGENVALUES), np.zeros(4), Blocks(rows), rng)


@pytest.mark.parametrize("seed", range(4))
def test_sgd_finds_a_rate_on_rows_of_noise(seed):
    """Updates on some batches of noise raise the loss on others a little, at every rate."""
    rng = np.random.default_rng(seed)
    X = rng.random((150, 60)) * (rng.random((150, 60)) < 0.1)
    autoencoder = ContractiveAutoencoder(5, solver="sgd", batch_size=20, random_state=0)
    first = autoencoder.partial_fit(X).loss_
    assert autoencoder._optimizer_state["learning_rate"] > 1e-6
    for _ in range(50):
        autoencoder.partial_fit(X)
    assert autoencoder.loss_ < first


@every_rule
def test_the_search_for_a_rate_leaves_no_trace(rule, quadratic, rows):
    """After a search, the fit equals one with the found rate given: same start, same order of the rows."""
    start = np.zeros(4)
    solver = Stochastic(rule, max_iter=40, tol=0.0)
    batches = Blocks(rows, edges=(4, 8), shuffle=True)
    found = solver.minimize(quadratic, start, batches, np.random.default_rng(3))
    assert_array_equal(start, 0.0)
    rate = float(found.state.get("learning_rate", rule.learning_rate or math.nan))
    given = dataclasses.replace(solver, learning_rate=rate)
    assert_array_equal(found.theta, given.minimize(quadratic, start, batches, np.random.default_rng(3)).theta)
    assert_array_equal(found.theta, solver.minimize(quadratic, start, batches, np.random.default_rng(3)).theta)


class Steps(UpdateRule):
    """An update rule that moves nothing, and notes the rates."""

    name = "steps"
    learning_rate = 1.0

    def __init__(self):
        object.__setattr__(self, "rates", [])

    def init(self, theta):
        return {}

    def update(self, theta, grad, state, learning_rate):
        self.rates.append(learning_rate)


@pytest.mark.parametrize(
    ("max_iter", "n_iter", "reason"), [(100, 11, "converged"), (8, 8, "converged"), (6, 6, "max_iter")]
)
def test_a_plateau_starts_the_fall_of_the_rate(max_iter, n_iter, reason, quadratic, rows, rng):
    """If the loss does not fall for 5 epochs, the rate falls to almost zero over the next 5, or until `max_iter`."""
    rule = Steps()
    solver = Stochastic(rule, max_iter=max_iter, n_iter_no_change=5)
    result = solver.minimize(quadratic, np.zeros(4), Blocks(rows, edges=(4, 8)), rng)
    assert (result.n_iter, result.reason) == (n_iter, reason)
    # Each epoch has three updates. The first epoch is the best, and the next five are no better.
    before, fall = np.split(np.array(rule.rates), [18])
    assert_allclose(before, [SCHEDULES["linear"](step, 3 * max_iter) for step in range(18)])
    if len(fall):
        start = SCHEDULES["linear"](18, 3 * max_iter)
        assert_allclose(fall, start * np.arange(len(fall), 0, -1) / len(fall))


def test_a_plateau_at_a_constant_rate_ends_training(quadratic, rows, rng):
    """With a constant rate, a plateau ends the fit at once."""
    rule = Steps()
    solver = Stochastic(rule, max_iter=100, n_iter_no_change=5, schedule="constant")
    result = solver.minimize(quadratic, np.zeros(4), Blocks(rows), rng)
    assert (result.n_iter, result.reason) == (6, "converged")
    assert set(rule.rates) == {1.0}


@every_rule
def test_stochastic_passes_over_shuffled_batches(rule, quadratic, rows, rng):
    """With several batches in each epoch, the steps shrink with the schedule and end near the minimum."""
    batches = Blocks(rows, edges=(4, 8), shuffle=True)
    result = Stochastic(rule, max_iter=1000, tol=0.0, learning_rate=0.02).minimize(quadratic, np.zeros(4), batches, rng)
    assert_allclose(result.theta, rows.mean(axis=0), atol=0.02)


def test_theta_and_state_passed_in_are_not_changed(quadratic, rows, rng):
    """The solver works on copies, so a warm start can be repeated."""
    solver, theta = Stochastic(Adam(), max_iter=3), np.ones(4)
    state = solver.minimize(quadratic, theta, Blocks(rows), rng).state
    before = {name: array.copy() for name, array in state.items()}
    result = solver.minimize(quadratic, theta, Blocks(rows), rng, state=state)
    assert_array_equal(theta, 1.0)
    assert not np.shares_memory(result.theta, theta)
    assert {name: array.tolist() for name, array in state.items()} == {n: a.tolist() for n, a in before.items()}
    LBFGS().minimize(quadratic, theta, Blocks(rows), rng)
    assert_array_equal(theta, 1.0)


@pytest.mark.parametrize("rule", [SGD(), SGD(momentum=0.0), Adam()], ids=repr)
def test_two_epochs_equal_one_and_one(rule, quadratic, rows):
    """Two epochs equal one and one more: `state` carries momentum, moments, counter and learning rate."""
    batches = Blocks(rows, edges=(3, 8), shuffle=True)

    def minimize(max_iter, theta, rng, state=None):
        solver = Stochastic(rule, max_iter=max_iter, tol=0.0, schedule="constant")
        return solver.minimize(quadratic, theta, batches, rng, state=state)

    whole = minimize(2, np.zeros(4), np.random.default_rng(1))
    rng = np.random.default_rng(1)
    first = minimize(1, np.zeros(4), rng)
    second = minimize(1, first.theta, rng, first.state)
    assert_array_equal(second.theta, whole.theta)
    assert_array_equal([*first.loss_curve, *second.loss_curve], whole.loss_curve)
    assert {name: array.tolist() for name, array in second.state.items()} == {
        name: array.tolist() for name, array in whole.state.items()
    }


def test_state_of_another_rule_is_not_used(quadratic, rows):
    """A state of another rule is ignored: the fit starts afresh."""
    foreign = SGD().init(np.zeros(4)) | {"momentum": np.full(4, 1e6)}
    results = [
        Stochastic(Adam(), max_iter=1).minimize(
            quadratic, np.zeros(4), Blocks(rows), np.random.default_rng(0), state=state
        )
        for state in (None, foreign)
    ]
    assert_array_equal(results[0].theta, results[1].theta)


def test_learning_rate_given_beats_the_one_carried(quadratic, rows, rng):
    """A rate that a search found is carried in the state; a given rate is used instead, and not carried."""
    theta = np.zeros(4)
    found = Stochastic(SGD(), max_iter=1).minimize(quadratic, theta, Blocks(rows), rng).state
    assert found["learning_rate"] > 0.0
    again = Stochastic(SGD(), max_iter=1).minimize(quadratic, theta, Blocks(rows), rng, state=found).state
    assert again["learning_rate"] == found["learning_rate"]
    given = Stochastic(SGD(), max_iter=1, learning_rate=1e-9).minimize(quadratic, theta, Blocks(rows), rng, state=found)
    assert "learning_rate" not in given.state
    assert np.isfinite(given.theta).all()


def test_state_of_other_shapes_is_not_used(quadratic, rows, rng):
    """A state for another number of parameters is ignored: the fit starts afresh."""
    foreign = Adam().init(np.zeros(7))
    solver = Stochastic(Adam(), max_iter=1)
    result = solver.minimize(quadratic, np.zeros(4), Blocks(rows), np.random.default_rng(0), state=foreign)
    fresh = solver.minimize(quadratic, np.zeros(4), Blocks(rows), np.random.default_rng(0))
    assert_array_equal(result.theta, fresh.theta)


def test_sgd_finds_a_rate_of_the_order_of_the_curvature(quadratic, rows, rng):
    """Without a given rate, sgd finds one of at most 1/curvature, and not much less on a quadratic."""
    result = Stochastic(SGD(), max_iter=1).minimize(quadratic, np.zeros(4), Blocks(rows), rng)
    assert 0.1 / EIGENVALUES[0] < result.state["learning_rate"] < 1.01 / EIGENVALUES[0]


def test_loss_curve_is_the_weighted_mean_over_the_batches(quadratic, rows, rng):
    """Batches count in proportion to their weight; the loss of each is the one before its own update."""
    weight = rng.uniform(0.5, 2.0, 12)
    solver = Stochastic(SGD(), max_iter=1, learning_rate=1e-300)  # stays where it is
    result = solver.minimize(quadratic, np.zeros(4), Blocks(rows, weight, edges=(1, 5)), rng)
    assert_allclose(result.loss_curve, quadratic.value_and_grad(np.zeros(4), rows, None, weight)[0], rtol=1e-12)


def test_weights_count_in_batches_of_one_row(rng):
    """A row of weight 9 has nine times the effect of a row of weight 1, though each batch takes its own mean."""
    X, weight = np.array([[0.0], [1.0]]), np.array([1.0, 9.0])
    objective = Quadratic([1.0])
    solver = Stochastic(SGD(), max_iter=500, tol=0.0, learning_rate=0.01)
    together = solver.minimize(objective, np.zeros(1), Blocks(X, weight), rng).theta
    apart = solver.minimize(objective, np.zeros(1), Blocks(X, weight, edges=(1,)), rng).theta
    assert_allclose(apart, together, atol=0.02)


@pytest.mark.parametrize("solver", [Stochastic(Adam(), max_iter=20), LBFGS(max_iter=20)], ids=["adam", "lbfgs"])
def test_on_epoch_sees_every_epoch_and_can_stop(solver, quadratic, rows, rng):
    """If on_epoch returns True, the fit ends with the reason "stopped", at the parameters that on_epoch got."""
    seen = []

    def on_epoch(epoch):
        seen.append((epoch.number, epoch.loss, epoch.theta.copy()))
        return epoch.number == 3

    result = solver.minimize(quadratic, np.zeros(4), Blocks(rows), rng, on_epoch=on_epoch)
    assert result.reason == "stopped"
    assert result.n_iter == 3
    assert [number for number, _, _ in seen] == [1, 2, 3]
    assert_array_equal([loss for _, loss, _ in seen], result.loss_curve)
    assert_array_equal(seen[-1][2], result.theta)


@pytest.mark.parametrize(
    "solver",
    [
        Stochastic(SGD(momentum=0.0), tol=1e-6, n_iter_no_change=10, learning_rate=0.1),
        LBFGS(tol=1e-6, n_iter_no_change=2),
    ],
    ids=["sgd", "lbfgs"],
)
def test_stops_on_a_plateau(solver, quadratic, rows, rng):
    """A loss that no longer falls ends the fit early, with the reason "converged"."""
    result = solver.minimize(quadratic, np.zeros(4), Blocks(rows), rng)
    assert result.reason == "converged"
    assert result.n_iter == len(result.loss_curve) < 200
    assert_allclose(result.theta, rows.mean(axis=0), atol=0.01)


def test_the_whole_epoch_loop_is_reproducible(quadratic, rows):
    """The generator is the only source of randomness."""
    solver, batches = Stochastic(SGD(), max_iter=5), Blocks(rows, edges=(3, 6), shuffle=True)
    results = [solver.minimize(quadratic, np.zeros(4), batches, np.random.default_rng(3)) for _ in range(2)]
    assert_array_equal(results[0].theta, results[1].theta)


# Constraints


@pytest.mark.parametrize("constraint", [UnitNorm("V"), MaxNorm("V", 0.9)], ids=name_of)
@every_rule
def test_constraint_holds_after_every_update(rule, constraint, rng):
    """Rows meet the constraint to 1e-12 at each gradient and after each epoch."""
    layout = make_layout(tied=False)

    def worst(theta):
        norms = np.linalg.norm(layout.views(theta)["V"], axis=1)
        return np.abs(norms - 1.0).max() if constraint.name == "unit" else (norms - 0.9).max()

    class Spy(Reconstruction):
        evaluations = 0

        def value_and_grad(self, theta, *args, **kwargs):
            Spy.evaluations += 1
            assert worst(theta) < 1e-12
            return super().value_and_grad(theta, *args, **kwargs)

    objective = Spy(layout, Sigmoid(), penalties=(Contractive(0.1),), constraint=constraint)
    theta = rng.standard_normal(layout.size)
    objective.project(theta)
    violations = []
    Stochastic(rule, max_iter=5, tol=0.0, learning_rate=0.1).minimize(
        objective,
        theta,
        Blocks(rng.standard_normal((20, 4)), edges=(7, 13)),
        rng,
        on_epoch=lambda epoch: violations.append(worst(epoch.theta)),
    )
    assert Spy.evaluations == 15
    assert max(violations) < 1e-12


def test_update_rule_sees_the_projected_gradient(rng):
    """The rule gets the projected gradient: momentum must not collect what the constraint removes after each update."""
    layout = make_layout(tied=False)

    class Spy(SGD):
        updates = 0

        def update(self, theta, grad, state, learning_rate):
            Spy.updates += 1
            V, grad_V = layout.views(theta)["V"], layout.views(grad)["V"]
            assert np.abs(grad_V).max() > 1e-6
            assert_allclose((V * grad_V).sum(axis=1), 0.0, atol=1e-14)
            super().update(theta, grad, state, learning_rate)

    objective = Reconstruction(layout, Sigmoid(), constraint=UnitNorm("V"))
    theta = rng.standard_normal(layout.size)
    objective.project(theta)
    Stochastic(Spy(), max_iter=3, learning_rate=0.1).minimize(
        objective, theta, Blocks(rng.standard_normal((20, 4)), edges=(9,)), rng
    )
    assert Spy.updates == 6


@pytest.mark.parametrize("constraint", [UnitNorm("V"), MaxNorm("V", 0.9)], ids=name_of)
def test_lbfgs_meets_the_constraint(constraint, rng):
    """Every reported iterate meets the constraint, and the loss falls at every iteration."""
    layout = make_layout(tied=False)
    objective = Reconstruction(layout, Sigmoid(), constraint=constraint)
    theta = rng.standard_normal(layout.size)
    objective.project(theta)
    norms = []
    result = LBFGS(max_iter=20, tol=0.0).minimize(
        objective,
        theta,
        Blocks(rng.standard_normal((20, 4))),
        rng,
        on_epoch=lambda epoch: norms.append(np.linalg.norm(layout.views(epoch.theta)["V"], axis=1)),
    )
    norms = np.array(norms)
    if constraint.name == "unit":
        assert_allclose(norms, 1.0, rtol=1e-12)
    else:
        assert norms.max() <= 0.9
    assert (np.diff(result.loss_curve) <= 0.0).all()


# L-BFGS


@every_dtype
def test_lbfgs_reaches_the_minimum_of_a_quadratic(dtype, quadratic, rows, rng):
    """Unequal weighted chunks in changing order act as one objective, minimised to the precision of the dtype."""
    weight = rng.uniform(0.5, 2.0, 12).astype(dtype)
    batches = Blocks(rows.astype(dtype), weight, edges=(1, 8), shuffle=True)
    result = LBFGS(tol=0.0).minimize(quadratic, np.zeros(4, dtype=dtype), batches, rng)
    assert result.reason == "converged"
    assert result.theta.dtype == dtype
    assert result.state == {}
    mean = np.average(rows, axis=0, weights=weight)
    assert_allclose(result.theta, mean, rtol=1e-6 if dtype == np.float64 else 1e-3)
    smallest = quadratic.value_and_grad(mean, rows, None, weight)[0]
    assert_allclose(result.loss_curve[-1], smallest, rtol=1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_lbfgs_does_not_depend_on_the_scale_of_the_loss(factor, rows, rng):
    """Data in other units take the same iterations, although scipy's own tests are absolute below 1."""
    result = LBFGS(tol=0.0, max_iter=6).minimize(
        Quadratic(factor * np.array(EIGENVALUES)), np.zeros(4), Blocks(rows), rng
    )
    expected = LBFGS(tol=0.0, max_iter=6).minimize(Quadratic(EIGENVALUES), np.zeros(4), Blocks(rows), rng)
    assert result.reason == expected.reason
    assert_allclose(result.theta, expected.theta, rtol=1e-6)


def test_lbfgs_stops_at_max_iter(quadratic, rows, rng):
    """max_iter limits the iterations, and the reason says so."""
    result = LBFGS(max_iter=2, tol=0.0).minimize(quadratic, np.zeros(4), Blocks(rows), rng)
    assert (result.reason, result.n_iter, len(result.loss_curve)) == ("max_iter", 2, 2)


def test_lbfgs_started_at_the_minimum_stays(quadratic, rng):
    """A gradient of zero at the start, or a loss of zero, is not an error."""
    result = LBFGS().minimize(quadratic, np.ones(4), Blocks(np.ones((3, 4))), rng)
    assert_array_equal(result.theta, 1.0)
    assert result.reason == "converged"
    assert_array_equal(result.loss_curve, [0.0])


def test_lbfgs_gives_every_block_the_mean_code_of_all_rows(quadratic, rows, rng):
    """A penalty on the mean code is not a sum over chunks, so every chunk must get the mean over all rows."""
    given = []

    class WithMeanCode(Quadratic):
        uses_mean_code = True

        def mean_code(self, theta, X, sample_weight=None):
            return np.average(X, axis=0, weights=sample_weight)

        def value_and_grad(self, *args, mean_code=None, **kwargs):
            given.append(mean_code)
            return super().value_and_grad(*args, **kwargs)

    weight = rng.uniform(0.5, 2.0, 12)
    LBFGS(max_iter=2).minimize(WithMeanCode(EIGENVALUES), np.zeros(4), Blocks(rows, weight, edges=(1, 8)), rng)
    assert len(given) >= 6
    assert_allclose(given, np.tile(np.average(rows, axis=0, weights=weight), (len(given), 1)), rtol=1e-13)


class Barrier(Quadratic):
    """The sum of x - log(x): infinite or NaN unless theta > 0, smallest at 1."""

    def value_and_grad(self, theta, X, target=None, sample_weight=None, *, mean_code=None, out=None):
        return float((theta - np.log(theta)).sum()), 1.0 - 1.0 / theta


def test_lbfgs_line_search_steps_back_from_values_that_are_not_finite(rng):
    """An overflow in the line search is not a divergence: the step is shortened, without a warning."""
    result = LBFGS(tol=0.0).minimize(Barrier(EIGENVALUES), np.full(4, 30.0), Blocks(np.ones((1, 4))), rng)
    assert_allclose(result.theta, 1.0, rtol=1e-5)


# Divergence


class Diverging(Quadratic):
    """An objective that becomes infinite or NaN, or overflows with a warning, after a number of evaluations."""

    def __init__(self, kind, after):
        super().__init__(EIGENVALUES)
        self.kind, self.after, self.n_calls = kind, after, 0

    def value_and_grad(self, theta, *args, out=None, **kwargs):
        value, grad = super().value_and_grad(theta, *args, out=out, **kwargs)
        self.n_calls += 1
        if self.n_calls <= self.after:
            return value, grad
        if self.kind == "theta":
            grad[...] = np.inf
            return value, grad
        return {"inf": math.inf, "nan": math.nan, "overflow": float(np.exp(np.float64(1e3)))}[self.kind], grad


@pytest.mark.parametrize("kind", ["inf", "nan", "overflow", "theta"])
@every_rule
def test_divergence_is_reported_with_advice(rule, kind, rows, rng):
    """The error names epoch and learning rate, and says what to change; numpy gives no warnings."""
    solver = Stochastic(rule, learning_rate=0.1)
    with pytest.raises(DivergenceError, match=r"epoch 3 .* learning rate of 0\.1; use a lower learning_rate_init"):
        solver.minimize(Diverging(kind, after=4), np.zeros(4), Blocks(rows, edges=(6,)), rng)


@pytest.mark.parametrize("kind", ["inf", "nan", "overflow", "theta"])
@every_rule
def test_divergence_at_the_start_is_reported_with_advice(rule, kind, rows, rng):
    """Divergence is reported with advice even during the search for a learning rate."""
    with pytest.raises(DivergenceError, match=r"diverge.* bring the features to a common scale"):
        Stochastic(rule).minimize(Diverging(kind, after=0), np.zeros(4), Blocks(rows), rng)


@pytest.mark.parametrize("kind", ["inf", "nan", "overflow"])
def test_lbfgs_refuses_a_start_that_is_not_finite(kind, rows, rng):
    """L-BFGS refuses a start whose loss is not finite; the error advises to scale the data."""
    with pytest.raises(DivergenceError, match=r"at the start is (inf|nan); bring the features to a common scale"):
        LBFGS().minimize(Diverging(kind, after=0), np.zeros(4), Blocks(rows), rng)


def test_divergence_error_is_a_value_error():
    """Callers that catch scikit-learn's errors catch it too."""
    assert issubclass(DivergenceError, ValueError)


# Parts


@pytest.mark.parametrize("n_steps", [1, 2, 19, 20, 21, 1000])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_factors(name, n_steps):
    """Every step of a fit has a factor in (0, 1], and the largest is close to 1."""
    factors = np.array([SCHEDULES[name](step, n_steps) for step in range(n_steps)])
    assert (factors > 0.0).all()
    assert (factors <= 1.0).all()
    assert factors.max() > 0.9


def test_linear_schedule_warms_up_and_decays():
    """The linear schedule rises over the first twentieth of the steps, then falls linearly to almost zero."""
    factors = np.array([SCHEDULES["linear"](step, 1000) for step in range(1000)])
    assert factors.argmax() in (49, 50)
    assert_allclose(np.diff(factors[:50]), 0.02, rtol=1e-9)
    assert_allclose(np.diff(factors[51:]), -1.0 / 950.0, rtol=1e-9)
    assert factors[-1] < 0.002
    assert {SCHEDULES["constant"](step, 1000) for step in range(1000)} == {1.0}


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["positive", "negative"])
def test_plateau_waits_for_patience(sign):
    """A plateau is reached after `patience` epochs without a fall by tol, for negative losses too."""
    plateau = Plateau(tol=0.01, patience=3)
    losses = sign * 10.0 - np.array([0.0, 1.0, 1.0, 1.05, 2.0, 1.5, 2.05, 2.0])
    assert [plateau.reached(loss) for loss in losses] == [False] * 7 + [True]


def test_plateau_lets_a_slow_fall_add_up():
    """Falls that are too small alone, but large enough together within the patience, do not end the fit."""
    plateau = Plateau(tol=0.01, patience=3)
    assert not any(plateau.reached(loss) for loss in 0.995 ** np.arange(100))
    plateau = Plateau(tol=0.01, patience=3)
    assert any(plateau.reached(loss) for loss in 0.998 ** np.arange(100))


def test_plateau_with_tol_zero_never_ends():
    """tol=0 trains for max_iter epochs."""
    plateau = Plateau(tol=0.0, patience=1)
    assert not any(plateau.reached(loss) for loss in [1.0] * 10)


@every_dtype
@pytest.mark.parametrize("eigenvalues", [EIGENVALUES, (100.0, 1.0, 1.0, 1.0), (-8.0, 1.0, 1.0, 0.5)], ids=str)
def test_largest_curvature_is_the_largest_eigenvalue(eigenvalues, dtype, rows, rng):
    """On a quadratic, the estimate is the largest eigenvalue in magnitude, for any data and any point."""
    theta = rng.standard_normal(4).astype(dtype)
    batch = (rows.astype(dtype), None, None)
    estimate = largest_curvature(Quadratic(eigenvalues), theta, batch, rng, n_iter=30)
    assert isinstance(estimate, float)
    assert_allclose(estimate, abs(eigenvalues[0]), rtol=1e-6 if dtype == np.float64 else 1e-3)
    roughly = largest_curvature(Quadratic(eigenvalues), theta, batch, rng)
    assert_allclose(roughly, abs(eigenvalues[0]), rtol=0.02)


def test_largest_curvature_of_a_flat_objective_is_positive(rows, rng):
    """A flat objective has a positive estimate: its reciprocal is a learning rate, so it must not be zero."""
    estimate = largest_curvature(Quadratic(np.zeros(4)), np.zeros(4), (rows, None, None), rng)
    assert estimate == 1.0
    result = Stochastic(SGD(), max_iter=2).minimize(Quadratic(np.zeros(4)), np.ones(4), Blocks(rows), rng)
    assert_array_equal(result.theta, 1.0)


@pytest.mark.parametrize("instance", [SGD(), Adam(), Stochastic(SGD()), LBFGS()], ids=repr)
def test_solvers_and_rules_are_immutable(instance):
    """Solvers and rules are immutable: only state and theta change."""
    for field in dataclasses.fields(instance):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(instance, field.name, None)


def test_lbfgs_ends_where_nothing_is_left_to_lower():
    """At a loss of zero, one more step would divide zero by zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = ContractiveAutoencoder(4, solver="lbfgs", activation="identity", random_state=0).fit(np.ones((20, 3)))
    assert np.isfinite(fitted.components_).all()
    assert fitted.loss_ < 1e-12


def test_a_fit_that_diverges_starts_anew_at_a_lower_rate(quadratic, rows, rng):
    """Above 2 / (largest eigenvalue) the loss grows; at a third of this rate, it falls."""
    sgd = Stochastic(SGD(momentum=0.0), max_iter=60, tol=0.0, schedule="constant", learning_rate=0.6)
    theta, batches = np.full(len(EIGENVALUES), 3.0), Blocks(rows)
    result = dataclasses.replace(sgd, may_restart=True).minimize(quadratic, theta, batches, rng)
    lost = sgd.minimize(quadratic, theta, batches, rng)
    assert lost.loss_curve[-1] > 100.0 * lost.loss_curve[0]
    assert_allclose(result.theta, rows.mean(axis=0), atol=0.05)
    assert result.n_iter == len(result.loss_curve) == 60
    again = np.flatnonzero(result.loss_curve == result.loss_curve[0])
    assert len(again) == 2  # it has started twice, from the same parameters


def test_a_restart_judges_by_its_own_first_epoch():
    """The loss of the run before says nothing: a second run that diverges from its own start is started anew too."""
    losses = iter([1e6, 5e6, 10.0, 100.0, 1.0])

    class Scripted:
        def value_and_grad(self, theta, X, target=None, sample_weight=None, *, out):
            out[...] = 1.0
            return next(losses), out

        def project_gradient(self, theta, grad):
            pass

        def project(self, theta):
            pass

    class OneBatch:
        def __len__(self):
            return 1

        def __call__(self, rng):
            yield np.ones((1, 1)), None, None

    rule = SGD(momentum=0.0, nesterov=False)
    solver = Stochastic(rule, max_iter=5, tol=0.0, schedule="constant", learning_rate=1.0, may_restart=True)
    result = solver.minimize(Scripted(), np.zeros(1), OneBatch(), np.random.default_rng(0))
    assert_allclose(result.theta, -1.0 / 9.0)  # one step at the second rate from the start


def test_a_restart_keeps_the_rate_that_it_found(rows, rng):
    """`partial_fit` continues with it."""
    sgd = Stochastic(SGD(momentum=0.0), max_iter=40, tol=0.0, schedule="constant", may_restart=True)
    objective, batches = Quadratic(EIGENVALUES), Blocks(rows)
    rate = sgd.minimize(objective, np.zeros(4), batches, rng).state["learning_rate"]
    objective.A *= 10.0
    state = {"learning_rate": np.array(rate)}
    start = np.full(4, 3.0)
    result = sgd.minimize(objective, start, batches, rng, state=sgd.update_rule.init(start) | state)
    assert result.state["learning_rate"] < rate
    assert_allclose(result.theta, rows.mean(axis=0), atol=0.1)
