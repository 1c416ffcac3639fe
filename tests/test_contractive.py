"""ContractiveAutoencoder: its identities, its fitted attributes, and how it lives with scikit-learn's tools."""

import copy
import dataclasses
import io
import pickle
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from helpers import NAMES_AND_TYING
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ContractiveAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.activations import ACTIVATIONS, Activation, as_activation
from skae.metrics import activation_fraction
from skae.penalties import PENALTIES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = list(ACTIVATIONS)
SMOOTH = ["identity", "sigmoid", "tanh", "softplus", "square", "synchrony", "softmax"]
FLAT_BELOW_ZERO = ["relu", "trec"]
SOLVERS = ["adam", "sgd", "lbfgs"]
STEPPING = ["adam", "sgd"]
TRAINING = [*((solver, "fit") for solver in SOLVERS), *((solver, "partial_fit") for solver in STEPPING)]
DTYPES = [np.float32, np.float64]
ENCODINGS = ["natural", "rectified", "rectified_bias", "linear"]
PREDICTIONS = ["transform", "reconstruct", "vector_field", "score_samples", "reconstruction_error", "score"]
FITTED = ["components_", "decoder_components_", "intercept_hidden_", "intercept_visible_"]


@dataclasses.dataclass(frozen=True)
class Softsign(Activation):
    """h(u) = u/(1 + |u|), an activation that skae does not have."""

    name = "softsign"

    def value(self, u, out=None):
        return np.divide(u, 1.0 + np.absolute(u), out=out)

    def derivative(self, u, h, out=None):
        return np.square(1.0 - np.abs(h), out=out)

    def second_derivative(self, u, h, out=None):
        return np.multiply(-2.0 * np.sign(h), (1.0 - np.absolute(h)) ** 3, out=out)

    def potential(self, u):
        a = np.absolute(u)
        return (a - np.log(1.0 + a)).sum(axis=-1)


def make_X(rng, n=60, d=5):
    """Correlated rows around a mean that is not zero."""
    return 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)


def make_X01(rng, n=60, d=5):
    """Rows inside (0, 1)."""
    return 0.05 + 0.9 * expit(make_X(rng, n, d))


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ContractiveAutoencoder(**{"n_components": 4, "max_iter": 8, "random_state": 0, **parameters})


def make_plain(activation, **parameters):
    """Return one without penalty, for the activations that the penalties refuse."""
    return make(activation=activation, alpha=0, threshold=0.1, **parameters)


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
    for name in (*FITTED, "mean_", "var_", "n_samples_seen_", "n_iter_", "loss_", "loss_curve_"):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=atol, err_msg=name)


def hidden(autoencoder, X):
    """h(Wx + b) from the public attributes."""
    activation = as_activation(autoencoder.activation, autoencoder.threshold)
    return activation.value(X @ autoencoder.components_.T + autoencoder.intercept_hidden_)


def gradient_of_score(autoencoder, X, step=1e-5):
    """Central differences of score_samples, row by row."""
    gradient = np.empty_like(X)
    for j in range(X.shape[1]):
        shift = step * np.eye(X.shape[1])[j]
        gradient[:, j] = autoencoder.score_samples(X + shift) - autoencoder.score_samples(X - shift)
    return gradient / (2.0 * step)


# The energy


@pytest.mark.parametrize("activation", SMOOTH)
def test_vector_field_is_the_gradient_of_the_score(activation, rng):
    """Tied and gaussian: grad E(x) = r(x) - x (ENERGY eq. 11)."""
    X = make_X(rng)
    autoencoder = make_plain(activation).fit(X)
    assert_allclose(gradient_of_score(autoencoder, X), autoencoder.vector_field(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("activation", SMOOTH)
def test_bernoulli_score_has_the_logit_field_as_gradient(activation, rng):
    """Tied and bernoulli: grad E(x) = logit r(x) - logit x (ENERGY eq. 28)."""
    X = make_X01(rng)
    autoencoder = make_plain(activation, visible="bernoulli").fit(X)
    expected = logit(autoencoder.reconstruct(X)) - logit(X)
    assert_allclose(gradient_of_score(autoencoder, X), expected, rtol=1e-6, atol=1e-7)


def test_vector_field_is_reconstruction_minus_input(rng):
    """vector_field(X) is reconstruct(X) - X, untied too."""
    X = make_X(rng)
    autoencoder = make(tied_weights=False).fit(X)
    assert_array_equal(autoencoder.vector_field(X), autoencoder.reconstruct(X) - X)


@pytest.mark.parametrize("activation", [name for name, tied in NAMES_AND_TYING if not tied])
def test_untied_score_is_minus_the_loss(activation, rng):
    """Untied weights have no potential: score_samples is -|x - r(x)|^2/2."""
    X = make_X(rng)
    autoencoder = make_plain(activation, tied_weights=False).fit(X)
    expected = -0.5 * ((X - autoencoder.reconstruct(X)) ** 2).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-12)


def test_untied_bernoulli_score_is_minus_the_cross_entropy(rng):
    """Untied bernoulli units: score_samples is sum x log r + (1 - x) log(1 - r)."""
    X = make_X01(rng)
    autoencoder = make(tied_weights=False, visible="bernoulli").fit(X)
    R = autoencoder.reconstruct(X)
    expected = (X * np.log(R) + (1.0 - X) * np.log(1.0 - R)).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-10)


def test_bernoulli_score_at_zero_and_one(rng):
    """0 log 0 is 0: binary rows have a finite energy, c.x + sum softplus(u), as in an RBM."""
    X = (make_X01(rng) > 0.5).astype(float)
    autoencoder = make(visible="bernoulli").fit(X)
    U = X @ autoencoder.components_.T + autoencoder.intercept_hidden_
    expected = X @ autoencoder.intercept_visible_ + np.logaddexp(0.0, U).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-12)


# What it predicts


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@pytest.mark.parametrize(("activation", "tied"), NAMES_AND_TYING)
def test_reconstruction_from_public_attributes(activation, tied, visible, rng):
    """alpha=0 trains every activation, tied or not, and r(x) = output(V^T h(Wx + b) + c)."""
    X = make_X01(rng)
    autoencoder = make_plain(activation, tied_weights=tied, visible=visible).fit(X)
    A = hidden(autoencoder, X) @ autoencoder.decoder_components_ + autoencoder.intercept_visible_
    expected = A if visible == "gaussian" else expit(A)
    assert_allclose(autoencoder.reconstruct(X), expected, rtol=1e-12, atol=1e-12)
    assert all(np.isfinite(getattr(autoencoder, name)).all() for name in FITTED)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("activation", ["sigmoid", "trec", "softmax"])
def test_encodings(encoding, activation, rng):
    """transform returns h(Wx + b), max(0, Wx), max(0, Wx + b) or Wx; it can be changed after the fit."""
    X = make_X(rng)
    autoencoder = make_plain(activation).fit(X).set_params(encoding=encoding)
    W, b = autoencoder.components_, autoencoder.intercept_hidden_
    expected = {
        "natural": hidden(autoencoder, X),
        "rectified": np.maximum(0.0, X @ W.T),
        "rectified_bias": np.maximum(0.0, X @ W.T + b),
        "linear": X @ W.T,
    }
    assert_allclose(autoencoder.transform(X), expected[encoding], rtol=1e-12, atol=1e-14)


def test_encoding_does_not_change_training(rng):
    """The encoding is for transform only: the fit gives the same bits."""
    X = make_X(rng)
    reference = make().fit(X)
    for encoding in ENCODINGS[1:]:
        assert_same_fit(make(encoding=encoding).fit(X), reference)


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("activation", "tied"), NAMES_AND_TYING)
def test_inverse_transform(activation, encoding, tied, visible, rng):
    """inverse_transform(transform(X)) is reconstruct(X); where the code has lost too much, the method is absent."""
    X = make_X01(rng)
    autoencoder = make_plain(activation, encoding=encoding, tied_weights=tied, visible=visible, max_iter=2).fit(X)
    kept = encoding in ("natural", "linear") or (encoding == "rectified_bias" and activation in FLAT_BELOW_ZERO)
    assert hasattr(autoencoder, "inverse_transform") == kept
    if kept:
        result = autoencoder.inverse_transform(autoencoder.transform(X))
        assert_allclose(result, autoencoder.reconstruct(X), rtol=1e-12, atol=1e-12)


def test_inverse_transform_refuses_another_width(rng):
    """Codes with another number of components are refused in a sentence, not by the matrix product."""
    autoencoder = make().fit(make_X(rng))
    with pytest.raises(ValueError, match="4 components, got 3"):
        autoencoder.inverse_transform(np.ones((2, 3)))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reconstruction_error(dtype, tied, rng):
    """Per feature it is (x - r)^2; else their sum; both in X's dtype."""
    X = make_X(rng).astype(dtype)
    autoencoder = make(tied_weights=tied).fit(X)
    total, parts = autoencoder.reconstruction_error(X), autoencoder.reconstruction_error(X, per_feature=True)
    assert total.dtype == parts.dtype == dtype
    assert_array_equal(parts, (X - autoencoder.reconstruct(X)) ** 2)
    assert_allclose(total, parts.sum(axis=1), rtol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("predict", DTYPES)
@pytest.mark.parametrize("train", DTYPES)
def test_dtypes(train, predict, tied, rng):
    """Parameters have the dtype of the training data, results that of the data given; moments are float64."""
    X = make_X(rng)
    autoencoder = make(tied_weights=tied, encoding="linear").fit(X.astype(train))
    assert {getattr(autoencoder, name).dtype for name in FITTED} == {np.dtype(train)}
    assert autoencoder.mean_.dtype == autoencoder.var_.dtype == np.float64
    results = predictions(autoencoder, X.astype(predict))
    assert isinstance(results.pop("score"), float)
    assert {result.dtype for result in results.values()} == {np.dtype(predict)}
    assert autoencoder.inverse_transform(results["transform"]).dtype == predict
    exact = predictions(make(tied_weights=tied, encoding="linear").fit(X.astype(train)), X)
    for name, result in results.items():
        assert_allclose(result, exact[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_user_replaces_parameters(rng):
    """Prediction reads the public attributes: what a user puts there is used, of another type and width too."""
    X = make_X(rng, d=3)
    autoencoder = make(activation="relu").fit(X)
    autoencoder.components_ = np.eye(3, dtype=int)
    autoencoder.intercept_hidden_ = np.zeros(3)
    autoencoder.intercept_visible_ = np.array([1.0, 2.0, 3.0])
    assert_allclose(autoencoder.transform(X), np.maximum(X, 0.0))
    assert_allclose(autoencoder.reconstruct(X), np.maximum(X, 0.0) + np.array([1.0, 2.0, 3.0]))
    assert_allclose(autoencoder.inverse_transform(autoencoder.transform(X)), autoencoder.reconstruct(X))
    assert list(autoencoder.get_feature_names_out()) == [f"contractiveautoencoder{k}" for k in range(3)]


def test_training_goes_on_from_replaced_parameters(rng):
    """partial_fit goes on from what a user put in place, integers too, in a floating type."""
    X = make_X(rng, d=3)
    by_hand = make(activation="identity", n_components=3).partial_fit(X)
    twin = copy.deepcopy(by_hand)
    by_hand.components_, twin.components_ = np.eye(3, dtype=int), np.eye(3)
    assert_same_fit(by_hand.partial_fit(X), twin.partial_fit(X))


def test_tied_decoder_is_the_encoder(rng):
    """decoder_components_ is components_ itself when tied, and cannot be set apart from it."""
    autoencoder = make().fit(make_X(rng))
    assert autoencoder.decoder_components_ is autoencoder.components_
    with pytest.raises(AttributeError, match="components_"):
        autoencoder.decoder_components_ = np.zeros((4, 5))
    assert copy.deepcopy(autoencoder).decoder_components_ is not autoencoder.components_


def test_untied_decoder_can_be_set(rng):
    """decoder_components_ is an array of its own when untied, and what a user puts there is used."""
    X = make_X(rng)
    autoencoder = make(tied_weights=False).fit(X)
    assert not np.shares_memory(autoencoder.decoder_components_, autoencoder.components_)
    autoencoder.decoder_components_ = np.zeros((4, 5))
    assert_allclose(autoencoder.reconstruct(X), np.tile(autoencoder.intercept_visible_, (60, 1)))


def test_unfitted_has_no_decoder(rng):
    """An unfitted estimator has no fitted attribute, and its methods say that it is not fitted."""
    autoencoder = make()
    assert not any(hasattr(autoencoder, name) for name in FITTED)
    for name in [*PREDICTIONS, "inverse_transform"]:
        with pytest.raises(NotFittedError):
            getattr(autoencoder, name)(np.ones((2, 3)))
    with pytest.raises(AttributeError, match=r"'(decoder_)?components_'"):
        _ = autoencoder.decoder_components_


def test_a_large_penalty_is_no_failure(recwarn):
    """The loss of what has learned may be above that of the mean, where a penalty is in it; one that kills is named."""
    X = load_digits().data / 16
    relu = {"activation": "relu", "weight_constraint": "unit"}  # whose penalty is the share of active units
    learned = ContractiveAutoencoder(32, alpha=1.0, **relu, max_iter=30, tol=0, random_state=0).fit(X)
    assert learned.loss_ > 0.5 * learned.var_.sum()
    assert learned.score(X) > 0.4
    assert not [each for each in recwarn.list if "predicting the mean" in str(each.message)]
    with pytest.warns(ConvergenceWarning, match="predicting the mean"):
        ContractiveAutoencoder(32, alpha=1e3, max_iter=30, tol=0, random_state=0).fit(X)


# Copies


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
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("way", COPIES)
def test_copies_predict_the_same_bits(way, tied, method, rng):
    """A copy by pickle, joblib, deepcopy or skops predicts the same bits, and goes on training to the same bits."""
    X = make_X(rng)
    autoencoder = getattr(make(tied_weights=tied), method)(X)
    twin = COPIES[way](autoencoder)
    assert_same_predictions(twin, autoencoder, X)
    assert (twin.decoder_components_ is twin.components_) == tied
    assert_same_fit(twin.partial_fit(X), autoencoder.partial_fit(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_clone_is_unfitted_and_fits_alike(solver, rng):
    """clone carries the parameters and nothing fitted; its fit gives the same bits."""
    X = make_X(rng)
    autoencoder = make(solver=solver, activation=Softsign()).fit(X)
    twin = clone(autoencoder)
    assert not hasattr(twin, "components_")
    assert repr(twin) == repr(autoencoder)
    assert_same_predictions(twin.fit(X), autoencoder, X)


def test_memory_mapped_model(rng, tmp_path):
    """A model that joblib maps read-only from disk predicts, and trains on."""
    X = make_X(rng)
    autoencoder = make().partial_fit(X)
    joblib.dump(autoencoder, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert_same_predictions(mapped, autoencoder, X)
    assert_same_fit(mapped.partial_fit(X), autoencoder.partial_fit(X))


# The score


def set_map(autoencoder, W, c):
    """Make r(x) = W^T W x + c."""
    autoencoder.components_, autoencoder.intercept_visible_ = W, c
    autoencoder.intercept_hidden_ = np.zeros(len(W))
    return autoencoder


def test_score_of_the_identity_is_three_quarters(rng):
    """The identity map leaves the noise, a quarter of the variance: 0.75 on data like the training data."""
    X = rng.standard_normal((2000, 6)) * [1.0, 2.0, 3.0, 0.1, 10.0, 0.5] + 5.0
    autoencoder = set_map(make_plain("identity").fit(X), np.eye(6), np.zeros(6))
    assert autoencoder.score(X) == pytest.approx(0.75, abs=0.01)


def test_score_of_the_mean_is_zero(rng):
    """The map to the training mean scores 0, whatever the noise."""
    X = make_X(rng)
    autoencoder = make_plain("identity").fit(X)
    assert set_map(autoencoder, np.zeros((4, 5)), autoencoder.mean_).score(X) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_score_of_the_best_linear_denoiser(seed):
    """Isotropic data: x/(1 + 1/4) scores 0.80, and nothing linear more; also where default_rng(0) made the data."""
    X = np.random.default_rng(seed).standard_normal((4000, 5))
    autoencoder = make_plain("identity").fit(X)
    scores = [set_map(autoencoder, np.sqrt(s) * np.eye(5), np.zeros(5)).score(X) for s in (0.7, 0.8, 0.9)]
    assert scores[1] == pytest.approx(0.8, abs=0.01)
    assert scores[1] == max(scores)


def test_score_takes_and_ignores_labels(rng):
    """score is a Python float, the same with labels and at each call."""
    X = make_X(rng)
    autoencoder = make().fit(X)
    score = autoencoder.score(X)
    assert type(score) is float
    assert score == autoencoder.score(X, np.arange(60)) == autoencoder.score(X)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("elements", [1, 2**9, 2**12])
def test_predictions_do_not_depend_on_the_blocks(elements, kind, rng, monkeypatch):
    """The size of the blocks of rows changes no prediction, and no score."""
    X = make_X(rng, n=300)
    autoencoder = make().fit(X)
    whole = predictions(autoencoder, kind(X))
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", elements)
    for name, result in predictions(autoencoder, kind(X)).items():
        assert_allclose(result, whole[name], rtol=1e-12, atol=1e-12, err_msg=name)
    assert_allclose(clone(autoencoder).fit(X).var_, autoencoder.var_, rtol=1e-12)


def test_score_without_variance(rng):
    """A zero denominator gives what r2_score gives: 1 without residual, else 0."""
    X = np.full((8, 3), 2.0)
    autoencoder = make_plain("identity").fit(X)
    assert set_map(autoencoder, np.zeros((4, 3)), np.full(3, 2.0)).score(X) == 1.0
    assert set_map(autoencoder, np.zeros((4, 3)), np.full(3, 2.5)).score(X) == 0.0


def test_score_of_bernoulli_takes_noise_outside_the_range(rng):
    """The noisy input of a bernoulli model is not range-checked."""
    X = (make_X01(rng) > 0.5).astype(float)
    assert np.isfinite(make(visible="bernoulli").fit(X).score(X))


# Training


def penalty_value(autoencoder, X, weight):
    """The penalty and l2 at the fitted parameters, from the formulas."""
    activation = as_activation(autoencoder.activation, autoencoder.threshold)
    H = hidden(autoencoder, X)
    D = activation.derivative(X @ autoencoder.components_.T + autoencoder.intercept_hidden_, H)
    slope = D**2 if autoencoder.penalty == "contractive" else D
    W, V = autoencoder.components_, autoencoder.decoder_components_
    value = autoencoder.alpha * np.average(slope @ (W**2).sum(axis=1), weights=weight)
    return value + 0.5 * autoencoder.l2 * ((W**2).sum() + (0.0 if V is W else (V**2).sum()))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"alpha": 0, "penalty": "laplacian", "tied_weights": False},
        {"penalty": "laplacian", "activation": "softplus", "alpha": 0.3},
        {"tied_weights": False, "activation": "tanh", "l2": 0.2},
        {"tied_weights": False, "weight_constraint": None, "activation": "modulus"},
        {"visible": "bernoulli", "l2": 0.01},
    ],
    ids=lambda parameters: ",".join(f"{name}={value}" for name, value in parameters.items()) or "defaults",
)
def test_loss_is_the_objective_at_the_fitted_parameters(parameters, solver, weighted, rng):
    """loss_ is the loss and the penalties of the parameters returned, recomputed from the formulas."""
    X = make_X01(rng, n=230)
    weight = rng.uniform(0.1, 3.0, 230) if weighted else None
    autoencoder = make(solver=solver, max_iter=4, **parameters).fit(X, sample_weight=weight)
    R = autoencoder.reconstruct(X)
    loss = 0.5 * (X - R) ** 2 if autoencoder.visible == "gaussian" else -X * np.log(R) - (1 - X) * np.log(1 - R)
    expected = np.average(loss.sum(axis=1), weights=weight) + penalty_value(autoencoder, X, weight)
    assert type(autoencoder.loss_) is float
    assert autoencoder.loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_lowers_the_loss(solver, rng):
    """Each solver lowers the loss; the curve has an entry for each epoch."""
    autoencoder = make(solver=solver, max_iter=30, n_components=8).fit(make_X(rng, n=200))
    assert autoencoder.loss_curve_.shape == (autoencoder.n_iter_,)
    assert autoencoder.loss_ < autoencoder.loss_curve_[0]
    assert autoencoder.validation_loss_curve_ is None


def test_alpha_zero_is_the_plain_autoencoder(rng):
    """alpha=0 drops the penalty and all that it requires: the two penalties give the same bits."""
    X = make_X(rng)
    plain = make(alpha=0).fit(X)
    assert_same_fit(make(alpha=0, penalty="laplacian").fit(X), plain)
    assert plain.loss_ == pytest.approx(0.5 * plain.reconstruction_error(X).mean(), rel=1e-12)


def test_penalty_contracts(rng):
    """A larger alpha gives a code with a smaller Jacobian."""
    X = make_X(rng, n=200)

    def slope(alpha):
        autoencoder = make(alpha=alpha, solver="lbfgs", max_iter=100).fit(X)
        H = hidden(autoencoder, X)
        return ((H * (1 - H)) ** 2 @ (autoencoder.components_**2).sum(axis=1)).mean()

    assert slope(0.0) > slope(0.3) > slope(3.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tied", [True, False])
def test_unit_constraint(tied, solver, dtype, rng):
    """weight_constraint="unit" leaves decoder rows of length 1, of every solver, in both dtypes."""
    autoencoder = make(weight_constraint="unit", tied_weights=tied, solver=solver).fit(make_X(rng).astype(dtype))
    norms = np.linalg.norm(autoencoder.decoder_components_.astype(float), axis=1)
    assert_allclose(norms, 1.0, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tied", [True, False])
def test_max_constraint(tied, solver, dtype, rng):
    """weight_constraint="max" leaves no decoder row longer than max_norm; without it, some would be."""
    parameters = {"tied_weights": tied, "solver": solver, "alpha": 0, "max_iter": 30}
    X = make_X(rng).astype(dtype)
    autoencoder = make(weight_constraint="max", max_norm=0.3, **parameters).fit(X)
    norms = np.linalg.norm(autoencoder.decoder_components_.astype(float), axis=1)
    assert norms.max() <= 0.3 * (1.0 + 4 * np.finfo(dtype).eps)
    assert norms.max() > 0.2
    free = make(**parameters).fit(X)
    assert np.linalg.norm(free.decoder_components_, axis=1).max() > 0.3


@pytest.mark.parametrize("solver", SOLVERS)
def test_auto_constraint(solver, rng):
    """weight_constraint="auto" is "unit" for an untied model with the contractive penalty only."""
    X = make_X(rng)
    bound = make(tied_weights=False, solver=solver).fit(X)
    assert_same_fit(bound, make(tied_weights=False, solver=solver, weight_constraint="unit").fit(X))
    for parameters in ({"tied_weights": True}, {"tied_weights": False, "alpha": 0}):
        free = make(solver=solver, **parameters).fit(X)
        assert_same_fit(free, make(solver=solver, weight_constraint=None, **parameters).fit(X))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"tied_weights": False}, ["laplacian", "tied_weights=False"]),
        ({"visible": "bernoulli"}, ["laplacian", "bernoulli"]),
        ({"activation": "square"}, ["laplacian", "square"]),
        ({"activation": "modulus"}, ["laplacian", "modulus"]),
        ({"activation": "softmax"}, ["laplacian", "softmax"]),
        ({"activation": "softmax", "penalty": "contractive"}, ["contractive", "softmax"]),
        ({"activation": "max", "penalty": "contractive"}, ["contractive", "max"]),
    ],
    ids=str,
)
def test_penalty_refuses_a_wrong_partner(parameters, words, rng):
    """What a penalty cannot work with is refused as a parameter, in a sentence that names both."""
    autoencoder = make(**{"penalty": "laplacian", **parameters})
    with pytest.raises(InvalidParameterError) as error:
        autoencoder.fit(make_X01(rng))
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "softplus", "relu", "shrink", "satlinear"])
def test_laplacian_penalty_trains_monotone_activations(activation, rng):
    """penalty="laplacian" takes every non-decreasing activation."""
    X = make_X(rng)
    autoencoder = make(penalty="laplacian", activation=activation, threshold=0.1, max_iter=30).fit(X)
    assert np.isfinite(autoencoder.score(X))
    assert autoencoder.loss_ < autoencoder.loss_curve_[0]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"activation": "gelu"}, "gelu.*sigmoid"),
        ({"penalty": "lasso"}, "lasso.*contractive"),
        ({"activation": 3}, "activation"),
        ({"penalty": None}, "penalty"),
        ({"activation": "trec", "threshold": np.inf}, "threshold"),
        ({"threshold": -1.0}, "threshold"),
        ({"alpha": -0.1}, "alpha"),
        ({"n_components": 0}, "n_components"),
        ({"weight_constraint": "none"}, "weight_constraint"),
        ({"solver": "newton"}, "solver"),
        ({"visible": "poisson"}, "visible"),
        ({"encoding": "binary"}, "encoding"),
        ({"init": "random"}, "init"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate_init": 0.0}, "learning_rate_init"),
        ({"momentum": 1.0}, "momentum"),
        ({"max_iter": 0}, "max_iter"),
        ({"random_state": "seed"}, "random_state"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_invalid_parameters(method, parameters, words, rng):
    """A parameter that does not exist is an InvalidParameterError that says what is wrong."""
    autoencoder = make(**parameters)
    with pytest.raises(InvalidParameterError, match=words):
        getattr(autoencoder, method)(make_X(rng))
    assert vars(autoencoder) == make(**parameters).get_params()


@pytest.mark.parametrize("solver", SOLVERS)
def test_numpy_scalars_as_parameters(solver, rng):
    """Parameters that are numpy scalars, as a grid gives them, act as Python's: float32 is not promoted."""
    X = make_X(rng).astype(np.float32)
    numbers = {
        "n_components": 5,
        "alpha": 0.1,
        "l2": 0.01,
        "threshold": 0.1,
        "max_norm": 0.5,
        "learning_rate_init": 0.01,
        "momentum": 0.5,
        "tol": 1e-4,
        "max_iter": 8,
        "batch_size": 30,
        "validation_fraction": 0.2,
        "random_state": 0,
    }
    scalars = {name: np.asarray(value)[()] for name, value in numbers.items()}
    options = {"solver": solver, "activation": "shrink", "weight_constraint": "max", "early_stopping": True}
    autoencoder = make(**options, **scalars).fit(X)
    assert autoencoder.components_.dtype == np.float32
    assert_same_fit(autoencoder, make(**options, **numbers).fit(X))


def test_penalty_instance(rng):
    """A penalty given as an instance acts as its name does; alpha replaces its own strength."""
    X = make_X(rng)
    instance = PENALTIES["laplacian"](alpha=7.0)
    assert_same_fit(make(penalty=instance, alpha=0.2).fit(X), make(penalty="laplacian", alpha=0.2).fit(X))
    assert instance.alpha == 7.0


@pytest.mark.parametrize("init", ["glorot", "data", "pca"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_start(init, solver, rng):
    """Every start trains, wider than the data has rows or rank too."""
    X = make_X(rng, n=7, d=5)[:, [0, 1, 2, 0, 1]]
    autoencoder = make(init=init, solver=solver, n_components=9).fit(X)
    assert autoencoder.components_.shape == (9, 5)
    assert np.linalg.matrix_rank(autoencoder.components_) == 5


# partial_fit


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", STEPPING)
def test_partial_fit_returns_self_and_keeps_the_dtype(solver, dtype, rng):
    """partial_fit returns the estimator, counts its epochs, and float32 stays float32."""
    X = make_X(rng, n=90).astype(dtype)
    autoencoder = make(solver=solver, max_iter=1)
    for number, chunk in enumerate(np.split(X, 3), start=1):
        assert autoencoder.partial_fit(chunk) is autoencoder
        assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) == number
        assert {getattr(autoencoder, name).dtype for name in FITTED} == {np.dtype(dtype)}
    assert autoencoder.validation_loss_curve_ is None
    autoencoder.partial_fit(X.astype(np.float64))
    assert autoencoder.components_.dtype == dtype


@pytest.mark.parametrize("solver", STEPPING)
def test_partial_fit_carries_the_optimiser(solver, rng):
    """The first call is one epoch of fit; the second goes on with the momentum, which a warm start has lost."""
    X = make_X(rng)
    parameters = {"solver": solver, "init": "pca", "learning_rate_init": 0.01, "max_iter": 1}
    carried = make(**parameters).partial_fit(X)
    restarted = make(learning_rate="constant", warm_start=True, **parameters).fit(X)
    assert_array_equal(carried.components_, restarted.components_)
    carried.partial_fit(X)
    restarted.fit(X)
    assert np.abs(carried.components_ - restarted.components_).max() > 1e-4
    together = make(learning_rate="constant", **{**parameters, "max_iter": 2}).fit(X)
    assert_allclose(carried.components_, together.components_, rtol=1e-12)


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("solver", STEPPING)
def test_pickling_between_calls_changes_nothing(solver, random_state, rng):
    """The optimiser and the random stream survive pickling: the next calls give the same bits."""
    X = make_X(rng, n=120)
    autoencoder = make(solver=solver, batch_size=7, random_state=random_state).partial_fit(X)
    twin = pickle.loads(pickle.dumps(autoencoder))
    for chunk in np.split(X, 2):
        assert_same_fit(
            pickle.loads(pickle.dumps(twin.partial_fit(chunk))), autoencoder.partial_fit(chunk), rtol=0, atol=0
        )


def test_partial_fit_draws_new_orders(rng):
    """The random stream goes on: the second epoch does not repeat the order of the first."""
    X = make_X(rng, n=120)
    carried = make(batch_size=5).partial_fit(X).partial_fit(X)
    ordered = make(batch_size=5, shuffle=False).partial_fit(X).partial_fit(X)
    assert np.abs(carried.components_ - ordered.components_).max() > 1e-6
    assert_same_fit(make(batch_size=5).partial_fit(X).partial_fit(X), carried)


@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_merges_the_moments(weighted, rng):
    """mean_, var_ and n_samples_seen_ of unequal chunks are those of the whole."""
    X = 100.0 + make_X(rng, n=100)
    weight = rng.integers(0, 4, 100) if weighted else np.ones(100)
    autoencoder = make()
    for rows in np.split(np.arange(100), [1, 2, 30, 97]):
        if weight[rows].any():
            autoencoder.partial_fit(X[rows], sample_weight=weight[rows] if weighted else None)
    assert autoencoder.n_samples_seen_ == weight.sum()
    mean = np.average(X, axis=0, weights=weight)
    assert_allclose(autoencoder.mean_, mean, rtol=1e-12)
    assert_allclose(autoencoder.var_, np.average((X - mean) ** 2, axis=0, weights=weight), rtol=1e-10)


def test_partial_fit_is_absent_with_lbfgs(rng):
    """L-BFGS has no steps to continue: hasattr says so, and tools that look for partial_fit do not find it."""
    assert not hasattr(make(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        make(solver="lbfgs").partial_fit(make_X(rng))


def test_partial_fit_refuses_early_stopping(rng):
    """partial_fit sees no validation set, and says so."""
    with pytest.raises(ValueError, match=r"early_stopping must be False"):
        make(early_stopping=True).partial_fit(make_X(rng))


@pytest.mark.parametrize("after", [{"solver": "sgd"}, {"learning_rate_init": 1e-4}, {"momentum": 0.5}, {"alpha": 1.0}])
@pytest.mark.parametrize("before", STEPPING)
def test_parameters_change_between_calls(before, after, rng):
    """A solver, rate or penalty changed between two calls is used from then on."""
    X = make_X(rng)
    autoencoder = make(solver=before).partial_fit(X).set_params(**after).partial_fit(X)
    assert np.isfinite(autoencoder.components_).all()
    assert autoencoder.n_iter_ == 2


def test_a_lower_rate_takes_shorter_steps(rng):
    """learning_rate_init set between two calls is obeyed by the second."""
    X = make_X(rng)
    start = make(learning_rate_init=0.01).partial_fit(X)

    def step(rate):
        after = copy.deepcopy(start).set_params(learning_rate_init=rate).partial_fit(X)
        return np.linalg.norm(after.components_ - start.components_)

    assert step(1e-4) == pytest.approx(1e-2 * step(1e-2), rel=1e-6)


def test_partial_fit_after_fit(rng):
    """partial_fit goes on where fit ended."""
    X = make_X(rng)
    autoencoder = make(max_iter=30, learning_rate_init=0.03).fit(X)
    components, loss = autoencoder.components_.copy(), autoencoder.loss_
    autoencoder.set_params(learning_rate_init=1e-5).partial_fit(X)
    assert autoencoder.loss_ == pytest.approx(loss, rel=1e-2)
    assert_allclose(autoencoder.components_, components, atol=1e-3)
    assert autoencoder.n_samples_seen_ == 120


def test_partial_fit_refuses_another_number_of_components(rng):
    """n_components changed between calls is refused in a sentence with both shapes."""
    X = make_X(rng)
    autoencoder = make().partial_fit(X).set_params(n_components=7)
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(7, 5\)"):
        autoencoder.partial_fit(X)


# warm_start


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_continues(solver, rng):
    """With warm_start a fit starts from the fitted parameters, without it afresh."""
    X = make_X(rng)
    autoencoder = make(solver=solver, max_iter=20, warm_start=True).fit(X)
    first, loss = autoencoder.loss_curve_, autoencoder.loss_
    autoencoder.fit(X)
    assert autoencoder.loss_curve_[0] == pytest.approx(loss, rel=0.1)
    assert autoencoder.loss_curve_[0] < first[0]
    autoencoder.set_params(warm_start=False).fit(X)
    assert_allclose(autoencoder.loss_curve_, first, rtol=1e-12)


def test_warm_start_refuses_another_width(rng):
    """Fitted parameters of another shape are refused with both shapes, and kept."""
    X = make_X(rng)
    autoencoder = make(warm_start=True).fit(X)
    components = autoencoder.components_
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(6, 5\)"):
        autoencoder.set_params(n_components=6).fit(X)
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(4, 3\)"):
        autoencoder.set_params(n_components=4).fit(X[:, :3])
    assert autoencoder.components_ is components
    assert autoencoder.n_features_in_ == 5


def test_warm_start_meets_a_new_constraint(rng):
    """A warm start from free rows ends in rows that meet the constraint set since."""
    X = make_X(rng)
    autoencoder = make(warm_start=True, max_iter=1).fit(X).set_params(weight_constraint="unit").fit(X)
    assert_allclose(np.linalg.norm(autoencoder.components_, axis=1), 1.0, rtol=1e-12)


# sample_weight


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("solver", "method"), TRAINING)
def test_zero_weight_is_an_absent_row(solver, kind, method, rng):
    """Rows of weight zero change no bit."""
    X, weight = make_X(rng, n=150), rng.uniform(0.5, 2.0, 150)
    weight[::3] = 0.0
    all_rows = getattr(make(solver=solver, batch_size=20), method)(kind(X), sample_weight=weight)
    kept = weight > 0.0
    fewer_rows = getattr(make(solver=solver, batch_size=20), method)(kind(X[kept]), sample_weight=weight[kept])
    assert_same_fit(all_rows, fewer_rows)


@pytest.mark.parametrize("init", ["glorot", "pca"])
@pytest.mark.parametrize("penalty", ["contractive", "laplacian"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_integer_weights_are_repeated_rows(solver, penalty, init, rng):
    """A row of weight 3 is three rows, in one batch."""
    X, weight = make_X(rng), rng.integers(0, 4, 60)
    parameters = {"solver": solver, "penalty": penalty, "init": init, "batch_size": 1000, "l2": 0.01}
    weighted = make(**parameters).fit(X, sample_weight=weight)
    repeated = make(**parameters).fit(np.repeat(X, weight, axis=0))
    assert weighted.n_samples_seen_ == repeated.n_samples_seen_ == weight.sum()
    assert_same_fit(weighted, repeated, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_integer_weights_are_repeated_rows_in_float32(solver, rng):
    """In float32 a row of weight 3 is three rows up to rounding, which training does not amplify."""
    X, weight = make_X(rng).astype(np.float32), rng.integers(0, 4, 60)
    weighted = make(solver=solver, batch_size=1000).fit(X, sample_weight=weight)
    repeated = make(solver=solver, batch_size=1000).fit(np.repeat(X, weight, axis=0))
    assert_same_fit(weighted, repeated, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_count_relative_to_each_other(solver, scale, rng):
    """A common factor of all weights changes nothing but n_samples_seen_."""
    X, weight = make_X(rng, n=150), rng.uniform(0.5, 2.0, 150)
    scaled = make(solver=solver).fit(X, sample_weight=scale * weight)
    assert_allclose(scaled.components_, make(solver=solver).fit(X, sample_weight=weight).components_, rtol=1e-9)
    assert scaled.n_samples_seen_ == pytest.approx(scale * weight.sum())


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_of_one_are_none(solver, rng):
    """Unit weights are no weights."""
    X = make_X(rng, n=150)
    none = make(solver=solver).fit(X)
    assert_same_fit(make(solver=solver).fit(X, sample_weight=np.ones(150)), none, rtol=1e-8, atol=1e-10)


# Sparse input


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_sparse_fit_is_the_dense_fit(solver, dtype, early_stopping, rng):
    """A fit on CSR rows is the fit on the array, and leaves them as they were."""
    X = make_X(rng, n=150).astype(dtype)
    X[X < 0.3] = 0.0
    S = sparse.csr_matrix(X)
    parameters = {"solver": solver, "batch_size": 20, "early_stopping": early_stopping}
    assert_same_fit(make(**parameters).fit(S), make(**parameters).fit(X), rtol=1e-12)
    assert_array_equal(S.toarray(), X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array", "coo_array"])
def test_sparse_predictions_are_the_dense_ones(kind, dtype, rng):
    """Every prediction takes sparse rows, in any format."""
    X = make_X01(rng).astype(dtype)
    X[X < 0.4] = 0.0
    for visible in ("gaussian", "bernoulli"):
        autoencoder = make(visible=visible).partial_fit(getattr(sparse, kind)(X))
        dense = predictions(autoencoder, X)
        for name, result in predictions(autoencoder, getattr(sparse, kind)(X)).items():
            assert_array_equal(result, dense[name], err_msg=name)


# Early stopping


def overfitting(**parameters):
    """An autoencoder that overfits within a few epochs, at a constant rate."""
    return make(
        **{
            "n_components": 40,
            "alpha": 0,
            "activation": "tanh",
            "early_stopping": True,
            "n_iter_no_change": 10,
            "validation_fraction": 0.4,
            "learning_rate": "constant",
            "learning_rate_init": "auto" if parameters["solver"] == "sgd" else 0.05,
            "max_iter": 80,
            **parameters,
        }
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_returns_the_best_parameters(solver, rng):
    """The parameters returned are those of the epoch with the lowest validation loss, not of the last."""
    X = rng.standard_normal((20, 15))
    autoencoder = overfitting(solver=solver).fit(X)
    curve = autoencoder.validation_loss_curve_
    assert curve.shape == autoencoder.loss_curve_.shape == (autoencoder.n_iter_,)
    best = int(np.argmin(curve)) + 1
    assert best < len(curve) == autoencoder.n_iter_ <= 80
    stopped_there = overfitting(solver=solver, max_iter=best).fit(X)
    assert_array_equal(stopped_there.validation_loss_curve_, curve[:best])
    assert_array_equal(stopped_there.components_, autoencoder.components_)
    assert stopped_there.loss_ == autoencoder.loss_


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_waits_for_n_iter_no_change(solver, rng):
    """Training ends n_iter_no_change epochs after the validation loss last fell by tol."""
    X = rng.standard_normal((20, 15))
    autoencoder = overfitting(solver=solver, n_iter_no_change=3, tol=1e-3).fit(X)
    best, stalled = np.inf, []
    for loss in autoencoder.validation_loss_curve_:
        stalled.append(not loss < best - 1e-3 * abs(best) if np.isfinite(best) else False)
        best = min(best, loss)
    assert stalled[-3:] == [True, True, True]
    assert "TrueTrueTrue" not in "".join(map(str, stalled[:-1]))


def test_early_stopping_without_tol_keeps_the_best(rng):
    """tol=0 runs all epochs, and still returns the best parameters."""
    X = rng.standard_normal((20, 15))
    autoencoder = overfitting(solver="adam", tol=0.0).fit(X)
    assert autoencoder.n_iter_ == 80
    assert np.argmin(autoencoder.validation_loss_curve_) < 79
    best = overfitting(solver="adam", tol=0.0, max_iter=int(np.argmin(autoencoder.validation_loss_curve_)) + 1).fit(X)
    assert_array_equal(best.components_, autoencoder.components_)


def test_early_stopping_needs_rows_to_train_on(rng):
    """A validation fraction that leaves no row to train on is refused in a sentence."""
    with pytest.raises(ValueError, match=r"validation_fraction.*leaves none"):
        make(early_stopping=True, validation_fraction=0.9).fit(make_X(rng, n=3))


# verbose


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_verbose_prints_a_line_an_epoch(solver, early_stopping, rng, capsys):
    """verbose=1 prints one line an epoch, with its number and loss."""
    autoencoder = make(solver=solver, verbose=1, early_stopping=early_stopping).fit(make_X(rng))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == autoencoder.n_iter_
    for number, (line, loss) in enumerate(zip(lines, autoencoder.loss_curve_, strict=True), start=1):
        assert line.startswith("[ContractiveAutoencoder]")
        assert f"epoch {number}: loss {loss:.6g}" in line
        assert ("validation" in line) == early_stopping


@pytest.mark.parametrize(("activation", "threshold"), [("relu", 0.0), ("sigmoid", 0.1), ("tanh", 0.1)])
def test_verbose_prints_the_share_of_active_codes(activation, threshold, rng, capsys):
    """On the last line it is the metric's, of the fitted model on its training rows."""
    X = make_X(rng)
    autoencoder = make(activation=activation, alpha=0.0, verbose=1).fit(X)
    share = activation_fraction(autoencoder, X, threshold=threshold)
    assert 0.05 < share < 0.99
    assert f", {share:.1%} of the codes active, " in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_silent_by_default(solver, rng, capfd):
    """verbose=0 prints nothing, to neither stream, from compiled code neither."""
    autoencoder = make(solver=solver).fit(make_X(rng))
    predictions(autoencoder, make_X(rng))
    if solver in STEPPING:
        autoencoder.partial_fit(make_X(rng))
    assert capfd.readouterr() == ("", "")


# Life with scikit-learn


@pytest.mark.parametrize("activation", ["sigmoid", Softsign()], ids=["name", "instance"])
def test_grid_search_without_labels(activation, rng):
    """GridSearchCV over alpha needs no labels; an activation defined elsewhere reaches the worker processes."""
    X = StandardScaler().fit_transform(make_X(rng, n=90))
    grid = {"alpha": [0.0, 0.1, 100.0]}
    search = GridSearchCV(make(activation=activation, solver="lbfgs", max_iter=30), grid, n_jobs=2, cv=3).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_params_["alpha"] != 100.0
    serial = GridSearchCV(make(activation=activation, solver="lbfgs", max_iter=30), grid, cv=3).fit(X)
    assert_allclose(scores, serial.cv_results_["mean_test_score"], rtol=1e-6)


def test_new_activation_obeys_the_identities(rng):
    """An activation given as an instance is one like the others: the field is the gradient of the score."""
    X = make_X(rng)
    autoencoder = make(activation=Softsign(), encoding="linear").fit(X)
    assert_allclose(gradient_of_score(autoencoder, X), autoencoder.vector_field(X), rtol=1e-5, atol=1e-6)
    assert_allclose(autoencoder.inverse_transform(autoencoder.transform(X)), autoencoder.reconstruct(X), rtol=1e-12)


def test_pipeline():
    """A pipeline with a classifier learns, and passes score_samples, inverse_transform and names through."""
    X, y = load_digits(n_class=3, return_X_y=True)
    frame = pd.DataFrame(X / 16.0, columns=[f"pixel{j}" for j in range(64)])
    features = make_pipeline(StandardScaler(), make(n_components=16))
    model = make_pipeline(features, LogisticRegression()).fit(frame[::2], y[::2])
    assert model.predict(frame).shape == y.shape
    assert model.score(frame[1::2], y[1::2]) > 1 / 3
    assert features.score_samples(frame).shape == y.shape
    assert features.inverse_transform(features.transform(frame)).shape == frame.shape
    assert features.get_feature_names_out().tolist() == [f"contractiveautoencoder{k}" for k in range(16)]


@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output(container, frame, rng):
    """transform and fit_transform give data frames with the names of get_feature_names_out."""
    X = make_X(rng)
    autoencoder = make().set_output(transform=container)
    for result in (autoencoder.fit_transform(X), autoencoder.transform(X)):
        assert isinstance(result, frame)
        assert list(result.columns) == list(autoencoder.get_feature_names_out())
        assert_array_equal(result.to_numpy(), autoencoder.set_output(transform="default").transform(X))
        autoencoder.set_output(transform=container)
    assert isinstance(autoencoder.reconstruct(X), np.ndarray)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame, rng):
    """Names of columns are kept from fit, and predictions on a frame are those on its array."""
    X = make_X(rng)
    table = frame({name: X[:, j] for j, name in enumerate("abcde")})
    autoencoder = make().fit(table)
    # scikit-learn 1.7 does not see the names of the newest polars: what its own transformer keeps is right.
    names, expected_names = (
        getattr(each, "feature_names_in_", None) for each in (autoencoder, StandardScaler().fit(table))
    )
    assert_array_equal(names, expected_names)
    assert autoencoder.n_features_in_ == 5
    by_array = make().fit(X)
    assert not hasattr(by_array, "feature_names_in_")
    expected = predictions(by_array, X)
    for name, result in predictions(autoencoder, table).items():
        assert_allclose(result, expected[name], rtol=1e-7, atol=1e-9, err_msg=name)


def test_refit_forgets_the_names(rng):
    """A refit without names, of another width, leaves nothing of the first."""
    X = make_X(rng)
    autoencoder = (
        make(tied_weights=False)
        .fit(pd.DataFrame(X, columns=list("abcde")))
        .partial_fit(pd.DataFrame(X, columns=list("abcde")))
    )
    autoencoder.set_params(tied_weights=True).fit(X[:, :3])
    assert not hasattr(autoencoder, "feature_names_in_")
    assert_same_fit(autoencoder, make().fit(X[:, :3]))
    assert autoencoder.decoder_components_ is autoencoder.components_


# Randomness


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("random_state", [0, None, "RandomState"])
@pytest.mark.parametrize("solver", STEPPING)
def test_global_random_state_is_untouched(solver, random_state, method, rng):
    """Training and scoring neither read nor move numpy's global generator."""
    state = np.random.RandomState(3) if random_state == "RandomState" else random_state
    X = make_X(rng, n=150)
    before = np.random.get_state()  # noqa: NPY002
    autoencoder = getattr(make(solver=solver, random_state=state, batch_size=20), method)(X)
    autoencoder.score(X)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_seed_gives_the_same_bits(solver, early_stopping, rng):
    """The same integer gives the same bits, another one others."""
    X = make_X(rng, n=150)
    parameters = {"solver": solver, "batch_size": 20, "early_stopping": early_stopping}
    first = make(**parameters).fit(X)
    assert_same_fit(make(**parameters).fit(X), first)
    assert_same_fit(first, copy.deepcopy(first).fit(X))
    assert np.abs(make(**{**parameters, "random_state": 1}).fit(X).components_ - first.components_).max() > 1e-3


def test_random_state_instances_move_on(rng):
    """A RandomState gives a new fit at each call, the same for the same seed; None a new one always."""
    X = make_X(rng)
    state = np.random.RandomState(5)
    first, second = make(random_state=state).fit(X), make(random_state=state).fit(X)
    assert np.abs(first.components_ - second.components_).max() > 1e-3
    assert_same_fit(make(random_state=np.random.RandomState(5)).fit(X), first)
    a, b = make(random_state=None).fit(X), make(random_state=None).fit(X)
    assert np.abs(a.components_ - b.components_).max() > 1e-3


def test_shuffle(rng):
    """shuffle=False takes the rows in their order: the epochs differ from shuffled ones."""
    X = make_X(rng, n=150)
    ordered = make(shuffle=False, batch_size=10).fit(X)
    assert np.abs(ordered.components_ - make(batch_size=10).fit(X).components_).max() > 1e-6


def test_constructor_sets_and_nothing_more():
    """__init__ keeps what it is given, unvalidated, so that clone and set_params work."""
    parameters = {name: object() for name in ContractiveAutoencoder().get_params()}
    assert vars(ContractiveAutoencoder(**parameters)) == parameters


@pytest.mark.parametrize("chunk", [1, 10, 100])
def test_partial_fit_weighs_chunk_by_chunk(chunk):
    """Rows of weight 9 pull nine times as much as rows of weight 1, also where a chunk has one weight only."""
    X = np.tile([[0.0], [10.0]], (500, 1))
    weight = np.where(X[:, 0] > 5.0, 9.0, 1.0)
    order = np.argsort(X[:, 0], kind="stable").reshape(2, -1, min(chunk, 100)).transpose(1, 0, 2).reshape(-1)
    sgd = {"solver": "sgd", "learning_rate_init": 0.01 * min(chunk, 10), "momentum": 0.0}
    autoencoder = make(n_components=1, activation="max", alpha=0.0, **sgd)
    for start in range(0, 1000, chunk):
        rows = order[start : start + chunk]
        autoencoder.partial_fit(X[rows], sample_weight=weight[rows])
    assert autoencoder.mean_[0] == pytest.approx(9.0)
    assert autoencoder.reconstruct([[1.0]])[0, 0] == pytest.approx(9.0, abs=1.0)


def test_partial_fit_after_a_change_of_tying_is_a_fresh_start_of_the_optimiser(rng):
    """The state of the optimiser does not fit any more; the parameters go on."""
    X = make_X(rng)
    autoencoder = make().partial_fit(X)
    for tied in (False, True):
        autoencoder.set_params(tied_weights=tied).partial_fit(X)
        assert np.isfinite(autoencoder.components_).all()
    assert autoencoder.decoder_components_ is autoencoder.components_


def test_a_scaler_that_misses_one_by_rounding_is_accepted():
    """MinMaxScaler returns 1 + 2e-16; bernoulli units take it."""
    X = np.random.default_rng(0).random((50, 3))
    X[3, 1] = 1.0 + 2.2e-16
    assert np.isfinite(make(visible="bernoulli").fit(X).score_samples(X)).all()


def test_a_refused_combination_draws_no_random_number(rng):
    """The parameters are refused before the data are read."""
    random_state = np.random.RandomState(0)
    before = random_state.get_state()[2]
    with pytest.raises(ValueError, match="laplacian"):
        make(penalty="laplacian", tied_weights=False, random_state=random_state).fit(make_X(rng))
    assert random_state.get_state()[2] == before


def test_warm_start_with_early_stopping_keeps_what_was_better(rng):
    """The parameters that a warm start begins with are candidates too."""
    X = make_X(rng, n=200)
    autoencoder = make(early_stopping=True, max_iter=200, warm_start=True).fit(X)
    best = min(autoencoder.validation_loss_curve_)
    autoencoder.set_params(learning_rate_init=5.0, max_iter=3, batch_size=20).fit(X)
    assert autoencoder.loss_ < 2.0 * best


def test_weights_of_zero_do_not_copy_the_data(tmp_path):
    """The memory of a fit does not grow with a memmap's rows, also where some do not count."""
    X = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=(40_000, 100))
    X[:] = np.random.default_rng(0).standard_normal(X.shape)
    weight = np.ones(len(X))
    weight[3] = 0.0
    tracemalloc.start()
    make(max_iter=1).fit(X, sample_weight=weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6  # the data hold 16 MB


def test_wide_sparse_rows_are_not_densified_together():
    """The start and each block see a bounded number of elements."""
    X = sparse.random(1500, 20_000, density=1e-3, format="csr", dtype=np.float32, random_state=0)
    tracemalloc.start()
    make(max_iter=1, batch_size=50).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # 120 MB if all rows were dense
