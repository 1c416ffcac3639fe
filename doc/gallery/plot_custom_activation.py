"""
An activation of your own
=========================

A new activation is one class: its value, its derivatives, and its antiderivative, which the energy is made of. An
instance goes wherever the name of an activation goes.
"""

# %%
# The inverse square root unit has the shape of tanh and needs no exponential. Training needs `value` and `derivative`,
# most penalties `second_derivative`, and `score_samples` needs `potential`: what a class leaves out is refused by name
# where it is needed.
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import check_grad

from skae import ContractiveAutoencoder
from skae.activations import Activation
from skae.datasets import make_circle
from skae.plotting import ActivationDisplay, EnergyDisplay


class InverseSquareRoot(Activation):
    """h(u) = u / sqrt(1 + u^2)."""

    name = "inverse square root"
    at_most_one = True

    def value(self, u, out=None):
        """Return h(u)."""
        return np.divide(u, np.sqrt(1.0 + u * u), out=out)

    def derivative(self, u, h, out=None):
        """Return (1 + u^2)^(-3/2) = (1 - h^2)^(3/2)."""
        return np.power(1.0 - h * h, 1.5, out=out)

    def second_derivative(self, u, h, out=None):
        """Return -3 u (1 + u^2)^(-5/2) = -3 h (1 - h^2)^2."""
        return np.multiply(-3.0 * h, (1.0 - h * h) ** 2, out=out)

    def potential(self, u):
        """Return the sum of sqrt(1 + u^2) - 1 over the units."""
        return np.sum(np.sqrt(1.0 + u * u) - 1.0, axis=-1)


# %%
# Each formula against finite differences of the one before it.
activation = InverseSquareRoot()
u = np.linspace(-3.0, 3.0, 101)
h, step = activation.value(u), 1e-5


def difference(function):
    """Return central differences."""
    return (function(u + step) - function(u - step)) / (2.0 * step)


def potential(u):
    """Return the potential of one unit."""
    return activation.potential(u[:, None])


def derivative(u):
    """Return the derivative."""
    return activation.derivative(u, activation.value(u))


print(f"value:             error {np.abs(difference(potential) - h).max():.0e}")
print(f"derivative:        error {np.abs(difference(activation.value) - derivative(u)).max():.0e}")
print(f"second derivative: error {np.abs(difference(derivative) - activation.second_derivative(u, h)).max():.0e}")

# %%
# An autoencoder of such units learns a circle, beside one with tanh. The field r(x) - x is the gradient of
# `score_samples`, as for every activation with a potential.
X, _ = make_circle(1000, random_state=0)
autoencoders = {
    each: ContractiveAutoencoder(
        20, activation=each, alpha=0.03, solver="lbfgs", max_iter=600, tol=1e-6, random_state=0
    ).fit(X)
    for each in (activation, "tanh")
}
for each, autoencoder in autoencoders.items():
    print(each, autoencoder.score(X), autoencoder.n_iter_)
autoencoder = autoencoders[activation]
gap = check_grad(
    lambda x: autoencoder.score_samples(x[None])[0], lambda x: autoencoder.vector_field(x[None])[0], X[0]
)
print(f"field less gradient of the energy: {gap:.0e}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
ActivationDisplay.from_activation(activation, ax=left)
EnergyDisplay.from_estimator(autoencoder, X, ax=right)
right.set_aspect("equal")
plt.show()
