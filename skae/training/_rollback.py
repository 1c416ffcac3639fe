"""Undo of a fit that fails."""

import contextlib


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Run the body. If it raises anything, KeyboardInterrupt included, restore ``vars(estimator)`` and raise it again.

    A shallow copy is enough, because a fit replaces fitted arrays and never writes to them. One assignment restores it,
    so that a second KeyboardInterrupt finds all attributes or none of them restored.

    The body is the whole fit, with all that its callbacks do: they too may raise an error.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        estimator.__dict__ = before
        raise
