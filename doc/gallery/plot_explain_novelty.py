"""
Why is this sample an outlier?
==============================

`EnergyOutlierDetector` says how well a sample fits to the data that it was trained on, and `explain` says which of its
features are to blame where it does not. Here the data are measurements of benign breast tumours; malignant ones are
what it should find odd.
"""

# %%
# Half of the benign samples train, a quarter sets the threshold, one in twenty of them below it, and a quarter tests
# beside the malignant ones. There is nothing to scale and nothing to tune. The threshold is meant for 5 % false alarms
# and gives 10 % of 90: it rests on the lowest five of 89 samples, and so few cannot place it better.
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
# Left, the scores; those below -100, of 77 malignant samples and no benign one, count as -100. Right, the ten
# largest contributions to the score of that sample: four make it an outlier, and some speak for it.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
scores = np.maximum(detector.score_samples(X), -100)
groups = np.where(y == 1, "benign", "malignant")
ScoreHistogramDisplay(scores, groups=groups, offset=detector.offset_).plot(left)
largest = np.argsort(np.abs(contributions[sample]))[-10:]
order = largest[np.argsort(contributions[sample][largest])[::-1]]
right.barh(data.feature_names[order], contributions[sample][order])
right.axvline(0, color="black", linewidth=0.8)
right.set(xlabel="contribution to the score", title="the malignant sample of median score")
plt.show()
