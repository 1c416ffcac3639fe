"""Fixtures of the tests."""

import numpy as np
import pytest

collect_ignore = ["typing_examples.py"]  # for mypy; to import it would register its classes


@pytest.fixture
def rng():
    """A generator of its own for each test, always seeded alike."""
    return np.random.default_rng(0)
