"""Comparisons as tables for a terminal.

Owns their layout, how many digits a number shows, and colour. Names are shown as they are: markup means nothing, and
what would steer a terminal is shown escaped.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from lightml.models.compare import CompareResult, MetricDelta

_INDENT: Final = "  "
_MISSING: Final = "—"
_MOST_DECIMALS: Final = 6
_MANY: Final = 1e9
"""Numbers from here on are written with an exponent."""
_WORST_SHOWN_FROM: Final = 3
"""With so many models or more, the worst of a row is red."""
_VERDICT_STYLES: Final = {"improved": "green", "regressed": "red", "unchanged": "", "missing": "yellow"}
_VERDICT_SIGNS: Final = {"improved": "✅", "regressed": "❌", "unchanged": "➖", "missing": "❓"}

_LEAST_P: Final = 1e-6

Paint = Callable[[str, str], str]
"""Gives a text in a style, such as "green", as it goes to the terminal."""


def compare_text(result: CompareResult, *, color: bool | None = None) -> str:
    """Gives a comparison of two models as a table: one row per metric, and how many got better and worse.

    A row's numbers have two decimals, four where both values are below 1, and more where a difference would else read
    as zero.

    Args:
        result: The comparison.
        color: Whether to colour it; None decides by the terminal and by NO_COLOR.
    """
    paint = _painter(color)
    rows = [_compare_cells(delta) for delta in result.deltas]
    widths = _widths([("Family", "Metric", "A", "B", "Δ", "%"), *rows], least=(18, 10, 9, 9, 9, 7))
    gaps = (1, 0, 2, 2, 2, 2)
    header = _line(("Family", "Metric", "A", "B", "Δ", "%"), widths, gaps)
    rule = "─" * max(74, cell_len(header))
    body = [
        _line(row, widths, gaps, ["", "", "", "", *2 * [_VERDICT_STYLES[delta.verdict]]], paint)
        for row, delta in zip(rows, result.deltas, strict=True)
    ]
    counts = [f"{sign} {len(getattr(result, verdict))} {verdict}" for verdict, sign in _VERDICT_SIGNS.items()]
    title = [paint(f"Compare: {shown(result.model_a)}  vs  {shown(result.model_b)}", "bold")]
    if result.run_name is not None:
        title.append(f"Run: {shown(result.run_name)}")
    return _joined([*title, rule, paint(header, "bold"), rule, *body, rule, "  ".join(counts)])


def diff_text(data: Mapping[str, Any], *, color: bool | None = None) -> str:
    """Gives what `diff.diff_models` found as a table: a column per model, the best of a row green, the worst red.

    Args:
        data: What `diff_models` gave.
        color: Whether to colour it; None decides by the terminal and by NO_COLOR.
    """
    paint = _painter(color)
    models, averages = data["models"], data["averages"]
    header = ("Family", "Metric", *(shown(model) for model in models))
    rows = [(shown(row["family"]), shown(row["metric"]), *_values(row["values"], models)) for row in data["rows"]]
    n_metrics = averages["n_metrics"]
    label = f"({n_metrics} metric{'' if n_metrics == 1 else 's'})"
    last = ("AVG", label, *_values(averages["values"], models))
    widths = _diff_widths([header, *rows, last])
    gaps = (3, 0, *(4 for _ in models))
    title = f"lightml diff — {len(models)} models"
    if data["run_name"] is not None:
        title += f"  (run: {shown(data['run_name'])})"
    head = _line(header, widths, gaps)
    width = max(70, cell_len(head))
    body = [
        _line(cells, widths, gaps, _diff_styles(row, models), paint)
        for cells, row in zip(rows, data["rows"], strict=True)
    ]
    grouped = _grouped(body, [row["family"] for row in data["rows"]])
    rule = "─" * width
    return _joined(
        [paint(title, "bold"), "═" * width, paint(head, "bold"), rule, *grouped, rule, _average_line(last, widths)]
    )


def stats_text(
    result: Mapping[str, Any],
    model_a: str,
    model_b: str,
    family: str,
    metric_name: str,
    *,
    color: bool | None = None,
) -> str:
    """Gives a statistical comparison as a block of lines.

    Args:
        result: What `stats.compare_stats` gave.
        model_a: The name of model A.
        model_b: The name of model B.
        family: The metric's family.
        metric_name: The metric's name.
        color: Whether to colour the verdict; None decides by the terminal and by NO_COLOR.
    """
    paint = _painter(color)
    names = {"a": shown(model_a), "b": shown(model_b)}
    title = f"Statistical comparison: {names['a']} vs {names['b']}"
    subtitle = f"Family: {shown(family)}  Metric: {shown(metric_name)}"
    blocks = [_contingency_lines(result, names), _mean_lines(result, names), _test_lines(result, names, paint)]
    label_width = max(cell_len(label) for block in blocks for label, _ in block) + 1
    rule = "─" * max(54, cell_len(title), cell_len(subtitle))
    lines = [paint(title, "bold"), subtitle]
    for block in blocks:
        if block:
            lines += [rule, *(_padded(label, label_width) + text for label, text in block)]
    return _joined(lines)


def shown(name: str) -> str:
    """Gives a name as it may go to a terminal: control characters, and those that turn the reading order, escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode() for char in name
    )


def _painter(color: bool | None) -> Paint:
    if color is None:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def paint(text: str, style: str) -> str:
        return Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if color and style else text

    return paint


def _compare_cells(delta: MetricDelta) -> tuple[str, ...]:
    change = 0.0 if delta.verdict == "unchanged" else delta.delta
    percent = 0.0 if delta.verdict == "unchanged" else delta.pct_change
    present = [value for value in (delta.value_a, delta.value_b) if value is not None]
    decimals = _decimals([*present, change or 0.0], 4 if max(map(abs, present)) < 1 else 2)
    share = _MISSING if percent is None else _number(percent, _decimals([percent], 1), signed=True) + "%"
    return (
        shown(delta.family),
        shown(delta.metric_name),
        _number(delta.value_a, decimals),
        _number(delta.value_b, decimals),
        _number(change, decimals, signed=True),
        share,
    )


def _values(values: Mapping[str, float | None], models: Iterable[str]) -> list[str]:
    """Gives a row's numbers, all with as many decimals: four, or more where one would else read as zero."""
    row = [values.get(model) for model in models]
    decimals = _decimals([value for value in row if value is not None], 4)
    return [_number(value, decimals) for value in row]


def _diff_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Gives the columns' widths; the label of the averages may reach into the free half of the first model's column."""
    *_, last = rows
    family, _, *columns = _widths(rows, least=(6, 6, *(10 for _ in last[2:])))
    metric = max([cell_len(last[1]) - 2, *(cell_len(row[1]) for row in rows[:-1])])
    return [family, metric, *(max(columns) for _ in columns)]


def _diff_styles(row: Mapping[str, Any], models: Sequence[str]) -> list[str]:
    worst = row["worst"] if len(models) >= _WORST_SHOWN_FROM else ()
    return ["", "", *("green" if model in row["best"] else "red" if model in worst else "" for model in models)]


def _average_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    family, label, first, *others = cells
    start = _padded(family, widths[0] + 3) + label
    room = widths[0] + 3 + widths[1] + 4 + widths[2] - cell_len(start)
    return (
        start + _padded(first, room, right=True) + "".join(_padded(each, widths[2] + 4, right=True) for each in others)
    )


def _grouped(lines: Sequence[str], families: Sequence[str]) -> list[str]:
    """Parts the lines of one family from those of the next by an empty one."""
    grouped = list(lines[:1])
    for line, (before, after) in zip(lines[1:], pairwise(families), strict=True):
        grouped += [line] if before == after else ["", line]
    return grouped


def _contingency_lines(result: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str]]:
    table = result["contingency"]
    if table is None:
        return []
    return [
        ("Both correct:", str(table["both_correct"])),
        (f"Only {names['a']}:", str(table["only_a"])),
        (f"Only {names['b']}:", str(table["only_b"])),
        ("Both wrong:", str(table["both_wrong"])),
        ("Discordant:", str(table["n_discordant"])),
    ]


def _mean_lines(result: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str]]:
    interval = result["bootstrap"]
    ends = interval["ci_lower"], interval["ci_upper"]
    decimals = _decimals([result["mean_a"], result["mean_b"], interval["delta"]], 4)
    return [
        (f"Mean {names['a']}:", _number(result["mean_a"], decimals)),
        (f"Mean {names['b']}:", _number(result["mean_b"], decimals)),
        ("Delta (A - B):", _number(interval["delta"], decimals)),
        (f"{100 * interval['confidence']:g}% CI:", f"[{', '.join(_number(end, decimals) for end in ends)}]"),
    ]


def _test_lines(result: Mapping[str, Any], names: Mapping[str, str], paint: Paint) -> list[tuple[str, str]]:
    is_mcnemar = "mcnemar" in result
    test = result["mcnemar" if is_mcnemar else "permutation"]
    p_value = f"< {_LEAST_P:.6f}" if test["p_value"] < _LEAST_P else f"{test['p_value']:.6f}"
    verdict = paint("Not significant (p >= 0.05)", "yellow")
    if test["significant"]:
        verdict = paint(f"Significant (p < 0.05), {names[test['winner']]} is better", "green")
    return [("McNemar p-value:" if is_mcnemar else "Permutation p-value:", p_value), ("Result:", verdict)]


def _decimals(numbers: Iterable[float], least: int) -> int:
    """Gives how many decimals keep every number that is not zero from reading as zero, at most six."""
    sizes = [abs(number) for number in numbers if number]
    return next((many for many in range(least, _MOST_DECIMALS) if all(size >= 0.5 * 10**-many for size in sizes)), 6)


def _number(number: float | None, decimals: int, *, signed: bool = False) -> str:
    if number is None:
        return _MISSING
    sign = "+" if signed and number else ""
    text = f"{number:{sign}.{decimals}f}"
    is_lost = number != 0 and not text.strip("+-0.")
    return f"{number:{sign}.2e}" if is_lost or abs(number) >= _MANY else text


def _widths(rows: Iterable[Sequence[str]], least: Sequence[int]) -> list[int]:
    columns = zip(*rows, strict=True)
    return [max(minimum, *map(cell_len, column)) for minimum, column in zip(least, columns, strict=True)]


def _line(
    cells: Sequence[str],
    widths: Sequence[int],
    gaps: Sequence[int],
    styles: Sequence[str] = (),
    paint: Paint = lambda text, _: text,
) -> str:
    """Lays out a row: two columns of names to the left, each with its gap behind, and numbers to the right."""
    line = ""
    for at, (cell, width, gap) in enumerate(zip(cells, widths, gaps, strict=True)):
        padded = _padded(cell, width + gap, right=at > 1)
        line += padded.replace(cell, paint(cell, styles[at])) if styles and styles[at] else padded
    return line


def _padded(text: str, width: int, *, right: bool = False) -> str:
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(_INDENT + line if line else "" for line in lines)
