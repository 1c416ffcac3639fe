#!/usr/bin/env bash
# distributed 2026.8.0, numpy 2.4.6: an array that is sent to a worker, scattered or as a task's result, need not be aligned to
# its numbers there (`flags.aligned` is False). It is a view of the message that brought it. numpy computes with it as with any
# other, but matrix products copy it first, every time: a product of a matrix with one vector needs as much memory as the matrix.
# A function that gets weights once, and takes many small products with them, is much slower on a worker than alone. A copy of the
# array, made once in the task, is aligned.
#
# Seen: whether W of 8 MB is aligned, and whether tracemalloc counts 8 MB more during `W @ x`: in the program, scattered, the
# result of another worker's task, and a copy of that.
#   True used, False copied, False copied, True used
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0 numpy==2.4.6
cat >"$folder/product.py" <<'PYTHON'
import tracemalloc

import numpy as np
from distributed import Client, LocalCluster


def product(W):
    x = np.ones(len(W))
    tracemalloc.start()
    W @ x
    needed = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return f"{W.flags.aligned} {'copied' if needed > 4.0 else 'used'}"


def product_of_copy(W):
    return product(W.copy())


def ones(n):
    return np.ones((n, n))


if __name__ == "__main__":
    W = ones(1000)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        one, other = client.scheduler_info()["workers"]
        sent, made = client.scatter(W, workers=[one]), client.submit(ones, 1000, workers=[other])
        seen = [product(W), client.submit(product, sent, workers=[one]).result()]
        seen += [client.submit(function, made, workers=[one]).result() for function in (product, product_of_copy)]
    print(", ".join(seen))
PYTHON
seen=$(cd "$folder" && OPENBLAS_NUM_THREADS=1 venv/bin/python product.py 2>/dev/null)
echo "$seen"
test "$seen" = "True used, False copied, False copied, True used"
