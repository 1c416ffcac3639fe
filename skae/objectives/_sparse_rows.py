"""The reconstruction objective over sparse rows: no array has the shape of the rows."""

from __future__ import annotations

from skae import _ops as ops
from skae._typing import FloatArray
from skae.objectives._reconstruction import Reconstruction
from skae.penalties import Batch


def for_sparse_rows(objective):
    """Return a `Reconstruction` as the same objective for sparse rows; None if there is no such form.

    The form has a layout by columns.
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
    sums. The terms of the loss cancel, so their sums are in float64.

    The rows are CSC (the fastest), or any sparse format. The layout should be one ``by_columns``.
    """

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
        grads = self.layout.views(out)
        loss, batch, sums = self._sums(theta, X, target, sample_weight, mean_code)
        c, weight = self.layout.views(theta)["c"], batch.weight
        dH = ops.matmul(batch.H, ops.array_like(sums.G, c), out=self._scratch("dH", batch.H.shape, theta.dtype))
        ops.add(dH, ops.array_like(sums.Vc, c), out=dH)
        ops.subtract(dH, sums.Y, out=dH)
        ops.multiply(dH, weight, out=dH)
        weighted = ops.multiply(batch.H, weight, out=self._scratch("weighted H", batch.H.shape, theta.dtype))
        dU = ops.copy_into(dH, self.activation.backward(batch.U, batch.H, dH, out=dH))
        penalties, grad = self._penalize(batch, dU)
        if self.tied and target is None:
            grads["W"].T[...] = ops.transposed_product(X, ops.subtract(dU, weighted, out=weighted))
        else:
            grads["W"].T[...] = ops.transposed_product(X, dU)
            products = ops.transposed_product(X if target is None else target, weighted).T
            if self.tied:
                ops.subtract(grads["W"], products, out=grads["W"])
            else:
                ops.negative(products, out=grads["V"])
        self._add_decoder_gradient(grads, batch.V, c, sums)
        grad.add_to(grads["W"], grads.get("V", grads["W"]))
        self._set_bias_gradient(theta, grads, dU)
        return loss + penalties, out

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
        loss, batch, _ = self._sums(theta, X, target, sample_weight, mean_code)
        if self.penalties:
            dU = self._scratch("dH", batch.U.shape, theta.dtype)
            dU.fill(0.0)
            loss += self._penalize(batch, dU)[0]
        return loss

    def _sums(self, theta, X, target, sample_weight, mean_code):
        """Return the loss, the batch, and the sums over the rows that its gradient needs."""
        blocks, clean = self.layout.views(theta), X if target is None else target
        W, c = blocks["W"], blocks["c"]
        V = blocks.get("V", W)
        weight = ops.row_weights(X.shape[0], sample_weight)
        shape = X.shape[0], W.shape[0]
        Y = ops.product(clean, V.T)
        U, b = self._scratch("U", shape, W.dtype), self.hidden_bias(blocks)
        ops.copy_into(U, Y if self.tied and target is None else ops.product(X, W.T))
        if b is not None:
            ops.add(U, b, out=U)
        H = self._scratch("codes", shape, W.dtype)
        ops.copy_into(H, self.activation.value(U, out=H))
        sums = _Sums(V, H, Y, c, clean, weight)
        return sums.loss, Batch(X, U, H, W, V, weight, self.activation, mean_code, self._scratch), sums

    def _add_decoder_gradient(self, grads, V, c, sums):
        """Add S V + s c^T to the decoder's gradient, and set the one in c. Blocks of columns stay in cache."""
        gV, gc = grads.get("V", grads["W"]), grads["c"]
        S, s = ops.array_like(sums.S, c), ops.array_like(sums.s, c)
        ops.subtract(c, ops.array_like(sums.mean, c), out=gc)
        k, d = V.shape
        n_columns = max(ops.CHUNK // k, 1)
        block = self._scratch("columns", (min(n_columns, d), k), c.dtype)
        for start in range(0, d, n_columns):
            columns = slice(start, start + n_columns)
            rows = V.T[columns]
            added = ops.matmul(rows, S, out=block[: len(rows)])
            ops.add(gV.T[columns], added, out=gV.T[columns])
            ops.multiply(c[columns, None], s, out=added)
            ops.add(gV.T[columns], added, out=gV.T[columns])
            gc[columns] += ops.matmul(rows, s)


class _Sums:
    """Sums over the rows of a batch, in float64."""

    def __init__(self, V, H, Y, c, clean, weight):
        (self.G, self.Vc), self.S, self.Y = ops.gram_and_dots(V.T, c), ops.gram(H, weight), Y
        w = ops.full_weights(len(H), weight)
        self.s, self.mean = w @ H, ops.transposed_product(clean, w)
        c, crossed = ops.in_float64(c), ops.row_dots(ops.in_float64(H), ops.in_float64(Y))
        total = ops.dot(self.G, self.S) + ops.dot(w, ops.row_squared_norms(ops.in_float64(clean)) - 2.0 * crossed)
        total += 2.0 * ops.dot(self.s, self.Vc) + ops.dot(c, c) - 2.0 * ops.dot(c, self.mean)
        #: Weighted mean of |x - r|^2 / 2. Rounding could make it negative.
        self.loss = max(0.5 * total, 0.0)
