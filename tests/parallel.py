"""Which tests run one after another when several processes run them, and in which order.

Owns the groups. A group goes to one process as a whole: a file, whose fixtures are then built once, unless the file
belongs to a larger group.
"""

from collections.abc import Sequence
from typing import Final

from xdist.scheduler import LoadScopeScheduling

BROWSERS: Final = ("tests/e2e/", "tests/benchmarks/test_pages.py", "tests/scripts/test_screenshots.py")
"""Tests that drive a browser: they share one, and two browsers at once would starve each other."""

CROWDS: Final = (
    "tests/remote/",
    "tests/benchmarks/test_ingest.py",
    "tests/benchmarks/test_log_calls.py",
    "tests/benchmarks/test_main.py",
    "tests/examples/test_sweep",
    "tests/lab_logger/test_concurrency.py",
    "tests/lightml/test_crowds.py",
)
"""Tests that start many processes at once; two crowds at once would starve each other."""

_GROUPS: Final[dict[str, Sequence[str]]] = {
    "browsers": BROWSERS,
    "crowds": CROWDS,
    "golden": ("tests/agents/test_golden.py",),
}
"""The longest groups, the longest first; every other file is a group of its own."""


def group_of(nodeid: str) -> str:
    """Gives the name of the group that a test belongs to."""
    file = nodeid.partition("::")[0]
    return next((name for name, paths in _GROUPS.items() if file.startswith(tuple(paths))), file)


def place_of(nodeid: str) -> int:
    """Gives a test's place in the order: the longest group first, so that no process waits for it at the end."""
    names = list(_GROUPS)
    group = group_of(nodeid)
    return names.index(group) if group in names else len(names)


class GroupScheduling(LoadScopeScheduling):
    """Hands out group after group, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
