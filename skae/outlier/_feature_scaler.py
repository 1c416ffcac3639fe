"""Scaling of the features inside `MixtureEnsemble`."""

import copy

import numpy as np
from sklearn.preprocessing import PowerTransformer

from skae.training import moments

# Whitening raises the variances by this share of the mean variance, because data may lie on a plane.
_VARIANCE_FLOOR = 0.05

# Standardised values are clipped to this distance from 0, so that the squares of their powers stay finite.
_FARTHEST = 1e60

# Fits see values rounded to this grid, so that the ties of discrete data stay ties in every unit.
_GRID = 2.0**-16


class FeatureScaler:
    """Standardise tabular features for an energy. Optionally remove their skewness, and whiten them.

    The result is ``marginals(X) @ matrix_``. `marginals` treats each feature on its own.

    Parameters
    ----------
    unskew : bool
        Whether to take a Yeo-Johnson power of each standardised feature, and to standardise the result again. The
        exponent is kept in [0, 2]. Then no tail becomes bounded, and a stray value stays far off.
    whiten : bool
        Whether to divide each principal component by the root of (variance + 0.05) and to rotate back.
    """

    def __init__(self, unskew, whiten):
        self.unskew, self.whiten = unskew, whiten

    def fit(self, X):
        """Fit the location and scale, the exponents and the rotation."""
        self.mean_, self.deviation_ = location_and_scale(X)
        if self.unskew:
            standard = on_grid(self._standardised(X))
            powers = PowerTransformer(standardize=False).fit(standard).lambdas_
            self.powers_ = np.clip(powers, 0.0, 2.0)
            self.power_mean_, self.power_deviation_ = location_and_scale(self._raised(standard))
        self.matrix_ = self._whitening(X) if self.whiten else np.eye(X.shape[1])
        return self

    def whitened(self, X):
        """Return a copy that whitens; X is the training data."""
        twin = copy.copy(self)
        twin.whiten, twin.matrix_ = True, self._whitening(X)
        return twin

    def _whitening(self, X):
        """Return the symmetric whitening matrix. It does not depend on the signs or the order of the eigenvectors."""
        G = on_grid(self.marginals(X))
        variances, vectors = np.linalg.eigh(G.T @ G / len(G))
        return (vectors / np.sqrt(np.maximum(variances, 0.0) + _VARIANCE_FLOOR)) @ vectors.T

    def marginals(self, X):
        """Return the scaled features before the whitening, float64, shape (n_samples, n_features)."""
        G = self._standardised(X)
        return (self._raised(G) - self.power_mean_) / self.power_deviation_ if self.unskew else G

    def _standardised(self, X):
        """Return the features minus their means, divided by their standard deviations."""
        with np.errstate(over="ignore"):
            return np.clip((X - self.mean_) / self.deviation_, -_FARTHEST, _FARTHEST)

    def _raised(self, G):
        """Return the Yeo-Johnson powers ((1 + g)^p - 1)/p for g >= 0, -((1 - g)^(2 - p) - 1)/(2 - p) for g < 0."""
        above, below = (
            _box_cox(np.log1p(np.maximum(g, 0.0)), p) for g, p in ((G, self.powers_), (-G, 2 - self.powers_))
        )
        return above - below


def on_grid(X):
    """Return X rounded to multiples of 2^-16, with 0 in place of -0."""
    return np.round(X / _GRID) * _GRID + 0.0


def _box_cox(log, power):
    """Return (exp(log)^power - 1)/power. If the power is 0, return the logarithm itself."""
    none = power < 1e-8
    return np.where(none, log, np.expm1(power * log) / np.where(none, 1.0, power))


def location_and_scale(X):
    """Return the mean and the standard deviation of each feature. The deviation is 1 if only rounding varies."""
    _, mean, variance = moments(X)
    deviation = np.sqrt(variance)
    constant = deviation <= 10.0 * np.finfo(X.dtype).eps * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)
