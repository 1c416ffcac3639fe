"""The contract of a penalty, the registry of names, and what a penalty may require."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Any, ClassVar

from skae._registry import Immutable, Registry
from skae._typing import VisibleName
from skae.activations import Activation
from skae.complements import has_complement
from skae.penalties._batch import Batch, Gradient

#: What a penalty may require: a test of (activation, visible, tied), and the words for the error if it fails.
REQUIREMENTS = MappingProxyType(
    {
        "elementwise": (
            lambda activation, visible, tied: hasattr(activation, "derivative"),
            "an elementwise activation, which {activation!r} is not",
        ),
        "derivative": (
            lambda activation, visible, tied: hasattr(activation, "derivative"),
            "an activation with a derivative, which {activation!r} has not",
        ),
        "second_derivative": (
            lambda activation, visible, tied: hasattr(activation, "second_derivative"),
            "an activation with a second derivative, which {activation!r} has not",
        ),
        "complement": (
            lambda activation, visible, tied: has_complement(activation),
            "an activation that is flat somewhere (with a complement, SAT eq. 1) or soon becomes so (eq. 3, "
            "skae.complements), unlike {activation!r}",
        ),
        "monotone": (
            lambda activation, visible, tied: activation.monotone,
            "a non-decreasing activation (else it has no lower bound), which {activation!r} is not",
        ),
        "non-negative": (
            lambda activation, visible, tied: activation.non_negative,
            "an activation that is never negative, which {activation!r} is not",
        ),
        "tied": (lambda activation, visible, tied: tied, "tied weights, got tied_weights=False"),
        "gaussian": (
            lambda activation, visible, tied: visible == "gaussian",
            "visible='gaussian', got visible={visible!r}",
        ),
    }
)


@dataclasses.dataclass(frozen=True)
class Penalty(Immutable, ABC):
    """Base class of the penalties: immutable, stateless, elementwise work only.

    A subclass defines `name`, `requires` and `add`. ``alpha`` is the strength.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0 unless the penalty is `signed`.

    Attributes
    ----------
    name : str
        Name under which `register_penalty` files the class.
    requires : tuple of str
        Keys of `REQUIREMENTS` that activation, visible units and tying must meet.
    scale_free_encoder : bool
        Whether a model with untied weights can bring the penalty to zero without changing the reconstruction, by
        shrinking W and growing V. Such a model keeps its decoder rows at unit length.
    uses_mean_code : bool
        Whether the penalty reads ``batch.mean_code``. Then a chunk of rows needs the mean code of all rows.
    signed : bool
        Whether alpha may be negative: the penalty becomes a reward.

    Examples
    --------
    >>> from skae import ContractiveAutoencoder
    >>> from skae.penalties import Penalty
    >>> class SmallCodes(Penalty):
    ...     name = "small_codes"
    ...     requires = ("derivative",)
    ...
    ...     def add(self, batch, grad):
    ...         grad.U += 2.0 * self.alpha * batch.weight * batch.H * batch.D
    ...         return self.alpha * float(batch.column_mean_squares(batch.H).sum())
    ...
    >>> ContractiveAutoencoder(penalty=SmallCodes(), alpha=0.03)
    ContractiveAutoencoder(alpha=0.03, penalty=SmallCodes(alpha=0.1))
    """

    alpha: float = 0.1
    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    scale_free_encoder: ClassVar[bool] = False
    uses_mean_code: ClassVar[bool] = False
    signed: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = set(cls.requires) - set(REQUIREMENTS)
        if unknown:
            raise TypeError(
                f"{cls.__name__} requires {', '.join(sorted(unknown))}, but a penalty can require "
                f"{', '.join(REQUIREMENTS)} only"
            )

    def __post_init__(self) -> None:
        if not (self.alpha >= 0.0 or (self.signed and self.alpha < 0.0)):
            raise ValueError(f"alpha of the penalty {self.name!r} must be >= 0, got {self.alpha!r}")
        # A numpy scalar would promote float32 arrays.
        object.__setattr__(self, "alpha", float(self.alpha))

    @abstractmethod
    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient, in place.

        Parameters
        ----------
        batch : skae.penalties.Batch
            ``X`` (n, d), ``U`` and ``H`` (n, k), ``D`` = h'(U), ``W`` and ``V`` (k, d; the same array when
            tied), ``weight`` (the rows' weights, which sum to 1: shape (n, 1), or one number for all rows),
            ``activation``, ``mean_code`` (k,), ``column_means(A)`` and ``column_mean_squares(A)`` (weighted means over
            the rows), ``weighted(v)`` (``v * weight``, for v of shape (k,)).
        grad : skae.penalties.Gradient
            ``U`` (n, k), ``W`` and ``V`` (k, d; the same array when tied). Add to them the gradient of the weighted
            mean over the rows. The objective propagates ``U`` to W and b afterwards. For multiples of rows, call
            ``grad.add_rows("W", scale, rows)``: it is cheaper than ``grad.W += scale[:, None] * rows``. It may do the
            work later, so do not change `scale` and `rows` after the call.

        Returns
        -------
        float
            The weighted mean over the rows.
        """


#: All penalty classes by name. ``PENALTIES.describe()`` returns a table of them and of their requirements.
PENALTIES: Registry[Penalty] = Registry("penalty", Penalty, lambda cls: cls.requires)

register_penalty = PENALTIES.register


def as_penalty(penalty: str | Penalty, alpha: float) -> Penalty:
    """Return a `Penalty` of strength `alpha` from a name or an instance.

    Parameters
    ----------
    penalty : str or Penalty
        A registered name, or an instance. `alpha` replaces the instance's own strength.
    alpha : float
        The strength.

    Returns
    -------
    Penalty
        An instance with this strength.

    Raises
    ------
    ValueError
        If no penalty has that name.
    TypeError
        If `penalty` is neither a name nor an instance.

    Examples
    --------
    >>> from skae.penalties import as_penalty
    >>> as_penalty("contractive", 0.5)
    Contractive(alpha=0.5)
    """
    if isinstance(penalty, Penalty):
        return dataclasses.replace(penalty, alpha=alpha)
    return PENALTIES.named(penalty)(alpha=alpha)


def check_compatible(penalty: Penalty, activation: Activation, visible: VisibleName, tied: bool) -> None:
    """Raise ValueError if activation, visible units or tying do not meet what a penalty requires.

    Parameters
    ----------
    penalty : Penalty
        The penalty whose `requires` are tested.
    activation : Activation
        The hidden units.
    visible : {"gaussian", "bernoulli"}
        The visible units.
    tied : bool
        Whether decoder and encoder share their weights.

    Raises
    ------
    ValueError
        If a requirement is not met.

    Examples
    --------
    >>> from skae.activations import as_activation
    >>> from skae.penalties import as_penalty, check_compatible
    >>> laplacian = as_penalty("laplacian", 0.1)
    >>> check_compatible(laplacian, as_activation("sigmoid"), "gaussian", True)
    >>> try:
    ...     check_compatible(laplacian, as_activation("modulus"), "gaussian", True)
    ... except ValueError as error:
    ...     print(error)
    the penalty 'laplacian' requires a non-decreasing activation (else it has no lower bound), which 'modulus' is not
    """
    for key in penalty.requires:
        test, what = REQUIREMENTS[key]
        if not test(activation, visible, tied):
            what = what.format(activation=activation.name, visible=visible)
            raise ValueError(f"the penalty {penalty.name!r} requires {what}")
