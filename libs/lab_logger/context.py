"""Which run is the current one: context-local, so threads, tasks and nested runs do not mix.

Owns the context variables. Light on purpose: `import lab_logger` loads this and leaves the rest to the first run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

from lab_logger.errors import NoActiveRunError

if TYPE_CHECKING:
    from lab_logger.run import Run

Tokens = tuple[Token["Run | None"], Token[str | None]]
"""What takes `enter` back."""

_current: ContextVar["Run | None"] = ContextVar("lab_logger_current_run", default=None)
_parent: ContextVar[str | None] = ContextVar("lab_logger_parent_run_id", default=None)
_command: ContextVar[str | None] = ContextVar("lab_logger_command", default=None)


def current_run() -> "Run | None":
    """Gives the run of the calling context, or None outside a run. Another thread's run is not seen."""
    return _current.get()


def active_run() -> "Run":
    """Gives the run of the calling context.

    Raises:
        NoActiveRunError: There is none.
    """
    run = _current.get()
    if run is None:
        raise NoActiveRunError(
            "no run is active here; call this inside a function decorated with @log_run or in `with start_run()`, "
            "and in a thread of a run use the Run object itself (`run = current_run()` before the thread starts)"
        )
    return run


def parent_run_id() -> str | None:
    """Gives the id that a run started in this context has as its parent."""
    return _parent.get()


def enter(run: "Run") -> Tokens:
    """Makes a run the current one of the context, and the parent of those started in it."""
    return _current.set(run), _parent.set(run.run_id)


def leave(tokens: Tokens) -> None:
    """Takes an `enter` back."""
    try:
        _current.reset(tokens[0])
        _parent.reset(tokens[1])
    except ValueError:  # entered in another context, as an async generator may be: there is nothing to take back here
        return


def command() -> str | None:
    """Gives the command that the runs of this context were started by, when it is another process's."""
    return _command.get()


@contextmanager
def child_of(run_id: str | None, *, command: str | None = None) -> Iterator[None]:
    """Makes the runs started in a with block children of a run, also one of another process, such as a sweep.

    Args:
        run_id: The parent; None leaves the runs without one.
        command: The command as typed, for a worker process whose own command line nobody typed; `Run.command` of the
            parent.
    """
    parent_token, command_token = _parent.set(run_id), _command.set(command)
    try:
        yield
    finally:
        _parent.reset(parent_token)
        _command.reset(command_token)
