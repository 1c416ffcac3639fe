"""The studies of the papers (`benchmarks/papers`): their cells, their claims, and the file that keeps results."""

import concurrent.futures
import contextlib
import importlib
import itertools
import json
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "papers"
if not FOLDER.is_dir():
    pytest.skip("the benchmarks are not here", allow_module_level=True)

STUDIES = sorted(
    path.stem for path in FOLDER.glob("*.py") if path.stem != "study" and "STUDY = " in path.read_text(encoding="utf-8")
)
every_study = pytest.mark.parametrize("name", STUDIES)


@contextlib.contextmanager
def import_paths():
    """Let the scripts import one another from their own folder, and leave neither a path nor a module behind."""
    before, modules = list(sys.path), set(sys.modules)
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    try:
        yield
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and FOLDER.parent in Path(file).parents:
                del sys.modules[name]


@pytest.fixture(scope="module")
def load():
    """A function that imports a module of the folder."""
    with import_paths():
        yield importlib.import_module


@pytest.fixture
def results(load, tmp_path):
    """No results yet."""
    return load("study").Results(tmp_path / "some.json")


# Every study


@every_study
def test_cells_are_unique_and_plain(name, load, tmp_path):
    """A cell is the key of its results: it survives JSON, and no quick cell is taken for another."""
    study = load(name).STUDY
    assert study.name == name
    keys = {}
    for quick in (True, False):
        cells = list(study.cells(quick, study.results(tmp_path)))
        texts = [json.dumps(cell, sort_keys=True, allow_nan=False) for cell in cells]
        assert [json.loads(text) for text in texts] == cells
        assert len(set(texts)) == len(texts) > 0
        keys[quick] = set(texts)
    assert not keys[True] & keys[False]


@every_study
def test_study_is_a_command(name, load, monkeypatch, capsys):
    """`python benchmarks/papers/NAME.py` runs it. Its help is what the page says of it."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert load(name).__doc__.strip() in capsys.readouterr().out


@every_study
def test_claims_judge_without_results(name, load, tmp_path):
    """A study that has not run yet says so, and its tables can be made."""
    study = load(name).STUDY
    results = study.results(tmp_path)
    assert [verdict for _, verdict, _ in study.judged(results)] == ["not measured yet"] * len(study.claims)
    assert all(claim.text and claim.where for claim in study.claims)
    for table in study.tables(results):
        assert all(len(row) == len(table.columns) for row in table.rows)


@every_study
def test_claims_and_tables_of_what_is_kept(name, load):
    """Judges and tables work on the results of the repository; each has cells that the study would measure."""
    study = load(name).STUDY
    results = study.results()
    if not len(results):
        pytest.skip("no results yet")
    for _, verdict, ours in study.judged(results):
        assert verdict in {"holds", "holds in part", "does not hold here", "not measured yet"}
        assert bool(ours) == (verdict != "not measured yet")
    for table in study.tables(results):
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert all(isinstance(text, str) for row in table.rows for text in row)


@every_study
def test_a_study_may_stop_anywhere(name, load):
    """Claims and tables of some of the results say what is measured, and what is not yet."""
    study, rng = load(name).STUDY, np.random.default_rng(0)
    results = study.results()
    cells = [cell for cell in study.cells(False, results) if cell in results]
    for n_cells in (1, 2, 5, *[len(cells) // 3] * 3, *[max(len(cells) - 1, 0)] * 3):
        chosen = rng.permutation(len(cells))[:n_cells]
        part = results.of([cells[i] for i in chosen])
        assert len(study.judged(part)) == len(study.claims)
        assert all(len(row) == len(table.columns) for table in study.tables(part) for row in table.rows)


def test_a_quick_path_is_judged(load, tmp_path):
    """It has three steps. Claims on other steps are not measured by it."""
    study = load("sat_filters").STUDY
    results = study.results(tmp_path)
    names = ("alphas", "covered", "spread", "local", "band", "flat", "dead", "r2", "aligned", "kept")
    for cell in study.cells(False, results):
        if cell["part"] == "path":
            results.add(cell, {"rate": 0.05, **{name: [0.0, 0.1, 0.2] for name in names}}, 0.0)
    judged = {claim.text: verdict for claim, verdict, _ in study.judged(results)}
    assert judged["As the penalty rises, filters of shrink become less local."] == "not measured yet"


def test_theory_of_sparse(load, tmp_path):
    """The study of bounds and signs as a whole: all that is proved holds, and what is only conjectured does not."""
    study = load("sparse_bounds").STUDY
    study.run(False, tmp_path)
    judged = study.judged(study.results(tmp_path))
    failed = [claim.text for claim, verdict, _ in judged if verdict != "holds"]
    assert failed == [
        "So there is a lambda for which a step raises the mean pre-activation of no unit.",
        "Relu has a positive slope in the biases due to the first-order term.",
    ]


# Results


def test_results_are_kept_in_a_file(results, load):
    cell = {"model": "a", "seed": 0}
    results.add(cell, {"error": 0.123456789, "curve": [1.0, 2.0], "n": 3}, 1.23)
    again = load("study").Results(results.path)
    assert cell in again
    assert {"model": "a", "seed": 1} not in again
    assert again.lines(model="a") == [{**cell, "error": 0.12346, "curve": [1.0, 2.0], "n": 3}]
    assert again.seconds() == (1.2, 0)
    assert len(again.versions()) == 1


def test_values_are_in_the_order_of_seeds(results, load):
    for seed in (2, 0, 1):
        results.add({"model": "a", "seed": seed}, {"error": float(seed)}, 0.0)
    assert results.values("error", model="a").tolist() == [0.0, 1.0, 2.0]
    assert results.mean("error") == 1.0
    with pytest.raises(load("study").NotMeasuredError, match="no cell of"):
        results.values("error", model="b")


@pytest.mark.parametrize("place", ["write_text", "replace"])
def test_a_stop_while_a_file_is_written_loses_nothing(place, results, load, monkeypatch):
    """The file is whole whenever a study is stopped, and a rest of a partial one is not read."""
    study = load("study")
    results.add({"seed": 0}, {"error": 0.5}, 0.0)

    def stopped(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(study.os if place == "replace" else study.pathlib.Path, place, stopped)
        with pytest.raises(KeyboardInterrupt):
            results.add({"seed": 1}, {"error": 0.6}, 0.0)
    for rest in results.path.parent.glob("*.partial"):
        rest.write_text('{"cells": [', encoding="utf-8")
    again = study.Results(results.path)
    assert len(again) == 1
    again.add({"seed": 1}, {"error": 0.6}, 0.0)
    assert len(study.Results(results.path)) == 2


def test_a_study_is_stopped_and_continued(load, tmp_path):
    """What is measured is not measured again; cells that the study no longer has are kept, and do not count."""
    study, measured = load("study"), []

    def measure(number):
        measured.append(number)
        if len(measured) == 3:
            raise KeyboardInterrupt
        return {"square": number**2}

    one = study.Study("one", "", lambda quick, results: [{"number": i} for i in range(5)], measure)
    study.Results(tmp_path / "one.json").add({"number": 9}, {"square": 81}, 0.0)
    with pytest.raises(KeyboardInterrupt):
        one.run(False, tmp_path)
    one.run(False, tmp_path)
    assert measured == [0, 1, 2, 2, 3, 4]
    assert one.results(tmp_path).values("square").tolist() == [0, 1, 4, 9, 16]
    assert len(study.Results(tmp_path / "one.json")) == 6


def test_cells_may_follow_from_results(load, tmp_path):
    """Those of a run at its end are measured in the same run."""

    def cells(quick, results):
        return [{"number": 0}, *({"number": line["next"]} for line in results.lines() if line["next"] < 3)]

    one = load("study").Study("one", "", cells, lambda number: {"next": number + 1})
    one.run(False, tmp_path)
    assert one.results(tmp_path).values("next").tolist() == [1, 2, 3]


def test_two_runs_of_a_study_keep_what_the_other_adds(results, load):
    other = load("study").Results(results.path)
    results.add({"seed": 0}, {"error": 0.5}, 0.0)
    other.add({"seed": 1}, {"error": 0.6}, 0.0)
    results.keep_pictures({"one.png": "One."})
    other.add({"seed": 2}, {"error": 0.7}, 0.0)
    again = load("study").Results(results.path)
    assert again.values("error").tolist() == [0.5, 0.6, 0.7]
    assert again.pictures == {"one.png": "One."}


@pytest.mark.skipif(os.name == "nt", reason="has no such locks")
def test_runs_that_write_at_once_lose_nothing(results, load):
    def run(first):
        own = load("study").Results(results.path)
        for number in range(first, first + 20):
            own.add({"number": number}, {"square": number**2}, 0.0)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(0, 80, 20)))
    assert len(load("study").Results(results.path)) == 80


def test_a_file_that_breaks_during_a_run_is_put_aside(results, load, capsys):
    """What has been measured is kept."""
    results.add({"seed": 0}, {"error": 0.5}, 0.0)
    results.path.write_text("[]", encoding="utf-8")
    results.add({"seed": 1}, {"error": 0.6}, 0.0)
    assert load("study").Results(results.path).values("error").tolist() == [0.5, 0.6]
    assert results.path.with_suffix(".broken").read_text(encoding="utf-8") == "[]"
    assert "some.broken" in capsys.readouterr().out


@pytest.mark.parametrize("text", ['{"cells": [', "{}", "[]", "null", '{"cells": null}'])
def test_a_file_that_holds_no_results_is_refused(text, results, load):
    results.path.write_text(text, encoding="utf-8")
    with pytest.raises(
        load("study").BrokenResultsError, match=r"some.json holds no results .*: restore it, or delete it"
    ):
        load("study").Results(results.path)


def test_a_study_measures_a_part(load, tmp_path):
    """`only` takes the cells whose text has it; no cell starts after its time."""
    study = load("study")
    one = study.Study("one", "", lambda quick, results: [{"name": name} for name in "abc"], lambda name: {"value": 1})
    with pytest.raises(SystemExit, match="no cell of one contains 'seed=0'; one is: name=a"):
        one.run(False, tmp_path, only="seed=0")
    for options, n_results in (({"only": "name=b"}, 1), ({"minutes": 0.0}, 1), ({"minutes": float("nan")}, 1), ({}, 3)):
        one.run(False, tmp_path, **options)
        assert len(one.results(tmp_path)) == n_results


def test_a_cell_that_another_run_measures_meanwhile_is_not_measured_again(load, tmp_path):
    study, measured = load("study"), []

    def measure(model):
        measured.append(model)
        if model == "a":
            study.Results(tmp_path / "one.json").add({"model": "b"}, {"error": 1.0}, 0.0)
        return {"error": 0.0}

    cells = [{"model": model} for model in "abc"]
    one = study.Study("one", "One", lambda quick, results: cells, measure)
    one.run(False, tmp_path)
    assert measured == ["a", "c"]
    assert one.results(tmp_path).values("error", model="b") == 1.0


def test_the_page_says_what_the_results_say(load):
    """Nothing on it is typed by hand; `python benchmarks/papers/page.py` writes it."""
    module = load("page")
    assert module.PAGE.read_text(encoding="utf-8") == module.page()
    assert set(module.STUDIES) == set(STUDIES)


def test_a_quick_study_runs_as_a_whole(load, tmp_path):
    study = load("zae_dots").STUDY
    study.run(True, tmp_path)
    results = study.results(tmp_path, quick=True)
    assert len(results) == len(list(study.cells(True, results)))
    assert all(table.rows for table in study.tables(results))


def test_codes_have_the_rates_that_do_best_on_validation_images(load):
    """Learning rates of the compared models are not chosen on test images."""
    module = load("zae_codes")
    results = module.STUDY.results()
    for model, whiten in itertools.product(module.RATED, (False, True)):
        lines = results.lines(part="rate", model=model, whiten=whiten, units=None)
        if len(lines) == len(module.RATES[model, whiten]):
            best = max(lines, key=lambda line: line["validation"])["rate"]
            assert module.CHOSEN.get((model, whiten), "auto") == best


def test_codes_have_the_thresholds_that_do_best_on_validation_images(load):
    module = load("zae_codes")
    results = module.STUDY.results()
    for whiten, names in module.ZERO_BIAS.items():
        for model, name in zip(("TRec", "TLin"), names, strict=True):
            lines = results.lines(part="threshold", model=model, whiten=whiten)
            assert lines, "no thresholds"
            lines += results.lines(part="rate", model=model, whiten=whiten, units=None)
            best = max(lines, key=lambda line: line["validation"])
            threshold = best.get("threshold", 1.0)
            assert name == (model if threshold == 1.0 else f"{model} {threshold:g}")
            assert best["rate"] == module.CHOSEN.get((name, whiten), "auto")


def test_mnist_has_the_settings_that_do_best_on_validation_images(load):
    module = load("energy_mnist")
    results = module.STUDY.results()
    for table, data in module.VALIDATION.items():
        errors = {line["model"]: line["error"] for line in results.lines(table=table)}
        ours = module.named(**module.CHOSEN[data])
        peers = [each for each in module.peers(data) if each.startswith(("SVC", "LogisticRegression"))]
        for chosen in (ours, *peers):
            kind = chosen.partition("(")[0] if chosen in peers else ("100 ", "200 ", "300 ")
            rivals = [each for each in module.validated(data) if each.startswith(kind)]
            assert chosen in rivals
            if all(each in errors for each in rivals):
                assert min(rivals, key=errors.get) == chosen


def test_claims_in_brackets_are_not_counted_as_the_papers(load):
    study, page = load("study"), load("page")
    claims = [study.Claim("ZAE 1", text, "", None) for text in ("One.", "(Ours:) two.")]
    text = page.summary([(claim, "holds", "") for claim in claims])
    assert "| ZAE | 1 | 0 | 0 | 0 |" in text
    assert "1 more claims" in text


def test_growth_of_errors_beyond_a_region(load):
    """The square root of an error that is quadratic in the distance is explained as a whole; a constant one is not."""
    module = load("sat_plane")
    ticks = np.linspace(-1.0, 1.0, 41)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    inside, distance = np.abs(points[:, 0]) < 0.51, np.maximum(np.abs(points[:, 0]) - 0.5, 0.0)
    assert module.growth(points, 3.0 * distance, inside) == pytest.approx(1.0, abs=1e-9)
    assert module.growth(points, 1.0 + 0.1 * distance, inside) < 0.5
    assert module.growth(points, distance, np.ones_like(inside)) == 0.0


def test_orientations_of_bases_do_not_know_quarter_turns(results, load):
    """Bases that differ by quarter turns, signs and the order of their rows have one angle."""
    module = load("sat_plane")
    angles = np.radians([10.0, 100.0, 190.0, 280.0, 10.0, 100.0, 190.0, 280.0, 10.0])
    for seed, angle in enumerate(angles):
        first = np.array([np.cos(angle), np.sin(angle)])
        rows = np.stack([first, [-first[1], first[0]]][:: 1 if seed % 2 else -1])
        where = {"part": "plane", "figure": "3", "alpha": 0.0, "solver": "sgd", "seed": seed}
        results.add(where, {"encoder": rows.ravel().tolist()}, 0.0)
        if seed < 8:
            with pytest.raises(load("study").NotMeasuredError):
                module.orientations(results, 0.0, "sgd")
    found, apart = module.orientations(results, 0.0, "sgd")
    assert found == pytest.approx(np.full(9, 10.0), abs=0.01)
    assert apart < 0.01
