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
from backend.objects import ObjectStore
from backend.opening import open_store
from backend.registry import Registry
from backend.store import Store
from backend.stored_artifacts import StoredArtifacts
from backend.tokens import TokenBook
from lightml.connections import Address


class Service:
    """The parts of one running service.

    Args:
        settings: The settings; read from the environment and `.env` when first needed unless given.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._given = settings
        self._kept = AnswerCache()
        self.tokens = TokenBook(lambda: self.store)
        """What is known of the store's tokens."""

    @cached_property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._given or Settings()

    @cached_property
    def store(self) -> Store:
        """The store of runs."""
        return open_store(self.settings)

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        url = self.settings.database_url
        store = self.settings.store_path if url is None else Address(url.get_secret_value())
        place = store if self.settings.lightml_db is None else self.settings.registry_path
        return Registry(place, store_place=store, make_store=self.store.schema_version)

    @cached_property
    def files(self) -> ArtifactFiles:
        """The artifacts of runs of this machine."""
        return ArtifactFiles(roots=self.settings.download_roots, base=self.settings.project_root)

    @cached_property
    def objects(self) -> ObjectStore:
        """The artifact store: the content that training machines sent."""
        return ObjectStore(self.settings.artifact_location, max_bytes=self.settings.artifact_max_bytes)

    @cached_property
    def stored_artifacts(self) -> StoredArtifacts:
        """The artifacts of runs of other machines."""
        return StoredArtifacts(self.objects)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Opens the store for reading; see `db_utils.get_connection`."""
        with get_connection(self.store, kept=self._kept) as reading:
            yield reading

    def close(self) -> None:
        """Closes the connections to the store, the registry and the artifact store."""
        self.tokens.close()
        self.store.close()
        self.registry.close()
        self.objects.close()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(_service)]
"""A route's parameter of this type is the running service."""
