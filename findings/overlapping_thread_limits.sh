#!/usr/bin/env bash
# threadpoolctl 3.8.0: two limits that overlap in two threads leave the process limited for good.
#
# A limit of numpy's OpenBLAS holds for the whole process. `with threadpool_limits(1)` notes the number of threads that it
# finds, and sets it again at its end. From version 3.7 on, the first thread that sets a limit has control, and what other
# threads set is left out without a word, so that they cannot fight. But the second thread still notes the number that the
# first one has set. When the first ends, control is free; when the second ends, it sets the number that it noted, 1.
# Two overlapping fits of scikit-learn's KMeans, which limits BLAS for its fit, do the same to the rest of the program.
#
# Seen with threadpoolctl 3.8.0, numpy 2.4.6, on 2 threads of OpenBLAS:
#   before 2, both inside 1, first out 2, both out 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check threadpoolctl==3.8.0 numpy==2.4.6
seen=$(OPENBLAS_NUM_THREADS=2 "$folder/venv/bin/python" - <<'PYTHON'
import threading

import numpy  # noqa: F401
from threadpoolctl import threadpool_info, threadpool_limits


def count():
    return threadpool_info()[0]["num_threads"]


inside, leave = [threading.Event() for _ in range(2)], [threading.Event() for _ in range(2)]


def work(i):
    with threadpool_limits(1):
        inside[i].set()
        leave[i].wait()


threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
seen = [f"before {count()}"]
for thread, event in zip(threads, inside):
    thread.start()
    event.wait()
seen.append(f"both inside {count()}")
for thread, event, name in zip(threads, leave, ("first", "both")):
    event.set()
    thread.join()
    seen.append(f"{name} out {count()}")
print(", ".join(seen))
PYTHON
)
echo "$seen"
test "$seen" = "before 2, both inside 1, first out 2, both out 1"
