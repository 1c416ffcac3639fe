"""What `prediction_sets` and `p_values` of `ClassSpecificAEClassifier` promise, and what they keep.

Some digits are known and train; half of their rows (`--fraction`) are held out for the p-values. New rows of all digits
test. Each split draws all rows again. Printed for each method are

- coverage: the share of new rows whose set has their class, the mean over the classes and the splits; then the least of
  a class, with twice the standard error over the splits;
- the mean number of classes in a set and the share of empty sets, for known digits and for unknown ones;
- the false discovery rate where Benjamini and Hochberg's procedure is asked for 0.1 (a row is declared "none of these"
  by its largest p-value), with twice its standard error, and the share of the unknown digits that it finds; beside it
  the share that the lowest threshold on the same p-values with a realised rate of 0.1 finds.

    python benchmarks/conformal.py
    python benchmarks/conformal.py --novel 5 6 7 8 9
    SKAE_DATA=folder python benchmarks/conformal.py --data mnist --methods normalize --novel 5 6 7 8 9
"""

import argparse
import platform
import warnings

import datasets
import numpy as np
import scipy
import sklearn
from scipy.stats import false_discovery_control
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import skae
from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder

FDR = 0.1
ROWS = {"digits": (898, 899), "mnist": (12_000, 6_000)}  # to train and to test
BERNOULLI = ContractiveAutoencoder(50, visible="bernoulli", max_iter=100)
SHARED = DenoisingAutoencoder(50, visible="bernoulli", max_iter=100)
METHODS = {
    "normalize": {"estimator": BERNOULLI, "method": "normalize"},
    "energies": {"estimator": BERNOULLI, "method": "energies"},
    "finetune": {"estimator": BERNOULLI},
    "hinge": {"estimator": BERNOULLI, "loss": "hinge"},
    "gaussian": {"estimator": ContractiveAutoencoder(50, max_iter=100)},
    "factors": {"estimator": SHARED, "method": "normalize", "n_factors": 50},
}


def discoveries(p, novel):
    """Return the realised rate of false discoveries, the share found, and the share at the best threshold."""
    rejected = false_discovery_control(p) <= FDR
    rate = (rejected & ~novel).sum() / max(rejected.sum(), 1)
    shares = [0.0]
    for threshold in np.unique(p):
        below = p <= threshold
        if (below & ~novel).sum() <= FDR * below.sum():
            shares.append(below[novel].mean())
    return rate, rejected[novel].mean(), max(shares)


def measure(parameters, X, y, sizes, options, seed):
    """Return the coverage of each class, and the other figures, of one split."""
    n_train, n_test = sizes
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=seed
    )
    known, novel = ~np.isin(y_train, options.novel), np.isin(y_test, options.novel)
    classifier = ClassSpecificAEClassifier(
        **parameters, calibration_fraction=options.fraction, temperature=1.0, random_state=seed
    ).fit(X_train[known], y_train[known])
    sets = classifier.prediction_sets(X_test, options.coverage)
    covered = [sets[y_test == label, j].mean() for j, label in enumerate(classifier.classes_)]
    counts = sets.sum(axis=1)
    sizes = [value for rows in (~novel, novel) for value in (counts[rows].mean(), (counts[rows] == 0).mean())]
    return covered, [*sizes, *discoveries(classifier.p_values(X_test).max(axis=1), novel)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=ROWS, default="digits")
    parser.add_argument("--novel", type=int, nargs="+", default=[9], help="the unknown digits")
    parser.add_argument("--methods", choices=METHODS, nargs="+", default=list(METHODS))
    parser.add_argument("--splits", type=int, default=20, help="splits into training and test rows")
    parser.add_argument("--fraction", type=float, default=0.5, help="calibration_fraction")
    parser.add_argument("--coverage", type=float, default=0.9, help="coverage of the sets")
    options = parser.parse_args()
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn "
        f"{sklearn.__version__}, Python {platform.python_version()}; {options.data} without {options.novel}, "
        f"{options.splits} splits, calibration_fraction={options.fraction}, coverage={options.coverage}\n"
    )
    print(
        "| method | coverage | least of a class | in a set | empty | unknown: in a set | empty | FDR | found | best |"
    )
    print("|---|" + "---|" * 9)
    warnings.simplefilter("ignore", ConvergenceWarning)  # the numbers of epochs are as they are
    X_train, y_train, X_test, y_test = datasets.load(options.data)
    X, y = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])
    root = np.sqrt(options.splits)
    for name in options.methods:
        results = [measure(METHODS[name], X, y, ROWS[options.data], options, seed) for seed in range(options.splits)]
        covered, others = map(np.array, zip(*results, strict=True))
        least = covered[:, covered.mean(axis=0).argmin()]
        size, empty, novel_size, novel_empty, rate, found, best = others.mean(axis=0)
        print(
            f"| {name} | {covered.mean():.3f} | {least.mean():.3f} ± {2.0 * least.std(ddof=1) / root:.3f} | {size:.2f} "
            f"| {empty:.3f} | {novel_size:.2f} | {novel_empty:.3f} | "
            f"{rate:.3f} ± {2.0 * others[:, -3].std(ddof=1) / root:.3f} | {found:.3f} | {best:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
