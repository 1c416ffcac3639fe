"""Insertion of new classes into arrays with a row for each class."""

import numpy as np

from skae._typing import BoolArray, FloatArray


def insert_classes(array: FloatArray, added: BoolArray, value: float) -> FloatArray:
    """Return the array with new rows where `added` is true. The new rows hold `value`."""
    out = np.full((len(added), *array.shape[1:]), value, dtype=array.dtype)
    out[~added] = array
    return out
