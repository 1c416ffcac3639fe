"""The one epoch loop of the stochastic solvers."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

import numpy as np

from skae._typing import Array, BatchOfRows, BatchSource, FloatArray, Objective
from skae.solvers._result import DivergenceError, Epoch, Plateau, Result, check_finite, total_weight
from skae.solvers._schedules import SCHEDULES, falling
from skae.solvers._update_rules import UpdateRule

# The search for a learning rate tries each rate for this many updates.
_TRIAL_STEPS = 100

# The search halves the rate at most this many times.
_MAX_TRIALS = 40

# If no rate lowers the loss, the largest one is taken that raises it by no more than this share of itself. On rows that
# are mostly noise, updates on some batches raise the loss on others a little.
_NOISE = 0.01

# A fit that may restart does so, at this share of the rate, when the loss of an epoch is so many times the first one.
_DIVERGED, _LOWER = 3.0, 1.0 / 3.0

# Epochs, and updates, without a fall of the loss that end a fit. After fewer, the loss may still fall again.
_PATIENT_EPOCHS, _PATIENT_UPDATES = 10, 1000


@dataclasses.dataclass(frozen=True)
class Stochastic:
    """One update per batch, by an update rule.

    Parameters
    ----------
    update_rule : UpdateRule
        The rule that turns gradients into steps.
    max_iter : int, default=200
        Largest number of epochs.
    tol : float, default=1e-3
        Relative fall of the loss, see `n_iter_no_change`. With 0, the fit never stops early.
    n_iter_no_change : int, optional
        The fit stops when the loss has fallen by less than `tol`, relative to itself, over this number of epochs. With
        a constant rate it stops at once. Otherwise the rate first falls to zero, over the same number of epochs. The
        default is 10 epochs, or the number of epochs that make 1000 updates if that is larger.
    schedule : {"constant", "linear"}, default="linear"
        Key of `SCHEDULES`.
    learning_rate : float, optional
        The initial rate. By default, the update rule's own. If the rule has none, the fit searches for a rate, from
        1 / (largest curvature of the objective at the start). It tries up to 100 updates at twice this rate. While the
        trial ends with a higher loss than without any update, it halves the rate and tries again.
    may_restart : bool, default=False
        Whether a fit that diverges starts anew at a third of the rate. It diverges if the loss of an epoch is three
        times that of the first. The epochs before count, and stay in the curve of losses.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.solvers import Adam, Stochastic
    >>> class AllRows:
    ...     mean_weight = 50
    ...
    ...     def __len__(self):
    ...         return 1
    ...
    ...     def __call__(self, rng):
    ...         yield X, None, None
    ...
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 3))
    >>> objective = Reconstruction(Layout(W=(2, 3), b=(2,), c=(3,)), as_activation("tanh"))
    >>> theta = 0.1 * rng.standard_normal(objective.layout.size)
    >>> result = Stochastic(Adam(), max_iter=20, tol=0).minimize(objective, theta, AllRows(), rng)
    >>> result.n_iter, bool(result.loss_curve[-1] < result.loss_curve[0])
    (20, True)
    """

    update_rule: UpdateRule
    max_iter: int = 200
    tol: float = 1e-3
    n_iter_no_change: int | None = None
    schedule: str = "linear"
    learning_rate: float | None = None
    may_restart: bool = False

    def patience(self, n_batches: int) -> int:
        """Return the number of epochs (of `n_batches` each) without a fall of the loss after which a fit ends."""
        if self.n_iter_no_change is not None:
            return self.n_iter_no_change
        return max(_PATIENT_EPOCHS, math.ceil(_PATIENT_UPDATES / n_batches))

    def minimize(
        self,
        objective: Objective,
        theta: FloatArray,
        batches: BatchSource,
        rng: np.random.Generator,
        *,
        on_epoch: Callable[[Epoch], bool] | None = None,
        state: dict[str, Array] | None = None,
        overwrite_theta: bool = False,
    ) -> Result:
        """Minimise; see `skae.solvers`. To continue a fit, pass the `state` of its `Result`, which is not changed.

        With `overwrite_theta`, the result's parameters may be `theta` itself, changed in place.

        Raises
        ------
        DivergenceError
            If the loss or the parameters become infinite or NaN.
        """
        theta, grad = theta if overwrite_theta else theta.copy(), np.empty_like(theta)
        state = self._continued(theta, state)
        start = theta.copy() if self.may_restart and self.max_iter > 1 else None
        patience = self.patience(len(batches))
        plateau, factor, n_steps = Plateau(self.tol, patience), SCHEDULES[self.schedule], 0
        total, last, converged, reason = self.max_iter * len(batches), self.max_iter, False, None
        curve: list[float] = []
        first = 0  # epoch since the last start
        # On the way to divergence numbers overflow; check_finite reports it in words.
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            rate = self._rate(objective, theta, batches, rng, state)
            searched = "learning_rate" in state
            while reason is None:
                values, weights = [], []
                for batch in batches(rng):
                    step_rate = float(rate * factor(n_steps, total))
                    values.append(self._step(objective, theta, grad, state, batches, batch, step_rate))
                    weights.append(total_weight(batch[0], batch[2]))
                    check_finite(values[-1], f"of epoch {len(curve) + 1}", advice=_advice(rate))
                    n_steps += 1
                curve.append(float(np.dot(values, weights) / sum(weights)))  # np.average takes ten times as long
                check_finite(curve[-1], f"of epoch {len(curve)}", theta, _advice(rate))
                if on_epoch is not None and on_epoch(Epoch(len(curve), curve[-1], theta)):
                    reason = "stopped"
                elif len(curve) == last:
                    reason = "converged" if converged else "max_iter"
                elif start is not None and curve[-1] > curve[first] + (_DIVERGED - 1.0) * abs(curve[first]):
                    theta[:], first, plateau = start, len(curve), Plateau(self.tol, patience)
                    rate *= _LOWER
                    state = self.update_rule.init(theta) | ({"learning_rate": np.array(rate)} if searched else {})
                elif not converged and plateau.reached(curve[-1]):
                    converged, last = True, self._last_epoch(len(curve), patience)
                    factor = falling(factor(n_steps, total), n_steps, last * len(batches))
                    reason = "converged" if last == len(curve) else None
        return Result(theta, len(curve), np.array(curve), reason, state)

    def _last_epoch(self, n_epochs, patience):
        """Return the last epoch of a fit whose loss no longer falls; a constant rate ends it now.

        Otherwise the rate falls for `patience` more epochs, so that the noise that it causes settles.
        """
        return n_epochs if self.schedule == "constant" else min(n_epochs + patience, self.max_iter)

    def _step(self, objective, theta, grad, state, batches, batch, rate):
        """Update theta and state in place by one batch; return the objective's value before the update."""
        X, target, sample_weight = batch
        value, _ = objective.value_and_grad(theta, X, target, sample_weight, out=grad)
        objective.project_gradient(theta, grad)
        if sample_weight is not None:
            # The mean over the batch counts in proportion to the batch's share of the epoch's weight.
            grad *= total_weight(X, sample_weight) / batches.mean_weight
        self.update_rule.update(theta, grad, state, rate)
        objective.project(theta)
        return value

    def _continued(self, theta, state):
        """Return a copy of the state, or a fresh state if this rule cannot use the one given."""
        fresh = self.update_rule.init(theta)
        if not state or any(name not in state or state[name].shape != fresh[name].shape for name in fresh):
            return fresh
        return {name: array.copy() for name, array in state.items()}

    def _rate(self, objective, theta, batches, rng, state):
        """Return the first that exists: the given rate, the rule's own, the one in `state`, the result of a search."""
        carried = state.pop("learning_rate", None)
        for rate in (self.learning_rate, self.update_rule.learning_rate):
            if rate is not None:
                return float(rate)
        rate = self._automatic_rate(objective, theta, batches, rng) if carried is None else float(carried)
        state["learning_rate"] = np.array(rate)
        return rate

    def _automatic_rate(self, objective, theta, batches, rng):
        """Return the largest learning rate that works, among 1 / curvature at the start and its repeated halves.

        The curvature may grow during training. So the trial uses twice the rate. It must not end with a higher loss
        than without any update, over the same batches.
        """
        (trial_rng,) = rng.spawn(1)
        seed = int(trial_rng.integers(2**63))
        n_steps = min(_TRIAL_STEPS, max(self.max_iter * len(batches), _TRIAL_STEPS // 5))
        n_last = n_steps // 10

        def drawn(start=0):
            """Return the batches of a trial, from number `start` on."""
            draw = np.random.default_rng(seed)
            epochs = itertools.chain.from_iterable(batches(draw) for _ in itertools.count())
            return itertools.islice(epochs, start, n_steps)

        rate = 1.0 / largest_curvature(objective, theta, next(iter(batches(trial_rng))), trial_rng)
        without = np.mean([objective.value_and_grad(theta, *batch)[0] for batch in drawn(n_steps - n_last)])
        tolerable = None
        for _ in range(_MAX_TRIALS):
            end = np.mean(self._trial(objective, theta, batches, drawn(), 2.0 * rate)[-n_last:])
            if math.isfinite(end) and end <= without:
                return rate
            if tolerable is None and math.isfinite(end) and end <= without + _NOISE * abs(without):
                tolerable = rate
            rate /= 2.0
        if tolerable is not None:
            return tolerable
        raise DivergenceError(
            f"training diverges even at a learning rate of {rate:.3g}; bring the features to a common scale near 1 "
            "(StandardScaler, PCAWhitener)"
        )

    def _trial(self, objective, theta, batches, drawn, rate):
        """Return the values of a trial of updates from theta, or [inf] if one is not finite; theta is not changed."""
        theta, grad, state = theta.copy(), np.empty_like(theta), self.update_rule.init(theta)
        values = []
        for batch in drawn:
            values.append(self._step(objective, theta, grad, state, batches, batch, rate))
            if not math.isfinite(values[-1]):
                return [math.inf]
        return values


def _advice(rate):
    """Return what a user can do about divergence."""
    return (
        f" at a learning rate of {rate:.3g}; use a lower learning_rate_init, "
        "or bring the features to a common scale near 1 (StandardScaler, PCAWhitener)"
    )


def largest_curvature(
    objective: Objective, theta: FloatArray, batch: BatchOfRows, rng: np.random.Generator, n_iter: int = 10
) -> float:
    """Estimate the largest eigenvalue (in magnitude) of an objective's Hessian on one batch.

    It runs power iteration on finite differences of the gradient.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    theta : ndarray
        Parameters at which to estimate it.
    batch : tuple
        X, target and sample_weight.
    rng : numpy.random.Generator
        Draws the first direction.
    n_iter : int, default=10
        Number of products of the Hessian with a direction.

    Returns
    -------
    float
        The estimate. It is 1 if there is no curvature or the first product overflows.
    """
    X, target, sample_weight = batch

    def gradient(theta):
        return objective.value_and_grad(theta, X, target, sample_weight)[1]

    origin = gradient(theta)
    # Move each parameter by about a hundredth of a typical one. The median ignores a few large biases.
    radius = 1e-2 * math.sqrt(theta.size) * (float(np.median(np.abs(theta))) or 1e-3)
    direction = objective.random_direction(rng).astype(theta.dtype)
    curvature = 1.0
    for _ in range(n_iter):
        direction *= radius / _norm(direction)
        direction = gradient(theta + direction) - origin
        length = _norm(direction)
        if not 0.0 < length < math.inf:
            break
        curvature = length / radius
    return curvature


def _norm(vector):
    """Return the Euclidean norm, computed in float64."""
    return float(np.linalg.norm(vector.astype(np.float64)))
