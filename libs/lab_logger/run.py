"""A run while it lives: what is captured when it starts, what is logged to it, how it ends.

Owns `Run`. Its rows are made by `rows`, and stored by its `Recorder`, which never fails.
"""

import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from lab_logger import context, heartbeat, mirrors, record, settings
from lab_logger.arguments import STEP_LIMIT, check_metric_name, checked_step, tag_list
from lab_logger.calls import Outcome, dataset_of
from lab_logger.errors import NoActiveRunError, ParameterError
from lab_logger.recorder import recorder_of
from lab_logger.redaction import redact_params
from lab_logger.rows import RunRows, warn
from lab_logger.statements import Write
from lab_logger.storage import Point

if TYPE_CHECKING:
    from lab_logger.artifacts import Artifact


class Run:
    """One run, from its first row in the store to its last.

    Made by `start_run` and `log_run`. It may be handed to other threads, which do not see it as their current run.

    Attributes:
        run_id: UUID4.
        started_at: ISO 8601, UTC.
        store: Where the run is recorded: the path of a file, or the address of a server as text.
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

        resolved = settings.resolve(store, code_folder=code_folder)
        self.run_id = str(uuid.uuid4())
        self.started_at = record.utc_now()
        self._recorder = recorder_of(resolved)
        self.store: Path | str = self._recorder.place
        self.project = project or resolved.project_name
        self.parent_run_id = parent_run_id or context.parent_run_id()
        self.status = "running"
        self._began_s = time.monotonic()
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal handler may log while its thread does
        _runs.add(self)
        self._names: dict[str, str] = {}
        self._next_steps: dict[str, int] = {}
        self._last_values: dict[str, float] = {}
        given = record.to_jsonable(dict(params))
        self._rows = RunRows(self.run_id, environ=os.environ, dotenv=resolved.dotenv, params=given)
        self.dataset_id = self._rows.clean(dataset_id or dataset_of(params) or resolved.dataset_id)
        self.command = self._rows.clean(context.command()) or self._rows.own_command()
        self._begin(resolved, redact_params(given), tags=tag_list(tags), note=note, code_folder=code_folder)

    def _begin(
        self,
        resolved: settings.Settings,
        params: record.JsonValue,
        *,
        tags: list[str],
        note: str | None,
        code_folder: Path | None,
    ) -> None:
        """Writes the first row and tells the mirror."""
        recorded_params = self._rows.without_secrets(params)
        known = {
            "started_at": self.started_at,
            "command": self.command,
            "dataset_id": self.dataset_id,
            "params_json": record.dumps(recorded_params),
            "project": self._rows.clean(self.project),
            "parent_run_id": self.parent_run_id,
        }
        self._opening = self._rows.opening(known, tags=tags, note=note, code_folder=code_folder)
        self._recorder.write(self._opening)
        heartbeat.begin(self.run_id, self._recorder)
        clean_tags = tuple(self._rows.clean(tag) or "" for tag in tags)
        start = mirrors.RunStart(self.run_id, known["project"] or "", recorded_params, clean_tags, self.dataset_id)
        self._mirror = mirrors.open_mirror(resolved, start, on_url=self._keep_url)

    def log_metrics(self, metrics: Mapping[str, object], step: int | None = None) -> None:
        """Records metric values at a step; they are on disk when this returns.

        Args:
            metrics: Numbers by name: anything that stands for one number, text aside. NaN and infinities are kept.
            step: Any integer of 64 bits. Unless given, each name counts its own steps: from 0, or on from its highest.
                A step logged twice keeps the last value. A server takes none below 0.

        Raises:
            MetricValueError: A value is not a number; none of the values is recorded.
            ParameterError: A name is not usable text, or the step is no integer.
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        at = time.time_ns() // 1_000_000
        fixed = None if step is None else checked_step(step)
        next_steps = self._next_steps
        values: dict[str, float] = {}
        points: list[Point] = []
        with self._lock:
            for given_name, given in metrics.items():
                value = given if type(given) is float else float(record.metric_number(given_name, given))
                name = self._names.get(given_name) or self._new_name(given_name)
                at_step = next_steps.get(name, 0) if fixed is None else fixed
                if at_step == STEP_LIMIT:
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

    def log_artifact(self, path: str | os.PathLike[str], *, upload: bool = True) -> "Artifact":
        """Records a file or a folder: its size, sha256 and media type as they are now.

        Where the run is recorded on a server, the content is copied now and sent from the background; a file that is
        overwritten later does not change what was logged. A local store records where it is and copies nothing.

        Args:
            path: The file or folder; a path that does not exist is recorded as missing and reported in a warning.
            upload: Whether the content is sent to the server; if not, where it is is recorded alone. Without a server
                it changes nothing.

        Returns:
            What was found.

        Raises:
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        given = os.fsdecode(path)
        found = self._recorder.describe(given, upload=upload)
        with self._lock:
            self._recorder.write([self._rows.artifact(given, found), self._rows.artifact_list()])
        return found

    def set_note(self, note: str | None) -> None:
        """Sets the run's note; None clears it.

        Raises:
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        self._recorder.write([self._rows.note(note)])

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Adds tags to the run; one that it has already stays.

        Raises:
            ParameterError: A tag is empty or not text.
            NoActiveRunError: The run has ended.
        """
        self._check_running()
        writes = self._rows.tags(tag_list(tags))
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
            warn("run %s: %s", self.run_id, problem)
        state = {
            "status": status,
            "finished_at": record.utc_now(),
            "duration_s": round(time.monotonic() - self._began_s, 6),
        }
        metrics = self._rows.without_secrets(record.to_jsonable({**self._last_values, **outcome.metrics}))
        self.status = status
        try:
            recorded = self._rows.artifacts_at(outcome.artifacts, self._describe)
        except BaseException:  # Ctrl-C while a large artifact is read: the run has ended all the same
            self._close(self._rows.closing(outcome, metrics=metrics, state=state, error=error))
            raise
        self._close([*self._rows.closing(outcome, metrics=metrics, state=state, error=error), *recorded])
        self._mirror.finish(status, metrics if isinstance(metrics, dict) else {}, self._rows.artifact_paths)

    def _close(self, closing: list[Write]) -> None:
        if self._recorder.write(closing, durable=True) == 0:
            self._recorder.write([*self._opening, *closing], durable=True)  # the row is gone: the file was replaced
        heartbeat.end(self.run_id)
        self._recorder.forget_run(self.run_id)

    def _new_name(self, given: str) -> str:
        check_metric_name(given)
        name = self._rows.clean(given) or given
        self._names[given] = name
        return name

    def _describe(self, path: str) -> "Artifact":
        return self._recorder.describe(path, upload=True)

    def _keep_url(self, url: str) -> None:
        self._recorder.write([self._rows.wandb_url(url)])

    def _check_running(self) -> None:
        if self.status != "running":
            raise NoActiveRunError(f"run {self.run_id} has ended ({self.status}); log before the run's end")


_runs: "WeakSet[Run]" = WeakSet()


def _renew_locks() -> None:
    """A thread that logged while another forked does not exist in the child, where its lock would stay taken."""
    for run in list(_runs):
        run._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
