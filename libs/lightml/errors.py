"""Every error the registry raises to its caller.

Owns the tree below and nothing else. The leaves that name something missing or wrong are `ValueError`s too, which is
what code written against earlier versions catches.

    LightMLError
    ├── RegistryError                   about the file or the database
    │   ├── RegistryMissingError        there is no such file, or it holds no registry (also a FileNotFoundError)
    │   ├── NotARegistryError           the file is no SQLite database
    │   ├── RegistryOutdatedError       an earlier version made it; `lightml migrate` brings it up to date
    │   ├── RegistryExistsError         a registry is there already (also a FileExistsError)
    │   └── RegistryUnavailableError    locked, read-only, full or out of reach
    ├── UnknownNameError                no such run, model, checkpoint, metric or family (also a ValueError)
    ├── AmbiguousNameError              more than one fits; says which, and how to choose (also a ValueError)
    ├── DashboardError                  the dashboard cannot start, or ended by itself
    └── InvalidEntryError               a value that cannot be meant (also a ValueError)
        ├── LineageError                a model would descend from itself
        └── ScoresError                 per-sample scores that are unusable, or do not fit their metric's value
"""


class LightMLError(Exception):
    """The root: whatever the registry raises on purpose."""


class RegistryError(LightMLError):
    """Something about the file or the database itself."""


class RegistryMissingError(RegistryError, FileNotFoundError):
    """There is no such file, or it holds no registry."""


class NotARegistryError(RegistryError):
    """The file is no SQLite database, or a damaged one."""


class RegistryOutdatedError(RegistryError):
    """An earlier version made the registry."""


class RegistryExistsError(RegistryError, FileExistsError):
    """A registry is there already, and nobody said to overwrite it."""


class RegistryUnavailableError(RegistryError):
    """The registry cannot be read or written now: locked, read-only, full, or on a server that cannot be used."""


class UnknownNameError(LightMLError, ValueError):
    """Nothing in the registry has this name."""


class AmbiguousNameError(LightMLError, ValueError):
    """More than one thing in the registry fits."""


class DashboardError(LightMLError):
    """The dashboard cannot start, or one of its processes ended by itself."""


class InvalidEntryError(LightMLError, ValueError):
    """A value that cannot be meant, such as an empty name or a metric that is no number."""


class LineageError(InvalidEntryError):
    """A model would descend from itself."""


class ScoresError(InvalidEntryError):
    """Per-sample scores that are unusable, or do not fit the value of their metric."""
