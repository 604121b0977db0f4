"""What the Models page keeps in its address beside its widgets: the selected models, the family, the order.

Owns these names in the address. A selection is the same for every view, and holds the ids of models.
"""

from collections.abc import Iterable
from typing import Final

import streamlit as st

from backend.registry_models import Order

MAX_SELECTED: Final = 50
"""So many models the server takes in one question."""

SELECTED: Final = "models"
FAMILY: Final = "family"
SORT: Final = "by"
ORDER: Final = "way"

_GENERATION: Final = "models-generation"
_MAX_ID_DIGITS: Final = 18


def selected() -> list[int]:
    """Gives the ids of the selected models in the order they were selected; what is no id is passed over."""
    texts = [text for text in st.query_params.get_all(SELECTED) if text.isascii() and text.isdecimal()]
    return list(dict.fromkeys(int(text) for text in texts if len(text) <= _MAX_ID_DIGITS))[:MAX_SELECTED]


def keep_selected(model_ids: Iterable[int]) -> None:
    """Takes over a selection that a table or graph shows already. For callbacks."""
    _keep(SELECTED, [str(model_id) for model_id in dict.fromkeys(model_ids)][:MAX_SELECTED])


def select(model_ids: Iterable[int]) -> None:
    """Selects models from elsewhere: tables and graphs start anew with them. For callbacks."""
    keep_selected(model_ids)
    st.session_state[_GENERATION] = generation() + 1


def generation() -> int:
    """Gives a number that changes when a selection comes from elsewhere, to be part of a widget's key."""
    return int(st.session_state.get(_GENERATION, 0))


def chosen_family() -> str | None:
    """Gives the family to show; None for all."""
    return st.query_params.get(FAMILY)


def choose_family(family: str | None) -> None:
    """Shows another family, in the usual order. For callbacks."""
    _keep(FAMILY, [] if family is None else [family])
    _keep(SORT, [])
    _keep(ORDER, [])


def sorting() -> tuple[str, Order | None]:
    """Gives what the table is ordered by, as `GET /registry/pivot` takes it, and which way; None for the usual way."""
    way = st.query_params.get(ORDER)
    order: Order | None = "asc" if way == "asc" else "desc" if way == "desc" else None
    return st.query_params.get(SORT, "model"), order


def sort_by(sort: str, *, usual: Order) -> None:
    """Orders by something else the usual way, or the other way when it is the order already. For callbacks."""
    by, order = sorting()
    turned: Order = "asc" if (order or usual) == "desc" else "desc"
    _keep(SORT, [sort])
    _keep(ORDER, [turned] if sort == by else [])


def _keep(name: str, values: list[str]) -> None:
    if values:
        st.query_params[name] = values
    elif name in st.query_params:
        del st.query_params[name]
