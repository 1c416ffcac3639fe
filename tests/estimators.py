"""Every public estimator of skae, small and in its kinds: found in `__all__`, so that no test keeps a list.

A class that comes into one of these lists is taken up by every test over `KINDS`, with its defaults.
"""

import dataclasses
import hashlib
import importlib
import inspect
import pkgutil

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor

import skae
from skae import ContractiveAutoencoder, DenoisingAutoencoder

#: What makes a fit take milliseconds, where a class has the parameter.
SMALL = {"n_components": 4, "max_iter": 3, "batch_size": 20, "random_state": 0}

#: The autoencoder inside another estimator.
INNER = ContractiveAutoencoder(**SMALL)

#: Parameters of a class that make it small, and its other kinds: other steps of a fit than those of the default.
INSIDE = {
    "ClassSpecificAEClassifier": {"estimator": INNER},
    "FineTunedClassifier": {"encoder": INNER},
    "FineTunedRegressor": {"encoder": INNER},
}
OTHER_KINDS = {
    "ClassSpecificAEClassifier": {
        "normalize": {"method": "normalize", "temperature": 1.0},
        "energies": {"method": "energies"},
        "factored": {"estimator": DenoisingAutoencoder(**SMALL), "n_factors": 3, "temperature": 1.0},
        "held out": {"early_stopping": True, "validation_fraction": 0.3, "calibration_fraction": 0.2},
        "lbfgs": {"solver": "lbfgs", "temperature": 1.0},
    },
    "EnergyOutlierDetector": {
        "novelty": {"novelty": True, "calibration": 2},
        "given": {"estimator": INNER, "novelty": True, "calibration": 2},
    },
    "FineTunedClassifier": {"lbfgs": {"solver": "lbfgs"}, "held out": {"early_stopping": True}},
    "FineTunedRegressor": {"sgd": {"solver": "sgd", "dropout": 0.2, "noise": "masking"}},
    "MixtureEnsemble": {"robust": {"robust": True}},
    "PCAWhitener": {"zca": {"whiten": "zca", "n_components": 2}},
}


def public_classes():
    """Return the classes in the `__all__` of skae and of its public packages."""
    names = [each.name for each in pkgutil.iter_modules(skae.__path__) if each.ispkg and not each.name.startswith("_")]
    extras = ("dask", "onnx", "plotting", "testing")  # which need not be installed, or have no estimators
    modules = [skae, *(importlib.import_module(f"skae.{name}") for name in names if name not in extras)]
    found = [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]
    return list(dict.fromkeys(each for each in found if inspect.isclass(each)))


def estimator_classes():
    """Return the public estimators."""
    fits = [each for each in public_classes() if issubclass(each, BaseEstimator) and hasattr(each, "fit")]
    return [each for each in fits if not inspect.isabstract(each) and not each.__name__.startswith("Base")]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A class of estimators, and the parameters of one kind of it."""

    cls: type
    name: str
    parameters: dict = dataclasses.field(compare=False)

    def __str__(self):
        return f"{self.cls.__name__}-{self.name}"

    def has(self, parameter):
        """Whether the constructor knows a parameter."""
        return parameter in inspect.signature(self.cls).parameters

    def make(self, **parameters):
        """Return a small estimator of this kind, untrained."""
        small = {name: value for name, value in SMALL.items() if self.has(name)}
        small |= INSIDE.get(self.cls.__name__, {})
        return clone(self.cls(**{**small, **self.parameters, **parameters}))  # with an estimator inside of its own

    @property
    def methods(self):
        """The names of the methods that train an estimator of this kind. `partial_fit` refuses early stopping."""
        names = ("fit", *(() if self.parameters.get("early_stopping") else ("partial_fit",)), "add_class")
        return [name for name in names if hasattr(self.make(), name)]


KINDS = [
    Kind(cls, name, parameters)
    for cls in estimator_classes()
    for name, parameters in {"default": {}, **OTHER_KINDS.get(cls.__name__, {})}.items()
]


def data(dtype=np.float64, n=60, d=5):
    """Return rows in (0, 1) around three centres, and the number of the centre of each row."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    centers = rng.uniform(0.2, 0.8, (3, d))
    return np.clip(centers[y] + 0.1 * rng.standard_normal((n, d)), 0.01, 0.99).astype(dtype), y


def train(estimator, method="fit", rows=None):
    """Train an estimator by one of its methods on (X, y), and return it. `add_class` needs it fitted."""
    X, y = data() if rows is None else rows
    target = y if is_classifier(estimator) else y + X[:, 0] if is_regressor(estimator) else None
    if method == "add_class":
        return estimator.add_class(
            np.concatenate([X, 1.0 - X[y == 0]]), np.concatenate([y, np.full((y == 0).sum(), 3)])
        )
    options = {"classes": [0, 1, 2]} if method == "partial_fit" and is_classifier(estimator) else {}
    return getattr(estimator, method)(X, target, **options)


def state_of(value):
    """Return all that an estimator, or any value, consists of, in builtin types: equal for equal bits and types."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return "ndarray", value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes()
    if isinstance(value, np.ndarray):
        return "ndarray", value.shape, [state_of(each) for each in value.ravel()]
    if isinstance(value, np.generic):
        return type(value).__name__, value.tobytes()
    if sparse.issparse(value):
        value = value.tocoo()
        return "sparse", value.shape, state_of(value.data), state_of(value.row), state_of(value.col)
    if isinstance(value, dict):
        return "dict", [(state_of(key), state_of(each)) for key, each in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [state_of(each) for each in value]
    if isinstance(value, type) or callable(value):
        return getattr(value, "__module__", ""), getattr(value, "__qualname__", repr(type(value)))
    if hasattr(value, "__dict__"):
        return type(value).__qualname__, state_of(dict(sorted(vars(value).items())))
    return type(value).__name__, repr(value)


def digest_of(value):
    """Return a short text that is the same for the same `state_of`, in every process."""
    return hashlib.sha256(repr(state_of(value)).encode()).hexdigest()[:16]


def numbers_of(value, name=""):
    """Return all arrays of floats, and floats, that an estimator consists of, by the names of the attributes."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return {name: value}
    if isinstance(value, float | np.floating):
        return {name: np.asarray(value)}
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    elif not isinstance(value, dict):
        value = {} if isinstance(value, type) else getattr(value, "__dict__", {})
    found = {}
    for key, each in value.items():
        found |= numbers_of(each, f"{name}.{key}")
    return found


def largest_difference(a, b):
    """Return the largest difference of the numbers of two estimators, relative to the norm of the array, and its name.

    It is infinite where the arrays have other names or shapes.
    """
    a, b = numbers_of(a), numbers_of(b)
    if {name: each.shape for name, each in a.items()} != {name: each.shape for name, each in b.items()}:
        return np.inf, "shapes"
    found = [
        (float(np.linalg.norm(a[name] - b[name]) / np.linalg.norm(b[name])), name)
        for name in a
        if not np.array_equal(a[name], b[name], equal_nan=True)
    ]
    return max(found, default=(0.0, ""))


def predictions(estimator, X):
    """Return what an estimator says about X, by the method."""
    names = ("transform", "predict", "predict_proba", "decision_function", "score_samples", "reconstruct", "p_values")
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}
