"""What the p-values of `EnergyOutlierDetector` promise, and what they keep.

The first table has the share of new normal rows with p <= a, for both ways to calibrate: folds of few rows, and rows
held out.

The second table searches 1000 new rows, a tenth of them novelties, by Benjamini and Hochberg's procedure at a false
discovery rate of 0.1. The detector has 2000 normal rows, half of which are held out for calibration. Each draw takes
all rows again. Printed are the realised rate and the power, which is the share of the novelties found. Beside them are
two thresholds on the same p-values, which know the novelties:

- fixed: one level for all draws, the largest whose realised rate, the mean over the draws, is at most 0.1; "none" if
  there is no such level. The difference is the power of the procedure less the power at this level;
- hindsight: the largest level of each draw whose realised rate in this draw is at most 0.1.

The problems are shifted rows of Student's t and of a normal distribution, patches of one sample photograph against
those of the other and against patches with noise, and with `--mnist` each digit against the other ones.

    python benchmarks/p_values.py
    SKAE_DATA=folder python benchmarks/p_values.py --mnist --searches 40
"""

import argparse
import platform
import time
from functools import partial

import datasets
import numpy as np
import scipy
import sklearn
from conformal import FDR, discoveries
from novelty import patches, print_row
from sklearn.metrics import roc_auc_score

import skae
from skae import EnergyOutlierDetector

LEVELS = np.array([0.01, 0.05, 0.1, 0.2])
N_ROWS, N_NEW, N_NOVEL = 2000, 1000, 100
NOISE = 20.0  # of 255 grey levels


def student(rng):
    """Return rows to fit and new ones, the first of which are novelties: Student's t, shifted."""
    X, new = rng.standard_t(4, (N_ROWS, 4)), rng.standard_t(4, (N_NEW, 4))
    new[:N_NOVEL] += 3.0
    return X, new


def shifted_normal(shift, rng):
    """Return the same of a normal distribution with 10 features."""
    X, new = rng.standard_normal((N_ROWS, 10)), rng.standard_normal((N_NEW, 10))
    new[:N_NOVEL] += shift
    return X, new


def one_class(normal, others, rng):
    """Return the same from the rows of a class and of others."""
    X = normal[rng.permutation(len(normal))[: N_ROWS + N_NEW - N_NOVEL]]
    novel = others[rng.choice(len(others), N_NOVEL, replace=False)]
    return X[:N_ROWS], np.concatenate([novel, X[N_ROWS:]])


def noisy(normal, rng):
    """Return the same from the rows of a class; the novelties are other rows of it with noise."""
    X = normal[rng.permutation(len(normal))[: N_ROWS + N_NEW]]
    X[N_ROWS:][:N_NOVEL] += NOISE * rng.standard_normal((N_NOVEL, X.shape[1]))
    return X[:N_ROWS], X[N_ROWS:]


def problems(mnist):
    """Return functions of a generator, by name."""
    if mnist:
        X_train, y_train, X_test, y_test = datasets.load("mnist")
        X, y = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])
        return {f"mnist, {digit}": partial(one_class, X[y == digit], X[y != digit]) for digit in range(10)}
    china, flower = patches("china.jpg"), patches("flower.jpg")
    return {
        "Student's t, shifted by 3": student,
        "normal, shifted by 1.5": partial(shifted_normal, 1.5),
        "normal, shifted by 2": partial(shifted_normal, 2.0),
        "patches of china, the flower": partial(one_class, china, flower),
        "patches of the flower, china": partial(one_class, flower, china),
        "patches of the flower, noise": partial(noisy, flower),
    }


def level(n_draws):
    """Print the share of new normal rows with p <= a."""
    print(f"level: rows of Student's t with 4 degrees of freedom, 4 features; {n_draws} draws\n")
    print_row("calibration", "rows", *(f"p <= {level:g}" for level in LEVELS))
    print("|---" * (2 + len(LEVELS)) + "|")
    for calibration, n_rows in (("auto", 100), (0.5, 200)):
        shares = []
        for draw in range(n_draws):
            rng = np.random.default_rng(draw)
            X, new = rng.standard_t(4, (n_rows, 4)), rng.standard_t(4, (200, 4))
            detector = EnergyOutlierDetector(novelty=True, calibration=calibration, contamination=0.2)
            shares.append((detector.fit(X).p_values(new)[:, None] <= LEVELS).mean(axis=0))
        means, errors = np.mean(shares, axis=0), two_errors(shares)
        print_row(str(calibration), str(n_rows), *(f"{m:.4f} ± {e:.4f}" for m, e in zip(means, errors, strict=True)))


def two_errors(values):
    """Return twice the standard error of the mean over the draws."""
    return 2.0 * np.std(values, axis=0, ddof=1) / np.sqrt(len(values))


def fixed_level(draws, novel):
    """Return the largest level whose rate, the mean over the draws, is at most 0.1; this rate; the power of each draw.

    The first level is below all p-values.
    """
    levels = np.arange(N_ROWS // 2 + 2) / (N_ROWS // 2 + 1.0)
    rates, powers = [], []
    for p in draws:
        below = p[:, None] <= levels
        rates.append(below[~novel].sum(axis=0) / np.maximum(below.sum(axis=0), 1))
        powers.append(below[novel].mean(axis=0))
    rates = np.mean(rates, axis=0)
    last = np.flatnonzero(rates <= FDR)[-1]
    return levels[last], rates[last], np.array(powers)[:, last]


def false_discoveries(chosen, n_draws):
    """Print what Benjamini and Hochberg's procedure finds, and what thresholds find that know the novelties."""
    print(f"false discoveries: {N_ROWS // 2} calibration rows, {n_draws} draws\n")
    print_row("normal rows, novelties", "AUC", "FDR", "power", "fixed: p <=", "FDR", "power", "difference", "hindsight")
    print("|---" * 9 + "|")
    novel = np.arange(N_NEW) < N_NOVEL
    for name, problem in chosen.items():
        draws, areas, found = [], [], []
        for draw in range(n_draws):
            X, new = problem(np.random.default_rng(draw))
            detector = EnergyOutlierDetector(novelty=True, calibration=0.5).fit(X)
            draws.append(detector.p_values(new))
            areas.append(roc_auc_score(~novel, detector.score_samples(new)))
            found.append(discoveries(draws[-1], novel))
        rates, powers, best = np.transpose(found)
        cells = [f"{np.mean(areas):.3f}", f"{rates.mean():.3f} ± {two_errors(rates):.3f}", f"{powers.mean():.3f}"]
        threshold, rate, fixed = fixed_level(draws, novel)
        if threshold > 0.0:
            difference = powers - fixed
            cells += [f"{threshold:.4f}", f"{rate:.3f}", f"{fixed.mean():.3f}"]
            cells.append(f"{difference.mean():+.3f} ± {two_errors(difference):.3f}")
        else:
            cells += ["none", "", "", ""]
        print_row(name, *cells, f"{best.mean():.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", action="store_true", help="search for digits instead, without the first table")
    parser.add_argument("--draws", type=int, default=200, help="draws of the first table")
    parser.add_argument("--searches", type=int, default=200, help="draws of the second table")
    options = parser.parse_args()
    print(f"skae {skae.__version__}, numpy {np.__version__}, scipy {scipy.__version__}, ", end="")
    print(f"scikit-learn {sklearn.__version__}, Python {platform.python_version()}, {platform.machine()}, ", end="")
    print(time.strftime("%Y-%m-%d\n"))
    if not options.mnist:
        level(options.draws)
        print()
    false_discoveries(problems(options.mnist), options.searches)


if __name__ == "__main__":
    main()
