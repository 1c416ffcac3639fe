"""Which method of `ClassSpecificAEClassifier` suits few rows.

A few rows of each class train, all others test: of the digits, of wine, of breast cancer and of iris (which
scikit-learn brings along), standardised on the training rows (digits divided by 16). Each method gets the same rows,
and is at its defaults. Two peers get them too: a logistic regression on the features, its strength at its default, and
the nearest class mean.

    python benchmarks/few_rows.py [--seeds 5]
"""

import argparse
import platform
import warnings

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skae
from skae import ClassSpecificAEClassifier

ROWS_PER_CLASS = 2, 5, 10, 20
SETS = {"wine": load_wine, "breast cancer": load_breast_cancer, "iris": load_iris, "digits": load_digits}


def by_method(method):
    """Return a function of a seed that makes the classifier with this method."""
    return lambda seed: ClassSpecificAEClassifier(method=method, random_state=seed)


CLASSIFIERS = {
    "finetune": by_method("finetune"),
    "normalize": by_method("normalize"),
    "energies": by_method("energies"),
    "LogisticRegression": lambda seed: LogisticRegression(max_iter=2000),
    "NearestCentroid": lambda seed: NearestCentroid(),
}


def split(y, n_rows, seed):
    """Return which rows train: `n_rows` of each class, drawn by a seed."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(y == label))[:n_rows] for label in np.unique(y)]
    train = np.zeros(len(y), dtype=bool)
    train[np.concatenate(chosen)] = True
    return train


def accuracies(name, n_rows, n_seeds):
    """Return the test accuracy of each classifier for each seed, shape (n_classifiers, n_seeds)."""
    X, y = SETS[name](return_X_y=True)
    result = np.empty((len(CLASSIFIERS), n_seeds))
    for seed in range(n_seeds):
        train = split(y, n_rows, seed)
        scaler = FunctionTransformer(lambda X: X / 16) if name == "digits" else StandardScaler()
        for i, make in enumerate(CLASSIFIERS.values()):
            model = make_pipeline(scaler, make(seed)).fit(X[train], y[train])
            result[i, seed] = model.score(X[~train], y[~train])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="draws of the training rows")
    n_seeds = parser.parse_args().seeds
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}; mean test accuracy over {n_seeds} draws of the training rows\n"
    )
    print(f"| data | rows a class | {' | '.join(CLASSIFIERS)} |")
    print("|---|---|" + "---|" * len(CLASSIFIERS))
    warnings.simplefilter("ignore", ConvergenceWarning)  # every method is at its default number of epochs
    warnings.filterwarnings(
        "ignore", "self.within_class_std_dev_", UserWarning
    )  # the shrinkage of NearestCentroid is off
    means = []
    for name in SETS:
        for n_rows in ROWS_PER_CLASS:
            result = accuracies(name, n_rows, n_seeds)
            means.append(result.mean(axis=1))
            cells = (
                f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in zip(means[-1], result.std(axis=1), strict=True)
            )
            print(f"| {name} | {n_rows} | {' | '.join(cells)} |", flush=True)
    means = np.reshape(means, (len(SETS), len(ROWS_PER_CLASS), -1)).mean(axis=0)
    for n_rows, row in [*zip(ROWS_PER_CLASS, means, strict=True), ("all", means.mean(axis=0))]:
        print(f"| mean of the sets | {n_rows} | {' | '.join(f'{mean:.3f}' for mean in row)} |")


if __name__ == "__main__":
    main()
