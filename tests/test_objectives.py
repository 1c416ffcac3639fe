"""The reconstruction objective: gradients, refusals, weights, chunks of rows, dtypes, workspaces, constraints."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from helpers import (
    ALL_ACTIVATIONS,
    ALL_PENALTIES,
    VISIBLE,
    all_combinations,
    check_gradient,
    is_compatible,
    make_layout,
    make_problem,
    name_of,
    numerical_gradient,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit

from skae import DenoisingAutoencoder
from skae.activations import Activation, ReLU, Sigmoid, Softmax, Tanh, TRec, as_activation
from skae.objectives import (
    Classification,
    FactoredClassification,
    FactoredReconstruction,
    FirstOrder,
    Reconstruction,
    SecondOrder,
    for_sparse_rows,
)
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.penalties import L2, Contractive, Laplacian, Penalty
from skae.solvers._lbfgs import _whole
from skae.training import Batches
from skae.training._evaluation import final_losses, mean_value

PENALTY_SETS = [(), *((penalty,) for penalty in ALL_PENALTIES), (Contractive(0.3), L2(0.2))]
COMBINATIONS = list(itertools.product(ALL_ACTIVATIONS, PENALTY_SETS, VISIBLE, (True, False)))
PARTNERS = [(a, p, v, t) for a, p, v, t in COMBINATIONS if is_compatible(p, a, v, t)]
STRANGERS = [(a, p, v, t) for a, p, v, t in COMBINATIONS if not is_compatible(p, a, v, t)]


def id_of(combination):
    activation, penalties, visible, tied = combination
    return f"{name_of(activation)}-{name_of(penalties)}-{visible}-{'tied' if tied else 'untied'}"


weighting = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
tying = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
every_visible = pytest.mark.parametrize("visible", VISIBLE)
penalised = pytest.mark.parametrize("penalties", [(), (Contractive(0.3), L2(0.2))], ids=name_of)


@pytest.mark.sampled(5)
@weighting
@pytest.mark.parametrize("combination", PARTNERS, ids=id_of)
def test_gradient(combination, weighted):
    """The gradient agrees with central differences to 1e-6, and `value` with `value_and_grad`."""
    check_gradient(*combination, weighted)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("combination", STRANGERS, ids=id_of)
def test_incompatible_partners_are_refused(combination):
    """A penalty that does not fit is refused when the objective is built, in a sentence that names both sides."""
    activation, penalties, visible, tied = combination
    culprits = [] if is_compatible(penalties, activation, "gaussian", True) else [f"'{activation.name}'"]
    culprits += [] if tied else ["tied_weights=False"]
    culprits += [] if visible == "gaussian" else ["visible='bernoulli'"]
    with pytest.raises(ValueError, match="requires") as caught:
        Reconstruction(make_layout(tied=tied), activation, visible=visible, penalties=penalties)
    assert f"'{penalties[0].name}'" in str(caught.value)
    assert any(culprit in str(caught.value) for culprit in culprits)


@weighting
@penalised
@tying
@every_visible
def test_value_is_the_weighted_mean_of_the_losses(visible, tied, penalties, weighted):
    """The value equals the definition, written out row by row."""
    layout, activation = make_layout(tied=tied), Tanh()
    theta, X, weight = make_problem(layout, activation, visible, weighted=weighted)
    blocks = layout.views(theta)
    W, V = blocks["W"], blocks.get("V", blocks["W"])
    losses = []
    for x in X:
        h = np.tanh(W @ x + blocks["b"])
        a = V.T @ h + blocks["c"]
        r = expit(a)
        loss = 0.5 * ((x - a) ** 2).sum() if visible == "gaussian" else -(x * np.log(r) + (1 - x) * np.log(1 - r)).sum()
        if penalties:
            loss += 0.3 * (((1 - h**2) ** 2) * (W**2).sum(axis=1)).sum()
        losses.append(loss)
    expected = np.average(losses, weights=weight)
    if penalties:
        expected += 0.1 * ((W**2).sum() + (0.0 if tied else (V**2).sum()))
    objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
    assert_allclose(objective.value(theta, X, None, weight), expected, rtol=1e-12)


@pytest.mark.parametrize("activation", [Sigmoid(), TRec(0.5), Softmax()], ids=name_of)
@tying
@every_visible
def test_gradient_with_a_target_of_its_own(visible, tied, activation, rng):
    """The input may be a corrupted version of the target."""
    target = rng.uniform(0.1, 0.9, (5, 4))
    check_gradient(activation, (L2(0.2),), visible, tied, weighted=True, target=target)
    layout = make_layout(tied=tied)
    theta, X, _ = make_problem(layout, activation, visible)
    objective = Reconstruction(layout, activation, visible=visible)
    assert objective.value(theta, X, X) == objective.value(theta, X)
    assert objective.value(theta, X, target) != objective.value(theta, X)


@penalised
@tying
@every_visible
def test_gradient_without_a_hidden_bias(visible, tied, penalties):
    """A layout without b is a zero-bias model: it equals the one with b = 0."""
    check_gradient(Sigmoid(), penalties, visible, tied, weighted=True, hidden_bias=False)
    layout, with_bias = make_layout(tied=tied, hidden_bias=False), make_layout(tied=tied)
    theta, X, _ = make_problem(layout, Sigmoid(), visible)
    padded = with_bias.pack(theta.dtype, **layout.views(theta), b=0.0)
    value, grad = Reconstruction(layout, Sigmoid(), visible=visible, penalties=penalties).value_and_grad(theta, X)
    other = Reconstruction(with_bias, Sigmoid(), visible=visible, penalties=penalties).value_and_grad(padded, X)
    assert_allclose(value, other[0], rtol=1e-13)
    for name, block in layout.views(grad).items():
        assert_allclose(block, with_bias.views(other[1])[name], rtol=1e-12)


# Rows and their weights


@pytest.mark.parametrize("penalties", PENALTY_SETS, ids=name_of)
def test_weighted_rows_equal_repeated_rows(penalties):
    """An integer weight repeats a row, a zero weight removes it, and the scale of the weights has no effect."""
    for activation, visible, tied in all_combinations(penalties, [Sigmoid(), TRec(0.5)]):
        layout = make_layout(tied=tied)
        objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
        theta, X, _ = make_problem(layout, activation, visible)
        count = np.array([2, 0, 1, 3, 1])
        value, grad = objective.value_and_grad(theta, X, None, 7.0 * count)
        repeated = objective.value_and_grad(theta, np.repeat(X, count, axis=0))
        assert_allclose(value, repeated[0], rtol=1e-12)
        assert_allclose(grad, repeated[1], rtol=1e-12, atol=1e-13)


@weighting
@pytest.mark.parametrize("penalties", PENALTY_SETS, ids=name_of)
def test_unequal_blocks_of_rows_sum_to_the_whole(penalties, weighted):
    """The mean over chunks, weighted by their mass, equals the value of all rows: L-BFGS and threads rely on it."""
    for activation, visible, tied in all_combinations(penalties, [Tanh(), ReLU()]):
        layout = make_layout(tied=tied)
        objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
        theta, X, weight = make_problem(layout, activation, visible, n=11, weighted=weighted)
        mean_code = objective.mean_code(theta, X, weight)
        whole = objective.value_and_grad(theta, X, None, weight, mean_code=mean_code)
        mass = np.ones(11) if weight is None else weight
        value, grad = 0.0, np.zeros_like(theta)
        for rows in (slice(0, 1), slice(1, 8), slice(8, 11)):
            part = None if weight is None else weight[rows]
            v, g = objective.value_and_grad(theta, X[rows], None, part, mean_code=mean_code)
            share = mass[rows].sum() / mass.sum()
            value, grad = value + share * v, grad + share * g
        assert_allclose(value, whole[0], rtol=1e-12)
        assert_allclose(grad, whole[1], rtol=1e-12, atol=1e-13)


@weighting
def test_mean_code_is_the_weighted_mean_of_the_codes(weighted):
    """`mean_code` is the weighted mean of the codes; a penalty on it gets this mean for every chunk."""
    layout = make_layout()
    theta, X, weight = make_problem(layout, Sigmoid(), weighted=weighted)
    blocks = layout.views(theta)
    expected = np.average(expit(X @ blocks["W"].T + blocks["b"]), axis=0, weights=weight)
    assert_allclose(Reconstruction(layout, Sigmoid()).mean_code(theta, X, weight), expected, rtol=1e-13)


# Arrays


@pytest.mark.sampled(3)
@pytest.mark.parametrize("penalties", PENALTY_SETS, ids=name_of)
@pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
def test_float32_stays_float32_and_agrees_with_float64(activation, penalties):
    """Half the precision changes only the last digits, and nothing is promoted."""
    for _, visible, tied in all_combinations(penalties, [activation]):
        layout = make_layout(tied=tied)
        objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
        theta, X, weight = make_problem(layout, activation, visible, weighted=True)
        value, grad = objective.value_and_grad(theta, X, None, weight)
        single = [array.astype(np.float32) for array in (theta, X, weight)]
        value_32, grad_32 = objective.value_and_grad(single[0], single[1], None, single[2])
        assert isinstance(value_32, float)
        assert grad_32.dtype == np.float32
        assert_allclose(value_32, value, rtol=1e-4)
        assert_allclose(grad_32, grad, rtol=1e-4, atol=1e-4)
        assert_allclose(objective.value(single[0], single[1], None, single[2]), value, rtol=1e-4)


@weighting
@penalised
@tying
def test_workspaces_do_not_remember_earlier_batches(tied, penalties, weighted):
    """After batches of other sizes and dtypes, an objective gives the results of a new one."""
    layout = make_layout(tied=tied)

    def fresh():
        return Reconstruction(layout, Sigmoid(), penalties=penalties)

    used = fresh()
    theta, X, weight = make_problem(layout, Sigmoid(), n=40, weighted=weighted)
    for dtype, rows in itertools.product((np.float32, np.float64), (40, 3, 17, 1, 40)):
        t, x = theta.astype(dtype), X[:rows].astype(dtype)
        w = None if weight is None else weight[:rows].astype(dtype)
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        assert used.mean_code(t, x, w).dtype == dtype
        assert_allclose(used.mean_code(t, x, w), fresh().mean_code(t, x, w), rtol=tolerance)
        assert_allclose(used.value(t, x, None, w), fresh().value(t, x, None, w), rtol=tolerance)
        value, grad = used.value_and_grad(t, x, None, w)
        expected = fresh().value_and_grad(t, x, None, w)
        assert_allclose(value, expected[0], rtol=tolerance)
        assert_allclose(grad, expected[1], rtol=tolerance, atol=tolerance)


def test_results_survive_the_next_call():
    """The next call does not overwrite a gradient or a mean code: they belong to the caller."""
    layout = make_layout()
    objective = Reconstruction(layout, Sigmoid(), penalties=(Contractive(0.3),))
    theta, X, _ = make_problem(layout, Sigmoid())
    _, grad = objective.value_and_grad(theta, X)
    mean_code = objective.mean_code(theta, X)
    copies = grad.copy(), mean_code.copy()
    objective.value_and_grad(2.0 * theta, X[::-1])
    objective.mean_code(2.0 * theta, X)
    assert_array_equal(grad, copies[0])
    assert_array_equal(mean_code, copies[1])


_FACTORS = {"P": (3, 4), "Q": (3, 5), "f": (2, 3)}
OBJECTIVES = [
    *(
        Reconstruction(make_layout(tied=tied), Sigmoid(), penalties=p)
        for p in PENALTY_SETS
        for tied in (True, False)
        if is_compatible(p, Sigmoid(), "gaussian", tied)
    ),
    FirstOrder(make_layout(), Sigmoid()),
    SecondOrder(make_layout(), Sigmoid(), noise_variance=0.1),
    Classification(Layout(W=(2, 5, 4), b=(2, 5), c=(2, 4), C=(2,)), [Sigmoid()] * 2),
    FactoredClassification(Layout(**_FACTORS, b=(2, 5), c=(2, 4), C=(2,)), [Sigmoid()] * 2),
    FactoredReconstruction(Layout(**_FACTORS, b=(2, 5), c=(2, 4)), Sigmoid()),
]


@pytest.mark.parametrize(
    "objective", OBJECTIVES, ids=[f"{type(each).__name__}-{i}" for i, each in enumerate(OBJECTIVES)]
)
def test_copies_have_no_scratch(objective, rng):
    """A pickle or a copy of an objective is as small after training as before, and computes the same bits."""
    labels, X = rng.integers(2, size=200), rng.random((200, 4))
    targets = {"Classification": labels, "FactoredClassification": labels, "FactoredReconstruction": (X, labels)}
    arguments = 0.1 * rng.standard_normal(objective.layout.size), X, targets.get(type(objective).__name__)
    size = len(pickle.dumps(objective))
    value, grad = objective.value_and_grad(*arguments)
    objective.value(*arguments)
    assert len(pickle.dumps(objective)) == size
    assert len(pickle.dumps(copy.deepcopy(objective))) == size
    for twin in (copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        again = twin.value_and_grad(*arguments)
        assert again[0] == value
        assert_array_equal(again[1], grad)
        assert objective.value(*arguments) == twin.value(*arguments)


@penalised
@tying
def test_out_receives_the_gradient(tied, penalties):
    """The gradient overwrites `out=`, whatever it held, and `out` is returned."""
    layout = make_layout(tied=tied)
    objective = Reconstruction(layout, Sigmoid(), penalties=penalties)
    theta, X, _ = make_problem(layout, Sigmoid())
    out = np.full_like(theta, np.nan)
    _, grad = objective.value_and_grad(theta, X, out=out)
    assert grad is out
    assert_array_equal(out, objective.value_and_grad(theta, X)[1])


@tying
@every_visible
def test_read_only_and_fortran_ordered_arguments(visible, tied):
    """Arguments are never written to; read-only or transposed arrays give the same."""
    layout = make_layout(tied=tied)
    objective = Reconstruction(layout, Sigmoid(), visible=visible, penalties=(Contractive(0.3), L2(0.2)))
    theta, X, weight = make_problem(layout, Sigmoid(), visible, weighted=True)
    expected = objective.value_and_grad(theta, X, X, weight)
    arguments = [theta.copy(), np.asfortranarray(X), np.asfortranarray(X), weight.copy()]
    for array in arguments:
        array.flags.writeable = False
    value, grad = objective.value_and_grad(*arguments)
    assert_allclose(value, expected[0], rtol=1e-12)
    assert_allclose(grad, expected[1], rtol=1e-12, atol=1e-14)


@tying
@pytest.mark.parametrize("penalty", ALL_PENALTIES, ids=name_of)
def test_alpha_zero_is_the_plain_model(penalty, tied):
    """A penalty of strength 0 changes neither the value nor the gradient."""
    if not is_compatible((penalty,), Sigmoid(), "gaussian", tied):
        with pytest.raises(ValueError, match=penalty.name):
            Reconstruction(make_layout(tied=tied), Sigmoid(), penalties=(type(penalty)(0.0),))
        return
    layout = make_layout(tied=tied)
    theta, X, weight = make_problem(layout, Sigmoid(), weighted=True)
    plain = Reconstruction(layout, Sigmoid()).value_and_grad(theta, X, None, weight)
    value, grad = Reconstruction(layout, Sigmoid(), penalties=(type(penalty)(0.0),)).value_and_grad(
        theta, X, None, weight
    )
    assert_allclose(value, plain[0], rtol=1e-13)
    assert_allclose(grad, plain[1], rtol=1e-12, atol=1e-14)


def test_penalties_add_up():
    """The values of two penalties add up, and so do their gradients."""
    layout = make_layout()
    theta, X, _ = make_problem(layout, Sigmoid())
    parts = [(), (Contractive(0.3),), (Laplacian(0.2),), (Contractive(0.3), Laplacian(0.2))]
    values, grads = zip(
        *(Reconstruction(layout, Sigmoid(), penalties=p).value_and_grad(theta, X) for p in parts), strict=True
    )
    assert_allclose(values[1] + values[2] - values[0], values[3], rtol=1e-12)
    assert_allclose(grads[1] + grads[2] - grads[0], grads[3], rtol=1e-11, atol=1e-13)


# Constraints, in the forms that the solvers use


@pytest.mark.parametrize("constraint", [UnitNorm, MaxNorm], ids=name_of)
@pytest.mark.parametrize(("tied", "block"), [(True, "W"), (False, "V"), (False, "W")])
def test_constraint_acts_on_its_block_alone(tied, block, constraint, rng):
    """`project` and `project_gradient` change no other parameters."""
    layout = make_layout(tied=tied)
    objective = Reconstruction(layout, Sigmoid(), constraint=constraint(block))
    theta, grad = 3.0 * rng.standard_normal((2, layout.size))
    before, grad_before = theta.copy(), grad.copy()
    objective.project(theta)
    objective.project_gradient(theta, grad)
    for name, view in layout.views(theta).items():
        if name == block:
            assert_allclose(np.linalg.norm(view, axis=1), 1.0, rtol=1e-14)
            assert (np.einsum("ij,ij->i", view, layout.views(grad)[name]) > -1e-13).all()
        else:
            assert_array_equal(view, layout.views(before)[name])
            assert_array_equal(layout.views(grad)[name], layout.views(grad_before)[name])


@pytest.mark.parametrize("constraint", [None, UnitNorm("V"), MaxNorm("V", 1.5)], ids=name_of)
def test_vjp_is_the_gradient_of_the_unconstrained_objective(constraint, rng):
    """L-BFGS minimises value(constrain(v)): its gradient agrees with central differences."""
    layout = make_layout(tied=False)
    objective = Reconstruction(layout, Sigmoid(), penalties=(Contractive(0.3),), constraint=constraint)
    _, X, _ = make_problem(layout, Sigmoid())
    v = rng.standard_normal(layout.size)
    _, grad = objective.value_and_grad(objective.constrain(v), X)
    expected = numerical_gradient(lambda v: objective.value(objective.constrain(v), X), v)
    assert_allclose(objective.vjp(v, grad), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("constraint", [None, UnitNorm("W"), MaxNorm("W", 20.0)], ids=name_of)
def test_unconstrain_is_undone_by_constrain(constraint, rng):
    """`constrain(unconstrain(theta))` is theta if theta meets the constraint; neither changes its argument."""
    layout = make_layout()
    objective = Reconstruction(layout, Sigmoid(), constraint=constraint)
    theta = rng.standard_normal(layout.size)
    objective.project(theta)
    before = theta.copy()
    v = objective.unconstrain(theta)
    assert not np.shares_memory(v, theta)
    assert_allclose(objective.constrain(v), theta, rtol=1e-13)
    assert_array_equal(theta, before)


@dataclasses.dataclass(frozen=True)
class MeanActivity(Penalty):
    """alpha |mean code|^2, a penalty that is not a mean over rows."""

    name = "mean activity"
    uses_mean_code = True

    def add(self, batch, grad):
        grad.U += batch.weight * (2.0 * self.alpha * batch.mean_code * batch.D)
        return self.alpha * float(batch.mean_code @ batch.mean_code)


def test_a_penalty_on_the_mean_code_is_exact_in_blocks(rng):
    """With the mean code of all rows, chunks add up exactly, for L-BFGS and for the reported loss."""
    layout = Layout(W=(3, 4), b=(3,), c=(4,))
    objective = Reconstruction(layout, as_activation("sigmoid"), penalties=[MeanActivity(0.7)])
    assert objective.uses_mean_code
    X, theta = rng.standard_normal((30, 4)), rng.standard_normal(layout.size)
    value, grad = objective.value_and_grad(theta, X)
    assert_allclose(grad, numerical_gradient(lambda t: objective.value(t, X), theta), atol=1e-7)
    batches = Batches(X, None, None, 7, True)
    assert_allclose(mean_value(objective, theta, batches, rng), value, rtol=1e-12)
    assert_allclose(_whole(objective, theta, batches, rng)[1], grad, rtol=1e-10, atol=1e-12)


class GivenBatches:
    """Batches that are given, and a count of the passes over them."""

    rows_per_batch = 5.0

    def __init__(self, batches):
        self.batches, self.n_passes = batches, 0

    def __call__(self, rng):
        self.n_passes += 1
        return iter(self.batches)


def test_mean_value_keeps_targets(rng):
    """A corrupted input is compared with its clean target, not with itself."""
    layout = Layout(W=(3, 4), b=(3,), c=(4,))
    objective = Reconstruction(layout, as_activation("tanh"))
    X, target, theta = rng.standard_normal((9, 4)), rng.standard_normal((9, 4)), rng.standard_normal(layout.size)
    batches = GivenBatches([(X[:4], target[:4], None), (X[4:], target[4:], None)])
    assert_allclose(mean_value(objective, theta, batches, rng), objective.value(theta, X, target), rtol=1e-12)


@pytest.mark.parametrize("sparse_rows", [False, True])
def test_final_losses_come_from_one_pass(sparse_rows, rng):
    """The loss with and without penalties over weighted batches; the rows are read once."""
    layout = Layout(W=(3, 4), b=(3,), c=(4,))
    objective, plain = (
        Reconstruction(layout, as_activation("tanh"), penalties=penalties) for penalties in ([Contractive(0.7)], [])
    )
    if sparse_rows:
        objective, plain = for_sparse_rows(objective), for_sparse_rows(plain)
    X, weight, theta = rng.standard_normal((9, 4)), rng.uniform(0.5, 2.0, 9), rng.standard_normal(layout.size)
    rows = sparse.csr_array(X) if sparse_rows else X
    batches = GivenBatches([(rows[:4], None, weight[:4]), (rows[4:], None, weight[4:])])
    expected = [each.value(theta, rows, None, weight) for each in (objective, plain)]
    assert_allclose(final_losses(objective, theta, batches, rng), expected, rtol=1e-12)
    assert batches.n_passes == 1


class CarelessSine(Activation):
    """sin(u), by a user whose methods ignore `out`."""

    name = "careless sine"
    monotone = False

    def value(self, u, out=None):
        return np.sin(u)

    def derivative(self, u, h, out=None):
        return np.cos(u)

    def second_derivative(self, u, h, out=None):
        return -np.sin(u)


class CarelessBackward(CarelessSine):
    """The same, with `backward` in place of `derivative`."""

    name = "careless backward"

    def backward(self, u, h, grad_h, out=None):
        return grad_h * np.cos(u)


@pytest.mark.parametrize("activation", [CarelessSine(), CarelessBackward()], ids=lambda a: a.name)
@pytest.mark.parametrize("penalties", [(), (Contractive(0.2),)], ids=["plain", "contractive"])
def test_an_activation_may_ignore_out(activation, penalties, rng):
    """The objective uses what the activation returns, not what scratch memory happens to hold."""
    layout = Layout(W=(3, 4), b=(3,), c=(4,))
    objective = Reconstruction(layout, activation, penalties=penalties)
    X, theta = rng.standard_normal((9, 4)), rng.standard_normal(layout.size)
    _, grad = objective.value_and_grad(theta, X)
    assert_allclose(grad, numerical_gradient(lambda t: objective.value(t, X), theta), atol=1e-7)


def test_a_penalty_that_hides_its_need_of_a_derivative_is_told():
    """The error is a sentence, not an AttributeError from the depths."""

    class Hidden(Penalty):
        name = "hidden"

        def add(self, batch, grad):
            return float(batch.D.sum())

    layout = Layout(W=(3, 4), b=(3,), c=(4,))
    objective = Reconstruction(layout, as_activation("softmax"), penalties=[Hidden(0.1)])
    with pytest.raises(ValueError, match="'softmax' has no derivative: add 'derivative'"):
        objective.value_and_grad(np.zeros(layout.size), np.zeros((2, 4)))


# Objectives that draw


class Seeds(Reconstruction):
    """An objective that notes the seed of each call, and how many rows it has."""

    uses_seed = True

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.trained, self.judged = [], []

    def value_and_grad(self, theta, X, target=None, sample_weight=None, **options):
        rows, seed = target
        self.trained.append((len(X), seed))
        return super().value_and_grad(theta, X, rows, sample_weight, **options)

    def losses_at(self, theta):
        losses = super().losses_at(theta)

        def noted(X, target=None, sample_weight=None, **options):
            rows, seed = target
            self.judged.append((len(X), seed))
            return losses(X, rows, sample_weight, **options)

        return noted


class SeededAutoencoder(DenoisingAutoencoder):
    """An autoencoder whose objective asks for seeds."""

    def _objective_class(self):
        def make(*arguments, **options):
            self.made = Seeds(*arguments, visible=self.visible, **options)
            return self.made

        return make


@pytest.fixture
def seeds_of(rng):
    """Return a function that fits a seeded autoencoder for three epochs and returns its objective."""
    X = rng.standard_normal((40, 4))

    def fitted(**parameters):
        made = SeededAutoencoder(3, max_iter=3, tol=0.0, batch_size=20, random_state=0, **parameters)
        return made.fit(X).made

    return fitted


@pytest.mark.parametrize("noise_level", [0.0, 0.3])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_objective_that_draws_gets_new_seeds_with_each_batch(solver, noise_level, seeds_of):
    objective = seeds_of(solver=solver, learning_rate_init=0.01, noise_level=noise_level)
    seeds = [seed for _, seed in objective.trained]
    assert len(seeds) == len(set(seeds)) == 6
    assert [n for n, _ in objective.judged] == [20, 20]  # the final loss
    again = seeds_of(solver=solver, learning_rate_init=0.01, noise_level=noise_level)
    assert again.trained == objective.trained


@pytest.mark.parametrize("noise_level", [0.0, 0.3])
def test_an_objective_that_draws_stays_the_same_with_lbfgs(noise_level, seeds_of):
    """And so does the loss on held-out rows, which epochs are compared by."""
    assert len(set(seeds_of(solver="lbfgs", noise_level=noise_level).trained)) == 1
    objective = seeds_of(early_stopping=True, noise_level=noise_level)
    assert len({seed for _, seed in objective.trained}) == 6
    held_out = [each for each in objective.judged if each[0] == 4]
    assert len(held_out) > 2
    assert len(set(held_out)) == 1


def test_partial_fit_of_an_objective_that_draws(rng):
    X = rng.standard_normal((40, 4))
    made = SeededAutoencoder(3, batch_size=20, noise_level=0.0, random_state=0)
    first, second = (made.partial_fit(X).made.trained for _ in range(2))
    assert len({seed for _, seed in [*first, *second]}) == 4
