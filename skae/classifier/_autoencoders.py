"""Autoencoders of several classes, each trained on the rows of its own class."""

import contextlib

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skae.autoencoders import fit_quietly, start
from skae.classifier._energies import ClassEnergies, shallow_copy
from skae.training import NO_CALLBACKS, blas_threads, effective_rows, share_callbacks, too_many_units, warn


def fit_each(template, rows, names, pretrain, n_jobs, task=NO_CALLBACKS, places=None):
    """Fit a clone of an autoencoder to each class, in parallel.

    Parameters
    ----------
    template : BaseAutoencoder
        The autoencoder to clone. It is not changed.
    rows : LabelledRows
        Rows of all classes.
    names : sequence of str
        Names of the classes, for messages.
    pretrain : bool
        Whether to train the clones. If not, they only get their starting parameters.
    n_jobs : int or None
        Number of processes, as in joblib.
    task : Task
        The task of the training. Each class is a subtask.
    places : sequence of int, default=None
        Numbers of the classes, for their subtasks. None numbers them from 0.

    Returns
    -------
    energies : ClassEnergies
        Energies of the fitted autoencoders.
    problems : list of list
        Problems of the fits. Each inner list is an argument of `warn_jointly`.
    """
    parallel = Parallel(n_jobs=n_jobs)
    several = parallel.n_jobs not in (None, 1)
    # Make all tasks before the first fit starts: scikit-learn cannot make a context while it pickles another one.
    places = range(len(names)) if places is None else map(int, places)
    tasks = [task.subtask("class", data={}, task_id=j) if pretrain else NO_CALLBACKS for j in places]
    with _one_thread(several):  # for fits in threads, which set no limit of their own
        results = parallel(
            delayed(_fit_one)(clone(template), *class_rows(rows, j), name, pretrain, several, tasks[j])
            for j, name in enumerate(names)
        )
    for estimator, _ in results:
        share_callbacks(template, estimator)
    problems = [
        (f"class {name}: {text}", category)
        for name, n_rows, (_, found) in zip(names, np.bincount(rows.labels), results, strict=True)
        for text, category in found
        if n_rows > 1  # nothing predicts a single row better than its mean
    ]
    few = _few_rows(template.n_components, rows, names) if pretrain else []
    return ClassEnergies([estimator for estimator, _ in results]), [problems, few]


def start_alike(template, rows, n_classes):
    """Return energies of classes without rows so far. All share one autoencoder, started on all the rows."""
    started = clone(template)
    start(started, *all_rows(rows))
    return ClassEnergies([started] * n_classes)


def continue_each(template, energies, rows, seen, pretrain, task):
    """Train the autoencoders of the classes in `rows` with one pass; return the energies of all classes.

    An autoencoder whose class is not in `seen` starts from the template. For the other parameters, see `fit_each`.
    """
    estimators = list(energies.estimators)
    for j in np.unique(rows.labels):
        X, weight = class_rows(rows, j)
        if pretrain:
            own = shallow_copy(estimators[j]) if j in seen else clone(template)
            share_callbacks(template, own)
            with task.subtask("class", data={}, task_id=int(j)).attached_to(own, X, weight):
                estimators[j] = own.partial_fit(X, sample_weight=weight)
        elif j not in seen:
            estimators[j] = clone(template)
            start(estimators[j], X, weight)
    return ClassEnergies(estimators)


def _one_thread(several):
    """Run the body on one BLAS thread if several autoencoders are fitted at a time."""
    return blas_threads(0.0) if several else contextlib.nullcontext()


def _fit_one(estimator, X, weight, name, pretrain, several, task):
    """Fit one autoencoder; return it and its problems. If `several` are fitted in parallel, use one BLAS thread."""
    try:
        with task.attached_to(estimator, X, weight), _one_thread(several):
            return estimator, (fit_quietly if pretrain else start)(estimator, X, weight)
    except ValueError as error:
        error.args = (f"class {name}: {error}",)
        raise


def class_rows(rows, j):
    """Return a copy of the rows of class j, and their weights (or None).

    A single row is returned as two rows of half weight, because a fit needs two rows.
    """
    part = rows.of_class(j)
    X, weight = part.X, part.weight
    if X.shape[0] == 1:
        X = sparse.vstack([X, X], format="csr") if sparse.issparse(X) else np.concatenate([X, X])
        weight = np.repeat(0.5 if weight is None else 0.5 * weight, 2)
    return X, weight


def all_rows(rows):
    """Return all data and the weights of the rows in use, 0 for the others. For a single row, see `class_rows`."""
    if len(rows.labels) == 1:
        return class_rows(rows, rows.labels[0])
    weight = np.ones(len(rows.labels)) if rows.weight is None and rows.index is not None else rows.weight
    return rows.data, rows.spread(weight)


def _few_rows(n_units, rows, names):
    """Return a problem for each class with fewer rows than half the number of units."""
    problems = []
    for j, name in enumerate(names):
        own = rows.of_class(j)
        if len(own.labels) == 1:  # a single row can teach nothing but its place
            continue
        text = too_many_units(n_units, effective_rows(len(own.labels), own.weight))
        if text is not None:
            problems.append((f"class {name}: {text}; use fewer units, or more rows", UserWarning))
    return problems


def warn_jointly(problems):
    """Warn of the problems of several autoencoders: once for each category, with the first problem and a count."""
    for category in dict.fromkeys(each for _, each in problems):
        first, *others = (text for text, each in problems if each is category)
        likewise = f" ({len(others)} other class{'es' * (len(others) > 1)} likewise)" if others else ""
        warn(first + likewise, category)
