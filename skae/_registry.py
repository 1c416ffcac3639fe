"""Classes by name: one registry each for activations, penalties and what else a user can add."""

from collections.abc import Mapping


class Registry(Mapping):
    """Subclasses of one base class by their `name`; users read it as a mapping and add to it with `register`.

    Worker processes do not see what was registered in another process: with ``n_jobs``, pass instances.

    Parameters
    ----------
    kind : str
        What the classes are, in one word, for messages.
    base : type
        Their base class.
    abilities : callable
        Maps a class to the list of words that `describe` prints behind it.
    """

    def __init__(self, kind, base, abilities):
        self._kind, self._base, self._abilities, self._classes = kind, base, abilities, {}

    def __getitem__(self, name):
        return self._classes[name]

    def __iter__(self):
        return iter(self._classes)

    def __len__(self):
        return len(self._classes)

    def register(self, cls):
        """File a class under its `name`, in this process; serves as a decorator.

        Parameters
        ----------
        cls : type
            Subclass of the base class, with a class attribute `name`, that can be built without arguments.

        Returns
        -------
        type
            `cls`.
        """
        if not (isinstance(cls, type) and issubclass(cls, self._base)):
            raise TypeError(f"an {self._kind} to register is a subclass of {self._base.__name__}, got {cls!r}")
        if not isinstance(getattr(cls, "name", None), str):
            raise TypeError(f"{cls.__name__} needs a class attribute `name` of type str")
        self._classes[cls.name] = cls
        return cls

    def unregister(self, name):
        """Remove a name."""
        del self._classes[name]

    def named(self, name):
        """Return the class of that name.

        Raises
        ------
        ValueError
            If there is none.
        TypeError
            If `name` is no string.
        """
        if not isinstance(name, str):
            base = f"{self._base.__module__.removesuffix('._base')}.{self._base.__name__}"
            raise TypeError(f"{self._kind} must be a name or an instance of {base}, got {name!r}")
        if name not in self._classes:
            raise ValueError(f"no {self._kind} is called {name!r}; there are {', '.join(sorted(self._classes))}")
        return self._classes[name]

    def describe(self):
        """Return a plain-text table: name, first line of the docstring, and what else there is to know."""
        width = max(map(len, self._classes)) + 1
        return "\n".join(
            f"{name:<{width}} {(cls.__doc__ or '').strip().splitlines()[0]}  [{', '.join(self._abilities(cls))}]"
            for name, cls in self._classes.items()
        )
