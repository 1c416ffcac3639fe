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
from skae.plotting import ActivationDisplay, FiltersDisplay

X = natural_patches(5000, 8, color=True, random_state=0)
pipeline = make_pipeline(ContrastNormalizer(), PCAWhitener(0.9), ZeroBiasAutoencoder(100, random_state=0)).fit(X)
whitener, autoencoder = pipeline[1:]
print(f"{X.shape[1]} numbers a patch, {whitener.n_components_} after PCAWhitener, {autoencoder.n_components} units")

# %%
# Far fewer units are on in training than in the code. What they represent, they represent linearly: three times the
# contrast makes three times the code.
Z = pipeline[:-1].transform(X)
active = Z @ autoencoder.components_.T > autoencoder.threshold_
codes = pipeline.transform(X)
print(f"units that are on, per patch: {active.sum(axis=1).mean():.1f} in training, {(codes > 0).sum(axis=1).mean():.1f} in the code")
print(f"three times the contrast, three times the code: {np.allclose(autoencoder.transform(3 * Z), 3 * codes)}")
print(f"variance that the reconstruction keeps: {1 - np.sum(autoencoder.vector_field(Z) ** 2) / np.sum(Z**2):.1%}")

# %%
# Left, the unit with its threshold, and where the pre-activations Wx lie: most are below it. Right, the filters, taken
# back through the whitener: edges, gratings and patches of one colour.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
ActivationDisplay.from_estimator(pipeline, X, ax=left)
FiltersDisplay.from_estimator(pipeline, ax=right)
plt.show()
