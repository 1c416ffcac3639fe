"""SaturatingAutoencoder."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal

import numpy as np

from skae._sklearn_compat import Interval, StrOptions
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, VisibleName, WeightConstraint
from skae.activations import Activation
from skae.autoencoders._base import BaseAutoencoder
from skae.complements import complement
from skae.penalties import Saturation
from skae.training import constant_units, too_many_dead


class SaturatingAutoencoder(BaseAutoencoder):
    """Autoencoder with a penalty that pushes units to where they are flat (Goroshin and LeCun 2013; SAT).

    Minimises the mean over the samples of (SAT eq. 2)::

        |x - r(x)|^2/2 + alpha sum_k complement(u_k)

    with u = W x + b and r(x) = V^T h(u) + c. The complement of h is the distance of u to where h is flat (SAT eq. 1).
    If h is flat at infinity only, the complement is the average variation of h around u (eq. 3).

    A unit that is flat at a sample does not change as x moves away. The squared error then grows, so few points off the
    data are reconstructed well. With relu and shrink, the penalty is the L1 norm of the code (SAT 3.2). With satlinear,
    it drives the code to -1 and 1.

    A fit begins at alpha = 0 and raises it in `alpha_steps` equal steps. Each step starts where the last one has ended
    (SAT 4). The reason is that a unit that is flat on all samples learns no more, and a strong penalty could silence
    units before they have learned anything. Weak penalties do not need the steps: there the shorter last stage costs a
    few per cent of the loss.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    activation : str or Activation, default="shrink"
        Hidden units h. "shrink", "relu", "satlinear", "trec" and "tlin" have a flat region. "sigmoid", "tanh" and
        "softplus" take SAT eq. 3, and so does an instance of `skae.activations.Activation`. Such an instance must be
        continuous, and name the places where its slope jumps (`kinks`). Not far out, its slope must be constant to
        either side, and zero to one side at least: arctan settles too slowly.

    threshold : float, default=1.0
        Threshold of the activation, if it has one (theta of "trec" and "tlin", lambda of "shrink").

    hidden_bias : bool, default=True
        Whether the hidden units have a bias. The bias of "max" units follows from the weights, so `False` is refused
        there.

    alpha : float, default=0.1
        Strength of the penalty, >= 0; SAT's alpha. It is relative to the squared error, so a good value grows with X's
        scale.

    alpha_steps : int, default=10
        Number of equal steps from 0 to alpha. 0 trains with alpha at once. The last stage, at alpha, has half of the
        epochs of `max_iter`. The others share the rest; if that is less than one epoch each, there are fewer steps.
        When ``warm_start`` continues from a fit, and in `partial_fit`, there is one stage, at alpha.

    complement_scale : float, default=None
        None takes eq. 1 if the activation has a flat region, else eq. 3 at scale 1. A number, at least 0.01, takes
        eq. 3 at that scale: how far around u the variation counts, in units of u. Eq. 3 is read from a table, which
        takes a third of the time of a matrix product with 784 features.

    l2 : float, default=0.0
        Strength of l2/2 times the sum of the squared weights.

    tied_weights : bool or "auto", default="auto"
        Whether the decoder is the encoder's transpose. "auto" ties units that are at most 1 (satlinear, sigmoid, tanh).
        As in SAT, it gives the others (shrink, relu, trec, tlin, softplus) a decoder of their own, with rows of unit
        length. SAT also has bounded units with an unconstrained decoder of their own (figure 3, section 3.3): take
        ``tied_weights=False, weight_constraint=None`` for that.

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
        batches in an epoch. Together they multiply it at most by ten. For sgd, start from 1 / (largest curvature of
        the objective). Try up to 100 updates at twice this rate. While the loss ends higher than without any update,
        halve the rate and try again.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    max_iter : int or "auto", default="auto"
        Largest number of epochs (iterations for lbfgs). "auto" is 200. For adam it is the number of epochs that make
        6000 updates, but from 20 to 100: up to 200 if 100 make fewer than 900,
        or if few or small features need larger weights (see `learning_rate_init`).

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
    dead_unit_fraction_ : float
        Fraction of the units whose code is the same on all training rows. After `partial_fit`, on the rows of the last
        call. For relu and shrink, these are the units that are never active, as in `skae.metrics.dead_unit_fraction`.

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
    regularization_path : The fits along a range of alphas.
    SparseAutoencoder : A penalty on the mean code, in place of the L1 norm.
    skae.complements.complement : The complement of any activation.

    Notes
    -----
    With tied weights, `score_samples` is the potential. With untied weights, r(x) - x is no gradient, so there is no
    potential. `score_samples` is then minus SAT's energy, -|x - r(x)|^2/2, which the penalty shapes.

    References
    ----------
    .. [1] Goroshin R., LeCun Y., "Saturating auto-encoders", ICLR 2013 (SAT).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SaturatingAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = SaturatingAutoencoder(64, activation="relu", alpha=0.1, max_iter=60, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 64)
    """

    dead_unit_fraction_: float

    _fewest_epochs = 20  # one for each of ten steps of alpha, and as many at the last one

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "alpha_steps": [Interval(Integral, 0, None, closed="left")],
        "complement_scale": [Interval(Real, 0.01, None, closed="left"), None],
        "tied_weights": [StrOptions({"auto"}), "boolean"],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        activation: str | Activation = "shrink",
        threshold: float = 1.0,
        hidden_bias: bool = True,
        alpha: float = 0.1,
        alpha_steps: int = 10,
        complement_scale: float | None = None,
        l2: float = 0.0,
        tied_weights: bool | Literal["auto"] = "auto",
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
        self.alpha = alpha
        self.alpha_steps = alpha_steps
        self.complement_scale = complement_scale
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

    def _tied(self):
        return bool(self._activation().at_most_one if self.tied_weights == "auto" else self.tied_weights)

    def _automatic_rate(self, schedule, n_batches):
        """Return None under a penalty, for Adam's own rate. At larger rates, units that the penalty makes flat die."""
        return None if self.alpha > 0.0 else super()._automatic_rate(schedule, n_batches)

    def _penalty(self):
        """Return the penalty at its full strength, or None if alpha is zero."""
        if self.alpha == 0:
            return None
        if self.complement_scale is not None:  # raises an error if there is none
            self._prefix_errors(complement, self._activation(), np.zeros(1), self.complement_scale)
        return self._prefix_errors(Saturation, self.alpha, self.complement_scale)

    def _penalties(self):
        """Return penalties of rising strength, from 0, one for each stage."""
        automatic = self.max_iter == "auto" and self.solver == "adam"
        least = self._fewest_epochs if automatic else self._n_epochs(1)
        penalty, n_steps = self._penalty(), min(self.alpha_steps, least // 2)
        if penalty is None or n_steps == 0 or (self.warm_start and hasattr(self, "components_")):
            return [penalty]
        alphas = np.linspace(0.0, penalty.alpha, n_steps + 1)
        return [Saturation(alpha, penalty.scale) for alpha in alphas]

    def _diagnose(self, objective, theta, batches, rng, partial=False):
        self.dead_unit_fraction_ = float(constant_units(objective, theta, batches, rng).mean())
        if too_many_dead(self.dead_unit_fraction_, batches.n_samples, partial):
            return (
                f"SaturatingAutoencoder: {self.dead_unit_fraction_:.0%} of the units have the same code on all "
                "training rows; use a lower alpha or threshold, more alpha_steps, fewer units, or features of a common "
                "scale near 1",
                UserWarning,
            )
        return None
