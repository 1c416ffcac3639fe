"""Plateaus of the loss: starts that avoid them, fits that wait on them, and a warning after a fit that ended on one."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder
from skae.datasets import make_circle
from skae.parameters import Sample, initial_weights
from skae.solvers import LBFGS, SGD, Adam, Stochastic
from skae.training import Batches

CIRCLE = make_circle(1000, random_state=0)[0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_energy_of_a_circle_is_lowest_at_its_centre(solver, seed):
    """ENERGY figure 2 with the paper's 100 units and the defaults. The fit gets beyond a linear autoencoder."""
    autoencoder = ContractiveAutoencoder(100, alpha=0.03, solver=solver, random_state=seed).fit(CIRCLE)
    assert autoencoder.loss_ <= 0.0105  # 0.0146 on the plateau
    assert autoencoder.score_samples(np.zeros((1, 2)))[0] < autoencoder.score_samples(CIRCLE).min()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_linear_units_reach_pca(solver):
    """A linear autoencoder reaches the loss of PCA with as many components. On the way lie saddles."""
    X = load_digits().data / 16.0
    pca = PCA(10).fit(X)
    best = 0.5 * np.mean(np.sum((X - pca.inverse_transform(pca.transform(X))) ** 2, axis=1))
    autoencoder = ContractiveAutoencoder(10, activation="identity", alpha=0, solver=solver, random_state=0).fit(X)
    assert best * (1.0 - 1e-9) < autoencoder.loss_ < 1.001 * best


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": 0.03, "init": "data", "learning_rate_init": 0.01},
        {"alpha": 0.03, "init": "data", "solver": "lbfgs"},
    ],
    ids=["adam", "lbfgs"],
)
def test_a_fit_that_ends_on_a_plateau_warns(parameters):
    """Ten epochs of patience are too short here: the loss stops at 0.0147, and would fall by a third."""
    autoencoder = ContractiveAutoencoder(100, n_iter_no_change=10, random_state=0, **parameters)
    with pytest.warns(ConvergenceWarning, match="stopped on a plateau after") as caught:
        autoencoder.fit(CIRCLE)
    (text,) = (str(each.message) for each in caught)
    step = "iterations" if autoencoder.solver == "lbfgs" else "epochs"
    assert f"solver='{autoencoder.solver}' stopped on a plateau after {autoencoder.n_iter_} {step}: " in text
    assert ("learning_rate_init" in text) == (autoencoder.solver != "lbfgs")
    assert autoencoder.n_iter_ < 50
    assert autoencoder.loss_ > 0.0145


def test_an_end_is_no_plateau(rng):
    """Fits that have reached a minimum, or come near one, do not warn."""
    X = rng.standard_normal((300, 6)) @ rng.standard_normal((6, 6))
    for estimator in (
        ContractiveAutoencoder(3, activation="identity", alpha=0, n_iter_no_change=10, max_iter=1000, random_state=0),
        ContractiveAutoencoder(3, solver="lbfgs", max_iter=3000, random_state=0),
        ContractiveAutoencoder(3, early_stopping=True, n_iter_no_change=10, max_iter=1000, random_state=0),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            estimator.fit(X)
        assert estimator.n_iter_ < estimator.max_iter


def test_patience_is_counted_in_updates():
    """With few batches an epoch has few updates, so the fit waits for more epochs."""
    for rule in (Adam(), SGD()):
        assert [Stochastic(rule).patience(n) for n in (1, 3, 10, 99, 100, 600)] == [1000, 334, 100, 11, 10, 10]
        assert Stochastic(rule, n_iter_no_change=3).patience(1) == 3
    assert LBFGS().patience(1) == LBFGS().patience(100) == 50
    assert LBFGS(n_iter_no_change=4).patience(1) == 4


@pytest.mark.parametrize(("patience", "n_iter"), [(2, 3), (10, 11), ("auto", 101)])
def test_n_iter_no_change_is_obeyed_where_given(patience, n_iter):
    """A number means that many epochs. "auto" waits for 1000 updates; here an epoch has 10."""
    autoencoder = DenoisingAutoencoder(
        20, tol=0.999, n_iter_no_change=patience, learning_rate="constant", max_iter=150, random_state=0
    )
    assert autoencoder.fit(CIRCLE).n_iter_ == n_iter  # the other epochs are compared with the first


def test_the_validation_loss_is_waited_for_as_long(rng):
    """Early stopping counts updates too."""
    X = rng.standard_normal((110, 4))
    autoencoder = ContractiveAutoencoder(
        4, early_stopping=True, tol=0.999, random_state=0, batch_size=10, learning_rate="constant", max_iter=300
    ).fit(X)
    assert autoencoder.n_iter_ == 101


@pytest.mark.parametrize("parameter", [0, -1, 1.5, "often", None])
def test_wrong_patience(parameter):
    """A value that is neither "auto" nor a number of epochs raises an error with an explanation."""
    with pytest.raises(ValueError, match="n_iter_no_change"):
        ContractiveAutoencoder(4, n_iter_no_change=parameter).fit(CIRCLE)
    with pytest.raises(ValueError, match="n_iter_no_change"):
        ClassSpecificAEClassifier(n_iter_no_change=parameter).fit(CIRCLE, CIRCLE[:, 0] > 0)


@pytest.mark.parametrize(("n_components", "n_features"), [(2, 9), (9, 9), (40, 9), (100, 2), (256, 1)])
def test_random_rows_have_unequal_lengths(n_components, n_features, rng):
    """Their mean square is Glorot's. With more units than features the lengths differ, the more so the more units."""
    X = rng.standard_normal((50, n_features))
    sample = Sample(X, np.ones(50), X.mean(axis=0))
    W = initial_weights("glorot", n_components, sample, np.random.default_rng(0))
    plain = np.random.default_rng(0).uniform(-1.0, 1.0, W.shape) * np.sqrt(6.0 / sum(W.shape))
    lengths = np.sort(np.linalg.norm(W, axis=1) / np.linalg.norm(plain, axis=1))
    np.testing.assert_allclose(np.mean(lengths**2), 1.0, rtol=1e-12)
    deviation = 0.0 if n_components <= n_features else min(0.5 * np.log(n_components / n_features), 1.0)
    # Half of a normal distribution lies within 0.6745 deviations.
    low, high = np.quantile(np.log(lengths), [0.25, 0.75])
    np.testing.assert_allclose(high - low, 2.0 * 0.6745 * deviation, atol=0.05)


def test_adams_rate_grows_where_features_are_few_or_small(rng):
    """The factor is 14 / (sum of the standard deviations), from 1 to 10. It does not change a given rate.

    A tenth of the means counts instead where it is more.
    """
    X = rng.standard_normal((500, 28))
    X /= X.std(axis=0)

    def rate(X, **parameters):
        autoencoder = ContractiveAutoencoder(8, max_iter=1, tol=0, random_state=0, **parameters).fit(X)
        return autoencoder._solver(1).learning_rate

    np.testing.assert_allclose(
        [rate(X), rate(X[:, :14]), rate(X[:, :7]), rate(0.25 * X), rate(X[:, :1]), rate(1e-100 * X)],
        [0.01, 0.01, 0.02, 0.02, 0.1, 0.1],
    )
    np.testing.assert_allclose([rate(X[:, :7] + 20.0), rate(X[:, :7] - X[:, :7].mean(axis=0) - 12.5)], [0.01, 0.016])
    assert rate(np.full((500, 3), 0.1)) == 0.01  # only rounding varies, so the rate must not grow
    assert rate(X[:, :7], learning_rate_init=0.003) == 0.003
    assert rate(X[:, :7], learning_rate="constant") is None  # Adam's own, as in `partial_fit`
    assert rate(X[:, :7], solver="sgd") is None


def test_fixed_batches_are_the_same_in_every_epoch(rng):
    """To compare losses, rows, order and noise must not change between passes."""
    X = rng.standard_normal((60, 3))

    def noise(X, rng, out):
        return np.add(X, rng.standard_normal(X.shape), out=out)

    weight = rng.uniform(0.5, 1.5, 60)
    batches = Batches(X, weight, np.arange(5, 55), 10, True, corruption=noise)
    fixed = batches.fixed(20, np.random.default_rng(0))
    ((noisy, target, w),) = ((a.copy(), b.copy(), c.copy()) for a, b, c in fixed(rng))
    for again, also, same in fixed(rng):
        np.testing.assert_array_equal(again, noisy)
        np.testing.assert_array_equal(also, target)
        np.testing.assert_array_equal(same, w)
    assert (len(fixed), fixed.n_samples, len(target)) == (1, 20, 20)
    assert (len(batches), batches.n_samples) == (5, 50)  # the original has not changed
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in target]
    assert rows == sorted(rows)
    assert set(rows) <= set(range(5, 55))
