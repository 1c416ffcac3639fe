"""BaseAutoencoder: what all autoencoders share in training."""

from __future__ import annotations

import functools
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from skae._documentation import documented
from skae._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    InvalidParameterError,
    StrOptions,
    _fit_context,
    available_if,
    with_callbacks,
)
from skae._typing import Init, MatrixLike, WeightConstraint
from skae._validation import CONTINUED, DTYPES, refuse_other_names, validate_data
from skae._version import VersionedEstimator
from skae.activations import Activation
from skae.autoencoders._learning_rate import LARGEST_FACTOR, rate_factor
from skae.autoencoders._prediction import AutoencoderPrediction
from skae.autoencoders._start import Start, fresh_parameters, packed_parameters
from skae.objectives import Reconstruction, for_sparse_rows
from skae.parameters import INITIALIZATIONS, Layout, MaxNorm, UnitNorm
from skae.penalties import L2
from skae.training import (
    SolverParameters,
    Stage,
    active_share,
    batches_of,
    begin_fit_task,
    cheapest_route,
    check_values,
    checked_weight,
    convergence_problem,
    corrupting,
    corruption_range,
    dead_units,
    dense_route,
    feature_errors,
    final_losses,
    largest_value,
    merge_moments,
    moments,
    on_plateau,
    over_rows,
    seed_of,
    split_rows,
    train,
    unchanged_on_error,
    warn,
)
from skae.visible import VISIBLE

# The automatic rate suits fits of this many epochs. With fewer it is larger, in proportion, but at most by this factor,
# and at most by the number of batches in an epoch over the last number: few rows would be fitted too closely.
_EPOCHS, _LARGEST_GROWTH, _FEW_BATCHES = 200, 3.0, 6


def _can_continue(estimator):
    """Return whether the solver has steps that `partial_fit` can continue."""
    return estimator.solver != "lbfgs"


def _final(batches, route):
    """Return the batches for the loss over all rows. Of sparse rows, larger ones are cheaper; noise depends on them."""
    return batches.in_batches_of(route.chunk_size) if route.stay_sparse and batches.corruption is None else batches


@documented
class BaseAutoencoder(CallbackSupportMixin, SolverParameters, AutoencoderPrediction, VersionedEstimator):
    """Base class of the autoencoders; see `skae.objectives.Reconstruction` for the model and its letters.

    A subclass has an ``__init__`` with its parameters. It overrides what differs among `_penalty`, `_penalties`,
    `_tied`, `_training_activation`, `_corruption`, `_objective_class`, `_data_scale` and `_diagnose`. A parameter that
    the ``__init__`` leaves out has the value that stands here or in the base classes.
    """

    n_components: int
    l2: float = 0.0
    tied_weights: bool | Literal["auto"] = True
    weight_constraint: WeightConstraint | None = "auto"
    max_norm: float = 1.0
    init: Init = "auto"
    warm_start: bool = False
    n_samples_seen_: float

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "activation": [str, Activation],
        "threshold": [Interval(Real, 0, None, closed="left")],
        "hidden_bias": ["boolean"],
        "l2": [Interval(Real, 0, None, closed="left")],
        "tied_weights": ["boolean"],
        "weight_constraint": [StrOptions({"auto", "unit", "max"}), None],
        "max_norm": [Interval(Real, 0, None, closed="neither")],
        "visible": [StrOptions(set(VISIBLE))],
        "encoding": [StrOptions({"natural", "rectified", "rectified_bias", "linear"})],
        "init": [StrOptions({"auto", *INITIALIZATIONS})],
        **SolverParameters._parameter_constraints,
        "warm_start": ["boolean"],
    }

    # -- what subclasses override

    def _penalty(self):
        """Return the penalty of the class, or None."""
        return

    def _penalties(self):
        """Return the penalty of each stage of a fit. A stage starts where the one before it has ended."""
        return [self._penalty()]

    def _tied(self):
        """Return whether decoder and encoder share their weights."""
        return bool(self.tied_weights)

    def _corruption(self):
        """Return the `skae.corruption.Corruption` of the input in training, or None."""
        return

    def _objective_class(self):
        """Return a callable that makes the objective, with the signature of `Reconstruction` without `visible`."""
        return functools.partial(Reconstruction, visible=self.visible)

    def _training_activation(self):
        """Return the hidden units in training, where the data are divided by `_data_scale`."""
        return self._activation()

    def _data_scale(self):
        """Return the number that training divides the data by. No parameter but c may depend on it."""
        return 1.0

    def _diagnose(self, objective, theta, batches, rng, partial=False):
        """Set further fitted attributes; return a problem of the fit as the arguments of `warn`, or None.

        `partial` says that the fit is a `partial_fit`, whose rows may be few.
        """
        if partial or not objective.activation.derived_bias:
            return None
        n_dead = int(dead_units(objective, theta, batches, rng).sum())
        if not n_dead:
            return None
        return (
            f"{type(self).__name__}: {n_dead} of {self.n_components} units win no training row; use fewer units, "
            "init='data', or features of a common scale near 1",
            UserWarning,
        )

    # -- fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the autoencoder.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data, at least two rows. float32 and float64 keep their type. Sparse rows stay sparse where that is
            faster, or are made dense one batch at a time.
        y : Ignored
            Present for API consistency. It is passed on to callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the parameters are invalid, or training diverges. The estimator then stays as before.
        """
        with unchanged_on_error(self):
            for problem in self._fit(X, sample_weight, y):
                warn(*problem)
        return self

    @with_callbacks
    def _fit(self, X, sample_weight, y=None):
        """Set all fitted attributes; return the problems of the fit, each as the arguments of `warn`."""
        start = self._start(X, sample_weight)
        objective, batches, rng = start.objectives[-1], start.batches, start.rng
        n_stages = len(start.objectives)
        max_subtasks = self._n_epochs(len(batches)) if n_stages == 1 else n_stages
        task = begin_fit_task(self, X, y, sample_weight, max_subtasks=max_subtasks)
        trained = train(
            objective,
            self._stages(start),
            start.theta,
            batches,
            rng,
            multiplications=batches.rows_per_batch * start.X.shape[1] * self.n_components,
            task=task,
            final_batches=start.final_batches,
            overwrite_theta=True,
        )
        results, scale = trained.results, self._scale
        curve = scale**2 * np.concatenate([result.loss_curve for result in results])
        problems = self._end(objective, trained.theta, trained.loss, curve, batches, rng)
        if start.validation is not None:
            self.validation_loss_curve_ = scale**2 * np.array(trained.validation_losses)
        task.end(dict)
        text = convergence_problem(
            self,
            results[-1],
            continued=self.warm_start or len(results) > 1,
            errors=functools.partial(feature_errors, self, batches, scale),
            plateau=functools.partial(on_plateau, objective, trained.theta, batches, self.tol),
            data_loss=scale**2 * trained.data_loss,
            scale=scale,
        )
        return problems if text is None else [*problems, (text, ConvergenceWarning)]

    def _start_only(self, X, sample_weight):
        """Set the fitted attributes as a fit without training; return what `_fit` returns."""
        start = self._start(X, sample_weight)
        objective, theta = start.objectives[-1], start.theta
        loss, _ = final_losses(objective, theta, start.final_batches, start.rng)
        return self._end(objective, theta, loss, np.empty(0), start.batches, start.rng)

    def _start(self, X, sample_weight):
        """Check the rows and set the attributes that are known before training; return the start of the fit."""
        # A file is read once for all checks: its moments tell of values that are not finite.
        read_once = sample_weight is None and isinstance(X, np.ndarray) and X.dtype in DTYPES
        options = {"ensure_all_finite": False} if read_once else {}
        continued, names = self.warm_start and hasattr(self, "components_"), getattr(self, "feature_names_in_", None)
        X, sample_weight, rows = self._validate_training(X, sample_weight, reset=True, ensure_min_samples=2, **options)
        if continued:
            refuse_other_names(names, getattr(self, "feature_names_in_", None), type(self).__name__, CONTINUED)
        fresh = self._checked_moments(X, sample_weight, rows)
        objectives = [self._objective(X.shape[1], penalty) for penalty in self._penalties()]
        route, objectives = over_rows(X, *self._route(X, objectives), self.batch_size == "auto")
        self.n_samples_seen_, self.mean_, self.var_ = fresh
        self._scale = self._data_scale()
        self._range = corruption_range(self._corruption(), X, rows)
        rng = np.random.default_rng(seed_of(self.random_state))
        batches, validation = self._split(X, sample_weight, rows, route, rng, objectives[-1].uses_seed)
        theta = self._initial(objectives[-1], batches, X.dtype, rng, continued)
        self._keep_state()
        self._random_stream = None
        self._n_rows_seen = X.shape[0] if rows is None else len(rows)
        return Start(X, sample_weight, objectives, theta, batches, _final(batches, route), validation, rng)

    def _end(self, objective, theta, loss, loss_curve, batches, rng, partial=False):
        """Set the fitted attributes; return the problems of the fit, each as the arguments of `warn`."""
        vars(self).pop("intercept_hidden_", None)  # an earlier fit may have had a hidden bias, and this one none
        vars(self).update(self._fitted_parameters(objective, theta))
        self.loss_ = self._scale**2 * loss
        self.loss_curve_, self.validation_loss_curve_, self.n_iter_ = loss_curve, None, len(loss_curve)
        problem = self._diagnose(objective, theta, batches, rng, partial)
        return [] if problem is None else [problem]

    def _stages(self, start):
        """Yield one stage for each objective. The last one gets half of `max_iter`, and the others share the rest."""
        batches, n_stages = start.batches, len(start.objectives)
        n_epochs = self._n_epochs(len(batches))
        brief = max(n_epochs // (2 * n_stages - 2), 1) if n_stages > 1 else 0
        for number, objective in enumerate(start.objectives, 1):
            max_iter = brief if number < n_stages else n_epochs - brief * (n_stages - 1)
            monitor = self._monitor(objective, start.validation, start.rng, len(batches))
            active = active_share(objective, batches, batches.X.dtype) if self.verbose else None
            on_epoch = self._on_epoch(monitor, f" stage {number} of {n_stages}," if n_stages > 1 else "", active)
            attributes = functools.partial(self._attributes_after, objective)
            task_name = "stage" if n_stages > 1 else None
            yield Stage(
                objective, self._solver(len(batches), max_iter=max_iter), monitor, on_epoch, attributes, task_name
            )

    @available_if(_can_continue)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: MatrixLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Continue with one pass over X, in batches, at a constant learning rate.

        Calls share the optimiser's state and the random stream. The first call starts from X as `fit` does.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Some rows.
        y : Ignored
            Present for API consistency. It is passed on to callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The estimator.
        """
        self._validate_params()  # scikit-learn skips this if the estimator is fitted
        if self.early_stopping:
            raise ValueError("partial_fit sees no validation set: early_stopping must be False, got True")
        with unchanged_on_error(self):
            for problem in self._partial_fit(X, sample_weight, y):
                warn(*problem)
        return self

    @with_callbacks
    def _partial_fit(self, given, given_weight, y):
        """Set all fitted attributes after one more pass; return its problems, each as the arguments of `warn`."""
        first = not hasattr(self, "components_")
        scale_unknown = first or not self.var_.any()
        X, sample_weight, rows = self._validate_training(given, given_weight, reset=first)
        fresh = self._checked_moments(X, sample_weight, rows)
        route, (objective,) = self._route(X, [self._objective(X.shape[1], self._penalty())])
        seen = fresh if first else merge_moments((self.n_samples_seen_, self.mean_, self.var_), fresh)
        self.n_samples_seen_, self.mean_, self.var_ = seen
        self._scale = self._data_scale() if scale_unknown else self._scale
        self._range = corruption_range(self._corruption(), X, rows, None if first else self._range)
        self._n_rows_seen = (0 if first else self._n_rows_seen) + (X.shape[0] if rows is None else len(rows))
        seed, n_updates = getattr(self, "_random_stream", None) or (seed_of(self.random_state), 0)
        rng = np.random.default_rng([seed, n_updates])
        options = {"unit_weight": self.n_samples_seen_ / self._n_rows_seen, **self._batch_options()}
        options["seeded"] = objective.uses_seed
        batches = self._training_batches(X, sample_weight, rows, route, **options)
        theta = self._initial(objective, batches, X.dtype, rng, continued=not first)
        task = begin_fit_task(self, given, y, given_weight, task_name="partial-fit")
        active = active_share(objective, batches, X.dtype) if self.verbose else None
        on_epoch = self._on_epoch(None, "", active, n_before=0 if first else self.n_iter_)
        trained = train(
            objective,
            [Stage(objective, self._solver(len(batches), max_iter=1, schedule="constant"), on_epoch=on_epoch)],
            theta,
            batches,
            rng,
            multiplications=batches.rows_per_batch * X.shape[1] * self.n_components,
            state=self._continued_state(objective.layout),
            final_batches=_final(batches, route),
            overwrite_theta=True,
        )
        (result,) = trained.results
        curve = self._scale**2 * result.loss_curve
        curve = curve if first else np.append(self.loss_curve_, curve)
        problems = self._end(objective, trained.theta, trained.loss, curve, batches, rng, partial=True)
        self._keep_state(result.state, objective.layout)
        self._random_stream = seed, n_updates + len(batches)
        task.end(dict)
        return problems

    def _validate_training(self, X, sample_weight, reset, ensure_min_samples=1, **options):
        """Check the training data; return X, the weights, and the rows of positive weight (None for all rows)."""
        dtype = DTYPES if reset else np.result_type(self.components_, np.float32)
        options |= {"accept_sparse": "csr", "dtype": dtype, "ensure_min_samples": ensure_min_samples}
        X = validate_data(self, X, reset=reset, **options)
        sample_weight, rows = checked_weight(X, sample_weight)
        if rows is not None and len(rows) < ensure_min_samples:
            raise ValueError(f"sample_weight leaves 1 sample, while fit needs at least {ensure_min_samples}")
        return X, sample_weight, rows

    def _checked_moments(self, X, sample_weight, rows):
        """Return the moments of the training rows; raise ValueError if their values do not fit the model."""
        fresh = moments(X, sample_weight, rows)
        if not np.isfinite(fresh[1] + fresh[2]).all():
            validate_data(self, X, reset=False, accept_sparse="csr", dtype=X.dtype)  # says so
        smallest = 1.0 if sample_weight is None else sample_weight[sample_weight > 0.0].min()
        check_values(self.visible, X, rows, bound=largest_value(fresh, smallest))
        return fresh

    def _batch_options(self):
        """Return the options of `Batches` that depend on the model."""
        return {"scale": self._scale, "corruption": corrupting(self._corruption(), self._range)}

    def _route(self, X, objectives):
        """Return how training takes the rows X, and the objectives in the form for it."""
        corruption = self._corruption()
        sparse_forms = [for_sparse_rows(objective) for objective in objectives]
        if None in sparse_forms or not (corruption is None or corruption.keeps_zeros):
            return dense_route(self.batch_size, max(X.shape[1], self.n_components)), objectives
        route = cheapest_route(
            X,
            self.n_components,
            self.batch_size,
            n_products=2 if objectives[-1].tied and corruption is None else 4,
            whole=self.solver == "lbfgs",
        )
        return route, sparse_forms if route.stay_sparse else objectives

    def _split(self, X, sample_weight, rows, route, rng, seeded):
        """Return the batches to train on, and those to validate on with early stopping, else None."""
        options = {**self._batch_options(), "seeded": seeded}
        # The noise of validation is fixed too, because its losses are compared.
        noisy = seeded or options["corruption"] is not None
        train_seed, validation_seed = rng.integers(2**63, size=2) if noisy else (None, None)
        if not self.early_stopping:
            return self._training_batches(X, sample_weight, rows, route, train_seed, **options), None
        kept, held_out = split_rows(X.shape[0] if rows is None else rows, self.validation_fraction, rng)
        training = self._training_batches(X, sample_weight, kept, route, train_seed, **options)
        options |= {"noise_seed": validation_seed, "stay_sparse": route.stay_sparse}
        return training, batches_of(X, sample_weight, held_out, route.chunk_size, False, **options)

    def _objective(self, n_features, penalty):
        """Build the objective from the parameters."""
        activation, tied = self._training_activation(), self._tied()
        penalties = [] if penalty is None else [penalty]
        if self.l2 > 0.0:
            penalties.append(L2(alpha=self.l2))
        shapes = {"W": (self.n_components, n_features)}
        if not tied:
            shapes["V"] = shapes["W"]
        if self.hidden_bias and not activation.derived_bias:
            shapes["b"] = (self.n_components,)
        if activation.derived_bias and not self.hidden_bias:
            raise InvalidParameterError(
                f"{type(self).__name__}: the activation {activation.name!r} derives its hidden bias from the weights "
                "and does not work without: it needs hidden_bias=True"
            )
        layout, constraint = Layout(**shapes, c=(n_features,)), self._constraint(tied, penalty)
        options = {"penalties": penalties, "constraint": constraint}
        return self._prefix_errors(self._objective_class(), layout, activation, **options)

    def _least_updates(self):
        """Return a number of updates, as in the base class. Few or small features need larger weights, and so more."""
        return super()._least_updates() * rate_factor(self.mean_, self.var_, self._scale)

    def _automatic_rate(self, schedule, n_batches):
        """Return Adam's rate, or None, which leaves it to the update rule.

        It is larger if the features are few or small, and if the rows are many, so that there are few epochs.
        """
        rate = super()._automatic_rate(schedule, n_batches)
        if rate is None:
            return None
        factor = rate_factor(self.mean_, self.var_, self._scale)
        if self.max_iter == "auto" and self._takes_larger_steps():
            factor *= min(_EPOCHS / self._n_epochs(n_batches), _LARGEST_GROWTH, max(n_batches / _FEW_BATCHES, 1.0))
        rate *= min(factor, LARGEST_FACTOR)
        # Keep three digits, because the last digits of the moments depend on the order of summation.
        return float(f"{rate:.3g}")

    def _takes_larger_steps(self):
        """Return whether fits of fewer epochs may have a larger automatic rate."""
        return True

    def _constraint(self, tied, penalty):
        """Return the constraint on the decoder rows (the encoder's when tied), or None."""
        kind = self.weight_constraint
        if kind == "auto":
            kind = "unit" if not tied and penalty is not None and penalty.scale_free_encoder else None
        if kind is None:
            return None
        block = "W" if tied else "V"
        return UnitNorm(block) if kind == "unit" else MaxNorm(block, float(self.max_norm))

    def _initial(self, objective, batches, dtype, rng, continued):
        """Return the starting parameters: the fitted ones if the fit is `continued`, else fresh ones."""
        if not continued:
            mean = self.mean_ / self._scale
            return fresh_parameters(objective, self.init, self.visible, batches, mean, dtype, rng)
        parts = {"W": self.components_, "V": self.decoder_components_, "c": self.intercept_visible_ / self._scale}
        return packed_parameters(objective, {**parts, "b": getattr(self, "intercept_hidden_", 0.0)}, dtype)

    def _fitted_parameters(self, objective, theta):
        """Return copies of the parameters at `theta`, by the names of the fitted attributes."""
        blocks = {name: view.copy(order="K") for name, view in objective.layout.views(theta).items()}
        b = objective.hidden_bias(blocks)
        hidden = {} if b is None else {"intercept_hidden_": b}
        return {
            "components_": blocks["W"],
            "_untied_decoder": blocks.get("V"),
            **hidden,
            "intercept_visible_": blocks["c"] * self._scale,
        }

    def _attributes_after(self, objective, epoch, losses, validation_losses):
        """Return the fitted attributes after an epoch, given the losses of all epochs so far; see `Stage`."""
        curve, validation_curve = self._scale**2 * np.array(losses), None
        if validation_losses is not None:
            validation_curve = self._scale**2 * np.array(validation_losses)
        progress = {"n_iter_": len(curve), "loss_": float(curve[-1]), "loss_curve_": curve}
        parameters = self._fitted_parameters(objective, epoch.theta)
        return {**parameters, **progress, "validation_loss_curve_": validation_curve}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
