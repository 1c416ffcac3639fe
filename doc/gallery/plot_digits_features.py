"""
Features of digits, for a linear classifier
===========================================

The codes of an autoencoder are features. What they are worth is measured here as it usually is: the same linear
classifier on raw pixels, on principal components, on the hidden units of scikit-learn's `BernoulliRBM`, and on the
codes of two of skae's autoencoders.
"""

# %%
# Half of scikit-learn's digits train, without their labels; the other half tests. `PCAWhitener` with ``whiten=None``
# takes the mean off and gives the principal components one common scale, which `ZeroBiasAutoencoder` asks for.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import ContractiveAutoencoder, PCAWhitener, ZeroBiasAutoencoder
from skae.plotting import FiltersDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
features = {
    "raw pixels": FunctionTransformer(),
    "PCA": PCA(40, random_state=0),
    "BernoulliRBM": BernoulliRBM(256, learning_rate=0.05, n_iter=20, random_state=0),
    "ContractiveAutoencoder": ContractiveAutoencoder(256, alpha=0.03, encoding="rectified", random_state=0),
    "ZeroBiasAutoencoder": make_pipeline(PCAWhitener(0.99, whiten=None), ZeroBiasAutoencoder(256, random_state=0)),
}

# %%
# `RidgeClassifierCV` chooses its own strength for each of them, by cross-validation on the training half.
for name, transformer in features.items():
    classifier = RidgeClassifierCV(np.logspace(-2, 4, 13))
    model = make_pipeline(transformer, StandardScaler(), classifier).fit(X_train, y_train)
    print(f"{name:<24}{model.score(X_test, y_test):6.1%} of the test digits right")

# %%
# What the units look for: a grey filter each, mid-grey is zero. Those of the autoencoders are strokes and parts of
# strokes; those of the principal components cover the whole image and are, from the third row on, of finer and finer
# detail.
figure, axes = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained")
FiltersDisplay(features["PCA"].components_).plot(axes[0])
FiltersDisplay(features["BernoulliRBM"].components_[:64]).plot(axes[1])
FiltersDisplay.from_estimator(features["ContractiveAutoencoder"], n_filters=64, ax=axes[2])
FiltersDisplay.from_estimator(features["ZeroBiasAutoencoder"], n_filters=64, ax=axes[3])
for panel, title in zip(axes, list(features)[1:], strict=True):
    panel.set_title(title)
plt.show()
