"""The data of the benchmarks: large sets of images from files or OpenML, small ones that scikit-learn and rules make.

"mnist" and "cifar10" are ``$SKAE_DATA/<name>.npz`` where that is set, else from `sklearn.datasets.fetch_openml`.
"digits" are scikit-learn's. "photographs" and "textures" are grey patches of 12 x 12 pixels, classes of which differ in
what no single pixel tells; training and test patches never share a pixel.
"""

import os
import pathlib

import numpy as np
from sklearn.datasets import fetch_openml, load_digits, load_sample_images
from sklearn.model_selection import train_test_split

OPENML = {"mnist": ("mnist_784", 60_000), "cifar10": ("CIFAR_10", 50_000)}
PATCH, PER_CLASS = 12, 250
BAND = 2 * PATCH


def load(name):
    """Return X_train, y_train, X_test, y_test; pixels are float32, in [0, 1] but for textures, labels integers.

    The npz file holds these four names, pixels as uint8.
    """
    if name in BUNDLED:
        X_train, y_train, X_test, y_test = BUNDLED[name]()
        return X_train.astype(np.float32), y_train, X_test.astype(np.float32), y_test
    folder = os.environ.get("SKAE_DATA")
    if folder:
        path = pathlib.Path(folder) / f"{name}.npz"
        if not path.is_file():
            raise FileNotFoundError(f"SKAE_DATA is {folder!r}, which has no {name}.npz (see benchmarks/README.md)")
        with np.load(path) as file:
            parts = [file[key] for key in ("X_train", "y_train", "X_test", "y_test")]
    else:
        openml_name, n_train = OPENML[name]
        try:
            X, y = fetch_openml(openml_name, version=1, as_frame=False, return_X_y=True)
        except OSError as error:
            raise OSError(f"OpenML cannot be reached for {name}; set SKAE_DATA to a folder with {name}.npz") from error
        parts = [X[:n_train], y[:n_train], X[n_train:], y[n_train:]]
    X_train, y_train, X_test, y_test = parts
    return (
        X_train.astype(np.float32) / 255.0,
        y_train.astype(np.int64),
        X_test.astype(np.float32) / 255.0,
        y_test.astype(np.int64),
    )


def digits():
    """Return scikit-learn's digits, half of them to train on."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16.0, y, test_size=0.5, stratify=y, random_state=0)
    return X_train, y_train, X_test, y_test


def textures(n_classes=10, side=256, seed=0):
    """Return patches of textures: sparse dots through a filter of one direction and frequency, on 1/f noise.

    Two images of each class, one to train and one to test on. The mean patch of each class is zero and dots have either
    sign, so that a linear classifier of pixels is at chance.
    """
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    frequency, direction = np.maximum(np.hypot(y, x), 1.0 / side), np.arctan2(y, x)

    def filtered(image, response):
        image = np.fft.ifft2(np.fft.fft2(image) * response).real
        return image / image.std()

    def texture(label):
        octaves = np.log2(frequency / (0.08, 0.16)[label % 2])
        turn = direction - np.pi * (label // 2) / ((n_classes + 1) // 2)
        dots = rng.standard_normal((side, side)) * (rng.random((side, side)) < 0.01)
        marks = filtered(dots, np.exp(-2.0 * octaves**2 + (np.cos(2.0 * turn) - 1.0) / 0.3))
        ground = filtered(rng.standard_normal((side, side)), 1.0 / frequency)
        return marks + 0.5 * ground + 0.1 * rng.standard_normal((side, side))

    return labelled([([texture(label)], [texture(label)]) for label in range(n_classes)], rng)


def photographs(seed=0):
    """Return patches of the sixths of both sample photographs; bands of rows train and test by turns."""
    tiles = []
    for image in load_sample_images().images:
        for strip in np.array_split(image.mean(axis=2) / 255.0, 2):
            for tile in np.array_split(strip, 3, axis=1):
                bands = [tile[top : top + BAND] for top in range(0, len(tile) - BAND + 1, BAND)]
                tiles.append((bands[::2], bands[1::2]))
    return labelled(tiles, np.random.default_rng(seed))


def labelled(pairs, rng):
    """Return patches and labels, shuffled, of pairs of lists of images, one pair a class: to train, and to test on."""
    train, test = (np.concatenate([patches(pair[i], rng) for pair in pairs]) for i in (0, 1))
    order = rng.permutation(len(train))  # a search without labels cuts its folds from rows in their order
    y = np.repeat(np.arange(len(pairs)), PER_CLASS)[order]
    return train[order], y, test[order], y


def patches(images, rng):
    """Return patches, one a row, from random places of images of one size."""
    windows = np.lib.stride_tricks.sliding_window_view(np.stack(images), (PATCH, PATCH), axis=(1, 2))
    return windows[tuple(rng.integers(n, size=PER_CLASS) for n in windows.shape[:3])].reshape(PER_CLASS, -1)


BUNDLED = {"digits": digits, "textures": textures, "photographs": photographs}
