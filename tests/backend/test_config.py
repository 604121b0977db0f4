from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.config import ClientSettings, Settings
from lab_logger import SettingsError
from lab_logger import settings as logger_settings

NAMES = (
    *("PROJECT_NAME", "DB_PATH", "LAB_BUSY_TIMEOUT_S", "API_TOKEN", "ALLOWED_HOSTS", "CORS_ORIGINS", "ARTIFACT_ROOTS"),
    *("LAB_SERVER_URL", "LAB_API_TOKEN", "LIGHTML_DB"),
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with an empty `.env`, two folders above the current one."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").touch()
    deep = tmp_path / "notebooks" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return tmp_path


def test_the_server_and_the_logger_mean_the_same_store(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().db_path == logger_settings.resolve().db_path == project / "manifests" / "manifests.db"
    (project / ".env").write_text("DB_PATH=data/runs.db\nPROJECT_NAME='my lab'\nLAB_BUSY_TIMEOUT_S=2.5\n")
    assert Settings().db_path == logger_settings.resolve().db_path == project / "data" / "runs.db"
    assert (Settings().project_name, Settings().busy_timeout_s) == ("my lab", 2.5)
    monkeypatch.setenv("DB_PATH", str(project / "other.db"))
    assert Settings().db_path == logger_settings.resolve().db_path == project / "other.db"


def test_what_is_not_set_has_its_default(project: Path) -> None:
    settings = Settings()
    assert settings.api_token is None
    assert (settings.allowed_hosts, settings.cors_origins, settings.artifact_roots) == ((), (), ())
    assert settings.download_roots == (project, project / "manifests")
    assert ClientSettings().lab_server_url == "http://127.0.0.1:8000"
    assert ClientSettings().lab_api_token is None


def test_reads_the_server_s_own_settings(project: Path) -> None:
    (project / ".env").write_text(
        "API_TOKEN=s3cret-Token\nALLOWED_HOSTS= lab.example ,http://GPU.example:8000/, \nCORS_ORIGINS=http://a,http://b\n"
        "ARTIFACT_ROOTS=checkpoints:/data/models\n"
    )
    settings = Settings()
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "s3cret-Token"
    assert "s3cret-Token" not in repr(settings)
    assert settings.allowed_hosts == ("lab.example", "gpu.example")
    assert settings.cors_origins == ("http://a", "http://b")
    assert settings.download_roots == (project / "checkpoints", Path("/data/models"))


def test_the_registry_is_the_store_unless_it_has_a_file_of_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().registry_path == Settings().db_path
    (project / ".env").write_text("LIGHTML_DB=data/models.db\n")
    assert Settings().registry_path == project / "data" / "models.db"
    monkeypatch.setenv("LIGHTML_DB", "/srv/models.db")
    assert Settings().registry_path == Path("/srv/models.db")
    assert Settings().db_path == project / "manifests" / "manifests.db"


def test_reads_a_client_s_settings(project: Path) -> None:
    (project / ".env").write_text("LAB_SERVER_URL=https://lab.example/\nLAB_API_TOKEN=token\n")
    settings = ClientSettings()
    assert settings.lab_server_url == "https://lab.example/"
    assert settings.lab_api_token is not None
    (project / ".env").write_text("LAB_SERVER_URL=lab.example\n")
    with pytest.raises(ValidationError, match="lab_server_url"):
        ClientSettings()


def test_a_placeholder_is_no_token(project: Path) -> None:
    (project / ".env").write_text("API_TOKEN=<Insert_token_here>\n")
    assert Settings().api_token is None


@pytest.mark.parametrize("token", ["two words", "ümlaut", "\x07"])
def test_a_token_that_no_header_can_carry_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", token)
    with pytest.raises(ValidationError, match="API_TOKEN"):
        Settings()


def test_an_impossible_shared_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "soon")
    with pytest.raises(SettingsError, match="soon"):
        Settings()


def test_arguments_win_and_unknown_ones_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "token")
    assert Settings(db_path=project / "x.db", api_token=None).api_token is None
    with pytest.raises(ValidationError, match="db_file"):
        Settings(db_file=project / "x.db")  # type: ignore[call-arg]
