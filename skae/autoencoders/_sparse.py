"""SparseAutoencoder."""

from __future__ import annotations

from numbers import Real
from typing import Literal

from skae._sklearn_compat import Interval
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, VisibleName, WeightConstraint
from skae.activations import Activation
from skae.autoencoders._base import BaseAutoencoder
from skae.autoencoders._docstrings import fill_parameters
from skae.penalties import Sparse


@fill_parameters
class SparseAutoencoder(BaseAutoencoder):
    """Autoencoder whose units are active on few samples (Lee et al. 2008; SPARSE eq. 12-13).

    Minimises::

        mean |x - r(x)|^2/2 + alpha sum_k KL(rho || m_k),      KL = rho log(rho/m) + (1 - rho) log((1 - rho)/(1 - m))

    with m_k the mean of h(u_k) over the batch, and -alpha sum_k log(1 - m_k) at rho = 0. The divergence is exact for
    units with values in [0, 1] (sigmoid, softmax); for relu, softplus, square, modulus and trec it continues by its
    tangent where m_k leaves [1e-4, 1 - 1e-4]. Units that can be negative are refused. ``solver="lbfgs"`` takes the
    mean over all rows.

    Parameters
    ----------
    {n_components}

    {activation}

    {threshold}

    {hidden_bias}

    alpha : float, default=0.1
        Strength of the penalty, >= 0. SPARSE minimises the squared error without the 1/2: its lambda is twice this
        alpha.

    target_activation : float, default=0.05
        Mean activation to aim at, rho, in [0, 1).

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
    skae.metrics.activation_fraction : How sparse the codes are.

    References
    ----------
    .. [1] Lee H., Ekanadham C., Ng A., "Sparse deep belief net model for visual area V2", NIPS 2008.
    .. [2] Arpit D., Zhou Y., Ngo H., Govindaraju V., "Why regularized auto-encoders learn sparse
       representation?", ICML 2016 (SPARSE).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SparseAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = SparseAutoencoder(64, max_iter=50, random_state=0).fit(X)
    >>> bool(0.02 < autoencoder.transform(X).mean() < 0.2)
    True
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "target_activation": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        activation: str | Activation = "sigmoid",
        threshold: float = 1.0,
        hidden_bias: bool = True,
        alpha: float = 0.1,
        target_activation: float = 0.05,
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
        self.alpha = alpha
        self.target_activation = target_activation
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
        return Sparse(self.alpha, self.target_activation) if self.alpha > 0 else None
