"""scikit-learn's callbacks: one task an epoch, or one a fit."""

import contextlib


class EpochTasks:
    """Tell an estimator's callbacks of the epochs of one fit, each a task below that of `fit`.

    Between the beginning of the fit and its end an epoch has always begun; the last one may be empty.

    Parameters
    ----------
    estimator : estimator
        With callbacks: see `tasks_of`.
    """

    def __init__(self, estimator):
        self._estimator, self._task = estimator, None
        #: Whether a callback has asked to stop.
        self.stopped = False
        self._fit = estimator._init_callback_context(max_subtasks=estimator.max_iter)

    def begin(self, X, y, sample_weight):
        """The fit begins, on these rows; without y the target is X itself."""
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._data = {"X": X, "y": X if y is None else y, "metadata": metadata}
        self._fit.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        self._begin_epoch()

    def end_epoch(self, number, attributes):
        """An epoch has ended, with fitted attributes that a function returns; return whether to stop."""
        asked = self._task.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes=attributes
        )
        self._task, self.stopped = None, self.stopped or asked
        if not self.stopped and number < self._estimator.max_iter:
            self._begin_epoch()
        return self.stopped

    def end(self):
        """The fit has ended."""
        if self._task is not None:
            self._task.call_on_fit_task_end(estimator=self._estimator, **self._data)
        self._fit.call_on_fit_task_end(estimator=self._estimator, **self._data, reconstruction_attributes=dict)

    def _begin_epoch(self):
        self._task = self._fit.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(estimator=self._estimator, **self._data)


def tasks_of(estimator):
    """Return the tasks of a fit that begins, or None where there is no callback to tell."""
    return EpochTasks(estimator) if getattr(estimator, "_skl_callbacks", None) else None


@contextlib.contextmanager
def fit_task(estimator, X, y=None):
    """The fit of an estimator without epochs, as one task for its callbacks, if it has some."""
    if not getattr(estimator, "_skl_callbacks", None):
        yield
        return
    task, data = estimator._init_callback_context(), {"X": X, "y": X if y is None else y}
    task.call_on_fit_task_begin(estimator=estimator, **data)
    yield
    task.call_on_fit_task_end(estimator=estimator, **data, reconstruction_attributes=dict)
