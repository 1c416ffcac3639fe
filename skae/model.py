"""The fitted autoencoder as a value: arrays and units, without scikit-learn.

A `Model` evaluates its formulas on all rows of X at once. It neither validates X nor cuts it into chunks, so a single
row takes microseconds. The estimators' methods of the same names do both. `skae.dynamics` follows the vector field of
a model. A `PipelineModel` has the steps before the autoencoder too.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, overload

from skae import _ops as ops
from skae._typing import Encoding, FloatArray, VisibleName
from skae.activations import Activation, as_activation
from skae.visible import VISIBLE

__all__ = ["Model", "PipelineModel"]

# Each array of a model, with the estimators' name for it.
_ATTRIBUTES = {"W": "components_", "b": "intercept_hidden_", "c": "intercept_visible_", "V": "decoder_components_"}


class _Pipeline(Protocol):
    """What has steps, such as scikit-learn's Pipeline."""

    steps: Any


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

    @overload
    @classmethod
    def from_estimator(cls, estimator: _Pipeline) -> PipelineModel: ...

    @overload
    @classmethod
    def from_estimator(cls, estimator: Any) -> Self: ...

    @classmethod
    def from_estimator(cls, estimator: Any) -> Any:
        """Return the model of a fitted autoencoder, from its public attributes.

        Parameters
        ----------
        estimator : autoencoder or Pipeline
            A fitted autoencoder, or a fitted Pipeline of skae's steps that ends in one.

        Returns
        -------
        Model or PipelineModel
            The model; a `PipelineModel` of a Pipeline. It shares the autoencoder's arrays.

        Raises
        ------
        TypeError
            If the estimator is no autoencoder, or not fitted.
        """
        if hasattr(estimator, "steps"):
            return PipelineModel.from_estimator(estimator)
        needed = ("components_", "decoder_components_", "intercept_visible_", "activation", "threshold", "visible")
        missing = [name for name in (*needed, "hidden_bias") if not hasattr(estimator, name)]
        if missing:
            raise TypeError(
                f"Model.from_estimator takes a fitted autoencoder of skae, got {type(estimator).__name__} without "
                f"{missing[0]}"
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
            h(W x + b), max(0, W x), max(0, W x + b) or W x (ZAE 4.3). A model does not know the `encoding` of an
            estimator: pass it, to get what `transform` returns.
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
            return ops.row_squared_norms(R.reshape(n * m, X.shape[1])).reshape(n, m)
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


@dataclasses.dataclass(frozen=True, eq=False)
class PipelineModel:
    """The model of an autoencoder, and what is done to rows before: a fitted Pipeline without scikit-learn.

    Parameters
    ----------
    steps : sequence of callable
        Each takes rows, and returns rows for the next: arrays in two dimensions.
    model : Model
        What takes the rows of the last step.

    Notes
    -----
    `from_estimator` asks each step for ``__skae_row_function__(dtype)``: its `transform` of dense rows of that dtype,
    without checks. A transformer of yours may have one.

    The energy and the reconstruction error are of the rows that reach the autoencoder, as in a Pipeline. Other formulas
    of the model take these rows too: ``pipeline_model.model.laplacian(pipeline_model.inputs(X))``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import ContractiveAutoencoder, PCAWhitener
    >>> from skae.model import Model, PipelineModel
    >>> X = load_digits().data / 16
    >>> pipe = make_pipeline(PCAWhitener(0.9), ContractiveAutoencoder(20, max_iter=5, tol=0, random_state=0)).fit(X)
    >>> model = Model.from_estimator(pipe)
    >>> bool(np.allclose(model.energy(X), pipe.score_samples(X)))
    True

    Steps of your own:

    >>> from sklearn.preprocessing import StandardScaler
    >>> scaler = StandardScaler().fit(X)
    >>> autoencoder = ContractiveAutoencoder(20, max_iter=5, tol=0, random_state=0).fit(scaler.transform(X))
    >>> model = PipelineModel([lambda X: (X - scaler.mean_) / scaler.scale_], Model.from_estimator(autoencoder))
    >>> bool(np.allclose(model.code(X), autoencoder.transform(scaler.transform(X))))
    True
    """

    steps: Sequence[Callable[[FloatArray], FloatArray]]
    model: Model

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Return the model of a fitted Pipeline of skae's steps, from their fitted attributes.

        Parameters
        ----------
        estimator : Pipeline or autoencoder
            A fitted Pipeline that ends in an autoencoder, after whiteners, normalizers and autoencoders. It may have
            Pipelines within, and frozen steps.

        Returns
        -------
        PipelineModel
            The model. Rows must have the dtype of the last autoencoder's weights.

        Raises
        ------
        TypeError
            If a step is not skae's, or the last one no autoencoder.
        sklearn.exceptions.NotFittedError
            If a step is not fitted.
        """
        steps = _in_a_row(estimator)
        if not steps:
            raise TypeError("a PipelineModel is made of a Pipeline that ends in an autoencoder, got one without steps")
        *before, last = steps
        model = Model.from_estimator(last)
        for step in before:
            if not hasattr(step, "__skae_row_function__"):
                raise TypeError(
                    f"a PipelineModel is made of skae's steps that transform, got {type(step).__name__}; write it as a "
                    "function of arrays, and call PipelineModel(steps, model)"
                )
        return cls([step.__skae_row_function__(model.c.dtype) for step in before], model)

    def inputs(self, X: FloatArray) -> FloatArray:
        """Return the rows that reach the model.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, d)
            Rows.
        """
        for step in self.steps:
            X = step(X)
        return X

    def code(self, X: FloatArray, encoding: Encoding = "natural") -> FloatArray:
        """Return the hidden code of each row, shape (n, k); see `Model.code`.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.
        encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
            Which code. For what the Pipeline's `transform` returns, pass the `encoding` of its last step.

        Returns
        -------
        ndarray of shape (n, k)
            The code.
        """
        return self.model.code(self.inputs(X), encoding)

    def energy(self, X: FloatArray) -> FloatArray:
        """Return the energy score of each row, shape (n,); see `Model.energy`.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            The scores.
        """
        return self.model.energy(self.inputs(X))

    def reconstruct(self, X: FloatArray) -> FloatArray:
        """Return the reconstruction of the rows that reach the model, shape (n, d); see `Model.reconstruct`.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, d)
            The reconstructions, in the units of `inputs`.
        """
        return self.model.reconstruct(self.inputs(X))

    def reconstruction_error(self, X: FloatArray) -> FloatArray:
        """Return the squared reconstruction error of the rows that reach the model, shape (n,).

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            The squared errors.
        """
        return self.model.reconstruction_error(self.inputs(X))


def _in_a_row(estimator):
    """Return the steps of a Pipeline, with nested ones flattened. A frozen one has the attributes of what is in it."""
    if not hasattr(estimator, "steps"):
        return [estimator]
    passes = (None, "passthrough")
    return [part for _, step in estimator.steps if step not in passes for part in _in_a_row(step)]
