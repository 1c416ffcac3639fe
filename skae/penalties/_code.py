"""Penalties on the code: on the units' distance from saturation, and on their mean activity."""

from __future__ import annotations

import dataclasses
import math

from skae import _ops as ops
from skae.complements import complement
from skae.penalties._base import Penalty, register_penalty
from skae.penalties._batch import Batch, Gradient


@register_penalty
@dataclasses.dataclass(frozen=True)
class Saturation(Penalty):
    """alpha sum_k complement(u_k), the distance of u_k to the nearest flat region of h (SAT eq. 2).

    With relu and shrink, it is alpha times the L1 norm of the code (SAT 3.2).

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.
    scale : float or None, default=None
        See `skae.complements.complement`.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Saturation
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("relu"))
    >>> penalised = Reconstruction(layout, as_activation("relu"), penalties=[Saturation(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.1
    """

    scale: float | None = None
    name = "saturation"
    requires = ("complement",)
    scale_free_encoder = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale is not None:
            object.__setattr__(self, "scale", float(self.scale))

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        value, grad_U = complement(batch.activation, batch.U, self.scale)
        ops.multiply(grad_U, self.alpha, out=grad_U)
        ops.multiply(grad_U, batch.weight, out=grad_U)
        ops.add(grad.U, grad_U, out=grad.U)
        return self.alpha * float(batch.column_means(value).sum())


@register_penalty
@dataclasses.dataclass(frozen=True)
class Sparse(Penalty):
    """alpha sum_k KL(rho || m_k), with m the mean code (SPARSE eq. 12; at rho = 0, eq. 13: -alpha sum_k log(1 - m_k)).

    The divergence is exact for units with values in [0, 1] (sigmoid, softmax). Other units that are never negative
    (relu, softplus, ...) may have means near 0 or above 1. Outside [1e-4, 1 - 1e-4], the tangent continues the
    divergence. Where that margin is wider than half the way from rho to 0 or 1, half the way replaces it. So dead
    units and means above 1 have a finite value, and gradient descent moves them towards rho.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.
    target : float, default=0.05
        The mean activation rho to aim at, in [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Sparse
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Sparse(0.5, target=0.1)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.313
    """

    target: float = 0.05
    name = "sparse"
    requires = ("non-negative",)
    scale_free_encoder = True
    uses_mean_code = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.target < 1.0:
            raise ValueError(f"target of the penalty 'sparse' must be in [0, 1), got {self.target!r}")
        object.__setattr__(self, "target", float(self.target))

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        mean, rho, dtype = batch.mean_code.astype("float64"), self.target, batch.H.dtype
        # Small, but with derivatives that float32 can hold.
        margin = 1e-37 * max(1.0, self.alpha) if batch.activation.at_most_one else 1e-4
        # A tangent that starts on the other side of rho would lead away from rho, and fall without bound.
        low, high = min(margin, 0.5 * rho or margin), min(max(margin, ops.eps(dtype)), 0.5 * (1.0 - rho))
        inside = ops.clip(mean, low, 1.0 - high)
        derivative = (1.0 - rho) / (1.0 - inside) - rho / inside  # in the mean code, (k,)
        value = (rho - 1.0) * ops.log(1.0 - inside) - rho * ops.log(inside) + derivative * (mean - inside)
        if rho > 0.0:
            value += rho * math.log(rho) + (1.0 - rho) * math.log(1.0 - rho)
        grad_H = ops.multiply((self.alpha * derivative).astype(dtype), batch.weight, out=ops.empty_like(batch.H))
        ops.add(grad.U, batch.activation.backward(batch.U, batch.H, grad_H), out=grad.U)
        return self.alpha * float(value.sum())
