#!/usr/bin/env bash
# scikit-learn 1.9.1: `ScoringMonitor(scoring=None)`, and a function that returns one number, break the fit that they watch.
#
# The documentation of `scoring` names both: "a callable (see scoring_callable) that returns a single value", and "None, the
# estimator's default evaluation criterion is used". The callback takes what the scorer returns as a dict of scores; only strings
# and what `make_scorer` returns are made one beforehand. The fit ends with "TypeError: 'float' object is not iterable". A dict of
# one function is a way around: scoring={"score": function}.
#
# Seen with scikit-learn 1.9.1, five iterations of LogisticRegression on iris:
#   string works, make_scorer works, dict of a function works, function TypeError, None TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import sklearn
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer

X, y = load_iris(return_X_y=True)


def function(estimator, X, y):
    return accuracy_score(y, estimator.predict(X))


def outcome(scoring):
    try:
        LogisticRegression(max_iter=5).set_callbacks(ScoringMonitor(scoring=scoring)).fit(X, y)
    except TypeError as error:
        print(f"scoring={scoring}: {error}", file=sys.stderr)
        return "TypeError"
    return "works"


print(f"scikit-learn {sklearn.__version__}", file=sys.stderr)
cases = {
    "string": "accuracy",
    "make_scorer": make_scorer(accuracy_score),
    "dict of a function": {"score": function},
    "function": function,
    "None": None,
}
print(", ".join(f"{name} {outcome(scoring)}" for name, scoring in cases.items()))
PYTHON
)
echo "$seen"
test "$seen" = "string works, make_scorer works, dict of a function works, function TypeError, None TypeError"
