"""ZeroBiasAutoencoder: its identities, its indifference to the scale of X, its dead units, its life in pipelines."""

import warnings

import numpy as np
import pytest
from autoencoders import PREDICTIONS, SOLVERS, predictions, unchanged
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skae import ContrastNormalizer, PCAWhitener, ZeroBiasAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.activations import TRec

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:ZeroBiasAutoencoder.*active on no training row:UserWarning"),
]

ACTIVATIONS = ["trec", "tlin"]
TRAINING = [*((solver, "fit") for solver in SOLVERS), ("adam", "partial_fit"), ("sgd", "partial_fit")]
DTYPES = [np.float32, np.float64]


def make_X(rng, n=60, d=5):
    """Correlated rows around a mean that is not zero."""
    return 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 0.2 * rng.standard_normal(d)


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ZeroBiasAutoencoder(**{"n_components": 8, "max_iter": 8, "random_state": 0, **parameters})


def hidden(autoencoder, X):
    """h(Wx) of ZAE eq. 4 and 5 from the public attributes."""
    U = X @ autoencoder.components_.T
    selected = U if autoencoder.activation == "trec" else U**2
    return U * (selected > autoencoder.threshold_)


def reconstructed(autoencoder, X):
    """r(x) of ZAE eq. 4 and 5 from the public attributes."""
    return hidden(autoencoder, X) @ autoencoder.decoder_components_ + autoencoder.intercept_visible_


# The model


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("parameters", [{}, {"tied_weights": False}, {"l2": 0.3}, {"l2": 0.3, "tied_weights": False}])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_loss_is_the_squared_error_alone(activation, solver, parameters, weighted, rng):
    """loss_ is the mean of |x - r(x)|^2/2, r that of ZAE eq. 4 and 5, and l2 in units of the mean variance."""
    X = 3.0 * make_X(rng, n=230)
    weight = rng.uniform(0.1, 3.0, 230) if weighted else None
    autoencoder = make(activation=activation, solver=solver, **parameters).fit(X, sample_weight=weight)
    error = 0.5 * ((X - reconstructed(autoencoder, X)) ** 2).sum(axis=1)
    W, V = autoencoder.components_, autoencoder.decoder_components_
    squares = (W**2).sum() + (0.0 if autoencoder.tied_weights else (V**2).sum())
    expected = np.average(error, weights=weight) + 0.5 * autoencoder.l2 * autoencoder.var_.mean() * squares
    assert type(autoencoder.loss_) is float
    assert autoencoder.loss_ == pytest.approx(expected, rel=1e-9)


def test_there_is_no_hidden_bias(rng):
    """Nothing called a hidden bias is there, and none acts: one set by hand changes no prediction."""
    X = make_X(rng)
    autoencoder = make().fit(X)
    assert not hasattr(autoencoder, "intercept_hidden_")
    expected = predictions(autoencoder, X)
    autoencoder.intercept_hidden_ = np.full(8, 100.0)
    for name, result in predictions(autoencoder, X).items():
        assert_array_equal(result, expected[name], err_msg=name)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_score_samples_is_the_potential(activation, rng):
    """score_samples is sum Phi(u) - |x - c|^2/2, and its gradient away from the threshold is r(x) - x."""
    X = 2.0 * make_X(rng, n=300)
    autoencoder = make(activation=activation, threshold=0.7).fit(X)
    U, c = X @ autoencoder.components_.T, autoencoder.intercept_visible_
    theta = autoencoder.threshold_ if activation == "trec" else np.sqrt(autoencoder.threshold_)
    active = (U if activation == "trec" else np.abs(U)) > theta
    expected = 0.5 * ((U**2 - theta**2) * active).sum(axis=1) - 0.5 * ((X - c) ** 2).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-10, atol=1e-12)
    X = X[np.abs(np.abs(U) - theta).min(axis=1) > 1e-3]
    assert len(X) > 200
    gradient, step = np.empty_like(X), 1e-5
    for j, shift in enumerate(step * np.eye(5)):
        gradient[:, j] = (autoencoder.score_samples(X + shift) - autoencoder.score_samples(X - shift)) / (2.0 * step)
    assert_allclose(gradient, autoencoder.vector_field(X), rtol=1e-6, atol=1e-8)
    assert_array_equal(autoencoder.vector_field(X), autoencoder.reconstruct(X) - X)


def test_prediction_reads_the_public_attributes(rng):
    """Weights and a threshold_ that a user puts in place are used; the parameter `threshold` is for training."""
    X = make_X(rng)
    autoencoder = make().fit(X)
    before = autoencoder.reconstruct(X)
    autoencoder.set_params(threshold=7.0)
    assert_array_equal(autoencoder.reconstruct(X), before)
    autoencoder.components_, autoencoder.threshold_ = 2.0 * np.eye(5), 0.3
    assert_allclose(autoencoder.reconstruct(X), reconstructed(autoencoder, X), rtol=1e-12, atol=1e-14)


# The scale of X

VARIANTS = {
    "plain": {},
    "l2": {"l2": 0.1},
    "unit": {"weight_constraint": "unit"},
    "max": {"weight_constraint": "max", "max_norm": 0.7},
    "early stopping": {"early_stopping": True},
}
SCALING = [
    (variant, solver, method)
    for variant in VARIANTS
    for solver, method in TRAINING
    if variant != "early stopping" or method == "fit"
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("variant", "solver", "method"), SCALING)
def test_scaling_the_data_scales_the_codes(variant, solver, method, activation, dtype, rng):
    """X times s gives the codes times s: to rounding, to the bit for a power of two; score does not change."""
    X = make_X(rng, n=150).astype(dtype)

    def fitted(X):
        parameters = {"batch_size": 30, "solver": solver, "activation": activation, **VARIANTS[variant]}
        return getattr(make(**parameters), method)(X)

    reference = fitted(X)
    Z, score = reference.transform(X), reference.score(X)
    rounding = 1e-2 if dtype == np.float32 else 1e-9  # the threshold amplifies it
    power = 2 if activation == "tlin" else 1
    for s in (1e3, 2.0**-10):
        scaled_X = (dtype(s) * X).astype(dtype)
        scaled = fitted(scaled_X)
        codes = scaled.transform(scaled_X)
        assert codes.dtype == dtype
        if np.log2(s).is_integer():
            assert_array_equal(codes, dtype(s) * Z)
            assert_array_equal(scaled.components_, reference.components_)
            assert_array_equal(scaled.intercept_visible_, dtype(s) * reference.intercept_visible_)
        assert_allclose(codes / s, Z, atol=rounding * Z.max())
        assert scaled.threshold_ == pytest.approx(reference.threshold_ * s**power, rel=1e-5)
        assert scaled.loss_ == pytest.approx(reference.loss_ * s**2, rel=rounding)
        assert scaled.score(scaled_X) == pytest.approx(score, abs=rounding)
        assert scaled.dead_unit_fraction_ == reference.dead_unit_fraction_


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0, 3.0])
def test_threshold_is_in_units_of_the_data(threshold, rng):
    """threshold_ is `threshold` times the root mean variance of the features; for tlin, times the mean variance."""
    X = make_X(rng) * 7.0
    unit = np.sqrt(X.var(axis=0).mean())
    for method in ("fit", "partial_fit"):
        trec = getattr(make(threshold=threshold), method)(X)
        tlin = getattr(make(threshold=threshold, activation="tlin"), method)(X)
        assert trec.threshold_ == pytest.approx(threshold * unit)
        assert tlin.threshold_ == pytest.approx(threshold * unit**2)
        assert type(trec.threshold_) is float


@pytest.mark.parametrize("whiten", ["pca", None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_threshold_is_the_papers_on_whitened_data(activation, whiten, rng):
    """Behind a whitener, of either scale, threshold_ is theta."""
    X = PCAWhitener(whiten=whiten).fit_transform(make_X(rng, n=4000))
    assert make(activation=activation, max_iter=1).fit(X).threshold_ == pytest.approx(1.0, rel=1e-3)


def test_threshold_of_the_first_chunk_holds(rng):
    """partial_fit keeps the unit of its first call: the threshold does not drift under the weights."""
    X = make_X(rng)
    autoencoder = make().partial_fit(X)
    first = autoencoder.threshold_
    assert autoencoder.partial_fit(3.0 * X).threshold_ == first
    assert autoencoder.set_params(threshold=0.5).partial_fit(X).threshold_ == pytest.approx(0.5 * first)
    assert_allclose(autoencoder.loss_, 0.5 * ((X - reconstructed(autoencoder, X)) ** 2).sum(axis=1).mean(), rtol=1e-9)


# Dead units


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mostly_dead_models_warn(activation, method, rng):
    """A threshold that no unit reaches is warned of, in words; at the default there is no such warning."""
    X = make_X(rng)
    with pytest.warns(UserWarning, match="100% of the units are active on no training row"):
        autoencoder = getattr(make(activation=activation, threshold=1e6), method)(X)
    assert autoencoder.dead_unit_fraction_ == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        autoencoder = getattr(make(activation=activation), method)(X)
    assert autoencoder.dead_unit_fraction_ <= 0.5


@pytest.mark.parametrize("data", ["raw", "/16", "whitened"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_few_units_are_dead_at_the_defaults(activation, data):
    """On digits as they come, divided by 16 or whitened, fewer than 10 % of 256 units are dead."""
    X = load_digits().data
    X = {"raw": lambda: X, "/16": lambda: X / 16.0, "whitened": lambda: PCAWhitener(0.99).fit_transform(X)}[data]()
    autoencoder = ZeroBiasAutoencoder(256, activation=activation, random_state=0).fit(X.astype(np.float32))
    assert autoencoder.dead_unit_fraction_ < 0.1
    assert autoencoder.score(X) > 0.0


# Parameters


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"visible": "bernoulli"}, "visible"),
        ({"activation": "relu"}, "activation"),
        ({"activation": "sigmoid"}, "activation"),
        ({"activation": TRec(1.0)}, "activation"),
        ({"activation": None}, "activation"),
        ({"threshold": -0.1}, "threshold"),
        ({"threshold": np.inf}, "threshold"),
        ({"threshold": "auto"}, "threshold"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_invalid_parameters(method, parameters, words, rng):
    """A parameter that this model does not have is refused by name, and nothing is set."""
    autoencoder = make(**parameters)
    with unchanged(autoencoder), pytest.raises(InvalidParameterError, match=words):
        getattr(autoencoder, method)(make_X(rng))


@pytest.mark.parametrize("solver", SOLVERS)
def test_l2_shrinks_the_weights(solver, rng):
    """A larger l2 gives shorter weights."""
    X = 100.0 * make_X(rng)
    norms = [np.linalg.norm(make(solver=solver, l2=l2, max_iter=50).fit(X).components_) for l2 in (0.0, 0.05, 0.5)]
    assert norms[0] > norms[1] > norms[2]


# Data


@pytest.mark.sampled(3)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, -1e4 / 3.0])
@pytest.mark.parametrize("shape", [(10, 4), (7, 1), (100, 30)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_data_work(dtype, shape, value, activation):
    """Rows that are all alike train and predict; the rounding of their mean is not taken for their unit."""
    X = np.full(shape, value, dtype=dtype)
    for solver, method in TRAINING:
        autoencoder = getattr(make(activation=activation, solver=solver), method)(X)
        assert autoencoder.threshold_ == 1.0
        assert_allclose(autoencoder.reconstruct(X), X, rtol=0.05)
        for name in PREDICTIONS:
            assert np.isfinite(getattr(autoencoder, name)(X)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_feature_among_others(dtype, rng):
    """A column without variance is reconstructed as it is, but for an outlier or two, and kills no units."""
    X = np.hstack([make_X(rng), np.full((60, 1), 5.0)]).astype(dtype)
    for solver in SOLVERS:
        autoencoder = make(solver=solver, max_iter=100).fit(X)
        assert np.median(np.abs(autoencoder.reconstruct(X)[:, 5] - 5.0)) < 0.2
        assert autoencoder.dead_unit_fraction_ < 0.5


def test_an_error_after_training_changes_nothing(rng):
    """A warning of dead units that is made an error is an error: the fitted model is kept."""
    X = make_X(rng)
    for autoencoder in (make(), make().partial_fit(X)):
        autoencoder.set_params(threshold=1e6)
        for method in ("fit", "partial_fit"):
            with unchanged(autoencoder), warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                with pytest.raises(UserWarning, match="active on no training row"):
                    getattr(autoencoder, method)(X)


# partial_fit and warm_start


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_keeps_the_visible_bias_in_the_datas_unit(solver, rng):
    """A start from fitted parameters on rows of another spread does not move the visible bias."""
    X = make_X(rng)
    autoencoder = make(solver=solver, warm_start=True).fit(X)
    c = autoencoder.intercept_visible_
    autoencoder.set_params(max_iter=1, learning_rate_init=1e-12).fit(np.vstack([X, 3.0 * X]))
    if solver != "lbfgs":
        assert_allclose(autoencoder.intercept_visible_, c, rtol=1e-8)


# Life with scikit-learn


def test_grid_search_over_the_threshold():
    """GridSearchCV reaches the threshold and the kind of unit, and lets a classifier behind the codes choose."""
    X, y = load_digits(n_class=4, return_X_y=True)
    X = PCAWhitener(20, whiten=None).fit_transform(X)
    model = make_pipeline(make(n_components=20, max_iter=20), LogisticRegression(max_iter=300))
    grid = {"zerobiasautoencoder__threshold": [0.0, 1.0], "zerobiasautoencoder__activation": ACTIVATIONS}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores.min() > 0.5
    assert len(set(scores)) > 1
    chosen = search.best_estimator_[0]
    assert chosen.threshold == search.best_params_["zerobiasautoencoder__threshold"]
    power = 2 if chosen.activation == "tlin" else 1
    assert chosen.threshold_ == pytest.approx(chosen.threshold * np.sqrt(chosen.var_.mean()) ** power)


def test_features_for_a_classifier():
    """The line that the package is for: normalise, whiten, encode, classify; far from chance on unseen digits."""
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(
        ContrastNormalizer(),
        PCAWhitener(0.99),
        ZeroBiasAutoencoder(64, max_iter=50, random_state=0),
        LogisticRegression(max_iter=500),
    )
    model.fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) >= 0.9
    assert model[:-1].get_feature_names_out().tolist() == [f"zerobiasautoencoder{k}" for k in range(64)]
    features = model[1:3]
    normal = model[0].transform(X)
    assert features.inverse_transform(features.transform(normal)).shape == X.shape
    assert features.score_samples(normal).shape == y.shape


# Found by review


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_start_on_centred_data_is_not_that_of_rounding(activation, rng):
    """Where the mean is rounding, its direction says nothing: scale, repeated rows and order change nothing."""
    X = rng.standard_normal((80, 6))
    X -= X.mean(axis=0)

    def components(X, sample_weight=None):
        autoencoder = make(activation=activation, max_iter=1, batch_size=1000, shuffle=False)
        return autoencoder.fit(X, sample_weight=sample_weight).components_

    expected = components(X)
    assert_allclose(components(1e3 * X), expected, atol=1e-12)
    assert_allclose(components(X[::-1]), expected, atol=1e-12)
    assert_allclose(components(np.repeat(X, 3, axis=0)), components(X, np.full(80, 3.0)), atol=1e-12)
    assert_allclose(components(X.astype(np.float32)), expected, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_partial_fit_takes_its_unit_from_the_first_rows_that_vary(scale, rng):
    """A first chunk of one row knows no scale; the threshold waits for the next."""
    X = scale * make_X(rng)
    autoencoder = make().partial_fit(X[:1]).partial_fit(X)
    assert autoencoder.threshold_ == pytest.approx(np.sqrt(autoencoder.var_.mean()))
    threshold = autoencoder.threshold_
    assert autoencoder.partial_fit(3.0 * X).threshold_ == threshold
