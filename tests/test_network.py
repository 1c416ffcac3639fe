"""Fine-tuned networks: their objective, their encoder, and the two estimators."""

import dataclasses
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    FineTunedClassifier,
    FineTunedRegressor,
    PCAWhitener,
    ZeroBiasAutoencoder,
)
from skae.activations import ACTIVATIONS, as_activation
from skae.network._encoder import Encoder
from skae.network._output import STRENGTHS, _LinearModel, _Rows
from skae.network._rows import Rows
from skae.objectives import OUTPUT_LOSSES, Layer, Network, network_layout
from skae.parameters import MaxNorm, UnitNorm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ENCODINGS = ("natural", "rectified", "rectified_bias", "linear")
BOTH = (FineTunedClassifier, FineTunedRegressor)


@pytest.fixture(scope="module")
def digits():
    """Return digits and their classes."""
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


def autoencoder(**parameters):
    """Return a small autoencoder that is trained briefly."""
    return ContractiveAutoencoder(**{"n_components": 12, "max_iter": 5, "random_state": 0, **parameters})


def small(make=FineTunedClassifier, encoder=None, **parameters):
    """Return a small network that is trained briefly."""
    encoder = autoencoder() if encoder is None else encoder
    return make(encoder, **{"max_iter": 5, "random_state": 0, **parameters})


# ------------------------------------------------------------------ objective


def network(rng, layers, loss="log_loss", n_features=6, n_outputs=3, **options):
    """Return a network of the layers with random parameters."""
    sizes = range(4, 4 + len(layers))
    layout = network_layout(n_features, sizes, [layer.uses_bias for layer in layers], n_outputs)
    objective = Network(layout, layers, loss=loss, **options)
    return objective, rng.standard_normal(layout.size)


def target_of(loss, rng, n=15, n_outputs=3):
    """Return targets for a loss."""
    return rng.standard_normal((n, n_outputs)) if loss == "squared_error" else rng.integers(n_outputs, size=n)


def assert_gradient(objective, theta, X, target, weight, atol=1e-6):
    """Assert that the gradient equals finite differences, and that all values agree."""
    value, grad = objective.value_and_grad(theta, X, target, weight)
    assert objective.value(theta, X, target, weight) == pytest.approx(value, rel=1e-12)
    numeric, step = np.empty_like(theta), 1e-5
    for i in range(theta.size):
        moved = theta.copy()
        moved[i] += step
        above = objective.value(moved, X, target, weight)
        moved[i] -= 2.0 * step
        numeric[i] = (above - objective.value(moved, X, target, weight)) / (2.0 * step)
    assert_allclose(grad, numeric, rtol=1e-6, atol=atol * max(1.0, np.abs(grad).max()))


@pytest.mark.parametrize("loss", list(OUTPUT_LOSSES))
@pytest.mark.parametrize("encodings", [(), *((each,) for each in ENCODINGS), ("linear", "natural", "rectified")])
@pytest.mark.parametrize("seed", [None, 3])
def test_gradient(loss, encodings, seed, rng):
    layers = [Layer(as_activation("softplus"), each, 0.4) for each in encodings]
    objective, theta = network(rng, layers, loss, l2=0.1)
    target = target_of(loss, rng)
    X, weight = rng.standard_normal((15, 6)), rng.random(15)
    assert_gradient(objective, theta, X, target if seed is None else (target, seed), weight)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"max"}))
def test_gradient_of_each_activation(name, rng):
    objective, theta = network(rng, [Layer(as_activation(name))])
    X = rng.standard_normal((15, 6))
    U = X @ objective.layout.views(theta)["W1"].T + objective.layout.views(theta)["b1"]
    kinks = np.asarray(as_activation(name).kinks)
    if kinks.size:  # a finite difference must not step over one
        assert np.abs(U[..., None] - kinks).min() > 1e-4
    assert_gradient(objective, theta, X, target_of("log_loss", rng), None)


@pytest.mark.parametrize("loss", list(OUTPUT_LOSSES))
def test_value_is_the_weighted_mean_of_parts(loss, rng):
    objective, theta = network(rng, [Layer(as_activation("tanh")), Layer(as_activation("relu"))], loss, l2=0.3)
    X, weight, target = rng.standard_normal((15, 6)), rng.random(15) + 0.1, target_of(loss, rng)
    whole, grad = objective.value_and_grad(theta, X, target, weight)
    parts = [objective.value_and_grad(theta, X[s], target[s], weight[s]) for s in (slice(4), slice(4, 15))]
    shares = np.array([weight[:4].sum(), weight[4:].sum()]) / weight.sum()
    assert_allclose(shares @ [value for value, _ in parts], whole)
    assert_allclose(sum(s * g for s, (_, g) in zip(shares, parts, strict=True)), grad, atol=1e-12)


def test_losses_by_hand():
    layout = network_layout(2, (), (), 3)
    theta = layout.pack(float, O=[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], o=[0.0, 0.0, 0.5])
    X = np.array([[2.0, -1.0]])  # scores 2, -1, 0.5

    def value(loss, target):
        return Network(layout, (), loss=loss).value(theta, X, np.array(target))

    assert value("log_loss", [0]) == pytest.approx(np.log(np.exp([2.0, -1.0, 0.5]).sum()) - 2.0)
    assert value("squared_hinge", [2]) == pytest.approx(3.0**2 + 0.0**2 + 0.5**2)
    assert value("squared_error", [[1.0, -1.0, 1.5]]) == pytest.approx(0.5 * (1.0 + 0.0 + 1.0))


def test_sparse_rows(rng):
    layers = [Layer(as_activation("sigmoid")), Layer(as_activation("relu"), "linear")]
    objective, theta = network(rng, layers, l2=0.1)
    X, y = sparse.random(20, 6, density=0.3, format="csc", random_state=0), rng.integers(3, size=20)
    value, grad = objective.value_and_grad(theta, X.toarray(), y)
    by_columns = Network(objective.layout.by_columns(), layers, l2=0.1)
    found, own = by_columns.value_and_grad(by_columns.layout.rearranged(theta, objective.layout), X, y)
    assert found == pytest.approx(value)
    assert_allclose(objective.layout.rearranged(own, by_columns.layout), grad, atol=1e-12)


def test_dropout_of_a_seed(rng):
    """It drops its share, keeps the mean, and is the same for the same seed; without a seed, nothing is dropped."""
    layout = network_layout(1, (2000,), (False,), 1)
    objective = Network(layout, [Layer(as_activation("identity"), "linear", 0.25)], loss="squared_error")
    theta = layout.pack(float, W1=np.ones((2000, 1)), O=np.full((1, 2000), 1.0 / 2000), o=[0.0])
    X, zero = np.ones((50, 1)), np.zeros((50, 1))
    assert objective.value(theta, X, zero) == pytest.approx(0.5)
    assert objective.value(theta, X, (zero, 1)) == objective.value(theta, X, (zero, 1))
    assert objective.value(theta, X, (zero, 1)) != objective.value(theta, X, (zero, 2))
    # score = (number kept) / (0.75 * 2000), with mean 1 and variance 0.25 / (0.75 * 2000)
    value = 2.0 * objective.value(theta, X, (zero, 1))
    assert value == pytest.approx(1.0, abs=6.0 * 2.0 * np.sqrt(0.25 / 1500.0 / 50.0))


def test_constraints_on_several_blocks(rng):
    objective, theta = network(rng, [Layer(as_activation("tanh"))], constraints=[MaxNorm("W1", 0.5), UnitNorm("O")])
    objective.project(theta)
    blocks = objective.layout.views(theta)
    assert np.linalg.norm(blocks["W1"], axis=1).max() <= 0.5 + 1e-12
    assert_allclose(np.linalg.norm(blocks["O"], axis=1), 1.0)
    X, y = rng.standard_normal((15, 6)), rng.integers(3, size=15)
    v = objective.unconstrain(theta)
    v += 0.1 * rng.standard_normal(v.size)
    grad = objective.vjp(v, objective.value_and_grad(objective.constrain(v), X, y)[1])
    step = 1e-6 * rng.standard_normal(v.size)
    change = objective.value(objective.constrain(v + step), X, y) - objective.value(objective.constrain(v - step), X, y)
    assert change == pytest.approx(2.0 * grad @ step, rel=1e-4)


# ------------------------------------------------------------------ encoder

PIPELINES = (
    lambda: autoencoder(),
    lambda: make_pipeline(autoencoder(), autoencoder(n_components=5, encoding="linear")),
    lambda: make_pipeline(
        PCAWhitener(0.9, whiten=None),
        ZeroBiasAutoencoder(10, max_iter=3),
        autoencoder(n_components=4, encoding="rectified"),
        DenoisingAutoencoder(6, max_iter=3, activation="relu"),
    ),
    lambda: make_pipeline("passthrough", make_pipeline(StandardScaler(), autoencoder(encoding="rectified_bias"))),
    lambda: autoencoder(hidden_bias=False),
    lambda: make_pipeline(FrozenEstimator(autoencoder().fit(load_digits().data[:400] / 16)), autoencoder()),
)


@pytest.mark.parametrize("make", PIPELINES)
def test_fine_tuning_changes_all_layers_and_the_encoder_is_usable(make, digits):
    X, y = digits
    given = make()
    classifier = FineTunedClassifier(given, max_iter=5, random_state=0).fit(X, y)
    assert type(classifier.encoder_) is type(given)
    before = Encoder(clone(given))
    before.estimator.set_params()
    codes = classifier.encoder_.transform(X)
    assert_allclose(classifier.transform(X), codes)
    scores = codes @ classifier.coef_.T + classifier.intercept_
    assert_allclose(classifier.decision_function(X), scores)
    assert_allclose(classifier.predict_proba(X).sum(axis=1), 1.0)
    assert_allclose(np.exp(classifier.predict_log_proba(X)), classifier.predict_proba(X))
    assert_array_equal(classifier.predict(X), classifier.classes_[scores.argmax(axis=1)])
    assert classifier.get_feature_names_out().shape == codes.shape[1:]
    # The same fit without a step of fine-tuning: every layer differs from it.
    still = FineTunedClassifier(given, max_iter=1, learning_rate_init=1e-12, random_state=0).fit(X, y)
    for tuned, kept in zip(Encoder(classifier.encoder_).layers, Encoder(still.encoder_).layers, strict=True):
        assert np.abs(tuned.components_ - kept.components_).max() > 1e-4
    for tuned, kept in zip(Encoder(classifier.encoder_).fixed, Encoder(still.encoder_).fixed, strict=True):
        assert_array_equal(tuned.transform(X), kept.transform(X))


def test_the_given_encoder_stays_as_it_is(digits):
    X, y = digits
    fitted = make_pipeline(StandardScaler(), autoencoder()).fit(X)
    before = pickle.dumps(fitted)
    classifier = FineTunedClassifier(fitted, prefit=True, max_iter=3, random_state=0).fit(X, y)
    assert pickle.dumps(fitted) == before
    assert not np.array_equal(classifier.encoder_[-1].components_, fitted[-1].components_)
    assert_array_equal(classifier.encoder_[0].mean_, fitted[0].mean_)


def test_prefit_starts_from_a_fitted_encoder(digits):
    """Fitting the encoder first gives the same network."""
    X, y = digits
    fitted = autoencoder().fit(X)
    start = FineTunedClassifier(fitted, prefit=True, max_iter=1, learning_rate_init=1e-12, random_state=0).fit(X, y)
    assert_allclose(start.encoder_.components_, fitted.components_, atol=1e-9)
    regression = LogisticRegression(C=1.0, max_iter=1000).fit(StandardScaler().fit_transform(fitted.transform(X)), y)
    expected = regression.score(StandardScaler().fit_transform(fitted.transform(X)), y)
    assert start.score(X, y) == pytest.approx(expected, abs=0.02)


def test_steps_see_no_labels_but_fixed_ones(digits):
    """A selection of features by their labels works as in a Pipeline."""
    X, y = digits[0][:, digits[0].std(axis=0) > 0.0], digits[1]
    encoder = make_pipeline(SelectKBest(k=30), autoencoder())
    assert small(encoder=encoder).fit(X, y).encoder_[-1].n_features_in_ == 30


def test_fixed_steps_are_fitted_as_in_a_pipeline(digits):
    """They transform the rows of a fit once, and with `fit_transform`, which may differ from `transform`."""
    X, y = digits[0][:, digits[0].std(axis=0) > 0.0], digits[1]
    scalers = StandardScaler(), StandardScaler(copy=False)
    networks = [small(encoder=make_pipeline(scaler, autoencoder())).fit(X.copy(), y) for scaler in scalers]
    assert_array_equal(*(network.decision_function(X.copy()) for network in networks))
    encoder = make_pipeline(OtherInTraining(), autoencoder())
    assert_allclose(small(encoder=encoder).fit(X, y, np.full(400, 2.0)).encoder_[-1].mean_, 5.0)


class OtherInTraining(StandardScaler):
    """Its `fit_transform` differs from its `transform`, as in cross-fitting."""

    def fit_transform(self, X, y=None, **options):
        assert "sample_weight" in options
        return super().fit_transform(X, y, **options) + 5.0


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (
            StandardScaler(),
            "must be an autoencoder of skae, or a Pipeline whose last steps are autoencoders, got Stand",
        ),
        (make_pipeline(autoencoder(), StandardScaler()), "got StandardScaler as its last step"),
        (
            make_pipeline(autoencoder(), StandardScaler(), autoencoder()),
            "pass through StandardScaler to the Contractive",
        ),
        (make_pipeline(StandardScaler()), "got StandardScaler as its last step"),
        (FrozenEstimator(autoencoder()), "a frozen encoder needs prefit=True, and is frozen as a whole"),
        (autoencoder(activation="max"), "its code says which unit wins, and has no gradient"),
        (
            make_pipeline(autoencoder(activation="relu"), autoencoder(visible="bernoulli")),
            "visible='bernoulli'\\) takes codes in \\[0, 1\\]",
        ),
        (autoencoder(n_components=0), "The 'n_components' parameter of ContractiveAutoencoder"),
        ("linear", "The 'encoder' parameter of FineTunedClassifier must be"),
    ],
)
def test_encoders_that_cannot_be_tuned(encoder, message, digits):
    with pytest.raises(ValueError, match=message):
        FineTunedClassifier(encoder).fit(*digits)


def test_prefit_needs_a_fitted_encoder(digits):
    X, y = digits
    with pytest.raises(NotFittedError, match=r"this ContractiveAutoencoder is not fitted; .* FrozenEstimator\(encoder"):
        FineTunedClassifier(autoencoder(), prefit=True).fit(X, y)
    with pytest.raises(TypeError, match="instance of scikit-learn estimator instead of a class"):
        FineTunedClassifier(ContractiveAutoencoder).fit(X, y)
    with pytest.raises(ValueError, match="prefit=True takes a fitted encoder, and encoder is None"):
        FineTunedClassifier(prefit=True).fit(X, y)
    with pytest.raises(ValueError, match="X has 64 features, but the encoder was fitted to 5"):
        FineTunedClassifier(autoencoder().fit(X[:, :5]), prefit=True).fit(X, y)


def test_tuned_layers_have_no_momentum_of_their_pretraining(digits):
    """It is that of other weights. Parts of the encoder start without, as those of a fit do."""
    X, y = digits
    encoder = autoencoder().partial_fit(X).partial_fit(X)
    tuned = small(encoder=encoder, prefit=True).fit(X, y).encoder_
    fresh = pickle.loads(pickle.dumps(tuned))
    fresh._optimizer_state = None
    assert_array_equal(tuned.partial_fit(X).components_, fresh.partial_fit(X).components_)


@pytest.mark.parametrize("frozen", [FrozenEstimator, lambda encoder: encoder])
def test_a_prefit_encoder_is_copied(frozen, digits):
    """What happens to it later does not change the network; a frozen one survives `clone`."""
    X, y = digits
    encoder = make_pipeline(StandardScaler(), autoencoder()).fit(X)
    network = small(encoder=frozen(encoder), prefit=True)
    before = network.fit(X, y).decision_function(X)
    if frozen is FrozenEstimator:
        assert cross_val_score(network, X, y, cv=2).min() > 0.5
    encoder.fit(3.0 * X + 5.0)
    assert_array_equal(network.decision_function(X), before)


def test_names_of_a_prefit_encoder(digits):
    pd = pytest.importorskip("pandas")
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    network = small(encoder=autoencoder().fit(frame), prefit=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(frame, y).predict(frame)
    with pytest.raises(ValueError, match="feature names should match those that the encoder was fitted with"):
        network.fit(frame[frame.columns[::-1]], y)


def test_one_object_cannot_be_two_layers(digits):
    X, y = digits
    layer = autoencoder(n_components=64)
    twice = make_pipeline(layer, layer)
    small(encoder=twice).fit(X, y)  # clones are two
    with pytest.raises(ValueError, match="two layers of the encoder are one object"):
        small(encoder=twice.fit(X), prefit=True).fit(X, y)


def test_names_where_a_fit_goes_on(digits):
    pd = pytest.importorskip("pandas")
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    network = small(warm_start=True).fit(frame, y)
    with pytest.raises(ValueError, match="column 0 is 'p63', and was 'p0'; give the same columns in the same order"):
        network.fit(frame[frame.columns[::-1]], y)
    assert list(network.feature_names_in_) == list(frame.columns)
    network.set_params(warm_start=False).fit(frame[frame.columns[::-1]], y)


def test_steps_must_keep_the_rows(digits):
    encoder = make_pipeline(FunctionTransformer(lambda X: X[::2]), autoencoder())
    with pytest.raises(ValueError, match="FunctionTransformer made 200 rows of 400: a step must keep the rows"):
        small(encoder=encoder).fit(*digits)
    encoder = make_pipeline(FunctionTransformer(lambda X: np.where(X > 0.9, np.nan, X)), autoencoder())
    with pytest.raises(ValueError, match="Input of the first autoencoder contains NaN"):
        small(encoder=encoder).fit(*digits)


def test_parameters_of_no_encoder(digits):
    with pytest.raises(ValueError, match=r"encoder__alpha is a parameter of the autoencoder, and encoder is None"):
        FineTunedClassifier().set_params(encoder__alpha=1.0)


# ------------------------------------------------------------------ training


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "squared_hinge"},
        {"dropout": 0.3},
        {"noise": "gaussian"},
        {"noise": "masking", "dropout": [0.2]},
        {"max_norm": 5.0},
        {"solver": "sgd"},
        {"solver": "lbfgs", "dropout": 0.2, "noise": "gaussian"},
        {"learning_rate": "constant"},
        {"early_stopping": True},
        {"class_weight": "balanced"},
        {"l2": 0.0},
    ],
)
def test_fits_lower_the_loss(parameters, digits):
    X, y = digits
    tuned = small(**{**parameters, "max_iter": 30}).fit(X, y)
    assert tuned.loss_curve_[-3:].mean() < 0.95 * tuned.loss_curve_[0]
    if not {"noise", "dropout", "max_norm", "early_stopping"} & set(parameters):
        start = small(**{**parameters, "max_iter": 1, "learning_rate_init": 1e-12, "solver": "adam"}).fit(X, y)
        assert tuned.loss_ < start.loss_
        assert tuned.score(X, y) >= start.score(X, y)
    again = small(**{**parameters, "max_iter": 30}).fit(X, y)
    assert_array_equal(again.coef_, tuned.coef_)
    assert (tuned.validation_loss_curve_ is not None) == ("early_stopping" in parameters)


def test_dropout_for_each_layer(digits):
    X, y = digits
    encoder = make_pipeline(autoencoder(), autoencoder())
    small(encoder=encoder, dropout=(0.5, 0.0)).fit(X, y)
    for wrong in ([0.1], [0.1, 0.2, 0.3], [0.1, 1.0]):
        with pytest.raises(ValueError, match=r"dropout must be a number in .* or one for each of the 2 layers, got"):
            small(encoder=encoder, dropout=wrong).fit(X, y)


def test_early_stopping_returns_the_best_parameters(digits):
    X, y = digits
    classifier = small(early_stopping=True, max_iter=40, learning_rate_init=0.05).fit(X, y)
    curve = classifier.validation_loss_curve_
    assert len(curve) == classifier.n_iter_
    # The parameters are those of the lowest loss, so that one more fit from them at a rate of zero finds it again.
    classifier.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-12).fit(X, y)
    assert classifier.validation_loss_curve_[0] == pytest.approx(curve.min(), rel=1e-6)


@pytest.mark.parametrize("make", BOTH)
def test_warm_start_continues(make, digits):
    X, y = digits
    warm = small(make, warm_start=True).fit(X, y)
    first = warm.loss_
    assert warm.fit(X, y).loss_ < first
    cold = small(make).fit(X, y)
    assert cold.loss_ == first
    assert warm.encoder_.n_iter_ == 5  # of the training without labels, which is not repeated


def test_warm_start_with_other_classes(digits):
    """The hidden layers continue, and the output layer starts anew."""
    X, y = digits
    warm = small(warm_start=True, max_iter=1, learning_rate_init=1e-12).fit(X, y)
    score = warm.score(X, y)
    assert warm.fit(X, y + 1).score(X, y + 1) == pytest.approx(score, abs=0.02)
    with pytest.raises(ValueError, match="X has 5 features, but the encoder was fitted to 64"):
        warm.fit(X[:, :5], y)


@pytest.mark.parametrize("make", BOTH)
def test_partial_fit(make, digits):
    X, y = digits
    options = {"classes": np.unique(y)} if make is FineTunedClassifier else {}
    one, other = (small(make, batch_size=50).partial_fit(X[:200], y[:200], **options) for _ in range(2))
    losses = [one.loss_]
    for _ in range(4):
        one.partial_fit(X, y)
        losses.append(one.loss_)
    assert losses[-1] < losses[1]
    assert one.n_iter_ == len(one.loss_curve_) == 5
    state = pickle.loads(pickle.dumps(other))
    for _ in range(4):
        state.partial_fit(X, y)
    assert_array_equal(state.coef_, one.coef_)  # the optimiser's state and the random stream are in the file


@pytest.mark.parametrize("disturbance", [{"noise": "gaussian"}, {"dropout": 0.5}])
def test_parts_are_disturbed_anew(disturbance, digits):
    """Parameters that hardly move have another loss in each call of partial_fit."""
    X, y = digits
    network = small(learning_rate_init=1e-12, **disturbance)
    for _ in range(3):
        network.partial_fit(X, y, classes=range(10))
    assert np.abs(np.diff(network.loss_curve_)).min() > 1e-6 * network.loss_


@pytest.mark.parametrize("make", BOTH)
def test_a_fit_forgets_the_parts_before_it(make, digits):
    """Their optimiser and their place in the random stream too, so that parts after the fit go on alike."""
    X, y = digits
    classes = {"classes": range(10)} if make is FineTunedClassifier else {}
    parts = small(make, dropout=0.5).partial_fit(X, y, **classes).partial_fit(X, y).fit(X, y).partial_fit(X, y)
    alone = small(make, dropout=0.5).fit(X, y).partial_fit(X, y)
    assert_array_equal(parts.coef_, alone.coef_)


def test_partial_fit_asks_for_classes(digits):
    X, y = digits
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        small().partial_fit(X, y)
    classifier = small().partial_fit(X[y < 5], y[y < 5], classes=np.arange(10))
    assert_array_equal(classifier.classes_, np.arange(10))
    before = dict(vars(classifier))
    with pytest.raises(ValueError, match=r"y has the labels \[11\]"):
        classifier.partial_fit(X[:2], [0, 11])
    assert vars(classifier) == before
    with pytest.raises(ValueError, match="early_stopping must be False"):
        small(early_stopping=True).partial_fit(X, y, classes=np.arange(10))
    assert not hasattr(small(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("make", BOTH)
def test_weights_count_as_rows(make, digits):
    X, y = digits[0][:60], digits[1][:60]
    weight = np.arange(60) % 3
    parameters = {"batch_size": 200, "tol": 0.0}
    weighted = small(make, **parameters).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(60), weight)
    repeated = small(make, **parameters).fit(X[rows], y[rows])
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5, atol=1e-6)


def test_class_weight_is_not_for_pretraining(digits):
    """The autoencoders see no classes. The network starts at their weights."""
    X, y = digits
    unmoved = {"max_iter": 1, "learning_rate_init": 1e-12}
    weighted, plain = (small(class_weight=each, **unmoved).fit(X, y) for each in ({0: 10.0}, None))
    assert_allclose(weighted.encoder_.components_, plain.encoder_.components_, atol=1e-9)
    assert np.abs(weighted.coef_ - plain.coef_).max() > 1e-3


@pytest.mark.parametrize("disturbance", [{"noise": "gaussian"}, {"dropout": 0.5}])
def test_held_out_rows_are_not_disturbed(disturbance, digits):
    """Parameters that hardly move have the same validation loss after each epoch."""
    parameters = {"early_stopping": True, "learning_rate_init": 1e-12, "tol": 0.0, **disturbance}
    curve = small(**parameters).fit(*digits).validation_loss_curve_
    assert len(curve) == 5
    assert_allclose(curve, curve[0], rtol=1e-7)


def test_class_weight(digits):
    X, y = digits
    X, y = X[y < 2], y[y < 2]
    balanced = small(class_weight={0: 1.0, 1: 0.0}).fit(X, y)
    assert (balanced.predict(X) == 0).all()
    with pytest.raises(ValueError, match="class_weight must be positive for some class with rows"):
        small(class_weight={0: 0.0, 1: 0.0}).fit(X, y)
    with pytest.raises(ValueError, match="class_weight has the label 7"):
        small(class_weight={7: 1.0}).fit(X, y)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_dtypes(make, dtype, digits):
    X, y = (16 * digits[0]).astype(dtype) if dtype == np.uint8 else digits[0].astype(dtype), digits[1]
    network = small(make, make_pipeline(StandardScaler(), autoencoder())).fit(X, y)
    assert network.coef_.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert network.transform(X).dtype == network.coef_.dtype


@pytest.mark.parametrize("make", BOTH)
def test_csr_equals_dense(make, digits):
    X, y = digits
    dense = small(make).fit(X, y)
    csr = sparse.csr_array(X)
    found = small(make).fit(csr, y)
    assert_allclose(found.coef_, dense.coef_, rtol=1e-4, atol=1e-6)
    assert_allclose(found.predict(csr), found.predict(X))


def test_wide_sparse_rows_stay_sparse():
    X = sparse.random(600, 5000, density=0.005, format="csr", random_state=0, dtype=np.float32)
    y = np.asarray(X[:, :2500].sum(axis=1) > X[:, 2500:].sum(axis=1)).ravel().astype(int)
    classifier = FineTunedClassifier(autoencoder(n_components=16), max_iter=20, random_state=0)
    assert clone(classifier).fit(X, y).score(X, y) == pytest.approx(
        classifier.fit(X.toarray(), y).score(X, y), abs=0.02
    )


def test_pickle_clone_and_search(digits):
    X, y = digits
    classifier = small().fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(X), classifier.predict_proba(X))
    assert clone(classifier).get_params()["encoder__n_components"] == 12
    search = GridSearchCV(small(), {"encoder__alpha": [0.0, 1.0], "dropout": [0.0, 0.2]}, cv=2).fit(X, y)
    assert search.best_estimator_.score(X, y) > 0.5


def test_a_failed_fit_changes_nothing(digits):
    X, y = digits
    classifier = small().fit(X, y)
    before = dict(vars(classifier))
    with pytest.raises(ValueError, match=r"diverge|finite"):
        classifier.set_params(solver="sgd", learning_rate_init=1e30).fit(X, y)
    del before["solver"], before["learning_rate_init"]
    assert all(vars(classifier)[name] is value for name, value in before.items())


def test_wrong_input(digits):
    X, y = digits
    with pytest.raises(ValueError, match="at least 2 classes, got 1 class: 1"):
        small().fit(X, np.ones(len(X), dtype=int))
    with pytest.raises(ValueError, match="Unknown label type"):
        small().fit(X, X[:, 3])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        small().fit(np.where(X > 0.9, np.nan, X), y)
    with pytest.raises(ValueError, match="X has 3 features, but FineTunedClassifier is expecting 64"):
        small().fit(X, y).predict(X[:, :3])
    with pytest.raises(ValueError, match="y has 2 targets, and the regressor was fitted to 1"):
        small(FineTunedRegressor).partial_fit(X, y).partial_fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match=r"y must be an array of numbers, got a sparse matrix; pass y.toarray\(\)"):
        small(FineTunedRegressor).fit(X, sparse.csr_array(y[:, None]))
    with pytest.raises(ValueError, match="The 'loss' parameter"):
        small(loss="hinge").fit(X, y)


def test_hinge_gives_no_probabilities(digits):
    classifier = small(loss="squared_hinge")
    assert not hasattr(classifier, "predict_proba")
    assert not hasattr(classifier, "predict_log_proba")


def test_fine_tuning_that_raises_the_loss_warns(digits):
    X, y = digits
    with pytest.warns(ConvergenceWarning, match="fine-tuning has raised the loss, from .* use a lower learning_rate"):
        small(max_iter=1, learning_rate_init=5.0, learning_rate="constant").fit(X, y)


@pytest.mark.parametrize(
    "wrong", [{"noise": "foo"}, {"dropout": [0.1, 0.2]}, {"dropout": ["x"]}, {"class_weight": {7: 1}}]
)
def test_wrong_parameters_are_refused_before_training(wrong, digits, monkeypatch):
    monkeypatch.setattr(Encoder, "fit", None)
    X, y = digits
    with pytest.raises(ValueError, match=r"corruption|dropout|class_weight"):
        small(**wrong).fit(X[y < 5], y[y < 5])


def test_early_stopping_needs_rows_that_count(digits):
    X, y = digits[0][:100], np.r_[np.zeros(98, dtype=int), 1, 2]
    with pytest.raises(ValueError, match="class_weight must be positive for some class with rows to hold out"):
        small(class_weight={0: 0.0}, early_stopping=True).fit(X, y)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e15])
def test_the_start_of_a_regression_does_not_depend_on_the_scale_of_the_targets(scale, digits):
    X, y = digits
    still = small(FineTunedRegressor, max_iter=1, learning_rate_init=1e-30, l2=0.0)
    assert still.fit(X, scale * y + scale).score(X, scale * y + scale) > 0.35


def linear(**parameters):
    """Return a network that keeps its start: nothing is trained but the linear model of random codes."""
    still = {"max_iter": 1, "learning_rate_init": 1e-30, "random_state": 0}
    return FineTunedClassifier(autoencoder(n_components=200, **still), **still, **parameters)


def test_the_start_does_not_learn_chance():
    """On 200 codes of 300 rows, no linear model predicts random classes; the start is nearly constant then."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2000, 20)), rng.integers(10, size=2000)
    network = linear().fit(X[:300], y[:300])
    assert log_loss(y[300:], network.predict_proba(X[300:])) < 1.1 * np.log(10)


@pytest.mark.parametrize("disturbance", [{"dropout": 0.5}, {"noise": "gaussian", "noise_level": 1.0}])
def test_the_start_sees_the_noise_of_training(disturbance, digits):
    """Its first epoch has a smaller loss than that of a start without noise."""
    X, y = digits
    start, without = linear(**disturbance).fit(X, y), linear().fit(X, y)
    continued = without.set_params(warm_start=True, **disturbance).fit(X, y)
    assert start.loss_curve_[0] < 0.9 * continued.loss_curve_[0]


def test_the_strength_of_the_start_is_chosen_by_all_held_out_weight():
    """A fold with ten times the weight counts ten times as much."""

    class Losses(_LinearModel):
        def fit(self, rows, theta, strength, tol=1e-4):
            return np.array([strength])

        def value(self, rows, theta):
            return (-1.0 if rows.weight[0] > 1.0 else 0.5) * -np.log10(theta[0])

    weight = np.where(np.arange(10) % 5 == 0, 10.0, 1.0)
    rows = _Rows(np.zeros((10, 1)), np.zeros(10, dtype=int), weight)
    model = Losses(network_layout(1, (), (), 2), "log_loss", np.zeros(1))
    assert model.best_strength(rows, np.arange(10.0)) == min(STRENGTHS)
    light = dataclasses.replace(rows, weight=np.where(weight > 1.0, 1.1, 1.0))
    assert model.best_strength(light, np.arange(10.0)) == max(STRENGTHS)


def test_the_strength_of_the_start_knows_the_weight_decay_of_training(rng):
    """Where training shrinks the weights, the start has small ones."""
    codes = rng.standard_normal((60, 1))
    rows, layout = _Rows(codes, (codes[:, 0] > 0.0).astype(int), None), network_layout(1, (), (), 2)
    strengths = [_LinearModel(layout, "log_loss", np.full(1, l2)).best_strength(rows, codes[:, 0]) for l2 in (0.0, 1e3)]
    assert strengths[0] < strengths[1] == max(STRENGTHS)


def test_the_start_sees_the_rows_to_train_on_alone(rng):
    """Neither held-out rows nor those without weight."""
    rows = Rows(np.zeros((9, 2)), np.zeros(9), np.array([1.0, 1.0, 0.0] * 3), np.array([0, 2, 3, 4, 7]))
    assert_array_equal(rows.draw(100, rng), [0, 3, 4, 7])
    assert set(rows.draw(2, rng)) < {0, 3, 4, 7}
    assert_array_equal(rows.some(3), [0, 3, 7])


def test_the_start_gives_no_large_weight_to_a_code_that_is_rarely_active():
    """One of ten codes is zero but for two rows, and hardly more there; their class would give it a weight of 1e3."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 10)), rng.integers(3, size=500)
    X[:, 0] = np.where(np.arange(500) < 2, 1e-3, 0.0)
    y[:2] = 1
    encoder = ContractiveAutoencoder(10, alpha=0, activation="identity", hidden_bias=False, random_state=0)
    encoder.fit(X).components_[:] = np.eye(10)
    network = FineTunedClassifier(encoder, prefit=True, max_iter=1, learning_rate_init=1e-30, l2=0.0, random_state=0)
    weights = np.abs(network.fit(X, y).coef_)
    assert weights[:, 0].max() < 3.0 * weights[:, 1:].max()


@pytest.mark.parametrize("max_norm", [1.0, 0.03])
def test_the_start_within_a_limit_is_better_than_chance(max_norm, digits):
    """Biases belong to the weights that the limit has shortened, not to those before."""
    X, y = digits
    still = {"max_norm": max_norm, "max_iter": 1, "learning_rate_init": 1e-30, "l2": 0.0}
    assert small(**still).fit(X, y).loss_ < np.log(10.0)
    assert small(FineTunedRegressor, **still).fit(X, 10.0 * y + 100.0).score(X, 10.0 * y + 100.0) > 0.0


@pytest.mark.parametrize("n_rows", [1, 2, 7])
def test_the_start_of_few_rows(n_rows, digits):
    X, y = digits[0][:n_rows], np.arange(n_rows, dtype=float)
    network = small(FineTunedRegressor, autoencoder().fit(digits[0]), prefit=True).fit(X, y)
    assert np.isfinite(network.predict(X)).all()


@pytest.mark.parametrize("constant", [0.0, 3.0, -1e5, 1e-9])
def test_a_constant_target(constant, digits):
    X, y = digits[0], np.full(400, constant)
    assert_allclose(small(FineTunedRegressor, l2=0.0).fit(X, y).predict(X), y, rtol=1e-2, atol=1e-2)


def test_small_weights_start_alike(digits):
    """Weights that sum to 1 are as good as those of 1, as boosting gives them."""
    X, y = digits
    scores = [small(max_iter=2).fit(X, y, weight).score(X, y) for weight in (None, np.full(400, 1.0 / 400))]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


@pytest.mark.parametrize(("dtype", "largest"), [(np.float32, 1e20), (np.float32, 1e39), (np.float64, 1e200)])
def test_targets_beyond_the_dtype(dtype, largest, digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"y holds values up to 9e.*, whose squares float.* cannot hold"):
        small(FineTunedRegressor).fit(X.astype(dtype), y * largest)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_predictions_that_are_no_better_than_the_mean_warn(solver, digits):
    """Weight decay hides the squared error of small targets, and a step is too long for them."""
    X, y = digits
    with pytest.warns(ConvergenceWarning, match="hardly below that of the mean, .* bring the targets"):
        small(FineTunedRegressor, solver=solver, max_iter=50).fit(X, 1e-8 * y)
    far, weight = np.r_[1.0, 1e-8 * y[1:]], np.r_[1e-25, np.ones(399)]  # rows that weigh nothing change nothing
    with pytest.warns(ConvergenceWarning, match="hardly below that of the mean, .* bring the targets"):
        small(FineTunedRegressor, solver=solver, max_iter=50).fit(X, far, weight)
    for target in (y, 1e4 * y, np.c_[y, np.full(400, 1e6)], np.zeros(400), np.full(400, 0.1)):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*hardly below that of the mean")
            small(FineTunedRegressor, solver=solver).fit(X, target)


def test_regression():
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    regressor = FineTunedRegressor(autoencoder(alpha=0.1, max_iter=50), max_iter=60, l2=1e-3, random_state=0)
    assert regressor.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.35
    both = small(FineTunedRegressor).fit(X, np.c_[y, -y])
    assert both.predict(X).shape == (len(X), 2)
    assert both.n_outputs_ == 2


@pytest.mark.slow
def test_pretraining_helps_where_labels_are_few():
    """The same network, from autoencoders that all rows have trained, and from autoencoders that none has."""
    X, y = load_digits(return_X_y=True)
    X, gains = X / 16, []
    for seed in range(3):
        rng, scores = np.random.default_rng(seed), []
        few = np.concatenate([rng.permutation(np.flatnonzero(y == j))[:10] for j in range(10)])
        others = np.setdiff1d(np.arange(len(X)), few)
        for training in ({}, {"max_iter": 1, "learning_rate_init": 1e-9}):
            encoder = DenoisingAutoencoder(200, activation="relu", random_state=seed, **training).fit(X)
            network = FineTunedClassifier(encoder, prefit=True, random_state=seed).fit(X[few], y[few])
            scores.append(network.score(X[others], y[others]))
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 0.005


def test_beside_one_autoencoder_per_class(digits):
    """Labels are compared by value, as in the other classifier."""
    X, y = digits
    for labels in (y.astype(float), y.astype(str), np.array(["abcdefghij"[j] for j in y], dtype=object)):
        classes = small().fit(X, labels).classes_
        other = ClassSpecificAEClassifier(autoencoder(), method="normalize", temperature=1.0).fit(X, labels).classes_
        assert_array_equal(classes, other)
        assert classes.dtype == other.dtype
