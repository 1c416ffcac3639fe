"""
Choose the regularization strength without labels
=================================================

`GridSearchCV` needs a score that can be compared across strengths. Plain reconstruction is none: it always asks for
the weakest regularization. The score of skae's autoencoders is the denoising R^2, the share of the variance that comes
back from noisy samples; it has its optimum in between, and needs no labels.
"""

# %%
# Half of the digits, without their labels, and three folds.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ContractiveAutoencoder
from skae.metrics import denoising_r2, reconstruction_r2

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
alphas = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
autoencoder = ContractiveAutoencoder(100, max_iter=50, random_state=0)
scoring = {"denoising R^2": denoising_r2, "reconstruction R^2": reconstruction_r2}
search = GridSearchCV(autoencoder, {"alpha": alphas}, scoring=scoring, refit="denoising R^2", cv=3).fit(X_train)
print(f"chosen: alpha={search.best_params_['alpha']}")

# %%
# For comparison, what the labels say: the accuracy of a ridge classifier on the standardised codes of each strength, on
# the other half of the digits. The search has come close to the best, not to it.
classifier = make_pipeline(autoencoder, StandardScaler(), RidgeClassifierCV(np.logspace(-2, 4, 13)))
accuracies = []
for alpha in alphas:
    classifier.set_params(contractiveautoencoder__alpha=alpha).fit(X_train, y_train)
    accuracies.append(classifier.score(X_test, y_test))
table = {name: search.cv_results_[f"mean_test_{name}"] for name in scoring} | {"accuracy": accuracies}
print(f"{'alpha':<20}" + "".join(f"{alpha:7g}" for alpha in alphas))
for name, values in table.items():
    print(f"{name:<20}" + "".join(f"{value:7.3f}" for value in values))

# %%
# The largest value of each curve is filled.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for i, (ax, (name, values)) in enumerate(zip((left, left, right), table.items(), strict=True)):
    ax.semilogx(alphas, values, f"C{i}o-", markerfacecolor="white", label=name)
    best = int(np.argmax(values))
    ax.plot(alphas[best], values[best], f"C{i}o", markersize=9)
left.set(xlabel="alpha", ylabel="score of held-out digits, without labels")
left.legend()
right.set(xlabel="alpha", ylabel="accuracy of a linear classifier")
plt.show()
