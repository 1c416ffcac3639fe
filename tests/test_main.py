"""The demonstration: ``python -m skae``."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

import skae
from skae import __main__ as demonstration


@pytest.fixture
def small(monkeypatch):
    """Fewer rows and units and one strength, so that it takes seconds."""
    data = load_digits()
    few = Bunch(data=data.data[:500], target=data.target[:500])
    monkeypatch.setattr(demonstration, "load_digits", lambda: few)
    monkeypatch.setattr(demonstration, "N_UNITS", 40)
    monkeypatch.setattr(demonstration, "ALPHAS", (0.03,))


def test_help_and_wrong_arguments():
    """--help exits with 0 and says what there is, a wrong argument with 2."""
    run = subprocess.run([sys.executable, "-m", "skae", "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "--output" in run.stdout
    with pytest.raises(SystemExit) as exit_:
        demonstration.main(["--digit", "10"])
    assert exit_.value.code == 2


def test_version(capsys):
    """--version says it, and does no work."""
    with pytest.raises(SystemExit) as exit_:
        demonstration.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"skae {skae.__version__}\n"


@pytest.mark.slow
def test_it_runs_without_matplotlib_and_rich(small, monkeypatch, capsys):
    """What is missing is named, with the extra that brings it; the rest runs."""
    for module in ("matplotlib", "matplotlib.figure", "rich"):
        monkeypatch.setitem(sys.modules, module, None)
    assert demonstration.main([]) == 0
    printed = capsys.readouterr().out
    assert skae.__version__ in printed
    assert "skae[plot]" in printed
    assert "skae[progress]" in printed
    for name in ("raw pixels", "PCA", "BernoulliRBM", "ContractiveAutoencoder", "ZeroBiasAutoencoder"):
        assert name in printed


def test_zero_bias_novelty_does_not_hang_on_rounding():
    """Data that differ by an eps give the figure to 0.002: units switch abruptly, which longer training amplifies."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16.0).astype(np.float32)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    X, model = X[y != 0], demonstration.models(0.03, 0)["PCAWhitener + ZeroBiasAutoencoder, 256 units"]
    noise = [np.zeros(X.shape), *(np.random.default_rng(seed).uniform(-1.0, 1.0, X.shape) for seed in (2, 3))]
    moved = [(X * (1.0 + 2e-7 * each)).astype(np.float32) for each in noise]
    figures = [roc_auc_score(y_test != 0, model.fit(each).score_samples(X_test)) for each in moved]
    assert np.ptp(figures) <= 0.002


@pytest.fixture
def split():
    """Few digits: rows to train and to test on, and their labels."""
    X, y = load_digits(return_X_y=True)
    return train_test_split((X[:300] / 16.0).astype(np.float32), y[:300], test_size=0.5, random_state=0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_strength_with_the_best_score_is_chosen(split, monkeypatch, capsys):
    monkeypatch.setattr(demonstration, "ALPHAS", (100.0, 0.03, 300.0))
    monkeypatch.setattr(demonstration, "N_UNITS", 10)
    monkeypatch.setattr(demonstration, "show_progress", lambda search: None)
    assert demonstration.select_alpha(split[0], demonstration.checked(demonstration.parser(), [])) == 0.03
    chosen = [line for line in capsys.readouterr().out.splitlines() if line.endswith("<- chosen")]
    assert [line.split()[0] for line in chosen] == ["alpha=0.03"]


def test_transformers_are_compared_on_test_digits(split, capsys):
    """The accuracy is that of all digits; the novelty is left out of the training where scores tell it."""
    X, X_test, y, y_test = split
    transformers = {"raw pixels": FunctionTransformer(), "whitened": skae.PCAWhitener(10)}
    fitted = demonstration.compare(transformers, X, X_test, y, y_test, 3)
    assert list(fitted) == list(transformers)
    assert fitted["whitened"].n_samples_seen_ == len(X)
    printed = [line[48:].replace("%", "").split() for line in capsys.readouterr().out.splitlines()[-3:]]
    for numbers, transformer in zip(printed[:2], transformers.values(), strict=True):
        classifier = make_pipeline(transformer, StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 13)))
        assert numbers[0] == f"{100 * classifier.fit(X, y).score(X_test, y_test):.1f}"
    scorers = [skae.PCAWhitener(10), skae.EnergyOutlierDetector(novelty=True)]
    aucs = [roc_auc_score(y_test != 3, each.fit(X[y != 3]).score_samples(X_test)) for each in scorers]
    assert [numbers[-1] for numbers in printed[1:]] == [f"{auc:.3f}" for auc in aucs]


def test_classifiers_are_scored_on_test_digits(split, monkeypatch, capsys):
    """Fitted to all digits for the accuracy, and to all but the novelty for its AUC."""
    seen = []

    class Recorder:
        def __init__(self, autoencoder, **parameters):
            self.method = parameters["method"]

        def fit(self, X, y):
            seen.append((self.method, set(y)))
            return self

        def score(self, X, y):
            assert len(X) == len(y) == len(split[1])
            return 0.875

        def score_samples(self, X):
            return X.sum(axis=1)

    monkeypatch.setattr(demonstration, "ClassSpecificAEClassifier", Recorder)
    demonstration.classify(*split, demonstration.checked(demonstration.parser(), ["--digit", "7"]))
    known = set(range(10)) - {7}
    methods = ("normalize", "finetune")
    assert seen == [(method, digits) for method in methods for digits in (set(range(10)), known)]
    auc = roc_auc_score(split[3] != 7, split[1].sum(axis=1))
    printed = [line.split()[-3:] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert printed == [["87.5", "%", f"{auc:.3f}"]] * 2


@pytest.mark.slow
def test_it_saves_the_picture_where_it_says(small, monkeypatch, tmp_path, capsys):
    """And exits with 1 where it cannot."""
    pytest.importorskip("matplotlib")

    def fit_only(transformers, X_train, *others):
        return {name: model.fit(X_train) for name, model in transformers.items() if "Autoencoder" in name}

    monkeypatch.setattr(demonstration, "select_alpha", lambda X, options: 0.03)
    monkeypatch.setattr(demonstration, "compare", fit_only)
    path = tmp_path / "picture.png"
    assert demonstration.main(["--output", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert path.read_bytes().startswith(b"\x89PNG")
    assert demonstration.main(["--output", str(tmp_path / "nowhere" / "picture.png")]) == 1
    assert "Cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--output", "."], ["--output", ""], ["--output", "a.xyz"], ["--output", "a"], ["--seed", "-1"], ["--jobs", "0"]],
)
def test_what_would_fail_at_the_end_is_refused_at_the_start(arguments, capsys):
    """A wrong argument exits with 2 before any work."""
    with pytest.raises(SystemExit) as exit_:
        demonstration.main(arguments)
    assert exit_.value.code == 2
    assert arguments[0] in capsys.readouterr().err
