"""Defaults that follow the data: epochs, rates, the length of the first weights, rows held out by a classifier."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.activations import as_activation
from skae.classifier._rows import LabelledRows, small_split
from skae.objectives import Reconstruction
from skae.parameters import Layout, MaxNorm, Sample, initial_parameters

OF_6000_UPDATES = ContractiveAutoencoder, DenoisingAutoencoder, MarginalizedDenoisingAutoencoder, SparseAutoencoder


def epochs_of(make, n_batches, rng, n_features=20, **parameters):
    """Return the epochs of a fit at the automatic number, with so many batches of one row."""
    X = 2.0 * rng.standard_normal((n_batches, n_features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(2, batch_size=1, tol=0, random_state=0, **parameters).fit(X).n_iter_


# ------------------------------------------------------------------ epochs


@pytest.mark.sampled(3)
@pytest.mark.parametrize("make", OF_6000_UPDATES)
@pytest.mark.parametrize(("n_batches", "expected"), [(4, 200), (6, 150), (20, 100), (120, 50), (1000, 10)])
def test_adam_makes_6000_updates_in_10_to_100_epochs(make, n_batches, expected, rng):
    assert epochs_of(make, n_batches, rng) == expected


@pytest.mark.parametrize(("n_batches", "expected"), [(2, 150), (5, 60), (20, 30), (300, 20), (700, 10)])
def test_zero_bias_makes_fewer_updates(n_batches, expected, rng):
    assert epochs_of(ZeroBiasAutoencoder, n_batches, rng) == expected


@pytest.mark.sampled(3)
@pytest.mark.parametrize("alpha_steps", [0, 10, 1000])
@pytest.mark.parametrize(("n_batches", "expected"), [(4, 200), (20, 100), (100, 60), (400, 20)])
def test_saturating_makes_6000_updates_in_all_its_stages(alpha_steps, n_batches, expected, rng):
    assert epochs_of(SaturatingAutoencoder, n_batches, rng, alpha_steps=alpha_steps) == expected


@pytest.mark.parametrize("make", [ContractiveAutoencoder, ZeroBiasAutoencoder, SaturatingAutoencoder])
def test_sgd_makes_200_epochs(make, rng):
    assert epochs_of(make, 2, rng, solver="sgd", learning_rate_init=1e-6) == 200


def test_few_features_need_more_epochs(rng):
    """Their weights must be larger, so that the least number of updates grows like the rate."""
    assert epochs_of(ContractiveAutoencoder, 12, rng) == 100
    assert epochs_of(ContractiveAutoencoder, 12, rng, n_features=5) > 100
    assert epochs_of(ContractiveAutoencoder, 12, rng, n_features=2) == 200
    assert epochs_of(ContractiveAutoencoder, 120, rng, n_features=2) == 50


def test_a_number_of_epochs_is_obeyed(rng):
    assert epochs_of(ContractiveAutoencoder, 20, rng, max_iter=3) == 3


@pytest.mark.parametrize(("n_samples", "expected"), [(250, 30), (4000, 25), (30_000, 5)])
def test_fine_tuning_makes_1000_updates_in_5_to_30_epochs(n_samples, expected, rng):
    X, y = rng.standard_normal((n_samples, 2)), np.arange(n_samples) % 2
    classifier = ClassSpecificAEClassifier(
        ContractiveAutoencoder(2, max_iter=1), temperature=1.0, tol=0, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert classifier.fit(X, y).n_iter_ == expected


@pytest.mark.parametrize(
    ("method", "n_samples", "expected"), [("finetune", 300, 80), ("finetune", 3000, 14), ("normalize", 300, 200)]
)
def test_the_default_autoencoder_is_trained_briefly_before_fine_tuning(method, n_samples, expected, rng):
    X, y = rng.standard_normal((n_samples, 3)), np.arange(n_samples) % 2
    classifier = ClassSpecificAEClassifier(method=method, max_iter=1, temperature=1.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = classifier.fit(X, y).estimators_[0]
    assert fitted.n_iter_ == expected
    assert (fitted.n_components, fitted.alpha) == (100, 1.0 if method == "finetune" else 0.1)


def test_enough_epochs_do_not_warn_that_the_loss_falls(rng):
    """The same fit with a number of epochs does."""
    X = rng.standard_normal((60, 8)) @ rng.standard_normal((8, 8))
    parameters = {"batch_size": 1, "alpha": 0, "learning_rate_init": 5e-3, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="stopped at max_iter=4"):
        ContractiveAutoencoder(8, max_iter=4, **parameters).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        ContractiveAutoencoder(8, **parameters).fit(X)


# ------------------------------------------------------------------ rates


def rate(make, n_batches, rng, unit=10.0, **parameters):
    """Return the rate of a fit to features whose number and scale do not change it, at the default unit."""
    X = unit * rng.standard_normal((n_batches, 20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make(2, batch_size=1, random_state=0, **parameters).fit(X)
    return fitted._solver(n_batches).learning_rate


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("n_batches", "factor"), [(2, 1.0), (9, 1.5), (24, 2.0), (75, 2.5), (100, 3.0), (150, 3.0)])
def test_fewer_epochs_have_larger_rates(n_batches, factor, rng):
    """It is 200 / epochs, at most a sixth of the batches in an epoch, and at most three."""
    assert_allclose(rate(ContractiveAutoencoder, n_batches, rng), 0.01 * factor, rtol=1e-2)


def test_rates_grow_tenfold_at_most(rng):
    """Where both the features and the epochs call for larger ones, too."""
    assert rate(ContractiveAutoencoder, 100, rng, unit=1e-3) == pytest.approx(0.1)


def test_other_rates_do_not_grow(rng):
    """Those of a given number of epochs, those that are given, and those of units that larger steps spoil."""
    assert rate(ContractiveAutoencoder, 60, rng, max_iter=2) == 0.01
    assert rate(ContractiveAutoencoder, 60, rng, learning_rate_init=0.003) == 0.003
    assert rate(ContractiveAutoencoder, 60, rng, learning_rate="constant") is None
    assert rate(SaturatingAutoencoder, 60, rng) is None
    assert rate(ZeroBiasAutoencoder, 60, rng) == pytest.approx(0.004)


# ------------------------------------------------------------------ lengths of the first weights


def correlated(rng):
    """Return rows that are much alike: a few directions, of which one dominates."""
    X = rng.standard_normal((200, 3)) * [5.0, 1.0, 1.0] @ np.linalg.qr(rng.standard_normal((20, 3)))[0].T
    return X - X.mean(axis=0)


def loss_of(theta, layout, X, activation, visible="gaussian", weight=None):
    return Reconstruction(layout, activation, visible=visible).value(theta, X, None, weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", ["data", "pca"])
@pytest.mark.parametrize("name", ["trec", "tlin", "sigmoid", "relu", "shrink", "identity"])
def test_first_weights_have_the_length_that_reconstructs_best(name, init, weighted, rng):
    """No other length of a range reconstructs much better, and the mean is beaten by all units that are active.

    Rows that weigh next to nothing have no say, however large they are.
    """
    X, activation, weight = correlated(rng), as_activation(name, 1.0), np.ones(200)
    if weighted:
        X, weight = np.vstack([X, 20.0 + 10.0 * X[:200]]), np.r_[weight, np.full(200, 1e-9)]
    mean = np.average(X, axis=0, weights=weight)
    biased = name not in ("trec", "tlin")
    layout = Layout(W=(50, 20), **({"b": (50,)} if biased else {}), c=(20,))
    sample = Sample(X, weight, mean)
    theta = initial_parameters(layout, init, sample, activation, "gaussian", rng, np.float64)
    losses = []
    for factor in 2.0 ** np.arange(-4, 2):
        scaled = theta.copy()
        blocks = layout.views(scaled)
        blocks["W"][...] *= factor
        blocks["c"][...] = 0.0
        H = activation.value(X @ blocks["W"].T + (blocks["b"] if biased else 0.0))
        blocks["c"][...] = mean - np.average(H, axis=0, weights=weight) @ blocks["W"]
        losses.append(loss_of(scaled, layout, X, activation, weight=weight))
    loss = loss_of(theta, layout, X, activation, weight=weight)
    assert loss <= min(losses) * (1.0 + 1e-9)
    assert loss < 0.5 * np.average((X - mean) ** 2, axis=0, weights=weight).sum() * (1.0 + 1e-9)


def test_random_weights_keep_their_length(rng):
    X = correlated(rng)
    layout = Layout(W=(8, 20), b=(8,), c=(20,))
    sample = Sample(X, np.ones(len(X)), X.mean(axis=0))
    theta = initial_parameters(layout, "glorot", sample, as_activation("sigmoid"), "gaussian", rng, np.float64)
    length = np.linalg.norm(layout.views(theta)["W"], axis=1)
    assert_allclose(np.sqrt(np.mean(length**2)), np.sqrt(2 * 20 / 28), rtol=0.1)


def test_first_weights_meet_their_constraint(rng):
    X = correlated(rng)
    layout = Layout(W=(8, 20), b=(8,), c=(20,))
    sample = Sample(X, np.ones(len(X)), X.mean(axis=0))
    theta = initial_parameters(
        layout, "data", sample, as_activation("sigmoid"), "gaussian", rng, np.float64, MaxNorm("W", 0.1)
    )
    assert np.linalg.norm(layout.views(theta)["W"], axis=1).max() <= 0.1 * (1.0 + 1e-12)


def test_zero_bias_starts_below_the_loss_of_the_mean(rng):
    """Units of one length reconstructed rows that are much alike many times over."""
    X = correlated(rng) + 0.1 * rng.standard_normal((200, 20))
    fitted = ZeroBiasAutoencoder(100, max_iter=1, learning_rate_init=1e-9, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(X)
    assert fitted.loss_curve_[0] < 0.5 * X.var(axis=0).sum()


# ------------------------------------------------------------------ rows held out for the temperature


def test_few_of_many_rows_are_held_out(rng):
    """250 rows, or 2 % of them if that is more, the same share of each class. Small classes keep all rows."""
    for n, expected in ((4999, None), (5000, 250), (10_000, 250), (20_000, 400)):
        labels = np.where(np.arange(n) < 10, 1, 0)
        found = small_split(LabelledRows(rng.standard_normal((n, 2)), labels, None, None))
        if expected is None:
            assert found is None
            continue
        train, test = found
        assert abs(len(test.labels) - expected) <= 2
        assert len(train) + len(test.labels) == n
        assert not test.labels.any()


def test_held_out_rows_know_neither_order_nor_copies(rng):
    X, labels = rng.standard_normal((6000, 2)), np.arange(6000) % 3
    order, copies = rng.permutation(6000), rng.integers(1, 3, size=6000)
    train, test = small_split(LabelledRows(X, labels, None, None))
    _, moved = small_split(LabelledRows(X[order], labels[order], None, None))
    again, repeated = small_split(LabelledRows(np.repeat(X, copies, axis=0), np.repeat(labels, copies), None, None))
    assert_array_equal(np.unique(moved.X, axis=0), np.unique(test.X, axis=0))
    assert_array_equal(np.unique(repeated.X, axis=0), np.unique(test.X, axis=0))
    assert len(again) == copies[train].sum()
    assert repeated.supervised.sum() == copies.sum() - len(again)
    # copies of few rows are few rows
    assert small_split(LabelledRows(np.repeat(X[:100], 60, axis=0), np.repeat(labels[:100], 60), None, None)) is None


def test_a_fit_to_many_rows_does_without_a_trial(rng):
    """The rows that are held out are trained on by none; with a given temperature, all are."""
    y = np.arange(5000) % 2
    X = rng.standard_normal((5000, 2)) + 3.0 * y[:, None]
    autoencoder = ContractiveAutoencoder(4, max_iter=2)
    classifier = ClassSpecificAEClassifier(autoencoder, max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(X, y)
        assert sum(each.n_samples_seen_ for each in classifier.estimators_) == 4750
        assert classifier.temperature_ != 1.0
        classifier.set_params(temperature=1.0).fit(X, y)
    assert sum(each.n_samples_seen_ for each in classifier.estimators_) == 5000
