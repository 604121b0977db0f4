from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from backend.objects import ObjectStore
from tests.s3_server import environment_for, new_bucket, serving_s3

Open = Callable[..., ObjectStore]


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Where a server answers that speaks as S3 does."""
    with serving_s3() as address:
        yield address


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a new bucket, with the environment that leads to it."""
    for name, value in environment_for(s3_address).items():
        monkeypatch.setenv(name, value)
    return f"s3://{new_bucket(s3_address)}"


@pytest.fixture(params=["folder", "bucket", "memory"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a test's artifact store is; nothing is there yet."""
    if request.param == "folder":
        return str(tmp_path / "artifacts")
    if request.param == "memory":
        return f"memory://{uuid4().hex}/artifacts"
    return f"{request.getfixturevalue('bucket')}/some/prefix"


@pytest.fixture
def open_objects(location: str) -> Iterator[Open]:
    """Opens the test's artifact store, as several servers would."""
    opened: list[ObjectStore] = []

    def make(**given: int) -> ObjectStore:
        opened.append(ObjectStore(location, **given))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def objects(open_objects: Open) -> ObjectStore:
    """The test's artifact store."""
    return open_objects()
