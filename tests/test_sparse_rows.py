"""Sparse rows: the objective over them, its precision, the route of a fit and a prediction, and odd matrices."""

import copy
import dataclasses
import itertools
import tracemalloc
import warnings

import numpy as np
import pytest
from autoencoders import CASES, FITS, assert_same_fit, in_turn
from helpers import (
    ALL_ACTIVATIONS,
    ALL_PENALTIES,
    check_gradient,
    is_compatible,
    make_layout,
    make_problem,
    name_of,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

from skae import ContractiveAutoencoder, DenoisingAutoencoder, ZeroBiasAutoencoder, _ops
from skae._unconverted_rows import UnconvertedRows
from skae.activations import Identity, Sigmoid, Softmax, Tanh, TRec
from skae.corruption import Masking
from skae.model import Model
from skae.objectives import FirstOrder, Reconstruction, SparseReconstruction, for_sparse_rows
from skae.parameters import Layout, MaxNorm, UnitNorm
from skae.penalties import L2, Contractive, Penalty
from skae.training import Batches, _sparse_route, feature_errors

DTYPES = [np.float64, np.float32]
ROUNDING = {np.float64: 1e-10, np.float32: 1e-5}
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)
tying = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
weighting = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
PENALTY_SETS = [(), *((penalty,) for penalty in ALL_PENALTIES), (Contractive(0.3), L2(0.2))]
PARTNERS = [
    (activation, penalties, tied)
    for activation, penalties, tied in itertools.product(ALL_ACTIVATIONS, PENALTY_SETS, (True, False))
    if is_compatible(penalties, activation, "gaussian", tied)
]


# -- the objective


@pytest.mark.sampled(5)
@weighting
@pytest.mark.parametrize("combination", PARTNERS, ids=lambda each: "-".join(map(name_of, each)))
def test_gradient(combination, weighted):
    """Whatever the dense objective allows, the gradient agrees with central differences to 1e-6."""
    activation, penalties, tied = combination
    check_gradient(activation, penalties, "gaussian", tied, weighted, sparse_rows=True)


@pytest.mark.parametrize("activation", [Sigmoid(), TRec(0.5), Softmax()], ids=name_of)
@tying
def test_gradient_with_a_target_of_its_own(tied, activation, rng):
    """The input may be a corrupted version of the target."""
    target = rng.standard_normal((5, 4)) * (rng.random((5, 4)) < 0.5)
    check_gradient(activation, (L2(0.2),), "gaussian", tied, weighted=True, target=target, sparse_rows=True)


@tying
def test_gradient_without_a_hidden_bias(tied):
    check_gradient(Tanh(), (), "gaussian", tied, weighted=True, hidden_bias=False, sparse_rows=True)


@pytest.mark.sampled(5)
@every_dtype
@weighting
@pytest.mark.parametrize("combination", PARTNERS[::3], ids=lambda each: "-".join(map(name_of, each)))
def test_it_is_the_dense_objective(combination, weighted, dtype):
    """Value, gradient, constraints and mean code are those of dense rows, for CSR and CSC, in either layout."""
    activation, penalties, tied = combination
    layout, block = make_layout(tied=tied), "W" if tied else "V"
    theta, X, weight = make_problem(layout, activation, weighted=weighted, zeros=0.5)
    theta, X = theta.astype(dtype), X.astype(dtype)
    weight = None if weight is None else weight.astype(dtype)
    for constraint in (None, UnitNorm(block), MaxNorm(block, 0.5)):
        dense = Reconstruction(layout, activation, penalties=penalties, constraint=constraint)
        value, gradient = dense.value_and_grad(theta, X, None, weight)
        tolerance = {"rtol": ROUNDING[dtype], "atol": ROUNDING[dtype] * np.abs(gradient).max()}
        by_columns = for_sparse_rows(dense)
        by_rows = SparseReconstruction(layout, activation, penalties=penalties, constraint=constraint)
        for objective, container in itertools.product((by_columns, by_rows), (sparse.csc_array, sparse.csr_matrix)):
            v = objective.layout.rearranged(theta, layout)
            found, g = objective.value_and_grad(v, container(X), None, weight)
            assert found == pytest.approx(value, rel=tolerance["rtol"], abs=tolerance["rtol"])
            assert g.dtype == dtype
            assert_allclose(layout.rearranged(g, objective.layout), gradient, **tolerance)
            assert_allclose(objective.mean_code(v, container(X), weight), dense.mean_code(theta, X, weight), rtol=1e-5)
            projected, expected = v.copy(), theta.copy()
            objective.project(projected)
            dense.project(expected)
            assert_allclose(layout.rearranged(projected, objective.layout), expected, rtol=1e-5, atol=1e-7)
            objective.project_gradient(projected, g)
            reduced = gradient.copy()
            dense.project_gradient(expected, reduced)
            assert_allclose(layout.rearranged(g, objective.layout), reduced, **tolerance)


def well_reconstructed(rng, n=700, d=1000, k=16, dtype=np.float32):
    """Return sparse rows and linear units that explain about 99 % of their variance, with some gradient left."""
    prototypes = sparse.random(k, d, density=0.03, random_state=rng, dtype=np.float64).toarray()
    mixed = rng.standard_normal((n, k)) * (rng.random((n, k)) < 0.2)
    clean = mixed @ prototypes
    X = clean + np.sqrt(0.01) * clean.std() * rng.standard_normal((n, d)) * (clean != 0.0) * 3.0
    _, _, axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    W = axes[:k] + 0.05 * rng.standard_normal((k, d)) / np.sqrt(d)
    return sparse.csr_array(X.astype(dtype)), W.astype(dtype)


@weighting
def test_float32_loses_nothing_where_the_terms_of_the_loss_cancel(weighted, rng):
    """At R^2 near 0.99, loss and gradient are within 1e-5 of those in float64.

    The error of the gradient is 1e-7 of the sums that cancel in it, so relative to a gradient near zero it is larger.
    """
    X, W = well_reconstructed(rng)
    weight = rng.uniform(0.5, 2.0, X.shape[0]) if weighted else None
    layout = Layout(W=W.shape, b=W.shape[:1], c=W.shape[1:])
    theta = layout.pack(np.float32, W=W, b=-W @ X.mean(axis=0), c=X.mean(axis=0) * 0.5)
    dense = Reconstruction(layout, Identity())
    value, gradient = dense.value_and_grad(theta.astype(np.float64), X.toarray().astype(np.float64), None, weight)
    share = value / (0.5 * np.average((X.toarray() - X.mean(axis=0)) ** 2, axis=0, weights=weight).sum())
    assert 0.005 < share < 0.02
    objective = for_sparse_rows(dense)
    v = objective.layout.rearranged(theta, layout)
    small = None if weight is None else weight.astype(np.float32)
    found, g = objective.value_and_grad(v, X.tocsc(), None, small)
    assert found == pytest.approx(value, rel=1e-5)
    assert np.linalg.norm(layout.rearranged(g, objective.layout) - gradient) < 1e-5 * np.linalg.norm(gradient)


def test_a_perfect_reconstruction_has_no_negative_loss(rng):
    """Rounding of sums that cancel does not turn the loss negative."""
    X = sparse.csc_array(np.eye(7, dtype=np.float32) * 3.0)
    objective = for_sparse_rows(Reconstruction(Layout(W=(7, 7), b=(7,), c=(7,)), Identity()))
    for _ in range(5):
        W, _ = np.linalg.qr(rng.standard_normal((7, 7)))
        theta = objective.layout.pack(np.float32, W=W, b=0.0, c=0.0)
        assert 0.0 <= objective.value(theta, X) < 1e-5


def test_a_penalty_may_read_the_rows():
    """A penalty of a user's own gets X as an array, though the batch holds it sparse."""

    @dataclasses.dataclass(frozen=True)
    class Reading(Penalty):
        name = "reading"
        requires = ()

        def add(self, batch, grad):
            assert isinstance(batch.X, np.ndarray)
            return self.alpha * float((batch.X**2).sum())

    layout = make_layout()
    theta, X, _ = make_problem(layout, Sigmoid(), zeros=0.5)
    dense = Reconstruction(layout, Sigmoid(), penalties=[Reading(0.5)])
    objective = for_sparse_rows(dense)
    found = objective.value(objective.layout.rearranged(theta, layout), sparse.csc_array(X))
    assert found == pytest.approx(dense.value(theta, X), rel=1e-12)


@pytest.mark.parametrize(
    "objective",
    [Reconstruction(make_layout(), Sigmoid(), visible="bernoulli"), FirstOrder(make_layout(), Sigmoid())],
    ids=["bernoulli", "expansion"],
)
def test_other_objectives_have_no_sparse_form(objective):
    assert for_sparse_rows(objective) is None


# -- the route


def sparse_table(rng, n=150, d=60, density=0.1, dtype=np.float64, kind="csr_array"):
    """Return sparse rows in a format of scipy."""
    return getattr(sparse, kind)(sparse.random(n, d, density, random_state=rng, dtype=np.float64).astype(dtype))


@pytest.fixture
def route(monkeypatch):
    """Set the route of all fits and predictions with sparse rows. On the sparse one, sums are taken in small parts."""
    usual = {name: getattr(_ops, name) for name in ("CHUNK", "_CONVERTED", "_SUMMED")}

    def choose(stay_sparse):
        for name, size in usual.items():
            monkeypatch.setattr(_ops, name, 2 if stay_sparse else size)
        calls = -np.inf if stay_sparse else np.inf
        monkeypatch.setattr(_sparse_route, "_STEP_CALLS", calls)
        monkeypatch.setattr(_sparse_route, "_CHUNK_CALLS", calls)

    return choose


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("case", "solver", "dtype"), in_turn(FITS, DTYPES), ids=name_of)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_both_routes_give_the_same_fit(case, solver, dtype, route, rng):
    """Sparse batches, dense batches of sparse rows, and dense rows: one result, to rounding, early stopping or not."""
    X = sparse.csr_array(np.maximum(case.data(rng, n=100), 0.0).astype(dtype))
    weight = rng.integers(0, 3, 100).astype(float)
    for early_stopping in (False, True):
        parameters = {"solver": solver, "batch_size": 20, "early_stopping": early_stopping, "max_iter": 3}
        expected = case.make(**parameters).fit(X.toarray(), sample_weight=weight)
        for stay_sparse in (True, False):
            route(stay_sparse)
            found = case.make(**parameters).fit(X, sample_weight=weight)
            assert_same_fit(found, expected, rtol=10 * ROUNDING[dtype], atol=10 * ROUNDING[dtype])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cls", [ContractiveAutoencoder, ZeroBiasAutoencoder])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_errors_of_features_of_sparse_rows(cls, weighted, rng):
    """They are the means of the squared errors over the rows, with weights, in the unit of the data."""
    X, weight = sparse_table(rng, d=5, density=0.3), rng.uniform(0.1, 3.0, 150) if weighted else None
    autoencoder = cls(4, max_iter=3, random_state=0).fit(X)
    expected = np.average((autoencoder.reconstruct(X) - X.toarray()) ** 2, axis=0, weights=weight)
    for stay_sparse in (False, True):
        batches = Batches(X, weight, None, 20, True, scale=3.0, stay_sparse=stay_sparse)
        assert_allclose(feature_errors(autoencoder, batches, 3.0), expected, rtol=1e-9, atol=1e-12)


@every_dtype
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_both_routes_give_the_same_predictions(case, dtype, route, rng):
    X = sparse_table(rng, d=case.data(rng).shape[1], density=0.3, dtype=dtype)
    autoencoder = case.make(max_iter=3).fit(X)
    for encoding in ("natural", "rectified", "rectified_bias", "linear"):
        autoencoder.set_params(encoding=encoding)
        route(True)
        codes = autoencoder.transform(X)
        route(False)
        assert codes.dtype == dtype
        assert_allclose(codes, autoencoder.transform(X), rtol=1e-5, atol=1e-5)
    results = []
    for stay_sparse in (True, False):
        route(stay_sparse)
        results.append(
            [
                getattr(autoencoder, method)(X)
                for method in ("score_samples", "reconstruction_error", "laplacian", "score")
                if hasattr(autoencoder, method)
            ]
        )
    for found, expected in zip(*results, strict=True):
        assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-10, atol=ROUNDING[dtype])


@every_dtype
def test_partial_fit_may_change_its_route(dtype, route, rng):
    """The optimiser's state goes with the parameters from one route to the other."""
    X = sparse_table(rng, dtype=dtype)
    for solver in ("adam", "sgd"):
        make = {"solver": solver, "batch_size": 20, "random_state": 0}
        expected, found = ContractiveAutoencoder(5, **make), ContractiveAutoencoder(5, **make)
        for stay_sparse in (True, True, False, True, False):
            route(stay_sparse)
            found.partial_fit(X)
            expected.partial_fit(X.toarray())
        assert_same_fit(found, expected, rtol=10 * ROUNDING[dtype], atol=10 * ROUNDING[dtype])


def wide_table(density, n=1000, d=10_000, dtype=np.float32):
    """Return CSR rows with as many stored values in each row."""
    m = max(int(density * d), 1)
    indices = np.tile(np.linspace(0, d - 1, m).astype(np.int32), n)
    return sparse.csr_array((np.ones(n * m, dtype), indices, np.arange(0, n * m + 1, m, dtype=np.int32)), (n, d))


def test_the_cheapest_route():
    """Rows stay sparse where they are thin, wide and many in a batch; more BLAS threads favour dense ones."""
    fit, predict = _sparse_route.fit_stays_sparse, _sparse_route.prediction_stays_sparse
    thin, full, small = wide_table(0.005), wide_table(1.0, n=50), wide_table(0.05, d=40)
    assert fit(thin, 128, 1000, n_threads=1)
    assert predict(thin, 128, n_threads=1)
    for dense in (thin.toarray(), full, small):
        assert not fit(dense, 128, 1000, n_threads=1)
        assert not predict(dense, 128, n_threads=1)
    assert not fit(thin, 500, 50, n_threads=1)  # products of k x k x d multiplications do not pay for few rows
    share = [fit(wide_table(density), 128, 1000, n_threads=1) for density in (0.01, 0.05, 0.2, 0.5)]
    assert share == sorted(share, reverse=True)
    assert sum(fit(wide_table(0.15), 128, 1000, n_threads=n) for n in (1, 64)) == 1
    integers = UnconvertedRows(wide_table(0.005, dtype=np.int8), np.float64)
    assert fit(integers, 128, 1000, n_threads=1)


def test_automatic_batches_grow_for_wide_sparse_rows():
    """The part of a step that does not depend on the rows is shared by more of them, in 20 batches an epoch."""
    size = _sparse_route.automatic_batch_size
    thin = wide_table(0.005, n=20_000)
    assert size(thin[:1000], 128) == size(thin[:2000], 128) == 100
    assert size(thin[:4000], 128) == 200
    assert 100 < size(thin, 128) <= 1000
    assert size(wide_table(0.2, n=5000, d=100), 32) == 100
    assert size(wide_table(0.5, n=3000), 128) == 100
    assert size(np.zeros((20_000, 50)), 128) == 100


def test_masking_noise_keeps_rows_sparse(route, rng):
    """The masks of sparse rows are those of dense rows, on either route; stored zeros change nothing."""
    X = sparse_table(rng, density=0.3)
    stored_zeros = X.copy()
    stored_zeros.data[::7] = 0.0
    thin = stored_zeros.copy()
    thin.eliminate_zeros()
    make = {"noise": "masking", "noise_level": 0.4, "batch_size": 20, "max_iter": 4, "random_state": 0}
    expected = DenoisingAutoencoder(5, **make).fit(thin.toarray())
    for stay_sparse, data in itertools.product((True, False), (thin, stored_zeros)):
        route(stay_sparse)
        assert_same_fit(DenoisingAutoencoder(5, **make).fit(data), expected, rtol=1e-10, atol=1e-10)
    noisy = Masking(0.4).apply(thin.data[None], np.random.default_rng(0), np.empty_like(thin.data)[None])
    dense = Masking(0.4).apply(thin.toarray(), np.random.default_rng(0), np.empty(thin.shape))
    assert_array_equal(dense[thin.toarray() != 0.0], noisy[0])


@pytest.mark.parametrize("method", ["fit", "score", "predict"])
def test_no_array_has_the_shape_of_the_rows(method):
    """Wide sparse rows cost the memory of the parameters and of their values."""
    rng, k = np.random.default_rng(0), 8
    places = np.repeat(np.arange(2000), 40), rng.integers(0, 20_000, 80_000)
    X = sparse.csr_matrix((rng.random(80_000, dtype=np.float32), places), shape=(2000, 20_000))
    autoencoder = ContractiveAutoencoder(k, max_iter=1, tol=0, random_state=0, learning_rate_init=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = clone(autoencoder).fit(X)
        tracemalloc.start()
        if method == "fit":
            autoencoder.fit(X)
        elif method == "score":
            fitted.score(X)
        else:
            for name in ("transform", "score_samples", "reconstruction_error", "laplacian"):
                getattr(fitted, name)(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 50e6  # X takes 1 MB, the weights 0.6 MB, 200 dense rows in float64 32 MB, all rows 160 MB


class WholeRows(Masking):
    """It drops rows as wholes, so it may not get the stored values alone."""

    name = "whole rows"

    def apply(self, X, rng, out, low=None, high=None):
        return np.multiply(X, rng.random((len(X), 1)) >= self.level, out=out)


class Clamped(Masking):
    """It uses the ranges of the features."""

    name, uses_range, keeps_zeros = "clamped", True, True

    def apply(self, X, rng, out, low=None, high=None):
        return np.clip(super().apply(X, rng, out), low, high, out=out)


@pytest.mark.parametrize("noise", [WholeRows(), Clamped()], ids=lambda noise: noise.name)
def test_a_corruption_keeps_sparse_rows_only_if_it_says_so_itself(noise, route, rng):
    """A subclass of masking noise may do what the stored values alone do not allow."""
    route(True)
    X = sparse_table(rng, density=0.3)
    make = {"noise": noise, "noise_level": 0.4, "batch_size": 20, "max_iter": 2, "random_state": 0}
    expected = DenoisingAutoencoder(5, **make).fit(X.toarray())
    assert_same_fit(DenoisingAutoencoder(5, **make).fit(X), expected, rtol=1e-10, atol=1e-10)


def test_decoding_counts_in_the_route_of_a_prediction():
    """Dense rows would be decoded, and sparse ones need products of weights first, which few rows do not pay for."""
    stays = _sparse_route.prediction_stays_sparse
    assert not stays(wide_table(0.15, n=2000), 128, n_threads=1)
    assert stays(wide_table(0.15, n=2000), 128, n_decoded=2, n_threads=1)
    assert stays(wide_table(0.005, n=50), 256, n_threads=1)
    assert not stays(wide_table(0.005, n=50), 256, n_decoded=1, n_threads=1)


# -- odd matrices


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array", "csc_matrix", "coo_array", "coo_matrix"])
@pytest.mark.parametrize("index", [np.int32, np.int64], ids=name_of)
def test_every_format_and_width_of_indices(kind, index, route, rng):
    """What scikit-learn takes is taken, and nothing of it is changed."""
    route(True)
    X = sparse_table(rng)
    given = getattr(sparse, kind)(X)
    for name in ("indices", "indptr", "row", "col"):
        if hasattr(given, name):
            setattr(given, name, getattr(given, name).astype(index))
    before = copy.deepcopy(given)
    make = {"batch_size": 20, "max_iter": 3, "random_state": 0}
    expected = ContractiveAutoencoder(5, **make).fit(X.toarray())
    found = ContractiveAutoencoder(5, **make).fit(given)
    assert_same_fit(found, expected, rtol=1e-10, atol=1e-10)
    assert_allclose(found.score_samples(given), expected.score_samples(X.toarray()), rtol=1e-10)
    assert_array_equal(given.toarray(), before.toarray())
    assert_array_equal(given.data, before.data)


def odd_matrices():
    """Return sparse rows with odd storage or content, by name, each with what a dense copy gives."""
    rng = np.random.default_rng(5)
    X = sparse_table(rng, n=60, d=30, density=0.2)
    empty = X.toarray()
    empty[::3], empty[:, ::4] = 0.0, 0.0
    zeros = X.copy()
    zeros.data[::2] = 0.0
    order = np.concatenate([np.arange(*X.indptr[i : i + 2])[::-1] for i in range(60)])
    unsorted = sparse.csr_array((X.data[order], X.indices[order], X.indptr), X.shape)
    halves = (np.repeat(X.data / 2.0, 2), np.repeat(X.indices, 2), 2 * X.indptr)
    duplicate = sparse.csr_array(halves, X.shape)
    return {
        "empty rows and columns": sparse.csr_array(empty),
        "stored zeros": zeros,
        "unsorted": unsorted,
        "duplicates": duplicate,
        "negative": X * -1.0,
        "integers": (X * 9.0).astype(np.int16),
        "booleans": X.astype(bool),
        "one column": X[:, :1],
        "no values": sparse.csr_array((60, 30)),
    }


@pytest.mark.parametrize(("name", "X"), odd_matrices().items(), ids=list(odd_matrices()))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_odd_matrices_give_the_results_of_dense_rows(name, X, route):
    route(True)
    make = {"batch_size": 20, "max_iter": 3, "random_state": 0}
    dense = X.toarray()
    expected = ContractiveAutoencoder(5, **make).fit(dense)
    found = ContractiveAutoencoder(5, **make).fit(X)
    assert_same_fit(found, expected, rtol=1e-9, atol=1e-9)
    for method in ("transform", "score_samples", "reconstruction_error", "laplacian", "score"):
        assert_allclose(getattr(found, method)(X), getattr(expected, method)(dense), rtol=1e-9, atol=1e-9)


def broken_matrices():
    """Return sparse matrices that no fit takes, by name."""
    X = sparse_table(np.random.default_rng(5), n=60, d=30, density=0.2)
    infinite, missing, large = X.copy(), X.copy(), X.copy()
    infinite.data[3], missing.data[3], large.data[3] = np.inf, np.nan, 1e200
    return {"nan": missing, "inf": infinite, "large": large, "no rows": X[:0], "one row": X[:1], "no columns": X[:, :0]}


@pytest.mark.parametrize(("name", "X"), broken_matrices().items(), ids=list(broken_matrices()))
def test_broken_matrices_get_the_sentences_of_dense_rows(name, X, route):
    """Before and after a fit, and the fitted autoencoder stays as it was."""
    route(True)
    good = sparse_table(np.random.default_rng(6), n=60, d=30)
    fitted = ContractiveAutoencoder(5, max_iter=2, random_state=0).fit(good)
    before = copy.deepcopy(vars(fitted))
    for method in ("fit", "partial_fit", "transform", "score_samples", "score"):
        outcomes = []
        for data in (X, X.toarray()):
            try:
                getattr(fitted if method != "fit" else clone(fitted), method)(data)
                outcomes.append("no error")
            except ValueError as error:
                outcomes.append(str(error))
            fitted.__dict__.clear()
            fitted.__dict__.update(copy.deepcopy(before))
        assert outcomes[0] == outcomes[1]


def test_an_overflow_names_the_range_of_sparse_rows(route, rng):
    """Zeros count in the range, whether they are stored or not."""
    X = sparse_table(rng, n=60, d=8, density=0.5)
    autoencoder = ContractiveAutoencoder(5, max_iter=2, random_state=0).fit(X)
    route(True)
    for data in (1e200 * X, 1e200 * X.toarray()):
        with pytest.raises(ValueError, match=r"overflows float64 for X with values from 0 to [\d.]+e\+(199|200);"):
            autoencoder.score_samples(data)


def test_bernoulli_units_refuse_negative_sparse_values(rng):
    X = sparse_table(rng) * -1.0
    with pytest.raises(ValueError, match=r"takes values in \[0, 1\], got values from -0\.\d+ to 0;"):
        ContractiveAutoencoder(5, visible="bernoulli").fit(X)


def test_a_model_takes_sparse_rows(rng):
    """The methods of a model that need no dense rows take sparse ones."""
    X = sparse_table(rng, kind="csc_array")
    W, untied = 0.3 * rng.standard_normal((2, 5, 60))
    for V in (None, untied):
        model = Model(W, rng.standard_normal(5), rng.standard_normal(60), "sigmoid", V=V)
        assert model.by_columns().by_columns().W.flags.f_contiguous
        for name in ("pre_activations", "code", "energy", "laplacian", "reconstruction_error"):
            for each in (model, model.by_columns()):
                assert_allclose(getattr(each, name)(X), getattr(model, name)(X.toarray()), rtol=1e-10, atol=1e-12)


def test_features_that_are_not_fitted_are_found_in_sparse_batches(route, rng):
    """The sentence on features of very different scales has the shares of dense batches."""
    scales = np.r_[np.full(3, 300.0), np.ones(37)]
    X = sparse.csr_array(sparse_table(rng, d=40).toarray() * scales)
    weight, sentences = rng.integers(0, 4, 150).astype(float), []
    for stay_sparse in (True, False):
        route(stay_sparse)
        autoencoder = ContractiveAutoencoder(3, activation="identity", alpha=0.0, solver="lbfgs", random_state=0)
        with pytest.warns(UserWarning, match="of the variance of a feature") as caught:
            autoencoder.fit(X, sample_weight=weight)
        sentences.append([str(each.message) for each in caught])
    assert sentences[0] == sentences[1]
