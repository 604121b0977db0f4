"""The rows of one run: what is written when it starts, while it runs and when it ends.

Owns turning what is known of a run into writes, without secrets and without what UTF-8 cannot say. It must not execute
them: the run hands them to its `Recorder`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

from lab_logger import artifacts, capture, leases, record
from lab_logger.calls import Outcome
from lab_logger.redaction import Redactor, is_secret_name, secret_params, secret_values
from lab_logger.statements import Write

_ERROR_LIMIT = 100_000
"""Characters kept of a traceback, from its end."""


class RunRows:
    """The rows of one run.

    Args:
        run_id: The run.
        environ: The environment; the values of its secret-sounding names are kept out of every row.
        dotenv: What `.env` holds; the same goes for its secret values.
        params: The run's params; the same goes for the values under secret-sounding names.
    """

    def __init__(
        self, run_id: str, *, environ: Mapping[str, str], dotenv: Mapping[str, str], params: record.JsonValue
    ) -> None:
        self._run_id = run_id
        self._artifacts: dict[str, tuple[str, int]] = {}
        secrets = tuple((name, environ[name]) for name in environ if is_secret_name(name))
        self._redactor = _redactor_for(secrets, tuple(dotenv.items()), tuple(sorted(secret_params(params))))

    @property
    def artifact_paths(self) -> list[str]:
        """The absolute paths of the artifacts so far, in order."""
        return list(self._artifacts)

    def own_command(self) -> str | None:
        """Gives the command that this process was started with."""
        return _command(self._redactor)

    def clean(self, text: str | None) -> str | None:
        """Gives text as the store may hold it: no secrets, and nothing that UTF-8 cannot say."""
        return None if text is None else self._redactor.text(_storable(str(text)))

    def without_secrets(self, value: record.JsonValue) -> record.JsonValue:
        """Gives a JSON value as the store may hold it."""
        text = record.dumps(value)  # looked through whole first: nearly always there is nothing to replace
        return value if self._redactor.text(text) == text else self._redactor.json(value)

    def opening(
        self, known: Mapping[str, str | None], *, tags: Sequence[str], note: str | None, code_folder: Path | None
    ) -> list[Write]:
        """Gives the writes of a run's start, with everything that is captured without being asked.

        Args:
            known: `started_at`, `command`, `dataset_id`, `params_json`, `project` and `parent_run_id`, clean already.
            tags: The run's tags.
            note: The run's note.
            code_folder: The folder of the code, whose git state is recorded; the current folder unless given.
        """
        git = (capture.git_state(code_folder) if code_folder is not None else None) or _git_state_here()
        manifest = record.RunRecord(
            run_id=self._run_id,
            timestamp=known["started_at"],
            git_hash=git.hash if git else None,
            git_diff=self.clean(git.diff) if git else None,
            command=known["command"],
            python_version=capture.python_version(),
            pip_freeze=capture.installed_packages(),
            device_info=_device_json(),
            dataset_id=known["dataset_id"],
            params_json=known["params_json"],
            final_metrics_json="{}",
            artifacts_json="[]",
            note=self.clean(note),
        )
        lease = leases.own_lease()
        state = {
            "run_id": self._run_id,
            "started_at": known["started_at"],
            "project": known["project"],
            "parent_run_id": known["parent_run_id"],
            "lease_host": lease.host,
            "lease_boot": lease.boot,
            "lease_pid": lease.pid,
            "lease_pid_started": lease.pid_started,
        }
        return [("insert_state", state), *self.tags(tags), ("insert_manifest", manifest.as_row())]

    def closing(
        self,
        outcome: Outcome,
        *,
        metrics: record.JsonValue,
        state: Mapping[str, object],
        error: str | None,
    ) -> list[Write]:
        """Gives the writes of a run's end.

        Args:
            outcome: What the run returned; the writes of its artifacts come from `artifacts_at`.
            metrics: The final metrics, clean already.
            state: `status`, `finished_at` and `duration_s`.
            error: The traceback of a failed run.
        """
        manifest = {
            "run_id": self._run_id,
            "final_metrics_json": record.dumps(metrics),
            "artifacts_json": self.artifact_list()[1]["artifacts_json"],
        }
        ended = {**state, "run_id": self._run_id, "error": self.clean(error[-_ERROR_LIMIT:]) if error else None}
        writes: list[Write] = [("finish_manifest", manifest), ("finish_state", ended)]
        if outcome.dataset_id is not None:
            dataset = {"run_id": self._run_id, "dataset_id": self.clean(outcome.dataset_id)}
            writes.append(("set_dataset", dataset))
        if outcome.note is not None:
            writes.append(self.note(outcome.note))
        return writes

    def artifacts_at(
        self, paths: Sequence[str], describe: Callable[[str], artifacts.Artifact] = artifacts.describe
    ) -> list[Write]:
        """Gives the writes that record files and folders as they are now; large ones take a while to read."""
        return [self.artifact(path, describe(path)) for path in paths]

    def artifact(self, path: str, found: artifacts.Artifact) -> Write:
        """Gives the write that records an artifact; one recorded before keeps its position."""
        if found.kind == "missing":
            warn("run %s: the artifact %s cannot be read or found; it is recorded as missing", self._run_id, path)
        _, position = self._artifacts.setdefault(found.path, (path, len(self._artifacts)))
        values: dict[str, object] = {
            "run_id": self._run_id,
            "position": position,
            "path": self.clean(found.path),
            "kind": found.kind,
            "size_bytes": found.size_bytes,
            "sha256": found.sha256,
            "media_type": found.media_type,
            "recorded_at": record.utc_now(),
        }
        if found.files:
            values["files"] = [
                {"path": self.clean(file.path), "size_bytes": file.size_bytes, "sha256": file.sha256}
                for file in found.files
            ]
        return "record_artifact", values

    def artifact_list(self) -> Write:
        """Gives the write that lists the artifacts so far in the manifest, by the paths as given."""
        as_given = [self.clean(path) for path, _ in self._artifacts.values()]
        return "set_artifacts", {"run_id": self._run_id, "artifacts_json": record.dumps(as_given)}

    def note(self, note: str | None) -> Write:
        """Gives the write that sets the note."""
        return "set_note", {"run_id": self._run_id, "note": self.clean(note)}

    def tags(self, tags: Sequence[str]) -> list[Write]:
        """Gives the writes that add tags."""
        return [("add_tag", {"run_id": self._run_id, "tag": self.clean(tag)}) for tag in tags]

    def wandb_url(self, url: str) -> Write:
        """Gives the write that keeps the run's address at W&B."""
        return "set_wandb_url", {"run_id": self._run_id, "wandb_url": url}


def warn(message: str, *details: object) -> None:
    """Says what a person should know of a run that goes on all the same."""
    import logging

    logging.getLogger("lab_logger").warning(message, *details)


@lru_cache(maxsize=8)
def _redactor_for(
    environ: tuple[tuple[str, str], ...], dotenv: tuple[tuple[str, str], ...], params: tuple[str, ...]
) -> Redactor:
    return Redactor([*secret_values(dict(environ), dict(dotenv)), *params])


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
