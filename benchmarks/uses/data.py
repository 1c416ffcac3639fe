"""Small data and small models, which all uses share."""

import functools

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, EnergyOutlierDetector


@functools.cache
def digits():
    """Return 600 digits and their labels."""
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16.0, y[:600]


@functools.cache
def flowers():
    """Return the standardised irises and their labels, shuffled."""
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return StandardScaler().fit_transform(X)[order], y[order]


@functools.cache
def wines():
    """Return the standardised wines and their labels, shuffled."""
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return StandardScaler().fit_transform(X)[order], y[order]


@functools.cache
def tumours():
    """Return the standardised breast cancers and their labels, 0 and 1, shuffled."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return StandardScaler().fit_transform(X)[order], y[order]


def split(X, y):
    """Return training and test rows, labels after rows."""
    return train_test_split(X, y, random_state=0, stratify=y)


def autoencoder(n_components=16, **parameters):
    """Return a small autoencoder, untrained."""
    return ContractiveAutoencoder(n_components, **{"max_iter": 15, "tol": 0, "random_state": 0, **parameters})


def classifier(**parameters):
    """Return a small classifier, untrained."""
    settings = {"method": "normalize", "temperature": 1.0, "random_state": 0, **parameters}
    return ClassSpecificAEClassifier(autoencoder(6, max_iter=40, alpha=0.03), **settings)


def detector(**parameters):
    """Return a detector, untrained."""
    return EnergyOutlierDetector(**{"random_state": 0, **parameters})
