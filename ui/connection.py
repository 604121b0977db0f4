"""How pages reach the server: answers kept for a moment, and a clear word when it is away or does not let one in.

Owns the questions that several pages ask, and the message that stands in for a page when no server answers.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import streamlit as st

from backend.models import Facets, ParamFacet
from tools.calls import RunPage
from tools.client import LabClient
from tools.errors import ClientSettingsError, LabClientError, NotAllowedError, ServerUnreachableError
from ui.formatting import plain_markdown
from ui.session import client, identity, kept
from ui.sign_in import ask_for_token, wants_token

__all__ = ["ask_at_once", "asking", "client", "facets", "facets_with_params", "identity", "kept", "run_page"]

_FRESH_S: Final = 3.0
"""For so long an answer is shown again without asking, in seconds: a page is run anew at every click."""

_PARAMS_FRESH_S: Final = 60.0
_AT_ONCE: Final = 8

Answer = TypeVar("Answer")


@contextmanager
def asking(*, passes: tuple[type[LabClientError], ...] = ()) -> Iterator[LabClient]:
    """Yields the client; what goes wrong is said in place of the rest of the page, which then stops.

    Args:
        passes: Errors that the caller says in words of its own; they are raised.
    """
    try:
        yield client()
    except passes:
        raise
    except ServerUnreachableError as error:
        st.error(f"The server does not answer. {plain_markdown(str(error))}", icon=":material/cloud_off:")
        st.markdown("Start it in a terminal of the project's folder, then reload this page:")
        st.code("make serve", language="bash")
        st.stop()
    except NotAllowedError as error:
        if wants_token(error):
            ask_for_token()
        st.error(plain_markdown(str(error)), icon=":material/lock:")
        st.stop()
    except (LabClientError, ClientSettingsError) as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        st.stop()


@kept(ttl=_FRESH_S)
def facets() -> Facets:
    """Gives the store's own vocabulary but its parameters, which take longest."""
    return client().facets(leave_out=["params"])


def facets_with_params() -> Facets:
    """Gives the whole vocabulary of the store; of the parameters a change that adds no run shows a minute later."""
    found = facets()
    return found.model_copy(update={"params": _params(found.total)})


@kept(ttl=_PARAMS_FRESH_S, max_entries=4)
def _params(n_runs: int) -> list[ParamFacet]:
    """Gives the parameters of the store when it has so many runs."""
    return client().facets(leave_out=["statuses", "datasets", "metrics", "tags"]).params


def ask_at_once(questions: Sequence[Callable[[LabClient], Answer]]) -> list[Answer]:
    """Asks several things at the same time; gives the answers in order, or raises what the first one raised."""
    server = client()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda ask: ask(server), questions))


@kept(ttl=_FRESH_S)
def run_page(**filters: Any) -> RunPage:
    """Gives a page of runs; see `LabClient.list_runs`."""
    return client().list_runs(**filters)
