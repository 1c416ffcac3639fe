"""Checks for those who write an activation or a penalty, as scikit-learn's ``check_estimator`` is for estimators.

They are the finite differences and identities that skae's own tests run over each registered class. The first that
fails raises an AssertionError: one sentence that names the method, the point, what it returned and what it should have.
"""

from skae.testing._activation import check_activation
from skae.testing._penalty import check_penalty

__all__ = ["check_activation", "check_penalty"]
