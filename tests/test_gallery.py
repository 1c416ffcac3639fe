"""The gallery of the documentation runs."""

import pathlib
import runpy

import pytest

GALLERY = pathlib.Path(__file__).parents[1] / "doc" / "gallery"


@pytest.mark.filterwarnings("error::UserWarning", "ignore:.*(non-interactive|deprecated):UserWarning")
@pytest.mark.parametrize("path", sorted(GALLERY.glob("plot_*.py")), ids=lambda path: path.stem)
def test_gallery(path):
    """Every example runs to its end, without a warning, and draws something."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    runpy.run_path(str(path))
    assert pyplot.get_fignums()
