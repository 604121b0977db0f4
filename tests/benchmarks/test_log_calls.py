from pathlib import Path

import pytest

from benchmarks import log_calls
from benchmarks.__main__ import main


def test_calls_are_timed_and_every_point_arrives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(log_calls, "CLIENTS", 2)
    monkeypatch.setattr(log_calls, "STEPS", 50)
    monkeypatch.setattr(log_calls, "KILLS", 1)
    assert main(["--quick", "--only", "log_calls", "--output", str(tmp_path / "out.md")]) == 0
    capsys.readouterr()
    text = (tmp_path / "out.md").read_text()
    assert "2 trainings that record on a server which is killed 1 times: p99" in text
    assert "500 points of 500 calls" in text
