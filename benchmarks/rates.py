"""What adam's learning rate is worth: the loss, and what users train for.

    python benchmarks/rates.py

Autoencoders of 100 units at their defaults but for the rate, trained on 60 % of scikit-learn's digits (pixels, and
standardised), breast cancer, wine and diabetes (standardised). For each rate, over models and data: the loss over the
lowest of all rates (geometric mean), and on held-out rows the denoising R^2, the accuracy of logistic regression on the
codes, and the AUC of the energy of a model of one class, for up to four classes, against the others. "worst" is the
largest distance to the best rate.
"""

import argparse
import platform
import warnings

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MarginalizedDenoisingAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
)

RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
GROUPS = {
    "contractive, denoising, marginalized": [
        *(ContractiveAutoencoder(100, alpha=alpha) for alpha in (0.1, 1.0, 10.0)),
        ContractiveAutoencoder(100, activation="relu"),
        ContractiveAutoencoder(100, penalty="laplacian"),
        DenoisingAutoencoder(100),
        DenoisingAutoencoder(100, activation="relu"),
        DenoisingAutoencoder(100, visible="bernoulli"),
        MarginalizedDenoisingAutoencoder(100),
    ],
    "zero-bias, sparse": [
        ZeroBiasAutoencoder(100),
        ZeroBiasAutoencoder(100, activation="tlin"),
        SparseAutoencoder(100),
        SparseAutoencoder(100, activation="relu"),
    ],
    "saturating": [SaturatingAutoencoder(100), SaturatingAutoencoder(100, activation="relu")],
}


def data():
    """Yield rows and their classes, which are None where there are none."""
    for load in (load_digits, load_breast_cancer, load_wine, load_diabetes):
        X, y = load(return_X_y=True)
        yield StandardScaler().fit_transform(X).astype(np.float32), None if load is load_diabetes else y
        if load is load_digits:
            yield (X / 16.0).astype(np.float32), y


def qualities(model, X, y):
    """Return loss, denoising R^2, accuracy and AUC, the last two NaN where there are no classes."""
    rows, held_out = train_test_split(np.arange(len(X)), test_size=0.4, random_state=0)
    fitted = clone(model).fit(X[rows])
    found = [fitted.loss_, fitted.score(X[held_out])]
    if y is None:
        return [*found, np.nan, np.nan]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    classifier.fit(fitted.transform(X[rows]), y[rows])
    aucs = []
    for label in np.unique(y)[:4]:
        energy = clone(model).fit(X[rows][y[rows] == label]).score_samples(X[held_out])
        aucs.append(roc_auc_score(y[held_out] == label, energy))
    return [*found, classifier.score(fitted.transform(X[held_out]), y[held_out]), np.mean(aucs)]


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    warnings.simplefilter("ignore")
    print(f"skae {skae.__version__}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    print("| models | rate | loss / lowest, worst | denoising R2, worst | accuracy, worst | AUC, worst |")
    print("|---|---|---|---|---|---|", flush=True)
    for name, models in GROUPS.items():
        cases = [
            (model, X, y)
            for model in models
            for X, y in data()
            if model.get_params().get("visible") != "bernoulli" or (X.min() >= 0.0 and X.max() <= 1.0)
        ]
        table = np.array(
            [
                [
                    qualities(clone(model).set_params(learning_rate_init=r, random_state=0), X, y)
                    for model, X, y in cases
                ]
                for r in RATES
            ]
        )  # rates, cases, qualities
        ratio = table[:, :, 0] / table[:, :, 0].min(axis=0)
        regret = np.nanmax(np.nanmax(table[:, :, 1:], axis=0) - table[:, :, 1:], axis=1)
        means = np.nanmean(table[:, :, 1:], axis=1)
        for i, rate in enumerate(RATES):
            loss = f"{np.exp(np.log(ratio[i]).mean()):.2f}, {ratio[i].max():.2f}"
            rest = (f"{mean:.3f}, {worst:.3f}" for mean, worst in zip(means[i], regret[i], strict=True))
            print(f"| {name} | {rate} | {loss} | {' | '.join(rest)} |", flush=True)


if __name__ == "__main__":
    main()
