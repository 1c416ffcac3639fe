"""Fine-tuned networks: what a step costs, how well they classify, and what autoencoders add where labels are few.

    python benchmarks/networks.py speed
    python benchmarks/networks.py encoders
    python benchmarks/networks.py labels
    SKAE_DATA=folder python benchmarks/networks.py labels --data mnist
    SKAE_DATA=folder python benchmarks/networks.py mnist [--only TEXT] [--seeds 1] [--units 1000] [--validate]
    SKAE_DATA=folder python benchmarks/networks.py cifar10 [--only TEXT] [--seeds 1] [--units 1000] [--validate]

`speed` compares a step with its own five products, and with other libraries' steps (with torch's where it is
installed). `encoders` compares encoders on small sets, and on 10,000 images of MNIST where `SKAE_DATA`
has them. `labels` trains on few labels of each class, and gives the encoder all rows: the same network from an
autoencoder that these rows have trained, from the same autoencoder's first weights, and scikit-learn's `MLPClassifier`.
`mnist` and `cifar10` train on all labels and test on the test images. The hyper-parameters, which stand below, are
those that did best on the last 10,000 training images (`--validate`).
CIFAR-10 is recompressed as JPEG, permutation invariant and without more data: its images are contrast-normalised, and
PCA keeps 95 % of the variance without whitening.
"""

import argparse
import functools
import os
import platform
import time
import warnings

import numpy as np
import peers
import sklearn
from datasets import load
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from speed import cell, paired_times, ratios, stepping
from threadpoolctl import threadpool_limits

from skae import (
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    FineTunedClassifier,
    FineTunedRegressor,
    PCAWhitener,
    ZeroBiasAutoencoder,
)
from skae.activations import as_activation
from skae.objectives import Layer, Network, network_layout
from skae.solvers import SGD, Adam
from skae.training import Batches

NUMBERS = (2, 5, 10, 50, 250)
#: A rate at which training changes nothing.
UNTRAINED = {"max_iter": 1, "learning_rate_init": 1e-9}


def floor_of_step(d, k, n, n_classes, dtype, rng):
    """Return a function that does the five products of one step of a network with one layer."""
    X, W = rng.random((n, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    weights, U, scores = rng.standard_normal((n_classes, k)).astype(dtype), np.empty((n, k), dtype), None
    scores, G, H = np.empty((n, n_classes), dtype), np.empty_like(W), np.empty((n, k), dtype)
    out = np.empty_like(weights)

    def floor():
        np.matmul(X, W.T, out=U)
        np.matmul(U, weights.T, out=scores)
        np.matmul(scores, weights, out=H)
        np.matmul(H.T, X, out=G)
        np.matmul(scores.T, U, out=out)

    return floor


def report_speed(options):
    """Print what a step costs over its own products, and what other libraries' steps cost over it."""
    print(
        "\n| d, units, batch | dropout | solver | floor ms | step / floor | peers / step |\n|---|---|---|---|---|---|"
    )
    n_classes, dtype = 10, np.float32
    peers.set_torch_threads(1)
    for (d, k, n), dropout, rule in (
        ((784, 1000, 256), 0.0, SGD()),
        ((784, 1000, 256), 0.0, Adam()),
        ((784, 1000, 256), 0.5, SGD()),
        ((64, 200, 100), 0.0, SGD()),
    ):
        rng = np.random.default_rng(0)
        layers = [Layer(as_activation("trec"), "natural", dropout)]
        objective = Network(network_layout(d, (k,), (False,), n_classes), layers)
        theta = (0.05 * rng.standard_normal(objective.layout.size)).astype(dtype)
        X, y = rng.random((8 * n, d)).astype(dtype), rng.integers(n_classes, size=8 * n)
        batches = Batches(X, None, None, n, True, labels=y, seeded=dropout > 0.0)
        functions = {"floor": floor_of_step(d, k, n, n_classes, dtype, rng)}
        functions["step"] = stepping(objective, theta, rule, batches, rng, n * d * k)
        if dropout == 0.0:
            functions["MLPClassifier"] = peers.mlp_classifier_step(d, k, n, n_classes, dtype, rule.name, rng)
        if peers.HAS_TORCH:
            functions["torch"] = peers.torch_network_step(d, k, n, n_classes, "float32", rule.name, dropout)
        with threadpool_limits(1):
            times = paired_times(list(functions.values()), 20.0)
        others = [f"{name} {cell(ratios(times, 1)[:, i])}" for i, name in enumerate(functions) if i > 1]
        print(
            f"| {d}, {k}, {n} | {dropout:g} | {rule.name} | {1e3 * np.median(times[:, 0]):.2f} "
            f"| {cell(ratios(times)[:, 1])} | {', '.join(others)} |",
            flush=True,
        )


def report_labels(options):
    """Print the accuracy with few labels."""
    if options.data == "digits":
        X, y, X_test, y_test = load("digits")
    else:
        X, y, X_test, y_test = load("mnist")
        X, X_test = (each.reshape(len(each), -1) for each in (X[:10_000], X_test))
        y = y[:10_000]
    encoders = {
        "zero-bias": lambda **options: ZeroBiasAutoencoder(200, **options),
        "denoising, relu": lambda **options: DenoisingAutoencoder(200, activation="relu", **options),
        "contractive": lambda **options: ContractiveAutoencoder(200, **options),
    }
    numbers = [number for number in NUMBERS if number <= np.bincount(y).min()]
    print(f"\n| encoder | {' | '.join(f'{number} a class' for number in numbers)} |")
    print("|" + (1 + len(numbers)) * "---|")
    columns = {}
    for number in numbers:
        for seed in range(options.seeds):
            rng = np.random.default_rng(seed)
            rows = np.concatenate([rng.permutation(np.flatnonzero(y == j))[:number] for j in range(10)])
            models = {"`MLPClassifier(200)`": MLPClassifier(200, max_iter=500, random_state=seed)}
            models["`LogisticRegression`"] = LogisticRegression(max_iter=1000)
            for name, make in encoders.items():
                for state, training in (("trained", {}), ("untrained", UNTRAINED)):
                    encoder = fitted(make, seed, options.data, state, training, X)
                    models[f"{name}, {state}"] = FineTunedClassifier(encoder, prefit=True, random_state=seed)
            for name, model in models.items():
                score = model.fit(X[rows], y[rows]).score(X_test, y_test)
                columns.setdefault(name, {}).setdefault(number, []).append(score)
    for name, values in columns.items():
        print(f"| {name} | {' | '.join(f'{np.mean(values[number]):.3f}' for number in numbers)} |", flush=True)


#: Encoders to compare; the default of the networks is one of them.
ENCODERS = {
    "zero-bias": ZeroBiasAutoencoder(256),
    "denoising, relu": DenoisingAutoencoder(256, activation="relu"),
    "denoising, relu, masking": DenoisingAutoencoder(256, activation="relu", noise="masking"),
    "contractive": ContractiveAutoencoder(256),
}


def small_sets():
    """Yield names, training and test data, and whether the targets are numbers."""
    for name, loader in (("wine", load_wine), ("breast cancer", load_breast_cancer), ("diabetes", load_diabetes)):
        yield name, *loader(return_X_y=True), name == "diabetes"
    yield "moons", *make_moons(1000, noise=0.2, random_state=0), False
    X, y, X_test, y_test = load("digits")
    yield "digits", np.concatenate([X, X_test]), np.concatenate([y, y_test]), False


def report_encoders(options):
    """Print the test score of networks at their defaults, by encoder."""
    sets = []
    for name, X, y, numbers in small_sets():
        X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=None if numbers else y)
        scaler = StandardScaler().fit(X)
        if numbers:
            y, y_test = ((each - y.mean()) / y.std() for each in (y, y_test))
        scale = (lambda X: X) if name == "digits" else scaler.transform
        sets.append((name, scale(X), y, scale(X_test), y_test, numbers, options.seeds))
    if os.environ.get("SKAE_DATA"):
        X, y, X_test, y_test = load("mnist")
        X, X_test = X[:10_000].reshape(10_000, -1), X_test.reshape(len(X_test), -1)
        sets.append(("10,000 of MNIST", X, y[:10_000], X_test, y_test, False, 1))
    print(f"\n| set | {' | '.join(ENCODERS)} | MLP |\n|---{'|---' * len(ENCODERS)}|---|")
    for name, X, y, X_test, y_test, numbers, seeds in sets:
        network, mlp = (FineTunedRegressor, MLPRegressor) if numbers else (FineTunedClassifier, MLPClassifier)
        models = [functools.partial(network, encoder) for encoder in ENCODERS.values()]
        models.append(functools.partial(mlp, hidden_layer_sizes=256, max_iter=500))
        scores = [
            np.mean([make(random_state=seed).fit(X, y).score(X_test, y_test) for seed in range(seeds)])
            for make in models
        ]
        print(f"| {name} | {' | '.join(f'{score:.3f}' for score in scores)} |", flush=True)


_FITTED = {}


def fitted(make, seed, data, state, training, X):
    """Return an encoder that is fitted to all rows, once."""
    key = make, seed, data, state
    if key not in _FITTED:
        _FITTED[key] = make(random_state=seed, **training).fit(X)
    return _FITTED[key]


def mnist_models(units):
    """Return functions of a seed that make models for MNIST, by name."""
    rate = {"batch_size": 128, "learning_rate_init": 1e-3, "l2": 1e-5, "max_norm": 2.0}
    tuned = functools.partial(FineTunedClassifier, dropout=0.5, noise="masking", noise_level=0.25, max_iter=100, **rate)
    zero_bias = ZeroBiasAutoencoder(units)
    random = ZeroBiasAutoencoder(units, init="glorot", **UNTRAINED)
    return {
        "zero-bias": lambda seed: tuned(zero_bias, random_state=seed),
        "random weights": lambda seed: tuned(random, random_state=seed),
        "zero-bias, no dropout and noise": lambda seed: FineTunedClassifier(
            zero_bias, max_iter=40, random_state=seed, **rate
        ),
        "zero-bias, squared hinge loss": lambda seed: tuned(zero_bias, loss="squared_hinge", random_state=seed),
        "MLPClassifier": lambda seed: MLPClassifier(units, random_state=seed),
    }


def cifar_models(units):
    """Return functions of a seed that make models for CIFAR-10, by name."""
    tuning = {"noise": "masking", "batch_size": 128, "learning_rate_init": 1e-3, "max_iter": 40}
    zero_bias = functools.partial(ZeroBiasAutoencoder, max_iter=20)
    linear = functools.partial(ContractiveAutoencoder, alpha=0, encoding="linear", max_iter=20)
    contractive = ContractiveAutoencoder(units, alpha=10.0, encoding="rectified", max_iter=20)
    one_layer = functools.partial(FineTunedClassifier, dropout=0.3, noise_level=0.3, **tuning)
    two_layers = functools.partial(FineTunedClassifier, dropout=[0.4, 0.0, 0.4], noise_level=0.2, **tuning)
    random = zero_bias(units, init="glorot").set_params(**UNTRAINED)
    return {
        "zero-bias": lambda seed: one_layer(zero_bias(units), random_state=seed),
        "contractive": lambda seed: one_layer(contractive, random_state=seed),
        "random weights": lambda seed: one_layer(random, random_state=seed),
        "two zero-bias layers, a linear one between": lambda seed: two_layers(
            make_pipeline(zero_bias(units), linear(units // 4), zero_bias(units)), random_state=seed
        ),
        "three zero-bias layers, linear ones between": lambda seed: FineTunedClassifier(
            make_pipeline(
                *(zero_bias(units), linear(units // 4), zero_bias(units), linear(units // 4), zero_bias(units))
            ),
            dropout=[0.3, 0.0, 0.3, 0.0, 0.3],
            noise_level=0.2,
            random_state=seed,
            **tuning,
        ),
        "two layers, random weights": lambda seed: two_layers(
            make_pipeline(random, linear(units // 4).set_params(**UNTRAINED), random), random_state=seed
        ),
        "MLPClassifier": lambda seed: MLPClassifier(units, random_state=seed),
        "MLPClassifier, early stopping": lambda seed: MLPClassifier(units, early_stopping=True, random_state=seed),
    }


def report_images(options):
    """Print the test errors of networks on all images."""
    X, y, X_test, y_test = load(options.what)
    X, X_test = (each.reshape(len(each), -1).astype(np.float32) for each in (X, X_test))
    models = mnist_models(options.units)
    if options.validate:
        X, y, X_test, y_test = X[:-10_000], y[:-10_000], X[-10_000:], y[-10_000:]
    if options.what == "cifar10":
        steps = make_pipeline(ContrastNormalizer(), PCAWhitener(0.95, whiten=None)).fit(X)
        X, X_test, models = steps.transform(X), steps.transform(X_test), cifar_models(options.units)
    print("\n| network | test accuracy | training accuracy | CPU s |\n|---|---|---|---|")
    for name, make in models.items():
        if options.only not in name:
            continue
        found = []
        for seed in range(options.seeds):
            start = time.process_time()
            model = make(seed).fit(X, y)
            seconds = time.process_time() - start
            found.append([model.score(X_test, y_test), model.score(X[:10_000], y[:10_000]), seconds])
        test, training, seconds = np.mean(found, axis=0)
        print(f"| {name} | {test:.2%} | {training:.2%} | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "encoders", "labels", "mnist", "cifar10"))
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits", help="for labels")
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--validate", action="store_true", help="test on the last 10,000 training images")
    parser.add_argument("--units", type=int, default=1000, help="of a layer, for mnist and cifar10")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", UserWarning)
    print(f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, Python {platform.python_version()}, ", end="")
    print(f"{platform.machine()}, {time.strftime('%Y-%m-%d')}")
    reports = {"speed": report_speed, "encoders": report_encoders, "labels": report_labels}
    reports.get(options.what, report_images)(options)


if __name__ == "__main__":
    main()
