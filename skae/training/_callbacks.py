"""scikit-learn's callbacks: report the tasks of a fit to them."""

import contextlib
import threading

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
    def attached_to(self, estimator):
        """Run the body as this task. The body fits `estimator`.

        The tasks of that fit are reported to the callbacks of both estimators.
        """
        if self._context is None:
            yield
            return
        with self._context.propagate_callback_context(estimator):
            self.begin()
            yield
            self.end()


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
        self._task, self._max_iter = task, max_iter
        self._epoch, self._losses = task.subtask("epoch").begin(), []
        #: Whether a callback has asked to stop.
        self.stopped = False

    def with_hooks(self, on_epoch, attributes=None):
        """Return the function that a solver calls after each epoch. It returns whether to stop.

        It calls `on_epoch` (or nothing, for None) and the callbacks; each of them may stop the solver. `attributes`
        takes a `skae.solvers.Epoch` and the losses of all epochs so far, and returns the fitted attributes.
        """

        def on_epoch_and_hooks(epoch):
            stop = on_epoch is not None and on_epoch(epoch)
            self._losses.append(epoch.loss)
            self.stopped |= self._epoch.end(attributes and (lambda: attributes(epoch, self._losses)))
            more = not self.stopped and len(self._losses) < self._max_iter
            self._epoch = self._task.subtask("epoch").begin() if more else None
            return self.stopped or stop

        return on_epoch_and_hooks

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


def begin_fit_task(estimator, X, y=None, sample_weight=None, **options):
    """Report the beginning of a fit to the estimator's callbacks; return its task.

    The options describe the subtasks; see scikit-learn's `_init_callback_context`.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return NO_CALLBACKS
    context = estimator._init_callback_context(**options)
    return Task(estimator, context, callback_data(X, y, sample_weight)).begin()


@contextlib.contextmanager
def fit_task(estimator, X, y=None, **options):
    """Run the body as the fit of an estimator, and report its beginning and its end."""
    task = begin_fit_task(estimator, X, y, **options)
    yield task
    task.end(dict)
