"""The functions of `skae.model.Model` as nodes of a graph."""

from __future__ import annotations

from skae.model import Model
from skae.onnx import _units as units
from skae.onnx._graph import Graph


def code(graph: Graph, model: Model, X: str, encoding: str) -> str:
    """Return the code of the rows of X, in an encoding."""
    bias = model.b if encoding in ("natural", "rectified_bias") else None
    U = graph.affine(X, model.W, bias)
    if encoding == "natural":
        return units.value(graph, U, model.activation)
    return U if encoding == "linear" else graph("Relu", U)


def _decoded(graph, model, X):
    """Return H V + c for the rows of X."""
    return graph.affine(code(graph, model, X, "natural"), model.decoder.T, model.c)


def reconstruction(graph: Graph, model: Model, X: str) -> str:
    """Return the reconstruction of the rows of X."""
    return units.output(graph, _decoded(graph, model, X), model.visible)


def energy(graph: Graph, model: Model, X: str) -> str:
    """Return the energy score of the rows of X, shape (n,)."""
    if not model.tied:
        return graph("Neg", units.losses(graph, _decoded(graph, model, X), X, model.visible))
    hidden = units.potential(graph, graph.affine(X, model.W, model.b), model.activation)
    return graph("Add", hidden, units.visible_potential(graph, X, model.c, model.visible))
