"""Complements: the distance of a pre-activation from the region where its unit is flat (SAT eq. 1 and 3).

An activation with a flat region defines its own complement, the distance to that region (eq. 1). A smooth activation
is flat only in the limit, or at a point. For it, eq. 3 takes the average variation of h on each side of u; the
complement is the smaller of the two.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from skae import _ops as ops
from skae._typing import FloatArray
from skae.activations import Activation

__all__ = ["AverageVariation", "complement", "has_complement"]

# The table ends at one of these: the first beyond which |h'| has settled, that is varies by no more than _SETTLED.
_REACHES = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
_SETTLED = 1e-10
# Largest width of a cell of the table. The cubics are exact to 1e-9 where h' is smooth, to 1e-6 where |h'| has a kink.
_CELL = 2.0**-9
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def complement(activation: Activation, u: FloatArray, scale: float | None = None) -> tuple[FloatArray, FloatArray]:
    """Return the complement of an activation and its derivative, elementwise.

    Parameters
    ----------
    activation : skae.activations.Activation
        The unit.
    u : ndarray
        Pre-activations.
    scale : float, optional
        A number selects eq. 3 at that scale. None selects eq. 1 if the activation has a `complement`, else eq. 3 at
        scale 1.

    Returns
    -------
    value, derivative : ndarray
        The complement and its derivative, with u's shape and dtype.

    Raises
    ------
    ValueError
        If eq. 3 does not exist: see `AverageVariation`.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.complements import complement
    >>> complement(as_activation("satlinear"), np.array([0.0, 0.75, 3.0]))[0]
    array([1.  , 0.25, 0.  ])
    """
    if scale is None and hasattr(activation, "complement"):
        return activation.complement(u), activation.complement_derivative(u)
    return _average_variation(activation, 1.0 if scale is None else float(scale))(u)


def has_complement(activation: Activation) -> bool:
    """Return whether an activation has a complement: its own (eq. 1), or one by eq. 3.

    Parameters
    ----------
    activation : skae.activations.Activation
        The unit.

    Returns
    -------
    bool
        Whether `complement` returns a value.

    Examples
    --------
    >>> from skae.activations import as_activation
    >>> from skae.complements import has_complement
    >>> [has_complement(as_activation(name)) for name in ("relu", "sigmoid", "identity")]
    [True, True, False]
    """
    if hasattr(activation, "complement"):
        return True
    try:
        _average_variation(activation, 1.0)
    except ValueError:
        return False
    return True


class AverageVariation:
    """SAT eq. 3 with w(l) = (l/s) exp(-l/s): a table of the smaller one-sided average variation of h.

    ::

        M+(u) = int_0^inf |h'(u + t)| exp(-t/s) dt,    M-(u) = int_0^inf |h'(u - t)| exp(-t/s) dt,    min(M+, M-)

    M+ and M- are integrated separately. Cubics interpolate them with their exact derivatives, M+' = M+/s - |h'| and
    M-' = |h'| - M-/s. Outside the table |h'| is constant, and M+ and M- are exponentials. Their minimum has a kink
    where they cross. A cell ends there, so each cell holds the cubic of only one of them.

    As s grows, the minimum tends to min(h(inf) - h, h - h(-inf)) for non-decreasing h. For relu and satlinear this
    limit is the distance of eq. 1; at finite s, their complement is s (1 - exp(-distance/s)).

    Parameters
    ----------
    activation : skae.activations.Activation
        Continuous, with a derivative. Far from 0 the derivative must be constant, and zero on at least one side.
    scale : float
        The scale s, at least 0.01.

    Raises
    ------
    ValueError
        If the activation does not meet these conditions, or the scale is too small.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import as_activation
    >>> from skae.complements import AverageVariation
    >>> value, derivative = AverageVariation(as_activation("sigmoid"), scale=1.0)(np.array([-4.0, 0.0, 4.0]))
    >>> value.round(3)
    array([0.009, 0.193, 0.009])
    """

    def __init__(self, activation: Activation, scale: float) -> None:
        if not 0.01 <= scale < math.inf:
            raise ValueError(f"the scale of a complement must be >= 0.01 and finite, got {scale}")
        self.scale, (self.reach, far) = scale, _far_steepness(activation)
        breaks = {-self.reach, *map(float, activation.kinks), self.reach}
        table = _Table(activation, scale, far, sorted(breaks))
        crossings = table.crossings()
        if crossings:
            table = _Table(activation, scale, far, sorted(breaks.union(crossings)))
        self._pieces, self.n_cells = table.pieces, len(table.width)
        less = table.values("plus", 0.5) < table.values("minus", 0.5)
        cubics = np.where(less, table.cubics["plus"], table.cubics["minus"])
        dtypes = (np.dtype(np.float64), np.dtype(np.float32))
        self._cubics = {dtype: cubics.astype(dtype) for dtype in dtypes}
        self._cells_per_unit = {dtype: (1.0 / table.width).astype(dtype) for dtype in dtypes}
        # For each end of the table: M+ and M- there, each with the limit that it decays to beyond the end.
        self._ends = tuple(
            tuple((table.knots[side][end], scale * steepness) for side in ("plus", "minus"))
            for end, steepness in zip((0, -1), far, strict=True)
        )

    def __call__(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the complement and its derivative at u."""
        position = sum((ops.clip(u, a, b) - a) * per_unit for a, b, per_unit in self._pieces)
        with np.errstate(invalid="ignore"):  # NaN has no cell
            cell = ops.minimum(position.astype("intp"), self.n_cells - 1)
        position -= cell
        a, b, c, d = (ops.take(coefficient, cell, mode="clip") for coefficient in self._cubics[u.dtype])
        value = ((d * position + c) * position + b) * position + a
        derivative = (3.0 * d * position + 2.0 * c) * position + b
        derivative *= ops.take(self._cells_per_unit[u.dtype], cell, mode="clip")
        for end, beyond, direction in (
            (self._ends[0], u < -self.reach, -1.0),
            (self._ends[1], u > self.reach, 1.0),
        ):
            if beyond.any():
                excess = direction * u[beyond] - self.reach
                value[beyond], derivative[beyond] = self._tail(end, excess, direction)
        return value, derivative

    def _tail(self, end, excess, direction):
        """Return the smaller of the two exponentials beyond an end of the table, and its derivative."""
        decay = ops.exp(excess * (-1.0 / self.scale))
        sides = [(start * decay + limit * (1.0 - decay), (limit - start) * decay) for start, limit in end]
        (plus, plus_rise), (minus, minus_rise) = sides
        less = plus < minus
        return ops.where(less, plus, minus), ops.where(less, plus_rise, minus_rise) * (direction / self.scale)


class _Table:
    """M+ ("plus") and M- ("minus") at the knots, and their cubics in the cells.

    Cells of equal width fill each piece between two breaks. So |h'| jumps only at the ends of a cell.
    """

    def __init__(self, activation, scale, far, breaks):
        widest = min(_CELL, 0.125 * scale)
        counted = [(a, b, math.ceil((b - a) / widest)) for a, b in itertools.pairwise(breaks)]
        self.pieces = [(a, b, n / (b - a)) for a, b, n in counted]
        self.start = np.concatenate([np.linspace(a, b, n, endpoint=False) for a, b, n in counted])
        self.width = np.concatenate([np.full(n, (b - a) / n) for a, b, n in counted])
        half = 0.5 * self.width[:, None]
        integrand = half * _steepness(activation, self.start[:, None] + half * (1.0 + _NODES))
        decay = np.exp(-half * (1.0 + _NODES) / scale)
        ahead, behind = (integrand * factor @ _WEIGHTS for factor in (decay, decay[:, ::-1]))
        cell_decay = np.exp(-self.width / scale)

        def accumulated(cell_decay, added, first):
            steps = zip(cell_decay.tolist(), added.tolist(), strict=True)
            return np.array(list(itertools.accumulate(steps, lambda m, step: step[0] * m + step[1], initial=first)))

        plus = accumulated(cell_decay[::-1], ahead[::-1], scale * far[1])[::-1]
        minus = accumulated(cell_decay, behind, scale * far[0])
        self.knots = {"plus": plus, "minus": minus}
        # |h'| may jump at the ends of a cell, so a cell uses its values just inside.
        g0, g1 = (_steepness(activation, self.start + share * self.width) for share in (1e-6, 1.0 - 1e-6))
        self.cubics = {
            "plus": _cubics(plus, plus[:-1] / scale - g0, plus[1:] / scale - g1, self.width),
            "minus": _cubics(minus, g0 - minus[:-1] / scale, g1 - minus[1:] / scale, self.width),
        }

    def values(self, side, position):
        """Return the values of all cells' cubics at one position, from 0 to 1."""
        a, b, c, d = self.cubics[side]
        return ((d * position + c) * position + b) * position + a

    def crossings(self):
        """Return the points where M+ and M- cross inside a cell: the kinks of their minimum."""
        gap = self.knots["plus"] - self.knots["minus"]
        gap[np.abs(gap) <= 1e-13 * np.abs(self.knots["plus"] + self.knots["minus"]).max()] = 0.0
        (cells,) = np.nonzero(gap[:-1] * gap[1:] < 0.0)
        found = []
        for cell in cells:
            roots = np.roots((self.cubics["plus"] - self.cubics["minus"])[::-1, cell])
            inside = [root.real for root in roots if abs(root.imag) < 1e-9 and 0.0 < root.real < 1.0]
            found += [float(self.start[cell] + self.width[cell] * root) for root in inside]
        return found


@functools.lru_cache(maxsize=64)
def _average_variation(activation: Activation, scale: float) -> AverageVariation:
    """Return a table, and keep it for later calls."""
    return AverageVariation(activation, scale)


def _steepness(activation, u):
    """Return |h'| at the points u."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.abs(activation.derivative(u, activation.value(u)))


def _far_steepness(activation):
    """Return a distance from 0 beyond which |h'| is constant, and its values far to the left and to the right.

    At least one of the two values is zero.
    """
    reason = None
    if not hasattr(activation, "derivative"):
        reason = "has no derivative"
    elif not activation.continuous:
        reason = "jumps"
    else:
        farthest = max(map(abs, activation.kinks), default=0.0)
        for reach in (reach for reach in _REACHES if reach > farthest):
            points = np.linspace(reach, 2.0 * reach, 257)
            ends = [_steepness(activation, sign * points) for sign in (-1.0, 1.0)]
            if all(end.max() - end.min() <= _SETTLED for end in ends):
                far = tuple(0.0 if end[0] <= _SETTLED else float(end[-1]) for end in ends)
                if 0.0 in far:
                    return reach, far
                reason = "is flat on neither side"
                break
        else:
            reason = f"has a slope that is not constant beyond {_REACHES[-1]:g}"
    raise ValueError(f"SAT eq. 3 gives {activation.name!r} no complement: it {reason}")


def _cubics(values, first_derivatives, last_derivatives, width):
    """Return the coefficients of all cells' cubics in the position from 0 to 1, shape (4, n_cells)."""
    first, last = values[:-1], values[1:]
    m0, m1 = width * first_derivatives, width * last_derivatives
    return np.stack([first, m0, 3.0 * (last - first) - 2.0 * m0 - m1, 2.0 * (first - last) + m0 + m1])
