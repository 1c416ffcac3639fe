"""Fixtures of the tests."""

import os
import sys

import numpy as np
import pytest

collect_ignore = ["typing_examples.py"]  # for mypy; to import it would register its classes

os.environ.setdefault("MPLBACKEND", "Agg")  # doctests draw too


@pytest.fixture
def rng():
    """A generator of its own for each test, always seeded alike."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def closed_figures():
    """Close all figures after each test."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
