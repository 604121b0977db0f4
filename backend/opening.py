"""Which database the settings name, opened: for the service and for the commands.

Owns that choice. Either database's own module is loaded only where it is chosen.
"""

from backend.config import Settings
from backend.store import Store


def open_store(settings: Settings) -> Store:
    """Gives the store that the settings name: PostgreSQL at DATABASE_URL, else the SQLite file at DB_PATH."""
    if settings.database_url is not None:
        from backend.postgres_store import PostgresStore

        return PostgresStore(settings.database_url.get_secret_value(), busy_timeout_s=settings.busy_timeout_s)
    from backend.sqlite_store import SqliteStore

    return SqliteStore(settings.db_path, busy_timeout_s=settings.busy_timeout_s)
