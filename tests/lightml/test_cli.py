import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import lightml
from lab_logger import start_run
from lightml.cli import app
from lightml.database import Database, locate
from lightml.handle import LightMLHandle

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "init", "model-register", "checkpoint-register", "metric-log", "export", "scan", "compare", "diff", "exists",
    "stats", "migrate", "version", "gui",
)  # fmt: skip


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def _json(*words: object, exit_code: int = 0) -> Any:
    result = _run(*words, "--json")
    assert result.exit_code == exit_code, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def _process(*words: object, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lightml", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "libs"), **(env or {})},
        **options,
    )


@pytest.fixture
def db(place: Database) -> Database:
    """A registry with the models of the documented examples."""
    result = _run("init", "--db", place)
    assert result.exit_code == 0
    path = place
    handle = LightMLHandle(path, "my-experiment")
    values = {
        "llama-base": (0.443, 0.695, 0.521),
        "llama-sft": (0.487, 0.719, 0.562),
        "gemma-9b": (0.512, 0.734, 0.548),
    }
    for name, numbers in values.items():
        handle.register_model(name, f"/models/{name}")
        handle.log_metrics(name, {"ENG 5-shot": dict(zip(("ARC", "HellaSwag", "MMLU"), numbers, strict=True))})
    for name, marks in {"llama-base": [1, 1, 0, 0], "llama-sft": [1, 1, 1, 0]}.items():
        handle.log_model_metric(name, "hellaswag_0shot", "hellaswag_acc_norm", sum(marks) / 4, scores=marks)
    return path


def test_the_verbs_are_the_documented_ones_each_with_help_and_an_example() -> None:
    listed = _run("--help").stdout.split("Commands:")[1]
    assert re.findall(r"^  (\S+)  ", listed, re.MULTILINE) == list(VERBS)
    for verb in VERBS:
        shown = _run(verb, "--help").stdout
        assert f"Examples:\n    lightml {verb}" in shown
        assert "--json" in shown
        assert "--no-color" in shown


def test_init_makes_the_file_and_refuses_to_replace_it_unless_told(tmp_path: Path) -> None:
    words = ("init", "--path", tmp_path / "registry", "--name", "main")
    assert _run(*words).exit_code == 0
    path = tmp_path / "registry" / "main.db"
    LightMLHandle(path, "r").register_model("m", "/m")
    again = _run(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "is a registry already" in again.stderr
    assert _json(*words, "--overwrite") == {"path": str(path)}
    assert _json("exists", "--db", path, "--model", "m", exit_code=1) == {"matches": [], "count": 0}


def test_init_names_the_file_in_one_option_too(tmp_path: Path) -> None:
    assert _json("init", "--db", tmp_path / "one.db") == {"path": str(tmp_path / "one.db")}
    for wrong in (["--db", "one.sqlite"], ["--db", "a.db", "--name", "a"], ["--name", "a/b"], ["--overwrite"]):
        assert _run("init", *wrong).exit_code == 2


def test_model_register(db: Database) -> None:
    words = (
        "model-register",
        "--db",
        db,
        "--run",
        "my-experiment",
        "--name",
        "llama-dpo",
        "--path",
        "/models/llama-dpo",
    )
    made = _json(*words, "--parent", "llama-sft")
    assert (made["model_name"], made["run_name"]) == ("llama-dpo", "my-experiment")
    assert _json(*words) == made
    refused = _run(*words, "--parent", "llama-sftt")
    assert refused.exit_code == 1
    assert "'llama-sft'" in refused.stderr


def test_checkpoint_register(db: Database) -> None:
    words = ("checkpoint-register", "--db", db, "--run", "my-experiment", "--model", "llama-sft", "--step", 5000)
    made = _json(*words, "--path", "/checkpoints/step-5000")
    assert made["checkpoint_id"] == LightMLHandle(db, "my-experiment").find_checkpoint("llama-sft", 5000)
    assert _run(*words, "--path", "/checkpoints/step-5000").exit_code == 0
    unknown = _run("checkpoint-register", "--db", db, "--run", "my-experiment", "--model", "nobody", "--step", 1)
    assert unknown.exit_code == 1
    assert "nobody" in unknown.stderr


def test_metric_log_inserts_skips_and_overwrites(db: Database) -> None:
    words = [
        *("metric-log", "--db", db, "--run", "my-experiment", "--model", "llama-sft", "--family", "mmlu_5shot"),
        *("--metric", "mmlu_acc", "--value"),
    ]
    assert _json(*words, "0.634") == {"status": "inserted"}
    skipped = _run(*words, "0.7")
    assert (skipped.exit_code, "--force" in skipped.stdout) == (0, True)
    assert _json(*words, "0.7", "--force") == {"status": "updated"}
    found = _json("exists", "--db", db, "--model", "llama-sft", "--metric", "mmlu_acc")
    assert [match["value"] for match in found["matches"]] == [0.7]


def test_metric_log_with_scores_and_of_a_checkpoint(db: Database, tmp_path: Path) -> None:
    handle = LightMLHandle(db, "my-experiment")
    checkpoint_id = handle.register_checkpoint("llama-sft", 5000, "/c")
    scores = tmp_path / "scores.json"
    scores.write_text("[1, 0, 1, 1]")
    metric = ("metric-log", "--db", db, "--family", "f", "--metric", "acc", "--value", "0.75", "--scores", scores)
    assert _json(*metric, "--run", "my-experiment", "--model", "llama-sft") == {"status": "inserted"}
    assert handle.get_detailed_scores("llama-sft", "f", "acc") == [1, 0, 1, 1]
    assert _json(*metric, "--run", "my-experiment", "--model", "llama-sft", "--step", 5000) == {"status": "inserted"}
    assert _json(*metric, "--checkpoint-id", checkpoint_id) == {"status": "skipped"}
    missing = _run(*metric, "--run", "my-experiment", "--model", "llama-sft", "--step", 6000)
    assert missing.exit_code == 1
    assert "no checkpoint at step 6000" in missing.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [("[1, 0", "not valid JSON"), ("[1, 0]", "mean"), ("{}", "scores"), ("[]", "empty"), (None, "cannot read")],
)
def test_metric_log_refuses_scores_it_cannot_use(
    db: Database, tmp_path: Path, content: str | None, reason: str
) -> None:
    scores = tmp_path / "scores.json"
    if content is not None:
        scores.write_text(content)
    words = ("metric-log", "--db", db, "--model", "llama-sft", "--family", "f", "--metric", "acc", "--value", "0.75")
    refused = _run(*words, "--scores", scores)
    assert refused.exit_code == 1
    assert reason in refused.stderr
    assert _json("exists", "--db", db, "--family", "f", exit_code=1)["count"] == 0


@pytest.mark.parametrize(
    "owner", ["", "--model m --checkpoint-id 1", "--model m --step 1", "--checkpoint-id 1 --step 1"]
)
def test_metric_log_needs_one_owner(db: Database, owner: str) -> None:
    words = ("metric-log", "--db", db, "--family", "f", "--metric", "acc", "--value", "0.5")
    assert _run(*words, *owner.split()).exit_code == 2


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_metric_log_refuses_what_is_not_finite(db: Database, value: str) -> None:
    words = ("metric-log", "--db", db, "--model", "llama-sft", "--family", "f", "--metric", "acc", "--value", value)
    assert _json(*words, exit_code=1)["error"]


def test_export_writes_the_report_where_it_is_told(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _json("export", "--db", db, "--output", tmp_path / "r.xlsx") == {"path": str(tmp_path / "r.xlsx")}
    monkeypatch.chdir(tmp_path)
    assert _run("export", "--db", db).exit_code == 0
    assert (tmp_path / "report.xlsx").read_bytes()[:2] == b"PK"


def test_scan_imports_names_what_is_broken_and_fails_if_nothing_was_there(db: Database, tmp_path: Path) -> None:
    for name, text in {"model-alpha": '{"results": {"arc": {"acc": 0.5}}}', "broken": "{"}.items():
        (tmp_path / "eval" / name).mkdir(parents=True)
        (tmp_path / "eval" / name / "results_2026-01-15T10-30-00.json").write_text(text)
    words = [
        *("scan", "--db", db, "--run", "lm-eval-run", "--path", tmp_path / "eval", "--format", "lm_eval"),
        *("--prefix", "eval/", "--force"),
    ]
    result = _run(*words)
    assert (result.exit_code, result.stdout) == (0, "1 models, 1 metrics logged, 0 skipped\n")
    assert "broken/results_2026-01-15T10-30-00.json" in result.stderr
    assert _json(*words)["models_registered"] == 1
    assert _run("exists", "--db", db, "--model", "eval/model-alpha", "--run", "lm-eval-run").exit_code == 0
    (tmp_path / "nothing" / "here").mkdir(parents=True)
    nothing = _run("scan", "--db", db, "--run", "r", "--path", tmp_path / "nothing", "--format", "json")
    assert nothing.exit_code == 1
    assert "no json results in: here" in nothing.stdout
    assert _run("scan", "--db", db, "--run", "r", "--path", tmp_path, "--format", "xml").exit_code == 2
    assert _run("scan", "--db", db, "--run", "r", "--path", tmp_path / "no").exit_code == 1


def test_compare_prints_the_table_of_the_library(db: Database) -> None:
    words = [
        *("compare", "--db", db, "--model-a", "llama-base", "--model-b", "llama-sft", "--run", "my-experiment"),
        *("--family", "ENG 5-shot"),
    ]
    shown = _run(*words).stdout
    assert "Compare: llama-base  vs  llama-sft" in shown
    assert "✅ 3 improved  ❌ 0 regressed  ➖ 0 unchanged  ❓ 0 missing" in shown
    assert _json(*words)["summary"] == {"improved": 3, "regressed": 0, "unchanged": 0, "missing": 0}


@pytest.mark.parametrize(
    "models",
    [
        ["--models", "llama-base", "llama-sft", "gemma-9b"],
        ["--models", "llama-base", "--models", "llama-sft", "--models", "gemma-9b"],
        ["--models=llama-base", "--models", "llama-sft", "gemma-9b"],
    ],
)
def test_diff_takes_several_models_after_one_option_and_one_each(db: Database, models: list[str]) -> None:
    result = _run("diff", "--db", db, *models, "--run", "my-experiment", "--family", "ENG 5-shot", "--no-color")
    assert result.exit_code == 0
    assert "lightml diff — 3 models  (run: my-experiment)" in result.stdout
    assert "\x1b" not in result.stdout
    assert _json("diff", *models, "--db", db)["models"] == ["llama-base", "llama-sft", "gemma-9b"]


def test_diff_of_one_model_is_refused(db: Database) -> None:
    assert _run("diff", "--db", db, "--models", "llama-base").exit_code == 1
    assert _run("diff", "--db", db, "--models").exit_code == 2


def test_exists_lists_what_matches_and_says_by_its_exit_code_whether_anything_does(db: Database) -> None:
    assert _run("exists", "--db", db, "--model", "llama-sft").stdout == "  ✓ llama-sft\n  1 match(es)\n"
    words = ("exists", "--db", db, "--model", "*a*", "--family", "ENG*", "--metric", "M?LU")
    assert _run(*words).stdout.splitlines() == [
        "  ✓ gemma-9b    ENG 5-shot/MMLU = 0.5480  (run: my-experiment)",
        "  ✓ llama-base  ENG 5-shot/MMLU = 0.5210  (run: my-experiment)",
        "  ✓ llama-sft   ENG 5-shot/MMLU = 0.5620  (run: my-experiment)",
        "  3 match(es)",
    ]
    assert _run(*words, "--run", "my-experiment").exit_code == 0
    none = _run(*words, "--run", "another")
    assert (none.exit_code, none.stdout) == (1, "")
    assert "nothing matches" in none.stderr
    assert _run("exists", "--db", db).exit_code == 2


def test_stats_prints_the_block_of_the_library(db: Database) -> None:
    words = [
        *("stats", "--db", db, "--model-a", "llama-base", "--model-b", "llama-sft"),
        *("--family", "hellaswag_0shot", "--metric", "hellaswag_acc_norm"),
    ]
    shown = _run(*words).stdout
    assert "Statistical comparison: llama-base vs llama-sft" in shown
    assert "Family: hellaswag_0shot  Metric: hellaswag_acc_norm" in shown
    result = _json(*words)
    assert result["contingency"] == {
        "both_correct": 2, "only_a": 0, "only_b": 1, "both_wrong": 1, "n_discordant": 1
    }  # fmt: skip
    assert _json(*words, "--seed", 7)["mcnemar"] == result["mcnemar"]


def test_stats_without_a_terminal_says_what_to_give(db: Database) -> None:
    result = _run("stats", "--db", db, "--model-a", "llama-base")
    assert result.exit_code == 2
    assert "--model-b, --family, --metric" in result.stderr


def test_migrate_upgrades_an_old_registry_that_is_refused_before(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.executescript("""
            CREATE TABLE run (id INTEGER PRIMARY KEY, run_name TEXT UNIQUE, description TEXT, metadata TEXT);
            CREATE TABLE model (id INTEGER PRIMARY KEY, model_name TEXT, path TEXT, parent_id INTEGER, run_id INTEGER);
            CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, model_id INTEGER, step INTEGER, path TEXT,
                created_at TEXT);
            CREATE TABLE metrics (id INTEGER PRIMARY KEY, model_id INTEGER, checkpoint_id INTEGER, family TEXT,
                metric_name TEXT, value REAL);
            CREATE TABLE registry_schema (id INTEGER PRIMARY KEY, family TEXT, metric_name TEXT);
            INSERT INTO run (run_name) VALUES ('r');
            INSERT INTO model (model_name, run_id) VALUES ('m', 1);
            INSERT INTO metrics (model_id, family, metric_name, value) VALUES (1, 'f', 'acc', 0.5);
        """)
    connection.close()
    refused = _run("exists", "--db", old, "--model", "m")
    assert refused.exit_code == 1
    assert "lightml migrate" in refused.stderr
    done = _run("migrate", "--db", old)
    assert done.exit_code == 0
    assert "detailed_scores" in done.stdout
    assert _run("exists", "--db", old, "--model", "m", "--metric", "acc").exit_code == 0
    assert "is up to date" in _run("migrate", "--db", old).stdout


def test_version() -> None:
    assert _run("version").stdout == f"lightml {lightml.__version__}\n"
    assert _json("version") == {"version": lightml.__version__}


def test_a_registry_that_is_not_there_is_refused_by_every_verb_and_not_made(tmp_path: Path) -> None:
    db = tmp_path / "no.db"
    for words in (
        ["model-register", "--run", "r", "--name", "m"],
        ["checkpoint-register", "--run", "r", "--model", "m", "--step", "1"],
        ["metric-log", "--model", "m", "--family", "f", "--metric", "a", "--value", "1"],
        ["export"],
        ["scan", "--run", "r", "--path", str(tmp_path)],
        ["compare", "--model-a", "a", "--model-b", "b"],
        ["diff", "--models", "a", "b"],
        ["exists", "--model", "m"],
        ["stats", "--model-a", "a", "--model-b", "b", "--family", "f", "--metric", "m"],
        ["migrate"],
        ["gui"],
    ):
        result = _run(*words, "--db", db)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "lightml init" in result.stderr
    assert not db.exists()


def test_a_registry_that_is_there_is_replaced_only_on_request(db: Database) -> None:
    kept = _run("init", "--db", db)
    assert (kept.exit_code, kept.stdout) == (1, "")
    assert "is a registry already" in kept.stderr
    assert _run("exists", "--db", db, "--model", "*").exit_code == 0
    assert _json("init", "--db", db, "--overwrite") == {"path": str(locate(db))}
    assert _run("exists", "--db", db, "--model", "*").exit_code == 1
    assert _run("migrate", "--db", db).stdout == f"{locate(db)} is up to date\n"


def test_a_server_that_does_not_answer_is_said_without_its_password() -> None:
    words = ("exists", "--model", "m", "--db", "postgresql://ada:s3cr3t@127.0.0.1:7/lab")
    refused = _run(*words)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "postgresql://ada@127.0.0.1:7/lab" in refused.stderr
    assert "s3cr3t" not in refused.stderr + _json(*words, exit_code=1)["error"]


def test_without_a_db_the_trackers_own_store_is_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", str(tmp_path / "manifests.sqlite"))
    assert _json("init") == {"path": str(tmp_path / "manifests.sqlite")}
    assert _run("model-register", "--run", "r", "--name", "m").exit_code == 0
    assert _run("exists", "--model", "m").exit_code == 0


def test_a_run_of_the_tracker_is_registered_with_its_metrics(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, weights = tmp_path / "manifests.db", tmp_path / "model.pt"
    weights.write_bytes(b"weights")
    monkeypatch.setenv("DB_PATH", str(store))
    monkeypatch.delenv("LAB_SERVER_URL", raising=False)
    with start_run(dataset_id="digits") as run:
        run.log_artifact(weights)
        run.log_metrics({"acc": 0.75})
    words = ("model-register", "--db", db, "--from-run", run.run_id, "--run", "mine", "--name", "net", "--store", store)
    made = _json(*words)
    assert (made["model_name"], made["run_name"], made["source_run_id"]) == ("net", "mine", run.run_id)
    assert (made["family"], made["inserted"]) == ("digits", 1)
    assert _run(*words).exit_code == 0
    assert _run("model-register", "--db", db, "--from-run", "nothing-begins-so").exit_code == 1
    assert _run("model-register", "--db", db, "--run", "r", "--name", "m", "--store", store).exit_code == 2


def test_wrong_usage_is_two_and_json_when_asked(db: Database) -> None:
    assert _run("diff", "--nope").exit_code == 2
    assert _run("nonsense").exit_code == 2
    assert _run().exit_code == 2
    assert "--nope" in _json("diff", "--nope", exit_code=2)["error"]
    assert "--run" in _json("scan", "--path", ".", exit_code=2)["error"]
    assert "nobody" in _json("compare", "--db", db, "--model-a", "nobody", "--model-b", "x", exit_code=1)["error"]


def test_a_name_cannot_drive_the_terminal(db: Database) -> None:
    LightMLHandle(db, "r").register_model("evil\x1b[2J", "/m")
    assert "\x1b" not in _run("exists", "--db", db, "--model", "evil*").stdout


def test_the_module_runs_and_a_command_imports_nothing_heavy() -> None:
    code = (
        "import sys; from lightml.cli import app; app(['version'], standalone_mode=False); "
        "print([name for name in ('numpy', 'scipy', 'openpyxl', 'sklearn', 'streamlit') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "libs")},
    )
    assert result.stdout == f"lightml {lightml.__version__}\n[]\n"
    assert _process("version").stdout == f"lightml {lightml.__version__}\n"


def test_scripts_can_ask_whether_a_model_is_there(db: Database) -> None:
    script = f'if "{sys.executable}" -m lightml exists --db "{db}" --model "$1" >/dev/null 2>&1; then echo yes; fi'
    env = {**os.environ, "PYTHONPATH": str(ROOT / "libs")}
    for name, answer in {"llama-sft": "yes\n", "my-model": ""}.items():
        done = subprocess.run(["sh", "-c", script, "sh", name], capture_output=True, text=True, check=True, env=env)
        assert done.stdout == answer


def test_an_encoding_without_the_signs_gets_replacements(db: Database) -> None:
    words = ("compare", "--db", db, "--model-a", "llama-base", "--model-b", "llama-sft")
    result = _process(*words, env={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "Compare: llama-base  vs  llama-sft" in result.stdout


def test_a_reader_that_leaves_early_is_no_error(db: Database) -> None:
    command = f'"{sys.executable}" -m lightml compare --db "{db}" --model-a llama-base --model-b llama-sft | true'
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "libs")},
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_stats_in_a_terminal_asks_for_what_is_missing(db: Database) -> None:
    pty = pytest.importorskip("pty")
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lightml", "stats", "--db", str(db), "--no-color"],
        stdin=side,
        stdout=side,
        stderr=side,
        env={**os.environ, "PYTHONPATH": str(ROOT / "libs")},
    )
    os.close(side)
    os.write(main, b"nobody\n2\n")
    said = b""
    try:
        while block := os.read(main, 4096):
            said += block
    except OSError:  # the other side of a terminal closes with an error on Linux
        pass
    os.close(main)
    assert process.wait() == 0, said
    text = said.decode().replace("\r\n", "\n")
    assert "'nobody' is neither a number from 1 to 2 nor one of the names" in text
    assert "the only one: llama-base" in text
    assert "Statistical comparison: llama-sft vs llama-base" in text
