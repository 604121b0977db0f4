"""The tokens of the store: making, revoking and listing them, and the ones that let a request in now.

Owns the table `tokens`. `python -m backend.tokens` is the command for it, in `token_commands`. A token's text is kept
nowhere: the store holds its SHA-256, which cannot be turned back into 256 random bits.

A name is a user. Several tokens may have the same one, each with a role of its own, so that a token can be replaced
without a moment in which nothing works: make the new one, put it where the old one is, revoke the old one.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select, update

from backend.access import Principal, Role
from backend.store import Store
from backend.tables import tokens
from lab_logger.record import utc_now

PREFIX: Final = "ail_"
"""What every token starts with, so that a leaked one is found by those who look for secrets."""

MAX_NAME_CHARS: Final = 100

FRESH_S: Final = 2.0
"""For so long what the store said of its tokens is believed: a revoked one works no longer than that."""

ASKED_AGAIN_S: Final = 0.2
"""A token that is not known may be a new one; the store is asked for it, but no more often than this."""


class TokenError(Exception):
    """A token cannot be made or revoked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the store has it, which is without its text.

    Attributes:
        token_id: Its number.
        name: The user it stands for.
        role: What the user may do with it.
        created_at: When it was made, ISO 8601 in UTC.
        revoked_at: When it was revoked; None while it works.
    """

    token_id: int
    name: str
    role: Role
    created_at: str
    revoked_at: str | None


_COLUMNS = (tokens.c.token_id, tokens.c.name, tokens.c.role, tokens.c.created_at, tokens.c.revoked_at)


def make_token(store: Store, name: str, role: Role) -> tuple[Token, str]:
    """Makes a token; gives it and its text, which nothing can give again.

    Raises:
        TokenError: The name cannot be one.
        StoreError: The store cannot be written; there is no new token.
    """
    _check_name(name)
    secret = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "role": role, "created_at": utc_now()}
    with store.write() as connection:
        made = connection.execute(
            insert(tokens).values(token_sha256=sha256_of(secret), **row).returning(tokens.c.token_id)
        ).scalar_one()
    return Token(token_id=made, name=name, role=role, created_at=row["created_at"], revoked_at=None), secret


def list_tokens(store: Store) -> list[Token]:
    """Gives every token that was ever made, the oldest first.

    Raises:
        StoreError: The store cannot be read.
    """
    with store.read() as connection:
        return _found(connection)


def revoke_tokens(store: Store, name_or_id: str) -> list[Token]:
    """Revokes the token of an id, or every token of a name that still works.

    Returns:
        Those that were revoked now; none where they all were before.

    Raises:
        TokenError: There is no such token.
        StoreError: The store cannot be written; the tokens work as before.
    """
    now = utc_now()
    with store.write() as connection:
        meant = [token for token in _found(connection) if name_or_id in (token.name, str(token.token_id))]
        if not meant:
            raise TokenError(f"there is no token with the name or id {name_or_id!r}; `list` shows those there are")
        working = [token.token_id for token in meant if token.revoked_at is None]
        connection.execute(update(tokens).where(tokens.c.token_id.in_(working)).values(revoked_at=now))
        return [token for token in _found(connection) if token.token_id in working]


def sha256_of(text: str | bytes) -> str:
    """Gives what the store keeps of a token's text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _found(connection: Connection) -> list[Token]:
    rows = connection.execute(select(*_COLUMNS).order_by(tokens.c.token_id)).mappings()
    return [Token(**row) for row in rows]


def _check_name(name: str) -> None:
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > MAX_NAME_CHARS:
        raise TokenError(
            f"{name!r} cannot be a token's name; give 1 to {MAX_NAME_CHARS} printable characters, no space at an end"
        )
    if name.isdecimal():
        raise TokenError(f"a name of digits alone, as {name!r}, would be taken for a token's id; add a letter")


@dataclass(frozen=True, slots=True)
class WorkingTokens:
    """The tokens that let a request in, as the store had them at one moment.

    Attributes:
        by_sha256: The SHA-256 of each token's text, and whose it is, by the same SHA-256.
        read_at: The moment, in seconds of `time.monotonic`.
    """

    by_sha256: Mapping[str, tuple[str, Principal]]
    read_at: float

    def principal_of(self, secret: bytes) -> Principal | None:
        """Gives who sends a token's text; None for a text that is no working token."""
        given = sha256_of(secret)
        stored, principal = self.by_sha256.get(given, ("", None))
        return principal if hmac.compare_digest(stored, given) else None


class TokenBook:
    """What a server knows of the store's tokens: asked for at most every few seconds, in a thread of its own.

    One book is shared by all requests of a process. What it says of a token is never older than two seconds, so that a
    revoked token stops working, and the first token of a store closes the server, without a restart of any process.

    Args:
        store: Gives the store.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: WorkingTokens | None = None
        self._reading: Future[WorkingTokens] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def recall(self, *, within_s: float = FRESH_S) -> WorkingTokens | None:
        """Gives what is known without asking the store; None where nothing is, or nothing fresh enough."""
        known = self._known
        return known if known is not None and time.monotonic() - known.read_at <= within_s else None

    def ask(self, *, within_s: float = FRESH_S) -> Future[WorkingTokens]:
        """Asks the store, together with everybody who asks meanwhile; the future may hold a `StoreError`."""
        with self._lock:
            known = self.recall(within_s=within_s)
            if known is not None:
                future: Future[WorkingTokens] = Future()
                future.set_result(known)
                return future
            if self._reading is None or self._reading.done():
                if self._thread is None:
                    self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")
                self._reading = self._thread.submit(self._read)
            return self._reading

    def close(self) -> None:
        """Ends the thread; the next question begins another."""
        with self._lock:
            thread, self._thread, self._reading = self._thread, None, None
        if thread is not None:
            thread.shutdown()

    def _read(self) -> WorkingTokens:
        at = time.monotonic()
        working = select(tokens.c.token_sha256, tokens.c.name, tokens.c.role).where(tokens.c.revoked_at.is_(None))
        store, rows = self._store(), []
        if store.is_there():
            with store.read() as connection:
                rows = list(connection.execute(working).mappings())
        by_sha256 = {row["token_sha256"]: (row["token_sha256"], Principal(row["name"], row["role"])) for row in rows}
        self._known = WorkingTokens(by_sha256, read_at=at)
        return self._known


if __name__ == "__main__":
    from backend.token_commands import main

    main()
