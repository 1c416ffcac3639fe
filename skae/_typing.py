"""Names for the types in skae's signatures.

Annotations are not evaluated at run time (``from __future__ import annotations``), so ``help`` shows these names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: An array of any dtype.
Array: TypeAlias = NDArray[Any]
#: An array of float32 or float64.
FloatArray: TypeAlias = NDArray[np.floating]
IntArray: TypeAlias = NDArray[np.integer]
BoolArray: TypeAlias = NDArray[np.bool_]

#: Data of a user: anything that numpy turns into an array (also a DataFrame), or a sparse matrix.
#: At run time it is Any, so that the core does not load scipy.
if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix

    MatrixLike: TypeAlias = ArrayLike | sparray | spmatrix
else:
    MatrixLike = Any

Generator: TypeAlias = np.random.Generator
RandomState: TypeAlias = int | np.random.RandomState | None

VisibleName: TypeAlias = Literal["gaussian", "bernoulli"]
Encoding: TypeAlias = Literal["natural", "rectified", "rectified_bias", "linear"]
Init: TypeAlias = Literal["auto", "glorot", "data", "pca"]
WeightConstraint: TypeAlias = Literal["auto", "unit", "max"]
Solver: TypeAlias = Literal["adam", "sgd", "lbfgs"]
Schedule: TypeAlias = Literal["linear", "constant"]

#: A function of rows that returns a loss with and without what is added to it, such as penalties.
Losses: TypeAlias = Callable[..., tuple[float, float]]

#: X, target and sample_weight of one batch.
BatchOfRows: TypeAlias = tuple[FloatArray, Any, FloatArray | None]


class Objective(Protocol):
    """The function that a solver minimises; see `skae.objectives`."""

    def value_and_grad(
        self,
        theta: FloatArray,
        X: FloatArray,
        target: Any,
        sample_weight: FloatArray | None = None,
        *,
        mean_code: FloatArray | None = None,
        out: FloatArray | None = None,
    ) -> tuple[float, FloatArray]: ...

    def project(self, theta: FloatArray) -> None: ...

    def project_gradient(self, theta: FloatArray, grad: FloatArray) -> None: ...

    def constrain(self, v: FloatArray) -> FloatArray: ...

    def vjp(self, v: FloatArray, grad: FloatArray) -> FloatArray: ...

    def unconstrain(self, theta: FloatArray) -> FloatArray: ...

    def random_direction(self, rng: Generator) -> FloatArray: ...


class BatchSource(Protocol):
    """The rows that a solver trains on, batch by batch; see `skae.solvers`."""

    def __call__(self, rng: np.random.Generator) -> Iterator[BatchOfRows]: ...

    def __len__(self) -> int: ...
