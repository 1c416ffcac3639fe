"""Faults in every estimator: what is raised comes out, the estimator is as before, and so is the process.

Faults of single steps stand beside these: test_robustness.py has every call of an autoencoder's fit, test_classifier.py
the steps of the classifier, test_callbacks.py what callbacks are told.
"""

import contextlib
import copy
import errno
import os
import pathlib
import pickle
import threading
import time

import joblib
import pandas as pd
import pytest
import threadpoolctl
from autoencoders import in_turn
from estimators import KINDS, data, predictions, state_of, train
from faults import (
    FailingActivation,
    FailingCallback,
    FailingInWorker,
    FailingNoise,
    FailingPenalty,
    FullDisk,
    Fuse,
    Interruption,
    failing_allocations,
    limits,
    process_unchanged,
)

from skae import ContractiveAutoencoder, EnergyOutlierDetector, FineTunedClassifier
from skae import __main__ as demonstration

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of short fits to few rows

ERRORS = (Interruption, KeyboardInterrupt, MemoryError)

#: What a user hands to an estimator, by the end of the parameter's name, and what else makes it be used.
HANDED = {
    "activation": (FailingActivation, {}),
    "penalty": (FailingPenalty, {}),
    "noise": (FailingNoise, {"noise_level": 0.1}),
}


every_training = pytest.mark.parametrize(
    ("kind", "training"), [(kind, each) for kind in KINDS for each in ("first fit", *kind.methods)], ids=str
)


def calls(n):
    """Return some of n calls: the first, the last, and one between."""
    return sorted({1, (2 * n) // 3, n} - {0})


def prepared(kind, training, **parameters):
    """Return an estimator to train: new, or fitted. A second fit goes on from the first where it can."""
    estimator = kind.make(**parameters)
    if training == "first fit":
        return estimator
    train(estimator)
    return estimator.set_params(warm_start=True) if kind.has("warm_start") and training == "fit" else estimator


def check_faults(estimator, training, fuse, around=contextlib.nullcontext):
    """Let some calls of a training fail, one after the other: the estimator and the process stay as they were.

    The training after the last fault gives the bits of one without faults. `around` makes the context of a training.
    """
    method = training.removeprefix("first ")

    def run(estimator):
        fuse.calls = 0
        with around():
            return train(estimator, method)

    expected = state_of(run(copy.deepcopy(estimator)))
    assert fuse.calls
    before, names = state_of(estimator), list(vars(estimator))
    for k, error in in_turn([(k,) for k in calls(fuse.calls)], ERRORS):
        fuse.k, fuse.error = k, error
        with process_unchanged(), pytest.raises(error):
            run(estimator)
        assert state_of(estimator) == before
        assert list(vars(estimator)) == names
    fuse.k = 0
    assert state_of(run(estimator)) == expected


def handed():
    """Return (kind, parameter): what a user can hand to a kind, or to the estimator inside it."""
    return [
        (kind, name)
        for kind in KINDS
        for name, value in kind.make().get_params().items()
        if name.rpartition("__")[2] in HANDED and (value is None or isinstance(value, str))
    ]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("kind", "name", "turn"), in_turn(handed(), range(3)), ids=str)
def test_an_error_in_what_the_user_has_handed_over(kind, name, turn):
    """An activation, a penalty or noise that raises, at any stage of a training that uses it, changes nothing."""
    prefix, separator, last = name.rpartition("__")
    cls, others = HANDED[last]
    fuse, parameters = Fuse(), {prefix + separator + key: value for key, value in others.items()}

    def estimator_for(training):
        return prepared(kind, training).set_params(**parameters, **{name: cls(fuse=fuse)})

    def uses(training):
        fuse.calls = 0
        train(estimator_for(training), training.removeprefix("first "))
        return fuse.calls

    try:
        trainings = [each for each in ("first fit", *kind.methods) if uses(each)]
    except ValueError:  # it is refused: the activation has no complement, say
        return
    for training in trainings[turn : turn + 1]:
        check_faults(estimator_for(training), training, fuse)


@pytest.mark.parametrize(
    ("kind", "training"), [(kind, each) for kind in KINDS for each in ("first fit", *kind.methods)], ids=str
)
def test_an_error_in_a_callback(kind, training):
    """A hook that raises, also the first and the last of a training, changes nothing."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    estimator, fuse = prepared(kind, training), Fuse()
    if hasattr(estimator, "set_callbacks"):
        check_faults(estimator.set_callbacks(FailingCallback(fuse)), training, fuse)


@pytest.mark.parametrize(
    ("kind", "training"), [(kind, each) for kind in KINDS for each in ("first fit", *kind.methods)], ids=str
)
def test_memory_that_does_not_suffice(kind, training, monkeypatch):
    """An array that cannot be made, or a Ctrl-C there, at any stage of a training, changes nothing."""
    fuse = Fuse()
    check_faults(prepared(kind, training), training, fuse, lambda: failing_allocations(monkeypatch, fuse))


# Workers


def classifier_in_workers(**parameters):
    """Return a classifier whose autoencoders are fitted in two processes."""
    kind = next(each for each in KINDS if each.has("n_jobs"))
    return kind.make(n_jobs=2, temperature=1.0, **parameters)


def running(folder):
    """Return the processes that have noted their numbers in a folder, and still run."""
    found = [int(path.name) for path in pathlib.Path(folder).iterdir()]
    return [number for number in found if pathlib.Path(f"/proc/{number}").exists()]


def eventually(condition, seconds=60.0):
    """Return whether a condition comes true."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return condition()


tells_running = pytest.mark.skipif(not pathlib.Path("/proc/self").exists(), reason="processes are found in /proc")


@pytest.mark.slow
@tells_running
def test_an_error_in_a_worker(tmp_path):
    """What a worker process raises comes out, Ctrl-C and MemoryError too, and changes nothing."""
    classifier = train(classifier_in_workers())
    for error in ERRORS:
        activation = FailingInWorker(folder=str(tmp_path), error=error)
        classifier.set_params(estimator__activation=activation)
        before, limited = state_of(classifier), limits()
        with pytest.raises(error, match="now"):
            train(classifier)
        assert state_of(classifier) == before
        assert limits() == limited
    # joblib keeps idle workers for the next fit, but not those that have failed.
    assert eventually(lambda: not running(tmp_path))


@tells_running
def test_a_worker_that_dies(tmp_path):
    """A worker that ends in the midst of its work, killed say, ends the fit at once; all is as before.

    No worker goes on, and the next fit starts new ones.
    """
    classifier = train(classifier_in_workers())
    expected = state_of(classifier)
    classifier.set_params(estimator__activation=FailingInWorker(folder=str(tmp_path)))
    before, limited = state_of(classifier), limits()
    with pytest.raises(Exception, match=r"worker process .* terminated"):
        train(classifier)
    assert state_of(classifier) == before
    assert limits() == limited
    assert eventually(lambda: not running(tmp_path))
    assert state_of(train(classifier.set_params(estimator__activation="sigmoid"))) == expected


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_beside_another_thread(error):
    """Where the autoencoders are fitted in threads, one that fails ends the fit, and no thread goes on."""
    activation = FailingActivation(fuse=Fuse(5, error))
    with joblib.parallel_config("threading"), threadpoolctl.threadpool_limits(2):
        classifier = train(classifier_in_workers()).set_params(estimator__activation=activation)
        before, limited, threads = state_of(classifier), limits(), set(threading.enumerate())
        with pytest.raises(error, match="now"):
            train(classifier)
        assert state_of(classifier) == before
        assert limits() == limited
        assert eventually(lambda: set(threading.enumerate()) <= threads)  # joblib does not wait for the other fits


# Full disks


@pytest.mark.parametrize("kind", [each for each in KINDS if each.has("verbose")], ids=str)
def test_an_output_that_cannot_be_written(kind):
    """Verbose output to a full disk, also that of an estimator inside, raises an error, and changes nothing."""
    estimator = train(kind.make())
    estimator.set_params(**{name: 1 for name in estimator.get_params() if name.endswith("verbose")})
    before = state_of(estimator)
    with process_unchanged(), contextlib.redirect_stdout(FullDisk()), pytest.raises(OSError) as raised:
        train(estimator)
    assert raised.value.errno == errno.ENOSPC
    assert state_of(estimator) == before


@pytest.mark.parametrize(("kind", "training"), [(kind, each) for kind in KINDS for each in kind.methods], ids=str)
def test_a_file_that_cannot_be_written(kind, training):
    """An estimator that a full disk cannot take stays as it is, and can be saved elsewhere."""
    estimator = train(prepared(kind, training), training)
    expected = state_of(predictions(copy.deepcopy(estimator), data()[0]))
    with pytest.raises(OSError) as raised:
        pickle.dump(estimator, FullDisk())
    assert raised.value.errno == errno.ENOSPC
    saved = pickle.loads(pickle.dumps(estimator))
    assert state_of(predictions(saved, data()[0])) == state_of(predictions(estimator, data()[0])) == expected


def full_after(path, *others, **options):
    """Write a little, and find the disk full."""
    pathlib.Path(path).write_bytes(b"half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("there", [b"the picture before", None])
def test_a_picture_that_does_not_fit(there, tmp_path, monkeypatch, capsys):
    """The demonstration leaves no half of its picture, and does not lose the one before."""
    figure = pytest.importorskip("matplotlib.figure")
    monkeypatch.setattr(figure.Figure, "savefig", lambda self, path, **options: full_after(path))
    path = tmp_path / "picture.png"
    if there is not None:
        path.write_bytes(there)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        demonstration.save_whole(figure.Figure(), path)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == (
        {} if there is None else {"picture.png": there}
    )


def test_names_are_compared_once_beside_another_thread(recwarn):
    """Where no filter may be set, the steps of a network take arrays without a warning about the names of a table."""
    X, y = data()
    table = pd.DataFrame(X, columns=list("abcde"))
    encoder = ContractiveAutoencoder(3, max_iter=2, random_state=0).fit(table)
    network = FineTunedClassifier(encoder, prefit=True, max_iter=2, random_state=0)
    detector = EnergyOutlierDetector(random_state=0)
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        network.fit(table, y).predict(table)
        detector.fit(table).explain(table)
    finally:
        ended.set()
        other.join()
    assert not [each for each in recwarn if "feature names" in str(each.message)]
