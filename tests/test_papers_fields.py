"""Criteria of the studies of fields, biases and dots (`benchmarks/papers`), on inputs whose answers are known."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

FOLDER = Path(__file__).parents[1] / "benchmarks" / "papers"
if not FOLDER.is_dir():
    pytest.skip("the benchmarks are not here", allow_module_level=True)

FRAMES, SIDE = 10, 13


@pytest.fixture(scope="module")
def studies():
    """Import the studies as scripts do, from their own folder, and leave sys.path as it was."""
    path = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    try:
        names = ("energy_fields", "zae_biases", "zae_dots")
        yield dict(zip(names, map(importlib.import_module, names), strict=True))
    finally:
        sys.path[:] = path


@pytest.fixture(scope="module")
def dots(studies):
    return studies["zae_dots"]


@pytest.fixture(scope="module")
def biases(studies):
    return studies["zae_biases"]


@pytest.fixture(scope="module")
def fields(studies):
    return studies["energy_fields"]


def turning(order, speed, standing=False):
    """Return a filter of one angular order that turns by `speed` from frame to frame, shape (1, frames, side, side)."""
    y, x = np.mgrid[:SIDE, :SIDE] - 0.5 * (SIDE - 1)
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    ring = np.exp(-0.5 * (radius - 4.0) ** 2)
    phase = order * speed * np.arange(FRAMES)[:, None, None]
    if standing:
        return (ring * np.cos(order * angle) * np.cos(phase))[None]
    return (ring * np.cos(order * angle - phase))[None]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("speed", [0.0, 0.2, -0.3])
def test_a_turning_fourier_filter_is_rotational(dots, order, speed):
    """A pattern of one angular order that turns evenly has nearly all energy in this order, at full coherence."""
    share, found, coherence = dots.rotational(turning(order, speed))
    assert found[0] == order
    assert share[0] > 0.9
    assert coherence[0] > 0.95


def test_noise_is_not_rotational(dots, rng):
    """Noise has neither one angular order nor a steady phase."""
    share, _, coherence = dots.rotational(rng.standard_normal((50, FRAMES, SIDE, SIDE)))
    assert share.max() < dots.SHARE
    assert coherence.max() < dots.COHERENCE


def test_a_pattern_that_swings_is_not_coherent(dots):
    """A standing pattern that changes sign does not turn, though it has one angular order."""
    share, order, coherence = dots.rotational(turning(2, 0.6, standing=True))
    assert (order[0], share[0] > 0.9) == (2, True)
    assert coherence[0] < dots.COHERENCE


def test_rotational_takes_empty_filters_and_no_rings(dots):
    """A zero filter and a filter without angular change have no share of an order."""
    filters = np.zeros((2, FRAMES, SIDE, SIDE))
    filters[1] = 1.0
    share, _, coherence = dots.rotational(filters)
    assert_allclose(share, 0.0, atol=1e-20)
    assert np.isfinite(coherence).all()


@pytest.mark.parametrize("name", ["left", "right", "up", "down", "clockwise", "anticlockwise", "in", "out"])
def test_motions_move_as_they_are_named(dots, name, monkeypatch):
    """A bright dot right of and above the centre goes where the name of the motion says."""
    side = 2 * dots.VIDEO[1]
    y, x = np.mgrid[:side, :side] - 0.5 * (side - 1)
    image = np.exp(-0.25 * ((y + 5.0) ** 2 + (x - 5.0) ** 2))
    monkeypatch.setattr(dots, "still", lambda content, n, rng: np.repeat(image[None], n, axis=0))
    videos, labels = dots.motion_videos("dots", 1, np.random.default_rng(0))
    video = videos[list(labels).index(dots.MOTIONS.index(name))]
    places = [np.array(np.unravel_index(np.argmax(frame), frame.shape)) for frame in (video[0], video[-1])]
    (y0, x0), (y1, x1) = (place - 0.5 * (dots.VIDEO[1] - 1) for place in places)
    turn, growth = x0 * y1 - y0 * x1, np.hypot(y1, x1) - np.hypot(y0, x0)
    moved = {
        "left": x0 - x1,
        "right": x1 - x0,
        "up": y0 - y1,
        "down": y1 - y0,
        "clockwise": turn,  # rows count downwards
        "anticlockwise": -turn,
        "in": growth,
        "out": -growth,
    }
    assert moved[name] > 2.0


def test_super_blocks_have_the_blocks_of_their_places(dots):
    """`cut` takes 8 blocks of each super-block, which lie inside it."""

    class Corner:
        def transform(self, rows):
            return rows[:, [0, -1]]  # the first and the last pixel of a block

    numbers = np.arange(np.prod(dots.VIDEO), dtype=np.float64).reshape(1, *dots.VIDEO)
    found = dots.cut(numbers, Corner())
    assert found.shape == (1, 2 * 3 * 3, 8, 2)
    places = np.array(np.unravel_index(found.astype(int), dots.VIDEO))  # (3, 1, super-blocks, blocks, corners)
    low, high = places[..., 0].min(axis=-1), places[..., 1].max(axis=-1)
    assert (high - low + 1 == np.reshape(dots.SUPER, (3, 1, 1))).all()
    assert (places[..., 1] - places[..., 0] + 1 == np.reshape(dots.BLOCK, (3, 1, 1, 1))).all()


def test_extent_of_a_pixel_and_of_a_constant(biases):
    """The extent is 1 / P for a single pixel, and 1 for equal energy everywhere."""
    filters = np.zeros((2, 3, 8, 8))
    filters[0, 1, 2, 3] = -5.0
    filters[1] = 0.1
    assert_allclose(biases.extent(filters), [1.0 / 64.0, 1.0])


def test_extent_of_noise(biases, rng):
    """Noise has an extent of c / (c + 2) for c colours: this is what the study says of it."""
    assert_allclose(biases.extent(rng.standard_normal((20, 1, 32, 32))).mean(), 1.0 / 3.0, rtol=0.05)
    assert_allclose(biases.extent(rng.standard_normal((20, 3, 32, 32))).mean(), 3.0 / 5.0, rtol=0.05)


def test_roughness_of_noise_and_of_a_gradient(biases, rng):
    """Noise has a roughness near 1, a smooth ramp near 0."""
    noise = rng.standard_normal((5, 3, 32, 32))
    ramp = np.broadcast_to(np.linspace(-1.0, 1.0, 32), (1, 3, 32, 32))
    assert_allclose(biases.roughness(noise), 1.0, atol=0.1)
    assert biases.roughness(ramp)[0] < 0.01


def test_asymmetry_of_tied_and_of_opposed_weights(fields, rng):
    """Tied weights have a symmetric Jacobian; W = (a; b), V = (b; -a) has an antisymmetric one."""
    W = rng.standard_normal((6, 4))
    assert_allclose(fields.asymmetry(W, W, rng.uniform(size=(3, 6))), 0.0, atol=1e-12)
    a, b = rng.standard_normal((2, 4))
    assert_allclose(fields.asymmetry(np.stack([a, b]), np.stack([b, -a]), np.ones((2, 2))), 1.0)


def test_both_fields_lead_to_a_fixed_point(fields):
    """With a constant reconstruction, r(x) - x and the log-odds field end there."""

    class Constant:
        def reconstruct(self, X):
            return np.full_like(X, 0.3)

    starts = np.array([[0.0, 0.5], [1.0, 0.2]])
    for field in ("plain", "log-odds"):
        assert_allclose(fields.followed(Constant(), starts, field, 60), 0.3, rtol=1e-9)
