"""What a migration did."""

from pathlib import Path

from pydantic import BaseModel


class MigrateResult(BaseModel):
    """What bringing a registry up to date changed.

    Attributes:
        from_version: The version of the schema it had.
        to_version: The version it has now.
        changes: What was done, in order, a sentence each; empty when there was nothing to do.
        backup: The copy of the file as it was, made when anything had to be dropped; None otherwise.
    """

    from_version: int
    to_version: int
    changes: list[str]
    backup: Path | None = None
