"""Rows of other dtypes than float32 and float64: one block of them is converted at a time, and no result changes."""

import contextlib
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    FineTunedClassifier,
    FineTunedRegressor,
    PCAWhitener,
    ZeroBiasAutoencoder,
)
from skae._unconverted_rows import UnconvertedRows
from skae._validation import DTYPES, check_array, validate_data
from skae.outlier import BaggedMixtureAutoencoder, MixtureAutoencoder
from skae.training import Batches, dense, row_chunks
from tests.autoencoders import CLASSES, TRAINING, assert_equal_deeply, assert_same_fit, assert_same_predictions, in_turn

SMALL = {"max_iter": 2, "random_state": 0}


def autoencoder(**parameters):
    """A small autoencoder."""
    return ContractiveAutoencoder(3, **SMALL, **parameters)


CLASSIFIERS = ClassSpecificAEClassifier, FineTunedClassifier

#: The estimators that are no autoencoders, and kinds of autoencoders that read their rows in another way.
OTHERS = {
    "early stopping": autoencoder(early_stopping=True),
    "early stopping with lbfgs": autoencoder(early_stopping=True, solver="lbfgs"),
    "start from rows": ZeroBiasAutoencoder(3, init="data", **SMALL),
    "start from axes": ZeroBiasAutoencoder(3, init="pca", **SMALL),
    "one batch with noise": DenoisingAutoencoder(3, noise="salt_and_pepper", batch_size=500, **SMALL),
    "classifier, normalize": ClassSpecificAEClassifier(autoencoder(), method="normalize", **SMALL),
    "classifier, energies": ClassSpecificAEClassifier(autoencoder(), method="energies", **SMALL),
    "classifier, finetune": ClassSpecificAEClassifier(autoencoder(), noise="masking", **SMALL),
    "classifier, held-out rows": ClassSpecificAEClassifier(
        autoencoder(), early_stopping=True, calibration_fraction=0.2, **SMALL
    ),
    "classifier, two workers": ClassSpecificAEClassifier(autoencoder(), method="normalize", n_jobs=2, **SMALL),
    "classifier, factors": ClassSpecificAEClassifier(DenoisingAutoencoder(3, **SMALL), n_factors=2, **SMALL),
    "network": FineTunedClassifier(autoencoder(), noise="masking", dropout=0.2, **SMALL),
    "network of a Pipeline": FineTunedRegressor(make_pipeline(PCAWhitener(3), autoencoder(), autoencoder()), **SMALL),
    "detector": EnergyOutlierDetector(),
    "detector, novelty": EnergyOutlierDetector(novelty=True),
    "detector, autoencoder": EnergyOutlierDetector(autoencoder()),
    "mixture": MixtureAutoencoder(3, random_state=0),
    "bagged mixture": BaggedMixtureAutoencoder(3, 2, random_state=0),
    "whitener": PCAWhitener(),
    "whitener, few components": PCAWhitener(2, whiten="zca"),
    "contrast": ContrastNormalizer(),
}

#: Methods that take rows.
METHODS = (
    "transform",
    "reconstruct",
    "score_samples",
    "score",
    "vector_field",
    "reconstruction_error",
    "predict",
    "predict_proba",
    "decision_function",
    "p_values",
    "explain",
)

#: Dtypes that no estimator computes in.
OTHER_DTYPES = (np.uint8, np.int16, ">f8", np.int32, np.float16, np.int64, np.bool_, ">f4", np.int8)

#: Containers of them.
CONTAINERS = ("array", "fortran", "memmap", "csr", "frame", "strided")


def in_container(X, container, path):
    """X in a container."""
    if container == "memmap":
        name = f"{len(list(path.iterdir()))}"  # Windows does not write to a file that is mapped
        mapped = np.memmap(path / name, dtype=X.dtype, mode="w+", shape=X.shape)
        mapped[:] = X
        mapped.flush()
        return np.memmap(mapped.filename, dtype=X.dtype, mode="r", shape=X.shape)
    made = {
        "array": np.asarray,
        "fortran": np.asfortranarray,
        "csr": lambda X: sparse.csr_matrix(X.astype(X.dtype.newbyteorder("="))),
        "frame": lambda X: pd.DataFrame(
            X.astype(X.dtype.newbyteorder("=")), columns=[f"x{i}" for i in range(X.shape[1])]
        ),
        "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    }
    return made[container](X)


def converted(X):
    """X in float64, in the same container."""
    return X.astype(np.float64)


def pair(numbers, dtype, container, path):
    """The same numbers of another dtype and of float64, in the same container."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        numbers = np.rint(3.0 * (numbers - numbers.min()))
    if dtype.kind == "b":
        numbers = numbers > np.median(numbers, axis=0)
    if container in ("csr", "frame") and dtype.kind == "f":  # they have no half precision, or stay float32
        container = "array"
    X = in_container(numbers.astype(dtype), container, path)
    return X, converted(X)


def assert_same_everywhere(a, b, X, Y, y):
    """Assert that two fitted estimators say the same of the same rows."""
    for name in METHODS:
        if hasattr(b, name):
            more = {"score": (y,), "explain": (Y[:1],)}.get(name, ())
            found, expected = getattr(a, name)(X, *more), getattr(b, name)(Y, *more)
            assert type(found) is type(expected), name
            assert getattr(found, "dtype", None) == getattr(expected, "dtype", None), name
            assert_array_equal(found, expected, err_msg=name)


@contextlib.contextmanager
def silent():
    """Small fits warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# The results


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("case", "solver", "method", "dtype", "container"),
    [(*row, container) for row, container in zip(in_turn(TRAINING, OTHER_DTYPES), CONTAINERS * 99, strict=False)],
    ids=str,
)
def test_an_autoencoder_of_other_dtypes_is_that_of_float64(case, solver, method, dtype, container, rng, tmp_path):
    """Rows of any real dtype give the bits of the same rows in float64, in every container."""
    numbers = case.data(rng)
    bernoulli = case.parameters.get("visible") == "bernoulli"
    X, Y = pair(numbers, np.bool_ if bernoulli and np.dtype(dtype).kind in "iu" else dtype, container, tmp_path)
    if bernoulli and np.dtype(dtype).kind == "f":
        assert 0.0 <= np.min(Y) <= np.max(Y) <= 1.0
    with silent():
        a, b = (getattr(case.make(solver=solver), method)(rows) for rows in (X, Y))
    assert_same_fit(a, b)
    if container == "frame":  # where columns lie apart, sums may round otherwise
        assert_same_predictions(a, b, Y[:20], on=X[:20], rtol=1e-12)
    else:
        assert_same_predictions(a, b, Y, on=X)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("name", "dtype", "container"),
    [
        (*row, container)
        for row, container in zip(in_turn([(name,) for name in OTHERS], OTHER_DTYPES), CONTAINERS * 9, strict=False)
    ],
    ids=str,
)
def test_an_estimator_of_other_dtypes_is_that_of_float64(name, dtype, container, rng, tmp_path):
    """Every other estimator, too: fit, partial_fit and all that it says of rows."""
    estimator, y = OTHERS[name], np.arange(120) % 3
    if container == "csr" and isinstance(estimator, ContrastNormalizer | MixtureAutoencoder | BaggedMixtureAutoencoder):
        container = "strided"
    X, Y = pair(rng.random((120, 5)) @ rng.random((5, 5)), dtype, container, tmp_path)
    with silent():
        assert_same_everywhere(clone(estimator).fit(X, y), clone(estimator).fit(Y, y), X, Y, y)
        if hasattr(estimator, "partial_fit") and not getattr(estimator, "early_stopping", False):
            options = {"classes": [0, 1, 2]} if isinstance(estimator, CLASSIFIERS) else {}
            a, b = (clone(estimator).partial_fit(rows, y, **options).partial_fit(rows, y) for rows in (X, Y))
            assert_same_everywhere(a, b, X, Y, y)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("classify", [False, True])
def test_partial_fit_of_other_dtypes_goes_on_in_float32(dtype, classify, rng):
    """A model of float32 stays one, and float64 rows are converted a batch at a time too."""
    X, y = rng.integers(0, 9, (60, 5)).astype(dtype), np.arange(60) % 3
    estimator = ClassSpecificAEClassifier(autoencoder(), **SMALL) if classify else autoencoder()
    with silent():
        a, b = (clone(estimator).fit(X.astype(np.float32), y) for _ in range(2))
        a.partial_fit(X, y)
        b.partial_fit(X.astype(np.float32), y)
    assert_array_equal(a.transform(X.astype(np.float32)), b.transform(X.astype(np.float32)))
    assert a.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("estimator", [autoencoder(), PCAWhitener(whiten="zca")], ids=["autoencoder", "whitener"])
def test_codes_of_integers_are_inverted(estimator, rng):
    """inverse_transform takes codes of any real dtype."""
    estimator.fit(rng.random((40, 5)))
    Z = rng.integers(0, 9, (30, estimator.transform(np.zeros((1, 5))).shape[1]))
    assert_array_equal(estimator.inverse_transform(Z), estimator.inverse_transform(Z.astype(np.float64)))


# Validation


ROWS = np.arange(20).reshape(5, 4)


def with_value(value):
    """float16 rows with one bad number."""
    X = ROWS.astype(np.float16)
    X[-1, 0] = value
    return X


@pytest.mark.parametrize(
    "X",
    [
        with_value(np.nan),
        with_value(np.inf),
        with_value(np.nan).astype(">f8"),
        np.where(ROWS == 3, np.finfo(np.longdouble).max, ROWS),
        ROWS[0],
        ROWS[:, :2],
        ROWS[:1],
        ROWS[:0],
        ROWS[:, :0],
        ROWS[None],
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, columns=list("abcd")),
        pd.DataFrame({"a": [1, 2], "b": pd.array([1, None], dtype="Int8")}),
        ROWS + 1j,
        ROWS.astype(object),
        ROWS.astype(str),
        sparse.csr_matrix(ROWS),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_errors_are_those_of_float64(X, method):
    """What scikit-learn refuses, it refuses in the same words, without numpy's warning of what overflows."""
    estimator = ContrastNormalizer().fit(pd.DataFrame(ROWS[:, :3] * 1.0, columns=list("abc")))

    def error(check):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with np.errstate(over="ignore"):
                    check()
            except (TypeError, ValueError) as problem:
                return type(problem), str(problem), [str(each.message) for each in caught]
        return [str(each.message) for each in caught]

    from sklearn.utils.validation import validate_data as scikit_learn_does

    options = {"reset": method == "fit", "ensure_min_samples": 2}
    expected = error(lambda: scikit_learn_does(clone_of(estimator), X, dtype=DTYPES, **options))
    assert error(lambda: validate_data(clone_of(estimator), X, dtype=DTYPES, **options)) == expected


def clone_of(estimator):
    """A copy that keeps the fitted attributes."""
    return pickle.loads(pickle.dumps(estimator))


def test_rows_in_a_right_dtype_stay_themselves():
    """float32 and float64 arrays are returned as they are."""
    for dtype in DTYPES:
        X = ROWS.astype(dtype)
        assert validate_data(ContrastNormalizer(), X, dtype=DTYPES) is X
        assert check_array(X, dtype=DTYPES) is X


@pytest.mark.parametrize("container", ["array", "csr", "frame", "memmap", "fortran"])
def test_integers_are_not_converted_by_validation(container, tmp_path):
    """The checked rows keep their dtype; rows that are asked for come in float64."""
    X = in_container(ROWS.astype(np.uint8), container, tmp_path)
    rows = validate_data(autoencoder(), X, dtype=DTYPES, accept_sparse="csr")
    assert isinstance(rows, UnconvertedRows)
    assert rows.source.dtype == np.uint8
    assert (rows.dtype, rows.shape, len(rows), rows.ndim) == (np.float64, (5, 4), 5, 2)
    assert validate_data(autoencoder(), rows, dtype=DTYPES, accept_sparse="csr").source.dtype == np.uint8
    for chosen in (slice(1, 4), np.array([3, 0]), np.array([True, False, True, False, False])):
        part = dense(rows[chosen])
        assert part.dtype == np.float64
        assert_array_equal(part, ROWS[chosen])
    assert_array_equal(np.vstack([chunk for _, chunk in row_chunks(rows, rows=2)]), ROWS)
    assert_equal_deeply(vars(pickle.loads(pickle.dumps(rows[:2])))["dtype"], rows.dtype)


def test_equal_entries_of_csr_are_added_in_float64():
    """Entries that stand for the same place are added after the conversion: one byte would overflow."""
    X = sparse.csr_matrix((np.array([200, 200], dtype=np.uint8), ([0, 0]), [0, 2, 2]), shape=(2, 2))
    X.has_canonical_format = False
    assert_array_equal(dense(UnconvertedRows(X, np.float64)), [[400.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("container", ["array", "csr", "fortran"])
def test_batches_convert_their_rows(container, shuffle, tmp_path):
    """A batch of unconverted rows is that of the converted ones, in the same layout, and does not write to them."""
    X = in_container(ROWS.astype(np.uint8), container, tmp_path)
    options = {"sample_weight": None, "rows": np.array([4, 2, 0, 1]), "batch_size": 2, "shuffle": shuffle, "scale": 3.0}
    pairs = zip(
        Batches(UnconvertedRows(X, np.float64), **options)(np.random.default_rng(0)),
        Batches(X.astype(np.float64), **options)(np.random.default_rng(0)),
        strict=True,
    )
    for (found, _, _), (expected, _, _) in pairs:
        assert found.dtype == np.float64
        assert found.strides == expected.strides
        assert_array_equal(found, expected)
    assert_array_equal(dense(X), ROWS)


# Memory

#: Rows of one byte a value, 8 MB.
N_ROWS, N_FEATURES = 20_833, 384

#: Sizes of blocks and samples. They are an eighth of skae's, and the file is an eighth of 64 MB.
SCALED_DOWN = {
    "training._chunks._CHUNK_ELEMENTS": 2**16,
    "training._principal_axes._PRODUCT_ROWS": 512,
    "training._convergence._SAMPLE_ROWS": 250,
    "autoencoders._start._SAMPLE_ROWS": 250,
    "outlier._kmeans._SAMPLE_ROWS": 512,
    "outlier._ensemble.SAMPLE_ROWS": 512,
    "outlier._detector.SAMPLE_ROWS": 512,
    "outlier._calibration._MOST_ROWS": 512,
}

LARGE_FITS = {
    **{cls.__name__: cls(4, max_iter=1, batch_size=200, random_state=0) for cls in CLASSES},
    "early stopping": ContractiveAutoencoder(4, max_iter=1, batch_size=200, early_stopping=True, random_state=0),
    "lbfgs": ContractiveAutoencoder(4, max_iter=1, solver="lbfgs", random_state=0),
    "start from axes": ContractiveAutoencoder(4, max_iter=1, batch_size=200, init="pca", random_state=0),
    **{
        f"classifier, {method}": ClassSpecificAEClassifier(
            ContractiveAutoencoder(4, max_iter=1, batch_size=200, random_state=0),
            method=method,
            temperature=1.0,
            max_iter=1,
            batch_size=200,
            random_state=0,
        )
        for method in ("normalize", "finetune")
    },
    "detector": EnergyOutlierDetector(),
    "detector, novelty": EnergyOutlierDetector(novelty=True),
    "detector, autoencoder": EnergyOutlierDetector(
        ContractiveAutoencoder(4, max_iter=1, batch_size=200, random_state=0)
    ),
    "whitener": PCAWhitener(10),
    "contrast": ContrastNormalizer(),
}


@pytest.fixture(scope="module")
def bytes_on_disk(tmp_path_factory):
    """Rows of bytes, in a file."""
    path, rng = tmp_path_factory.mktemp("bytes") / "X", np.random.default_rng(0)
    steps = rng.integers(1, 60, N_FEATURES)
    rng.integers(0, steps, (N_ROWS, N_FEATURES), dtype=np.uint8).tofile(path)
    return np.memmap(path, dtype=np.uint8, mode="r", shape=(N_ROWS, N_FEATURES))


def added_memory(function, *arguments, **options):
    """The memory that a call takes beyond its result, in bytes."""
    tracemalloc.start()
    try:
        result = function(*arguments, **options)
        return tracemalloc.get_traced_memory()[1] - getattr(result, "nbytes", 0)
    finally:
        tracemalloc.stop()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", LARGE_FITS)
def test_bytes_add_no_more_than_their_own_size(name, bytes_on_disk, monkeypatch):
    """No method converts all rows: as float64 they would take eight times the size of the file."""
    for constant, value in SCALED_DOWN.items():
        monkeypatch.setattr(f"skae.{constant}", value)
    estimator, X, y = clone(LARGE_FITS[name]), bytes_on_disk, np.arange(N_ROWS) % 3
    limit = X.nbytes
    if isinstance(estimator, EnergyOutlierDetector):  # its mixtures and centres are found from a sample, in float64
        limit += 10 * SCALED_DOWN["outlier._kmeans._SAMPLE_ROWS"] * 8 * N_FEATURES
    if isinstance(estimator, PCAWhitener):  # products of the features with each other
        limit += 8 * 8 * N_FEATURES**2
    with silent():
        clone(estimator).fit(X[:90], y[:90])  # what a first fit imports does not count
        added = {"fit": added_memory(estimator.fit, X, y)}
        for method in METHODS:
            if hasattr(estimator, method) and method != "explain":
                more = (y,) if method == "score" else ()
                added[method] = added_memory(getattr(estimator, method), X, *more)
        if hasattr(estimator, "partial_fit") and not getattr(estimator, "early_stopping", False):
            options = {"classes": [0, 1, 2]} if isinstance(estimator, CLASSIFIERS) else {}
            added["partial_fit"] = added_memory(clone(estimator).partial_fit, X, y, **options)
    assert {method: size for method, size in added.items() if size > limit} == {}


def test_contrast_and_inverse_take_one_output(rng):
    """The result, and a block of rows: no second array of that size."""
    X = rng.random((40_000, 100))
    normalizer, whitener = ContrastNormalizer(), PCAWhitener(whiten="zca").fit(X)
    assert added_memory(normalizer.fit(X).transform, X) < X.nbytes
    assert added_memory(whitener.inverse_transform, X) < X.nbytes


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_memory_of_a_fit_does_not_grow_with_the_rows_of_a_file(dtype, tmp_path):
    """Nor does that of a prediction, beyond its result."""
    n_features, added = 100, []
    rows = np.random.default_rng(0).integers(0, 100, size=(5000, n_features)).astype(dtype)
    for n in (20_000, 100_000):
        file = np.lib.format.open_memmap(tmp_path / f"{n}.npy", mode="w+", dtype=dtype, shape=(n, n_features))
        for start in range(0, n, len(rows)):
            file[start : start + len(rows)] = rows
        given = np.load(tmp_path / f"{n}.npy", mmap_mode="r")
        model = autoencoder(learning_rate_init=1e-5)
        for call in (model.fit, model.score_samples):
            tracemalloc.start()
            result = call(given)
            left, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            added.append(peak - left)
            del result
    # The order of the rows of an epoch has a number for each.
    assert added[2] < 1.1 * added[0] + 8 * 80_000 * 2
    assert added[3] < 1.1 * added[1] + 100_000
