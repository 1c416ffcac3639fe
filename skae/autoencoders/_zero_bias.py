"""ZeroBiasAutoencoder."""

from __future__ import annotations

from numbers import Real
from typing import Literal

import numpy as np

from skae._sklearn_compat import Interval, StrOptions
from skae._typing import Encoding, Init, RandomState, Schedule, Solver, WeightConstraint
from skae.activations import as_activation
from skae.autoencoders._base import BaseAutoencoder
from skae.autoencoders._docstrings import fill_parameters
from skae.training import FEW_ROWS, dead_units


@fill_parameters
class ZeroBiasAutoencoder(BaseAutoencoder):
    """Autoencoder whose units select by a threshold and represent linearly, without hidden bias (ZAE).

    Minimises the squared error alone, over the mean of the samples (ZAE eq. 4 and 5)::

        |x - r(x)|^2/2,    r(x) = sum_k h(w_k.x) w_k + c
        h(u) = u where u > threshold, else 0         activation="trec"
        h(u) = u where u^2 > threshold, else 0       activation="tlin"

    The threshold keeps the model from learning the identity; it serves training only. The code that `transform`
    returns is max(0, W x), without threshold and bias. Scaling X by a constant scales the codes by it, and changes
    nothing else; the model does see where X lies, so take the mean off the data first (`PCAWhitener` does,
    `ContrastNormalizer` sample by sample).

    Parameters
    ----------
    {n_components}

    activation : {"trec", "tlin"}, default="trec"
        Truncated rectified units, active on a cone, or truncated linear ones, active on both sides.

    threshold : float, default=1.0
        In units of the root mean variance of the features (for "tlin" of its square), so that on whitened data
        it is the paper's theta. `threshold_` has X's unit. The paper's data without whitening are contrast-normalised
        pixels, not rescaled: on CIFAR-10, at 99 % of the variance, 1 is its theta = 2.18.

    l2 : float, default=0.0
        Strength of l2/2 times the sum of the squared weights, in units of the mean variance of the features.

    {tied_weights}

    {weight_constraint}

    {max_norm}

    visible : {"gaussian"}, default="gaussian"
        Visible units: linear output with squared error.

    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="rectified"
        What `transform` returns: h(Wx), max(0, Wx) (for two values), or Wx. Training does not depend on it; it can
        be changed on a fitted estimator.

    init : {"auto", "glorot", "data", "pca"}, default="data"
        Start of the weights: random ("auto" too), random centred samples, or principal components; where these are
        too few, random. Units that start at samples stay alive, on raw data too.

    {training}

    Attributes
    ----------
    threshold_ : float
        The threshold in X's unit (for "tlin" in its square); `partial_fit` keeps that of the first rows that vary.

    dead_unit_fraction_ : float
        Fraction of the units that no training row activates (after `partial_fit`, none of the last rows).

    {attributes}

    See Also
    --------
    ContractiveAutoencoder : Units with a bias, kept from the identity by a penalty.
    skae.metrics.parseval_gap : How far the active weights are from a Parseval frame.

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

    def _activation(self):
        """The hidden units, with the threshold in X's unit once it is known."""
        return as_activation(self.activation, getattr(self, "threshold_", self.threshold))

    def _training_activation(self):
        return as_activation(self.activation, self.threshold)

    def _data_scale(self):
        """Root mean variance of the features: in this unit the threshold is what the parameter says."""
        rounding = 8.0 * np.finfo(np.float64).eps * np.abs(self.mean_)
        return float(np.sqrt(self.var_[self.var_ > rounding**2].sum() / len(self.var_))) or 1.0

    def _fitted_parameters(self, objective, theta):
        threshold = float(self.threshold) * self._scale ** (2 if self.activation == "tlin" else 1)
        return {**super()._fitted_parameters(objective, theta), "threshold_": threshold}

    def _diagnose(self, objective, theta, batches, rng, partial=False):
        self.dead_unit_fraction_ = float(dead_units(objective, theta, batches, rng).mean())
        if self.dead_unit_fraction_ > 0.5 and not (partial and batches.n_samples < FEW_ROWS):
            return (
                f"ZeroBiasAutoencoder: {self.dead_unit_fraction_:.0%} of the units are active on no training row; take "
                "the mean off the data (PCAWhitener), or use a lower threshold or fewer units",
                UserWarning,
            )
        return None
