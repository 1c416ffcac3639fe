"""Model selection, inspection and displays."""

import matplotlib
import numpy as np
from data import autoencoder, classifier, detector, digits, flowers, split, tumours
from numpy.testing import assert_allclose, assert_array_equal
from registry import refusal, use
from sklearn.calibration import CalibrationDisplay
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    roc_auc_score,
)
from sklearn.model_selection import (
    LearningCurveDisplay,
    ValidationCurveDisplay,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
    validation_curve,
)

matplotlib.use("Agg")


@use(quick=True)
def predictions_out_of_fold():
    """`cross_val_predict` of probabilities and energies."""
    X, y = flowers()
    P = cross_val_predict(classifier(), X, y, cv=3, method="predict_proba")
    assert_allclose(P.sum(axis=1), 1.0)
    assert np.mean(P.argmax(axis=1) == y) > 0.85
    log_P = cross_val_predict(classifier(), X, y, cv=3, method="decision_function")
    assert_allclose(np.exp(log_P), P, rtol=1e-6, atol=1e-12)


@use(quick=True)
def codes_out_of_fold():
    """`cross_val_predict` of codes: scikit-learn asks for `predict`."""
    X, _ = flowers()
    return refusal(lambda: cross_val_predict(autoencoder(4), X, method="transform"), "must be .* 'predict'")


@use()
def curve_of_rows():
    """`learning_curve`: more rows help."""
    X, y = digits()
    sizes, _, test = learning_curve(classifier(), X, y, train_sizes=[0.1, 1.0], cv=3, shuffle=True, random_state=0)
    assert sizes[0] < sizes[1]
    assert test[0].mean() < test[1].mean()


@use()
def curve_of_pieces():
    """`learning_curve(exploit_incremental_learning=True)`, which calls `partial_fit`."""
    X, y = digits()
    _, _, test = learning_curve(
        classifier(), X, y, train_sizes=[0.2, 0.6, 1.0], cv=2, exploit_incremental_learning=True, shuffle=True,
        random_state=0,
    )  # fmt: skip
    assert test.mean(axis=1)[-1] > 0.4
    assert np.isfinite(test).all()


@use(quick=True)
def curve_of_a_parameter():
    """`validation_curve` over `alpha`."""
    X, _ = digits()
    train, test = validation_curve(autoencoder(), X, None, param_name="alpha", param_range=[0.03, 30.0], cv=2)
    assert test[0].mean() > test[1].mean()
    assert train[0].mean() > test[0].mean() - 0.05


@use()
def permuted_labels():
    """`permutation_test_score`."""
    X, y = flowers()
    score, permuted, p = permutation_test_score(classifier(), X, y, cv=2, n_permutations=20, random_state=0)
    assert score > permuted.max()
    assert p < 0.05


@use()
def importance_of_features():
    """`permutation_importance`: petals matter more than sepals."""
    X, X_test, y, y_test = split(*flowers())
    means = permutation_importance(classifier().fit(X, y), X_test, y_test, random_state=0).importances_mean
    assert means[2:].sum() > means[:2].sum()


@use()
def importance_without_labels():
    """`permutation_importance` of an autoencoder, by its own score."""
    X, _ = flowers()
    fitted = autoencoder(6, max_iter=60).fit(X)
    importance = permutation_importance(
        fitted, X, None, scoring=lambda model, X, y=None: model.score(X), random_state=0
    )
    assert np.isfinite(importance.importances).all()
    assert importance.importances_mean[2] > 0


@use()
def dependence():
    """`partial_dependence` of a classifier."""
    X, y = flowers()
    found = partial_dependence(classifier().fit(X, y), X, [2], grid_resolution=8)
    assert found["average"].shape == (3, 8)
    assert found["average"][0, 0] > found["average"][0, -1]


@use()
def dependence_display():
    """`PartialDependenceDisplay`."""
    X, y = flowers()
    display = PartialDependenceDisplay.from_estimator(classifier().fit(X, y), X, [2, 3], target=0, grid_resolution=5)
    assert len(display.lines_.ravel()) == 2


@use()
def confusion_display():
    """`ConfusionMatrixDisplay`."""
    X, y = flowers()
    display = ConfusionMatrixDisplay.from_estimator(classifier().fit(X, y), X, y)
    assert display.confusion_matrix.trace() > 0.85 * len(y)


@use()
def curves_of_a_classifier():
    """`RocCurveDisplay`, `PrecisionRecallDisplay`, `DetCurveDisplay`, `CalibrationDisplay` of a classifier."""
    X, X_test, y, y_test = split(*tumours())
    fitted = classifier().fit(X, y)
    assert RocCurveDisplay.from_estimator(fitted, X_test, y_test).roc_auc > 0.95
    assert PrecisionRecallDisplay.from_estimator(fitted, X_test, y_test).average_precision > 0.95
    assert DetCurveDisplay.from_estimator(fitted, X_test, y_test).fpr.min() >= 0
    assert_array_equal(
        CalibrationDisplay.from_estimator(fitted, X_test, y_test).y_prob, fitted.predict_proba(X_test)[:, 1]
    )


@use()
def curve_of_a_detector():
    """`RocCurveDisplay.from_predictions` of a detector's scores, labels 1 and -1."""
    X, y = tumours()
    labels = np.where(y == 1, 1, -1)
    fitted = detector(novelty=True).fit(X[:300][y[:300] == 1])
    scores = fitted.score_samples(X[300:])
    display = RocCurveDisplay.from_predictions(labels[300:], scores, pos_label=1)
    assert_allclose(display.roc_auc, roc_auc_score(labels[300:], scores))
    assert display.roc_auc > 0.9


@use(quick=True)
def curve_of_a_detector_itself():
    """`RocCurveDisplay.from_estimator` of a detector: scikit-learn takes classifiers alone."""
    X, y = tumours()
    labels = np.where(y == 1, 1, -1)
    return refusal(lambda: RocCurveDisplay.from_estimator(detector().fit(X), X, labels), "binary classifier")


@use()
def boundaries():
    """`DecisionBoundaryDisplay` of a classifier and of a detector."""
    X, y = flowers()
    X = X[:, 2:]
    display = DecisionBoundaryDisplay.from_estimator(
        classifier(method="finetune").fit(X, y), X, grid_resolution=20, response_method="predict"
    )
    assert set(np.unique(display.response)) == {0, 1, 2}
    display = DecisionBoundaryDisplay.from_estimator(
        detector().fit(X), X, grid_resolution=20, response_method="decision_function"
    )
    assert display.response.min() < 0 < display.response.max()


@use()
def curve_displays():
    """`LearningCurveDisplay` and `ValidationCurveDisplay`."""
    X, y = flowers()
    display = LearningCurveDisplay.from_estimator(classifier(), X, y, train_sizes=[0.5, 1.0], cv=2)
    assert display.test_scores.shape == (2, 2)
    display = ValidationCurveDisplay.from_estimator(
        autoencoder(), X, None, param_name="alpha", param_range=[0.01, 10.0], cv=2
    )
    assert np.isfinite(display.test_scores).all()


@use()
def detector_in_cross_validation():
    """`cross_val_score(scoring="roc_auc")` of a detector."""
    X, y = tumours()
    assert cross_val_score(detector(), X, np.where(y == 1, 1, -1), cv=3, scoring="roc_auc").min() > 0.6
