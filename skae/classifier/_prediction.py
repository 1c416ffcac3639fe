"""Methods of a fitted class-specific classifier. They read public fitted attributes only."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import _check_feature_names_in, available_if
from skae._typing import Array, BoolArray, FloatArray, MatrixLike
from skae._validation import DTYPES, validate_data
from skae.autoencoders import BaseAutoencoder
from skae.classifier._conformal import class_p_values, has_p_values, warn_of_few_rows
from skae.classifier._energies import ClassEnergies
from skae.classifier._energy_regression import linear_scores
from skae.training import check_overflow, check_visible_range, row_chunks, value_range


def has_probabilities(classifier):
    """Return whether the scores give probabilities. Only fine-tuning by the hinge loss gives none."""
    return classifier.loss == "log_loss" or classifier.method != "finetune"


class ClassPrediction(ClassifierMixin, TransformerMixin):
    """Energies, probabilities and predicted classes, a chunk of rows at a time."""

    classes_: Array
    estimators_: list[BaseAutoencoder]
    class_log_constants_: FloatArray
    temperature_: float
    class_median_energies_: FloatArray
    factors_: FloatArray | None
    factor_hidden_weights_: FloatArray | None
    class_factor_weights_: FloatArray | None
    calibration_energies_: list[FloatArray]  # absent unless rows were held out
    energy_classifier_: Pipeline  # absent unless method="energies"
    n_features_in_: int
    feature_names_in_: Array  # absent unless X had names

    # -- scores

    def _scores(self, X):
        """Return the scores of the classes, shape (n, K), float64.

        They are E_j(x) + C_j without a term that is the same for all classes, or the energy classifier's scores.
        """
        if hasattr(self, "energy_classifier_"):
            return linear_scores(self.energy_classifier_, ClassEnergies.from_classifier(self)(X))
        return ClassEnergies.from_classifier(self)(X, relative=True).astype(np.float64) + self.class_log_constants_

    def _log_probabilities(self, X):
        """Return the logarithms of the probabilities, shape (n, K), float64."""
        scores = self._scores(X)
        scores -= scores.max(axis=1, keepdims=True)  # so that the division can overflow to -inf only
        with np.errstate(over="ignore", under="ignore"):
            scores /= self.temperature_
        scores -= _log_total(scores)[:, None]
        return scores

    def _decisions(self, X):
        """Return the decision function in X's dtype. `predict` uses it too, so that the two always agree."""
        if has_probabilities(self):
            result = self._log_probabilities(X)
        else:
            result = self._scores(X)
            # Subtract the mean of each row. A calibration that is fitted to one column needs rows with a common offset.
            seen = np.isfinite(self.class_log_constants_)
            result -= result[:, seen].mean(axis=1, keepdims=True)
        if result.shape[1] == 2:
            result = result[:, 1] - result[:, 0]
        if np.isfinite(getattr(self, "class_log_constants_", 0.0)).all():  # -inf tells of a class without rows alone
            largest = np.finfo(X.dtype).max
            np.clip(result, -largest, largest, out=result)
        with np.errstate(over="ignore", under="ignore"):
            return result.astype(X.dtype)

    # -- prediction

    def _validate_prediction(self, X):
        """Check X and return it."""
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
            Labels from `classes_`.
        """
        decisions = self._decisions(self._validate_prediction(X))
        return self.classes_[decisions.argmax(axis=1) if decisions.ndim == 2 else (decisions > 0.0).astype(np.intp)]

    def decision_function(self, X: MatrixLike) -> FloatArray:
        """Return the decision function of each class. `predict` takes the class with the largest value.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples,)
            Log-probabilities, in X's dtype. After training by the hinge loss, which gives no probabilities,
            E_j(x) + C_j minus the mean over the classes. With two classes, the second class's value minus the first's.
        """
        return self._decisions(self._validate_prediction(X))

    @available_if(has_probabilities)
    def predict_proba(self, X: MatrixLike) -> FloatArray:
        """Return the probability of each class (ENERGY eq. 45 at `temperature_`).

        Absent after training by the hinge loss.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in X's dtype. They sum to 1.
        """
        X = self._validate_prediction(X)
        with np.errstate(under="ignore"):
            return np.exp(self._log_probabilities(X)).astype(X.dtype)

    @available_if(has_probabilities)
    def predict_log_proba(self, X: MatrixLike) -> FloatArray:
        """Return the logarithm of the probability of each class.

        Absent after training by the hinge loss.

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
        with np.errstate(over="ignore", under="ignore"):  # a tiny temperature gives -inf, the logarithm of 0
            result = self._log_probabilities(X)
            # If the probability is 1 in X's dtype, its logarithm must be 0.
            result[np.exp(result).astype(X.dtype) == 1.0] = 0.0
            return result.astype(X.dtype)

    def score_samples(self, X: MatrixLike) -> FloatArray:
        """Return log sum_j exp(E_j(x) + C_j). Samples that belong to no class have low scores.

        If the energies are log-densities up to a constant, so is this score. That holds best after
        ``method="normalize"``, with ``visible="bernoulli"`` for data in [0, 1]. Fine-tuning ignores any term that is
        the same in all energies, so it may change this score.

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
        total = _log_total(ClassEnergies.from_classifier(self)(X), self.class_log_constants_)
        with np.errstate(over="ignore", under="ignore"):
            return check_overflow(total.astype(X.dtype), X)

    def transform(self, X: MatrixLike) -> FloatArray:
        """Return the energies of all classes. They are not calibrated; ``transform(X) + class_log_constants_`` are.

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
        return ClassEnergies.from_classifier(self)(X)

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
        return class_p_values(ClassEnergies.from_classifier(self)(X), X, self.calibration_energies_)

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
        """Return the names of the columns of `transform`: the name of the estimator, and then of the class.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features. If given, they are checked.

        Returns
        -------
        ndarray of str of shape (n_classes,)
            Names.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}_{each}" for each in self.classes_], dtype=object)


@np.errstate(under="ignore")
def _log_total(scores, constants=0.0):
    """Return log(sum(exp(scores + constants))) of each row, a chunk at a time, because scipy makes six copies."""
    total = np.empty(len(scores))
    for rows, chunk in row_chunks(scores):
        total[rows] = logsumexp(chunk + constants, axis=1)
    return total
