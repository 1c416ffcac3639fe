"""Models that a version of skae has stored load in all later ones, and say the same; no data file runs code.

`tests/data/models/make.py` stores those of a release.
"""

import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest
import skops.io
from methods import CLASSES, X, assert_stored_results
from numpy.testing import assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning

import skae
from skae.persistence import TRUSTED_TYPES

FOLDER = pathlib.Path(__file__).parent / "data/models"
FILES = sorted(FOLDER.glob("*/*.skops"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_stored_model_says_the_same(path):
    """Every file loads, trusting skae's types only, and every method gives the stored results, to rounding."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)  # also skae's
        model = skops.io.load(path, trusted=TRUSTED_TYPES)
    with np.load(path.parent / "expected.npz", allow_pickle=False) as stored:
        rows = stored["X"]
        names = [name for name in stored.files if name.startswith(f"{path.stem}.")]
        expected = {name.partition(".")[2]: stored[name] for name in names}
    assert_array_equal(X[: len(rows)], rows)
    assert expected
    assert_stored_results(model, expected, len(rows))


def test_every_estimator_is_stored():
    """A class that comes into `skae.__all__` needs a file: run tests/data/models/make.py."""
    assert {cls.__name__ for cls in CLASSES} <= {path.stem for path in FILES}


def test_every_release_is_stored():
    """A version that is no development version has its folder: run tests/data/models/make.py."""
    assert ".dev" in skae.__version__ or (FOLDER / skae.__version__ / "expected.npz").exists()


def test_stored_models_are_small():
    """They come with every copy of the repository: those of one version take less than 300 KB."""
    for folder in {path.parent for path in FILES}:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000


WITHOUT_PICKLES = """
import pathlib, sys

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise RuntimeError(f"a pickle asks for {arguments}")

sys.addaudithook(refuse)

import skops.io
from skae import datasets, persistence

datasets.make_circle(10)
datasets.make_convex(10)
datasets.make_curve(10)
datasets.make_rectangles(10)
datasets.make_rotating_dots(10)
datasets.natural_patches(10)
for path in pathlib.Path(sys.argv[1]).glob("*/*.skops"):
    skops.io.load(path, trusted=persistence.TRUSTED_TYPES)

import pickle

try:
    pickle.loads(pickle.dumps(pathlib.PurePath))
except RuntimeError:
    print("only the pickle was refused")
"""


def test_data_files_are_never_unpickled():
    """Data sets and skops files load where each pickle of more than numbers is refused."""
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_PICKLES, str(FOLDER)]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert run.stdout == "only the pickle was refused\n", run.stderr


def test_skae_has_no_loader_of_its_own():
    """No module reads a pickle, or an array with objects: what skae loads, other libraries' safe loaders load."""
    for path in pathlib.Path(skae.__file__).parent.rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        calls = [line for line in lines if ">>>" not in line and "..." not in line]
        assert not any(each in line for line in calls for each in ("pickle.load", "joblib.load", "np.load(")), path
