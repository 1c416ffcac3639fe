"""Warnings at the user's line, and limits on the number of rows."""

import contextlib
import sys
import warnings

from skae._validation import names_checked
from skae.training._threads import alone

# With fewer rows than this, `partial_fit` does not warn of dead units: a unit that is active on 5 % of all rows is
# silent on 10 rows with probability 0.6.
_FEW_ROWS = 50


def too_many_dead(share, n_rows, partial):
    """Return whether a share of dead units deserves a warning after a fit, or a `partial_fit`, of that many rows."""
    return share > 0.5 and not (partial and n_rows < _FEW_ROWS)


def too_many_units(n_units, n_rows):
    """Return a sentence if there are more than two units for each row, else None.

    The energies of training rows and of new rows then differ: every detector of benchmarks/wide.py flags at least twice
    as many new normal rows as it should. Reconstructions of new rows seldom suffer, so only estimators that compare
    energies warn.
    """
    if n_units <= 2 * n_rows:
        return None
    return f"{n_units} units were fitted to {n_rows:.0f} rows, whose energies say little about those of new rows"


@contextlib.contextmanager
def quiet(message="", category=Warning):
    """Ignore the warnings of the body that begin with `message`, a regular expression.

    Filters of warnings apply to the whole process, so none is set where another thread might set one (see `alone`).
    There, the warnings are seen.
    """
    if not alone():
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield


@contextlib.contextmanager
def names_compared():
    """Let steps that know names take arrays in the body without a warning: the names have been compared before.

    skae's steps look at no names then. Those of others warn beside another thread, as in `quiet`.
    """
    with names_checked(), quiet("X does not have valid feature names"):
        yield


# Beginnings of the names of the modules whose lines are not the user's.
_BETWEEN = ("skae.", "sklearn.", "joblib.", "contextlib")


def warn(text, category=UserWarning):
    """Warn at the user's line: the innermost one outside skae and what stands between it and the user."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
