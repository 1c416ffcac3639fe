"""Checks for authors of an activation or a penalty, like scikit-learn's ``check_estimator`` for estimators.

skae's own tests run the same finite differences and identities over each registered class. The first failure raises an
AssertionError. Its message is one sentence: the method, the point, the returned value and the right value.
"""

from skae.testing._activation import check_activation
from skae.testing._penalty import check_penalty

__all__ = ["check_activation", "check_penalty"]
