"""Each estimator as nodes of a graph: functions of (graph, estimator, X, options) that return the outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skae.autoencoders import (
    AutoencoderPrediction,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
    in_a_row,
    unfrozen,
)
from skae.classifier import ClassSpecificAEClassifier
from skae.model import Model
from skae.network import Encoder, FineTunedClassifier, FineTunedRegressor
from skae.onnx import _units
from skae.onnx._graph import Graph
from skae.onnx._model import ModelNodes
from skae.outlier import EnergyOutlierDetector, MixtureEnsemble
from skae.preprocessing import ContrastNormalizer, PCAWhitener, Whitening


@dataclasses.dataclass(frozen=True)
class Kind:
    """How a kind of estimator is converted.

    Parameters
    ----------
    outputs : callable
        ``outputs(estimator, options)`` returns a dict from the names of the outputs to their numbers of columns. None
        stands for one number in each row, without columns.
    convert : callable
        ``convert(graph, estimator, X, options)`` returns the names of the results, in this order.
    options : dict
        The options of skl2onnx that it takes, each with its values; the first is the default.
    before : callable
        ``before(estimator)`` returns the fitted steps whose output the estimator takes in place of X.
    in_float64 : bool
        Whether the nodes compute in float64 whatever the input is.
    """

    outputs: Callable[[Any, Mapping[str, Any]], dict[str, int | None]]
    convert: Callable[[Graph, Any, str, Mapping[str, Any]], list[str]]
    options: dict[str, list] = dataclasses.field(default_factory=dict)
    before: Callable[[Any], list] = lambda estimator: []
    in_float64: bool = False


# -- autoencoders


def _autoencoder_outputs(autoencoder, options):
    found = {"variable": len(autoencoder.components_)}
    if options["score_samples"]:
        found["score_samples"] = 1
    if options["reconstruction"]:
        found["reconstruction"] = autoencoder.components_.shape[1]
    return found


def _autoencoder(graph, autoencoder, X, options):
    model = ModelNodes(graph, autoencoder, X)
    found = [model.code(autoencoder.encoding)]
    if options["score_samples"]:
        found.append(_as_column(graph, model.energy()))
    if options["reconstruction"]:
        found.append(model.reconstruction())
    return found


def _as_column(graph, values):
    """Return values (n,) as a matrix of one column."""
    return graph("Unsqueeze", values, graph.integers([-1]))


# -- preprocessing


def _whitener_outputs(whitener, options):
    return {"variable": whitener.components_.shape[int(whitener.whiten == "zca")]}


def _whitener(graph, whitener, X, options):
    whitening = Whitening.of(whitener, graph.dtype)
    Z = graph.affine(graph("Sub", X, whitening.mean), whitening.components)
    Z = graph("Mul", Z, whitening.scale)
    Z = graph("Add", Z, whitening.shift) if np.any(whitening.shift) else Z
    return [graph("MatMul", Z, whitening.components) if whitening.rotates_back else Z]


def _normalizer_outputs(normalizer, options):
    return {"variable": normalizer.n_features_in_}


def _normalizer(graph, normalizer, X, options):
    largest = graph.reduce("ReduceMax", graph("Abs", X), keepdims=True)
    # A power of two near the largest value, so that no square overflows or underflows; 1 for rows of zeros.
    exponent = graph(
        "Floor", graph("Div", graph("Log", graph("Max", largest, np.finfo(graph.dtype).tiny)), np.log(2.0))
    )
    scale = graph("Where", graph("Greater", largest, 0.0), graph("Pow", graph.constant(2.0), exponent), 1.0)
    rows = graph("Div", X, scale)
    for _ in range(2):  # again, because the first mean is rounded
        rows = graph("Sub", rows, graph.reduce("ReduceMean", rows, keepdims=True))
    deviation = graph("Sqrt", graph.reduce("ReduceMean", graph("Mul", rows, rows), keepdims=True))
    deviation = graph("Add", deviation, graph("Div", float(normalizer.eps), scale))
    lowest, highest = (graph.reduce(kind, X, keepdims=True) for kind in ("ReduceMin", "ReduceMax"))
    rows = graph("Where", graph("Equal", lowest, highest), 0.0, rows)
    return [graph("Div", rows, graph("Where", graph("Greater", deviation, 0.0), deviation, 1.0))]


# -- classifiers


def _classifier_outputs(classifier, options):
    return {"label": None, "probabilities": len(classifier.classes_)}


def _class_specific(graph, classifier, X, options):
    energies = _class_energies(graph, classifier, X)
    if hasattr(classifier, "energy_classifier_"):
        scaler, regression = classifier.energy_classifier_[0], classifier.energy_classifier_[-1]
        scaled = graph("Div", graph("Sub", energies, scaler.mean_), scaler.scale_)
        coef, intercept = regression.coef_, regression.intercept_
        if len(coef) == 1:  # with two classes, the scores of the first are 0
            coef, intercept = np.concatenate([0.0 * coef, coef]), np.concatenate([[0.0], intercept])
        scores = graph.affine(scaled, coef, intercept)
    else:
        scores = graph("Add", energies, classifier.class_log_constants_)
    has_probabilities = hasattr(classifier, "predict_proba")
    if has_probabilities:
        scores = graph("Sub", scores, graph.reduce("ReduceMax", scores, keepdims=True))
        scores = graph("Div", scores, float(classifier.temperature_))  # which can overflow to -inf only
        scores = graph("Sub", scores, graph("Log", graph.sum(graph("Exp", scores), keepdims=True)))
    else:
        seen = np.flatnonzero(np.isfinite(classifier.class_log_constants_))
        known = graph("Gather", scores, graph.integers(seen), axis=1)
        scores = graph("Sub", scores, graph.reduce("ReduceMean", known, keepdims=True))
    return _labelled(graph, classifier, scores, has_probabilities and "log", options)


def _class_energies(graph, classifier, X):
    """Return the energies of the classes, shape (n, K), without terms that are the same for all classes."""
    models = [Model.from_estimator(each).astype(graph.dtype) for each in classifier.estimators_]
    (k, d), first = models[0].W.shape, models[0]
    W, c = np.concatenate([model.W for model in models]), np.stack([model.c for model in models])
    b = None if first.b is None else np.concatenate([model.b for model in models])
    U = graph("Reshape", graph.affine(X, W, b), graph.integers([-1, len(models), k]))
    if len({model.activation for model in models}) == 1:
        hidden = _units.potential(graph, U, first.activation)
    else:
        own = [graph("Gather", U, graph.integers(j), axis=1) for j in range(len(models))]
        own = [_units.potential(graph, each, model.activation) for each, model in zip(own, models, strict=True)]
        hidden = graph("Concat", *(_as_column(graph, each) for each in own), axis=1)
    common = None if first.visible == "bernoulli" else -0.5 * (c.astype(np.float64) ** 2).sum(axis=1)
    energies = graph("Add", hidden, graph.affine(X, c, common))
    if hasattr(classifier, "energy_classifier_"):  # it takes the energies with all of their terms
        rest = _units.visible_potential(graph, X, np.zeros(d), first.visible)
        energies = graph("Add", energies, _as_column(graph, rest))
    return energies


def _network(graph, network, X):
    """Return the scores of a fine-tuned network."""
    for layer in Encoder(network.encoder_).layers:
        X = ModelNodes(graph, layer, X).code(layer.encoding)
    return graph.affine(X, network.coef_, network.intercept_)


def _steps(estimator):
    """Return the steps of an estimator, of Pipelines in Pipelines too, not frozen."""
    return [unfrozen(step) for step in in_a_row(estimator) if step not in (None, "passthrough")]


def _fixed_steps(network):
    """Return the steps before the layers of a network, not frozen."""
    return [unfrozen(step) for step in Encoder(network.encoder_).fixed]


def _fine_tuned_classifier(graph, network, X, options):
    scores = _network(graph, network, X)
    has_probabilities = hasattr(network, "predict_proba")
    return _labelled(graph, network, scores, has_probabilities and "softmax", options)


def _labelled(graph, classifier, scores, kind, options):
    """Return the labels, and the probabilities or the decision function, given scores (n, K).

    `kind` says how scores give probabilities: "log", "softmax" or not at all.
    """
    winner = graph("ArgMax", scores, axis=1, keepdims=0)
    classes = np.arange(len(classifier.classes_)) if options["nocl"] else classifier.classes_
    names = graph.constant(classes, np.str_ if classes.dtype.kind in "USO" else np.int64)
    label = graph("Gather", names, winner)
    if kind and not options["raw_scores"]:
        return [label, graph("Exp", scores) if kind == "log" else graph("Softmax", scores, axis=1)]
    return [label, scores]


# -- regressors


def _regressor_outputs(network, options):
    return {"variable": len(network.coef_)}


def _fine_tuned_regressor(graph, network, X, options):
    return [_network(graph, network, X)]


# -- detectors


def _detector_outputs(detector, options):
    return {"label": 1, "scores": 1, **({"score_samples": 1} if options["score_samples"] else {})}


def _detector(graph, detector, X, options):
    score = _as_column(graph, _score(graph, _steps(detector.estimator_)[-1], X))
    decision = graph("Sub", score, detector.offset_)
    # Rows with NaN are outliers.
    sign = graph("Where", graph("GreaterOrEqual", decision, 0.0), graph.integers(1), graph.integers(-1))
    return [sign, decision, *([score] if options["score_samples"] else [])]


def _score(graph, model, X):
    """Return the scores (n,) of a detector's model."""
    if isinstance(model, AutoencoderPrediction):
        return ModelNodes(graph, model, X).energy()
    if not isinstance(model, MixtureEnsemble):
        raise NotImplementedError(
            "skae.onnx converts detectors with the default model, with an autoencoder, or with a Pipeline that ends in "
            f"one of these; got {type(model).__name__}"
        )
    marginals, total = {}, None
    for mixture, scaler, weight in zip(model.estimators_, model.scalers_, model.weights_, strict=True):
        if scaler.unskew not in marginals:
            marginals[scaler.unskew] = _marginals(graph, scaler, X)
        Z = _rotated(graph, scaler, marginals[scaler.unskew])
        energy = graph("Mul", ModelNodes(graph, mixture, Z).energy(), weight)
        total = energy if total is None else graph("Add", total, energy)
    return total


def _marginals(graph, scaler, X):
    """Return the scaled features before the whitening; see `FeatureScaler`."""
    G = graph("Div", graph("Sub", X, scaler.mean_), scaler.deviation_)
    G = graph("Clip", G, -scaler.farthest, scaler.farthest)
    if not scaler.unskew:
        return G
    log = graph("Log", graph("Add", graph("Abs", G), 1.0))
    below, raised = graph("Less", G, 0.0), []
    for powers in (2.0 - scaler.powers_, scaler.powers_):  # of values below 0 and above
        none = powers < 1e-8
        grown = graph("Div", graph("Sub", graph("Exp", graph("Mul", log, powers)), 1.0), np.where(none, 1.0, powers))
        raised.append(graph("Where", graph.constant(none, np.bool_), log, grown) if none.any() else grown)
    G = graph("Where", below, graph("Neg", raised[0]), raised[1])
    return graph("Div", graph("Sub", G, scaler.power_mean_), scaler.power_deviation_)


def _rotated(graph, scaler, G):
    """Return the whitened features over their unit; see `FeatureScaler`."""
    if scaler.whiten and hasattr(scaler, "matrix_"):
        G = graph("MatMul", G, scaler.matrix_)
    elif scaler.whiten:
        off = graph("MatMul", graph("MatMul", G, scaler.axes_.T), scaler.axes_)
        G = graph("Sub", graph("Mul", G, scaler.largest_gain), off)
    return graph("Div", G, scaler.unit_)


_FLAGS: dict[str, list] = {"score_samples": [False, True]}
_OF_CLASSIFIERS: dict[str, list] = {
    "zipmap": [True, False, "columns"],
    "raw_scores": [False, True],
    "nocl": [False, True],
    "output_class_labels": [False, True],
}
_AUTOENCODER = Kind(_autoencoder_outputs, _autoencoder, {**_FLAGS, "reconstruction": [False, True]})

#: How each class is converted.
KINDS: dict[type, Kind] = {
    ContractiveAutoencoder: _AUTOENCODER,
    DenoisingAutoencoder: _AUTOENCODER,
    MarginalizedDenoisingAutoencoder: _AUTOENCODER,
    SaturatingAutoencoder: _AUTOENCODER,
    SparseAutoencoder: _AUTOENCODER,
    ZeroBiasAutoencoder: _AUTOENCODER,
    PCAWhitener: Kind(_whitener_outputs, _whitener),
    ContrastNormalizer: Kind(_normalizer_outputs, _normalizer),
    ClassSpecificAEClassifier: Kind(_classifier_outputs, _class_specific, _OF_CLASSIFIERS),
    FineTunedClassifier: Kind(_classifier_outputs, _fine_tuned_classifier, _OF_CLASSIFIERS, _fixed_steps),
    FineTunedRegressor: Kind(_regressor_outputs, _fine_tuned_regressor, {}, _fixed_steps),
    EnergyOutlierDetector: Kind(
        _detector_outputs, _detector, _FLAGS, lambda detector: _steps(detector.estimator_)[:-1], in_float64=True
    ),
}
