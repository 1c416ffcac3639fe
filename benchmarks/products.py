"""60 rows of 2144 columns: novelty and features, with and without a rotation before the model.

    python benchmarks/products.py

The columns are the pixels of digits and all their products. The first table has the mean ROC AUC over three novel
digits and two draws of the training rows, and the seconds of a fit. The second has the mean accuracy of a logistic
regression over three draws.
"""

import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skae import ContractiveAutoencoder, EnergyOutlierDetector, PCAWhitener, ZeroBiasAutoencoder

N_ROWS, NOVEL = 60, (0, 1, 6)


def detectors():
    """Return the models of novelty by name."""
    short = {"max_iter": 100, "random_state": 0}
    return {
        "`EnergyOutlierDetector(novelty=True)`": EnergyOutlierDetector(novelty=True, random_state=0),
        "`PCAWhitener(0.9, whiten=None)` before it": make_pipeline(
            PCAWhitener(0.9, whiten=None), EnergyOutlierDetector(novelty=True, random_state=0)
        ),
        "`PCAWhitener(0.9)` before it": make_pipeline(
            PCAWhitener(0.9), EnergyOutlierDetector(novelty=True, random_state=0)
        ),
        **{
            f"`PCAWhitener(whiten=None)`, `ContractiveAutoencoder(50, alpha={alpha:g})`": make_pipeline(
                PCAWhitener(whiten=None), ContractiveAutoencoder(50, alpha=alpha, **short)
            )
            for alpha in (0.03, 1.0, 3.0)
        },
        "`IsolationForest`": IsolationForest(random_state=0),
    }


def features():
    """Return the transformers before a logistic regression by name."""
    rotation = PCAWhitener(whiten=None)
    contractive = ContractiveAutoencoder(100, alpha=1.0, encoding="rectified", max_iter=50, random_state=0)
    zero_bias = ZeroBiasAutoencoder(100, max_iter=50, random_state=0)
    return {
        "the columns": "passthrough",
        "`PCAWhitener(0.9)`": PCAWhitener(0.9),
        "`PCAWhitener(whiten=None)`, `ZeroBiasAutoencoder(100)`": make_pipeline(rotation, zero_bias),
        "`PCAWhitener()`, `ZeroBiasAutoencoder(100)`": make_pipeline(PCAWhitener(), zero_bias),
        "`PCAWhitener(whiten=None)`, `ContractiveAutoencoder(100, alpha=1)`": make_pipeline(rotation, contractive),
        "`ContractiveAutoencoder(100, alpha=1)`": contractive,
    }


def area(model, X, y, novel, seed):
    """Return the ROC AUC of a model trained on a draw without the novel digit, and the seconds of the fit."""
    rows = np.random.default_rng(seed).choice(np.flatnonzero(y != novel), N_ROWS, replace=False)
    start = time.perf_counter()
    model.fit(X[rows])
    seconds = time.perf_counter() - start
    new = np.setdiff1d(np.arange(len(y)), rows)
    return roc_auc_score(y[new] != novel, model.score_samples(X[new])), seconds


def accuracy(transformer, X, y, seed):
    """Return the test accuracy of a logistic regression behind a transformer."""
    X, X_test, y, y_test = train_test_split(X, y, train_size=N_ROWS, stratify=y, random_state=seed)
    return make_pipeline(transformer, LogisticRegression(max_iter=1000)).fit(X, y).score(X_test, y_test)


def main():
    """Print both tables."""
    warnings.simplefilter("ignore")  # of short fits, and of more units than rows
    X, y = load_digits(return_X_y=True)
    X = PolynomialFeatures(2, include_bias=False).fit_transform(X / 16.0)
    print("| novelty | mean AUC | seconds |\n|---|---|---|")
    for name, model in detectors().items():
        found = [area(model, X, y, novel, seed) for novel in NOVEL for seed in range(2)]
        print("| {} | {:.3f} | {:.1f} |".format(name, *np.mean(found, axis=0)), flush=True)
    print("\n| features | mean accuracy |\n|---|---|")
    for name, transformer in features().items():
        print(f"| {name} | {np.mean([accuracy(transformer, X, y, seed) for seed in range(3)]):.3f} |", flush=True)


if __name__ == "__main__":
    main()
