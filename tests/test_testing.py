"""`skae.testing`: each way to break a contract is found, in one sentence that names the method."""

import dataclasses

import numpy as np
import pytest
from test_energy import Normalized, NormalizedWithDivergence

from skae.activations import Identity, ReLU, SatLinear, Sigmoid, Softmax, Square, Tanh, TRec
from skae.penalties import L2, Contractive, Marginalized
from skae.testing import check_activation, check_penalty


def with_method(base, method, function, **attributes):
    """An instance of a subclass, `Wrong`, that has another method or other attributes."""
    return type("Wrong", (base,), {method: function, **attributes})()


def write_to_input(self, u, out=None):
    u *= 1.0
    return np.tanh(u, out=out)


def promote(self, u, h, out=None):
    return np.multiply(1.0 - h, 1.0 + h, out=out, dtype=np.float64, casting="unsafe")


def overflow(self, u, out=None):
    return np.divide(np.exp(u) - np.exp(-u), np.exp(u) + np.exp(-u), out=out)


def infinite(self, u):
    with np.errstate(all="ignore"):
        return np.log(np.cosh(u)).sum(axis=-1)


def ignore_out(self, u, out=None):
    return np.tanh(u)


def count_calls(self, u, calls=[]):  # noqa: B006
    calls.append(u)
    return Tanh().potential(u) + 1e-13 * len(calls)


def look_around(self, u):
    return np.log(np.cosh(np.clip(u, -9, 9))).sum(axis=-1) + 1e-3 * len(u)


BROKEN_ACTIVATIONS = {
    "derivative": (
        with_method(Tanh, "derivative", lambda self, u, h, out=None: np.subtract(1.0, h, out=out)),
        r"Wrong\.derivative \(float64\) at u = .* is .*, but the difference quotient of value is ",
    ),
    "second derivative": (
        with_method(Tanh, "second_derivative", lambda self, u, h, out=None: np.multiply(-h, 1.0 - h * h, out=out)),
        r"Wrong\.second_derivative .* the difference quotient of derivative is ",
    ),
    "backward": (
        with_method(Softmax, "backward", lambda self, u, h, g, out=None: np.multiply(h, g, out=out)),
        r"Wrong\.backward \(float64\) at u = \[.*\] is .* difference quotient",
    ),
    "potential": (
        with_method(Tanh, "potential", lambda self, u: np.abs(u).sum(axis=-1)),
        r"Wrong\.potential's gradient .*, but value is ",
    ),
    "potential of other rows": (
        with_method(Tanh, "potential", look_around),
        r"Wrong\.potential .* its result for an array of shape \(3, 5\) in place of \(2, 3, 5\) is ",
    ),
    "potential's shape": (
        with_method(Tanh, "potential", lambda self, u: Tanh().potential(u)[..., None]),
        r"Wrong\.potential of float64 of shape \(7, 5\) must return float64 of shape \(7,\), got .* \(7, 1\)",
    ),
    "both": (
        with_method(Sigmoid, "value_and_potential", lambda self, u: (self.value(u), self.potential(2.0 * u))),
        r"Wrong\.value_and_potential \(float64\) at u = \[.*\] is .*, but the result of potential is ",
    ),
    "both, as a float64": (
        with_method(Sigmoid, "value_and_potential", lambda self, u: (self.value(u), self.potential(u).astype(float))),
        r"Wrong\.value_and_potential must return potential, float32 of shape \(7,\), got float64 of shape \(7,\)",
    ),
    "divergence": (
        with_method(Softmax, "divergence", lambda self, h, W, V, slope=None: h @ (W * V).sum(axis=1)),
        r"Wrong\.divergence .* the sum of difference quotients of h\(X W\^T\) V is ",
    ),
    "complement": (
        with_method(SatLinear, "complement_derivative", lambda self, u, out=None: np.sign(u, out=out)),
        r"Wrong\.complement_derivative .* the difference quotient of complement is ",
    ),
    "complement where flat": (
        with_method(ReLU, "complement", lambda self, u, out=None: np.add(np.maximum(u, 0.0), 1.0, out=out)),
        r"Wrong\.complement .* a distance to the nearest flat region is 0",
    ),
    "writes": (with_method(Tanh, "value", write_to_input), r"Wrong\.value writes to one of its inputs: "),
    "float64": (
        with_method(Tanh, "derivative", promote),
        r"Wrong\.derivative of float32 .* must return float32 .*, got float64",
    ),
    "no out": (
        with_method(Tanh, "value", lambda self, u: np.tanh(u)),
        r"Wrong\.value raised TypeError: .*unexpected keyword argument 'out'",
    ),
    "ignores out": (with_method(Tanh, "value", ignore_out), r"Wrong\.value\(\.\.\., out=out\) must write to `out`"),
    "overflow": (
        with_method(Tanh, "value", overflow),
        r"Wrong\.value raised FloatingPointError: overflow encountered in exp, at u = \[",
    ),
    "infinite": (with_method(Tanh, "potential", infinite), r"Wrong\.potential \(float64\) is not finite at u = \["),
    "state": (with_method(Tanh, "potential", count_calls), r"Wrong\.potential .*, but the first time it is "),
    "a flag": (
        type("Wrong", (Tanh,), {"non_negative": True})(),
        r"Wrong\.non_negative is declared, but not true at u =",
    ),
    "no flag": (type("Wrong", (Tanh,), {"monotone": 1})(), r"Wrong\.monotone must be True or False, got 1"),
    "a jump": (type("Wrong", (TRec,), {"continuous": True})(0.5), r"Wrong\.continuous is declared, .* at u = 0\.5"),
    "a decrease": (type("Wrong", (Square,), {"monotone": True})(), r"Wrong\.monotone is declared, .* at u = -4"),
    "a kink": (type("Wrong", (ReLU,), {"kinks": ()})(), r"Wrong\.derivative jumps at u = .*, but Wrong\.kinks is \(\)"),
}


@pytest.mark.parametrize("name", BROKEN_ACTIVATIONS)
def test_broken_activations_are_found(name):
    """One sentence says which method is wrong, where, and what it should be."""
    activation, sentence = BROKEN_ACTIVATIONS[name]
    with pytest.raises(AssertionError, match=sentence):
        check_activation(activation)


def test_what_is_absent_is_not_checked():
    """Competing units, with a divergence and without, and steep units pass; so does what defines the least."""
    for activation in (Normalized(), NormalizedWithDivergence()):
        check_activation(activation, n_points=20, random_state=np.random.RandomState(1))


@dataclasses.dataclass(frozen=True)
class Steep(Sigmoid):
    """h(u) = sigmoid(gain u), whose kinks, if it had any, would stand far out."""

    gain: float = 500.0
    name = "steep"
    kinks = (-20.0, 20.0)

    def value(self, u, out=None):
        return Sigmoid().value(np.multiply(u, u.dtype.type(self.gain)), out=out)

    def derivative(self, u, h, out=None):
        return np.multiply(u.dtype.type(self.gain) * h, 1.0 - h, out=out)

    second_derivative = third_derivative = potential = property()  # absent


def test_a_slope_is_no_jump():
    """A steep unit is continuous; points are drawn as far out as its kinks stand."""
    check_activation(Steep())


def with_add(add, base=L2, **attributes):
    """An instance of a penalty, `Wrong`, with another `add`."""
    return type("Wrong", (base,), {"add": add, **attributes})()


def contract_w(self, batch, grad):
    """The gradient in W is half of what it should be."""
    before = grad.W.copy()
    value = Contractive.add(self, batch, grad)
    grad.W -= 0.5 * (grad.W - before)
    return value


def add_squares(self, batch, grad):
    """Nothing is wrong with it where the activation has a derivative."""
    grad.U += 2.0 * self.alpha * batch.weight * batch.H * batch.D
    return self.alpha * float(batch.column_mean_squares(batch.H).sum())


def overwrite(self, batch, grad):
    grad.U[...] = 2.0 * self.alpha * batch.weight * batch.H * batch.D
    return self.alpha * float(batch.column_mean_squares(batch.H).sum())


def replace(self, batch, grad):
    grad.U = grad.U + 2.0 * self.alpha * batch.weight * batch.H * batch.D
    return self.alpha * float(batch.column_mean_squares(batch.H).sum())


def ignore_weights(self, batch, grad):
    grad.U += 2.0 * self.alpha / len(batch.H) * batch.H * batch.D
    return self.alpha * float((batch.H**2).mean(axis=0).sum())


def square_the_mean(self, batch, grad):
    mean = batch.column_means(batch.H)
    grad.U += 2.0 * self.alpha * batch.weight * mean * batch.D
    return self.alpha * float((mean**2).sum())


def write_to_code(self, batch, grad):
    batch.H *= 1.0
    return 0.0


def forget_alpha(self, batch, grad):
    grad.W += batch.W
    return 0.5 * float((batch.W**2).sum())


def change_later(self, batch, grad):
    rows = self.alpha * batch.W
    grad.add_rows("W", 1.0, rows)
    rows *= 0.0
    return 0.5 * self.alpha * float((batch.W**2).sum())


def single(self, batch, grad):
    return batch.H.dtype.type(0.0)


D = {"requires": ("derivative",)}
BROKEN_PENALTIES = {
    "gradient of W": (
        with_add(contract_w, Contractive),
        r"the gradient in W\[\d, \d\] is .*, but the difference quotient",
    ),
    "overwrites": (with_add(overwrite, **D), r"added to random numbers the gradient in U.*, but added to zeros it is "),
    "another array": (with_add(replace, **D), r"must add to grad\.U in place, but put another array there"),
    "ignores weights": (with_add(ignore_weights, **D), r"the gradient in U|with weighted rows the value"),
    "no mean": (with_add(square_the_mean, **D), r"for all rows the value is .*, but the mean over blocks of rows is "),
    "writes": (with_add(write_to_code), r"writes to one of its inputs"),
    "alpha": (with_add(forget_alpha), r"with 2 alpha the value is .*, but 2 times that of alpha is "),
    "changes rows later": (with_add(change_later), r"in a training step the gradient in W.* grad\.add_rows "),
    "float32": (with_add(single), r"must return a float, got "),
    "D without derivative": (with_add(add_squares), r"a penalty uses D, but the activation 'max' has no derivative"),
}


@pytest.mark.parametrize("name", BROKEN_PENALTIES)
def test_broken_penalties_are_found(name):
    """One sentence says with which partners, in which gradient and where."""
    penalty, sentence = BROKEN_PENALTIES[name]
    with pytest.raises(AssertionError, match=rf"Wrong\.add with '\w+', .*{sentence}"):
        check_penalty(penalty)


def test_a_penalty_may_have_a_parameter_for_each_feature():
    """`n_features` is its length; partners that `requires` refuse are refused in words."""
    check_penalty(Marginalized(feature_variances=(0.5, 1.0, 2.0)), Tanh(), n_features=3)
    with pytest.raises(ValueError, match=r"the penalty 'marginalized' requires .* which 'softmax' has not"):
        check_penalty(Marginalized(), "softmax")


def test_declarations_of_a_penalty():
    """Several requirements may leave few activations; what is declared has the right type."""

    class Demanding(L2):
        requires = ("complement", "elementwise", "non-negative", "second_derivative")

    check_penalty(Demanding())
    with pytest.raises(AssertionError, match=r"Wrong\.uses_mean_code must be True or False, got 'no'"):
        check_penalty(type("Wrong", (L2,), {"uses_mean_code": "no"})())


@dataclasses.dataclass(frozen=True)
class Listed(Identity):
    """A field that cannot be hashed."""

    knots: list = dataclasses.field(default_factory=list)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: check_activation("tanh"),
            TypeError,
            r"activation must be an instance of skae\.activations\.Activation, got 'tanh'",
        ),
        (lambda: check_activation(Tanh), TypeError, r"activation must be an instance of .*, got <class"),
        (lambda: check_activation(Tanh(), n_points=1.5), TypeError, r"n_points must be an int, got 1\.5"),
        (lambda: check_activation(Tanh(), n_points=0), ValueError, r"n_points must be at least 1, got 0"),
        (lambda: check_activation(Tanh(), random_state="a"), TypeError, r"random_state must be an int, .*, got 'a'"),
        (lambda: check_activation(Listed()), AssertionError, r"Listed\.__hash__ raised TypeError: unhashable type"),
        (lambda: check_penalty("l2"), TypeError, r"penalty must be an instance of skae\.penalties\.Penalty, got 'l2'"),
        (lambda: check_penalty(L2(), 3), TypeError, r"activation must be a name or an instance of .*, got 3"),
        (lambda: check_penalty(L2(), n_features=0), ValueError, r"n_features must be at least 1, got 0"),
    ],
)
def test_arguments(call, error, sentence):
    """What was wrong, what was got, what would be right."""
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)
