"""A server of this machine that speaks as S3 does, and the environment that leads to it.

Owns starting and stopping it. It keeps what it is given in memory.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
from moto.server import ThreadedMotoServer


@contextmanager
def serving_s3() -> Iterator[str]:
    """Serves from a thread and yields the address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        yield f"http://localhost:{port}"
    finally:
        server.stop()


def new_bucket(address: str) -> str:
    """Makes a bucket and gives its name."""
    name = f"bucket-{uuid4().hex}"
    assert httpx.put(f"{address}/{name}", timeout=60).is_success  # the first one imports what serves it
    return name


def environment_for(address: str) -> dict[str, str]:
    """The variables by which a process finds the server."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
