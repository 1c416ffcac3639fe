"""Activations that couple the units: they define `backward`, but no elementwise derivative."""

from __future__ import annotations

import dataclasses

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
@dataclasses.dataclass(frozen=True)
class Softmax(Activation):
    """h_k(u) = exp(u_k) / sum_j exp(u_j), or the same within groups of units.

    With G groups, every G-th unit belongs to the same group, and j runs over the group of k::

        h_k(u) = (1/G) exp(u_k) / sum_j exp(u_j)

    All h sum to 1. The energy is the mean of the energies of G softmax autoencoders, each with the units of one group.

    Parameters
    ----------
    n_groups : int, default=1
        Number of groups of equal size. It divides the number of units.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Softmax
    >>> h, u = Softmax(), np.array([-2.0, 0.5, 2.0])
    >>> h.value(u).round(3)
    array([0.015, 0.18 , 0.806])
    >>> round(float(h.potential(u)), 3)
    2.216
    >>> Softmax(n_groups=2).value(np.array([0.0, 1.0, 0.0, 1.0]))
    array([0.25, 0.25, 0.25, 0.25])
    """

    name = "softmax"
    non_negative = True
    at_most_one = True

    n_groups: int = 1

    def _by_group(self, A: FloatArray) -> FloatArray:
        """A view of A with one more axis, where there are groups: the unit of the group, then the group."""
        return A if self.n_groups == 1 else A.reshape(*A.shape[:-1], -1, self.n_groups)

    @property
    def _axis(self) -> int:
        """The axis of the units of a group."""
        return -1 if self.n_groups == 1 else -2

    def value(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h(u)."""
        out = ops.empty_like(u) if out is None else out
        groups, shares = self._by_group(u), self._by_group(out)
        ops.subtract(groups, groups.max(axis=self._axis, keepdims=True), out=shares)
        ops.exp(shares, out=shares)
        ops.divide(shares, self.n_groups * shares.sum(axis=self._axis, keepdims=True), out=shares)
        return out

    def backward(self, u: FloatArray, h: FloatArray, grad_h: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return h_k (g_k - G sum_j h_j g_j), j in the group of k."""
        if self.n_groups == 1:
            out = ops.subtract(grad_h, ops.inner_last(h, grad_h), out=out)
        else:
            mean = self.n_groups * self._by_group(h * grad_h).sum(axis=-2, keepdims=True)
            out = ops.empty_like(u) if out is None else out
            ops.subtract(self._by_group(grad_h), mean, out=self._by_group(out))
        return ops.multiply(out, h, out=out)

    def potential(self, u: FloatArray) -> FloatArray:
        """Return log sum_k exp(u_k), the mean over the groups."""
        if self.n_groups == 1:
            top = u.max(axis=-1, keepdims=True)
            shares = u - top
            return top.squeeze(-1) + ops.log(ops.exp(shares, out=shares).sum(axis=-1))
        shares = self._by_group(u).transpose(-2, -1, *range(u.ndim - 1)).copy()  # long rows, where groups are small
        top = shares.max(axis=0)
        shares -= top
        sums = ops.exp(shares, out=shares).sum(axis=0)
        if len(shares) ** self.n_groups < 1e37:  # one logarithm, of a product that float32 can hold
            return top.mean(axis=0) + ops.log(sums.prod(axis=0)) / self.n_groups
        return (top + ops.log(sums)).mean(axis=0)

    def divergence(self, h: FloatArray, W: FloatArray, V: FloatArray, slope: FloatArray | None = None) -> FloatArray:
        """Return sum_k h_k (s w_k).v_k - G sum_g (s sum_k h_k w_k).(sum_k h_k v_k), s the slope, k in group g."""
        own = ops.matmul(h, ops.row_dots(W, V)) if slope is None else ops.row_dots(slope, ops.matmul(h, W * V))
        for g in range(self.n_groups):
            part = slice(g, None, self.n_groups)
            mean_w, mean_v = ops.matmul(h[..., part], W[part]), ops.matmul(h[..., part], V[part])
            own = own - self.n_groups * ops.row_dots(mean_w if slope is None else slope * mean_w, mean_v)
        return own
