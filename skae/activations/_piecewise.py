"""Piecewise linear, elementwise activations: h'' is zero almost everywhere."""

from __future__ import annotations

import dataclasses
import math

from skae import _ops as ops
from skae._typing import FloatArray
from skae.activations._base import Activation, register_activation


class _ZeroCurvature:
    """Second and third derivative of a piecewise linear h: zero almost everywhere (SPARSE 3.1 relies on it)."""

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h''(u) = 0."""
        return ops.full_like(u, 0.0, out=out)

    third_derivative = second_derivative


@dataclasses.dataclass(frozen=True)
class _Thresholded(_ZeroCurvature, Activation):
    """A piecewise linear activation with a threshold >= 0."""

    threshold: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold < math.inf:
            raise ValueError(
                f"threshold of the activation {self.name!r} must be >= 0 and finite, got {self.threshold!r}"
            )
        # A numpy scalar would promote float32 arrays.
        object.__setattr__(self, "threshold", float(self.threshold))


@register_activation
class ReLU(_ZeroCurvature, Activation):
    """h(u) = max(0, u).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import ReLU
    >>> h, u = ReLU(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([0. , 0.5, 2. ])
    >>> round(float(h.potential(u)), 3)
    2.125
    """

    name = "relu"
    non_negative = True
    flat_below_zero = True
    kinks = (0.0,)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.rectify(u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where u > 0, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.greater(h, 0.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum max(0, u)^2/2 (ENERGY 2.3.5 prints twice this, but its text says half-square)."""
        h = self.value(u)
        return 0.5 * ops.sum_last(h * h)

    def complement(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return max(0, u), the distance to u <= 0."""
        return ops.rectify(u, out=out)

    def complement_derivative(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where u > 0, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.greater(u, 0.0, out=out)


@register_activation
class Modulus(_ZeroCurvature, Activation):
    """h(u) = abs(u).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Modulus
    >>> h, u = Modulus(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([2. , 0.5, 2. ])
    >>> round(float(h.potential(u)), 3)
    0.125
    """

    name = "modulus"
    monotone = False
    non_negative = True
    kinks = (0.0,)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.absolute(u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return sign(u)."""
        return ops.sign(u, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum u abs(u)/2 (ENERGY eq. 20)."""
        return 0.5 * ops.sum_last(u * ops.absolute(u))


@register_activation
class TRec(_Thresholded):
    """h(u) = u where u > threshold, else 0 (ZAE eq. 4).

    Parameters
    ----------
    threshold : float, default=1.0
        Theta, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import TRec
    >>> h, u = TRec(threshold=0.6), np.array([0.5, 0.7, 2.0])
    >>> h.value(u).round(3)
    array([0. , 0.7, 2. ])
    >>> round(float(h.potential(u)), 3)
    1.885
    """

    name = "trec"
    non_negative = True
    flat_below_zero = True

    @property
    def continuous(self) -> bool:  # type: ignore[override] # a property, because it depends on the threshold
        return self.threshold == 0.0

    @property
    def kinks(self) -> tuple[float, ...]:
        return (self.threshold,)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.multiply(u, u > self.threshold, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where u > threshold, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.not_equal(h, 0.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum (u^2 - threshold^2)/2 where u > threshold."""
        return 0.5 * ops.sum_last((u * u - self.threshold**2) * (u > self.threshold))

    def complement(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return max(0, u - threshold), the distance to u <= threshold."""
        out = ops.subtract(u, self.threshold, out=out)
        return ops.rectify(out, out=out)

    def complement_derivative(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where u > threshold, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.greater(u, self.threshold, out=out)


@register_activation
class TLin(_Thresholded):
    """h(u) = u where u^2 > threshold, else 0 (ZAE eq. 5).

    Parameters
    ----------
    threshold : float, default=1.0
        Theta, >= 0. A unit is silent where u^2 <= theta.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import TLin
    >>> h, u = TLin(threshold=0.6), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([-2.,  0.,  2.])
    >>> round(float(h.potential(u)), 3)
    3.4
    """

    name = "tlin"

    @property
    def continuous(self) -> bool:  # type: ignore[override] # a property, because it depends on the threshold
        return self.threshold == 0.0

    @property
    def kinks(self) -> tuple[float, ...]:
        root = math.sqrt(self.threshold)
        return (-root, root)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        # Small u have squares that underflow, in float32 below 1e-19.
        return ops.multiply(u, ops.absolute(u) > math.sqrt(self.threshold), out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where u^2 > threshold, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.not_equal(h, 0.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum (u^2 - threshold)/2 where u^2 > threshold."""
        return 0.5 * ops.sum_last(ops.rectify(u * u - self.threshold))

    def complement(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return max(0, |u| - sqrt(threshold)), the distance to the flat middle."""
        out = ops.absolute(u, out=out)
        ops.subtract(out, math.sqrt(self.threshold), out=out)
        return ops.rectify(out, out=out)

    def complement_derivative(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return sign(u) where u^2 > threshold, else 0."""
        return ops.multiply(ops.sign(u), ops.absolute(u) > math.sqrt(self.threshold), out=out)


@register_activation
class Shrink(_Thresholded):
    """h(u) = sign(u) max(abs(u) - threshold, 0).

    Parameters
    ----------
    threshold : float, default=1.0
        Lambda, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Shrink
    >>> h, u = Shrink(threshold=0.4), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([-1.6,  0.1,  1.6])
    >>> round(float(h.potential(u)), 3)
    2.565
    """

    name = "shrink"

    @property
    def kinks(self) -> tuple[float, ...]:
        return (-self.threshold, self.threshold)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        out = ops.clip(u, -self.threshold, self.threshold, out=out)
        return ops.subtract(u, out, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where abs(u) > threshold, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.not_equal(h, 0.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum max(abs(u) - threshold, 0)^2/2."""
        h = self.value(u)
        return 0.5 * ops.sum_last(h * h)

    def complement(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return abs(h(u)), the distance to the flat middle (SAT eq. 1; SAT 3.2 prints abs(u) instead)."""
        out = self.value(u, out=out)
        return ops.absolute(out, out=out)

    def complement_derivative(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return sign(h(u))."""
        return ops.sign(self.value(u), out=out)


@register_activation
class SatLinear(_ZeroCurvature, Activation):
    """h(u) = clip(u, -1, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import SatLinear
    >>> h, u = SatLinear(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([-1. ,  0.5,  1. ])
    >>> round(float(h.potential(u)), 3)
    3.125
    """

    name = "satlinear"
    at_most_one = True
    kinks = (-1.0, 1.0)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.clip(u, -1.0, 1.0, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 where abs(u) < 1, else 0."""
        out = ops.empty_like(u) if out is None else out
        return ops.less(ops.absolute(u), 1.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum h u - h^2/2, which is u^2/2 inside [-1, 1] and abs(u) - 1/2 outside."""
        h = self.value(u)
        return ops.sum_last(h * (u - 0.5 * h))

    def complement(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return max(0, 1 - abs(u)), the distance to the nearer flat end."""
        out = ops.absolute(u, out=out)
        ops.subtract(1.0, out, out=out)
        return ops.rectify(out, out=out)

    def complement_derivative(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return -sign(u) where abs(u) < 1, else 0."""
        return ops.multiply(-ops.sign(u), ops.absolute(u) < 1.0, out=out)
