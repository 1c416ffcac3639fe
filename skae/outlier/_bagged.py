"""BaggedMixtureAutoencoder: many small mixtures whose centres are rows drawn at random."""

from numbers import Integral

import numpy as np

from skae._sklearn_compat import Interval, _fit_context
from skae._validation import DTYPES, validate_data
from skae._version import VersionedEstimator
from skae.activations import Softmax
from skae.autoencoders import AutoencoderPrediction
from skae.training import check_values, dense, moments, seed_of, unchanged_on_error


class BaggedMixtureAutoencoder(AutoencoderPrediction, VersionedEstimator):
    """Autoencoder of grouped softmax units with tied weights: the mean of the log-densities of many small mixtures.

    A mixture has few components of unit variance and of equal shares. Its centres w_k are rows drawn at random. The
    energy is the mean over the M mixtures, each a group of s units (`skae.activations.Softmax`)::

        E(x) = (1/M) sum_m log sum_k exp(w_mk.x + b_mk) - |x|^2/2,    b_mk = -|w_mk|^2/2 - log s

    All rows are drawn equally often, or once at most. A row is a centre of few mixtures, so it raises its own score
    little. For this an isolation forest grows each tree on few rows, and Sugiyama and Borgwardt (2013) measure
    distances to few rows. The field r(x) - x is the gradient of the energy. `MixtureEnsemble` has two of these with
    ``robust=True``.

    Parameters
    ----------
    n_mixtures : int, default=10
        Number of mixtures M.

    n_components : int, default=8
        Components of each mixture, and no more than half as many as rows.

    random_state : int, RandomState instance or None, default=None
        Seed of the rows that are drawn.

    Attributes
    ----------
    components_ : ndarray of shape (n_mixtures * s, n_features)
        Centres: the first of each mixture, then the second of each, and so on. They are rows of the training data.

    intercept_hidden_ : ndarray of shape (n_mixtures * s,)
        Biases.

    intercept_visible_ : ndarray of shape (n_features,)
        Zeros.

    mean_, var_ : ndarray of shape (n_features,)
        Mean and variance of the training data.

    n_samples_seen_, n_features_in_ : int
        Rows and features.
    """

    _parameter_constraints: dict = {
        "n_mixtures": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_mixtures=10, n_components=8, *, random_state=None):
        self.n_mixtures = n_mixtures
        self.n_components = n_components
        self.random_state = random_state

    @property
    def activation(self):
        """Softmax units in a group for each mixture."""
        return Softmax(self.n_mixtures)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Draw the centres.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, in units of the standard deviation of a component.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the squares of X overflow.
        """
        with unchanged_on_error(self):
            X = validate_data(self, X, dtype=DTYPES)
            check_values("gaussian", X)
            self.n_samples_seen_, self.mean_, self.var_ = moments(X)
            rng = np.random.default_rng(seed_of(self.random_state))
            size = max(1, min(self.n_components, len(X) // 2))
            n_drawn = size * self.n_mixtures
            shuffled = [rng.permutation(len(X)) for _ in range(0, n_drawn, len(X))]  # each row is drawn as often
            drawn = np.concatenate(shuffled)[:n_drawn].reshape(self.n_mixtures, size)
            self.components_ = dense(X[drawn.T.ravel()])
            squares = np.einsum("ij,ij->i", self.components_, self.components_, dtype=np.float64)
            self.intercept_hidden_ = (-0.5 * squares - np.log(size)).astype(X.dtype)
            self.intercept_visible_ = np.zeros(X.shape[1], dtype=X.dtype)
        return self

    def nearest_variance(self, X):
        """Return the mean squared difference of a feature between a row and the nearest centre of each mixture."""
        W = np.asarray(self.components_, dtype=np.float64)
        near = X @ W.T - 0.5 * np.einsum("ij,ij->i", W, W)
        nearest = near.reshape(len(X), -1, self.n_mixtures).max(axis=1).mean(axis=1)
        squares = np.einsum("ij,ij->i", X, X)
        return max(float(np.mean(squares - 2.0 * nearest)), 0.0) / X.shape[1]
