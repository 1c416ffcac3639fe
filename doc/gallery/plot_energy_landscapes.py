"""
Energy landscapes of all activations
====================================

The same points of a circle, the same denoising autoencoder of 20 units, fourteen activations. Each has an energy whose
gradient is the way from a point to its reconstruction (Kamyshanska and Memisevic 2015, figure 2), and the shapes that
it can take differ: does it have a dip at the centre of the circle, where there are no data?
"""

# %%
# The noise of the training is 0.2, the radius of the circle 1. L-BFGS suits two features. `threshold` counts where the
# activation has one: trec, tlin and shrink.
import matplotlib.pyplot as plt
import numpy as np

from skae import DenoisingAutoencoder
from skae.activations import ACTIVATIONS
from skae.datasets import make_circle
from skae.plotting import EnergyDisplay

X, _ = make_circle(1000, random_state=0)
parameters = {"threshold": 0.5, "noise_level": 0.2, "solver": "lbfgs", "max_iter": 600, "tol": 0}
autoencoders = {
    name: DenoisingAutoencoder(20, activation=name, **parameters, random_state=0).fit(X) for name in ACTIVATIONS
}

# %%
# How far the energy of the centre is below the mean of the data's. The energy of linear units is a quadratic function,
# highest within the circle; so are those that satlinear, square, softplus and synchrony have learned. To these models
# the centre is more typical than the data; to the others it is less.
centre = np.zeros((1, 2))
dips = {}
for name, autoencoder in autoencoders.items():
    dips[name] = autoencoder.score_samples(X).mean() - autoencoder.score_samples(centre)[0]
    print(f"{name:<10} {dips[name]:7.3f}  denoising R^2 {autoencoder.score(X):.3f}")

# %%
# Bright is high, arrows are r(x) - x. Below the data at the centre need not be a ring: the energy of modulus, softmax,
# relu, shrink, tanh and sigmoid units has a basin inside of a rim that goes around, if unevenly; that of max, tlin and
# trec units has summits here and there.
figure, axes = plt.subplots(3, 5, figsize=(13, 9), layout="constrained", sharex=True, sharey=True)
axes[-1, -1].remove()
for ax, name in zip(axes.ravel(), sorted(dips, key=dips.get, reverse=True), strict=False):
    EnergyDisplay.from_estimator(autoencoders[name], X, n_arrows=12, colorbar=False, ax=ax)
    ax.set(title=f"{name}:\ncentre {'below' if dips[name] > 0 else 'above'} data", xlabel="", ylabel="", aspect="equal")
plt.show()
