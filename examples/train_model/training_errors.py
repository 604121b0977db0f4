"""The errors of the training example.

Owns the tree, and nothing else:

    TrainingError
    ├── OptionError (also ValueError)    an option no training can start with
    ├── DivergedError                    the weights overflowed
    └── BackendError                     the parallel backend asked for cannot be used
"""


class TrainingError(Exception):
    """Root of every error the example raises on purpose."""


class OptionError(TrainingError, ValueError):
    """An option has a value no training can start with: an unknown name, a number out of range."""


class DivergedError(TrainingError):
    """The weights grew until they overflowed; a smaller learning rate prevents it."""


class BackendError(TrainingError):
    """The parallel backend cannot be used: not installed, nothing answers at its address, or a worker died."""


def require_known(value: str, *, kind: str, known: tuple[str, ...]) -> None:
    """Raises an `OptionError` that lists the known names, unless `value` is one of them.

    Args:
        kind: What the name stands for, such as "model".
    """
    if value not in known:
        raise OptionError(f"unknown {kind} {value!r}; known: {', '.join(known)}")
