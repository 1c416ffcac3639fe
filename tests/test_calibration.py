"""The normalising constants and the temperature: optimality, saturation, weights, priors, held-out rows."""

import numpy as np
import pytest
from helpers import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from skae.classifier._calibration import Calibration
from skae.classifier._class_constants import log_constants
from skae.classifier._rows import LabelledRows, trial_splits
from skae.classifier._temperature import fit_temperature


def problem(seed=0, n_classes=4, n_rows=200, scale=1.0, separation=1.0):
    """Return energies, and classes that all have a row."""
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


@examples(100)
@given(
    st.integers(0, 10**6),
    st.integers(2, 8),
    st.integers(1, 80),
    st.sampled_from([1e-3, 0.1, 1.0, 10.0, 100.0, 1e3, 1e5]),
    st.sampled_from([0.0, 1.0, 3.0, 10.0]),
)
def test_reaches_the_optimum_at_any_scale(seed, n_classes, n_rows, scale, separation):
    """The norm of the gradient is below 1e-6, and the constants sum to 0."""
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
    """The constants lie in the middle of the gap, where the likelihood is flat to rounding."""
    E = np.array([[0.0, 1000.0], [0.0, 1010.0], [0.0, 2000.0], [0.0, 1990.0]])
    C, _, _ = log_constants(E, np.array([0, 0, 1, 1]))
    assert C[0] - C[1] == pytest.approx(1500.0, abs=100.0)


def test_does_not_depend_on_shifts():
    """Shifting all energies of a row changes nothing. The constant of a class takes up a shift of its energies."""
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
    """Two halves, one after the other, come near the whole. Rows that lack a class do no harm."""
    E, labels = problem(n_rows=4000)
    whole, _, _ = log_constants(E, labels)
    first, second = slice(0, 2000), slice(2000, None)
    C, _, precision = log_constants(E[first], labels[first])
    both, _, _ = log_constants(E[second], labels[second], start=C, precision=precision)
    assert_allclose(both, whole, atol=0.1)
    assert np.abs(both - whole).max() < 0.5 * np.abs(C - whole).max()
    few = slice(2000, 2003)
    assert_allclose(log_constants(E[few], labels[few], start=C, precision=precision)[0], C, atol=0.1)


@pytest.mark.parametrize("T", [1.0, 3.0])
def test_a_prior_counts_as_its_rows_at_any_temperature(T):
    """At the optimum, the gradient of the new rows' loss cancels that of the prior; information is the curvature."""
    E, labels = problem(scale=T)
    C, _, precision = log_constants(E[:100], labels[:100], temperature=T)
    both, _, information = log_constants(E[100:], labels[100:], temperature=T, start=C, precision=precision)
    pull = precision @ (both - C)
    assert np.abs(pull).max() > 0.1 / T
    assert_allclose(len(E[100:]) * gradient(E[100:] / T, both / T, labels[100:]) / T, -pull, atol=1e-6)
    P = softmax((E[100:] + both) / T, axis=1)
    assert_allclose(information, (np.diag(P.sum(axis=0)) - P.T @ P) / T**2, rtol=1e-9, atol=1e-12)


def test_a_part_lets_earlier_ones_count_less():
    """Their information is multiplied by 0.9, and that of the rows of the part is added."""
    E, labels = problem()
    first = Calibration.without_rows(4, 2.0).update(E[:100], labels[:100], None)
    second = first.update(E, labels, None)
    P = softmax((E + second.constants) / 2.0, axis=1)
    fresh = (np.diag(P.sum(axis=0)) - P.T @ P) / 4.0
    assert_allclose(second.information, 0.9 * first.information + fresh, rtol=1e-9, atol=1e-12)


# The temperature


def temperature_gradient(scores, labels, T, weight=None):
    """Return the derivative of the mean log-likelihood in 1/T."""
    weight = np.ones(len(scores)) if weight is None else weight
    own = scores[np.arange(len(scores)), labels]
    return np.average((softmax(scores / T, axis=1) * scores).sum(axis=1) - own, weights=weight)


@examples(100)
@given(
    st.integers(0, 10**6),
    st.integers(2, 8),
    st.integers(1, 80),
    st.sampled_from([1e-3, 0.1, 1.0, 1e3, 1e8, 1e300]),
    st.sampled_from([-10.0, 0.0, 1.0, 10.0]),
)
def test_temperature_is_finite_at_any_scale(seed, n_classes, n_rows, scale, separation):
    """The temperature is positive and scales with the scores, also if all rows are right or all wrong."""
    scores, labels = problem(seed, n_classes, n_rows, 1.0, separation)
    T = fit_temperature(scores, labels)
    assert 0.0 < T < np.inf
    assert fit_temperature(scale * scores, labels) == pytest.approx(scale * T, rel=1e-6)


def test_temperature_is_the_optimum_of_many_rows():
    """The prior counts as a third of a row, so with thousands of rows the likelihood decides."""
    scores, labels = problem(n_rows=5000, scale=7.0)
    T = fit_temperature(scores, labels)
    slopes = [temperature_gradient(scores, labels, factor * T) for factor in (0.99, 1.01)]
    assert slopes[0] > 0.0 > slopes[1]


def test_temperature_finds_the_scale_of_labels_that_were_drawn():
    """Scores that are true log-probabilities give 1. Scores five times as large give 5."""
    rng = np.random.default_rng(0)
    scores = 2.0 * rng.standard_normal((4000, 3))
    labels = (softmax(scores, axis=1).cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)
    assert fit_temperature(scores, labels) == pytest.approx(1.0, abs=0.1)
    assert fit_temperature(5.0 * scores, labels) == pytest.approx(5.0, abs=0.5)


def test_temperature_does_not_depend_on_a_shift_of_each_row():
    scores, labels = problem(scale=3.0)
    shift = 100.0 * np.random.default_rng(0).standard_normal((len(scores), 1))
    assert fit_temperature(scores + shift, labels) == pytest.approx(fit_temperature(scores, labels), rel=1e-9)


def test_temperature_takes_weights_of_any_scale():
    """Doubling all weights changes nothing, because weights do not count as rows."""
    scores, labels = problem()
    weight = np.linspace(0.1, 2.0, len(scores))
    weighted = fit_temperature(scores, labels, weight)
    assert weighted == pytest.approx(fit_temperature(scores, labels, 1e6 * weight), rel=1e-9)
    assert weighted != pytest.approx(fit_temperature(scores, labels), rel=1e-3)


def test_temperature_of_scores_that_are_all_equal():
    """With nothing to scale, the temperature is 1."""
    assert fit_temperature(np.ones((3, 2)), np.array([0, 1, 1])) == 1.0


# Held-out rows


def held_out(X, labels, weight=None):
    """Return (train, test) of all trial splits, as rows of X in a fixed order."""
    rows = LabelledRows(X, labels, weight, weight)
    return [(np.unique(X[train], axis=0), np.unique(test.X, axis=0)) for train, test in trial_splits(rows)]


def assert_same_rows(first, second):
    for a, b in zip(first, second, strict=True):
        assert_array_equal(a[0], b[0])
        assert_array_equal(a[1], b[1])


def test_each_row_is_held_out_once(rng):
    """A fifth of each class is held out in turn. No held-out row equals a row to train on."""
    X, labels = rng.standard_normal((60, 3)), np.arange(60) % 4
    splits = list(trial_splits(LabelledRows(X, labels, None, None)))
    assert len(splits) == 5
    for train, test in splits:
        assert_array_equal(np.bincount(test.labels), 3)
        assert len(train) == 48
        assert not (X[train][:, None] == test.X).all(axis=2).any()
    assert_array_equal(np.unique(np.concatenate([test.X for _, test in splits]), axis=0), np.unique(X, axis=0))


def test_enough_rows_are_enough(rng):
    """With 3000 rows, only one fifth is held out."""
    ((train, test),) = trial_splits(LabelledRows(rng.standard_normal((3000, 2)), np.arange(3000) % 3, None, None))
    assert len(train) == 2400
    assert len(test.labels) == 600


def test_trials_know_neither_order_nor_names_nor_storage(rng):
    """The held-out rows do not depend on the order of the rows, the numbers of the classes, or the kind of matrix."""
    X, labels = rng.standard_normal((40, 3)), rng.integers(0, 3, 40)
    order = rng.permutation(40)
    expected = held_out(X, labels)
    assert_same_rows(held_out(X[order], labels[order]), expected)
    assert_same_rows(held_out(X, 2 - labels), expected)
    assert_same_rows(held_out(np.asfortranarray(X), labels), expected)
    for (train, test), (train_csr, test_csr) in zip(
        trial_splits(LabelledRows(X, labels, None, None)),
        trial_splits(LabelledRows(sparse.csr_array(X), labels, None, None)),
        strict=True,
    ):
        assert_array_equal(train, train_csr)
        assert_array_equal(test.X, test_csr.X.toarray())


def test_trials_take_weights_as_repetitions(rng):
    """Copies of a row are held out together, as one row with the sum of their weights."""
    X, labels = rng.standard_normal((30, 3)), np.arange(30) % 3
    copies = rng.integers(1, 4, 30)
    repeated = np.repeat(X, copies, axis=0), np.repeat(labels, copies)
    assert_same_rows(held_out(*repeated), held_out(X, labels))
    for (_, test), (_, weighted) in zip(
        trial_splits(LabelledRows(*repeated, None, None)),
        trial_splits(LabelledRows(X, labels, None, copies.astype(float))),
        strict=True,
    ):
        assert_array_equal(test.X, weighted.X)
        assert_array_equal(test.supervised, weighted.supervised)


def test_a_class_of_equal_rows_is_not_held_out(rng):
    """Holding it out would leave no row to train on. Rows without weight are not held out either."""
    X = np.r_[rng.standard_normal((10, 2)), np.zeros((3, 2))]
    labels = np.r_[np.zeros(10, dtype=int), np.ones(3, dtype=int)]
    for train, test in trial_splits(LabelledRows(X, labels, None, np.r_[0.0, np.ones(12)])):
        assert (labels[train] == 1).sum() == 3
        assert (test.labels == 0).all()
        assert not (X[0] == test.X).all(axis=1).any()
    assert not list(trial_splits(LabelledRows(np.zeros((3, 2)), np.array([0, 1, 1]), None, None)))
