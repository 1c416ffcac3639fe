"""Reconstruction, vector field, energy and Laplacian of an autoencoder, and its dynamics, on arrays.

X is (n, d), W and V are (k, d), V is W when tied; b is (k,) or None, c is (d,).
The functions take one block of rows; the estimators cut large inputs into blocks.
"""

from __future__ import annotations

import math
from typing import Any

from skae import _ops as ops
from skae._typing import BoolArray, Encoding, FloatArray, IntArray, VisibleName
from skae.activations import Activation
from skae.visible import VISIBLE

__all__ = ["codes", "energy", "laplacian", "pre_activations", "reconstruction", "relax", "vector_field"]

# A trajectory that goes so many times farther than the data and the parameters reach is leaving every bound.
_FAR = 1e6

# A step is halved at most so often, and an energy that falls by so many units in its last place has not fallen.
_HALVINGS, _ROUNDING_STEPS = 60, 32


def pre_activations(
    X: FloatArray, W: FloatArray, b: FloatArray | None = None, out: FloatArray | None = None
) -> FloatArray:
    """Return U = X W^T + b, shape (n, k).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Input.
    W : ndarray of shape (k, d)
        Encoder weights.
    b : ndarray of shape (k,), optional
        Hidden bias.
    out : ndarray of shape (n, k), optional
        Where to write.

    Returns
    -------
    ndarray of shape (n, k)
        The pre-activations U.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import pre_activations
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("sigmoid")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> pre_activations(X, W, b)
    array([[0., 0.],
           [1., 2.]])
    """
    U = ops.matmul(X, W.T, out=out)
    return U if b is None else ops.add(U, b, out=U)


def codes(
    X: FloatArray,
    W: FloatArray,
    b: FloatArray | None,
    activation: Activation,
    encoding: Encoding = "natural",
    out: FloatArray | None = None,
) -> FloatArray:
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

    Returns
    -------
    ndarray of shape (n, k)
        The code.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import codes
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("tanh")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> codes(X, W, b, h).round(3)
    array([[0.   , 0.   ],
           [0.762, 0.964]])
    >>> codes(X, W, b, h, "rectified")
    array([[0., 0.],
           [1., 2.]])
    """
    if encoding == "natural":
        return activation.value(pre_activations(X, W, b), out=out)
    U = pre_activations(X, W, b if encoding == "rectified_bias" else None, out=out)
    return U if encoding == "linear" else ops.rectify(U, out=U)


def reconstruction(H: FloatArray, V: FloatArray, c: FloatArray, visible: VisibleName = "gaussian") -> FloatArray:
    """Return output(H V + c), shape (n, d): ENERGY eq. 2 (gaussian) or 4 (bernoulli).

    Parameters
    ----------
    H : ndarray of shape (n, k)
        Code, of h itself.
    V : ndarray of shape (k, d)
        Decoder weights.
    c : ndarray of shape (d,)
        Visible bias.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.

    Returns
    -------
    ndarray of shape (n, d)
        The reconstruction.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import codes, reconstruction
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("tanh")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> reconstruction(codes(X, W, b, h), W, c).round(3)
    array([[0.   , 0.   ],
           [0.762, 1.928]])
    """
    A = ops.matmul(H, V)
    return VISIBLE[visible].output(ops.add(A, c, out=A))


def energy(
    X: FloatArray,
    W: FloatArray,
    b: FloatArray | None,
    c: FloatArray,
    activation: Activation,
    visible: VisibleName = "gaussian",
    V: FloatArray | None = None,
) -> FloatArray:
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

    Returns
    -------
    ndarray of shape (n,)
        The scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import energy
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("sigmoid")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> energy(X, W, b, c, h).round(3)
    array([1.386, 2.44 ])
    """
    U = pre_activations(X, W, b)
    if V is None:
        return activation.potential(U) + VISIBLE[visible].potential(X, c)
    A = ops.matmul(activation.value(U), V)
    return -VISIBLE[visible].losses(ops.add(A, c, out=A), X)


def vector_field(
    X: FloatArray,
    W: FloatArray,
    b: FloatArray | None,
    c: FloatArray,
    activation: Activation,
    visible: VisibleName = "gaussian",
    V: FloatArray | None = None,
) -> FloatArray:
    """Return r(x) - x of each row, shape (n, d) (ENERGY 2.1).

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

    Returns
    -------
    ndarray of shape (n, d)
        The field.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import vector_field
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("sigmoid")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> vector_field(X, W, b, c, h).round(3)
    array([[ 0.5  ,  1.   ],
           [-0.269,  0.762]])
    """
    R = reconstruction(codes(X, W, b, activation), W if V is None else V, c, visible)
    return ops.subtract(R, X, out=R)


def laplacian(
    X: FloatArray,
    W: FloatArray,
    b: FloatArray | None,
    c: FloatArray,
    activation: Activation,
    visible: VisibleName = "gaussian",
    V: FloatArray | None = None,
) -> FloatArray:
    """Return the divergence of the field r(x) - x at each row, shape (n,).

    ::

        sum_i s_i dA_i/dx_i - d,    A = h(U) V + c,    s = 1 (gaussian) or r (1 - r) (bernoulli)

    which is sum_k h'(u_k) w_k.v_k - d for elementwise units and gaussian visible units; with tied weights it is
    the Laplacian of the energy (ENERGY eq. 38). For bernoulli it is not that of eq. 28, which is infinite at
    0 and 1.

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

    Returns
    -------
    ndarray of shape (n,)
        The divergence.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import laplacian
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("sigmoid")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> laplacian(X, W, b, c, h).round(3)
    array([-0.75 , -1.383])
    """
    units, V = VISIBLE[visible], W if V is None else V
    U = pre_activations(X, W, b)
    H = activation.value(U)
    slope = units.slope(ops.matmul(H, V) + c) if hasattr(units, "slope") else None
    if not hasattr(activation, "derivative"):
        return activation.divergence(H, W, V, slope) - X.shape[1]
    D = activation.derivative(U, H)
    trace = ops.matmul(D, ops.row_dots(W, V)) if slope is None else ops.row_dots(slope, ops.matmul(D, W * V))
    return trace - X.shape[1]


def relax(
    X: FloatArray,
    W: FloatArray,
    b: FloatArray | None,
    c: FloatArray,
    activation: Activation,
    visible: VisibleName = "gaussian",
    V: FloatArray | None = None,
    *,
    step_size: float = 1.0,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Follow the field from each row, x <- x + step_size (r(x) - x), to a fixed point (ENERGY 2.1).

    With tied weights no step lowers the energy. Where h is non-decreasing, Phi is convex, so that a step raises it
    by at least ``(s - s^2/2) |r - x|^2`` for every step size s up to 2 (gaussian; up to 1 for bernoulli). For other
    activations the step of a row is halved until its energy rises.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Where to start.
    W, b, c : ndarray
        Parameters of shapes (k, d), (k,) and (d,); b may be None.
    activation : skae.activations.Activation
        The hidden units.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    V : ndarray of shape (k, d), optional
        Decoder weights where they are not W.
    step_size : float, default=1.0
        Share of r(x) - x that a step goes.
    max_iter : int, default=1000
        Largest number of steps of a row.
    tol : float, default=1e-4
        A row has arrived where no entry of r(x) - x is larger.

    Returns
    -------
    points : ndarray of shape (n, d)
        Where the rows have come to; always finite.
    n_iter : ndarray of int of shape (n,)
        Steps taken.
    converged : ndarray of bool of shape (n,)
        Whether the row has arrived; not so after `max_iter` steps, nor where it was leaving every bound, or could not
        go on, and stopped.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.energy import relax
    >>> W, b, c, h = np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), as_activation("tanh")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> points, n_iter, converged = relax(X, W, b, c, h)
    >>> points.round(2)
    array([[0.  , 0.  ],
           [0.07, 2.  ]])
    >>> converged
    array([ True,  True])
    """
    guarded = V is None and not activation.monotone and hasattr(activation, "potential")
    units = VISIBLE[visible]

    def step(x, f, size):
        return ops.clip(x + size * f, *units.domain)

    # In float32 the rise of a step near a fixed point would drown in the rounding of the energy.
    exact: Any = [None if part is None else part.astype("float64") for part in (W, b, c)]

    def score(x):
        x = x.astype("float64")
        E = energy(x, exact[0], exact[1], exact[2], activation, visible)
        return E, _ROUNDING_STEPS * ops.spacing(ops.absolute(E) + ops.absolute(units.potential(x, exact[2])))

    reach = ops.absolute(c) + ops.absolute(W if V is None else V).sum(axis=0)
    points = ops.add(X, 0.0)
    n_iter, converged = ops.zeros(len(X), dtype=int), ops.zeros(len(X), dtype=bool)
    moving = ops.arange(len(X))
    with ops.errstate(over="ignore", invalid="ignore"):
        bound = _FAR * ops.maximum(ops.absolute(X).max(axis=1), reach.max())
        for iteration in range(max_iter + 1):
            x = points[moving]
            f = vector_field(x, W, b, c, activation, visible, V)
            arrived = ops.absolute(f).max(axis=1) <= tol
            converged[moving[arrived]] = True
            moving, x, f = moving[~arrived], x[~arrived], f[~arrived]
            if iteration == max_iter or not len(moving):
                break
            new = _ascend(x, f, step_size, step, score) if guarded else step(x, f, step_size)
            size = ops.absolute(new).max(axis=1)
            going = (size <= bound[moving]) & (size < math.inf) & (new != x).any(axis=1)
            moving = moving[going]
            points[moving] = new[going]
            n_iter[moving] += 1
    return points, n_iter, converged


def _ascend(x, f, size, step, score):
    """Return the first of step(x, f, size / 2^j) that does not lower the score, to its rounding, for each row."""
    new, (before, rounding) = ops.add(x, 0.0), score(x)
    before -= rounding
    pending = ops.arange(len(x))
    for _ in range(_HALVINGS):
        candidate = step(x[pending], f[pending], size)
        accepted = score(candidate)[0] >= before[pending]
        new[pending[accepted]] = candidate[accepted]
        pending, size = pending[~accepted], 0.5 * size
        if not len(pending):
            break
    return new
