"""Asking other programs, such as git and nvidia-smi: only so much of the answer, and only so long.

Owns the starting, reading and ending of a child process. A program that is missing, fails or hangs is an answer of its
own, never an error: what it would have said is left out of the record and training goes on.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import Popen

_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said.

    Attributes:
        exit_code: Its exit status; negative when a signal ended it.
        output: The first bytes of its standard output.
        size_bytes: Length of the whole standard output; larger than `output` when that was cut.
    """

    exit_code: int
    output: bytes
    size_bytes: int


def ask(
    argv: Sequence[str], *, timeout_s: float, max_bytes: int, environ: Mapping[str, str] | None = None
) -> Answer | None:
    """Runs a program to its end and gives what it wrote, or None when it cannot be started or takes too long.

    Args:
        argv: The program and its arguments; no shell reads them.
        timeout_s: Seconds until the program and its children are killed.
        max_bytes: Bytes of output kept. The rest is read and counted, so memory stays bounded.
        environ: The environment of the program; this process's when None.
    """
    import subprocess

    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,  # a hanging program is killed with its own children, which hold the pipe too
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError):
        return None
    return _read_to_the_end(process, timeout_s=timeout_s, max_bytes=max_bytes)


def _read_to_the_end(process: "Popen[bytes]", *, timeout_s: float, max_bytes: int) -> Answer | None:
    from threading import Event, Timer

    too_late = Event()

    def give_up() -> None:
        too_late.set()
        _kill(process)

    timer = Timer(timeout_s, give_up)
    timer.daemon = True
    try:
        timer.start()
        kept, size_bytes = _read(process.stdout, max_bytes=max_bytes)
        exit_code = process.wait()
    except (OSError, RuntimeError):  # the pipe broke, or no thread can be started any more
        return None
    finally:
        timer.cancel()
        if process.returncode is None:  # interrupted while reading
            _kill(process)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return None if too_late.is_set() else Answer(exit_code, kept, size_bytes)


def _read(stream: Any, *, max_bytes: int) -> tuple[bytes, int]:
    kept = bytearray()
    size_bytes = 0
    while chunk := stream.read1(_CHUNK_BYTES):
        size_bytes += len(chunk)
        kept += chunk[: max_bytes - len(kept)]
    return bytes(kept), size_bytes


def _kill(process: "Popen[bytes]") -> None:
    if process.returncode is not None:  # its number may be another program's by now
        return
    try:
        if os.name == "posix":
            import signal

            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except OSError:  # it ended by itself meanwhile
        pass
