"""What the studies of the papers share: cells that are measured once, the file that keeps them, and the claims.

A study is a module of this folder that makes one `Study`. Its *cells* are what is to be measured, each a dict of plain
values. What a cell gave is kept in ``results/NAME.json``, so that a study can be stopped and continued. A *claim* is
what a paper draws from a figure or a table; it is judged by the cells.
"""

import argparse
import contextlib
import copy
import dataclasses
import json
import os
import pathlib
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import sklearn

import skae

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent))  # for the data

HOLDS, IN_PART, DOES_NOT_HOLD, NOT_MEASURED = "holds", "holds in part", "does not hold here", "not measured yet"


class NotMeasuredError(Exception):
    """Cells are missing."""


class BrokenResultsError(SystemExit):
    """A file holds no results. It ends a command with a sentence."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of a paper.

    Parameters
    ----------
    where : str
        Paper and place, such as "ZAE figure 4".
    text : str
        What it says.
    theirs : str
        The paper's figures, or "" where it prints none.
    judge : callable
        ``judge(results)`` returns a verdict and our figures as text. Where cells are missing, it raises
        NotMeasuredError.
    """

    where: str
    text: str
    theirs: str
    judge: Callable[["Results"], tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table for the page: a title, the names of the columns, and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


class Results:
    """What the cells of a study gave, kept in a file."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        #: Captions of pictures, by the names of their files.
        self._lines, self.pictures = self._kept()

    def _kept(self):
        """Return what the file has: lines by the keys of their cells, and captions."""
        if not self.path.exists():
            return {}, {}
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            return {_key(line["cell"]): line for line in kept["cells"]}, dict(kept.get("pictures", {}))
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenResultsError(
                f"{self.path} holds no results ({error!r}): restore it, or delete it to start anew"
            ) from None

    def of(self, cells: Iterable[dict]) -> "Results":
        """Return the results of these cells, to be read."""
        found = copy.copy(self)
        keys = {_key(cell) for cell in cells}
        found._lines = {key: line for key, line in self._lines.items() if key in keys}
        return found

    def __contains__(self, cell: dict) -> bool:
        return _key(cell) in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, cell: dict, values: dict, seconds: float) -> None:
        """Keep what a cell gave."""
        self._lines[_key(cell)] = {
            "cell": cell,
            "values": {name: _rounded(value) for name, value in values.items()},
            "seconds": round(seconds, 1),
            "versions": _versions(),
        }
        with self._alone():
            lines, self.pictures = self._kept_or_aside()
            self._write(lines)

    def keep_pictures(self, captions: dict[str, str]) -> None:
        """Keep which pictures there are, with their captions."""
        with self._alone():
            lines, _ = self._kept_or_aside()
            self.pictures = captions
            self._write(lines)

    @contextlib.contextmanager
    def _alone(self):
        """Let no other run of the study read and replace the file in the body, where the system has such locks."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _kept_or_aside(self):
        """Return what the file has. One that was broken meanwhile is put aside: what has just been measured is kept."""
        try:
            return self._kept()
        except BrokenResultsError:
            aside = self.path.with_suffix(".broken")
            os.replace(self.path, aside)
            print(f"{self.path} was broken by something else, and is now {aside}", flush=True)
            return {}, self.pictures

    def _write(self, lines):
        """Replace the file in one step, so that it is whole whenever a study is stopped.

        What another run of the study has added meanwhile stays.
        """
        self._lines = {**lines, **self._lines}
        text = ",\n".join(json.dumps(line) for line in self._lines.values())
        partial = self.path.with_suffix(".partial")
        partial.write_text(f'{{"pictures": {json.dumps(self.pictures)},\n"cells": [\n{text}\n]}}\n', encoding="utf-8")
        os.replace(partial, self.path)

    def lines(self, **where: Any) -> list[dict]:
        """Return cell and values, as one dict, of the cells that have these values."""
        found = [{**line["cell"], **line["values"]} for line in self._lines.values()]
        return [line for line in found if all(line.get(name) == value for name, value in where.items())]

    def values(self, name: str, **where: Any) -> np.ndarray:
        """Return one value of the cells that have these values, in the order of their seeds, at least one."""
        found = [line for line in self.lines(**where) if name in line]
        if not found:
            raise NotMeasuredError(f"no cell of {where} has {name}")
        return np.array([line[name] for line in sorted(found, key=lambda line: line.get("seed", 0))], dtype=float)

    def mean(self, name: str, **where: Any) -> float:
        """Return the mean of `values`."""
        return float(self.values(name, **where).mean())

    def text(self, name: str, digits: int = 1, scale: float = 100.0, **where: Any) -> str:
        """Return the mean and the range of `values` as text for a table, "" if there are none."""
        try:
            return spread(self.values(name, **where), digits, scale, "")
        except NotMeasuredError:
            return ""

    def seconds(self, **where: Any) -> tuple[float, int]:
        """Return how long the cells that have these values took, and of how many this was not kept."""
        lines = [line for line in self._lines.values() if all(line["cell"].get(k) == v for k, v in where.items())]
        seconds = [line["seconds"] for line in lines]
        return sum(each for each in seconds if each is not None), seconds.count(None)

    def versions(self) -> list[str]:
        """Return the versions with which cells were measured."""
        return sorted({line["versions"] for line in self._lines.values()})


@dataclasses.dataclass(frozen=True)
class Study:
    """A study.

    Parameters
    ----------
    name : str
        Name of the module and of the file of results.
    title : str
        Heading on the page.
    cells : callable
        ``cells(quick, results)`` returns the cells. Those of a quick run differ from the others in what they say. Some
        may follow from results of others.
    measure : callable
        ``measure(**cell)`` returns a dict of numbers and lists of numbers.
    claims : sequence of Claim
        What is judged.
    tables : callable
        ``tables(results)`` returns tables for the page.
    draw : callable or None
        ``draw(results, folder, quick)`` saves pictures NAME*.png by `save`, and returns a dict of their file names and
        captions. A picture that takes fits is drawn only where it is not there.
    notes : sequence of str
        Paragraphs for the page: what the tables do not say.
    """

    name: str
    title: str
    cells: Callable[[bool, Results], Iterable[dict]]
    measure: Callable[..., dict]
    claims: tuple[Claim, ...] = ()
    tables: Callable[[Results], list[Table]] = lambda results: []
    draw: Callable[[Results, pathlib.Path, bool], dict[str, str]] | None = None
    notes: tuple[str, ...] = ()

    def results(self, folder: pathlib.Path = HERE / "results", quick: bool = False) -> Results:
        """Return what the file in a folder has of the cells of the study."""
        kept = Results(folder / f"{self.name}.json")
        return kept.of(self.cells(quick, kept))

    def run(self, quick: bool, folder: pathlib.Path, only: str = "", minutes: float = float("inf")) -> None:
        """Measure the cells that the file does not have; start none after so many minutes."""
        results, end = Results(folder / f"{self.name}.json"), time.monotonic() + 60.0 * minutes
        cells = list(self.cells(quick, results))
        if not any(only in _text(cell) for cell in cells):
            raise SystemExit(f"no cell of {self.name} contains {only!r}; one is: {_text(cells[0])}")
        while todo := [cell for cell in self.cells(quick, results) if cell not in results and only in _text(cell)]:
            for number, cell in enumerate(todo, 1):
                if cell in results:  # another run has measured it meanwhile
                    continue
                if not time.monotonic() < end:  # or it is no number
                    print(f"{len(todo) - number + 1} cells are left", flush=True)
                    return
                start = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of fits that have not converged: the study says their length
                    values = self.measure(**cell)
                results.add(cell, values, time.process_time() - start)
                numbers = {name: value for name, value in values.items() if not isinstance(value, list)}
                print(f"{number}/{len(todo)}: {_text(cell)}: {_text(numbers)}", flush=True)

    def main(self, description: str) -> None:
        """Run from the command line."""
        parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--quick", action="store_true", help="small models, to see that it runs, in minutes")
        parser.add_argument("--output", type=pathlib.Path, help="folder of the results (results/, beside the studies)")
        parser.add_argument("--only", default="", help="cells whose text contains this")
        parser.add_argument("--minutes", type=float, default=float("inf"), help="start no cell after so many minutes")
        options = parser.parse_args()
        folder = options.output or HERE / ("quick" if options.quick else "results")
        if folder.exists() and not folder.is_dir():
            parser.error(f"--output must be a folder, and {folder} is a file")
        if options.quick and folder.resolve() == HERE / "results":
            parser.error("the results of a quick run go into another folder than those of the full one")
        print(_versions(), flush=True)
        self.run(options.quick, folder, options.only, options.minutes)
        results = self.results(folder, options.quick)
        for table in self.tables(results):
            print(f"\n{table.title}\n\n{markdown(table)}")
        for claim, verdict, ours in self.judged(results):
            print(f"\n{claim.where}: {claim.text}\n  {verdict}: {ours}")
        if self.draw is not None and len(results):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of fits for pictures, as above
                results.keep_pictures(self.draw(results, folder, options.quick))

    def judged(self, results: Results) -> list[tuple[Claim, str, str]]:
        """Return each claim with a verdict and our figures."""
        found = []
        for claim in self.claims:
            try:
                found.append((claim, *claim.judge(results)))
            except NotMeasuredError:
                found.append((claim, NOT_MEASURED, ""))
        return found


def save(figure: Any, path: pathlib.Path, dpi: int = 70, colours: int | None = None) -> None:
    """Save a picture in one step, so that it is whole if it is there, and close it; `colours` makes it smaller."""
    import matplotlib.pyplot as plt

    partial = path.with_suffix(".partial")
    figure.savefig(partial, dpi=dpi, format="png")
    plt.close(figure)
    if colours is not None:
        from PIL import Image

        Image.open(partial).convert("RGB").quantize(colours).save(partial, format="png")
    os.replace(partial, path)


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: np.ndarray, digits: int = 1, scale: float = 100.0, unit: str = " %") -> str:
    """Return the mean of values of seeds, and their range if there are several."""
    values = scale * np.asarray(values)
    text = f"{values.mean():.{digits}f}"
    if len(values) > 1:
        text += f" ({values.min():.{digits}f} to {values.max():.{digits}f})"
    return text + unit


def verdict(*conditions: bool) -> str:
    """Return the verdict where all, some or none of the conditions hold."""
    return HOLDS if all(conditions) else IN_PART if any(conditions) else DOES_NOT_HOLD


def _key(cell):
    return json.dumps(cell, sort_keys=True)


def _text(values):
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )


def _rounded(value):
    """Return a number, or a list of numbers, to five digits."""
    if isinstance(value, list | tuple | np.ndarray):
        return [_rounded(each) for each in value]
    if isinstance(value, bool | str | int | np.integer) or value is None:
        return int(value) if isinstance(value, np.integer) else value
    return float(f"{value:.5g}")


def _versions():
    return (
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
