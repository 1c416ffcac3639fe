"""What the methods of every public estimator say of a few rows."""

import inspect
import warnings

import numpy as np
from estimators import estimator_classes
from numpy.testing import assert_allclose, assert_array_equal

from skae import ContractiveAutoencoder
from skae.outlier import MixtureEnsemble

#: What makes a fit take milliseconds, where a constructor knows it.
SMALL = {"n_components": 3, "max_iter": 2, "random_state": 0}

#: The parameter that holds an estimator, of every class that has one.
INNER = ("estimator", "encoder")

#: What gives all methods of a class, where a constructor knows it.
COMPLETE = {"novelty": True, "calibration_fraction": 0.5}

FITTING = {"fit", "partial_fit", "fit_transform", "fit_predict", "add_class", "calibrate"}

#: Rows to fit to, and their classes.
X = 0.25 * np.abs(np.random.default_rng(0).standard_normal((40, 4)))
y = np.arange(40) % 2
N_ROWS = len(X)


def small(cls, **parameters):
    """Return a small estimator of a class, untrained, with all methods that it can have."""
    known = inspect.signature(cls).parameters
    inner = {name: ContractiveAutoencoder(**SMALL) for name in INNER}
    return cls(**{name: value for name, value in {**SMALL, **inner, **COMPLETE}.items() if name in known} | parameters)


def fitted(estimator):
    """Return an estimator, fitted to X and y without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y)


def methods_of_X(estimator):
    """Return the names of the public methods that take X first, but for those that fit."""
    names = [name for name in dir(estimator) if not name.startswith("_") and name not in FITTING]
    methods = {name: getattr(estimator, name, None) for name in names}  # absent ones are in dir before 1.9
    return [
        name
        for name, method in methods.items()
        if callable(method) and next(iter(inspect.signature(method).parameters), None) == "X"
    ]


def arguments_of(estimator, name, n=N_ROWS):
    """Return what a method takes beyond n rows."""
    if name == "explain" and isinstance(estimator, MixtureEnsemble):
        return (X[:n],)
    return (y[:n],) if name == "score" else ()


def rows_for(estimator, name, n=N_ROWS):
    """Return n plain rows that a method takes."""
    return np.asarray(estimator.transform(X[:n]), dtype=np.float64) if name == "inverse_transform" else X[:n]


def results(estimator, n):
    """Return what every method says of n rows, as arrays by name; of several results, the first."""
    found = {}
    for name in methods_of_X(estimator):
        result = getattr(estimator, name)(rows_for(estimator, name, n), *arguments_of(estimator, name, n))
        found[name] = np.asarray(result[0] if isinstance(result, tuple) else result)
    return found


def assert_stored_results(estimator, expected, n):
    """Assert that the methods say of n rows what is stored, to the rounding of sums in another order."""
    found = results(estimator, n)
    assert expected.keys() <= found.keys()
    for name, value in expected.items():
        if value.dtype.kind == "f":
            tolerance = 1e-9 * np.abs(value[np.isfinite(value)]).max(initial=1.0)
            assert_allclose(found[name], value, rtol=0.0, atol=tolerance, err_msg=name)
        else:
            assert_array_equal(found[name], value, err_msg=name)


#: The public estimators, but for the autoencoders that a `MixtureEnsemble` is made of: it checks their rows.
CLASSES = [each for each in estimator_classes() if not each.__name__.endswith("MixtureAutoencoder")]
