"""Classification losses (conditional log-likelihood, hinge) of the energies of one autoencoder for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from skae import _ops as ops
from skae._typing import FloatArray, IntArray, Losses, VisibleName
from skae.activations import Activation
from skae.objectives._constrained import Constrained
from skae.objectives._hidden_bias import derives_bias
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.visible import VISIBLE


def _log_loss(scores, target, weight):
    """Return the weighted mean of -log P(target) (ENERGY eq. 45); write its gradient over the scores."""
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
    """Return the weighted mean of max_j (score_j + [j is not the target]) - score_target.

    This is the hinge loss of Crammer and Singer (2001). Write its gradient over the scores.
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


#: The losses by name. Each takes scores (n, K), target (n,) and row weights, and writes its gradient over the scores.
LOSSES = MappingProxyType({"log_loss": _log_loss, "hinge": _hinge})


class Classification(Constrained):
    """Loss of the class scores s_j(x) = E_j(x) + C_j, with one tied autoencoder for each class (ENERGY eq. 45).

    ::

        E_j(x) = sum_k Phi(u_jk) - |x - c_j|^2/2     gaussian, u_j = W_j x + b_j
        E_j(x) = sum_k Phi(u_jk) + c_j.x             bernoulli
        dE_j/dW_j = h(u_j) x^T,  dE_j/db_j = h(u_j),  dE_j/dc_j = x - c_j  (bernoulli: x)

    Terms that are the same for all classes are left out. No derivative of h appears, so every activation works. If the
    units derive b_j from W_j and c_j, the gradient in b_j is passed on to W_j and c_j.

    Rows only enter products with parameters and with gradients in u, so they may be sparse. Their layout should be one
    ``by_columns``. CSC is the fastest format.

    Parameters
    ----------
    layout : skae.parameters.Layout
        It has the blocks W (K, k, d), c (K, d) and C (K,). It also has b (K, k) if the hidden bias is a parameter.
    activations : sequence of skae.activations.Activation
        The hidden units of each class. They may differ in a threshold.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    loss : {"log_loss", "hinge"}, default="log_loss"
        See `LOSSES`.
    l2 : float, default=0.0
        Strength of l2/2 |W|^2.
    constraint : skae.parameters.UnitNorm or MaxNorm, optional
        Constraint on the row lengths of W.
    """

    #: Names of the blocks that weight decay acts on.
    weights: tuple[str, ...] = ("W",)
    #: A chunk of rows needs no statistics of the other rows.
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
        X : {ndarray, sparse matrix} of shape (n, d)
            Rows.
        target : ndarray of int of shape (n,)
            The class of each row, from 0.
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
        U, context = self._biased(blocks, X)
        H, potentials = self._codes_and_potentials(U)
        scores = self._scores(blocks, X, potentials)
        value = self.loss(scores, target, ops.row_weights(X.shape[0], sample_weight))
        G = scores  # the loss has written its gradient over them
        dU = ops.multiply(H, G[:, :, None], out=H)
        grad_b = ops.column_sums(dU, out=grads.get("b"))  # before `_set_weight_gradients`, which may overwrite dU
        self._set_weight_gradients(blocks, grads, X, context, dU)
        grads["c"][...] = self.visible.class_gradient(X, blocks["c"], G)
        if self._derives_bias:
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
        return self.losses_at(theta)(X, target, sample_weight)[0]

    def losses_at(self, theta: FloatArray) -> Losses:
        """Return a function of rows, with the arguments of `value`. It returns the loss with and without the decay."""
        blocks = self.layout.views(theta)
        decay = self._decay(blocks)

        def losses(X, target, sample_weight=None, *, mean_code=None):
            loss = self.loss(self.scores(theta, X), target, ops.row_weights(X.shape[0], sample_weight))
            return loss + decay, loss

        return losses

    def scores(self, theta: FloatArray, X: FloatArray) -> FloatArray:
        """Return s_j(x) without the terms that are the same for all classes, shape (n, K)."""
        blocks = self.layout.views(theta)
        return self._scores(blocks, X, self._potentials(self._biased(blocks, X)[0]))

    def code(self, theta: FloatArray, X: FloatArray) -> FloatArray:
        """Return the codes of the rows of X by all classes' autoencoders, shape (n, K, k)."""
        return self._codes_and_potentials(self._biased(self.layout.views(theta), X)[0])[0]

    def hidden_bias(self, blocks: Mapping[str, FloatArray]) -> FloatArray | None:
        """Return the hidden biases, given or derived, shape (K, k); None if there are none."""
        if not self._derives_bias:
            return blocks.get("b")
        b = ops.empty(blocks["W"].shape[:2], dtype=blocks["W"].dtype)
        for j, (W, c) in enumerate(zip(blocks["W"], blocks["c"], strict=True)):
            b[j] = self.visible.derived_bias(W, c)
        return b

    def _biased(self, blocks, X):
        """Return the pre-activations u_j (n, K, k), and the context that `_set_weight_gradients` needs."""
        U, context = self._pre_activations(blocks, X)
        b = self.hidden_bias(blocks)
        return U if b is None else ops.add(U, b, out=U), context

    def _scores(self, blocks, X, potentials):
        """Return the scores, given sum_k Phi(u_jk), both (n, K)."""
        scores = self.visible.class_potential(X, blocks["c"])
        ops.add(scores, blocks["C"], out=scores)
        return ops.add(scores, potentials, out=scores)

    def _pre_activations(self, blocks, X):
        """Return u_j without bias, shape (n, K, k), and the context that `_set_weight_gradients` needs: None here."""
        n_classes, k, d = blocks["W"].shape
        return ops.product(X, blocks["W"].reshape(-1, d).T).reshape(X.shape[0], n_classes, k), None

    def _set_weight_gradients(self, blocks, grads, X, context, dU):
        """Set the gradients in the weights, given dU, the gradient in the pre-activations; dU may be overwritten."""
        ops.weight_gradient(dU.reshape(len(dU), -1), X, out=grads["W"].reshape(-1, X.shape[1]))

    def _decay(self, blocks):
        """Return the weight decay."""
        if self.l2 == 0.0:
            return 0.0
        rows = (blocks[name].reshape(-1, blocks[name].shape[-1]) for name in self.weights)
        return 0.5 * self.l2 * sum(map(ops.sum_squares, rows))

    def _potentials(self, U):
        """Return sum_k Phi(u_jk), shape (n, K)."""
        if self._alike:
            return self.activation.potential(U)
        out = ops.empty(U.shape[:2], dtype=U.dtype)
        for j, activation in enumerate(self.activations):
            out[:, j] = activation.potential(U[:, j])
        return out

    def _codes_and_potentials(self, U):
        """Return h(u_j), shape (n, K, k), and `_potentials` of U."""
        if self._alike:
            return self.activation.value_and_potential(U)
        H, potentials = ops.empty_like(U), ops.empty(U.shape[:2], dtype=U.dtype)
        for j, activation in enumerate(self.activations):
            H[:, j], potentials[:, j] = activation.value_and_potential(U[:, j])
        return H, potentials
