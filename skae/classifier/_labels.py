"""Labels of the classes. They are compared by value: 3 is 3 in any dtype."""

import numpy as np
from sklearn.utils.multiclass import unique_labels


def plain_labels(y):
    """Return the labels; as an ndarray, if they are integers or bools in a nullable or categorical dtype of pandas.

    scikit-learn would make floats of them.

    Raises
    ------
    ValueError
        If a label of a pandas column is missing.
    """
    own = getattr(y, "dtype", None)
    if own is None or isinstance(own, np.dtype) or not hasattr(y, "isna"):
        return y
    missing = int(y.isna().sum())
    if missing:
        raise ValueError(f"the labels contain NaN: {missing} of {len(y)} are missing; leave out their rows")
    dtype = getattr(getattr(own, "categories", None), "dtype", own)
    dtype = getattr(dtype, "numpy_dtype", dtype)
    return y.to_numpy(dtype=dtype) if isinstance(dtype, np.dtype) and dtype.kind in "biu" else y


def merge_classes(known, y):
    """Return the sorted class names with those in y, and which of them are new.

    The names keep the dtype of `known` where it can hold the new ones.

    Raises
    ------
    ValueError
        If the labels in y are of another kind: strings, bools or numbers.
    """
    classes = unique_labels(known, y)
    if known.dtype == object:
        classes = classes.astype(object)
    elif _kind(classes) != _kind(known) or _kind(y) != _kind(known):
        raise ValueError(
            f"the labels of new classes must be of the old ones' kind, {known.dtype}, got {np.unique(y)!r}"
        )
    elif _kind(known) == "number":
        with np.errstate(invalid="ignore"):  # of numbers that a dtype cannot hold
            wider = (known.dtype, np.promote_types(known.dtype, y.dtype), classes.dtype)
            classes = next(each for each in map(classes.astype, wider) if np.array_equal(each, classes))
    return classes, ~np.isin(classes, known)


def encode_labels(y, classes):
    """Return the position in `classes` of each label in y; raise ValueError for unknown labels."""
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has the labels {unknown.tolist()}, which are not among the classes {classes.tolist()}; "
            "add_class takes new ones"
        )
    return np.searchsorted(classes, y)


def _kind(labels):
    """Return what the labels are: bools, numbers or strings."""
    return {"b": "bool", "i": "number", "u": "number", "f": "number"}.get(labels.dtype.kind, "string")
