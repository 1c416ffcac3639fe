"""Check of the contract of an activation."""

from __future__ import annotations

import itertools

import numpy as np

from skae._typing import RandomState
from skae.activations import Activation
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
from skae.testing._points import away_from_kinks, is_elementwise, reach_of, stored

_DERIVATIVES = ("value", "derivative", "second_derivative", "third_derivative")
#: The arguments (u, h, grad_h) of each method that maps (..., k) to (..., k); `potential` maps to (...,).
_METHODS = dict.fromkeys(_DERIVATIVES[1:], "uh") | {
    "value": "u",
    "backward": "uhg",
    "potential": "u",
    "complement": "u",
    "complement_derivative": "u",
}
_FLAGS = ("continuous", "monotone", "non_negative", "at_most_one", "flat_below_zero")
_DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
_STEP = 1e-5  # step in u of the difference quotients
_N_UNITS = 5


def check_activation(activation: Activation, *, n_points: int = 7, random_state: RandomState = 0) -> None:
    """Check that an activation meets the contract of `skae.activations.Activation`.

    It checks the methods that the class defines, in float32 and float64:

    - `derivative`, `second_derivative`, `third_derivative`, `complement_derivative`, `backward` and `divergence`
      equal difference quotients, and `value` equals the difference quotients of `potential`;
    - `value_and_potential` returns what the two methods return, up to rounding;
    - each result has the right shape and dtype, for any number of axes before the last one;
    - methods do not write to their inputs, a second call returns the same, and `out` is filled and returned;
    - results are finite for pre-activations up to 10,000 in magnitude;
    - on a grid, each declared flag is true (`continuous`, `monotone`, `non_negative`, `at_most_one`,
      `flat_below_zero`), and `kinks` has each jump of h and h';
    - copies are equal and have the same hash.

    Parameters
    ----------
    activation : skae.activations.Activation
        The instance to check.
    n_points : int, default=7
        Number of random rows of 5 pre-activations. None is nearer than 0.001 to a kink.
    random_state : int, RandomState instance or None, default=0
        Seed of the random rows.

    Raises
    ------
    AssertionError
        If the activation does not meet the contract.
    TypeError
        If an argument has a wrong type.
    ValueError
        If `n_points` is not positive.

    See Also
    --------
    check_penalty : The same for penalties.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.activations import Activation
    >>> from skae.testing import check_activation
    >>> class Arctan(Activation):
    ...     name = "arctan"
    ...
    ...     def value(self, u, out=None):
    ...         return np.arctan(u, out=out)
    ...
    ...     def derivative(self, u, h, out=None):
    ...         return np.divide(1.0, 1.0 + u * u, out=out)
    ...
    >>> check_activation(Arctan())
    >>> class Bad(Arctan):
    ...     def second_derivative(self, u, h, out=None):
    ...         return np.divide(-u, (1.0 + u * u) ** 2, out=out)
    ...
    >>> try:
    ...     check_activation(Bad())
    ... except AssertionError as sentence:
    ...     print(sentence)
    Bad.second_derivative (float64) at u = 0.61658 is -0.323686, but the difference quotient of derivative is -0.647372
    """
    require_type("activation", activation, Activation, "an instance of skae.activations.Activation")
    require_positive("n_points", n_points)
    rng = as_random_state(random_state)
    check_value_object(activation)
    u = stored(_points(activation, rng, n_points), np.float64, "C")
    grad_h = stored(rng.standard_normal(u.shape).astype(np.float32), np.float64, "C")
    expected = _expected_results(activation, u, grad_h)
    stacked = _points(activation, rng, 6).reshape(2, 3, _N_UNITS)
    for dtype, order in itertools.product(_DTYPES, "CF"):
        point, vector = stored(u, dtype, order), stored(grad_h, dtype, order)
        _check_results(activation, point, vector, expected)
        _check_calls(activation, point, vector)
        _check_pair(activation, point)
        _check_leading_axes(activation, stored(stacked, dtype, order))
        _check_extremes(activation, rng, dtype, order)
        if hasattr(activation, "divergence"):
            _check_divergence(activation, rng, dtype, order)
    _check_declarations(activation)


def _points(activation, rng, n_rows):
    """Return pre-activations (n_rows, 5) in float64 that float32 can hold exactly."""
    reach = reach_of(activation)
    u = rng.uniform(-reach, reach, (20 * n_rows, _N_UNITS)).astype(np.float32).astype(np.float64)
    return away_from_kinks(activation, n_rows, u, u)


def _evaluate(activation, method, arguments, **options):
    """Return the result of a method; require the dtype and the shape of the contract."""
    where, first = f"{type(activation).__name__}.{method}", arguments[0]
    result = named_call(where, getattr(activation, method), *arguments, **options)
    shape = first.shape[:-1] if method in ("potential", "divergence") else first.shape
    got = f"{getattr(result, 'dtype', type(result).__name__)} of shape {np.shape(result)}"
    wanted = f"{first.dtype} of shape {shape}"
    # Before numpy 2, a Python float times a float32 scalar gives float64.
    right = got == wanted or (shape == () and np.shape(result) == ())
    require(right, f"{where} of {first.dtype} of shape {first.shape} must return {wanted}, got {got}")
    return result


def _calls(activation, u, grad_h):
    """Return the arguments of each method that the activation defines; h is read-only, like u."""
    h = _evaluate(activation, "value", (u,))
    given = {"u": u, "h": stored(h, u.dtype, "K"), "g": grad_h}
    return {
        method: tuple(given[letter] for letter in letters)
        for method, letters in _METHODS.items()
        if hasattr(activation, method)
    }


def _compare(activation, method, got, expected, u, *, says, rtol, atol):
    """Raise AssertionError if a result deviates; name the u, or the row of u if units compete or are summed."""
    index = worst_index(got, expected, rtol, atol)
    if index is not None:
        at = u[index] if is_elementwise(activation) else u[index[: u.ndim - 1]]
        at = f"{at:.6g}" if np.ndim(at) == 0 else np.array2string(at, precision=6)
        raise AssertionError(
            f"{type(activation).__name__}.{method} ({u.dtype}) at u = {at} is {got[index]:.6g}, but {says} is "
            f"{expected[index]:.6g}"
        )


def _gradient(f, u):
    """Return the central differences of f in each column of u; f returns one number for each row."""
    steps = _STEP * np.eye(u.shape[-1])
    return np.stack([(f(u + step) - f(u - step)) / (2.0 * _STEP) for step in steps], axis=-1)


def _expected_results(activation, u, grad_h):
    """Return for each method its right result at u in float64, the source of it in words, and the float32 tolerance."""

    def at(method):
        return lambda u: _evaluate(activation, method, _calls(activation, u, grad_h)[method])

    def quotient(method):
        return (at(method)(u + _STEP) - at(method)(u - _STEP)) / (2.0 * _STEP), f"the difference quotient of {method}"

    expected = {"value": (at("value")(u), "its result in float64", 1e-5)}
    for lower, higher in itertools.pairwise(_DERIVATIVES):
        if hasattr(activation, higher):
            require(hasattr(activation, lower), f"{type(activation).__name__} defines {higher}, but not {lower}")
            expected[higher] = (*quotient(lower), 1e-4)
    along = _gradient(lambda u: (at("value")(u) * grad_h).sum(axis=-1), u)
    expected["backward"] = (along, "the difference quotient of (grad_h * value).sum()", 1e-5)
    if hasattr(activation, "potential"):
        gradient, value = _gradient(at("potential"), u), at("value")(u)
        _compare(activation, "potential's gradient", gradient, value, u, says="value", rtol=1e-6, atol=1e-6)
        expected["potential"] = (at("potential")(u), "its result in float64", 1e-5)
    if hasattr(activation, "complement"):
        expected["complement"] = (at("complement")(u), "its result in float64", 1e-6)
        expected["complement_derivative"] = (*quotient("complement"), 1e-5)
    return expected


def _check_results(activation, u, grad_h, expected):
    """Check that results in each dtype equal those expected from float64, and complements are zero where h is flat."""
    results = {method: _evaluate(activation, method, call) for method, call in _calls(activation, u, grad_h).items()}
    for method, (numbers, says, single) in expected.items():
        tolerance = 1e-6 if u.dtype == np.float64 else single
        _compare(activation, method, results[method], numbers, u, says=says, rtol=tolerance, atol=tolerance)
    if u.dtype == np.float64 and {"complement", "derivative"} <= set(results):  # in float32 h' may underflow
        distance = np.where(results["derivative"] == 0.0, 0.0, np.abs(results["complement"]))
        says = "a distance to the nearest flat region"
        _compare(activation, "complement", results["complement"], distance, u, says=says, rtol=0.0, atol=0.0)


def _check_calls(activation, u, grad_h):
    """Check that a second call, and one with `out`, return the same; `backward` may write over grad_h."""
    for method, arguments in _calls(activation, u, grad_h).items():
        first = _evaluate(activation, method, arguments)
        again = [(method, _evaluate(activation, method, arguments), "the first time it")]
        if method != "potential":
            targets = {"out": np.full_like(u, np.nan)}
            if method == "backward":
                targets["grad_h"] = grad_h.copy(order="K")
            for name, out in targets.items():
                given = (*arguments[:2], out) if name == "grad_h" else arguments
                result = _evaluate(activation, method, given, out=out)
                where = f"{type(activation).__name__}.{method}"
                require(result is out, f"{where}(..., out={name}) must write to `out` and return it, got another array")
                again.append((f"{method}(..., out={name})", out, "the result without `out`"))
        for what, result, says in again:
            _compare(activation, what, result, first, u, says=says, rtol=0.0, atol=0.0)


def _check_pair(activation, u):
    """Check that `value_and_potential` returns what the two methods return, up to rounding."""
    if not hasattr(activation, "potential"):
        return
    where, tolerance = f"{type(activation).__name__}.value_and_potential", 16.0 * np.finfo(u.dtype).eps
    results = named_call(where, activation.value_and_potential, u)
    for method, got in zip(("value", "potential"), results, strict=True):
        expected = _evaluate(activation, method, (u,))
        wanted = f"{expected.dtype} of shape {expected.shape}"
        given = f"{getattr(got, 'dtype', type(got).__name__)} of shape {np.shape(got)}"
        require(given == wanted, f"{where} must return {method}, {wanted}, got {given}")
        says = f"the result of {method}"
        _compare(activation, "value_and_potential", got, expected, u, says=says, rtol=tolerance, atol=tolerance)


def _check_leading_axes(activation, u):
    """Check that a row's result does not depend on the rows around it."""
    whole = {method: _evaluate(activation, method, call) for method, call in _calls(activation, u, u).items()}
    for index in ((1,), (1, 2)):
        some = stored(u[index], u.dtype, "K")
        for method, arguments in _calls(activation, some, some).items():
            _compare(
                activation,
                method,
                whole[method][index],
                _evaluate(activation, method, arguments),
                some,
                says=f"its result for an array of shape {some.shape} in place of {u.shape}",
                rtol=1e-6,
                atol=4.0 * np.finfo(u.dtype).eps,
            )


def _check_extremes(activation, rng, dtype, order):
    """Check that nothing overflows and no result is infinite or NaN, for |u| up to 1e4 and at kinks."""
    magnitudes = np.concatenate([[0.0], np.geomspace(1e-30, 1e4, 35)])
    u = np.concatenate([magnitudes, -magnitudes, activation.kinks])
    u = stored(np.stack([u, rng.permutation(u)], axis=1), dtype, order)

    def check(u):
        for method, arguments in _calls(activation, u, np.ones_like(u)).items():
            wrong = ~np.isfinite(_evaluate(activation, method, arguments)).reshape(len(u), -1).all(axis=1)
            row = u[np.argmax(wrong)]
            require(not wrong.any(), f"{type(activation).__name__}.{method} ({dtype}) is not finite at u = {row}")
        _check_pair(activation, u)

    with np.errstate(over="raise", invalid="raise", divide="raise"):
        try:
            check(u)
        except AssertionError as error:
            if not isinstance(error.__cause__, FloatingPointError):
                raise
            for row in u:  # find the row that overflows
                try:
                    check(stored(row[None], dtype, order))
                except AssertionError as at_row:
                    raise AssertionError(f"{at_row}, at u = {row} ({dtype})") from error
            raise


def _check_divergence(activation, rng, dtype, order):
    """Check that `divergence` is the sum over the features of s_i dA_i/dx_i, with A = h(X W^T) V."""
    n, d = 6, 3
    W, V = rng.standard_normal((2, _N_UNITS, d))
    X = rng.standard_normal((20 * n, d))
    X, slope = away_from_kinks(activation, n, X, X @ W.T), rng.uniform(0.1, 1.0, (n, d))

    def reconstruction(X):
        return activation.value(X @ W.T) @ V

    steps = _STEP * np.eye(d)
    diagonal = [(reconstruction(X + s) - reconstruction(X - s))[:, i] / (2.0 * _STEP) for i, s in enumerate(steps)]
    u = stored(X @ W.T, dtype, order)
    h, W, V, s = (stored(array, dtype, order) for array in (activation.value(u), W, V, slope))
    for given, factors in (((h, W, V), 1.0), ((h, W, V, s), slope)):
        expected = (np.stack(diagonal, axis=1) * factors).sum(axis=1)
        tolerance = 1e-6 if dtype == np.float64 else 1e-5
        says = "the sum of difference quotients of h(X W^T) V" + ("" if len(given) == 3 else " times slope")
        result = _evaluate(activation, "divergence", given)
        _compare(activation, "divergence", result, expected, u, says=says, rtol=tolerance, atol=tolerance)


def _grid(activation):
    """Return points from -4 to 4 in steps of 1e-4; both are larger if kinks lie far out."""
    return np.arange(-40001, 40002) * (1e-4 * reach_of(activation) / 3.0)


def counterexamples(activation):
    """Return for each flag the smallest u of a grid at which it would be false, or None if there is no such u."""
    grid = _grid(activation)
    u = np.stack([grid, np.zeros_like(grid)], axis=1)  # (m, 2), for units that compete
    h = _evaluate(activation, "value", (u,))
    rounding = 4.0 * np.finfo(h.dtype).eps * np.abs(h).max() * (grid[1] - grid[0])
    at_fault = {
        # h is the gradient of a convex potential. For elementwise units: h is non-decreasing.
        "monotone": (np.diff(h, axis=0) * np.diff(u, axis=0)).sum(axis=1) < -rounding,
        "non_negative": (h < 0.0).any(axis=1),
        "at_most_one": (h > 1.0).any(axis=1),
        "flat_below_zero": (_evaluate(activation, "value", (np.maximum(u, 0.0),)) != h).any(axis=1),
        "continuous": _jumps(lambda x: activation.value(np.stack([x, np.zeros_like(x)], axis=1)), grid),
    }
    return {flag: float(grid[np.argmax(fault)]) if fault.any() else None for flag, fault in at_fault.items()}


def _jumps(f, grid):
    """Return for each pair of neighbours of a grid whether f jumps between them, by 0.01 or so.

    Halving the interval halves the change of a continuous f, but not a jump.
    """

    def change(a, b):
        size = np.abs(f(b) - f(a))
        return size if size.ndim == 1 else size.max(axis=1)

    jumps = change(grid[:-1], grid[1:]) >= 0.01
    a, b = grid[:-1][jumps], grid[1:][jumps]
    for _ in range(20 if jumps.any() else 0):
        middle = 0.5 * (a + b)
        left = change(a, middle) >= change(middle, b)
        a, b = np.where(left, a, middle), np.where(left, middle, b)
    jumps[jumps] = change(a, b) >= 0.005
    return jumps


def _check_declarations(activation):
    """Check that the declared flags are true on a grid, and that each jump of h and h' is among the kinks."""
    name = type(activation).__name__
    check_are_bool(activation, (*_FLAGS, "derived_bias"))
    for flag, u in counterexamples(activation).items():
        require(u is None or not getattr(activation, flag), f"{name}.{flag} is declared, but not true at u = {u}")
    if not is_elementwise(activation):
        return
    grid = _grid(activation)
    middle, near = 0.5 * (grid[:-1] + grid[1:]), 1.5 * (grid[1] - grid[0])
    unnamed = (np.abs(middle[:, None] - np.array([*activation.kinks, np.inf])) >= near).all(axis=1)
    functions = {"value": activation.value, "derivative": lambda u: activation.derivative(u, activation.value(u))}
    for method, function in functions.items():
        jumps = unnamed & _jumps(function, grid)
        u = middle[np.argmax(jumps)]
        require(not jumps.any(), f"{name}.{method} jumps at u = {u:.4g}, but {name}.kinks is {activation.kinks}")
