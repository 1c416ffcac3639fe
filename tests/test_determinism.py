"""The same seed, the same bits: in every estimator, whatever else the process does and however it is set.

test_robustness.py and test_autoencoder_contract.py have more of this for the autoencoders. benchmarks/kernels.py
compares the kernels of OpenBLAS.
"""

import concurrent.futures
import functools
import json
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import threadpoolctl
from estimators import KINDS, data, digest_of, largest_difference, predictions, state_of, train
from faults import limits, process_unchanged
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.validation import has_fit_parameter

from skae import DenoisingAutoencoder
from skae.autoencoders import BaseAutoencoder
from skae.plotting import ReconstructionDisplay
from skae.training import quiet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of short fits to few rows

every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def trained(kind, method="fit", **parameters):
    """Return an estimator after a fit, and after one more training by another method."""
    estimator = train(kind.make(**parameters))
    return estimator if method == "fit" else train(estimator, method)


@functools.cache
def expected(kind, method="fit"):
    """Return what an estimator has learnt, and what it predicts of the rows, in the ordinary way."""
    estimator = trained(kind, method)
    return state_of(estimator), state_of(predictions(estimator, data()[0]))


every_step = pytest.mark.parametrize(
    ("kind", "method"), [(kind, method) for kind in KINDS for method in kind.methods], ids=str
)


@every_step
def test_numpys_generator_is_not_touched(kind, method):
    """Two fits in a process give the same bits, whatever numpy's global generator says; none reads or moves it."""
    first = expected(kind, method)
    np.random.seed(2)  # noqa: NPY002
    with process_unchanged():
        estimator = trained(kind, method)
        assert (state_of(estimator), state_of(predictions(estimator, data()[0]))) == first


#: The sizes of the parts in which work is done, where they are kept, and small ones.
PARTS = {
    "training._chunks._CHUNK_ELEMENTS": 1,  # 64 rows
    "training._principal_axes._PRODUCT_ROWS": 40,
    "outlier._feature_scaler._CHUNK_ELEMENTS": 40,
    "outlier._powers._CHUNK_ELEMENTS": 400,
    "outlier._kmeans._NEAREST_ROWS": 7,
    "_ops.CHUNK": 16,
    "_ops._CONVERTED": 3,
    "_ops._SUMMED": 3,
}


@every_kind
def test_the_size_of_parts_changes_rounding_alone(kind, monkeypatch):
    """Chunks of few rows, columns or parameters give the fit, with weights too, and the predictions of large ones."""
    X, y = data(n=150)

    def fitted():
        estimator = kind.make(**({"noise": None, "dropout": 0.0} if kind.has("dropout") else {}))  # drawn by batch
        weighted = has_fit_parameter(estimator, "sample_weight")
        target = y if is_classifier(estimator) else X[:, 0] if is_regressor(estimator) else None
        return estimator.fit(X, target, **({"sample_weight": np.linspace(0.5, 2.0, 150)} if weighted else {}))

    def said_by(estimator):
        said = predictions(estimator, X)
        if hasattr(estimator, "explain"):
            said["explain"] = estimator.explain(X, X[::-1])
        if isinstance(estimator, BaseAutoencoder):
            said["score"] = np.asarray(estimator.score(X, sample_weight=np.linspace(2.0, 0.5, 150)))
        return said

    whole = fitted()
    said = said_by(whole)
    for name, size in PARTS.items():
        monkeypatch.setattr(f"skae.{name}", size)
    for name, value in said_by(whole).items():
        if value.dtype.kind == "f":
            assert_allclose(value, said[name], rtol=1e-9, atol=1e-9, err_msg=name)
        else:
            assert_array_equal(value, said[name], err_msg=name)
    difference, name = largest_difference(whole, fitted())
    assert difference < 1e-6, name


@every_kind
def test_without_a_seed_numpys_generator_is_not_touched(kind):
    """random_state=None neither reads nor moves numpy's global generator either."""
    with process_unchanged():
        trained(kind, **({"random_state": None} if kind.has("random_state") else {}))


def test_noise_in_a_picture_does_not_touch_numpys_generator():
    """A display that draws noise without a seed takes it from elsewhere."""
    pytest.importorskip("matplotlib")
    autoencoder = trained(next(kind for kind in KINDS if kind.cls is DenoisingAutoencoder))
    with process_unchanged():
        ReconstructionDisplay.from_estimator(autoencoder, data()[0], noise="gaussian")


@every_step
def test_floating_point_errors_of_the_user(kind, method):
    """np.seterr(all="raise") and warnings as errors change no bit of a fit and of its predictions."""
    first = expected(kind, method)
    with np.errstate(all="raise"), process_unchanged():
        estimator = trained(kind, method)
        assert (state_of(estimator), state_of(predictions(estimator, data()[0]))) == first


# Threads and processes


@pytest.mark.sampled(3)
@every_kind
def test_fits_in_threads(kind):
    """Fits in two threads give the bits of fits one after the other, and leave the limits of all libraries."""
    first = expected(kind)[0]
    with threadpoolctl.threadpool_limits(2):
        before, interval = limits(), sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        try:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                states = list(pool.map(lambda _: state_of(trained(kind)), range(2)))
        finally:
            sys.setswitchinterval(interval)
        assert limits() == before
    assert all(each == first for each in states)


@every_step
def test_predictions_in_threads(kind, method):
    """Threads that share an estimator get the predictions that one gets alone, also the first ones of all."""
    rows = data()[0]
    estimator = trained(kind, method)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert all(
            each == expected(kind, method)[1]
            for each in pool.map(lambda _: state_of(predictions(estimator, rows)), range(3))
        )


def test_filters_of_warnings_are_set_where_no_other_thread_is(monkeypatch):
    """Two threads that both change the filters would leave one for good: then all later warnings are lost."""
    monkeypatch.setattr("skae.training._warnings.alone", lambda: True)
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet("not"):
            warnings.warn("not seen", stacklevel=1)
            warnings.warn("seen", stacklevel=1)
    assert [str(each.message) for each in caught] == ["seen"]
    assert list(warnings.filters) == before
    monkeypatch.undo()
    seen = []

    def in_a_thread():
        filters = list(warnings.filters)
        with quiet():
            seen.append(list(warnings.filters) == filters)

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert seen == [True]


DIGESTS = """
import json, sys, warnings
import numpy as np
from estimators import KINDS, digest_of, train
warnings.simplefilter("ignore")
print(json.dumps({str(kind): digest_of(train(kind.make())) for kind in KINDS}))
"""


def test_processes_agree(request):
    """Another process, with another order of sets and dicts of text, fits every estimator to the same bits."""
    if request.config.getoption("--perturb-products") is not None:
        pytest.skip("products are not perturbed in other processes")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "12345"}
    run = subprocess.run([sys.executable, "-c", DIGESTS], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {str(kind): digest_of(trained(kind)) for kind in KINDS}


@pytest.mark.sampled(3)
@every_kind
def test_thread_counts_agree(kind, monkeypatch):
    """With products large enough for the BLAS's threads, two threads give the numbers of one to 1e-6."""
    monkeypatch.setattr("skae.training._threads._WORTH_THREADS", 0.0)
    rows, fits = data(n=300, d=80), []
    wide = {name: value for name, value in (("n_components", 64), ("batch_size", 150)) if kind.has(name)}
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads, user_api="blas"):
            fits.append(train(kind.make(**wide), rows=rows))
    difference, name = largest_difference(*fits)
    assert difference < 1e-6, name
