"""Energy classifier: a logistic regression on the energies, for ``method="energies"``."""

import numpy as np

from skae.training import near_one


def fit_energy_classifier(E, rows, l2, loss):
    """Train the energy classifier on the energies E (n, K) of `LabelledRows`; return the fitted attributes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    weight = near_one(rows.supervised)
    mass = len(E) if weight is None else weight.sum()
    strength = 1.0 / (l2 * mass) if l2 > 0.0 else np.inf
    E64 = E.astype(np.float64)
    largest = float(np.abs(E64).max())
    if largest > np.sqrt(np.finfo(np.float64).max / (4.0 * len(E64))):
        raise ValueError(
            f"the energies reach {largest:.3g}, whose squares float64 cannot hold: the autoencoders have learned "
            "nothing of the rows; bring the features to a common scale near 1 (StandardScaler, PCAWhitener)"
        )
    # A Pipeline passes weights to its steps in two ways, with and without metadata routing.
    with np.errstate(invalid="ignore"):  # scikit-learn's weighted variance of equal energies may be below zero
        scaler = StandardScaler().fit(E64, sample_weight=weight)
    regression = LogisticRegression(C=strength, max_iter=10_000, tol=1e-6)
    regression.fit(scaler.transform(E64), rows.labels, sample_weight=weight)
    classifier = make_pipeline(scaler, regression)
    loss = rows.mean_loss(loss, linear_scores(classifier, E))
    return {"energy_classifier_": classifier, "n_iter_": int(np.max(regression.n_iter_)), "loss_": loss}


def linear_scores(classifier, E):
    """Return the scores of all classes, shape (n, K), float64. With two classes, the scores of the first are 0."""
    scores = classifier.decision_function(E.astype(np.float64))
    return np.stack([np.zeros_like(scores), scores], axis=1) if scores.ndim == 1 else scores
