"""
Energy tells maxima of the density from minima
==============================================

An autoencoder is trained on points of a circle. Its field r(x) - x vanishes on the circle, and at the centre too: the
reconstruction error is small at both and cannot tell them apart. The energy, whose gradient the field is, has its
maximum on the circle and a minimum at the centre (Kamyshanska and Memisevic 2015, figure 2).
"""

# %%
# The data are a noisy circle; a contractive autoencoder with the paper's 100 sigmoid units learns them.
import matplotlib.pyplot as plt
import numpy as np

from skae import ContractiveAutoencoder
from skae.datasets import make_circle
from skae.plotting import EnergyDisplay

X, angle = make_circle(1000, random_state=0)
autoencoder = ContractiveAutoencoder(100, alpha=0.03, random_state=0).fit(X)

# %%
# Energy with the field as arrows, and where samples come to rest when they follow it; beside it the reconstruction
# error on the same grid.
start = 0.15 * np.stack([np.cos(angle[:12]), np.sin(angle[:12])], axis=1)
rest, n_iter, converged = autoencoder.relax(start)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3), layout="constrained")
display = EnergyDisplay.from_estimator(autoencoder, X, ax=left)
left.plot(*start.T, "o", color="white", markersize=3)
left.plot(*rest.T, "o", color="black", markersize=5)
points = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
error = autoencoder.reconstruction_error(points)
surface = right.contourf(display.xx0, display.xx1, np.log10(error).reshape(display.xx0.shape), levels=30)
figure.colorbar(surface, ax=right, label="reconstruction_error (log10)")
right.set(aspect="equal", xlabel="x0", ylabel="x1")
plt.show()

# %%
# The centre is reconstructed better than nearly all data, but its energy is below that of all of them, and it is no
# sink of the dynamics: from beside it, all samples have moved to the circle.
centre = points[[np.argmin(np.where(np.linalg.norm(points, axis=1) < 0.5, error, np.inf))]]
better = np.mean(autoencoder.reconstruction_error(X) > autoencoder.reconstruction_error(centre))
print(f"reconstructed worse than the centre: {better:.0%} of the data")
print(f"energy below the centre's: {np.mean(autoencoder.score_samples(X) < autoencoder.score_samples(centre)):.0%}")
print(f"absorbing: {autoencoder.is_absorbing(X).mean():.0%} of the data")
print(f"absorbing at the centre: {autoencoder.is_absorbing(centre)[0]}")
print(f"arrived: {converged.all()}, at radius {np.linalg.norm(rest, axis=1).mean():.2f}")
