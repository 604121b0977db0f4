"""Where the store is and what it is called: argument, environment, `.env` found upwards, default.

Owns the one resolution that the logger, the command line and the backend share, so that all of them always mean the
same file. It reads the environment and `.env`, and writes nothing anywhere.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab_logger.errors import SettingsError

DEFAULT_PROJECT_NAME = "ai-lab"
DEFAULT_DB_PATH = "manifests/manifests.db"
DEFAULT_BUSY_TIMEOUT_S = 10.0
DEFAULT_FLUSH_TIMEOUT_S = 10.0

_ROOT_MARKS = (".env", ".git", DEFAULT_DB_PATH)
_PLACEHOLDER = re.compile(r"<.*>|your[_-].*here|x{3,}|changeme", re.IGNORECASE)
_DOTENV_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>'[^'\n]+'|[^=\#\s'][^=\#\s]*)[ \t]*=
        (?:[ \t]+(?P<comment>\#[^\n]*)
          |[ \t]*(?:'(?P<single>(?:\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)")(?=[ \t]*(?:\#[^\n]*)?$)
          |[ \t]*+(?P<bare>(?!['"])[^\n]*))""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_SINGLE_QUOTE_ESCAPE = re.compile(r"\\([\\'])")
_DOUBLE_QUOTE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process, resolved.

    Attributes:
        project_name: Name of the project, `PROJECT_NAME`.
        db_path: Absolute path of the store.
        db_path_reason: Why the store is there, in words.
        root: The project's folder; relative paths in settings start here.
        env_file: The `.env` in force, or None.
        busy_timeout_s: How long a write waits for another writer, in seconds.
        dataset_id: `DATASET_ID`, used when neither the call nor a parameter names the dataset.
        values: Every setting by name: `.env` overlaid with the environment, empty values and placeholders left out.
        dotenv: What `.env` holds, as it stands there.
        is_store_given: Whether the store was named by the caller, who then means that file and no server.
    """

    project_name: str
    db_path: Path
    db_path_reason: str
    root: Path
    env_file: Path | None
    busy_timeout_s: float
    dataset_id: str | None
    values: Mapping[str, str] = field(repr=False)
    dotenv: Mapping[str, str] = field(repr=False)
    is_store_given: bool = False

    @property
    def server_url(self) -> str | None:
        """The server that runs are recorded on, `LAB_SERVER_URL` without a closing slash; None for the store.

        Raises:
            SettingsError: It is no address of the web.
        """
        return None if self.is_store_given else _server_url(self.values.get("LAB_SERVER_URL"))

    @property
    def api_token(self) -> str | None:
        """The token that this server, and no other, is sent: `LAB_API_TOKEN`.

        Raises:
            SettingsError: It holds what a header cannot carry.
        """
        token = self.values.get("LAB_API_TOKEN")
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise SettingsError("LAB_API_TOKEN holds characters that a header cannot carry; copy the token anew")
        return token

    @property
    def flush_timeout_s(self) -> float:
        """How long the end of a process waits for what is on its way to the server, `LAB_FLUSH_TIMEOUT_S`.

        Raises:
            SettingsError: It is no number of seconds.
        """
        return _seconds(self.values, "LAB_FLUSH_TIMEOUT_S", DEFAULT_FLUSH_TIMEOUT_S)

    @property
    def outbox(self) -> Path | None:
        """The folder for what is not on the server yet, `LAB_OUTBOX`; None for the usual place."""
        given = self.values.get("LAB_OUTBOX")
        if given is None:
            return None
        is_from_file = self.env_file is not None and self.dotenv.get("LAB_OUTBOX") == given
        base = self.env_file.parent if self.env_file is not None and is_from_file else self.root
        return Path(os.path.normpath(os.path.join(base, os.path.expanduser(given))))


def resolve(
    store: str | os.PathLike[str] | None = None,
    *,
    near: str | os.PathLike[str] | None = None,
    code_folder: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Resolves the settings as they are now.

    The project's root is the nearest folder, from the current one upwards, that holds a `.env`, a `.git` or a
    `manifests/manifests.db`; failing that the same from `near`; failing that the current folder. `.env` is looked for
    in the same two directions. The environment wins over `.env`.

    Args:
        store: A path that overrides `DB_PATH`; relative to the current folder.
        near: Where to look after the current folder; the folder of the running script unless given.
        code_folder: Where to look instead of the script's folder when the script belongs to the Python installation, as
            in a worker process or under a test runner; the folder of the code that asks.
        environ: The environment; `os.environ` unless given.

    Raises:
        SettingsError: A setting cannot be read, such as a `LAB_BUSY_TIMEOUT_S` that is not a number.
    """
    environment = os.environ if environ is None else environ
    starts = _starts(near or _script_folder() or code_folder)
    env_file = _nearest(starts, (".env",))
    dotenv = read_dotenv(env_file / ".env") if env_file else {}
    values = _Layered(environment, dotenv)
    root = _nearest(starts, _ROOT_MARKS) or Path(starts[0])
    db_path, reason = _db_path(store, values, dotenv, root, env_file)
    return Settings(
        project_name=values.get("PROJECT_NAME", DEFAULT_PROJECT_NAME),
        db_path=db_path,
        db_path_reason=reason,
        root=root,
        env_file=env_file / ".env" if env_file else None,
        busy_timeout_s=_seconds(values, "LAB_BUSY_TIMEOUT_S", DEFAULT_BUSY_TIMEOUT_S),
        dataset_id=values.get("DATASET_ID"),
        values=values,
        dotenv=dotenv,
        is_store_given=store is not None,
    )


def is_placeholder(value: str) -> bool:
    """Tells whether a value only marks where one belongs, such as `<Insert_key_here>` or `YOUR_KEY_HERE`."""
    return _PLACEHOLDER.fullmatch(value) is not None


class _Layered(Mapping[str, str]):
    """The environment over `.env`, without empty values and placeholders; looked up only where it is asked."""

    def __init__(self, environment: Mapping[str, str], dotenv: Mapping[str, str]) -> None:
        self._environment = environment
        self._dotenv = dotenv

    def __getitem__(self, name: str) -> str:
        value = self._environment[name] if name in self._environment else self._dotenv[name]
        if not value or is_placeholder(value):
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in dict.fromkeys([*self._environment, *self._dotenv]) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_parsed: dict[str, tuple[tuple[int, int], dict[str, str]]] = {}


def read_dotenv(path: Path) -> dict[str, str]:
    """Reads a `.env` file: `NAME=value` lines, `export`, quotes, `#` comments. Variables are not expanded.

    Returns:
        The values by name; the last line wins. An unreadable file gives no values.
    """
    try:
        stat = os.stat(path)
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = _parsed.get(str(path))
        if known is not None and known[0] == stamp:
            return known[1]
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    values = parse_dotenv(text)
    _parsed[str(path)] = (stamp, values)
    return values


def parse_dotenv(text: str) -> dict[str, str]:
    """Reads the text of a `.env` file; see `read_dotenv`."""
    lines = _DOTENV_LINE.finditer(text.replace("\r\n", "\n"))
    return {match["name"].strip("'"): _dotenv_value(match) for match in lines}


def _dotenv_value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return _SINGLE_QUOTE_ESCAPE.sub(r"\1", match["single"])
    if match["double"] is not None:
        return _DOUBLE_QUOTE_ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), match["double"])
    return "" if match["bare"] is None else re.split(r"[ \t]+#", match["bare"], maxsplit=1)[0].rstrip()


def _starts(near: str | os.PathLike[str] | None) -> list[str]:
    """The current folder, then the folder to look from next; the first is missing if it was removed."""
    starts = []
    try:
        starts.append(os.getcwd())
    except FileNotFoundError:
        starts.append(os.path.expanduser("~"))
    if near is not None:
        starts.append(os.path.abspath(near))
    return starts


def _script_folder() -> str | None:
    """The folder of the running script, unless the script came with the interpreter or with a package."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if not script:
        return None
    folder = os.path.dirname(os.path.abspath(script))
    prefixes = {os.path.abspath(prefix) + os.sep for prefix in (sys.prefix, sys.base_prefix)}
    is_installed = "site-packages" in folder.split(os.sep) or any(folder.startswith(prefix) for prefix in prefixes)
    return None if is_installed else folder


def _nearest(starts: Iterable[str], marks: tuple[str, ...]) -> Path | None:
    for start in starts:
        folder = start
        while True:
            for mark in marks:
                if os.access(f"{folder}/{mark}", os.F_OK):
                    return Path(folder)
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
    return None


def _db_path(
    store: str | os.PathLike[str] | None,
    values: Mapping[str, str],
    dotenv: Mapping[str, str],
    root: Path,
    env_file: Path | None,
) -> tuple[Path, str]:
    if store is not None:
        return Path(os.path.abspath(os.path.expanduser(os.fspath(store)))), "the store argument"
    configured = values.get("DB_PATH")
    if configured is None:
        return root / DEFAULT_DB_PATH, f"the default, under {root}"
    is_from_file = env_file is not None and dotenv.get("DB_PATH") == configured  # also when the shell has exported it
    base = env_file if env_file is not None and is_from_file else root
    reason = f"DB_PATH in {base / '.env'}" if is_from_file else "DB_PATH in the environment"
    return Path(os.path.normpath(os.path.join(base, os.path.expanduser(configured)))), reason


def _server_url(text: str | None) -> str | None:
    if text is None:
        return None
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_usable = False
    if "@" in text:  # not shown: a password may stand there
        raise SettingsError("LAB_SERVER_URL holds a user name; give the address alone, and the token as LAB_API_TOKEN")
    if not is_usable or parts.query or parts.fragment or not (text.isascii() and text.isprintable()):
        raise SettingsError(f"LAB_SERVER_URL is {text!r}; give an address such as http://127.0.0.1:8000")
    return text.rstrip("/")


def _seconds(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour is the stated limit
        raise SettingsError(f"{name} is {text!r}; set it to a number of seconds from 0 to 3600")
    return seconds
