"""Rows of numbers as lines, side by side in one picture."""

import math

import numpy as np

#: Height and width of the tile of a line.
TILE = (1.0, 2.0)

# Space between tiles.
_GAP = 0.2


def lines_shape(n, n_columns):
    """Return height and width of the picture of n lines."""
    n_rows = math.ceil(n / n_columns)
    return n_rows * (TILE[0] + _GAP) - _GAP, n_columns * (TILE[1] + _GAP) - _GAP


def draw_lines(ax, rows, n_columns):
    """Draw each row, whose values are in [-1, 1], as a line over a thin line of zeros; return the lines.

    Values outside [-1, 1] are drawn at the edge of the tile.
    """
    from matplotlib.collections import LineCollection

    n, length = rows.shape
    row, column = np.divmod(np.arange(n), n_columns)
    left, middle = column * (TILE[1] + _GAP), -row * (TILE[0] + _GAP)
    x = left[:, None] + np.linspace(0.0, TILE[1], length)
    y = middle[:, None] + 0.5 * TILE[0] * np.clip(rows, -1.0, 1.0)
    zeros = np.stack([np.column_stack([left, left + TILE[1]]), np.column_stack([middle, middle])], axis=-1)
    ax.add_collection(LineCollection(list(zeros), colors="0.7", linewidths=0.5))
    lines = ax.add_collection(LineCollection(list(np.stack([x, y], axis=-1)), colors="C0", linewidths=1.2))
    (height, width), top = lines_shape(n, n_columns), 0.5 * TILE[0]
    ax.set(xlim=(-_GAP, width + _GAP), ylim=(top - height - _GAP, top + _GAP))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return lines


def label_lines(ax, labels):
    """Write a label beside each row of lines."""
    ax.set_yticks([-row * (TILE[0] + _GAP) for row in range(len(labels))], labels)
    ax.tick_params(axis="y", length=0)
