"""The loss of a network of layers of hidden units, with a linear output layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from skae import _ops as ops
from skae._typing import Encoding, FloatArray, Losses
from skae.activations import Activation
from skae.objectives._classification import LOSSES
from skae.objectives._constrained import Constrained
from skae.objectives._scratch import Workspace
from skae.parameters import Layout, MaxNorm, UnitNorm


def _squared_hinge(scores, target, weight):
    """Return the weighted mean of sum_j max(0, 1 - t_j score_j)^2, with t_j = 1 for the target and -1 for the others.

    This is one squared hinge loss for each class (Tang 2013, "Deep learning using linear support vector machines").
    Write its gradient over the scores.
    """
    rows = ops.arange(len(scores))
    own = 1.0 - scores[rows, target]
    scores += 1.0
    scores[rows, target] = own
    margins = ops.rectify(scores, out=scores)
    loss = ops.weighted_sum(ops.row_squared_norms(margins), weight)
    margins[rows, target] *= -1.0
    ops.multiply(margins, weight, out=margins)
    ops.multiply(margins, 2.0, out=margins)
    return loss


def _squared_error(scores, target, weight):
    """Return the weighted mean of |score - target|^2 / 2; write its gradient over the scores."""
    ops.subtract(scores, target, out=scores)
    loss = 0.5 * ops.weighted_sum(ops.row_squared_norms(scores), weight)
    ops.multiply(scores, weight, out=scores)
    return loss


#: The losses by name. Each takes scores (n, K), target and row weights, and writes its gradient over the scores. The
#: target of "squared_error" has the shape of the scores. That of the others is the class of each row (n,), from 0.
OUTPUT_LOSSES = MappingProxyType(
    {"log_loss": LOSSES["log_loss"], "squared_hinge": _squared_hinge, "squared_error": _squared_error}
)


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of hidden units, and the code that it hands on.

    Parameters
    ----------
    activation : skae.activations.Activation
        The units h. They count for the encoding "natural" only.
    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
        The code: h(W x + b), max(0, W x), max(0, W x + b) or W x (ZAE 4.3).
    dropout : float, default=0.0
        Share of the code that training sets to zero, in [0, 1). What is left is divided by 1 - dropout.
    """

    activation: Activation
    encoding: Encoding = "natural"
    dropout: float = 0.0

    @property
    def uses_bias(self) -> bool:
        """Whether the code depends on a hidden bias."""
        return self.encoding in ("natural", "rectified_bias")

    def value(self, U: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return the code of pre-activations U, which include the bias if the code depends on it."""
        if self.encoding == "natural":
            return self.activation.value(U, out=out)
        return U if self.encoding == "linear" else ops.rectify(U, out=out)

    def backward(self, U: FloatArray, H: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the gradient in U, given the gradient in the code; it may overwrite `grad`."""
        if self.encoding == "natural":
            return self.activation.backward(U, H, grad, out=grad)
        return grad if self.encoding == "linear" else ops.multiply(grad, H > 0.0, out=grad)


class Network(Constrained):
    """Mean loss of the scores of a network, plus weight decay.

    ::

        U_l = H_(l-1) W_l^T + b_l,    H_l = code(U_l),    H_0 = X,    scores = H_L O^T + o
        value = mean_i loss(scores_i, target_i) + l2/2 (sum_l |W_l|^2 + |O|^2)

    W_l is (k_l, k_(l-1)), O is (K, k_L), b_l is (k_l,) and o is (K,). Rows X may be sparse. Their layout should then be
    one ``by_columns``.

    Parameters
    ----------
    layout : skae.parameters.Layout
        It has the blocks W1, W2, ..., O and o. It also has b1, b2, ... for the layers that have a hidden bias and whose
        code depends on it.
    layers : sequence of Layer
        The layers, from the input on. Without layers, the scores are linear in X.
    loss : str, default="log_loss"
        Key of `OUTPUT_LOSSES`.
    l2 : float, default=0.0
        Strength of the weight decay.
    constraints : sequence of MaxNorm or UnitNorm, default=()
        Constraints on the row lengths of blocks, one each.

    Notes
    -----
    The target of a batch is that of the loss, or, for dropout, a pair of it and a seed. With a seed, the units that
    are dropped follow from it and from the number of rows. Without one, none is dropped.
    """

    #: A chunk of rows needs no statistics of the other rows.
    uses_mean_code = False

    def __init__(
        self,
        layout: Layout,
        layers: Sequence[Layer],
        *,
        loss: str = "log_loss",
        l2: float = 0.0,
        constraints: Sequence[MaxNorm | UnitNorm] = (),
    ) -> None:
        self.layout, self.layers, self._limits = layout, tuple(layers), tuple(constraints)
        self.loss: Callable[..., float] = OUTPUT_LOSSES[loss]
        self.l2 = float(l2)
        self._weights = [f"W{number}" for number in range(1, len(self.layers) + 1)]
        self._scratch = Workspace()

    @property
    def activation(self) -> Activation | None:
        """The units of the last layer; None without layers."""
        return self.layers[-1].activation if self.layers else None

    def value_and_grad(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: Any,
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
        X : {ndarray, sparse matrix} of shape (n, d)
            Rows.
        target : {ndarray, tuple}
            What the loss compares the scores with, or a pair of that and a seed; see the class.
        sample_weight : ndarray of shape (n,), optional
            Non-negative weights, not all zero.
        mean_code : ndarray, optional
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
        target, seed = target if isinstance(target, tuple) else (target, None)
        passed = self._forward(blocks, X, seed)
        H = passed[-1][-1] if passed else X
        scores = self._scores(blocks, H)
        value = self.loss(scores, target, ops.row_weights(X.shape[0], sample_weight))
        dA = scores  # the loss has written its gradient over them
        ops.weight_gradient(dA, H, out=grads["O"])
        ops.column_sums(dA, out=grads["o"])
        weights = blocks["O"]
        for number in range(len(self.layers), 0, -1):
            layer, (U, code, mask, _) = self.layers[number - 1], passed[number - 1]
            dU = ops.matmul(dA, weights, out=self._scratch(f"gradient {number}", U.shape, U.dtype))
            if mask is not None:
                ops.multiply(dU, mask, out=dU)
            dA = ops.copy_into(dU, layer.backward(U, code, dU))
            ops.weight_gradient(dA, passed[number - 2][-1] if number > 1 else X, out=grads[f"W{number}"])
            if f"b{number}" in grads:
                ops.column_sums(dA, out=grads[f"b{number}"])
            weights = blocks[f"W{number}"]
        if self.l2 > 0.0:
            for name in (*self._weights, "O"):
                ops.add_scaled_rows(grads[name], self.l2, blocks[name])
        return value + self._decay(blocks), out

    def value(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: Any,
        sample_weight: FloatArray | None = None,
        *,
        mean_code: FloatArray | None = None,
    ) -> float:
        """Return the objective over the rows of X; the arguments are those of `value_and_grad`."""
        return self.losses_at(theta)(X, target, sample_weight)[0]

    def losses_at(self, theta: FloatArray) -> Losses:
        """Return a function of rows, with the arguments of `value`. It returns the value with and without the decay."""
        blocks = self.layout.views(theta)
        decay = self._decay(blocks)

        def losses(X, target, sample_weight=None, *, mean_code=None):
            target, seed = target if isinstance(target, tuple) else (target, None)
            passed = self._forward(blocks, X, seed)
            scores = self._scores(blocks, passed[-1][-1] if passed else X)
            loss = self.loss(scores, target, ops.row_weights(X.shape[0], sample_weight))
            return loss + decay, loss

        return losses

    def code(self, theta: FloatArray, X: FloatArray, seed: int | None = None) -> FloatArray:
        """Return the codes of the rows of X by the last layer, shape (n, k); the next call overwrites this array.

        With a seed, they are what dropout leaves of them.
        """
        passed = self._forward(self.layout.views(theta), X, seed)
        return passed[-1][-1] if passed else X

    def scores(self, theta: FloatArray, X: FloatArray) -> FloatArray:
        """Return the scores of the rows of X, shape (n, K)."""
        return self._scores(self.layout.views(theta), self.code(theta, X)).copy()

    def _constraints(self):
        """Return the constraints."""
        return self._limits

    def _forward(self, blocks, X, seed):
        """Return what each layer made of the rows: U, the code, the mask of dropout or None, and the masked code."""
        passed, H = [], X
        rng = None if seed is None else ops.generator(seed)
        for number, layer in enumerate(self.layers, 1):
            W, b = blocks[f"W{number}"], blocks.get(f"b{number}")
            shape = X.shape[0], len(W)
            U = ops.product(H, W.T, out=self._scratch(f"U {number}", shape, W.dtype))
            if b is not None:
                ops.add(U, b, out=U)
            H = code = layer.value(U, out=self._scratch(f"code {number}", shape, W.dtype))
            mask = None
            if rng is not None and layer.dropout > 0.0:
                mask = self._mask(f"{number}", shape, W.dtype, layer.dropout, rng)
                H = ops.multiply(code, mask, out=self._scratch(f"dropped {number}", shape, W.dtype))
            passed.append((U, code, mask, H))
        return passed

    def _mask(self, name, shape, dtype, dropout, rng):
        """Return a random array of 0, with the probability `dropout`, and 1 / (1 - dropout)."""
        mask = self._scratch(f"mask {name}", shape, dtype)
        rng.random(dtype=dtype, out=mask)
        ops.less(mask, 1.0 - dropout, out=mask)
        return ops.multiply(mask, 1.0 / (1.0 - dropout), out=mask)

    def _scores(self, blocks, H):
        """Return the scores of codes, in a scratch array."""
        weights = blocks["O"]
        out = self._scratch("scores", (H.shape[0], len(weights)), weights.dtype)
        return ops.add(ops.product(H, weights.T, out=out), blocks["o"], out=out)

    def _decay(self, blocks):
        """Return the weight decay."""
        if self.l2 == 0.0:
            return 0.0
        return 0.5 * self.l2 * sum(ops.sum_squares(blocks[name]) for name in (*self._weights, "O"))


def network_layout(n_features: int, sizes: Sequence[int], biased: Sequence[bool], n_outputs: int) -> Layout:
    """Return the layout of a network.

    Parameters
    ----------
    n_features : int
        Number of features.
    sizes : sequence of int
        Number of units of each layer.
    biased : sequence of bool
        Whether each layer has the block of a hidden bias.
    n_outputs : int
        Number of scores.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    before = n_features
    for number, (size, has_bias) in enumerate(zip(sizes, biased, strict=True), 1):
        shapes[f"W{number}"] = (size, before)
        if has_bias:
            shapes[f"b{number}"] = (size,)
        before = size
    return Layout(**shapes, O=(n_outputs, before), o=(n_outputs,))
