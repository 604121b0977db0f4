"""A file that one process holds, until it lets go or ends.

Owns the lock by which processes tell whose an outbox is. The system lets go of it when the process is gone, however it
went, so that nobody has to guess from process ids.
"""

import os
from pathlib import Path


class FileLock:
    """A lock on a file of its own, held by one process at a time.

    Args:
        path: The file; made if missing, in a folder that exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock if nobody holds it; never waits.

        Raises:
            OSError: The file cannot be made or locked at all.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            is_held = _lock(descriptor) and _is_still_at(self.path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if not is_held:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets go; in the child of a fork the parent's lock stays held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Removes the file and lets go."""
        self.path.unlink(missing_ok=True)
        self.release()


def _is_still_at(path: Path, descriptor: int) -> bool:
    """Tells whether the locked file is still the one at its path: the last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


if os.name == "nt":

    def _lock(descriptor: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

else:

    def _lock(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
