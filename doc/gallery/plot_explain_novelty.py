"""
Why is this sample an outlier?
==============================

`EnergyOutlierDetector` ranks samples by how well they fit to what it was trained on, and `explain` says which features
are to blame. Here it sees measurements of benign breast tumours only; malignant ones are what it should find odd.
"""

# %%
# A third of the benign samples trains, a third sets the threshold, and a third tests beside the malignant ones. No scaling,
# no tuning.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skae import EnergyOutlierDetector
from skae.plotting import ScoreHistogramDisplay

data = load_breast_cancer()
benign, malignant = data.data[data.target == 1], data.data[data.target == 0]
X_train, X_rest = train_test_split(benign, train_size=1 / 2, random_state=0)
X_held_out, X_test = train_test_split(X_rest, train_size=1 / 2, random_state=0)
detector = EnergyOutlierDetector().fit(X_train)
detector.offset_ = np.quantile(detector.score_samples(X_held_out), 0.05)
X = np.vstack([X_test, malignant])
label = np.repeat([1, -1], [len(X_test), len(malignant)])
print(f"ROC AUC: {roc_auc_score(label, detector.score_samples(X)):.3f}")
print(f"called outliers: {np.mean(detector.predict(malignant) == -1):.1%} malignant, {np.mean(detector.predict(X_test) == -1):.1%} of benign")
contributions = detector.explain(X)
mean_score = detector.score_samples(detector.mean_[None])
print(np.abs(contributions.sum(axis=1) - (detector.score_samples(X) - mean_score)).max() / np.abs(contributions.sum(axis=1)).max())
worst = np.argsort(contributions[label == -1].mean(axis=0))[:6]
print([(data.feature_names[i], contributions[label==-1].mean(axis=0)[i], contributions[label==1].mean(axis=0)[i]) for i in worst])
s = detector.score_samples(malignant)
for i in np.argsort(s)[[0, len(s)//2, -20]]:
    c = detector.explain(malignant[[i]])[0]
    o = np.argsort(c)[:4]
    z = (malignant[i]-X_train.mean(0))/X_train.std(0)
    print(i, s[i], [(data.feature_names[j], round(float(c[j]),1), round(float(z[j]),1)) for j in o])
plt.plot([1])
