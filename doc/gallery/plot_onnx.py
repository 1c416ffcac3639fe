"""
A pipeline in onnxruntime
=========================

A fitted pipeline becomes a file that services in other languages can run. The rows are scikit-learn's digits: contrast
normalisation, whitening, and one autoencoder for each class. onnxruntime computes the same labels from the file. What
differs is rounding, which the picture shows for a file of float32 and for one of float64.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import skae.onnx  # noqa: F401 # teaches skl2onnx the estimators of skae
from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, ContrastNormalizer, PCAWhitener

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, _ = train_test_split(X / 16.0, y, random_state=0)
pipeline = make_pipeline(
    ContrastNormalizer(0.1),
    PCAWhitener(0.95, eps=0.1),
    ClassSpecificAEClassifier(ContractiveAutoencoder(30, max_iter=20, tol=0), max_iter=20, random_state=0),
).fit(X_train, y_train)

# %%
# The first rows that ``to_onnx`` sees say which type the file takes. Without ``zipmap``, probabilities are a matrix.


def run(dtype):
    """Return the labels and the probabilities of a file of this type, and its size in kB."""
    file = to_onnx(pipeline, X_test[:1].astype(dtype), options={"zipmap": False}).SerializeToString()
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"X": X_test.astype(dtype)})
    return label, probabilities, len(file) / 1000.0


expected, labels = pipeline.predict_proba(X_test), pipeline.predict(X_test)
figure, axis = plt.subplots(figsize=(6.0, 3.5), layout="constrained")
for dtype in (np.float32, np.float64):
    label, probabilities, size = run(dtype)
    print(f"{dtype.__name__}: {np.sum(label != labels)} of {len(labels)} labels differ, {size:.0f} kB")
    errors = np.abs(probabilities - expected).max(axis=1)
    axis.hist(np.log10(np.maximum(errors, 1e-18)), bins=40, alpha=0.7, label=dtype.__name__)
axis.set(xlabel="largest error of a row's probabilities, log10", ylabel="rows")
axis.legend()
plt.show()
