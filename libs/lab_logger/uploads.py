"""The content of one artifact on its way to the server, a part at a time.

Owns parts: which the server has already, which is sent next, when they are joined. What is sent is a staged file that
nobody changes, named by its SHA-256.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from lab_logger.errors import ServerError
from lab_logger.link import TIMEOUT_S, Answer, Link

PART_BYTES = 8 << 20
"""The size of every part but the last."""

_SLOWEST_BYTES_PER_S = 50_000
_JOINED_BYTES_PER_S = 20_000_000
_OK, _NO_CONTENT, _CONFLICT, _UNPROCESSABLE = 200, 204, 409, 422
_TRIES = 3


class Upload:
    """Sends one staged file.

    Args:
        path: The file, which is named by its SHA-256.
        link: The connection.
    """

    def __init__(self, path: Path, link: Link) -> None:
        self.path = path
        self.is_stored = False
        self._link = link
        self._address = f"/ingest/objects/{path.name}"
        self._size_bytes = os.stat(path).st_size
        self._missing: list[int] | None = None
        self._tries_left = _TRIES

    def step(self) -> Answer | None:
        """Asks what is there, sends a part or has the parts joined, whichever comes next.

        Returns:
            None when the server took it; the answer when it did not.

        Raises:
            ServerError: The server does not answer.
            OSError: The file cannot be read.
        """
        if self._missing is None:
            return self._look()
        return self._put(self._missing[0]) if self._missing else self._complete()

    @property
    def _parts(self) -> int:
        return max(1, -(-self._size_bytes // PART_BYTES))

    def _part_bytes(self, index: int) -> int:
        return min(PART_BYTES, self._size_bytes - index * PART_BYTES)

    def _look(self) -> Answer | None:
        answer = self._link.get(self._address, {"X-Content-Size": str(self._size_bytes)})
        if answer.status != _OK:
            return answer
        if not isinstance(answer.document.get("stored"), bool):
            raise ServerError(f"what answers at {self._link.server_url} is no ai-lab server", needs_a_person=True)
        self.is_stored = answer.document["stored"] is True
        there = _parts_there(answer.document)
        self._missing = [index for index in range(self._parts) if there.get(index) != self._part_bytes(index)]
        return None

    def _put(self, index: int) -> Answer | None:
        with self.path.open("rb") as file:
            file.seek(index * PART_BYTES)
            content = file.read(self._part_bytes(index))
        headers = {"X-Content-SHA256": hashlib.sha256(content).hexdigest()}
        timeout_s = TIMEOUT_S + len(content) / _SLOWEST_BYTES_PER_S
        answer = self._link.put(f"{self._address}/parts/{index}", content, headers, timeout_s=timeout_s)
        if answer.status == _NO_CONTENT:
            assert self._missing is not None
            self._missing.remove(index)
            return None
        return self._begin_anew(answer) if answer.status == _UNPROCESSABLE else answer

    def _complete(self) -> Answer | None:
        text = json.dumps({"size_bytes": self._size_bytes, "parts": self._parts})
        timeout_s = TIMEOUT_S + self._size_bytes / _JOINED_BYTES_PER_S
        answer = self._link.post(f"{self._address}/complete", text, timeout_s=timeout_s)
        if answer.status == _OK:
            self.is_stored = True
            return None
        return self._begin_anew(answer) if answer.status == _CONFLICT else answer

    def _begin_anew(self, answer: Answer) -> Answer | None:
        """Something on the way may have changed a part: that is worth another try, and not for ever."""
        self._missing = None
        self._tries_left -= 1
        return None if self._tries_left else answer


def _parts_there(document: Mapping[str, object]) -> dict[object, object]:
    parts = document.get("parts")
    return {
        part.get("index"): part.get("size_bytes")
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, dict)
    }
