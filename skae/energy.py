"""Reconstruction, vector field and energy of an autoencoder, on arrays.

X is (n, d), W and V are (k, d), V is W when tied; b is (k,) or None, c is (d,).
The functions take one block of rows; the estimators cut large inputs into blocks.
"""

from skae import _ops as ops
from skae.visible import VISIBLE

__all__ = ["codes", "energy", "pre_activations", "reconstruction"]


def pre_activations(X, W, b=None, out=None):
    """Return U = X W^T + b, shape (n, k)."""
    U = ops.matmul(X, W.T, out=out)
    return U if b is None else ops.add(U, b, out=U)


def codes(X, W, b, activation, encoding="natural", out=None):
    """Return the hidden code, shape (n, k).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Input.
    W : ndarray of shape (k, d)
        Encoder weights.
    b : ndarray of shape (k,) or None
        Hidden bias.
    activation : skae.activations.Activation
        The hidden units.
    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
        h(W x + b), max(0, W x), max(0, W x + b) or W x (ZAE 4.3).
    out : ndarray of shape (n, k), optional
        Where to write.
    """
    if encoding == "natural":
        return activation.value(pre_activations(X, W, b), out=out)
    U = pre_activations(X, W, b if encoding == "rectified_bias" else None, out=out)
    return U if encoding == "linear" else ops.maximum(U, 0.0, out=U)


def reconstruction(H, V, c, visible="gaussian"):
    """Return output(H V + c), shape (n, d): ENERGY eq. 2 (gaussian) or 4 (bernoulli)."""
    A = ops.matmul(H, V)
    return VISIBLE[visible].output(ops.add(A, c, out=A))


def energy(X, W, b, c, activation, visible="gaussian", V=None):
    """Return the energy score of each row, shape (n,): high where the model fits.

    Tied weights have a potential (ENERGY eq. 11 and 28)::

        E(x) = sum_k Phi(u_k) - |x - c|^2/2          gaussian:  grad E = r(x) - x
        E(x) = sum_k Phi(u_k) + c.x + entropy(x)     bernoulli: grad E = logit r(x) - logit x

    with Phi the antiderivative of h. Untied weights (V given) have none: there it is minus the loss,
    -|x - r(x)|^2/2 or minus the cross-entropy.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Input.
    W, b, c : ndarray
        Parameters of shapes (k, d), (k,) and (d,); b may be None.
    activation : skae.activations.Activation
        The hidden units.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    V : ndarray of shape (k, d), optional
        Decoder weights where they are not W.
    """
    U = pre_activations(X, W, b)
    if V is None:
        return activation.potential(U) + VISIBLE[visible].potential(X, c)
    A = ops.matmul(activation.value(U), V)
    return -VISIBLE[visible].losses(ops.add(A, c, out=A), X)
