"""Tables and arrays."""

import array
import tempfile

import joblib
import numpy as np
import pandas as pd
from data import autoencoder, classifier, detector, digits, flowers
from numpy.testing import assert_allclose, assert_array_equal
from registry import refusal, use
from scipy import sparse
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from skae import ContrastNormalizer, PCAWhitener

NAMES = ["a", "b", "c", "d"]


def assert_same(table):
    """An autoencoder and a detector score a table as its array, but for the rounding of another memory order."""
    X, _ = flowers()
    for model in (autoencoder(4), detector()):
        assert_allclose(model.fit(table).score_samples(table), model.fit(X).score_samples(X), rtol=1e-6)


@use(quick=True)
def pandas_frames():
    """A pandas frame: values, names, and a frame from `set_output`."""
    X, _ = flowers()
    frame = pd.DataFrame(X, columns=NAMES, index=np.arange(len(X))[::-1])
    assert_same(frame)
    model = make_pipeline(StandardScaler(), PCAWhitener(), autoencoder(4)).set_output(transform="pandas").fit(frame)
    found = model.transform(frame)
    assert list(found.columns) == [f"contractiveautoencoder{i}" for i in range(4)]
    assert (found.index == frame.index).all()
    assert list(model[0].feature_names_in_) == NAMES


@use("polars", quick=True)
def polars_frames():
    """A polars frame, and a frame from `set_output`."""
    import polars as pl

    X, _ = flowers()
    frame = pl.DataFrame(X, schema=NAMES)
    assert_same(frame)
    found = autoencoder(4).set_output(transform="polars").fit_transform(frame)
    assert isinstance(found, pl.DataFrame)
    assert found.columns == [f"contractiveautoencoder{i}" for i in range(4)]


@use("polars")
def polars_float32():
    """float32 of polars stays float32."""
    import polars as pl

    X, _ = flowers()
    frame = pl.DataFrame(X.astype(np.float32), schema=NAMES)
    assert autoencoder(4).fit_transform(frame).dtype == np.float32


@use("pyarrow", quick=True)
def arrow_tables():
    """A pyarrow table."""
    import pyarrow as pa

    X, _ = flowers()
    assert_same(pa.table(dict(zip(NAMES, X.T, strict=True))))


@use(quick=True)
def global_output():
    """`set_config(transform_output="pandas")`."""
    X, _ = flowers()
    with config_context(transform_output="pandas"):
        assert isinstance(autoencoder(4).fit_transform(X), pd.DataFrame)
        assert list(ContrastNormalizer().fit_transform(pd.DataFrame(X, columns=NAMES)).columns) == NAMES


@use(quick=True)
def nullable_columns():
    """Nullable columns of pandas: Float64, Float32, Int64, boolean."""
    X, _ = flowers()
    frame = pd.DataFrame(X, columns=NAMES)
    assert_same(frame.astype("Float64"))
    whole = frame.round().assign(d=frame["d"] > 0)
    mixed = whole.astype({"a": "Int64", "b": "Float32", "c": "Float64", "d": "boolean"})
    assert_allclose(
        autoencoder(4).fit(mixed).score_samples(mixed),
        autoencoder(4).fit(whole.astype(float)).score_samples(whole.astype(float)),
    )


@use(quick=True)
def missing_in_nullable_columns():
    """`pd.NA` in a nullable column."""
    X, _ = flowers()
    frame = pd.DataFrame(X, columns=NAMES).astype("Float64")
    frame.loc[3, "a"] = pd.NA
    return refusal(lambda: autoencoder(4).fit(frame), "Input X contains NaN")


@use(quick=True)
def nullable_labels():
    """Labels of pandas: strings, categories, Int64."""
    X, y = flowers()
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    expected = classifier().fit(X, y).predict(X)
    for labels in (names, pd.Series(names), pd.Series(names, dtype="category")):
        fitted = classifier().fit(X, labels)
        assert_array_equal(fitted.predict(X), np.array(["setosa", "versicolor", "virginica"])[expected])
    assert_array_equal(classifier().fit(X, pd.Series(y, dtype="Int64")).predict(X), expected)


@use(quick=True)
def words_in_a_column():
    """A column of words."""
    frame = pd.DataFrame(flowers()[0], columns=NAMES).assign(colour="red")
    return refusal(lambda: autoencoder(4).fit(frame), "red")


@use(quick=True)
def words_in_a_detector():
    """A column of words in a detector."""
    frame = pd.DataFrame(flowers()[0], columns=NAMES).assign(colour="red")
    return refusal(lambda: detector().fit(frame), "red")


@use(quick=True)
def categories():
    """A categorical column of pandas behind `OrdinalEncoder`, and one of numbers as it is."""
    X, y = flowers()
    frame = pd.DataFrame({"kind": pd.Categorical(np.array(["low", "high", "mid"])[y]), "size": X[:, 0]})
    assert make_pipeline(OrdinalEncoder(), autoencoder(3)).fit_transform(frame).shape == (len(X), 3)
    numbers = frame.assign(kind=pd.Categorical(y))
    plain = np.column_stack([y, X[:, 0]])
    assert_allclose(autoencoder(3).fit_transform(numbers), autoencoder(3).fit_transform(plain))


@use(quick=True)
def other_names():
    """A frame whose columns have other names than in `fit`."""
    frame = pd.DataFrame(flowers()[0], columns=NAMES)
    fitted = autoencoder(4).fit(frame)
    return refusal(lambda: fitted.transform(frame[NAMES[::-1]]), "feature names should match")


@use(quick=True)
def other_widths():
    """Rows with another number of features than in `fit`."""
    X, _ = flowers()
    return refusal(lambda: autoencoder(4).fit(X).transform(X[:, :3]), "X has 3 features, but .* is expecting 4")


@use(quick=True)
def one_row_as_a_vector():
    """A vector in place of a table."""
    X, _ = flowers()
    return refusal(lambda: autoencoder(4).fit(X).transform(X[0]), "Expected 2D array, got 1D array")


@use(quick=True)
def no_rows():
    """A table without rows."""
    return refusal(lambda: autoencoder(4).fit(np.empty((0, 4))), r"Found array with 0 sample\(s\)")


@use(quick=True)
def complex_numbers():
    """Complex numbers."""
    return refusal(lambda: autoencoder(4).fit(flowers()[0] + 1j), "Complex data not supported")


@use(quick=True)
def infinite_numbers():
    """Infinite values."""
    X = flowers()[0].copy()
    X[0, 0] = np.inf
    return refusal(lambda: autoencoder(4).fit(X), "Input X contains infinity")


FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")


@use(quick=True)
def sparse_formats():
    """Sparse arrays and matrices of seven formats."""
    X, _ = digits()
    X = X[:200]
    dense = autoencoder(8).fit(X).score_samples(X)
    for name in FORMATS:
        for make in (getattr(sparse, f"{name}_array"), getattr(sparse, f"{name}_matrix")):
            rows = make(X)
            assert_allclose(autoencoder(8).fit(rows).score_samples(rows), dense, rtol=1e-6)


@use()
def sparse_in_others():
    """Sparse rows in a classifier, a detector and a whitener."""
    X, y = digits()
    rows = sparse.csr_array(X)
    for model in (classifier(), detector(), PCAWhitener(10)):
        name = "transform" if isinstance(model, PCAWhitener) else "score_samples"
        expected = getattr(model.fit(X, y), name)(X)
        found = getattr(model.fit(rows, y), name)(rows)
        assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-6)


@use(quick=True)
def dtypes():
    """float16, integers, booleans and objects of numbers are as float64; float32 stays."""
    X, _ = flowers()
    whole = np.round(2 * X)
    expected = autoencoder(4).fit(whole).score_samples(whole)
    for dtype in (np.float16, np.int8, np.int64, np.longdouble, object, ">f8"):
        rows = whole.astype(dtype)
        assert_allclose(autoencoder(4).fit(rows).score_samples(rows), expected)
    assert autoencoder(4).fit(X.astype(np.float32)).score_samples(X.astype(np.float32)).dtype == np.float32


@use(quick=True)
def orders_and_lists():
    """Fortran order, strides, read-only arrays, lists."""
    X, _ = flowers()
    wide = np.repeat(X, 2, axis=1)
    frozen = X.copy()
    frozen.flags.writeable = False
    for rows in (np.asfortranarray(X), wide[:, ::2], frozen, X.tolist(), [array.array("d", row) for row in X]):
        assert_allclose(autoencoder(4).fit(rows).score_samples(rows), autoencoder(4).fit(X).score_samples(X))


@use(quick=True)
def memory_maps():
    """A memory-mapped file."""
    X, _ = flowers()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows deletes no mapped file
        path = joblib.dump(X, f"{folder}/X.joblib")[0]
        assert_same(joblib.load(path, mmap_mode="r"))


@use(quick=True)
def assumed_finite():
    """`config_context(assume_finite=True)`."""
    with config_context(assume_finite=True):
        assert_same(flowers()[0])


@use()
def array_dispatch_of_numpy():
    """`config_context(array_api_dispatch=True)` with numpy arrays."""
    import os

    if os.environ.get("SCIPY_ARRAY_API") != "1":
        return refusal(lambda: config_context(array_api_dispatch=True).__enter__(), "SCIPY_ARRAY_API", RuntimeError)
    with config_context(array_api_dispatch=True):
        assert_same(flowers()[0])
    return None
