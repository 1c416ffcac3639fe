"""Corruptions: what they do to the rows, what they do not change, which levels they take; corrupted batches."""

import dataclasses
import math

import numpy as np
import pytest
from helpers import check_value_object, is_frozen, name_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats

from skae import DenoisingAutoencoder
from skae.corruption import (
    CORRUPTIONS,
    Corruption,
    Gaussian,
    Masking,
    SaltAndPepper,
    as_corruption,
    register_corruption,
)
from skae.training._batches import Batches
from skae.training._ranges import feature_range

ALL_CORRUPTIONS = [cls(level=0.3) for cls in CORRUPTIONS.values()]

every_corruption = pytest.mark.parametrize("corruption", ALL_CORRUPTIONS, ids=name_of)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=name_of)
bounded = pytest.mark.parametrize("cls", [Masking, SaltAndPepper], ids=name_of)


def make_X(rng, n=5000, d=4):
    """Return rows without a zero, each feature with its own range."""
    return (1.0 + rng.random((n, d))) * [1.0, -2.0, 30.0, 0.1][:d]


def corrupt(corruption, X, seed=7):
    """Return corrupted rows, written to memory full of NaN; give the ranges of X if the corruption uses them."""
    out = np.full(X.shape, np.nan, dtype=X.dtype)
    ranges = {"low": X.min(axis=0), "high": X.max(axis=0)} if corruption.uses_range else {}
    result = corruption.apply(X, np.random.default_rng(seed), out, **ranges)
    assert result is out
    return result


# What is done to the rows


@every_dtype
@pytest.mark.parametrize("level", [0.2, 1.0, 5.0])
def test_gaussian_adds_independent_normal_noise(level, dtype, rng):
    """The difference to X is normal with mean 0 and standard deviation `level`, independent of X and of itself."""
    X = rng.standard_normal((20_000, 3)).astype(dtype)
    noise = (corrupt(Gaussian(level), X) - X).astype(np.float64) / level
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    both = np.hstack([noise, X, np.roll(noise, 1, axis=0)])
    correlation = np.corrcoef(both.T) - np.eye(9)
    assert np.abs(correlation[:3]).max() < 0.03


def assert_probability(happened, probability):
    """Assert that an event happened with this probability: overall, in each feature, and independently in rows."""
    n, d = happened.shape
    tolerance = 5.0 * math.sqrt(probability * (1.0 - probability))
    assert happened.mean() == pytest.approx(probability, abs=tolerance / math.sqrt(n * d))
    assert_allclose(happened.mean(axis=0), probability, atol=tolerance / math.sqrt(n))
    counts = happened.sum(axis=1)
    assert counts.var() == pytest.approx(d * probability * (1.0 - probability), rel=0.15)


@every_dtype
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_masking_sets_features_to_zero(level, dtype, rng):
    """Each feature becomes 0 with probability `level`, independently of the others; else it keeps its bits."""
    X = make_X(rng).astype(dtype)
    noisy = corrupt(Masking(level), X)
    masked = noisy == 0.0
    assert_probability(masked, level)
    assert_array_equal(noisy[~masked], X[~masked])


@every_dtype
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_salt_and_pepper_uses_each_features_range(level, dtype, rng):
    """With probability `level` a feature takes its own smallest or largest value, each in half of the cases."""
    X = make_X(rng).astype(dtype)
    noisy = corrupt(SaltAndPepper(level), X)
    changed = noisy != X
    low, high = np.broadcast_to(X.min(axis=0), X.shape), np.broadcast_to(X.max(axis=0), X.shape)
    assert (changed <= ((noisy == low) | (noisy == high))).all()
    assert_probability(changed, level)
    assert_probability(changed & (noisy == low), 0.5 * level)
    assert_probability(changed & (noisy == high), 0.5 * level)


def test_salt_and_pepper_takes_the_range_it_is_given(rng):
    """The values come from `low` and `high`, which may lie outside the range of the given rows."""
    X, out = make_X(rng, n=50), np.empty((50, 4))
    low, high = np.array([-1.0, -2.0, -3.0, -4.0]), np.array([100.0, 200.0, 300.0, 400.0])
    SaltAndPepper(1.0).apply(X, rng, out, low=low, high=high)
    for column, a, b in zip(out.T, low, high, strict=True):
        assert set(column) == {a, b}


def test_salt_and_pepper_asks_for_the_range(rng):
    """Without the features' range, the error is a sentence, not numpy's error from the depths."""
    X = rng.uniform(size=(5, 2))
    with pytest.raises(ValueError, match="salt_and_pepper needs low and high"):
        SaltAndPepper(0.5).apply(X, rng, np.empty_like(X))


def test_salt_and_pepper_of_a_constant_feature(rng):
    """A feature that does not vary does not change."""
    X = np.column_stack([np.full(40, 7.0), rng.standard_normal(40)])
    assert_array_equal(corrupt(SaltAndPepper(0.8), X)[:, 0], 7.0)


@every_dtype
@every_corruption
def test_level_zero_is_the_identity(corruption, dtype, rng):
    """At level 0 no bit changes."""
    X = make_X(rng, n=300).astype(dtype)
    assert_array_equal(corrupt(dataclasses.replace(corruption, level=0.0), X), X)


@every_dtype
def test_level_one_leaves_nothing(dtype, rng):
    """At level 1 masking leaves only zeros; salt and pepper leaves only extremes, both equally often."""
    X = make_X(rng).astype(dtype)
    assert_array_equal(corrupt(Masking(1.0), X), 0.0)
    noisy = corrupt(SaltAndPepper(1.0), X)
    salt = noisy == X.max(axis=0)
    assert_array_equal(noisy, np.where(salt, X.max(axis=0), X.min(axis=0)))
    assert_probability(salt, 0.5)


@every_corruption
def test_a_higher_level_corrupts_more_in_the_same_places(corruption, rng):
    """With the same seed, a higher level corrupts the same places and more, so a search over levels is fair."""
    X = make_X(rng, n=300)
    little, more = (corrupt(dataclasses.replace(corruption, level=level), X) for level in (0.2, 0.6))
    if isinstance(corruption, Gaussian):
        assert_allclose(more - X, 3.0 * (little - X), rtol=1e-9, atol=1e-12)
    else:
        changed = little != X
        assert_array_equal(more[changed], little[changed])
        assert (more != X).sum() > 2 * changed.sum()


# What every corruption must satisfy


@every_dtype
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (70, 1), (70, 4)], ids=str)
@every_corruption
def test_writes_to_out_alone(corruption, shape, order, dtype, rng):
    """`apply` only reads its input; it fills and returns `out` in its own dtype, for any shape and memory order."""
    X = np.array(make_X(rng, *shape), dtype=dtype, order=order)
    before = X.copy()
    X.flags.writeable = False
    noisy = corrupt(corruption, X)
    assert noisy.dtype == dtype
    assert np.isfinite(noisy).all()
    assert not np.shares_memory(noisy, X)
    assert_array_equal(X, before)


@every_dtype
@every_corruption
def test_the_generator_decides(corruption, dtype, rng):
    """The same seed gives the same bits; another seed, or a second call, gives others."""
    X = make_X(rng, n=50).astype(dtype)
    first = corrupt(corruption, X)
    assert_array_equal(corrupt(corruption, X), first)
    assert not np.array_equal(corrupt(corruption, X, seed=8), first)
    generator, ranges = np.random.default_rng(7), {"low": X.min(axis=0), "high": X.max(axis=0)}
    calls = [corruption.apply(X, generator, np.empty_like(X), **ranges) for _ in range(2)]
    assert_array_equal(calls[0], first)
    assert not np.array_equal(calls[1], first)


@every_corruption
def test_memory_order_and_global_generator_play_no_part(corruption, rng):
    """The noise depends on neither X's memory order nor numpy's global generator."""
    X = make_X(rng, n=50)
    expected = corrupt(corruption, X)
    np.random.seed(3)  # noqa: NPY002
    assert_array_equal(corrupt(corruption, np.asfortranarray(X)), expected)


# Levels


@every_corruption
@pytest.mark.parametrize("level", [-0.1, math.nan, math.inf, -math.inf])
def test_impossible_levels_are_refused(corruption, level):
    """The error is one sentence: which corruption, what its level must be, and what it got."""
    limits = "finite" if isinstance(corruption, Gaussian) else "<= 1"
    words = f"^the noise level of '{corruption.name}' must be >= 0 and {limits}, got {level!r}$"
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(corruption, level=level)


@bounded
def test_a_probability_above_one_is_refused(cls):
    """A standard deviation may exceed 1, a probability may not."""
    with pytest.raises(ValueError, match=f"the noise level of '{cls.name}' must be >= 0 and <= 1, got 1.01"):
        cls(1.01)
    assert cls(1).level == 1.0
    assert Gaussian(1.01).level == 1.01


@every_corruption
def test_level_is_kept_as_a_python_float(corruption):
    """level becomes a Python float: a numpy level, as from a parameter grid, would promote float32 arrays."""
    for level in (np.float64(0.25), np.float32(0.25), np.int64(1), 1):
        assert type(dataclasses.replace(corruption, level=level).level) is float


# Names and instances


@every_corruption
def test_is_a_value_object(corruption):
    """Instances can be shared, compared, hashed, cloned and sent to worker processes."""
    check_value_object(corruption)
    assert dataclasses.replace(corruption, level=0.7) != corruption
    assert is_frozen(corruption, "uses_range")


def test_names():
    """The three built-in corruptions have the names of the docstring."""
    expected = {"gaussian": Gaussian, "masking": Masking, "salt_and_pepper": SaltAndPepper}
    assert dict(CORRUPTIONS) == expected
    assert [line.split()[0] for line in CORRUPTIONS.describe().splitlines()] == list(expected)
    assert {cls for cls in expected.values() if cls.uses_range} == {SaltAndPepper}


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_as_corruption_takes_names_and_instances(name):
    """The given level replaces the instance's own in a copy; the instance does not change."""
    corruption = as_corruption(name, 0.25)
    assert type(corruption) is CORRUPTIONS[name]
    assert corruption.level == 0.25
    assert as_corruption(corruption, 0.5) == as_corruption(name, 0.5)
    assert corruption.level == 0.25


def test_as_corruption_lists_the_names_it_knows():
    """The error for a misspelt name lists all names."""
    with pytest.raises(ValueError, match="no corruption is called 'gausian'") as caught:
        as_corruption("gausian", 0.1)
    assert all(name in str(caught.value) for name in CORRUPTIONS)


@pytest.mark.parametrize("wrong", [None, 0.1, Gaussian], ids=repr)
def test_as_corruption_refuses_other_types(wrong):
    """A class in place of an instance raises a TypeError that says what would be right."""
    with pytest.raises(TypeError, match=r"a name or an instance of skae\.corruption\.Corruption, got "):
        as_corruption(wrong, 0.1)


def test_as_corruption_refuses_impossible_levels():
    """The level is checked for a name and for an instance."""
    for noise in ("masking", Masking(0.1)):
        with pytest.raises(ValueError, match="the noise level of 'masking' must be >= 0 and <= 1, got 2"):
            as_corruption(noise, 2.0)


def test_registry_is_read_only():
    """Everyone can read CORRUPTIONS; only `register_corruption` changes it."""
    with pytest.raises(TypeError):
        CORRUPTIONS["mine"] = Gaussian


def test_register_corruption_refuses_what_is_no_corruption():
    """A foreign class, a class without a name and a name that is taken are refused."""
    for wrong in (Gaussian(), int, "gaussian"):
        with pytest.raises(TypeError, match="only subclasses of Corruption can be registered, got "):
            register_corruption(wrong)

    class Nameless(Corruption):
        def apply(self, X, rng, out, low=None, high=None):
            return out

    with pytest.raises(TypeError, match="Nameless needs a class attribute `name`"):
        register_corruption(Nameless)

    class Usurper(Gaussian):
        pass

    with pytest.raises(ValueError, match="the name 'gaussian' is taken by Gaussian; choose another"):
        register_corruption(Usurper)


# A corruption as a user would write it


@dataclasses.dataclass(frozen=True)
class Uniform(Corruption):
    """x + level * uniform noise in [-width, width], within the features' range."""

    width: float = 2.0
    name = "uniform"
    uses_range = True
    largest_level = 10.0

    def apply(self, X, rng, out, low=None, high=None):
        out[...] = X + self.level * rng.uniform(-self.width, self.width, X.shape)
        return np.clip(out, low, high, out=out)


@pytest.fixture
def uniform():
    """The new corruption's name, registered while the test runs."""
    register_corruption(Uniform)
    yield "uniform"
    CORRUPTIONS.unregister("uniform")


def test_a_users_corruption_passes_the_same_checks(uniform, rng):
    """One class of a few lines meets the whole contract, by name and by instance."""
    corruption = as_corruption(uniform, 0.3)
    assert corruption == Uniform(0.3)
    check_value_object(corruption)
    for dtype in (np.float32, np.float64):
        test_writes_to_out_alone(corruption, (70, 4), "C", dtype, rng)
        test_the_generator_decides(corruption, dtype, rng)
        test_level_zero_is_the_identity(corruption, dtype, rng)
    with pytest.raises(ValueError, match="the noise level of 'uniform' must be >= 0 and <= 10, got 11"):
        as_corruption(uniform, 11)
    assert "uniform" in CORRUPTIONS.describe()


def test_a_users_fields_survive_a_new_level():
    """Replacing the level keeps the other fields of an instance."""
    assert as_corruption(Uniform(0.3, width=5.0), 0.7) == Uniform(0.7, width=5.0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_users_corruption_trains(uniform, solver, rng):
    """Training by name and by instance gives the same, and the instance's fields have an effect."""
    X = rng.random((50, 3))

    def fitted(noise):
        return DenoisingAutoencoder(4, noise=noise, solver=solver, max_iter=5, random_state=0).fit(X).components_

    named = fitted(uniform)
    assert_array_equal(fitted(Uniform(9.0)), named)
    assert not np.array_equal(fitted(Uniform(width=0.1)), named)


# Corrupted batches


def epoch_of(batches, seed=0):
    """Return copies of the (input, target) pairs of one epoch."""
    return [(X.copy(), target.copy()) for X, target, _ in batches(np.random.default_rng(seed))]


def numbered_rows(n, dtype=np.float64):
    """Return rows with some zeros, whose first column numbers them from 1."""
    X = np.zeros((n, 3), dtype=dtype)
    X[:, 0] = 1.0 + np.arange(n)
    X[::2, 2] = -1.0
    return X


CONTAINERS = {"dense": np.asarray, "fortran": np.asfortranarray, "csr": sparse.csr_array, "matrix": sparse.csr_matrix}


@every_dtype
@pytest.mark.parametrize("rows", [None, np.arange(0, 23, 2)], ids=["all", "some"])
@pytest.mark.parametrize(("batch_size", "shuffle"), [(5, True), (5, False), (100, True)])
@pytest.mark.parametrize("container", CONTAINERS)
def test_batches_corrupt_the_input_never_the_target(container, batch_size, shuffle, rows, dtype):
    """Targets are the clean rows, each once an epoch; inputs are the same rows with noise, in X's dtype; X is kept."""
    X = numbered_rows(23, dtype)
    data = CONTAINERS[container](X)
    batches = Batches(data, None, rows, batch_size, shuffle, corruption=Masking(0.5).apply)
    epoch = epoch_of(batches)
    noisy, clean = (np.concatenate(parts) for parts in zip(*epoch, strict=True))
    assert noisy.dtype == clean.dtype == dtype
    order = clean[:, 0].astype(int) - 1
    assert_array_equal(np.sort(order), np.arange(23) if rows is None else rows)
    assert_array_equal(clean, X[order])
    assert_array_equal(noisy[noisy != 0.0], clean[noisy != 0.0])
    assert 0.2 < (noisy[:, 0] == 0.0).mean() < 0.8
    assert_array_equal(data.toarray() if sparse.issparse(data) else data, numbered_rows(23, dtype))


@pytest.mark.parametrize("batch_size", [5, 100], ids=["batches", "single"])
def test_epochs_differ_unless_the_noise_is_frozen(batch_size):
    """Every epoch draws new noise from the given generator; with a seed of its own, it repeats the same noise."""
    X = numbered_rows(23)
    rng = np.random.default_rng(0)

    def epochs(**parameters):
        batches = Batches(X, None, None, batch_size, False, corruption=Gaussian(0.5).apply, **parameters)
        return [np.concatenate([noisy.copy() for noisy, _, _ in batches(rng)]) for _ in range(2)]

    fresh, frozen = epochs(), epochs(noise_seed=3)
    assert not np.array_equal(*fresh)
    assert_array_equal(*frozen)
    assert not np.array_equal(fresh[0], frozen[0])
    assert_array_equal(frozen[0], epochs(noise_seed=3)[0])
    assert not np.array_equal(frozen[0], epochs(noise_seed=4)[0])


def test_frozen_noise_takes_nothing_from_the_generator():
    """With frozen noise, the order of the rows is the same as without corruption."""
    rng = np.random.default_rng(0)
    for _ in Batches(numbered_rows(23), None, None, 100, True, corruption=Gaussian(0.5).apply, noise_seed=0)(rng):
        pass
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@every_dtype
@pytest.mark.parametrize("d", [1, 3, 100, 9000])
def test_equal_rows_of_a_single_batch_get_equal_noise(d, dtype, rng):
    """In a single batch, a row of weight 3 equals three rows, wherever they stand; rows that differ get other noise."""
    X = rng.standard_normal((12, d)).astype(dtype)
    count = np.array([1, 3, 2, 1, 1, 4, 1, 2, 1, 1, 5, 1])

    def noise(X):
        ((noisy, target),) = epoch_of(Batches(X, None, None, 100, True, corruption=Gaussian(0.5).apply))
        assert_array_equal(target, X)
        return noisy - X

    expected = noise(X)
    assert len(np.unique(expected.round(4), axis=0)) == 12
    order = rng.permutation(count.sum())
    repeated = np.repeat(np.arange(12), count)[order]
    assert_allclose(noise(X[repeated]), expected[repeated], atol=1e-6)


@every_dtype
def test_a_far_constant_feature_hides_no_difference(dtype, rng):
    """Rows that differ get different noise, even beside a feature of 1e17."""
    for far in (np.full(50, 1e17), np.resize([0.0, 1e17], 50)):
        X = np.column_stack([far, rng.standard_normal(50)]).astype(dtype)
        ((noisy, _),) = epoch_of(Batches(X, None, None, 100, True, corruption=Gaussian(0.5).apply))
        assert len(np.unique((noisy - X)[:, 1])) == 50
        ((same, _),) = epoch_of(Batches(X, None, None, 100, True, corruption=Gaussian(0.0).apply))
        assert_array_equal(same, X)


@pytest.mark.parametrize("batch_size", [10, 100])
@pytest.mark.parametrize("wrong", [None, np.zeros((40, 3))], ids=["nothing", "another array"])
def test_a_corruption_that_returns_something_else_is_refused(wrong, batch_size):
    """A corruption must write to `out`; otherwise the rows would be whatever `out` held before."""
    with pytest.raises(TypeError, match="must write the corrupted rows to `out` and return it"):
        epoch_of(Batches(numbered_rows(40), None, None, batch_size, True, corruption=lambda X, rng, out: wrong))


def test_rows_of_several_batches_get_noise_of_their_own():
    """With more than one batch, equal rows are corrupted independently."""
    X = np.ones((40, 3))
    noisy = np.concatenate(
        [noisy for noisy, _ in epoch_of(Batches(X, None, None, 10, True, corruption=Gaussian().apply))]
    )
    assert len(np.unique(noisy, axis=0)) == 40


def test_the_start_sees_clean_rows(rng):
    """Initialisation samples clean rows."""
    X = numbered_rows(23)
    sample, _ = Batches(X, None, None, 5, True, corruption=Masking(1.0).apply).sample(100, rng)
    assert_array_equal(sample, X)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_feature_range(make, rng):
    """The range is each feature's smallest and largest value over the chosen rows only, implicit zeros included."""
    X = np.array([[0.0, -3.0], [2.0, 0.0], [5.0, 7.0]])
    for result, expected in zip(feature_range(make(X)), ([0.0, -3.0], [5.0, 7.0]), strict=True):
        assert_array_equal(result, expected)
    for result, expected in zip(feature_range(make(X), np.array([1, 2])), ([2.0, 0.0], [5.0, 7.0]), strict=True):
        assert_array_equal(result, expected)
    many = rng.standard_normal((9000, 2)).astype(np.float32)
    assert_array_equal(feature_range(make(many)), [many.min(axis=0), many.max(axis=0)])
