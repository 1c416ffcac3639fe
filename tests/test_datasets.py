"""Seeded data: curves, patches and rotating dots are as documented."""

import sys

import numpy as np
import pytest
from helpers import name_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_sample_images

from skae.datasets import make_circle, make_curve, make_rotating_dots, natural_patches

#: Every function, with arguments for few, small rows, and whether it also returns the values that X was made from.
FUNCTIONS = [
    (make_circle, {"n_samples": 7}, True),
    (make_curve, {"n_samples": 7, "noise": 0.1}, True),
    (natural_patches, {"n_samples": 7, "patch_size": 3}, False),
    (make_rotating_dots, {"n_samples": 7, "n_frames": 3, "size": 5}, True),
]
CURVES = ["arc", "line", "sine"]

every_function = pytest.mark.parametrize(("function", "arguments", "pair"), FUNCTIONS, ids=name_of)


def arrays(function, arguments, random_state):
    """Return the result of a function, as a tuple of arrays."""
    result = function(**arguments, random_state=random_state)
    return result if isinstance(result, tuple) else (result,)


@every_function
def test_a_seed_gives_the_same_data(function, arguments, pair):
    """An integer and a RandomState with that seed give the same; another integer and a second draw do not."""
    first = arrays(function, arguments, 3)
    assert len(first) == 1 + pair
    state = np.random.RandomState(3)
    for again in (arrays(function, arguments, 3), arrays(function, arguments, state)):
        for a, b in zip(first, again, strict=True):
            assert_array_equal(a, b)
    for other in (arrays(function, arguments, 4), arrays(function, arguments, state)):
        assert not np.array_equal(first[0], other[0])


@every_function
def test_the_global_state_is_left_alone(function, arguments, pair):
    """None gives other data each time. Neither None nor an integer reads or changes numpy's global generator."""
    before = np.random.get_state()  # noqa: NPY002
    first, second = arrays(function, arguments, None)[0], arrays(function, arguments, None)[0]
    arrays(function, arguments, 0)
    after = np.random.get_state()  # noqa: NPY002
    assert not np.array_equal(first, second)
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@every_function
def test_shapes(function, arguments, pair):
    """Data have the requested number of rows, and are finite and float64."""
    for n_samples in (1, np.int64(8)):
        result = arrays(function, {**arguments, "n_samples": n_samples}, 0)
        assert {len(array) for array in result} == {n_samples}
        assert {array.dtype for array in result} == {np.dtype(np.float64)}
        assert all(np.isfinite(array).all() for array in result)
        assert result[0].ndim == 2
        assert all(array.ndim == 1 for array in result[1:])


# Curves


def test_circle_lies_on_the_circle():
    """Without noise, points have the given radius and the returned angle; noise has the given deviation."""
    X, angle = make_circle(500, radius=2.5, noise=0.0, random_state=0)
    assert_allclose(np.hypot(*X.T), 2.5, rtol=1e-14)
    assert_allclose(X, 2.5 * np.column_stack([np.cos(angle), np.sin(angle)]), rtol=1e-14)
    assert angle.min() >= 0.0
    assert angle.max() < 2.0 * np.pi
    assert np.histogram(angle, bins=4, range=(0.0, 2.0 * np.pi))[0].min() > 90
    X, angle = make_circle(20000, noise=0.1, random_state=0)
    noise = X - np.column_stack([np.cos(angle), np.sin(angle)])
    assert_allclose(noise.std(axis=0), 0.1, rtol=0.03)
    assert_allclose(make_circle(5, radius=0.0, noise=0.0)[0], 0.0)


@pytest.mark.parametrize("shape", CURVES)
def test_curve_lies_on_the_curve(shape):
    """Without noise all points satisfy the curve's equation and lie in the square."""
    X, t = make_curve(500, shape=shape, random_state=0)
    assert np.abs(X).max() <= 1.0
    assert -1.0 <= t.min() < -0.9
    assert 0.9 < t.max() <= 1.0
    x, y = X.T
    implicit = {
        "arc": lambda: (x / 0.8) ** 2 + ((y + 0.8) / 1.2) ** 2 - 1.0,
        "line": lambda: 5.0 * x - 7.0 * y,
        "sine": lambda: y - 0.5 * np.sin(np.pi * x / 0.8),
    }
    assert_allclose(implicit[shape](), 0.0, atol=1e-12)
    order = np.argsort(t)
    assert (np.diff(x[order]) > 0.0).all()  # t runs along it


@pytest.mark.parametrize("shape", CURVES)
def test_noise_moves_the_points_of_the_curve(shape):
    """The same seed gives the same points, plus noise of the given deviation."""
    clean, t = make_curve(20000, shape=shape, random_state=0)
    noisy, same = make_curve(20000, shape=shape, noise=0.05, random_state=0)
    assert_array_equal(t, same)
    assert_allclose((noisy - clean).std(axis=0), 0.05, rtol=0.03)


# Patches


def is_crop(patch, image):
    """Return whether a patch (size, size, colours) occurs in an image."""
    size = len(patch)
    corners = np.argwhere((image[: 1 - size or None, : 1 - size or None] == patch[0, 0]).all(axis=-1))
    return any(np.array_equal(image[y : y + size, x : x + size], patch) for y, x in corners)


@pytest.mark.parametrize("color", [False, True], ids=["grey", "color"])
def test_patches_are_crops_of_the_photographs(color):
    """Every patch, in the layout of the docstring, occurs in its photograph; the two photographs take turns."""
    images = [image / 255.0 for image in load_sample_images().images]
    if not color:
        images = [image.mean(axis=2, keepdims=True) for image in images]
    X = natural_patches(20, 6, color=color, random_state=0)
    assert X.shape == (20, 36 * (3 if color else 1))
    assert X.min() >= 0.0
    assert X.max() <= 1.0
    patches = X.reshape(20, 6, 6, -1)
    assert [is_crop(patch, images[number % 2]) for number, patch in enumerate(patches)] == [True] * 20
    assert len(np.unique(X, axis=0)) == 20


def test_the_largest_and_the_smallest_patch():
    """A patch may be as high as the photographs, or a single pixel."""
    assert natural_patches(2, 427, random_state=0).shape == (2, 427**2)
    assert natural_patches(4, 1, color=True, random_state=0).shape == (4, 3)


def test_patches_need_pillow(monkeypatch):
    """Without Pillow, the error is one line that says what to install."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"natural_patches needs Pillow: pip install 'skae\[plot\]'") as caught:
        natural_patches(2, 3)
    assert "\n" not in str(caught.value)


# Rotating dots


class QuarterTurn(np.random.RandomState):
    """A random state that draws an angle of -90 or 90 degrees."""

    def uniform(self, low=0.0, high=1.0, size=None):
        if low < 0.0:
            return 90.0 * self.choice([-1.0, 1.0], size)
        return super().uniform(low, high, size)


@pytest.mark.parametrize("size", [1, 4, 5, 13])
def test_dots_turn_by_the_angle(size):
    """Frame t is frame 0 turned clockwise by t times the angle; for quarter turns this is exact."""
    X, angle = make_rotating_dots(12, n_frames=6, size=size, density=0.3, random_state=QuarterTurn(0))
    assert set(angle) == {-90.0, 90.0}
    frames = X.reshape(12, 6, size, size)
    for video, degrees in zip(frames, angle, strict=True):
        for t in range(6):
            assert_allclose(video[t], np.rot90(video[0], -int(np.sign(degrees)) * t), atol=1e-12)


@pytest.mark.parametrize("size", [5, 6])
def test_dots_that_do_not_turn(size):
    """With max_angle=0 all frames equal the first, which has zeros and ones in the given density."""
    X, angle = make_rotating_dots(300, n_frames=4, size=size, density=0.3, max_angle=0.0, random_state=0)
    frames = X.reshape(300, 4, size**2)
    assert_array_equal(angle, 0.0)
    assert set(np.unique(frames)) == {0.0, 1.0}
    assert_allclose(frames.mean(), 0.3, atol=0.02)
    assert_array_equal(frames, np.repeat(frames[:, :1], 4, axis=1))


@pytest.mark.parametrize("size", [5, 6])
def test_dots_stay_in_range(size):
    """Pixels lie in [0, 1]. A full image stays full, so no pixel comes from outside the larger image."""
    X, angle = make_rotating_dots(50, n_frames=5, size=size, density=0.2, max_angle=30.0, random_state=0)
    assert X.shape == (50, 5 * size**2)
    assert 0.0 <= X.min() < X.max() <= 1.0
    assert np.abs(angle).max() <= 30.0
    assert angle.min() < -20.0 < 20.0 < angle.max()
    assert_allclose(X.mean(), 0.2, atol=0.02)
    full = make_rotating_dots(50, n_frames=20, size=size, density=1.0, random_state=0)[0]
    assert_allclose(full, 1.0, rtol=1e-12)


# Refusals


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (make_circle, {"n_samples": 0}, "n_samples must be an integer >= 1, got 0"),
        (make_circle, {"n_samples": 2.5}, "n_samples must be an integer >= 1, got 2.5"),
        (make_circle, {"n_samples": True}, "n_samples must be an integer >= 1, got True"),
        (make_circle, {"radius": -1.0}, "radius must be a finite number >= 0, got -1.0"),
        (make_circle, {"noise": np.nan}, "noise must be a finite number >= 0, got nan"),
        (make_curve, {"shape": "spiral"}, "shape must be one of arc, line, sine, got 'spiral'"),
        (make_curve, {"noise": -0.1}, "noise must be a finite number >= 0, got -0.1"),
        (make_curve, {"noise": "much"}, "noise must be a finite number >= 0, got 'much'"),
        (make_curve, {"n_samples": -3}, "n_samples must be an integer >= 1, got -3"),
        (natural_patches, {"patch_size": 0}, "patch_size must be an integer >= 1, got 0"),
        (natural_patches, {"patch_size": 428}, "patch_size must be at most 427, got 428"),
        (natural_patches, {"n_samples": None}, "n_samples must be an integer >= 1, got None"),
        (make_rotating_dots, {"density": 0.0}, r"density must be in \(0, 1\], got 0.0"),
        (make_rotating_dots, {"density": 1.1}, r"density must be in \(0, 1\], got 1.1"),
        (make_rotating_dots, {"density": -1}, "density must be a finite number >= 0, got -1"),
        (make_rotating_dots, {"max_angle": np.inf}, "max_angle must be a finite number >= 0, got inf"),
        (make_rotating_dots, {"n_frames": 0}, "n_frames must be an integer >= 1, got 0"),
        (make_rotating_dots, {"size": "13"}, "size must be an integer >= 1, got '13'"),
        (make_circle, {"random_state": "now"}, "'now' cannot be used to seed"),
    ],
    ids=name_of,
)
def test_refusals(function, arguments, words):
    """Wrong arguments are refused in one sentence that says what would be right."""
    with pytest.raises(ValueError, match=words) as caught:
        function(**arguments)
    assert "\n" not in str(caught.value)
