"""A store with everything in it that is hard to move: what hands, older loggers and rare days leave behind."""

import sqlite3
from contextlib import closing
from pathlib import Path

from lab_logger import statements
from tests.backend.stores import AT, StoredRun, execute, record_artifact, write_points, write_runs

DAY_MS = 1_764_583_200_000
LONG = "0123456789abcdef" * 12_500
BARE = '{"lr": NaN, "momentum": Infinity, "depth": 3}'


def write_awkward(path: Path) -> Path:
    """Writes the store, which is made if missing; every value in it fits any database."""
    write_runs(
        path,
        [
            StoredRun("plain", params={"lr": 0.1, "nested": {"depth": 2}}, metrics={"loss": 0.25}, tags=("a", "b")),
            StoredRun(
                "unicode",
                command="python träning.py --naïve \t\n 'ok' \\N \\.",
                note="\N{SNOWMAN}\N{MUSICAL SYMBOL G CLEF} 日本語 e\u0301",
                params={"ключ": "значение"},
                tags=("日本語",),
            ),
            StoredRun("infinite", metrics={"loss": "Infinity", "gain": "-Infinity", "ratio": "NaN", "n": 2**53}),
            StoredRun("older", documents={"params_json": BARE, "final_metrics_json": '{"loss": NaN, "acc": 0.5}'}),
            StoredRun("spoiled", documents={"params_json": "{no json", "artifacts_json": None}, timestamp="yesterday"),
            StoredRun("large", params={"text": LONG, "list": list(range(5_000))}, dataset_id="d" * 400),
            StoredRun("stateless", metrics={"loss": 1.0}),
            StoredRun("to-rename", tags=("kept",), metrics={"loss": 0.75}),
            StoredRun("to-delete", tags=("gone",)),
            StoredRun("running", status="running"),
            StoredRun("failed", status="failed", duration_s=0.1 + 0.2),
        ],
    )
    execute(path, "INSERT INTO manifests (run_id, note, params_json) VALUES ('by hand', '', '{\"lr\": 1e-3}')")
    write_points(path, "to-rename", "loss", [(0, DAY_MS, 1.0), (1, DAY_MS + 1, None)])
    write_points(path, "infinite", "loss", [(0, 0, float("inf")), (5, -1, float("-inf")), (2**63 - 1, DAY_MS, 5e-324)])
    write_points(path, "plain", "loss", ((step, DAY_MS + step, 1 / (step + 1)) for step in range(25)))
    record_artifact(path, "plain", 0, Path("/data/model.bin"), size_bytes=2**40, sha256="ab" * 32)
    record_artifact(path, "plain", 1, Path("/data/folder"), kind="folder")
    execute(path, "UPDATE artifacts SET is_remote = 1 WHERE position = 1")
    for name in ("", "a/b.txt", "ü.txt"):
        row = {"run_id": "plain", "position": 1, "path": name, "size_bytes": 3, "sha256": "cd" * 32}
        execute(path, statements.ADD_ARTIFACT_FILE, row)
    execute(path, statements.RECORD_OBJECT, {"sha256": "cd" * 32, "size_bytes": 3, "stored_at": AT})
    execute(path, statements.ADVANCE_SPOOL, {"spool_id": "5" * 32, "position": 2**62, "applied_at": AT})
    change: dict[str, object] = {"run_id": "plain", "changed_at": AT, "changed_by": "mia", "note": "second"}
    execute(path, statements.ADD_NOTE_CHANGE, change)
    for name in ("first", "second", "third"):
        token: dict[str, object] = {"name": name, "sha256": name.encode().hex().ljust(64, "0"), "at": AT}
        insert = "INSERT INTO tokens (name, role, token_sha256, created_at) VALUES (:name, 'read', :sha256, :at)"
        execute(path, insert, token)
    execute(path, "DELETE FROM tokens WHERE name = 'third'")  # its number is never given out again
    execute(path, "UPDATE run_state SET created_by = 'mia', is_presumed = 1 WHERE run_id = 'failed'")
    execute(path, "DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = 'stateless')")
    execute(path, "DELETE FROM run_state WHERE run_id = 'stateless'")
    execute(path, "UPDATE manifests SET run_id = 'renamed' WHERE run_id = 'to-rename'")
    execute(path, "DELETE FROM manifests WHERE run_id = 'to-delete'")
    return path


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Gives the rows of every table of a SQLite store but those of its own history, sorted."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        names = [
            name.decode()
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            if not name.startswith((b"run_text_", b"sqlite_stat")) and name != b"schema_versions"
        ]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
