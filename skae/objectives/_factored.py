"""Autoencoders of several classes that share factors: objectives of classification and of denoising pretraining."""

from __future__ import annotations

from collections.abc import Sequence

from skae import _ops as ops
from skae._typing import FloatArray, IntArray, Losses, VisibleName
from skae.activations import Activation
from skae.objectives._classification import Classification
from skae.objectives._constrained import Constrained
from skae.objectives._hidden_bias import derives_bias
from skae.parameters import Layout
from skae.visible import VISIBLE


class FactoredClassification(Classification):
    """`Classification` in which the weights of all classes are products of shared factors (ENERGY 4.1, eq. 46 and 48).

    ::

        u_j = ((P x) * f_j) Q + b_j,    that is W_j = Q^T diag(f_j) P

    Parameters
    ----------
    layout : skae.parameters.Layout
        In place of W, it has the blocks P (F, d), Q (F, k) and f (K, F). In the paper's names, P is the transpose of
        W^x, Q is W^h, and f is w^f.
    activations, visible, loss
        As in `Classification`.
    l2 : float, default=0.0
        Strength of l2/2 (|P|^2 + |Q|^2 + |f|^2).
    """

    weights = ("P", "Q", "f")

    def _pre_activations(self, blocks, X):
        """Return u_j without bias, shape (n, K, k), and the factors' responses, plain (n, F) and gated (n, K, F)."""
        Z = ops.product(X, blocks["P"].T)
        gated = Z[:, None, :] * blocks["f"]
        return ops.matmul(gated, blocks["Q"]), (Z, gated)

    def _set_weight_gradients(self, blocks, grads, X, context, dU):
        """Set the gradients in P, Q and f."""
        Z, gated = context
        n_factors, k = blocks["Q"].shape
        ops.matmul(gated.reshape(-1, n_factors).T, dU.reshape(-1, k), out=grads["Q"])
        dgated = ops.matmul(dU, blocks["Q"].T)
        grads["f"][...] = ops.column_sums(dgated * Z[:, None, :])
        dZ = ops.column_sums((dgated * blocks["f"]).swapaxes(0, 1))
        ops.weight_gradient(dZ, X, out=grads["P"])


class FactoredReconstruction(Constrained):
    """Mean loss of the reconstruction: the autoencoder of its class reconstructs each row; the classes share factors.

    ::

        u = ((P x) * f_y) Q + b_y,    r(x) = output(((h(u) Q^T) * f_y) P + c_y)

    for a row x of class y (ENERGY eq. 46 and 47, with the indices and the h of the paper corrected).

    Parameters
    ----------
    layout : skae.parameters.Layout
        It has the blocks P (F, d), Q (F, k), f (K, F) and c (K, d). It also has b (K, k) if the hidden units have a
        bias.
    activation : skae.activations.Activation
        The hidden units of all classes.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    l2 : float, default=0.0
        Strength of l2/2 (|P|^2 + |Q|^2 + |f|^2).
    frozen : sequence of str, default=()
        Names of the blocks that training does not change.

    Raises
    ------
    ValueError
        If the hidden units derive their bias from the weights.
    """

    #: Names of the blocks that weight decay acts on.
    weights = ("P", "Q", "f")
    uses_mean_code = False

    def __init__(
        self,
        layout: Layout,
        activation: Activation,
        *,
        visible: VisibleName = "gaussian",
        l2: float = 0.0,
        frozen: Sequence[str] = (),
    ) -> None:
        self.layout, self.activation, self.visible = layout, activation, VISIBLE[visible]
        self.l2, self.frozen = float(l2), tuple(frozen)
        derives_bias(layout, activation)  # raises an error if it would be derived

    def value_and_grad(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: tuple[FloatArray, IntArray],
        sample_weight: FloatArray | None = None,
        *,
        mean_code: None = None,
        out: FloatArray | None = None,
    ) -> tuple[float, FloatArray]:
        """Return the loss over the rows of X and its gradient.

        Parameters
        ----------
        theta : ndarray of shape (layout.size,)
            Parameters.
        X : ndarray of shape (n, d)
            The network's input.
        target : tuple of ndarray of shape (n, d) and ndarray of int of shape (n,)
            The rows to reconstruct, and the class of each row, from 0.
        sample_weight : ndarray of shape (n,), optional
            Non-negative weights, not all zero.
        mean_code : None
            Not used.
        out : ndarray of shape (layout.size,), optional
            Array to write the gradient to.

        Returns
        -------
        value : float
            Weighted mean over the rows, plus the weight decay.
        grad : ndarray of shape (layout.size,)
            Gradient of the value.
        """
        out = ops.empty_like(theta) if out is None else out
        blocks, grads = self.layout.views(theta), self.layout.views(out)
        P, Q = blocks["P"], blocks["Q"]
        loss, (gate, Z, gated, U, H, D, output, E) = self._forward(blocks, X, target, sample_weight)
        members = ops.empty((len(X), len(blocks["f"])), dtype=theta.dtype)
        ops.one_hot(target[1], members)
        ops.matmul(output.T, E, out=grads["P"])
        dgated = ops.matmul(E, P.T)
        dD = dgated * gate
        dU = self.activation.backward(U, H, ops.matmul(dD, Q))
        ops.matmul(dD.T, H, out=grads["Q"])
        ops.add(grads["Q"], ops.matmul(gated.T, dU), out=grads["Q"])
        dG = ops.matmul(dU, Q.T)
        ops.matmul(members.T, dgated * D + dG * Z, out=grads["f"])
        ops.add(grads["P"], ops.matmul((dG * gate).T, X), out=grads["P"])
        if "b" in grads:
            ops.matmul(members.T, dU, out=grads["b"])
        ops.matmul(members.T, E, out=grads["c"])
        if self.l2 > 0.0:
            for name in self.weights:
                ops.add_scaled_rows(grads[name], self.l2, blocks[name])
        return loss + self._decay(blocks), out

    def value(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: tuple[FloatArray, IntArray],
        sample_weight: FloatArray | None = None,
        *,
        mean_code: None = None,
    ) -> float:
        """Return the loss over the rows of X."""
        return self.losses_at(theta)(X, target, sample_weight)[0]

    def losses_at(self, theta: FloatArray) -> Losses:
        """Return a function of rows, with the arguments of `value`. It returns the loss with and without the decay."""
        blocks = self.layout.views(theta)
        decay = self._decay(blocks)

        def losses(X, target, sample_weight=None, *, mean_code=None):
            loss = self._forward(blocks, X, target, sample_weight)[0]
            return loss + decay, loss

        return losses

    def project_gradient(self, theta: FloatArray, grad: FloatArray) -> None:
        """Set the gradient in the frozen blocks to zero, in place."""
        grads = self.layout.views(grad)
        for name in self.frozen:
            grads[name].fill(0.0)

    def vjp(self, v: FloatArray, grad: FloatArray) -> FloatArray:
        """Return a copy of the gradient that is zero in the frozen blocks."""
        result = grad.copy()
        self.project_gradient(v, result)
        return result

    def _forward(self, blocks, X, target, sample_weight):
        """Return the loss, and the arrays that its gradient needs.

        These are the gates f_y, the factors' responses Z = P x and their gated form, U, H, the factors' outputs
        D = H Q^T and their gated form, and the weighted residual.
        """
        clean, labels = target
        gate = blocks["f"][labels]
        Z = ops.matmul(X, blocks["P"].T)
        gated = Z * gate
        U = ops.matmul(gated, blocks["Q"])
        if "b" in blocks:
            ops.add(U, blocks["b"][labels], out=U)
        H = self.activation.value(U)
        D = ops.matmul(H, blocks["Q"].T)
        output = D * gate
        A = ops.matmul(output, blocks["P"])
        ops.add(A, blocks["c"][labels], out=A)
        loss = self.visible.loss_and_residual(A, clean, ops.row_weights(len(X), sample_weight))
        return loss, (gate, Z, gated, U, H, D, output, A)

    def _decay(self, blocks):
        """Return the weight decay."""
        return 0.5 * self.l2 * sum(ops.sum_squares(blocks[name]) for name in self.weights) if self.l2 else 0.0
