"""
Denoise by one step uphill, or by all of them
=============================================

The reconstruction of a sample is one step along the vector field r(x) - x, uphill in the energy. `relax` takes more of
them, up to a fixed point. The first step takes most of the noise off; the others take a digit to what is typical, and
away from what it was.
"""

# %%
# The units are those of softmax, which compete for each sample. In training the autoencoder adds noise of standard
# deviation 0.3 to clean digits; the test digits get 0.4. Pixels are in [0, 1].
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import DenoisingAutoencoder
from skae.plotting import ReconstructionDisplay

X_train, X_test = train_test_split(load_digits().data / 16, test_size=0.3, random_state=0)
autoencoder = DenoisingAutoencoder(256, activation="softmax", noise_level=0.3, max_iter=80, random_state=0).fit(X_train)
noisy = X_test + 0.4 * np.random.default_rng(0).standard_normal(X_test.shape)


# %%
# No step lowers the energy. The error is least after the first one, and less than that of the projection to principal
# components, be their number the best one for these very digits.
def error(points):
    """Return the mean squared error per pixel."""
    return np.mean((points - X_test) ** 2)


paths = {f"step {n}": autoencoder.relax(noisy, max_iter=n)[0] for n in (1, 2, 5, 10, 20)}
at_rest, n_iter, converged = autoencoder.relax(noisy)
for name, points in ({"clean": X_test, "noisy": noisy} | paths | {"at rest": at_rest}).items():
    print(f"{name:<8} mean energy {autoencoder.score_samples(points).mean():5.2f}   squared error {error(points):.3f}")
print(f"{converged.mean():.0%} have come to rest, after {np.median(n_iter):.0f} steps in the median")
pca = [PCA(n).fit(X_train) for n in range(1, 41)]
print(f"PCA      squared error {min(error(each.inverse_transform(each.transform(noisy))) for each in pca):.3f}")

# %%
# Above, digits after one step; below, the same at rest, where many have become alike.
figure, axes = plt.subplots(2, 1, figsize=(9, 4.8), layout="constrained")
for ax, points, title in zip(axes, (paths["step 1"], at_rest), ("after one step", "at rest"), strict=True):
    ReconstructionDisplay(X_test[:15], points[:15], corrupted=noisy[:15]).plot(ax)
    ax.set_title(title)
plt.show()
