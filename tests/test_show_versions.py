"""show_versions names what a report needs."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import scipy
import sklearn
from threadpoolctl import threadpool_info, threadpool_limits

import skae
from skae import _show_versions

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def name_of(requirement):
    """The package of a requirement."""
    return re.match(r"[\w-]+", requirement)[0]


def test_it_names_versions_and_libraries(capsys):
    """Python, skae, its dependencies, and every BLAS and OpenMP library with its threads and kernel."""
    skae.show_versions()
    printed = capsys.readouterr().out
    said = dict(re.findall(r"^ *([\w-]+): (.*)$", printed, re.MULTILINE))
    assert said["python"].startswith(sys.version.split()[0])
    versions = {"skae": skae.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
    versions["scikit-learn"] = sklearn.__version__
    assert {name: said[name] for name in versions} == versions
    libraries = threadpool_info()
    assert libraries
    for library in libraries:
        assert f"filepath: {library['filepath']}" in printed
        if "architecture" in library:
            assert f"architecture: {library['architecture']}" in printed


def test_it_says_the_threads_of_now(capsys):
    """The limits that hold when it is called."""
    with threadpool_limits(1):
        skae.show_versions()
    assert set(re.findall(r"num_threads: (\d+)", capsys.readouterr().out)) == {"1"}


def test_a_missing_package_is_none(capsys, monkeypatch):
    """What is not installed is named too."""

    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    skae.show_versions()
    assert re.search(r"^ *polars: None$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.skipif(not PROJECT.exists(), reason="the sources are not here")
def test_it_names_every_dependency_and_the_packages_of_the_extras():
    """A dependency that pyproject.toml gains is named; so is every package that users meet."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    assert set(map(name_of, project["dependencies"])) <= set(_show_versions.REQUIRED)
    extras = project["optional-dependencies"]
    users = {name_of(each) for name, needs in extras.items() if name not in ("doc", "lint", "test") for each in needs}
    assert users <= set(_show_versions.OPTIONAL)


def test_it_imports_no_optional_package():
    """Versions come from the packages' metadata: a broken package does not keep the report from being written."""
    code = "import sys, skae; skae.show_versions(); print({'matplotlib', 'polars', 'skops'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "set()"
