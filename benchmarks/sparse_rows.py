"""What sparse rows cost: this checkout beside a commit that made them dense, and beside other libraries.

    python benchmarks/sparse_rows.py [--small] [--only PART ...] [--base COMMIT] [--rounds 3] [--base-epochs S LOSS]

The rows are made on the spot, like tf-idf rows of text: columns of Zipf's frequencies, documents that mix a few topics.
Each row has the same number of nonzeros, float32, whose mean square is 1. Without topics no held-out loss could fall.

Everything runs on one thread, each measurement in a process of its own, and the two builds take turns. Times are CPU
seconds, the median over the rounds. Part by part:

- epochs: `fit` of one epoch, with all that it checks and its final loss, on both builds.
- time: seconds to the held-out loss that the base reaches in 20 epochs. The base takes ten minutes for that; what it
  printed can be given to another run by `--base-epochs SECONDS LOSS`.
- densities: one epoch, `transform` and `score_samples` from 0.1 % to 100 % of nonzeros, on both builds.
- columns: time per row with four times the columns and the same nonzeros per row.
- memory: peak of one epoch beyond the imports, over X, the parameters, their gradient and Adam's two moments.
- predictions: microseconds a row, beside scikit-learn's `BernoulliRBM` and `TruncatedSVD`.
- peers: one epoch of other libraries on the same rows, in batches of the same size. `MLPRegressor` takes no sparse
  target: it gets ten batches a call with the dense rows as target. torch (where installed) has a product of a sparse
  matrix in the encoder, a dense decoder and Adam.

`--base` is installed by pip, which needs the network, as `compare.py` does.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import peers
import scipy
import sklearn
from compare import install, repository
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.neural_network import BernoulliRBM, MLPRegressor

#: The last commit that made rows dense, one batch at a time.
BASE = "17e9402"
EPOCHS_TRIED = (10, 14, 20, 28, 40, 57, 80)


# -- rows


def text_rows(n, d, nonzeros, seed=0, n_topics=50):
    """Return CSR rows like those of `TfidfVectorizer`, shape (n, d), float32, with as many nonzeros in each row.

    A topic tilts Zipf's frequencies of the columns, and a row mixes a few topics. Its columns are a draw without
    replacement. The values are (1 + log count) * idf, scaled so that the row's length is sqrt(nonzeros).
    """
    rng = np.random.default_rng(seed)
    topics = np.exp(1.5 * rng.standard_normal((n_topics, d), dtype=np.float32))
    topics /= np.arange(10, d + 10, dtype=np.float32)
    topics /= topics.sum(axis=1, keepdims=True)
    columns, values = np.empty((n, nonzeros), np.int32), np.empty((n, nonzeros), np.float32)
    size = max(1, 2**22 // d)
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        mixed = rng.dirichlet(np.full(n_topics, 0.1), rows.stop - start).astype(np.float32) @ topics
        race = rng.standard_exponential(mixed.shape, dtype=np.float32) / mixed  # the first to arrive are the draw
        columns[rows] = np.sort(np.argpartition(race, nonzeros - 1, axis=1)[:, :nonzeros], axis=1)
        expected = 2 * nonzeros * np.take_along_axis(mixed, columns[rows], axis=1)
        values[rows] = 1.0 + np.log1p(rng.poisson(expected))
    n_rows_with = np.bincount(columns.ravel(), minlength=d)
    values *= (1.0 + np.log((1 + n) / (1 + n_rows_with))).astype(np.float32)[columns]
    values *= np.sqrt(nonzeros) / np.linalg.norm(values, axis=1, keepdims=True)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), np.arange(0, n * nonzeros + 1, nonzeros)), shape=(n, d))


class Rows:
    """Files of the rows, each made once and read by the measurements."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, n, d, density):
        """Return the folder with rows of a density in per cent."""
        path = self.folder / f"rows_{n}_{d}_{density}"
        if not path.exists():
            X = text_rows(n, d, max(1, round(d * density / 100)))
            path.mkdir()
            for name in ("data", "indices", "indptr"):
                np.save(path / name, getattr(X, name))
            np.save(path / "shape", X.shape)
        return str(path)


def read_rows(path):
    """Return the rows in a folder, without a second copy of them in memory."""
    parts = (np.load(pathlib.Path(path) / f"{name}.npy") for name in ("data", "indices", "indptr"))
    return sparse.csr_matrix(tuple(parts), shape=tuple(np.load(pathlib.Path(path) / "shape.npy")))


# -- what a process measures


def contractive(k, **parameters):
    """Return a contractive autoencoder that trains for one epoch."""
    from skae import ContractiveAutoencoder

    return ContractiveAutoencoder(k, **{"max_iter": 1, "tol": 0.0, "random_state": 0, **parameters})


def cpu_seconds(function, *arguments):
    """Return the CPU seconds of a call, and its result. A fast call is repeated, and the median is taken."""
    seconds = []
    while not seconds or (sum(seconds) < 0.5 and len(seconds) < 20):
        start = time.process_time()
        result = function(*arguments)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), result


def measure_calls(X, k, calls, **parameters):
    """Return the CPU seconds of a fit and of calls on the fitted autoencoder."""
    contractive(k, **parameters).fit(X[:200])  # what a first fit imports does not count
    seconds = {}
    seconds["fit"], model = cpu_seconds(contractive(k, **parameters).fit, X)
    for name in calls:
        getattr(model, name)(X[:200])
        seconds[name], _ = cpu_seconds(getattr(model, name), X)
    return seconds


def measure_memory(X, k, **parameters):
    """Return the megabytes of X and of the parameters, and the peak of a fit beyond the imports, X included."""
    contractive(4, **parameters).fit(X[:20, :50])  # what a first fit imports does not count
    held = sum(part.nbytes for part in (X.data, X.indices, X.indptr))
    before = peak_memory() - held
    contractive(k, **parameters).fit(X)
    parameters_bytes = X.dtype.itemsize * (k * X.shape[1] + k + X.shape[1])
    return {"X": held / 1e6, "parameters": parameters_bytes / 1e6, "peak": (peak_memory() - before) / 1e6}


def peak_memory():
    """Return the most bytes that this process has held, on Linux; `getrusage` would count its parent's too."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def measure_training(X, k, max_iter, n_held, **parameters):
    """Return the CPU seconds of a fit of so many epochs, and the loss on rows held out, a fifth at most."""
    held, X = X[:n_held], X[n_held:]
    contractive(k, **parameters).fit(X[:200])
    seconds, model = cpu_seconds(contractive(k, max_iter=max_iter, **parameters).fit, X)
    return {"seconds": seconds, "loss": held_out_loss(model, held)}


def held_out_loss(model, X):
    """Return the mean objective of sigmoid units over rows, from the public attributes."""
    W, alpha, total = model.components_.astype(np.float64), model.alpha, 0.0
    lengths = (W * W).sum(axis=1)
    for start in range(0, X.shape[0], 200):
        rows = X[start : start + 200].toarray().astype(np.float64)
        H = 1.0 / (1.0 + np.exp(-(rows @ W.T + model.intercept_hidden_)))
        total += 0.5 * np.sum((H @ W + model.intercept_visible_ - rows) ** 2)
        total += alpha * np.sum(((H * (1.0 - H)) ** 2) @ lengths)
    return total / X.shape[0]


def measure_predictions(X, k):
    """Return the CPU seconds of predictions of ours and of scikit-learn's."""
    models = {
        "skae": contractive(k).fit(X),
        "BernoulliRBM": BernoulliRBM(k, n_iter=1, batch_size=100, learning_rate=1e-3, random_state=0).fit(X[:1000]),
        "TruncatedSVD": TruncatedSVD(k, n_iter=1, random_state=0).fit(X[:1000]),
    }
    seconds = {}
    for name, model in models.items():
        for method in ("transform", "score_samples", "score"):
            if hasattr(model, method):
                getattr(model, method)(X[:200])
                seconds[f"{name} {method}"], _ = cpu_seconds(getattr(model, method), X)
    seconds["skae fit"], _ = cpu_seconds(contractive(k).fit, X)
    return seconds


def measure_peer(X, k, name, batch_size):
    """Return the CPU seconds of one epoch of an autoencoder of sigmoid units without a penalty."""
    epochs = {
        "skae, tied": contractive(k, alpha=0.0, batch_size=batch_size).fit,
        "skae, untied": contractive(k, alpha=0.0, batch_size=batch_size, tied_weights=False).fit,
        "BernoulliRBM": BernoulliRBM(k, n_iter=1, batch_size=batch_size, learning_rate=1e-3, random_state=0).fit,
        "MLPRegressor": functools.partial(regressor_epoch, k=k, batch_size=batch_size),
        "torch": functools.partial(torch_epoch, k=k, batch_size=batch_size),
    }
    epochs[name](X[: 2 * batch_size])
    return {"seconds": cpu_seconds(epochs[name], X)[0]}


def regressor_epoch(X, k, batch_size):
    """Train scikit-learn's regressor from X to X for one epoch; the target is dense, ten batches at a time."""
    options = {"hidden_layer_sizes": (k,), "activation": "logistic", "alpha": 0.0, "batch_size": batch_size}
    regressor = MLPRegressor(**options, random_state=0)
    for start in range(0, X.shape[0], 10 * batch_size):
        rows = X[start : start + 10 * batch_size]
        regressor.partial_fit(rows, rows.toarray())


def torch_epoch(X, k, batch_size):
    """Train for one epoch in torch: a sparse product, a dense decoder and target, Adam."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    n, d = X.shape
    W = torch.nn.init.xavier_uniform_(torch.empty(d, k)).requires_grad_()
    V = torch.nn.init.xavier_uniform_(torch.empty(k, d)).requires_grad_()
    b, c = torch.zeros(k, requires_grad=True), torch.zeros(d, requires_grad=True)
    optimizer = torch.optim.Adam([W, V, b, c], lr=1e-3, fused=True)
    for chosen in np.array_split(np.random.default_rng(0).permutation(n), -(-n // batch_size)):
        rows = X[chosen]
        parts = (torch.from_numpy(rows.indptr), torch.from_numpy(rows.indices), torch.from_numpy(rows.data))
        batch = torch.sparse_csr_tensor(*parts, size=rows.shape)
        optimizer.zero_grad()
        R = torch.addmm(c, torch.sigmoid(torch.sparse.mm(batch, W) + b), V)
        (0.5 * ((R - torch.from_numpy(rows.toarray())) ** 2).sum() / len(chosen)).backward()
        optimizer.step()


MEASURES = {
    "calls": measure_calls,
    "memory": measure_memory,
    "training": measure_training,
    "predictions": measure_predictions,
    "peer": measure_peer,
}


# -- processes


class Builds:
    """The folders from which Python imports skae: the base, installed when it is needed, and this checkout."""

    def __init__(self, base, folder):
        self.base, self.folder = base, folder
        self._installed = None

    @property
    def both(self):
        """The folders of the base and of this checkout."""
        self._installed = self._installed or install(self.base, self.folder / "base")
        return [self._installed, repository()]


def measured(site, kind, path, **options):
    """Return what a process with the skae of a folder measures on rows in a file."""
    limits = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, "PYTHONPATH": str(site), **limits}
    task = json.dumps({"kind": kind, "path": path, "site": str(site), **options})
    run = subprocess.run([sys.executable, __file__, "--task", task], capture_output=True, text=True, env=environment)
    if run.returncode:
        sys.exit(run.stderr.strip() or f"ended by signal {-run.returncode}")
    return json.loads(run.stdout)


def run_task(kind, path, site, **options):
    """Measure in this process, and print what was measured."""
    import skae

    if not pathlib.Path(skae.__file__).is_relative_to(site):
        sys.exit(f"skae is {skae.__file__}, wanted that of {site}")
    warnings.simplefilter("ignore")
    print(json.dumps(MEASURES[kind](read_rows(path), **options)))


def in_turn(sites, rounds, *arguments, **options):
    """Return, for each build, the medians over the rounds of what its processes measure."""
    found = [[] for _ in sites]
    for turn in range(rounds):
        for i in list(range(len(sites)))[:: -1 if turn % 2 else 1]:
            found[i].append(measured(sites[i], *arguments, **options))
    return [{name: statistics.median(each[name] for each in one) for name in one[0]} for one in found]


# -- parts


def report_epochs(options, rows, builds):
    """Print what an epoch costs on both builds."""
    print("\n| rows, columns, % | units | batch_size | base s | now s | ratio |\n|---|---|---|---|---|---|")
    sizes = [(20_000, 50_000, 0.5, 128), (20_000, 50_000, 0.5, 256), (20_000, 20_000, 5, 128)]
    if options.small:
        sizes = [(1000, 5000, 0.5, 32), (1000, 2000, 5, 32)]
    for n, d, density, k in sizes:
        for batch_size in ("auto", 1000):
            task = {"k": k, "calls": [], "batch_size": batch_size}
            base, now = in_turn(builds.both, options.rounds, "calls", rows(n, d, density), **task)
            print(
                f"| {n}, {d}, {density} | {k} | {batch_size} | {base['fit']:.2f} | {now['fit']:.2f} "
                f"| 1/{base['fit'] / now['fit']:.1f} |",
                flush=True,
            )


def report_time(options, rows, builds):
    """Print the seconds to the held-out loss that the base reaches in 20 epochs."""
    n, d, k = (1000, 5000, 32) if options.small else (20_000, 50_000, 128)
    path, n_held = rows(n + n // 10, d, 0.5), n // 10
    sites = builds.both
    if options.base_epochs:
        base = dict(zip(("seconds", "loss"), options.base_epochs, strict=True))
    else:
        base = measured(sites[0], "training", path, k=k, n_held=n_held, max_iter=20)
    print(f"\n{n} rows, {d} columns, 0.5 %, {k} units; the base in 20 epochs: ", end="")
    print(f"--base-epochs {base['seconds']:.1f} {base['loss']:.4f}\n")
    print("| batch_size | rate | epochs | held-out loss | s | base / now |\n|---|---|---|---|---|---|")
    for batch_size, rate in (("auto", "auto"), ("auto", 0.005), (400, "auto")):
        for max_iter in EPOCHS_TRIED:
            task = {"k": k, "n_held": n_held, "max_iter": max_iter, "batch_size": batch_size}
            task["learning_rate_init"] = rate
            now = measured(sites[1], "training", path, **task)
            reached, ratio = now["loss"] <= base["loss"], base["seconds"] / now["seconds"]
            print(
                f"| {batch_size} | {rate} | {max_iter} | {now['loss']:.4f} | {now['seconds']:.1f} "
                f"| {ratio:.1f}{'' if reached else ' (not reached)'} |",
                flush=True,
            )
            if reached or ratio < 1.0:
                break


def report_densities(options, rows, builds):
    """Print what an epoch and predictions cost on both builds, from few nonzeros to none but nonzeros."""
    n, d, k = (500, 1000, 32) if options.small else (5000, 5000, 128)
    calls = ("fit", "transform", "score_samples")
    print(f"\n{n} rows, {d} columns, {k} units: CPU s of the base, now, and the ratio now / base\n")
    print(f"| % | {' | '.join(calls)} |\n|---|---|---|---|")
    for density in (0.1, 0.3, 1, 3, 10, 30, 100):
        task = {"k": k, "calls": calls[1:]}
        base, now = in_turn(builds.both, options.rounds, "calls", rows(n, d, density), **task)
        cells = (f"{base[name]:.3f}, {now[name]:.3f}: {now[name] / base[name]:.2f}" for name in calls)
        print(f"| {density} | {' | '.join(cells)} |", flush=True)


def report_columns(options, rows, builds):
    """Print the time per row of a fit with four times the columns and as many nonzeros."""
    n, d, k, nonzeros = (1000, 2000, 32, 20) if options.small else (20_000, 50_000, 128, 250)
    print(f"\n{n} rows of {nonzeros} nonzeros, {k} units: microseconds a row\n")
    print(f"| batch_size | {d} columns | {4 * d} columns | ratio |\n|---|---|---|---|")
    for batch_size in (n, n // 20):
        found = []
        for columns in (d, 4 * d):
            path = rows(n, columns, 100 * nonzeros / columns)
            task = {"k": k, "calls": [], "batch_size": batch_size}
            found.append(in_turn([repository()], options.rounds, "calls", path, **task)[0]["fit"])
        narrow, wide = (1e6 * seconds / n for seconds in found)
        print(f"| {batch_size} | {narrow:.0f} | {wide:.0f} | {wide / narrow:.2f} |", flush=True)


def report_memory(options, rows, builds):
    """Print the peak of a fit over X, the parameters, their gradient and Adam's two moments."""
    n, d, k = (1000, 5000, 32) if options.small else (20_000, 50_000, 128)
    print(f"\n{n} rows, {d} columns, 0.5 %, {k} units: MB\n")
    print("| batch_size | X | parameters | X + 4 x parameters | peak beyond the imports | ratio |")
    print("|---|---|---|---|---|---|")
    for batch_size in ("auto", n // 20, n):
        found = measured(repository(), "memory", rows(n, d, 0.5), k=k, batch_size=batch_size)
        needed = found["X"] + 4 * found["parameters"]
        print(
            f"| {batch_size} | {found['X']:.0f} | {found['parameters']:.0f} | {needed:.0f} | {found['peak']:.0f} "
            f"| {found['peak'] / needed:.2f} |",
            flush=True,
        )


def report_predictions(options, rows, builds):
    """Print what predictions cost beside scikit-learn's."""
    n, d, k = (1000, 5000, 32) if options.small else (20_000, 50_000, 128)
    found = in_turn([repository()], options.rounds, "predictions", rows(n, d, 0.5), k=k)[0]
    print(f"\n{n} rows, {d} columns, 0.5 %, {k} units: microseconds a row\n")
    print("| method | skae | BernoulliRBM | TruncatedSVD | an epoch of skae |\n|---|---|---|---|---|")
    for method in ("transform", "score_samples", "score"):
        own, cells = found[f"skae {method}"], []
        for name in ("BernoulliRBM " + method, "TruncatedSVD " + method, "skae fit"):
            other = found.get(name)
            cells.append(f"{1e6 * other / n:.1f} (ours / it {own / other:.2f})" if other else "")
        print(f"| {method} | {1e6 * own / n:.1f} | {' | '.join(cells)} |", flush=True)


def report_peers(options, rows, builds):
    """Print what an epoch costs beside other libraries' on the same rows."""
    n, d, k = (1000, 5000, 32) if options.small else (20_000, 50_000, 128)
    path = rows(n, d, 0.5)
    print(f"\n{n} rows, {d} columns, 0.5 %, {k} units: s an epoch (over ours, of the same kind of weights)\n")
    names = ["skae, tied", "BernoulliRBM", "skae, untied", "MLPRegressor", "torch"]
    names = names if peers.HAS_TORCH else names[:-1]
    print(f"| batch size | {' | '.join(names)} |\n|---|{len(names) * '---|'}")
    for batch_size in (n // 20,):
        cells, own = [], None
        for name in names:
            task = {"k": k, "name": name, "batch_size": batch_size}
            found = in_turn([repository()], options.rounds, "peer", path, **task)[0]["seconds"]
            own = found if name.startswith("skae") else own
            cells.append(f"{found:.2f} ({found / own:.1f})")
        print(f"| {batch_size} | {' | '.join(cells)} |", flush=True)


REPORTS = {
    "epochs": report_epochs,
    "time": report_time,
    "densities": report_densities,
    "columns": report_columns,
    "memory": report_memory,
    "predictions": report_predictions,
    "peers": report_peers,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="small sizes, to see that all runs: a minute or two")
    parser.add_argument("--only", nargs="+", choices=REPORTS, default=list(REPORTS), help="parts")
    parser.add_argument("--base", default=BASE, help=f"a commit (default: {BASE})")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each measurement (default: 3)")
    parser.add_argument("--base-epochs", type=float, nargs=2, metavar=("SECONDS", "LOSS"), help="see `time`")
    parser.add_argument("--data", type=pathlib.Path, help="a folder that keeps the rows for other runs")
    parser.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        run_task(**options.task)
        return
    print(f"base {options.base}, numpy {np.__version__}, scipy {scipy.__version__}, ", end="")
    print(f"scikit-learn {sklearn.__version__}, {peers.versions()}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rows, builds = Rows(options.data or folder), Builds(options.base, folder)
        for name in options.only:
            REPORTS[name](options, rows, builds)


if __name__ == "__main__":
    main()
