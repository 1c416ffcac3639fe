"""What the saturation penalty does: SAT figures 2 and 3, sections 3.3 and 3.4, and its continuation in alpha.

    SKAE_DATA=folder python benchmarks/saturation.py [plane] [filters] [continuation]

plane: how much of the square [-1, 1]^2 is reconstructed well, with and without the penalty, where the data are a curve.
filters: how local filters are, and how many units are active, against alpha, on CIFAR-10 and on natural patches.
continuation: raising alpha in steps against starting with it.
"""

import argparse
import pathlib
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.datasets import load_digits

import skae
from skae import SaturatingAutoencoder, regularization_path
from skae.datasets import make_curve, natural_patches

# Of the square: reconstructed to a twentieth of its half side.
NEAR = 0.05
# Data, rows, activation, units, alphas: from almost nothing to where few units are left.
FILTERS = (
    ("cifar10", 5000, "shrink", 100, (0.3, 3.0, 10.0, 30.0)),
    ("cifar10", 5000, "satlinear", 300, (0.1, 0.5, 1.0, 3.0)),
    ("patches", 20_000, "shrink", 100, (0.03, 0.3, 1.0, 3.0, 10.0)),
    ("patches", 20_000, "satlinear", 300, (0.03, 0.1, 0.3, 1.0)),
)


def standardised(X):
    """Return rows minus the mean, over the standard deviation of the whole (SAT section 4)."""
    return ((X - X.mean()) / X.std()).astype(np.float32)


def rows(name, n):
    """Return some rows of a data set."""
    if name == "cifar10":
        return standardised(load("cifar10")[0][:n])
    if name == "digits":
        return standardised(load_digits().data[:n])
    return standardised(natural_patches(n, 12, random_state=0))


def plane(folder):
    """Print and draw the share of the square that is reconstructed well."""
    ticks = np.linspace(-1.0, 1.0, 101)
    square = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    free = {"tied_weights": False, "weight_constraint": None}
    cases = (
        ("figure2", "shrink", 10, "sine", (0.0, 0.01, 0.03), {"threshold": 0.1}),
        ("figure3", "satlinear", 2, "arc", (0.0, 0.003, 0.01), free),
        ("figure3_tied", "satlinear", 2, "arc", (0.0, 0.003, 0.01), {}),
    )
    print("\n| figure | activation, units | alpha | square reconstructed to 0.05, by seed | rms error on the curve |")
    print("|---|---|---|---|---|")
    for name, activation, n_units, shape, alphas, parameters in cases:
        X, _ = make_curve(1000, shape=shape, random_state=0)
        surfaces = []
        for alpha in alphas:
            shares, errors = [], []
            for seed in range(3):
                autoencoder = SaturatingAutoencoder(
                    n_units,
                    activation=activation,
                    alpha=alpha,
                    solver="lbfgs",
                    max_iter=2000,
                    tol=1e-6,
                    random_state=seed,
                    **parameters,
                ).fit(X)
                error = np.sqrt(autoencoder.reconstruction_error(square))
                surfaces.append(error.reshape(101, 101))
                shares.append(np.mean(error < NEAR))
                errors.append(np.sqrt(autoencoder.reconstruction_error(X).mean()))
            print(
                f"| {name} | {activation}, {n_units} | {alpha:g} | {', '.join(f'{s:.2f}' for s in shares)} | "
                f"{', '.join(f'{e:.3f}' for e in errors)} |",
                flush=True,
            )
        draw(name, X, surfaces, alphas, folder)


def draw(name, X, surfaces, alphas, folder):
    """Save reconstruction errors over the square, a row of seeds for each alpha."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(alphas), 3, figsize=(7.5, 2.6 * len(alphas)), layout="constrained")
    for i, axis in enumerate(axes.flat):
        axis.imshow(surfaces[i], origin="lower", extent=(-1, 1, -1, 1), cmap="gray", vmax=0.5)
        axis.plot(*X[:200].T, ".", color="gold", markersize=2)
        axis.set(xticks=[], yticks=[], title=f"alpha={alphas[i // 3]:g}")
    figure.savefig(folder / f"saturation_{name}.png", dpi=70)
    plt.close(figure)


def locality(filters):
    """Return the mean share of the pixels that a filter covers: (sum v^2)^2 / (d sum v^4), 1 if evenly spread."""
    squares = filters.astype(np.float64) ** 2
    squares = squares[squares.sum(axis=1) > 0.0]
    return float(np.mean(squares.sum(axis=1) ** 2 / (squares.shape[1] * (squares**2).sum(axis=1))))


def filters():
    """Print locality and activity against alpha."""
    print("\n| data | activation, units | alpha | pixels covered | flat | dead | R^2 |\n|---|---|---|---|---|---|---|")
    for data, n, activation, n_units, alphas in FILTERS:
        X = rows(data, n)
        estimator = SaturatingAutoencoder(
            n_units, activation=activation, alpha_steps=1, max_iter=60, tol=0.0, random_state=0
        )
        for fitted in regularization_path(estimator, X, alphas=alphas):
            codes = fitted.transform(X)
            flat = codes == 0.0 if activation == "shrink" else np.abs(codes) == 1.0
            live = np.ptp(codes, axis=0) > 0.0
            r2 = 1.0 - fitted.reconstruction_error(X).sum() / ((X - X.mean(axis=0)) ** 2).sum()
            print(
                f"| {data} | {activation}, {n_units} | {fitted.alpha:g} | "
                f"{locality(fitted.decoder_components_[live]):.2f} | {flat.mean():.2f} | "
                f"{fitted.dead_unit_fraction_:.2f} | {r2:.3f} |",
                flush=True,
            )


def continuation():
    """Print loss and dead units with and without steps, the epochs the same in all."""
    print(
        "\n| data | activation | alpha | loss, 10 steps | loss at once | dead, 10 steps | dead at once |\n"
        "|---|---|---|---|---|---|---|"
    )
    for data, n in (("digits", 1797), ("patches", 10_000)):
        X = rows(data, n)
        for activation in ("shrink", "relu", "satlinear"):
            for alpha in (0.1, 1.0, 5.0):
                outcomes = {}
                for steps in (10, 0):
                    fits = [
                        SaturatingAutoencoder(
                            100,
                            activation=activation,
                            alpha=alpha,
                            alpha_steps=steps,
                            max_iter=110,
                            tol=0.0,
                            random_state=seed,
                        ).fit(X)
                        for seed in range(3)
                    ]
                    outcomes[steps] = (
                        np.mean([fit.loss_ for fit in fits]),
                        np.mean([fit.dead_unit_fraction_ for fit in fits]),
                    )
                (loss, dead), (loss_at_once, dead_at_once) = outcomes[10], outcomes[0]
                print(
                    f"| {data} | {activation} | {alpha:g} | {loss:.4g} | {loss_at_once:.4g} | {dead:.2f} | "
                    f"{dead_at_once:.2f} |",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="plane, filters, continuation (all three)")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(), help="folder for the pictures (here)")
    options = parser.parse_args()
    parts = {"plane": lambda: plane(options.output), "filters": filters, "continuation": continuation}
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    warnings.simplefilter("ignore")
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    for name in options.parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
