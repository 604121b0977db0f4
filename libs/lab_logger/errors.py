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
    └── SpoolError                  a spool file cannot be read or brought in
        └── RejectedBatchError      the store never accepts this record of a spool
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
