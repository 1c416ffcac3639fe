"""The methods of an objective that apply the constraint on its parameters."""

from __future__ import annotations

from skae._typing import FloatArray, Generator
from skae.parameters import Layout, MaxNorm, UnitNorm


class Constrained:
    """Constraint on the row lengths of one block, in the forms that the solvers use.

    Attributes
    ----------
    layout : skae.parameters.Layout
        Layout of the parameters.
    constraint : skae.parameters.UnitNorm, skae.parameters.MaxNorm or None
        The constraint, or None.
    """

    layout: Layout
    constraint: UnitNorm | MaxNorm | None = None

    def project(self, theta: FloatArray) -> None:
        """Apply the constraint to `theta`, in place."""
        if self.constraint is not None:
            self.constraint.project(self._constrained(theta))

    def project_gradient(self, theta: FloatArray, grad: FloatArray) -> None:
        """Remove from `grad`, in place, the part along which the constraint does not let `theta` change."""
        if self.constraint is not None:
            self.constraint.tangent(self._constrained(theta), self._constrained(grad))

    def constrain(self, v: FloatArray) -> FloatArray:
        """Return the `theta` that meets the constraint, for an unconstrained vector `v`."""
        theta = v.copy()
        if self.constraint is not None:
            self._constrained(theta)[...] = self.constraint.constrain(self._constrained(v))
        return theta

    def vjp(self, v: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the gradient in `v`, given the gradient in `constrain(v)`."""
        result = grad.copy()
        if self.constraint is not None:
            self._constrained(result)[...] = self.constraint.vjp(self._constrained(v), self._constrained(grad))
        return result

    def unconstrain(self, theta: FloatArray) -> FloatArray:
        """Return an unconstrained vector `v` with ``constrain(v)`` equal to `theta`."""
        v = theta.copy()
        if self.constraint is not None:
            self._constrained(v)[...] = self.constraint.unconstrain(self._constrained(theta))
        return v

    def random_direction(self, rng: Generator) -> FloatArray:
        """Return a vector of standard normal numbers, float64. The order of the layout does not change its blocks."""
        return self.layout.rearranged(rng.standard_normal(self.layout.size), Layout(**self.layout.shapes))

    def _constrained(self, theta):
        """Return the rows of the constrained block of a flat vector, as a view."""
        assert self.constraint is not None
        block = self.layout.views(theta)[self.constraint.block]
        return block.reshape(-1, block.shape[-1])
