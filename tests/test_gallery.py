"""The gallery of the documentation runs."""

import pathlib
import runpy
import subprocess
import sys

import pytest

GALLERY = pathlib.Path(__file__).parents[1] / "doc" / "gallery"


def test_gallery_order():
    """Each example has one place on the page of examples."""
    gallery_order = runpy.run_path(str(GALLERY.parent / "gallery_order.py"))
    names = [path.stem.removeprefix("plot_") for path in GALLERY.glob("plot_*.py")]
    assert sorted(gallery_order["ORDER"]) == sorted(names)
    with pytest.raises(ValueError, match="no place for other"):
        gallery_order["Order"](GALLERY)("plot_other.py")


def test_readme_counts_the_examples():
    """README says how many examples there are."""
    readme = (GALLERY.parents[1] / "README.md").read_text(encoding="utf-8")
    assert len(list(GALLERY.glob("plot_*.py"))) == 20
    assert "twenty examples with pictures" in readme


@pytest.mark.parametrize(("options", "says"), [((), True), (("-m", ""), False), (("-m", "slow"), False)])
def test_pytest_says_that_slow_tests_are_left_out(options, says):
    """One line after the tests, even where pytest does not count them (`-q`)."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *options, __file__]
    done = subprocess.run(command, cwd=GALLERY.parents[1], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("Slow tests are left out: -m '' runs all" in done.stdout) == says


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning", "ignore:.*(non-interactive|deprecated):UserWarning")
@pytest.mark.parametrize("path", sorted(GALLERY.glob("plot_*.py")), ids=lambda path: path.stem)
def test_gallery(path):
    """Every example runs to its end, without a warning, and draws something."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    runpy.run_path(str(path))
    assert pyplot.get_fignums()
