"""What the functions of this package are given: numbers and seeds."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skae._typing import RandomState


def generator(random_state: RandomState) -> np.random.RandomState:
    """Return the source of randomness; None does not touch numpy's global state."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def count(name: str, value: Any) -> int:
    """Return a positive integer; refuse other values in a sentence."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    return int(value)


def non_negative(name: str, value: Any) -> float:
    """Return a finite number >= 0; refuse other values in a sentence."""
    if not isinstance(value, Real) or not 0.0 <= float(value) < math.inf:
        raise ValueError(f"{name} must be a finite number >= 0, got {value!r}")
    return float(value)


def balanced_labels(rng: np.random.RandomState, n_samples: int) -> NDArray[np.int64]:
    """Return labels 0 and 1 in random order, half of each; the odd one is 0."""
    return rng.permutation(np.arange(n_samples, dtype=np.int64) % 2)
