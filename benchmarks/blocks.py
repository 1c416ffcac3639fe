"""What a fit to the blocks of a dask array costs, beside one process: time, bytes that travel, and memory.

    python benchmarks/blocks.py [--rows 200000] [--units 256] [--iterations 10] [--workers 2]
    python benchmarks/blocks.py --growth

L-BFGS on rows of 784 features, float32, one thread a worker. The rows are made where they lie. One process trains on
the same rows, with one thread, before the workers start. `bytes` are what goes over the loopback interface. `memory` is
the largest of a worker, less that of a worker that has imported skae.dask, and less its blocks. Time and bytes of an
iteration are differences of a long and a short fit.

``--growth`` measures how time and bytes grow with rows, features, units and workers. With few rows, an iteration is
what tasks and messages cost.

Dask starts workers with ``MALLOC_TRIM_THRESHOLD_=65536``, so that the C library hands back the memory of every array
that is deleted. This is measured, and a larger threshold.
"""

import argparse
import os
import pathlib
import platform
import time
import warnings

import dask.array as da
import numpy as np
import psutil
import sklearn
from dask.delayed import delayed
from distributed import Client, LocalCluster, wait
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import skae.dask
from skae import ContractiveAutoencoder

FEATURES = 784

# Rows, features, units and workers of `--growth`.
GROWTH = [
    (20_000, 784, 256, 2),
    (40_000, 784, 256, 2),
    (80_000, 784, 256, 2),
    (40_000, 196, 256, 2),
    (40_000, 784, 64, 2),
    (40_000, 784, 1024, 2),
    *((400, 784, units, workers) for units in (16, 256, 1024) for workers in (1, 2, 4, 8)),
]


def block(number, n_rows, n_features=FEATURES):
    """Return rows near a subspace of 30 dimensions."""
    rng, basis = np.random.default_rng(number), np.random.default_rng(0).standard_normal((30, n_features))
    rows = rng.standard_normal((n_rows, 30), dtype=np.float32) @ (basis / 30**0.5).astype(np.float32)
    for start in range(0, n_rows, 1000):
        part = rows[start : start + 1000]
        part += 0.1 * rng.standard_normal(part.shape, dtype=np.float32)
    return rows


def peak():
    """Return the largest resident memory of this process, in MB (`ru_maxrss` would begin with the parent's)."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024.0


def imported():
    """Import what a worker needs, and return its memory, in MB."""
    import skae.dask  # noqa: F401

    return psutil.Process().memory_info().rss / 2**20


def sent():
    """Return the bytes that went over the loopback interface."""
    return psutil.net_io_counters(pernic=True)["lo"].bytes_sent


def timed_fit(fit, autoencoder, few, many):
    """Return the seconds of an iteration and its bytes, differences of a long and a short fit. And the long fit."""
    costs = []
    for n in (few, many):
        fitted, start, before = clone(autoencoder).set_params(max_iter=n), time.perf_counter(), sent()
        fit(fitted)
        costs.append((time.perf_counter() - start, sent() - before))
    seconds, bytes_sent = (np.subtract(*costs[::-1]) / (many - few)).tolist()
    return seconds, bytes_sent, fitted


def one_process(autoencoder, n_blocks, size, few, many, n_features=FEATURES):
    """Return the seconds of an iteration in this process, with one thread, and the fit."""
    X = np.concatenate([block(number, size, n_features) for number in range(n_blocks)])
    with threadpool_limits(1):
        seconds, _, fitted = timed_fit(lambda model: model.fit(X), autoencoder, few, many)
    return seconds, fitted


def on_workers(n_blocks, size, n_features=FEATURES):
    """Return rows that are made where they lie."""
    parts = [
        da.from_delayed(delayed(block)(number, size, n_features), (size, n_features), np.float32)
        for number in range(n_blocks)
    ]
    rows = da.concatenate(parts).persist()
    wait(rows)
    return rows


def local_cluster(n_workers):
    """Return a cluster of processes of one thread each."""
    return LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    if options.growth:
        growth()
        return
    size, few, many = options.rows // options.blocks, 2, 2 + options.iterations
    autoencoder = ContractiveAutoencoder(options.units, solver="lbfgs", tol=0, random_state=0)
    alone, expected = one_process(autoencoder, options.blocks, size, few, many)
    print(f"one process, one thread: {alone:.3f} s an iteration", flush=True)
    for threshold in (65_536, 2**30):
        report(options, autoencoder, size, (few, many), threshold, alone, expected)


def report(options, autoencoder, size, numbers, threshold, alone, expected):
    """Print what a fit on workers costs that hand back memory above a threshold."""
    share = 4 * FEATURES * size * options.blocks / 2**20 / options.workers
    # Nannies leave what is set. They would set the smaller threshold, here too, and for good.
    os.environ["MALLOC_TRIM_THRESHOLD_"] = str(threshold)
    if threshold > 65_536:
        os.environ["MALLOC_MMAP_THRESHOLD_"] = str(threshold)
    with local_cluster(options.workers) as cluster, Client(cluster) as client:
        idle = client.run(imported)
        rows = on_workers(options.blocks, size)
        seconds, travelled, fitted = timed_fit(lambda model: skae.dask.fit(model, rows), autoencoder, *numbers)
        added = [each - idle[name] - share for name, each in client.run(peak).items()]
    gap = np.abs(fitted.components_ - expected.components_).max() / np.abs(expected.components_).max()
    print(f"\n{options.workers} workers, MALLOC_TRIM_THRESHOLD_={threshold}")
    print(f"  {seconds:.3f} s an iteration, {seconds / alone:.2f} of one process")
    print(f"  overhead: {seconds - alone / options.workers:.3f} s an iteration over an equal share")
    theta = fitted.components_.nbytes + 4 * (options.units + FEATURES)
    print(f"  bytes: {travelled / 2**20:.1f} MB an iteration; the parameters have {theta / 2**20:.2f} MB")
    print(f"  memory: {max(added):.0f} MB; the blocks of a worker have {share:.0f} MB")
    print(f"  largest difference of a weight, over the largest weight: {gap:.1g}", flush=True)


def growth():
    """Print what an iteration costs for several numbers of rows, features, units and workers."""
    print("| rows | features | units | workers | s an iteration | of one process | MB an iteration |")
    print("|---|---|---|---|---|---|---|")
    for n_rows, n_features, n_units, n_workers in GROWTH:
        autoencoder = ContractiveAutoencoder(n_units, solver="lbfgs", tol=0, random_state=0)
        n_blocks, numbers = max(n_workers, 2), (2, 12)
        size = n_rows // n_blocks
        alone, _ = one_process(autoencoder, n_blocks, size, *numbers, n_features)
        with local_cluster(n_workers) as cluster, Client(cluster):
            rows = on_workers(n_blocks, size, n_features)
            seconds, travelled, _ = timed_fit(lambda model, X=rows: skae.dask.fit(model, X), autoencoder, *numbers)
        row = [n_rows, n_features, n_units, n_workers, f"{seconds:.3f}"]
        row += [f"{seconds / alone:.2f}" if n_rows > 1000 else "", f"{travelled / 2**20:.1f}"]
        print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
