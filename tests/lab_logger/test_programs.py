import os
import sys
from pathlib import Path

from lab_logger.programs import Answer, ask


def python(program: str, *, timeout_s: float = 60.0, max_bytes: int = 1000) -> Answer | None:
    return ask([sys.executable, "-c", program], timeout_s=timeout_s, max_bytes=max_bytes)


def test_the_answer_is_what_the_program_wrote_and_how_it_ended() -> None:
    assert python("print('out'); import sys; print('err', file=sys.stderr); sys.exit(3)") == Answer(3, b"out\n", 4)


def test_only_so_much_is_kept_and_the_rest_is_counted() -> None:
    assert python("print('x' * 1_000_000, end='')", max_bytes=70_000) == Answer(0, b"x" * 70_000, 1_000_000)


def test_the_program_reads_nothing_and_sees_the_environment_given() -> None:
    program = "import os, sys; print(sys.stdin.read() + os.environ['LAB_TEST'], end='')"

    answer = ask([sys.executable, "-c", program], timeout_s=60, max_bytes=99, environ=os.environ | {"LAB_TEST": "x"})

    assert answer == Answer(0, b"x", 1)


def test_a_program_that_is_missing_or_cannot_be_named_gives_no_answer(tmp_path: Path) -> None:
    assert ask([str(tmp_path / "missing")], timeout_s=60, max_bytes=1) is None
    assert ask([str(tmp_path)], timeout_s=60, max_bytes=1) is None
    assert ask(["a\0b"], timeout_s=60, max_bytes=1) is None


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.set_blocking(reader, True)
        said = b""
        for timeout_s in (1.0, 10.0, 100.0):  # until it hangs, and is not just slow to start
            hangs = ["sh", "-c", f"exec 9>'{fifo}'; echo x >&9; sleep 600 & wait"]
            assert ask(hangs, timeout_s=timeout_s, max_bytes=1) is None
            if said := os.read(reader, 10):
                break
        assert said == b"x\n"
        assert os.read(reader, 10) == b""  # the end comes when the last process holding it is gone
    finally:
        os.close(reader)
