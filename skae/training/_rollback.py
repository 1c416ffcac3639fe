"""Undo of a fit that fails."""

import contextlib


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Run the body. If it raises anything, KeyboardInterrupt included, restore ``vars(estimator)`` and raise it again.

    A shallow copy is enough, because a fit replaces fitted arrays and never writes to them.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
