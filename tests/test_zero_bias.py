"""ZeroBiasAutoencoder: its identities, its indifference to the scale of X, its dead units, its life in pipelines."""

import contextlib
import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
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
SOLVERS = ["adam", "sgd", "lbfgs"]
TRAINING = [*((solver, "fit") for solver in SOLVERS), ("adam", "partial_fit"), ("sgd", "partial_fit")]
DTYPES = [np.float32, np.float64]
ENCODINGS = ["natural", "rectified", "rectified_bias", "linear"]
PREDICTIONS = ["transform", "reconstruct", "vector_field", "score_samples", "reconstruction_error", "score"]
FITTED = ["components_", "decoder_components_", "intercept_visible_"]


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


def predictions(autoencoder, X):
    """Everything that the autoencoder says about X."""
    return {name: getattr(autoencoder, name)(X) for name in PREDICTIONS}


def assert_same_predictions(a, b, X):
    """Assert that two fitted autoencoders give the same bits."""
    expected = predictions(b, X)
    for name, result in predictions(a, X).items():
        assert_array_equal(result, expected[name], err_msg=name)


def assert_same_fit(a, b, *, rtol=0.0, atol=0.0):
    """Assert that two fits ended in the same parameters, and tell the same of the way there."""
    names = ("mean_", "var_", "n_samples_seen_", "n_iter_", "loss_", "loss_curve_", "threshold_", "dead_unit_fraction_")
    for name in (*FITTED, *names):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=atol, err_msg=name)


@contextlib.contextmanager
def unchanged(estimator):
    """Assert that the body leaves vars(estimator) as they were, to the bit."""
    before = joblib.hash(vars(estimator))
    yield
    assert joblib.hash(vars(estimator)) == before


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


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_training_lowers_the_loss(activation, solver, tied, rng):
    """Each solver lowers the loss, well below that of the mean."""
    X = make_X(rng, n=200)
    autoencoder = make(activation=activation, solver=solver, tied_weights=tied, max_iter=40).fit(X)
    assert autoencoder.loss_curve_.shape == (autoencoder.n_iter_,)
    assert autoencoder.loss_ < autoencoder.loss_curve_[0]
    assert autoencoder.loss_ < 0.6 * 0.5 * autoencoder.var_.sum()


def test_there_is_no_hidden_bias(rng):
    """Nothing called a hidden bias is there, and none acts: one set by hand changes no prediction."""
    X = make_X(rng)
    autoencoder = make().fit(X)
    assert not hasattr(autoencoder, "intercept_hidden_")
    expected = predictions(autoencoder, X)
    autoencoder.intercept_hidden_ = np.full(8, 100.0)
    for name, result in predictions(autoencoder, X).items():
        assert_array_equal(result, expected[name], err_msg=name)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_encodings(activation, tied, rng):
    """The default is max(0, Wx), without threshold; h(Wx) and Wx are to be had too, after the fit."""
    X = make_X(rng)
    autoencoder = make(activation=activation, tied_weights=tied).fit(X)
    U = X @ autoencoder.components_.T
    tolerance = {"rtol": 1e-12, "atol": 1e-14}
    assert_allclose(autoencoder.transform(X), np.maximum(0.0, U), **tolerance)
    expected = {
        "natural": hidden(autoencoder, X),
        "rectified": np.maximum(0.0, U),
        "rectified_bias": np.maximum(0.0, U),
        "linear": U,
    }
    for encoding in ENCODINGS:
        assert_allclose(autoencoder.set_params(encoding=encoding).transform(X), expected[encoding], **tolerance)
    assert_allclose(autoencoder.reconstruct(X), reconstructed(autoencoder, X), rtol=1e-11, atol=1e-13)


def test_encoding_does_not_change_training(rng):
    """The encoding is for transform only: the fit gives the same bits."""
    X = make_X(rng)
    reference = make().fit(X)
    for encoding in ENCODINGS:
        assert_same_fit(make(encoding=encoding).fit(X), reference)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_inverse_transform(activation, encoding, tied, dtype, rng):
    """inverse_transform(transform(X)) is reconstruct(X); absent where tlin's rectified code has lost half of it."""
    X = make_X(rng).astype(dtype)
    autoencoder = make(activation=activation, encoding=encoding, tied_weights=tied).fit(X)
    present = activation == "trec" or encoding in ("natural", "linear")
    assert hasattr(autoencoder, "inverse_transform") == present
    if present:
        result = autoencoder.inverse_transform(autoencoder.transform(X))
        assert_allclose(result, autoencoder.reconstruct(X), rtol=1e-5 if dtype == np.float32 else 1e-12)
        with pytest.raises(ValueError, match="8 components, got 3"):
            autoencoder.inverse_transform(np.ones((2, 3)))


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


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_untied_score_is_minus_the_loss(activation, rng):
    """Untied weights have no potential: score_samples is -|x - r(x)|^2/2."""
    X = make_X(rng)
    autoencoder = make(activation=activation, tied_weights=False).fit(X)
    expected = -0.5 * ((X - reconstructed(autoencoder, X)) ** 2).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-11)


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
    for s in (1e-3, 1e3, 2.0**10, 2.0**-10):
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
@pytest.mark.parametrize("threshold", [0.5, 1.5, 2.5, 4.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dead_units_are_counted(activation, threshold, method, rng):
    """dead_unit_fraction_ is the fraction of units whose h(Wx) is zero on every training row."""
    X = make_X(rng, n=230)
    autoencoder = getattr(make(activation=activation, threshold=threshold, n_components=40), method)(X)
    assert type(autoencoder.dead_unit_fraction_) is float
    assert autoencoder.dead_unit_fraction_ == (~hidden(autoencoder, X).any(axis=0)).mean()


def test_dead_units_of_weighted_rows(rng):
    """A row of weight zero brings no unit to life."""
    X = make_X(rng)
    X[0] *= 1000.0
    weight = np.ones(60)
    weight[0] = 0.0
    autoencoder = make(threshold=2.5, n_components=40).fit(X, sample_weight=weight)
    assert autoencoder.dead_unit_fraction_ == (~hidden(autoencoder, X[1:]).any(axis=0)).mean() > 0.0


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
        ({"l2": -1.0}, "l2"),
        ({"n_components": 0}, "n_components"),
        ({"encoding": "binary"}, "encoding"),
        ({"tied_weights": "auto"}, "tied_weights"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_invalid_parameters(method, parameters, words, rng):
    """A parameter that this model does not have is refused by name, and nothing is set."""
    autoencoder = make(**parameters)
    with unchanged(autoencoder), pytest.raises(InvalidParameterError, match=words):
        getattr(autoencoder, method)(make_X(rng))


def test_constructor_sets_and_nothing_more():
    """__init__ keeps what it is given, unvalidated; there is neither alpha nor penalty."""
    parameters = {name: object() for name in ZeroBiasAutoencoder().get_params()}
    assert vars(ZeroBiasAutoencoder(**parameters)) == parameters
    assert not {"alpha", "penalty"} & set(parameters)


@pytest.mark.parametrize("constraint", ["unit", "max"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tied", [True, False])
def test_constraints_hold_on_data_of_any_scale(tied, solver, constraint, rng):
    """The constraint is on the weights returned, and does not know the unit of the data."""
    X = 100.0 * make_X(rng)
    autoencoder = make(tied_weights=tied, solver=solver, weight_constraint=constraint, max_norm=0.5).fit(X)
    norms = np.linalg.norm(autoencoder.decoder_components_, axis=1)
    if constraint == "unit":
        assert_allclose(norms, 1.0, rtol=1e-12)
    else:
        assert norms.max() <= 0.5 * (1.0 + 1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_l2_shrinks_the_weights(solver, rng):
    """A larger l2 gives shorter weights."""
    X = 100.0 * make_X(rng)
    norms = [np.linalg.norm(make(solver=solver, l2=l2, max_iter=50).fit(X).components_) for l2 in (0.0, 0.05, 0.5)]
    assert norms[0] > norms[1] > norms[2]


# Data


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("predict", DTYPES)
@pytest.mark.parametrize("train", DTYPES)
def test_dtypes(train, predict, tied, rng):
    """Parameters have the dtype of the training data, results that of the data given."""
    X = 30.0 * make_X(rng)
    autoencoder = make(tied_weights=tied).fit(X.astype(train))
    assert {getattr(autoencoder, name).dtype for name in FITTED} == {np.dtype(train)}
    results = predictions(autoencoder, X.astype(predict))
    assert isinstance(results.pop("score"), float)
    assert {result.dtype for result in results.values()} == {np.dtype(predict)}
    assert autoencoder.inverse_transform(results["transform"]).dtype == predict


@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_trains_as_float64(solver, rng):
    """After some epochs float32 is where float64 is, up to rounding."""
    X = make_X(rng, n=150)
    exact, single = make(solver=solver).fit(X), make(solver=solver).fit(X.astype(np.float32))
    assert_allclose(single.transform(X), exact.transform(X), atol=1e-3)
    assert single.loss_ == pytest.approx(exact.loss_, rel=1e-3)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("solver", "method"), TRAINING)
def test_zero_weight_is_an_absent_row(solver, method, kind, rng):
    """Rows of weight zero change no bit."""
    X, weight = make_X(rng, n=150), rng.uniform(0.5, 2.0, 150)
    weight[::3] = 0.0
    kept = weight > 0.0
    all_rows = getattr(make(solver=solver, batch_size=20), method)(kind(X), sample_weight=weight)
    fewer_rows = getattr(make(solver=solver, batch_size=20), method)(kind(X[kept]), sample_weight=weight[kept])
    assert_same_fit(all_rows, fewer_rows)


@pytest.mark.parametrize("init", ["glorot", "data", "pca"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_integer_weights_are_repeated_rows(activation, solver, init, rng):
    """A row of weight 3 is three rows, in one batch, from every start."""
    X, weight = make_X(rng), rng.integers(0, 4, 60)
    parameters = {"activation": activation, "solver": solver, "init": init, "batch_size": 1000, "l2": 0.01}
    weighted = make(**parameters).fit(X, sample_weight=weight)
    repeated = make(**parameters).fit(np.repeat(X, weight, axis=0))
    assert weighted.n_samples_seen_ == repeated.n_samples_seen_ == weight.sum()
    assert_same_fit(weighted, repeated, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_sparse_is_dense(solver, dtype, early_stopping, rng):
    """A fit and predictions on CSR rows are those on the array; the rows are left as they were."""
    X = (5.0 * make_X(rng, n=150)).astype(dtype)
    X[X < 0.3] = 0.0
    S = sparse.csr_matrix(X)
    parameters = {"solver": solver, "batch_size": 20, "early_stopping": early_stopping}
    dense, thin = make(**parameters).fit(X), make(**parameters).fit(S)
    assert_same_fit(thin, dense, rtol=1e-12)
    assert_array_equal(S.toarray(), X)
    expected = predictions(dense, X)
    for name, result in predictions(dense, S).items():
        assert_array_equal(result, expected[name], err_msg=name)


def test_input_is_not_written_to(rng):
    """Dividing by the data's unit happens on a copy: X is left as it was, read-only and memory-mapped too."""
    X = 5.0 * make_X(rng, n=150)
    before = X.copy()
    for solver, method in TRAINING:
        for shuffle in (True, False):
            getattr(make(solver=solver, shuffle=shuffle, batch_size=1000), method)(X)
            assert_array_equal(X, before)
    X.flags.writeable = False
    predictions(make().fit(X), X)


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


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("solver", "method"), TRAINING)
def test_one_feature_works(solver, method, activation, rng):
    """One column is enough, for training and every prediction; so are two rows."""
    for X in (make_X(rng, d=1), make_X(rng, n=2, d=1)):
        autoencoder = getattr(make(solver=solver, activation=activation), method)(X)
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


BAD_DATA = {
    "nan": (lambda X: np.where(X[3, 1] == X, np.nan, X), "NaN"),
    "infinite": (lambda X: np.where(X[3, 1] == X, np.inf, X), "infinity"),
    "empty": (lambda X: X[:0], "0 sample"),
    "a vector": (lambda X: X[0], "2D array"),
    "too large": (lambda X: 1e160 * X, "float64"),
}


@pytest.mark.parametrize(("solver", "method"), TRAINING)
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_refused_and_changes_nothing(case, solver, method, rng):
    """Data that cannot be trained on end in a sentence, and leave the estimator as it was, fitted or not."""
    spoil, words = BAD_DATA[case]
    X = make_X(rng)
    for autoencoder in (make(solver=solver), getattr(make(solver=solver), method)(X)):
        with unchanged(autoencoder), pytest.raises(ValueError, match=words):
            getattr(autoencoder, method)(spoil(X))
        with unchanged(autoencoder), pytest.raises(ValueError, match=r"[Nn]egative"):
            getattr(autoencoder, method)(X, sample_weight=np.linspace(-1.0, 1.0, 60))


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


def test_not_fitted():
    """Every method says that the model is not fitted; nothing fitted is there."""
    autoencoder = make()
    assert not any(hasattr(autoencoder, name) for name in [*FITTED, "threshold_", "dead_unit_fraction_"])
    for name in [*PREDICTIONS, "inverse_transform"]:
        with pytest.raises(NotFittedError):
            getattr(autoencoder, name)(np.ones((2, 3)))


# partial_fit and warm_start


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_is_an_epoch_of_fit(solver, rng):
    """Two calls are two epochs of fit at a constant rate; the visible bias goes through X's unit and back."""
    X = 50.0 * make_X(rng)
    parameters = {"solver": solver, "init": "pca", "learning_rate_init": 0.01, "tol": 0.0}
    carried = make(**parameters).partial_fit(X).partial_fit(X)
    together = make(learning_rate="constant", **{**parameters, "max_iter": 2}).fit(X)
    for name in FITTED:
        assert_allclose(getattr(carried, name), getattr(together, name), rtol=1e-10, err_msg=name)
    assert_allclose(carried.loss_curve_, together.loss_curve_, rtol=1e-10)
    assert carried.n_iter_ == 2


def test_partial_fit_is_absent_with_lbfgs():
    """L-BFGS has no steps to continue, and hasattr says so."""
    assert not hasattr(make(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_continues(solver, rng):
    """With warm_start a fit starts from the fitted parameters, on data in another unit too."""
    X = make_X(rng)
    autoencoder = make(solver=solver, max_iter=30, warm_start=True).fit(X)
    first, loss = autoencoder.loss_curve_, autoencoder.loss_
    autoencoder.fit(X)
    assert autoencoder.loss_curve_[0] < first[0]
    assert autoencoder.loss_curve_[0] == pytest.approx(loss, rel=0.1)
    autoencoder.set_params(warm_start=False).fit(X)
    assert_allclose(autoencoder.loss_curve_, first, rtol=1e-12)


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


def by_joblib(autoencoder):
    """Through a joblib file."""
    file = io.BytesIO()
    joblib.dump(autoencoder, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(autoencoder):
    """Through skops, which must find nothing but the class itself to ask about."""
    dumped = skops.io.dumps(autoencoder)
    unknown = skops.io.get_untrusted_types(data=dumped)
    assert unknown == [f"{type(autoencoder).__module__}.{type(autoencoder).__qualname__}"]
    return skops.io.loads(dumped, trusted=unknown)


COPIES = {
    "pickle": lambda autoencoder: pickle.loads(pickle.dumps(autoencoder)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "skops": by_skops,
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("way", COPIES)
def test_copies_predict_the_same_bits(way, activation, method, rng):
    """A copy predicts the same bits, and goes on training to the same bits."""
    X = 20.0 * make_X(rng)
    autoencoder = getattr(make(activation=activation), method)(X)
    twin = COPIES[way](autoencoder)
    assert_same_predictions(twin, autoencoder, X)
    assert_same_fit(twin.partial_fit(X), autoencoder.partial_fit(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_clone_is_unfitted_and_fits_alike(solver, rng):
    """clone carries the parameters and nothing fitted; its fit gives the same bits."""
    X = make_X(rng)
    autoencoder = make(solver=solver, threshold=0.5).fit(X)
    twin = clone(autoencoder)
    assert vars(twin) == autoencoder.get_params()
    assert_same_fit(twin.fit(X), autoencoder)


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
