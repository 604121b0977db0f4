"""Where the writes of this process go when runs are recorded on a server: to its outbox, which a thread sends.

Owns turning the rows of a run into records of the server's, and staging copies of artifacts. It never waits for the
network and never fails a run: what cannot be kept is a warning, once.
"""

import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

from lab_logger import artifacts, outboxes
from lab_logger.errors import OutboxError, ParameterError
from lab_logger.outbox import Outbox
from lab_logger.rows import warn
from lab_logger.sender import Sender
from lab_logger.settings import Settings
from lab_logger.staging import stage
from lab_logger.statements import Write
from lab_logger.storage import Point

_POINTS_A_RECORD = 5_000
_START_COLUMNS = ("git_hash", "git_diff", "command", "python_version", "pip_freeze", "device_info")
_NAME_CHARS, _NOTE_CHARS, _TAGS_OF_A_START = 500, 100_000, 1_000
_ARTIFACT_COLUMNS = ("path", "size_bytes", "sha256", "media_type", "recorded_at")
_FINISH_COLUMNS = ("status", "finished_at", "duration_s", "error")
_INFINITY = float("inf")

Kept = tuple[str, str]
"""A record that an outbox takes: its run, and its JSON."""


class RemoteRecorder:
    """Writes runs to one server, by way of an outbox of this process.

    Args:
        server_url: The server.
        token: What the server is shown.
        folder: The folder for outboxes, where one is set.
        flush_timeout_s: How long the end of the process waits for the last records, in seconds.
    """

    def __init__(self, server_url: str, *, token: str | None, folder: Path | None, flush_timeout_s: float) -> None:
        self.server_url = server_url
        self._token = token
        self._flush_timeout_s = flush_timeout_s
        self._places = outboxes.places(server_url, folder)
        self._outbox: Outbox | None = None
        self._sender: Sender | None = None
        self._opening = threading.RLock()
        self._warned: set[str] = set()
        _recorders_alive.add(self)

    @property
    def place(self) -> str:
        """Where the runs go."""
        return self.server_url

    def write(self, batch: Sequence[Write], *, durable: bool = False) -> None:
        """Keeps what a batch says for the server."""
        self._keep(records_of(batch), durable=durable)

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Keeps metric values for the server.

        Raises:
            ParameterError: A step is negative or a name too long; none of the values is kept.
        """
        for name, step, _, _ in points:
            if step < 0:
                raise ParameterError(f"step is {step}; a server counts steps from 0, a local store takes any")
            if len(name) > _NAME_CHARS:
                raise ParameterError(
                    f"the metric name {name[:50]}… is longer than the {_NAME_CHARS} that a server takes"
                )
        spelled = [(name, step, at, _spelled(value)) for name, step, at, value in points]
        starts = range(0, len(spelled), _POINTS_A_RECORD)
        self._keep(
            [_kept(run_id, {"kind": "points", "points": spelled[at : at + _POINTS_A_RECORD]}) for at in starts],
            durable=False,
        )

    def beat(self, run_ids: Iterable[str]) -> None:
        """Has the server told that runs live."""
        if self._sender is not None:
            self._sender.beat(run_ids)

    def forget_run(self, run_id: str) -> None:
        """Does nothing: nothing is kept in memory for a run."""

    def describe(self, path: str, *, upload: bool) -> artifacts.Artifact:
        """Describes a file or a folder as it is now, and stages a copy of its content if that is to be sent."""
        if not upload:
            return artifacts.describe(path)
        try:
            folder = self._open().files_folder
            folder.mkdir(mode=0o700, exist_ok=True)
            staged: list[artifacts.ArtifactFile] = []
            found = artifacts.describe(path, read=lambda place: stage(place, folder, staged))
        except (OutboxError, OSError) as error:
            self._warn("%s; the artifact %s is recorded, but its content is not sent", error, path)
            return artifacts.describe(path)
        if found.kind == "missing":
            return found
        start = 0 if found.kind == "file" else 1 + len(found.path.rstrip(os.sep))
        skip = len(found.path) if found.kind == "file" else start
        files = tuple(replace(file, path=file.path[skip:].replace(os.sep, "/")) for file in staged)
        return replace(found, files=files)

    def _keep(self, records: Sequence[Kept], *, durable: bool) -> None:
        if not records:
            return
        try:
            self._append(records, durable=durable)
        except OutboxError as error:
            self._warn("%s; the run goes on, but this record is lost", error)
            return
        if self._sender is not None:
            self._sender.wake()

    def _append(self, records: Sequence[Kept], *, durable: bool) -> None:
        kept_in = self._outbox
        if kept_in is None or kept_in.is_closed:
            kept_in = self._open()
        try:
            kept_in.append(records, durable=durable)
        except OutboxError:
            if not kept_in.is_closed:
                raise
            self._open().append(records, durable=durable)  # closed just now, when everything had been sent

    def _open(self) -> Outbox:
        """Gives the outbox of this process, with a sender at work on it."""
        with self._opening:
            kept_in = self._outbox
            if kept_in is None or kept_in.is_closed:
                kept_in = self._outbox = outboxes.create(self.server_url, self._places, token=self._token)
                self._sender = self._start_sender(kept_in)
            return kept_in

    def _start_sender(self, kept_in: Outbox) -> Sender | None:
        try:
            return Sender(
                kept_in,
                server_url=self.server_url,
                token=self._token,
                folders=self._places,
                flush_timeout_s=self._flush_timeout_s,
            )
        except RuntimeError as error:  # no more threads, or the interpreter is leaving
            self._warn("%s; what is recorded now waits in %s for `python -m lab_logger sync`", error, kept_in.path)
            return None

    def _warn(self, message: str, *details: object) -> None:
        if message not in self._warned:  # once for each thing that can go wrong
            self._warned.add(message)
            import logging

            logging.getLogger("lab_logger").warning(message, *details)

    def renew_after_fork(self) -> None:
        """Lets the child of a fork begin an outbox of its own."""
        self._outbox = self._sender = None
        self._opening = threading.RLock()


def records_of(batch: Sequence[Write]) -> list[Kept]:
    """Turns a batch of the store's writes into the server's records; the end of a run comes last."""
    records: list[Kept] = []
    writes = dict(batch)
    is_start = "insert_state" in writes
    tags = [str(values["tag"]) for name, values in batch if name == "add_tag"]
    if is_start:
        records += _start(writes["insert_state"], writes["insert_manifest"], tags)
    elif tags:
        records += [_kept(str(writes["add_tag"]["run_id"]), {"kind": "tags", "tags": tags})]
    for name, values in batch:
        record = _small_record(name, values)
        if record is not None:
            records.append(_kept(str(values["run_id"]), record))
    if "finish_state" in writes:
        records.append(_finish(writes["finish_state"], writes["finish_manifest"]))
    return records


def _start(state: Mapping[str, object], manifest: Mapping[str, object], tags: list[str]) -> list[Kept]:
    """What is longer than a server takes follows in records of its own, so that those alone are refused."""
    run_id, note, dataset_id = str(state["run_id"]), manifest["note"], manifest["dataset_id"]
    short_tags = [tag for tag in tags if _is_name(tag)][:_TAGS_OF_A_START]
    record = {
        "kind": "start",
        "started_at": state["started_at"],
        "project": _short(state["project"], "project", run_id),
        "parent_run_id": _short(state["parent_run_id"], "parent run's id", run_id),
        "params": _with_short_names(json.loads(str(manifest["params_json"])), run_id),
        "tags": short_tags,
        "lease": {name: state[f"lease_{name}"] for name in ("host", "boot", "pid", "pid_started")},
        "note": note if len(str(note)) <= _NOTE_CHARS else None,
        "dataset_id": dataset_id if _is_name(str(dataset_id)) else None,
        **{name: manifest[name] for name in _START_COLUMNS},
    }
    records: list[dict[str, object]] = [record]
    records += [{"kind": "tags", "tags": [tag]} for tag in tags if tag not in short_tags]
    records += [{"kind": "note", "note": note}] if note != record["note"] else []
    records += [{"kind": "dataset", "dataset_id": dataset_id}] if dataset_id and not record["dataset_id"] else []
    return [_kept(run_id, each) for each in records]


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _NAME_CHARS and "\x00" not in text


def _short(text: object, what: str, run_id: str) -> str | None:
    """Cuts what has no record of its own, and for which the server would refuse the whole start."""
    if text is None or len(str(text)) <= _NAME_CHARS:
        return None if text is None else str(text)
    warn("run %s: its %s is cut after %s characters, the most that a server takes", run_id, what, _NAME_CHARS)
    return str(text)[:_NAME_CHARS]


def _finish(state: Mapping[str, object], manifest: Mapping[str, object]) -> Kept:
    run_id = str(state["run_id"])
    metrics = _with_short_names(json.loads(str(manifest["final_metrics_json"])), run_id)
    record = {"kind": "finish", **{name: state[name] for name in _FINISH_COLUMNS}, "final_metrics": metrics}
    return _kept(run_id, record)


def _with_short_names(document: dict[str, Any], run_id: str, *, prefix: str = "") -> dict[str, Any]:
    """Leaves out what stands under a name, with its dotted path, for which the server would refuse the whole record."""
    kept = {}
    for name, value in document.items():
        path = prefix + name
        if len(path) > _NAME_CHARS:
            warn("run %s: what stands under %s… is left out; the name is too long for a server", run_id, path[:50])
            continue
        kept[name] = _with_short_names(value, run_id, prefix=f"{path}.") if isinstance(value, dict) else value
    return kept


def _small_record(name: str, values: Mapping[str, object]) -> dict[str, object] | None:
    match name:
        case "set_note":
            return {"kind": "note", "note": values["note"]}
        case "set_dataset":
            return {"kind": "dataset", "dataset_id": values["dataset_id"]}
        case "set_wandb_url":
            return {"kind": "url", "wandb_url": values["wandb_url"]}
        case "record_artifact":
            described = {column: values[column] for column in _ARTIFACT_COLUMNS}
            files = values.get("files", [])
            place = {"index": values["position"], "artifact_kind": values["kind"]}
            return {"kind": "artifact", **place, **described, "files": files}
    return None  # what the server makes of the others by itself


def _kept(run_id: str, record: Mapping[str, object]) -> Kept:
    return run_id, json.dumps({"run_id": run_id, **record}, allow_nan=False, separators=(",", ":"))


def _spelled(value: float | None) -> float | str | None:
    if value is None or -_INFINITY < value < _INFINITY:
        return value
    return "Infinity" if value > 0 else "-Infinity"


_recorders: dict[tuple[str, str | None, Path | None, float], RemoteRecorder] = {}
_recorders_alive: "WeakSet[RemoteRecorder]" = WeakSet()


def recorder_for(server_url: str, settings: Settings) -> RemoteRecorder:
    """Gives the process's recorder of a server; the same one for the same settings."""
    key = (server_url, settings.api_token, settings.outbox, settings.flush_timeout_s)
    recorder = _recorders.get(key)
    if recorder is None:
        server_url, token, folder, flush_timeout_s = key
        made = RemoteRecorder(server_url, token=token, folder=folder, flush_timeout_s=flush_timeout_s)
        recorder = _recorders.setdefault(key, made)
    return recorder


def _renew_recorders() -> None:
    for recorder in list(_recorders_alive):
        recorder.renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_recorders)
