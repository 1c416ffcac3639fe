"""Complements: eq. 1 against a search over a grid, eq. 3 against quadrature, plateaus, activations without one."""

import dataclasses

import numpy as np
import pytest
from helpers import ALL_ACTIVATIONS, DTYPES, difference_quotient, name_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad_vec
from scipy.optimize import brentq

from skae.activations import (
    Activation,
    Identity,
    Max,
    Modulus,
    ReLU,
    SatLinear,
    Shrink,
    Sigmoid,
    Softmax,
    Softplus,
    Square,
    Synchrony,
    Tanh,
    TLin,
    TRec,
    as_activation,
)
from skae.complements import complement, has_complement

SCALES = [0.01, 1.0, 10.0, 1000.0]

every_scale = pytest.mark.parametrize("scale", SCALES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


# Activations as a user would write them


class Wave(Activation):
    """h(u) = u exp(-u^2/2) + tanh(u): not monotone, and abs(h') has kinks where h' is zero (SAT figure 6)."""

    name = "wave"
    monotone = False

    def value(self, u, out=None):
        return np.add(u * np.exp(-0.5 * u * u), np.tanh(u), out=out)

    def derivative(self, u, h, out=None):
        return np.add((1.0 - u * u) * np.exp(-0.5 * u * u), 1.0 - np.tanh(u) ** 2, out=out)


@dataclasses.dataclass(frozen=True)
class Ramp(Activation):
    """h(u) = clip(u, low, high), with edges at any place."""

    low: float = -1.0
    high: float = 1.0
    name = "ramp"

    @property
    def kinks(self):
        return (self.high, self.low)

    def value(self, u, out=None):
        return np.clip(u, u.dtype.type(self.low), u.dtype.type(self.high), out=out)

    def derivative(self, u, h, out=None):
        return np.multiply(u > self.low, u < self.high, out=np.empty_like(u) if out is None else out)


def slope_of_wave(u):
    return float(Wave().derivative(np.array(u), None))


#: The points at which Wave has its maxima and minima.
EXTREMA = [sign * brentq(slope_of_wave, *bracket) for sign in (-1, 1) for bracket in ((1.0, 2.0), (4.0, 6.0))]

BY_EQUATION_3 = [
    Sigmoid(),
    Tanh(),
    Softplus(),
    ReLU(),
    SatLinear(),
    Wave(),
    Ramp(np.float64(-1.0), 2.3),
    Ramp(-20.0, 3e-7),
]


def some_u(activation, rng):
    """Return pre-activations near 0, beside the kinks, at the end of the table and far beyond it."""
    near = [point + step for point in (0.0, *activation.kinks) for step in (-1e-3, -3e-4, 3e-4, 1e-3)]
    edges = [sign * reach * (1.0 + step) for sign in (-1, 1) for reach in (8, 16, 32, 64) for step in (-1e-5, 1e-5)]
    return np.array(
        [*near, *EXTREMA, *rng.uniform(-6.0, 6.0, 40), *edges, -2000.0, -600.0, -100.0, 90.0, 700.0, 1500.0]
    )


def one_sided(activation, u, scale, direction):
    """Return M+ or M- of SAT eq. 3 by quadrature: the integral of abs(h'(u + direction t)) exp(-t/scale) over t > 0."""
    points = np.array([*activation.kinks, *(EXTREMA if isinstance(activation, Wave) else [])])
    result = []
    for each in u:
        breaks = direction * (np.concatenate([points, [-64.0, -24.0, -8.0, -3.0, 0.0, 3.0, 8.0, 24.0, 64.0]]) - each)
        breaks = np.concatenate([breaks, scale * np.array([1.0, 3.0, 9.0, 20.0])])
        breaks = np.unique([0.0, *breaks[(breaks > 0.0) & (breaks < 40.0 * scale)], 40.0 * scale])
        # Map each piece to [0, 1], to integrate all of them at once.
        start, width = breaks[:-1], np.diff(breaks)

        def integrand(share, each=each, start=start, width=width):
            t = start + share * width
            v = each + direction * t
            return np.abs(activation.derivative(v, activation.value(v))) * np.exp(-t / scale) * width

        result.append(quad_vec(integrand, 0.0, 1.0, epsabs=1e-10, epsrel=1e-9, norm="max")[0].sum())
    return np.array(result)


# SAT eq. 1


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("name", ["shrink", "relu", "satlinear", "trec", "tlin"])
def test_equation_1_is_the_distance_to_the_flat_region(name, threshold):
    """Eq. 1 equals the distance to the nearest point of a grid where a difference quotient of h is zero."""
    activation = as_activation(name, threshold)
    step = 1e-3
    grid = np.arange(-8000, 8001) * step
    rise = activation.value(grid[1:]) - activation.value(grid[:-1])
    flat = np.unique([*grid[:-1][rise == 0.0], *grid[1:][rise == 0.0]])
    flat = flat if len(flat) else np.zeros(1)  # shrink and tlin at 0: the point 0
    z = np.linspace(-4.0, 4.0, 403)
    distance = np.abs(z[:, None] - flat).min(axis=1)
    assert_allclose(complement(activation, z)[0], distance, atol=1.01 * step)


# SAT eq. 3


@pytest.mark.sampled(3)
@every_scale
@pytest.mark.parametrize("activation", BY_EQUATION_3, ids=name_of)
def test_equation_3_is_its_quadrature(activation, scale, rng):
    """The table agrees with direct quadrature of M+ and M-, in float32 to rounding."""
    u = some_u(activation, rng)[::3]
    expected = np.minimum(*(one_sided(activation, u, scale, direction) for direction in (1, -1)))
    assert_allclose(complement(activation, u, scale)[0], expected, rtol=1e-9, atol=1e-7)
    single = complement(activation, u.astype(np.float32), scale)[0]
    # A table from -32 to 32 rounds the position of u to 4e-6.
    assert single.dtype == np.float32
    assert_allclose(single, expected, rtol=1e-5, atol=4e-6)


@every_scale
@pytest.mark.parametrize("activation", BY_EQUATION_3, ids=name_of)
def test_derivative_of_equation_3(activation, scale, rng):
    """It is the difference quotient of the value, except at kinks: those of h, and the points where M+ and M- cross."""
    u, step = some_u(activation, rng), 1e-5

    def value(u):
        return complement(activation, u, scale)[0]

    slope = complement(activation, u, scale)[1]
    beside = [complement(activation, u + shift, scale)[1] for shift in (-step, step)]
    smooth = np.abs(beside[1] - beside[0]) < 1e-2  # no kink within a step
    assert smooth.mean() > 0.8
    quotient = difference_quotient(value, u, step)
    assert_allclose(slope[smooth], quotient[smooth], rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0, 1000.0])
@pytest.mark.parametrize("activation", [ReLU(), SatLinear()], ids=name_of)
def test_equation_3_saturates_the_distance(activation, scale):
    """For relu and satlinear, eq. 3 is s (1 - exp(-distance/s)), with the distance of eq. 1."""
    u = np.concatenate([np.linspace(-9.0, 9.0, 1801), [-1e4, 40.0, 1e4]])
    distance = complement(activation, u)[0]
    assert_allclose(complement(activation, u, scale)[0], -scale * np.expm1(-distance / scale), atol=1e-9 * scale)


@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), ReLU(), SatLinear()], ids=name_of)
def test_large_scales_tend_to_the_remaining_rise(activation):
    """As s grows, eq. 3 tends to min(h(inf) - h, h - h(-inf)): the distance of eq. 1 for relu and satlinear."""
    u = np.linspace(-6.0, 6.0, 241)
    low, high = activation.value(np.array([-1e6, 1e6]))
    limit = np.minimum(high - activation.value(u), activation.value(u) - low)
    errors = [np.abs(complement(activation, u, scale)[0] - limit).max() for scale in (10.0, 100.0, 1e4, 1e6)]
    assert errors[0] > 5.0 * errors[1] > 100.0 * errors[2]
    assert errors[3] < 1e-4
    if hasattr(activation, "complement"):
        assert_allclose(limit, activation.complement(u), atol=1e-12)


def test_no_scale_is_scale_1_where_there_is_no_flat_region(rng):
    """scale=None means eq. 3 at scale 1 for smooth units, and eq. 1 for units with a flat region."""
    u = rng.standard_normal(50)
    for activation in (Sigmoid(), Tanh(), Softplus(), Wave()):
        assert_array_equal(complement(activation, u), complement(activation, u, 1.0))
    for activation in (ReLU(), Shrink(0.5), SatLinear(), TRec(0.5), TLin(0.5)):
        assert_array_equal(complement(activation, u)[0], activation.complement(u))
        assert_array_equal(complement(activation, u)[1], activation.complement_derivative(u))


def test_symmetric_units_have_symmetric_complements():
    """tanh and sigmoid rise alike on both sides of 0; there M+ and M- cross and the complement is largest."""
    u = np.linspace(0.0, 20.0, 401)[1:]
    for activation in (Sigmoid(), Tanh()):
        for scale in (0.3, 1.0, 30.0):
            (right, slope), (left, other) = complement(activation, u, scale), complement(activation, -u, scale)
            assert_allclose(right, left, rtol=1e-9, atol=1e-14)
            assert_allclose(slope, -other, rtol=1e-6, atol=1e-9)
            assert (slope <= 0.0).all()
            assert (right < complement(activation, np.zeros(1), scale)[0]).all()


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_extrema_of_a_wave_are_plateaus_not_zeros(scale):
    """Where h' is zero at a single point, the complement does not vanish; it only stops changing (SAT figure 6)."""
    extrema = np.array(sorted(EXTREMA))
    assert_allclose(Wave().derivative(extrema, None), 0.0, atol=1e-12)
    value, slope = complement(Wave(), extrema[1:3], scale)
    highest = complement(Wave(), np.linspace(-6.0, 6.0, 1201), scale)[0].max()
    assert (value > 0.1 * highest).all()
    # There M' is M/s, up to sign: with a larger scale, the complement is flatter.
    assert_allclose(np.abs(slope), value / scale, atol=1e-3)
    assert complement(Wave(), np.array([-30.0, 30.0]), scale)[0].max() < 1e-6 * scale


def test_kinks_need_not_lie_on_a_grid(rng):
    """A flat region may have its edges anywhere, far off or close together: the table is as exact as for satlinear."""
    for low, high in ((-1.0 / 3.0, np.pi), (-1e-9, 1.0), (0.7, 0.7 + 1e-5), (30.0, 41.7)):
        u = np.concatenate([rng.uniform(low - 1.0, high + 1.0, 200), [low, high, 0.5 * (low + high), -700.0, 700.0]])
        distance = np.clip(np.minimum(u - low, high - u), 0.0, None)
        assert_allclose(complement(Ramp(low, high), u, 2.0)[0], -2.0 * np.expm1(-0.5 * distance), atol=1e-9)


# Arrays


@every_dtype
@pytest.mark.parametrize("scale", [None, 2.0])
@pytest.mark.parametrize("activation", [Tanh(), Softplus(), ReLU(), SatLinear()], ids=name_of)
def test_shape_and_dtype_are_those_of_u(activation, scale, dtype, rng):
    """Value and derivative are new arrays like u; u does not change, and may be read-only, strided or of any shape."""
    for u in (rng.standard_normal((2, 3, 4)), np.zeros((0, 3)), 9.0 * rng.standard_normal((8, 6)).T[::2]):
        given = u.astype(dtype)
        given.flags.writeable = False
        before = given.copy()
        for result in complement(activation, given, scale):
            assert result.dtype == dtype
            assert result.shape == u.shape
            assert not np.shares_memory(result, given)
        assert_array_equal(given, before)


@every_dtype
@pytest.mark.parametrize("scale", [None, 2.0])
@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), Softplus(), ReLU(), SatLinear()], ids=name_of)
def test_values_that_are_no_numbers(activation, scale, dtype):
    """NaN stays NaN and infinity gives the limit; neither warns or changes its neighbours."""
    u = np.array([0.3, np.nan, np.inf, -np.inf, -0.7], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        value, slope = complement(activation, u, scale)
    assert np.isnan(value[1])
    assert_array_equal(value[[0, 4]], complement(activation, u[[0, 4]], scale)[0])
    limits = complement(activation, np.array([1e30, -1e30], dtype=dtype), scale)[0]
    assert_array_equal(value[2:4], np.where(limits < 1e30, limits, np.inf))
    assert np.isfinite(slope[[0, 2, 3, 4]]).all()


@pytest.mark.parametrize("activation", [Sigmoid(), Tanh(), Softplus(), ReLU(), SatLinear(), Wave()], ids=name_of)
@every_dtype
def test_never_negative_and_never_above_its_bound(activation, dtype, rng):
    """The bounds 0 <= eq. 3 <= s max abs(h') hold, even where rounding decides."""
    u = np.concatenate([rng.uniform(-40.0, 40.0, 4000), np.geomspace(1e-30, 1e30, 61), -np.geomspace(1e-30, 1e30, 61)])
    grid = np.linspace(-40.0, 40.0, 40001)
    steepest = np.abs(activation.derivative(grid, activation.value(grid))).max()
    for scale in SCALES:
        value = complement(activation, u.astype(dtype), scale)[0]
        assert value.min() >= -1e-12 * scale
        assert value.max() <= scale * steepest * (1.0 + 1e-6)


# Activations without a complement


@pytest.mark.parametrize(
    ("activation", "scale", "words"),
    [
        (Identity(), None, "'identity' no complement: it is flat on neither side"),
        (Modulus(), None, "'modulus' no complement: it is flat on neither side"),
        (Synchrony(), None, "'synchrony' no complement: it is flat on neither side"),
        (Square(), None, "'square' no complement: it has a slope that is not constant beyond 512"),
        (Softmax(), None, "'softmax' no complement: it has no derivative"),
        (Max(), None, "'max' no complement: it has no derivative"),
        (Shrink(1.0), 1.0, "'shrink' no complement: it is flat on neither side"),
        (Shrink(20.0), 1.0, "'shrink' no complement: it is flat on neither side"),
        (Shrink(0.0), 1.0, "'shrink' no complement: it is flat on neither side"),
        (TRec(0.5), 1.0, "'trec' no complement: it jumps"),
        (TLin(0.5), 1.0, "'tlin' no complement: it jumps"),
        (Ramp(-1.0, 700.0), 1.0, "'ramp' no complement: it has a slope that is not constant beyond 512"),
        *((Tanh(), s, f"scale .* must be >= 0.01 and finite, got {s}") for s in (0.009, 0.0, -1.0, np.nan, np.inf)),
    ],
    ids=str,
)
def test_refusals(activation, scale, words):
    """The error for an activation without a complement says why, in one sentence."""
    with pytest.raises(ValueError, match=words) as caught:
        complement(activation, np.zeros(3), scale)
    assert "\n" not in str(caught.value)


def test_has_complement_tells_which_units_have_one():
    """The activations with a complement are those of the table in the documentation."""
    without = {"identity", "square", "modulus", "synchrony", "softmax", "max"}
    for activation in ALL_ACTIVATIONS:
        assert has_complement(activation) == (activation.name not in without), activation
    assert has_complement(Wave())
    assert has_complement(Ramp(-40.0, 2.0))


def test_a_complement_needs_its_derivative():
    """A class that forgets the derivative is refused where it is defined, not in the first step of a fit."""
    with pytest.raises(TypeError, match="Half defines complement, so it must define complement_derivative"):

        class Half(Ramp):
            name = "half"

            def complement(self, u, out=None):
                return np.maximum(0.0, 1.0 - np.abs(u), out=out)
