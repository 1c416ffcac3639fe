"""The normalising constants: optimality, saturation, weights, priors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from skae.estimators._calibration import log_constants


def problem(seed=0, n_classes=4, n_rows=200, scale=1.0, separation=1.0):
    """Energies and classes, each of which has a row."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(n_classes))
    labels = np.r_[np.arange(n_classes), rng.choice(n_classes, n_rows, p=share)]
    E = rng.standard_normal((len(labels), n_classes)) + separation * np.eye(n_classes)[labels]
    return scale * (E + 3.0 * rng.standard_normal(n_classes)), labels


def gradient(E, C, labels, weight=None):
    weight = np.ones(len(E)) if weight is None else weight
    residual = softmax(E + C, axis=1) - np.eye(E.shape[1])[labels]
    return weight @ residual / weight.sum()


def value(E, C, labels):
    scores = E + C
    return (logsumexp(scores, axis=1) - scores[np.arange(len(E)), labels]).mean()


@settings(deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 8),
    st.integers(1, 80),
    st.sampled_from([1e-3, 0.1, 1.0, 10.0, 100.0, 1e3, 1e5]),
    st.sampled_from([0.0, 1.0, 3.0, 10.0]),
)
def test_reaches_the_optimum_at_any_scale(seed, n_classes, n_rows, scale, separation):
    """The gradient's norm is below 1e-6, the constants sum to 0."""
    E, labels = problem(seed, n_classes, n_rows, scale, separation)
    C, n_iter, _ = log_constants(E, labels)
    assert n_iter < 300
    assert np.linalg.norm(gradient(E, C, labels)) < 1e-6
    assert abs(C.sum()) < 1e-9 * max(1.0, np.abs(C).max())


def test_is_the_optimum_of_an_independent_optimiser():
    E, labels = problem()
    reference = minimize(lambda C: value(E, C, labels), np.zeros(4), options={"gtol": 1e-9})
    assert_allclose(log_constants(E, labels)[0], reference.x - reference.x.mean(), atol=1e-5)


def test_of_two_separated_classes_lies_amid_the_gap():
    """Far from both, where the likelihood is flat to rounding."""
    E = np.array([[0.0, 1000.0], [0.0, 1010.0], [0.0, 2000.0], [0.0, 1990.0]])
    C, _, _ = log_constants(E, np.array([0, 0, 1, 1]))
    assert C[0] - C[1] == pytest.approx(1500.0, abs=100.0)


def test_does_not_depend_on_shifts():
    """Neither of all energies of a row, nor of a class, whose constant takes it up."""
    E, labels = problem(scale=5.0)
    C = log_constants(E, labels)[0]
    rng = np.random.default_rng(0)
    shift = rng.standard_normal(4) * 1e3
    moved = log_constants(E + rng.standard_normal((len(E), 1)) + shift, labels)[0]
    assert_allclose(moved + shift - shift.mean(), C, atol=1e-6)


def test_weights_are_repetitions():
    E, labels = problem()
    weight = np.arange(len(E)) % 3
    weight[:4] = 1
    repeated = log_constants(np.repeat(E, weight, axis=0), np.repeat(labels, weight))
    weighted = log_constants(E[weight > 0], labels[weight > 0], weight[weight > 0])
    assert_allclose(weighted[0], repeated[0], atol=1e-9)
    assert_allclose(weighted[2], repeated[2], rtol=1e-6, atol=1e-9)


def test_only_free_constants_move():
    E, labels = problem()
    start, free = np.array([1.0, -2.0, 0.5, 30.0]), np.array([False, False, False, True])
    C, _, _ = log_constants(E, labels, start=start, free=free)
    assert_allclose(C[:3], start[:3], rtol=0)
    assert abs(gradient(E, C, labels)[3]) < 1e-9


def test_information_is_the_hessian():
    E, labels = problem()
    C, _, information = log_constants(E, labels)
    step = 1e-5 * np.eye(4)
    numerical = [(gradient(E, C + h, labels) - gradient(E, C - h, labels)) / 2e-5 * len(E) for h in step]
    assert_allclose(information, numerical, rtol=1e-5, atol=1e-6)
    assert_allclose(information.sum(axis=0), 0.0, atol=1e-9)


def test_prior_carries_what_earlier_rows_have_told():
    """Halves in turn come near the whole; rows that lack a class do no harm."""
    E, labels = problem(n_rows=4000)
    whole, _, _ = log_constants(E, labels)
    first, second = slice(0, 2000), slice(2000, None)
    C, _, precision = log_constants(E[first], labels[first])
    both, _, _ = log_constants(E[second], labels[second], start=C, precision=precision)
    assert_allclose(both, whole, atol=0.1)
    assert np.abs(both - whole).max() < 0.5 * np.abs(C - whole).max()
    few = slice(2000, 2003)
    assert_allclose(log_constants(E[few], labels[few], start=C, precision=precision)[0], C, atol=0.1)
