#!/usr/bin/env bash
# H2O 3.46.0.12: the default autoencoder never reconstructs a value below the mean of its column, and `standardize=True` scales
# by the range.
#
# `activation` ("rectifier" by default) also holds for the last layer, which gives the reconstruction; its documentation does not
# say so. Columns are centred, so a rectified output is the mean or more. Half of the values of these symmetric columns lie below
# it, and are never reconstructed better than by the mean, although 20 units have to reconstruct a line. "tanh" does so nearly
# without error. `standardize` ("automatically standardize the data") divides x - mean by max - min in an autoencoder, and by the
# standard deviation elsewhere. One extreme value therefore makes its column count less in `anomaly`.
#
# Seen with H2O 3.46.0.12 on OpenJDK 17 (needs `java`), 500 rows of (x, 10 x, 100 x) for standard normal x, one thread, seed 1:
#   share of reconstructions below the mean: tanh 0.5, rectifier 0.0; R2: tanh 1.0, rectifier below 0.5; scaled by the range
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check h2o==3.46.0.12 numpy==2.4.6
seen=$(cd "$folder" && "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import socket
import sys

import h2o
import numpy as np
from h2o.estimators import H2OAutoEncoderEstimator

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
h2o.init(ip="127.0.0.1", port=port, bind_to_localhost=True, nthreads=1, max_mem_size="1G", verbose=False)
h2o.no_progress()


def numbers(frame):
    return np.array(frame.as_data_frame(use_pandas=False, header=False), dtype=float)


try:
    X = np.random.default_rng(0).standard_normal((500, 1)) * [1.0, 10.0, 100.0]
    centred = X - X.mean(axis=0)
    frame = h2o.H2OFrame(X.tolist())
    below, r2 = {}, {}
    for activation in ("tanh", "rectifier"):
        model = H2OAutoEncoderEstimator(hidden=[20], activation=activation, epochs=100, seed=1, reproducible=True)
        model.train(x=frame.columns, training_frame=frame)
        reconstructed = numbers(model.predict(frame)) - X.mean(axis=0)
        below[activation] = (reconstructed < -1e-9 * np.ptp(X, axis=0)).mean()
        r2[activation] = 1 - ((reconstructed - centred) ** 2).sum() / (centred**2).sum()
        print(activation, below[activation], r2[activation], file=sys.stderr)
    errors = numbers(model.anomaly(frame, per_feature=True))
    by_range = np.allclose(errors, ((reconstructed - centred) / np.ptp(X, axis=0)) ** 2)
    print(
        f"share of reconstructions below the mean: tanh {below['tanh']:.1f}, rectifier {below['rectifier']:.1f}; "
        f"R2: tanh {r2['tanh']:.1f}, rectifier {'below' if r2['rectifier'] < 0.5 else 'above'} 0.5; "
        f"{'scaled by the range' if by_range else 'scaled by another number'}"
    )
finally:
    h2o.cluster().shutdown()
PYTHON
)
seen=$(tail -n 1 <<<"$seen")
echo "$seen"
test "$seen" = "share of reconstructions below the mean: tanh 0.5, rectifier 0.0; R2: tanh 1.0, rectifier below 0.5; scaled by the range"
