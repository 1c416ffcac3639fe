"""Conformal p-values and prediction sets: their level, exactly and over draws, and which rows they rest on."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import false_discovery_control
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

from skae import ClassSpecificAEClassifier, ContractiveAutoencoder, DenoisingAutoencoder
from skae.classifier import _conformal
from skae.training import conformal_p_values

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LEVELS = (0.01, 0.05, 0.1, 0.2)


# The function


def test_p_value_is_a_rank():
    """By the formula, ties counted, whatever the order and the dtype of the scores."""
    scores = np.array([0.5, -3.0, 9.0, 2.0], dtype=np.float32)
    calibration = np.array([2.0, 0.0, 1.0, 2.0], dtype=np.float32)
    expected = (1 + (calibration <= scores[:, None]).sum(axis=1)) / 5
    result = conformal_p_values(scores, calibration)
    assert result.dtype == np.float64
    assert_array_equal(result, expected)
    assert_array_equal(result, [0.4, 0.2, 1.0, 1.0])
    assert_array_equal(conformal_p_values(scores, calibration[::-1]), result)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_ties_count_by_the_size_of_each_row(kind, rng, monkeypatch):
    """Energies of 0 count as equal within 16 eps of |x|^2, in every chunk of rows."""
    monkeypatch.setattr("skae.training._chunks._CHUNK_ELEMENTS", 1)
    X = rng.standard_normal((150, 4)) * 10.0 ** rng.integers(0, 4, (150, 1))
    size, eps = (X**2).sum(axis=1), np.finfo(np.float64).eps
    held_out = np.sort(8.0 * eps * size)
    expected = conformal_p_values(16.0 * eps * size, held_out)
    p = _conformal.class_p_values(np.zeros((150, 1)), kind(X), [held_out])[:, 0]
    assert_allclose(p, expected, rtol=1e-12)
    assert len(np.unique(expected)) > 10


@pytest.mark.parametrize("values", [(1, 2, 3, 4, 5), (1, 1, 2, 2, 2), (1, 1, 1, 1), (0,), (3, 1, 3)], ids=str)
def test_level_by_enumeration(values):
    """P(p <= a) <= a for each a, over all orders of exchangeable scores; without ties it is the largest k / n <= a."""
    p = np.array([conformal_p_values([last], rest)[0] for *rest, last in itertools.permutations(values)])
    for a in np.linspace(0.0, 1.0, 101):
        assert (p <= a).mean() <= a + 1e-12
    if len(set(values)) == len(values):
        for k in range(1, len(values) + 1):
            assert (p <= k / len(values)).mean() == pytest.approx(k / len(values), abs=1e-12)


@pytest.mark.parametrize("discrete", [False, True], ids=["continuous", "discrete"])
@pytest.mark.parametrize("n_calibration", [5, 99, 120])
def test_level_over_draws(n_calibration, discrete, rng):
    """The share of p <= a on new rows, averaged over draws of calibration and test rows, is at most a."""
    shares = []
    for _ in range(400):
        scores = rng.standard_normal(n_calibration + 50)
        scores = np.round(scores) if discrete else scores
        p = conformal_p_values(scores[n_calibration:], scores[:n_calibration])
        shares.append([(p <= a).mean() for a in LEVELS])
    error = np.std(shares, axis=0) / np.sqrt(len(shares))
    assert (np.mean(shares, axis=0) <= LEVELS + 2.0 * error).all()
    if n_calibration == 99 and not discrete:  # where every level is k / (n + 1), it is met and not only kept
        assert (np.mean(shares, axis=0) >= LEVELS - 3.0 * error).all()


def test_false_discovery_rate(rng):
    """Benjamini-Hochberg keeps the rate that was asked, although the p-values share their calibration rows."""
    discoveries, found = [], []
    outlier = np.arange(500) < 50
    for _ in range(200):
        calibration, scores = rng.standard_normal(1000), rng.standard_normal(500) - 4.0 * outlier
        rejected = false_discovery_control(conformal_p_values(scores, calibration)) <= 0.1
        discoveries.append((rejected & ~outlier).sum() / max(rejected.sum(), 1))
        found.append(rejected[outlier].mean())
    assert np.mean(discoveries) <= 0.1 + 2.0 * np.std(discoveries) / np.sqrt(len(discoveries))
    assert np.mean(found) > 0.8


# The classifier

MODELS = {
    "finetune": {},
    "hinge": {"loss": "hinge"},
    "normalize": {"method": "normalize", "temperature": "auto"},
    "energies": {"method": "energies"},
    "early stopping": {"early_stopping": True},
    "bernoulli": {"estimator": ContractiveAutoencoder(5, max_iter=5, visible="bernoulli")},
    "balanced": {"class_weight": "balanced"},
    "factored": {"estimator": DenoisingAutoencoder(5, max_iter=5), "n_factors": 4},
}
every_model = pytest.mark.parametrize("name", MODELS)


def make(name="normalize", **parameters):
    """Return one of the MODELS, unfitted, which trains in milliseconds."""
    defaults = {
        "estimator": ContractiveAutoencoder(5, max_iter=5),
        "calibration_fraction": 0.3,
        "temperature": 1.0,
        "max_iter": 4,
        "random_state": 0,
    }
    return ClassSpecificAEClassifier(**{**defaults, **MODELS[name], **parameters})


def digits(n_classes=4, n=240):
    """Return the first `n` digits below `n_classes`, in [0, 1], and their classes."""
    X, y = load_digits(return_X_y=True)
    chosen = np.flatnonzero(y < n_classes)[:n]
    return X[chosen] / 16.0, y[chosen]


@pytest.fixture
def draws(monkeypatch):
    """A list of which of the rows each fit from here on holds out."""
    hold_out, found = _conformal.hold_out, []

    def recorded(labels, *args):
        train, held_out = hold_out(labels, *args)
        found.append(np.isin(np.arange(len(labels)), held_out))
        return train, held_out

    monkeypatch.setattr(_conformal, "hold_out", recorded)
    return found


def p_value(own, held_out, slack):
    """Return the p-values of energies (float64) by the formula, ties within some slack."""
    return (1.0 + (held_out <= own[:, None] + slack).sum(axis=1)) / (1.0 + len(held_out))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@every_model
def test_p_values_are_of_held_out_energies(name, dtype, draws):
    """A share of each class is held out, the fit is one to the other rows alone, and the p-values are ranks."""
    X, y = digits()
    X = X.astype(dtype)
    classifier = make(name).fit(X[:200], y[:200])
    counts = np.unique(y[:200], return_counts=True)[1]
    assert [len(each) for each in classifier.calibration_energies_] == np.ceil(0.3 * counts).tolist()
    (chosen,) = draws
    others = make(name, calibration_fraction=0.0).fit(X[:200][~chosen], y[:200][~chosen])
    assert classifier.decision_function(X).tobytes() == others.decision_function(X).tobytes()
    E, p, rounding = others.transform(X).astype(np.float64), classifier.p_values(X), 1e5 * np.finfo(dtype).eps
    assert p.dtype == np.float64
    for j in range(4):
        held_out = E[:200, j][chosen & (y[:200] == j)]
        assert (p_value(E[:, j], held_out, -rounding) <= p[:, j]).all()
        assert (p[:, j] <= p_value(E[:, j], held_out, rounding)).all()
        if dtype == np.float64:
            assert_array_equal(p[:, j], p_value(E[:, j], held_out, rounding))
    for coverage in (0.5, 0.9):
        sets = classifier.prediction_sets(X, coverage)
        assert sets.dtype == bool
        assert_array_equal(sets, p > 1.0 - coverage)


# A held-out row is one row whatever its weight; the other check is about which of 30 weighted rows a fit gets right.
NOT_OF_HELD_OUT_ROWS = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_class_weight_classifiers",
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        (estimator, check)
        for estimator, check in estimator_checks_generator(make(calibration_fraction=0.1))
        if getattr(check, "func", check).__name__ not in NOT_OF_HELD_OUT_ROWS
    ],
    ids=lambda value: getattr(getattr(value, "func", value), "__name__", "classifier"),
)
def test_estimator_check(estimator, check):
    """scikit-learn's contract holds where rows are held out."""
    check(estimator)


@every_model
def test_an_added_class_leaves_the_other_columns(name):
    """To the bit; its own rows are held out by the same share, and its own autoencoder has not seen them."""
    X, y = digits()
    old = y != 1
    classifier = make(name).fit(X[old], y[old])
    before, energies = classifier.p_values(X), classifier.calibration_energies_
    new = slice(None) if name == "energies" else ~old
    classifier.add_class(X[new], y[new])
    assert_array_equal(classifier.classes_, range(4))
    assert classifier.p_values(X)[:, [0, 2, 3]].tobytes() == before.tobytes()
    assert [classifier.calibration_energies_[j] for j in (0, 2, 3)] == energies  # the same arrays
    own = classifier.calibration_energies_[1]
    assert len(own) == np.ceil(0.3 * (~old).sum())
    chosen = np.isclose(classifier.transform(X)[:, 1, None], own, rtol=1e-12, atol=1e-12).any(axis=1) & ~old
    assert chosen.sum() == len(own)
    others = make(name).fit(X[old], y[old]).set_params(calibration_fraction=0.0)
    rest = ~chosen if name == "energies" else ~old & ~chosen
    others.add_class(X[rest], y[rest])
    assert others.decision_function(X).tobytes() == classifier.decision_function(X).tobytes()
    assert not hasattr(others, "calibration_energies_")


def test_two_classes_are_added():
    """Columns keep the order of `classes_`."""
    X, y = digits()
    classifier = make().fit(X[y % 2 == 1], y[y % 2 == 1])
    before = classifier.p_values(X)
    p = classifier.add_class(X, y).p_values(X)
    assert_array_equal(p[:, 1::2], before)
    for j in range(4):
        assert np.median(p[y == j, j]) > 0.3


def test_an_added_class_without_held_out_rows():
    """If the classes before have none, the new one has none; p-values then say what is missing."""
    X, y = digits()
    old = y < 3
    plain = make(calibration_fraction=0.0).fit(X[old], y[old])
    twin = make(calibration_fraction=0.0).fit(X[old], y[old]).add_class(X, y)
    plain.set_params(calibration_fraction=0.3).add_class(X, y)
    assert plain.transform(X).tobytes() == twin.transform(X).tobytes()
    with pytest.raises(ValueError, match=r"held-out rows of every class.*fit again with calibration_fraction=0.3"):
        plain.p_values(X)


def test_held_out_rows_change_nothing_else():
    """Without them the fit has no attribute of theirs and the methods are absent, with a sentence that says how."""
    X, y = digits()
    classifier = make(calibration_fraction=0.0).fit(X, y)
    assert not hasattr(classifier, "calibration_energies_")
    for name in ("p_values", "prediction_sets"):
        assert not hasattr(classifier, name)
        with pytest.raises(AttributeError) as caught:
            getattr(classifier, name)
        assert "calibration_fraction=0.2" in str(caught.value.__cause__ or caught.value)
    with pytest.raises(NotFittedError):
        make().p_values(X)
    refitted = make().fit(X, y).set_params(calibration_fraction=0.0).fit(X, y)
    assert not hasattr(refitted, "calibration_energies_")


def test_partial_fit():
    """It trains on all rows and moves the energies: the p-values go, in a sentence, and come with the next fit."""
    X, y = digits()
    classifier, twin = make().fit(X, y), make().fit(X, y).set_params(calibration_fraction=0.0)
    p = classifier.p_values(X)
    pairs = [
        (classifier.partial_fit(X, y), twin.partial_fit(X, y)),
        [make(calibration_fraction=fraction).partial_fit(X, y, classes=range(4)) for fraction in (0.3, 0.0)],
    ]
    for each, other in pairs:
        assert each.decision_function(X).tobytes() == other.decision_function(X).tobytes()
        assert not hasattr(each, "calibration_energies_")
        for method in (each.p_values, each.prediction_sets):
            with pytest.raises(ValueError, match=r"after partial_fit; fit again with calibration_fraction=0.3"):
                method(X)
    assert_array_equal(classifier.fit(X, y).p_values(X), p)


def test_a_zero_weight_is_an_absent_row(rng):
    """Also where rows are held out; other weights are of the training alone."""
    X, y = digits()
    weight = rng.integers(0, 3, len(y)).astype(float)
    present = weight > 0.0
    first = make().fit(X, y, sample_weight=weight)
    second = make().fit(X[present], y[present], sample_weight=weight[present])
    assert first.p_values(X).tobytes() == second.p_values(X).tobytes()
    counts = np.unique(y[present], return_counts=True)[1]
    assert [len(each) for each in first.calibration_energies_] == np.ceil(0.3 * counts).tolist()


def test_every_class_holds_a_row_out():
    """A class of one row is refused in a sentence, in `fit` and in `add_class`; of two rows, one is held out."""
    X, y = digits()
    few = np.r_[np.flatnonzero(y != 2), np.flatnonzero(y == 2)[:1]]
    classifier = make()
    with pytest.raises(ValueError, match=r"calibration_fraction=0.3 holds out rows.*needs two or more, got one.*2"):
        classifier.fit(X[few], y[few])
    assert not hasattr(classifier, "classes_")
    classifier.fit(X[y < 2], y[y < 2])
    with pytest.raises(ValueError, match=r"got one of class 2"):
        classifier.add_class(X[few], y[few])
    assert len(classifier.calibration_energies_) == 2
    classifier = make(calibration_fraction=0.99).fit(*(np.r_[each[y < 2], each[y == 2][:2]] for each in (X, y)))
    assert [len(each) for each in classifier.calibration_energies_][2] == 1
    assert [each.n_samples_seen_ for each in classifier.estimators_] == [1, 1, 1]


def test_too_few_held_out_rows_for_the_coverage():
    """A class that no set can leave out is warned of; one row more, and it can."""
    X, y = digits(n=300)
    labels = np.array(list("abcd"))[y]
    keep = np.r_[np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:32], np.flatnonzero(y == 3)[:31]]
    classifier = make().fit(X[keep], labels[keep])
    assert [len(each) for each in classifier.calibration_energies_][2:] == [10, 10]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.prediction_sets(X, 0.9)
    with pytest.warns(UserWarning, match=r"class 'c' is in every.*0.95 needs 19.*got 10.*\(1 other class likewise"):
        sets = classifier.prediction_sets(X, 0.95)
    assert sets[:, 2:].all()


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, np.nan, "0.9"], ids=str)
def test_coverage_is_checked(coverage):
    """It is a probability."""
    X, y = digits()
    with pytest.raises((ValueError, TypeError), match="coverage"):
        make().fit(X, y).prediction_sets(X, coverage)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, "some"], ids=str)
def test_fraction_is_checked(fraction):
    """Before anything is trained."""
    with pytest.raises(ValueError, match="'calibration_fraction' parameter"):
        make(calibration_fraction=fraction).fit(*digits())


def test_held_out_rows_are_checked(draws):
    """As the rows are that are trained on, before the training."""
    X, y = digits()
    classifier = make("bernoulli").fit(X, y)
    place = np.flatnonzero(draws[0])[0]
    X = X.copy()
    X[place, 3] = 1.5
    with pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        make("bernoulli").fit(X, y)
    with pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        classifier.p_values(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_equal_rows_tie(dtype, rng):
    """Rounding that differs from batch to batch does not break ties: rows that are all equal have p = 1."""
    X = np.repeat(rng.standard_normal((2, 37)), 40, axis=0).astype(dtype) + dtype(3.0)
    y = np.repeat([0, 1], 40)
    classifier = make(method="finetune").fit(X, y)
    for size in (1, 2, 3, 7, 80):
        for start in range(0, 80, size):
            p = classifier.p_values(X[start : start + size])
            assert (p[np.arange(len(p)), y[start : start + size]] == 1.0).all()


def test_p_values_do_not_depend_on_the_batch_or_the_container():
    """One row, CSR rows, float32 rows and a pickled classifier have the same p-values."""
    X, y = digits()
    classifier = make().fit(X, y)
    p = classifier.p_values(X)
    alone = np.concatenate([classifier.p_values(X[i : i + 1]) for i in range(50)])
    assert_array_equal(alone, p[:50])
    assert_array_equal(classifier.p_values(sparse.csr_matrix(X)), p)
    assert_array_equal(pickle.loads(pickle.dumps(classifier)).p_values(X), p)
    assert_array_equal(make().fit(sparse.csr_matrix(X), y).p_values(X), p)
    assert np.abs(classifier.p_values(X.astype(np.float32)) - p).max() < 0.1


def test_p_values_keep_their_level(rng):
    """For each class, over draws of training, held-out and new rows; new classes are rejected more often."""
    shares, novel = [], []
    for seed in range(30):
        X = rng.standard_normal((600, 6)) @ np.diag([2.0, 1.0, 0.5, 0.2, 0.2, 0.2])
        y = rng.integers(0, 3, 600)
        X[np.arange(600), 3 + y] += 2.0
        classifier = make(random_state=seed).fit(X[:300][y[:300] < 2], y[:300][y[:300] < 2])
        p, new = classifier.p_values(X[300:]), y[300:]
        shares.append([[(p[new == j, j] <= a).mean() for a in LEVELS] for j in (0, 1)])
        novel.append((p[new == 2] <= 0.1).mean())
    error = np.std(shares, axis=0) / np.sqrt(len(shares))
    assert (np.mean(shares, axis=0) <= LEVELS + 2.0 * error).all()
    assert np.mean(novel) > 0.3
