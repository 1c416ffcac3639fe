"""What a fitted class-specific classifier computes; it reads the public fitted attributes only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import DTYPES, _check_feature_names_in, available_if, validate_data
from skae._typing import Array, FloatArray, MatrixLike
from skae.autoencoders import AutoencoderPrediction, BaseAutoencoder
from skae.classifier._autoencoders import constraint_of
from skae.objectives import Classification, FactoredClassification
from skae.parameters import Layout
from skae.training import row_blocks, value_range


def has_probabilities(classifier):
    """Whether the scores are log-odds."""
    return classifier.loss == "log_loss" or classifier.method != "finetune"


class ClassPrediction(ClassifierMixin, TransformerMixin):
    """Energies, probabilities and classes, a block of rows at a time."""

    classes_: Array
    estimators_: list[BaseAutoencoder]
    class_log_constants_: FloatArray
    temperature_: float
    class_median_energies_: FloatArray
    factors_: FloatArray | None
    factor_hidden_weights_: FloatArray | None
    class_factor_weights_: FloatArray | None
    energy_classifier_: Pipeline  # absent but for method="energies"
    n_features_in_: int
    feature_names_in_: Array  # absent where X had no names

    # -- the model

    def _model(self, dtype, constants=0.0, chosen=None, train=False):
        """Return the objective of the supervised phase and its parameters, read from the public attributes.

        `constants` are those of the classes `chosen`, all if None. Hidden biases that follow from the weights are read
        too, but where `train` is true.
        """
        estimators = self.estimators_ if chosen is None else [self.estimators_[j] for j in chosen]
        first, shared, objective_class = estimators[0], {}, Classification
        own = {"W": "components_", "b": "intercept_hidden_", "c": "intercept_visible_"}
        if not first.hidden_bias or (train and first._activation().derived_bias):
            del own["b"]
        if self.factors_ is not None:
            del own["W"]
            shared = {"P": self.factors_, "Q": self.factor_hidden_weights_, "f": self.class_factor_weights_}
            objective_class = FactoredClassification
        shapes = {name: block.shape for name, block in shared.items()}
        shapes.update((name, (len(estimators), *getattr(first, each).shape)) for name, each in own.items())
        layout = Layout(**shapes, C=(len(estimators),))
        theta = np.empty(layout.size, dtype=dtype)
        for name, view in layout.views(theta).items():
            if name in own:
                for j, each in enumerate(estimators):
                    view[j] = getattr(each, own[name])
            else:
                view[...] = shared.get(name, constants)
        objective = objective_class(
            layout,
            [each._activation() for each in estimators],
            visible=first.visible,
            loss=self.loss,
            l2=self.l2,
            constraint=constraint_of(first),
        )
        return objective, theta

    def _energies(self, X, relative=False):
        """E_j(x), shape (n, K), in X's dtype; where `relative`, less what is the same for all classes."""
        objective, theta = self._model(X.dtype)
        nothing = np.zeros(X.shape[1], dtype=X.dtype)
        out = np.empty((X.shape[0], len(self.estimators_)), dtype=X.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for rows, block in row_blocks(X, len(self.estimators_) * len(self.estimators_[0].components_)):
                out[rows] = objective.scores(theta, block)
                if not relative:
                    out[rows] += objective.visible.potential(block, nothing)[:, None]
        return _finite(out, X)

    def _linear_scores(self, E):
        """What the linear classifier makes of the energies, shape (n, K)."""
        scores = self.energy_classifier_.decision_function(E)
        return np.stack([np.zeros_like(scores), scores], axis=1) if scores.ndim == 1 else scores

    def _scores(self, X):
        """E_j(x) + C_j less what is the same for all classes, or the linear classifier's scores; (n, K), float64."""
        if hasattr(self, "energy_classifier_"):
            return self._linear_scores(self._energies(X).astype(np.float64))
        return self._energies(X, relative=True).astype(np.float64) + self.class_log_constants_

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
            result -= result[:, self._seen()].mean(axis=1, keepdims=True)
        if result.shape[1] == 2:
            result = result[:, 1] - result[:, 0]
        with np.errstate(over="ignore"):
            return result.astype(X.dtype)

    def _seen(self):
        """The classes that have had rows."""
        return np.flatnonzero(np.isfinite(self.class_log_constants_))

    # -- prediction

    def _validate_prediction(self, X):
        """Return X, checked."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=DTYPES)
        if self.estimators_[0].visible == "bernoulli":
            self.estimators_[0]._check_range(*value_range(X))
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
        return logsumexp(self._energies(X) + self.class_log_constants_, axis=1).astype(X.dtype)

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
        return self._energies(self._validate_prediction(X))

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


def _finite(result, X):
    """Return the result, or refuse one that overflowed."""
    if not np.isfinite(result.sum()) and not np.isfinite(result).all():
        raise ValueError(AutoencoderPrediction._overflow(X))
    return result
