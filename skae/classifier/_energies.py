"""The energies of one autoencoder a class: from fitted autoencoders to one vector of parameters, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from skae._typing import BoolArray, FloatArray, IntArray
from skae.autoencoders import BaseAutoencoder, activation_of
from skae.classifier._expanded import expanded
from skae.objectives import Classification, FactoredClassification
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.training import check_overflow, row_chunks

# Parts of the parameters, by the names of the attributes: those of each autoencoder, and the factors of all.
_OWN = {"W": "components_", "b": "intercept_hidden_", "c": "intercept_visible_"}
_FACTORS = {"P": "factors_", "Q": "factor_hidden_weights_", "f": "class_factor_weights_"}


@dataclasses.dataclass(frozen=True)
class ClassEnergies:
    """The energies E_j of fitted autoencoders.

    Parameters
    ----------
    estimators : list of BaseAutoencoder
        Fitted, one a class.
    factors : dict of ndarray, default=None
        P (F, d), Q (F, k) and f (K, F) where the autoencoders share them: W_j = Q^T diag(f_j) P (ENERGY eq. 48).
    """

    estimators: list[BaseAutoencoder]
    factors: dict[str, FloatArray] | None = None

    @classmethod
    def of(cls, classifier: Any) -> ClassEnergies:
        """Return those of a fitted classifier, from its public attributes."""
        if classifier.factors_ is None:
            return cls(classifier.estimators_)
        return cls(classifier.estimators_, {name: getattr(classifier, each) for name, each in _FACTORS.items()})

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of a classifier with these energies."""
        factors = self.factors or {}
        return {"estimators_": self.estimators, **{each: factors.get(name) for name, each in _FACTORS.items()}}

    def __call__(self, X: Any, relative: bool = False) -> FloatArray:
        """Return E_j(x), shape (n, K), in X's dtype; where `relative`, less a term that is the same for all classes."""
        objective, theta = self.objective(X.dtype)
        nothing = np.zeros(X.shape[1], dtype=X.dtype)
        out = np.empty((X.shape[0], len(self.estimators)), dtype=X.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for rows, chunk in row_chunks(X, len(self.estimators) * len(self.estimators[0].components_)):
                out[rows] = objective.scores(theta, chunk)
                if not relative:
                    out[rows] += objective.visible.potential(chunk, nothing)[:, None]
        return check_overflow(out, X)

    def objective(
        self,
        dtype: Any,
        constants: FloatArray | float = 0.0,
        constraint: UnitNorm | MaxNorm | None = None,
        *,
        train: bool = False,
        **options: Any,
    ) -> tuple[Classification, FloatArray]:
        """Return the objective whose scores are E_j + C_j, and its parameters.

        Parameters
        ----------
        dtype : dtype
            Of the parameters.
        constants : ndarray of shape (K,) or float, default=0.0
            C.
        constraint : UnitNorm or MaxNorm, default=None
            See `Classification`.
        train : bool, default=False
            Whether hidden biases that follow from the weights are left out: the objective derives them.
        **options : dict
            `loss` and `l2` of `Classification`.
        """
        activations = [activation_of(each) for each in self.estimators]
        shared, first = self.factors or {}, self.estimators[0]
        own = dict(_OWN)
        if not first.hidden_bias or (train and activations[0].derived_bias):
            del own["b"]
        if shared:
            del own["W"]
        shapes = {name: block.shape for name, block in shared.items()}
        shapes.update((name, (len(self.estimators), *getattr(first, each).shape)) for name, each in own.items())
        layout = Layout(**shapes, C=(len(self.estimators),))
        theta = np.empty(layout.size, dtype=dtype)
        for name, view in layout.views(theta).items():
            if name in own:
                for j, each in enumerate(self.estimators):
                    view[j] = getattr(each, own[name])
            else:
                view[...] = shared.get(name, constants)
        objective_class = FactoredClassification if shared else Classification
        return objective_class(layout, activations, visible=first.visible, constraint=constraint, **options), theta

    def at(self, objective: Classification, theta: FloatArray) -> tuple[ClassEnergies, FloatArray]:
        """Return the energies at parameters of the objective, and the constants C there, which sum to 0."""
        blocks = {name: view.copy() for name, view in objective.layout.views(theta).items()}
        hidden_bias, factors = objective.hidden_bias(blocks), None
        if hidden_bias is not None:
            blocks["b"] = hidden_bias
        if self.factors is not None:
            factors = {name: blocks[name] for name in self.factors}
            blocks["W"] = products(factors)
        estimators = [with_parameters(each, blocks, j) for j, each in enumerate(self.estimators)]
        return ClassEnergies(estimators, factors), blocks["C"] - blocks["C"].mean(dtype=np.float64)

    def part(self, classes: IntArray) -> ClassEnergies:
        """Return the energies of some classes that share no factors."""
        return ClassEnergies([self.estimators[j] for j in classes])

    def expanded(self, added: BoolArray) -> ClassEnergies:
        """Return the energies with places for more classes: those where `added`, of shape (K,), is true."""
        estimators = np.full(len(added), None, dtype=object)
        estimators[~added] = self.estimators
        if self.factors is None:
            return ClassEnergies(estimators.tolist())
        return ClassEnergies(estimators.tolist(), {**self.factors, "f": expanded(self.factors["f"], added, 0.0)})

    def replaced(self, classes: IntArray, others: ClassEnergies) -> ClassEnergies:
        """Return the energies with others for some classes; they share the factors."""
        estimators, factors = list(self.estimators), self.factors
        for j, each in zip(classes, others.estimators, strict=True):
            estimators[j] = each
        if factors is not None and others.factors is not None:
            factors = {**factors, "f": factors["f"].copy()}
            factors["f"][classes] = others.factors["f"]
        return ClassEnergies(estimators, factors)


def products(factors: dict[str, FloatArray]) -> FloatArray:
    """Return W_j = Q^T diag(f_j) P of all classes, shape (K, k, d) (ENERGY eq. 48)."""
    return np.stack([(factors["Q"] * gate[:, None]).T @ factors["P"] for gate in factors["f"]])


def with_parameters(estimator: BaseAutoencoder, blocks: Mapping[str, FloatArray], j: int) -> BaseAutoencoder:
    """Return a copy of a fitted autoencoder, with the parameters of one class of the blocks W, b and c."""
    copied = shallow_copy(estimator)
    copied.components_, copied.intercept_visible_ = blocks["W"][j].copy(), blocks["c"][j].copy()
    if "b" in blocks:
        copied.intercept_hidden_ = blocks["b"][j].copy()
    return copied


def shallow_copy(estimator: BaseAutoencoder) -> BaseAutoencoder:
    """Return a copy that shares its arrays, which are replaced in training and never written to."""
    copied = clone(estimator)
    vars(copied).update(vars(estimator))
    return copied
