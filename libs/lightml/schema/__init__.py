"""The versioned schema of a registry: which SQL brings a file from one version to the next.

Owns the SQL files beside it, their order and the table names. It must not execute anything: `database` does.
"""

from importlib import resources

VERSION = 3
"""The version this package writes: 1 had no `detailed_scores`, 2 (1.1.0) no constraints against doubles."""

TABLES = ("run", "model", "checkpoint", "metrics", "detailed_scores", "registry_schema")

_WORDS = {"sqlite": {"${serial}": "INTEGER PRIMARY KEY AUTOINCREMENT", "${now}": "(datetime('now'))"}}


def tables(dialect: str = "sqlite") -> str:
    """Gives the SQL script that makes every table and index of a new registry, without a transaction around it."""
    script = resources.files("lightml.schema").joinpath("tables.sql").read_text(encoding="utf-8")
    for word, meaning in _WORDS[dialect].items():
        script = script.replace(word, meaning)
    return script
