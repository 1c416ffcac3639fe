"""Fixtures of the tests."""

import collections
import os
import sys

import hypothesis
import numpy as np
import pytest

collect_ignore = ["typing_examples.py"]  # for mypy; to import it would register its classes

os.environ.setdefault("MPLBACKEND", "Agg")  # doctests draw too

# A busy machine must not fail a test: no deadlines.
hypothesis.settings.register_profile("default", deadline=None, max_examples=50)
hypothesis.settings.register_profile(
    "long", deadline=None, max_examples=2000, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser):
    """Add the option that emulates another BLAS kernel."""
    parser.addoption(
        "--perturb-products", type=int, metavar="SEED", help="let every product of skae be off in its last digits"
    )


def pytest_configure(config):
    """Give each worker of xdist one BLAS thread; perturb the products before anything imports skae."""
    if getattr(config.option, "numprocesses", None):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # workers, not started yet, inherit it
    seed = config.getoption("--perturb-products")
    if seed is not None:
        import perturbation

        perturbation.install(seed)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark as slow what `sampled(n)` leaves out: of the cases of a test, by their names, one in n stays."""
    cases = collections.defaultdict(list)
    for item in items:
        if item.get_closest_marker("sampled"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for each in cases.values():
        for number, item in enumerate(sorted(each, key=lambda item: item.nodeid)):
            if number % item.get_closest_marker("sampled").args[0]:
                item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter):
    """Say that tests are left out: with `-q -n auto` pytest itself does not."""
    if terminalreporter.config.option.markexpr == "not slow":
        terminalreporter.write_line("Slow tests are left out: -m '' runs all tests, -m slow these alone.")


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
