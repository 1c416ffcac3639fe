"""ContractiveAutoencoder."""

from __future__ import annotations

from numbers import Real
from typing import Literal

from skae._sklearn_compat import Interval
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, VisibleName, WeightConstraint
from skae.activations import Activation
from skae.autoencoders._base import BaseAutoencoder
from skae.autoencoders._docstrings import fill_parameters
from skae.penalties import Penalty, as_penalty


@fill_parameters
class ContractiveAutoencoder(BaseAutoencoder):
    """Autoencoder with a penalty on the slope of its code (Rifai et al. 2011; ENERGY section 3).

    Minimises, over the mean of the samples::

        |x - r(x)|^2/2 + alpha sum_k h'(u_k)^2 |w_k|^2       penalty="contractive" (SPARSE eq. 9, ENERGY eq. 40)
        |x - r(x)|^2/2 + alpha sum_k h'(u_k) |w_k|^2         penalty="laplacian"   (ENERGY eq. 39)

    with u = W x + b and r(x) = V^T h(u) + c, V = W when tied. ``alpha=0`` is the plain autoencoder, for every
    activation; alpha > 0 needs an elementwise one. SPARSE and ENERGY minimise the squared error without the
    1/2: their lambda is twice this alpha.

    Parameters
    ----------
    {n_components}

    {activation}

    {threshold}

    {hidden_bias}

    penalty : {"contractive", "laplacian"} or Penalty, default="contractive"
        The penalty. "laplacian" makes the training points sinks of the reconstruction dynamics; it needs tied
        weights, gaussian visible units and a non-decreasing activation, and makes alpha a floor on the
        variance that the model can see (0.01 to 0.5 on standardised data). Another one is an instance of
        `skae.penalties.Penalty`, whose own strength alpha replaces.

    alpha : float, default=0.1
        Strength of the penalty, >= 0, relative to the squared error, so it goes with the square of X's scale:
        the default suits features of variance near 1; pixels in [0, 1] want about 0.03; patches of images behind
        ``PCAWhitener(0.9)`` want about 1, with ``learning_rate_init=0.1``.

    {l2}

    {tied_weights}

    {weight_constraint}

    {max_norm}

    {visible}

    {encoding}

    {init}

    {training}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    sklearn.neural_network.BernoulliRBM : A stochastic relative, for binary data.
    sklearn.decomposition.PCA : What ``activation="identity", alpha=0`` comes down to.

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
        "alpha": [Interval(Real, 0, None, closed="left")],
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
        """The penalty, or None where alpha is zero."""
        penalty = self._named(as_penalty, self.penalty, self.alpha)
        return penalty if self.alpha > 0 else None
