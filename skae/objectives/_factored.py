"""Autoencoders of several classes that share their factors: for classification, and for denoising pretraining."""

from skae import _ops as ops
from skae.objectives._classification import Classification


class FactoredClassification(Classification):
    """`Classification` with the weights of all classes made of shared factors (ENERGY 4.1, eq. 46 and 48).

    ::

        u_j = ((P x) * f_j) Q + b_j,    that is W_j = Q^T diag(f_j) P

    Parameters
    ----------
    layout : skae.parameters.Layout
        With the blocks P (F, d), Q (F, k) and f (K, F) in the place of W, which are the transpose of the paper's W^x,
        its W^h, and its w^f.
    activations, visible, loss
        As those of `Classification`.
    l2 : float, default=0.0
        Strength of l2/2 (|P|^2 + |Q|^2 + |f|^2).
    """

    weights = ("P", "Q", "f")

    def _pre_activations(self, blocks, X):
        """u_j without bias, shape (n, K, k), and the factors' responses, plain (n, F) and gated (n, K, F)."""
        Z = ops.matmul(X, blocks["P"].T)
        gated = Z[:, None, :] * blocks["f"]
        return ops.matmul(gated, blocks["Q"]), (Z, gated)

    def _pull_back(self, blocks, grads, X, context, dU):
        """Set the gradients of P, Q and f."""
        Z, gated = context
        n_factors, k = blocks["Q"].shape
        ops.matmul(gated.reshape(-1, n_factors).T, dU.reshape(-1, k), out=grads["Q"])
        dgated = ops.matmul(dU, blocks["Q"].T)
        grads["f"][...] = ops.column_sums(dgated * Z[:, None, :])
        dZ = ops.column_sums((dgated * blocks["f"]).swapaxes(0, 1))
        ops.matmul(dZ.T, X, out=grads["P"])
