"""ZeroBiasAutoencoder."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal

import numpy as np

from skae._sklearn_compat import Interval, StrOptions
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, WeightConstraint
from skae.activations import as_activation
from skae.autoencoders._base import BaseAutoencoder
from skae.training import dead_units, too_many_dead

# For max_iter="auto": this many epochs are enough, if they have this many updates.
_ENOUGH_EPOCHS, _LEAST_UPDATES = 30, 300

# Adam's automatic rate is this share of the other autoencoders'. The first weights are short, and steps must be too.
_RATE_SHARE = 0.4


class ZeroBiasAutoencoder(BaseAutoencoder):
    """Autoencoder without hidden bias: units above a threshold are active, and represent linearly (ZAE).

    Minimises the mean squared error over the samples, without a penalty (ZAE eq. 4 and 5)::

        |x - r(x)|^2/2,    r(x) = sum_k h(w_k.x) w_k + c
        h(u) = u where u > threshold, else 0         activation="trec"
        h(u) = u where u^2 > threshold, else 0       activation="tlin"

    The threshold keeps the model from learning the identity. It serves training only: `transform` returns
    max(0, W x), without threshold and bias. If X is multiplied by a constant, the codes are too, and nothing else
    changes. The mean of X does matter, so subtract it first (`PCAWhitener` does so, `ContrastNormalizer` for each
    sample).

    Nothing bounds the units, so the energy rises in directions away from the data. `score_samples` is no score for
    novelties there: take bounded units or `EnergyOutlierDetector` for these.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    activation : {"trec", "tlin"}, default="trec"
        "trec" units (truncated rectified) are active on one side of a hyperplane, "tlin" units (truncated linear) on
        two sides.

    threshold : float, default=1.0
        Threshold in units of the root mean variance of the features ("tlin": of the mean variance). On whitened data it
        is the paper's theta. `threshold_` has X's unit. The paper's data without whitening are contrast-normalised
        pixels, not rescaled: on CIFAR-10, at 99 % of the variance, 1 is its theta = 2.18. Behind a whitener 2 or 3 can
        give much better features.

    l2 : float, default=0.0
        Strength of l2/2 times the sum of the squared weights, in units of the mean variance of the features.

    tied_weights : bool, default=True
        Whether the decoder is the encoder's transpose. Only then there is a potential energy.

    weight_constraint : {"auto", "unit", "max"} or None, default="auto"
        Lengths of the decoder rows (the encoder's when tied): 1 for "unit", at most `max_norm` for "max", free for
        None. "auto" is "unit" for untied weights if a smaller encoder could evade the penalty, else None.

    max_norm : float, default=1.0
        Largest length of a row with ``weight_constraint="max"``.

    visible : {"gaussian"}, default="gaussian"
        Visible units: linear output with squared error.

    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="rectified"
        What `transform` returns: h(Wx) for "natural", Wx for "linear", max(0, Wx) for the other two. Training does not
        depend on it, so it can be changed on a fitted estimator.

    init : {"auto", "glorot", "data", "pca"}, default="data"
        Start of the weights: "glorot" and "auto" are random, "data" takes random centred samples, "pca" takes principal
        components. If there are too few of these, the other rows are random. Units that start at samples stay alive, on
        raw data too.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        "adam" and "sgd" (with momentum) update after each batch. "lbfgs" uses all rows at once, and ignores
        `batch_size`, `learning_rate`, `learning_rate_init`, `momentum`, `nesterovs_momentum` and `shuffle`.

    batch_size : int or "auto", default="auto"
        Largest number of rows in a batch. "auto" is 100, or more for wide sparse rows.

    learning_rate : {"linear", "constant"}, default="linear"
        Schedule: "linear" rises over the first 5 % of the updates that `max_iter` allows, and then falls to zero.
        `partial_fit` uses a constant rate.

    learning_rate_init : float or "auto", default="auto"
        Largest learning rate. For adam, "auto" is 0.004, but 0.005 with a constant rate. At larger rates units die. Few
        or small features need larger weights: if the standard deviations of all features, in units of their root mean
        square, sum to s < 14, 0.004 is multiplied by 14 / s, at most by ten. For sgd, start from 1 /
        (largest curvature of the objective). Try up to 100 updates at twice this rate. While the loss ends higher than
        without any update, halve the rate and try again.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    max_iter : int or "auto", default="auto"
        Largest number of epochs (iterations for lbfgs). "auto" is 200. For adam it is 30 epochs: more, up to 200, if
        they make fewer than 300 updates, and fewer, down to 10, if they make more than 6000.

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
    threshold_ : float
        Threshold in X's unit ("tlin": in its square). `partial_fit` sets it on the first rows that vary, and keeps it.

    dead_unit_fraction_ : float
        Fraction of the units that no training row activates. After `partial_fit`, no row of the last call.

    components_ : ndarray of shape (n_components, n_features)
        Encoder weights W.

    decoder_components_ : ndarray of shape (n_components, n_features)
        Decoder weights V. When tied, they are `components_` itself.

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
    ContractiveAutoencoder : Units with a bias. A penalty keeps it from learning the identity.
    skae.metrics.parseval_gap : Distance of the active weights from a Parseval frame.

    References
    ----------
    .. [1] Konda K., Memisevic R., Krueger D., "Zero-bias autoencoders and the benefits of co-adapting features",
       ICLR 2015 (ZAE).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import PCAWhitener, ZeroBiasAutoencoder
    >>> X = load_digits().data
    >>> rotation = PCAWhitener(0.99, whiten=None)
    >>> features = make_pipeline(rotation, ZeroBiasAutoencoder(100, max_iter=50, random_state=0))
    >>> features.fit_transform(X).shape
    (1797, 100)
    """

    threshold_: float
    dead_unit_fraction_: float

    hidden_bias = False

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "activation": [StrOptions({"trec", "tlin"})],
        "threshold": [Interval(Real, 0, None, closed="left")],
        "visible": [StrOptions({"gaussian"})],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        activation: Literal["trec", "tlin"] = "trec",
        threshold: float = 1.0,
        l2: float = 0.0,
        tied_weights: bool = True,
        weight_constraint: WeightConstraint | None = "auto",
        max_norm: float = 1.0,
        visible: Literal["gaussian"] = "gaussian",
        encoding: Encoding = "rectified",
        init: Init = "data",
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

    def _automatic_rate(self, schedule, n_batches):
        """Return Adam's rate, or None, which leaves it to the update rule. At larger rates, units die."""
        rate = super()._automatic_rate(schedule, n_batches)
        return None if rate is None else _RATE_SHARE * rate

    def _n_epochs(self, n_batches):
        """Return `max_iter` as a number. Longer fits to few rows lower the loss, but denoise other rows worse."""
        n_epochs = super()._n_epochs(n_batches)
        if self.max_iter != "auto" or self.solver != "adam":
            return n_epochs
        return min(n_epochs, max(_ENOUGH_EPOCHS, math.ceil(_LEAST_UPDATES / n_batches)))

    def _activation(self):
        """Return the hidden units, with the threshold in X's unit once that is known."""
        return as_activation(self.activation, getattr(self, "threshold_", self.threshold))

    def _takes_larger_steps(self):
        return False

    def _training_activation(self):
        return as_activation(self.activation, self.threshold)

    def _data_scale(self):
        """Return the root mean variance of the features, in whose units the parameter `threshold` is given."""
        rounding = 8.0 * np.finfo(np.float64).eps * np.abs(self.mean_)
        return float(np.sqrt(self.var_[self.var_ > rounding**2].sum() / len(self.var_))) or 1.0

    def _fitted_parameters(self, objective, theta):
        threshold = float(self.threshold) * self._scale ** (2 if self.activation == "tlin" else 1)
        return {**super()._fitted_parameters(objective, theta), "threshold_": threshold}

    def _diagnose(self, objective, theta, batches, rng, partial=False):
        self.dead_unit_fraction_ = float(dead_units(objective, theta, batches, rng).mean())
        if too_many_dead(self.dead_unit_fraction_, batches.n_samples, partial):
            return (
                f"ZeroBiasAutoencoder: {self.dead_unit_fraction_:.0%} of the units are active on no training row; take "
                "the mean off the data (PCAWhitener), or use a lower threshold or fewer units",
                UserWarning,
            )
        return None
