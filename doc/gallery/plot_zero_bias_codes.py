"""
Zero-bias units select by a threshold, and code without it
==========================================================

The units of `ZeroBiasAutoencoder` are off up to a threshold and linear above it, and have no bias. The threshold
serves training only: the code that `transform` returns is max(0, Wx) (Konda, Memisevic and Krueger 2015). Here they
learn from patches of two photographs, in colour.
"""

# %%
# The usual preparation of patches: `ContrastNormalizer` gives each one mean 0 and standard deviation 1, `PCAWhitener`
# drops the directions of smallest variance and gives all others unit variance.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skae import ContrastNormalizer, PCAWhitener, ZeroBiasAutoencoder
from skae.datasets import natural_patches
from skae.metrics import reconstruction_r2
from skae.plotting import ActivationDisplay, FiltersDisplay

X = natural_patches(2500, 8, color=True, random_state=0)
pipeline = make_pipeline(
    ContrastNormalizer(), PCAWhitener(0.9), ZeroBiasAutoencoder(100, max_iter=100, random_state=0)
).fit(X)
whitener, autoencoder = pipeline[1:]
print(f"{X.shape[1]} numbers a patch, {whitener.n_components_} after PCAWhitener, {autoencoder.n_components} units")

# %%
# In training a unit is on where Wx is above the threshold: few of them select a patch, and their sum reconstructs it.
# In the code, without the threshold, about half are on. Twice the input makes twice the code.
Z = pipeline[:-1].transform(X)
codes = autoencoder.transform(Z)
pre_activations = Z @ autoencoder.components_.T
on_in_training = (pre_activations > autoencoder.threshold_).sum(axis=1)
on_in_code = (codes > 0).sum(axis=1)
print(f"units that are on for a patch: {on_in_training.mean():.1f} in training, {on_in_code.mean():.1f} in the code")
print(f"variance that the reconstruction keeps: {reconstruction_r2(pipeline, X):.0%}")
print(f"twice the input, twice the code: {np.allclose(autoencoder.transform(2 * Z), 2 * codes)}")

# %%
# Left, the unit of the training, and where the pre-activations Wx lie: most are below the threshold. Right, the
# filters, taken back through the whitener: edges, gratings, and patches of one colour.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
ActivationDisplay.from_estimator(pipeline, X, ax=left)
FiltersDisplay.from_estimator(pipeline, ax=right)
plt.show()
