"""P-values of classes: the energy of a row among the energies of rows that its class has held out."""

import math

import numpy as np
from sklearn.utils.extmath import row_norms

from skae.classifier._autoencoders import warn_jointly
from skae.training import conformal_p_values, hold_out, is_csr, row_chunks

# Second part of the seed of the draw. The draw takes nothing from the streams of training: so training is the same as
# in a fit to the other rows alone.
_STREAM = 2**32 - 1
# Energies of equal rows differ by rounding from batch to batch: by up to 6 eps of |x|^2 + |E| on digits. Ties within
# this many eps count: else a row that equals held-out ones could come out below all of them.
_ROUNDING = 16.0


def has_p_values(classifier):
    """Whether `fit` holds rows out for p-values; where not, an error says how."""
    if classifier.calibration_fraction == 0.0:
        raise AttributeError(
            "p-values need rows that fit holds out, got calibration_fraction=0; fit with a share of the rows, such as "
            "calibration_fraction=0.2"
        )
    return True


def split(rows, classes, fraction, labels, seed):
    """Return the rows to train on and the rows held out (None for none): a share of each of some classes.

    Parameters
    ----------
    rows : LabelledRows
        All rows.
    classes : ndarray of int
        The classes that hold rows out, sorted. All rows of the others are trained on.
    fraction : float
        The share, in [0, 1). Above 0, at least one row of each class is held out, and at least one is not.
    labels : ndarray
        Labels of all classes, for messages.
    seed : int
        Seed of the draw.
    """
    if fraction == 0.0 or not len(classes):
        return rows, None
    own = np.flatnonzero(np.isin(rows.labels, classes))
    places = np.searchsorted(classes, rows.labels[own])
    counts = np.bincount(places)
    if counts.min() < 2:
        raise ValueError(
            f"calibration_fraction={fraction} holds out rows of each class, which needs two or more, got one of class "
            f"{labels.tolist()[classes[counts.argmin()]]!r}; give more rows, or fit with calibration_fraction=0"
        )
    _, drawn = hold_out(places, fraction, np.random.default_rng([seed, _STREAM]))
    held_out = own[drawn]
    return rows.subset(np.setdiff1d(np.arange(len(rows.labels)), held_out)), rows.subset(held_out)


def own_energies(energies, rows):
    """Return E_j of the rows of class j, sorted, for each class that has rows."""
    E = energies.of(rows)
    return [np.sort(E[rows.labels == j, j]) for j in np.unique(rows.labels)]


def merge(known, energies, rows, added):
    """Return the held-out energies of known classes and, where `added` is true, of the new ones that have the rows."""
    known, new = iter(known), iter(own_energies(energies, rows))
    return [next(new if each else known) for each in added]


def class_p_values(E, X, calibration):
    """Return the p-values of rows X with energies E (n, K), given the energies that each class has held out."""
    size, p = np.empty(len(E)), np.empty(E.shape)
    for rows, chunk in row_chunks(X, stay_sparse=is_csr(X)):
        size[rows] = row_norms(chunk, squared=True)
    for j, held_out in enumerate(calibration):
        scores = E[:, j].astype(np.float64)
        eps = max(np.finfo(each.dtype).eps for each in (E, held_out))
        p[:, j] = conformal_p_values(scores + _ROUNDING * eps * (size + np.abs(scores)), held_out)
    return p


def warn_of_few_rows(coverage, calibration, classes):
    """Warn of classes with so few held-out rows that no set of the coverage can leave them out."""
    needed = math.ceil(1.0 / (1.0 - coverage)) - 1
    warn_jointly(
        [
            (
                f"class {label!r} is in every set: coverage={coverage} needs {needed} held-out rows of a class, got "
                f"{len(held_out)}; use a larger calibration_fraction, more rows or less coverage",
                UserWarning,
            )
            for label, held_out in zip(classes, calibration, strict=True)
            if len(held_out) < needed
        ]
    )
