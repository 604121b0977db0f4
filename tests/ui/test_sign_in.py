"""The dashboard of a server that wants a token."""

from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from backend.access import Role
from backend.config import Settings
from backend.opening import open_store
from backend.tokens import make_token, revoke_tokens
from tests.backend.stores import StoredRun, write_runs
from tests.ui.dashboard import opened, shown
from tools.client import LabClient

RUN = "4f2c1111-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def lab(isolated: Path, server: str) -> None:
    write_runs(isolated / "runs.db", [StoredRun(RUN, dataset_id="iris", metrics={"accuracy": 0.9}, note="keep")])


def made(name: str, role: Role) -> str:
    with closing(open_store(Settings())) as store:
        return make_token(store, name, role)[1]


def sign_in(app: AppTest, token: str) -> AppTest:
    app.text_input[0].input(token)
    button(app, "Sign in").click()
    return app.run()


def signed_in(token: str) -> AppTest:
    """Opens the run's page with a token."""
    return sign_in(opened("run", id=RUN), token)


def button(app: AppTest, label: str) -> Button:
    return next(one for one in app.button if one.label == label)


def is_locked(app: AppTest) -> bool:
    """Tells whether the note cannot be edited."""
    return bool(app.text_area[0].disabled)


def labels(app: AppTest) -> list[str]:
    return [one.label for one in app.button]


def test_a_server_that_wants_no_token_is_shown_as_ever() -> None:
    app = opened("run", id=RUN)
    assert not app.exception
    assert not {"Sign in", "Sign out"} & set(labels(app))
    assert not is_locked(app)


@pytest.mark.parametrize("page", ["home", "runs", "run", "compare", "leaderboard", "models", "assistant"])
def test_every_page_asks_for_a_token_and_shows_nothing_else(page: str) -> None:
    made("ada", "read")
    app = opened(page)
    assert not app.exception
    assert "The server wants a token." in shown(app)
    assert app.text_input[0].proto.type == app.text_input[0].proto.PASSWORD
    assert labels(app) == ["Sign in"]
    assert not app.dataframe


def test_signing_in_leads_to_the_page_that_was_asked_for() -> None:
    token = made("ada", "write")
    app = signed_in(token)
    assert not app.exception
    assert "Signed in as **ada**, who may read everything, and write notes and registry entries." in shown(app)
    assert app.text_area[0].value == "keep"
    assert app.query_params["id"] == RUN
    assert token not in f"{app.query_params} {shown(app)}"
    app.switch_page("ui/pages/runs.py")
    assert len(app.run().dataframe) == 1


@pytest.mark.parametrize(
    ("typed", "words"), [("ail_wrong", "does not know this token"), ("tökén", "characters that a header cannot carry")]
)
def test_a_wrong_token_says_so(typed: str, words: str) -> None:
    made("ada", "read")
    app = sign_in(opened("run", id=RUN), typed)
    assert not app.exception
    assert words in shown(app)
    assert labels(app) == ["Sign in"]
    assert not app.text_area


def test_one_who_signed_in_signs_nobody_else_in_and_may_sign_out() -> None:
    app = signed_in(made("ada", "read"))
    assert app.text_area
    assert labels(opened("run", id=RUN)) == ["Sign in"]
    button(app, "Sign out").click()
    app.run()
    assert labels(app) == ["Sign in"]
    assert not app.text_area


def test_a_token_that_may_only_read_shows_the_note_and_why_it_cannot_be_edited() -> None:
    app = signed_in(made("rita", "read"))
    assert app.text_area[0].value == "keep"
    assert is_locked(app)
    assert "Your token may only read. To write notes, sign in with one that has the role `write`." in shown(app)
    assert button(app, "Save note").disabled
    assert button(app, "PUBLISH").disabled


def test_a_note_is_written_in_ones_own_name(server: str) -> None:
    token = made("ada", "write")
    app = signed_in(token)
    app.text_area[0].set_value("the one")
    button(app, "Save note").click()
    app.run()
    assert not app.exception
    with LabClient(server, token=token) as lab:
        (change,) = lab.note_history(RUN)
    assert (change.changed_by, change.former_note, change.note) == ("ada", "keep", "the one")


def test_a_token_that_is_revoked_meanwhile_ends_the_session() -> None:
    app = signed_in(made("ada", "read"))
    with closing(open_store(Settings())) as store:
        make_token(store, "other", "read")
        revoke_tokens(store, "ada")
    while "Sign out" in labels(app.run()):
        pass
    assert not app.exception
    assert "The token of this session works no longer" in shown(app)


def test_the_dashboards_own_token_is_used_until_somebody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_API_TOKEN", made("dashboard", "read"))
    app = opened("run", id=RUN)
    assert is_locked(app)
    assert "Signed in as **dashboard**" in shown(app)
    assert "This is the dashboard's own token" in shown(app)
    sign_in(app, made("ada", "admin"))
    assert "Signed in as **ada**, who may do everything." in shown(app)
    assert not is_locked(app)
    button(app, "Sign out").click()
    assert "Signed in as **dashboard**" in shown(app.run())


def test_an_answer_that_is_kept_is_kept_for_those_who_sent_the_same_token(server: str) -> None:
    first, second = made("ada", "write"), made("bo", "read")
    apps = [signed_in(token) for token in (first, second)]
    assert [f"**{name}**" in shown(app) for app, name in zip(apps, ("ada", "bo"), strict=True)] == [True, True]
    assert [is_locked(app.run()) for app in apps] == [False, True]
