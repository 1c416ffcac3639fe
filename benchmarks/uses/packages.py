"""Other packages."""

import tempfile

import numpy as np
import pandas as pd
from data import autoencoder, classifier, detector, digits, flowers, split, tumours, wines
from numpy.testing import assert_allclose, assert_array_equal
from registry import refusal, use
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline


@use("optuna")
def optuna_study():
    """Optuna: a study over `alpha` and `n_components`."""
    import optuna

    X, _ = digits()
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        model = autoencoder(
            trial.suggest_int("n_components", 4, 32), alpha=trial.suggest_float("alpha", 1e-3, 1e2, log=True)
        )
        return cross_val_score(model, X, cv=2).mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=8)
    values = [trial.value for trial in study.trials]
    assert study.best_value == max(values) > min(values)
    assert study.best_params["alpha"] < 30


@use("imbalanced-learn")
def smote():
    """imbalanced-learn: `SMOTE` and features in its `Pipeline`."""
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline

    X, y = tumours()
    keep = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:40]])
    model = make_imbalanced_pipeline(SMOTE(random_state=0), autoencoder(16), LogisticRegression(max_iter=500))
    model.fit(X[keep], y[keep])
    assert model[1].n_samples_seen_ == 2 * np.sum(y == 1)
    assert model.score(X, y) > 0.85


@use("imbalanced-learn")
def balanced_bagging():
    """imbalanced-learn: `BalancedBaggingClassifier` of classifiers."""
    from imblearn.ensemble import BalancedBaggingClassifier

    X, y = tumours()
    model = BalancedBaggingClassifier(classifier(), n_estimators=3, random_state=0).fit(X, y)
    assert len(model.estimators_) == 3
    assert model.score(X, y) > 0.9


@use("mlflow-skinny")
def mlflow_models():
    """MLflow: `mlflow.sklearn.save_model` and `load_model`."""
    import mlflow.sklearn

    X, y = flowers()
    model = classifier().fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(model, f"{folder}/model", serialization_format="cloudpickle")
        assert_array_equal(mlflow.sklearn.load_model(f"{folder}/model").predict_proba(X), model.predict_proba(X))


@use("mlflow-skinny")
def mlflow_functions():
    """MLflow: `mlflow.pyfunc` predicts labels."""
    import mlflow.pyfunc
    import mlflow.sklearn

    X, y = flowers()
    model = classifier().fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(model, f"{folder}/model", serialization_format="cloudpickle")
        assert_array_equal(mlflow.pyfunc.load_model(f"{folder}/model").predict(X), model.predict(X))


@use("dask")
def dask_arrays():
    """Dask: `skae.dask.fit` and `skae.dask.score_samples` of a `dask.array`."""
    import dask.array as da

    import skae.dask

    X, _ = flowers()
    rows = da.from_array(X, chunks=(50, 4))
    fitted = skae.dask.fit(autoencoder(4).set_params(batch_size=50), rows)
    expected = autoencoder(4).set_params(batch_size=50).fit(X).score_samples(X)
    assert_allclose(skae.dask.score_samples(fitted, rows).compute(), expected, rtol=1e-6)


@use("dask")
def dask_chunks():
    """Dask: `map_blocks` of a fitted autoencoder, chunk by chunk."""
    import dask.array as da

    X, _ = digits()
    fitted = autoencoder(8).fit(X)
    codes = da.from_array(X, chunks=(100, 64)).map_blocks(fitted.transform, dtype=float, chunks=(100, 8))
    assert_allclose(codes.compute(scheduler="threads"), fitted.transform(X), rtol=1e-6)


@use("dask")
def dask_delayed():
    """Dask: delayed fits."""
    import dask

    X, _ = flowers()
    fits = dask.compute(*(dask.delayed(autoencoder(4, alpha=alpha).fit)(X) for alpha in (0.01, 0.1)))
    assert [each.alpha for each in fits] == [0.01, 0.1]
    assert_allclose(fits[0].components_, autoencoder(4, alpha=0.01).fit(X).components_)


@use("river")
def river_stream():
    """river: `SKL2RiverClassifier`, row by row."""
    from river.compat import convert_sklearn_to_river

    X, y = flowers()
    model = convert_sklearn_to_river(make_classifier_for_streams(), classes=[0, 1, 2])
    for row, label in zip(X, y, strict=True):
        model.learn_one(dict(enumerate(row)), int(label))
    found = [model.predict_one(dict(enumerate(row))) for row in X[:50]]
    assert np.mean(np.array(found) == y[:50]) > 0.6


def make_classifier_for_streams():
    """Return a classifier that single rows train."""
    return classifier(method="finetune").set_params(estimator__n_components=4, estimator__alpha=0.0)


@use("feature-engine")
def feature_engine_encoders():
    """feature-engine: `OneHotEncoder` and `YeoJohnsonTransformer` before an autoencoder."""
    from feature_engine.encoding import OneHotEncoder
    from feature_engine.transformation import YeoJohnsonTransformer

    X, y = wines()
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"]).assign(colour=np.array(["red", "white", "pink"])[y])
    model = make_pipeline(YeoJohnsonTransformer(variables=["a"]), OneHotEncoder(), autoencoder(5)).fit(frame)
    assert list(model[-1].feature_names_in_) == ["a", "b", "c", *(f"colour_{each}" for each in frame.colour.unique())]
    assert model.transform(frame).shape == (len(X), 5)


@use("category_encoders")
def target_encoder():
    """category-encoders: `TargetEncoder` before a classifier."""
    from category_encoders import TargetEncoder

    X, y = tumours()
    frame = pd.DataFrame(X[:, :5], columns=list("abcde")).assign(size=np.where(X[:, 0] > 0, "large", "small"))
    model = make_pipeline(TargetEncoder(cols=["size"]), classifier(method="finetune")).fit(frame, y)
    assert model[0].transform(frame)["size"].nunique() == 2
    assert model.score(frame, y) > 0.85


@use("MAPIE")
def conformal_sets():
    """MAPIE: `SplitConformalClassifier` of a fitted classifier."""
    from mapie.classification import SplitConformalClassifier

    X, X_test, y, y_test = split(*digits())
    fitted = classifier().fit(X[:250], y[:250])
    model = SplitConformalClassifier(fitted, confidence_level=0.9, prefit=True).conformalize(X[250:], y[250:])
    labels, sets = model.predict_set(X_test)
    assert_array_equal(labels, fitted.predict(X_test))
    assert 0.85 < sets[np.arange(len(y_test)), y_test, 0].mean() <= 1.0


@use("shap")
def shapley_values():
    """SHAP: contributions to `score_samples` add up."""
    import shap

    X, _ = flowers()
    fitted = autoencoder(6, max_iter=60).fit(X)
    explainer = shap.KernelExplainer(fitted.score_samples, X[:20])
    values = explainer.shap_values(X[:5], silent=True)
    assert_allclose(values.sum(axis=1) + explainer.expected_value, fitted.score_samples(X[:5]), rtol=1e-6)


@use("yellowbrick")
def yellowbrick_report():
    """Yellowbrick: `ConfusionMatrix`; yellowbrick 1.5 refuses `LogisticRegression` of scikit-learn 1.9 too."""
    from yellowbrick.classifier import ConfusionMatrix

    sentence = "This estimator is not a classifier"
    refusal(lambda: ConfusionMatrix(LogisticRegression()), sentence)
    return refusal(lambda: ConfusionMatrix(classifier()), sentence)


@use("xgboost")
def voting_with_xgboost():
    """XGBoost beside a classifier in a `VotingClassifier`."""
    from xgboost import XGBClassifier

    X, X_test, y, y_test = split(*flowers())
    model = VotingClassifier([("a", classifier()), ("b", XGBClassifier(n_estimators=10, n_jobs=1))], voting="soft").fit(
        X, y
    )
    assert model.score(X_test, y_test) > 0.85


@use("xgboost")
def codes_in_xgboost():
    """XGBoost on codes."""
    from xgboost import XGBClassifier

    X, X_test, y, y_test = split(*digits())
    assert (
        make_pipeline(autoencoder(32), XGBClassifier(n_estimators=20, n_jobs=1)).fit(X, y).score(X_test, y_test) > 0.75
    )


@use("lightgbm")
def codes_in_lightgbm():
    """LightGBM on codes, as a pandas frame with names."""
    from lightgbm import LGBMClassifier

    X, X_test, y, y_test = split(*digits())
    model = make_pipeline(
        autoencoder(32).set_output(transform="pandas"), LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1)
    )
    assert model.fit(X, y).score(X_test, y_test) > 0.75
    assert model[-1].feature_name_[0] == "contractiveautoencoder0"


@use("pyod")
def detectors_of_pyod_on_codes():
    """PyOD: `ECOD` on codes."""
    from pyod.models.ecod import ECOD

    X, y = digits()
    codes = autoencoder(32, max_iter=40).fit(X[y > 0]).transform(X)
    model = ECOD().fit(codes[y > 0])
    assert np.isfinite(model.decision_function(codes)).all()


@use("pyod")
def detectors_of_pyod_inside():
    """PyOD: a detector of it in `EnergyOutlierDetector`."""
    from pyod.models.ecod import ECOD

    return refusal(lambda: detector(estimator=ECOD()).fit(flowers()[0]), "score_samples")


@use("sktime")
def time_series_classifier():
    """sktime: `SklearnClassifierPipeline` of summaries and a classifier."""
    from sktime.classification.compose import SklearnClassifierPipeline
    from sktime.transformations.series.summarize import SummaryTransformer

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    X = rng.standard_normal((60, 1, 20)) * (1.0 + 2.0 * y[:, None, None])
    model = SklearnClassifierPipeline(classifier(), [SummaryTransformer()]).fit(X, y)
    assert np.mean(model.predict(X) == y) > 0.85


@use("mlxtend")
def selection_of_mlxtend():
    """mlxtend: `SequentialFeatureSelector` around a classifier."""
    from mlxtend.feature_selection import SequentialFeatureSelector

    X, y = flowers()
    selector = SequentialFeatureSelector(classifier(), k_features=2, cv=2).fit(X, y)
    assert len(selector.k_feature_idx_) == 2
    assert selector.k_score_ > 0.85


@use("mlxtend")
def stacking_of_mlxtend():
    """mlxtend: `StackingCVClassifier` on the probabilities."""
    from mlxtend.classifier import StackingCVClassifier

    X, X_test, y, y_test = split(*flowers())
    model = StackingCVClassifier(
        [classifier(), LogisticRegression()], LogisticRegression(), use_probas=True, cv=2, random_state=0
    ).fit(X, y)
    assert model.score(X_test, y_test) > 0.85


@use("Boruta")
def boruta():
    """Boruta: a classifier has no importances of features."""
    from boruta import BorutaPy

    X, y = flowers()
    return refusal(
        lambda: BorutaPy(classifier(), n_estimators=2, max_iter=2).fit(X, y), "feature_importances_|n_estimators"
    )


@use("array-api-strict", quick=True)
def arrays_of_the_standard():
    """array-api-strict: arrays that are not numpy's."""
    import array_api_strict

    X, _ = flowers()
    rows = array_api_strict.asarray(X)
    assert_array_equal(autoencoder(4).fit(rows).score_samples(rows), autoencoder(4).fit(X).score_samples(X))
