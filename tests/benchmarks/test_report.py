from datetime import UTC, datetime

import pytest

from benchmarks.measure import Finding
from benchmarks.report import markdown, print_table, verdict

KEPT = Finding(what="import", limit="at most 40 ms", measured="10 ms more", is_met=True, floor="9 ms", spread="1 to 2")
MISSED = Finding(what="a | b", limit="at most 2x", measured="3 ms", is_met=False, floor="1 ms", ratio=3.0, remark="why")
PLAIN = Finding(what="by the way", limit="-", measured="7", is_met=None)


def test_misses_are_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([KEPT, MISSED, PLAIN])
    assert "NO" in capsys.readouterr().out
    assert verdict([KEPT, MISSED, PLAIN]) == "1 of 2 limits are met. Missed: a | b (3 ms)."
    assert verdict([KEPT, PLAIN]) == "1 of 1 limits are met."


def test_the_file_holds_every_finding_and_the_machine() -> None:
    text = markdown([KEPT, MISSED], machine=["two cores"], at=datetime(2026, 1, 2, 3, tzinfo=UTC))
    lines = text.splitlines()
    assert "| import | at most 40 ms | 10 ms more | 9 ms | - | yes |" in lines
    assert "| a \\| b | at most 2x | 3 ms | 1 ms | 3.00 | NO |" in lines
    assert "| a \\| b | - | why |" in lines
    assert "- two cores" in lines
    assert "Measured on 2026-01-02 (UTC) on:" in lines
