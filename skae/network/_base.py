"""FineTunedNetwork: what the fine-tuned classifier and regressor share."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    InvalidParameterError,
    _check_feature_names_in,
    set_random_states,
)
from skae._typing import Array, FloatArray, MatrixLike
from skae._validation import CONTINUED, DTYPES, refuse_other_names, refuse_parameters_of_none, validate_data
from skae._version import VersionedEstimator
from skae.autoencoders import DenoisingAutoencoder
from skae.corruption import Corruption
from skae.network._encoder import Encoder, plain, stays_sparse
from skae.network._finetuning import FineTuning
from skae.network._rows import Rows
from skae.training import (
    SolverParameters,
    Stage,
    begin_fit_task,
    check_overflow,
    checked_weight,
    chunk_rows,
    input_noise,
    seed_of,
)


def default_encoder() -> DenoisingAutoencoder:
    """Return the encoder for ``encoder=None``: of four, nearly the best on most sets of `benchmarks/networks.py`."""
    return DenoisingAutoencoder(256, activation="relu")


def can_continue(estimator: Any) -> bool:
    """Return whether the solver has steps that `partial_fit` can continue."""
    return estimator.solver != "lbfgs"


class FineTunedNetwork(CallbackSupportMixin, SolverParameters, TransformerMixin, VersionedEstimator):
    """Base class of the networks that start from autoencoders.

    A subclass has an ``__init__`` with its parameters. It defines `_checked_target`, `_outputs`, `_hold_out` and
    `_supervised`.
    """

    encoder: Any
    encoder_: Any
    coef_: FloatArray
    intercept_: FloatArray
    loss: str
    prefit: bool
    dropout: float | ArrayLike
    noise: str | Corruption | None
    noise_level: float
    l2: float
    max_norm: float | None
    warm_start: bool
    n_features_in_: int

    _enough_updates, _fewest_epochs, _most_epochs, _other_epochs = 3000, 10, 60, 100

    _parameter_constraints: dict = {
        "encoder": [HasMethods(["fit", "transform"]), None],
        "prefit": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "noise": [str, Corruption, None],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        **SolverParameters._parameter_constraints,
        "warm_start": ["boolean"],
    }

    def set_params(self, **params: Any) -> Self:
        """Set parameters. ``encoder__name`` sets a parameter of the encoder.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The estimator.
        """
        example = f"{type(self).__name__}(ContractiveAutoencoder())"
        refuse_parameters_of_none(self, params, "autoencoder", example, "encoder")
        return super().set_params(**params)

    # -- what subclasses define

    def _checked_target(self, y, dtype, reset, partial):
        """Return the target of training, an entry for each row; with `reset`, set the attributes that follow from y."""
        raise NotImplementedError

    def _outputs(self):
        """Return a list of what the scores stand for, [] before a fit."""
        raise NotImplementedError

    def _hold_out(self, target, rng):
        """Return the rows to train on, and those to hold out for early stopping."""
        raise NotImplementedError

    def _supervised(self, target, weight):
        """Return the weights of the rows in training with labels, or None."""
        return weight

    def _poor_fit(self, rows, data_loss):
        """Return the problem of scores that say nothing, in a list; `data_loss` is the loss without weight decay."""
        return []

    # -- training

    def _learn(self, X, y, sample_weight, partial):
        """Set all fitted attributes by a fit, or by one more pass (`partial`); return the problems.

        Each problem is the arguments of `warn`.
        """
        fitted = hasattr(self, "encoder_")
        continued = fitted and (partial or self.warm_start)
        given, outputs, names = (X, y, sample_weight), self._outputs(), getattr(self, "feature_names_in_", None)
        X, y, target, weight = self._validate_rows(*given, reset=not (partial and fitted), partial=partial)
        if continued:
            refuse_other_names(names, getattr(self, "feature_names_in_", None), "the network", CONTINUED)
        input_noise(self)  # raises an error for invalid noise
        supervised = self._supervised(target, weight)
        rng, stream = self._generator(partial)
        index, held_out = (None, None) if partial else self._split(target, supervised, rng)
        encoder = self._initial_encoder(continued, rng)
        n_phases = 1 if self.prefit or continued else 2
        options = {"task_name": "partial-fit"} if partial else {}
        task = begin_fit_task(self, *given, inner=self.encoder, max_subtasks=n_phases, **options)
        if n_phases == 1:
            inputs, problems = encoder.inputs(X), []
        else:
            phase = task.subtask("autoencoders", max_subtasks=len(encoder.layers)).begin()
            inputs, problems = encoder.fit(X, y, weight, phase)
            phase.end()
        rows, dropout = Rows(inputs, target, supervised, index), self._dropout(len(encoder.layers))
        tuning = FineTuning(self, encoder, dropout, rows, len(self._outputs()), rng)
        if continued and outputs == self._outputs():
            tuning.set_output(self.coef_, self.intercept_)
        else:
            tuning.fit_output()
        batches = tuning.noisy_batches(index)
        problems += self._finetune(tuning, batches, held_out, partial, task)
        self._random_stream = (stream[0], stream[1] + len(batches)) if partial else None
        task.end(dict)
        return problems

    def _finetune(self, tuning, batches, held_out, partial, task):
        """Set all fitted attributes by fine-tuning; return the problems. `held_out` are rows, or None."""
        objective, monitor = tuning.objective, tuning.monitor(held_out, len(batches))
        before = tuning.loss(tuning.theta)
        curve = self.loss_curve_ if partial and hasattr(self, "encoder_") else np.empty(0)
        stage = self._stage(tuning, len(batches), monitor, len(curve), partial)
        phase = task.subtask("fine-tuning", max_subtasks=stage.solver.max_iter).begin()
        state = self._continued_state(objective.layout) if partial else None
        trained = tuning.minimize(stage, batches, task=phase, state=state)
        phase.end()
        after, problems = tuning.loss(trained.theta), []
        if not partial and after > before + 1e-3 * abs(before):
            problems = [self._raised(before, after)]
        elif not partial:
            problems = self._poor_fit(tuning.rows, trained.data_loss)
        (result,) = trained.results
        for name, value in self._attributes(tuning.encoder, objective, trained.theta).items():
            setattr(self, name, value)
        self.loss_curve_ = np.append(curve, result.loss_curve)
        self.loss_, self.n_iter_ = trained.loss, len(self.loss_curve_)
        self.validation_loss_curve_ = None if monitor is None else np.array(monitor.curve)
        self._keep_state(*(result.state, objective.layout) if partial else ())
        return problems

    def _split(self, target, supervised, rng):
        """Return the rows to train on and those held out for early stopping, or None for all and None."""
        if not self.early_stopping:
            return None, None
        train_rows, held_out = self._hold_out(target, rng)
        for rows, purpose in ((train_rows, "train on"), (held_out, "hold out")):
            if supervised is not None and not supervised[rows].any():
                raise ValueError(f"class_weight must be positive for some class with rows to {purpose}")
        return train_rows, held_out

    def _generator(self, partial):
        """Return a generator of random numbers, and the seed and the number of updates that it comes from."""
        stream = (partial and getattr(self, "_random_stream", None)) or (seed_of(self.random_state), 0)
        return np.random.default_rng(list(stream) if partial else stream[0]), stream

    def _stage(self, tuning, n_batches, monitor, n_before, partial):
        """Return the stage of fine-tuning."""
        options = {"max_iter": 1, "schedule": "constant"} if partial else {}

        def attributes(epoch, losses, validation_losses):
            return self._attributes(tuning.encoder.copy(), tuning.objective, epoch.theta) | {
                "n_iter_": len(losses),
                "loss_": epoch.loss,
                "loss_curve_": np.array(losses),
                "validation_loss_curve_": None if validation_losses is None else np.array(validation_losses),
            }

        on_epoch = self._on_epoch(monitor, "", tuning.active_share() if self.verbose else None, n_before)
        return Stage(tuning.objective, self._solver(n_batches, **options), monitor, on_epoch, attributes)

    def _validate_rows(self, X, y, sample_weight, reset, partial):
        """Check the rows; return those of positive weight, with their y, their targets and their weights (or None)."""
        dtype = DTYPES if reset else np.result_type(self.coef_, np.float32)
        X, y = self._validated(X, y, reset, dtype)
        weight, index = checked_weight(X, sample_weight)
        if index is not None:
            X, y, weight = X[index], np.asarray(y)[index], weight[index]
        return X, y, self._checked_target(y, X.dtype, reset, partial), weight

    def _validated(self, X, y, reset, dtype):
        """Return X and y, checked."""
        return validate_data(self, X, y, reset=reset, accept_sparse="csr", dtype=dtype)

    def _initial_encoder(self, continued, rng):
        """Return the encoder, which may be changed. It is fitted if it is continued or ``prefit=True``."""
        if continued:
            encoder = Encoder(self.encoder_).copy()
        elif self.prefit:
            if self.encoder is None:
                raise InvalidParameterError("prefit=True takes a fitted encoder, and encoder is None; give one")
            encoder = Encoder.prefit(self.encoder)
            encoder.check_names(self)
        else:
            encoder = Encoder.cloned(default_encoder() if self.encoder is None else self.encoder)
            if self.random_state is not None or self.encoder is None:
                set_random_states(encoder.estimator, int(rng.integers(2**31)))
        self._dropout(len(encoder.layers))  # raises an error before the long part
        return encoder

    def _refuse_early_stopping(self):
        """Raise ValueError if `partial_fit` is to stop early."""
        if self.early_stopping:
            raise ValueError("partial_fit sees no validation set: early_stopping must be False, got True")

    def _dropout(self, n_layers):
        """Return the dropout of each layer; raise InvalidParameterError if it is none."""
        try:
            shares = np.asarray(self.dropout, dtype=float)
        except (TypeError, ValueError):
            shares = np.array([np.nan])
        shares = np.full(n_layers, shares) if shares.ndim == 0 else shares
        if shares.shape != (n_layers,) or not ((shares >= 0.0) & (shares < 1.0)).all():
            raise InvalidParameterError(
                f"dropout must be a number in [0, 1), or one for each of the {n_layers} layers, got {self.dropout!r}"
            )
        return shares.tolist()

    def _attributes(self, encoder, objective, theta):
        """Return the fitted attributes at `theta`. The layers of the encoder are changed."""
        encoder.set_blocks(objective.layout, theta)
        blocks = objective.layout.views(theta)
        return {"encoder_": encoder.estimator, "coef_": blocks["O"].copy(), "intercept_": blocks["o"].copy()}

    def _raised(self, before, after):
        """Return the problem of a loss that fine-tuning has raised."""
        rate = "" if self.solver == "lbfgs" else "learning_rate_init or "
        text = (
            f"{type(self).__name__}: fine-tuning has raised the loss, from {before:.4g} to {after:.4g}, with "
            f"solver={self.solver!r}; bring the features to a common scale near 1 (StandardScaler, PCAWhitener), use a "
            f"lower {rate}dropout, or train longer"
        )
        return text, ConvergenceWarning

    def _automatic_rate(self, schedule, n_batches):
        """Return Adam's rate, lower than that of autoencoders, because these are trained already. None: a search."""
        return 2e-3 if self.solver == "adam" else None

    # -- prediction

    def _validate_prediction(self, X):
        """Check X and return it."""
        check_is_fitted(self)
        return validate_data(self, X, reset=False, accept_sparse="csr", dtype=DTYPES)

    def _by_chunks(self, X, function, shape):
        """Return function(codes) for all rows, in X's dtype; raise ValueError if a result overflows."""
        encoder = Encoder(self.encoder_)
        out = np.empty(shape, dtype=X.dtype)
        size = 4096 if stays_sparse(X) else chunk_rows(max(X.shape[1], *encoder.sizes))
        for start in range(0, X.shape[0], size):
            rows = slice(start, start + size)
            chunk = X[rows]
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                result = function(encoder.codes(encoder.inputs(plain(chunk))))
                out[rows] = check_overflow(result, chunk)
        return out

    def _scores(self, X):
        """Return the scores (n, K) of checked rows, in X's dtype."""
        with np.errstate(over="ignore", under="ignore"):  # a result that overflows is found below
            coef, intercept = self.coef_.astype(X.dtype, copy=False), self.intercept_.astype(X.dtype, copy=False)
        return self._by_chunks(X, lambda codes: codes @ coef.T + intercept, (X.shape[0], len(coef)))

    def transform(self, X: MatrixLike) -> FloatArray:
        """Return the code of the last layer: ``encoder_.transform(X)``.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The code, in X's dtype.
        """
        X = self._validate_prediction(X)
        return self._by_chunks(X, lambda codes: codes, (X.shape[0], self.coef_.shape[1]))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the columns of `transform`: the name of the class, and a number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features. If given, they are checked.

        Returns
        -------
        ndarray of str of shape (n_components,)
            Names.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{k}" for k in range(self.coef_.shape[1])], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        known = hasattr(self.encoder, "__sklearn_tags__") and not isinstance(self.encoder, type)
        tags.input_tags.sparse = not known or get_tags(self.encoder).input_tags.sparse
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
