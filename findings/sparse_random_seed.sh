#!/usr/bin/env bash
# scipy 1.17.1: what `scipy.sparse.random` costs depends on how the seed is given. With `random_state=0` it takes memory and time
# for all cells of the matrix, with `rng=0` for the stored values only.
#
# An integer `random_state` becomes numpy's legacy RandomState. Its `choice` without replacement permutes all cells, eight
# bytes each; that of the newer Generator draws only as many as it returns. Wide sparse test data of a benchmark or an example
# then need as much memory as dense ones, and most of their time is not that of what is tested.
#
# Seen with scipy 1.17.1, numpy 2.4.6: a matrix of 2000 x 2000 with 400 stored values
#   random_state=0: at least 8 bytes a cell; rng=0: less than 1 byte a cell
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import tracemalloc

from scipy import sparse

words = []
for seed in ({"random_state": 0}, {"rng": 0}):
    sparse.random(10, 10, density=0.1, **seed)  # what a first call imports does not count
    tracemalloc.start()
    assert sparse.random(2000, 2000, density=1e-4, **seed).nnz == 400
    peak = tracemalloc.get_traced_memory()[1] / 2000**2
    tracemalloc.stop()
    size = "at least 8 bytes a cell" if peak >= 8 else "less than 1 byte a cell" if peak < 1 else f"{peak:.1f} bytes a cell"
    words.append(f"{next(iter(seed))}=0: {size}")
print("; ".join(words))
PYTHON
)
echo "$seen"
test "$seen" = "random_state=0: at least 8 bytes a cell; rng=0: less than 1 byte a cell"
