"""Complements: how far a pre-activation is from where its unit is flat (SAT eq. 1 and 3).

An activation with a flat region knows its own complement, the distance to it (eq. 1). For smooth ones that are flat in
the limit only, or at a point, eq. 3 takes the average variation of h around u, in the direction in which that is less.
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

# Beyond the largest of these |h'| must have settled.
_REACHES = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
_SETTLED = 1e-10
# Largest width of a cell of the table: cubics are right to 1e-9 where h' is smooth, to 1e-6 where |h'| has a kink.
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
        None is eq. 1 where the activation has a `complement`, and eq. 3 at scale 1 elsewhere; a number is eq. 3 at
        that scale.

    Returns
    -------
    value, derivative : ndarray
        Of u's shape and dtype.

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
    """Whether an activation has a complement, of its own (eq. 1) or by eq. 3.

    Parameters
    ----------
    activation : skae.activations.Activation
        The unit.

    Returns
    -------
    bool
        Whether `complement` has a value.

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
    """SAT eq. 3 with w(l) = (l/s) exp(-l/s): a table of the smaller of the one-sided average variations of h.

    ::

        M+(u) = int_0^inf |h'(u + t)| exp(-t/s) dt,    M-(u) = int_0^inf |h'(u - t)| exp(-t/s) dt,    min(M+, M-)

    M+ and M- are integrated apart and interpolated by cubics with their exact slopes, M+' = M+/s - |h'| and
    M-' = |h'| - M-/s; outside the table, where |h'| is constant, they are exponentials. Their minimum has a kink where
    they cross, which is an edge of a cell, so that a cell holds the cubic of one of them. As s grows, it tends to
    min(h(inf) - h, h - h(-inf)) for non-decreasing h, hence to the distance of eq. 1 for relu and satlinear: at s it is
    s (1 - exp(-distance/s)).

    Parameters
    ----------
    activation : skae.activations.Activation
        Continuous, with a derivative, whose slope is constant far from 0, and zero there on one side or on both.
    scale : float
        s, at least 0.01.

    Raises
    ------
    ValueError
        If the activation is another one, or the scale too small.

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
        self.scale, (self.reach, slopes) = scale, _ends(activation)
        edges = {-self.reach, *map(float, activation.kinks), self.reach}
        table = _Table(activation, scale, slopes, sorted(edges))
        crossings = table.crossings()
        if crossings:
            table = _Table(activation, scale, slopes, sorted(edges.union(crossings)))
        self._pieces, self.n_cells = table.pieces, len(table.width)
        less = table.values("plus", 0.5) < table.values("minus", 0.5)
        cubics = np.where(less, table.cubics["plus"], table.cubics["minus"])
        dtypes = (np.dtype(np.float64), np.dtype(np.float32))
        self._cubics = {dtype: cubics.astype(dtype) for dtype in dtypes}
        self._cells_per_unit = {dtype: (1.0 / table.width).astype(dtype) for dtype in dtypes}
        # M at the two edges, and what it decays to beyond.
        self._edges = tuple(
            tuple((table.knots[side][end], scale * slope) for side in ("plus", "minus"))
            for end, slope in zip((0, -1), slopes, strict=True)
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
        for edges, beyond, direction in (
            (self._edges[0], u < -self.reach, -1.0),
            (self._edges[1], u > self.reach, 1.0),
        ):
            if beyond.any():
                excess = direction * u[beyond] - self.reach
                value[beyond], derivative[beyond] = self._tail(edges, excess, direction)
        return value, derivative

    def _tail(self, edges, excess, direction):
        """The smaller of the two exponentials beyond an edge, and its slope."""
        decay = ops.exp(excess * (-1.0 / self.scale))
        sides = [(edge * decay + limit * (1.0 - decay), (limit - edge) * decay) for edge, limit in edges]
        (plus, plus_slope), (minus, minus_slope) = sides
        less = plus < minus
        return ops.where(less, plus, minus), ops.where(less, plus_slope, minus_slope) * (direction / self.scale)


class _Table:
    """M+ ("plus") and M- ("minus") at the knots, and their cubics in the cells.

    Between the edges there are cells of equal width, so that |h'| jumps nowhere but at the edge of a cell.
    """

    def __init__(self, activation, scale, slopes, edges):
        widest = min(_CELL, 0.125 * scale)
        counted = [(a, b, math.ceil((b - a) / widest)) for a, b in itertools.pairwise(edges)]
        self.pieces = [(a, b, n / (b - a)) for a, b, n in counted]
        self.start = np.concatenate([np.linspace(a, b, n, endpoint=False) for a, b, n in counted])
        self.width = np.concatenate([np.full(n, (b - a) / n) for a, b, n in counted])
        half = 0.5 * self.width[:, None]
        slope = half * _steepness(activation, self.start[:, None] + half * (1.0 + _NODES))
        decay = np.exp(-half * (1.0 + _NODES) / scale)
        ahead, behind = (slope * factor @ _WEIGHTS for factor in (decay, decay[:, ::-1]))
        shrink = np.exp(-self.width / scale)

        def accumulated(shrink, ahead, first):
            steps = zip(shrink.tolist(), ahead.tolist(), strict=True)
            return np.array(list(itertools.accumulate(steps, lambda m, step: step[0] * m + step[1], initial=first)))

        plus = accumulated(shrink[::-1], ahead[::-1], scale * slopes[1])[::-1]
        minus = accumulated(shrink, behind, scale * slopes[0])
        self.knots = {"plus": plus, "minus": minus}
        # The slopes of a cell are those inside it: at its edges |h'| may jump.
        g0, g1 = (_steepness(activation, self.start + share * self.width) for share in (1e-6, 1.0 - 1e-6))
        self.cubics = {
            "plus": _cubics(plus, plus[:-1] / scale - g0, plus[1:] / scale - g1, self.width),
            "minus": _cubics(minus, g0 - minus[:-1] / scale, g1 - minus[1:] / scale, self.width),
        }

    def values(self, side, position):
        """The cubics of all cells at a position from 0 to 1."""
        a, b, c, d = self.cubics[side]
        return ((d * position + c) * position + b) * position + a

    def crossings(self):
        """Where M+ and M- cross inside a cell: the kinks of their minimum."""
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
    return AverageVariation(activation, scale)


def _steepness(activation, u):
    """|h'| at some points."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.abs(activation.derivative(u, activation.value(u)))


def _ends(activation):
    """Return beyond where |h'| is constant, and its values far to the left and to the right, one of them zero."""
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
                slopes = tuple(0.0 if end[0] <= _SETTLED else float(end[-1]) for end in ends)
                if 0.0 in slopes:
                    return reach, slopes
                reason = "is flat on neither side"
                break
        else:
            reason = f"has a slope that is not constant beyond {_REACHES[-1]:g}"
    raise ValueError(f"SAT eq. 3 gives {activation.name!r} no complement: it {reason}")


def _cubics(values, first_slopes, last_slopes, width):
    """Coefficients of the cubics of all cells in position, from 0 to 1: shape (4, n_cells)."""
    first, last = values[:-1], values[1:]
    m0, m1 = width * first_slopes, width * last_slopes
    return np.stack([first, m0, 3.0 * (last - first) - 2.0 * m0 - m1, 2.0 * (first - last) + m0 + m1])
