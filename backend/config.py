"""The settings of the server, of its agent and of its clients, read where the logger reads them.

Owns `Settings`, `AgentSettings`, `ClientSettings`. Values come from `lab_logger.settings.resolve`, so that server and
logger always mean the same store. It reads the environment and `.env` when a settings object is made, never at import.
"""

import os
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lab_logger import settings as logger_settings

CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder this code runs from; settings are looked for here after the current folder."""

_READ_AS_THEY_ARE = (
    "database_url", "artifact_uri", "artifact_max_bytes", "api_token", "allowed_hosts", "cors_origins",
    "lab_server_url", "lab_api_token", "openai_api_key", "openai_base_url", "openai_model", "agent_timeout_s",
)  # fmt: skip


def _split_at_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split_at_commas)]


class _SharedSource(PydanticBaseSettingsSource):
    """Gives the settings as the logger resolves them: environment, else the nearest `.env`, else a default."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError("this source gives all of its values together")

    def __call__(self) -> dict[str, Any]:
        resolved = logger_settings.resolve(near=CHECKOUT)
        values: dict[str, Any] = {
            "project_name": resolved.project_name,
            "project_root": resolved.root,
            "db_path": resolved.db_path,
            "busy_timeout_s": resolved.busy_timeout_s,
        }
        for name in _READ_AS_THEY_ARE:
            values[name] = resolved.values.get(name.upper())
        base = resolved.env_file.parent if resolved.env_file else resolved.root
        roots = resolved.values.get("ARTIFACT_ROOTS")
        if roots is not None:
            values["artifact_roots"] = [base / os.path.expanduser(part) for part in roots.split(os.pathsep) if part]
        registry = resolved.values.get("LIGHTML_DB")
        if registry is not None:
            values["lightml_db"] = os.path.normpath(base / os.path.expanduser(registry))
        known = self.settings_cls.model_fields
        return {name: value for name, value in values.items() if name in known and value is not None}


class _SharedSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Takes keyword arguments first, then the logger's resolution, and nothing else."""
        return init_settings, _SharedSource(settings_cls)


class Settings(_SharedSettings):
    """The settings of the server. A keyword argument wins over the environment and `.env`.

    Raises:
        lab_logger.SettingsError: A setting that the logger reads too has an impossible value.
        pydantic.ValidationError: One of the server's own has.
    """

    project_name: str = Field(min_length=1, description="PROJECT_NAME; what `GET /health` says.")
    project_root: Path = Field(description="The project's folder; relative artifact paths of older runs start here.")
    db_path: Path = Field(description="DB_PATH; the SQLite file that holds every run.")
    database_url: SecretStr | None = Field(
        default=None,
        description="DATABASE_URL; a PostgreSQL database that holds every run, instead of the file at DB_PATH: "
        "`postgresql://user:password@host:5432/name`.",
    )
    artifact_uri: str | None = Field(
        default=None,
        description="ARTIFACT_URI; where the content of artifacts that training machines send is kept: a folder or "
        "`file:///srv/artifacts`, or `s3://bucket/prefix`. Unset: the folder `artifacts` beside the file at DB_PATH.",
    )
    artifact_max_bytes: int = Field(
        default=50 * 10**9,
        gt=0,
        description="ARTIFACT_MAX_BYTES; how long one file that a training machine sends may be, in bytes.",
    )
    lightml_db: Path | None = Field(
        default=None, description="LIGHTML_DB; the SQLite file of the model registry. Unset: the store itself."
    )
    busy_timeout_s: float = Field(ge=0, description="LAB_BUSY_TIMEOUT_S; how long a write waits, in seconds.")
    api_token: SecretStr | None = Field(
        default=None,
        description="API_TOKEN; a token whose holder may do everything, sent as `Authorization: Bearer`. Unset, and "
        "without tokens in the store (`python -m backend.tokens`): loopback only.",
    )
    allowed_hosts: CommaSeparated = Field(
        default=(),
        description="ALLOWED_HOSTS; host names clients may use beside the loopback names. `*.lab.example` allows every "
        "name below lab.example, `*` every name.",
    )
    cors_origins: CommaSeparated = Field(
        default=(), description="CORS_ORIGINS; origins whose pages may call the server. `*` allows every origin."
    )
    artifact_roots: tuple[Path, ...] = Field(
        default=(),
        description="ARTIFACT_ROOTS; folders that artifacts may be downloaded from, separated like PATH. Unset: the "
        "project's folder and the store's.",
    )

    @field_validator("database_url")
    @classmethod
    def _url_is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("DATABASE_URL must start with postgresql://; for SQLite leave it unset and set DB_PATH")
        return url

    @field_validator("api_token")
    @classmethod
    def _token_is_sendable(cls, token: SecretStr | None) -> SecretStr | None:
        text = token.get_secret_value() if token is not None else None
        if text is not None and (not text.isascii() or not text.isprintable() or not text or " " in text):
            raise ValueError("API_TOKEN holds spaces or characters that a header cannot carry; set it to plain ASCII")
        return token

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_host_name(host) for host in hosts)

    @cached_property
    def store_path(self) -> Path:
        """The store's SQLite file, absolute."""
        return Path(os.path.abspath(self.db_path))

    @cached_property
    def artifact_location(self) -> str:
        """Where the content of artifacts is kept: an absolute path or a URI."""
        if self.artifact_uri is not None and "://" in self.artifact_uri:
            return self.artifact_uri
        if self.artifact_uri is not None:
            return os.path.normpath(os.path.join(self.project_root, os.path.expanduser(self.artifact_uri)))
        return str(self.store_path.parent / "artifacts")

    @cached_property
    def registry_path(self) -> Path:
        """The file of the model registry, absolute."""
        return Path(os.path.abspath(self.lightml_db or self.db_path))

    @cached_property
    def download_roots(self) -> tuple[Path, ...]:
        """The folders that artifacts may be downloaded from, absolute."""
        roots = self.artifact_roots or (self.project_root, self.db_path.parent)
        return tuple(Path(os.path.abspath(root)) for root in roots)


class AgentSettings(_SharedSettings):
    """The settings of the agent: which language model it asks, if any.

    Raises:
        pydantic.ValidationError: One of them has an impossible value.
    """

    openai_api_key: SecretStr | None = Field(
        default=None, description="OPENAI_API_KEY; the key of OpenAI, or of the endpoint at OPENAI_BASE_URL."
    )
    openai_base_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+",
        description="OPENAI_BASE_URL; any OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1 for Ollama.",
    )
    openai_model: str = Field(
        default="gpt-5-mini", min_length=1, description="OPENAI_MODEL; the model's name at that endpoint."
    )
    agent_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="AGENT_TIMEOUT_S; how long the language model may take for one question, in seconds.",
    )


class ClientSettings(_SharedSettings):
    """The settings of a client of the server."""

    lab_server_url: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/]+",
        description="LAB_SERVER_URL; where the server is.",
    )
    lab_api_token: SecretStr | None = Field(default=None, description="LAB_API_TOKEN; a token of that server.")


def _host_name(host: str) -> str:
    """Takes off what a person copies along from a browser: scheme, port, brackets, a closing slash."""
    name = host.lower().removeprefix("http://").removeprefix("https://").rstrip("/")
    if name.startswith("["):
        return name[1:].partition("]")[0]
    try:
        return str(ip_address(name))
    except ValueError:
        return name.partition(":")[0]
