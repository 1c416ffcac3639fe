"""The demonstration: ``python -m skae``."""

import subprocess
import sys

import pytest

import skae
from skae import __main__ as demonstration


@pytest.fixture
def small(monkeypatch):
    """Fewer units and one strength, so that it takes seconds."""
    monkeypatch.setattr(demonstration, "N_UNITS", 100)
    monkeypatch.setattr(demonstration, "ALPHAS", (0.03,))


def test_help_and_wrong_arguments():
    """--help exits with 0 and says what there is, a wrong argument with 2."""
    run = subprocess.run([sys.executable, "-m", "skae", "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "--output" in run.stdout
    with pytest.raises(SystemExit) as exit_:
        demonstration.main(["--digit", "10"])
    assert exit_.value.code == 2


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
