"""The token of one browser session, the client that sends it, and the answers that are kept for those who send it.

Owns where the token is: in the session's own memory, so neither in an address nor in a file, and gone with the session.
What is kept of an answer is kept by token, so that nobody is shown what was answered to another.
"""

from collections.abc import Callable
from typing import Any, Final, Generic, ParamSpec, TypeVar

import streamlit as st

from backend.models import Identity
from tools.client import LabClient

_TOKEN: Final = "own-token"

_IDENTITY_FRESH_S: Final = 3.0

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class Kept(Generic[_Given, _Answer]):
    """A function whose answers are kept for a while, for those who send the token that they were given for."""

    def __init__(self, keeping: Any) -> None:
        self._keeping = keeping

    def __call__(self, *args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        """Gives the answer that is kept, or asks."""
        found: _Answer = self._keeping(own_token(), args, kwargs)
        return found

    def clear(self) -> None:
        """Forgets what is kept."""
        self._keeping.clear()


def own_token() -> str | None:
    """Gives the token that was typed in this session; None where the one of the dashboard's settings is used."""
    token: str | None = st.session_state.get(_TOKEN)
    return token


def use_token(token: str | None) -> None:
    """Sets the token of this session; with None the one of the dashboard's settings is used again."""
    if token is None:
        st.session_state.pop(_TOKEN, None)
    else:
        st.session_state[_TOKEN] = token


def client() -> LabClient:
    """Gives the client of the server at LAB_SERVER_URL; sessions that send the same token share its connections."""
    return _client_with(own_token())


@st.cache_resource(show_spinner=False, on_release=LabClient.close)
def _client_with(token: str | None) -> LabClient:
    return LabClient(token=token)


def kept(
    *, ttl: float, max_entries: int | None = None, show_spinner: bool | str = False
) -> Callable[[Callable[_Given, _Answer]], Kept[_Given, _Answer]]:
    """Makes a function that asks the server keep its answers, for those who send the same token.

    Args:
        ttl: For how long, in seconds.
        max_entries: How many answers.
        show_spinner: Whether to say that it takes a while, or what to say.
    """

    def keep(ask: Callable[_Given, _Answer]) -> Kept[_Given, _Answer]:
        def answer(token: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return ask(*args, **kwargs)

        # What is kept goes by the function's name and module; every page is the module `__main__`.
        answer.__module__ = ask.__module__
        answer.__qualname__ = f"{ask.__code__.co_filename}:{ask.__qualname__}"
        return Kept(st.cache_data(ttl=ttl, max_entries=max_entries, show_spinner=show_spinner)(answer))

    return keep


@kept(ttl=_IDENTITY_FRESH_S)
def identity() -> Identity:
    """Gives who this session is to the server."""
    return client().whoami()
