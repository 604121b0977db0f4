"""A run while it lives: what is captured when it starts, what is logged to it, how it ends.

Owns `Run`. It must not know how rows are stored: it hands writes to its `Recorder`,
which never fails.
"""

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import cast
from weakref import WeakSet

from lab_logger import artifacts, capture, context, heartbeat, leases, mirrors, record, settings
from lab_logger.calls import Outcome, dataset_of
from lab_logger.errors import NoActiveRunError, ParameterError
from lab_logger.recorder import recorder_for
from lab_logger.redaction import Redactor, is_secret_name, redact_params, secret_values
from lab_logger.statements import Write
from lab_logger.storage import Point

_STEP_LIMIT = 2**63
_ERROR_LIMIT = 100_000


class Run:
    """One run, from its first row in the store to its last.

    Made by `start_run` and `log_run`. It may be handed to other threads, which do not see it as their current run.

    Attributes:
        run_id: UUID4.
        started_at: ISO 8601, UTC.
        store: The file that the run is recorded in.
        project: The project's name.
        parent_run_id: The run that this one was started in, or None.
        dataset_id: The dataset's name, or None.
        command: The command as typed.
        status: "running", then "finished", "failed" or "killed".
    """

    def __init__(
        self,
        *,
        params: Mapping[str, object],
        dataset_id: str | None = None,
        tags: str | Iterable[str] = (),
        project: str | None = None,
        store: str | os.PathLike[str] | None = None,
        parent_run_id: str | None = None,
        note: str | None = None,
        code_folder: Path | None = None,
    ) -> None:
        import uuid

        resolved = settings.resolve(store)
        self.run_id = str(uuid.uuid4())
        self.started_at = record.utc_now()
        self.store = resolved.db_path
        self.project = project or resolved.project_name
        self.parent_run_id = parent_run_id or context.parent_run_id()
        self.status = "running"
        self._began_s = time.monotonic()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        _runs.add(self)
        self._next_steps: dict[str, int] = {}
        self._last_values: dict[str, float] = {}
        self._artifacts: dict[str, tuple[str, int]] = {}
        secrets = tuple((name, os.environ[name]) for name in os.environ if is_secret_name(name))
        self._redactor = _redactor_for(secrets, tuple(resolved.dotenv.items()))
        self.dataset_id = self._clean(dataset_id or dataset_of(params) or resolved.dataset_id)
        self.command = self._clean(context.command()) or _command(self._redactor)
        self._recorder = recorder_for(resolved.db_path, busy_timeout_s=resolved.busy_timeout_s)
        recorded_params = self._without_secrets(redact_params(record.to_jsonable(dict(params))))
        own_tags = _tag_list(tags)
        self._opening = self._opening_writes(record.dumps(recorded_params), own_tags, note, code_folder)
        self._recorder.write(self._opening)
        heartbeat.begin(self.run_id, self._recorder)
        self._mirror = mirrors.open_mirror(
            resolved,
            mirrors.RunStart(
                self.run_id,
                self._clean(self.project) or "",
                recorded_params,
                tuple(self._clean(tag) or "" for tag in own_tags),
                self.dataset_id,
            ),
            on_url=self._keep_url,
        )

    def log_metrics(self, metrics: Mapping[str, object], step: int | None = None) -> None:
        """Records metric values at a step; they are on disk when this returns.

        Args:
            metrics: Numbers by name: anything that stands for one number, text aside. NaN and infinities are kept.
            step: Any integer of 64 bits. Unless given, each name counts its own steps: from 0, or on from its highest.
                A step logged twice keeps the last value.

        Raises:
            MetricValueError: A value is not a number; none of the values is recorded.
            ParameterError: A name is not usable text, or the step is no integer.
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        at = time.time_ns() // 1_000_000
        fixed = None if step is None else _checked_step(step)
        next_steps = self._next_steps
        values: dict[str, float] = {}
        points: list[Point] = []
        with self._lock:
            for name, given in metrics.items():
                value = given if type(given) is float else float(record.metric_number(name, given))
                if name not in next_steps:
                    _check_name(name)
                at_step = next_steps.get(name, 0) if fixed is None else fixed
                if at_step == _STEP_LIMIT:
                    raise ParameterError(f"metric {name!r} has a value at the last step there is; give a step")
                values[name] = value
                points.append((name, at_step, at, None if value != value else value))  # noqa: PLR0124 - NaN
            if not points:
                return
            self._recorder.add_points(self.run_id, points)
            for name, at_step, _, _ in points:
                if at_step >= next_steps.get(name, at_step) - 1:
                    next_steps[name] = at_step + 1
                    self._last_values[name] = values[name]
        self._mirror.log_metrics(points)

    def log_metric(self, name: str, value: object, step: int | None = None) -> None:
        """Records one metric value; see `log_metrics`."""
        self.log_metrics({name: value}, step)

    def log_artifact(self, path: str | os.PathLike[str]) -> artifacts.Artifact:
        """Records a file or a folder: its size, sha256 and media type as they are now. Nothing is copied.

        Args:
            path: The file or folder; a path that does not exist is recorded as missing and reported in a warning.

        Returns:
            What was found.

        Raises:
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        given = os.fsdecode(path)
        found = artifacts.describe(given)
        with self._lock:
            self._recorder.write([self._artifact_write(given, found), self._artifact_list()])
        return found

    def set_note(self, note: str | None) -> None:
        """Sets the run's note; None clears it.

        Raises:
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        self._recorder.write([self._note_write(note)])

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Adds tags to the run; one that it has already stays.

        Raises:
            ParameterError: A tag is empty or not text.
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        writes = self._tag_writes(_tag_list(tags))
        if writes:
            self._recorder.write(writes)

    def finish(self, status: str, *, outcome: Outcome | None = None, error: str | None = None) -> None:
        """Ends the run and commits its end durably. A second end, or one in the child of a fork, does nothing.

        Args:
            status: "finished", "failed" or "killed".
            outcome: What the run returned; metrics logged live and not returned count with their last value.
            error: The traceback of a failed run.
        """
        if self.status != "running" or os.getpid() != self._pid:
            return
        outcome = outcome or Outcome()
        for problem in outcome.problems:
            _warn("run %s: %s", self.run_id, problem)
        metrics = self._without_secrets(record.to_jsonable({**self._last_values, **outcome.metrics}))
        self.status = status
        closing = self._closing_writes(outcome, metrics, error)
        if self._recorder.write(closing, durable=True) == 0:
            self._recorder.write([*self._opening, *closing], durable=True)  # the row is gone: the file was replaced
        heartbeat.end(self.run_id)
        self._recorder.forget_run(self.run_id)
        self._mirror.finish(status, metrics if isinstance(metrics, dict) else {}, list(self._artifacts))

    def _opening_writes(
        self, params_json: str, tags: Sequence[str], note: str | None, code_folder: Path | None
    ) -> list[Write]:
        git = capture.git_state(code_folder) if code_folder is not None else None
        git = git or _git_state_here()
        manifest = record.RunRecord(
            run_id=self.run_id,
            timestamp=self.started_at,
            git_hash=git.hash if git else None,
            git_diff=self._clean(git.diff) if git else None,
            command=self.command,
            python_version=capture.python_version(),
            pip_freeze=capture.installed_packages(),
            device_info=_device_json(),
            dataset_id=self.dataset_id,
            params_json=params_json,
            final_metrics_json="{}",
            artifacts_json="[]",
            note=self._clean(note),
        )
        lease = leases.own_lease()
        state = {
            "run_id": self.run_id,
            "started_at": self.started_at,
            "project": self._clean(self.project),
            "parent_run_id": self.parent_run_id,
            "lease_host": lease.host,
            "lease_boot": lease.boot,
            "lease_pid": lease.pid,
            "lease_pid_started": lease.pid_started,
        }
        return [("insert_state", state), *self._tag_writes(tags), ("insert_manifest", manifest.as_row())]

    def _closing_writes(self, outcome: Outcome, metrics: record.JsonValue, error: str | None) -> list[Write]:
        recorded = [self._artifact_write(path, artifacts.describe(path)) for path in outcome.artifacts]
        manifest = {
            "run_id": self.run_id,
            "final_metrics_json": record.dumps(metrics),
            "artifacts_json": self._artifact_list()[1]["artifacts_json"],
        }
        state = {
            "run_id": self.run_id,
            "status": self.status,
            "finished_at": record.utc_now(),
            "duration_s": round(time.monotonic() - self._began_s, 6),
            "error": self._clean(error[-_ERROR_LIMIT:]) if error else None,
        }
        writes: list[Write] = [("finish_manifest", manifest), ("finish_state", state), *recorded]
        if outcome.dataset_id is not None and outcome.dataset_id != self.dataset_id:
            self.dataset_id = self._clean(outcome.dataset_id)
            writes.append(("set_dataset", {"run_id": self.run_id, "dataset_id": self.dataset_id}))
        if outcome.note is not None:
            writes.append(self._note_write(outcome.note))
        return writes

    def _artifact_write(self, path: str, found: artifacts.Artifact) -> Write:
        if found.kind == "missing":
            _warn("run %s: the artifact %s cannot be read or found; it is recorded as missing", self.run_id, path)
        _, position = self._artifacts.setdefault(found.path, (path, len(self._artifacts)))
        values = {
            "run_id": self.run_id,
            "position": position,
            "path": record.to_jsonable(found.path),
            "kind": found.kind,
            "size_bytes": found.size_bytes,
            "sha256": found.sha256,
            "media_type": found.media_type,
            "recorded_at": record.utc_now(),
        }
        return "record_artifact", values

    def _artifact_list(self) -> Write:
        as_given = [path for path, _ in self._artifacts.values()]
        return "set_artifacts", {"run_id": self.run_id, "artifacts_json": record.dumps(as_given)}

    def _note_write(self, note: str | None) -> Write:
        return "set_note", {"run_id": self.run_id, "note": self._clean(note)}

    def _tag_writes(self, tags: Sequence[str]) -> list[Write]:
        return [("add_tag", {"run_id": self.run_id, "tag": self._clean(tag)}) for tag in tags]

    def _keep_url(self, url: str) -> None:
        self._recorder.write([("set_wandb_url", {"run_id": self.run_id, "wandb_url": url})])

    def _without_secrets(self, value: record.JsonValue) -> record.JsonValue:
        """Looks through the whole text first, because nearly always there is nothing to replace."""
        text = record.dumps(value)
        return value if self._redactor.text(text) == text else self._redactor.json(value)

    def _clean(self, text: str | None) -> str | None:
        """Text as the store may hold it: no secrets, and nothing that UTF-8 cannot say."""
        if text is None:
            return None
        return self._redactor.text(_storable(str(text)))

    def _check_running(self) -> None:
        if self.status != "running":
            raise NoActiveRunError(f"run {self.run_id} has ended ({self.status}); log before the run's end")


_runs: "WeakSet[Run]" = WeakSet()


def _renew_locks() -> None:
    """A thread that logged while another forked does not exist in the child, where its lock would stay taken."""
    for run in list(_runs):
        run._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


@lru_cache(maxsize=8)
def _redactor_for(environ: tuple[tuple[str, str], ...], dotenv: tuple[tuple[str, str], ...]) -> Redactor:
    return Redactor(secret_values(dict(environ), dict(dotenv)))


@lru_cache(maxsize=8)
def _command(redactor: Redactor) -> str | None:
    import shlex

    return redactor.text(_storable(shlex.join(redactor.command(capture.command_line()))))


def _git_state_here() -> capture.GitState | None:
    try:
        return capture.git_state(Path.cwd())
    except OSError:  # the current folder has been removed
        return None


@cache
def _device_json() -> str:
    return record.dumps(capture.device_info())


def _storable(text: str) -> str:
    """Gives text without what UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _checked_step(step: object) -> int:
    if type(step) is not int:
        import operator

        try:
            step = operator.index(step)  # type: ignore[arg-type]
        except TypeError:
            raise ParameterError(f"step is {step!r}; give an integer, or leave it out to count on") from None
    if not -_STEP_LIMIT <= step < _STEP_LIMIT:
        raise ParameterError(f"step is {step}; give an integer of 64 bits")
    return step


def _check_name(name: object) -> None:
    try:
        if isinstance(name, str) and name.strip() and b"\x00" not in name.encode():
            return
    except UnicodeEncodeError:
        pass
    raise ParameterError(f"the metric name {name!r} is not usable; give text that is not empty and has no NUL")


def _tag_list(tags: str | Iterable[str] | None) -> list[str]:
    """Tags as a list without repeats; a mapping gives `name:value`."""
    if tags is None:
        return []
    if isinstance(tags, str):
        tags = [tags]
    elif isinstance(tags, Mapping):
        tags = [f"{name}:{value}" for name, value in tags.items()]
    found: dict[str, None] = {}
    for tag in tags:
        text = cast("object", tag)
        if not isinstance(text, str) or not text.strip():
            raise ParameterError(f"the tag {tag!r} is not usable; give text that is not empty")
        found[text] = None
    return list(found)


def _warn(message: str, *details: object) -> None:
    import logging

    logging.getLogger("lab_logger").warning(message, *details)
