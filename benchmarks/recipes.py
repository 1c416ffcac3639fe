"""Whether autoencoders of patches learn more than random weights do, and which recipe makes them.

Grey patches of 12 x 12 pixels, contrast-normalised and whitened; 128 units, 60 epochs. Each of the six autoencoders is
measured at its defaults and at what `GridSearchCV` chooses by the denoising R^2, without labels, behind whiteners that
keep more or less of the variance.

    python benchmarks/recipes.py textures
    python benchmarks/recipes.py photographs

Two measures. Accuracy: a ridge classifier on the standardised codes, max(0, Wx) and, after the comma, the natural code.
Kurtosis: the median over units of the excess kurtosis of w.x on test patches. A filter that matches what images are
made of, such as an edge, seldom responds, and then strongly; one that is noise responds like random weights.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from features import RandomFilters
from scipy.stats import kurtosis
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import (
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)

SHARES = (0.99, 0.9)
FIT = {"n_components": 128, "max_iter": 60, "random_state": 0}
STRENGTHS = [0.1, 0.3, 1.0]
RATES = {"learning_rate_init": ["auto", 0.1]}
# What is searched by the denoising R^2, which cannot choose the threshold of zero-bias units, nor activations.
GRIDS = {
    ZeroBiasAutoencoder(**FIT): {},
    ContractiveAutoencoder(**FIT): {"alpha": STRENGTHS, **RATES},
    DenoisingAutoencoder(**FIT): {"noise_level": [0.3, 0.5, 1.0], **RATES},
    DenoisingAutoencoder(activation="relu", **FIT): {"noise_level": [0.3, 0.5, 1.0]},
    MarginalizedDenoisingAutoencoder(**FIT): {"alpha": STRENGTHS, **RATES},
    MarginalizedDenoisingAutoencoder(activation="softplus", **FIT): {"alpha": STRENGTHS},
    SaturatingAutoencoder(**FIT): {"alpha": STRENGTHS},
    SparseAutoencoder(**FIT): {"alpha": STRENGTHS},
}


def measures(model, data, encodings):
    """Return the accuracies of the codes and the kurtosis, as text."""
    X_train, y_train, X_test, y_test = data
    accuracies = []
    for encoding in encodings:
        if encoding:
            model.set_params(encoding=encoding)
        classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 13)))
        classifier.fit(model.transform(X_train), y_train)
        accuracies.append(f"{classifier.score(model.transform(X_test), y_test):.3f}")
    return f"{', '.join(accuracies)} | {np.median(kurtosis(X_test @ model.components_.T)):.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("photographs", "textures"))
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the variance kept")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X_train, y_train, X_test, y_test = load(options.data)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    print(f"{options.data}: {len(X_train)} training rows, {len(np.unique(y_train))} classes\n")
    print("| whitener | autoencoder | accuracy | kurtosis | chosen by score | accuracy | kurtosis |\n|" + 7 * "---|")
    for share in options.shares:
        steps = make_pipeline(ContrastNormalizer(), PCAWhitener(share)).fit(X_train)
        data = steps.transform(X_train), y_train, steps.transform(X_test), y_test
        whitener = f"`PCAWhitener({share})`, {data[0].shape[1]}"
        random = RandomFilters(FIT["n_components"], random_state=0).fit(data[0])
        print(f"| {whitener} | random weights | {measures(random, data, [None])} | | | |", flush=True)
        for model, grid in GRIDS.items():
            name = type(model).__name__ + (f", {model.activation}" if model.activation in ("relu", "softplus") else "")
            encodings = ["rectified"] if isinstance(model, ZeroBiasAutoencoder) else ["rectified", "natural"]
            print(f"| {whitener} | {name} | {measures(clone(model).fit(data[0]), data, encodings)}", end=" | ")
            if not grid:
                print("nothing | | |", flush=True)
                continue
            search = GridSearchCV(model, grid, cv=2).fit(data[0])
            chosen = ", ".join(f"{key}={value}" for key, value in search.best_params_.items())
            print(f"{chosen} | {measures(search.best_estimator_, data, encodings)} |", flush=True)


if __name__ == "__main__":
    main()
