"""The uses with other tools: those that are quick give what they assert, and doc/uses.md lists them all."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USES = ROOT / "benchmarks" / "uses"
if not USES.is_dir():
    pytest.skip("the benchmarks are not here", allow_module_level=True)


@pytest.fixture
def registry():
    """The registry of uses, apart from the one that the script fills."""
    spec = importlib.util.spec_from_file_location("registry_of_uses", USES / "registry.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.slow
def test_quick_uses_give_what_they_assert():
    """scikit-learn and pandas alone: pipelines, searches, ensembles, containers, files, refusals."""
    run = subprocess.run([sys.executable, USES, "--quick"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout.splitlines()[-1].split()[0]) > 60


def titles():
    """The docstrings of all uses."""
    for path in USES.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and any(
                getattr(getattr(each, "func", None), "id", None) == "use" for each in node.decorator_list
            ):
                yield ast.get_docstring(node).rstrip(".")


def test_the_page_lists_every_use():
    """A new use, or one with another title, needs a new run of `python benchmarks/uses --write`."""
    rows = [
        line.split(" | ")[0][2:]
        for line in (ROOT / "doc/uses.md").read_text(encoding="utf-8").splitlines()
        if line[:2] == "| "
    ]
    assert sorted(titles()) == sorted(row for row in rows if row != "use")
    assert len(rows) > 100


def use_of(registry, function, *needs):
    """A use of a function."""
    return registry.Use("group", "title", function, needs, True)


def test_a_wrong_result_fails(registry):
    """An assertion that does not hold, or an error, is a failure, with its sentence."""

    def wrong():
        assert 1 == 2, "one is not two"

    found = registry.outcome_of(use_of(registry, wrong))
    assert (found.result, found.why.split("\n")[0]) == ("fails", "AssertionError: one is not two")
    assert registry.outcome_of(use_of(registry, lambda: 1 / 0)).result == "fails"
    assert registry.outcome_of(use_of(registry, lambda: None)).result == "works"
    assert registry.outcome_of(use_of(registry, wrong, "no-such-package")).result == "not run"


def test_a_refusal_needs_its_sentence(registry):
    """What is accepted, or refused by other words, is no refusal."""

    def refuse():
        raise ValueError("X is wrong: give another")

    assert registry.refusal(refuse, "give another") == "X is wrong: give another"
    with pytest.raises(AssertionError, match="not by 'other words'"):
        registry.refusal(refuse, "other words")
    with pytest.raises(AssertionError, match="not refused"):
        registry.refusal(lambda: None, "any")
    with pytest.raises(ZeroDivisionError):
        registry.refusal(lambda: 1 / 0, "any")
