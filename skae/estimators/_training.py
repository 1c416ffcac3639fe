"""What happens around a fit: roll-back, seeds, validation loss, a line per epoch, warnings."""

import contextlib
import sys
import time
import warnings

import numpy as np
from sklearn.utils import check_random_state

from skae.solvers import LBFGS, DivergenceError
from skae.solvers._progress import Plateau, check_finite, total_weight
from skae.visible import VISIBLE

# So many rows of a `partial_fit` do not show that a unit is dead: one that is active on 5 % of all rows is on none of
# 10 more often than not.
FEW_ROWS = 50

# What a fit has come to is judged on so many rows, and on no more elements than that if it can.
_SAMPLE_ROWS, _SAMPLE_ELEMENTS = 2000, 2**22

# Whether the loss still falls is told from so many of the last epochs, and as many before them.
_COMPARED_EPOCHS = 5

# Whether it is a plateau: iterations of L-BFGS that try, and how many of them are compared with the first as many.
_TRIAL_ITERATIONS, _TRIAL_STRIDE = 50, 10


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Leave ``vars(estimator)`` as it was if the body raises anything, KeyboardInterrupt included.

    Fitted arrays are replaced, never written to, so a shallow copy suffices.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def seed_of(random_state):
    """Return an integer seed from None, an int or a RandomState; None leaves numpy's global state alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(2**31 - 1))
    return int(random_state)


class ValidationMonitor:
    """Follow the loss on held-out rows, keep the best parameters, stop when it no longer falls.

    Parameters
    ----------
    objective : object
        See `skae.objectives`.
    batches : Batches
        The held-out rows.
    rng : numpy.random.Generator
        For the batches.
    tol, patience
        See `skae.solvers._progress.Plateau`.
    """

    def __init__(self, objective, batches, rng, tol, patience):
        self.objective, self.batches, self.rng = objective, batches, rng
        self.plateau = Plateau(tol, patience)
        self.curve, self.best_theta, self.best_loss = [], None, np.inf

    def __call__(self, epoch):
        """Evaluate; return whether to stop."""
        self.curve.append(self.consider(epoch.theta))
        return self.plateau.reached(self.curve[-1])

    def consider(self, theta):
        """Return the loss at theta, and keep theta if it is the best."""
        loss = mean_value(self.objective, theta, self.batches, self.rng)
        if self.best_theta is None or loss < self.best_loss:
            self.best_theta, self.best_loss = theta.copy(), loss
        return loss


class Printer:
    """Print a line an epoch.

    Parameters
    ----------
    name : str
        What the line begins with.
    validation : ValidationMonitor or None
        Whose last loss is printed too.
    active : callable or None
        Returns the share of active codes at some parameters, which is printed too.
    """

    def __init__(self, name, validation, active=None):
        self.name, self.validation, self.active, self.last = name, validation, active, time.perf_counter()

    def __call__(self, epoch):
        """Print."""
        now = time.perf_counter()
        text = f"{self.name} epoch {epoch.number}: loss {epoch.loss:.6g}"
        if self.validation is not None:
            text += f", validation loss {self.validation.curve[-1]:.6g}"
        if self.active is not None:
            text += f", {self.active(epoch.theta):.1%} of the codes active"
        print(f"{text}, {now - self.last:.2f} s", flush=True)
        self.last = now


def active_above(activation):
    """Return the absolute value above which a code counts as active (SPARSE eq. 14): smooth units are nowhere zero."""
    return 0.0 if activation.kinks else 0.1


def active_share(objective, batches, dtype):
    """Return a function of the parameters: the share of active codes on up to a thousand rows."""
    X, _ = batches.sample(1000, np.random.default_rng(0))
    X, threshold = X.astype(dtype), active_above(objective.activation)
    return lambda theta: float(np.mean(np.abs(objective.code(theta, X)) > threshold))


def mean_value(objective, theta, batches, rng):
    """Return the objective over all batches together."""
    mean_code = None
    if getattr(objective, "uses_mean_code", False):
        mean_code = _weighted_mean(batches, rng, lambda X, target, weight: objective.mean_code(theta, X, weight))

    def value(X, target, sample_weight):
        return objective.value(theta, X, target, sample_weight, mean_code=mean_code)

    with np.errstate(over="ignore", invalid="ignore"):
        return float(_weighted_mean(batches, rng, value))


def final_loss(objective, theta, batches, rng):
    """Return the objective at the parameters that a fit returns; refuse one that is not finite."""
    loss = mean_value(objective, theta, batches, rng)
    check_finite(loss, "at the end", theta, "; use a lower learning_rate_init, or bring the features to a common scale")
    return loss


def dead_units(objective, theta, batches, rng):
    """Return which units have a code of zero on all rows, shape (k,)."""
    alive = False
    for X, _, _ in batches(rng):
        alive = alive | objective.code(theta, X).any(axis=0)
    return ~alive


def constant_units(objective, theta, batches, rng):
    """Return which units have the same code on all rows (to a millionth), shape (k,)."""
    low, high = np.inf, -np.inf
    for X, _, _ in batches(rng):
        H = objective.code(theta, X)
        low, high = np.minimum(low, H.min(axis=0)), np.maximum(high, H.max(axis=0))
    return high - low <= 1e-6 * np.maximum(np.abs(low), 1.0)


def _weighted_mean(batches, rng, function):
    """Mean of function(X, target, sample_weight) over batches, weighted by their rows' weights."""
    total = mass = 0.0
    for X, target, sample_weight in batches(rng):
        m = total_weight(X, sample_weight)
        total, mass = total + m * function(X, target, sample_weight), mass + m
    return total / mass


def on_plateau(objective, theta, batches, tol):
    """Return whether training has ended on a plateau: L-BFGS goes on from there to a far lower loss.

    At a minimum, and in the noise that small steps leave around one, it finds little, and its first iterations find the
    most; from a plateau it falls slowly at first, and then fast.

    Parameters
    ----------
    objective, theta, batches
        The objective, the parameters that training has ended with, and its batches.
    tol : float
        The relative fall over some epochs that has been too little to go on for.

    Returns
    -------
    bool
        Whether the loss falls by a sixth, or by ten times `tol` and three times as fast after some iterations as in the
        first. It is that of other rows where there are many, and of other noise where there is some.
    """
    n_rows = max(min(_SAMPLE_ROWS, _SAMPLE_ELEMENTS // batches.X.shape[1]), 1)
    (rng, rows), (judge, others) = ((each, batches.fixed(n_rows, each)) for each in map(np.random.default_rng, (0, 1)))
    start = mean_value(objective, theta, rows, rng)
    try:
        result = LBFGS(max_iter=_TRIAL_ITERATIONS, tol=0.0).minimize(objective, theta, rows, rng)
    except DivergenceError:
        return False
    falls = -np.diff([start, *result.loss_curve[_TRIAL_STRIDE - 1 :: _TRIAL_STRIDE]])
    speeds_up = len(falls) > 1 and falls.max() > 3.0 * falls[0]
    before, after = (mean_value(objective, each, others, judge) for each in (theta, result.theta))
    fall = (before - after) / (abs(before) or 1.0)
    return fall > 1.0 / 6.0 or (speeds_up and fall > 10.0 * tol)


def convergence_problem(estimator, result, continued, errors, plateau, data_loss=None):
    """Say where a fit has come to little, and what to do about it: the first of the reasons that applies, or None.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Fitted.
    result : skae.solvers.Result
        Of its last stage.
    continued : bool
        Whether that started from parameters that had been trained.
    errors : callable
        Returns the mean squared error of the reconstruction of each feature, shape (d,).
    plateau : callable
        Returns whether the end is a plateau.
    data_loss : callable, default=None
        Returns the loss without penalties; None takes `loss_`.
    """
    text = (
        _no_better_than_mean(estimator, data_loss)
        or _few_features_fitted(estimator, errors)
        or _not_falling(estimator, result, continued)
        or _still_falling(estimator, result)
        or _ended_on_plateau(estimator, result, plateau)
    )
    return text and f"{type(estimator).__name__}: {text}"


def feature_errors(estimator, batches):
    """Return the mean squared error of the reconstruction of each feature, on up to 2000 training rows, shape (d,)."""
    X, weight = batches.sample(_SAMPLE_ROWS, np.random.default_rng(0))
    X = X * estimator._unit
    with np.errstate(over="ignore", invalid="ignore"):
        residual = estimator._reconstruct(X, estimator._parameters(X.dtype)) - X
        return weight @ residual**2 / weight.sum()


def too_many_units(n_units, n_rows):
    """Say that the energies of training rows and of new rows will differ, or return None.

    From two units a row on, every detector of benchmarks/wide.py flags at least twice as many new normal rows as it
    should. Reconstructions of new rows seldom suffer: this is for what compares energies.
    """
    if n_units <= 2 * n_rows:
        return None
    return f"{n_units} units were fitted to {n_rows:.0f} rows, whose energies say little about those of new rows"


def warn(text, category=UserWarning):
    """Warn at the line of the user's that has led here: the last one outside skae, scikit-learn and joblib."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("skae.", "sklearn.", "joblib.")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def _no_better_than_mean(estimator, data_loss):
    """The loss, penalties aside, is no better than the mean's: wrong above it, suspect near it if the scale is off."""
    baseline = VISIBLE[estimator.visible].loss_of_mean(estimator.mean_, estimator.var_)
    deviation = np.sqrt(estimator.var_)
    largest = float(deviation.max())
    offset = float((np.abs(estimator.mean_) / np.maximum(deviation, 1e-3 * largest)).max()) if largest else 0.0
    badly_scaled = not 0.05 <= largest <= 20.0 or offset > 20.0
    limit, loss = (0.9 if badly_scaled else 0.999) * baseline + _negligible(estimator), estimator.loss_
    if loss > limit and data_loss is not None:  # a penalty may be large and do no harm
        limit, loss = min(limit, 0.99 * baseline), data_loss()
    if loss <= limit:
        return None
    return (
        f"the loss, {loss:.4g}, is hardly below that of predicting the mean, {baseline:.4g}, or above it "
        f"(the features have standard deviations up to {largest:.3g}); bring them to a common scale near 1 "
        "(StandardScaler, PCAWhitener), use a lower learning_rate_init or alpha, or train longer"
    )


def _few_features_fitted(estimator, errors):
    """Features off scale are not reconstructed, while the loss of those with the largest variance is fine."""
    deviation = np.sqrt(estimator.var_[estimator.var_ > _rounding(estimator)])
    if not len(deviation):
        return None
    smallest, largest, typical = deviation.min(), deviation.max(), np.sqrt(np.mean(estimator.var_))
    unit = estimator._unit
    off_scale = largest < 0.05 * unit or typical > 5.0 * unit
    # Principal components on one common scale differ by design: `PCAWhitener(whiten=None)` makes their mean variance 1.
    uneven = typical > 5.0
    if not (off_scale or uneven):
        return None
    error = errors()
    kept = 1.0 - error[estimator.var_ > _rounding(estimator)] / deviation**2
    share, limit = float(np.mean(np.maximum(kept, 0.0))), 0.7
    if not off_scale:
        limit *= 1.0 - error.sum() / estimator.var_.sum()
    if share >= limit:
        return None
    return (
        f"the reconstruction keeps {share:.0%} of the variance of a feature, in the mean over the features (whose "
        f"standard deviations are {smallest:.3g} to {largest:.3g}); bring them to a common scale near 1 "
        "(StandardScaler, PCAWhitener)"
    )


def _not_falling(estimator, result, continued):
    """The loss has risen, or hardly fallen, over the fit."""
    curve, negligible = estimator._unit**2 * result.loss_curve, _negligible(estimator)
    stuck = len(curve) == 1 and result.reason == "converged"
    if not (len(curve) > 1 or stuck) or max(curve[0], curve[-1]) <= negligible:
        return None
    # A trained start may have nothing left to gain.
    expected = -0.01 if continued else estimator.tol
    if curve[-1] <= curve[0] - expected * abs(curve[0]):
        return None
    change = "rose" if curve[-1] > curve[0] else "hardly fell"
    rate = "lower" if curve[-1] > curve[0] else "higher"
    return (
        f"the loss {change}: {curve[0]:.4g} in the first epoch, {curve[-1]:.4g} in the last; bring the features to a "
        f"common scale near 1 (StandardScaler, PCAWhitener), or use a {rate} learning_rate_init"
    )


def _still_falling(estimator, result):
    """The loss was still falling at `max_iter`."""
    curve = result.loss_curve
    if result.reason != "max_iter" or not estimator.tol > 0.0:
        return None
    # Batches and sampled noise make a loss go up and down from one epoch to the next: the last twentieth of the fit, or
    # five epochs, is compared with as many before.
    window = max(len(curve) // 20, min(_COMPARED_EPOCHS, len(curve) // 2))
    fall = 1.0
    if window:
        before = curve[-2 * window : -window].mean()
        fall = (before - curve[-window:].mean()) / window / (abs(before) or 1.0)
    # A schedule that has run its course has settled the loss, but for little.
    annealed = estimator.solver != "lbfgs" and estimator.learning_rate == "linear"
    if fall <= estimator.tol * (10.0 if annealed else 1.0):
        return None
    return (
        f"stopped at max_iter={estimator.max_iter} while the loss still fell by {fall:.2g} of itself an epoch "
        f"(tol={estimator.tol:.2g}); raise max_iter, or tol"
    )


def _ended_on_plateau(estimator, result, plateau):
    """The fit has ended where the loss does not fall for long, and then falls again."""
    if result.reason != "converged" or not plateau():
        return None
    return (
        f"stopped on a plateau after {estimator.n_iter_} epochs: the loss, {estimator.loss_:.4g}, would fall again; "
        "use a larger n_iter_no_change (or 'auto') or learning_rate_init, a lower tol, or another init"
    )


def _negligible(estimator):
    """A loss that is rounding, or a millionth of the variance."""
    return float((1e-6 * estimator.var_ + _rounding(estimator)).sum())


def _rounding(estimator):
    """The variance of each feature that is rounding, shape (d,)."""
    return (10.0 * np.finfo(estimator.components_.dtype).eps * np.abs(estimator.mean_)) ** 2
