"""What the routers share: the settings, the store, the model registry, and the files of artifacts.

Owns making each of them once, when a request first needs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from backend.artifact_files import ArtifactFiles
from backend.cache import AnswerCache
from backend.config import Settings
from backend.db_utils import Reading, get_connection
from backend.registry import Registry
from backend.store import Store


class Service:
    """The parts of one running service.

    Args:
        settings: The settings; read from the environment and `.env` when first needed unless given.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._given = settings
        self._kept = AnswerCache()

    @cached_property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._given or Settings()

    @cached_property
    def store(self) -> Store:
        """The store of runs."""
        return Store(self.settings.db_path, busy_timeout_s=self.settings.busy_timeout_s)

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        return Registry(
            self.settings.registry_path, store_path=self.store.path, busy_timeout_s=self.settings.busy_timeout_s
        )

    @cached_property
    def files(self) -> ArtifactFiles:
        """The files of artifacts."""
        return ArtifactFiles(roots=self.settings.download_roots, base=self.settings.project_root)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Opens the store for reading; see `db_utils.get_connection`."""
        with get_connection(self.store, kept=self._kept) as reading:
            yield reading

    def close(self) -> None:
        """Closes the store's connections."""
        self.store.close()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(_service)]
"""A route's parameter of this type is the running service."""
