"""The demonstration: ``python -m skae`` learns features of scikit-learn's bundled digits, without network."""

import argparse
import pathlib
import sys
import time

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
    __version__,
)
from skae.plotting import FiltersDisplay, ScoreHistogramDisplay

ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0)
N_UNITS = 256


def main(arguments=None):
    """Run the demonstration.

    Parameters
    ----------
    arguments : list of str, optional
        Command-line arguments; by default, the arguments of the process.

    Returns
    -------
    int
        Exit code: 0, or 1 if the picture cannot be written. Wrong arguments exit with 2.
    """
    options = checked(parser(), arguments)
    started = time.perf_counter()
    data = load_digits()
    X = (data.data / 16.0).astype("float32")
    split = train_test_split(X, data.target, test_size=0.5, stratify=data.target, random_state=options.seed)
    print(f"skae {__version__}: {len(split[0])} digits to train on, {len(split[1])} to test on, 64 pixels each")
    alpha = select_alpha(split[0], options)
    fitted = compare(models(alpha, options.seed), *split, options.digit)
    classify(*split, options)
    code = save_picture(fitted, split[1], split[3], options)
    print(f"\nDone in {time.perf_counter() - started:.0f} s.")
    return code


def parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m skae", description=__doc__)
    parser.add_argument("--output", default="skae-demo.png", help="where to save the picture (default: %(default)s)")
    parser.add_argument("--digit", type=int, default=0, choices=range(10), help="the novelty (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="processes (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    parser.add_argument("--version", action="version", version=f"skae {__version__}", help="print the version and exit")
    return parser


def checked(parser, arguments):
    """Return the options; refuse at once those that would fail only after the work."""
    options = parser.parse_args(arguments)
    output = pathlib.Path(options.output)
    if output.is_dir() or not output.name:
        parser.error(f"argument --output: {options.output!r} is not the name of a file")
    if output.suffix.lower() not in (".png", ".pdf", ".svg"):
        parser.error(f"argument --output: the picture is a .png, .pdf or .svg file, got {options.output!r}")
    if not 0 <= options.seed < 2**32:
        parser.error(f"argument --seed: must be from 0 to 2**32 - 1, got {options.seed}")
    if options.jobs == 0:
        parser.error("argument --jobs: must not be 0")
    return options


def select_alpha(X, options):
    """Choose the regularization strength without labels, by the denoising R^2 of held-out digits."""
    print("\nGrid search over alpha, no labels: denoising R^2 of held-out digits")
    autoencoder = ContractiveAutoencoder(N_UNITS, init="data", tol=0, random_state=options.seed)
    pipeline = Pipeline([("autoencoder", autoencoder)])
    search = GridSearchCV(pipeline, {"autoencoder__alpha": ALPHAS}, cv=3, n_jobs=options.jobs, refit=False)
    show_progress(search)
    search.fit(X)
    best = search.best_params_["autoencoder__alpha"]
    for alpha, score in zip(ALPHAS, search.cv_results_["mean_test_score"], strict=True):
        print(f"  alpha={alpha:<6g} {score:.3f}{'  <- chosen' if alpha == best else ''}")
    return best


def show_progress(search):
    """Show the progress of a search as a bar, if scikit-learn and rich can."""
    try:
        import rich  # noqa: F401
        from sklearn.callback import ProgressBar
    except ImportError:
        print('  (no progress bar: that needs scikit-learn 1.9 and rich, pip install "skae[progress]")', flush=True)
    else:
        search.set_callbacks(ProgressBar(max_propagation_depth=0))


def models(alpha, seed):
    """Return the transformers to compare, by name."""
    return {
        "raw pixels": FunctionTransformer(),
        "PCA, 40 components": PCA(40, random_state=seed),
        f"random weights, {N_UNITS} units": FunctionTransformer(random_units, kw_args={"seed": seed}),
        f"BernoulliRBM, {N_UNITS} units": BernoulliRBM(N_UNITS, learning_rate=0.05, n_iter=20, random_state=seed),
        f"ContractiveAutoencoder, {N_UNITS} units, alpha={alpha:g}": ContractiveAutoencoder(
            N_UNITS, alpha=alpha, init="data", encoding="rectified", tol=0, random_state=seed
        ),
        f"MarginalizedDenoisingAutoencoder, {N_UNITS} units": MarginalizedDenoisingAutoencoder(
            N_UNITS, alpha=0.03, max_iter=100, random_state=seed
        ),
        f"DenoisingAutoencoder, {N_UNITS} units": DenoisingAutoencoder(N_UNITS, max_iter=100, random_state=seed),
        f"SaturatingAutoencoder, {N_UNITS} units": SaturatingAutoencoder(N_UNITS, max_iter=110, random_state=seed),
        f"SparseAutoencoder, {N_UNITS} units": SparseAutoencoder(N_UNITS, max_iter=100, random_state=seed),
        f"PCAWhitener + ZeroBiasAutoencoder, {N_UNITS} units": make_pipeline(
            PCAWhitener(0.99, whiten=None), ZeroBiasAutoencoder(N_UNITS, random_state=seed)
        ),
    }


def random_units(X, seed):
    """Return max(0, XW) with random weights."""
    W = np.random.default_rng(seed).standard_normal((X.shape[1], N_UNITS), dtype=X.dtype)
    return np.maximum(X @ W, 0)


def compare(transformers, X_train, X_test, y_train, y_test, digit):
    """Print a table of accuracy and novelty AUC; return the transformers fitted to all digits."""
    print(
        "\nAccuracy of a ridge classifier on the standardised codes, its strength chosen by cross-validation;\n"
        f"novelty: ROC AUC of score_samples in telling {digit}s, left out of the training there, from the other digits"
    )
    print(f"  {'':<46} accuracy      novelty")
    fitted = {}
    for name, transformer in transformers.items():
        classifier = RidgeClassifierCV(np.logspace(-3, 3, 13))
        model = make_pipeline(transformer, StandardScaler(), classifier).fit(X_train, y_train)
        fitted[name], auc = model[0], ""
        if hasattr(transformer, "score_samples"):
            others = clone(transformer).fit(X_train[y_train != digit])
            auc = f"{roc_auc_score(y_test != digit, others.score_samples(X_test)):11.3f}"
        print(f"  {name:<46} {100 * model.score(X_test, y_test):6.1f} %  {auc}", flush=True)
    detector = EnergyOutlierDetector(novelty=True).fit(X_train[y_train != digit])
    auc = roc_auc_score(y_test != digit, detector.score_samples(X_test))
    print(f"  {'EnergyOutlierDetector(novelty=True)':<46} {'':>8}  {auc:11.3f}", flush=True)
    return fitted


def classify(X_train, X_test, y_train, y_test, options):
    """Print how well one autoencoder per class classifies, and how well it detects digits of no class."""
    print("\nOne autoencoder of 100 units per class, without a classifier on the codes")
    known, novel = y_train != options.digit, y_test == options.digit
    for method in ("normalize", "finetune"):
        autoencoder = ContractiveAutoencoder(100, visible="bernoulli", init="data")
        classifier = ClassSpecificAEClassifier(
            autoencoder,
            method=method,
            temperature=1.0,  # no trial fits: probabilities are not shown
            max_iter=100,
            n_jobs=options.jobs,
            random_state=options.seed,
        )
        accuracy = classifier.fit(X_train, y_train).score(X_test, y_test)
        classifier.fit(X_train[known], y_train[known])
        auc = roc_auc_score(~novel, classifier.score_samples(X_test))
        name = f"ClassSpecificAEClassifier, method={method!r}"
        print(f"  {name:<46} {100 * accuracy:6.1f} %  {auc:11.3f}", flush=True)


def save_whole(figure, path):
    """Write a picture, or leave what is there: a full disk neither ends in half a picture nor takes the one before."""
    partial = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        figure.savefig(partial, dpi=120)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def save_picture(fitted, X_test, y_test, options):
    """Draw filters and energies; return the exit code."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('\nNo picture of filters and energies: that needs matplotlib (pip install "skae[plot]").')
        return 0
    contractive, zero_bias = (
        next(model for name, model in fitted.items() if word in name) for word in ("Contractive", "ZeroBias")
    )
    figure = Figure(figsize=(11, 10), layout="constrained")
    axes = figure.subplot_mosaic("ab;cc", height_ratios=(5, 4))
    for key, model, name in (("a", contractive, "ContractiveAutoencoder"), ("b", zero_bias, "ZeroBiasAutoencoder")):
        FiltersDisplay.from_estimator(model, ax=axes[key])
        axes[key].set_title(f"{name}: 100 filters")
    ScoreHistogramDisplay.from_estimator(contractive, X_test, y_test, ax=axes["c"])
    axes["c"].set(title="ContractiveAutoencoder: energy of the test digits", ylabel="digit")
    try:
        save_whole(figure, pathlib.Path(options.output).resolve())
    except OSError as error:
        print(f"\nCannot write the picture of filters and energies: {error}", file=sys.stderr)
        return 1
    print(f"\nPicture of filters and energies: {pathlib.Path(options.output).resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
