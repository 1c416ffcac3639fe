"""Novelties and outliers in the public tables of ADBench (Han et al. 2022).

The files are the .npz of `adbench/datasets/Classical` of github.com/Minqi824/ADBench; each holds rows `X` and labels
`y`, 1 for outliers. Of larger tables 2,000 rows are drawn at random. Tables with fewer than three outliers then, or
more features than `--most-features`, are left out. Every method is at its defaults, on features standardised on the
training rows.

- Clean: half of the normal rows train, the others and all outliers test.
- All rows: every row trains, and the same rows are ranked.

The table gives the mean area under the ROC curve, and how often a method is first.

    ADBENCH=folder python benchmarks/adbench.py
"""

import argparse
import os
import pathlib
import platform
import time
import warnings

import numpy as np
import sklearn
from novelty import CONTAMINATED_METHODS, METHODS, PEERS, print_row
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

import skae

MOST_ROWS = 2000


def tables(folder, most_features):
    """Yield name, rows and labels of each table."""
    for path in sorted(folder.glob("*.npz"), key=lambda path: int(path.stem.partition("_")[0])):
        with np.load(path) as file:
            X, y = file["X"].astype(np.float64), file["y"].ravel() == 1
        if len(X) > MOST_ROWS:
            rows = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
            X, y = X[rows], y[rows]
        if X.shape[1] <= most_features and y.sum() >= 3:
            yield path.stem, X, y


def clean(X, y):
    """Return training rows, test rows and which of these are outliers: half of the normal rows train."""
    normal = np.random.default_rng(1).permutation(np.flatnonzero(~y))
    train, test = normal[: len(normal) // 2], normal[len(normal) // 2 :]
    return X[train], np.concatenate([X[test], X[y]]), np.arange(len(test) + y.sum()) >= len(test)


def all_rows(X, y):
    """Return all rows twice, and which are outliers."""
    return X, X, y


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most-features", type=int, default=200)
    parser.add_argument("--per-table", action="store_true", help="print every table too")
    options = parser.parse_args()
    if "ADBENCH" not in os.environ:
        parser.error("set ADBENCH to the folder with the .npz files")
    chosen = list(tables(pathlib.Path(os.environ["ADBENCH"]), options.most_features))
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}; {len(chosen)} tables"
    )
    ours = {"EnergyOutlierDetector": METHODS["EnergyOutlierDetector"]}
    for title, split, methods in (
        ("clean (novelty=True)", clean, ours | {name: METHODS[name] for name in PEERS}),
        ("all rows", all_rows, CONTAMINATED_METHODS),
    ):
        areas = np.empty((len(chosen), len(methods)))
        for row, (name, X, y) in zip(areas, chosen, strict=True):
            train, test, is_outlier = split(X, y)
            scaler = StandardScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
            row[:] = [roc_auc_score(~is_outlier, method(train, test, 0)) for method in methods.values()]
            if options.per_table:
                print_row(name, *(f"{area:.3f}" for area in row))
        print()
        print_row(title, "mean AUC", "first")
        print("|---|---|---|")
        first = (areas.round(9) == areas.round(9).max(axis=1, keepdims=True)).sum(axis=0)
        for name, area, count in zip(methods, areas.mean(axis=0), first, strict=True):
            print_row(name, f"{area:.4f}", str(count))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of equal rows among neighbours
    main()
