#!/usr/bin/env bash
# scikit-learn 1.9.1: CalibratedClassifierCV(method="sigmoid" or "isotonic") can ruin a classifier whose `decision_function`
# is right; method="temperature" keeps it.
#
# A multi-class `decision_function` says which class wins: a number added to all scores of a row changes no prediction. Unnormalised
# log-densities (quadratic discriminants, energies) come with such an offset. The two methods calibrate each column by itself, over
# all rows, so that the offset of a row counts as evidence; neither the documentation of `decision_function` nor that of the class
# says that scores must be comparable between rows. "temperature" takes the softmax of each row, and is not affected.
#
# Seen with scikit-learn 1.9.1: a logistic regression of the digits, minus half of the squared length of each row as the Gaussian
# log-densities have it. Accuracy on held-out rows:
#   plain 0.96, sigmoid 0.56, isotonic 0.52, temperature 0.96
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


class LogDensities(LogisticRegression):
    def decision_function(self, X):
        return super().decision_function(X) - 0.5 * np.sum(X**2, axis=1, keepdims=True)


X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 4, y, random_state=0)
plain = LogDensities(max_iter=5000).fit(X_train, y_train)
found = [f"plain {plain.score(X_test, y_test):.2f}"]
for method in ("sigmoid", "isotonic", "temperature"):
    calibrated = CalibratedClassifierCV(plain, method=method, ensemble=False).fit(X_train, y_train)
    found.append(f"{method} {calibrated.score(X_test, y_test):.2f}")
print(", ".join(found))
PYTHON
)
echo "$seen"
test "$seen" = "plain 0.96, sigmoid 0.56, isotonic 0.52, temperature 0.96"
