"""ContractiveAutoencoder: its penalties and its score; what all autoencoders share, shown in their oldest."""

import dataclasses
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from autoencoders import SOLVERS, assert_same_fit, predictions
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ContractiveAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.activations import Activation, as_activation
from skae.metrics import activation_fraction
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import PENALTIES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMOOTH = ["identity", "sigmoid", "tanh", "softplus", "square", "synchrony", "softmax"]


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
def test_bernoulli_score_has_the_logit_field_as_gradient(activation, rng):
    """Tied and bernoulli: grad E(x) = logit r(x) - logit x (ENERGY eq. 28)."""
    X = make_X01(rng)
    autoencoder = make_plain(activation, visible="bernoulli").fit(X)
    expected = logit(autoencoder.reconstruct(X)) - logit(X)
    assert_allclose(gradient_of_score(autoencoder, X), expected, rtol=1e-6, atol=1e-7)


def test_bernoulli_score_at_zero_and_one(rng):
    """0 log 0 is 0: binary rows have a finite energy, c.x + sum softplus(u), as in an RBM."""
    X = (make_X01(rng) > 0.5).astype(float)
    autoencoder = make(visible="bernoulli").fit(X)
    U = X @ autoencoder.components_.T + autoencoder.intercept_hidden_
    expected = X @ autoencoder.intercept_visible_ + np.logaddexp(0.0, U).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-12)


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
        ({"penalty": "lasso"}, "lasso.*contractive"),
        ({"penalty": None}, "penalty"),
        ({"activation": "gelu"}, "gelu.*sigmoid"),
        ({"activation": "trec", "threshold": np.inf}, "threshold"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_penalty_or_unit_that_does_not_exist_is_refused(method, parameters, words, rng):
    """In a sentence that says what there is, or what is wrong, and nothing is set."""
    autoencoder = make(**parameters)
    with pytest.raises(InvalidParameterError, match=words):
        getattr(autoencoder, method)(make_X(rng))
    assert vars(autoencoder) == make(**parameters).get_params()


def test_penalty_instance(rng):
    """A penalty given as an instance acts as its name does; alpha replaces its own strength."""
    X = make_X(rng)
    instance = PENALTIES["laplacian"](alpha=7.0)
    assert_same_fit(make(penalty=instance, alpha=0.2).fit(X), make(penalty="laplacian", alpha=0.2).fit(X))
    assert instance.alpha == 7.0


# partial_fit


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


# verbose


@pytest.mark.parametrize(("activation", "threshold"), [("relu", 0.0), ("sigmoid", 0.1), ("tanh", 0.1)])
def test_verbose_prints_the_share_of_active_codes(activation, threshold, rng, capsys):
    """On the last line it is the metric's, of the fitted model on its training rows."""
    X = make_X(rng)
    autoencoder = make(activation=activation, alpha=0.0, verbose=1).fit(X)
    share = activation_fraction(autoencoder, X, threshold=threshold)
    assert 0.05 < share < 0.99
    assert f", {share:.1%} of the codes active, " in capsys.readouterr().out.splitlines()[-1]


# Life with scikit-learn


def test_grid_search_in_processes(rng):
    """An activation defined elsewhere reaches the worker processes, and the scores are those of one process."""
    X = StandardScaler().fit_transform(make_X(rng, n=90))
    grid = {"alpha": [0.0, 0.1, 100.0]}
    search = GridSearchCV(make(activation=Softsign(), solver="lbfgs", max_iter=30), grid, n_jobs=2, cv=3).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_params_["alpha"] != 100.0
    serial = GridSearchCV(make(activation=Softsign(), solver="lbfgs", max_iter=30), grid, cv=3).fit(X)
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


def test_wide_sparse_rows_are_not_densified_together():
    """The start and each block see a bounded number of elements."""
    X = sparse.random(1500, 20_000, density=1e-3, format="csr", dtype=np.float32, random_state=np.random.default_rng(0))
    tracemalloc.start()
    make(max_iter=1, batch_size=50).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # 120 MB if all rows were dense


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_negative_alpha_makes_the_code_steeper(activation, solver, rng):
    """A negative alpha rewards a steep code, and unit rows bound the loss from below."""
    X, alpha = make_X(rng), -1.5
    bound = alpha * 8 * (1.0 / 16.0 if activation == "sigmoid" else 1.0)
    unit = {"n_components": 8, "activation": activation, "weight_constraint": "unit", "solver": solver, "max_iter": 100}

    def slope(fitted):
        h = fitted.transform(X)
        return np.mean(h * (1.0 - h) if activation == "sigmoid" else 1.0 - h**2)

    rewarded, plain = (make(alpha=each, **unit).fit(X) for each in (alpha, 0.0))
    assert slope(rewarded) > slope(plain)
    assert bound <= rewarded.loss_ < plain.loss_
    assert_allclose(np.linalg.norm(rewarded.components_, axis=1), 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight_constraint": "auto"},
        {"weight_constraint": None},
        {"tied_weights": False},
        {"activation": "relu"},
        {"activation": Softsign()},
        {"penalty": "laplacian"},
    ],
    ids=str,
)
def test_negative_alpha_is_refused_where_nothing_bounds_the_objective(wrong, rng):
    """The error says what was got, and what a negative alpha needs."""
    autoencoder = make(**{"alpha": -0.5, "weight_constraint": "max", **wrong})
    with pytest.raises(InvalidParameterError, match=r"alpha .*must be >= 0, got -0\.5") as caught:
        autoencoder.fit(make_X(rng))
    if "penalty" not in wrong:
        ((name, value),) = wrong.items()
        assert f"{name}={value!r}" in str(caught.value)


@pytest.mark.parametrize(("constant", "alpha"), [(False, -0.7), (True, -0.01)])
def test_a_negative_alpha_has_no_lower_bound_with_free_weights(constant, alpha, rng):
    """The argument of the docstring: one unit at a corner of the data, or along a constant direction."""
    X = make_X(rng)
    X[:, 0] = 1.0 if constant else X[:, 0]
    at, p = np.argmax(X[:, 0]), 0.01
    layout = Layout(W=(1, 5), b=(1,), c=(5,))
    objective = Reconstruction(layout, as_activation("sigmoid"), penalties=[PENALTIES["contractive"](alpha)])
    values = []
    for s in (1e3, 1e4, 1e5):
        W = np.zeros((1, 5))
        W[0, 0] = s
        c = X.mean(axis=0) - constant * p * W[0]
        values.append(objective.value(layout.pack(np.float64, W=W, b=logit(p) - W @ X[at], c=c), X))
    assert values[0] > values[1] > values[2]
    assert values[2] < -1e2
