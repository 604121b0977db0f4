import re
from pathlib import Path

import pytest

from benchmarks import workspace
from benchmarks.__main__ import BENCHMARKS, RESULTS, main
from benchmarks.workspace import ROOT, SETTINGS


@pytest.mark.parametrize("name", ["point_size", "log_metrics", "finished_run"])
def test_a_quick_measuring_writes_only_where_it_is_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = RESULTS.read_bytes() if RESULTS.exists() else None
    assert main(["--quick", "--only", name]) == 0
    assert "not written" in capsys.readouterr().out
    assert (RESULTS.read_bytes() if RESULTS.exists() else None) == before
    assert main(["--quick", "--only", name, "--output", str(tmp_path / "out.md")]) == 0
    text = (tmp_path / "out.md").read_text()
    assert "of 1 limits are met" in text
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


def test_the_crowds_lose_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # A busy machine may not serve so many within the usual time.
    monkeypatch.setattr(workspace, "SETTINGS", [name for name in SETTINGS if name != "LAB_BUSY_TIMEOUT_S"])
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "200")
    assert main(["--quick", "--only", "starters"]) == 0
    assert "0 errors, 0 runs missing" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_unknown_names_are_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--only", "speed"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in BENCHMARKS)


def test_no_setting_of_the_project_reaches_a_measuring() -> None:
    explained = re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    assert set(explained) <= set(SETTINGS)
