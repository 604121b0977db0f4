"""Every error of the HTTP client.

Owns the tree below. The text of each says what happened and what to do, fit to be shown to a person.

    LabClientError
    ├── ClientSettingsError        LAB_SERVER_URL or LAB_API_TOKEN cannot be used
    ├── ServerUnreachableError     nothing answers at the server's address
    ├── ServerTimeoutError         the server took the request and did not answer in time
    ├── UnexpectedAnswerError      what answers does not speak as the ai-lab server does
    ├── FileTooLargeError          a file is larger than the caller wanted to fetch
    └── ApiError                   the server says no, with a problem document
        ├── NotAllowedError        401, 403  the token, this machine or the file is not let through
        ├── NotFoundError          404  no such run, metric, artifact or model
        ├── AmbiguousRunError      409  several run ids start like the one given, or several models have the name
        ├── InvalidRequestError    413, 422  a value of the request cannot be used
        └── StoreUnavailableError  503  the server cannot use its store, or its registry, now
"""

from collections.abc import Sequence


class LabClientError(Exception):
    """The root: the server was not reached, or did not give what was asked for."""


class ClientSettingsError(LabClientError):
    """A setting of the client cannot be used."""


class ServerUnreachableError(LabClientError):
    """Nothing answers at the server's address, or it hung up."""


class ServerTimeoutError(LabClientError):
    """The server did not answer in time; a change that was asked for may have been made."""


class UnexpectedAnswerError(LabClientError):
    """The answer is not what the REST contract says; another program may be at the address."""


class FileTooLargeError(LabClientError):
    """A file is larger than the caller wanted to fetch; none of it was kept.

    Attributes:
        max_bytes: How many bytes the caller wanted at most.
        size_bytes: How many bytes the file has; None when the server did not say.
    """

    def __init__(self, max_bytes: int, *, size_bytes: int | None) -> None:
        has = f"has {size_bytes:,} bytes" if size_bytes is not None else f"goes on beyond {max_bytes:,} bytes"
        super().__init__(f"the file {has}, more than the {max_bytes:,} that were wanted; raise max_bytes to fetch it")
        self.max_bytes = max_bytes
        self.size_bytes = size_bytes


class ApiError(LabClientError):
    """The server answered with a problem document.

    Attributes:
        status: The HTTP status.
        title: The kind of problem in words.
        detail: What is wrong and what to do.
        candidates: What may have been meant, such as full run ids; empty when the server names nothing.
    """

    def __init__(self, status: int, *, title: str, detail: str, candidates: Sequence[str] = ()) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status
        self.title = title
        self.detail = detail
        self.candidates = tuple(candidates)


class NotAllowedError(ApiError):
    """The token, this machine or the file is not let through."""


class NotFoundError(ApiError):
    """There is no such run, metric, artifact or model, or it no longer exists."""


class AmbiguousRunError(ApiError):
    """Several run ids start like the one given, and `candidates` lists them; or several models have the name."""


class InvalidRequestError(ApiError):
    """A value of the request cannot be used."""


class StoreUnavailableError(ApiError):
    """The server cannot use its store, or its registry, now."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: AmbiguousRunError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    503: StoreUnavailableError,
}


def api_error(status: int, *, title: str, detail: str, candidates: Sequence[str] = ()) -> ApiError:
    """Makes the error that stands for an HTTP status."""
    return _BY_STATUS.get(status, ApiError)(status, title=title, detail=detail, candidates=candidates)
