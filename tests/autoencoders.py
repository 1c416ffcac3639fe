"""Every autoencoder of skae, small and in all its kinds: found in `skae.__all__`, so that no test keeps a list.

A class that comes into `skae.__all__` is taken up by every test over one of the lists in the middle of this file.
"""

import contextlib
import copy
import dataclasses
import functools
import inspect
import itertools
import warnings

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

import skae
from skae._sklearn_compat import InvalidParameterError
from skae.activations import ACTIVATIONS, as_activation
from skae.autoencoders import BaseAutoencoder
from skae.corruption import CORRUPTIONS

SOLVERS = ("adam", "sgd", "lbfgs")
STEPPING = ("adam", "sgd")
ENCODINGS = ("natural", "rectified", "rectified_bias", "linear")
PREDICTIONS = ("transform", "reconstruct", "vector_field", "score_samples", "reconstruction_error", "score")

#: What makes a fit take milliseconds. The threshold leaves units of every activation alive.
SMALL = {"n_components": 4, "max_iter": 6, "threshold": 0.2, "random_state": 0}

#: The kinds of a class that neither its constructor nor a registry tells of, or that need other settings than found
#: kinds of that name, with the reason.
KINDS = {
    "ContractiveAutoencoder": {"laplacian": {"penalty": "laplacian"}},  # a penalty by name may have conditions
    "DenoisingAutoencoder": {  # the expansions have no lower bound where the weights have none
        "first order": {"approximation": "first_order", "weight_constraint": "unit"},
        "second order": {"approximation": "second_order", "weight_constraint": "max"},
    },
    "MarginalizedDenoisingAutoencoder": {"per feature": {"feature_variances": (0.5, 0.0, 2.0, 1.0, 0.1)}},  # of 5
    "SaturatingAutoencoder": {"of eq. 3": {"activation": "softplus", "complement_scale": 1.0}},  # None is eq. 1
    # Where relu's mean codes exceed 1 the penalty has a slope of 1e4 alpha, on which sgd diverges.
    "SparseAutoencoder": {"relu": {"activation": "relu", "alpha": 1e-3}},
    "ZeroBiasAutoencoder": {"tlin": {"activation": "tlin"}},  # all kinked: no other activation stands for it
}

#: One objective from the first epoch to the last: SaturatingAutoencoder would change its alpha on the way.
ONE_STAGE = {"SaturatingAutoencoder": {"alpha_steps": 0}}

#: No random numbers but those of the start and the order: `fit` and `partial_fit` draw noise from other streams.
WITHOUT_NOISE = {"DenoisingAutoencoder": {"noise_level": 0.0}}

#: Where the rows do not tell more than their mean, sgd's automatic rate takes noise for divergence.
RATE_WITHOUT_STRUCTURE = {"DenoisingAutoencoder": {"learning_rate_init": 0.01}}

#: A strength of each kind, and what is far too much of it, where a class has it.
STRENGTHS = {"alpha": 1e4, "noise_level": 50.0}


@dataclasses.dataclass(frozen=True)
class Case:
    """A class of autoencoders, and the parameters of one kind of it."""

    cls: type
    kind: str
    parameters: dict = dataclasses.field(compare=False)

    def __str__(self):
        return f"{self.cls.__name__}-{self.kind}"

    def make(self, **parameters):
        """Return a small autoencoder of this kind, untrained."""
        return self.cls(**{**SMALL, **self.parameters, **parameters})

    def has(self, parameter):
        """Whether the constructor knows a parameter."""
        return parameter in inspect.signature(self.cls).parameters

    def own(self, table):
        """Return what a table above has of the class, nothing as a rule."""
        return table.get(self.cls.__name__, {})

    def data(self, rng, n=60, d=5):
        """Return correlated rows, inside (0, 1) for bernoulli units."""
        X = 0.5 * rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 0.2 * rng.standard_normal(d)
        return expit(2.0 * X) if self.parameters.get("visible") == "bernoulli" else X

    def tried(self, **parameters):
        """Return an autoencoder with these parameters too, fitted to a few rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            autoencoder = self.make(**{"learning_rate_init": 0.01, **parameters, "max_iter": 1})
            return autoencoder.fit(np.random.default_rng(0).random((6, 5)))

    def accepts(self, **parameters):
        """Whether these parameters go together: others are refused as parameters, whatever the data."""
        try:
            self.tried(**parameters)
        except InvalidParameterError:
            return False
        except ValueError:  # of the data: diverging, or not of this kind
            return True
        return True

    @functools.cached_property
    def tied(self):
        """Whether the decoder is the encoder."""
        autoencoder = self.tried()
        return autoencoder.decoder_components_ is autoencoder.components_

    @functools.cached_property
    def counts_dead_units(self):
        """Whether the class has `dead_unit_fraction_`."""
        return hasattr(self.tried(), "dead_unit_fraction_")

    @functools.cached_property
    def activations(self):
        """Names of the activations that the class takes, with this kind's other parameters."""
        return tuple(name for name in ACTIVATIONS if self.accepts(activation=name))


def autoencoder_classes():
    """Return the public autoencoders."""
    found = (getattr(skae, name) for name in skae.__all__)
    return [each for each in found if inspect.isclass(each) and issubclass(each, BaseAutoencoder)]


def cases_of(cls):
    """Return the kinds of a class: as it is, tied or not, bernoulli, smooth or kinked, each noise, and its own."""
    default = Case(cls, "default", {})
    cases = [
        default,
        Case(cls, *(("untied", {"tied_weights": False}), ("tied", {"tied_weights": True}))[not default.tied]),
    ]
    kinked = bool(ACTIVATIONS[default.make().activation]().kinks)
    others = (name for name in default.activations if bool(ACTIVATIONS[name]().kinks) != kinked)
    wanted = [
        ("bernoulli", {"visible": "bernoulli"}),
        *((name, {"activation": name}) for name in itertools.islice(others, 1)),
    ]
    if default.has("noise"):
        wanted += [(name, {"noise": name}) for name in CORRUPTIONS if name != default.make().noise]
    kinds = {kind: parameters for kind, parameters in wanted if default.accepts(**parameters)}
    return [*cases, *(Case(cls, *each) for each in {**kinds, **default.own(KINDS)}.items())]


def with_solvers(cases, solvers, method):
    """Return (case, solver, method): a default with every solver, other kinds each with one, in turn."""
    turn, found = itertools.cycle(range(len(solvers))), []
    for case in cases:
        first = next(turn)
        accepted = [each for each in (*solvers[first:], *solvers[:first]) if case.accepts(solver=each)]
        found += [(case, solver, method) for solver in (accepted if case.kind == "default" else accepted[:1])]
    return found


def in_turn(rows, values):
    """Return the rows with one of the values each, in turn: every class has rows enough for all values."""
    return [(*row, value) for row, value in zip(rows, itertools.cycle(values))]


@functools.cache
def fitted(case, dtype=np.float64):
    """Return an autoencoder of a kind, fitted, and its rows, for tests that change neither."""
    X = case.data(np.random.default_rng(0)).astype(dtype)
    X.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case.make().fit(X), X


#: The public autoencoders.
CLASSES = autoencoder_classes()
CASES = [case for cls in CLASSES for case in cases_of(cls)]
DEFAULTS = [case for case in CASES if case.kind == "default"]
FITTING = with_solvers(CASES, SOLVERS, "fit")
STEPS = with_solvers(CASES, STEPPING, "partial_fit")
TRAINING = [*FITTING, *STEPS]
FITS = [(case, solver) for case, solver, _ in FITTING]
DEFAULT_FITS = [(case, solver) for case, solver in FITS if case.kind == "default"]
#: Every activation that each class takes.
ACTIVATED = [Case(each.cls, name, {"activation": name}) for each in DEFAULTS for name in each.activations]


# What fits and predictions have in common


def activation_of(autoencoder):
    """The hidden units, from public attributes."""
    return as_activation(autoencoder.activation, getattr(autoencoder, "threshold_", autoencoder.threshold))


def hidden_bias_of(autoencoder):
    """b, or 0 where the model has none."""
    return getattr(autoencoder, "intercept_hidden_", 0.0)


def largest_terms(autoencoder, X):
    """Bounds of the terms that each prediction sums: products summed in another order differ by their rounding."""
    k, d = autoencoder.components_.shape
    x, W, V, b, c = (
        float(np.abs(array).max())
        for array in (
            X,
            autoencoder.components_,
            autoencoder.decoder_components_,
            hidden_bias_of(autoencoder),
            autoencoder.intercept_visible_,
        )
    )
    u = 1.0 + d * x * W + b
    h = u**2 if autoencoder.activation == "square" else u
    r = k * h * V + c
    return {
        "transform": h,
        "reconstruct": r,
        "vector_field": r + x,
        "score_samples": k * h * u + d * (x + r) ** 2,
        "reconstruction_error": d * (x + r) ** 2,
    }


def fitted_attributes(autoencoder):
    """All public fitted attributes by name."""
    names = [name for name in vars(autoencoder) if name.endswith("_") and not name.startswith("_")]
    return {name: getattr(autoencoder, name) for name in (*names, "decoder_components_")}


def assert_same_fit(a, b, *, rtol=0.0, atol=0.0):
    """Assert that two fits ended in the same public attributes, of the same types."""
    found, expected = fitted_attributes(a), fitted_attributes(b)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert type(found[name]) is type(value), name
        if value is None or np.asarray(value).dtype.kind not in "biuf":
            assert_array_equal(found[name], value, err_msg=name)
        else:
            assert_allclose(found[name], value, rtol=rtol, atol=atol, err_msg=name)


def predictions(autoencoder, X):
    """Everything that the autoencoder says about X."""
    return {name: getattr(autoencoder, name)(X) for name in PREDICTIONS}


def assert_same_predictions(a, b, X, *, on=None, rtol=0.0):
    """Assert that two fitted autoencoders give the same numbers, the first on other memory if `on` is given."""
    expected = predictions(b, X)
    for name, result in predictions(a, X if on is None else on).items():
        atol = rtol * float(np.abs(expected[name]).max()) if rtol else 0.0
        assert_allclose(result, expected[name], rtol=0.0, atol=atol, err_msg=name)


def assert_equal_deeply(a, b, where="vars"):
    """Assert that two values, or dicts or sequences of them, are equal in every bit and type."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal_deeply(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for number, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal_deeply(x, y, f"{where}[{number}]")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, where
        assert_array_equal(a, b, err_msg=where)
    elif type(a).__eq__ is object.__eq__ and hasattr(a, "__dict__"):
        assert_equal_deeply(vars(a), vars(b), where)
    else:
        assert a == b or (a != a and b != b), where


@contextlib.contextmanager
def unchanged(estimator):
    """Assert that the body leaves vars(estimator), its order and numpy's error state as they were."""
    before, order, floats = copy.deepcopy(vars(estimator)), list(vars(estimator)), np.geterr()
    yield
    assert_equal_deeply(vars(estimator), before)
    assert list(vars(estimator)) == order
    assert np.geterr() == floats
