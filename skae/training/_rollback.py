"""An estimator that is as it was after an error."""

import contextlib


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Leave ``vars(estimator)`` as it was if the body raises anything, KeyboardInterrupt included.

    Fitted arrays are replaced, never written to, so a shallow copy suffices.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
