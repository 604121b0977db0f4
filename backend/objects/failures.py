"""What goes wrong between the service and the place that holds the content, in words that say what to do.

Owns telling failures apart, whichever filesystem raises them. It must not try again: the filesystem has.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backend.errors import ObjectStoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_CREDENTIALS = "cannot be used ({}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_UNREACHABLE = "cannot be reached ({}); check AWS_ENDPOINT_URL, and that the service there runs"
_STRANGE = "does not answer as it should ({}); ask again, and look at what holds it"
_ADVICE = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "ProfileNotFound": _NO_CREDENTIALS,
    "EndpointConnectionError": _UNREACHABLE,
    "ConnectTimeoutError": _UNREACHABLE,
}


@contextmanager
def explained(location: str, *, passes_missing: bool = False) -> Iterator[None]:
    """Turns what a filesystem raises in the block into an `ObjectStoreError`.

    Args:
        location: Where the artifact store is, for the message.
        passes_missing: Whether the caller knows what a missing file means: a `FileNotFoundError` passes then, unless it
            is the bucket that is missing.
    """
    try:
        yield
    except _failures() as error:
        if passes_missing and isinstance(error, FileNotFoundError) and not _is_missing_bucket(error):
            raise
        raise ObjectStoreError(f"the artifact store {location} {_words(error)}") from error


def _failures() -> tuple[type[Exception], ...]:
    botocore: Any = sys.modules.get("botocore.exceptions")
    return (OSError,) if botocore is None else (OSError, botocore.BotoCoreError, botocore.ClientError)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return _words_of_system(error)
    advice = _ADVICE.get(
        type(error).__name__, "does not answer as it should ({}); ask again, and look at what holds it"
    )
    return advice.format(error)


def _words_of_system(error: OSError) -> str:
    if _is_missing_bucket(error):
        return "names a bucket that does not exist; make the bucket, or set ARTIFACT_URI to one that does"
    if isinstance(error, PermissionError):
        return f"refuses access ({error}); check who may read and write there, for a bucket the AWS_… variables"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return f"is no folder ({error}); set ARTIFACT_URI to one"
    if error.errno in _FULL:
        return f"is full ({error.strerror}); free space there and send again, nothing that was acknowledged is lost"
    return _STRANGE.format(error)


def _is_missing_bucket(error: OSError) -> bool:
    response = getattr(error.__cause__, "response", None)
    return isinstance(response, dict) and response.get("Error", {}).get("Code") == "NoSuchBucket"
