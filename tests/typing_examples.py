"""A user's code, for mypy alone: what the signatures of skae must give, and what they must refuse.

mypy checks this file strictly (see pyproject.toml); nothing runs it. An expected error that no longer comes
is an unused "type: ignore", which is an error too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    ContrastNormalizer,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    FineTunedClassifier,
    FineTunedRegressor,
    MarginalizedDenoisingAutoencoder,
    PCAWhitener,
    SaturatingAutoencoder,
    SparseAutoencoder,
    ZeroBiasAutoencoder,
    regularization_path,
)
from skae.activations import ACTIVATIONS, Activation, as_activation, register_activation
from skae.callbacks import EarlyStopping, TimeLimit
from skae.complements import complement
from skae.corruption import Corruption, as_corruption
from skae.datasets import make_circle, make_convex, make_digit_variations, natural_patches
from skae.dynamics import relax
from skae.metrics import activation_fraction, bias_statistics, lifetime_sparsity, reconstruction_r2
from skae.model import Model
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import Batch, Gradient, Penalty, as_penalty, check_compatible, register_penalty
from skae.solvers import LBFGS, SGD, Adam, Epoch, Result, Stochastic, UpdateRule

Floats = NDArray[np.floating]


def features(X: NDArray[np.float32]) -> Floats:
    """Each call gives the estimator itself, or arrays."""
    autoencoder = ContractiveAutoencoder(64, alpha=1, activation="relu", penalty="laplacian", random_state=0)
    assert_type(autoencoder.fit(X), ContractiveAutoencoder)
    assert_type(autoencoder.partial_fit(X, sample_weight=[1, 0, 2]), ContractiveAutoencoder)
    assert_type(autoencoder.inverse_transform(autoencoder.transform(X)), Floats)
    assert_type(autoencoder.score_samples(X.tolist()), Floats)
    assert_type(autoencoder.reconstruction_error(csr_array(X), per_feature=True), Floats)
    assert_type(autoencoder.is_absorbing(X), NDArray[np.bool_])
    assert_type(autoencoder.relax(X, max_iter=10), tuple[Floats, NDArray[np.integer], NDArray[np.bool_]])
    assert_type(autoencoder.score(X), float)
    assert_type(autoencoder.components_, Floats)
    assert_type(autoencoder.decoder_components_, Floats)
    assert_type(autoencoder.validation_loss_curve_, Floats | None)
    assert_type(autoencoder.n_iter_, int)
    assert_type(autoencoder.alpha, float)
    assert_type(ZeroBiasAutoencoder().fit(X).threshold_, float)
    return autoencoder.fit(X).transform(X)


def every_estimator(X: Floats, y: NDArray[np.str_]) -> Iterator[object]:
    """All of them take what their docstrings say."""
    yield ZeroBiasAutoencoder(100, activation="tlin", batch_size=20, learning_rate_init=0.1).fit(X)
    yield SaturatingAutoencoder(100, tied_weights="auto", complement_scale=None).fit(X)
    yield DenoisingAutoencoder(noise=as_corruption("masking", 0.5), approximation="sampled").fit(X)
    yield MarginalizedDenoisingAutoencoder(feature_variances=[1.0, 2.0], weight_constraint=None).fit(X)
    yield SparseAutoencoder(target_activation=0, random_state=np.random.RandomState(0)).fit(X)
    classifier = ClassSpecificAEClassifier(ContractiveAutoencoder(20), class_weight={"a": 2}, noise="gaussian", l2=0)
    assert_type(classifier.fit(X, y), ClassSpecificAEClassifier)
    assert_type(classifier.add_class(X, ["b", "b"]), ClassSpecificAEClassifier)
    assert_type(classifier.partial_fit(X, y, classes=["a", "b"]), ClassSpecificAEClassifier)
    assert_type(classifier.predict_proba(X), Floats)
    assert_type(classifier.predict(X), NDArray[Any])
    assert_type(classifier.p_values(X), Floats)
    assert_type(classifier.prediction_sets(X, coverage=0.95), NDArray[np.bool_])
    assert_type(classifier.set_params(method="energies"), ClassSpecificAEClassifier)
    network = FineTunedClassifier(make_pipeline(PCAWhitener(0.99), ContractiveAutoencoder()), dropout=[0.5], max_norm=2)
    assert_type(network.fit(X, y), FineTunedClassifier)
    assert_type(network.partial_fit(X, y, classes=["a", "b"]).predict_proba(X), Floats)
    assert_type(FineTunedRegressor(prefit=False).fit(X, y).predict(X), Floats)
    detector = EnergyOutlierDetector(make_pipeline(PCAWhitener(0.99), ContractiveAutoencoder())).fit(X)
    assert_type(detector, EnergyOutlierDetector)
    assert_type(detector.predict(X), NDArray[np.integer])
    assert_type(detector.explain(X), Floats)
    assert_type(detector.explain(X, X, return_reference=True), tuple[Floats, Floats])
    assert_type(PCAWhitener(whiten="zca").fit(X).inverse_transform(X), Floats)
    assert_type(ContrastNormalizer(eps=10).fit(X).transform(X), Floats)
    for fitted in regularization_path(SparseAutoencoder(), X, alphas=np.geomspace(0.01, 1.0, 3)):
        assert_type(fitted, SparseAutoencoder)
    yield regularization_path(SaturatingAutoencoder(), X, alphas=[0, 0.1])


def stopped(X: Floats) -> object:
    """Callbacks have types; scikit-learn's `set_callbacks` has none."""
    assert_type(EarlyStopping("validation_loss", tol=0.01, n_iter_no_change=5).tol, float)
    assert_type(TimeLimit(60).seconds, float)
    return ContractiveAutoencoder().set_callbacks(EarlyStopping(), TimeLimit(0.5, depth=1)).fit(X)


def searched(X: Floats) -> dict[str, float]:
    """Estimators fit into scikit-learn's; scikit-learn itself has no types."""
    pipeline = Pipeline([("whitener", PCAWhitener()), ("autoencoder", ContractiveAutoencoder())])
    search = GridSearchCV(pipeline, {"autoencoder__alpha": [0.01, 0.1]}, scoring=reconstruction_r2).fit(X)
    assert_type(activation_fraction(search.best_estimator_, X, threshold=0.1), float)
    assert_type(lifetime_sparsity(search.best_estimator_, X), Floats)
    return bias_statistics(search.best_estimator_)


@register_activation
@dataclass(frozen=True)
class Leaky(Activation):
    """An activation of one's own, with some of the optional methods."""

    slope: float = 0.1
    name = "leaky"
    kinks = (0.0,)

    def value(self, u: Floats, out: Floats | None = None) -> Floats:
        return np.multiply(u, np.where(u > 0, 1.0, self.slope), out=out)

    def derivative(self, u: Floats, h: Floats, out: Floats | None = None) -> Floats:
        return np.where(u > 0, 1.0, self.slope)

    def second_derivative(self, u: Floats, h: Floats, out: Floats | None = None) -> Floats:
        return np.zeros_like(u)


class Transposed(Activation):
    """An optional method with other arguments."""

    name = "transposed"

    def value(self, u: Floats, out: Floats | None = None) -> Floats:
        return u

    def derivative(self, h: int) -> Floats:  # type: ignore[override]
        return np.ones(h)


@register_penalty
class Jumpy(Penalty):
    """A penalty of one's own."""

    name = "jumpy"
    requires = ("derivative",)

    def add(self, batch: Batch, grad: Gradient) -> float:
        grad.U += self.alpha * batch.D
        grad.add_rows("W", self.alpha, batch.W)
        grad.add_rows("b", self.alpha, batch.W)  # type: ignore[arg-type]
        return self.alpha * float(batch.column_means(batch.D).sum())


class Dropout(Corruption):
    """A corruption of one's own."""

    name = "dropout"

    def apply(
        self, X: Floats, rng: np.random.Generator, out: Floats, low: Floats | None = None, high: Floats | None = None
    ) -> Floats:
        return np.multiply(X, rng.random(X.shape) < self.level, out=out)


class Sign(UpdateRule):
    """An update rule of one's own."""

    name = "sign"
    learning_rate = 1e-3

    def init(self, theta: Floats) -> dict[str, NDArray[Any]]:
        return {}

    def update(self, theta: Floats, grad: Floats, state: dict[str, NDArray[Any]], learning_rate: float) -> None:
        theta -= learning_rate * np.sign(grad)


class Rows:
    """Batches of one's own: all rows at once."""

    mean_weight = 1.0

    def __init__(self, X: Floats) -> None:
        self.X = X

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Floats, None, None]]:
        yield self.X, None, None

    def __len__(self) -> int:
        return 1


def core(X: Floats, W: Floats, b: Floats, c: Floats) -> Result:
    """The functions on arrays."""
    sigmoid = as_activation("sigmoid")
    assert_type(sigmoid, Activation)
    assert_type(ACTIVATIONS["trec"], type[Activation])
    assert_type(Leaky(slope=0.2).slope, float)
    assert_type(complement(sigmoid, X, scale=2), tuple[Floats, Floats])
    model = Model(W, None, c, sigmoid, "bernoulli")
    assert_type(model.energy(X), Floats)
    assert_type(model.astype(np.float32), Model)
    assert_type(relax(model, X)[2], NDArray[np.bool_])
    check_compatible(as_penalty("contractive", 1), sigmoid, "gaussian", tied=True)
    layout = Layout(W=W.shape, b=b.shape, c=c.shape)
    theta = layout.pack(np.float32, W=W, b=b, c=c)
    objective = Reconstruction(layout, sigmoid, penalties=[Jumpy(0.1)])
    assert_type(objective.value_and_grad(theta, X), tuple[float, Floats])

    def on_epoch(epoch: Epoch) -> bool:
        return epoch.loss < 0.1

    rng = np.random.default_rng(0)
    for rule in (Adam(), SGD(momentum=0), Sign()):
        Stochastic(rule, schedule="constant").minimize(objective, theta, Rows(X), rng, on_epoch=on_epoch)
    return LBFGS(tol=0).minimize(objective, theta, Rows(X), rng)


def data() -> Floats:
    """Points, and what they were made from."""
    X, angle = make_circle(100, random_state=0)
    assert_type(angle, NDArray[np.float64])
    assert_type(natural_patches(100, color=True), NDArray[np.float64])
    images, label = make_convex(100, random_state=0)
    assert_type(images, NDArray[np.float32])
    assert_type(label, NDArray[np.int64])
    assert_type(make_digit_variations(images, variation="rand"), NDArray[np.float32])
    assert_type(make_digit_variations(images, label), tuple[NDArray[np.float32], NDArray[np.int64]])
    return X


def refused(X: Floats) -> None:
    """What is no parameter, or no value of one."""
    ContractiveAutoencoder(solver="adm")  # type: ignore[arg-type]
    ContractiveAutoencoder(aplha=0.1)  # type: ignore[call-arg]
    ContractiveAutoencoder(batch_size="all")  # type: ignore[arg-type]
    ContractiveAutoencoder(weight_constraint="none")  # type: ignore[arg-type]
    ContractiveAutoencoder(activation=Activation)  # type: ignore[arg-type]
    ContractiveAutoencoder(visible="binary", encoding="raw", init="zeros")  # type: ignore[arg-type]
    ZeroBiasAutoencoder(activation="relu")  # type: ignore[arg-type]
    PCAWhitener(whiten="none")  # type: ignore[arg-type]
    ClassSpecificAEClassifier().fit(X)  # type: ignore[call-arg]
    regularization_path(ContractiveAutoencoder(), X, alphas=0.1)  # type: ignore[arg-type]
    make_circle(shape="sine")  # type: ignore[call-arg]
    make_digit_variations(X, "rot", "rand")  # type: ignore[call-overload]
    EarlyStopping("val_loss")  # type: ignore[arg-type]
    TimeLimit()  # type: ignore[call-arg]
