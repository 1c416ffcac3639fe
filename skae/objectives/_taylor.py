"""Taylor expansions of the denoising loss: the objectives behind `DenoisingAutoencoder(approximation=...)`."""

from __future__ import annotations

from collections.abc import Sequence

from skae import _ops as ops
from skae._typing import FloatArray, Losses
from skae.activations import Activation
from skae.objectives._reconstruction import Reconstruction
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.penalties import Gradient, Penalty


class _Taylor(Reconstruction):
    """Reconstruction loss plus the terms of an expansion in the noise, all at the clean input.

    Both expansions move the reconstruction by S V, with S of shape (n, k), and add the change of the loss to first
    order::

        value = mean_i |x_i - r_i|^2/2 + (r_i - x_i).(S V)_i + curvature + penalties

    A subclass defines S and its dependence on U and W (`_shift`), and the term `_curvature`.
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
        loss, penalties, out = self._evaluate(theta, X, target, sample_weight, mean_code, out)
        return loss + penalties, out

    def losses_at(self, theta: FloatArray) -> Losses:
        """Return a function of rows; see `Reconstruction.losses_at`."""

        def losses(X, target=None, sample_weight=None, *, mean_code=None):
            loss, penalties, _ = self._evaluate(theta, X, target, sample_weight, mean_code)
            return loss + penalties, loss

        return losses

    def _evaluate(self, theta, X, target, sample_weight, mean_code, out=None):
        """Return the expanded loss, the sum of the penalties, and the gradient of both together."""
        out = ops.empty_like(theta) if out is None else out
        grads, k = self.layout.views(out), self.layout.shapes["W"][0]
        clean = X if target is None else target
        H, E = ops.empty((len(clean), k), dtype=theta.dtype), ops.empty_like(clean)
        loss, batch = self._forward(theta, clean, None, sample_weight, mean_code, H=H, E=E)
        V, gW, gV = batch.V, grads["W"], grads.get("V", grads["W"])
        gW.fill(0.0)
        gV.fill(0.0)
        second = self.activation.second_derivative(batch.U, H)
        noise = X - clean
        S, S_derivative, add_gradient = self._shift(batch, second, noise)
        P = ops.matmul(E, V.T)  # gradient in S
        loss += ops.dot(P, S)
        add_gradient(P, gW)
        gV += ops.matmul(S.T, E)
        R = E + ops.multiply(ops.matmul(S, V), batch.weight)
        dU = ops.multiply(ops.matmul(R, V.T), batch.D)
        dU += P * S_derivative
        loss += self._curvature(batch, second, dU, gW, gV)
        penalties = sum(penalty.add(batch, Gradient(dU, gW, gV)) for penalty in self.penalties)
        gW += ops.matmul(dU.T, clean)
        gV += ops.matmul(H.T, R)
        ops.column_sums(R, out=grads["c"])
        self._set_bias_gradient(theta, grads, dU)
        return loss, penalties, out

    def _shift(self, batch, second, noise):
        """Return S, its elementwise derivative in U, and a function that adds its gradient in W.

        `second` is h''(U). The function takes P, the gradient of the value in S, and the array to add to.
        """
        raise NotImplementedError

    def _curvature(self, batch, second, dU, gW, gV):
        """Return the rest of the expansion, and add its gradients to dU, gW and gV."""
        return 0.0


class FirstOrder(_Taylor):
    """Only the first-order term of explicit noise: eDAE (SPARSE 3.1.1).

    ::

        |x - r(x)|^2/2 + (r(x) - x).J (x~ - x),    J = sum_k v_k h'(u_k) w_k^T

    `X` is the corrupted input x~, and `target` is the clean x.
    """

    def _shift(self, batch, second, noise):
        moved = ops.matmul(noise, batch.W.T)

        def add_gradient(P, gW):
            gW += ops.matmul((P * batch.D).T, noise)

        return batch.D * moved, second * moved, add_gradient


class SecondOrder(_Taylor):
    """The expected loss under Gaussian noise, to second order (SPARSE eq. 7, with the 1/2 of our loss).

    ::

        |x - r|^2/2 + s/2 [ sum_jk h'_j h'_k (w_j.w_k)(v_j.v_k) + (r - x).sum_k v_k h''_k |w_k|^2 ]

    Parameters
    ----------
    layout, activation, penalties, constraint
        As in `Reconstruction`.
    noise_variance : float
        Variance s of the noise.
    """

    def __init__(
        self,
        layout: Layout,
        activation: Activation,
        *,
        noise_variance: float,
        penalties: Sequence[Penalty] = (),
        constraint: UnitNorm | MaxNorm | None = None,
    ) -> None:
        super().__init__(layout, activation, penalties=penalties, constraint=constraint)
        self.noise_variance = float(noise_variance)

    def _shift(self, batch, second, noise):
        half = 0.5 * self.noise_variance
        norms = half * ops.row_squared_norms(batch.W)

        def add_gradient(P, gW):
            ops.add_scaled_rows(gW, 2.0 * half * ops.column_sums(P * second), batch.W)

        return second * norms, self.activation.third_derivative(batch.U, batch.H) * norms, add_gradient

    def _curvature(self, batch, second, dU, gW, gV):
        half, D = 0.5 * self.noise_variance, batch.D
        encoder, decoder = ops.matmul(batch.W, batch.W.T), ops.matmul(batch.V, batch.V.T)
        mixed = ops.matmul(D, encoder * decoder)
        weighted = D * batch.weight
        dU += 2.0 * half * mixed * second * batch.weight
        coupling = 2.0 * half * ops.matmul(weighted.T, D)
        gW += ops.matmul(coupling * decoder, batch.W)
        gV += ops.matmul(coupling * encoder, batch.V)
        return half * ops.dot(mixed, weighted)
