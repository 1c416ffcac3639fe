"""The restricted Boltzmann machine with Gaussian visible units, by contrastive divergence."""

import numpy as np

from skae.activations import as_activation
from skae.model import Model
from skae.objectives import Constrained
from skae.parameters import Layout
from skae.solvers import SGD, Stochastic

from .batches import Batches
from .transformer import Transformer, root_mean_variance, row_weights


class ContrastiveDivergence(Constrained):
    """Free energy of the rows minus that of their reconstructions, which one step of Gibbs sampling draws (CD-1).

    ::

        F(x) = |x - c|^2/2 - sum_k log(1 + exp(w_k.x + b_k))
        value = mean_i F(x_i) - F(x~_i),    h ~ Bernoulli(sigmoid(W x + b)),    x~ ~ Normal(W^T h + c, 1)

    The gradient holds x~ fixed: Hinton, "Training products of experts by minimizing contrastive divergence", Neural
    Computation 2002. -F is the energy of the autoencoder with sigmoid units and tied
    weights (ENERGY eq. 11). The value is no measure of progress, and can be negative.

    Parameters
    ----------
    layout : skae.parameters.Layout
        W (k, d), b (k,) and c (d,).
    """

    def __init__(self, layout):
        self.layout, self.activation = layout, as_activation("sigmoid")

    def value_and_grad(self, theta, X, target=None, sample_weight=None, *, mean_code=None, out=None):
        """Return the value and its gradient. The target is a pair, of which the second is the seed of the draw."""
        return self.contrast(theta, X, self.draw(theta, X, target[1]), sample_weight, out)

    def draw(self, theta, X, seed):
        """Return a reconstruction of each row, drawn from the model with a seed."""
        blocks, rng = self.layout.views(theta), np.random.default_rng(seed)
        P = self.activation.value(X @ blocks["W"].T + blocks["b"])
        H = np.less(rng.random(P.shape, dtype=P.dtype), P).astype(P.dtype)
        drawn = H @ blocks["W"]
        drawn += blocks["c"]
        drawn += rng.standard_normal(X.shape, dtype=X.dtype)
        return drawn

    def contrast(self, theta, X, drawn, sample_weight=None, out=None):
        """Return the value for given reconstructions, and its gradient, for which they are constants."""
        out, n = np.empty_like(theta) if out is None else out, len(X)
        blocks, grads = self.layout.views(theta), self.layout.views(out)
        weight = row_weights(X, sample_weight)
        weight, rows = np.concatenate([weight, -weight]), np.concatenate([X, drawn])
        H, potential = self.activation.value_and_potential(rows @ blocks["W"].T + blocks["b"])
        H *= weight
        np.matmul(H.T, rows, out=grads["W"])
        np.sum(H, axis=0, out=grads["b"])
        rows -= blocks["c"]
        free = 0.5 * np.einsum("ij,ij->i", rows, rows) - potential
        np.matmul(weight[:, 0], rows, out=grads["c"])
        np.negative(out, out=out)
        difference = free[:n].astype(np.float64) - free[n:]
        return float(weight[:n, 0] @ difference), out


class GaussianRBM(Transformer):
    """Restricted Boltzmann machine of Gaussian visible units with variance 1, trained by CD-1 with momentum.

    Training divides the rows by the root mean variance of their features, so the variance of the visible units is the
    mean variance of the features. `components_` are in X's unit.

    Parameters
    ----------
    n_components : int, default=500
        Number of hidden units.
    encoding : {"natural", "rectified", "rectified_bias", "linear"}, default="natural"
        The code: sigmoid(W x + b), max(0, W x) as in ZAE 4.1, max(0, W x + b), or W x.
    learning_rate : float, default=0.05
        Largest learning rate. It falls to zero. On CIFAR-10, 0.01 is too short and 0.2 diverges.
    momentum : float, default=0.9
        Momentum.
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
        encoding="natural",
        learning_rate=0.05,
        momentum=0.9,
        batch_size=100,
        max_iter=50,
        random_state=None,
    ):
        self.n_components, self.encoding = n_components, encoding
        self.learning_rate, self.momentum = learning_rate, momentum
        self.batch_size, self.max_iter, self.random_state = batch_size, max_iter, random_state

    def fit(self, X, y=None):
        """Train the machine."""
        X, rng = self._checked(X, reset=True), np.random.default_rng(self.random_state)
        k, d, scale = self.n_components, X.shape[1], root_mean_variance(X)
        objective = ContrastiveDivergence(Layout(W=(k, d), b=(k,), c=(d,)))
        W = 0.01 * rng.standard_normal((k, d))
        theta = objective.layout.pack(X.dtype, W=W, b=np.zeros(k), c=X.mean(axis=0, dtype=np.float64) / scale)
        rule = SGD(momentum=self.momentum, nesterov=False)
        solver = Stochastic(rule, max_iter=self.max_iter, tol=0.0, learning_rate=self.learning_rate)
        batches = Batches(X, self.batch_size, scale, seeded=True)
        result = solver.minimize(objective, theta, batches, rng)
        blocks = objective.layout.views(result.theta)
        self.components_ = blocks["W"] / X.dtype.type(scale)
        self.intercept_hidden_ = blocks["b"].copy()
        self.intercept_visible_ = blocks["c"] * X.dtype.type(scale)
        self.n_iter_ = result.n_iter
        return self

    def _code(self, X):
        arrays = (self.components_, self.intercept_hidden_, self.intercept_visible_)
        W, b, c = (array.astype(X.dtype, copy=False) for array in arrays)
        return Model(W, b, c, "sigmoid").code(X, self.encoding)
