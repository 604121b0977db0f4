"""Runs side by side: what is known of each, by column, and a table that says where they differ and which is best.

Owns pure functions from runs to values and tables. It must not import Streamlit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pandas as pd

from backend.models import RunDetail, RunSummary
from tools.directions import better_order
from ui.formatting import SHORT_ID_CHARS, cell_text, duration_text, moment_text, value_text
from ui.tables import number_or_none

Kind = Literal["run", "metric", "param"]

BEST_MARK: Final = "★"
_ARROWS: Final = {"asc": "↓", "desc": "↑"}
_NON_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_SEED_WORDS: Final = frozenset({"seed", "seeds", "random_state", "random_seed", "rng_seed"})
_LAST: Final = frozenset({"tags", "note", "git", "command"})
"""Of what is known of a run itself, what the table shows below everything else."""
_MAX_TELLING: Final = 3
_MAX_NAME_CHARS: Final = 60
_MAX_LABEL_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is known of the runs.

    Attributes:
        label: Its name, unlike that of any other column.
        name: The name as recorded; of a value inside an object its dotted path.
        kind: Whether it is a metric, a parameter or of the run itself.
        values: A value for each run. None where the run has none; a recorded null is the text "null".
    """

    label: str
    name: str
    kind: Kind
    values: tuple[Any, ...]

    @property
    def numbers(self) -> list[float | None]:
        """The finite numbers among the values, None for everything else."""
        return [number_or_none(value) for value in self.values]

    @property
    def identities(self) -> list[str | float | None]:
        """What tells the values apart: 1 and 1.0 are alike, 1, true and "1" are not."""
        return [_identity(value) for value in self.values]

    @property
    def differs(self) -> bool:
        """Whether two of the runs have different values, or one has none."""
        return len(set(self.identities)) > 1

    @property
    def is_seed(self) -> bool:
        """Whether it only seeds a random generator, told from its name."""
        return self.kind == "param" and self.name.lower().rpartition(".")[2] in _SEED_WORDS

    @property
    def is_numeric(self) -> bool:
        """Whether it has values that are numbers, and no others but missing ones and those that are not finite."""
        kept = [value for value in self.values if value is not None and not _is_non_finite(value)]
        return bool(kept) and all(number_or_none(value) is not None for value in kept)


@dataclass(frozen=True, slots=True)
class Compared:
    """Runs side by side.

    Attributes:
        run_ids: The runs, in the order asked.
        labels: A short id for each, unlike the others.
        columns: What is known of them by label: of the runs, then metrics, then parameters, each in text order.
        names: For each run the short id and what tells it from the others.
    """

    run_ids: tuple[str, ...]
    labels: tuple[str, ...]
    columns: Mapping[str, Column]
    names: tuple[str, ...] = field(default=())

    def of_kind(self, kind: Kind) -> list[Column]:
        """Gives the columns of a kind."""
        return [column for column in self.columns.values() if column.kind == kind]


def side_by_side(runs: Sequence[RunSummary]) -> Compared:
    """Puts runs side by side, in their order."""
    run_ids = tuple(run.run_id for run in runs)
    labels = tuple(short_labels(run_ids))
    columns: dict[str, Column] = {}
    for kind, name, values in _all_values(runs):
        label = name if len(name) <= _MAX_LABEL_CHARS else f"{name[: _MAX_LABEL_CHARS - 1]}…"
        while label in columns:
            label = f"{label} ({kind})"
        columns[label] = Column(label, name, kind, tuple(values))
    bare = Compared(run_ids, labels, columns)
    return Compared(run_ids, labels, columns, tuple(_names(bare)))


def short_labels(run_ids: Sequence[str]) -> list[str]:
    """Gives the beginnings of run ids, as long as it takes to tell them apart."""
    length = SHORT_ID_CHARS
    longest = max(map(len, run_ids), default=0)
    while length < longest and len({run_id[:length] for run_id in run_ids}) < len(set(run_ids)):
        length += 1
    return [run_id[:length] for run_id in run_ids]


def flat_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Gives values by dotted path: objects are opened, lists and empty objects become text, null the text "null".

    A name that is recorded with a dot in it wins over the path that reads alike.
    """
    top = {name: value for name, value in values.items() if not (isinstance(value, Mapping) and value)}
    return dict(_leaves(values)) | dict(_leaves(top))


def telling_columns(compared: Compared, *, limit: int = _MAX_TELLING, seeds: bool = True) -> list[Column]:
    """Gives the columns that tell the runs apart, each of which splits what those before it left together.

    Args:
        compared: The runs.
        limit: How many to give at most.
        seeds: Whether seeds may be among them; they come last.
    """
    candidates = [
        column
        for column in [*compared.of_kind("param"), *_facts(compared, "dataset")]
        if column.differs and (seeds or not column.is_seed) and not _is_unique_text(column)
    ]
    candidates.sort(key=lambda column: (column.is_seed, column.is_numeric))
    chosen: list[Column] = []
    groups = 1
    for column in candidates:
        split = len(set(zip(*(kept.identities for kept in [*chosen, column]), strict=True)))
        if split > groups and len(chosen) < limit:
            chosen.append(column)
            groups = split
    return chosen


def default_metric(compared: Compared) -> str | None:
    """Gives the label of the metric to look at first: one that most runs have, rather not of training or time."""
    metrics = [column for column in compared.of_kind("metric") if column.is_numeric]

    def rank(column: Column) -> tuple[int, bool, bool, str]:
        known = sum(number is not None for number in column.numbers)
        words = column.name.lower()
        return -known, not column.differs, any(word in words for word in ("train", "time", "duration")), column.name

    return min(metrics, key=rank).label if metrics else None


def best_places(column: Column) -> frozenset[int]:
    """Gives the places of the runs with a metric's best value, told by its direction.

    Nothing is best where fewer than two runs have a number, or all have the same. Runs that tie are all best.
    """
    numbers = {place: number for place, number in enumerate(column.numbers) if number is not None}
    if column.kind != "metric" or len(set(numbers.values())) < 2:  # noqa: PLR2004
        return frozenset()
    best = (min if better_order(column.name) == "asc" else max)(numbers.values())
    return frozenset(place for place, number in numbers.items() if number == best)


def rows_shown(compared: Compared, *, only_differences: bool) -> list[Column]:
    """Gives the rows of the table: what some run has a value for, what is known beside metrics and parameters last."""
    order = sorted(compared.columns.values(), key=lambda column: column.kind == "run" and column.name in _LAST)
    return [
        column
        for column in order
        if any(value is not None for value in column.values) and (column.differs or not only_differences)
    ]


def names_frame(compared: Compared, rows: Sequence[Column]) -> pd.DataFrame:
    """Gives the table with a row for each name and a column for each run, as text; the best values are marked.

    Returns:
        Columns `kind` and `name`, then one for each run, called by its short label. A metric's name carries an arrow
        that points where better is.
    """
    table = [[row.kind, _row_name(row), *_row_texts(row)] for row in rows]
    return pd.DataFrame(table, columns=["kind", "name", *compared.labels], dtype=object)


def runs_frame(compared: Compared, rows: Sequence[Column]) -> pd.DataFrame:
    """Gives the table with a row for each run and a column for each name; numbers are numbers, or missing.

    Returns:
        A column `run`, the run's id, then one for each name, called by its label.
    """
    columns: dict[str, Any] = {"run": list(compared.run_ids)}
    for row in rows:
        columns[row.label] = row.numbers if row.is_numeric else [fact_text(row, value) for value in row.values]
    return pd.DataFrame(columns)


def fact_text(column: Column, value: object) -> str:
    """Gives a value of a column as text: times and durations as a person says them."""
    if column.kind == "run" and column.name == "duration_s":
        return duration_text(number_or_none(value))
    if column.kind == "run" and column.name == "started":
        return moment_text(value if isinstance(value, str) else None)
    return value_text(value)


def category_text(value: object) -> str | None:
    """Gives a value as the name of a group or category; None where there is none."""
    return None if value is None else value_text(value)


def _all_values(runs: Sequence[RunSummary]) -> Iterator[tuple[Kind, str, list[Any]]]:
    facts = [_run_facts(run) for run in runs]
    for name in dict.fromkeys(name for values in facts for name in values):
        yield "run", name, [values.get(name) for values in facts]
    sources: list[tuple[Kind, list[dict[str, Any]]]] = [
        ("metric", [flat_values(run.final_metrics) for run in runs]),
        ("param", [flat_values(run.params) for run in runs]),
    ]
    for kind, source in sources:
        for name in sorted({name for values in source for name in values}):
            yield kind, name, [values.get(name) for values in source]


def _run_facts(run: RunSummary) -> dict[str, Any]:
    facts: dict[str, Any] = {"status": run.status, "dataset": run.dataset_id, "started": run.timestamp}
    if isinstance(run, RunDetail):
        facts |= {"duration_s": run.duration_s, "tags": ", ".join(run.tags) or None}
    return facts | {"note": run.note, "git": run.git_hash and run.git_hash[:SHORT_ID_CHARS], "command": run.command}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, list | dict):
            yield f"{prefix}{name}", cell_text(value)
        else:
            yield f"{prefix}{name}", value


def _identity(value: Any) -> str | float | None:
    if value is None:
        return None
    number = number_or_none(value)
    return number if number is not None else f"{type(value).__name__}:{value}"


def _is_non_finite(value: Any) -> bool:
    return isinstance(value, str) and value in _NON_FINITE


def _facts(compared: Compared, *names: str) -> list[Column]:
    return [column for column in compared.of_kind("run") if column.name in names]


def _is_unique_text(column: Column) -> bool:
    """Tells whether it is text that every one of many runs has for itself, such as a path."""
    return not column.is_numeric and len(column.values) > _MAX_TELLING and len(set(column.identities)) == len(
        column.values
    )  # fmt: skip


def _names(compared: Compared) -> Iterator[str]:
    telling = telling_columns(compared)
    for place, label in enumerate(compared.labels):
        rest = "".join(f" · {text}" for text in _texts_at(telling, place))
        yield label + (rest if len(rest) <= _MAX_NAME_CHARS else f"{rest[: _MAX_NAME_CHARS - 1]}…")


def _texts_at(columns: Iterable[Column], place: int) -> Iterator[str]:
    for column in columns:
        value = column.values[place]
        if value is not None:
            text = value_text(value)
            is_bare = number_or_none(value) is None and not isinstance(value, bool)
            yield text if is_bare else f"{column.name.rpartition('.')[2]} {text}"


def _row_name(row: Column) -> str:
    return f"{row.label} {_ARROWS[better_order(row.name)]}" if row.kind == "metric" else row.label


def _row_texts(row: Column) -> Iterator[str]:
    best = best_places(row)
    for place, value in enumerate(row.values):
        text = fact_text(row, value)
        yield f"{text} {BEST_MARK}" if place in best else text
