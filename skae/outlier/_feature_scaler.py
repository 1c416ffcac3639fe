"""Feature scaling inside `EnergyOutlierDetector`."""

import copy

import numpy as np
from sklearn.preprocessing import PowerTransformer

from skae.training import moments

# Variances of whitened features are raised by this share of the mean variance: data may lie on a plane.
_VARIANCE_FLOOR = 0.05

# Standardised values are no farther from 0: powers of them, squared, stay finite.
_FARTHEST = 1e60

# What is fitted is fitted to values rounded to this: the ties of discrete data stay ties, whatever their unit.
_GRID = 2.0**-16


class FeatureScaler:
    """Bring tabular features to the unit scale of an energy: standardised, perhaps unskewed, perhaps whitened.

    The result is ``marginals(X) @ matrix_``, where `marginals` treats each feature on its own.

    Parameters
    ----------
    unskew : bool
        Whether to take a Yeo-Johnson power of each standardised feature, with its exponent kept in [0, 2], so that no
        tail becomes bounded and a stray value stays far off; standardised again.
    whiten : bool
        Whether to divide each principal component by the root of (variance + 0.05), and rotate back.
    """

    def __init__(self, unskew, whiten):
        self.unskew, self.whiten = unskew, whiten

    def fit(self, X):
        """Find location and scale, exponents and rotation."""
        self.mean_, self.deviation_ = location_and_scale(X)
        self.powers_ = None
        if self.unskew:
            standard = on_grid(self.marginals(X))
            powers = PowerTransformer(standardize=False).fit(standard).lambdas_
            self.powers_ = np.clip(powers, 0.0, 2.0)
            self.power_mean_, self.power_deviation_ = location_and_scale(self._raised(standard))
        self.matrix_ = self._whitening(X) if self.whiten else np.eye(X.shape[1])
        return self

    def whitened(self, X):
        """Return a copy that whitens, X being the training data."""
        twin = copy.copy(self)
        twin.whiten, twin.matrix_ = True, self._whitening(X)
        return twin

    def _whitening(self, X):
        """The symmetric whitening matrix: the one that depends on no sign or order of eigenvectors."""
        G = on_grid(self.marginals(X))
        variances, vectors = np.linalg.eigh(G.T @ G / len(G))
        return (vectors / np.sqrt(np.maximum(variances, 0.0) + _VARIANCE_FLOOR)) @ vectors.T

    def marginals(self, X):
        """Return what becomes of each feature on its own, float64, shape (n_samples, n_features)."""
        with np.errstate(over="ignore"):
            G = np.clip((X - self.mean_) / self.deviation_, -_FARTHEST, _FARTHEST)
        return G if self.powers_ is None else (self._raised(G) - self.power_mean_) / self.power_deviation_

    def _raised(self, G):
        """Yeo-Johnson: ((1 + g)^p - 1)/p for g >= 0, -((1 - g)^(2 - p) - 1)/(2 - p) below."""
        above, below = (
            _box_cox(np.log1p(np.maximum(g, 0.0)), p) for g, p in ((G, self.powers_), (-G, 2 - self.powers_))
        )
        return above - below


def on_grid(X):
    """Return X rounded to multiples of 2^-16, none of them -0."""
    return np.round(X / _GRID) * _GRID + 0.0


def _box_cox(log, power):
    """Return (exp(log)^power - 1)/power, and the logarithm itself where the power is 0."""
    none = power < 1e-8
    return np.where(none, log, np.expm1(power * log) / np.where(none, 1.0, power))


def location_and_scale(X):
    """Mean and standard deviation of the features, 1 for those that vary by no more than rounding."""
    _, mean, variance = moments(X)
    deviation = np.sqrt(variance)
    constant = deviation <= 10.0 * np.finfo(X.dtype).eps * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)
