"""PCAWhitener."""

from __future__ import annotations

import functools
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae._documentation import documented
from skae._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    RealNotInt,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
    with_callbacks,
)
from skae._typing import Array, FloatArray, MatrixLike
from skae._validation import DTYPES, check_array, validate_data
from skae._version import VersionedEstimator
from skae.preprocessing._centred_rows import projections, projects_sparse
from skae.preprocessing._log_density import log_density
from skae.preprocessing._pca import Factor, Scatter, between, principal_components, squares_for
from skae.preprocessing._whitening_of_rows import Whitening, scale_of
from skae.training import (
    check_overflow,
    checked_weight,
    effective_rows,
    fit_task,
    merge_moments,
    moments,
    near_one,
    row_chunks,
    unchanged_on_error,
    value_range,
    warn,
)

# Whitening needs this many rows for each direction. With fewer, new rows have more than four times the variance of the
# training rows along some direction (Marchenko and Pastur 1967: 1/(1 - sqrt(directions/rows))^2 times).
_ROWS_PER_DIRECTION = 4

# For smaller data, the whitening scale or the squares leave the range of the dtype.
_SMALLEST = {np.dtype(np.float64): 1e-140, np.dtype(np.float32): 1e-34}

# For a smaller sum of weighted squares, those of the smaller components leave the range of float64.
_SMALLEST_SUM = 1e-280

# What `partial_fit` leaves to find when it is asked for.
_DECOMPOSITION = ("components_", "explained_variance_", "explained_variance_ratio_", "n_components_", "_has_cut")


@documented
class PCAWhitener(CallbackSupportMixin, TransformerMixin, VersionedEstimator):
    """Rotate the data to their principal components, and scale these to unit variance.

    ::

        z = S V (x - mean),        s_i = 1/sqrt(variance_i + eps)       whiten="pca"
        z = V^T S V (x - mean),    the same s                           whiten="zca"
        z = s V (x - mean),        s = 1/sqrt(mean variance + eps)      whiten=None

    The rows of V are the leading principal components, and S = diag(s). Directions without variance are always dropped.

    If a whitener drops components, an autoencoder after it does not see them: its energy does not depend on the
    distance of a sample from the kept subspace. Keep all components (``n_components=None``), or score this distance
    separately.

    Parameters
    ----------
    n_components : int, float or None, default=None
        Number of components to keep. A float in (0, 1] is the fraction of variance to keep. None keeps all. The number
        is never larger than the rank of the data. The last components of images are noise, and whitening raises them to
        unit variance. Before learning features of images, keep a fraction such as 0.9, or 0.99 with ``whiten=None``.

    whiten : {"pca", "zca"} or None, default="pca"
        "pca" gives each component unit variance. "zca" does the same and rotates back to the features, so that the
        result has n_features columns and looks like the input. None uses one common scale, which makes the mean
        variance of the components 1 (ZAE's PCA without whitening).

    eps : float, default=0.0
        Added to the variances before the root, in squared units of X. It damps directions of smaller variance. 0
        whitens exactly. To learn features of images, use as much as ``explained_variance_.mean()``, or
        ``whiten=None``.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        Principal components, of decreasing variance.

    explained_variance_ : ndarray of shape (n_components_,)
        Variances of the components (with n - 1 in the denominator, as in `sklearn.decomposition.PCA`).

    explained_variance_ratio_ : ndarray of shape (n_components_,)
        Shares of the components in the total variance.

    mean_ : ndarray of shape (n_features,)
        Mean of the training data.

    var_ : ndarray of shape (n_features,)
        Variance of the training data (with n in the denominator).

    n_components_ : int
        Number of components kept.

    n_samples_seen_ : int or float
        Number of rows, or the sum of their weights.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names that are all strings.

    See Also
    --------
    sklearn.decomposition.PCA : Without "zca", sample weights, and an exact `partial_fit`.

    Notes
    -----
    `fit` warns if it has fewer than four rows for each whitened direction. Then the smallest variances fit only the
    sample, and new rows vary quite differently along these directions. A direction that `eps` damps counts in part.
    Weighted rows count as the equivalent number of rows with equal weight.

    Products are in X's dtype, and sums over chunks of rows are in float64, so float32 data stay float32. If that is not
    exact enough for the smallest kept variance, the products are repeated in float64. If that is not enough either,
    they are repeated on the rotated data; all this takes several times as long.

    Sparse rows stay sparse where their products are faster than dense ones. A number of components that is small beside
    the rows and the features takes ARPACK, from a fixed start, in X's dtype where that is exact enough. All components,
    or a share of the variance, take a matrix of the features, or of the rows where these are fewer, in float64.

    `partial_fit` only adds up squares. It keeps n_features x n_features numbers for its next call. The components and
    their variances are found when one of these attributes is first read, by a method or by you, or when the whitener
    is copied or pickled. Until then ``vars`` does not list them.

    In float32, a direction counts as one without variance if its standard deviation is below 1e-5 of the largest one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import PCAWhitener
    >>> Z = PCAWhitener(0.99).fit_transform(load_digits().data)
    >>> Z.shape
    (1797, 41)
    >>> bool(np.allclose(np.cov(Z.T), np.eye(41)))
    True
    """

    components_: FloatArray
    explained_variance_: FloatArray
    explained_variance_ratio_: FloatArray
    mean_: FloatArray
    var_: FloatArray
    n_components_: int
    n_samples_seen_: float
    n_features_in_: int
    feature_names_in_: Array  # absent if X had no names

    _parameter_constraints: dict = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "whiten": [StrOptions({"pca", "zca"}), None],
        "eps": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self, n_components: int | float | None = None, *, whiten: Literal["pca", "zca"] | None = "pca", eps: float = 0.0
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.eps = eps

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the principal components.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data, at least two rows. Sparse rows stay sparse, unless about a tenth of their values is stored.
        y : Ignored
            Present for API consistency. It is passed on to callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. An integer weight repeats a row; a zero weight removes it.

        Returns
        -------
        self : object
            The fitted whitener.
        """
        with unchanged_on_error(self):
            self._fit(X, y, sample_weight)
        return self

    @with_callbacks
    def _fit(self, X, y, sample_weight):
        """Set all fitted attributes."""
        with fit_task(self, X, y, sample_weight):
            X, sample_weight, fresh = self._validate(X, sample_weight, reset=True, ensure_min_samples=2)
            self.n_samples_seen_, self.mean_, self.var_ = fresh
            self._factor = self._scatter = self._undecomposed = None
            most = self.n_components if isinstance(self.n_components, Integral) else None
            find = functools.partial(principal_components, X, sample_weight, self.mean_, most=most)
            self._set_components(find, self.n_components, X.dtype)
            self._warn_of_few_rows(effective_rows(X.shape[0], sample_weight))

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Add more rows: the result of all calls together is that of one `fit` to all rows.

        If an earlier `fit` dropped components, their variance is unknown, and `partial_fit` warns. The components are
        found when they are first asked for. A share of the variance as `n_components` of the first call lets all calls
        add up products of the features, which is faster. Components whose variance is below 1e-13 of the largest are
        then lost, also if `n_components` is raised later.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            A chunk of rows.
        y : Ignored
            Present for API consistency. It is passed on to callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. An integer weight repeats a row; a zero weight removes it.

        Returns
        -------
        self : object
            The whitener.
        """
        with unchanged_on_error(self):
            self._partial_fit(X, y, sample_weight)
        return self

    @with_callbacks
    def _partial_fit(self, X, y, sample_weight):
        """Set all fitted attributes after more rows."""
        with fit_task(self, X, y, sample_weight, task_name="partial-fit"):
            first = not hasattr(self, "mean_")
            X, sample_weight, fresh = self._validate(X, sample_weight, reset=first, ensure_min_samples=1)
            seen, squares, dtype = (0.0, *np.zeros((2, X.shape[1]))), Factor(np.empty((0, X.shape[1]))), X.dtype
            if not first:
                seen, squares, dtype = (self.n_samples_seen_, self.mean_, self.var_), self._squares(), self._dtype()
                squares = squares.with_centred(between(seen, fresh))
            merged = merge_moments(seen, fresh)
            _check_sums(merged)
            squares = squares_for(squares, X.shape[0], dtype, self.n_components)
            squares = squares.with_rows(X, sample_weight, fresh[1])
            self.n_samples_seen_, self.mean_, self.var_ = merged
            self._keep(squares, dtype)

    def _keep(self, squares, dtype):
        """Keep the sums of squares for the next call. The components are found from them when they are asked for."""
        self._factor = self._scatter = None
        if isinstance(squares, Factor):
            self._factor = squares.compressed(squares.R.shape[1]).R
        else:
            self._scatter = squares.S
        for name in _DECOMPOSITION:
            vars(self).pop(name, None)
        self._undecomposed = self.n_components, np.dtype(dtype).name

    def __getattr__(self, name):
        """Find the components that `partial_fit` has left out, and return the attribute `name`."""
        if name in _DECOMPOSITION:
            self._decompose()
            if name in vars(self):  # another thread may have found it
                return vars(self)[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self):
        """Return the state with all attributes: a copy has nothing left to find."""
        self._decompose()
        return super().__getstate__()

    def _decompose(self):
        """Find the components that `partial_fit` has left out."""
        undecomposed = vars(self).get("_undecomposed")
        if undecomposed is not None:
            n_components, dtype = undecomposed
            self._set_components(self._squares().principal_components, n_components, dtype)
            self._undecomposed = None

    def _dtype(self):
        """Return the dtype of the components."""
        return self.components_.dtype if self._undecomposed is None else np.dtype(self._undecomposed[1])

    def _validate(self, X, sample_weight, reset, ensure_min_samples):
        """Return X, the sample weights, and the moments of the rows with positive weight."""
        X = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=DTYPES, ensure_min_samples=ensure_min_samples
        )
        sample_weight, rows = checked_weight(X, sample_weight)
        if rows is not None and len(rows) < ensure_min_samples:
            raise ValueError(f"sample_weight leaves 1 sample, while fit needs at least {ensure_min_samples}")
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            fresh = moments(X, sample_weight, rows)
            mean_square = float(np.max(fresh[1] ** 2 + fresh[2]))
        limit = np.finfo(np.float64).max / (4.0 * X.shape[1] * X.shape[0])
        # The largest square is at least the largest mean square, and at most n_samples times it.
        if not _SMALLEST[X.dtype] ** 2 <= mean_square <= limit / X.shape[0]:
            low, high = value_range(X, rows)
            largest = max(high, -low)
            if largest > np.sqrt(limit):
                raise ValueError(f"X holds values up to {largest:.3g}, whose squares float64 cannot hold; scale them")
            if 0.0 < largest < _SMALLEST[X.dtype]:
                raise ValueError(
                    f"X holds values up to {largest:.3g} only, too small for {X.dtype} to whiten; scale them"
                )
        _check_sums(fresh)
        return X, sample_weight, fresh

    def _squares(self):
        """Return the sums of squares of the rows so far, as a `Factor` or a `Scatter`."""
        if self._factor is not None:
            return Factor(self._factor)
        if self._scatter is not None:
            return Scatter(self._scatter)
        squares = self.explained_variance_ * self._denominator()
        if self._has_cut:
            warn(
                f"PCAWhitener: the fit that partial_fit continues kept {self.n_components_} components only; what "
                "it dropped counts as zero. Use partial_fit from the first rows on for an exact result",
            )
        return Factor(np.sqrt(squares)[:, None] * self.components_.astype(np.float64))

    def _denominator(self):
        """Return n - 1, or n if n < 2 (weights that sum to 1 are shares, not numbers of rows)."""
        n = float(self.n_samples_seen_)
        return n - 1.0 if n >= 2.0 else n

    def _set_components(self, find, n_components, dtype):
        """Set the components and variances. `find` returns them; see `principal_components`."""
        total = float(self.var_.sum()) * float(self.n_samples_seen_)
        rounding = 4.0 * float(np.finfo(dtype).eps) * np.abs(self.mean_)
        available = []

        def keep(squares):
            available.append(len(squares))
            return _n_kept(n_components, squares, total)

        noise = rounding**2 * float(self.n_samples_seen_)
        squares, components = find(keep=keep, dtype=np.dtype(dtype), noise=noise)
        self.components_ = components.astype(dtype)
        self.explained_variance_ = squares / self._denominator()
        self.explained_variance_ratio_ = squares / total if total > 0.0 else np.ones_like(squares)
        self.n_components_ = len(squares)
        self._has_cut = len(squares) < available[-1]

    def _warn_of_few_rows(self, n_rows):
        """Warn if the rows are too few to estimate the variances that divide the components."""
        if self.whiten is None:
            return
        # A component that eps damps counts in part, like the degrees of freedom in ridge regression.
        n_whitened = float(np.sum(self.explained_variance_ * scale_of(self) ** 2))
        if n_rows < _ROWS_PER_DIRECTION * n_whitened:
            warn(
                f"PCAWhitener: {n_whitened:.0f} components are whitened by the variances of {n_rows:.0f} rows, while "
                f"{_ROWS_PER_DIRECTION} rows are needed for each: new rows will vary quite differently along the last "
                "ones; keep fewer (n_components=0.9), damp them (eps), use whiten=None, or fit more rows"
            )

    def transform(self, X: MatrixLike) -> FloatArray:
        """Return the whitened data.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_components_), or (n_samples, n_features) with whiten="zca"
            Whitened data, in X's dtype.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=DTYPES)
        stay_sparse = projects_sparse(X)
        out = np.empty((X.shape[0], self._n_features_out), dtype=X.dtype)
        with _quiet():
            whitening = Whitening.of(self, X.dtype, subtracts_mean=not stay_sparse)
            if stay_sparse:
                parts = ((rows, whitening.scaled(each)) for rows, each in projections(X, whitening.components))
            else:
                parts = ((rows, whitening(chunk)) for rows, chunk in row_chunks(X, len(whitening.components)))
            for rows, Z in parts:
                out[rows] = Z
            return check_overflow(out, X)

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Return the data that `transform` maps to X; it is exact on the kept subspace.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_), or (n_samples, n_features) with whiten="zca"
            Whitened data.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The data, in X's dtype.
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=DTYPES, input_name="X")
        if Z.shape[1] != self._n_features_out:
            raise ValueError(f"inverse_transform takes {self._n_features_out} columns, got {Z.shape[1]}")
        with _quiet():
            components, scale = self.components_.astype(Z.dtype), scale_of(self)
            inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0).astype(Z.dtype)
            mean = self.mean_.astype(Z.dtype)
            out = np.empty((Z.shape[0], len(mean)), dtype=Z.dtype)
            for rows, chunk in row_chunks(Z, max(components.shape)):
                kept = chunk @ components.T if self.whiten == "zca" else chunk
                np.matmul(kept * inverse, components, out=out[rows])
                out[rows] += mean
            return check_overflow(out, Z)

    def score_samples(self, X: MatrixLike) -> FloatArray:
        """Return the log-likelihood of each row under the Gaussian of the components (probabilistic PCA).

        ::

            log p(x) = -1/2 (sum_i z_i^2 / v_i + |x - mean - V^T z|^2 / v + sum_i log v_i + (d - k) log v + d log 2 pi)

        with z = V (x - mean) and the variances v_i of the k components. The variance v of each direction that was
        dropped is their mean. If nothing varies along these directions, they count neither as distance nor as
        dimensions (k takes the place of d). `whiten` and `eps` do not matter.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithms of the density, float64.

        Raises
        ------
        ValueError
            If the training rows did not vary.

        References
        ----------
        .. [1] M. E. Tipping and C. M. Bishop, "Mixtures of probabilistic principal component analyzers", Neural
           Computation 11 (1999), 443-482.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=DTYPES)
        variances = self.explained_variance_
        if not variances.all():
            raise ValueError("PCAWhitener: the training rows do not vary, so they have no density; fit rows that vary")
        with _quiet():
            density = log_density(X, self.mean_, self.components_, variances, self._dropped_variance())
            return check_overflow(density, X)

    def score(self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean log-likelihood of the rows; see `score_samples`.

        On held-out rows it compares numbers of components, for example in `GridSearchCV`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        float
            The weighted mean. Higher is better.
        """
        found = self.score_samples(X)
        weight, _ = checked_weight(found[:, None], sample_weight)
        return float(np.average(found, weights=near_one(weight)))

    def __skae_row_function__(self, dtype):
        """Return `transform` of dense rows of a dtype, without checks."""
        check_is_fitted(self)
        return Whitening.of(self, dtype)

    def _dropped_variance(self):
        """Return the mean variance of the directions that were dropped; 0 if none has any."""
        total = float(self.var_.sum()) * float(self.n_samples_seen_) / self._denominator()
        left = total - float(self.explained_variance_.sum())
        n_left = len(self.mean_) - len(self.explained_variance_)
        return left / n_left if self._has_cut and left > 0.0 else 0.0

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features. They are used only with whiten="zca".

        Returns
        -------
        ndarray of str
            pcawhitener0, pcawhitener1, ...; with whiten="zca", the names of the features.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.whiten == "zca":
            return names
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{i}" for i in range(self.n_components_)], dtype=object)

    @property
    def _n_features_out(self):
        return self.components_.shape[1 if self.whiten == "zca" else 0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_sums(seen):
    """Raise ValueError if the sums of the squares of the features, given moments, leave the range of float64."""
    mass, mean, variance = seen
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean_square = float(np.max(mean**2 + variance))
        total = float(mass) * mean_square
    if mean_square and not _SMALLEST_SUM <= total <= np.finfo(np.float64).max / (4.0 * len(mean)):
        raise ValueError(
            f"the sample weights, {mass:.3g} in sum, times the squares of X, {mean_square:.3g} in the mean, leave the "
            "range of float64; bring the weights to a mean near 1"
        )


def _quiet():
    """Return a context in which numbers overflow and underflow in silence. What overflows is found afterwards."""
    return np.errstate(over="ignore", under="ignore", invalid="ignore")


def keep_squares(whitener, X, seen, squares, n_rows):
    """Fit a whitener to checked rows X, whose moments and squares are known; `n_rows` is their effective number."""
    whitener._validate(X, None, reset=True, ensure_min_samples=2)
    whitener.n_samples_seen_, whitener.mean_, whitener.var_ = seen
    whitener._keep(squares, X.dtype)
    whitener._decompose()
    whitener._factor = whitener._scatter = None  # as after `fit`
    whitener._warn_of_few_rows(n_rows)


def _n_kept(n_components, squares, total):
    """Return how many of the sums of squares to keep."""
    if isinstance(n_components, Integral):
        return min(n_components, len(squares))
    if n_components is None or n_components == 1.0:  # in the sum below, rounding may hide the smallest
        return len(squares)
    # Keep components until their share is reached. Because of rounding, the number may be one too large.
    return min(int(np.searchsorted(np.cumsum(squares), n_components * total)) + 1, len(squares))
