"""
An activation of your own
=========================

A new activation is one class: its value, its derivatives, and its antiderivative, which the energy is made of. An
instance goes wherever the name of an activation goes.
"""

# %%
# The inverse square root unit has the shape of tanh and needs no exponential. Training needs `value` and `derivative`,
# the contractive penalty `second_derivative`, and `score_samples` `potential`; a class may leave out what it does not
# need.
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
# Central differences check each formula against the one before it.
activation, u, step = InverseSquareRoot(), np.linspace(-3.0, 3.0, 101), 1e-5
h = activation.value(u)
formulas = {
    "value": (lambda u: activation.potential(u[:, None]), h),
    "derivative": (activation.value, activation.derivative(u, h)),
    "second derivative": (lambda u: activation.derivative(u, activation.value(u)), activation.second_derivative(u, h)),
}
for name, (antiderivative, expected) in formulas.items():
    difference = (antiderivative(u + step) - antiderivative(u - step)) / (2.0 * step)
    print(f"{name:<18} largest error {np.abs(difference - expected).max():.0e}")

# %%
# An autoencoder of such units learns a circle. Its field r(x) - x is the gradient of its energy, as that of any
# activation with a potential is, and it scores about as one with tanh units does.
X, _ = make_circle(1000, random_state=0)
parameters = {"alpha": 0.03, "solver": "lbfgs", "max_iter": 600, "tol": 1e-6, "random_state": 0}
autoencoder = ContractiveAutoencoder(20, activation=activation, **parameters).fit(X)
tanh = ContractiveAutoencoder(20, activation="tanh", **parameters).fit(X)
print(f"denoising R^2: {autoencoder.score(X):.3f}, with tanh {tanh.score(X):.3f}")
x = X[0]
error = check_grad(lambda x: autoencoder.score_samples([x])[0], lambda x: autoencoder.vector_field([x])[0], x)
print(f"field less the gradient of the energy: {error:.0e}")

# %%
# The displays take it too.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
ActivationDisplay.from_activation(activation, ax=left)
EnergyDisplay.from_estimator(autoencoder, X, ax=right)
plt.show()
