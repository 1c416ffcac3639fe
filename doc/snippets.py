"""Run the Python blocks of Markdown pages, and compare what they print with what the pages say.

All ```python blocks of one page run in order, in one namespace. What is printed is compared where the page says it: in
a comment at the end of a line, ``print(x)  # 0.95, and words that go on``, or in a ```text block that follows. Numbers
may differ by 0.02, or by a fifth where they are below 0.1; whole numbers and text must agree. A block after
``<!-- not run: reason -->`` is not run, one after ``<!-- needs: sklearn.callback rich -->`` where these are installed.
"""

import ast
import contextlib
import dataclasses
import importlib.util
import io
import os
import re
import shutil
import tempfile
from pathlib import Path

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run|needs): (?P<what>[^>]+) -->\n+)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
_OUTPUT = re.compile(r"\s*```text\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# What would be Python, and is not found as such.
_STRANGE = re.compile(
    r"^(?:[ \t]+```[ \t]*python|[ \t]*(?:```+|~~~+)[ \t]*(?:py|pycon|python3|ipython)\b|[ \t]*~~~+[ \t]*python)",
    re.MULTILINE,
)
_TOKEN = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?|\w+|[^\w\s]")
_DECIMAL = re.compile(r"-?\d+(\.\d*(e[-+]?\d+)?|e[-+]?\d+)")
#: Where `draw` puts pictures, in the folder of the documentation.
PICTURES = "pictures"
_PICTURE = re.compile(rf"^!\[.*\]\([./]*{PICTURES}/([\w-]+\.png)\)$", re.MULTILINE)


@dataclasses.dataclass
class Block:
    """A Python block of a page.

    Attributes
    ----------
    line : int
        Of the page, where the code begins.
    code : str
        The code.
    output : str or None
        What the page says that it prints.
    runs : bool
        Whether it is to run.
    """

    line: int
    code: str
    output: str | None
    runs: bool


def blocks_of(text):
    """Return the Python blocks of a page; refuse fences that would be taken for none."""
    strange = _STRANGE.search(text)
    if strange:
        raise ValueError(f"line {text.count(chr(10), 0, strange.start()) + 1}: a Python block begins with ```python")
    blocks = []
    for match in _BLOCK.finditer(text):
        output = _OUTPUT.match(text, match.end())
        line = text.count("\n", 0, match.start("code")) + 1
        runs = match["mark"] is None or (match["mark"] == "needs" and all(map(_installed, match["what"].split())))
        blocks.append(Block(line, match["code"], output and output["text"], runs))
    return blocks


def _installed(module):
    return importlib.util.find_spec(module) is not None


def run(path, folder):
    """Run the blocks of the page `path` in `folder`; AssertionError where the page says something else."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    namespace, blocks = {"__name__": "__main__"}, blocks_of(Path(path).read_text(encoding="utf-8"))
    with contextlib.chdir(folder):
        for block in blocks:
            if block.runs:
                _run_block(block, path, namespace)
    pyplot.close("all")


def _run_block(block, path, namespace):
    """Run a block statement by statement."""
    lines, printed = block.code.split("\n"), ""
    for statement in ast.parse(block.code).body:
        first, last = lines[statement.lineno - 1], lines[statement.end_lineno - 1]
        where = f"{path}:{block.line + statement.lineno - 1}"
        tree = ast.increment_lineno(ast.Module([statement], []), block.line - 1)
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(compile(tree, str(path), "exec"), namespace)
        output, comment = stream.getvalue(), last.partition("  # ")[2]
        printed += output
        if comment and first.startswith("print("):
            assert agree(output, comment, whole=False), f"{where} printed {output.strip()!r}, the page says {comment!r}"
    if block.output is not None:
        where = f"{path}:{block.line}"
        assert agree(printed, block.output), f"{where} printed\n{printed}\nthe page says\n{block.output}"


def agree(printed, said, whole=True):
    """Whether what was printed agrees with what a page says, or begins to say, but for the last digits of numbers."""
    printed, said = _TOKEN.findall(printed), _TOKEN.findall(said)
    if not printed or (whole and len(printed) != len(said)):
        return False
    return len(printed) <= len(said) and all(map(_same, printed, said))


def _same(got, said):
    """Whether two numbers are about the same, or two words the same."""
    if got == said or not (_DECIMAL.fullmatch(got) and _DECIMAL.fullmatch(said)):
        return got == said
    expected = float(said)
    tolerance = 0.02 * max(1.0, abs(expected)) if abs(expected) >= 0.1 else 0.2 * abs(expected)
    return abs(float(got) - expected) <= tolerance


def pages(folder):
    """Return the Markdown pages of the documentation, sorted."""
    return sorted(path for path in Path(folder).rglob("*.md") if "_build" not in path.parts)


def draw(folder):
    """Run the pages that show pictures that their own code saves, and put these pictures where the pages find them."""
    folder = Path(folder).resolve()
    for page in pages(folder):
        text = page.read_text(encoding="utf-8")
        wanted = [folder / PICTURES / name for name in _PICTURE.findall(text)]
        newest = page.stat().st_mtime
        if not wanted or all(path.exists() and path.stat().st_mtime > newest for path in wanted):
            continue
        (folder / PICTURES).mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:  # a file may be mapped still
            run(page, scratch)
            for path in wanted:
                shutil.copy(os.path.join(scratch, path.name), path)
