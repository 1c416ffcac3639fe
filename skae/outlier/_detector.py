"""EnergyOutlierDetector: novelty and outlier detection by energy."""

from __future__ import annotations

import contextlib
from numbers import Integral, Real
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin, clone
from sklearn.utils import get_tags

from skae._documentation import documented
from skae._sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    _fit_context,
    available_if,
    set_random_states,
    with_callbacks,
)
from skae._typing import Array, FloatArray, IntArray, RandomState
from skae._validation import DTYPES, check_array, check_is_fitted, names_of_columns, refuse_parameters_of_none
from skae._version import VersionedEstimator
from skae.autoencoders import AutoencoderPrediction, has_frozen_model, is_frozen, last_step, unfrozen
from skae.outlier._attribution import ensemble_contributions, ensemble_pipeline_contributions, pipeline_contributions
from skae.outlier._calibration import (
    cross_fitted_scores,
    new_row_threshold,
    rows_outside_sample,
    training_threshold,
)
from skae.outlier._casting import cast
from skae.outlier._confinement import share_of_far_rows_on_top
from skae.outlier._ensemble import SAMPLE_ROWS, MixtureEnsemble
from skae.outlier._feature_scaler import location_and_scale
from skae.outlier._references import cluster_centers, nearest_mean
from skae.outlier._rows import checked_rows
from skae.training import (
    NO_CALLBACKS,
    conformal_p_values,
    dense,
    fit_task,
    names_compared,
    seed_of,
    too_many_units,
    unchanged_on_error,
    warn,
)

# Fitted attributes that the detector takes over from its model: from any model, and from the default one.
_SEEN, _COMPARED = ("n_features_in_", "feature_names_in_"), ("mean_", "scale_", "centers_")

# Largest share of the rows that may score higher than all training rows when they are moved away from the mean.
_MOST_ON_TOP = 0.05


def _explains(detector):
    """Return whether `explain` exists. It does for the default model and for an autoencoder, also in a Pipeline."""
    model = detector.estimator
    return model is None or isinstance(last_step(model), (MixtureEnsemble, AutoencoderPrediction))


def _labels_training_rows(detector):
    """Return whether outliers may be among the training rows."""
    return not detector.novelty


def _has_p_values(detector):
    """Return whether `fit` or `calibrate` scores rows that a model has not seen."""
    return detector.novelty or hasattr(detector, "calibration_scores_")


@documented
class EnergyOutlierDetector(CallbackSupportMixin, OutlierMixin, VersionedEstimator):
    """Tell outliers and novelties by their energy.

    A sample is an outlier if its energy score is below `offset_`. The score comes from a model of the training data.

    By default the model is a `skae.outlier.MixtureEnsemble`: a sum of softmax autoencoders, each of which is a mixture
    of Gaussians on a view of the features. Its energy is the log-density. There are two such models, and `novelty` says
    which one is trained:

    - ``novelty=False``, the default: outliers may be among the training rows. The mixtures are small, and their
      centres are few rows drawn at random, so no row owns the model.
    - ``novelty=True``: the training rows are clean. The mixtures are large and see four views. This model ranks
      novelties better, but an outlier among the training rows gets a unit of its own.

    Neither needs tuning, nor scaling of the features beforehand.

    Parameters
    ----------
    estimator : estimator, default=None
        Any estimator with `fit` and `score_samples`, such as an autoencoder of skae or a Pipeline that ends in one. A
        clone of it is trained. None takes the default model. A fitted model in a `sklearn.frozen.FrozenEstimator` is
        not trained: `fit` sets the threshold alone, by rows that the model has not seen.

    contamination : float, default=0.1
        In (0, 0.5]. With ``novelty=False``, the share of outliers in the training data: so many training rows, rounded
        down, have scores below `offset_`. With ``novelty=True``, the share of new normal rows to take for outliers.

    novelty : bool, default=False
        Whether the training rows are clean. `predict`, `decision_function` and `score_samples` take new rows in both
        cases; `fit_predict` exists only with False.

    calibration : int, float or "auto", default="auto"
        How `offset_` is set with ``novelty=True``: by the scores of rows that a model has not seen. An integer is a
        number of folds, at least 2: each fold is scored by a model that is fitted to the others. "auto" is 4000 /
        n_samples folds, fewer for tables of a thousand columns, at least five and at most one for each row. (The
        default model of 8192 rows or more is trained on a sample of 4096, and rows outside the sample are scored
        instead.) A float in (0, 1) is a share of the rows that is held out: `estimator_` is fitted to the rest only.
        With a frozen `estimator` all rows are scored, whatever `calibration` is.

    random_state : int, RandomState instance or None, default=None
        Seed of the default model, or of the `estimator` if it has a `random_state`, and of the folds. With None, the
        default model is deterministic: it takes seed 0.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model, whose `score_samples` are the scores: the clone of `estimator`, or a
        `skae.outlier.MixtureEnsemble`. The latter has four autoencoders.

    offset_ : float
        Outliers have scores below it: ``decision_function = score_samples - offset_``. It is the middle between two
        scores.

    calibration_scores_ : ndarray of shape (n_calibration,)
        The scores that `offset_` was set by, sorted. Absent after a `fit` with ``novelty=False``.

    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the training data. The scale of a constant feature is 1. Absent where
        `estimator` takes data without a mean, such as text. With a frozen `estimator`, of the rows of `fit`; with a
        frozen `MixtureEnsemble`, its own.

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

    There is no `sample_weight`: the default model draws rows at random, so a weight of two would not give the fit of a
    repeated row, as scikit-learn's checks ask (they excuse IsolationForest from it). Repeat rows instead.

    The default model takes sparse X: CSR, or what scikit-learn converts to it. The results are those of dense X. `fit`
    and the scores make no more than a chunk of rows dense, or the rows that are trained on.

    There is no `score`, because the scores of two default models have different units. Compare detectors by the area
    under the ROC curve of labelled novelties (``scoring="roc_auc"``), or by how often `p_values` of new normal rows are
    below a level.

    With ``novelty=False``, the threshold is one of the scores of the training rows. New rows score hardly lower,
    because no row owns the model. With ``novelty=True``, the threshold is a score of a row that a model has not seen.

    With ``novelty=True``, a threshold from n scores cannot tell a share of 1 / (n + 1) from none: `fit` warns of such a
    `contamination`. With ``novelty=False``, it warns if an autoencoder in the role of `estimator` has more than two
    units for each row.

    The scores of an `estimator` must fall away from the data. `fit` warns if more than 5 % of the rows score higher
    than all training rows when they are moved ten and a thousand times as far from the mean. Energies of units without
    a bound (relu, shrink, `ZeroBiasAutoencoder`) rise, unless a penalty keeps the weights short.

    With ``visible="bernoulli"``, an autoencoder in the role of `estimator` refuses values outside [0, 1]. The detector
    does not call them outliers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import roc_auc_score
    >>> from skae import EnergyOutlierDetector
    >>> X, y = load_digits(return_X_y=True)
    >>> detector = EnergyOutlierDetector(novelty=True).fit(X[:1000][y[:1000] == 3])
    >>> bool(roc_auc_score(y[1000:] == 3, detector.score_samples(X[1000:])) > 0.9)
    True
    """

    estimator_: Any
    offset_: float
    calibration_scores_: FloatArray  # absent after a fit with novelty=False
    mean_: FloatArray  # this, the scale and the centres are absent if the data have no mean
    scale_: FloatArray
    centers_: FloatArray
    n_features_in_: int
    feature_names_in_: Array  # absent unless X had names

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "novelty": ["boolean"],
        "calibration": [
            Interval(Integral, 2, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        contamination: float = 0.1,
        novelty: bool = False,
        calibration: float | str = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.contamination = contamination
        self.novelty = novelty
        self.calibration = calibration
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters. ``estimator__name`` sets a parameter of the given estimator.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The detector.

        Raises
        ------
        ValueError
            If there is no such parameter. The default model, ``estimator=None``, has none to set.
        """
        refuse_parameters_of_none(self, params, "model", "EnergyOutlierDetector(ContractiveAutoencoder())")
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model and set the offset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. With an `estimator`, any data that it takes.
        y : Ignored
            Present for API consistency. It is passed on to callbacks.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If the data are not what the model takes, or with ``novelty=True`` have fewer than three rows.
        """
        with unchanged_on_error(self):
            self._fit(X, y)
        return self

    @with_callbacks
    def _fit(self, X, y):
        """Set all fitted attributes."""
        subtasks = 0 if self.estimator is None or is_frozen(self.estimator) else 1 + int(self.novelty)
        options = {"inner": self.estimator, "max_subtasks": subtasks}
        with fit_task(self, X, y, **options) as task:
            self._fit_all(X, seed_of(self._seed()), task)

    def _fit_all(self, X, seed, task):
        """Train the model, and set the offset."""
        vars(self).pop("calibration_scores_", None)
        if self.novelty:
            self._set_threshold(self._fit_and_score_unseen(X, seed, task), self.contamination)
        else:
            self._fit_model(X, seed, task)
            self.offset_ = training_threshold(self.estimator_.score_samples(X), self.contamination)
            self._warn_of_few_rows()
        self._warn_of_rising_scores(X)

    def _fit_model(self, X, seed, task):
        """Train the default model, or a clone of the estimator. A frozen one is its own clone, and checks itself."""
        self.estimator_ = self._new_model(seed)
        if self.estimator is None:
            self.estimator_.fit(X)
        elif is_frozen(self.estimator_):
            self.estimator_.fit(X, None)
        else:
            with task.subtask("estimator").attached_to(self.estimator_, X), names_of_columns(X):
                self.estimator_.fit(X)
        self._fit_references(X)

    def _new_model(self, seed):
        """The default model, or a clone of the estimator, unfitted."""
        if self.estimator is None:
            return MixtureEnsemble(robust=not self.novelty, random_state=seed)
        model = clone(self.estimator)
        if self.random_state is not None:
            set_random_states(model, seed)
        return model

    def _fit_and_score_unseen(self, X, seed, task):
        """Train the model, and return scores of rows that it, or a model like it, has not seen."""
        if self.estimator is not None and is_frozen(self.estimator):
            self._fit_model(X, seed, task)
            return self.estimator_.score_samples(X)
        if isinstance(self.calibration, Real) and not isinstance(self.calibration, Integral):
            from sklearn.model_selection import train_test_split

            X, held_out = train_test_split(X, test_size=self.calibration, random_state=seed)
            self._fit_model(X, seed, task)
            return self.estimator_.score_samples(held_out)
        self._fit_model(X, seed, task)
        if self.estimator is None:
            X = check_array(X, accept_sparse="csr", dtype=DTYPES)
            if X.shape[0] >= 2 * SAMPLE_ROWS:
                unseen = X[rows_outside_sample(np.arange(X.shape[0]), SAMPLE_ROWS, seed)]
                with names_compared():
                    return self.estimator_.score_samples(unseen)
            if X.shape[0] < 3:
                raise ValueError(f"novelty=True needs at least 3 rows to set offset_, got n_samples = {X.shape[0]}")
        told = NO_CALLBACKS if self.estimator is None else task
        return cross_fitted_scores(self._new_model(seed), X, self.calibration, seed, told)

    def _set_threshold(self, scores, share):
        """Set the threshold by scores of unseen rows; warn where it cannot tell the share asked for from none."""
        self.calibration_scores_ = np.sort(scores)
        self.offset_ = new_row_threshold(self.calibration_scores_, share)
        n = len(scores)
        if share <= 1.0 / (n + 1):
            warn(
                f"EnergyOutlierDetector: contamination={share:g} asks for less than one in the {n} rows "
                "that set offset_: more new normal rows will be taken for outliers; fit more rows, or raise it"
            )

    def _fit_references(self, X):
        """Copy the model's attributes on the training data; find the centres that `explain` compares with."""
        own = isinstance(unfrozen(self.estimator_), MixtureEnsemble)
        for name in _SEEN + _COMPARED:
            vars(self).pop(name, None)
            if hasattr(self.estimator_, name) and (own or name in _SEEN):
                setattr(self, name, getattr(self.estimator_, name))
        if own:
            return
        # Some data can be read by the estimator only.
        with contextlib.suppress(TypeError, ValueError), np.errstate(over="ignore", under="ignore", invalid="ignore"):
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
        if has_frozen_model(self.estimator_) or not isinstance(model, AutoencoderPrediction):
            return
        text = too_many_units(len(model.components_), model.n_samples_seen_)
        if text is not None:
            warn(
                f"EnergyOutlierDetector: {text}: many of these will be taken for outliers; set novelty=True, "
                "use fewer units, or fit more rows"
            )

    def _warn_of_rising_scores(self, X):
        """Warn if scores rise away from the data, so that far outliers have the highest ones."""
        model = last_step(self.estimator_)
        if isinstance(model, MixtureEnsemble) or not hasattr(self, "mean_"):
            return
        share = share_of_far_rows_on_top(self.estimator_, X, self.mean_)
        if share > _MOST_ON_TOP:
            advice = "the default model, estimator=None"
            if isinstance(model, AutoencoderPrediction):
                advice = (
                    f'units that saturate (activation="sigmoid"), a larger alpha, standardised features, or {advice}'
                )
            warn(
                f"EnergyOutlierDetector: the scores of {type(model).__name__} rise away from the data: {share:.0%} of "
                "the rows, moved ten and a thousand times as far from the mean, score higher than every training row, "
                f"and such outliers are not found; use {advice}"
            )

    def calibrate(self, X: Any, *, contamination: float | None = None) -> Self:
        """Set the threshold by normal rows that the model has not seen. The fitted model does not change.

        `offset_` and `calibration_scores_` are set as by a `fit` with ``novelty=True`` and rows held out: a new normal
        row is taken for an outlier with the probability `contamination`, and the guarantee of `p_values` holds. With
        ``novelty=False`` too, the detector then has `p_values`. The next `fit` sets all of them anew.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Normal rows that were not among the training data. In a Pipeline, what the steps before the detector
            return: ``pipeline[-1].calibrate(pipeline[:-1].transform(X))``.
        contamination : float, default=None
            In (0, 0.5]. Share of new normal rows to take for outliers. None takes the detector's `contamination`.

        Returns
        -------
        self : object
            The detector.

        Raises
        ------
        ValueError
            If `contamination` is not in (0, 0.5].

        Examples
        --------
        >>> import numpy as np
        >>> from skae import EnergyOutlierDetector
        >>> X = np.random.default_rng(0).standard_normal((400, 3))
        >>> detector = EnergyOutlierDetector().fit(X[:200]).calibrate(X[200:], contamination=0.05)
        >>> int(np.sum(detector.predict(X[200:]) == -1))
        10
        """
        check_is_fitted(self)
        share = self.contamination if contamination is None else contamination
        if not (isinstance(share, Real) and 0.0 < float(share) <= 0.5):
            raise ValueError(f"contamination must be a number in (0, 0.5] or None, got {contamination!r}")
        with unchanged_on_error(self):
            self._set_threshold(self.score_samples(X), share)
        return self

    def score_samples(self, X: Any) -> FloatArray:
        """Return the energy score of each sample. Outliers have low scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores.
        """
        check_is_fitted(self)
        with names_of_columns(X):
            return self.estimator_.score_samples(X)

    def decision_function(self, X: Any) -> FloatArray:
        """Return ``score_samples(X) - offset_``. It is negative for outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Shifted scores.
        """
        scores = np.asarray(self.score_samples(X))
        dtype = scores.dtype if scores.dtype.kind == "f" else np.dtype(np.float64)
        largest = np.finfo(dtype).max  # the offset may be beyond the range of float32
        with np.errstate(over="ignore", under="ignore"):
            return np.clip(scores - self.offset_, -largest, largest).astype(dtype, copy=False)

    def predict(self, X: Any) -> IntArray:
        """Return 1 for inliers and -1 for outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            Labels.
        """
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    @available_if(_labels_training_rows)
    def fit_predict(self, X: Any, y: Any = None) -> IntArray:
        """Fit, and return 1 for the inliers and -1 for the outliers among the training rows.

        Only with ``novelty=False``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            Labels, those of ``fit(X).predict(X)``.
        """
        return self.fit(X).predict(X)

    @available_if(_has_p_values)
    def p_values(self, X: Any) -> FloatArray:
        """Return the conformal p-value of each sample: small for novelties.

        It exists with ``novelty=True``, and after `calibrate`.

        ::

            p = (1 + #{calibration_scores_ <= score_samples(x)}) / (n_calibration + 1)

        If rows are held out (`calibration` is a float, the default model has 8192 rows or more, the `estimator` is
        frozen, or `calibrate` was given them), then ``P(p <= a) <= a`` for a new normal sample and every a, exactly,
        over the draws of all rows. With folds, the
        scores come from models of fewer rows than the one that scores X, and no such bound is proved. Over 200 draws of
        100 heavy-tailed rows, p <= 0.05 held for 4.5 % of the new normal rows (``benchmarks/p_values.py``).

        `scipy.stats.false_discovery_control` turns the p-values of many samples into decisions with a false discovery
        rate. It stays valid although the p-values share the calibration scores (Bates et al. 2023).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            P-values in (0, 1], float64.

        References
        ----------
        .. [1] Bates S., Candes E., Lei L., Romano Y., Sesia M., "Testing for outliers with conformal p-values", Annals
           of Statistics 51(1), 2023.
        """
        check_is_fitted(self)
        if not hasattr(self, "calibration_scores_"):
            raise ValueError(
                "p-values need scores of rows that the model has not seen, which a fit with novelty=False has not; fit "
                "again with novelty=True, or call calibrate with such rows"
            )
        return conformal_p_values(self.score_samples(X), self.calibration_scores_)

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
        autoencoder of the default takes the path from a to x that is straight in its scaled features. The same holds
        for a `MixtureEnsemble` at the end of a Pipeline: its paths are straight in scaled features of its input, and
        the steps before it must be affine.

        The nearest rows have the smallest sum of ``abs(x - row) / scale_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        reference : {array-like, sparse matrix} of shape (n_rows, n_features), default=None
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
            Pipeline with a step before the model that is not affine, or if the training data were not numeric.
        """
        check_is_fitted(self)
        if not hasattr(self, "scale_"):
            raise ValueError(
                "explain needs numeric training data; put the steps that make numbers of them before the detector, and "
                "pass what they return: pipeline[-1].explain(pipeline[:-1].transform(X))"
            )
        checked = dense(checked_rows(self, X, reset=False))
        dtype = checked.dtype
        rows = self.centers_ if reference is None else self._check_reference(reference)
        # Round the reference to the dtype of the result, so that the contributions sum exactly for that reference.
        start = cast(nearest_mean(checked, rows, self.scale_), dtype)
        contributions = cast(self._contributions(checked.astype(np.float64), start.astype(np.float64), X), dtype)
        return (contributions, start) if return_reference else contributions

    def _contributions(self, X, start, like):
        """Return the integrated gradients from `start` to X, float64; steps get tables of the kind of `like`."""
        model = unfrozen(self.estimator_)
        if isinstance(model, MixtureEnsemble):
            return ensemble_contributions(model, X, start)
        if isinstance(last_step(self.estimator_), MixtureEnsemble):
            return ensemble_pipeline_contributions(self.estimator_, X, start, self.mean_, like)
        return pipeline_contributions(self.estimator_, X, start, self.mean_, like)

    def _check_reference(self, reference):
        """Return the rows of `reference`, float64; raise an error if they are invalid."""
        try:
            return dense(checked_rows(self, reference, np.float64, reset=False))
        except (TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise type(error)(
                f"reference takes rows of normal data, of shape (n_rows, {self.n_features_in_}): {reason}"
            ) from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(MixtureEnsemble() if self.estimator is None else self.estimator).input_tags
        return tags
