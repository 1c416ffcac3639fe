"""Pipelines."""

import tempfile

import joblib
import numpy as np
import pandas as pd
from data import autoencoder, classifier, detector, digits, flowers, split, tumours, wines
from numpy.testing import assert_allclose, assert_array_equal
from registry import refusal, use
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, SequentialFeatureSelector
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, QuantileTransformer, StandardScaler

from skae import PCAWhitener, ZeroBiasAutoencoder


@use(quick=True)
def whitener_features_and_logistic_regression():
    """`Pipeline`: whitener, autoencoder, `LogisticRegression`."""
    X, X_test, y, y_test = split(*digits())
    features = make_pipeline(PCAWhitener(0.99, whiten=None), ZeroBiasAutoencoder(64, max_iter=15, random_state=0))
    model = make_pipeline(features, LogisticRegression(max_iter=1000)).fit(X, y)
    assert model.score(X_test, y_test) > 0.93
    assert_array_equal(model[:-1].transform(X_test), features.transform(X_test))


@use(quick=True)
def feature_union():
    """`FeatureUnion` of PCA and an autoencoder."""
    X, _ = digits()
    union = FeatureUnion([("pca", PCA(3)), ("code", autoencoder(5))]).fit(X)
    assert_array_equal(union.transform(X)[:, 3:], autoencoder(5).fit(X).transform(X))
    assert list(union.get_feature_names_out()[2:5]) == [
        "pca__pca2",
        "code__contractiveautoencoder0",
        "code__contractiveautoencoder1",
    ]


def table():
    """Return wines as a data frame with a column of words, and the labels."""
    X, y = wines()
    frame = pd.DataFrame(X[:, :4], columns=["alcohol", "acid", "ash", "alkali"])
    return frame.assign(colour=np.where(X[:, 9] > 0, "dark", "light")), y


@use(quick=True)
def columns_of_numbers_and_words():
    """`ColumnTransformer` with scaled numbers and one-hot words, then an autoencoder."""
    frame, _ = table()
    columns = ColumnTransformer([("n", StandardScaler(), ["alcohol", "acid"]), ("w", OneHotEncoder(), ["colour"])])
    model = make_pipeline(columns, autoencoder(5)).fit(frame)
    assert model.transform(frame).shape == (len(frame), 5)
    assert_allclose(model[-1].transform(columns.transform(frame)), model.transform(frame))
    assert model[-1].n_features_in_ == 4


@use(quick=True)
def autoencoder_in_column_transformer():
    """An autoencoder of some columns in a `ColumnTransformer`."""
    frame, _ = table()
    numbers = ["alcohol", "acid", "ash"]
    columns = ColumnTransformer([("code", autoencoder(3), numbers)], remainder="drop").fit(frame)
    expected = autoencoder(3).fit(frame[numbers]).transform(frame[numbers])
    assert_array_equal(columns.transform(frame), expected)
    assert columns.get_feature_names_out()[0] == "code__contractiveautoencoder0"


@use()
def transformed_target():
    """`TransformedTargetRegressor` around features and `Ridge`."""
    X, y = load_diabetes(return_X_y=True)
    features = make_pipeline(StandardScaler(), autoencoder(32, max_iter=60, alpha=0.03), Ridge(0.1))
    model = TransformedTargetRegressor(
        features, transformer=QuantileTransformer(n_quantiles=100, output_distribution="normal")
    )
    assert model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.3


@use(quick=True)
def cached_pipeline():
    """`Pipeline(memory=...)`: the autoencoder is not fitted twice."""
    X, y = digits()
    with tempfile.TemporaryDirectory() as folder:
        memory = joblib.Memory(folder, verbose=0)
        first = make_pipeline(autoencoder(8), LogisticRegression(max_iter=500), memory=memory).fit(X, y)
        stored = {each.path for each in memory.store_backend.get_items()}
        again = make_pipeline(autoencoder(8), LogisticRegression(C=0.1, max_iter=500), memory=memory).fit(X, y)
        assert {each.path for each in memory.store_backend.get_items()} == stored
        assert len(stored) == 1
        assert_array_equal(first[:-1].transform(X), again[:-1].transform(X))


@use(quick=True)
def back_through_a_pipeline():
    """`Pipeline.inverse_transform` through an autoencoder and a scaler."""
    X, _ = flowers()
    model = make_pipeline(StandardScaler(), PCAWhitener(), autoencoder(20, alpha=0.0, max_iter=200)).fit(X)
    back = model.inverse_transform(model.transform(X))
    inner = model[:2].transform(X)
    assert_allclose(back, model[:2].inverse_transform(model[2].reconstruct(inner)), rtol=1e-6, atol=1e-8)
    assert np.mean((back - X) ** 2) < 0.3 * np.var(X)


@use(quick=True)
def scores_of_a_pipeline():
    """`Pipeline.score_samples` and `score` of an autoencoder at its end."""
    X, _ = digits()
    model = make_pipeline(StandardScaler(), autoencoder()).fit(X)
    assert_array_equal(model.score_samples(X), model[-1].score_samples(model[0].transform(X)))
    assert 0.0 < model.score(X) < 1.0


@use(quick=True)
def passthrough():
    """`set_params(step="passthrough")` and slices of a `Pipeline`."""
    X, y = digits()
    model = make_pipeline(StandardScaler(), autoencoder(8), LogisticRegression(max_iter=500))
    model.set_params(contractiveautoencoder="passthrough").fit(X, y)
    assert_array_equal(model[:-1].transform(X), StandardScaler().fit_transform(X))


@use()
def clusters_of_codes():
    """`KMeans` on codes."""
    X, y = digits()
    model = make_pipeline(autoencoder(64, max_iter=40), KMeans(10, n_init=3, random_state=0)).fit(X)
    assert adjusted_rand_score(y, model.predict(X)) > 0.4


@use()
def neighbours_of_codes():
    """`NearestNeighbors` on codes."""
    X, y = digits()
    codes = autoencoder(64, max_iter=40).fit_transform(X)
    nearest = NearestNeighbors(n_neighbors=2).fit(codes).kneighbors(return_distance=False)
    assert np.mean(y[nearest[:, 0]] == y) > 0.9


@use()
def forest_on_codes():
    """`IsolationForest` on codes."""
    X, y = digits()
    model = make_pipeline(autoencoder(), IsolationForest(random_state=0)).fit(X[y > 0])
    assert set(model.predict(X)) <= {-1, 1}
    assert np.isfinite(model.score_samples(X)).all()


@use()
def text():
    """Sparse rows of `TfidfVectorizer`."""
    words = ["red wine", "white wine", "red grapes", "fast car", "red car", "old car"] * 5
    model = make_pipeline(TfidfVectorizer(), autoencoder(4, max_iter=100)).fit(words)
    dense = model[0].transform(words).toarray()
    assert_allclose(model.transform(words), model[1].transform(dense), rtol=1e-6)


@use()
def one_hot_bins():
    """`KBinsDiscretizer`'s sparse one-hot columns and bernoulli visible units."""
    X, _ = wines()
    model = make_pipeline(
        KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), autoencoder(12, visible="bernoulli")
    ).fit(X)
    back = model[1].reconstruct(model[0].transform(X))
    assert 0.0 <= back.min() < back.max() <= 1.0
    assert np.mean((back > 0.5) == model[0].transform(X).toarray()) > 0.66


@use()
def selected_features():
    """`SelectKBest` before a detector."""
    X, y = tumours()
    model = make_pipeline(SelectKBest(k=10), detector(novelty=True)).fit(X[y == 1], np.arange(np.sum(y == 1)) % 2)
    assert model[-1].n_features_in_ == 10


@use()
def sequential_selection():
    """`SequentialFeatureSelector` around a classifier."""
    X, y = flowers()
    selector = SequentialFeatureSelector(classifier(), n_features_to_select=2, cv=2).fit(X, y)
    assert selector.get_support().sum() == 2
    assert selector.get_support()[2:].any()  # the petals tell the species apart


@use(quick=True)
def selection_from_weights():
    """`SelectFromModel`: an autoencoder has no importances of features."""
    X, _ = flowers()
    return refusal(lambda: SelectFromModel(autoencoder()).fit(X).transform(X), "coef_.*feature_importances_")


def gaps():
    """Return wines with a tenth of the values missing, and the whole table."""
    X, _ = wines()
    holes = X.copy()
    holes[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return holes, X


@use(quick=True)
def missing_values():
    """NaN in an autoencoder."""
    return refusal(lambda: autoencoder().fit(gaps()[0]), "Input X contains NaN")


@use(quick=True)
def missing_values_in_a_detector():
    """NaN in a detector."""
    return refusal(lambda: detector().fit(gaps()[0]), "Input X contains NaN.*put an imputer before the detector")


@use(quick=True)
def imputers():
    """`SimpleImputer`, `KNNImputer`, `IterativeImputer` before an autoencoder."""
    holes, X = gaps()
    for imputer in (SimpleImputer(), KNNImputer(), IterativeImputer(random_state=0, max_iter=3)):
        model = make_pipeline(imputer, autoencoder()).fit(holes)
        assert np.corrcoef(model.score_samples(holes), model[1].score_samples(X))[0, 1] > 0.5


@use(quick=True)
def imputer_with_indicator():
    """`SimpleImputer(add_indicator=True)` before a detector."""
    holes, X = gaps()
    model = make_pipeline(SimpleImputer(add_indicator=True), detector()).fit(holes)
    assert model[1].n_features_in_ == 2 * X.shape[1]
    assert 0.05 < np.mean(model.predict(holes) == -1) < 0.15
