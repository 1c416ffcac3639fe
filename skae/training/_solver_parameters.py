"""Solver parameters: those that all estimators share, and the solver and batches that they describe."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Literal

import numpy as np

from skae._sklearn_compat import Interval, StrOptions
from skae._typing import Array, FloatArray, RandomState, Schedule, Solver
from skae.parameters import Layout
from skae.solvers import LBFGS, SCHEDULES, SGD, UPDATE_RULES, DivergenceError, Stochastic
from skae.training._batches import batches_of, corrupting
from skae.training._early_stopping import ValidationMonitor
from skae.training._ranges import corruption_range
from skae.training._verbose import Printer


def drop_optimizer_state(estimator: SolverParameters) -> None:
    """Drop what `partial_fit` keeps of the optimiser, in place: the next one starts it anew."""
    if getattr(estimator, "_optimizer_state", None) is not None:
        estimator._keep_state()


class SolverParameters:
    """Solver parameters of an estimator: solver, schedule, stopping.

    A class whose constructor leaves out a parameter has the value that stands here.
    """

    solver: Solver = "adam"
    batch_size: int | Literal["auto"] = "auto"
    learning_rate: Schedule = "linear"
    learning_rate_init: float | Literal["auto"] = "auto"
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    max_iter: int | Literal["auto"] = "auto"
    tol: float = 1e-3
    n_iter_no_change: int | Literal["auto"] = "auto"
    early_stopping: bool = False
    validation_fraction: float = 0.1
    shuffle: bool = True
    verbose: int = 0
    random_state: RandomState = None
    n_iter_: int
    loss_: float
    loss_curve_: FloatArray
    validation_loss_curve_: FloatArray | None

    _optimizer_state: dict[str, Array] | None
    _random_stream: tuple[int, int] | None
    _columns_first: bool = False  # how the vectors in _optimizer_state are laid out
    #: For ``max_iter="auto"``: how many updates by adam are enough, the smallest and the largest number of epochs, and
    #: the number of epochs by sgd and iterations of L-BFGS.
    _enough_updates, _fewest_epochs, _most_epochs, _other_epochs = 6000, 10, 100, 200

    _parameter_constraints: dict = {
        "solver": [StrOptions({*UPDATE_RULES, "lbfgs"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "shuffle": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def _training_batches(self, X, sample_weight, rows, route, noise_seed=None, **options):
        """Return the batches of a fit, on a `Route`.

        L-BFGS needs the same objective in every iteration: its batches are large chunks in one order, and `noise_seed`
        fixes their noise.
        """
        options["stay_sparse"] = route.stay_sparse
        if self.solver == "lbfgs":
            return batches_of(X, sample_weight, rows, route.chunk_size, False, noise_seed=noise_seed, **options)
        return batches_of(X, sample_weight, rows, route.batch_size, self.shuffle, **options)

    def _corrupted_batches(self, X, sample_weight, rows, route, rng, corruption, range_rows=None, **options):
        """Return batches of a fit, on a `Route`, with a `skae.corruption.Corruption` (or None) of the input.

        `range_rows` are the rows whose range the corruption may use. None takes all rows of X.
        """
        noise_seed = int(rng.integers(2**63)) if self.solver == "lbfgs" else None
        options["corruption"] = corrupting(corruption, corruption_range(corruption, X, range_rows))
        return self._training_batches(X, sample_weight, rows, route, noise_seed, **options)

    def _continued_state(self, layout):
        """Return the state of the optimiser for `partial_fit` to continue from, laid out as in `layout`, or None."""
        state = getattr(self, "_optimizer_state", None)
        if state is None or self._columns_first == layout.columns_first:
            return state
        given = Layout(**layout.shapes) if layout.columns_first else layout.by_columns()
        vectors = {name for name, array in state.items() if array.shape == (layout.size,)}
        return {name: layout.rearranged(array, given) if name in vectors else array for name, array in state.items()}

    def _keep_state(self, state=None, layout=None):
        """Keep the state of the optimiser, laid out as in `layout`, for `_continued_state`. None keeps no state.

        Raises
        ------
        DivergenceError
            If the state is not finite: no later call would learn anything.
        """
        for array in (state or {}).values():
            if not np.isfinite(array).all():
                raise DivergenceError(
                    f"training diverged: the squares of the gradients overflow {array.dtype}; use a lower "
                    "learning_rate_init, bring the features to a common scale near 1 (StandardScaler, PCAWhitener), or "
                    "pass float64"
                )
        self._optimizer_state = state
        vars(self).pop("_columns_first", None)
        if layout is not None and layout.columns_first:
            self._columns_first = True

    def _least_updates(self):
        """Return a number of updates. With fewer, adam makes more epochs than are enough for many rows."""
        return 900

    def _n_epochs(self, n_batches):
        """Return `max_iter` as a number, for epochs of `n_batches` batches."""
        if self.max_iter != "auto":
            return self.max_iter
        if self.solver != "adam":
            return self._other_epochs
        most = min(max(math.ceil(self._least_updates() / n_batches), self._most_epochs), self._other_epochs)
        return min(max(math.ceil(self._enough_updates / n_batches), self._fewest_epochs), most)

    def _solver(self, n_batches, max_iter=None, schedule=None):
        """Return the solver that the parameters describe, for epochs of `n_batches` batches."""
        options = {
            "max_iter": self._n_epochs(n_batches) if max_iter is None else max_iter,
            "tol": 0.0 if self.early_stopping else float(self.tol),
            "n_iter_no_change": None if self.n_iter_no_change == "auto" else self.n_iter_no_change,
        }
        if self.solver == "lbfgs":
            return LBFGS(**options)
        rule = (
            SGD(momentum=float(self.momentum), nesterov=bool(self.nesterovs_momentum))
            if self.solver == "sgd"
            else UPDATE_RULES[self.solver]()
        )
        schedule = schedule or self.learning_rate
        automatic = self.learning_rate_init == "auto"
        rate = self._automatic_rate(schedule, n_batches) if automatic else float(self.learning_rate_init)
        return Stochastic(rule, schedule=schedule, learning_rate=rate, may_restart=automatic, **options)

    def _automatic_rate(self, schedule, n_batches):
        """Return the rate for ``learning_rate_init="auto"``; None leaves it to the update rule."""
        return 1e-2 if (self.solver, schedule) == ("adam", "linear") else None

    def _monitor(self, objective, validation, rng, n_batches):
        """Return the monitor of the loss on the batches `validation`, or None without them.

        `n_batches` is the number of training batches in an epoch.
        """
        if validation is None:
            return None
        return ValidationMonitor(
            objective, validation, rng, float(self.tol), self._solver(n_batches).patience(n_batches)
        )

    def _on_epoch(self, monitor, stage, active=None, n_before=0):
        """Return the function that is called after each epoch. It returns whether to stop.

        `active` returns the share of active codes, for the line that `verbose` prints. `n_before` is the number of
        epochs of earlier calls.
        """
        printer = Printer(f"[{type(self).__name__}]{stage}", monitor, active, n_before) if self.verbose else None

        def on_epoch(epoch):
            stop = monitor is not None and monitor(epoch)
            if printer is not None:
                printer(epoch)
            return stop

        return on_epoch
