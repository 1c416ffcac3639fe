"""FineTunedRegressor: autoencoders as the layers of a regression."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning

from skae._documentation import documented
from skae._sklearn_compat import _fit_context, available_if, with_callbacks
from skae._typing import FloatArray, MatrixLike, RandomState, Schedule, Solver
from skae._validation import refuse_other_kinds, validate_data
from skae.corruption import Corruption
from skae.network._base import FineTunedNetwork, can_continue
from skae.training import checked_weight, near_one, split_rows, unchanged_on_error, warn


@documented
class FineTunedRegressor(RegressorMixin, FineTunedNetwork):
    """Regression whose hidden layers start as autoencoders: `FineTunedClassifier` with the squared error.

    `fit` trains the autoencoders of `encoder` one after the other, without targets. It starts the output layer from a
    linear model of the codes, and then trains all layers on the squared error.

    Parameters
    ----------
    encoder : autoencoder or Pipeline, default=None
        An autoencoder, or a Pipeline whose last steps are autoencoders: each is a layer, which hands on the code that
        its `encoding` names. The steps before them are fitted as in a Pipeline, and stay fixed. None takes the encoder
        that `FineTunedClassifier` takes. For a grid search over its parameters, such as ``encoder__noise_level``, pass
        one.

    prefit : bool, default=False
        Whether `encoder` is fitted, and taken as it is: `fit` then starts from a copy of it. For `clone` and
        cross-validation, which would undo its training, freeze it: ``FrozenEstimator(encoder)``.

    dropout : float or array-like of shape (n_layers,), default=0.0
        Share of the code of each layer that training sets to zero, in [0, 1).

    noise : {"gaussian", "masking", "salt_and_pepper"}, Corruption or None, default=None
        Corruption of the input of the first layer. `noise_level` replaces the level of a Corruption.

    noise_level : float, default=0.3
        Level of the noise: the standard deviation, or the share of corrupted inputs.

    l2 : float, default=1e-4
        Strength of l2/2 times the sum of the squared weights of all layers.

    max_norm : float or None, default=None
        Largest length of the weights of a unit, in all layers. None sets no limit.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Solver of the training with targets. Its parameters follow below, as in the autoencoders. Each autoencoder has
        its own.

    batch_size : int or "auto", default="auto"
        Largest number of rows in a batch. "auto" is 100, or more for wide sparse rows.

    learning_rate : {"linear", "constant"}, default="linear"
        Schedule: "linear" rises over the first 5 % of the updates that `max_iter` allows, and then falls to zero.
        `partial_fit` uses a constant rate.

    learning_rate_init : float or "auto", default="auto"
        Largest learning rate. "auto" is 0.002 for adam. For sgd, the fit searches for a rate: it starts from the
        inverse of the largest curvature at the start, and halves it until a trial of 100 updates lowers the loss.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    max_iter : int or "auto", default="auto"
        Largest number of epochs of the training with targets (iterations for lbfgs). "auto" is 100. For adam it is the
        number of epochs that make 3000 updates, but from 10 to 60: up to 100 if 60 make fewer than 900.

    tol : float, default=1e-3
        Training ends when the loss has fallen by less than `tol`, relative to itself, over `n_iter_no_change` epochs.
        With the linear schedule, as many epochs follow, in which the learning rate falls to zero. 0 trains for
        `max_iter` epochs.

    n_iter_no_change : int or "auto", default="auto"
        See `tol`. "auto" is 10 epochs or 1000 updates, whichever is longer. For lbfgs, "auto" is 50 iterations.

    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the rows. Training with targets then applies `tol` to their loss,
        and returns the parameters that are best on them. The autoencoders are trained on all rows.

    validation_fraction : float, default=0.1
        Fraction of rows held out with ``early_stopping=True``.

    shuffle : bool, default=True
        Whether to draw a new order of the rows each epoch.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted network, without training the autoencoders again.

    verbose : int, default=0
        Whether to print a line after each epoch of the training with targets: loss, loss on held-out rows, share of
        active codes, seconds.

    random_state : int, RandomState instance or None, default=None
        Seed of the autoencoders, of the split and of the training. With None, the autoencoders keep their own.

    Attributes
    ----------
    encoder_ : autoencoder or Pipeline
        The fine-tuned encoder. Its `transform` gives the fine-tuned features. `loss_`, `loss_curve_` and `n_iter_` of
        its autoencoders describe the training without targets.

    coef_ : ndarray of shape (n_outputs, n_components)
        Weights of the output layer.

    intercept_ : ndarray of shape (n_outputs,)
        Biases of the output layer.

    n_outputs_ : int
        Number of targets.

    n_iter_ : int
        Number of epochs of the training with targets.

    loss_ : float
        Half the squared error, summed over the targets, at the fitted parameters and in the mean over the training
        rows, with weight decay and without noise. After `partial_fit`, over the rows of the last call.

    loss_curve_ : ndarray of shape (n_iter_,)
        Mean loss over the batches of each epoch. Each batch is evaluated before its own update.

    validation_loss_curve_ : ndarray of shape (n_iter_,) or None
        Loss on the held-out rows after each epoch. None without ``early_stopping=True``.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Absent unless X had names that are all strings.

    See Also
    --------
    FineTunedClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : The same networks, from random weights.

    Notes
    -----
    Features and targets should have a common scale near 1. `sklearn.compose.TransformedTargetRegressor` brings targets
    to it.

    References
    ----------
    .. [1] Memisevic R., Konda K., Krueger D., "Zero-bias autoencoders and the benefits of co-adapting features",
       ICLR 2015 (ZAE).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import FineTunedRegressor, ZeroBiasAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> X, y = X / 16, (y - y.mean()) / y.std()
    >>> regressor = FineTunedRegressor(ZeroBiasAutoencoder(100), random_state=0).fit(X[:1000], y[:1000])
    >>> regressor.score(X[1000:], y[1000:]) > 0.8
    True
    """

    n_outputs_: int
    _flat: bool  # whether y had one dimension
    loss = "squared_error"

    def __init__(
        self,
        encoder: Any = None,
        *,
        prefit: bool = False,
        dropout: float | ArrayLike = 0.0,
        noise: str | Corruption | None = None,
        noise_level: float = 0.3,
        l2: float = 1e-4,
        max_norm: float | None = None,
        solver: Solver = "adam",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Schedule = "linear",
        learning_rate_init: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        max_iter: int | Literal["auto"] = "auto",
        tol: float = 1e-3,
        n_iter_no_change: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.encoder = encoder
        self.prefit = prefit
        self.dropout = dropout
        self.noise = noise
        self.noise_level = noise_level
        self.l2 = l2
        self.max_norm = max_norm
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

    # -- fitting

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the autoencoders without targets, and then all layers with targets.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data. float32 and float64 keep their type.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The fitted regressor.

        Raises
        ------
        ValueError
            If the data or the parameters are invalid, or training diverges. The regressor then stays as before.
        """
        with unchanged_on_error(self):
            for problem in self._fit(X, y, sample_weight):
                warn(*problem)
        return self

    @with_callbacks
    def _fit(self, X, y, sample_weight):
        """Set all fitted attributes; return the problems, each as the arguments of `warn`."""
        return self._learn(X, y, sample_weight, partial=False)

    @available_if(can_continue)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Continue with one pass over some rows, at a constant learning rate.

        The first call trains the autoencoders on its rows, as `fit` does, unless ``prefit=True``. Later calls only
        train with targets. Absent with lbfgs.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The regressor.
        """
        self._validate_params()  # scikit-learn skips this if the regressor is fitted
        self._refuse_early_stopping()
        with unchanged_on_error(self):
            for problem in self._partial_fit(X, y, sample_weight):
                warn(*problem)
        return self

    @with_callbacks
    def _partial_fit(self, X, y, sample_weight):
        """Set all fitted attributes after one more pass; return the problems, each as the arguments of `warn`."""
        return self._learn(X, y, sample_weight, partial=True)

    def _validated(self, X, y, reset, dtype):
        if sparse.issparse(y):
            raise ValueError("y must be an array of numbers, got a sparse matrix; pass y.toarray()")
        refuse_other_kinds(y, "y")
        options = {"multi_output": True, "y_numeric": True}
        return validate_data(self, X, y, reset=reset, accept_sparse="csr", dtype=dtype, **options)

    def _checked_target(self, y, dtype, reset, partial):
        y = np.asarray(y, dtype=np.float64)
        largest = float(np.abs(y).max())
        if largest > math.sqrt(np.finfo(dtype).max / (4.0 * y[0].size)):
            raise ValueError(
                f"y holds values up to {largest:.3g}, whose squares {np.dtype(dtype)}, the dtype of X, cannot hold; "
                "bring the targets to a common scale near 1 (TransformedTargetRegressor)"
            )
        y = y.astype(dtype)
        self._flat = y.ndim == 1 if reset else self._flat
        y = y.reshape(len(y), -1)
        if reset:
            self.n_outputs_ = y.shape[1]
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {y.shape[1]} targets, and the regressor was fitted to {self.n_outputs_}")
        return y

    def _outputs(self):
        return list(range(getattr(self, "n_outputs_", 0)))

    def _hold_out(self, target, rng):
        return split_rows(len(target), self.validation_fraction, rng)

    def _poor_fit(self, rows, data_loss):
        chosen = rows.chosen()
        target, weight = rows.target[chosen].astype(np.float64), None if rows.weight is None else rows.weight[chosen]
        weight = near_one(weight)
        mean = np.average(target, axis=0, weights=weight)
        variance = np.average((target - mean) ** 2, axis=0, weights=weight)
        # The variance of a constant target is rounding.
        varies = variance > (10.0 * np.finfo(rows.target.dtype).eps * mean) ** 2
        baseline = 0.5 * variance.sum()
        if data_loss <= 0.999 * baseline or not varies.any():
            return []
        deviation = np.sqrt(variance[varies])
        text = (
            f"{type(self).__name__}: the loss without weight decay, {data_loss:.4g}, is hardly below that of the mean, "
            f"{baseline:.4g}, or above it (the targets have standard deviations of {deviation.min():.3g} to "
            f"{deviation.max():.3g}); bring the targets to a common scale near 1 (TransformedTargetRegressor), and the "
            "features (StandardScaler, PCAWhitener), or use a lower l2, dropout or noise_level"
        )
        return [(text, ConvergenceWarning)]

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R^2, the share of the variance of the targets that is predicted.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        float
            The score, at most 1; with several outputs, its mean over them.
        """
        if sample_weight is not None:
            sample_weight = near_one(checked_weight(X, sample_weight)[0])
        return super().score(X, y, sample_weight)

    def predict(self, X: MatrixLike) -> FloatArray:
        """Return the targets of each sample.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in X's dtype.
        """
        scores = self._scores(self._validate_prediction(X))
        return scores[:, 0] if self._flat else scores

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
