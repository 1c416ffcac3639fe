"""Imports go one way: the contracts of setup.cfg, and what the core loads when it is imported."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skae
from skae.callbacks import EarlyStopping, TimeLimit

ROOT = Path(__file__).parents[1]

LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename="setup.cfg", no_cache=True))
"""

# An empty package in the place of skae, whose __init__ would import the estimators.
LOAD = """
import importlib, sys, types
package = types.ModuleType("skae")
package.__path__ = [{path!r}]
sys.modules["skae"] = package
for name in {modules!r}:
    importlib.import_module(name)
print(*sys.modules)
"""


def run(code):
    """Run code in a fresh interpreter, in the repository."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def modules_loaded_by(*modules):
    """Names of all modules that importing these parts of skae alone loads."""
    outcome = run(LOAD.format(path=str(Path(skae.__file__).parent), modules=modules))
    assert outcome.returncode == 0, outcome.stderr
    return set(outcome.stdout.split())


def test_import_contracts_are_kept():
    """The layers of doc/architecture.md, as import-linter reads them from the sources."""
    pytest.importorskip("importlinter", reason="import-linter is not installed: it checks the contracts of setup.cfg")
    outcome = run(LINT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert " 0 broken" in outcome.stdout


def test_core_loads_neither_scikit_learn_nor_scipy():
    """Arrays in, arrays out: numpy is all that the core and the objectives need."""
    loaded = modules_loaded_by(
        "skae.activations", "skae.visible", "skae.penalties", "skae.parameters", "skae.objectives", "skae.dynamics"
    )
    assert "skae.objectives._reconstruction" in loaded
    assert loaded.isdisjoint({"sklearn", "scipy", "joblib", "skae.autoencoders", "skae.training", "skae.solvers"})


def test_checks_load_numpy_alone():
    """Who checks an activation needs neither scikit-learn nor a test runner."""
    loaded = modules_loaded_by("skae.testing")
    assert "skae.testing._activation" in loaded
    assert loaded.isdisjoint({"sklearn", "scipy", "joblib", "pytest", "skae.training", "skae.autoencoders"})


def test_solvers_stand_alone():
    """They receive an objective and know none, nor scikit-learn."""
    loaded = modules_loaded_by("skae.solvers")
    assert "skae.solvers._lbfgs" in loaded
    others = ("activations", "visible", "penalties", "parameters", "objectives", "model", "training", "autoencoders")
    assert loaded.isdisjoint({"sklearn", *(f"skae.{name}" for name in others)})


def test_tools_are_attributes():
    """`import skae` is enough, and loads none of them before it is asked for one."""
    outcome = run("import sys, skae; print('skae.metrics' in sys.modules, skae.metrics.denoising_r2.__name__)")
    assert outcome.stdout.split() == ["False", "denoising_r2"]
    assert {"callbacks", "datasets", "metrics", "persistence", "plotting", "testing"} <= set(dir(skae))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        skae.nothing  # noqa: B018


@pytest.mark.parametrize("make", [lambda: EarlyStopping(), lambda: TimeLimit(60.0)])
def test_callbacks_name_the_scikit_learn_that_they_need(make, monkeypatch):
    """The module can be imported with any version; a callback says in one line what is missing."""
    monkeypatch.setattr("skae._sklearn_compat.AutoPropagatedCallback", None)  # as before 1.9
    with pytest.raises(
        ImportError, match=r"^\w+ needs the callbacks of scikit-learn 1.9 or newer, got scikit-learn \S+$"
    ):
        make()


def private_reads(path):
    """Names of private attributes that a file reads of something other than itself."""
    own = {"self", "cls"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            value = node.value
            is_super = isinstance(value, ast.Call) and getattr(value.func, "id", None) == "super"
            if not is_super and getattr(value, "id", None) not in own:
                yield node.attr


def private_definitions(paths):
    """Names of the private methods and attributes that classes in some files define."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node.name
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id


def test_no_family_reads_private_attributes_of_another():
    """What an autoencoder is asked by others stands in `skae.autoencoders`, as functions."""
    sources = sorted((ROOT / "skae").glob("**/*.py"))
    everywhere = set(private_definitions(sources))
    shared = ROOT / "skae/training/_solver_parameters.py"  # the base of the estimators of two families
    found, definitions = [], {}
    users = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "doc").glob("**/*.py")]
    for path in [*sources, *sorted(each for each in users if each.name != "peers.py")]:  # peers have their own
        if path.parent not in definitions:
            definitions[path.parent] = set(private_definitions([*path.parent.glob("*.py"), shared]))
        own = definitions[path.parent]
        found += [f"{path.name}: {name}" for name in private_reads(path) if name in everywhere and name not in own]
    assert found == []


def test_no_package_imports_a_private_module_of_another():
    """What a package shares stands in its `__init__`."""
    found = []
    for path in sorted(ROOT.glob("skae/**/*.py")):
        package = ".".join(path.relative_to(ROOT).parts[:-1])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skae."):
                other, private = node.module.rsplit(".", 1)
                if private.startswith("_") and other not in ("skae", package):
                    found.append(f"{path.name}: {node.module}")
    assert found == []
