"""Immutable classes by name: one registry for each kind of class that a user can add (activations, penalties, ...)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Immutable:
    """Base of frozen dataclasses. Its subclasses are frozen too, dataclasses or not."""

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise dataclasses.FrozenInstanceError(
            f"cannot assign to {name!r}: a {type(self).__name__} is immutable. Parameters are fields: declare them in "
            "the class body, and decorate the class with @dataclass(frozen=True)"
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot delete {name!r}: a {type(self).__name__} is immutable")


class Registry(Mapping[str, type[T]], Generic[T]):
    """Subclasses of one base class by their `name`: a mapping to read; `register` adds to it.

    Worker processes do not see classes that were registered in another process. With ``n_jobs``, pass instances.

    Parameters
    ----------
    kind : str
        One word for the classes, for messages.
    base : type
        Base class of the classes.
    abilities : callable
        Maps a class to the list of words that `describe` prints after its summary.
    """

    def __init__(self, kind: str, base: type, abilities: Callable[[Any], Sequence[str]]) -> None:
        self._kind, self._base, self._abilities = kind, base, abilities
        self._classes: dict[str, type[Any]] = {}

    def __getitem__(self, name: str) -> type[T]:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def register(self, cls: C) -> C:
        """File a class under its `name`, in this process; usable as a decorator.

        Parameters
        ----------
        cls : type
            Subclass of the base class. It has a class attribute `name` and can be built without arguments.

        Returns
        -------
        type
            `cls`.

        Examples
        --------
        >>> import numpy as np
        >>> from skae.activations import ACTIVATIONS, Activation, register_activation
        >>> @register_activation
        ... class Cube(Activation):
        ...     name = "cube"
        ...
        ...     def value(self, u, out=None):
        ...         return np.power(u, 3, out=out)
        ...
        ...     def derivative(self, u, h, out=None):
        ...         return np.multiply(3.0, u * u, out=out)
        ...
        >>> ACTIVATIONS["cube"]().value(np.array([2.0]))
        array([8.])
        >>> ACTIVATIONS.unregister("cube")
        """
        if not (isinstance(cls, type) and issubclass(cls, self._base)):
            raise TypeError(f"only subclasses of {self._base.__name__} can be registered, got {cls!r}")
        name: Any = getattr(cls, "name", None)
        if not isinstance(name, str):
            raise TypeError(f"{cls.__name__} needs a class attribute `name` of type str")
        other = self._classes.get(name)
        if other is not None and other.__qualname__ != cls.__qualname__:
            raise ValueError(f"the name {name!r} is taken by {other.__qualname__}; choose another")
        self._classes[name] = cls
        return cls

    def unregister(self, name: str) -> None:
        """Remove a name."""
        del self._classes[name]

    def named(self, name: str) -> type[T]:
        """Return the class with this name.

        Raises
        ------
        ValueError
            If no class has this name.
        TypeError
            If `name` is not a string.
        """
        if not isinstance(name, str):
            base = f"{self._base.__module__.removesuffix('._base')}.{self._base.__name__}"
            raise TypeError(f"{self._kind} must be a name or an instance of {base}, got {name!r}")
        if name not in self._classes:
            raise ValueError(f"no {self._kind} is called {name!r}; there are {', '.join(sorted(self._classes))}")
        return self._classes[name]

    def describe(self) -> str:
        """Return a plain-text table: for each class its name, the first line of its docstring, and its abilities."""
        width = max(map(len, self._classes)) + 1
        return "\n".join(
            f"{name:<{width}} {_summary(cls)}  [{', '.join(self._abilities(cls))}]"
            for name, cls in self._classes.items()
        )


def _summary(cls: type) -> str:
    """Return the first line of a class's docstring."""
    return (cls.__doc__ or "").strip().partition("\n")[0]
