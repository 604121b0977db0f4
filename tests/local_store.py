import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import lab_logger
from lab_logger import Run


def start_run(params: Mapping[str, object] | None = None, **options: Any) -> AbstractContextManager[Run]:
    """Records in the store of the test, which a server of the test's own shows: LAB_SERVER_URL names that server."""
    return lab_logger.start_run(params, store=os.environ["DB_PATH"], **options)
