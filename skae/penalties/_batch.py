"""The batch that a penalty reads, and the gradient that it adds to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

from skae import _ops as ops
from skae._typing import FloatArray
from skae.activations import Activation


class Batch:
    """The arrays of one batch that a penalty reads.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n, d)
        The network's input.
    U, H : ndarray of shape (n, k)
        Pre-activations and code.
    W, V : ndarray of shape (k, d)
        Encoder and decoder weights, the same array when tied.
    weight : float or ndarray of shape (n, 1)
        The rows' weights. They sum to 1 over the batch. One number stands for equal weights.
    activation : skae.activations.Activation
        The hidden units.
    mean_code : ndarray of shape (k,) or None
        Mean code over all rows, if the batch holds only some of them.
    scratch : callable
        ``scratch(name, shape, dtype)`` returns an array; the batch writes `D` and `second_derivative` to such arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.penalties import Batch
    >>> tanh, X, W = as_activation("tanh"), np.eye(3), np.full((2, 3), 0.5)
    >>> U = X @ W.T
    >>> batch = Batch(X, U, tanh.value(U), W, W, 1 / 3, tanh, None, lambda name, shape, dtype: np.empty(shape, dtype))
    >>> batch.D.shape
    (3, 2)
    >>> batch.mean_code.round(3)
    array([0.462, 0.462])
    """

    def __init__(
        self,
        X: FloatArray,
        U: FloatArray,
        H: FloatArray,
        W: FloatArray,
        V: FloatArray,
        weight: float | FloatArray,
        activation: Activation,
        mean_code: FloatArray | None,
        scratch: Callable[[str, tuple[int, ...], Any], FloatArray],
    ) -> None:
        self._X, self.U, self.H, self.W, self.V, self.weight = X, U, H, W, V, weight
        self.activation, self._mean_code, self._scratch = activation, mean_code, scratch

    @functools.cached_property
    def X(self) -> FloatArray:
        """The network's input, shape (n, d). Sparse rows become dense here, which takes time and memory."""
        return ops.to_dense(self._X)

    @functools.cached_property
    def D(self) -> FloatArray:
        """Derivative h'(U), shape (n, k)."""
        if not hasattr(self.activation, "derivative"):
            raise ValueError(
                f"a penalty uses D, but the activation {self.activation.name!r} has no derivative: "
                "add 'derivative' to what the penalty requires"
            )
        out = self._scratch("D", self.U.shape, self.U.dtype)
        return ops.copy_into(out, self.activation.derivative(self.U, self.H, out=out))

    def second_derivative(self) -> FloatArray:
        """Return h''(U), shape (n, k), in an array that the caller may change; the next call overwrites it."""
        out = self._scratch("second derivative", self.U.shape, self.U.dtype)
        return ops.copy_into(out, self.activation.second_derivative(self.U, self.H, out=out))

    @functools.cached_property
    def mean_code(self) -> FloatArray:
        """Mean code over all rows, shape (k,): the one given to the batch, else the mean over the batch."""
        return self.column_means(self.H) if self._mean_code is None else self._mean_code

    def weighted(self, v: FloatArray) -> FloatArray:
        """Return v (k,) times the rows' weights: shape (n, k), or (k,) if the weight is one number."""
        return v * self.weight

    def column_means(self, A: FloatArray) -> FloatArray:
        """Return the weighted mean over the rows of A (n, columns), shape (columns,)."""
        return ops.weighted_column_sums(self.weight, A)

    def column_mean_squares(self, A: FloatArray) -> FloatArray:
        """Return the weighted mean square over the rows of A (n, columns), shape (columns,)."""
        return ops.weighted_column_squares(self.weight, A)


class Gradient:
    """The arrays that penalties add their gradients to.

    Parameters
    ----------
    U : ndarray of shape (n, k)
        Gradient in the pre-activations.
    W, V : ndarray of shape (k, d)
        Gradients in the encoder and decoder weights, the same array when tied.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.penalties import Gradient
    >>> grad = Gradient(np.zeros((4, 2)), np.zeros((2, 3)), np.zeros((2, 3)))
    >>> grad.add_rows("W", np.array([1.0, 2.0]), np.ones((2, 3)))
    >>> grad.W
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """

    def __init__(self, U: FloatArray, W: FloatArray, V: FloatArray) -> None:
        self.U, self.W, self.V = U, W, V

    def add_rows(self, name: Literal["W", "V"], scale: float | FloatArray, rows: FloatArray) -> None:
        """Add scale[:, None] * rows to W or V, at once or later; `scale` is (k,) or one number."""
        ops.add_scaled_rows(getattr(self, name), scale, rows)
