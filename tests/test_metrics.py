"""Measures of fitted autoencoders."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from skae import PCAWhitener, ZeroBiasAutoencoder
from skae.metrics import parseval_gap

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:ZeroBiasAutoencoder.*active on no training row:UserWarning"),
]

ACTIVATIONS = ["trec", "tlin"]


def make(**parameters):
    """Return a small autoencoder that trains in milliseconds."""
    return ZeroBiasAutoencoder(**{"n_components": 6, "max_iter": 8, "random_state": 0, **parameters})


def with_weights(activation, X, W, c=0.0):
    """An autoencoder without threshold that has the weights W and the visible bias c."""
    autoencoder = make(activation=activation, threshold=0.0).fit(X)
    autoencoder.components_, autoencoder.intercept_visible_ = W, np.broadcast_to(c, X.shape[1]).copy()
    return autoencoder


def orthonormal(rng, d):
    """An orthonormal basis, as rows."""
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def test_no_gap_for_an_orthonormal_basis(rng):
    """A linear basis, a basis and its negative under rectification, and the axes on non-negative data: no gap."""
    X, Q = rng.standard_normal((50, 4)), orthonormal(rng, 4)
    cases = [("tlin", X, Q), ("trec", X, np.vstack([Q, -Q])), ("trec", np.abs(X), np.eye(4))]
    for activation, data, W in cases:
        autoencoder = with_weights(activation, data, W)
        assert parseval_gap(autoencoder, data) == pytest.approx(0.0, abs=1e-14)
        assert autoencoder.reconstruction_error(data).max() < 1e-24


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_no_gap_for_an_overcomplete_parseval_frame(copies, rng):
    """Bases of lengths whose squares add to 1 are a Parseval frame too."""
    X = rng.standard_normal((50, 4))
    W = np.vstack([orthonormal(rng, 4) for _ in range(copies)]) / np.sqrt(copies)
    assert parseval_gap(with_weights("tlin", X, W), X) == pytest.approx(0.0, abs=1e-14)


def test_no_gap_around_the_visible_bias(rng):
    """Rows around a point that the weights do not see: their distance from it counts."""
    Q = orthonormal(rng, 5)
    c = 3.0 * Q[4]
    X = rng.standard_normal((50, 4)) @ Q[:4] + c
    autoencoder = with_weights("tlin", X, Q[:4], c)
    assert parseval_gap(autoencoder, X) == pytest.approx(0.0, abs=1e-13)
    assert autoencoder.reconstruction_error(X).max() < 1e-24


def test_gap_of_known_frames(rng):
    """It is 1 where no unit is active, and |s^2 - 1| where the basis is s times too long."""
    X, Q = rng.standard_normal((50, 4)), orthonormal(rng, 4)
    autoencoder = with_weights("tlin", X, Q)
    autoencoder.threshold_ = 1e6
    assert parseval_gap(autoencoder, X) == 1.0
    for s in (0.5, 2.0):
        assert parseval_gap(with_weights("tlin", X, s * Q), X) == pytest.approx(abs(s**2 - 1.0))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gap_is_the_formula(activation, dtype, kind, rng):
    """Summed over the rows in a loop it is the same: |sum of squares of the active - |x - c|^2| / |x - c|^2."""
    X = (rng.standard_normal((90, 5)) * [1.0, 2.0, 1.0, 0.5, 1.0]).astype(dtype)
    autoencoder = make(activation=activation, threshold=0.5).fit(X)
    gap = total = 0.0
    for x in X.astype(float):
        u = autoencoder.components_.astype(float) @ x
        active = u > autoencoder.threshold_ if activation == "trec" else u**2 > autoencoder.threshold_
        norm = ((x - autoencoder.intercept_visible_) ** 2).sum()
        gap, total = gap + abs((u[active] ** 2).sum() - norm), total + norm
    result = parseval_gap(autoencoder, kind(X))
    assert type(result) is float
    assert result == pytest.approx(gap / total, rel=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("elements", [1, 2**9])
def test_gap_does_not_depend_on_the_blocks(elements, rng, monkeypatch):
    """The size of the blocks of rows changes nothing."""
    X = rng.standard_normal((300, 5))
    autoencoder = make().fit(X)
    whole = parseval_gap(autoencoder, X)
    monkeypatch.setattr("skae.estimators._batches._BLOCK_ELEMENTS", elements)
    assert parseval_gap(autoencoder, X) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gap_falls_with_training(activation):
    """Minimising the squared error brings the active weights near a Parseval frame (ZAE 3.2)."""
    X = PCAWhitener(30).fit_transform(load_digits().data[:600])
    gaps = [
        parseval_gap(make(activation=activation, n_components=60, max_iter=max_iter).fit(X), X)
        for max_iter in (1, 10, 60)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_gap_does_not_depend_on_the_scale(rng):
    """It is a ratio: data and model scaled together have the same gap."""
    X = rng.standard_normal((60, 5))
    assert parseval_gap(make().fit(1024.0 * X), 1024.0 * X) == parseval_gap(make().fit(X), X)


def test_gap_without_variance():
    """Rows on the visible bias: 0 where no unit answers, infinite where one does; no warning of numpy's."""
    X = np.ones((5, 2))
    autoencoder = with_weights("trec", X, np.array([[1.0, -1.0]]), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parseval_gap(autoencoder, X) == 0.0
        autoencoder.components_ = np.array([[1.0, 1.0]])
        assert parseval_gap(autoencoder, X) == np.inf


def test_gap_refuses(rng):
    """An unfitted estimator, another width and NaN are refused; the model and X are left alone."""
    X = rng.standard_normal((20, 3))
    with pytest.raises(NotFittedError):
        parseval_gap(make(), X)
    autoencoder, before = make().fit(X), X.copy()
    with pytest.raises(ValueError, match=r"2 features.*3 features"):
        parseval_gap(autoencoder, X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        parseval_gap(autoencoder, np.full((2, 3), np.nan))
    parseval_gap(autoencoder, X)
    assert_array_equal(X, before)
