"""
Filters along the strength of the saturation penalty
====================================================

`regularization_path` fits an autoencoder at one strength after the other, each from where the last has ended, so that
a unit can be followed along the path. Under the saturation penalty its filter turns from noise into an edge, a bar or
a grating, and its code becomes sparse. Goroshin and LeCun (2013, figure 5) show such a path of satlinear units on
CIFAR-10; these are shrink units, on grey patches.
"""

# %%
# Grey patches of two photographs, each with mean 0 and standard deviation 1. Nothing but the number of units and of
# epochs differs from the defaults.
import matplotlib.pyplot as plt

from skae import ContrastNormalizer, SaturatingAutoencoder, regularization_path
from skae.datasets import natural_patches
from skae.metrics import activation_fraction, denoising_r2, reconstruction_r2
from skae.plotting import PathDisplay

X = ContrastNormalizer().fit_transform(natural_patches(2000, 8, random_state=0))
X_valid = ContrastNormalizer().fit_transform(natural_patches(2000, 8, random_state=1))
autoencoder = SaturatingAutoencoder(64, max_iter=60, random_state=0)
alphas = [0.0, 0.1, 0.3, 1.0, 3.0]
fits = list(regularization_path(autoencoder, X, alphas=alphas))

# %%
# The penalty is paid for in reconstruction: plain reconstruction gets worse at once. What comes back from noisy patches
# does not: it gains from a weak penalty, and suffers from a strong one. The codes become sparser all along.
measures = {"active units": activation_fraction, "reconstruction R^2": reconstruction_r2, "denoising R^2": denoising_r2}
table = {name: [measure(fitted, X_valid) for fitted in fits] for name, measure in measures.items()}
print(f"{'alpha':<20}" + "".join(f"{alpha:6g}" for alpha in alphas))
for name, values in table.items():
    print(f"{name:<20}" + "".join(f"{value:6.2f}" for value in values))

# %%
# Above, a column is a unit, a row a strength.
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 7), layout="constrained", height_ratios=[3, 2])
PathDisplay.from_estimators(fits, ax=above)
for (name, values), marker in zip(table.items(), "os^", strict=True):
    below.plot(range(len(alphas)), values, marker=marker, label=name)
below.set_xticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas])
below.set(xlabel="alpha", ylim=(0, 1))
below.legend()
plt.show()
