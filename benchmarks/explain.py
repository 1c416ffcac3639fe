"""How often `EnergyOutlierDetector.explain` points into the part of a sample that was falsified.

Normal rows train; in other normal rows a part is replaced by the same part of another row, and the question is whether
the most negative contribution lies in it. "chance" is the share of features that were replaced.

- series: windows of 60 steps, three sines of random phase, a trend and noise; eight steps replaced.
- digits: 8 x 8 images; a square of 3 x 3 pixels replaced.
- breast cancer (benign), wine (class 1): one feature replaced by that of a row of another class.

Only rows count in which the replaced part differs by more than one standard deviation.

    python benchmarks/explain.py
    SKAE_DATA=folder python benchmarks/explain.py --speed
"""

import argparse
import pickle
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import ContractiveAutoencoder, EnergyOutlierDetector, PCAWhitener
from skae.outlier import MixtureEnsemble

N_TEST, STEPS, PART, SQUARE = 250, 60, 8, 3
SHORT = 1e-3

DETECTORS = {
    "default": None,
    "scaled, contractive": make_pipeline(StandardScaler(), ContractiveAutoencoder(64, random_state=0)),
    "whitened, contractive": make_pipeline(
        StandardScaler(), PCAWhitener(0.95), ContractiveAutoencoder(64, random_state=0)
    ),
}


def make_series(n, rng):
    """Return windows of a quasi-periodic series."""
    t, X = np.arange(STEPS), 0.1 * rng.standard_normal((n, STEPS))
    for period, amplitude in ((20, 1.0), (11, 0.5), (7, 0.3)):
        period = period * rng.uniform(0.95, 1.05, (n, 1))
        X += amplitude * rng.uniform(0.7, 1.3, (n, 1)) * np.sin(2.0 * np.pi * (t / period + rng.random((n, 1))))
    return X + 0.01 * rng.standard_normal((n, 1)) * (t - STEPS / 2)


def blocks(n, shape, size, rng):
    """Return masks of contiguous blocks, one a row."""
    mask = np.zeros((n, *shape), dtype=bool)
    for row in mask:
        row[tuple(slice(start, start + size) for start in (rng.integers(0, s - size + 1) for s in shape))] = True
    return mask.reshape(n, -1)


def series(rng):
    X = make_series(1000 + 2 * N_TEST, rng)
    return X[:1000], X[1000:-N_TEST], X[-N_TEST:], blocks(N_TEST, (STEPS,), PART, rng)


def digits(rng):
    X = rng.permutation(load_digits().data)[: 1200 + 2 * N_TEST]
    return X[:1200], X[1200:-N_TEST], X[-N_TEST:], blocks(N_TEST, (8, 8), SQUARE, rng)


def table(load_table):
    def problem(rng):
        X, y = load_table(return_X_y=True)
        normal, others = rng.permutation(X[y == 1]), X[y != 1]
        n_train = len(normal) * 2 // 3
        test = normal[n_train + rng.integers(0, len(normal) - n_train, N_TEST)]
        donors = others[rng.integers(0, len(others), N_TEST)]
        return normal[:n_train], test, donors, blocks(N_TEST, X.shape[1:], 1, rng)

    return problem


# Functions of a generator that return training rows, rows to falsify, rows to take the parts from, and the parts.
PROBLEMS = {
    "series": series,
    "digits": digits,
    "breast cancer": table(load_breast_cancer),
    "wine": table(load_wine),
}


def falsified(problem, seed):
    """Return training rows, falsified rows and what of them is false."""
    train, test, donors, part = PROBLEMS[problem](np.random.default_rng(seed))
    X = np.where(part, donors, test)
    clear = (np.abs(X - test) > train.std(axis=0)).any(axis=1)
    return train, X[clear], (test != X)[clear]


def one_by_one(detector, X, reference):
    """Return the contributions of each row from a reference of its own."""
    return np.concatenate([detector.explain(X[[i]], reference[[i]]) for i in range(len(X))])


def relaxed(detector, X):
    """Return where the field of the (first) autoencoder leads, in the units of X."""
    model = detector.estimator_
    if not isinstance(model, MixtureEnsemble):
        *steps, autoencoder = (step for _, step in model.steps)
        Z = X
        for step in steps:
            Z = step.transform(Z)
        Z = autoencoder.relax(Z)[0]
        for step in reversed(steps):
            Z = step.inverse_transform(Z)
        return Z
    scaler = model.scalers_[0]
    points = model.estimators_[0].relax(scaler.transform(X))[0]
    return scaler.mean_ + scaler.deviation_ * (points * scaler.unit_)


def occluded(detector, X, reference):
    """Return how much less each row scores than with one feature at a time put to the reference."""
    loss = np.empty(X.shape)
    for j in range(X.shape[1]):
        changed = X.copy()
        changed[:, j] = reference[:, j]
        loss[:, j] = detector.score_samples(X) - detector.score_samples(changed)
    return loss


def with_detector(detector, train, X):
    """Yield name and contributions of what a detector says."""
    _, near = detector.explain(X, train, return_reference=True)
    mean = np.broadcast_to(detector.mean_, X.shape)
    yield "explain, from the mean", detector.explain(X, detector.mean_[None])
    yield "explain, from the nearest centres (default)", detector.explain(X)
    yield "explain, from the nearest rows (reference=)", detector.explain(X, train)
    yield "explain, from where the model's field leads", one_by_one(detector, X, relaxed(detector, X))
    # The last piece of the path, as if all were like it.
    yield "field at x times (x - nearest rows)", one_by_one(detector, X, X + SHORT * (near - X)) / SHORT
    yield "occlusion by the mean", occluded(detector, X, mean)
    yield "occlusion by the nearest rows", occluded(detector, X, near)


def without_detector(train, X, near):
    """Yield name and contributions of what needs no detector."""
    scaler = StandardScaler().fit(train)
    precision = LedoitWolf().fit(scaler.transform(train)).precision_
    yield "z-score", -np.abs(scaler.transform(X))
    yield "difference from the nearest rows", -np.abs(X - near) / scaler.scale_
    yield (
        "residual given the other features, Gaussian",
        -np.abs(scaler.transform(X) @ precision / np.sqrt(np.diag(precision))),
    )


def share(contributions, mask):
    """Return how often the most negative contribution lies where the mask is true."""
    return mask[np.arange(len(mask)), contributions.argmin(axis=1)].mean()


def print_row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def compare(n_splits):
    """Print the share of samples whose worst feature is a falsified one."""
    shares = {}
    for problem in PROBLEMS:
        for seed in range(n_splits):
            train, X, mask = falsified(problem, seed)
            shares.setdefault(("", "chance", problem), []).append(mask.mean())
            for name, estimator in DETECTORS.items():
                detector = EnergyOutlierDetector(estimator, novelty=True, calibration=2).fit(train)
                for method, contributions in with_detector(detector, train, X):
                    shares.setdefault((name, method, problem), []).append(share(contributions, mask))
            near = detector.explain(X, train, return_reference=True)[1]
            for method, contributions in without_detector(train, X, near):
                shares.setdefault(("", method, problem), []).append(share(contributions, mask))
    print_row("detector", "most negative is", *PROBLEMS)
    print("|---" * (2 + len(PROBLEMS)) + "|")
    for name, method in dict.fromkeys(key[:2] for key in shares):
        print_row(name, method, *(f"{np.mean(shares[name, method, problem]):.3f}" for problem in PROBLEMS))


def speed():
    """Print the time of explain on MNIST."""
    X, _, rows, _ = load("mnist")
    X, rows = X[:5000].astype(np.float64), rows[:200].astype(np.float64)
    print("| detector | reference | ms a row | MB pickled | of these the centres |\n|---|---|---|---|---|")
    for name in ("default", "scaled, contractive"):
        detector = EnergyOutlierDetector(DETECTORS[name], novelty=True, calibration=2).fit(X)
        sizes = f"{len(pickle.dumps(detector)) / 1e6:.1f}", f"{detector.centers_.nbytes / 1e6:.1f}"
        for words, reference in (("the mean", detector.mean_[None]), ("centres", None), ("5000 rows", X)):
            start = time.perf_counter()
            detector.explain(rows, reference)
            print_row(name, words, f"{1e3 * (time.perf_counter() - start) / len(rows):.1f}", *sizes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--speed", action="store_true", help="print the time a row takes on MNIST instead")
    options = parser.parse_args()
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}\n")
    warnings.simplefilter("ignore", ConvergenceWarning)
    if options.speed:
        speed()
    else:
        compare(options.splits)


if __name__ == "__main__":
    main()
