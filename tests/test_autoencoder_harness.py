"""The contract test takes up any class that comes into `skae.__all__`, and tells a right one from a faulty one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoders import CASES, CLASSES, DEFAULTS, FITS, KINDS, ONE_STAGE, SOLVERS, TRAINING, WITHOUT_NOISE

import skae

ROOT = Path(__file__).parents[1]

# A plugin of pytest: it is imported before the tests, which find the classes in `skae.__all__`.
THROWAWAY = '''
import json
import pathlib

import numpy as np

import skae
from skae.penalties import Contractive


class Right(skae.ContractiveAutoencoder):
    """Twice the penalty."""

    def _penalty(self):
        return Contractive(2.0 * self.alpha) if self.alpha > 0 else None


class Gambler(Right):
    """Draws from numpy's global generator."""

    def fit(self, X, y=None, sample_weight=None):
        np.random.random()
        return super().fit(X, y, sample_weight)


class Scribbler(Right):
    """Writes to its input."""

    def fit(self, X, y=None, sample_weight=None):
        if getattr(X, "flags", None) is not None and X.flags.writeable:
            X *= 0.5
        return super().fit(X, y, sample_weight)


class Leveller(Right):
    """Ignores the weights of the rows."""

    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X, y)


class Hoarder(Right):
    """Sets more than the parameters that it was given."""

    def __init__(self, n_components=256, **parameters):
        super().__init__(n_components, **parameters)
        self.n_units = n_components


class Forgetful(Right):
    """Does not pickle what was fitted last."""

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "intercept_visible_"}


FAULTS = {
    Gambler: "test_global_random_state_is_untouched",
    Scribbler: "test_input_is_not_written_to",
    Leveller: "test_integer_weights_are_repeated_rows",
    Hoarder: "test_constructor_sets_and_nothing_more",
    Forgetful: "test_copies_predict_the_same_bits",
}
for each in (Right, *FAULTS):
    setattr(skae, each.__name__, each)
    skae.__all__.append(each.__name__)

outcomes = {each.__name__: {} for each in (Right, *FAULTS)}


def class_of(item):
    return next((name for name in outcomes if f"[{name}-" in item or f"[{name}]" in item), None)


def pytest_collection_modifyitems(items):
    checks = {each.__name__: check for each, check in FAULTS.items()}
    first = {}  # of the right class one item of each test, of the others all of one test
    for item in items:
        name, test = class_of(item.name), item.name.partition("[")[0]
        if name in checks and test == checks[name]:
            first[item.name] = item
        elif name == "Right":
            first.setdefault(test, item)
    items[:] = first.values()


def pytest_runtest_logreport(report):
    test = report.nodeid.split("::")[-1]
    if report.when == "call" or report.outcome != "passed":
        outcomes[class_of(test)][test] = report.outcome


def pytest_sessionfinish():
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(outcomes), encoding="utf-8")
'''


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Outcomes of the contract test by class and test."""
    folder = tmp_path_factory.mktemp("throwaway")
    (folder / "throwaway.py").write_text(THROWAWAY, encoding="utf-8")
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "throwaway", "-p", "no:cacheprovider", "-p", "no:randomly"]
    run = subprocess.run(
        [*command, "-m", "", "tests/test_autoencoder_contract.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout[-2000:] + run.stderr[-2000:]  # tests have failed, and nothing else
    return json.loads((folder / "throwaway.json").read_text(encoding="utf-8"))


def test_a_right_class_passes(outcomes):
    """Two lines of logic and no list: a penalty of one's own is trained, copied, weighted and all the rest."""
    right = outcomes["Right"]
    assert [test for test, outcome in right.items() if outcome == "failed"] == []
    assert len(right) > 50


@pytest.mark.parametrize("name", ["Gambler", "Scribbler", "Leveller", "Hoarder", "Forgetful"])
def test_a_faulty_class_fails(name, outcomes):
    """In the check that is about its fault."""
    assert "failed" in outcomes[name].values()


def test_every_public_class_is_found():
    """All but those that are no autoencoders; each by default, with each solver, and stepwise."""
    named = {name for name in skae.__all__ if name.endswith("Autoencoder")}
    assert named == {cls.__name__ for cls in CLASSES}
    assert [case.cls for case in DEFAULTS] == CLASSES
    for cls in CLASSES:
        assert {solver for case, solver in FITS if case.cls is cls and case.kind == "default"} == set(SOLVERS)
        assert {solver for case, solver, method in TRAINING if case.cls is cls and method == "partial_fit"} == {
            "adam",
            "sgd",
        }
        assert {case.tied for case in CASES if case.cls is cls} == {True, False}


@pytest.mark.parametrize("table", [KINDS, ONE_STAGE, WITHOUT_NOISE], ids=["KINDS", "ONE_STAGE", "WITHOUT_NOISE"])
def test_tables_are_about_classes_that_there_are(table):
    """No entry outlives its class, or the parameters that it sets."""
    for name, settings in table.items():
        known = next(case for case in DEFAULTS if case.cls.__name__ == name)
        for parameters in settings.values() if table is KINDS else [settings]:
            assert all(known.has(parameter) for parameter in parameters)
