"""Measures of fitted autoencoders."""

import numpy as np

from skae.estimators._batches import row_blocks

__all__ = ["parseval_gap"]


def parseval_gap(estimator, X):
    """Return how far the active weights are from Parseval's identity, sum_{k active} (w_k.x)^2 = |x|^2.

    Minimising the reconstruction error of a model without hidden bias drives the active weights of each sample
    towards a Parseval frame (ZAE eq. 6 and 7). With a visible bias c, the gap is::

        mean_x | sum_{k active} (w_k.x)^2 - |x - c|^2 | / mean_x |x - c|^2

    Parameters
    ----------
    estimator : ZeroBiasAutoencoder
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Data.

    Returns
    -------
    float
        0 for a Parseval frame, 1 where no unit is active.

    Raises
    ------
    ValueError
        If the model has a hidden bias, or a decoder of its own.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import PCAWhitener, ZeroBiasAutoencoder
    >>> from skae.metrics import parseval_gap
    >>> X = PCAWhitener(0.99).fit_transform(load_digits().data)
    >>> autoencoder = ZeroBiasAutoencoder(100, max_iter=50, random_state=0).fit(X)
    >>> 0 < parseval_gap(autoencoder, X) < 0.5
    True
    """
    X, p = estimator._validate_prediction(X)
    if p["b"] is not None or p["V"] is not p["W"]:
        raise ValueError(
            f"parseval_gap needs tied weights and no hidden bias (ZeroBiasAutoencoder), got {type(estimator).__name__}"
        )
    activation = estimator._activation()
    gap = total = 0.0
    for _, block in row_blocks(X, len(p["W"])):
        U = block @ p["W"].T
        active = activation.value(U) != 0.0
        squares = np.einsum("ij,ij->i", U, U * active, dtype=np.float64)
        norms = ((block - p["c"]).astype(np.float64) ** 2).sum(axis=1)
        gap, total = gap + float(np.abs(squares - norms).sum()), total + float(norms.sum())
    if total == 0.0:
        return 0.0 if gap == 0.0 else np.inf
    return gap / total
