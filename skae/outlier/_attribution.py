"""Integrated gradients: contributions of the features to a difference of scores.

They are the mean of an autoencoder's field along a straight path, times the length of the path in each feature.
"""

import numpy as np

from skae.autoencoders import activation_of, autoencoder_of, last_step, steps_before
from skae.model import Model
from skae.outlier._memory import memory_advice
from skae.training import check_overflow, chunk_rows, like_frame, names_compared, row_chunks

# A path is integrated in pieces, each by Gauss-Legendre quadrature. A piece is halved while its integral differs from
# the difference of its energies: at most 40 times, and not once the rows have 512 pieces on average.
_NODES, _SHARES = np.polynomial.legendre.leggauss(8)
_FIRST_PIECES, _HALVINGS, _MOST_PIECES, _PATH_TOLERANCE = 4, 40, 512, 1e-7


def ensemble_contributions(ensemble, X, start):
    """Return the contributions under a `MixtureEnsemble`, each path straight in the scaled features of its mixture.

    Parameters
    ----------
    ensemble : MixtureEnsemble
        Fitted.
    X, start : ndarray of shape (n, d)
        Samples, and the row that each of them is compared with. float64.

    Returns
    -------
    ndarray of shape (n, d)
        The sum of a row is the score of X less the score of `start`.
    """
    contributions = np.zeros(X.shape)
    with memory_advice(X, "to explain"):
        for _, weight, way, field in _marginal_fields(ensemble, X, start):
            contributions += weight * way * field
    return contributions


def _marginal_fields(ensemble, X, start):
    """Yield scaler, weight, path and mean field of each mixture; paths and fields are those in the marginals."""
    for autoencoder, scaler, weight in zip(ensemble.estimators_, ensemble.scalers_, ensemble.weights_, strict=True):
        first = scaler.marginals(start)
        way = scaler.marginals(X) - first
        field = mean_field(autoencoder, scaler.rotated(first), scaler.rotated(way))
        yield scaler, weight, way, scaler.rotated(field)


def ensemble_pipeline_contributions(pipeline, X, start, mean, like):
    """Return the contributions under a Pipeline of affine steps that ends in a `MixtureEnsemble`.

    Each mixture takes the path of `ensemble_contributions`, from the transformed `start` to the transformed X. Its mean
    field is taken back through the slopes of the scaling's chords, then through the matrix of the steps.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    X, start : ndarray of shape (n, d)
        Samples, and the row that each of them is compared with. float64.
    mean : ndarray of shape (d,)
        Mean of the training data, around which the steps are tested.
    like : {array-like, table} of d columns
        The steps are given tables of this kind, because some choose columns by name.

    Returns
    -------
    ndarray of shape (n, d)
        The sum of a row is the score of X less the score of `start`.

    Raises
    ------
    ValueError
        If a step is not affine.
    """
    ensemble = last_step(pipeline)

    def field(first, last):
        parts = _marginal_fields(ensemble, last, first)
        return sum(weight * scaler.chords(first, last) * field for scaler, weight, _, field in parts)

    with memory_advice(X, "to explain"):
        return _through_affine_steps(steps_before(pipeline), field, X, start, mean, like)


def pipeline_contributions(estimator, X, start, mean, like):
    """Return the contributions under an autoencoder, or a Pipeline of affine steps that ends in one.

    Parameters
    ----------
    estimator : autoencoder or Pipeline
        Fitted.
    X, start : ndarray of shape (n, d)
        Samples, and the row that each of them is compared with. float64.
    mean : ndarray of shape (d,)
        Mean of the training data, around which the steps are tested.
    like : {array-like, table} of d columns
        The steps are given tables of this kind, because some choose columns by name.

    Returns
    -------
    ndarray of shape (n, d)
        The sum of a row is the score of X less the score of `start`.

    Raises
    ------
    ValueError
        If the autoencoder has no potential whose gradient is known, or a step is not affine.
    """
    autoencoder = autoencoder_of(estimator)
    tied = autoencoder.decoder_components_ is autoencoder.components_
    if autoencoder.visible != "gaussian" or not tied or not hasattr(activation_of(autoencoder), "potential"):
        raise ValueError("explain needs an autoencoder with tied weights, gaussian units and a potential")

    def field(first, last):
        return mean_field(autoencoder, first, last - first)

    with memory_advice(X, "to explain"):
        return _through_affine_steps(steps_before(estimator), field, X, start, mean, like)


def _through_affine_steps(steps, mean_field_between, X, start, mean, like):
    """Return the contributions: the mean field, taken back through the matrix of the affine map of the steps.

    ``mean_field_between(first, last)`` is the mean field between transformed rows. Without steps, there is no matrix.
    Else its rows are differences of transformed points around the mean. They are found, used and dropped a chunk at a
    time, because the matrix of many features does not fit into memory. Raise ValueError if the map is not affine.
    """

    def transform(X):
        with names_compared():
            for i, step in enumerate(steps):
                X = step.transform(X if i else like_frame(X, like))
        return np.asarray(X, dtype=np.float64)

    if not steps:
        return (X - start) * mean_field_between(start, X)
    n, d = X.shape
    rows = np.vstack([start, X])
    size = np.maximum(np.abs(rows - mean).max(axis=0), 1e-6 * np.abs(mean) + 1e-12)
    # One row, or rows on one side of the mean, can fit a chord of a curve. Its middle and the other side cannot.
    tested = np.vstack([rows, mean + size * np.array([[-1.0], [0.5], [1.0]])])
    origin, got = transform(mean[None]), transform(tested)
    field = mean_field_between(got[:n], got[n : 2 * n])
    expected, contributions = np.repeat(origin, len(tested), axis=0), np.empty((n, d))
    n_points = chunk_rows(max(d, origin.shape[1]))
    for first in range(0, d, n_points):
        columns = np.arange(first, min(first + n_points, d))
        points = np.repeat(mean[None], len(columns), axis=0)
        points[np.arange(len(columns)), columns] += size[columns]
        matrix = (transform(points) - origin) / size[columns, None]
        expected += (tested[:, columns] - mean[columns]) @ matrix
        contributions[:, columns] = (X - start)[:, columns] * (field @ matrix.T)
    tolerance = 1e-5 * np.abs(expected - origin).max() + 1e-6 * np.abs(expected).max()
    if np.abs(got - expected).max() > tolerance:
        raise ValueError("explain needs steps that are affine (StandardScaler, PCAWhitener) before the autoencoder")
    return contributions


def mean_field(autoencoder, start, way):
    """Return the mean of r(z) - z over z = start + t way, t in [0, 1], for each row of `way`.

    The product of the mean with the row is the rise of the energy along the path. The rise is known, so a piece of the
    path is done when the two agree.

    Parameters
    ----------
    autoencoder : autoencoder
        An autoencoder with tied weights, gaussian units and a potential.
    start : ndarray of shape (n, m)
        Where the paths begin.
    way : ndarray of shape (n, m)
        Differences between the ends and the beginnings.

    Returns
    -------
    ndarray of shape (n, m)
        float64.

    Raises
    ------
    ValueError
        If the energies overflow float64.
    """
    model = Model.from_estimator(autoencoder).astype(np.float64)
    width = (len(_NODES) + 2) * max(autoencoder.components_.shape)
    out = np.empty(way.shape)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for rows, chunk in row_chunks(way, _FIRST_PIECES * width):
            out[rows] = _path_means(model, start[rows], chunk, width)
    return check_overflow(out, start + way)


def _path_means(model, start, way, width):
    """Return the means of `mean_field` for one chunk of rows. A piece takes `width` numbers of memory."""
    rise = model.energy(start + way) - model.energy(start)
    tolerance = _PATH_TOLERANCE * (1.0 + np.abs(rise))
    out = np.zeros(way.shape)
    owner, low = np.divmod(np.arange(_FIRST_PIECES * len(way)), _FIRST_PIECES)
    pieces, size = np.column_stack([owner, low / _FIRST_PIECES]), 1.0 / _FIRST_PIECES
    for halving in range(_HALVINGS + 1):
        last, todo = halving == _HALVINGS or len(pieces) > _MOST_PIECES * len(way), []
        for _, chunk in row_chunks(pieces, width):
            owner, low = chunk[:, 0].astype(int), chunk[:, 1:]
            mean, error, rounding = _piece(model, start[owner], way[owner], low, size)
            done = (error <= tolerance[owner] + rounding) | last
            np.add.at(out, owner[done], size * mean[done])
            todo.append(chunk[~done])
        if last or not len(pieces := np.vstack(todo)):
            break
        size *= 0.5
        pieces = np.vstack([pieces, pieces + np.array([0.0, size])])
    return out


def _piece(model, start, way, low, size):
    """Return the mean field over t in [low, low + size], the error of its integral, and the rounding of the rise."""
    t = low + 0.5 * size * (1.0 + _NODES)
    field = model.vector_field((start[:, None] + t[..., None] * way[:, None]).reshape(-1, way.shape[1]))
    mean = 0.5 * np.einsum("j,pjm->pm", _SHARES, field.reshape(*t.shape, -1))
    first, final = start + low * way, start + (low + size) * way
    E, F = model.energy(first), model.energy(final)
    rounding = np.abs(E) + np.abs(F) + ((first - model.c) ** 2).sum(axis=1) + ((final - model.c) ** 2).sum(axis=1)
    error = np.abs(size * np.einsum("pm,pm->p", mean, way) - (F - E))
    return mean, error, 32.0 * np.finfo(np.float64).eps * rounding
