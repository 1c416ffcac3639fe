"""The autoencoders of several classes: trained one by one, or all at once with shared factors."""

import contextlib
import functools

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from skae.estimators._batches import Batches, block_rows, corrupting, corruption_range, effective_rows
from skae.estimators._callbacks import NO_TASK, Epochs
from skae.estimators._threads import blas_threads
from skae.estimators._training import (
    convergence_problem,
    feature_errors,
    final_loss,
    on_plateau,
    too_many_units,
    warn,
)
from skae.objectives import FactoredReconstruction
from skae.parameters import INITIALIZATIONS, Layout, Sample, initial_biases

# The start of the factored model looks at so many rows of a class.
_SAMPLE_ROWS = 500


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


def fit_each(template, X, labels, weight, names, train, n_jobs, task=NO_TASK):
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
    train : bool
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
    tasks = [task.subtask("class", data={}, task_id=j) if train else NO_TASK for j in range(len(names))]
    results = parallel(
        delayed(_fit_one)(clone(template), *rows_of(X, labels == j, weight), name, train, several, tasks[j])
        for j, name in enumerate(names)
    )
    problems = [
        (f"class {name}: {text}", category)
        for name, n_rows, (_, found) in zip(names, np.bincount(labels), results, strict=True)
        for text, category in found
        if n_rows > 1  # of one row, nothing is better than its mean
    ]
    return [estimator for estimator, _ in results], problems


def _fit_one(estimator, X, weight, name, train, several, task):
    """Fit one; return it and what is wrong with it. Where several are, each has one BLAS thread."""
    try:
        with task.given_to(estimator), blas_threads(0.0) if several else contextlib.nullcontext():
            return estimator, estimator._fit(X, weight, train=train)
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


def fit_factored(template, n_factors, X, labels, weight, names, train, rng, task=NO_TASK):
    """Fit autoencoders that share their factors, to all classes at once (ENERGY 4.1).

    Parameters
    ----------
    template, X, labels, weight, names, train
        As in `fit_each`.
    n_factors : int
        Number of factors F.
    rng : numpy.random.Generator
        Source of randomness.
    task : Task
        Whose subtasks the epochs are.

    Returns
    -------
    estimators : list of BaseAutoencoder
        Fitted, one a class, with W_j = Q^T diag(f_j) P.
    factors : dict of ndarray
        P (F, d), Q (F, k) and f (K, F).
    problems : list of tuple
        What is wrong with the convergence, each as arguments of `warn`.
    """
    pooled = clone(template).set_params(n_components=n_factors)
    pooled._fit(X, weight, train=False)
    factors = {
        "P": pooled.components_,
        "Q": INITIALIZATIONS["glorot"](n_factors, template.n_components, None, rng),
        "f": np.ones((len(names), n_factors)),
    }
    return train_factored(template, factors, X, labels, weight, names, train, rng, task=task)


def train_factored(template, factors, X, labels, weight, names, train, rng, frozen=(), task=NO_TASK):
    """Train from given factors, some of which may be frozen; see `fit_factored`."""
    estimators, _ = fit_each(template, X, labels, weight, names, train=False, n_jobs=None)
    W, activation = products(factors), template._training_activation()
    starts = []
    for j, each in enumerate(estimators):
        rows = Batches(X, weight, np.flatnonzero(labels == j), _SAMPLE_ROWS, shuffle=False).sample(_SAMPLE_ROWS, rng)
        starts.append(initial_biases(W[j], W[j], Sample(*rows, each.mean_), activation, template.visible))
    b, c = map(np.stack, zip(*starts, strict=True))
    layout = Layout(**{name: block.shape for name, block in factors.items()}, b=b.shape, c=c.shape)
    objective = FactoredReconstruction(layout, activation, visible=template.visible, l2=template.l2, frozen=frozen)
    theta = layout.pack(X.dtype, **factors, b=b, c=c)
    corruption, lbfgs = template._corruption(), template.solver == "lbfgs"
    batches = Batches(
        X,
        weight,
        None,
        block_rows(max(X.shape[1], layout.size // X.shape[1])) if lbfgs else template._batch_size(),
        template.shuffle and not lbfgs,
        corruption=corrupting(corruption, corruption_range(corruption, X)),
        noise_seed=int(rng.integers(2**63)) if lbfgs else None,
        labels=labels,
        paired=True,
    )
    pooled, curve, problems = _pooled(estimators), np.empty(0), []
    if train:
        epochs = Epochs(task, template.max_iter)
        on_epoch = epochs.telling(template._on_epoch(None, ""))
        with blas_threads(batches.rows_per_batch * X.shape[1] * len(factors["P"])):
            result = pooled._solver().minimize(objective, theta, batches, rng, on_epoch=on_epoch)
        epochs.end()
        theta, curve = result.theta, result.loss_curve
    blocks = {name: view.copy() for name, view in layout.views(theta).items()}
    blocks["W"] = products(blocks)
    estimators = [with_parameters(each, blocks, j) for j, each in enumerate(estimators)]
    loss = final_loss(objective, theta, batches, rng)
    for each in (*estimators, pooled):
        each.loss_, each.loss_curve_, each.n_iter_ = loss, curve, len(curve)
    if train:
        plateau = functools.partial(on_plateau, objective, theta, batches, template.tol)
        errors = functools.partial(_feature_errors, estimators, X, labels, weight)
        text = convergence_problem(pooled, result, continued=False, errors=errors, plateau=plateau)
        problems = [] if text is None else [(f"all classes: {text}", ConvergenceWarning)]
    return estimators, {name: blocks[name] for name in factors}, problems


def _pooled(estimators):
    """Return an estimator with the moments of all classes together: within them the variance, of their means the mean.

    It stands for all of them where the solver, and what is wrong with convergence, depend on moments.
    """
    masses, pooled = [each.n_samples_seen_ for each in estimators], shallow_copy(estimators[0])
    pooled.var_ = np.average([each.var_ for each in estimators], axis=0, weights=masses)
    pooled.mean_ = np.average([each.mean_ for each in estimators], axis=0, weights=masses)
    return pooled


def _feature_errors(estimators, X, labels, weight):
    """The mean squared error of the reconstruction of each feature, over the classes, shape (d,)."""
    rows = (np.flatnonzero(labels == j) for j in range(len(estimators)))
    of_classes = [
        feature_errors(each, Batches(X, weight, chosen, len(chosen), shuffle=False))
        for each, chosen in zip(estimators, rows, strict=True)
    ]
    return np.average(of_classes, axis=0, weights=[each.n_samples_seen_ for each in estimators])


def products(factors):
    """Return W_j = Q^T diag(f_j) P of all classes, shape (K, k, d) (ENERGY eq. 48)."""
    return np.stack([(factors["Q"] * gate[:, None]).T @ factors["P"] for gate in factors["f"]])


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
