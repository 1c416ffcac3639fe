"""Callbacks that end a fit early. They need scikit-learn 1.9 or newer, and go to ``estimator.set_callbacks``.

=============== ================================= ====================================================================
name            ends                              set it on
=============== ================================= ====================================================================
`EarlyStopping` a loss that no longer falls       the estimator that has the loss, also inside a Pipeline or a search
`TimeLimit`     a fit that has taken long enough  the outermost estimator
=============== ================================= ====================================================================

`EarlyStopping` has the name that Keras, Lightning and skorch give it; `TimeLimit` has that of PyTorch Ignite. A fit
that a callback has ended is complete: the estimator has all its attributes, and no warning says that `max_iter` was too
small.

A callback asks to stop at the end of an epoch, and the estimator may obey. All estimators of skae do. Those of
scikit-learn 1.9 that report to callbacks go on (LogisticRegression, Pipeline, the searches). One instance serves any
number of fits, one after the other or at the same time, in threads and in processes.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import MutableMapping
from numbers import Integral, Real
from typing import Any, ClassVar, Literal
from weakref import WeakKeyDictionary

from skae._sklearn_compat import Interval, StrOptions, check_callback_support, validate_parameter_constraints
from skae.solvers import Plateau
from skae.training import warn

__all__ = ["EarlyStopping", "TimeLimit"]


@dataclasses.dataclass(eq=False)  # scikit-learn tells callbacks apart by ==
class EarlyStopping:
    """End a fit on a plateau: when a loss has fallen by less than `tol`, relative to itself, over some epochs.

    Estimators have a `tol` and an `n_iter_no_change` of their own, with the same meaning, for one loss. This callback
    is a second rule: with ``early_stopping=True``, it can watch the training loss too, or be stricter on held-out rows.

    Set it on the estimator that has the loss, also if that is a step of a Pipeline or inside a search. On a
    `ClassSpecificAEClassifier` it watches the fine-tuning. On the classifier's `estimator` it watches the training of
    each class. It ends one loop of epochs. In a `SaturatingAutoencoder` that is a stage, and the next stage follows.

    Parameters
    ----------
    monitor : {"loss", "validation_loss"}, default="loss"
        The loss to watch. "loss" is `loss_` on the training rows. "validation_loss" is the loss on held-out rows, the
        last of `validation_loss_curve_`; it needs an estimator with ``early_stopping=True``, which then also keeps the
        parameters that are best on these rows.

    tol : float, default=1e-3
        Smallest relative fall that counts, > 0. Smaller falls add up over the epochs.

    n_iter_no_change : int, default=10
        Number of epochs in a row without such a fall.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.
    ValueError
        If a parameter is invalid. In a fit, if the estimator does not report the loss.

    See Also
    --------
    TimeLimit : End a fit after a time.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.callbacks import EarlyStopping
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(16, max_iter=200, tol=0, random_state=0)
    >>> stopped = autoencoder.set_callbacks(EarlyStopping(tol=0.05, n_iter_no_change=3)).fit(X)
    >>> stopped.n_iter_ < 200
    True
    """

    monitor: Literal["loss", "validation_loss"] = "loss"
    tol: float = 1e-3
    n_iter_no_change: int = 10
    #: The test for a plateau in each loop of epochs, by the task that the epochs belong to.
    _plateaus: MutableMapping[Any, Plateau] = dataclasses.field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def __post_init__(self) -> None:
        check_callback_support("EarlyStopping")
        constraints = {
            "monitor": [StrOptions({"loss", "validation_loss"})],
            "tol": [Interval(Real, 0, None, closed="neither")],
            "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        }
        given = {name: getattr(self, name) for name in constraints}
        validate_parameter_constraints(constraints, given, caller_name="EarlyStopping")

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing: a loop of epochs is known from its first epoch on."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing: what is known of a loop goes with its task."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        """Return whether the loss is on a plateau, after an epoch; False after other tasks."""
        if _is_fit(context):
            self._warn_if_useless(estimator, context)
            return False
        if context.max_subtasks != 0 or fitted_estimator is None:
            return False
        if context.parent not in self._plateaus:
            self._plateaus[context.parent] = Plateau(float(self.tol), self.n_iter_no_change)
        return self._plateaus[context.parent].reached(self._loss(fitted_estimator))

    def _loss(self, fitted):
        """Return the loss of an epoch; raise ValueError if the estimator does not report it."""
        if self.monitor == "validation_loss":
            curve = getattr(fitted, "validation_loss_curve_", None)
            loss, need = None if curve is None else curve[-1], "held-out rows (early_stopping=True)"
        else:
            loss, need = getattr(fitted, "loss_", None), "the attribute loss_"
        if loss is None:
            name = type(fitted).__name__
            raise ValueError(
                f"EarlyStopping(monitor={self.monitor!r}) needs an estimator with {need}, got {name} without"
            )
        return float(loss)

    def _warn_if_useless(self, estimator, context):
        """Warn after the fit of an estimator that has no loss, such as a Pipeline or a whitener."""
        if not hasattr(estimator, "loss_"):
            name = type(estimator).__name__
            warn(
                f"EarlyStopping is set on {name}, which has no loss of its own: it has watched nothing; set it on "
                "the estimator that has one"
            )

    def __getstate__(self):
        return {**self.__dict__, "_plateaus": None}  # tasks belong to the process that runs them

    def __setstate__(self, state):
        self.__dict__.update(state, _plateaus=WeakKeyDictionary())


@dataclasses.dataclass(eq=False)
class TimeLimit:
    """End a fit after a time: at the end of the first epoch that ends after `seconds`.

    Set it on the outermost estimator, such as a Pipeline or a GridSearchCV. scikit-learn hands it on to all estimators
    inside, and refuses it there. What has no epochs, such as a whitener or the default model of an
    `EnergyOutlierDetector`, runs to its end. The trial fits of a `ClassSpecificAEClassifier` with
    ``temperature="auto"`` come first and use the time: give a number, or ``early_stopping=True``, for none.

    Parameters
    ----------
    seconds : float
        Time from the beginning of the fit, > 0, by the wall clock. After it, the running epoch is the last one of its
        loop, and each later loop has one epoch. So a search that is over time trains its remaining candidates for one
        epoch each; see `depth`.

    depth : int, default=0
        Which fits have the time. 0 is the outermost one. 1 are the fits inside it, each with a time of its own: each
        candidate of a GridSearchCV, each class of a `ClassSpecificAEClassifier`. 2 are the fits inside these.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.
    ValueError
        If a parameter is invalid.

    See Also
    --------
    EarlyStopping : End a fit on a plateau of the loss.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> from skae.callbacks import TimeLimit
    >>> X = load_digits().data / 16
    >>> autoencoder = ContractiveAutoencoder(16, max_iter=10**9, tol=0, learning_rate="constant", random_state=0)
    >>> autoencoder.set_callbacks(TimeLimit(seconds=0.2)).fit(X).n_iter_ < 10**9
    True
    """

    seconds: float
    depth: int = 0
    max_propagation_depth: ClassVar[None] = None

    def __post_init__(self) -> None:
        check_callback_support("TimeLimit")
        constraints = {
            "seconds": [Interval(Real, 0, None, closed="neither")],
            "depth": [Interval(Integral, 0, None, closed="left")],
        }
        validate_parameter_constraints(constraints, dataclasses.asdict(self), caller_name="TimeLimit")

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing: scikit-learn notes when a task begins."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Return whether the time is over for the loop that the task is a step of."""
        fits, around = [], context.parent
        while around is not None:
            if _is_fit(around):
                fits.append(around)
            around = around.parent
        if len(fits) <= self.depth:
            return False
        # A process that trains a candidate or a class has its own monotonic clock. The time of day is everyone's.
        elapsed = datetime.datetime.now(datetime.UTC) - fits[-1 - self.depth].init_time
        return elapsed.total_seconds() >= self.seconds


def _is_fit(context):
    """Return whether a task is the whole fit of an estimator, the outermost one or one inside it."""
    return context.parent is None or context.source_estimator_name is not None
