"""What an objective says of the constraint on its parameters."""

from __future__ import annotations

from skae._typing import FloatArray
from skae.parameters import Layout, MaxNorm, UnitNorm


class Constrained:
    """Constraint on the row lengths of one block, for all solvers.

    Attributes
    ----------
    layout : skae.parameters.Layout
        Of the parameters.
    constraint : skae.parameters.UnitNorm, skae.parameters.MaxNorm or None
        The constraint, if there is one.
    """

    layout: Layout
    constraint: UnitNorm | MaxNorm | None = None

    def project(self, theta: FloatArray) -> None:
        """Apply the constraint to `theta`, in place."""
        if self.constraint is not None:
            self.constraint.project(self._constrained(theta))

    def project_gradient(self, theta: FloatArray, grad: FloatArray) -> None:
        """Remove from `grad`, in place, what the constraint does not let change `theta`."""
        if self.constraint is not None:
            self.constraint.tangent(self._constrained(theta), self._constrained(grad))

    def parametrize(self, free: FloatArray) -> FloatArray:
        """Return the `theta` that meets the constraint, for an unconstrained vector `free`."""
        theta = free.copy()
        if self.constraint is not None:
            self._constrained(theta)[...] = self.constraint.parametrize(self._constrained(free))
        return theta

    def pull_back(self, free: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the gradient with respect to `free`, given the one with respect to `parametrize(free)`."""
        result = grad.copy()
        if self.constraint is not None:
            self._constrained(result)[...] = self.constraint.pull_back(self._constrained(free), self._constrained(grad))
        return result

    def free(self, theta: FloatArray) -> FloatArray:
        """Return an unconstrained vector whose `parametrize` is `theta`."""
        free = theta.copy()
        if self.constraint is not None:
            self._constrained(free)[...] = self.constraint.free(self._constrained(theta))
        return free

    def _constrained(self, theta):
        """The rows of the constrained block of a flat vector, as a view."""
        assert self.constraint is not None
        block = self.layout.views(theta)[self.constraint.block]
        return block.reshape(-1, block.shape[-1])
