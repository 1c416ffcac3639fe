"""The converters in the registries of skl2onnx."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn, _parse_sklearn_classifier
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
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
    """Declare an estimator; return its outputs."""
    # A detector of text does not count features, and a ContrastNormalizer has no other fitted attribute.
    check_is_fitted(estimator, ["n_features_in_", "estimator_"], all_or_any=any)
    if is_classifier(estimator):
        return _parse_sklearn_classifier(scope, estimator, inputs, custom_parsers=custom_parsers)
    operator = scope.declare_local_operator(f"Skae{type(estimator).__name__}", estimator)
    operator.inputs = inputs
    for name in kind.outputs(estimator, _options_of(kind, scope, estimator)):
        operator.outputs.append(scope.declare_local_variable(name, missing_type=True))
    _set_shapes(kind, operator)  # now, because a ColumnTransformer that follows needs them
    return operator.outputs


def _set_shapes(kind, operator):
    """Set the types and shapes of an operator's outputs."""
    estimator, n_rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    options = _options_of(kind, operator.scope_inst, estimator)
    found, numbers = kind.outputs(estimator, options), _tensor_type(operator.inputs)
    for variable, (name, n_columns) in zip(operator.outputs, found.items(), strict=True):
        shape = [n_rows] if n_columns is None else [n_rows, n_columns]
        if name == "label":
            strings = is_classifier(estimator) and estimator.classes_.dtype.kind in "USO"
            variable.set_type((StringTensorType if strings and not options["nocl"] else Int64TensorType)(shape))
        else:
            variable.set_type(numbers(shape))


def _tensor_type(inputs):
    """Return the type of numbers that come from some inputs."""
    is_double = any(isinstance(each.type, DoubleTensorType) for each in inputs)
    return DoubleTensorType if is_double else FloatTensorType


def _convert(kind, scope, operator, container):
    """Add the nodes of an estimator."""
    estimator, before = operator.raw_operator, kind.before(operator.raw_operator)
    widths = [variable.get_second_dimension() for variable in operator.inputs]
    if not before and None not in widths and sum(widths) != estimator.n_features_in_:
        raise ValueError(
            f"{type(estimator).__name__} takes {estimator.n_features_in_} features, and its input has {sum(widths)}"
        )
    outside = np.dtype(np.float64 if _tensor_type(operator.inputs) is DoubleTensorType else np.float32)
    graph = Graph(scope, container, np.float64 if kind.in_float64 else outside)
    parts = [_in_dtype(graph, each) for each in _transformed(scope, before, operator.inputs)]
    X = parts[0] if len(parts) == 1 else graph("Concat", *parts, axis=1)
    results = kind.convert(graph, estimator, X, _options_of(kind, container, estimator))
    for result, variable in zip(results, operator.outputs, strict=True):
        if graph.dtype != outside and not isinstance(variable.type, Int64TensorType | StringTensorType):
            largest = float(np.finfo(np.float32).max)
            result = graph.cast(graph("Clip", result, -largest, largest), outside)
        graph.name_output(result, variable.full_name)


def _transformed(scope, steps, inputs):
    """Declare the steps before an estimator; return their outputs.

    They are declared here and not by the parser, which scikit-learn's ensembles pass by.
    """
    known = set(scope.operators)
    for step in steps:
        inputs = _parse_sklearn(scope, step, inputs)
    for name, operator in scope.operators.items():
        if name not in known:
            operator.infer_types()
    return inputs


def _in_dtype(graph, variable):
    """Return an input in the graph's dtype; raise ValueError if it holds strings."""
    if isinstance(variable.type, StringTensorType):
        raise ValueError(f"estimators of skae take numbers, and the input {variable.full_name!r} holds strings")
    own = DoubleTensorType if graph.dtype == np.float64 else FloatTensorType
    return variable.full_name if isinstance(variable.type, own) else graph.cast(variable.full_name, graph.dtype)
