"""Starting values of training: weights, biases, and the flat vector of both."""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import DTypeLike

from skae import _ops as ops
from skae._typing import FloatArray, Init, VisibleName
from skae.activations import Activation
from skae.parameters._constraints import MaxNorm, UnitNorm
from skae.parameters._layout import Layout
from skae.visible import VISIBLE

# Factors on the rows of "data" and "pca", to choose from by the loss of at most this number of rows.
_LENGTHS, _LENGTH_ROWS = tuple(2.0 ** (i / 2.0) for i in range(-10, 3)), 500


def _centred(X, mean):
    """Return X - mean; a constant feature gives exact zeros, not the rounding error of its mean."""
    centred = X - mean
    centred[np.abs(centred) <= 1e-12 * np.abs(mean)] = 0.0
    return centred


def _glorot(n_components, n_features, sample, rng):
    """Return weights that are uniform in +-sqrt(6 / (n_components + n_features)) (Glorot and Bengio 2010)."""
    limit = math.sqrt(6.0 / (n_components + n_features))
    return rng.uniform(-limit, limit, (n_components, n_features))


def _lengths(n_components, n_features, rng):
    """Return factors on the rows' lengths, shape (k, 1), with mean square 1.

    All are 1 unless there are more units than features. With many units, each row is short, and its unit works where
    the activation is linear. Training then stays for long at the loss of a linear autoencoder. So the lengths follow
    a log-normal distribution, which is wider for more units per feature. The units with the longest rows leave the
    linear range at once.
    """
    if n_components <= n_features:
        return np.ones((n_components, 1))
    deviation = min(0.5 * math.log(n_components / n_features), 1.0)
    quantile = NormalDist().inv_cdf
    lengths = np.array([math.exp(deviation * quantile((i + 0.5) / n_components)) for i in range(n_components)])
    return rng.permutation(lengths / math.sqrt(np.mean(lengths**2)))[:, None]


def _data(n_components, n_features, sample, rng):
    """Return randomly chosen centred samples, no two alike: tied units that start alike stay alike."""
    # np.unique sorts the rows, so repeating or reordering them changes nothing.
    distinct = np.unique(sample.X, axis=0)
    return _centred(distinct[rng.permutation(len(distinct))[:n_components]], sample.mean)


def _pca(n_components, n_features, sample, rng):
    """Return the leading principal components of the sample."""
    root = np.sqrt(sample.weight / sample.weight.sum())[:, None]
    centred = _centred(sample.X, sample.mean) * root
    _, singular, components = np.linalg.svd(centred, full_matrices=False)
    rank = int((singular > 1e-7 * singular.max(initial=0.0)).sum())
    components = components[: min(rank, n_components)]
    # Choose the sign that makes the largest entry positive, as scikit-learn's svd_flip does.
    largest = np.argmax(np.abs(components), axis=1)[:, None]
    return components * np.sign(np.take_along_axis(components, largest, axis=1))


def _kmeans_plus_plus(n_rows, sample, rng):
    """Return `n_rows` rows of the sample, no two alike, drawn far from one another, by k-means++.

    It returns fewer rows if the sample has fewer distinct ones. k-means++ (Arthur and Vassilvitskii 2007) draws each
    row with a probability proportional to its weight times its squared distance from the nearest row chosen before.
    At each turn it draws several candidates, and chooses the one that lowers the sum of these products most.
    """
    # np.unique sorts the rows, so repeating or reordering them changes nothing.
    distinct, inverse = np.unique(sample.X, axis=0, return_inverse=True)
    weight = np.bincount(inverse.reshape(-1), weights=sample.weight)
    centred = _centred(distinct, sample.mean)
    centred /= np.abs(centred).max() or 1.0  # against overflow in the squares
    squares = ops.row_squared_norms(centred)

    def distances(rows):
        """Return the squared distances of all m rows from some of them, shape (len(rows), m)."""
        far = np.maximum(squares + squares[rows, None] - 2.0 * (centred[rows] @ centred.T), 0.0)
        far[np.arange(len(rows)), rows] = 0.0
        return far

    n_candidates, chosen, nearest = 2 + int(math.log(n_rows)), [], None
    for _ in range(min(n_rows, len(distinct))):
        mass = np.cumsum(weight if nearest is None else weight * nearest)
        if not mass[-1] > 0.0:
            break
        n_drawn = 1 if nearest is None else n_candidates
        drawn = np.minimum(np.searchsorted(mass, mass[-1] * rng.random(n_drawn), side="right"), len(mass) - 1)
        candidates = distances(drawn) if nearest is None else np.minimum(distances(drawn), nearest)
        best = int(np.argmin(candidates @ weight))
        chosen.append(drawn[best])
        nearest = candidates[best]
    return distinct[chosen]


#: Functions of (n_components, n_features, sample, rng) that return starting weights, by name.
INITIALIZATIONS = {"glorot": _glorot, "data": _data, "pca": _pca}


@dataclasses.dataclass(frozen=True)
class Sample:
    """Rows of the training data that set the starting values.

    X has shape (m, d) and is float64. The row weights `weight` have shape (m,), the mean of all the data (d,).
    """

    X: FloatArray
    weight: FloatArray
    mean: FloatArray


def initial_weights(init: Init, n_components: int, sample: Sample, rng: np.random.Generator) -> FloatArray:
    """Return the starting weights, shape (n_components, n_features), float64.

    With every `init`, the root mean square length of the rows is sqrt(2d/(d + k)). "data" and "pca" give rows of equal
    length. "glorot" gives rows of unequal length if there are more units than features. If "data" or "pca" has too few
    rows or too low a rank, or gives a row of zeros, glorot fills in. `initial_parameters` scales the rows of "data" and
    "pca" further.

    Parameters
    ----------
    init : {"glorot", "data", "pca"}
        Random, random centred samples, or leading principal components.
    n_components : int
        Number of rows.
    sample : Sample
        Rows of the training data with their weights and mean.
    rng : numpy.random.Generator
        Source of randomness.
    """
    n_features = sample.X.shape[1]
    W = _glorot(n_components, n_features, sample, rng)
    if init == "glorot":
        W *= _lengths(n_components, n_features, rng)
        return W
    rows = INITIALIZATIONS[init](n_components, n_features, sample, rng)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)  # against overflow in the squares
    norms = np.sqrt(ops.row_squared_norms(rows))
    alive = norms > 0.0
    length = math.sqrt(2.0 * n_features / (n_features + n_components))
    W[: len(rows)][alive] = rows[alive] * (length / norms[alive])[:, None]
    return W


def _mean_direction(sample):
    """Return the direction of the data's mean, of length near 1 if the mean is far from zero, near 0 if it is close."""
    centred = _centred(sample.X, sample.mean)
    # Divided by the largest number, no square overflows or underflows.
    largest = max(np.abs(sample.mean).max(), np.abs(centred).max()) or 1.0
    mean = sample.mean / largest
    spread = float(sample.weight @ ops.row_squared_norms(centred / largest)) / float(sample.weight.sum())
    return mean / (np.sqrt(mean @ mean + spread) or 1.0)


def _starting_pre_activations(activation, n_components):
    """Return the pre-activation of each unit at the data's mean, shape (k,).

    It is 0, unless h is flat around 0. Then the units take the edges of the flat region in turn.
    """
    zero = np.zeros(1)
    below, above = ([kink for kink in activation.kinks if sign * kink >= 0.0] for sign in (-1.0, 1.0))
    edges = [*sorted(below)[-1:], *sorted(above)[:1]]
    if not (edges and hasattr(activation, "derivative")):
        return np.zeros(n_components)
    flat = activation.derivative(zero, activation.value(zero))[0] == 0.0
    return np.resize(edges if flat else 0.0, n_components)


def initial_parameters(
    layout: Layout,
    init: Init,
    sample: Sample,
    activation: Activation,
    visible: VisibleName,
    rng: np.random.Generator,
    dtype: DTypeLike,
    constraint: UnitNorm | MaxNorm | None = None,
) -> FloatArray:
    """Return the flat starting vector of a reconstruction objective.

    The hidden biases start at -W mean, so the pre-activations are zero at the data's mean. If the activation is flat
    around zero, they start at an edge of the flat region instead. Then every unit is active on about half of the
    samples, whatever their scale. Without hidden bias, the direction of the mean is removed from the rows of W instead,
    the more completely, the farther the mean is from zero. The visible biases start at values that make the mean
    residual over the sample zero. So the start does not depend on the location of the data. With "data"
    and "pca", and no constraint, all rows of W get the length at which they reconstruct the sample best.

    Units that derive their bias stand for the reconstructions output(w_k + c). The visible biases start at values with
    output(c) equal to the mean. With "data", k-means++ chooses samples, and each output(w_k + c) starts at one of them
    (for bernoulli, nearly).

    Parameters
    ----------
    layout : Layout
        It has the blocks W and c, and may have V and b.
    init : {"glorot", "data", "pca"}
        See `initial_weights`. An untied decoder starts equal to the encoder.
    sample : Sample
        Rows of the training data.
    activation : Activation
        The hidden units.
    visible : {"gaussian", "bernoulli"}
        The visible units.
    rng : numpy.random.Generator
        Source of randomness.
    dtype : numpy dtype
        Dtype of the result.
    constraint : UnitNorm or MaxNorm, optional
        Constraint that the start meets.
    """
    derives_bias = activation.derived_bias and "b" not in layout
    if derives_bias:
        blocks = _initial_centres(init, layout.shapes["W"][0], sample, visible, rng)
    else:
        blocks = {"W": initial_weights(init, layout.shapes["W"][0], sample, rng)}
    if "b" not in layout and not derives_bias and len(sample.mean) > 1:
        blocks["W"] -= np.outer(blocks["W"] @ _mean_direction(sample), _mean_direction(sample))
    if derives_bias:
        if constraint is not None:
            constraint.project(blocks[constraint.block])
        return layout.pack(dtype, **{name: blocks[name] for name in layout.shapes})
    if init != "glorot" and constraint is None:
        blocks["W"] *= _fitting_length(blocks["W"], sample, activation, visible, "b" in layout)
    if "V" in layout:
        blocks["V"] = blocks["W"].copy()
    if constraint is not None:
        constraint.project(blocks[constraint.block])
    blocks["b"], blocks["c"] = initial_biases(
        blocks["W"], blocks.get("V", blocks["W"]), sample, activation, visible, hidden_bias="b" in layout
    )
    return layout.pack(dtype, **{name: blocks[name] for name in layout.shapes})


def _fitting_length(W, sample, activation, visible, hidden_bias):
    """Return the factor on the rows of W, among powers of the root of 2, at which they reconstruct the sample best.

    Samples are much alike, so many rows of "data" answer to each of them. Rows of unit length would reconstruct it many
    times over. Encoder and decoder share the factor.
    """
    some = slice(None, None, math.ceil(len(sample.X) / _LENGTH_ROWS))  # the sample is in the order of the data
    X, weight = sample.X[some], sample.weight[some]
    units, U = VISIBLE[visible], X @ W.T
    b = _starting_pre_activations(activation, len(W)) if hidden_bias else np.zeros(len(W))
    if hidden_bias:
        U -= W @ sample.mean
    losses = []
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for factor in _LENGTHS:
            R = (activation.value(factor * U + b) * factor) @ W
            R += units.link(sample.mean) - weight @ R / weight.sum()
            losses.append(units.loss_and_residual(R, X, ops.row_weights(len(X), weight)))
    finite = np.isfinite(losses)
    return _LENGTHS[int(np.argmin(np.where(finite, losses, np.inf)))] if finite.any() else 1.0


def _initial_centres(init, n_components, sample, visible, rng):
    """Return the blocks W and c of units that derive their bias; see `initial_parameters`."""
    units = VISIBLE[visible]
    c = units.link(sample.mean)
    if init != "data":
        return {"W": initial_weights(init, n_components, sample, rng), "c": c}
    W = _glorot(n_components, len(sample.mean), sample, rng)
    rows = _kmeans_plus_plus(n_components, sample, rng)
    W[: len(rows)] = _centred(units.link(rows), c)
    return {"W": W, "c": c}


def initial_biases(
    W: FloatArray, V: FloatArray, sample: Sample, activation: Activation, visible: VisibleName, hidden_bias: bool = True
) -> tuple[FloatArray | float, FloatArray]:
    """Return the starting hidden biases (k,), or 0 if there are none, and visible biases (d,).

    Parameters
    ----------
    W, V : ndarray of shape (k, d)
        Encoder and decoder.
    sample, activation, visible
        See `initial_parameters`.
    hidden_bias : bool, default=True
        Whether the hidden units have a bias.
    """
    b = _starting_pre_activations(activation, len(W)) - W @ sample.mean if hidden_bias else 0.0
    H = activation.value(sample.X @ W.T + b)  # (m, k)
    return b, VISIBLE[visible].link(sample.mean) - (sample.weight @ H / sample.weight.sum()) @ V
