"""What a fitted whitener does to rows, as a value."""

from __future__ import annotations

import dataclasses

import numpy as np

from skae._typing import FloatArray


def scale_of(whitener):
    """Return the factor of each component of a fitted whitener, shape (n_components_,)."""
    variances = whitener.explained_variance_
    if whitener.whiten is None:
        variances = np.full_like(variances, variances.mean())
    variances = variances + whitener.eps
    return np.divide(1.0, np.sqrt(variances), out=np.zeros_like(variances), where=variances > 0.0)


@dataclasses.dataclass(frozen=True)
class Whitening:
    """What a fitted whitener does to dense rows of one dtype, without checks.

    Parameters
    ----------
    mean : ndarray of shape (d,)
        The mean, rounded to the dtype. It is subtracted before the product: after it, it would cost digits.
    components : ndarray of shape (k, d)
        The components.
    scale : ndarray of shape (k,)
        The factors of the components.
    shift : ndarray of shape (k,)
        The rounding of the mean, projected and scaled. It is added after the product.
    rotates_back : bool
        Whether the result is rotated back to the features.
    """

    mean: FloatArray
    components: FloatArray
    scale: FloatArray
    shift: FloatArray
    rotates_back: bool

    @classmethod
    def of(cls, whitener, dtype, subtracts_mean=True):
        """Return the whitening of a fitted whitener. If it does not subtract the mean, the shift has all of it."""
        mean = whitener.mean_.astype(dtype) if subtracts_mean else np.zeros_like(whitener.mean_, dtype=dtype)
        shift = (mean - whitener.mean_) @ whitener.components_.T * scale_of(whitener)
        components, scale = whitener.components_.astype(dtype), scale_of(whitener).astype(dtype)
        return cls(mean, components, scale, shift.astype(dtype), whitener.whiten == "zca")

    def __call__(self, rows):
        """Return the whitened rows."""
        return self.scaled((rows - self.mean) @ self.components.T)

    def scaled(self, products):
        """Return whitened rows from their products with the components, which may be overwritten."""
        products *= self.scale
        products += self.shift
        return products @ self.components if self.rotates_back else products
