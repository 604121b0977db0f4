"""How pages reach the server: one client for all of them, answers kept for a moment, and a clear word when it is away.

Owns the client's life and the message that stands in for a page when no server answers.
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

_FRESH_S: Final = 3.0
"""For so long an answer is shown again without asking, in seconds: a page is run anew at every click."""

_PARAMS_FRESH_S: Final = 60.0
_AT_ONCE: Final = 8

Answer = TypeVar("Answer")


@st.cache_resource(show_spinner=False)
def client() -> LabClient:
    """Gives the client of the server at LAB_SERVER_URL; its connections are shared by all sessions."""
    return LabClient()


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
        st.error(f"The server does not let this dashboard in: {plain_markdown(str(error))}", icon=":material/lock:")
        st.markdown("Set `LAB_API_TOKEN` to the server's `API_TOKEN`, in the environment or in `.env`, and start anew.")
        st.stop()
    except (LabClientError, ClientSettingsError) as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        st.stop()


@st.cache_data(ttl=_FRESH_S, show_spinner=False)
def facets() -> Facets:
    """Gives the store's own vocabulary but its parameters, which take longest."""
    return client().facets(leave_out=["params"])


def facets_with_params() -> Facets:
    """Gives the whole vocabulary of the store; of the parameters a change that adds no run shows a minute later."""
    found = facets()
    return found.model_copy(update={"params": _params(found.total)})


@st.cache_data(ttl=_PARAMS_FRESH_S, max_entries=4, show_spinner=False)
def _params(n_runs: int) -> list[ParamFacet]:
    """Gives the parameters of the store when it has so many runs."""
    return client().facets(leave_out=["statuses", "datasets", "metrics", "tags"]).params


def ask_at_once(questions: Sequence[Callable[[LabClient], Answer]]) -> list[Answer]:
    """Asks several things at the same time; gives the answers in order, or raises what the first one raised."""
    server = client()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda ask: ask(server), questions))


@st.cache_data(ttl=_FRESH_S, show_spinner=False)
def run_page(**filters: Any) -> RunPage:
    """Gives a page of runs; see `LabClient.list_runs`."""
    return client().list_runs(**filters)
