"""A thread of its own for what may be slow, hang or fail, such as a mirror.

Owns those threads, what waits for them, and how long the end of the process waits for them. It must not know what is
carried: it is handed a function that makes the receiver. Nothing here raises into the code that sends.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

EVENTS_LIMIT = 100_000
"""How many events may wait for a receiver that is slow. More are dropped, with one warning; the last one never is."""

Event = TypeVar("Event")
Receive = Callable[[Event], None]


class Courier(Generic[Event]):
    """Carries events to a receiver in a daemon thread, in the order they were sent.

    A receiver that cannot be made ends the thread; one that raises keeps getting what comes next. Either is told to
    `report` from the thread, and so is a queue that is full.

    Args:
        open_receiver: Makes the receiver; called in the thread.
        name: Names the thread, and the events in the warning at the end of the process.
        wait_s: How long the end of the process waits for the thread once the last event was sent, in seconds.
        report: Takes what went wrong; it may be called from any thread and must not raise.
    """

    def __init__(
        self,
        open_receiver: Callable[[], "Receive[Event]"],
        *,
        name: str,
        wait_s: float,
        report: Callable[[object], None],
    ) -> None:
        import queue

        self.name = name
        self.wait_s = wait_s
        self.done = threading.Event()
        self.closed_at_s = 0.0
        self.is_given_up = False
        self._open_receiver = open_receiver
        self._report = report
        self._pid = os.getpid()
        self._has_reported_loss = False
        self._queue: queue.SimpleQueue[tuple[Event] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"lab_logger-courier-{name}", daemon=True).start()

    def send(self, event: Event) -> None:
        """Takes an event to carry; returns at once."""
        if os.getpid() != self._pid:
            self._report_loss("the child of a fork cannot reach the mirror of its parent's run; values logged here are")
        elif self._queue.qsize() >= EVENTS_LIMIT:
            self._report_loss(f"{EVENTS_LIMIT} log calls wait already; later ones are")
        elif not self.done.is_set():
            self._queue.put((event,))

    def close(self, event: Event) -> None:
        """Takes the last event and lets the thread end after it; returns at once."""
        if os.getpid() == self._pid and not self.done.is_set():
            self._queue.put((event,))
            self._queue.put(None)
            self.closed_at_s = time.monotonic()
            _await_at_exit(self)

    def _run(self) -> None:
        try:
            receive = self._open_receiver()
            while (carried := self._queue.get()) is not None:
                self._deliver(receive, carried[0])
        except Exception as error:  # noqa: BLE001 - the edge to a mirror: whatever it raises ends here
            self._tell(error)
        finally:
            self.done.set()
            _closing.discard(self)
            while not self._queue.empty():
                self._queue.get_nowait()

    def _deliver(self, receive: "Receive[Event]", event: Event) -> None:
        try:
            receive(event)
        except Exception as error:  # noqa: BLE001 - the edge to a mirror: one event that fails must not end it
            self._tell(error)

    def _tell(self, problem: object) -> None:
        if not self.is_given_up:
            self._report(problem)

    def _report_loss(self, reason: str) -> None:
        if not self._has_reported_loss:
            self._has_reported_loss = True
            self._report(f"{reason} in the store alone")


_closing: "set[Courier[object]]" = set()
_guard = threading.Lock()
_watch: threading.Thread | None = None


def _await_at_exit(courier: Courier[Event]) -> None:
    """Has the end of the process wait for a courier.

    It is a thread that is no daemon that waits, not an `atexit` function: those run last in, first out, so that one
    registered later by what the courier calls would take its ground away first; and `multiprocessing` runs none.
    """
    global _watch  # noqa: PLW0603 - one thread a process
    with _guard:
        _closing.add(courier)  # type: ignore[arg-type]
        if _watch is None:
            _watch = threading.Thread(target=_watch_the_end, name="lab_logger-courier-watch", daemon=False)
            _watch.start()


def _watch_the_end() -> None:
    threading.main_thread().join()
    ended_at_s = time.monotonic()
    left: list[str] = []
    while (courier := _take_closing()) is not None:
        deadline_s = max(ended_at_s, courier.closed_at_s) + courier.wait_s
        if not courier.done.wait(max(0.0, deadline_s - time.monotonic())):
            courier.is_given_up = True
            left.append(courier.name)
    if left:
        import logging

        logging.getLogger("lab_logger").warning(
            "the process ends before W&B took everything of %s; the store has it all; "
            "raise WANDB_FINISH_TIMEOUT_S to wait longer",
            ", ".join(sorted(left)),
        )


def _take_closing() -> "Courier[object] | None":
    global _watch  # noqa: PLW0603 - one thread a process
    with _guard:
        if _closing:
            return _closing.pop()
        _watch = None
        return None


def _forget_parents_couriers() -> None:
    global _watch, _guard
    _watch, _guard = None, threading.Lock()
    _closing.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_couriers)
