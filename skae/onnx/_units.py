"""Hidden and visible units as nodes of a graph: the formulas of `skae.activations` and `skae.visible`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from skae.activations import ACTIVATIONS, Activation
from skae.onnx._graph import Graph

#: For the name of an activation: functions of (graph, U, activation), the code, and the sum of the potentials.
_UNITS: dict[str, tuple[Callable[..., str], Callable[..., str] | None]] = {}


def register_activation(name: str, value: Callable[..., str], potential: Callable[..., str] | None = None) -> None:
    """Teach the converters an activation of your own.

    Parameters
    ----------
    name : str
        The activation's `name`.
    value : callable
        ``value(graph, U, activation)`` adds the nodes of h(u) and returns the name of the result. U is the name of the
        pre-activations, shape (..., n_components). ``graph("Exp", U)`` adds a node.
    potential : callable, default=None
        ``potential(graph, U, activation)`` does so for the antiderivative of h, summed over the last axis. None is for
        an activation without one: `score_samples` of tied weights then cannot be converted.

    Raises
    ------
    TypeError
        If `name` is no string, or a function cannot be called.

    Examples
    --------
    >>> import skae.onnx
    >>> skae.onnx.register_activation("sine", lambda graph, U, activation: graph("Sin", U))
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be the activation's name, a string, got {name!r}")
    if not callable(value) or not (potential is None or callable(potential)):
        raise TypeError(
            f"value and potential must be functions of (graph, U, activation), got {value!r} and {potential!r}"
        )
    _UNITS[name] = (value, potential)


def value(graph: Graph, U: str, activation: Activation) -> str:
    """Return h(U)."""
    return _result(_of(activation)[0], graph, U, activation)


def potential(graph: Graph, U: str, activation: Activation) -> str:
    """Return the antiderivative of h, summed over the last axis."""
    function = _of(activation)[1]
    if function is None:
        raise NotImplementedError(
            f"skae.onnx has no potential of the activation {activation.name!r}, which scores need; give one to "
            "skae.onnx.register_activation"
        )
    return _result(function, graph, U, activation)


def _of(activation):
    """Return the functions of an activation."""
    name = activation.name
    if name not in _UNITS:
        raise NotImplementedError(
            f"skae.onnx does not know the activation {name!r}; skae.onnx.register_activation teaches it"
        )
    if _UNITS[name] == _BUILT_IN.get(name) and type(activation) is not ACTIVATIONS[name]:
        raise NotImplementedError(
            f"the activation {type(activation).__name__} has the name of skae's {name!r}; give it a name of its own, "
            "which skae.onnx.register_activation takes"
        )
    return _UNITS[name]


def _result(function, graph, U, activation):
    """Return the name of the result of a function, which may be a user's."""
    name = function(graph, U, activation)
    if not isinstance(name, str):
        raise TypeError(
            f"a function of the activation {activation.name!r} must return the name of a result, as graph(...) does, "
            f"got {name!r}"
        )
    return name


# -- functions of numbers


def sigmoid(graph: Graph, U: str) -> str:
    """Return 1 / (1 + exp(-u)). The node Sigmoid of onnxruntime has no lower tail: it returns 0 there too early."""
    return graph("Reciprocal", graph("Add", graph("Exp", graph("Neg", U)), 1.0))


def softplus(graph: Graph, U: str) -> str:
    """Return log(1 + exp(u)). The node Softplus of onnxruntime is slow in float32, and overflows in float64."""
    largest = 700.0 if graph.dtype == np.float64 else 88.0
    bounded = graph("Min", U, largest)
    return graph("Max", graph("Log", graph("Add", graph("Exp", bounded), 1.0)), U)


def _half_squares(graph, A):
    return graph("Mul", graph.sum(graph("Mul", A, A)), 0.5)


def _where_above(graph, U, threshold):
    """Return 1.0 where U > threshold, else 0.0."""
    return graph.cast(graph("Greater", U, threshold), graph.dtype)


# -- hidden units


def _relu(graph, U, activation):
    return graph("Relu", U)


def _relu_potential(graph, U, activation):
    return _half_squares(graph, graph("Relu", U))


def _modulus_potential(graph, U, activation):
    return graph("Mul", graph.sum(graph("Mul", U, graph("Abs", U))), 0.5)


def _trec(graph, U, activation):
    return graph("Mul", U, _where_above(graph, U, activation.threshold))


def _trec_potential(graph, U, activation):
    squares = graph("Sub", graph("Mul", U, U), activation.threshold**2)
    return graph("Mul", graph.sum(graph("Mul", squares, _where_above(graph, U, activation.threshold))), 0.5)


def _tlin(graph, U, activation):
    return graph("Mul", U, _where_above(graph, graph("Abs", U), math.sqrt(activation.threshold)))


def _tlin_potential(graph, U, activation):
    return graph("Mul", graph.sum(graph("Relu", graph("Sub", graph("Mul", U, U), activation.threshold))), 0.5)


def _shrink(graph, U, activation):
    inside = graph("Clip", U, -activation.threshold, activation.threshold)
    return graph("Sub", U, inside)


def _satlinear(graph, U, activation):
    return graph("Clip", U, -1.0, 1.0)


def _satlinear_potential(graph, U, activation):
    H = _satlinear(graph, U, activation)
    return graph.sum(graph("Mul", H, graph("Sub", U, graph("Mul", H, 0.5))))


def _tanh_potential(graph, U, activation):
    a = graph("Abs", U)
    t = graph("Log", graph("Add", graph("Exp", graph("Mul", a, -2.0)), 1.0))
    return graph.sum(graph("Sub", graph("Add", t, a), math.log(2.0)))


def _softplus_potential(graph, U, activation):
    y = softplus(graph, graph("Neg", graph("Abs", U)))
    y2 = graph("Mul", y, y)
    terms = activation.series(graph.dtype.itemsize)
    series = graph("Mul", y2, terms[-1])
    for coefficient in terms[-2::-1]:
        series = graph("Mul", graph("Add", series, coefficient), y2)
    below = graph("Mul", y, graph("Add", graph("Add", graph("Mul", y, 0.25), 1.0), series))
    above = graph("Sub", graph("Add", graph("Mul", graph("Mul", U, U), 0.5), math.pi**2 / 6), below)
    return graph.sum(graph("Where", graph("Greater", U, 0.0), above, below))


def _square_potential(graph, U, activation):
    return graph("Div", graph.sum(graph("Mul", graph("Mul", U, U), U)), 3.0)


def _synchrony(graph, U, activation):
    return graph("Mul", sigmoid(graph, graph("Mul", U, U)), U)


def _synchrony_potential(graph, U, activation):
    return graph("Mul", graph.sum(softplus(graph, graph("Mul", U, U))), 0.5)


def _max(graph, U, activation):
    winner = graph("ArgMax", U, axis=-1, keepdims=1)
    n_units = graph("Squeeze", graph("Gather", graph("Shape", U), graph.integers([-1])))
    units = graph("Range", graph.integers(0), n_units, graph.integers(1))
    return graph.cast(graph("Equal", winner, units), graph.dtype)  # onnxruntime has no OneHot of doubles


def _max_potential(graph, U, activation):
    return graph.reduce("ReduceMax", U)


def _by_group(graph, U, activation):
    """Return U with the axes of the unit in its group and of the group, and the axis to sum over."""
    if activation.n_groups == 1:
        return U, -1
    n_groups = graph.integers([activation.n_groups])
    leading, n_units = graph("Shape", U, end=-1), graph("Shape", U, start=-1)
    # No -1 among the lengths, which cannot be found for an array without rows.
    shape = graph("Concat", leading, graph("Div", n_units, n_groups), n_groups, axis=0)
    return graph("Reshape", U, shape), -2


def _softmax(graph, U, activation):
    groups, axis = _by_group(graph, U, activation)
    shares = graph("Exp", graph("Sub", groups, graph.reduce("ReduceMax", groups, axis, keepdims=True)))
    total = graph.sum(shares, axis, keepdims=True)
    if activation.n_groups > 1:
        total = graph("Mul", total, float(activation.n_groups))
    H = graph("Div", shares, total)
    return H if activation.n_groups == 1 else graph("Reshape", H, graph("Shape", U))


def _softmax_potential(graph, U, activation):
    groups, axis = _by_group(graph, U, activation)
    top = graph.reduce("ReduceMax", groups, axis, keepdims=True)
    total = graph("Log", graph.sum(graph("Exp", graph("Sub", groups, top)), axis))
    total = graph("Add", total, graph("Squeeze", top, graph.integers([axis])))
    return total if activation.n_groups == 1 else graph.reduce("ReduceMean", total)


def _plain(function: Callable[[Graph, str], str]) -> Callable[..., str]:
    """Return a function of numbers as one of an activation."""
    return lambda graph, U, activation: function(graph, U)


for _name, _value, _potential in (
    ("identity", lambda graph, U, activation: U, _plain(_half_squares)),
    ("sigmoid", _plain(sigmoid), lambda graph, U, activation: graph.sum(softplus(graph, U))),
    ("tanh", lambda graph, U, activation: graph("Tanh", U), _tanh_potential),
    ("softplus", _plain(softplus), _softplus_potential),
    ("square", lambda graph, U, activation: graph("Mul", U, U), _square_potential),
    ("synchrony", _synchrony, _synchrony_potential),
    ("relu", _relu, _relu_potential),
    ("modulus", lambda graph, U, activation: graph("Abs", U), _modulus_potential),
    ("trec", _trec, _trec_potential),
    ("tlin", _tlin, _tlin_potential),
    ("shrink", _shrink, lambda graph, U, activation: _half_squares(graph, _shrink(graph, U, activation))),
    ("satlinear", _satlinear, _satlinear_potential),
    ("max", _max, _max_potential),
    ("softmax", _softmax, _softmax_potential),
):
    register_activation(_name, _value, _potential)

_BUILT_IN = dict(_UNITS)


# -- visible units


def output(graph: Graph, A: str, visible: str) -> str:
    """Return the output of the visible units."""
    return sigmoid(graph, A) if visible == "bernoulli" else A


def losses(graph: Graph, A: str, X: str, visible: str) -> str:
    """Return the loss of each row, given A = H V + c."""
    if visible == "bernoulli":
        return graph("Sub", graph.sum(softplus(graph, A)), graph.sum(graph("Mul", X, A)))
    return _half_squares(graph, graph("Sub", A, X))


def visible_potential(graph: Graph, X: str, c: Any, visible: str) -> str:
    """Return the visible units' part of the energy of each row (ENERGY eq. 11, 28)."""
    if visible == "gaussian":
        return graph("Neg", _half_squares(graph, graph("Sub", X, c)))
    tiny = float(np.finfo(graph.dtype).tiny)

    def own(p):
        p = graph("Max", p, tiny)
        return graph.sum(graph("Mul", p, graph("Log", p)))

    entropy = graph("Neg", graph("Add", own(X), own(graph("Sub", 1.0, X))))
    return graph("Add", graph.sum(graph("Mul", X, c)), entropy)
