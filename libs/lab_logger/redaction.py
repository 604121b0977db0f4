"""What never reaches the store: passwords, keys and tokens.

Owns which names sound secret, which values are secret, and the replacing of both in parameters, texts and command
lines. It reads no environment and no file by itself: the caller hands both in. Redaction lowers the risk of an
accident; it is no promise that a secret hidden under an innocent name is found.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise

from lab_logger.jsonable import JsonValue

REDACTED = "[redacted]"
"""What stands in place of a secret."""

_MIN_SECRET_CHARS = 6
_MIN_SECRET_LINE_CHARS = 16
_MIN_KEY_CHARS = 13  # the shortest text that one of _KEY_SHAPES matches

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_SECRET_WORDS = frozenset(
    {"password", "passwords", "passwd", "passphrase", "secret", "secrets", "credential", "credentials"}
)
_SECRET_PAIRS = frozenset(
    {
        ("access", "key"), ("access", "token"), ("account", "key"), ("api", "key"), ("api", "token"), ("auth", "token"),
        ("bearer", "token"), ("db", "pass"), ("db", "pwd"),
        ("encryption", "key"), ("private", "key"), ("refresh", "token"), ("secret", "key"),
        ("session", "token"), ("signing", "key"),
    }
)  # fmt: skip
_SECRET_COMPOUNDS = frozenset(first + second for first, second in _SECRET_PAIRS)
_TOKEN_WORDS = frozenset({"token", "pat"})
_MODEL_TOKENS = frozenset(
    {
        "audio", "begin", "blank", "bos", "class", "cls", "end", "eos", "first", "image", "last", "mask", "max", "min",
        "n", "next", "num", "pad", "padding", "per", "prev", "sep", "sos", "special", "start", "stop", "unk", "video",
    }
)  # fmt: skip

_OWN_PUBLIC_SETTINGS = frozenset(
    {
        "ALLOWED_HOSTS", "ARTIFACT_ROOTS", "CORS_ORIGINS", "DATASET_ID", "DB_PATH", "LAB_BUSY_TIMEOUT_S",
        "LAB_FLUSH_TIMEOUT_S", "LAB_OUTBOX", "LAB_SERVER_URL", "PROJECT_NAME", "WANDB_ENTITY", "WANDB_MODE",
        "WANDB_PROJECT",
    }
)  # fmt: skip
_PLACEHOLDER = re.compile(
    r"<[^>]*>.*|.*your[_ -].*here.*|your[_ -].*(key|token|secret|password)"
    r"|(insert|put|enter|replace|add)[_ -].*(here|me)|change[_ -]?me|x{3,}|\*{3,}|\.{3,}|…|\[redacted\]",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER_OR_WORD = re.compile(r"[-+]?[\d_]*\.?\d+(e[-+]?\d+)?|true|false|yes|no|on|off|none|null", re.IGNORECASE)
_PLAIN_WORDS = re.compile(r"[A-Za-z]{1,12}(?:[_.-][A-Za-z]{1,12}){0,3}")
_ROOTED_PATH = re.compile(r"(~|\.{1,2})?[/\\].*|~|[A-Za-z]:[/\\].*", re.DOTALL)
_RELATIVE_PATH = re.compile(r"[\w .@-]+([/\\][\w .@-]+)+[/\\]?")
_RANDOM_PART = re.compile(r"(?=[^/\\]*[A-Z])(?=[^/\\]*[a-z])(?=[^/\\]*\d)[A-Za-z0-9+=_-]{16,}")

# Anchored at "://" and bounded, so that a long line without an address costs no more than a search for it.
_URL_PASSWORD = re.compile(r"(://[^\s/:@'\"<>]{0,256}:)[^\s/'\"<>]{1,1024}(?=@)")
_URL_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<userinfo>.*)@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_QUERY_ITEM = re.compile(r"[?&;](?P<name>[\w.-]+)=(?P<value>[^&;#\s]+)")

_FLAG = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)")
_ASSIGNED_ARGUMENT = re.compile(r"(?P<start>[-+~]*(?P<name>[\w.-]+)=).+", re.DOTALL)
_ASSIGNMENT = re.compile(
    r"(?P<start>\b(?P<name>[A-Za-z_][\w.-]{0,100})[ \t]{0,4}=[ \t]{0,4})(\"[^\"]*\"|'[^']*'|[^\s,;)'\"]+)"
)

# The marks that a text must hold for a shape to be looked for; a shape is compiled when one is first met.
_KEY_SHAPES: tuple[tuple[tuple[str, ...], str], ...] = (
    # OpenAI and its kin: mixed case and digits, or one long run; `sk-learn-pipeline` is neither.
    (("sk-",), r"sk-(?:(?=[\w-]{0,60}[A-Z])(?=[\w-]{0,60}\d)[\w-]{20,}|(?:[a-z0-9]{1,10}-){0,3}[a-z0-9]{16,})"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{16,}"),
    (("github_pat_",), r"github_pat_\w{16,}"),
    (("glpat-",), r"glpat-[\w-]{16,}"),
    (("hf_",), r"hf_[A-Za-z0-9]{20,}"),
    (("xox",), r"xox[a-z]-[A-Za-z0-9-]{10,}"),
    (("AKIA", "ASIA"), r"A[KS]IA[0-9A-Z]{16}(?![0-9A-Z])"),
    (("AIza",), r"AIza[\w-]{35}"),
    (("eyJ",), r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    (
        ("Bearer", "bearer", "BEARER"),
        r"(?P<keep>(?i:bearer)\s{1,4})(?:[\w.~+/=-]{16,}|(?=[\w.~+/=-]{0,16}\d)[\w.~+/=-]{6,})",
    ),
    (  # in a diff, a single dash may begin each line
        ("PRIVATE KEY-----",),
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!-)){0,8000}(?:-{5,6}END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    ),
)
_NOT_WITHIN_A_WORD = r"(?<![A-Za-z0-9])"


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Says whether a parameter, setting or flag of this name holds a secret.

    The name is read word by word, split at punctuation and at camelCase. Secret are `password` and its kin, pairs such
    as `api_key` or `authToken` (also written as one word), and a last word `token` or `pat`; a model's own tokens
    (`pad_token`, `max_tokens`, `start_token`, `tokenizer`) and keys (`key_dim`, `sort_key`) are not.
    """
    words = _words(name)
    if not _SECRET_WORDS.isdisjoint(words) or not _SECRET_COMPOUNDS.isdisjoint(words):
        return True
    if not _SECRET_PAIRS.isdisjoint(pairwise(words)):
        return True
    return words[-1:] != [] and words[-1] in _TOKEN_WORDS and not (len(words) > 1 and words[-2] in _MODEL_TOKENS)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


@lru_cache(maxsize=4096)
def _ends_in_token(name: str) -> bool:
    last = _words(name)[-1:]
    return bool(last) and (last[0] in _TOKEN_WORDS or last[0].endswith("token"))


def redact_params(params: JsonValue) -> JsonValue:
    """Gives the same value with what lies under a secret name replaced, at any depth.

    Under a name that ends in `token` only texts are replaced, so that `use_auth_token=True` or a token's number stays;
    under any other secret name every value but null is. The given value is not changed.
    """
    if isinstance(params, list):
        return [redact_params(item) for item in params]
    if not isinstance(params, dict):
        return params
    return {
        name: _redact_all(value, only_texts=_ends_in_token(name)) if is_secret_name(name) else redact_params(value)
        for name, value in params.items()
    }


def secret_params(params: JsonValue) -> set[str]:
    """Gives the texts that `redact_params` replaces, so that they can be replaced wherever else they occur.

    Plain words and placeholders are left out: replacing them everywhere would do more harm.
    """
    if isinstance(params, list):
        return {text for item in params for text in secret_params(item)}
    if not isinstance(params, dict):
        return set()
    found: set[str] = set()
    for name, value in params.items():
        found |= _texts_in(value) if is_secret_name(name) else secret_params(value)
    return found


def _texts_in(value: JsonValue) -> set[str]:
    if isinstance(value, str):
        is_telling = len(value) >= _MIN_SECRET_CHARS and not _PLACEHOLDER.fullmatch(value)
        return {value} if is_telling and not _is_plainly_public(value) else set()
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for item in items for text in _texts_in(item)}


def _redact_all(value: JsonValue, *, only_texts: bool) -> JsonValue:
    if isinstance(value, list):
        return [_redact_all(item, only_texts=only_texts) for item in value]
    if isinstance(value, dict):
        return {name: _redact_all(item, only_texts=only_texts) for name, item in value.items()}
    return value if value is None or (only_texts and not isinstance(value, str)) else REDACTED


class Redactor:
    """Replaces known secret values, passwords in addresses and keys of a well-known shape.

    Args:
        secret_values: The values to replace wherever they occur, as `secret_values` gives them. Each line of a longer
            value counts too, and each value as JSON and as an address would spell it.
    """

    def __init__(self, secret_values: Iterable[str]) -> None:
        spellings = {spelling for value in secret_values if value for spelling in _spellings(value)}
        self._values = sorted(spellings, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, self._values))) if self._values else None

    def text(self, text: str | None) -> str | None:
        """Gives the text with every secret in it replaced; None for None."""
        return None if text is None else self._clean(text)

    def json(self, value: JsonValue) -> JsonValue:
        """Gives the same value with every secret in its texts and names replaced."""
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self._clean(name): self.json(item) for name, item in value.items()}
        return value

    def command(self, argv: Iterable[str]) -> list[str]:
        """Gives the arguments of a command with secrets replaced: `--api-key X`, `--api_key=X`, `password=X`."""
        result: list[str] = []
        value_is_secret = False
        for argument in argv:
            result.append(REDACTED if value_is_secret and not argument.startswith("--") else self._argument(argument))
            flag = _FLAG.fullmatch(argument)
            value_is_secret = flag is not None and is_secret_name(flag["name"])
        return result

    def _argument(self, argument: str) -> str:
        whole = _ASSIGNED_ARGUMENT.fullmatch(argument)
        if whole is not None and is_secret_name(whole["name"]):
            return whole["start"] + REDACTED
        return self._clean(_ASSIGNMENT.sub(_without_assigned_secret, argument))

    def _clean(self, text: str) -> str:
        # A search for a plain substring is many times cheaper than a regular expression, and nearly always answers no.
        if self._pattern is not None and any(value in text for value in self._values):
            text = self._pattern.sub(REDACTED, text)
        if "://" in text and "@" in text:
            text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
        for marks, shape in _KEY_SHAPES if len(text) >= _MIN_KEY_CHARS else ():
            if any(mark in text for mark in marks):
                text = re.sub(_NOT_WITHIN_A_WORD + shape, _without_key, text)
        return text


def _without_assigned_secret(match: re.Match[str]) -> str:
    return match["start"] + REDACTED if is_secret_name(match["name"]) else match[0]


def _without_key(match: re.Match[str]) -> str:
    return match.groupdict().get("keep", "") + REDACTED


def _spellings(value: str) -> set[str]:
    lines = {line.strip() for line in value.splitlines() if len(line.strip()) >= _MIN_SECRET_LINE_CHARS}
    spellings = {value} | (lines if "\n" in value else set())
    if not value.isalnum():
        from urllib.parse import quote

        spellings |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
    return spellings


def secret_values(environ: Mapping[str, str], dotenv: Mapping[str, str]) -> tuple[str, ...]:
    """Gives the values that must not reach the store, longest first.

    Args:
        environ: The environment; the values of secret-sounding names count.
        dotenv: What `.env` holds; every value counts but those of ai-lab's own open settings and those that are plainly
            public: numbers, booleans, short words such as `production`, paths, addresses without credentials.

    Values shorter than 6 characters and placeholders such as `<Insert_key_here>` never count: replacing them everywhere
    would do more harm. Of an address with a password, the password counts.
    """
    found: set[str] = set()
    for name, value in environ.items():
        if is_secret_name(name):
            found.update(_secrets_of(value, is_named_secret=True))
    for name, value in dotenv.items():
        if name.upper() not in _OWN_PUBLIC_SETTINGS or _URL.fullmatch(value.strip()):
            found.update(_secrets_of(value, is_named_secret=is_secret_name(name)))
    kept = {value for value in found if len(value) >= _MIN_SECRET_CHARS and not _PLACEHOLDER.fullmatch(value)}
    return tuple(sorted(kept, key=lambda value: (-len(value), value)))


def _secrets_of(value: str, *, is_named_secret: bool) -> set[str]:
    """Gives the parts of a setting's value that are secret: all of it, those of an address, or none."""
    value = value.strip()
    if _URL.fullmatch(value):
        return _secrets_of_url(value)
    # A random key in base64 may hold slashes, even as its first character.
    if _ROOTED_PATH.fullmatch(value) and _RANDOM_PART.search(value) is None:
        return set()
    return {value} if is_named_secret or not _is_plainly_public(value) else set()


def _is_plainly_public(value: str) -> bool:
    if _NUMBER_OR_WORD.fullmatch(value) or _PLAIN_WORDS.fullmatch(value):
        return True
    return _RELATIVE_PATH.fullmatch(value) is not None and _RANDOM_PART.search(value) is None


def _secrets_of_url(url: str) -> set[str]:
    from urllib.parse import unquote

    found = {item["value"] for item in _QUERY_ITEM.finditer(url) if is_secret_name(item["name"])}
    userinfo = _URL_USERINFO.match(url)
    if userinfo is not None and ":" in userinfo["userinfo"]:
        found.add(userinfo["userinfo"].partition(":")[2])
    return found | {unquote(value) for value in found}
