"""Sphinx extension: code that is the name of something public links to its API page.

In docstrings it is what stands in single backticks (the role `name`, which is the default role), in Markdown the code
spans. Names may be as they are written in code: ``skae.dynamics.relax``, ``ContractiveAutoencoder``, ``EnergyDisplay``,
or ``score_samples`` on the page of a class that has it. What is no public name stays code. In Markdown,
``skae/model.py`` leads to the source.
"""

import importlib
import pkgutil
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.domains.python import PyXRefRole
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms import SphinxTransform

#: Where scikit-learn's classes and functions are described; not fetched.
SKLEARN_URL = "https://scikit-learn.org/stable/modules/generated/{}.html"
_SKLEARN = re.compile(r"sklearn(\.[a-z_0-9]+)*\.\w+")
_FINAL_UNDERSCORE = re.compile(r"(?<![\w:.])([A-Za-z]\w*)_(?=[^\w`*]|$)")
_SOURCE = re.compile(r"skae(/\w+)+\.py")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class NameRole(PyXRefRole):
    """A reference to a Python object that may be none."""

    def __init__(self):
        super().__init__(innernodeclass=nodes.literal)

    def process_link(self, env, refnode, has_explicit_title, title, target):
        """Mark the reference as one that may lead nowhere."""
        refnode["optional"] = True
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        return super().process_link(env, refnode, has_explicit_title, title, target)


class LinkCode(SphinxTransform):
    """Turn the code spans of Markdown pages into optional references."""

    default_priority = 500

    def apply(self, **kwargs):
        """Replace code spans outside of links and titles."""
        if not str(self.document["source"]).endswith(".md"):
            return
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            within = (nodes.reference, addnodes.pending_xref, nodes.title)
            if not _NAME.fullmatch(text) or any(isinstance(node, within) for node in _ancestors(literal)):
                continue
            reference = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=text, refdoc=self.env.docname, optional=True
            )
            reference["py:module"] = reference["py:class"] = None
            literal.replace_self(reference)
            reference += literal


def _ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def resolve(app, env, node, content):
    """Resolve a name of scikit-learn, or an optional reference, whose code stays as it is where it leads nowhere."""
    target = node["reftarget"].lstrip(".~").removesuffix("()")
    if _SKLEARN.fullmatch(target):
        return nodes.reference("", "", content, internal=False, refuri=SKLEARN_URL.format(target))
    if not node.get("optional"):
        return None
    objects = env.domains["py"].objects
    for full in (target, f"skae.{target}", f"skae.plotting.{target}"):
        if full in objects and not objects[full].aliased:
            return env.domains["py"].resolve_xref(
                env, node["refdoc"], app.builder, "obj", full, _absolute(node, full), content
            )
    return content


def link_sources(app, doctree, docname):
    """Let the names of source files lead to the pages that `sphinx.ext.viewcode` makes of them."""
    up = "../" * docname.count("/")
    for literal in list(doctree.findall(nodes.literal)):
        path = literal.astext()
        module = path.removesuffix(".py").replace("/", ".")
        if _SOURCE.fullmatch(path) and getattr(app.env, "_viewcode_modules", {}).get(module):
            page = f"{up}_modules/{path.removesuffix('.py')}.html"
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), refuri=page))


def _absolute(node, full):
    copied = node.copy()
    copied["reftarget"] = full
    copied["py:module"] = copied["py:class"] = None
    copied.attributes.pop("refspecific", None)
    return copied


def plain_formulas(app, what, name, obj, options, lines):
    """Keep reStructuredText from reading bars and final underscores of formulas and names as markup.

    Bars become U+2223, which is as wide, so that tables stay in shape. Literal blocks, doctests and code are left.
    """
    literal = None  # indentation of the paragraph that announced a literal block
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        if literal is None and not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(``.*?``|`[^`]*`_?)", line)
            for j in range(0, len(parts), 2):
                parts[j] = _FINAL_UNDERSCORE.sub(r"\1\_", parts[j].replace("|", "\u2223"))
            lines[i] = "".join(parts)
            if line.rstrip().endswith("::"):
                literal = indent


def names_of_sklearn(app, what, name, obj, options, lines):
    """Take scikit-learn's own references off the docstrings that its classes pass on."""
    if not (getattr(obj, "__module__", None) or "").startswith("sklearn"):
        return
    text = re.sub(r":\w+:`~?([^`<]+?)\s*(<[^`]*>)?`", r"\1", "\n".join(lines))
    lines[:] = re.sub(r"^\s*\.\. version\w+::.*$", "", text, flags=re.MULTILINE).split("\n")


def comments_on_data(app, what, name, obj, options, lines):
    """Describe a constant by the comment where it is defined; autodoc looks where it is public, in the package."""
    package, _, constant = name.rpartition(".")
    if what != "data":
        return
    for part in pkgutil.iter_modules(getattr(importlib.import_module(package), "__path__", [])):
        comments = ModuleAnalyzer.for_module(f"{package}.{part.name}").find_attr_docs()
        lines[:] = comments.get(("", constant), lines)


def skip(app, what, name, obj, skip, options):
    """Leave out what scikit-learn's metadata routing adds to every class."""
    routing = name.startswith("set_") and name.endswith("_request")
    return True if routing or name == "get_metadata_routing" else None


def setup(app):
    """Register role, transform and handlers; numpydoc's handler, of priority 500, comes between these two."""
    app.add_role("name", NameRole())
    app.add_transform(LinkCode)
    app.connect("missing-reference", resolve)
    app.connect("doctree-resolved", link_sources)
    app.connect("autodoc-process-docstring", comments_on_data, priority=50)
    app.connect("autodoc-process-docstring", names_of_sklearn, priority=100)
    app.connect("autodoc-process-docstring", plain_formulas, priority=900)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
