"""Uses of skae with other tools: each is run, its result is asserted, and doc/uses.md says what came of it.

    python benchmarks/uses [--quick] [--only WORD] [--write]

`--quick` runs what needs no other packages and little time, which the tests do too. `--write` writes the table. A use
whose package is missing is not run. The exit code is 1 if a use fails.
"""

import argparse
import datetime
import os
import pathlib
import re
import sys
import time

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before scipy is imported: for array_api_dispatch

# The files register their uses, in this order.
import pipelines  # noqa: F401, I001
import searches  # noqa: F401
import ensembles  # noqa: F401
import inspection  # noqa: F401
import containers  # noqa: F401
import files  # noqa: F401
import machinery  # noqa: F401
import packages  # noqa: F401
from registry import USES, outcome_of, version_of

import skae

PAGE = pathlib.Path(__file__).parents[2] / "doc" / "uses.md"
BASE = ("numpy", "scipy", "scikit-learn", "pandas", "joblib")
INTRODUCTION = """# Uses with other tools

What skae has been used with, and what came of it. Each row is a small function that asserts that the result is right:
names match, weights count, scores are better than chance, or bits are equal. What is refused is refused by a sentence,
which the table shows. The command makes the table, and runs all of it in {time}:

    python benchmarks/uses --write

{works} of {n} work, {refused} are refused{failed}. ({date}, {versions}.)
"""


def table(outcomes):
    """Return the rows of all groups."""
    text = ""
    for group in dict.fromkeys(each.use.group for each in outcomes):
        text += f"\n## {group}\n\n| use | result |\n|---|---|\n"
        for each in outcomes:
            if each.use.group == group:
                why = f": {shown(each.why)}" if each.why else ""
                text += f"| {each.use.title} | {each.result}{why} |\n"
    return text


def shown(sentence, longest=230):
    """Return a sentence as a cell of a table, cut at a word if it is long."""
    sentence = re.sub(r" at 0x\w+", "", sentence).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
    return sentence if len(sentence) <= longest else sentence[:longest].rsplit(" ", 1)[0] + " ..."


def page(outcomes, seconds):
    """Return the page."""
    counts = {
        result: sum(each.result == result for each in outcomes) for result in ("works", "refused", "fails", "not run")
    }
    failed = "".join(
        f", {counts[name]} {words}" for name, words in (("fails", "fail"), ("not run", "were not run")) if counts[name]
    )
    named = [*BASE, *dict.fromkeys(package for each in outcomes for package in each.use.needs)]
    return INTRODUCTION.format(
        time=f"{seconds:.0f} seconds",
        date=datetime.date.today().isoformat(),
        versions=", ".join(
            [f"skae {skae.__version__}", *(f"{name} {version_of(name)}" for name in named if version_of(name))]
        ),
        works=counts["works"],
        refused=counts["refused"],
        n=len(outcomes),
        failed=failed,
    ) + table(outcomes)


def main():
    """Run the uses, print each, and write the page where asked to."""
    parser = argparse.ArgumentParser(prog="python benchmarks/uses", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only what the tests run")
    parser.add_argument("--only", default="", help="only titles and groups with this word")
    parser.add_argument("--list", action="store_true", help="print the titles alone")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    chosen = [
        each for each in USES if (each.quick or not options.quick) and options.only in f"{each.group} {each.title}"
    ]
    if options.list:
        print(*(each.title for each in chosen), sep="\n")
        return 0
    start, outcomes = time.perf_counter(), []
    for each in chosen:
        outcomes.append(outcome_of(each))
        found = outcomes[-1]
        print(f"{found.seconds:5.1f} s  {found.result:8} {each.title}  {found.why}", flush=True)
    seconds = time.perf_counter() - start
    counts = {name: sum(each.result == name for each in outcomes) for name in ("works", "refused", "fails", "not run")}
    print(f"{len(outcomes)} uses in {seconds:.0f} s:", ", ".join(f"{n} {name}" for name, n in counts.items()))
    if options.write:
        PAGE.write_text(page(outcomes, seconds), encoding="utf-8")
    return int(counts["fails"] > 0)


if __name__ == "__main__":  # spawned processes import this file
    sys.exit(main())
