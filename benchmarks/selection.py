"""Whether a choice without labels is a good choice: over alpha, over penalties, over activations.

Each model is fitted on 60 % of the rows. The label-free criteria of `skae.metrics` are measured on the other 40 %, and
so is what the choice is for: the accuracy of a logistic regression on the standardised codes, trained on all labels
(its strength cross-validated) or on five labels a class, and the ROC AUC of the energy for novelty. For that, a model
is fitted without one class, and judged by the criteria on held-out rows of the other classes.

    python benchmarks/selection.py             digits, breast cancer, wine
    python benchmarks/selection.py --quick     a coarse grid
    SKAE_DATA=folder python benchmarks/selection.py --mnist
"""

import argparse
import collections
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import ContractiveAutoencoder
from skae.metrics import denoising_r2, neg_score_matching_loss, reconstruction_r2, score_matching_loss

ALPHAS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
COARSE = (0.01, 0.1, 1.0)
ACTIVATIONS = ("tanh", "relu", "softplus", "identity", "satlinear")
N_COMPONENTS, N_UPDATES = 128, 2000
N_LABELS, N_DRAWS, N_NOVELTIES = 5, 10, 3
# The higher the better, all of them; each takes the model, held-out rows and the training rows.
CRITERIA = {
    "denoising R2": lambda model, X, X_train: denoising_r2(model, X),
    "reconstruction R2": lambda model, X, X_train: reconstruction_r2(model, X),
    "-J, t of training rows": lambda model, X, X_train: -score_matching_loss(model, X, X_train),
    "-J, t of the same rows": lambda model, X, X_train: neg_score_matching_loss(model, X),
}
TARGETS = ("accuracy", f"{N_LABELS} labels a class", "novelty AUC")


# Loader, what X is divided by (None: it is standardised), and the number of splits and seeds.
DATA = {
    "digits / 16": (load_digits, 16.0, 2),
    "digits, standardised": (load_digits, None, 2),
    "breast cancer": (load_breast_cancer, None, 3),
    "wine": (load_wine, None, 3),
}
MNIST = {"MNIST, 5,000 rows": (lambda return_X_y: [rows[:5000] for rows in load("mnist")[:2]], 1.0, 1)}


def models(alphas, activations):
    """Return the models, (activation, penalty, alpha), and the families to choose in, as indices of models."""
    grid = [("sigmoid", penalty, alpha) for penalty in ("contractive", "laplacian") for alpha in alphas]
    grid += [(activation, "contractive", alpha) for activation in activations for alpha in COARSE]
    return grid, {
        "alpha, contractive": [i for i, model in enumerate(grid) if model[:2] == ("sigmoid", "contractive")],
        "alpha, laplacian": [i for i, model in enumerate(grid) if model[1] == "laplacian"],
        "activation, alpha 0.1": [i for i, model in enumerate(grid) if model[1:] == ("contractive", 0.1)],
        "all": list(range(len(grid))),
    }


def fit(model, X_train, seed):
    """Return an autoencoder, all of them after the same number of updates: `tol` would stop some on a plateau."""
    activation, penalty, alpha = model
    epochs = max(50, N_UPDATES // -(-len(X_train) // 100))
    return ContractiveAutoencoder(
        N_COMPONENTS, activation=activation, penalty=penalty, alpha=alpha, max_iter=epochs, tol=0, random_state=seed
    ).fit(X_train)


def criteria(autoencoder, X, X_train):
    """Return the value of each criterion, nan where it is refused."""
    values = []
    for criterion in CRITERIA.values():
        try:
            values.append(criterion(autoencoder, X, X_train))
        except ValueError:
            values.append(np.nan)
    return values


def accuracies(Z_train, y_train, Z_test, y_test):
    """Return the accuracy with all labels and with a few of each class, the mean of several draws of them."""
    scaler, rng, few = StandardScaler().fit(Z_train), np.random.default_rng(0), []
    Z_train, Z_test = scaler.transform(Z_train), scaler.transform(Z_test)
    classifier = LogisticRegression(C=0.1, max_iter=300, tol=1e-3)
    search = GridSearchCV(classifier, {"C": (0.001, 0.01, 0.1, 1.0)}, cv=3).fit(Z_train, y_train)
    of_class = [np.flatnonzero(y_train == label) for label in np.unique(y_train)]
    for _ in range(N_DRAWS):
        rows = np.concatenate([rng.choice(rows, N_LABELS, replace=False) for rows in of_class])
        few.append(classifier.fit(Z_train[rows], y_train[rows]).score(Z_test, y_test))
    return [search.score(Z_test, y_test), np.mean(few)]


def measure(X, y, standardise, grid, seeds):
    """Return criteria, then targets: of the models of all classes, of those without one, and of the raw features."""
    # Columns that are constant in the training rows leave no residual, and score matching sees little else.
    scaling = make_pipeline(VarianceThreshold(), StandardScaler() if standardise else "passthrough")
    supervised, novelty, raw = [], [], []
    for seed in range(seeds):
        train, test = train_test_split(np.arange(len(X)), test_size=0.4, stratify=y, random_state=seed)
        A, B = scaling.fit_transform(X[train]), scaling.transform(X[test])
        raw.append(accuracies(A, y[train], B, y[test]))
        fits = [fit(model, A, seed) for model in grid]
        supervised.append(
            [criteria(f, B, A) + accuracies(f.transform(A), y[train], f.transform(B), y[test]) for f in fits]
        )
        for label in np.roll(np.unique(y), -N_NOVELTIES * seed)[:N_NOVELTIES]:
            A = scaling.fit_transform(X[train[y[train] != label]])
            B, novel = scaling.transform(X[test]), y[test] == label
            fits = [fit(model, A, seed) for model in grid]
            novelty.append([[*criteria(f, B[~novel], A), roc_auc_score(~novel, f.score_samples(B))] for f in fits])
    return np.array(supervised), np.array(novelty), np.mean(raw, axis=0)


def rank_correlation(a, b):
    """Return Spearman's correlation where a is not nan; 0 if one of them does not vary."""
    a, b = a[np.isfinite(a)], b[np.isfinite(a)]
    return 0.0 if len(a) < 2 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0 else spearmanr(a, b).statistic


def agreement(runs, target, family, default):
    """Return by rule (choices, value, regret, rank correlation): each run chooses for itself, means over runs."""
    values = runs[:, family, target]
    best, every = values.max(axis=1), np.arange(len(values))
    choices = {"alpha 0.1": np.full(len(values), default)}
    choices["best in hindsight"] = np.full(len(values), values.mean(axis=0).argmax())
    choices |= {name: np.nan_to_num(runs[:, family, i], nan=-np.inf).argmax(axis=1) for i, name in enumerate(CRITERIA)}
    table = {"a random choice": ([], values.mean(), best.mean() - values.mean(), np.nan)}
    for name, chosen in choices.items():
        value = values[every, chosen].mean()
        table[name] = chosen, value, best.mean() - value, np.nan
    for i, name in enumerate(CRITERIA):
        rho = [rank_correlation(a, b) for a, b in zip(runs[:, family, i], values, strict=True)]
        table[name] = *table[name][:3], np.mean(rho)
    return table


def name_of(model):
    """Return how the tables call a model."""
    return f"{'laplacian' if model[1] == 'laplacian' else model[0]} {model[2]:g}"


def most_frequent(chosen, family, grid):
    """Return the choice of most of the runs, and of how many."""
    counted = collections.Counter(name_of(grid[family[i]]) for i in chosen).most_common(1)
    return "".join(f"{name} ({count}/{len(chosen)})" for name, count in counted)


def row(*cells, header=False):
    print("| " + " | ".join(cells) + " |" + header * ("\n|" + "---|" * len(cells)))


def report(grid, families, supervised, novelty, raw, overall):
    """Print the tables of a data set, and add regrets and correlations to `overall`."""
    row("model", *CRITERIA, *TARGETS, header=True)
    for model, means, aucs in zip(grid, supervised.mean(axis=0), novelty.mean(axis=0), strict=True):
        three_digits = [f"{value:.3f}" for value in (*means[:2], *means[4:], aucs[4])]
        row(name_of(model), *three_digits[:2], *(f"{value:.4g}" for value in means[2:4]), *three_digits[2:])
    print(f"\nRaw features: accuracy {raw[0]:.3f}, {N_LABELS} labels a class {raw[1]:.3f}.\n")
    row("choice of", "by", "chosen", *TARGETS[:2], "chosen for novelty", TARGETS[2], header=True)
    for title, family in families.items():
        default = next(i for i, k in enumerate(family) if grid[k][2] == 0.1)
        tables = [agreement(*which, family, default) for which in ((supervised, 4), (supervised, 5), (novelty, 4))]
        for rule in tables[0]:
            cells = []
            for table, target in zip(tables, TARGETS, strict=True):
                _, value, regret, rho = table[rule]
                cells.append(f"{value:.3f} ({regret:.3f}" + (")" if np.isnan(rho) else f", {rho:+.2f})"))
                overall[title, rule, target].append((regret, rho))
            chosen, chosen_for_novelty = (most_frequent(tables[i][rule][0], family, grid) for i in (0, 2))
            row(f"{title} ({len(family)})", rule, chosen, *cells[:2], chosen_for_novelty, cells[2])
    print(flush=True)


def summarise(overall):
    """Print the means over the data sets."""
    print("## Means over the data sets: regret, rank correlation\n")
    row("choice of", "by", *TARGETS, header=True)
    for title, rule in dict.fromkeys(key[:2] for key in overall):
        means = [np.mean(overall[title, rule, target], axis=0) for target in TARGETS]
        row(title, rule, *(f"{regret:.3f}" + ("" if np.isnan(rho) else f", {rho:+.2f}") for regret, rho in means))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three values of alpha, two activations, one seed")
    parser.add_argument("--mnist", action="store_true", help="5,000 rows of MNIST, one seed, in place of the bundled")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    grid, families = models(*((COARSE, ("relu",)) if options.quick else (ALPHAS, ACTIVATIONS)))
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}\n")
    print("A choice has in brackets its regret, the loss against the best model of each run, and the mean over runs of")
    print("Spearman's correlation of the criterion with the target.\n")
    overall = collections.defaultdict(list)
    for name, (loader, divisor, seeds) in (MNIST if options.mnist else DATA).items():
        seeds, start = 1 if options.quick else seeds, time.process_time()
        X, y = loader(return_X_y=True)
        measured = measure((X / (divisor or 1.0)).astype(np.float32), y, divisor is None, grid, seeds)
        print(f"## {name}\n\n{len(X)} rows, {X.shape[1]} features, splits and seeds: {seeds}, ", end="")
        print(f"novelty problems: {len(measured[1])}, {time.process_time() - start:.0f} s\n")
        report(grid, families, *measured, overall)
    summarise(overall)


if __name__ == "__main__":
    main()
