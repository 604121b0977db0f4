"""What the target can hold, what is put in place of the rest when that is asked for, and checksums of rows.

Owns the judgement of single values. It must not read or write a database.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from backend.copy_store.contents import Column, Row, Table, Undecodable, Value

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SHORTENED_CHARS = 200
_SUM_BYTES = 16
_MOST_BITS = 64
_TYPES = {"text": str, "integer": int, "float": float}


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that the target cannot hold.

    Attributes:
        table: Its table.
        key: The primary key of its row, as Python writes it.
        column: Its column.
        words: What is wrong.
        remedy: What is done about it when replacing is asked for.
    """

    table: str
    key: str
    column: str
    words: str
    remedy: str


@dataclass(slots=True)
class Sum:
    """The count and checksum of rows, whatever their order and the database's spelling of them.

    The checksum is the sum of the BLAKE2b digests of the rows, modulo 2**128: swapped rows leave it as it is, a row
    that is missing, doubled or changed does not.
    """

    rows: int = 0
    total: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Takes rows in. A zero is a zero whatever its sign, which SQLite does not keep."""
        count, total = 0, 0
        for row in rows:
            text = repr(row)
            if "-0.0" in text:
                text = repr(tuple(0.0 if value == 0 and type(value) is float else value for value in row))
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_SUM_BYTES).digest()
            total += int.from_bytes(digest, "little")
            count += 1
        self.rows += count
        self.total = (self.total + total) % (1 << 8 * _SUM_BYTES)

    def __str__(self) -> str:
        return f"{self.total:032x}"


@dataclass(slots=True)
class Judge:
    """Says which rows of one table the target can hold, and makes of the others what it can.

    Args:
        table: The table.
        target: The kind of the target.
    """

    table: Table
    target: Literal["sqlite", "postgresql"]
    problems: list[Problem] = field(default_factory=list)
    _good_types: set[tuple[type, ...]] = field(default_factory=set)

    def fit(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Gives the rows as the target can hold them, noting in `problems` each value that it cannot.

        A row that cannot be made to fit is left out.
        """
        columns = self.table.columns
        watched = [place for place, column in enumerate(columns) if self._depends_on_value(column)]
        for row in rows:
            # Types are compared first, all at once: a million points pass here.
            if tuple(map(type, row)) in self._good_types and not any(
                self._objection(row[place], columns[place]) for place in watched
            ):
                yield row
                continue
            fitted = self._fitted(row)
            if fitted is None:
                continue
            if fitted == row:
                self._good_types.add(tuple(map(type, row)))
            yield fitted

    def shorten(self, row: Row, refuses: Callable[[Row], str | None]) -> Row:
        """Gives a row with as few of its indexed texts shortened as an index asks for, each still unlike every other.

        The same long text becomes the same short one everywhere, and the id of a run is shortened last, so that rows
        keep referring to each other.

        Args:
            row: The row.
            refuses: Says why no index takes a row, None where all do.
        """
        columns = self.table.columns
        indexed = [n for n, column in enumerate(columns) if column.kind == "text" and column.is_indexed]
        for place in sorted(indexed, key=lambda n: (columns[n].name.endswith("run_id"), -len(str(row[n])))):
            words = refuses(row)
            value = row[place]
            if words is None:
                break
            if isinstance(value, str) and len(value) > _SHORTENED_CHARS:
                mark = hashlib.sha256(value.encode()).hexdigest()
                self._note(row, columns[place], words, "shortened, its SHA-256 put behind it")
                short = f"{value[:_SHORTENED_CHARS]}… (shortened, sha256 {mark})"
                row = (*row[:place], short, *row[place + 1 :])
        return row

    def _depends_on_value(self, column: Column) -> bool:
        """Tells whether a value of the right type may still not be held."""
        if self.target == "sqlite":
            return column.kind == "float"
        return column.kind == "text" or (column.kind == "integer" and column.bits < _MOST_BITS)

    def _fitted(self, row: Row) -> Row | None:
        values: list[Value] = []
        for value, column in zip(row, self.table.columns, strict=True):
            words = self._objection(value, column)
            if words is None:
                values.append(value)
            elif column.kind == "text" and value is not None:
                self._note(row, column, words, "what cannot be held becomes U+FFFD")
                values.append(_as_text(value))
            elif column.is_nullable:
                self._note(row, column, words, "becomes null")
                values.append(None)
            else:
                self._note(row, column, words, "the row is left out")
                return None
        return tuple(values)

    def _objection(self, value: Value, column: Column) -> str | None:
        if value is None:
            return None if column.is_nullable else "is null, which the target does not take here"
        if self.target == "sqlite":
            return _objection_of_sqlite(value, column)
        if type(value) is not _TYPES[column.kind]:
            return f"is {_name(value)}, where the target holds {column.kind}"
        if isinstance(value, str) and "\0" in value:
            return "holds the character NUL, which no text of PostgreSQL may"
        if isinstance(value, int) and value.bit_length() >= column.bits and value != -(1 << column.bits - 1):
            return f"is {value}, where the target holds whole numbers of {column.bits} bits"
        return None

    def _note(self, row: Row, column: Column, words: str, remedy: str) -> None:
        key = ", ".join(_shown(part) for part in self.table.key_of(row))
        self.problems.append(Problem(self.table.name, key, column.name, words, remedy))


def _objection_of_sqlite(value: Value, column: Column) -> str | None:
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return "is NaN, which SQLite cannot hold"
    if column.kind == "text" and isinstance(value, int | float):
        return f"is {_name(value)}, which becomes text in the target"
    return None


def _as_text(value: Value) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.replace("\0", _REPLACEMENT)


def _name(value: Value) -> str:
    if isinstance(value, Undecodable):
        return "text that is no UTF-8"
    names = {bytes: "a blob", str: "text", int: "a whole number", float: "a number with a fraction or beyond 64 bits"}
    return f"{names[type(value)]} ({_shown(value)})"


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 - a line of a terminal
