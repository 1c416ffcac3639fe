"""Ensembles and calibration."""

import numpy as np
from data import autoencoder, classifier, detector, digits, flowers, split, tumours, wines
from numpy.testing import assert_allclose, assert_array_equal
from registry import refusal, use
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

CALIBRATIONS = ("sigmoid", "isotonic", "temperature")


def check(model, X, y, least):
    """Fit, and assert accuracy on test rows, classes and probabilities."""
    X, X_test, y, y_test = split(X, y)
    model.fit(X, y)
    assert_array_equal(model.classes_, np.unique(y))
    assert model.score(X_test, y_test) > least
    if hasattr(model, "predict_proba"):
        assert_allclose(model.predict_proba(X_test).sum(axis=1), 1.0, rtol=1e-6)
    return model


@use(quick=True)
def bagging():
    """`BaggingClassifier`, with its out-of-bag score."""
    model = check(BaggingClassifier(classifier(), 5, oob_score=True, random_state=0), *flowers(), 0.85)
    assert 0.8 < model.oob_score_ <= 1.0
    assert not np.allclose(*(each.estimators_[0].components_ for each in model.estimators_[:2]))


@use()
def bagged_regression():
    """`BaggingRegressor` of features and `Ridge`."""
    X, y = wines()
    model = make_pipeline(autoencoder(8), Ridge())
    assert BaggingRegressor(model, 4, random_state=0).fit(X[:120], y[:120]).score(X[120:], y[120:]) > 0.6


@use(quick=True)
def voting():
    """`VotingClassifier(voting="soft")` with a `LogisticRegression`."""
    X, y = flowers()
    model = check(VotingClassifier([("a", classifier()), ("b", LogisticRegression())], voting="soft"), X, y, 0.85)
    mean = np.mean([each.predict_proba(X) for each in model.estimators_], axis=0)
    assert_allclose(model.predict_proba(X), mean)


@use()
def stacking():
    """`StackingClassifier` on the probabilities."""
    model = check(StackingClassifier([("a", classifier()), ("b", LogisticRegression())], cv=3), *flowers(), 0.85)
    assert model.final_estimator_.coef_.shape == (3, 6)


@use()
def boosting():
    """`AdaBoostClassifier`: the weights count."""
    model = check(AdaBoostClassifier(classifier(), n_estimators=3, random_state=0), *flowers(), 0.8)
    assert (model.estimator_weights_[: len(model.estimators_)] > 0).all()


@use()
def one_class_against_the_rest():
    """`OneVsRestClassifier`, `OneVsOneClassifier`, `OutputCodeClassifier`."""
    for model in (OneVsRestClassifier(classifier()), OneVsOneClassifier(classifier())):
        check(model, *flowers(), 0.85)
    check(OutputCodeClassifier(classifier(), code_size=2, random_state=0), *flowers(), 0.6)


@use()
def multilabel():
    """`MultiOutputClassifier` and `ClassifierChain`."""
    X, y = wines()
    Y = np.column_stack([y == 0, y == 1]).astype(int)
    for model in (MultiOutputClassifier(classifier()), ClassifierChain(classifier(), cv=3)):
        assert model.fit(X[:120], Y[:120]).score(X[120:], Y[120:]) > 0.8


@use(quick=True)
def multilabel_alone():
    """Several labels a row in `ClassSpecificAEClassifier` itself."""
    X, y = wines()
    return refusal(
        lambda: classifier().fit(X, np.column_stack([y == 0, y == 1])), "multi-?output|multilabel|y should be"
    )


@use(quick=True)
def continuous_target():
    """A continuous target."""
    X, _ = wines()
    return refusal(lambda: classifier().fit(X, X[:, 0]), "Unknown label type: continuous")


@use()
def self_training():
    """`SelfTrainingClassifier`: most labels missing."""
    X, y = flowers()
    partial = np.where(np.random.default_rng(0).random(len(y)) < 0.7, -1, y)
    model = SelfTrainingClassifier(classifier(), threshold=0.75).fit(X, partial)
    taken = (model.transduction_ != -1) & (partial == -1)
    assert taken.sum() > 10
    assert np.mean(model.transduction_[taken] == y[taken]) > 0.75


@use()
def calibration():
    """`CalibratedClassifierCV`: sigmoid, isotonic, temperature."""
    X, X_test, y, y_test = split(*digits())
    plain = log_loss(y_test, classifier().fit(X, y).predict_proba(X_test))
    for method in CALIBRATIONS:
        model = CalibratedClassifierCV(classifier(), method=method, cv=3).fit(X, y)
        assert model.score(X_test, y_test) > 0.9
        assert log_loss(y_test, model.predict_proba(X_test)) < 3 * plain + 0.5


@use()
def calibration_of_a_fitted_classifier():
    """`CalibratedClassifierCV` of a `FrozenEstimator`."""
    from sklearn.frozen import FrozenEstimator

    X, X_test, y, y_test = split(*tumours())
    fitted = classifier().fit(X[:200], y[:200])
    before = fitted.score_samples(X)
    model = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(X[200:], y[200:])
    assert_array_equal(fitted.score_samples(X), before)
    assert model.score(X_test, y_test) > 0.9


@use()
def tuned_threshold():
    """`TunedThresholdClassifierCV` and `FixedThresholdClassifier`."""
    X, y = tumours()
    keep = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:60]])
    X, y = X[keep], y[keep]
    tuned = TunedThresholdClassifierCV(classifier(), scoring="balanced_accuracy", cv=3, random_state=0).fit(X, y)
    assert np.isfinite(tuned.best_score_)
    assert balanced_accuracy_score(y, tuned.predict(X)) > 0.85
    strict = FixedThresholdClassifier(classifier(), threshold=0.99, response_method="predict_proba").fit(X, y)
    assert (strict.predict(X) == 1).sum() == (strict.predict_proba(X)[:, 1] >= 0.99).sum()


@use()
def class_weights():
    """`class_weight="balanced"` equals weighted rows."""
    X, y = flowers()
    X, y = X[(y > 0) | (np.arange(len(y)) % 3 == 0)], y[(y > 0) | (np.arange(len(y)) % 3 == 0)]
    weight = (len(y) / (3 * np.bincount(y)))[y]
    balanced = classifier(class_weight="balanced").fit(X, y)
    assert_allclose(balanced.predict_proba(X), classifier().fit(X, y, sample_weight=weight).predict_proba(X), rtol=1e-4)


@use()
def density_in_a_detector():
    """`GaussianMixture` and `KernelDensity` in `EnergyOutlierDetector`."""
    X, y = tumours()
    for model in (GaussianMixture(2, random_state=0), KernelDensity(bandwidth=1.0)):
        fitted = detector(estimator=model, contamination=0.1).fit(X[y == 1])
        assert_array_equal(fitted.score_samples(X), fitted.estimator_.score_samples(X))
        assert 0.05 < np.mean(fitted.predict(X[y == 1]) == -1) < 0.15


@use(quick=True)
def other_transformers_per_class():
    """Another transformer in `ClassSpecificAEClassifier`."""
    from sklearn.decomposition import PCA

    from skae import ClassSpecificAEClassifier

    return refusal(lambda: ClassSpecificAEClassifier(PCA(2)).fit(*flowers()), "the estimator must be an autoencoder")


@use(quick=True)
def model_without_scores():
    """A model without `score_samples` in `EnergyOutlierDetector`."""
    return refusal(lambda: detector(estimator=LogisticRegression()).fit(*flowers()), "score_samples")
