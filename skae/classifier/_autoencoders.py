"""The autoencoders of several classes: trained one by one, or all at once with shared factors."""

import contextlib

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skae.training import (
    NO_CALLBACKS,
    blas_threads,
    effective_rows,
    too_many_units,
    warn,
)


def with_parameters(estimator, blocks, j):
    """Return a copy of a fitted autoencoder, with the parameters of one class of the blocks W, b and c."""
    copied = shallow_copy(estimator)
    copied.components_, copied.intercept_visible_ = blocks["W"][j].copy(), blocks["c"][j].copy()
    if "b" in blocks:
        copied.intercept_hidden_ = blocks["b"][j].copy()
    return copied


def constraint_of(estimator):
    """Return the constraint on a tied autoencoder's weights, which fine-tuning keeps, or None."""
    return estimator._constraint(True, estimator._penalties()[-1])


def shallow_copy(estimator):
    """Return a copy that shares its arrays, which are replaced in training and never written to."""
    copied = clone(estimator)
    vars(copied).update(vars(estimator))
    return copied


def fit_each(template, X, labels, weight, names, pretrain, n_jobs, task=NO_CALLBACKS):
    """Fit a clone of an autoencoder to each class, in parallel.

    Parameters
    ----------
    template : BaseAutoencoder
        Not changed.
    X : ndarray or CSR matrix of shape (n, d)
        Rows.
    labels : ndarray of int of shape (n,)
        Their classes, from 0; each has a row.
    weight : ndarray of shape (n,) or None
        Their weights.
    names : sequence of str
        Names of the classes, for messages.
    pretrain : bool
        Whether to train, or to start only.
    n_jobs : int or None
        As in joblib.
    task : Task
        Whose subtasks the classes are, where they are trained.

    Returns
    -------
    estimators : list of BaseAutoencoder
        Fitted, one a class.
    problems : list of tuple
        What is wrong with them, each as arguments of `warn`.
    """
    parallel = Parallel(n_jobs=n_jobs)
    several = parallel.n_jobs not in (None, 1)
    # All before the first goes to a process: scikit-learn's contexts cannot be made while one of them is pickled.
    tasks = [task.subtask("class", data={}, task_id=j) if pretrain else NO_CALLBACKS for j in range(len(names))]
    results = parallel(
        delayed(_fit_one)(clone(template), *rows_of(X, labels == j, weight), name, pretrain, several, tasks[j])
        for j, name in enumerate(names)
    )
    problems = [
        (f"class {name}: {text}", category)
        for name, n_rows, (_, found) in zip(names, np.bincount(labels), results, strict=True)
        for text, category in found
        if n_rows > 1  # of one row, nothing is better than its mean
    ]
    return [estimator for estimator, _ in results], problems


def _fit_one(estimator, X, weight, name, pretrain, several, task):
    """Fit one; return it and what is wrong with it. Where several are, each has one BLAS thread."""
    try:
        with task.attached_to(estimator), blas_threads(0.0) if several else contextlib.nullcontext():
            return estimator, estimator._fit(X, weight, started_only=not pretrain)
    except ValueError as error:
        error.args = (f"class {name}: {error}",)
        raise


def rows_of(X, chosen, weight):
    """Return the chosen rows of X and their weights (None for None); a single row counts as two halves."""
    rows = X[chosen]
    weight = None if weight is None else weight[chosen]
    if rows.shape[0] == 1:
        rows = sparse.vstack([rows, rows], format="csr") if sparse.issparse(rows) else np.concatenate([rows, rows])
        weight = np.repeat(0.5 if weight is None else 0.5 * weight, 2)
    return rows, weight


def part_of(weight, rows):
    """The weights of some rows; None for None."""
    return None if weight is None else weight[rows]


def classes_with_few_rows(n_units, labels, weight, names):
    """Return the classes with fewer than half a row for each unit, each as arguments of `warn`."""
    problems = []
    for j, name in enumerate(names):
        chosen = labels == j
        if chosen.sum() == 1:  # of which nothing can be learnt but its place
            continue
        text = too_many_units(n_units, effective_rows(chosen.sum(), part_of(weight, chosen)))
        if text is not None:
            problems.append((f"class {name}: {text}; use fewer units, or more rows", UserWarning))
    return problems


def warn_of(problems):
    """Warn of what is wrong with several autoencoders, in one sentence of each category."""
    for category in dict.fromkeys(each for _, each in problems):
        first, *others = (text for text, each in problems if each is category)
        likewise = f" ({len(others)} other class{'es' * (len(others) > 1)} likewise)" if others else ""
        warn(first + likewise, category)
