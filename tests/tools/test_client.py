import asyncio
import inspect
import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from backend.api import create_app
from backend.config import Settings
from tests.live_server import serving, unused_address
from tests.tools.conftest import Recorded
from tools.client import AsyncLabClient, LabClient
from tools.connection import LIMITS
from tools.errors import (
    AmbiguousRunError,
    ApiError,
    ClientSettingsError,
    FileTooLargeError,
    InvalidRequestError,
    LabClientError,
    NotAllowedError,
    NotFoundError,
    ServerTimeoutError,
    ServerUnreachableError,
    StoreUnavailableError,
    UnexpectedAnswerError,
)


def test_every_method_reads_what_the_server_answers(server: str, recorded: Recorded) -> None:
    with LabClient(server) as client:
        assert client.health().status == "ok"
        assert client.version().store_error is None
        page = client.list_runs(limit=2)
        assert ([run.run_id for run in page.runs], page.total) == ([recorded.failed, recorded.best], 3)
        assert [run.run_id for run in client.leaderboard("accuracy")] == [recorded.best, recorded.first]
        assert client.facets().total == 3
        assert client.facets(leave_out=["params"]).params == []
        days = client.activity(from_timestamp="2000-01-01", to_timestamp="2999-12-31")
        # Two days, when it was midnight between the runs.
        assert (sum(day.finished for day in days), sum(day.failed for day in days)) == (2, 1)
        assert client.compare([recorded.best], leave_out=["pip_freeze"]).runs[0].pip_freeze is None
        assert client.get_run(recorded.best).params == {"lr": 0.01}
        comparison = client.compare([recorded.first, recorded.best[:8], recorded.first])
        assert (comparison.run_ids, comparison.param_keys) == ([recorded.first, recorded.best], ["lr"])
        named = client.series_names([recorded.best[:8], recorded.first, recorded.failed])
        assert [(series.name, series.runs) for series in named.names] == [("accuracy", 2), ("loss", 2)]
        assert named.without_series == [recorded.failed]
        ranked = client.ranking("accuracy", top_k=1)
        assert ([run.run_id for run in ranked.runs], ranked.total) == ([recorded.best], 2)
        series = client.metrics(recorded.best, smoothing=0.5)
        assert series["loss"].smoothed == [0.5, None, pytest.approx((0.5 * 0.5 + 0.25) / 1.5)]
        series = client.metrics(recorded.best)
        assert series["loss"].smoothed is None
        assert (series["loss"].steps, series["loss"].values) == ([0, 1, 2], [0.5, "NaN", 0.25])
        assert [(found.kind, found.exists) for found in client.artifacts(recorded.best)] == [
            ("file", True),
            ("folder", True),
            ("missing", False),
        ]
        assert client.set_note(recorded.first, "PUBLISH").note == "PUBLISH"
        assert client.set_note(recorded.first, None).note is None


def test_the_client_to_await_answers_the_same_over_an_application_in_process(app: FastAPI, recorded: Recorded) -> None:
    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with AsyncLabClient("http://127.0.0.1", transport=transport) as client:
            assert (await client.health()).status == "ok"
            assert (await client.version()).schema_version == 2
            assert (await client.list_runs(dataset_id="iris")).total == 2
            assert [run.run_id for run in await client.leaderboard("loss", order="asc", top_k=1)] == [recorded.best]
            assert (await client.facets()).tags[0].name == "baseline"
            assert (await client.facets(leave_out=["tags"])).tags == []
            assert await client.activity(to_timestamp="2000-01-01") == []
            assert (await client.compare([recorded.best], leave_out=["pip_freeze"])).runs[0].pip_freeze is None
            assert (await client.get_run(recorded.failed)).status == "failed"
            assert (await client.compare([recorded.best])).run_ids == [recorded.best]
            assert (await client.ranking("loss", order="asc", top_k=1)).total == 2
            assert (await client.series_names([recorded.best])).names[0].name == "accuracy"
            assert list(await client.metrics(recorded.best, names=["accuracy"], max_points=4)) == ["accuracy"]
            assert len(await client.artifacts(recorded.best)) == 3
            assert (await client.set_note(recorded.best, "ü")).note == "ü"
            size = await client.download_artifact(recorded.best, 0, to=Path("copy.csv"))
            assert size == recorded.curve.stat().st_size
            with pytest.raises(NotFoundError):
                await client.download_artifact(recorded.best, 2, to="none")
            with pytest.raises(FileTooLargeError):
                await client.download_artifact(recorded.best, 0, to="none", max_bytes=size - 1)
            assert await client.download_artifact(recorded.best, 0, to="copy.csv", max_bytes=size) == size

    asyncio.run(ask())
    assert Path("copy.csv").read_bytes() == recorded.curve.read_bytes()


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, str]:
        named = {name: getattr(client, name) for name in vars(client) if not name.startswith("_")}
        return {name.removeprefix("a"): str(inspect.signature(method)) for name, method in named.items()}

    waiting = {name.removeprefix("a"): text for name, text in methods(LabClient).items()}
    awaiting = methods(AsyncLabClient)
    stream = awaiting["stream_agent"].replace("AsyncGenerator[AgentEvent, None]", "Generator[AgentEvent, None, None]")
    assert waiting == {**awaiting, "stream_agent": stream}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"dataset_id": "iris"}, 2),
        ({"dataset_id": None}, 3),
        ({"status": ["failed", "killed"]}, 1),
        ({"status": "finished"}, 2),
        ({"has_artifacts": True}, 1),
        ({"has_artifacts": False}, 2),
        ({"metric_name": "accuracy", "metric_min": 0.85}, 1),
        ({"tag": "baseline"}, 1),
        ({"param": ["lr:0.1"]}, 1),
        ({"q": "KEEP"}, 1),
        ({"note_substring": "ee"}, 1),
        ({"q": "stray \udcff"}, 0),
    ],
)
def test_filters_reach_the_server(server: str, filters: dict[str, Any], expected: int) -> None:
    with LabClient(server) as client:
        assert client.list_runs(**filters).total == expected


def test_sorting_and_paging_reach_the_server(server: str, recorded: Recorded) -> None:
    with LabClient(server) as client:
        page = client.list_runs(sort="metric:accuracy", order="desc", limit=1, offset=1)
        assert ([run.run_id for run in page.runs], page.total) == ([recorded.first], 3)


def test_a_download_of_a_folder_names_the_file_in_it(server: str, recorded: Recorded, isolated: Path) -> None:
    with LabClient(server) as client:
        assert client.artifacts(recorded.best)[1].files == ["a b.txt"]
        client.download_artifact(recorded.best, 1, to=isolated / "copy.txt", path="a b.txt")
    assert (isolated / "copy.txt").read_text() == "in a folder"


def test_a_download_that_fails_leaves_the_old_file_and_nothing_else(
    server: str, recorded: Recorded, isolated: Path
) -> None:
    target = isolated / "downloads" / "model.bin"
    target.parent.mkdir()
    target.write_text("older")
    with LabClient(server) as client, pytest.raises(NotFoundError, match="no longer exists"):
        client.download_artifact(recorded.best, 2, to=target)
    half = _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    with half as address, LabClient(address) as client, pytest.raises(UnexpectedAnswerError, match="broke off"):
        client.download_artifact(recorded.best, 0, to=target)
    assert [path.name for path in target.parent.iterdir()] == ["model.bin"]
    assert target.read_text() == "older"


@pytest.mark.parametrize(
    ("answer", "size_bytes", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 5_000, "has 5,000 bytes, more than the 100"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 101, None, "goes on beyond 100 bytes"),
    ],
)
def test_a_file_that_is_too_large_is_refused_by_its_size_and_not_kept(
    isolated: Path, answer: bytes, size_bytes: int | None, message: str
) -> None:
    refused = pytest.raises(FileTooLargeError, match=message)
    with _answering(answer) as address, LabClient(address) as client, refused as caught:
        client.download_artifact("run", 0, to=isolated / "large.bin", max_bytes=100)
    assert (caught.value.size_bytes, caught.value.max_bytes) == (size_bytes, 100)
    assert not list(isolated.glob("*large*")) + list(isolated.glob("*.part"))


def test_an_unwritable_target_is_an_os_error(server: str, recorded: Recorded, isolated: Path) -> None:
    with LabClient(server) as client, pytest.raises(FileNotFoundError):
        client.download_artifact(recorded.best, 0, to=isolated / "no" / "folder.csv")


@pytest.mark.parametrize(
    ("ask", "kind", "status"),
    [
        (lambda client: client.get_run("nobody"), NotFoundError, 404),
        (lambda client: client.get_run(".."), NotFoundError, 404),
        (lambda client: client.get_run("a/b?c#d"), NotFoundError, 404),
        (lambda client: client.set_note("nobody", "x"), NotFoundError, 404),
        (lambda client: client.leaderboard("no_such_metric"), NotFoundError, 404),
        (lambda client: client.list_runs(limit=-1), InvalidRequestError, 422),
        (lambda client: client.list_runs(metric_name="a", metric_min=float("nan")), InvalidRequestError, 422),
        (lambda client: client.list_runs(no_such_filter="x"), InvalidRequestError, 422),
        (lambda client: client.compare([]), InvalidRequestError, 422),
        (lambda client: client.set_note("nobody", "x" * 10_000_000), InvalidRequestError, 413),
    ],
)
def test_a_refusal_says_what_is_wrong(
    server: str, ask: Callable[[LabClient], object], kind: type[ApiError], status: int
) -> None:
    with LabClient(server) as client, pytest.raises(kind) as caught:
        ask(client)
    assert caught.value.status == status
    assert caught.value.detail in str(caught.value)


def test_an_empty_run_id_is_not_taken_for_the_list_of_runs(server: str) -> None:
    with LabClient(server) as client, pytest.raises(LabClientError, match="run id is empty"):
        client.get_run("")


def test_an_ambiguous_prefix_lists_the_runs_it_may_mean(app: FastAPI, recorded: Recorded) -> None:
    with sqlite3.connect("runs.db") as connection:
        connection.executemany("INSERT INTO manifests (run_id) VALUES (?)", [("twin-1",), ("twin-2",)])
    connection.close()
    with serving(app) as address, LabClient(address) as client, pytest.raises(AmbiguousRunError) as caught:
        client.get_run("twin")
    assert sorted(caught.value.candidates) == ["twin-1", "twin-2"]


def test_a_store_that_does_not_open_is_said_to_be_unavailable(isolated: Path) -> None:
    Path("text.db").write_text("this is no database, whatever its name says " * 100)
    with serving(create_app(Settings(db_path=isolated / "text.db"))) as address, LabClient(address) as client:
        assert client.health().status == "ok"
        with pytest.raises(StoreUnavailableError, match=r"text\.db"):
            client.list_runs()


def test_the_token_of_the_settings_goes_to_the_server_of_the_settings_alone(
    isolated: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_API_TOKEN", "secret-1")
    with serving(create_app(Settings(api_token="secret-1"))) as address:
        monkeypatch.setenv("LAB_SERVER_URL", address + "/")
        with LabClient() as client:
            assert client.list_runs().total == 3
        with LabClient(address) as client, pytest.raises(NotAllowedError, match="API_TOKEN"):
            client.list_runs()
        with LabClient(address, token="secret-1") as client:
            assert client.list_runs().total == 3


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LAB_SERVER_URL", "127.0.0.1:8000", "LAB_SERVER_URL is '127.0.0.1:8000'"),
        ("LAB_SERVER_URL", "http://127.0.0.1:99999999", "99999999"),
        ("LAB_BUSY_TIMEOUT_S", "soon", "LAB_BUSY_TIMEOUT_S is 'soon'"),
        ("LAB_API_TOKEN", "gehéim", "LAB_API_TOKEN"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    isolated: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ClientSettingsError, match=message):
        LabClient()


def test_a_server_that_is_not_up_gives_the_command_that_starts_it() -> None:
    address = unused_address()
    with LabClient(address) as client, pytest.raises(ServerUnreachableError, match="make serve") as caught:
        client.health()
    assert address in str(caught.value)


def test_a_name_that_leads_nowhere_is_an_unreachable_server() -> None:
    with LabClient("http://no-such-host.invalid") as client, pytest.raises(ServerUnreachableError, match="invalid"):
        client.health()


def test_a_proxy_of_the_environment_does_not_get_the_requests(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", unused_address())
    with LabClient(server) as client:
        assert client.health().status == "ok"


def test_a_server_that_is_silent_is_not_waited_for_forever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with LabClient(address, timeout=httpx.Timeout(0.05)) as client, pytest.raises(ServerTimeoutError):
            client.set_note("abc", "x")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>hi</p>", UnexpectedAnswerError, "LAB_SERVER_URL"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", UnexpectedAnswerError, "302"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", ApiError, "answered 502 without saying why"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", NotFoundError, "without saying why"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", UnexpectedAnswerError, "no HTTP"),
        (b"", UnexpectedAnswerError, "broke off"),
    ],
)
def test_another_program_at_the_address_is_recognised(answer: bytes, kind: type[LabClientError], message: str) -> None:
    with _answering(answer) as address, LabClient(address) as client, pytest.raises(kind, match=message):
        client.health()


def test_a_list_without_its_total_is_not_taken_for_the_servers() -> None:
    bare = _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    with bare as address, LabClient(address) as client, pytest.raises(UnexpectedAnswerError, match="X-Total-Count"):
        client.list_runs()


def test_a_write_that_was_sent_is_not_sent_again() -> None:
    received = []

    class HangUp(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), HangUp) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with LabClient(f"http://127.0.0.1:{http_server.server_port}") as client, pytest.raises(UnexpectedAnswerError):
            client.set_note("abc", "once")
        http_server.shutdown()
        thread.join()
    assert received == [{"note": "once"}]


class _ClosesOnceUnderRequest(BaseRequestHandler):
    """Answers the first request and closes the connection under the second, as a server does with an idle one."""

    has_closed = False

    def handle(self) -> None:
        answer = b'{"status": "ok", "project": "x"}'
        while self.request.recv(65536):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
            if not _ClosesOnceUnderRequest.has_closed:
                _ClosesOnceUnderRequest.has_closed = True
                self.request.recv(65536)
                return


def test_a_connection_that_the_server_closed_under_a_question_is_made_anew() -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), _ClosesOnceUnderRequest) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with LabClient(f"http://127.0.0.1:{server.server_address[1]}") as client:
            assert [client.health().project for _ in range(3)] == ["x"] * 3
        server.shutdown()
        thread.join()
    assert _ClosesOnceUnderRequest.has_closed


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """Stands for another program: takes connections, sends these bytes on each, and hangs up."""

    class SayIt(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)

    with TCPServer(("127.0.0.1", 0), SayIt) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_client_keeps_no_connection_for_as_long_as_the_server_does() -> None:
    kept_s = LIMITS.keepalive_expiry
    assert kept_s is not None
    assert kept_s < uvicorn.Config(create_app).timeout_keep_alive
