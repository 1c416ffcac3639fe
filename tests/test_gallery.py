"""The gallery of the documentation runs."""

import pathlib
import runpy

import pytest

GALLERY = pathlib.Path(__file__).parents[1] / "doc" / "gallery"


@pytest.mark.parametrize("path", sorted(GALLERY.glob("plot_*.py")), ids=lambda path: path.stem)
def test_gallery(path, monkeypatch):
    """Every example runs to its end and draws something."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    runpy.run_path(str(path))
    assert pyplot.get_fignums()
    pyplot.close("all")
