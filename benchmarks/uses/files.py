"""Processes, files and copies."""

import copy
import io
import multiprocessing
import pickle
import tempfile
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
from data import autoencoder, classifier, detector, digits, flowers
from numpy.testing import assert_array_equal
from registry import refusal, use
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ZeroBiasAutoencoder
from skae.persistence import TRUSTED_TYPES


def models():
    """Return fitted models of each family."""
    X, y = flowers()
    pipeline = make_pipeline(StandardScaler(), ZeroBiasAutoencoder(5, max_iter=5, random_state=0))
    return [model.fit(X, y) for model in (pipeline, classifier(), detector())]


def assert_restored(restore):
    """A model gives the same scores when it comes back."""
    X, _ = flowers()
    for model in models():
        name = "score_samples" if hasattr(model, "score_samples") else "transform"
        assert_array_equal(getattr(restore(model), name)(X), getattr(model, name)(X))


@use(quick=True)
def pickles():
    """`pickle`."""
    assert_restored(lambda model: pickle.loads(pickle.dumps(model)))


@use(quick=True)
def joblib_files():
    """`joblib.dump`, compressed, and memory-mapped."""

    def restore(model, compress=0, mmap_mode=None):
        path = joblib.dump(model, f"{tempfile.mkdtemp(dir=folder)}/model", compress=compress)[0]
        return joblib.load(path, mmap_mode=mmap_mode)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows deletes no mapped file
        assert_restored(lambda model: restore(model, compress=3))
        assert_restored(lambda model: restore(model, mmap_mode="r"))


@use("cloudpickle", quick=True)
def cloud_pickles():
    """`cloudpickle`."""
    import cloudpickle

    assert_restored(lambda model: pickle.loads(cloudpickle.dumps(model)))


@use("skops")
def skops_files():
    """`skops.io`, trusting `TRUSTED_TYPES`."""
    import skops.io

    assert_restored(lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES))


@use("skops", quick=True)
def untrusted_skops_files():
    """`skops.io` without trust."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    file = skops.io.dumps(autoencoder().fit(flowers()[0]))
    return refusal(lambda: skops.io.loads(file), "ContractiveAutoencoder", UntrustedTypesFoundException)


@use("skops")
def model_card():
    """`skops.card.Card`: the table of parameters."""
    from skops.card import Card

    text = Card(classifier().fit(*flowers())).render()
    assert "temperature" in text
    assert "ClassSpecificAEClassifier" in text


@use(quick=True)
def copies():
    """`copy.deepcopy` and `clone`."""
    assert_restored(copy.deepcopy)
    for model in models():
        twin = clone(model)
        assert not any(name.endswith("_") and not name.startswith("_") for name in vars(twin))
        assert repr(twin) == repr(model)


@use()
def processes():
    """`joblib.Parallel` with loky processes."""
    X, _ = digits()
    fits = joblib.Parallel(2)(joblib.delayed(autoencoder(8, alpha=alpha).fit)(X) for alpha in (0.01, 0.1))
    for fitted, alpha in zip(fits, (0.01, 0.1), strict=True):
        assert np.allclose(fitted.components_, autoencoder(8, alpha=alpha).fit(X).components_, rtol=1e-6)


@use(quick=True)
def threads():
    """`joblib.Parallel` and `ThreadPoolExecutor` with threads."""
    X, _ = digits()
    expected = autoencoder(8).fit(X).score_samples(X)
    fits = joblib.Parallel(2, backend="threading")(joblib.delayed(autoencoder(8).fit)(X) for _ in range(2))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda each: each.score_samples(X), fits))
    assert all(np.allclose(each, expected) for each in found)


@use()
def spawned_processes():
    """`multiprocessing` with spawned processes."""
    X, _ = flowers()
    fitted = autoencoder(4).fit(X)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert_array_equal(pool.apply(fitted.score_samples, (X,)), fitted.score_samples(X))


@use(quick=True)
def jobs_of_a_classifier():
    """`ClassSpecificAEClassifier(n_jobs=2)` gives the bits of one job."""
    X, y = flowers()
    one, two = (classifier(n_jobs=n).fit(X, y) for n in (1, 2))
    assert np.allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-6)


def fit(model, X):
    """Fit a model, for a cache."""
    return model.fit(X)


@use(quick=True)
def cached_function():
    """`joblib.Memory` around a fit: an equal estimator is a hit."""
    X, _ = flowers()
    with tempfile.TemporaryDirectory() as folder:
        cached = joblib.Memory(folder, verbose=0).cache(fit)
        first = cached(autoencoder(4), X)
        assert cached.check_call_in_cache(autoencoder(4), X)
        assert not cached.check_call_in_cache(autoencoder(5), X)
        assert_array_equal(cached(autoencoder(4), X).components_, first.components_)


@use(quick=True)
def hashes():
    """`joblib.hash`: equal fits have equal hashes."""
    X, _ = flowers()
    hashes = [joblib.hash(autoencoder(4, random_state=seed).fit(X)) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


@use(quick=True)
def training_goes_on_from_a_file():
    """`partial_fit` of a loaded model goes on as the original does."""
    X, _ = flowers()
    model = autoencoder(4).partial_fit(X)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    assert_array_equal(joblib.load(file).partial_fit(X).components_, model.partial_fit(X).components_)
