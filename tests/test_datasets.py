"""Seeded data: curves, patches, rotating dots, rectangles, convex sets and varied digits are as documented."""

import itertools
import sys
from functools import partial

import numpy as np
import pytest
from helpers import name_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.spatial import ConvexHull
from sklearn.datasets import load_digits, load_sample_images

from skae.datasets import (
    make_circle,
    make_convex,
    make_curve,
    make_digit_variations,
    make_rectangles,
    make_rectangles_image,
    make_rotating_dots,
    natural_patches,
)

VARIATIONS = ["rot", "rand", "back-img", "rot-back-img"]


def digits(n_samples=1797):
    """Digits of scikit-learn, each pixel three times as high and as wide, and their labels."""
    images = load_digits().images[:n_samples] / 16
    large = images.repeat(3, axis=1).repeat(3, axis=2)
    return np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784), load_digits().target[:n_samples]


def varied_digits(n_samples, variation, random_state):
    """Varied digits by their number."""
    return make_digit_variations(*digits(n_samples), variation=variation, random_state=random_state)


#: Every function, with arguments for few, small rows, and whether it also returns the values that X was made from.
FUNCTIONS = [
    (make_circle, {"n_samples": 7}, True),
    (make_curve, {"n_samples": 7, "noise": 0.1}, True),
    (natural_patches, {"n_samples": 7, "patch_size": 3}, False),
    (make_rotating_dots, {"n_samples": 7, "n_frames": 3, "size": 5}, True),
    (make_rectangles, {"n_samples": 7}, True),
    (make_rectangles_image, {"n_samples": 7}, True),
    (make_convex, {"n_samples": 7}, True),
    *((varied_digits, {"n_samples": 7, "variation": variation}, True) for variation in VARIATIONS),
]
IMAGES = (make_rectangles, make_rectangles_image, make_convex, varied_digits)
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
    """Data have the requested number of rows, and are finite and float64; images are float32, with integer labels."""
    for n_samples in (1, np.int64(8)):
        result = arrays(function, {**arguments, "n_samples": n_samples}, 0)
        assert {len(array) for array in result} == {n_samples}
        if function in IMAGES:
            assert result[0].dtype == np.float32
            assert result[1].dtype == np.int64
            assert result[0].shape == (n_samples, 784)
        else:
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


# Images with many factors of variation


@pytest.mark.parametrize("function", [make_rectangles, make_rectangles_image, make_convex])
@pytest.mark.parametrize("n_samples", [1, 100, 101])
def test_classes_are_balanced(function, n_samples):
    """Half of the images have each label, in random order; the odd one has label 0."""
    y = function(n_samples, random_state=0)[1]
    assert_array_equal(np.bincount(y, minlength=2), [n_samples - n_samples // 2, n_samples // 2])
    assert n_samples == 1 or len(set(y[:10])) == 2


def boxes(images):
    """Top, left, height and width of what is not 0 in each image."""
    rows, columns = images.any(axis=2), images.any(axis=1)
    return np.column_stack(
        [rows.argmax(axis=1), columns.argmax(axis=1), rows[:, ::-1].argmax(axis=1), columns[:, ::-1].argmax(axis=1)]
    ) @ np.array([[1, 0, -1, 0], [0, 1, 0, -1], [0, 0, -1, 0], [0, 0, 0, -1]]) + [0, 0, 28, 28]


def outline(top, left, height, width):
    """The outline of a rectangle, drawn by its four sides."""
    image = np.zeros((28, 28))
    bottom, right = top + height - 1, left + width - 1
    image[[top, bottom], left : right + 1] = 1.0
    image[top : bottom + 1, [left, right]] = 1.0
    return image


def test_rectangles_are_one_outline():
    """Each image is the outline of its bounding box, and the label says which side is longer."""
    X, y = make_rectangles(3000, random_state=0)
    images = X.reshape(-1, 28, 28)
    found = boxes(images)
    for image, box in zip(images, found, strict=True):
        assert_array_equal(image, outline(*box))
    top, left, height, width = found.T
    assert_array_equal(y, height > width)
    assert np.abs(height - width).min() == 3
    assert {height.min(), width.min()} == {3}
    assert {height.max(), width.max()} == {28}
    assert (top + height).max() == (left + width).max() == 28
    assert top.min() == left.min() == 0


def test_rectangles_have_uniform_sizes():
    """Every allowed pair of sizes is equally likely, and so is every place that it fits in."""
    top, left, height, width = boxes(make_rectangles(60_000, random_state=0)[0].reshape(-1, 28, 28)).T
    allowed = [(h, w) for h in range(3, 29) for w in range(3, 29) if abs(h - w) >= 3]
    counts = np.array([((height == h) & (width == w)).sum() for h, w in allowed])
    assert counts.sum() == 60_000
    expected = 60_000 / len(allowed)
    # The statistic of Pearson has mean k - 1 and variance 2 (k - 1).
    freedom = len(allowed) - 1
    assert abs(((counts - expected) ** 2 / expected).sum() - freedom) < 4.0 * np.sqrt(2.0 * freedom)
    for place, size in ((top, height), (left, width)):
        share = 1.0 / (29 - size)
        for edge in (0, 28 - size):
            assert abs((place == edge).sum() - share.sum()) < 4.0 * np.sqrt((share * (1.0 - share)).sum())


def ramps():
    """Two photographs whose pixels tell where they are from: one dark, one bright; no value occurs twice in either."""
    rows, columns = np.indices((40, 50))
    position = (rows * 50 + columns) / 2000
    stripes = 0.2 * (columns % 2)
    return [0.2 * position + stripes, 0.6 + 0.19 * position + stripes]


def test_rectangles_image_are_two_patches():
    """The inside of a rectangle is a patch of one photograph, the outside a patch of another one."""
    photographs = [image.astype(np.float32) for image in ramps()]
    X, y = make_rectangles_image(600, photographs=photographs, random_state=0)
    images = X.reshape(-1, 28, 28)
    windows = [np.lib.stride_tricks.sliding_window_view(image, (28, 28)) for image in photographs]
    kinds = set()
    for image, label in zip(images, y, strict=True):
        inside = []
        for number in (0, 1):
            part = (image > 0.5) == bool(number)
            # The place in the photograph of the part's first pixel, where it occurs once.
            row, column = np.argwhere(part)[0]
            place = np.argwhere(photographs[number] == image[row, column])[0] - (row, column)
            assert_array_equal(image[part], windows[number][tuple(place)][part])
            if is_allowed_rectangle(part, label):
                inside.append(number)
        assert inside  # both, if the rectangle reaches from edge to edge
        kinds.update(inside)
    assert kinds == {0, 1}


def is_allowed_rectangle(part, label):
    """Return whether a part of an image is a full rectangle of the sizes of the paper, as tall or wide as it says."""
    _, _, height, width = boxes(part[None])[0]
    return (
        part.sum() == height * width
        and min(height, width) >= 10
        and 196 <= height * width <= 588
        and (height - width if label else width - height) >= 5
    )


def test_three_photographs_meet_in_all_pairs():
    """With more photographs than two, inside and outside never come from the same one."""
    rng = np.random.default_rng(0)
    photographs = [low + 0.25 * rng.random((30, 30)) for low in (0.0, 0.35, 0.7)]
    X = make_rectangles_image(300, photographs=photographs, random_state=0)[0]
    kinds = np.digitize(X, [0.3, 0.67])
    assert {len(set(row)) for row in kinds} == {2}
    assert {tuple(sorted(set(row))) for row in kinds} == {(0, 1), (0, 2), (1, 2)}


def test_patches_have_texture():
    """Patches of low deviation are not taken, and all others are."""
    photograph = np.full((28, 60), 0.5)
    photograph[::2, 40:] = 0.7  # a patch of 28 columns has stripes in its last ones
    X = make_digit_variations(np.zeros((400, 784)), variation="back-img", photographs=[photograph], random_state=0)
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (28, 28))[0]
    textured = windows[windows.std(axis=(1, 2)) >= 0.05].reshape(-1, 784).astype(np.float32)
    assert 0 < len(textured) < len(windows)
    assert_array_equal(np.unique(X, axis=0), np.unique(textured, axis=0))


def hull_pixels(image):
    """The pixels (28, 28) whose centres lie in the convex hull of the white ones' centres.

    Centres outside are farther than 1/40 from its edges, since these join pixels. So the points get a little width,
    and a hull of points on a line is no special case.
    """
    points = np.argwhere(image)[:, None] + 1e-3 * np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
    equations = ConvexHull(points.reshape(-1, 2)).equations
    pixels = np.indices((28, 28)).reshape(2, -1)
    return (equations[:, :2] @ pixels + equations[:, 2:] <= 0.0).all(axis=0).reshape(28, 28)


def test_convex_sets_are_convex_and_others_are_not():
    """A white set has all the pixels of its convex hull if it has label 1, and lacks some if not."""
    X, y = make_convex(800, random_state=0)
    assert set(np.unique(X)) == {0.0, 1.0}
    lacking = np.array([(hull_pixels(image) & (image == 0)).sum() for image in X.reshape(-1, 28, 28)])
    assert_array_equal(lacking == 0, y == 1)
    assert np.median(lacking[y == 0]) > 20
    assert X[y == 1].sum(axis=1).min() >= 19


def test_midpoints_of_convex_sets():
    """The pixel halfway between two white pixels is white too, in a convex set."""
    X, y = make_convex(60, random_state=1)
    for image in X[y == 1].reshape(-1, 28, 28):
        points = np.argwhere(image)[:: max(1, len(np.argwhere(image)) // 60)]
        for a, b in itertools.combinations(points, 2):
            if not ((a + b) % 2).any():
                assert image[tuple((a + b) // 2)] == 1.0


def test_convexity_is_exact_for_sets_by_hand():
    """A gap, a hole, a notch, an empty row, and a single missing pixel are seen; lines and points are convex."""
    from skae.datasets._convex import _is_convex

    square, line, diagonal, point = np.zeros((4, 28, 28), dtype=bool)
    square[5:20, 6:22] = line[3, 4:9] = diagonal[range(9), range(9)] = point[27, 27] = True
    slope = np.zeros((28, 28), dtype=bool)
    slope[[0, 2], [0, 1]] = True  # no pixel between these two
    convex = [square, line, diagonal, point, slope, np.ones_like(square), np.zeros_like(square)]
    assert _is_convex(np.stack(convex).reshape(-1, 784)).all()
    hole, notch, corner, gap = square.copy(), square.copy(), square.copy(), diagonal.copy()
    hole[10, 10] = notch[5, 12] = gap[4, 4] = False
    corner[3, 6] = True  # two rows above the square's corner
    others = [hole, notch, corner, gap, square | point]
    assert not _is_convex(np.stack(others).reshape(-1, 784)).any()


def test_both_classes_have_as_many_white_pixels():
    """The mean number of white pixels does not tell the classes, as in the paper."""
    X, y = make_convex(4000, random_state=0)
    pixels = X.sum(axis=1)
    assert abs(pixels[y == 1].mean() - pixels[y == 0].mean()) < 25
    assert 0.3 < X[y == 1].all(axis=1).mean() < 0.4
    assert not X[y == 0].all(axis=1).any()


class Turn(np.random.RandomState):
    """A random state that turns every digit by the same angle."""

    def __init__(self, angle):
        super().__init__(0)
        self.angle = angle

    def uniform(self, low=0.0, high=1.0, size=None):
        assert (low, high) == (0.0, 2.0 * np.pi)
        return np.full(size, self.angle)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact(quarters):
    """A digit that is turned by a right angle is the turned image, anticlockwise."""
    X, y = digits(20)
    turned, same = make_digit_variations(X, y, random_state=Turn(0.5 * np.pi * quarters))
    expected = np.rot90(X.reshape(-1, 28, 28), quarters, axes=(1, 2)).reshape(20, 784)
    assert_allclose(turned, expected, atol=1e-6)
    assert same is y


def test_turns_keep_ink_and_distance():
    """Turned digits have as much ink, as far from the centre, in directions all around."""
    blob = np.zeros((28, 28))
    blob[4:8, 11:17] = 1.0
    X = np.tile(blob.ravel(), (2000, 1))
    turned = make_digit_variations(X, random_state=0).astype(np.float64)
    assert_allclose(turned.sum(axis=1), 24.0, rtol=0.03)
    y, x = np.indices((28, 28)).reshape(2, -1) - 13.5
    centre = np.column_stack([turned @ x, turned @ -y]) / turned.sum(axis=1, keepdims=True)
    assert_allclose(np.hypot(*centre.T), 8.0, rtol=0.02)
    counts = np.histogram(np.arctan2(*centre.T[::-1]), bins=8, range=(-np.pi, np.pi))[0]
    assert counts.min() > 200


def test_backgrounds_stand_behind_the_digits():
    """A pixel is the digit's or the background's, the brighter one."""
    X = digits(300)[0].astype(np.float32)
    for variation in ("rand", "back-img"):
        varied = make_digit_variations(X, variation=variation, random_state=0)
        background = make_digit_variations(np.zeros_like(X), variation=variation, random_state=0)
        assert_array_equal(varied, np.maximum(X, background))
        assert_array_equal(varied[X == 1.0], 1.0)
        assert len(np.unique(background, axis=0)) > 250
    noise = make_digit_variations(0.0 * X, variation="rand", random_state=0)
    assert_allclose(np.histogram(noise, bins=5, range=(0.0, 1.0))[0] / noise.size, 0.2, atol=0.01)


def test_turned_digits_before_photographs():
    """The digits of "rot-back-img" are those of "rot" with the same seed, before patches that are not turned."""
    X = digits(50)[0]
    photographs = ramps()
    turned = make_digit_variations(X, variation="rot", random_state=0)
    both = make_digit_variations(X, variation="rot-back-img", photographs=photographs, random_state=0)
    background = make_digit_variations(
        np.zeros_like(X), variation="rot-back-img", photographs=photographs, random_state=0
    )
    assert_array_equal(both, np.maximum(turned, background))
    windows = [np.lib.stride_tricks.sliding_window_view(image.astype(np.float32), (28, 28)) for image in photographs]
    for patch in background.reshape(-1, 28, 28):
        assert any((patch == window).all(axis=(2, 3)).any() for window in windows)


def test_default_photographs():
    """Without photographs, patches come from scikit-learn's two, in grey."""
    images = [image.mean(axis=2, keepdims=True) / 255.0 for image in load_sample_images().images]
    images = [image.astype(np.float32) for image in images]
    X = make_digit_variations(np.zeros((12, 784)), variation="back-img", random_state=0)
    found = [[is_crop(patch, image) for image in images] for patch in X.reshape(-1, 28, 28, 1)]
    assert_array_equal(np.sum(found, axis=1), 1)
    assert np.min(np.sum(found, axis=0)) > 0


@pytest.mark.parametrize("variation", ["rot", "rand"])
def test_angles_and_noise_are_those_of_fewer_rows(variation):
    """More digits do not change what happens to the first ones, across the chunks in which noise is drawn."""
    X = np.tile(digits(5)[0], (1000, 1)).astype(np.float32)
    vary = partial(make_digit_variations, variation=variation, random_state=0)
    assert_array_equal(vary(X[:4500]), vary(X)[:4500])


@pytest.mark.parametrize("variation", VARIATIONS)
def test_bytes_and_floats_are_the_same_digits(variation):
    """Integers from 0 to 255 stand for as many parts of 255, in any dtype; X is left alone."""
    X = np.round(255 * digits(5)[0]).astype(np.uint8)
    vary = partial(make_digit_variations, variation=variation, random_state=0)
    expected, before = vary(X), X.copy()
    assert_array_equal(X, before)
    assert_array_equal(vary(X.astype(np.int64)), expected)
    floats = X.astype(np.float32) / np.float32(255.0)
    assert_array_equal(vary(floats), expected)
    assert_array_equal(floats, X.astype(np.float32) / np.float32(255.0))
    assert_array_equal(vary(floats.tolist()), expected)


@pytest.mark.parametrize(
    "make", [make_rectangles_image, partial(make_digit_variations, np.zeros((2, 784)), variation="back-img")]
)
def test_images_need_pillow_or_photographs(make, monkeypatch):
    """Without Pillow, the error is one line that says what to do, and photographs of one's own work."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"need Pillow: pip install 'skae\[plot\]', or give") as caught:
        make()
    assert "\n" not in str(caught.value)
    make(photographs=ramps())


# Refusals


def vary(X=np.zeros((3, 784)), **arguments):  # noqa: B008
    """Vary three black images."""
    return make_digit_variations(X, **arguments)


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
        (
            make_circle,
            {"random_state": "now"},
            "random_state must be an integer from 0 to 4294967295, a RandomState or None, got 'now'",
        ),
        (make_convex, {"random_state": -1}, "random_state must be .* got -1"),
        (make_curve, {"random_state": 2**32}, "random_state must be .* got 4294967296"),
        (natural_patches, {"random_state": 2.5}, "random_state must be .* got 2.5"),
        (make_rectangles, {"n_samples": 0}, "n_samples must be an integer >= 1, got 0"),
        (make_convex, {"n_samples": 1.5}, "n_samples must be an integer >= 1, got 1.5"),
        (make_rectangles_image, {"n_samples": "many"}, "n_samples must be an integer >= 1, got 'many'"),
        (make_rectangles_image, {"photographs": [np.eye(30)]}, "photographs must have at least 2 images, got 1"),
        (make_rectangles_image, {"photographs": []}, r"must be a sequence of grey images, .* got \[\]"),
        (make_rectangles_image, {"photographs": "china.jpg"}, "must be a sequence of grey images, .* got 'china.jpg'"),
        (make_rectangles_image, {"photographs": np.eye(30)}, r"photographs\[0\] must be .* got shape \(30,\)"),
        (
            make_rectangles_image,
            {"photographs": [np.eye(30), np.ones((30, 30, 3))]},
            r"photographs\[1\] must be a grey image of 2 dimensions, at least 28 x 28 pixels, got shape \(30, 30, 3\)",
        ),
        (make_rectangles_image, {"photographs": [np.eye(27)]}, r"at least 28 x 28 pixels, got shape \(27, 27\)"),
        (make_rectangles_image, {"photographs": [2 * np.eye(30)]}, r"photographs\[0\] must have .* from 0.0 to 2.0"),
        (
            make_rectangles_image,
            {"photographs": [np.eye(30), np.ones((30, 30))]},
            r"photographs\[1\] has too little texture: .* deviation of 0.05 or more",
        ),
        (vary, {"variation": "rotate"}, "variation must be one of rot, rand, back-img, rot-back-img, got 'rotate'"),
        (vary, {"variation": None}, "variation must be one of .* got None"),
        (vary, {"X": np.zeros((3, 64))}, r"X must have shape \(n_samples, 784\), .* got \(3, 64\)"),
        (vary, {"X": np.zeros((0, 784))}, r"X must have shape \(n_samples, 784\), .* got \(0, 784\)"),
        (vary, {"X": np.zeros((3, 28, 28))}, r"X must have shape \(n_samples, 784\), .* got \(3, 28, 28\)"),
        (vary, {"X": np.full((3, 784), 255.0)}, r"integers from 0 to 255 or .* got float64 from 255.0 to 255.0"),
        (vary, {"X": np.full((3, 784), -1)}, "integers from 0 to 255 or .* got int64 from -1 to -1"),
        (vary, {"X": np.full((3, 784), np.nan)}, "got float64 from nan to nan"),
        (vary, {"X": np.full((3, 784), "7")}, "X must have integers .* got dtype <U1"),
        (vary, {"X": np.ones((3, 784), dtype=np.uint8)}, "got integers 0 and 1 only; if 1 is white, give floating"),
        (vary, {"X": [[0.1] * 784, [0.2]]}, "X must be an array, and its rows do not make one"),
        (vary, {"X": csr_matrix((3, 784))}, r"X must be dense, got a csr_matrix; give X.toarray\(\)"),
        (
            make_rectangles_image,
            {"photographs": [[[0.5], [0.5, 0.5]]]},
            r"photographs\[0\] must be an array, and its rows do not make one",
        ),
        (vary, {"y": [1, 2]}, r"y must have a label for each of the 3 rows of X, got shape \(2,\)"),
        (vary, {"y": "rot"}, r"y must have a label for each of the 3 rows of X, got shape \(\)"),
        (
            vary,
            {"random_state": "now"},
            "random_state must be an integer from 0 to 4294967295, a RandomState or None, got 'now'",
        ),
    ],
    ids=name_of,
)
def test_refusals(function, arguments, words):
    """Wrong arguments are refused in one sentence that says what would be right."""
    with pytest.raises(ValueError, match=words) as caught:
        function(**arguments)
    assert "\n" not in str(caught.value)
