import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_logger import outboxes
from lab_logger.artifacts import ArtifactFile
from lab_logger.delivery import Delivery
from lab_logger.errors import OutboxError, ServerError
from lab_logger.link import Link
from lab_logger.outbox import Outbox
from lab_logger.sender import Sender
from lab_logger.staging import stage
from lab_logger.uploads import PART_BYTES
from tests.lab_logger.conftest import Scripts
from tests.lab_logger.scripted_server import Fault, Record, ScriptedServer, problem, scripted_server

LEAVES_AN_OUTBOX = """
    import os, sys
    from pathlib import Path
    from lab_logger import outboxes
    kept = outboxes.create(sys.argv[1], [Path(sys.argv[2])])
    kept.append([("left", '{"run_id":"left","kind":"start"}'), ("left", '{"run_id":"left","kind":"tags","n":1}')])
    os._exit(1)
"""
SPOILT = {
    "the server is down for a moment": Fault(503),
    "a proxy has no server behind it": Fault(502, body=b"<html>Bad gateway"),
    "the server is busy": Fault(429, headers={"Retry-After": "0"}),
    "the request came too slowly": Fault(408),
    "the connection breaks before an answer": Fault(keep_bytes=0),
    "the answer breaks off in its head": Fault(is_handled=True, keep_bytes=20),
    "the answer breaks off in its body": Fault(is_handled=True, keep_bytes=55),
    "the answer is lost and everything stored": Fault(is_handled=True, keep_bytes=0),
}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as scripted:
        yield scripted


@pytest.fixture
def kept(project: Path, server: ScriptedServer) -> Iterator[Outbox]:
    kept = outboxes.create(server.url, [project / "outbox"])
    yield kept
    if not kept.is_closed:
        kept.close()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def link(server: ScriptedServer) -> Iterator[Link]:
    link = Link(server.url)
    yield link
    link.close()


@pytest.fixture
def delivery(kept: Outbox, link: Link, told: list[str]) -> Delivery:
    return Delivery(kept, link, report=told.append)


def keep(kept: Outbox, kind: str, run_id: str, number: int = 0) -> None:
    kept.append([(run_id, json.dumps({"run_id": run_id, "kind": kind, "n": number}))])


def keep_run(kept: Outbox, run_id: str, tags: int) -> None:
    keep(kept, "start", run_id)
    for number in range(tags):
        keep(kept, "tags", run_id, number)


def send_all(delivery: Delivery) -> None:
    while delivery.step():
        pass


def numbers(server: ScriptedServer, run_id: str = "a") -> list[int]:
    return [record["n"] for record in server.of_kind("tags") if record["run_id"] == run_id]


def test_many_records_go_in_few_requests_over_one_connection(
    delivery: Delivery, kept: Outbox, server: ScriptedServer
) -> None:
    keep_run(kept, "a", 3_000)
    send_all(delivery)
    assert numbers(server) == list(range(3_000))
    assert len(server.requests) == 2
    assert kept.backlog().is_empty


@pytest.mark.parametrize("name", SPOILT)
def test_whatever_happens_to_an_answer_each_record_is_stored_once(
    name: str, delivery: Delivery, kept: Outbox, server: ScriptedServer
) -> None:
    keep_run(kept, "a", 5)
    server.faults = [SPOILT[name]]
    with pytest.raises(ServerError) as failed:
        send_all(delivery)
    assert not failed.value.needs_a_person
    assert kept.backlog().records == 6
    keep(kept, "tags", "a", 5)
    send_all(delivery)
    assert numbers(server) == list(range(6))
    assert kept.backlog().is_empty


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure(
    delivery: Delivery, kept: Outbox, server: ScriptedServer
) -> None:
    keep_run(kept, "a", 1)
    server.faults = [Fault(is_handled=True, headers={"X-Padding": "x"}), Fault(is_handled=True, keep_bytes=0)]
    send_all(delivery)
    keep(kept, "tags", "a", 1)
    send_all(delivery)
    assert numbers(server) == [0, 1]


def test_the_wait_that_a_busy_server_asks_for_is_passed_on(
    delivery: Delivery, kept: Outbox, server: ScriptedServer
) -> None:
    keep_run(kept, "a", 1)
    server.faults = [Fault(429, headers={"Retry-After": "7"})]
    with pytest.raises(ServerError) as failed:
        delivery.step()
    assert failed.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(401, body=b'{"detail": "who are you"}'), "set LAB_API_TOKEN"),
        (Fault(403, body=json.dumps(problem(403, "role-too-low", "too low")[1]).encode()), "role write"),
        (Fault(404, body=b"<html>nothing here"), "check LAB_SERVER_URL"),
        (Fault(405), "check LAB_SERVER_URL"),
        (Fault(422, body=b"<html>of some proxy"), "check LAB_SERVER_URL"),
        (Fault(301, headers={"Location": "https://other.example/"}), "https://other.example/"),
        (Fault(200, body=b"<html>welcome"), "check LAB_SERVER_URL"),
    ],
)
def test_what_a_person_has_to_mend_is_said_and_nothing_is_given_up(
    fault: Fault, words: str, delivery: Delivery, kept: Outbox, server: ScriptedServer
) -> None:
    keep_run(kept, "a", 3)
    server.faults = [fault]
    with pytest.raises(ServerError, match=words) as failed:
        send_all(delivery)
    assert failed.value.needs_a_person
    assert (kept.backlog().records, kept.backlog().rejected) == (4, 0)
    send_all(delivery)
    assert numbers(server) == [0, 1, 2]


@pytest.mark.parametrize(
    ("status", "names_records"),
    [(400, True), *((status, names_records) for status in (409, 413, 422) for names_records in (True, False))],
)
def test_a_record_that_the_server_never_takes_does_not_hold_up_the_rest(
    status: int, names_records: bool, delivery: Delivery, server: ScriptedServer, told: list[str]
) -> None:
    kept = delivery.outbox
    keep_run(kept, "a", 40)

    def refuse(record: Record) -> tuple[int, str] | None:
        return (status, "not this one") if record.get("n") in (13, 14, 31) else None

    server.refuse, server.names_records = refuse, names_records
    send_all(delivery)
    assert numbers(server) == [number for number in range(40) if number not in (13, 14, 31)]
    found = kept.backlog()
    assert (found.records, found.rejected, found.refusal) == (0, 3, f"HTTP {status}: not this one")
    assert "not this one" in told[0]
    assert str(kept.path) in told[0]


def test_what_another_user_started_waits_for_that_user_and_holds_up_nobody(
    delivery: Delivery, link: Link, server: ScriptedServer, told: list[str]
) -> None:
    kept = delivery.outbox
    keep(kept, "start", "of-ada")
    send_all(delivery)
    for number in range(30):
        keep(kept, "tags", "of-ada", number)
    keep_run(kept, "b", 3)
    server.refuse = lambda record: (403, "this run is another user's") if record["run_id"] == "of-ada" else None
    send_all(delivery)
    assert numbers(server, "b") == [0, 1, 2]
    found = kept.backlog()
    assert (found.records, found.rejected) == (30, 0)
    assert len(told) == 1
    assert "with the token of the user who started it" in told[0]
    server.refuse = lambda _: None
    send_all(Delivery(kept, link, report=told.append))
    assert numbers(server, "of-ada") == [*range(30)]
    assert kept.backlog().is_empty


def test_a_run_that_the_server_does_not_know_yet_does_not_hold_up_others(
    delivery: Delivery, kept: Outbox, server: ScriptedServer
) -> None:
    keep(kept, "tags", "child-of-another", 0)
    keep_run(kept, "a", 2)
    keep(kept, "tags", "child-of-another", 1)
    send_all(delivery)
    assert numbers(server) == [0, 1]
    assert kept.backlog().records == 2
    assert delivery.unknown_runs == ["child-of-another"]
    assert delivery.retry_in_s() is not None
    server.records.append({"kind": "start", "run_id": "child-of-another"})
    keep(kept, "tags", "child-of-another", 2)
    delivery.ask_again()
    send_all(delivery)
    assert numbers(server, "child-of-another") == [0, 1, 2]
    assert kept.backlog().is_empty
    assert delivery.retry_in_s() is None


@pytest.fixture
def content(project: Path, kept: Outbox) -> bytes:
    """Content of two parts and a bit, staged."""
    content = bytes(range(256)) * (2 * PART_BYTES // 256) + b"the rest"
    (project / "model.bin").write_bytes(content)
    kept.files_folder.mkdir()
    staged: list[ArtifactFile] = []
    stage(str(project / "model.bin"), kept.files_folder, staged)
    (project / "model.bin").write_bytes(b"of the next epoch")
    return content


def test_the_content_is_sent_in_parts_after_the_records(
    delivery: Delivery, kept: Outbox, server: ScriptedServer, content: bytes
) -> None:
    keep_run(kept, "a", 1)
    send_all(delivery)
    assert list(server.objects.values()) == [content]
    assert [method for method, _ in server.requests] == ["POST", "GET", "PUT", "PUT", "PUT", "POST"]
    assert kept.backlog().is_empty
    assert delivery.sent_files == 1


def test_an_upload_that_broke_off_goes_on_where_it_was(
    delivery: Delivery, link: Link, server: ScriptedServer, content: bytes, told: list[str]
) -> None:
    server.faults = [Fault(), Fault(), Fault(), Fault(keep_bytes=0), Fault(keep_bytes=0)]
    with pytest.raises(ServerError):
        send_all(delivery)
    del server.requests[:]
    send_all(Delivery(delivery.outbox, link, report=told.append))
    assert list(server.objects.values()) == [content]
    assert [path.rpartition("/")[2] for method, path in server.requests if method == "PUT"] == ["2"]


def test_content_that_the_server_has_is_not_sent_again(
    delivery: Delivery, kept: Outbox, server: ScriptedServer, content: bytes
) -> None:
    (path,) = kept.staged_files()
    server.objects[path.name] = content
    send_all(delivery)
    assert [method for method, _ in server.requests] == ["GET"]
    assert kept.staged_files() == []


@pytest.mark.parametrize("fault", [Fault(422, body=b'{"detail": "changed"}'), Fault(keep_bytes=0)])
def test_a_part_that_was_changed_on_its_way_is_sent_again(
    fault: Fault, delivery: Delivery, kept: Outbox, server: ScriptedServer, content: bytes
) -> None:
    server.faults = [Fault(), fault]
    try:
        send_all(delivery)
    except ServerError:
        send_all(delivery)
    assert list(server.objects.values()) == [content]


def test_parts_that_do_not_fit_together_are_sent_anew(
    delivery: Delivery, kept: Outbox, server: ScriptedServer, content: bytes
) -> None:
    (path,) = kept.staged_files()
    server.parts[path.name] = {0: b"x" * PART_BYTES}
    send_all(delivery)
    assert list(server.objects.values()) == [content]


def test_content_that_is_too_long_is_refused_before_any_of_it_is_sent(
    delivery: Delivery, server: ScriptedServer, content: bytes, told: list[str]
) -> None:
    server.max_bytes = len(content) - 1
    send_all(delivery)
    assert [method for method, _ in server.requests] == ["GET"]
    assert f"content may have {len(content) - 1} bytes" in told[0]


def test_content_that_the_server_never_takes_is_kept_apart(
    delivery: Delivery, kept: Outbox, server: ScriptedServer, content: bytes, told: list[str]
) -> None:
    server.faults = [Fault(), Fault(413, body=b'{"detail": "larger than the limit"}')]
    send_all(delivery)
    (kept_apart,) = [path for path in kept.refused_folder.iterdir() if path.suffix != ".error"]
    assert kept_apart.read_bytes() == content
    assert "larger than the limit" in told[0]
    assert str(kept_apart) in told[0]
    assert kept.backlog().rejected == 1
    assert kept.backlog().is_empty


def test_staged_files_that_vanish_are_a_problem_of_the_outbox(delivery: Delivery, kept: Outbox) -> None:
    kept.files_folder.mkdir()
    vanished = kept.files_folder / ("a" * 64)
    vanished.symlink_to("nowhere")
    with pytest.raises(OutboxError, match="cannot use the staged file"):
        delivery.step()
    vanished.unlink()
    kept.files_folder.rmdir()
    kept.files_folder.write_bytes(b"")
    with pytest.raises(OutboxError, match="cannot use the outbox"):
        delivery.step()


def test_an_empty_file_is_content_too(delivery: Delivery, kept: Outbox, server: ScriptedServer, project: Path) -> None:
    (project / "empty").touch()
    kept.files_folder.mkdir()
    stage(str(project / "empty"), kept.files_folder, [])
    send_all(delivery)
    assert list(server.objects.values()) == [b""]


def test_a_server_that_answers_a_byte_at_a_time_is_not_waited_for_for_ever() -> None:
    is_over = threading.Event()

    def trickle() -> None:
        client, _ = listener.accept()
        with client, contextlib.suppress(ConnectionError):  # who asked hangs up in the end
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not is_over.wait(0.01):
                client.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(ServerError, match="does not answer"):
            Link(f"http://127.0.0.1:{listener.getsockname()[1]}").post("/", "{}", timeout_s=0.3)
        is_over.set()
        thread.join()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000])
def test_an_answer_that_is_nested_without_end_is_no_answer_of_a_server(
    delivery: Delivery, kept: Outbox, server: ScriptedServer, body: bytes
) -> None:
    keep(kept, "start", "a")
    server.faults = [Fault(200, body=body)]
    with pytest.raises(ServerError, match="no ai-lab server"):
        delivery.step()
    send_all(delivery)
    assert [record["run_id"] for record in server.of_kind("start")] == ["a"]


def test_what_another_program_answers_is_shown_as_one_short_line() -> None:
    def answer() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65_536)
            client.sendall(b"\x1b[31m" + b"x" * 10_000 + b"\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ServerError, match="does not answer") as raised:
            Link(f"http://127.0.0.1:{listener.getsockname()[1]}").post("/", "{}")
        thread.join()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 1_000


def test_an_address_without_a_port_is_asked_at_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(address: object, *_: object, **__: object) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError("nobody is there")

    monkeypatch.setattr(socket, "create_connection", refuse)
    for address in ("http://[2001:db8::5]/lab", "https://[2001:db8::5]", "http://lab.example"):
        with pytest.raises(ServerError, match="nobody is there"):
            Link(address).get("/health")
    assert asked == [("2001:db8::5", 80), ("2001:db8::5", 443), ("lab.example", 80)]


@pytest.fixture
def sender(kept: Outbox, server: ScriptedServer) -> Iterator[Sender]:
    sender = Sender(kept, server_url=server.url, token="t-0-k-e-n", folders=[kept.path.parent], flush_timeout_s=60)
    yield sender
    server.faults = []
    sender.flush()


def test_the_thread_sends_what_is_recorded_and_says_that_runs_live(
    sender: Sender, kept: Outbox, server: ScriptedServer
) -> None:
    keep_run(kept, "a", 3)
    sender.wake()
    sender.beat(["a"])
    server.wait_for(lambda: numbers(server) == [0, 1, 2] and server.beats == [["a"]])
    assert set(server.tokens) == {"Bearer t-0-k-e-n"}


def test_the_server_hears_that_runs_live_while_a_part_takes_long(
    sender: Sender, server: ScriptedServer, content: bytes
) -> None:
    server.takes_parts.clear()
    sender.wake()
    server.wait_for(lambda: any(method == "PUT" for method, _ in server.requests))
    sender.beat(["a"])
    sender.beat(["a"])
    server.wait_for(lambda: server.beats == [["a"]])
    server.takes_parts.set()
    server.wait_for(lambda: list(server.objects.values()) == [content])


def test_the_thread_comes_back_after_failures_and_flushes_everything(
    sender: Sender, kept: Outbox, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults = [Fault(503), Fault(is_handled=True, keep_bytes=10), Fault(keep_bytes=0), Fault(500)]
    keep_run(kept, "a", 10)
    sender.wake()
    server.wait_for(lambda: not server.faults)
    keep(kept, "tags", "a", 10)
    sender.flush()
    assert numbers(server) == list(range(11))
    assert not kept.path.exists()
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once for all of them


def test_the_thread_keeps_the_outbox_tidy_while_the_server_takes_nothing(
    sender: Sender, kept: Outbox, server: ScriptedServer
) -> None:
    server.faults = [Fault(503)] * 10_000
    empty_bytes = kept.path.stat().st_size
    keep_run(kept, "a", tags=2_100)
    sender.wake()
    server.wait_for(lambda: kept.path.stat().st_size > 2 * empty_bytes)


def test_the_thread_brings_what_a_dead_process_left(script: Scripts, kept: Outbox, server: ScriptedServer) -> None:
    script(LEAVES_AN_OUTBOX, server.url, str(kept.path.parent / "of-another"), check=False)
    (left,) = (kept.path.parent / "of-another").glob("*.db")
    later = Sender(
        kept, server_url=server.url, token=None, folders=[kept.path.parent / "of-another"], flush_timeout_s=60
    )
    server.wait_for(lambda: numbers(server, "left") == [1])
    while left.exists():
        threading.Event().wait(0.01)
    later.flush()


def test_what_is_left_at_the_end_is_said(
    kept: Outbox, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults = [Fault(503)] * 1_000
    sender = Sender(kept, server_url=server.url, token=None, folders=[], flush_timeout_s=0)
    keep_run(kept, "a", 1)
    sender.flush()
    assert "2 records" in caplog.text
    assert "python -m lab_logger sync" in caplog.text
    assert str(kept.path) in caplog.text
