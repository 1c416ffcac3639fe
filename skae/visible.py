"""Visible units: the reconstruction from pre-outputs A = H V + c, its loss, and the units' part of the energy."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from skae import _ops as ops
from skae._typing import FloatArray

__all__ = ["VISIBLE", "Bernoulli", "Gaussian", "Visible"]


class Visible(ABC):
    """Base class of the visible units: immutable, stateless, arrays in and arrays out.

    The gradient of the loss in A is R - X for every subclass, so training has one code path. Units with a nonlinear
    output define ``slope(A)``, which is dR/dA, elementwise. Units with a linear output do not define it.
    """

    name: ClassVar[str]
    #: Smallest and largest value that the data may have.
    domain: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    #: Largest step size s for which x + s (r(x) - x) cannot lower the energy, with non-decreasing hidden units.
    longest_step: ClassVar[float] = 2.0

    if TYPE_CHECKING:  # optional: absent from the base class

        def slope(self, A: FloatArray) -> FloatArray:
            """Return dR/dA, elementwise."""

    @abstractmethod
    def output(self, A: FloatArray) -> FloatArray:
        """Turn A into the reconstruction R, in place, and return it."""

    @abstractmethod
    def losses(self, A: FloatArray, X: FloatArray) -> FloatArray:
        """Return the loss of each row, shape (n,)."""

    @abstractmethod
    def loss_and_residual(self, A: FloatArray, X: FloatArray, weight: float | FloatArray) -> float:
        """Return the weighted sum of the losses and turn A into weight * (R - X), in place.

        ``weight`` is (n, 1), or one number for all rows.
        """

    @abstractmethod
    def loss_of_mean(self, mean: FloatArray, var: FloatArray) -> float:
        """Return the mean loss of predicting the mean, for data with this mean and variance, each of shape (d,)."""

    @abstractmethod
    def potential(self, X: FloatArray, c: FloatArray) -> FloatArray:
        """Return the visible units' part of the energy of each row, dense or sparse, shape (n,)."""

    @abstractmethod
    def derived_bias(self, W: FloatArray, c: FloatArray) -> FloatArray:
        """Return the hidden biases that make u_k measure how well output(w_k + c) fits x, shape (k,).

        With them, u_k plus `potential` is minus the loss of that reconstruction, plus the loss of reconstructing x by
        x itself (gaussian: 0; bernoulli: the entropy of x). So the largest u_k belongs to the best reconstruction.
        """

    @abstractmethod
    def derived_bias_gradient(self, W: FloatArray, c: FloatArray, grad_b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the gradients in W (k, d) and c (d,), given the gradient in `derived_bias` (k,)."""

    @abstractmethod
    def link(self, mean: FloatArray) -> FloatArray:
        """Return the A whose output is the given mean; means near the ends of `domain` are moved inwards."""

    @abstractmethod
    def class_potential(self, X: FloatArray, c: FloatArray) -> FloatArray:
        """Return the terms of `potential` that depend on c, for each row of X and of c (K, d), shape (n, K).

        X may be sparse, here and in `class_gradient`.
        """

    @abstractmethod
    def class_gradient(self, X: FloatArray, c: FloatArray, G: FloatArray) -> FloatArray:
        """Return the gradient in c (K, d) of the sum of G (n, K) times `class_potential`."""


class Gaussian(Visible):
    """Linear output, loss |x - r|^2 / 2."""

    name = "gaussian"

    def output(self, A: FloatArray) -> FloatArray:
        """Return R = A."""
        return A

    def losses(self, A: FloatArray, X: FloatArray) -> FloatArray:
        """Return |x - a|^2 / 2 of each row."""
        return 0.5 * ops.row_squared_norms(X - A)

    def loss_and_residual(self, A: FloatArray, X: FloatArray, weight: float | FloatArray) -> float:
        """Return the weighted sum of |x - a|^2 / 2; A becomes weight * (A - X)."""
        ops.subtract(A, X, out=A)
        if ops.is_number(weight):
            loss = 0.5 * weight * ops.sum_squares(A)
        else:
            loss = 0.5 * ops.weighted_sum(ops.row_squared_norms(A), weight)
        ops.multiply(A, weight, out=A)
        return loss

    def loss_of_mean(self, mean: FloatArray, var: FloatArray) -> float:
        """Return half the total variance."""
        return 0.5 * float(var.sum())

    def potential(self, X: FloatArray, c: FloatArray) -> FloatArray:
        """Return -|x - c|^2 / 2 of each row (ENERGY eq. 11)."""
        return -0.5 * ops.row_squared_distances(X, c).astype(X.dtype, copy=False)

    def derived_bias(self, W: FloatArray, c: FloatArray) -> FloatArray:
        """Return -|w_k|^2/2 - w_k.c; then u_k - |x - c|^2/2 = -|x - w_k - c|^2/2."""
        return -(0.5 * ops.row_squared_norms(W) + ops.matmul(W, c))

    def derived_bias_gradient(self, W: FloatArray, c: FloatArray, grad_b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return -g_k (w_k + c) and -sum_k g_k w_k."""
        return -grad_b[:, None] * (W + c), -ops.matmul(grad_b, W)

    def link(self, mean: FloatArray) -> FloatArray:
        """Return the mean."""
        return mean

    def class_potential(self, X: FloatArray, c: FloatArray) -> FloatArray:
        """Return x.c - |c|^2 / 2."""
        out = ops.product(X, c.T)
        return ops.subtract(out, 0.5 * ops.row_squared_norms(c), out=out)

    def class_gradient(self, X: FloatArray, c: FloatArray, G: FloatArray) -> FloatArray:
        """Return sum_n G_nj (x_n - c_j)."""
        return ops.weight_gradient(G, X) - ops.column_sums(G)[:, None] * c


class Bernoulli(Visible):
    """Sigmoid output, cross-entropy loss; data in [0, 1]."""

    name = "bernoulli"
    domain = (0.0, 1.0)
    longest_step = 1.0

    def output(self, A: FloatArray) -> FloatArray:
        """Return R = sigmoid(A)."""
        return ops.sigmoid(A, out=A)

    def slope(self, A: FloatArray) -> FloatArray:
        """Return dR/dA = R (1 - R)."""
        R = ops.sigmoid(A)
        return R * (1.0 - R)

    def losses(self, A: FloatArray, X: FloatArray) -> FloatArray:
        """Return -sum_i (x_i log r_i + (1 - x_i) log(1 - r_i)) = sum_i (softplus(a_i) - x_i a_i) of each row."""
        return ops.sum_last(ops.softplus(A)) - ops.row_dots(X, A)

    def loss_and_residual(self, A: FloatArray, X: FloatArray, weight: float | FloatArray) -> float:
        """Return the weighted sum of the cross-entropies; A becomes weight * (sigmoid(A) - X)."""
        R, softplus = ops.sigmoid_and_softplus(A)
        loss = ops.weighted_sum(ops.sum_last(softplus) - ops.row_dots(X, A), weight)
        ops.subtract(R, X, out=A)
        ops.multiply(A, weight, out=A)
        return loss

    def loss_of_mean(self, mean: FloatArray, var: FloatArray) -> float:
        """Return the entropy of the mean."""
        return float(_entropy(ops.clip(mean, 0.0, 1.0)[None])[0])

    def potential(self, X: FloatArray, c: FloatArray) -> FloatArray:
        """Return c.x + entropy(x) of each row, with 0 log 0 = 0 (ENERGY eq. 28-29)."""
        return X @ c + _entropy(X)

    def derived_bias(self, W: FloatArray, c: FloatArray) -> FloatArray:
        """Return -sum_i softplus(w_ki + c_i); then u_k + c.x is minus the cross-entropy of x and sigmoid(w_k + c)."""
        return -ops.sum_last(ops.softplus(W + c))

    def derived_bias_gradient(self, W: FloatArray, c: FloatArray, grad_b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return -g_k sigmoid(w_k + c), and its sum over k."""
        R = ops.sigmoid(W + c)
        return -grad_b[:, None] * R, -ops.matmul(grad_b, R)

    def link(self, mean: FloatArray) -> FloatArray:
        """Return the log-odds of the mean, clipped to [0.01, 0.99]."""
        p = ops.clip(mean, 0.01, 0.99)
        return ops.log(p / (1.0 - p))

    def class_potential(self, X: FloatArray, c: FloatArray) -> FloatArray:
        """Return x.c."""
        return ops.product(X, c.T)

    def class_gradient(self, X: FloatArray, c: FloatArray, G: FloatArray) -> FloatArray:
        """Return sum_n G_nj x_n."""
        return ops.weight_gradient(G, X)


def _entropy(X: FloatArray) -> FloatArray:
    """Return -sum_i (x_i log x_i + (1 - x_i) log(1 - x_i)) of each row of X in [0, 1]."""
    # The smallest normal number replaces 0, and what rounding has put below: 0 log 0 = 0.
    tiny = ops.smallest_normal(X.dtype)

    def shares(x):
        return ops.maximum(x, tiny), ops.maximum(1.0 - x, tiny)

    if ops.is_sparse(X):
        return -ops.stored_row_sums(X, lambda x: sum(p * ops.log(p) for p in shares(x)))
    return -sum(ops.row_dots(p, ops.log(p)) for p in shares(X))


#: The visible units by name.
VISIBLE: Mapping[str, Visible] = MappingProxyType({"gaussian": Gaussian(), "bernoulli": Bernoulli()})
