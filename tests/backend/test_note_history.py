"""Who changed a run's note, when, and what it was before."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from backend.access import ROLES, Role
from backend.api import create_app
from backend.opening import open_store
from backend.tokens import make_token
from tests.backend.conftest import Ask, settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving


@pytest.fixture
def tokens(store: Path) -> dict[Role, dict[str, str]]:
    """A token of each role, as the headers that send it."""
    write_runs(store, [StoredRun("run-1")])
    with closing(open_store(settings_for(store))) as opened:
        return {role: {"Authorization": f"Bearer {make_token(opened, f'{role}-user', role)[1]}"} for role in ROLES}


def test_a_notes_history_tells_who_changed_it(ask: Ask, tokens: dict[Role, dict[str, str]]) -> None:
    client = ask(api_token="s3cret")
    whole: dict[str, dict[str, str]] = dict(tokens.items())
    whole["API_TOKEN"] = {"Authorization": "Bearer s3cret"}

    def note(text: str | None, who: str) -> None:
        assert client.patch("/runs/run/note", json={"note": text}, headers=whole[who]).status_code == 200

    note("first", "write")
    note("first", "admin")
    note("second", "admin")
    note(None, "API_TOKEN")
    note(None, "write")
    changes = client.get("/runs/run-1/notes", headers=tokens["read"]).json()
    assert [(one["changed_by"], one["former_note"], one["note"]) for one in changes] == [
        (None, "second", None),
        ("admin-user", "first", "second"),
        ("write-user", None, "first"),
    ]
    assert [one["changed_at"] for one in changes] == sorted((one["changed_at"] for one in changes), reverse=True)
    newest = client.get("/runs/run-1/notes", params={"limit": 1}, headers=tokens["read"]).json()
    assert newest == changes[:1]
    assert client.get("/runs/nobody/notes", headers=tokens["read"]).status_code == 404


def test_a_note_that_is_not_written_leaves_no_history(ask: Ask, tokens: dict[Role, dict[str, str]]) -> None:
    client = ask()
    assert client.patch("/runs/run-1/note", json={"note": "x"}, headers=tokens["read"]).status_code == 403
    assert client.patch("/runs/run-1/note", json={"note": 1}, headers=tokens["write"]).status_code == 422
    assert client.get("/runs/run-1/notes", headers=tokens["read"]).json() == []


def test_where_no_token_is_wanted_a_change_has_no_name(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run-1", note="keep")])
    ask().patch("/runs/run-1/note", json={"note": "x"})
    (change,) = ask().get("/runs/run-1/notes").json()
    assert (change["changed_by"], change["former_note"], change["note"]) == (None, "keep", "x")


def test_of_changes_at_once_each_tells_what_it_replaced(store: Path) -> None:
    write_runs(store, [StoredRun("run-1", note="0")])
    app = create_app(settings_for(store, busy_timeout_s=60))
    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as client:

        def note(number: int) -> int:
            return client.patch("/runs/run-1/note", json={"note": str(number)}).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(note, range(1, 25))) == {200}
        changes = client.get("/runs/run-1/notes").json()[::-1]
        last = client.get("/runs/run-1").json()["note"]
    notes = ["0", *(change["note"] for change in changes)]
    assert [change["former_note"] for change in changes] == notes[:-1]
    assert notes[-1] == last
    assert len(notes) == 25
