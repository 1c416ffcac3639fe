"""The data of the benchmarks: ``$SKAE_DATA/<name>.npz`` where that is set, else `sklearn.datasets.fetch_openml`."""

import os
import pathlib

import numpy as np
from sklearn.datasets import fetch_openml

OPENML = {"mnist": ("mnist_784", 60_000), "cifar10": ("CIFAR_10", 50_000)}


def load(name):
    """Return X_train, y_train, X_test, y_test; pixels are float32 in [0, 1], labels integers.

    The npz file holds these four names, pixels as uint8.
    """
    folder = os.environ.get("SKAE_DATA")
    if folder:
        with np.load(pathlib.Path(folder) / f"{name}.npz") as file:
            parts = [file[key] for key in ("X_train", "y_train", "X_test", "y_test")]
    else:
        openml_name, n_train = OPENML[name]
        X, y = fetch_openml(openml_name, version=1, as_frame=False, return_X_y=True)
        parts = [X[:n_train], y[:n_train], X[n_train:], y[n_train:]]
    X_train, y_train, X_test, y_test = parts
    return (
        X_train.astype(np.float32) / 255.0,
        y_train.astype(np.int64),
        X_test.astype(np.float32) / 255.0,
        y_test.astype(np.int64),
    )
