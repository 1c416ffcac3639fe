"""TODO."""

from __future__ import annotations

from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from skae._sklearn_compat import Interval, InvalidParameterError
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, WeightConstraint
from skae.activations import Activation
from skae.autoencoders._base import BaseAutoencoder
from skae.autoencoders._docstrings import fill_parameters
from skae.penalties import Marginalized


@fill_parameters
class MarginalizedDenoisingAutoencoder(BaseAutoencoder):
    """Denoising autoencoder with its Gaussian noise integrated out, approximately (Chen et al. 2014; SPARSE eq. 10-11).

    Minimises, over the mean of the samples::

        |x - r(x)|^2/2 + alpha sum_k h'(u_k)^2 |v_k|^2 sum_i s_i w_ki^2

    with u = W x + b and r(x) = V^T h(u) + c, V = W when tied (then, with s = 1, |w_k|^4). It is what noise of variance
    2 alpha s_i in feature i costs to second order, without the terms that couple units or depend on the residual.

    Parameters
    ----------
    {n_components}

    {activation}

    {threshold}

    {hidden_bias}

    alpha : float, default=0.1
        Strength of the penalty, >= 0: half the variance of the noise. SPARSE minimises the squared error without the
        1/2: its lambda is twice this alpha.

    feature_variances : array-like of shape (n_features,), default=None
        Relative variances s_i of the features' noise, >= 0; 1 for all if None.

    {l2}

    {tied_weights}

    {weight_constraint}

    {max_norm}

    visible : {"gaussian"}, default="gaussian"
        Visible units: linear output with squared error.

    {encoding}

    {init}

    {training}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    DenoisingAutoencoder : With sampled noise, or all terms of the second order.
    ContractiveAutoencoder : The same with unit weight lengths.

    References
    ----------
    .. [1] Chen M., Weinberger K., Sha F., Bengio Y., "Marginalized denoising auto-encoders for nonlinear
       representations", ICML 2014.
    .. [2] Arpit D., Zhou Y., Ngo H., Govindaraju V., "Why regularized auto-encoders learn sparse
       representation?", ICML 2016 (SPARSE).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import MarginalizedDenoisingAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = MarginalizedDenoisingAutoencoder(64, alpha=0.03, max_iter=50, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 64)
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "feature_variances": ["array-like", None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        activation: str | Activation = "sigmoid",
        threshold: float = 1.0,
        hidden_bias: bool = True,
        alpha: float = 0.1,
        feature_variances: ArrayLike | None = None,
        l2: float = 0.0,
        tied_weights: bool = True,
        weight_constraint: WeightConstraint | None = "auto",
        max_norm: float = 1.0,
        visible: Literal["gaussian"] = "gaussian",
        encoding: Encoding = "natural",
        init: Init = "auto",
        solver: Solver = "adam",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Schedule = "linear",
        learning_rate_init: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        max_iter: int = 200,
        tol: float = 1e-3,
        n_iter_no_change: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.threshold = threshold
        self.hidden_bias = hidden_bias
        self.alpha = alpha
        self.feature_variances = feature_variances
        self.l2 = l2
        self.tied_weights = tied_weights
        self.weight_constraint = weight_constraint
        self.max_norm = max_norm
        self.visible = visible
        self.encoding = encoding
        self.init = init
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def _penalty(self):
        """The penalty, or None where alpha is zero."""
        penalty = self._named(Marginalized, self.alpha, self._variances())
        return penalty if self.alpha > 0 else None

    def _variances(self):
        """The variances as a tuple of floats, one for each feature, or None."""
        if self.feature_variances is None:
            return None
        try:
            variances = np.asarray(self.feature_variances, dtype=np.float64)
        except (TypeError, ValueError):
            what = "feature_variances must be numbers"
        else:
            if variances.shape == (self.n_features_in_,):
                return tuple(variances.tolist())
            what = f"feature_variances must be one number for each feature, got an array of shape {variances.shape}"
            if variances.ndim == 1:
                what = f"feature_variances are {len(variances)} numbers, X has {self.n_features_in_} features"
        raise InvalidParameterError(f"{type(self).__name__}: {what}")
