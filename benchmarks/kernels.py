"""How much fits differ between the kernels of OpenBLAS: every public estimator, fitted under each of them.

    OPENBLAS_NUM_THREADS=1 python benchmarks/kernels.py [KERNEL ...]

A kernel adds the terms of a product in an order of its own. By default these are kernels for processors with and
without AVX-512, AVX2 and AVX; one that the processor cannot run is to be left out. Each is a process of its own, with
OPENBLAS_CORETYPE set. The rows and the estimators are those of tests/estimators.py. A cell has the largest relative
difference to the first kernel, over all numbers that the estimator has learnt, and over its predictions.
"""

import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import threadpoolctl

TESTS = pathlib.Path(__file__).parents[1] / "tests"
KERNELS = ("SkylakeX", "Haswell", "Nehalem", "Prescott")


def fits():
    """Return, by (kind, dtype), the numbers that each estimator has learnt, and its predictions of the rows."""
    from estimators import KINDS, data, numbers_of, predictions, train

    found = {}
    for kind in KINDS:
        for dtype in (np.float64, np.float32):
            rows = data(dtype, n=300, d=20)
            estimator = train(kind.make(), rows=rows)
            found[str(kind), np.dtype(dtype).name] = numbers_of(estimator), numbers_of(predictions(estimator, rows[0]))
    return found


def run(kernel):
    """Return the name that the BLAS gives itself, and `fits`, of a process that uses a kernel."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, "-W", "ignore", __file__, "--fits"]
    return pickle.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def write_fits():
    """Write to the standard output what `run` reads."""
    names = [each.get("architecture") for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
    sys.stdout.buffer.write(pickle.dumps((names[0], fits())))


def difference(a, b):
    """Return the largest difference of two dicts of arrays, relative to the norm of an array: inf for other shapes."""
    if {name: each.shape for name, each in a.items()} != {name: each.shape for name, each in b.items()}:
        return np.inf
    return max(float(np.linalg.norm(a[name] - b[name]) / (np.linalg.norm(b[name]) or 1.0)) for name in b)


def main():
    kernels = sys.argv[1:] or KERNELS
    names, (first, *others) = zip(*map(run, kernels), strict=True)
    heads = [f"{each}: learnt, predicted" for each in kernels[1:]]
    print(f"Beside {kernels[0]}. The BLAS calls these kernels {', '.join(names)}.\n")
    print("| estimator | dtype |", " | ".join(heads), "|")
    print("|---|---|" + "---|" * len(others))
    for (kind, dtype), expected in first.items():
        pairs = (zip(each[kind, dtype], expected, strict=True) for each in others)
        cells = [" ".join(f"{difference(*pair):.0e}" for pair in both) for both in pairs]
        print(f"| {kind} | {dtype} |", " | ".join(cells), "|")


if __name__ == "__main__":
    write_fits() if sys.argv[1:] == ["--fits"] else main()
