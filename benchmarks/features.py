"""How well a linear classifier does on each code: ZAE figures 1 and 4.

Codes of 500 units, trained for 20 epochs without labels, then L2 logistic regression, its strength chosen on
a validation split of the training set; the test set is used once for each row. Mean and spread over seeds.

    SKAE_DATA=folder python benchmarks/features.py cifar10
    SKAE_DATA=folder python benchmarks/features.py mnist

Both are reduced by PCA to 99 % of the variance without whitening, CIFAR-10 after contrast normalisation (ZAE 4.1).
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skae
from skae import ContractiveAutoencoder, ContrastNormalizer, PCAWhitener, ZeroBiasAutoencoder

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)


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
    steps = make_pipeline(ContrastNormalizer(), whitener) if name == "cifar10" else whitener
    return steps.fit_transform(X_train), steps.transform(X_test)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=sorted(ROWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", help="rows whose name contains this")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X_train, y_train, X_test, y_test = load(options.data)
    pixels = X_train, X_test
    reduced = preprocess(options.data, *pixels)
    X_train, X_test = reduced
    validation = np.zeros(len(X_train), dtype=bool)
    validation[-10_000:] = True
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
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


if __name__ == "__main__":
    main()
