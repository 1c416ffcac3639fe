"""Update rules: explicit state of plain arrays, all work in place, in chunks that stay in cache."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from skae import _ops as ops
from skae._typing import Array, FloatArray

# Entries of a gradient below this number times eps times the largest entry are rounding.
_ROUNDING = 64.0


def _chunks(size: int) -> Iterator[slice]:
    """Yield the slices that cut a flat vector into chunks."""
    return (slice(start, start + ops.CHUNK) for start in range(0, size, ops.CHUNK))


@dataclasses.dataclass(frozen=True)
class UpdateRule(ABC):
    """Base class of the update rules: immutable; the caller keeps the state.

    Attributes
    ----------
    name : str
        Name under which `UPDATE_RULES` files the class.
    learning_rate : float or None
        A rate that suits the rule; None if a good rate depends on the objective's curvature.

    Examples
    --------
    >>> import dataclasses
    >>> from typing import ClassVar
    >>> import numpy as np
    >>> from skae.solvers import UpdateRule
    >>> @dataclasses.dataclass(frozen=True)
    ... class SignDescent(UpdateRule):
    ...     name: ClassVar[str] = "sign"
    ...     learning_rate: ClassVar[float] = 1e-2
    ...
    ...     def init(self, theta):
    ...         return {}
    ...
    ...     def update(self, theta, grad, state, learning_rate):
    ...         theta -= learning_rate * np.sign(grad)
    ...
    >>> theta = np.array([1.0, -2.0])
    >>> SignDescent().update(theta, np.array([0.3, -4.0]), {}, 0.5)
    >>> theta
    array([ 0.5, -1.5])
    """

    name: ClassVar[str]
    learning_rate: ClassVar[float | None]

    @abstractmethod
    def init(self, theta: FloatArray) -> dict[str, Array]:
        """Return the state for `theta`, a dict of arrays."""

    @abstractmethod
    def update(self, theta: FloatArray, grad: FloatArray, state: dict[str, Array], learning_rate: float) -> None:
        """Change `theta` and `state` in place; `grad` may be overwritten."""


@dataclasses.dataclass(frozen=True)
class SGD(UpdateRule):
    """Gradient descent with momentum: v <- m v - eta g; theta <- theta + v (Nesterov: theta + m v - eta g).

    Parameters
    ----------
    momentum : float, default=0.9
        The share m of the velocity that each update keeps, in [0, 1).
    nesterov : bool, default=True
        Whether to look ahead by one step of momentum.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.solvers import SGD
    >>> rule, theta = SGD(), np.array([1.0, -2.0])
    >>> state = rule.init(theta)
    >>> for _ in range(100):
    ...     rule.update(theta, 2.0 * theta, state, 0.1)  # the gradient of |theta|^2
    >>> bool(np.abs(theta).max() < 0.1)
    True
    """

    momentum: float = 0.9
    nesterov: bool = True
    name: ClassVar[str] = "sgd"
    learning_rate: ClassVar[float | None] = None

    def init(self, theta: FloatArray) -> dict[str, Array]:
        """Return a momentum of zero: m v, the part of the velocity that the next update keeps."""
        return {"momentum": ops.zeros_like(theta)}

    def update(self, theta: FloatArray, grad: FloatArray, state: dict[str, Array], learning_rate: float) -> None:
        """Change `theta` and the momentum in place; `grad` is overwritten."""
        momentum = float(self.momentum)
        for chunk in _chunks(theta.size):
            g, v, t = grad[chunk], state["momentum"][chunk], theta[chunk]
            ops.multiply(g, -learning_rate, out=g)
            ops.add(v, g, out=v)  # the velocity
            if self.nesterov:
                ops.add(t, g, out=t)
                ops.multiply(v, momentum, out=v)
                ops.add(t, v, out=t)
            else:
                ops.add(t, v, out=t)
                ops.multiply(v, momentum, out=v)


@dataclasses.dataclass(frozen=True)
class Adam(UpdateRule):
    """Adam (Kingma and Ba 2015): divide a running mean of the gradient by the root of its running mean square.

    Two points differ from the paper. The paper adds a constant to the root. This class adds a share of the root
    mean square over all parameters, so the steps do not depend on the scale of the objective. The first step is the
    sign of the gradient, and entries that are only rounding do not take part in it. Otherwise a bias that starts at
    its optimum would go a full step, in a direction that depends on the order of summation.

    Parameters
    ----------
    beta_1, beta_2 : float
        Decay of the mean and of the mean square.
    epsilon : float
        The share that is added to the root.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.solvers import Adam
    >>> rule, theta = Adam(), np.array([1.0, -2.0])
    >>> state = rule.init(theta)
    >>> for _ in range(100):
    ...     rule.update(theta, 2.0 * theta, state, 0.1)  # the gradient of |theta|^2
    >>> bool(np.abs(theta).max() < 0.1)
    True
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-4
    name: ClassVar[str] = "adam"
    learning_rate: ClassVar[float | None] = 5e-3

    def init(self, theta: FloatArray) -> dict[str, Array]:
        """Return decaying sums of the gradients and of their squares, all zero; the means are shares of these sums."""
        return {
            "sum": ops.zeros_like(theta),
            "sum_squares": ops.zeros_like(theta),
            "overall_mean_square": np.zeros(()),
            "n_updates": np.zeros((), dtype=np.int64),
        }

    def update(self, theta: FloatArray, grad: FloatArray, state: dict[str, Array], learning_rate: float) -> None:
        """Change `theta` and the state in place; `grad` is overwritten."""
        state["n_updates"] += 1
        t = int(state["n_updates"])
        if t == 1:
            rounding = _ROUNDING * float(np.finfo(grad.dtype).eps) * float(np.abs(grad).max())
            grad[np.abs(grad) < rounding] = 0.0
        share_1, share_2 = 1.0 - self.beta_1, 1.0 - self.beta_2
        overall = state["overall_mean_square"]
        overall *= self.beta_2
        overall += share_2 * ops.sum_squares(grad) / grad.size
        # Squares below the smallest normal number are lost: a gradient that small moves nothing.
        epsilon = max(self.epsilon * math.sqrt(overall), math.sqrt(ops.smallest_normal(theta.dtype)))
        epsilon /= math.sqrt(share_2)
        bias_1, bias_2 = (1.0 - self.beta_1**t) / share_1, (1.0 - self.beta_2**t) / share_2
        step = -learning_rate * math.sqrt(bias_2) / bias_1
        for chunk in _chunks(theta.size):
            g, s, q, th = grad[chunk], state["sum"][chunk], state["sum_squares"][chunk], theta[chunk]
            ops.multiply(s, self.beta_1, out=s)
            ops.add(s, g, out=s)
            ops.multiply(g, g, out=g)
            ops.multiply(q, self.beta_2, out=q)
            ops.add(q, g, out=q)
            ops.sqrt(q, out=g)
            ops.add(g, epsilon, out=g)
            ops.divide(s, g, out=g)
            ops.multiply(g, step, out=g)
            ops.add(th, g, out=th)


#: The update rules by name.
UPDATE_RULES = MappingProxyType({"sgd": SGD, "adam": Adam})
