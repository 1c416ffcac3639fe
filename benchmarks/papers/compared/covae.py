"""The covariance autoencoder: a gated autoencoder of a row with itself."""

import numpy as np

from skae.activations import as_activation
from skae.corruption import as_corruption
from skae.objectives import Constrained
from skae.parameters import Layout
from skae.solvers import Adam, Stochastic

from .batches import Batches
from .transformer import Transformer, root_mean_variance, row_weights


class GatedReconstruction(Constrained):
    """Mean loss of the reconstruction by a gated autoencoder whose two inputs are the same row.

    ::

        F = X U^T,    H = sigmoid((F * F) P^T + b),    R = (F * (H P)) U + c
        value = mean_i |x_i - r_i|^2 / 2

    The factors U are (f, d), P is (k, f), b is (k,) and c is (d,).

    Parameters
    ----------
    layout : skae.parameters.Layout
        U, P, b and c.
    """

    def __init__(self, layout):
        self.layout, self.activation = layout, as_activation("sigmoid")

    def value_and_grad(self, theta, X, target=None, sample_weight=None, *, mean_code=None, out=None):
        """Return the value and its gradient. The network sees X, and reconstructs the target (None: X)."""
        out = np.empty_like(theta) if out is None else out
        blocks, grads = self.layout.views(theta), self.layout.views(out)
        U, P = blocks["U"], blocks["P"]
        F, S, H = self._responses(blocks, X)
        G = H @ P  # the gain of each factor
        gated = F * G
        E = gated @ U
        E += blocks["c"]
        E -= X if target is None else target
        weight = row_weights(X, sample_weight)
        value = 0.5 * float(weight[:, 0] @ np.einsum("ij,ij->i", E, E))
        E *= weight

        dgated = E @ U.T
        gU = np.matmul(gated.T, E, out=grads["U"])
        np.sum(E, axis=0, out=grads["c"])
        dG = dgated * F
        dQ = dG @ P.T
        dQ *= H * (1.0 - H)
        gP = np.matmul(H.T, dG, out=grads["P"])
        gP += dQ.T @ S
        np.sum(dQ, axis=0, out=grads["b"])
        dF = np.multiply(dgated, G, out=dgated)
        dS = dQ @ P
        dS *= F
        dS *= 2.0
        dF += dS
        gU += dF.T @ X
        return value, out

    def code(self, theta, X):
        """Return the mapping units of the rows of X, shape (n, k)."""
        return self._responses(self.layout.views(theta), X)[2]

    def _responses(self, blocks, X):
        """Return the responses of the factors, their squares, and the mapping units."""
        F = X @ blocks["U"].T
        S = F * F
        Q = S @ blocks["P"].T
        Q += blocks["b"]
        return F, S, self.activation.value(Q, out=Q)


class CovarianceAutoencoder(Transformer):
    """Gated autoencoder of a row with itself: covAE (ZAE 4.2 and figure 5).

    Memisevic, "Gradient-based learning of higher-order image features", ICCV 2011. The mapping units H see products of
    filter responses, and gate the same responses in the reconstruction; see `GatedReconstruction`. Training divides
    the rows by the root mean variance of their features, and corrupts them, because enough factors would learn the
    identity.

    Parameters
    ----------
    n_components : int, default=500
        Number of mapping units, which are the code.
    n_factors : int or None, default=None
        Number of factors. None takes `n_components`.
    noise : {"gaussian", "masking", "salt_and_pepper"} or Corruption, default="gaussian"
        The corruption, as in `skae.DenoisingAutoencoder`.
    noise_level : float, default=0.5
        Standard deviation of gaussian noise, in units of the root mean variance of the features. For the other kinds,
        the probability that a feature is corrupted.
    learning_rate : float, default=0.01
        Largest learning rate of Adam. It falls to zero.
    batch_size : int, default=100
        Rows of a batch.
    max_iter : int, default=50
        Number of passes over the rows.
    random_state : int or None, default=None
        Seed.
    """

    def __init__(
        self,
        n_components=500,
        *,
        n_factors=None,
        noise="gaussian",
        noise_level=0.5,
        learning_rate=0.01,
        batch_size=100,
        max_iter=50,
        random_state=None,
    ):
        self.n_components, self.n_factors = n_components, n_factors
        self.noise, self.noise_level = noise, noise_level
        self.learning_rate, self.batch_size = learning_rate, batch_size
        self.max_iter, self.random_state = max_iter, random_state

    def fit(self, X, y=None):
        """Train the autoencoder."""
        X, rng = self._checked(X, reset=True), np.random.default_rng(self.random_state)
        self.scale_ = root_mean_variance(X)
        corruption = as_corruption(self.noise, self.noise_level)
        batches = Batches(X, self.batch_size, self.scale_, corruption if corruption.level > 0.0 else None)
        objective = self._objective(X.shape[1])
        solver = Stochastic(Adam(), max_iter=self.max_iter, tol=0.0, learning_rate=self.learning_rate)
        result = solver.minimize(objective, self._start(objective.layout, batches, X, rng), batches, rng)
        blocks = {name: view.copy() for name, view in objective.layout.views(result.theta).items()}
        self.components_, self.pooling_ = blocks["U"], blocks["P"]
        self.intercept_hidden_, self.intercept_visible_ = blocks["b"], blocks["c"]
        self.n_iter_, self.loss_curve_ = result.n_iter, result.loss_curve
        return self

    def _objective(self, d):
        """Return the objective for rows of d features."""
        k = self.n_components
        f = k if self.n_factors is None else self.n_factors
        return GatedReconstruction(Layout(U=(f, d), P=(k, f), b=(k,), c=(d,)))

    def _start(self, layout, batches, X, rng):
        """Return a start near the identity, with mapping units near 1/2: U^T U and the gains are about 1."""
        (f, d), k = layout.shapes["U"], self.n_components
        U = rng.standard_normal((f, d)) / np.sqrt(f)
        P = rng.uniform(0.0, 4.0 / k, (k, f))
        rows = batches.X[np.sort(rng.permutation(len(X))[:2000])] if len(X) > 2000 else batches.X
        b = -(np.square(rows @ U.T).mean(axis=0) @ P.T)
        return layout.pack(X.dtype, U=U, P=P, b=b, c=X.mean(axis=0, dtype=np.float64) / self.scale_)

    def _code(self, X):
        objective, blocks = self._objective(X.shape[1]), {"U": self.components_, "P": self.pooling_}
        blocks |= {"b": self.intercept_hidden_, "c": self.intercept_visible_}
        return objective.code(objective.layout.pack(X.dtype, **blocks), X / X.dtype.type(self.scale_))
