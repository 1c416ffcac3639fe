"""The supervised objectives: losses of class energies, plain and factored."""

import copy

import numpy as np
import pytest
from helpers import ALL_ACTIVATIONS, VISIBLE, distance_to_kinks, name_of, numerical_gradient
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.metrics import hinge_loss, log_loss

from skae.activations import Max, Sigmoid, TRec
from skae.model import Model
from skae.objectives import LOSSES, Classification, FactoredClassification, FactoredReconstruction, Reconstruction
from skae.parameters import Layout, MaxNorm, UnitNorm

N, CLASSES, HIDDEN, FEATURES, FACTORS = 9, 3, 4, 5, 6

every_activation = pytest.mark.parametrize("activation", ALL_ACTIVATIONS, ids=name_of)
every_visible = pytest.mark.parametrize("visible", VISIBLE)
every_loss = pytest.mark.parametrize("loss", list(LOSSES))
factoring = pytest.mark.parametrize("factored", [False, True], ids=["plain", "factored"])
weighting = pytest.mark.parametrize("weighted", [False, True], ids=["uniform", "weighted"])


def make(activation, factored=False, hidden_bias=True, **parameters):
    """Return an objective; `activation` is one for all classes, or a list of theirs."""
    activations = activation if isinstance(activation, list) else [activation] * CLASSES
    weights = {"W": (CLASSES, HIDDEN, FEATURES)}
    if factored:
        weights = {"P": (FACTORS, FEATURES), "Q": (FACTORS, HIDDEN), "f": (CLASSES, FACTORS)}
    bias = {"b": (CLASSES, HIDDEN)} if hidden_bias else {}
    layout = Layout(**weights, **bias, c=(CLASSES, FEATURES), C=(CLASSES,))
    return (FactoredClassification if factored else Classification)(layout, activations, **parameters)


def for_sparse_rows(objective):
    """Return the objective with a layout by columns, as sparse rows take it."""
    result = copy.copy(objective)
    result.layout = objective.layout.by_columns()
    return result


def make_problem(objective, weighted=False, seed=0, zeros=0.0):
    """Return theta, rows in [0, 1] with a share of zeros, targets of all classes, and weights (or None)."""
    rng = np.random.default_rng(seed)
    while True:
        theta, X = rng.standard_normal(objective.layout.size), rng.random((N, FEATURES))
        X[rng.random(X.shape) < zeros] = 0.0
        U, _ = objective._biased(objective.layout.views(theta), X)
        if min(distance_to_kinks(each, U[:, j]) for j, each in enumerate(objective.activations)) > 1e-4:
            return theta, X, np.arange(N) % CLASSES, rng.uniform(0.5, 2.0, N) if weighted else None


def assert_losses(objective, theta, X, target, weight):
    """Assert that the losses at `theta` are the value, and the value of the objective without weight decay."""
    plain = copy.copy(objective)
    plain.l2 = 0.0
    expected = [each.value(theta, X, target, weight) for each in (objective, plain)]
    assert expected[0] > expected[1]
    assert_allclose(objective.losses_at(theta)(X, target, weight), expected, rtol=1e-13)


@pytest.mark.sampled(5)
@weighting
@factoring
@every_loss
@every_visible
@every_activation
def test_gradient(activation, visible, loss, factored, weighted):
    """The gradient agrees with central differences to 1e-6, and `value` with `value_and_grad`."""
    for hidden_bias in (True,) if factored and activation.derived_bias else (True, False):
        objective = make(activation, factored, hidden_bias, visible=visible, loss=loss, l2=0.3)
        theta, X, target, weight = make_problem(objective, weighted)
        value, gradient = objective.value_and_grad(theta, X, target, weight)
        assert isinstance(value, float)
        assert objective.value(theta, X, target, weight) == pytest.approx(value, rel=1e-13)
        assert_losses(objective, theta, X, target, weight)
        expected = numerical_gradient(lambda theta: objective.value(theta, X, target, weight), theta)  # noqa: B023
        assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.sampled(5)
@weighting
@factoring
@every_loss
@every_visible
@every_activation
def test_sparse_rows_give_the_value_and_gradient_of_dense_rows(activation, visible, loss, factored, weighted):
    """Also for the constraint, with a layout by columns; `test_gradient` compares dense rows with differences."""
    for hidden_bias in (True,) if factored and activation.derived_bias else (True, False):
        objective = make(activation, factored, hidden_bias, visible=visible, loss=loss, l2=0.3)
        theta, X, target, weight = make_problem(objective, weighted, zeros=0.5)
        expected, gradient = objective.value_and_grad(theta, X, target, weight)
        by_columns = for_sparse_rows(objective)
        layout = by_columns.layout
        given = layout.rearranged(theta, objective.layout)
        for rows in (sparse.csc_array(X), sparse.csr_matrix(X)):
            value, found = by_columns.value_and_grad(given, rows, target, weight)
            assert_allclose([value, by_columns.value(given, rows, target, weight)], expected, rtol=1e-12)
            assert_allclose(objective.layout.rearranged(found, layout), gradient, rtol=1e-10, atol=1e-12)
        assert_allclose(by_columns.scores(given, rows), objective.scores(theta, X), rtol=1e-10, atol=1e-12)
        assert_allclose(by_columns.code(given, rows), objective.code(theta, X), rtol=1e-10, atol=1e-12)


@every_loss
@every_activation
def test_gradient_over_sparse_rows(activation, loss):
    """It agrees with central differences of the value over sparse rows to 1e-6."""
    objective = for_sparse_rows(make(activation, hidden_bias=not activation.derived_bias, loss=loss, l2=0.3))
    theta, X, target, weight = make_problem(objective, weighted=True, zeros=0.5)
    X = sparse.csc_array(X)
    expected = numerical_gradient(lambda theta: objective.value(theta, X, target, weight), theta)
    assert_allclose(objective.value_and_grad(theta, X, target, weight)[1], expected, rtol=1e-6, atol=1e-6)


def test_sparse_float32_stays_float32():
    """Value and gradient of float32 rows agree with those in float64 to rounding."""
    objective = for_sparse_rows(make(Sigmoid(), l2=0.3))
    theta, X, target, weight = make_problem(objective, weighted=True, zeros=0.5)
    expected, gradient = objective.value_and_grad(theta, X, target, weight)
    rows = sparse.csc_array(X.astype(np.float32))
    value, found = objective.value_and_grad(theta.astype(np.float32), rows, target, weight.astype(np.float32))
    assert found.dtype == np.float32
    assert value == pytest.approx(expected, rel=1e-5)
    assert_allclose(found, gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("constraint", [UnitNorm("W"), MaxNorm("W", 0.7)], ids=name_of)
def test_constraint_by_columns(constraint):
    """Projections of a vector and of its gradient do not depend on the layout."""
    objective = make(Sigmoid(), constraint=constraint)
    by_columns, (theta, X, target, _) = for_sparse_rows(objective), make_problem(objective)
    given = by_columns.layout.rearranged(theta, objective.layout)
    for each, vector in ((objective, theta), (by_columns, given)):
        each.project(vector)
    gradients = []
    for each, vector in ((objective, theta), (by_columns, given)):
        gradients.append(each.value_and_grad(vector, X, target)[1])
        each.project_gradient(vector, gradients[-1])
    assert_allclose(objective.layout.rearranged(given, by_columns.layout), theta, rtol=1e-13)
    gradient = objective.layout.rearranged(gradients[1], by_columns.layout)
    assert_allclose(gradient, gradients[0], rtol=1e-10, atol=1e-12)


def test_factored_weights_refuse_a_derived_bias():
    """It is a function of weights that are never put together."""
    for build in (lambda: make(Max(), factored=True, hidden_bias=False), lambda: make_reconstruction(Max(), False)):
        with pytest.raises(ValueError, match=r"'max' derives its hidden bias .* cannot be made of factors"):
            build()


@every_loss
def test_activations_may_differ_in_their_threshold(loss):
    """As those of zero-bias autoencoders do, whose unit is that of their class's rows."""
    objective = make([TRec(0.1), TRec(0.2), TRec(0.7)], hidden_bias=False, loss=loss)
    theta, X, target, _ = make_problem(objective)
    expected = numerical_gradient(lambda theta: objective.value(theta, X, target), theta)
    assert_allclose(objective.value_and_grad(theta, X, target)[1], expected, rtol=1e-6, atol=1e-6)
    W = objective.layout.views(theta)["W"]
    for j, activation in enumerate(objective.activations):
        assert_allclose(objective.code(theta, X)[:, j], activation.value(X @ W[j].T), rtol=1e-12)


@every_visible
@every_activation
def test_scores_are_the_energies(activation, visible):
    """Up to what is the same for all classes, s_j is the energy of class j plus its constant."""
    objective = make(activation, visible=visible)
    theta, X, _, _ = make_problem(objective)
    blocks = objective.layout.views(theta)
    expected = np.stack(
        [
            Model(blocks["W"][j], blocks["b"][j], blocks["c"][j], activation, visible).energy(X) + blocks["C"][j]
            for j in range(CLASSES)
        ],
        axis=1,
    )
    scores = objective.scores(theta, X)
    assert_allclose(scores - scores[:, :1], expected - expected[:, :1], atol=1e-12)


@every_loss
@every_activation
def test_factored_is_plain_with_the_product_of_the_factors(activation, loss):
    """W_j = Q^T diag(f_j) P (ENERGY eq. 48)."""
    factored, plain = make(activation, True, loss=loss), make(activation, loss=loss)
    theta, X, target, _ = make_problem(factored)
    blocks = factored.layout.views(theta)
    W = np.einsum("fk,jf,fd->jkd", blocks["Q"], blocks["f"], blocks["P"])
    same = plain.layout.pack(np.float64, W=W, **{name: blocks[name] for name in ("b", "c", "C")})
    assert_allclose(plain.scores(same, X), factored.scores(theta, X), atol=1e-12)
    assert plain.value(same, X, target) == pytest.approx(factored.value(theta, X, target), rel=1e-12)


def test_losses_are_scikit_learns(rng):
    """The log-loss, and the hinge loss of Crammer and Singer, with weights."""
    scores, target, weight = rng.standard_normal((30, 4)), np.arange(30) % 4, rng.random(30)
    share = (weight / weight.sum())[:, None]
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    value = LOSSES["log_loss"](scores.copy(), target, share)
    assert value == pytest.approx(log_loss(target, probability, sample_weight=weight), rel=1e-12)
    value = LOSSES["hinge"](scores.copy(), target, share)
    assert value == pytest.approx(hinge_loss(target, scores, sample_weight=weight, labels=range(4)), rel=1e-12)


@every_loss
def test_far_scores_are_no_trouble(loss):
    """Energies of a thousand saturate, without overflow: the gradient is that of the winner."""
    scores = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype=np.float32)
    value = LOSSES[loss](scores, np.array([0, 0]), 0.5)
    assert value == pytest.approx(1e4, rel=1e-3)
    assert_allclose(scores, [[0.0, 0.0, 0.0], [-0.5, 0.5, 0.0]], atol=1e-6)


@factoring
@every_loss
def test_blocks_sum_to_the_whole(loss, factored):
    """The weighted mean of two blocks is the value and the gradient over both."""
    objective = make(Sigmoid(), factored, loss=loss, l2=0.2)
    theta, X, target, weight = make_problem(objective, weighted=True)
    value, gradient = objective.value_and_grad(theta, X, target, weight)
    parts = [
        (weight[rows].sum() / weight.sum(), *objective.value_and_grad(theta, X[rows], target[rows], weight[rows]))
        for rows in (slice(0, 4), slice(4, N))
    ]
    assert sum(share * part for share, part, _ in parts) == pytest.approx(value, rel=1e-12)
    assert_allclose(sum(share * part for share, _, part in parts), gradient, atol=1e-12)


@pytest.mark.sampled(3)
@factoring
@every_loss
@every_visible
@every_activation
def test_float32_stays_float32(activation, visible, loss, factored):
    """Neither the gradient nor anything on the way is promoted, and nothing given is changed."""
    objective = make(activation, factored, visible=visible, loss=loss, l2=0.3)
    theta, X, target, weight = make_problem(objective, weighted=True)
    value, gradient = objective.value_and_grad(theta, X, target, weight)
    given = [each.astype(np.float32) for each in (theta, X, weight)]
    before = [each.copy() for each in given]
    value32, gradient32 = objective.value_and_grad(given[0], given[1], target, given[2])
    assert gradient32.dtype == np.float32
    assert objective.scores(given[0], given[1]).dtype == np.float32
    assert value32 == pytest.approx(value, rel=1e-4, abs=1e-4)
    assert_allclose(gradient32, gradient, rtol=1e-3, atol=1e-3)
    for now, then in zip(given, before, strict=True):
        assert np.array_equal(now, then)


def make_reconstruction(activation, hidden_bias=True, **parameters):
    """Return a factored reconstruction, its parameters, noisy rows, and (clean rows, classes)."""
    bias = {"b": (CLASSES, HIDDEN)} if hidden_bias else {}
    shapes = {"P": (FACTORS, FEATURES), "Q": (FACTORS, HIDDEN), "f": (CLASSES, FACTORS), **bias}
    objective = FactoredReconstruction(Layout(**shapes, c=(CLASSES, FEATURES)), activation, **parameters)
    rng = np.random.default_rng(0)
    while True:
        theta, X, clean = (
            rng.standard_normal(objective.layout.size),
            rng.random((N, FEATURES)),
            rng.random((N, FEATURES)),
        )
        target = clean, np.arange(N) % CLASSES
        U = objective._forward(objective.layout.views(theta), X, target, None)[1][3]
        if distance_to_kinks(activation, U) > 1e-4:
            return objective, theta, X, target


@pytest.mark.sampled(3)
@weighting
@every_visible
@every_activation
def test_gradient_of_factored_reconstruction(activation, visible, weighted):
    """The gradient of the denoising loss over all classes agrees with central differences to 1e-6."""
    for hidden_bias in (True,) if activation.derived_bias else (True, False):
        objective, theta, X, target = make_reconstruction(activation, hidden_bias, visible=visible, l2=0.3)
        weight = np.linspace(0.5, 2.0, N) if weighted else None
        value, gradient = objective.value_and_grad(theta, X, target, weight)
        assert objective.value(theta, X, target, weight) == pytest.approx(value, rel=1e-13)
        assert_losses(objective, theta, X, target, weight)
        expected = numerical_gradient(lambda theta: objective.value(theta, X, target, weight), theta)  # noqa: B023
        assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6 * max(np.abs(gradient).max(), 1.0))


@every_visible
@every_activation
def test_factored_reconstruction_is_that_of_each_class(activation, visible):
    """Each row is reconstructed by the autoencoder of its class, with W_j = Q^T diag(f_j) P (ENERGY eq. 46-50)."""
    objective, theta, X, (clean, labels) = make_reconstruction(activation, visible=visible)
    blocks, expected = objective.layout.views(theta), 0.0
    for j in range(CLASSES):
        layout = Layout(W=(HIDDEN, FEATURES), b=(HIDDEN,), c=(FEATURES,))
        W = blocks["Q"].T @ np.diag(blocks["f"][j]) @ blocks["P"]
        own = layout.pack(np.float64, W=W, b=blocks["b"][j], c=blocks["c"][j])
        rows = labels == j
        expected += rows.mean() * Reconstruction(layout, activation, visible=visible).value(own, X[rows], clean[rows])
    assert objective.value(theta, X, (clean, labels)) == pytest.approx(expected, rel=1e-12)


def test_frozen_blocks_stay():
    """Neither kind of solver moves them."""
    objective, theta, X, target = make_reconstruction(Sigmoid(), frozen=("P", "Q"))
    gradient = objective.value_and_grad(theta, X, target)[1]
    for frozen in (objective.vjp(theta, gradient), gradient):
        if frozen is gradient:
            objective.project_gradient(theta, gradient)
        for name, block in objective.layout.views(frozen).items():
            assert block.any() == (name not in ("P", "Q"))


@every_loss
def test_constraint(loss):
    """Rows of all classes keep their length, and the gradient leaves it alone."""
    objective = make(Sigmoid(), loss=loss, constraint=UnitNorm("W"))
    theta, X, target, _ = make_problem(objective)
    objective.project(theta)
    W = objective.layout.views(theta)["W"]
    assert_allclose(np.linalg.norm(W, axis=2), 1.0)
    gradient = objective.value_and_grad(theta, X, target)[1]
    objective.project_gradient(theta, gradient)
    assert_allclose((objective.layout.views(gradient)["W"] * W).sum(axis=2), 0.0, atol=1e-12)
