"""What `score` costs, in epochs of training, and how far its noise spreads it: the first 10,000 digits of MNIST.

    SKAE_DATA=folder python benchmarks/score.py [--repeats 8]

An epoch and a score are timed by turns, on one BLAS thread, in CPU time. The spread is that of scores by other noise:
each draws standard normal noise for every feature and row.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import skae
from skae import ContractiveAutoencoder

N_DRAWS = 100


def seconds(function):
    """Return the CPU seconds of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def costs(X, n_components, repeats):
    """Return the seconds of an epoch and of a score, the least of some."""
    fitted = ContractiveAutoencoder(n_components, max_iter=3, tol=0.0, random_state=0).fit(X)
    short, long, score = [], [], []
    for _ in range(repeats):
        for max_iter, times in ((1, short), (3, long)):
            autoencoder = ContractiveAutoencoder(n_components, max_iter=max_iter, tol=0.0, random_state=0)
            times.append(seconds(lambda autoencoder=autoencoder: autoencoder.fit(X)))
        score.append(seconds(lambda: fitted.score(X)))
    return (min(long) - min(short)) / 2, min(score)


def noisy_scores(autoencoder, X, rng):
    """Return scores of one draw of noise each."""
    total, deviation = ((X - autoencoder.mean_) ** 2).sum(), 0.5 * np.sqrt(autoencoder.var_)
    noisy = (X + deviation * rng.standard_normal(X.shape) for _ in range(N_DRAWS))
    return [1.0 - ((autoencoder.reconstruct(each) - X) ** 2).sum() / total for each in noisy]


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=8, help="epochs and scores, by turns")
    options = parser.parse_args()
    X = load("mnist")[0][:10_000]
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, {platform.platform()}\n"
    )
    with threadpool_limits(1):
        print("| units | dtype | epoch, microseconds a row | score, microseconds a row | score / epoch |")
        print("|---|---|---|---|---|")
        for n_components in (64, 256, 1000):
            for dtype in (np.float32, np.float64):
                epoch, score = costs(X.astype(dtype), n_components, options.repeats)
                micro = 1e6 / len(X)
                cells = f"{micro * epoch:.1f} | {micro * score:.1f} | {score / epoch:.2f}"
                print(f"| {n_components} | {np.dtype(dtype)} | {cells} |", flush=True)
        print("\n| units | alpha | score of 1000 rows | mean of other noise | its standard deviation, one draw |")
        print("|---|---|---|---|---|")
        rows = X[:1000].astype(np.float64)
        for n_components, alpha in ((64, 0.1), (256, 0.1), (256, 1.0)):
            autoencoder = ContractiveAutoencoder(n_components, alpha=alpha, max_iter=20, random_state=0).fit(rows)
            found = noisy_scores(autoencoder, rows, np.random.default_rng(0))
            cells = f"{autoencoder.score(rows):.5f} | {np.mean(found):.5f} | {np.std(found):.5f}"
            print(f"| {n_components} | {alpha} | {cells} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    main()
