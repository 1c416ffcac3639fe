"""Autoencoders of several classes that share their factors, trained all at once."""

import functools

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skae.classifier._autoencoders import fit_each, shallow_copy, with_parameters
from skae.objectives import FactoredReconstruction
from skae.parameters import INITIALIZATIONS, Layout, Sample, initial_biases
from skae.training import (
    NO_CALLBACKS,
    Batches,
    Stage,
    block_rows,
    convergence_problem,
    corrupting,
    corruption_range,
    feature_errors,
    final_loss,
    on_plateau,
    train,
)

# The start of the factored model looks at so many rows of a class.
_SAMPLE_ROWS = 500


def fit_factored(template, n_factors, X, labels, weight, names, pretrain, rng, task=NO_CALLBACKS):
    """Fit autoencoders that share their factors, to all classes at once (ENERGY 4.1).

    Parameters
    ----------
    template, X, labels, weight, names, pretrain
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
    pooled._fit(X, weight, started_only=True)
    factors = {
        "P": pooled.components_,
        "Q": INITIALIZATIONS["glorot"](n_factors, template.n_components, None, rng),
        "f": np.ones((len(names), n_factors)),
    }
    return train_factored(template, factors, X, labels, weight, names, pretrain, rng, task=task)


def train_factored(template, factors, X, labels, weight, names, pretrain, rng, frozen=(), task=NO_CALLBACKS):
    """Train from given factors, some of which may be frozen; see `fit_factored`."""
    estimators, _ = fit_each(template, X, labels, weight, names, pretrain=False, n_jobs=None)
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
    if pretrain:
        size = batches.rows_per_batch * X.shape[1] * len(factors["P"])
        stage = Stage(objective, pooled._solver(), on_epoch=template._on_epoch(None, ""))
        trained = train(
            objective, [stage], theta, batches, rng, multiplications=size, task=task, max_iter=template.max_iter
        )
        theta, loss, (result,) = trained.theta, trained.loss, trained.results
        curve = result.loss_curve
    else:
        loss = final_loss(objective, theta, batches, rng)
    blocks = {name: view.copy() for name, view in layout.views(theta).items()}
    blocks["W"] = products(blocks)
    estimators = [with_parameters(each, blocks, j) for j, each in enumerate(estimators)]
    for each in (*estimators, pooled):
        each.loss_, each.loss_curve_, each.n_iter_ = loss, curve, len(curve)
    if pretrain:
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
