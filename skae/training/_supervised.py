"""Training with labels: noise of the input, the route of the rows, and rows that are held out."""

import math

import numpy as np

from skae.corruption import as_corruption
from skae.training._sparse_route import cheapest_route, dense_route


def input_noise(estimator):
    """Return the corruption of the input that `noise` and `noise_level` describe, or None."""
    return None if estimator.noise is None else as_corruption(estimator.noise, estimator.noise_level)


def labelled_route(estimator, X, n_products, widest=None):
    """Return how training with labels takes the rows X.

    `n_products` is the number of vectors that it multiplies each row with. `widest` is the width of the widest array
    that it makes of the rows, if that is another one.
    """
    noise, widest = input_noise(estimator), n_products if widest is None else widest
    if not (noise is None or noise.keeps_zeros):
        return dense_route(estimator.batch_size, max(X.shape[1], widest))
    whole = estimator.solver == "lbfgs"
    return cheapest_route(X, n_products, estimator.batch_size, whole=whole, reconstructs=False)


def hold_out(labels, fraction, rng):
    """Return the indices of rows to train on, and of rows to hold out. Each class keeps a row to train on."""
    order, held_out = rng.permutation(len(labels)), []
    for j in range(labels.max() + 1):
        rows = order[labels[order] == j]
        held_out.append(rows[: min(math.ceil(fraction * len(rows)), len(rows) - 1)])
    held_out = np.sort(np.concatenate(held_out))
    if not len(held_out):
        raise ValueError(
            "early_stopping=True holds out rows of each class that has two or more, got no such class: fit with "
            "early_stopping=False"
        )
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def split_rows(rows, fraction, rng):
    """Return the rows to train on, and those to hold out; `rows` are their positions, or their number."""
    order = rng.permutation(rows)
    n_held_out = math.ceil(fraction * len(order))
    if n_held_out >= len(order):
        raise ValueError(f"validation_fraction={fraction} of {len(order)} rows leaves none to fit")
    return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
