"""FineTunedClassifier: autoencoders as the layers of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skae._documentation import documented
from skae._sklearn_compat import (
    StrOptions,
    _check_partial_fit_first_call,
    _fit_context,
    available_if,
    with_callbacks,
)
from skae._typing import Array, FloatArray, MatrixLike, RandomState, Schedule, Solver
from skae.corruption import Corruption
from skae.network._base import FineTunedNetwork, can_continue
from skae.training import (
    encode_labels,
    hold_out,
    named_classes,
    plain_labels,
    refuse_mixed_labels,
    supervised_weight,
    unchanged_on_error,
    warn,
)


def _has_probabilities(classifier):
    """Return whether the scores give probabilities."""
    return classifier.loss == "log_loss"


@documented
class FineTunedClassifier(ClassifierMixin, FineTunedNetwork):
    """Classifier whose hidden layers start as autoencoders (ZAE 4.1).

    `fit` trains the autoencoders of `encoder` one after the other, without labels. It starts the output layer from a
    linear model of the codes, and then trains all layers on the loss of the labels. This helps most where few of many
    rows have labels, or where the features are images.

    Parameters
    ----------
    encoder : autoencoder or Pipeline, default=None
        An autoencoder, or a Pipeline whose last steps are autoencoders: each is a layer, which hands on the code that
        its `encoding` names. The steps before them are fitted as in a Pipeline, and stay fixed. They get arrays, so
        choose columns by position. None takes ``DenoisingAutoencoder(256, activation="relu")``. For a grid search over
        parameters of the encoder, such as ``encoder__noise_level``, pass one.

    prefit : bool, default=False
        Whether `encoder` is fitted, and taken as it is: `fit` then starts from a copy of it. For `clone` and
        cross-validation, which would undo its training, freeze it: ``FrozenEstimator(encoder)``.

    loss : {"log_loss", "squared_hinge"}, default="log_loss"
        The loss: minus the logarithm of the probability of the class, or the sum over the classes of
        ``max(0, 1 - t_j score_j)^2``, t_j = 1 for the class of the row and -1 for the others. The hinge loss gives no
        probabilities.

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
        Solver of the training with labels. Its parameters follow below, as in the autoencoders. Each autoencoder has
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
        Largest number of epochs of the training with labels (iterations for lbfgs). "auto" is 100. For adam it is the
        number of epochs that make 3000 updates, but from 10 to 60: up to 100 if 60 make fewer than 900.

    tol : float, default=1e-3
        Training ends when the loss has fallen by less than `tol`, relative to itself, over `n_iter_no_change` epochs.
        With the linear schedule, as many epochs follow, in which the learning rate falls to zero. 0 trains for
        `max_iter` epochs.

    n_iter_no_change : int or "auto", default="auto"
        See `tol`. "auto" is 10 epochs or 1000 updates, whichever is longer. For lbfgs, "auto" is 50 iterations.

    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the rows of each class. Training with labels then applies `tol` to
        their loss, and returns the parameters that are best on them. The autoencoders are trained on all rows.

    validation_fraction : float, default=0.1
        Fraction of rows held out with ``early_stopping=True``. Each class keeps at least one row to train on.

    shuffle : bool, default=True
        Whether to draw a new order of the rows each epoch.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the training with labels: {label: weight}. "balanced" weights are inversely
        proportional to the numbers of rows.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted network, without training the autoencoders again.

    verbose : int, default=0
        Whether to print a line after each epoch of the training with labels: loss, loss on held-out rows, share of
        active codes, seconds.

    random_state : int, RandomState instance or None, default=None
        Seed of the autoencoders, of the split and of the training. With None, the autoencoders keep their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted. The columns of all results are in this order.

    encoder_ : autoencoder or Pipeline
        The fine-tuned encoder. Its `transform` gives the fine-tuned features. `loss_`, `loss_curve_` and `n_iter_` of
        its autoencoders describe the training without labels.

    coef_ : ndarray of shape (n_classes, n_components)
        Weights of the output layer.

    intercept_ : ndarray of shape (n_classes,)
        Biases of the output layer.

    n_iter_ : int
        Number of epochs of the training with labels.

    loss_ : float
        Loss at the fitted parameters, over the training rows, with weight decay and without noise. After
        `partial_fit`, over the rows of the last call.

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
    ClassSpecificAEClassifier : One autoencoder for each class, and a score for "none of these".
    sklearn.neural_network.MLPClassifier : The same networks, from random weights.

    Notes
    -----
    Features should have a common scale near 1: put a whitener into the encoder.

    References
    ----------
    .. [1] Memisevic R., Konda K., Krueger D., "Zero-bias autoencoders and the benefits of co-adapting features",
       ICLR 2015 (ZAE).
    .. [2] Lin Z., Memisevic R., Konda K., "How far can we go without convolution: improving fully-connected networks",
       arXiv:1511.02580, 2015.
    .. [3] Tang Y., "Deep learning using linear support vector machines", arXiv:1306.0239, 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import FineTunedClassifier, PCAWhitener, ZeroBiasAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> encoder = make_pipeline(PCAWhitener(0.9), ZeroBiasAutoencoder(100))
    >>> classifier = FineTunedClassifier(encoder, random_state=0).fit(X[:1000], y[:1000])
    >>> classifier.score(X[1000:], y[1000:]) > 0.92
    True
    >>> classifier.encoder_.transform(X).shape
    (1797, 100)
    """

    classes_: Array

    _parameter_constraints: dict = {
        **FineTunedNetwork._parameter_constraints,
        "loss": [StrOptions({"log_loss", "squared_hinge"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        encoder: Any = None,
        *,
        prefit: bool = False,
        loss: Literal["log_loss", "squared_hinge"] = "log_loss",
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
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.encoder = encoder
        self.prefit = prefit
        self.loss = loss
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
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # -- fitting

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the autoencoders without labels, and then all layers with labels.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data. float32 and float64 keep their type.
        y : array-like of shape (n_samples,)
            Classes, at least two.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If the data or the parameters are invalid, or training diverges. The classifier then stays as before.
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
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Continue with one pass over some rows, at a constant learning rate.

        The first call trains the autoencoders on its rows, as `fit` does, unless ``prefit=True``. Later calls only
        train with labels. Absent with lbfgs.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,)
            Their classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that will come. The first call needs them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The classifier.
        """
        self._validate_params()  # scikit-learn skips this if the classifier is fitted
        self._refuse_early_stopping()
        with unchanged_on_error(self):
            for problem in self._partial_fit(X, y, sample_weight, classes):
                warn(*problem)
        return self

    @with_callbacks
    def _partial_fit(self, X, y, sample_weight, classes):
        """Set all fitted attributes after one more pass; return the problems, each as the arguments of `warn`."""
        _check_partial_fit_first_call(self, named_classes(classes))
        return self._learn(X, y, sample_weight, partial=True)

    def _validated(self, X, y, reset, dtype):
        X, y = super()._validated(X, plain_labels(y), reset, dtype)
        refuse_mixed_labels(y)
        check_classification_targets(y)
        return X, y

    def _checked_target(self, y, dtype, reset, partial):
        if not partial and reset:
            self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"the classifier needs rows of at least 2 classes, got 1 class: {self.classes_.tolist()[0]!r}"
            )
        hint = "name all of them in `classes` at the first partial_fit"
        return encode_labels(np.asarray(y), self.classes_, hint)

    def _outputs(self):
        return list(getattr(self, "classes_", []))

    def _hold_out(self, target, rng):
        return hold_out(target, self.validation_fraction, rng)

    def _supervised(self, target, weight):
        result = supervised_weight(self.class_weight, self.classes_, target, weight)
        if result is not None and not result.any():
            raise ValueError(f"class_weight must be positive for some class with rows, got {self.class_weight}")
        return result

    # -- prediction

    def decision_function(self, X: MatrixLike) -> FloatArray:
        """Return the score of each class. `predict` takes the class with the largest one.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples,)
            Scores of the output layer, in X's dtype. With two classes, the second class's minus the first's.
        """
        scores = self._scores(self._validate_prediction(X))
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: MatrixLike) -> Array:
        """Return the class of each sample with the highest score.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from `classes_`.
        """
        decisions = self.decision_function(X)
        return self.classes_[decisions.argmax(axis=1) if decisions.ndim == 2 else (decisions > 0.0).astype(np.intp)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: MatrixLike) -> FloatArray:
        """Return the probability of each class. Absent for the hinge loss.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in X's dtype. They sum to 1.
        """
        with np.errstate(under="ignore"):
            return softmax(self._scores(self._validate_prediction(X)), axis=1)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: MatrixLike) -> FloatArray:
        """Return the logarithm of the probability of each class. Absent for the hinge loss.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities, in X's dtype.
        """
        with np.errstate(under="ignore"):
            return log_softmax(self._scores(self._validate_prediction(X)), axis=1)
