"""ClassSpecificAEClassifier: one autoencoder for each class, calibrated into a classifier."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skae._documentation import documented
from skae._sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _check_partial_fit_first_call,
    _fit_context,
    available_if,
    with_callbacks,
)
from skae._typing import MatrixLike, RandomState, Schedule, Solver
from skae._validation import DTYPES, refuse_parameters_of_none, validate_data
from skae._version import VersionedEstimator
from skae.autoencoders import BaseAutoencoder
from skae.classifier._autoencoders import start_alike, warn_jointly
from skae.classifier._calibration import Calibration
from skae.classifier._conformal import merge, own_energies, split
from skae.classifier._energies import ClassEnergies
from skae.classifier._incremental_learning import learn_classes, learn_more
from skae.classifier._learning import Learnt, learn, n_phases, trial_temperatures
from skae.classifier._prediction import ClassPrediction, has_probabilities
from skae.classifier._rows import LabelledRows, small_split
from skae.classifier._template import template_of
from skae.corruption import Corruption
from skae.objectives import LOSSES
from skae.training import (
    SolverParameters,
    begin_fit_task,
    checked_weight,
    encode_labels,
    hold_out,
    input_noise,
    merge_classes,
    named_classes,
    plain_labels,
    refuse_mixed_labels,
    seed_of,
    supervised_weight,
    unchanged_on_error,
)


def _can_continue(classifier):
    """Return whether the training has steps that `partial_fit` can continue."""
    steps = "lbfgs" not in (classifier.solver, getattr(classifier.estimator, "solver", None))
    return steps and classifier.method != "energies" and classifier.n_factors is None


@documented
class ClassSpecificAEClassifier(CallbackSupportMixin, SolverParameters, ClassPrediction, VersionedEstimator):
    """Generative classifier: the energies of one autoencoder for each class compete (ENERGY section 4).

    ::

        P(y_j | x) = exp((E_j(x) + C_j) / T) / sum_i exp((E_i(x) + C_i) / T)                 (ENERGY eq. 45)

    E_j is the energy of an autoencoder trained on the rows of class j alone (its `score_samples`). C_j stands for its
    unknown normalising constant. The temperature T makes the probabilities as sure as they are right on other rows; the
    paper has no T.

    Such a classifier can say "none of these" (`score_samples`). It can take a new class without training the others
    again (`add_class`). With fine-tuning, it can be as accurate as a discriminative classifier.

    Parameters
    ----------
    estimator : autoencoder, default=None
        Any autoencoder of skae with tied weights. A clone of it is trained for each class. None takes
        ``ContractiveAutoencoder(100)`` (with `n_factors`, ``DenoisingAutoencoder(100)``). For "finetune" it has
        ``alpha=1.0``, and `fit` trains it only briefly: for 200 updates, in 8 to 80 epochs. For a grid search over its
        parameters, such as ``estimator__alpha``, pass an autoencoder.

    method : {"finetune", "normalize", "energies"}, default="finetune"
        The step after the training of the autoencoders. "normalize" fits the constants C alone, by maximum conditional
        likelihood of the classes. That is a convex problem. "energies" does so too, and predicts by a logistic
        regression on the (standardised) energies. "finetune" continues from "normalize", and back-propagates `loss` to
        all parameters.

    loss : {"log_loss", "hinge"}, default="log_loss"
        The loss of fine-tuning: minus the log of eq. 45, or the multi-class hinge loss of Crammer and Singer. The hinge
        loss gives no probabilities.

    l2 : float, default=1e-4
        Strength of l2/2 times the sum of the squared weights in fine-tuning. With "energies", these are the weights of
        the logistic regression.

    pretrain : bool, default=True
        Whether to train the autoencoders on their classes. If not, they keep their random starting parameters.

    n_factors : int or None, default=None
        Number of factors that all classes share (ENERGY 4.1)::

            W_j = Wx diag(w_j) Wh,    u_j = ((x Wx) * w_j) Wh + b_j,    r_j = ((h(u_j) Wh^T) * w_j) Wx^T + c_j

        All classes share Wx (n_features, n_factors) and Wh (n_factors, n_components). Each class has its own w_j, b_j
        and c_j. They are trained together, on all rows. (In the paper, eq. 46 is the pre-activation; 47, 49 and 50 have
        other indices, and 47 lacks h.) Factors need an estimator without penalty: a `DenoisingAutoencoder`, or
        ``ContractiveAutoencoder(alpha=0)``. None gives each class its own weights.

    noise : {"gaussian", "masking", "salt_and_pepper"}, Corruption or None, default=None
        Corruption of the input in fine-tuning. `noise_level` replaces the level of a Corruption.

    noise_level : float, default=0.3
        Level of the noise: the standard deviation, or the share of corrupted inputs.

    temperature : float or "auto", default="auto"
        T of ``P(y_j | x) = softmax_j((E_j + C_j) / T)``. A higher T makes the probabilities less sure. The constants C
        are fitted at T too; if T is too low, they follow the few wrongly classified rows. (For "finetune" with "auto",
        they are fitted at the best T before fine-tuning.)

        "auto" fits T to rows that were not trained on. These are the rows that `early_stopping` holds out. Otherwise,
        with 5000 distinct rows or more, `fit` holds out 250 of them, or 2 % if that is more. Fewer rows are all trained
        on: trial fits hold out fifths of each class in turn, until there are 250 such rows. With 1250 rows or more that
        is one more fit, of four fifths of the rows. With 250 rows or fewer it is five.

        A number is T itself, in [1e-100, 1e100], without trial fits. 1 gives eq. 45 of the paper. With "energies" or
        the hinge loss, T is 1: the logistic regression finds the scale itself, and the hinge loss gives no
        probabilities.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Solver of the fine-tuning. Its parameters follow below, as in the autoencoders. The pretraining takes the
        solver and the parameters of `estimator`.

    batch_size : int or "auto", default="auto"
        Largest number of rows in a batch. "auto" is 100, or more for wide sparse rows.

    learning_rate : {"linear", "constant"}, default="linear"
        Schedule: "linear" rises over the first 5 % of the updates that `max_iter` allows, and then falls to zero.
        `partial_fit` uses a constant rate.

    learning_rate_init : float or "auto", default="auto"
        Largest learning rate. "auto" is 0.01 for sgd, and 0.0005 for adam, but 0.001 with ``estimator=None`` and the
        linear schedule.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    max_iter : int or "auto", default="auto"
        Largest number of epochs of fine-tuning (iterations for lbfgs). "auto" is 30. For adam it is the number of
        epochs that make 1000 updates, if that is lower, but 5 epochs at least.

    tol : float, default=1e-3
        Fine-tuning ends when the loss has fallen by less than `tol`, relative to itself, over `n_iter_no_change`
        epochs. 0 trains for `max_iter` epochs.

    n_iter_no_change : int or "auto", default="auto"
        See `tol`. "auto" is 10 epochs or 1000 updates, whichever is longer. For lbfgs, "auto" is 50 iterations.

    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the rows of each class, also from the pretraining. Fine-tuning then
        applies `tol` to their loss, and returns the parameters that are best on them.

    validation_fraction : float, default=0.1
        Fraction of rows held out with ``early_stopping=True``. Each class keeps at least one row to train on.

    calibration_fraction : float, default=0.0
        Share of the rows of each class, in [0, 1), that `fit` and `add_class` hold out for `p_values` and
        `prediction_sets`: at least one row of each class, and never all. Nothing is trained on these rows; the fit is
        the same as one to the other rows alone. 0 holds out no rows, and there are no p-values. `partial_fit` holds
        out none either, and forgets those of `fit`.

    shuffle : bool, default=True
        Whether to draw a new order of the rows each epoch.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the supervised phase: {label: weight}. "balanced" weights are inversely proportional
        to the numbers of rows.

    n_jobs : int or None, default=None
        Number of processes that train the autoencoders, each on one BLAS thread. None is 1, or the number in
        ``joblib.parallel_config``.

    verbose : int, default=0
        Whether to print a line after each epoch of fine-tuning, and after that of a `partial_fit`: loss, loss on
        held-out rows, share of active codes, seconds.

    random_state : int, RandomState instance or None, default=None
        Seed of the autoencoders, of the split and of fine-tuning. All autoencoders get the same seed, so that the order
        of the classes does not matter. With None, the autoencoders keep the `random_state` of `estimator`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted. The columns of all results are in this order.

    estimators_ : list of autoencoders
        The autoencoder of each class, with the fine-tuned parameters. Their `loss_`, `loss_curve_` and `n_iter_`
        describe the pretraining. With `n_factors`, their `components_` are the products of the factors. Prediction
        reads the factors, not these products.

    class_log_constants_ : ndarray of shape (n_classes,)
        Constants C. They are fitted at `temperature_`, and then by fine-tuning. After `fit` they sum to 0.

    temperature_ : float
        Temperature T. `partial_fit` and `add_class` do not change it. Without a `fit`, it is `temperature` if that is a
        number, else 1.

    class_median_energies_ : ndarray of shape (n_classes,)
        Lower median of E_j + C_j over the training rows of class j. After `partial_fit` or `add_class`, over the rows
        of the last call that had any of class j.

    factors_, factor_hidden_weights_, class_factor_weights_ : ndarray or None
        The transpose of Wx, Wh, and the w_j, of shapes (n_factors, n_features), (n_factors, n_components) and
        (n_classes, n_factors). None without `n_factors`.

    energy_classifier_ : Pipeline
        The logistic regression on the energies. Absent unless ``method="energies"``.

    calibration_energies_ : list of ndarray
        E_j of the held-out rows of each class j, sorted; with ``calibration_fraction > 0``.

    n_iter_ : int
        Number of epochs of fine-tuning. For "energies", iterations of the logistic regression; for "normalize", of the
        last fit of the constants.

    loss_ : float
        Loss at the fitted parameters, over the training rows. After `partial_fit`, over the rows of the last call. For
        "finetune", it is taken at a temperature of 1, and includes the weight decay. `add_class` does not change
        `loss_`, `loss_curve_` and `validation_loss_curve_`.

    loss_curve_ : ndarray of shape (n_iter_,) or None
        Mean loss over the batches of each epoch of fine-tuning. Each batch is evaluated before its own update.

    validation_loss_curve_ : ndarray of shape (n_iter_,) or None
        Loss on the held-out rows after each epoch. None without ``early_stopping=True``.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Absent unless X had names that are all strings.

    See Also
    --------
    EnergyOutlierDetector : Novelty detection without classes.
    sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis : One Gaussian for each class.

    Notes
    -----
    Features should have a common scale near 1. For data in [0, 1], autoencoders with ``visible="bernoulli"`` have
    energies on the scale of log-likelihoods, so ``method="normalize"`` does well. The energies of gaussian units are on
    the scale of squared errors. There fine-tuning finds the scale.

    With tens of thousands of images (MNIST), `noise` in fine-tuning makes the difference. With hundreds of rows a class
    or fewer, fine-tuning can do worse than "normalize" or "energies", and noise makes it worse. Compare the methods by
    a grid search over `method`. With 2 to 20 rows a class of four small data sets, "finetune" was the most accurate on
    average, then "normalize", then "energies", each with exceptions. Logistic regression on the features was as
    good (``benchmarks/few_rows.py``).

    To say "none of these", set a threshold on `score_samples`, such as a low quantile over held-out rows. An empty set
    of `prediction_sets` says so too, with a guarantee.

    If a class has a single row, its autoencoder is trained on two rows of half weight.

    References
    ----------
    .. [1] Kamyshanska H., Memisevic R., "The potential energy of an autoencoder", IEEE TPAMI 37(6), 2015 (ENERGY).
    .. [2] Memisevic R., Zach C., Hinton G., Pollefeys M., "Gated softmax classification", NIPS 2010.
    .. [3] Crammer K., Singer Y., "On the algorithmic implementation of multiclass kernel-based vector machines",
       JMLR 2, 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ClassSpecificAEClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> known = y < 9
    >>> classifier = ClassSpecificAEClassifier(method="normalize", random_state=0)
    >>> classifier.fit(X[:1000][known[:1000]], y[:1000][known[:1000]]).transform(X).shape
    (1797, 9)
    >>> classifier.add_class(X[:1000][~known[:1000]], y[:1000][~known[:1000]]).score(X[1000:], y[1000:]) > 0.9
    True
    """

    _enough_updates, _fewest_epochs, _most_epochs, _other_epochs = 1000, 5, 30, 30

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "method": [StrOptions({"finetune", "normalize", "energies"})],
        "loss": [StrOptions(set(LOSSES))],
        "l2": [Interval(Real, 0, None, closed="left")],
        "pretrain": ["boolean"],
        "n_factors": [Interval(Integral, 1, None, closed="left"), None],
        "noise": [str, Corruption, None],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "temperature": [StrOptions({"auto"}), Interval(Real, 1e-100, 1e100, closed="both")],  # its square is finite
        **SolverParameters._parameter_constraints,
        "calibration_fraction": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: BaseAutoencoder | None = None,
        *,
        method: Literal["finetune", "normalize", "energies"] = "finetune",
        loss: Literal["log_loss", "hinge"] = "log_loss",
        l2: float = 1e-4,
        pretrain: bool = True,
        n_factors: int | None = None,
        noise: str | Corruption | None = None,
        noise_level: float = 0.3,
        temperature: float | Literal["auto"] = "auto",
        solver: Solver = "adam",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Schedule = "linear",
        learning_rate_init: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        max_iter: int | Literal["auto"] = "auto",
        tol: float = 1e-3,
        n_iter_no_change: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        calibration_fraction: float = 0.0,
        shuffle: bool = True,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.loss = loss
        self.l2 = l2
        self.pretrain = pretrain
        self.n_factors = n_factors
        self.noise = noise
        self.noise_level = noise_level
        self.temperature = temperature
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.calibration_fraction = calibration_fraction
        self.shuffle = shuffle
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters. ``estimator__name`` sets a parameter of the autoencoder.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The classifier.
        """
        refuse_parameters_of_none(self, params, "autoencoder", "ClassSpecificAEClassifier(ContractiveAutoencoder(100))")
        return super().set_params(**params)

    # -- fitting

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the autoencoders, and then the classifier by `method`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data. float32 and float64 keep their type. Sparse rows cost as much as their stored values, where
            that is faster: not with noise that fills zeros, and not in the training of autoencoders that share factors.
        y : array-like of shape (n_samples,)
            Classes, at least two.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If the data or the parameters are invalid, or training diverges. The classifier then stays as before.
        """
        with unchanged_on_error(self):
            self._fit(X, y, sample_weight)
        return self

    @with_callbacks
    def _fit(self, *given):
        """Set all fitted attributes."""
        X, y, weight, index = self._validate_rows(*given, reset=True)
        self.classes_, labels = np.unique(y if index is None else y[index], return_inverse=True)
        self._check_classes()
        self._keep_state()
        self._random_stream = None
        seed = seed_of(self.random_state)
        rng = np.random.default_rng(seed)
        rows, calibration_rows = self._split(X, labels, weight, index, np.unique(labels), seed)
        train_rows = held_out = None
        if self.early_stopping and self.method == "finetune":
            train_rows, held_out = hold_out(rows.labels, self.validation_fraction, rng)
        rows.check_supervised(self.class_weight, train_rows, held_out)
        template = self._template(X, weight, rng, len(labels) / len(self.classes_))
        calibrates = self.method != "energies" and has_probabilities(self)
        trials = calibrates and self.temperature == "auto" and held_out is None
        temperature, test, after = 1.0, None, None
        if trials and (split := small_split(rows)):
            trials, (train_rows, test) = False, split
        task = begin_fit_task(self, *given, inner=self.estimator, max_subtasks=int(trials) + n_phases(self))
        # A spawned generator takes nothing from the stream of the fit.
        if trials and (tried := trial_temperatures(self, template, rows, rng.spawn(1)[0], task)):
            temperature, after = tried
        elif calibrates and self.temperature != "auto":
            temperature = float(self.temperature)
        elif calibrates and test is None:  # without trials and held-out rows, it is fitted to the training rows
            test = rows.subset(held_out)
        learnt = learn(self, template, rows, train_rows, held_out, rng, task, test, temperature)
        self._set(learnt)
        if calibration_rows is not None:
            self.calibration_energies_ = own_energies(learnt.energies, calibration_rows)
        if after is not None:
            self.temperature_ = after
        task.end(dict)

    @available_if(_can_continue)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Continue with some rows: one pass of the autoencoders over the rows of their classes, then a supervised pass.

        First, the `partial_fit` of each autoencoder takes the rows of its class, unless ``pretrain=False``. Then the
        rows update the constants. Last, with ``method="finetune"``, all parameters are fine-tuned in one pass at a
        constant learning rate. A class without rows so far has probability 0, and the energy of an untrained
        autoencoder. Absent with ``method="energies"``, with `n_factors`, and with lbfgs.

        There are no p-values after it: the energies have changed, and rows that `fit` has held out may be among the
        new ones.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,)
            Their classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that will come. The first call needs them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The classifier.
        """
        self._validate_params()  # scikit-learn skips this if the classifier is fitted
        if self.early_stopping:
            raise ValueError(
                "partial_fit sees no validation set: the classifier's early_stopping must be False, got True"
            )
        with unchanged_on_error(self):
            self._partial_fit(X, y, sample_weight, classes)
        return self

    @with_callbacks
    def _partial_fit(self, given, y, sample_weight, classes):
        """Set all fitted attributes after one more pass."""
        first = _check_partial_fit_first_call(self, named_classes(classes))
        self._check_classes()
        X, labels, weight, index = self._validate_rows(given, y, sample_weight, reset=first)
        labels = encode_labels(np.asarray(labels if index is None else labels[index]), self.classes_)
        rows = self._weighted(LabelledRows.of_weight(X, labels, weight, index))
        seed, n_updates = getattr(self, "_random_stream", None) or (seed_of(self.random_state), 0)
        rng = np.random.default_rng([seed, n_updates])
        template = self._template(X, weight, rng)
        if first and not (rows.supervised is None or rows.supervised.any()):
            raise ValueError(
                "class_weight must be positive for some class with rows of the first partial_fit, got "
                f"{self.class_weight}"
            )
        if first:
            fixed = has_probabilities(self) and self.temperature != "auto"
            temperature = float(self.temperature) if fixed else 1.0
            calibration = Calibration.without_rows(len(self.classes_), temperature)
            energies = start_alike(template.autoencoder, rows, len(self.classes_))
            self._set(Learnt(energies, calibration, {"loss_": math.nan, "loss_curve_": None}, []))
        energies = ClassEnergies.from_classifier(self)
        template.check_alike(energies, self.n_factors, rows.subset([0]).X)
        options = {"inner": self.estimator, "task_name": "partial-fit", "max_subtasks": n_phases(self)}
        task = begin_fit_task(self, given, y, sample_weight, **options)
        self._set(learn_more(self, template, energies, rows, rng, task))
        self._random_stream = seed, n_updates + 1
        task.end(dict)

    def add_class(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add one or more classes, without training the old ones again.

        The autoencoder of a new class is trained alone. With `n_factors`, its factor weights and biases are trained on
        the shared factors. The parameters of the old classes stay the same, bit by bit. Only constants change:

        - If X has rows of all old classes too, all constants are fitted again by maximum likelihood.
        - If it has rows of some old classes, the constants of the new classes are fitted.
        - If it has rows of new classes only, the constant of a new class makes its median calibrated energy, over its
          own rows, equal to the mean of the other classes' medians.
        - After fine-tuning, medians say little. There the constants of the new classes are fitted to rows that stand in
          for those of the missing classes: normal features with the mean and the variance of the class, which its
          autoencoder keeps, with the weight of its training rows.

        The constants of the old classes keep their mean.

        On digits, at the defaults, the accuracy is 0.946 with rows of the new class alone, 0.951 with rows of all
        classes, and 0.972 after one fit to all, because the energies of fine-tuned classes no longer model their data
        (``benchmarks/added_class.py``). With ``method="normalize"``, all three are 0.985 to within 0.001. But medians
        may mislead: on iris, with 8 units, the accuracy is 0.848 with new rows alone and 0.939 with rows of all
        classes. So pass rows of all classes where you have them. ``method="energies"`` needs them, to train its linear
        classifier again.

        Where `fit` has held rows out for p-values, the same share of the new class's rows is held out. Rows of old
        classes are not, and the p-values of old classes stay as they are.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows of the new classes and, for the constants, rows of old ones.
        y : array-like of shape (n_samples,)
            Their classes, of the old ones' kind: numbers or strings. They are compared by value, and may have another
            dtype. `classes_` stays sorted, so columns may move.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. A row of weight zero counts as absent.

        Returns
        -------
        self : object
            The classifier.
        """
        check_is_fitted(self)
        self._validate_params()
        with unchanged_on_error(self):
            self._add_class(X, y, sample_weight)
        return self

    @with_callbacks
    def _add_class(self, *given):
        """Set the fitted attributes after new classes."""
        X, y, weight, index = self._validate_rows(*given, reset=False)
        y = np.asarray(y) if index is None else np.asarray(y)[index]
        self.classes_, added = merge_classes(self.classes_, y)
        labels, energies = encode_labels(y, self.classes_), ClassEnergies.from_classifier(self)
        seen = Calibration.from_classifier(self).with_places(added).seen
        places = np.setdiff1d(labels, seen)
        if not len(places):
            raise ValueError(f"y has no new class: {np.unique(y).tolist()} are all known")
        if self.method == "energies" and len(np.unique(labels)) < len(self.classes_):
            raise ValueError(
                "method='energies' trains its linear classifier again, which needs rows of all classes; y has only "
                f"{np.unique(y).tolist()} of {self.classes_.tolist()}"
            )
        options = {"inner": self.estimator, "task_name": "add-class", "max_subtasks": int(self.pretrain)}
        task = begin_fit_task(self, *given, **options)
        known, seed = getattr(self, "calibration_energies_", None), seed_of(self.random_state)
        rng = np.random.default_rng(seed)
        rows, held_out = self._split(X, labels, weight, index, [] if known is None else places, seed)
        template = self._template(rows.data, weight, rng)
        template.check_alike(energies, self.n_factors, rows.subset([0]).X)
        learnt = learn_classes(self, template, energies, rows, added, places, rng, task)
        self._set(learnt)
        if held_out is not None:
            self.calibration_energies_ = merge(known, learnt.energies, held_out, added)
        self._keep_state()
        task.end(dict)

    # -- rows

    def _validate_rows(self, X, y, sample_weight, reset):
        """Check the rows; return X, y, the weights (or None), and the rows of positive weight (None for all rows)."""
        dtype = DTYPES if reset else np.result_type(self.estimators_[0].components_, np.float32)
        X, y = validate_data(self, X, plain_labels(y), reset=reset, accept_sparse="csr", dtype=dtype)
        refuse_mixed_labels(y)
        check_classification_targets(y)
        return X, y, *checked_weight(X, sample_weight)

    def _split(self, X, labels, weight, index, classes, seed):
        """Return the rows to train on, and those that some classes hold out for p-values, or None."""
        rows = LabelledRows.of_weight(X, labels, weight, index)
        rows, held_out = split(rows, classes, self.calibration_fraction, self.classes_, seed)
        return self._weighted(rows), held_out

    def _weighted(self, rows):
        """Return the rows with the weights that `class_weight` gives them in the supervised phase."""
        weight = supervised_weight(self.class_weight, self.classes_, rows.labels, rows.weight)
        return dataclasses.replace(rows, supervised=weight)

    def _check_classes(self):
        """Raise ValueError if there are fewer than two classes."""
        if len(self.classes_) < 2:
            raise ValueError(
                f"the classifier needs rows of at least 2 classes, got 1 class: {self.classes_.tolist()[0]!r}"
            )

    # -- autoencoders

    def _template(self, X, weight, rng, rows_per_class=None):
        """Return the template of the autoencoders; raise an error if a parameter is invalid.

        `rows_per_class` is their mean number in a fit, after which fine-tuning may follow.
        """
        input_noise(self)  # raises an error for invalid noise
        options = {"tunes": self.method == "finetune", "rows_per_class": rows_per_class}
        return template_of(self.estimator, self.n_factors, X, weight, self.random_state is not None, rng, **options)

    def _automatic_rate(self, schedule, n_batches):
        """Return the automatic rate. It is lower than in pretraining, because the autoencoders are trained already.

        It is larger where that training was brief.
        """
        brief = self.estimator is None and schedule == "linear"
        return {"adam": 1e-3 if brief else 5e-4, "sgd": 1e-2}.get(self.solver)

    def _set(self, learnt):
        """Set the fitted attributes, and warn. Remove those of an earlier fit that have not been learnt again."""
        for each in learnt.problems:
            warn_jointly(each)
        for name in ("energy_classifier_", "calibration_energies_"):
            vars(self).pop(name, None)
        vars(self).update(learnt.attributes())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
