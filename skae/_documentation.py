"""The web address of the documentation."""

from __future__ import annotations

from typing import TypeVar

from skae._version import __version__

#: Address of the documentation; pyproject.toml has the same. Only released versions have pages there.
URL = "https://skae.readthedocs.io/en/stable"

EstimatorT = TypeVar("EstimatorT", bound=type)


def documented(estimator_class: EstimatorT) -> EstimatorT:
    """Decorate a class of estimators: scikit-learn's HTML representation links to skae's API pages.

    A version that is not released has no link.
    """
    if ".dev" not in __version__:
        estimator_class._doc_link_module = "skae"  # type: ignore[attr-defined]
        estimator_class._doc_link_template = URL + "/api/generated/skae.{estimator_name}.html"  # type: ignore[attr-defined]
    return estimator_class
