"""Searches."""

import numpy as np
from data import autoencoder, classifier, detector, digits, flowers, tumours
from numpy.testing import assert_allclose
from registry import refusal, use
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    LeaveOneGroupOut,
    PredefinedSplit,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import PCAWhitener
from skae.activations import Sigmoid, Softplus
from skae.metrics import denoising_r2, neg_score_matching_loss, reconstruction_r2

ALPHAS = {"alpha": [0.003, 0.03, 30.0]}


def assert_searched(search, worst=None):
    """All scores are finite, the best is the largest, and better than the worst."""
    means = search.cv_results_["mean_test_score"]
    assert np.isfinite(means).all()
    assert search.best_score_ == means.max() > means.min()
    if worst is not None:
        assert {name: search.best_params_[name] for name in worst} != worst


@use(quick=True)
def grid():
    """`GridSearchCV` over `alpha`, without labels."""
    X, _ = digits()
    search = GridSearchCV(autoencoder(), ALPHAS, cv=3).fit(X)
    assert_searched(search, {"alpha": 30.0})
    assert_allclose(search.score(X), search.best_estimator_.score(X))


@use()
def grid_in_processes():
    """`GridSearchCV(n_jobs=2)` gives the scores of one process."""
    X, _ = digits()
    one, two = (GridSearchCV(autoencoder(), ALPHAS, cv=2, n_jobs=n).fit(X) for n in (1, 2))
    assert_allclose(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"], rtol=1e-6)


@use()
def grid_over_instances():
    """`GridSearchCV` over instances of activations."""
    X, _ = digits()
    search = GridSearchCV(autoencoder(), {"activation": [Sigmoid(), Softplus()]}, cv=2).fit(X)
    assert_searched(search)
    assert search.best_estimator_.activation in (Sigmoid(), Softplus())


@use()
def random_search():
    """`RandomizedSearchCV` with `loguniform`."""
    X, _ = digits()
    search = RandomizedSearchCV(autoencoder(), {"alpha": loguniform(1e-3, 1e2)}, n_iter=4, cv=2, random_state=0).fit(X)
    assert_searched(search)
    assert search.best_params_["alpha"] < 10


@use()
def halving_of_rows():
    """`HalvingGridSearchCV`, whose resource is rows."""
    X, _ = digits()
    search = HalvingGridSearchCV(autoencoder(), ALPHAS, cv=2, random_state=0, min_resources=100).fit(X)
    assert search.best_params_["alpha"] < 30
    assert search.n_resources_[0] == 100 < search.n_resources_[-1]


@use()
def halving_of_epochs():
    """`HalvingRandomSearchCV`, whose resource is `max_iter`."""
    X, _ = digits()
    search = HalvingRandomSearchCV(
        autoencoder(), {"alpha": loguniform(1e-3, 1e2)}, resource="max_iter", min_resources=4, max_resources=16,
        n_candidates=4, factor=2, cv=2, random_state=0,
    ).fit(X)  # fmt: skip
    assert search.best_estimator_.max_iter == search.n_resources_[-1]
    assert search.best_estimator_.n_iter_ <= search.n_resources_[-1]


@use(quick=True)
def many_metrics():
    """A search with several metrics and `refit`."""
    X, _ = digits()
    scoring = {"denoising": denoising_r2, "reconstruction": reconstruction_r2}
    search = GridSearchCV(autoencoder(), ALPHAS, scoring=scoring, refit="denoising", cv=2).fit(X)
    for name in scoring:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()
    assert search.best_index_ == search.cv_results_["mean_test_denoising"].argmax()


@use()
def scorer_on_a_pipeline():
    """`neg_score_matching_loss` as `scoring` of a `Pipeline`."""
    X, _ = flowers()
    model = make_pipeline(StandardScaler(), autoencoder(max_iter=60))
    grid = {"contractiveautoencoder__alpha": [0.01, 30.0]}
    assert_searched(GridSearchCV(model, grid, scoring=neg_score_matching_loss, cv=3).fit(X))


@use()
def steps_of_a_pipeline():
    """A search over steps and parameters of a `Pipeline`."""
    X, y = digits()
    steps = [("before", PCAWhitener(0.9)), ("code", autoencoder(32)), ("last", LogisticRegression(max_iter=500))]
    grid = {"before": ["passthrough", PCAWhitener(0.9, whiten=None)], "code__alpha": [0.03, 30.0]}
    search = GridSearchCV(Pipeline(steps), grid, cv=2).fit(X, y)
    assert_searched(search)
    assert search.score(X, y) > 0.9


@use()
def nested_parameters_of_a_classifier():
    """A search over the parameters of the classes' autoencoders."""
    X, y = flowers()
    grid = {"estimator__n_components": [1, 6], "method": ["normalize", "energies"]}
    search = GridSearchCV(classifier(), grid, cv=2, scoring="neg_log_loss").fit(X, y)
    assert_searched(search)
    assert search.best_score_ > -np.log(3)


@use()
def nested_searches():
    """`cross_val_score` of a search."""
    X, _ = digits()
    found = cross_val_score(GridSearchCV(autoencoder(), {"alpha": [0.03, 30.0]}, cv=2), X, cv=2)
    assert found.shape == (2,)
    assert (found > 0.3).all()


@use()
def detector_with_labels():
    """A search of a detector with labelled outliers and `scoring="roc_auc"`."""
    X, y = tumours()
    labels = np.where(y == 1, 1, -1)
    search = GridSearchCV(detector(novelty=True), {"contamination": [0.05, 0.1]}, scoring="roc_auc", cv=2)
    search.fit(X, labels)
    assert search.best_score_ > 0.6


@use()
def groups():
    """Groups: `GroupKFold` and `LeaveOneGroupOut`."""
    X, _ = digits()
    members = np.arange(len(X)) % 3
    for folds in (GroupKFold(3), LeaveOneGroupOut()):
        search = GridSearchCV(autoencoder(), {"alpha": [0.03, 30.0]}, cv=folds).fit(X, groups=members)
        assert search.n_splits_ == 3
        assert_searched(search)


@use()
def time_series_folds():
    """`TimeSeriesSplit` and `PredefinedSplit`."""
    X, _ = digits()
    for folds in (TimeSeriesSplit(3), PredefinedSplit(np.repeat([-1, 0], [400, 200]))):
        assert (cross_val_score(autoencoder(), X, cv=folds) > 0.3).all()


@use(quick=True)
def weights_through_a_search():
    """Sample weights through `GridSearchCV` with metadata routing."""
    X, y = flowers()
    weight = (y > 0).astype(float)
    with config_context(enable_metadata_routing=True):
        model = autoencoder(6).set_fit_request(sample_weight=True)
        if hasattr(model, "set_score_request"):
            model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"alpha": [0.01, 0.1]}, cv=2).fit(X, sample_weight=weight)
    best = autoencoder(6, **search.best_params_).fit(X, sample_weight=weight)
    assert_allclose(search.best_estimator_.components_, best.components_)
    assert not np.allclose(best.components_, autoencoder(6, **search.best_params_).fit(X).components_)


@use()
def callable_scorer():
    """`make_scorer` with `decision_function` of a two-class classifier."""
    X, y = tumours()
    scorer = make_scorer(roc_auc_score, response_method="decision_function")
    assert (cross_val_score(classifier(), X, y, cv=2, scoring=scorer) > 0.9).all()


@use()
def kept_models():
    """`cross_validate` with the estimators, the indices and the training scores."""
    X, y = flowers()
    found = cross_validate(
        classifier(), X, y, cv=3, return_estimator=True, return_indices=True, return_train_score=True
    )
    assert (found["train_score"] > 0.8).all()
    for model, test, score in zip(found["estimator"], found["indices"]["test"], found["test_score"], strict=True):
        assert model.score(X[test], y[test]) == score


@use(quick=True)
def wrong_parameters():
    """A search over values that are no parameters."""
    X, _ = digits()
    search = GridSearchCV(autoencoder(), {"n_components": [0]}, cv=2, error_score="raise")
    return refusal(lambda: search.fit(X), "The 'n_components' parameter of ContractiveAutoencoder must be an int")


@use(quick=True)
def unknown_parameters():
    """A search over names that are no parameters."""
    X, _ = digits()
    return refusal(lambda: GridSearchCV(autoencoder(), {"alphas": [0.1]}, cv=2).fit(X), "Invalid parameter 'alphas'")
