"""The start of the output layer: a linear model of the codes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from skae._typing import Array, FloatArray
from skae.objectives import Network, network_layout
from skae.parameters import Layout
from skae.solvers import LBFGS
from skae.training import Batches, blas_threads, chunk_rows

#: Weight decay of the linear model that `linear_start` tries, from the strongest on.
STRENGTHS = (1.0, 0.1, 0.01, 1e-3, 1e-4)
#: It compares them on this many rows, or on all, each of them outside the rows that a model is fitted to.
_HELD_OUT = 400
_FOLDS, _MAX_ITER = 5, 100
# Smaller deviations of codes, as a share of their root mean square, do not count.
_LEAST_SHARE = 0.1


def linear_start(objective, theta, loss, batches, keys, rng):
    """Set the output layer of a network to a linear model of the codes, fitted to the loss.

    It is the regression by which ZAE 4.1 starts its networks. The model sees the codes as training does, with noise and
    dropout. Weight decay acts on the weights of standardised codes. Its strength is the one of `STRENGTHS` under which
    models of other rows have the smallest loss, with the weight decay of training.

    Parameters
    ----------
    objective : skae.objectives.Network
        The network.
    theta : ndarray of shape (objective.layout.size,)
        Its parameters. Those of the output layer are written.
    loss : str
        Its loss.
    batches : Batches
        The rows to fit, in an order that they keep.
    keys : ndarray of shape (n,)
        Numbers of the rows. Those of equal numbers are held out together, so that a weight acts as a repetition.
    rng : numpy.random.Generator
        Draws the noise.
    """
    codes, target, weight = _codes_of(objective, theta, batches, rng)
    mean = np.average(codes, axis=0, weights=weight)
    codes -= mean
    with np.errstate(over="ignore"):  # a code whose square overflows says nothing
        variance = np.average(codes**2, axis=0, weights=weight)
        # A constant code, or one for which the squares of weights would overflow.
        variance[variance <= np.maximum((1e-6 * mean) ** 2, np.finfo(theta.dtype).tiny ** 0.75)] = 0.0
    # Codes that are rarely active would have large weights otherwise.
    deviation = np.sqrt(variance + _LEAST_SHARE**2 * variance.mean())
    deviation[variance == 0.0] = np.inf  # it says nothing
    codes /= deviation
    n_outputs = objective.layout.shapes["o"][0]
    centre, spread = np.zeros(n_outputs), np.ones(n_outputs)
    if target.dtype.kind == "f":  # then the scale of the targets does not matter
        centre = np.average(target, axis=0, weights=weight)
        spread = np.sqrt(np.average((target - centre) ** 2, axis=0, weights=weight))
        spread[spread <= 1e-12 * np.abs(centre)] = 1.0  # of a constant target
        target = (target - centre) / spread
    layout = network_layout(codes.shape[1], (), (), n_outputs)
    decay = objective.l2 / deviation**2  # of standardised weights and targets
    model, rows = _LinearModel(layout, loss, decay), _Rows(codes, target, weight)
    blocks = layout.views(model.fit(rows, np.zeros(layout.size), model.best_strength(rows, keys), tol=1e-9))
    coef = spread[:, None] * blocks["O"] / deviation
    wide = theta.astype(np.float64)  # the squares of weights before a limit may be beyond the range of float32
    limited = objective.layout.views(wide)["O"]
    limited[...] = coef
    objective.project(wide)
    theta[...] = wide
    # Weights that a limit has shortened shrink the score as a whole: the bias of the longer ones would not fit.
    lengths = np.linalg.norm(coef, axis=1)
    shrunk = np.divide(np.linalg.norm(limited, axis=1), lengths, out=np.ones(n_outputs), where=lengths > 0.0)
    objective.layout.views(theta)["o"][...] = centre + shrunk * spread * blocks["o"] - limited @ mean


def _codes_of(objective, theta, batches, rng):
    """Return codes, targets and weights (or None) of the rows of one epoch, in float64."""
    codes, targets, weights = [], [], []
    for X, target, weight in batches(rng):
        target, seed = target if isinstance(target, tuple) else (target, None)
        codes.append(objective.code(theta, X, seed).astype(np.float64))
        targets.append(np.array(target, dtype=np.float64 if target.dtype.kind == "f" else None))
        if weight is not None:
            weights.append(weight.astype(np.float64))
    return np.concatenate(codes), np.concatenate(targets), np.concatenate(weights) if weights else None


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Standardised codes of rows, with targets and weights (or None)."""

    codes: FloatArray
    target: Array
    weight: FloatArray | None

    def subset(self, chosen):
        """Return the rows where `chosen` is true."""
        return _Rows(self.codes[chosen], self.target[chosen], None if self.weight is None else self.weight[chosen])

    def total_weight(self):
        """Return the sum of the weights."""
        return len(self.codes) if self.weight is None else self.weight.sum()


@dataclasses.dataclass(frozen=True)
class _LinearModel:
    """A linear model of codes. `decay` is what training adds to the loss for half of each squared weight."""

    layout: Layout
    loss: str
    decay: FloatArray

    def fit(self, rows, theta, strength, tol=1e-4):
        """Return the parameters for the rows, from others on."""
        objective = Network(self.layout, (), loss=self.loss, l2=strength)
        size = chunk_rows(rows.codes.shape[1])
        batches = Batches(rows.codes, rows.weight, None, size, shuffle=False, labels=rows.target)
        with blas_threads(rows.codes.size * self.layout.shapes["o"][0]):
            solver = LBFGS(max_iter=_MAX_ITER, tol=tol, n_iter_no_change=5)
            return solver.minimize(objective, theta, batches, np.random.default_rng(0)).theta

    def value(self, rows, theta):
        """Return the loss of the rows, with the weight decay of training."""
        loss = Network(self.layout, (), loss=self.loss).value(theta, rows.codes, rows.target, rows.weight)
        return loss + 0.5 * (self.decay * self.layout.views(theta)["O"] ** 2).sum()

    def best_strength(self, rows, keys):
        """Return the strength with the smallest value on rows that the model is not fitted to."""
        _, distinct = np.unique(keys, return_inverse=True)
        n_distinct = distinct.max() + 1
        if n_distinct < 2:
            return STRENGTHS[0]
        n_folds = min(_FOLDS, n_distinct, math.ceil(_HELD_OUT * _FOLDS / n_distinct))
        held_out = [distinct % _FOLDS == fold for fold in range(n_folds)]
        splits = [(rows.subset(~fold), rows.subset(fold)) for fold in held_out]
        thetas, best, least = [np.zeros(self.layout.size)] * n_folds, STRENGTHS[0], np.inf
        for strength in STRENGTHS:
            thetas = [self.fit(train, theta, strength) for (train, _), theta in zip(splits, thetas, strict=True)]
            total = sum(
                test.total_weight() * self.value(test, theta) for (_, test), theta in zip(splits, thetas, strict=True)
            )
            if total > least:
                break
            best, least = strength, total
        return best
