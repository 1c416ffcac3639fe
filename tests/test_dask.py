"""skae.dask: fits over blocks equal those of one array, and predictions are those of the estimator, lazily."""

import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings

import dask
import dask.array as da
import distributed
import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae.dask
from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    FineTunedClassifier,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.corruption import Gaussian
from skae.dask._batches import BatchOfBlocks, BlockBatches, OverBlocks
from skae.dask._blocks import row_blocks
from skae.dask._compute import reduced
from skae.objectives import SparseReconstruction
from skae.training import corrupting

X, Y = load_digits(return_X_y=True)
X = X[:700, ::2] / 16.0
Y = Y[:700]
BLOCKS = ((100, 350, 250), (32,))
OTHER_BLOCKS = ((333, 0, 367), (20, 12))
BRIEF = {"n_components": 12, "max_iter": 6, "tol": 0, "random_state": 0}
AUTOENCODERS = [
    ContractiveAutoencoder(**BRIEF),
    ContractiveAutoencoder(visible="bernoulli", **BRIEF),
    ContractiveAutoencoder(tied_weights=False, l2=0.01, **BRIEF),
    MarginalizedDenoisingAutoencoder(**BRIEF),
    SaturatingAutoencoder(**BRIEF),
    SparseAutoencoder(**BRIEF),
    ZeroBiasAutoencoder(**BRIEF),
    DenoisingAutoencoder(approximation="second_order", weight_constraint="max", **BRIEF),
]
NOISY = [
    DenoisingAutoencoder(**BRIEF),
    DenoisingAutoencoder(noise="masking", activation="relu", **BRIEF),
    DenoisingAutoencoder(noise="salt_and_pepper", **BRIEF),
]


@pytest.fixture(autouse=True)
def quiet(request):
    """These fits are brief: their advice is no matter here. One thread computes, but for tests of a cluster."""
    scheduler = {} if "cluster" in request.node.name or "cluster" in request.fixturenames else {"scheduler": "sync"}
    with warnings.catch_warnings(), dask.config.set(scheduler):
        warnings.simplefilter("ignore", UserWarning)
        yield


def blocks(chunks=BLOCKS, rows=X):
    """Return rows as a dask array."""
    return da.from_array(rows, chunks=chunks)


def sparse_blocks(rows, chunks):
    """Return CSR rows as a dask array, whose blocks have these numbers of rows."""
    return da.from_array(rows.toarray(), chunks=(chunks, rows.shape[1])).map_blocks(sparse.csr_array)


def assert_same_fit(first, second, rtol=1e-6):
    """Check that two fits have the same parameters and losses."""
    for name in ("components_", "decoder_components_", "intercept_visible_", "loss_curve_", "mean_", "var_"):
        a, b = getattr(first, name), getattr(second, name)
        assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max(), err_msg=name)
    assert first.n_samples_seen_ == second.n_samples_seen_


@pytest.mark.sampled(3)
@pytest.mark.parametrize("solver", [{"solver": "lbfgs"}, {"batch_size": 200}, {"solver": "sgd", "batch_size": 150}])
@pytest.mark.parametrize("autoencoder", AUTOENCODERS, ids=repr)
def test_a_fit_is_that_of_one_array(autoencoder, solver):
    autoencoder = clone(autoencoder).set_params(**solver)
    fitted = skae.dask.fit(clone(autoencoder), blocks(OTHER_BLOCKS))
    assert_same_fit(fitted, clone(autoencoder).fit(X))
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("autoencoder", AUTOENCODERS, ids=repr)
def test_loss_and_gradient_are_those_of_one_array(autoencoder):
    objective = clone(autoencoder).fit(X)._objective(X.shape[1], autoencoder._penalty())
    theta = np.random.default_rng(0).standard_normal(objective.layout.size) / 3.0
    objective.project(theta)
    over, batch = OverBlocks(objective), BatchOfBlocks(row_blocks(blocks()), None, None, 1.0, False)
    value, grad = objective.value_and_grad(theta, X)
    found, found_grad = over.value_and_grad(theta, batch)
    assert found == pytest.approx(value, rel=1e-10)
    assert_allclose(found_grad, grad, rtol=1e-10, atol=1e-10 * np.abs(grad).max())
    assert_allclose(over.losses_at(theta)(batch), objective.losses_at(theta)(X), rtol=1e-10)
    assert_allclose(over.mean_code(theta, batch), objective.mean_code(theta, X), rtol=1e-10)
    assert_allclose(over.code_range(theta, batch), objective.code_range(theta, X), rtol=1e-10)
    assert len(pickle.dumps(objective)) <= 2048


@pytest.mark.sampled(3)
@pytest.mark.parametrize("solver", [{"solver": "lbfgs"}, {"batch_size": 200}])
@pytest.mark.parametrize("autoencoder", NOISY, ids=repr)
def test_noise_is_drawn_by_row(autoencoder, solver):
    autoencoder = clone(autoencoder).set_params(**solver, max_iter=4)
    rows = np.concatenate([X, X, X, X])[:2500]
    fits = [
        skae.dask.fit(clone(autoencoder), blocks(chunks, rows))
        for chunks in ((2500, 32), (((1030, 994, 476)), 32), ((700, 700, 700, 400), (20, 12)))
    ]
    for other in fits[1:]:
        assert_same_fit(other, fits[0], rtol=1e-6)
    # There is noise, and it is like that of one array.
    without = clone(autoencoder).set_params(noise_level=0.01).fit(rows)
    alone = clone(autoencoder).fit(rows)
    gap = abs(fits[0].loss_ - alone.loss_)
    assert gap < 0.2 * abs(alone.loss_ - without.loss_)


def test_rows_drawn_from_blocks_are_noisy_too():
    """What judges a plateau sees the noise of training, the same in every epoch."""
    batches = BlockBatches(row_blocks(blocks()), None, None, 100, True, corruption=corrupting(Gaussian(0.3), {}))
    drawn = batches.fixed(50, np.random.default_rng(0))
    (noisy, clean, _), (again, _, _) = (next(iter(drawn(np.random.default_rng(seed)))) for seed in range(2))
    assert clean.shape == (50, 32)
    assert 0.25 < (noisy - clean).std() < 0.35
    assert_array_equal(again, noisy)


@pytest.mark.parametrize("solver", [{"solver": "lbfgs"}, {"batch_size": 200}])
def test_weights_count_as_in_one_array(solver):
    weight = np.random.default_rng(0).integers(0, 3, size=len(X)).astype(float)
    autoencoder = ContractiveAutoencoder(**BRIEF, **solver)
    expected = clone(autoencoder).fit(X, sample_weight=weight)
    assert_same_fit(skae.dask.fit(clone(autoencoder), blocks(), weight), expected)
    in_blocks = da.from_array(weight, chunks=(BLOCKS[0],))
    assert_same_fit(skae.dask.fit(clone(autoencoder), blocks(), in_blocks), expected)
    weight[:100] = 0.0  # no row of the first block counts
    expected = clone(autoencoder).fit(X, sample_weight=weight)
    assert_same_fit(skae.dask.fit(clone(autoencoder), blocks(), weight), expected)


def test_early_stopping_holds_out_the_same_rows():
    autoencoder = ContractiveAutoencoder(**{**BRIEF, "max_iter": 20}, batch_size=200, early_stopping=True)
    fitted, expected = skae.dask.fit(clone(autoencoder), blocks()), clone(autoencoder).fit(X)
    assert_allclose(fitted.validation_loss_curve_, expected.validation_loss_curve_, rtol=1e-8)
    assert_same_fit(fitted, expected)


@pytest.mark.parametrize("options", [{"early_stopping": True}, {}], ids=["early stopping", "all rows"])
def test_weights_of_the_training_rows_count_as_in_one_array(options):
    # Plain steps see the unit of weight, which is the mean weight of the rows that train.
    autoencoder = ContractiveAutoencoder(**BRIEF, solver="sgd", batch_size=200, **options)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    assert_same_fit(
        skae.dask.fit(clone(autoencoder), blocks(), weight), clone(autoencoder).fit(X, sample_weight=weight)
    )
    twice = skae.dask.fit(clone(autoencoder), blocks(), 2.0)
    assert_same_fit(twice, clone(autoencoder).fit(X, sample_weight=np.full(len(X), 2.0)))


@pytest.mark.parametrize("scale", [1e-170, 1e160])
def test_weights_of_any_scale(scale):
    weight = scale * (1.0 + np.arange(len(X)) % 3)
    for estimator in (ContractiveAutoencoder(**BRIEF, solver="lbfgs"), PCAWhitener(5)):
        fitted = skae.dask.fit(clone(estimator), blocks(), weight)
        expected = clone(estimator).fit(X, sample_weight=weight)
        assert_allclose(np.abs(fitted.components_), np.abs(expected.components_), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("chunks", [700, 350, 100])
def test_a_unit_that_wins_no_row_is_found_beside_noise(chunks):
    # Noise is made for whole groups of rows: those of other blocks are zeros there, which this unit would win.
    rows = X + 3.0
    autoencoder = DenoisingAutoencoder(
        3, activation="max", solver="sgd", learning_rate_init=1e-9, max_iter=1, tol=0, warm_start=True, random_state=0
    ).fit(rows)
    mean = rows.mean(axis=0)
    W = np.vstack([-mean, 0.1 * (rows[:2] - mean)])
    autoencoder.intercept_visible_, autoencoder.components_ = mean, W
    autoencoder.intercept_hidden_ = -0.5 * (W**2).sum(axis=1) - W @ mean
    with pytest.warns(UserWarning, match="1 of 3 units win no"):
        skae.dask.fit(autoencoder, blocks((chunks, 32), rows))


@pytest.mark.parametrize("kind", ["float32", "uint8", "csr", "csr of float32"])
def test_dtypes_and_sparse_rows(kind):
    rows = X
    if kind == "uint8":
        rows = (16 * X).astype(np.uint8)
    elif "float32" in kind:
        rows = X.astype(np.float32)
    autoencoder = ContractiveAutoencoder(**BRIEF, solver="lbfgs")
    given, alone = blocks(rows=rows), rows
    if "csr" in kind:
        given, alone = given.map_blocks(sparse.csr_array), sparse.csr_array(rows)
    fitted, expected = skae.dask.fit(clone(autoencoder), given), clone(autoencoder).fit(alone)
    assert fitted.components_.dtype == expected.components_.dtype
    assert_same_fit(fitted, expected, rtol=1e-3 if "float32" in kind else 1e-6)


WIDE = sparse.csr_array(sparse.random(600, 6000, density=0.004, random_state=0))


@pytest.mark.sampled(5)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])  # adam would turn the rounding of tiny gradients into steps
@pytest.mark.parametrize("kind", [ContractiveAutoencoder, SparseAutoencoder, DenoisingAutoencoder])
def test_wide_sparse_rows_stay_sparse(kind, solver, dtype, monkeypatch):
    calls, autoencoder = [], kind(8, solver=solver, max_iter=4, tol=0, random_state=0)
    if kind is DenoisingAutoencoder:
        autoencoder.set_params(noise="masking", early_stopping=True, max_iter=2)
    evaluate = SparseReconstruction.value_and_grad

    def counted(self, theta, X, *args, **options):
        calls.append(X.format)
        return evaluate(self, theta, X, *args, **options)

    monkeypatch.setattr(SparseReconstruction, "value_and_grad", counted)
    rows, weight = WIDE.astype(dtype), 1.0 + np.arange(600) % 3
    fits = []
    for chunks in ((100, 350, 150), (333, 267)):
        fits.append(skae.dask.fit(clone(autoencoder), sparse_blocks(rows, chunks), weight))
        assert set(calls) == {"csc"}
    first, second = fits
    rtol = 1e-3 if dtype == np.float32 else 1e-6
    assert_same_fit(first, second, rtol)
    if kind is not DenoisingAutoencoder:  # its noise is other noise
        alone = clone(autoencoder).set_params(**({} if solver == "lbfgs" else {"batch_size": 1000}))
        assert_same_fit(first, alone.fit(rows, sample_weight=weight), rtol)


def test_a_fitted_whitener_keeps_no_rows():
    rows = WIDE[:300, :3000]
    whitener = skae.dask.fit(PCAWhitener(3), sparse_blocks(rows, (150, 150)))
    assert len(pickle.dumps(whitener)) < 1.1 * len(pickle.dumps(PCAWhitener(3).fit(rows)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [5, 0.9, None])
def test_a_whitener_is_that_of_one_array(n_components, dtype):
    rows = (X[:, 4:] + 0.1 * np.random.default_rng(0).standard_normal(X[:, 4:].shape)).astype(dtype)
    weight = np.random.default_rng(1).integers(0, 3, size=len(X))
    for weights in (None, weight):
        fitted = skae.dask.fit(PCAWhitener(n_components), blocks(((50, 400, 250), 28), rows), weights)
        expected = PCAWhitener(n_components).fit(rows, sample_weight=weights)
        rtol = 1e-8 if dtype == np.float64 else 1e-4
        assert_allclose(fitted.explained_variance_, expected.explained_variance_, rtol=rtol)
        assert_allclose(fitted.transform(rows), expected.transform(rows), atol=2e3 * rtol)
        assert fitted.n_samples_seen_ == expected.n_samples_seen_


def test_few_rows_of_a_whitener_are_told_of():
    with pytest.warns(UserWarning, match="whitened by the variances of 60 rows"):
        skae.dask.fit(PCAWhitener(), da.from_array(np.random.default_rng(0).standard_normal((60, 20)), chunks=(25, 20)))
    rows, weight = np.random.default_rng(0).standard_normal((900, 20)), np.r_[np.full(60, 3.0), np.full(840, 1e-9)]
    with pytest.warns(UserWarning, match="whitened by the variances of 60 rows"):
        skae.dask.fit(PCAWhitener(), da.from_array(rows, chunks=(25, 20)), weight)


def faulty(number, change):
    """Return rows in three blocks, of which one is changed when it is computed."""

    def changed(block, block_id=None):
        return change(block.copy()) if block_id[0] == number else block

    return da.map_blocks(changed, blocks(), dtype=X.dtype, meta=np.empty((0, 0)))


def with_nan(block):
    block[3, 2] = np.nan
    return block


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_nan, "block 1 of 3 .* NaN"),
        (lambda block: block[:, :30], "block 1 of 3 .* 30 columns, and the dask array says 32"),
        (lambda block: block.astype(np.float32), "block 1 of 3 .* float32, and the dask array says float64"),
        (lambda block: block[:340], "block 1 of 3 .* 340 rows, and the dask array says 350"),
        (sparse.coo_array, "block 1 of 3 .* coo matrix"),
    ],
)
def test_errors_name_the_block(change, words):
    autoencoder = ContractiveAutoencoder(**BRIEF).fit(X)
    before = dict(vars(autoencoder))
    with pytest.raises(ValueError, match=words):
        skae.dask.fit(autoencoder, faulty(1, change))
    assert vars(autoencoder) == before
    if change is not sparse.coo_array:  # which is converted
        with pytest.raises(ValueError, match="block 1 of 3"):
            skae.dask.transform(autoencoder, faulty(1, change)).compute()
    if change is with_nan:
        with pytest.raises(ValueError, match=words):
            skae.dask.partial_fit(autoencoder, faulty(1, change))
        assert vars(autoencoder) == before


def test_other_mistakes():
    autoencoder = ContractiveAutoencoder(**BRIEF)
    with pytest.raises(TypeError, match=r"takes a dask array, got numpy.ndarray"):
        skae.dask.fit(autoencoder, X)
    with pytest.raises(ValueError, match="two dimensions"):
        skae.dask.fit(autoencoder, da.from_array(X[0], chunks=5))
    with pytest.raises(TypeError, match="takes an autoencoder or a PCAWhitener, got Pipeline"):
        skae.dask.fit(make_pipeline(autoencoder), blocks())
    with pytest.raises(ValueError, match="1 rows of positive weight"):
        skae.dask.fit(autoencoder, blocks(), np.eye(1, len(X))[0])
    with pytest.raises(ValueError, match="shape"):
        skae.dask.fit(autoencoder, blocks(), np.ones(5))
    with pytest.raises(ValueError, match="sample_weight must have as many blocks as X, 3, got 10"):
        skae.dask.fit(autoencoder, blocks(), da.ones(700, chunks=70))
    with pytest.raises(ValueError, match=r"block 1 of 3 .*[Nn]egative"):
        skae.dask.fit(autoencoder, blocks(), np.where(np.arange(700) == 200, -1.0, 1.0))
    with pytest.raises(ValueError, match=r"block . of 3 .* rows, and sample_weight the shape \(3,\)"):
        skae.dask.fit(autoencoder, blocks(), da.zeros(9, chunks=3))
    with pytest.raises(ValueError, match=r"^The 'alpha' parameter"):  # of no block
        skae.dask.partial_fit(ContractiveAutoencoder(alpha="much"), blocks())
    with pytest.raises(ValueError, match="bernoulli"):
        skae.dask.fit(ContractiveAutoencoder(visible="bernoulli", **BRIEF), blocks(rows=2 * X))
    with pytest.raises(ValueError, match="alpha"):
        skae.dask.fit(ContractiveAutoencoder(alpha="much"), blocks())
    with pytest.raises(TypeError, match="no partial_fit"):
        skae.dask.partial_fit(make_pipeline(autoencoder), blocks())
    with pytest.raises(ValueError, match="has no rows"):
        skae.dask.partial_fit(autoencoder, blocks(((0,), (32,)), X[:0]))
    with pytest.raises(AttributeError, match="has no predict"):
        skae.dask.predict(autoencoder.fit(X), blocks())
    with pytest.raises(ValueError, match="features"):
        skae.dask.transform(autoencoder.fit(X[:, :30]), blocks())
    assert not hasattr(ContractiveAutoencoder(**BRIEF), "components_")


@pytest.mark.parametrize("method", ["fit", "transform", "score_samples"])
def test_an_estimator_refuses_what_would_be_loaded_whole(method):
    autoencoder = ContractiveAutoencoder(**BRIEF).fit(X)
    with pytest.raises(TypeError, match=r"dask Array.*skae\.dask"):
        getattr(autoencoder, method)(blocks())
    with pytest.raises(TypeError, match=r"skae\.dask"):
        PCAWhitener().fit(blocks())


MODELS = {
    "contractive": ContractiveAutoencoder(**BRIEF),
    "whitener": PCAWhitener(5),
    "zca": PCAWhitener(5, whiten="zca"),
    "contrast": ContrastNormalizer(),
    "pipeline": make_pipeline(StandardScaler(with_mean=False), ContractiveAutoencoder(**BRIEF)),
    "detector": EnergyOutlierDetector(random_state=0),
    "classifier": ClassSpecificAEClassifier(ContractiveAutoencoder(5, max_iter=5), max_iter=3, random_state=0),
    "network": FineTunedClassifier(ContractiveAutoencoder(5, max_iter=5), max_iter=3, random_state=0),
}


@functools.cache
def fitted_model(name):
    """Return a fitted model; the classes are strings."""
    return clone(MODELS[name]).fit(X, Y.astype(str))


METHODS = ("transform", "score_samples", "predict", "predict_proba", "decision_function", "reconstruct")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("name", "method"),
    [(name, method) for name, model in MODELS.items() for method in METHODS if hasattr(model, method)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_are_those_of_the_estimator_by_blocks(name, method, dtype):
    fitted, rows = fitted_model(name), X.astype(dtype)
    for given in (blocks(OTHER_BLOCKS, rows), blocks(BLOCKS, rows).map_blocks(sparse.csr_array)):
        if name == "contrast" and sparse.issparse(given._meta):
            continue
        found = getattr(skae.dask, method)(fitted, given)
        expected = getattr(fitted, method)(rows)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        assert found.chunks[0] == given.chunks[0]
        assert isinstance(found._meta, np.ndarray)
        values = found.compute()
        assert values.dtype == expected.dtype
        if expected.dtype.kind == "f":
            assert_allclose(values, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
        else:
            assert np.mean(values == expected) > 0.99  # rounding may decide a row at a boundary


def test_predictions_are_lazy_and_keep_the_estimator_of_their_call():
    autoencoder = ContractiveAutoencoder(**BRIEF).fit(X)
    codes, rows = autoencoder.transform(X), blocks()
    found = skae.dask.transform(autoencoder, rows)
    autoencoder.set_params(n_components=3).fit(X)
    assert_allclose(found.compute(), codes, rtol=1e-9)


def test_blocks_of_unknown_sizes():
    rows = blocks()
    rows = rows[rows[:, 5] > 0.2]
    kept = X[X[:, 5] > 0.2]
    autoencoder = ContractiveAutoencoder(**BRIEF, solver="lbfgs")
    fitted = skae.dask.fit(clone(autoencoder), rows)
    assert_same_fit(fitted, clone(autoencoder).fit(kept))
    assert_allclose(skae.dask.transform(fitted, rows).compute(), fitted.transform(kept), rtol=1e-9)
    with pytest.raises(ValueError, match="sizes are unknown"):
        skae.dask.fit(autoencoder, rows, np.ones(len(kept)))


def test_partial_fit_goes_from_block_to_block():
    rows, expected = blocks(OTHER_BLOCKS), ContractiveAutoencoder(**BRIEF)
    for part in (X[:333], X[333:]):
        expected.partial_fit(part)
    fitted = ContractiveAutoencoder(**BRIEF)
    assert skae.dask.partial_fit(fitted, rows) is fitted
    assert_array_equal(fitted.components_, expected.components_)
    assert_array_equal(fitted.loss_curve_, expected.loss_curve_)
    skae.dask.partial_fit(fitted, rows)
    assert fitted.n_iter_ == 4
    classifier = FineTunedClassifier(ContractiveAutoencoder(5, max_iter=5), random_state=0)
    alone = clone(classifier)
    for start in (0, 333):
        part = slice(start, 333 if start == 0 else None)
        alone.partial_fit(X[part], Y[part], classes=np.arange(10))
    skae.dask.partial_fit(classifier, rows, da.from_array(Y, chunks=((333, 0, 367),)), classes=np.arange(10))
    assert_array_equal(classifier.predict(X), alone.predict(X))


def test_threads_of_one_process_do_not_share_scratch_arrays():
    autoencoder, rows = ContractiveAutoencoder(**BRIEF, solver="lbfgs"), blocks((10, 32))
    with dask.config.set(scheduler="threads", num_workers=8):
        fitted = skae.dask.fit(clone(autoencoder), rows)
    assert_same_fit(fitted, clone(autoencoder).fit(X))


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one thread each, in processes, with a client."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def in_workers(client, n_workers=2):
    """Wait until there are so many workers."""
    client.wait_for_workers(n_workers, timeout=30)


def test_a_cluster_gives_the_fit_of_one_array(cluster):
    in_workers(cluster)
    for autoencoder in (
        ContractiveAutoencoder(**BRIEF, solver="lbfgs"),
        DenoisingAutoencoder(**BRIEF, noise="masking", batch_size=300),
    ):
        fitted = skae.dask.fit(clone(autoencoder), blocks())
        with dask.config.set(scheduler="synchronous"):
            expected = skae.dask.fit(clone(autoencoder), blocks(OTHER_BLOCKS))
        assert_same_fit(fitted, expected)
    codes = skae.dask.transform(fitted, blocks())
    assert_allclose(codes.compute(), fitted.transform(X), rtol=1e-6)
    assert_array_equal(
        skae.dask.partial_fit(ContractiveAutoencoder(**BRIEF), blocks(OTHER_BLOCKS)).components_,
        ContractiveAutoencoder(**BRIEF).partial_fit(X[:333]).partial_fit(X[333:]).components_,
    )


def test_arrays_on_a_cluster_are_aligned(cluster):
    # `distributed` sends arrays that are not (findings/dask_unaligned_arrays.sh), and products copy those.
    in_workers(cluster)
    sent = [np.ones(n) for n in (10, 1000, 100_000)]

    def are_aligned(chunks, objective, *arrays):
        return [array.flags.aligned for array in (*(rows for rows, _, _ in chunks), *arrays)]

    for rows in (blocks((100, 32)), blocks(((10, 690), (32,))), blocks().map_blocks(sparse.csr_array)):
        batch = BatchOfBlocks(row_blocks(rows), None, None, 1.0, False)
        assert np.all(batch.map(are_aligned, np.concatenate, None, 1, *sent))


def test_blocks_stay_with_their_workers_beside_other_work_on_a_cluster(cluster):
    in_workers(cluster)
    rows = blocks((70, 32)).persist(workers=[next(iter(cluster.nthreads()))])
    distributed.wait(rows)
    placed = row_blocks(rows).placed
    parts = [(block,) for block in placed.blocks]
    for _ in range(3):
        others = cluster.map(time.sleep, [0.05] * 4, pure=False)
        assert reduced(lambda block, job: len(block.X), sum, placed, parts) == len(X)
        distributed.wait(others)
    homes = [worker for worker, _ in placed.groups(cluster, parts)]
    assert sorted(homes) == sorted(cluster.nthreads())  # although one worker had all blocks
    assert {len(group) for _, group in placed.groups(cluster, parts)} == {5}


def test_partial_fit_holds_one_block_at_a_time_on_a_cluster(cluster):
    in_workers(cluster)

    def made(number):
        return np.full((50, 32), number, dtype=float)

    parts = [da.from_delayed(dask.delayed(made, pure=False)(n), (50, 32), float) for n in range(12)]

    class Counting(PCAWhitener):
        def partial_fit(self, X, y=None, sample_weight=None):
            stored = distributed.get_worker().data
            held = sum(isinstance(each, np.ndarray) for each in stored.values())
            self.most_ = max(getattr(self, "most_", 0), held)
            return super().partial_fit(X + np.eye(50, 32))

    assert skae.dask.partial_fit(Counting(2), da.concatenate(parts)).most_ <= 2


def test_a_fit_within_a_task_on_a_cluster(cluster):
    in_workers(cluster)
    autoencoder = ContractiveAutoencoder(**BRIEF, solver="lbfgs")

    def task():
        # It waits for tasks that need the only thread of its worker.
        return skae.dask.fit(clone(autoencoder), blocks())

    assert_same_fit(cluster.submit(task, pure=False).result(timeout=60), clone(autoencoder).fit(X))


def test_a_timeout_of_a_block_is_no_fault_of_the_cluster(cluster):
    in_workers(cluster)

    def late():
        raise TimeoutError("the store timed out")

    rows = da.from_delayed(dask.delayed(late)(), (100, 32), float)
    with pytest.raises(TimeoutError, match="the store timed out"):
        skae.dask.fit(ContractiveAutoencoder(**BRIEF), rows)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_worker_that_is_killed_changes_nothing(cluster):
    in_workers(cluster)
    autoencoder = ContractiveAutoencoder(**{**BRIEF, "max_iter": 60}, solver="lbfgs")
    pids, killed = list(cluster.run(os.getpid).values()), []

    def kill():
        time.sleep(1.0)
        os.kill(pids[0], signal.SIGKILL)
        killed.append(pids[0])

    thread = threading.Thread(target=kill)
    thread.start()
    fitted = clone(autoencoder)
    while not killed:  # the worker dies in one of these fits
        fitted = skae.dask.fit(clone(autoencoder), blocks())
    thread.join()
    assert_same_fit(fitted, clone(autoencoder).fit(X), rtol=1e-3)


@pytest.mark.parametrize("backend", ["loky", "threading", "dask"])
def test_searches_and_classes_through_joblib(backend, cluster):
    in_workers(cluster)
    search = GridSearchCV(ContractiveAutoencoder(**BRIEF), {"alpha": [0.01, 1.0]}, cv=2)
    classifier = ClassSpecificAEClassifier(ContractiveAutoencoder(5, max_iter=5), max_iter=3, random_state=0, n_jobs=2)
    expected, probabilities = search.fit(X).cv_results_["mean_test_score"], classifier.fit(X, Y).predict_proba(X)
    with joblib.parallel_config(backend, **({} if backend == "dask" else {"n_jobs": 2})):
        assert_allclose(clone(search).fit(X).cv_results_["mean_test_score"], expected, rtol=1e-9)
        assert_allclose(clone(classifier).fit(X, Y).predict_proba(X), probabilities, rtol=1e-6, atol=1e-9)


def test_a_cluster_that_goes_away_is_told_of_in_a_sentence():
    autoencoder = ContractiveAutoencoder(**{**BRIEF, "max_iter": 100_000}, solver="lbfgs")
    # tol=0 and noise-free data end early; so that there is something to interrupt, many units and many rows.
    autoencoder.set_params(n_components=64)
    cluster = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None)
    with distributed.Client(cluster):
        end = threading.Timer(1.5, cluster.close)
        end.start()
        with pytest.raises(RuntimeError, match="the cluster failed"):
            skae.dask.fit(autoencoder, blocks())
        end.join()
    assert not hasattr(autoencoder, "components_")


def test_without_dask_a_line_names_the_extra():
    code = "import sys, skae\nassert 'dask' not in sys.modules\nsys.modules['dask'] = None\nimport skae.dask"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == 'ImportError: skae.dask needs Dask: pip install "skae[dask]"'
