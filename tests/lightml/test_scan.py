import json
import os
from pathlib import Path
from typing import Any

import pytest

from lightml import metrics, registry
from lightml.database import Database, reading
from lightml.errors import InvalidEntryError, NotARegistryError, RegistryMissingError
from lightml.handle import LightMLHandle
from lightml.models.scan import ScanStats
from lightml.scan import scan_and_import

STAMP = "2026-01-15T10-30-00"
LATER = "2026-01-16T09-00-00.123456"


def _write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def _lm_eval(
    folder: Path, results: dict[str, Any], *, stamp: str = STAMP, shots: dict[str, int] | None = None, **more: object
) -> Path:
    n_shot = {} if shots is None else {"n-shot": shots}
    return _write(folder / f"results_{stamp}.json", {"results": results, **n_shot, **more})


def _samples(folder: Path, task: str, rows: list[dict[str, Any]], *, stamp: str = STAMP) -> Path:
    return _write(folder / f"samples_{task}_{stamp}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _logged(db: Database) -> dict[tuple[str, str, str], float]:
    found = LightMLHandle(db, "reader").search(metric="*")
    return {(row["model"], row["family"], row["metric"]): row["value"] for row in found}


@pytest.fixture
def db(place: Database) -> Database:
    return place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "eval_results"
    folder.mkdir()
    return folder


def test_each_subfolder_is_one_model_with_the_metrics_of_its_tasks(db: Database, root: Path) -> None:
    _lm_eval(root / "model-alpha", {"hellaswag": {"acc": 0.25, "acc_norm": 0.5}})
    _lm_eval(root / "model-beta", {"arc": {"acc": 0.75}})
    stats = scan_and_import(db=db, run_name="lm-eval-run", path=root, format="lm_eval", model_prefix="eval/")
    assert stats == ScanStats(models_registered=2, metrics_logged=3)
    assert _logged(db) == {
        ("eval/model-alpha", "hellaswag", "acc"): 0.25,
        ("eval/model-alpha", "hellaswag", "acc_norm"): 0.5,
        ("eval/model-beta", "arc", "acc"): 0.75,
    }
    assert {row.run_name for row in registry.list_models(db)} == {"lm-eval-run"}


def test_names_follow_the_file_shots_in_the_family_the_usual_filter_left_out(db: Database, root: Path) -> None:
    entries = {
        "alias": " - gsm8k",
        "exact_match,strict-match": 0.1234567890123,
        "exact_match_stderr,strict-match": 0.01,
        "exact_match,none": 0.5,
        "exact_match_stderr,none": "N/A",
    }
    _lm_eval(root / "m", {"gsm8k": entries, "mmlu": {" ": " ", "alias": "mmlu"}}, shots={"gsm8k": 5})
    assert scan_and_import(db, "r", root).errors == {}
    assert _logged(db) == {
        ("m", "gsm8k_5shot", "exact_match,strict-match"): 0.1234567890123,
        ("m", "gsm8k_5shot", "exact_match"): 0.5,
    }


def test_a_second_scan_skips_and_force_overwrites(db: Database, root: Path) -> None:
    _lm_eval(root / "m", {"arc": {"acc,none": 0.25}})
    assert scan_and_import(db, "r", root).metrics_logged == 1
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}})
    again = scan_and_import(db, "r", root)
    assert (again.models_registered, again.metrics_logged, again.metrics_skipped) == (1, 0, 1)
    assert _logged(db) == {("m", "arc", "acc"): 0.25}
    assert scan_and_import(db, "r", root, force=True).metrics_logged == 1
    assert _logged(db) == {("m", "arc", "acc"): 0.5}


def test_the_newest_file_wins_for_each_family_by_the_time_in_its_name(db: Database, root: Path) -> None:
    newest = _lm_eval(root / "m", {"arc": {"acc,none": 0.75}}, stamp=LATER)
    older = _lm_eval(root / "m", {"arc": {"acc,none": 0.25, "acc_norm,none": 0.1}, "boolq": {"acc,none": 0.5}})
    os.utime(newest, (0, 0))
    assert older.stat().st_mtime > newest.stat().st_mtime
    scan_and_import(db, "r", root)
    assert _logged(db) == {("m", "arc", "acc"): 0.75, ("m", "boolq", "acc"): 0.5}


def test_results_one_folder_deeper_are_found_where_lm_eval_puts_them(db: Database, root: Path) -> None:
    _lm_eval(root / "m" / "meta-llama__Llama-3-8B", {"arc": {"acc,none": 0.5}}, model_name="meta-llama/Llama-3-8B")
    scan_and_import(db, "r", root)
    assert _logged(db) == {("m", "arc", "acc"): 0.5}
    assert [model.path for model in registry.list_models(db)] == ["meta-llama/Llama-3-8B"]


def test_a_folder_with_results_of_several_models_is_not_guessed_at(db: Database, root: Path) -> None:
    for name in ("one", "two"):
        _lm_eval(root / "m" / name, {"arc": {"acc,none": 0.5}})
    stats = scan_and_import(db, "r", root)
    assert stats.models_registered == 0
    assert "one, two" in stats.errors["m"]


def test_a_path_registered_by_hand_stays(db: Database, root: Path) -> None:
    registry.register_model(db, "r", "m", "/models/mine")
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}}, model_name="hub/name")
    scan_and_import(db, "r", root)
    assert [model.path for model in registry.list_models(db)] == ["/models/mine"]


def test_per_sample_files_give_the_scores_in_the_order_of_their_documents(db: Database, root: Path) -> None:
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5, "acc,first": 0.25, "loss,none": 1.5}})
    rows = [
        {"doc_id": doc_id, "filter": which, "acc": float(mark), "loss": 1.0 + doc_id / 3}
        for which, marks in {"none": [0, 1, 1, 0], "first": [0, 0, 0, 1]}.items()
        for doc_id, mark in enumerate(marks)
    ]
    _samples(root / "m", "arc", rows[::-1])
    _samples(root / "m", "arc_easy", [{"doc_id": 0, "acc": 1.0}])
    assert scan_and_import(db, "r", root).errors == {}
    handle = LightMLHandle(db, "r")
    assert handle.get_detailed_scores("m", "arc", "acc") == [0, 1, 1, 0]
    assert handle.get_detailed_scores("m", "arc", "acc,first") == [0, 0, 0, 1]
    assert handle.get_detailed_scores("m", "arc", "loss") == pytest.approx([1.0, 4 / 3, 5 / 3, 2.0])


def test_samples_of_another_evaluation_are_not_attached(db: Database, root: Path) -> None:
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}})
    _samples(root / "m", "arc", [{"doc_id": 0, "acc": 1}, {"doc_id": 1, "acc": 0}], stamp=LATER)
    scan_and_import(db, "r", root)
    assert LightMLHandle(db, "r").get_detailed_scores("m", "arc", "acc") is None


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"doc_id": 0, "acc": 1.0}], "neither the value 0.5"),
        ([{"doc_id": 0, "acc": [1, 2]}, {"doc_id": 1, "acc": 0}], "document 0 has a list"),
        ([{"doc_id": 0, "acc": 1}, {"doc_id": 0, "acc": 0}], "document 0 is there twice"),
        ([{"doc_id": 0, "acc": 1}, {"doc_id": 1, "acc": float("nan")}], "document 1 has nan"),
        ([{"doc_id": 0, "other": 1}], "no document has a value"),
        ([{"acc": 1}], "line 1 has no whole number doc_id"),
        ([], "no document has a value"),
    ],
)
def test_samples_that_do_not_fit_are_named_and_the_metric_is_logged_without(
    db: Database, root: Path, rows: list[dict[str, Any]], reason: str
) -> None:
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}})
    samples = _samples(root / "m", "arc", rows)
    stats = scan_and_import(db, "r", root)
    assert reason in stats.errors[f"m/{samples.name}"]
    assert _logged(db) == {("m", "arc", "acc"): 0.5}
    assert LightMLHandle(db, "r").get_detailed_scores("m", "arc", "acc") is None


BROKEN = {
    "cut off": '{"results": {"arc": {"acc,none": 0.5}',
    "not a number": '{"results": {"arc": {"acc,none": 0.5}, "boolq": {"acc,none": NaN}}}',
    "infinite": '{"results": {"arc": {"acc,none": 0.5}, "boolq": {"acc,none": 1e999}}}',
    "too large": '{"results": {"arc": {"acc,none": 1' + "0" * 400 + "}}}",
    "a number of many digits": '{"results": {"arc": {"acc,none": 1' + "0" * 5000 + "}}}",
    "deep": '{"results": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a list": "[1, 2]",
    "empty": "",
    "no results": '{"acc": 0.5}',
    "not text": "\x00\x01",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_one_broken_folder_of_fifty_is_named_and_the_rest_is_imported(db: Database, root: Path, content: str) -> None:
    for number in range(50):
        _lm_eval(root / f"model-{number:02}", {"arc": {"acc,none": number / 64}})
    broken = _write(root / "model-17" / f"results_{STAMP}.json", content)
    stats = scan_and_import(db, "r", root)
    assert (stats.models_registered, stats.metrics_logged) == (49, 49)
    assert list(stats.errors) == [f"model-17/{broken.name}"]
    assert stats.errors[f"model-17/{broken.name}"]
    assert len(registry.list_models(db)) == 49
    assert not LightMLHandle(db, "r").model_exists("model-17")


def test_bytes_that_are_no_text_are_named(db: Database, root: Path) -> None:
    (root / "m").mkdir()
    (root / "m" / "results_x.json").write_bytes(b"\xff\xfe{}")
    assert "not valid JSON" in scan_and_import(db, "r", root).errors["m/results_x.json"]


def test_an_older_broken_file_is_named_and_does_not_hide_the_newest(db: Database, root: Path) -> None:
    older = _write(root / "m" / f"results_{STAMP}.json", "{")
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}}, stamp=LATER)
    stats = scan_and_import(db, "r", root)
    assert list(stats.errors) == [f"m/{older.name}"]
    assert _logged(db) == {("m", "arc", "acc"): 0.5}


def test_what_is_no_number_is_left_out_and_named(db: Database, root: Path) -> None:
    path = _lm_eval(root / "m", {"arc": {"acc,none": 0.5, "matrix,none": [[1]]}, "odd": 3})
    stats = scan_and_import(db, "r", root)
    assert "arc/matrix,none is a list" in stats.errors[f"m/{path.name}"]
    assert "odd is a number instead of an object" in stats.errors[f"m/{path.name}"]
    assert _logged(db) == {("m", "arc", "acc"): 0.5}


def test_a_registry_that_allows_certain_metrics_refuses_a_folder_whole(db: Database, root: Path) -> None:
    registry.make_registry(db, metrics_schema={"arc": ["acc"]})
    _lm_eval(root / "good", {"arc": {"acc,none": 0.5}})
    _lm_eval(root / "bad", {"arc": {"acc,none": 0.5}, "boolq": {"acc,none": 0.5}})
    stats = scan_and_import(db, "r", root)
    assert "boolq" in stats.errors["bad"]
    assert _logged(db) == {("good", "arc", "acc"): 0.5}
    assert [model.model_name for model in registry.list_models(db)] == ["good"]


def test_folders_without_results_are_listed_and_no_registry_is_made_for_nothing(db: Database, root: Path) -> None:
    (root / "empty").mkdir()
    (root / ".cache").mkdir()
    _write(root / "model-gamma" / "metrics.json", {"acc": 0.5})
    _write(root / "results_beside.json", {"results": {"arc": {"acc": 0.5}}})
    stats = scan_and_import(db, "r", root)
    assert stats == ScanStats(skipped_dirs=["empty", "model-gamma"])
    with pytest.raises(RegistryMissingError):
        registry.list_runs(db)


def test_json_metrics_have_the_family_that_the_file_gives_or_default(db: Database, root: Path) -> None:
    _write(root / "flat" / "metrics.json", {"acc": 0.5, "f1": 1})
    _write(root / "nested" / "metrics_eng.json", {"ENG 5-shot": {"MMLU": 56.2}})
    _write(root / "nested" / "metrics_ita.json", {"ITA 0-shot": {"MMLU": 52.8}})
    _write(root / "nested" / "config.json", {"seed": 1})
    _write(root / "any" / "scores.json", {"acc": 0.25})
    stats = scan_and_import(db, "r", root, format="json")
    assert (stats.models_registered, stats.metrics_logged, stats.errors) == (3, 5, {})
    assert _logged(db) == {
        ("flat", "default", "acc"): 0.5,
        ("flat", "default", "f1"): 1.0,
        ("nested", "ENG 5-shot", "MMLU"): 56.2,
        ("nested", "ITA 0-shot", "MMLU"): 52.8,
        ("any", "default", "acc"): 0.25,
    }


def test_json_that_contradicts_itself_or_is_not_finite_is_refused_whole(db: Database, root: Path) -> None:
    _write(root / "twice" / "metrics_1.json", {"acc": 0.5})
    _write(root / "twice" / "metrics_2.json", {"acc": 0.25})
    _write(root / "nan" / "metrics.json", '{"eng": {"a": 0.5, "b": NaN}}')
    _write(root / "mixed" / "metrics.json", {"acc": 0.5, "note": "fine", "deep": {"er": {"acc": 1}}})
    stats = scan_and_import(db, "r", root, format="json")
    assert "acc is 0.25 here and 0.5 in another file" in stats.errors["twice/metrics_2.json"]
    assert "eng/b is nan" in stats.errors["nan/metrics.json"]
    assert "'note' is a text" in stats.errors["mixed/metrics.json"]
    assert "'deep/er' is an object" in stats.errors["mixed/metrics.json"]
    assert _logged(db) == {("mixed", "default", "acc"): 0.5}


@pytest.mark.parametrize("format_name", ["lm-eval", "", "xml"])
def test_an_unknown_format_is_refused_by_name(db: Database, root: Path, format_name: str) -> None:
    with pytest.raises(InvalidEntryError, match="lm_eval, json"):
        scan_and_import(db, "r", root, format=format_name)


def test_a_path_that_is_no_folder_is_refused(db: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidEntryError, match="there is no folder"):
        scan_and_import(db, "r", tmp_path / "nowhere")
    with pytest.raises(InvalidEntryError, match="there is no folder"):
        scan_and_import(db, "r", _write(tmp_path / "file", "x"))


def test_a_file_that_is_no_registry_ends_the_scan(tmp_path: Path, root: Path) -> None:
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}})
    with pytest.raises(NotARegistryError):
        scan_and_import(_write(tmp_path / "text.db", "no database, but long enough to be read as one" * 20), "r", root)


def test_a_scan_keeps_what_other_runs_have(db: Database, root: Path) -> None:
    registry.register_model(db, "other", "m")
    metrics.add_metric(db, "arc", "acc", 0.125, model_name="m", run_name="other")
    _lm_eval(root / "m", {"arc": {"acc,none": 0.5}})
    scan_and_import(db, "r", root, force=True)
    with reading(db) as connection:
        rows = connection.execute(
            "SELECT run_name, value FROM metrics JOIN model ON model.id = model_id JOIN run ON run.id = run_id"
        ).fetchall()
    assert {tuple(row) for row in rows} == {("other", 0.125), ("r", 0.5)}
