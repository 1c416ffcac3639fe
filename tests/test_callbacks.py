"""scikit-learn's callbacks: one task an epoch, in every autoencoder, alone and nested."""

import contextlib
import copy
import io

import numpy as np
import pytest
from autoencoders import DEFAULTS, ONE_STAGE
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    SaturatingAutoencoder,
)
from skae.metrics import denoising_r2, neg_score_matching_loss, reconstruction_r2

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

X = load_digits().data[:120, 20:44] / 16.0


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


def test_a_callback_ends_all_stages():
    """Not only the first of the continuation in alpha."""
    recorder = Recorder(stop_at=2)
    autoencoder = SaturatingAutoencoder(8, max_iter=44, tol=0.0, random_state=0).set_callbacks(recorder).fit(X)
    assert autoencoder.n_iter_ == 3
    assert autoencoder.transform(X).shape == (120, 8)


def test_a_plateau_ends_an_epoch_that_has_begun():
    """Every task that begins ends, also where the fit converges before `max_iter`."""
    recorder = Recorder()
    autoencoder = make(max_iter=200, tol=0.5, n_iter_no_change=2).set_callbacks(recorder).fit(X)
    assert autoencoder.n_iter_ < 200
    begun = [call[6:] for call in recorder.calls if call.startswith("begin")]
    ended = [call[4:] for call in recorder.calls if call.startswith("end")]
    assert sorted(begun) == sorted(ended)


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
    return ClassSpecificAEClassifier(make(max_iter=2), **{**defaults, **parameters})


def test_classifier_tells_of_its_classes_and_epochs():
    """A task a class, in which the autoencoder's epochs are, and an epoch of fine-tuning each; the fit is the same."""
    alone = make_classifier().fit(THREE, THREE_LABELS)
    recorder = Propagated()
    told = make_classifier().set_callbacks(recorder).fit(THREE, THREE_LABELS)
    outer, inner = "of ClassSpecificAEClassifier", "of ContractiveAutoencoder"
    classes = [
        call
        for j in range(3)
        for call in (
            f"begin fit {j} {inner}",
            *(f"{hook} epoch {i} {inner}" for i in range(2) for hook in ("begin", "end")),
            f"end fit {j} {inner}",
        )
    ]
    epochs = [f"{hook} epoch {i} {outer}" for i in range(4) for hook in ("begin", "end")]
    assert recorder.calls == [
        "setup",
        f"begin fit 0 {outer}",
        f"begin autoencoders 0 {outer}",
        *classes,
        f"end autoencoders 0 {outer}",
        f"begin fine-tuning 1 {outer}",
        *epochs,
        f"end fine-tuning 1 {outer}",
        f"end fit 0 {outer}",
        "teardown",
    ]
    assert_array_equal(told.decision_function(THREE), alone.decision_function(THREE))
    assert not any(
        hasattr(each, "_skl_callbacks") or hasattr(each, "_parent_callback_ctx") for each in told.estimators_
    )
    for number, fitted in enumerate(recorder.fitted, 1):
        assert fitted.n_iter_ == number
        assert fitted.predict_proba(THREE).shape == (150, 3)
    assert_array_equal(recorder.fitted[-1].score_samples(THREE), alone.score_samples(THREE))
    assert not np.array_equal(recorder.fitted[0].class_log_constants_, alone.class_log_constants_)


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
    classifier = make_classifier().set_callbacks(monitor).fit(THREE, THREE_LABELS)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 4
    assert scores[-1] == classifier.score(THREE, THREE_LABELS)


def test_detector_hands_callbacks_on():
    """The fit of the model that it is given is a task of its own."""
    recorder = Propagated()
    EnergyOutlierDetector(make(max_iter=1)).set_callbacks(recorder).fit(X)
    assert "begin fit 0 of ContractiveAutoencoder" in recorder.calls
    assert recorder.calls[-2:] == ["end fit 0 of EnergyOutlierDetector", "teardown"]
