"""Where the server is, and the token it is sent.

Owns filling in the settings of the client. It must not connect to anything.
"""

import httpx
from pydantic import ValidationError

from backend.config import ClientSettings
from tools.errors import ClientSettingsError

_MAX_PORT = 65_535


def server_address(base_url: str | None, *, token: str | None) -> tuple[str, str | None]:
    """Gives the server's address and token, each from the settings unless given.

    The token of the settings belongs to the server of the settings: an address that is given comes without it.

    Raises:
        ClientSettingsError: The address or the token cannot be used.
    """
    if base_url is None:
        settings = _settings()
        base_url = settings.lab_server_url
        if token is None and settings.lab_api_token is not None:
            token = settings.lab_api_token.get_secret_value()
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ClientSettingsError("the token holds characters that a header cannot carry; check LAB_API_TOKEN")
    return _checked(base_url), token


def _settings() -> ClientSettings:
    try:
        return ClientSettings()
    except ValidationError as error:
        found = error.errors()[0]
        raise _unusable(str(found["loc"][0]).upper(), str(found["input"])) from None
    except ValueError as error:
        raise ClientSettingsError(str(error)) from error


def _checked(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise _unusable("the server's address", base_url) from None
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > _MAX_PORT:
        raise _unusable("the server's address", base_url)
    return base_url.rstrip("/")


def _unusable(name: str, value: str) -> ClientSettingsError:
    return ClientSettingsError(f"{name} is {value!r}; give an address such as http://127.0.0.1:8000 (LAB_SERVER_URL)")
