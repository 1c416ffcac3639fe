"""`show_versions`: what a report of a problem needs to say about the machine."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

from skae._version import __version__

#: Packages that skae needs, and packages that it works with where they are installed.
REQUIRED = ("numpy", "scipy", "scikit-learn", "threadpoolctl", "joblib")
OPTIONAL = (
    "matplotlib",
    "rich",
    "skops",
    "dask",
    "distributed",
    "onnx",
    "onnxruntime",
    "skl2onnx",
    "pandas",
    "polars",
    "pyarrow",
)

# What threadpoolctl says of a library, in the order of the output.
_LIBRARY = ("version", "num_threads", "architecture", "threading_layer", "filepath")


def show_versions() -> None:
    """Print the versions of skae, Python and the packages around, and the libraries that multiply matrices.

    Paste the output into a report of a problem. Results differ in their last digits between BLAS libraries, their
    kernels and numbers of threads. The last part therefore names each BLAS and OpenMP library that is loaded.

    Examples
    --------
    >>> import skae
    >>> skae.show_versions()  # doctest: +ELLIPSIS
    System
          python: ...
    """
    _print_part("System", _system())
    _print_part("\nskae and what it needs", {"skae": __version__, **_versions(REQUIRED)})
    _print_part("\nOptional", _versions(OPTIONAL))
    for name, library in _libraries():
        _print_part(f"\n{name}", library)


def _system():
    """Return what Python runs on."""
    import joblib

    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "cores": joblib.cpu_count(),
    }


def _versions(packages):
    """Return the versions of packages, without importing them; None where one is not installed."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _libraries():
    """Return the name and the description of each BLAS and OpenMP library that this process has loaded."""
    from threadpoolctl import threadpool_info

    return [
        (
            f"{library['user_api']} ({library['internal_api']})",
            {key: library[key] for key in _LIBRARY if library.get(key) is not None},
        )
        for library in threadpool_info()
    ]


def _print_part(title, values):
    """Print a title and one line for each value, aligned at the colon."""
    width = max(map(len, values)) + 2
    print(title)
    for name, value in values.items():
        print(f"{name:>{width}}: {value}")
