"""The one epoch loop of the stochastic solvers, and their learning-rate schedules."""

import dataclasses
import math
from types import MappingProxyType

import numpy as np

from skae.solvers._progress import Epoch, Plateau, Result, check_finite
from skae.solvers._update_rules import UpdateRule


def _constant(step, n_steps):
    return 1.0


def _linear(step, n_steps):
    """Rise over the first 5 % of the steps, then fall linearly to (almost) zero."""
    warm_up = 0.05 * n_steps
    return min((step + 1) / warm_up if warm_up > 1 else 1.0, (n_steps - step) / max(n_steps - warm_up, 1.0), 1.0)


#: Factors on the initial learning rate, by name: functions of the step and of all steps that `max_iter` allows.
SCHEDULES = MappingProxyType({"constant": _constant, "linear": _linear})


@dataclasses.dataclass(frozen=True)
class Stochastic:
    """One update per batch, by an update rule.

    Parameters
    ----------
    update_rule : UpdateRule
        Turns gradients into steps.
    max_iter : int, default=200
        Largest number of epochs.
    tol : float, default=1e-4
        See `n_iter_no_change`; 0 never stops early.
    n_iter_no_change : int, default=10
        Stop after so many epochs in a row without a fall of the loss by `tol`, relative to its best.
    schedule : {"constant", "linear"}, default="linear"
        Key of `SCHEDULES`.
    learning_rate : float, optional
        The initial rate. If not given, the update rule's own or, where it has none, the reciprocal of the
        objective's largest curvature at the start.
    """

    update_rule: UpdateRule
    max_iter: int = 200
    tol: float = 1e-4
    n_iter_no_change: int = 10
    schedule: str = "linear"
    learning_rate: float | None = None

    def minimize(self, objective, theta, batches, rng, *, on_epoch=None, state=None):
        """Minimise; see `skae.solvers`. `state` is that of an earlier `Result`, to continue; it is not changed.

        Raises
        ------
        DivergenceError
            If the loss or the parameters become infinite or NaN.
        """
        theta = theta.copy()
        state = self._continued(theta, state)
        if self.learning_rate is not None:
            state["learning_rate"] = np.array(float(self.learning_rate))
        elif "learning_rate" not in state:
            state["learning_rate"] = np.array(self._automatic_rate(objective, theta, batches, rng))
        rate, factor, n_steps = float(state["learning_rate"]), SCHEDULES[self.schedule], self.max_iter * len(batches)
        advice = (
            f" at a learning rate of {rate:.3g}; use a lower learning_rate_init, "
            "or bring the features to a common scale near 1 (StandardScaler, PCAWhitener)"
        )
        grad, plateau, curve, reason, step = np.empty_like(theta), Plateau(self.tol, self.n_iter_no_change), [], None, 0
        # Overflow on the way to divergence is reported by check_finite, in words.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            while reason is None:
                total = mass = 0.0
                for X, target, sample_weight in batches(rng):
                    value, _ = objective.value_and_grad(theta, X, target, sample_weight, out=grad)
                    check_finite(value, len(curve) + 1, advice=advice)
                    objective.project_gradient(theta, grad)
                    self.update_rule.update(theta, grad, state, rate * factor(step, n_steps))
                    objective.project(theta)
                    batch_mass = X.shape[0] if sample_weight is None else float(sample_weight.sum())
                    total, mass, step = total + batch_mass * value, mass + batch_mass, step + 1
                curve.append(total / mass)
                check_finite(curve[-1], len(curve), theta, advice)
                if on_epoch is not None and on_epoch(Epoch(len(curve), curve[-1], theta)):
                    reason = "stopped"
                elif plateau.reached(curve[-1]):
                    reason = "converged"
                elif len(curve) == self.max_iter:
                    reason = "max_iter"
        return Result(theta, len(curve), np.array(curve), reason, state)

    def _continued(self, theta, state):
        """A copy of the state to continue from, or a fresh one where there is none that this rule can use."""
        fresh = self.update_rule.init(theta)
        if not state or set(state) - {"learning_rate"} != set(fresh):
            return fresh
        return {name: array.copy() for name, array in state.items()}

    def _automatic_rate(self, objective, theta, batches, rng):
        """The update rule's own learning rate or, where it has none, 1 / curvature."""
        if self.update_rule.learning_rate is not None:
            return self.update_rule.learning_rate
        return 1.0 / largest_curvature(objective, theta, next(iter(batches(rng))), rng)


def largest_curvature(objective, theta, batch, rng, n_iter=10):
    """Estimate the largest eigenvalue (in magnitude) of an objective's Hessian on one batch.

    Power iteration on finite differences of the gradient.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    theta : ndarray
        Where.
    batch : tuple
        X, target and sample_weight.
    rng : numpy.random.Generator
        Draws the first direction.
    n_iter : int, default=10
        Number of products.

    Returns
    -------
    float
        The estimate, at least the smallest normal number.
    """
    X, target, sample_weight = batch
    origin = objective.value_and_grad(theta, X, target, sample_weight)[1]
    radius = 1e-2 * max(float(np.linalg.norm(theta)), 1e-3)
    direction = rng.standard_normal(theta.size).astype(theta.dtype)
    curvature = math.sqrt(float(np.finfo(theta.dtype).tiny))
    for _ in range(n_iter):
        direction *= radius / np.linalg.norm(direction)
        moved = objective.value_and_grad(theta + direction, X, target, sample_weight)[1]
        direction = moved - origin
        length = float(np.linalg.norm(direction))
        if not 0.0 < length < math.inf:
            break
        curvature = length / radius
    return curvature
