"""
Why is this sample an outlier?
==============================

`EnergyOutlierDetector` says how well a sample fits to the data that it was trained on, and `explain` says which of its
features are to blame where it does not. Here the data are measurements of benign breast tumours; malignant ones are
what it should find odd.
"""

# %%
# Half of the benign samples train, a quarter sets the threshold, one in twenty of them below it, and a quarter, 90 of
# them, tests beside the malignant ones. There is nothing to scale and nothing to tune.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skae import EnergyOutlierDetector
from skae.plotting import ScoreHistogramDisplay

data = load_breast_cancer()
benign, malignant = data.data[data.target == 1], data.data[data.target == 0]
X_train, X_rest = train_test_split(benign, test_size=0.5, random_state=0)
X_held_out, X_test = train_test_split(X_rest, test_size=0.5, random_state=0)
detector = EnergyOutlierDetector().fit(X_train)
detector.offset_ = np.quantile(detector.score_samples(X_held_out), 0.05)

X = np.concatenate([X_test, malignant])
y = np.repeat([1, -1], [len(X_test), len(malignant)])
print(f"ROC AUC {roc_auc_score(y, detector.score_samples(X)):.3f}")
print(f"outliers: {np.mean(detector.predict(malignant) == -1):.0%} of the malignant samples, ", end="")
print(f"{np.mean(detector.predict(X_test) == -1):.0%} of the benign ones")

# %%
# The contributions of the features sum to the difference between a sample's score and that of the mean.
contributions = detector.explain(X)
differences = detector.score_samples(X) - detector.score_samples(detector.mean_[None])
print(f"the contributions sum to the differences: {np.allclose(contributions.sum(axis=1), differences)}")

# %%
# The malignant sample whose score is in the middle of theirs, and the five features that lower it most.
sample = np.flatnonzero(y == -1)[np.argsort(detector.score_samples(malignant))[len(malignant) // 2]]
worst = np.argsort(contributions[sample])[:5]
print(f"score {detector.score_samples(X[[sample]])[0]:.1f}, threshold {detector.offset_:.1f}")
for i in worst:
    low, high = np.quantile(X_train[:, i], (0.01, 0.99))
    print(
        f"{data.feature_names[i]:<22} {X[sample, i]:7.4g}, 98 % of the benign ones from {low:.3g} to {high:.3g}: "
        f"contribution {contributions[sample, i]:.1f}"
    )

# %%
# Left, the scores (what is lower still counts in the leftmost bin). Right, the contributions of all features to the
# score of that sample: a few make it an outlier, most hardly matter, and some speak for it.
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
ScoreHistogramDisplay.from_estimator(detector, X, y, ax=left)
order = np.argsort(contributions[sample])[::-1]
right.barh(data.feature_names[order], contributions[sample][order])
right.set(xlabel="contribution to the score", title="the malignant sample of median score")
right.tick_params(axis="y", labelsize=7)
plt.show()
