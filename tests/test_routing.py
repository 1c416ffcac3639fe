"""Metadata routing: every estimator and scorer takes its weights where scikit-learn hands them on."""

import copy

import numpy as np
import pytest
from autoencoders import DEFAULTS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    EnergyOutlierDetector,
    FineTunedClassifier,
    PCAWhitener,
)
from skae.activations import as_activation
from skae.metrics import denoising_r2, neg_score_matching_loss, reconstruction_r2
from skae.outlier import MixtureAutoencoder, MixtureEnsemble

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*(were fitted to|active on no training row|constant):UserWarning"),
]

SCORERS = [denoising_r2, reconstruction_r2, neg_score_matching_loss]
SMALL = {"n_components": 2, "max_iter": 3, "random_state": 0}
AUTOENCODERS = [case.make() for case in DEFAULTS]
CLASSIFIERS = [
    ClassSpecificAEClassifier(ContractiveAutoencoder(**SMALL), method=method, max_iter=3, temperature=1.0)
    for method in ("finetune", "normalize", "energies")
] + [FineTunedClassifier(ContractiveAutoencoder(**SMALL), max_iter=3)]
OTHERS = [
    PCAWhitener(),
    ContrastNormalizer(),
    MixtureEnsemble(),
    MixtureAutoencoder(2),
    EnergyOutlierDetector(),
    EnergyOutlierDetector(make_pipeline(StandardScaler(), ContractiveAutoencoder(**SMALL))),
]
METHODS = ("transform", "score_samples", "decision_function", "predict", "predict_proba", "p_values")

by_name = {"ids": lambda estimator: type(estimator).__name__}


@pytest.fixture
def routing():
    """Switch metadata routing on."""
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def rows(rng):
    """Rows, labels that they have something to do with, and whole weights with zeros."""
    X = rng.standard_normal((90, 4)) @ rng.standard_normal((4, 4))
    weight = rng.integers(0, 4, 90)
    weight[:6] = 1
    return X, (X[:, 0] > 0.0).astype(int), weight


def requesting(estimator):
    """Return an estimator that requests weights in every method that takes them."""
    estimator = clone(estimator)
    for name in ("fit", "partial_fit", "score"):
        if hasattr(estimator, f"set_{name}_request"):
            requests = getattr(estimator.get_metadata_routing(), name).requests
            getattr(estimator, f"set_{name}_request")(**dict.fromkeys(requests.keys() & {"sample_weight"}, True))
    return estimator


def answers(estimator, X):
    """Return what the methods of a fitted estimator say of X."""
    return {name: getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)}


@pytest.mark.parametrize("estimator", [*AUTOENCODERS, *CLASSIFIERS, *OTHERS], **by_name)
def test_pipelines_with_routing_do_as_without(estimator, rows):
    """`fit`, `partial_fit`, the predictions and `score` of each estimator give the same, alone and in a Pipeline."""
    X, y, _ = rows
    outcomes = []
    for enabled in (False, True):
        with config_context(enable_metadata_routing=enabled):
            pipeline = make_pipeline(StandardScaler(), clone(estimator).set_params(**seeded(estimator))).fit(X, y)
            outcome = answers(pipeline, X)
            if hasattr(pipeline, "score"):
                outcome["score"] = pipeline.score(X, y)
            alone = pipeline[-1]
            if hasattr(alone, "partial_fit"):
                outcome["partial_fit"] = answers(alone.partial_fit(pipeline[:-1].transform(X), y), X)["transform"]
            outcomes.append(outcome)
    assert outcomes[0].keys() == outcomes[1].keys()
    for name, expected in outcomes[0].items():
        assert_array_equal(outcomes[1][name], expected, err_msg=name)


def seeded(estimator):
    """Return the seed of an estimator that has one."""
    return {"random_state": 0} if "random_state" in estimator.get_params() else {}


@pytest.mark.parametrize("estimator", [*AUTOENCODERS, *CLASSIFIERS, PCAWhitener()], **by_name)
def test_a_pipeline_hands_weights_on(estimator, rows, routing):
    """What a Pipeline is given in `fit` and `score` reaches the estimator, and without a request it is refused."""
    X, y, weight = rows
    estimator = clone(estimator).set_params(**seeded(estimator))
    expected = clone(estimator).fit(X, y, sample_weight=weight)
    pipeline = make_pipeline(requesting(estimator)).fit(X, y, sample_weight=weight)
    assert_array_equal(pipeline.transform(X), expected.transform(X))
    if hasattr(estimator, "score"):
        assert pipeline.score(X, y, sample_weight=weight) == expected.score(X, y, sample_weight=weight)
        assert pipeline.score(X, y, sample_weight=weight) != pipeline.score(X, y)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        make_pipeline(estimator).fit(X, y, sample_weight=weight)


def folds(weight):
    """Return the folds of weighted rows, and of the rows that they stand for."""
    fold = np.arange(len(weight)) % 3
    return PredefinedSplit(fold), PredefinedSplit(np.repeat(fold, weight))


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_a_weighted_search_is_a_search_of_repeated_rows(case, rows, routing):
    """With routing, weights act as repetitions in every fit and every score of a search, scorers included."""
    X, _, weight = rows
    by_weight, by_rows = folds(weight)
    estimator = requesting(case.make(batch_size=1000))
    smooth = case.tied and as_activation(estimator.activation).continuous
    scorers = {scorer.__name__: copy.copy(scorer) for scorer in (SCORERS if smooth else SCORERS[:2])}
    for scorer in scorers.values():
        scorer.set_score_request(sample_weight=True)
    for scoring in (None, scorers):
        options = {"scoring": scoring, "refit": False, "error_score": "raise", "return_train_score": True}
        grid = {"n_components": [1, 3]}
        weighted = GridSearchCV(estimator, grid, cv=by_weight, **options).fit(X, sample_weight=weight)
        repeated = GridSearchCV(estimator, grid, cv=by_rows, **options).fit(np.repeat(X, weight, axis=0))
        for name, expected in repeated.cv_results_.items():
            if name.startswith(("split", "mean_test", "mean_train")):
                assert np.isfinite(expected).all()
                assert_allclose(weighted.cv_results_[name], expected, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("scoring", [None, denoising_r2, {"a": denoising_r2, "b": reconstruction_r2}], ids=str)
def test_searches_without_weights(enabled, scoring, rows):
    """A Pipeline in a search has scores, and its best candidate is the best, with routing and without."""
    X, _, _ = rows
    pipeline = make_pipeline(StandardScaler(), ContractiveAutoencoder(4, solver="lbfgs", random_state=0))
    grid = {"contractiveautoencoder__alpha": [1e4, 0.01]}
    with config_context(enable_metadata_routing=enabled):
        refit = "a" if isinstance(scoring, dict) else True
        search = GridSearchCV(pipeline, grid, cv=3, scoring=scoring, refit=refit, error_score="raise").fit(X)
    assert search.best_index_ == 1
    assert search.score(X) > 0.5


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("scorer", SCORERS, ids=str)
def test_weights_of_scorers_are_repeated_rows(scorer, enabled, rows):
    """A scorer gives a row of weight 3 the weight of three rows, called as a function and as one among several."""
    X, y, weight = rows
    autoencoder = ContractiveAutoencoder(**SMALL).fit(X)
    expected = scorer(autoencoder, np.repeat(X, weight, axis=0))
    with config_context(enable_metadata_routing=enabled):
        assert scorer(autoencoder, X, sample_weight=weight) == pytest.approx(expected, rel=1e-9)
        assert scorer(autoencoder, X, y, weight) == pytest.approx(expected, rel=1e-9)
        assert scorer(make_pipeline(autoencoder), X, None, weight) == pytest.approx(expected, rel=1e-9)
    assert scorer(autoencoder, X) != pytest.approx(expected, rel=1e-9)


def test_cross_validate_with_params(rows, routing):
    """`cross_validate(params=)` hands weights to the fit and to the scorers that request them, and to no others."""
    X, _, weight = rows
    by_weight, by_rows = folds(weight)
    estimator = ContractiveAutoencoder(batch_size=1000, **SMALL).set_fit_request(sample_weight=True)
    with_weights, without = (copy.copy(reconstruction_r2).set_score_request(sample_weight=on) for on in (True, False))
    scoring = {"with": with_weights, "without": without}
    found = cross_validate(estimator, X, cv=by_weight, scoring=scoring, params={"sample_weight": weight})
    expected = cross_validate(estimator, np.repeat(X, weight, axis=0), cv=by_rows, scoring=reconstruction_r2)
    assert_allclose(found["test_with"], expected["test_score"], rtol=1e-6)
    assert np.abs(found["test_without"] / expected["test_score"] - 1.0).min() > 1e-4


def test_requests_of_a_scorer_are_its_own(routing):
    """A copy of a scorer has requests of its own; a request can have another name."""
    scorer = copy.copy(denoising_r2).set_score_request(sample_weight="importance")
    assert "importance" in str(scorer.get_metadata_routing())
    assert "importance" not in str(denoising_r2.get_metadata_routing())
    assert "importance" in str(copy.deepcopy(scorer).get_metadata_routing())
    assert "importance" not in str(copy.copy(scorer).set_score_request(sample_weight=True).get_metadata_routing())
