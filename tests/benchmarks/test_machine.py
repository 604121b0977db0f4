import os
from pathlib import Path

import pytest

from benchmarks.machine import BUSY, describe


@pytest.mark.parametrize(("load", "is_busy"), [(0.1, False), (5.0, True)])
def test_a_machine_that_is_not_quiet_is_said_to_be_busy(
    load: float, is_busy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load), raising=False)
    facts = describe(tmp_path)
    assert f"load average of the minute before: {load}" in facts
    assert (BUSY in facts) == is_busy


def test_the_description_names_no_folder_and_no_host(tmp_path: Path) -> None:
    text = "\n".join(describe(tmp_path))
    assert str(tmp_path) not in text
    assert os.uname().nodename not in text
    assert "SQLite" in text
