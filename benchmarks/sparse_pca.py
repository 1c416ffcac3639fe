"""Leading principal components of wide CSR rows: PCAWhitener beside scikit-learn's PCA.

    OPENBLAS_NUM_THREADS=1 python benchmarks/sparse_pca.py [ROWS COLUMNS]

The rows are like texts: words of 100 topics and of all, by Zipf's law, 0.4 % of the columns. Each fit of 50 components
runs in a process of its own, whose peak of memory includes the imports and X.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA

from skae import PCAWhitener

SHAPE, SHARE, N_TOPICS, N_COMPONENTS = (100_000, 50_000), 0.004, 100, 50
ESTIMATORS = {
    'PCA(50, svd_solver="arpack")': lambda: PCA(N_COMPONENTS, svd_solver="arpack", random_state=0),
    "PCAWhitener(50)": lambda: PCAWhitener(N_COMPONENTS),
}


def texts(n_rows, n_columns):
    """Return CSR rows, the logarithms of counts of words; half of the words are those of a row's topic."""
    rng = np.random.default_rng(0)
    share = np.cumsum(np.arange(1.0, n_columns + 1.0) ** -0.9)
    length = int(SHARE * n_columns)
    topics = [rng.permutation(n_columns) for _ in range(N_TOPICS)]
    indices = np.empty((n_rows, length), dtype=np.int32)
    for row in indices:
        words = np.searchsorted(share / share[-1], rng.random(length))
        row[:] = np.where(rng.random(length) < 0.5, topics[rng.integers(N_TOPICS)][words], words)
    indptr = np.arange(0, indices.size + 1, length)
    X = sparse.csr_matrix((np.ones(indices.size, dtype=np.float32), indices.ravel(), indptr), shape=(n_rows, n_columns))
    X.sum_duplicates()
    X.data = np.log1p(X.data)
    return X


def fit(name, dtype, path):
    """Fit an estimator to the rows in a file; print the seconds and the peak of memory."""
    X = sparse.load_npz(path).astype(dtype, copy=False)
    start = time.perf_counter()
    estimator = ESTIMATORS[name]().fit(X)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    estimator.transform(X)
    print(f"| {dtype} | `{name}` | {seconds:.1f} | {peak:.0f} | {time.perf_counter() - start:.2f} |", flush=True)


def main(shape):
    """Print a row of the table for each dtype and estimator."""
    print(
        "| dtype | | fit, seconds | peak of the process, MB | transform, seconds |\n|---|---|---|---|---|", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "X.npz")
        sparse.save_npz(path, texts(*shape), compressed=False)
        context = multiprocessing.get_context("spawn")
        for dtype in ("float32", "float64"):
            for name in ESTIMATORS:
                process = context.Process(target=fit, args=(name, dtype, path))
                process.start()
                process.join()


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SHAPE)
