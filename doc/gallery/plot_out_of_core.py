"""
Learn from a file, a chunk at a time
====================================

`partial_fit` takes data as they come: here from a file on disk, of which one chunk at a time is in memory. Memory does
not grow with the number of chunks, and the result is that of the same chunks from memory, to the last bit.
"""

# %%
# A file of patches of photographs stands for one that is too large to load. It is written in chunks too.
import pathlib
import tempfile
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skae import DenoisingAutoencoder, PCAWhitener
from skae.datasets import natural_patches

n_chunks, chunk_size, n_features = 50, 500, 64
folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
path = pathlib.Path(folder.name) / "patches.npy"
file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_chunks * chunk_size, n_features))
chunks = [slice(start, start + chunk_size) for start in range(0, len(file), chunk_size)]
for seed, rows in enumerate(chunks):
    file[rows] = natural_patches(chunk_size, 8, random_state=seed)
file.flush()
X_valid = natural_patches(2000, 8, random_state=n_chunks).astype(np.float32)


# %%
# The file is read twice: for the whitener, and for the autoencoder behind it. After every chunk of the second pass, the
# autoencoder is scored on patches that it does not train on.
def learn(X):
    """Return the pipeline, and after each chunk its score and the most memory in use since the last one, in MB."""
    whitener, autoencoder = PCAWhitener(0.99), DenoisingAutoencoder(256, activation="relu", random_state=0)
    for rows in chunks:
        whitener.partial_fit(X[rows])
    pipeline, scores, peaks = make_pipeline(whitener, autoencoder), [], []
    for rows in chunks:
        tracemalloc.reset_peak()
        autoencoder.partial_fit(whitener.transform(X[rows]))
        scores.append(pipeline.score(X_valid))
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        if len(scores) in (1, 2, 5, 10, 20, 50):
            print(f"chunk {len(scores):2}: denoising R^2 {scores[-1]:.3f}, at most {peaks[-1]:.1f} MB in use")
    return pipeline, scores, peaks


X = np.load(path, mmap_mode="r")
print(f"the file: {X.nbytes / 1e6:.1f} MB, a chunk: {X[chunks[0]].nbytes / 1e6:.2f} MB")
tracemalloc.start()
pipeline, scores, peaks = learn(X)

# %%
# Once more, with the same chunks of an array in memory.
from_memory, _, peaks_from_memory = learn(np.array(X))
tracemalloc.stop()
print(f"the same weights: {np.array_equal(pipeline[-1].components_, from_memory[-1].components_)}")

# %%
# `fit` takes the file as it is, too: it reads batches of it in random order, as often as `max_iter` says.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
numbers = np.arange(1, n_chunks + 1)
left.plot(numbers, scores)
left.set(xlabel="chunks", ylabel="denoising R^2 of other patches")
right.plot(numbers, peaks_from_memory, "--", label="chunks of an array")
right.plot(numbers, peaks, label="chunks of a file")
right.set(xlabel="chunks", ylabel="MB in use at most", ylim=(0, None))
right.legend(loc="center right")
plt.show()

del X, file
folder.cleanup()
