"""What a fitted class-specific classifier computes; it reads the public fitted attributes only."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import DTYPES, _check_feature_names_in, available_if, validate_data
from skae._typing import Array, BoolArray, FloatArray, MatrixLike
from skae.autoencoders import BaseAutoencoder
from skae.classifier._conformal import class_p_values, has_p_values, warn_of_few_rows
from skae.classifier._energies import ClassEnergies
from skae.classifier._energy_classifier import linear_scores
from skae.training import check_visible_range, value_range


def has_probabilities(classifier):
    """Whether the scores are log-odds."""
    return classifier.loss == "log_loss" or classifier.method != "finetune"


class ClassPrediction(ClassifierMixin, TransformerMixin):
    """Energies, probabilities and classes, a chunk of rows at a time."""

    classes_: Array
    estimators_: list[BaseAutoencoder]
    class_log_constants_: FloatArray
    temperature_: float
    class_median_energies_: FloatArray
    factors_: FloatArray | None
    factor_hidden_weights_: FloatArray | None
    class_factor_weights_: FloatArray | None
    calibration_energies_: list[FloatArray]  # absent where no rows were held out
    energy_classifier_: Pipeline  # absent but for method="energies"
    n_features_in_: int
    feature_names_in_: Array  # absent where X had no names

    # -- scores

    def _scores(self, X):
        """E_j(x) + C_j less what is the same for all classes, or the linear classifier's scores; (n, K), float64."""
        if hasattr(self, "energy_classifier_"):
            return linear_scores(self.energy_classifier_, ClassEnergies.of(self)(X))
        return ClassEnergies.of(self)(X, relative=True).astype(np.float64) + self.class_log_constants_

    def _log_probabilities(self, X):
        """The logarithms of the probabilities, shape (n, K), float64."""
        scores = self._scores(X)
        scores -= scores.max(axis=1, keepdims=True)  # the largest is 0: no other overflows by the division
        with np.errstate(over="ignore"):
            scores /= self.temperature_
        return scores - logsumexp(scores, axis=1, keepdims=True)

    def _decisions(self, X):
        """What `decision_function` returns and `predict` goes by, so that the two agree in X's dtype too."""
        if has_probabilities(self):
            result = self._log_probabilities(X)
        else:
            result = self._scores(X)
            # An offset that differs from row to row would spoil what is fitted to one column, such as a calibration.
            seen = np.isfinite(self.class_log_constants_)
            result -= result[:, seen].mean(axis=1, keepdims=True)
        if result.shape[1] == 2:
            result = result[:, 1] - result[:, 0]
        with np.errstate(over="ignore"):
            return result.astype(X.dtype)

    # -- prediction

    def _validate_prediction(self, X):
        """Return X, checked."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=DTYPES)
        if self.estimators_[0].visible == "bernoulli":
            check_visible_range("bernoulli", *value_range(X))
        return X

    def predict(self, X: MatrixLike) -> Array:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels, of `classes_`.
        """
        decisions = self._decisions(self._validate_prediction(X))
        return self.classes_[decisions.argmax(axis=1) if decisions.ndim == 2 else (decisions > 0.0).astype(np.intp)]

    def decision_function(self, X: MatrixLike) -> FloatArray:
        """Return what the prediction goes by: the class with the largest wins.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples,)
            Log-probabilities; after training by the hinge loss, which gives none, E_j(x) + C_j less the mean of the
            row. With two classes, the second's less the first's.
        """
        return self._decisions(self._validate_prediction(X))

    @available_if(has_probabilities)
    def predict_proba(self, X: MatrixLike) -> FloatArray:
        """Return the probability of each class (ENERGY eq. 45 at `temperature_`); absent after the hinge loss.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, which sum to 1, in X's dtype.
        """
        X = self._validate_prediction(X)
        return np.exp(self._log_probabilities(X)).astype(X.dtype)

    @available_if(has_probabilities)
    def predict_log_proba(self, X: MatrixLike) -> FloatArray:
        """Return the logarithm of the probability of each class; absent after training by the hinge loss.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities, in X's dtype.
        """
        X = self._validate_prediction(X)
        result = self._log_probabilities(X)
        # Where the probability is 1 in X's dtype, so that the two agree.
        result[np.exp(result).astype(X.dtype) == 1.0] = 0.0
        return result.astype(X.dtype)

    def score_samples(self, X: MatrixLike) -> FloatArray:
        """Return log sum_j exp(E_j(x) + C_j): the lower, the more likely the sample is of none of the classes.

        That is a log-density up to a constant, as far as each autoencoder's energy is one: so after
        ``method="normalize"``, best with ``visible="bernoulli"`` for data in [0, 1]. Fine-tuning is blind to what is
        the same in all energies.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores, in X's dtype.
        """
        X = self._validate_prediction(X)
        return logsumexp(ClassEnergies.of(self)(X) + self.class_log_constants_, axis=1).astype(X.dtype)

    def transform(self, X: MatrixLike) -> FloatArray:
        """Return the energies of all classes, not calibrated: ``transform(X) + class_log_constants_`` are.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            E_j(x), in X's dtype: `score_samples` of each of `estimators_`.
        """
        X = self._validate_prediction(X)
        return ClassEnergies.of(self)(X)

    @available_if(has_p_values)
    def p_values(self, X: MatrixLike) -> FloatArray:
        """Return the conformal p-value of each class: how odd the sample would be as one of its rows.

        ::

            p_j(x) = (1 + #{held-out rows x_i of class j: E_j(x_i) <= E_j(x)}) / (1 + #{held-out rows of class j})

        For a new sample of class j, ``P(p_j <= a) <= a`` for every a in (0, 1), whatever the model is worth, over the
        draws of the sample and of the held-out rows (Vovk 2012). A better model makes the p-values of the other classes
        smaller. The energies have no constants, so that `add_class` does not change the other columns. Each held-out
        row counts one, whatever its weight. Absent for ``calibration_fraction=0``.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            P-values in (0, 1], float64. They are no probabilities of classes: a row need not sum to 1.

        Raises
        ------
        ValueError
            If the fit held no rows out, or `partial_fit` came after it.

        References
        ----------
        .. [1] Vovk V., "Conditional validity of inductive conformal predictors", ACML 2012.
        """
        X = self._validate_prediction(X)
        if not hasattr(self, "calibration_energies_"):
            raise ValueError(
                "p-values need held-out rows of every class, which a fit without calibration_fraction has not, nor a "
                f"classifier after partial_fit; fit again with calibration_fraction={self.calibration_fraction}"
            )
        return class_p_values(ClassEnergies.of(self)(X), X, self.calibration_energies_)

    @available_if(has_p_values)
    def prediction_sets(self, X: MatrixLike, coverage: float = 0.9) -> BoolArray:
        """Return the classes that each sample may be of: those whose p-value is above ``1 - coverage``.

        For a new sample of any one class, the set has that class with a probability of at least `coverage`. A set may
        have several classes. The empty set says "none of these". Absent for ``calibration_fraction=0``.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.
        coverage : float, default=0.9
            In (0, 1). A class is left out of sets only where it has held out about ``1 / (1 - coverage)`` rows or more:
            10 for 0.9.

        Returns
        -------
        ndarray of bool of shape (n_samples, n_classes)
            Whether the class is in the set.

        Raises
        ------
        ValueError
            If there are no p-values, or `coverage` is not in (0, 1).

        Warns
        -----
        UserWarning
            If a class has so few held-out rows that it is in every set.
        """
        if not (isinstance(coverage, Real) and 0.0 < coverage < 1.0):
            raise ValueError(f"coverage must be a number in (0, 1), got {coverage!r}")
        p = self.p_values(X)
        warn_of_few_rows(coverage, self.calibration_energies_, self.classes_.tolist())
        return p > 1.0 - coverage

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the columns of `transform`: the class's name after the estimator's.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked where given: the names of the features.

        Returns
        -------
        ndarray of str of shape (n_classes,)
            Names.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}_{each}" for each in self.classes_], dtype=object)
