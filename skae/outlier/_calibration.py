"""Thresholds of scores, and scores of rows that a model has not seen."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import indexable

from skae._sklearn_compat import _safe_indexing
from skae.training import NO_CALLBACKS, quiet

# Scores of two rows differ where they differ by more than this number of units in the last place.
_ULPS = 256.0

# Scores from more rows than these change a threshold little.
_MOST_ROWS = 4096

# Models of few rows are scored in more folds, because a fold's model has fewer rows than the whole one. All folds
# together have about this number of rows at least, and of elements at most.
_FEWEST_FOLDS, _ROWS_OF_FOLDS, _ELEMENTS_OF_FOLDS = 5, 4000, 10_000_000


def training_threshold(scores, share):
    """Return a threshold with the share of the scores below it, rounded down to whole rows.

    The threshold is the middle between two neighbours. Scores that are tied count as not below it.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores of the training rows.
    share : float
        In (0, 0.5].

    Returns
    -------
    float
    """
    return _between(np.sort(scores), int(share * len(scores) + 1e-9))


def new_row_threshold(scores, share):
    """Return a threshold that a new score falls below with a probability of `share`.

    Of n + 1 scores in random order, each is as likely the new one. So a new score is below the k-th of n others with
    the probability k / (n + 1). The threshold lies between two of them, in proportion.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Sorted scores of rows that the model has not seen.
    share : float
        In (0, 0.5].

    Returns
    -------
    float
    """
    position = max(1.0, share * (len(scores) + 1))
    count = min(len(scores), int(position + 1e-9))
    return _between(scores, count, min(max(position - count, 0.05), 0.95))


def _between(scores, count, part=0.5):
    """A number between the `count` lowest of the sorted scores and the others, or below a tie of them."""
    scores = np.asarray(scores)
    rounding = _ULPS * np.finfo(scores.dtype).eps * np.maximum(1.0, np.abs(scores.astype(np.float64)))
    scores = scores.astype(np.float64)
    while count > 0 and count < len(scores) and scores[count] - scores[count - 1] <= 2.0 * rounding[count]:
        count -= 1
    if count == len(scores):
        return float(scores[-1] + rounding[-1])
    if count == 0:
        gap = scores[1] - scores[0] if len(scores) > 1 else 0.0
        return float(scores[0] - max(0.5 * gap, rounding[0]))
    return float(scores[count - 1] + part * (scores[count] - scores[count - 1]))


def cross_fitted_scores(estimator, X, n_folds, seed, task=NO_CALLBACKS):
    """Return the score of each row by a clone of the estimator that is fitted to the rows of the other folds.

    Parameters
    ----------
    estimator : estimator
        With `fit` and `score_samples`.
    X : array-like of shape (n, d)
        Rows.
    n_folds : int or "auto"
        Number of folds, and no more than rows. "auto" is 4000 / n or 10^7 / (n d), the smaller, and no less than 5.
    seed : int
        Seed of the folds.
    task : Task
        The task of the fit. The folds together are a subtask.

    Returns
    -------
    ndarray of shape (n,)
    """
    from sklearn.model_selection import KFold

    (X,) = indexable(X)  # sparse formats without an index become CSR
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if n_folds == "auto":
        n_columns = X.shape[1] if getattr(X, "ndim", 1) == 2 else 1
        most = min(_ROWS_OF_FOLDS, _ELEMENTS_OF_FOLDS // max(n_columns, 1))
        n_folds = max(_FEWEST_FOLDS, most // n_rows)
    folds = KFold(min(n_folds, n_rows), shuffle=True, random_state=seed)
    scores = np.empty(n_rows, dtype=np.float64)
    phase = task.subtask("calibration", max_subtasks=folds.get_n_splits()).begin()
    with quiet():  # the fit to all rows gives the same warnings
        for seen, unseen in folds.split(np.arange(n_rows)):
            model, rows = clone(estimator), _safe_indexing(X, seen)
            with phase.subtask("fold").attached_to(model, rows):
                model.fit(rows)
            scores[unseen] = model.score_samples(_safe_indexing(X, unseen))
    phase.end()
    return scores


def rows_outside_sample(X, n_sample, seed):
    """Return at most 4096 rows of X that are not in the sample that a `MixtureEnsemble` with this seed is trained on.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    n_sample : int
        Number of rows in the sample.
    seed : int
        Seed of the ensemble.

    Returns
    -------
    ndarray of shape (n_outside, d)
    """
    order = np.random.default_rng(seed).permutation(len(X))
    return X[np.sort(order[n_sample : n_sample + _MOST_ROWS])]
