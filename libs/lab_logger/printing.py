"""Turns what was read from a store into plain text for a terminal.

Owns the layout: tables, one run in full, a report. It is pure: it neither reads a store nor prints.
"""

import json
from collections.abc import Mapping, Sequence

from lab_logger.doctor import Report
from lab_logger.reading import Row

_METRICS_WIDTH = 60
_UUID_LENGTH = 36
_SHORT_ID_LENGTH = 8
_MINUTE_S, _HOUR_S = 60, 3600
_FACTS = ("status", "started_at", "finished_at", "duration_s", "project", "dataset_id", "tags", "note", "parent_run_id",
          "command", "git_hash", "python_version", "wandb_url")  # fmt: skip


def runs_table(runs: Sequence[Row]) -> str:
    """Gives a table with one line a run; ids are shortened to what `show` takes."""
    header = ["RUN", "STARTED (UTC)", "STATUS", "DURATION", "DATASET", "FINAL METRICS"]
    return table([header, *(_run_line(run) for run in runs)])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Aligns rows of cells in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def run_text(run: Row) -> str:
    """Gives everything of one run, but the full diff and package list, of which it tells the size."""
    lines = [f"run {clean(run['run_id'])}"]
    facts = [(name, _fact(name, run.get(name))) for name in _FACTS if run.get(name) not in (None, "", [])]
    lines += _section("", facts)
    for title, column in (("params", "params"), ("final metrics", "final_metrics")):
        lines += _section(title, [(name, _value(value)) for name, value in _items(run[column])])
    lines += _section("live series", [(str(row["name"]), _series(row)) for row in _rows(run["series"])])
    lines += _artifacts(run)
    lines += _section("captured", [*_device(run["device_info"]), *_sizes(run)])
    if run.get("error"):
        lines += ["", "error", *(f"  {clean(line)}" for line in str(run["error"]).rstrip().splitlines())]
    return "\n".join(lines)


def report_text(report: Report) -> str:
    """Gives a report: the facts, then the problems."""
    facts = table([[topic, clean(words)] for topic, words in report.facts])
    if not report.problems:
        return f"{facts}\n\nNo problem found."
    return "\n".join([facts, "", *(f"PROBLEM: {clean(problem)}" for problem in report.problems)])


def clean(value: object) -> str:
    """Gives text without line breaks and what a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in str(value))


def _run_line(run: Row) -> list[str]:
    metrics = ", ".join(f"{name}={_value(value)}" for name, value in _items(run["final_metrics"]))
    if len(metrics) > _METRICS_WIDTH:
        metrics = metrics[: _METRICS_WIDTH - 1] + "…"
    run_id = clean(run["run_id"])
    return [
        run_id[:_SHORT_ID_LENGTH] if len(run_id) == _UUID_LENGTH else run_id,
        clean(run["started_at"] or "-")[:19].replace("T", " "),
        clean(run["status"]),
        _duration(run["duration_s"]),
        clean(run["dataset_id"] or "-"),
        clean(metrics) or "-",
    ]


def _section(title: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    if not pairs:
        return []
    width = max(len(clean(name)) for name, _ in pairs)
    return ["", *([title] if title else []), *(f"  {clean(name):<{width}}  {clean(value)}" for name, value in pairs)]


def _fact(name: str, value: object) -> str:
    if name == "duration_s":
        return _duration(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _artifacts(run: Row) -> list[str]:
    recorded = [(str(row["path"]), _artifact(row)) for row in _rows(run["recorded_artifacts"])]
    if recorded:
        return _section("artifacts", recorded)
    artifacts = run["artifacts"]
    return _section("artifacts", [(_value(path), "") for path in artifacts] if isinstance(artifacts, list) else [])


def _artifact(row: Mapping[str, object]) -> str:
    if row["kind"] == "missing":
        return "missing"
    return f"{row['kind']}, {row['size_bytes']} bytes, sha256 {str(row['sha256'])[:12]}"


def _series(row: Mapping[str, object]) -> str:
    steps = f"steps {row['first_step']} to {row['last_step']}" if row["points"] != 1 else f"step {row['last_step']}"
    return f"{row['points']} points, {steps}, last {_value(row['last_value'])}"


def _device(device: object) -> list[tuple[str, str]]:
    return [(name, _value(value)) for name, value in _items(device) if value not in (None, "", [])]


def _sizes(run: Row) -> list[tuple[str, str]]:
    diff, packages = str(run.get("git_diff") or ""), str(run.get("pip_freeze") or "")
    found = []
    if diff:
        found.append(("git_diff", f"{len(diff.splitlines())} lines; --json gives it"))
    if packages:
        found.append(("pip_freeze", f"{len(packages.splitlines())} packages; --json gives them"))
    return found


def _items(value: object) -> list[tuple[str, object]]:
    return [(str(name), item) for name, item in value.items()] if isinstance(value, Mapping) else []


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _duration(value: object) -> str:
    if not isinstance(value, int | float):
        return "-"
    if value < _MINUTE_S:
        return f"{value:.2f} s"
    minutes, seconds = divmod(int(value), _MINUTE_S)
    return f"{minutes} min {seconds} s" if value < _HOUR_S else f"{minutes // 60} h {minutes % 60} min"
