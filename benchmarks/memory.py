"""How much memory rows of one byte a value add, and what `PCAWhitener.partial_fit` costs.

A file of uint8 is read as a memmap. Each method is traced by `tracemalloc`: the peak less the result. Then
`PCAWhitener` is fitted to rows in batches, against one fit.

    OPENBLAS_NUM_THREADS=1 python benchmarks/memory.py [--megabytes 60]
    OPENBLAS_NUM_THREADS=1 python benchmarks/memory.py --large

`--large` compares files of up to 1,000,000 rows (3.1 GB) with 60,000 rows in memory.
"""

import argparse
import itertools
import pathlib
import platform
import tempfile
import time
import tracemalloc
import warnings

import numpy as np
import sklearn
from sklearn.base import clone

import skae
from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    ZeroBiasAutoencoder,
)

D = 784
ONE = {"max_iter": 1, "random_state": 0}
ESTIMATORS = {
    "ContractiveAutoencoder": ContractiveAutoencoder(16, **ONE),
    "the same, early stopping": ContractiveAutoencoder(16, early_stopping=True, **ONE),
    "the same, lbfgs": ContractiveAutoencoder(16, solver="lbfgs", **ONE),
    "ZeroBiasAutoencoder, init='data'": ZeroBiasAutoencoder(16, init="data", **ONE),
    "DenoisingAutoencoder": DenoisingAutoencoder(16, **ONE),
    "ClassSpecificAEClassifier": ClassSpecificAEClassifier(ContractiveAutoencoder(8, **ONE), **ONE),
    "EnergyOutlierDetector": EnergyOutlierDetector(),
    "EnergyOutlierDetector(novelty=True)": EnergyOutlierDetector(novelty=True),
    "the same, an autoencoder": EnergyOutlierDetector(ContractiveAutoencoder(16, **ONE)),
    "PCAWhitener(0.9)": PCAWhitener(0.9),
    "ContrastNormalizer": ContrastNormalizer(),
}
METHODS = "transform", "reconstruct", "score_samples", "score", "predict"


def added(function, *arguments, **options):
    """Return the megabytes that a call takes beyond what it leaves: an array, or a fitted estimator."""
    tracemalloc.start()
    try:
        result = function(*arguments, **options)  # it must live while the memory is read
        left, peak = tracemalloc.get_traced_memory()
        del result
        return (peak - left) / 1e6
    finally:
        tracemalloc.stop()


def print_memory(path, n_rows):
    """Print the megabytes that each method adds."""
    X, y = np.memmap(path, dtype=np.uint8, mode="r", shape=(n_rows, D)), np.arange(n_rows) % 3
    print(f"{'MB added':36}", "fit", "partial_fit", *METHODS, sep="  ", flush=True)
    for name, estimator in ESTIMATORS.items():
        model = clone(estimator).fit(X[:500], y[:500])  # what a first fit imports does not count
        cells = [added(clone(estimator).fit, X, y), np.nan]
        if hasattr(model, "partial_fit") and not getattr(model, "early_stopping", False):
            options = {"classes": [0, 1, 2]} if isinstance(model, ClassSpecificAEClassifier) else {}
            cells[1] = added(clone(estimator).partial_fit, X, y, **options)
        for method in METHODS:
            more = (y,) if method == "score" else ()
            cells.append(added(getattr(model, method), X, *more) if hasattr(model, method) else np.nan)
        print(f"{name:36}", *("  -" if np.isnan(each) else f"{each:3.0f}" for each in cells), sep="  ", flush=True)


def print_partial_fit(rng):
    """Print the CPU time of batches and of one fit, and the largest difference of the whitened rows."""
    pixels = rng.integers(0, rng.integers(1, 60, D), (20_000, D), dtype=np.uint8)
    tables = {
        "20,000 x 784, float32": (rng.standard_normal((20_000, D)).astype(np.float32), 1000, 0.9),
        "20,000 x 784, float64": (rng.standard_normal((20_000, D)), 1000, None),
        "20,000 x 784, uint8, repeated features": (np.repeat(pixels[:, ::2], 2, axis=1), 1000, 0.9),
        "the same, all components": (np.repeat(pixels[:, ::2], 2, axis=1), 1000, None),
        "1,000 x 5,000, float64": (rng.standard_normal((1000, 5000)), 200, None),
    }
    print("\nseconds of one fit, of partial_fit in batches, ratio", flush=True)
    for name, (X, size, n_components) in tables.items():
        start = time.process_time()
        PCAWhitener(n_components).fit(X)
        middle, whitener = time.process_time(), PCAWhitener(n_components)
        for first in range(0, len(X), size):
            whitener.partial_fit(X[first : first + size])
        whitener.transform(X[:1])
        whole, batches = middle - start, time.process_time() - middle
        print(f"{name:40} {whole:6.2f} {batches:6.2f} {batches / whole:6.2f}", flush=True)


def print_large(folder, rng):
    """Print the CPU time of an epoch for each row, and the megabytes that `fit` and `score_samples` add."""
    autoencoder = ContractiveAutoencoder(64, tol=0, **ONE)
    rows, basis = rng.standard_normal((60_000, 16)), rng.standard_normal((16, D)) / 4.0
    X = np.clip(30.0 * (rows @ basis) + 128.0, 0, 255)
    print("\nrows, dtype, where; microseconds a row, over the first; MB added by fit; by score_samples", flush=True)
    first = None
    for dtype, n_rows in itertools.product((np.float32, np.float16, np.uint8), (None, 60_000, 400_000, 1_000_000)):
        given = X.astype(dtype) if dtype == np.uint8 else (X / 255.0).astype(dtype)
        if n_rows is not None:
            path = folder / "rows.npy"
            file = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(n_rows, D))
            for start in range(0, n_rows, len(given)):
                file[start : start + len(given)] = given[: n_rows - start]
            file.flush()
            del file
            given = np.load(path, mmap_mode="r")
        seconds = []
        for _ in range(2):
            start = time.process_time()
            model = clone(autoencoder).fit(given)
            seconds.append(time.process_time() - start)
        micros = 1e6 * min(seconds) / len(given)
        first = micros if n_rows is None else first
        cells = added(clone(autoencoder).fit, given), added(model.score_samples, given)
        print(
            f"{len(given):9} {np.dtype(dtype).name:8} {'array' if n_rows is None else 'file':6}"
            f"{micros:7.1f} {micros / first:5.2f} {cells[0]:5.0f} {cells[1]:5.0f}",
            flush=True,
        )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--large", action="store_true", help="files of up to a million rows")
    options = parser.parse_args()
    n_rows = options.megabytes * 1_000_000 // D
    warnings.simplefilter("ignore")
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, {platform.machine()}")
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        if options.large:
            print_large(pathlib.Path(folder), rng)
            return
        path = pathlib.Path(folder) / "X"
        rng.integers(0, rng.integers(1, 60, D), (n_rows, D), dtype=np.uint8).tofile(path)
        print_memory(path, n_rows)
    print_partial_fit(rng)


if __name__ == "__main__":
    main()
