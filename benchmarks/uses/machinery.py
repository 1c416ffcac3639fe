"""Machinery of scikit-learn."""

import contextlib
import io

import numpy as np
from data import autoencoder, classifier, detector, digits, flowers
from numpy.testing import assert_allclose, assert_array_equal
from registry import refusal, use
from sklearn import config_context
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, get_tags

from skae import PCAWhitener, ZeroBiasAutoencoder
from skae.metrics import denoising_r2


@use(quick=True)
def parameters():
    """`get_params`, `set_params`, `repr`."""
    model = make_pipeline(StandardScaler(), classifier())
    model.set_params(classspecificaeclassifier__estimator__alpha=0.5)
    assert model.get_params()["classspecificaeclassifier__estimator"].alpha == 0.5
    assert "method='normalize'" in repr(model)
    assert eval(repr(autoencoder()), {"ContractiveAutoencoder": type(autoencoder())}).get_params() == (
        autoencoder().get_params()
    )


@use(quick=True)
def html():
    """The HTML representation, before and after `fit`."""
    model = classifier()
    assert "Not fitted" in estimator_html_repr(model)
    assert "Fitted" in estimator_html_repr(model.fit(*flowers()))
    assert "n_components" in estimator_html_repr(autoencoder())


@use(quick=True)
def tags():
    """Estimator tags."""
    assert is_classifier(classifier())
    assert is_outlier_detector(detector())
    assert get_tags(autoencoder()).transformer_tags is not None
    assert get_tags(autoencoder()).input_tags.sparse
    assert not get_tags(autoencoder()).input_tags.allow_nan
    assert not get_tags(autoencoder()).target_tags.required
    assert get_tags(classifier()).target_tags.required


@use(quick=True)
def not_fitted():
    """A prediction before `fit`."""
    return refusal(lambda: autoencoder().transform(flowers()[0]), "not fitted yet", NotFittedError)


@use(quick=True)
def frozen_features():
    """`FrozenEstimator` of an autoencoder in a `Pipeline`."""
    X, y = digits()
    fitted = autoencoder(32).fit(X)
    before = fitted.components_.copy()
    model = make_pipeline(FrozenEstimator(fitted), LogisticRegression(max_iter=500)).fit(X[:300], y[:300])
    assert_array_equal(fitted.components_, before)
    assert_array_equal(model[:-1].transform(X), fitted.transform(X))
    assert model.score(X[300:], y[300:]) > 0.7


@use(quick=True)
def frozen_in_a_detector():
    """`FrozenEstimator` of an autoencoder in `EnergyOutlierDetector`."""
    X, _ = flowers()
    fitted = autoencoder(6).fit(X)
    model = detector(estimator=FrozenEstimator(fitted)).fit(X)
    assert_array_equal(model.score_samples(X), fitted.score_samples(X))


@use(quick=True)
def routed_weights():
    """Metadata routing of `sample_weight` through a `Pipeline`."""
    X, y = flowers()
    weight = (y > 0).astype(float)
    with config_context(enable_metadata_routing=True):
        whitener = PCAWhitener().set_fit_request(sample_weight=True)
        model = make_pipeline(whitener, autoencoder(6).set_fit_request(sample_weight=True))
        model.fit(X, sample_weight=weight)
    inner = PCAWhitener().fit(X, sample_weight=weight)
    expected = autoencoder(6).fit(inner.transform(X), sample_weight=weight)
    assert_allclose(model[-1].components_, expected.components_)


@use(quick=True)
def weights_by_name():
    """`Pipeline.fit(step__sample_weight=...)`; a zero weight is an absent row."""
    X, y = flowers()
    weight = (y > 0).astype(float)
    model = make_pipeline(StandardScaler(), autoencoder(6)).fit(X, contractiveautoencoder__sample_weight=weight)
    assert model[-1].n_samples_seen_ == weight.sum()


@use("rich", quick=True)
def callbacks():
    """`ProgressBar` on a search, `ScoringMonitor` on an autoencoder."""
    try:
        from sklearn.callback import ProgressBar, ScoringMonitor
    except ImportError:
        return refusal(lambda: autoencoder().set_callbacks(), "set_callbacks")
    from sklearn.model_selection import GridSearchCV

    X, _ = flowers()
    with contextlib.redirect_stdout(io.StringIO()):
        search = GridSearchCV(autoencoder(4), {"alpha": [0.01, 0.1]}, cv=2)
        search.set_callbacks(ProgressBar()).fit(X)
        assert search.best_params_["alpha"] in (0.01, 0.1)
        monitor = ScoringMonitor(scoring={"r2": denoising_r2})
        fitted = autoencoder(4, max_iter=5).set_callbacks(monitor).fit(X)
    scores = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert fitted.n_iter_ == len(scores) == 5
    assert scores[-1] > scores[0]
    assert_array_equal(fitted.components_, autoencoder(4, max_iter=5).fit(X).components_)
    return None


@use(quick=True)
def warm_starts():
    """`warm_start=True`: the second fit starts where the first ended."""
    X, _ = flowers()
    model = autoencoder(4, warm_start=True, max_iter=5, solver="lbfgs")
    first = model.fit(X).loss_
    assert model.fit(X).loss_ < first


@use(quick=True)
def pieces():
    """`partial_fit` of a whitener and an autoencoder, piece by piece."""
    X, _ = digits()
    whitener, model, first = PCAWhitener(), autoencoder(8), None
    for epoch in range(5):
        for piece in np.array_split(X, 4):
            model.partial_fit(piece)
            first = first or model.score(X)
            if epoch == 0:
                whitener.partial_fit(piece)
    assert_allclose(whitener.explained_variance_, PCAWhitener().fit(X).explained_variance_)
    assert model.score(X) > first + 0.05


@use(quick=True)
def pieces_with_lbfgs():
    """`partial_fit` with `solver="lbfgs"`."""
    X, _ = flowers()
    return refusal(lambda: autoencoder(solver="lbfgs").partial_fit(X), "partial_fit", AttributeError)


@use(quick=True)
def seeds():
    """`random_state`: a number, a `RandomState`, None."""
    X, _ = flowers()
    number, again, state = (
        autoencoder(4, random_state=seed).fit(X).components_ for seed in (0, 0, np.random.RandomState(0))
    )
    assert_array_equal(number, again)
    assert number.shape == state.shape
    assert not np.allclose(*(autoencoder(4, random_state=None).fit(X).components_ for _ in range(2)))


@use(quick=True)
def generators():
    """`random_state` of a numpy `Generator`."""
    X, _ = flowers()
    return refusal(
        lambda: autoencoder(random_state=np.random.default_rng(0)).fit(X), "The 'random_state' parameter .* must be"
    )


@use(quick=True)
def binary_range():
    """`visible="bernoulli"` with values outside [0, 1]."""
    return refusal(
        lambda: autoencoder(visible="bernoulli").fit(flowers()[0]), r"takes values in \[0, 1\].*MinMaxScaler"
    )


@use(quick=True)
def lost_codes():
    """`inverse_transform` of a code that has lost what it needs."""
    X, _ = flowers()
    model = autoencoder(4, encoding="rectified").fit(X)
    return refusal(lambda: model.inverse_transform(model.transform(X)), "inverse_transform")


@use(quick=True)
def names_of_features():
    """`get_feature_names_out`."""
    X, _ = flowers()
    assert list(ZeroBiasAutoencoder(2, max_iter=2).fit(X).get_feature_names_out()) == [
        "zerobiasautoencoder0",
        "zerobiasautoencoder1",
    ]
