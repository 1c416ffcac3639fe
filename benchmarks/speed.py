"""What skae's work costs beyond its matrix products, and beside other libraries.

    python benchmarks/speed.py [--quick] [--only PART ...] [--threads 1 2] [--dtype float32] [--solver adam] [--cpu]

Everything is a ratio in one run: the functions compared take turns, and the tables give medians over the turns, with
the 10th to 90th percentile of the ratio to the first column. Peers that are not installed are left out by name. With
--cpu the times are CPU times, for one thread on a machine that does other work: the time that the others take does not
count, but caches shared with them make the ratios larger.

Steps: what `fit` does for one batch: taking it, value and gradient, projection, update of every parameter. The *floor*
is the products that the step needs and nothing else: same shapes, same dtype, same BLAS. Peers do a step of the same
mathematics on a batch of the same size (`peers.py`); scikit-learn's regressor has untied weights, which is more.

L-BFGS: some iterations on 4 batches of rows, over the products of their evaluations.

Predictions: `transform`, `score_samples` and the classifier's `predict`, over their product and one in-place
exponential of the hidden units, in blocks of 256 rows.

Sparse rows: one `partial_fit` of CSR rows in batches, over the products of its steps: two sparse ones, and two of
k x k by d. `transform` and `score_samples` are over their one sparse product. Here the floor is scipy's, on one thread.

Not in the full run: `--only quality`, the time to the objective that torch's Adam reaches; `--only robustness`, the
objective of the defaults on data of several scales over that of torch's Adam at its best rate; `--only noise`.
"""

import argparse
import contextlib
import functools
import itertools
import math
import platform
import subprocess
import sys
import time
import tracemalloc
import warnings

import numpy as np
import peers
import scipy
import sklearn
from datasets import load
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sparse_rows import text_rows
from threadpoolctl import threadpool_info, threadpool_limits

import skae
from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.autoencoders import activation_of, batches_for, objective_on
from skae.corruption import CORRUPTIONS, as_corruption
from skae.objectives import Classification
from skae.parameters import Layout
from skae.solvers import LBFGS, SGD, Adam
from skae.training import Batches, blas_threads, chunk_rows

SIZES = [(64, 500, 20), (64, 256, 200), (784, 500, 100), (784, 1000, 256), (619, 4000, 500), (3072, 1000, 500)]
QUICK_SIZES = [(64, 500, 20), (784, 500, 100), (784, 1000, 256)]
NOISE_SIZES = [(784, 500, 100), (784, 1000, 100)]
SPARSE_SIZES = [(5_000, 25, 64, 500), (20_000, 100, 128, 1000)]  # columns, nonzeros of a row, units, batch
PREDICTION_SIZES = [(64, 500), (784, 500), (784, 1000)]
WHITENING_SIZES = [(10_000, 64), (10_000, 784), (4_000, 2_000), (50_000, 784)]
RULES = {"sgd": SGD, "adam": Adam}
MODELS = {
    "plain": ContractiveAutoencoder(alpha=0.0),
    "contractive": ContractiveAutoencoder(),
    "zero-bias": ZeroBiasAutoencoder(),
    "denoising": DenoisingAutoencoder(),
    "marginalized": MarginalizedDenoisingAutoencoder(),
    "sparse": SparseAutoencoder(),
    "saturating": SaturatingAutoencoder(tied_weights=True),
}
# What every peer can do, and the rest.
WITH_PEERS = ("plain", "contractive")
N_CLASSES = 10
# Learning rates that torch's Adam is tuned over.
RATES = (3e-4, 1e-3, 2e-3, 5e-3, 1e-2, 3e-2, 1e-1, 3e-1)
# The clock of the measurements; see --cpu.
clock = time.perf_counter
# Seconds of one turn of a function, and of rest before it.
_TURN, _REST = 0.01, 0.03


def paired_times(functions, seconds):
    """Time the functions in turn, in seconds, for about so long; shape (repeats, functions).

    A turn calls a fast function so often that it takes some milliseconds, in warm caches, as the steps of a fit do;
    between the turns the BLAS's and torch's threads, which spin a while, go to sleep.
    """
    for function in functions:
        function()
    calls = [max(1, math.ceil(_TURN / _time_of(function, 1))) for function in functions]
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 5:
        times.append([_time_of(*each) for each in zip(functions, calls, strict=True)])
    return np.array(times)


def _time_of(function, n_calls):
    """Seconds of a step, of so many calls in a row, after one that is not timed where they are many."""
    time.sleep(_REST)
    with getattr(function, "context", contextlib.nullcontext)():
        if n_calls > 1:
            function()
        start = clock()
        for _ in range(n_calls):
            function()
        return (clock() - start) / (n_calls * getattr(function, "number", 1))


def ratios(times, to=0):
    """Return the median ratio of each column to one, and its 10th and 90th percentile."""
    return np.percentile(times / times[:, [to]], [50, 10, 90], axis=0)


def cell(ratio):
    """Return a ratio with its spread, as text."""
    middle, low, high = ratio
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def floor_of_step(d, k, n, dtype, rng):
    """Return a function that does the products of one tied step: U, A, dH and the stacked gradient of W."""
    X, W = rng.random((n, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    codes, inputs = np.full((2 * n, k), 0.1, dtype), np.full((2 * n, d), 0.1, dtype)
    U, A, G = np.empty((n, k), dtype), np.empty((n, d), dtype), np.empty((k, d), dtype)

    def floor():
        np.matmul(X, W.T, out=U)
        np.matmul(U, W, out=A)
        np.matmul(A, W.T, out=codes[:n])
        np.matmul(codes.T, inputs, out=G)

    return floor


def floor_of_classification(d, k, n, dtype, rng):
    """Return a function that does the two products of one step of fine-tuning."""
    X, W = rng.random((n, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    U, G = np.empty((n, k), dtype), np.empty((k, d), dtype)

    def floor():
        np.matmul(X, W.T, out=U)
        np.matmul(U.T, X, out=G)

    return floor


def stepping(objective, theta, rule, batches, rng, multiplications):
    """Return a function that takes the next batch and does one step, as `Stochastic` does."""
    grad, state = np.empty_like(theta), rule.init(theta)
    stream = itertools.chain.from_iterable(batches(rng) for _ in itertools.count())

    def step():
        X, target, weight = next(stream)
        objective.value_and_grad(theta, X, target, weight, out=grad)
        objective.project_gradient(theta, grad)
        rule.update(theta, grad, state, 1e-6)
        objective.project(theta)

    step.context = functools.partial(blas_threads, multiplications)  # which a fit enters once
    return step


def minimised_by(estimator, d):
    """Return the objective that an autoencoder minimises on data of d columns, in the last stage of its fit."""
    return objective_on(estimator, np.zeros((2, d)))


def step_of(model, d, k, n, dtype, rng, rule):
    """Return a function that does one step of an autoencoder's training."""
    estimator = sklearn.clone(model).set_params(n_components=k, batch_size=n)
    X = rng.standard_normal((8 * n, d)).astype(dtype)
    objective = minimised_by(estimator, d)
    theta = (0.05 * rng.standard_normal(objective.layout.size)).astype(dtype)
    batches = batches_for(estimator, X, None, None, max(d, k), rng)
    return stepping(objective, theta, rule, batches, rng, n * d * k)


def step_of_classifier(d, k, n, dtype, rng, rule):
    """Return a function that does one step of fine-tuning k hidden units, those of all classes together."""
    own = k // N_CLASSES
    layout = Layout(W=(N_CLASSES, own, d), b=(N_CLASSES, own), c=(N_CLASSES, d), C=(N_CLASSES,))
    objective = Classification(layout, [activation_of(MODELS["plain"])] * N_CLASSES)
    theta = (0.05 * rng.standard_normal(layout.size)).astype(dtype)
    X, y = rng.random((8 * n, d)).astype(dtype), rng.integers(0, N_CLASSES, 8 * n)
    return stepping(objective, theta, rule, Batches(X, None, None, n, True, labels=y), rng, n * d * k)


def lbfgs_of(model, d, k, n, dtype, rng, n_iter=3):
    """Return a function that does so many iterations of L-BFGS on 4 n rows, and one that does its products."""
    estimator = sklearn.clone(model).set_params(n_components=k)
    objective = minimised_by(estimator, d)
    theta = (0.05 * rng.standard_normal(objective.layout.size)).astype(dtype)
    rows = min(4 * n, chunk_rows(max(d, k)))
    batches = Batches(rng.standard_normal((4 * n, d)).astype(dtype), None, None, rows, shuffle=False)
    evaluations, evaluate = [], objective.value_and_grad

    def counting(*args, **kwargs):
        evaluations.append(1)
        return evaluate(*args, **kwargs)

    def minimize():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LBFGS(max_iter=n_iter, tol=0.0).minimize(objective, theta, batches, rng)

    objective.value_and_grad = counting
    minimize()
    objective.value_and_grad = evaluate
    block = floor_of_step(d, k, math.ceil(4 * n / len(batches)), dtype, rng)
    n_blocks = len(evaluations)

    def floor():
        for _ in range(n_blocks):
            block()

    minimize.context = functools.partial(blas_threads, batches.rows_per_batch * d * k)
    return minimize, floor


def report_lbfgs(options):
    """Print what L-BFGS costs over the products of its evaluations."""
    print("\n| threads | dtype | d, k, rows | model | floor ms | L-BFGS / floor |\n|---|---|---|---|---|---|")
    sizes = [(d, k, n) for d, k, n in options.sizes if d * k * n < 3e8]  # the others take minutes
    for n_threads, dtype, (d, k, n) in itertools.product(options.threads, options.dtype, sizes):
        with threadpool_limits(n_threads):
            rng = np.random.default_rng(0)
            for name in WITH_PEERS:
                functions = lbfgs_of(MODELS[name], d, k, n, dtype, rng)
                times = paired_times(functions, options.seconds / 3)
                print(
                    f"| {n_threads} | {dtype} | {d}, {k}, {4 * n} | {name} | {1e3 * np.median(times[:, 1]):.1f} "
                    f"| {cell(ratios(times, 1)[:, 0])} |",
                    flush=True,
                )


def report_steps(options):
    """Print what steps cost."""
    print("\n| threads | dtype | d, k, batch | model | solver | floor ms | step / floor | peers / step |")
    print("|---|---|---|---|---|---|---|---|")
    for n_threads, dtype, (d, k, n), rule in itertools.product(
        options.threads, options.dtype, options.sizes, options.solver
    ):
        with threadpool_limits(n_threads):
            peers.set_torch_threads(n_threads)
            rng, make_rule = np.random.default_rng(0), RULES[rule]
            models = WITH_PEERS if options.quick else MODELS
            functions = {"floor": floor_of_step(d, k, n, dtype, rng)}
            for name in models:
                functions[name] = step_of(MODELS[name], d, k, n, dtype, rng, make_rule())
            for name in WITH_PEERS if peers.HAS_TORCH else ():
                for compiled in (False, True):
                    make = functools.partial(peers.torch_step, d, k, n, dtype, rule, name == "contractive")
                    functions[f"{name}, torch{' compiled' if compiled else ''}"] = make(compiled)
            functions["plain, MLPRegressor"] = peers.mlp_step(d, k, n, dtype, rule, rng)
            if rule == "sgd":
                functions["plain, BernoulliRBM"] = peers.rbm_step(d, k, n, dtype, rng)
            times, names = paired_times(list(functions.values()), options.seconds), list(functions)
            against_floor = ratios(times)
            for name in models:
                own = names.index(name)
                beside = ratios(times, own)[0]
                others = ", ".join(
                    f"{other.split(', ')[1]} {beside[i]:.2f}"
                    for i, other in enumerate(names)
                    if other.startswith(f"{name}, ")
                )
                print(
                    f"| {n_threads} | {dtype} | {d}, {k}, {n} | {name} | {rule} | {1e3 * np.median(times[:, 0]):.3f} "
                    f"| {cell(against_floor[:, own])} | {others} |",
                    flush=True,
                )
            tuning = step_of_classifier(d, k, n, dtype, rng, make_rule())
            times = paired_times([floor_of_classification(d, k, n, dtype, rng), tuning], options.seconds / 3)
            print(
                f"| {n_threads} | {dtype} | {d}, {k}, {n} | fine-tuning | {rule} | {1e3 * np.median(times[:, 0]):.3f} "
                f"| {cell(ratios(times)[:, 1])} | |",
                flush=True,
            )


def report_predictions(options, n=4000):
    """Print what predictions cost."""
    print("\n| threads | dtype | d, units | method | product and exp ms | ratio |\n|---|---|---|---|---|---|")
    for n_threads, dtype, (d, k) in itertools.product(options.threads, options.dtype, PREDICTION_SIZES):
        with threadpool_limits(n_threads), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            rng = np.random.default_rng(0)
            X, W = rng.random((n, d)).astype(dtype), (0.05 * rng.standard_normal((k, d))).astype(dtype)
            autoencoder = ContractiveAutoencoder(k, max_iter=1, random_state=0).fit(X[:200])
            small = ContractiveAutoencoder(k // N_CLASSES, max_iter=1, random_state=0)
            classifier = ClassSpecificAEClassifier(small, max_iter=1, random_state=0)
            classifier.fit(X[:200], np.arange(200) % N_CLASSES)
            U = np.empty((n, k), dtype)

            def floor(X=X, W=W, U=U):
                for start in range(0, n, 256):
                    block = slice(start, start + 256)
                    np.matmul(X[block], W.T, out=U[block])
                    np.exp(U[block], out=U[block])

            methods = [autoencoder.transform, autoencoder.score_samples, classifier.predict]
            times = paired_times([floor, *(functools.partial(method, X) for method in methods)], options.seconds)
            for i, method in enumerate(methods, 1):
                print(
                    f"| {n_threads} | {dtype} | {d}, {k} | {method.__name__} | {1e3 * np.median(times[:, 0]):.2f} "
                    f"| {cell(ratios(times)[:, i])} |",
                    flush=True,
                )


def report_sparse(options):
    """Print what sparse rows cost over the products that they need, and what the same rows cost as an array."""
    print("\n| dtype | d, nonzeros, k, batch | method | products ms | ratio | dense rows / it |")
    print("|---|---|---|---|---|---|")
    for dtype, (d, nonzeros, k, n) in itertools.product(options.dtype, SPARSE_SIZES):
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            X = text_rows(4 * n, d, nonzeros).astype(dtype)
            dense, rng = X.toarray(), np.random.default_rng(0)
            W, H = rng.standard_normal((d, k)).astype(dtype), rng.random((n, k)).astype(dtype)
            V = np.ascontiguousarray(W.T)
            batches = [X[start : start + n] for start in range(0, 4 * n, n)]

            def steps(batches=batches, W=W, V=V, H=H):
                for batch in batches:
                    batch @ W
                    batch.T @ H
                    (V @ V.T) @ V

            def product(X=X, W=W):
                return X @ W

            autoencoder = ContractiveAutoencoder(k, batch_size=n, random_state=0).partial_fit(X)
            for floor, method in (
                (steps, autoencoder.partial_fit),
                (product, autoencoder.transform),
                (product, autoencoder.score_samples),
            ):
                calls = [floor, functools.partial(method, X), functools.partial(method, dense)]
                times = paired_times(calls, options.seconds)
                print(
                    f"| {dtype} | {d}, {nonzeros}, {k}, {n} | {method.__name__} | {1e3 * np.median(times[:, 0]):.2f} "
                    f"| {cell(ratios(times)[:, 1])} | {ratios(times, 1)[0, 2]:.1f} |",
                    flush=True,
                )


def report_whitening(options):
    """Print what the whitener costs beside scikit-learn's."""
    print("\n| threads | dtype | rows, columns | PCAWhitener ms | over PCA | IncrementalPCA over it |")
    print("|---|---|---|---|---|---|")
    for n_threads, dtype, (n, d) in itertools.product(options.threads, options.dtype, WHITENING_SIZES):
        with threadpool_limits(n_threads):
            X = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
            fits = [
                functools.partial(make().fit, X)
                for make in (
                    PCAWhitener,
                    functools.partial(PCA, whiten=True),
                    functools.partial(IncrementalPCA, whiten=True),
                )
            ]
            times = paired_times(fits, options.seconds)
            _, pca, incremental = ratios(times).T
            print(
                f"| {n_threads} | {dtype} | {n}, {d} | {1e3 * np.median(times[:, 0]):.1f} | {1 / pca[0]:.2f} "
                f"| {cell(incremental)} |",
                flush=True,
            )


def report_growth(options):
    """Print how the time of an epoch grows with each size, and the memory with the rows."""
    print("\n| doubled | from | s an epoch | ratio |\n|---|---|---|---|")
    start = {"n": 10_000, "d": 256, "k": 256}
    rng = np.random.default_rng(0)

    def epoch(n, d, k):
        X = rng.random((n, d), dtype=np.float32)
        autoencoder = ContractiveAutoencoder(k, max_iter=1, random_state=0)

        def fit():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                autoencoder.fit(X)

        return fit

    for name in start:
        times = paired_times([epoch(**start), epoch(**{**start, name: 2 * start[name]})], options.seconds)
        print(f"| {name} | {start[name]} | {np.median(times[:, 0]):.3f} | {cell(ratios(times)[:, 1])} |", flush=True)
    print("\n| rows | largest extra memory of fit, MB |\n|---|---|")
    for n in (10_000, 40_000):
        fit = epoch(n, 256, 256)
        tracemalloc.start()
        fit()
        print(f"| {n} | {tracemalloc.get_traced_memory()[1] / 1e6:.1f} |", flush=True)
        tracemalloc.stop()


def report_import(options, repeats=9):
    """Print what the import costs beside what it imports."""
    commands = ("import sklearn.neural_network, scipy.optimize", "import skae")
    runs = [functools.partial(subprocess.run, [sys.executable, "-c", each], check=True) for each in commands]
    times = np.concatenate([paired_times(runs, 0.0) for _ in range(math.ceil(repeats / 5))])
    print(f"\n`import skae` over `{commands[0]}`: {cell(ratios(times)[:, 1])}")


def patches(images, n, rng, size=8):
    """Return so many random patches of 32 x 32 x 3 images, shape (n, 3 size^2)."""
    images = images.reshape(-1, 32, 32, 3)
    index, row, column = rng.integers(len(images), size=n), *rng.integers(33 - size, size=(2, n))
    cut = (images[i, r : r + size, c : c + size].ravel() for i, r, c in zip(index, row, column, strict=True))
    return np.stack(list(cut))


def quality_data(name, n, rng):
    """Return n training rows and 5,000 held-out rows: MNIST's pixels, or whitened patches of CIFAR-10."""
    X, _, X_test, _ = load(name)
    if name == "mnist":
        return X[rng.permutation(len(X))[:n]], X_test[:5000]
    whitener = make_pipeline(ContrastNormalizer(eps=10.0 / 255.0), PCAWhitener(0.99))
    return whitener.fit_transform(patches(X, n, rng)), whitener.transform(patches(X_test, 5000, rng))


def objective_of(alpha, X):
    """Return a function that computes the mean objective of a contractive autoencoder over X, from W, b and c."""

    def objective(W, b, c):
        reconstruction = minimised_by(ContractiveAutoencoder(len(W), alpha=alpha), X.shape[1])
        return reconstruction.value(reconstruction.layout.pack(X.dtype, W=W, b=b, c=c), X)

    return objective


def fit_ours(X, k, alpha, max_iter, **parameters):
    """Fit a contractive autoencoder for so many epochs; return W, b and c, and the seconds that it took."""
    autoencoder = ContractiveAutoencoder(k, alpha=alpha, max_iter=max_iter, tol=0.0, random_state=0, **parameters)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        autoencoder.fit(X)
    seconds = time.perf_counter() - start
    names = {"W": "components_", "b": "intercept_hidden_", "c": "intercept_visible_"}
    return {name: getattr(autoencoder, attribute) for name, attribute in names.items()}, seconds


def report_quality(options, k=500, alpha=0.1):
    """Print how long skae takes to the held-out objective that torch's Adam reaches in 20 epochs at its best rate."""
    if not peers.HAS_TORCH:
        print("\ntime to quality: torch not installed")
        return
    print("\n| threads | data | torch: rate | objective | s | solver | epochs | objective | s | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, n in (("mnist", 20_000), ("cifar10", 40_000)):
        X, X_held = quality_data(name, n, np.random.default_rng(0))
        objective = objective_of(alpha, X_held)
        for n_threads in options.threads:
            peers.set_torch_threads(n_threads)
            with threadpool_limits(n_threads):
                if n_threads == options.threads[0]:
                    reached = {rate: objective(**peers.torch_adam(X, k, alpha, rate, 20)[0]) for rate in RATES}
                    rate = min(reached, key=reached.get)
                torch_seconds = peers.torch_adam(X, k, alpha, rate, 20)[1]
                for solver in ("adam", "sgd"):
                    for max_iter in (5, 7, 10, 14, 20, 30):
                        found, seconds = fit_ours(X, k, alpha, max_iter, solver=solver)
                        value = objective(**found)
                        if value <= reached[rate]:
                            break
                    print(
                        f"| {n_threads} | {name} | {rate} | {reached[rate]:.4f} | {torch_seconds:.1f} | {solver} "
                        f"| {max_iter} | {value:.4f} | {seconds:.1f} "
                        f"| {seconds / torch_seconds:.2f}{'' if value <= reached[rate] else ' (not reached)'} |",
                        flush=True,
                    )


def report_robustness(options, max_iter=200, alpha=0.1):
    """Print the training objective of the defaults over that of torch's Adam at its best rate, data on three scales."""
    if not peers.HAS_TORCH:
        print("\nrobustness: torch not installed")
        return
    print("\n| data | units | scale | torch: rate | objective | adam | sgd |\n|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    data = {name: (quality_data(name, 1000, rng)[0], 200) for name in ("mnist", "cifar10")}
    for make, k in ((load_digits, 100), (load_breast_cancer, 50), (load_wine, 20), (load_diabetes, 20)):
        X = make().data
        data[make.__name__[5:]] = (StandardScaler().fit_transform(X).astype(np.float32), k)
    with threadpool_limits(1):
        peers.set_torch_threads(1)
        for (name, (X, k)), scale in itertools.product(data.items(), (0.01, 1.0, 100.0)):
            X = (scale * X).astype(np.float32)
            objective = objective_of(alpha, X)
            reached = {rate: objective(**peers.torch_adam(X, k, alpha, rate, max_iter)[0]) for rate in RATES}
            rate = min((r for r in reached if math.isfinite(reached[r])), key=reached.get)
            ours = []
            for solver in ("adam", "sgd"):
                try:
                    ours.append(f"{objective(**fit_ours(X, k, alpha, max_iter, solver=solver)[0]) / reached[rate]:.3f}")
                except ValueError as error:
                    ours.append(str(error)[:40])
            print(f"| {name} | {k} | {scale} | {rate} | {reached[rate]:.4g} | {' | '.join(ours)} |", flush=True)


def report_noise(options, n_rows=20_000):
    """Print what noise costs: steps of denoising autoencoders, their batches included, over plain ones."""
    print("\n| threads | d, k, batch | noise | plain ms | ratio |\n|---|---|---|---|---|")
    for n_threads, (d, k, n) in itertools.product(options.threads, NOISE_SIZES):
        with threadpool_limits(n_threads):
            rng = np.random.default_rng(0)
            X = rng.random((n_rows, d), dtype=np.float32)
            corruptions = [None, *(as_corruption(name, 0.3) for name in CORRUPTIONS)]
            steps = []
            for corruption in corruptions:
                limits = {"low": X.min(axis=0), "high": X.max(axis=0)} if corruption and corruption.uses_range else {}
                apply = corruption and functools.partial(corruption.apply, **limits)
                objective = minimised_by(ContractiveAutoencoder(k, alpha=0.0), d)
                theta = (0.05 * rng.standard_normal(objective.layout.size)).astype(X.dtype)
                batches = Batches(X, None, None, n, True, corruption=apply)
                steps.append(stepping(objective, theta, SGD(), batches, rng, n * d * k))
            times = paired_times(steps, 10.0)
            for i, corruption in enumerate(corruptions[1:], 1):
                print(
                    f"| {n_threads} | {d}, {k}, {n} | {corruption.name} | {1e3 * np.median(times[:, 0]):.3f} "
                    f"| {cell(ratios(times)[:, i])} |",
                    flush=True,
                )


REPORTS = {
    "steps": report_steps,
    "lbfgs": report_lbfgs,
    "predictions": report_predictions,
    "sparse": report_sparse,
    "whitening": report_whitening,
    "growth": report_growth,
    "import": report_import,
    "quality": report_quality,
    "robustness": report_robustness,
    "noise": report_noise,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="steps of three sizes, predictions; float32, one thread")
    parser.add_argument("--only", nargs="+", choices=REPORTS, default=list(REPORTS)[:-3], help="parts")
    parser.add_argument("--threads", type=int, nargs="+", help="BLAS threads (default: 1, and all)")
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"], choices=["float32", "float64"])
    parser.add_argument("--solver", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--cpu", action="store_true", help="CPU time")
    options = parser.parse_args()
    if options.cpu:
        global clock
        clock = time.process_time
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    options.threads = options.threads or sorted({1, max(info["num_threads"] for info in blas)})
    options.sizes, options.seconds = SIZES, 2.4
    if options.quick:
        options.sizes, options.dtype, options.threads, options.seconds = QUICK_SIZES, ["float32"], [1], 2.0
        options.only = [name for name in options.only if name in ("steps", "predictions")]
    print(f"skae {skae.__version__}, numpy {np.__version__}, scipy {scipy.__version__}, ", end="")
    print(f"scikit-learn {sklearn.__version__}, {peers.versions()}, Python {platform.python_version()}, ", end="")
    architecture = f"{blas[0]['internal_api']} {blas[0]['version']} {blas[0].get('architecture', '')}"
    print(f"{platform.machine()}, {architecture}, {time.strftime('%Y-%m-%d')}", flush=True)
    for name in options.only:
        REPORTS[name](options)


if __name__ == "__main__":
    main()
