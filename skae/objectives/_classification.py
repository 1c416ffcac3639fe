"""The conditional log-likelihood of classes, or a hinge loss, given the energies of one autoencoder a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from skae import _ops as ops
from skae._typing import FloatArray, IntArray, VisibleName
from skae.activations import Activation
from skae.objectives._constrained import Constrained
from skae.objectives._hidden_bias import derives_bias
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.visible import VISIBLE


def _log_loss(scores, target, weight):
    """Return the weighted mean of -log P(target) (ENERGY eq. 45), and turn the scores into its gradient."""
    rows = ops.arange(len(scores))
    scores -= scores.max(axis=1, keepdims=True)
    own = scores[rows, target]
    ops.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    losses = ops.log(total[:, 0]) - own
    scores /= total
    scores[rows, target] -= 1.0
    ops.multiply(scores, weight, out=scores)
    return ops.weighted_sum(losses, weight)


def _hinge(scores, target, weight):
    """Return the weighted mean of max_j (score_j + [j is not the target]) - score_target, and its gradient in scores.

    The hinge loss of Crammer and Singer (2001).
    """
    rows = ops.arange(len(scores))
    own = scores[rows, target]
    scores += 1.0
    scores[rows, target] -= 1.0
    rival = ops.argmax(scores, axis=1)
    losses = scores[rows, rival] - own
    scores.fill(0.0)
    scores[rows, rival] = 1.0
    scores[rows, target] -= 1.0
    ops.multiply(scores, weight, out=scores)
    return ops.weighted_sum(losses, weight)


#: The losses by name: functions of scores (n, K), target (n,) and weight that turn the scores into the gradient.
LOSSES = MappingProxyType({"log_loss": _log_loss, "hinge": _hinge})


class Classification(Constrained):
    """Loss of the class scores s_j(x) = E_j(x) + C_j, the energies of one tied autoencoder a class (ENERGY eq. 45).

    ::

        E_j(x) = sum_k Phi(u_jk) - |x - c_j|^2/2     gaussian, u_j = W_j x + b_j
        E_j(x) = sum_k Phi(u_jk) + c_j.x             bernoulli
        dE_j/dW_j = h(u_j) x^T,  dE_j/db_j = h(u_j),  dE_j/dc_j = x - c_j  (bernoulli: x)

    less what is the same for all classes. No derivative of h appears, so that every activation will do. Where the
    units derive b_j from W_j and c_j, its gradient goes on to these.

    Parameters
    ----------
    layout : skae.parameters.Layout
        With the blocks W (K, k, d), c (K, d) and C (K,), and b (K, k) where the hidden bias is a parameter.
    activations : sequence of skae.activations.Activation
        The hidden units of each class; they may differ in a threshold.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    loss : {"log_loss", "hinge"}, default="log_loss"
        See `LOSSES`.
    l2 : float, default=0.0
        Strength of l2/2 |W|^2.
    constraint : skae.parameters.UnitNorm or MaxNorm, optional
        Constraint on the row lengths of W.
    """

    #: The blocks that decay.
    weights: tuple[str, ...] = ("W",)
    #: Blocks of rows need nothing of the others.
    uses_mean_code = False

    def __init__(
        self,
        layout: Layout,
        activations: Sequence[Activation],
        *,
        visible: VisibleName = "gaussian",
        loss: Literal["log_loss", "hinge"] = "log_loss",
        l2: float = 0.0,
        constraint: UnitNorm | MaxNorm | None = None,
    ) -> None:
        self.layout, self.visible, self.loss, self.l2 = layout, VISIBLE[visible], LOSSES[loss], float(l2)
        self.activations, self.constraint = tuple(activations), constraint
        self.activation, self._alike = self.activations[0], len(set(self.activations)) == 1
        self._derives_bias = derives_bias(layout, self.activation)

    def value_and_grad(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: IntArray,
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
            Rows.
        target : ndarray of int of shape (n,)
            Their classes, from 0.
        sample_weight : ndarray of shape (n,), optional
            Non-negative weights, not all zero.
        mean_code : None
            Not used.
        out : ndarray of shape (layout.size,), optional
            Where to write the gradient.

        Returns
        -------
        value : float
            Weighted mean over the rows, plus the weight decay.
        grad : ndarray of shape (layout.size,)
            Its gradient.
        """
        out = ops.empty_like(theta) if out is None else out
        blocks, grads = self.layout.views(theta), self.layout.views(out)
        scores, U, context = self._scores(blocks, X)
        value = self.loss(scores, target, ops.row_weights(len(X), sample_weight))
        G = scores  # the loss has turned them into its gradient
        dU = self._codes(U)
        ops.multiply(dU, G[:, :, None], out=dU)
        grad_b = ops.column_sums(dU)  # before `_set_weight_gradients`, which may overwrite dU
        self._set_weight_gradients(blocks, grads, X, context, dU)
        grads["c"][...] = self.visible.class_gradient(X, blocks["c"], G)
        if "b" in grads:
            grads["b"][...] = grad_b
        elif self._derives_bias:
            for j, own in enumerate(grad_b):
                W, c = self.visible.derived_bias_gradient(blocks["W"][j], blocks["c"][j], own)
                grads["W"][j] += W
                grads["c"][j] += c
        ops.column_sums(G, out=grads["C"])
        if self.l2 > 0.0:
            for name in self.weights:
                grad, block = (views[name].reshape(-1, views[name].shape[-1]) for views in (grads, blocks))
                ops.add_scaled_rows(grad, self.l2, block)
        return value + self._decay(blocks), out

    def value(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: IntArray,
        sample_weight: FloatArray | None = None,
        *,
        mean_code: None = None,
    ) -> float:
        """Return the loss over the rows of X."""
        blocks = self.layout.views(theta)
        scores = self._scores(blocks, X)[0]
        return self.loss(scores, target, ops.row_weights(len(X), sample_weight)) + self._decay(blocks)

    def scores(self, theta: FloatArray, X: FloatArray) -> FloatArray:
        """Return s_j(x), less what is the same for all classes, shape (n, K)."""
        return self._scores(self.layout.views(theta), X)[0]

    def code(self, theta: FloatArray, X: FloatArray) -> FloatArray:
        """Return the codes of the rows of X by all classes' autoencoders, shape (n, K, k)."""
        return self._codes(self._biased(self.layout.views(theta), X)[0])

    def hidden_bias(self, blocks: Mapping[str, FloatArray]) -> FloatArray | None:
        """Return the hidden biases that the blocks of parameters amount to, shape (K, k); None where there are none."""
        if not self._derives_bias:
            return blocks.get("b")
        b = ops.empty(blocks["W"].shape[:2], dtype=blocks["W"].dtype)
        for j, (W, c) in enumerate(zip(blocks["W"], blocks["c"], strict=True)):
            b[j] = self.visible.derived_bias(W, c)
        return b

    def _biased(self, blocks, X):
        """Pre-activations u_j (n, K, k), and what `_set_weight_gradients` needs beside."""
        U, context = self._pre_activations(blocks, X)
        b = self.hidden_bias(blocks)
        return U if b is None else ops.add(U, b, out=U), context

    def _scores(self, blocks, X):
        """Scores (n, K), pre-activations (n, K, k), and what `_set_weight_gradients` needs beside."""
        U, context = self._biased(blocks, X)
        scores = self.visible.class_potential(X, blocks["c"])
        ops.add(scores, blocks["C"], out=scores)
        return ops.add(scores, self._potentials(U), out=scores), U, context

    def _pre_activations(self, blocks, X):
        """u_j without bias, shape (n, K, k)."""
        n_classes, k, d = blocks["W"].shape
        return ops.matmul(X, blocks["W"].reshape(-1, d).T).reshape(len(X), n_classes, k), None

    def _set_weight_gradients(self, blocks, grads, X, context, dU):
        """Set the gradients of the weights, given that of the pre-activations, which may be overwritten."""
        ops.matmul(dU.reshape(len(X), -1).T, X, out=grads["W"].reshape(-1, X.shape[1]))

    def _decay(self, blocks):
        """The weight decay."""
        if self.l2 == 0.0:
            return 0.0
        return 0.5 * self.l2 * sum(ops.sum_squares(blocks[name]) for name in self.weights)

    def _potentials(self, U):
        """sum_k Phi(u_jk), shape (n, K)."""
        if self._alike:
            return self.activation.potential(U)
        out = ops.empty(U.shape[:2], dtype=U.dtype)
        for j, activation in enumerate(self.activations):
            out[:, j] = activation.potential(U[:, j])
        return out

    def _codes(self, U):
        """h(u_j), shape (n, K, k)."""
        if self._alike:
            return self.activation.value(U)
        out = ops.empty_like(U)
        for j, activation in enumerate(self.activations):
            out[:, j] = activation.value(U[:, j])
        return out
