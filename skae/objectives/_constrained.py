"""The methods of an objective that apply the constraints on its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from skae._typing import FloatArray, Generator
from skae.parameters import Layout, MaxNorm, UnitNorm


class Constrained:
    """Base class of the objectives: constraints on the row lengths of blocks, in the forms that the solvers use.

    A subclass sets `layout`, and has the method ``value_and_grad`` (see `Reconstruction`). Then every solver of
    `skae.solvers` minimises it.

    Attributes
    ----------
    layout : skae.parameters.Layout
        Layout of the parameters.
    constraint : skae.parameters.UnitNorm, skae.parameters.MaxNorm or None
        The constraint, or None.

    Examples
    --------
    The distance of rows from a point of length 1:

    >>> import numpy as np
    >>> from skae.objectives import Constrained
    >>> from skae.parameters import Layout, UnitNorm
    >>> from skae.solvers import LBFGS
    >>> class Distance(Constrained):
    ...     layout = Layout(w=(1, 2))
    ...     constraint = UnitNorm("w")
    ...
    ...     def value_and_grad(self, theta, X, target=None, sample_weight=None, *, mean_code=None, out=None):
    ...         difference = theta - X.mean(axis=0)
    ...         return 0.5 * float(difference @ difference), difference
    ...
    >>> class AllRows:
    ...     def __len__(self):
    ...         return 1
    ...
    ...     def __call__(self, rng):
    ...         yield np.array([[3.0, 4.0], [3.0, 4.0]]), None, None
    ...
    >>> result = LBFGS(max_iter=50).minimize(Distance(), np.array([1.0, 0.0]), AllRows(), np.random.default_rng(0))
    >>> result.theta.round(3)
    array([0.6, 0.8])
    """

    layout: Layout
    constraint: UnitNorm | MaxNorm | None = None

    def project(self, theta: FloatArray) -> None:
        """Apply the constraints to `theta`, in place."""
        for each in self._constraints():
            each.project(self._rows(each, theta))

    def project_gradient(self, theta: FloatArray, grad: FloatArray) -> None:
        """Remove from `grad`, in place, the part along which the constraints do not let `theta` change."""
        for each in self._constraints():
            each.tangent(self._rows(each, theta), self._rows(each, grad))

    def constrain(self, v: FloatArray) -> FloatArray:
        """Return the `theta` that meets the constraints, for an unconstrained vector `v`."""
        theta = v.copy()
        for each in self._constraints():
            self._rows(each, theta)[...] = each.constrain(self._rows(each, v))
        return theta

    def vjp(self, v: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the gradient in `v`, given the gradient in `constrain(v)`."""
        result = grad.copy()
        for each in self._constraints():
            self._rows(each, result)[...] = each.vjp(self._rows(each, v), self._rows(each, grad))
        return result

    def unconstrain(self, theta: FloatArray) -> FloatArray:
        """Return an unconstrained vector `v` with ``constrain(v)`` equal to `theta`."""
        v = theta.copy()
        for each in self._constraints():
            self._rows(each, v)[...] = each.unconstrain(self._rows(each, theta))
        return v

    def random_direction(self, rng: Generator) -> FloatArray:
        """Return a vector of standard normal numbers, float64. The order of the layout does not change its blocks."""
        return self.layout.rearranged(rng.standard_normal(self.layout.size), Layout(**self.layout.shapes))

    def _constraints(self) -> Sequence[UnitNorm | MaxNorm]:
        """Return the constraints, at most one for each block."""
        return () if self.constraint is None else (self.constraint,)

    def _rows(self, constraint, theta):
        """Return the rows of the block that a constraint acts on, as a view of a flat vector."""
        block = self.layout.views(theta)[constraint.block]
        return block.reshape(-1, block.shape[-1])
