"""Whether a fit has come to something, and what to do about it where it has not."""

import numpy as np

from skae.model import Model
from skae.solvers import LBFGS, DivergenceError
from skae.training._evaluation import mean_value
from skae.visible import VISIBLE

# What a fit has come to is judged on so many rows, and on no more elements than that if it can.
_SAMPLE_ROWS, _SAMPLE_ELEMENTS = 2000, 2**22

# Whether the loss still falls is told from so many of the last epochs, and as many before them.
_COMPARED_EPOCHS = 5

# Whether it is a plateau: iterations of L-BFGS that try, and how many of them are compared with the first as many.
_TRIAL_ITERATIONS, _TRIAL_STRIDE = 50, 10


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


def convergence_problem(estimator, result, continued, errors, plateau, data_loss=None, scale=1.0):
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
    scale : float, default=1.0
        What the data were divided by in training.
    """
    text = (
        _no_better_than_mean(estimator, data_loss)
        or _few_features_fitted(estimator, errors, scale)
        or _not_falling(estimator, scale**2 * result.loss_curve, result.reason, continued)
        or _still_falling(estimator, result)
        or _ended_on_plateau(estimator, result, plateau)
    )
    return text and f"{type(estimator).__name__}: {text}"


def feature_errors(estimator, batches, scale=1.0):
    """Return the mean squared error of the reconstruction of each feature, on up to 2000 training rows, shape (d,).

    The batches hold the rows divided by `scale`.
    """
    X, weight = batches.sample(_SAMPLE_ROWS, np.random.default_rng(0))
    X = X * scale
    with np.errstate(over="ignore", invalid="ignore"):
        residual = Model.from_estimator(estimator).astype(X.dtype).reconstruct(X) - X
        return weight @ residual**2 / weight.sum()


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


def _few_features_fitted(estimator, errors, scale):
    """Features off scale are not reconstructed, while the loss of those with the largest variance is fine."""
    deviation = np.sqrt(estimator.var_[estimator.var_ > _rounding(estimator)])
    if not len(deviation):
        return None
    smallest, largest, typical = deviation.min(), deviation.max(), np.sqrt(np.mean(estimator.var_))
    off_scale = largest < 0.05 * scale or typical > 5.0 * scale
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


def _not_falling(estimator, curve, reason, continued):
    """The loss has risen, or hardly fallen, over the fit."""
    negligible = _negligible(estimator)
    stuck = len(curve) == 1 and reason == "converged"
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
