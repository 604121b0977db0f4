"""A server that takes records as the real one does, in memory, and fails on request."""

import contextlib
import gzip
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Record = dict[str, Any]
Refusal = Callable[[Record], tuple[int, str] | None]


@dataclass
class Fault:
    """What goes wrong with one request.

    Attributes:
        status: The status that is answered instead; None for the true one.
        headers: Headers of that answer.
        body: Its body.
        is_handled: Whether the request is carried out although its answer is spoilt.
        keep_bytes: How many bytes of the answer get through before the connection breaks; None for all.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    is_handled: bool = False
    keep_bytes: int | None = None


class ScriptedServer:
    def __init__(self) -> None:
        self.url = ""
        self.token: str | None = None
        self.lock = threading.Condition()
        self.connections = 0
        self.faults: list[Fault] = []
        self.refuse: Refusal = lambda record: None
        self.names_records = True
        self.needs_starts = True
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self.records: list[Record] = []
        self.beats: list[list[str]] = []
        self.applied: dict[str, int] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.max_bytes = 1 << 40
        self.takes_parts = threading.Event()
        self.takes_parts.set()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.lock:
            assert self.lock.wait_for(condition, timeout=120)

    def wait_for_the_end_of_what_came(self) -> None:
        """Waits until every request has been dealt with of processes that have ended, the last of which nobody awaited.

        Connections are taken in the order they came, so that all of them have been once another one is answered.
        """
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname, parts.port)) as last:
            last.sendall(b"no-request\r\n")
            while last.recv(1_000):
                pass
        self.wait_for(lambda: self.connections == 0)

    def of_kind(self, kind: str) -> list[Record]:
        return [record for record in self.records if record["kind"] == kind]

    def points(self) -> list[tuple[str, int, Any]]:
        return [(point[0], point[1], point[3]) for record in self.of_kind("points") for point in record["points"]]

    def answer(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, Any]:
        if self.token is not None and headers.get("Authorization") != f"Bearer {self.token}":
            return problem(401, "unauthorized", "a token is needed")
        if path == "/ingest/records":
            return self._take(json.loads(body))
        if path == "/ingest/heartbeat":
            self.beats.append(json.loads(body)["run_ids"])
            return 200, {"unknown": []}
        if path.startswith("/ingest/objects/"):
            return self._object(method, path.split("/")[3:], body, headers)
        return problem(404, "not-found", "no such page")

    def _take(self, batch: Any) -> tuple[int, Any]:
        assert len(batch["sender"]) == 32
        known = {record["run_id"] for record in self.of_kind("start")}
        before = self.applied.get(batch["sender"], 0)
        fresh = [record for record in batch["records"] if record["position"] > before]
        positions = [record["position"] for record in batch["records"]]
        assert positions == sorted(set(positions))
        for index, record in enumerate(batch["records"]):
            if record not in fresh:
                continue
            if (found := self.refuse(record)) is not None:
                return problem(found[0], "invalid-request", found[1], index if self.names_records else None)
            if record["kind"] == "start":
                known.add(record["run_id"])
            elif self.needs_starts and record["run_id"] not in known:
                return problem(404, "unknown-run", "no run has this id", index if self.names_records else None)
        self.records += fresh
        self.applied[batch["sender"]] = max([before, *positions])
        return 200, {"applied": self.applied[batch["sender"]], "stored": len(fresh)}

    def _object(self, method: str, path: list[str], body: bytes, headers: Any) -> tuple[int, Any]:
        sha256, parts = path[0], self.parts.setdefault(path[0], {})
        if method == "GET":
            if int(headers["X-Content-Size"]) > self.max_bytes:
                return problem(413, "too-large", f"content may have {self.max_bytes} bytes")
            waiting = [{"index": index, "size_bytes": len(part)} for index, part in sorted(parts.items())]
            return 200, {"stored": sha256 in self.objects, "parts": waiting}
        if method == "PUT":
            if hashlib.sha256(body).hexdigest() != headers["X-Content-SHA256"]:
                return problem(422, "invalid-request", "the part was changed on its way")
            parts[int(path[2])] = body
            return 204, None
        told = json.loads(body)
        content = b"".join(parts.get(index, b"") for index in range(told["parts"]))
        if len(content) != told["size_bytes"] or hashlib.sha256(content).hexdigest() != sha256:
            parts.clear()
            return problem(409, "object-mismatch", "the content does not fit")
        self.objects[sha256] = content
        return 200, {"stored": True}


def problem(status: int, kind: str, detail: str, index: int | None = None) -> tuple[int, Any]:
    errors = [] if index is None else [{"loc": ["records", index, "run_id"], "message": detail}]
    return status, {"type": f"urn:ai-lab:problem:{kind}", "status": status, "detail": detail, "errors": errors}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    scripted: ScriptedServer

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        scripted = self.scripted
        with scripted.lock:
            scripted.requests.append((self.command, self.path))
            scripted.tokens.append(self.headers.get("Authorization"))
            scripted.lock.notify_all()
        if self.command == "PUT":
            scripted.takes_parts.wait()
        with scripted.lock:
            fault = scripted.faults.pop(0) if scripted.faults else Fault()
            status, document = 200, None
            if fault.is_handled or (fault.status is None and fault.keep_bytes is None):
                status, document = scripted.answer(self.command, self.path, body, self.headers)
            scripted.lock.notify_all()
        content = b"" if document is None else json.dumps(document).encode()
        if fault.status is not None:
            status, content = fault.status, fault.body
        reason = f"HTTP/1.1 {status} Said\r\n"
        lines = {"Content-Length": str(len(content)), **fault.headers}
        head = reason + "".join(f"{name}: {value}\r\n" for name, value in lines.items() if status != 204) + "\r\n"
        answer = head.encode() + content
        self.wfile.write(answer if fault.keep_bytes is None else answer[: fault.keep_bytes])
        if fault.keep_bytes is not None:
            self.close_connection = True

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parameter's name
        """Says nothing."""


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    scripted: ScriptedServer

    def process_request(self, request: Any, client_address: Any) -> None:
        self._count(1)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._count(-1)

    def _count(self, change: int) -> None:
        with self.scripted.lock:
            self.scripted.connections += change
            self.scripted.lock.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed in the middle is no news."""


@contextlib.contextmanager
def scripted_server(port: int = 0) -> Iterator[ScriptedServer]:
    """Serves from threads of its own and yields what it took."""
    scripted = ScriptedServer()
    handler = type("Handler", (_Handler,), {"scripted": scripted})
    http = _Http(("127.0.0.1", port), handler)
    http.scripted = scripted
    scripted.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield scripted
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
