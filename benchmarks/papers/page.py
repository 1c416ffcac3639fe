"""Write the page "The papers, reproduced" of the documentation from the results of the studies.

    python benchmarks/papers/page.py

Every figure on the page comes from ``results/``. A test compares the page with what this prints.
"""

import collections
import importlib
import inspect

from study import DOES_NOT_HOLD, HERE, HOLDS, IN_PART, NOT_MEASURED, markdown

PAGE = HERE.parent.parent / "doc" / "papers_reproduced.md"
STUDIES = (
    "zae_codes",
    "zae_biases",
    "zae_dots",
    "sparse_fractions",
    "sparse_bounds",
    "sat_plane",
    "sat_filters",
    "energy_fields",
    "energy_mnist",
    "energy_eight",
)
PAPERS = ("ZAE", "SPARSE", "SAT", "ENERGY")
HEAD = """# The papers, reproduced

What [the four papers](papers.md) draw from their figures and tables, and what comes out here. The page is made by
`python benchmarks/papers/page.py` from the files in `benchmarks/papers/results/`; no result on it is typed by hand.
In most tables, a mean of several seeds has its range behind it, and a figure without a range is of one seed, or of
something that has none. Among the claims, a figure without a range may be a mean of seeds too: the tables tell. Where
seeds differ, "better" is the worst seed of one against the best of the other. "Not measured yet" is a study, or a part
of one, that has not run.

A study continues where it was stopped. `--quick` is a run of small models in minutes, `--only` takes the cells whose
text contains something, and `--minutes` ends it. Two runs may share a file, each with a part of the cells (`--only`).
MNIST and CIFAR-10 come from `$SKAE_DATA`, or from OpenML. CIFAR-10 here is recompressed as JPEG. The sets of Larochelle
et al. (2007) are made again by `skae.datasets`: compare models on them with each other, not with the papers' figures.
"""


def main():
    PAGE.write_text(page(), encoding="utf-8")


def page():
    """Return the page."""
    modules = [importlib.import_module(name) for name in STUDIES]
    studies = [module.STUDY for module in modules]
    results = [study.results() for study in studies]
    judged = [study.judged(own) for study, own in zip(studies, results, strict=True)]
    versions = sorted(
        {each.partition(", ")[2] for own in results for each in own.versions() if each.startswith("skae ")}
    )
    parts = [HEAD, f"Measured with {'; '.join(versions)}.\n", summary([each for found in judged for each in found])]
    for module, study, own, found in zip(modules, studies, results, judged, strict=True):
        parts.append(section(study, conditions(module), own, found))
    return "\n".join(parts)


def summary(judged):
    """Return how many claims hold, paper by paper."""
    verdicts = (HOLDS, IN_PART, DOES_NOT_HOLD, NOT_MEASURED)
    lines = [f"| paper | {' | '.join(verdicts)} |", "|---" * (1 + len(verdicts)) + "|"]
    theirs = [each for each in judged if not each[0].text.startswith("(")]
    for paper in PAPERS:
        counts = collections.Counter(verdict for claim, verdict, _ in theirs if claim.where.startswith(paper))
        lines.append(f"| {paper} | {' | '.join(str(counts[verdict]) for verdict in verdicts)} |")
    ours = len(judged) - len(theirs)
    return "\n".join([*lines, "", f"{ours} more claims, in brackets, are our own or repeat one on other data.", ""])


def conditions(module):
    """Return what the text at the head of a study says behind its title and its command."""
    return "\n\n".join(inspect.cleandoc(module.__doc__).split("\n\n")[2:])


def section(study, text, results, judged):
    """Return what the page says of a study."""
    lines = [f"## {study.title}", "", f"`python benchmarks/papers/{study.name}.py`. {measured(study, results)}", ""]
    lines += [text, ""]
    lines += ["| claim | where | verdict | here | there |", "|---|---|---|---|---|"]
    for claim, verdict, ours in judged:
        cells = (claim.text, claim.where, verdict, ours, claim.theirs)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    lines.append("")
    for note in study.notes:
        lines += [f"- {note}"]
    lines += [""] if study.notes else []
    if len(results):
        for table in study.tables(results):
            if any(cell for row in table.rows for cell in row[1:]):
                lines += [f"**{table.title}**", "", markdown(table), ""]
    for name, caption in results.pictures.items():
        lines += [f"![{caption}](../benchmarks/papers/results/{name})", "", f"*{caption}*", ""]
    return "\n".join(lines)


def measured(study, results):
    """Return how much of a study has been measured, in words."""
    cells = list(study.cells(False, results))
    done = sum(cell in results for cell in cells)
    if not done:
        return f"None of {len(cells)} cells."
    seconds, unknown = results.seconds()
    unit, size = next(
        (each for each in (("hours", 3600.0), ("minutes", 60.0)) if seconds > 2 * each[1]), ("seconds", 1)
    )
    time = f"{seconds / size:.{int(unit == 'hours')}f} {unit}"
    text = f"{done} of {len(cells)} cells, {time} of computing"
    return text + (f", without {unknown} cells whose time was not kept." if unknown else ".")


if __name__ == "__main__":
    main()
