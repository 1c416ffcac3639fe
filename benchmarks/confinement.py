"""Whether scores fall away from the data: which units and penalties have an energy that finds far outliers.

Models of 30 units behind a StandardScaler are trained on data that scikit-learn and skae bundle, at most 300 rows of
each. The rows are then moved ten times as far from their mean. The table gives the area under the ROC curve that tells
the rows from the moved ones: 1 where the scores of all moved rows are below those of all rows, 0 where they are above.
A star means that `EnergyOutlierDetector` warns of the model.

    python benchmarks/confinement.py
"""

import platform
import warnings

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.activations import ACTIVATIONS
from skae.datasets import make_circle
from skae.outlier import MixtureEnsemble

N_ROWS, FACTOR = 300, 10.0
FIT = {"n_components": 30, "max_iter": 100, "random_state": 0}


def datasets():
    """Return the names and rows of the data."""
    rng = np.random.default_rng(0)
    loaders = {"digits": load_digits, "wine": load_wine, "iris": load_iris, "breast cancer": load_breast_cancer}
    data = {name: load().data for name, load in loaders.items()} | {"circle": make_circle(N_ROWS, random_state=0)[0]}
    return {name: X[rng.permutation(len(X))[:N_ROWS]] for name, X in data.items()}


def models():
    """Yield the names of models, and the models."""
    for name, activation in ACTIVATIONS.items():
        competitive = not hasattr(activation(), "derivative")
        for alpha in (0.0,) if competitive else (0.0, 0.01, 0.1, 1.0):
            yield f"contractive, {name}, alpha={alpha:g}", ContractiveAutoencoder(activation=name, alpha=alpha, **FIT)
    for name in ("trec", "tlin"):
        yield f"zero-bias, {name}", ZeroBiasAutoencoder(activation=name, **FIT)
    for name in ("sigmoid", "relu", "shrink"):
        for level in (0.1, 0.5):
            autoencoder = DenoisingAutoencoder(activation=name, noise_level=level, **FIT)
            yield f"denoising, {name}, noise_level={level:g}", autoencoder
    for name in ("sigmoid", "relu"):
        yield f"sparse, {name}", SparseAutoencoder(activation=name, **FIT)
    yield "saturating, relu (untied)", SaturatingAutoencoder(activation="relu", **FIT)
    yield "contractive, relu, untied", ContractiveAutoencoder(activation="relu", tied_weights=False, **FIT)
    yield "MixtureEnsemble", MixtureEnsemble(random_state=0)
    yield "MixtureEnsemble, robust", MixtureEnsemble(robust=True, random_state=0)
    yield "GaussianMixture", GaussianMixture(3, reg_covar=1e-3, random_state=0)
    yield "IsolationForest", IsolationForest(random_state=0)


def result(model, X):
    """Return the area under the ROC curve, and a star if the detector warns."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        detector = EnergyOutlierDetector(make_pipeline(StandardScaler(), model)).fit(X)
    mean = X.mean(axis=0)
    scores = detector.score_samples(np.vstack([X, mean + FACTOR * (X - mean)]))
    area = roc_auc_score(np.repeat([1, 0], len(X)), scores)
    return f"{area:.2f}" + "*" * any("rise away from the data" in str(each.message) for each in told)


if __name__ == "__main__":
    print(
        f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}\n"
    )
    data = datasets()
    print(f"| model | {' | '.join(data)} |\n|---|{'---|' * len(data)}")
    for name, model in models():
        print(f"| {name} | {' | '.join(result(model, X) for X in data.values())} |", flush=True)
