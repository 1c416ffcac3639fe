"""Activations: derivatives, antiderivatives, declared properties, numerical range, the registry."""

import dataclasses
import math

import numpy as np
import pytest
from helpers import (
    ALL_ACTIVATIONS,
    DTYPES,
    check_gradient,
    check_value_object,
    instances_of,
    is_frozen,
    name_of,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, logsumexp, spence

from skae.activations import (
    ACTIVATIONS,
    Activation,
    Identity,
    Max,
    ReLU,
    Shrink,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
    TRec,
    as_activation,
    register_activation,
)
from skae.penalties import Contractive
from skae.testing import check_activation
from skae.testing._activation import counterexamples

every_activation = pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


@every_activation
def test_contract(activation):
    """Each registered activation meets the contract of `Activation`, on read-only arrays of any dtype and order."""
    check_activation(activation)


@pytest.mark.parametrize("flag", ["monotone", "non_negative", "continuous", "flat_below_zero"])
@every_activation
def test_what_is_denied_is_false(activation, flag):
    """A flag is False only if h lacks the property; otherwise a penalty would refuse an activation without need.

    `check_activation` tests the flags that are True. A threshold of 0 is exempt: there trec is continuous, whatever
    the class says.
    """
    if not getattr(activation, flag) and getattr(activation, "threshold", None) != 0.0:
        assert counterexamples(activation)[flag] is not None


@every_activation
def test_is_a_value_object(activation):
    """Instances can be shared, compared, hashed, cloned and sent to worker processes."""
    check_value_object(activation)


def test_instances_are_immutable():
    """Attributes of an instance cannot be changed: many models may share it."""
    assert [activation for activation in ALL_ACTIVATIONS if not is_frozen(activation, "monotone")] == []


def test_equality_tells_classes_and_thresholds_apart():
    """Two activations are equal only if their classes and thresholds are."""
    assert TRec(0.5) == TRec(threshold=np.float32(0.5))
    assert TRec(0.5) != TRec(1.0)
    assert TRec(0.5) != Shrink(0.5)
    assert Sigmoid() != Tanh()


FORMULAS = {
    "identity": lambda u, t: u,
    "sigmoid": lambda u, t: expit(u),
    "tanh": lambda u, t: np.tanh(u),
    "softplus": lambda u, t: np.logaddexp(0.0, u),
    "relu": lambda u, t: np.maximum(u, 0.0),
    "square": lambda u, t: u**2,
    "modulus": lambda u, t: np.abs(u),
    "synchrony": lambda u, t: u * expit(u**2),
    "trec": lambda u, t: np.where(u > t, u, 0.0),
    "tlin": lambda u, t: np.where(u**2 > t, u, 0.0),
    "shrink": lambda u, t: np.sign(u) * np.maximum(np.abs(u) - t, 0.0),
    "satlinear": lambda u, t: np.clip(u, -1.0, 1.0),
    "max": lambda u, t: (u == u.max(axis=-1, keepdims=True)).astype(float),
    "softmax": lambda u, t: np.exp(log_softmax(u, axis=-1)),
}

POTENTIALS = {
    "identity": lambda u, t: u**2 / 2,
    "sigmoid": lambda u, t: np.logaddexp(0.0, u),
    "tanh": lambda u, t: np.log(np.cosh(u)),
    "softplus": lambda u, t: -spence(1.0 + np.exp(u)),
    "relu": lambda u, t: np.maximum(u, 0.0) ** 2 / 2,
    "square": lambda u, t: u**3 / 3,
    "modulus": lambda u, t: u * np.abs(u) / 2,
    "synchrony": lambda u, t: np.logaddexp(0.0, u**2) / 2,
    "trec": lambda u, t: np.where(u > t, (u**2 - t**2) / 2, 0.0),
    "tlin": lambda u, t: np.where(u**2 > t, (u**2 - t) / 2, 0.0),
    "shrink": lambda u, t: np.maximum(np.abs(u) - t, 0.0) ** 2 / 2,
    "satlinear": lambda u, t: np.where(np.abs(u) <= 1.0, u**2 / 2, np.abs(u) - 0.5),
}


@every_activation
def test_value_and_potential_follow_the_formula(activation, rng):
    """Values and potentials equal the table in the documentation, constants of integration included."""
    u, threshold = rng.uniform(-4.0, 4.0, (50, 6)), getattr(activation, "threshold", None)
    assert_allclose(activation.value(u), FORMULAS[activation.name](u, threshold), rtol=1e-12, atol=1e-14)
    if activation.name in POTENTIALS:
        expected = POTENTIALS[activation.name](u, threshold).sum(axis=-1)
    else:
        expected = {"max": u.max(axis=-1), "softmax": logsumexp(u, axis=-1)}[activation.name]
    assert_allclose(activation.potential(u), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("method", ["value", "potential"])
def test_value_and_potential_of_a_subclass_are_its_own(method, rng):
    """A subclass that changes one of the two does not inherit a `value_and_potential` that returns the old one."""
    steep = {
        "value": lambda self, u, out=None: np.tanh(u, out=out),
        "potential": lambda self, u: np.log(np.cosh(u)).sum(axis=-1),
    }
    activation, u = type("Steep", (Sigmoid,), {method: steep[method]})(), rng.standard_normal((3, 4))
    h, potential = activation.value_and_potential(u)
    assert_array_equal(h, activation.value(u))
    assert_array_equal(potential, activation.potential(u))


@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(np.float64, 1e-13, 1e-15), (np.float32, 1e-6, 1e-7)])
def test_softplus_potential_is_the_dilogarithm(dtype, rtol, atol):
    """The Bernoulli series agrees with scipy's dilogarithm on both sides of its switch at 0, to rounding."""
    u = np.concatenate([np.linspace(-40.0, 40.0, 2001), np.linspace(-1e-3, 1e-3, 11)]).astype(dtype)
    expected = -spence(1.0 + np.exp(u.astype(np.float64)))
    assert_allclose(Softplus().potential(u[:, None]), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ["relu", "trec", "tlin", "shrink", "satlinear"])
def test_complement_is_the_distance_to_the_flat_region(name):
    """The complement (SAT eq. 1) is the distance to the nearest point of a fine grid at which h' = 0."""
    grid = np.arange(-5000, 5001) * 1e-3
    for activation in instances_of(ACTIVATIONS[name]):
        flat = grid[activation.derivative(grid, activation.value(grid)) == 0.0]
        u = np.linspace(-4.0, 4.0, 173)
        nearest = np.abs(u[:, None] - flat).min(axis=1)
        assert_allclose(activation.complement(u), nearest, atol=1.1e-3)


@pytest.mark.parametrize("activation", [Max(), Softmax()], ids=name_of)
def test_competing_units_have_no_elementwise_derivative(activation):
    """Units that compete define no `derivative`: so penalties know that they cannot use them."""
    for ability in ("derivative", "second_derivative", "third_derivative", "complement"):
        assert not hasattr(activation, ability)


def test_max_gives_ties_to_the_first():
    """If several units are largest, max picks the first of them."""
    u = np.array([[2.0, 2.0, 1.0], [0.0, 0.0, 0.0], [1.0, 3.0, 3.0]])
    assert_array_equal(Max().value(u), [[1, 0, 0], [1, 0, 0], [0, 1, 0]])


def test_softmax_does_not_change_under_a_shift(rng):
    """Adding the same number to all units changes nothing, even if the number is large."""
    u = rng.standard_normal((4, 6))
    assert_allclose(Softmax().value(u + 1e4), Softmax().value(u), rtol=1e-10)
    assert_allclose(Softmax().value(u).sum(axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_groups", "size"), [(3, 4), (70, 4)], ids=["few", "many"])
def test_softmax_in_groups_is_the_mean_of_softmaxes(n_groups, size, dtype, rng):
    """Every G-th unit is of one group: potential, value, backward and divergence are means over the groups."""
    k = n_groups * size
    u, W, V = rng.standard_normal((5, k)), rng.standard_normal((k, 4)), rng.standard_normal((k, 4))
    u, W, V, grad = (A.astype(dtype) for A in (u, W, V, rng.standard_normal((5, k))))
    alone, groups = Softmax(), Softmax(n_groups)
    h = groups.value(u)
    assert h.dtype == dtype
    parts = [slice(g, None, n_groups) for g in range(n_groups)]
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}
    assert_allclose(groups.potential(u), np.mean([alone.potential(u[:, part]) for part in parts], axis=0), **tolerance)
    backward = groups.backward(u, h, grad.copy())
    divergence = np.zeros(5)
    for part in parts:
        own = alone.value(u[:, part])
        assert_allclose(h[:, part], own / n_groups, **tolerance)
        assert_allclose(backward[:, part], alone.backward(u[:, part], own, grad[:, part]) / n_groups, **tolerance)
        divergence += alone.divergence(own, W[part], V[part]) / n_groups
    assert_allclose(groups.divergence(h, W, V), divergence, **tolerance)
    assert_allclose(groups.divergence(h, W, V, np.ones((5, 4), dtype)), divergence, **tolerance)


@pytest.mark.parametrize("activation", [a for a in ALL_ACTIVATIONS if a.flat_below_zero], ids=name_of)
def test_rectified_code_suffices_where_flat_below_zero(activation, rng):
    """The identity h(max(0, u)) = h(u) holds: `inverse_transform` of the rectified code relies on it."""
    u = rng.standard_normal((20, 3))
    assert_array_equal(activation.value(np.maximum(u, 0.0)), activation.value(u))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_as_activation_finds_names_and_passes_the_threshold(name):
    """A name gives an instance, with the threshold if the class has one; an instance comes back unchanged."""
    activation = as_activation(name, threshold=0.25)
    assert activation.name == name
    assert getattr(activation, "threshold", 0.25) == 0.25
    assert as_activation(activation, threshold=3.0) is activation


def test_as_activation_lists_the_names_it_knows():
    """The error for a misspelt name lists all names."""
    with pytest.raises(ValueError, match="no activation is called 'sigmiod'") as caught:
        as_activation("sigmiod")
    assert all(name in str(caught.value) for name in ACTIVATIONS)


@pytest.mark.parametrize("wrong", [None, 3, Sigmoid, np.tanh], ids=repr)
def test_as_activation_refuses_other_types(wrong):
    """A class or a function in place of an instance raises a TypeError that says what would be right."""
    with pytest.raises(TypeError, match=r"a name or an instance of skae\.activations\.Activation, got "):
        as_activation(wrong)


@pytest.mark.parametrize("threshold", [-0.5, math.inf, math.nan])
@pytest.mark.parametrize("name", ["trec", "tlin", "shrink"])
def test_threshold_must_be_finite_and_not_negative(name, threshold):
    """A negative threshold is refused: it would silently give another activation."""
    with pytest.raises(ValueError, match=f"threshold of the activation '{name}' must be >= 0 and finite"):
        ACTIVATIONS[name](threshold=threshold)


@pytest.mark.parametrize("name", ["trec", "tlin", "shrink"])
def test_numpy_threshold_does_not_promote_float32(name):
    """The code stays float32 even if the threshold is a numpy float64, as from a parameter grid."""
    activation = as_activation(name, threshold=np.float64(0.5))
    u = np.linspace(-2.0, 2.0, 8, dtype=np.float32).reshape(2, 4)
    assert activation.value(u).dtype == np.float32
    assert activation.potential(u).dtype == np.float32
    assert activation.complement(u).dtype == np.float32


def test_registry_is_read_only():
    """Everyone can read ACTIVATIONS; only `register_activation` changes it."""
    with pytest.raises(TypeError):
        ACTIVATIONS["mine"] = Identity
    assert {activation.name for activation in ALL_ACTIVATIONS} <= set(ACTIVATIONS)


def test_register_activation_refuses_what_is_no_activation():
    """The errors for an instance, a foreign class and a class without a name say which object was refused."""
    for wrong in (ReLU(), int, "relu"):
        with pytest.raises(TypeError, match="only subclasses of Activation can be registered, got "):
            register_activation(wrong)

    class Nameless(Activation):
        def value(self, u, out=None):
            return u

    with pytest.raises(TypeError, match="Nameless needs a class attribute `name`"):
        register_activation(Nameless)


def test_describe_names_every_one():
    """The table has a line for each activation, with the methods that it defines."""
    lines = ACTIVATIONS.describe().splitlines()
    assert [line.split()[0] for line in lines] == list(ACTIVATIONS)
    assert next(line for line in lines if line.startswith("relu ")).endswith("potential, complement]")
    assert next(line for line in lines if line.startswith("max ")).endswith("[potential, divergence]")


def test_an_activation_needs_a_derivative_or_a_backward():
    """A class without either is refused where it is defined, not in the middle of a fit."""
    with pytest.raises(TypeError, match="Half must define derivative, or its own backward"):

        class Half(Activation):
            name = "half"

            def value(self, u, out=None):
                return 0.5 * u


def test_describe_does_without_a_docstring():
    """A user's class may have no docstring."""

    class Bare(Activation):
        name = "bare"

        def value(self, u, out=None):
            return u

        def derivative(self, u, h, out=None):
            return np.ones_like(u)

    Bare.__doc__ = None
    register_activation(Bare)
    try:
        assert "\nbare " in ACTIVATIONS.describe()
    finally:
        ACTIVATIONS.unregister("bare")


# An activation as a user would write it


@dataclasses.dataclass(frozen=True)
class Softsign(Activation):
    """h(u) = u/(1 + abs(u))."""

    name = "softsign"

    def value(self, u, out=None):
        return np.divide(u, 1.0 + np.abs(u), out=out)

    def derivative(self, u, h, out=None):
        return np.power(1.0 + np.abs(u), -2, out=out)

    def second_derivative(self, u, h, out=None):
        return np.multiply(np.sign(u), -2.0 * (1.0 + np.abs(u)) ** -3, out=out)

    def potential(self, u):
        return (np.abs(u) - np.log1p(np.abs(u))).sum(axis=-1)


@pytest.fixture
def softsign():
    """An instance of the new activation, registered while the test runs."""
    register_activation(Softsign)
    yield as_activation("softsign")
    ACTIVATIONS.unregister("softsign")


def test_a_users_activation_passes_the_same_checks(softsign):
    """One class of a few lines meets the whole contract, by name and by instance."""
    check_activation(softsign)
    check_value_object(softsign)
    assert "softsign" in ACTIVATIONS.describe()


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_a_users_activation_trains(softsign, tied):
    """The objective and its penalties take a new activation without knowing it."""
    check_gradient(softsign, (), "gaussian", tied)
    check_gradient(softsign, (Contractive(0.3),), "bernoulli", tied, weighted=True)
