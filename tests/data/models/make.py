"""Store fitted models of this version of skae, with what they say of a few rows, for `tests/test_stored_models.py`.

Run it once for a release, after its version is written::

    python tests/data/models/make.py

It writes one skops file for each estimator, and the expected results of the first rows of `methods.X`, into a folder
that has the name of the version.
"""

import pathlib
import shutil
import sys
import zipfile

import numpy as np
import skops.io

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1]))

from methods import CLASSES, X, fitted, results, small  # noqa: E402

import skae  # noqa: E402

N_ROWS = 8


def main():
    """Write the folder of this version anew."""
    folder = FOLDER / skae.__version__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    expected = {}
    for cls in CLASSES:
        model = fitted(small(cls))
        skops.io.dump(model, folder / f"{cls.__name__}.skops", compression=zipfile.ZIP_DEFLATED, compresslevel=9)
        expected |= {f"{cls.__name__}.{name}": value for name, value in results(model, N_ROWS).items()}
    np.savez_compressed(folder / "expected.npz", X=X[:N_ROWS], **expected)


if __name__ == "__main__":
    main()
