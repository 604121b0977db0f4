"""Observers that see a run as it happens, such as W&B; a failing mirror never touches the run.

Owns what a run tells a mirror, and the mirror to W&B. Every call into the `wandb` package, its import included, is made
by a courier's thread: the run hands its news over and goes on, whether the package is there, answers, or hangs.
"""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab_logger.courier import Courier
from lab_logger.settings import Settings
from lab_logger.storage import Point

if TYPE_CHECKING:
    import wandb

STEP_KEY = "lab_step"
"""The step of each row at W&B, and the x axis of its charts.

W&B's own step may only grow, and what is logged below it is lost there; a run's steps may go back and leave gaps.
"""
DEFAULT_FINISH_TIMEOUT_S = 30.0
"""How long W&B may take to answer when a run starts, and to upload the rest of one that has ended.

Also how long the end of the process waits for it; `WANDB_FINISH_TIMEOUT_S`.
"""

_EXIT_CODES = {"finished": 0, "failed": 1, "killed": 255}  # 255 is what W&B shows as killed
_TAG_LIMIT = 64  # characters, https://docs.wandb.ai/models/runs/tags
_NAME_LIMIT = 128
_NOT_IN_A_PROJECT = dict.fromkeys(map(ord, "/\\#?%:"), "-")  # what W&B refuses in a project's name


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a mirror is told when a run starts; no secrets are in it.

    Attributes:
        run_id: UUID4.
        project: The project's name.
        params: The params as JSON, usually an object.
        tags: The tags it starts with.
        dataset_id: The dataset's name, or None.
    """

    run_id: str
    project: str
    params: object
    tags: tuple[str, ...]
    dataset_id: str | None


class Mirror(Protocol):
    """What a run tells its mirror; every method returns at once and raises nothing."""

    def log_metrics(self, points: Sequence[Point]) -> None:
        """Passes live metric values on, as they were stored."""

    def finish(self, status: str, final_metrics: Mapping[str, object], artifacts: Sequence[str]) -> None:
        """Passes the run's end on: its status, final metrics as JSON, and the absolute paths it left behind."""


class _NoMirror:
    def log_metrics(self, points: Sequence[Point]) -> None:
        """Nobody listens."""

    def finish(self, status: str, final_metrics: Mapping[str, object], artifacts: Sequence[str]) -> None:
        """Nobody listens."""


_NO_MIRROR = _NoMirror()


def open_mirror(settings: Settings, start: RunStart, *, on_url: Callable[[str], None]) -> Mirror:
    """Gives the mirror that the settings ask for, one that does nothing unless they do.

    Args:
        settings: W&B is asked for by a `WANDB_API_KEY` or a `WANDB_MODE`, unless that is `disabled`.
        start: What the run starts with.
        on_url: Takes the run's address at W&B once it is known, from another thread; never called offline.
    """
    mode = settings.values.get("WANDB_MODE")
    if mode == "disabled" or (mode is None and "WANDB_API_KEY" not in settings.values):
        return _NO_MIRROR
    try:
        return _WandbMirror(settings, start, on_url)
    except Exception as error:  # noqa: BLE001 - the edge to a mirror: it never touches the run
        _warn_once(f"run {start.run_id} is not mirrored to W&B", error)
        return _NO_MIRROR


@dataclass(frozen=True, slots=True)
class _End:
    status: str
    final_metrics: Mapping[str, object]
    artifacts: Sequence[str]


class _WandbMirror:
    """One run at W&B."""

    def __init__(self, settings: Settings, start: RunStart, on_url: Callable[[str], None]) -> None:
        import concurrent.futures.thread  # noqa: F401 - wandb imports it, and once a short script ends nothing may

        self._start = start
        self._on_url = on_url
        self._folder = str(settings.db_path.parent)
        self._values = {name: value for name, value in settings.values.items() if name.startswith("WANDB_")}
        self._finish_timeout_s = self._timeout_s()
        self._courier: Courier[Sequence[Point] | _End] = Courier(
            self._open, name=f"run {start.run_id}", wait_s=self._finish_timeout_s, report=self._report
        )

    def log_metrics(self, points: Sequence[Point]) -> None:
        """Hands live metric values over."""
        self._courier.send(points)

    def finish(self, status: str, final_metrics: Mapping[str, object], artifacts: Sequence[str]) -> None:
        """Hands the run's end over."""
        self._courier.close(_End(status, dict(final_metrics), tuple(artifacts)))

    def _open(self) -> "Callable[[Sequence[Point] | _End], None]":
        speaks_for_itself = "wandb" in sys.modules
        import wandb

        if not speaks_for_itself or "WANDB_API_KEY" not in self._values:
            wandb.setup(wandb.Settings(silent=True))  # also refuses where it would else ask the terminal for a key
        start = self._start
        run = wandb.init(
            entity=self._values.get("WANDB_ENTITY"),
            project=self._values.get("WANDB_PROJECT") or start.project.translate(_NOT_IN_A_PROJECT)[:_NAME_LIMIT],
            id=start.run_id,
            name=self._values.get("WANDB_NAME") or self._name(),
            group=self._values.get("WANDB_RUN_GROUP") or (start.dataset_id or "")[:_NAME_LIMIT] or None,
            tags=list(dict.fromkeys(tag[:_TAG_LIMIT] for tag in start.tags)),
            config=start.params if isinstance(start.params, dict) else {"params": start.params},
            dir=self._values.get("WANDB_DIR") or self._folder,
            reinit="create_new",
            settings=self._wandb_settings(wandb.Settings),
        )
        run.define_metric(STEP_KEY, hidden=True)
        run.define_metric("*", step_metric=STEP_KEY)
        url = None if run.offline else run.url
        if url:
            self._on_url(url)
        return lambda event: _close(run, event) if isinstance(event, _End) else _log(run, event)

    def _wandb_settings(self, settings_class: "type[wandb.Settings]") -> "wandb.Settings":
        """With those of `.env`. Code, git state, command line and console stay here: W&B would send them unredacted."""
        wanted: dict[str, object] = {
            "console": "off",
            "disable_code": True,
            "disable_git": True,
            "save_code": False,
            "silent": True,
            "x_disable_meta": True,
            "finish_timeout": self._finish_timeout_s,
            "finish_timeout_raises": True,
        }
        if "WANDB_INIT_TIMEOUT" not in self._values:
            wanted["init_timeout"] = self._finish_timeout_s
        settings = settings_class()
        settings.update_from_env_vars(self._values)
        for name, value in wanted.items():
            if name in settings_class.model_fields:  # older versions do not have them all
                setattr(settings, name, value)
        return settings

    def _name(self) -> str:
        short_id = self._start.run_id[:8]
        return f"{self._start.dataset_id[:100]}-{short_id}" if self._start.dataset_id else short_id

    def _timeout_s(self) -> float:
        text = self._values.get("WANDB_FINISH_TIMEOUT_S")
        try:
            timeout_s = DEFAULT_FINISH_TIMEOUT_S if text is None else float(text)
        except ValueError:
            timeout_s = -1.0
        if 0 < timeout_s <= threading.TIMEOUT_MAX:
            return timeout_s
        problem = f"it is {text!r}; set it to a number of seconds above 0"
        _warn_once(f"WANDB_FINISH_TIMEOUT_S is not used, {DEFAULT_FINISH_TIMEOUT_S:g} is", problem)
        return DEFAULT_FINISH_TIMEOUT_S

    def _report(self, problem: object) -> None:
        text = str(problem) or type(problem).__name__
        key = self._values.get("WANDB_API_KEY")
        if key:
            text = text.replace(key, "[redacted]")
        if isinstance(problem, ImportError):
            text += "; install it with `pip install wandb`, or unset WANDB_API_KEY and WANDB_MODE"
        _warn_once(f"W&B does not have all of run {self._start.run_id}, the store does", text)


def _log(run: "wandb.Run", points: Sequence[Point]) -> None:
    rows: dict[int, dict[str, object]] = {}
    for name, step, timestamp_ms, value in points:
        row = rows.setdefault(step, {"_timestamp": timestamp_ms / 1000})
        row[name] = float("nan") if value is None else value
    for step, row in rows.items():
        run.log({**row, STEP_KEY: step})


def _close(run: "wandb.Run", end: _End) -> None:
    try:
        run.summary.update(dict(end.final_metrics))
        if end.artifacts:
            _send_artifacts(run, end.artifacts)
    finally:
        run.finish(exit_code=_EXIT_CODES[end.status])


def _send_artifacts(run: "wandb.Run", paths: Sequence[str]) -> None:
    """Sends the files and folders that are there as one artifact; two of the same name get their position before it."""
    import os

    import wandb

    artifact = wandb.Artifact(f"run-{run.id}", type="run-output")
    taken: set[str] = set()
    for position, path in enumerate(paths):
        name = os.path.basename(path) or str(position)
        name = name if name not in taken else f"{position}-{name}"
        taken.add(name)
        if os.path.isdir(path):
            artifact.add_dir(path, name=name)
        elif os.path.isfile(path):
            artifact.add_file(path, name=name)
    run.log_artifact(artifact)


_warned: set[str] = set()


def _warn_once(consequence: str, problem: object) -> None:
    """Warns of each problem once a process, so that a sweep does not repeat it for every run."""
    text = str(problem)
    if text not in _warned:
        _warned.add(text)
        import logging

        logging.getLogger("lab_logger").warning("%s: %s", consequence, text)
