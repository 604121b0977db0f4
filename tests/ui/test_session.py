"""What is kept of the server's answers, and for whom."""

import re
from pathlib import Path

from tests.ui.dashboard import ROOT
from ui.session import kept


def test_what_is_kept_is_told_apart_by_function_and_arguments() -> None:
    asked: list[tuple[object, ...]] = []

    @kept(ttl=60)
    def first(*names: str, **options: int) -> str:
        asked.append((*names, *options.items()))
        return f"first {names} {options}"

    @kept(ttl=60)
    def second(*names: str, **options: int) -> str:
        return f"second {names} {options}"

    assert first("a", limit=1) == first("a", limit=1) == "first ('a',) {'limit': 1}"
    assert second("a", limit=1) == "second ('a',) {'limit': 1}"
    assert first("a", limit=2) != first("b", limit=2)
    assert len(asked) == 3
    first.clear()
    first("a", limit=1)
    assert len(asked) == 4


def test_no_page_keeps_answers_for_everybody() -> None:
    """An answer goes to whoever sent the token that it was asked with: `ui.session.kept` sees to that."""
    keeping = {
        file.relative_to(ROOT): found
        for file in [*Path(ROOT, "ui").rglob("*.py"), ROOT / "stream.py"]
        if (found := re.findall(r"st\.cache_(\w+)\(", file.read_text(encoding="utf-8")))
    }
    # Conversations are found by an address that is sent to others on purpose.
    of_all = {Path("ui/pages/assistant.py"): ["resource"]}
    assert keeping.pop(Path("ui/session.py")) == ["resource", "data"]
    assert keeping == of_all
