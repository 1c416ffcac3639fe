"""How many new normal rows fall below the threshold of a detector that was trained on clean rows.

The one-class problems of novelty.py, and synthetic ones: 30 to 100,000 rows of 2 to 500 features, with heavy tails,
skewness, clusters and discrete columns. Each draw takes other training rows and other new rows. The table gives the
mean share over the problems, and the largest and the least of a problem's own mean. A share of 1 / (n + 1) or less
cannot be asked of n rows; such problems are left out of its column.

    python benchmarks/alarms.py
    python benchmarks/alarms.py --per-problem --draws 20
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from novelty import print_row, problems
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

import skae
from skae import EnergyOutlierDetector

SHARES, N_NEW = (0.1, 0.05, 0.01), 1000

# LocalOutlierFactor is left out of problems with more training rows.
MOST_NEIGHBOUR_ROWS = 10_000

# Functions of the share asked for that return a detector.
DETECTORS = {
    "EnergyOutlierDetector, novelty=True": lambda share: EnergyOutlierDetector(novelty=True, contamination=share),
    "EnergyOutlierDetector": lambda share: EnergyOutlierDetector(contamination=share),
    "LocalOutlierFactor": lambda share: LocalOutlierFactor(novelty=True, contamination=share),
    "IsolationForest": lambda share: IsolationForest(contamination=share, random_state=0),
}


def correlated(rng, n, d):
    """Return normal rows whose features are correlated."""
    return rng.standard_normal((n, d)) @ (np.eye(d) + np.tri(d))


def clusters(rng, n, d):
    """Return rows of three distant clusters of unequal width."""
    kinds = rng.integers(3, size=(n, 1))
    return 8.0 * kinds + rng.standard_normal((n, d)) * (1.0 + kinds)


def ring(rng, n, d):
    """Return rows near the unit sphere."""
    X = rng.standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True) + 0.05 * rng.standard_normal((n, d))


def mixed(rng, n, d):
    """Return rows of which half of the features have three values."""
    X = rng.standard_normal((n, d))
    X[:, ::2] = np.round(X[:, ::2].clip(-1.0, 1.0))
    return X


# Names, samplers of (rng, n, d), training rows and features.
SYNTHETIC = (
    ("normal", lambda rng, n, d: rng.standard_normal((n, d)), 30, 2),
    ("normal", lambda rng, n, d: rng.standard_normal((n, d)), 200, 500),
    ("normal", lambda rng, n, d: rng.standard_normal((n, d)), 100_000, 20),
    ("correlated", correlated, 100, 20),
    ("Student's t, 4", lambda rng, n, d: rng.standard_t(4, (n, d)), 100, 4),
    ("Student's t, 2", lambda rng, n, d: rng.standard_t(2, (n, d)), 1000, 10),
    ("Cauchy", lambda rng, n, d: rng.standard_cauchy((n, d)), 500, 3),
    ("log-normal", lambda rng, n, d: rng.lognormal(size=(n, d)), 300, 8),
    ("exponential", lambda rng, n, d: rng.exponential(size=(n, d)), 20_000, 5),
    ("clusters", clusters, 60, 3),
    ("ring", ring, 1000, 2),
    ("counts", lambda rng, n, d: rng.poisson(2.0, (n, d)).astype(float), 200, 6),
    ("three values", mixed, 500, 8),
    ("binary", lambda rng, n, d: (rng.random((n, d)) < 0.3).astype(float), 400, 12),
)


def half(normal):
    """Return a function of a draw that halves the rows."""

    def draw(seed):
        rows = np.random.default_rng(seed).permutation(len(normal))
        return normal[rows[: len(rows) // 2]], normal[rows[len(rows) // 2 :]]

    return draw


def fresh(sample, n, d):
    """Return a function of a draw that samples training rows and new rows."""

    def draw(seed):
        rng = np.random.default_rng(seed)
        return sample(rng, n, d), sample(rng, N_NEW, d)

    return draw


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--detectors", choices=DETECTORS, nargs="+", default=list(DETECTORS))
    parser.add_argument("--per-problem", action="store_true", help="print every problem too")
    options = parser.parse_args()
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}; {options.draws} draws\n"
    )
    chosen = [(name, half(normal)) for _, name, normal, _ in problems()]
    chosen += [(f"{name}, {n} x {d}", fresh(sample, n, d)) for name, sample, n, d in SYNTHETIC]
    print_row("detector", *(f"asked {share:.0%}" for share in SHARES))
    print("|---" * (1 + len(SHARES)) + "|")
    for detector in options.detectors:
        shares = np.full((len(chosen), len(SHARES)), np.nan)
        for k, (name, draw) in enumerate(chosen):
            if detector == "LocalOutlierFactor" and len(draw(0)[0]) > MOST_NEIGHBOUR_ROWS:
                continue
            for j, share in enumerate(SHARES):
                alarms = []
                for seed in range(options.draws):
                    train, new = draw(seed)
                    if share * (len(train) + 1) <= 1.0:
                        break
                    alarms.append(np.mean(DETECTORS[detector](share).fit(train).predict(new) == -1))
                shares[k, j] = np.mean(alarms) if alarms else np.nan
            if options.per_problem:
                print_row(f"{detector}: {name}", *(f"{share:.3f}" for share in shares[k]))
        columns = [column[~np.isnan(column)] for column in shares.T]
        print_row(detector, *(f"{c.mean():.3f} ({c.min():.3f} to {c.max():.3f}; {len(c)})" for c in columns))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of few rows
    main()
