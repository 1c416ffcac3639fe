"""Methods of a fitted autoencoder. They read public fitted attributes only, so a user may replace these."""

from __future__ import annotations

import functools
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import InvalidParameterError, _check_feature_names_in, available_if
from skae._typing import Array, BoolArray, Encoding, FloatArray, IntArray, MatrixLike, VisibleName
from skae._validation import DTYPES, check_array, validate_data
from skae.activations import Activation, as_activation
from skae.autoencoders._denoising_score import denoising_score
from skae.dynamics import relax
from skae.model import Model
from skae.training import check_overflow, check_visible_range, prediction_stays_sparse, row_chunks, value_range
from skae.visible import VISIBLE


def _can_invert(estimator):
    """Return whether the reconstruction can be computed from the code."""
    if estimator.encoding in ("natural", "linear"):
        return True
    bias_kept = estimator.encoding == "rectified_bias" or not estimator.hidden_bias
    return bias_kept and estimator._activation().flat_below_zero


class AutoencoderPrediction(TransformerMixin):
    """Codes, reconstructions and scores of a fitted autoencoder, a chunk of rows at a time."""

    activation: str | Activation = "sigmoid"
    threshold: float = 1.0
    hidden_bias: bool = True
    visible: VisibleName = "gaussian"
    encoding: Encoding = "natural"
    components_: FloatArray
    intercept_hidden_: FloatArray  # absent if the hidden units have no bias
    intercept_visible_: FloatArray
    mean_: FloatArray
    var_: FloatArray
    n_features_in_: int
    feature_names_in_: Array  # absent unless X had names

    _untied_decoder: FloatArray | None = None

    @property
    def decoder_components_(self) -> FloatArray:
        """Decoder weights, shape (n_components, n_features). When tied, they are `components_` itself."""
        return self.components_ if self._untied_decoder is None else self._untied_decoder

    @decoder_components_.setter
    def decoder_components_(self, value: FloatArray) -> None:
        if self._untied_decoder is None:
            raise AttributeError("the weights are tied: set components_, which is the decoder too")
        self._untied_decoder = value

    def _activation(self):
        """Return the hidden units."""
        return self._prefix_errors(as_activation, self.activation, self.threshold)

    def _prefix_errors(self, function, *arguments, **options):
        """Call a function. If it raises ValueError, raise InvalidParameterError with the name of the class in front."""
        try:
            return function(*arguments, **options)
        except ValueError as error:
            raise InvalidParameterError(f"{type(self).__name__}: {error}") from None

    def transform(self, X: MatrixLike) -> FloatArray:
        """Return the hidden code, in the encoding that `encoding` names.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The code, in X's dtype.
        """
        X, model, stay_sparse = self._validate_sparse_prediction(X, takes_sparse=True)
        out = np.empty((X.shape[0], len(model.W)), dtype=X.dtype)
        return self._by_chunks(lambda chunk, rows: model.code(chunk, self.encoding, out=out[rows]), X, out, stay_sparse)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features. If given, they are checked.

        Returns
        -------
        ndarray of str of shape (n_components,)
            The name of the class and a number: contractiveautoencoder0, contractiveautoencoder1, ...
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{k}" for k in range(len(self.components_))], dtype=object)

    @available_if(_can_invert)
    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Return the reconstruction from the code: ``inverse_transform(transform(X))`` is ``reconstruct(X)``.

        Absent if the code does not determine the reconstruction. "natural" and "linear" codes always do.
        "rectified_bias" codes do for units that are constant below zero (relu, trec). "rectified" codes do for such
        units in a model without hidden bias.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Reconstructions.
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=DTYPES, input_name="X")
        model = self._model(Z.dtype)
        n_components, n_features = model.W.shape
        if Z.shape[1] != n_components:
            raise ValueError(f"inverse_transform takes codes with {n_components} components, got {Z.shape[1]} columns")
        bias = model.b if self.encoding == "linear" and model.b is not None else 0.0

        def decode(chunk, rows):
            return model.decode(chunk if self.encoding == "natural" else model.activation.value(chunk + bias))

        return self._by_chunks(decode, Z, np.empty((Z.shape[0], n_features), dtype=Z.dtype))

    def reconstruct(self, X: MatrixLike) -> FloatArray:
        """Return the reconstruction r(x).

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Reconstructions, in X's dtype.
        """
        X, model = self._validate_prediction(X)
        return self._by_chunks(lambda chunk, rows: model.reconstruct(chunk), X, np.empty(X.shape, dtype=X.dtype))

    def vector_field(self, X: MatrixLike) -> FloatArray:
        """Return r(x) - x, the step that one reconstruction moves each sample by (ENERGY 2.1).

        With tied weights and gaussian visible units it is the gradient of `score_samples`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The field, in X's dtype.
        """
        X, model = self._validate_prediction(X)
        return self._by_chunks(lambda chunk, rows: model.vector_field(chunk), X, np.empty(X.shape, dtype=X.dtype))

    def laplacian(self, X: MatrixLike) -> FloatArray:
        """Return the divergence of the vector field at each sample. It is negative where the dynamics contract.

        ::

            sum_k h'(u_k) w_k.v_k - n_features                            gaussian (tied: ENERGY eq. 38)
            sum_i r_i (1 - r_i) sum_k h'(u_k) w_ki v_ki - n_features      bernoulli

        With tied weights and gaussian visible units it is the Laplacian of `score_samples`. With bernoulli units it is
        not: the Laplacian of their score is infinite at 0 and 1.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Divergences, in X's dtype.
        """
        X, model, stay_sparse = self._validate_sparse_prediction(X, takes_sparse=self.visible == "gaussian")
        out = np.empty(X.shape[0], dtype=X.dtype)
        return self._by_chunks(lambda chunk, rows: model.laplacian(chunk), X, out, stay_sparse)

    def is_absorbing(self, X: MatrixLike) -> BoolArray:
        """Return whether the model is absorbing at each sample: whether `laplacian` is negative (ENERGY eq. 39).

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            True where the flow contracts volume. That is so at every sink, but also at other points, and usually far
            from the data. To test for novelty, use `score_samples`.
        """
        return self.laplacian(X) < 0.0

    def relax(
        self, X: MatrixLike, *, step_size: float = 1.0, max_iter: int = 1000, tol: float = 1e-4
    ) -> tuple[FloatArray, IntArray, BoolArray]:
        """Follow the vector field from each sample to a fixed point: x <- x + step_size (r(x) - x) (ENERGY 2.1).

        With tied weights no step lowers the energy. For a non-decreasing activation, a step of size s raises it by at
        least (s - s^2/2) |r - x|^2. For "square", "modulus" and other activations that are not monotone, a sample's
        step is halved until its energy rises. Untied weights have no energy, and their dynamics may run in circles.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Starting points.
        step_size : float, default=1.0
            Size of the steps, in (0, 2]. For bernoulli visible units, in (0, 1].
        max_iter : int, default=1000
            Largest number of steps.
        tol : float, default=1e-4
            A sample has converged when no entry of r(x) - x exceeds `tol` times the root mean variance of the training
            data.

        Returns
        -------
        points : ndarray of shape (n_samples, n_features)
            Where the samples have ended, in X's dtype. They are always finite.
        n_iter : ndarray of int of shape (n_samples,)
            Steps taken.
        converged : ndarray of bool of shape (n_samples,)
            Whether each sample has converged. False after `max_iter` steps, or for a sample that was stopped because it
            went to infinity.
        """
        X, model = self._validate_prediction(X)
        longest = VISIBLE[self.visible].longest_step
        check_scalar(step_size, "step_size", Real, min_val=0.0, max_val=longest, include_boundaries="right")
        check_scalar(max_iter, "max_iter", Integral, min_val=0)
        check_scalar(tol, "tol", Real, min_val=0.0)
        for name, value in (("step_size", step_size), ("tol", tol)):
            if np.isnan(value):
                raise ValueError(f"{name} == {value}, must be a number")
        scale = float(np.sqrt(np.mean(self.var_))) or 1.0
        points = np.empty(X.shape, dtype=X.dtype)
        n_iter, converged = np.empty(len(points), dtype=int), np.empty(len(points), dtype=bool)
        for rows, chunk in row_chunks(X, len(model.W)):
            points[rows], n_iter[rows], converged[rows] = relax(
                model, chunk, step_size=float(step_size), max_iter=max_iter, tol=tol * scale
            )
        return points, n_iter, converged

    def score_samples(self, X: MatrixLike) -> FloatArray:
        """Return the energy score of each sample. Samples that fit better have higher scores.

        With tied weights it is the potential of the vector field, up to a constant (ENERGY eq. 11 and 28)::

            E(x) = sum_k Phi(u_k) - |x - c|^2/2          gaussian:  grad E = r(x) - x
            E(x) = sum_k Phi(u_k) + c.x + entropy(x)     bernoulli: grad E = logit r(x) - logit x

        with Phi the antiderivative of the activation. Untied weights have no potential: there the score is
        -|x - r(x)|^2/2 (bernoulli: minus the cross-entropy).

        Bounded units ("sigmoid", "tanh", "satlinear", "softmax", "max") have an E that falls away from the data. The
        Phi of the others grows as |x|^2 or faster. Without a penalty that keeps their weights short, E rises without
        bound in some directions, and rows far from the data score highest. That is no score for novelties.

        E is a difference of larger terms. In float32 its error is 1e-5 of these terms. The error is larger if the mean
        of the data is a thousand standard deviations from zero: centre such data, or pass float64.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores, in X's dtype.
        """
        takes_sparse, n_decoded = self.visible == "gaussian", int(self._untied_decoder is not None)
        X, model, stay_sparse = self._validate_sparse_prediction(X, takes_sparse, n_decoded)
        out = np.empty(X.shape[0], dtype=X.dtype)
        return self._by_chunks(lambda chunk, rows: model.energy(chunk), X, out, stay_sparse)

    def reconstruction_error(self, X: MatrixLike, per_feature: bool = False) -> FloatArray:
        """Return the squared reconstruction error.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.
        per_feature : bool, default=False
            Whether to return the error of each feature, or the sum over the features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_features)
            (x - r(x))^2, or its sum over the features.
        """
        takes_sparse = self.visible == "gaussian" and not per_feature
        X, model, stay_sparse = self._validate_sparse_prediction(X, takes_sparse, n_decoded=1)

        def error(chunk, rows):
            if stay_sparse:
                return model.reconstruction_error(chunk)
            residual = model.reconstruct(chunk) - chunk
            residual *= residual
            return residual if per_feature else residual.sum(axis=1)

        out = np.empty(X.shape if per_feature else X.shape[:1], dtype=X.dtype)
        return self._by_chunks(error, X, out, stay_sparse)

    def score(self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the denoising R^2, which needs no labels and can be compared across hyper-parameters.

        ::

            1 - sum w |r(x + noise) - x|^2 / sum w |x - mean|^2

        The mean is the training data's. The noise is Gaussian, with half the training data's standard deviation in each
        feature. The order of the rows does not matter, and equal rows count as one row of their joint weight. On
        data like the training data, the mean scores 0, the identity map 0.75, and the best linear denoiser of isotropic
        data 0.80. Do not choose the threshold of "trec" and "tlin" by this score (it prefers 0), and do not compare
        models behind different whiteners by it: use a downstream score there.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights w. A weight of two counts as two equal rows, and a row of weight zero as absent.

        Returns
        -------
        float
            The score, at most 1. Higher is better.
        """
        X, model = self._validate_prediction(X)
        return denoising_score(model, X, self.mean_, self.var_, sample_weight)

    def _model(self, dtype):
        """Return the fitted model in the given dtype."""
        with np.errstate(over="ignore", under="ignore"):  # a result that overflows is found where it is computed
            return self._prefix_errors(Model.from_estimator, self).astype(dtype)

    def __skae_row_function__(self, dtype):
        """Return `transform` of dense rows of a dtype, without checks."""
        check_is_fitted(self)
        return functools.partial(self._model(dtype).code, encoding=self.encoding)

    def _validate_prediction(self, X):
        """Check X; return it, and the model in its dtype."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=DTYPES)
        if self.visible == "bernoulli":
            check_visible_range(self.visible, *value_range(X))
        return X, self._model(X.dtype)

    def _validate_sparse_prediction(self, X, takes_sparse, n_decoded=0):
        """Check X; return it, the model in its dtype, and whether the model takes it as sparse chunks.

        `takes_sparse` says whether it can. For `n_decoded`, see `prediction_stays_sparse`.
        """
        X, model = self._validate_prediction(X)
        by_columns = model.W.flags.f_contiguous
        stay_sparse = takes_sparse and prediction_stays_sparse(X, len(model.W), by_columns, n_decoded)
        return X, model.by_columns() if stay_sparse else model, stay_sparse

    def _by_chunks(self, function, X, out, stay_sparse=False):
        """Fill `out` with function(chunk, rows) for each chunk of rows; raise ValueError if a result overflows."""
        columns = len(self.components_) if stay_sparse else max(np.shape(self.components_))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for rows, chunk in row_chunks(X, columns, stay_sparse=stay_sparse):
                result = check_overflow(function(chunk, rows), chunk)
                if not np.may_share_memory(result, out):
                    out[rows] = result
        return out
