"""The reconstruction objective over sparse rows: no array has the shape of the rows."""

from __future__ import annotations

from collections.abc import Sequence

from skae import _ops as ops
from skae._typing import FloatArray, Losses
from skae.activations import Activation
from skae.objectives._reconstruction import Reconstruction
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.penalties import Batch, Penalty


def for_sparse_rows(objective: Reconstruction) -> SparseReconstruction | None:
    """Return the form of an objective for sparse rows, or None if it has none.

    Parameters
    ----------
    objective : Reconstruction
        The objective. Only a `Reconstruction` with gaussian visible units has such a form.

    Returns
    -------
    SparseReconstruction or None
        The same function, of parameters that are laid out by columns.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction, for_sparse_rows
    >>> from skae.parameters import Layout
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> dense = Reconstruction(layout, as_activation("tanh"))
    >>> thin = for_sparse_rows(dense)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> value = thin.value(thin.layout.rearranged(theta, layout), sparse.csc_array(X))
    >>> bool(np.isclose(value, dense.value(theta, X)))
    True
    """
    if type(objective) is not Reconstruction or hasattr(objective.visible, "slope"):
        return None
    return SparseReconstruction(
        objective.layout.by_columns(),
        objective.activation,
        penalties=objective.penalties,
        constraint=objective.constraint,
    )


class SparseReconstruction(Reconstruction):
    """`Reconstruction` for gaussian visible units and sparse rows, at the cost of their nonzeros.

    The reconstructions of sparse rows are dense, but neither the loss nor its gradient needs them. With the rows of H
    weighted by w_i, which sum to 1, and Y = X V^T, G = V V^T, S = H^T diag(w) H, s = H^T w::

        sum_i w_i |x_i - r_i|^2 = <G, S> + 2 s.(V c) + |c|^2 + sum_i w_i |x_i|^2 - 2 sum_i w_i h_i.y_i - 2 c.(X^T w)
        gradient of half of it:   in h_i: w_i (G h_i + V c - y_i)
                                  in V:   S V + s c^T - H^T diag(w) X
                                  in c:   V^T s + c - X^T w

    So a step takes two products with the rows (tied; four untied, or with noise), and two of k x k x d multiplications
    that do not depend on the number of rows. It is exact: Vincent, de Brebisson and Bouthillier (2015) derive the same
    sums. They also keep V as a product of two matrices, which spares the k x k x d multiplications. This is not done
    here, because only gradient descent without momentum allows for it. The terms of the loss cancel, so their sums are
    in float64.

    The rows are CSC, which is the fastest format, or CSR. See `for_sparse_rows`, which also gives the layout.

    Parameters
    ----------
    layout : skae.parameters.Layout
        As in `Reconstruction`. Products with sparse rows are faster with a layout `by_columns`.
    activation, penalties, constraint
        As in `Reconstruction`.

    References
    ----------
    Vincent P., de Brebisson A., Bouthillier X., "Efficient exact gradient update for training deep networks with very
    large sparse targets", Advances in Neural Information Processing Systems 28, 2015.
    """

    def __init__(
        self,
        layout: Layout,
        activation: Activation,
        *,
        penalties: Sequence[Penalty] = (),
        constraint: UnitNorm | MaxNorm | None = None,
    ) -> None:
        super().__init__(layout, activation, penalties=penalties, constraint=constraint)

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
        """Return the objective over the rows and its gradient; see `Reconstruction.value_and_grad`."""
        out = ops.empty_like(theta) if out is None else out
        blocks, grads = self.layout.views(theta), self.layout.views(out)
        batch, sums = self._forward_sums(blocks, X, target, sample_weight, mean_code)
        V, c, weight = batch.V, blocks["c"], batch.weight
        G, Vc = (ops.array_like(each, c) for each in ops.gram_and_dots(V.T, c, rounded=True))
        dH = ops.matmul(batch.H, G, out=self._scratch("dH", batch.H.shape, c.dtype))
        ops.add(dH, Vc, out=dH)
        ops.subtract(dH, sums.Y, out=dH)
        ops.multiply(dH, weight, out=dH)
        weighted = ops.multiply(batch.H, weight, out=self._scratch("weighted H", batch.H.shape, c.dtype))
        dU = ops.copy_into(dH, self.activation.backward(batch.U, batch.H, dH, out=dH))
        penalties, grad = self._penalize(batch, dU)
        if self.tied and target is None:
            products = ops.transposed_product(X, ops.subtract(dU, weighted, out=weighted))
        else:
            products = ops.transposed_product(sums.clean, ops.negative(weighted, out=weighted))
            by_encoder = ops.transposed_product(X, dU)
            if self.tied:
                ops.add(products, by_encoder, out=products)
            else:
                grads["W"].T[...] = by_encoder
        loss = sums.loss(c, *self._set_decoder_gradient(grads, V, c, sums, products))
        grad.add_to(grads["W"], grads.get("V", grads["W"]))
        self._set_bias_gradient(theta, grads, dU)
        return loss + penalties, out

    def losses_at(self, theta: FloatArray) -> Losses:
        """Return a function of rows; see `Reconstruction.losses_at`. The products of weights are computed only once."""
        blocks = self.layout.views(theta)
        c = blocks["c"]
        G, Vc = ops.gram_and_dots(blocks.get("V", blocks["W"]).T, c)

        def losses(X, target=None, sample_weight=None, *, mean_code=None):
            batch, sums = self._forward_sums(blocks, X, target, sample_weight, mean_code)
            loss = sums.loss(c, ops.dot(G, sums.S), ops.dot(sums.s, Vc))
            return loss + self._penalties(batch, self._scratch("dH", batch.U.shape, theta.dtype)), loss

        return losses

    def _forward_sums(self, blocks, X, target, sample_weight, mean_code):
        """Return the batch, and the sums over its rows that the loss and its gradient need."""
        clean, W = X if target is None else target, blocks["W"]
        V, b, shape = blocks.get("V", W), self.hidden_bias(blocks), (X.shape[0], W.shape[0])
        Y, U, H = ops.product(clean, V.T), self._scratch("U", shape, W.dtype), self._scratch("codes", shape, W.dtype)
        ops.copy_into(U, Y if self.tied and target is None else ops.product(X, W.T))
        if b is not None:
            ops.add(U, b, out=U)
        ops.copy_into(H, self.activation.value(U, out=H))
        weight = ops.row_weights(len(H), sample_weight)
        return Batch(X, U, H, W, V, weight, self.activation, mean_code, self._scratch), _Sums(H, Y, clean, weight)

    def _set_decoder_gradient(self, grads, V, c, sums, products):
        """Set the gradient in the decoder to S V + s c^T + products^T, and the one in c; return <G, S> and s.(V c).

        Blocks of columns stay in cache. The two sums are those of S V with V, and of V^T s with c.
        """
        gV, gc = grads.get("V", grads["W"]).T, grads["c"]
        S, s = ops.array_like(sums.S, c), ops.array_like(sums.s, c)
        n_columns = max(ops.CHUNK // len(V), 1)
        scratch, quadratic = self._scratch("columns", (min(n_columns, len(gV)), len(V)), c.dtype), 0.0
        for start in range(0, len(gV), n_columns):
            columns = slice(start, start + n_columns)
            block, rows = gV[columns], V.T[columns]
            ops.matmul(rows, S, out=block)
            quadratic += float(ops.in_float64(ops.row_dots(rows, block)).sum())
            ops.add(block, ops.multiply(c[columns, None], s, out=scratch[: len(block)]), out=block)
            ops.add(block, products[columns], out=block)
            ops.matmul(rows, s, out=gc[columns])
        linear = ops.dot(ops.in_float64(gc), ops.in_float64(c))
        ops.add(gc, c, out=gc)
        ops.subtract(gc, ops.array_like(sums.mean, c), out=gc)
        return quadratic, linear


class _Sums:
    """Sums over the rows of a batch, in float64, and the arrays that they are made of."""

    def __init__(self, H, Y, clean, weight):
        self.Y, self.clean, self.S, w = Y, clean, ops.gram(H, weight), ops.full_weights(len(H), weight)
        self.s, self.mean = w @ H, ops.transposed_product(clean, w)
        crossed = ops.row_dots(ops.in_float64(H), ops.in_float64(Y))
        self._of_rows = ops.dot(w, ops.sparse_row_squares(clean) - 2.0 * crossed)

    def loss(self, c, quadratic, linear):
        """Return the weighted mean of |x - r|^2 / 2, given <G, S> and s.(V c). Rounding could make it negative."""
        c = ops.in_float64(c)
        return max(0.5 * (quadratic + self._of_rows + ops.dot(c, c)) + linear - ops.dot(c, self.mean), 0.0)
