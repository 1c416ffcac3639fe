"""scikit-learn's callbacks: one task an epoch, in every autoencoder, alone and nested; those of skae.callbacks."""

import contextlib
import copy
import datetime
import gc
import io
import pickle
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from autoencoders import CLASSES, DEFAULTS, ONE_STAGE, STEPPING, assert_same_fit
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    FineTunedClassifier,
    FineTunedRegressor,
    PCAWhitener,
    SaturatingAutoencoder,
    ZeroBiasAutoencoder,
)
from skae._sklearn_compat import CallbackSupportMixin, with_callbacks
from skae.callbacks import EarlyStopping, TimeLimit
from skae.metrics import denoising_r2, neg_score_matching_loss, reconstruction_r2

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

X = load_digits().data[:120, 20:44] / 16.0
FRAME = pd.DataFrame(X, columns=[f"pixel {j}" for j in range(24)])


def make(**parameters):
    """Return a small autoencoder."""
    return ContractiveAutoencoder(**{"n_components": 8, "max_iter": 5, "tol": 0.0, "random_state": 0, **parameters})


class Recorder:
    """Note every hook, and perhaps stop after an epoch, or raise."""

    def __init__(self, stop_at=None, raise_at=None):
        self.stop_at, self.raise_at, self.calls, self.fitted = stop_at, raise_at, [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.calls.append(f"begin {context.task_name} {context.task_id}")
        assert X.shape == y.shape

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.calls.append(f"end {context.task_name} {context.task_id}")
        if context.task_name == "epoch":
            self.fitted.append(fitted_estimator)
            if context.task_id == self.raise_at:
                raise RuntimeError("no further")
            return context.task_id == self.stop_at
        return False


class Rows(Recorder):
    """What the data are that hooks see."""

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append((X, y, metadata))


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_every_autoencoder_tells_of_its_epochs(case):
    """Each begins and ends inside the fit, with a model that works; the fit is the same as without."""
    autoencoder = case.make(n_components=8, max_iter=4, tol=0.0, **case.own(ONE_STAGE))
    alone = clone(autoencoder).fit(X)
    recorder = Recorder()
    told = clone(autoencoder).set_callbacks(recorder).fit(X)
    epochs = [call for i in range(4) for call in (f"begin epoch {i}", f"end epoch {i}")]
    assert recorder.calls == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    assert_array_equal(told.components_, alone.components_)
    assert told.n_iter_ == alone.n_iter_ == 4
    for number, fitted in enumerate(recorder.fitted, 1):
        assert fitted.n_iter_ == number
        assert np.isfinite(fitted.loss_)
        assert fitted.transform(X).shape == (120, 8)
        assert np.isfinite(fitted.score(X))
        assert fitted.loss_ == pytest.approx(alone.loss_curve_[number - 1])
    assert_array_equal(recorder.fitted[-1].components_, alone.components_)
    assert not np.array_equal(recorder.fitted[0].components_, recorder.fitted[1].components_)


@pytest.mark.filterwarnings("ignore:.* of the units:UserWarning")  # all are dead at the smaller scale
@pytest.mark.parametrize("scale", [0.01, 10.0])
@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_the_last_epochs_model_is_that_of_the_fit(case, scale):
    """In all it does, whatever the unit of the data, also where the estimator was fitted before."""
    recorder = Recorder()
    autoencoder = case.make(n_components=8, max_iter=12, tol=0.0).fit(X)
    autoencoder.set_callbacks(recorder).fit(scale * X)
    last = recorder.fitted[-1]
    assert [each.n_iter_ for each in recorder.fitted] == list(range(1, 13))
    assert last.score(scale * X) == autoencoder.score(scale * X)
    assert_array_equal(last.score_samples(scale * X), autoencoder.score_samples(scale * X))
    assert_array_equal(last.transform(scale * X), autoencoder.transform(scale * X))


def test_an_epochs_model_trains_on():
    """It is a checkpoint: `partial_fit` goes on from it."""
    recorder = Recorder()
    make().set_callbacks(recorder).fit(X)
    checkpoint = recorder.fitted[1].set_callbacks()
    before = checkpoint.components_
    assert not np.array_equal(checkpoint.partial_fit(X).components_, before)
    assert checkpoint.n_iter_ == 3


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_scoring_monitor_without_y(solver):
    """A score an epoch, the last that of the fitted model."""
    monitor = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
    autoencoder = make(solver=solver).set_callbacks(monitor).fit(X)
    scores = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 5
    assert scores[-1] == pytest.approx(reconstruction_r2(autoencoder, X))
    assert scores[-1] > scores[0]


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("scorer", [denoising_r2, reconstruction_r2, neg_score_matching_loss], ids=str)
def test_scoring_monitor_of_a_weighted_fit(scorer, routing):
    """A scorer alone, or among several, scores every epoch of a weighted fit with the weights."""
    weight = np.arange(len(X)) % 3
    with config_context(enable_metadata_routing=routing):
        own = copy.copy(scorer).set_score_request(sample_weight=True) if routing else scorer
        alone, several = callback.ScoringMonitor(scoring=own), callback.ScoringMonitor(scoring={"a": own, "b": own})
        autoencoder = make().set_callbacks(alone, several).fit(X, sample_weight=weight)
    expected = pytest.approx(scorer(autoencoder, np.repeat(X, weight, axis=0)))
    for monitor, names in ((alone, ["score"]), (several, ["a", "b"])):
        *_, last = (row for row in monitor.get_logs().data if row["task_name"] == "epoch")
        assert [last[name] for name in names] == [expected] * len(names)


def test_hooks_see_the_rows():
    """X, y (X where there is none) and the weights."""
    recorder = Rows()
    weight = np.linspace(0.5, 1.5, len(X))
    make(max_iter=1).set_callbacks(recorder).fit(X, sample_weight=weight)
    make(max_iter=1).set_callbacks(recorder).fit(X, np.arange(len(X)))
    begun = [call for call in recorder.calls if isinstance(call, tuple)]
    assert len(begun) == 4
    (seen, target, metadata), (_, labels, none) = begun[1], begun[3]
    assert_array_equal(seen, X)
    assert target is seen
    assert_array_equal(metadata["sample_weight"], weight)
    assert_array_equal(labels, np.arange(len(X)))
    assert none is None


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_ends_the_fit(solver, recwarn):
    """With a model that works, and without a warning that `max_iter` was too few."""
    recorder = Recorder(stop_at=1)
    autoencoder = make(solver=solver, max_iter=50).set_callbacks(recorder).fit(X)
    assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) == 2
    assert recorder.calls[-4:] == ["begin epoch 1", "end epoch 1", "end fit 0", "teardown"]
    assert_array_equal(autoencoder.components_, recorder.fitted[-1].components_)
    assert np.isfinite(autoencoder.score(X))
    assert not [each for each in recwarn.list if "max_iter" in str(each.message)]


def test_stages_are_tasks():
    """Each stage of the continuation in alpha has its epochs. A stop after an epoch ends the stage alone."""
    recorder = Recorder(stop_at=2)
    autoencoder = SaturatingAutoencoder(8, alpha_steps=3, max_iter=24, tol=0.0, random_state=0)
    autoencoder.set_callbacks(recorder).fit(X)
    epochs = [f"{hook} epoch {i}" for i in range(3) for hook in ("begin", "end")]
    stages = [call for i in range(4) for call in (f"begin stage {i}", *epochs, f"end stage {i}")]
    assert recorder.calls == ["setup", "begin fit 0", *stages, "end fit 0", "teardown"]
    assert [each.n_iter_ for each in recorder.fitted] == list(range(1, 13))
    assert autoencoder.n_iter_ == 12


def test_a_callback_ends_all_stages():
    """If it asks to stop after a stage too, no other stage follows."""
    recorder = Recorder()
    recorder.on_fit_task_end = lambda estimator, context: context.task_name in ("epoch", "stage")
    autoencoder = SaturatingAutoencoder(8, max_iter=44, tol=0.0, random_state=0).set_callbacks(recorder).fit(X)
    assert autoencoder.n_iter_ == 1
    assert autoencoder.transform(X).shape == (120, 8)


def test_a_plateau_ends_an_epoch_that_has_begun():
    """Every task that begins ends, also where the fit converges before `max_iter`."""
    recorder = Recorder()
    autoencoder = make(max_iter=200, tol=0.5, n_iter_no_change=2).set_callbacks(recorder).fit(X)
    assert autoencoder.n_iter_ < 200
    begun = [call[6:] for call in recorder.calls if call.startswith("begin")]
    ended = [call[4:] for call in recorder.calls if call.startswith("end")]
    assert sorted(begun) == sorted(ended)


def test_an_epochs_model_has_the_validation_loss():
    """As if the fit had ended there, also over several stages, and in the unit of the data."""
    stages = SaturatingAutoencoder(8, alpha_steps=2, max_iter=8, tol=0.0, random_state=0)
    scaled = ZeroBiasAutoencoder(8, max_iter=4, tol=0.0, random_state=0)
    for autoencoder in (make(), stages, scaled):
        recorder = Recorder()
        autoencoder.set_params(early_stopping=True).set_callbacks(recorder).fit(X)
        curve = autoencoder.validation_loss_curve_
        assert len(curve) == autoencoder.n_iter_
        for number, fitted in enumerate(recorder.fitted, 1):
            assert_array_equal(fitted.validation_loss_curve_, curve[:number])


def test_early_stopping_beside_a_callback():
    """The best parameters are restored."""
    recorder = Recorder(stop_at=29)
    autoencoder = make(alpha=0.0, max_iter=50, n_iter_no_change=50, early_stopping=True)
    autoencoder.set_params(learning_rate="constant", learning_rate_init=0.3).set_callbacks(recorder).fit(X[:40])
    best = np.argmin(autoencoder.validation_loss_curve_)
    assert autoencoder.n_iter_ == len(autoencoder.validation_loss_curve_) == 30
    assert best < 29
    assert_array_equal(autoencoder.components_, recorder.fitted[best].components_)


def test_an_error_in_a_callback_leaves_the_estimator():
    """As it was, and the callbacks are torn down."""
    autoencoder = make().fit(X)
    recorder = Recorder(raise_at=1)
    before = dict(vars(autoencoder.set_callbacks(recorder)))
    with pytest.raises(RuntimeError, match="no further"):
        autoencoder.fit(X)
    assert vars(autoencoder).keys() == before.keys()
    assert all(vars(autoencoder)[name] is value for name, value in before.items())
    assert recorder.calls[-1] == "teardown"


def test_progress_bars_in_a_nested_search():
    """They draw the epochs of each fit of a grid search over a pipeline; without callbacks nothing is printed."""
    pytest.importorskip("rich")
    search = GridSearchCV(make_pipeline(PCAWhitener(), make()), {"contractiveautoencoder__alpha": [0.1, 1.0]}, cv=2)
    with contextlib.redirect_stdout(io.StringIO()) as silent:
        search.fit(X)
    assert not silent.getvalue()
    with contextlib.redirect_stdout(io.StringIO()) as drawn:
        search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X)
    assert "ContractiveAutoencoder" in drawn.getvalue()
    assert search.best_estimator_.transform(X).shape == (120, 8)


def test_scoring_monitor_in_a_pipeline():
    """On the step, it logs the epochs."""
    monitor = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
    make_pipeline(PCAWhitener(), make().set_callbacks(monitor)).fit(X)
    assert sum(row["task_name"] == "epoch" for row in monitor.get_logs().data) == 5


@pytest.mark.parametrize("estimator", [PCAWhitener(), ContrastNormalizer(), EnergyOutlierDetector(random_state=0)])
def test_estimators_without_epochs(estimator):
    """They tell of the fit as a whole, and of its end too where it fails."""
    recorder = Recorder()
    alone = clone(estimator).fit(X)
    told = clone(estimator).set_callbacks(recorder).fit(X)
    assert recorder.calls == ["setup", "begin fit 0", "end fit 0", "teardown"]
    assert vars(told).keys() - {"_skl_callbacks"} == vars(alone).keys()
    with pytest.raises(ValueError, match="NaN"):
        told.fit(np.full_like(X, np.nan))
    assert recorder.calls[-1] == "teardown"
    assert vars(told).keys() - {"_skl_callbacks"} == vars(alone).keys()


class Propagated(Recorder):
    """One that meta-estimators hand on to what they fit."""

    max_propagation_depth = None

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.calls.append(f"begin {context.task_name} {context.task_id} of {context.estimator_name}")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.calls.append(f"end {context.task_name} {context.task_id} of {context.estimator_name}")
        if context.task_name == "epoch" and context.estimator_name == "ClassSpecificAEClassifier":
            self.fitted.append(fitted_estimator)
            return context.task_id == self.stop_at
        if (context.task_name, context.estimator_name) == self.raise_at:
            raise RuntimeError("no further")
        return False


DIGITS, LABELS = load_digits(return_X_y=True)
FEW = LABELS < 3
THREE, THREE_LABELS = DIGITS[FEW][:150] / 16.0, LABELS[FEW][:150]


def make_classifier(**parameters):
    """Return a small classifier."""
    defaults = {"max_iter": 4, "tol": 0.0, "random_state": 0}
    return ClassSpecificAEClassifier(**{"estimator": make(max_iter=2), **defaults, **parameters})


OUTER, INNER = "of ClassSpecificAEClassifier", "of ContractiveAutoencoder"


def phases(first):
    """Return the calls of one training of `make_classifier`; `first` is the number of its first task."""
    classes = [
        call
        for j in range(3)
        for call in (
            f"begin fit {j} {INNER}",
            *(f"{hook} epoch {i} {INNER}" for i in range(2) for hook in ("begin", "end")),
            f"end fit {j} {INNER}",
        )
    ]
    return [
        f"begin autoencoders {first} {OUTER}",
        *classes,
        f"end autoencoders {first} {OUTER}",
        f"begin fine-tuning {first + 1} {OUTER}",
        *(f"{hook} epoch {i} {OUTER}" for i in range(4) for hook in ("begin", "end")),
        f"end fine-tuning {first + 1} {OUTER}",
    ]


def test_classifier_tells_of_its_classes_and_epochs():
    """A task a class, in which the autoencoder's epochs are, and an epoch of fine-tuning each; the fit is the same."""
    alone = make_classifier(temperature=1.0).fit(THREE, THREE_LABELS)
    recorder = Propagated()
    told = make_classifier(temperature=1.0).set_callbacks(recorder).fit(THREE, THREE_LABELS)
    assert recorder.calls == ["setup", f"begin fit 0 {OUTER}", *phases(0), f"end fit 0 {OUTER}", "teardown"]
    assert_array_equal(told.decision_function(THREE), alone.decision_function(THREE))
    assert not any(
        hasattr(each, "_skl_callbacks") or hasattr(each, "_parent_callback_ctx") for each in told.estimators_
    )
    for number, fitted in enumerate(recorder.fitted, 1):
        assert fitted.n_iter_ == number
        assert fitted.predict_proba(THREE).shape == (150, 3)
    assert_array_equal(recorder.fitted[-1].score_samples(THREE), alone.score_samples(THREE))
    assert not np.array_equal(recorder.fitted[0].class_log_constants_, alone.class_log_constants_)


def test_classifier_tells_of_the_trials_of_the_temperature():
    """They are tasks of their own, so a callback that stops the training stops theirs alike."""
    recorder = Propagated(stop_at=3)
    alone = make_classifier().fit(THREE, THREE_LABELS)
    told = make_classifier(max_iter=4).set_callbacks(recorder).fit(THREE, THREE_LABELS)
    trials = [call for i in range(5) for call in (f"begin trial {i} {OUTER}", *phases(0), f"end trial {i} {OUTER}")]
    temperature = [f"begin temperature 0 {OUTER}", *trials, f"end temperature 0 {OUTER}"]
    ends = [f"end fit 0 {OUTER}", "teardown"]
    assert recorder.calls == ["setup", f"begin fit 0 {OUTER}", *temperature, *phases(1), *ends]
    assert told.temperature_ == alone.temperature_
    assert_array_equal(told.predict_proba(THREE), alone.predict_proba(THREE))


@pytest.mark.parametrize(
    "parameters",
    [
        {"method": "normalize"},
        {"method": "energies"},
        {"pretrain": False},
        {"n_factors": 6, "estimator": DenoisingAutoencoder(8, max_iter=3, random_state=0)},
        {"solver": "lbfgs"},
        {"early_stopping": True},
    ],
    ids=str,
)
def test_classifier_of_any_kind_tells(parameters):
    """Every task that begins ends, and the fit is the same."""
    alone = make_classifier().set_params(**parameters).fit(THREE, THREE_LABELS)
    recorder = Propagated()
    told = make_classifier().set_params(**parameters).set_callbacks(recorder).fit(THREE, THREE_LABELS)
    assert_array_equal(told.decision_function(THREE), alone.decision_function(THREE))
    begun = [call[6:] for call in recorder.calls if call.startswith("begin")]
    ended = [call[4:] for call in recorder.calls if call.startswith("end")]
    assert sorted(begun) == sorted(ended)
    assert recorder.calls[-1] == "teardown"


def test_a_callback_ends_the_fine_tuning():
    """With a classifier that works."""
    recorder = Propagated(stop_at=1)
    classifier = make_classifier(max_iter=50).set_callbacks(recorder).fit(THREE, THREE_LABELS)
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 2
    assert classifier.score(THREE, THREE_LABELS) > 0.5


@pytest.mark.parametrize(
    "task", [("epoch", "ContractiveAutoencoder"), ("fine-tuning", "ClassSpecificAEClassifier")], ids=str
)
def test_a_classifier_that_fails_leaves_nothing(task):
    """Its callbacks are torn down, its attributes are as before."""
    recorder = Propagated(raise_at=task)
    classifier = make_classifier().fit(THREE, THREE_LABELS).set_callbacks(recorder)
    before = dict(vars(classifier))
    with pytest.raises(RuntimeError, match="no further"):
        classifier.fit(THREE, THREE_LABELS)
    assert recorder.calls[-1] == "teardown"
    assert vars(classifier).keys() == before.keys()
    assert all(vars(classifier)[name] is value for name, value in before.items())


def test_progress_of_classes_in_processes():
    """Bars of the autoencoders in other processes, of the fine-tuning, and of a grid search around them."""
    pytest.importorskip("rich")
    search = GridSearchCV(make_pipeline(PCAWhitener(), make_classifier(n_jobs=2)), {"pcawhitener__eps": [1e-3]}, cv=2)
    with contextlib.redirect_stdout(io.StringIO()) as drawn:
        search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(THREE, THREE_LABELS)
    for name in ("ContractiveAutoencoder", "autoencoders", "fine-tuning"):
        assert name in drawn.getvalue()


def test_progress_of_processes_in_processes():
    """Folds in processes, and classes in threads of these, tell one main process without disturbing each other."""
    pytest.importorskip("rich")
    search = GridSearchCV(make_classifier(n_jobs=2), {"l2": [1e-4, 1e-3]}, cv=3, n_jobs=2, refit=False)
    with contextlib.redirect_stdout(io.StringIO()):
        search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(THREE, THREE_LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_scoring_monitor_of_fine_tuning():
    """The accuracy after each epoch."""
    monitor = callback.ScoringMonitor(scoring={"accuracy": "accuracy"})
    classifier = make_classifier(temperature=1.0).set_callbacks(monitor).fit(THREE, THREE_LABELS)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 4
    assert scores[-1] == classifier.score(THREE, THREE_LABELS)


def test_detector_hands_callbacks_on():
    """The fit of the model that it is given is a task of its own."""
    recorder = Propagated()
    EnergyOutlierDetector(make(max_iter=1)).set_callbacks(recorder).fit(X)
    assert "begin fit 0 of ContractiveAutoencoder" in recorder.calls
    assert recorder.calls[-2:] == ["end fit 0 of EnergyOutlierDetector", "teardown"]


def test_a_frozen_model_is_no_task():
    """Nothing of it is fitted, so the fit of the detector is the only task."""
    recorder = Propagated()
    EnergyOutlierDetector(FrozenEstimator(make(max_iter=1).fit(X))).set_callbacks(recorder).fit(X)
    assert recorder.calls == [
        "setup",
        "begin fit 0 of EnergyOutlierDetector",
        "end fit 0 of EnergyOutlierDetector",
        "teardown",
    ]


# One run, with the fits inside as its tasks


def runs_of(monitor):
    """Return the logs of all runs: for each, the names of the tasks by their path, and the paths of the epochs."""
    found = []
    for log in monitor.get_logs(select="all", include_lineage=True):
        names = {row["task_id_path"]: f"{row['estimator_name']} {row['task_name']}" for row in log.data}
        epochs = [row["task_id_path"] for row in log.data if row["task_name"] == "epoch"]
        found.append((log.estimator_name, names, epochs))
    return found


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_monitor_inside_a_classifier_makes_one_run(n_jobs):
    """The classes are its tasks, also in processes, and in `partial_fit` and `add_class` too."""
    monitor = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
    inside = make(max_iter=2).set_callbacks(monitor)
    classifier = ClassSpecificAEClassifier(inside, max_iter=1, temperature=1.0, n_jobs=n_jobs, random_state=0)
    classifier.fit(THREE, THREE_LABELS)
    alone = clone(classifier).set_params(estimator=make(max_iter=2)).fit(THREE, THREE_LABELS)
    assert_array_equal(classifier.decision_function(THREE), alone.decision_function(THREE))
    ((name, tasks, epochs),) = runs_of(monitor)
    assert name == "ClassSpecificAEClassifier"
    assert epochs == [(0, 0, j, i) for j in range(3) for i in range(2)]
    assert tasks[0, 0] == "ClassSpecificAEClassifier autoencoders"
    assert [tasks[0, 0, j] for j in range(3)] == ["ContractiveAutoencoder fit"] * 3
    classifier.partial_fit(THREE[THREE_LABELS > 0], THREE_LABELS[THREE_LABELS > 0])
    _, (_, tasks, _) = runs_of(monitor)
    assert {path for path, name in tasks.items() if name == "ContractiveAutoencoder partial-fit"} == {
        (0, 0, 1),
        (0, 0, 2),
    }
    classifier.add_class(THREE[:20] ** 2, np.full(20, -1))
    *_, (_, tasks, epochs) = runs_of(monitor)
    assert tasks[(0,)] == "ClassSpecificAEClassifier add-class"
    assert epochs == [(0, 0, 0, 0), (0, 0, 0, 1)]  # -1 is the first of the sorted classes


def test_monitor_inside_a_classifier_sees_the_trials_in_the_same_run():
    """Their tasks lie below another one than those of the classifier itself."""
    monitor = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
    make_classifier(estimator=make(max_iter=1).set_callbacks(monitor)).fit(THREE, THREE_LABELS)
    ((_, tasks, epochs),) = runs_of(monitor)
    assert tasks[0, 0] == "ClassSpecificAEClassifier temperature"
    own = [path for path in epochs if path[1] != 0]
    assert own == [(0, 1, j, 0) for j in range(3)]
    assert sorted(set(epochs) - set(own)) == [(0, 0, i, 0, j, 0) for i in range(5) for j in range(3)]


@pytest.mark.parametrize(
    "wrap",
    [lambda inside: inside, lambda inside: make_pipeline(StandardScaler(), inside)],
    ids=["alone", "in a Pipeline"],
)
@pytest.mark.parametrize("novelty", [False, True])
def test_monitor_inside_a_detector_makes_one_run(novelty, wrap):
    """The fits of the folds are tasks too, and the scores are the same."""
    monitor = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
    detector = EnergyOutlierDetector(wrap(make().set_callbacks(monitor)), novelty=novelty, calibration=2).fit(X)
    alone = EnergyOutlierDetector(wrap(make()), novelty=novelty, calibration=2).fit(X)
    assert_array_equal(detector.score_samples(X), alone.score_samples(X))
    assert detector.offset_ == alone.offset_
    ((name, tasks, epochs),) = runs_of(monitor)
    assert name == "EnergyOutlierDetector"
    below = {path[1] for path in epochs}
    assert below == ({0, 1} if novelty else {0})
    assert len(epochs) == 5 * (3 if novelty else 1)
    assert not novelty or tasks[0, 1] == "EnergyOutlierDetector calibration"


@pytest.mark.parametrize(
    "estimator",
    [
        make_classifier(),
        make_classifier(pretrain=False),
        make_classifier(n_factors=4),
        EnergyOutlierDetector(),
        EnergyOutlierDetector(novelty=True),
    ],
    ids=str,
)
def test_auto_propagated_callbacks_inside_are_refused(estimator):
    """As by scikit-learn's own meta-estimators, in all that trains, before anything is trained."""
    inside = DenoisingAutoencoder(8, max_iter=1, random_state=0)
    refused = clone(inside).set_callbacks(TimeLimit(60.0))
    with pytest.raises(TypeError, match="can't have auto-propagated callbacks"):
        make_pipeline(refused).fit(X)  # scikit-learn's own
    for method in ("fit", "partial_fit", "add_class"):
        if not hasattr(estimator, method):
            continue
        own, labels, options = clone(estimator).set_params(estimator=inside), THREE_LABELS, {}
        if method == "add_class":
            own.fit(THREE, THREE_LABELS)
            labels = THREE_LABELS + 3
        elif method == "partial_fit":
            options = {"classes": [0, 1, 2]}
        before = dict(vars(own.set_params(estimator=refused)))
        match = r"inside \w+, can't have auto-propagated callbacks, got TimeLimit; set them on the outermost"
        with pytest.raises(TypeError, match=match):
            getattr(own, method)(THREE, labels, **options)
        assert vars(own) == before


# partial_fit and add_class


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("solver", STEPPING)
def test_partial_fit_tells_of_one_task(cls, solver):
    """As scikit-learn's StandardScaler does: a run a call, with a model that works; the result is the same."""
    alone, told, recorder = cls(8, solver=solver, random_state=0), cls(8, solver=solver, random_state=0), Monitored()
    told.set_callbacks(recorder)
    for number in (1, 2):
        told.partial_fit(FRAME)
        alone.partial_fit(FRAME)
        assert recorder.calls == ["setup", "begin partial-fit 0", "end partial-fit 0", "teardown"] * number
        fitted, rows, target = recorder.seen[-1]
        assert fitted.n_iter_ == number
        assert_array_equal(fitted.transform(FRAME), told.transform(FRAME))
        assert rows is target is FRAME
    assert_same_fit(told, alone)


class Monitored(Recorder):
    """Keep what the end of each task hands over."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name} {context.task_id}")
        self.seen.append((fitted_estimator, X, y))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_whitener_tells(method):
    """A task a call, with the rows and the weights of the user."""
    recorder, weight = Rows(), list(range(1, 121))
    getattr(PCAWhitener().set_callbacks(recorder), method)(FRAME, None, weight)
    _, (rows, target, metadata), _, _ = recorder.calls
    assert rows is target is FRAME
    assert metadata["sample_weight"] is weight
    with pytest.raises(ValueError, match="NaN"):
        getattr(PCAWhitener().set_callbacks(recorder), method)(FRAME * np.nan)
    assert recorder.calls[-1] == "teardown"


def test_classifier_tells_of_partial_fit_and_add_class():
    """The autoencoders of the classes with rows, the step of fine-tuning, and a classifier that works at the end."""
    recorder = Propagated()
    classifier = make_classifier(estimator=make(max_iter=1)).set_callbacks(recorder)
    alone = clone(classifier).set_callbacks()
    for each in (classifier, alone):
        each.partial_fit(THREE[:90], THREE_LABELS[:90], classes=[0, 1, 2, 3])
    root = "partial-fit 0 of ClassSpecificAEClassifier"
    classes = [f"{hook} partial-fit {j} {INNER}" for j in range(3) for hook in ("begin", "end")]
    assert recorder.calls == [
        "setup",
        f"begin {root}",
        f"begin autoencoders 0 {OUTER}",
        *classes,
        f"end autoencoders 0 {OUTER}",
        f"begin fine-tuning 1 {OUTER}",
        f"end fine-tuning 1 {OUTER}",
        f"end {root}",
        "teardown",
    ]
    assert_array_equal(classifier.predict_proba(THREE), alone.predict_proba(THREE))
    recorder.calls.clear()
    for each in (classifier, alone):
        each.add_class(THREE[:20] ** 2, np.full(20, 7))
    assert recorder.calls == [
        "setup",
        f"begin add-class 0 {OUTER}",
        f"begin autoencoders 0 {OUTER}",
        f"begin fit 4 {INNER}",
        *(f"{hook} epoch 0 {INNER}" for hook in ("begin", "end")),
        f"end fit 4 {INNER}",
        f"end autoencoders 0 {OUTER}",
        f"end add-class 0 {OUTER}",
        "teardown",
    ]
    assert_array_equal(classifier.predict_proba(THREE), alone.predict_proba(THREE))


@pytest.mark.parametrize("n_factors", [None, 4])
@pytest.mark.parametrize("pretrain", [True, False])
@pytest.mark.parametrize("method", ["finetune", "normalize", "energies"])
def test_every_task_of_add_class_ends(method, pretrain, n_factors):
    """Of every kind of classifier, and the root's end has the classifier."""
    recorder = Monitored()
    inside = DenoisingAutoencoder(8, max_iter=2, random_state=0)
    classifier = make_classifier(estimator=inside, method=method, pretrain=pretrain, n_factors=n_factors, l2=1e-3)
    classifier.set_params(temperature=1.0).fit(THREE, THREE_LABELS).set_callbacks(recorder)
    recorder.on_fit_task_begin = lambda estimator, context: recorder.calls.append(f"begin {context.task_name}")
    classifier.add_class(np.concatenate([THREE, THREE[:20] ** 2]), np.r_[THREE_LABELS, np.full(20, 7)])
    begun = [call[6:] for call in recorder.calls if call.startswith("begin")]
    ended = [call[4:].rpartition(" ")[0] for call in recorder.calls if call.startswith("end")]
    assert sorted(begun) == sorted(ended)
    assert len(begun) == (1 if not pretrain else 3 if n_factors is None else 4)
    assert recorder.calls[-2:] == ["end add-class 0", "teardown"]
    assert_array_equal(recorder.seen[-1][0].decision_function(THREE), classifier.decision_function(THREE))


@pytest.mark.parametrize("method", ["partial_fit", "add_class"])
def test_a_step_that_fails_leaves_nothing(method):
    """The callbacks are torn down, and the attributes are as before."""
    recorder = Propagated(raise_at=("autoencoders", "ClassSpecificAEClassifier"))
    classifier = make_classifier().fit(THREE, THREE_LABELS).set_callbacks(recorder)
    before = dict(vars(classifier))
    labels = THREE_LABELS + 3 * (method == "add_class")
    with pytest.raises(RuntimeError, match="no further"):
        getattr(classifier, method)(THREE, labels)
    assert recorder.calls[-1] == "teardown"
    assert vars(classifier) == before


# The user's data


@pytest.mark.parametrize(
    "estimator",
    [
        make(),
        PCAWhitener(),
        ContrastNormalizer(),
        EnergyOutlierDetector(),
        EnergyOutlierDetector(make()),
        make_classifier(estimator=make()),
    ],
    ids=str,
)
def test_callbacks_see_the_data_of_the_user(estimator):
    """Not what validation makes of them: a table with its names, labels and weights as they were given."""
    recorder = Rows()
    labels, weight = [0, 1] * 60, list(np.linspace(0.0, 1.0, 120))
    weighted = {} if isinstance(estimator, ContrastNormalizer | EnergyOutlierDetector) else {"sample_weight": weight}
    clone(estimator).set_callbacks(recorder).fit(FRAME, labels, **weighted)
    rows, seen, metadata = recorder.calls[1]
    assert rows is FRAME
    assert seen is labels
    assert metadata is None if not weighted else metadata["sample_weight"] is weight


def test_a_score_of_a_table_does_not_warn():
    """Every epoch and every step is scored with the names that the fit has seen. The scores are those of an array."""
    logs = []
    for rows in (FRAME, X):
        monitor = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "X (has|does not have valid) feature names")
            autoencoder = make().set_callbacks(monitor).fit(rows)
            autoencoder.partial_fit(rows)
            make_classifier().set_callbacks(callback.ScoringMonitor(scoring="accuracy")).fit(rows, [0, 1] * 60)
        logs.append([row["r2"] for log in monitor.get_logs(select="all") for row in log.data])
    assert len(logs[0]) == 7
    assert logs[0] == pytest.approx(logs[1], rel=1e-9)


# EarlyStopping and TimeLimit

ESTIMATORS = [
    *(case.make(n_components=8, max_iter=6, tol=0.0) for case in DEFAULTS),
    PCAWhitener(),
    ContrastNormalizer(),
    EnergyOutlierDetector(),
    EnergyOutlierDetector(make(), novelty=True),
    make_classifier(),
    make_classifier(method="normalize"),
    make_classifier(n_factors=4, estimator=DenoisingAutoencoder(8, max_iter=3, random_state=0)),
    FineTunedClassifier(make_pipeline(PCAWhitener(whiten=None), make(), make()), max_iter=3, random_state=0),
    FineTunedRegressor(make(), max_iter=3, random_state=0),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("make_callback", [EarlyStopping, lambda: TimeLimit(1e-9)], ids=["EarlyStopping", "TimeLimit"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_callbacks_with_every_estimator(estimator, make_callback):
    """A fit that they end, or do not, is complete; so is one of the estimator's clone and of its copies."""
    for each in (clone(estimator), copy.deepcopy(estimator)):
        told = each.set_callbacks(make_callback())
        for copied in (clone(told), pickle.loads(pickle.dumps(told))):
            copied.fit(THREE, THREE_LABELS)
            method = "score_samples" if hasattr(copied, "score_samples") else "transform"
            assert np.isfinite(getattr(copied, method)(THREE)).all()
            pickle.loads(pickle.dumps(copied))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_early_stopping_ends_at_a_plateau(solver):
    """After as many epochs without a fall of the loss as asked for, by the rule of `tol`, and without a warning."""
    parameters = {"solver": solver, "max_iter": 300, "learning_rate": "constant"}
    own = make(**parameters, n_iter_no_change=4).set_params(tol=0.02).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stopped = make(**parameters).set_callbacks(EarlyStopping(tol=0.02, n_iter_no_change=4)).fit(X)
    assert stopped.n_iter_ == own.n_iter_ < 300
    assert_array_equal(stopped.components_, own.components_)


def test_early_stopping_watches_the_validation_loss():
    """It ends the fit by that loss, and the parameters that are best on the held-out rows are kept."""
    autoencoder = make(alpha=0.0, max_iter=300, early_stopping=True, learning_rate="constant")
    stopped = autoencoder.set_callbacks(EarlyStopping("validation_loss", tol=0.02, n_iter_no_change=3)).fit(X)
    curve = stopped.validation_loss_curve_
    reference, stalled = np.inf, 0
    for number, loss in enumerate(curve, 1):
        reference, stalled = (loss, 0) if loss < 0.98 * reference else (reference, stalled + 1)
        assert (stalled == 3) == (number == stopped.n_iter_)
    longer = clone(autoencoder).set_callbacks().fit(X)
    assert_array_equal(longer.validation_loss_curve_[: len(curve)], curve)
    assert len(curve) < len(longer.validation_loss_curve_)


def test_early_stopping_counts_each_stage_alone():
    """A stage with more alpha begins at a higher loss, which is no plateau."""
    autoencoder = SaturatingAutoencoder(8, alpha=1.0, alpha_steps=3, max_iter=60, tol=0.0, random_state=0)
    autoencoder.set_callbacks(EarlyStopping(tol=1e-9, n_iter_no_change=9)).fit(X)
    assert autoencoder.n_iter_ == 60
    assert (np.diff(autoencoder.loss_curve_)[[9, 19, 29]] > 0.0).any()


def test_early_stopping_of_classes():
    """On the autoencoder, each class ends at its own plateau; on the classifier, the fine-tuning does."""
    stopping = EarlyStopping(tol=0.02, n_iter_no_change=3)
    inside = make(max_iter=200)
    classifier = make_classifier(estimator=clone(inside).set_callbacks(stopping), n_jobs=2, max_iter=40)
    classifier.fit(THREE, THREE_LABELS)
    for label, each in enumerate(classifier.estimators_):
        alone = clone(each).fit(THREE[label == THREE_LABELS])
        assert each.n_iter_ == alone.n_iter_ < 200
    assert classifier.n_iter_ == 40
    tuned = make_classifier(max_iter=40).set_callbacks(EarlyStopping(tol=0.5, n_iter_no_change=2))
    assert tuned.fit(THREE, THREE_LABELS).n_iter_ < 40


def test_early_stopping_forgets_its_fits():
    """What it knows of a fit goes with the fit, and copies do not take it along."""
    stopping = EarlyStopping()
    make().set_callbacks(stopping).fit(X)
    gc.collect()
    assert len(stopping._plateaus) == 0
    again = pickle.loads(pickle.dumps(stopping))
    assert repr(again) == repr(stopping) == "EarlyStopping(monitor='loss', tol=0.001, n_iter_no_change=10)"
    assert make().set_callbacks(again).fit(X).n_iter_ == 5


def test_early_stopping_says_what_it_cannot_watch():
    """A loss that the estimator does not report, in an epoch, is an error; an estimator without loss is warned of."""
    with pytest.raises(ValueError, match=r"needs an estimator with held-out rows \(early_stopping=True\), got Contr"):
        make().set_callbacks(EarlyStopping("validation_loss")).fit(X)
    with pytest.raises(ValueError, match="needs an estimator with the attribute loss_, got LogisticRegression without"):
        LogisticRegression().set_callbacks(EarlyStopping()).fit(THREE, THREE_LABELS)
    search = GridSearchCV(make(), {"alpha": [0.1]}, cv=2)
    for estimator in (make_pipeline(StandardScaler(), make()), search, EnergyOutlierDetector(make())):
        name = type(estimator).__name__
        with pytest.warns(UserWarning, match=f"set on {name}, which has no loss of its own: it has watched") as caught:
            estimator.set_callbacks(EarlyStopping()).fit(X)
        assert [each.filename for each in caught if "EarlyStopping" in str(each.message)] == [__file__]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_early_stopping_in_a_search(n_jobs):
    """On the step, each candidate ends at its own plateau."""
    stopping = EarlyStopping(tol=0.02, n_iter_no_change=3)
    pipeline = make_pipeline(StandardScaler(), make(max_iter=200).set_callbacks(stopping))
    search = GridSearchCV(pipeline, {"contractiveautoencoder__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs).fit(X)
    best = search.best_estimator_
    alone = clone(best).fit(X)
    assert best[-1].n_iter_ == alone[-1].n_iter_ < 200


def test_time_limit_ends_a_fit():
    """Not before its time, and in the epoch in which the time is over, with every solver and all stages."""
    endless = {"max_iter": 10**6, "tol": 0.0, "learning_rate": "constant", "random_state": 0}
    for autoencoder in (ContractiveAutoencoder(8, **endless), SaturatingAutoencoder(8, **endless)):
        start = time.perf_counter()
        autoencoder.set_callbacks(TimeLimit(0.2)).fit(X)
        assert time.perf_counter() - start >= 0.17  # the time of day goes in steps of 1/64 s on some systems
        assert 1 < autoencoder.n_iter_ < 10**6
    assert make(max_iter=50).set_callbacks(TimeLimit(1e4)).fit(X).n_iter_ == 50


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_time_limit_in_a_search(n_jobs):
    """The whole search has the time; with depth=1 each candidate has it."""
    pipeline = make_pipeline(StandardScaler(), make(max_iter=40))
    for limit, expected in ((TimeLimit(1e-9), 1), (TimeLimit(1e4, depth=1), 40), (TimeLimit(1e-9, depth=1), 1)):
        search = GridSearchCV(pipeline, {"contractiveautoencoder__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
        search.set_callbacks(limit).fit(X)
        assert search.best_estimator_[-1].n_iter_ == expected
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_time_limit_counts_from_the_fit_of_its_depth():
    """An hour is over for a search that began two hours ago, and not for the fit of a candidate that has just begun."""
    now = datetime.datetime.now(datetime.UTC)
    search = SimpleNamespace(parent=None, init_time=now - datetime.timedelta(hours=2))
    candidate = SimpleNamespace(parent=search, source_estimator_name="estimator", init_time=now)
    epoch = SimpleNamespace(parent=candidate)
    assert [TimeLimit(3600.0, depth).on_fit_task_end(None, epoch) for depth in range(3)] == [True, False, False]


def test_time_limit_of_a_classifier():
    """The limit ends the training of the classes and the fine-tuning; depth=1 is the time of each class."""
    for depth, epochs, tuned in ((0, 1, 1), (1, 1, 4), (2, 2, 4)):
        classifier = make_classifier().set_callbacks(TimeLimit(1e-9, depth=depth)).fit(THREE, THREE_LABELS)
        assert [each.n_iter_ for each in classifier.estimators_] == [epochs] * 3
        assert classifier.n_iter_ == tuned


class Iterative(CallbackSupportMixin, BaseEstimator):
    """An estimator of someone else that obeys stops, with a loss that falls to a plateau."""

    def __init__(self, max_iter=50):
        self.max_iter = max_iter

    @with_callbacks
    def fit(self, X, y=None):
        """Halve the loss in each of eight iterations."""
        context = self._init_callback_context(max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        for i in range(self.max_iter):
            step = context.subcontext(task_name="iteration").call_on_fit_task_begin(estimator=self, X=X, y=y)
            self.n_iter_, self.loss_ = i + 1, 0.5 ** min(i, 7)
            if step.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict):
                break
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return self


def test_callbacks_end_the_fits_of_other_estimators():
    """They need no more than scikit-learn's protocol, and `loss_`."""
    assert Iterative().set_callbacks(EarlyStopping(n_iter_no_change=5)).fit(X).n_iter_ == 8 + 5
    assert Iterative().set_callbacks(TimeLimit(1e-9)).fit(X).n_iter_ == 1
    assert LogisticRegression().set_callbacks(TimeLimit(1e-9)).fit(THREE, THREE_LABELS).score(THREE, THREE_LABELS) > 0.9


@pytest.mark.parametrize(
    ("cls", "parameters", "message"),
    [
        (EarlyStopping, {"monitor": "val_loss"}, "'monitor' parameter of EarlyStopping must be a str among"),
        (EarlyStopping, {"tol": 0}, r"'tol' parameter of EarlyStopping must be a float in the range \(0.0, inf\)"),
        (EarlyStopping, {"n_iter_no_change": 0}, "'n_iter_no_change' parameter of EarlyStopping must be an int"),
        (TimeLimit, {"seconds": 0}, r"'seconds' parameter of TimeLimit must be a float in the range \(0.0, inf\)"),
        (TimeLimit, {"seconds": "60"}, "'seconds' parameter of TimeLimit must be a float"),
        (TimeLimit, {"seconds": 60, "depth": 0.5}, "'depth' parameter of TimeLimit must be an int"),
    ],
)
def test_bad_parameters_of_callbacks(cls, parameters, message):
    """A sentence says what was wrong, at once."""
    with pytest.raises(ValueError, match=message):
        cls(**parameters)


@pytest.mark.parametrize("estimator", [PCAWhitener(), EnergyOutlierDetector()], ids=["whitener", "detector"])
def test_early_stopping_of_what_has_no_loss_warns(estimator):
    """It has watched nothing."""
    X = load_digits().data[:300, 2:10]
    with pytest.warns(UserWarning, match="has no loss of its own"):
        clone(estimator).set_callbacks(EarlyStopping()).fit(X)


# Fine-tuned networks


def test_tasks_of_a_network():
    """The layers are tasks, whose epochs their own monitors see; the epochs of fine-tuning carry the fitted network."""
    inside = callback.ScoringMonitor(scoring={"r2": reconstruction_r2})
    outside = callback.ScoringMonitor(scoring="accuracy")
    encoder = make_pipeline(PCAWhitener(whiten=None), make(max_iter=2).set_callbacks(inside), make(max_iter=3))
    network = FineTunedClassifier(encoder, max_iter=4, random_state=0).set_callbacks(outside)
    network.fit(THREE, THREE_LABELS)
    (log,) = outside.get_logs(select="all")
    scores = [row["accuracy"] for row in log.data if row["accuracy"] is not None]
    assert scores[-1] == network.score(THREE, THREE_LABELS)
    (log,) = inside.get_logs(select="all")
    assert len(log.data) >= 2
