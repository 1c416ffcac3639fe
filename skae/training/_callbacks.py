"""scikit-learn's callbacks: the tasks of a fit, of which they are told."""

import contextlib
import threading

# Threads of a worker process share its connection to the callbacks.
_ONE_AT_A_TIME = threading.RLock()


class Task:
    """A task of a fit, of which an estimator's callbacks are told.

    Parameters
    ----------
    estimator : estimator
        Whose fit it is.
    context : sklearn.callback.CallbackContext or None
        None where there is nobody to tell.
    data : dict
        The X, y and metadata that the callbacks see; see `callback_data`.
    """

    def __init__(self, estimator, context, data):
        self._estimator, self._context, self._data = estimator, context, data

    def begin(self):
        """Tell of its beginning."""
        if self._context is not None:
            with _ONE_AT_A_TIME:
                self._context.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        return self

    def end(self, attributes=None):
        """Tell of its end, with fitted attributes that a function returns; return whether a callback asks to stop."""
        if self._context is None:
            return False
        with _ONE_AT_A_TIME:
            return self._context.call_on_fit_task_end(
                estimator=self._estimator, **self._data, reconstruction_attributes=attributes
            )

    def subtask(self, name, data=None, **options):
        """Return a task below this one, on the same data if none are given."""
        context = None if self._context is None else self._context.subcontext(task_name=name, **options)
        return Task(self._estimator, context, self._data if data is None else data)

    @contextlib.contextmanager
    def attached_to(self, estimator):
        """The body is this task, and fits another estimator, whose callbacks and these are told of its tasks."""
        if self._context is None:
            yield
            return
        with self._context.propagate_callback_context(estimator):
            self.begin()
            yield
            self.end()


class Epochs:
    """The epochs of a task, a subtask each.

    One has begun at any time, so that what happens in it happens between its hooks; the last one may be empty.

    Parameters
    ----------
    task : Task
        That has begun.
    max_iter : int
        Largest number of epochs.
    """

    def __init__(self, task, max_iter):
        self._task, self._max_iter = task, max_iter
        self._epoch, self._losses = task.subtask("epoch").begin(), []
        #: Whether a callback has asked to stop.
        self.stopped = False

    def with_hooks(self, on_epoch, attributes=None):
        """Return what a solver calls after each epoch: `on_epoch` (or None), and the callbacks; each may stop it.

        `attributes` returns the fitted attributes from an epoch (a `skae.solvers.Epoch`) and the losses of all so far.
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
        """No epoch follows."""
        if self._epoch is not None:
            self._epoch.end()


#: The task of a fit without callbacks.
NO_CALLBACKS = Task(None, None, {})


def callback_data(X, y=None, sample_weight=None):
    """Return what callbacks see: X, y (X itself where there is none) and the weights."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": X if y is None else y, "metadata": metadata}


def begin_fit_task(estimator, X, y=None, sample_weight=None, **options):
    """Return the task of a fit that begins, and tell the estimator's callbacks; scikit-learn's options for subtasks."""
    if not getattr(estimator, "_skl_callbacks", None):
        return NO_CALLBACKS
    context = estimator._init_callback_context(**options)
    return Task(estimator, context, callback_data(X, y, sample_weight)).begin()


@contextlib.contextmanager
def fit_task(estimator, X, y=None, **options):
    """The body is the fit of an estimator."""
    task = begin_fit_task(estimator, X, y, **options)
    yield task
    task.end(dict)
