"""The denoising score and its noise: the right distribution, and nothing but the set of rows counts."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from skae import ContractiveAutoencoder
from skae.autoencoders import denoising_score
from skae.autoencoders._hidden_noise import HiddenNoise
from skae.model import Model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SHAPES = {"narrow": (3, 8), "square": (6, 6), "wide": (9, 4), "of low rank": (4, 8)}


def make_noise(shape, rng, dtype=np.float64, level=0.5, n_rows=20_000, n_draws=2):
    """Return noise of random weights, of rank 2 in the last shape, the weights, and the deviation of the features."""
    k, d = SHAPES[shape]
    W = rng.standard_normal((k, d))
    if shape == "of low rank":
        W[2:] = [W[0] - W[1], np.zeros(d)]
    deviation = rng.uniform(0.1, 2.0, d)
    return HiddenNoise(W.astype(dtype), deviation, level, n_rows, n_draws), W, deviation


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_has_the_covariance_of_noise_in_the_features(shape, rng):
    """Over rows, the noise has mean 0 and covariance W diag(s^2) W^T, and its draws are independent."""
    noise, W, deviation = make_noise(shape, rng)
    E = noise.draw(np.arange(20_000))
    assert E.shape == (20_000, 2, len(W))
    expected = (0.5 * W * deviation) @ (0.5 * W * deviation).T
    size = np.sqrt(np.diag(expected).max())
    for draw in range(2):
        assert_allclose(E[:, draw].mean(axis=0), 0.0, atol=0.04 * size)
        assert_allclose(np.cov(E[:, draw].T), expected, atol=0.06 * size**2)
    assert_allclose(E[:, 0].T @ E[:, 1] / len(E), 0.0, atol=0.04 * size**2)


def test_noise_is_gaussian():
    """One unit's noise has the kurtosis and the tails of a normal distribution."""
    noise = HiddenNoise(np.ones((1, 1)), np.ones(1), 1.0, 20_000, 10)
    z = np.sort(noise.draw(np.arange(20_000)).ravel())
    assert_allclose([z.mean(), z.var(), (z**4).mean()], [0.0, 1.0, 3.0], atol=0.05)
    assert_allclose(np.searchsorted(z, [-3.0, -1.0, 0.0, 2.0]) / len(z), [0.00135, 0.15866, 0.5, 0.97725], atol=0.005)


@pytest.mark.parametrize("step", [1, 2, 5, 12, 100, 1597])
def test_rows_have_independent_noise(step, rng):
    """So have rows of any distance in number."""
    noise, _, _ = make_noise("square", rng)
    E = noise.draw(np.arange(5000 + step))[:, 0]
    assert np.abs(np.corrcoef(E[:5000].T, E[step:].T)[:6, 6:]).max() < 0.06
    assert_allclose(noise.draw(np.array([7 + step, 7]))[:, 0], E[[7 + step, 7]], rtol=1e-9, atol=1e-12)


def fit_and_model(rng, **parameters):
    """Return rows, an autoencoder fitted to them, and its model."""
    X = rng.standard_normal((300, 6)) @ rng.standard_normal((6, 6))
    if parameters.get("visible") == "bernoulli":
        X = 1.0 / (1.0 + np.exp(-X))
    autoencoder = ContractiveAutoencoder(**{"max_iter": 20, "random_state": 0, **parameters}).fit(X)
    return X, autoencoder, Model.from_estimator(autoencoder)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": 3},
        {"n_components": 3, "visible": "bernoulli"},
        {"n_components": 4, "tied_weights": False, "activation": "relu"},
        {"n_components": 3, "activation": "softmax", "alpha": 0.0},
        {"n_components": 10},
    ],
    ids=str,
)
def test_score_is_an_unbiased_estimate(parameters, rng, monkeypatch):
    """It lies around the mean score of 2000 draws of noise in the features, as near to it as 14 draws of 300 rows."""
    X, autoencoder, model = fit_and_model(rng, **parameters)
    total, deviation = ((X - autoencoder.mean_) ** 2).sum(), 0.5 * np.sqrt(autoencoder.var_)
    draws = [
        1.0 - ((model.reconstruct(X + deviation * rng.standard_normal(X.shape)) - X) ** 2).sum() / total
        for _ in range(2000)
    ]
    assert abs(autoencoder.score(X) - np.mean(draws)) < 4.0 * np.std(draws) / np.sqrt(14)
    scores = []
    for seed in range(60):
        monkeypatch.setattr("skae.autoencoders._hidden_noise._SEED", seed)
        scores.append(autoencoder.score(X))
    assert abs(np.mean(scores) - np.mean(draws)) < 5.0 * np.std(draws) / np.sqrt(14 * len(scores))
    assert 0.6 < np.std(scores) / (np.std(draws) / np.sqrt(14)) < 1.6


@pytest.mark.parametrize("n_components", [3, 10])
def test_same_rows_have_the_same_score(n_components, rng):
    """Order and storage do not matter."""
    X, autoencoder, _ = fit_and_model(rng, n_components=n_components)
    score = autoencoder.score(X)
    assert autoencoder.score(X[rng.permutation(300)]) == pytest.approx(score, rel=1e-10)
    assert autoencoder.score(np.asfortranarray(X)) == pytest.approx(score, rel=1e-10)
    assert autoencoder.score(X.astype(np.float32)) == pytest.approx(score, abs=1e-5)
    X[np.abs(X) < 1.0] = 0.0
    assert autoencoder.score(sparse.csr_array(X)) == autoencoder.score(X)


DISCRETE = {
    "one-hot": lambda rng: np.eye(6)[rng.integers(0, 6, 3000)],
    "tight clusters": lambda rng: np.eye(6)[rng.integers(0, 6, 3000)] + 1e-4 * rng.standard_normal((3000, 6)),
    "a far row": lambda rng: np.concatenate([rng.standard_normal((2999, 6)), np.full((1, 6), 1e5)]),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_rows_of_few_values_have_much_noise(name, rng):
    """Where few rows are distinct, or all lie close together, the score is as near to the mean as elsewhere."""
    X = DISCRETE[name](rng)
    autoencoder = ContractiveAutoencoder(10, alpha=0.01, max_iter=15, random_state=0).fit(X)
    total, deviation = ((X - autoencoder.mean_) ** 2).sum(), 0.5 * np.sqrt(autoencoder.var_)
    noisy = (X + deviation * rng.standard_normal(X.shape) for _ in range(30))
    draws = [1.0 - ((autoencoder.reconstruct(each) - X) ** 2).sum() / total for each in noisy]
    assert abs(autoencoder.score(X) - np.mean(draws)) < 4.0 * np.std(draws)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_vary_by_rounding_are_constant(dtype):
    """However many they are, rows next to a constant have the score of the constant."""
    X = np.full((60, 3), 0.1, dtype=dtype)
    autoencoder = ContractiveAutoencoder(2, max_iter=2, random_state=0).fit(X)
    assert autoencoder.score(X) == autoencoder.score(X * dtype(1.0 + 4.0 * np.finfo(dtype).eps)) == 0.0


def test_score_of_one_row_and_of_a_far_row(rng):
    """One row has a score; a row far outside the data has a very low one, without a warning."""
    X, autoencoder, _ = fit_and_model(rng, n_components=3)
    assert np.isfinite(autoencoder.score(X[:1]))
    assert autoencoder.score(np.full((1, 6), 1e100)) < 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_any_scale(dtype, rng):
    """Only ratios of weights count, and invalid ones are refused."""
    X, autoencoder, model = fit_and_model(rng, n_components=3)
    X, weight = X.astype(dtype), rng.uniform(0.0, 2.0, 300)
    expected = autoencoder.score(X, sample_weight=weight)
    assert expected != autoencoder.score(X)
    for factor in (1e-300, 1e300):
        assert autoencoder.score(X, sample_weight=factor * weight) == pytest.approx(expected, rel=1e-12)
    assert denoising_score(model.astype(dtype), X, autoencoder.mean_, autoencoder.var_, list(weight)) == pytest.approx(
        expected, rel=1e-12
    )
    for wrong, message in (
        (-weight, "[Nn]egative"),
        (0.0 * weight, "non-zero|must be positive"),
        (weight[:9], r"\(9,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            autoencoder.score(X, sample_weight=wrong)


def test_one_wide_row_takes_a_chunk_of_noisy_rows(rng):
    """Its many draws are no more than a chunk: 4096 of them would take 650 MB here."""
    X = rng.standard_normal((5, 20_000))
    autoencoder = ContractiveAutoencoder(4, max_iter=1, tol=0, random_state=0).fit(X)
    tracemalloc.start()
    try:
        autoencoder.score(X[:1])
        assert tracemalloc.get_traced_memory()[1] < 64e6
    finally:
        tracemalloc.stop()
