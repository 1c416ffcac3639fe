"""Model: the fitted autoencoder as a value."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from skae import (
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    SaturatingAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.activations import TRec
from skae.dynamics import relax
from skae.model import Model, PipelineModel

SMALL = {"max_iter": 5, "tol": 0, "random_state": 0}
ESTIMATORS = [
    ContractiveAutoencoder(6, **SMALL),
    ContractiveAutoencoder(6, hidden_bias=False, activation="relu", **SMALL),
    ContractiveAutoencoder(6, visible="bernoulli", **SMALL),
    DenoisingAutoencoder(6, tied_weights=False, **SMALL),
    SaturatingAutoencoder(6, **SMALL),
    ZeroBiasAutoencoder(6, threshold=0.3, **SMALL),
    ZeroBiasAutoencoder(6, activation="tlin", **SMALL),
]


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:100] / 16.0


def arrays(k=3, d=4):
    """Return random W, b and c."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((k, d)), rng.standard_normal(k), rng.standard_normal(d)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_a_fitted_estimator_as_a_model(estimator, dtype, X):
    """The model gives the estimator's results to the bit, and shares its arrays."""
    X = X.astype(dtype)
    fitted = estimator.fit(X)
    model = Model.from_estimator(fitted)
    assert model.W is fitted.components_
    assert model.decoder is fitted.decoder_components_
    assert model.tied == (fitted.decoder_components_ is fitted.components_)
    assert_array_equal(model.code(X, fitted.encoding), fitted.transform(X))
    assert_array_equal(model.reconstruct(X), fitted.reconstruct(X))
    assert_array_equal(model.energy(X), fitted.score_samples(X))
    assert_array_equal(model.vector_field(X), fitted.vector_field(X))
    assert_array_equal(model.laplacian(X), fitted.laplacian(X))
    assert model.energy(X).dtype == dtype


def test_replaced_attributes_count(X):
    """The model reads the public attributes, even if a user has replaced them."""
    fitted = ContractiveAutoencoder(6, **SMALL).fit(X)
    fitted.components_ = 2.0 * fitted.components_
    assert_array_equal(Model.from_estimator(fitted).energy(X), fitted.score_samples(X))


def test_replaced_attributes_may_be_lists(X):
    """Replaced attributes may be lists, and have other dtypes: the model takes the widest."""
    fitted = ContractiveAutoencoder(6, **SMALL).fit(X.astype(np.float32))
    expected = fitted.score_samples(X.astype(np.float32))
    fitted.components_ = fitted.components_.tolist()
    fitted.intercept_visible_ = fitted.intercept_visible_.tolist()
    np.testing.assert_allclose(fitted.score_samples(X.astype(np.float32)), expected, rtol=1e-5)
    assert Model.from_estimator(fitted).W.dtype == np.float64


def test_a_decoder_that_is_the_encoder_is_tied():
    """With V=W the weights are tied, so the energy is the potential; integers become floats."""
    W = np.array([[1, 0], [0, 2]])
    model = Model(W, np.zeros(2, dtype=int), [0, 0], "tanh", V=W)
    assert model.tied
    assert model.W.dtype == np.float64
    assert model.energy(np.ones((1, 2)))[0] == pytest.approx(np.log(np.cosh([1.0, 2.0])).sum() - 1.0)


def test_a_single_row_is_enough():
    """The energy of one row equals the one computed by hand: E = softplus(w.x + b) - |x - c|^2/2."""
    model = Model(np.array([[2.0]]), np.array([1.0]), np.array([0.5]), "sigmoid")
    assert model.energy(np.array([[3.0]]))[0] == pytest.approx(np.log1p(np.exp(7.0)) - 0.5 * 2.5**2)
    points, _, converged = relax(model, np.array([[3.0]]))
    assert converged.all()
    assert np.abs(model.vector_field(points)).max() <= 1e-4


def test_encodings():
    """The four encodings equal their formulas, with and without hidden bias."""
    W, b, c = arrays()
    X, model = np.eye(4), Model(W, b, c, TRec(0.5))
    U = X @ W.T
    assert_array_equal(model.code(X, "linear"), U)
    assert_array_equal(model.code(X, "rectified"), np.maximum(U, 0.0))
    assert_array_equal(model.code(X, "rectified_bias"), np.maximum(U + b, 0.0))
    assert_array_equal(model.code(X), (U + b) * (U + b > 0.5))
    assert_array_equal(Model(W, None, c, TRec(0.5)).code(X, "rectified_bias"), np.maximum(U, 0.0))
    with pytest.raises(ValueError, match=r"encoding must be .*, got 'rectifed'"):
        model.code(X, "rectifed")


def test_it_is_a_value():
    """Attributes cannot be set. `astype` returns a new model for another dtype, and the same model for its own."""
    model = Model(*arrays(), "tanh")
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.W = model.W
    assert model.astype(np.float64) is model
    single = model.astype(np.float32)
    assert {part.dtype for part in (single.W, single.b, single.c)} == {np.dtype(np.float32)}
    assert single.V is None
    assert model.W.dtype == np.float64


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"b": np.zeros(4)},
            r"with W \(components_\) of shape \(3, 4\), b \(intercept_hidden_\) must have shape \(3,\), got \(4,\)",
        ),
        ({"c": np.zeros(3)}, r"c .* must have shape \(4,\), got \(3,\)"),
        ({"V": np.zeros((4, 3))}, r"V .* must have shape \(3, 4\), got \(4, 3\)"),
        ({"activation": "sigmiod"}, "no activation is called 'sigmiod'"),
        ({"visible": "poisson"}, "visible must be one of .*, got 'poisson'"),
        ({"W": np.zeros(3)}, r"W \(components_\) must have shape \(k, d\), got \(3,\)"),
        ({"c": None}, r"c \(intercept_visible_\) must have shape \(d,\), got None"),
    ],
)
def test_what_does_not_go_together_is_refused(changed, words):
    """Arrays and names that do not fit are refused, in a sentence that says what would."""
    W, b, c = arrays()
    with pytest.raises(ValueError, match=words):
        Model(**{"W": W, "b": b, "c": c, "activation": "tanh", **changed})


@pytest.mark.parametrize(
    "wrong",
    [ContractiveAutoencoder(), PCAWhitener(), 3],
    ids=["unfitted", "whitener", "number"],
)
def test_only_fitted_autoencoders_have_a_model(wrong):
    """Other objects are refused, and the error names their class."""
    with pytest.raises(TypeError, match=f"takes a fitted autoencoder of skae, got {type(wrong).__name__}"):
        Model.from_estimator(wrong)


PIPELINES = [
    make_pipeline(ContrastNormalizer(), PCAWhitener(0.9), ContractiveAutoencoder(6, **SMALL)),
    make_pipeline(
        PCAWhitener(20, whiten="zca", eps=0.1), ZeroBiasAutoencoder(6, **SMALL), DenoisingAutoencoder(4, **SMALL)
    ),
    make_pipeline(
        make_pipeline(ContrastNormalizer(0.1), "passthrough"), None, PCAWhitener(9), SaturatingAutoencoder(6, **SMALL)
    ),
    make_pipeline(ContractiveAutoencoder(6, **SMALL)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("pipeline", PIPELINES, ids=range(len(PIPELINES)))
def test_a_pipeline_as_a_model(pipeline, frozen, dtype, X):
    """The model gives the results of the Pipeline to the bit, for all rows and for one."""
    X = (100.0 + X).astype(dtype)
    fitted = clone(pipeline).fit(X)
    model = Model.from_estimator(FrozenEstimator(fitted) if frozen else fitted)
    assert isinstance(model, PipelineModel)
    inputs = fitted[:-1].transform(X) if len(fitted) > 1 else X
    assert_array_equal(model.inputs(X), inputs)
    assert_array_equal(model.code(X, fitted[-1].encoding), fitted.transform(X))
    assert_array_equal(model.energy(X), fitted.score_samples(X))
    assert_array_equal(model.reconstruct(X), fitted[-1].reconstruct(inputs))
    error = fitted[-1].reconstruction_error(inputs)  # in another order
    np.testing.assert_allclose(model.reconstruction_error(X), error, rtol=64 * np.finfo(dtype).eps)
    assert_array_equal(model.energy(X[:1]), fitted.score_samples(X[:1]))
    assert model.energy(X).dtype == dtype


def test_a_pipeline_of_other_steps_has_no_model(X):
    """A step of another library is refused by name, an unfitted one too; functions of one's own take their place."""
    scaled = make_pipeline(MinMaxScaler(), ContractiveAutoencoder(6, **SMALL)).fit(X)
    with pytest.raises(TypeError, match="made of skae's steps that transform, got MinMaxScaler"):
        Model.from_estimator(scaled)
    with pytest.raises(TypeError, match="takes a fitted autoencoder of skae, got PCAWhitener"):
        Model.from_estimator(make_pipeline(ContrastNormalizer(), PCAWhitener()).fit(X))
    with pytest.raises(TypeError, match="takes a fitted autoencoder of skae, got ContractiveAutoencoder"):
        Model.from_estimator(make_pipeline(PCAWhitener(), ContractiveAutoencoder()))
    with pytest.raises(NotFittedError):
        Model.from_estimator(make_pipeline(PCAWhitener(), scaled[-1]))
    model = PipelineModel([scaled[0].transform], Model.from_estimator(scaled[-1]))
    assert_array_equal(model.code(X), scaled.transform(X))


def test_a_pipeline_without_steps_has_no_model(X):
    """Nothing is left of a Pipeline that only passes rows on."""
    with pytest.raises(TypeError, match="ends in an autoencoder, got one without steps"):
        Model.from_estimator(make_pipeline("passthrough", None))


@pytest.mark.parametrize("pipeline", PIPELINES, ids=range(len(PIPELINES)))
def test_a_model_takes_no_rows(pipeline, X):
    """No rows give no results."""
    model = Model.from_estimator(clone(pipeline).fit(X))
    assert model.code(X[:0]).shape == (0, model.model.W.shape[0])
    assert model.energy(X[:0]).shape == model.reconstruction_error(X[:0]).shape == (0,)


def test_a_model_leaves_rows_alone(X):
    """Rows are read only, and their order in memory does not matter."""
    rows = X.copy()
    rows.flags.writeable = False
    for pipeline in PIPELINES:
        model = Model.from_estimator(clone(pipeline).fit(X))
        for order in (np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2], rows[:, ::-1].copy()[:, ::-1]):
            order.flags.writeable = False
            for function in (model.inputs, model.code, model.energy, model.reconstruct, model.reconstruction_error):
                np.testing.assert_allclose(function(order), function(rows), rtol=1e-9, atol=1e-9)


class Halver(FunctionTransformer):
    """A step of a user's own that can be served."""

    def __skae_row_function__(self, dtype):
        return lambda X: X / dtype.type(2.0)


def test_a_step_of_ones_own_in_a_pipeline(X):
    """A transformer that says what it does to bare rows takes part."""
    pipeline = make_pipeline(Halver(lambda X: X / 2.0), ContractiveAutoencoder(6, **SMALL)).fit(X)
    assert_array_equal(Model.from_estimator(pipeline).energy(X), pipeline.score_samples(X))


def test_a_detector_reads_models(X):
    """The integrated gradients of a detector sum to differences of the energy of its autoencoder's model."""
    detector = EnergyOutlierDetector(ContractiveAutoencoder(6, **SMALL)).fit(X)
    contributions, start = detector.explain(X[:5], return_reference=True)
    model = Model.from_estimator(detector.estimator_)
    np.testing.assert_allclose(contributions.sum(axis=1), model.energy(X[:5]) - model.energy(start), atol=1e-6)
