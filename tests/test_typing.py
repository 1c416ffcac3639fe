"""The public surface is annotated completely; whether rightly, mypy says in CI (tests/typing_examples.py)."""

import importlib
import importlib.util
import inspect

import numpy as np
import pytest

import skae

MODULES = [
    "skae",
    "skae.activations",
    "skae.callbacks",
    "skae.complements",
    "skae.corruption",
    "skae.datasets",
    "skae.dynamics",
    "skae.model",
    "skae.metrics",
    "skae.objectives",
    "skae.parameters",
    "skae.penalties",
    "skae.persistence",
    "skae.plotting",
    "skae.solvers",
    "skae.testing",
    "skae.visible",
]
ESTIMATORS = [value for name in skae.__all__ if isinstance(value := getattr(skae, name), type)]


def public(module):
    """The public names of a module that have a signature, and the classes of its registries."""
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value):
            yield f"{module.__name__}.{name}", value
        elif type(value).__module__.startswith("skae"):
            yield f"{module.__name__}.{name}", type(value)


def signatures(name, value):
    """The signatures that a public name has: its own, or those of its constructor, methods and properties."""
    if not isinstance(value, type):
        yield name, value
        return
    for cls in value.__mro__:
        if not cls.__module__.startswith(("skae", __name__)):
            continue
        for attribute in vars(cls):
            if attribute in ("__init__", "__call__") or not attribute.startswith("_"):
                member = inspect.getattr_static(cls, attribute)
                for part in (member.fget, member.fset) if isinstance(member, property) else [member]:
                    # What is under a cached property, a method that some parameters take away, or a static one.
                    for under in ("func", "fn", "__func__"):
                        part = getattr(part, under, part)
                    if inspect.isfunction(part):  # scikit-learn's set_fit_request is none
                        yield f"{name}.{attribute}", part


def gaps(function):
    """The parameters without annotation, and the return value."""
    signature = inspect.signature(function)
    names = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")]
    return names + ["return"] * (signature.return_annotation is signature.empty)


def incomplete(name, value):
    """What lacks an annotation, by name."""
    return {where: found for where, function in signatures(name, value) if (found := gaps(function))}


@pytest.mark.parametrize("name", MODULES)
def test_every_public_signature_is_annotated(name):
    """An editor and a type checker know what every public callable takes and gives."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"there is no {name} yet")
    found = dict(public(importlib.import_module(name)))
    assert found
    assert {where: gap for each, value in found.items() for where, gap in incomplete(each, value).items()} == {}


def test_the_check_sees_what_lacks_an_annotation():
    """A new public method, property or constructor without annotations does not pass."""

    class Lacking(skae.PCAWhitener):
        def __init__(self, n_components=None) -> None: ...

        def method(self, X: int, y=None): ...

        @property
        def attribute(self): ...

    assert incomplete("Lacking", Lacking) == {
        "Lacking.__init__": ["n_components"],
        "Lacking.method": ["y", "return"],
        "Lacking.attribute": ["return"],
    }


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a fit of one epoch
@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_fitted_attributes_are_declared(cls, rng):
    """An editor completes what `fit` sets, and a declaration sets nothing before it."""
    X, y = rng.uniform(size=(20, 3)), np.repeat([0, 1], 10)
    unfitted = cls()
    estimator = cls(**{k: v for k, v in {"max_iter": 1, "tol": 0}.items() if k in unfitted.get_params()})
    if cls is skae.ClassSpecificAEClassifier:
        estimator.set_params(estimator=skae.ContractiveAutoencoder(2, max_iter=1, tol=0))
    fitted = estimator.fit(X, y)
    declared = {name for each in cls.__mro__ for name in inspect.get_annotations(each)}
    set_by_fit = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    assert set_by_fit <= declared
    assert not any(hasattr(unfitted, name) for name in set_by_fit)
