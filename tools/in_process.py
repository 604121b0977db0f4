"""A client that asks the application which serves a request, inside its own process.

Owns that way: HTTP as to the letter, with neither a port nor a connection, and with the caller's own token.
"""

from typing import Any, Final

import httpx

from tools.client import AsyncLabClient

_BASE_URL: Final = "http://127.0.0.1"


def client_of(app: Any, *, authorization: str | None) -> AsyncLabClient:
    """Makes a client of an ASGI application.

    Args:
        app: The application.
        authorization: The caller's Authorization header; a bearer token in it is passed on.
    """
    scheme, _, token = (authorization or "").partition(" ")
    own = token.strip() if scheme.lower() == "bearer" else ""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return AsyncLabClient(_BASE_URL, token=own or None, transport=transport)
