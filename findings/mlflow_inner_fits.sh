#!/usr/bin/env bash
# MLflow 3.17.2: `mlflow.sklearn.autolog()` logs the scikit-learn estimators inside an estimator of one's own, and not that itself.
#
# Only scikit-learn's own classes are patched, as documented ("Supported estimators"). A fit of them inside another estimator is
# a fit like any other: each makes a run of its own. In a run that the user has started, their parameters stand as if they were
# those of the model, and the second fit inside only warns ("Changing param values is not allowed"). For scikit-learn's own
# meta-estimators the documentation says that fits inside are not logged; in a one-step Pipeline the same estimator is logged as
# one expects.
#
# Seen with MLflow 3.17.2, scikit-learn 1.9.1, an estimator that fits KMeans(2) and KMeans(3):
#   alone: 2 runs, both of KMeans; in a run of one's own: n_clusters but not smallest; in a Pipeline: 1 run, with smallest
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mlflow==3.17.2 scikit-learn==1.9.1 numpy==2.4.6
seen=$(cd "$folder" && "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import logging

import mlflow
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline

logging.disable(logging.WARNING)
X = load_iris().data


class TwoClusterings(BaseEstimator):
    def __init__(self, smallest=2):
        self.smallest = smallest

    def fit(self, X, y=None):
        self.clusterings_ = [KMeans(self.smallest + i, random_state=0).fit(X) for i in range(2)]
        return self


mlflow.set_tracking_uri("sqlite:///runs.db")
mlflow.sklearn.autolog(log_models=False, silent=True)
TwoClusterings().fit(X)
alone = mlflow.search_runs()
names = set(alone["tags.estimator_name"])
with mlflow.start_run() as run:
    TwoClusterings().fit(X)
own = mlflow.get_run(run.info.run_id).data.params
n_before = len(mlflow.search_runs())
make_pipeline(TwoClusterings()).fit(X)
runs = mlflow.search_runs()
inside = mlflow.get_run(runs["run_id"][0]).data.params
print(
    f"alone: {len(alone)} runs, {'both of KMeans' if names == {'KMeans'} else names}; "
    f"in a run of one's own: {'n_clusters' if 'n_clusters' in own else 'nothing'} "
    f"{'and' if 'smallest' in own else 'but not'} smallest; "
    f"in a Pipeline: {len(runs) - n_before} run, {'with' if 'twoclusterings__smallest' in inside else 'without'} smallest"
)
PYTHON
)
seen=$(tail -n 1 <<<"$seen")
echo "$seen"
test "$seen" = "alone: 2 runs, both of KMeans; in a run of one's own: n_clusters but not smallest; in a Pipeline: 1 run, with smallest"
