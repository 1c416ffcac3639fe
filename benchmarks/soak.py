"""Half an hour of random fits, steps, predictions and pickles, in two threads and two processes at once.

    python benchmarks/soak.py [--minutes 30] [--threads 2] [--processes 2] [--seed 0]

Every worker draws jobs: an estimator, rows, a way to train it and a way through a file. What comes out is compared with
what the same job gave alone, before; the energies of autoencoders with the papers in plain Python as well
(`tests/reference.py`). At the end, memory, open files and threads are compared with those after the first fifth of
the time. It exits with 1 where a result is off, a warning is none of skae's, or something has grown.
"""

import argparse
import collections
import concurrent.futures
import copy
import gc
import io
import multiprocessing
import os
import pathlib
import pickle
import random
import statistics
import sys
import threading
import time
import traceback
import warnings

import joblib
import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import skae
from skae.activations import as_activation
from skae.autoencoders import BaseAutoencoder
from skae.outlier import MixtureEnsemble

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
import reference

BRIEF = {"max_iter": 4, "random_state": 0}
AUTOENCODERS = [
    each for each in map(vars(skae).get, skae.__all__) if isinstance(each, type) and issubclass(each, BaseAutoencoder)
]
ESTIMATORS = [
    *(each(6, solver=solver, **BRIEF) for each in AUTOENCODERS for solver in ("adam", "sgd", "lbfgs")),
    skae.PCAWhitener(0.9),
    skae.ContrastNormalizer(),
    skae.EnergyOutlierDetector(random_state=0),
    skae.EnergyOutlierDetector(skae.ContractiveAutoencoder(6, **BRIEF), novelty=True, calibration=0.3),
    MixtureEnsemble(random_state=0),
    *(
        skae.ClassSpecificAEClassifier(skae.ContractiveAutoencoder(6, **BRIEF), method=method, **BRIEF)
        for method in ("finetune", "normalize", "energies")
    ),
    skae.ClassSpecificAEClassifier(skae.DenoisingAutoencoder(6, **BRIEF), n_factors=3, **BRIEF),
    skae.FineTunedClassifier(skae.ContractiveAutoencoder(6, **BRIEF), **BRIEF),
    skae.FineTunedRegressor(skae.DenoisingAutoencoder(6, **BRIEF), **BRIEF),
    make_pipeline(skae.ContrastNormalizer(), skae.PCAWhitener(0.9), skae.ZeroBiasAutoencoder(6, **BRIEF)),
]
ROWS = ("float64", "float32", "csr", "uint8")
FILES = {
    "none": lambda fitted: fitted,
    "pickle": lambda fitted: pickle.loads(pickle.dumps(fitted)),
    "joblib": lambda fitted: joblib.load(io.BytesIO(joblib_bytes(fitted))),
    "deepcopy": copy.deepcopy,
}
RESULTS = ("predict_proba", "decision_function", "transform", "score_samples", "reconstruct")


def joblib_bytes(fitted):
    file = io.BytesIO()
    joblib.dump(fitted, file)
    return file.getvalue()


def rows(kind, seed):
    """Return 150 rows of rank 4 and noise, and their labels."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((150, 4)) @ rng.standard_normal((4, 12)) + 0.3 * rng.standard_normal((150, 12))
    y = (X[:, 0] > 0.0).astype(int)
    if kind == "csr":
        return sparse.csr_array(np.where(np.abs(X) > 1.5, X, 0.0)), y
    return (40.0 * np.abs(X) if kind == "uint8" else X).astype("float64" if kind == "csr" else kind), y


def outcome(number, kind, seed, in_parts, file):
    """Return what an estimator makes of rows, by method."""
    X, y = rows(kind, seed)
    estimator = clone(ESTIMATORS[number])
    if in_parts and hasattr(estimator, "partial_fit"):
        more = {"classes": [0, 1]} if hasattr(estimator, "classes_") or hasattr(estimator, "class_weight") else {}
        estimator.partial_fit(X[:80], y[:80], **more)
        estimator = FILES[file](estimator).partial_fit(X[80:], y[80:])
    else:
        estimator.fit(X, y)
    estimator = FILES[file](estimator)
    found = {name: getattr(estimator, name)(X) for name in RESULTS if hasattr(estimator, name)}
    if isinstance(estimator, BaseAutoencoder):
        off = off_the_papers(estimator, X, found["score_samples"])
        assert off < 1e-3, f"energies off by {off:.2g} of their terms"
    return {name: value.toarray() if sparse.issparse(value) else np.asarray(value) for name, value in found.items()}


def off_the_papers(autoencoder, X, energies):
    """Return how far the energies of two rows are from the formula, as a share of its terms."""
    activation = as_activation(autoencoder.activation, getattr(autoencoder, "threshold_", autoencoder.threshold))
    W, c = autoencoder.components_.astype(float).tolist(), autoencoder.intercept_visible_.astype(float).tolist()
    b = (getattr(autoencoder, "intercept_hidden_", 0.0) * np.ones(len(W))).tolist()
    tied = autoencoder.decoder_components_ is autoencoder.components_
    V = W if tied else autoencoder.decoder_components_.astype(float).tolist()
    units, worst = (activation.name, getattr(activation, "threshold", None)), 0.0
    for x, energy in zip(
        (X[:2].toarray() if sparse.issparse(X) else X[:2]).astype(float).tolist(), energies, strict=False
    ):
        expected = reference.energy(*units, autoencoder.visible, W, b, c, V, x)
        u = reference.pre_activations(activation.name, W, b, c, x)
        terms = 1.0 + sum(each**2 for each in (*u, *x, *c))
        worst = max(worst, abs(float(energy) - expected) / terms)
    return worst


def off(found, expected):
    """Return the largest difference, as a share of the largest value."""
    assert found.keys() == expected.keys(), (found.keys(), expected.keys())
    shares = [0.0]
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        assert np.isfinite(found[name]).all(), name
        shares.append(float(np.abs(found[name] - value).max()) / (float(np.abs(value).max()) or 1.0))
    return max(shares)


def census():
    """Return megabytes, threads and open files of this process."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, threading.active_count(), len(os.listdir("/proc/self/fd"))


class Worker:
    """Draws jobs until the time is over.

    Parameters
    ----------
    expected : dict
        The outcome of each job.
    seed : int
    """

    def __init__(self, expected, seed):
        self.expected, self.random, self.jobs, self.largest, self.faults = expected, random.Random(seed), 0, 0.0, []

    def work(self, end):
        names = list(self.expected)
        while time.monotonic() < end:
            job = self.random.choice(names)
            try:
                difference = off(outcome(*job), self.expected[job])
                if difference > 1e-4:
                    self.faults.append(f"{job}: off by {difference:.2g}")
                self.largest = max(self.largest, difference)
            except Exception:
                self.faults.append(f"{job}: {traceback.format_exc()}")
            self.jobs += 1
        return self


def quiet(caught):
    """Let warnings of skae's and of convergence pass, and count others."""

    def show(message, category, filename, lineno, file=None, line=None):
        if not issubclass(category, UserWarning):
            caught[f"{category.__name__}: {message} ({filename}:{lineno})"] += 1

    warnings.simplefilter("always")
    warnings.showwarning = show


def process(expected, n_threads, minutes, seed):
    """Work in some threads of this process; return what was found, and the census at a fifth and at the end."""
    caught = collections.Counter()
    quiet(caught)
    end, censuses = time.monotonic() + 60.0 * minutes, []
    workers = [Worker(expected, seed * 100 + number) for number in range(n_threads)]
    with concurrent.futures.ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(each.work, end) for each in workers]
        while time.monotonic() < end:
            time.sleep(min(5.0, 60.0 * minutes / 40.0))
            censuses.append(census())
        for each in futures:
            each.result()
    early, late = censuses[len(censuses) // 5 : len(censuses) * 3 // 10 + 1], censuses[-len(censuses) // 10 :]
    grown = [
        statistics.median(b) - statistics.median(a)
        for a, b in zip(zip(*early, strict=True), zip(*late, strict=True), strict=True)
    ]
    return {
        "jobs": sum(each.jobs for each in workers),
        "largest": max(each.largest for each in workers),
        "faults": [fault for each in workers for fault in each.faults] + [f"warned: {each}" for each in caught],
        "megabytes": late[-1][0],
        "grown": grown,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=300, help="how many jobs there are to draw from")
    options = parser.parse_args()
    draw, jobs = random.Random(options.seed), set()
    while len(jobs) < options.jobs:
        number = draw.randrange(len(ESTIMATORS))
        kind = draw.choice(ROWS)
        if kind != "csr" or ESTIMATORS[number].__sklearn_tags__().input_tags.sparse:
            jobs.add((number, kind, draw.randrange(3), draw.random() < 0.4, draw.choice(list(FILES))))
    caught = collections.Counter()
    quiet(caught)
    expected = {job: outcome(*job) for job in sorted(jobs)}
    print(f"{len(expected)} jobs, each alone: done", flush=True)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(options.processes, mp_context=context) as pool:
        futures = [
            pool.submit(process, expected, options.threads, options.minutes, options.seed + number)
            for number in range(options.processes)
        ]
        results = [each.result() for each in futures]
    faults = [f"warned: {each}" for each in caught]
    for number, each in enumerate(results):
        megabytes, threads, files = each["grown"]
        print(
            f"process {number}: {each['jobs']} jobs, off by {each['largest']:.1e} at most; {each['megabytes']:.0f} MB, "
            f"{megabytes:+.1f} since a fifth of the time; threads {threads:+.0f}, files {files:+.0f}"
        )
        faults += each["faults"]
        if megabytes > 10.0 or threads > 0 or files > 0:
            faults.append(f"process {number} has grown")
    for each in faults[:20]:
        print(each)
    print(f"{sum(each['jobs'] for each in results)} jobs, {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
