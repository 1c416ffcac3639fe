"""What one row costs: the estimators, `Model` on arrays, onnxruntime, and estimators of scikit-learn.

    python benchmarks/serving.py [--features 64] [--units 256]

float32, one thread. The figures are the least of five runs of a thousand calls, in microseconds, all by turns.
"""

import argparse
import platform
import time
import timeit
import warnings

import numpy as np
import onnxruntime
import sklearn
from skl2onnx import to_onnx
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

import skae.onnx
from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    EnergyOutlierDetector,
    FineTunedClassifier,
    PCAWhitener,
)
from skae.model import Model

RUNS, CALLS = 5, 1000


def session_of(estimator, X, **options):
    """Return a function of rows that runs a converted estimator."""
    model = to_onnx(estimator, X[:1], options={id(estimator): options} if options else None)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return lambda row: session.run(None, {"X": row})


def calls(X, y, n_units):
    """Return the functions to measure, by what they are called."""
    brief = {"max_iter": 2, "tol": 0, "random_state": 0}
    autoencoder = ContractiveAutoencoder(n_units, **brief).fit(X)
    classifier = ClassSpecificAEClassifier(ContractiveAutoencoder(n_units // 10, **brief), max_iter=2, random_state=0)
    classifier.fit(X, y)
    network = FineTunedClassifier(ContractiveAutoencoder(n_units, **brief), max_iter=2, random_state=0).fit(X, y)
    detector = EnergyOutlierDetector(novelty=True, random_state=0).fit(X)
    neural, pca = MLPClassifier((n_units,), max_iter=2).fit(X, y), PCA(min(X.shape[1], 32)).fit(X)
    pipeline = make_pipeline(ContrastNormalizer(), PCAWhitener(0.99, whiten=None), clone(autoencoder)).fit(X)
    model, pipeline_model = Model.from_estimator(autoencoder), Model.from_estimator(pipeline)
    return {
        "code: the estimator": autoencoder.transform,
        "code: Model": model.code,
        "code: onnxruntime": session_of(autoencoder, X),
        "energy: the estimator": autoencoder.score_samples,
        "energy: Model": model.energy,
        "code and energy: onnxruntime": session_of(autoencoder, X, score_samples=True),
        "code after two steps: the Pipeline": pipeline.transform,
        "code after two steps: PipelineModel": pipeline_model.code,
        "code after two steps: onnxruntime": session_of(pipeline, X),
        f"class-specific, {n_units // 10} units a class: predict": classifier.predict,
        "class-specific: onnxruntime": session_of(classifier, X, zipmap=False),
        "fine-tuned network: predict": network.predict,
        "fine-tuned network: onnxruntime": session_of(network, X, zipmap=False),
        "detector: predict": detector.predict,
        "detector: onnxruntime": session_of(detector, X),
        "MLPClassifier: predict": neural.predict,
        "MLPClassifier: onnxruntime": session_of(neural, X, zipmap=False),
        "PCA: transform": pca.transform,
        "PCA: onnxruntime": session_of(pca, X),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--units", type=int, default=256)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1000, options.features), dtype=np.float32), rng.integers(10, size=1000)
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, onnxruntime ", end="")
    print(f"{onnxruntime.__version__}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    with threadpool_limits(1):
        found, row = calls(X, y, options.units), X[:1].copy()
        least = dict.fromkeys(found, np.inf)
        for _ in range(RUNS):
            for name, function in found.items():
                seconds = timeit.timeit(lambda f=function: f(row), number=CALLS) / CALLS
                least[name] = min(least[name], 1e6 * seconds)
    print("\n| one row | microseconds |\n|---|---|")
    for name, microseconds in least.items():
        print(f"| {name} | {microseconds:.0f} |")


if __name__ == "__main__":
    main()
