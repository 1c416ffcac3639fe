#!/usr/bin/env bash
# distributed 2026.8.0: a LocalCluster of processes changes the environment of the program that starts it, and leaves the changes
# behind when it is closed. MALLOC_TRIM_THRESHOLD_=65536, OMP_NUM_THREADS=1 and others come into `os.environ`. Every process that
# the program starts later, such as joblib's workers, has one BLAS thread and hands back the memory of each temporary array.
#
# What is in the environment wins over the configuration. So the configuration `distributed.nanny.pre-spawn-environ` works for the
# first cluster of a program only: for a second one with another threshold, the workers still have that of the first.
#
# Seen: before, in the worker, after the first cluster; configured for the second cluster, and in its worker.
#   None 65536 65536 1000000 65536
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset MALLOC_TRIM_THRESHOLD_
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
cat >"$folder/clusters.py" <<'PYTHON'
import os

import dask
from distributed import Client, LocalCluster

NAME = "MALLOC_TRIM_THRESHOLD_"


def threshold():
    return os.environ.get(NAME)


def in_worker():
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        (found,) = client.run(threshold).values()
    return found


if __name__ == "__main__":
    before, first, after = threshold(), in_worker(), threshold()
    with dask.config.set({f"distributed.nanny.pre-spawn-environ.{NAME}": 1_000_000}):
        configured = dask.config.get(f"distributed.nanny.pre-spawn-environ.{NAME}")
        print(before, first, after, configured, in_worker())
PYTHON
seen=$(cd "$folder" && venv/bin/python clusters.py 2>/dev/null)
echo "$seen"
test "$seen" = "None 65536 65536 1000000 65536"
