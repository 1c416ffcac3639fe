"""How well a linear classifier does on each code: ZAE figures 1 and 4.

Codes of 500 units, trained for 20 epochs without labels, then L2 logistic regression, its strength chosen on
a validation split of the training set; the test set is used once for each row. Mean and spread over seeds.

    SKAE_DATA=folder python benchmarks/features.py cifar10
    SKAE_DATA=folder python benchmarks/features.py mnist

Both are reduced by PCA to 99 % of the variance without whitening, CIFAR-10 after contrast normalisation (ZAE 4.1).

With ``--whiteners``, which whitener suits a code, on these or on small sets: a row for each, a ridge classifier on the
standardised codes that chooses its strength by cross-validation, and the contractive strength without labels.

    SKAE_DATA=folder python benchmarks/features.py cifar10 --whiteners --rows 10000 --epochs 10 --seeds 1
    SKAE_DATA=folder python benchmarks/features.py mnist --whiteners --rows 5000 --epochs 40 --seeds 1
    python benchmarks/features.py digits --whiteners --epochs 200
    python benchmarks/features.py textures --whiteners --epochs 100
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import BUNDLED, load
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skae
from skae import ContractiveAutoencoder, ContrastNormalizer, PCAWhitener, ZeroBiasAutoencoder

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
VARYING_CONTRAST = ("cifar10", "photographs", "textures")
ALPHAS = (0.1, 1.0, 10.0)
# Shares of the variance, `whiten`, and eps over the mean variance of the components that are kept.
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
VARYING_CONTRAST = ("cifar10", "textures", "photographs")
# Share of the variance, `whiten`, and eps over the mean variance of the components that are kept.
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


class RandomFilters(TransformerMixin, BaseEstimator):
    """max(0, W x) with random rows of unit length: what training has to beat."""

    def __init__(self, n_components=500, random_state=None):
        self.n_components, self.random_state = n_components, random_state

    def fit(self, X, y=None):
        rng = np.random.default_rng(self.random_state)
        W = rng.standard_normal((self.n_components, X.shape[1])).astype(X.dtype)
        self.components_ = W / np.linalg.norm(W, axis=1, keepdims=True)
        return self

    def transform(self, X):
        return np.maximum(X @ self.components_.T, 0.0)


def contractive(alpha):
    """Return a function of seed and epochs that makes a contractive autoencoder."""
    return lambda seed, epochs: ContractiveAutoencoder(500, alpha=alpha, max_iter=epochs, tol=0, random_state=seed)


def zero_bias(activation):
    """Return a function of seed and epochs that makes a zero-bias autoencoder."""
    return lambda seed, epochs: ZeroBiasAutoencoder(
        500, activation=activation, max_iter=epochs, tol=0, random_state=seed
    )


# Model, and the codes that are taken from each fit of it (one where it has no `encoding`).
ROWS = {
    "cifar10": {
        "ZeroBiasAutoencoder, trec": (zero_bias("trec"), ["rectified"]),
        "ZeroBiasAutoencoder, tlin": (zero_bias("tlin"), ["rectified"]),
        "ContractiveAutoencoder": (contractive(10.0), ["rectified", "rectified_bias", "natural"]),
        "ContractiveAutoencoder, alpha=1.5": (contractive(1.5), ["rectified", "natural"]),
        "random filters, rectified": (lambda seed, epochs: RandomFilters(500, seed), [None]),
        "PCA components": (lambda seed, epochs: FunctionTransformer(), [None]),
    },
    "mnist": {
        "ZeroBiasAutoencoder, trec": (zero_bias("trec"), ["rectified"]),
        "ContractiveAutoencoder": (contractive(10.0), ["rectified", "natural"]),
        "random filters, rectified": (lambda seed, epochs: RandomFilters(500, seed), [None]),
        "PCA components": (lambda seed, epochs: FunctionTransformer(), [None]),
        "raw pixels": (lambda seed, epochs: FunctionTransformer(), [None]),
    },
}


def preprocess(name, X_train, X_test):
    """Return the data that the autoencoders see."""
    whitener = PCAWhitener(0.99, whiten=None)
    steps = make_pipeline(ContrastNormalizer(), whitener) if name in VARYING_CONTRAST else whitener
    return steps.fit_transform(X_train), steps.transform(X_test)


def ridge_accuracy(Z_train, y_train, Z_test, y_test):
    """Return the test accuracy of a ridge classifier on the standardised codes, its strength by cross-validation."""
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 13)))
    return classifier.fit(Z_train, y_train).score(Z_test, y_test)


def whitener_row(whitener, X_train, y_train, X_test, y_test, options, seed):
    """Return the accuracies of the codes behind a whitener, and the contractive strength that `score` chooses."""
    A, B = whitener.transform(X_train), whitener.transform(X_test)
    held_out = np.random.default_rng(seed).permutation(len(A)) < len(A) // 5
    parameters = {"n_components": options.units, "max_iter": options.epochs, "tol": 0, "random_state": seed}
    fits = [ContractiveAutoencoder(alpha=alpha, **parameters).fit(A[~held_out]) for alpha in ALPHAS]
    best = max(fits, key=lambda fitted: fitted.score(A[held_out]))
    zero_bias, random = ZeroBiasAutoencoder(**parameters).fit(A), RandomFilters(options.units, seed).fit(A)
    codes = [(zero_bias.transform(A), zero_bias.transform(B))]
    for encoding in "rectified", "natural":
        best.set_params(encoding=encoding)
        codes.append((best.transform(A), best.transform(B)))
    codes += [(random.transform(A), random.transform(B)), (A, B)]
    return [ridge_accuracy(Z_train, y_train, Z_test, y_test) for Z_train, Z_test in codes], best.alpha


def compare_whiteners(options):
    """Print a row for each whitener."""
    X_train, y_train, X_test, y_test = load(options.data)
    X_train, y_train = X_train[: options.rows], y_train[: options.rows]
    if options.data in VARYING_CONTRAST:
        X_train, X_test = (ContrastNormalizer().fit_transform(X) for X in (X_train, X_test))
    # Rotated once: whiteners find the same components in the rotated data, with far fewer columns.
    pca = PCA(max(SHARES), svd_solver="covariance_eigh").fit(X_train)
    X_train, X_test = pca.transform(X_train), pca.transform(X_test)
    print(f"{options.data}: {len(X_train)} training rows, {options.units} units, ", end="")
    print(f"{options.epochs} epochs, {options.seeds} seeds\n")
    print(
        "| whitener | directions | theta of threshold=1 | zero-bias | contractive, rectified | contractive, natural |",
        end="",
    )
    print(" random filters | components | alpha, by score |\n|" + 9 * "---|")
    for share, whiten, ratio in WHITENERS:
        whitener = PCAWhitener(None if share == max(SHARES) else share / max(SHARES), whiten=whiten).fit(X_train)
        whitener.set_params(eps=float(ratio * whitener.explained_variance_.mean()))
        rows = [
            whitener_row(whitener, X_train, y_train, X_test, y_test, options, seed) for seed in range(options.seeds)
        ]
        accuracies = 100.0 * np.mean([accuracies for accuracies, _ in rows], axis=0)
        # The threshold in the unit of what was whitened, where one number says it.
        theta = f"{np.sqrt(whitener.explained_variance_.mean()):.2f}" if whiten is None else "1 (whitened)"
        name = f"PCAWhitener({share}" + ", whiten=None" * (whiten is None) + f", eps={ratio} means" * (ratio > 0) + ")"
        print(f"| `{name}` | {whitener.n_components_} | {theta} | ", end="")
        print(" | ".join(f"{value:.1f} %" for value in accuracies), end=" | ")
        print(", ".join(f"{alpha:g}" for _, alpha in rows), "|", flush=True)


def accuracy(transformer, X_train, y_train, X_test, y_test, validation):
    """Return the test accuracy of a logistic regression on the codes, and the strength that validation chose."""
    Z_train, Z_test = (np.asarray(transformer.transform(X), dtype=np.float32) for X in (X_train, X_test))
    scale = np.sqrt(np.mean(Z_train**2))
    Z_train, Z_test = Z_train / scale, Z_test / scale

    def classifier(C):
        return LogisticRegression(C=C, max_iter=300, tol=1e-3)

    fitting, chosen_on = ~validation, validation
    # 20,000 of the rows choose the strength; all of them train the classifier that is tested.
    some = np.flatnonzero(fitting)[:20_000]
    scores = [
        classifier(C).fit(Z_train[some], y_train[some]).score(Z_train[chosen_on], y_train[chosen_on]) for C in STRENGTHS
    ]
    best = STRENGTHS[int(np.argmax(scores))]
    return classifier(best).fit(Z_train, y_train).score(Z_test, y_test), best


def compare_codes(options):
    """Print a row for each code."""
    X_train, y_train, X_test, y_test = load(options.data)
    pixels = X_train, X_test
    reduced = preprocess(options.data, *pixels)
    X_train, X_test = reduced
    validation = np.zeros(len(X_train), dtype=bool)
    validation[-10_000:] = True
    print(f"{options.data}: {len(X_train)} training rows, {X_train.shape[1]} features, {options.epochs} epochs\n")
    print("| code | test accuracy, mean | seeds | C | s a seed |\n|---|---|---|---|---|")
    for name, (make, encodings) in ROWS[options.data].items():
        if options.only and options.only not in name:
            continue
        X_train, X_test = pixels if name == "raw pixels" else reduced
        results, start = {encoding: [] for encoding in encodings}, time.perf_counter()
        seeds = 1 if isinstance(make(0, 1), FunctionTransformer) else options.seeds
        for seed in range(seeds):
            transformer = make(seed, options.epochs).fit(X_train)
            for encoding in encodings:
                if encoding:
                    transformer.set_params(encoding=encoding)
                results[encoding].append(accuracy(transformer, X_train, y_train, X_test, y_test, validation))
        seconds = (time.perf_counter() - start) / seeds / len(encodings)
        for encoding, outcomes in results.items():
            accuracies = 100.0 * np.array([outcome[0] for outcome in outcomes])
            each, strengths = ", ".join(f"{a:.1f}" for a in accuracies), ", ".join(f"{C:g}" for _, C in outcomes)
            row = f"{name}, {encoding} code" if encoding else name
            print(f"| {row} | {accuracies.mean():.1f} % | {each} | {strengths} | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=sorted({*ROWS, *BUNDLED}))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--whiteners", action="store_true", help="a row for each whitener")
    parser.add_argument("--rows", type=int, help="training rows, with --whiteners (default: all)")
    parser.add_argument("--units", type=int, default=500, help="with --whiteners (default: %(default)s)")
    options = parser.parse_args()
    if options.data in BUNDLED and not options.whiteners:
        parser.error(f"{options.data} goes with --whiteners only")
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    if options.whiteners:
        compare_whiteners(options)
    else:
        compare_codes(options)


if __name__ == "__main__":
    main()
