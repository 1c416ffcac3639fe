"""The recipes of the guide: on small data, what it advises is better than what it advises against."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ContractiveAutoencoder, ContrastNormalizer, PCAWhitener, ZeroBiasAutoencoder

SIDE, PATCH, N_CLASSES, PER_CLASS = 128, 10, 6, 250


def accuracy(Z_train, y_train, Z_test, y_test):
    """Return the test accuracy of a ridge classifier, its strength chosen by cross-validation."""
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 7)))
    return classifier.fit(Z_train, y_train).score(Z_test, y_test)


def random_weights(X, n_units):
    """Return max(0, WX) with random weights: what training has to beat."""
    return np.maximum(X @ np.random.default_rng(0).standard_normal((X.shape[1], n_units)), 0.0)


def texture(rng, label):
    """Return patches of sparse strokes of one direction on fine noise, one patch a row."""
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    frequency, direction = np.maximum(np.hypot(y, x), 1.0 / SIDE), np.arctan2(y, x)
    turn = np.cos(2.0 * (direction - np.pi * label / N_CLASSES)) - 1.0
    dots = rng.standard_normal((SIDE, SIDE)) * (rng.random((SIDE, SIDE)) < 0.01)
    image = np.fft.ifft2(np.fft.fft2(dots) * np.exp(-2.0 * np.log2(frequency / 0.12) ** 2 + turn / 0.3)).real
    image = image / image.std() + 0.1 * rng.standard_normal((SIDE, SIDE))
    windows = np.lib.stride_tricks.sliding_window_view(image, (PATCH, PATCH))
    return windows[tuple(rng.integers(n, size=PER_CLASS) for n in windows.shape[:2])].reshape(PER_CLASS, -1)


@pytest.fixture(scope="module")
def textures():
    """Training and test patches, cut from different images, and their labels."""
    rng = np.random.default_rng(0)
    sets = [np.concatenate([texture(rng, label) for label in range(N_CLASSES)]) for _ in range(2)]
    return *map(ContrastNormalizer().fit_transform, sets), np.repeat(np.arange(N_CLASSES), PER_CLASS)


def test_images_are_not_whitened_before_zero_bias_features():
    """With `whiten=None` zero-bias features of digits beat random weights, and those behind full whitening."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    scores = {}
    for whiten in (None, "pca"):
        whitener = PCAWhitener(0.99, whiten=whiten).fit(X_train)
        Z_train, Z_test = whitener.transform(X_train), whitener.transform(X_test)
        autoencoder = ZeroBiasAutoencoder(100, max_iter=15, tol=0, random_state=0).fit(Z_train)
        scores[whiten] = accuracy(autoencoder.transform(Z_train), y_train, autoencoder.transform(Z_test), y_test)
        scores["random", whiten] = accuracy(random_weights(Z_train, 100), y_train, random_weights(Z_test, 100), y_test)
    assert scores[None] > scores["pca"] + 0.01
    assert scores[None] > scores["random", None]
    assert scores["pca"] > scores["random", "pca"]


def contractive(textures, share, **parameters):
    """Return the accuracies with the code of a contractive autoencoder and with random weights, and the score."""
    X_train, X_test, y = textures
    whitener = PCAWhitener(share).fit(X_train)
    A, B = whitener.transform(X_train), whitener.transform(X_test)
    autoencoder = ContractiveAutoencoder(64, max_iter=50, encoding="rectified", random_state=0, **parameters).fit(A)
    learned = accuracy(autoencoder.transform(A), y, autoencoder.transform(B), y)
    return learned, accuracy(random_weights(A, 64), y, random_weights(B, 64), y), autoencoder.score(B)


def test_patches_want_fewer_directions_and_a_stronger_penalty(textures):
    """The guide's recipe for patches beats random weights, which the default does not, and the score prefers it."""
    recipe, random, score = contractive(textures, 0.9, alpha=1.0, learning_rate_init=0.1)
    default, _, default_score = contractive(textures, 0.9)
    assert recipe > random + 0.02
    assert random > default + 0.05
    assert score > default_score
    noise, random_behind_all, _ = contractive(textures, 0.99)
    assert noise < random_behind_all < recipe
