"""What a git diff changes, file by file.

Owns reading a diff's own headers. It must not import Streamlit.
"""

from typing import Final

import pandas as pd

CUT_MARK: Final = "[lab_logger: diff cut,"
"""How the last line of a diff begins that the logger did not keep whole."""

_HEADER: Final = "diff --git "


def changed_files(diff: str) -> pd.DataFrame:
    """Gives what a diff changes.

    Returns:
        Columns `file`, `added` and `removed` (lines), in the diff's order; a binary file has no lines.
    """
    rows: list[dict[str, str | int]] = []
    is_in_hunk = False
    for line in diff.splitlines():
        if line.startswith(_HEADER):
            rows.append({"file": _file_of(line), "added": 0, "removed": 0})
            is_in_hunk = False
        elif line.startswith("@@"):
            is_in_hunk = True
        elif rows and is_in_hunk and line[:1] in ("+", "-"):
            count = "added" if line[0] == "+" else "removed"
            rows[-1][count] = int(rows[-1][count]) + 1
    return pd.DataFrame(rows, columns=["file", "added", "removed"])


def can_be_applied(diff: str) -> bool:
    """Tells whether a diff is whole: neither cut nor silent about the content of a binary file."""
    lines = diff.splitlines()
    is_cut = bool(lines) and lines[-1].startswith(CUT_MARK)
    return not is_cut and not any(line.startswith("Binary files ") and line.endswith(" differ") for line in lines)


def _file_of(header: str) -> str:
    """Gives the path of `diff --git a/PATH b/PATH`; of a renamed file the new one."""
    paths = header.removeprefix(_HEADER).replace('"', "")
    half = len(paths) // 2
    if paths[:half].removeprefix("a/") == paths[half + 1 :].removeprefix("b/"):
        return paths[half + 1 :].removeprefix("b/")
    return paths.rpartition(" b/")[2]
