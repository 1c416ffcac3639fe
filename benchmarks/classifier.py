"""How well one autoencoder per class classifies, and tells what is of none of them: ENERGY sections 4.5 to 4.8.

    SKAE_DATA=folder python benchmarks/classifier.py [--only TEXT] [--seeds 3]
    SKAE_DATA=folder python benchmarks/classifier.py --select mnist
    python benchmarks/classifier.py --tables

The first command trains what `benchmarks/figures/classifier.csv` has no row of, and prints the tables; the second tries
hyper-parameters, by the last 10,000 training images of MNIST (the last 2,000 of MNIST-small); the third prints the
tables of the file. Rows are errors on the test images, which nothing but these tables looks at.

MNIST: 60,000 and 10,000 images. MNIST-small: 12,000 images for training, 2,000 of which validate, and 50,000 for
testing, drawn from all 70,000; the benchmark of Larochelle et al. (2007) is another draw of these sizes.
"""

import argparse
import csv
import dataclasses
import functools
import itertools
import pathlib
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

import skae
from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder
from skae.corruption import Corruption, as_corruption

FILE = pathlib.Path(__file__).parent / "figures" / "classifier.csv"
FIELDS = ("table", "model", "seed", "error", "train_error", "seconds", "auc_energy", "auc_probability")

# Chosen by --select.
CHOSEN = {
    "mnist": {
        "n_components": 300,
        "alpha": 1.0,
        "noise": "gaussian",
        "noise_level": 0.4,
        "max_iter": 60,
        "learning_rate_init": 5e-4,
    },
    "mnist-small": {
        "n_components": 300,
        "alpha": 1.0,
        "noise": "gaussian",
        "noise_level": 0.4,
        "max_iter": 100,
        "learning_rate_init": 5e-4,
    },
}


def contractive(n_components=100, alpha=1.0, activation="sigmoid", epochs=30, visible="gaussian"):
    """Return the autoencoder of a class; alpha is half of ENERGY's lambda (0.2, 0.5 or 1 there)."""
    return ContractiveAutoencoder(
        n_components,
        activation=activation,
        alpha=alpha,
        visible=visible,
        learning_rate_init=0.005,
        max_iter=epochs,
        tol=0,
    )


def denoising(activation, n_components=100, epochs=30, **parameters):
    """Return a denoising autoencoder, which ENERGY takes where the activation has a kink, and for factors."""
    return DenoisingAutoencoder(
        n_components,
        activation=activation,
        noise="masking",
        noise_level=0.3,
        learning_rate_init=0.005,
        max_iter=epochs,
        tol=0,
        **parameters,
    )


@dataclasses.dataclass(frozen=True)
class Shift(Corruption):
    """Each image of 28 x 28 pixels by up to `level` pixels along both axes, and noise of standard deviation 0.3."""

    name = "shift"

    def apply(self, X, rng, out, low=None, high=None):
        """Write the shifted rows of X to `out`."""
        reach = int(self.level)
        images = np.pad(X.reshape(-1, 28, 28), ((0, 0), (reach, reach), (reach, reach)))
        down, right = rng.integers(0, 2 * reach + 1, size=(2, len(X)))
        rows, columns = down[:, None] + np.arange(28), right[:, None] + np.arange(28)
        out[:] = images[np.arange(len(X))[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(X.shape)
        return as_corruption("gaussian", 0.3).apply(out.copy(), rng, out)


def classifier(data, autoencoder=None, **parameters):
    """Return a function of a seed that makes a classifier, at the settings chosen for the data where none are given."""
    chosen = dict(CHOSEN[data])
    own = {name: chosen.pop(name) for name in ("n_components", "alpha")}
    autoencoder = contractive(**own) if autoencoder is None else autoencoder
    settings = {"tol": 0, "l2": 0.0, "n_jobs": 2, "temperature": 1.0, **chosen, **parameters}
    return lambda seed: ClassSpecificAEClassifier(autoencoder, random_state=seed, **settings)


def short(autoencoder=None, **parameters):
    """Return a classifier of 100 units trained for 20 epochs, for comparisons."""
    autoencoder = contractive() if autoencoder is None else autoencoder
    settings = {"tol": 0, "l2": 0.0, "n_jobs": 2, "max_iter": 20, "noise": "gaussian", "noise_level": 0.4}
    settings |= {"temperature": 1.0, **parameters}
    if settings.get("method", "finetune") == "energies":
        settings["l2"] = 1e-4
    return lambda seed: ClassSpecificAEClassifier(autoencoder, random_state=seed, **settings)


def peers():
    """Return scikit-learn's classifiers."""
    return {
        "SVC(C=30, gamma=0.02)": lambda seed: SVC(C=30.0, gamma=0.02, cache_size=2000),
        "MLPClassifier(1000)": lambda seed: MLPClassifier(1000, random_state=seed),
        "LogisticRegression(C=0.1)": lambda seed: LogisticRegression(C=0.1, max_iter=300),
        "RandomForestClassifier(500)": lambda seed: RandomForestClassifier(500, n_jobs=2, random_state=seed),
        "HistGradientBoostingClassifier": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    }


DETERMINISTIC = ("SVC", "LogisticRegression")

VARIATIONS = {
    "finetune": {},
    "finetune, hinge loss": {"loss": "hinge"},
    "finetune, no pretraining": {"pretrain": False},
    "normalize": {"method": "normalize"},
    "energies": {"method": "energies"},
}

# Table 2: contractive where the activation is smooth, denoising else; factored always denoising.
ACTIVATIONS = {
    "linear": short(contractive(activation="identity")),
    "modulus": short(denoising("modulus")),
    "sigmoid": short(),
    "tanh, factored": short(denoising("tanh"), n_factors=100),
    "relu, factored": short(denoising("relu"), n_factors=100),
    "square, factored": short(denoising("square"), n_factors=100),
    "modulus, factored": short(denoising("modulus"), n_factors=100),
    "sigmoid, factored": short(denoising("sigmoid"), n_factors=100),
}

#: Table, data, models by name, largest number of seeds.
TABLES = {
    "MNIST": ("mnist", {"ClassSpecificAEClassifier": classifier("mnist"), **peers()}, 3),
    "MNIST, images shifted in training": (
        "mnist",
        {"ClassSpecificAEClassifier": classifier("mnist", noise=Shift(level=1.0), noise_level=1.0)},
        1,
    ),
    "MNIST-small": ("mnist-small", {"ClassSpecificAEClassifier": classifier("mnist-small"), **peers()}, 3),
    "Variations, MNIST": ("mnist", {name: short(**each) for name, each in VARIATIONS.items()}, 3),
    "Variations, MNIST-small": ("mnist-small", {name: short(**each) for name, each in VARIATIONS.items()}, 3),
    "Activations, MNIST": ("mnist", ACTIVATIONS, 1),
}


def images(data):
    """Return X_train, y_train, X_test, y_test."""
    X, y, X_test, y_test = load("mnist")
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    if data == "mnist":
        return X, y, X_test, y_test
    X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    order = np.random.default_rng(0).permutation(len(X))
    train, test = np.sort(order[:12_000]), np.sort(order[12_000:62_000])
    return X[train], y[train], X[test], y[test]


def error(model, X, y):
    """Return the error in percent."""
    return 100.0 * float(np.mean(model.predict(X) != y))


def train(make, seed, X_train, y_train, X_test, y_test):
    """Fit and return the columns of a row."""
    start = time.perf_counter()
    model = make(seed).fit(X_train, y_train)
    seconds = time.perf_counter() - start
    return {
        "error": error(model, X_test, y_test),
        "train_error": error(model, X_train[:10_000], y_train[:10_000]),
        "seconds": seconds,
    }


def novelty(visible, method, digit, X, y, X_test, y_test):
    """Return the areas under the ROC curve with which a digit that was held out is told from the others."""
    known = y != digit
    alpha = 1.0 if visible == "gaussian" else 0.1
    model = short(contractive(alpha=alpha, visible=visible), method=method)(0).fit(X[known], y[known])
    normal = y_test != digit
    return {
        "auc_energy": roc_auc_score(normal, model.score_samples(X_test)),
        "auc_probability": roc_auc_score(normal, model.predict_log_proba(X_test).max(axis=1)),
    }


def rows():
    """Return the rows of the file, by table, model and seed."""
    if not FILE.exists():
        return {}
    with FILE.open(newline="") as file:
        return {(row["table"], row["model"], int(row["seed"])): row for row in csv.DictReader(file)}


def tasks(seeds):
    """Yield key, data and function of the data."""
    for table, (data, models, most) in TABLES.items():
        for name, make in models.items():
            for seed in range(1 if name.startswith(DETERMINISTIC) else min(seeds, most)):
                yield (table, name, seed), data, lambda *parts, make=make, seed=seed: train(make, seed, *parts)
    for visible, method in itertools.product(("bernoulli", "gaussian"), ("normalize", "finetune")):
        for digit in range(10):
            key = ("Novelty, MNIST-small", f"{visible}, {method}", digit)
            yield key, "mnist-small", functools.partial(novelty, visible, method, digit)


def run(options):
    """Train what there is no row of."""
    loaded = {}
    for key, data, function in tasks(options.seeds):
        if key in rows() or (options.only and options.only not in ", ".join(map(str, key))):
            continue
        if data not in loaded:
            loaded[data] = images(data)
        row = dict(zip(FIELDS, key, strict=False), **function(*loaded[data]))
        print(
            *(f"{name}={value:.4g}" if isinstance(value, float) else str(value) for name, value in row.items()),
            flush=True,
        )
        fresh = not FILE.exists()
        with FILE.open("a", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            if fresh:
                writer.writeheader()
            writer.writerow(
                {name: f"{value:.5g}" if isinstance(value, float) else value for name, value in row.items()}
            )


def select(data):
    """Print the validation error of some settings."""
    X, y, _, _ = images(data)
    n = 10_000 if data == "mnist" else 2_000
    print(f"| {data}: units | alpha | noise | learning rate | epochs | validation error |\n|---|---|---|---|---|---|")
    for n_components, alpha, noise, level, rate, epochs in GRID[data]:
        settings = {"noise": noise, "noise_level": level, "learning_rate_init": rate, "max_iter": epochs}
        make = classifier(data, contractive(n_components, alpha), **settings)
        wrong = error(make(0).fit(X[:-n], y[:-n]), X[-n:], y[-n:])
        print(f"| {n_components} | {alpha:g} | {noise} {level:g} | {rate:g} | {epochs} | {wrong:.2f} % |", flush=True)
    for C, gamma in ((3.0, "scale"), (3.0, 0.02), (30.0, "scale"), (30.0, 0.02)) if data == "mnist-small" else ():
        print(f"SVC({C=:g}, {gamma=}): {error(SVC(C=C, gamma=gamma).fit(X[:-n], y[:-n]), X[-n:], y[-n:]):.2f} %")


# Units, alpha, noise and its level, learning rate, epochs.
GRID = {
    "mnist": [
        (100, 0.1, "masking", 0.25, 1e-3, 20),
        (100, 1.0, "masking", 0.25, 1e-3, 20),
        (100, 1.0, "gaussian", 0.4, 1e-3, 20),
        (100, 1.0, "gaussian", 0.4, 1e-3, 50),
        (100, 1.0, "gaussian", 0.6, 1e-3, 30),
        (200, 1.0, "gaussian", 0.4, 5e-4, 50),
    ],
    "mnist-small": [
        (100, 1.0, "gaussian", 0.4, 5e-4, 60),
        (200, 1.0, "gaussian", 0.4, 5e-4, 60),
        (300, 1.0, "gaussian", 0.4, 5e-4, 100),
        (300, 1.0, "gaussian", 0.5, 5e-4, 100),
        (300, 3.0, "gaussian", 0.4, 5e-4, 100),
    ],
}


def print_tables():
    """Print the tables of the file."""
    found = rows()
    for table in dict.fromkeys(key[0] for key in found):
        own = {key: row for key, row in found.items() if key[0] == table}
        models = dict.fromkeys(key[1] for key in own)
        if table.startswith("Novelty"):
            print(f"\n{table}\n\n| visible units, method | score_samples | largest probability |\n|---|---|---|")
            for model in models:
                areas = np.array([[float(row[c]) for c in FIELDS[-2:]] for key, row in own.items() if key[1] == model])
                (energy, probability), worst = areas.mean(axis=0), areas.min(axis=0)
                print(f"| {model} | {energy:.3f} (from {worst[0]:.3f}) | {probability:.3f} (from {worst[1]:.3f}) |")
            continue
        print(f"\n{table}\n\n| model | test error, mean | seeds | training error | s a fit |\n|---|---|---|---|---|")
        for model in models:
            of_seeds = [row for key, row in own.items() if key[1] == model]
            errors, training, seconds = (
                [float(row[column]) for row in of_seeds] for column in ("error", "train_error", "seconds")
            )
            each = ", ".join(f"{e:.2f}" for e in errors)
            print(
                f"| {model} | {np.mean(errors):.2f} % | {each} | {np.mean(training):.2f} % | {np.mean(seconds):.0f} |"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="rows whose table, model and seed contain this")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--select", choices=GRID, help="try hyper-parameters")
    parser.add_argument("--tables", action="store_true", help="only print the tables of the file")
    parser.add_argument("--threads", type=int, default=None, help="BLAS threads")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}", flush=True)
    with threadpool_limits(options.threads, user_api="blas"):
        if options.select:
            select(options.select)
            return
        if not options.tables:
            run(options)
    print_tables()


if __name__ == "__main__":
    main()
