"""Conformal p-values and prediction sets: their level, exactly and over draws, and which rows they rest on."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import false_discovery_control

from skae.training import conformal_p_values

LEVELS = (0.01, 0.05, 0.1, 0.2)


# The function


def test_p_value_is_a_rank():
    """By the formula, ties counted, whatever the order and the dtype of the scores."""
    scores = np.array([0.5, -3.0, 9.0, 2.0], dtype=np.float32)
    calibration = np.array([2.0, 0.0, 1.0, 2.0], dtype=np.float32)
    expected = (1 + (calibration <= scores[:, None]).sum(axis=1)) / 5
    result = conformal_p_values(scores, calibration)
    assert result.dtype == np.float64
    assert_array_equal(result, expected)
    assert_array_equal(result, [0.4, 0.2, 1.0, 1.0])
    assert_array_equal(conformal_p_values(scores, calibration[::-1]), result)


@pytest.mark.parametrize("values", [(1, 2, 3, 4, 5), (1, 1, 2, 2, 2), (1, 1, 1, 1), (0,), (3, 1, 3)], ids=str)
def test_level_by_enumeration(values):
    """P(p <= a) <= a for each a, over all orders of exchangeable scores; without ties it is the largest k / n <= a."""
    p = np.array([conformal_p_values([last], rest)[0] for *rest, last in itertools.permutations(values)])
    for a in np.linspace(0.0, 1.0, 101):
        assert (p <= a).mean() <= a + 1e-12
    if len(set(values)) == len(values):
        for k in range(1, len(values) + 1):
            assert (p <= k / len(values)).mean() == pytest.approx(k / len(values), abs=1e-12)


@pytest.mark.parametrize("discrete", [False, True], ids=["continuous", "discrete"])
@pytest.mark.parametrize("n_calibration", [5, 99, 120])
def test_level_over_draws(n_calibration, discrete, rng):
    """The share of p <= a on new rows, averaged over draws of calibration and test rows, is at most a."""
    shares = []
    for _ in range(400):
        scores = rng.standard_normal(n_calibration + 50)
        scores = np.round(scores) if discrete else scores
        p = conformal_p_values(scores[n_calibration:], scores[:n_calibration])
        shares.append([(p <= a).mean() for a in LEVELS])
    error = np.std(shares, axis=0) / np.sqrt(len(shares))
    assert (np.mean(shares, axis=0) <= LEVELS + 2.0 * error).all()
    if n_calibration == 99 and not discrete:  # where every level is k / (n + 1), it is met and not only kept
        assert (np.mean(shares, axis=0) >= LEVELS - 3.0 * error).all()


def test_false_discovery_rate(rng):
    """Benjamini-Hochberg keeps the rate that was asked, although the p-values share their calibration rows."""
    discoveries, found = [], []
    outlier = np.arange(500) < 50
    for _ in range(200):
        calibration, scores = rng.standard_normal(1000), rng.standard_normal(500) - 4.0 * outlier
        rejected = false_discovery_control(conformal_p_values(scores, calibration)) <= 0.1
        discoveries.append((rejected & ~outlier).sum() / max(rejected.sum(), 1))
        found.append(rejected[outlier].mean())
    assert np.mean(discoveries) <= 0.1 + 2.0 * np.std(discoveries) / np.sqrt(len(discoveries))
    assert np.mean(found) > 0.8


def test_weights_are_repetitions(rng):
    """A held-out row of weight 3 is three; of weight 1 one; of weight 0 none."""
    calibration, scores = np.round(rng.standard_normal(40), 1), np.round(rng.standard_normal(20), 1)
    assert_array_equal(conformal_p_values(scores, calibration, np.ones(40)), conformal_p_values(scores, calibration))
    weights = rng.integers(0, 4, 40)
    assert_array_equal(
        conformal_p_values(scores, calibration, weights),
        conformal_p_values(scores, np.repeat(calibration, weights)),
    )
