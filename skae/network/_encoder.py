"""The encoder of a network: fixed steps, and the autoencoders at the end, whose layers are fine-tuned."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skae._sklearn_compat import InvalidParameterError
from skae._typing import FloatArray, MatrixLike
from skae._unconverted_rows import UnconvertedRows
from skae._validation import DTYPES, check_array, refuse_other_names
from skae.autoencoders import BaseAutoencoder, activation_of, fit_quietly, in_a_row, unfrozen
from skae.objectives import Layer
from skae.parameters import Layout
from skae.training import drop_optimizer_state, names_compared

_NOT_FITTED = (
    "prefit=True takes a fitted encoder, and this %(name)s is not fitted; `clone` and cross-validation undo a fit, "
    "unless the encoder is frozen: FrozenEstimator(encoder)"
)


class Encoder:
    """The steps of an autoencoder or of a Pipeline that ends in some.

    Parameters
    ----------
    estimator : autoencoder or Pipeline
        The last steps must be autoencoders: these are the layers. The steps before them stay fixed. A frozen
        autoencoder is such a step.

    Raises
    ------
    InvalidParameterError
        If the last step is no autoencoder, or the layers cannot be fine-tuned.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        steps = [step for step in in_a_row(estimator) if not (step is None or isinstance(step, str))]
        n_fixed = len(steps)
        while n_fixed and isinstance(steps[n_fixed - 1], BaseAutoencoder):
            n_fixed -= 1
        self.fixed, self.layers = steps[:n_fixed], steps[n_fixed:]
        self._check()

    def _check(self):
        """Raise InvalidParameterError if the steps cannot be fine-tuned."""
        if not self.layers:
            last = self.fixed[-1] if self.fixed else self.estimator
            frozen = isinstance(last, FrozenEstimator)
            hint = "; a frozen encoder needs prefit=True, and is frozen as a whole" if frozen else ""
            raise InvalidParameterError(
                "the encoder must be an autoencoder of skae, or a Pipeline whose last steps are autoencoders, got "
                f"{type(last).__name__}{' as its last step' if last is not self.estimator else ''}{hint}"
            )
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise InvalidParameterError("two layers of the encoder are one object: fit another autoencoder for each")
        for number, step in enumerate(self.fixed):
            if isinstance(step, BaseAutoencoder):
                after = type(([*self.fixed, *self.layers])[number + 1]).__name__
                raise InvalidParameterError(
                    f"fine-tuning cannot pass through {after} to the {type(step).__name__} before it; put the "
                    "autoencoders at the end of the Pipeline, or freeze that one: FrozenEstimator(...)"
                )
        for before, layer in zip([None, *self.layers], self.layers, strict=False):
            activation = activation_of(layer)
            if activation.derived_bias and layer.encoding == "natural":
                raise InvalidParameterError(
                    f"{type(layer).__name__} with the activation {activation.name!r} cannot be fine-tuned: its code "
                    "says which unit wins, and has no gradient; use encoding='linear' or 'rectified'"
                )
            if before is not None and layer.visible == "bernoulli" and not _in_unit_interval(before):
                raise InvalidParameterError(
                    f"{type(layer).__name__}(visible='bernoulli') takes codes in [0, 1], and those of "
                    f"{type(before).__name__} may leave it in fine-tuning; use visible='gaussian'"
                )

    @classmethod
    def cloned(cls, estimator: Any) -> Self:
        """Return an encoder of a clone, whose parameters are valid."""
        encoder = cls(clone(estimator))
        for step in encoder.layers:
            step._validate_params()
        return encoder

    @classmethod
    def prefit(cls, estimator: Any) -> Self:
        """Return an encoder of a copy of a user's fitted steps, which may be frozen as a whole."""
        encoder = cls(copy.deepcopy(unfrozen(estimator)))
        for step in encoder.layers:
            check_is_fitted(step, msg=_NOT_FITTED)
        return encoder

    def copy(self) -> Self:
        """Return a copy whose layers can change. It shares the fixed steps, and the arrays, which nothing changes."""
        memo = {id(step): step for step in self.fixed}
        for layer in self.layers:
            memo[id(layer)] = copy.copy(layer)
        return type(self)(copy.deepcopy(self.estimator, memo))

    # -- training without labels

    def fit(self, X: MatrixLike, y: Any, sample_weight: FloatArray | None, phase: Any) -> tuple[Any, list]:
        """Train the steps one after the other, the fixed ones as a Pipeline does.

        The layers see no labels. Each of them is a subtask of `phase`. Return the rows as the first layer takes them,
        and the problems, each as the arguments of `warn`.
        """
        for step in self.fixed:
            X = _fit_transformed(step, plain(X), y, sample_weight)
        inputs = X = self._checked(X) if self.fixed else X
        problems = []
        for number, layer in enumerate(self.layers):
            with phase.subtask("layer", data={}).attached_to(layer, X, sample_weight):
                problems += fit_quietly(layer, X, sample_weight)
            if number < len(self.layers) - 1:
                X = _transformed(layer, X)
        return inputs, problems

    # -- rows

    def inputs(self, X: Any) -> Any:
        """Return the rows as the first layer takes them: X itself if there are no fixed steps."""
        if not self.fixed:
            if X.shape[1] != self.n_inputs:
                raise ValueError(f"X has {X.shape[1]} features, but the encoder was fitted to {self.n_inputs}")
            return X
        for step in self.fixed:
            X = _transformed(step, plain(X))
        return self._checked(X)

    def _checked(self, X):
        """Return the output of fixed steps, as an ndarray or CSR of float32 or float64."""
        return check_array(X, accept_sparse="csr", dtype=DTYPES, input_name="of the first autoencoder")

    def codes(self, X: MatrixLike) -> FloatArray:
        """Return the codes of rows that the first layer takes."""
        for layer in self.layers:
            X = _transformed(layer, X)
        return np.asarray(X)

    def check_names(self, estimator: Any) -> None:
        """Raise ValueError if a fitted encoder has seen other names of features than the network."""
        first = [*self.fixed, *self.layers][0]
        own, given = (getattr(each, "feature_names_in_", None) for each in (first, estimator))
        refuse_other_names(own, given, "the encoder")

    # -- parameters

    @property
    def sizes(self) -> list[int]:
        """Number of units of each layer."""
        return [len(layer.components_) for layer in self.layers]

    @property
    def n_inputs(self) -> int:
        """Number of columns that the first layer takes."""
        return self.layers[0].components_.shape[1]

    def network_layers(self, dropout: Sequence[float]) -> list[Layer]:
        """Return the layers as the objective has them."""
        pairs = zip(self.layers, dropout, strict=True)
        return [Layer(activation_of(layer), layer.encoding, share) for layer, share in pairs]

    def blocks(self) -> dict[str, FloatArray]:
        """Return the parameters of all layers, by the names of `skae.objectives.Network`."""
        found = {}
        for number, layer in enumerate(self.layers, 1):
            found[f"W{number}"] = layer.components_
            if hasattr(layer, "intercept_hidden_"):
                found[f"b{number}"] = layer.intercept_hidden_
        return found

    def set_blocks(self, layout: Layout, theta: FloatArray) -> None:
        """Set the parameters of the layers."""
        blocks = {name: view.copy(order="K") for name, view in layout.views(theta).items()}
        for number, layer in enumerate(self.layers, 1):
            layer.components_ = blocks[f"W{number}"]
            if f"b{number}" in blocks:
                layer.intercept_hidden_ = blocks[f"b{number}"]
            drop_optimizer_state(layer)


def _in_unit_interval(layer):
    """Return whether all codes of a layer are in [0, 1], whatever its parameters are."""
    activation = activation_of(layer)
    return layer.encoding == "natural" and activation.non_negative and activation.at_most_one


def _transformed(step, X):
    """Return the rows transformed by a fitted step, which may know their names; raise ValueError if rows are lost."""
    return _same_rows(step, X, step.transform, X)


def _fit_transformed(step, X, y, sample_weight):
    """Fit a step. Return the rows transformed; those of `fit_transform` may differ from those of `transform`."""
    weighted = sample_weight is not None and has_fit_parameter(step, "sample_weight")
    options = {"sample_weight": sample_weight} if weighted else {}
    if hasattr(step, "fit_transform"):
        return _same_rows(step, X, step.fit_transform, X, y, **options)
    step.fit(X, y, **options)
    return _transformed(step, X)


def _same_rows(step, X, transform, *args, **options):
    """Return what a method of a step makes of rows X; raise ValueError if rows are lost."""
    n_before = X.shape[0]
    with names_compared(), config_context(transform_output="default"):
        result = transform(*args, **options)
    n_rows = result.shape[0] if hasattr(result, "shape") else len(result)
    if n_rows != n_before:
        raise ValueError(f"{type(step).__name__} made {n_rows} rows of {n_before}: a step must keep the rows")
    return result


def plain(X: MatrixLike) -> MatrixLike:
    """Return rows that any estimator takes: an ndarray or CSR of float32 or float64."""
    return X.converted() if isinstance(X, UnconvertedRows) else X


def stays_sparse(X: MatrixLike) -> bool:
    """Return whether rows are sparse."""
    return sparse.issparse(X.source if isinstance(X, UnconvertedRows) else X)
