"""Fixtures of the tests."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator of its own for each test, always seeded alike."""
    return np.random.default_rng(0)
