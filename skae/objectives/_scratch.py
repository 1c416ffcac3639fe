"""Scratch arrays of an objective."""

from skae import _ops as ops


class Workspace:
    """Scratch arrays by name, kept between batches. Each grows to the size of the largest batch.

    A copy or a pickle has no arrays.
    """

    def __init__(self):
        self._arrays = {}

    def __reduce__(self):
        return type(self), ()

    def __call__(self, name, shape, dtype):
        array = self._arrays.get(name)
        if array is None or len(array) < shape[0] or array.shape[1:] != shape[1:] or array.dtype != dtype:
            array = self._arrays[name] = ops.empty(shape, dtype=dtype)
        return array[: shape[0]]
