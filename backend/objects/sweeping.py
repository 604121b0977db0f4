"""What the artifact store holds that no run needs, and taking it away; what a run needs and the store has lost.

Owns finding and the order of removing: the row of `objects` first, then the content, so that an end in between leaves
content that nobody knows of and never a row without content. It must not remove what came within the grace time: its
record may still be on its way.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, text

from backend.errors import DamagedObjectError, UnknownObjectError
from backend.objects.store import ObjectStore
from backend.store import Store
from backend.tables import artifact_files
from backend.tables import objects as rows
from lab_logger import statements
from lab_logger.record import utc_now

_BATCH: Final = 500
_RECORD: Final = text(statements.RECORD_OBJECT)
_REFERS: Final = exists().where(artifact_files.c.sha256 == rows.c.sha256)


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that no artifact needs.

    Attributes:
        kind: "unreferenced": recorded content that no artifact refers to. "unrecorded": content that the store of runs
            does not know. "upload": parts that were never joined.
        sha256: The content.
        size_bytes: How much would be free without it.
        since: When it was recorded, stored or last sent, ISO 8601 in UTC.
    """

    kind: Literal["unreferenced", "unrecorded", "upload"]
    sha256: str
    size_bytes: int
    since: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """Content that the store of runs knows.

    Attributes:
        sha256: The content.
        size_bytes: Its size.
        stored_at: When it was recorded, ISO 8601 in UTC.
        artifacts: How many files of artifacts it is the content of.
    """

    sha256: str
    size_bytes: int
    stored_at: str
    artifacts: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Content that cannot be had.

    Attributes:
        kind: "missing": it is recorded, but not there. "damaged": it is not what was stored. "unrecorded": it is there
            and an artifact refers to it, but the store of runs does not know it.
        sha256: The content.
        artifacts: How many files of artifacts it is the content of.
    """

    kind: Literal["missing", "damaged", "unrecorded"]
    sha256: str
    artifacts: int


def list_recorded(store: Store, *, limit: int | None = None, at_random: bool = False) -> list[Recorded]:
    """Gives the content that the store of runs knows, the newest first or any."""
    artifacts = select(func.count()).where(artifact_files.c.sha256 == rows.c.sha256).scalar_subquery()
    order: ColumnElement[Any] = func.random() if at_random else rows.c.stored_at.desc()
    statement = select(rows.c.sha256, rows.c.size_bytes, rows.c.stored_at, artifacts).order_by(order).limit(limit)
    with store.read() as connection:
        return [Recorded(*row) for row in connection.execute(statement)]


def find_leftovers(
    store: Store, objects: ObjectStore, *, before: datetime, sent_before: datetime
) -> Iterator[Leftover]:
    """Finds what no artifact needs.

    Args:
        store: The store of runs.
        objects: The artifact store.
        before: Content that was recorded or stored since then is left out.
        sent_before: So are uploads that went on since then.
    """
    unneeded = select(rows.c.sha256, rows.c.size_bytes, rows.c.stored_at).where(rows.c.stored_at < _spelled(before))
    with store.read() as connection:
        unreferenced = connection.execute(unneeded.where(~_REFERS)).all()
    for sha256, size_bytes, stored_at in unreferenced:
        yield Leftover("unreferenced", sha256, size_bytes, stored_at)
    for sha256, size_bytes in _strangers(store, objects, is_referenced=False):
        at = objects.stored_at(sha256)
        if at is not None and at < before:
            yield Leftover("unrecorded", sha256, size_bytes, _spelled(at))
    for upload in objects.uploads():
        if upload.last_sent_at is not None and upload.last_sent_at < sent_before:
            yield Leftover("upload", upload.sha256, upload.size_bytes, _spelled(upload.last_sent_at))


def remove(store: Store, objects: ObjectStore, leftover: Leftover) -> bool:
    """Removes what was found; gives False, and leaves it, when it has come into use since."""
    if leftover.kind == "upload":
        objects.discard(leftover.sha256)
        return True
    if leftover.kind == "unreferenced":
        unchanged = (rows.c.sha256 == leftover.sha256) & (rows.c.stored_at == leftover.since)
        with store.write() as connection:
            if connection.execute(delete(rows).where(unchanged, ~_REFERS)).rowcount == 0:
                return False
    return _remove_content(store, objects, leftover)


def find_faults(objects: ObjectStore, checked: Sequence[Recorded]) -> Iterator[Fault | None]:
    """Reads content and gives, for each in order, what is wrong with it, or None."""
    for one in checked:
        try:
            for _ in objects.open(one.sha256):
                pass
        except UnknownObjectError:
            yield Fault("missing", one.sha256, one.artifacts)
        except DamagedObjectError:
            yield Fault("damaged", one.sha256, one.artifacts)
        else:
            yield None


def find_unrecorded(store: Store, objects: ObjectStore) -> Iterator[Fault]:
    """Gives the content that artifacts refer to, that is there, and that the store of runs does not know."""
    for sha256, _ in _strangers(store, objects, is_referenced=True):
        with store.read() as connection:
            yield Fault("unrecorded", sha256, _references(connection, sha256))


def _strangers(store: Store, objects: ObjectStore, *, is_referenced: bool) -> Iterator[tuple[str, int]]:
    """Gives content that is there and not recorded: that which artifacts refer to, or that which none does."""
    there = objects.list()
    while batch := dict(itertools.islice(there, _BATCH)):
        with store.read() as connection:
            known = set(connection.execute(select(rows.c.sha256).where(rows.c.sha256.in_(batch))).scalars())
            used = set(
                connection.execute(
                    select(artifact_files.c.sha256).where(artifact_files.c.sha256.in_(batch)).distinct()
                ).scalars()
            )
        for sha256, size_bytes in batch.items():
            if sha256 not in known and (sha256 in used) == is_referenced:
                yield sha256, size_bytes


def _remove_content(store: Store, objects: ObjectStore, leftover: Leftover) -> bool:
    values = {"sha256": leftover.sha256, "size_bytes": leftover.size_bytes, "stored_at": utc_now()}
    with store.write() as connection:
        # Whoever records the same content now waits for this row, and then finds the content gone.
        if connection.execute(_RECORD, values).rowcount == 0:
            return False
        if _references(connection, leftover.sha256):
            return False
        objects.delete(leftover.sha256)
        connection.execute(delete(rows).where(rows.c.sha256 == leftover.sha256))
    return True


def _references(connection: Connection, sha256: str) -> int:
    statement = select(func.count()).where(artifact_files.c.sha256 == sha256)
    return int(connection.execute(statement).scalar_one())


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
