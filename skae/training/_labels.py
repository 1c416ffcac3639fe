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


def named_classes(classes):
    """Return `classes` of `partial_fit` as `plain_labels` does; raise ValueError if one of them is NaN or infinite."""
    classes = plain_labels(classes)
    values = np.asarray(classes) if isinstance(classes, (list, tuple, np.ndarray)) else np.empty(0)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"classes must name each class by a finite number or a string, got {values.tolist()}")
    return classes


def refuse_mixed_labels(y):
    """Raise ValueError for labels of kinds that have no common order, such as numbers and strings."""
    y = np.asarray(y)
    if y.dtype != object:
        return
    try:
        np.unique(y)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y.tolist()})
        raise ValueError(
            f"y has labels of several kinds, {' and '.join(kinds)}, which have no common order; make all of them "
            "strings, or all of them numbers"
        ) from None


def merge_classes(known, y):
    """Return the sorted class names with those in y, and which of them are new.

    The names keep the dtype of `known` where it can hold the new ones.

    Raises
    ------
    ValueError
        If the labels in y are of another kind: strings, bools or numbers.
    """
    if _kind(known) == _kind(y) == "number":
        own, fits = _in_dtype(y, known.dtype)
        classes = unique_labels(known, own) if fits.all() else _widened(known, y)
    else:
        classes = unique_labels(known, y)
    if known.dtype == object:
        classes = classes.astype(object)
    elif _kind(classes) != _kind(known) or _kind(y) != _kind(known):
        raise ValueError(
            f"the labels of new classes must be of the old ones' kind, {known.dtype}, got {np.unique(y)!r}"
        )
    return classes, ~np.isin(classes, known)


def encode_labels(y, classes, hint="add_class takes new ones"):
    """Return the position in `classes` of each label in y; raise ValueError, with a hint, for unknown labels."""
    own, fits = _in_dtype(y, classes.dtype)
    if own.dtype == object:  # numpy would sort them, and labels of several kinds have no order
        names = set(classes.tolist())
        known = np.array([label in names for label in own.tolist()])
    else:
        known = fits & np.isin(own, classes)
    if not known.all():
        unknown = list(dict.fromkeys(y[~known].tolist()))
        unknown = unknown if own.dtype == object else sorted(unknown)
        raise ValueError(f"y has the labels {unknown}, which are not among the classes {classes.tolist()}; {hint}")
    return np.searchsorted(classes, own)


def _in_dtype(y, dtype):
    """Return the labels in the dtype, and which of them it holds. Only numbers are converted.

    numpy would compare int64 with uint64, and integers with floats, as float64: there, large integers that differ are
    equal.
    """
    if y.dtype == dtype or y.dtype.kind not in "iuf" or dtype.kind not in "iuf":
        return y, np.ones(len(y), dtype=bool)
    with np.errstate(invalid="ignore", over="ignore"):  # of numbers that a dtype cannot hold
        own = y.astype(dtype)
        return own, (own.astype(y.dtype) == y) & ((own < 0) == (y < 0))


def _widened(known, y):
    """Return the sorted class names with those in y, in a dtype that holds all; raise ValueError if there is none."""
    dtype = np.promote_types(known.dtype, y.dtype)
    (old, old_fits), (new, new_fits) = _in_dtype(known, dtype), _in_dtype(y, dtype)
    if not (old_fits.all() and new_fits.all()):
        raise ValueError(
            f"the labels of new classes must have the old ones' dtype, {known.dtype}, got {y.dtype}: no dtype holds "
            f"both {known.tolist()} and {np.unique(y).tolist()}"
        )
    return unique_labels(old, new)


def _kind(labels):
    """Return what the labels are: bools, numbers or strings."""
    return {"b": "bool", "i": "number", "u": "number", "f": "number"}.get(labels.dtype.kind, "string")
