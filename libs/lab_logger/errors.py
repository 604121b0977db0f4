"""Every error the logger raises to its caller.

Owns the tree below and nothing else. An error here is about how the logger was called or about a store that a person
asked for; what goes wrong while a run is being recorded is a warning instead, because training must go on.

    LabLoggerError
    ├── NoActiveRunError            a logging function was called outside a run
    ├── MetricValueError            a metric is not one number (also a ValueError)
    ├── ParameterError              an argument has an impossible value (also a ValueError)
    ├── SettingsError               a setting has an impossible value (also a ValueError)
    ├── StoreError
    │   ├── StoreUnavailableError   the store cannot be read or written now
    │   ├── SchemaTooNewError       a newer version wrote the store
    │   └── NotAStoreError          the file is something else
    ├── SpoolError                  a spool file cannot be read or brought in
    │   └── RejectedBatchError      the store never accepts this record of a spool
    ├── OutboxError                 what waits for the server cannot be kept, read or sent
    └── ServerError                 the server cannot be reached, or what answers is none
"""


class LabLoggerError(Exception):
    """The root: whatever the logger raises on purpose."""


class NoActiveRunError(LabLoggerError):
    """A logging function was called where no run is active."""


class MetricValueError(LabLoggerError, ValueError):
    """A metric's value is not one number."""


class ParameterError(LabLoggerError, ValueError):
    """An argument has a value that cannot be meant."""


class SettingsError(LabLoggerError, ValueError):
    """A setting in the environment or in `.env` has a value that cannot be meant."""


class StoreError(LabLoggerError):
    """Something about the store itself."""


class StoreUnavailableError(StoreError):
    """The store cannot be read or written now: locked, read-only, full or damaged."""


class SchemaTooNewError(StoreError):
    """The store was written by a newer version than this one."""


class NotAStoreError(StoreError):
    """The file is not a store: not SQLite, or a database with other tables."""


class SpoolError(LabLoggerError):
    """A spool file cannot be read or brought in."""


class RejectedBatchError(SpoolError):
    """What a spool holds is nothing that the store accepts, now or ever."""


class OutboxError(LabLoggerError):
    """What waits for the server cannot be kept, read or sent."""


class ServerError(LabLoggerError):
    """The server cannot be reached, does not answer to the end, or something else answers in its place.

    Args:
        message: What is wrong.
        retry_after_s: When the server asked to be asked again, in seconds from now; None where it said nothing.
        needs_a_person: Whether asking again helps only once somebody has changed something.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, needs_a_person: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.needs_a_person = needs_a_person
