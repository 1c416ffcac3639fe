"""The converters in the registries of skl2onnx."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn, _parse_sklearn_classifier
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
    guess_tensor_type,
)
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skae.onnx._estimators import KINDS, Kind
from skae.onnx._graph import Graph


def register() -> None:
    """Register the converters of all estimators."""
    for estimator_class, kind in KINDS.items():
        update_registered_converter(
            estimator_class,
            f"Skae{estimator_class.__name__}",
            functools.partial(_set_shapes, kind),
            functools.partial(_convert, kind),
            parser=functools.partial(_parse, kind),
            options=kind.options,
        )


def _options_of(kind: Kind, registry: Any, estimator: Any) -> dict[str, Any]:
    """Return the options of an estimator, from a scope or a container."""
    return registry.get_options(estimator, {name: values[0] for name, values in kind.options.items()})


def _parse(kind, scope, estimator, inputs, custom_parsers=None):
    """Declare the steps before an estimator and the estimator; return its outputs."""
    check_is_fitted(estimator, "n_features_in_")
    for step in kind.before(estimator):
        inputs = _parse_sklearn(scope, step, inputs, custom_parsers=custom_parsers)
    if is_classifier(estimator):
        return _parse_sklearn_classifier(scope, estimator, inputs, custom_parsers=custom_parsers)
    operator = scope.declare_local_operator(f"Skae{type(estimator).__name__}", estimator)
    operator.inputs = inputs
    for name in kind.outputs(estimator, _options_of(kind, scope, estimator)):
        own = Int64TensorType() if name == "label" else guess_tensor_type(inputs[0].type)
        operator.outputs.append(scope.declare_local_variable(name, own))
    _set_shapes(kind, operator)  # now, because a ColumnTransformer that follows needs them
    return operator.outputs


def _set_shapes(kind, operator):
    """Set the types and shapes of an operator's outputs."""
    estimator, n_rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    options = _options_of(kind, operator.scope_inst, estimator)
    found = kind.outputs(estimator, options)
    for variable, (name, n_columns) in zip(operator.outputs, found.items(), strict=True):
        shape = [n_rows] if n_columns is None else [n_rows, n_columns]
        if name == "label":
            strings = is_classifier(estimator) and estimator.classes_.dtype.kind in "USO"
            variable.set_type((StringTensorType if strings and not options["nocl"] else Int64TensorType)(shape))
        else:
            variable.type.shape = shape


def _convert(kind, scope, operator, container):
    """Add the nodes of an estimator."""
    estimator = operator.raw_operator
    widths = [variable.get_second_dimension() for variable in operator.inputs]
    if not kind.before(estimator) and None not in widths and sum(widths) != estimator.n_features_in_:
        raise ValueError(
            f"{type(estimator).__name__} takes {estimator.n_features_in_} features, and its input has {sum(widths)}"
        )
    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    outside = np.dtype(np.float64 if is_double else np.float32)
    graph = Graph(scope, container, np.float64 if kind.in_float64 else outside)
    X = [_in_dtype(graph, each) for each in operator.inputs]
    X = X[0] if len(X) == 1 else graph("Concat", *X, axis=1)
    results = kind.convert(graph, estimator, X, _options_of(kind, container, estimator))
    for result, variable in zip(results, operator.outputs, strict=True):
        if graph.dtype != outside and not isinstance(variable.type, Int64TensorType | StringTensorType):
            result = graph.cast(result, outside)
        graph.name_output(result, variable.full_name)


def _in_dtype(graph, variable):
    """Return an input in the graph's dtype."""
    wanted = np.float64 if isinstance(variable.type, DoubleTensorType) else None
    is_float = type(variable.type).__name__ == "FloatTensorType"
    same = graph.dtype == (wanted or (np.float32 if is_float else None))
    return variable.full_name if same else graph.cast(variable.full_name, graph.dtype)
