"""What a row of the store looks like in an answer.

Owns reading the JSON columns, those of older loggers and of other hands included: a document that is no JSON, or not of
the expected kind, reads as empty. It must not query anything.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import RowMapping

from lab_logger.leases import seconds_between
from lab_logger.record import JsonValue, loads

Answer = dict[str, Any]

MAX_DEPTH = 50
"""How deep params and metrics may be nested in an answer; `lab_logger` writes at most 20 levels."""

_TEXT_COLUMNS = (
    "timestamp",
    "git_hash",
    "command",
    "dataset_id",
    "wandb_url",
    "note",
)
_DETAIL_COLUMNS = (
    "git_diff",
    "python_version",
    "pip_freeze",
    "device_info",
    "error",
    "project",
    "parent_run_id",
    "created_by",
)


def summary(row: RowMapping) -> Answer:
    """Gives a `RunSummary` from a row of `manifests`, `run_state` and `run_index` joined, its tags as a JSON list."""
    answer: Answer = {"run_id": text(row["run_id"])}
    answer |= {column: text(row[column]) for column in _TEXT_COLUMNS}
    answer["status"] = row["status"]
    answer["params"] = _values(text(row["params_json"]))
    answer["final_metrics"] = _values(text(row["final_metrics_json"]))
    answer["duration_s"] = row["duration_s"] if isinstance(row["duration_s"], float) else None
    if _is_found_dead(row):
        answer["duration_s"] = _duration_s(row["started_at"] or None, text(row["heartbeat_at"]))
    tags = row["tags_json"]
    answer["tags"] = [] if tags == "[]" else sorted(json.loads(tags))
    return answer


def detail(row: RowMapping) -> Answer:
    """Gives a `RunDetail` from such a row as `summary` takes."""
    answer = summary(row)
    answer |= {column: text(row[column]) for column in _DETAIL_COLUMNS}
    answer["artifacts"] = artifact_paths(text(row["artifacts_json"]))
    answer["started_at"] = row["started_at"] or None
    answer["finished_at"] = text(row["heartbeat_at"] if _is_found_dead(row) else row["finished_at"])
    return answer


def artifact_paths(document: str | None) -> list[str]:
    """Reads `artifacts_json`: a list of paths, or, from other hands, one path or an object that holds paths."""
    value = loads(document)
    if value is None and document and document.strip() != "null":
        value = document
    return list(_paths_in(value))


def _values(document: str | None) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = loads(document, default={})
    # Counting is quick, and only a document with so many brackets can be so deep.
    if document and document.count("{") + document.count("[") > MAX_DEPTH:
        return {name: _shallow(value, MAX_DEPTH - 1) for name, value in values.items()}
    return values


def _shallow(value: JsonValue, depth: int) -> JsonValue:
    """Gives a value in which what lies deeper is JSON text: readers of JSON give up on very deep documents."""
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return [_shallow(item, depth - 1) for item in value]
    return {name: _shallow(item, depth - 1) for name, item in value.items()}


def _paths_in(value: JsonValue) -> Iterable[str]:
    if isinstance(value, dict):
        value = [value["path"]] if "path" in value else list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _paths_in(item)
    elif value is not None:
        yield str(value)


def text(value: object) -> str | None:
    """Gives a column's value as text, whatever another program put there."""
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_found_dead(row: RowMapping) -> bool:
    """Tells of a run found dead in a store that cannot be written: it ended when it was last known to live."""
    return bool(row["status"] == "killed" and row["finished_at"] is None)


def _duration_s(started_at: str | None, finished_at: str | None) -> float | None:
    if started_at is None or finished_at is None:
        return None
    try:
        return max(0.0, seconds_between(started_at, finished_at))
    except (ValueError, TypeError):
        return None
