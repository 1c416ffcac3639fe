"""Problems of a finished fit, and advice: no better than the mean, not falling, still falling, on a plateau."""

import numpy as np

from skae import _ops as ops
from skae.model import Model
from skae.solvers import LBFGS, DivergenceError
from skae.training._evaluation import mean_value
from skae.training._threads import blas_threads
from skae.visible import VISIBLE

# A fit is judged on at most this many rows, and on at most this many elements (but on one row at least).
_SAMPLE_ROWS, _SAMPLE_ELEMENTS = 2000, 2**22

# The test for a plateau is left out if there are more parameters. L-BFGS would need 40 copies of them in float64.
_MOST_PARAMETERS = 2**21

# To see whether the loss still falls, this many of the last epochs are compared with as many before them.
_COMPARED_EPOCHS = 5

# The test for a plateau runs this many iterations of L-BFGS, and compares stretches of this many.
_TRIAL_ITERATIONS, _TRIAL_STRIDE = 50, 10


def on_plateau(objective, theta, batches, tol):
    """Return whether training has ended on a plateau: L-BFGS continues from there to a far lower loss.

    Near a minimum, L-BFGS lowers the loss by little, and most of that in its first iterations. From a plateau, the loss
    falls slowly at first, and then fast.

    Parameters
    ----------
    objective, theta, batches
        The objective, the parameters at the end of training, and its batches.
    tol : float
        The relative fall of the loss below which training has ended.

    Returns
    -------
    bool
        True if the loss falls by more than a sixth. Also true if it falls by more than ten times `tol`, and later
        iterations are more than three times as fast as the first ones. The fall is measured on other rows, if there
        are enough, and with other noise. False for more than two million parameters, which are not tested.
    """
    if theta.size > _MOST_PARAMETERS:
        return False
    width = 1 if batches.stay_sparse else batches.X.shape[1]
    n_rows = max(min(_SAMPLE_ROWS, _SAMPLE_ELEMENTS // width), 1)
    (rng, rows), (judge, others) = ((each, batches.fixed(n_rows, each)) for each in map(np.random.default_rng, (0, 1)))
    start = mean_value(objective, theta, rows, rng)
    try:
        with blas_threads(rows.rows_per_batch * theta.size):
            result = LBFGS(max_iter=_TRIAL_ITERATIONS, tol=0.0).minimize(objective, theta, rows, rng)
    except DivergenceError:
        return False
    falls = -np.diff([start, *result.loss_curve[_TRIAL_STRIDE - 1 :: _TRIAL_STRIDE]])
    speeds_up = len(falls) > 1 and falls.max() > 3.0 * falls[0]
    before, after = (mean_value(objective, each, others, judge) for each in (theta, result.theta))
    fall = (before - after) / (abs(before) or 1.0)
    return fall > 1.0 / 6.0 or (speeds_up and fall > 10.0 * tol)


def convergence_problem(estimator, result, continued, errors, plateau, data_loss=None, scale=1.0):
    """Return a sentence on the first problem of a fit, with advice; None without a problem.

    Parameters
    ----------
    estimator : BaseAutoencoder
        The fitted estimator.
    result : skae.solvers.Result
        Result of its last stage.
    continued : bool
        Whether the last stage started from trained parameters.
    errors : callable
        Returns the mean squared reconstruction error of each feature, shape (d,).
    plateau : callable
        Returns whether the fit has ended on a plateau.
    data_loss : float, default=None
        The loss without penalties. None takes `loss_`.
    scale : float, default=1.0
        Training has divided the data by it.

    Returns
    -------
    str or None
        The sentence.
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
    """Return the mean squared reconstruction error of each feature, on up to 2000 training rows, shape (d,).

    The batches hold the rows divided by `scale`.
    """
    if batches.stay_sparse:
        X, weight = batches.some(_SAMPLE_ROWS, np.random.default_rng(0))
        return _sparse_feature_errors(Model.from_estimator(estimator), X * X.dtype.type(scale), weight)
    X, weight = batches.sample(_SAMPLE_ROWS, np.random.default_rng(0))
    X *= scale
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        residual = Model.from_estimator(estimator).astype(X.dtype).reconstruct(X)
        residual -= X
        residual *= residual
        return weight @ residual / weight.sum()


def _sparse_feature_errors(model, X, weight):
    """Return the weighted mean of (x_i - r_i)^2 for each feature i, of sparse X, from sums over the rows; (d,)."""
    w, H, V, c = weight / weight.sum(), model.code(X), model.decoder.T, model.c.astype(np.float64)
    S, s = ops.gram(H, w[:, None]).astype(V.dtype), w @ H
    crossed = ops.transposed_product(X, (w[:, None] * H).astype(V.dtype))
    # sum_i w_i (h_i.v)^2 - 2 w_i x_i (h_i.v) of each row v, and then the terms with c
    errors = ops.row_dots(V, V @ S - 2.0 * crossed) + c * (2.0 * (V @ s) + c - 2.0 * ops.transposed_product(X, w))
    return np.maximum(errors + ops.transposed_product(X.power(2), w), 0.0)


def _no_better_than_mean(estimator, data_loss):
    """Return a sentence if the loss without penalties is hardly below the loss of predicting the mean, else None.

    For badly scaled data, the loss must be lower than for others.
    """
    baseline = VISIBLE[estimator.visible].loss_of_mean(estimator.mean_, estimator.var_)
    deviation = np.sqrt(estimator.var_)
    largest = float(deviation.max())
    offset = float((np.abs(estimator.mean_) / np.maximum(deviation, 1e-3 * largest)).max()) if largest else 0.0
    badly_scaled = not 0.05 <= largest <= 20.0 or offset > 20.0
    limit, loss = (0.9 if badly_scaled else 0.999) * baseline + _negligible(estimator), estimator.loss_
    if loss > limit and data_loss is not None:  # a large penalty alone is no problem
        limit, loss = min(limit, 0.99 * baseline), data_loss
    if loss <= limit:
        return None
    rate = "" if _is_lbfgs(estimator) else "learning_rate_init or "
    return (
        f"the loss, {loss:.4g}, is hardly below that of predicting the mean, {baseline:.4g}, or above it "
        f"(the features have standard deviations up to {largest:.3g}); bring them to a common scale near 1 "
        f"(StandardScaler, PCAWhitener), use a lower {rate}alpha, or train longer "
        f"(solver={estimator.solver!r}, max_iter={estimator.max_iter!r})"
    )


def _few_features_fitted(estimator, errors, scale):
    """Return a sentence if features of very different scales are not reconstructed, else None.

    The loss does not show this: the features with the largest variances dominate it.
    """
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
    """Return a sentence if the loss has risen, or hardly fallen, over the fit, else None."""
    negligible = _negligible(estimator)
    stuck = len(curve) == 1 and reason == "converged"
    if not (len(curve) > 1 or stuck) or max(curve[0], curve[-1]) <= negligible:
        return None
    # A trained start may leave nothing to gain.
    expected = -0.01 if continued else estimator.tol
    if curve[-1] <= curve[0] - expected * abs(curve[0]):
        return None
    change = "rose" if curve[-1] > curve[0] else "hardly fell"
    rate = "lower" if curve[-1] > curve[0] else "higher"
    advice = "another init" if _is_lbfgs(estimator) else f"a {rate} learning_rate_init"
    return (
        f"the loss {change} with solver={estimator.solver!r}: {curve[0]:.4g} in the first {_epoch(estimator)}, "
        f"{curve[-1]:.4g} in the last; bring the features to a common scale near 1 (StandardScaler, PCAWhitener), or "
        f"use {advice}"
    )


def _still_falling(estimator, result):
    """Return a sentence if the loss was still falling at `max_iter`, else None."""
    curve = result.loss_curve
    # With max_iter="auto", adam's steps have fallen to zero where more of them gain little of what users train for.
    enough = estimator.max_iter == "auto" and estimator.solver == "adam"
    if result.reason != "max_iter" or not estimator.tol > 0.0 or enough:
        return None
    # Batches and sampled noise make the loss go up and down from epoch to epoch. So the last twentieth of the fit, but
    # five epochs at least, is compared with as many epochs before it.
    window = max(len(curve) // 20, min(_COMPARED_EPOCHS, len(curve) // 2))
    fall = 1.0
    if window:
        before = curve[-2 * window : -window].mean()
        fall = (before - curve[-window:].mean()) / window / (abs(before) or 1.0)
    # A schedule that has ended at rate 0 has settled the loss: a small fall is no problem.
    annealed = not _is_lbfgs(estimator) and estimator.learning_rate == "linear"
    if fall <= estimator.tol * (10.0 if annealed else 1.0):
        return None
    return (
        f"solver={estimator.solver!r} stopped at max_iter={estimator.n_iter_} while the loss still fell by "
        f"{fall:.2g} of itself an {_epoch(estimator)} (tol={estimator.tol:.2g}); raise max_iter, or tol"
    )


def _ended_on_plateau(estimator, result, plateau):
    """Return a sentence if the fit has ended on a plateau of the loss, else None."""
    if result.reason != "converged" or not plateau():
        return None
    return (
        f"solver={estimator.solver!r} stopped on a plateau after {estimator.n_iter_} {_epoch(estimator)}s: the loss, "
        f"{estimator.loss_:.4g}, would fall again; use a larger n_iter_no_change (or 'auto')"
        f"{'' if _is_lbfgs(estimator) else ' or learning_rate_init'}, a lower tol, or another init"
    )


def _is_lbfgs(estimator):
    """Return whether the solver has iterations over all rows, and no learning rate."""
    return estimator.solver == "lbfgs"


def _epoch(estimator):
    """Return the name of a step of the solver that `max_iter` counts."""
    return "iteration" if _is_lbfgs(estimator) else "epoch"


def _negligible(estimator):
    """Return the loss below which a fit has no problem: rounding, plus a millionth of the variance."""
    return float((1e-6 * estimator.var_ + _rounding(estimator)).sum())


def _rounding(estimator):
    """Return the variance that rounding alone can give each feature, shape (d,)."""
    return (10.0 * np.finfo(estimator.components_.dtype).eps * np.abs(estimator.mean_)) ** 2
