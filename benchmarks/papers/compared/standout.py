"""The standout autoencoder: hidden units that a second network, tied to them, drops."""

import contextlib
import dataclasses
import functools
from typing import ClassVar

import numpy as np
from scipy.special import expit

from skae.activations import Activation, as_activation
from skae.autoencoders import BaseAutoencoder
from skae.objectives import Reconstruction


@dataclasses.dataclass(frozen=True)
class _Standout(Activation):
    """Rectified units that are kept with the probability sigmoid(alpha u + beta)."""

    alpha: float = 1.0
    beta: float = -1.0
    non_negative: ClassVar[bool] = True
    flat_below_zero: ClassVar[bool] = True
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def _probability(self, u):
        """Return the probability that a unit is kept."""
        p = np.multiply(u, float(self.alpha))
        p += float(self.beta)
        return expit(p, out=p)


class ExpectedStandout(_Standout):
    """h(u) = max(0, u) sigmoid(alpha u + beta): the expected value of a unit, for a test."""

    name = "expected_standout"

    @property
    def monotone(self):
        """Whether h never falls."""
        return self.alpha >= 0.0

    def value(self, u, out=None):
        return np.multiply(self._probability(u), np.maximum(u, 0.0), out=out)

    def derivative(self, u, h, out=None):
        p = self._probability(u)
        return np.multiply(p * (1.0 + float(self.alpha) * u * (1.0 - p)), u > 0.0, out=out)

    def potential(self, u):
        """Return the antiderivative of h, summed over the units, by parts: softplus is that of the sigmoid."""
        alpha, beta, u = float(self.alpha), float(self.beta), np.maximum(u, 0.0)
        if alpha == 0.0:
            return 0.5 * (u * u * self._probability(u)).sum(axis=-1)
        softplus, logits = as_activation("softplus"), alpha * u + beta
        risen = softplus.potential(logits) - softplus.potential(np.full_like(logits, beta))
        return ((u * softplus.value(logits)).sum(axis=-1) - risen / alpha) / alpha


@dataclasses.dataclass(frozen=True)
class DrawnStandout(_Standout):
    """h(u) = max(0, u) m with m ~ Bernoulli(sigmoid(alpha u + beta)), for training.

    The seed fixes uniform numbers, one for each entry of u. So h(u) = u where u is larger than a threshold, else 0:
    with alpha > 0, these are "trec" units with a random threshold, max(0, t), where t has a logistic distribution with
    mean -beta / alpha and scale 1 / alpha. Derivatives take the thresholds as constants.
    """

    seed: int = 0
    name: ClassVar[str] = "drawn_standout"
    continuous: ClassVar[bool] = False
    monotone: ClassVar[bool] = False

    def value(self, u, out=None):
        kept = np.random.default_rng(self.seed).random(u.shape, dtype=u.dtype) < self._probability(u)
        return np.multiply(np.maximum(u, 0.0), kept, out=out)

    def derivative(self, u, h, out=None):
        return np.greater(h, 0.0, out=np.empty_like(u) if out is None else out)


class StandoutReconstruction(Reconstruction):
    """Reconstruction in which the seed of each batch draws which units are kept.

    The activation is an `ExpectedStandout`. The target is a pair of the rows to reconstruct, or None, and a seed.
    """

    uses_seed = True

    def value_and_grad(self, theta, X, target=None, sample_weight=None, **options):
        with self._drawn(target) as rows:
            return super().value_and_grad(theta, X, rows, sample_weight, **options)

    def losses_at(self, theta):
        losses = super().losses_at(theta)

        def drawn_losses(X, target=None, sample_weight=None, **options):
            with self._drawn(target) as rows:
                return losses(X, rows, sample_weight, **options)

        return drawn_losses

    @contextlib.contextmanager
    def _drawn(self, target):
        """Within the context the units are drawn; yield the rows to reconstruct."""
        rows, seed = target
        expected = self.activation
        self.activation = DrawnStandout(expected.alpha, expected.beta, seed)
        try:
            yield rows
        finally:
            self.activation = expected


class StandoutAutoencoder(BaseAutoencoder):
    """Autoencoder with adaptive dropout of its hidden units.

    Ba and Frey, "Adaptive dropout for training deep neural networks", NIPS 2013: a belief network keeps unit k with a
    probability that depends on the input. Here it shares the autoencoder's weights, and has no others::

        r(x) = sum_k m_k max(0, u_k) w_k + c,    u_k = w_k.x + b_k,    m_k ~ Bernoulli(sigmoid(alpha u_k + beta))

    Training draws m anew for each batch, and its gradient takes m as constant. Everything else takes the expectation
    of m. ZAE 4.1 has alpha = 1 and beta = -1. They are in the unit of u, so features should have a root mean variance
    near 1.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    alpha, beta : float
        Slope and offset of the probability to keep a unit.
    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
        The code: the expected value, max(0, W x) as in ZAE 4.1, max(0, W x + b), or W x.
    hidden_bias, init, solver, batch_size, learning_rate_init, max_iter, tol, early_stopping, random_state
        As in `skae.ContractiveAutoencoder`. The automatic rate of adam is 0.01 for short fits too: with three times as
        much, the drawn units keep the loss high until the rate falls.
    """

    _takes_larger_steps = False

    def __init__(
        self,
        n_components=256,
        *,
        alpha=1.0,
        beta=-1.0,
        encoding="natural",
        hidden_bias=True,
        init="auto",
        solver="adam",
        batch_size="auto",
        learning_rate_init="auto",
        max_iter="auto",
        tol=1e-3,
        early_stopping=False,
        random_state=None,
    ):
        self.n_components, self.alpha, self.beta = n_components, alpha, beta
        self.encoding, self.hidden_bias, self.init = encoding, hidden_bias, init
        self.solver, self.batch_size, self.learning_rate_init = solver, batch_size, learning_rate_init
        self.max_iter, self.tol, self.early_stopping = max_iter, tol, early_stopping
        self.random_state = random_state

    @property
    def activation(self):
        """The units of the fitted model."""
        return ExpectedStandout(self.alpha, self.beta)

    def _objective_class(self):
        return functools.partial(StandoutReconstruction, visible=self.visible)
