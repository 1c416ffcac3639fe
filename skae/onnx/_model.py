"""The functions of `skae.model.Model` as nodes of a graph."""

from __future__ import annotations

import functools
from typing import Any

from skae.model import Model
from skae.onnx import _units as units
from skae.onnx._graph import Graph


class ModelNodes:
    """The nodes of a model's functions of some rows. What they share is computed once.

    Parameters
    ----------
    graph : Graph
        The graph.
    autoencoder : autoencoder
        Fitted.
    X : str
        The rows.
    """

    def __init__(self, graph: Graph, autoencoder: Any, X: str) -> None:
        self.graph, self.model, self.X = graph, Model.from_estimator(autoencoder).astype(graph.dtype), X

    @functools.cached_property
    def _pre_activations(self):
        return self.graph.affine(self.X, self.model.W, self.model.b)

    @functools.cached_property
    def _natural_code(self):
        return units.value(self.graph, self._pre_activations, self.model.activation)

    @functools.cached_property
    def _decoded(self):
        """H V + c."""
        return self.graph.affine(self._natural_code, self.model.decoder.T, self.model.c)

    def code(self, encoding: str) -> str:
        """Return the code in an encoding."""
        if encoding == "natural":
            return self._natural_code
        biased = encoding == "rectified_bias"
        U = self._pre_activations if biased else self.graph.affine(self.X, self.model.W)
        return U if encoding == "linear" else self.graph("Relu", U)

    def reconstruction(self) -> str:
        """Return the reconstruction."""
        return units.output(self.graph, self._decoded, self.model.visible)

    def energy(self) -> str:
        """Return the energy score, shape (n,)."""
        model = self.model
        if not model.tied:
            return self.graph("Neg", units.losses(self.graph, self._decoded, self.X, model.visible))
        hidden = units.potential(self.graph, self._pre_activations, model.activation)
        return self.graph("Add", hidden, units.visible_potential(self.graph, self.X, model.c, model.visible))
