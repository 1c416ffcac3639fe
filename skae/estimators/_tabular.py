"""Feature scaling inside `EnergyOutlierDetector`."""

import numpy as np
from sklearn.preprocessing import PowerTransformer

from skae.estimators._batches import moments

# Variances of whitened features are raised by this share of the mean variance: data may lie on a plane.
_VARIANCE_FLOOR = 0.05


class FeatureScaler:
    """Bring tabular features to the unit scale of an energy: standardised, perhaps unskewed, perhaps whitened.

    The result is ``marginals(X) @ matrix_``, where `marginals` treats each feature on its own.

    Parameters
    ----------
    unskew : bool
        Whether to take a Yeo-Johnson power of each standardised feature, with its exponent kept in [0, 2], so that no
        tail becomes bounded and a stray value stays far off; standardised again.
    whiten : bool
        Whether to rotate to the principal components and divide by the root of (variance + 0.05).
    """

    def __init__(self, unskew, whiten):
        self.unskew, self.whiten = unskew, whiten

    def fit(self, X):
        """Find location and scale, exponents and rotation."""
        self.mean_, self.deviation_ = _location_and_scale(X)
        self.powers_ = None
        if self.unskew:
            standard = self.marginals(X)
            powers = PowerTransformer(standardize=False).fit(standard).lambdas_
            self.powers_ = np.clip(powers, 0.0, 2.0)
            self.power_mean_, self.power_deviation_ = _location_and_scale(self._raised(standard))
        self.matrix_ = np.eye(X.shape[1])
        if self.whiten:
            G = self.marginals(X)
            variances, vectors = np.linalg.eigh(G.T @ G / len(G))
            self.matrix_ = vectors / np.sqrt(np.maximum(variances, 0.0) + _VARIANCE_FLOOR)
        return self

    def marginals(self, X):
        """Return what becomes of each feature on its own, float64, shape (n_samples, n_features)."""
        G = (X - self.mean_) / self.deviation_
        return G if self.powers_ is None else (self._raised(G) - self.power_mean_) / self.power_deviation_

    def _raised(self, G):
        """Yeo-Johnson: ((1 + g)^p - 1)/p for g >= 0, -((1 - g)^(2 - p) - 1)/(2 - p) below."""
        above, below = (
            _box_cox(np.log1p(np.maximum(g, 0.0)), p) for g, p in ((G, self.powers_), (-G, 2 - self.powers_))
        )
        return above - below


def _box_cox(log, power):
    """Return (exp(log)^power - 1)/power, and the logarithm itself where the power is 0."""
    none = power < 1e-8
    return np.where(none, log, np.expm1(power * log) / np.where(none, 1.0, power))


def _location_and_scale(X):
    """Mean and standard deviation of the features, 1 for those that vary by no more than rounding."""
    _, mean, variance = moments(X)
    deviation = np.sqrt(variance)
    constant = deviation <= 10.0 * np.finfo(X.dtype).eps * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)
