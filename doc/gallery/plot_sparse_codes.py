"""
What makes codes sparse, and what does not
==========================================

Regularized autoencoders are said to learn sparse codes. With relu units, which are off or on, one can count. Noise in
training and a penalty on the mean code make them sparse; a contractive penalty, on units of fixed length, does nothing
at all (Arpit et al. 2016, figure 1).
"""

# %%
# The data are patches of two photographs. The weights of each unit keep length one, so that no model can evade its
# penalty by shrinking them. Noise of standard deviation s stands at alpha = s^2/2, its weight in the expansion of the
# expected loss (Arpit et al. 2016, eq. 7).
import matplotlib.pyplot as plt
import numpy as np

from skae import ContractiveAutoencoder, ContrastNormalizer, DenoisingAutoencoder, SparseAutoencoder
from skae.datasets import natural_patches
from skae.metrics import activation_fraction, dead_unit_fraction
from skae.plotting import SparsityDisplay

X = ContrastNormalizer().fit_transform(natural_patches(2000, 8, random_state=0))
alphas = np.array([0.03, 0.1, 0.3])
relu = {"activation": "relu", "weight_constraint": "unit", "max_iter": 40, "tol": 0, "random_state": 0}
models = {
    "ContractiveAutoencoder": [ContractiveAutoencoder(100, alpha=alpha, **relu) for alpha in alphas],
    "SparseAutoencoder": [SparseAutoencoder(100, alpha=alpha, **relu) for alpha in alphas],
    "DenoisingAutoencoder": [DenoisingAutoencoder(100, noise_level=s, **relu) for s in np.sqrt(2 * alphas)],
}

# %%
# The share of the units that a sample turns on, averaged over the samples. At unit length the contractive penalty of a
# relu unit is a constant wherever the unit is on, and has no gradient: its line is that of no penalty.
plain = activation_fraction(ContractiveAutoencoder(100, alpha=0, **relu).fit(X), X)
fractions = {name: [activation_fraction(model.fit(X), X) for model in fits] for name, fits in models.items()}
print(f"{'alpha':<24}" + "".join(f"{alpha:8g}" for alpha in alphas))
for name, values in fractions.items():
    print(f"{name:<24}" + "".join(f"{value:8.2f}" for value in values))
print(f"{'no penalty':<24}{plain:8.2f}")

# %%
# Too much noise turns units off for good: no sample turns them on again.
noisy = DenoisingAutoencoder(100, noise_level=2, **relu).fit(X)
print(f"dead after training with noise of standard deviation 2: {dead_unit_fraction(noisy, X):.0%} of the units")

# %%
# Left, the table; right, how often each unit is on, at the strongest penalties, with the dead units counted.
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
left.axhline(plain, color="gray", linestyle=":", label="no penalty")
for (name, values), marker in zip(fractions.items(), "os^", strict=True):
    left.semilogx(alphas, values, marker=marker, label=name)
left.set(xlabel="alpha, or half of the squared noise level", ylabel="activation fraction", ylim=(0, 1))
left.legend()
for name, fits in models.items():
    SparsityDisplay.from_estimator(fits[-1], X, name=f"{name}, {alphas[-1]:g}", ax=right)
SparsityDisplay.from_estimator(noisy, X, name="DenoisingAutoencoder, 2", ax=right)
plt.show()
