"""What a user hands to an estimator, made to fail: an activation, a penalty, noise, a callback, a file.

Worker processes import this module, so it is none of the tests.
"""

import contextlib
import dataclasses
import errno
import multiprocessing
import os
import pathlib
import threading
import warnings

import numpy as np
import sklearn
import threadpoolctl

from skae.activations import Activation
from skae.corruption import Corruption
from skae.penalties import Penalty


class Interruption(Exception):  # noqa: N818
    """Something that nobody catches."""


class Fuse:
    """Count calls, and raise an error at the k-th. Copies of what holds a fuse share it."""

    __slots__ = ("calls", "error", "k")

    def __init__(self, k=0, error=Interruption):
        self.k, self.error, self.calls = k, error, 0

    def blow(self):
        """Count a call, or raise the error."""
        self.calls += 1
        if self.calls == self.k:
            raise self.error("now")

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return "Fuse()"


@dataclasses.dataclass(frozen=True)
class FailingActivation(Activation):
    """tanh."""

    fuse: Fuse = dataclasses.field(default_factory=Fuse, compare=False)
    name = "failing"

    def value(self, u, out=None):
        self.fuse.blow()
        return np.tanh(u, out=out)

    def derivative(self, u, h, out=None):
        return np.multiply(1.0 - h, 1.0 + h, out=out)

    def second_derivative(self, u, h, out=None):
        return np.multiply(-2.0 * h, self.derivative(u, h), out=out)

    def potential(self, u):
        return np.log(np.cosh(u)).sum(axis=-1)


@dataclasses.dataclass(frozen=True)
class FailingPenalty(Penalty):
    """No penalty."""

    fuse: Fuse = dataclasses.field(default_factory=Fuse, compare=False)
    name = "failing"

    def add(self, batch, grad):
        self.fuse.blow()
        return 0.0


@dataclasses.dataclass(frozen=True)
class FailingNoise(Corruption):
    """No noise."""

    fuse: Fuse = dataclasses.field(default_factory=Fuse, compare=False)
    name = "failing"

    def apply(self, X, rng, out, low=None, high=None):
        self.fuse.blow()
        np.copyto(out, X)
        return out


class FailingCallback:
    """A callback that only counts its hooks."""

    def __init__(self, fuse):
        self.fuse = fuse

    def setup(self, estimator, context):
        self.fuse.blow()

    def on_fit_task_begin(self, estimator, context):
        self.fuse.blow()

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.fuse.blow()

    def teardown(self, estimator, context):
        self.fuse.blow()


@dataclasses.dataclass(frozen=True)
class FailingInWorker(FailingActivation):
    """tanh that, in another process than this one, notes the process's number in a folder, and fails."""

    folder: str = ""
    error: type | None = None
    parent: int = dataclasses.field(default_factory=os.getpid)

    def value(self, u, out=None):
        if os.getpid() != self.parent:
            (pathlib.Path(self.folder) / str(os.getpid())).touch()
            if self.error is None:
                os._exit(1)
            raise self.error("now")
        return super().value(u, out)


class FullDisk:
    """A file on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self):
        pass


@contextlib.contextmanager
def failing_allocations(monkeypatch, fuse):
    """Count numpy's functions that make arrays, as skae and scikit-learn call them, and let the k-th raise."""

    def failing(function):
        def counted(*args, **kwargs):
            fuse.blow()
            return function(*args, **kwargs)

        return counted

    with monkeypatch.context() as patch:
        for name in ("array", "asarray", "concatenate", "empty", "empty_like", "ones", "zeros"):
            patch.setattr(np, name, failing(getattr(np, name)))
        yield


def limits():
    """Return the number of threads of each library."""
    return [(each["filepath"], each["num_threads"]) for each in threadpoolctl.threadpool_info()]


@contextlib.contextmanager
def process_unchanged():
    """Assert that the body leaves what belongs to the whole process: limits, threads, processes, filters, generator."""

    def state():
        _, keys, *others = np.random.get_state()  # noqa: NPY002
        return {
            "limits": limits(),
            "filters": list(warnings.filters),
            "floats": np.geterr(),
            "config": sklearn.get_config(),
            "generator": (keys.tobytes(), others),
        }

    def workers():
        return {*threading.enumerate(), *multiprocessing.active_children()}

    before, running = state(), workers()
    yield
    assert state() == before
    assert workers() <= running  # one of an earlier test may have ended
