"""Autoencoders of several classes that share factors. They are trained together."""

import functools

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skae.autoencoders import batches_for, objective_on, stage_for, start
from skae.classifier._autoencoders import all_rows, fit_each
from skae.classifier._energies import ClassEnergies, products, shallow_copy, with_parameters
from skae.objectives import FactoredReconstruction
from skae.parameters import INITIALIZATIONS, Layout, Sample, initial_biases
from skae.training import (
    NO_CALLBACKS,
    Batches,
    convergence_problem,
    feature_errors,
    final_losses,
    near_one,
    on_plateau,
    train,
)

# The starting biases are computed from at most this number of rows of each class.
_SAMPLE_ROWS = 500


def fit_factored(template, n_factors, rows, names, pretrain, rng, task=NO_CALLBACKS):
    """Fit autoencoders that share factors, one for each class and all together (ENERGY 4.1).

    Parameters
    ----------
    template, rows, names, pretrain
        As in `fit_each`.
    n_factors : int
        Number of factors F.
    rng : numpy.random.Generator
        Source of randomness.
    task : Task
        The task of the training. The epochs are its subtasks.

    Returns
    -------
    energies : ClassEnergies
        Energies of the fitted autoencoders, with W_j = Q^T diag(f_j) P.
    problems : list of list
        Problems of the convergence. Each inner list is an argument of `warn_jointly`.
    """
    pooled = clone(template).set_params(n_components=n_factors)
    start(pooled, *all_rows(rows))
    factors = {
        "P": pooled.components_,
        "Q": INITIALIZATIONS["glorot"](n_factors, template.n_components, None, rng),
        "f": np.ones((len(names), n_factors)),
    }
    return _train(template, factors, rows, names, pretrain, rng, task=task)


def add_factored(template, factors, rows, names, pretrain, rng, task=NO_CALLBACKS):
    """Train factor weights and biases of new classes on the given factors, which do not change; see `fit_factored`."""
    gates = np.tile(factors["f"].mean(axis=0), (len(names), 1))
    return _train(template, {**factors, "f": gates}, rows, names, pretrain, rng, ("P", "Q"), task)


def _train(template, factors, rows, names, pretrain, rng, frozen=(), task=NO_CALLBACKS):
    """Train from the given factors. `frozen` names those that do not change."""
    X, labels, weight = rows.data, rows.spread(rows.labels), rows.spread(rows.weight)
    estimators = fit_each(template, rows, names, pretrain=False, n_jobs=None)[0].estimators
    W, activation = products(factors), objective_on(template, rows.subset([0]).X).activation
    starts = []
    for j, each in enumerate(estimators):
        own = _batches_of_class(rows, j, weight, _SAMPLE_ROWS).sample(_SAMPLE_ROWS, rng)
        starts.append(initial_biases(W[j], W[j], Sample(*own, each.mean_), activation, template.visible))
    b, c = map(np.stack, zip(*starts, strict=True))
    layout = Layout(**{name: block.shape for name, block in factors.items()}, b=b.shape, c=c.shape)
    objective = FactoredReconstruction(layout, activation, visible=template.visible, l2=template.l2, frozen=frozen)
    theta = layout.pack(X.dtype, **factors, b=b, c=c)
    n_columns = max(X.shape[1], layout.size // X.shape[1])
    batches = batches_for(template, X, weight, rows.index, n_columns, rng, labels=labels, paired=True)
    pooled, curve, problems = _pooled(estimators), np.empty(0), []
    if pretrain:
        size = batches.rows_per_batch * X.shape[1] * len(factors["P"])
        trained = train(
            objective,
            [stage_for(pooled, objective, batches)],
            theta,
            batches,
            rng,
            multiplications=size,
            task=task,
        )
        theta, loss, (result,) = trained.theta, trained.loss, trained.results
        curve = result.loss_curve
    else:
        loss, _ = final_losses(objective, theta, batches, rng)
    blocks = {name: view.copy() for name, view in layout.views(theta).items()}
    blocks["W"] = products(blocks)
    estimators = [with_parameters(each, blocks, j) for j, each in enumerate(estimators)]
    for each in (*estimators, pooled):
        each.loss_, each.loss_curve_, each.n_iter_ = loss, curve, len(curve)
    if pretrain:
        plateau = functools.partial(on_plateau, objective, theta, batches, template.tol)
        errors = functools.partial(_feature_errors, estimators, rows, weight)
        text = convergence_problem(pooled, result, continued=False, errors=errors, plateau=plateau)
        problems = [] if text is None else [(f"all classes: {text}", ConvergenceWarning)]
    return ClassEnergies(estimators, {name: blocks[name] for name in factors}), [problems]


def _pooled(estimators):
    """Return an estimator with the moments of all classes: the average of their means, and of their variances.

    It stands for all of them where the solver and the test of convergence need moments.
    """
    masses, pooled = _masses(estimators), shallow_copy(estimators[0])
    pooled.var_ = np.average([each.var_ for each in estimators], axis=0, weights=masses)
    pooled.mean_ = np.average([each.mean_ for each in estimators], axis=0, weights=masses)
    return pooled


def _feature_errors(estimators, rows, weight):
    """Return the mean squared reconstruction error of each feature, over all classes, shape (d,)."""
    of_classes = [feature_errors(each, _batches_of_class(rows, j, weight)) for j, each in enumerate(estimators)]
    return np.average(of_classes, axis=0, weights=_masses(estimators))


def _masses(estimators):
    """Return the weights of the classes, those of their training rows, times a common factor."""
    return near_one(np.array([each.n_samples_seen_ for each in estimators], dtype=np.float64))


def _batches_of_class(rows, j, weight, size=None):
    """Return batches of the rows of class j, in order. `weight` has the weights of all rows of `rows.data`."""
    own = rows.of_class(j).index
    return Batches(rows.data, weight, own, size or len(own), shuffle=False)
