"""The gallery of the documentation runs."""

import pathlib
import runpy

import pytest

GALLERY = pathlib.Path(__file__).parents[1] / "doc" / "gallery"


def test_gallery_order():
    """Each example has one place on the page of examples."""
    gallery_order = runpy.run_path(str(GALLERY.parent / "gallery_order.py"))
    names = [path.stem.removeprefix("plot_") for path in GALLERY.glob("plot_*.py")]
    assert sorted(gallery_order["ORDER"]) == sorted(names)
    with pytest.raises(ValueError, match="no place for other"):
        gallery_order["Order"](GALLERY)("plot_other.py")


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning", "ignore:.*(non-interactive|deprecated):UserWarning")
@pytest.mark.parametrize("path", sorted(GALLERY.glob("plot_*.py")), ids=lambda path: path.stem)
def test_gallery(path):
    """Every example runs to its end, without a warning, and draws something."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    runpy.run_path(str(path))
    assert pyplot.get_fignums()
