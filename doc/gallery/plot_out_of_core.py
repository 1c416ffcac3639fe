"""
Learn from a file, a chunk at a time
====================================

`partial_fit` takes data as they come: here from a file on disk, of which one chunk at a time is in memory. Memory does
not grow with the file, and the result is that of the same chunks from memory, to the last bit.
"""

# %%
# A file of patches of photographs stands for one that is too large: 40,000 patches, 10 MB, written in chunks too.
import pathlib
import tempfile
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skae import DenoisingAutoencoder, PCAWhitener
from skae.datasets import natural_patches
from skae.plotting import FiltersDisplay

n_chunks, chunk_size, n_features = 80, 500, 64
folder = tempfile.TemporaryDirectory()
path = pathlib.Path(folder.name) / "patches.npy"
file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_chunks * chunk_size, n_features))
chunks = [slice(start, start + chunk_size) for start in range(0, len(file), chunk_size)]
for seed, rows in enumerate(chunks):
    file[rows] = natural_patches(chunk_size, 8, random_state=seed)
file.flush()
X_valid = natural_patches(2000, 8, random_state=n_chunks).astype(np.float32)


# %%
# Two passes: one for the whitener, one for the autoencoder. After every chunk the autoencoder is scored on patches that
# it does not see, and the most memory that numpy and Python have held since the last chunk is noted.
def learn(X):
    """Return a whitener, an autoencoder, scores and peaks of memory in megabytes."""
    whitener, autoencoder = PCAWhitener(0.99), DenoisingAutoencoder(256, activation="relu", random_state=0)
    for rows in chunks:
        whitener.partial_fit(X[rows])
    Z_valid = whitener.transform(X_valid)
    scores, peaks = [], []
    for number, rows in enumerate(chunks, start=1):
        tracemalloc.reset_peak()
        autoencoder.partial_fit(whitener.transform(X[rows]))
        scores.append(autoencoder.score(Z_valid))
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        if number in (1, 2, 5, 10, 20, 40, 80):
            print(f"chunk {number:2}: denoising R^2 {scores[-1]:.3f}, peak {peaks[-1]:.1f} MB")
    return whitener, autoencoder, scores, peaks


X = np.load(path, mmap_mode="r")
tracemalloc.start()
whitener, autoencoder, scores, peaks = learn(X)
tracemalloc.stop()
print(f"the file: {X.nbytes / 1e6:.1f} MB, a chunk: {X[chunks[0]].nbytes / 1e6:.2f} MB")

# %%
# The same from an array in memory. The whitener's second moments are exact: they are those of one `fit` to all rows, but
# for rounding.
