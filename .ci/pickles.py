"""Pickles between versions of scikit-learn and numpy: write them in one environment, and read them in another.

    python .ci/pickles.py write FOLDER
    python .ci/pickles.py read FOLDER

What is read must say the same as where it was written. scikit-learn warns of another version; that is expected.
"""

import pathlib
import pickle
import sys
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

from methods import CLASSES, assert_stored_results, fitted, results, small
from sklearn.exceptions import InconsistentVersionWarning

N_ROWS = 8


def write(folder):
    """Write a pickle of each estimator, and what it says."""
    folder.mkdir(parents=True, exist_ok=True)
    for cls in CLASSES:
        model = fitted(small(cls))
        (folder / f"{cls.__name__}.pickle").write_bytes(pickle.dumps(model))
        np.savez(folder / f"{cls.__name__}.npz", **results(model, N_ROWS))


def read(folder):
    """Read the pickles, and compare."""
    for cls in CLASSES:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            model = pickle.loads((folder / f"{cls.__name__}.pickle").read_bytes())
        with np.load(folder / f"{cls.__name__}.npz", allow_pickle=False) as stored:
            assert_stored_results(model, dict(stored), N_ROWS)
    print(f"{len(CLASSES)} pickles say the same")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))
