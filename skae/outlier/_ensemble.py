"""MixtureEnsemble: a weighted sum of mixtures on views of the features."""

from __future__ import annotations

import functools
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from skae._sklearn_compat import _fit_context
from skae._typing import Array, FloatArray, RandomState
from skae._validation import check_is_fitted
from skae._version import VersionedEstimator
from skae.model import Model
from skae.outlier._attribution import ensemble_contributions
from skae.outlier._bagged import BaggedMixtureAutoencoder
from skae.outlier._casting import cast
from skae.outlier._feature_scaler import FeatureScaler, location_and_scale, on_grid
from skae.outlier._kmeans import MAX_UNITS, cluster, most_units, sample_rows
from skae.outlier._memory import memory_advice
from skae.outlier._mixture import MixtureAutoencoder
from skae.outlier._references import cluster_centers
from skae.outlier._rows import checked_rows
from skae.training import dense, row_chunks, seed_of, unchanged_on_error, value_range

# The smallest variance within a component, in units of the variance of a feature. Discrete data have none.
_SMALLEST_VARIANCE = 1e-3

# Lower bound on the standard deviation of an energy. An energy that hardly varies over the training data (few rows, or
# a full factorial design) must not drown the others.
_SMALLEST_DEVIATION = 0.1

# Rows are scored in chunks as if they were at least this wide: smaller chunks stay in cache.
_CHUNK_WIDTH = 512

# Number of rows that are trained on at most.
SAMPLE_ROWS = 4096

# The robust model: whether a view is unskewed, the mixtures on it, the components of each, and the weight. The coarse
# mixtures come first. They count twice, because clumps of outliers bend them less.
_BAGS = (False, 20, 2, 2.0), (True, 10, 8, 1.0)

# Share of the rows that the robust model is trained without, because outliers may be among them.
_TRIMMED = 0.2

# Scores differ by rounding up to this share of the largest.
_ROUNDING = 1e-9


class MixtureEnsemble(VersionedEstimator):
    """Score samples by mixtures of Gaussians on views of the features.

    The score is a weighted sum of energies::

        score(x) = sum_j weights_[j] E_j(scalers_[j].transform(x))

    Each E_j is the energy of a softmax autoencoder. Such an autoencoder is a mixture of Gaussians, and its energy is
    the log-density up to a constant (`MixtureAutoencoder`). The four views are the standardised features, the same
    with their skewness removed by powers, and both of these whitened. Each energy counts in units of its standard
    deviation over the training data. The features need no scaling beforehand.

    With ``robust=True`` outliers may be among the training rows. There are two autoencoders, on views that are not
    whitened. Both are the mean of many small mixtures of few rows (`BaggedMixtureAutoencoder`): twenty mixtures of two
    rows on the standardised features, which small clumps cannot bend much and which count twice, and ten mixtures of
    eight rows on the same without skewness. They are fitted twice: the second time without the fifth of the rows that
    scores lowest.

    `EnergyOutlierDetector` takes this model by default, with ``robust`` the opposite of its `novelty`.

    Parameters
    ----------
    robust : bool, default=False
        Whether outliers may be among the training rows.

    random_state : int, RandomState instance or None, default=None
        Seed of the sample of rows and of K-means.

    Attributes
    ----------
    estimators_ : list of MixtureAutoencoder or BaggedMixtureAutoencoder
        Four autoencoders: one for each view, with at most min(256, n_samples // 4) hidden units. With ``robust=True``
        two, of 40 and of 80 hidden units: the coarse mixtures and the fine ones.

    scalers_ : list of FeatureScaler
        The views: autoencoder j is given ``scalers_[j].transform(X)``.

    weights_ : ndarray of shape (n_estimators,)
        Weights of the energies.

    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the training data. The scale of a constant feature is 1.

    centers_ : ndarray of shape (n_centers, n_features)
        Centres of the first mixture, in the units of X. With ``robust=True``, centres of K-means.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Absent unless X had names that are all strings.

    Notes
    -----
    The mixtures are trained on at most 4096 rows, drawn at random.

    Sparse X gives the results of dense X. These rows become dense in `fit`, a chunk of rows at a time in
    `score_samples`, and all rows in `explain`.

    There is no `score`: the weighted sum is not the log of a normalised density, and its units come from the training
    data, so means of held-out scores do not compare models; compare them by the area under the ROC curve of labelled
    novelties.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.outlier import MixtureEnsemble
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> model = MixtureEnsemble(random_state=0).fit(X)
    >>> near, far = model.score_samples(np.array([[0.0, 0.0, 0.0], [0.0, 6.0, 0.0]]))
    >>> bool(near > far)
    True
    >>> int(model.explain([[0.0, 6.0, 0.0]], [[0.0, 0.0, 0.0]]).argmin())
    1
    """

    estimators_: list[MixtureAutoencoder | BaggedMixtureAutoencoder]
    scalers_: list[FeatureScaler]
    weights_: FloatArray
    mean_: FloatArray
    scale_: FloatArray
    centers_: FloatArray
    n_features_in_: int
    feature_names_in_: Array  # absent unless X had names

    _parameter_constraints: dict = {"robust": ["boolean"], "random_state": ["random_state"]}

    def __init__(self, *, robust: bool = False, random_state: RandomState = None) -> None:
        self.robust = robust
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Train a mixture on each view of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of two rows or more. Other sparse formats than CSR are converted to it.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the squares of X overflow float64.
        MemoryError
            If the model does not fit into memory; it says what to do.
        """
        with unchanged_on_error(self):
            checked = checked_rows(self, X, ensure_min_samples=2)
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                self.mean_, self.scale_ = location_and_scale(checked)
            if not np.isfinite(self.scale_).all():
                low, high = value_range(checked)
                raise ValueError(
                    f"X holds values up to {max(high, -low):.3g}, whose squares float64 cannot hold; "
                    "bring the features to a common scale near 1"
                )
            rng = np.random.default_rng(seed_of(self.random_state))
            with memory_advice(checked, "to fit"):
                rows = sample_rows(checked, rng, SAMPLE_ROWS)
                rows = dense(rows) if sparse.issparse(rows) else rows
                if self.robust:
                    self._fit_robust(rows, rng)
                else:
                    self._fit_fine(rows, rng)
        return self

    def _fit_fine(self, rows, rng):
        """Train a mixture of many units on each of four views of the rows."""
        n_units = most_units(len(rows))
        self.estimators_, self.scalers_, deviations = [], [], []
        for unskew in (False, True):
            plain = FeatureScaler(unskew, whiten=False).fit(rows)
            for scaler in (plain, plain.whitened(plain.marginals(rows))):
                # A view takes much memory. So it is made anew for each use, and overwritten there.
                view = functools.partial(scaler.transform, rows)
                centers, variance = cluster(_on_grid(view()), n_units, int(rng.integers(2**31)))
                unit = float(np.sqrt(max(variance, _SMALLEST_VARIANCE)))
                mixture = MixtureAutoencoder(n_units, centers=centers / unit).fit(_on_grid(view(), unit))
                self._add(mixture.set_params(centers=None), scaler, unit)
                deviations.append(_energy(Model.from_estimator(mixture), view()).std())
        self.weights_ = 1.0 / np.maximum(deviations, _SMALLEST_DEVIATION)
        # The first view only standardises the features: its units are centres of the data.
        scaler, units = self.scalers_[0], self.estimators_[0].components_
        self.centers_ = scaler.mean_ + scaler.deviation_ * (units * scaler.unit_)

    def _fit_robust(self, rows, rng):
        """Train small mixtures, coarse and fine; then again, without the rows that score lowest."""
        _, scale = location_and_scale(rows)
        scores = self._fit_bags(rows, scale, rng) @ self.weights_
        lowest = np.quantile(scores, _TRIMMED)
        kept = rows[scores >= lowest - _ROUNDING * max(1.0, float(np.abs(scores).max()))]  # ties stay together
        if 2 <= len(kept) < len(rows):
            self._fit_bags(kept, scale, rng)
        self.centers_ = cluster_centers(kept, *location_and_scale(kept), rng)

    def _fit_bags(self, rows, scale, rng):
        """Train the coarse and the fine mixtures, and return the energies; `scale` is for features without variance."""
        constant = np.ptp(rows, axis=0) == 0.0
        self.estimators_, self.scalers_ = [], []
        for unskew, n_mixtures, n_components, _ in _BAGS:
            scaler = FeatureScaler(unskew, whiten=False).fit(rows)
            scaler.deviation_ = np.where(constant, scale, scaler.deviation_)
            Z = _on_grid(scaler.marginals(rows))
            bag = BaggedMixtureAutoencoder(n_mixtures, n_components, random_state=int(rng.integers(2**31)))
            unit = float(np.sqrt(max(bag.fit(Z).nearest_variance(Z), _SMALLEST_VARIANCE)))
            Z /= unit
            self._add(bag.fit(Z), scaler, unit)
            del Z  # before the next view is made
        energies = self._energies(rows)
        importance = np.array([bag[-1] for bag in _BAGS])
        self.weights_ = importance / np.maximum(energies.std(axis=0), _SMALLEST_DEVIATION)
        return energies

    def _add(self, autoencoder, scaler, unit):
        """Append an autoencoder, whose input is the view of the scaler over `unit`."""
        scaler.unit_ = unit
        self.estimators_.append(autoencoder)
        self.scalers_.append(scaler)

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the weighted sum of the energies of each sample. Samples that fit better have higher scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores, in X's dtype.
        """
        check_is_fitted(self)
        checked = checked_rows(self, X, reset=False)
        return cast(self._energies(checked) @ self.weights_, checked.dtype)

    @np.errstate(under="ignore")
    def _energies(self, X):
        """Return the energy of each row under each mixture, float64, shape (n_samples, n_estimators)."""
        models = [Model.from_estimator(each).astype(np.float64) for each in self.estimators_]
        out = np.empty((X.shape[0], len(models)))
        for rows, block in row_chunks(X, MAX_UNITS):
            marginals = {}
            for energies, model, scaler in zip(out[rows].T, models, self.scalers_, strict=True):
                if scaler.unskew not in marginals:  # scalers with the same powers have the same marginals
                    marginals[scaler.unskew] = scaler.marginals(block)
                energies[:] = _energy(model, scaler.rotated(marginals[scaler.unskew]))
        return out

    def explain(self, X: ArrayLike, baseline: ArrayLike) -> FloatArray:
        """Return how much each feature contributes to the difference between a sample's score and its baseline's.

        The contributions are integrated gradients (Aumann and Shapley 1974; Sundararajan et al. 2017). Each mixture
        takes the path that is straight in its scaled features. The contributions of a sample sum to
        ``score_samples(x) - score_samples(baseline)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        baseline : {array-like, sparse matrix} of shape (n_samples, n_features) or (1, n_features)
            The row that each sample is compared with; one row serves all samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Contributions, in units of the score, in X's dtype.

        Raises
        ------
        ValueError
            If the baseline has neither one row nor as many as X.
        """
        check_is_fitted(self)
        checked = dense(checked_rows(self, X, reset=False))
        start = dense(checked_rows(self, baseline, np.float64, reset=False))
        if len(start) not in (1, len(checked)):
            raise ValueError(f"baseline must have 1 row or {len(checked)}, as many as X, got {len(start)}")
        start = np.broadcast_to(start, checked.shape)
        return cast(ensemble_contributions(self, checked.astype(np.float64), start), checked.dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _on_grid(Z, unit=1.0):
    """Round Z to a grid in place, divide it by `unit`, and return it."""
    on_grid(Z, out=Z)
    Z /= unit
    return Z


@np.errstate(under="ignore")
def _energy(model, Z):
    """Return the energy of each row of Z, a chunk of rows at a time."""
    out = np.empty(len(Z))
    for rows, chunk in row_chunks(Z, max(*model.W.shape, _CHUNK_WIDTH)):
        out[rows] = model.energy(chunk)
    return out
