"""What a fit step costs beyond its matrix products.

One step is what `fit` does for one batch: value and gradient, projection, update of every parameter.
The floor is the products that the step needs and nothing else: same shapes, same dtype, same BLAS, same run.
Step and floor take turns; the table gives medians, and the 10th to 90th percentile of the ratio.

    python benchmarks/speed.py [--quick] [--threads 1 2] [--dtype float32 float64]

With `--noise`: steps of denoising autoencoders, taking the batch and its noise included, over plain ones.
"""

import argparse
import functools
import itertools
import platform
import time

import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_info, threadpool_limits

import skae
from skae.activations import as_activation
from skae.corruption import CORRUPTIONS, as_corruption
from skae.estimators._batches import Batches
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import Contractive
from skae.solvers import SGD, Adam

SIZES = [(64, 500, 20), (64, 256, 200), (784, 500, 100), (784, 1000, 256), (619, 4000, 500), (3072, 1000, 500)]
QUICK_SIZES = [(64, 500, 20), (784, 500, 100), (784, 1000, 256)]
NOISE_SIZES = [(784, 500, 100), (784, 1000, 100)]
RULES = {"sgd": SGD, "adam": Adam}
MODELS = {"plain": (), "contractive": (Contractive(0.1),)}


def make_floor(d, k, n, dtype, rng):
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


def make_step(d, k, n, dtype, rng, rule, penalties=(), batches=None):
    """Return a function that does one step of training a tied sigmoid autoencoder, on one batch or on the next."""
    layout = Layout(W=(k, d), b=(k,), c=(d,))
    objective = Reconstruction(layout, as_activation("sigmoid"), penalties=penalties)
    theta = (0.05 * rng.standard_normal(layout.size)).astype(dtype)
    grad, state = np.empty_like(theta), rule.init(theta)
    if batches is None:
        stream = itertools.repeat((rng.random((n, d)).astype(dtype), None, None))
    else:
        stream = itertools.chain.from_iterable(batches(rng) for _ in itertools.count())

    def step():
        objective.value_and_grad(theta, *next(stream), out=grad)
        objective.project_gradient(theta, grad)
        rule.update(theta, grad, state, 1e-6)
        objective.project(theta)

    return step


def paired_times(functions, seconds):
    """Time the functions in turn, in seconds, for about so long; shape (repeats, functions)."""
    for function in functions:
        function()
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 5:
        row = []
        for function in functions:
            start = time.perf_counter()
            function()
            row.append(time.perf_counter() - start)
        times.append(row)
    return np.array(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three sizes, float32, one thread")
    parser.add_argument("--noise", action="store_true", help="what noise costs, float32, sgd")
    parser.add_argument("--threads", type=int, nargs="+", help="BLAS threads (default: 1, and all)")
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"], choices=["float32", "float64"])
    options = parser.parse_args()
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    threads = options.threads or sorted({1, max(info["num_threads"] for info in blas)})
    sizes, dtypes, seconds = SIZES, options.dtype, 1.5
    if options.quick:
        sizes, dtypes, threads, seconds = QUICK_SIZES, ["float32"], [1], 1.0

    print(f"skae {skae.__version__}, numpy {np.__version__}, scipy {scipy.__version__}, ", end="")
    print(f"scikit-learn {sklearn.__version__}, Python {platform.python_version()}, {platform.machine()}, ", end="")
    print(
        f"{blas[0]['internal_api']} {blas[0]['version']} {blas[0].get('architecture', '')}, {time.strftime('%Y-%m-%d')}"
    )
    if options.noise:
        print(
            "\n| threads | d, k, batch | noise | plain ms | step ms | ratio | 10-90 % |\n|---|---|---|---|---|---|---|"
        )
        for n_threads in threads:
            with threadpool_limits(n_threads):
                for d, k, n in NOISE_SIZES:
                    report_noise(n_threads, d, k, n)
        return
    print("\n| threads | dtype | d, k, batch | model | solver | floor ms | step ms | ratio | 10-90 % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for n_threads in threads:
        with threadpool_limits(n_threads):
            for dtype in dtypes:
                for d, k, n in sizes:
                    report(n_threads, dtype, d, k, n, seconds)


def report(n_threads, dtype, d, k, n, seconds):
    """Print the rows of one size."""
    rng = np.random.default_rng(0)
    cases = [(model, rule) for model in MODELS for rule in RULES]
    steps = [make_step(d, k, n, dtype, rng, RULES[rule](), MODELS[model]) for model, rule in cases]
    times = paired_times([make_floor(d, k, n, dtype, rng), *steps], seconds)
    for (model, rule), column in zip(cases, times.T[1:], strict=True):
        ratios = column / times[:, 0]
        low, high = np.percentile(ratios, [10, 90])
        print(
            f"| {n_threads} | {dtype} | {d}, {k}, {n} | {model} | {rule} | {1e3 * np.median(times[:, 0]):.3f} | "
            f"{1e3 * np.median(column):.3f} | {np.median(ratios):.2f} | {low:.2f}-{high:.2f} |",
            flush=True,
        )


def report_noise(n_threads, d, k, n, n_rows=20_000, seconds=10.0):
    """Print the rows of one size of `--noise`."""
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, d), dtype=np.float32)
    corruptions = [None, *(as_corruption(name, 0.3) for name in CORRUPTIONS)]
    limits = {"low": X.min(axis=0), "high": X.max(axis=0)}
    steps = [
        make_step(
            *(d, k, n, X.dtype, rng, SGD()),
            batches=Batches(
                *(X, None, None, n, True),
                corruption=corruption
                and functools.partial(corruption.apply, **(limits if corruption.uses_range else {})),
            ),
        )
        for corruption in corruptions
    ]
    times = paired_times(steps, seconds)
    for corruption, column in zip(corruptions[1:], times.T[1:], strict=True):
        ratios = column / times[:, 0]
        low, high = np.percentile(ratios, [10, 90])
        print(
            f"| {n_threads} | {d}, {k}, {n} | {corruption.name} | {1e3 * np.median(times[:, 0]):.3f} | "
            f"{1e3 * np.median(column):.3f} | {np.median(ratios):.2f} | {low:.2f}-{high:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
