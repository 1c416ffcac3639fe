"""EnergyOutlierDetector: novelty and outlier detection by energy."""

from __future__ import annotations

import contextlib
from numbers import Real
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skae._documentation import documented
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
from skae.autoencoders import AutoencoderPrediction, last_step
from skae.outlier._attribution import ensemble_contributions, pipeline_contributions
from skae.outlier._casting import cast
from skae.outlier._ensemble import MixtureEnsemble
from skae.outlier._feature_scaler import location_and_scale
from skae.outlier._references import cluster_centers, nearest_mean
from skae.training import fit_task, seed_of, too_many_units, unchanged_on_error, warn

# Fitted attributes that the detector takes over from its model: from any model, and from the default one.
_SEEN, _COMPARED = ("n_features_in_", "feature_names_in_"), ("mean_", "scale_", "centers_")


def _explains(detector):
    """Return whether `explain` exists. It does for the default model, and for an autoencoder."""
    model = detector.estimator
    return model is None or isinstance(model, MixtureEnsemble) or isinstance(last_step(model), AutoencoderPrediction)


@documented
class EnergyOutlierDetector(CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Tell outliers and novelties by their energy.

    A sample is an outlier if its energy score is below `offset_`. The score comes from a model of the training data.

    By default the model is the sum of four softmax autoencoders (`skae.outlier.MixtureEnsemble`). Each of them is a
    mixture of Gaussians trained by maximum likelihood, and its energy is the log-density. They see four views of the
    features: standardised, the same with their skewness removed by powers, and both of these whitened. Each energy
    counts in units of its standard deviation over the training data. The default needs no tuning, and no scaling of
    the features beforehand.

    Parameters
    ----------
    estimator : estimator, default=None
        Any estimator with `fit` and `score_samples`, such as an autoencoder of skae or a Pipeline that ends in one. A
        clone of it is trained. None takes the default model.

    contamination : float, default=0.1
        Share of outliers in the training data, in (0, 0.5]. This share of the training scores is below `offset_`.

    random_state : int, RandomState instance or None, default=None
        Seed of the default model, or of the `estimator` if it has a `random_state`. With None, the default model is
        deterministic: it takes seed 0.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model, whose `score_samples` are the scores: the clone of `estimator`, or a
        `skae.outlier.MixtureEnsemble`. The latter has four autoencoders, each with at most min(256, n_samples // 4)
        hidden units.

    offset_ : float
        Outliers have scores below it: ``decision_function = score_samples - offset_``.

    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the training data. The scale of a constant feature is 1. Absent where
        `estimator` takes data without a mean, such as text.

    centers_ : ndarray of shape (n_centers, n_features)
        Centres of at most 256 clusters of the training data, of four rows or more on average. `explain` compares
        samples with them. Absent where the detector has no `explain`, and where `mean_` is absent.

    n_features_in_ : int
        Number of features seen in training. Absent where `estimator` does not count them.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Absent unless X had names that are all strings.

    See Also
    --------
    sklearn.ensemble.IsolationForest, sklearn.neighbors.LocalOutlierFactor : Other detectors.

    Notes
    -----
    The default model is trained on at most 4096 rows, drawn at random. Scores cost as many products as the
    autoencoders have units. A feature that is constant in the training data counts in its own unit.

    `offset_` is set on the training rows, as in scikit-learn's detectors. The model fits these better than new rows.
    With fewer than about 10,000 rows, many more than `contamination` of new normal rows fall below it (70 % for
    1000 x 20 Gaussian numbers). To detect novelties, set it on normal rows that were held out::

        detector.offset_ = np.quantile(detector.score_samples(X_held_out), 0.1)

    `fit` warns if an autoencoder in the role of `estimator` has more than two units for each row.

    With ``visible="bernoulli"``, an autoencoder in the role of `estimator` refuses values outside [0, 1]. The detector
    does not call them outliers.

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
    offset_: float
    mean_: FloatArray  # this, the scale and the centres are absent if the data have no mean
    scale_: FloatArray
    centers_: FloatArray
    n_features_in_: int
    feature_names_in_: Array  # absent unless X had names

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
            Training data. With an `estimator`, any data that it takes.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted detector.
        """
        subtasks = int(self.estimator is not None)
        with fit_task(self, X, y, max_subtasks=subtasks) as task, unchanged_on_error(self):
            self._fit_model(X, task)
            self._fit_references(X)
            self.offset_ = float(np.percentile(self.estimator_.score_samples(X), 100.0 * self.contamination))
            self._warn_of_few_rows()
        return self

    def _fit_model(self, X, task):
        """Train the default model, or a clone of the estimator."""
        if self.estimator is None:
            self.estimator_ = MixtureEnsemble(random_state=self._seed()).fit(X)
            return
        self.estimator_ = clone(self.estimator)
        if self.random_state is not None:
            set_random_states(self.estimator_, self.random_state)
        with task.subtask("estimator").attached_to(self.estimator_):
            self.estimator_.fit(X)

    def _fit_references(self, X):
        """Copy the model's attributes on the training data; find the centres that `explain` compares with."""
        own = isinstance(self.estimator_, MixtureEnsemble)
        for name in _SEEN + _COMPARED:
            vars(self).pop(name, None)
            if hasattr(self.estimator_, name) and (own or name in _SEEN):
                setattr(self, name, getattr(self.estimator_, name))
        if own:
            return
        # Some data can be read by the estimator only.
        with contextlib.suppress(TypeError, ValueError), np.errstate(over="ignore", invalid="ignore"):
            X = check_array(X, accept_sparse="csr", dtype=DTYPES)
            self.mean_, self.scale_ = location_and_scale(X)
            if _explains(self):
                rng = np.random.default_rng(seed_of(self._seed()))
                self.centers_ = cluster_centers(X, self.mean_, self.scale_, rng)

    def _seed(self):
        """Return the seed of the default model and of the centres."""
        return 0 if self.random_state is None else self.random_state

    def _warn_of_few_rows(self):
        """Warn if the model has so many units that training rows and new rows have different scores."""
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
        """Return the energy score of each sample. Outliers have low scores.

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
        return self.estimator_.score_samples(X)

    def decision_function(self, X: Any) -> FloatArray:
        """Return ``score_samples(X) - offset_``. It is negative for outliers.

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

        The reference a of a sample x stands for a normal sample like it: it is the mean of the three nearest centres
        of the training data, or of the three nearest rows of `reference`. The contributions are integrated gradients
        (Aumann and Shapley 1974; Sundararajan et al. 2017)::

            (x_i - a_i) integral_0^1 (r - x)_i(a + t (x - a)) dt

        They sum to ``score_samples(x) - score_samples(a)``. The features with the most negative contributions make a
        sample an outlier. A feature in which the sample does not differ from its reference contributes 0. Each
        autoencoder of the default takes the path from a to x that is straight in its scaled features.

        The nearest rows have the smallest sum of ``abs(x - row) / scale_``.

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
            The reference of each sample, in X's dtype. Only with ``return_reference=True``.

        Raises
        ------
        ValueError
            If the `estimator` has no potential whose gradient is known (untied or bernoulli autoencoders), if it is a
            Pipeline with a step before the autoencoder that is not affine, or if the training data were not numeric.
        """
        check_is_fitted(self)
        checked = validate_data(self, X, dtype=DTYPES, reset=False)
        dtype = checked.dtype
        rows = getattr(self, "centers_", None) if reference is None else self._check_reference(reference)
        if rows is None or not hasattr(self, "scale_"):
            raise ValueError("explain needs numeric training data")
        # Round the reference to the dtype of the result, so that the contributions sum exactly for that reference.
        start = cast(nearest_mean(checked, rows, self.scale_), dtype)
        contributions = cast(self._contributions(checked.astype(np.float64), start.astype(np.float64)), dtype)
        return (contributions, start) if return_reference else contributions

    def _contributions(self, X, start):
        """Return the integrated gradients from the rows of `start` to the rows of X, float64."""
        if isinstance(self.estimator_, MixtureEnsemble):
            return ensemble_contributions(self.estimator_, X, start)
        return pipeline_contributions(self.estimator_, X, start, self.mean_)

    def _check_reference(self, reference):
        """Return the rows of `reference`, float64; raise an error if they are invalid."""
        try:
            return validate_data(self, reference, dtype=np.float64, reset=False)
        except (TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise type(error)(
                f"reference takes rows of normal data, of shape (n_rows, {self.n_features_in_}): {reason}"
            ) from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags
