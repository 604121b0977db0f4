"""What a registry of 1,000 models with 200 metrics each costs: bringing it in, its table, its report, a diff.

Owns the registry's budgets. The results are files as an evaluation leaves them behind, one folder for each model.
"""

import json
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from benchmarks.measure import BenchmarkError, Finding, Sample, take_turns, time_text
from benchmarks.servers import start_server
from benchmarks.workspace import Workspace
from lightml.diff import diff_models, format_diff
from lightml.export import export_excel
from lightml.scan import scan_and_import

MODELS, FAMILIES, METRICS = 1_000, 10, 20
LIMIT_S: Final = 10.0
_DIFFED: Final = 10
_SEED: Final = 7
_PAGES: Final = {
    "the page of one family": "/registry/pivot?family=benchmark_0",
    "the page of all families": "/registry/pivot",
}


def keeping_models(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Imports the results of every model, then asks for what people look at."""
    folder = workspace.folder / "registry"
    results = _write_results(folder / "results")
    registry = folder / "registry.db"
    rounds = 3 if is_quick else 7
    return [
        _importing(results, registry, rows=_rows(results)),
        *_paging(registry, workspace, rounds=rounds),
        _local("export to Excel", lambda: export_excel(registry, folder / "report.xlsx"), rounds=1 if is_quick else 3),
        _local(f"diff of {_DIFFED} models", lambda: _diff(registry), rounds=rounds),
    ]


def _write_results(folder: Path) -> Path:
    chance = random.Random(_SEED)
    for model in range(MODELS):
        place = folder / _model_name(model)
        place.mkdir(parents=True)
        found = {
            f"benchmark_{family}": {f"metric_{metric}": round(chance.random(), 6) for metric in range(METRICS)}
            for family in range(FAMILIES)
        }
        (place / "metrics.json").write_text(json.dumps(found))
    return folder


def _rows(results: Path) -> list[tuple[int, str, str, float]]:
    return [
        (number, family, metric, value)
        for number, file in enumerate(sorted(results.glob("*/metrics.json")))
        for family, metrics in json.loads(file.read_text()).items()
        for metric, value in metrics.items()
    ]


def _importing(results: Path, registry: Path, *, rows: list[tuple[int, str, str, float]]) -> Finding:
    started_s = time.perf_counter()
    stats = scan_and_import(registry, "benchmark", results, format="json")
    took_s = time.perf_counter() - started_s
    if (stats.models_registered, stats.metrics_logged) != (MODELS, len(rows)):
        raise BenchmarkError(f"the scan brought in {stats.metrics_logged} metrics of {stats.models_registered} models")
    floor_s = _raw_import(registry.with_name("raw.db"), rows)
    return _finding("import by scan", Sample((took_s,)), floor_s=floor_s, remark="floor: the rows alone, one commit")


def _raw_import(file: Path, rows: list[tuple[int, str, str, float]]) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY, model INTEGER, family TEXT, metric TEXT, value REAL,"
        " UNIQUE (model, family, metric))"
    )
    started_s = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO metrics (model, family, metric, value) VALUES (?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    took_s = time.perf_counter() - started_s
    connection.close()
    return took_s


def _paging(registry: Path, workspace: Workspace, *, rounds: int) -> list[Finding]:
    with start_server(registry, workspace=workspace) as server:
        tasks = {name: _asking(server.http, address) for name, address in _PAGES.items()}
        return [_finding(name, times) for name, times in take_turns(tasks, rounds=rounds).items()]


def _asking(http: httpx.Client, address: str) -> Callable[[], object]:
    return lambda: http.get(address).raise_for_status()


def _local(what: str, task: Callable[[], object], *, rounds: int) -> Finding:
    return _finding(what, take_turns({what: task}, rounds=rounds, warm_ups=0)[what])


def _diff(registry: Path) -> str:
    return format_diff(diff_models(registry, [_model_name(model) for model in range(_DIFFED)]), color=False)


def _model_name(model: int) -> str:
    return f"model-{model:04d}"


def _finding(what: str, times: Sample, *, floor_s: float | None = None, remark: str = "") -> Finding:
    return Finding(
        what=f"{what}, {MODELS:,} models with {FAMILIES * METRICS} metrics each",
        limit=f"under {time_text(LIMIT_S)}",
        measured=time_text(times.median_s),
        floor=None if floor_s is None else time_text(floor_s),
        ratio=None if floor_s is None else times.median_s / floor_s,
        is_met=times.median_s < LIMIT_S,
        spread=times.spread,
        remark=remark,
    )
