"""
A classifier that says "none of these", and learns
==================================================

`ClassSpecificAEClassifier` has one autoencoder per class. Their energies together tell how well a sample fits to any of
the classes, so that what belongs to none can be set aside; and once there are labels for it, a new class is added
without training the others again.
"""

# %%
# A classifier of nine digits: there are no nines in its training. A third of the digits is held out to set the
# threshold, another third tests.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder
from skae.plotting import ReconstructionDisplay, ScoreHistogramDisplay

X, y = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(X / 16, y, train_size=1 / 3, stratify=y, random_state=0)
X_valid, X_test, y_valid, y_test = train_test_split(X_rest, y_rest, train_size=1 / 2, stratify=y_rest, random_state=0)
known = y_train < 9
autoencoder = ContractiveAutoencoder(100, visible="bernoulli")
classifier = ClassSpecificAEClassifier(autoencoder, method="normalize", random_state=0)
classifier.fit(X_train[known], y_train[known])
novel = y_test == 9
print(f"known test digits: {classifier.score(X_test[~novel], y_test[~novel]):.1%} right")
print(f"known against nines, ROC AUC: {roc_auc_score(~novel, classifier.score_samples(X_test)):.3f}")
threshold = np.quantile(classifier.score_samples(X_valid[y_valid < 9]), 0.05)
rejected = classifier.score_samples(X_test) < threshold
print(f"none of these: {rejected[novel].mean():.1%} of the nines, {rejected[~novel].mean():.1%} of the known digits")
labels, counts = np.unique(classifier.predict(X_test[novel & ~rejected]), return_counts=True)
print(dict(zip(labels.tolist(), counts.tolist())))
before = classifier.estimators_[0].components_.copy()
old = classifier.predict(X_test[~novel])
classifier.add_class(X_train, y_train)
print(f"old weights unchanged: {np.array_equal(before, classifier.estimators_[0].components_)}")
print(f"all ten classes: {classifier.score(X_test, y_test):.1%} right, of nines {classifier.score(X_test[novel], y_test[novel]):.1%}, known {classifier.score(X_test[~novel], y_test[~novel]):.1%}")
plt.plot([1])
