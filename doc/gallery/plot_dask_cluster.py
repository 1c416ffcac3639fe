"""
A cluster, and files of Parquet
===============================

The rows lie in several Parquet files, and several workers train on them together. Here the workers are threads of this
process; ``LocalCluster()`` makes processes, and the address of a scheduler reaches other machines.
"""

# %%
# Digits in four files.
import tempfile
from pathlib import Path

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from dask import delayed
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits

import skae.dask
from skae import ContractiveAutoencoder
from skae.plotting import FiltersDisplay

X = (load_digits().data / 16).astype(np.float32)
folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
names = [f"pixel{i}" for i in range(X.shape[1])]
for number, rows in enumerate(np.array_split(X, 4)):
    pq.write_table(pa.table(list(rows.T), names=names), Path(folder.name) / f"{number}.parquet")

# %%
# One machine can go through the files batch by batch, and holds one batch at a time.
stream = ContractiveAutoencoder(36, random_state=0)
for batch in ds.dataset(folder.name).to_batches(batch_size=300):
    stream.partial_fit(pa.Table.from_batches([batch]))
print(f"{stream.n_iter_} batches, {stream.n_samples_seen_} rows")


# %%
# A dask array of the files: each worker reads those that it is given. No file is read before the fit.
def rows_of(path):
    """Return the rows of a file."""
    return np.column_stack([column.to_numpy() for column in pq.read_table(path).columns])


files = sorted(Path(folder.name).glob("*.parquet"))
sizes = [pq.read_metadata(path).num_rows for path in files]
rows = da.concatenate(
    [
        da.from_delayed(delayed(rows_of)(path), (size, X.shape[1]), np.float32)
        for path, size in zip(files, sizes, strict=True)
    ]
)
print(rows.shape, rows.chunks[0])

# %%
# The exact fit by L-BFGS: in each iteration the parameters go to the workers, and gradients come back.
settings = {"solver": "lbfgs", "max_iter": 100, "tol": 0, "random_state": 0}
options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
with LocalCluster(**options) as cluster, Client(cluster) as client:
    print(f"dashboard: {client.dashboard_link}")
    autoencoder = skae.dask.fit(ContractiveAutoencoder(36, alpha=0.3, **settings), rows)
    energies = skae.dask.score_samples(autoencoder, rows).compute()
print(f"{autoencoder.n_iter_} iterations, loss {autoencoder.loss_:.2f}, mean energy {energies.mean():.2f}")
alone = ContractiveAutoencoder(36, alpha=0.3, **settings).fit(X)
print(f"in one array: loss {alone.loss_:.2f}")
folder.cleanup()

# %%
# The filters of the exact fit, and those after one pass.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.8), layout="constrained")
models = (autoencoder, "L-BFGS over all files"), (stream, "one pass, batch by batch")
for ax, (model, title) in zip(axes, models, strict=True):
    FiltersDisplay.from_estimator(model, ax=ax)
    ax.set_title(title)
plt.show()
