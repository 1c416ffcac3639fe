"""Class weights: they weigh the rows in the supervised phase."""

import math
from numbers import Real

import numpy as np


def supervised_weight(class_weight, classes, labels, weight):
    """Return the weights of rows in the supervised phase; None if all are 1.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        See `ClassSpecificAEClassifier`.
    classes : ndarray of shape (K,)
        Names of the classes.
    labels : ndarray of int of shape (n,)
        Classes of the rows, from 0.
    weight : ndarray of shape (n,) or None
        Weights of the rows themselves. The weights of the classes multiply them.

    Raises
    ------
    ValueError
        If `class_weight` has another label than those of `classes`, or a weight that is negative or not finite, or if
        the sum of all weights overflows.
    """
    if class_weight is None:
        return weight
    if class_weight == "balanced":
        counts = np.bincount(labels, weight, len(classes))
        present = counts > 0.0
        of_class = np.zeros(len(counts))
        with np.errstate(over="ignore", under="ignore"):
            of_class[present] = counts.sum() / (present.sum() * counts[present])
    else:
        names = classes.tolist()
        for name, each in class_weight.items():
            if name not in names:
                raise ValueError(f"class_weight has the label {name!r}, which is not among the classes {names}")
            if not (isinstance(each, Real) and 0.0 <= each < math.inf):
                raise ValueError(f"class_weight must hold numbers, finite and not negative, got {each!r} of {name!r}")
        of_class = np.array([float(class_weight.get(name, 1.0)) for name in names])
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        result = of_class[labels] if weight is None else of_class[labels] * weight
        total = result.sum()
    if not total < math.inf:
        raise ValueError(f"the sum of the weights of rows times class_weight must be finite, got {total}")
    return result
