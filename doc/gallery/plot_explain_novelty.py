"""
Why is this sample an outlier?
==============================

`EnergyOutlierDetector` says how well a sample fits to the data that it was trained on, and `explain` says which of its
features are to blame where it does not. First the data are measurements of benign breast tumours; malignant ones are
what it should find odd. Then they are windows of a series, and a part of each was falsified.
"""

# %%
# Half of the benign samples train, a quarter sets the threshold (`calibrate`), and a quarter tests beside the malignant
# ones. There is nothing to scale and nothing to tune. The threshold is meant for 5 % false alarms
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
detector = EnergyOutlierDetector(novelty=True).fit(X_train).calibrate(X_held_out, contamination=0.05)

X = np.concatenate([X_test, malignant])
y = np.repeat([1, -1], [len(X_test), len(malignant)])
print(f"ROC AUC {roc_auc_score(y, detector.score_samples(X)):.3f}")
print(f"outliers: {np.mean(detector.predict(malignant) == -1):.0%} of the malignant samples, ", end="")
print(f"{np.mean(detector.predict(X_test) == -1):.0%} of the benign ones")

# %%
# Each sample is compared with a reference, the mean of the three nearest centres of the training data. The
# contributions of the features sum to the difference between the two scores.
contributions, reference = detector.explain(X, return_reference=True)
differences = detector.score_samples(X) - detector.score_samples(reference)
print(f"the contributions sum to the differences: {np.allclose(contributions.sum(axis=1), differences)}")

# %%
# The malignant sample whose score is in the middle of theirs, and the five features that lower it most.
sample = np.flatnonzero(y == -1)[np.argsort(detector.score_samples(malignant))[len(malignant) // 2]]
worst = np.argsort(contributions[sample])[:5]
print(f"score {detector.score_samples(X[[sample]])[0]:.1f}, threshold {detector.offset_:.1f}")
for i in worst:
    print(
        f"{data.feature_names[i]:<22} {X[sample, i]:7.4g} instead of {reference[sample, i]:7.4g}: "
        f"contribution {contributions[sample, i]:.1f}"
    )

# %%
# Left, the scores. Those of malignant samples reach far down. The bins end near the benign ones, and the first includes
# what lies below. Right, the ten largest contributions to the score of that sample: four make it an outlier, and some
# speak for it.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
ScoreHistogramDisplay.from_estimator(detector, X, np.where(y == 1, "benign", "malignant"), ax=left)
largest = np.argsort(np.abs(contributions[sample]))[-10:]
order = largest[np.argsort(contributions[sample][largest])[::-1]]
right.barh(data.feature_names[order], contributions[sample][order])
right.axvline(0, color="black", linewidth=0.8)
right.set(xlabel="contribution to the score", title="the malignant sample of median score")
plt.show()

# %%
# Windows of a series: three sines whose phases and, slightly, periods are random, and noise. In each new window eight
# steps are replaced by the same steps of another window. No step is odd by itself.
n_steps, size, rng = 60, 8, np.random.default_rng(0)


def windows(n):
    """Return n windows."""
    periods = np.array([[20], [11], [7]]) * rng.uniform(0.95, 1.05, (n, 3, 1))
    phases = rng.random((n, 3, 1)) + np.arange(n_steps) / periods
    sines = np.array([[1.0], [0.5], [0.3]]) * np.sin(2 * np.pi * phases)
    return sines.sum(axis=1) + 0.1 * rng.standard_normal((n, n_steps))


detector = EnergyOutlierDetector(novelty=True).fit(windows(1000))
false = np.arange(n_steps) - rng.integers(0, n_steps - size, (200, 1))
false = (false >= 0) & (false < size)
X = np.where(false, windows(200), windows(200))

# %%
# How often is the worst step a false one? From the mean of all windows, which is flat, the sines themselves are odd.
contributions, reference = detector.explain(X, return_reference=True)
from_mean = detector.explain(X, reference=detector.mean_[None])
for name, values in (("from the mean", from_mean), ("from the nearest centres", contributions)):
    print(f"{name}: {false[np.arange(200), values.argmin(axis=1)].mean():.0%}; chance {false.mean():.0%}")

# %%
# Above, the window of the lowest score and its reference; below, the contributions of its steps. The false steps are
# shaded.
lowest = detector.score_samples(X).argmin()
figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
above.plot(X[lowest], label="window")
above.plot(reference[lowest], "--", label="reference")
above.legend()
below.bar(np.arange(n_steps), contributions[lowest])
below.set(xlabel="step", ylabel="contribution")
for axes in (above, below):
    axes.axvspan(*(np.flatnonzero(false[lowest])[[0, -1]] + [-0.5, 0.5]), color="tab:red", alpha=0.15)
plt.show()
