"""EnergyOutlierDetector, its default model MixtureEnsemble, and what that consists of."""

import contextlib
import copy
import io
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import threadpoolctl
from helpers import numerical_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from scipy.special import logsumexp
from scipy.stats import false_discovery_control, norm, yeojohnson, yeojohnson_llf
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from skae import ContractiveAutoencoder, EnergyOutlierDetector, PCAWhitener, ZeroBiasAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.autoencoders import AutoencoderPrediction
from skae.model import Model
from skae.outlier import BaggedMixtureAutoencoder, FeatureScaler, MixtureAutoencoder, MixtureEnsemble, _references
from skae.outlier._calibration import (
    cross_fitted_scores,
    new_row_threshold,
    rows_outside_sample,
    training_threshold,
)
from skae.outlier._feature_scaler import location_and_scale, on_grid
from skae.outlier._kmeans import sample_rows
from skae.outlier._powers import likeliest_powers
from skae.outlier._references import cluster_centers
from skae.training import principal_axes

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:EnergyOutlierDetector. the scores of .* rise away:UserWarning"),
]

SMALL = {"n_components": 6, "max_iter": 10, "random_state": 0}
DTYPES = [np.float32, np.float64]


def make_X(rng, n=200, d=4):
    """Correlated rows around a mean that is not zero."""
    return 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)


def make_clusters(rng, n=200, d=3):
    """Rows around five centres that stand well apart."""
    return 6.0 * rng.standard_normal((5, d))[rng.integers(0, 5, n)] + rng.standard_normal((n, d))


def make_parity(rng, n=1000):
    """Five random bits and their parity: 32 distinct rows."""
    bits = rng.integers(0, 2, (n, 5))
    return np.column_stack([bits, bits.sum(axis=1) % 2]).astype(float)


DATA = {
    "correlated": make_X,
    "skewed": lambda rng: np.exp(make_X(rng)),
    "clusters": make_clusters,
    "integers": lambda rng: rng.integers(0, 4, (600, 4)).astype(float),
    "parity": make_parity,
    "mixed": lambda rng: np.column_stack([make_X(rng, d=2), rng.integers(0, 3, (200, 2))]),
    "heavy tails": lambda rng: rng.standard_cauchy((300, 3)),
}


def contractive(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ContractiveAutoencoder(**{**SMALL, **parameters})


def parts_of(ensemble):
    """Return the mixtures of an ensemble, each with its scaler and its weight."""
    return zip(ensemble.estimators_, ensemble.scalers_, ensemble.weights_, strict=True)


@contextlib.contextmanager
def unchanged(estimator):
    """Assert that the body changes no bit of vars(estimator)."""
    before = joblib.hash(vars(estimator))
    yield
    assert joblib.hash(vars(estimator)) == before


@contextlib.contextmanager
def no_warning():
    """Assert that the body does not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# The mixture


def log_likelihood(mixture, X):
    """The log-density of each row, from scipy's normals."""
    W = mixture.components_
    log_p = mixture.intercept_hidden_ + 0.5 * (W**2).sum(axis=1)
    return logsumexp(norm.logpdf(X[:, None], W).sum(axis=2) + log_p, axis=1)


@pytest.mark.parametrize("data", DATA)
def test_energy_is_the_log_density(data, rng):
    """score_samples is log sum_k p_k N(x; w_k, I) + d/2 log 2 pi, with p_k that sum to 1."""
    X = DATA[data](rng)
    X = X / X.std(axis=0)
    mixture = MixtureAutoencoder(12, random_state=0).fit(X)
    constant = 0.5 * X.shape[1] * np.log(2.0 * np.pi)
    tolerance = 1e-13 * (X**2).sum(axis=1).max()
    assert_allclose(mixture.score_samples(X), log_likelihood(mixture, X) + constant, rtol=1e-10, atol=tolerance)
    p = np.exp(mixture.intercept_hidden_ + 0.5 * (mixture.components_**2).sum(axis=1))
    assert p.sum() == pytest.approx(1.0, rel=1e-10)
    assert_array_equal(mixture.intercept_visible_, 0.0)


@pytest.mark.parametrize("data", DATA)
def test_loss_is_minus_the_mean_log_likelihood(data, rng):
    """loss_ belongs to the fitted parameters. The curve begins with the loss of the equally weighted centres."""
    X = DATA[data](rng)
    X = X / X.std(axis=0)
    mixture = MixtureAutoencoder(centers=X[:5], max_iter=3).fit(X)
    assert type(mixture.loss_) is float
    assert mixture.loss_ == mixture.loss_curve_[-1] == pytest.approx(-log_likelihood(mixture, X).mean(), rel=1e-10)
    assert mixture.loss_curve_.shape == (4,)
    first = -(logsumexp(norm.logpdf(X[:, None], X[:5]).sum(axis=2), axis=1) - np.log(5.0)).mean()
    assert mixture.loss_curve_[0] == pytest.approx(first, rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("data", DATA)
def test_expectation_maximisation_never_raises_the_loss(data, seed):
    """loss_curve_ does not rise, except by the share of units that are dropped."""
    X = DATA[data](np.random.default_rng(seed))
    mixture = MixtureAutoencoder(20, max_iter=15, random_state=seed).fit(X / X.std(axis=0))
    assert np.diff(mixture.loss_curve_).max() <= 1e-6
    assert mixture.loss_ < mixture.loss_curve_[0]


def test_an_iteration_by_its_formulas(rng):
    """w_k is the mean of the rows by their posteriors, b_k = log p_k - |w_k|^2/2, p_k the mean posterior."""
    X = make_clusters(rng)
    mixture = MixtureAutoencoder(centers=X[:5], max_iter=1).fit(X)
    log = norm.logpdf(X[:, None], X[:5]).sum(axis=2)
    posterior = np.exp(log - logsumexp(log, axis=1, keepdims=True))
    W = posterior.T @ X / posterior.sum(axis=0)[:, None]
    assert_allclose(mixture.components_, W, rtol=1e-9)
    b = np.log(posterior.mean(axis=0)) - 0.5 * (W**2).sum(axis=1)
    assert_allclose(mixture.intercept_hidden_, b, rtol=1e-9)


def test_field_is_the_gradient_of_the_log_density(rng):
    """vector_field is the gradient of score_samples: the posterior mean of the centres, minus x."""
    X = make_clusters(rng)
    mixture = MixtureAutoencoder(8, random_state=0).fit(X)
    some = X[:10]
    gradient = numerical_gradient(lambda X: float(mixture.score_samples(X).sum()), some)
    assert_allclose(mixture.vector_field(some), gradient, rtol=1e-6, atol=1e-6)
    assert_allclose(mixture.vector_field(some), mixture.transform(some) @ mixture.components_ - some, atol=1e-12)


def test_units_without_rows_are_dropped(rng):
    """A centre without rows near it is dropped."""
    X = make_X(rng)
    mixture = MixtureAutoencoder(centers=np.vstack([X[:3], np.full((1, 4), 1e3)])).fit(X)
    assert len(mixture.components_) == len(mixture.intercept_hidden_) == 3
    assert np.isfinite(mixture.score_samples(X)).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("data", ["parity", "integers"])
def test_centres_lie_among_the_data(data, seed):
    """With more units than distinct rows, each distinct row gets one unit, and none lies outside the data."""
    X = 2.0 * DATA[data](np.random.default_rng(seed)) - 1.0
    mixture = MixtureAutoencoder(500, random_state=seed).fit(30.0 * X)
    assert len(mixture.components_) == len(np.unique(X, axis=0))
    assert_allclose(np.unique(mixture.components_.round(6), axis=0), np.unique(30.0 * X, axis=0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_mixture_keeps_the_dtype(dtype, rng):
    """Parameters have the dtype of the training data. Sums are taken in float64."""
    X = make_X(rng).astype(dtype)
    mixture = MixtureAutoencoder(5, random_state=0).fit(X)
    assert mixture.components_.dtype == mixture.intercept_hidden_.dtype == mixture.score_samples(X).dtype == dtype
    exact = MixtureAutoencoder(5, random_state=0).fit(X.astype(np.float64))
    assert_allclose(mixture.score_samples(X), exact.score_samples(X.astype(np.float64)), atol=1e-4)


def test_mixture_of_many_rows_sees_a_sample(rng):
    """Beyond 4096 rows a sample is trained on, which the seed decides. The moments are those of all rows."""
    X = make_X(rng, n=6000, d=2)
    first, again, other = (MixtureAutoencoder(4, random_state=seed).fit(X) for seed in (0, 0, 1))
    assert_array_equal(first.components_, again.components_)
    assert np.abs(first.components_.sum(axis=0) - other.components_.sum(axis=0)).min() > 0.0
    assert first.n_samples_seen_ == 6000
    assert_allclose(first.mean_, X.mean(axis=0), rtol=1e-10)


# Many small mixtures


@pytest.mark.parametrize("n", [1, 5, 200])
def test_bagged_energy_is_the_mean_log_density(n, rng):
    """score_samples is the mean over the mixtures of log mean_k N(x; w_k, I), up to d/2 log 2 pi; w_k are rows."""
    X = make_X(rng, n=n)
    bag = BaggedMixtureAutoencoder(random_state=0).fit(X)
    logs = norm.logpdf(X[:, None], bag.components_).sum(axis=2).reshape(n, -1, 10)
    expected = (logsumexp(logs, axis=1) - np.log(logs.shape[1])).mean(axis=1) + 2.0 * np.log(2.0 * np.pi)
    assert_allclose(bag.score_samples(X), expected, rtol=1e-9, atol=1e-9)
    assert {row.tobytes() for row in bag.components_} <= {row.tobytes() for row in X}
    gradient = numerical_gradient(lambda X: float(bag.score_samples(X).sum()), X[:5])
    assert_allclose(bag.vector_field(X[:5]), gradient, rtol=1e-6, atol=1e-6)
    nearest = ((X[:, None] - bag.components_) ** 2).sum(axis=2).reshape(n, -1, 10).min(axis=1)
    assert_allclose(bag.nearest_variance(X), nearest.mean() / X.shape[1], rtol=1e-9, atol=1e-12)


# Outliers among the training rows


@pytest.mark.parametrize("n", [20, 100, 500, 5000])
def test_a_lone_far_row_is_ranked_first(n):
    """A far row among the training rows has the lowest score by every seed, because it owns no part of the model."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = np.vstack([rng.standard_normal((n, 3)), np.full((1, 3), 6.0)])
        assert EnergyOutlierDetector(random_state=seed).fit(X).score_samples(X).argmin() == n


def test_a_clump_among_many_clusters_is_found(rng):
    """25 equal far rows among 500 have the lowest scores."""
    X = np.vstack([rng.standard_normal((500, 4)), np.full((25, 4), 6.0)])
    detector = EnergyOutlierDetector(contamination=25 / 525).fit(X)
    scores = detector.score_samples(X)
    assert scores[500:].max() < scores[:500].min()


# Thresholds


def test_thresholds_lie_between_scores(rng):
    """The share of training scores below is rounded down; ties are not below; a new score's probability is exact."""
    scores = rng.permutation(np.arange(20.0))
    assert training_threshold(scores, 0.1) == 1.5
    assert training_threshold(scores, 0.149) == 1.5
    assert (scores < training_threshold(scores, 0.01)).sum() == 0
    assert training_threshold(np.repeat([0.0, 1.0, 2.0], 10), 0.5) == 0.5
    tied = np.ones(30, dtype=np.float32)
    assert training_threshold(tied, 0.3) < 1.0
    draws = rng.standard_normal((4000, 20))
    for share in (0.07, 0.1, 0.25):
        below = [row[0] < new_row_threshold(np.sort(row[1:]), share) for row in draws]
        assert np.mean(below) == pytest.approx(share, abs=0.02)


def test_rows_of_a_fold_are_scored_by_a_model_that_has_not_seen_them(rng):
    class Memory(BaseEstimator):
        def fit(self, X, y=None):
            self.rows_ = {row.tobytes() for row in X}
            return self

        def score_samples(self, X):
            return np.array([row.tobytes() in self.rows_ for row in X], dtype=float)

    assert_array_equal(cross_fitted_scores(Memory(), rng.standard_normal((20, 2)), 4, 0), np.zeros(20))


@pytest.mark.parametrize(("shape", "expected"), [((20, 2), 20), ((500, 2), 8), ((5000, 2), 5), ((50, 20_000), 10)])
def test_few_rows_have_more_folds(shape, expected):
    """About 4000 rows are fitted in all, of ten million numbers at most, and five folds at least."""

    class Counter(BaseEstimator):
        n_fits = 0

        def fit(self, X, y=None):
            Counter.n_fits += 1
            return self

        def score_samples(self, X):
            return np.zeros(len(X))

    cross_fitted_scores(Counter(), np.broadcast_to(0.0, shape), "auto", 0)
    assert Counter.n_fits == expected


@pytest.mark.sampled(3)
@pytest.mark.parametrize("calibration", ["auto", 5, 0.5])
@pytest.mark.parametrize("estimator", [None, GaussianMixture(2, random_state=0)], ids=["default", "given"])
def test_the_asked_share_of_new_rows_is_called_outliers(estimator, calibration):
    """With novelty=True the threshold holds for new rows, on the average over training sets."""
    shares = []
    for seed in range(8):
        X = make_X(np.random.default_rng(seed), n=1200)
        detector = EnergyOutlierDetector(estimator, novelty=True, calibration=calibration, contamination=0.2)
        detector.fit(X[:200])
        shares.append((detector.predict(X[200:]) == -1).mean())
        n_scores = 100 if calibration == 0.5 else 200
        assert detector.calibration_scores_.shape == (n_scores,)
        assert (np.diff(detector.calibration_scores_) >= 0.0).all()
    assert np.mean(shares) == pytest.approx(0.2, abs=0.04)


def test_rows_outside_the_sample_are_those_that_the_model_has_not_seen(rng):
    """Many rows are calibrated on rows that the default model is not trained on."""
    X = np.arange(9000.0)[:, None]
    unseen = rows_outside_sample(X, 4096, 7)
    assert unseen.shape == (4096, 1)
    assert not set(unseen.ravel()) & set(sample_rows(X, np.random.default_rng(7)).ravel())
    table = pd.DataFrame(rng.standard_normal((9000, 2)), columns=list("ab"))
    with no_warning():
        detector = EnergyOutlierDetector(novelty=True).fit(table)
    unseen = rows_outside_sample(table.to_numpy(), 4096, 0)
    assert_array_equal(
        detector.calibration_scores_, np.sort(detector.estimator_._energies(unseen) @ detector.estimator_.weights_)
    )


def test_fit_predict_is_for_outliers_among_the_training_rows(rng):
    """fit_predict is absent with novelty=True, and calibration_scores_ with novelty=False, after a refit too."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(novelty=True, calibration=2).fit(X)
    assert not hasattr(detector, "fit_predict")
    assert isinstance(detector.estimator_, MixtureEnsemble)
    assert not detector.estimator_.robust
    detector.set_params(novelty=False).fit(X)
    assert not hasattr(detector, "calibration_scores_")
    assert_array_equal(detector.fit_predict(X), detector.predict(X))


def test_a_share_that_few_rows_cannot_tell_warns(rng):
    """One sentence says that a share below one in n + 1 cannot be asked of n rows."""
    X = make_X(rng, n=50)
    with pytest.warns(UserWarning, match=r"contamination=0.01 asks for less than one in the 50 rows.*fit more rows"):
        EnergyOutlierDetector(novelty=True, calibration=2, contamination=0.01).fit(X)
    with no_warning():
        EnergyOutlierDetector(novelty=True, calibration=2, contamination=0.02).fit(X)


# The scaler


def test_scaler_is_yeo_johnson(rng):
    """Exponents in [0, 2] are the same as PowerTransformer's, and the result is standardised."""
    X = np.column_stack([rng.gamma(4.0, size=800), rng.standard_normal(800), -rng.gamma(9.0, size=800)])
    scaler = FeatureScaler(True, False).fit(X)
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    reference = PowerTransformer().fit(standard)
    assert ((reference.lambdas_ > 0.1) & (reference.lambdas_ < 1.9)).all()
    assert_allclose(scaler.powers_, reference.lambdas_, atol=1e-3)
    assert_allclose(scaler.marginals(X), reference.transform(standard), atol=5e-3)
    raised = np.column_stack([yeojohnson(g, lmbda=p) for g, p in zip(standard.T, scaler.powers_, strict=True)])
    expected = (raised - raised.mean(axis=0)) / raised.std(axis=0)
    # The moments are those of the training values rounded.
    assert_allclose(scaler.marginals(X), expected, atol=1e-4)


def test_exponents_are_kept_in_bounds(rng):
    """Heavy tails would need exponents outside [0, 2], whose powers are bounded. The clipped powers are not bounded."""
    X = np.exp(3.0 * rng.standard_normal((500, 2))) * [1.0, -1.0]
    asked = PowerTransformer().fit((X - X.mean(axis=0)) / X.std(axis=0)).lambdas_
    assert asked[0] < 0.0
    assert asked[1] > 2.0
    scaler = FeatureScaler(True, False).fit(X)
    assert_allclose(scaler.powers_, [0.0, 2.0])
    far = scaler.marginals(X.std(axis=0) * [[1e3, -1e3], [1e6, -1e6], [1e9, -1e9]])
    assert (np.diff(far * [1.0, -1.0], axis=0) > 0.1).all()


@pytest.mark.parametrize("unskew", [False, True])
@pytest.mark.parametrize("data", ["correlated", "skewed", "integers", "heavy tails"])
def test_marginals_are_increasing_and_standardised(data, unskew, rng):
    """Each feature keeps its order, even far outside the data, and gets mean 0 and variance 1."""
    X = DATA[data](rng)
    scaler = FeatureScaler(unskew, False).fit(X)
    Z = scaler.marginals(X)
    assert_allclose(Z.mean(axis=0), 0.0, atol=1e-4)
    assert_allclose(Z.std(axis=0), 1.0, atol=1e-4)
    spread = np.concatenate([-np.geomspace(1e9, 1e-3, 200), np.geomspace(1e-3, 1e9, 200)])
    assert (np.diff(scaler.marginals(X.mean(axis=0) + X.std(axis=0) * spread[:, None]), axis=0) > 0.0).all()


def test_marginals_of_features_turned_round(rng):
    """A feature with its sign changed gives its marginal with the sign changed: both tails are treated alike."""
    X = np.exp(0.5 * make_X(rng))
    there, back = FeatureScaler(True, False).fit(X), FeatureScaler(True, False).fit(-X)
    assert_allclose(back.powers_, 2.0 - there.powers_, atol=1e-3)
    assert_allclose(back.marginals(-X), -there.marginals(X), atol=5e-3)


@pytest.mark.parametrize("unskew", [False, True])
def test_whitening(unskew, rng):
    """The variances v of the principal components become v / (v + 0.05)."""
    X = make_X(rng)
    scaler = FeatureScaler(unskew, True).fit(X)
    variances = np.linalg.eigvalsh(np.cov(scaler.marginals(X).T, bias=True))
    Z = scaler.transform(X)
    assert_allclose(np.linalg.eigvalsh(np.cov(Z.T, bias=True)), np.sort(variances / (variances + 0.05)), atol=1e-3)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("unskew", [False, True])
def test_constant_columns_become_zero(unskew, whiten, rng):
    """A column whose variance is rounding becomes 0, and the other columns do not change."""
    X = make_X(rng)
    table = np.column_stack([X, np.full(200, 0.1), np.zeros(200), np.full(200, 1e15)])
    with no_warning():
        scaler = FeatureScaler(unskew, whiten).fit(table)
        Z = scaler.marginals(table)
    assert_allclose(Z[:, 4:], 0.0, atol=1e-15)
    assert_allclose(Z[:, :4], FeatureScaler(unskew, whiten).fit(X).marginals(X), atol=1e-12)
    assert np.isfinite(scaler.transform(table)).all()


@pytest.mark.parametrize("unskew", [False, True])
def test_marginals_of_extreme_values_are_finite(unskew, rng):
    """The largest floats give numbers with finite squares, in order, without a warning."""
    X = np.exp(2.0 * make_X(rng)) * [1.0, -1.0, 1.0, -1.0]
    scaler = FeatureScaler(unskew, False).fit(X)
    with no_warning():
        Z = scaler.marginals(np.array([[-1e308], [-1e100], [0.0], [1e-308], [1e100], [1e308]]) * np.ones(4))
        assert np.isfinite(Z**2).all()
    assert (np.diff(Z, axis=0) >= 0.0).all()


# The ensemble


def test_ensemble_is_a_weighted_sum_of_energies(rng):
    """The score is sum_j weight_j E_j(view_j), and each energy has standard deviation 1 / weight_j on the rows."""
    X = make_clusters(rng)
    ensemble = MixtureEnsemble(random_state=0).fit(X)
    parts = parts_of(ensemble)
    energies = [(weight, each.score_samples(scaler.transform(X))) for each, scaler, weight in parts]
    assert_allclose(ensemble.score_samples(X), sum(weight * energy for weight, energy in energies), rtol=1e-12)
    assert_allclose([weight * energy.std() for weight, energy in energies], 1.0, rtol=1e-10)
    # Each mixture starts at clusters of its own view, in the unit of its rows, so that little is left to improve.
    assert all(each.loss_curve_[0] < each.loss_curve_[-1] + 0.5 for each in ensemble.estimators_)
    assert [(each.unskew, each.whiten) for each in ensemble.scalers_] == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]


def test_ensemble_describes_the_training_data(rng):
    """mean_ and scale_ are those of the rows, and centers_ are the units of the first mixture in the units of X."""
    X = make_clusters(rng) * [1.0, 100.0, 1e-3]
    ensemble = MixtureEnsemble(random_state=0).fit(pd.DataFrame(X, columns=list("abc")))
    assert_allclose(ensemble.mean_, X.mean(axis=0), rtol=1e-10)
    assert_allclose(ensemble.scale_, X.std(axis=0), rtol=1e-10)
    scaler = ensemble.scalers_[0]
    units = scaler.transform(ensemble.centers_)
    assert_allclose(units, ensemble.estimators_[0].components_, rtol=1e-9, atol=1e-9)
    assert ensemble.n_features_in_ == 3
    assert ensemble.feature_names_in_.tolist() == list("abc")


def test_robust_ensemble_is_trained_without_the_lowest_fifth(rng):
    """Coarse mixtures weigh twice as much as fine ones. Features constant on the rows kept have the scale of all."""
    X = np.vstack([rng.standard_normal((400, 4)), 30.0 * rng.standard_normal((100, 4))])
    X[:400, 3] = 0.0
    ensemble = MixtureEnsemble(robust=True, random_state=0).fit(X)
    assert [each.n_samples_seen_ for each in ensemble.estimators_] == [400, 400]
    assert [(each.unskew, each.whiten) for each in ensemble.scalers_] == [(False, False), (True, False)]
    for scaler in ensemble.scalers_:
        assert_allclose(scaler.mean_, X[:400].mean(axis=0), rtol=1e-10, atol=1e-15)
        assert_allclose(scaler.deviation_, [*X[:400, :3].std(axis=0), X[:, 3].std()], rtol=1e-10)
    views = [(each, scaler.transform(X[:400])) for each, scaler, _ in parts_of(ensemble)]
    assert_allclose([each.nearest_variance(view) for each, view in views], 1.0, rtol=1e-5)  # rows are on a grid
    energies = [each.score_samples(view) for each, view in views]
    assert_allclose(ensemble.weights_ * np.std(energies, axis=1), [2.0, 1.0], rtol=1e-9)
    assert np.abs(ensemble.centers_).max() < 6.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", ["correlated", "skewed", "clusters"])
def test_ensemble_explains_differences_of_scores(data, dtype, rng):
    """The contributions sum to the difference of the scores, whether the baseline has one row or one for each row."""
    X = DATA[data](rng)
    ensemble = MixtureEnsemble(random_state=0).fit(X)
    rows = X[:20].astype(dtype)
    for baseline in (X[20:40], ensemble.mean_[None]):
        contributions = ensemble.explain(rows, baseline)
        assert contributions.dtype == dtype
        difference = ensemble.score_samples(rows.astype(np.float64)) - ensemble.score_samples(baseline)
        assert_allclose(contributions.sum(axis=1), difference, rtol=1e-5, atol=1e-4)
    assert_array_equal(ensemble.explain(rows, rows), 0.0)
    for some in (X[:3], X):
        with pytest.raises(ValueError, match=f"baseline must have 1 row or 20, as many as X, got {len(some)}"):
            ensemble.explain(rows, some)


def test_seed_of_the_ensemble(rng):
    """Equal seeds give equal bits, other seeds other models, and None draws a new seed each time."""
    X = make_X(rng)
    scores = [MixtureEnsemble(random_state=seed).fit(X).score_samples(X) for seed in (0, 0, 1, None, None)]
    assert_array_equal(scores[0], scores[1])
    for other in (scores[2], scores[4]):
        assert np.abs(scores[3] - other).max() > 1e-3
    assert np.abs(scores[0] - scores[2]).max() > 1e-3


def test_ensemble_refuses_what_it_cannot_take(rng):
    """A fit and a prediction refuse bad data in words, and the ensemble keeps its attributes."""
    X = make_X(rng)
    ensemble = MixtureEnsemble().fit(X)
    for spoil, words in BAD_DATA.values():
        for method in (ensemble.fit, ensemble.score_samples, lambda rows: ensemble.explain(X[:1], rows)):
            with unchanged(ensemble), pytest.raises(ValueError, match=words):
                method(spoil(X))
    with unchanged(ensemble), pytest.raises(ValueError, match=r"e\+200.*float64"):
        ensemble.fit(1e200 * X)
    with unchanged(ensemble), pytest.raises(ValueError, match="1 sample"):
        ensemble.fit(X[:1])
    with pytest.raises(InvalidParameterError, match="random_state"):
        MixtureEnsemble(random_state="zero").fit(X)
    for method in ("score_samples", "explain"):
        with pytest.raises(NotFittedError):
            getattr(MixtureEnsemble(), method)(*([X] if method == "score_samples" else [X, X]))


# The detector


MEANS = ("mean_", "scale_", "centers_")


@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_are_those_of_the_model(dtype, rng):
    """The default's scores and attributes are those of a MixtureEnsemble with the same seed, to the bit."""
    X = make_X(rng).astype(dtype)
    for seed in (None, 3):
        detector = EnergyOutlierDetector(random_state=seed).fit(X)
        alone = MixtureEnsemble(robust=True, random_state=seed or 0).fit(X)
        assert isinstance(detector.estimator_, MixtureEnsemble)
        for model in (detector.estimator_, alone):
            assert_array_equal(detector.score_samples(2.0 * X), model.score_samples(2.0 * X))
            for name in MEANS:
                assert_array_equal(getattr(detector, name), getattr(model, name))
        contributions, reference = detector.explain(X[:5], return_reference=True)
        assert_array_equal(contributions, alone.explain(X[:5], reference))


def test_ensemble_as_the_given_estimator(rng):
    """A MixtureEnsemble may be given, in a Pipeline too, and is explained through affine steps."""
    X = make_X(rng)
    ensemble = MixtureEnsemble(robust=True, random_state=0)
    default, given = EnergyOutlierDetector().fit(X), EnergyOutlierDetector(ensemble).fit(X)
    for method in ("score_samples", "predict", "explain"):
        assert_array_equal(getattr(given, method)(X), getattr(default, method)(X))
    piped = EnergyOutlierDetector(make_pipeline(StandardScaler(), MixtureEnsemble(random_state=0))).fit(X)
    contributions, start = piped.explain(X, return_reference=True)
    assert_allclose(contributions.sum(axis=1), piped.score_samples(X) - piped.score_samples(start), atol=1e-9)


class Centred(GaussianMixture):
    """A mixture with an attribute of the same name as one of the detector's."""

    @property
    def centers_(self):
        return self.means_


TEXT = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough", sparse_threshold=0.0)


@pytest.mark.parametrize(
    ("estimator", "text", "expected"),
    [
        (None, False, MEANS),
        (contractive(), False, MEANS),
        (make_pipeline(StandardScaler(), contractive()), False, MEANS),
        (GaussianMixture(random_state=0), False, ("mean_", "scale_")),
        (Centred(random_state=0), False, ("mean_", "scale_")),
        (make_pipeline(TEXT, GaussianMixture(random_state=0)), True, ()),
        (make_pipeline(TEXT, contractive()), True, ()),
    ],
    ids=["default", "autoencoder", "Pipeline", "mixture", "mixture with centres", "text", "text for an autoencoder"],
)
def test_attributes_are_there_or_absent(estimator, text, expected, rng):
    """What a model cannot give is absent, even where an earlier fit had it, and no attribute is None."""
    X = pd.DataFrame(make_X(rng), columns=list("abcd"))
    table = X.assign(kind=np.where(X["a"] > 0.0, "good", "bad")) if text else X
    detector = EnergyOutlierDetector().fit(X).set_params(estimator=estimator).fit(table)
    fitted = {name for name in vars(detector) if name.endswith("_")}
    assert fitted == {"estimator_", "offset_", "n_features_in_", "feature_names_in_", *expected}
    assert all(vars(detector)[name] is not None for name in fitted)
    if hasattr(detector, "explain") and text:
        numbers = pd.DataFrame(0.0, index=range(2), columns=table.columns)
        for reference in (None, numbers):
            with pytest.raises(ValueError, match="explain needs numeric training data"):
                detector.explain(numbers, reference)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("contamination", [0.004, 0.05, 0.1, 0.25, 0.5])
def test_contamination_is_the_share_of_outliers(contamination, dtype, rng):
    """This share of the training rows, rounded down, are outliers. offset_ is a float."""
    X = make_X(rng, n=250).astype(dtype)
    detector = EnergyOutlierDetector(contamination=contamination).fit(X)
    assert (detector.predict(X) == -1).sum() == int(250 * contamination)
    assert type(detector.offset_) is float


@pytest.mark.parametrize("estimator", [None, contractive()], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions_agree(dtype, estimator, rng):
    """decision_function is score_samples - offset_, predict is its sign, and fit_predict is fit and predict."""
    X = make_X(rng)
    X, Y = X.astype(dtype), (X.mean(axis=0) + 1.5 * (X - X.mean(axis=0))).astype(dtype)
    detector = EnergyOutlierDetector(estimator).fit(X)
    decision = detector.decision_function(Y)
    assert decision.dtype == detector.score_samples(Y).dtype == dtype
    assert_array_equal(decision, detector.score_samples(Y) - detector.offset_)
    prediction = detector.predict(Y)
    assert prediction.dtype.kind == "i"
    assert_array_equal(prediction, np.where(decision < 0.0, -1, 1))
    assert set(prediction) == {-1, 1}
    assert_array_equal(EnergyOutlierDetector(estimator).fit_predict(X), detector.predict(X))


TRANSFORMATIONS = {
    "all by 1e-30": lambda X: 1e-30 * X,
    "all by 1e30": lambda X: 1e30 * X,
    "all by 10": lambda X: 10.0 * X,
    "each by another": lambda X: X * 10.0 ** np.arange(-3, X.shape[1] - 3),
    "shifted": lambda X: X + 10.0 ** np.arange(X.shape[1]),
    "turned round in Fortran order": lambda X: np.asfortranarray(X[:, ::-1])[:, ::-1],
}


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("data", ["correlated", "skewed", "integers", "mixed", "parity"])
def test_units_of_the_features_do_not_matter(data, transformation, rng):
    """Scaling or shifting any feature does not change the scores, even for discrete data with their ties."""
    X, change = DATA[data](rng), TRANSFORMATIONS[transformation]
    Y = np.vstack([X, X[::-1] + 0.1])
    scores = EnergyOutlierDetector().fit(X).score_samples(Y)
    changed = EnergyOutlierDetector().fit(change(X)).score_samples(change(Y))
    assert_allclose(changed, scores, atol=1e-4 * scores.std())


@pytest.mark.parametrize("data", ["correlated", "integers", "mixed"])
def test_default_is_deterministic(data, rng):
    """Without random_state the bits do not depend on numpy's global seed, and the scores hardly on the threads."""
    X = DATA[data](rng)
    np.random.seed(1)  # noqa: NPY002
    scores = EnergyOutlierDetector().fit(X).score_samples(X)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert_array_equal(EnergyOutlierDetector().fit(X).score_samples(X), scores)
    for threads in (1, 2, 4):
        with threadpoolctl.threadpool_limits(threads):
            again = EnergyOutlierDetector().fit(X).score_samples(X)
        assert_allclose(again, scores, rtol=1e-10)


def test_random_state(rng):
    """None is seed 0, another seed gives another model, and equal RandomStates give equal models."""
    X = make_X(rng)

    def scores(random_state):
        return EnergyOutlierDetector(random_state=random_state).fit(X).score_samples(X)

    assert_array_equal(scores(None), scores(0))
    assert_array_equal(scores(np.int64(3)), scores(3))
    assert np.abs(scores(0) - scores(1)).max() > 1e-3
    assert_array_equal(scores(np.random.RandomState(5)), scores(np.random.RandomState(5)))


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("n", [2, 3, 4, 8, 50, 5000])
def test_number_of_units(n, robust, rng):
    """Each autoencoder is tied and gaussian: at most min(256, n // 4) units, or groups of 2 or 8."""
    ensemble = MixtureEnsemble(robust=robust, random_state=0).fit(make_clusters(rng, n=n, d=2))
    limits = [20 * min(2, n // 2), 10 * min(8, n // 2)] if robust else [max(1, min(256, n // 4))] * 4
    assert len(ensemble.estimators_) == len(ensemble.weights_) == len(ensemble.scalers_) == len(limits)
    for member, most in zip(ensemble.estimators_, limits, strict=True):
        assert isinstance(member, AutoencoderPrediction)
        assert 1 <= len(member.components_) <= most
        assert member.decoder_components_ is member.components_
        assert member.visible == "gaussian"


def with_values(X, value, rows=slice(0, 1)):
    """Return a copy of X with rows replaced."""
    X = X.copy()
    X[rows] = value
    return X


ODD_DATA = {
    "one column": lambda rng: make_X(rng, d=1),
    "two columns": lambda rng: make_X(rng, d=2),
    "200 columns of 50 rows": lambda rng: make_X(rng, n=50, d=200),
    "fewer rows than columns": lambda rng: make_X(rng, n=10, d=40),
    "two rows": lambda rng: make_X(rng, n=2, d=7),
    "three rows": lambda rng: make_X(rng, n=3),
    "duplicates": lambda rng: np.repeat(make_X(rng, n=10), 20, axis=0),
    "a constant column": lambda rng: make_X(rng) * [1.0, 0.0, 1.0, 1.0] + 0.1,
    "all rows equal": lambda rng: np.full((50, 3), 3.7),
    "all zero": lambda rng: np.zeros((50, 3)),
    "a rare one": lambda rng: (np.arange(400)[:, None] == [7, 9]).astype(float),
    "integers": lambda rng: rng.integers(0, 3, (200, 4)),
    "booleans": lambda rng: rng.integers(0, 2, (200, 4)).astype(bool),
    "a row at 1e6": lambda rng: with_values(make_X(rng), 1e6),
    "rows at 1e12": lambda rng: with_values(make_X(rng), -1e12, slice(0, 10)),
    "heavy tails": lambda rng: np.sign(make_X(rng)) * np.exp(np.abs(8.0 * make_X(rng))),
    "1e-30": lambda rng: 1e-30 * make_X(rng),
    "1e30": lambda rng: 1e30 * make_X(rng),
    "float32 1e-30": lambda rng: (1e-30 * make_X(rng)).astype(np.float32),
    "float32 1e30": lambda rng: (1e30 * make_X(rng)).astype(np.float32),
    "a mean of 1e8": lambda rng: 1e8 + make_X(rng),
    "float16": lambda rng: make_X(rng).astype(np.float16),
    "a list": lambda rng: make_X(rng).tolist(),
    "strided": lambda rng: np.repeat(make_X(rng), 2, axis=1)[::-1, ::2],
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("data", ODD_DATA)
def test_odd_data(data, novelty, rng):
    """On odd data nothing warns, scores and contributions are finite, and far rows have the lowest scores."""
    X = ODD_DATA[data](rng)
    if novelty and len(X) < 3:
        with pytest.raises(ValueError, match="at least 3 rows"):
            EnergyOutlierDetector(novelty=True).fit(X)
        return
    with no_warning():
        if novelty and len(X) < 10:
            warnings.filterwarnings("ignore", "EnergyOutlierDetector: contamination")
        detector = EnergyOutlierDetector(novelty=novelty, calibration=3).fit(X)
        scores = detector.score_samples(X)
        far = np.asarray(X) + 100.0 * np.ptp(np.asarray(X, dtype=float), axis=0) + 1.0
        assert np.isfinite(scores).all()
        assert np.abs(scores).max() < (1e6 if novelty else 1e30)  # a far row has no unit of its own
        # By more than rounding: scores that are alike differ in their last digit on some BLAS kernels.
        rounding = 64.0 * np.finfo(np.float64).eps * max(1.0, np.abs(scores).max()) * np.shape(X)[1]
        assert (detector.decision_function(X) < -rounding).mean() <= 0.34
        assert np.isfinite(detector.explain(X[:3])).all()
        assert detector.score_samples(far).max() < scores.min() - 1.0


@pytest.mark.parametrize("seed", range(4))
def test_two_rows_score_alike(seed):
    """Two rows are equally likely, so rounding must not set a scale."""
    X = np.random.default_rng(seed).standard_normal((2, 7))
    scores = EnergyOutlierDetector().fit(X).score_samples(X)
    assert_allclose(scores[0], scores[1], rtol=1e-6)
    assert np.abs(scores).max() < 1e3


def test_rows_that_are_all_alike():
    """Equal rows are no outliers, and other rows are."""
    X = np.full((50, 3), 3.7)
    detector = EnergyOutlierDetector().fit(X)
    assert_array_equal(detector.predict(X), 1)
    assert_array_equal(detector.predict(X + 1.0), -1)


@pytest.mark.parametrize("seed", range(3))
def test_discrete_data_are_told_from_what_they_never_are(seed):
    """Rows of the wrong parity are outliers, though no single feature shows it, and so are values between the bits."""
    rng = np.random.default_rng(seed)
    X = make_parity(rng)
    detector = EnergyOutlierDetector(novelty=True).fit(X)
    lowest = detector.score_samples(X).min()
    flipped = X.copy()
    flipped[:, 2] = 1.0 - flipped[:, 2]
    assert detector.score_samples(flipped).max() < lowest
    assert detector.score_samples(X + 0.3).max() < lowest


@pytest.mark.parametrize("train", DTYPES)
@pytest.mark.parametrize("predict", DTYPES)
def test_dtypes(train, predict, rng):
    """Results have the dtype of X, and float32 data get the scores of their float64 copies."""
    X = make_X(rng).astype(np.float32)
    detector = EnergyOutlierDetector().fit(X.astype(train))
    exact = EnergyOutlierDetector().fit(X.astype(np.float64))
    for method in ("score_samples", "decision_function", "explain"):
        result = getattr(detector, method)(X.astype(predict))
        assert result.dtype == predict
        assert_allclose(result, getattr(exact, method)(X.astype(np.float64)), atol=1e-4)


@pytest.mark.parametrize(("dtype", "magnitude"), [(np.float32, 1e18), (np.float32, 1e37), (np.float64, 1e300)])
def test_the_farthest_rows_have_a_score(dtype, magnitude, rng):
    """A row with an absurd value has the lowest score, which is finite. The other scores do not change."""
    X = make_X(rng).astype(dtype)
    detector = EnergyOutlierDetector().fit(X)
    Y = with_values(X, dtype(magnitude))
    with no_warning():
        scores = detector.score_samples(Y)
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1:].min()
    assert_array_equal(scores[1:], detector.score_samples(X)[1:])
    assert detector.predict(Y)[0] == -1


@pytest.mark.parametrize("data", ["correlated", "skewed", "clusters", "integers", "heavy tails"])
def test_scores_fall_with_distance(data, rng):
    """Along any ray out of the data the score falls all the way."""
    X = DATA[data](rng)
    detector = EnergyOutlierDetector().fit(X)
    reach = np.abs(X - X.mean(axis=0)).max(axis=0)
    for direction in np.vstack([np.eye(X.shape[1]), -np.eye(X.shape[1]), rng.standard_normal((5, X.shape[1]))]):
        ray = X.mean(axis=0) + np.geomspace(3.0, 1e6, 50)[:, None] * reach * direction / np.abs(direction).max()
        assert (np.diff(detector.score_samples(ray)) < 0.0).all()


def test_novel_digits():
    """Digits of a new kind are told from new digits of the kind trained on."""
    X, y = load_digits(return_X_y=True)
    detector = EnergyOutlierDetector(novelty=True).fit(X[:900][y[:900] == 3])
    assert roc_auc_score(y[900:] == 3, detector.score_samples(X[900:])) > 0.9
    detector = EnergyOutlierDetector(novelty=True).fit(X[:900][y[:900] != 4])
    assert roc_auc_score(y[900:] != 4, detector.score_samples(X[900:])) > 0.9


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_is_scored_as_in_its_batch(dtype, rng):
    """A score does not depend on the rest of the batch, to 1e-12 of the energy's terms (float32: 1e-5)."""
    X = make_clusters(rng, n=5000).astype(dtype)
    detector = EnergyOutlierDetector().fit(X[:800])
    scores = detector.score_samples(X)
    scale = 0.0
    for member, scaler, weight in parts_of(detector.estimator_):
        Z = scaler.transform(X)
        scale = scale + weight * (np.abs(member.score_samples(Z)) + (Z**2).sum(axis=1))
    alone = np.array([detector.score_samples(X[i : i + 1])[0] for i in range(0, 5000, 250)])
    assert (np.abs(alone - scores[::250]) <= (1e-12 if dtype == np.float64 else 1e-5) * scale[::250]).all()


def test_memory_is_bounded(rng):
    """A fit and a score need no array of rows times units, and no copy of the rows."""
    X = rng.standard_normal((60_000, 10))
    detector = EnergyOutlierDetector()
    tracemalloc.start()
    try:
        detector.fit(X)
        detector.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6


def test_decision_boundary_display(rng):
    """scikit-learn's DecisionBoundaryDisplay draws its scores and its predictions."""
    pytest.importorskip("matplotlib").use("agg")
    X = make_X(rng, d=2)
    for estimator in (None, contractive()):
        detector = EnergyOutlierDetector(estimator).fit(X)
        for method in ("decision_function", "predict", "auto"):
            display = DecisionBoundaryDisplay.from_estimator(detector, X, response_method=method, grid_resolution=20)
            assert np.isfinite(display.response).all()


# Bad data, parameters and interruptions

BAD_DATA = {
    "nan": (lambda X: with_values(X, np.nan), "NaN"),
    "inf": (lambda X: with_values(X, np.inf), "infinity"),
    "a vector": (lambda X: X[0], "2D array"),
    "empty": (lambda X: X[:0], "0 sample"),
    "text": (lambda X: np.full(X.shape, "ten"), "could not convert string to float"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_refused_and_change_nothing(case, rng):
    """A fit, a refit and every prediction refuse bad data in words, and change nothing."""
    spoil, words = BAD_DATA[case]
    X = make_X(rng)
    new, fitted = EnergyOutlierDetector(), EnergyOutlierDetector().fit(X)
    for detector, method in (
        (new, "fit"),
        *((fitted, each) for each in ("fit", "score_samples", "predict", "explain")),
    ):
        with unchanged(detector), pytest.raises(ValueError, match=words):
            getattr(detector, method)(spoil(X))


def test_data_that_cannot_be_trained_on(rng):
    """One row, and values whose squares overflow are refused in words."""
    X = make_X(rng)
    detector = EnergyOutlierDetector().fit(X)
    with unchanged(detector), pytest.raises(ValueError, match="1 sample"):
        detector.fit(X[:1])
    with unchanged(detector), no_warning(), pytest.raises(ValueError, match=r"e\+200.*float64"):
        detector.fit(1e200 * X)
    with unchanged(detector), pytest.raises(ValueError, match=r"3 features.*4 features"):
        detector.score_samples(X[:, :3])
    with pytest.raises(NotFittedError):
        EnergyOutlierDetector().score_samples(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"contamination": 0.0},
        {"contamination": 0.6},
        {"contamination": "auto"},
        {"random_state": "zero"},
        {"novelty": "yes"},
        {"calibration": 1},
        {"calibration": 1.0},
        {"calibration": "folds"},
        {"estimator": "isolation"},
        {"estimator": StandardScaler()},
        {"estimator": LocalOutlierFactor()},
        {"estimator": make_pipeline(StandardScaler())},
    ],
    ids=str,
)
def test_invalid_parameters(parameters, rng):
    """An invalid parameter is refused by name; an estimator that cannot score is invalid too."""
    detector = EnergyOutlierDetector(**parameters)
    words = "fit.*score_samples" if "estimator" in parameters else next(iter(parameters))
    with unchanged(detector), pytest.raises(InvalidParameterError, match=words):
        detector.fit(make_X(rng))


def test_constructor_sets_and_nothing_more():
    """__init__ keeps what it is given, unvalidated."""
    parameters = {name: object() for name in EnergyOutlierDetector().get_params()}
    assert vars(EnergyOutlierDetector(**parameters)) == parameters


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(
    ("kind", "method"),
    [(FeatureScaler, "fit"), (FeatureScaler, "rotated"), (Model, "energy")],
    ids=["FeatureScaler.fit", "FeatureScaler.rotated", "Model.energy"],
)
def test_interruption_changes_nothing(kind, method, k, error, rng, monkeypatch):
    """An exception in a fit is raised unchanged. Detector and ensemble, fitted or not, keep their attributes."""
    X = make_X(rng)
    table = pd.DataFrame(X[:, :3], columns=list("abc"))
    fitted, ensemble = EnergyOutlierDetector().fit(table), MixtureEnsemble(random_state=0).fit(table)
    given = EnergyOutlierDetector(contractive()).fit(X).set_params(estimator=None)
    original, calls = getattr(kind, method), []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == k:
            raise error("now")
        return original(*args, **kwargs)

    monkeypatch.setattr(kind, method, interrupted)
    for detector in (EnergyOutlierDetector(), fitted, given, ensemble):
        calls.clear()
        with unchanged(detector), pytest.raises(error, match="now"):
            detector.fit(X)
        assert len(calls) == k


def test_input_is_left_alone(rng, tmp_path):
    """Rows may be read-only, in memory or mapped from a file. Their layout does not change the scores."""
    X = make_X(rng)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    before = X.copy()
    X.flags.writeable = False
    expected = EnergyOutlierDetector().fit(before).score_samples(before)
    for data in (X, mapped, np.asfortranarray(X)):
        detector = EnergyOutlierDetector().fit(data)
        assert_allclose(detector.score_samples(data), expected, rtol=1e-9)
        assert_array_equal(data, before)


def test_names_of_columns(rng):
    """Names are kept and checked, and right names give no warning."""
    X = make_X(rng)
    table = pd.DataFrame(X, columns=list("abcd"))
    for estimator in (None, contractive(), make_pipeline(StandardScaler(), contractive())):
        with no_warning():
            warnings.filterwarnings("ignore", category=UserWarning, message=".*(max_iter|predicting the mean)")
            detector = EnergyOutlierDetector(estimator).fit(table)
            assert detector.feature_names_in_.tolist() == list("abcd")
            assert detector.n_features_in_ == 4
            detector.predict(table)
            contributions = detector.explain(table)
        # The columns of a table are stored one by one: sums differ in their last bits.
        assert_allclose(contributions, EnergyOutlierDetector(estimator).fit(X).explain(X), rtol=1e-6, atol=1e-9)
        with pytest.raises(ValueError, match="feature names should match"):
            detector.score_samples(table[list("dcba")])


def test_names_of_an_earlier_fit_are_forgotten(rng):
    """A refit on an array removes the names, with the default and with a given estimator."""
    X = make_X(rng)
    table = pd.DataFrame(X, columns=list("abcd"))
    for estimator in (None, contractive()):
        detector = EnergyOutlierDetector().fit(table).set_params(estimator=estimator).fit(X)
        assert not hasattr(detector, "feature_names_in_")


# Copies


def by_joblib(detector):
    """Through a joblib file."""
    file = io.BytesIO()
    joblib.dump(detector, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(detector):
    """Through skops, which must ask for trust in classes of skae only."""
    dumped = skops.io.dumps(detector)
    unknown = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith("skae.") for name in unknown)
    return skops.io.loads(dumped, trusted=unknown)


COPIES = {
    "pickle": lambda detector: pickle.loads(pickle.dumps(detector)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "skops": by_skops,
}


@pytest.mark.parametrize("estimator", [None, contractive(), make_pipeline(StandardScaler(), contractive())], ids=str)
@pytest.mark.parametrize("way", COPIES)
def test_copies_score_the_same_bits(way, estimator, rng):
    """A copy gives the same bits: scores, decisions and explanations."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(estimator).fit(X)
    twin = COPIES[way](detector)
    for method in ("score_samples", "decision_function", "predict", "explain"):
        assert_array_equal(getattr(twin, method)(X), getattr(detector, method)(X))


def test_clone_is_unfitted_and_fits_alike(rng):
    """clone copies the parameters and nothing fitted. Its fit gives the same bits."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(contamination=0.2, random_state=4).fit(X)
    twin = clone(detector)
    assert vars(twin) == detector.get_params()
    assert_array_equal(twin.fit(X).score_samples(X), detector.score_samples(X))


# A given estimator

GIVEN = {
    "contractive": contractive(),
    "zero-bias": ZeroBiasAutoencoder(**SMALL),
    "scaled": make_pipeline(StandardScaler(), contractive()),
    "whitened": make_pipeline(PCAWhitener(), contractive(activation="softplus")),
    "nested": make_pipeline(StandardScaler(), make_pipeline(PCAWhitener(3, whiten="zca"), contractive())),
    "untied": contractive(tied_weights=False),
    "mixture": GaussianMixture(2, random_state=0),
    "forest": IsolationForest(n_estimators=20, random_state=0),
    "neighbours": LocalOutlierFactor(novelty=True),
    "scaled mixture": make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)),
    "detector": make_pipeline(StandardScaler(), EnergyOutlierDetector()),
}


@pytest.mark.parametrize("name", GIVEN)
def test_given_estimator(name, rng):
    """A clone is trained. The scores are its scores, and offset, decisions and predictions follow from them."""
    X, Y = make_X(rng), 2.0 * make_X(rng)
    with unchanged(GIVEN[name]):
        detector = EnergyOutlierDetector(GIVEN[name], contamination=0.2).fit(X)
    scores = detector.score_samples(Y)
    assert_array_equal(scores, clone(GIVEN[name]).fit(X).score_samples(Y))
    assert_array_equal(scores, detector.estimator_.score_samples(Y))
    below, above = np.sort(detector.score_samples(X))[39:41]
    assert detector.offset_ == pytest.approx(0.5 * (below + above), rel=1e-12)
    assert (detector.predict(X) == -1).sum() == 40
    assert_array_equal(detector.decision_function(Y), scores - detector.offset_)
    assert detector.n_features_in_ == 4


def test_parameters_of_the_given_estimator():
    """set_params reaches into it, through a Pipeline too."""
    detector = EnergyOutlierDetector(contractive()).set_params(estimator__alpha=0.7, contamination=0.3)
    assert detector.estimator.alpha == 0.7
    assert detector.get_params()["estimator__alpha"] == 0.7
    piped = EnergyOutlierDetector(make_pipeline(StandardScaler(), contractive()))
    piped.set_params(estimator__contractiveautoencoder__alpha=0.6, estimator__standardscaler__with_std=False)
    assert piped.estimator[-1].alpha == 0.6
    assert not piped.estimator[0].with_std


def test_grid_search(rng):
    """GridSearchCV reaches the parameters of the given estimator, with scikit-learn's scorer or another."""
    X, y = make_X(rng), np.where(rng.random(200) < 0.2, -1, 1)
    X[y < 0] *= 3.0
    grid = {"estimator__alpha": [0.01, 1.0], "contamination": [0.1, 0.2]}
    search = GridSearchCV(EnergyOutlierDetector(contractive()), grid, cv=2, scoring="roc_auc").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.estimator_.alpha == search.best_params_["estimator__alpha"]

    def denoising(detector, X, y=None):
        return detector.estimator_.score(X)

    search = GridSearchCV(EnergyOutlierDetector(contractive()), grid, cv=2, scoring=denoising).fit(X)
    assert np.isfinite(search.best_score_)


def test_random_state_is_passed_on(rng):
    """The seed reaches the clone of the given estimator, also in a Pipeline. None keeps the estimator's own seed."""
    X = make_X(rng)
    for estimator in (contractive(), make_pipeline(StandardScaler(), contractive())):
        own, first, again, other = (
            EnergyOutlierDetector(estimator, random_state=seed).fit(X) for seed in (None, 5, 5, 6)
        )
        assert_array_equal(first.score_samples(X), again.score_samples(X))
        assert np.abs(first.score_samples(X) - other.score_samples(X)).max() > 0.0
        assert_array_equal(own.score_samples(X), clone(estimator).fit(X).score_samples(X))
        assert estimator.get_params()[next(name for name in estimator.get_params() if "random_state" in name)] == 0


def test_failing_estimator_changes_nothing(rng):
    """An exception of the given estimator is raised, and the detector keeps its attributes."""
    X = make_X(rng)
    detector = EnergyOutlierDetector().fit(pd.DataFrame(X, columns=list("abcd")))
    detector.set_params(estimator=contractive(alpha=-1.0))
    with unchanged(detector), pytest.raises(ValueError, match="alpha"):
        detector.fit(X[:, :3])


def test_estimator_that_reads_other_data(rng):
    """The detector takes what the given estimator takes: sparse rows, and tables with text."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(contractive()).fit(sparse.csr_matrix(X))
    assert_allclose(detector.score_samples(sparse.csr_matrix(X)), detector.score_samples(X), rtol=1e-10)
    assert_allclose(detector.mean_, X.mean(axis=0), rtol=1e-10)
    table = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 0] > 0.0, "good", "bad"))
    encoder = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough", sparse_threshold=0.0)
    detector = EnergyOutlierDetector(make_pipeline(encoder, GaussianMixture(2, reg_covar=1e-3, random_state=0)))
    assert (detector.fit_predict(table) == -1).mean() == pytest.approx(0.1, abs=0.005)
    assert not hasattr(detector, "mean_")


# Explanations


def assert_sums(detector, X, **parameters):
    """Assert that the contributions sum to score_samples(x) - score_samples(reference), to the rounding of the terms.

    The scores are float64's; those of the contributions' dtype, and the path's own tolerance, are what may differ.
    """
    contributions, reference = detector.explain(X, return_reference=True, **parameters)
    assert contributions.shape == reference.shape == X.shape
    assert contributions.dtype == reference.dtype == X.dtype
    scores = [detector.score_samples(A.astype(np.float64)) for A in (X, reference)]
    terms = np.abs(contributions).sum(axis=1, dtype=np.float64) + np.abs(scores).sum(axis=0)
    error = np.abs(contributions.sum(axis=1, dtype=np.float64) - (scores[0] - scores[1]))
    assert (error <= 1e-6 * (1.0 + terms)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", [name for name in DATA if name != "parity"])
def test_contributions_sum_to_the_difference(data, dtype, rng):
    """The default's contributions sum to E(x) - E(reference), for near and far rows and every kind of reference."""
    X = DATA[data](rng)
    detector = EnergyOutlierDetector().fit(X)
    far = X.mean(axis=0) + np.geomspace(1.0, 1e5, 10)[:, None] * X.std(axis=0) * rng.standard_normal((10, X.shape[1]))
    rows = np.vstack([X[:20], X.mean(axis=0) + 0.1 * (X[:10] - X.mean(axis=0)), far]).astype(dtype)
    for reference in (None, X, detector.mean_[None]):
        assert_sums(detector, rows, reference=reference)


ACTIVATIONS = ["sigmoid", "tanh", "softplus", "relu", "identity", "modulus", "satlinear", "shrink", "softmax", "max"]
TIED = {
    **{activation: contractive(activation=activation, alpha=0.0) for activation in ACTIVATIONS},
    **{activation: ZeroBiasAutoencoder(activation=activation, **SMALL) for activation in ("trec", "tlin")},
    **{name: GIVEN[name] for name in ("scaled", "whitened", "nested")},
    "ranged": make_pipeline(MinMaxScaler(), RobustScaler(), contractive()),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TIED)
def test_contributions_of_a_given_autoencoder(name, dtype, rng):
    """They sum to E(x) - E(reference), even with kinks and jumps of the units, and with affine steps before them."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(TIED[name]).fit(X)
    rows = np.vstack([X[:30], X.mean(axis=0) + 30.0 * (X[:3] - X.mean(axis=0))]).astype(dtype)
    for reference in (None, X, detector.mean_[None]):
        assert_sums(detector, rows, reference=reference)


@pytest.mark.parametrize("name", ["sigmoid", "relu", "softmax", "scaled", "whitened", "nested"])
def test_contributions_are_integrated_gradients(name, rng):
    """Each is the integral of the slope of the score (by differences) along the straight path from the reference."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(TIED[name]).fit(X)
    contributions, start = detector.explain(X[:3], return_reference=True)
    way, n, step = X[:3] - start, 2000, 1e-5
    t = (np.arange(n) + 0.5)[:, None] / n
    expected = np.empty_like(way)
    for i in range(3):
        path = start[i] + t * way[i]
        for j, shift in enumerate(step * np.eye(4)):
            slope = (detector.score_samples(path + shift) - detector.score_samples(path - shift)) / (2.0 * step)
            expected[i, j] = way[i, j] * slope.mean()
    assert_allclose(contributions, expected, atol=1e-5 * np.abs(expected).max() + 2e-7)  # the integral's own: 1e-7


@pytest.mark.parametrize("data", ["correlated", "skewed", "clusters"])
def test_contributions_of_the_default_are_integrated_gradients(data, rng):
    """The contributions under each autoencoder are integrals along the path that is straight in its marginals."""
    X = DATA[data](rng)
    detector = EnergyOutlierDetector().fit(X)
    n = 20_000
    t = (np.arange(n) + 0.5)[:, None] / n
    contributions, reference = detector.explain(X[:2], return_reference=True)
    expected = np.zeros((2, X.shape[1]))
    for member, scaler, weight in parts_of(detector.estimator_):
        start, end = scaler.marginals(reference), scaler.marginals(X[:2])
        for i in range(2):
            field = member.vector_field(scaler.rotated(start[i] + t * (end[i] - start[i]))).mean(axis=0)
            expected[i] += weight * (end[i] - start[i]) * scaler.rotated(field)
    assert_allclose(contributions, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("estimator", [None, contractive(), make_pipeline(StandardScaler(), contractive())], ids=str)
def test_a_feature_at_its_reference_contributes_nothing(estimator, rng):
    """A feature at its reference contributes 0. So do all features of the reference, and constant features."""
    X = np.column_stack([make_X(rng), np.full(200, 0.1)])
    detector = EnergyOutlierDetector(estimator).fit(X)
    mean = detector.mean_[None]
    rows = X[:5].copy()
    rows[:, 1] = detector.mean_[1]
    contributions = detector.explain(rows, mean)
    assert_array_equal(contributions[:, 1], 0.0)
    assert (contributions[:, [0, 2, 3]] != 0.0).all()
    assert_array_equal(detector.explain(mean, mean), 0.0)
    assert_allclose(detector.explain(X[:5])[:, 4], 0.0, atol=1e-12)
    for row in detector.centers_[:3]:
        assert_array_equal(detector.explain(row[None], row[None]), 0.0)


@pytest.mark.parametrize("estimator", [None, make_pipeline(StandardScaler(), contractive())], ids=["default", "given"])
def test_the_reference_is_the_mean_of_the_three_nearest(estimator, rng):
    """Nearest means the smallest sum of absolute differences in standard deviations, to centres or to given rows."""
    X = make_X(rng) * [1.0, 100.0, 1e-3, 1.0] + [0.0, 1e6, 0.0, 1.0]
    detector = EnergyOutlierDetector(estimator).fit(X)
    assert_allclose(detector.scale_, X.std(axis=0), rtol=1e-6)
    rows = make_X(rng)[:20] * [1.0, 100.0, 1e-3, 1.0] + [0.0, 1e6, 0.0, 1.0]
    for given, chosen_from in ((None, detector.centers_), (X, X), (X[:3], X[:3]), (X[:2], X[:2]), (X[:1], X[:1])):
        _, reference = detector.explain(rows, given, return_reference=True)
        distances = np.abs((rows[:, None] - chosen_from) / detector.scale_).sum(axis=2)
        expected = chosen_from[np.argsort(distances, axis=1)[:, :3]].mean(axis=1)
        assert_allclose(
            (reference - detector.mean_) / detector.scale_, (expected - detector.mean_) / detector.scale_, atol=1e-6
        )


@pytest.mark.parametrize("estimator", [None, contractive()], ids=["default", "given"])
def test_centres_are_means_of_clusters(estimator, rng):
    """There is at most one centre for four rows, and each row is near a centre."""
    X = make_clusters(rng)
    detector = EnergyOutlierDetector(estimator, novelty=True).fit(X)
    assert detector.centers_.shape[0] <= 50
    distances = np.linalg.norm(X[:, None] - detector.centers_, axis=2).min(axis=1)
    assert distances.max() < 0.5 * np.linalg.norm(X - X.mean(axis=0), axis=1).mean()
    if estimator is not None:
        sparse_fit = EnergyOutlierDetector(estimator).fit(sparse.csr_matrix(X))
        assert_allclose(sparse_fit.centers_, detector.centers_, rtol=1e-6)


def test_explaining_an_autoencoder_alone_takes_no_matrix_of_its_steps(rng, monkeypatch):
    """It has none before it: the contributions cost as many products as scores do, however wide the rows are."""
    X = rng.standard_normal((60, 5))
    detector = EnergyOutlierDetector(contractive()).fit(X)
    expected = EnergyOutlierDetector(make_pipeline(FunctionTransformer(), contractive())).fit(X).explain(X[:4])

    def refuse(*args):
        raise AssertionError("a step has been asked for")

    monkeypatch.setattr("skae.outlier._attribution.like_frame", refuse)
    assert_allclose(detector.explain(X[:4]), expected, rtol=1e-9, atol=1e-12)


def test_wide_sparse_rows_have_centres(rng, monkeypatch):
    """Few rows of a wide sparse matrix are made dense, so the memory is bounded."""
    monkeypatch.setattr(_references, "_SAMPLE_ELEMENTS", 2**16)
    X = sparse.random(200, 2**12, density=1e-2, random_state=rng, format="csr")
    tracemalloc.start()
    centers = cluster_centers(X, np.zeros(2**12), np.ones(2**12), np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(centers) <= 4  # of 16 rows
    assert peak < 10 * 2**16 * 8


def swapped(X, donors, rng, size):
    """Return 8 x 8 images with a square of `size` pixels from another, and which pixels that changed."""
    X, mask = X.copy().reshape(-1, 8, 8), np.zeros((len(X), 8, 8), dtype=bool)
    for image, donor, changed in zip(X, donors.reshape(-1, 8, 8), mask, strict=True):
        i, j = rng.integers(0, 8 - size + 1, 2)
        square = np.s_[i : i + size, j : j + size]
        changed[square] = image[square] != donor[square]
        image[square] = donor[square]
    keep = mask.any(axis=(1, 2))
    return X[keep].reshape(-1, 64), mask[keep].reshape(-1, 64)


DIGITS_MODELS = {
    "default": None,
    "scaled": make_pipeline(StandardScaler(), ContractiveAutoencoder(32, max_iter=40, random_state=0)),
    "whitened": make_pipeline(PCAWhitener(0.95), ContractiveAutoencoder(32, max_iter=40, random_state=0)),
}


@pytest.mark.parametrize("name", DIGITS_MODELS)
def test_a_falsified_part_is_found(name, rng):
    """From a near reference the most negative contribution lies in a falsified square of a digit far more often.

    By chance it would in 10 % of the 300 images; from the mean in 45, 38 and 14 %, from the nearest in 64, 47 and 52 %.
    """
    X = load_digits().data
    X = X[rng.permutation(len(X))]
    detector = EnergyOutlierDetector(DIGITS_MODELS[name], novelty=True, calibration=2).fit(X[:1000])
    rows, mask = swapped(X[1000:1300], X[1300:1600], rng, 3)

    def found(**parameters):
        return mask[np.arange(len(rows)), detector.explain(rows, **parameters).argmin(axis=1)].mean()

    from_mean = found(reference=detector.mean_[None])
    for near in (found(), found(reference=X[:1000])):
        assert near > 0.4
        assert near > from_mean + 0.04


def test_the_culprit_is_found(rng):
    """The feature that makes a row an outlier has the most negative contribution."""
    X = rng.standard_normal((300, 5)) * 10.0 ** np.arange(5)
    detector = EnergyOutlierDetector().fit(X)
    rows = X[:5].copy()
    rows[np.arange(5), np.arange(5)] = X.mean(axis=0) + 8.0 * X.std(axis=0)
    assert_array_equal(detector.explain(rows).argmin(axis=1), np.arange(5))


@pytest.mark.parametrize("estimator", [None, contractive()], ids=["default", "given"])
def test_a_bad_reference_is_refused(estimator, rng):
    """One sentence names the parameter, says what was wrong, and says which shape is right."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(estimator).fit(pd.DataFrame(X, columns=list("abcd")))
    table = pd.DataFrame(X, columns=list("abcd"))
    bad = {
        "3 features": table[["a", "b", "c"]].to_numpy(),
        "NaN": with_values(X, np.nan),
        "0 sample": X[:0],
        "2D array": X[0],
        "could not convert": "mean",
        "feature names": table[list("dcba")],
    }
    for words, reference in bad.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            with pytest.raises(ValueError, match=rf"reference takes rows.*\(n_rows, 4\).*{words}") as caught:
                detector.explain(table, reference)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (contractive(tied_weights=False), "tied"),
        (make_pipeline(StandardScaler(), contractive(tied_weights=False)), "tied"),
        (make_pipeline(MinMaxScaler(), contractive(visible="bernoulli")), "gaussian"),
        (make_pipeline(PowerTransformer(), contractive()), "affine"),
        (make_pipeline(StandardScaler(), PowerTransformer(), PCAWhitener(), contractive()), "affine"),
    ],
    ids=["untied", "untied in a Pipeline", "bernoulli", "powers", "powers between"],
)
def test_models_without_an_explanation(estimator, words, rng):
    """explain says so where the score is no potential of a known field, or a step is not affine."""
    X = np.exp(2.0 * make_X(rng))
    detector = EnergyOutlierDetector(estimator).fit(X)
    outlier = X.mean(axis=0) + 3.0 * X.std(axis=0)  # one row, above the mean in every feature
    for rows in (X, X[:1], outlier[None], X.mean(axis=0) + np.diag(3.0 * X.std(axis=0))[:1]):
        with pytest.raises(ValueError, match=words):
            detector.explain(rows)


def test_explain_is_absent_without_a_field(rng):
    """explain is absent with estimators of others, fitted or not, and there with autoencoders."""
    X = make_X(rng)
    for name in ("mixture", "forest", "neighbours", "scaled mixture", "detector"):
        detector = EnergyOutlierDetector(GIVEN[name])
        assert not hasattr(detector, "explain")
        assert not hasattr(detector.fit(X), "explain")
    for name in ("contractive", "nested"):
        assert hasattr(EnergyOutlierDetector(GIVEN[name]), "explain")
    with pytest.raises(NotFittedError):
        EnergyOutlierDetector().explain(X)


# Width


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_digits], ids=["breast cancer", "wine", "digits"])
def test_powers_of_real_columns_are_the_likeliest(load):
    """All exponents together are those that PowerTransformer finds one by one, clipped to [0, 2]."""
    X = load().data[:500]
    mean, deviation = location_and_scale(X)
    assert_likeliest((X - mean) / deviation)


@pytest.mark.parametrize("data", [*DATA, "constant", "a rare one", "two rows", "normal"])
def test_powers_of_odd_columns_are_the_likeliest(data, rng):
    """So they are for skewed, discrete and heavy-tailed columns. A constant column keeps its values."""
    odd = {
        "constant": lambda rng: np.column_stack([make_X(rng), np.full(200, 0.1)]),
        "a rare one": lambda rng: (np.arange(400)[:, None] == [7, 9]).astype(float),
        "two rows": lambda rng: rng.standard_normal((2, 5)),
        "normal": lambda rng: rng.standard_normal((2000, 3)),
    }
    X = {**DATA, **odd}[data](rng)
    mean, deviation = location_and_scale(X)
    assert_likeliest((X - mean) / deviation)


def assert_likeliest(G):
    """Assert that the exponents of the columns of G are PowerTransformer's, clipped, and have the same likelihood."""
    with no_warning():
        powers = likeliest_powers(on_grid(G))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.clip(PowerTransformer(standardize=False).fit(on_grid(G)).lambdas_, 0.0, 2.0)
    assert_allclose(powers, expected, atol=1e-5)
    for g, power, other in zip(on_grid(G).T, powers, expected, strict=True):
        if g.std() > 0.0:
            assert yeojohnson_llf(power, g) >= yeojohnson_llf(other, g) - 1e-9 * len(g)


def test_powers_do_not_depend_on_the_other_columns(rng):
    """Columns are searched in chunks, and each column gets the bits that it gets alone."""
    G = on_grid(rng.gamma(2.0, size=(300, 250)) - 2.0)
    alone = [likeliest_powers(G[:, [i]])[0] for i in range(250)]
    assert_array_equal(likeliest_powers(G), alone)


@pytest.mark.parametrize("shape", [(200, 4), (60, 40), (60, 100), (20, 100), (2, 7)], ids=str)
def test_principal_axes(shape, rng):
    """Their squares and directions are those of the singular values, from the smaller side."""
    X = rng.standard_normal(shape)
    squares, axes = principal_axes(X, None, np.zeros(shape[1]), np.dtype(np.float64), 1e-14)
    assert axes.shape == (min(shape), shape[1])
    assert_allclose(squares, np.linalg.svd(X, compute_uv=False) ** 2, rtol=1e-9)
    assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-9)
    assert_allclose((axes.T * squares) @ axes, X.T @ X, atol=1e-10 * squares[0])


@pytest.mark.parametrize("unskew", [False, True])
@pytest.mark.parametrize("shape", [(200, 4), (60, 40), (60, 100), (20, 100), (2, 7), (5, 5)], ids=str)
def test_whitening_by_its_formula(shape, unskew, rng):
    """The matrix is (C + 0.05 I)^(-1/2), with fewer and with more rows than features, and it is symmetric."""
    n, d = shape
    X = rng.standard_normal((n, d)) @ np.diag(np.geomspace(1.0, 100.0, d)) + rng.standard_normal((n, 1))
    scaler = FeatureScaler(unskew, True).fit(X)
    assert hasattr(scaler, "axes_") == (n < d)
    G = on_grid(scaler.marginals(X))
    expected = np.linalg.inv(linalg.sqrtm(G.T @ G / n + 0.05 * np.eye(d)))
    matrix = scaler.rotated(np.eye(d))
    assert_allclose(matrix, expected, atol=1e-8)
    assert_allclose(matrix, matrix.T, atol=1e-12)
    scaler.unit_ = 2.0
    assert_allclose(scaler.transform(X), scaler.marginals(X) @ expected / 2.0, atol=1e-7)


def test_a_scaler_forgets_its_earlier_whitening(rng):
    """A scaler fitted to few rows and then to many uses the whitening of the latter."""
    scaler = FeatureScaler(False, True).fit(rng.standard_normal((10, 40)))
    X = rng.standard_normal((200, 40))
    Z = scaler.fit(X).transform(X)
    assert_array_equal(Z, FeatureScaler(False, True).fit(X).transform(X))
    assert not hasattr(scaler, "axes_")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("novelty", [False, True])
def test_few_rows_of_many_features_need_little_memory(novelty, rng):
    """No array of features times features is made by a fit, scores and contributions, and the pickle is small."""
    X = rng.standard_normal((60, 4000))
    tracemalloc.start()
    try:
        detector = EnergyOutlierDetector(novelty=novelty).fit(X)
        detector.score_samples(X)
        detector.explain(X[:2])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4000**2 * 8 / 2
    assert len(pickle.dumps(detector)) < 5 * X.nbytes
    assert_sums(detector, X[:2])


@pytest.mark.parametrize("step", [StandardScaler(), PCAWhitener(5), PCAWhitener(5, whiten="zca")], ids=str)
def test_explanations_of_many_features_need_little_memory(step, rng):
    """The matrix of the affine steps before an autoencoder is never held whole."""
    X = rng.standard_normal((30, 4000))
    detector = EnergyOutlierDetector(make_pipeline(step, contractive(max_iter=2))).fit(X)
    tracemalloc.start()
    try:
        detector.explain(X[:1])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4000**2 * 8 / 2
    assert_sums(detector, X[:2])


@pytest.mark.parametrize(
    ("estimator", "method"),
    [(None, "fit"), (None, "explain"), (make_pipeline(StandardScaler(), contractive()), "explain")],
    ids=["fit", "explain", "explain a Pipeline"],
)
def test_too_little_memory(estimator, method, rng, monkeypatch):
    """A MemoryError says in one sentence how large the data were, and what to do."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(estimator).fit(X)

    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(FeatureScaler, "marginals", full)
    monkeypatch.setattr("skae.outlier._attribution.mean_field", full)
    with unchanged(detector), pytest.raises(MemoryError, match=f"to {method} 200 rows of 4 features.*take fewer rows"):
        getattr(detector, method)(X)


# P-values


def test_p_values_count_the_calibration_scores(rng):
    """They are the formula's, of both ways to calibrate; they fall as the score falls, and exist with novelty=True."""
    X, new = rng.standard_normal((60, 3)), 2.0 * rng.standard_normal((20, 3))
    for calibration in (5, 0.25):
        detector = EnergyOutlierDetector(novelty=True, calibration=calibration, contamination=0.2).fit(X)
        p, scores = detector.p_values(new), detector.score_samples(new)
        held_out = detector.calibration_scores_
        assert len(held_out) == (60 if calibration == 5 else 15)
        assert_allclose(p, [(1 + (held_out <= s).sum()) / (len(held_out) + 1) for s in scores], rtol=1e-15)
        assert (np.diff(p[np.argsort(scores)]) >= 0).all()
        assert p.dtype == np.float64
    assert not hasattr(EnergyOutlierDetector().fit(X), "p_values")
    with pytest.raises(NotFittedError):
        EnergyOutlierDetector(novelty=True).p_values(new)


def test_p_values_of_rows_held_out_are_valid():
    """Over 200 draws of all rows, new normal rows have p <= a in a share of a at most, but for two standard errors."""
    rng, levels = np.random.default_rng(0), (0.01, 0.05, 0.1, 0.2)
    shares = np.empty((200, len(levels)))
    for share in shares:
        X, new = rng.standard_t(4, (60, 2)), rng.standard_t(4, (50, 2))
        detector = EnergyOutlierDetector(
            GaussianMixture(random_state=0), novelty=True, calibration=0.5, contamination=0.2
        )
        p = detector.fit(X).p_values(new)
        share[:] = [(p <= level).mean() for level in levels]
    assert (shares.mean(axis=0) <= levels + 2.0 * shares.std(axis=0) / np.sqrt(len(shares))).all()
    assert shares.mean(axis=0)[-1] > 0.15  # they are not trivially large


def test_p_values_control_false_discoveries(rng):
    """Benjamini-Hochberg on p-values of normal rows and far ones finds the far ones, and few normal ones."""
    X, new = rng.standard_normal((600, 3)), rng.standard_normal((300, 3))
    new[:30] += 8.0
    detector = EnergyOutlierDetector(GaussianMixture(random_state=0), novelty=True, calibration=0.5).fit(X)
    found = false_discovery_control(detector.p_values(new)) <= 0.1
    assert found[:30].all()
    assert found[30:].mean() < 0.05
