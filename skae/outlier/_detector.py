"""EnergyOutlierDetector: novelty and outlier detection by energy."""

from __future__ import annotations

import contextlib
import warnings
from numbers import Real
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skae._documentation import DocumentationLink
from skae._sklearn_compat import (
    DTYPES,
    CallbackSupportMixin,
    HasMethods,
    Interval,
    _fit_context,
    available_if,
    check_array,
    set_random_states,
    validate_data,
    with_callbacks,
)
from skae._typing import Array, FloatArray, IntArray, RandomState
from skae.autoencoders import AutoencoderPrediction, last_step, steps_before
from skae.outlier._attribution import mean_field
from skae.outlier._feature_scaler import FeatureScaler, location_and_scale, on_grid
from skae.outlier._kmeans import MAX_UNITS, cluster, most_units, sample_rows
from skae.outlier._mixture import MixtureAutoencoder
from skae.outlier._references import cluster_centers, nearest_mean
from skae.training import fit_task, moments, row_blocks, seed_of, too_many_units, unchanged_on_error, warn

# The variance within a component, in units of that of a feature, is at least this: data may be discrete.
_SMALLEST_VARIANCE = 1e-3

# An energy that hardly varies over the training data (few rows, or a full factorial design) must not drown the others.
_SMALLEST_DEVIATION = 0.1


def _explains(detector):
    """Whether the estimator can be asked for a field: only one that is given can be without."""
    last = last_step(detector.estimator)
    return last is None or isinstance(last, AutoencoderPrediction)


class EnergyOutlierDetector(CallbackSupportMixin, DocumentationLink, OutlierMixin, BaseEstimator):
    """Tell outliers and novelties by their energy.

    A sample is an outlier where the energy score of a model of the training data is below `offset_`.

    By default the model is the sum of four softmax autoencoders, each of which is a mixture of Gaussians trained by
    maximum likelihood (its energy is the log-density), on four views of the standardised features: as they are, with
    their skewness taken off by powers, and both of these whitened too. Each energy counts in units of its standard
    deviation over the training data. It needs no tuning, and no scaling of the features beforehand.

    Parameters
    ----------
    estimator : estimator, default=None
        Anything with `fit` and `score_samples`, such as an autoencoder of skae or a Pipeline that ends in one; a clone
        of it is trained. None is the default model.

    contamination : float, default=0.1
        Share of outliers in the training data, in (0, 0.5]: so many of the training scores are below `offset_`.

    random_state : int, RandomState instance or None, default=None
        Seed of the default model, or of the `estimator` where it has a `random_state`. The default model with None is
        deterministic: it takes seed 0.

    Attributes
    ----------
    estimator_ : estimator, or list of autoencoders
        The model: the clone of `estimator`, or the softmax autoencoders of the default, each with at most
        min(256, n_samples // 4) hidden units.

    scalers_ : list
        What each autoencoder of the default sees: ``scaler.marginals(X) @ scaler.matrix_``. None with an `estimator`.

    weights_ : ndarray of shape (n_autoencoders,)
        Weights of the energies of the default. None with an `estimator`.

    offset_ : float
        Scores below it are those of outliers: ``decision_function = score_samples - offset_``.

    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the training data (1 for a feature that is constant); None where `estimator`
        takes data that have none.

    centers_ : ndarray of shape (n_centers, n_features)
        Centres of at most 256 clusters of the training data, of four rows or more on average: what `explain` compares
        with. None where the detector has no `explain`.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names that are all strings.

    See Also
    --------
    sklearn.ensemble.IsolationForest, sklearn.neighbors.LocalOutlierFactor : Other detectors.

    Notes
    -----
    The default model is trained on at most 4096 rows, drawn at random. Scores cost as many products as the
    autoencoders have units. A feature that is constant in the training data counts in its own unit.

    `offset_` is set on the training rows, as in scikit-learn's detectors, and the model fits these better than new
    ones: with fewer than about 10,000 rows, many more than `contamination` of new normal rows fall below it (70 % for
    1000 x 20 Gaussian numbers). To detect novelties, set it on normal rows held out::

        detector.offset_ = np.quantile(detector.score_samples(X_held_out), 0.1)

    `fit` warns where an autoencoder in the role of `estimator` has more than two units for each row.

    Of an autoencoder with ``visible="bernoulli"`` in the role of `estimator`, values outside [0, 1] are refused, not
    called outliers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import roc_auc_score
    >>> from skae import EnergyOutlierDetector
    >>> X, y = load_digits(return_X_y=True)
    >>> detector = EnergyOutlierDetector().fit(X[:1000][y[:1000] == 3])
    >>> bool(roc_auc_score(y[1000:] == 3, detector.score_samples(X[1000:])) > 0.9)
    True
    """

    estimator_: Any
    scalers_: Any  # None with an `estimator`, and so are the weights
    weights_: Any
    offset_: float
    mean_: Any  # None where `estimator` takes data that have none, and so are the scale and the centres
    scale_: Any
    centers_: Any
    n_features_in_: int
    feature_names_in_: Array  # absent where X had no names

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator: Any = None, *, contamination: float = 0.1, random_state: RandomState = None) -> None:
        self.estimator = estimator
        self.contamination = contamination
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model and set the offset.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; what `estimator` takes, where it is given.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted detector.
        """
        given = self.estimator is not None
        with fit_task(self, X, y, max_subtasks=int(given)) as task, unchanged_on_error(self):
            if given:
                self._fit_given(X, task)
            else:
                X = validate_data(self, X, dtype=DTYPES, ensure_min_samples=2)
                self._fit_default(X)
            self.offset_ = float(np.percentile(self._scores(X), 100.0 * self.contamination))
            self._warn_of_few_rows()
        return self

    def _fit_default(self, X):
        """Train a mixture on each view of a sample of the rows."""
        with np.errstate(over="ignore", invalid="ignore"):
            _, self.mean_, variance = moments(X)
        if not np.isfinite(variance).all():
            raise ValueError(
                f"X holds values up to {np.abs(X).max():.3g}, whose squares float64 cannot hold; "
                "bring the features to a common scale near 1"
            )
        rng = self._rng()
        rows = sample_rows(X, rng)
        n_units = most_units(len(rows))
        self.estimator_, self.scalers_ = [], []
        for unskew in (False, True):
            plain = FeatureScaler(unskew, whiten=False).fit(rows)
            for scaler in (plain, plain.whitened(rows)):
                Z = on_grid(scaler.marginals(rows) @ scaler.matrix_)
                centers, variance = cluster(Z, n_units, int(rng.integers(2**31)))
                unit = np.sqrt(max(variance, _SMALLEST_VARIANCE))
                scaler.matrix_ = scaler.matrix_ / unit
                mixture = MixtureAutoencoder(n_units, centers=centers / unit).fit(Z / unit)
                self.estimator_.append(mixture.set_params(centers=None))
                self.scalers_.append(scaler)
        self.weights_ = 1.0 / np.maximum(self._energies(rows).std(axis=0), _SMALLEST_DEVIATION)
        # The first view is of the standardised features alone: its units are centres of the data.
        self.scale_ = self.scalers_[0].deviation_
        centers = self.estimator_[0].components_ / np.diag(self.scalers_[0].matrix_)
        self.centers_ = self.scalers_[0].mean_ + self.scale_ * centers

    def _fit_given(self, X, task):
        """Train a clone of the estimator."""
        self.estimator_ = clone(self.estimator)
        if self.random_state is not None:
            set_random_states(self.estimator_, self.random_state)
        with task.subtask("estimator").attached_to(self.estimator_):
            self.estimator_.fit(X)
        self.scalers_ = self.weights_ = self.mean_ = self.scale_ = self.centers_ = None
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        # There are data that only the estimator can read.
        with contextlib.suppress(TypeError, ValueError), np.errstate(over="ignore", invalid="ignore"):
            X = check_array(X, accept_sparse="csr", dtype=DTYPES)
            self.mean_, self.scale_ = location_and_scale(X)
            if _explains(self):
                self.centers_ = cluster_centers(X, self.mean_, self.scale_, self._rng())

    def _rng(self):
        """The generator of the default model, and of the centres."""
        return np.random.default_rng(0 if self.random_state is None else seed_of(self.random_state))

    def _warn_of_few_rows(self):
        """Warn where the scores of the training rows say little about those of new rows."""
        model = last_step(self.estimator_)
        if not isinstance(model, AutoencoderPrediction):
            return
        text = too_many_units(len(model.components_), model.n_samples_seen_)
        if text is not None:
            warn(
                f"EnergyOutlierDetector: {text}: many of these will be taken for outliers; set offset_ on rows held "
                "out, use fewer units, or fit more rows"
            )

    def score_samples(self, X: Any) -> FloatArray:
        """Return the energy score of each sample: the lower, the more of an outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores.
        """
        check_is_fitted(self)
        return self._scores(self._validate(X))

    def decision_function(self, X: Any) -> FloatArray:
        """Return ``score_samples(X) - offset_``: negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Shifted scores.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> IntArray:
        """Return 1 for inliers and -1 for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            Labels.
        """
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    @overload
    def explain(
        self, X: ArrayLike, reference: ArrayLike | None = None, *, return_reference: Literal[False] = False
    ) -> FloatArray: ...

    @overload
    def explain(
        self, X: ArrayLike, reference: ArrayLike | None = None, *, return_reference: Literal[True]
    ) -> tuple[FloatArray, FloatArray]: ...

    @available_if(_explains)
    def explain(
        self, X: ArrayLike, reference: ArrayLike | None = None, *, return_reference: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Return how much each feature contributes to the difference between a sample's score and its reference's.

        The reference a of a sample x is what a normal sample like it would be: the mean of the three nearest centres
        of the training data, or of the three nearest rows of `reference`. The contributions are integrated gradients
        (Aumann and Shapley 1974; Sundararajan et al. 2017)::

            (x_i - a_i) integral_0^1 (r - x)_i(a + t (x - a)) dt

        so that they sum to ``score_samples(x) - score_samples(a)``. The most negative ones are why a sample is an
        outlier. A feature in which the sample does not differ from its reference contributes 0. Each autoencoder of
        the default takes the path from a to x that is straight in its scaled features.

        Nearest is what has the smallest sum of ``abs(x - row) / scale_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        reference : array-like of shape (n_rows, n_features), default=None
            Rows of normal data to take the references from, such as the training data. One row is the reference of
            every sample: ``reference=detector.mean_[None]`` compares with the mean. None takes `centers_`.
        return_reference : bool, default=False
            Whether to return the references too.

        Returns
        -------
        contributions : ndarray of shape (n_samples, n_features)
            Contributions, in units of the score, in X's dtype.
        reference : ndarray of shape (n_samples, n_features)
            What each sample was compared with, in X's dtype. Only with ``return_reference=True``.

        Raises
        ------
        ValueError
            If the `estimator` has no potential whose gradient is known (untied or bernoulli autoencoders), or is a
            Pipeline with a step before the autoencoder that is not affine.
        """
        check_is_fitted(self)
        given = self._validate(X, numeric=True)
        dtype, rows = given.dtype, self.centers_ if reference is None else self._check_reference(reference)
        if rows is None or self.scale_ is None:
            raise ValueError("explain needs numeric training data")
        # Rounded to what is returned, so that the sum is exact for it.
        start = _cast(nearest_mean(given, rows, self.scale_), dtype)
        contributions = _cast(self._contributions(given.astype(np.float64), start.astype(np.float64)), dtype)
        return (contributions, start) if return_reference else contributions

    def _contributions(self, X, start):
        """The integrated gradients from the rows of `start` to those of X, float64."""
        if self.scalers_ is None:
            autoencoder, first, matrix = self._affine_model(X, start)
            return (X - start) * (mean_field(autoencoder, first, (X - start) @ matrix) @ matrix.T)
        contributions = np.zeros(X.shape)
        for autoencoder, scaler, weight in zip(self.estimator_, self.scalers_, self.weights_, strict=True):
            first = scaler.marginals(start)
            way = scaler.marginals(X) - first
            field = mean_field(autoencoder, first @ scaler.matrix_, way @ scaler.matrix_) @ scaler.matrix_.T
            contributions += weight * way * field
        return contributions

    def _affine_model(self, X, start):
        """The autoencoder at the end of the estimator, what it is given for `start`, and the matrix before it."""
        steps, last = steps_before(self.estimator_), last_step(self.estimator_)
        potential = hasattr(last._activation(), "potential") and last.decoder_components_ is last.components_
        if last.visible != "gaussian" or not potential:
            raise ValueError("explain needs an autoencoder with tied weights, gaussian units and a potential")

        def inputs(X):
            with warnings.catch_warnings():  # the names have been checked
                warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
                for step in steps:
                    X = step.transform(X)
            return np.asarray(X, dtype=np.float64)

        origin = inputs(self.mean_[None])
        rows = np.vstack([start, X])
        size = np.maximum(np.abs(rows - self.mean_).max(axis=0), 1e-6 * np.abs(self.mean_) + 1e-12)
        matrix = (inputs(self.mean_ + np.diag(size)) - origin) / size[:, None]
        # One row, or rows on one side of the mean, can fit a chord of a curve: its middle and the other side cannot.
        tested = np.vstack([rows, self.mean_ + size * np.array([[-1.0], [0.5], [1.0]])])
        got, expected = inputs(tested), origin + (tested - self.mean_) @ matrix
        tolerance = 1e-5 * np.abs(expected - origin).max() + 1e-6 * np.abs(expected).max()
        if np.abs(got - expected).max() > tolerance:
            raise ValueError("explain needs steps that are affine (StandardScaler, PCAWhitener) before the autoencoder")
        return last, got[: len(start)], matrix

    def _check_reference(self, reference):
        """Return the rows of `reference`, float64, or say what is wrong with them."""
        try:
            return validate_data(self, reference, dtype=np.float64, reset=False)
        except (TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise type(error)(
                f"reference takes rows of normal data, of shape (n_rows, {self.n_features_in_}): {reason}"
            ) from None

    def _validate(self, X, numeric=False):
        """Return X, checked; where an estimator was given, that is its own affair, unless `numeric` says otherwise."""
        if self.scalers_ is None and not numeric:
            return X
        return validate_data(self, X, dtype=DTYPES, reset=False)

    def _scores(self, X):
        """The score of each row."""
        if self.scalers_ is None:
            return self.estimator_.score_samples(X)
        return _cast(self._energies(X) @ self.weights_, X.dtype)

    def _energies(self, X):
        """The energy of each row under each autoencoder of the default, float64."""
        out = np.empty((len(X), len(self.estimator_)))
        for rows, block in row_blocks(X, MAX_UNITS):
            for column, (autoencoder, scaler) in enumerate(zip(self.estimator_, self.scalers_, strict=True)):
                out[rows, column] = autoencoder.score_samples(scaler.marginals(block) @ scaler.matrix_)
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _cast(values, dtype):
    """Return float64 values in another dtype: the largest of it where they are larger."""
    largest = np.finfo(dtype).max
    return np.clip(values, -largest, largest).astype(dtype)
