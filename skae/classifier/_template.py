"""Template: the autoencoder that is cloned for each class, the user's or the default."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from sklearn.base import clone

from skae._sklearn_compat import InvalidParameterError, set_random_states
from skae._typing import FloatArray, MatrixLike
from skae.autoencoders import (
    BaseAutoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    is_frozen,
    objective_on,
    unfrozen,
)
from skae.classifier._energies import ClassEnergies
from skae.objectives import Reconstruction
from skae.parameters import MaxNorm, UnitNorm
from skae.penalties import L2
from skae.training import AUTO_BATCH_SIZE

# Number of hidden units of the default autoencoder.
_N_UNITS = 100

# If fine-tuning follows, the default autoencoder has this contractive strength. In `fit`, it is trained for this many
# updates, but for a number of epochs within these limits, at this rate. Longer training made the classifier no better
# (ENERGY 4.5; ``benchmarks/fits.py``).
_ALPHA, _UPDATES, _EPOCHS, _RATE = 1.0, 200, (8, 80), 0.02


@dataclasses.dataclass(frozen=True)
class Template:
    """An autoencoder to clone for each class, and the constraint on its weights. Fine-tuning keeps the constraint."""

    autoencoder: BaseAutoencoder
    constraint: UnitNorm | MaxNorm | None

    def check_alike(self, energies: ClassEnergies, n_factors: int | None, X: MatrixLike) -> None:
        """Raise ValueError if new energies would not be comparable with those of the fitted autoencoders."""
        own, first = self.autoencoder, energies.estimators[0]
        for name, ours, theirs in (
            ("n_components", own.n_components, first.n_components),
            ("visible", own.visible, first.visible),
            ("a hidden bias", own.hidden_bias, first.hidden_bias),
            ("constraint", self.constraint, objective_on(first, X).constraint),
            ("n_factors", n_factors, None if energies.factors is None else len(energies.factors["P"])),
        ):
            if ours != theirs:
                raise ValueError(
                    f"the classes' autoencoders must be alike: the fitted ones have {name}={theirs}, the estimator has "
                    f"{ours}; give it theirs, or fit all classes again"
                )


def template_of(
    estimator: Any,
    n_factors: int | None,
    X: MatrixLike,
    sample_weight: FloatArray | None,
    reseed: bool,
    rng: np.random.Generator,
    tunes: bool = False,
    rows_per_class: float | None = None,
) -> Template:
    """Return the template, with one seed for all classes, so that their order does not matter.

    Parameters
    ----------
    estimator : autoencoder or None
        The user's autoencoder. None takes the default one.
    n_factors : int or None
        Number of factors that the classes share.
    X : {ndarray, CSR matrix} of shape (n, d)
        The rows, to check with the autoencoder.
    sample_weight : ndarray of shape (n,) or None
        Their weights. Rows of weight zero are not checked.
    reseed : bool
        Whether to set the seed of the user's autoencoder.
    rng : numpy.random.Generator
        It draws the seed.
    tunes : bool, default=False
        Whether fine-tuning follows, for the default autoencoder.
    rows_per_class : float, default=None
        Mean number of rows of a class. With it, the default autoencoder is trained only briefly before fine-tuning.
    """
    if estimator is None:
        autoencoder = _default_autoencoder(n_factors, tunes, rows_per_class)
    elif isinstance(estimator, BaseAutoencoder):
        autoencoder = clone(estimator)
    elif is_frozen(estimator):
        raise InvalidParameterError(
            "the estimator must be an autoencoder that can be trained, because clones of it are trained on the rows of "
            f"each class; got a frozen {type(unfrozen(estimator)).__name__}: pass it without FrozenEstimator"
        )
    else:
        raise InvalidParameterError(
            f"the estimator must be an autoencoder of skae, got {type(estimator).__name__}; what comes before "
            "it comes before the classifier: make_pipeline(PCAWhitener(), ClassSpecificAEClassifier())"
        )
    autoencoder._validate_params()
    if reseed or estimator is None:
        set_random_states(autoencoder, int(rng.integers(2**31)))
    objective = objective_on(autoencoder, X, sample_weight)
    if "V" in objective.layout.shapes:
        raise InvalidParameterError(
            "the estimator must have tied weights, to have an energy; got "
            f"{type(autoencoder).__name__} with untied ones"
        )
    if not hasattr(objective.activation, "potential"):
        raise InvalidParameterError(
            f"the estimator must have an activation with a potential, which {objective.activation.name!r} has not"
        )
    if n_factors is not None:
        _check_sharing(autoencoder, objective, n_factors)
    return Template(autoencoder, objective.constraint)


def _default_autoencoder(n_factors, tunes, rows_per_class):
    """Return the autoencoder for ``estimator=None``; for the parameters, see `template_of`."""
    if n_factors is not None:
        return DenoisingAutoencoder(_N_UNITS)
    if not tunes:
        return ContractiveAutoencoder(_N_UNITS)
    autoencoder = ContractiveAutoencoder(_N_UNITS, alpha=_ALPHA)
    if rows_per_class is None:
        return autoencoder
    n_epochs = int(np.clip(math.ceil(_UPDATES * AUTO_BATCH_SIZE / rows_per_class), *_EPOCHS))
    return autoencoder.set_params(max_iter=n_epochs, tol=0.0, learning_rate_init=_RATE)


def _check_sharing(autoencoder, objective, n_factors):
    """Raise an error if the autoencoder cannot share factors."""
    plain = type(objective) is Reconstruction and all(isinstance(each, L2) for each in objective.penalties)
    for fulfilled, demand in (
        (plain, "no penalty"),
        ("b" in objective.layout.shapes, "a hidden bias that does not follow from the weights"),
        (objective.constraint is None, "weight_constraint=None"),
        (not autoencoder.early_stopping, "early_stopping=False"),
    ):
        if not fulfilled:
            raise InvalidParameterError(
                f"n_factors={n_factors} trains all classes at once, which needs an estimator with {demand} "
                f"(DenoisingAutoencoder, or ContractiveAutoencoder(alpha=0)), got {autoencoder}"
            )
