"""MixtureAutoencoder: a softmax autoencoder trained by maximum likelihood, whose energy is a normalised density."""

from numbers import Integral

import numpy as np

from skae._sklearn_compat import Interval, _fit_context
from skae._validation import DTYPES, check_array, validate_data
from skae._version import VersionedEstimator
from skae.autoencoders import AutoencoderPrediction
from skae.outlier._kmeans import cluster, sample_rows
from skae.training import check_values, dense, moments, seed_of, unchanged_on_error


class MixtureAutoencoder(AutoencoderPrediction, VersionedEstimator):
    """Autoencoder of softmax units with tied weights, trained as a mixture of Gaussians of unit variance.

    With softmax units the energy is the log-density of a mixture, up to a constant (ENERGY eq. 11; its hard limit is
    K-means, ENERGY 3.2)::

        E(x) = log sum_k exp(w_k.x + b_k) - |x|^2/2 = log sum_k p_k exp(-|x - w_k|^2/2) + const
        b_k = log p_k - |w_k|^2/2

    The reconstruction is the mean of the centres w_k under their posterior, so the field r(x) - x is the gradient of
    the log-density. The normaliser is known, so `fit` maximises the likelihood directly, by expectation maximisation
    from the centres of K-means. `MixtureEnsemble` consists of such autoencoders.

    Parameters
    ----------
    n_components : int, default=256
        Largest number of units. There are fewer if K-means finds fewer distinct centres.

    max_iter : int, default=2
        Iterations of expectation maximisation.

    centers : ndarray of shape (n_centers, n_features), default=None
        Centres to start from. None takes those of K-means.

    random_state : int, RandomState instance or None, default=None
        Seed of the sample of rows and of K-means.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        Centres w_k.

    intercept_hidden_ : ndarray of shape (n_components_,)
        Biases b_k.

    intercept_visible_ : ndarray of shape (n_features,)
        Zeros.

    mean_, var_ : ndarray of shape (n_features,)
        Mean and variance of the training data.

    loss_ : float
        Minus the mean log-likelihood.

    loss_curve_ : ndarray of shape (max_iter + 1,)
        `loss_` before each iteration and after the last.

    n_samples_seen_, n_features_in_, n_iter_ : int
        Numbers of rows, features and iterations.
    """

    activation = "softmax"

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "centers": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(self, n_components=256, *, max_iter=2, centers=None, random_state=None):
        self.n_components = n_components
        self.max_iter = max_iter
        self.centers = centers
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Maximise the likelihood of the rows, or of a sample of at most 4096.

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
            If the squares of X overflow, or `centers` are no rows like those of X.
        """
        with unchanged_on_error(self), np.errstate(under="ignore"):
            X = validate_data(self, X, dtype=DTYPES)
            check_values("gaussian", X)
            self.n_samples_seen_, self.mean_, self.var_ = moments(X)
            rng = np.random.default_rng(seed_of(self.random_state))
            rows = dense(sample_rows(X, rng)).astype(np.float64, copy=False)
            W = self.centers
            if W is None:
                W = cluster(rows, self.n_components, int(rng.integers(2**31)))[0]
            else:
                W = check_array(W, dtype=np.float64, input_name="centers")
                if W.shape[1] != X.shape[1]:
                    raise ValueError(f"centers must have {X.shape[1]} columns, as X, got {W.shape[1]}")
            W, log_p = np.asarray(W, dtype=np.float64), np.full(len(W), -np.log(len(W)))
            squares = np.einsum("ij,ij->i", rows, rows)
            constant, curve = 0.5 * (float(squares.mean()) + X.shape[1] * np.log(2.0 * np.pi)), []
            for iteration in range(self.max_iter + 1):
                b = log_p - 0.5 * np.einsum("ij,ij->i", W, W)
                P = rows @ W.T + b
                top = P.max(axis=1, keepdims=True)
                P -= top
                np.exp(P, out=P)
                total = P.sum(axis=1, keepdims=True)
                curve.append(float(constant - np.mean(top + np.log(total))))
                if iteration == self.max_iter:
                    break
                P /= total
                mass = P.sum(axis=0)
                alive = mass > 1e-6  # drop units that no row needs
                P, mass = P[:, alive], mass[alive]
                W, log_p = (P.T @ rows) / mass[:, None], np.log(mass / mass.sum())
            self.components_, self.intercept_hidden_ = W.astype(X.dtype), b.astype(X.dtype)
            self.intercept_visible_ = np.zeros(X.shape[1], dtype=X.dtype)
            self.loss_curve_, self.loss_, self.n_iter_ = np.array(curve), curve[-1], self.max_iter
        return self
