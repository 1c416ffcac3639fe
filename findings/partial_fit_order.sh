#!/usr/bin/env bash
# scikit-learn 1.9.1: the third positional argument of `partial_fit` is not the same in its classifiers. SGDClassifier, GaussianNB
# and MultinomialNB take `classes`, MLPClassifier takes `sample_weight`.
#
# Code that is written for one of them, `partial_fit(X, y, classes)`, fails in the first call of MLPClassifier, in words about
# classes that have been passed. In later calls, where classes are allowed but not needed, it passes in silence if a batch has as
# many rows as there are classes: they become weights, and the row that meets class 0 does not count.
#
# Seen with scikit-learn 1.9.1: a batch of three rows of iris, one of each class, after a first call with keywords. Largest
# difference of the first weights from those after a call with keywords:
#   SGDClassifier 0, GaussianNB 0, MLPClassifier above 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

X, y = load_iris(return_X_y=True)
classes, batch = np.arange(3), np.array([0, 50, 100])
found = []
for make, name in ((SGDClassifier, "coef_"), (GaussianNB, "theta_"), (MLPClassifier, "coefs_")):
    options = {} if make is GaussianNB else {"random_state": 0}
    by_position, by_name = (make(**options).partial_fit(X, y, classes=classes) for _ in range(2))
    by_position.partial_fit(X[batch], y[batch], classes)
    by_name.partial_fit(X[batch], y[batch], classes=classes)
    weights = [np.asarray(getattr(model, name)[0]) for model in (by_position, by_name)]
    difference = np.abs(weights[0] - weights[1]).max()
    found.append(f"{make.__name__} {'0' if difference == 0.0 else 'above 0'}")
try:
    MLPClassifier().partial_fit(X, y, classes)
except ValueError as error:
    found.append(str(error))
print(", ".join(found))
PYTHON
)
echo "$seen"
test "$seen" = "SGDClassifier 0, GaussianNB 0, MLPClassifier above 0, classes must be passed on the first call to partial_fit."
