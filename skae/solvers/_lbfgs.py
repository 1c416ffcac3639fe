"""L-BFGS over all rows, which it reads one chunk at a time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from skae._typing import BatchSource, FloatArray, Objective
from skae.solvers._result import Epoch, Plateau, Result, check_finite, total_weight

# Iterations without a fall that end a fit. After fewer, the loss may still fall again.
_PATIENCE = 50

_ADVICE = "; bring the features to a common scale near 1 (StandardScaler, PCAWhitener)"


# A loss that is this share of its start, and not negative, is rounding. A lower one would end in a division by zero.
_NOTHING = 1e-30


@dataclasses.dataclass(frozen=True)
class LBFGS:
    """scipy's L-BFGS-B on the exact objective: the iterate is float64, the objective gets theta's dtype.

    A change of variables (`objective.constrain`) meets a weight constraint. ``batches(rng)`` must yield the same rows
    each time; their order may differ.

    Parameters
    ----------
    max_iter : int, default=200
        Largest number of iterations.
    tol : float, default=1e-3
        Relative fall of the loss, see `n_iter_no_change`. With 0, only the limit of precision stops the fit.
    n_iter_no_change : int, optional
        Stop when the loss has fallen by less than `tol`, relative to itself, over this number of iterations; by
        default 50.
    memory : int, default=20
        Number of corrections that L-BFGS keeps.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.objectives import Reconstruction
    >>> from skae.parameters import Layout
    >>> from skae.solvers import LBFGS
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
    >>> result = LBFGS(max_iter=20, tol=0).minimize(objective, theta, AllRows(), rng)
    >>> bool(result.loss_curve[-1] < result.loss_curve[0])
    True
    """

    max_iter: int = 200
    tol: float = 1e-3
    n_iter_no_change: int | None = None
    memory: int = 20

    def patience(self, n_batches: int) -> int:
        """Return the number of iterations without a fall of the loss after which a fit ends."""
        return _PATIENCE if self.n_iter_no_change is None else self.n_iter_no_change

    def minimize(
        self,
        objective: Objective,
        theta: FloatArray,
        batches: BatchSource,
        rng: np.random.Generator,
        *,
        on_epoch: Callable[[Epoch], bool] | None = None,
        overwrite_theta: bool = False,
    ) -> Result:
        """Minimise; see `skae.solvers`. `theta` is never overwritten: the iterate is in float64.

        Raises
        ------
        DivergenceError
            If the loss or the parameters become infinite or NaN.
        """
        dtype, curve, reason = theta.dtype, [], None
        plateau = Plateau(self.tol, self.patience(len(batches)))

        def evaluate(v):
            value, grad = _whole(objective, objective.constrain(v).astype(dtype), batches, rng)
            return value, objective.vjp(v, grad)

        v = objective.unconstrain(theta.astype(np.float64))
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            start = evaluate(v)[0]
            check_finite(start, "at the start", advice=_ADVICE)
            # scipy's stopping tests are relative to max(1, |f|). Divide f by its start, so that f does not depend on
            # the scale of the data.
            scale = abs(start) or 1.0

            def scaled(v):
                value, grad = evaluate(v)
                if not math.isfinite(value):
                    # This is above the start, which is 1, so the line search shortens its step. A far larger number
                    # would spoil the interpolation of the line search.
                    return 10.0, np.zeros_like(grad)
                return value / scale, grad / scale

            def on_iteration(intermediate_result):
                nonlocal reason
                curve.append(float(intermediate_result.fun) * scale)
                parameters = objective.constrain(intermediate_result.x).astype(dtype)
                if on_epoch is not None and on_epoch(Epoch(len(curve), curve[-1], parameters)):
                    reason = "stopped"
                elif plateau.reached(curve[-1]) or 0.0 <= intermediate_result.fun <= _NOTHING:
                    reason = "converged"
                if reason is not None:
                    raise StopIteration

            limits = {"maxiter": self.max_iter, "maxfun": 20 * self.max_iter}
            options = {**limits, "maxcor": self.memory, "ftol": 0.0, "gtol": 0.0}
            solution = minimize(scaled, v, jac=True, method="L-BFGS-B", callback=on_iteration, options=options)
        if reason is None:
            # Status 1 is the limit on iterations or evaluations. Otherwise no step lowers the loss any more.
            reason = "max_iter" if solution.status == 1 else "converged"
        theta = objective.constrain(np.asarray(solution.x)).astype(dtype)
        curve = curve or [start]
        check_finite(curve[-1], "at the end", theta, _ADVICE)
        return Result(theta, len(curve), np.array(curve), reason, {})


def _whole(objective, theta, batches, rng):
    """Return the value and the float64 gradient over all batches together."""
    mean_code = None
    if getattr(objective, "uses_mean_code", False):
        mean_code = mass = 0.0
        for X, _, sample_weight in batches(rng):
            m = total_weight(X, sample_weight)
            mean_code, mass = mean_code + m * objective.mean_code(theta, X, sample_weight), mass + m
        mean_code = mean_code / mass
    value, grad, mass = 0.0, np.zeros(theta.size), 0.0
    for X, target, sample_weight in batches(rng):
        m = total_weight(X, sample_weight)
        v, g = objective.value_and_grad(theta, X, target, sample_weight, mean_code=mean_code)
        value, grad, mass = value + m * v, grad + m * g.astype(np.float64), mass + m
    return value / mass, grad / mass
