"""Constraints on the row lengths of one block of parameters."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from skae import _ops as ops
from skae._typing import FloatArray


def _row_norms(rows):
    """Return the Euclidean lengths of the rows; an overflow gives NaN, which makes the row NaN and stops training."""
    norms = ops.sqrt(ops.row_squared_norms(rows))
    norms[norms == np.inf] = np.nan
    return norms


@dataclasses.dataclass(frozen=True)
class UnitNorm:
    """Every row of one block has Euclidean length 1.

    Parameters
    ----------
    block : str
        Name of the constrained block of the `Layout`.
    """

    block: str
    name: ClassVar[str] = "unit"

    def project(self, rows: FloatArray) -> None:
        """Scale the rows to length 1 in place; a row of zeros becomes the constant row."""
        norms = _row_norms(rows)
        zero = norms == 0.0
        if zero.any():
            rows[zero], norms[zero] = 1.0, math.sqrt(rows.shape[1])
        ops.divide(rows, norms[:, None], out=rows)

    def tangent(self, rows: FloatArray, grad: FloatArray) -> None:
        """Remove from `grad`, in place, the part along each row, which would change its length."""
        ops.add_scaled_rows(grad, -ops.row_dots(rows, grad), rows)

    def constrain(self, v: FloatArray) -> FloatArray:
        """Return w = v/|v| for each row v."""
        rows = v.copy()
        self.project(rows)
        return rows

    def vjp(self, v: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the gradient in v, given the gradient in w = v/|v|."""
        norms = np.sqrt(ops.row_squared_norms(v))[:, None]
        rows = v / norms
        return (grad - ops.row_dots(rows, grad)[:, None] * rows) / norms

    def unconstrain(self, rows: FloatArray) -> FloatArray:
        """Return a v with w = v/|v|."""
        return rows.copy()


@dataclasses.dataclass(frozen=True)
class MaxNorm:
    """Every row of one block has Euclidean length at most `max_norm`.

    Parameters
    ----------
    block : str
        Name of the constrained block of the `Layout`.
    max_norm : float, default=1.0
        The largest length.
    """

    block: str
    max_norm: float = 1.0
    name: ClassVar[str] = "max"

    def project(self, rows: FloatArray) -> None:
        """Scale longer rows to length `max_norm`, in place."""
        norms = _row_norms(rows)
        if norms.max(initial=0.0) > self.max_norm:
            scale = self.max_norm / ops.maximum(norms, self.max_norm)
            ops.multiply(rows, scale[:, None], out=rows)

    def tangent(self, rows: FloatArray, grad: FloatArray) -> None:
        """Remove from `grad`, in place, the part that would lengthen a row beyond `max_norm`."""
        squares = ops.row_squared_norms(rows)
        dots = ops.row_dots(rows, grad)
        outward = (squares >= self.max_norm**2 * (1.0 - 1e-5)) & (dots < 0.0)
        if outward.any():
            scale = np.zeros_like(dots)
            np.divide(-dots, squares, out=scale, where=outward)
            ops.add_scaled_rows(grad, scale, rows)

    # w = v / sqrt(1 + |v|^2/c^2), with c = max_norm, maps all v onto |w| < c. Clipping, v min(1, c/|v|), would have
    # zero gradient along v outside the ball, and so false stationary points.

    def constrain(self, v: FloatArray) -> FloatArray:
        """Return w = v / sqrt(1 + |v|^2/c^2) for each row v."""
        return v / np.sqrt(1.0 + ops.row_squared_norms(v) / self.max_norm**2)[:, None]

    def vjp(self, v: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the gradient in v, given the gradient in w."""
        s = 1.0 / np.sqrt(1.0 + ops.row_squared_norms(v) / self.max_norm**2)
        along = s**3 / self.max_norm**2 * ops.row_dots(v, grad)
        return s[:, None] * grad - along[:, None] * v

    def unconstrain(self, rows: FloatArray) -> FloatArray:
        """Return the v of each w. A w with |w| = c has its v at infinity: take the v of a slightly shorter w."""
        squares = np.minimum(ops.row_squared_norms(rows) / self.max_norm**2, 0.999)
        norms = np.sqrt(ops.row_squared_norms(rows))
        short = np.divide(np.sqrt(squares) * self.max_norm, norms, out=np.ones_like(norms), where=norms > 0)
        return rows * (short / np.sqrt(1.0 - squares))[:, None]
