"""How long fits at the defaults take, and what they are worth on rows that they have not seen.

    SKAE_DATA=folder python benchmarks/fits.py [BASE] [--data NAME ...] [--only TEXT] [--seeds 1] [--peers]

With BASE, a commit, each fit also runs on that commit, in turn and in a process of its own (pip needs the network to
install it), and the last columns are ratios and differences to it. Times are CPU seconds of one thread. They cover the
fits alone: for an autoencoder one to all training rows, and one to those of each of two classes.

Qualities are what users train for. Of an autoencoder: the accuracy of a ridge classifier on the standardised codes; the
AUC of `score_samples` in telling each of the two classes from all others, for the models of one class; `score`, the
denoising R^2. Of the classifier: accuracy and log loss. Of the detector: the AUC of the models of one class.

Six sets: digits of scikit-learn (pixels); MNIST with 10,000 and 60,000 rows; patches of 8 x 8 pixels of CIFAR-10,
contrast-normalised and rotated, whose label is that of their image; a generated table of skewed columns, standardised;
generated time series of three classes (cylinder, bell and funnel, Saito 1994). Images are float32, the others float64.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import sklearn
from compare import install
from datasets import load
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

AUTOENCODERS = (
    "ZeroBiasAutoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "MarginalizedDenoisingAutoencoder",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
)
OTHERS = ("ClassSpecificAEClassifier", "EnergyOutlierDetector")
PEERS = {
    "PCA": lambda seed: PCA(0.99),
    "BernoulliRBM(256)": lambda seed: BernoulliRBM(256, random_state=seed),
    "MLPRegressor(256)": lambda seed: MLPRegressor(256, random_state=seed),
    "LogisticRegression": lambda seed: LogisticRegression(max_iter=500),
    "MLPClassifier": lambda seed: MLPClassifier(random_state=seed),
    "RandomForestClassifier": lambda seed: RandomForestClassifier(random_state=seed),
    "HistGradientBoostingClassifier": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "SVC(C=30, gamma=0.02)": lambda seed: SVC(C=30.0, gamma=0.02),
    "IsolationForest": lambda seed: IsolationForest(random_state=seed),
}
N_CLASSES = 2


def mnist(n_rows):
    """Return images of MNIST, the first `n_rows` to train on."""
    X, y, X_test, y_test = load("mnist")
    return X[:n_rows].reshape(n_rows, -1), y[:n_rows], X_test.reshape(len(X_test), -1), y_test


def cifar_patches():
    """Return patches of images of CIFAR-10, one of each."""
    from skae import ContrastNormalizer, PCAWhitener

    X, y, X_test, y_test = load("cifar10")
    rng = np.random.default_rng(0)

    def patches(images):
        images, (top, left) = images.reshape(-1, 3, 32, 32), rng.integers(25, size=(2, len(images)))
        return np.stack([image[:, i : i + 8, j : j + 8].ravel() for image, i, j in zip(images, top, left, strict=True)])

    A, B = patches(X[:20_000]), patches(X_test)
    steps = make_pipeline(ContrastNormalizer(), PCAWhitener(0.99, whiten=None)).fit(A)
    return steps.transform(A), y[:20_000], steps.transform(B), y_test


def table():
    """Return rows of skewed columns of four classes."""
    X, y = make_classification(
        10_000, 40, n_informative=12, n_redundant=12, n_classes=4, n_clusters_per_class=3, class_sep=1.5, random_state=0
    )
    X[:, ::3] = np.exp(0.5 * X[:, ::3])
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


def series(length=128):
    """Return time series of three classes: a plateau, a ramp up or a ramp down, at a random place, in noise."""
    rng = np.random.default_rng(0)
    y, t = rng.integers(3, size=6000), np.arange(length)
    start = rng.integers(length // 8, length // 4, size=(6000, 1))
    stop = start + rng.integers(length // 4, 3 * length // 4, size=(6000, 1))
    rise = (t - start) / (stop - start)
    shape = np.choose(y[:, None], [np.ones_like(rise), rise, 1.0 - rise])
    X = (6.0 + rng.standard_normal((6000, 1))) * shape * ((t >= start) & (t <= stop))
    X = (X + rng.standard_normal(X.shape)) / 3.0
    return X[:3000], y[:3000], X[3000:], y[3000:]


DATA = {
    "digits": lambda: load("digits"),
    "mnist-10000": functools.partial(mnist, 10_000),
    "mnist-60000": functools.partial(mnist, 60_000),
    "cifar-patches": cifar_patches,
    "table": table,
    "series": series,
}


def make(name, seed):
    """Return the estimator of a name."""
    if name in PEERS:
        return PEERS[name](seed)
    import skae

    options = {"novelty": True} if name == "EnergyOutlierDetector" else {}
    return getattr(skae, name)(random_state=seed, **options)


def timed(model, *rows):
    """Fit; return the model and the CPU seconds."""
    start = time.process_time()
    model.fit(*rows)
    return model, time.process_time() - start


def codes(model, X):
    """Return the codes of a transformer, or of a network's hidden layer."""
    if hasattr(model, "transform"):
        return model.transform(X)
    return np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0.0)


def outcome(name, data, seed):
    """Fit what a case asks for; return seconds, epochs and qualities."""
    X, y, X_test, y_test = DATA[data]()
    result = {"seconds": 0.0}
    classifies = hasattr(make(name, seed), "predict_proba") or name.startswith("SVC")
    detects = name in ("EnergyOutlierDetector", "IsolationForest")
    if not detects:
        model, result["seconds"] = timed(make(name, seed), X, y if classifies else X)
        result["epochs"] = int(np.max(getattr(model, "n_iter_", 0)))
    if classifies:
        result["accuracy"] = float(model.score(X_test, y_test))
        if hasattr(model, "predict_proba"):
            result["log_loss"] = float(log_loss(y_test, model.predict_proba(X_test)))
        return result
    if not detects:
        ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 13)))
        result["accuracy"] = float(ridge.fit(codes(model, X), y).score(codes(model, X_test), y_test))
    if name in AUTOENCODERS:
        result["r2"] = float(model.score(X_test))
    if hasattr(make(name, seed), "score_samples"):
        aucs = []
        for label in np.unique(y)[:N_CLASSES]:
            model, seconds = timed(make(name, seed), X[y == label])
            result["seconds"] += seconds
            aucs.append(roc_auc_score(y_test == label, model.score_samples(X_test)))
        result["auc"] = float(np.mean(aucs))
    return result


def run(site, case):
    """Return the outcome of a case, by the skae of a folder (None: the one that runs this)."""
    path = {} if site is None else {"PYTHONPATH": str(site)}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **path, **threads})
    if found.returncode:
        sys.exit(found.stderr)
    return json.loads(found.stdout.splitlines()[-1])


def averaged(results):
    """Return the mean of each entry."""
    return {key: float(np.mean([result[key] for result in results])) for key in results[0]}


def row(name, data, result, base):
    """Return a row of the table."""
    keys = ("accuracy", "auc", "r2", "log_loss")
    cells = [data, f"`{name}`", f"{result['seconds']:.2f}", f"{result.get('epochs', 0):.0f}"]
    cells += [f"{result[key]:.4f}" if key in result else "" for key in keys]
    if base is not None:
        cells.append(f"{result['seconds'] / base['seconds']:.2f}")
        cells += [f"{result[key] - base[key]:+.4f}" if key in result else "" for key in keys]
    return "| " + " | ".join(cells) + " |"


def summary(results, bases):
    """Print the geometric mean of the ratios of times, and the mean of the differences, for each model."""
    print("\n| model | seconds / base | accuracy | AUC | R2 | log loss |\n|---|---|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in results):
        pairs = [(results[case], bases[case]) for case in results if case[0] == name]
        ratio = np.exp(np.mean([np.log(new["seconds"] / old["seconds"]) for new, old in pairs]))
        cells = [f"`{name}`", f"{ratio:.2f}"]
        for key in ("accuracy", "auc", "r2", "log_loss"):
            found = [new[key] - old[key] for new, old in pairs if key in new]
            cells.append(f"{np.mean(found):+.4f} ({min(found):+.4f} to {max(found):+.4f})" if found else "")
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", help="a commit to compare with")
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--peers", action="store_true", help="also scikit-learn's models")
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.case is not None:
        print(json.dumps(outcome(*options.case)))
        return
    names = [name for name in (*AUTOENCODERS, *OTHERS) if options.only in name]
    names += [name for name in PEERS if options.peers and options.only in name]
    print(f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, Python {platform.python_version()}, ", end="")
    print(f"{platform.machine()}, {time.strftime('%Y-%m-%d')}, one thread, {options.seeds} seed(s)\n")
    ratios = " seconds / base | accuracy | AUC | R2 | log loss |" if options.base else ""
    print(f"| data | model | CPU s | epochs | accuracy | AUC | R2 | log loss |{ratios}")
    print("|" + (8 + 5 * bool(options.base)) * "---|", flush=True)
    results, bases = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        site = install(options.base, pathlib.Path(folder) / "base") if options.base else None
        for data in options.data:
            for name in names:
                if data == "mnist-60000" and name in ("MLPRegressor(256)", "BernoulliRBM(256)"):
                    continue  # an hour
                if name == "BernoulliRBM(256)" and data in ("cifar-patches", "table", "series"):
                    continue  # its rows are in [0, 1]
                cases = [(name, data, seed) for seed in range(options.seeds)]
                new = averaged([run(None, case) for case in cases])
                old = averaged([run(site, case) for case in cases]) if site and name not in PEERS else None
                if old is not None:
                    results[name, data], bases[name, data] = new, old
                print(row(name, data, new, old), flush=True)
    if bases:
        summary(results, bases)


if __name__ == "__main__":
    main()
