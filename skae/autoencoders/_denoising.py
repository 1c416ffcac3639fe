"""DenoisingAutoencoder."""

from __future__ import annotations

import functools
import math
from numbers import Real
from typing import Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._sklearn_compat import Interval, InvalidParameterError, StrOptions
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, VisibleName, WeightConstraint
from skae.activations import Activation
from skae.autoencoders._base import BaseAutoencoder
from skae.corruption import Corruption, Gaussian, as_corruption
from skae.objectives import FirstOrder, SecondOrder

# Where units without a bound exceed the root of this number. The automatic rate of those that may die is this share of
# that of others.
_FAR, _RATE_SHARE = 1e6, 0.5


class DenoisingAutoencoder(BaseAutoencoder):
    """Autoencoder that reconstructs clean samples from corrupted ones (Vincent et al. 2008; SPARSE eq. 6).

    Minimises the mean, over the samples x and their corrupted versions x~, of::

        |x - r(x~)|^2/2                                                                 approximation="sampled"
        |x - r(x)|^2/2 + (r(x) - x).J(x) (x~ - x)                                       "first_order" (SPARSE 3.1.1)
        |x - r(x)|^2/2 + s/2 [ sum_jk h'_j h'_k (w_j.w_k)(v_j.v_k)
                               + (r(x) - x).sum_k v_k h''_k |w_k|^2 ]                   "second_order" (SPARSE eq. 7)

    with J the Jacobian of r and s = `noise_level` squared. SPARSE has no 1/2.

    "sampled" draws new noise in every epoch. Two kinds of losses keep the same noise for the whole fit, because their
    values are compared: the objective with ``solver="lbfgs"``, and the validation loss. With few rows, "lbfgs" can
    learn that noise by heart; "adam" and "sgd" cannot. Equal rows of a single batch get equal noise, so that weights
    act as repetitions.

    The other two are Taylor expansions in Gaussian noise. "first_order" is the first-order term alone, with sampled
    noise. "second_order" is the expectation to second order, without noise.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    activation : str or Activation, default="sigmoid"
        Hidden units h, by name: "identity", "max", "modulus", "relu", "satlinear", "shrink", "sigmoid", "softmax",
        "softplus", "square", "synchrony", "tanh", "tlin", "trec". `skae.activations` has their formulas. For
        another one, pass an instance of `skae.activations.Activation`.

    threshold : float, default=1.0
        Threshold of the activation, if it has one (theta of "trec" and "tlin", lambda of "shrink").

    hidden_bias : bool, default=True
        Whether the hidden units have a bias. The bias of "max" units follows from the weights, so `False` is refused
        there.

    noise : {"gaussian", "masking", "salt_and_pepper"} or Corruption, default="gaussian"
        The corruption; see `skae.corruption`. For another one, pass an instance of `skae.corruption.Corruption`:
        `noise_level` replaces its own level.

    noise_level : float, default=0.3
        Standard deviation of gaussian noise, in X's unit. For the other kinds, the probability that a feature is
        corrupted. 0 is the plain autoencoder.

    approximation : {"sampled", "first_order", "second_order"}, default="sampled"
        The objective. Both expansions need gaussian noise, gaussian visible units and an activation with a second
        derivative; "second_order" also needs a third. They need `l2` or a weight constraint, because without one they
        have no lower bound. "first_order" does not work with lbfgs. Only a weight constraint with tied weights surely
        bounds "second_order". With untied weights, or with `l2` alone, much noise can drive it further and further
        below zero. A fit warns of that.

    l2 : float, default=0.0
        Strength of l2/2 times the sum of the squared weights.

    tied_weights : bool, default=True
        Whether the decoder is the encoder's transpose. Only then there is a potential energy.

    weight_constraint : {"auto", "unit", "max"} or None, default="auto"
        Lengths of the decoder rows (the encoder's when tied): 1 for "unit", at most `max_norm` for "max", free for
        None. "auto" is "unit" for untied weights if a smaller encoder could evade the penalty, else None.

    max_norm : float, default=1.0
        Largest length of a row with ``weight_constraint="max"``.

    visible : {"gaussian", "bernoulli"}, default="gaussian"
        Visible units: linear output with squared error, or sigmoid output with cross-entropy, for data in [0, 1].

    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
        What `transform` returns: h(Wx + b), max(0, Wx) (the zero-bias code), max(0, Wx + b) or Wx (ZAE 4.3).
        Training does not depend on it, so it can be changed on a fitted estimator.

    init : {"auto", "glorot", "data", "pca"}, default="auto"
        Start of the weights: "glorot" is random, "data" takes random centred samples, "pca" takes principal components.
        If there are too few of these, the other rows are random. "auto" is "glorot"; for the activation "max" it is
        "data", with samples that are far from one another (k-means++). With more units than features, random rows get
        unequal lengths. If all were short, every unit would work where its activation is nearly linear, and for a long
        time training would find no more than a linear autoencoder can do.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        "adam" and "sgd" (with momentum) update after each batch. "lbfgs" uses all rows at once, and ignores
        `batch_size`, `learning_rate`, `learning_rate_init`, `momentum`, `nesterovs_momentum` and `shuffle`.

    batch_size : int or "auto", default="auto"
        Largest number of rows in a batch. "auto" is 100, or more for wide sparse rows.

    learning_rate : {"linear", "constant"}, default="linear"
        Schedule: "linear" rises over the first 5 % of the updates that `max_iter` allows, and then falls to zero.
        `partial_fit` uses a constant rate.

    learning_rate_init : float or "auto", default="auto"
        Largest learning rate. For adam, "auto" is 0.01, but 0.005 with a constant rate or a saturation penalty. Larger
        rates lower the loss faster, but make codes and energies worse. Few or small features need larger weights: if
        the standard deviations of all features sum to s < 14, 0.01 is multiplied by 14 / s. Where ``max_iter="auto"``
        is fewer than 200 epochs, it is multiplied by 200 / epochs, at most by three and by a sixth of the number of
        batches in an epoch. Together they multiply it at most by ten. For "relu" and other units without a bound that
        are still on one side, it is half of 0.01 there instead: many would die. For sgd, start from 1 / (largest
        curvature of the objective). Try up to 100 updates at twice this rate. While the loss ends higher than without
        any update, halve the rate and try again.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    max_iter : int or "auto", default="auto"
        Largest number of epochs (iterations for lbfgs). "auto" is 200. For adam it is the number of epochs that make
        6000 updates, but from 10 to 100: up to 200 if 100 make fewer than 900, or if few or
        small features need larger weights (see `learning_rate_init`).

    tol : float, default=1e-3
        Training ends when the loss has fallen by less than `tol`, relative to itself, over `n_iter_no_change` epochs.
        With the linear schedule, as many epochs follow, in which the learning rate falls to zero. 0 trains for
        `max_iter` epochs. A fit warns if it has ended on a plateau, from which the loss would fall again.

    n_iter_no_change : int or "auto", default="auto"
        See `tol`. "auto" is 10 epochs or 1000 updates, whichever is longer: if the loss does not fall over fewer
        updates, it may only be on a plateau. For lbfgs, "auto" is 50 iterations.

    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the rows, apply `tol` to their loss, and return the parameters
        that are best on them.

    validation_fraction : float, default=0.1
        Fraction of rows held out with ``early_stopping=True``.

    shuffle : bool, default=True
        Whether to draw a new order of the rows each epoch.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted parameters, if there are any.

    verbose : int, default=0
        Whether to print a line after each epoch, and after each `partial_fit`: loss, loss on held-out rows, share of
        active codes, seconds.

    random_state : int, RandomState instance or None, default=None
        Seed of initialisation, split, order of the rows and corruption. Pass an int for reproducible results. None
        draws a fresh seed and does not touch numpy's global state.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Encoder weights W.

    decoder_components_ : ndarray of shape (n_components, n_features)
        Decoder weights V. When tied, they are `components_` itself.

    intercept_hidden_ : ndarray of shape (n_components,)
        Hidden bias b. Absent with ``hidden_bias=False``.

    intercept_visible_ : ndarray of shape (n_features,)
        Visible bias c.

    n_iter_ : int
        Number of epochs run.

    loss_ : float
        Objective at the fitted parameters, over the training rows. After `partial_fit`, over the rows of the last call.

    loss_curve_ : ndarray of shape (n_iter_,)
        Mean objective over the batches of each epoch. Each batch is evaluated before its own update.

    validation_loss_curve_ : ndarray of shape (n_iter_,) or None
        Objective on the held-out rows after each epoch. None without ``early_stopping=True``.

    mean_, var_ : ndarray of shape (n_features,)
        Mean and variance of the training data.

    n_samples_seen_ : int or float
        Number of rows trained on, or the sum of their weights.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Absent unless X had names that are all strings.

    See Also
    --------
    MarginalizedDenoisingAutoencoder : Second-order expectation without the terms that couple units.
    ContractiveAutoencoder : The same as the marginalized one, if all weights have unit length.

    References
    ----------
    .. [1] Vincent P., Larochelle H., Bengio Y., Manzagol P.-A., "Extracting and composing robust features with
       denoising autoencoders", ICML 2008.
    .. [2] Arpit D., Zhou Y., Ngo H., Govindaraju V., "Why regularized auto-encoders learn sparse
       representation?", ICML 2016 (SPARSE).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = DenoisingAutoencoder(64, noise="masking", max_iter=50, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 64)
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "noise": [str, Corruption],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "approximation": [StrOptions({"sampled", "first_order", "second_order"})],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        activation: str | Activation = "sigmoid",
        threshold: float = 1.0,
        hidden_bias: bool = True,
        noise: str | Corruption = "gaussian",
        noise_level: float = 0.3,
        approximation: Literal["sampled", "first_order", "second_order"] = "sampled",
        l2: float = 0.0,
        tied_weights: bool = True,
        weight_constraint: WeightConstraint | None = "auto",
        max_norm: float = 1.0,
        visible: VisibleName = "gaussian",
        encoding: Encoding = "natural",
        init: Init = "auto",
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
        self.n_components = n_components
        self.activation = activation
        self.threshold = threshold
        self.hidden_bias = hidden_bias
        self.noise = noise
        self.noise_level = noise_level
        self.approximation = approximation
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

    def _corruption(self):
        """Return the corruption of the input, or None."""
        corruption = self._prefix_errors(as_corruption, self.noise, self.noise_level)
        return None if corruption.level == 0.0 or self.approximation == "second_order" else corruption

    def _may_die(self):
        """Return whether the units have no bound, but are still on one side, from where larger steps lead to none."""
        far = np.repeat([[-_FAR], [_FAR]], self.n_components, axis=1)
        below, above = np.abs(self._training_activation().value(far)).max(axis=1)
        return bool(below < 1.0 and above > math.sqrt(_FAR))

    def _takes_larger_steps(self):
        return not self._may_die()

    def _automatic_rate(self, schedule, n_batches):
        """Return Adam's rate, or None, which leaves it to the update rule."""
        rate = super()._automatic_rate(schedule, n_batches)
        smaller = rate is not None and self.max_iter == "auto" and self._may_die()
        return _RATE_SHARE * rate if smaller else rate

    def _objective_class(self):
        """Return the objective: the loss with corrupted input, or one of its expansions."""
        corruption = self._prefix_errors(as_corruption, self.noise, self.noise_level)
        if self.approximation == "sampled" or corruption.level == 0.0:
            return super()._objective_class()
        activation, second = self._training_activation(), self.approximation == "second_order"
        bounded = self.l2 > 0.0 or self.weight_constraint in ("unit", "max")
        derivatives = ("second_derivative", "third_derivative") if second else ("second_derivative",)
        for holds, what in (
            (type(corruption) is Gaussian, f"noise='gaussian', got {self.noise!r}"),
            (self.visible == "gaussian", f"visible='gaussian', got {self.visible!r}"),
            (bounded, "weight_constraint='unit' or 'max', or l2 > 0: it has no lower bound otherwise"),
            (second or self.solver != "lbfgs", "solver='adam' or 'sgd': it lives of new noise, got 'lbfgs'"),
            (
                all(hasattr(activation, name) for name in derivatives),
                f"an activation with {' and '.join(derivatives)}, which {activation.name!r} has not",
            ),
        ):
            if not holds:
                raise InvalidParameterError(f"{type(self).__name__}: approximation={self.approximation!r} needs {what}")
        return functools.partial(SecondOrder, noise_variance=corruption.level**2) if second else FirstOrder

    def _diagnose(self, objective, theta, batches, rng, partial=False):
        """Warn if the second-order expansion is negative, because the loss that it expands cannot be."""
        if self.approximation == "second_order" and self.loss_ < 0.0:
            return (
                f"{type(self).__name__}: the second-order expansion has fallen to {self.loss_:.4g}, while no denoising "
                "loss is negative; use a lower noise_level, approximation='sampled' or, against weights that run away, "
                "tied weights with a weight constraint",
                ConvergenceWarning,
            )
        return super()._diagnose(objective, theta, batches, rng, partial)
