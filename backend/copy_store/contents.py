"""Which tables a copy takes along, and what a table and a row are here.

Owns the lists: a table of the schema is copied, derived from those that are, or the database's own. It must not know
any database.
"""

from dataclasses import dataclass
from typing import Literal

RUNS = (
    "run_state",
    "manifests",
    "run_tags",
    "artifacts",
    "artifact_files",
    "objects",
    "metric_series",
    "metric_points",
    "applied_spools",
    "tokens",
    "note_changes",
)
"""The tables of the tracker that are copied, in the order in which they are."""

DERIVED = ("run_index", "run_metrics", "run_params", "run_text")
"""Tables that are made anew from `manifests`, `run_state` and `run_tags` once those are there."""

OWN = ("schema_versions",)
"""Tables that say something about the database itself."""

REGISTRY = ("run", "model", "checkpoint", "metrics", "detailed_scores", "registry_schema")
"""The tables of the model registry, each after those that it refers to."""

UNDER_WAY = "copy_under_way"
"""The table of the target that says how far a copy is, as long as it is not finished."""

Value = str | int | float | bytes | None
Row = tuple[Value, ...]
Key = tuple[Value, ...]


class Undecodable(bytes):
    """A text of SQLite that is no UTF-8, as its bytes; plain `bytes` are a blob."""

    def __repr__(self) -> str:
        return f"text {super().__repr__()}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the target.

    Attributes:
        name: Its name.
        kind: What it holds.
        bits: The size of a whole number.
        is_nullable: Whether it may be null.
        is_indexed: Whether an index holds its values as they are.
    """

    name: str
    kind: Literal["text", "integer", "float"]
    bits: int = 64
    is_nullable: bool = True
    is_indexed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the target that is copied into.

    Attributes:
        name: Its name, the same in every database.
        columns: Its columns in order.
        key: The columns of its primary key, in the key's order.
        serial: The column whose numbers the database assigns, if there is one.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    serial: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def batch_rows(self) -> int:
        """How many rows go into one transaction: few where a row may be long."""
        if all(column.kind != "text" for column in self.columns):
            return 50_000
        return 500 if self.name in ("manifests", "detailed_scores") else 5_000

    def key_of(self, row: Row) -> Key:
        """Gives the primary key of a row."""
        names = self.names
        return tuple(row[names.index(name)] for name in self.key)
