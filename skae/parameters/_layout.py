"""The named blocks of one flat parameter vector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

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

    #: Whether the matrices stand in the vector column by column; see `by_columns`.
    columns_first = False

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self.shapes = {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
        self._slices, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._slices[name] = slice(start, stop)
            start = stop
        self.size = start
        self._recent: tuple[tuple[FloatArray, Mapping[str, FloatArray]], ...] = ()

    def __getstate__(self):
        return {**vars(self), "_recent": ()}  # a copy has no arrays

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __repr__(self) -> str:
        return f"Layout({', '.join(f'{name}={shape}' for name, shape in self.shapes.items())})"

    def by_columns(self) -> Layout:
        """Return the layout of the same blocks in which each matrix stands column by column.

        Products with sparse rows read and write weights (k, d) one column at a time. In a block of several matrices,
        such as (K, k, d), a column is one of all matrices below each other: ``block.reshape(K * k, d)`` is a view.

        Returns
        -------
        Layout
            The layout, with ``columns_first=True``.
        """
        layout = Layout(**self.shapes)
        layout.columns_first = True
        return layout

    def views(self, theta: FloatArray) -> Mapping[str, FloatArray]:
        """Return the blocks of `theta` by name, as views; writing to a view writes to `theta`."""
        # Solvers step with the same two vectors, parameters and gradient. Their views are made once.
        for array, views in self._recent:
            if array is theta:
                return views
        shapes = self.shapes.items()
        blocks = MappingProxyType({name: self._view(theta[self._slices[name]], shape) for name, shape in shapes})
        self._recent = ((theta, blocks), *self._recent[:1])
        return blocks

    def _view(self, part, shape):
        """Return the part of a vector that holds one block, in the shape of the block."""
        if not self.columns_first:
            return part.reshape(shape)
        by_columns = part.reshape(shape[-1:] + shape[:-1])
        return by_columns.transpose(*range(1, len(shape)), 0)

    def rearranged(self, theta: FloatArray, given: Layout) -> FloatArray:
        """Return a vector that is laid out as in `given`, laid out as in this layout.

        Parameters
        ----------
        theta : ndarray of shape (size,)
            The vector.
        given : Layout
            Its layout, of the same blocks.

        Returns
        -------
        ndarray of shape (size,)
            `theta` itself if both layouts are the same, else a copy.
        """
        if self.columns_first == given.columns_first:
            return theta
        return self.pack(theta.dtype, **given.views(theta))

    def pack(self, dtype: DTypeLike, **blocks: ArrayLike) -> FloatArray:
        """Return a new flat vector with copies of the given blocks, one for each name of the layout."""
        theta = ops.empty(self.size, dtype=dtype)
        for name, view in self.views(theta).items():
            view[...] = blocks[name]
        return theta
