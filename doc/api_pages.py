"""The API pages, one a module, written from each `__all__`: nothing that is public can be forgotten."""

import importlib
import pkgutil
from pathlib import Path

import skae

#: Titles of the modules' pages, in order.
TITLES = {
    "skae": "Estimators",
    "skae.plotting": "Plotting",
    "skae.metrics": "Metrics",
    "skae.callbacks": "Callbacks",
    "skae.dask": "Dask",
    "skae.datasets": "Data sets",
    "skae.onnx": "ONNX",
    "skae.persistence": "Saving and loading",
    "skae.model": "The model as a value",
    "skae.dynamics": "Dynamics",
    "skae.activations": "Activations",
    "skae.penalties": "Penalties",
    "skae.complements": "Complements",
    "skae.corruption": "Corruptions",
    "skae.solvers": "Solvers",
    "skae.testing": "Testing",
    "skae.objectives": "Objectives",
    "skae.parameters": "Parameters",
    "skae.visible": "Visible units",
}

#: Packages whose public names `skae` itself has, and what they share.
FAMILIES = {
    f"skae.{name}" for name in ("autoencoders", "classifier", "network", "outlier", "preprocessing", "training")
}

INDEX = """
API
===

Everything that is public: what each module has in its ``__all__``. Most users need the first page only. What stands
under *Inside* is for those who add an activation, a penalty or an update rule.

.. toctree::
   :maxdepth: 1
   :caption: Use

{use}

.. toctree::
   :maxdepth: 1
   :caption: Extend

{extend}

.. toctree::
   :maxdepth: 1
   :caption: Inside

{inside}
"""

_EXTEND = ("skae.activations", "skae.penalties", "skae.complements", "skae.corruption", "skae.solvers", "skae.testing")
_INSIDE = ("skae.objectives", "skae.parameters", "skae.visible")


def modules():
    """Return the names of the public modules, in the order of `TITLES`."""
    found = {f"skae.{info.name}" for info in pkgutil.iter_modules(skae.__path__) if not info.name.startswith("_")}
    found = {"skae"} | found - FAMILIES
    untitled = found - set(TITLES)
    if untitled:
        raise ValueError(f"doc/api_pages.py has no title for {', '.join(sorted(untitled))}")
    return [name for name in TITLES if name in found]


def public_names(module):
    """Return the public names of a module, constants last."""
    namespace = importlib.import_module(module)
    names = [name for name in namespace.__all__ if not name.startswith("__")]
    return sorted(names, key=lambda name: (not callable(getattr(namespace, name)), name.lower()))


def page(module):
    """Return the reStructuredText of a module's page."""
    namespace = importlib.import_module(module)
    names = public_names(module)
    title = TITLES[module]
    lines = [title, "=" * len(title), "", f"``{module}``", "", f".. automodule:: {module}", "   :no-members:", ""]
    homes = {name: _home(module, name) for name in names if callable(getattr(namespace, name))}
    for home in [*sorted(set(homes.values()) - {module}), module]:
        lines += [f".. currentmodule:: {home}", "", ".. autosummary::", "   :toctree: generated/", ""]
        lines += [*(f"   {name}" for name in homes if homes[name] == home), ""]
    for name in names:
        if not callable(getattr(namespace, name)):
            lines += ["", f".. autodata:: {name}", "   :no-value:"]
    return "\n".join(lines) + "\n"


def _home(module, name):
    """Return the public module that defines a public name, where its page is: most often the module itself."""
    home = getattr(importlib.import_module(module), name).__module__.partition("._")[0]
    return home if home in set(TITLES) - {"skae"} else module


def write(folder):
    """Write all pages to a folder; pages that are as they were are not touched."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    parts = {"use": [], "extend": [], "inside": []}
    for module in modules():
        part = "extend" if module in _EXTEND else "inside" if module in _INSIDE else "use"
        parts[part].append(f"   {module}")
        _update(folder / f"{module}.rst", page(module))
    _update(folder / "index.rst", INDEX.format(**{part: "\n".join(lines) for part, lines in parts.items()}))


def _update(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
