"""What every autoencoder must do, once: a new class in `skae.__all__` is tested here without being listed anywhere."""

import concurrent.futures
import copy
import io
import itertools
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
import threadpoolctl
from autoencoders import (
    ACTIVATED,
    CASES,
    CLASSES,
    DEFAULT_FITS,
    DEFAULTS,
    ENCODINGS,
    FITS,
    ONE_STAGE,
    PREDICTIONS,
    SMALL,
    SOLVERS,
    STEPPING,
    STEPS,
    STRENGTHS,
    TRAINING,
    WITHOUT_NOISE,
    activation_of,
    assert_same_fit,
    assert_same_predictions,
    fitted,
    fitted_attributes,
    hidden_bias_of,
    in_turn,
    predictions,
    unchanged,
)
from helpers import DTYPES, distance_to_kinks, name_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skae import ContractiveAutoencoder, DenoisingAutoencoder
from skae._sklearn_compat import InvalidParameterError
from skae.activations import ACTIVATIONS, Softmax
from skae.autoencoders import BaseAutoencoder

# Short fits end before they have converged, and leave units dead.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

every_class = pytest.mark.parametrize("cls", CLASSES, ids=name_of)
every_default = pytest.mark.parametrize("case", DEFAULTS, ids=str)
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_model = pytest.mark.parametrize("case", [*CASES, *ACTIVATED], ids=str)
every_fit = pytest.mark.parametrize(("case", "solver"), FITS, ids=str)
every_default_fit = pytest.mark.parametrize(("case", "solver"), DEFAULT_FITS, ids=str)
every_step = pytest.mark.parametrize(("case", "solver", "method"), STEPS, ids=str)
every_training = pytest.mark.parametrize(("case", "solver", "method"), TRAINING, ids=str)


# Parameters


@every_class
def test_constructor_sets_and_nothing_more(cls):
    """__init__ keeps what it is given, unvalidated, so that clone and set_params work."""
    parameters = {name: object() for name in cls().get_params()}
    assert vars(cls(**parameters)) == parameters


@every_class
@pytest.mark.parametrize("activation", [None, "no such units", Softmax(3)])
def test_dir_asks_nothing_of_the_parameters(cls, activation):
    # scikit-learn's `__dir__` reads every attribute, properties too; consoles and skl2onnx call it.
    assert "fit" in dir(cls(activation=activation) if "activation" in cls().get_params() else cls())


@pytest.mark.parametrize("activation", [Softmax(3), "softmax", "max"])
def test_units_that_compete_have_an_automatic_rate(activation, rng):
    X = rng.standard_normal((60, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fitted = DenoisingAutoencoder(6, activation=activation, noise_level=0.1).fit(X)
    assert fitted.n_iter_ > 0


@every_class
def test_parameters_that_all_have(cls):
    """Every parameter of the base class is one here, or fixed for the class; each one is validated."""
    parameters, constraints = vars(cls()), cls._parameter_constraints
    assert set(constraints) >= set(BaseAutoencoder._parameter_constraints)
    assert set(constraints) == {*parameters, *(name for name in constraints if name in vars(cls))}


INVALID = {
    "activation": (3, "gelu"),
    "alpha": (-0.1, np.nan),
    "batch_size": (0,),
    "encoding": ("binary",),
    "hidden_bias": ("yes",),
    "init": ("random",),
    "l2": (-1.0,),
    "learning_rate_init": (0.0,),
    "max_iter": (0,),
    "max_norm": (0.0,),
    "momentum": (1.0,),
    "n_components": (0,),
    "random_state": ("seed",),
    "solver": ("newton",),
    "threshold": (-1.0, "auto"),
    "tied_weights": ("maybe", None),
    "visible": ("poisson",),
    "weight_constraint": ("none",),
}


@pytest.mark.parametrize(
    ("case", "name"), [(case, name) for case in DEFAULTS for name in INVALID if case.has(name)], ids=str
)
def test_invalid_parameters(case, name, rng):
    """A value that cannot be is refused by the parameter's name, and changes nothing, fitted or not."""
    X = case.data(rng)
    for value in INVALID[name]:
        for autoencoder in (case.make(), copy.deepcopy(fitted(case)[0])):
            autoencoder.set_params(**{name: value})
            for method in ("fit", "partial_fit"):
                with unchanged(autoencoder), pytest.raises(InvalidParameterError, match=str(value)) as caught:
                    getattr(autoencoder, method)(X)
                assert name in str(caught.value)


@every_default_fit
def test_numpy_scalars_as_parameters(case, solver, rng):
    """Parameters that are numpy scalars, as a grid gives them, act as Python's: float32 is not promoted."""
    X = case.data(rng).astype(np.float32)
    defaults = case.make(l2=0.01, max_norm=0.5, learning_rate_init=0.01, batch_size=30, validation_fraction=0.2)
    numbers = {
        name: value
        for name, value in defaults.get_params().items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    scalars = {name: np.asarray(value)[()] for name, value in numbers.items()}
    assert len(scalars) > 10
    options = {"solver": solver, "weight_constraint": "max", "early_stopping": True}
    autoencoder = case.make(**{**options, **scalars}).fit(X)
    assert autoencoder.components_.dtype == np.float32
    assert_same_fit(autoencoder, case.make(**{**options, **numbers}).fit(X))


@every_default_fit
def test_without_its_strength_it_is_the_plain_autoencoder(case, solver, rng):
    """At strength 0 the loss is the squared error alone; a penalty or noise goes, with all that it requires."""
    strengths, X = {name: 0 for name in STRENGTHS if case.has(name)}, 3.0 * case.data(rng)
    plain = case.make(solver=solver, **strengths).fit(X)
    assert plain.loss_ == pytest.approx(0.5 * plain.reconstruction_error(X).mean(), rel=1e-9)
    for activation, tied in (("sigmoid", True), ("softmax", False), ("identity", True)) if strengths else ():
        parameters = {"activation": activation, "tied_weights": tied, "solver": solver}
        expected = fitted_attributes(ContractiveAutoencoder(**{**SMALL, "alpha": 0, **parameters}).fit(X))
        autoencoder = case.make(**strengths, **parameters).fit(X)
        for name, value in expected.items():
            assert_array_equal(getattr(autoencoder, name), value, err_msg=name)


# Training


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("case", "solver"), [*FITS, *((case, "adam") for case in ACTIVATED)], ids=str)
def test_training_lowers_the_loss(case, solver, rng):
    """Of every kind, with every solver and every activation; the curve has an entry for each epoch."""
    X = case.data(rng, n=200)
    autoencoder = case.make(solver=solver, max_iter=20).fit(X)
    assert autoencoder.loss_curve_.shape == (autoencoder.n_iter_,)
    assert 1 <= autoencoder.n_iter_ <= 20
    assert autoencoder.validation_loss_curve_ is None
    assert type(autoencoder.loss_) is float
    assert autoencoder.loss_ < autoencoder.loss_curve_[0]
    assert autoencoder.n_samples_seen_ == 200
    assert_allclose(autoencoder.mean_, X.mean(axis=0), rtol=1e-12)
    assert_allclose(autoencoder.var_, X.var(axis=0), rtol=1e-10)
    assert autoencoder.mean_.dtype == autoencoder.var_.dtype == np.float64


@pytest.mark.parametrize(("case", "solver", "dtype"), in_turn(FITS, DTYPES), ids=name_of)
def test_constraints_hold(case, solver, dtype, rng):
    """Decoder rows are of length 1, or of `max_norm` at most, whatever the scale of the data."""
    scale = 1.0 if case.parameters.get("visible") == "bernoulli" else 100.0
    X = (scale * case.data(rng)).astype(dtype)
    for constraint in ("unit", "max"):
        autoencoder = case.make(solver=solver, weight_constraint=constraint, max_norm=0.3, max_iter=3).fit(X)
        lengths = np.linalg.norm(autoencoder.decoder_components_.astype(float), axis=1)
        if constraint == "unit":
            assert_allclose(lengths, 1.0, rtol=4 * np.finfo(dtype).eps)
        else:
            assert 0.1 < lengths.max() <= 0.3 * (1.0 + 4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("init", ["glorot", "data", "pca"])
@pytest.mark.parametrize(
    "case", [*DEFAULTS, *(each for each in ACTIVATED if ACTIVATIONS[each.kind].derived_bias)], ids=str
)
def test_start(case, init, rng):
    """Every start trains, wider than the data has rows or rank too."""
    X = case.data(rng, n=7)[:, [0, 1, 2, 0, 1]]
    for solver in SOLVERS:
        autoencoder = case.make(init=init, solver=solver, n_components=9).fit(X)
        assert autoencoder.components_.shape == (9, 5)
        assert np.linalg.matrix_rank(autoencoder.components_) == 5


@every_fit
def test_early_stopping_returns_the_best_parameters(case, solver, rng):
    """The parameters returned are those of the epoch with the lowest validation loss, not of the last."""
    X = case.data(rng, n=24)
    parameters = {
        "solver": solver,
        "early_stopping": True,
        "validation_fraction": 0.4,
        "learning_rate": "constant",
        "learning_rate_init": 0.3 if solver == "adam" else 0.01,  # adam goes past the minimum
        "tol": 0.0,
        **case.own(ONE_STAGE),
    }
    curve = case.make(max_iter=15, **parameters).fit(X).validation_loss_curve_
    worse = np.flatnonzero(curve > np.minimum.accumulate(curve))
    assert len(worse) or solver != "adam"
    n_epochs = worse[0] + 1 if len(worse) else 15
    autoencoder = case.make(max_iter=n_epochs, **parameters).fit(X)
    best = int(np.argmin(curve[:n_epochs])) + 1
    assert best < n_epochs or not len(worse)
    stopped_there = case.make(max_iter=best, **parameters).fit(X)
    assert_array_equal(autoencoder.validation_loss_curve_, curve[:n_epochs])
    assert_array_equal(stopped_there.validation_loss_curve_, curve[:best])
    assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) == n_epochs
    assert_array_equal(stopped_there.components_, autoencoder.components_)
    assert stopped_there.loss_ == autoencoder.loss_ or case.own(WITHOUT_NOISE)


@every_default
def test_early_stopping_keeps_a_start_that_no_epoch_betters(case, rng):
    """Where the first step overshoots, the parameters returned are those that a warm start began with."""
    X = case.data(rng, n=24)
    autoencoder = case.make(early_stopping=True, validation_fraction=0.4, max_iter=3, **case.own(ONE_STAGE)).fit(X)
    before = autoencoder.components_.copy()
    autoencoder.set_params(warm_start=True, max_iter=1, learning_rate="constant", learning_rate_init=50.0).fit(X)
    assert_array_equal(autoencoder.components_, before)


@every_default
def test_early_stopping_needs_rows_to_train_on(case, rng):
    """A validation fraction that leaves no row to train on is refused in a sentence."""
    autoencoder, X = case.make(early_stopping=True, validation_fraction=0.9), case.data(rng, n=3)
    with unchanged(autoencoder), pytest.raises(ValueError, match=r"validation_fraction.*leaves none"):
        autoencoder.fit(X)


@pytest.mark.parametrize("early_stopping", [False, True])
@every_default_fit
def test_verbose_prints_a_line_an_epoch(case, solver, early_stopping, rng, capfd):
    """verbose=1 prints one line an epoch, with its loss, and changes no bit; without, nothing is printed."""
    X = case.data(rng)
    parameters = {"solver": solver, "early_stopping": early_stopping}
    silent = case.make(**parameters).fit(X)
    predictions(silent, X)
    assert capfd.readouterr() == ("", "")
    autoencoder = case.make(verbose=1, **parameters).fit(X)
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == autoencoder.n_iter_
    for line, loss in zip(lines, autoencoder.loss_curve_, strict=True):
        assert line.startswith(f"[{case.cls.__name__}]")
        assert "epoch" in line
        assert ("validation" in line) == early_stopping
        if not hasattr(autoencoder, "threshold_"):  # whose loss is printed in the unit that it trains in
            assert f": loss {loss:.6g}" in line
    assert_same_fit(autoencoder, silent)


@pytest.mark.parametrize("solver", STEPPING)
@every_default
def test_verbose_prints_a_line_a_partial_fit(case, solver, rng, capfd):
    """verbose=1 prints one line a call, numbered on from what was before, and changes no bit."""
    X = case.data(rng)
    silent, autoencoder = case.make(solver=solver), case.make(solver=solver, verbose=1)
    for number in (1, 2, 3):
        silent.partial_fit(X)
        assert capfd.readouterr() == ("", "")
        autoencoder.partial_fit(X)
        (line,) = capfd.readouterr().out.splitlines()
        assert line.startswith(f"[{case.cls.__name__}] epoch {number}: loss ")
        if not hasattr(autoencoder, "threshold_"):  # whose loss is printed in the unit that it trains in
            assert f": loss {autoencoder.loss_curve_[-1]:.6g}, " in line
    assert_same_fit(autoencoder, silent)


@every_default_fit
def test_an_interrupted_fit_changes_nothing(case, solver, rng, monkeypatch):
    """Ctrl-C in the second epoch comes out as it is, and leaves the estimator as it was, fitted or not."""

    def interrupt(*args, **kwargs):
        printed.append(args)
        if len(printed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    X = case.data(rng)
    for autoencoder in (case.make(), copy.deepcopy(fitted(case)[0])):
        printed = []
        autoencoder.set_params(verbose=1, solver=solver)
        with unchanged(autoencoder), pytest.raises(KeyboardInterrupt):
            autoencoder.fit(2.0 * X if "visible" not in case.parameters else X)
        assert len(printed) == 2


@pytest.mark.sampled(3)
@every_training
def test_bad_data_change_nothing(case, solver, method, rng):
    """Data and weights that cannot be trained on leave the estimator as it was, fitted or not."""
    X = case.data(rng)
    for autoencoder in (case.make(), copy.deepcopy(fitted(case)[0])):
        autoencoder.set_params(solver=solver)
        with unchanged(autoencoder), pytest.raises(ValueError, match="NaN"):
            getattr(autoencoder, method)(np.where(X[3, 1] == X, np.nan, X))
        with unchanged(autoencoder), pytest.raises(ValueError, match=r"[Nn]egative"):
            getattr(autoencoder, method)(X, sample_weight=np.linspace(-1.0, 1.0, 60))


# partial_fit and warm_start


@every_step
def test_partial_fit_is_an_epoch_of_fit(case, solver, method, rng):
    """Two calls are two epochs of fit at a constant rate: the optimiser is carried on, which a warm start forgets."""
    X = case.data(rng)
    parameters = {"solver": solver, "init": "pca", "learning_rate_init": 0.01, "tol": 0.0}
    parameters |= {**case.own(WITHOUT_NOISE), **case.own(ONE_STAGE)}
    carried = case.make(**parameters).partial_fit(X)
    assert carried.partial_fit(X) is carried
    together = case.make(learning_rate="constant", **{**parameters, "max_iter": 2}).fit(X)
    for name in ("components_", "decoder_components_", "intercept_visible_", "loss_", "loss_curve_", "n_iter_"):
        assert_allclose(getattr(carried, name), getattr(together, name), rtol=1e-9, atol=1e-12, err_msg=name)
    restarted = case.make(learning_rate="constant", warm_start=True, **{**parameters, "max_iter": 1}).fit(X).fit(X)
    assert np.abs(carried.components_ - restarted.components_).max() > 1e-6


@every_step
def test_partial_fit_takes_chunks(case, solver, method, rng):
    """Of a row too: epochs and rows are counted, moments merged, and float32 stays."""
    X = case.data(rng, n=24).astype(np.float32)
    autoencoder = case.make(solver=solver, learning_rate_init=0.01)
    for number, rows in enumerate(np.split(np.arange(24), [1, 2, 5, 20]), start=1):
        autoencoder.partial_fit(X[rows])
        assert autoencoder.n_iter_ == len(autoencoder.loss_curve_) == number
        assert np.isfinite(autoencoder.loss_curve_).all()
        assert autoencoder.components_.dtype == np.float32
    assert autoencoder.n_samples_seen_ == 24
    assert_allclose(autoencoder.mean_, X.astype(float).mean(axis=0), rtol=1e-6, atol=1e-12)
    assert_allclose(autoencoder.var_, X.astype(float).var(axis=0), rtol=1e-6)
    autoencoder.partial_fit(X.astype(np.float64))
    assert autoencoder.components_.dtype == np.float32
    assert autoencoder.validation_loss_curve_ is None


@every_step
def test_pickling_between_calls_changes_nothing(case, solver, method, rng):
    """The optimiser and the random stream survive pickling; None is a seed as good as others."""
    X = case.data(rng, n=20)
    for random_state in (0, None):
        autoencoder = case.make(solver=solver, batch_size=7, random_state=random_state).partial_fit(X)
        twin = pickle.loads(pickle.dumps(autoencoder))
        for chunk in np.split(X, 2):
            assert_same_fit(pickle.loads(pickle.dumps(twin.partial_fit(chunk))), autoencoder.partial_fit(chunk))


@every_default
def test_partial_fit_draws_new_orders(case, rng):
    """The random stream goes on: the second epoch does not repeat the order of the first."""
    X = case.data(rng, n=60)
    parameters = {"batch_size": 5, "init": "pca", **case.own(WITHOUT_NOISE)}
    carried, again = (case.make(**parameters).partial_fit(X).partial_fit(X) for _ in range(2))
    assert_same_fit(again, carried)
    ordered = case.make(shuffle=False, **parameters).partial_fit(X).partial_fit(X)
    assert np.abs(carried.components_ - ordered.components_).max() > 1e-6


@every_case
def test_where_there_is_no_partial_fit(case, rng):
    """L-BFGS has no steps to continue, and hasattr says so; early stopping has no rows to validate on."""
    assert not hasattr(case.make(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        case.make(solver="lbfgs").partial_fit(case.data(rng))
    with pytest.raises(ValueError, match="early_stopping must be False"):
        case.make(early_stopping=True).partial_fit(case.data(rng))


@every_default
def test_partial_fit_goes_on_with_other_parameters(case, rng):
    """A solver, rate, tying or constraint set between two calls is used from then on; a smaller rate moves less."""
    X = case.data(rng)
    changes = ({"solver": "sgd"}, {"momentum": 0.5}, {"tied_weights": not case.tied}, {"weight_constraint": "unit"})
    for change in changes:
        autoencoder = case.make().partial_fit(X).set_params(**change).partial_fit(X)
        assert np.isfinite(autoencoder.components_).all()
        assert autoencoder.n_iter_ == 2
        untied = change.get("tied_weights", case.tied) is False
        assert (autoencoder.decoder_components_ is autoencoder.components_) == (not untied)
    start = case.make(learning_rate_init=0.01, weight_constraint=None).partial_fit(X)

    def step(rate):
        after = copy.deepcopy(start).set_params(learning_rate_init=rate).partial_fit(X)
        return np.linalg.norm(after.components_ - start.components_)

    assert step(1e-4) == pytest.approx(1e-2 * step(1e-2), rel=1e-6)


@every_default
def test_partial_fit_after_fit(case, rng):
    """partial_fit goes on where fit ended."""
    X = case.data(rng)
    autoencoder = case.make(max_iter=30, learning_rate_init=0.03, **case.own(WITHOUT_NOISE)).fit(X)
    components, loss = autoencoder.components_.copy(), autoencoder.loss_
    autoencoder.set_params(learning_rate_init=1e-5).partial_fit(X)
    assert autoencoder.loss_ == pytest.approx(loss, rel=1e-2)
    assert_allclose(autoencoder.components_, components, atol=1e-3)
    assert autoencoder.n_samples_seen_ == 120


@every_default
def test_a_fit_forgets_the_parts_before_it(case, rng):
    """Their optimiser and their place in the random stream too, so that parts after the fit go on alike."""
    X = case.data(rng)
    parts_before = case.make(batch_size=20).partial_fit(X).partial_fit(X).fit(X).partial_fit(X)
    assert_same_fit(parts_before, case.make(batch_size=20).fit(X).partial_fit(X))


@every_default_fit
def test_warm_start_continues(case, solver, rng):
    """With warm_start a fit starts from the fitted parameters, without it afresh."""
    X = case.data(rng)
    autoencoder = case.make(solver=solver, max_iter=20, warm_start=True, **case.own(WITHOUT_NOISE)).fit(X)
    first, loss = autoencoder.loss_curve_, autoencoder.loss_
    autoencoder.fit(X)
    assert autoencoder.loss_curve_[0] == pytest.approx(loss, rel=0.1)
    assert autoencoder.loss_curve_[0] < first[0]
    autoencoder.set_params(warm_start=False).fit(X)
    assert_allclose(autoencoder.loss_curve_, first, rtol=1e-12)


@every_default
def test_fitted_parameters_of_another_shape_are_refused(case, rng):
    """By a warm start and by partial_fit, in a sentence with both shapes; the fitted ones are kept."""
    X = case.data(rng)
    autoencoder = case.make(warm_start=True).fit(X)
    autoencoder.set_params(n_components=6)
    for method in ("fit", "partial_fit"):
        with unchanged(autoencoder), pytest.raises(ValueError, match=r"\(4, 5\).*\(6, 5\)"):
            getattr(autoencoder, method)(X)
    autoencoder.set_params(n_components=4)
    with unchanged(autoencoder), pytest.raises(ValueError, match=r"\(4, 5\).*\(4, 3\)"):
        autoencoder.fit(X[:, :3])
    with unchanged(autoencoder), pytest.raises(ValueError, match=r"3 features.*5 features"):
        autoencoder.partial_fit(X[:, :3])


@every_default
def test_warm_start_meets_a_new_constraint(case, rng):
    """A warm start from free rows ends in rows that meet the constraint set since."""
    X = case.data(rng)
    autoencoder = case.make(warm_start=True, max_iter=1, weight_constraint=None).fit(X)
    autoencoder.set_params(weight_constraint="unit").fit(X)
    assert_allclose(np.linalg.norm(autoencoder.decoder_components_, axis=1), 1.0, rtol=1e-12)


# Weights of rows


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("case", "solver", "method", "kind"), in_turn(TRAINING, [np.asarray, sparse.csr_array]), ids=name_of
)
def test_zero_weight_is_an_absent_row(case, solver, method, kind, rng):
    """Rows of weight zero change no bit, extreme values in them included."""
    X, weight = case.data(rng, n=100), rng.uniform(0.5, 2.0, 100)
    weight[::3] = 0.0
    X[::3] *= 10.0
    kept, parameters = weight > 0.0, {"solver": solver, "batch_size": 20, "max_iter": 3}
    all_rows = getattr(case.make(**parameters), method)(kind(X), sample_weight=weight)
    fewer_rows = getattr(case.make(**parameters), method)(kind(X[kept]), sample_weight=weight[kept])
    assert_same_fit(all_rows, fewer_rows)


def test_a_chunk_weighs_relative_to_all_rows_so_far(rng):
    """Ten rows of weight 3 after ten of weight 1 take a step 1.5 times as long. Rows without weight do not count."""
    X, steps = rng.standard_normal((25, 3)), {}
    for heavy in (1.0, 3.0):
        parameters = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "batch_size": 100}
        autoencoder = ContractiveAutoencoder(4, **parameters, random_state=0)
        autoencoder.partial_fit(X[:15], sample_weight=np.r_[np.ones(10), np.zeros(5)])
        before = autoencoder.components_.copy()
        autoencoder.partial_fit(X[15:], sample_weight=np.full(10, heavy))
        steps[heavy] = autoencoder.components_ - before
    assert_allclose(steps[3.0], 1.5 * steps[1.0], rtol=1e-9, atol=1e-15)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("case", "solver", "method", "init"), in_turn(TRAINING, ["glorot", "data", "pca"]), ids=str)
def test_integer_weights_are_repeated_rows(case, solver, method, init, rng):
    """A row of weight 3 is three rows in one batch, wherever they stand, from every start."""
    X, weight = case.data(rng), rng.integers(0, 4, 60)
    parameters = {"solver": solver, "init": init, "batch_size": 1000, "l2": 0.01}
    weighted = getattr(case.make(**parameters), method)(X, sample_weight=weight)
    repeated = np.repeat(X, weight, axis=0)
    if init != "data":  # which rows a start takes depends on their order
        repeated = repeated[rng.permutation(len(repeated))]
    by_rows = getattr(case.make(**parameters), method)(repeated)
    assert weighted.n_samples_seen_ == by_rows.n_samples_seen_ == weight.sum()
    for name, value in fitted_attributes(by_rows).items():
        if value is not None:
            assert_allclose(getattr(weighted, name), value, rtol=1e-6, atol=1e-8, err_msg=name)


@every_fit
def test_integer_weights_are_repeated_rows_in_float32(case, solver, rng):
    """In float32 a row of weight 3 is three rows up to rounding, which training does not amplify."""
    X, weight = case.data(rng).astype(np.float32), rng.integers(0, 4, 60)
    weighted = case.make(solver=solver, batch_size=1000).fit(X, sample_weight=weight)
    repeated = case.make(solver=solver, batch_size=1000).fit(np.repeat(X, weight, axis=0))
    for name in ("components_", "decoder_components_", "intercept_visible_", "loss_curve_"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-3, atol=1e-4, err_msg=name)


@every_default_fit
def test_weights_count_relative_to_each_other(case, solver, rng):
    """A common factor of all weights changes nothing but n_samples_seen_; weights of 1 are none."""
    X, weight = case.data(rng), rng.uniform(0.5, 2.0, 60)
    expected = case.make(solver=solver).fit(X, sample_weight=weight)
    for scale in (1e-20, 1e20):
        scaled = case.make(solver=solver).fit(X, sample_weight=scale * weight)
        assert_allclose(scaled.components_, expected.components_, rtol=1e-8)
        assert scaled.n_samples_seen_ == pytest.approx(scale * weight.sum())
    none, ones = (case.make(solver=solver).fit(X, sample_weight=each) for each in (None, np.ones(60)))
    assert_allclose(ones.components_, none.components_, rtol=1e-8, atol=1e-10)
    assert np.abs(none.components_ - expected.components_).max() > 1e-6


# Containers and dtypes


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("case", "solver", "method", "container"), in_turn(TRAINING, ["dense", "fortran", "csr", "memmap"]), ids=str
)
def test_input_is_not_written_to(case, solver, method, container, rng, tmp_path):
    """X stays as it was, in whatever memory it comes; memory that can be written to is not held on to."""
    X = np.maximum(case.data(rng, n=30), 0.0)
    if container == "memmap":
        np.save(tmp_path / "X.npy", X)
        data = np.load(tmp_path / "X.npy", mmap_mode="r+")
    else:
        data = {"dense": np.array, "fortran": np.asfortranarray, "csr": sparse.csr_matrix}[container](X)
    for batch_size in (7, 1000):
        autoencoder = getattr(case.make(solver=solver, batch_size=batch_size, max_iter=2), method)(data)
        predictions(autoencoder, data)
        assert_array_equal(data.toarray() if container == "csr" else data, X)
        if container != "csr":
            assert not any(
                np.shares_memory(each, data) for each in vars(autoencoder).values() if isinstance(each, np.ndarray)
            )


# How rows may lie in memory. Tables of pandas give Fortran order.
LAYOUTS = {
    "memmap": lambda X: X,
    "fortran": np.asfortranarray,
    "table": lambda X: pd.DataFrame(np.asfortranarray(X), copy=False),
    "every second column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
}


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """Rows in [0, 1) on disk, 40 MB."""
    X = np.memmap(tmp_path_factory.mktemp("rows") / "X", dtype=np.float32, mode="w+", shape=(100_000, 100))
    X[:] = np.random.default_rng(0).random(X.shape, dtype=np.float32)
    return X


@pytest.mark.sampled(5)
@pytest.mark.parametrize(("case", "solver", "layout"), in_turn(DEFAULT_FITS, LAYOUTS), ids=str)
def test_a_fit_does_not_copy_the_data(case, solver, layout, large_file):
    """Its memory does not grow with the rows, in whatever order these lie, also where some of them do not count."""
    X, weight = LAYOUTS[layout](large_file), np.ones(len(large_file))
    weight[3] = 0.0
    autoencoder = case.make(solver=solver, max_iter=1, batch_size=1000)
    tracemalloc.start()
    autoencoder.fit(X, sample_weight=weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("case", "solver", "dtype", "early_stopping"),
    in_turn(in_turn(FITS, DTYPES), [False, False, True, True]),
    ids=name_of,
)
def test_sparse_and_memmap_fits_are_the_dense_fit(case, solver, dtype, early_stopping, rng, tmp_path):
    """CSR rows and a read-only file give the fit and the predictions of the array, noise included."""
    X = np.maximum(case.data(rng, n=100), 0.0).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    parameters = {"solver": solver, "batch_size": 20, "early_stopping": early_stopping, "max_iter": 3}
    expected, rounding = case.make(**parameters).fit(X), 1e-5 if dtype == np.float32 else 1e-10
    for data in (sparse.csr_matrix(X), np.load(tmp_path / "X.npy", mmap_mode="r")):
        autoencoder = case.make(**parameters).fit(data)
        assert_same_fit(autoencoder, expected, rtol=rounding, atol=rounding)
        assert_same_predictions(expected, expected, X, on=data)
    assert type(pickle.loads(pickle.dumps(autoencoder)).components_) is np.ndarray


@every_case
def test_sparse_predictions_are_the_dense_ones(case):
    """Every prediction takes sparse rows, in any format, in the dtype that they have."""
    for dtype, kind in itertools.product(DTYPES, ("csr_matrix", "csr_array", "csc_array", "coo_array")):
        autoencoder, X = fitted(case, dtype)
        X = np.where(X < 0.3, dtype(0), X)
        assert_same_predictions(autoencoder, autoencoder, X, on=getattr(sparse, kind)(X))


@pytest.mark.sampled(3)
@every_training
def test_float32_stays_float32(case, solver, method, rng):
    """Trained on read-only float32 rows, parameters are float32, near those of float64."""
    X = case.data(rng, n=100)
    single = X.astype(np.float32)
    single.flags.writeable = False
    parameters = {"solver": solver, "max_iter": 3} | ({"learning_rate_init": 0.01} if solver == "sgd" else {})
    parameters |= case.own(WITHOUT_NOISE)  # the noise of float32 is another
    expected = getattr(case.make(**parameters), method)(X)
    autoencoder = getattr(case.make(**parameters), method)(single)
    parameters = ("components_", "decoder_components_", "intercept_hidden_", "intercept_visible_")
    found = {getattr(autoencoder, name).dtype for name in parameters if hasattr(expected, name)}
    assert found == {np.dtype(np.float32)}
    assert_allclose(autoencoder.components_, expected.components_, rtol=1e-3, atol=1e-3)
    assert autoencoder.loss_ == pytest.approx(expected.loss_, rel=1e-3)


@pytest.mark.sampled(3)
@every_model
def test_predictions_have_the_dtype_of_the_rows(case):
    """Parameters have the dtype of the training data, results that of the data given."""
    for train, predict in itertools.product(DTYPES, DTYPES):
        autoencoder, X = fitted(case, train)
        assert autoencoder.components_.dtype == autoencoder.intercept_visible_.dtype == train
        results = predictions(autoencoder, X.astype(predict))
        assert type(results.pop("score")) is float
        assert {result.dtype for result in results.values()} == {np.dtype(predict)}
        if hasattr(autoencoder, "inverse_transform"):
            assert autoencoder.inverse_transform(results["transform"]).dtype == predict


@every_default
def test_one_feature_and_constant_rows_work(case, rng):
    """One column is enough, and two rows, or rows that are all alike or zero, for training and every prediction."""
    few = [case.data(rng, d=1), case.data(rng, n=2, d=1)]
    alike = [np.zeros((10, 4)), np.full((10, 4), 3.0), np.full((7, 1), 0.1)]
    for X in [*few, *alike]:
        for solver in SOLVERS:
            for method in ("fit", "partial_fit") if solver in STEPPING else ("fit",):
                autoencoder = getattr(case.make(solver=solver), method)(X)
                for name, result in predictions(autoencoder, X).items():
                    assert np.isfinite(result).all(), name
                if X.std() < 1e-9 and not case.own(WITHOUT_NOISE):
                    assert_allclose(autoencoder.reconstruct(X), X, rtol=0.05, atol=0.2)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@every_default
def test_data_frames(case, frame, rng):
    """Names of columns are kept from fit, and predictions on a frame are those on its array."""
    X = case.data(rng)
    table = frame({name: X[:, j] for j, name in enumerate("abcde")})
    autoencoder, by_array = case.make().fit(table), case.make().fit(X)
    # scikit-learn 1.7 does not see the names of the newest polars: what its own transformer keeps is right.
    names, expected = (getattr(each, "feature_names_in_", None) for each in (autoencoder, StandardScaler().fit(table)))
    assert_array_equal(names, expected)
    assert autoencoder.n_features_in_ == 5
    assert not hasattr(by_array, "feature_names_in_")
    expected = predictions(by_array, X)
    for name, result in predictions(autoencoder, table).items():
        assert_allclose(result, expected[name], rtol=1e-7, atol=1e-9, err_msg=name)


@every_default
def test_refit_forgets_the_first_fit(case, rng):
    """A refit without names, of another width and tying, leaves nothing of the first."""
    X = case.data(rng)
    table = pd.DataFrame(X, columns=list("abcde"))
    autoencoder = case.make(tied_weights=not case.tied).fit(table).partial_fit(table)
    autoencoder.set_params(tied_weights=case.tied).fit(X[:, :3])
    assert_same_fit(autoencoder, case.make(tied_weights=case.tied).fit(X[:, :3]))
    assert (autoencoder.decoder_components_ is autoencoder.components_) == case.tied


@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
@every_default
def test_set_output(case, container, frame, rng):
    """transform and fit_transform give data frames with the names of get_feature_names_out."""
    X = case.data(rng)
    autoencoder = case.make().set_output(transform=container)
    for result in (autoencoder.fit_transform(X), autoencoder.transform(X)):
        assert isinstance(result, frame)
        assert list(result.columns) == [f"{case.cls.__name__.lower()}{k}" for k in range(4)]
        assert_array_equal(result.to_numpy(), fitted(case)[0].transform(X))
    assert isinstance(autoencoder.reconstruct(X), np.ndarray)


# Randomness


@pytest.mark.parametrize(("case", "solver", "early_stopping"), in_turn(FITS, [False, True]), ids=str)
def test_a_seed_gives_the_same_bits(case, solver, early_stopping, rng):
    """The same integer gives the same bits, in a new estimator and in a fitted one; another integer gives others."""
    X = case.data(rng, n=100)
    parameters = {"solver": solver, "batch_size": 20, "early_stopping": early_stopping, "max_iter": 3, "init": "glorot"}
    first = case.make(**parameters).fit(X)
    assert_same_fit(case.make(**parameters).fit(X), first)
    assert_same_fit(copy.deepcopy(first).fit(X), first)
    other = case.make(**{**parameters, "random_state": 1}).fit(X)
    assert np.abs(other.components_ - first.components_).max() > 1e-3


@pytest.mark.sampled(3)
@every_training
def test_global_random_state_is_untouched(case, solver, method, rng):
    """Training and scoring neither read nor move numpy's global generator."""
    X = case.data(rng)
    for random_state in (0, None, np.random.RandomState(3)):
        before = np.random.get_state()  # noqa: NPY002
        getattr(case.make(solver=solver, random_state=random_state, batch_size=20, max_iter=1), method)(X).score(X)
        after = np.random.get_state()  # noqa: NPY002
        assert_array_equal(before[1], after[1])
        assert before[2:] == after[2:]


@every_default
def test_random_state_instances_move_on(case, rng):
    """A RandomState gives a new fit at each call, the same for the same seed; None a new one always."""
    X, state, parameters = case.data(rng), np.random.RandomState(5), {"init": "glorot", "max_iter": 2}
    first, second = (case.make(random_state=state, **parameters).fit(X) for _ in range(2))
    assert np.abs(first.components_ - second.components_).max() > 1e-3
    assert_same_fit(case.make(random_state=np.random.RandomState(5), **parameters).fit(X), first)
    a, b = (case.make(random_state=None, **parameters).fit(X) for _ in range(2))
    assert np.abs(a.components_ - b.components_).max() > 1e-3


@every_default
def test_shuffle(case, rng):
    """shuffle=False takes the rows in their order: the epochs differ from shuffled ones."""
    X, parameters = case.data(rng), {"batch_size": 10, "init": "pca", **case.own(WITHOUT_NOISE)}
    shuffled, ordered = (case.make(shuffle=shuffle, **parameters).fit(X) for shuffle in (True, False))
    assert np.abs(ordered.components_ - shuffled.components_).max() > 1e-6


@every_default
def test_the_number_of_threads_changes_rounding_alone(case, rng):
    """With products large enough for the BLAS's threads, two give what one gives."""
    X, fits = case.data(rng, n=300, d=200) / 6.0, []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads, user_api="blas"):
            fits.append(case.make(n_components=300, max_iter=1, batch_size=300).fit(X))
    for name in ("components_", "decoder_components_", "intercept_visible_", "loss_"):
        assert_allclose(getattr(fits[1], name), getattr(fits[0], name), rtol=1e-6, atol=1e-9, err_msg=name)


@every_default
def test_fits_side_by_side_do_not_mix(case, rng):
    """Fits in threads of one process give the bits of fits one after the other."""
    X = case.data(rng)
    models = [case.make(random_state=seed, batch_size=20, max_iter=3) for seed in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda model: clone(model).fit(X), models))
    for model, each in zip(models, together, strict=True):
        assert_same_fit(each, model.fit(X))


# Copies


def by_joblib(autoencoder):
    """Through a joblib file."""
    file = io.BytesIO()
    joblib.dump(autoencoder, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(autoencoder):
    """Through skops, which must find nothing but the class itself to ask about."""
    dumped = skops.io.dumps(autoencoder)
    unknown = skops.io.get_untrusted_types(data=dumped)
    assert unknown == [f"{type(autoencoder).__module__}.{type(autoencoder).__qualname__}"]
    return skops.io.loads(dumped, trusted=unknown)


COPIES = {
    "pickle": lambda autoencoder: pickle.loads(pickle.dumps(autoencoder)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "skops": by_skops,
}


@pytest.mark.parametrize(
    ("case", "method", "way"), in_turn(itertools.product(CASES, ["fit", "partial_fit"]), COPIES), ids=str
)
def test_copies_predict_the_same_bits(case, method, way, rng):
    """A copy predicts the same bits, and goes on training to the same bits."""
    X = case.data(rng)
    autoencoder = getattr(case.make(max_iter=2), method)(X)
    twin = COPIES[way](autoencoder)
    assert_same_fit(twin, autoencoder)
    assert_same_predictions(twin, autoencoder, X)
    assert (twin.decoder_components_ is twin.components_) == case.tied
    assert twin.components_ is not autoencoder.components_
    assert_same_fit(twin.partial_fit(X), autoencoder.partial_fit(X))


@every_default_fit
def test_clone_is_unfitted_and_fits_alike(case, solver, rng):
    """clone carries the parameters and nothing fitted; its fit gives the same bits."""
    X = case.data(rng)
    autoencoder = case.make(solver=solver, max_iter=2).fit(X)
    twin = clone(autoencoder)
    assert vars(twin).keys() == autoencoder.get_params().keys()
    assert repr(twin) == repr(autoencoder)
    assert_same_fit(twin.fit(X), autoencoder)


@every_default
def test_memory_mapped_model(case, rng, tmp_path):
    """A model that joblib maps read-only from disk predicts, and trains on."""
    X = case.data(rng)
    autoencoder = case.make().partial_fit(X)
    joblib.dump(autoencoder, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert_same_predictions(mapped, autoencoder, X)
    assert_same_fit(mapped.partial_fit(X), autoencoder.partial_fit(X))


@every_default
def test_grid_search_without_labels(case, rng):
    """GridSearchCV needs no labels, and finds that one unit, or far too strong a penalty or noise, is not the best."""
    X = StandardScaler().fit_transform(case.data(rng, n=90))
    too_much = {name: value for name, value in STRENGTHS.items() if case.has(name)}
    grid = {"n_components": [1, 4], **{name: [0.0, value] for name, value in too_much.items()}}
    search = GridSearchCV(case.make(solver="lbfgs", max_iter=20), grid, cv=3, error_score="raise").fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["n_components"] == 4
    for name, value in too_much.items():
        assert search.best_params_[name] != value


# Predictions


@every_default
def test_unfitted(case):
    """An unfitted estimator has no fitted attribute, and its methods say that it is not fitted."""
    autoencoder = case.make(encoding="natural")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not any(hasattr(autoencoder, name) for name in fitted_attributes(fitted(case)[0]))
    for name in (*PREDICTIONS, "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(autoencoder, name)(np.ones((2, 3)))
    with pytest.raises(AttributeError, match=r"'(decoder_)?components_'"):
        _ = autoencoder.decoder_components_


@pytest.mark.sampled(3)
@every_model
def test_reconstruction_from_public_attributes(case):
    """r(x) = output(V^T h(Wx + b) + c), vector_field is r(x) - x, reconstruction_error is its square."""
    autoencoder, X = fitted(case)
    H = activation_of(autoencoder).value(X @ autoencoder.components_.T + hidden_bias_of(autoencoder))
    A = H @ autoencoder.decoder_components_ + autoencoder.intercept_visible_
    R = autoencoder.reconstruct(X)
    assert_allclose(R, expit(A) if autoencoder.visible == "bernoulli" else A, rtol=1e-10, atol=1e-12)
    assert_array_equal(autoencoder.vector_field(X), R - X)
    parts = autoencoder.reconstruction_error(X, per_feature=True)
    assert_array_equal(parts, (X - R) ** 2)
    assert_allclose(autoencoder.reconstruction_error(X), parts.sum(axis=1), rtol=1e-14)
    assert autoencoder.score(X) == autoencoder.score(X, np.arange(60)) <= 1.0


@pytest.mark.sampled(3)
@every_model
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_of_the_score_are_repeated_rows(case, dtype, rng):
    """A row of weight 3 is three rows, a row of weight 0 none, in `score`, dense or sparse, in any order."""
    autoencoder, X = fitted(case, dtype)
    weight = rng.integers(0, 4, len(X))
    expected = autoencoder.score(np.repeat(X, weight, axis=0)[rng.permutation(weight.sum())])
    tolerance = 1e-9 if dtype == np.float64 else 1e-5
    assert autoencoder.score(X, sample_weight=weight) == pytest.approx(expected, rel=tolerance)
    assert autoencoder.score(sparse.csr_array(X), None, weight) == autoencoder.score(X, sample_weight=weight)
    assert autoencoder.score(X, sample_weight=np.full(len(X), 0.1)) == pytest.approx(autoencoder.score(X), rel=1e-12)
    assert autoencoder.score(X[weight == 0]) != pytest.approx(expected, rel=tolerance)


@pytest.mark.sampled(3)
@every_model
def test_encodings(case):
    """transform returns h(Wx + b), max(0, Wx), max(0, Wx + b) or Wx; it can be changed after the fit."""
    autoencoder, X = copy.deepcopy(fitted(case)[0]), fitted(case)[1]
    U, b, activation = X @ autoencoder.components_.T, hidden_bias_of(autoencoder), activation_of(autoencoder)
    expected = {
        "natural": activation.value(U + b),
        "rectified": np.maximum(0.0, U),
        "rectified_bias": np.maximum(0.0, U + b),
        "linear": U,
    }
    assert expected.keys() == set(ENCODINGS)
    for encoding, codes in expected.items():
        autoencoder.set_params(encoding=encoding)
        assert_allclose(autoencoder.transform(X), codes, rtol=1e-11, atol=1e-13)
        has_bias = hasattr(autoencoder, "intercept_hidden_")
        enough = activation.flat_below_zero and (encoding == "rectified_bias" or not has_bias)
        assert hasattr(autoencoder, "inverse_transform") == (encoding in ("natural", "linear") or enough)


@pytest.mark.sampled(3)
@every_model
def test_inverse_transform(case):
    """inverse_transform(transform(X)) is reconstruct(X), where there is one; another width is refused in a sentence."""
    autoencoder = copy.deepcopy(fitted(case)[0])
    for encoding, (dtype, tolerance) in itertools.product(ENCODINGS, ((np.float64, 1e-12), (np.float32, 1e-5))):
        if hasattr(autoencoder.set_params(encoding=encoding), "inverse_transform"):
            X = fitted(case)[1].astype(dtype)
            result = autoencoder.inverse_transform(autoencoder.transform(X))
            assert_allclose(result, autoencoder.reconstruct(X), rtol=tolerance, atol=tolerance)
            with pytest.raises(ValueError, match="4 components, got 3"):
                autoencoder.inverse_transform(np.ones((2, 3)))


@every_default
def test_encoding_does_not_change_training(case, rng):
    """The encoding is for transform only: the fit gives the same bits."""
    X = case.data(rng)
    reference, *others = (case.make(encoding=each, max_iter=2).fit(X) for each in ENCODINGS)
    for other in others:
        assert_same_fit(other, reference)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", [case for case in (*CASES, *ACTIVATED) if case.tied], ids=str)
def test_vector_field_is_the_gradient_of_the_score(case):
    """Tied: grad E(x) = r(x) - x, for bernoulli units logit r(x) - logit x, away from kinks (ENERGY eq. 11 and 28)."""
    autoencoder, X = fitted(case)
    activation = activation_of(autoencoder)
    X = 0.05 + 0.9 * X if autoencoder.visible == "bernoulli" else X
    U = X @ autoencoder.components_.T + hidden_bias_of(autoencoder)
    X = X[[distance_to_kinks(activation, u[None]) > 1e-3 for u in U]]
    assert len(X) > 30
    step, field = 1e-5, autoencoder.vector_field(X)
    if autoencoder.visible == "bernoulli":
        field = logit(autoencoder.reconstruct(X)) - logit(X)
    for j, shift in enumerate(step * np.eye(X.shape[1])):
        slope = (autoencoder.score_samples(X + shift) - autoencoder.score_samples(X - shift)) / (2.0 * step)
        assert_allclose(slope, field[:, j], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("case", [case for case in (*CASES, *ACTIVATED) if not case.tied], ids=str)
def test_untied_score_is_minus_the_loss(case):
    """Untied weights have no potential: score_samples is -|x - r(x)|^2/2, or minus the cross-entropy."""
    autoencoder, X = fitted(case)
    R = autoencoder.reconstruct(X)
    if autoencoder.visible == "bernoulli":
        expected = (X * np.log(R) + (1.0 - X) * np.log(1.0 - R)).sum(axis=1)
    else:
        expected = -0.5 * ((X - R) ** 2).sum(axis=1)
    assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-10)


@every_case
def test_user_replaces_parameters(case, rng):
    """Predictions and training read the public attributes: what a user puts there is used, of another width too."""
    X = case.data(rng)
    autoencoder, twin = (copy.deepcopy(fitted(case)[0]).set_params(n_components=5) for _ in range(2))
    for each, dtype in ((autoencoder, int), (twin, float)):
        each.components_ = np.eye(5, dtype=dtype)
        if not case.tied:
            each.decoder_components_ = np.eye(5, dtype=dtype)
        if hasattr(each, "intercept_hidden_"):
            each.intercept_hidden_ = np.zeros(5, dtype=dtype)
    assert_same_predictions(autoencoder, twin, X)
    assert len(autoencoder.get_feature_names_out()) == 5
    U = X + hidden_bias_of(autoencoder)
    A = activation_of(twin).value(U) @ twin.decoder_components_ + twin.intercept_visible_
    assert_allclose(twin.reconstruct(X), expit(A) if twin.visible == "bernoulli" else A, rtol=1e-12, atol=1e-13)
    assert_same_fit(autoencoder.partial_fit(X), twin.partial_fit(X))
    if hasattr(autoencoder, "threshold_"):
        autoencoder.threshold_ = 1e6
        assert_allclose(autoencoder.reconstruct(X), np.tile(autoencoder.intercept_visible_, (60, 1)))


@every_case
def test_decoder(case, rng):
    """Tied, it is components_ itself and cannot be set apart from it; untied, what a user puts there is used."""
    autoencoder, X = copy.deepcopy(fitted(case)[0]), case.data(rng)
    if case.tied:
        assert autoencoder.decoder_components_ is autoencoder.components_
        with pytest.raises(AttributeError, match="components_"):
            autoencoder.decoder_components_ = np.zeros((4, 5))
    else:
        assert not np.shares_memory(autoencoder.decoder_components_, autoencoder.components_)
        autoencoder.decoder_components_ = np.zeros((4, 5))
        c = autoencoder.intercept_visible_
        assert_allclose(
            autoencoder.reconstruct(X), np.tile(expit(c) if autoencoder.visible == "bernoulli" else c, (60, 1))
        )


@pytest.mark.parametrize("case", [case for case in CASES if "visible" in case.parameters], ids=str)
def test_reconstructions_of_bernoulli_units_are_probabilities(case):
    """They lie in [0, 1], at 0 and 1 and beyond the training data too; other values are refused."""
    autoencoder, X = fitted(case)
    rows = (X > 0.5).astype(float)
    assert np.isfinite(autoencoder.score_samples(rows)).all()
    assert 0.0 <= autoencoder.reconstruct(rows).min() <= autoencoder.reconstruct(rows).max() <= 1.0
    for name in PREDICTIONS:
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            getattr(autoencoder, name)(X + 1.0)


COUNTING = [row for row in TRAINING if row[0].counts_dead_units]


@pytest.mark.parametrize(("case", "solver", "method"), COUNTING, ids=str)
def test_dead_units_are_counted(case, solver, method, rng):
    """Where a class counts them, they are the units whose code is one number on all rows that count."""
    X, weight = case.data(rng), np.ones(60)
    X[0], weight[0] = X[0] if "visible" in case.parameters else 100.0 * X[0], 0.0
    small = {"threshold": 2.5, "n_components": 40, "encoding": "natural", "batch_size": 20}
    autoencoder = getattr(case.make(solver=solver, **small), method)(X, sample_weight=weight)
    assert type(autoencoder.dead_unit_fraction_) is float
    assert autoencoder.dead_unit_fraction_ == np.mean(np.ptp(autoencoder.transform(X[1:]), axis=0) < 1e-6)
