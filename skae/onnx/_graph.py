"""Nodes of an ONNX graph, written as calls."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

# Reductions whose axes are an input from opset 18 on, and an attribute before. ReduceSum has them as an input since 13.
_AXES_ARE_INPUT = 18

#: The lowest opset that the converters write.
LEAST_OPSET = 17


class Graph:
    """The graph that a converter adds nodes to.

    A call adds a node and returns the name of its result. Names stand for tensors. Arrays and numbers among the inputs
    become constants in the graph's dtype.

    Parameters
    ----------
    scope, container : object
        What skl2onnx gives to a converter.
    dtype : numpy dtype
        float32 or float64.
    """

    def __init__(self, scope: Any, container: Any, dtype: Any) -> None:
        self._scope, self._container, self.dtype = scope, container, np.dtype(dtype)
        self.opset = container.target_opset
        if self.opset < LEAST_OPSET:
            raise ValueError(f"skae.onnx needs target_opset >= {LEAST_OPSET}, got {self.opset}")

    def __call__(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node; return the name of its result."""
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        output: str = self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, names, [output], name=name, **attributes)
        return output

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Return the name of a constant, an array in the graph's dtype or in another one."""
        array = np.asarray(values, dtype=self.dtype if dtype is None else dtype)
        name: str = self._scope.get_unique_variable_name("constant")
        is_text = array.dtype.kind in "US"
        content: Any = [str(each).encode() for each in array.ravel()] if is_text else array.ravel()
        kind = helper.np_dtype_to_tensor_dtype(np.dtype("O") if is_text else array.dtype)
        self._container.add_initializer(name, kind, array.shape, content)
        return name

    def integers(self, values: Any) -> str:
        """Return the name of a constant of integers."""
        return self.constant(values, np.int64)

    def cast(self, A: str, dtype: Any) -> str:
        """Return A in another dtype."""
        return self("Cast", A, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reduce(self, kind: str, A: str, axis: int = -1, keepdims: bool = False) -> str:
        """Return a reduction over one axis, such as "ReduceMax"."""
        if kind == "ReduceSum" or self.opset >= _AXES_ARE_INPUT:
            return self(kind, A, self.integers([axis]), keepdims=int(keepdims))
        return self(kind, A, axes=[axis], keepdims=int(keepdims))

    def sum(self, A: str, axis: int = -1, keepdims: bool = False) -> str:
        """Return the sums over one axis."""
        return self.reduce("ReduceSum", A, axis, keepdims)

    def affine(self, X: str, W: Any, b: Any = None) -> str:
        """Return X W^T + b, for a matrix W (k, d) and a vector b (k,) or None."""
        return self("Gemm", X, W, *([] if b is None else [b]), transB=1)

    def name_output(self, output: str, name: str) -> None:
        """Give a result the name of an output of the operator."""
        self._container.add_node("Identity", [output], [name], name=self._scope.get_unique_operator_name("Identity"))
