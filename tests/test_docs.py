"""The documentation is true: its code runs, its names and links exist, nothing public is left out."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

import skae

ROOT = Path(__file__).parents[1]
DOC = ROOT / "doc"
if not DOC.is_dir():
    pytest.skip("the documentation is not here", allow_module_level=True)

sys.path.insert(0, str(DOC))
import api_pages  # noqa: E402
import check_links  # noqa: E402
import snippets  # noqa: E402

PAGES = [ROOT / "README.md", *(page for page in snippets.pages(DOC) if not page.is_relative_to(DOC / "examples"))]

# What has an Examples section of its own: all public names but those of the modules inside, which are documented for
# who extends skae, and shown at work in doc/extending.md.
INSIDE = ("skae.objectives", "skae.parameters", "skae.visible")
MODULES = api_pages.modules()
NAMES = [
    f"{module}.{name}"
    for module in MODULES
    for name in api_pages.public_names(module)
    if callable(getattr(importlib.import_module(module), name))
]

# What numpydoc finds and we do on purpose.
ALLOWED = {
    "GL01": "the summary stands in the first line",
    "SA01": "a See Also section stands where there is something to see",
    "ES01": "a summary that says all needs no more",
    "EX01": "a class's example shows its methods; names have one, tested below",
    "RT02": "scikit-learn's style: `self : object`",
    "SS02": "the formula comes first, and its letters are small: `h(u) = u.`",
    "PR08": "letters of the papers are small",
    "RT04": "so are names of columns",
}
# Elementwise methods, update rules and the like do what the base class says, with the base class's parameters, and so
# do callbacks, whose base is scikit-learn's protocol; the modules inside describe theirs together.
OF_A_CONTRACT = {"PR01", "PR03", "PR04", "RT01", "RT03"}
CONTRACTS = (
    "skae.activations",
    "skae.callbacks",
    "skae.penalties",
    "skae.corruption",
    "skae.solvers",
    "skae.complements",
    *INSIDE,
)


def resolve(name):
    """The object of a dotted name; AttributeError or ImportError where there is none."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


def methods_of(name):
    """Names of the public methods that a class of skae defines or inherits from skae."""
    cls = resolve(name)
    if not inspect.isclass(cls):
        return []
    own = {
        key
        for base in cls.__mro__
        if base.__module__.startswith("skae")
        for key, value in vars(base).items()
        if not key.startswith("_") and inspect.isroutine(inspect.unwrap(getattr(value, "__func__", value)))
    }
    return [f"{name}.{key}" for key in sorted(own)]


# Code blocks


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_blocks_run(page, tmp_path):
    """The Python blocks of a page run in order, without a warning, and print what the page says."""
    if not snippets.blocks_of(page.read_text(encoding="utf-8")):
        pytest.skip("no Python block")
    pytest.importorskip("matplotlib")
    snippets.run(page, tmp_path)


@pytest.mark.parametrize(
    ("printed", "said", "whole", "agree"),
    [
        ("0.951", "0.96", True, True),
        ("0.951", "0.90", True, False),
        ("0.951", "0.951, on raw pixels 0.915", False, True),
        ("{'alpha': 0.03}", "{'alpha': 0.1}", True, False),
        ("(1797, 64)", "(1797, 65)", True, False),
        ("True", "True: of pixels", False, True),
        ("False", "True", True, False),
        ("1.0 2.0", "1.0", False, False),
        ("", "0.5", True, False),
        ("", "0.5", False, False),
    ],
)
def test_comparison_of_output(printed, said, whole, agree):
    """Small differences of numbers pass; others, and words, do not."""
    assert snippets.agree(printed, said, whole) is agree


def test_a_page_that_says_something_else_fails(tmp_path):
    """The runner compares comments and text blocks, and leaves out what is marked."""
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: a reason -->\n```python\n1 / 0\n```\n\n```python\nx = 2\nprint(x)  # 2, or so\n```\n"
    )
    snippets.run(page, tmp_path)
    page.write_text("```python\nprint(1)  # 2\n```\n")
    with pytest.raises(AssertionError, match=r"page.md:2 printed '1', the page says '2'"):
        snippets.run(page, tmp_path)
    page.write_text("```python\nprint('a')\n```\n\n```text\nb\n```\n")
    with pytest.raises(AssertionError, match="the page says"):
        snippets.run(page, tmp_path)


@pytest.mark.parametrize("fence", ["```py", "```pycon", "~~~python", "~~~~", "    ```python", "``` python3"])
def test_other_fences_are_refused(fence):
    """What looks like Python is not left out in silence."""
    text = f"words\n\n{fence}\n1\n"
    if fence == "~~~~":
        assert snippets.blocks_of(text) == []
    else:
        with pytest.raises(ValueError, match="line 3: a Python block begins with ```python"):
            snippets.blocks_of(text)


# Docstrings


@pytest.mark.parametrize("name", NAMES)
def test_numpydoc(name):
    """numpydoc's validation passes for a public name and its public methods."""
    validate = pytest.importorskip("numpydoc.validate").validate
    allowed = set(ALLOWED)
    if name.rpartition(".")[2].startswith("register_"):
        allowed.add("PR02")  # a method of the registry: numpydoc takes its parameter `cls` for the bound one
    if resolve(name) is skae.regularization_path:
        allowed.add("RT01")  # returns a generator: it has Yields
    if name.startswith(INSIDE):
        allowed |= OF_A_CONTRACT
    found = [(name, *error) for error in validate(name)["errors"] if error[0] not in allowed]
    if name.startswith(CONTRACTS):
        allowed |= OF_A_CONTRACT
    for method in methods_of(name):
        found += [(method, *error) for error in validate(method)["errors"] if error[0] not in allowed]
    assert not found


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(INSIDE)])
def test_every_public_name_has_an_example(name):
    """The docstring of a public name has an Examples section, which runs as a doctest."""
    documentation = inspect.getdoc(resolve(name)) or ""
    assert re.search(r"^Examples\n-+\n(.*\n)*>>> ", documentation, re.MULTILINE), name


# Names and links


def test_api_pages_have_every_public_name():
    """Each name of each `__all__` stands on the page of its module, and each module in the index."""
    for module in MODULES:
        text = api_pages.page(module)
        for name in importlib.import_module(module).__all__:
            assert name.startswith("__") or re.search(rf"^(   |\.\. autodata:: ){name}$", text, re.MULTILINE), name


def test_api_pages_refuse_a_module_without_title(monkeypatch):
    """A new public module cannot be forgotten."""
    monkeypatch.delitem(api_pages.TITLES, "skae.metrics")
    with pytest.raises(ValueError, match=r"no title for skae\.metrics"):
        api_pages.modules()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_in_pages_exist(page):
    """What a page calls `skae.…` or `skae/….py` exists, private symbols of the papers' page too."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(r"skae(\.\w+)+", code):
            resolve(code)
        elif re.fullmatch(r"(skae|tests|benchmarks|doc)/(?!_build)[\w/.]*", code):
            assert (ROOT / code).exists(), code


def test_papers_have_every_equation():
    """Each numbered equation of the papers has a row."""
    text = (DOC / "papers.md").read_text(encoding="utf-8")
    for paper, last in (("ENERGY", 51), ("ZAE", 7), ("SPARSE", 14), ("SAT", 3)):
        section = text.partition(f"\n## {paper}\n")[2].partition("\n## ")[0]
        numbers = set()
        for cell in re.findall(r"^\| ([\d, -]+) \|", section, re.MULTILINE):
            for part in cell.split(","):
                first, _, end = part.partition("-")
                numbers.update(range(int(first), int(end or first) + 1))
        assert numbers.issuperset(range(1, last + 1)), (paper, sorted(set(range(1, last + 1)) - numbers))


def anchors_of(page):
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages(page):
    """Links and pictures of the Markdown sources lead to pages, examples and pictures that there are or will be."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.relative_to(DOC).parts if target.is_relative_to(DOC) else ()
        if inside[:1] == ("api",):
            assert inside[1:] == ("index.rst",) or ".".join(inside[1:]).removesuffix(".rst") in MODULES, link
        elif inside[:1] == ("examples",):
            name = re.sub(r"sphx_glr_(plot_\w+)_\d+", r"\1", target.stem)
            assert name == "index" or (DOC / "gallery" / f"{name}.py").exists(), link
        elif inside[:1] == (snippets.PICTURES,):
            assert re.search(rf"savefig\(\"{target.name}\"\)", page.read_text(encoding="utf-8")), link
        else:
            assert target.exists(), link
            assert not anchor or anchor in anchors_of(target), link


def test_check_links_finds_what_is_broken(tmp_path, capsys):
    """Links, anchors and images that lead nowhere are listed; others are not."""
    (tmp_path / "a.html").write_text('<a href="b.html#x">b</a> <a href="https://example.org">c</a> <img src="d.png">')
    (tmp_path / "b.html").write_text('<p id="y"></p> <a href="a.html">a</a> <a href="#y">y</a>')
    assert check_links.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == "a.html: b.html#x\na.html: d.png\n2 pages, 2 broken links\n"


# Docstrings of the autoencoders, which are complete in the source


AUTOENCODERS = [getattr(skae, name) for name in skae.__all__ if name.endswith("Autoencoder")]


def sections_of(cls):
    """Parameters and attributes of a class, by name, as its docstring has them."""
    from numpydoc.docscrape import ClassDoc

    doc = ClassDoc(cls)
    return {name: (kind, tuple(text)) for part in ("Parameters", "Attributes") for name, kind, text in doc[part]}


# What a class has in common with the others by name, and says in its own words.
OWN_WORDS = {
    "SaturatingAutoencoder": {"activation", "alpha", "max_iter", "tied_weights", "weight_constraint"},
    "ZeroBiasAutoencoder": {
        *("activation", "threshold", "encoding", "init", "l2", "visible", "max_iter", "learning_rate_init"),
    },
    "MarginalizedDenoisingAutoencoder": {"visible"},
    "DenoisingAutoencoder": {"learning_rate_init"},
}


@pytest.mark.parametrize("cls", AUTOENCODERS, ids=lambda cls: cls.__name__)
def test_shared_paragraphs_are_the_same(cls):
    """What autoencoders share is described in the same words, but for what a class has of its own."""
    pytest.importorskip("numpydoc")
    shared, own = sections_of(skae.ContractiveAutoencoder), sections_of(cls)
    names = set(shared) & set(own) - {"alpha", "penalty"} - OWN_WORDS.get(cls.__name__, set())
    assert len(names) >= 28
    assert {name: own[name] for name in names} == {name: shared[name] for name in names}


def test_all_activations_are_named_in_the_docstring():
    """A new activation is named where users look."""
    pytest.importorskip("numpydoc")
    _, text = sections_of(skae.ContractiveAutoencoder)["activation"]
    assert set(re.findall(r'"(\w+)"', " ".join(text))) == set(skae.activations.ACTIVATIONS)
