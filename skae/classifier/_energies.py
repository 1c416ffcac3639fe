"""Energies of the autoencoders of all classes. Their parameters can be packed into one vector, and unpacked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from skae._typing import BoolArray, FloatArray, IntArray
from skae.autoencoders import BaseAutoencoder, activation_of
from skae.classifier._insertion import insert_classes
from skae.classifier._rows import LabelledRows
from skae.objectives import Classification, FactoredClassification
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.training import check_overflow, prediction_stays_sparse, row_chunks

# The attribute of each block of the parameters: the blocks of each autoencoder, and the factors that all share.
_OWN = {"W": "components_", "b": "intercept_hidden_", "c": "intercept_visible_"}
_FACTORS = {"P": "factors_", "Q": "factor_hidden_weights_", "f": "class_factor_weights_"}


@dataclasses.dataclass(frozen=True)
class ClassEnergies:
    """Energies E_j of fitted autoencoders, one for each class.

    Parameters
    ----------
    estimators : list of BaseAutoencoder
        The fitted autoencoder of each class.
    factors : dict of ndarray, default=None
        P (F, d), Q (F, k) and f (K, F), if the autoencoders share factors: W_j = Q^T diag(f_j) P (ENERGY eq. 48).
    """

    estimators: list[BaseAutoencoder]
    factors: dict[str, FloatArray] | None = None

    @classmethod
    def from_classifier(cls, classifier: Any) -> ClassEnergies:
        """Return the energies of a fitted classifier, from its public attributes."""
        if classifier.factors_ is None:
            return cls(classifier.estimators_)
        return cls(classifier.estimators_, {name: getattr(classifier, each) for name, each in _FACTORS.items()})

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of a classifier with these energies."""
        factors = self.factors or {}
        return {"estimators_": self.estimators, **{each: factors.get(name) for name, each in _FACTORS.items()}}

    def __call__(self, X: Any, relative: bool = False, chosen: IntArray | None = None) -> FloatArray:
        """Return E_j(x) of the chosen rows, shape (n, K), in X's dtype. None chooses all rows.

        `relative` leaves out a term that is the same for all classes.
        """
        columns, start = len(self.estimators) * len(self.estimators[0].components_), 0
        stay_sparse = prediction_stays_sparse(X, self.n_products)
        with np.errstate(over="ignore", under="ignore"):
            objective, theta = self.objective(X.dtype, by_columns=stay_sparse)
        nothing = np.zeros(X.shape[1], dtype=X.dtype)
        out = np.empty((X.shape[0] if chosen is None else len(chosen), len(self.estimators)), dtype=X.dtype)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for _, chunk in row_chunks(X, columns, chosen, stay_sparse=stay_sparse):
                part = out[start : start + chunk.shape[0]]
                part[...] = objective.scores(theta, chunk)
                if not relative:
                    part += objective.visible.potential(chunk, nothing)[:, None]
                start += len(part)
        return check_overflow(out, X)

    def of(self, rows: LabelledRows, relative: bool = False) -> FloatArray:
        """Return E_j(x) of labelled rows."""
        return self(rows.data, relative, rows.index)

    @property
    def n_products(self) -> int:
        """Number of vectors that each row is multiplied with: hidden units of all classes, or factors, and biases c."""
        n_units = len(self.estimators) * len(self.estimators[0].components_)
        return len(self.estimators) + (n_units if self.factors is None else len(self.factors["P"]))

    def layout(self, train: bool = False) -> Layout:
        """Return the layout of the parameters; for `train`, see `objective`."""
        first, shared = self.estimators[0], self.factors or {}
        shapes = {name: block.shape for name, block in shared.items()}
        for name, attribute in _OWN.items():
            derived = name == "b" and (not first.hidden_bias or (train and activation_of(first).derived_bias))
            if not derived and not (name == "W" and shared):
                shapes[name] = (len(self.estimators), *getattr(first, attribute).shape)
        return Layout(**shapes, C=(len(self.estimators),))

    def objective(
        self,
        dtype: Any,
        constants: FloatArray | float = 0.0,
        constraint: UnitNorm | MaxNorm | None = None,
        *,
        train: bool = False,
        by_columns: bool = False,
        **options: Any,
    ) -> tuple[Classification, FloatArray]:
        """Return the objective with the scores E_j + C_j, and its parameters as one vector.

        Parameters
        ----------
        dtype : dtype
            Dtype of the parameters.
        constants : ndarray of shape (K,) or float, default=0.0
            Constants C.
        constraint : UnitNorm or MaxNorm, default=None
            See `Classification`.
        train : bool, default=False
            Whether to leave out hidden biases that follow from the weights. The objective then derives them.
        by_columns : bool, default=False
            Whether the parameters are laid out for products with sparse rows.
        **options : dict
            `loss` and `l2` of `Classification`.
        """
        activations = [activation_of(each) for each in self.estimators]
        shared, layout = self.factors or {}, self.layout(train)
        layout = layout.by_columns() if by_columns else layout
        theta = np.empty(layout.size, dtype=dtype)
        for name, view in layout.views(theta).items():
            if name in _OWN:
                for j, each in enumerate(self.estimators):
                    view[j] = getattr(each, _OWN[name])
            else:
                view[...] = shared[name] if name in shared else _held(constants, dtype)
        objective_class = FactoredClassification if shared else Classification
        visible = self.estimators[0].visible
        return objective_class(layout, activations, visible=visible, constraint=constraint, **options), theta

    def unpack(self, objective: Classification, theta: FloatArray) -> tuple[ClassEnergies, FloatArray]:
        """Return the energies and the constants C (shifted to sum to 0) for parameters `theta` of the objective."""
        blocks = dict(objective.layout.views(theta))
        hidden_bias, factors = objective.hidden_bias(blocks), None
        if hidden_bias is not None:
            blocks["b"] = hidden_bias
        if self.factors is not None:
            factors = {name: blocks[name].copy(order="K") for name in self.factors}
            blocks["W"] = products(factors)
        estimators = [with_parameters(each, blocks, j) for j, each in enumerate(self.estimators)]
        return ClassEnergies(estimators, factors), blocks["C"] - blocks["C"].mean(dtype=np.float64)

    def subset(self, classes: IntArray) -> ClassEnergies:
        """Return the energies of some classes, which must not share factors."""
        return ClassEnergies([self.estimators[j] for j in classes])

    def with_places(self, added: BoolArray) -> ClassEnergies:
        """Return the energies with empty places for more classes. `added` (K,) is true at these places."""
        estimators = np.full(len(added), None, dtype=object)
        estimators[~added] = self.estimators
        if self.factors is None:
            return ClassEnergies(estimators.tolist())
        return ClassEnergies(estimators.tolist(), {**self.factors, "f": insert_classes(self.factors["f"], added, 0.0)})

    def replaced(self, classes: IntArray, others: ClassEnergies) -> ClassEnergies:
        """Return the energies with the given classes replaced by others. Shared factors stay."""
        estimators, factors = list(self.estimators), self.factors
        for j, each in zip(classes, others.estimators, strict=True):
            estimators[j] = each
        if factors is not None and others.factors is not None:
            factors = {**factors, "f": factors["f"].copy()}
            factors["f"][classes] = others.factors["f"]
        return ClassEnergies(estimators, factors)


def _held(constants, dtype):
    """Return the constants of the classes; raise ValueError if the dtype cannot hold them."""
    largest = float(np.abs(constants).max())
    if largest > float(np.finfo(dtype).max):
        raise ValueError(
            f"the constants of the classes reach {largest:.3g}, which {np.dtype(dtype)} cannot hold; use a lower "
            "temperature, bring the features to a common scale near 1, or pass float64"
        )
    return constants


def products(factors: dict[str, FloatArray]) -> FloatArray:
    """Return the weights W_j = Q^T diag(f_j) P of all classes, shape (K, k, d) (ENERGY eq. 48)."""
    return np.stack([(factors["Q"] * gate[:, None]).T @ factors["P"] for gate in factors["f"]])


def with_parameters(estimator: BaseAutoencoder, blocks: Mapping[str, FloatArray], j: int) -> BaseAutoencoder:
    """Return a copy of a fitted autoencoder with the parameters of class j, from the blocks W, b and c."""
    copied = shallow_copy(estimator)
    copied.components_, copied.intercept_visible_ = blocks["W"][j].copy(order="K"), blocks["c"][j].copy()
    if "b" in blocks:
        copied.intercept_hidden_ = blocks["b"][j].copy()
    return copied


def shallow_copy(estimator: BaseAutoencoder) -> BaseAutoencoder:
    """Return a copy that shares the arrays. That is safe, because training replaces arrays and never writes to them."""
    copied = clone(estimator)
    vars(copied).update(vars(estimator))
    return copied
