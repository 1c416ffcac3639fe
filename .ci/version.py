"""Check that all files name the same version, or write a new one into them.

    python .ci/version.py                # print the version; an error says which files differ
    python .ci/version.py --tag v0.1.0   # the same before a release: the tag has to name that version
    python .ci/version.py 0.1.0          # write a version that is released today
    python .ci/version.py 0.2.0.dev0     # write the version that is worked on after it

A version with ".dev" is not released. It has no date; the changelog calls it "unreleased".
"""

import argparse
import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LITERAL = "skae/_version.py", r'^__version__ = "(.+)"$'
RECIPE = ".ci/conda/recipe.yaml", r'^  version: "(.+)"$'
CITATION = "CITATION.cff", r"^version: (.+)$"
RELEASED = "CITATION.cff", r"^date-released: (.+)$"
HEADING = "doc/changelog.md", r"^## (\S+ \(.+\))$"
UNRELEASED = "unreleased"
VERSION = re.compile(r"\d+(\.\d+)+((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?")  # as the package index spells them


def read(entry, root=ROOT):
    """Return what a file says; None where it says nothing."""
    path, pattern = entry
    found = re.search(pattern, (root / path).read_text(encoding="utf-8"), re.MULTILINE)
    return found and found[1]


def write(entry, value, root=ROOT):
    """Put a value in the place of what a file says."""
    path, pattern = entry
    text = (root / path).read_text(encoding="utf-8")
    found = re.search(pattern, text, re.MULTILINE)
    write_whole(root / path, text[: found.start(1)] + value + text[found.end(1) :])


def write_whole(path, text):
    """Write a file, or leave it as it is: a full disk does not cut it short."""
    partial = path.with_name(f"{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def heading(version, date):
    """Return the heading of a version in the changelog."""
    return f"{version.partition('.dev')[0]} ({date or UNRELEASED})"


def gives_way(old, new):
    """Return whether a new heading takes the place of an old one. What was released keeps its heading."""
    (old, date), new = old.split(), new.split()[0]
    candidate = re.fullmatch(r"(.+\d)(a|b|rc)\d+", old)
    same = old == new or (candidate and candidate[1] == re.sub(r"(a|b|rc)\d+$", "", new))
    return date == f"({UNRELEASED})" or bool(same)


def problems(tag=None, root=ROOT):
    """Return sentences on what does not agree with the version of the code."""
    version, date = read(LITERAL, root), read(RELEASED, root)
    expected = {CITATION: version, RECIPE: version, HEADING: heading(version, date)}
    found = [
        f"{entry[0]} says {said!r}, and {LITERAL[0]} asks for {value!r}"
        for entry, value in expected.items()
        if (said := read(entry, root)) != value
    ]
    if (".dev" in version) == bool(date):
        found.append(f"{RELEASED[0]} has {'a' if date else 'no'} date-released, and the version is {version!r}")
    if tag is not None and tag != f"v{version}":
        found.append(f"the tag is {tag!r}, and {LITERAL[0]} asks for 'v{version}'")
    if tag is not None and ".dev" in version:
        found.append(f"{version!r} is not a version to release")
    return found


def set_version(version, date, root=ROOT):
    """Write a version into all files; `date` is None for a version that is not released."""
    for entry in (LITERAL, CITATION, RECIPE):
        write(entry, version, root)
    path = root / CITATION[0]
    lines = re.sub(RELEASED[1] + r"\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    dated = f"version: {version}\n" + (f"date-released: {date}\n" if date else "")
    write_whole(path, lines.replace(f"version: {version}\n", dated, 1))
    new, old = heading(version, date), read(HEADING, root)
    write(HEADING, new if gives_way(old, new) else f"{new}\n\n## {old}", root)


def main(arguments=None):
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", help="write this version into the files")
    parser.add_argument("--tag", help="the tag of the release")
    options = parser.parse_args(arguments)
    if options.version:
        if not VERSION.fullmatch(options.version):
            parser.error(f"a version looks like 0.1.0, 0.1.0rc1, 0.1.0.post1 or 0.2.0.dev0, got {options.version!r}")
        released = ".dev" not in options.version
        set_version(options.version, datetime.date.today().isoformat() if released else None)
    found = problems(options.tag)
    print(*found or [read(LITERAL)], sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
