"""scikit-learn's callbacks: report the tasks of a fit to them."""

import contextlib
import threading

from skae._sklearn_compat import AutoPropagatedCallback
from skae._unconverted_rows import UnconvertedRows

# Threads of a worker process share its connection to the callbacks.
_ONE_AT_A_TIME = threading.RLock()


class Task:
    """A task of a fit, reported to the callbacks of an estimator.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    context : sklearn.callback.CallbackContext or None
        scikit-learn's context of the task. None if there are no callbacks.
    data : dict
        The X, y and metadata that the callbacks see; see `callback_data`.
    """

    def __init__(self, estimator, context, data):
        self._estimator, self._context, self._data = estimator, context, data

    def begin(self):
        """Report the beginning of the task; return the task."""
        if self._context is not None:
            with _ONE_AT_A_TIME:
                self._context.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        return self

    def end(self, attributes=None):
        """Report the end of the task; return whether a callback asks to stop.

        `attributes` is a function that returns the fitted attributes, or None.
        """
        if self._context is None:
            return False
        with _ONE_AT_A_TIME:
            return self._context.call_on_fit_task_end(
                estimator=self._estimator, **self._data, reconstruction_attributes=attributes
            )

    def subtask(self, name, data=None, **options):
        """Return a task below this one. By default it has the same data."""
        context = None if self._context is None else self._context.subcontext(task_name=name, **options)
        return Task(self._estimator, context, self._data if data is None else data)

    @contextlib.contextmanager
    def attached_to(self, estimator, X, sample_weight=None):
        """Run the body as this task. The body fits `estimator` to these rows.

        The tasks of that fit are reported to the callbacks of both estimators.
        """
        if self._context is None:
            yield
            return
        task = Task(self._estimator, self._context, callback_data(X, None, sample_weight))
        with self._context.propagate_callback_context(estimator):
            task.begin()
            yield
            task.end()


class Epochs:
    """The epochs of a task. Each of them is a subtask.

    One epoch is open at any time, so all that happens lies between the hooks of an epoch. The last one may be empty.

    Parameters
    ----------
    task : Task
        A task that has begun.
    max_iter : int
        Largest number of epochs.
    """

    def __init__(self, task, max_iter):
        self._task, self._n_left = task, max_iter
        self._epoch = task.subtask("epoch").begin()
        #: Whether a callback has asked to stop.
        self.stopped = False

    def after(self, attributes=None):
        """Report the end of an epoch, and the beginning of the next one; return whether a callback has asked to stop.

        `attributes` is a function that returns the fitted attributes, or None.
        """
        self.stopped |= self._epoch.end(attributes)
        self._n_left -= 1
        self._epoch = self._task.subtask("epoch").begin() if self._n_left and not self.stopped else None
        return self.stopped

    def end(self):
        """End the open epoch."""
        if self._epoch is not None:
            self._epoch.end()


#: The task of a fit without callbacks.
NO_CALLBACKS = Task(None, None, {})


def callback_data(X, y=None, sample_weight=None):
    """Return the data that callbacks see: X in its own dtype, y (X itself if there is no y) and the weights."""
    X = X.source if isinstance(X, UnconvertedRows) else X
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": X if y is None else y, "metadata": metadata}


def begin_fit_task(estimator, X, y=None, sample_weight=None, *, inner=None, **options):
    """Report the beginning of a fit to the callbacks of an estimator; return its task.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    X, y, sample_weight
        The data as the user has given them.
    inner : estimator, default=None
        The estimator whose clones are fitted inside, if there is one. For its callbacks too, their fits are tasks of
        this fit.
    **options : dict
        Options of scikit-learn's `_init_callback_context`. They describe the task and its subtasks.

    Raises
    ------
    TypeError
        If `inner` has a callback that belongs to the outermost estimator, as in scikit-learn.
    """
    if not _has_callbacks(estimator) and not _has_callbacks_inside(inner):
        return NO_CALLBACKS
    _refuse_auto_propagated(estimator, inner)
    context = estimator._init_callback_context(**options)
    return Task(estimator, context, callback_data(X, y, sample_weight)).begin()


@contextlib.contextmanager
def fit_task(estimator, X, y=None, sample_weight=None, **options):
    """Run the body as the fit of an estimator, and report its beginning and its end; see `begin_fit_task`."""
    task = begin_fit_task(estimator, X, y, sample_weight, **options)
    yield task
    task.end(dict)


def share_callbacks(source, estimator):
    """Set the callbacks of `source` on the estimator too: the same instances, not copies that a process has made."""
    if hasattr(estimator, "set_callbacks"):
        estimator.set_callbacks(*getattr(source, "_skl_callbacks", ()))


def _has_callbacks(estimator):
    """Return whether callbacks are set on the estimator itself."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def _has_callbacks_inside(inner):
    """Return whether callbacks are set on an inner estimator, or on one inside it, as in a step of a Pipeline."""
    return inner is not None and any(map(_has_callbacks, (inner, *inner.get_params().values())))


def _refuse_auto_propagated(estimator, inner):
    """Raise TypeError if a callback is set on the inner estimator that belongs to the outermost one."""
    names = [
        type(each).__name__ for each in getattr(inner, "_skl_callbacks", ()) if isinstance(each, AutoPropagatedCallback)
    ]
    if names:
        outer = type(estimator).__name__
        raise TypeError(
            f"{type(inner).__name__}, the estimator inside {outer}, can't have auto-propagated callbacks, got "
            f"{', '.join(names)}; set them on the outermost estimator, which hands them on: "
            f"{outer}(...).set_callbacks(...)"
        )
