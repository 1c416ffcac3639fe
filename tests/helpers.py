"""The instances that the tests run over, finite differences, and the checks that every instance must pass."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skae.activations import ACTIVATIONS, Activation
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import PENALTIES, REQUIREMENTS, Batch, Gradient

DERIVATIVES = ("value", "derivative", "second_derivative", "third_derivative")
VISIBLE = ("gaussian", "bernoulli")
DTYPES = (np.float32, np.float64)


def instances_of(activation_class):
    """Instances of a class of activations: with thresholds 0.5 and 0 where it has one."""
    if "threshold" in (field.name for field in dataclasses.fields(activation_class)):
        return [activation_class(threshold=0.5), activation_class(threshold=0.0)]
    return [activation_class()]


#: An instance of every registered activation, two of the thresholded ones.
ALL_ACTIVATIONS = [instance for cls in ACTIVATIONS.values() for instance in instances_of(cls)]

#: Names of activations, and whether the weights are tied, that go together.
NAMES_AND_TYING = [
    (name, tied) for name, cls in ACTIVATIONS.items() for tied in (True, False) if tied or not cls.derived_bias
]

#: An instance of every registered penalty.
ALL_PENALTIES = [cls(alpha=0.3) for cls in PENALTIES.values()]


def name_of(instance):
    """A readable id for pytest."""
    if isinstance(instance, tuple):
        return "+".join(name_of(each) for each in instance) or "plain"
    name = getattr(instance, "name", None) or getattr(instance, "__name__", None) or str(instance)
    return name if getattr(instance, "threshold", None) is None else f"{name}({instance.threshold:g})"


def is_elementwise(activation):
    """Whether each h_k depends on its own u_k alone."""
    return hasattr(activation, "derivative")


# Rounding


def rounding_of(A, B, dtype, extra=0.0):
    """How far A B + extra may lie from the same on another BLAS kernel: 4 eps of the sum of the absolute terms.

    Kernels add the terms in different orders; `pytest --perturb-products=SEED` emulates some.
    """
    A, B, extra = (np.abs(np.asarray(each, dtype=np.float64)) for each in (A, B, extra))
    return 4.0 * np.finfo(dtype).eps * (A @ B + extra)


# Finite differences


def numerical_gradient(f, x, step=1e-6):
    """Central differences of the number f(x), in the shape of x (float64)."""
    x = np.array(x, dtype=np.float64)
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        here = x[index]
        x[index] = here + step
        above = f(x)
        x[index] = here - step
        gradient[index] = (above - f(x)) / (2.0 * step)
        x[index] = here
    return gradient


def difference_quotient(f, u, step=1e-5):
    """Central differences of an elementwise f at all elements of u at once."""
    return (f(u + step) - f(u - step)) / (2.0 * step)


def distance_to_kinks(activation, U, also=()):
    """Smallest distance of U to a kink of h or, where the units compete, to a tie between the two largest."""
    if not is_elementwise(activation):
        top = np.sort(U, axis=-1)[..., -2:]
        return float((top[..., -1] - top[..., 0]).min())
    kinks = (*activation.kinks, *also)
    return min((float(np.abs(U - kink).min()) for kink in kinks), default=np.inf)


def sample_away_from_kinks(activation, rng, shape=(7, 5), margin=1e-3, also=()):
    """Pre-activations in [-3, 3], none nearer than `margin` to a kink (or to a number in `also`)."""
    while True:
        u = rng.uniform(-3.0, 3.0, shape)
        if distance_to_kinks(activation, u, also) > margin:
            return u


def as_stored(u, dtype, order):
    """A read-only copy of u in another dtype and memory order."""
    u = np.array(u, dtype=dtype, order=order)
    u.flags.writeable = False
    return u


# What every activation must satisfy


def check_derivatives(activation, dtype, order, rng):
    """Each derivative is the one before it, differenced; the dtype is kept."""
    exact = sample_away_from_kinks(activation, rng)
    u = as_stored(exact, dtype, order)
    h = as_stored(activation.value(u), dtype, order)
    assert h.dtype == dtype
    assert h.shape == u.shape
    for lower, higher in itertools.pairwise(DERIVATIVES):
        if not hasattr(activation, higher):
            continue

        def function(u, lower=lower):
            return activation.value(u) if lower == "value" else getattr(activation, lower)(u, activation.value(u))

        result = getattr(activation, higher)(u, h)
        assert result.dtype == dtype, higher
        tolerance = 1e-6 if dtype == np.float64 else 1e-4
        assert_allclose(result, difference_quotient(function, exact), rtol=tolerance, atol=tolerance, err_msg=higher)


def check_backward(activation, dtype, order, rng):
    """`backward` is the product of a vector with h's Jacobian."""
    exact, vector = sample_away_from_kinks(activation, rng), rng.standard_normal((7, 5))
    u, g = as_stored(exact, dtype, order), as_stored(vector, dtype, order)
    h = as_stored(activation.value(u), dtype, order)
    result = activation.backward(u, h, g)
    assert result.dtype == dtype
    expected = numerical_gradient(lambda u: float((activation.value(u) * vector).sum()), exact)
    tolerance = 1e-6 if dtype == np.float64 else 1e-5
    assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


def check_potential(activation, dtype, order, rng):
    """`potential` sums the antiderivative over the last axis, whatever stands before it."""
    exact = sample_away_from_kinks(activation, rng, shape=(2, 3, 4))
    u = as_stored(exact, dtype, order)
    phi = activation.potential(u)
    assert phi.dtype == dtype
    assert phi.shape == (2, 3)
    assert_allclose(phi[1], activation.potential(u[1]), rtol=1e-6)
    assert_allclose(phi[1, 2], activation.potential(u[1, 2]), rtol=1e-6)
    assert_allclose(phi, activation.potential(exact), rtol=1e-5, atol=1e-5)
    gradient = numerical_gradient(lambda u: float(activation.potential(u).sum()), exact)
    assert_allclose(gradient, activation.value(exact), rtol=1e-6, atol=1e-6)


def check_complement(activation, dtype, order, rng):
    """`complement` has the declared dtype and derivative, and is zero where h is flat."""
    if not hasattr(activation, "complement"):
        return
    exact = sample_away_from_kinks(activation, rng, also=(0.0,))
    u = as_stored(exact, dtype, order)
    distance, slope = activation.complement(u), activation.complement_derivative(u)
    assert distance.dtype == slope.dtype == dtype
    assert_allclose(distance, activation.complement(exact), rtol=1e-6, atol=1e-6)
    tolerance = 1e-6 if dtype == np.float64 else 1e-5
    assert_allclose(slope, difference_quotient(activation.complement, exact), rtol=tolerance, atol=tolerance)


def check_out(activation, dtype, order, rng):
    """`out=` receives the same numbers and is returned; `backward` may write over grad_h."""
    u = as_stored(sample_away_from_kinks(activation, rng), dtype, order)
    g = as_stored(rng.standard_normal(u.shape), dtype, order)
    h = as_stored(activation.value(u), dtype, order)
    calls = {"value": (u,), "complement": (u,), "complement_derivative": (u,), "backward": (u, h, g)}
    calls |= dict.fromkeys(DERIVATIVES[1:], (u, h))
    for method, arguments in calls.items():
        if hasattr(activation, method):
            out = np.full_like(u, np.nan)
            result = getattr(activation, method)(*arguments, out=out)
            assert result is out, method
            assert_array_equal(out, getattr(activation, method)(*arguments), err_msg=method)
    overwritten = g.copy(order="K")
    assert activation.backward(u, h, overwritten, out=overwritten) is overwritten
    assert_array_equal(overwritten, activation.backward(u, h, g))


def check_large_arguments(activation, dtype, order, rng):
    """Nothing overflows, and nothing is infinite or NaN, for |u| up to 1e4."""
    magnitudes = np.concatenate([[0.0], np.geomspace(1e-30, 1e4, 35)])
    u = np.concatenate([magnitudes, -magnitudes, activation.kinks])
    u = as_stored(np.stack([u, rng.permutation(u)], axis=1), dtype, order)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        h = activation.value(u)
        results = [h, activation.backward(u, h, np.ones_like(u)), activation.potential(u)]
        results += [getattr(activation, method)(u, h) for method in DERIVATIVES[1:] if hasattr(activation, method)]
        if hasattr(activation, "complement"):
            results += [activation.complement(u), activation.complement_derivative(u)]
    for result in results:
        assert result.dtype == dtype
        assert np.isfinite(result).all()


#: Checks of an activation that take (activation, dtype, order, rng).
ACTIVATION_CHECKS = [
    check_derivatives,
    check_backward,
    check_potential,
    check_complement,
    check_out,
    check_large_arguments,
]


def check_declarations(activation):
    """What the class declares about h is true on a grid; what it denies is false somewhere on it.

    A threshold of 0 is let off the second half: there trec is continuous, whatever the class says.
    """
    grid = np.arange(-40001, 40002) * 1e-4
    u = np.stack([grid, np.zeros_like(grid)], axis=1)  # (m, 2), for the units that compete
    h = activation.value(u)
    smooth = ~np.any([np.abs(grid[:-1] + 5e-5 - kink) < 1.5e-4 for kink in activation.kinks], axis=0)
    facts = {
        # A gradient of a convex potential; elementwise: h is non-decreasing.
        "monotone": bool((np.diff(h, axis=0) * np.diff(u, axis=0)).sum(axis=1).min() >= 0.0),
        "non_negative": bool(h.min() >= 0.0),
        "continuous": bool(np.abs(np.diff(h, axis=0)).max() < 0.01),
        "flat_below_zero": bool(np.array_equal(activation.value(np.maximum(u, 0.0)), h)),
    }
    for attribute, fact in facts.items():
        declared = getattr(activation, attribute)
        assert isinstance(declared, bool)
        if declared or getattr(activation, "threshold", None) != 0.0:
            assert declared == fact, attribute
    assert not activation.at_most_one or h.max() <= 1.0
    if is_elementwise(activation):
        for f in (h[:, 0], activation.derivative(grid, h[:, 0])):
            assert np.abs(np.diff(f))[smooth].max() < 0.01, "a jump that `kinks` does not name"


def check_value_object(instance):
    """An instance equals its copies, hashes as they do, survives pickling, and its fields cannot be set."""
    for twin in (copy.deepcopy(instance), pickle.loads(pickle.dumps(instance)), dataclasses.replace(instance)):
        assert twin is not instance
        assert twin == instance
        assert hash(twin) == hash(instance)
    assert all(is_frozen(instance, field.name) for field in dataclasses.fields(instance))


def is_frozen(instance, attribute):
    """Whether setting an attribute of an instance (of a copy of it) raises."""
    twin = copy.copy(instance)
    try:
        setattr(twin, attribute, getattr(twin, attribute))
    except dataclasses.FrozenInstanceError:
        return True
    return False


# Models


def make_layout(d=4, k=3, tied=True, hidden_bias=True):
    """The layout of a small autoencoder."""
    shapes = {"W": (k, d)} | ({} if tied else {"V": (k, d)}) | ({"b": (k,)} if hidden_bias else {})
    return Layout(**shapes, c=(d,))


def make_problem(layout, activation, visible="gaussian", n=5, weighted=False, seed=0):
    """Return theta, X and weights (or None), with all pre-activations away from the activation's kinks.

    The first of the seeds `seed`, `seed` + 1000, ... that gives such data is taken.
    """
    while True:
        rng = np.random.default_rng(seed)
        shape = (n, layout.shapes["W"][1])
        X = rng.standard_normal(shape) if visible == "gaussian" else rng.random(shape)
        theta = 0.7 * rng.standard_normal(layout.size)
        blocks = layout.views(theta)
        U = X @ blocks["W"].T + blocks.get("b", 0.0)
        if distance_to_kinks(activation, U) > 1e-3:
            return theta, X, (rng.uniform(0.2, 3.0, n) if weighted else None)
        seed += 1000


def is_compatible(penalties, activation, visible, tied):
    """Whether the declared requirements of all penalties are met."""
    return all(REQUIREMENTS[key][0](activation, visible, tied) for penalty in penalties for key in penalty.requires)


def check_gradient(activation, penalties, visible, tied, weighted=False, *, hidden_bias=True, target=None):
    """The gradient of the objective agrees with central differences to 1e-6."""
    layout = make_layout(tied=tied, hidden_bias=hidden_bias)
    objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
    theta, X, weight = make_problem(layout, activation, visible, weighted=weighted)
    value, gradient = objective.value_and_grad(theta, X, target, weight)
    assert isinstance(value, float)
    assert_allclose(objective.value(theta, X, target, weight), value, rtol=1e-13)
    expected = numerical_gradient(lambda theta: objective.value(theta, X, target, weight), theta)
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


# What every penalty must satisfy


def make_batch(activation, visible="gaussian", tied=True, weighted=False):
    """Return a small batch as an objective would hand it to a penalty, and a gradient full of numbers to add to."""
    layout = make_layout(tied=tied)
    theta, X, weight = make_problem(layout, activation, visible, weighted=weighted)
    blocks = layout.views(theta)
    W, V = blocks["W"], blocks.get("V", blocks["W"])
    U = X @ W.T + blocks["b"]
    weight = 1.0 / len(X) if weight is None else (weight / weight.sum())[:, None]
    batch = Batch(
        X, U, activation.value(U), W, V, weight, activation, None, lambda name, shape, dtype: np.empty(shape, dtype)
    )
    rng = np.random.default_rng(1)
    grad_W = rng.standard_normal(W.shape)
    return batch, Gradient(rng.standard_normal(U.shape), grad_W, grad_W if tied else rng.standard_normal(V.shape))


def check_penalty_adds(penalty, activation, visible, tied, weighted):
    """`add` adds, in place and in proportion to alpha, changes nothing else, and returns a float."""
    batch, grad = make_batch(activation, visible, tied, weighted)
    inputs = ("X", "U", "H", "W", "V")
    before = {name: getattr(batch, name).copy() for name in inputs}
    start = [grad.U.copy(), grad.W.copy(), grad.V.copy()]
    value = penalty.add(batch, grad)
    assert isinstance(value, float)
    once = [now - then for now, then in zip((grad.U, grad.W, grad.V), start, strict=True)]
    doubled = dataclasses.replace(penalty, alpha=2.0 * penalty.alpha)
    assert_allclose(doubled.add(batch, grad), 2.0 * value, rtol=1e-12)
    for now, then, added in zip((grad.U, grad.W, grad.V), start, once, strict=True):
        assert_allclose(now - then, 3.0 * added, rtol=1e-10, atol=1e-12)
    for name in inputs:
        assert_array_equal(getattr(batch, name), before[name], err_msg=name)
    assert dataclasses.replace(penalty, alpha=0.0).add(batch, grad) == 0.0


def check_penalty_declarations(penalty):
    """What the class declares is of the types that the estimators and `check_compatible` rely on."""
    assert set(penalty.requires) <= set(REQUIREMENTS)
    assert isinstance(penalty.scale_free_encoder, bool)


def all_combinations(penalties, activations=None):
    """Yield (activation, visible, tied) that go with all of `penalties`."""
    for activation, visible, tied in itertools.product(activations or ALL_ACTIVATIONS, VISIBLE, (True, False)):
        assert isinstance(activation, Activation)
        if is_compatible(penalties, activation, visible, tied):
            yield activation, visible, tied
