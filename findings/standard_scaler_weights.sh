#!/usr/bin/env bash
# scikit-learn 1.9.1: StandardScaler with positive sample_weight finds a variance below zero for a constant column.
#
# Without weights the variance of a constant column is 0. With weights it is a rounding error, which for about one column in
# five is negative: `var_` holds it, and its square root warns ("invalid value encountered in sqrt"), which is an error where
# warnings are errors. `scale_` is 1 all the same, so the result is right.
#
# Seen with scikit-learn 1.9.1, numpy 2.4.6, 300 constant columns of 60 rows with weights in (0, 1):
#   without weights: none below zero, silent; with weights: some below zero, RuntimeWarning; scale 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
X, weight = np.tile(rng.standard_normal(300), (60, 1)), rng.random(60)


def told(**options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scaler = StandardScaler().fit(X, **options)
    kinds = {each.category.__name__ for each in caught}
    below = "some" if (scaler.var_ < 0.0).any() else "none"
    return f"{below} below zero, {kinds.pop() if kinds else 'silent'}", scaler


plain, _ = told()
weighted, scaler = told(sample_weight=weight)
print(f"without weights: {plain}; with weights: {weighted}; scale {scaler.scale_.max():g}")
PYTHON
)
echo "$seen"
test "$seen" = "without weights: none below zero, silent; with weights: some below zero, RuntimeWarning; scale 1"
