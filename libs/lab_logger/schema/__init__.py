"""The versioned schema of the store: which SQL brings a database from one version to the next.

Owns the SQL files beside it and their order. It must not execute anything: `storage` does, inside its own transaction.
"""

import os

VERSION = 1
"""The schema version this package writes."""

_WORDS = {"sqlite": {"${serial}": "INTEGER PRIMARY KEY AUTOINCREMENT", "${clustered}": "WITHOUT ROWID"}}


def migration(version: int, *, dialect: str = "sqlite") -> str:
    """Gives the SQL script that takes a database from schema `version - 1` to `version`.

    Args:
        version: From 1 to `VERSION`.
        dialect: The SQL dialect; only "sqlite" is known.

    Returns:
        Statements separated by semicolons, without a transaction around them. Version 1 also adopts a database that
        holds only the `manifests` table, and fills the derived tables from its rows.
    """
    tables = _read(f"{version:04d}_tables.sql")
    for word, meaning in _WORDS[dialect].items():
        tables = tables.replace(word, meaning)
    return tables + _read(f"{version:04d}_derived.{dialect}.sql")


def _read(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()
