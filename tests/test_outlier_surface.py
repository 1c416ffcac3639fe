"""What EnergyOutlierDetector and MixtureEnsemble take and refuse, and what it costs."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils import get_tags, validation

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    ZeroBiasAutoencoder,
)
from skae._sklearn_compat import InvalidParameterError
from skae.outlier import FeatureScaler, MixtureEnsemble
from skae.outlier._calibration import cross_fitted_scores

SCORES = ["predict", "decision_function", "score_samples"]


def make_X(rng, n=200, d=4):
    """Correlated rows around a mean that is not zero."""
    return 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)


# -- One row -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SCORES)
@pytest.mark.parametrize("novelty", [False, True])
def test_rows_are_validated_once_at_most(novelty, method, rng, monkeypatch):
    """scikit-learn's validation takes longer than the score of a row: it is for other containers than ndarrays."""
    X = make_X(rng)
    detector = EnergyOutlierDetector(novelty=novelty).fit(X)
    score, calls, original = getattr(detector, method), [], validation.validate_data
    monkeypatch.setattr(
        validation, "validate_data", lambda *args, **kwargs: calls.append(1) or original(*args, **kwargs)
    )
    expected = score(X[:1].tolist())
    assert len(calls) == 1
    for row in (X[:1], np.asfortranarray(X)[:1], X[::-1][-1:]):
        assert_array_equal(score(row), expected)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda X: X[0], "Expected 2D array"),
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[:, 1:], "has 3 features"),
        (lambda X: np.where(X[0, 0] == X, np.nan, X), "contains NaN"),
        (lambda X: np.where(X[0, 0] == X, -np.inf, X), "contains infinity"),
        (lambda X: X + 0j, "Complex data"),
        (lambda X: np.full(X.shape, "a"), "could not convert"),
    ],
)
@pytest.mark.parametrize("method", SCORES)
def test_bad_rows_are_refused(method, spoil, words, rng):
    """The short way through the validation lets nothing through that scikit-learn refuses."""
    X = make_X(rng)
    detector = EnergyOutlierDetector().fit(X)
    with pytest.raises(ValueError, match=words):
        getattr(detector, method)(spoil(X))


def test_rows_whose_sum_overflows_are_scored(rng):
    """A sum that overflows is no infinity among the values."""
    X = make_X(rng)
    assert np.isfinite(EnergyOutlierDetector().fit(X).score_samples(np.full((3, 4), 1e308))).all()


def test_missing_names_are_told(rng):
    """After a fit with names, rows without names warn, as in all of scikit-learn."""
    X = make_X(rng)
    detector = EnergyOutlierDetector().fit(pd.DataFrame(X, columns=list("abcd")))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        detector.score_samples(X)


@pytest.mark.parametrize("model", [EnergyOutlierDetector(), MixtureEnsemble()])
def test_unfitted(model, rng):
    """A model without fitted attributes says so, under its own name."""
    with pytest.raises(NotFittedError, match=type(model).__name__):
        model.score_samples(make_X(rng))


@pytest.mark.parametrize("spoil", [np.asarray, pd.DataFrame, sparse.csr_array, list])
@pytest.mark.parametrize("novelty", [False, True])
def test_missing_values_name_an_imputer(novelty, spoil, rng):
    """The error says in one line what was got, what is wanted, and what to put before; and that works."""
    X = make_X(rng)
    gaps = X.copy()
    gaps[0, 1] = np.nan
    detector = EnergyOutlierDetector(novelty=novelty)
    fitted = clone(detector).fit(X)
    for method in (detector.fit, fitted.fit, *(getattr(fitted, name) for name in (*SCORES, "explain"))):
        with pytest.raises(ValueError, match=r"contains NaN.*a number.*SimpleImputer") as caught:
            method(spoil(gaps))
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"reference takes rows.*contains NaN.*SimpleImputer"):
        fitted.explain(X, spoil(gaps))
    assert np.isfinite(make_pipeline(SimpleImputer(), detector).fit(gaps).score_samples(gaps)).all()


# -- Sparse rows -------------------------------------------------------------------------------------------------------


def sparse_rows(rng, n=300, d=7, dtype=np.float64):
    """Rows of which most numbers are zero."""
    return (rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.3)).astype(dtype)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parameters", [{}, {"novelty": True}, {"novelty": True, "calibration": 0.3}])
def test_sparse_rows_give_the_result_of_dense_rows(parameters, dtype, make, rng):
    """A sparse matrix is another container of the same table: every result is the same, to rounding."""
    X = sparse_rows(rng, dtype=dtype)
    on_dense = EnergyOutlierDetector(**parameters).fit(X)
    on_sparse = EnergyOutlierDetector(**parameters).fit(make(X))
    rtol = 1e-5 if dtype == np.float32 else 1e-9
    assert_allclose(on_sparse.offset_, on_dense.offset_, rtol=rtol)
    for name in ("mean_", "scale_", "centers_"):
        assert_allclose(getattr(on_sparse, name), getattr(on_dense, name), rtol=rtol, atol=rtol)
    for method in (*SCORES, *(["p_values"] if parameters else []), "explain"):
        expected, got = getattr(on_dense, method)(X), getattr(on_sparse, method)(make(X))
        assert_allclose(got, expected, rtol=rtol, atol=rtol)
        assert got.dtype == expected.dtype
    assert_allclose(on_sparse.explain(X[:9], make(X)), on_dense.explain(X[:9], X), rtol=rtol, atol=rtol)


def test_many_sparse_rows(rng):
    """More rows than the model sees: the rows that set the offset are those of the dense table."""
    X = sparse_rows(rng, n=9000, d=4)
    for parameters in ({}, {"novelty": True}):
        on_dense = EnergyOutlierDetector(**parameters).fit(X)
        on_sparse = EnergyOutlierDetector(**parameters).fit(sparse.csr_array(X))
        assert on_sparse.offset_ == on_dense.offset_
        assert_array_equal(on_sparse.score_samples(sparse.csr_array(X)), on_dense.score_samples(X))


def test_the_ensemble_takes_sparse_rows(rng):
    """So does the model itself, for the baseline of an explanation too."""
    X = sparse_rows(rng)
    ensemble, rows = MixtureEnsemble(random_state=0).fit(sparse.csr_array(X)), sparse.csr_array(X[:5])
    assert_array_equal(ensemble.score_samples(rows), MixtureEnsemble(random_state=0).fit(X).score_samples(X[:5]))
    assert_array_equal(ensemble.explain(rows, rows[[0]]), ensemble.explain(X[:5], X[:1]))


def test_a_sparse_table_is_never_dense_as_a_whole(rng):
    """Only the 4096 rows of the fit become dense, and a block of rows at a time in scoring."""
    X = sparse.random(60_000, 100, density=0.01, format="csr", random_state=rng)
    detector = EnergyOutlierDetector().fit(X)
    tracemalloc.start()
    try:
        detector.score_samples(X)
        assert tracemalloc.get_traced_memory()[1] < X.shape[0] * X.shape[1] * 8 / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("estimator", [None, MixtureEnsemble(), ContractiveAutoencoder(2), MinMaxScaler()])
def test_sparse_tag(estimator):
    """The detector takes sparse rows where its model does."""
    expected = estimator is None or get_tags(estimator).input_tags.sparse
    assert get_tags(EnergyOutlierDetector(estimator)).input_tags.sparse == expected


# -- Width -------------------------------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("shape", [(30, 4000), (100, 180), (200, 390), (200, 199)], ids=str)
def test_a_pickle_is_small(shape, novelty, rng):
    """A detector takes at most five times the memory of its training data, whatever their shape."""
    X = rng.standard_normal(shape)
    detector = EnergyOutlierDetector(novelty=novelty).fit(X)
    assert len(pickle.dumps(detector)) < 5 * X.nbytes


# -- The ensemble at the end of a Pipeline -----------------------------------------------------------------------------

STEPS = {
    "fewer components": lambda: [PCAWhitener(0.9, whiten=None)],
    "whitened": lambda: [PCAWhitener()],
    "two steps": lambda: [StandardScaler(), PCAWhitener(0.99, whiten=None)],
    "nested": lambda: [make_pipeline(MinMaxScaler(), StandardScaler()), "passthrough"],
}


def piped(steps, **parameters):
    """A detector whose model is an ensemble after affine steps."""
    return EnergyOutlierDetector(make_pipeline(*STEPS[steps](), MixtureEnsemble(random_state=0, **parameters)))


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("steps", STEPS)
def test_contributions_through_steps_sum_to_the_difference(steps, robust, rng):
    """For skewed data, whose powers bend, and for rows that equal their reference in some features."""
    X = np.exp(make_X(rng, d=6))
    detector = piped(steps, robust=robust).fit(X)
    rows = np.vstack([X[:20], 3.0 * X[:5], X[:3] + 1e-9])
    rows[:10, 2:] = X[50, 2:]
    for reference in (None, X[50:51], X):
        contributions, start = detector.explain(rows, reference, return_reference=True)
        difference = detector.score_samples(rows) - detector.score_samples(start)
        assert_allclose(contributions.sum(axis=1), difference, rtol=1e-6, atol=1e-6)
    contributions = detector.explain(rows[:10], X[50:51])
    assert_array_equal(contributions[:, 2:], 0.0)


@pytest.mark.parametrize("robust", [False, True])
def test_contributions_after_scaled_features_are_those_without_steps(robust, rng):
    """A step that scales each feature by a power of two changes neither the scores nor their explanation."""
    X = np.exp(make_X(rng))
    scaler = FunctionTransformer(lambda X: X * np.array([4.0, 1.0, 0.5, 2.0]))
    alone = EnergyOutlierDetector(MixtureEnsemble(robust=robust, random_state=0)).fit(X)
    after = EnergyOutlierDetector(make_pipeline(scaler, MixtureEnsemble(robust=robust, random_state=0))).fit(X)
    assert_array_equal(after.score_samples(X), alone.score_samples(X))
    assert_allclose(after.explain(2.0 * X, X[:9]), alone.explain(2.0 * X, X[:9]), rtol=1e-6, atol=1e-6)


def test_the_culprit_is_found_through_a_whitener(rng):
    """The feature that was changed has the most negative contribution."""
    X = rng.standard_normal((400, 3)) @ rng.standard_normal((3, 8)) + 0.1 * rng.standard_normal((400, 8))
    detector = EnergyOutlierDetector(make_pipeline(PCAWhitener(whiten=None), MixtureEnsemble(robust=True))).fit(X)
    odd = X[:8] + 10.0 * np.eye(8)
    assert_array_equal(detector.explain(odd).argmin(axis=1), np.arange(8))


def test_a_step_that_is_not_affine_is_refused(rng):
    """No matrix takes the field back through a curve."""
    X = np.exp(make_X(rng))
    detector = EnergyOutlierDetector(make_pipeline(FunctionTransformer(np.log1p), MixtureEnsemble(robust=True))).fit(X)
    with pytest.raises(ValueError, match="steps that are affine"):
        detector.explain(X[:3])


@pytest.mark.parametrize("unskew", [False, True])
def test_chords(unskew, rng):
    """A chord times its length is a difference of marginals; where rows are equal, it is the derivative."""
    X = np.exp(make_X(rng))
    scaler = FeatureScaler(unskew, whiten=False).fit(X)
    start, X = X[:100], X[100:]
    assert_allclose(scaler.chords(start, X) * (X - start), scaler.marginals(X) - scaler.marginals(start), atol=1e-12)
    step = 1e-5 * scaler.deviation_
    derivative = (scaler.marginals(X + step) - scaler.marginals(X - step)) / (2.0 * step)
    assert_allclose(scaler.chords(X, X), derivative, rtol=1e-5)
    assert_allclose(scaler.chords(X, X + 1e-9 * step), derivative, rtol=1e-5)


@pytest.mark.parametrize(("shape", "folds"), [((20, 3), 20), ((100, 5), 40), ((100, 20_000), 5), ((30, 20_000), 16)])
def test_number_of_folds(shape, folds):
    """Few rows are scored in many folds, but wide tables are not fitted many times."""

    class Counting(BaseEstimator):
        fits = 0

        def fit(self, X, y=None):
            Counting.fits += 1
            return self

        def score_samples(self, X):
            return np.zeros(len(X))

    cross_fitted_scores(Counting(), np.zeros(shape), "auto", 0)
    assert Counting.fits == folds


# -- Names of columns --------------------------------------------------------------------------------------------------


def mixed_table(rng, n=200):
    """A table of three numbers, of which one is far larger than the others, and a word."""
    table = pd.DataFrame(make_X(rng, n=n, d=3) * [1.0, 1.0, 1e3], columns=["a", "b", "c"])
    return table.assign(color=rng.choice(["red", "green"], n))


def encoded(**parameters):
    """A step that makes numbers of the table."""
    return make_column_transformer((OneHotEncoder(**parameters), ["color"]), (StandardScaler(), ["c", "a", "b"]))


@pytest.mark.parametrize("between", [(), (PCAWhitener(whiten="zca"),), (ContrastNormalizer(),)], ids=str)
@pytest.mark.parametrize("output", [None, "sparse", "pandas", "polars"])
def test_contributions_have_the_names_of_the_columns_before(output, between, rng):
    """`pipeline[:-1].get_feature_names_out()` names them in the order of the columns, in every container."""
    table = mixed_table(rng)
    pipeline = make_pipeline(encoded(sparse_output=output == "sparse"), *map(clone, between), EnergyOutlierDetector())
    if output in ("pandas", "polars"):
        pipeline.set_output(transform=output)
    pipeline.fit(table)
    names = pipeline[:-1].get_feature_names_out()
    assert [name.rpartition("__")[2] for name in names] == ["color_green", "color_red", "c", "a", "b"]
    if output in ("pandas", "polars"):
        assert_array_equal(pipeline[-1].feature_names_in_, names)
    odd = table.iloc[:9].assign(a=table["a"] + 1e2)
    contributions = pipeline[-1].explain(pipeline[:-1].transform(odd))
    assert contributions.shape == (9, len(names))
    if not between:
        assert {names[i] for i in contributions.argmin(axis=1)} == {"standardscaler__a"}


@pytest.mark.parametrize("container", [pd.DataFrame, pl.from_pandas])
@pytest.mark.parametrize("model", [MixtureEnsemble(random_state=0), ContractiveAutoencoder(6, random_state=0)])
def test_steps_that_choose_columns_by_name_are_explained(model, container, rng):
    """In the detector's own Pipeline, the contributions are those of the columns of the table, in its order."""
    table = mixed_table(rng)[["a", "b", "c"]]
    by_name = make_column_transformer((StandardScaler(), ["c", "a"]), (MinMaxScaler(), ["b"]))
    by_number = make_column_transformer((StandardScaler(), [2, 0]), (MinMaxScaler(), [1]))
    detector = EnergyOutlierDetector(make_pipeline(by_name, model)).fit(container(table))
    expected = EnergyOutlierDetector(make_pipeline(by_number, model)).fit(table.to_numpy()).explain(table.to_numpy())
    assert_array_equal(detector.explain(container(table)), expected)


def test_words_cannot_be_explained(rng):
    """No contribution belongs to a word: the error says where the encoder goes."""
    table = mixed_table(rng)
    detector = EnergyOutlierDetector(make_pipeline(encoded(sparse_output=False), MixtureEnsemble())).fit(table)
    with pytest.raises(
        ValueError, match=r"numeric training data; put the steps that make numbers.*before the detector"
    ):
        detector.explain(table)


# -- A frozen model ----------------------------------------------------------------------------------------------------

SMALL = {"n_components": 6, "max_iter": 20, "tol": 0, "random_state": 0}

MODELS = {
    "autoencoder": lambda: ContractiveAutoencoder(**SMALL),
    "pipeline": lambda: make_pipeline(StandardScaler(), ContractiveAutoencoder(**SMALL)),
    "ensemble": lambda: MixtureEnsemble(random_state=0),
    "pipeline of an ensemble": lambda: make_pipeline(StandardScaler(), MixtureEnsemble(random_state=0)),
    "another library's": lambda: GaussianMixture(2, random_state=0),
    "detector": EnergyOutlierDetector,
}

FREEZING = {
    "frozen": FrozenEstimator,
    "twice": lambda model: FrozenEstimator(FrozenEstimator(model)),
    "in a pipeline": lambda model: make_pipeline(FrozenEstimator(model)),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "parameters", [{}, {"random_state": 1}, {"novelty": True}, {"novelty": True, "calibration": 3}]
)
@pytest.mark.parametrize("freeze", FREEZING)
@pytest.mark.parametrize("name", MODELS)
def test_a_frozen_model_is_not_trained(name, freeze, parameters, rng):
    """The scores are those of the model as it was; the threshold, p-values and explanations are there."""
    X, rows = make_X(rng)[:120], make_X(np.random.default_rng(1), n=80)
    model = MODELS[name]().fit(X)
    before, expected = pickle.dumps(model), model.score_samples(rows)
    detector = EnergyOutlierDetector(FREEZING[freeze](model), **parameters).fit(rows)
    assert pickle.dumps(model) == before
    assert_array_equal(detector.score_samples(rows), expected)
    if parameters.get("novelty"):  # every row is one that the model has not seen
        assert_array_equal(detector.calibration_scores_, np.sort(expected))
    assert np.count_nonzero(detector.predict(rows) == -1) == 8
    assert detector.n_features_in_ == 4
    explained = hasattr(EnergyOutlierDetector(MODELS[name]()), "explain")
    assert hasattr(detector, "explain") == explained
    if explained:
        contributions, start = detector.explain(X[:5], return_reference=True)
        difference = detector.score_samples(X[:5]) - detector.score_samples(start)
        assert_allclose(contributions.sum(axis=1), difference, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_a_frozen_model_of_many_units_is_not_blamed_for_few_rows(rng):
    """The rows of `fit` are not those that the model was trained on, so that it cannot have learned them by heart."""
    X = make_X(rng)
    model = make_pipeline(StandardScaler(), FrozenEstimator(ContractiveAutoencoder(30, max_iter=300, tol=0).fit(X)))
    EnergyOutlierDetector(model).fit(X[:10])


def test_the_steps_before_a_frozen_model_are_fitted(rng):
    """So the folds are scored by Pipelines of other rows, and a share of the rows can be held out."""
    X = make_X(rng)
    frozen = FrozenEstimator(ContractiveAutoencoder(**SMALL).fit(X))
    model = make_pipeline(StandardScaler(), frozen)
    detector = EnergyOutlierDetector(model, novelty=True).fit(X)
    assert not np.array_equal(detector.calibration_scores_, np.sort(detector.score_samples(X)))
    held_out = EnergyOutlierDetector(model, novelty=True, calibration=0.25).fit(X)
    assert len(held_out.calibration_scores_) == 50
    assert detector.estimator_[-1] is frozen


def test_frozen_models_that_cannot_score(rng):
    """A frozen model without fit, and one without scores, are refused as they would be unfrozen."""
    X = make_X(rng)
    with pytest.raises(NotFittedError, match="ContractiveAutoencoder"):
        EnergyOutlierDetector(FrozenEstimator(ContractiveAutoencoder())).fit(X)
    with pytest.raises(InvalidParameterError, match="'score_samples'"):
        EnergyOutlierDetector(FrozenEstimator(KMeans(2, n_init=1).fit(X))).fit(X)


def test_a_grid_search_over_a_frozen_model(rng):
    """Clones share the frozen model."""
    X = make_X(rng)
    frozen = FrozenEstimator(ContractiveAutoencoder(**SMALL).fit(X))
    search = GridSearchCV(
        EnergyOutlierDetector(frozen, novelty=True), {"contamination": [0.1, 0.3]}, scoring="accuracy", cv=2
    )
    search.fit(X, np.ones(len(X)))
    assert search.best_params_ == {"contamination": 0.1}
    assert search.best_estimator_.estimator_ is frozen


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: make_pipeline(StandardScaler(), model)])
def test_the_classifier_trains_no_frozen_autoencoder(wrap, rng):
    """It trains a clone for each class, so it says that a frozen one cannot be meant."""
    X = make_X(rng)
    frozen = FrozenEstimator(wrap(ContractiveAutoencoder(**SMALL)).fit(X))
    with pytest.raises(InvalidParameterError, match=r"clones of it are trained.*got a frozen.*without FrozenEstimator"):
        ClassSpecificAEClassifier(frozen).fit(X, np.arange(len(X)) % 2)


# -- Parameters of no estimator ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [EnergyOutlierDetector(), ClassSpecificAEClassifier()])
def test_parameters_of_no_estimator_are_refused(model):
    """The default model has no parameters to set: the error says what to pass, and that works."""
    name = type(model).__name__
    words = rf"estimator__alpha .*estimator is None.*give one: {name}\(ContractiveAutoencoder"
    with pytest.raises(ValueError, match=words):
        clone(model).set_params(estimator__alpha=0.1)
    with pytest.raises(ValueError, match=words):
        make_pipeline(StandardScaler(), clone(model)).set_params(**{f"{name.lower()}__estimator__alpha": 0.1})
    with pytest.raises(ValueError, match=words):
        clone(model).set_params(estimator=ContractiveAutoencoder()).set_params(estimator=None, estimator__alpha=0.1)
    both = clone(model).set_params(estimator=ContractiveAutoencoder(), estimator__alpha=0.1)
    assert both.estimator.alpha == 0.1
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        clone(model).set_params(nothing=1)


# -- calibrate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"novelty": True}, {"novelty": True, "calibration": 0.3}])
def test_calibrated_as_by_rows_held_out(parameters, rng):
    """The asked share of the rows lies below the threshold; the model, its scores and its parameters stay."""
    X, rows = make_X(rng), make_X(rng, n=99)
    detector = EnergyOutlierDetector(**parameters).fit(X)
    expected = detector.score_samples(rows)
    fitted_model, state = detector.estimator_, pickle.dumps(detector.estimator_)
    for contamination, below in ((None, 10), (0.05, 5), (0.5, 50)):
        assert detector.calibrate(rows, contamination=contamination) is detector
        assert np.count_nonzero(expected < detector.offset_) == below
        assert np.count_nonzero(detector.predict(rows) == -1) == below
    assert detector.estimator_ is fitted_model
    assert pickle.dumps(detector.estimator_) == state
    assert_array_equal(detector.calibration_scores_, np.sort(expected))
    ranks = np.argsort(np.argsort(expected)) + 2  # each row is one of those that are counted
    assert_allclose(detector.p_values(rows), ranks / 100)
    assert detector.contamination == 0.1
    again = clone(detector).fit(X)
    assert detector.fit(X).offset_ == again.offset_
    assert hasattr(detector, "p_values") == bool(parameters)


def test_calibrated_behind_a_pipeline(rng):
    """The last step is calibrated by what the steps before it make of the rows."""
    X, rows = make_X(rng), make_X(rng, n=99)
    pipeline = make_pipeline(StandardScaler(), EnergyOutlierDetector()).fit(X)
    pipeline[-1].calibrate(pipeline[:-1].transform(rows), contamination=0.2)
    assert np.count_nonzero(pipeline.predict(rows) == -1) == 20


def test_calibrating_as_by_a_share_held_out(rng):
    """`calibrate` of the rows that `fit` would hold out gives the threshold of `fit`."""
    X = make_X(rng)
    by_fit = EnergyOutlierDetector(novelty=True, calibration=0.25).fit(X)
    train, held_out = train_test_split(X, test_size=0.25, random_state=0)
    by_hand = EnergyOutlierDetector(novelty=True, calibration=2).fit(train).calibrate(held_out)
    assert by_hand.offset_ == by_fit.offset_
    assert_array_equal(by_hand.calibration_scores_, by_fit.calibration_scores_)


@pytest.mark.parametrize("contamination", [0.0, 0.6, -0.1, float("nan"), "much", True])
def test_bad_shares_change_nothing(contamination, rng):
    """A share outside (0, 0.5] is refused, and so are bad rows; the threshold stays."""
    X = make_X(rng)
    with pytest.raises(NotFittedError):
        EnergyOutlierDetector().calibrate(X)
    detector = EnergyOutlierDetector().fit(X)
    before = dict(vars(detector))
    with pytest.raises(ValueError, match=r"contamination must be a number in \(0, 0\.5\] or None, got"):
        detector.calibrate(X, contamination=contamination)
    with pytest.raises(ValueError, match="3 features"):
        detector.calibrate(X[:, 1:])
    assert vars(detector) == before


def test_a_share_that_few_calibration_rows_cannot_tell_warns(rng):
    """As in `fit`."""
    X = make_X(rng)
    with pytest.warns(UserWarning, match=r"contamination=0\.05 asks for less than one in the 9 rows"):
        EnergyOutlierDetector().fit(X).calibrate(X[:9], contamination=0.05)


# -- Scores that rise away from the data -------------------------------------------------------------------------------

TRAINED = {"n_components": 20, "max_iter": 60, "random_state": 0}

RISING = {
    "shrink": ContractiveAutoencoder(activation="shrink", alpha=0.0, **TRAINED),
    "zero-bias": ZeroBiasAutoencoder(activation="tlin", **TRAINED),
    "denoising": DenoisingAutoencoder(activation="shrink", noise_level=0.1, **TRAINED),
    "another library's": OneClassSVM(kernel="poly"),
}

FALLING = {
    "sigmoid": ContractiveAutoencoder(**TRAINED),
    "tanh": ContractiveAutoencoder(activation="tanh", alpha=0.0, **TRAINED),
    "softmax": ContractiveAutoencoder(activation="softmax", alpha=0.0, **TRAINED),
    "penalised relu": ContractiveAutoencoder(activation="relu", alpha=0.5, **TRAINED),
    "untied": ContractiveAutoencoder(activation="relu", tied_weights=False, **TRAINED),
    "mixture": GaussianMixture(2, random_state=0),
    "forest": IsolationForest(n_estimators=20, random_state=0),
    "ensemble": MixtureEnsemble(random_state=0),
}


def rises(estimator, X, **parameters):
    """Whether the detector warns that scores rise."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        EnergyOutlierDetector(estimator, **parameters).fit(X)
    return any("rise away from the data" in str(each.message) for each in told)


@pytest.mark.parametrize("name", [*RISING, *FALLING])
def test_rising_scores_warn(name):
    """Of real rows, standardised: where far rows score highest, and nowhere else."""
    model = make_pipeline(StandardScaler(), (RISING | FALLING)[name])
    X = load_wine().data
    assert rises(model, X) == (name in RISING)
    fitted = clone(model).fit(X)
    far = fitted.score_samples(X.mean(axis=0) + 10.0 * (X - X.mean(axis=0)))
    assert (np.mean(far > fitted.score_samples(X).max()) > 0.05) == (name in RISING)
    assert rises(FrozenEstimator(fitted), X[::3]) == (name in RISING)
    assert rises(model, X, novelty=True, calibration=0.3) == (name in RISING)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, list, pl.DataFrame, lambda X: X.astype(np.float32)])
def test_rising_scores_warn_in_every_container(make, rng):
    """A table by names too, without a warning of names."""
    X = sparse_rows(rng)
    assert rises(RISING["shrink"], make(X))
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    by_name = make_pipeline(make_column_transformer((StandardScaler(), list("gfedcba"))), RISING["shrink"])
    assert rises(by_name, frame)


def test_what_cannot_be_tried_far_away_does_not_warn(rng):
    """Bernoulli units and logarithms refuse far rows, and words have none."""
    X = rng.random((100, 4))
    bernoulli = ContractiveAutoencoder(visible="bernoulli", **TRAINED)
    assert not rises(bernoulli, X)
    assert not rises(make_pipeline(FunctionTransformer(np.log), RISING["shrink"]), X)
    assert not rises(make_pipeline(encoded(sparse_output=False), RISING["shrink"]), mixed_table(rng))


def test_the_warning_says_what_to_use():
    """One sentence: what rises, how much, and what to take; other libraries' models have no units."""
    X = load_wine().data
    words = r"ContractiveAutoencoder rise away .* \d+% of the rows, moved .*sigmoid.*alpha.*, estimator=None$"
    with pytest.warns(UserWarning, match=words):
        EnergyOutlierDetector(make_pipeline(StandardScaler(), RISING["shrink"])).fit(X)
    with pytest.warns(UserWarning, match=r"scores of OneClassSVM rise away .*; use the default model, estimator=None$"):
        EnergyOutlierDetector(make_pipeline(StandardScaler(), OneClassSVM(kernel="poly"))).fit(X)


def test_strings_before_the_steps_of_an_estimator_are_named():
    """The sentence names the column, and only once, whichever step has refused it."""
    table = pd.DataFrame({"size": np.arange(20.0), "city": ["Oslo"] * 20})
    for model in (make_pipeline(StandardScaler(), ContractiveAutoencoder(2)), ContractiveAutoencoder(2)):
        with pytest.raises(ValueError, match="column 'city' holds strings") as refusal:
            EnergyOutlierDetector(model).fit(table)
        assert str(refusal.value).count("holds strings") == 1
