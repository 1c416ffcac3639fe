"""Learning-rate schedules."""

from __future__ import annotations

from types import MappingProxyType


def _constant(step: int, n_steps: int) -> float:
    return 1.0


def _linear(step: int, n_steps: int) -> float:
    """Return a factor that rises over the first 5 % of the steps, then falls linearly to (almost) zero."""
    warm_up = 0.05 * n_steps
    return min((step + 1) / warm_up if warm_up > 1 else 1.0, (n_steps - step) / max(n_steps - warm_up, 1.0), 1.0)


def falling(factor, start, stop):
    """Return a schedule that falls from `factor` at step `start` to (almost) zero at step `stop`."""
    return lambda step, n_steps: factor * (stop - step) / (stop - start)


#: The schedules by name. Each maps a step, and the number of steps that `max_iter` allows, to a factor on the initial
#: learning rate.
SCHEDULES = MappingProxyType({"constant": _constant, "linear": _linear})
