"""Measures of fitted autoencoders."""

import copy
import inspect
import pickle
import pydoc
import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from helpers import NAMES_AND_TYING
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import ContractiveAutoencoder, PCAWhitener, ZeroBiasAutoencoder, metrics
from skae.activations import Activation, as_activation
from skae.metrics import (
    activation_fraction,
    active_set_spectrum,
    bias_statistics,
    dead_unit_fraction,
    denoising_r2,
    frame_bounds,
    lifetime_sparsity,
    neg_score_matching_loss,
    parseval_gap,
    per_feature_error,
    population_sparsity,
    reconstruction_r2,
    score_matching_loss,
)
from skae.persistence import TRUSTED_TYPES

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:ZeroBiasAutoencoder.*active on no training row:UserWarning"),
]

ZERO_BIAS_ACTIVATIONS = ["trec", "tlin"]


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ZeroBiasAutoencoder(**{"n_components": 6, "max_iter": 8, "random_state": 0, **parameters})


def with_weights(activation, X, W, c=0.0):
    """Return an autoencoder without threshold that has the weights W and the visible bias c."""
    autoencoder = make(activation=activation, threshold=0.0).fit(X)
    autoencoder.components_, autoencoder.intercept_visible_ = W, np.broadcast_to(c, X.shape[1]).copy()
    return autoencoder


def orthonormal(rng, d):
    """Return an orthonormal basis, as rows."""
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def test_no_gap_for_an_orthonormal_basis(rng):
    """No gap for a linear basis, a basis and its negative with rectification, and the axes on non-negative data."""
    X, Q = rng.standard_normal((50, 4)), orthonormal(rng, 4)
    cases = [("tlin", X, Q), ("trec", X, np.vstack([Q, -Q])), ("trec", np.abs(X), np.eye(4))]
    for activation, data, W in cases:
        autoencoder = with_weights(activation, data, W)
        assert parseval_gap(autoencoder, data) == pytest.approx(0.0, abs=1e-14)
        assert autoencoder.reconstruction_error(data).max() < 1e-24


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_no_gap_for_an_overcomplete_parseval_frame(copies, rng):
    """Several bases, with lengths whose squares add to 1, are a Parseval frame too."""
    X = rng.standard_normal((50, 4))
    W = np.vstack([orthonormal(rng, 4) for _ in range(copies)]) / np.sqrt(copies)
    assert parseval_gap(with_weights("tlin", X, W), X) == pytest.approx(0.0, abs=1e-14)


def test_no_gap_around_the_visible_bias(rng):
    """With a visible bias outside the span of the weights, there is no gap for rows around it."""
    Q = orthonormal(rng, 5)
    c = 3.0 * Q[4]
    X = rng.standard_normal((50, 4)) @ Q[:4] + c
    autoencoder = with_weights("tlin", X, Q[:4], c)
    assert parseval_gap(autoencoder, X) == pytest.approx(0.0, abs=1e-13)
    assert autoencoder.reconstruction_error(X).max() < 1e-24


@pytest.mark.parametrize("activation", ZERO_BIAS_ACTIVATIONS)
def test_no_gap_at_fixed_points(activation, rng):
    """At fixed points the gap is 0 for any visible bias: an exact reconstruction gives Parseval's identity."""
    X = make_X(rng) + 1.0
    autoencoder = make(activation=activation, threshold=0.1, max_iter=60).fit(X)
    points, _, converged = autoencoder.relax(X, tol=1e-8, max_iter=5000)
    points = points[converged]
    offset = points - autoencoder.intercept_visible_
    assert len(points) > 50
    assert np.abs((offset**2 - points * offset).sum(axis=1)).mean() > 1e-3 * (offset**2).sum(axis=1).mean()  # c counts
    assert parseval_gap(autoencoder, points) < 2e-7


def test_gap_of_an_orthogonal_basis_with_visible_bias(rng):
    """An orthogonal basis reconstructs x + c, not x: the gap is |x.c| / (|x| |x - c|), the field along x."""
    X, c = rng.standard_normal((50, 4)), np.full(4, 0.5)
    autoencoder = with_weights("tlin", X, orthonormal(rng, 4), c)
    total = (np.linalg.norm(X, axis=1) * np.linalg.norm(X - c, axis=1)).sum()
    assert parseval_gap(autoencoder, X) == pytest.approx(np.abs(X @ c).sum() / total)
    along = np.abs((X * autoencoder.vector_field(X)).sum(axis=1)).sum()
    assert parseval_gap(autoencoder, X) == pytest.approx(along / total)


def test_gap_where_the_right_side_vanishes():
    """x.(x - c) is 0 on the sphere with diameter c, and negative inside it: the gap is finite there."""
    X = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.5], [1.0, -0.5]])
    autoencoder = with_weights("trec", X, np.eye(2), np.array([2.0, 0.0]))
    norms = np.linalg.norm(X, axis=1) * np.linalg.norm(X - [2.0, 0.0], axis=1)
    squares = np.array([2.0, 1.0, 1.25, 1.0])
    assert parseval_gap(autoencoder, X[:2]) == pytest.approx(squares[:2].sum() / norms[:2].sum())
    assert parseval_gap(autoencoder, X[2:]) == pytest.approx((squares[2:] + 0.75).sum() / norms[2:].sum())


def test_gap_of_other_linear_units(rng):
    """Identity and relu units without hidden bias are linear where active, so an orthonormal basis has a gap of 0."""
    X, Q = rng.standard_normal((50, 4)), orthonormal(rng, 4)
    for activation, W in (("identity", Q), ("relu", np.vstack([Q, -Q]))):
        assert parseval_gap(linear(X, W, np.zeros(len(W)), np.zeros(4), activation), X) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(
    ("parameters", "b", "message"),
    [
        ({"activation": "relu"}, 0.1, r"no hidden bias.*got ContractiveAutoencoder.*and a hidden bias"),
        ({"activation": "identity", "tied_weights": False}, 0.0, r"tied weights.*tied_weights=False"),
        ({"activation": "relu", "visible": "bernoulli"}, 0.0, r"visible='gaussian'.*visible='bernoulli'"),
        ({"activation": "shrink", "threshold": 0.1}, 0.0, r"linear where they are active.*activation='shrink'"),
        ({"activation": "sigmoid"}, 0.0, r"linear where they are active.*activation='sigmoid'"),
        ({"activation": "softmax"}, 0.0, r"linear where they are active.*activation='softmax'"),
    ],
)
def test_gap_refuses_models_without_the_identity(parameters, b, message, rng):
    """Models with hidden biases, untied weights, bernoulli or nonlinear units do not have the identity: refused."""
    X = expit(make_X(rng))
    autoencoder = make_contractive(alpha=0.0, **parameters).fit(X)
    autoencoder.intercept_hidden_ = np.full(6, b)
    with pytest.raises(ValueError, match=message):
        parseval_gap(autoencoder, X)


def test_gap_of_known_frames(rng):
    """The gap is 1 if no unit is active, and |s^2 - 1| if the basis is s times too long."""
    X, Q = rng.standard_normal((50, 4)), orthonormal(rng, 4)
    autoencoder = with_weights("tlin", X, Q)
    autoencoder.threshold_ = 1e6
    assert parseval_gap(autoencoder, X) == 1.0
    for s in (0.5, 2.0):
        assert parseval_gap(with_weights("tlin", X, s * Q), X) == pytest.approx(abs(s**2 - 1.0))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ZERO_BIAS_ACTIVATIONS)
def test_gap_is_the_formula(activation, dtype, kind, rng):
    """The gap equals the formula, summed row by row: |sum of squares of the active - x.(x - c)| / |x| |x - c|."""
    X = (rng.standard_normal((90, 5)) * [1.0, 2.0, 1.0, 0.5, 1.0]).astype(dtype)
    autoencoder = make(activation=activation, threshold=0.5).fit(X)
    gap = total = 0.0
    for x in X.astype(float):
        u = autoencoder.components_.astype(float) @ x
        active = u > autoencoder.threshold_ if activation == "trec" else u**2 > autoencoder.threshold_
        offset = x - autoencoder.intercept_visible_.astype(float)
        gap += abs((u[active] ** 2).sum() - x @ offset)
        total += np.linalg.norm(x) * np.linalg.norm(offset)
    result = parseval_gap(autoencoder, kind(X))
    assert type(result) is float
    assert result == pytest.approx(gap / total, rel=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("elements", [1, 2**9])
def test_gap_does_not_depend_on_the_blocks(elements, rng, monkeypatch):
    """The size of the chunks of rows changes nothing."""
    X = rng.standard_normal((300, 5))
    autoencoder = make().fit(X)
    whole = parseval_gap(autoencoder, X)
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", elements)
    assert parseval_gap(autoencoder, X) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("activation", ZERO_BIAS_ACTIVATIONS)
def test_gap_falls_with_training(activation):
    """Minimising the squared error brings the active weights near a Parseval frame (ZAE 3.2)."""
    X = PCAWhitener(30).fit_transform(load_digits().data[:600])
    gaps = [
        parseval_gap(make(activation=activation, n_components=60, max_iter=max_iter).fit(X), X)
        for max_iter in (1, 10, 60)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_gap_does_not_depend_on_the_scale(rng):
    """The gap is a ratio: scaling data and model together does not change it."""
    X = rng.standard_normal((60, 5))
    assert parseval_gap(make().fit(1024.0 * X), 1024.0 * X) == parseval_gap(make().fit(X), X)


def test_gap_without_variance():
    """For rows equal to c, the gap is 0 if no unit is active, infinite if one is; numpy gives no warning."""
    X = np.ones((5, 2))
    autoencoder = with_weights("trec", X, np.array([[1.0, -1.0]]), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parseval_gap(autoencoder, X) == 0.0
        autoencoder.components_ = np.array([[1.0, 1.0]])
        assert parseval_gap(autoencoder, X) == np.inf


def test_gap_refuses(rng):
    """An unfitted estimator, a wrong number of features and NaN are refused; the model and X do not change."""
    X = rng.standard_normal((20, 3))
    with pytest.raises(NotFittedError):
        parseval_gap(make(), X)
    autoencoder, before = make().fit(X), X.copy()
    with pytest.raises(ValueError, match=r"2 features.*3 features"):
        parseval_gap(autoencoder, X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        parseval_gap(autoencoder, np.full((2, 3), np.nan))
    parseval_gap(autoencoder, X)
    assert_array_equal(X, before)


# The measures of every autoencoder

SCORERS = [denoising_r2, reconstruction_r2, neg_score_matching_loss]
OF_UNITS = [activation_fraction, dead_unit_fraction, lifetime_sparsity, population_sparsity, active_set_spectrum]
MEASURES = [denoising_r2, reconstruction_r2, per_feature_error, score_matching_loss, neg_score_matching_loss, *OF_UNITS]
FLOATS = {denoising_r2, reconstruction_r2, score_matching_loss, neg_score_matching_loss, *OF_UNITS[:2]}

every_measure = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)


every_scorer = pytest.mark.parametrize("scorer", SCORERS, ids=str)

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "clone": lambda scorer: clone(scorer, safe=False),
    "pickle": lambda scorer: pickle.loads(pickle.dumps(scorer)),
    "skops": lambda scorer: skops.io.loads(skops.io.dumps(scorer), trusted=TRUSTED_TYPES),
}


def make_contractive(**parameters):
    """Return a small autoencoder with hidden biases that trains in milliseconds."""
    return ContractiveAutoencoder(**{"n_components": 6, "max_iter": 8, "random_state": 0, **parameters})


def make_X(rng, n=200, d=5):
    """Return correlated rows around a mean that is not zero."""
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)


def linear(X, W, b, c, activation="identity"):
    """Return an autoencoder without penalty that has these parameters, and the moments of X."""
    autoencoder = make_contractive(activation=activation, alpha=0.0, max_iter=1).fit(X)
    autoencoder.components_, autoencoder.intercept_hidden_, autoencoder.intercept_visible_ = W, b, c
    return autoencoder


def hidden(autoencoder, X):
    """Return h(Wx + b), from the public attributes."""
    activation = as_activation(autoencoder.activation, autoencoder.threshold)
    return activation.value(X @ autoencoder.components_.T + autoencoder.intercept_hidden_)


def test_everything_public_is_tested():
    """The list of measures in these tests has everything that the module exports."""
    assert {measure.__name__ for measure in [*MEASURES, parseval_gap, bias_statistics, frame_bounds]} == set(
        metrics.__all__
    )


@every_scorer
def test_scorers_look_like_functions(scorer):
    """A scorer has the name, the docstring and the signature of a function, and a short repr in that of a search."""
    parameters = inspect.signature(scorer).parameters
    assert list(parameters) == ["estimator", "X", "y", "sample_weight"]
    assert [parameters[name].default for name in ("y", "sample_weight")] == [None, None]
    assert getattr(metrics, scorer.__name__) is scorer
    assert repr(scorer) == scorer.__name__ == scorer.__qualname__
    assert repr(GridSearchCV(PCAWhitener(), {}, scoring=scorer)).endswith(f"scoring={scorer.__name__})")
    assert scorer.__doc__.partition("\n")[0] in pydoc.render_doc(scorer, renderer=pydoc.plaintext)


@pytest.mark.parametrize("way", COPIES)
@every_scorer
def test_copies_of_scorers(scorer, way, rng):
    """A copy scores the same, is a scorer too, and keeps name, signature and docstring."""
    X = make_X(rng)
    autoencoder, twin = make_contractive().fit(X), COPIES[way](scorer)
    assert twin is not scorer
    assert type(twin) is type(scorer)
    assert twin(autoencoder, X) == scorer(autoencoder, X)
    assert (twin.__name__, twin.__doc__) == (scorer.__name__, scorer.__doc__)
    assert inspect.signature(twin) == inspect.signature(scorer)


@every_scorer
def test_scorers_in_worker_processes(scorer, rng):
    """A search in two processes gives the scores of a search in one."""
    X = make_X(rng)
    searches = [
        GridSearchCV(make_contractive(), {"alpha": [0.01, 1.0]}, scoring=scorer, cv=2, n_jobs=n) for n in (1, 2)
    ]
    one, two = (search.fit(X).cv_results_["mean_test_score"] for search in searches)
    assert_allclose(two, one, rtol=1e-10)


@every_measure
def test_measures_of_a_pipeline(measure, rng):
    """A Pipeline that ends in an autoencoder is measured in the space of its last step; labels have no effect."""
    X = make_X(rng)
    pipeline = make_pipeline(StandardScaler(), PCAWhitener(3), make_contractive()).fit(X)
    inside = pipeline[:-1].transform(X)
    assert_array_equal(measure(pipeline, X), measure(pipeline[-1], inside))
    alone = make_pipeline(make_contractive()).fit(X)
    assert_array_equal(measure(alone, X), measure(alone[-1], X))
    if measure in SCORERS:
        assert measure(pipeline, X, np.arange(len(X))) == measure(pipeline, X)


@every_measure
def test_measures_of_a_pipeline_in_a_pipeline(measure, rng):
    """The last step of a Pipeline may be a Pipeline that ends in an autoencoder."""
    X = make_X(rng)
    nested = make_pipeline(StandardScaler(), make_pipeline(PCAWhitener(3), make_contractive())).fit(X)
    flat = make_pipeline(StandardScaler(), PCAWhitener(3), make_contractive()).fit(X)
    assert_array_equal(measure(nested, X), measure(flat, X))


@every_measure
def test_measures_of_a_frozen_estimator(measure, rng):
    """A frozen Pipeline, and a Pipeline of a frozen step, are measured as they were before."""
    X = make_X(rng)
    pipeline = make_pipeline(StandardScaler(), make_contractive()).fit(X)
    for frozen in (FrozenEstimator(pipeline), make_pipeline(pipeline[0], FrozenEstimator(pipeline[1]))):
        assert_array_equal(measure(frozen, X), measure(pipeline, X))


@every_measure
def test_measures_of_a_frame(measure, rng):
    """A data frame gives the same as its array, even through transformers that return frames."""
    X = make_X(rng)
    frame = pd.DataFrame(X, columns=list("abcde"))
    pipeline = make_pipeline(StandardScaler(), make_contractive())
    expected = measure(clone(pipeline).fit(X), X)
    assert_allclose(measure(pipeline.set_output(transform="pandas").fit(frame), frame), expected, rtol=1e-10)


@every_measure
def test_measures_are_of_their_types(measure, rng):
    """Numbers are Python floats, arrays are finite; X, its labels and the model do not change."""
    X = make_X(rng)
    autoencoder, before = make_contractive().fit(X), X.copy()
    X.flags.writeable = False
    state = dict(vars(autoencoder))
    result = measure(autoencoder, X)
    assert type(result) is float if measure in FLOATS else result.dtype == np.float64
    assert np.isfinite(result).all()
    assert_array_equal(X, before)
    assert vars(autoencoder) == state


@pytest.mark.parametrize("elements", [1, 2**9])
@every_measure
def test_measures_do_not_depend_on_the_blocks(measure, elements, rng, monkeypatch):
    """The size of the chunks of rows changes nothing."""
    X = make_X(rng, n=300)
    autoencoder = make_contractive().fit(X)
    whole = measure(autoencoder, X)
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", elements)
    assert_allclose(measure(autoencoder, X), whole, rtol=1e-11)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_measure
def test_measures_of_sparse_and_float32_rows(measure, dtype, kind, rng):
    """CSR rows give the same as dense rows; float32 rows give nearly the same as float64 rows."""
    X = make_X(rng).astype(np.float32).astype(float)
    X[np.abs(X) < 0.5] = 0.0
    autoencoder = make_contractive().fit(X)
    dense = measure(autoencoder, X.astype(dtype))
    assert_allclose(measure(autoencoder, kind(X.astype(dtype))), dense, rtol=1e-6 if dtype == np.float32 else 1e-12)
    assert_allclose(dense, measure(autoencoder, X), rtol=1e-4 if dtype == np.float32 else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_measure
def test_measures_of_sparse_rows_on_both_routes(measure, dtype, rng, monkeypatch):
    """Where sparse rows stay sparse, the measures are the same to rounding."""
    X = make_X(rng)
    X[np.abs(X) < 0.5] = 0.0
    autoencoder, rows = make_contractive().fit(X), sparse.csr_array(X.astype(dtype))
    expected = measure(autoencoder, rows)
    monkeypatch.setattr("skae.training._sparse_route._CHUNK_CALLS", -np.inf)
    assert_allclose(measure(autoencoder, rows), expected, rtol=1e-5 if dtype == np.float32 else 1e-10)


def test_measures_of_codes_make_no_sparse_row_dense(rng, monkeypatch):
    """Activation fractions and score matching take products with the stored values."""
    X = make_X(rng)
    X[np.abs(X) < 0.5] = 0.0
    autoencoder, rows = make_contractive().fit(X), sparse.csr_array(X)
    monkeypatch.setattr("skae.training._sparse_route._CHUNK_CALLS", -np.inf)

    def refuse(self):
        raise AssertionError("sparse rows have been made dense")

    for kind in (sparse.csr_array, sparse.csc_array):
        monkeypatch.setattr(kind, "toarray", refuse)
    for measure in (activation_fraction, lifetime_sparsity, reconstruction_r2, score_matching_loss):
        assert np.isfinite(measure(autoencoder, rows)).all()


@every_measure
def test_measures_refuse(measure, rng):
    """Measures refuse unfitted models, a wrong number of features, NaN, and wrong values for bernoulli units."""
    X = make_X(rng)
    for unfitted in (make_contractive(), make_pipeline(make_contractive()), make_pipeline(StandardScaler(), make())):
        with pytest.raises(NotFittedError):
            measure(unfitted, X)
    autoencoder = make_contractive().fit(X)
    with pytest.raises(ValueError, match=r"3 features.*5 features"):
        measure(autoencoder, X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        measure(autoencoder, np.full((3, 5), np.nan))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        measure(make_contractive(visible="bernoulli").fit(expit(X)), X)


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@pytest.mark.parametrize(("activation", "tied"), NAMES_AND_TYING)
def test_measures_of_every_model(activation, tied, visible, rng):
    """All measures but score matching take every activation, tied or untied, gaussian or bernoulli."""
    X = 0.05 + 0.9 * expit(make_X(rng, n=40))
    parameters = {"activation": activation, "threshold": 0.1, "alpha": 0.0, "max_iter": 2}
    autoencoder = make_contractive(tied_weights=tied, visible=visible, **parameters).fit(X)
    H = hidden(autoencoder, X)
    for measure in (denoising_r2, reconstruction_r2, per_feature_error, activation_fraction, dead_unit_fraction):
        assert np.isfinite(measure(autoencoder, X)).all()
    assert_array_equal(np.isnan(lifetime_sparsity(autoencoder, X)), ~H.any(axis=0))
    assert_array_equal(np.isnan(population_sparsity(autoencoder, X)), ~H.any(axis=1))


# Reconstruction


def test_denoising_r2_is_the_score(rng):
    """denoising_r2 equals the autoencoder's `score`, on new rows too."""
    X, other = make_X(rng), make_X(rng)
    autoencoder = make_contractive().fit(X)
    for rows in (X, other):
        assert denoising_r2(autoencoder, rows) == autoencoder.score(rows)


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("tied", [True, False])
def test_denoising_r2_is_the_formula(tied, visible, rng):
    """It is 1 - sum |r(x + noise) - x|^2 / sum |x - mean|^2 on average, with noise of half the training deviations."""
    X = expit(make_X(rng, n=1500))
    autoencoder = make_contractive(tied_weights=tied, visible=visible, max_iter=30).fit(X[:500])
    V, ratios = autoencoder.decoder_components_, []
    for _ in range(20):
        noisy = X + 0.5 * X[:500].std(axis=0) * rng.standard_normal(X.shape)
        A = hidden(autoencoder, noisy) @ V + autoencoder.intercept_visible_
        R = A if visible == "gaussian" else expit(A)
        ratios.append(((R - X) ** 2).sum() / ((X - X[:500].mean(axis=0)) ** 2).sum())
    assert denoising_r2(autoencoder, X) == pytest.approx(1.0 - np.mean(ratios), abs=0.01)


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@pytest.mark.parametrize(
    ("activation", "tied"), [pair for pair in NAMES_AND_TYING if pair[0] in ("sigmoid", "relu", "softmax", "max")]
)
def test_reconstruction_r2_is_the_formula(activation, tied, visible, rng):
    """It is 1 - sum |r(x) - x|^2 / sum |x - mean|^2 with the training mean; on training rows it equals r2_score."""
    X, other = (expit(make_X(rng)) for _ in range(2))
    autoencoder = make_contractive(activation=activation, alpha=0, tied_weights=tied, visible=visible).fit(X)
    for rows in (X, other):
        residual = ((autoencoder.reconstruct(rows) - rows) ** 2).sum()
        expected = 1.0 - residual / ((rows - X.mean(axis=0)) ** 2).sum()
        assert reconstruction_r2(autoencoder, rows) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    by_sklearn = r2_score(X, autoencoder.reconstruct(X), multioutput="variance_weighted")
    assert reconstruction_r2(autoencoder, X) == pytest.approx(by_sklearn, rel=1e-12, abs=1e-12)


def test_reconstruction_r2_of_known_maps(rng):
    """The identity scores 1, the mean 0, and a projection the share of the variance that it keeps."""
    X = make_X(rng)
    mean, (_, S, directions) = X.mean(axis=0), np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    for k, expected in ((5, 1.0), (2, (S[:2] ** 2).sum() / (S**2).sum()), (1, S[0] ** 2 / (S**2).sum())):
        W = directions[:k]
        assert reconstruction_r2(linear(X, W, -W @ mean, mean), X) == pytest.approx(expected, abs=1e-12)
    assert reconstruction_r2(linear(X, np.zeros((2, 5)), np.zeros(2), mean), X) == pytest.approx(0.0, abs=1e-12)


def test_reconstruction_r2_without_variance():
    """With a zero denominator, the score is that of r2_score: 1 without residual, else 0."""
    X = np.full((8, 3), 2.0)
    assert reconstruction_r2(linear(X, np.zeros((4, 3)), np.zeros(4), np.full(3, 2.0)), X) == 1.0
    assert reconstruction_r2(linear(X, np.zeros((4, 3)), np.zeros(4), np.full(3, 2.5)), X) == 0.0


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("tied", [True, False])
def test_per_feature_error_is_the_formula(tied, visible, rng):
    """It is the mean of the squared residual of each feature."""
    X = expit(make_X(rng, n=300))
    autoencoder = make_contractive(tied_weights=tied, visible=visible).fit(X[:200])
    result = per_feature_error(autoencoder, X)
    assert result.shape == (5,)
    assert_allclose(result, ((X - autoencoder.reconstruct(X)) ** 2).mean(axis=0), rtol=1e-12)
    assert_allclose(result, autoencoder.reconstruction_error(X, per_feature=True).mean(axis=0), rtol=1e-12)
    assert result.sum() == pytest.approx(autoencoder.reconstruction_error(X).mean())


@pytest.mark.parametrize("scale", [2.0**-80, 1.0, 2.0**80])
def test_sums_are_in_float64(scale, rng):
    """Means are float64 and scale with the data, even if squares of float32 residuals leave the range of float32."""
    X, W, c = rng.standard_normal((200, 3)).astype(np.float32).astype(float), 0.6 * np.eye(3), rng.standard_normal(3)
    plain, scaled = linear(X, W, np.zeros(3), c), linear(scale * X, W, np.zeros(3), scale * c)
    rows = (scale * X).astype(np.float32)
    result = per_feature_error(scaled, rows)
    assert_allclose(result, scale**2 * per_feature_error(plain, X), rtol=1e-5)
    assert result.dtype == np.float64
    assert_allclose(score_matching_loss(scaled, rows), score_matching_loss(plain, X) / scale**2, rtol=1e-5)
    assert_allclose(reconstruction_r2(scaled, rows), reconstruction_r2(plain, X), rtol=1e-5)


# Score matching


def score_matching_terms(autoencoder, X):
    """Return mean |r - x|^2, and the mean Laplacian by central differences of the score."""
    step, E = 1e-4, autoencoder.score_samples
    shifts = step * np.eye(X.shape[1])
    gradient = np.stack([(E(X + shift) - E(X - shift)) / (2 * step) for shift in shifts])
    laplacian = sum(E(X + shift) - 2.0 * E(X) + E(X - shift) for shift in shifts) / step**2
    return (gradient**2).sum(axis=0).mean(), laplacian.mean()


@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "softplus", "synchrony", "softmax", "square"])
def test_score_matching_is_the_formula(activation, rng):
    """J = t^2/2 mean |grad E|^2 + t mean laplacian E, with t from X_train if given, else from X."""
    X = 0.3 * make_X(rng)
    train, other = X[:120], X[120:]
    autoencoder = make_contractive(n_components=3, activation=activation, alpha=0, max_iter=20).fit(train)
    (a, b), (a_train, b_train) = (score_matching_terms(autoencoder, rows) for rows in (other, train))
    t = max(0.0, -b_train / a_train)
    expected = 0.5 * t**2 * a + t * b
    assert t > 0.0
    assert score_matching_loss(autoencoder, other, train) == pytest.approx(expected, rel=1e-4)
    assert score_matching_loss(autoencoder, other) == pytest.approx(-(b**2) / (2.0 * a), rel=1e-4)
    assert neg_score_matching_loss(autoencoder, other) == -score_matching_loss(autoencoder, other)
    assert score_matching_loss(autoencoder, other, other) == score_matching_loss(autoencoder, other)


def test_score_matching_temperature_is_the_best_on_the_training_rows(rng):
    """No other t gives the training rows a lower loss; for new rows, their own t gives a lower loss."""
    X = make_X(rng)
    train, other = X[:120], X[120:]
    autoencoder = make_contractive(max_iter=30).fit(train)
    residual = (autoencoder.vector_field(train) ** 2).sum(axis=1).mean()
    laplacian = autoencoder.laplacian(train).mean()
    losses = [0.5 * t**2 * residual + t * laplacian for t in np.geomspace(1e-3, 1e3, 400)]
    assert score_matching_loss(autoencoder, train) <= min(losses)
    assert score_matching_loss(autoencoder, other) < score_matching_loss(autoencoder, other, train)


def test_score_matching_in_a_pipeline_transforms_the_training_rows(rng):
    """The steps of a Pipeline transform X_train as they transform X."""
    X = 10.0 * make_X(rng) + 50.0
    pipeline = make_pipeline(StandardScaler(), make_contractive()).fit(X[:120])
    inside = pipeline[0].transform(X)
    expected = score_matching_loss(pipeline[-1], inside[120:], inside[:120])
    assert score_matching_loss(pipeline, X[120:], X[:120]) == expected


def test_score_matching_of_a_repelling_model(rng):
    """If the mean Laplacian is positive, no density fits: the temperature is infinite and the loss 0."""
    X = rng.standard_normal((50, 3))
    autoencoder = linear(X, 2.0 * np.eye(3), np.zeros(3), np.zeros(3))
    assert score_matching_loss(autoencoder, X) == 0.0
    assert neg_score_matching_loss(autoencoder, X) == 0.0


def gaussian_model(X, precision, mean):
    """Return an autoencoder of identity units with the energy -(x - mean)^T precision (x - mean)/2, up to a factor."""
    size = 1.1 * np.linalg.eigvalsh(precision).max()
    W = np.linalg.cholesky(np.eye(len(mean)) - precision / size).T
    return linear(X, W, np.zeros(len(mean)), mean - W.T @ W @ mean)


def test_score_matching_is_least_at_the_true_precision(rng):
    """For gaussian data and identity units, the held-out loss is lowest near the true precision: -trace/2 there."""
    mean, mixing = np.array([1.0, -2.0, 0.5]), rng.standard_normal((3, 3))
    precision = np.linalg.inv(mixing @ mixing.T + 0.3 * np.eye(3))
    draw = np.linalg.cholesky(np.linalg.inv(precision))
    train, other = (mean + rng.standard_normal((4000, 3)) @ draw.T for _ in range(2))
    values, vectors = np.linalg.eigh(precision)

    def loss(factor, which):
        changed = values * np.where(np.arange(3) == which, factor, 1.0)
        return score_matching_loss(gaussian_model(train, (vectors * changed) @ vectors.T, mean), other, train)

    best = loss(1.0, 0)
    assert best == pytest.approx(-0.5 * values.sum(), rel=0.1)
    centred = other - mean
    floor = -0.5 * np.trace(np.linalg.inv(centred.T @ centred / len(other)))
    for which in range(3):
        factors = [0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0]
        losses = [loss(factor, which) for factor in factors]
        assert 0.8 <= factors[int(np.argmin(losses))] <= 1.25
        assert losses[0] > best < losses[-1]
        assert min(losses) >= floor - 1e-9
    assert score_matching_loss(gaussian_model(train, precision, mean + 0.5), other, train) > best
    assert score_matching_loss(gaussian_model(train, np.eye(3), mean), other, train) > best


def test_training_by_score_matching_finds_the_precision(rng):
    """The laplacian penalty is score matching for exp(E/alpha), so identity units learn the precision of the data."""
    X = rng.standard_normal((3000, 2)) @ np.array([[1.0, 0.0], [0.5, 0.6]]) + 3.0
    train, other = X[:2000], X[2000:]
    alpha = 0.1
    autoencoder = ContractiveAutoencoder(
        4, activation="identity", penalty="laplacian", alpha=alpha, solver="lbfgs", max_iter=500, tol=1e-9
    ).fit(train)
    precision = (np.eye(2) - autoencoder.components_.T @ autoencoder.components_) / alpha
    expected = np.linalg.inv(np.cov(train.T, bias=True))
    assert_allclose(precision, expected, rtol=1e-2, atol=1e-2)
    terms = (autoencoder.vector_field(train) ** 2).sum(axis=1).mean(), autoencoder.laplacian(train).mean()
    assert -terms[1] / terms[0] == pytest.approx(1.0 / alpha, rel=1e-2)
    assert score_matching_loss(autoencoder, train) == pytest.approx(-0.5 * np.trace(expected), rel=1e-3)
    assert score_matching_loss(autoencoder, other, train) == pytest.approx(-0.5 * np.trace(expected), rel=0.1)


@pytest.mark.parametrize("measure", [score_matching_loss, neg_score_matching_loss])
@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"tied_weights": False}, "tied_weights=False"),
        ({"visible": "bernoulli"}, "visible='bernoulli'"),
        ({"activation": "trec"}, "activation='trec'"),
        ({"activation": "tlin"}, "activation='tlin'"),
        ({"activation": "max", "alpha": 0.0}, "activation='max'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_score_matching_refuses_models_without_a_smooth_energy(parameters, named, measure, rng):
    """Models without a smooth energy are refused; the error says what is needed and what was given."""
    X = expit(make_X(rng))
    with pytest.raises(ValueError, match=f"score matching needs tied weights.*continuous.*{named}"):
        measure(make_contractive(**parameters).fit(X), X)
    with pytest.raises(ValueError, match=f"score matching needs tied weights.*continuous.*{named}"):
        measure(make_pipeline(MinMaxScaler(clip=True), make_contractive(**parameters)).fit(X), X)


def test_score_matching_refuses_zero_bias_units(rng):
    """Zero-bias units are refused, because their activations jump."""
    X = make_X(rng)
    with pytest.raises(ValueError, match=r"score matching needs.*'trec'"):
        score_matching_loss(make().fit(X), X)


class Undifferentiable(Activation):
    """h(u) = tanh(u), without a derivative."""

    name = "undifferentiable"

    def value(self, u, out=None):
        return np.tanh(u, out=out)

    def backward(self, u, h, grad_h, out=None):
        return np.multiply(grad_h, 1.0 - h * h, out=out)

    def potential(self, u):
        return np.log(np.cosh(u)).sum(axis=-1)


def test_score_matching_refuses_units_without_a_derivative(rng):
    """An activation without derivative is refused, in a sentence that says what it lacks."""
    X = make_X(rng)
    autoencoder = make_contractive(activation=Undifferentiable(), alpha=0.0).fit(X)
    with pytest.raises(ValueError, match=r"derivative or a divergence.*'undifferentiable'"):
        score_matching_loss(autoencoder, X)


def test_score_matching_refuses_a_vanishing_residual(rng):
    """A model that reconstructs all rows exactly has no best temperature, and neither do constant rows: refused."""
    X = make_X(rng)
    perfect = linear(X, np.eye(5), np.zeros(5), np.zeros(5))
    for loss in (score_matching_loss, neg_score_matching_loss):
        with pytest.raises(ValueError, match=r"residual.*below 1e-06 of the variance.*constant or dependent columns"):
            loss(perfect, X)
    # Data of rank 2, and a model that projects onto their span.
    low = rng.standard_normal((50, 2)) @ rng.standard_normal((2, 5))
    W = np.linalg.svd(low, full_matrices=False)[2][:2]
    with pytest.raises(ValueError, match="residual"):
        score_matching_loss(linear(low, W, np.zeros(2), np.zeros(5)), low)
    # The rows that set the temperature are checked too.
    with pytest.raises(ValueError, match="residual"):
        score_matching_loss(linear(low, W, np.zeros(2), np.zeros(5)), low + 1.0, low)
    constant = np.full((20, 3), 2.0)
    with pytest.raises(ValueError, match="residual"):
        score_matching_loss(linear(constant, np.zeros((2, 3)), np.zeros(2), np.full(3, 2.0)), constant)


# Selection without labels


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.__name__)
def test_grid_search_takes_the_scorers(scorer, rng):
    """A search over a Pipeline takes the scorers as callables, without labels; it scores each fold's held-out rows."""
    X = make_X(rng)
    pipeline = make_pipeline(StandardScaler(), make_contractive(solver="lbfgs", max_iter=20))
    grid = {"contractiveautoencoder__alpha": [0.0, 0.03, 100.0]}
    folds = KFold(3)
    search = GridSearchCV(pipeline, grid, scoring=scorer, cv=folds, error_score="raise").fit(X)
    expected = [
        [
            scorer(clone(pipeline).set_params(contractiveautoencoder__alpha=alpha).fit(X[train]), X[test])
            for alpha in grid["contractiveautoencoder__alpha"]
        ]
        for train, test in folds.split(X)
    ]
    assert_allclose(search.cv_results_["mean_test_score"], np.mean(expected, axis=0), rtol=1e-9)
    assert search.score(X) == scorer(search.best_estimator_, X)
    by_name = cross_val_score(pipeline, X, scoring=scorer, cv=folds)
    assert by_name.shape == (3,)


def test_what_the_scorers_prefer(rng):
    """Reconstruction prefers no penalty, denoising prefers an intermediate one; neither prefers the strongest."""
    X = rng.standard_normal((300, 2)) @ rng.standard_normal((2, 8)) + 0.5 * rng.standard_normal((300, 8))
    grid = {"contractiveautoencoder__alpha": [0.0, 0.1, 100.0]}
    pipeline = make_pipeline(StandardScaler(), make_contractive(n_components=20, solver="lbfgs", max_iter=150))
    chosen = {
        scorer: GridSearchCV(pipeline, grid, scoring=scorer, cv=3).fit(X).best_params_["contractiveautoencoder__alpha"]
        for scorer in (reconstruction_r2, denoising_r2)
    }
    assert chosen == {reconstruction_r2: 0.0, denoising_r2: 0.1}


def test_denoising_r2_is_the_default_of_a_search(rng):
    """GridSearchCV without `scoring` uses `score`, which equals denoising_r2."""
    X = make_X(rng)
    grid = {"alpha": [0.0, 0.1]}
    default = GridSearchCV(make_contractive(), grid, cv=3).fit(X)
    named = GridSearchCV(make_contractive(), grid, cv=3, scoring=denoising_r2).fit(X)
    assert_array_equal(default.cv_results_["mean_test_score"], named.cv_results_["mean_test_score"])


# The code


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softplus", "tanh", "softmax"])
def test_activation_fraction_is_the_formula(activation, rng):
    """It is the share of pairs with |h| above the threshold (SPARSE eq. 14)."""
    X = make_X(rng)
    autoencoder = make_contractive(activation=activation, alpha=0.0).fit(X)
    H = np.abs(hidden(autoencoder, X))
    for threshold in (0.0, 0.1, 0.5, 1e3):
        active = np.greater(H, threshold)
        assert activation_fraction(autoencoder, X, threshold=threshold) == pytest.approx(active.mean())
        assert dead_unit_fraction(autoencoder, X, threshold=threshold) == (~active.any(axis=0)).mean()


def test_activation_fraction_does_not_depend_on_the_encoding(rng):
    """activation_fraction measures h, whatever `transform` returns."""
    X = make_X(rng)
    autoencoder = make_contractive(activation="relu").fit(X)
    expected = [measure(autoencoder, X) for measure in OF_UNITS]
    for encoding in ("rectified", "rectified_bias", "linear"):
        autoencoder.set_params(encoding=encoding)
        for measure, value in zip(OF_UNITS, expected, strict=True):
            assert_array_equal(measure(autoencoder, X), value)


def test_activation_fraction_of_zero_bias_units(rng):
    """Units without bias count as active if they exceed their threshold, which is in X's units."""
    X = make_X(rng)
    for activation in ZERO_BIAS_ACTIVATIONS:
        autoencoder = make(activation=activation).fit(X)
        U = X @ autoencoder.components_.T
        active = (U if activation == "trec" else U**2) > autoencoder.threshold_
        assert activation_fraction(autoencoder, X) == pytest.approx(active.mean())
        assert dead_unit_fraction(autoencoder, X) == (~active.any(axis=0)).mean()


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
def test_sparsities_are_the_formula(activation, rng):
    """Both are (1 - (mean |h|)^2 / mean h^2) / (1 - 1/n), over the samples of a unit or over the units of a sample."""
    X = make_X(rng)
    autoencoder = make_contractive(activation=activation).fit(X)
    H = np.abs(hidden(autoencoder, X))
    for measure, axis in ((lifetime_sparsity, 0), (population_sparsity, 1)):
        with np.errstate(invalid="ignore"):
            expected = (1.0 - H.mean(axis) ** 2 / (H**2).mean(axis)) / (1.0 - 1.0 / H.shape[axis])
        result = measure(autoencoder, X)
        assert_allclose(result, expected, rtol=1e-10, atol=1e-12)
        assert np.nanmin(result) >= 0.0
        assert np.nanmax(result) <= 1.0


def test_sparsity_of_known_codes():
    """One-hot codes have sparsity 1, equal codes 0; with one of three units active, the fraction is a third."""
    X = np.eye(3)
    one_hot = linear(X, np.eye(3), np.zeros(3), np.zeros(3), activation="relu")
    assert_array_equal(lifetime_sparsity(one_hot, X), np.ones(3))
    assert_array_equal(population_sparsity(one_hot, X), np.ones(3))
    assert activation_fraction(one_hot, X) == pytest.approx(1 / 3)
    assert dead_unit_fraction(one_hot, X) == 0.0
    equal = linear(X, np.zeros((4, 3)), np.full(4, 0.3), np.zeros(3), activation="relu")
    assert_allclose(lifetime_sparsity(equal, X), np.zeros(4), atol=1e-14)
    assert_allclose(population_sparsity(equal, X), np.zeros(3), atol=1e-14)
    winner = linear(X, np.eye(3), np.zeros(3), np.zeros(3), activation="max")
    assert_array_equal(population_sparsity(winner, X), np.ones(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dead_units(dtype):
    """Dead units are counted. Their lifetime sparsity is nan, as is a silent row's population sparsity; no warning."""
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, -1.0]], dtype=dtype)
    W = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    autoencoder = linear(X, W, np.array([0.0, 0.0, -2.5, -1.0]), np.zeros(2), activation="relu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dead_unit_fraction(autoencoder, X) == 0.5
        assert dead_unit_fraction(autoencoder, X, threshold=1.9) == 0.75
        assert activation_fraction(autoencoder, X) == 3 / 12
        assert_array_equal(np.isnan(lifetime_sparsity(autoencoder, X)), [False, True, False, True])
        assert_array_equal(np.isnan(population_sparsity(autoencoder, X)), [False, False, True])
        assert lifetime_sparsity(autoencoder, X)[2] == 1.0
        assert population_sparsity(autoencoder, X)[0] == 1.0


def test_sparsities_need_two(rng):
    """A single sample, or a single unit, has no such sparsity: refused in a sentence."""
    X = make_X(rng)
    autoencoder = make_contractive().fit(X)
    with pytest.raises(ValueError, match="at least two samples, got 1"):
        lifetime_sparsity(autoencoder, X[:1])
    assert population_sparsity(autoencoder, X[:1]).shape == (1,)
    with pytest.raises(ValueError, match="at least two units, got 1"):
        population_sparsity(make_contractive(n_components=1).fit(X), X)


# Frames

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def frame(rng, W, activation="identity", b=0.0, n=50):
    """Return an autoencoder with the weights W, and rows."""
    X = rng.standard_normal((n, W.shape[1])).astype(W.dtype)
    return linear(X, W, np.full(len(W), b, dtype=W.dtype), np.zeros(W.shape[1], dtype=W.dtype), activation), X


@every_dtype
def test_bounds_of_known_frames(dtype, rng):
    """An orthonormal basis has bounds 1 and 1, a union of m bases has m and m; rows that do not span have A = 0."""
    bases = [orthonormal(rng, 4) for _ in range(3)]
    tolerance = 50 * float(np.finfo(dtype).eps)
    for m in (1, 2, 3):
        autoencoder, X = frame(rng, np.vstack(bases[:m]).astype(dtype))
        assert frame_bounds(autoencoder) == pytest.approx((m, m), rel=tolerance)
        assert_allclose(active_set_spectrum(autoencoder, X), m, rtol=tolerance)
    for W in (bases[0][:3], np.vstack([bases[0][:2], 2.0 * bases[0][:2]])):
        lower, upper = frame_bounds(frame(rng, W.astype(dtype))[0])
        assert lower == pytest.approx(0.0, abs=tolerance)
        assert upper == pytest.approx(1.0 if len(W) == 3 else 5.0, rel=tolerance)


def test_bounds_are_those_of_the_sum_of_squares(rng):
    """By definition of a frame, A |x|^2 <= sum (w.x)^2 <= B |x|^2, each with equality for some x."""
    W = rng.standard_normal((7, 4))
    autoencoder, X = frame(rng, W, n=500)
    lower, upper = frame_bounds(autoencoder)
    assert type(lower) is float
    assert type(upper) is float
    ratios = ((X @ W.T) ** 2).sum(axis=1) / (X**2).sum(axis=1)
    assert lower <= ratios.min()
    assert ratios.max() <= upper
    x = np.linalg.svd(W)[2]
    assert_allclose(((x @ W.T) ** 2).sum(axis=1)[[-1, 0]], (lower, upper), rtol=1e-12)


def test_bounds_of_a_pipeline_and_an_untied_model(rng):
    """A Pipeline has the bounds of its last step, an untied model those of its encoder; unfitted models are refused."""
    X = make_X(rng)
    pipeline = make_pipeline(StandardScaler(), make_contractive()).fit(X)
    assert frame_bounds(pipeline) == frame_bounds(pipeline[-1])
    untied = make_contractive(tied_weights=False).fit(X)
    spectrum = np.linalg.eigvalsh(untied.components_.T @ untied.components_)
    assert frame_bounds(untied) == pytest.approx((spectrum[0], spectrum[-1]))
    with pytest.raises(NotFittedError):
        frame_bounds(make_contractive())


@every_dtype
@pytest.mark.parametrize("activation", ["relu", "trec", "tlin", "shrink", "sigmoid"])
@pytest.mark.parametrize("n_components", [3, 12])
def test_spectrum_is_that_of_the_active_weights(n_components, activation, dtype, rng):
    """For each row the eigenvalues are numpy's, of the sum of w w^T over the active units; hidden biases count."""
    W = rng.standard_normal((n_components, 5)).astype(dtype)
    threshold = 0.5 if activation == "sigmoid" else 0.0
    autoencoder, X = frame(rng, W, activation, b=-0.3)
    result = active_set_spectrum(autoencoder, X, threshold=threshold)
    U = X @ W.T - 0.3
    active = {"relu": U > 0.0, "trec": U > 1.0, "tlin": U**2 > 1.0, "shrink": np.abs(U) > 1.0, "sigmoid": U > 0.0}
    for row, members in zip(result, active[activation], strict=True):
        expected = np.linalg.eigvalsh(W[members].T.astype(float) @ W[members])
        assert_allclose(row[::-1], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "trec", "tlin", "shrink"])
def test_spectrum_is_that_of_the_dynamics(activation, rng):
    """For units with h' = 1, eigenvalues - 1 are those of the field's Jacobian, and their sum is the Laplacian."""
    X = make_X(rng)
    autoencoder = make_contractive(activation=activation, threshold=0.5, alpha=0.0, max_iter=30).fit(X)
    spectrum = active_set_spectrum(autoencoder, X)
    assert_allclose((spectrum - 1.0).sum(axis=1), autoencoder.laplacian(X), rtol=1e-10, atol=1e-12)
    step = 2.0**-20
    for x, eigenvalues in zip(X[:20], spectrum, strict=False):
        shifts = step * np.eye(len(x))
        difference = autoencoder.vector_field(x + shifts) - autoencoder.vector_field(x - shifts)
        assert_allclose(np.linalg.eigvalsh(difference / (2.0 * step))[::-1], eigenvalues - 1.0, atol=1e-7)


def test_spectrum_counts_the_directions_of_fixed_points(rng):
    """Orthonormal active weights have an eigenvalue of 1 for each direction of fixed points (ZAE eq. 3)."""
    Q = orthonormal(rng, 5)[:3]
    autoencoder, X = frame(rng, np.vstack([Q, -0.5 * Q.sum(axis=0)]), "relu")
    X = np.abs(X[:, :3]) @ Q  # the fourth unit is silent
    assert_allclose(autoencoder.reconstruct(X), X, rtol=0, atol=1e-14)
    assert_array_equal((np.abs(active_set_spectrum(autoencoder, X) - 1.0) < 1e-12).sum(axis=1), 3)


def test_spectrum_refuses(rng):
    """Untied weights have two frames, so they are refused; the error names the class."""
    X = make_X(rng)
    with pytest.raises(ValueError, match="active_set_spectrum needs tied weights, got ContractiveAutoencoder"):
        active_set_spectrum(make_contractive(tied_weights=False).fit(X), X)
    with pytest.raises(TypeError, match="an autoencoder"):
        frame_bounds(StandardScaler().fit(X))


# The biases


def test_bias_statistics_are_the_formulas(rng):
    """The statistics are Python floats with the values of their formulas; for a Pipeline, those of its last step."""
    X = make_X(rng)
    pipeline = make_pipeline(StandardScaler(), make_contractive(n_components=7, max_iter=40)).fit(X.astype(np.float32))
    b = pipeline[-1].intercept_hidden_.astype(float)
    expected = {
        "mean": b.mean(),
        "std": b.std(),
        "min": b.min(),
        "median": np.median(b),
        "max": b.max(),
        "negative_fraction": (b < 0).mean(),
    }
    for estimator in (pipeline, pipeline[-1], make_pipeline(pipeline[-1])):
        result = bias_statistics(estimator)
        assert list(result) == list(expected)
        assert all(type(value) is float for value in result.values())
        assert result == pytest.approx(expected)


def test_bias_statistics_read_what_the_user_put_there(rng):
    """The statistics read the public attribute, even if a user has replaced it; zero is not negative."""
    autoencoder = make_contractive(n_components=4).fit(make_X(rng))
    autoencoder.intercept_hidden_ = np.array([-1, 0, 0, 3])
    result = bias_statistics(autoencoder)
    assert (result["mean"], result["median"], result["min"], result["max"]) == (0.5, 0.0, -1.0, 3.0)
    assert result["negative_fraction"] == 0.25


def test_bias_statistics_refuse(rng):
    """Unfitted models and models without hidden biases are refused."""
    with pytest.raises(NotFittedError):
        bias_statistics(make_contractive())
    with pytest.raises(NotFittedError):
        bias_statistics(make_pipeline(StandardScaler(), make_contractive()))
    with pytest.raises(ValueError, match=r"hidden biases, which ZeroBiasAutoencoder has not"):
        bias_statistics(make().fit(make_X(rng)))


def test_measures_of_a_copy(rng):
    """A deep copy has the same measures."""
    X = make_X(rng)
    autoencoder = make_contractive().fit(X)
    for measure in MEASURES:
        assert_array_equal(measure(copy.deepcopy(autoencoder), X), measure(autoencoder, X))
