"""The reconstruction objective: the five matrix products of a training step, and the elementwise work between them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Literal

from skae import _ops as ops
from skae._typing import FloatArray, Losses, VisibleName
from skae.activations import Activation
from skae.objectives._constrained import Constrained
from skae.objectives._hidden_bias import derives_bias
from skae.objectives._scratch import Workspace
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.penalties import Batch, Gradient, Penalty, check_compatible
from skae.visible import VISIBLE


class _Deferred(Gradient):
    """A gradient in the weights that is added later: first the matrix products write to the same arrays.

    `add_rows` only notes its arguments. An array of zeros is made only for a penalty that adds to W or V itself.
    """

    def __init__(self, U, zeros, tied):
        self.U, self._zeros, self._tied, self._noted = U, zeros, tied, []

    @functools.cached_property
    def W(self) -> FloatArray:  # type: ignore[override] # made on first use
        return self._zeros("gradient of W")

    @functools.cached_property
    def V(self) -> FloatArray:  # type: ignore[override]
        return self.W if self._tied else self._zeros("gradient of V")

    def add_rows(self, name: Literal["W", "V"], scale: float | FloatArray, rows: FloatArray) -> None:
        self._noted.append((name, scale, rows))

    def add_to(self, W, V):
        """Add the gradient in the weights to W and V."""
        targets = {"W": W, "V": V}
        for name in ("W",) if self._tied else ("W", "V"):
            if name in vars(self):
                ops.add(targets[name], getattr(self, name), out=targets[name])
        for name, scale, rows in self._noted:
            ops.add_scaled_rows(targets[name], scale, rows)


class Reconstruction(Constrained):
    """Mean loss of the reconstruction r(x) = output(V^T h(W x + b) + c), plus penalties.

    ::

        U = X W^T + b,   H = h(U),   A = H V + c,   R = A (gaussian) or sigmoid(A) (bernoulli)
        value = mean_i |x_i - r_i|^2 / 2  (gaussian) or cross-entropy (bernoulli)  + penalties

    X is (n, d), W and V are (k, d), b is (k,), c is (d,). All arrays have theta's dtype. The value is the weighted
    mean over the given rows. So the value of several chunks of rows together is the weighted mean of their values.

    Parameters
    ----------
    layout : skae.parameters.Layout
        It has the blocks W and c. It also has V if the weights are untied, and b if the hidden bias is a parameter.
    activation : skae.activations.Activation
        The hidden units. If the layout has no b, they have no bias, or derive it from W and c.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    penalties : sequence of skae.penalties.Penalty, default=()
        Added to the loss.
    constraint : skae.parameters.UnitNorm or MaxNorm, optional
        Constraint on the row lengths of one block.

    Raises
    ------
    ValueError
        If a penalty does not work with the activation, the visible units or the tying, or if the hidden units derive
        their bias but the weights are untied.
    """

    #: Whether the target of a batch is a pair of the rows to reconstruct, or None, and a seed. A subclass that draws
    #: random numbers sets this to true. Training with L-BFGS, and validation, have the same seeds in every epoch.
    uses_seed = False

    def __init__(
        self,
        layout: Layout,
        activation: Activation,
        *,
        visible: VisibleName = "gaussian",
        penalties: Sequence[Penalty] = (),
        constraint: UnitNorm | MaxNorm | None = None,
    ) -> None:
        self.layout, self.activation, self.constraint = layout, activation, constraint
        self.tied = "V" not in layout
        self._derives_bias = derives_bias(layout, activation)
        self.visible = VISIBLE[visible]
        self.penalties = tuple(penalties)
        for penalty in self.penalties:
            check_compatible(penalty, activation, visible, self.tied)
        elementwise = {"elementwise", "derivative", "second_derivative"}
        self._needs_derivative = any(elementwise.intersection(penalty.requires) for penalty in self.penalties)
        #: Whether a chunk of rows needs the `mean_code` of all rows.
        self.uses_mean_code = any(penalty.uses_mean_code for penalty in self.penalties)
        self._scratch = Workspace()

    def value_and_grad(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: FloatArray | None = None,
        sample_weight: FloatArray | None = None,
        *,
        mean_code: FloatArray | None = None,
        out: FloatArray | None = None,
    ) -> tuple[float, FloatArray]:
        """Return the objective over the rows of X and its gradient.

        Parameters
        ----------
        theta : ndarray of shape (layout.size,)
            Parameters.
        X : ndarray of shape (n, d)
            The network's input.
        target : ndarray of shape (n, d), optional
            The rows to reconstruct; by default X.
        sample_weight : ndarray of shape (n,), optional
            Non-negative weights, not all zero.
        mean_code : ndarray of shape (k,), optional
            Mean code over all rows, for penalties that use it; by default the mean over the given rows.
        out : ndarray of shape (layout.size,), optional
            Array to write the gradient to.

        Returns
        -------
        value : float
            Weighted mean over the rows, plus penalties.
        grad : ndarray of shape (layout.size,)
            Gradient of the value.
        """
        out = ops.empty_like(theta) if out is None else out
        grads = self.layout.views(out)
        n, (k, d) = X.shape[0], self.layout.shapes["W"]
        # The arrays are stacked along the batch, so tied weights need one gradient product instead of two:
        # the gradient in W is [dU; H]^T [X; E].
        codes = self._scratch("codes", (2 * n, k), theta.dtype)
        inputs = self._scratch("inputs", (2 * n, d), theta.dtype)
        dU, H, copy_of_X, E = codes[:n], codes[n:], inputs[:n], inputs[n:]
        value, batch = self._forward(theta, X, target, sample_weight, mean_code, H=H, E=E)
        copy_of_X[...] = X

        ops.matmul(E, batch.V.T, out=dU)
        if self._needs_derivative:
            ops.multiply(dU, batch.D, out=dU)
        else:
            ops.copy_into(dU, self.activation.backward(batch.U, batch.H, dU, out=dU))

        penalties, grad = self._penalize(batch, dU)
        if self.tied:
            ops.matmul(codes.T, inputs, out=grads["W"])
        else:
            ops.matmul(dU.T, copy_of_X, out=grads["W"])
            ops.matmul(H.T, E, out=grads["V"])
        grad.add_to(grads["W"], grads.get("V", grads["W"]))
        ops.column_sums(E, out=grads["c"])
        self._set_bias_gradient(theta, grads, dU)
        return value + penalties, out

    def value(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: FloatArray | None = None,
        sample_weight: FloatArray | None = None,
        *,
        mean_code: FloatArray | None = None,
    ) -> float:
        """Return the objective over the rows of X; the arguments are those of `value_and_grad`."""
        return self.losses_at(theta)(X, target, sample_weight, mean_code=mean_code)[0]

    def losses_at(self, theta: FloatArray) -> Losses:
        """Return a function of rows, with the arguments of `value`. It returns the value with and without penalties."""

        def losses(X, target=None, sample_weight=None, *, mean_code=None):
            n, shape = X.shape[0], self.layout.shapes["W"]
            H = self._scratch("codes", (2 * n, shape[0]), theta.dtype)
            E = self._scratch("inputs", (2 * n, shape[1]), theta.dtype)
            loss, batch = self._forward(theta, X, target, sample_weight, mean_code, H=H[n:], E=E[n:])
            return loss + self._penalties(batch, H[:n]), loss

        return losses

    def code(self, theta: FloatArray, X: FloatArray) -> FloatArray:
        """Return the code of the rows of X, shape (n, k); the next call overwrites this array."""
        H = self._scratch("codes", (2 * X.shape[0], self.layout.shapes["W"][0]), theta.dtype)[: X.shape[0]]
        return ops.copy_into(H, self.activation.value(self._pre_activations(self.layout.views(theta), X), out=H))

    def code_range(self, theta: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the smallest and the largest code of each unit over the rows of X, two arrays of shape (k,)."""
        H = self.code(theta, X)
        return H.min(axis=0), H.max(axis=0)

    def mean_code(self, theta: FloatArray, X: FloatArray, sample_weight: FloatArray | None = None) -> FloatArray:
        """Return the weighted mean of the code over the rows of X, shape (k,)."""
        H = self.code(theta, X)
        if sample_weight is None:
            return H.mean(axis=0)
        return sample_weight @ H / sample_weight.sum()

    def hidden_bias(self, blocks: Mapping[str, FloatArray]) -> FloatArray | None:
        """Return the hidden bias, given or derived, shape (k,); None if there is none."""
        return self.visible.derived_bias(blocks["W"], blocks["c"]) if self._derives_bias else blocks.get("b")

    def _set_bias_gradient(self, theta, grads, dU):
        """Set the gradient in the hidden bias; if the bias is derived, add to the gradients in W and c instead."""
        if "b" in grads:
            ops.column_sums(dU, out=grads["b"])
        elif self._derives_bias:
            blocks = self.layout.views(theta)
            added = self.visible.derived_bias_gradient(blocks["W"], blocks["c"], ops.column_sums(dU))
            for name, array in zip("Wc", added, strict=True):
                ops.add(grads[name], array, out=grads[name])

    def _pre_activations(self, blocks, X):
        """Return U = X W^T + b, shape (n, k), in a scratch array."""
        W, b = blocks["W"], self.hidden_bias(blocks)
        U = ops.product(X, W.T, out=self._scratch("U", (X.shape[0], W.shape[0]), W.dtype))
        return U if b is None else ops.add(U, b, out=U)

    def _forward(self, theta, X, target, sample_weight, mean_code, H, E):
        """Write the code to H and the weighted residual to E; return the loss and the batch."""
        blocks = self.layout.views(theta)
        W, V = blocks["W"], blocks.get("V", blocks["W"])
        weight = ops.row_weights(X.shape[0], sample_weight)
        U = self._pre_activations(blocks, X)
        ops.copy_into(H, self.activation.value(U, out=H))
        ops.matmul(H, V, out=E)
        ops.add(E, blocks["c"], out=E)
        loss = self.visible.loss_and_residual(E, X if target is None else target, weight)
        return loss, Batch(X, U, H, W, V, weight, self.activation, mean_code, self._scratch)

    def _penalties(self, batch, scratch):
        """Return the sum of the penalties without their gradients; overwrite `scratch`, an array like `batch.U`."""
        if not self.penalties:
            return 0.0
        scratch.fill(0.0)
        return self._penalize(batch, scratch)[0]

    def _penalize(self, batch, dU):
        """Return the sum of the penalties, and their gradient in the weights; add their gradient in U to dU."""

        def zeros(name):
            array = self._scratch(name, self.layout.shapes["W"], dU.dtype)
            array.fill(0.0)
            return array

        grad = _Deferred(dU, zeros, self.tied)
        return sum(penalty.add(batch, grad) for penalty in self.penalties), grad
