"""Sphinx's configuration: ``python -m sphinx -W --keep-going -n -b html doc doc/_build/html``.

Nothing is fetched from the network: there is no intersphinx.
"""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_pages  # noqa: E402
import snippets  # noqa: E402
from sphinx.ext import autosummary  # noqa: E402

import skae  # noqa: E402

_urls = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]

project = "skae"
author = "The skae developers"
copyright = author
version = release = skae.__version__
html_baseurl = _urls["Documentation"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "names",
]
exclude_patterns = ["_build", "_templates", "gallery", "examples/**/*.md5"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]
default_role = "name"
highlight_language = "none"
smartquotes = False  # quotes are code, primes are derivatives
toc_object_entries_show_parents = "hide"

# -- pages

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

# The API pages list what is in each `__all__`; the pictures of the pages are drawn by the pages' own code.
api_pages.write(HERE / "api")
snippets.draw(HERE)

# -- API

autosummary_generate = True
autosummary.WELL_KNOWN_ABBREVIATIONS += ("eq.",)  # end no sentence
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False
numpydoc_use_plots = False
viewcode_line_numbers = True

# -- gallery

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"__init__",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "doc_module": ("skae",),
    "backreferences_dir": "examples/backreferences",
    "plot_gallery": True,
    "within_subsection_order": "gallery_order.Order",
}

# -- appearance

html_theme = "pydata_sphinx_theme"
html_title = "skae"
html_static_path = ["_static"]
html_css_files = ["skae.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "skae"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
# Pages without pages below them have nothing to navigate.
html_sidebars = {
    page: [] for page in ("getting_started", "uses", "extending", "papers", "architecture", "contributing", "changelog")
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
