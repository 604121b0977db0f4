"""Who gets in: section 5 of the design, sentence by sentence."""

import contextlib
import socket
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn

from backend.api import create_app
from tests.backend.conftest import Ask, settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving

TOKEN = "s3cret-Token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ELSEWHERE = ("192.168.1.7", 40_000)
EVERY_GET = ["/version", "/runs", "/runs/leaderboard?metric_name=a", "/runs/facets", "/runs/compare?ids=a", "/runs/a"]
EVERY_GET += ["/runs/a/metrics", "/runs/a/artifacts", "/runs/a/artifacts/0", "/openapi.json", "/docs", "/nothing"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_is_served(ask: Ask, address: str) -> None:
    assert ask(client=(address, 1)).get("/runs").status_code == 200


@pytest.mark.parametrize(
    "address", ["192.168.1.7", "8.8.8.8", "fe80::1%eth0", "::ffff:10.0.0.1", "2001:db8::1", "?", ""]
)
@pytest.mark.parametrize("path", ["/health", "/runs", "/docs", "/nothing"])
def test_without_a_token_no_other_machine_is(ask: Ask, address: str, path: str) -> None:
    answer = ask(client=(address, 40_000)).get(path)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "API_TOKEN" in answer.json()["detail"]


def test_without_a_token_no_other_machine_can_write(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    assert ask(client=ELSEWHERE).patch("/runs/run/note", json={"note": "x"}).status_code == 403
    assert ask().get("/runs/run").json()["note"] is None


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"])
def test_a_forwarded_for_header_lets_nobody_in(ask: Ask, header: str) -> None:
    assert ask(client=ELSEWHERE).get("/runs", headers={header: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_without_a_token_what_a_proxy_passes_on_is_not_from_this_machine(ask: Ask, header: str) -> None:
    assert ask().get("/runs", headers={header: "8.8.8.8"}).status_code == 403
    assert ask().get("/runs", headers={header: "127.0.0.1"}).status_code == 403


def test_with_a_token_a_proxy_may_pass_requests_on(ask: Ask) -> None:
    headers = {"X-Forwarded-For": "8.8.8.8", "Authorization": f"Bearer {TOKEN}"}
    assert ask(api_token=TOKEN).get("/runs", headers=headers).status_code == 200


def test_behind_uvicorn_a_proxy_that_is_trusted_with_addresses_opens_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with serving(create_app(settings_for(store))) as address:
        assert httpx.get(f"{address}/runs", headers={"X-Forwarded-For": "127.0.0.1"}, timeout=60).status_code == 403
        assert httpx.get(f"{address}/runs", timeout=60).status_code == 200


def test_a_peer_that_hung_up_before_its_address_was_known_is_not_trusted(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    client = ask(client=None, base_url="http://127.0.0.1:8000")
    assert client.patch("/runs/run/note", json={"note": "x"}).status_code == 403


def test_a_unix_socket_is_this_machine(store: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    server = uvicorn.Server(uvicorn.Config(create_app(settings_for(store)), log_level="warning"))
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            transport = httpx.HTTPTransport(uds=path)
            with httpx.Client(transport=transport, base_url="http://localhost", timeout=60) as client:
                assert client.get("/runs").status_code == 200
        finally:
            server.should_exit = True
            thread.join()


def test_with_a_token_other_machines_that_have_it_are_served(ask: Ask) -> None:
    client = ask(client=ELSEWHERE, base_url="http://192.168.1.5:8000", api_token=TOKEN)
    assert client.get("/runs", headers=BEARER).status_code == 200
    assert client.get("/runs", headers={"Authorization": f"bearer  {TOKEN} "}).status_code == 200


@pytest.mark.parametrize("path", EVERY_GET)
def test_with_a_token_every_endpoint_wants_it(ask: Ask, path: str) -> None:
    for client in (ask(api_token=TOKEN), ask(api_token=TOKEN, client=ELSEWHERE)):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_with_a_token_writes_want_it_too(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    client = ask(api_token=TOKEN)
    assert client.patch("/runs/run/note", json={"note": "x"}).status_code == 401
    assert client.post("/compare", json={"run_ids": ["run"]}).status_code == 401
    assert client.get("/runs/run", headers=BEARER).json()["note"] is None


def test_health_alone_needs_no_token(ask: Ask) -> None:
    answer = ask(api_token=TOKEN, client=ELSEWHERE).get("/health")
    assert answer.json() == {"status": "ok", "project": "test-lab"}


@pytest.mark.parametrize(
    "header", [TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ü"]
)
def test_a_wrong_token_is_refused(ask: Ask, header: str) -> None:
    answer = ask(api_token=TOKEN).get("/runs", headers={b"Authorization": header.encode()})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8000", "lab.localhost", "localhost."],
)
def test_loopback_names_are_answered_for(ask: Ask, host: str) -> None:
    assert ask().get("/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "192.168.1.5",
        "127.0.0.1.evil.example",
        "testserver",
    ],
)
def test_other_host_names_are_not(ask: Ask, host: str) -> None:
    for path in ("/health", "/runs"):
        answer = ask().get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert "ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["", ":80", "[::1", "[::1]x", "localhost:port", "a:1:2"])
def test_a_host_header_without_a_host_is_refused(ask: Ask, host: str) -> None:
    assert ask().get("/runs", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("lab.example", "lab.example:8000", 200),
        ("lab.example", "Lab.Example", 200),
        ("http://lab.example:8000/", "lab.example", 200),
        ("lab.example", "other.lab.example", 421),
        ("*.lab.example", "gpu.lab.example", 200),
        ("*.lab.example", "lab.example", 421),
        ("*.lab.example", "evillab.example", 421),
        ("a.example, testserver", "testserver", 200),
        ("*", "anything.example", 200),
    ],
)
def test_allowed_hosts_adds_names(ask: Ask, allowed: str, host: str, status: int) -> None:
    assert ask(allowed_hosts=allowed).get("/runs", headers={"Host": host}).status_code == status


def test_with_a_token_names_still_have_to_be_allowed_but_addresses_need_not(ask: Ask) -> None:
    client = ask(api_token=TOKEN, client=ELSEWHERE)
    assert client.get("/runs", headers={**BEARER, "Host": "10.0.0.5:8000"}).status_code == 200
    assert client.get("/runs", headers={**BEARER, "Host": "evil.example"}).status_code == 421


def test_no_page_of_another_origin_may_read_unless_configured(ask: Ask) -> None:
    origin = {"Origin": "http://localhost:3000"}
    answer = ask().get("/runs", headers=origin)
    assert not any(name.startswith("access-control") for name in answer.headers)
    preflight = {**origin, "Access-Control-Request-Method": "PATCH"}
    assert ask().options("/runs/x/note", headers=preflight).status_code == 405


def test_configured_origins_may_read_and_see_why_not(ask: Ask) -> None:
    origin = {"Origin": "http://localhost:3000"}
    client = ask(cors_origins="http://localhost:3000", api_token=TOKEN)
    answer = client.get("/runs", headers={**origin, **BEARER})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "X-Total-Count" in answer.headers["access-control-expose-headers"]
    refused = client.get("/runs", headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "http://localhost:3000"
    preflight = {**origin, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    assert client.options("/runs/x/note", headers=preflight).status_code == 200
    other = client.get("/runs", headers={"Origin": "http://evil.example", **BEARER})
    assert "access-control-allow-origin" not in other.headers


def test_a_page_cannot_write_with_a_plain_form(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    body, kind = b'{"run_ids": ["run"]}', {"Content-Type": "text/plain"}
    assert ask().post("/compare", content=body, headers=kind).status_code == 422
    assert ask().patch("/runs/run/note", content=b'{"note": "x"}', headers=kind).status_code == 422


def test_every_answer_forbids_guessing_its_type(ask: Ask) -> None:
    for path in ("/health", "/runs", "/nothing", "/runs?x=1"):
        assert ask().get(path).headers["x-content-type-options"] == "nosniff"


def test_over_a_real_socket_a_foreign_host_is_refused(store: Path) -> None:
    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.get("/runs").status_code == 200
        assert client.get("/runs", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/runs", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 403
