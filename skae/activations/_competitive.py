"""Activations that couple the units: they define `backward`, but no elementwise derivative."""

from __future__ import annotations

from skae import _ops as ops
from skae._typing import FloatArray
from skae.activations._base import Activation, register_activation


@register_activation
class Max(Activation):
    """h(u) = 1 for the largest u (the first of ties), 0 for the others: K-means (ENERGY eq. 22).

    The hidden bias is derived from the weights: b_k = -|w_k|^2/2 - w_k.c. So the unit whose centre w_k + c is
    nearest to x wins. Then the squared error, and minus the energy, equal the K-means loss::

        |x - r(x)|^2/2 = min_k |x - w_k - c|^2/2 = -E(x)

    With bernoulli visible units, b_k = -sum_i softplus(w_ki + c_i). Then the unit with the least cross-entropy wins.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Max
    >>> h, u = Max(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([0., 0., 1.])
    >>> round(float(h.potential(u)), 3)
    2.0
    """

    name = "max"
    continuous = False
    non_negative = True
    at_most_one = True
    derived_bias = True

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return the one-hot code of the largest u along the last axis."""
        return ops.one_hot(ops.argmax(u, axis=-1), ops.empty_like(u) if out is None else out)

    def backward(self, u: FloatArray, h: FloatArray, grad_h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return 0: the code is piecewise constant."""
        return ops.full_like(u, 0.0, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return max_k u_k."""
        return u.max(axis=-1)

    def divergence(self, h: FloatArray, W: FloatArray, V: FloatArray, slope: FloatArray | None = None) -> FloatArray:
        """Return 0: the code is piecewise constant."""
        return ops.zeros_like(h[..., 0])


@register_activation
class Softmax(Activation):
    """h_k(u) = exp(u_k) / sum_j exp(u_j).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Softmax
    >>> h, u = Softmax(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([0.015, 0.18 , 0.806])
    >>> round(float(h.potential(u)), 3)
    2.216
    """

    name = "softmax"
    non_negative = True
    at_most_one = True

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        out = ops.subtract(u, u.max(axis=-1, keepdims=True), out=out)
        ops.exp(out, out=out)
        return ops.divide(out, out.sum(axis=-1, keepdims=True), out=out)

    def backward(self, u: FloatArray, h: FloatArray, grad_h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h (g - sum_j h_j g_j)."""
        out = ops.subtract(grad_h, ops.inner_last(h, grad_h), out=out)
        return ops.multiply(out, h, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return log sum_k exp(u_k)."""
        top = u.max(axis=-1, keepdims=True)
        shares = u - top
        return top[..., 0] + ops.log(ops.exp(shares, out=shares).sum(axis=-1))

    def divergence(self, h: FloatArray, W: FloatArray, V: FloatArray, slope: FloatArray | None = None) -> FloatArray:
        """Return sum_k h_k (s w_k).v_k - (s sum_k h_k w_k).(sum_k h_k v_k), with s the slope."""
        mean_w, mean_v = ops.matmul(h, W), ops.matmul(h, V)
        if slope is None:
            return ops.matmul(h, ops.row_dots(W, V)) - ops.row_dots(mean_w, mean_v)
        return ops.row_dots(slope, ops.matmul(h, W * V)) - ops.row_dots(slope * mean_w, mean_v)
