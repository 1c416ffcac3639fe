"""The saturation penalty and SaturatingAutoencoder: SAT's identities, the stages of a fit, the estimator."""

import itertools
import warnings

import numpy as np
import pytest
from autoencoders import activation_of, assert_same_fit, unchanged
from helpers import (
    ALL_ACTIVATIONS,
    DTYPES,
    VISIBLE,
    check_gradient,
    check_value_object,
    make_layout,
    make_problem,
    name_of,
)
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.datasets import load_digits

from skae import SaturatingAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.activations import ReLU, SatLinear, Shrink, Tanh
from skae.complements import complement, has_complement
from skae.datasets import make_curve
from skae.objectives import Reconstruction
from skae.penalties import Saturation, check_compatible

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*units have the same code:UserWarning"),
]

TAKEN = [activation for activation in ALL_ACTIVATIONS if has_complement(activation)]
REFUSED = [activation for activation in ALL_ACTIVATIONS if not has_complement(activation)]
SCALED = ["sigmoid", "tanh", "softplus", "relu", "satlinear"]

tying = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
weighting = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


# The penalty


def test_the_lists_cover_what_they_should():
    """Flat somewhere, or at infinity: all but those that are flat nowhere, or not elementwise."""
    assert {each.name for each in REFUSED} == {"identity", "square", "modulus", "synchrony", "max", "softmax"}


@pytest.mark.sampled(5)
@weighting
@tying
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize(
    ("activation", "scale"),
    [
        *((activation, None) for activation in TAKEN),
        *itertools.product((each for each in TAKEN if each.name in SCALED), (0.1, 1.0, 30.0)),
    ],
    ids=name_of,
)
def test_gradient(activation, scale, visible, tied, weighted):
    """The gradient agrees with central differences to 1e-6, by eq. 1 and by eq. 3."""
    check_gradient(activation, (Saturation(0.3, scale),), visible, tied, weighted)


@weighting
@pytest.mark.parametrize("scale", [None, 2.0])
@pytest.mark.parametrize("activation", [Tanh(), ReLU(), SatLinear()], ids=name_of)
def test_value_is_the_mean_of_the_complements(activation, scale, weighted):
    """alpha times the weighted mean over the rows of the sum over the units (SAT eq. 2)."""
    layout = make_layout()
    theta, X, weight = make_problem(layout, activation, weighted=weighted)
    blocks = layout.views(theta)
    rows = complement(activation, X @ blocks["W"].T + blocks["b"], scale)[0].sum(axis=1)
    found = Reconstruction(layout, activation, penalties=(Saturation(0.7, scale),)).value(theta, X, None, weight)
    found -= Reconstruction(layout, activation).value(theta, X, None, weight)
    assert found == pytest.approx(0.7 * np.average(rows, weights=weight), rel=1e-9)


@weighting
@tying
@pytest.mark.parametrize("activation", [Shrink(0.3), Shrink(1.0), ReLU()], ids=name_of)
def test_with_shrink_and_relu_it_is_the_l1_norm_of_the_code(activation, tied, weighted):
    """SAT 3.2: loss and gradient are those of |x - r|^2/2 + alpha |h|_1."""
    layout, alpha = make_layout(tied=tied), 0.4
    theta, X, weight = make_problem(layout, activation, weighted=weighted)
    blocks = layout.views(theta)
    W, b, c, V = blocks["W"], blocks["b"], blocks["c"], blocks.get("V", blocks["W"])
    share = (np.ones(len(X)) if weight is None else weight)[:, None] / (len(X) if weight is None else weight.sum())
    H = activation.value(X @ W.T + b)
    E = H @ V + c - X
    expected = float((share * (0.5 * E**2).sum(axis=1, keepdims=True)).sum() + alpha * (share * np.abs(H)).sum())
    dU = share * (E @ V.T + alpha * np.sign(H)) * (H != 0.0)
    grad_W, grad_V = dU.T @ X, H.T @ (share * E)
    grads = {"b": dU.sum(axis=0), "c": (share * E).sum(axis=0)}
    grads |= {"W": grad_W + grad_V} if tied else {"W": grad_W, "V": grad_V}
    value, grad = Reconstruction(layout, activation, penalties=(Saturation(alpha),)).value_and_grad(
        theta, X, None, weight
    )
    assert value == pytest.approx(expected, rel=1e-12)
    for name, view in layout.views(grad).items():
        assert_allclose(view, grads[name], rtol=1e-11, atol=1e-13, err_msg=name)


def test_binary_data_cost_satlinear_nothing(rng):
    """SAT 3.3: at a scaled identity {0, 1} is reconstructed by saturated units, untied; so is {-1, 1}, tied."""
    X = rng.integers(0, 2, (50, 4)).astype(float)
    untied, tied = make_layout(d=4, k=4, tied=False), make_layout(d=4, k=4)
    eye = np.eye(4)
    theta = untied.pack(float, W=2.0 * eye, V=0.5 * eye, b=np.full(4, -1.0), c=np.full(4, 0.5))
    assert Reconstruction(untied, SatLinear(), penalties=(Saturation(5.0),)).value(theta, X) == 0.0
    theta = tied.pack(float, W=eye, b=np.zeros(4), c=np.zeros(4))
    assert Reconstruction(tied, SatLinear(), penalties=(Saturation(5.0),)).value(theta, 2.0 * X - 1.0) == 0.0
    # Eq. 3 too is zero there; and tied weights cannot do it where the values lie 1 apart.
    assert Reconstruction(tied, SatLinear(), penalties=(Saturation(5.0, 1.0),)).value(theta, 2.0 * X - 1.0) < 1e-12
    theta = tied.pack(float, W=eye, b=np.zeros(4), c=np.full(4, 0.5))
    assert Reconstruction(tied, SatLinear(), penalties=(Saturation(5.0),)).value(theta, X - 0.5) > 1.0


@every_dtype
@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("name", SCALED)
def test_extreme_units_have_finite_gradients(name, scale, dtype):
    """Biases that carry all units far beyond the table give finite values and gradients, in theta's dtype."""
    activation = next(each for each in TAKEN if each.name == name)
    layout = make_layout()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 4)).astype(dtype)
    objective = Reconstruction(layout, activation, penalties=(Saturation(0.3, scale),))
    for bias in (-1e4, -60.0, 60.0, 1e4):
        theta = layout.pack(dtype, W=rng.standard_normal((3, 4)), b=[bias, 0.0, -bias], c=np.zeros(4))
        value, grad = objective.value_and_grad(theta, X)
        assert np.isfinite(value)
        assert np.isfinite(grad).all()
        assert grad.dtype == dtype


def test_value_objects():
    """Instances can be shared, compared, hashed, cloned and sent to worker processes; fields are Python floats."""
    for scale in (None, 1.0, 0.3):
        check_value_object(Saturation(0.3, scale))
    assert Saturation(0.3, 1.0) == Saturation(np.float64(0.3), np.float64(1.0))
    assert type(Saturation(0.1, np.float32(0.5)).scale) is float
    assert Saturation(0.3, 1.0) != Saturation(0.3, 2.0) != Saturation(0.3)


@pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
def test_activations_that_are_flat_nowhere_are_refused(activation):
    """In a sentence that names both sides; the others are taken tied or not, gaussian or bernoulli."""
    for visible, tied in itertools.product(VISIBLE, (True, False)):
        if has_complement(activation):
            check_compatible(Saturation(), activation, visible, tied)
        else:
            words = f"'saturation' requires an activation that is flat somewhere .*, unlike '{activation.name}'"
            with pytest.raises(ValueError, match=words):
                check_compatible(Saturation(), activation, visible, tied)


# The estimator

SOLVERS = ["adam", "sgd", "lbfgs"]
TRAINING = [*((solver, "fit") for solver in SOLVERS), ("adam", "partial_fit"), ("sgd", "partial_fit")]
ACTIVATIONS = ["shrink", "relu", "satlinear", "trec", "tlin", "sigmoid", "tanh", "softplus"]

every_solver = pytest.mark.parametrize("solver", SOLVERS)
every_training = pytest.mark.parametrize(("solver", "method"), TRAINING)
untied_and_tied = pytest.mark.parametrize("activation", ["shrink", "satlinear"])


def make_X(rng, n=60, d=5):
    """Correlated rows in [0, 1]."""
    return expit(rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d))


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds, in four stages."""
    small = {"n_components": 4, "max_iter": 8, "alpha_steps": 3, "random_state": 0, "threshold": 0.2}
    return SaturatingAutoencoder(**{**small, **parameters})


def objective_of(autoencoder, X, weight=None):
    """SAT eq. 2 at the fitted parameters, written out."""
    activation = activation_of(autoencoder)
    U = X @ autoencoder.components_.T + autoencoder.intercept_hidden_
    rows = complement(activation, U, autoencoder.complement_scale)[0].sum(axis=1)
    errors = ((activation.value(U) @ autoencoder.decoder_components_ + autoencoder.intercept_visible_ - X) ** 2).sum(1)
    return np.average(0.5 * errors + autoencoder.alpha * rows, weights=weight)


@pytest.mark.sampled(3)
@weighting
@every_training
@pytest.mark.parametrize(
    ("activation", "scale"), [*((name, None) for name in ACTIVATIONS), *((name, 0.5) for name in SCALED)]
)
def test_loss_is_equation_2(activation, scale, solver, method, weighted, rng):
    """loss_ is the objective at the full alpha, over all rows."""
    X, weight = make_X(rng), (rng.uniform(0.1, 3.0, 60) if weighted else None)
    autoencoder = make(activation=activation, complement_scale=scale, solver=solver, alpha=0.4)
    getattr(autoencoder, method)(X, sample_weight=weight)
    assert autoencoder.loss_ == pytest.approx(objective_of(autoencoder, X, weight), rel=1e-9)
    if solver == "lbfgs":
        assert autoencoder.loss_curve_[-1] == pytest.approx(autoencoder.loss_, rel=1e-9)


@pytest.mark.parametrize(
    ("activation", "tied"),
    [
        *((name, False) for name in ("shrink", "relu", "trec", "tlin", "softplus")),
        *((name, True) for name in ("satlinear", "sigmoid", "tanh", SatLinear())),
    ],
    ids=str,
)
def test_automatic_tying(activation, tied, rng):
    """Units that are at most 1 are tied, the others have a decoder of their own; either can be chosen."""
    X = make_X(rng)
    autoencoder = make(activation=activation).fit(X)
    assert (autoencoder.decoder_components_ is autoencoder.components_) == tied
    for method in ("fit", "partial_fit"):
        chosen = getattr(make(activation=activation, tied_weights=tied), method)(X)
        assert_same_fit(chosen, getattr(make(activation=activation), method)(X))
        other = getattr(make(activation=activation, tied_weights=not tied), method)(X)
        assert (other.decoder_components_ is other.components_) != tied
        assert other.loss_ != chosen.loss_


@every_dtype
@every_training
@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_untied_decoders_keep_unit_length(activation, solver, method, dtype, rng):
    """After every fit and partial_fit, at every alpha, however many units are dead: never NaN, never zero."""
    X = make_X(rng).astype(dtype)
    for alpha in (1e-3, 0.1, 100.0):
        autoencoder = make(activation=activation, solver=solver, alpha=alpha, n_components=9, max_iter=4)
        for _ in range(2):
            lengths = np.linalg.norm(getattr(autoencoder, method)(X).decoder_components_.astype(float), axis=1)
            assert_allclose(lengths, 1.0, rtol=1e-6 if dtype == np.float32 else 1e-12)


def test_units_cannot_evade_the_penalty_by_their_scale(rng):
    """Untied, a small encoder with a large decoder would: unit lengths are kept unless told otherwise."""
    X = make_X(rng)
    for parameters in ({"weight_constraint": None}, {"alpha": 0.0}, {"tied_weights": True}):
        free = make(**parameters).fit(X)
        assert np.ptp(np.linalg.norm(free.decoder_components_, axis=1)) > 1e-3
    largest = make(weight_constraint="max", max_norm=0.3).fit(X)
    assert np.linalg.norm(largest.decoder_components_, axis=1).max() <= 0.3 * (1.0 + 1e-12)


# Stages


def stages_of(autoencoder, X, monkeypatch, **fit_parameters):
    """Fit, and return for each stage its alpha (0 without penalty) and the largest number of epochs."""
    seen, solver = [], autoencoder._solver

    def watched(self, n_batches, max_iter=None, schedule=None):
        seen.append(max_iter)
        return solver(n_batches, max_iter, schedule)

    strengths, objective = [], type(autoencoder)._objective

    def built(self, n_features, penalty):
        strengths.append(0.0 if penalty is None else penalty.alpha)
        return objective(self, n_features, penalty)

    with monkeypatch.context() as patch:
        patch.setattr(type(autoencoder), "_solver", watched)
        patch.setattr(type(autoencoder), "_objective", built)
        autoencoder.fit(X, **fit_parameters)
    return list(zip(strengths, seen, strict=True))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"max_iter": 12}, [(0.0, 2), (0.1, 2), (0.2, 2), (0.3, 6)]),
        ({"max_iter": 17}, [(0.0, 2), (0.1, 2), (0.2, 2), (0.3, 11)]),
        ({"max_iter": 6}, [(0.0, 1), (0.1, 1), (0.2, 1), (0.3, 3)]),
        ({"max_iter": 5}, [(0.0, 1), (0.15, 1), (0.3, 3)]),
        ({"max_iter": 4}, [(0.0, 1), (0.15, 1), (0.3, 2)]),
        ({"max_iter": 3}, [(0.0, 1), (0.3, 2)]),
        ({"max_iter": 2}, [(0.0, 1), (0.3, 1)]),
        ({"max_iter": 1}, [(0.3, 1)]),
        ({"max_iter": 8, "alpha_steps": 0}, [(0.3, 8)]),
        ({"max_iter": 9, "alpha_steps": 1}, [(0.0, 4), (0.3, 5)]),
        ({"max_iter": 8, "alpha": 0.0}, [(0.0, 8)]),
        ({"max_iter": np.int64(5), "alpha_steps": np.int64(1)}, [(0.0, 2), (0.3, 3)]),
    ],
    ids=str,
)
@every_solver
def test_stages(solver, parameters, expected, rng, monkeypatch):
    """Alpha rises from 0 in equal steps; the last stage has half of max_iter, and what does not go round."""
    autoencoder = make(**{"solver": solver, "tol": 0, "alpha": 0.3, **parameters})
    found = stages_of(autoencoder, make_X(rng), monkeypatch)
    assert_allclose(found, expected, rtol=1e-12)
    assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) == parameters["max_iter"]
    assert autoencoder.validation_loss_curve_ is None
    assert autoencoder.alpha == parameters.get("alpha", 0.3)
    assert expected[-1][1] >= 0.5 * parameters["max_iter"]


def test_continuation_is_fits_by_hand(rng):
    """With lbfgs, which has no randomness, a fit is one at alpha 0 and one each at the next alphas, warm-started."""
    X = make_X(rng)
    parameters = {"solver": "lbfgs", "weight_constraint": "unit", "tol": 0}
    at_once = make(alpha=0.3, max_iter=48, **parameters).fit(X)
    by_hand, curves = make(warm_start=True, alpha_steps=0, **parameters), []
    for alpha, max_iter in zip(np.linspace(0.0, 0.3, 4), (8, 8, 8, 24), strict=True):
        curves.append(by_hand.set_params(alpha=alpha, max_iter=max_iter).fit(X).loss_curve_)
    assert_allclose(at_once.loss_curve_, np.concatenate(curves), rtol=1e-9)
    assert_allclose(at_once.components_, by_hand.components_, rtol=1e-7, atol=1e-9)


def test_loss_curve_shows_the_steps(rng):
    """Within a stage lbfgs only falls; where alpha rises the loss does."""
    autoencoder = make(solver="lbfgs", max_iter=48, alpha=0.3, tol=0).fit(make_X(rng))
    steps = np.diff(autoencoder.loss_curve_)
    inside = ~np.isin(np.arange(1, 48), (8, 16, 24))
    assert (steps[inside] <= 1e-12).all()
    assert (steps[~inside] > 0.0).all()


def test_stages_that_converge_end_early(rng):
    """n_iter_ counts the epochs that were run, and loss_curve_ has one entry for each."""
    autoencoder = make(solver="lbfgs", max_iter=4000, tol=1e-2, n_iter_no_change=3).fit(make_X(rng))
    assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) < 1000


@every_solver
def test_warm_start_continues_with_one_stage(solver, rng, monkeypatch):
    """From a fit on there is one stage, at alpha, from the fitted parameters; the first fit has all."""
    X = make_X(rng)
    autoencoder = make(solver=solver, warm_start=True, alpha=0.3, tol=0)
    assert len(stages_of(autoencoder, X, monkeypatch)) == 4
    assert_same_fit(autoencoder, make(solver=solver, alpha=0.3, tol=0).fit(X))
    assert stages_of(autoencoder, X, monkeypatch) == [(0.3, 8)]
    still = {"learning_rate_init": 1e-13, "learning_rate": "constant"} if solver != "lbfgs" else {"max_iter": 1}
    before = autoencoder.components_
    moved = autoencoder.set_params(**still).fit(X).components_
    assert np.abs(moved - before).max() < (1e-9 if solver != "lbfgs" else 0.1)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_has_one_stage(solver, rng):
    """Each call is an epoch at the full alpha, at a constant rate."""
    X = make_X(rng)
    parameters = {"learning_rate": "constant", "max_iter": 1, "batch_size": 20, "shuffle": False, "tol": 0}
    parameters["solver"] = solver
    once = make(**parameters).partial_fit(X)
    assert_same_fit(once, make(alpha_steps=0, **parameters).fit(X), rtol=1e-12)
    twice = once.partial_fit(X)
    assert twice.n_iter_ == len(twice.loss_curve_) == 2


@pytest.mark.filterwarnings("error:.*same code")
def test_partial_fit_on_single_rows(rng):
    """One row alone says nothing of dead units: no warning."""
    autoencoder = make()
    for row in make_X(rng):
        autoencoder.partial_fit(row[None])
    assert np.isfinite(autoencoder.components_).all()
    assert autoencoder.n_samples_seen_ == 60


@pytest.mark.filterwarnings("error:.*same code")
@pytest.mark.parametrize("n_rows", [2, 5])
def test_partial_fit_on_few_rows_raises_no_alarm(n_rows):
    """Units that are silent on the few rows of a call need not be dead; many rows tell."""
    X = load_digits().data / 16.0
    autoencoder = SaturatingAutoencoder(activation="relu", max_iter=22, random_state=0).fit(X)
    assert autoencoder.dead_unit_fraction_ < 0.2
    for start in range(0, 50, n_rows):
        autoencoder.partial_fit(X[start : start + n_rows])
    assert autoencoder.dead_unit_fraction_ > 0.5
    dead = SaturatingAutoencoder(activation="relu", alpha=100.0, max_iter=22, random_state=0, solver="sgd")
    with pytest.warns(UserWarning, match="same code"):
        dead.partial_fit(X)


@untied_and_tied
@every_solver
def test_early_stopping_returns_the_best_of_the_last_stage(solver, activation, rng):
    """The parameters are those of the lowest validation loss at the full alpha, not those of an easier stage."""
    X = make_X(rng, n=120)
    parameters = {"solver": solver, "activation": activation, "alpha": 0.5, "tol": 0, "early_stopping": True}
    autoencoder = make(max_iter=24, validation_fraction=0.3, **parameters).fit(X)
    curve = autoencoder.validation_loss_curve_
    assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) == len(curve) == 24
    held_out = np.sort(np.random.default_rng(0).permutation(120)[:36])  # as fit draws them
    found = objective_of(autoencoder, X[held_out])
    assert found <= curve[12:].min() * (1.0 + 1e-9)
    # The last stage may be best where it begins: at the best of the stage before.
    assert found == pytest.approx(curve[12:].min(), rel=1e-9) or found < curve[12]
    assert curve[:4].min() < found


def test_verbose_names_the_stage(rng, capsys):
    """One line an epoch, numbered within its stage; a single stage is not named."""
    autoencoder = make(verbose=1, max_iter=6, tol=0).fit(make_X(rng))
    lines = capsys.readouterr().out.splitlines()
    expected = [(1, 1), (2, 1), (3, 1), (4, 1), (4, 2), (4, 3)]
    assert len(lines) == autoencoder.n_iter_ == 6
    for line, (stage, epoch), loss in zip(lines, expected, autoencoder.loss_curve_, strict=True):
        assert line.startswith(f"[SaturatingAutoencoder] stage {stage} of 4, epoch {epoch}: loss {loss:.6g}, ")
    make(verbose=1, max_iter=2, alpha_steps=0, early_stopping=True).fit(make_X(rng))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"[SaturatingAutoencoder] epoch {n}" for n in (1, 2)]
    assert all("validation loss" in line for line in lines)


# Dead units


def test_dead_units_are_counted_on_training_rows(rng):
    """A row of weight zero, on which dead units come alive, does not count."""
    X = np.zeros((60, 2))
    X[::2, 0], X[:, 1] = 1.0, rng.random(60)
    X[5] = 1e3
    weight = np.ones(60)
    weight[5] = 0.0
    autoencoder = make(n_components=6, alpha=1.0, solver="lbfgs", max_iter=60).fit(X, sample_weight=weight)
    codes = autoencoder.transform(X)
    with_it, without_it = (np.mean(np.ptp(rows, axis=0) < 1e-6) for rows in (codes, np.delete(codes, 5, axis=0)))
    assert autoencoder.dead_unit_fraction_ == without_it > with_it


def test_a_warning_when_most_are_dead(rng):
    """Where more than half of the units are dead it says so, with the figure and what to do; else nothing."""
    X = load_digits().data[:200] / 16.0
    with pytest.warns(UserWarning, match=r"SaturatingAutoencoder: (\d+)% of the units have the same code") as caught:
        autoencoder = make(activation="relu", alpha=3.0, solver="lbfgs", max_iter=30).fit(X)
    (message,) = (str(each.message) for each in caught if "same code" in str(each.message))
    assert autoencoder.dead_unit_fraction_ > 0.5
    assert f"{autoencoder.dead_unit_fraction_:.0%}" in message
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*same code")
        assert make(alpha=0.1, solver="lbfgs", max_iter=30).fit(X).dead_unit_fraction_ <= 0.5


@pytest.mark.parametrize("activation", ["shrink", "relu"])
def test_units_start_alive(activation):
    """At the defaults, on pixels divided by 16, few units are dead at the start, and at the end of a short fit."""
    X = load_digits().data[:500] / 16.0
    for parameters in ({"alpha": 0.0, "max_iter": 1, "learning_rate_init": 1e-9}, {"max_iter": 22}):
        autoencoder = SaturatingAutoencoder(activation=activation, random_state=0, **parameters).fit(X)
        assert autoencoder.dead_unit_fraction_ < 0.2


# Refusals


@pytest.mark.sampled(3)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        *(
            ({"activation": name}, f"'saturation' requires an activation that is flat .*, unlike '{name}'")
            for name in ("identity", "square", "modulus", "synchrony", "softmax", "max")
        ),
        *(
            ({"activation": name, "complement_scale": 1.0}, f"SAT eq. 3 gives '{name}' no complement")
            for name in ("shrink", "trec", "tlin", "identity", "softmax")
        ),
        ({"complement_scale": 0.001}, r"'complement_scale'.*Got 0.001"),
        ({"complement_scale": np.inf}, r"'complement_scale'.*Got inf"),
        ({"complement_scale": np.nan}, r"'complement_scale'.*Got nan"),
        ({"alpha": np.inf}, "'alpha'.*Got inf"),
        ({"alpha_steps": -1}, "'alpha_steps'.*Got -1"),
        ({"alpha_steps": 2.0}, "'alpha_steps'.*Got 2.0"),
    ],
    ids=str,
)
def test_refusals(parameters, words, method, rng):
    """What cannot be is refused in one sentence, and leaves the estimator as it was, fitted or not."""
    X = make_X(rng)
    for fitted in (False, True):
        autoencoder = make().fit(X) if fitted else make()
        autoencoder.set_params(**parameters)
        with unchanged(autoencoder), pytest.raises(InvalidParameterError, match=words) as caught:
            getattr(autoencoder, method)(X)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@every_solver
def test_an_error_in_a_later_stage_changes_nothing(solver, error, rng, monkeypatch):
    """What is raised in the third stage comes out as it is, and leaves the estimator as it was, fitted or not."""
    value_and_grad, alphas = Reconstruction.value_and_grad, []

    def interrupted(self, *args, **kwargs):
        alphas.append(self.penalties[0].alpha)
        if alphas[-1] > 0.15:
            raise error("now")
        return value_and_grad(self, *args, **kwargs)

    X = make_X(rng)
    for autoencoder in (make(solver=solver, alpha=0.3), make(solver=solver, alpha=0.3, tied_weights=True).fit(X)):
        alphas.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Reconstruction, "value_and_grad", interrupted)
            with unchanged(autoencoder), pytest.raises(error, match="now"):
                autoencoder.fit(X[:, :3])
        assert sorted(set(np.round(alphas, 9))) == [0.0, 0.1, 0.2]


# What the penalty does (SAT 3.1 and 3.4), measured small


def well_reconstructed(autoencoder, threshold=0.01):
    """The fraction of the square [-1, 1]^2 with a squared reconstruction error below the threshold."""
    axis = np.linspace(-1.0, 1.0, 41)
    return (autoencoder.reconstruction_error(np.dstack(np.meshgrid(axis, axis)).reshape(-1, 2)) < threshold).mean()


@pytest.mark.parametrize("activation", ["shrink", "relu"])
def test_little_but_the_curve_is_reconstructed(activation):
    """SAT 3.1, figure 2: ten units reconstruct far less of the plane with the penalty, and the curve still well."""
    X, _ = make_curve(300, random_state=0)
    parameters = {"activation": activation, "solver": "lbfgs", "max_iter": 200, "tol": 1e-4}
    shares = []
    for seed in range(5):
        plain, saturating = (
            SaturatingAutoencoder(10, alpha=alpha, random_state=seed, **parameters).fit(X) for alpha in (0.0, 0.1)
        )
        shares.append(well_reconstructed(saturating) / well_reconstructed(plain))
        assert saturating.reconstruction_error(X).mean() < 0.04 * X.var(axis=0).sum()
        assert saturating.score_samples(X).mean() < plain.score_samples(X).mean()
    assert max(shares) < 0.75
    assert np.mean(shares) < 0.5


def test_two_saturated_units_align_with_the_curve():
    """SAT 3.1, figure 3: two satlinear units, free weights, from three random starts."""
    X, _ = make_curve(300, shape="arc", random_state=0)
    parameters = {"activation": "satlinear", "tied_weights": False, "weight_constraint": None}
    parameters |= {"solver": "lbfgs", "max_iter": 300, "tol": 1e-5}
    for seed in range(3):
        plain, saturating = (
            SaturatingAutoencoder(2, alpha=each, random_state=seed, **parameters).fit(X) for each in (0.0, 0.01)
        )
        assert well_reconstructed(saturating) < 0.75 * well_reconstructed(plain)
        assert saturating.reconstruction_error(X).mean() < 0.02 * X.var(axis=0).sum()


@pytest.mark.parametrize("activation", ["shrink", "relu"])
def test_fewer_units_are_active_as_alpha_rises(activation):
    """SAT 3.4: more of the code is exactly zero, and the reconstruction error rises."""
    X = load_digits().data[:300] / 16.0
    parameters = {"activation": activation, "solver": "lbfgs", "max_iter": 60, "alpha_steps": 3, "random_state": 0}
    fits = [SaturatingAutoencoder(40, alpha=alpha, **parameters).fit(X) for alpha in (0.0, 0.02, 0.1, 0.5)]
    active = [(fitted.transform(X) != 0.0).mean() for fitted in fits]
    errors = [fitted.reconstruction_error(X).mean() for fitted in fits]
    assert active[0] > 1.2 * active[1] > 1.8 * active[2] > 3.0 * active[3]
    assert (np.diff(errors) > 0.0).all()


@every_solver
def test_continuation_survives_a_strong_penalty(solver):
    """SAT 4: from the final alpha at once, most relu units die and the loss is that of the mean."""
    X = load_digits().data[:300] / 16.0
    parameters = {"activation": "relu", "alpha": 1.0, "max_iter": 66, "solver": solver}
    for seed in range(2):
        steps, at_once = (
            SaturatingAutoencoder(20, alpha_steps=n, random_state=seed, **parameters).fit(X) for n in (5, 0)
        )
        assert steps.dead_unit_fraction_ < 0.5 < 0.6 < at_once.dead_unit_fraction_
        assert steps.loss_ < 0.95 * at_once.loss_


def test_continuation_keeps_units_alive():
    """At a moderate alpha too, starting there leaves more shrink units dead (its loss is no worse by then)."""
    X = load_digits().data[:300] / 16.0
    parameters = {"alpha": 0.3, "max_iter": 66, "solver": "lbfgs"}
    for seed in range(2):
        steps, at_once = (
            SaturatingAutoencoder(40, alpha_steps=n, random_state=seed, **parameters).fit(X) for n in (5, 0)
        )
        assert steps.dead_unit_fraction_ < at_once.dead_unit_fraction_
