"""skae.onnx: what onnxruntime computes from a converted estimator is what the estimator computes."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.mixture import GaussianMixture
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    FineTunedClassifier,
    FineTunedRegressor,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.activations import ACTIVATIONS, Activation, Sigmoid, Softmax

pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import onnx  # noqa: E402
import skl2onnx  # noqa: E402

import skae.onnx  # noqa: E402

BRIEF = {"max_iter": 2, "tol": 0, "random_state": 0}
DATA = {"digits": load_digits, "breast cancer": load_breast_cancer, "wine": load_wine}
OPSETS = range(17, skl2onnx.__max_supported_opset__ + 1)
#: onnxruntime 1.20 returns sums over the columns of no rows in another shape.
TAKES_NO_ROWS = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) > (1, 20)
#: Relative to the largest value, and in float32 to the standard deviation of scores.
TOLERANCES = {np.float64: 1e-10, np.float32: 1e-3}


@pytest.fixture(autouse=True)
def quiet():
    """The fits are brief: their advice is no matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def converted(estimator, X, opset=OPSETS[-1], **options):
    """Convert a fitted estimator; return a function of rows, an array or a table, that runs it in onnxruntime.

    The function returns a dict from the names of the outputs to their values.
    """
    if is_classifier(estimator):
        options = {"zipmap": False, **options}
    options = {id(estimator): options} if options else None
    model = skl2onnx.to_onnx(estimator, X[:1], options=options, target_opset=opset)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]

    def compute(X):
        inputs = {name: X[[name]].to_numpy() for name in X} if hasattr(X, "columns") else {"X": X}
        return dict(zip(names, session.run(None, inputs), strict=True))

    return compute


def run(estimator, X, *arguments, **options):
    """Convert a fitted estimator, and return what onnxruntime computes for X."""
    return converted(estimator, X, *arguments, **options)(X)


def assert_near(found, expected, dtype=None):
    """Compare arrays up to the tolerance of a dtype, in units of the deviation of the values."""
    dtype = found.dtype if dtype is None else np.dtype(dtype)
    found, expected = (np.asarray(each, dtype=np.float64).reshape(len(each), -1) for each in (found, expected))
    unit = np.abs(expected).max() if dtype == np.float64 else expected.std()
    assert np.abs(found - expected).max() <= TOLERANCES[dtype.type] * unit


def rows(name, dtype):
    """Return standardised rows and labels of a data set."""
    X, y = DATA[name](return_X_y=True)
    return StandardScaler().fit_transform(X).astype(dtype)[:400], y[:400]


ESTIMATORS = [
    ContractiveAutoencoder(8, **BRIEF),
    DenoisingAutoencoder(8, tied_weights=False, encoding="rectified_bias", **BRIEF),
    MarginalizedDenoisingAutoencoder(8, activation="tanh", encoding="linear", **BRIEF),
    SaturatingAutoencoder(8, **BRIEF),
    SparseAutoencoder(8, activation="softplus", **BRIEF),
    ZeroBiasAutoencoder(8, **BRIEF),
    PCAWhitener(5),
    PCAWhitener(0.9, whiten="zca"),
    PCAWhitener(4, whiten=None),
    ContrastNormalizer(0.1),
    ClassSpecificAEClassifier(ContractiveAutoencoder(5, **BRIEF), max_iter=2, random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(5, **BRIEF), method="normalize", random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(5, **BRIEF), method="energies", random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(5, **BRIEF), loss="hinge", max_iter=2, random_state=0),
    ClassSpecificAEClassifier(ContractiveAutoencoder(5, alpha=0, **BRIEF), n_factors=6, max_iter=2, random_state=0),
    FineTunedClassifier(ContractiveAutoencoder(8, **BRIEF), max_iter=2, random_state=0),
    FineTunedClassifier(
        make_pipeline(PCAWhitener(5), ContractiveAutoencoder(8, **BRIEF), ZeroBiasAutoencoder(4, **BRIEF)),
        max_iter=2,
        random_state=0,
    ),
    FineTunedRegressor(ContractiveAutoencoder(8, **BRIEF), max_iter=2, random_state=0),
    EnergyOutlierDetector(random_state=0),
    EnergyOutlierDetector(novelty=True, random_state=0),
    EnergyOutlierDetector(ContractiveAutoencoder(8, **BRIEF)),
    EnergyOutlierDetector(make_pipeline(StandardScaler(), ContractiveAutoencoder(8, **BRIEF))),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_onnxruntime_gives_the_same(estimator, data, dtype):
    X, y = rows(data, dtype)
    fitted = estimator.fit(X, y)
    compute = converted(fitted, X, **({"score_samples": True} if is_outlier_detector(fitted) else {}))
    found = compute(X)
    if TAKES_NO_ROWS:
        assert {name: each.shape for name, each in compute(X[:0]).items()} == {
            name: each[:0].shape for name, each in found.items()
        }
    if is_outlier_detector(fitted):
        assert list(found) == ["label", "scores", "score_samples"]
        clear = np.abs(fitted.decision_function(X)) > 1e-5  # the threshold is the score of a row
        assert_array_equal(found["label"][clear, 0], fitted.predict(X)[clear])
        assert_near(found["scores"], fitted.decision_function(X))
        assert_near(found["score_samples"], fitted.score_samples(X))
    elif is_classifier(fitted):
        scores = run(fitted, X, raw_scores=True)["probabilities"]
        assert list(found) == ["label", "probabilities"]
        assert_array_equal(found["label"], fitted.predict(X))
        if hasattr(fitted, "predict_proba"):
            assert_near(found["probabilities"], fitted.predict_proba(X))
        decisions = fitted.decision_function(X)
        assert_near(scores[:, 1] - scores[:, 0] if decisions.ndim == 1 else scores, decisions)
    else:
        assert list(found) == ["variable"]
        assert_near(found["variable"], fitted.predict(X) if hasattr(fitted, "predict") else fitted.transform(X))
    assert all(each.dtype == dtype for name, each in found.items() if name != "label")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("tied", "visible"), [(True, "gaussian"), (False, "bernoulli")])
@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS, "groups"}))
def test_units(activation, tied, visible, dtype):
    unit, X = Softmax(3) if activation == "groups" else activation, load_digits().data[:200].astype(dtype) / 16
    tied = tied or activation == "max"  # whose weights are always tied
    autoencoder = DenoisingAutoencoder(6, activation=unit, tied_weights=tied, visible=visible, **BRIEF).fit(X)
    found = run(autoencoder, X, score_samples=True, reconstruction=True)
    assert list(found) == ["variable", "score_samples", "reconstruction"]
    assert_near(found["variable"], autoencoder.transform(X))
    assert_near(found["score_samples"], autoencoder.score_samples(X))
    assert_near(found["reconstruction"], autoencoder.reconstruct(X))


@examples(25)
@given(
    shape=st.tuples(st.integers(2, 9), st.integers(1, 9), st.integers(1, 9)),
    activation=st.sampled_from(sorted(set(ACTIVATIONS) - {"max"})),
    tied=st.booleans(),
    encoding=st.sampled_from(["natural", "rectified", "rectified_bias", "linear"]),
    exponent=st.integers(-2, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_shapes_and_scales(shape, activation, tied, encoding, exponent, seed):
    n, d, k = shape
    X = 10.0**exponent * np.random.default_rng(seed).standard_normal((n, d))
    options = {"activation": activation, "tied_weights": tied, "encoding": encoding, "noise_level": 0.0}
    autoencoder = DenoisingAutoencoder(k, learning_rate_init=1e-9, **options, **BRIEF).fit(X)
    found = run(autoencoder, X, score_samples=True, reconstruction=True)
    assert_near(found["variable"], autoencoder.transform(X))
    assert_near(found["score_samples"], autoencoder.score_samples(X))
    assert_near(found["reconstruction"], autoencoder.reconstruct(X))


@pytest.mark.parametrize("opset", OPSETS)
def test_opsets(opset):
    X, y = rows("wine", np.float32)
    steps = make_pipeline(
        ContrastNormalizer(),
        FeatureUnion([("a", DenoisingAutoencoder(4, activation="max", **BRIEF)), ("b", PCAWhitener(3))]),
        ClassSpecificAEClassifier(SparseAutoencoder(4, activation="softmax", **BRIEF), max_iter=2, random_state=0),
    ).fit(X, y)
    assert_array_equal(run(steps, X, opset)["label"], steps.predict(X))


def test_within_column_transformers_and_pipelines():
    X, y = rows("breast cancer", np.float64)
    code, axes = ContractiveAutoencoder(5, **BRIEF), PCAWhitener(4)
    parts = ColumnTransformer([("code", code, list(range(12))), ("axes", axes, list(range(12, 30)))])
    pipeline = make_pipeline(ContrastNormalizer(), parts, ZeroBiasAutoencoder(5, **BRIEF)).fit(X, y)
    assert_near(run(pipeline, X)["variable"], pipeline.transform(X))


def test_labels_and_inputs_of_other_types():
    X, y = load_wine(return_X_y=True)
    names, X = np.array(["barbera", "grignolino", "barolo"])[y], X.round().astype(np.int64)
    classifier = make_pipeline(StandardScaler(), ClassSpecificAEClassifier(max_iter=2, random_state=0)).fit(X, names)
    assert run(classifier, X)["label"].tolist() == classifier.predict(X.astype(np.float32)).tolist()
    classifier = ClassSpecificAEClassifier(max_iter=2, random_state=0).fit(rows("wine", np.float64)[0], y > 0)
    found = run(classifier, rows("wine", np.float64)[0])["label"]
    assert_array_equal(found, classifier.predict(rows("wine", np.float64)[0]).astype(np.int64))


def test_whole_numbers_and_tables():
    X = load_wine().data[:, :5]
    X[:, 0] = X[:, 0].round()
    for estimator in (EnergyOutlierDetector(random_state=0), ContractiveAutoencoder(4, **BRIEF)):
        fitted = estimator.fit(X)
        expected = fitted.decision_function if is_outlier_detector(fitted) else fitted.transform
        name = "scores" if is_outlier_detector(fitted) else "variable"
        whole = X.round().astype(np.int64)
        assert_near(run(fitted, whole)[name], expected(whole.astype(np.float32)))
        # float64, although the first column is whole
        table = pd.DataFrame(X, columns=list("abcde")).astype({"a": np.int64})
        found = run(fitted, table)[name]
        assert found.dtype == np.float64
        assert_near(found, expected(X))


def test_detectors_of_text():
    texts = np.array(["a b c d", "b c e", "d e a", "c c b", "e e e f"] * 10)
    vectors = make_pipeline(TfidfVectorizer(token_pattern=r"\w", lowercase=False), TruncatedSVD(2, random_state=0))
    detector = EnergyOutlierDetector(make_pipeline(vectors, ContractiveAutoencoder(2, **BRIEF))).fit(texts)
    found = run(detector, texts[:, None])["scores"]
    assert_near(found, detector.decision_function(texts))


def test_networks_behind_fixed_steps_within_ensembles():
    X, y = rows("wine", np.float64)
    encoder = make_pipeline(PCAWhitener(), ContractiveAutoencoder(6, **BRIEF))
    network = FineTunedClassifier(encoder, max_iter=2, random_state=0)
    for ensemble in (CalibratedClassifierCV(network, cv=2), StackingClassifier([("network", network)], cv=2)):
        fitted = ensemble.fit(X, y)
        assert_near(run(fitted, X)["probabilities"], fitted.predict_proba(X))
    regressor = FineTunedRegressor(encoder, max_iter=2, random_state=0)
    fitted = MultiOutputRegressor(regressor).fit(X, X[:, :2])
    assert_near(run(fitted, X)["variable"], fitted.predict(X))


def test_classes_without_rows():
    X, y = rows("wine", np.float64)
    for loss in ("log_loss", "hinge"):
        classifier = ClassSpecificAEClassifier(ContractiveAutoencoder(4, **BRIEF), loss=loss, random_state=0)
        classifier.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
        found = run(classifier, X, raw_scores=True)
        assert_array_equal(found["label"], classifier.predict(X))
        assert_array_equal(found["probabilities"][:, 2], -np.inf)
        assert_near(found["probabilities"][:, :2], classifier.decision_function(X)[:, :2])


def test_rows_with_nan_are_outliers():
    X, _ = rows("wine", np.float64)
    for estimator in (EnergyOutlierDetector(random_state=0), EnergyOutlierDetector(ContractiveAutoencoder(8, **BRIEF))):
        fitted, broken = estimator.fit(X), X[:3].copy()
        broken[0, 1] = np.nan
        found = run(fitted, broken)
        assert found["label"][0, 0] == -1
        assert np.isnan(found["scores"][0, 0])
        assert_array_equal(found["label"][1:, 0], fitted.predict(X[1:3]))


def test_whitened_float32_rows_far_off_the_origin(rng):
    """What float32 rounds off the mean is added after the product: no digits of small variances are lost."""
    X = (100.3 + rng.standard_normal((300, 3)) * [1.0, 0.1, 0.01]).astype(np.float32)
    whitener = PCAWhitener().fit(X)
    exact = (X - whitener.mean_) @ whitener.components_.T / np.sqrt(whitener.explained_variance_)
    assert np.abs(run(whitener, X)["variable"] - exact).max() < 5e-5


def test_scores_far_out_stay_finite():
    X, _ = rows("wine", np.float64)
    for estimator in (
        EnergyOutlierDetector(novelty=True, random_state=0).fit(X),
        ContractiveAutoencoder(8, activation="softplus", **BRIEF).fit(X),
        ContractiveAutoencoder(8, **BRIEF).fit(X),
    ):
        far = 1e6 * X
        assert_near(run(estimator, far, score_samples=True)["score_samples"], estimator.score_samples(far))
    detector, far = EnergyOutlierDetector(random_state=0).fit(X), (1e30 * X).astype(np.float32)
    assert_near(run(detector, far)["scores"], detector.decision_function(far), np.float64)
    classifier = ClassSpecificAEClassifier(ZeroBiasAutoencoder(4, **BRIEF), max_iter=2, random_state=0)
    classifier.fit(*rows("wine", np.float32)).temperature_ = 1e-3
    far = (1e18 * X[:3]).astype(np.float32)
    assert_near(run(classifier, far)["probabilities"], classifier.predict_proba(far))


class Arctan(Activation):
    name = "arctan"

    def value(self, u, out=None):
        return np.arctan(u, out=out)

    def derivative(self, u, h, out=None):
        return np.divide(1.0, 1.0 + u * u, out=out)


def test_activations_of_ones_own():
    X, _ = rows("wine", np.float64)
    autoencoder = DenoisingAutoencoder(4, activation=Arctan(), **BRIEF).fit(X)
    with pytest.raises(NotImplementedError, match=r"does not know the activation 'arctan'; .*register_activation"):
        run(autoencoder, X)
    skae.onnx.register_activation("arctan", lambda graph, U, activation: graph("Atan", U))
    try:
        # onnxruntime has no Atan of doubles.
        assert_near(run(autoencoder, X.astype(np.float32))["variable"], autoencoder.transform(X))
        with pytest.raises(NotImplementedError, match="no potential of the activation 'arctan'"):
            run(autoencoder, X, score_samples=True)
        skae.onnx.register_activation("arctan", lambda graph, U, activation: None)
        with pytest.raises(TypeError, match=r"'arctan' must return the name of a result, .* got None"):
            run(autoencoder, X)
    finally:
        skae.onnx._units._UNITS.pop("arctan")
    with pytest.raises(TypeError, match="name must be the activation's name"):
        skae.onnx.register_activation(Arctan, lambda graph, U, activation: U)
    with pytest.raises(TypeError, match="must be functions"):
        skae.onnx.register_activation("arctan", "Atan")


class Half(Sigmoid):
    def value(self, u, out=None):
        return np.multiply(super().value(u), 0.5, out=out)


def test_names_of_skaes_own_activations_are_taken():
    X, _ = rows("wine", np.float64)
    autoencoder = DenoisingAutoencoder(4, activation=Half(), **BRIEF).fit(X)
    with pytest.raises(NotImplementedError, match="Half has the name of skae's 'sigmoid'"):
        run(autoencoder, X)


def test_what_cannot_be_converted():
    X, _ = rows("wine", np.float64)
    detector = EnergyOutlierDetector(GaussianMixture(2)).fit(X)
    with pytest.raises(NotImplementedError, match="got GaussianMixture"):
        run(detector, X)
    with pytest.raises(NotFittedError, match="PCAWhitener"):
        run(PCAWhitener(2), X)
    with pytest.raises(ValueError, match="PCAWhitener takes 13 features, and its input has 4"):
        run(PCAWhitener(2).fit(X), X[:, :4])
    with pytest.raises(ValueError, match="target_opset >= 17, got 16"):
        run(PCAWhitener(2).fit(X), X, 16)


def test_the_extra_is_lazy():
    code = "import sys, skae\nassert 'onnx' not in sys.modules\nsys.modules['skl2onnx'] = None\nimport skae.onnx"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        'ImportError: skae.onnx needs ONNX and skl2onnx: pip install "skae[onnx]"'
    )


def test_strings_are_refused(rng):
    """Rows of strings, which the nodes would read as numbers, get a sentence, as in skae."""
    whitener = PCAWhitener(3).fit(rng.standard_normal((50, 4)))
    with pytest.raises(ValueError, match="take numbers, and the input 'X' holds strings"):
        skl2onnx.to_onnx(whitener, np.full((1, 4), "1.0"))
