"""Solvers: minimise an objective over batches. They know only the objective's protocol, not the autoencoders.

The method ``minimize(objective, theta, batches, rng, *, on_epoch=None, overwrite_theta=False)`` of `Stochastic` and
`LBFGS` returns a `Result`.

- ``objective``: see `skae.objectives`.
- ``theta``: the flat starting vector. The solver does not change it, unless ``overwrite_theta`` is true.
- ``batches``: a callable. ``batches(rng)`` yields the ``len(batches)`` batches of one epoch, each a tuple
  ``(X, target, sample_weight)``. Target and sample_weight may be None. With sample weights, ``batches.mean_weight`` is
  the mean weight of a batch.
- ``rng``: a `numpy.random.Generator`.
- ``on_epoch``: called with an `Epoch` after each epoch. If it returns a true value, the fit ends.

A new update rule is a subclass of `UpdateRule` that defines ``init`` and ``update``, with explicit state.
"""

from skae.solvers._lbfgs import LBFGS
from skae.solvers._result import DivergenceError, Epoch, Result
from skae.solvers._result import Plateau as Plateau
from skae.solvers._result import check_finite as check_finite
from skae.solvers._result import total_weight as total_weight
from skae.solvers._schedules import SCHEDULES
from skae.solvers._stochastic import Stochastic
from skae.solvers._update_rules import SGD, UPDATE_RULES, Adam, UpdateRule

__all__ = [
    "LBFGS",
    "SCHEDULES",
    "SGD",
    "UPDATE_RULES",
    "Adam",
    "DivergenceError",
    "Epoch",
    "Result",
    "Stochastic",
    "UpdateRule",
]
