"""Tokens of the store: how they are made and revoked, whom they let in, and for how long."""

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner, Result

from backend import service
from backend.access import Role
from backend.api import create_app
from backend.config import Settings
from backend.opening import open_store
from backend.store import Store
from backend.token_commands import app
from backend.tokens import Token, make_token, revoke_tokens
from tests.backend.conftest import Ask, settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = ("192.168.1.7", 40_000)
API_TOKEN = "s3cret-Token"

Command = Callable[..., Result]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def made(store: Path, name: str, role: Role) -> str:
    """Makes a token in a store, as another process does; gives its text."""
    with closing(open_store(settings_for(store))) as opened:
        return make_token(opened, name, role)[1]


def revoked(store: Path, name_or_id: str) -> list[Token]:
    with closing(open_store(settings_for(store))) as opened:
        return revoke_tokens(opened, name_or_id)


def until_status(status: int, ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Asks until the answer has a status; a test that waits in vain is ended from outside."""
    while (answer := ask()).status_code != status:
        pass
    return answer


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Gives the command of a store of its own, in this process."""
    (tmp_path / ".env").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("API_TOKEN", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DB_PATH", str(tmp_path / "runs.db"))
    return lambda *arguments, **settings: CliRunner().invoke(app, arguments, env=settings)


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if name not in ("API_TOKEN", "DATABASE_URL")}
    environment = own | {"DB_PATH": str(tmp_path / "runs.db"), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    line = [sys.executable, "-W", "error", "-m", "backend.tokens", "create", "ada", "--role", "read"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"ail_[\w-]{43}\n", done.stdout)


def test_a_token_is_shown_once_and_kept_nowhere(command: Command, tmp_path: Path) -> None:
    shown = command("create", "ada", "--role", "write")
    token = shown.stdout.strip()
    assert shown.exit_code == 0, shown.stderr
    assert re.fullmatch(r"ail_[\w-]{43}", token)
    assert token not in shown.stderr
    assert "shown this once" in shown.stderr
    assert "every request needs a token from now on" in shown.stderr
    content = b"".join(file.read_bytes() for file in tmp_path.glob("runs.db*"))
    assert token.encode() not in content
    assert hashlib.sha256(token.encode()).hexdigest().encode() in content
    listed = command("list").stdout + command("list", "--json").stdout
    assert token not in listed
    assert re.search(r"1\s+ada\s+write", listed)


def test_the_command_speaks_json(command: Command) -> None:
    created = json.loads(command("create", "ci", "--role", "read", "--json").stdout)
    assert (created["token_id"], created["name"], created["role"]) == (1, "ci", "read")
    assert created["token"].startswith("ail_")
    (listed,) = json.loads(command("list", "--json").stdout)
    assert listed == {name: value for name, value in created.items() if name != "token"}
    (gone,) = json.loads(command("revoke", "ci", "--json").stdout)
    assert gone["revoked_at"] > gone["created_at"]
    assert json.loads(command("revoke", "ci", "--json").stdout) == []


def test_a_token_is_replaced_without_a_gap(command: Command) -> None:
    command("create", "ada", "--role", "write")
    second = command("create", "ada", "--role", "write")
    assert "ada has other tokens that work: 1." in second.stderr
    assert "every request" not in second.stderr
    assert "Token 1 of ada (write) is revoked." in command("revoke", "1").stdout
    assert [token["revoked_at"] is None for token in json.loads(command("list", "--json").stdout)] == [False, True]


def test_a_name_revokes_all_of_its_tokens_and_the_last_one_opens_the_server_again(command: Command) -> None:
    for role in ("read", "admin"):
        command("create", "ada", "--role", role)
    done = command("revoke", "ada")
    assert done.stdout.splitlines() == ["Token 1 of ada (read) is revoked.", "Token 2 of ada (admin) is revoked."]
    assert "It was the last" in done.stderr
    again = command("revoke", "ada")
    assert (again.exit_code, again.stderr) == (0, "")
    assert "revoked before" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["create", "12", "--role", "read"], 1, "taken for a token's id"),
        (["create", " ada", "--role", "read"], 1, "cannot be a token's name"),
        (["create", "a\nb", "--role", "read"], 1, "cannot be a token's name"),
        (["create", "a" * 101, "--role", "read"], 1, "1 to 100"),
        (["create", "ada"], 2, "--role"),
        (["create", "ada", "--role", "king"], 2, "'king'"),
        (["revoke", "nobody"], 1, "no token with the name or id 'nobody'"),
        (["revoke", "7"], 1, "no token with the name or id '7'"),
    ],
)
def test_what_cannot_be_done_is_said(command: Command, arguments: list[str], code: int, words: str) -> None:
    done = command(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "no tokens" in command("list").stdout


def test_a_store_that_cannot_be_used_is_said(command: Command, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("my notes\n" * 1_000)
    done = command("list")
    assert (done.exit_code, done.stdout) == (1, "")
    assert str(tmp_path / "runs.db") in done.stderr
    wrong = command("list", DATABASE_URL="mysql://lab")
    assert wrong.exit_code == 1
    assert "DATABASE_URL must start with postgresql://" in wrong.stderr


def test_the_first_token_closes_a_running_server(ask: Ask, store: Path) -> None:
    client, elsewhere = ask(), ask(client=ELSEWHERE, base_url="http://192.168.1.5:8000")
    assert client.get("/runs").status_code == 200
    assert elsewhere.get("/runs").status_code == 403
    token = made(store, "ada", "read")
    refused = until_status(401, lambda: client.get("/runs"))
    assert "python -m backend.tokens" in refused.json()["detail"]
    assert client.get("/runs", headers=bearer(token)).status_code == 200
    assert until_status(401, lambda: elsewhere.get("/runs")).headers["www-authenticate"].startswith("Bearer")
    assert elsewhere.get("/runs", headers=bearer(token)).status_code == 200
    assert elsewhere.get("/health").status_code == client.get("/health").status_code == 200


def test_a_token_that_was_just_made_works(ask: Ask, store: Path) -> None:
    first = made(store, "ada", "read")
    client = ask()
    assert client.get("/runs", headers=bearer(first)).status_code == 200
    second = made(store, "bo", "read")
    until_status(200, lambda: client.get("/runs", headers=bearer(second)))


def test_a_revoked_token_stops_working_on_every_server(ask: Ask, store: Path) -> None:
    ada, bo = made(store, "ada", "write"), made(store, "bo", "read")
    servers = [ask(), ask()]
    for server in servers:
        assert server.get("/runs", headers=bearer(ada)).status_code == 200
    assert [token.name for token in revoked(store, "ada")] == ["ada"]
    for server in servers:
        answer = until_status(401, lambda server=server: server.get("/runs", headers=bearer(ada)))  # type: ignore[misc]
        assert "unknown or revoked" in answer.json()["detail"]
        assert server.get("/runs", headers=bearer(bo)).status_code == 200


def test_the_last_token_that_is_revoked_leaves_the_server_to_its_own_machine(ask: Ask, store: Path) -> None:
    token = made(store, "ada", "admin")
    client, elsewhere = ask(), ask(client=ELSEWHERE, base_url="http://192.168.1.5:8000")
    assert elsewhere.get("/runs", headers=bearer(token)).status_code == 200
    revoked(store, "ada")
    until_status(403, lambda: elsewhere.get("/runs", headers=bearer(token)))
    until_status(200, lambda: client.get("/runs"))


def test_api_token_works_beside_the_stores_tokens(ask: Ask, store: Path) -> None:
    token = made(store, "ada", "read")
    client = ask(api_token=API_TOKEN)
    assert client.get("/whoami", headers=bearer(API_TOKEN)).json() == {
        "user": None,
        "role": "admin",
        "wants_token": True,
    }
    assert client.get("/whoami", headers=bearer(token)).json() == {"user": "ada", "role": "read", "wants_token": True}
    assert client.get("/whoami").status_code == 401


def test_without_tokens_everybody_here_is_nobody_in_particular(ask: Ask) -> None:
    assert ask().get("/whoami").json() == {"user": None, "role": "admin", "wants_token": False}


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text + "x", str.upper, lambda text: "ail_"])
def test_a_token_that_is_almost_right_is_wrong(ask: Ask, store: Path, change: Callable[[str], str]) -> None:
    token = made(store, "ada", "admin")
    answer = ask().get("/runs", headers=bearer(change(token)))
    assert answer.status_code == 401
    assert token not in answer.text


def test_what_the_store_keeps_is_no_token(ask: Ask, store: Path) -> None:
    token = made(store, "ada", "admin")
    assert ask().get("/runs", headers=bearer(hashlib.sha256(token.encode()).hexdigest())).status_code == 401


def test_tokens_are_compared_in_constant_time(ask: Ask, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Any] = []

    def compare(a: Any, b: Any) -> bool:
        compared.append(a)
        return compare_digest(a, b)

    compare_digest = hmac.compare_digest
    token = made(store, "ada", "read")
    monkeypatch.setattr(hmac, "compare_digest", compare)
    client = ask(api_token=API_TOKEN)
    assert client.get("/runs", headers=bearer(API_TOKEN)).status_code == 200
    assert client.get("/runs", headers=bearer(token)).status_code == 200
    assert compared == [API_TOKEN.encode(), token.encode(), hashlib.sha256(token.encode()).hexdigest()]


def broken(store: Path) -> None:
    store.parent.mkdir()
    store.write_text("my notes\n" * 1_000)


@pytest.mark.sqlite
@pytest.mark.parametrize("path", ["/runs", "/version", "/docs", "/registry/models", "/whoami", "/nothing"])
def test_a_store_that_cannot_be_read_lets_nobody_in(ask: Ask, store: Path, path: str) -> None:
    broken(store)
    here = ask().get(path, headers=bearer("ail_x"))
    elsewhere = ask(client=ELSEWHERE).get(path)
    assert here.status_code == elsewhere.status_code == 503
    assert here.headers["retry-after"] == "1"
    assert "nobody is let in" in here.json()["detail"]
    assert str(store) in here.json()["detail"]
    assert str(store) not in elsewhere.text


def test_a_database_that_is_away_lets_nobody_in_and_keeps_its_password(ask: Ask) -> None:
    away = {"database_url": "postgresql://lab:s3cret@127.0.0.1:1/lab"}
    here, elsewhere = ask(**away).get("/runs"), ask(client=ELSEWHERE, **away).get("/runs")
    assert here.status_code == elsewhere.status_code == 503
    assert "s3cret" not in here.text + elsewhere.text
    assert "127.0.0.1" not in elsewhere.text
    assert ask(**away).get("/health").status_code == 200


@pytest.mark.sqlite
def test_api_token_alone_works_while_the_store_cannot_be_read(ask: Ask, store: Path) -> None:
    broken(store)
    client = ask(api_token=API_TOKEN)
    assert client.get("/version", headers=bearer(API_TOKEN)).json()["schema_version"] is None
    assert client.get("/version").status_code == 401
    assert client.get("/version", headers=bearer("ail_x")).status_code == 503
    assert ask().get("/health").status_code == 200


class SlowStore:
    """A store whose reads wait, as those of a database that is far away and does not answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def read(self) -> AbstractContextManager[Connection]:
        return self._read()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        self.is_asked.set()
        self.may_answer.wait()
        with self._store.read() as connection:
            yield connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_store_that_is_slow_to_name_its_tokens_stops_nothing_else(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(store, [StoredRun("run")])
    slow: list[SlowStore] = []

    def open_slow(settings: Settings) -> Any:
        slow.append(SlowStore(open_store(settings)))
        return slow[0]

    monkeypatch.setattr(service, "open_store", open_slow)
    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        answers: list[int] = []
        waiting = threading.Thread(target=lambda: answers.append(httpx.get(f"{address}/runs", timeout=60).status_code))
        waiting.start()
        while not slow or not slow[0].is_asked.wait(0.01):
            pass
        assert client.get("/health").status_code == 200
        assert answers == []
        slow[0].may_answer.set()
        waiting.join()
    assert answers == [200]
