"""
Features of digits for a linear classifier
==========================================

The codes of an autoencoder are features. What they are worth is measured here in the usual way: by the same linear
classifier on raw pixels, on principal components, on the hidden units of scikit-learn's `BernoulliRBM`, and on the
codes of two autoencoders.
"""

# %%
# Half of scikit-learn's digits train, the other half tests. The autoencoders have their default parameters. The
# features are learned without labels.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import ContractiveAutoencoder, SaturatingAutoencoder
from skae.plotting import FiltersDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
features = {
    "raw pixels": FunctionTransformer(),
    "PCA": PCA(40, random_state=0),
    "BernoulliRBM": BernoulliRBM(256, learning_rate=0.05, n_iter=20, random_state=0),
    "ContractiveAutoencoder": ContractiveAutoencoder(256, random_state=0),
    "SaturatingAutoencoder": SaturatingAutoencoder(256, random_state=0),
}

# %%
# `RidgeClassifierCV` chooses its own strength for each of them, by cross-validation on the training half.
for name, transformer in features.items():
    classifier = RidgeClassifierCV(np.logspace(-2, 4, 13))
    model = make_pipeline(transformer, StandardScaler(), classifier).fit(X_train, y_train)
    print(f"{name:<24}{model.score(X_test, y_test):6.1%} of the test digits right")

# %%
# What the units respond to, or add to a reconstruction: 36 filters of each kind, in which grey is zero.
panels = {
    "PCA": features["PCA"].components_[:36],
    "BernoulliRBM": features["BernoulliRBM"].components_[:36],
    "ContractiveAutoencoder": features["ContractiveAutoencoder"].components_[:36],
    "SaturatingAutoencoder": features["SaturatingAutoencoder"].decoder_components_[:36],
}
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
figure.get_layout_engine().set(wspace=0.05)
for ax, (name, filters) in zip(axes, panels.items(), strict=True):
    FiltersDisplay(filters).plot(ax)
    ax.set_title(name)
plt.show()
