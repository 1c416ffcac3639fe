"""Which whitener suits a code: a row for each, on images and on small sets.

    SKAE_DATA=folder python benchmarks/whiteners.py cifar10 --rows 5000 --epochs 20 --seeds 1 --units 256
    SKAE_DATA=folder python benchmarks/whiteners.py mnist --rows 5000 --epochs 20 --seeds 1 --units 256
    python benchmarks/whiteners.py digits --epochs 100 --seeds 1 --units 256
    python benchmarks/whiteners.py textures --epochs 40 --seeds 1 --units 128

The figures are test accuracies of a ridge classifier on the standardised codes, its strength by cross-validation. The
contractive strength is chosen without labels. `papers/zae_codes.py` compares codes at length.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import BUNDLED, OPENML, load
from papers.compared import RandomFilters
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import ContractiveAutoencoder, ContrastNormalizer, PCAWhitener, ZeroBiasAutoencoder

VARYING_CONTRAST = ("cifar10", "photographs", "textures")
ALPHAS = (0.1, 1.0, 10.0)
#: Share of the variance, `whiten`, and eps over the mean variance of the components that are kept.
WHITENERS = (
    (0.99, None, 0.0),
    (0.9, None, 0.0),
    (0.99, "pca", 0.0),
    (0.95, "pca", 0.0),
    (0.9, "pca", 0.0),
    (0.99, "pca", 0.01),
    (0.99, "pca", 0.1),
    (0.99, "pca", 1.0),
)
SHARES = [share for share, _, _ in WHITENERS]
COLUMNS = (
    "whitener",
    "directions",
    "theta of threshold=1",
    "zero-bias",
    "threshold=2",
    "contractive, rectified",
    "contractive, natural",
    "random filters",
    "components",
    "alpha, by score",
)


def accuracy(Z_train, y_train, Z_test, y_test):
    """Return the test accuracy of a ridge classifier on the standardised codes, its strength by cross-validation."""
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 13)))
    return classifier.fit(Z_train, y_train).score(Z_test, y_test)


def measured(whitener, X_train, y_train, X_test, y_test, options, seed):
    """Return the accuracies of the codes behind a whitener, and the contractive strength that `score` chooses."""
    A, B = whitener.transform(X_train), whitener.transform(X_test)
    held_out = np.random.default_rng(seed).permutation(len(A)) < len(A) // 5
    parameters = {"n_components": options.units, "max_iter": options.epochs, "tol": 0, "random_state": seed}
    fits = [ContractiveAutoencoder(alpha=alpha, **parameters).fit(A[~held_out]) for alpha in ALPHAS]
    best = max(fits, key=lambda fitted: fitted.score(A[held_out]))
    zero_bias = [ZeroBiasAutoencoder(threshold=threshold, **parameters).fit(A) for threshold in (1.0, 2.0)]
    random = RandomFilters(options.units, random_state=seed).fit(A)
    codes = [(fitted.transform(A), fitted.transform(B)) for fitted in zero_bias]
    for encoding in "rectified", "natural":
        best.set_params(encoding=encoding)
        codes.append((best.transform(A), best.transform(B)))
    codes += [(random.transform(A), random.transform(B)), (A, B)]
    return [accuracy(Z_train, y_train, Z_test, y_test) for Z_train, Z_test in codes], best.alpha


def report(options):
    """Print a row for each whitener."""
    X_train, y_train, X_test, y_test = load(options.data)
    X_train, X_test = (X.reshape(len(X), -1) for X in (X_train[: options.rows], X_test))
    y_train = y_train[: options.rows]
    if options.data in VARYING_CONTRAST:
        X_train, X_test = (ContrastNormalizer().fit_transform(X) for X in (X_train, X_test))
    # Rotated once: whiteners find the same components in the rotated data, with far fewer columns.
    pca = PCA(max(SHARES), svd_solver="covariance_eigh").fit(X_train)
    X_train, X_test = pca.transform(X_train), pca.transform(X_test)
    print(f"{options.data}: {len(X_train)} training rows, {options.units} units, ", end="")
    print(f"{options.epochs} epochs, {options.seeds} seeds\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{len(COLUMNS) * '---|'}")
    for share, whiten, ratio in WHITENERS:
        whitener = PCAWhitener(None if share == max(SHARES) else share / max(SHARES), whiten=whiten).fit(X_train)
        whitener.set_params(eps=float(ratio * whitener.explained_variance_.mean()))
        rows = [measured(whitener, X_train, y_train, X_test, y_test, options, seed) for seed in range(options.seeds)]
        accuracies = 100.0 * np.mean([accuracies for accuracies, _ in rows], axis=0)
        # The threshold in the unit of what was whitened, where one number says it.
        theta = f"{np.sqrt(whitener.explained_variance_.mean()):.2f}" if whiten is None else "1 (whitened)"
        name = f"PCAWhitener({share}" + ", whiten=None" * (whiten is None) + f", eps={ratio} means" * (ratio > 0) + ")"
        print(f"| `{name}` | {whitener.n_components_} | {theta} | ", end="")
        print(" | ".join(f"{value:.1f} %" for value in accuracies), end=" | ")
        print(", ".join(f"{alpha:g}" for _, alpha in rows), "|", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=sorted({*BUNDLED, *OPENML}))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rows", type=int, help="training rows (default: all)")
    parser.add_argument("--units", type=int, default=500)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    report(options)


if __name__ == "__main__":
    main()
