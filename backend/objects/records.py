"""The table `objects` in step with the artifact store: a row is there only while the content is.

Owns the rows, and their order against content that is being removed at the same moment. It must not remove content:
`sweeping` does.
"""

from typing import Final

from sqlalchemy import text, update

from backend.errors import IncompleteObjectError
from backend.objects.store import ObjectStore
from backend.store import Store
from backend.tables import objects as rows
from lab_logger import statements
from lab_logger.record import utc_now

_RECORD: Final = text(statements.RECORD_OBJECT)


def is_stored(store: Store, objects: ObjectStore, sha256: str) -> bool:
    """Tells whether content need not be sent. If so its grace time starts anew: what refers to it may be on its way.

    Raises:
        ObjectStoreError: The artifact store cannot be read.
        StoreError: The store cannot be written.
    """
    size_bytes = objects.size_of(sha256)
    if size_bytes is None:
        return False
    try:
        record(store, objects, sha256, size_bytes)
    except IncompleteObjectError:
        return False
    return True


def record(store: Store, objects: ObjectStore, sha256: str, size_bytes: int) -> None:
    """Records that content is there, once `ObjectStore.complete` has kept it; its grace time starts anew.

    Raises:
        IncompleteObjectError: It was removed just now, because nothing referred to it; it is to be sent again.
        StoreError: The store cannot be written; nothing was recorded.
    """
    now = utc_now()
    with store.write() as connection:
        connection.execute(_RECORD, {"sha256": sha256, "size_bytes": size_bytes, "stored_at": now})
        connection.execute(update(rows).where(rows.c.sha256 == sha256).values(stored_at=now))
        # Whoever removes it holds the same row until it is gone.
        if not objects.has(sha256):
            raise IncompleteObjectError(f"{sha256} was removed just now, as nothing referred to it; send it again")
