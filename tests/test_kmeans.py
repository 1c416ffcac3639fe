"""Units that derive their hidden bias from the weights: "max" is K-means, through every way to train it."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from helpers import VISIBLE, check_gradient, make_layout, make_problem, numerical_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, rel_entr
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.activations import Max, Softmax, Tanh
from skae.objectives import FirstOrder, Reconstruction
from skae.parameters import Layout, Sample, initial_parameters
from skae.penalties import L2
from skae.visible import VISIBLE as UNITS

DIGITS = load_digits().data
DATA = {
    "unit": DIGITS / np.linalg.norm(DIGITS, axis=1, keepdims=True),
    "pixels": DIGITS[:300] / 16.0,
    "standardised": StandardScaler().fit_transform(load_wine().data),
    "far": DIGITS[:300] / 16.0 + 30.0,
}
LABELS = load_digits().target
SOLVERS = ("adam", "sgd", "lbfgs")


class Posterior(Softmax):
    """Softmax units of a mixture of equal shares: smooth units that derive their bias."""

    name = "posterior"
    derived_bias = True


class Centred(Tanh):
    """Elementwise units that derive their bias, with the derivatives that the Taylor expansions ask for."""

    name = "centred"
    derived_bias = True


def make(n_components=10, cls=ContractiveAutoencoder, **parameters):
    """An autoencoder of max units, all else at its default."""
    plain = {ContractiveAutoencoder: {"alpha": 0.0}, DenoisingAutoencoder: {"noise_level": 0.0}}
    return cls(n_components, activation="max", **plain.get(cls, {}), **parameters)


def distances(autoencoder, X):
    """Squared distances of the rows from all centres w_k + c, in float64."""
    centres = autoencoder.components_.astype(float) + autoencoder.intercept_visible_
    return ((X.astype(float)[:, None] - centres) ** 2).sum(axis=2)


def assert_nearest_wins(autoencoder, X):
    """Assert that the unit chosen for each row is that of the nearest centre (to rounding), and that E is -d^2/2."""
    D = distances(autoencoder, X.toarray() if sparse.issparse(X) else X)
    eps = np.finfo(autoencoder.components_.dtype).eps
    largest = float(np.abs(X).max()) ** 2 * X.shape[1]
    chosen = D[np.arange(len(D)), autoencoder.transform(X).argmax(axis=1)]
    assert (chosen <= D.min(axis=1) + 32 * eps * largest).all()
    assert_allclose(autoencoder.score_samples(X), -0.5 * D.min(axis=1), rtol=0, atol=32 * eps * largest)
    W, c = autoencoder.components_, autoencoder.intercept_visible_
    assert_allclose(autoencoder.intercept_hidden_, UNITS["gaussian"].derived_bias(W, c), atol=32 * eps * largest)


def inertia(autoencoder, X, weight=None):
    """Mean squared distance from the nearest centre."""
    return float(np.average(distances(autoencoder, X).min(axis=1), weights=weight))


def assert_reaches_k_means(X, fit, weight=None):
    """Assert that the nearest centre wins, and that one of 5 seeds comes within 1 % of KMeans's inertia."""
    kmeans = KMeans(10, n_init=5, random_state=0).fit(X, sample_weight=weight)
    reference, found = kmeans.inertia_ / (len(X) if weight is None else weight.sum()), []
    for seed in range(5):
        autoencoder = fit(seed)
        assert_nearest_wins(autoencoder, X)
        found.append(inertia(autoencoder, X, weight) / reference)
        if found[-1] < 1.01:
            return
    raise AssertionError(f"inertia over KMeans's: {found}")


# K-means


@pytest.mark.sampled(3)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", DATA)
def test_max_trains_to_k_means(name, solver):
    """At the defaults, the best of 5 seeds is within 1 % of KMeans's inertia, and the nearest centre always wins."""
    X = DATA[name]
    assert_reaches_k_means(X, lambda seed: make(solver=solver, random_state=seed).fit(X))


@pytest.mark.parametrize("noise_level", [0.0, 0.05])
def test_denoising_is_k_means_at_little_noise(noise_level):
    """The denoising autoencoder of max units comes to K-means too, where the noise is small against the clusters."""
    X, denoising = DATA["pixels"], DenoisingAutoencoder(10, activation="max", noise_level=noise_level)
    assert_reaches_k_means(X, lambda seed: clone(denoising).set_params(random_state=seed).fit(X))


def test_under_much_noise_the_nearest_centre_wins():
    """What is minimised is no longer the distortion, but the energy is -d^2/2 still."""
    X = DATA["unit"][:200]
    assert_nearest_wins(DenoisingAutoencoder(10, activation="max", max_iter=20, tol=0, random_state=0).fit(X), X)


def test_weights_count():
    """The weighted inertia is within 1 % of KMeans's with the same weights, some of them zero."""
    X, weight = DATA["pixels"], np.random.default_rng(0).integers(0, 4, 300).astype(float)
    assert_reaches_k_means(X, lambda seed: make(random_state=seed).fit(X, sample_weight=weight), weight)


def test_partial_fit_trains_to_k_means():
    """Passes over pieces come there too, from the rows of the first piece, at a constant rate."""
    X = DIGITS / 16.0
    pieces = np.array_split(np.random.default_rng(0).permutation(len(X)), 6)

    def fit(seed):
        autoencoder = make(random_state=seed)
        for _ in range(20):
            for rows in pieces:
                autoencoder.partial_fit(X[rows])
        return autoencoder

    assert_reaches_k_means(X, fit)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_goes_on_from_the_centres(solver):
    """A second fit does not begin anew: the loss does not rise, and the centres stay near."""
    X = DATA["pixels"]
    first = make(solver=solver, max_iter=40, random_state=0).fit(X)
    second = copy.deepcopy(first).set_params(warm_start=True).fit(X)
    assert_nearest_wins(second, X)
    assert second.loss_ <= first.loss_ * (1.0 + 1e-3)
    moved = np.linalg.norm(second.components_ - first.components_, axis=1).max()
    assert moved < 0.2 * np.sqrt(distances(first, first.components_ + first.intercept_visible_).max())


def test_sparse_rows_are_the_same_rows():
    """CSR rows give the fit of the dense ones."""
    X = DATA["pixels"]
    dense, csr = (make(random_state=0, max_iter=5, tol=0).fit(each) for each in (X, sparse.csr_matrix(X)))
    assert_allclose(dense.components_, csr.components_, rtol=1e-10, atol=1e-10)
    assert_nearest_wins(csr, sparse.csr_matrix(X))


@pytest.mark.parametrize("name", ["unit", "far"])
def test_float32(name):
    """Parameters and energies are float32; the nearest centre wins to the rounding of the squares."""
    X = DATA[name].astype(np.float32)
    autoencoder = make(random_state=0).fit(X)
    fitted = ("components_", "intercept_hidden_", "intercept_visible_")
    assert {getattr(autoencoder, each).dtype for each in fitted} == {np.dtype(np.float32)}
    assert autoencoder.score_samples(X).dtype == np.float32
    assert_nearest_wins(autoencoder, X)


def test_score_is_k_means_score(rng):
    """With W and c set from KMeans's centres, the sum of score_samples is half of KMeans.score, wherever c lies."""
    X = DATA["pixels"]
    kmeans = KMeans(10, n_init=1, random_state=0).fit(X)
    autoencoder = make(max_iter=1, tol=0, random_state=0).fit(X)
    for c in (np.zeros(64), X.mean(axis=0), rng.standard_normal(64)):
        W = kmeans.cluster_centers_ - c
        autoencoder.components_, autoencoder.intercept_visible_ = W, c
        autoencoder.intercept_hidden_ = -0.5 * (W**2).sum(axis=1) - W @ c
        assert 2.0 * autoencoder.score_samples(X).sum() == pytest.approx(kmeans.score(X), rel=1e-11)
        assert_array_equal(autoencoder.transform(X).argmax(axis=1), kmeans.predict(X))
        assert_allclose(autoencoder.reconstruct(X), kmeans.cluster_centers_[kmeans.labels_], atol=1e-12)
        assert_array_equal(autoencoder.laplacian(X), -64.0)


def test_prediction_reads_the_public_hidden_bias():
    """intercept_hidden_ is what prediction goes by: replaced, another unit wins."""
    X = DATA["pixels"][:50]
    autoencoder = make(max_iter=2, tol=0, random_state=0).fit(X)
    autoencoder.intercept_hidden_ = autoencoder.intercept_hidden_ + 1e3 * (np.arange(10) == 7)
    assert_array_equal(autoencoder.transform(X).argmax(axis=1), 7)


def test_bernoulli_units_take_the_least_cross_entropy():
    """With bernoulli visible units E is minus the least Kullback-Leibler divergence of x from sigmoid(w_k + c)."""
    X = DATA["pixels"]
    autoencoder = make(visible="bernoulli", random_state=0).fit(X)
    R = expit(autoencoder.components_ + autoencoder.intercept_visible_)
    divergence = (rel_entr(X[:, None], R) + rel_entr(1.0 - X[:, None], 1.0 - R)).sum(axis=2)
    assert_array_equal(autoencoder.transform(X).argmax(axis=1), divergence.argmin(axis=1))
    assert_allclose(autoencoder.score_samples(X), -divergence.min(axis=1), rtol=1e-10, atol=1e-11)
    # Each centre has come to the mean of its rows, which minimises this divergence as it does the distance.
    for j in range(10):
        assert np.abs(R[j] - X[divergence.argmin(axis=1) == j].mean(axis=0)).mean() < 0.05


# The start


@pytest.mark.parametrize("visible", VISIBLE)
def test_centres_start_at_distinct_rows(visible, rng):
    """Every centre starts at a row of its own, whatever their number of copies; c at the mean."""
    rows = rng.uniform(0.02, 0.98, (12, 5))
    X = np.repeat(rows, rng.integers(1, 9, 12), axis=0)
    sample, layout = Sample(X, np.ones(len(X)), X.mean(axis=0)), Layout(W=(12, 5), c=(5,))
    blocks = layout.views(initial_parameters(layout, "data", sample, Max(), visible, rng, np.float64))
    centres = UNITS[visible].output(blocks["W"] + blocks["c"])
    assert_allclose(np.sort(centres, axis=0), np.sort(rows, axis=0), rtol=1e-12)
    assert_allclose(UNITS[visible].output(blocks["c"].copy()), X.mean(axis=0), rtol=1e-12)


def test_start_takes_weights_as_repetitions_and_no_order(rng):
    """The rows drawn are the same ones for weights, repetitions and any order, and whatever the scale and place."""
    X, count = rng.standard_normal((40, 3)), rng.integers(1, 5, 40)
    layout, mean = Layout(W=(7, 3), c=(3,)), np.average(X, axis=0, weights=count)

    def start(X, weight, scale=1.0, shift=0.0):
        sample = Sample(scale * X + shift, weight, scale * mean + shift)
        generator = np.random.default_rng(0)
        theta = initial_parameters(layout, "data", sample, Max(), "gaussian", generator, np.float64)
        return layout.views(theta)["W"] / scale

    expected = start(X, count.astype(float))
    assert_array_equal(start(np.repeat(X, count, axis=0), np.ones(count.sum())), expected)
    order = rng.permutation(40)
    assert_array_equal(start(X[order], count[order].astype(float)), expected)
    assert_allclose(start(X, count.astype(float), 1e200, 1e201), expected, rtol=1e-10, atol=1e-12)


def test_start_spreads_over_far_clusters(rng):
    """k-means++ finds all of ten far clusters in each of twenty draws; rows drawn at random miss some."""
    centres = 100.0 * rng.standard_normal((10, 4))
    X = np.repeat(centres, 30, axis=0) + rng.standard_normal((300, 4))
    layout, sample = Layout(W=(10, 4), c=(4,)), Sample(X, np.ones(300), X.mean(axis=0))
    for seed in range(20):
        generator = np.random.default_rng(seed)
        theta = initial_parameters(layout, "data", sample, Max(), "gaussian", generator, np.float64)
        starts = layout.views(theta)["W"] + X.mean(axis=0)
        assert len(set(((starts[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1))) == 10


def test_start_takes_the_row_that_lowers_the_weighted_distances():
    """One heavy row beats many light ones that are farther away, where both are among the rows drawn."""
    X = np.vstack([[[0.0, 0.0]], [[1.0, 0.0]], [0.0, 10.0] + 0.01 * np.random.default_rng(0).standard_normal((50, 2))])
    weight = np.r_[1e9, 1e4, np.full(50, 0.8)]
    layout, sample = Layout(W=(2, 2), c=(2,)), Sample(X, weight, np.average(X, axis=0, weights=weight))
    starts = [
        layout.views(initial_parameters(layout, "data", sample, Max(), "gaussian", each, np.float64))["W"]
        for each in map(np.random.default_rng, range(60))
    ]
    # A draw is the heavy row with probability 0.71; one of two is with 0.92, and each of two with 0.51.
    assert sum(bool(start[1, 0] > 0.5) for start in starts) > 45


def test_dead_units_are_warned_of():
    """More units than distinct rows: one sentence says how many win no row; enough rows: silence."""
    X = np.repeat(np.eye(4), 5, axis=0)
    with pytest.warns(UserWarning, match="ContractiveAutoencoder: 3 of 7 units win no training row; use fewer"):
        make(7, random_state=0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make(4, random_state=0).fit(X)


@pytest.mark.parametrize("cls", [ContractiveAutoencoder, SparseAutoencoder])
def test_auto_init(cls):
    """init="auto" is "data" for units that derive their bias, "glorot" for others; the names say what they do."""
    X = DATA["pixels"][:200]

    def start(**parameters):
        return cls(5, alpha=0.0, max_iter=1, learning_rate_init=1e-12, random_state=0, **parameters).fit(X).components_

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for activation, same, other in (("max", "data", "glorot"), ("sigmoid", "glorot", "data")):
            automatic = start(activation=activation)
            assert_array_equal(automatic, start(activation=activation, init=same))
            assert not np.allclose(automatic, start(activation=activation, init=other))


# The mechanism


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derived_bias_makes_u_the_fit_of_each_reconstruction(visible, dtype, rng):
    """u_k + potential(x) is minus the loss of output(w_k + c), plus that of x itself, in the parameters' dtype."""
    units, (W, c) = UNITS[visible], (rng.standard_normal((6, 4)).astype(dtype), rng.standard_normal(4).astype(dtype))
    X = rng.uniform(0.1, 0.9, (8, 4)).astype(dtype)
    b = units.derived_bias(W, c)
    assert b.dtype == dtype
    value = X @ W.T + b + units.potential(X, c)[:, None]
    own = units.losses(X.copy() if visible == "gaussian" else np.log(X / (1.0 - X)), X)
    expected = np.stack([own - units.losses(np.tile(w + c, (8, 1)), X) for w in W], axis=1)
    assert_allclose(value, expected, rtol=0, atol=64 * np.finfo(dtype).eps * 10.0)


@pytest.mark.parametrize("visible", VISIBLE)
def test_gradient_of_the_derived_bias(visible, rng):
    """`derived_bias_gradient` agrees with central differences, and leaves its arguments alone."""
    units, layout = UNITS[visible], Layout(W=(6, 4), c=(4,))
    theta, g = rng.standard_normal(layout.size), rng.standard_normal(6)
    before = theta.copy()

    def value(theta):
        blocks = layout.views(theta)
        return float(g @ units.derived_bias(blocks["W"], blocks["c"]))

    blocks = layout.views(theta)
    W, c = units.derived_bias_gradient(blocks["W"], blocks["c"], g)
    assert_array_equal(theta, before)
    assert_allclose(layout.pack(np.float64, W=W, c=c), numerical_gradient(value, theta), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("activation", [Max(), Posterior(), Centred()], ids=lambda each: each.name)
def test_gradient_goes_through_the_derived_bias(activation, visible, weighted):
    """The gradient of the objective agrees with central differences for units that are smooth, too."""
    check_gradient(activation, (L2(0.3),), visible, True, weighted, hidden_bias=False)


def test_gradient_of_an_expansion_goes_through_the_derived_bias(rng):
    """Taylor expansions of the denoising loss use the same mechanism."""
    objective = FirstOrder(make_layout(hidden_bias=False), Centred())
    theta, X, _ = make_problem(objective.layout, Centred())
    clean = X + 0.1 * rng.standard_normal(X.shape)
    expected = numerical_gradient(lambda theta: objective.value(theta, X, clean), theta)
    assert_allclose(objective.value_and_grad(theta, X, clean)[1], expected, rtol=1e-6, atol=1e-7)


def test_a_layout_with_b_has_free_biases():
    """Whoever gives the objective a block b decides: the bias is that block, also of max units."""
    layout = make_layout()
    theta = np.arange(float(layout.size))
    objective = Reconstruction(layout, Max())
    assert_array_equal(objective.hidden_bias(layout.views(theta)), layout.views(theta)["b"])


@pytest.mark.parametrize("solver", SOLVERS)
def test_smooth_units_of_your_own(solver):
    """A mixture of equal shares: E is log sum_k exp(-|x - w_k - c|^2/2), its gradient the field.

    It is a user's own activation: one declaration gives it the bias, its gradient, the start and what fit publishes.
    """
    X = DATA["pixels"][:100]
    autoencoder = ContractiveAutoencoder(
        5, activation=Posterior(), alpha=0.0, solver=solver, max_iter=30, random_state=0
    ).fit(X)
    D = distances(autoencoder, X)
    E = autoencoder.score_samples(X)
    assert_allclose(E, np.log(np.exp(-0.5 * D).sum(axis=1)), rtol=1e-9)
    assert autoencoder.loss_ < 0.5 * autoencoder.var_.sum()
    step = 1e-5 * np.eye(64)[10]
    slope = (autoencoder.score_samples(X + step) - autoencoder.score_samples(X - step)) / 2e-5
    assert_allclose(slope, autoencoder.vector_field(X)[:, 10], atol=1e-6)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (make(tied_weights=False), r"'max' derives its hidden bias from weights that decode too: it needs tied"),
        (make(hidden_bias=False), r"'max' derives its hidden bias from the weights .* it needs hidden_bias=True"),
        (make(hidden_bias="no"), "hidden_bias"),
    ],
    ids=["untied", "without", "type"],
)
def test_what_has_no_nearest_centre_is_refused(estimator, message):
    """Untied encoders would never learn, and without its bias the largest u is not the nearest centre."""
    with pytest.raises(ValueError, match=message):
        estimator.fit(DATA["pixels"][:20])
    assert not hasattr(estimator, "components_")


# The classifier


@pytest.mark.parametrize(("method", "solver"), [("normalize", "adam"), ("finetune", "adam"), ("finetune", "lbfgs")])
def test_classifier_of_nearest_centres(method, solver):
    """Energies are -min_k d^2/2 to the centres of each class, before and after fine-tuning, which learns."""
    X, y = DATA["pixels"], LABELS[:300]
    classifier = ClassSpecificAEClassifier(
        make(4, random_state=0, max_iter=30), method=method, solver=solver, max_iter=20, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(X, y)
    energies = classifier.transform(X)
    for each, E in zip(classifier.estimators_, energies.T, strict=True):
        assert_nearest_wins(each, X)
        assert_allclose(E, each.score_samples(X), rtol=1e-10, atol=1e-11)
    assert classifier.score(X, y) > 0.97
    # A replaced bias counts there too.
    replaced = copy.deepcopy(classifier)
    replaced.estimators_[3].intercept_hidden_ = replaced.estimators_[3].intercept_hidden_ + 7.0
    assert_allclose(replaced.transform(X)[:, 3], energies[:, 3] + 7.0, rtol=1e-10)


def test_partial_fit_of_the_classifier():
    """Passes of fine-tuning keep the biases those of the weights."""
    X, y = DATA["pixels"], LABELS[:300]
    classifier = ClassSpecificAEClassifier(make(3, random_state=0), method="finetune", random_state=0)
    for _ in range(3):
        classifier.partial_fit(X, y, classes=np.arange(10))
    for each in classifier.estimators_:
        assert_nearest_wins(each, X)


def test_factored_classes_refuse_max():
    """Shared factors never put the weights together that a derived bias is a function of."""
    classifier = ClassSpecificAEClassifier(make(3), n_factors=4)
    with pytest.raises(ValueError, match="a hidden bias that does not follow from the weights"):
        classifier.fit(DATA["pixels"][:40], LABELS[:40])


# Units without hidden bias

WITHOUT_BIAS = [
    ContractiveAutoencoder(8, activation="relu", hidden_bias=False),
    DenoisingAutoencoder(8, hidden_bias=False, tied_weights=False),
    SaturatingAutoencoder(8, hidden_bias=False),
    SparseAutoencoder(8, hidden_bias=False),
]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("estimator", WITHOUT_BIAS, ids=lambda each: type(each).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_hidden_bias(estimator, solver):
    """hidden_bias=False: no attribute, none acts, u = W x; training lowers the loss, pickling keeps it so."""
    X = DATA["pixels"][:200]
    autoencoder = clone(estimator).set_params(solver=solver, max_iter=20, random_state=0).fit(X)
    assert not hasattr(autoencoder, "intercept_hidden_")
    assert autoencoder.loss_ < autoencoder.loss_curve_[0]
    code = autoencoder._activation().value(X @ autoencoder.components_.T)
    assert_allclose(autoencoder.transform(X), code, rtol=1e-12, atol=1e-13)
    expected = code @ autoencoder.decoder_components_ + autoencoder.intercept_visible_
    assert_allclose(autoencoder.reconstruct(X), expected, rtol=1e-11, atol=1e-12)
    loaded = pickle.loads(pickle.dumps(autoencoder))
    loaded.intercept_hidden_ = np.full(8, 100.0)  # nothing reads it
    assert_array_equal(loaded.transform(X), autoencoder.transform(X))
    for encoding in ("rectified_bias", "rectified"):
        autoencoder.set_params(encoding=encoding)
        assert_allclose(autoencoder.transform(X), np.maximum(X @ autoencoder.components_.T, 0.0), atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_hidden_bias_rectified_codes_invert():
    """The zero-bias code of relu units is all that they need: inverse_transform is there, as in ZeroBiasAutoencoder."""
    X = DATA["pixels"][:100]
    autoencoder = ContractiveAutoencoder(8, activation="relu", encoding="rectified", max_iter=5, random_state=0).fit(X)
    assert not hasattr(autoencoder, "inverse_transform")
    autoencoder.set_params(hidden_bias=False).fit(X)
    assert not hasattr(autoencoder, "intercept_hidden_")  # that of the fit before is gone
    assert_allclose(autoencoder.inverse_transform(autoencoder.transform(X)), autoencoder.reconstruct(X), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hidden_bias_can_come_and_go():
    """Continued fits drop the bias, or start a new one at zero; both are the same model without it."""
    X = DATA["pixels"][:100]
    tiny = {"solver": "sgd", "learning_rate_init": 1e-12, "max_iter": 1, "warm_start": True, "random_state": 0}
    autoencoder = ContractiveAutoencoder(8, hidden_bias=False, **tiny).fit(X)
    code = autoencoder.transform(X)
    assert_allclose(autoencoder.set_params(hidden_bias=True).fit(X).transform(X), code, atol=1e-9)
    assert autoencoder.intercept_hidden_.shape == (8,)
    autoencoder.set_params(hidden_bias=False).partial_fit(X)
    assert not hasattr(autoencoder, "intercept_hidden_")
    assert_allclose(autoencoder.transform(X), code, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_grid_search_and_classifier_without_hidden_bias():
    """The parameter is searched like any other, and class-specific autoencoders do without it too."""
    X, y = DATA["pixels"][:200], LABELS[:200]
    autoencoder = ContractiveAutoencoder(8, max_iter=5, random_state=0)
    search = GridSearchCV(autoencoder, {"hidden_bias": [True, False]}, cv=2, error_score="raise").fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    classifier = ClassSpecificAEClassifier(
        autoencoder.set_params(hidden_bias=False), method="finetune", max_iter=5, random_state=0
    ).fit(X, y)
    for each, E in zip(classifier.estimators_, classifier.transform(X).T, strict=True):
        assert not hasattr(each, "intercept_hidden_")
        assert_allclose(each.score_samples(X), E, rtol=1e-10)


def test_zero_bias_autoencoder_has_no_such_parameter():
    """It never has a hidden bias, so that there is nothing to choose."""
    assert "hidden_bias" not in ZeroBiasAutoencoder().get_params()
