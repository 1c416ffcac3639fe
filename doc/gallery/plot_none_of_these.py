"""
A classifier that says "none of these", and learns
==================================================

`ClassSpecificAEClassifier` has an autoencoder for each class. Their energies together say how well a sample fits to any
of the classes, so that what is of none can be set aside. Once it has labels, it becomes a class of its own, without
training the others again.
"""

# %%
# A third of scikit-learn's digits trains, but for the nines; a third sets the threshold; a third tests.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder
from skae.plotting import ScoreHistogramDisplay

X, y = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(X / 16, y, train_size=1 / 3, stratify=y, random_state=0)
X_held_out, X_test, y_held_out, y_test = train_test_split(
    X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=0
)
known, nine = y_train < 9, y_test == 9
autoencoder = ContractiveAutoencoder(100, visible="bernoulli", max_iter=100)
classifier = ClassSpecificAEClassifier(autoencoder, method="normalize", random_state=0)
classifier.fit(X_train[known], y_train[known])
print(f"of the other test digits, {classifier.score(X_test[~nine], y_test[~nine]):.1%} are classified right")

# %%
# `score_samples` is a log-density up to a constant. The threshold is where 5 % of the known digits held out are below.
scores = classifier.score_samples(X_test)
threshold = np.quantile(classifier.score_samples(X_held_out[y_held_out < 9]), 0.05)
rejected = scores < threshold
print(f"none of these: {rejected[nine].mean():.1%} of the nines, {rejected[~nine].mean():.1%} of the other digits")
print(f"ROC AUC {roc_auc_score(~nine, scores):.3f}")
classes, counts = np.unique(classifier.predict(X_test[nine & ~rejected]), return_counts=True)
print("the other nines pass for", ", ".join(f"{n} times {digit}" for digit, n in zip(classes, counts, strict=True)))

# %%
# With labels for the nines, `add_class` trains one autoencoder more. The rows of the other classes serve the constants
# that make energies comparable; their autoencoders stay as they are.
before = [each.components_.copy() for each in classifier.estimators_]
classifier.add_class(X_train, y_train)
after = [each.components_ for each in classifier.estimators_]
print(f"the nine autoencoders are what they were: {all(map(np.array_equal, before, after))}")
print(f"of all test digits, {classifier.score(X_test, y_test):.1%} are classified right, ", end="")
print(f"of the nines {classifier.score(X_test[nine], y_test[nine]):.1%}")

# %%
# What was odd to nine classes is not to ten.
figure, axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained", sharex=True)
groups = np.where(nine, "nines", "other digits")
ScoreHistogramDisplay(scores, groups=groups, offset=threshold).plot(axes[0])
ScoreHistogramDisplay.from_estimator(classifier, X_test, groups, offset=threshold, ax=axes[1])
axes[0].set_title("a classifier of nine digits")
axes[1].set_title("with the tenth")
plt.show()
