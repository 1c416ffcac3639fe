"""Penalties: their values by definition, what they refuse and in which words, the registry."""

import dataclasses

import numpy as np
import pytest
from helpers import (
    ALL_ACTIVATIONS,
    ALL_PENALTIES,
    VISIBLE,
    all_combinations,
    check_gradient,
    check_value_object,
    is_compatible,
    is_frozen,
    make_batch,
    name_of,
    numerical_gradient,
)
from numpy.testing import assert_allclose

from skae.activations import Activation, Identity, Modulus, ReLU, Sigmoid, Softmax, Softplus, Square, Tanh
from skae.penalties import (
    L2,
    PENALTIES,
    REQUIREMENTS,
    Batch,
    Contractive,
    Laplacian,
    Penalty,
    Saturation,
    as_penalty,
    check_compatible,
    register_penalty,
)
from skae.testing import check_penalty

every_penalty = pytest.mark.parametrize("penalty", ALL_PENALTIES, ids=name_of)
tying = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
weighting = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
@every_penalty
def test_contract(penalty, activation):
    """Each registered penalty meets the contract of `Penalty` with all partners that it accepts."""
    if is_compatible((penalty,), activation, "gaussian", True):
        check_penalty(penalty, activation)
    else:
        with pytest.raises(ValueError, match=f"the penalty '{penalty.name}' requires .*'{activation.name}'"):
            check_penalty(penalty, activation)


@every_penalty
def test_is_a_value_object(penalty):
    """Instances can be shared, compared, hashed, cloned and sent to worker processes."""
    check_value_object(penalty)
    assert dataclasses.replace(penalty, alpha=1.0) != penalty


def test_means_of_squares_take_truth_values(rng):
    U, tanh = rng.standard_normal((40, 3)), Tanh()
    active, weights = U > 0.5, np.full((40, 1), 1 / 40)
    for weight in (1 / 40, weights):
        batch = Batch(
            U, U, tanh.value(U), np.eye(3), np.eye(3), weight, tanh, None, lambda name, *args: np.empty(*args)
        )
        assert_allclose(batch.column_mean_squares(active), active.mean(axis=0))
        assert_allclose(batch.column_mean_squares(U), (U**2).mean(axis=0))


def test_instances_are_immutable():
    """Attributes of an instance cannot be changed: many models may share it."""
    assert [penalty for penalty in ALL_PENALTIES if not is_frozen(penalty, "requires")] == []


def mean_over_rows(batch, of_row):
    """Return the weighted mean of a function of x over the rows of a batch."""
    weight = np.broadcast_to(batch.weight, (len(batch.X), 1))[:, 0]
    return sum(w * of_row(x) for w, x in zip(weight, batch.X, strict=True))


def jacobian(f, x):
    """Return the Jacobian (outputs, inputs) of a vector function, by central differences."""
    return np.stack([numerical_gradient(lambda x, i=i: f(x)[i], x) for i in range(len(f(x)))])


@weighting
@tying
@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), ReLU(), Square(), Modulus()], ids=name_of)
def test_contractive_is_the_squared_jacobian_of_the_code(activation, tied, weighted):
    """The value is alpha times the mean squared Frobenius norm of dh/dx (SPARSE eq. 9)."""
    batch, grad = make_batch(activation, tied=tied, weighted=weighted)
    bias = batch.U[0] - batch.W @ batch.X[0]
    expected = mean_over_rows(batch, lambda x: (jacobian(lambda x: activation.value(batch.W @ x + bias), x) ** 2).sum())
    assert_allclose(Contractive(0.7).add(batch, grad), 0.7 * expected, rtol=1e-6)


@weighting
@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), ReLU(), Softplus(), Identity()], ids=name_of)
def test_laplacian_is_the_trace_of_the_jacobian_of_the_reconstruction(activation, weighted):
    """For tied weights, the value is alpha times the mean divergence of r (ENERGY eq. 39)."""
    batch, grad = make_batch(activation, weighted=weighted)
    bias = batch.U[0] - batch.W @ batch.X[0]

    def trace(x):
        return np.trace(jacobian(lambda x: activation.value(batch.W @ x + bias) @ batch.W, x))

    assert_allclose(Laplacian(0.7).add(batch, grad), 0.7 * mean_over_rows(batch, trace), rtol=1e-6)


@tying
def test_l2_counts_each_matrix_once(tied):
    """Weight decay counts W once, and V only if it is not W."""
    batch, grad = make_batch(Sigmoid(), tied=tied)
    expected = 0.35 * ((batch.W**2).sum() + (0.0 if tied else (batch.V**2).sum()))
    assert_allclose(L2(0.7).add(batch, grad), expected, rtol=1e-13)


#: For each built-in penalty: the activations that it refuses, and whether it takes untied and bernoulli models.
COMPATIBILITY = {
    "contractive": ({"max", "softmax"}, True, True),
    "laplacian": ({"max", "softmax", "square", "modulus"}, False, False),
    "marginalized": ({"max", "softmax"}, True, False),
    "saturation": ({"identity", "square", "modulus", "synchrony", "max", "softmax"}, True, True),
    "sparse": ({"identity", "tanh", "synchrony", "tlin", "shrink", "satlinear"}, True, True),
    "l2": (set(), True, True),
}


@pytest.mark.parametrize("visible", VISIBLE)
@tying
@pytest.mark.parametrize("name", COMPATIBILITY)
def test_compatibility_table(name, tied, visible):
    """Each built-in penalty takes exactly the partners of the table, which is written by hand."""
    refused, untied_too, bernoulli_too = COMPATIBILITY[name]
    for activation in ALL_ACTIVATIONS:
        expected = activation.name not in refused and (tied or untied_too) and (visible == "gaussian" or bernoulli_too)
        assert is_compatible((as_penalty(name, 1.0),), activation, visible, tied) == expected, activation


@pytest.mark.parametrize(
    ("penalty", "activation", "visible", "tied", "reason"),
    [
        (Contractive(), Softmax(), "gaussian", True, "an activation with a derivative, which 'softmax' has not"),
        (
            Saturation(),
            Modulus(),
            "gaussian",
            True,
            "an activation that is flat somewhere .with a complement, SAT eq. 1. .*, unlike 'modulus'",
        ),
        (Laplacian(), Square(), "gaussian", True, "a non-decreasing activation .*, which 'square' is not"),
        (Laplacian(), Sigmoid(), "gaussian", False, "tied weights, got tied_weights=False"),
        (Laplacian(), Sigmoid(), "bernoulli", True, "visible='gaussian', got visible='bernoulli'"),
    ],
    ids=["derivative", "complement", "monotone", "tied", "gaussian"],
)
def test_refusal_names_both_sides(penalty, activation, visible, tied, reason):
    """The error is one sentence: which penalty, what it requires, and what it got instead."""
    with pytest.raises(ValueError, match=reason) as caught:
        check_compatible(penalty, activation, visible, tied)
    assert f"'{penalty.name}'" in str(caught.value)
    assert "\n" not in str(caught.value)


class Silent(Activation):
    """An activation that defines only what the base class demands."""

    name = "silent"
    monotone = False

    def value(self, u, out=None):
        return np.multiply(u, 0.0, out=out)

    def backward(self, u, h, grad_h, out=None):
        return np.multiply(u, 0.0, out=out)


@pytest.mark.parametrize("key", REQUIREMENTS)
def test_every_requirement_can_be_met_and_can_fail(key):
    """Each requirement accepts some model and refuses another, and its refusal is a complete sentence."""

    class Demanding(L2):
        name = "demanding"
        requires = (key,)

    models = [
        (activation, visible, tied)
        for activation in [*ALL_ACTIVATIONS, Silent()]
        for visible in VISIBLE
        for tied in (True, False)
    ]
    accepted = [is_compatible((Demanding(),), *model) for model in models]
    assert any(accepted)
    assert not all(accepted)
    for model, accept in zip(models, accepted, strict=True):
        if accept:
            check_compatible(Demanding(), *model)
        else:
            with pytest.raises(ValueError, match=r"the penalty 'demanding' .*requires ") as caught:
                check_compatible(Demanding(), *model)
            assert "{" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_as_penalty_takes_names_and_instances(name):
    """The given strength replaces the instance's own in a copy; the instance does not change."""
    penalty = as_penalty(name, 0.25)
    assert type(penalty) is PENALTIES[name]
    assert penalty.alpha == 0.25
    assert as_penalty(penalty, 0.5) == as_penalty(name, 0.5)
    assert penalty.alpha == 0.25


def test_as_penalty_lists_the_names_it_knows():
    """The error for a misspelt name lists all names."""
    with pytest.raises(ValueError, match="no penalty is called 'contraktive'") as caught:
        as_penalty("contraktive", 0.1)
    assert all(name in str(caught.value) for name in PENALTIES)


@pytest.mark.parametrize("wrong", [None, 0.1, Contractive], ids=repr)
def test_as_penalty_refuses_other_types(wrong):
    """A class in place of an instance raises a TypeError that says what would be right."""
    with pytest.raises(TypeError, match=r"a name or an instance of skae\.penalties\.Penalty, got "):
        as_penalty(wrong, 0.1)


def test_alpha_is_kept_as_a_python_float():
    """alpha becomes a Python float: a numpy alpha, as from a parameter grid, would promote float32 arrays."""
    assert type(Contractive(np.float64(0.1)).alpha) is float
    assert type(as_penalty("l2", np.float32(0.5)).alpha) is float


def test_registry_is_read_only():
    """Everyone can read PENALTIES; only `register_penalty` changes it."""
    with pytest.raises(TypeError):
        PENALTIES["mine"] = L2


def test_register_penalty_refuses_what_is_no_penalty():
    """The errors for a foreign class and a class without a name say which class was refused."""
    for wrong in (L2(), int, "l2"):
        with pytest.raises(TypeError, match="only subclasses of Penalty can be registered, got "):
            register_penalty(wrong)

    class Nameless(Penalty):
        def add(self, batch, grad):
            return 0.0

    with pytest.raises(TypeError, match="Nameless needs a class attribute `name`"):
        register_penalty(Nameless)


def test_unknown_requirement_is_refused_where_it_is_written():
    """A class with a misspelt requirement is refused: nothing would ever test that requirement."""
    with pytest.raises(TypeError, match="Demanding requires patience, but a penalty can require elementwise, "):

        class Demanding(L2):
            requires = ("derivative", "patience")


def test_describe_names_every_one():
    """The table has a line for each penalty, with what it requires."""
    lines = PENALTIES.describe().splitlines()
    assert [line.split()[0] for line in lines] == list(PENALTIES)
    assert next(line for line in lines if line.startswith("contractive ")).endswith("[derivative, second_derivative]")


# A penalty as a user would write it


class Activity(Penalty):
    """alpha/2 sum_k h(u_k)^2, a penalty that keeps the code small."""

    name = "activity"
    requires = ("derivative",)

    def add(self, batch, grad):
        grad.U += self.alpha * batch.weight * batch.H * batch.D
        return 0.5 * self.alpha * float(batch.column_means(batch.H**2).sum())


@pytest.fixture
def activity():
    """An instance of the new penalty, registered while the test runs."""
    register_penalty(Activity)
    yield as_penalty("activity", 0.3)
    PENALTIES.unregister("activity")


def test_a_users_penalty_passes_the_same_checks(activity):
    """One class of a few lines meets the whole contract, by name and by instance."""
    check_penalty(activity)
    check_value_object(activity)
    assert "activity" in PENALTIES.describe()
    with pytest.raises(ValueError, match=r"'activity' requires .* which 'softmax' has not"):
        check_compatible(activity, Softmax(), "gaussian", True)


@weighting
def test_a_users_penalty_trains(activity, weighted):
    """The objective adds a new penalty, alone or beside a built-in one, with every activation that it accepts."""
    for penalties in ((activity,), (activity, Contractive(0.2))):
        for activation, visible, tied in all_combinations(penalties):
            check_gradient(activation, penalties, visible, tied, weighted)


@dataclasses.dataclass(frozen=True)
class Costly(Penalty):
    """alpha (|W|^2/2 + |V|^2 when untied), whose gradient is added to W and V without `add_rows`."""

    name = "costly"

    def add(self, batch, grad):
        grad.W += self.alpha * batch.W
        value = 0.5 * self.alpha * float((batch.W**2).sum())
        if batch.V is not batch.W:
            grad.V += 2.0 * self.alpha * batch.V
            value += self.alpha * float((batch.V**2).sum())
        return value


@weighting
def test_weights_may_be_penalised_in_place(weighted):
    """A penalty may add to the gradients of W and V itself, beside penalties that add multiples of rows."""
    for penalties in ((Costly(0.3),), (Costly(0.3), Contractive(0.2), L2(0.1)), (L2(0.1), Costly(0.3))):
        for activation, visible, tied in all_combinations(penalties):
            check_gradient(activation, penalties, visible, tied, weighted)
