"""Where the documentation of the estimators stands."""

from __future__ import annotations

#: Where the documentation stands; pyproject.toml has it too.
URL = "https://skae.readthedocs.io/en/stable"


class DocumentationLink:
    """Let scikit-learn's HTML representation link to skae's API pages; goes before `BaseEstimator`."""

    _doc_link_module = "skae"
    _doc_link_template = URL + "/api/generated/skae.{estimator_name}.html"
