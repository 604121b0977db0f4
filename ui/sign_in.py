"""Signing in and out: what stands in for a page while the server wants a token, and who one is once it has one.

Owns the form and the sign that one is signed in. Where the token is kept is `session`'s.
"""

from http import HTTPStatus
from typing import Final

import streamlit as st

from backend.models import Identity
from tools.client import LabClient
from tools.errors import LabClientError, NotAllowedError
from ui.formatting import plain_markdown
from ui.session import identity, own_token, use_token

_DUTIES: Final = {
    "read": "may read everything and change nothing",
    "write": "may read everything, and write notes and registry entries",
    "admin": "may do everything",
}
_WRONG: Final = "The server does not know this token, or it was revoked."


def wants_token(error: NotAllowedError) -> bool:
    """Tells whether the server would let this session in with another token."""
    return error.status == HTTPStatus.UNAUTHORIZED


def admit() -> None:
    """Shows who one is where the server wants a token, and asks for one, instead of the page, while none is sent.

    What else is wrong with the server is for the page to say.
    """
    try:
        who = identity()
    except NotAllowedError as error:
        if wants_token(error):
            ask_for_token()
    except LabClientError:
        return
    else:
        if who.wants_token:
            _account(who)


def ask_for_token() -> None:
    """Asks for a token in place of the rest of the page, which stops."""
    st.subheader("Sign in", anchor=False)
    if own_token() is not None:
        st.warning("The token of this session works no longer: it was revoked.", icon=":material/lock:")
    st.markdown(
        "The server wants a token. Whoever runs it makes one with `python -m backend.tokens create NAME --role read`."
    )
    _form("sign-in")
    st.stop()


def _form(key: str) -> None:
    with st.form(key, clear_on_submit=True, width=480):
        given = st.text_input(
            "Token",
            type="password",
            autocomplete="current-password",
            help="It stays in this browser session: it is neither stored nor put into an address.",
        )
        is_sent = st.form_submit_button("Sign in", type="primary", icon=":material/login:")
    if is_sent and given and given.strip():
        _sign_in(given.strip())


def _sign_in(token: str) -> None:
    try:
        with LabClient(token=token) as lab:
            lab.whoami()
    except LabClientError as error:
        is_wrong = isinstance(error, NotAllowedError) and wants_token(error)
        st.error(_WRONG if is_wrong else plain_markdown(str(error)), icon=":material/lock:")
        return
    use_token(token)
    st.rerun()


def _account(who: Identity) -> None:
    """Shows who one is, and lets one be somebody else."""
    name = "API_TOKEN" if who.user is None else who.user
    with (
        st.container(horizontal=True, horizontal_alignment="right"),
        st.popover(plain_markdown(f"{name} · {who.role}"), icon=":material/account_circle:", type="tertiary"),
    ):
        st.markdown(f"Signed in as **{plain_markdown(name)}**, who {_DUTIES[who.role]}.")
        if own_token() is not None:
            st.button("Sign out", icon=":material/logout:", on_click=use_token, args=[None])
        else:
            st.caption(
                "This is the dashboard's own token, LAB_API_TOKEN. Sign in with yours to do things in your name."
            )
            _form("sign-in-as-another")
