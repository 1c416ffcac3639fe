"""Layout, constraints on row lengths, and starting values."""

import math
import pickle

import numpy as np
import pytest
from helpers import name_of, numerical_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri

from skae.activations import Activation, ReLU, SatLinear, Shrink, Sigmoid, TLin, TRec
from skae.objectives import Reconstruction
from skae.parameters import (
    INITIALIZATIONS,
    Layout,
    MaxNorm,
    Sample,
    UnitNorm,
    initial_parameters,
    initial_weights,
)

every_constraint = pytest.mark.parametrize("constraint", [UnitNorm("W"), MaxNorm("W", 1.5)], ids=["unit", "max"])
every_init = pytest.mark.parametrize("init", INITIALIZATIONS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


# Layout


def test_views_share_memory_with_theta():
    """Writing to a block writes to the flat vector, and every element belongs to one block."""
    layout = Layout(W=(2, 3), V=(2, 3), b=(2,), c=(3,))
    theta = np.zeros(layout.size)
    for number, view in enumerate(layout.views(theta).values(), start=1):
        assert np.shares_memory(view, theta)
        view += number
    assert_array_equal(theta, np.repeat([1, 2, 3, 4], [6, 6, 2, 3]))


@every_dtype
def test_pack_is_undone_by_views(dtype, rng):
    """Blocks go into a new vector of the given dtype in the layout's order, and come out unchanged."""
    layout = Layout(W=(2, 3), b=(2,))
    blocks = {"b": rng.standard_normal(2), "W": rng.standard_normal((2, 3))}
    theta = layout.pack(dtype, **blocks)
    assert theta.dtype == dtype
    for name, view in layout.views(theta).items():
        assert_array_equal(view, blocks[name].astype(dtype))
        assert not np.shares_memory(theta, blocks[name])


def test_views_are_those_of_the_vector_given():
    """Views are made once for a vector, also of a layout that sees several; a copy of the layout holds no vector."""
    layout = Layout(W=(2, 3), b=(2,))
    vectors = [np.arange(8.0) + 10.0 * i for i in range(4)]
    for theta in [*vectors, *vectors[::-1]]:
        views = layout.views(theta)
        assert layout.views(theta) is views
        assert_array_equal([*views["W"].ravel(), *views["b"]], theta)
        assert all(np.shares_memory(view, theta) for view in views.values())
    assert len(pickle.dumps(layout)) == len(pickle.dumps(Layout(W=(2, 3), b=(2,))))


def test_matrices_by_columns(rng):
    """A column of a matrix, or of several below each other, stands in one piece; all matrices are views of one."""
    layout = Layout(W=(4, 2, 3), V=(2, 3), b=(4, 2), c=(3,))
    by_columns, theta = layout.by_columns(), rng.standard_normal(layout.size)
    rearranged = by_columns.rearranged(theta, layout)
    blocks = by_columns.views(rearranged)
    for name, expected in layout.views(theta).items():
        assert_array_equal(blocks[name], expected)
        assert np.shares_memory(blocks[name], rearranged)
    rows = blocks["W"].reshape(8, 3)
    assert np.shares_memory(rows, rearranged)
    assert rows.T.flags.c_contiguous
    assert_array_equal(layout.rearranged(rearranged, by_columns), theta)


def test_layout_describes_itself():
    """Error messages and tests rely on the names, sizes and representation of a layout."""
    layout = Layout(W=(np.int64(2), 3), c=(3,))
    assert layout.size == 9
    assert "W" in layout
    assert "V" not in layout
    assert repr(layout) == "Layout(W=(2, 3), c=(3,))"
    assert layout.shapes == {"W": (2, 3), "c": (3,)}


def test_pack_asks_for_every_block():
    """A missing block is an error; it does not leave garbage in theta."""
    with pytest.raises(KeyError, match="b"):
        Layout(W=(1, 1), b=(1,)).pack(np.float64, W=1.0)


# Constraints


@every_dtype
@every_constraint
def test_project_meets_the_constraint_exactly_and_once(constraint, dtype, rng):
    """After `project`, row lengths are exact to rounding; a second projection changes nothing."""
    rows = (3.0 * rng.standard_normal((6, 4))).astype(dtype)
    rows[0] *= 0.01
    before = rows.copy()
    eps = np.finfo(dtype).eps
    assert constraint.project(rows) is None
    assert rows.dtype == dtype
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    if constraint.name == "unit":
        assert_allclose(norms, 1.0, rtol=4 * eps)
    else:
        assert_allclose(norms[1:], 1.5, rtol=4 * eps)
        assert_array_equal(rows[0], before[0])
    cosines = (rows * before).sum(axis=1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(before, axis=1)
    assert_allclose(cosines, 1.0, rtol=10 * eps)
    again = rows.copy()
    constraint.project(again)
    assert_allclose(again, rows, rtol=4 * eps)


@every_constraint
def test_project_leaves_short_rows_and_zero_rows_finite(constraint):
    """A row of zeros has no direction: it must not become NaN."""
    rows = np.zeros((3, 4))
    rows[1] = 1e-3
    constraint.project(rows)
    assert np.isfinite(rows).all()
    expected = [1.0, 1.0, 1.0] if constraint.name == "unit" else [0.0, 2e-3, 0.0]
    assert_allclose(np.linalg.norm(rows, axis=1), expected, rtol=1e-14)


@every_dtype
@every_constraint
def test_tangent_removes_what_would_lengthen_the_rows(constraint, dtype, rng):
    """No row of full length grows along minus the gradient; shorter rows and the tangential part do not change."""
    rows = (3.0 * rng.standard_normal((150, 4))).astype(dtype)
    rows[::3] *= 0.01
    constraint.project(rows)
    grad = rng.standard_normal((150, 4)).astype(dtype)
    before = grad.copy()
    assert constraint.tangent(rows, grad) is None
    assert grad.dtype == dtype
    dots, dots_before = (rows * grad).sum(axis=1), (rows * before).sum(axis=1)
    tolerance = 20 * np.finfo(dtype).eps
    full = np.full(150, True) if constraint.name == "unit" else np.arange(150) % 3 > 0
    removed = full if constraint.name == "unit" else full & (dots_before < 0.0)
    assert (dots[full] > -tolerance).all()
    assert_allclose(dots[removed], 0.0, atol=tolerance)
    assert_array_equal(grad[~removed], before[~removed])
    # The removed part lies along the rows.
    squares = (rows * rows).sum(axis=1, keepdims=True)
    assert_allclose(before - grad, (dots_before - dots)[:, None] * rows / squares, atol=10 * tolerance)


@every_constraint
def test_constrain_gives_rows_that_meet_the_constraint(constraint, rng):
    """w(v) meets the constraint for any v, and v does not change."""
    v = 5.0 * rng.standard_normal((6, 4))
    before = v.copy()
    rows = constraint.constrain(v)
    assert_array_equal(v, before)
    projected = rows.copy()
    constraint.project(projected)
    assert_allclose(projected, rows, rtol=1e-14)


@every_constraint
def test_constrain_undoes_unconstrain(constraint, rng):
    """The round trip w -> v -> w is the identity, for rows of up to 0.99 of the largest length and for zero rows."""
    rows = rng.standard_normal((6, 4))
    constraint.project(rows)
    if constraint.name == "max":
        rows *= np.array([0.98, 0.5, 0.1, 1e-8, 0.7, 0.0])[:, None]
    assert_allclose(constraint.constrain(constraint.unconstrain(rows)), rows, rtol=1e-13, atol=1e-20)


def test_unconstrain_shortens_the_longest_rows_a_little():
    """A row of the largest length has its v at infinity, so it is shortened to 0.9995 of it, in the same direction."""
    constraint = MaxNorm("W", 1.5)
    rows = np.array([[1.5, 0.0], [0.9, 1.2]])
    start = constraint.constrain(constraint.unconstrain(rows))
    assert_allclose(start, math.sqrt(0.999) * rows, rtol=1e-13)


@every_constraint
def test_vjp_is_the_chain_rule(constraint, rng):
    """The gradient in v of a function of w(v) agrees with central differences."""
    v, A = rng.standard_normal((2, 5, 3))

    def function(rows):
        return float((A * rows).sum() + (rows**3).sum())

    rows = constraint.constrain(v)
    expected = numerical_gradient(lambda v: function(constraint.constrain(v)), v)
    assert_allclose(constraint.vjp(v, A + 3.0 * rows**2), expected, rtol=1e-6, atol=1e-7)


# The start


def make_sample(rng, n=30, d=6, rank=None, weighted=True):
    """Return a sample of correlated, off-centre data, with its weighted mean."""
    rank = d if rank is None else rank
    X = 2.0 + rng.standard_normal((n, rank)) @ (np.diag(1.5 ** np.arange(rank)) @ rng.standard_normal((rank, d)))
    weight = rng.uniform(0.5, 2.0, n) if weighted else np.ones(n)
    return Sample(X, weight, weight @ X / weight.sum())


def glorot_limit(k, d):
    return math.sqrt(6.0 / (k + d))


def longest(k, d):
    """Return the length of the longest of k random rows, divided by the root mean square length."""
    deviation = min(max(0.5 * math.log(k / d), 0.0), 1.0)
    lengths = np.exp(deviation * ndtri((np.arange(k) + 0.5) / k))
    return lengths.max() / np.sqrt(np.mean(lengths**2))


def test_glorot_is_uniform_within_its_bounds(rng):
    """With no more units than features, weights fill (-limit, limit), limit = sqrt(6/(k + d))."""
    limit = glorot_limit(300, 300)
    W = initial_weights("glorot", 300, Sample(np.ones((2, 300)), np.ones(2), np.ones(300)), rng)
    assert W.shape == (300, 300)
    assert W.dtype == np.float64
    assert np.abs(W).max() <= limit
    deciles = np.quantile(W, np.linspace(0.1, 0.9, 9)) / limit
    assert_allclose(deciles, np.linspace(-0.8, 0.8, 9), atol=0.1)


@pytest.mark.parametrize("init", ["data", "pca"])
def test_rows_have_the_length_that_glorots_have_on_average(init, rng):
    """All three starts give rows of the same root mean square length, whatever the scale of the data."""
    sample = make_sample(rng)
    scaled = Sample(1e6 * sample.X, sample.weight, 1e6 * sample.mean)
    for each in (sample, scaled):
        W = initial_weights(init, 5, each, rng)
        assert_allclose(np.linalg.norm(W, axis=1), math.sqrt(2 * 6 / (6 + 5)), rtol=1e-12)
    lengths = (initial_weights("glorot", 5000, make_sample(rng), rng) ** 2).sum(axis=1)
    assert_allclose(lengths.mean(), 2 * 6 / (6 + 5000), rtol=0.05)


def test_data_rows_are_distinct_centred_samples(rng):
    """Each row is parallel to a different centred row of the sample."""
    sample = make_sample(rng)
    W = initial_weights("data", 12, sample, rng)
    centred = sample.X - sample.mean
    cosines = W @ centred.T / np.linalg.norm(W, axis=1)[:, None] / np.linalg.norm(centred, axis=1)
    assert_allclose(cosines.max(axis=1), 1.0, rtol=1e-12)
    assert len(set(cosines.argmax(axis=1))) == 12


def test_pca_rows_are_the_principal_axes(rng):
    """Rows are the eigenvectors of the weighted covariance (up to sign), in order of variance."""
    sample = make_sample(rng)
    W = initial_weights("pca", 4, sample, rng)
    unit = W / np.linalg.norm(W, axis=1)[:, None]
    assert_allclose(unit @ unit.T, np.eye(4), atol=1e-12)
    covariance = np.cov(sample.X, rowvar=False, aweights=sample.weight, ddof=0)
    axes = np.linalg.eigh(covariance)[1][:, ::-1].T[:4]
    assert_allclose(np.abs((unit * axes).sum(axis=1)), 1.0, rtol=1e-10)
    largest = np.abs(W).argmax(axis=1)
    assert (W[np.arange(4), largest] > 0.0).all()


@pytest.mark.parametrize(
    ("init", "n", "rank", "found"),
    [("data", 3, 6, 3), ("pca", 3, 6, 2), ("pca", 30, 2, 2), ("pca", 30, 6, 6)],
    ids=["data-few-rows", "pca-few-rows", "pca-low-rank", "pca-more-units-than-features"],
)
def test_glorot_fills_in_where_rows_or_rank_run_out(init, n, rank, found, rng):
    """Units beyond the rows or the rank of the sample start at random; no unit is zero, no two are equal."""
    k = 9
    W = initial_weights(init, k, make_sample(rng, n=n, rank=rank, weighted=False), rng)
    assert W.shape == (k, 6)
    lengths = np.linalg.norm(W, axis=1)
    assert_allclose(lengths[:found], math.sqrt(2 * 6 / (6 + k)), rtol=1e-12)
    assert (lengths[found:] > 0.0).all()
    assert np.abs(W[found:]).max() <= glorot_limit(k, 6)
    assert len(np.unique(W, axis=0)) == k


@pytest.mark.parametrize("n", [3, 7, 10])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 / 3])
@every_init
def test_constant_data_start_at_random(init, value, n, rng):
    """If all rows are alike, the weights start at random; the mean's rounding error is not taken for a direction."""
    X = np.full((n, 4), value)
    W = initial_weights(init, 5, Sample(X, np.ones(n), np.ones(n) @ X / n), rng)
    assert np.abs(W).max() <= longest(5, 4) * glorot_limit(5, 4)
    assert len(np.unique(np.abs(W))) == W.size  # no two weights are equal: glorot drew them all


@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
@every_init
def test_one_row_one_feature_one_unit(init, visible):
    """The smallest model starts finite."""
    X = np.array([[0.3]])
    theta = initial_parameters(
        Layout(W=(1, 1), V=(1, 1), b=(1,), c=(1,)),
        init,
        Sample(X, np.ones(1), X[0]),
        Sigmoid(),
        visible,
        np.random.default_rng(0),
        np.float64,
        UnitNorm("V"),
    )
    assert theta.shape == (4,)
    assert np.isfinite(theta).all()


def start(sample, *, init="data", tied=True, visible="gaussian", dtype=np.float64, constraint=None, bias=True, seed=0):
    """Return the layout and starting blocks of a small model."""
    d, k = sample.X.shape[1], 5
    shapes = {"W": (k, d)} | ({} if tied else {"V": (k, d)}) | ({"b": (k,)} if bias else {})
    layout = Layout(**shapes, c=(d,))
    theta = initial_parameters(layout, init, sample, Sigmoid(), visible, np.random.default_rng(seed), dtype, constraint)
    return layout, theta


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@every_init
def test_start_has_no_mean_residual(init, tied, bias, rng):
    """The mean reconstruction starts at the mean of the data (both weighted): the gradient in c is zero."""
    sample = make_sample(rng)
    layout, theta = start(sample, init=init, tied=tied, bias=bias)
    _, grad = Reconstruction(layout, Sigmoid()).value_and_grad(theta, sample.X, None, sample.weight)
    assert_allclose(layout.views(grad)["c"], 0.0, atol=1e-12)


@every_init
def test_start_does_not_depend_on_where_the_data_lie(init, rng):
    """Shifting the data shifts c, and changes b to compensate; weights, codes and loss stay the same."""
    sample, shift = make_sample(rng), 10.0 * rng.standard_normal(6)
    shifted = Sample(sample.X + shift, sample.weight, sample.mean + shift)
    layout, theta = start(sample, init=init)
    _, moved = start(shifted, init=init)
    blocks, others = layout.views(theta), layout.views(moved)
    assert_allclose(others["W"], blocks["W"], rtol=1e-9, atol=1e-10)
    assert_allclose(others["c"], blocks["c"] + shift, rtol=1e-9)
    objective = Reconstruction(layout, Sigmoid())
    assert_allclose(objective.mean_code(moved, shifted.X), objective.mean_code(theta, sample.X), rtol=1e-9)


@every_dtype
@every_init
def test_start_has_the_dtype_asked_for(init, dtype, rng):
    """Initial values are computed in float64 and rounded once."""
    _, theta = start(make_sample(rng), init=init, dtype=dtype)
    assert theta.dtype == dtype
    _, exact = start(make_sample(np.random.default_rng(0)), init=init)
    assert_array_equal(theta, exact.astype(dtype))


def test_untied_decoder_starts_equal_to_the_encoder(rng):
    """Without a constraint, V starts equal to W, in separate memory."""
    layout, theta = start(make_sample(rng), tied=False)
    blocks = layout.views(theta)
    assert_array_equal(blocks["V"], blocks["W"])
    assert not np.shares_memory(blocks["V"], blocks["W"])


def test_start_meets_the_constraint(rng):
    """Decoder rows have length 1 before the first update; the encoder keeps its length."""
    layout, theta = start(make_sample(rng), tied=False, constraint=UnitNorm("V"))
    blocks = layout.views(theta)
    assert_allclose(np.linalg.norm(blocks["V"], axis=1), 1.0, rtol=1e-14)
    assert_allclose(np.linalg.norm(blocks["W"], axis=1), math.sqrt(12 / 11), rtol=1e-12)


def test_bernoulli_start_is_finite_where_columns_never_change(rng):
    """A pixel that is always 0 or always 1 has no finite logit: its mean is moved inwards, and the start is finite."""
    X = (rng.random((20, 3)) < 0.5).astype(float)
    X[:, 0], X[:, 1] = 0.0, 1.0
    layout, theta = start(Sample(X, np.ones(20), X.mean(axis=0)), visible="bernoulli", init="glorot")
    assert np.isfinite(theta).all()
    residual = Reconstruction(layout, Sigmoid(), visible="bernoulli").value_and_grad(theta, X)[1]
    assert np.abs(layout.views(residual)["c"]).max() < 0.05


def test_start_is_reproducible(rng):
    """The same seed gives the same start; another seed gives another start."""
    sample = make_sample(rng)
    assert_array_equal(start(sample, seed=3)[1], start(sample, seed=3)[1])
    assert not np.array_equal(start(sample, seed=3)[1], start(sample, seed=4)[1])


def test_start_uses_the_given_activation(rng):
    """The visible bias accounts for the mean code of the given activation, here one with a threshold."""
    sample = make_sample(rng)
    layout = Layout(W=(5, 6), c=(6,))
    theta = initial_parameters(layout, "glorot", sample, TRec(1.0), "gaussian", np.random.default_rng(0), np.float64)
    _, grad = Reconstruction(layout, TRec(1.0)).value_and_grad(theta, sample.X, None, sample.weight)
    assert_allclose(layout.views(grad)["c"], 0.0, atol=1e-12)


class Staircase(Activation):
    """An activation that is flat on [-2, -1], [-0.5, 0.3] and [2, 3], and rises between them."""

    name = "staircase"
    kinks = (3.0, -2.0, -1.0, -0.5, 0.3, 2.0)

    def value(self, u, out=None):
        return np.subtract(u, np.clip(u, -0.5, 0.3) + np.clip(u, -2.0, -1.0) + np.clip(u, 2.0, 3.0), out=out)

    def derivative(self, u, h, out=None):
        flat = ((u > -0.5) & (u < 0.3)) | ((u > -2.0) & (u < -1.0)) | ((u > 2.0) & (u < 3.0))
        return np.multiply(1.0, ~flat, out=out)


@pytest.mark.parametrize(
    ("activation", "edges"),
    [
        (Shrink(0.7), [-0.7, 0.7]),
        (Shrink(0.0), [0.0]),
        (TRec(0.7), [0.7]),
        (TLin(4.0), [-2.0, 2.0]),
        (ReLU(), [0.0]),
        (SatLinear(), [0.0]),
        (Sigmoid(), [0.0]),
        (Staircase(), [-0.5, 0.3]),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_units_start_at_the_edges_of_the_flat_region_around_zero(activation, edges, scale, rng):
    """At the data's mean, units lie at the two edges in turn: each is active on some rows only, at every scale."""
    sample = make_sample(rng, n=200)
    sample = Sample(scale * sample.X, sample.weight, scale * sample.mean)
    layout = Layout(W=(5, 6), b=(5,), c=(6,))
    theta = initial_parameters(layout, "glorot", sample, activation, "gaussian", rng, np.float64)
    blocks = layout.views(theta)
    assert_allclose(blocks["W"] @ sample.mean + blocks["b"], np.resize(edges, 5), atol=1e-9 * max(scale, 1.0))
    H = activation.value(sample.X @ blocks["W"].T + blocks["b"])
    assert (np.ptp(H, axis=0) > 0.0).all()
    _, grad = Reconstruction(layout, activation).value_and_grad(theta, sample.X, None, sample.weight)
    assert_allclose(layout.views(grad)["c"], 0.0, atol=1e-9 * max(scale, 1.0))


def test_untied_units_start_at_the_edges_too(rng):
    """With an untied, constrained decoder, the encoder alone still sets the hidden biases."""
    sample = make_sample(rng)
    layout = Layout(W=(5, 6), V=(5, 6), b=(5,), c=(6,))
    parts = (sample, Shrink(0.7), "gaussian", rng, np.float64, UnitNorm("V"))
    blocks = layout.views(initial_parameters(layout, "data", *parts))
    assert_allclose(blocks["W"] @ sample.mean + blocks["b"], [-0.7, 0.7, -0.7, 0.7, -0.7], rtol=1e-10)
