"""The order of a copy's steps: check, mark, copy in batches, verify, derive and open.

Owns going on after an interruption, and the verdict. It must not know any database.

Every batch is committed together with a note in the target of how far its table is. Where a copy goes on, what is there
already is compared with the source first, and a table in which they differ is copied anew: the source may have changed.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from backend.copy_store.contents import DERIVED, REGISTRY, RUNS, Key, Row, Table, Undecodable, Value
from backend.copy_store.places import CopyError, Source, Target
from backend.copy_store.values import Judge, Problem, Sum

_SOURCE = "source"
_LONG_BYTES = 2_000
"""An index of PostgreSQL takes 2,704 bytes; this leaves room for the numbers beside the texts."""
_MOST_BYTES_A_CHARACTER = 4
_T = TypeVar("_T")

Watch = Callable[[str, str, int], None]
"""Is told of each batch: the step ("check", "compare", "copy", "verify" or "derive"), the table, and how many rows."""


class UnstorableError(CopyError):
    """The source holds values that the target cannot.

    Args:
        problems: Those values.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"the target cannot hold {len(problems):,} values as they are, nothing was copied; correct them in the "
            "source, or let them be replaced as said with --replace-unstorable"
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verification found for a table.

    Attributes:
        table: Its name.
        source: The rows of the source, those replaced or left out counted as such.
        target: The rows of the target.
    """

    table: str
    source: Sum
    target: Sum

    @property
    def is_same(self) -> bool:
        """Whether both hold the same rows."""
        return self.source == self.target


@dataclass(slots=True)
class Outcome:
    """What came of a copy.

    Attributes:
        verdicts: What the verification found, a table each.
        problems: The values that were replaced.
        anew: The tables that were copied again, because they differed where an earlier copy had stopped.
        was_written: Whether the source was written to meanwhile; the copy holds it as it was when it was opened.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)
    was_written: bool = False

    @property
    def is_same(self) -> bool:
        """Whether source and target hold the same rows in every table."""
        return all(verdict.is_same for verdict in self.verdicts)


@dataclass(slots=True)
class _Part:
    """A table on its way."""

    table: Table
    judge: Judge
    state: str | None
    whole: Sum = field(default_factory=Sum)
    so_far: Sum = field(default_factory=Sum)

    @property
    def reached(self) -> Key | None:
        key = None if self.state is None else json.loads(self.state)["key"]
        return None if key is None else tuple(map(_decoded, key))

    @property
    def is_done(self) -> bool:
        return self.state is not None and bool(json.loads(self.state)["is_done"])


def tables_of(source: Source) -> tuple[str, ...]:
    """Gives the names of the tables that are copied: those of the runs and those of the registry, where it has any."""
    return tuple(name for group in (RUNS, REGISTRY) for name in group if source.columns(group[1]))


class Copying:
    """One copy from a source to a target.

    Args:
        source: Where from.
        target: Where to; an empty store, or one with an unfinished copy of the same source.
        replaces: Whether values that the target cannot hold are replaced, or nothing is copied.
        watch: Is told of each batch, in a copy once it is committed.
    """

    def __init__(self, source: Source, target: Target, *, replaces: bool = False, watch: Watch | None = None) -> None:
        self._source = source
        self._target = target
        self._replaces = replaces
        self._watch = watch or (lambda step, table, rows: None)
        self._names = tables_of(source)

    def run(self) -> Outcome:
        """Copies everything that is not there yet, and verifies it.

        Returns:
            What came of it. Where the verification found a difference, the target stays marked as unfinished.

        Raises:
            UnstorableError: The target cannot hold some values; nothing was copied.
            CopyError: The target holds something else, or the source lacks a column.
        """
        notes = self._notes()
        outcome = Outcome()
        parts = [self._part(table, (notes or {}).get(table.name)) for table in self._target.describe(self._names)]
        for part in parts:
            self._check(part)
            outcome.problems += part.judge.problems
        if outcome.problems and not self._replaces:
            raise UnstorableError(outcome.problems)
        if notes is None:
            self._target.begin({_SOURCE: self._source.place})
        outcome.anew = self._clear_stale(parts)
        for part in parts:
            self._copy(part)
        outcome.verdicts = [Verdict(part.table.name, part.whole, self._sum(part.table)) for part in parts]
        outcome.was_written = self._source.was_written()
        if outcome.is_same:
            self._watch("derive", DERIVED[0], 0)
            self._target.finish()
            self._watch("derive", DERIVED[-1], sum(part.whole.rows for part in parts))
        return outcome

    def _notes(self) -> dict[str, str] | None:
        """Gives the notes of the copy to go on with, None for a new one."""
        notes = self._target.progress()
        if notes is None:
            filled = [name for name in self._names if not self._target.is_empty(name)]
            if filled:
                raise CopyError(
                    f"{self._target.place} is in use already, it holds rows in {', '.join(filled)}; "
                    "name an empty database or a file that is not there yet"
                )
        elif notes[_SOURCE] != self._source.place:
            raise CopyError(
                f"{self._target.place} holds an unfinished copy of {notes[_SOURCE]}; go on with that one, "
                "or remove it and begin with an empty target"
            )
        return notes

    def _part(self, table: Table, state: str | None) -> _Part:
        part = _Part(table, Judge(table, self._target.kind), state)
        found = self._source.columns(table.name)
        missing = [name for name in table.names if name not in found]
        if missing:
            raise CopyError(
                f"the table {table.name} of {self._source.place} lacks {', '.join(missing)}: an earlier version made "
                f"it; bring it up to date, a model registry with: lightml migrate --db {self._source.place}"
            )
        for name in found:
            if name not in table.names:
                remedy = "the column is left out"
                part.judge.problems.append(
                    Problem(table.name, "all rows", name, "is a column of the source's own", remedy)
                )
        orphans = self._source.orphans(table.name) if self._target.kind == "postgresql" else []
        if orphans:
            raise CopyError(f"rows of {table.name} refer to rows that are gone; delete them: {', '.join(orphans[:20])}")
        return part

    def _check(self, part: _Part) -> None:
        """Reads a table of the source, up to where the target is and then the rest, for its problems and its sum."""
        reached = part.reached
        if reached is not None and not part.is_done:
            for rows in self._fitted(part, self._source.batches(part.table, up_to=reached)):
                part.so_far.add(rows)
            part.whole = Sum(part.so_far.rows, part.so_far.total)
        for rows in self._fitted(part, self._source.batches(part.table, after=None if part.is_done else reached)):
            part.whole.add(rows)
        if part.is_done:
            part.so_far = part.whole

    def _clear_stale(self, parts: Sequence[_Part]) -> list[str]:
        """Empties the tables that are not what the source has up to where they are, and gives their names.

        A table of the registry takes along those that may refer to it.
        """
        stale: list[_Part] = []
        for part in parts:
            follows = part.table.name in REGISTRY and any(former.table.name in REGISTRY for former in stale)
            if part.state is not None and (follows or self._sum(part.table, step="compare") != part.so_far):
                stale.append(part)
        for part in reversed(stale):
            with self._target.writing():
                self._target.clear(part.table)
                part.state = self._note(part, key=None, is_done=False)
        return [part.table.name for part in stale]

    def _copy(self, part: _Part) -> None:
        quiet = _Part(part.table, Judge(part.table, self._target.kind), None)
        batches = [] if part.is_done else self._source.batches(part.table, after=part.reached)
        for raw, is_last in _with_last(batches):
            rows = self._fit(quiet, raw)
            with self._target.writing():
                part.state = self._note(part, key=part.table.key_of(raw[-1]), is_done=is_last)
                self._target.insert(part.table, rows)
            self._watch("copy", part.table.name, len(raw))
        if part.table.serial is not None:
            with self._target.writing():
                self._target.continue_after(part.table, self._source.last_number(part.table))

    def _note(self, part: _Part, *, key: Key | None, is_done: bool) -> str:
        state = json.dumps({"key": None if key is None else list(map(_encoded, key)), "is_done": is_done})
        self._target.note(part.table.name, state, former=part.state)
        return state

    def _fitted(self, part: _Part, batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        for rows in batches:
            yield self._fit(part, rows)
            self._watch("check", part.table.name, len(rows))

    def _fit(self, part: _Part, rows: list[Row]) -> list[Row]:
        fitted = list(part.judge.fit(rows))
        indexed = [n for n, column in enumerate(part.table.columns) if column.kind == "text" and column.is_indexed]
        for place, row in enumerate(fitted if indexed else ()):
            if _is_long("".join(str(row[n]) for n in indexed)):
                fitted[place] = part.judge.shorten(row, lambda tried: self._target.refuses(part.table, tried))
        return fitted

    def _sum(self, table: Table, *, step: str = "verify") -> Sum:
        found = Sum()
        for rows in self._target.rows(table):
            found.add(rows)
            self._watch(step, table.name, len(rows))
        return found


def _with_last(values: Iterable[_T]) -> Iterator[tuple[_T, bool]]:
    """Gives each value, and whether it is the last."""
    former: list[_T] = []
    for value in values:
        if former:
            yield former.pop(), False
        former.append(value)
    for value in former:
        yield value, True


def _is_long(text: str) -> bool:
    return len(text) * _MOST_BYTES_A_CHARACTER > _LONG_BYTES and len(text.encode()) > _LONG_BYTES


def _encoded(value: Value) -> object:
    if isinstance(value, bytes):
        return {"text" if isinstance(value, Undecodable) else "blob": value.hex()}
    return value


def _decoded(value: object) -> Value:
    if isinstance(value, dict):
        ((kind, digits),) = value.items()
        content = bytes.fromhex(digits)
        return Undecodable(content) if kind == "text" else content
    return value  # type: ignore[return-value]  # as `_encoded` left it
