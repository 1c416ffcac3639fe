#!/usr/bin/env bash
# scikit-learn 1.9.1: validation keeps float32 of a pandas table, and makes float64 of the same columns in polars, pyarrow and
# pandas' own nullable types.
#
# `check_array(X, dtype=[float64, float32])` is what transformers that keep float32 ask for ("one of these, else the first").
# It looks for numpy dtypes on the table. Tables of other libraries have none there, so they count as "else", although their
# values arrive as float32. The memory doubles, and a pipeline's result depends on the library that holds the table.
#
# Seen with scikit-learn 1.9.1, numpy 2.4.6, pandas 3.0.1, polars 1.38.1, pyarrow 23.0.1:
#   pandas float32, polars float64, pyarrow float64, pandas Float32 float64
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    scikit-learn==1.9.1 numpy==2.4.6 pandas==3.0.1 polars==1.38.1 pyarrow==23.0.1
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from sklearn.utils import check_array

columns = {"a": np.array([1.0, 2.0], dtype=np.float32), "b": np.array([3.0, 5.0], dtype=np.float32)}
frame = pd.DataFrame(columns)
tables = {
    "pandas": frame,
    "polars": pl.DataFrame(columns),
    "pyarrow": pa.table(columns),
    "pandas Float32": frame.astype("Float32"),
}
print(", ".join(f"{name} {check_array(X, dtype=[np.float64, np.float32]).dtype}" for name, X in tables.items()))
PYTHON
)
echo "$seen"
test "$seen" = "pandas float32, polars float64, pyarrow float64, pandas Float32 float64"
