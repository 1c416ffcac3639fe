"""What a release says of itself agrees: version, date, addresses, description, recipe, classifiers."""

import email
import re
import runpy
import shutil
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import skae
from skae import _documentation

ROOT = Path(__file__).parents[1]
if not (ROOT / ".ci/version.py").exists():
    pytest.skip("the sources are not here", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci/version.py")))
FILES = {entry[0] for entry in (VERSION.LITERAL, VERSION.RECIPE, VERSION.CITATION, VERSION.HEADING)}


@pytest.fixture
def files(tmp_path):
    """A folder with copies of the files that name the version."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


# Version


def test_all_files_name_the_version():
    """The code, CITATION.cff, the changelog and the recipe; a date stands where there is a release, and only there."""
    assert VERSION.problems() == []
    assert skae.__version__ == VERSION.read(VERSION.LITERAL)


def test_a_release_and_what_follows(files):
    """A release writes its version and date everywhere. The next version leaves its heading in the changelog."""
    VERSION.set_version("3.1.4", "2030-01-02", root=files)
    assert VERSION.problems("v3.1.4", root=files) == []
    assert {VERSION.read(each, files) for each in (VERSION.LITERAL, VERSION.CITATION, VERSION.RECIPE)} == {"3.1.4"}
    assert VERSION.read(VERSION.RELEASED, files) == "2030-01-02"
    VERSION.set_version("3.2.0.dev0", None, root=files)
    assert VERSION.problems(root=files) == []
    headings = re.findall(VERSION.HEADING[1], (files / VERSION.HEADING[0]).read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:2] == ["3.2.0 (unreleased)", "3.1.4 (2030-01-02)"]


def test_the_release_of_this_version_takes_its_heading(files):
    """What the changelog calls unreleased becomes the release; nothing else changes there."""
    version = skae.__version__.partition(".dev")[0]
    before = (files / VERSION.HEADING[0]).read_text(encoding="utf-8")
    VERSION.set_version(version, "2030-01-02", root=files)
    after = (files / VERSION.HEADING[0]).read_text(encoding="utf-8")
    assert after == before.replace(VERSION.read(VERSION.HEADING), f"{version} (2030-01-02)", 1)


def test_release_candidates_share_a_heading(files):
    """Candidates and their release have one heading, with the latest date. A post-release has its own."""
    VERSION.set_version("3.1.4", "2030-01-02", root=files)
    steps = {"3.2.0.dev0": None, "3.2.0rc1": "2030-02-01", "3.2.0rc2": "2030-02-02", "3.2.0": "2030-02-03"}
    for version, date in {**steps, "3.2.0.post1": "2030-02-04", "3.3.0.dev0": None, "4.0.0.dev0": None}.items():
        VERSION.set_version(version, date, root=files)
        assert VERSION.problems(root=files) == []
    headings = re.findall(VERSION.HEADING[1], (files / VERSION.HEADING[0]).read_text(encoding="utf-8"), re.MULTILINE)
    released = ["3.2.0.post1 (2030-02-04)", "3.2.0 (2030-02-03)", "3.1.4 (2030-01-02)"]
    assert headings[:4] == ["4.0.0 (unreleased)", *released]


def test_a_full_disk_cuts_no_file_short(files, monkeypatch):
    """A file that cannot be written stays as it is, and nothing else is left."""
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}

    def full(path, *others, **options):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        VERSION.set_version("3.1.4", "2030-01-02", root=files)
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("version", ["v3.1.4", "3.1.4-rc1", "3.1.4dev0", "3", "banana"])
def test_what_is_no_version_is_not_written(version, capsys, monkeypatch):
    """A tag in the place of a version, or a spelling that the index would change, is refused before a file changes."""
    monkeypatch.setitem(VERSION.main.__globals__, "set_version", pytest.fail)
    with pytest.raises(SystemExit):
        VERSION.main([version])
    assert f"0.2.0.dev0, got {version!r}" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_left_behind_is_named(path, files):
    """One file of another version, and the sentence says which."""
    left = (files / path).read_text(encoding="utf-8")
    VERSION.set_version("3.1.4", "2030-01-02", root=files)
    (files / path).write_text(left, encoding="utf-8")
    found = VERSION.problems(root=files)
    assert found
    assert any(path in each for each in found)


@pytest.mark.parametrize("tag", ["3.1.4", "v3.1.5"])
def test_another_tag_is_refused(tag, files):
    """The tag is the version behind a v."""
    VERSION.set_version("3.1.4", "2030-01-02", root=files)
    assert VERSION.problems(tag, root=files) == [f"the tag is {tag!r}, and skae/_version.py asks for 'v3.1.4'"]


def test_a_version_in_the_making_is_not_released(files):
    """No tag makes a release of a ".dev" version."""
    VERSION.set_version("3.2.0.dev0", None, root=files)
    assert VERSION.problems("v3.2.0.dev0", root=files) == ["'3.2.0.dev0' is not a version to release"]


# Addresses


def test_the_documentation_has_one_address():
    """skae links to the address that the package index shows, and so does the recipe."""
    urls = PROJECT["urls"]
    assert urls["Documentation"] == _documentation.URL
    assert urls["Changelog"] == f"{_documentation.URL}/changelog.html"
    assert urls["Issues"] == f"{urls['Source']}/issues"
    assert all(re.fullmatch(r"https://[^ /]+\.[^ ]+[^/]", url) for url in urls.values())


def estimators():
    """All public classes of estimators."""
    return [each for name in skae.__all__ if isinstance(each := getattr(skae, name), type)]


@pytest.mark.skipif(".dev" not in skae.__version__, reason="this version is released")
@pytest.mark.parametrize("cls", estimators())
def test_a_version_in_the_making_links_nowhere(cls):
    """The documentation's host has pages of releases only: the HTML representation links to none before."""
    assert cls()._get_doc_link() == ""
    assert _documentation.URL not in cls()._repr_html_()


@pytest.mark.parametrize("cls", estimators())
def test_a_released_version_links_to_its_pages(cls, monkeypatch):
    """The HTML representation links to the API page of the class."""
    monkeypatch.setattr(_documentation, "__version__", "3.1.4")
    for name in ("_doc_link_module", "_doc_link_template"):  # put back what the decorator sets
        monkeypatch.setattr(cls, name, getattr(cls, name))
    page = f"{_documentation.URL}/api/generated/skae.{cls.__name__}.html"
    assert _documentation.documented(cls)()._get_doc_link() == page
    assert page in cls()._repr_html_()


# Description


def described(monkeypatch):
    """The description that the build puts into the package."""
    given = {}
    monkeypatch.setitem(sys.modules, "setuptools", SimpleNamespace(setup=given.update))
    runpy.run_path(str(ROOT / "setup.py"))
    assert given["long_description_content_type"] == "text/markdown"
    return given["long_description"]


def test_no_link_of_the_description_is_relative(monkeypatch):
    """A package index has no files beside the README. Each link leads to a file of the repository, at its host."""
    text = re.sub(r"^```.*?^```$", "", described(monkeypatch), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", text)
    links += [("!" if name == "src" else "", link) for name, link in re.findall(r"(src|href)=\"([^\"]+)\"", text)]
    assert len(links) >= 7
    assert not re.search(r"^\[[^\]]+\]: (?!https:)", text, re.MULTILINE)  # links by reference
    for picture, link in links:
        assert link.startswith("https://"), link
        if link.startswith(f"{PROJECT['urls']['Source']}/"):
            kind, tag, path = link.removeprefix(f"{PROJECT['urls']['Source']}/").split("/", 2)
            assert kind == ("raw" if picture else "blob")
            assert tag == ("main" if ".dev" in skae.__version__ else f"v{skae.__version__}")
            assert (ROOT / path).exists(), path


def test_the_description_is_the_readme(monkeypatch):
    """Only addresses of links differ."""
    source = re.escape(PROJECT["urls"]["Source"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.sub(rf"\({source}/(raw|blob)/[^/]+/", "(", described(monkeypatch)) == readme


@pytest.mark.skipif(not (ROOT / "PKG-INFO").exists(), reason="not an unpacked source distribution")
def test_the_source_distribution_has_that_description(monkeypatch):
    """The metadata that are built are those of setup.py and pyproject.toml."""
    metadata = email.message_from_string((ROOT / "PKG-INFO").read_text(encoding="utf-8"))
    assert metadata.get_payload().strip() == described(monkeypatch).strip()
    assert dict(each.split(", ") for each in metadata.get_all("Project-URL")) == PROJECT["urls"]
    assert metadata["Version"] == skae.__version__


# What else describes the package


def test_the_recipe_needs_what_the_package_needs():
    """The conda recipe repeats pyproject.toml: dependencies, oldest Python, licence, addresses."""
    yaml = pytest.importorskip("yaml")
    recipe = yaml.safe_load((ROOT / ".ci/conda/recipe.yaml").read_text(encoding="utf-8"))
    oldest = recipe["context"]["python_min"]
    needs = [each.replace("${{ python_min }}", oldest).replace(" ", "") for each in recipe["requirements"]["run"]]
    assert sorted(needs) == sorted([*PROJECT["dependencies"], f"python{PROJECT['requires-python']}"])
    assert "setuptools >=77" in recipe["requirements"]["host"]
    about = recipe["about"]
    assert (about["summary"], about["license"]) == (PROJECT["description"], PROJECT["license"])
    assert (about["documentation"], about["repository"]) == (
        PROJECT["urls"]["Documentation"],
        PROJECT["urls"]["Source"],
    )


def test_workflows_and_services_are_yaml():
    """The hosts' configuration can be read; the documentation is built with its extra."""
    yaml = pytest.importorskip("yaml")
    for path in (*ROOT.glob(".github/workflows/*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"):
        assert yaml.safe_load(path.read_text(encoding="utf-8")), path
    docs = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text(encoding="utf-8"))
    assert docs["python"]["install"][0]["extra_requirements"] == ["doc"]
    assert (ROOT / docs["sphinx"]["configuration"]).exists()


def test_classifiers_name_the_pythons_that_have_run():
    """They are those of the table of doc/contributing.md, and the oldest is the one that the package asks for."""
    claimed = {each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)}
    table = (
        (ROOT / "doc/contributing.md")
        .read_text(encoding="utf-8")
        .partition("| Python | what |")[2]
        .partition("\n\n")[0]
    )
    assert claimed == set(re.findall(r"3\.\d+", " ".join(row.split("|")[1] for row in table.splitlines()[2:])))
    oldest = min(claimed, key=lambda version: int(version[2:]))
    assert PROJECT["requires-python"] == f">={oldest}"
