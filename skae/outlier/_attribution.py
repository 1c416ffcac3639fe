"""Integrated gradients: an autoencoder's field along straight paths, for `EnergyOutlierDetector.explain`."""

import numpy as np

from skae.model import Model
from skae.training import row_blocks

# Gauss-Legendre nodes of a piece, pieces at first; a piece whose integral is not the difference of
# its energies is halved, at most so often, and none once a row has so many.
_NODES, _SHARES = np.polynomial.legendre.leggauss(8)
_FIRST_PIECES, _HALVINGS, _MOST_PIECES, _PATH_TOLERANCE = 4, 40, 512, 1e-7


def mean_field(autoencoder, start, way):
    """Return the mean of r(z) - z over z = start + t way, t in [0, 1], for each row of `way`.

    Its product with the row is the rise of the energy, and that is known: a piece of the path is done when it agrees.

    Parameters
    ----------
    autoencoder : autoencoder
        Tied, gaussian, with a potential.
    start : ndarray of shape (n, m)
        Where the paths begin.
    way : ndarray of shape (n, m)
        Where they go, from there.

    Returns
    -------
    ndarray of shape (n, m)
    """
    model = Model.from_estimator(autoencoder).astype(np.float64)
    width = (len(_NODES) + 2) * max(autoencoder.components_.shape)
    out = np.empty(way.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows, block in row_blocks(way, _FIRST_PIECES * width):
            out[rows] = _path_means(model, start[rows], block, width)
    if not np.isfinite(out).all():
        raise ValueError(autoencoder._overflow(start + way))
    return out


def _path_means(model, start, way, width):
    """The means of `mean_field` for one block of rows; `width` numbers are needed for a piece."""
    rise = model.energy(start + way) - model.energy(start)
    tolerance = _PATH_TOLERANCE * (1.0 + np.abs(rise))
    out = np.zeros(way.shape)
    owner, low = np.divmod(np.arange(_FIRST_PIECES * len(way)), _FIRST_PIECES)
    pieces, size = np.column_stack([owner, low / _FIRST_PIECES]), 1.0 / _FIRST_PIECES
    for halving in range(_HALVINGS + 1):
        last, todo = halving == _HALVINGS or len(pieces) > _MOST_PIECES * len(way), []
        for _, block in row_blocks(pieces, width):
            owner, low = block[:, 0].astype(int), block[:, 1:]
            mean, error, rounding = _piece(model, start[owner], way[owner], low, size)
            done = (error <= tolerance[owner] + rounding) | last
            np.add.at(out, owner[done], size * mean[done])
            todo.append(block[~done])
        if last or not len(pieces := np.vstack(todo)):
            break
        size *= 0.5
        pieces = np.vstack([pieces, pieces + np.array([0.0, size])])
    return out


def _piece(model, start, way, low, size):
    """The mean field over t in [low, low + size], how far its integral is from the rise, and the rise's rounding."""
    t = low + 0.5 * size * (1.0 + _NODES)
    field = model.vector_field((start[:, None] + t[..., None] * way[:, None]).reshape(-1, way.shape[1]))
    mean = 0.5 * np.einsum("j,pjm->pm", _SHARES, field.reshape(*t.shape, -1))
    first, final = start + low * way, start + (low + size) * way
    E, F = model.energy(first), model.energy(final)
    rounding = np.abs(E) + np.abs(F) + ((first - model.c) ** 2).sum(axis=1) + ((final - model.c) ** 2).sum(axis=1)
    error = np.abs(size * np.einsum("pm,pm->p", mean, way) - (F - E))
    return mean, error, 32.0 * np.finfo(np.float64).eps * rounding
