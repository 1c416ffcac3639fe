"""The named blocks of one flat parameter vector."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike, DTypeLike

from skae import _ops as ops
from skae._typing import FloatArray


class Layout:
    """Names and shapes of the blocks of one flat parameter vector ``theta``.

    Parameters
    ----------
    **shapes : tuple of int
        Shape of each block, in order: ``Layout(W=(k, d), b=(k,), c=(d,))``.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.parameters import Layout
    >>> layout = Layout(W=(2, 3), b=(2,))
    >>> layout.size
    8
    >>> layout.views(np.arange(8.0))["b"]
    array([6., 7.])
    """

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self.shapes = {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
        self._slices, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._slices[name] = slice(start, stop)
            start = stop
        self.size = start

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __repr__(self) -> str:
        return f"Layout({', '.join(f'{name}={shape}' for name, shape in self.shapes.items())})"

    def views(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Return the blocks of `theta` by name, as views; writing to a view writes to `theta`."""
        return {name: theta[self._slices[name]].reshape(shape) for name, shape in self.shapes.items()}

    def pack(self, dtype: DTypeLike, **blocks: ArrayLike) -> FloatArray:
        """Return a new flat vector with copies of the given blocks, one for each name of the layout."""
        theta = ops.empty(self.size, dtype=dtype)
        for name, view in self.views(theta).items():
            view[...] = blocks[name]
        return theta
