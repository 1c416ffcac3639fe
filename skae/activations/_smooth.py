"""Smooth elementwise activations."""

from __future__ import annotations

import math

from skae import _ops as ops
from skae._typing import FloatArray
from skae.activations._base import Activation, register_activation


@register_activation
class Identity(Activation):
    """h(u) = u.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Identity
    >>> h, u = Identity(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([-2. ,  0.5,  2. ])
    >>> round(float(h.potential(u)), 3)
    4.125
    """

    name = "identity"

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return a copy of u."""
        return ops.add(u, 0.0, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h'(u) = 1."""
        return ops.full_like(u, 1.0, out=out)

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 0."""
        return ops.full_like(u, 0.0, out=out)

    third_derivative = second_derivative

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum u^2/2 (ENERGY eq. 16)."""
        return 0.5 * ops.sum_last(u * u)


@register_activation
class Sigmoid(Activation):
    """h(u) = 1/(1 + exp(-u)).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Sigmoid
    >>> h, u = Sigmoid(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([0.119, 0.622, 0.881])
    >>> round(float(h.potential(u)), 3)
    3.228
    """

    name = "sigmoid"
    non_negative = True
    at_most_one = True

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.sigmoid(u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h (1 - h)."""
        out = ops.subtract(1.0, h, out=out)
        return ops.multiply(out, h, out=out)

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h (1 - h) (1 - 2h) = h (1 + h (2h - 3))."""
        out = ops.multiply(h, 2.0, out=out)
        ops.subtract(out, 3.0, out=out)
        ops.multiply(out, h, out=out)
        ops.add(out, 1.0, out=out)
        return ops.multiply(out, h, out=out)

    def third_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h (1 - h) (1 - 6h + 6h^2)."""
        d = self.derivative(u, h)
        return ops.multiply(d, 1.0 - 6.0 * d, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum log(1 + exp(u)) (ENERGY eq. 12)."""
        return ops.sum_last(ops.softplus(u))

    def value_and_potential(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return h(u) and `potential` of u, which share an exponential."""
        h, softplus = ops.sigmoid_and_softplus(u)
        return h, ops.sum_last(softplus)


@register_activation
class Tanh(Activation):
    """h(u) = tanh(u).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Tanh
    >>> h, u = Tanh(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([-0.964,  0.462,  0.964])
    >>> round(float(h.potential(u)), 3)
    2.77
    """

    name = "tanh"
    at_most_one = True

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.tanh(u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 1 - h^2."""
        out = ops.multiply(h, h, out=out)
        return ops.subtract(1.0, out, out=out)

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return -2h (1 - h^2)."""
        out = self.derivative(u, h, out=out)
        return ops.multiply(out, -2.0 * h, out=out)

    def third_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return (1 - h^2) (6h^2 - 2)."""
        d = self.derivative(u, h)
        return ops.multiply(d, 4.0 - 6.0 * d, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum log cosh u = sum |u| + log(1 + exp(-2|u|)) - log 2 (ENERGY eq. 14-15, which drop -log 2)."""
        a = ops.absolute(u)
        t = ops.exp(-2.0 * a)
        ops.add(t, 1.0, out=t)
        ops.log(t, out=t)
        ops.add(t, a, out=t)
        return ops.sum_last(ops.subtract(t, math.log(2.0), out=t))


@register_activation
class Softplus(Activation):
    """h(u) = log(1 + exp(u)).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Softplus
    >>> h, u = Softplus(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([0.127, 0.974, 2.127])
    >>> round(float(h.potential(u)), 3)
    4.882
    """

    name = "softplus"
    non_negative = True

    # Of the potential: B_n / (n + 1)! for even n = 2, 4, ..., 16, with the Bernoulli numbers B_n.
    _SERIES = tuple(
        b / math.factorial(n + 1)
        for n, b in zip(
            range(2, 17, 2),
            (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510),
            strict=True,
        )
    )

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.softplus(u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return sigmoid(u)."""
        return ops.sigmoid(u, out=out)

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return s (1 - s), s = sigmoid(u)."""
        s = ops.sigmoid(u)
        out = ops.subtract(1.0, s, out=out)
        return ops.multiply(out, s, out=out)

    def third_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return s (1 - s) (1 - 2s), s = sigmoid(u)."""
        s = ops.sigmoid(u)
        out = ops.multiply(s, 1.0 - s, out=out)
        return ops.multiply(out, 1.0 - 2.0 * s, out=out)

    def series(self, itemsize: int) -> tuple[float, ...]:
        """Return the coefficients of the series of `potential`, for numbers of so many bytes."""
        return self._SERIES[:3] if itemsize == 4 else self._SERIES

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum -Li2(-exp(u)), with Li2 the dilogarithm, as a series in y = log(1 + exp(-|u|)) <= log 2."""
        a = -ops.absolute(u)
        y = ops.softplus(a)
        y2 = y * y
        terms = self.series(u.dtype.itemsize)
        series = terms[-1] * y2
        for coefficient in terms[-2::-1]:
            series += coefficient
            series *= y2
        below = y * (1.0 + 0.25 * y + series)  # -Li2(-exp(-|u|))
        above = math.pi**2 / 6 + 0.5 * u * u - below  # inversion formula, for u > 0
        return ops.sum_last(ops.where(u > 0.0, above, below))


@register_activation
class Square(Activation):
    """h(u) = u^2.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Square
    >>> h, u = Square(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([4.  , 0.25, 4.  ])
    >>> round(float(h.potential(u)), 3)
    0.042
    """

    name = "square"
    monotone = False
    non_negative = True

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        return ops.multiply(u, u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 2u."""
        return ops.multiply(u, 2.0, out=out)

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 2."""
        return ops.full_like(u, 2.0, out=out)

    def third_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 0."""
        return ops.full_like(u, 0.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum u^3/3 (ENERGY eq. 18)."""
        return ops.sum_last(u * u * u) / 3.0


@register_activation
class Synchrony(Activation):
    """h(u) = u sigmoid(u^2), the unit of the synchrony autoencoder.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Synchrony
    >>> h, u = Synchrony(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([-1.964,  0.281,  1.964])
    >>> round(float(h.potential(u)), 3)
    4.431
    """

    name = "synchrony"

    @staticmethod
    def _sigmoid_derivatives(u):
        """Return v = u^2 and sigmoid(v) with its first three derivatives in v."""
        v = u * u
        s = ops.sigmoid(v)
        s1 = s * ops.sigmoid(-v)
        return v, s, s1, s1 * (1.0 - 2.0 * s), s1 * (1.0 - 6.0 * s1)

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        out = ops.multiply(u, u, out=out)
        ops.sigmoid(out, out=out)
        return ops.multiply(out, u, out=out)

    def derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return s + 2u^2 s', with s = sigmoid and its derivatives at u^2."""
        v, s, s1, _, _ = self._sigmoid_derivatives(u)
        return ops.add(s, 2.0 * v * s1, out=out)

    def second_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 6u s' + 4u^3 s''."""
        v, _, s1, s2, _ = self._sigmoid_derivatives(u)
        return ops.multiply(u, 6.0 * s1 + 4.0 * v * s2, out=out)

    def third_derivative(self, u: FloatArray, h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 6s' + 24u^2 s'' + 8u^4 s'''."""
        v, _, s1, s2, s3 = self._sigmoid_derivatives(u)
        return ops.add(6.0 * s1, v * (24.0 * s2 + 8.0 * v * s3), out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return sum log(1 + exp(u^2))/2 (half of ENERGY eq. 21, which uses |x|^2 in place of |x|^2/2)."""
        return 0.5 * ops.sum_last(ops.softplus(u * u))
