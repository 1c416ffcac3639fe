"""The start of the output layer: a linear model of the codes."""

from __future__ import annotations

import numpy as np

from skae.objectives import Network, network_layout
from skae.solvers import LBFGS
from skae.training import Batches, blas_threads, chunk_rows

# It is fitted to at most this many rows, with at most this many iterations.
_ROWS, _MAX_ITER = 10_000, 100


def linear_start(encoder, rows, n_outputs, loss, rng):
    """Return the weights (K, k) and biases (K,) of a linear model of the codes, fitted to the loss.

    It is the regression by which ZAE 4.1 starts its networks. As in scikit-learn's `LogisticRegression`, weight decay
    of 1 / n acts on the weights of standardised codes.

    Parameters
    ----------
    encoder : Encoder
        Its layers are trained.
    rows : Rows
        The rows.
    n_outputs : int
        Number of scores K.
    loss : str
        Key of `skae.objectives.OUTPUT_LOSSES`.
    rng : numpy.random.Generator
        Chooses rows, if there are many.
    """
    X, target, weight, chosen = rows.X, rows.target, rows.weight, rows.chosen()
    if weight is not None:
        chosen = chosen[weight[chosen] > 0.0]
    if len(chosen) > _ROWS:
        chosen = np.sort(rng.permutation(chosen)[:_ROWS])
    codes = encoder.codes(X[chosen]).astype(np.float64)
    own = None if weight is None else weight[chosen]
    mean = np.average(codes, axis=0, weights=own)
    codes -= mean
    deviation = np.sqrt(np.average(codes**2, axis=0, weights=own))
    deviation[deviation <= 1e-6 * (np.abs(mean) + deviation.max(initial=0.0))] = np.inf  # a constant code says nothing
    codes /= deviation
    layout = network_layout(codes.shape[1], (), (), n_outputs)
    n_rows = len(chosen) if own is None else max(own.sum(), len(chosen))
    goal, centre, spread = target[chosen], np.zeros(n_outputs), np.ones(n_outputs)
    if loss == "squared_error":  # then the scale of the targets does not matter
        goal = goal.astype(np.float64)
        centre = np.average(goal, axis=0, weights=own)
        spread = np.sqrt(np.average((goal - centre) ** 2, axis=0, weights=own))
        spread[spread <= 1e-12 * np.abs(centre)] = 1.0  # of a constant target
        goal = (goal - centre) / spread
    objective = Network(layout, (), loss=loss, l2=1.0 / n_rows)
    batches = Batches(codes, own, None, chunk_rows(codes.shape[1]), shuffle=False, labels=goal)
    with blas_threads(codes.size * n_outputs):
        result = LBFGS(max_iter=_MAX_ITER, tol=1e-6, n_iter_no_change=10).minimize(
            objective, np.zeros(layout.size), batches, rng
        )
    blocks = layout.views(result.theta)
    coef = spread[:, None] * blocks["O"] / deviation
    return coef, centre + spread * blocks["o"] - coef @ mean
