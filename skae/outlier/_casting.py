"""Results in the dtype of the data."""

import numpy as np


def cast(values, dtype):
    """Return float64 values in another dtype; values beyond its largest number become that number."""
    largest = np.finfo(dtype).max
    return np.clip(values, -largest, largest).astype(dtype)
