"""Warnings of a fit: features off scale, and too few rows for the whitened directions or for the units."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from autoencoders import CLASSES
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import (
    ClassSpecificAEClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyOutlierDetector,
    PCAWhitener,
    SaturatingAutoencoder,
    ZeroBiasAutoencoder,
)
from skae.training import _convergence

OFF_SCALE = "predicting the mean|of the variance of a feature"


def warnings_of(function):
    """Return the warnings of a call, except those about early ends and dead units."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [
        each
        for each in caught
        if not any(part in str(each.message) for part in ("stopped at max_iter", "of the units"))
    ]


def credit(n=300):
    """Return columns of very different scales, as in tables of loans: amounts, ages, counts, shares, flags."""
    rng = np.random.default_rng(0)
    wealth = rng.standard_normal(n)
    amounts = np.exp(np.array([7.0, 6.0, 5.0]) + 0.6 * wealth[:, None] + 0.5 * rng.standard_normal((n, 3)))
    others = [
        40.0 + 3.0 * wealth + 12.0 * rng.standard_normal(n),
        rng.poisson(1.5 * np.exp(0.2 * wealth)),
        rng.beta(2.0 * np.exp(-0.3 * wealth), 3.0),
        0.05 + 0.02 * rng.random(n) - 0.005 * wealth,
        rng.random(n) < 0.3,
    ]
    return np.column_stack([amounts, *others])


def lognormal(n=500):
    """Return columns with standard deviations from 0.1 to 4000."""
    rng = np.random.default_rng(0)
    return np.exp(rng.standard_normal((n, 20)) + np.linspace(-3.0, 8.0, 20))


def wide(n, d, rank=10):
    """Return data with a few directions, plus noise."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)) + rng.standard_normal((n, d))


# -- scale


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(("data", "n_components"), [(credit, 256), (lognormal, 8), (lognormal, 256)])
def test_columns_off_scale_warn_at_every_width(data, cls, n_components):
    """A model that fits one or two large columns and ignores the others warns, for every width and class."""
    if (data, n_components, cls) == (lognormal, 256, SaturatingAutoencoder):
        pytest.skip("it keeps more than half of the variance of each column")
    X = data()
    found = warnings_of(lambda: cls(n_components, max_iter=30, random_state=0).fit(X))
    assert [each.category for each in found] == [ConvergenceWarning]
    assert any(part in str(found[0].message) for part in OFF_SCALE.split("|"))
    assert "common scale near 1 (StandardScaler, PCAWhitener)" in str(found[0].message)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_columns_off_scale_warn_with_every_solver(solver):
    """Every solver warns, also with 256 units, the default number."""
    X = lognormal()
    with pytest.warns(ConvergenceWarning, match=OFF_SCALE):
        ContractiveAutoencoder(solver=solver, max_iter=30, random_state=0).fit(X)


def test_images_of_large_values_warn_at_the_default_width():
    """With 256 units, pixels up to 255 that are half fitted give a warning."""
    with pytest.warns(ConvergenceWarning, match="of the variance of a feature"):
        ContractiveAutoencoder(max_iter=100, random_state=0).fit(255.0 * digits())


def test_what_is_kept_of_the_features_is_said():
    """The sentence has the kept share of the variance, and the range of the deviations."""
    X = lognormal()
    autoencoder = ZeroBiasAutoencoder(8, random_state=0)
    with pytest.warns(ConvergenceWarning, match="keeps") as caught:
        autoencoder.fit(X)
    kept = 1.0 - autoencoder.reconstruction_error(X, per_feature=True).mean(axis=0) / X.var(axis=0)
    text = next(str(each.message) for each in caught if "keeps" in str(each.message))
    assert f"keeps {np.maximum(kept, 0.0).mean():.0%} of the variance of a feature" in text
    assert f"standard deviations are {X.std(axis=0).min():.3g} to {X.std(axis=0).max():.3g}" in text


def test_classes_with_shared_factors_warn_of_columns_off_scale():
    """The warning comes also if all classes are trained together."""
    X = lognormal()
    autoencoder = DenoisingAutoencoder(64, max_iter=30)
    classifier = ClassSpecificAEClassifier(autoencoder, n_factors=64, method="normalize", random_state=0)
    found = warnings_of(lambda: classifier.fit(X, np.arange(len(X)) % 2))
    assert len(found) == 1
    assert "all classes: DenoisingAutoencoder" in str(found[0].message)


def digits():
    """Return pixels in [0, 1]."""
    return load_digits().data[:600] / 16.0


def table():
    """Return standardised columns."""
    return StandardScaler().fit_transform(load_breast_cancer().data)


def rare_words():
    """Return tf-idf rows of unit norm. Most columns vary little, and are not reconstructed."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(40.0 / np.arange(1, 101) ** 1.2, size=(400, 100)) * rng.standard_exponential(100)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def rare_categories():
    """Return one-hot columns. Most of them are rare."""
    p = 1.0 / np.arange(1, 41) ** 1.5
    return np.eye(40)[np.random.default_rng(0).choice(40, 600, p=p / p.sum())]


def unwhitened():
    """Return principal components on one common scale. Their deviations are 0.01 to 4 by design."""
    return PCAWhitener(whiten=None).fit_transform(table())


GOOD = {
    "digits": digits,
    "raw digits": lambda: load_digits().data[:600],
    "standardised": table,
    "min-max": lambda: MinMaxScaler().fit_transform(load_breast_cancer().data),
    "whitened": lambda: PCAWhitener(0.9).fit_transform(digits()),
    "rotated": unwhitened,
    "tf-idf": rare_words,
    "one-hot": rare_categories,
    "binary": lambda: (digits() > 0.5).astype(float),
    "standardised credit": lambda: StandardScaler().fit_transform(credit()),
}


@pytest.mark.parametrize("cls", [ContractiveAutoencoder, ZeroBiasAutoencoder])
@pytest.mark.parametrize("name", GOOD)
def test_data_on_a_common_scale_are_silent(name, cls):
    """Data that the guide calls ready do not warn of scale, with few units either."""
    X = GOOD[name]()
    assert warnings_of(lambda: cls(16, max_iter=30, random_state=0).fit(X)) == []


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_zero_bias_features_need_no_scale(unit):
    """This model is the same in all units of the data, so the unit alone does not warn."""
    X = unit * (digits() - digits().mean(axis=0))
    assert warnings_of(lambda: ZeroBiasAutoencoder(4, max_iter=30, random_state=0).fit(X)) == []


@pytest.mark.parametrize("unit", [1e-3, 1.0])
def test_strong_weight_decay_does_not_warn_of_what_is_still_reconstructed(unit, rng):
    """In any unit, the loss without weight decay tells, where the one with it is hardly below that of the mean."""
    X = unit * rng.standard_normal((300, 6)) * [3.0, 2.0, 1.0, 0.5, 0.3, 0.2]
    autoencoder = ZeroBiasAutoencoder(8, l2=3.0, threshold=0.1, max_iter=100, random_state=0)
    assert warnings_of(lambda: autoencoder.fit(X)) == []
    loss_of_mean = 0.5 * autoencoder.var_.sum()
    assert autoencoder.loss_ > 0.9 * loss_of_mean > 0.5 * autoencoder.reconstruction_error(X).mean()


def test_a_model_that_keeps_nothing_warns():
    """If the penalty leaves only the mean, a warning says so."""
    X = 0.1 * StandardScaler().fit_transform(load_wine().data[:, :1])
    with pytest.warns(ConvergenceWarning, match="hardly below that of predicting the mean"):
        autoencoder = ContractiveAutoencoder(8, random_state=0).fit(X)
    assert autoencoder.loss_ <= 1.001 * X.var() / 2.0


# -- the loss at the last epoch


def test_a_falling_rate_may_leave_more_of_a_fall():
    """Half a percent an epoch is much at a constant rate, and not at one that has fallen to zero."""
    result = SimpleNamespace(loss_curve=0.995 ** np.arange(20), reason="max_iter")
    for schedule, warns in (("constant", True), ("linear", False)):
        estimator = ContractiveAutoencoder(max_iter=20, tol=1e-3, learning_rate=schedule)
        estimator.n_iter_ = 20
        assert bool(_convergence._still_falling(estimator, result)) == warns


@pytest.mark.parametrize("noise", ["gaussian", "masking"])
def test_sampled_noise_is_no_fall_of_the_loss(noise):
    """A loss that goes up and down with the noise, but does not fall on average, does not warn."""
    X = StandardScaler().fit_transform(load_wine().data)
    for seed in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            DenoisingAutoencoder(32, noise=noise, random_state=seed).fit(X)


# -- the solver


@pytest.mark.parametrize(("solver", "step"), [("adam", "epoch"), ("sgd", "epoch"), ("lbfgs", "iteration")])
def test_warnings_of_convergence_name_the_solver(solver, step):
    """Behind a Pipeline, a user reads which solver has stopped, and what to change; lbfgs has no learning rate."""
    autoencoder = ContractiveAutoencoder(16, solver=solver, max_iter=3, tol=1e-6, random_state=0)
    early = (
        rf"solver='{solver}' stopped at max_iter=3 while the loss still fell by \S+ of itself an {step} \(tol=1e-06\)"
    )
    with pytest.warns(ConvergenceWarning, match=rf"{early}; raise max_iter, or tol$"):
        make_pipeline(StandardScaler(), autoencoder).fit(digits())
    slow = ContractiveAutoencoder(16, solver=solver, tol=0.9, max_iter=3, learning_rate_init=1e-9, random_state=0)
    with pytest.warns(
        ConvergenceWarning, match=f"hardly fell with solver='{solver}': .* in the first {step}, "
    ) as first:
        slow.fit(digits())
    silenced = ContractiveAutoencoder(16, solver=solver, alpha=1e6, max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match=rf"train longer \(solver='{solver}', max_iter=3\)$") as second:
        silenced.fit(digits())
    for caught in (first, second):
        assert ["learning_rate_init" in str(each.message) for each in caught] == [solver != "lbfgs"]


# -- whitened directions


@pytest.mark.parametrize("whiten", ["pca", "zca"])
def test_more_whitened_directions_than_the_rows_tell(whiten):
    """The sentence has the number of whitened directions, the rows, the rows needed, and advice."""
    X = wide(60, 300)
    found = warnings_of(lambda: PCAWhitener(whiten=whiten).fit(X))
    assert [each.category for each in found] == [UserWarning]
    assert found[0].filename == __file__
    assert str(found[0].message) == (
        "PCAWhitener: 59 components are whitened by the variances of 60 rows, while 4 rows are needed for each: new "
        "rows will vary quite differently along the last ones; keep fewer (n_components=0.9), damp them (eps), use "
        "whiten=None, or fit more rows"
    )


@pytest.mark.parametrize(
    ("n", "d", "parameters"),
    [
        (60, 300, {"n_components": 0.9}),
        (60, 300, {"n_components": 15}),
        (60, 300, {"eps": 300.0}),
        (60, 300, {"whiten": None}),
        (80, 20, {}),
    ],
)
def test_whitening_that_the_rows_can_tell_is_silent(n, d, parameters):
    """Each piece of the advice silences the warning, and so do four rows a direction."""
    assert warnings_of(lambda: PCAWhitener(**parameters).fit(wide(n, d))) == []


def test_four_rows_a_direction_keep_the_variance_of_new_rows_within_four_times():
    """This is the reason for the limit: with independent columns, the largest variance of new rows is
    1/(1 - sqrt(1/4))^2 = 4.
    """
    rng = np.random.default_rng(0)
    X, new = rng.standard_normal((800, 200)), rng.standard_normal((4000, 200))
    covariance = np.cov(PCAWhitener().fit(X).transform(new).T)
    assert 3.5 < np.linalg.eigvalsh(covariance)[-1] < 4.5


def test_weights_count_as_rows_of_equal_weight():
    """Absent rows and rows of tiny weight do not count. The unit of the weights does not matter."""
    X = wide(80, 20)
    for weight, silent in ((np.full(80, 0.01), True), (np.r_[np.ones(70), np.zeros(10)], False)):
        assert (warnings_of(lambda weight=weight: PCAWhitener().fit(X, sample_weight=weight)) == []) is silent
    weight = np.r_[np.ones(70), np.full(10, 1e-9)]
    assert "of 70 rows" in str(warnings_of(lambda: PCAWhitener().fit(X, sample_weight=weight))[0].message)


def test_first_pieces_do_not_warn():
    """A `partial_fit` does not warn, because more rows may follow."""
    assert warnings_of(lambda: PCAWhitener().partial_fit(wide(10, 20))) == []


def test_a_warning_that_is_an_error_leaves_the_whitener_as_before():
    """It changes nothing, as every error of `fit`."""
    whitener = PCAWhitener()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="are whitened"):
            whitener.fit(wide(60, 300))
    assert not hasattr(whitener, "components_")


# -- units


def test_detector_with_many_units_a_row():
    """The detector warns when many more new normal rows than `contamination` would be outliers."""
    X, new = wide(400, 20)[:30], wide(400, 20)[30:]
    detector = EnergyOutlierDetector(ContractiveAutoencoder(64, max_iter=50, random_state=0))
    found = warnings_of(lambda: detector.fit(X))
    assert [str(each.message) for each in found] == [
        "EnergyOutlierDetector: 64 units were fitted to 30 rows, whose energies say little about those of new rows: "
        "many of these will be taken for outliers; set novelty=True, use fewer units, or fit more rows"
    ]
    assert np.mean(detector.predict(new) == -1) > 0.2


def test_detector_passes_on_what_the_whitener_says():
    """The whitener inside a detector warns for itself, at the user's line."""
    detector = EnergyOutlierDetector(make_pipeline(PCAWhitener(), ContractiveAutoencoder(32, random_state=0)))
    found = warnings_of(lambda: detector.fit(wide(60, 300)))
    assert [str(each.message)[:14] for each in found] == ["PCAWhitener: 5"]
    assert found[0].filename == __file__


def test_classes_with_many_units_a_row():
    """One warning serves all classes, and counts rows by their weights. A class added later has its own."""
    X, y = load_digits(return_X_y=True)
    chosen = np.flatnonzero(y < 4)[:300]
    X, y = X[chosen] / 16.0, y[chosen]
    first, weight = y < 3, np.where((y == 2) & (np.cumsum(y == 2) > 10), 0.0, 1.0)
    sentence = "whose energies say little about those of new rows; use fewer units, or more rows"

    def sentences(n_components, function):
        autoencoder = ContractiveAutoencoder(n_components, max_iter=3)
        classifier = ClassSpecificAEClassifier(autoencoder, method="normalize", random_state=0)
        found = warnings_of(lambda: function(classifier))
        return [str(each.message) for each in found if each.category is UserWarning]

    assert sentences(60, lambda classifier: classifier.fit(X, y)) == []
    assert sentences(2 * np.bincount(y).min(), lambda classifier: classifier.fit(X, y)) == []
    for light in (weight, np.maximum(weight, 1e-6)):
        assert sentences(60, lambda classifier, light=light: classifier.fit(X, y, sample_weight=light)) == [
            f"class 2: 60 units were fitted to 10 rows, {sentence}"
        ]
    assert sentences(250, lambda classifier: classifier.fit(X[first], y[first])) == [
        f"class 0: 250 units were fitted to {np.sum(y == 0)} rows, {sentence} (2 other classes likewise)"
    ]

    def add_fourth(classifier):
        classifier.fit(X[first], y[first]).add_class(X[~first][:20], np.full(20, 3))

    assert sentences(60, add_fourth) == [f"class 3: 60 units were fitted to 20 rows, {sentence}"]


def test_few_rows_alone_do_not_warn_where_new_rows_are_reconstructed_well():
    """256 units on 60 rows reconstruct new rows better than 16 units do, so there is no warning."""
    X = load_digits().data[:360] / 16.0
    few, many = (ContractiveAutoencoder(k, random_state=0) for k in (16, 256))
    assert warnings_of(lambda: (few.fit(X[:60]), many.fit(X[:60]))) == []
    assert many.score(X[60:]) > few.score(X[60:])
