"""ClassSpecificAEClassifier: one autoencoder per class, calibrated into a classifier."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets

from skae import _ops as ops
from skae._documentation import DocumentationLink
from skae._sklearn_compat import (
    DTYPES,
    CallbackSupportMixin,
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
    _fit_context,
    set_random_states,
    validate_data,
    with_callbacks,
)
from skae._typing import MatrixLike, RandomState, Schedule, Solver
from skae.autoencoders import BaseAutoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from skae.classifier._autoencoders import (
    classes_with_few_rows,
    constraint_of,
    fit_each,
    part_of,
    warn_of,
    with_parameters,
)
from skae.classifier._calibration import class_medians, fit_temperature, log_constants
from skae.classifier._factored import fit_factored, products
from skae.classifier._held_out import LabelledRows, trials
from skae.classifier._incremental import ClassContinuation
from skae.classifier._prediction import has_probabilities
from skae.corruption import Corruption, as_corruption
from skae.objectives import LOSSES, Reconstruction
from skae.training import (
    NO_CALLBACKS,
    Batches,
    SolverParameters,
    Stage,
    active_share,
    begin_fit_task,
    block_rows,
    checked_weight,
    corrupting,
    corruption_range,
    mean_value,
    seed_of,
    train,
    unchanged_on_error,
)

# Hidden units of each autoencoder of the default.
_N_UNITS = 100


class ClassSpecificAEClassifier(CallbackSupportMixin, DocumentationLink, ClassContinuation, BaseEstimator):
    """Generative classifier: one autoencoder per class, whose energies compete (ENERGY section 4).

    ::

        P(y_j | x) = exp((E_j(x) + C_j) / T) / sum_i exp((E_i(x) + C_i) / T)                 (ENERGY eq. 45)

    E_j is the energy of an autoencoder trained on the rows of class j alone (its `score_samples`), and C_j stands for
    its unknown normalising constant. The temperature T, which the paper does not have, makes the probabilities as sure
    as they are right on other rows. That gives a classifier which can say "none of these" (`score_samples`), take a
    new class without training the others again (`add_class`), and be as accurate as a discriminative one, by
    fine-tuning.

    Parameters
    ----------
    estimator : autoencoder, default=None
        Any autoencoder of skae with tied weights; a clone of it is trained for each class. None is
        ``ContractiveAutoencoder(100)`` (with `n_factors`, ``DenoisingAutoencoder(100)``). A grid search over its
        parameters, such as ``estimator__alpha``, needs it given.

    method : {"finetune", "normalize", "energies"}, default="finetune"
        What is done when the autoencoders have been trained. "normalize" fits the constants C alone, to the conditional
        likelihood of the classes; that is convex. "energies" does so too, and predicts by a logistic regression on the
        (standardised) energies. "finetune" goes on from "normalize" and back-propagates `loss` to all parameters.

    loss : {"log_loss", "hinge"}, default="log_loss"
        What is fine-tuned: minus the log of eq. 45, or the multi-class hinge loss of Crammer and Singer, which gives no
        probabilities.

    l2 : float, default=1e-4
        Strength of l2/2 times the sum of the squared weights in fine-tuning; for "energies" of the logistic
        regression's.

    pretrain : bool, default=True
        Whether the autoencoders are trained on their classes, or start at random.

    n_factors : int or None, default=None
        Number of factors that all classes share (ENERGY 4.1)::

            W_j = Wx diag(w_j) Wh,    u_j = ((x Wx) * w_j) Wh + b_j,    r_j = ((h(u_j) Wh^T) * w_j) Wx^T + c_j

        with Wx (n_features, n_factors) and Wh (n_factors, n_components) for all classes, w_j, b_j and c_j for each;
        they are trained on all rows at once. (In the paper, eq. 46 is the pre-activation, 47, 49 and 50 have other
        indices, and 47 lacks h.) It needs an estimator without penalty: a `DenoisingAutoencoder`, or
        ``ContractiveAutoencoder(alpha=0)``. None gives each class weights of its own.

    noise : {"gaussian", "masking", "salt_and_pepper"}, Corruption or None, default=None
        What is done to the input in fine-tuning. Of a Corruption, `noise_level` replaces the level.

    noise_level : float, default=0.3
        Level of the noise: the standard deviation, or the share of inputs that are masked.

    temperature : float or "auto", default="auto"
        T of ``P(y_j | x) = softmax_j((E_j + C_j) / T)``: how sure the probabilities are. The constants C are fitted at
        T too, or before fine-tuning at that of its start: at too low a T they follow the few rows that are wrong.
        "auto" fits T to rows that were not trained on: those that `early_stopping` holds out, else fifths of each
        class that are held out of trial fits, until there are 250 such rows. With 1250 rows or more that is one more
        fit, of four fifths of the rows; with 250 or fewer it is five. A number is T itself, without trial fits: 1 is
        eq. 45 as it stands. "energies" and the hinge loss have none (it is 1): the logistic regression finds the scale
        itself, and the hinge loss gives no probabilities.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Solver of the fine-tuning, with the parameters below, as in the autoencoders. That of the pretraining, and its
        parameters, are the estimator's own.

    batch_size : int or "auto", default="auto"
        Largest number of rows in a batch; "auto" is 100.

    learning_rate : {"linear", "constant"}, default="linear"
        Schedule: "linear" rises over the first 5 % of the updates that `max_iter` allows and then falls to zero.
        `partial_fit` uses a constant rate.

    learning_rate_init : float or "auto", default="auto"
        Largest learning rate; "auto" is 0.0005 for adam and 0.01 for sgd.

    momentum : float, default=0.9
        Momentum of sgd, in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.

    max_iter : int, default=30
        Largest number of epochs of fine-tuning (iterations for lbfgs).

    tol : float, default=1e-3
        Fine-tuning ends when the loss has fallen by less than `tol`, relative to itself, over `n_iter_no_change`
        epochs; 0 goes on for `max_iter` epochs.

    n_iter_no_change : int or "auto", default="auto"
        See `tol`. "auto" is 10, or as many epochs as make 1000 updates where these are more; for lbfgs 50 iterations.

    early_stopping : bool, default=False
        Whether fine-tuning holds out `validation_fraction` of the rows of each class, from the pretraining too, applies
        `tol` to their loss, and returns the parameters that were best on them.

    validation_fraction : float, default=0.1
        Fraction held out where ``early_stopping=True``; a class keeps at least one row to train on.

    shuffle : bool, default=True
        Whether to draw a new order of the rows each epoch.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the supervised phase: {label: weight}, or inversely proportional to their rows.

    n_jobs : int or None, default=None
        Number of processes that train the autoencoders, each on one BLAS thread. None is 1, or that of
        ``joblib.parallel_config``.

    verbose : int, default=0
        Whether to print a line an epoch of fine-tuning: loss, loss on held-out rows, share of active codes, seconds.

    random_state : int, RandomState instance or None, default=None
        Seed of the autoencoders (the same for each class, so that their order does not matter), of the split and of
        fine-tuning. With None the autoencoders keep the `random_state` of `estimator`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted: the columns of all results are in this order.

    estimators_ : list of autoencoders
        One a class, with its parameters as fine-tuned; their `loss_`, `loss_curve_` and `n_iter_` are those of the
        pretraining. With `n_factors`, prediction uses the factors, and their `components_` are the products.

    class_log_constants_ : ndarray of shape (n_classes,)
        C, which `fit` makes sum to 0: fitted at `temperature_`, and by fine-tuning.

    temperature_ : float
        T. `partial_fit` and `add_class` do not change it; without a `fit` it is 1, or `temperature` where that is a
        number.

    class_median_energies_ : ndarray of shape (n_classes,)
        Lower median of E_j + C_j over the training rows of class j (after `partial_fit` or `add_class`, over the last
        rows that there were of it).

    factors_, factor_hidden_weights_, class_factor_weights_ : ndarray or None
        Of shapes (n_factors, n_features), (n_factors, n_components) and (n_classes, n_factors): the transpose of Wx, Wh
        and the w_j, with `n_factors`.

    energy_classifier_ : Pipeline
        The classifier of the energies, for ``method="energies"``.

    n_iter_ : int
        Epochs of fine-tuning, or iterations of the constants (the last ones) or of the logistic regression.

    loss_ : float
        The loss of the training rows (after `partial_fit`, the last ones) at the fitted parameters; for "finetune" at
        a temperature of 1 and with the weight decay. `add_class` does not change it, nor what is below.

    loss_curve_ : ndarray of shape (n_iter_,) or None
        Mean loss over the batches of each epoch of fine-tuning, each before its own update.

    validation_loss_curve_ : ndarray of shape (n_iter_,) or None
        Loss of the held-out rows after each epoch, where ``early_stopping=True``.

    n_features_in_ : int
        Number of features seen in training.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names that are all strings.

    See Also
    --------
    EnergyOutlierDetector : Novelty detection without classes.
    sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis : One Gaussian per class.

    Notes
    -----
    Features should have a common scale near 1. For data in [0, 1] autoencoders with ``visible="bernoulli"`` have
    energies on the scale of log-likelihoods, with which ``method="normalize"`` does well; those of gaussian units are
    on that of squared errors, and fine-tuning finds the scale. With tens of thousands of images (MNIST), `noise` in
    fine-tuning makes the difference. With hundreds of rows a class or fewer, fine-tuning can do worse than "normalize"
    or "energies", and noise makes it worse: compare them by a grid search over `method`. With 2 to 20 rows a class of
    four small data sets, "finetune" was the most accurate on average, then "normalize", then "energies", each with
    exceptions; logistic regression on the features was better still (``benchmarks/few_rows.py``).

    A threshold on `score_samples`, such as a low quantile over rows held out, says "none of these".

    A single row of a class counts as two halves in the training of its autoencoder.

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

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "method": [StrOptions({"finetune", "normalize", "energies"})],
        "loss": [StrOptions(set(LOSSES))],
        "l2": [Interval(Real, 0, None, closed="left")],
        "pretrain": ["boolean"],
        "n_factors": [Interval(Integral, 1, None, closed="left"), None],
        "noise": [str, Corruption, None],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "temperature": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        **SolverParameters._parameter_constraints,
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
        max_iter: int = 30,
        tol: float = 1e-3,
        n_iter_no_change: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
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
        self.shuffle = shuffle
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the autoencoder by ``estimator__name``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The classifier.
        """
        nested = [name for name in params if name.startswith("estimator__")]
        if nested and params.get("estimator", self.estimator) is None:
            raise ValueError(
                f"{nested[0]} is a parameter of the autoencoder, and estimator is None, the default one; give one: "
                "ClassSpecificAEClassifier(ContractiveAutoencoder(100))"
            )
        return super().set_params(**params)

    # -- fitting

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the autoencoders, then what `method` says.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training data. float32 and float64 keep their type.
        y : array-like of shape (n_samples,)
            Classes, at least two.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a zero weight is an absent row.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If the data or the parameters are not usable, or training diverges; the classifier is then as before.
        """
        with unchanged_on_error(self):
            self._fit(X, y, sample_weight)
        return self

    @with_callbacks
    def _fit(self, X, y, sample_weight):
        """Set all fitted attributes."""
        X, y, weight = self._validate_rows(X, y, sample_weight, reset=True)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._check_classes()
        supervised = self._supervised_weight(labels, weight)
        rng = np.random.default_rng(seed_of(self.random_state))
        train_rows, held_out = self._split(labels, rng)
        self._check_supervised(supervised, train_rows, held_out)
        template = self._template(X, rng)
        task = begin_fit_task(
            self, X, y, sample_weight, max_subtasks=int(self.pretrain) + int(self.method == "finetune")
        )
        rows = LabelledRows(X, labels, weight, supervised)
        (trial_rng,) = rng.spawn(1)  # trials take nothing from the stream of the fit
        has_temperature = self.method != "energies" and has_probabilities(self)
        automatic = has_temperature and self.temperature == "auto"
        self.temperature_ = float(self.temperature) if has_temperature and not automatic else 1.0
        tests, starts, ends = [], [], []
        if automatic and held_out is None:
            for chosen, test in trials(rows):
                start, end = self._trial(template, rows, chosen, test, trial_rng)
                tests, starts, ends = [*tests, test], [*starts, start], [*ends, end]
            self.temperature_ = _temperature_of(starts, tests) if tests else 1.0
        # Where no class has two rows that differ, all rows are trained on.
        own_test = None if tests or not automatic else rows if held_out is None else rows.part(held_out)
        problems, _ = self._train(template, rows, train_rows, held_out, rng, task, own_test)
        for each in problems:
            warn_of(each)
        if tests and self.method == "finetune":
            self.temperature_ = _temperature_of(ends, tests)
        task.end(dict)

    def _train(self, template, rows, train_rows, held_out, rng, task, test=None):
        """Set what the rows `train_rows` (all if None) teach, from the constants at `temperature_` on.

        Where there are rows to `test` on, the temperature is fitted to them, before fine-tuning and after it. Returned
        are what is wrong with each phase, for `warn_of`, and the scores of these rows at a temperature of 1 (or None).
        """
        part = rows if train_rows is None else rows.part(train_rows)
        problems, start = self._fit_autoencoders(template, part, rng, task), None
        E = self._energies(part.X)
        self._calibrate(E, part)
        self.validation_loss_curve_ = None
        vars(self).pop("energy_classifier_", None)
        self._optimizer_state = self._random_stream = None
        if test is not None:
            start = self._scores(test.X)
            self.temperature_ = _temperature_of([start], [test])
            self._calibrate(E, part)
        if self.method == "finetune":
            problems.append(self._finetune(rows, train_rows, held_out, rng, task))
            E = self._energies(part.X)
            if test is not None:
                self.temperature_ = _temperature_of([self._scores(test.X)], [test])
        elif self.method == "energies":
            self._fit_linear(E, part.labels, part.supervised)
        self.class_median_energies_ = class_medians(E + self.class_log_constants_, part.labels, part.weight)
        return problems, start

    def _trial(self, template, rows, train_rows, test, rng):
        """Train a classifier like this one on some rows; return its scores of others, before fine-tuning and after.

        Those before are with the constants of a temperature of 1.
        """
        trial = copy.copy(self)
        trial.verbose, trial.temperature_ = 0, 1.0
        _, start = trial._train(template, rows, train_rows, None, rng, NO_CALLBACKS, test)
        return start, trial._scores(test.X)

    def _check_supervised(self, weight, train_rows, held_out):
        """Refuse weights of the supervised phase that leave no row."""
        for rows, purpose in ((train_rows, "train on"), (held_out, "hold out")):
            if weight is not None and not part_of(weight, rows).any():
                raise ValueError(
                    f"class_weight must be positive for some class with rows to {purpose}, got {self.class_weight}"
                )

    def _check_classes(self):
        """Refuse fewer than two classes."""
        if len(self.classes_) < 2:
            raise ValueError(
                f"the classifier needs rows of at least 2 classes, got 1 class: {self.classes_.tolist()[0]!r}"
            )

    # -- what fit consists of

    def _fitted_parameters(self, objective, theta, chosen=None):
        """The public attributes of parameters, by name; the constants sum to 0."""
        blocks, factors = {name: view.copy() for name, view in objective.layout.views(theta).items()}, {}
        hidden_bias = objective.hidden_bias(blocks)
        if hidden_bias is not None:
            blocks["b"] = hidden_bias
        if self.factors_ is not None:
            factors, blocks["W"] = _factor_attributes(blocks), products(blocks)
        chosen = range(len(self.estimators_)) if chosen is None else chosen
        estimators, constants = list(self.estimators_), self.class_log_constants_.copy()
        for i, j in enumerate(chosen):
            estimators[j] = with_parameters(estimators[j], blocks, i)
        constants[list(chosen)] = blocks["C"] - blocks["C"].mean(dtype=np.float64)
        return {**factors, "estimators_": estimators, "class_log_constants_": constants}

    def _validate_rows(self, X, y, sample_weight, reset):
        """Return the rows of positive weight: X, y and their weights (None for None)."""
        dtype = DTYPES if reset else np.result_type(self.estimators_[0].components_, np.float32)
        X, y = validate_data(self, X, y, reset=reset, accept_sparse="csr", dtype=dtype)
        check_classification_targets(y)
        weight, rows = checked_weight(X, sample_weight)
        return (X, y, weight) if rows is None else (X[rows], y[rows], weight[rows])

    def _template(self, X, rng):
        """Return the autoencoder to clone for each class, seeded alike for all: their order then does not matter."""
        if self.noise is not None:
            as_corruption(self.noise, self.noise_level)  # which may refuse them
        if self.estimator is None:
            default = ContractiveAutoencoder if self.n_factors is None else DenoisingAutoencoder
            template = default(_N_UNITS)
        elif isinstance(self.estimator, BaseAutoencoder):
            template = clone(self.estimator)
        else:
            raise InvalidParameterError(
                f"the estimator must be an autoencoder of skae, got {type(self.estimator).__name__}; what comes before "
                "it comes before the classifier: make_pipeline(PCAWhitener(), ClassSpecificAEClassifier())"
            )
        template._validate_params()
        if self.random_state is not None or self.estimator is None:
            set_random_states(template, int(rng.integers(2**31)))
        self._check_template(template)
        template._check_values(X)
        return template

    def _check_template(self, template):
        """Refuse an autoencoder without energy, or one that cannot share its factors."""
        name = type(template).__name__
        if not template._tied():
            raise InvalidParameterError(
                f"the estimator must have tied weights, to have an energy; got {name} with untied ones"
            )
        if not hasattr(template._activation(), "potential"):
            raise InvalidParameterError(
                f"the estimator must have an activation with a potential, which {template._activation().name!r} has not"
            )
        if self.n_factors is None:
            return
        plain = getattr(template._objective_class(), "func", None) is Reconstruction
        for fulfilled, demand in (
            (plain and all(each is None for each in template._penalties()), "no penalty"),
            (
                template.hidden_bias and not template._activation().derived_bias,
                "a hidden bias that does not follow from the weights",
            ),
            (constraint_of(template) is None, "weight_constraint=None"),
            (not template.early_stopping, "early_stopping=False"),
        ):
            if not fulfilled:
                raise InvalidParameterError(
                    f"n_factors={self.n_factors} trains all classes at once, which needs an estimator with {demand} "
                    f"(DenoisingAutoencoder, or ContractiveAutoencoder(alpha=0)), got {template}"
                )

    def _split(self, labels, rng):
        """Return the rows to train on and, where an epoch is to be chosen, those to choose it by (else None)."""
        if not (self.early_stopping and self.method == "finetune"):
            return None, None
        order = rng.permutation(len(labels))
        held_out = []
        for j in range(labels.max() + 1):
            rows = order[labels[order] == j]
            held_out.append(rows[: min(math.ceil(self.validation_fraction * len(rows)), len(rows) - 1)])
        held_out = np.sort(np.concatenate(held_out))
        if not len(held_out):
            raise ValueError(
                "early_stopping=True holds out rows of each class that has two or more, got no such class: fit with "
                "early_stopping=False"
            )
        return np.setdiff1d(np.arange(len(labels)), held_out), held_out

    def _fit_autoencoders(self, template, rows, rng, task):
        """Train, or start, the autoencoders of all classes; return what is wrong with them, each for `warn_of`."""
        X, labels, weight = rows.X, rows.labels, rows.weight
        names = [repr(each) for each in self.classes_.tolist()]
        self.factors_ = self.factor_hidden_weights_ = self.class_factor_weights_ = None
        factored = self.n_factors is not None
        tasks = {"max_subtasks": template.max_iter if factored else len(names), "sequential_subtasks": factored}
        phase = task.subtask("autoencoders", **tasks).begin() if self.pretrain else NO_CALLBACKS
        if factored:
            self.estimators_, factors, problems = fit_factored(
                template, self.n_factors, X, labels, weight, names, self.pretrain, rng, phase
            )
            vars(self).update(_factor_attributes(factors))
        else:
            self.estimators_, problems = fit_each(template, X, labels, weight, names, self.pretrain, self.n_jobs, phase)
        phase.end()
        few = []
        if self.pretrain and not factored:
            few = classes_with_few_rows(template.n_components, labels, weight, names)
        return [problems, few]

    def _supervised_weight(self, labels, weight):
        """Weights of the rows in the supervised phase, or None."""
        if self.class_weight is None:
            return weight
        if self.class_weight == "balanced":
            counts = np.bincount(labels, weight, len(self.classes_))
            present = counts > 0.0
            of_class = np.zeros(len(counts))
            of_class[present] = counts.sum() / (present.sum() * counts[present])
        else:
            classes = self.classes_.tolist()
            for label, each in self.class_weight.items():
                if label not in classes:
                    raise ValueError(f"class_weight has the label {label!r}, which is not among the classes {classes}")
                if not (isinstance(each, Real) and 0.0 <= each < math.inf):
                    raise ValueError(
                        f"class_weight must hold numbers, finite and not negative, got {each!r} of {label!r}"
                    )
            of_class = np.array([float(self.class_weight.get(each, 1.0)) for each in classes])
        return of_class[labels] if weight is None else of_class[labels] * weight

    def _calibrate(self, E, rows):
        """Set the constants of the rows' energies by maximum likelihood (ENERGY eq. 45)."""
        T = self.temperature_
        C, n_iter, self._information = log_constants(E, rows.labels, rows.supervised, temperature=T)
        self.class_log_constants_, self.n_iter_, self.loss_curve_ = C, max(n_iter, 1), None
        self.loss_ = self._mean_loss((E + C) / T, rows.labels, rows.supervised)

    def _finetune(self, rows, train_rows, held_out, rng, task):
        """Minimise the loss of the scores in all parameters; return what is wrong with that, for `warn_of`."""
        X, labels, weight = rows.X, rows.labels, rows.supervised
        objective, theta = self._model(X.dtype, self.class_log_constants_, train=True)
        block, monitor = _rows_per_block(objective, X), None
        if held_out is not None:
            validation = Batches(X, weight, held_out, block, shuffle=False, labels=labels)
            monitor = self._monitor(objective, validation, rng, math.ceil(len(train_rows) / self._batch_size()))
        start = mean_value(objective, theta, Batches(X, weight, train_rows, block, shuffle=False, labels=labels), rng)
        active = None
        if self.verbose:
            active = active_share(
                objective, Batches(X, weight, train_rows, block, shuffle=False, labels=labels), X.dtype
            )
        task = task.subtask("fine-tuning", max_subtasks=self.max_iter).begin()

        def attributes(epoch, losses):
            progress = {"n_iter_": len(losses), "loss_": epoch.loss, "loss_curve_": np.array(losses)}
            return {**self._fitted_parameters(objective, epoch.theta), **progress}

        stage = Stage(objective, self._solver(), monitor, self._on_epoch(monitor, "", active), attributes)
        theta, result = self._minimize(
            stage, theta, X, labels, weight, train_rows, rng, task=task, max_iter=self.max_iter
        )
        self.n_iter_, self.loss_curve_ = result.n_iter, result.loss_curve
        self.validation_loss_curve_ = None if monitor is None else np.array(monitor.curve)
        vars(self).update(self._fitted_parameters(objective, theta))
        task.end()
        if self.loss_ <= start:
            return []
        text = (
            f"{type(self).__name__}: fine-tuning has raised the loss, from {start:.4g} to {self.loss_:.4g}; bring the "
            "features to a common scale near 1 (StandardScaler, PCAWhitener), use a lower learning_rate_init or "
            "noise_level, or train longer"
        )
        return [(text, ConvergenceWarning)]

    def _automatic_rate(self, schedule):
        """The autoencoders have been trained: the steps of fine-tuning are smaller than theirs."""
        return {"adam": 5e-4, "sgd": 1e-2}.get(self.solver)

    def _minimize(self, stage, theta, X, labels, weight, rows, rng, **options):
        """Return the parameters that a stage of training ends with, and its result; set `loss_`."""
        objective, lbfgs = stage.objective, self.solver == "lbfgs"
        block = _rows_per_block(objective, X)
        batches = Batches(
            X,
            weight,
            rows,
            block if lbfgs else self._batch_size(),
            self.shuffle and not lbfgs,
            corruption=self._corruption(X),
            noise_seed=int(rng.integers(2**63)) if lbfgs else None,
            labels=labels,
        )
        judged_on = Batches(X, weight, rows, block, shuffle=False, labels=labels)
        size = batches.rows_per_batch * objective.layout.size
        trained = train(objective, [stage], theta, batches, rng, multiplications=size, judged_on=judged_on, **options)
        self.loss_ = trained.loss
        return trained.theta, trained.results[0]

    def _corruption(self, X):
        """What is done to the input in fine-tuning, or None."""
        corruption = None if self.noise is None else as_corruption(self.noise, self.noise_level)
        return corrupting(corruption, corruption_range(corruption, X))

    def _fit_linear(self, E, labels, weight):
        """Train a linear classifier on the energies."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        E = E.astype(np.float64)
        mass = len(labels) if weight is None else weight.sum()
        strength = 1.0 / (self.l2 * mass) if self.l2 > 0.0 else np.inf
        linear = LogisticRegression(C=strength, max_iter=10_000, tol=1e-6)
        self.energy_classifier_ = make_pipeline(StandardScaler(), linear).fit(
            E, labels, standardscaler__sample_weight=weight, logisticregression__sample_weight=weight
        )
        self.n_iter_ = int(np.max(linear.n_iter_))
        self.loss_ = self._mean_loss(self._linear_scores(E), labels, weight)

    def _mean_loss(self, scores, labels, weight):
        """The mean loss of scores (n, K) in float64, which it overwrites."""
        return LOSSES[self.loss](scores, labels, ops.row_weights(len(labels), weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _temperature_of(scores, tests):
    """Return the temperature of scores, those of several sets of rows that were not trained on."""
    labels = np.concatenate([rows.labels for rows in tests])
    weights = None if tests[0].supervised is None else np.concatenate([rows.supervised for rows in tests])
    return fit_temperature(np.concatenate(scores), labels, weights)


def _factor_attributes(blocks):
    """The factors by the names of their attributes."""
    names = {"factors_": "P", "factor_hidden_weights_": "Q", "class_factor_weights_": "f"}
    return {name: blocks[block] for name, block in names.items()}


def _rows_per_block(objective, X):
    """How many rows make a block, with the hidden units of all classes."""
    return block_rows(max(X.shape[1], objective.layout.size // X.shape[1]))
