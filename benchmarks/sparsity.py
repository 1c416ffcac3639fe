"""When and why codes are sparse: the activation fraction against the regularization strength, SPARSE figures 1 to 5.

Denoising (DAE), contractive (CAE), marginalized denoising (mDAE) and sparse (SAE, with target 0) autoencoders of 1000
tied units, and the denoising loss to first order (eDAE), with rows of unit length and without; on MNIST and on 8 x 8
patches of CIFAR-10, each sample standardised. Trained as in SPARSE 3: batches of 50, momentum 0.9, a constant learning
rate. alpha is half of sigma^2, so that the horizontal axis is the paper's.

    SKAE_DATA=folder python benchmarks/sparsity.py

Every fit adds a line to sparsity.csv in the output folder; those that are there already are not repeated, so that the
study can be stopped and continued: take a new folder to repeat it. `--quick` is the whole study with tiny models, to
see that it runs. Needs matplotlib, the extra `plot`.
"""

import argparse
import csv
import pathlib
import platform
import time
import warnings

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from datasets import load
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import skae
from skae import (
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    SparseAutoencoder,
)
from skae.metrics import activation_fraction, dead_unit_fraction, per_feature_error
from skae.parameters import UnitNorm
from skae.solvers import DivergenceError

VARIANCES = (0.0, 0.001, *(round((0.1 * i) ** 2, 2) for i in range(1, 11)))
# A unit is active above it (SPARSE eq. 14).
ACTIVE = {"relu": 0.0, "sigmoid": 0.1, "softplus": 0.1}
# The ends of the paper's 0.001 to 0.005 for the squared error without our 1/2: the upper one unless training diverges;
# softplus dies of it.
LEARNING_RATES = {"relu": (0.01, 0.002), "sigmoid": (0.01, 0.002), "softplus": (0.002,)}
QUARTERS = 4
COLUMNS = (
    "data",
    "activation",
    "length",
    "model",
    "variance",
    "fraction",
    "dead",
    "loss",
    "quarter1",
    "quarter2",
    "quarter3",
    "rate",
)


class Renormalised(UnitNorm):
    """Unit length by scaling after the step alone: the gradient keeps what changes the lengths."""

    def tangent(self, rows, grad):
        """Leave the gradient as it is."""


class RenormalisedContractive(ContractiveAutoencoder):
    """Contractive autoencoder that steps, then scales its rows to length 1."""

    def _constraint(self, tied, penalty):
        return Renormalised("W")


# What makes each model at a variance; the others' parameters are common.
MODELS = {
    "DAE": lambda variance, common: DenoisingAutoencoder(noise_level=variance**0.5, **common),
    "CAE": lambda variance, common: ContractiveAutoencoder(alpha=variance / 2, **common),
    "mDAE": lambda variance, common: MarginalizedDenoisingAutoencoder(alpha=variance / 2, **common),
    "SAE": lambda variance, common: SparseAutoencoder(alpha=variance / 2, target_activation=0.0, **common),
    "eDAE": lambda variance, common: DenoisingAutoencoder(
        noise_level=variance**0.5, approximation="first_order", **common
    ),
    "CAE, step then scale": lambda variance, common: RenormalisedContractive(alpha=variance / 2, **common),
}
ALL = ("DAE", "CAE", "mDAE", "SAE")
# Activation, length and models of each figure. Softplus has none in the paper, "as similar to sigmoid": a table only.
FIGURES = {
    "figure1": ("relu", "unit", (*ALL, "CAE, step then scale")),
    "figure2": ("relu", "free", ALL),
    "figure3": ("relu", "unit", ("DAE", "eDAE")),
    "figure4": ("sigmoid", "unit", ALL),
    "figure5": ("sigmoid", "free", ALL),
}
# What would hide beneath another.
STYLES = {"mDAE": {"marker": "x", "linestyle": "-."}, "CAE, step then scale": {"marker": ".", "linestyle": "--"}}
SOFTPLUS = (("softplus", "unit", ALL), (0.0, 0.01, 0.25, 1.0))
TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10, 8 x 8 patches"}


def samples(name, n_rows):
    """Return standardised rows: digits, or colour patches of 8 x 8."""
    rng = np.random.default_rng(0)
    images = load(name)[0]
    if name == "mnist":
        return ContrastNormalizer(0.1).fit_transform(images[rng.permutation(len(images))[:n_rows]])
    images = images.reshape(-1, 3, 32, 32)
    which = rng.integers(len(images), size=n_rows)
    top, left = rng.integers(32 - 8 + 1, size=(2, n_rows))
    patches = np.stack([images[i, :, y : y + 8, x : x + 8] for i, y, x in zip(which, top, left, strict=True)])
    return ContrastNormalizer(0.01).fit_transform(patches.reshape(n_rows, -1))


def measured(X, which, n_components, epochs):
    """Fit one model; return the fields of its line, NaN where training diverges at all learning rates."""
    for rate in LEARNING_RATES[which[1]]:
        with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                return (*which, *outcome(X, which, n_components, epochs, rate), rate)
            except DivergenceError as error:
                print(f"{which}: {error}", flush=True)
    return (*which, *[np.nan] * 7)


def outcome(X, which, n_components, epochs, rate):
    """Fit; return fraction, dead units, loss, and the fractions after each but the last quarter of the epochs."""
    _, activation, length, model, variance = which
    common = {
        "n_components": n_components,
        "activation": activation,
        "weight_constraint": "unit" if length == "unit" else None,
        "solver": "sgd",
        "batch_size": 50,
        "nesterovs_momentum": False,
        "learning_rate": "constant",
        "learning_rate_init": rate,
        "max_iter": max(epochs // QUARTERS, 1),
        "tol": 0.0,
        "warm_start": True,
    }
    autoencoder = MODELS[model](variance, common)
    fractions = []
    for quarter in range(QUARTERS):
        autoencoder.set_params(random_state=quarter).fit(X)
        fractions.append(activation_fraction(autoencoder, X, threshold=ACTIVE[activation]))
    dead = dead_unit_fraction(autoencoder, X, threshold=ACTIVE[activation])
    loss = 0.5 * per_feature_error(autoencoder, X).sum()
    return fractions[-1], dead, loss, *fractions[:-1]


def tasks(data):
    """Return what is to be fitted on one data set, each once."""
    settings = [(*setting, VARIANCES) for setting in FIGURES.values()] + [(*SOFTPLUS[0], SOFTPLUS[1])]
    found = {}
    for activation, length, models, variances in settings:
        for model in models:
            for variance in variances:
                found[task(data, activation, length, model, variance)] = None
    return list(found)


def task(data, activation, length, model, variance):
    """Return what identifies a fit: without regularization all models with the same steps are one."""
    return data, activation, length, "CAE" if variance == 0.0 and "scale" not in model else model, variance


def read(path):
    """Return the lines of sparsity.csv, by task."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (*(row[name] for name in COLUMNS[:4]), float(row["variance"])): [float(row[name]) for name in COLUMNS[5:]]
        for row in rows
        if row["rate"]  # else the study was stopped in the middle of the line
    }


def curve(results, data, activation, length, model, variances):
    """Return fraction, dead and the rest against the variance, shape (n_variances, 7); NaN where there is none."""
    missing = [np.nan] * 7
    return np.array([results.get(task(data, activation, length, model, v), missing) for v in variances], dtype=float)


def draw(results, name, folder):
    """Save one figure: activation fractions solid, dead units dotted."""
    activation, length, models = FIGURES[name]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    for axis, data in zip(axes, TITLES, strict=True):
        for i, model in enumerate(models):
            values = curve(results, data, activation, length, model, VARIANCES)
            style = {"color": f"C{i}", "label": model, **STYLES.get(model, {"marker": "."})}
            axis.plot(VARIANCES, values[:, 0], **style)
            axis.plot(VARIANCES, values[:, 1], color=f"C{i}", linestyle=":", linewidth=1)
        axis.set(title=TITLES[data], xlabel=r"$\sigma^2$", ylim=(-0.02, 1.02))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("activation fraction\n(dotted: dead units)")
    axes[1].legend(fontsize="small")
    lengths = "rows of unit length" if length == "unit" else "free lengths"
    figure.suptitle(f"{activation}, {lengths}", fontsize="medium")
    figure.savefig(folder / f"sparsity_{name}.png", dpi=80)
    plt.close(figure)


def table(results, activation, length, models, variances):
    """Print fractions, dead units in brackets where there are any, and a star at the lower learning rate."""
    print(f"\n{activation}, {'rows of unit length' if length == 'unit' else 'free lengths'}:\n")
    print(f"| data | model | {' | '.join(f'{v:g}' for v in variances)} | last half |")
    print("|---" * (len(variances) + 3) + "|")
    for data in TITLES:
        for model in models:
            values = curve(results, data, activation, length, model, variances)
            cells = [
                f"{fraction:.2f}"
                + (f" ({dead:.2f})" if dead >= 0.005 else "")
                + ("*" if rate < LEARNING_RATES[activation][0] else "")
                for fraction, dead, *_, rate in values
            ]
            change = np.abs(values[:, 0] - values[:, 4])
            change = f"{np.nanmax(change):.2f}" if np.isfinite(change).any() else ""
            print(f"| {data} | {model} | {' | '.join(cells)} | {change} |".replace("nan", "-"), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("figures"), help="folder (./figures)")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, help="a multiple of 4; 20 on MNIST, 48 on CIFAR-10 if not given")
    parser.add_argument("--units", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2, help="fits side by side, a thread each")
    parser.add_argument("--quick", action="store_true", help="300 rows, 4 epochs, 20 units")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.epochs, options.units = 300, 4, 20
        options.output /= "quick"
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "sparsity.csv"
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    for data, epochs in (("cifar10", 48), ("mnist", 20)):
        done = read(path)
        todo = [which for which in tasks(data) if which not in done]
        if not todo:
            continue
        epochs, X = options.epochs or epochs, samples(data, options.rows)
        print(f"{data}: {len(todo)} fits, {len(X)} rows, {X.shape[1]} features, {epochs} epochs", flush=True)
        fits = Parallel(options.jobs, return_as="generator_unordered")(
            delayed(measured)(X, which, options.units, epochs) for which in todo
        )
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([] if path.stat().st_size else COLUMNS)  # an empty line ends one that was cut
            for line in fits:
                writer.writerow([f"{field:.6g}" if isinstance(field, float | np.floating) else field for field in line])
                file.flush()
    results = read(path)
    for name, setting in FIGURES.items():
        draw(results, name, options.output)
        table(results, *setting, VARIANCES)
    table(results, *SOFTPLUS[0], SOFTPLUS[1])


if __name__ == "__main__":
    main()
