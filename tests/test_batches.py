"""Batches and moments of the training data: every row once, sparse like dense, chunks like the whole."""

import copy
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from helpers import examples, name_of
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skae import ContractiveAutoencoder, PCAWhitener
from skae._unconverted_rows import UnconvertedRows
from skae._validation import DTYPES, check_array, validate_data
from skae.activations import Sigmoid
from skae.corruption import Masking
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import Sparse
from skae.training import Batches, _nonzeros, corrupting, dense, final_losses, row_chunks, row_keys, value_range
from skae.training._moments import checked_weight, largest_value, merge_moments, moments
from skae.training._ranges import feature_range

quickly = examples(30)
sparse_examples = examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


def numbered_rows(n, d=3, dtype=np.float64):
    """Return a matrix whose first column numbers the rows. The other columns have many zeros."""
    X = np.zeros((n, d), dtype=dtype)
    X[:, 0] = np.arange(n)
    X[::2, -1] = 1.0 + np.arange(n)[::2]
    return X


def epoch_of(batches, seed=0):
    """Copies of one epoch's batches: the arrays yielded may be overwritten by the next."""
    return [
        (X.copy(), None if weight is None else weight.copy()) for X, _, weight in batches(np.random.default_rng(seed))
    ]


# Moments


@st.composite
def data_and_edges(draw):
    """Draw rows far off centre, weights (some of them zero), and places to cut."""
    n, d = draw(st.integers(2, 40)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = draw(st.sampled_from([0.0, 3.0, 1e5])) + rng.standard_normal((n, d))
    weight = rng.integers(0, 4, n) * draw(st.sampled_from([1.0, 0.3]))
    assume(weight.any())
    return X, weight, sorted(draw(st.lists(st.integers(0, n), max_size=5)))


@quickly
@given(data_and_edges())
def test_moments_of_chunks_merge_into_those_of_the_whole(data):
    """Chan's formula gives numpy's mean and variance for any cut of the rows, also with empty or weightless chunks."""
    X, weight, edges = data
    total = (0.0, np.zeros(X.shape[1]), np.zeros(X.shape[1]))
    for block, block_weight in zip(np.split(X, edges), np.split(weight, edges), strict=True):
        if block_weight.any():
            total = merge_moments(total, moments(block, block_weight))
    mean = np.average(X, axis=0, weights=weight)
    variance = np.average((X - mean) ** 2, axis=0, weights=weight)
    for mass, m, v in (total, moments(X, weight)):
        assert_allclose(mass, weight.sum(), rtol=1e-12)
        assert_allclose(m, mean, rtol=1e-12, atol=1e-13)
        assert_allclose(v, variance, rtol=1e-6, atol=1e-12)


def test_moments_over_many_row_chunks(rng):
    """With more rows than one chunk, dense and CSR, weighted or not, the moments agree with numpy in float64."""
    X = (5.0 + rng.standard_normal((9000, 3))).astype(np.float32)
    X[rng.random(X.shape) < 0.5] = 0.0
    weight = rng.random(9000).astype(np.float32)
    assert len(list(row_chunks(X))) > 2
    for rows in (X, sparse.csr_matrix(X), sparse.csr_array(X)):
        mass, mean, variance = moments(rows)
        assert mass == 9000
        assert isinstance(mass, int)
        assert mean.dtype == variance.dtype == np.float64
        assert_allclose(mean, X.mean(axis=0, dtype=np.float64), rtol=1e-12)
        assert_allclose(variance, X.var(axis=0, dtype=np.float64), rtol=1e-12)
        mass, mean, variance = moments(rows, weight)
        assert_allclose(mass, weight.sum(dtype=np.float64), rtol=1e-12)
        assert_allclose(mean, np.average(X.astype(np.float64), axis=0, weights=weight), rtol=1e-12)


def test_integer_weights_equal_repeated_rows(rng):
    """A weight is a number of rows, zero included. The total is then an int, as for `n_samples_seen_`."""
    X, count = rng.standard_normal((8, 2)), np.array([1, 0, 2, 3, 0, 1, 1, 4])
    mass, mean, variance = moments(X, count.astype(float))
    repeated = moments(np.repeat(X, count, axis=0))
    assert mass == repeated[0] == 12
    assert isinstance(mass, int)
    assert_allclose(mean, repeated[1], rtol=1e-13)
    assert_allclose(variance, repeated[2], rtol=1e-13)


def exact_average(X, weight):
    """The weighted average of each column, whose sums do not round."""
    weight = np.ones(len(X)) if weight is None else weight
    return np.array([math.fsum(weight * column) / math.fsum(weight) for column in X.T])


@every_dtype
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_columns_far_from_zero(weighted, dtype, rng):
    """A mean of any number of standard deviations costs no digits, and constant columns have variance 0, exactly."""
    offset = np.array([0.0, 3.0, 30.0, 1e3, 1e6, -1e6, 0.0, 0.1, 1e6])
    X = offset + rng.standard_normal((5000, 9))
    X[:, 6:] = offset[6:]
    X[0] += 100.0 * (offset != 0.0)  # the first row is no good shift
    X[:, 7:] = X[1, 7:]
    X = X.astype(dtype)
    weight = rng.uniform(0.1, 3.0, 5000) if weighted else None
    _, mean, variance = moments(X, weight)
    expected = exact_average(X.astype(float), weight)
    assert_allclose(mean, expected, rtol=1e-14, atol=1e-15)
    spread = exact_average((X.astype(float) - expected) ** 2, weight)
    assert_allclose(variance[:6], spread[:6], rtol=1e-12)
    assert_array_equal(variance[6:], 0.0)
    assert_array_equal(mean[6:], X[0, 6:])
    for found, same in zip(moments(np.asfortranarray(X), weight)[1:], (mean, variance), strict=True):
        assert_array_equal(found, same)


def test_the_bound_on_the_values_holds(rng):
    """No value exceeds the bound that the moments give, with weights of any sizes too; it is close for a lone value."""
    X, weight = rng.standard_normal((50, 3)), rng.uniform(1e-3, 1e3, 50)
    X[7, 1], weight[7] = -1e6, 1e-3  # the largest value has the least weight
    assert 1e6 <= largest_value(moments(X)) < 1.001e6
    assert largest_value(moments(X, weight), weight.min()) >= 1e6
    assert not largest_value(moments(1e300 * X)) < np.inf


def test_moments_do_not_change_the_data(rng):
    """The variance is not computed in the user's array."""
    X = rng.standard_normal((5, 2))
    X.flags.writeable = False
    moments(X)


# Batches


@quickly
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    shuffle=st.booleans(),
    subset=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_epoch_has_each_row_once(n, batch_size, shuffle, subset, seed):
    """Each row in use comes exactly once, with its own weight. Sizes of batches differ by one at most."""
    X, weight = numbered_rows(n), 10.0 + np.arange(n)
    rows = np.arange(0, n, 2) if subset else None
    expected = np.arange(n) if rows is None else rows
    batches = Batches(X, weight, rows, batch_size, shuffle)
    epoch = epoch_of(batches, seed)
    assert len(epoch) == len(batches)
    sizes = [len(block) for block, _ in epoch]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    numbers = np.concatenate([block[:, 0] for block, _ in epoch])
    assert_array_equal(np.sort(numbers), expected)
    relative = weight[numbers.astype(int)] / weight[expected].mean()
    assert_allclose(np.concatenate([w for _, w in epoch]), relative, rtol=1e-15)
    assert_array_equal(np.concatenate([block for block, _ in epoch]), X[numbers.astype(int)])
    if not shuffle or len(batches) == 1:
        assert_array_equal(numbers, expected)


@quickly
@given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    subset=st.booleans(),
    container=st.sampled_from([sparse.csr_matrix, sparse.csr_array]),
)
def test_sparse_rows_equal_dense_rows(n, batch_size, shuffle, subset, container):
    """CSR matrices and arrays give the same batches as their dense form, as plain arrays."""
    X = numbered_rows(n, dtype=np.float32)
    rows = np.arange(n)[::-3].copy() if subset else None
    expected = epoch_of(Batches(X, None, rows, batch_size, shuffle))
    for (block, weight), (other, _) in zip(
        epoch_of(Batches(container(X), None, rows, batch_size, shuffle)), expected, strict=True
    ):
        assert type(block) is np.ndarray
        assert block.dtype == np.float32
        assert weight is None
        assert_array_equal(block, other)


@every_dtype
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_keep_the_dtype(order, dtype):
    """float32 stays float32, in any memory order. The target is X itself (None)."""
    X = np.array(numbered_rows(11, dtype=dtype), order=order)
    for shuffle in (True, False):
        for block, target, weight in Batches(X, None, None, 4, shuffle)(np.random.default_rng(0)):
            assert block.dtype == dtype
            assert target is None
            assert weight is None


def test_shuffled_epochs_differ_and_can_be_repeated():
    """Each epoch draws its own order, from the generator alone."""
    batches = Batches(numbered_rows(50), None, None, 10, True)
    rng = np.random.default_rng(0)
    first, second = ([block[:, 0].copy() for block, _, _ in batches(rng)] for _ in range(2))
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    assert_array_equal(np.concatenate(first), np.concatenate([block[:, 0] for block, _ in epoch_of(batches, 0)]))


def test_order_does_not_depend_on_sparsity_or_a_memmap(tmp_path):
    """A memmap or CSR rows give the same batches as the array. The memmap's batches hold the rows of the file."""
    X = numbered_rows(23)
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = np.concatenate([block for block, _ in epoch_of(Batches(X, None, None, 5, True))])
    for container in (on_disk, sparse.csr_array(X)):
        epoch = epoch_of(Batches(container, None, None, 5, True))
        assert_array_equal(np.concatenate([block for block, _ in epoch]), expected)


def test_copies_have_no_scratch(rng):
    """A pickle of batches is as small after an epoch as before. A copy yields the same, in arrays of its own."""
    X = rng.random((50, 4))
    batches = Batches(X, None, np.arange(40), 10, shuffle=True, corruption=corrupting(Masking(0.5), {}))
    size = len(pickle.dumps(batches))
    last = [batch for batch, _, _ in batches(np.random.default_rng(0))][-1]
    kept = last.copy()
    assert len(pickle.dumps(batches)) == size
    for twin in (copy.copy(batches), pickle.loads(pickle.dumps(batches))):
        assert_array_equal([batch for batch, _, _ in twin(np.random.default_rng(0))][-1], kept)
        list(twin(np.random.default_rng(1)))
        assert_array_equal(last, kept)


@pytest.mark.parametrize("noise_seed", [None, 5])
@pytest.mark.parametrize("batch_size", [7, 100])
def test_fixed_noise_of_a_single_batch_is_drawn_once(batch_size, noise_seed, rng):
    """Other noise is drawn for every epoch, and other rows in a copy get noise of their own."""
    X, sizes = rng.standard_normal((20, 3)), []

    def corruption(X, rng, out):
        sizes.append(len(X))
        return np.add(X, rng.standard_normal(X.shape), out=out)

    batches = Batches(X, None, None, batch_size, False, corruption=corruption, noise_seed=noise_seed)
    first, second = (np.concatenate([noisy for noisy, _ in epoch_of(batches, seed)]) for seed in (0, 1))
    assert np.array_equal(first, second) == (noise_seed is not None)
    assert sum(sizes) == (20 if batch_size == 100 and noise_seed is not None else 40)
    ((noisy, clean, _),) = batches.fixed(5, np.random.default_rng(0))(np.random.default_rng(0))
    assert noisy.shape == clean.shape == (5, 3)
    assert not (noisy == clean).any()


def test_shuffled_batches_leave_the_data_alone():
    """Writing into a shuffled batch does not change X."""
    X = numbered_rows(12)
    for block, _, _ in Batches(X, None, None, 5, True)(np.random.default_rng(0)):
        block[...] = -1.0
    assert_array_equal(X, numbered_rows(12))


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_sample_draws_distinct_rows_in_float64(make, weighted, rng):
    """A sample has at most the given number of rows, in order, each once, with its weight."""
    X = numbered_rows(20, dtype=np.float32)
    weight = 5.0 + np.arange(20, dtype=np.float32) if weighted else None
    for rows in (None, np.arange(0, 20, 2)):
        expected = np.arange(20) if rows is None else rows
        batches = Batches(make(X), weight, rows, 7, True)
        for n_rows in (4, 100):
            taken, w = batches.sample(n_rows, rng)
            assert taken.dtype == w.dtype == np.float64
            assert len(taken) == len(w) == min(n_rows, len(expected))
            numbers = taken[:, 0].astype(int)
            assert (np.diff(numbers) > 0).all()
            assert set(numbers) <= set(expected)
            assert_array_equal(taken, X[numbers])
            relative = weight[numbers] / weight[expected].mean() if weighted else 1.0
            assert_allclose(w, relative, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_batches_are_those_of_all_rows(weighted, rng):
    """Batches count by their rows, or by the weights of these. The code that a penalty needs is the mean over all."""
    X, weight = rng.standard_normal((25, 3)), np.geomspace(1.0, 100.0, 25) if weighted else None
    objective = Reconstruction(Layout(W=(4, 3), b=(4,), c=(3,)), Sigmoid(), penalties=[Sparse(1.0)])
    theta = rng.standard_normal(objective.layout.size)
    expected = objective.losses_at(theta)(X, None, weight)
    for size in (8, 100):
        batches = Batches(X, weight, None, size, False)
        assert_allclose(final_losses(objective, theta, batches, rng), expected, rtol=1e-12)


# Parts


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csr_matrix], ids=name_of)
def test_row_chunks_cover_the_rows(make):
    """The chunks are dense, in order, and of bounded size for every width."""
    X = numbered_rows(5000)
    for columns, largest in ((0, 4096), (2**15, 64), (2**11, 256)):
        blocks = list(row_chunks(make(X), columns))
        assert max(len(block) for _, block in blocks) <= largest
        assert_array_equal(np.concatenate([block for _, block in blocks]), X)
        assert_array_equal(np.concatenate([np.arange(5000)[rows] for rows, _ in blocks]), np.arange(5000))


def test_dense_makes_no_copy_of_an_array():
    """Only sparse rows are copied."""
    X = numbered_rows(4)
    assert dense(X) is X
    assert_array_equal(dense(sparse.csr_array(X)), X)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_value_range(make):
    """The range is that of the chosen rows only, with implicit zeros."""
    X = make(np.array([[0.0, -3.0], [2.0, 0.0], [5.0, 7.0]]))
    assert value_range(X) == (-3.0, 7.0)
    assert value_range(X, np.array([1])) == (0.0, 2.0)


def test_checked_weight_names_the_rows_that_count(rng):
    """None stays None, rows of weight zero are left out, and useless weights raise an error."""
    X = np.ones((4, 2))
    assert checked_weight(X, None) == (None, None)
    weight, rows = checked_weight(X, np.array([1, 0, 2, 0], dtype=np.float32))
    assert weight.dtype == np.float64
    assert_array_equal(rows, [0, 2])
    assert checked_weight(X, np.ones(4))[1] is None
    for bad in (np.zeros(4), -np.ones(4), np.full(4, 1e308), np.ones(3)):
        with pytest.raises(ValueError, match=r"(?i)sample.?weight"):
            checked_weight(X, bad)


def test_moments_of_chosen_rows_are_those_of_their_copy(rng):
    """Leaving rows of a memmap out needs no copy of it."""
    X, weight, rows = rng.standard_normal((50, 3)), rng.random(50), np.arange(0, 50, 3)
    for a, b in zip(moments(X, weight, rows), moments(X[rows], weight[rows]), strict=True):
        assert_array_equal(a, b)


# Statistics of CSR rows


@st.composite
def sparse_rows(draw):
    """Draw CSR rows of any density with explicit zeros, full, constant and empty columns, and empty rows."""
    n, d = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < draw(st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0])))
    X[:, rng.random(d) < 0.2] += draw(st.sampled_from([0.1, -3.0, 1e5]))
    X[:, rng.random(d) < 0.2] = draw(st.sampled_from([0.0, 0.1, -1e5]))
    X[rng.random(n) < 0.2] = 0.0
    X = X[rng.integers(0, n, n)].astype(draw(st.sampled_from(DTYPES)))  # some rows are equal
    keep = (X != 0.0) | (rng.random(X.shape) < 0.1)  # some zeros are stored
    index = draw(st.sampled_from([np.int32, np.int64]))
    indices, indptr = np.nonzero(keep)[1].astype(index), np.append(0, np.cumsum(keep.sum(axis=1))).astype(index)
    container = draw(st.sampled_from([sparse.csr_matrix, sparse.csr_array]))
    thin = container((X[keep], indices, indptr), shape=(n, d))
    assert_array_equal(thin.toarray(), X)
    chosen = np.sort(rng.permutation(n)[: rng.integers(1, n + 1)]) if draw(st.booleans()) else None
    return X, thin, chosen, rng


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of sparse rows hold few values, so that small data have several."""
    monkeypatch.setattr(_nonzeros, "_BLOCK_VALUES", 1)


@sparse_examples
@given(sparse_rows(), st.booleans())
def test_moments_of_sparse_rows_are_those_of_dense_rows(small_blocks, data, weighted):
    """Stored values and the number of absent ones give the same moments, and constant columns have variance 0."""
    X, thin, chosen, rng = data
    weight = rng.integers(0, 3, len(X)) * 0.3 if weighted else None
    assume(weight is None or weight[slice(None) if chosen is None else chosen].any())
    for found, expected in zip(moments(thin, weight, chosen), moments(X, weight, chosen), strict=True):
        assert_allclose(found, expected, rtol=1e-12, atol=1e-15 * max(1.0, np.abs(X).max()))
    rows = X if chosen is None else X[chosen]
    constant = (rows == rows[0]).all(axis=0)
    assert_allclose(moments(thin, weight, chosen)[2][constant], 0.0, atol=1e-24)


@sparse_examples
@given(sparse_rows())
def test_ranges_of_sparse_rows_are_those_of_dense_rows(small_blocks, data):
    """Zeros that are not stored count, where there are any."""
    X, thin, chosen, _ = data
    assert value_range(thin, chosen) == value_range(X, chosen)
    assert_array_equal(feature_range(thin, chosen), feature_range(X, chosen))


@sparse_examples
@given(sparse_rows())
def test_keys_of_sparse_rows(small_blocks, data):
    """Equal rows have equal keys, however their zeros are stored, and the order of the rows is that of dense keys."""
    X, thin, chosen, _ = data
    keys, expected = row_keys(thin, chosen), row_keys(X, chosen)
    assert_allclose(keys - keys[0], expected - expected[0], rtol=1e-9, atol=1e-9)
    assert_array_equal(*(np.unique(each, return_inverse=True)[1] for each in (keys, expected)))


@pytest.mark.parametrize("chosen", [None, np.array([0, 3])])
def test_statistics_of_sparse_rows_of_another_dtype(chosen, small_blocks, rng):
    """Bytes are converted a block at a time."""
    X = rng.integers(0, 255, (7, 5)).astype(np.uint8)
    X[rng.random(X.shape) < 0.4] = 0
    rows = UnconvertedRows(sparse.csr_matrix(X), np.float64)
    for found, expected in zip(moments(rows, None, chosen), moments(X, None, chosen), strict=True):
        assert_allclose(found, expected, rtol=1e-13)
    assert value_range(rows, chosen) == value_range(X, chosen)
    assert_array_equal(feature_range(rows, chosen), feature_range(X, chosen))
    assert_array_equal(np.argsort(row_keys(rows, chosen)), np.argsort(row_keys(X, chosen)))


def test_statistics_of_sparse_rows_need_no_dense_copy():
    """The memory for wide CSR rows is that of their stored values."""
    rng = np.random.default_rng(0)
    places = np.repeat(np.arange(2000), 20), rng.integers(0, 20_000, 40_000)
    X = sparse.csr_array((rng.random(40_000), places), shape=(2000, 20_000))
    for statistic in (moments, value_range, feature_range, row_keys):
        tracemalloc.start()
        statistic(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6  # as dense rows they are 320 MB, and a chunk of them 10 MB


# Validated rows


def test_too_few_rows_are_refused_after_a_fit_too(rng):
    """Rows that need no conversion are not looked at closely, but counted."""
    whitener, X = PCAWhitener().fit(rng.standard_normal((9, 2))), rng.standard_normal((2, 2))
    assert validate_data(whitener, X, reset=False, dtype=DTYPES, ensure_min_samples=2) is X
    with pytest.raises(ValueError, match="minimum of 3 is required"):
        validate_data(whitener, X, reset=False, dtype=DTYPES, ensure_min_samples=3)


# Validated sparse rows


def disordered(X, container, index, dtype):
    """Return sparse rows with each value in two parts, in falling order of the columns, and stored zeros."""
    n, d = X.shape
    order = np.tile(np.repeat(np.arange(d)[::-1], 2), n).astype(index)
    halves = np.repeat(X[:, ::-1], 2, axis=1).ravel() / 2.0
    S = container((halves.astype(dtype), order, np.arange(0, 2 * n * d + 1, 2 * d).astype(index)), shape=(n, d))
    assert not S.has_canonical_format
    return S


@every_dtype
@pytest.mark.parametrize("index", [np.int32, np.int64], ids=name_of)
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array], ids=name_of)
def test_validated_rows_are_in_order(container, index, dtype):
    """Unsorted and equal indices come out sorted and added, and the user's matrix stays as it is."""
    X = np.array([[0.0, -4.0, 2.0], [0.0, 0.0, 0.0], [8.0, 6.0, 0.0]])
    S = disordered(X, container, index, dtype)
    before = [each.copy() for each in (S.data, S.indices, S.indptr)]
    for make in (
        lambda: validate_data(PCAWhitener(), S, dtype=DTYPES, accept_sparse="csr"),
        lambda: check_array(S, dtype=DTYPES, accept_sparse="csr"),
        lambda: check_array(S.T.tocsr().T, dtype=DTYPES, accept_sparse="csr"),  # CSC
        lambda: check_array(S.tocoo(), dtype=DTYPES, accept_sparse="csr"),
    ):
        rows = make()
        assert type(rows) is type(S)
        assert rows.dtype == dtype
        assert rows.indices.dtype in (np.int32, index)
        assert_array_equal(rows.toarray(), X)
        fresh = type(rows)((rows.data, rows.indices, rows.indptr), shape=rows.shape)
        assert fresh.has_canonical_format
    for found, expected in zip((S.data, S.indices, S.indptr), before, strict=True):
        assert_array_equal(found, expected)


def test_validated_rows_in_order_are_not_copied():
    """Rows that are in order already cost a look at their indices."""
    X = sparse.csr_array(np.eye(4))
    assert check_array(X, dtype=DTYPES, accept_sparse="csr") is X


def test_validated_bytes_are_in_order():
    """Bytes stay bytes where they only have to be sorted. Equal entries are added in float64, where they fit."""
    X = np.array([[0, 200, 3], [0, 0, 0]], dtype=np.uint8)
    unsorted = sparse.csr_matrix((X[0, :0:-1], [2, 1], [0, 2, 2]), shape=X.shape)
    rows = check_array(unsorted, dtype=DTYPES, accept_sparse="csr")
    assert isinstance(rows, UnconvertedRows)
    assert rows.source.dtype == np.uint8
    assert_array_equal(rows.source.indices, [1, 2])
    assert_array_equal(dense(rows), X)
    twice = sparse.csr_matrix((np.full(2, 200, dtype=np.uint8), [1, 1], [0, 2, 2]), shape=X.shape)
    rows = check_array(twice, dtype=DTYPES, accept_sparse="csr")
    assert rows.dtype == np.float64
    assert_array_equal(dense(rows), [[0, 400, 0], [0, 0, 0]])
    assert twice.nnz == 2


def test_sums_of_equal_entries_are_checked():
    """Two finite entries of one place may add to infinity, which is refused as in dense rows."""
    X = sparse.csr_matrix((np.full(2, 1e308), [1, 1], [0, 2, 2]), shape=(2, 3))
    with pytest.raises(ValueError, match="infinity"), np.errstate(over="ignore"):
        check_array(X, dtype=DTYPES, accept_sparse="csr")


def test_lbfgs_takes_the_rows_in_their_order(rng, monkeypatch):
    """The sum over the rows is one function of the parameters: `shuffle` does not matter to L-BFGS."""
    X, seen, value_and_grad = rng.standard_normal((100_000, 2)), [], Reconstruction.value_and_grad

    def recording(self, theta, rows, *args, **kwargs):
        seen.append(np.array(rows))
        return value_and_grad(self, theta, rows, *args, **kwargs)

    monkeypatch.setattr(Reconstruction, "value_and_grad", recording)
    ContractiveAutoencoder(2, solver="lbfgs", max_iter=1, tol=0.0, shuffle=True, random_state=0).fit(X)
    assert len(seen[0]) < len(X)
    found = np.concatenate(seen)
    assert_array_equal(found, np.tile(X, (len(found) // len(X), 1)))
