"""The web address of the documentation."""

from __future__ import annotations

#: Address of the documentation; pyproject.toml has the same.
URL = "https://skae.readthedocs.io/en/stable"


class DocumentationLink:
    """Mixin: scikit-learn's HTML representation links to skae's API pages. It stands before `BaseEstimator`."""

    _doc_link_module = "skae"
    _doc_link_template = URL + "/api/generated/skae.{estimator_name}.html"
