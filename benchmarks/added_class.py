"""How much accuracy `ClassSpecificAEClassifier.add_class` loses against a fit with all classes.

Half of the digits that scikit-learn brings along train, the others test. For each of the ten classes: a classifier is
fitted without it; `add_class` adds it, by its own rows alone, or by the rows of all classes. The table has the means
over the ten classes.

    python benchmarks/added_class.py
"""

import argparse
import copy
import platform
import warnings

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import skae
from skae import ClassSpecificAEClassifier, ContractiveAutoencoder

BERNOULLI = ContractiveAutoencoder(50, visible="bernoulli", max_iter=100)
CLASSIFIERS = {
    "defaults": ClassSpecificAEClassifier(random_state=0),
    "defaults, normalize": ClassSpecificAEClassifier(method="normalize", random_state=0),
    "bernoulli": ClassSpecificAEClassifier(BERNOULLI, random_state=0),
    "bernoulli, normalize": ClassSpecificAEClassifier(BERNOULLI, method="normalize", random_state=0),
}


def accuracies(classifier, X_train, X_test, y_train, y_test):
    """Return the test accuracy after `add_class` of each class, by its own rows and by the rows of all, (10, 2)."""
    result = np.empty((10, 2))
    for label in range(10):
        new = y_train == label
        fitted = sklearn.clone(classifier).fit(X_train[~new], y_train[~new])
        own = copy.deepcopy(fitted).add_class(X_train[new], y_train[new])
        result[label] = own.score(X_test, y_test), fitted.add_class(X_train, y_train).score(X_test, y_test)
    return result


def main():
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # as many epochs as the parameters say
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}\n"
    )
    print("| classifier | new rows | rows of all classes | one fit |")
    print("|---|---|---|---|")
    X, y = load_digits(return_X_y=True)
    data = train_test_split(X / 16, y, test_size=0.5, random_state=0)
    for name, classifier in CLASSIFIERS.items():
        own, together = accuracies(classifier, *data).mean(axis=0)
        whole = sklearn.clone(classifier).fit(data[0], data[2]).score(data[1], data[3])
        print(f"| {name} | {own:.3f} | {together:.3f} | {whole:.3f} |", flush=True)


if __name__ == "__main__":
    main()
