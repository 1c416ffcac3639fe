"""Check of the contract of a penalty."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from skae._typing import FloatArray, RandomState, VisibleName
from skae.activations import ACTIVATIONS, Activation, as_activation
from skae.objectives import Reconstruction
from skae.parameters import Layout
from skae.penalties import REQUIREMENTS, Batch, Gradient, Penalty, check_compatible
from skae.testing._assertions import (
    as_random_state,
    check_are_bool,
    check_value_object,
    named_call,
    require,
    require_positive,
    require_type,
    worst_index,
)
from skae.testing._points import away_from_kinks, is_elementwise, stored

_COUNTS = (2, 0, 1, 3, 1)  # number of copies of each row, to compare with weights


def check_penalty(
    penalty: Penalty,
    activation: str | Activation | None = None,
    *,
    n_features: int = 4,
    random_state: RandomState = 0,
) -> None:
    """Check that a penalty meets the contract of `skae.penalties.Penalty`.

    It calls `add` on a few random rows, with strength 0.3 in place of the instance's own. It does so for each
    combination of activation, visible units and tying that the penalty's `requires` allow. It checks that

    - the gradients that `add` adds to ``grad.U``, ``grad.W`` and ``grad.V`` equal difference quotients of the value
      that it returns, in a call by itself and in a training step of `skae.objectives.Reconstruction`;
    - `add` adds to the gradients in place, and does not change the batch;
    - `add` returns a float, the weighted mean over the rows: a weight of 2 counts as two equal rows, and the values of
      chunks of rows average to the value of all rows;
    - value and gradients are proportional to alpha, and agree in float32 and float64;
    - copies are equal and have the same hash, and declared attributes have the right types.

    Parameters
    ----------
    penalty : skae.penalties.Penalty
        The instance to check.
    activation : str, skae.activations.Activation or None, default=None
        The hidden units. None takes each registered activation that the penalty accepts.
    n_features : int, default=4
        Number of features. A penalty may have a parameter of that length.
    random_state : int, RandomState instance or None, default=0
        Seed of the rows, weights and parameters. No pre-activation is nearer than 0.001 to a kink.

    Raises
    ------
    AssertionError
        If the penalty does not meet the contract.
    TypeError
        If an argument has a wrong type.
    ValueError
        If the penalty refuses `activation`, if no activation has that name, or if `n_features` is not positive.

    See Also
    --------
    check_activation : The same for activations.

    Examples
    --------
    >>> from skae.penalties import Penalty
    >>> from skae.testing import check_penalty
    >>> class SmallCodes(Penalty):
    ...     name = "small_codes"
    ...     requires = ("derivative",)
    ...
    ...     def add(self, batch, grad):
    ...         grad.U += 2.0 * self.alpha * batch.weight * batch.H * batch.D
    ...         return self.alpha * float(batch.column_mean_squares(batch.H).sum())
    ...
    >>> check_penalty(SmallCodes())
    >>> check_penalty(SmallCodes(), "softmax")
    Traceback (most recent call last):
    ValueError: the penalty 'small_codes' requires an activation with a derivative, which 'softmax' has not
    """
    require_type("penalty", penalty, Penalty, "an instance of skae.penalties.Penalty")
    require_positive("n_features", n_features)
    rng = as_random_state(random_state)
    check_value_object(penalty)
    name = type(penalty).__name__
    known = isinstance(penalty.requires, tuple) and set(penalty.requires) <= set(REQUIREMENTS)
    require(known, f"{name}.requires must be a tuple of keys of skae.penalties.REQUIREMENTS, got {penalty.requires!r}")
    check_are_bool(penalty, ("scale_free_encoder", "uses_mean_code", "signed"))
    penalty = dataclasses.replace(penalty, alpha=0.3)
    for hidden, visible, tied in _partners(penalty, activation):
        case = _make_case(hidden, visible, tied, int(n_features), rng)
        weights = rng.uniform(0.2, 3.0, (len(case.X), 1))
        for each in (case, dataclasses.replace(case, weight=weights / weights.sum())):
            _check_gradients(penalty, each)
            _check_adds(penalty, each, rng)
            _check_alpha(penalty, each)
            _check_single_precision(penalty, each)
            _check_training_step(penalty, each)
        _check_is_a_mean(penalty, case)


@dataclasses.dataclass(frozen=True)
class _Case:
    """The input of a penalty: some rows X, their U = X W^T + b, and the parameters; V is None if tied."""

    activation: Activation
    visible: VisibleName
    X: FloatArray
    U: FloatArray
    W: FloatArray
    V: FloatArray | None
    b: FloatArray
    weight: float | FloatArray

    def __str__(self) -> str:
        tied = "tied" if self.V is None else "untied"
        return f"{self.activation.name!r}, {self.visible} visible units and {tied} weights"

    @property
    def gradients(self):
        """Names of the gradients."""
        return ("U", "W") if self.V is None else ("U", "W", "V")

    def rows(self, rows, weight):
        """Return a case with some of the rows."""
        return dataclasses.replace(self, X=self.X[rows], U=self.U[rows], weight=weight)

    def astype(self, dtype):
        """Return the case in another dtype."""
        arrays: Any = {k: v.astype(dtype) for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return dataclasses.replace(self, **arrays)


def _partners(penalty, activation):
    """Yield the activations, visible units and tyings that the penalty accepts; sigmoid first."""
    if activation is None:
        chosen = [ACTIVATIONS[name]() for name in sorted(ACTIVATIONS, key=lambda name: name != "sigmoid")]
    else:
        chosen = [as_activation(activation)]
        check_compatible(penalty, chosen[0], "gaussian", True)
    found = False
    for hidden, visible, tied in itertools.product(chosen, ("gaussian", "bernoulli"), (True, False)):
        if all(REQUIREMENTS[key][0](hidden, visible, tied) for key in penalty.requires):
            found = True
            yield hidden, visible, tied
    require(found, f"{type(penalty).__name__}.requires accept no registered activation: pass one as `activation`")


def _make_case(activation, visible, tied, d, rng):
    """Return a case of three units and five rows. Pre-activations lie away from kinks, and no unit wins every row."""
    n, k = len(_COUNTS), 3
    W, V = 1.4 / np.sqrt(d) * rng.standard_normal((2, k, d))
    X = rng.standard_normal((20 * n, d)) if visible == "gaussian" else rng.uniform(size=(20 * n, d))
    b = 0.3 * rng.standard_normal(k) - W @ X.mean(axis=0)
    X = away_from_kinks(activation, 10 * n, X, X @ W.T + b)
    by_winner = np.argsort((X @ W.T + b).argmax(axis=1), kind="stable")
    X = X[by_winner[np.linspace(0, len(X) - 1, n).astype(int)]]
    return _Case(activation, visible, X, X @ W.T + b, W, None if tied else V, b, 1.0 / n)


def _new_array(name, shape, dtype):
    """Return a new array as scratch memory, which later batches do not reuse (in training they do)."""
    return np.empty(shape, dtype)


def _add(penalty, case, *, start=None, mean_code=None):
    """Return the value of `add`, and what it adds to each gradient; gradients begin at `start`, or at zero."""
    where = f"{type(penalty).__name__}.add with {case}"
    X, U, W = (stored(array, case.X.dtype, "C") for array in (case.X, case.U, case.W))
    V = W if case.V is None else stored(case.V, W.dtype, "C")
    H = stored(case.activation.value(U), U.dtype, "C")
    weight = case.weight if isinstance(case.weight, float) else stored(case.weight, U.dtype, "C")
    scratch: Any = _new_array
    batch = Batch(X, U, H, W, V, weight, case.activation, mean_code, scratch)
    batch.mean_code.flags.writeable = False
    if is_elementwise(case.activation):
        batch.D.flags.writeable = False
    arrays = {
        name: np.zeros_like(getattr(case, name)) if start is None else start[name].copy() for name in case.gradients
    }
    grad = Gradient(arrays["U"], arrays["W"], arrays.get("V", arrays["W"]))
    value = named_call(where, penalty.add, batch, grad)
    require(isinstance(value, float), f"{where} must return a float, got {value!r}")
    for name, array in arrays.items():
        require(getattr(grad, name) is array, f"{where} must add to grad.{name} in place, but put another array there")
    return value, {name: array if start is None else array - start[name] for name, array in arrays.items()}


def _agree(penalty, case, what, got, expected, says, rtol, atol):
    """Raise AssertionError unless `add` returned and added what it should."""
    pairs = {"value": (got[0], expected[0])} | {f"gradient in {k}": (got[1][k], expected[1][k]) for k in got[1]}
    for name, (number, wanted) in pairs.items():
        index = worst_index(number, wanted, rtol, atol)
        if index is not None:
            at = str(list(map(int, index))) if index else ""
            raise AssertionError(
                f"{type(penalty).__name__}.add with {case}: {what}the {name}{at} is {np.asarray(number)[index]:.6g}, "
                f"but {says} is {np.asarray(wanted)[index]:.6g}"
            )


def _check_gradients(penalty, case):
    """Check that `add` adds the gradient of its value to U, W and V."""
    step = 1e-6

    def quotient(name, index):
        values = []
        for shift in (step, -step):
            array = getattr(case, name).copy()
            array[index] += shift
            values.append(_add(penalty, dataclasses.replace(case, **{name: array}))[0])
        return (values[0] - values[1]) / (2.0 * step)

    got = _add(penalty, case)
    quotients = {
        name: np.reshape([quotient(name, index) for index in np.ndindex(added.shape)], added.shape)
        for name, added in got[1].items()
    }
    tolerance = 1e-6 + 4.0 * np.finfo(np.float64).eps * abs(got[0]) / step  # the second term: rounding of the quotient
    _agree(penalty, case, "", got, (got[0], quotients), "the difference quotient of the value", 1e-6, tolerance)


def _check_adds(penalty, case, rng):
    """Check that `add` adds to the arrays that it gets, and the same each time."""
    got = _add(penalty, case)
    start = {name: rng.standard_normal(array.shape) for name, array in got[1].items()}
    again = _add(penalty, case, start=start)
    _agree(penalty, case, "added to random numbers ", again, got, "added to zeros it", 1e-10, 1e-12)


def _check_alpha(penalty, case):
    """Check that value and gradients are proportional to alpha."""
    value, added = _add(penalty, case)
    for factor in (2.0, 0.0):
        got = _add(dataclasses.replace(penalty, alpha=factor * penalty.alpha), case)
        wanted = factor * value, {name: factor * array for name, array in added.items()}
        _agree(penalty, case, f"with {factor:g} alpha ", got, wanted, f"{factor:g} times that of alpha", 1e-12, 1e-300)


def _check_single_precision(penalty, case):
    """Check that float32 and float64 agree."""
    got, wanted = _add(penalty, case.astype(np.float32)), _add(penalty, case)
    _agree(penalty, case, "in float32 ", got, wanted, "its result in float64", 1e-4, 1e-4)


def _check_training_step(penalty, case):
    """Check that a training step, which does the work of `grad.add_rows` later, gives the same."""
    layout = Layout(
        W=case.W.shape, **({} if case.V is None else {"V": case.V.shape}), b=case.b.shape, c=case.X.shape[1:]
    )
    blocks = {name: getattr(case, name) for name in ("W", "V", "b")}
    theta = layout.pack(case.X.dtype, **blocks, c=np.zeros(case.X.shape[1]))
    weight = np.broadcast_to(case.weight, (len(case.X), 1))[:, 0]
    (value, step), (plain, plain_step) = (
        Reconstruction(layout, case.activation, visible=case.visible, penalties=penalties).value_and_grad(
            theta, case.X, None, weight
        )
        for penalties in ((penalty,), ())
    )
    expected = _add(penalty, case)
    got = {name: array for name, array in layout.views(step - plain_step).items() if name in case.gradients}
    wanted = expected[1] | {"W": expected[1]["W"] + expected[1]["U"].T @ case.X}
    says = "by itself (what grad.add_rows was given must not change afterwards) it"
    _agree(penalty, case, "in a training step ", (value - plain, got), (expected[0], wanted), says, 1e-9, 1e-9)


def _check_is_a_mean(penalty, case):
    """Check that weights count rows, and that the mean over chunks of rows is the mean over all rows."""
    counts = np.array(_COUNTS)
    weights = counts[:, None] / counts.sum()
    whole = _add(penalty, dataclasses.replace(case, weight=weights))
    copies = np.repeat(np.eye(len(counts)), counts, axis=0)
    value, added = _add(penalty, case.rows(np.repeat(np.arange(len(counts)), counts), 1.0 / counts.sum()))
    repeated = value, added | {"U": copies.T @ added["U"]}
    _agree(penalty, case, "with weighted rows ", whole, repeated, "with repeated rows it", 1e-11, 1e-12)
    mean_code = (weights * case.activation.value(case.U)).sum(axis=0) if penalty.uses_mean_code else None
    total, sums = 0.0, {name: np.zeros_like(array) for name, array in whole[1].items()}
    for rows in (slice(0, 1), slice(1, 5)):
        share = weights[rows].sum()
        value, added = _add(penalty, case.rows(rows, weights[rows] / share), mean_code=mean_code)
        total += share * value
        for name, array in added.items():
            sums[name][rows if name == "U" else ...] += share * array
    says = "the mean over blocks of rows"
    _agree(penalty, case, "for all rows ", whole, (total, sums), says, 1e-11, 1e-12)
