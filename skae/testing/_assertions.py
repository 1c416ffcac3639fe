"""Errors for wrong arguments and for broken contracts, each one sentence."""

from __future__ import annotations

import copy
import dataclasses
from numbers import Integral

import numpy as np


def require(condition, sentence):
    """Raise AssertionError unless the condition holds, even under ``python -O``."""
    if not condition:
        raise AssertionError(sentence)


def require_type(name, value, kind, wanted):
    """Raise TypeError for an argument of a wrong type."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")


def require_positive(name, value):
    """Raise TypeError or ValueError for an argument that is not a positive integer."""
    require_type(name, value, Integral, "an int")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")


def as_random_state(random_state):
    """Return a RandomState, as scikit-learn's check_random_state does."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if random_state is not None:
        require_type("random_state", random_state, Integral, "an int, a numpy.random.RandomState or None")
    return np.random.RandomState(random_state)


def named_call(where, function, *arguments, **options):
    """Return the result of a function of the class under test; if it raises, the error says which function it was."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        read_only = isinstance(error, ValueError) and "read-only" in str(error)
        why = "writes to one of its inputs" if read_only else f"raised {type(error).__name__}"
        raise AssertionError(f"{where} {why}: {error}") from error


def worst_index(got, expected, rtol, atol):
    """Return the index of the largest deviation beyond the tolerances, or None if there is none."""
    wrong = ~np.isclose(got, expected, rtol=rtol, atol=atol)
    if not wrong.any():
        return None
    return np.unravel_index(np.argmax(np.where(wrong, np.abs(got - expected), -1.0)), wrong.shape)


def check_value_object(instance):
    """Check that an instance has a name, equals its copies and has their hash: estimators are cloned and compared."""
    name = type(instance).__name__
    require(isinstance(getattr(instance, "name", None), str), f"{name} needs a class attribute `name` of type str")
    for twin in (copy.deepcopy(instance), dataclasses.replace(instance)):
        equal = named_call(f"{name}.__eq__", instance.__eq__, twin)
        same_hash = named_call(f"{name}.__hash__", hash, instance) == named_call(f"{name}.__hash__", hash, twin)
        require(
            equal is True and same_hash, f"{name}: a copy must equal the instance and have its hash, and so must fields"
        )


def check_are_bool(instance, flags):
    """Check that each flag of a class is True or False."""
    for flag in flags:
        value = getattr(instance, flag)
        require(isinstance(value, bool), f"{type(instance).__name__}.{flag} must be True or False, got {value!r}")
