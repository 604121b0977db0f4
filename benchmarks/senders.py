"""Training machines that send points: processes that post the bodies a logger sends, one after the other.

Owns the processes, and what a body is. Bodies are made before the clock starts: what is timed is the server.
"""

import contextlib
import gzip
import http.client
import json
import multiprocessing
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.measure import BenchmarkError
from lab_logger.record import utc_now

NAMES: Final = ("train_loss", "val_loss", "accuracy", "learning_rate", "gradient_norm")
POINTS_A_BODY: Final = 2_000
_POINTS_A_RECORD: Final = 500
_FIRST_MS: Final = 1_735_689_600_000
_PATIENCE_S: Final = 300.0
_HEADERS: Final = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


@dataclass(frozen=True)
class Job:
    """What every client of a crowd does.

    Attributes:
        url: The server.
        n_bodies: How many bodies each posts; None to go on until it is told to stop.
    """

    url: str
    n_bodies: int | None


class Client:
    """One run of one machine, over a connection that is kept open."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_PATIENCE_S)
        self._sender = uuid.uuid4().hex
        self._run_id = str(uuid.uuid4())
        self._position = 0
        self._n_points = 0

    def start(self) -> None:
        """Starts the run."""
        self.post(self._body([{"kind": "start", "started_at": utc_now(), "params": {"model_name": "bench"}}]))

    def next_body(self) -> bytes:
        """Makes a body of points that follow those of the one before."""
        starts = range(self._n_points, self._n_points + POINTS_A_BODY, _POINTS_A_RECORD)
        self._n_points += POINTS_A_BODY
        return self._body(
            [{"kind": "points", "points": [_point(n) for n in range(at, at + _POINTS_A_RECORD)]} for at in starts]
        )

    def post(self, body: bytes) -> None:
        """Posts a body and waits until it is stored.

        Raises:
            BenchmarkError: It is not.
        """
        self._connection.request("POST", "/ingest/records", body, _HEADERS)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != http.client.OK:
            raise BenchmarkError(f"/ingest/records answered {answer.status}: {said[:500].decode(errors='replace')}")

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _body(self, records: list[dict[str, Any]]) -> bytes:
        numbered = []
        for record in records:
            self._position += 1
            numbered.append({"position": self._position, "run_id": self._run_id, **record})
        return gzip.compress(json.dumps({"sender": self._sender, "records": numbered}).encode(), compresslevel=1)


def send_all(url: str, *, n_clients: int, n_points: int) -> float:
    """Lets clients send points at once, and gives the seconds from the first one's begin to the last one's end.

    Args:
        url: The server.
        n_clients: How many processes send.
        n_points: How many points they send together, a multiple of the clients times `POINTS_A_BODY`.
    """
    context = multiprocessing.get_context("spawn")
    barrier, ends, stop = context.Barrier(n_clients), context.Queue(), context.Event()
    job = Job(url, n_points // n_clients // POINTS_A_BODY)
    processes = [context.Process(target=work, args=(job, barrier, ends, stop)) for _ in range(n_clients)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(_PATIENCE_S)
    _check([process.exitcode for process in processes])
    times: list[tuple[float, float]] = [ends.get(timeout=_PATIENCE_S) for _ in processes]
    return max(ended_s for _, ended_s in times) - min(began_s for began_s, _ in times)


@contextlib.contextmanager
def sending(url: str, *, n_clients: int) -> Iterator[None]:
    """Has clients send points for as long as the block lasts, as fast as the server takes them."""
    context = multiprocessing.get_context("spawn")
    barrier, ends, stop = context.Barrier(n_clients + 1), context.Queue(), context.Event()
    processes = [context.Process(target=work, args=(Job(url, None), barrier, ends, stop)) for _ in range(n_clients)]
    for process in processes:
        process.start()
    try:
        barrier.wait(_PATIENCE_S)
        yield
    finally:
        stop.set()
        for process in processes:
            process.join(_PATIENCE_S)
    _check([process.exitcode for process in processes])


def work(job: Job, barrier: Barrier, ends: "Queue[tuple[float, float]]", stop: Event) -> None:
    """Sends the points of one client, in its process."""
    with contextlib.closing(Client(job.url)) as client:
        client.start()
        bodies = [client.next_body() for _ in range(job.n_bodies or 0)]
        barrier.wait(_PATIENCE_S)
        began_s = time.perf_counter()
        for body in bodies:
            client.post(body)
        while job.n_bodies is None and not stop.is_set():
            client.post(client.next_body())
        ends.put((began_s, time.perf_counter()))


def points(number: int) -> tuple[int, int, int, float]:
    """Gives the point of that number as the store keeps it: series, step, milliseconds, value."""
    step, series = divmod(number, len(NAMES))
    return series, step, _FIRST_MS + step, 1 / (1 + step) + series


def _point(number: int) -> list[str | int | float]:
    series, step, at_ms, value = points(number)
    return [NAMES[series], step, at_ms, value]


def _check(exit_codes: list[int | None]) -> None:
    failed = [code for code in exit_codes if code != 0]
    if failed:
        raise BenchmarkError(f"{len(failed)} of {len(exit_codes)} sending processes failed: exit codes {failed}")
