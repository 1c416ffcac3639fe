"""What scikit-learn's callbacks cost: an epoch of MNIST with and without them.

    SKAE_DATA=folder python benchmarks/callbacks.py [--repeats 20]

The cost of an epoch's hooks is measured on epochs of one batch of 100 rows, where there is little else, and given as a
share of an epoch of MNIST (60,000 rows, 500 contractive units, float32, one BLAS thread).
"""

import argparse
import contextlib
import io
import platform
import time
import warnings

import numpy as np
import sklearn
from datasets import load
from sklearn.callback import ProgressBar
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import skae
from skae import ContractiveAutoencoder

# Epochs of one batch in a fit.
N_SMALL = 200


class Nothing:
    """A callback that does nothing, but asks for the fitted estimator after each epoch."""

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None): ...

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None): ...


CALLBACKS = {"none": list, "nothing": lambda: [Nothing()], "ProgressBar": lambda: [ProgressBar()]}


def seconds(X, n_components, max_iter, callbacks):
    """Return the seconds that an epoch takes; what bars draw is not shown."""
    autoencoder = ContractiveAutoencoder(n_components, max_iter=max_iter, tol=0.0, random_state=0)
    autoencoder.set_callbacks(*callbacks)
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.perf_counter()
        autoencoder.fit(X)
        return (time.perf_counter() - start) / max_iter


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="fits of small epochs, by turns")
    options = parser.parse_args()
    X = load("mnist")[0].astype(np.float32)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, {platform.platform()}")
    with threadpool_limits(1):
        epoch = min(seconds(X, 500, 2, []) for _ in range(2))
        times = {name: [] for name in CALLBACKS}
        for _ in range(options.repeats):
            for name, make in CALLBACKS.items():
                times[name].append(seconds(X[:100], 500, N_SMALL, make()))
    print(f"an epoch of MNIST: {epoch:.2f} s\n")
    print("| callback | microseconds an epoch | of an epoch of MNIST |\n|---|---|---|")
    least = {name: min(each) for name, each in times.items()}
    for name in list(CALLBACKS)[1:]:
        cost = least[name] - least["none"]
        print(f"| {name} | {1e6 * cost:.0f} | {cost / epoch:.4%} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    main()
