"""Compare the speed of two commits; fail where the second is slower.

    python benchmarks/compare.py BASE HEAD [--rounds 5] [--threads 1]

Both are installed beside each other (pip needs the network for that), without their dependencies, which are those of
the running Python. Then each workload below runs on both in turn, in a process of its own, and the medians are
compared. A workload has regressed if it takes more than 15 % *and* 50 ms longer, or runs no more; the exit status is
then 1. The workloads use the public interface only, so that any two versions can be compared.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SHARE, SECONDS = 0.15, 0.05

#: What is timed, by name: statements that prepare, and those that are timed.
WORKLOADS = {
    "import": ("", "import skae"),
    **{
        f"fit {name}": (
            f"import skae; model = skae.{call}; X = data(2000, 256)",
            "model.fit(X)",
        )
        for name, call in {
            "contractive": "ContractiveAutoencoder(256, max_iter=15, tol=0, random_state=0)",
            "contractive, sgd": "ContractiveAutoencoder(256, solver='sgd', max_iter=15, tol=0, random_state=0)",
            "contractive, lbfgs": "ContractiveAutoencoder(256, solver='lbfgs', max_iter=15, tol=0, random_state=0)",
            "zero-bias": "ZeroBiasAutoencoder(256, max_iter=15, tol=0, random_state=0)",
            "denoising": "DenoisingAutoencoder(256, max_iter=15, tol=0, random_state=0)",
            "saturating": "SaturatingAutoencoder(256, max_iter=15, tol=0, random_state=0)",
            "sparse": "SparseAutoencoder(256, max_iter=15, tol=0, random_state=0)",
        }.items()
    },
    "fit, small batches": (
        "import skae; X = data(2000, 64)",
        "skae.ContractiveAutoencoder(200, batch_size=20, max_iter=10, tol=0, random_state=0).fit(X)",
    ),
    **{
        f"{method} of {d} columns": (
            f"import skae; X = data(20000, {d}); "
            f"model = skae.ContractiveAutoencoder(500, max_iter=1, random_state=0).fit(X[:200])",
            f"model.{method}(X)",
        )
        for method in ("transform", "score_samples")
        for d in (64, 784)
    },
    "fit, sparse rows": (
        "import skae; X = sparse_data(2000, 10000, 50); "
        "model = skae.ContractiveAutoencoder(64, max_iter=2, tol=0, random_state=0)",
        "model.fit(X)",
    ),
    "transform of sparse rows": (
        "import skae; X = sparse_data(10000, 10000, 50); "
        "model = skae.ContractiveAutoencoder(64, max_iter=1, random_state=0).fit(X[:200])",
        "model.transform(X)",
    ),
    "classifier": (
        "import skae; X = data(2000, 100); y = (X[:, :5] > X[:, 5:10]) @ [1, 1, 1, 1, 1]; "
        "auto = skae.ContractiveAutoencoder(30, max_iter=10); "
        "model = skae.ClassSpecificAEClassifier(auto, loss='hinge', max_iter=10, random_state=0)",
        "model.fit(X, y).predict(X)",
    ),
    "whitener": ("import skae; X = data(20000, 400)", "skae.PCAWhitener().fit(X).transform(X)"),
}

# Run in a process of its own: prepares, warms up by one call (but an import), and prints the seconds of the second.
RUNNER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import sklearn.neural_network, scipy.optimize, numpy as np
def data(n, d):
    rng = np.random.default_rng(0)
    return (rng.standard_normal((n, 20)) @ rng.standard_normal((20, d)) / 4).astype(np.float32)
def sparse_data(n, d, nonzeros):
    from scipy import sparse
    rng = np.random.default_rng(0)
    columns, values = rng.integers(d, size=n * nonzeros), rng.random(n * nonzeros, dtype=np.float32)
    return sparse.csr_matrix((values, (np.repeat(np.arange(n), nonzeros), columns)), shape=(n, d))
prepare, timed = json.loads(sys.argv[1])
space = {"data": data, "sparse_data": sparse_data}
exec(prepare, space)
if "import" not in timed:
    exec(timed, space)
start = time.perf_counter()
exec(timed, space)
print(time.perf_counter() - start)
"""


def install(commit, folder):
    """Install a commit of this repository into a folder."""
    source = folder / "source"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], check=True, capture_output=True, cwd=repository()).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "site", source]
    subprocess.run(pip, check=True)
    return folder / "site"


def repository():
    """The root of this repository."""
    return pathlib.Path(__file__).resolve().parent.parent


def seconds(site, workload, n_threads):
    """Seconds of one run of a workload with the skae of a folder; NaN where that has not what the workload needs."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, "PYTHONPATH": str(site), **dict.fromkeys(names, str(n_threads))}
    command = [sys.executable, "-c", RUNNER, json.dumps(workload)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=site)
    if run.returncode:
        print((run.stderr.strip() or f"ended by signal {-run.returncode}").splitlines()[-1], file=sys.stderr)
        return float("nan")
    return float(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="a commit")
    parser.add_argument("head", help="another, which is not to be slower")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each workload on each (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads (default: 1)")
    options = parser.parse_args()
    regressed = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sites = [install(options.base, folder / "base"), install(options.head, folder / "head")]
        print("| workload | base s | head s | ratio |\n|---|---|---|---|")
        for name, workload in WORKLOADS.items():
            times = {site: [] for site in sites}
            for turn in range(options.rounds):
                for site in sites[:: -1 if turn % 2 else 1]:
                    times[site].append(seconds(site, workload, options.threads))
            base, head = (statistics.median(times[site]) for site in sites)
            slower = head > (1.0 + SHARE) * base and head > base + SECONDS
            broken = math.isnan(head) and not math.isnan(base)
            regressed += [f"{name} (does not run)"] if broken else []
            regressed += [name] if slower else []
            print(
                f"| {name} | {base:.3f} | {head:.3f} | {head / base:.2f}{' (slower)' if slower else ''} |", flush=True
            )
    if regressed:
        sys.exit(f"slower by more than {SHARE:.0%} and {1000 * SECONDS:.0f} ms, or broken: {', '.join(regressed)}")


if __name__ == "__main__":
    main()
