"""Penalties on the Jacobian of the code or of the reconstruction."""

from __future__ import annotations

import dataclasses
import math

from skae import _ops as ops
from skae.penalties._base import Penalty, register_penalty
from skae.penalties._batch import Batch, Gradient


@register_penalty
class Contractive(Penalty):
    """alpha sum_k h'(u_k)^2 |w_k|^2, the squared Jacobian of the code (SPARSE eq. 9, ENERGY eq. 40).

    Parameters
    ----------
    alpha : float, default=0.1
        Strength. A negative one rewards a steep code. The objective then has a lower bound only if h' and the lengths
        of the rows of W are bounded.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Contractive
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Contractive(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.058
    """

    name = "contractive"
    requires = ("derivative", "second_derivative")
    scale_free_encoder = True
    signed = True

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        norms = ops.row_squared_norms(batch.W)  # (k,)
        steepness = batch.column_mean_squares(batch.D)  # (k,)
        grad_U = batch.second_derivative()
        ops.multiply(grad_U, batch.D, out=grad_U)
        ops.multiply(grad_U, batch.weighted(2.0 * self.alpha * norms), out=grad_U)
        ops.add(grad.U, grad_U, out=grad.U)
        grad.add_rows("W", 2.0 * self.alpha * steepness, batch.W)
        return self.alpha * float(steepness @ norms)


@register_penalty
class Laplacian(Penalty):
    """alpha sum_k h'(u_k) |w_k|^2, the trace of the Jacobian of the reconstruction (ENERGY eq. 39).

    With the squared error, training is score matching of p(x) proportional to exp(E(x)/alpha). So alpha is the
    smallest variance that the model can see. On standardised data, use 0.01 to 0.5.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Laplacian
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Laplacian(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.252
    """

    name = "laplacian"
    requires = ("derivative", "second_derivative", "tied", "gaussian", "monotone")

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        norms = ops.row_squared_norms(batch.W)  # (k,)
        steepness = batch.column_means(batch.D)  # (k,)
        grad_U = batch.second_derivative()
        ops.multiply(grad_U, batch.weighted(self.alpha * norms), out=grad_U)
        ops.add(grad.U, grad_U, out=grad.U)
        grad.add_rows("W", 2.0 * self.alpha * steepness, batch.W)
        return self.alpha * float(steepness @ norms)


@register_penalty
@dataclasses.dataclass(frozen=True)
class Marginalized(Penalty):
    """alpha sum_k h'(u_k)^2 |v_k|^2 sum_i s_i w_ki^2: the marginalized denoising autoencoder (SPARSE eq. 10-11).

    It approximates the increase of the expected loss under Gaussian noise of variance 2 alpha s_i in feature i. The
    approximation is of second order. It leaves out the terms that couple the units, and the curvature of h. With tied
    weights and s = 1, the norms together are |w_k|^4.

    Parameters
    ----------
    alpha : float, default=0.1
        Strength, >= 0.
    feature_variances : tuple of float or None, default=None
        The s_i, relative variances of the noise in each feature. None means 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.penalties import Marginalized
    >>> layout, X = Layout(W=(2, 3), b=(2,), c=(3,)), np.eye(3)
    >>> theta = np.linspace(-1.0, 1.0, layout.size)
    >>> plain = Reconstruction(layout, as_activation("sigmoid"))
    >>> penalised = Reconstruction(layout, as_activation("sigmoid"), penalties=[Marginalized(0.5)])
    >>> round(penalised.value(theta, X) - plain.value(theta, X), 3)
    0.105
    """

    feature_variances: tuple[float, ...] | None = None
    name = "marginalized"
    requires = ("derivative", "second_derivative", "gaussian")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feature_variances is not None:
            variances = tuple(float(variance) for variance in self.feature_variances)
            if not all(0.0 <= variance < math.inf for variance in variances):
                raise ValueError(f"feature_variances must be >= 0 and finite, got {min(variances)} to {max(variances)}")
            object.__setattr__(self, "feature_variances", variances)

    def add(self, batch: Batch, grad: Gradient) -> float:
        """Return the value and add the gradient."""
        noisy = batch.W  # s * W, elementwise
        if self.feature_variances is not None:
            if len(self.feature_variances) != batch.W.shape[1]:
                raise ValueError(
                    f"feature_variances are {len(self.feature_variances)} numbers, X has {batch.W.shape[1]} features"
                )
            noisy = batch.W * ops.array_like(self.feature_variances, batch.W)
        encoder, decoder = ops.row_dots(batch.W, noisy), ops.row_squared_norms(batch.V)  # (k,)
        steepness = batch.column_mean_squares(batch.D)  # (k,)
        grad_U = batch.second_derivative()
        ops.multiply(grad_U, batch.D, out=grad_U)
        ops.multiply(grad_U, batch.weighted(2.0 * self.alpha * encoder * decoder), out=grad_U)
        ops.add(grad.U, grad_U, out=grad.U)
        grad.add_rows("W", 2.0 * self.alpha * steepness * decoder, noisy)
        grad.add_rows("V", 2.0 * self.alpha * steepness * encoder, batch.V)
        return self.alpha * float(steepness @ (encoder * decoder))
