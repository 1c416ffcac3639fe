"""The instances that the tests run over, finite differences, and the checks that every instance must pass."""

import copy
import dataclasses
import itertools
import pickle

import hypothesis
import numpy as np
from numpy.testing import assert_allclose
from scipy import sparse

from skae.activations import ACTIVATIONS, Activation
from skae.objectives import Reconstruction, for_sparse_rows
from skae.parameters import Layout
from skae.penalties import PENALTIES, REQUIREMENTS, Batch, Gradient

VISIBLE = ("gaussian", "bernoulli")
DTYPES = (np.float32, np.float64)


def examples(number, **options):
    """Return settings of hypothesis for so many examples in a default run, and in proportion in a longer one."""
    share = hypothesis.settings.default.max_examples / hypothesis.settings.get_profile("default").max_examples
    return hypothesis.settings(max_examples=round(number * share), **options)


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
    if isinstance(instance, type) or getattr(instance, "threshold", None) is None:
        return name
    return f"{name}({instance.threshold:g})"


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


def distance_to_kinks(activation, U):
    """Smallest distance of U to a kink of h or, where the units compete, to a tie between the two largest."""
    if not is_elementwise(activation):
        top = np.sort(U, axis=-1)[..., -2:]
        return float((top[..., -1] - top[..., 0]).min())
    return min((float(np.abs(U - kink).min()) for kink in activation.kinks), default=np.inf)


# What every instance must satisfy


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


def make_problem(layout, activation, visible="gaussian", n=5, weighted=False, seed=0, zeros=0.0):
    """Return theta, X and weights (or None), with all pre-activations away from the activation's kinks.

    `zeros` is the share of zeros in X.

    The first of the seeds `seed`, `seed` + 1000, ... that gives such data is taken.
    """
    while True:
        rng = np.random.default_rng(seed)
        shape = (n, layout.shapes["W"][1])
        X = rng.standard_normal(shape) if visible == "gaussian" else rng.random(shape)
        theta = 0.7 * rng.standard_normal(layout.size)
        X[rng.random(shape) < zeros] = 0.0
        blocks = layout.views(theta)
        U = X @ blocks["W"].T + blocks.get("b", 0.0)
        if distance_to_kinks(activation, U) > 1e-3:
            return theta, X, (rng.uniform(0.2, 3.0, n) if weighted else None)
        seed += 1000


def is_compatible(penalties, activation, visible, tied):
    """Whether the declared requirements of all penalties are met."""
    return all(REQUIREMENTS[key][0](activation, visible, tied) for penalty in penalties for key in penalty.requires)


def check_gradient(
    activation, penalties, visible, tied, weighted=False, *, hidden_bias=True, target=None, sparse_rows=False
):
    """The gradient of the objective agrees with central differences to 1e-6."""
    layout = make_layout(tied=tied, hidden_bias=hidden_bias)
    objective = Reconstruction(layout, activation, visible=visible, penalties=penalties)
    if sparse_rows:
        objective = for_sparse_rows(objective)
        layout = objective.layout
    zeros = 0.5 if sparse_rows else 0.0
    theta, X, weight = make_problem(layout, activation, visible, weighted=weighted, zeros=zeros)
    if sparse_rows:
        X, target = sparse.csc_array(X), None if target is None else sparse.csc_array(target)
    value, gradient = objective.value_and_grad(theta, X, target, weight)
    assert isinstance(value, float)
    assert_allclose(objective.value(theta, X, target, weight), value, rtol=1e-13)
    plain = Reconstruction(layout, activation, visible=visible)
    plain = for_sparse_rows(plain) if sparse_rows else plain
    with_and_without = objective.losses_at(theta)(X, target, weight)
    assert_allclose(with_and_without, (value, plain.value(theta, X, target, weight)), rtol=1e-13)
    expected = numerical_gradient(lambda theta: objective.value(theta, X, target, weight), theta)
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


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


def all_combinations(penalties, activations=None):
    """Yield (activation, visible, tied) that go with all of `penalties`."""
    for activation, visible, tied in itertools.product(activations or ALL_ACTIVATIONS, VISIBLE, (True, False)):
        assert isinstance(activation, Activation)
        if is_compatible(penalties, activation, visible, tied):
            yield activation, visible, tied
