"""Scaling of the features inside `MixtureEnsemble`."""

import copy

import numpy as np

from skae.outlier._powers import likeliest_powers
from skae.training import moments, principal_axes, row_chunks

# Whitening raises the variances by this share of the mean variance, because data may lie on a plane.
_VARIANCE_FLOOR = 0.05

# Fits see values rounded to this grid, so that the ties of discrete data stay ties in every unit.
_GRID = 2.0**-16

# Chords shorter than this number of standard deviations would lose digits.
_SHORTEST_CHORD = 1e-6

# Powers are taken of this many elements at a time, which stay in cache.
_CHUNK_ELEMENTS = 2**15


class FeatureScaler:
    """Standardise tabular features for an energy. Optionally remove their skewness, and whiten them.

    The result is ``rotated(marginals(X))``. `marginals` treats each feature on its own, and `rotated` is a symmetric
    linear map.

    Parameters
    ----------
    unskew : bool
        Whether to take a Yeo-Johnson power of each standardised feature, and to standardise the result again. The
        exponent is kept in [0, 2]. Then no tail becomes bounded, and a stray value stays far off.
    whiten : bool
        Whether to divide each principal component by the root of (variance + 0.05) and to rotate back.

    Attributes
    ----------
    mean_, deviation_ : ndarray of shape (n_features,)
        Mean and standard deviation of each feature. The deviation of a constant feature is 1.
    powers_, power_mean_, power_deviation_ : ndarray of shape (n_features,)
        Exponents, and mean and standard deviation of the powers. Absent without `unskew`.
    unit_ : float
        Everything is divided by it. `fit` sets it to 1.
    matrix_ : ndarray of shape (n_features, n_features)
        The whitening. Absent without `whiten`, and where `axes_` take less memory.
    axes_ : ndarray of shape (n_axes, n_features)
        The whitening as ``I / sqrt(0.05) - axes_.T @ axes_``, for fewer rows than features. Absent where there is a
        `matrix_`.
    """

    #: Standardised values are clipped to this distance from 0, so that the squares of their powers stay finite.
    farthest = 1e60
    #: The gain of directions without variance.
    largest_gain = 1.0 / np.sqrt(_VARIANCE_FLOOR)

    def __init__(self, unskew, whiten):
        self.unskew, self.whiten = unskew, whiten

    def fit(self, X):
        """Fit the location and scale, the exponents and the rotation."""
        self.mean_, self.deviation_ = location_and_scale(X)
        self.unit_ = 1.0
        if self.unskew:
            G = self._standardised(X)
            self.powers_ = likeliest_powers(on_grid(G, out=G))
            for rows, chunk in _chunks_in_cache(G):
                G[rows] = self._raised(chunk)
            self.power_mean_, self.power_deviation_ = location_and_scale(G)
        if self.whiten:
            self._fit_whitening(self.marginals(X))
        return self

    def whitened(self, G):
        """Return a copy that whitens; G are the marginals of the training data, which are overwritten."""
        twin = copy.copy(self)
        twin.whiten = True
        twin._fit_whitening(G)
        return twin

    def _fit_whitening(self, G):
        """Find the symmetric whitening matrix, which does not depend on the signs or the order of the eigenvectors.

        The marginals G are overwritten.

        Directions without variance have the largest gain, 1/sqrt(0.05). So the matrix is a multiple of the identity,
        less the square of a matrix that has no more rows than the training data.
        """
        for name in ("matrix_", "axes_"):
            vars(self).pop(name, None)
        n, d = G.shape
        # Axes whose variance is rounding do not matter, so their length does not.
        squares, axes = principal_axes(on_grid(G, out=G), None, np.zeros(d), G.dtype, n * np.finfo(np.float64).eps)
        axes = axes * np.sqrt(self.largest_gain - 1.0 / np.sqrt(squares / n + _VARIANCE_FLOOR))[:, None]
        if len(axes) < d:
            self.axes_ = axes
        else:
            self.matrix_ = -(axes.T @ axes)
            self.matrix_.flat[:: d + 1] += self.largest_gain

    def transform(self, X):
        """Return the scaled features, float64, shape (n_samples, n_features)."""
        return self.rotated(self.marginals(X))

    def rotated(self, G):
        """Return the product of the rows of G with the symmetric matrix of the whitening, divided by `unit_`.

        Because the matrix is symmetric, this also takes a gradient in the scaled features to one in the marginals.

        Parameters
        ----------
        G : ndarray of shape (n, n_features)
            Marginals, or gradients.

        Returns
        -------
        ndarray of shape (n, n_features)
            float64.
        """
        if not self.whiten:
            return G / self.unit_
        Z = G @ self.matrix_ if hasattr(self, "matrix_") else self.largest_gain * G - (G @ self.axes_.T) @ self.axes_
        Z /= self.unit_
        return Z

    def marginals(self, X):
        """Return the scaled features before the whitening, float64, shape (n_samples, n_features)."""
        if not self.unskew:
            return self._standardised(X)
        out = np.empty(X.shape)
        for rows, chunk in _chunks_in_cache(X):
            G = self._raised(self._standardised(chunk))
            G -= self.power_mean_
            np.divide(G, self.power_deviation_, out=out[rows])
        return out

    def chords(self, start, X):
        """Return the slopes of the marginals' chords between rows, float64, shape (n, n_features).

        ``chords(start, X) * (X - start)`` is ``marginals(X) - marginals(start)``. Where the rows hardly differ in a
        feature, the slope is a central difference.
        """
        pad = _SHORTEST_CHORD * self.deviation_
        length = X - start
        short = np.abs(length) < pad
        low, high = np.where(short, start - pad, start), np.where(short, start + pad, X)
        return (self.marginals(high) - self.marginals(low)) / np.where(short, high - low, length)

    def _standardised(self, X):
        """Return the features minus their means, divided by their standard deviations."""
        G = np.empty(X.shape)
        with np.errstate(over="ignore", under="ignore"):
            for rows, chunk in row_chunks(X):
                np.subtract(chunk, self.mean_, out=G[rows])
            G /= self.deviation_
            return G.clip(-self.farthest, self.farthest, out=G)

    def _raised(self, G):
        """Return the Yeo-Johnson powers ((1 + g)^p - 1)/p for g >= 0, -((1 - g)^(2 - p) - 1)/(2 - p) for g < 0."""
        powers = np.where(G < 0.0, 2.0 - self.powers_, self.powers_)
        log = np.abs(G)
        raised = _box_cox(np.log1p(log, out=log), powers)
        return np.copysign(raised, G, out=raised)


def _chunks_in_cache(X):
    """Return the chunks of rows that powers are taken of."""
    return row_chunks(X, rows=max(1, _CHUNK_ELEMENTS // X.shape[1]))


def on_grid(X, out=None):
    """Return X rounded to multiples of 2^-16, with 0 in place of -0; in `out`, which may be X, or a new array."""
    out = np.divide(X, _GRID, out=out)
    np.round(out, out=out)
    out *= _GRID
    out += 0.0
    return out


def _box_cox(log, power):
    """Return (exp(log)^power - 1)/power. If the power is 0, return the logarithm itself."""
    none = power < 1e-8
    any_none = none.any()
    out = power * log
    np.expm1(out, out=out)
    out /= np.where(none, 1.0, power) if any_none else power
    if any_none:
        np.copyto(out, log, where=none)
    return out


def location_and_scale(X):
    """Return the mean and the standard deviation of each feature. The deviation is 1 if only rounding varies."""
    _, mean, variance = moments(X)
    deviation = np.sqrt(variance)
    constant = deviation <= 10.0 * np.finfo(X.dtype).eps * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)
