"""The autoencoders of several classes: trained one by one, or all at once with shared factors."""

import contextlib

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skae.autoencoders import fit_quietly, start
from skae.classifier._energies import ClassEnergies, shallow_copy
from skae.training import NO_CALLBACKS, blas_threads, effective_rows, too_many_units, warn


def fit_each(template, rows, names, pretrain, n_jobs, task=NO_CALLBACKS):
    """Fit a clone of an autoencoder to each class, in parallel.

    Parameters
    ----------
    template : BaseAutoencoder
        Not changed.
    rows : LabelledRows
        Rows of all classes.
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
    energies : ClassEnergies
        Of the fitted autoencoders.
    problems : list of list
        What is wrong with them, lists for `warn_of`.
    """
    parallel = Parallel(n_jobs=n_jobs)
    several = parallel.n_jobs not in (None, 1)
    # All before the first goes to a process: scikit-learn's contexts cannot be made while one of them is pickled.
    tasks = [task.subtask("class", data={}, task_id=j) if pretrain else NO_CALLBACKS for j in range(len(names))]
    results = parallel(
        delayed(_fit_one)(clone(template), *rows_of(rows, j), name, pretrain, several, tasks[j])
        for j, name in enumerate(names)
    )
    problems = [
        (f"class {name}: {text}", category)
        for name, n_rows, (_, found) in zip(names, np.bincount(rows.labels), results, strict=True)
        for text, category in found
        if n_rows > 1  # of one row, nothing is better than its mean
    ]
    few = _few_rows(template.n_components, rows, names) if pretrain else []
    return ClassEnergies([estimator for estimator, _ in results]), [problems, few]


def start_alike(template, rows, n_classes):
    """Return the energies of classes that have had no rows: of one autoencoder, started on all the rows."""
    started = clone(template)
    start(started, *rows_of(rows))
    return ClassEnergies([started] * n_classes)


def continue_each(template, energies, rows, seen, pretrain):
    """Let the autoencoders of the classes that have rows take a pass; start those of classes not `seen` before.

    The parameters are those of `fit_each`; returned are the energies.
    """
    estimators = list(energies.estimators)
    for j in np.unique(rows.labels):
        X, weight = rows_of(rows, j)
        if pretrain:
            own = shallow_copy(estimators[j]) if j in seen else clone(template)
            estimators[j] = own.partial_fit(X, sample_weight=weight)
        elif j not in seen:
            estimators[j] = clone(template)
            start(estimators[j], X, weight)
    return ClassEnergies(estimators)


def _fit_one(estimator, X, weight, name, pretrain, several, task):
    """Fit one; return it and what is wrong with it. Where several are, each has one BLAS thread."""
    try:
        with task.attached_to(estimator), blas_threads(0.0) if several else contextlib.nullcontext():
            return estimator, (fit_quietly if pretrain else start)(estimator, X, weight)
    except ValueError as error:
        error.args = (f"class {name}: {error}",)
        raise


def rows_of(rows, j=None):
    """Return X and weights (None for None) of the rows of a class, or of all; a single row counts as two halves."""
    part = rows if j is None else rows.part(rows.labels == j)
    X, weight = part.X, part.weight
    if X.shape[0] == 1:
        X = sparse.vstack([X, X], format="csr") if sparse.issparse(X) else np.concatenate([X, X])
        weight = np.repeat(0.5 if weight is None else 0.5 * weight, 2)
    return X, weight


def _few_rows(n_units, rows, names):
    """What to warn of for each class with fewer than half a row for each unit."""
    problems = []
    for j, name in enumerate(names):
        chosen = rows.labels == j
        if chosen.sum() == 1:  # of which nothing can be learnt but its place
            continue
        text = too_many_units(n_units, effective_rows(chosen.sum(), rows.part(chosen).weight))
        if text is not None:
            problems.append((f"class {name}: {text}; use fewer units, or more rows", UserWarning))
    return problems


def warn_of(problems):
    """Warn of what is wrong with several autoencoders, in one sentence of each category."""
    for category in dict.fromkeys(each for _, each in problems):
        first, *others = (text for text, each in problems if each is category)
        likewise = f" ({len(others)} other class{'es' * (len(others) > 1)} likewise)" if others else ""
        warn(first + likewise, category)
