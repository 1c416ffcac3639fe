"""How well one class is told from the others by models that saw only it: ENERGY section 3.

One-class problems from the sets that scikit-learn brings along: each class of the digits, of breast cancer, of wine and
of iris against the other classes of its set, and patches of each sample photograph against those of the other one
(8 x 8 pixels, grey, side by side; 1000 of each). Half of the normal rows train, the others and all novelties test;
every method gets the same rows, standardised on the training ones, and is at its defaults: nothing is tuned to these
data. The area under the ROC curve is the share of pairs of a normal row and a novelty that the scores order rightly.

    python benchmarks/novelty.py
    python benchmarks/novelty.py --contaminated
    python benchmarks/novelty.py --speed

`--contaminated` adds novelties to the training rows, 5, 10 and 20 % of them, or as many copies of a single novelty (a
clump), and does not tell the methods. The areas are those of the rows that were trained on, and of new rows.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_sample_image, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

import skae
from skae import ContractiveAutoencoder, EnergyOutlierDetector

PATCH, N_PATCHES = 8, 1000
N_NEIGHBORS, VARIANCE_KEPT = 5, 0.9
SPEED_SHAPE, SPEED_REPEATS = (100_000, 20), 5


def by_scores(make):
    """Return a method that scores the test rows by `score_samples` of the estimator made from a seed."""
    return lambda X_train, X_test, seed: make(seed).fit(X_train).score_samples(X_test)


def neighbour_distance(X_train, X_test, seed):
    """Return minus the distance to the last of a few nearest neighbours."""
    return -NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(X_train).kneighbors(X_test)[0][:, -1]


def principal_error(X_train, X_test, seed):
    """Return minus the squared distance to the principal subspace with most of the variance."""
    pca = PCA(VARIANCE_KEPT).fit(X_train)
    return -np.sum((X_test - pca.inverse_transform(pca.transform(X_test))) ** 2, axis=1)


def reconstruction_error(X_train, X_test, seed):
    """Return minus the squared reconstruction error of a contractive autoencoder."""
    return -ContractiveAutoencoder(random_state=seed).fit(X_train).reconstruction_error(X_test)


# Functions of the training rows, the test rows and a seed that return a score, higher where normal.
METHODS = {
    "EnergyOutlierDetector": by_scores(lambda seed: EnergyOutlierDetector(novelty=True)),
    "nearest neighbours": neighbour_distance,
    "GaussianMixture": by_scores(lambda seed: GaussianMixture(random_state=seed)),
    "LocalOutlierFactor": by_scores(lambda seed: LocalOutlierFactor(novelty=True)),
    "OneClassSVM": by_scores(lambda seed: OneClassSVM()),
    "IsolationForest": by_scores(lambda seed: IsolationForest(random_state=seed)),
    "PCA error": principal_error,
    "one contractive autoencoder, energy": by_scores(lambda seed: ContractiveAutoencoder(random_state=seed)),
    "one contractive autoencoder, error": reconstruction_error,
    "one laplacian autoencoder, energy": by_scores(
        lambda seed: ContractiveAutoencoder(penalty="laplacian", alpha=0.1, random_state=seed)
    ),
}

# The same with outliers among the training rows: EnergyOutlierDetector's default, and the peers.
PEERS = ("nearest neighbours", "GaussianMixture", "LocalOutlierFactor", "IsolationForest")
CONTAMINATED_METHODS = {
    "EnergyOutlierDetector": by_scores(lambda seed: EnergyOutlierDetector()),
    **{name: METHODS[name] for name in PEERS},
}
SHARES = (0.05, 0.1, 0.2)

FAMILIES = {"digits": load_digits, "breast cancer": load_breast_cancer, "wine": load_wine, "iris": load_iris}


def patches(photograph):
    """Return all patches of a sample photograph that lie side by side, shuffled."""
    grey = load_sample_image(photograph).mean(axis=2)
    rows, columns = (size // PATCH for size in grey.shape)
    grid = grey[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH)
    return np.random.default_rng(0).permutation(grid.swapaxes(1, 2).reshape(-1, PATCH * PATCH))


def photographs():
    """Return patches of the two sample photographs, no two of which overlap, and which photograph each is from."""
    X = np.concatenate([patches(name)[:N_PATCHES] for name in ("china.jpg", "flower.jpg")])
    return X, np.repeat([0, 1], N_PATCHES), ["china", "flower"]


def problems():
    """Yield family, name, normal rows and novelties of each problem."""
    sets = {}
    for family, load in FAMILIES.items():
        bunch = load()
        sets[family] = bunch.data, bunch.target, bunch.target_names
    try:
        sets["photographs"] = photographs()
    except ImportError:
        print("photographs: skipped, since pillow is missing\n")
    for family, (X, y, names) in sets.items():
        for label, name in enumerate(names):
            yield family, f"{family}, {name}", X[y == label], X[y != label]


def counting(function, *arguments):
    """Call a function without its convergence warnings; return its result, and whether there were any."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        result = function(*arguments)
    others = [warning for warning in caught if not issubclass(warning.category, ConvergenceWarning)]
    for warning in others:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return result, len(others) < len(caught)


def compare(normal, novel, n_splits):
    """Return for each method the mean area under the ROC curve, the seconds and the fits that warned."""
    areas, seconds, warned = np.zeros((3, len(METHODS)))
    for split in range(n_splits):
        rows = np.random.default_rng(split).permutation(len(normal))
        train, test = normal[rows[: len(rows) // 2]], normal[rows[len(rows) // 2 :]]
        scaler = StandardScaler().fit(train)
        X_train, X_test = scaler.transform(train), scaler.transform(np.concatenate([test, novel]))
        is_normal = np.arange(len(X_test)) < len(test)
        for i, method in enumerate(METHODS.values()):
            start = time.perf_counter()
            scores, unconverged = counting(method, X_train, X_test, split)
            seconds[i] += time.perf_counter() - start
            areas[i] += roc_auc_score(is_normal, scores) / n_splits
            warned[i] += unconverged
    return areas, seconds, warned


def contaminated(normal, novel, share, clump, split):
    """Return training rows with novelties among them, which of them are normal, and new rows of both kinds."""
    rng = np.random.default_rng(split)
    rows, others = rng.permutation(len(normal)), rng.permutation(len(novel))
    train, test = normal[rows[: len(rows) // 2]], normal[rows[len(rows) // 2 :]]
    n_outliers = max(1, round(share / (1.0 - share) * len(train)))
    if clump:
        outliers, new = np.repeat(novel[others[:1]], n_outliers, axis=0), novel[others[1:]]
    else:
        n_outliers = min(n_outliers, len(novel) // 2)
        outliers, new = novel[others[:n_outliers]], novel[others[n_outliers:]]
    order = rng.permutation(len(train) + len(outliers))
    scaler = StandardScaler().fit(rows := np.concatenate([train, outliers])[order])
    X_new = scaler.transform(np.concatenate([test, new]))
    return scaler.transform(rows), order < len(train), X_new, np.arange(len(X_new)) < len(test)


def outliers_in_training(n_splits):
    """Print the tables of areas where outliers are among the training rows."""
    cases = [(share, clump) for clump in (False, True) for share in SHARES]
    areas = np.zeros((len(CONTAMINATED_METHODS), len(cases), 2))
    chosen = list(problems())
    for _, _, normal, novel in chosen:
        for split in range(n_splits):
            for j, case in enumerate(cases):
                X, is_normal, X_new, is_new_normal = contaminated(normal, novel, *case, split)
                for i, method in enumerate(CONTAMINATED_METHODS.values()):
                    scores, _ = counting(method, X, np.concatenate([X, X_new]), split)
                    areas[i, j, 0] += roc_auc_score(is_normal, scores[: len(X)])
                    areas[i, j, 1] += roc_auc_score(is_new_normal, scores[len(X) :])
    areas /= len(chosen) * n_splits
    print(f"{len(chosen)} problems, splits of each: {n_splits}; training rows, new rows\n")
    print_row("method", *(f"{share:.0%}{' clump' if clump else ''}" for share, clump in cases), "mean")
    print("|---" * (2 + len(cases)) + "|")
    for name, row in zip(CONTAMINATED_METHODS, areas, strict=True):
        print_row(name, *(f"{a:.3f}, {b:.3f}" for a, b in [*row, row.mean(axis=0)]))


def print_row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def novelty(n_splits, per_problem):
    """Print the tables of areas under the ROC curve."""
    families, areas, seconds, warned = [], [], 0.0, 0.0
    chosen = list(problems())
    print(f"{len(chosen)} problems, splits of each: {n_splits}\n")
    if per_problem:
        print_row("problem", "training rows", "features", *METHODS)
        print("|---" * (3 + len(METHODS)) + "|")
    for family, name, normal, novel in chosen:
        outcome = compare(normal, novel, n_splits)
        families.append(family)
        areas.append(outcome[0])
        seconds, warned = seconds + outcome[1], warned + outcome[2]
        if per_problem:
            print_row(name, str(len(normal) // 2), str(normal.shape[1]), *(f"{area:.3f}" for area in areas[-1]))
    print(end="\n" if per_problem else "")
    areas, families = np.array(areas), np.array(families)
    ranks = rankdata(-areas.round(9), axis=1).mean(axis=0)
    names = list(dict.fromkeys(families))
    print_row("method", "mean AUC", *names, "mean rank", "s in total")
    print("|---" * (4 + len(names)) + "|")
    for i, method in enumerate(METHODS):
        means = [areas[:, i].mean(), *(areas[families == name, i].mean() for name in names)]
        print_row(method, *(f"{mean:.3f}" for mean in means), f"{ranks[i]:.1f}", f"{seconds[i]:.1f}")
    counts = ", ".join(f"{method} {n:.0f}" for method, n in zip(METHODS, warned, strict=True) if n) or "none"
    print(f"\nConvergenceWarnings, silenced, of {len(chosen) * n_splits} fits of each method: {counts}")


def speed():
    """Print the time of EnergyOutlierDetector over that of IsolationForest, taken in turns."""
    X = np.random.default_rng(0).standard_normal(SPEED_SHAPE)
    seconds = {name: [] for name in ("EnergyOutlierDetector", "IsolationForest")}
    for repeat in range(SPEED_REPEATS):
        for name, times in seconds.items():
            start = time.perf_counter()
            CONTAMINATED_METHODS[name](X, X, repeat)
            times.append(time.perf_counter() - start)
    print(f"fit and score_samples, {len(X)} x {X.shape[1]} standard normal, median of {SPEED_REPEATS}, in turns\n")
    print("| detector | s | range |\n|---|---|---|")
    for name, times in seconds.items():
        print_row(name, f"{np.median(times):.2f}", f"{min(times):.2f}-{max(times):.2f}")
    ours, theirs = (np.median(times) for times in seconds.values())
    print(f"\nEnergyOutlierDetector over IsolationForest: {ours / theirs:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--per-problem", action="store_true", help="print every problem too")
    parser.add_argument("--contaminated", action="store_true", help="put outliers among the training rows instead")
    parser.add_argument("--speed", action="store_true", help="print the time on 100,000 rows instead")
    options = parser.parse_args()
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    if options.speed:
        speed()
    elif options.contaminated:
        outliers_in_training(options.splits)
    else:
        novelty(options.splits, options.per_problem)


if __name__ == "__main__":
    main()
