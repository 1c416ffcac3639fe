"""Few rows: what whitened directions and units cost, measured on rows held out.

    python benchmarks/wide.py

Whitening: the variance of new rows along the whitened directions (1 in the training rows), and accuracy of
logistic regression on zero-bias features of whitened, of rotated and of centred rows. Units: `score` (denoising R2) of
training and of new rows, and the share of new normal rows that `EnergyOutlierDetector` flags at contamination=0.1.
Classes: accuracy of `ClassSpecificAEClassifier` by units and rows of a class.
"""

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    SaturatingAutoencoder,
    ZeroBiasAutoencoder,
)

N_TEST = 269


def digits():
    """Pixels in [0, 1]."""
    X, y = load_digits(return_X_y=True)
    return X / 16.0, y


def cancer():
    """Standardised columns."""
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def genes(n=700, d=300, rank=10):
    """Wide data: a few directions, two of which tell the classes, and noise in all columns."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    codes = rng.standard_normal((n, rank))
    codes[:, :2] += 1.5 * y[:, None]
    X = codes @ rng.standard_normal((rank, d)) + rng.standard_normal((n, d))
    return StandardScaler().fit_transform(X), y


DATA = {"digits": digits, "breast cancer": cancer, "generated": genes}


def split(name, n, per_class=False):
    """Return n training rows (of each class, if asked), their labels, and the same of the test rows."""
    X, y = DATA[name]()
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:-N_TEST], order[-N_TEST:]
    chosen = np.concatenate([train[y[train] == c][:n] for c in np.unique(y)]) if per_class else train[:n]
    return X[chosen], y[chosen], X[test], y[test]


def whitening():
    """Print what whitening costs by the number of rows a direction."""
    print("| data | rows | directions | new variance: mean, largest | whitened | whiten=None | centred |")
    print("|---|---|---|---|---|---|---|")
    for name, n, kept in (
        *(("digits", n, kept) for n in (60, 100, 200, 500) for kept in (None, 0.9)),
        *(("breast cancer", n, None) for n in (60, 100, 250)),
        *(("generated", n, kept) for n in (60, 200) for kept in (None, 0.9)),
    ):
        X, y, X_test, y_test = split(name, n)
        whitener = PCAWhitener(kept).fit(X)
        variance = whitener.transform(X_test).var(axis=0)
        accuracies = [
            make_pipeline(step, ZeroBiasAutoencoder(100, random_state=0), LogisticRegression(max_iter=500))
            .fit(X, y)
            .score(X_test, y_test)
            for step in (PCAWhitener(kept), PCAWhitener(kept, whiten=None), StandardScaler(with_std=False))
        ]
        print(
            f"| {name} | {n} | {whitener.n_components_} | {variance.mean():.2f}, {variance.max():.1f} | "
            + " | ".join(f"{accuracy:.3f}" for accuracy in accuracies)
            + " |",
            flush=True,
        )


def units():
    """Print scores and false alarms by units and rows."""
    widths = (4, 16, 64, 256)
    print("| data | rows | autoencoder | " + " | ".join(f"{k} units" for k in widths) + " |")
    print("|---|---|---|" + "---|" * len(widths))
    for name, n in (("digits", 30), ("digits", 300), ("breast cancer", 60), ("generated", 60)):
        X, _, X_test, _ = split(name, n)
        for cls in (ContractiveAutoencoder, ZeroBiasAutoencoder, SaturatingAutoencoder):
            cells = []
            for k in widths:
                detector = EnergyOutlierDetector(cls(k, random_state=0)).fit(X)
                alarms = np.mean(detector.predict(X_test) == -1)
                model = detector.estimator_
                cells.append(f"{model.score(X):.2f}, {model.score(X_test):.2f}, {alarms:.0%}")
            print(f"| {name} | {n} | {cls.__name__} | " + " | ".join(cells) + " |", flush=True)


def classes():
    """Print accuracies of the classifier by units and rows of a class."""
    widths = (4, 10, 30, 100)
    print("| data | rows a class | method | " + " | ".join(f"{k} units" for k in widths) + " |")
    print("|---|---|---|" + "---|" * len(widths))
    for name, n in (("digits", 30), ("breast cancer", 30), ("breast cancer", 100), ("generated", 30)):
        X, y, X_test, y_test = split(name, n, per_class=True)
        for method in ("normalize", "finetune"):
            accuracies = [
                ClassSpecificAEClassifier(ContractiveAutoencoder(k), method=method, random_state=0)
                .fit(X, y)
                .score(X_test, y_test)
                for k in widths
            ]
            print(f"| {name} | {n} | {method} | " + " | ".join(f"{each:.3f}" for each in accuracies) + " |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for table in (whitening, units, classes):
        table()
        print()
