"""The contract of an activation, and the registry of names."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from skae import _ops as ops
from skae._registry import Immutable, Registry
from skae._typing import FloatArray


@dataclasses.dataclass(frozen=True)
class Activation(Immutable, ABC):
    """Base class of the activations: immutable, stateless, arrays in and arrays out.

    Conventions: ``u`` holds pre-activations, shape (..., n_components), and ``h = value(u)``. ``out`` is an array to
    write to and return. It has u's shape and dtype and shares no memory with the inputs. With None, the method
    allocates one. float32 stays float32.

    A subclass must define `name` and `value`. It must also define `derivative` or `backward`. It may define

    - ``derivative(u, h, out=None)``, ``second_derivative(u, h, out=None)``,
      ``third_derivative(u, h, out=None)``: elementwise derivatives, almost everywhere;
    - ``potential(u)``: the antiderivative of h, summed over the last axis, shape (...,) (ENERGY eq. 11);
    - ``value_and_potential(u)``: both, where they share work; the base class calls one after the other;
    - ``complement(u, out=None)``, ``complement_derivative(u, out=None)``: the distance to the nearest
      flat region, and its derivative (SAT eq. 1);
    - ``divergence(h, W, V, slope=None)``, for a class without `derivative`: the sum_i s_i dA_i/dx_i of each row, with
      A = h(X W^T) V, shape (n,). `slope` is s = dR/dA, the slope of the visible units, shape (n, d); None means 1.

    A method that a class does not define is absent. Penalties and scores test for it with `hasattr`. They refuse
    an activation that lacks a method they need.

    Attributes
    ----------
    name : str
        Name under which `register_activation` files the class.
    continuous : bool
        Whether h is continuous.
    monotone : bool
        Whether h is non-decreasing.
    non_negative : bool
        Whether h(u) >= 0 for all u.
    at_most_one : bool
        Whether h(u) <= 1 for all u.
    flat_below_zero : bool
        Whether h(u) = h(0) for all u <= 0, so that h(max(0, u)) = h(u).
    derived_bias : bool
        Whether the hidden bias is a function of W and c instead of a free parameter. Then u_k says how well
        output(w_k + c), the reconstruction by unit k alone, fits x. For gaussian visible units,
        b_k = -|w_k|^2/2 - w_k.c. It suits units that compete. The weights must be tied. See
        `skae.visible.Visible.derived_bias`.
    kinks : tuple of float
        Points where h or h' jumps.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Activation
    >>> class Arctan(Activation):
    ...     name = "arctan"
    ...
    ...     def value(self, u, out=None):
    ...         return np.arctan(u, out=out)
    ...
    ...     def derivative(self, u, h, out=None):
    ...         return np.divide(1.0, 1.0 + u * u, out=out)
    ...
    >>> Arctan().value(np.array([-1.0, 0.0, 1.0])).round(3)
    array([-0.785,  0.   ,  0.785])
    >>> from skae import ContractiveAutoencoder
    >>> ContractiveAutoencoder(activation=Arctan(), alpha=0)
    ContractiveAutoencoder(activation=Arctan(), alpha=0)
    """

    name: ClassVar[str]
    continuous: ClassVar[bool] = True
    monotone: ClassVar[bool] = True
    non_negative: ClassVar[bool] = False
    at_most_one: ClassVar[bool] = False
    flat_below_zero: ClassVar[bool] = False
    derived_bias: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls) and not hasattr(cls, "derivative") and cls.backward is Activation.backward:
            raise TypeError(f"{cls.__name__} must define derivative, or its own backward")
        if hasattr(cls, "complement") and not hasattr(cls, "complement_derivative"):
            raise TypeError(f"{cls.__name__} defines complement, so it must define complement_derivative")
        if {"value", "potential"} & set(vars(cls)) and "value_and_potential" not in vars(cls):
            # An inherited one would return other numbers.
            cls.value_and_potential = Activation.value_and_potential  # type: ignore[method-assign]

    if TYPE_CHECKING:  # optional: absent from the base class

        def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
            """Return h'(u), elementwise."""

        def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
            """Return h''(u), elementwise."""

        def third_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
            """Return h'''(u), elementwise."""

        def potential(self, u: FloatArray) -> FloatArray:
            """Return the antiderivative of h, summed over the last axis."""

        def complement(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
            """Return the distance to the nearest flat region."""

        def complement_derivative(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
            """Return the derivative of `complement`."""

        def divergence(
            self, h: FloatArray, W: FloatArray, V: FloatArray, slope: FloatArray | None = None
        ) -> FloatArray:
            """Return sum_i s_i dA_i/dx_i for each row."""

    @property
    def kinks(self) -> tuple[float, ...]:
        return ()

    @abstractmethod
    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""

    def value_and_potential(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return h(u) and `potential` of u."""
        return self.value(u), self.potential(u)

    def backward(self, u: FloatArray, h: FloatArray, grad_h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return the gradient in u, given the gradient in h; `out` may be `grad_h`."""
        return ops.multiply(grad_h, self.derivative(u, h), out=out)


_ABILITIES = ("derivative", "second_derivative", "third_derivative", "potential", "complement", "divergence")

#: All activation classes by name. ``ACTIVATIONS.describe()`` returns a table of them.
ACTIVATIONS: Registry[Activation] = Registry(
    "activation", Activation, lambda cls: [name for name in _ABILITIES if hasattr(cls, name)]
)

register_activation = ACTIVATIONS.register


def as_activation(activation: str | Activation, threshold: float = 1.0) -> Activation:
    """Return an `Activation` from a name or an instance.

    Parameters
    ----------
    activation : str or Activation
        A registered name, or an instance, which is returned unchanged.
    threshold : float, default=1.0
        Passed to the class if it has a `threshold`.

    Returns
    -------
    Activation
        The instance.

    Raises
    ------
    ValueError
        If no activation has that name.
    TypeError
        If `activation` is neither a name nor an instance.

    Examples
    --------
    >>> from skae.activations import as_activation
    >>> as_activation("shrink", threshold=0.5)
    Shrink(threshold=0.5)
    """
    if isinstance(activation, Activation):
        return activation
    cls: type[Any] = ACTIVATIONS.named(activation)
    if "threshold" in (field.name for field in dataclasses.fields(cls)):
        return cls(threshold=threshold)
    return cls()
