"""How calibrated the class-specific classifier's probabilities are, beside scikit-learn's own way to calibrate them.

    python benchmarks/calibration.py [--data digits wine "breast cancer"] [--splits 3]
    SKAE_DATA=folder python benchmarks/calibration.py --data mnist

Mean accuracy and log loss on rows that were not trained on, with `temperature` off (1.0) and on ("auto"), and of
``CalibratedClassifierCV(method="temperature", ensemble=False)`` (scikit-learn 1.8 and up) around the classifier whose
own is off; the ratio is that of the last two log losses, in which less than 1 is for "auto". All at the defaults.
Digits are divided by 16, wine and breast cancer standardised on the training rows, in stratified folds. MNIST: 10,000
images to train on, 10,000 to test, one fit.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import ClassSpecificAEClassifier

BUNDLED = {"digits": load_digits, "wine": load_wine, "breast cancer": load_breast_cancer}
PEERS = {
    "LogisticRegression()": LogisticRegression(max_iter=2000),
    "RandomForestClassifier()": RandomForestClassifier(random_state=0),
}


def splits(data, n_splits):
    """Yield X_train, y_train, X_test, y_test."""
    if data == "mnist":
        X, y, X_test, y_test = load("mnist")
        yield X[:10_000].reshape(10_000, -1), y[:10_000], X_test.reshape(len(X_test), -1), y_test
        return
    X, y = BUNDLED[data](return_X_y=True)
    X = X / 16 if data == "digits" else X
    for train, test in StratifiedKFold(n_splits, shuffle=True, random_state=0).split(X, y):
        yield X[train], y[train], X[test], y[test]


def measured(model, parts, data):
    """Return the mean accuracy, the mean log loss, and the seconds of a fit."""
    if data in ("wine", "breast cancer"):
        model = make_pipeline(StandardScaler(), model)
    found = []
    for X, y, X_test, y_test in parts:
        start = time.perf_counter()
        fitted = clone(model).fit(X, y)
        seconds = time.perf_counter() - start
        P = fitted.predict_proba(X_test)
        accuracy = np.mean(fitted.classes_[P.argmax(axis=1)] == y_test)
        found.append((accuracy, log_loss(y_test, P, labels=fitted.classes_), seconds))
    return np.mean(found, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=list(BUNDLED), choices=[*BUNDLED, "mnist"])
    parser.add_argument("--splits", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}\n", flush=True)
    print("| data | model | accuracy off, on | log loss off | on | CalibratedClassifierCV | ratio | s a fit off, on |")
    print("|---|---|---|---|---|---|---|---|")
    for data in options.data:
        parts = list(splits(data, options.splits))
        for method in ("normalize", "finetune"):
            plain = ClassSpecificAEClassifier(method=method, temperature=1.0, random_state=0)
            off = measured(plain, parts, data)
            on = measured(clone(plain).set_params(temperature="auto"), parts, data)
            others = measured(CalibratedClassifierCV(plain, method="temperature", ensemble=False), parts, data)
            print(
                f"| {data} | {method} | {off[0]:.1%}, {on[0]:.1%} | {off[1]:.3f} | {on[1]:.3f} | {others[1]:.3f} "
                f"| {on[1] / others[1]:.2f} | {off[2]:.1f}, {on[2]:.1f} |",
                flush=True,
            )
        for name, model in PEERS.items():
            accuracy, loss, seconds = measured(model, parts, data)
            print(f"| {data} | {name} | {accuracy:.1%} | {loss:.3f} | | | | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
