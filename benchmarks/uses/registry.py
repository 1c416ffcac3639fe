"""The uses by group: small functions that assert that a result is right, and return what is refused."""

import dataclasses
import importlib.metadata
import re
import sys
import time
import warnings
from collections.abc import Callable

#: Every use, in the order of the files.
USES = []


@dataclasses.dataclass(frozen=True)
class Use:
    """A use of skae with something else.

    Attributes
    ----------
    group : str
        Title of its file.
    title : str
        What is used, in one line.
    function : callable
        Asserts that the result is right. It returns None, or the sentence that refuses the use.
    needs : tuple of str
        Packages that it needs beyond those of skae.
    quick : bool
        Whether the tests run it.
    """

    group: str
    title: str
    function: Callable
    needs: tuple
    quick: bool


def use(*needs, quick=False):
    """Register a function whose docstring is the title of its row."""

    def register(function):
        group = sys.modules[function.__module__].__doc__.strip().rstrip(".")
        USES.append(Use(group, function.__doc__.strip().rstrip("."), function, needs, quick))
        return function

    return register


def refusal(call, expected, error=(ValueError, TypeError, AttributeError)):
    """Call a function, assert that it raises an error with the expected sentence, and return the sentence."""
    try:
        call()
    except error as raised:
        sentence = str(raised).strip().split("\n")[0]
        if not re.search(expected, str(raised)):
            raise AssertionError(f"refused by {sentence!r}, not by {expected!r}") from raised
        return sentence
    raise AssertionError(f"not refused: {expected!r} was expected")


def version_of(package):
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a use: "works", "refused", "fails" or "not run", why, and how long it took."""

    use: Use
    result: str
    why: str
    seconds: float


def outcome_of(use):
    """Run a use; any error is a failure."""
    missing = [package for package in use.needs if version_of(package) is None]
    if missing:
        return Outcome(use, "not run", f"package missing: {', '.join(missing)}", 0.0)
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sentence = use.function()
        result, why = ("works", "") if sentence is None else ("refused", sentence)
    except Exception as error:
        result, why = "fails", f"{type(error).__name__}: {str(error).strip()}".split("\n")[0]
    return Outcome(use, result, why, time.perf_counter() - start)
