"""Penalties on the weights."""

from __future__ import annotations

from typing import Literal

from skae import _ops as ops
from skae.penalties._base import Penalty, register_penalty
from skae.penalties._batch import Batch, Gradient


@register_penalty
class L2(Penalty):
    """alpha/2 (|W|^2 + |V|^2 when untied), weight decay (ENERGY 4.4).

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import L2
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[L2(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.55
    """

    name = "l2"

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        value = 0.0
        names: tuple[Literal["W", "V"], ...] = ("W",) if batch.V is batch.W else ("W", "V")
        for name in names:
            rows = getattr(batch, name)
            grad.add_rows(name, self.alpha, rows)
            value += 0.5 * self.alpha * ops.sum_squares(rows)
        return value
