"""ContractiveAutoencoder."""

from __future__ import annotations

from numbers import Real
from typing import Literal

from skae._sklearn_compat import Interval, InvalidParameterError
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, VisibleName, WeightConstraint
from skae.activations import Activation, Sigmoid, Tanh
from skae.autoencoders._base import BaseAutoencoder
from skae.penalties import Penalty, as_penalty


class ContractiveAutoencoder(BaseAutoencoder):
    """Autoencoder with a penalty on the slope of its code (Rifai et al. 2011; ENERGY section 3).

    Minimises the mean over the samples of::

        |x - r(x)|^2/2 + alpha sum_k h'(u_k)^2 |w_k|^2       penalty="contractive" (SPARSE eq. 9, ENERGY eq. 40)
        |x - r(x)|^2/2 + alpha sum_k h'(u_k) |w_k|^2         penalty="laplacian"   (ENERGY eq. 39)

    with u = W x + b and r(x) = V^T h(u) + c, where V = W when tied. ``alpha=0`` is the plain autoencoder, for every
    activation. alpha > 0 needs an elementwise activation. SPARSE and ENERGY minimise the squared error without the
    1/2, so their lambda is twice this alpha.

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

    penalty : {"contractive", "laplacian"} or Penalty, default="contractive"
        The penalty. "laplacian" makes the training points sinks of the reconstruction dynamics. It needs tied
        weights, gaussian visible units and a non-decreasing activation. Its alpha is the smallest variance that the
        model can see: on standardised data, use 0.01 to 0.5. For another penalty, pass an instance of
        `skae.penalties.Penalty`: alpha replaces its own strength.

    alpha : float, default=0.1
        Strength of the penalty. It is relative to the squared error, so a good value grows with the square of
        X's scale. The default suits features of variance near 1. Pixels in [0, 1] want about 0.03. Patches of images
        behind ``PCAWhitener(0.9)`` want about 1, with ``learning_rate_init=0.1``. A negative alpha rewards a steep code
        ("uncontraction", ZAE figure 4). It needs ``penalty="contractive"``, the activation "sigmoid" or "tanh", tied
        weights, and ``weight_constraint="unit"`` or "max". See the notes.

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
        batches in an epoch. Together they multiply it at most by ten. For sgd, start from 1 / (largest curvature of
        the objective). Try up to 100 updates at twice this rate. While the loss ends higher than without any update,
        halve the rate and try again.

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
    sklearn.neural_network.BernoulliRBM : A stochastic relative, for binary data.
    sklearn.decomposition.PCA : ``activation="identity", alpha=0`` finds the same subspace.

    Notes
    -----
    With alpha < 0 and free weights, the objective can fall without limit. Take one sigmoid unit and a row x_0 at a
    corner of the data. Let w = s a, with a.x < a.x_0 for all other rows, and choose the bias so that h(u) = p at x_0.
    As s grows, h tends to 0 at the other rows. At x_0, the squared error rises by s^2 p^2 / 2, and the reward by
    -alpha s^2 p^2 (1 - p)^2. For small p, the reward wins if alpha < -1/2. If the data are constant in direction a, the
    visible bias takes the error away, so the reward wins for every alpha < 0. Rows of length m at most bound the
    reward: h' <= 1/4 for "sigmoid" and h' <= 1 for "tanh". So the objective is at least alpha m^2 n_components / 16, or
    alpha m^2 n_components. With untied weights the constraint is on the decoder rows, and the encoder rows could grow.

    References
    ----------
    .. [1] Rifai S., Vincent P., Muller X., Glorot X., Bengio Y., "Contractive auto-encoders: explicit invariance
       during feature extraction", ICML 2011.
    .. [2] Kamyshanska H., Memisevic R., "The potential energy of an autoencoder", IEEE TPAMI 37(6), 2015 (ENERGY).
    .. [3] Arpit D., Zhou Y., Ngo H., Govindaraju V., "Why regularized auto-encoders learn sparse
       representation?", ICML 2016 (SPARSE).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(64, alpha=0.05, max_iter=50, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 64)
    >>> autoencoder.score_samples(X).shape
    (1797,)
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "penalty": [str, Penalty],
        "alpha": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        activation: str | Activation = "sigmoid",
        threshold: float = 1.0,
        hidden_bias: bool = True,
        penalty: str | Penalty = "contractive",
        alpha: float = 0.1,
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
        self.penalty = penalty
        self.alpha = alpha
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
        """Return the penalty, or None if alpha is zero."""
        penalty = self._prefix_errors(as_penalty, self.penalty, self.alpha)
        if self.alpha < 0 and not self._is_bounded():
            raise InvalidParameterError(
                f"{type(self).__name__}: alpha must be >= 0, got {self.alpha}; a negative one needs "
                "penalty='contractive', activation='sigmoid' or 'tanh', tied_weights=True and weight_constraint='unit' "
                f"or 'max', or the objective has no lower bound; got penalty={self.penalty!r}, "
                f"activation={self.activation!r}, tied_weights={self.tied_weights!r}, "
                f"weight_constraint={self.weight_constraint!r}"
            )
        return penalty if self.alpha != 0 else None

    def _is_bounded(self):
        """Return whether the objective has a lower bound with a negative alpha: h' and the rows of W are bounded."""
        bounded_slope = isinstance(self._training_activation(), Sigmoid | Tanh)
        return bounded_slope and self._tied() and self.weight_constraint in ("unit", "max")
