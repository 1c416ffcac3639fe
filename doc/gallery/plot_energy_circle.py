"""
Energy tells maxima of the density from minima
==============================================

An autoencoder is trained on points of a circle. Its field r(x) - x vanishes on the circle, and at the centre too: the
reconstruction error is small at both and cannot tell them apart. The energy, whose gradient the field is, has its
maximum on the circle and a minimum at the centre (Kamyshanska and Memisevic 2015, figure 2).
"""

# %%
# The data are a noisy circle; a contractive autoencoder with 20 sigmoid units learns them.
import matplotlib.pyplot as plt
import numpy as np

from skae import ContractiveAutoencoder
from skae.datasets import make_circle

X, angle = make_circle(1000, random_state=0)
autoencoder = ContractiveAutoencoder(20, alpha=0.03, solver="lbfgs", max_iter=600, tol=1e-6, random_state=0).fit(X)

# %%
# Energy and reconstruction error on a grid, the field as arrows, and where samples come to rest when they follow it.
ticks = np.linspace(-1.6, 1.6, 161)
grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)
points = grid.reshape(-1, 2)
shape = grid.shape[:2]
energy = autoencoder.score_samples(points).reshape(shape)
error = autoencoder.reconstruction_error(points).reshape(shape)
start = 0.15 * np.stack([np.cos(angle[:12]), np.sin(angle[:12])], axis=1)
rest, n_iter, converged = autoencoder.relax(start)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for axes, values, title in (
    (left, np.clip(energy, np.quantile(energy, 0.3), None), "score_samples (energy)"),
    (right, np.log10(error), "reconstruction_error (log10)"),
):
    surface = axes.contourf(ticks, ticks, values, levels=30, cmap="viridis")
    figure.colorbar(surface, ax=axes)
    axes.set(title=title, aspect="equal")
    axes.plot(*X[:300].T, ".", color="white", markersize=2, alpha=0.5)
arrows = (slice(None, None, 10), slice(None, None, 10))
field = autoencoder.vector_field(points).reshape(*shape, 2)[arrows]
left.quiver(*np.moveaxis(grid[arrows], -1, 0), *np.moveaxis(field, -1, 0), color="black", width=0.003)
left.plot(*start.T, "o", color="tab:red", markersize=3)
left.plot(*rest.T, "o", color="tab:orange", markersize=5)
plt.show()

# %%
# The centre is reconstructed better than nearly all data, but its energy is below that of all of them, and it is no
# sink of the dynamics: from beside it, all samples have moved to the circle.
centre = points[[np.argmin(np.where(np.linalg.norm(points, axis=1) < 0.5, error.ravel(), np.inf))]]
better = np.mean(autoencoder.reconstruction_error(X) > autoencoder.reconstruction_error(centre))
print(f"reconstructed worse than the centre: {better:.0%} of the data")
print(f"energy below the centre's: {np.mean(autoencoder.score_samples(X) < autoencoder.score_samples(centre)):.0%}")
print(f"absorbing: {autoencoder.is_absorbing(X).mean():.0%} of the data")
print(f"absorbing at the centre: {autoencoder.is_absorbing(centre)[0]}")
print(f"arrived: {converged.all()}, at radius {np.linalg.norm(rest, axis=1).mean():.2f}")
