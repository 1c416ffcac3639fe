"""The fitted autoencoder as a value: arrays and units, without scikit-learn.

A `Model` evaluates its formulas on all rows of X at once. It neither validates X nor cuts it into chunks, so a single
row takes microseconds. The estimators' methods of the same names do both. `skae.dynamics` follows the vector field of
a model.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Self

from skae import _ops as ops
from skae._typing import Encoding, FloatArray, VisibleName
from skae.activations import Activation, as_activation
from skae.visible import VISIBLE

__all__ = ["Model"]

# Each array of a model, with the estimators' name for it.
_ATTRIBUTES = {"W": "components_", "b": "intercept_hidden_", "c": "intercept_visible_", "V": "decoder_components_"}


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """Weights, biases and units of an autoencoder, and the functions that they define.

    Parameters
    ----------
    W : ndarray of shape (k, d)
        Encoder weights.
    b : ndarray of shape (k,) or None
        Hidden bias.
    c : ndarray of shape (d,)
        Visible bias.
    activation : str or skae.activations.Activation
        The hidden units h. A name gives them their default threshold.
    visible : {"gaussian", "bernoulli"}, default="gaussian"
        The visible units.
    V : ndarray of shape (k, d), default=None
        Decoder weights. None, or W itself, means that W decodes too (tied weights).

    Raises
    ------
    ValueError
        If the shapes do not fit together, or the activation or the visible units do not exist.

    See Also
    --------
    skae.dynamics.relax : Follow the field from each row to a fixed point.

    Notes
    -----
    All arrays take the widest dtype among them, float32 or float64. Arrays of that dtype are not copied. The methods
    take a dense X of shape (n, d) in that dtype, and do not check it. `pre_activations`, `code`, and with gaussian
    visible units `energy`, `laplacian` and `reconstruction_error` also take sparse X, at the cost of its nonzeros. CSC,
    and a model `by_columns`, make them fastest.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.model import Model
    >>> model = Model(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2), np.zeros(2), "sigmoid")
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> model.energy(X).round(3)
    array([1.386, 2.44 ])
    >>> model.vector_field(X).round(3)
    array([[ 0.5  ,  1.   ],
           [-0.269,  0.762]])

    The model of a fitted estimator:

    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(20, max_iter=5, tol=0, random_state=0).fit(X)
    >>> model = Model.from_estimator(autoencoder)
    >>> bool(np.allclose(model.energy(X), autoencoder.score_samples(X)))
    True
    """

    W: FloatArray
    b: FloatArray | None
    c: FloatArray
    activation: Activation
    visible: VisibleName = "gaussian"
    V: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.c is None:
            raise ValueError("c (intercept_visible_) must have shape (d,), got None")
        given = {name: getattr(self, name) for name in _ATTRIBUTES}
        arrays = {name: ops.asarray(each) for name, each in given.items() if each is not None and each is not self.W}
        arrays["W"] = ops.asarray(self.W)
        dtype = ops.result_type("float32", *arrays.values())
        for name in given:
            object.__setattr__(self, name, ops.asarray(arrays[name], dtype=dtype) if name in arrays else None)
        object.__setattr__(self, "activation", as_activation(self.activation))
        if self.visible not in VISIBLE:
            raise ValueError(f"visible must be one of {sorted(VISIBLE)}, got {self.visible!r}")
        if self.W.ndim != 2:
            raise ValueError(f"W (components_) must have shape (k, d), got {self.W.shape}")
        k, d = self.W.shape
        for name, shape in {"b": (k,), "c": (d,), "V": (k, d)}.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(
                    f"with W (components_) of shape {(k, d)}, {name} ({_ATTRIBUTES[name]}) must have shape {shape}, "
                    f"got {array.shape}"
                )

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Return the model of a fitted autoencoder, from its public attributes.

        Parameters
        ----------
        estimator : autoencoder
            A fitted autoencoder. If a Pipeline ends in one, pass ``pipe[-1]``.

        Returns
        -------
        Model
            The model. It shares the estimator's arrays.
        """
        needed = ("components_", "decoder_components_", "intercept_visible_", "activation", "threshold", "visible")
        missing = [name for name in (*needed, "hidden_bias") if not hasattr(estimator, name)]
        if missing:
            raise TypeError(
                f"Model.from_estimator takes a fitted autoencoder of skae, got {type(estimator).__name__} without "
                f"{missing[0]}; of a Pipeline, pass pipe[-1]"
            )
        activation = as_activation(estimator.activation, getattr(estimator, "threshold_", estimator.threshold))
        b = getattr(estimator, "intercept_hidden_", None) if estimator.hidden_bias else None
        W, V = estimator.components_, estimator.decoder_components_
        return cls(W, b, estimator.intercept_visible_, activation, estimator.visible, V)

    def astype(self, dtype: Any) -> Self:
        """Return the model with arrays of the given dtype; return the model itself if it has that dtype.

        Parameters
        ----------
        dtype : dtype
            A dtype of floats.

        Returns
        -------
        Model
            The model in that dtype.
        """
        if self.W.dtype == dtype:
            return self
        b, V = (None if part is None else ops.asarray(part, dtype=dtype) for part in (self.b, self.V))
        W, c = ops.asarray(self.W, dtype=dtype), ops.asarray(self.c, dtype=dtype)
        return type(self)(W, b, c, self.activation, self.visible, V)

    def by_columns(self) -> Self:
        """Return the model with weights that stand in memory column by column, as products with sparse rows take them.

        Returns
        -------
        Model
            The model, itself if its weights do so.
        """
        weights = [self.W] if self.V is None else [self.W, self.V]
        if all(each.flags.f_contiguous for each in weights):
            return self
        V = None if self.V is None else ops.asarray(self.V, order="F")
        return type(self)(ops.asarray(self.W, order="F"), self.b, self.c, self.activation, self.visible, V)

    @property
    def tied(self) -> bool:
        """Whether the decoder is the encoder's transpose."""
        return self.V is None

    @property
    def decoder(self) -> FloatArray:
        """The decoder weights, (k, d); W if tied."""
        return self.W if self.V is None else self.V

    def pre_activations(self, X: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return U = X W^T + b, shape (n, k).

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.
        out : ndarray of shape (n, k), default=None
            Array to write to.

        Returns
        -------
        ndarray of shape (n, k)
            The pre-activations.
        """
        U = ops.product(X, self.W.T, out=out)
        return U if self.b is None else ops.add(U, self.b, out=U)

    def code(self, X: FloatArray, encoding: Encoding = "natural", out: FloatArray | None = None) -> FloatArray:
        """Return the hidden code, shape (n, k).

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.
        encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
            h(W x + b), max(0, W x), max(0, W x + b) or W x (ZAE 4.3).
        out : ndarray of shape (n, k), default=None
            Array to write to.

        Returns
        -------
        ndarray of shape (n, k)
            The code.
        """
        if encoding == "natural":
            return self.activation.value(self.pre_activations(X), out=out)
        if encoding not in ("rectified", "rectified_bias", "linear"):
            raise ValueError(f"encoding must be 'natural', 'rectified', 'rectified_bias' or 'linear', got {encoding!r}")
        biased = self.b is not None and encoding == "rectified_bias"
        U = self.pre_activations(X, out=out) if biased else ops.product(X, self.W.T, out=out)
        return U if encoding == "linear" else ops.rectify(U, out=U)

    def decode(self, H: FloatArray) -> FloatArray:
        """Return output(H V + c), shape (n, d): ENERGY eq. 2 (gaussian) or 4 (bernoulli).

        Parameters
        ----------
        H : ndarray of shape (n, k)
            Code with the encoding "natural".

        Returns
        -------
        ndarray of shape (n, d)
            The reconstruction.
        """
        A = ops.matmul(H, self.decoder)
        return VISIBLE[self.visible].output(ops.add(A, self.c, out=A))

    def reconstruct(self, X: FloatArray) -> FloatArray:
        """Return the reconstruction r(x) of each row, shape (n, d).

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, d)
            The reconstructions.
        """
        return self.decode(self.code(X))

    def energy(self, X: FloatArray) -> FloatArray:
        """Return the energy score of each row, shape (n,); it is high where the model fits.

        Tied weights have a potential (ENERGY eq. 11 and 28)::

            E(x) = sum_k Phi(u_k) - |x - c|^2/2          gaussian:  grad E = r(x) - x
            E(x) = sum_k Phi(u_k) + c.x + entropy(x)     bernoulli: grad E = logit r(x) - logit x

        with Phi the antiderivative of h. Untied weights have no potential. With them the score is minus the loss, that
        is -|x - r(x)|^2/2 or minus the cross-entropy.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            The scores.

        Raises
        ------
        ValueError
            If the weights are tied and the activation has no potential.
        """
        units = VISIBLE[self.visible]
        if not self.tied:
            if ops.is_sparse(X):
                return -0.5 * self.reconstruction_error(X)
            A = ops.matmul(self.code(X), self.decoder)
            return -units.losses(ops.add(A, self.c, out=A), X)
        if not hasattr(self.activation, "potential"):
            raise ValueError(
                f"the energy (score_samples) of tied weights needs an activation with a potential, which "
                f"{self.activation.name!r} has not; define it, or use tied_weights=False"
            )
        return self.activation.potential(self.pre_activations(X)) + units.potential(X, self.c)

    def reconstruction_error(self, X: FloatArray) -> FloatArray:
        """Return |x - r(x)|^2 of each row, shape (n,).

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            The squared errors.
        """
        return self.squared_distances(self.code(X)[:, None], X)[:, 0].astype(self.c.dtype)

    def squared_distances(self, H: FloatArray, X: FloatArray) -> FloatArray:
        """Return the squared distance of each row of X from the reconstructions of some codes, shape (n, m).

        Parameters
        ----------
        H : ndarray of shape (n, m, k)
            Codes with the encoding "natural", m for each row.
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, m)
            The squared distances. Of sparse X, they are in float64.
        """
        n, m, k = H.shape
        if not ops.is_sparse(X):
            R = self.decode(H.reshape(n * m, k)).reshape(n, m, X.shape[1])
            R -= X[:, None]
            return ops.row_squared_norms(R.reshape(n * m, -1)).reshape(n, m)
        G, Vc = self._decoder_products
        wide, Y = ops.in_float64(H), ops.in_float64(ops.product(X, self.decoder.T))[:, None]
        inner = ops.matmul(wide, G) + 2.0 * (Vc - Y)
        squares = ops.row_dots(inner.reshape(n * m, k), wide.reshape(n * m, k)).reshape(n, m)
        squares += ops.row_squared_distances(X, self.c)[:, None]
        return ops.maximum(squares, 0.0, out=squares)

    @functools.cached_property
    def _decoder_products(self):
        """V V^T (k, k) and V c (k,), in float64."""
        return ops.gram_and_dots(self.decoder.T, self.c)

    def vector_field(self, X: FloatArray) -> FloatArray:
        """Return r(x) - x of each row, shape (n, d) (ENERGY 2.1).

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, d)
            The field.
        """
        R = self.reconstruct(X)
        return ops.subtract(R, X, out=R)

    def laplacian(self, X: FloatArray) -> FloatArray:
        """Return the divergence of the field r(x) - x at each row, shape (n,).

        ::

            sum_i s_i dA_i/dx_i - d,    A = h(U) V + c,    s = 1 (gaussian) or r (1 - r) (bernoulli)

        With elementwise hidden units and gaussian visible units, this is sum_k h'(u_k) w_k.v_k - d. If the weights are
        tied too, it is the Laplacian of the energy (ENERGY eq. 38). With bernoulli units it is not the Laplacian of the
        energy of eq. 28, which is infinite at 0 and 1.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            The divergence.

        Raises
        ------
        ValueError
            If the activation has neither a derivative nor a divergence.
        """
        units, activation, V = VISIBLE[self.visible], self.activation, self.decoder
        if not hasattr(activation, "derivative") and not hasattr(activation, "divergence"):
            raise ValueError(
                f"laplacian needs an activation with a derivative or a divergence, which {activation.name!r} has not; "
                "define one"
            )
        U = self.pre_activations(X)
        H = activation.value(U)
        slope = units.slope(ops.matmul(H, V) + self.c) if hasattr(units, "slope") else None
        if not hasattr(activation, "derivative"):
            return activation.divergence(H, self.W, V, slope) - X.shape[1]
        D = activation.derivative(U, H)
        if slope is None:
            return ops.matmul(D, ops.row_dots(self.W, V)) - X.shape[1]
        return ops.row_dots(slope, ops.matmul(D, self.W * V)) - X.shape[1]
