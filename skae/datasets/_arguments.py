"""What the functions of this package are given: numbers, arrays and seeds."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state

from skae._typing import RandomState


def generator(random_state: RandomState) -> np.random.RandomState:
    """Return the source of randomness; None does not touch numpy's global state."""
    try:
        return np.random.RandomState() if random_state is None else check_random_state(random_state)
    except ValueError:
        raise ValueError(
            f"random_state must be an integer from 0 to {2**32 - 1}, a RandomState or None, got {random_state!r}"
        ) from None


def dense_array(name: str, value: Any) -> NDArray[Any]:
    """Return an array; refuse sparse ones and ragged lists in a sentence."""
    if sparse.issparse(value):
        raise ValueError(f"{name} must be dense, got a {type(value).__name__}; give {name}.toarray()")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, and its rows do not make one: {error}") from None


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
