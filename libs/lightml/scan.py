"""Imports evaluation results from a folder with one subfolder per model.

Owns what one folder means in the registry: one model, written whole or not at all. What the files mean stands in
`scan_formats`.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lightml.connections import Connection
from lightml.database import Database, ensure, writing
from lightml.entries import check_fit, check_name
from lightml.errors import InvalidEntryError, LightMLError, RegistryError, ScoresError
from lightml.lookup import find_models
from lightml.metrics import METRIC_SKIPPED, Allowed, allowed_metrics, make_entry, put_metrics
from lightml.models.metrics import MetricCreate
from lightml.models.scan import ScanStats
from lightml.registry import put_model, put_run
from lightml.scan_formats import READERS, FolderResults, Result, UnusableResultsError

_BATCH = 100
"""How many folders share a transaction: a commit waits for the disk, which would be most of the time."""


def scan_and_import(  # noqa: PLR0917 - in the order callers give
    db: Database,
    run_name: str,
    path: str | os.PathLike[str],
    format: str = "lm_eval",  # noqa: A002 - the name callers use
    model_prefix: str = "",
    force: bool = False,
) -> ScanStats:
    """Registers every immediate subfolder of `path` as a model, with the metrics in its result files.

    A folder is imported whole or not at all; a broken one is named in `errors` and does not stop the others. Hidden
    folders are passed over. The registry and the run are made if they are missing, once there is something to import.

    Args:
        db: The registry's file.
        run_name: The run the models belong to.
        path: The folder with one folder per model.
        format: "lm_eval" or "json"; `scan_formats` says what each reads and how it is named.
        model_prefix: What stands before the folder's name in the model's name.
        force: Whether metrics that are there are overwritten.

    Raises:
        InvalidEntryError: `path` is no folder, or the format or the run's name cannot be used.
        RegistryError: The registry cannot be used.
    """
    check_name("run", run_name)
    root = Path(path)
    if format not in READERS:
        raise InvalidEntryError(f"there is no format {format!r}; give one of {', '.join(READERS)}")
    if not root.is_dir():
        raise InvalidEntryError(f"there is no folder {root}; give the folder that has one subfolder per model")
    scan = _Scan(db, run_name, root, model_prefix, force)
    for batch in _batches(_subfolders(root)):
        read = [model for folder in batch if (model := scan.read(folder, READERS[format])) is not None]
        scan.write(read)
    return scan.stats


@dataclass(frozen=True, slots=True)
class _Model:
    folder: Path
    name: str
    path: str | None
    entries: list[MetricCreate]


@dataclass(slots=True)
class _Scan:
    db: Database
    run_name: str
    root: Path
    prefix: str
    force: bool
    stats: ScanStats = field(default_factory=ScanStats)

    def read(self, folder: Path, reader: Callable[[Path], FolderResults]) -> _Model | None:
        """Gives what a folder holds; None when that is nothing, or cannot be used, which is noted."""
        try:
            found = reader(folder)
            for path, reason in found.problems.items():
                self._note(path, reason)
            if found.results:
                name = self.prefix + folder.name
                entries = [self._entry(name, result) for result in found.results]
                return _Model(folder, name, found.model_path, entries)
            if not found.problems:
                self.stats.skipped_dirs.append(folder.name)
        except UnusableResultsError as error:
            self._note(error.path, error.reason)
        except InvalidEntryError as error:
            self._note(folder, str(error))
        except OSError as error:
            self._note(folder, f"cannot be read ({error.strerror})")
        return None

    def write(self, models: Sequence[_Model]) -> None:
        """Writes models in one transaction, in which each is whole or not there."""
        if not models:
            return
        ensure(self.db)
        written: list[Counter[int]] = []
        with writing(self.db) as connection:
            allowed = allowed_metrics(connection)
            for model in models:
                connection.execute("SAVEPOINT model")
                try:
                    written.append(self._put(connection, model, allowed))
                except RegistryError:
                    raise
                except LightMLError as error:
                    connection.execute("ROLLBACK TO model")
                    self._note(model.folder, str(error))
                connection.execute("RELEASE model")
        for counts in written:
            self.stats.models_registered += 1
            self.stats.metrics_skipped += counts[METRIC_SKIPPED]
            self.stats.metrics_logged += counts.total() - counts[METRIC_SKIPPED]

    def _put(self, connection: Connection, model: _Model, allowed: Allowed) -> Counter[int]:
        """Writes one model. Where its weights are is only filled in: whoever registered it by hand knew better."""
        known = find_models(connection, model.name, self.run_name)
        path = None if known and known[0].path else model.path
        model_id = put_model(connection, put_run(connection, self.run_name), model.name, path)
        return Counter(put_metrics(connection, model.entries, model_id=model_id, force=self.force, allowed=allowed))

    def _note(self, path: Path, reason: str) -> None:
        shown = path.relative_to(self.root).as_posix()
        said = self.stats.errors.get(shown)
        self.stats.errors[shown] = f"{said}; {reason}" if said else reason

    def _entry(self, model_name: str, result: Result) -> MetricCreate:
        """Gives the metric, without its scores where they are not those of its value, as for a corpus BLEU."""
        family, name, scores = result.family, result.metric_name, result.scores
        if scores is not None and result.scores_path is not None:
            try:
                check_fit(result.value, scores)
            except ScoresError as error:
                self._note(result.scores_path, f"no scores for {family}/{name}: {error}")
                scores = None
        return make_entry(family, name, result.value, scores, model_name=model_name)


def _subfolders(root: Path) -> list[Path]:
    try:
        return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise InvalidEntryError(f"the folder {root} cannot be read ({error.strerror})") from error


def _batches(folders: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(folders), _BATCH):
        yield folders[start : start + _BATCH]
