"""
A network that starts as an autoencoder
=======================================

The hidden layer of `FineTunedClassifier` starts as an autoencoder, which needs no labels. That helps where few of many
rows have labels (Konda, Memisevic and Krueger 2015, section 4.1).
"""

# %%
# Half of the digits train, and the autoencoder sees all of them. But only 10, 30 or 60 of each class show their label.
# `MLPClassifier` is the same network, and starts from random weights. Both learn from the same labels, three times.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skae import DenoisingAutoencoder, FineTunedClassifier
from skae.plotting import FiltersDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
encoder = DenoisingAutoencoder(150, activation="relu", random_state=0).fit(X_train)
networks = {
    "from the autoencoder": lambda seed: FineTunedClassifier(encoder, prefit=True, random_state=seed),
    "from random weights": lambda seed: MLPClassifier(150, max_iter=1000, random_state=seed),
}
numbers = (10, 30, 60)
scores = {name: np.empty((len(numbers), 3)) for name in networks}
for i, number in enumerate(numbers):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = np.concatenate([rng.permutation(np.flatnonzero(y_train == j))[:number] for j in range(10)])
        for name, make in networks.items():
            scores[name][i, seed] = make(seed).fit(X_train[rows], y_train[rows]).score(X_test, y_test)
    for name, values in scores.items():
        print(f"{number} labels of each class, {name}: {values[i].mean():.1%} of the test digits right")

# %%
# Means and ranges of the accuracy, and the filters of the autoencoder before and after fine-tuning with all labels.
tuned = FineTunedClassifier(encoder, prefit=True, random_state=0).fit(X_train, y_train).encoder_
figure, (left, *others) = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for name, values in scores.items():
    left.plot(numbers, values.mean(axis=1), marker="o", label=name)
    left.fill_between(numbers, values.min(axis=1), values.max(axis=1), alpha=0.2)
left.set(xlabel="labels of each class", ylabel="test accuracy")
left.legend()
for axes, (title, each) in zip(others, {"autoencoder": encoder, "fine-tuned": tuned}.items(), strict=True):
    FiltersDisplay(each.components_[:64]).plot(axes, n_columns=8)
    axes.set_title(title)
plt.show()
