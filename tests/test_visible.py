"""Visible units: output, loss, residual, and their part of the energy."""

import numpy as np
import pytest
from helpers import DTYPES, name_of, numerical_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import entr, expit

from skae.visible import VISIBLE

every_visible = pytest.mark.parametrize("visible", VISIBLE.values(), ids=name_of)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=name_of)


@pytest.fixture
def arrays(rng):
    """Return pre-outputs A and data X in (0, 1), both of shape (6, 4)."""
    return 2.0 * rng.standard_normal((6, 4)), rng.uniform(0.02, 0.98, (6, 4))


def test_losses_follow_their_definitions(arrays):
    """The losses are half the squared error, and the cross-entropy of the sigmoid."""
    A, X = arrays
    assert_allclose(VISIBLE["gaussian"].losses(A, X), 0.5 * ((X - A) ** 2).sum(axis=1), rtol=1e-13)
    R = expit(A)
    expected = -(X * np.log(R) + (1.0 - X) * np.log(1.0 - R)).sum(axis=1)
    assert_allclose(VISIBLE["bernoulli"].losses(A, X), expected, rtol=1e-12)


@pytest.mark.parametrize("weight", ["number", "rows"])
@every_dtype
@every_visible
def test_residual_is_the_gradient_of_the_loss(visible, dtype, weight, arrays, rng):
    """For both kinds of units the gradient in A is weight * (R - X), written over A."""
    exact, X = arrays
    weight = 0.2 if weight == "number" else rng.random((6, 1)).astype(dtype)
    A, data = exact.astype(dtype), X.astype(dtype)
    loss = visible.loss_and_residual(A, data, weight)
    assert isinstance(loss, float)
    assert A.dtype == dtype
    expected = numerical_gradient(lambda A: float((np.ravel(weight) * visible.losses(A, X)).sum()), exact)
    assert_allclose(A, expected, rtol=1e-6, atol=1e-6)
    assert_allclose(A, weight * (visible.output(exact.copy()) - X), rtol=1e-5, atol=1e-6)
    assert_allclose(loss, (np.ravel(weight) * visible.losses(exact, X)).sum(), rtol=1e-6)


@every_dtype
@every_visible
def test_output_is_in_place_and_keeps_the_dtype(visible, dtype, arrays):
    """`output` works in place and keeps the dtype: the reconstruction needs no second array of A's size."""
    A = arrays[0].astype(dtype)
    expected = {"gaussian": A.copy(), "bernoulli": expit(A)}[visible.name]
    R = visible.output(A)
    assert R is A
    assert R.dtype == dtype
    assert_allclose(R, expected, rtol=1e-6)


@every_visible
def test_losses_leave_their_arguments_alone(visible, arrays):
    """`losses` does not change its arguments: scoring calls it on the user's own rows."""
    A, X = arrays
    before = A.copy(), X.copy()
    A.flags.writeable = X.flags.writeable = False
    visible.losses(A, X)
    visible.potential(X, X[0])
    assert_array_equal(A, before[0])
    assert_array_equal(X, before[1])


@every_dtype
@every_visible
def test_large_pre_outputs_stay_finite(visible, dtype):
    """Pre-outputs up to 1e4 in magnitude give no overflow and no NaN, even for data at 0 and 1."""
    edge = np.array([-1e4, -100.0, -1.0, 0.0, 1.0, 100.0, 1e4], dtype=dtype)
    A, X = (np.ascontiguousarray(G) for G in np.meshgrid(edge, np.array([0.0, 0.3, 1.0], dtype=dtype)))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses = visible.losses(A, X)
        loss = visible.loss_and_residual(A, X, 0.1)
    assert losses.dtype == dtype
    assert np.isfinite(losses).all()
    assert np.isfinite(loss)
    assert np.isfinite(A).all()


@every_dtype
@every_visible
def test_potential_has_the_gradient_of_the_energy(visible, dtype, arrays, rng):
    """The gradient of the potential is c - x (gaussian, ENERGY eq. 11) or c - logit x (bernoulli, eq. 28)."""
    _, X = arrays
    c = rng.standard_normal(4)
    expected = c - X if visible.name == "gaussian" else c - np.log(X / (1.0 - X))
    gradient = numerical_gradient(lambda X: float(visible.potential(X, c).sum()), X)
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)
    result = visible.potential(X.astype(dtype), c.astype(dtype))
    assert result.dtype == dtype
    assert_allclose(result, visible.potential(X, c), rtol=1e-5, atol=1e-5)


@every_dtype
def test_entropy_is_zero_on_the_corners(dtype):
    """With 0 log 0 = 0, the bernoulli potential of binary rows is c.x alone, without a warning."""
    X = np.array([[0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 0, 0.5]], dtype=dtype)
    c = np.array([0.3, -2.0, 0.7], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        result = VISIBLE["bernoulli"].potential(X, c)
    assert_allclose(result, X @ c + (entr(X) + entr(1.0 - X)).sum(axis=1), rtol=1e-6, atol=1e-7)


@every_dtype
@every_visible
def test_sparse_rows_have_the_potential_of_dense_rows(visible, dtype, rng):
    """Rows of zeros and of ones included, for the energy of one model and for those of several classes."""
    X = np.vstack([rng.random((6, 5)) * (rng.random((6, 5)) < 0.5), np.zeros(5), np.ones(5)]).astype(dtype)
    C, G = rng.standard_normal((3, 5)).astype(dtype), rng.standard_normal((8, 3)).astype(dtype)
    for rows in (sparse.csr_array(X), sparse.csc_matrix(X)):
        for found, expected in (
            (visible.potential(rows, C[0]), visible.potential(X, C[0])),
            (visible.class_potential(rows, C), visible.class_potential(X, C)),
            (visible.class_gradient(rows, C, G), visible.class_gradient(X, C, G)),
        ):
            assert found.dtype == dtype
            assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_registry_is_read_only():
    """The registry has the names of the documentation and cannot be changed."""
    assert set(VISIBLE) == {"gaussian", "bernoulli"}
    assert all(visible.name == name for name, visible in VISIBLE.items())
    with pytest.raises(TypeError):
        VISIBLE["poisson"] = VISIBLE["gaussian"]
