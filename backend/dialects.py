"""What SQLite and PostgreSQL say in different words: each question once, with its wording for either database.

Owns these wordings, so that nothing else in the query layer knows which database is asked. The functions `lab_...` of
PostgreSQL are in `lab_logger/schema`.
"""

from collections.abc import Sequence
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Connection, Float, FromClause, Select, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType

_LIKE_ESCAPE = "\\"


def text_matches(words: Sequence[str]) -> ColumnElement[bool]:
    """The condition on `run_text` that all words occur, the last one as a beginning.

    Args:
        words: At least one; any text is safe. Where something within a word is neither letter nor digit, its parts have
            to stand one after the other.
    """
    return _TextMatches(*_search_texts(words))


def relevance(words: Sequence[str]) -> ColumnElement[float]:
    """How well a row of `run_text` that matches some words does so; the best has the lowest number."""
    return _Relevance(*_search_texts(words))


def holds(column: ColumnElement[str | None], text: str) -> ColumnElement[bool]:
    """The condition that a text occurs in a column; ASCII letters of either case are equal."""
    escaped = text
    for character in (_LIKE_ESCAPE, "%", "_"):
        escaped = escaped.replace(character, _LIKE_ESCAPE + character)
    return _Like(column, literal(f"%{escaped}%"), literal(_LIKE_ESCAPE))


def json_array(column: ColumnElement[str]) -> ColumnElement[str]:
    """The aggregate of texts as one JSON array, in text order; empty for no rows."""
    return _JsonArray(column)


def indexed_name(name: str) -> ColumnElement[str]:
    """A name, or a dataset, as the derived tables hold it: long ones are shortened where an index needs that."""
    return _IndexedName(literal(name))


def indexed_value(value: str) -> ColumnElement[str]:
    """The text of a parameter's value as the derived tables hold it."""
    return _IndexedValue(literal(value))


def few_rows(connection: Connection, rows: Select[Any], *, n_rows: int) -> FromClause:
    """Gives a query to join with whose rows are few, as has been counted.

    PostgreSQL guesses how many rows a condition leaves, and where it guesses too many it walks every run in order; told
    the number, it starts from these rows.
    """
    if connection.dialect.name != "postgresql":
        return rows.subquery("few")
    known = literal(n_rows, literal_execute=True)
    return rows.limit(known).cte("few").prefix_with("MATERIALIZED", dialect="postgresql")


class _Condition(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Keeps SQLAlchemy from writing `= 1` behind it for SQLite, where a comparison needs none."""
        return self


class _TextMatches(_Condition):
    inherit_cache = True


class _Relevance(FunctionElement[float]):
    type = Float()
    inherit_cache = True


class _Like(_Condition):
    inherit_cache = True


class _JsonArray(FunctionElement[str]):
    type = Text()
    inherit_cache = True


class _IndexedName(FunctionElement[str]):
    type = Text()
    inherit_cache = True


class _IndexedValue(FunctionElement[str]):
    type = Text()
    inherit_cache = True


def _search_texts(words: Sequence[str]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """Gives words as FTS5 takes them, each quoted, and as `lab_text_query` does."""
    quoted = ('"' + word.replace('"', '""') + '"' for word in words)
    return literal(" ".join(quoted) + "*"), literal(" ".join(words))


_WORDINGS: dict[type[FunctionElement[Any]], tuple[str, str]] = {
    _TextMatches: ("run_text.run_text MATCH {0}", "run_text.document @@ lab_text_query({1})"),
    # Both rank a word that many runs hold, or a long text, lower. PostgreSQL counts the best highest.
    _Relevance: ("run_text.rank", "-ts_rank(run_text.document, lab_text_query({1}), 1)"),
    _Like: ("{0} LIKE {1} ESCAPE {2}", "{0} ILIKE {1} ESCAPE {2}"),
    _JsonArray: ("json_group_array(CAST({0} AS TEXT))", "coalesce(json_agg({0} ORDER BY {0}), '[]')::text"),
    _IndexedName: ("{0}", "lab_indexed_name({0})"),
    _IndexedValue: ("{0}", "lab_indexed_value({0})"),
}
"""How SQLite and PostgreSQL word each question; the numbers are its parts."""


def _word(kind: type[FunctionElement[Any]], dialect: str, wording: str) -> None:
    @compiles(kind, dialect)
    def compile_it(element: FunctionElement[Any], compiler: SQLCompiler, **given: Any) -> str:
        # Only the parts that a wording names are compiled: a parameter that is not used must not be sent.
        parts = {
            str(number): compiler.process(part, **given)
            for number, part in enumerate(element.clauses)
            if f"{{{number}}}" in wording
        }
        text = wording
        for number, part in parts.items():
            text = text.replace(f"{{{number}}}", part)
        return text


for _kind, (_sqlite, _postgresql) in _WORDINGS.items():
    _word(_kind, "sqlite", _sqlite)
    _word(_kind, "postgresql", _postgresql)
