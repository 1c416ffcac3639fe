"""Undo of a fit that fails."""

import contextlib

import numpy as np


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Run the body. If it raises anything, KeyboardInterrupt included, restore ``vars(estimator)`` and raise it again.

    A shallow copy is enough, because a fit replaces fitted arrays and never writes to them. One assignment restores it,
    so that a second KeyboardInterrupt finds all attributes or none of them restored.

    The body is the whole fit, with all that its callbacks do: they too may raise an error. Numbers that underflow to 0
    are no error in it, whatever numpy's error state says.
    """
    before = dict(vars(estimator))
    try:
        with np.errstate(under="ignore"):
            yield
    except BaseException:
        estimator.__dict__ = before
        raise
