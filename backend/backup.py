"""Makes a consistent copy of a live SQLite store: `python -m backend.backup [TARGET]`.

Owns which files are copied, where to, and how; the store stays in use meanwhile. It must not change the store. A
PostgreSQL store is copied by PostgreSQL's own `pg_dump`, and this module says with which command.
"""

import argparse
import os
import secrets
import shlex
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from backend.config import Settings
from lab_logger.errors import LabLoggerError

_PAGES_A_STEP = 1_000
_RESTARTS = 3
_EPILOG = "exit codes: 0 the copies are made, 1 there is a problem, 2 wrong use"

Watch = Callable[[int, int], None]
"""Is told how many bytes of a file are copied, and of how many."""


class BackupError(Exception):
    """A copy was not made; what was at its place before is still there."""


class _RestartedError(Exception):
    """Writers made the copying begin anew too often."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was made.

    Attributes:
        source: The file that is in use.
        target: The copy.
        size_bytes: The copy's size.
    """

    source: Path
    target: Path
    size_bytes: int


def main(argv: Sequence[str] | None = None) -> int:
    """Copies the store that the settings name, and the model registry where it is a file of its own.

    Args:
        argv: The arguments; those of the process unless given.

    Returns:
        The exit code: 0, or 1 when there is a problem.

    Raises:
        SystemExit: With 2 for wrong use, with 0 after `--help`.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _back_up(Settings(), arguments.target, force=arguments.force)
    except (BackupError, LabLoggerError, ValidationError) as error:
        print(f"backup: {error}", file=sys.stderr)
        return 1


def copy_file(source: Path, target: Path, *, force: bool = False, watch: Watch | None = None) -> Copy:
    """Copies a SQLite file as it is at one moment, while others read and write it.

    The copy is made beside the target, checked, written to the disk, and then takes the target's name at once.

    Args:
        source: The file.
        target: Where the copy goes; its folder is made if missing.
        force: Whether a file that is there already is replaced.
        watch: Is told how far it is.

    Raises:
        BackupError: The copy could not be made, or a file is there already.
    """
    if not source.is_file():
        raise BackupError(f"there is no file {source}; set DB_PATH (or LIGHTML_DB) to the one that is in use")
    _refuse_occupied(target, source=source, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        _copy_pages(source, part, watch or (lambda done, total: None))
        part.chmod(stat.S_IMODE(source.stat().st_mode))
        _flush(part)
        _refuse_occupied(target, source=source, force=force)
        part.replace(target)
        _flush(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"cannot copy {source} to {target}: {error}") from error
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
    return Copy(source, target, target.stat().st_size)


def dump_command(url: str, target: Path) -> str:
    """Gives the command that copies a PostgreSQL store; it holds no password."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    bare = urlunsplit(parts._replace(netloc=f"{name}@{place}" if name else place))
    return f"pg_dump --format=custom --no-owner --file={shlex.quote(str(target))} {shlex.quote(bare)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend.backup",
        description="Makes a consistent copy of the SQLite store at DB_PATH while it is in use, and of the model "
        "registry where LIGHTML_DB names another file.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "target",
        nargs="?",
        type=Path,
        metavar="TARGET",
        help="the copy's file, or a folder for it (default: beside the store, named by the time)",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there already")
    return parser


def _back_up(settings: Settings, target: Path | None, *, force: bool) -> int:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    sources = [] if settings.database_url else [settings.store_path]
    if settings.lightml_db is not None and settings.registry_path != settings.store_path:
        sources.append(settings.registry_path)
    first = settings.store_path
    for source in sources:
        with _progress(source) as watch:
            made = copy_file(
                source, _place(target, source, stamp=stamp, is_first=source == first), force=force, watch=watch
            )
        print(f"copied {made.source} to {made.target} ({made.size_bytes:,} bytes, integrity checked)")
    if settings.database_url is None:
        return 0
    dump = _place(target, first.with_suffix(".dump"), stamp=stamp, is_first=True)
    command = dump_command(settings.database_url.get_secret_value(), dump)
    raise BackupError(
        f"the store is on PostgreSQL, which copies itself: run\n  {command}\n"
        "with the password in PGPASSWORD or ~/.pgpass; docs/operations.md says how to restore"
    )


def _place(target: Path | None, source: Path, *, stamp: str, is_first: bool) -> Path:
    """Gives where a copy goes: TARGET names the store's own copy, the registry's lies beside it."""
    name = f"{source.stem}-{stamp}{source.suffix}"
    if target is None:
        return source.with_name(name)
    target = Path(os.path.abspath(target))
    if target.is_dir():
        return target / name
    return target if is_first else target.with_name(name)


def _refuse_occupied(target: Path, *, source: Path, force: bool) -> None:
    if target.exists() and target.samefile(source):
        raise BackupError(f"{target} is the file in use itself; name another place")
    if target.exists() and not force:
        raise BackupError(f"{target} is there already; name another place, or replace it with --force")
    if Path(f"{target}-wal").exists() or Path(f"{target}-journal").exists():
        raise BackupError(f"{target} is a database in use, there is a log beside it; name another place")


def _copy_pages(source: Path, part: Path, watch: Watch) -> None:
    # Never read-only: a log that a crash left behind must be readable. Nothing is made where nothing is.
    with closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, isolation_level=None)) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            if journal == "wal":
                # A snapshot that is held open: writers go on beside it, and never make the copying begin anew.
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            _copy_in_steps(connection, copy, lambda left, total: watch((total - left) * page_bytes, total * page_bytes))
            found = [text for (text,) in copy.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise BackupError(f"{source} is damaged, so is its copy, which was removed: {'; '.join(found)}")


def _copy_in_steps(connection: sqlite3.Connection, copy: sqlite3.Connection, watch: Watch) -> None:
    lefts: list[int] = []
    restarts = 0

    def note(_: int, left: int, total: int) -> None:
        nonlocal restarts
        restarts += bool(lefts) and left > lefts[-1]
        lefts[:] = [left]
        if restarts > _RESTARTS:
            raise _RestartedError
        watch(left, total)

    try:
        connection.backup(copy, pages=_PAGES_A_STEP, progress=note)
    except _RestartedError:
        # Without a write-ahead log, every write begins the copying anew: now the writers wait once, for one long step.
        connection.backup(copy, pages=-1)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _progress(source: Path) -> Iterator[Watch]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(source.name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
