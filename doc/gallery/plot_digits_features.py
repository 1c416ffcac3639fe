"""
Features of digits for a linear classifier
==========================================

The codes of an autoencoder are features, learned without labels. What they are worth is measured here in the usual
way: by the same linear classifier on the codes, on raw pixels, on principal components, on the hidden units of
scikit-learn's `BernoulliRBM`, and on as many units with random weights.
"""

# %%
# Half of scikit-learn's digits train, the other half tests. The autoencoders have 256 units and default parameters;
# `PCAWhitener` with ``whiten=None`` takes the mean off, which `ZeroBiasAutoencoder` asks for, and whitens nothing.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import ContractiveAutoencoder, PCAWhitener, ZeroBiasAutoencoder
from skae.plotting import FiltersDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
weights = np.random.default_rng(0).standard_normal((256, 64))
features = {
    "raw pixels": FunctionTransformer(),
    "PCA": PCA(40, random_state=0),
    "random weights": FunctionTransformer(lambda X: np.maximum(0, (X - X_train.mean(axis=0)) @ weights.T)),
    "BernoulliRBM": BernoulliRBM(256, learning_rate=0.05, n_iter=20, random_state=0),
    "ContractiveAutoencoder": ContractiveAutoencoder(256, random_state=0),
    "ZeroBiasAutoencoder": make_pipeline(
        PCAWhitener(0.99, whiten=None), ZeroBiasAutoencoder(256, max_iter=60, random_state=0)
    ),
}


# %%
# The features are learned from all training digits; the classifier has the labels of all 898 of them, or of 100 (the
# mean of ten draws). It is a ridge classifier on standardised features, which chooses its own strength by
# cross-validation; a logistic regression, as in "Getting started", does better on raw pixels. Many units, even of
# random weights, make most of the gain over pixels; those of the autoencoders add to it.
def accuracy(rows):
    """Return the test accuracy with the labels of some training rows."""
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-2, 4, 13)))
    return classifier.fit(Z_train[rows], y_train[rows]).score(Z_test, y_test)


draws = StratifiedShuffleSplit(10, train_size=100, random_state=0)
print(f"{'labels:':<24}{'all':>8}{'100':>8}")
for name, transformer in features.items():
    Z_train, Z_test = transformer.fit_transform(X_train), transformer.transform(X_test)
    few = np.mean([accuracy(rows) for rows, _ in draws.split(X_train, y_train)])
    print(f"{name:<24}{accuracy(slice(None)):8.1%}{few:8.1%}")

# %%
# What the units respond to: 36 of each kind; mid-grey is zero.
figure, axes = plt.subplots(2, 2, figsize=(8, 8.6), layout="constrained")
figure.get_layout_engine().set(wspace=0.05, hspace=0.03)
axes = axes.ravel()
FiltersDisplay(features["PCA"].components_[:36]).plot(axes[0])
FiltersDisplay(features["BernoulliRBM"].components_[:36]).plot(axes[1])
FiltersDisplay.from_estimator(features["ContractiveAutoencoder"], n_filters=36, ax=axes[2])
FiltersDisplay.from_estimator(features["ZeroBiasAutoencoder"], n_filters=36, ax=axes[3])
for ax, name in zip(axes, ("PCA", "BernoulliRBM", "ContractiveAutoencoder", "ZeroBiasAutoencoder"), strict=True):
    ax.set_title(name)
plt.show()
