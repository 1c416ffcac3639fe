"""The demonstration: ``python -m skae`` learns features of scikit-learn's bundled digits, without network."""

import argparse
import pathlib
import sys
import time

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import ContractiveAutoencoder, __version__

ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0)


def main(arguments=None):
    """Run the demonstration.

    Parameters
    ----------
    arguments : list of str, optional
        Command-line arguments; those of the process if not given.

    Returns
    -------
    int
        Exit code: 0, or 1 where the picture cannot be written.
    """
    options = _parser().parse_args(arguments)
    started = time.perf_counter()
    data = load_digits()
    X = (data.data / 16.0).astype("float32")
    X_train, X_test, y_train, y_test = train_test_split(
        X, data.target, test_size=0.5, stratify=data.target, random_state=options.seed
    )
    print(f"skae {__version__}: {len(X_train)} digits to train on, {len(X_test)} to test on, 64 pixels each")

    search = select_alpha(X_train, options)
    features = search.best_estimator_["autoencoder"]
    print("\nAccuracy of one logistic regression on ...")
    for name, transformer in {
        "raw pixels": FunctionTransformer(),
        "PCA, 40 components": PCA(40, random_state=options.seed),
        "BernoulliRBM, 256 units": BernoulliRBM(256, learning_rate=0.05, n_iter=20, random_state=options.seed),
        f"ContractiveAutoencoder, 256 units, alpha={features.alpha:g}": features,
    }.items():
        classifier = LogisticRegression(C=0.1, max_iter=2000)
        model = make_pipeline(transformer, StandardScaler(), classifier).fit(X_train, y_train)
        print(f"  {name:<52} {100 * model.score(X_test, y_test):5.1f} %")

    code = save_picture(features, options.output)
    print(f"\nDone in {time.perf_counter() - started:.0f} s.")
    return code


def select_alpha(X, options):
    """Search for the regularization strength without labels, by the denoising R^2 of held-out digits."""
    autoencoder = ContractiveAutoencoder(
        256, encoding="rectified", init="data", max_iter=200, tol=0, random_state=options.seed
    )
    pipeline = Pipeline([("autoencoder", autoencoder)])
    search = GridSearchCV(pipeline, {"autoencoder__alpha": ALPHAS}, cv=3, n_jobs=options.jobs)
    print("\nGrid search over alpha, no labels: denoising R^2 of held-out digits")
    search.fit(X)
    for alpha, score in zip(ALPHAS, search.cv_results_["mean_test_score"], strict=True):
        mark = "  <- chosen" if alpha == search.best_params_["autoencoder__alpha"] else ""
        print(f"  alpha={alpha:<6g} {score:.3f}{mark}")
    return search


def save_picture(autoencoder, path):
    """Draw the filters as image tiles; return the exit code."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('\nNo picture of the filters: that needs matplotlib (pip install "skae[plot]").')
        return 0
    figure = Figure(figsize=(6, 6), layout="constrained")
    for axes, row in zip(figure.subplots(16, 16).ravel(), autoencoder.components_, strict=True):
        limit = abs(row).max()
        axes.imshow(row.reshape(8, 8), cmap="gray", vmin=-limit, vmax=limit)
        axes.set_axis_off()
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        print(f"\nCannot write the picture of the filters: {error}", file=sys.stderr)
        return 1
    print(f"\nPicture of the 256 filters: {pathlib.Path(path).resolve()}")
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m skae", description=__doc__)
    parser.add_argument("--output", default="skae-demo.png", help="where to save the picture (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="processes of the grid search (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
