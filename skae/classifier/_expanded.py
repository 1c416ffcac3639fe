"""Arrays with a row for each class, when classes are added."""

import numpy as np

from skae._typing import BoolArray, FloatArray


def expanded(array: FloatArray, added: BoolArray, value: float) -> FloatArray:
    """Return an array with more rows, those where `added` is true, which hold `value`."""
    out = np.full((len(added), *array.shape[1:]), value, dtype=array.dtype)
    out[~added] = array
    return out
